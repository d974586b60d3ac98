"""API.md 3, the status of an invocation and its cancellation."""
import time

import pytest

from problems import assert_problem
from test_section3_invoke import parse_time

UNKNOWN = '00000000-0000-8000-8000-000000000000'


def test_a_running_invocation(node):
    """Pending: `status.pending_code`, `Retry-After`, body {"id","function","status","node",
    "created_at","started_at",...} (absent when not known)"""
    guid = node.post('sleep', path='?ms=4000')
    answer = node.call('GET', f'/v1/invocations/{guid}')
    assert answer.status == 200 and answer.header('Content-Type') == 'application/json'
    assert 1 <= int(answer.header('Retry-After')) <= 60
    body = answer.json()
    assert body['id'] == guid and body['function'] == 'sleep' and body['status'] == 'running'
    assert body['node'] and body['attempt'] == 1
    assert parse_time(body['created_at']) <= parse_time(body['started_at'])
    assert body['callback_url'] == f'/v1/callbacks/{guid}'
    assert body['cancel_url'] == f'/v1/invocations/{guid}'
    for absent in ('completed_at', 'expires_at', 'queue_position'):
        assert absent not in body, body
    allowed = {'id', 'function', 'status', 'node', 'created_at', 'started_at',
               'estimated_completion_at', 'attempt', 'callback_url', 'cancel_url'}
    assert set(body) <= allowed, set(body) - allowed
    node.call('DELETE', f'/v1/invocations/{guid}')


def test_queued_invocations_have_a_position(start_node, upstream):
    """"queue_position"; every 202 and pending status: an estimate in whole seconds, 1 to 60"""
    gate = upstream.gate('/line')
    node = start_node({'q': upstream.url + '/line'}, {'functions.q.concurrency': 1})
    guids = [node.post('q') for _ in range(4)]
    upstream.wait_for('/line')
    bodies = [node.status(g).json() for g in guids]
    assert [b['status'] for b in bodies] == ['running', 'queued', 'queued', 'queued']
    assert [b.get('queue_position') for b in bodies] == [None, 1, 2, 3]
    assert all('started_at' not in b for b in bodies[1:])
    gate.set()
    for guid in guids:
        assert node.collect(guid, wait=9000).status == 200


def test_retry_after_follows_the_durations_and_the_queue(start_node):
    """`Retry-After` is an estimate ... from the function's recent durations and the queue
    ahead, here and on every 202."""
    node = start_node({'s': 'builtin:sleep'}, {'functions.s.concurrency': 1})
    for _ in range(3):
        node.call('POST', '/v1/functions/s?ms=700', b'')
    for _ in range(11):
        answer = node.call('POST', '/v1/functions/s?ms=700', b'', {'Prefer': 'respond-async'})
    assert 4 <= int(answer.header('Retry-After')) <= 20, 'eleven times 0.7 s are about 8 s'
    body = node.status(answer.json()['id'])
    assert 4 <= int(body.header('Retry-After')) <= 20
    estimated = parse_time(body.json()['estimated_completion_at']) - time.time()
    assert 3 < estimated < 20


def test_a_ready_invocation(node):
    """Ready: `status.done` with `Location: /v1/callbacks/{id}` and the same body."""
    guid = node.ready_callback('echo', b'x')
    answer = node.call('GET', f'/v1/invocations/{guid}')
    assert answer.status == 303
    assert answer.header('Location') == f'/v1/callbacks/{guid}'
    body = answer.json()
    assert body['status'] == 'succeeded' and body['attempt'] == 1
    created, started = parse_time(body['created_at']), parse_time(body['started_at'])
    completed, expires = parse_time(body['completed_at']), parse_time(body['expires_at'])
    assert created <= started <= completed
    assert 55 < expires - completed < 65, 'callback.ttl_ms is 60000'
    plain = node.call('GET', f'/v1/invocations/{guid}?redirect=false')
    assert (plain.status, plain.header('Location')) == (200, None)
    assert plain.json() == body


def test_a_ready_status_has_expires(node):
    """`Expires` on a ready status (API.md 8)"""
    guid = node.ready_callback('echo', b'x')
    assert node.call('GET', f'/v1/invocations/{guid}').header('Expires', '').endswith('GMT')


def test_asking_for_the_status_takes_nothing(node):
    """`GET /v1/invocations/{id}` – the status"""
    guid = node.ready_callback('echo', b'still here')
    for _ in range(5):
        node.call('GET', f'/v1/invocations/{guid}')
    assert node.collect(guid).body == b'still here'


def ended(start_node, end):
    """A node, and an invocation there that has ended in that way, or is about to."""
    node = start_node({'echo': 'builtin:echo'},
                      {'callback.ttl_ms': 300 if end == 'expired' else 60000})
    guid = node.post('echo')
    if end != 'expired':  # which could be over before it is seen to be ready
        node.wait_state(guid, 'succeeded')
    if end == 'collected':
        node.collect(guid)
    elif end == 'canceled':
        node.call('DELETE', f'/v1/invocations/{guid}')
    return node, guid


@pytest.mark.parametrize('end', ['collected', 'expired', 'canceled'])
def test_ended_invocations_are_200_with_the_body(start_node, end):
    """`collected`, `expired`, `canceled`: 200 with the body."""
    node, guid = ended(start_node, end)
    body = node.wait_state(guid, end)
    answer = node.call('GET', f'/v1/invocations/{guid}')
    assert (answer.status, answer.header('Location')) == (200, None)
    assert answer.json() == body and body['status'] == end
    assert parse_time(body['created_at']) <= parse_time(body['completed_at'])


def test_every_state_change_has_a_time_stamp(node):
    """Every state change has a time stamp."""
    guid = node.post('sleep', path='?ms=150')
    body = node.wait_state(guid, 'succeeded')
    spans = [parse_time(body[k]) for k in ('created_at', 'started_at', 'completed_at')]
    assert spans == sorted(spans) and 0.14 < spans[2] - spans[1] < 1.5


@pytest.mark.parametrize('guid', [UNKNOWN, 'x', '1' * 200, 'a-b', '%00', '..',
                                  UNKNOWN[:-1], UNKNOWN + '0', '{' + UNKNOWN,
                                  'g' + UNKNOWN[1:], '0' * 31, '--------'])
def test_never_heard_of_is_404(node, guid):
    """Never heard of: 404. A malformed GUID: 404, as one never heard of."""
    assert_problem(node.call('GET', f'/v1/invocations/{guid}'), 404, 'unknown-invocation')
    assert_problem(node.call('DELETE', f'/v1/invocations/{guid}'), 404, 'unknown-invocation')
    answer = node.call('GET', f'/v1/callbacks/{guid}')
    assert_problem(answer, 404, 'unknown-invocation')
    assert answer.header('X-Callback') == 'unknown'


def test_a_guid_is_read_in_any_spelling(node):
    """read in any case, with or without hyphens, with or without braces"""
    guid = node.ready_callback('echo', b'x')
    bare = guid.replace('-', '')
    for text in (guid, guid.upper(), bare, bare.upper(), '{' + guid + '}', '{' + bare + '}',
                 '%7B' + guid + '%7D'):
        answer = node.call('GET', f'/v1/invocations/{text}?redirect=false')
        assert answer.status == 200 and answer.json()['id'] == guid, text
    assert node.call('GET', '/v1/callbacks/{' + bare.upper() + '}').body == b'x'


def test_right_after_a_202_the_status_is_there(node):
    """Right after a 202 every node answers for the GUID: never a 404"""
    for _ in range(300):
        guid = node.post('echo', b'x')
        assert node.call('GET', f'/v1/invocations/{guid}').status in (200, 303)


def test_cancel_of_a_queued_invocation(start_node, upstream):
    """`DELETE /v1/invocations/{id}` – cancel. Queued or running: it ends ... 200 with status
    `canceled`"""
    gate = upstream.gate('/canceled')
    node = start_node({'q': upstream.url + '/canceled'}, {'functions.q.concurrency': 1})
    first, second, third = node.post('q'), node.post('q', b'2'), node.post('q', b'3')
    upstream.wait_for('/canceled')
    answer = node.call('DELETE', f'/v1/invocations/{second}')
    assert answer.status == 200 and answer.json()['status'] == 'canceled'
    assert answer.json()['id'] == second
    assert node.status(third).json()['queue_position'] == 1
    gate.set()
    assert node.collect(first, wait=5000).status == 200
    assert node.collect(third, wait=5000).status == 200
    assert [s.body for s in upstream.requests('/canceled')] == [b'', b'3']


def test_cancel_closes_the_upstreams_connection(start_node):
    """upstream connection closed"""
    import socket
    server = socket.create_server(('127.0.0.1', 0))
    node = start_node({'f': 'http://127.0.0.1:%d/' % server.getsockname()[1]})
    guid = node.post('f', b'x')
    peer, _ = server.accept()
    peer.settimeout(10)
    assert peer.recv(65536)
    assert node.call('DELETE', f'/v1/invocations/{guid}').json()['status'] == 'canceled'
    while peer.recv(65536):
        pass
    peer.close()
    server.close()


def test_cancel_wakes_who_waits(node):
    """canceled: 410, `X-Callback: gone`"""
    guid = node.post('sleep', path='?ms=8000')
    with node.raw() as raw:
        raw.send(f'GET /v1/callbacks/{guid}?wait=8000 HTTP/1.1\r\nHost: x\r\n\r\n')
        time.sleep(0.2)
        node.call('DELETE', f'/v1/invocations/{guid}')
        begun = time.monotonic()
        answer = raw.answer()
        assert answer.status == 410 and answer.header('X-Callback') == 'gone'
        assert time.monotonic() - begun < 1


def test_cancel_of_a_ready_callback_discards_it(node):
    """Ready: the callback is discarded everywhere, 200 `canceled`."""
    guid = node.ready_callback('echo', b'x')
    answer = node.call('DELETE', f'/v1/invocations/{guid}')
    assert answer.status == 200 and answer.json()['status'] == 'canceled'
    assert_problem(node.collect(guid), 410, 'gone')


@pytest.mark.parametrize('end', ['collected', 'expired', 'canceled'])
def test_cancel_of_what_has_ended_is_409(start_node, end):
    """Already `collected`, `expired` or `canceled`: 409, a problem (`conflict`) with the word
    as member `invocation_status`."""
    node, guid = ended(start_node, end)
    node.wait_state(guid, end)
    document = assert_problem(node.call('DELETE', f'/v1/invocations/{guid}'), 409, 'conflict')
    assert document['invocation_status'] == end


def test_head_of_a_status(node):
    """HEAD tells the same"""
    guid = node.ready_callback('echo', b'x')
    with node.raw() as raw:
        raw.send(f'HEAD /v1/invocations/{guid}?redirect=false HTTP/1.1\r\nHost: x\r\n\r\n')
        assert raw.answer(has_body=False).status == 200
