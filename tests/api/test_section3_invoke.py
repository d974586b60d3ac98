"""API.md 3, calling a function: synchronous, asynchronous, Prefer, refusals, idempotency."""
import datetime
import re
import time

import pytest

from problems import assert_problem

ASYNC = [('Prefer', 'respond-async')]
STAMP = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z'


def parse_time(text):
    assert re.fullmatch(STAMP, text), text
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
def test_any_method_calls_the_function(node, upstream, method):
    """`ANY /v1/functions/{name}[/{path}][?{query}]` calls the function."""
    answer = node.call(method, '/v1/functions/up/any', b'x' if method != 'GET' else None)
    assert answer.status == 200
    assert upstream.wait_for('/base/any')[-1].method == method


def test_head_calls_the_function_and_answers_no_body(node, upstream):
    """ANY"""
    with node.raw() as raw:
        raw.send('HEAD /v1/functions/up/head HTTP/1.1\r\nHost: x\r\n\r\n')
        assert raw.answer(has_body=False).status == 200
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok')
        assert raw.answer().body == b'ok', 'nothing of a body was left on the connection'


def test_no_prefer_is_synchronous(node):
    """No `Prefer`, or `Prefer: wait=N` alone: synchronous; the function's answer."""
    answer = node.call('POST', '/v1/functions/sleep?ms=200', b'sync')
    assert (answer.status, answer.body) == (200, b'sync') and answer.seconds >= 0.19
    answer = node.call('POST', '/v1/functions/sleep?ms=1300', b's', {'Prefer': 'wait=1'})
    assert (answer.status, answer.body) == (200, b's') and answer.seconds >= 1.29


def test_respond_async_is_202_at_once(node):
    """`Prefer: respond-async`: 202 at once."""
    answer = node.call('POST', '/v1/functions/sleep?ms=3000', b'x', ASYNC)
    assert answer.status == 202 and answer.seconds < 1
    node.call('DELETE', answer.header('Location'))


def test_the_202_is_exactly_this(node):
    """HTTP/1.1 202 Accepted; Location, Retry-After, Preference-Applied, X-Call-Id,
    Cache-Control, Content-Type; {"id","function","status","created_at","status_url",
    "callback_url"}"""
    before = time.time()
    answer = node.call('POST', '/v1/functions/sleep?ms=3000', b'x', ASYNC)
    body, guid = answer.json(), answer.json()['id']
    assert answer.header('Location') == f'/v1/invocations/{guid}'
    assert 1 <= int(answer.header('Retry-After')) <= 60
    assert answer.header('Preference-Applied') == 'respond-async'
    assert answer.header('X-Call-Id') == guid
    assert answer.header('Cache-Control') == 'no-store'
    assert answer.header('Content-Type') == 'application/json'
    assert body == {'id': guid, 'function': 'sleep', 'status': body['status'],
                    'created_at': body['created_at'],
                    'status_url': f'/v1/invocations/{guid}',
                    'callback_url': f'/v1/callbacks/{guid}'}
    assert body['status'] in ('queued', 'running')
    assert before - 1 < parse_time(body['created_at']) < time.time() + 1
    node.call('DELETE', answer.header('Location'))


def test_respond_async_with_wait_is_synchronous_if_done_in_time(node):
    """`Prefer: respond-async, wait=N`: synchronous if done within N seconds, else 202."""
    fast = node.call('POST', '/v1/functions/sleep?ms=100', b'fast',
                     {'Prefer': 'respond-async, wait=5'})
    assert (fast.status, fast.body) == (200, b'fast')
    slow = node.call('POST', '/v1/functions/sleep?ms=4000', b'slow',
                     {'Prefer': 'respond-async, wait=1'})
    assert slow.status == 202 and 0.95 <= slow.seconds < 2.5
    assert slow.json()['status'] == 'running'
    node.call('DELETE', slow.header('Location'))


def test_a_result_that_came_within_the_wait_is_collected(node):
    """synchronous: nothing is left to collect"""
    node.call('POST', '/v1/functions/echo', b'x', {'Prefer': 'respond-async, wait=5'})
    queues = node.admin_call('GET', '/v1/queues').json()['cluster']['echo']
    assert queues['ready'] == 0


@pytest.mark.parametrize('prefer', [
    ['respond-async'], ['RESPOND-ASYNC'], ['Respond-Async'], ['respond-async; x=y'],
    ['foo, respond-async'], ['foo=bar; baz, respond-async'], ['foo', 'respond-async'],
    ['handling=lenient', 'return=minimal', 'respond-async'], ['foo="a, b", respond-async'],
    ['foo="a \\" respond", respond-async'], ['respond-async, respond-async'],
    [' ,, respond-async ,'], ['respond-async=""'], ['respond-async,wait=0'],
    ['respond-async, wait=0, wait=30'], ['wait=0', 'respond-async, wait=30'],
])
def test_prefer_by_rfc_7240_asynchronous(node, prefer):
    """RFC 7240 in full: names in any case, several headers, first one wins, unknown ones
    ignored."""
    answer = node.call('POST', '/v1/functions/sleep?ms=2500', b'',
                       [('Prefer', p) for p in prefer])
    assert answer.status == 202 and answer.seconds < 2, (prefer, answer)
    node.call('DELETE', answer.header('Location'))


@pytest.mark.parametrize('prefer', [
    ['respond-asynchronously'], ['x-respond-async'], ['foo="respond-async"'],
    ['foo; respond-async'],
    ['wait=5'], [''], [','], ['return=minimal'], ['respond_async'], ['respond-async-proxy'],
    ['respond-async-container'],
])
def test_prefer_by_rfc_7240_synchronous(node, prefer):
    """unknown ones ignored"""
    answer = node.call('POST', '/v1/functions/echo', b'sync', [('Prefer', p) for p in prefer])
    assert (answer.status, answer.body) == (200, b'sync'), (prefer, answer)


@pytest.mark.parametrize('wait', ['abc', '-1', '1.5', '""', '99999999999999999999999'])
def test_a_wait_that_is_no_number_is_ignored_or_the_most(node, wait):
    """RFC 7240, section 2: a preference that is not understood is ignored"""
    answer = node.call('POST', '/v1/functions/echo', b'x', {'Prefer': f'wait={wait}'})
    assert answer.status == 200


@pytest.mark.parametrize('prefer', ([], ASYNC))
def test_an_unknown_function_is_404(node, prefer):
    """Unknown function 404"""
    answer = node.call('POST', '/v1/functions/nobody', b'x', prefer)
    document = assert_problem(answer, 404, 'unknown-function')
    assert 'nobody' in document.get('detail', '') + document.get('instance', '')


@pytest.mark.parametrize('target', ['/v1/functions', '/v1/functions/', '/v1/functions//x',
                                    '/v1/functions/Echo', '/v1/functions/ech%6f/../echo/..'])
def test_names_of_functions_are_exact(node, target):
    """Unknown function 404"""
    assert node.call('POST', target, b'x').status == 404


def test_a_percent_encoded_name_is_the_name(node):
    """{name}"""
    assert node.call('POST', '/v1/functions/ech%6F', b'x').status in (200, 404)


def test_work_that_cannot_run_is_never_accepted(start_node, upstream):
    """The check comes before the 202: work that cannot run is never accepted."""
    gate = upstream.gate('/full')
    node = start_node({'q': upstream.url + '/full'},
                      {'functions.q.concurrency': 1, 'functions.q.queue': 1})
    accepted, refused = [], 0
    for _ in range(20):
        answer = node.call('POST', '/v1/functions/q', b'', ASYNC)
        if answer.status == 202:
            accepted.append(answer.json()['id'])
        else:
            assert_problem(answer, 429, 'queue-full')
            assert 1 <= int(answer.header('Retry-After')) <= 60
            refused += 1
    assert len(accepted) == 2 and refused == 18
    gate.set()
    assert [node.collect(g, wait=9000).status for g in accepted] == [200, 200]
    assert len(upstream.requests('/full')) == 2


def test_problem_documents_have_all_members(node):
    """Errors of ours are `application/problem+json` (RFC 9457): `type`, `title`, `status`,
    `detail`, `instance`"""
    answer = node.call('GET', '/v1/invocations/00000000-0000-8000-8000-000000000000')
    document = assert_problem(answer, 404, 'unknown-invocation')
    assert document['instance'] == '/v1/invocations/00000000-0000-8000-8000-000000000000'
    assert set(document) >= {'type', 'title', 'status', 'detail', 'instance'}


@pytest.mark.parametrize('target, allowed', [
    ('/v1/invocations/00000000-0000-8000-8000-000000000000', {'GET', 'HEAD', 'DELETE'}),
    ('/v1/callbacks/00000000-0000-8000-8000-000000000000', {'GET', 'HEAD', 'DELETE'}),
])
@pytest.mark.parametrize('method', ['POST', 'PUT', 'PATCH'])
def test_other_methods_are_405_with_allow(node, target, allowed, method):
    """`method-not-allowed` (with `Allow`)"""
    answer = node.call(method, target, b'')
    assert_problem(answer, 405, 'method-not-allowed')
    told = {m.strip() for m in answer.header('Allow').split(',')}
    assert {'GET', 'DELETE'} <= told <= allowed | {'OPTIONS'}, told


@pytest.mark.parametrize('target', ['/', '/v1', '/v1/', '/v2/functions/echo', '/v1/nothing',
                                    '/v1/callbacks', '/v1/callbacks/', '/v1/invocations/'])
def test_other_paths_are_404(node, target):
    """nothing else is there"""
    assert node.call('GET', target).status == 404


def test_the_same_idempotency_key_answers_the_first_202_again(node, upstream):
    """the same key and the same request → the first invocation's 202 again ... It runs once."""
    headers = [*ASYNC, ('Idempotency-Key', '"key-1"')]
    first = node.call('POST', '/v1/functions/up/once?a=1', b'body', headers)
    second = node.call('POST', '/v1/functions/up/once?a=1', b'body', headers)
    assert (first.status, second.status) == (202, 202)
    assert second.json()['id'] == first.json()['id']
    assert second.header('Location') == first.header('Location')
    node.wait_state(first.json()['id'], 'succeeded')
    third = node.call('POST', '/v1/functions/up/once?a=1', b'body', headers)
    assert third.status == 202 and third.json()['id'] == first.json()['id']
    assert len(upstream.requests('/base/once')) == 1


@pytest.mark.parametrize('target, body, extra', [
    ('/v1/functions/up/mismatch?a=1', b'other', []),
    ('/v1/functions/up/mismatch?a=2', b'body', []),
    ('/v1/functions/up/elsewhere?a=1', b'body', []),
])
def test_the_same_key_with_another_request_is_422(node, target, body, extra):
    """the same key with another request → 422"""
    headers = [*ASYNC, ('Idempotency-Key', '"key-2"'), *extra]
    first = node.call('POST', '/v1/functions/up/mismatch?a=1', b'body', headers)
    assert first.status == 202
    assert_problem(node.call('POST', target, body, headers), 422, 'idempotency-mismatch')


def test_an_idempotency_key_is_of_one_function(node):
    """scope: function"""
    headers = [*ASYNC, ('Idempotency-Key', '"key-3"')]
    one = node.call('POST', '/v1/functions/echo', b'x', headers)
    two = node.call('POST', '/v1/functions/cat', b'x', headers)
    assert (one.status, two.status) == (202, 202)
    assert one.json()['id'] != two.json()['id']


def test_an_idempotency_key_is_kept_as_long_as_the_invocation_is_known(start_node):
    """kept for as long as the invocation is known"""
    node = start_node({'echo': 'builtin:echo'}, {'status.retention_ms': 2500})
    headers = [*ASYNC, ('Idempotency-Key', '"key-4"')]
    first = node.call('POST', '/v1/functions/echo', b'x', headers).json()['id']
    assert node.collect(first).status == 200
    again = node.call('POST', '/v1/functions/echo', b'x', headers)
    assert again.json()['id'] == first, 'collected, and still known'
    until = time.monotonic() + 15
    while node.status(first).status != 404:
        assert time.monotonic() < until
        time.sleep(0.05)
    later = node.call('POST', '/v1/functions/echo', b'y', headers)
    assert later.status == 202 and later.json()['id'] != first


def test_many_at_once_with_one_key_run_once(node, upstream):
    """It runs once."""
    from concurrent.futures import ThreadPoolExecutor
    headers = [*ASYNC, ('Idempotency-Key', '"key-5"')]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(
            lambda _: node.call('POST', '/v1/functions/up/raced', b'b', headers), range(32)))
    assert {a.status for a in answers} == {202}
    assert len({a.json()['id'] for a in answers}) == 1
    node.wait_state(answers[0].json()['id'], 'succeeded')
    assert len(upstream.requests('/base/raced')) == 1


def test_guids_are_unguessable(node):
    """at least 90 random bits from the system's generator"""
    guids = [int(node.post('echo').replace('-', ''), 16) for _ in range(200)]
    assert len(set(guids)) == 200
    varying = 0
    for bit in range(128):
        ones = sum(g >> bit & 1 for g in guids)
        varying += 60 < ones < 140
    assert varying >= 90, f'only {varying} bits vary'
