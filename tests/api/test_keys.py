"""docs/auth.md: who may do what. Keys, scopes, functions, where a key may stand, what becomes
of it, reading the file anew, the admin address, and a start that would be open."""
import base64
import hashlib
import re
import signal
import subprocess
import time

import pytest
from http_client import Raw
from node import CONTROL, clean_environment, run_callbackd

KEYS = {
    'all': ('red', ['*'], ['invoke', 'collect', 'cancel', 'admin']),
    'invoke': ('red', ['*'], ['invoke']),
    'collect': ('red', [], ['collect']),
    'cancel': ('red', [], ['cancel']),
    'admin': ('red', ['echo'], ['admin']),
    'echo': ('red', ['echo'], ['invoke', 'collect']),
}
FUNCTIONS = {'echo': 'builtin:echo', 'sleep': 'builtin:sleep'}
WORDS = {'{name}': 'echo', '{path}': 'a', '{id}': 'order-17', '{modelGuid}': 'echo',
         '{entryGuid}': '018f3a5e-7c21-8abc-9def-00112233aabb', '{deployment}': 'echo',
         '{namespace}': 'openfaas-fn', '{slug}': 'gone'}
GHOST = '018f3a5e-7c21-8abc-9def-00112233aabb'


def secret(name):
    return f'cbk_{name}_' + hashlib.sha256(name.encode()).hexdigest()[:32]


def entry(name, tenant, functions, scopes, limits=None):
    digest = hashlib.sha256(secret(name).encode()).hexdigest()
    lines = [f'  - name: {name}', f'    sha256: {digest}', f'    scopes: [{", ".join(scopes)}]',
             '    functions: [%s]' % ', '.join(f'"{f}"' for f in functions)]
    lines += [f'    {word}: {number}' for word, number in (limits or {}).items()]
    return '\n'.join(lines + ([f'    tenant: {tenant}'] if tenant else [])) + '\n'


def write_keys(path, keys=None):
    path.write_text('keys:\n' + ''.join(entry(n, *k) for n, k in (keys or KEYS).items()))
    return path


def bearer(name):
    return [('Authorization', f'Bearer {secret(name)}')]


def basic(name, user='admin'):
    pair = base64.b64encode(f'{user}:{secret(name)}'.encode()).decode()
    return [('Authorization', f'Basic {pair}')]


@pytest.fixture(scope='module')
def keyed(start_module_node, tmp_path_factory, upstream):
    path = write_keys(tmp_path_factory.mktemp('keys') / 'keys.yaml')
    return start_module_node({**FUNCTIONS, 'up': upstream.url + '/base'},
                             {'auth.keys_file': path})


@pytest.fixture(scope='module')
def operations(keyed):
    """(method, path, scope) of every route, from the document that is made of the table."""
    found = []
    for path, item in keyed.call('GET', '/openapi.json').json()['paths'].items():
        for method, operation in item.items():
            found.append((method.upper(), path, operation['x-scope']))
    assert len(found) > 40
    return found


def fill(path):
    filled = re.sub(r'\{\w+\}', lambda m: WORDS[m.group()], path)
    assert '{' not in filled
    return filled


def test_without_a_key_every_route_says_401(keyed, operations):
    """a missing or unknown key: 401 with WWW-Authenticate and a problem document in the
    dialect's way; only what tells nothing of anybody is open"""
    for headers in ([], [('Authorization', 'Bearer cbk_wrong')], [('X-Api-Key', 'wrong')],
                    [('Authorization', 'Basic ' + base64.b64encode(b'admin:x').decode())],
                    [('Authorization', 'Basic %%%')], [('Authorization', 'Bearer ')],
                    [('Authorization', f'Bearer {"x" * 300}')]):
        for method, path, scope in operations:
            body = b'{}' if method in ('POST', 'PUT', 'PATCH') else None
            answer = keyed.call(method, fill(path), body, headers)
            if scope == 'none':
                assert answer.status == 200, (method, path, answer)
                continue
            assert answer.status == 401, (method, path, answer)
            assert [c.split()[0] for c in answer.headers('WWW-Authenticate')] == ['Bearer',
                                                                                  'Basic']
            if path.startswith('/api/'):
                assert answer.body == b''
            elif method != 'HEAD':
                assert answer.header('Content-Type') == 'application/problem+json'
                assert answer.json()['type'] == '/problems/unauthorized'
    assert keyed.call('GET', '/no-such').status == 401
    assert keyed.call('GET', '/no/such/route').status == 401
    metrics = keyed.admin_call('GET', '/metrics', headers=bearer('all')).body.decode()
    assert not re.search(r'callbackd_invocations_total\{[^}]*\} [1-9]', metrics)


def test_a_scope_that_is_missing_says_403(keyed, operations):
    """scope missing: 403 (`forbidden`)"""
    for method, path, scope in operations:
        body = b'{}' if method in ('POST', 'PUT', 'PATCH') else None
        for name in ('invoke', 'collect', 'cancel', 'admin'):
            answer = keyed.call(method, fill(path), body, bearer(name))
            if scope in ('none', name):
                assert answer.status not in (401, 403), (name, method, path, answer)
                continue
            assert answer.status == 403, (name, method, path, answer)
            assert not answer.headers('WWW-Authenticate')
            if method != 'HEAD' and not path.startswith('/api/'):
                assert answer.json()['type'] == '/problems/forbidden'


def test_only_the_functions_of_the_key(keyed):
    """the functions it may invoke (`*` allowed); others 403, however they are called"""
    for target in ('/v1/functions/%s', '/function/%s', '/async-function/%s', '/%s', '/%s/a'):
        assert keyed.call('POST', target % 'echo', b'x', bearer('echo')).status in (200, 202)
        assert keyed.call('POST', target % 'sleep', b'1', bearer('echo')).status == 403
    listed = keyed.call('GET', '/system/functions', headers=bearer('admin')).json()
    assert [f['name'] for f in listed] == ['echo']
    assert keyed.call('GET', '/system/function/sleep', headers=bearer('admin')).status == 404
    assert keyed.call('GET', '/system/function/echo', headers=bearer('admin')).status == 200
    listed = keyed.call('GET', '/system/functions', headers=bearer('all')).json()
    assert [f['name'] for f in listed] == ['echo', 'sleep', 'up']


@pytest.mark.parametrize('headers', [
    bearer('all'), basic('all'), basic('all', ''), [('X-Api-Key', secret('all'))],
    [('x-api-key', secret('all'))], [('Authorization', f'bearer   {secret("all")}')],
    [('X-Api-Key', 'wrong'), *bearer('all')],
    [('Authorization', 'Bearer wrong'), ('X-Api-Key', secret('all'))],
], ids=['bearer', 'basic', 'no-user', 'x-api-key', 'lower', 'spaces', 'second', 'other'])
def test_where_a_key_may_stand(keyed, headers):
    """taken from Authorization: Bearer, x-api-key, or Authorization: Basic (the password)"""
    assert keyed.call('POST', '/v1/functions/echo', b'x', headers).body == b'x'


def test_nobody_behind_us_sees_the_key(keyed, upstream):
    """a header that brought one of our keys is for nobody behind us"""
    other = [('X-Api-Key', 'for-the-function')]
    for headers in (bearer('all'), basic('all'), [('X-Api-Key', secret('all'))],
                    bearer('all') + [('X-Api-Key', secret('echo'))]):
        keyed.call('POST', '/v1/functions/up', b'x', headers)
        seen = {k.lower(): v for k, v in upstream.seen[-1].headers}
        assert 'authorization' not in seen and 'x-api-key' not in seen
        assert not any(secret(n) in v for v in seen.values() for n in KEYS)
    keyed.call('POST', '/v1/functions/up', b'x', bearer('all') + other)
    assert not any(secret('all') in v for v in dict(upstream.seen[-1].headers).values())


def test_no_body_is_read_from_a_stranger(keyed):
    """401 comes before the body"""
    for address, path in ((keyed.api, '/v1/functions/echo'), (keyed.admin, '/v1/drain')):
        raw = Raw(address)
        raw.send(f'POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n'.encode())
        assert raw.answer().status == 401
        raw.close()


def test_the_file_is_read_anew(start_node, tmp_path):
    """reloaded on SIGHUP; a bad file at reload: the old keys stay, logged"""
    path = write_keys(tmp_path / 'keys.yaml', {'old': ('red', ['*'], ['invoke'])})
    node = start_node(FUNCTIONS, {'auth.keys_file': path})

    def status(name):
        return node.call('POST', '/v1/functions/echo', b'x', bearer(name)).status

    def hup(event, count):
        node.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while len(node.events(event)) < count:
            assert time.monotonic() < until, node.log()
            time.sleep(0.01)
        return node.events(event)[-1]

    assert (status('old'), status('new')) == (200, 401)
    write_keys(path, {'new': ('red', ['*'], ['invoke'])})
    assert (status('old'), status('new')) == (200, 401)
    assert hup('keys-read', 1)['keys'] == 1
    assert (status('old'), status('new')) == (401, 200)
    path.write_text('keys:\n  - sha256: zz\n    scopes: [invoke]\n')
    assert f'{path}:2' in hup('keys-not-read', 1)['fault']
    assert status('new') == 200
    path.unlink()
    assert 'cannot be read' in hup('keys-not-read', 2)['fault']
    assert status('new') == 200


def test_the_admin_address_is_for_administrators(keyed, start_node, tmp_path):
    """with keys on, everything except /healthz and /readyz (and optionally /metrics) needs
    the scope admin"""
    for path in ('/healthz', '/readyz'):
        assert keyed.admin_call('GET', path).status == 200
    for path in ('/metrics', '/v1/node', '/v1/cluster', '/v1/queues', '/nothing',
                 '/api/EntityAnalysisAsynchronousQueueBalance',
                 '/api/EntityAnalysisModelAsynchronousQueueBalance'):
        none = keyed.admin_call('GET', path)
        assert none.status == 401 and none.headers('WWW-Authenticate'), path
        assert keyed.admin_call('GET', path, headers=bearer('echo')).status == 403, path
        wanted = 404 if path == '/nothing' else 200
        assert keyed.admin_call('GET', path, headers=basic('admin')).status == wanted, path
    assert keyed.admin_call('POST', '/v1/drain').status == 401
    assert keyed.admin_call('POST', '/v1/drain', headers=bearer('invoke')).status == 403
    path = write_keys(tmp_path / 'keys.yaml')
    node = start_node(FUNCTIONS, {'auth.keys_file': path, 'auth.open_metrics': 'true'})
    assert node.admin_call('GET', '/metrics').status == 200
    assert node.admin_call('GET', '/v1/queues').status == 401


OPEN = [('--listen', '0.0.0.0:8080'), ('--admin', '0.0.0.0:9090'), ('--listen', '[::]:8080'),
        ('--listen', '192.0.2.1:80'), ('--listen', 'example.org:80')]


@pytest.mark.parametrize('flag, address', OPEN, ids=lambda v: v)
def test_a_start_that_would_be_open(flag, address, tmp_path):
    """beyond loopback without keys needs auth.open: true, else exit 2 with a clear message"""
    command = [flag, address, '--check']
    refused = run_callbackd(*command)
    assert refused.returncode == 2
    assert address in refused.stderr and 'auth.open' in refused.stderr
    assert run_callbackd(*command, '--set', 'auth.open=true').returncode == 0
    keys = write_keys(tmp_path / 'keys.yaml')
    assert run_callbackd(*command, '--set', f'auth.keys_file={keys}').returncode == 0


@pytest.mark.parametrize('address', ['127.0.0.1:0', '127.9.9.9:80', '[::1]:80', 'localhost:80'])
def test_loopback_needs_no_keys(address):
    """off by default on loopback"""
    assert run_callbackd('--listen', address, '--admin', address, '--check').returncode == 0


def test_a_keys_file_with_faults(tmp_path):
    """read strictly, with file:line faults like the configuration: all of them, exit 2"""
    path = tmp_path / 'keys.yaml'
    path.write_text('keys:\n  - sha256: abc\n    scopes: [invoke, fly]\n'
                    '  - tenant: "a b"\n    nonsense: 1\n')
    done = run_callbackd('--set', f'auth.keys_file={path}', '--listen', '127.0.0.1:0')
    assert done.returncode == 2
    for line, words in ((2, 'keys[0].sha256'), (3, 'keys[0].scopes'), (4, 'keys[1].tenant'),
                        (5, 'keys[1]'), (4, 'keys[1].sha256: is missing')):
        assert re.search(rf'keys.yaml:{line}: {re.escape(words)}', done.stderr), done.stderr


@pytest.mark.parametrize('mode', [0o620, 0o602])
def test_a_keys_file_that_others_may_write(tmp_path, mode):
    """who could write it could make keys"""
    path = tmp_path / 'keys.yaml'
    write_keys(path, {'one': ('red', ['*'], ['invoke'])})
    assert run_callbackd('--set', f'auth.keys_file={path}', '--check').returncode == 0
    path.chmod(mode)
    done = run_callbackd('--set', f'auth.keys_file={path}', '--check')
    assert done.returncode == 2
    assert 'can be written by others than its owner' in done.stderr


def control(*arguments, key=None):
    env = clean_environment({'CALLBACKCTL_KEY': key} if key else {})
    return subprocess.run([CONTROL, *arguments], capture_output=True, text=True, timeout=20,
                          env=env, stdin=subprocess.DEVNULL)


def test_callbackctl_makes_keys_and_shows_them(start_node, tmp_path):
    """`callbackctl key new` prints the key once and the YAML entry to add"""
    made = [control('key', 'new', '--tenant', 'acme', '--functions', 'echo', '--scopes',
                    'invoke,collect,admin', '--name', 'mine') for _ in range(2)]
    keys, entries = zip(*(m.stdout.split('\n', 1) for m in made))
    assert all(m.returncode == 0 for m in made) and keys[0] != keys[1]
    assert all(re.fullmatch(r'cbk_[-\w]{43}', k) for k in keys)
    assert not any(k in e for k in keys for e in entries)
    path = tmp_path / 'keys.yaml'
    path.write_text('keys:\n' + ''.join(entries))
    node = start_node(FUNCTIONS, {'auth.keys_file': path})
    for key in keys:
        node_url = 'http://%s:%d' % node.api
        done = control('--node', node_url, 'invoke', 'echo', '--data', 'x', '--wait', '10',
                       key=key)
        assert (done.returncode, done.stdout.strip()) == (0, 'x'), done
        done = control('--admin', 'http://%s:%d' % node.admin, 'queues', key=key)
        assert done.returncode == 0
    refused = control('--node', node_url, 'invoke', 'echo', '--data', 'x')
    assert refused.returncode == 1 and '401' in refused.stderr
    for wrong in (['--scopes', 'fly'], ['--tenant', 'a b'], ['--functions', 'a/b']):
        assert control('key', 'new', *wrong).returncode == 2
