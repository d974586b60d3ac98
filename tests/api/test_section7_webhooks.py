"""API.md 7: webhooks. The receiver is a server of the tests' own that records what it gets."""
import base64
import hashlib
import hmac
import json
import socket
import statistics
import time

import pytest

from node import run_callbackd
from problems import assert_problem

SECRET = 'whsec_' + base64.b64encode(b'k' * 32).decode()
OTHER_SECRET = 'whsec_' + base64.b64encode(bytes(range(24))).decode()
FAST = {'webhook.allow': '127.0.0.1', 'webhook.min_wait_ms': 40, 'webhook.max_wait_ms': 400,
        'webhook.timeout_ms': 2000, 'webhook.attempts': 4}
FUNCTIONS = {'echo': 'builtin:echo', 'sleep': 'builtin:sleep', 'code': 'builtin:status'}


@pytest.fixture(scope='module')
def service(start_service, tmp_path_factory, upstream):
    keys = tmp_path_factory.mktemp('keys') / 'secret'
    keys.write_text(f'# the old one goes when all receivers have the new\n'
                    f'{SECRET}\n\n{OTHER_SECRET}\n')
    return start_service({**FUNCTIONS, 'up': upstream.url + '/base'},
                         {**FAST, 'webhook.secret_file': keys})


@pytest.fixture
def receiver(upstream, request):
    """receiver(*answers): a URL that answers so, the last for ever; `.seen()` what it got."""
    made = []

    def make(*answers, name=''):
        path = f'/{request.node.name}{name}'.replace('[', '-').replace(']', '')
        path += f'-{time.monotonic_ns()}'
        left = list(answers or [200])

        def answer(_seen):
            one = left.pop(0) if len(left) > 1 else left[0]
            return one if isinstance(one, tuple) else (one, [], b'noted')
        upstream.on(path, answer)
        made.append(path)
        return Receiver(upstream, path)
    return make


class Receiver:
    def __init__(self, upstream, path):
        self.upstream, self.path = upstream, path
        self.url = upstream.url + path

    def seen(self):
        return self.upstream.requests(self.path)

    def wait(self, count=1, seconds=10):
        return self.upstream.wait_for(self.path, count, seconds)


def headers_of(seen):
    return {k.lower(): v for k, v in seen.headers}


def values_of(seen, name):
    return [v for k, v in seen.headers if k.lower() == name]


def hooked(service, url, function='echo', body=b'result', headers=(), query=''):
    """An invocation of the native route with a callback URL; its id."""
    return service.post(function, body, [('X-Callback-Url', url), *headers], query)


def wait_webhook(service, guid, word, seconds=15):
    """The status, once its member `webhook` says `word`."""
    until = time.monotonic() + seconds
    while True:
        found = service.status(guid).json()
        if found.get('webhook') == word:
            return found
        assert time.monotonic() < until, (word, found)
        time.sleep(0.02)


# --- what is sent ---------------------------------------------------------------------------


def test_one_post_of_body_and_headers(service, receiver, upstream):
    """when the function has ended, one POST of its body and headers to that URL with
    `X-Call-Id`, `X-Duration-Seconds`, `X-Function-Status`, `X-Function-Name`,
    `X-Start-Time`"""
    upstream.on('/base/made', lambda seen: (201, [('Content-Type', 'text/x-made'),
                                                 ('X-Own', 'one'), ('Set-Cookie', 'a=1'),
                                                 ('Set-Cookie', 'b=2')], bytes(range(256))))
    there = receiver(200)
    before = time.time_ns()
    guid = hooked(service, there.url, 'up', b'work', query='/made')
    seen = there.wait()[0]
    found = headers_of(seen)
    assert (seen.method, seen.body) == ('POST', bytes(range(256)))
    assert found['content-type'] == 'text/x-made' and found['x-own'] == 'one'
    assert values_of(seen, 'set-cookie') == ['a=1', 'b=2']
    assert found['x-call-id'] == guid
    assert found['x-function-name'] == 'up'
    assert found['x-function-status'] == '201'
    assert 0 <= float(found['x-duration-seconds']) < 10
    assert before - 2e9 < int(found['x-start-time']) < time.time_ns() + 2e9
    assert found['content-length'] == '256'
    wait_webhook(service, guid, 'delivered')
    time.sleep(0.3)
    assert len(there.seen()) == 1


@pytest.mark.parametrize('dialect', ['native', 'openfaas', 'verda'])
def test_any_dialect(service, receiver, dialect):
    """Webhooks (`X-Callback-Url`, any dialect)"""
    there = receiver(200)
    hook = ('X-Callback-Url', there.url)
    if dialect == 'native':
        answer = service.call('POST', '/v1/functions/echo', b'n', [
            hook, ('Prefer', 'respond-async')])
    elif dialect == 'openfaas':
        answer = service.call('POST', '/async-function/echo', b'n', [hook])
    else:
        answer = service.call('POST', '/echo', b'n', [hook, ('Prefer', 'respond-async')])
    assert answer.status == 202, answer
    assert there.wait()[0].body == b'n'


def test_jube_has_webhooks(start_service, receiver):
    """Webhooks (`X-Callback-Url`, any dialect)"""
    model = '90c425fd-101a-420b-91d1-cb7a24a969cc'
    service = start_service({model: 'builtin:echo'}, FAST)
    there = receiver(200)
    answer = service.call('POST', f'/api/invoke/EntityAnalysisModel/{model}/async', b'{"a":1}',
                          [('X-Callback-Url', there.url)])
    assert answer.status == 200
    seen = there.wait()[0]
    assert seen.body == b'{"a":1}'
    assert headers_of(seen)['x-call-id'] == answer.json()[
        'entityAnalysisModelInstanceEntryGuid']


def test_the_url_is_asked_as_it_is_written(service, upstream):
    """one POST ... to that URL: path and query unchanged"""
    upstream.on('/hook/a%2Fb', lambda seen: (200, [], b''))
    hooked(service, upstream.url + '/hook/a%2Fb?token=x%20y&z#never-sent')
    assert upstream.wait_for('/hook/a%2Fb')[0].target == '/hook/a%2Fb?token=x%20y&z'
    upstream.on('/', lambda seen: (200, [], b''))
    hooked(service, upstream.url + '?bare=1')
    assert upstream.wait_for('/')[-1].target == '/?bare=1'


def test_a_function_cannot_forge_our_headers(service, receiver, upstream):
    """its headers, and ours above them"""
    upstream.on('/base/forges', lambda seen: (200, [
        ('X-Call-Id', 'forged'), ('X-Function-Status', '999'), ('X-Function-Name', 'forged'),
        ('X-Retry', '77'), ('webhook-id', 'forged'), ('webhook-signature', 'v1,forged'),
        ('webhook-timestamp', '1'), ('Host', 'forged.example'), ('User-Agent', 'forged'),
        ('X-Start-Time', '1'), ('X-Duration-Seconds', '1e9'), ('Expect', '100-continue')],
        b'forged'))
    there = receiver(200)
    guid = hooked(service, there.url, 'up', query='/forges')
    seen = there.wait()[0]
    for name in ('x-call-id', 'x-function-status', 'x-function-name', 'x-retry', 'webhook-id',
                 'webhook-signature', 'webhook-timestamp', 'host', 'user-agent',
                 'x-start-time', 'x-duration-seconds'):
        assert len(values_of(seen, name)) == 1, (name, seen.headers)
        assert 'forged' not in values_of(seen, name)[0], (name, seen.headers)
    assert values_of(seen, 'expect') == []
    assert headers_of(seen)['x-call-id'] == guid
    assert headers_of(seen)['x-function-status'] == '200'


def test_a_failed_function_is_brought_too(service, receiver):
    """when the function has ended"""
    there = receiver(200)
    guid = hooked(service, there.url, 'code', b'', query='?code=418')
    seen = there.wait()[0]
    assert headers_of(seen)['x-function-status'] == '418'
    found = wait_webhook(service, guid, 'delivered')
    assert found['status'] == 'collected'


def test_an_unreachable_function_is_brought_as_a_problem(start_service, receiver):
    """`failed` = ... gave no answer (then the callback is a problem document, 502 ...)"""
    service = start_service({'dead': 'http://127.0.0.1:1/'}, FAST)
    there = receiver(200)
    guid = hooked(service, there.url, 'dead')
    seen = there.wait()[0]
    assert headers_of(seen)['x-function-status'] == '502'
    assert headers_of(seen)['content-type'] == 'application/problem+json'
    assert json.loads(seen.body)['type'] == '/problems/upstream-failed'
    assert headers_of(seen)['x-call-id'] == guid


# --- signed ---------------------------------------------------------------------------------


def signature(secret, message_id, timestamp, body):
    key = base64.b64decode(secret[len('whsec_'):])
    text = message_id.encode() + b'.' + timestamp.encode() + b'.' + body
    return 'v1,' + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def test_signed_as_standard_webhooks(service, receiver):
    """Signed when `webhook.secret_file` is set: Standard Webhooks (`webhook-id`,
    `webhook-timestamp`, `webhook-signature: v1,…`)."""
    there = receiver(200)
    guid = hooked(service, there.url, body=b'{"signed":true}')
    seen = there.wait()[0]
    found = headers_of(seen)
    assert found['webhook-id'] == guid
    assert abs(int(found['webhook-timestamp']) - time.time()) < 5
    assert found['webhook-signature'].split(' ') == [
        signature(secret, found['webhook-id'], found['webhook-timestamp'], seen.body)
        for secret in (SECRET, OTHER_SECRET)]


def test_the_published_vector():
    """Standard Webhooks: the example of its document verifies with what this file verifies
    with (the node's own code has the same vector in its unit tests)."""
    assert signature('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek',
                     '1614265330', b'{"test": 2432232314}') == (
        'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')


def test_each_attempt_is_signed_with_its_own_time(service, receiver):
    """webhook-id stays, so that a receiver can drop what it has had; the time is new"""
    there = receiver((503, [('Retry-After', '1')], b''), 200)
    hooked(service, there.url)
    first, second = [headers_of(s) for s in there.wait(2)]
    assert first['webhook-id'] == second['webhook-id']
    for found in (first, second):
        assert found['webhook-signature'].split(' ')[0] == signature(
            SECRET, found['webhook-id'], found['webhook-timestamp'], b'result')


def test_a_secret_that_others_may_write_is_refused(tmp_path):
    """Signed when `webhook.secret_file` is set; a file that cannot be used ends the start"""
    path = tmp_path / 'webhook.keys'
    path.write_text(SECRET + '\n')
    path.chmod(0o622)
    done = run_callbackd('--set', f'webhook.secret_file={path}', '--listen', '127.0.0.1:0',
                         '--admin', '127.0.0.1:0')
    assert done.returncode == 2
    assert 'can be written by others than its owner' in done.stderr


def test_without_a_secret_there_is_no_signature(start_service, receiver):
    """Signed when `webhook.secret_file` is set"""
    service = start_service(FUNCTIONS, FAST)
    there = receiver(200)
    hooked(service, there.url)
    found = headers_of(there.wait()[0])
    assert not [name for name in found if name.startswith('webhook-')], found


# --- retried --------------------------------------------------------------------------------


def test_500_three_times_then_200(start_service, receiver):
    """A receiver that answers 500 three times, then 200: four attempts, right spacing, one
    delivery, freed. (`webhook.min_wait_ms` 500: the first retry after it, doubling, jitter
    of half)"""
    service = start_service(FUNCTIONS, {'webhook.allow': '127.0.0.1'})
    for count in range(1, 4):  # once without a disturbance of the machine is enough
        there = receiver(500, 500, 500, 200)
        guid = hooked(service, there.url, body=b'kept')
        seen = there.wait(4, seconds=15)
        gaps = [b.at - a.at for a, b in zip(seen, seen[1:])]
        if all(wait / 2 - 0.02 <= gap <= wait + 0.4 for gap, wait in zip(gaps, (0.5, 1, 2))):
            break
    else:
        raise AssertionError(gaps)
    assert [headers_of(s)['x-retry'] for s in seen] == ['0', '1', '2', '3']
    assert {headers_of(s)['x-retry-max'] for s in seen} == {'7'}
    assert {s.body for s in seen} == {b'kept'}
    found = wait_webhook(service, guid, 'delivered')
    assert found['status'] == 'collected'
    assert service.collect(guid).status == 410
    time.sleep(0.5)
    assert len(there.seen()) == 4, 'one delivery'
    for node in service.each():
        state = node.admin_call('GET', '/v1/queues').json()
        assert state['cluster']['echo']['ready'] == 0
    assert sum(node.metrics().get('callbackd_callbacks_collected_total{function="echo"}', 0)
               for node in service.each()) == count


@pytest.mark.parametrize('code', [408, 429, 500, 502, 503, 504, 599])
def test_these_are_tried_again(service, receiver, code):
    """Retried on connection failure, 408, 429, 5xx"""
    there = receiver(code, 200)
    guid = hooked(service, there.url)
    there.wait(2)
    wait_webhook(service, guid, 'delivered')


@pytest.mark.parametrize('code', [400, 401, 403, 404, 410, 413, 422, 451])
def test_these_end_it(service, receiver, code):
    """another 4xx ends it; 410 ends it"""
    there = receiver(code, 200)
    guid = hooked(service, there.url)
    there.wait(1)
    wait_webhook(service, guid, 'failed')
    time.sleep(0.3)
    assert len(there.seen()) == 1
    assert service.collect(guid).body == b'result'


@pytest.mark.parametrize('code', [200, 201, 202, 204, 299])
def test_2xx_is_delivered(service, receiver, code):
    """Delivered: the callback is freed, the status is `collected`"""
    there = receiver((code, [], b''))
    guid = hooked(service, there.url)
    found = wait_webhook(service, guid, 'delivered')
    assert found['status'] == 'collected'
    assert service.collect(guid).status == 410


@pytest.mark.parametrize('code', [301, 302, 303, 307, 308, 304])
def test_no_redirect_is_followed(service, receiver, code):
    """3xx is a failure"""
    elsewhere = receiver(200, name='elsewhere')
    there = receiver((code, [('Location', elsewhere.url)], b''))
    guid = hooked(service, there.url)
    wait_webhook(service, guid, 'failed')
    assert elsewhere.seen() == []
    assert service.collect(guid).body == b'result'


def test_a_refused_connection_is_tried_again(start_service):
    """Retried on connection failure"""
    service = start_service(FUNCTIONS, {**FAST, 'webhook.attempts': 100})
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    guid = hooked(service, 'http://127.0.0.1:%d/' % listener.getsockname()[1])
    time.sleep(0.3)
    listener.listen()
    listener.settimeout(10)
    peer, _ = listener.accept()
    assert peer.recv(65536).startswith(b'POST / HTTP/1.1\r\n')
    peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    wait_webhook(service, guid, 'delivered')
    peer.close()
    listener.close()


def test_attempts_are_counted(service, receiver):
    """up to `webhook.attempts`; X-Retry, X-Retry-Max"""
    there = receiver(500)
    guid = hooked(service, there.url)
    seen = there.wait(4)
    assert [headers_of(s)['x-retry'] for s in seen] == ['0', '1', '2', '3']
    assert {headers_of(s)['x-retry-max'] for s in seen} == {'3'}
    wait_webhook(service, guid, 'failed')
    time.sleep(0.6)
    assert len(there.seen()) == 4


@pytest.mark.parametrize('form', ['seconds', 'date'])
def test_retry_after_is_honoured(start_service, receiver, form):
    """`Retry-After` honoured"""
    service = start_service(FUNCTIONS, {**FAST, 'webhook.max_wait_ms': 5000})
    value, due = '1', int(time.time()) + 3
    if form == 'date':
        value = time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime(due))
    there = receiver((429, [('Retry-After', value)], b''), 200)
    hooked(service, there.url)
    first, second = there.wait(2)
    if form == 'seconds':
        due = 1 + first.at
    else:
        due += time.monotonic() - time.time()
    assert -0.1 <= second.at - due < 3, second.at - due


def test_no_more_tries_after_the_time_to_live(start_service, receiver):
    """or until the TTL"""
    service = start_service(FUNCTIONS, {**FAST, 'callback.ttl_ms': 2000,
                                        'webhook.attempts': 100})
    there = receiver(500)
    guid = hooked(service, there.url)
    until = time.monotonic() + 10
    while service.status(guid).json()['status'] != 'expired':
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.3)  # for one that was on its way
    count = len(there.seen())
    assert count >= 3
    time.sleep(0.9)
    assert len(there.seen()) == count
    assert service.status(guid).json()['webhook'] in ('failed', 'pending')
    assert service.collect(guid).status == 410


def test_one_deadline_for_a_whole_attempt(start_service):
    """One deadline for a whole attempt: also when the receiver drips bytes"""
    service = start_service(FUNCTIONS, {**FAST, 'webhook.timeout_ms': 1500,
                                        'webhook.attempts': 1})
    listener = socket.create_server(('127.0.0.1', 0))
    listener.settimeout(10)
    guid = hooked(service, 'http://127.0.0.1:%d/' % listener.getsockname()[1])
    peer, _ = listener.accept()
    begun = time.monotonic()
    peer.settimeout(0.05)
    peer.sendall(b'HTTP/1.1 200 OK\r\n')
    while time.monotonic() - begun < 8:
        try:
            if peer.recv(65536) == b'':
                break
        except TimeoutError:
            pass
        try:
            peer.sendall(b'X-Drip: 1\r\n')
        except OSError:
            break
    assert 0.3 <= time.monotonic() - begun < 4
    wait_webhook(service, guid, 'failed')
    peer.close()
    listener.close()


# --- dead receivers -------------------------------------------------------------------------


def test_a_receiver_that_never_answers_holds_nothing_up(start_service, receiver):
    """a dead receiver holds nothing up: no effect on other invocations' latency, nor on
    webhooks to other receivers"""
    service = start_service(FUNCTIONS, {**FAST, 'webhook.timeout_ms': 5000})
    calm = start_service(FUNCTIONS, FAST)  # side by side, for a busy machine slows both
    deaf = socket.create_server(('127.0.0.1', 0), backlog=1024)
    url = 'http://127.0.0.1:%d/' % deaf.getsockname()[1]

    def median_ms(one):
        took = []
        for _ in range(60):
            begun = time.monotonic()
            assert one.collect(one.post('echo', b'x'), wait=5000).status == 200
            took.append((time.monotonic() - begun) * 1000)
        return statistics.median(took)
    for _ in range(200 * len(service.each())):
        hooked(service, url)
    there = receiver(200)
    begun = time.monotonic()
    hooked(service, there.url)
    there.wait(1)
    assert time.monotonic() - begun < 4, 'a webhook to somebody else waited'
    for _ in range(4):
        without, beside = median_ms(calm), median_ms(service)
        if beside < without * 2 + 5:
            break
    else:
        raise AssertionError((without, beside))
    deaf.close()


# --- while it rests -------------------------------------------------------------------------


def resting(service, receiver):
    """An invocation whose webhook failed once and waits a long time; its id and receiver."""
    there = receiver((503, [('Retry-After', '60')], b''), 200)
    guid = hooked(service, there.url)
    there.wait(1)
    wait_webhook(service, guid, 'pending')
    time.sleep(0.1)
    return guid, there


@pytest.fixture(scope='module')
def patient(start_service):
    return start_service(FUNCTIONS, {**FAST, 'webhook.max_wait_ms': 60000})


def test_a_client_that_asks_in_between_wins(patient, receiver):
    """the status is visible; a client may collect what is not delivered yet"""
    guid, there = resting(patient, receiver)
    answer = patient.collect(guid, wait=5000)
    assert (answer.status, answer.body) == (200, b'result')
    patient.wait_state(guid, 'collected', seconds=5)
    assert patient.collect(guid).status == 410
    assert len(there.seen()) == 1


def test_a_client_cancels_in_between(patient, receiver):
    """Ready: the callback is discarded everywhere, 200 `canceled`"""
    guid, there = resting(patient, receiver)
    answer = patient.call('DELETE', f'/v1/invocations/{guid}')
    assert (answer.status, answer.json()['status']) == (200, 'canceled')
    assert patient.collect(guid).status == 410
    assert len(there.seen()) == 1


def test_a_client_cancels_while_it_is_sent(patient, upstream):
    """Ready: 200 `canceled`, or 409 where the receiver has it; 503 while it is being served"""
    path = f'/slow-hook-{time.monotonic_ns()}'
    gate = upstream.gate(path, lambda seen: (200, [], b''))
    guid = hooked(patient, upstream.url + path)
    upstream.wait_for(path)
    until = time.monotonic() + 20
    answer = patient.call('DELETE', f'/v1/invocations/{guid}')
    while answer.status == 503 and time.monotonic() < until:
        answer = patient.call('DELETE', f'/v1/invocations/{guid}')
    gate.set()
    assert answer.status in (200, 409), answer
    patient.wait_state(guid, 'canceled' if answer.status == 200 else 'collected', seconds=5)
    assert patient.collect(guid).status == 410


def test_a_client_that_asks_while_it_is_sent_waits_in_line(service, upstream):
    """Another client is being served at this moment: this one waits in line; if that one
    finishes, 410"""
    path = f'/line-hook-{time.monotonic_ns()}'
    gate = upstream.gate(path, lambda seen: (200, [], b''))
    guid = hooked(service, upstream.url + path)
    upstream.wait_for(path)
    waiting = service.collect(guid, wait=200)
    assert waiting.status == 202, waiting
    gate.set()
    wait_webhook(service, guid, 'delivered')
    assert service.collect(guid, wait=5000).status == 410


def test_given_up_it_stays_collectable_until_its_ttl(start_service, receiver):
    """Given up: it stays collectable until its TTL, and the status says so
    (`"webhook":"failed"`)."""
    service = start_service(FUNCTIONS, {**FAST, 'callback.ttl_ms': 4000})
    there = receiver(404)
    collected = hooked(service, there.url, body=b'dead letter')
    wait_webhook(service, collected, 'failed')
    answer = service.collect(collected)
    assert (answer.status, answer.body) == (200, b'dead letter')
    found = service.wait_state(collected, 'collected', seconds=5)  # at whichever node
    assert found['webhook'] == 'failed'
    left = hooked(service, there.url)
    found = wait_webhook(service, left, 'failed')
    assert found['status'] == 'succeeded' and found['expires_at']
    found = service.wait_state(left, 'expired')
    assert found['webhook'] == 'failed'
    assert service.collect(left).status == 410


def test_given_up_stays_so_wherever_it_is_collected(start_service, receiver):
    """The status says so (`"webhook":"failed"`), also where it was collected by a node that had
    last heard that it is pending."""
    service = start_service(FUNCTIONS, FAST)
    there = receiver(404)
    nodes = service.each()
    for collector in nodes:
        guid = nodes[0].post('echo', b'dead letter', [('X-Callback-Url', there.url)])
        wait_webhook(service, guid, 'failed')
        assert collector.collect(guid).status == 200
        for node in nodes:
            found = node.wait_state(guid, 'collected', seconds=5)
            assert found['webhook'] == 'failed', (collector, node)


def test_the_status_shows_it_pending(patient, receiver):
    """state visible in the status"""
    guid, _ = resting(patient, receiver)
    found = patient.status(guid).json()
    assert (found['status'], found['webhook']) == ('succeeded', 'pending')


# --- when its node dies ---------------------------------------------------------------------


def test_taken_over_when_its_node_dies(start_service, receiver, node_count):
    """Delivered by one node only, taken over when that node dies."""
    if node_count == 1:
        pytest.skip('a single node has nobody to take over')
    service = start_service(FUNCTIONS, {**FAST, 'webhook.min_wait_ms': 3000,
                                        'webhook.max_wait_ms': 3000})
    there = receiver(503, 200)
    home = service.each()[0]
    guid = home.post('echo', b'survives', [('X-Callback-Url', there.url)])
    there.wait(1)
    time.sleep(0.5)  # else it dies holding the callback, which might have been delivered
    home.kill()
    seen = there.wait(2, seconds=20)
    assert seen[1].body == b'survives'
    assert headers_of(seen[1])['x-call-id'] == guid
    others = service.each()[1:]
    until = time.monotonic() + 10
    while others[0].status(guid).json().get('webhook') != 'delivered':
        assert time.monotonic() < until, others[0].status(guid)
        time.sleep(0.05)
    assert others[1].collect(guid).status == 410
    time.sleep(1)
    assert len(there.seen()) == 2, 'one node only'


def test_taken_over_in_the_midst_of_an_attempt(start_service, receiver, upstream, node_count):
    """... also when it dies holding the callback: it may have arrived, and is delivered again
    rather than not at all, under the same `webhook-id`."""
    if node_count == 1:
        pytest.skip('a single node has nobody to take over')
    service = start_service(FUNCTIONS, {**FAST, 'webhook.timeout_ms': 20000})
    gate = upstream.gate('/midst', lambda seen: (200, [], b''))
    home, *others = service.each()
    guid = home.post('echo', b'survives', [('X-Callback-Url', upstream.url + '/midst')])
    upstream.wait_for('/midst')
    home.kill()
    seen = upstream.wait_for('/midst', 2, seconds=20)
    assert [one.body for one in seen] == [b'survives', b'survives']
    gate.set()
    for node in others:
        until = time.monotonic() + 10
        while node.status(guid).json().get('webhook') != 'delivered':
            assert time.monotonic() < until, node.status(guid)
            time.sleep(0.05)
        assert node.collect(guid).status == 410


# --- where it may go ------------------------------------------------------------------------

INTERNAL = [
    '127.0.0.1', '127.0.0.2', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7F.0.0.1',
    '0x7f.1', '017700000001', '0177.0.0.1', '0177.0.0.01', '127.0.0.1.', '0', '0.0.0.0',
    '00.0.0.0', 'localhost', 'LocalHost', 'localhost.', 'a.localhost', '10.0.0.1', '10.1',
    '0xa.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '192.168.257',
    '169.254.169.254',
    '0xa9fea9fe', '2852039166', '100.64.0.1', '192.0.0.1', '198.18.0.1', '224.0.0.1',
    '255.255.255.255', '[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]', '[::FFFF:10.0.0.1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]',
    '[64:ff9b::10.0.0.1]', '[2002:7f00:1::]', '[2002:a00:1::1]', '[fe80::1]', '[fc00::1]',
    '[fd12:3456::1]', '[ff02::1]', '[2001:db8::1]', '[2001::1]', '[::ffff:0:127.0.0.1]',
]
BROKEN = [
    'foo', '//host/p', '/p', 'http://', 'http:///x', 'ftp://host/x', 'mailto:x', 'file:///x',
    'javascript:alert(1)', 'ht tp://h/', 'http://a b/', 'http://h:port/', 'http://h:0/',
    'http://h:65536/', 'http://[::1', 'http://[fe80::1%25eth0]/', 'http://u:p@host/',
    'http://u@host/', 'http://h/%zz', 'http://1.2.3.4.5/', 'http://999.1.1.1/',
    'http://0x1g/', 'http://h\\@127.0.0.1/', 'http://127.0.0.1%2e/', 'gopher://h/',
]


@pytest.fixture(scope='module')
def strict(start_service):
    return start_service(FUNCTIONS)


@pytest.mark.parametrize('host', INTERNAL)
def test_literal_internal_addresses_are_refused(strict, host):
    """A literal internal address is refused with 400 before accepting"""
    for port in ('', ':8080'):
        answer = strict.call('POST', '/async-function/echo', b'x', [
            ('X-Callback-Url', f'http://{host}{port}/hook')])
        assert_problem(answer, 400, 'bad-request')
        assert answer.header('X-Call-Id') is None


@pytest.mark.parametrize('url', BROKEN)
def test_no_absolute_http_url_is_400(strict, url):
    """Not an absolute http(s) URL: 400."""
    answer = strict.call('POST', '/async-function/echo', b'x', [('X-Callback-Url', url)])
    assert_problem(answer, 400, 'bad-request')


@pytest.mark.parametrize('dialect', ['/v1/functions/echo', '/echo'])
def test_the_other_dialects_refuse_them_too(strict, dialect):
    """refused with 400 before accepting"""
    answer = strict.call('POST', dialect, b'x', [
        ('Prefer', 'respond-async'), ('X-Callback-Url', 'http://127.0.0.1/')])
    assert_problem(answer, 400, 'bad-request')


def internal_name():
    """A name other than localhost that this machine resolves to an internal address."""
    for name in (socket.gethostname(), 'ip6-localhost', 'ip6-loopback', 'localhost4',
                 'localhost6'):
        try:
            found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
        except OSError:
            continue
        if name != 'localhost' and found:
            return name, found[0][0], found[0][4][0]
    return None


def test_a_name_that_leads_inside_is_a_failed_webhook(strict):
    """a name that resolves to one ends as a failed webhook; refused, after resolving and again
    at connect"""
    name = internal_name()
    if name is None:
        pytest.skip('no name but localhost is resolved here')
    listener = socket.create_server((name[2], 0), family=name[1])
    listener.settimeout(0.5)
    guid = hooked(strict, f'http://{name[0]}:{listener.getsockname()[1]}/hook')
    found = wait_webhook(strict, guid, 'failed', seconds=20)
    assert found['status'] == 'succeeded'
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()
    assert strict.collect(guid).status == 200


@pytest.mark.parametrize('allow', ['name', 'network'])
def test_webhook_allow_names_it(start_service, allow):
    """unless `webhook.allow` names it: addresses, networks (CIDR) or host names"""
    name = internal_name()
    if name is None:
        pytest.skip('no name but localhost is resolved here')
    listed = name[0] if allow == 'name' else '127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,' \
        '192.168.0.0/16,169.254.0.0/16,fc00::/7,' + name[2]
    service = start_service(FUNCTIONS, {**FAST, 'webhook.allow': listed})
    listener = socket.create_server((name[2], 0), family=name[1])
    listener.settimeout(10)
    guid = hooked(service, f'http://{name[0]}:{listener.getsockname()[1]}/hook')
    peer, _ = listener.accept()
    assert peer.recv(65536).startswith(b'POST /hook HTTP/1.1\r\n')
    peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    wait_webhook(service, guid, 'delivered')
    peer.close()
    listener.close()


def test_what_is_not_allowed_stays_refused(service):
    """unless `webhook.allow` names it"""
    for host in ('127.0.0.2', '10.0.0.1', '[::1]'):
        answer = service.call('POST', '/async-function/echo', b'x', [
            ('X-Callback-Url', f'http://{host}/')])
        assert answer.status == 400
