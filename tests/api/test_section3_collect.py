"""API.md 3, collecting: once, in line, by wait, by token, and never by accident."""
import socket
import threading
import time

import pytest

from http_client import Raw
from problems import assert_problem

TRANSACTION = b'{"TxnId":"0987654321","AccountId":"Test1","CurrencyAmount":123.45}'


def get(guid, wait=None, headers=''):
    query = '' if wait is None else f'?wait={wait}'
    return f'GET /v1/callbacks/{guid}{query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n'


def test_a_ready_callback_is_collected(node, upstream):
    """Ready: the function's own status code, its end-to-end headers and its body, byte for
    byte, with `Content-Length`, `X-Call-Id`, `X-Callback: delivered`, `X-Function-Name`,
    `X-Function-Status`, `X-Duration-Seconds`, `Cache-Control: no-store`."""
    upstream.on('/base/own', lambda seen: (203, [('X-Own', 'v'), ('Content-Type', 'a/b')],
                                           b'\x00\xffbody'))
    guid = node.ready_callback('up', TRANSACTION, path='/own')
    answer = node.collect(guid)
    assert (answer.status, answer.body) == (203, b'\x00\xffbody')
    assert answer.header('X-Own') == 'v' and answer.header('Content-Type') == 'a/b'
    assert answer.header('Content-Length') == '6'
    assert answer.header('X-Call-Id') == guid
    assert answer.header('X-Callback') == 'delivered'
    assert answer.header('X-Function-Name') == 'up'
    assert answer.header('X-Function-Status') == '203'
    assert 0 <= float(answer.header('X-Duration-Seconds')) < 10
    assert answer.header('Cache-Control') == 'no-store'


def test_the_second_get_is_410(node):
    """Collected, expired or canceled: 410, `X-Callback: gone`."""
    guid = node.ready_callback('echo', b'once')
    assert node.collect(guid).body == b'once'
    for wait in (None, 0, 20000):
        answer = node.collect(guid, wait=wait)
        assert_problem(answer, 410, 'gone')
        assert answer.header('X-Callback') == 'gone'
        assert answer.seconds < 2.5, 'nothing to wait for'


def test_never_heard_of_is_404(node):
    """Never heard of, or forgotten: 404, `X-Callback: unknown`."""
    answer = node.collect('00000000-0000-8000-8000-000000000000', wait=0)
    assert answer.status == 404 and answer.header('X-Callback') == 'unknown'


def test_pending_at_the_end_of_the_wait_is_202(node):
    """Still pending at the end of the wait: 202, `X-Callback: pending`, `Retry-After`,
    `Location` of the status."""
    guid = node.post('sleep', path='?ms=5000')
    for wait, least in ((0, 0), (200, 0.19)):
        answer = node.collect(guid, wait=wait)
        assert answer.status == 202 and answer.header('X-Callback') == 'pending'
        assert 1 <= int(answer.header('Retry-After')) <= 60
        assert answer.header('Location') == f'/v1/invocations/{guid}'
        assert least <= answer.seconds < least + 1
    node.call('DELETE', f'/v1/invocations/{guid}')


def test_a_waiting_get_is_woken_by_the_result(node):
    """now or within the wait"""
    guid = node.post('sleep', b'woken', path='?ms=1500')
    answer = node.collect(guid, wait=20000)
    assert answer.body == b'woken' and 0.2 < answer.seconds < 4


def test_prefer_wait_is_in_seconds(node):
    """(or `Prefer: wait=SECONDS`)"""
    guid = node.post('sleep', path='?ms=5000')
    answer = node.collect(guid, headers={'Prefer': 'wait=1'})
    assert answer.status == 202 and 0.95 <= answer.seconds < 2
    answer = node.collect(guid, headers={'Prefer': 'wait=0'})
    assert answer.status == 202 and answer.seconds < 0.9
    node.call('DELETE', f'/v1/invocations/{guid}')


@pytest.mark.parametrize('wait', ['abc', '-1', '1.5', '', '1e3', '0x10', '+5', ' 5', '5 ',
                                  '%35x'])
def test_a_wait_that_is_no_number_is_400(node, wait):
    """`wait` is clamped to `callback.wait_max_ms`; not a number, or negative: 400."""
    guid = node.ready_callback('echo', b'kept')
    target = f'/v1/callbacks/{guid}?wait={wait.replace(" ", "%20")}'
    assert_problem(node.call('GET', target), 400, 'bad-request')
    assert node.collect(guid).body == b'kept', 'a bad request takes nothing'


@pytest.mark.parametrize('wait', ['99999999', '18446744073709551615',
                                  '99999999999999999999999999'])
def test_a_wait_too_long_is_clamped(node, wait):
    """`wait` is clamped to `callback.wait_max_ms`"""
    guid = node.ready_callback('echo', b'x')
    assert node.collect(guid, wait=wait).status == 200


SLOW_SIZE = 12 << 20  # more than sockets swallow


def being_served(node):
    """A callback of SLOW_SIZE bytes, and the client to which it is being written."""
    guid = node.ready_callback('echo', b'z' * SLOW_SIZE)
    slow = Raw(node.api, receive_buffer=4096)
    slow.send(get(guid))
    assert slow.head()[0] == 200
    return guid, slow


def test_another_client_waits_in_line_and_gets_410(node):
    """Another client is being served at this moment: this one waits in line; if that one
    finishes, 410"""
    guid, slow = being_served(node)
    line = Raw(node.api)
    line.send(get(guid, 60000))  # so small a receive buffer takes its time
    time.sleep(0.3)
    line.socket.settimeout(0.05)
    with pytest.raises(socket.timeout):
        line.more()
    line.socket.settimeout(10)
    assert len(slow.exactly(SLOW_SIZE)) == SLOW_SIZE
    answer = line.answer()
    assert answer.status == 410 and answer.header('X-Callback') == 'gone'
    slow.close()
    line.close()


def test_in_line_the_wait_ends_first_202(node):
    """if the wait ends first, 202 as pending"""
    guid, slow = being_served(node)
    answer = node.collect(guid, wait=300)
    assert answer.status == 202 and answer.header('X-Callback') == 'pending'
    assert 0.29 <= answer.seconds < 1.5
    slow.reset()
    assert node.collect(guid, wait=5000).body == b'z' * SLOW_SIZE


def test_who_waits_in_line_is_next_when_the_first_goes_away(node):
    """The client goes away before the last byte was handed to the system: the callback is
    collectable again at once."""
    guid, slow = being_served(node)
    line = Raw(node.api)
    line.send(get(guid, 20000))
    time.sleep(0.2)
    slow.reset()
    begun = time.monotonic()
    answer = line.answer()
    assert answer.status == 200 and len(answer.body) == SLOW_SIZE
    assert time.monotonic() - begun < 5
    assert node.collect(guid).status == 410
    line.close()


def test_several_in_line_exactly_one_delivery(node):
    """One client in the whole cluster gets it."""
    guid = node.post('sleep', b'one', path='?ms=500')
    lines = [Raw(node.api) for _ in range(20)]
    for raw in lines:
        raw.send(get(guid, 10000))
    codes = sorted(raw.answer().status for raw in lines)
    assert codes == [200] + [410] * 19
    for raw in lines:
        raw.close()


def test_a_client_that_leaves_the_line_takes_nothing(node):
    """a GET whose client is gone"""
    guid = node.post('sleep', b'kept', path='?ms=600')
    for _ in range(10):
        raw = Raw(node.api)
        raw.send(get(guid, 10000))
        raw.reset()
    time.sleep(0.8)
    assert node.collect(guid).body == b'kept'


def test_a_half_closed_client_still_gets_its_answer(node):
    """the last byte was handed to the system"""
    guid = node.ready_callback('echo', b'half')
    with Raw(node.api) as raw:
        raw.send(get(guid))
        raw.socket.shutdown(socket.SHUT_WR)
        try:
            answer = raw.answer()
            assert answer.body == b'half'
        except EOFError:
            assert node.collect(guid).body == b'half', 'refused, then it must be kept'


def test_head_tells_the_same_and_never_collects(node):
    """`HEAD` tells the same and never collects."""
    def head(guid):
        with Raw(node.api) as raw:
            raw.send(f'HEAD /v1/callbacks/{guid}?wait=0 HTTP/1.1\r\nHost: x\r\n\r\n')
            return raw.answer(has_body=False)
    guid = node.ready_callback('echo', b'12345')
    for _ in range(3):
        answer = head(guid)
        assert answer.status == 200 and answer.header('Content-Length') == '5'
        assert answer.header('X-Function-Status') == '200'
    assert node.collect(guid).body == b'12345'
    assert head(guid).status == 410 and head(guid).header('X-Callback') == 'gone'
    pending = node.post('sleep', path='?ms=3000')
    assert head(pending).status == 202 and head(pending).header('X-Callback') == 'pending'
    node.call('DELETE', f'/v1/invocations/{pending}')
    unknown = head('00000000-0000-8000-8000-000000000000')
    assert unknown.status == 404 and unknown.header('X-Callback') == 'unknown'


def test_head_tells_the_same_at_every_node(start_cluster):
    """`HEAD` tells the same: also the time that the function took, and at a node that has not
    got the body nothing that is wrong"""
    nodes = start_cluster(5, {'sleep': 'builtin:sleep'})
    size = 100000
    guid = nodes[0].ready_callback('sleep', b'x' * size, path='?ms=1000')
    for node in nodes:
        node.wait_state(guid, 'succeeded')
        until = time.monotonic() + 10
        answer = node.call('HEAD', f'/v1/callbacks/{guid}')
        while answer.status in (202, 503):  # the home knows earlier, and HEAD does not wait
            assert time.monotonic() < until, answer
            answer = node.call('HEAD', f'/v1/callbacks/{guid}')
        assert answer.status == 200 and answer.header('X-Callback') == 'delivered'
        assert answer.header('Content-Length') in (None, str(size)), answer
        took = float(answer.header('X-Duration-Seconds'))
        assert 0.9 <= took < 4, answer
    home = nodes[0].call('HEAD', f'/v1/callbacks/{guid}')
    assert home.header('Content-Length') == str(size)
    # Begin and end are read in whole milliseconds; others know them as well as that clock.
    assert float(home.header('X-Duration-Seconds')) >= 0.998
    answer = nodes[4].collect(guid, wait=5000)
    assert len(answer.body) == size
    took = [float(one.header('X-Duration-Seconds')) for one in (home, answer)]
    assert abs(took[0] - took[1]) < 0.1


def test_collect_frees_the_memory(start_node):
    """collect: take the callback ... Its memory is then freed on every node"""
    node = start_node({'echo': 'builtin:echo'})
    idle = node.metrics()['callbackd_store_bytes']
    guids = [node.ready_callback('echo', b'x' * 500000) for _ in range(10)]
    assert node.metrics()['callbackd_store_bytes'] >= idle + 10 * 500000
    for guid in guids:
        assert node.collect(guid).status == 200
    until = time.monotonic() + 5
    while node.metrics()['callbackd_store_bytes'] > idle + 100000:
        assert time.monotonic() < until, node.metrics()['callbackd_store_bytes']
        time.sleep(0.02)


def test_a_waiting_get_ends_by_its_wait_plus_1_s(node):
    """it ends by its wait plus 1 s, always."""
    guid = node.post('sleep', path='?ms=8000')
    lines = []
    for wait in range(100, 1100, 100):
        raw, begun = Raw(node.api), time.monotonic()
        raw.send(get(guid, wait))
        lines.append((wait / 1000, begun, raw))
    for wait, begun, raw in lines:
        assert raw.answer().status == 202
        assert wait - 0.01 <= time.monotonic() - begun <= wait + 1
        raw.close()
    node.call('DELETE', f'/v1/invocations/{guid}')


def test_a_waiting_get_costs_no_thread(node):
    """A waiting GET costs no thread and no polling"""
    def threads():
        with open(f'/proc/{node.process.pid}/status', encoding='ascii') as stream:
            return int(next(l for l in stream if l.startswith('Threads:')).split()[1])

    def ticks():
        with open(f'/proc/{node.process.pid}/stat', encoding='ascii') as stream:
            fields = stream.read().rsplit(')', 1)[1].split()
        return int(fields[11]) + int(fields[12])
    guid = node.post('sleep', path='?ms=20000')
    before = threads()
    lines = [Raw(node.api) for _ in range(200)]
    for raw in lines:
        raw.send(get(guid, 10000))
    time.sleep(0.5)
    assert threads() == before

    def ticks_in_a_second():
        used = ticks()
        time.sleep(1)
        return ticks() - used
    # In the first second a slow machine may not have parked all of them yet.
    assert any(ticks_in_a_second() < 20 for _ in range(3)), '200 parked GETs used a fifth ' \
        'of a processor'
    node.call('DELETE', f'/v1/invocations/{guid}')
    assert {raw.answer().status for raw in lines} == {410}
    for raw in lines:
        raw.close()


# Claim-Token

def test_the_same_token_gets_the_same_answer_again(node):
    """`Claim-Token: T`: ... The same T gets the same answer again ...; everybody else gets
    410."""
    guid = node.ready_callback('echo', b'mine')
    token = {'Claim-Token': 'abc-123'}
    first = node.collect(guid, headers=token)
    again = node.collect(guid, headers=token)
    assert (first.status, first.body) == (again.status, again.body) == (200, b'mine')
    for headers in ({}, {'Claim-Token': 'other'}):
        assert_problem(node.collect(guid, headers=headers), 410, 'gone')


def test_a_token_is_freed_by_delete(node):
    """until `DELETE /v1/callbacks/{id}` with the same token (204) frees it"""
    guid = node.ready_callback('echo', b'x' * 100000)
    token = {'Claim-Token': 'T'}
    assert node.collect(guid, headers=token).status == 200
    answer = node.call('DELETE', f'/v1/callbacks/{guid}', None, token)
    assert (answer.status, answer.body) == (204, b'')
    assert node.collect(guid, headers=token).status == 410
    assert node.status(guid).json()['status'] == 'collected'


def test_a_token_of_another_frees_nothing(node):
    """with the same token"""
    guid = node.ready_callback('echo', b'x')
    assert node.collect(guid, headers={'Claim-Token': 'mine'}).status == 200
    answer = node.call('DELETE', f'/v1/callbacks/{guid}', None, {'Claim-Token': 'yours'})
    assert answer.status == 410
    assert node.collect(guid, headers={'Claim-Token': 'mine'}).status == 200


def test_redelivery_ends(start_node):
    """for `callback.redelivery_ms` (default 10000, never past the TTL)"""
    node = start_node({'echo': 'builtin:echo'}, {'callback.redelivery_ms': 2000})
    guid = node.ready_callback('echo', b'x')
    token = {'Claim-Token': 'T'}
    assert node.collect(guid, headers=token).status == 200
    assert node.collect(guid, headers=token).status == 200
    time.sleep(3)
    assert node.collect(guid, headers=token).status == 410
    assert node.status(guid).json()['status'] == 'collected'


def test_a_broken_connection_loses_nothing_with_a_token(node):
    """So a client whose connection broke ... loses nothing."""
    size = 3 << 20
    guid = node.ready_callback('echo', b'q' * size)
    raw = Raw(node.api, receive_buffer=4096)
    raw.send(get(guid, headers='Claim-Token: T\r\n'))
    raw.head()
    raw.reset()
    again = node.collect(guid, wait=5000, headers={'Claim-Token': 'T'})
    assert again.status == 200 and len(again.body) == size


@pytest.mark.parametrize('token', ['', 'x' * 65, 'a b', 'caf\xe9', 'tab\there'])
def test_a_token_is_1_to_64_visible_characters(node, token):
    """(1 to 64 visible characters, chosen by the client)"""
    guid = node.ready_callback('echo', b'kept')
    answer = node.collect(guid, headers={'Claim-Token': token})
    assert_problem(answer, 400, 'bad-request')
    assert node.collect(guid).body == b'kept'


def test_the_longest_token_is_taken(node):
    """1 to 64 visible characters"""
    guid = node.ready_callback('echo', b'x')
    token = {'Claim-Token': '!' * 32 + '~' * 32}
    assert node.collect(guid, headers=token).status == 200
    assert node.call('DELETE', f'/v1/callbacks/{guid}', None, token).status == 204


def test_delete_of_a_callback_without_its_token(node):
    """with the same token"""
    guid = node.ready_callback('echo', b'kept')
    assert node.call('DELETE', f'/v1/callbacks/{guid}').status in (400, 404, 409, 410)
    assert node.collect(guid).body == b'kept'


# Going away

@pytest.mark.many
def test_disconnects_at_random_bytes_then_collected_exactly_once(start_node):
    """Disconnects at random bytes of a 5 MiB body, 1,000 times: collected exactly once
    afterwards."""
    import random
    seed = int(time.time())
    random.seed(seed)
    node = start_node({'echo': 'builtin:echo'})
    size = 5 << 20
    body = bytes(range(256)) * (size // 256)
    guid = node.ready_callback('echo', body)
    for _ in range(1000):
        raw = Raw(node.api, receive_buffer=random.choice([2048, 16384, 65536]))
        raw.send(get(guid, 10000))
        # Far enough from the end that the last byte cannot be in the system's hands.
        left = int(random.random() ** 8 * (size - 4500000)) + random.choice([0, 0, 1, 300])
        while left > 0:
            data = raw.socket.recv(min(left, 65536))
            assert data, f'seed {seed}'
            left -= len(data)
        raw.reset() if random.random() < 0.5 else raw.close()
    answer = node.collect(guid, wait=10000)
    assert answer.status == 200 and answer.body == body, f'seed {seed}'
    assert node.collect(guid).status == 410
    assert node.metrics()['callbackd_store_bytes'] < 1 << 20


@pytest.mark.many
def test_two_gets_at_once_exactly_one_delivery_each(start_node):
    """Two GETs at once, 10,000 times: exactly one delivery each."""
    node = start_node({'echo': 'builtin:echo'})
    faults, counts, threads = [], {}, 4

    def rounds(number):
        with Raw(node.api) as poster, Raw(node.api) as one, Raw(node.api) as two:
            for turn in range(10000 // threads):
                body = f'{number}-{turn}'
                poster.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\n'
                            'Prefer: respond-async\r\n'
                            f'Content-Length: {len(body)}\r\n\r\n{body}')
                guid = poster.answer().header('X-Call-Id')
                ask = get(guid, 5000)
                one.send(ask)
                two.send(ask)
                answers = [one.answer(), two.answer()]
                codes = tuple(sorted(a.status for a in answers))
                counts[codes] = counts.get(codes, 0) + 1
                bodies = [a.body for a in answers if a.status == 200]
                if codes != (200, 410) or bodies != [body.encode()]:
                    faults.append((number, turn, answers))
    workers = [threading.Thread(target=rounds, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults, faults[:3]
    assert sum(counts.values()) == 10000, counts
