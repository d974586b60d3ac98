"""API.md 8: the asynchronous request-reply pattern, as both seeds describe it."""
import datetime
import email.utils
import time

import pytest

from problems import assert_problem

ASYNC = [('Prefer', 'respond-async')]
FUNCTIONS = {'echo': 'builtin:echo', 'sleep': 'builtin:sleep', 'code': 'builtin:status',
             'dead': 'http://127.0.0.1:1/'}
VARIANTS = {
    'azure': {'status.pending_code': 200, 'status.done': 302},
    'seca': {'status.pending_code': 202, 'status.done': 303},
    'no redirect': {'status.pending_code': 200, 'status.done': 200},
}
STAMP = '%Y-%m-%dT%H:%M:%S.%fZ'


@pytest.fixture(scope='module')
def services(start_service):
    made = {}

    def get(variant, **more):
        key = (variant, *more.items())
        if key not in made:
            settings = {**VARIANTS.get(variant, {}), **more}
            made[key] = start_service(FUNCTIONS, settings)
        return made[key]
    return get


@pytest.fixture
def plain(services):
    return services('defaults')


def accept(service, function='echo', query='', body=b'made'):
    answer = service.call('POST', f'/v1/functions/{function}{query}', body, ASYNC)
    assert answer.status == 202, answer
    return answer


def wait_done(service, location, seconds=10):
    until = time.monotonic() + seconds
    while True:
        answer = service.call('GET', location)
        if answer.header('Retry-After') is None:
            return answer
        assert time.monotonic() < until, answer
        time.sleep(0.02)


@pytest.mark.parametrize('variant', VARIANTS)
def test_the_walk_of_a_client(services, variant):
    """both must be had: pending 200 or 202 (`status.pending_code`), done 302 or 303
    (`status.done`)"""
    service, settings = services(variant), VARIANTS[variant]
    location = accept(service, 'sleep', '?ms=1500').header('Location')
    pending = service.call('GET', location)
    assert pending.status == settings['status.pending_code']
    assert pending.json()['status'] in ('queued', 'running')
    assert pending.header('Location') is None
    done = wait_done(service, location)
    assert done.status == settings['status.done']
    assert done.json()['status'] == 'succeeded'
    target = done.header('Location')
    if done.status == 200:
        assert target is None
        target = done.json()['callback_url']
    fetched = service.call('GET', target)
    assert (fetched.status, fetched.body) == (200, b'made')
    assert service.call('GET', target).status == 410


@pytest.mark.parametrize('value', ['201', '404', '0', 'ok'])
@pytest.mark.parametrize('key', ['status.pending_code', 'status.done'])
def test_other_codes_are_no_configuration(key, value):
    """`status.pending_code` 200 or 202; `status.done` 303, 302, or 200"""
    from node import run_callbackd
    done = run_callbackd('--check', '--set', f'{key}={value}')
    assert done.returncode == 2 and key in done.stdout + done.stderr


def test_redirect_false_is_200_when_ready(services):
    """`?redirect=false` → 200 when ready, whatever `status.done` says"""
    for variant in VARIANTS:
        service = services(variant)
        location = accept(service).header('Location')
        wait_done(service, location)
        answer = service.call('GET', location + '?redirect=false')
        assert answer.status == 200 and answer.header('Location') is None


def test_retry_after_on_202_and_on_every_pending_status(services):
    """`Retry-After` on 202 and on every pending status"""
    for variant in VARIANTS:
        service = services(variant)
        answer = accept(service, 'sleep', '?ms=1500')
        assert 1 <= int(answer.header('Retry-After')) <= 60
        for _ in range(3):
            pending = service.call('GET', answer.header('Location'))
            assert 1 <= int(pending.header('Retry-After')) <= 60
        assert wait_done(service, answer.header('Location')).header('Retry-After') is None


@pytest.mark.parametrize('code', [400, 404, 409, 418, 422, 500, 503])
def test_errors_are_persisted_with_their_own_code(plain, code):
    """errors persisted at the resource that `Location` names with their own code"""
    location = accept(plain, 'code', f'?code={code}', b'why').header('Location')
    done = wait_done(plain, location)
    assert done.status == 303 and done.json()['status'] == 'failed'
    assert plain.call('GET', done.header('Location')).status == code


def test_no_answer_is_persisted_as_a_problem(plain):
    """errors persisted at the resource that `Location` names with their own code"""
    done = wait_done(plain, accept(plain, 'dead').header('Location'))
    assert_problem(plain.call('GET', done.header('Location')), 502, 'upstream-failed')


@pytest.mark.parametrize('code', [200, 201, 204])
def test_success_has_its_own_code_too(plain, code):
    """SECA: the resource must return an appropriate status code, such as 200, 201, or 204"""
    done = wait_done(plain, accept(plain, 'code', f'?code={code}', b'').header('Location'))
    assert plain.call('GET', done.header('Location')).status == code


def test_expires_on_a_ready_status(plain):
    """`Expires` on a ready status"""
    location = accept(plain, 'sleep', '?ms=1500').header('Location')
    assert plain.call('GET', location).header('Expires') is None
    done = wait_done(plain, location)
    expires = email.utils.parsedate_to_datetime(done.header('Expires')).timestamp()
    assert 55 < expires - time.time() < 62
    stamp = datetime.datetime.strptime(done.json()['expires_at'], STAMP)
    stamp = stamp.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert abs(expires - stamp) <= 1


def test_delete_to_cancel(plain):
    """`DELETE` to cancel"""
    location = accept(plain, 'sleep', '?ms=30000').header('Location')
    pending = plain.call('GET', location)
    assert pending.json()['cancel_url'] == location
    answer = plain.call('DELETE', location)
    assert (answer.status, answer.json()['status']) == (200, 'canceled')
    answer = plain.call('GET', location)
    assert (answer.status, answer.json()['status']) == (200, 'canceled')
    assert answer.header('Location') is None and answer.header('Retry-After') is None
    problem = assert_problem(plain.call('DELETE', location), 409, 'conflict')
    assert problem['invocation_status'] == 'canceled'


@pytest.mark.parametrize('headers', [
    [('Idempotency-Key', '')], [('X-Callback-Url', 'nowhere')], [('X-Deadline-Ms', 'soon')]])
def test_invalid_requests_400_before_anything_is_accepted(plain, headers):
    """invalid requests 400 before anything is accepted"""
    def accepted():
        return sum(node.metrics()['callbackd_invocations_accepted_total{function="echo"}']
                   for node in plain.each())
    before = accepted()
    answer = plain.call('POST', '/v1/functions/echo', b'x', ASYNC + headers)
    assert_problem(answer, 400, 'bad-request')
    assert answer.header('Location') is None and accepted() == before


# --- SECA's status body ---------------------------------------------------------------------


@pytest.fixture
def seca(services):
    return services('seca', **{'status.body': 'conditions'})


def check_conditions(document):
    """The shape of the SECA seed; the stamps in order."""
    assert list(document) == ['status']
    status = document['status']
    assert set(status) == {'state', 'conditions'}, status
    stamps = []
    for one in status['conditions']:
        assert set(one) == {'type', 'status', 'lastTransitionTime', 'reason', 'message'}
        assert one['status'] in ('True', 'False', 'Unknown')
        assert one['type'] and one['reason'] and one['message']
        stamps.append(datetime.datetime.strptime(one['lastTransitionTime'].replace('Z', ''),
                                                 STAMP[:-1]))
    assert stamps == sorted(stamps)
    return status


def test_secas_body(seca):
    """SECA's status body (`{"status":{"state","conditions":[{"type","status",
    "lastTransitionTime","reason","message"}]}}`) with `status.body: conditions`"""
    location = accept(seca, 'sleep', '?ms=1500').header('Location')
    pending = seca.call('GET', location)
    assert pending.status == 202
    assert pending.header('Content-Type') == 'application/json'
    first = check_conditions(pending.json())
    done = wait_done(seca, location)
    last = check_conditions(done.json())
    assert done.status == 303 and done.header('Location')
    assert first['state'] != last['state']
    assert len(last['conditions']) > len(first['conditions']) - 1
    types = [one['type'] for one in last['conditions']]
    assert len(set(types)) == len(types), 'one of each type'


def test_secas_body_of_what_ended_otherwise(seca):
    """canceled, failed and collected have conditions as well"""
    location = accept(seca, 'sleep', '?ms=30000').header('Location')
    canceled = seca.call('DELETE', location)
    assert canceled.status == 200
    states = [check_conditions(canceled.json())['state']]
    done = wait_done(seca, accept(seca, 'code', '?code=422', b'').header('Location'))
    states.append(check_conditions(done.json())['state'])
    assert seca.call('GET', done.header('Location')).status == 422
    location = accept(seca).header('Location')
    assert seca.call('GET', wait_done(seca, location).header('Location')).status == 200
    states.append(check_conditions(seca.call('GET', location).json())['state'])
    assert len(set(states)) == 3, states


def test_native_is_the_default(plain):
    """(default `native`)"""
    assert 'id' in plain.call('GET', accept(plain).header('Location')).json()
    from node import run_callbackd
    assert run_callbackd('--check', '--set', 'status.body=other').returncode == 2


def test_poll_as_often_as_retry_after_says(plain):
    """Azure's client: post, poll at the pace of Retry-After, follow, fetch"""
    answer = accept(plain, 'sleep', '?ms=1500')
    location, polls = answer.header('Location'), 0
    while answer.status != 303:
        time.sleep(int(answer.header('Retry-After')))
        answer, polls = plain.call('GET', location), polls + 1
        assert polls < 5
    assert plain.call('GET', answer.header('Location')).body == b'made'


# --- Azure's SDKs: absolute URLs, and Operation-Location --------------------------------------

BASE = 'https://callbacks.example.com/cb'


def path_of(url):
    assert url.startswith(BASE + '/v1/'), url
    return url[len(BASE):]


def test_base_url_stands_before_every_location(services):
    """`status.base_url`: Azure's pollers refuse a Location that is no absolute URL"""
    service = services('defaults', **{'status.base_url': BASE})
    answer = accept(service, 'sleep', '?ms=1500')
    status = path_of(answer.header('Location'))
    assert status == answer.json()['status_url']
    pending = service.call('GET', answer.json()['callback_url'] + '?wait=0')
    assert pending.status == 202 and path_of(pending.header('Location')) == status
    done = wait_done(service, status)
    assert done.status == 303
    assert service.call('GET', path_of(done.header('Location'))).body == b'made'
    answer = service.call('POST', '/async-function/echo', b'x')
    assert service.call('GET', path_of(answer.header('Location'))).status in (200, 303)


def test_operation_location_says_the_state_without_a_redirect(services):
    """With `status.base_url`: what Azure's pollers ask until "status" is one of their words"""
    service = services('defaults', **{'status.base_url': BASE})
    for query, word in (('?code=200', 'succeeded'), ('?code=500', 'failed')):
        answer = accept(service, 'code', query)
        operation = path_of(answer.header('Operation-Location'))
        assert operation != path_of(answer.header('Location'))
        until = time.monotonic() + 10
        while True:
            polled = service.call('GET', operation)
            assert polled.status == 200 and polled.header('Location') is None
            if polled.json()['status'] not in ('queued', 'running'):
                break
            assert time.monotonic() < until
            time.sleep(0.02)
        assert polled.json()['status'] == word
        assert service.call('GET', path_of(answer.header('Location'))).status == 303


def test_operation_location_only_where_it_can_be_read(services, plain):
    """Without `status.base_url`, or with SECA's body, there is none"""
    assert accept(plain).header('Operation-Location') is None
    assert accept(plain).header('Location').startswith('/v1/invocations/')
    seca = services('seca', **{'status.body': 'conditions', 'status.base_url': BASE})
    answer = accept(seca)
    assert path_of(answer.header('Location'))
    assert answer.header('Operation-Location') is None


@pytest.mark.parametrize('value', ['callbacks.example.com', 'ftp://a', 'https://', 'http:///x',
                                   'https://a/', 'https://a?b', 'https://a#b', 'https://a b'])
def test_other_base_urls_are_no_configuration(value):
    """`status.base_url`: http or https, without / at its end"""
    from node import run_callbackd
    done = run_callbackd('--check', '--set', f'status.base_url={value}')
    assert done.returncode == 2 and 'status.base_url' in done.stdout + done.stderr
