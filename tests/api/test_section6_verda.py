"""API.md 6: Verda's asynchronous inference, and the requests that its Python SDK sends."""
import re
import time
import uuid

import pytest

from problems import assert_problem

GUID = r'[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
ASYNC = ('Prefer', 'respond-async')
JSON = ('Content-Type', 'application/json')


@pytest.fixture(scope='module')
def verda(start_service, upstream):
    upstream.on('/whisper/raise', lambda seen: (500, [JSON], b'{"detail":"no GPU"}'))
    upstream.on('/whisper/generate', lambda seen: (200, [JSON], b'{"result":"text"}'))
    return start_service({
        'whisper': upstream.url + '/whisper', 'echo': 'builtin:echo', 'sleep': 'builtin:sleep',
        'code': 'builtin:status', 'other': 'builtin:echo',
        'fire': upstream.url + '/fire', 'dead': 'http://127.0.0.1:1/',
    }, {'functions.sleep.concurrency': 64, 'callback.wait_ms': 5000})


def infer(verda, deployment='echo', body=b'{"a":1}', headers=(), path=''):
    answer = verda.call('POST', f'/{deployment}{path}', body, [ASYNC, JSON, *headers])
    assert answer.status == 202, answer
    return answer.json()['Id']


def ask(verda, what, deployment, one, query='', method='GET'):
    return verda.call(method, f'/{what}/{deployment}{query}', None, {'X-Inference-Id': one})


def wait_completed(verda, deployment, one, seconds=10):
    until = time.monotonic() + seconds
    while True:
        found = ask(verda, 'status', deployment, one).json()
        if found['Status'] == 'Completed':
            return found
        assert time.monotonic() < until, found
        time.sleep(0.02)


# --- synchronous ----------------------------------------------------------------------------


@pytest.mark.parametrize('prefer', [None, 'return=minimal', 'handling=lenient',
                                    'async-inference', 'respond-asynchronously', 'wait=5'])
def test_no_recognised_preference_is_synchronous_and_passed_on(verda, upstream, prefer):
    """`ANY /{deployment}[/{path}]` with no recognised `Prefer`: synchronous, `Prefer` passed
    on."""
    answer = verda.call('POST', '/whisper/generate?beam=5', b'{}',
                        [JSON] + ([('Prefer', prefer)] if prefer else []))
    assert (answer.status, answer.body) == (200, b'{"result":"text"}')
    seen = upstream.wait_for('/whisper/generate')[-1]
    assert seen.target == '/whisper/generate?beam=5'
    assert [v for k, v in seen.headers if k.lower() == 'prefer'] == ([prefer] if prefer else [])


@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
def test_any_method(verda, upstream, method):
    """ANY"""
    answer = verda.call(method, '/whisper/verbs', b'x' if method != 'GET' else None)
    assert answer.status == 200
    assert upstream.wait_for('/whisper/verbs')[-1].method == method


def test_errors_pass_through(verda):
    """Verda: "We do not throttle at errors, but pass them through to the caller" """
    answer = verda.call('POST', '/whisper/raise', b'{}')
    assert (answer.status, answer.body) == (500, b'{"detail":"no GPU"}')


# --- respond-async --------------------------------------------------------------------------


def test_the_202(verda):
    """`Prefer: respond-async`: 202 `{"Id","StatusPath":"/status/{deployment}",
    "ResultPath":"/result/{deployment}"}`, `X-Inference-Id: {Id}`, `Location: {ResultPath}`,
    `Content-Type: application/json` exactly."""
    answer = verda.call('POST', '/echo', b'{}', [ASYNC])
    assert answer.status == 202
    found = answer.json()
    assert found == {'Id': found['Id'], 'StatusPath': '/status/echo',
                     'ResultPath': '/result/echo'}
    assert list(found) == ['Id', 'StatusPath', 'ResultPath']
    assert re.fullmatch(GUID, found['Id'])
    assert answer.headers('X-Inference-Id') == [found['Id']]
    assert answer.headers('Location') == ['/result/echo']
    assert answer.headers('Content-Type') == ['application/json']


@pytest.mark.parametrize('prefer', ['respond-async', 'Respond-Async', 'respond-async, wait=5',
                                    'return=minimal, respond-async'])
def test_prefer_is_read_as_rfc_7240_says(verda, prefer):
    """RFC 7240: names in any case, several in one header"""
    assert verda.call('POST', '/echo', b'{}', {'Prefer': prefer}).status == 202


def test_the_function_is_called_synchronously(verda, upstream):
    """Verda queues, calls the container synchronously, keeps status and response: what we
    honoured ends here"""
    infer(verda, 'whisper', path='/called')
    seen = upstream.wait_for('/whisper/called')[0]
    assert [v for k, v in seen.headers if k.lower() == 'prefer'] == []


def test_status_words(verda):
    """`GET /status/{deployment}` with `X-Inference-Id`: 200 `{"Id","Error":null|"text",
    "Status":"Initialized|Queue|Inference|Completed"}`"""
    one = infer(verda, 'sleep', path='?ms=2000')
    seen, until = set(), time.monotonic() + 10
    while 'Completed' not in seen:
        assert time.monotonic() < until
        answer = ask(verda, 'status', 'sleep', one)
        assert (answer.status, answer.header('Content-Type')) == (200, 'application/json')
        found = answer.json()
        assert found == {'Id': one, 'Error': None, 'Status': found['Status']}
        seen.add(found['Status'])
        time.sleep(0.02)
    assert seen <= {'Initialized', 'Queue', 'Inference', 'Completed'} and 'Inference' in seen


def test_the_result_is_collected(verda):
    """`GET /result/{deployment}` with `X-Inference-Id`: the function's answer, collected. ...
    gone 410"""
    one = infer(verda, 'whisper', path='/generate')
    wait_completed(verda, 'whisper', one)
    answer = ask(verda, 'result', 'whisper', one)
    assert (answer.status, answer.body) == (200, b'{"result":"text"}')
    assert answer.headers('Content-Type') == ['application/json']
    assert answer.header('X-Inference-Id') == one
    assert ask(verda, 'result', 'whisper', one).status == 410
    found = ask(verda, 'status', 'whisper', one).json()
    assert found == {'Id': one, 'Error': None, 'Status': 'Completed'}


def test_pending_is_202(verda):
    """Pending 202"""
    one = infer(verda, 'sleep', path='?ms=1500')
    answer = ask(verda, 'result', 'sleep', one, '?wait=0')
    assert answer.status == 202 and answer.header('Retry-After')
    assert answer.json()['Status'] in ('Initialized', 'Queue', 'Inference')
    answer = ask(verda, 'result', 'sleep', one, '?wait=5000')
    assert (answer.status, answer.body) == (200, b'{"a":1}')


@pytest.mark.parametrize('what', ['status', 'result'])
def test_unknown_is_404_and_no_header_is_400(verda, what):
    """header missing 400; unknown 404"""
    answer = verda.call('GET', f'/{what}/echo')
    assert_problem(answer, 400, 'bad-request')
    assert verda.call('GET', f'/{what}/echo', None, {'X-Inference-Id': ''}).status == 400
    for one in ('never', '8f0e0000-0000-8000-8000-000000000000', str(uuid.uuid4())):
        assert ask(verda, what, 'echo', one).status == 404
    assert ask(verda, what, 'nobody', 'x').status == 404


@pytest.mark.parametrize('what', ['status', 'result'])
def test_another_deployments_is_404(verda, what):
    """deployment not the invocation's: 404"""
    one = infer(verda, 'echo')
    wait_completed(verda, 'echo', one)
    assert ask(verda, what, 'other', one).status == 404
    assert ask(verda, 'result', 'echo', one).status == 200, 'nothing was taken'


@pytest.mark.parametrize('what', ['status', 'result'])
def test_other_methods_405(verda, what):
    """GET /status, GET /result"""
    answer = verda.call('POST', f'/{what}/echo', b'', {'X-Inference-Id': 'x'})
    assert answer.status == 405 and 'GET' in answer.header('Allow')


def test_failed_is_completed_with_an_error(verda):
    """Failed, canceled and expired are `Completed` with `Error` set"""
    one = infer(verda, 'whisper', path='/raise')
    found = wait_completed(verda, 'whisper', one)
    assert isinstance(found['Error'], str) and '500' in found['Error']
    answer = ask(verda, 'result', 'whisper', one)
    assert (answer.status, answer.body) == (500, b'{"detail":"no GPU"}')
    one = infer(verda, 'dead')
    assert wait_completed(verda, 'dead', one)['Error']
    assert_problem(ask(verda, 'result', 'dead', one), 502, 'upstream-failed')


def test_canceled_is_completed_with_an_error(verda):
    """Failed, canceled and expired are `Completed` with `Error` set"""
    one = infer(verda, 'sleep', path='?ms=30000')
    assert verda.call('DELETE', f'/v1/invocations/{one}').status == 200
    found = ask(verda, 'status', 'sleep', one).json()
    assert found['Status'] == 'Completed' and 'cancel' in found['Error']
    assert ask(verda, 'result', 'sleep', one).status == 410


def test_expired_is_completed_with_an_error(start_service):
    """Failed, canceled and expired are `Completed` with `Error` set"""
    verda = start_service({'echo': 'builtin:echo'}, {'callback.ttl_ms': 200})
    one = infer(verda)
    until = time.monotonic() + 10
    while not ask(verda, 'status', 'echo', one).json()['Error']:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert ask(verda, 'status', 'echo', one).json()['Status'] == 'Completed'
    assert ask(verda, 'result', 'echo', one).status == 410


# --- ids that clients choose ----------------------------------------------------------------


@pytest.mark.parametrize('kind', ['word', 'uuid'])
def test_the_client_may_choose_the_id(verda, kind):
    """The client may choose the id by sending `X-Inference-Id`"""
    mine = str(uuid.uuid4()) if kind == 'uuid' else f'inference {uuid.uuid4().hex}'
    answer = verda.call('POST', '/echo', b'mine', [ASYNC, ('X-Inference-Id', mine)])
    assert (answer.status, answer.json()['Id']) == (202, mine)
    assert answer.header('X-Inference-Id') == mine
    assert wait_completed(verda, 'echo', mine)['Id'] == mine
    answer = ask(verda, 'result', 'echo', mine)
    assert (answer.body, answer.header('X-Inference-Id')) == (b'mine', mine)
    assert ask(verda, 'result', 'echo', mine).status == 410
    found = ask(verda, 'status', 'echo', mine)
    assert (found.json()['Id'], found.header('X-Inference-Id')) == (mine, mine)


def test_the_function_is_given_the_guid_as_call_id(verda, upstream):
    """`X-Call-Id` (the client's own call id where it sent one on an OpenFaaS route, else the
    entry GUID); `X-Inference-Id` reaches it as any header of the client's"""
    mine = uuid.uuid4().hex
    infer(verda, 'whisper', headers=[('X-Inference-Id', mine)], path='/by/' + mine)
    found = {k.lower(): v for k, v in upstream.wait_for('/whisper/by/' + mine)[-1].headers}
    assert found['x-inference-id'] == mine
    assert re.fullmatch(GUID, found['x-call-id'])
    assert found['x-call-id'] == found['idempotency-key']


def test_a_second_use_is_409(verda):
    """a second use while it is known: 409"""
    mine = uuid.uuid4().hex
    infer(verda, headers=[('X-Inference-Id', mine)])
    for deployment in ('echo', 'other'):
        answer = verda.call('POST', f'/{deployment}', b'{}', [ASYNC, ('X-Inference-Id', mine)])
        assert_problem(answer, 409, 'conflict')
    assert ask(verda, 'result', 'echo', mine, '?wait=5000').status == 200
    answer = verda.call('POST', '/echo', b'{}', [ASYNC, ('X-Inference-Id', mine)])
    assert answer.status == 409, 'while it is known: collected is known'


def test_the_202_again_has_the_id_that_the_client_chose(verda):
    """the same key and the same request → the first invocation's 202 again (API.md 3), for as
    long as the invocation is known"""
    mine = uuid.uuid4().hex
    chosen = [ASYNC, ('X-Inference-Id', mine), ('Idempotency-Key', f'k-{mine}')]
    first = verda.call('POST', '/echo', b'{}', chosen)
    for _ in range(2):
        again = verda.call('POST', '/echo', b'{}', chosen)
        assert (again.status, again.body) == (202, first.body)
        assert again.headers('X-Inference-Id') == [mine]
        ask(verda, 'result', 'echo', mine, '?wait=5000')


# --- the partial ones -----------------------------------------------------------------------


def test_respond_async_proxy(verda, upstream):
    """`Prefer: respond-async-proxy`: 202, empty; the function is called with
    `Prefer: respond-async`; its answer is dropped."""
    answer = verda.call('POST', '/fire/proxy', b'go', {'Prefer': 'respond-async-proxy'})
    assert (answer.status, answer.body) == (202, b'')
    assert answer.header('X-Inference-Id') is None and answer.header('Location') is None
    seen = upstream.wait_for('/fire/proxy')[0]
    assert [v for k, v in seen.headers if k.lower() == 'prefer'] == ['respond-async']
    assert seen.body == b'go'
    until = time.monotonic() + 5
    while any(node.admin_call('GET', '/v1/queues').json()['cluster']['fire']['ready']
              for node in verda.each()):
        assert time.monotonic() < until, 'the answer was kept'
        time.sleep(0.02)


def test_respond_async_container(verda, upstream):
    """`Prefer: respond-async-container`: the function is called at once with
    `Prefer: respond-async`; its answer is the answer."""
    upstream.on('/whisper/task', lambda seen: (202, [JSON], b'{"task":"c-17"}'))
    answer = verda.call('POST', '/whisper/task', b'go', {'Prefer': 'respond-async-container'})
    assert (answer.status, answer.body) == (202, b'{"task":"c-17"}')
    assert answer.headers('Content-Type') == ['application/json']
    seen = upstream.wait_for('/whisper/task')[0]
    assert [v for k, v in seen.headers if k.lower() == 'prefer'] == ['respond-async']


# --- its Python SDK -------------------------------------------------------------------------


class Sdk:
    """The requests of the public SDK's inference client, and its way to read the answers:
    addresses made from the endpoint's, `Id` from the JSON, nothing from headers."""

    STATUS = ('Initialized', 'Queue', 'Inference', 'Completed')

    def __init__(self, service, deployment):
        self.service = service
        self.endpoint = f'{service.url}/{deployment}'
        self.base = self.endpoint[:self.endpoint.rindex('/')]
        self.name = self.endpoint[self.endpoint.rindex('/') + 1:]
        self.headers = [('Authorization', 'Bearer key'), ('Content-Type', 'application/json')]

    def path_of(self, url):
        return url[len(self.service.url):]

    def run(self, body, path=''):
        url = f'{self.endpoint}/{path.lstrip("/")}'
        answer = self.service.call('POST', self.path_of(url), body,
                                   [*self.headers, ('Prefer', 'respond-async')])
        assert answer.status < 400
        self.id = answer.json()['Id']
        return answer

    def get(self, what):
        return self.service.call('GET', self.path_of(f'{self.base}/{what}/{self.name}'), None,
                                 [*self.headers, ('X-Inference-Id', self.id)])

    def status(self):
        word = self.get('status').json()['Status']
        assert word in self.STATUS, 'the SDK raises ValueError'
        return word

    def result(self):
        answer = self.get('result')
        if answer.header('Content-Type') == 'application/json':
            return answer.json()
        return {'result': answer.body.decode()}


def test_the_sdks_requests(verda):
    """everything its Python SDK needs: POST to `{base}/{name}/` with the slash, `Id` from the
    JSON, the four words, Content-Type compared as a whole"""
    sdk = Sdk(verda, 'echo')
    sdk.run(b'{"audio":"a"}', '')
    until = time.monotonic() + 10
    while sdk.status() != 'Completed':
        assert time.monotonic() < until
        time.sleep(0.05)
    assert sdk.result() == {'audio': 'a'}


def test_the_sdks_requests_with_a_path(verda):
    """everything its Python SDK needs"""
    sdk = Sdk(verda, 'whisper')
    assert sdk.run(b'{}', '/generate').status == 202
    until = time.monotonic() + 10
    while sdk.status() != 'Completed':
        assert time.monotonic() < until
        time.sleep(0.05)
    assert sdk.result() == {'result': 'text'}


def test_the_sdk_ends_on_a_failed_inference(verda):
    """its loop ends only on `Completed`: so a failure is that, with `Error`"""
    sdk = Sdk(verda, 'whisper')
    sdk.run(b'{}', '/raise')
    until = time.monotonic() + 10
    while sdk.status() != 'Completed':
        assert time.monotonic() < until
        time.sleep(0.05)
    assert sdk.get('status').json()['Error']


def test_its_example_scripts(verda):
    """Verda's own status.py and result.py: 202 on submit, then the paths of the JSON"""
    answer = verda.call('POST', '/echo', b'{"url":"x.mp3"}', [ASYNC, JSON])
    assert answer.status == 202
    found = answer.json()
    header = {'X-Inference-Id': found['Id']}
    until = time.monotonic() + 10
    while verda.call('GET', found['StatusPath'], None, header).json()['Status'] != 'Completed':
        assert time.monotonic() < until
        time.sleep(0.02)
    assert verda.call('GET', found['ResultPath'], None, header).json() == {'url': 'x.mp3'}


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize('name', ['v1', 'api', 'function', 'async-function', 'status', 'result',
                                  'system', 'healthz', 'problems', 'openapi.json'])
def test_names_of_other_routes_are_refused_at_start(name):
    """names used by other routes are refused at start"""
    from node import run_callbackd
    done = run_callbackd('--check', '--function', f'{name}=builtin:echo')
    assert done.returncode == 2, done
    assert name in done.stdout + done.stderr


def test_no_deployment_is_404(verda):
    """`{deployment}` is a function"""
    for path in ('/nobody', '/nobody/x', '/', '/ECHO'):
        assert verda.call('POST', path, b'', [ASYNC]).status == 404
