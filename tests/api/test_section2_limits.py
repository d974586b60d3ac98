"""API.md 2: what the keys of the table do."""
import concurrent.futures
import signal
import socket
import time

import pytest

from http_client import Raw, call
from problems import assert_problem


def timed(function):
    begun = time.monotonic()
    found = function()
    return found, time.monotonic() - begun


def test_default_wait_is_3000_ms(node):
    """`callback.wait_ms` 3000: how long a GET of a callback waits by default"""
    guid = node.post('sleep', path='?ms=6000')
    answer, seconds = timed(lambda: node.collect(guid))
    assert answer.status == 202 and 2.9 <= seconds < 4.2
    node.call('DELETE', f'/v1/invocations/{guid}')


def test_callback_wait_ms_and_wait_max_ms(start_node):
    """`callback.wait_ms`; `callback.wait_max_ms`: the most a client may ask for"""
    node = start_node({'sleep': 'builtin:sleep'},
                      {'callback.wait_ms': 100, 'callback.wait_max_ms': 1500})
    guid = node.post('sleep', path='?ms=5000')
    answer, seconds = timed(lambda: node.collect(guid))
    assert answer.status == 202 and 0.09 <= seconds < 1.4
    answer, seconds = timed(lambda: node.collect(guid, wait=4000))
    assert answer.status == 202 and 1.49 <= seconds < 3
    node.call('DELETE', f'/v1/invocations/{guid}')


def test_callback_ttl_ms(start_node):
    """`callback.ttl_ms`: how long a ready callback waits to be collected; an orphan is removed
    and counted"""
    node = start_node({'echo': 'builtin:echo'}, {'callback.ttl_ms': 300})
    guid = node.post('echo')
    body = node.wait_state(guid, 'expired')
    assert body['status'] == 'expired'
    answer = node.collect(guid)
    assert answer.status == 410 and answer.header('X-Callback') == 'gone'
    assert node.metrics()['callbackd_callbacks_expired_total{function="echo"}'] == 1


def test_ttl_counts_from_ready_not_from_accept(start_node):
    """how long a ready callback waits"""
    node = start_node({'sleep': 'builtin:sleep'}, {'callback.ttl_ms': 2500})
    guid = node.post('sleep', b'late', path='?ms=3000')
    node.wait_state(guid, 'succeeded')
    assert node.collect(guid).body == b'late'


def test_functions_ttl_ms(start_node):
    """`functions.NAME.ttl_ms` | `callback.ttl_ms`"""
    node = start_node({'short': 'builtin:echo', 'long': 'builtin:echo'},
                      {'functions.short.ttl_ms': 200})
    short, long = node.post('short'), node.ready_callback('long')
    node.wait_state(short, 'expired')
    assert node.collect(long).status == 200


@pytest.mark.parametrize('code', [200, 202])
def test_status_pending_code(start_node, code):
    """`status.pending_code`: 200 or 202"""
    node = start_node({'sleep': 'builtin:sleep'}, {'status.pending_code': code})
    guid = node.post('sleep', path='?ms=5000')
    assert node.call('GET', f'/v1/invocations/{guid}').status == code
    node.call('DELETE', f'/v1/invocations/{guid}')


@pytest.mark.parametrize('code', [303, 302, 200])
def test_status_done(start_node, code):
    """`status.done`: 303, 302, or 200 (no redirect); `?redirect=false` → 200 whatever"""
    node = start_node({'echo': 'builtin:echo'}, {'status.done': code})
    guid = node.ready_callback()
    answer = node.call('GET', f'/v1/invocations/{guid}')
    assert answer.status == code
    if code != 200:
        assert answer.header('Location') == f'/v1/callbacks/{guid}'
    assert answer.json()['id'] == guid
    assert node.call('GET', f'/v1/invocations/{guid}?redirect=false').status == 200


def test_status_retention_ms(start_node):
    """`status.retention_ms`: how long the status of a collected, expired or canceled
    invocation can still be asked; then 404, `X-Callback: unknown`"""
    node = start_node({'echo': 'builtin:echo'}, {'status.retention_ms': 2500})
    guid = node.ready_callback()
    assert node.collect(guid).status == 200
    assert node.status(guid).json()['status'] == 'collected'
    until = time.monotonic() + 15
    while node.status(guid).status != 404:
        assert time.monotonic() < until
        time.sleep(0.05)
    answer = node.collect(guid, wait=0)
    assert answer.status == 404 and answer.header('X-Callback') == 'unknown'


def test_a_body_over_limits_body_bytes_is_413(start_node):
    """`limits.body_bytes`: over it 413"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.body_bytes': '64KiB'})
    for headers in ([], [('Prefer', 'respond-async')]):
        answer = node.call('POST', '/v1/functions/echo', b'x' * (65536 + 1), headers)
        assert_problem(answer, 413, 'body-too-large')
    assert node.call('POST', '/v1/functions/echo', b'x' * 65536).status == 200


def test_a_chunked_body_over_the_limit_is_413(start_node):
    """`limits.body_bytes`, when the length was not told before"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.body_bytes': '64KiB'})
    with node.raw() as raw:
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\n'
                 'Transfer-Encoding: chunked\r\n\r\n')
        try:
            for _ in range(20):
                raw.send(b'4000\r\n' + b'x' * 0x4000 + b'\r\n')
        except OSError:
            pass
        assert raw.answer().status == 413


def test_a_result_over_limits_body_bytes_is_a_failed_callback(start_node, upstream):
    """A result over `limits.body_bytes` ... becomes a `failed` callback whose problem document
    says so."""
    upstream.on('/big', lambda seen: (200, [], b'y' * 70000))
    node = start_node({'big': upstream.url + '/big'}, {'limits.body_bytes': '64KiB'})
    guid = node.post('big')
    assert node.wait_state(guid, 'succeeded', 'failed')['status'] == 'failed'
    answer = node.collect(guid)
    assert answer.status in (500, 502)
    assert answer.header('Content-Type') == 'application/problem+json'


def test_headers_over_limits_header_bytes_are_431(start_node):
    """`limits.header_bytes`: 431"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.header_bytes': '4KiB'})
    assert node.call('POST', '/v1/functions/echo', b'x', {'X-Long': 'y' * 3000}).status == 200
    answer = node.call('POST', '/v1/functions/echo', b'x', {'X-Long': 'y' * 5000})
    assert_problem(answer, 431, 'headers-too-large')
    many = [(f'X-{i}', 'z' * 20) for i in range(200)]
    assert node.call('POST', '/v1/functions/echo', b'x', many).status == 431
    answer = node.call('GET', '/v1/functions/echo?' + 'q' * 5000)
    assert answer.status in (414, 431)


def test_a_full_store_refuses_new_work_with_503_and_takes_it_later(start_node):
    """`limits.store_bytes`: over it new work gets 503; with `Retry-After`"""
    node = start_node({'echo': 'builtin:echo'},
                      {'limits.store_bytes': '8MiB', 'limits.body_bytes': '1MiB'})
    kept = []
    for _ in range(40):
        answer = node.call('POST', '/v1/functions/echo', b'x' * (1 << 20),
                           {'Prefer': 'respond-async'})
        if answer.status != 202:
            break
        kept.append(answer.json()['id'])
    assert_problem(answer, 503, 'out-of-memory')
    assert int(answer.header('Retry-After')) >= 1
    assert len(kept) >= 2, 'a request and its result share one budget of 8 MiB'
    metrics = node.metrics()
    assert metrics['callbackd_store_bytes'] <= metrics['callbackd_store_limit_bytes']
    assert metrics['callbackd_store_limit_bytes'] == 8 << 20
    for guid in kept:
        answer = node.collect(guid)
        assert answer.status in (200, 500, 502, 503), answer
    guid = node.ready_callback('echo', b'x' * (1 << 20))
    assert node.collect(guid).body == b'x' * (1 << 20)


def test_limits_connections(start_node):
    """`limits.connections`: over it 503 with `Retry-After`, counted, and closed; and others are
    served as soon as one of them has left"""
    node = start_node({'sleep': 'builtin:sleep'}, {'limits.connections': 20})
    guid = node.post('sleep', path='?ms=60000')
    until = time.monotonic() + 10
    while node.metrics()['callbackd_http_connections'] > 0:
        assert time.monotonic() < until
    kept = [Raw(node.api) for _ in range(20)]
    for raw in kept:
        raw.send(f'GET /v1/callbacks/{guid}?wait=50000 HTTP/1.1\r\nHost: x\r\n\r\n')
    until = time.monotonic() + 10
    while node.metrics()['callbackd_http_connections'] < 20:
        assert time.monotonic() < until
    with Raw(node.api) as over:
        over.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        answer = over.answer()
        assert_problem(answer, 503, 'too-many-connections')
        assert answer.header('Retry-After') and answer.header('Connection') == 'close'
        assert over.is_closed()
    assert node.metrics()['callbackd_http_connections_refused_total'] == 1
    kept.pop().close()
    until = time.monotonic() + 10
    while node.metrics()['callbackd_http_connections'] >= 20:
        assert time.monotonic() < until
    node.call('DELETE', f'/v1/invocations/{guid}')
    for raw in kept:
        assert raw.answer().status == 410
        raw.close()


def test_idle_connections_make_way(start_node):
    """`limits.connections`: kept connections that are idle are closed to make room"""
    node = start_node({'echo': 'builtin:echo'}, {'limits.connections': 10})
    kept = [Raw(node.api) for _ in range(10)]
    for raw in kept:
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx')
        assert raw.answer().status == 200
    time.sleep(1.2)
    for _ in range(5):
        assert node.call('POST', '/v1/functions/echo', b'x').status == 200
    assert node.metrics()['callbackd_http_connections_made_way_total'] >= 1
    assert kept[0].is_closed()
    for raw in kept:
        raw.close()


def test_shutdown_delay_serves_existing_connections_and_refuses_new_work(start_node):
    """`shutdown.delay_ms`: after SIGTERM: not ready at once, existing connections still served
    for so long, new invocations refused (503, `draining`) at once"""
    node = start_node({'echo': 'builtin:echo'}, {'shutdown.delay_ms': 4000})
    guid = node.ready_callback('echo', b'kept')
    with Raw(node.api) as raw, Raw(node.admin) as admin:
        raw.send('GET /v1/invocations/x HTTP/1.1\r\nHost: x\r\n\r\n')
        assert raw.answer().status == 404
        admin.send('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n')
        assert admin.answer().status == 200
        node.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 3
        while (unready := call(node.admin, 'GET', '/readyz')).status == 200:
            assert time.monotonic() < until  # the signal is on its way
        assert unready.status == 503 and b'drain' in unready.body
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n'
                 'Prefer: respond-async\r\n\r\nx')
        answer = raw.answer()
        assert_problem(answer, 503, 'draining')
        assert answer.header('Retry-After')
        # Goodbye is said early, so that no request crosses the end of its connection.
        assert answer.header('Connection').lower() == 'close' and raw.is_closed()
        got = call(node.api, 'GET', f'/v1/callbacks/{guid}')
        assert (got.body, got.header('Connection').lower()) == (b'kept', 'close')
        assert call(node.admin, 'GET', '/healthz').status == 200
    node.stop(seconds=20)


def test_running_work_is_finished_while_draining(start_node):
    """a clean drain: what was accepted is finished and can be collected while it lasts"""
    node = start_node({'sleep': 'builtin:sleep'}, {'shutdown.delay_ms': 3000})
    guid = node.post('sleep', b'done', path='?ms=600')
    with Raw(node.api) as raw:
        raw.send(f'GET /v1/callbacks/{guid}?wait=5000 HTTP/1.1\r\nHost: x\r\n\r\n')
        time.sleep(0.1)
        node.process.send_signal(signal.SIGTERM)
        answer = raw.answer()
        assert (answer.status, answer.body) == (200, b'done')
    node.stop(seconds=20)


def test_functions_concurrency(start_node, upstream):
    """`functions.NAME.concurrency`: running at once on this node"""
    gate = upstream.gate('/three')
    node = start_node({'three': upstream.url + '/three'}, {'functions.three.concurrency': 3})
    guids = [node.post('three', b'%d' % i) for i in range(10)]
    upstream.wait_for('/three', 3)
    time.sleep(0.3)
    assert len(upstream.requests('/three')) == 3
    states = [node.status(g).json()['status'] for g in guids]
    assert states.count('running') == 3 and states.count('queued') == 7
    gate.set()
    assert sorted(node.collect(g, wait=10000).body for g in guids) == [
        b'%d' % i for i in range(10)]


def test_functions_concurrency_is_16_by_default(start_node, upstream):
    """`functions.NAME.concurrency` 16"""
    gate = upstream.gate('/sixteen')
    node = start_node({'sixteen': upstream.url + '/sixteen'})
    guids = [node.post('sixteen') for _ in range(20)]
    upstream.wait_for('/sixteen', 16)
    time.sleep(0.2)
    assert len(upstream.requests('/sixteen')) == 16
    gate.set()
    for guid in guids:
        assert node.collect(guid, wait=10000).status == 200


def test_functions_queue(start_node, upstream):
    """`functions.NAME.queue`: waiting on this node; over it 429"""
    gate = upstream.gate('/queue')
    node = start_node({'q': upstream.url + '/queue', 'echo': 'builtin:echo'},
                      {'functions.q.concurrency': 1, 'functions.q.queue': 2})
    guids = [node.post('q')]
    upstream.wait_for('/queue')
    guids += [node.post('q'), node.post('q')]
    for headers in ([('Prefer', 'respond-async')], []):
        answer = node.call('POST', '/v1/functions/q', b'', headers)
        assert_problem(answer, 429, 'queue-full')
        assert 1 <= int(answer.header('Retry-After')) <= 60
    assert node.call('POST', '/v1/functions/echo', b'x').status == 200, 'others are not starved'
    assert node.metrics()['callbackd_invocations_refused_total{reason="queue-full"}'] == 2
    gate.set()
    for guid in guids:
        assert node.collect(guid, wait=10000).status == 200


def test_a_slow_function_starves_no_other(node):
    """Per-function queues with fair service"""
    slow = [node.post('sleep', path='?ms=20000') for _ in range(80)]
    begun = time.monotonic()
    for _ in range(20):
        assert node.call('POST', '/v1/functions/echo', b'x').status == 200
    assert time.monotonic() - begun < 10
    for guid in slow:
        node.call('DELETE', f'/v1/invocations/{guid}')


def test_functions_timeout_ms(start_node, upstream):
    """`functions.NAME.timeout_ms`: execution"""
    upstream.gate('/never')
    node = start_node({'never': upstream.url + '/never'}, {'functions.never.timeout_ms': 300})
    guid = node.post('never')
    assert node.wait_state(guid, 'failed', seconds=5)['status'] == 'failed'
    assert_problem(node.collect(guid), 504, 'upstream-timeout')
    answer = node.call('POST', '/v1/functions/never', b'')
    assert_problem(answer, 504, 'upstream-timeout')
    assert 0.25 < answer.seconds < 3


def test_jubes_variables(start_node):
    """Jube's own variables are accepted: `CallbackTimeout` ... `ModelInvokeAsynchronousThreads`
    (default concurrency), `MaximumModelInvokeAsyncQueue` (default queue)"""
    node = start_node({'sleep': 'builtin:sleep'},
                      env={'ModelInvokeAsynchronousThreads': '1',
                           'MaximumModelInvokeAsyncQueue': '1', 'CallbackTimeout': '250'})
    first = node.post('sleep', path='?ms=5000')
    node.wait_state(first, 'running')
    second = node.post('sleep', path='?ms=5000')
    assert node.status(second).json()['status'] == 'queued'
    answer = node.call('POST', '/v1/functions/sleep', b'', {'Prefer': 'respond-async'})
    assert answer.status == 429
    absent = '/api/invoke/EntityAnalysisModel/Callback/' + first
    answer, seconds = timed(lambda: node.call('GET', absent))
    assert answer.status == 404 and 0.2 <= seconds < 2.5  # 3000 is the default
    for guid in (first, second):
        node.call('DELETE', f'/v1/invocations/{guid}')


def test_100_connections_at_once(node):
    """nothing of a client waits for another client"""
    def one(number):
        return node.call('POST', '/v1/functions/echo', b'%d' % number).body
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        assert list(pool.map(one, range(300))) == [b'%d' % i for i in range(300)]


def test_listens_on_ipv6_too(start_node):
    """HOST:PORT, [v6]:PORT too"""
    try:
        socket.create_server(('::1', 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip('no IPv6 loopback here')
    node = start_node({'echo': 'builtin:echo'}, arguments=['--listen', '[::1]:0'])
    assert node.call('POST', '/v1/functions/echo', b'six').body == b'six'
