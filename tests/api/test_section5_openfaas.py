"""API.md 5: OpenFaaS, as its guide, its SDKs and its users know it."""
import json
import re
import socket
import subprocess
import time
import urllib.parse
import uuid

import pytest

from http_client import Raw
from node import ASK_AGAIN
from problems import assert_problem

GUID = r'[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'


@pytest.fixture(scope='module')
def faas(start_service, upstream, scripts):
    return start_service({
        'figlet': 'builtin:echo', 'sleep': 'builtin:sleep', 'code': 'builtin:status',
        'dotted.name': 'builtin:echo', 'up': upstream.url + '/base',
        'one': upstream.url + '/one',
        'env': 'exec:' + scripts('env.sh', 'cat >/dev/null\nenv\n'),
        'cat': 'exec:/bin/cat',
        'fails': 'exec:' + scripts('fails.sh', 'cat\necho to stderr >&2\nexit 3\n'),
    }, {'webhook.allow': '127.0.0.1', 'limits.body_bytes': '300KiB',
        'functions.sleep.concurrency': 64, 'functions.one.concurrency': 1,
        'functions.one.queue': 1})


def accept(faas, name='figlet', body=b'message', headers=(), path=''):
    answer = faas.call('POST', f'/async-function/{name}{path}', body, headers)
    assert answer.status == 202, answer
    return answer


def guid_of(answer):
    return answer.header('Location').rsplit('/', 1)[1]


# --- synchronous ----------------------------------------------------------------------------


@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
def test_any_method_is_synchronous(faas, upstream, method):
    """`ANY /function/{name}[/{path}][?query]` – synchronous"""
    body = b'm' if method not in ('GET', 'OPTIONS') else None
    answer = faas.call(method, '/function/up/sync', body)
    assert answer.status == 200 and answer.body == (body or b'')
    assert upstream.wait_for('/base/sync')[-1].method == method


def test_headers_of_a_synchronous_answer(faas):
    """`X-Call-Id`, `X-Start-Time`, `X-Duration-Seconds` on the answer"""
    before = time.time_ns()
    answer = faas.call('POST', '/function/sleep?ms=120', b'zz')
    assert (answer.status, answer.body) == (200, b'zz')
    assert re.fullmatch(GUID, answer.header('X-Call-Id'))
    assert before - 1e9 < int(answer.header('X-Start-Time')) < time.time_ns() + 1e9
    assert len(answer.header('X-Start-Time')) == 19
    assert re.fullmatch(r'\d\.\d{6}', answer.header('X-Duration-Seconds'))
    assert 0.1 < float(answer.header('X-Duration-Seconds')) < 5


def test_a_synchronous_call_keeps_the_clients_call_id(faas, upstream):
    """the client's own if it sent one: it is echoed; functions that call each other pass the
    same id on"""
    for _ in range(2):
        answer = faas.call('POST', '/function/up/chain', b'', {'X-Call-Id': 'chain-7'})
        assert (answer.status, answer.header('X-Call-Id')) == (200, 'chain-7')
    for seen in upstream.wait_for('/base/chain', 2):
        assert [v for k, v in seen.headers if k.lower() == 'x-call-id'] == ['chain-7']


@pytest.mark.parametrize('name', ['figlet', 'figlet.openfaas-fn', 'figlet.any', 'dotted.name',
                                  'dotted.name.openfaas-fn'])
@pytest.mark.parametrize('way', ['function', 'async-function'])
def test_a_name_may_carry_a_namespace(faas, name, way):
    """`{name}` may carry a namespace suffix (`figlet.openfaas-fn`)."""
    answer = faas.call('POST', f'/{way}/{name}', b'x')
    assert answer.status == (200 if way == 'function' else 202)


# --- asynchronous ---------------------------------------------------------------------------


def test_the_202(faas):
    """`POST /async-function/{name}[/{path}][?query]` – 202, empty body, `X-Call-Id`,
    `X-Start-Time` (Unix nanoseconds), `Location` of the status"""
    before = time.time_ns()
    answer = accept(faas)
    assert answer.body == b'' and answer.header('Content-Length') == '0'
    call_id = answer.header('X-Call-Id')
    assert re.fullmatch(GUID, call_id)
    assert answer.header('Location') == f'/v1/invocations/{call_id}'
    assert before - 1e9 < int(answer.header('X-Start-Time')) < time.time_ns() + 1e9
    assert len(answer.header('X-Start-Time')) == 19
    assert 1 <= int(answer.header('Retry-After')) <= 60
    assert answer.header('Content-Type') is None


def test_the_guides_modes(faas, upstream):
    """The guide's table: POST and GET to /function, POST to /async-function, each with body,
    headers and query string; GET to /async-function is not supported"""
    answer = faas.call('POST', '/function/up/modes?q=1', b'body', {'X-Own': 'h'})
    assert answer.status == 200
    assert faas.call('GET', '/function/up/modes?q=1', None, {'X-Own': 'h'}).status == 200
    accept(faas, 'up', b'body', {'X-Own': 'h'}, '/modes?q=1')
    for seen in upstream.wait_for('/base/modes', 3):
        assert seen.target == '/base/modes?q=1'
        assert dict((k.lower(), v) for k, v in seen.headers)['x-own'] == 'h'
    assert faas.call('GET', '/async-function/up').status == 405


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
@pytest.mark.parametrize('name', ['figlet', 'figlet.openfaas-fn', 'figlet/sub'])
def test_other_methods_405_with_allow(faas, method, name):
    """Other methods 405 with `Allow`. (a name that is a function's: 405)"""
    with Raw(faas.api) as raw:
        raw.send(f'{method} /async-function/{name} HTTP/1.1\r\nHost: x\r\n'
                 'Content-Length: 0\r\nConnection: close\r\n\r\n')
        status, pairs = raw.head()
    allow = [v for k, v in pairs if k.lower() == 'allow']
    assert (status, allow) == (405, ['POST'])


@pytest.mark.parametrize('way', ['function', 'async-function'])
@pytest.mark.parametrize('name', ['nobody', 'nobody.openfaas-fn', 'FIGLET', 'na%20me'])
def test_unknown_function_404(faas, way, name):
    """Unknown function 404."""
    answer = faas.call('POST', f'/{way}/{name}', b'x')
    assert_problem(answer, 404, 'unknown-function')
    assert answer.header('X-Call-Id') is None


@pytest.mark.parametrize('path', ['/function', '/function/', '/async-function',
                                  '/async-function/'])
def test_no_name_is_404(faas, path):
    """/async-function/ -> 404"""
    assert faas.call('POST', path, b'x').status == 404


@pytest.mark.parametrize('way', ['function', 'async-function'])
def test_too_large_413(faas, way):
    """Too large 413."""
    answer = faas.call('POST', f'/{way}/figlet', b'x' * (300 * 1024 + 1))
    assert_problem(answer, 413, 'body-too-large')
    assert faas.call('POST', f'/{way}/figlet', b'x' * (300 * 1024)).status in (200, 202)


PATHS = ['', '/', '/a', '/a/', '/a/b/c', '/a%2Fb%20c%3Fd', '//a', '/a//b', '/a/../b', '/.',
         '/%zz', '/%C3%BC', '/a;b=c', '/a+b', '/a:b@c']
QUERIES = ['', '?', '?q=1', '?q=%20&q=+', '?a?b', '?%zz', '?a=1;b=2']


@pytest.mark.parametrize('way', ['function', 'async-function'])
@pytest.mark.parametrize('path', PATHS)
def test_the_path_is_untouched(faas, upstream, way, path):
    """A function is given: method, sub-path and raw query unchanged (no decoding)"""
    before = len(upstream.seen)
    assert faas.call('POST', f'/{way}/up{path}?n=1', b'').status in (200, 202)
    until = time.monotonic() + 5
    while len(upstream.seen) == before:
        assert time.monotonic() < until
        time.sleep(0.005)
    assert upstream.seen[-1].target == f'/base{path}?n=1'


@pytest.mark.parametrize('query', QUERIES)
def test_the_query_is_untouched(faas, upstream, query):
    """A function is given: method, sub-path and raw query unchanged (no decoding)"""
    upstream.seen.clear()
    accept(faas, 'up', path='/query' + query)
    seen = upstream.wait_for('/base/query')[0]
    assert seen.target == '/base/query' + (query if query != '?' else '')


def test_what_reaches_the_function(faas, upstream):
    """all end-to-end headers, plus `X-Call-Id` (the client's own call id where it sent one on
    an OpenFaaS route ...), `Idempotency-Key` (the entry GUID), `X-Attempt`; the method is POST;
    several values are kept"""
    answer = accept(faas, 'up', b'\x00\xff', [
        ('X-Call-Id', 'job-1'), ('Authorization', 'Bearer t'), ('Cookie', 'a=b'),
        ('X-Two', '1'), ('X-Two', '2'), ('User-Agent', 'theirs')], '/reach')
    seen = upstream.wait_for('/base/reach')[0]
    pairs = [(k.lower(), v) for k, v in seen.headers]
    found = dict(pairs)
    assert (seen.method, seen.body) == ('POST', b'\x00\xff')
    assert found['x-call-id'] == 'job-1' and found['idempotency-key'] == guid_of(answer)
    assert found['authorization'] == 'Bearer t' and found['cookie'] == 'a=b'
    assert [v for k, v in pairs if k == 'x-two'] in (['1', '2'], ['1, 2'])
    assert found['x-attempt'] == '1' and found['user-agent'] == 'theirs'
    assert len([k for k, _ in pairs if k == 'x-start-time']) <= 1


# --- call ids -------------------------------------------------------------------------------


def test_a_clients_call_id_is_echoed_and_usable_wherever_the_guid_is(faas):
    """`X-Call-Id` (the client's own if it sent one: it is echoed and can be used wherever the
    GUID can"""
    mine = f'order-{uuid.uuid4().hex}'
    answer = accept(faas, body=b'by name', headers={'X-Call-Id': mine})
    assert answer.header('X-Call-Id') == mine
    guid = guid_of(answer)
    assert re.fullmatch(GUID, guid)
    assert faas.status(mine).json()['id'] == guid
    answer = faas.call('GET', f'/async-function/{mine}?wait=5000')
    assert (answer.status, answer.body) == (200, b'by name')
    assert answer.header('X-Call-Id') == mine
    assert faas.collect(mine).status == 410 and faas.collect(guid).status == 410


@pytest.mark.parametrize('mine', ['order:17', 'two words', 'a/b', '50%', 'a%2Fb', 'what?', '#1',
                                  'a+b&c=d', '~' * 255])
def test_a_call_id_of_any_visible_characters(faas, mine):
    """can be used wherever the GUID can; in a path it is percent-encoded (RFC 3986 2.1)"""
    mine = f'{mine}{uuid.uuid4().hex}'[-255:]
    guid = guid_of(accept(faas, body=b'odd', headers={'X-Call-Id': mine}))
    path = urllib.parse.quote(mine, safe='')
    assert faas.status(path).json()['id'] == guid
    assert faas.call('HEAD', f'/v1/callbacks/{path}').status in (200, 202)
    answer = faas.call('GET', f'/async-function/{path}?wait=5000')
    assert (answer.status, answer.body, answer.header('X-Call-Id')) == (200, b'odd', mine)
    assert faas.call('DELETE', f'/v1/invocations/{path}').status == 409


def test_a_clients_uuid_is_a_call_id(faas):
    """the client's own if it sent one: SDKs send random UUIDs"""
    mine = str(uuid.uuid4())
    answer = accept(faas, body=b'uuid4', headers={'X-Call-Id': mine})
    assert answer.header('X-Call-Id') == mine
    assert faas.collect(mine, wait=5000).body == b'uuid4'


def test_a_call_id_in_use_is_409(faas):
    """in use already: 409; by the same function, that is"""
    mine = f'twice-{uuid.uuid4().hex}'
    accept(faas, headers={'X-Call-Id': mine})
    for _ in range(4):
        answer = faas.call('POST', '/async-function/figlet', b'again', {'X-Call-Id': mine})
        assert_problem(answer, 409, 'conflict')
    assert faas.collect(mine, wait=5000).body == b'message'


def test_the_202_again_has_the_call_id_of_the_first(faas):
    """the same key and the same request → the first invocation's 202 again (API.md 3)"""
    mine, other = f'first-{uuid.uuid4().hex}', f'other-{uuid.uuid4().hex}'
    key = ('Idempotency-Key', f'key-{mine}')
    first = accept(faas, headers=[('X-Call-Id', mine), key])
    for sent in (mine, other):
        again = accept(faas, headers=[('X-Call-Id', sent), key])
        assert guid_of(again) == guid_of(first) and again.header('X-Call-Id') == mine
    assert faas.collect(mine, wait=5000).body == b'message'
    again = accept(faas, headers=[('X-Call-Id', mine), key])
    assert guid_of(again) == guid_of(first) and again.header('X-Call-Id') == mine


def test_a_call_id_passed_on_to_another_function_is_a_chain(faas):
    """functions that call each other pass `X-Call-Id` on: only the same function answers 409.
    The id goes on naming the first call; the next ones are found by their `Location`"""
    mine = f'chain-{uuid.uuid4().hex}'
    first = accept(faas, body=b'first', headers={'X-Call-Id': mine})
    second = accept(faas, 'sleep', path='?ms=1', body=b'second', headers={'X-Call-Id': mine})
    assert first.header('X-Call-Id') == second.header('X-Call-Id') == mine
    for name in ('figlet', 'sleep'):
        again = faas.call('POST', f'/async-function/{name}', b'again', {'X-Call-Id': mine})
        assert_problem(again, 409, 'conflict')
    got = faas.collect(guid_of(second), wait=5000)
    assert (got.body, got.header('X-Call-Id')) == (b'second', mine)
    assert faas.collect(mine, wait=5000).body == b'first'
    assert faas.collect(mine, wait=5000).status == 410


def test_each_call_gets_its_own_id(faas):
    """X-Call-Id"""
    assert len({accept(faas).header('X-Call-Id') for _ in range(20)}) == 20


# --- collecting and canceling ---------------------------------------------------------------


def test_collect_by_get(faas):
    """`GET /async-function/{call-id}` – collect it, as section 3"""
    call_id = accept(faas, body=b'{"a":1}', headers={'Content-Type': 'application/json'}
                     ).header('X-Call-Id')
    answer = faas.call('GET', f'/async-function/{call_id}?wait=5000')
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert answer.header('Content-Type') == 'application/json'
    assert answer.header('X-Callback') == 'delivered'
    assert answer.header('X-Call-Id') == call_id
    assert answer.header('X-Function-Name') == 'figlet'
    assert answer.header('X-Function-Status') == '200'
    again = faas.call('GET', f'/async-function/{call_id}')
    assert (again.status, again.header('X-Callback')) == (410, 'gone')


def test_get_of_pending_and_unknown(faas):
    """as section 3: 202 pending, 404 unknown; HEAD takes nothing"""
    call_id = accept(faas, 'sleep', path='?ms=2000').header('X-Call-Id')
    answer = faas.call('GET', f'/async-function/{call_id}?wait=0')
    assert (answer.status, answer.header('X-Callback')) == (202, 'pending')
    assert answer.header('Retry-After')
    until = time.monotonic() + 10
    while (head := faas.call('HEAD', f'/async-function/{call_id}')).status in (202, 503):
        assert time.monotonic() < until, 'HEAD does not wait, but each node must hear of it'
    assert head.status == 200
    assert faas.call('GET', f'/async-function/{call_id}').status == 200
    answer = faas.call('GET', '/async-function/8f0e0000-0000-8000-8000-000000000000')
    assert (answer.status, answer.header('X-Callback')) == (404, 'unknown')
    assert faas.call('GET', '/async-function/never-heard-of').status == 404


def test_cancel_by_delete(faas):
    """`DELETE /async-function/{call-id}` – cancel: 202, 404."""
    call_id = accept(faas, 'sleep', path='?ms=30000').header('X-Call-Id')
    answer = faas.call('DELETE', f'/async-function/{call_id}')
    assert (answer.status, answer.body) == (202, b'')
    assert faas.status(call_id).json()['status'] == 'canceled'
    assert faas.call('DELETE', f'/async-function/{call_id}').status == 404
    assert faas.call('DELETE', '/async-function/never-heard-of').status == 404
    assert faas.collect(call_id).status == 410


def test_cancel_by_the_clients_id(faas):
    """can be used wherever the GUID can"""
    mine = f'stop-{uuid.uuid4().hex}'
    accept(faas, 'sleep', headers={'X-Call-Id': mine}, path='?ms=30000')
    assert faas.call('DELETE', f'/async-function/{mine}').status == 202
    assert faas.status(mine).json()['status'] == 'canceled'


# --- X-Callback-Url -------------------------------------------------------------------------


def test_the_guides_callback_to_another_function(faas, upstream):
    """curl http://gateway:8080/async-function/{function_name} --data-binary @sample.json
    -H "X-Callback-Url: http://gateway:8080/function/send2slack" """
    upstream.on('/base/slack', lambda seen: (200, [], b'posted'))
    accept(faas, 'figlet', b'{"sample":1}', {
        'Content-Type': 'application/json',
        'X-Callback-Url': faas.url + '/function/up/slack'})
    seen = upstream.wait_for('/base/slack')[0]
    found = {k.lower(): v for k, v in seen.headers}
    assert (seen.method, seen.body) == ('POST', b'{"sample":1}')
    assert found['content-type'] == 'application/json'
    assert found['x-function-name'] == 'figlet' and found['x-function-status'] == '200'


def test_the_callback_carries_the_clients_id(faas, upstream):
    """one POST of its body and headers to that URL with `X-Call-Id` ..."""
    mine = f'hook-{uuid.uuid4().hex}'
    upstream.on(f'/{mine}', lambda seen: (202, [], b''))
    accept(faas, 'figlet', b'r', {'X-Call-Id': mine,
                                  'X-Callback-Url': f'{upstream.url}/{mine}'})
    found = {k.lower(): v for k, v in upstream.wait_for(f'/{mine}')[0].headers}
    assert found['x-call-id'] == mine
    assert set(found) >= {'x-duration-seconds', 'x-function-status', 'x-function-name',
                          'x-start-time'}
    until = time.monotonic() + 5
    while faas.status(mine).json().get('webhook') != 'delivered':
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_bad_callback_url_is_400_and_nothing_runs(faas, upstream):
    """Not an absolute http(s) URL: 400."""
    for url in ('foo', '//h/p', 'http://', 'ftp://h/x', 'http://a b/'):
        answer = faas.call('POST', '/async-function/up/never', b'x', {'X-Callback-Url': url})
        assert_problem(answer, 400, 'bad-request')
    assert upstream.requests('/base/never') == []


# --- curl, exactly as in the guide ----------------------------------------------------------


def curl(*arguments):
    for _ in range(3):  # a 503 says: ask again
        done = subprocess.run(['curl', '-sS', '-i', '--max-time', '10', *arguments],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        if not ASK_AGAIN.search(done.stdout.encode()):
            break
        time.sleep(0.3)
    return done.stdout


def test_curl_as_the_guide_calls_it(faas, tmp_path, upstream):
    """$ curl --data "message" http://gateway:8080/async-function/{function_name}"""
    said = curl('--data', 'message', f'{faas.url}/async-function/figlet')
    assert said.startswith('HTTP/1.1 202 '), said
    call_id = re.search(r'(?im)^x-call-id: (\S+)', said)[1]
    assert curl(f'{faas.url}/async-function/{call_id}').endswith('\n\nmessage')
    sample = tmp_path / 'sample.json'
    sample.write_text('{"from":"curl"}')
    upstream.on('/base/curl', lambda seen: (200, [], b''))
    said = curl(f'{faas.url}/async-function/figlet', '--data-binary', f'@{sample}',
                '-H', f'X-Callback-Url: {faas.url}/function/up/curl')
    assert said.startswith('HTTP/1.1 202 '), said
    assert upstream.wait_for('/base/curl')[0].body == b'{"from":"curl"}'


# --- what its other clients ask -------------------------------------------------------------


def test_healthz(faas):
    """`GET /healthz` 200 `OK`"""
    answer = faas.call('GET', '/healthz')
    assert (answer.status, answer.body) == (200, b'OK')
    answer = faas.call('POST', '/healthz', b'')
    assert answer.status == 405 and 'GET' in answer.header('Allow')


def test_system_info(faas):
    """`GET /system/info` ... for its clients"""
    found = faas.call('GET', '/system/info').json()
    for part in (found['version'], found['provider']['version']):
        assert part['release'] and part['sha'], 'certifier wants both'
    assert found['provider']['provider'] and found['provider']['orchestration']
    assert found['arch']


def test_system_functions(faas):
    """`GET /system/functions`, `GET /system/function/{name}`"""
    answer = faas.call('GET', '/system/functions')
    assert answer.header('Content-Type') == 'application/json'
    found = {one['name']: one for one in answer.json()}
    assert {'figlet', 'sleep', 'up', 'cat'} <= set(found)
    one = faas.call('GET', '/system/function/figlet').json()
    assert one == found['figlet']
    assert one['labels']['faas_function'] == 'figlet' and one['availableReplicas'] >= 1
    assert faas.call('GET', '/system/function/figlet.openfaas-fn').json()['name'] == 'figlet'
    assert faas.call('GET', '/system/function/nobody').status == 404
    assert 'openfaas-fn' in json.loads(faas.call('GET', '/system/namespaces').body)


def test_system_namespace(faas):
    """Each namespace of the list can be asked for, as its clients do"""
    for name in faas.call('GET', '/system/namespaces').json():
        answer = faas.call('GET', f'/system/namespace/{name}')
        assert answer.status == 200 and answer.json()['name'] == name
    assert faas.call('GET', '/system/namespace/dev').status == 404
    assert faas.call('POST', '/system/namespace/', b'{"name":"dev"}').status == 405


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE'])
def test_functions_are_not_deployed_by_http(faas, method):
    """for its clients: reads only; another method 405"""
    answer = faas.call(method, '/system/functions', b'{"service":"x"}')
    assert answer.status == 405 and 'GET' in answer.header('Allow')


# --- the queue ------------------------------------------------------------------------------


def test_a_full_queue_is_429_before_the_202(faas, upstream):
    """queue full 429 ... with `Retry-After`. The check comes before the 202"""
    if len(faas.each()) > 1:
        pytest.skip('each node has a queue of its own')
    gate = upstream.gate('/one')
    ids = [accept(faas, 'one').header('X-Call-Id') for _ in range(2)]
    answer = faas.call('POST', '/async-function/one', b'')
    assert_problem(answer, 429, 'queue-full')
    assert int(answer.header('Retry-After')) >= 1
    gate.set()
    for one in ids:
        assert faas.collect(one, wait=5000).status == 200


# --- the watchdog ---------------------------------------------------------------------------


def test_exec_is_the_classic_watchdog(faas):
    """`exec:` behaves as the classic watchdog: Http_* variables of method, path, query, host,
    length, and of each header's first value; the request's Content-Type is the answer's"""
    answer = faas.call('PUT', '/function/env/a/b?x=1&y=%20', b'12345', [
        ('X-Multi', 'first'), ('X-Multi', 'second'), ('Content-Type', 'text/x-in'),
        ('X-Call-Id', 'watched')])
    found = dict(line.split('=', 1) for line in answer.body.decode().splitlines()
                 if '=' in line)
    assert answer.status == 200 and answer.header('Content-Type') == 'text/x-in'
    assert (found['Http_Method'], found['Http_Path']) == ('PUT', '/a/b')
    assert found['Http_Query'] == 'x=1&y=%20'
    assert found['Http_ContentLength'] == found['Http_Content_Length'] == '5'
    assert found['Http_X_Multi'] == 'first' and found['Http_X_Call_Id'] == 'watched'
    assert found['Http_Host'] and float(answer.header('X-Duration-Seconds')) >= 0


def test_exec_asynchronously(faas):
    """The same behind /async-function: body in, output out, the exit code is the verdict"""
    call_id = accept(faas, 'cat', b'in and out').header('X-Call-Id')
    assert faas.collect(call_id, wait=5000).body == b'in and out'
    call_id = accept(faas, 'fails', b'said ').header('X-Call-Id')
    answer = faas.collect(call_id, wait=5000)
    assert answer.status == 500 and answer.header('X-Function-Status') == '500'
    assert answer.body == b'exit status 3\nsaid to stderr\n'
    assert answer.header('Content-Type').startswith('text/plain')


def test_exec_variables_cannot_be_forged_by_case_or_underscore(faas):
    """with its faults mended: a header X_Call_Id does not become Http_X_Call_Id"""
    answer = faas.call('POST', '/function/env', b'', [('X_Call_Id', 'forged'),
                                                      ('X_Query', 'forged')])
    assert b'forged' not in answer.body


# --- its time-outs --------------------------------------------------------------------------


def test_exec_timeout(start_service, scripts):
    """`exec_timeout` is accepted as a variable: the hard time-out, in seconds or as 1m30s;
    time-out → 504 and the process group is killed"""
    service = start_service({'slow': 'exec:' + scripts('slow.sh', 'sleep 30\n'),
                             'sleep': 'builtin:sleep'}, None, {'exec_timeout': '1'})
    answer = service.call('POST', '/function/slow', b'')
    assert answer.status == 504 and 0.9 < answer.seconds < 4, answer
    call_id = service.call('POST', '/async-function/sleep?ms=20000', b'').header('X-Call-Id')
    answer = service.collect(call_id, wait=5000)
    assert_problem(answer, 504, 'upstream-timeout')
    assert answer.header('X-Function-Status') == '504'


def test_exec_timeout_of_one_function_is_stronger(start_service):
    """flag, environment, file, default: a function's own time-out wins"""
    service = start_service({'sleep': 'builtin:sleep', 'short': 'builtin:sleep'},
                            {'functions.short.timeout_ms': 200}, {'exec_timeout': '1m30s'})
    assert service.call('POST', '/function/short?ms=20000', b'').status == 504
    assert service.call('POST', '/function/sleep?ms=700', b'x').body == b'x'


def test_read_timeout(start_service):
    """`read_timeout`: a request that does not arrive in time is ended"""
    service = start_service({'figlet': 'builtin:echo'}, None, {'read_timeout': '1s'})
    node = service.each()[0]
    for sent in ('POST /function/figlet HTTP/1.1\r\nHost: x\r\n',
                 'POST /function/figlet HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf'):
        begun = time.monotonic()
        with node.raw() as raw:
            raw.send(sent)
            said = raw.rest()
        assert said == b'' or said.startswith(b'HTTP/1.1 408 '), said
        assert 0.8 < time.monotonic() - begun < 4


def test_write_timeout(start_service):
    """`write_timeout`: a client that does not read its answer is let go, and the callback is
    collectable again"""
    service = start_service({'figlet': 'builtin:echo'}, {'limits.body_bytes': '64MiB'},
                            {'write_timeout': '2'})
    node = service.each()[0]
    body = b'w' * (24 << 20)
    guid = guid_of(node.call('POST', '/async-function/figlet', body))
    node.wait_state(guid, 'succeeded')
    deaf = node.raw(receive_buffer=4096)
    deaf.send(f'GET /async-function/{guid} HTTP/1.1\r\nHost: x\r\n\r\n')
    assert deaf.head()[0] == 200
    assert node.collect(guid, wait=0).status == 202, 'it is being served'
    answer = node.collect(guid, wait=30000)
    assert answer.status == 200 and answer.body == body
    deaf.close()


@pytest.mark.parametrize('variable', ['read_timeout', 'write_timeout', 'exec_timeout'])
def test_a_time_out_that_is_none_is_a_fault(variable):
    """each fault as ...: what is wrong, what is allowed; exit code 2"""
    from node import run_callbackd
    done = run_callbackd('--check', env={variable: 'soon'})
    assert done.returncode == 2 and variable in done.stderr + done.stdout


def test_upstream_that_cannot_be_reached(start_service):
    """502, as a gateway says it"""
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))  # and it does not listen
        service = start_service({'dead': 'http://127.0.0.1:%d' % one.getsockname()[1]})
        assert_problem(service.call('POST', '/function/dead', b''), 502, 'upstream-failed')
