"""API.md 2, targets: upstreams, programs, plugins, builtins, and what a function is given."""
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from node import TREE, BINARY
from problems import assert_problem

GUID = r'[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'


def plugin_path():
    """The example plugin, wherever the build put it."""
    named = os.environ.get('CALLBACKD_PLUGIN')
    if named:
        return named
    for folder, _, names in os.walk(os.path.dirname(BINARY)):
        for name in names:
            if name.endswith('.so') and 'score' in name:
                return os.path.join(folder, name)
    return None


def test_upstream_is_given_method_path_query_body_unchanged(node, upstream):
    """method, sub-path and raw query unchanged (no decoding), body"""
    for number, method in enumerate(('POST', 'PUT', 'PATCH', 'DELETE', 'GET')):
        body = b'' if method == 'GET' else b'body-%d' % number
        target = f'/a%2Fb/%7Ec//d;e/{method}?x=%20&y=a+b&&z'
        answer = node.call(method, '/v1/functions/up' + target, body or None)
        assert answer.status == 200, answer
        seen = upstream.wait_for('/base' + target.split('?')[0])[-1]
        assert (seen.method, seen.target) == (method, '/base' + target)
        assert seen.body == body


def test_a_query_is_kept_even_when_empty_or_alone(node, upstream):
    """raw query unchanged"""
    node.call('POST', '/v1/functions/up?only=query', b'x')
    assert upstream.wait_for('/base')[-1].target == '/base?only=query'


def test_an_asynchronous_function_is_given_the_same(node, upstream):
    """method, sub-path and raw query unchanged ... for 202 too"""
    answer = node.call('PUT', '/v1/functions/up/deep/path?k=%41', b'later',
                       {'Prefer': 'respond-async', 'X-Own': 'v'})
    assert answer.status == 202
    seen = upstream.wait_for('/base/deep/path')[-1]
    assert (seen.method, seen.target, seen.body) == ('PUT', '/base/deep/path?k=%41', b'later')
    assert dict(seen.headers)['X-Own'] == 'v'
    assert node.collect(answer.json()['id']).body == b'later'


def test_end_to_end_headers_reach_the_function(node, upstream):
    """all end-to-end headers"""
    pairs = [('X-One', 'a'), ('X-Two', 'b'), ('x-two', 'c'), ('Content-Type', 'text/x-y'),
             ('Accept', 'application/json'), ('User-Agent', 'tester/1'), ('X-Empty', ''),
             ('Cookie', 'k=v'), ('X-Latin', 'caf\xe9')]
    node.call('POST', '/v1/functions/up/headers', b'x', pairs)
    seen = upstream.wait_for('/base/headers')[-1]
    got = [(k.lower(), v) for k, v in seen.headers]
    for name, value in pairs:
        assert (name.lower(), value) in got, (name, got)
    assert [v for k, v in got if k == 'x-two'] in (['b', 'c'], ['b, c'])


def test_hop_by_hop_headers_are_dropped_to_the_function(node, upstream):
    """Hop-by-hop headers are dropped both ways."""
    node.call('POST', '/v1/functions/up/hop', b'x', [
        ('Connection', 'keep-alive, X-Private'), ('X-Private', '1'),
        ('Keep-Alive', 'timeout=5'),
        ('TE', 'trailers'), ('Upgrade', 'h2c'), ('Proxy-Authorization', 'Basic x'),
        ('Proxy-Connection', 'keep-alive')])
    got = {k.lower(): v for k, v in upstream.wait_for('/base/hop')[-1].headers}
    for name in ('x-private', 'keep-alive', 'te', 'upgrade', 'proxy-authorization',
                 'proxy-connection'):
        assert name not in got, (name, got)


def test_hop_by_hop_headers_are_dropped_to_the_client(node, upstream):
    """Hop-by-hop headers are dropped both ways."""
    upstream.on('/base/answer', lambda seen: (201, [
        ('Connection', 'X-Inner'), ('X-Inner', '1'), ('Keep-Alive', 'timeout=9'),
        ('Proxy-Authenticate', 'Basic'), ('X-Outer', 'yes'), ('Content-Type', 'a/b'),
        ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')], b'body'))
    for prefer in ([], [('Prefer', 'respond-async')]):
        answer = node.call('POST', '/v1/functions/up/answer', b'', prefer)
        if prefer:
            answer = node.collect(answer.json()['id'])
        assert (answer.status, answer.body) == (201, b'body')
        assert answer.header('X-Outer') == 'yes' and answer.header('Content-Type') == 'a/b'
        assert answer.headers('Set-Cookie') == ['a=1', 'b=2']
        for name in ('X-Inner', 'Keep-Alive', 'Proxy-Authenticate'):
            assert answer.header(name) is None, answer
        assert 'X-Inner' not in (answer.header('Connection') or '')


def test_a_function_is_given_the_ids_and_the_attempt(node, upstream):
    """plus `X-Call-Id` (... the entry GUID), `Idempotency-Key` (the entry GUID ...),
    `X-Attempt` (1, 2 …)"""
    guid = node.post('up', path='/ids')
    got = dict(upstream.wait_for('/base/ids')[-1].headers)
    lower = {k.lower(): v for k, v in got.items()}
    assert lower['x-call-id'] == guid
    assert lower['idempotency-key'] == guid
    assert lower['x-attempt'] == '1'


def test_a_client_cannot_forge_these(node, upstream):
    """X-Attempt, X-Call-Id and Idempotency-Key are ours on the native route"""
    guid = node.post('up', b'', {'X-Attempt': '9', 'X-Call-Id': 'mine'}, '/forge')
    got = [(k.lower(), v) for k, v in upstream.wait_for('/base/forge')[-1].headers]
    assert [v for k, v in got if k == 'x-attempt'] == ['1']
    assert [v for k, v in got if k == 'x-call-id'] == [guid]
    assert [v for k, v in got if k == 'idempotency-key'] == [guid]


def test_a_function_is_told_who_asked(node, upstream):
    """`X-Forwarded-For/-Host/-Proto`"""
    node.call('POST', '/v1/functions/up/forwarded', b'', [('Host', 'shop.example:81')])
    got = {k.lower(): v for k, v in upstream.wait_for('/base/forwarded')[-1].headers}
    assert got['x-forwarded-for'].split(',')[-1].strip() == '127.0.0.1'
    assert got['x-forwarded-host'] == 'shop.example:81'
    assert got['x-forwarded-proto'] == 'http'


@pytest.mark.parametrize('code', [200, 201, 204, 302, 404, 418, 500, 503])
def test_the_functions_status_code_is_kept(node, upstream, code):
    """the function's own status code"""
    upstream.on(f'/base/code{code}', lambda seen: (code, [('X-Was', str(code))],
                                                  b'' if code == 204 else b'text'))
    answer = node.call('POST', f'/v1/functions/up/code{code}', b'')
    assert (answer.status, answer.header('X-Was')) == (code, str(code))
    guid = node.post('up', path=f'/code{code}')
    state = node.wait_state(guid, 'succeeded', 'failed')['status']
    assert state == ('failed' if code >= 400 else 'succeeded')
    answer = node.collect(guid)
    assert (answer.status, answer.header('X-Was')) == (code, str(code))
    assert answer.body == (b'' if code == 204 else b'text')


def test_no_redirect_of_an_upstream_is_followed(node, upstream):
    """the function's answer is the answer"""
    upstream.on('/base/moved', lambda seen: (302, [('Location', '/base/elsewhere')], b''))
    answer = node.call('POST', '/v1/functions/up/moved', b'')
    assert (answer.status, answer.header('Location')) == (302, '/base/elsewhere')
    assert upstream.requests('/base/elsewhere') == []


def test_an_upstream_that_cannot_be_reached_is_502(node):
    """gave no answer (then the callback is a problem document, 502, 504 or 500)"""
    assert_problem(node.call('POST', '/v1/functions/dead', b'x'), 502, 'upstream-failed')
    guid = node.post('dead')
    assert node.wait_state(guid, 'failed')['status'] == 'failed'
    answer = node.collect(guid)
    assert_problem(answer, 502, 'upstream-failed')
    assert answer.header('X-Callback') == 'delivered'
    assert answer.header('X-Function-Status') == '502'


def test_an_upstream_that_breaks_off_is_502(node, upstream):
    """gave no answer"""
    upstream.on('/base/broken', lambda seen: None)
    upstream.on('/base/short', lambda seen: (200, [('Content-Length', '100'),
                                                   ('Connection', 'close')], b'only'))
    for path in ('/broken', '/short'):
        guid = node.post('up', path=path)
        node.wait_state(guid, 'failed')
        assert_problem(node.collect(guid), 502, 'upstream-failed')


def test_binary_bodies_pass_through_byte_for_byte(node):
    """its body, byte for byte"""
    body = bytes(range(256)) * 5000
    for function in ('echo', 'up', 'cat'):
        assert node.call('POST', f'/v1/functions/{function}', body).body == body, function
        assert node.collect(node.post(function, body), wait=10000).body == body, function


def test_a_chunked_answer_of_an_upstream_gets_a_length():
    """with `Content-Length`"""
    server = socket.create_server(('127.0.0.1', 0))

    def serve():
        peer, _ = server.accept()
        peer.recv(65536)
        peer.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                     b'5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n')
        time.sleep(0.2)
        peer.close()
    threading.Thread(target=serve, daemon=True).start()
    done = start_and_collect(server.getsockname()[1])
    assert (done.body, done.header('Content-Length')) == (b'hello world', '11')
    assert done.header('Transfer-Encoding') is None
    server.close()


def start_and_collect(port):
    from node import Node
    node = Node({'f': f'http://127.0.0.1:{port}/'})
    try:
        return node.collect(node.post('f', b'x'))
    finally:
        node.stop()


def test_an_https_upstream_with_an_unknown_certificate_is_502(start_node, tmp_path):
    """`https://…` (an upstream): never without a certificate that can be checked"""
    key, cert = str(tmp_path / 'k.pem'), str(tmp_path / 'c.pem')
    made = subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days',
                           '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert],
                          capture_output=True) if os.path.exists('/usr/bin/openssl') else None
    if not made or made.returncode:
        pytest.skip('no openssl command here')
    from upstream import Upstream
    server = Upstream()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    node = start_node({'tls': f'https://localhost:{server.port}/x'})
    assert_problem(node.call('POST', '/v1/functions/tls', b'secret'), 502, 'upstream-failed')
    assert server.seen == []
    server.close()


def test_exec_gets_the_body_and_answers_its_output(node):
    """body on stdin, result on stdout"""
    answer = node.call('POST', '/v1/functions/cat', b'to and fro',
                       {'Content-Type': 'text/x-own'})
    assert (answer.status, answer.body) == (200, b'to and fro')


def test_exec_gets_the_watchdogs_environment(node):
    """`Http_*` environment as OpenFaaS's classic watchdog"""
    answer = node.call('PUT', '/v1/functions/env/sub/path?q=1&r=%20', b'12345', [
        ('X-My-Header', 'first'), ('User-Agent', 'tester'), ('Content-Type', 'text/plain')])
    lines = answer.body.decode().splitlines()
    found = dict(line.split('=', 1) for line in lines if '=' in line)
    assert found['Http_Method'] == 'PUT'
    assert found['Http_Path'] == '/sub/path'
    assert found['Http_Query'] == 'q=1&r=%20'
    assert found['Http_ContentLength'] == found['Http_Content_Length'] == '5'
    assert found['Http_X_My_Header'] == 'first'
    assert found['Http_User_Agent'] == 'tester'
    assert found['Http_Content_Type'] == 'text/plain'
    assert 'Http_Host' in found and 'Http_X_Call_Id' in found


def test_exec_environment_of_a_bare_call(node):
    """Http_Path always; Http_Query only if there is one"""
    answer = node.call('POST', '/v1/functions/env', b'')
    found = dict(line.split('=', 1) for line in answer.body.decode().splitlines()
                 if '=' in line)
    assert found['Http_Path'] == '/' and 'Http_Query' not in found


def test_exec_exit_code_not_0_is_500_with_the_watchdogs_text(node):
    """exit code not 0 → 500 ... the body is the watchdog's text, `exit status N` and the
    output, as `text/plain`"""
    answer = node.call('POST', '/v1/functions/fails', b'x')
    assert answer.status == 500
    assert answer.body == b'exit status 3\nbroken\n'
    assert answer.header('Content-Type').startswith('text/plain')
    guid = node.post('fails')
    assert node.wait_state(guid, 'failed')
    answer = node.collect(guid)
    assert (answer.status, answer.body) == (500, b'exit status 3\nbroken\n')


def test_exec_arguments_are_split_on_blanks_without_a_shell(start_node, tmp_path):
    """`exec:/path/to/program arg…`"""
    node = start_node({'args': 'exec:/usr/bin/printf %s| a $HOME ;x'})
    assert node.call('POST', '/v1/functions/args', b'').body == b'a|$HOME|;x|'


def test_exec_timeout_kills_the_process_group(start_node, scripts, tmp_path):
    """time-out → 504 and the process group is killed"""
    marks = tmp_path / 'pids'
    slow = scripts('slow.sh', f'sleep 60 &\necho $! >>{marks}\necho $$ >>{marks}\nwait\n')
    node = start_node({'slow': 'exec:' + slow}, {'functions.slow.timeout_ms': 2000})
    answer = node.call('POST', '/v1/functions/slow', b'')
    assert answer.status == 504 and answer.seconds < 10
    assert_dead(marks, 2)


def assert_dead(marks, count):
    pids = [int(p) for p in marks.read_text().split()]
    assert len(pids) == count
    until = time.monotonic() + 5
    while any(is_alive(p) for p in pids):
        assert time.monotonic() < until, 'a process of the group lives on'
        time.sleep(0.02)


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as stream:
            return stream.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_exec_cancel_kills_the_process_group(start_node, scripts, tmp_path):
    """Queued or running: it ends (process killed ...)"""
    marks = tmp_path / 'pids'
    slow = scripts('slow2.sh', f'sleep 60 &\necho $! >>{marks}\necho $$ >>{marks}\nwait\n')
    node = start_node({'slow': 'exec:' + slow})
    guid = node.post('slow')
    node.wait_state(guid, 'running')
    while not marks.exists() or len(marks.read_text().split()) < 2:
        time.sleep(0.02)
    assert node.call('DELETE', f'/v1/invocations/{guid}').status == 200
    assert_dead(marks, 2)


def test_exec_leaves_no_zombies_and_no_descriptors(start_node, scripts):
    """one process a request"""
    node = start_node({'cat': 'exec:/bin/cat', 'deaf': 'exec:/bin/true',
                       'fails': 'exec:/bin/false'})
    node.call('POST', '/v1/functions/cat', b'x')
    folder = f'/proc/{node.process.pid}/fd'
    before = len(os.listdir(folder))
    for function in ('cat', 'deaf', 'fails') * 15:
        answer = node.call('POST', f'/v1/functions/{function}', b'x' * 100000)
        assert answer.status == (500 if function == 'fails' else 200)
    until = time.monotonic() + 5
    while len(os.listdir(folder)) > before + 3 or 'Z' in states_of_children(node):
        assert time.monotonic() < until, (os.listdir(folder), before)
        time.sleep(0.05)


def states_of_children(node):
    return subprocess.run(['ps', '--ppid', str(node.process.pid), '-o', 'stat='],
                          capture_output=True, text=True, check=False).stdout


def test_exec_killed_by_a_signal_is_500(start_node, scripts):
    """function-crashed"""
    node = start_node({'dies': 'exec:' + scripts('dies.sh', 'kill -SEGV $$\n')})
    assert node.call('POST', '/v1/functions/dies', b'').status == 500
    assert node.call('POST', '/v1/functions/dies', b'').status == 500


def test_plugin_runs_in_process(start_node):
    """`plugin:/path/lib.so` (in process, on worker threads, a stable C ABI ...)"""
    path = plugin_path()
    if not path:
        pytest.skip('no example plugin was built')
    node = start_node({'score': f'plugin:{path}'})
    body = b'{"amount": 12.5, "country": "DE"}'
    first = node.call('POST', '/v1/functions/score', body)
    assert first.status == 200, first
    first.json()
    guid = node.post('score', body)
    assert node.collect(guid, wait=5000).status == 200


def test_the_plugin_header_is_in_one_installed_file():
    """a stable C ABI in one installed header"""
    header = os.path.join(TREE, 'node/include/callbackd/plugin.h')
    with open(header, encoding='utf-8') as stream:
        text = stream.read()
    program = text + '\nint main(void)\n{\n    return 0;\n}\n'
    done = subprocess.run(['gcc', '-std=c11', '-Wall', '-Wextra', '-Werror', '-x', 'c', '-',
                           '-fsyntax-only'], input=program, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_builtin_echo_answers_body_and_content_type(node):
    """`builtin:echo` (answers the request's body and Content-Type)"""
    answer = node.call('POST', '/v1/functions/echo', b'{"a":1}',
                       {'Content-Type': 'application/vnd.own+json; charset=utf-8'})
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert answer.header('Content-Type') == 'application/vnd.own+json; charset=utf-8'
    assert node.call('POST', '/v1/functions/echo', b'').body == b''


def test_builtin_sleep_waits_then_echoes(node):
    """`builtin:sleep` (waits `?ms=` milliseconds, then echoes)"""
    answer = node.call('POST', '/v1/functions/sleep?ms=300', b'zzz')
    assert answer.body == b'zzz' and 0.29 <= answer.seconds < 1.5


def test_builtin_status_answers_with_a_code(node):
    """`builtin:status` (answers with status code `?code=`)"""
    for code in (200, 201, 404, 500, 503):
        assert node.call('POST', f'/v1/functions/code?code={code}', b'').status == code


def test_x_call_id_is_a_guid_of_version_8(node, upstream):
    """Entry GUID: UUID version 8 ... printed lower-case with hyphens"""
    for _ in range(20):
        assert re.fullmatch(GUID, node.post('echo'))
