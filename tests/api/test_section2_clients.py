"""API.md 2, `limits.client.*`: what one client may ask of a node, and what it hears beyond."""
import signal
import time

import pytest

from http_client import Raw
from problems import assert_problem
from test_keys import bearer, write_keys

TRUST = {'limits.client.trusted': '127.0.0.0/8'}


def refused(node, reason):
    return node.metrics()[f'callbackd_requests_refused_total{{reason="{reason}"}}']


def echo(node, client=None, headers=()):
    said = [('X-Forwarded-For', client)] if client else []
    return node.call('POST', '/v1/functions/echo', b'x', [*headers, *said])


def park(node, guid, client=None):
    raw = Raw(node.api)
    said = f'X-Forwarded-For: {client}\r\n' if client else ''
    raw.send(f'GET /v1/callbacks/{guid}?wait=20000 HTTP/1.1\r\nHost: x\r\n{said}\r\n')
    return raw


def test_nobody_is_limited_by_default(node):
    """`limits.client.rate`, `.concurrency`, `.parked`: 0 = not limited"""
    for _ in range(300):
        assert echo(node).status == 200
    assert refused(node, 'rate-limited') == 0


def test_rate_and_burst(start_node):
    """`limits.client.rate`, `limits.client.burst`: over it 429 with Retry-After"""
    node = start_node({'echo': 'builtin:echo'},
                      {'limits.client.rate': 5, 'limits.client.burst': 20})
    begun = time.monotonic()
    answers = [echo(node) for _ in range(60)]
    seconds = time.monotonic() - begun
    served = [a for a in answers if a.status == 200]
    assert 20 <= len(served) <= 21 + 5 * seconds
    over = next(a for a in answers if a.status != 200)
    assert_problem(over, 429, 'rate-limited')
    assert over.header('Retry-After') == '1'
    assert refused(node, 'rate-limited') == 60 - len(served)
    time.sleep(1.1)
    assert echo(node).status == 200, 'after Retry-After seconds'
    assert node.metrics()['callbackd_clients_known'] == 1


def test_a_refused_request_keeps_its_connection(start_node):
    """429, and the same connection is served on; a body is not taken for the next request"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.client.rate': 1})
    with node.raw() as raw:
        codes = []
        for number in range(5):
            raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\n'
                     'Content-Length: 30000\r\n\r\n')
            raw.send(b'%d' % number * 30000)
            codes.append(raw.answer().status)
        assert codes[0] == 200 and set(codes[1:]) <= {200, 429} and 429 in codes
        time.sleep(1.1)
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok')
        assert raw.answer().body == b'ok'


def test_a_large_body_of_a_refused_request_is_not_read(start_node):
    """429 comes before the body, and `Expect: 100-continue` is not answered with 100"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.client.rate': 1})
    assert echo(node).status == 200
    with node.raw() as raw:
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n'
                 'Expect: 100-continue\r\n\r\n')
        assert_problem(raw.answer(), 429, 'rate-limited')
        assert raw.is_closed()


def test_concurrency_counts_uploads_and_waits(start_node):
    """`limits.client.concurrency`: requests of one client at once, uploads and waiting GETs
    included; over it 429"""
    node = start_node({'echo': 'builtin:echo', 'sleep': 'builtin:sleep'},
                      {'limits.client.concurrency': 3, **TRUST})
    guid = node.post('sleep', path='?ms=30000')
    waiting = park(node, guid)
    uploads = [Raw(node.api) for _ in range(2)]
    for raw in uploads:
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha')
    until = time.monotonic() + 5
    while echo(node).status == 200:
        assert time.monotonic() < until
    answer = echo(node)
    assert_problem(answer, 429, 'too-many-requests')
    assert answer.header('Retry-After') == '1'
    assert echo(node, '198.51.100.7').status == 200, 'others are served'
    for raw in uploads:
        raw.send(b'lf')
        assert raw.answer().body == b'half'
    assert echo(node).status == 200
    waiting.close()
    until = time.monotonic() + 5
    while node.metrics()['callbackd_clients_known']:
        assert time.monotonic() < until, 'who has left is forgotten'
    node.call('DELETE', f'/v1/invocations/{guid}')
    for raw in uploads:
        raw.close()


def test_an_upload_that_breaks_off_is_no_longer_counted(start_node):
    """`limits.client.concurrency`"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.client.concurrency': 1})
    for _ in range(5):
        with node.raw() as raw:
            raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\n'
                     'Content-Length: 4\r\n\r\nha')
            time.sleep(0.05)
            raw.reset()
    until = time.monotonic() + 5
    while echo(node).status != 200:
        assert time.monotonic() < until


def test_parked(start_node):
    """`limits.client.parked`: GETs of one client that wait at once; one more gets 429 when it
    would have to wait"""
    node = start_node({'echo': 'builtin:echo', 'sleep': 'builtin:sleep'},
                      {'limits.client.parked': 2, **TRUST})
    guid = node.post('sleep', path='?ms=30000')
    waiting = [park(node, guid) for _ in range(2)]
    time.sleep(0.2)
    answer = node.collect(guid, wait=5000)
    assert_problem(answer, 429, 'too-many-parked')
    assert answer.header('Retry-After') == '1' and answer.seconds < 2
    assert refused(node, 'too-many-parked') == 1
    assert node.collect(guid, wait=0).status == 202, 'who does not wait is not counted'
    ready = node.ready_callback('echo', b'here')
    assert node.collect(ready, wait=5000).body == b'here', 'nor who need not wait'
    with park(node, guid, '198.51.100.7') as other:
        time.sleep(0.2)
        node.call('DELETE', f'/v1/invocations/{guid}')
        assert other.answer().status == 410
    for raw in waiting:
        assert raw.answer().status == 410
        raw.close()
    slow = node.post('sleep', b'late', path='?ms=300')
    assert node.collect(slow, wait=5000).body == b'late', 'they are counted no longer'


def test_an_untrusted_client_cannot_say_who_it_is(start_node):
    """`limits.client.trusted`: none = nobody is believed"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.client.rate': 1})
    codes = {echo(node, f'198.51.100.{n}').status for n in range(20)}
    assert codes == {200, 429}
    assert node.metrics()['callbackd_clients_known'] == 1


def test_clients_behind_a_trusted_proxy_are_told_apart(start_node):
    """`limits.client.trusted`: proxies whose X-Forwarded-For says who the client is; IPv6: its
    /64"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.client.rate': 1, **TRUST})
    assert {echo(node, f'198.51.100.{n}').status for n in range(20)} == {200}
    assert [echo(node, f'evil, 192.0.2.{n}, 203.0.113.1').status for n in range(3)] == [
        200, 429, 429]
    assert [echo(node, f'2001:db8::{n}').status for n in range(3)] == [200, 429, 429]
    two = [('X-Forwarded-For', '192.0.2.200'), ('X-Forwarded-For', '192.0.2.201')]
    assert echo(node, headers=two).status == 200
    assert echo(node, '192.0.2.201').status == 429, 'the last one counts'
    assert echo(node, '192.0.2.200').status == 200


@pytest.mark.parametrize('value', ['example.org', '10.0.0.0/33', '10.0.0.0/8,x'])
def test_what_is_trusted_must_be_a_network(value):
    """a clear message, exit code 2"""
    from node import run_callbackd
    done = run_callbackd('--set', f'limits.client.trusted={value}', '--check')
    assert done.returncode == 2 and 'limits.client.trusted' in done.stderr


@pytest.fixture
def keys(tmp_path):
    """Two tenants, one of them with two keys."""
    scopes = ['invoke', 'collect', 'cancel', 'admin']
    tenants = {'one': 'red', 'two': 'red', 'it': 'blue'}
    return write_keys(tmp_path / 'keys.yaml',
                      {name: (tenant, ['*'], scopes) for name, tenant in tenants.items()})


def test_a_client_is_its_key_where_it_has_one(start_node, keys):
    """`limits.client.rate`: requests a second of one client (key, else address)"""
    node = start_node({'echo': 'builtin:echo'},
                      {'limits.client.rate': 1, 'auth.keys_file': keys})
    for name in ('one', 'two', 'it'):
        assert [echo(node, headers=bearer(name)).status for _ in range(3)] == [200, 429, 429]
    codes = [echo(node, headers=[('Authorization', f'Bearer guess-{n}')]).status
             for n in range(4)]
    assert codes[0] == 401 and set(codes[1:]) <= {401, 429} and 429 in codes, \
        'who guesses keys is counted by his address'


def test_tenant_share(start_node, keys):
    """`limits.tenant_share`: percent of `limits.store_bytes` that one tenant's invocations may
    take; over it its new work gets 429"""
    node = start_node({'echo': 'builtin:echo'},
                      {'limits.store_bytes': '32MiB', 'limits.tenant_share': 25,
                       'auth.keys_file': keys})
    kept, body = [], b'x' * (1 << 20)

    def post(name):
        return node.call('POST', '/v1/functions/echo', body,
                         [('Prefer', 'respond-async'), *bearer(name)])
    for _ in range(20):
        answer = post('one')
        if answer.status != 202:
            break
        kept.append(answer.json()['id'])
        time.sleep(0.05)  # it becomes a callback: request and result are one body then
    assert_problem(answer, 429, 'tenant-full')
    assert int(answer.header('Retry-After')) >= 1
    assert 6 <= len(kept) <= 8
    assert_problem(post('two'), 429, 'tenant-full')
    assert post('it').status == 202, 'another tenant is not concerned'
    for guid in kept[:2]:
        assert node.collect(guid, wait=5000, headers=bearer('one')).body == body
    assert post('two').status == 202, 'what was collected is free again'
    lines = node.admin_call('GET', '/metrics', headers=bearer('one')).body.decode()
    assert 'callbackd_invocations_refused_total{reason="tenant-full"} 2' in lines


def statuses(node, name, count):
    return [echo(node, headers=bearer(name)).status for _ in range(count)]


def is_limited(node, name, wanted):
    """Requests at once are answered so. Who is slow does not ask at once: then once more, when
    as many as before are allowed."""
    for _ in range(3):
        if statuses(node, name, len(wanted)) == wanted:
            return True
        time.sleep(1.5)
    return False


def held(node, name, start):
    """A request with that key, begun and not waited for."""
    raw = Raw(node.api)
    raw.send(f'{start} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer(name)[0][1]}\r\n'
             'Content-Length: 0\r\n\r\n')
    time.sleep(0.3)
    return raw


def test_a_key_has_limits_of_its_own(start_node, tmp_path):
    """docs/auth.md: `rate`, `concurrency` and `parked` of a key stand in place of
    `limits.client.*`, and are read anew with the file"""
    path, rights = tmp_path / 'keys.yaml', ('', ['*'], ['invoke', 'collect', 'cancel', 'admin'])
    keys = {'plain': rights, 'fast': (*rights, {'rate': 1000}), 'slow': (*rights, {'rate': 2}),
            'one': (*rights, {'rate': 1000, 'concurrency': 1}),
            'waits': (*rights, {'rate': 1000, 'parked': 1})}
    write_keys(path, keys)
    node = start_node({'echo': 'builtin:echo', 'sleep': 'builtin:sleep'},
                      {'auth.keys_file': path, 'limits.client.rate': 1})
    assert is_limited(node, 'plain', [200, 429])
    assert statuses(node, 'fast', 30) == [200] * 30
    assert is_limited(node, 'slow', [200, 200, 429])

    with held(node, 'one', 'POST /v1/functions/sleep?ms=2000') as raw:
        assert_problem(echo(node, headers=bearer('one')), 429, 'too-many-requests')
        assert echo(node, headers=bearer('fast')).status == 200
        assert raw.answer().status == 200
    assert echo(node, headers=bearer('one')).status == 200

    guid = node.call('POST', '/v1/functions/sleep?ms=2000', b'', [
        ('Prefer', 'respond-async'), *bearer('waits')]).json()['id']
    target = f'/v1/callbacks/{guid}?wait=20000'
    with held(node, 'waits', f'GET {target}') as raw:
        assert_problem(node.call('GET', target, None, bearer('waits')), 429, 'too-many-parked')
        assert raw.answer().status == 200

    write_keys(path, {**keys, 'plain': (*rights, {'rate': 500})})
    node.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while not node.events('keys-read'):
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(1)  # as many as that may be saved up
    assert statuses(node, 'plain', 20) == [200] * 20


def test_limits_of_keys_need_no_limit_for_all(start_node, tmp_path):
    """docs/auth.md: who has no `rate` is not limited where `limits.client.rate` is not set"""
    rights = ('', ['*'], ['invoke'])
    path = write_keys(tmp_path / 'keys.yaml', {'plain': rights, 'slow': (*rights, {'rate': 1})})
    node = start_node({'echo': 'builtin:echo'}, {'auth.keys_file': path})
    assert is_limited(node, 'slow', [200, 429])
    assert statuses(node, 'plain', 50) == [200] * 50


def test_a_tenant_has_a_share_of_its_own(start_node, tmp_path):
    """docs/auth.md: `share` of any key of a tenant, in place of `limits.tenant_share`"""
    path, scopes = tmp_path / 'keys.yaml', ['invoke', 'collect', 'cancel', 'admin']
    write_keys(path, {'small': ('red', ['*'], scopes, {'share': 10}),
                      'same': ('red', ['*'], scopes), 'large': ('blue', ['*'], scopes)})
    node = start_node({'echo': 'builtin:echo'},
                      {'limits.store_bytes': '32MiB', 'limits.tenant_share': 50,
                       'auth.keys_file': path})
    body = b'x' * (1 << 20)

    def posts(name):
        count = 0
        while count < 20:
            answer = node.call('POST', '/v1/functions/echo', body,
                               [('Prefer', 'respond-async'), *bearer(name)])
            if answer.status != 202:
                assert_problem(answer, 429, 'tenant-full')
                return count
            count += 1
            time.sleep(0.05)
        return count
    assert 2 <= posts('small') <= 3
    assert posts('same') == 0
    assert 12 <= posts('large') <= 16
