"""API.md 2, `limits.*`: clients that are slow, or that only listen, hold nothing up for long;
and 3: what such a client did not take can be collected by another."""
import socket
import time

import pytest

from http_client import Raw

SYNC = 'POST /v1/functions/sleep?ms=%d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nlate'


def connections(node):
    return node.metrics()['callbackd_http_connections']


def wait_until(found, seconds=10):
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture(scope='module')
def slow_node(start_module_node):
    return start_module_node(
        {'echo': 'builtin:echo', 'sleep': 'builtin:sleep'},
        {'limits.half_close_ms': 2500, 'limits.body_timeout_ms': 1000,
         'limits.write_timeout_ms': 1000, 'limits.body_rate_min': '1MiB',
         'limits.write_rate_min': '4MiB', 'limits.body_bytes': '64MiB'})


def test_a_client_that_ended_its_side_gets_an_answer_that_comes_soon(slow_node):
    """`limits.half_close_ms`: a client that has ended its side hears the answer if it comes so
    soon"""
    with slow_node.raw() as raw:
        raw.send(SYNC % 300)
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.answer().body == b'late'
        assert raw.is_closed()


def test_work_for_a_client_that_ended_its_side_ends_in_time(slow_node):
    """`limits.half_close_ms`; and a synchronous invocation ends with its client"""
    with slow_node.raw() as raw:
        raw.send(SYNC % 60000)
        wait_until(lambda: slow_node.metrics()['callbackd_running{function="sleep"}'] == 1)
        begun = time.monotonic()
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.rest() == b''
        assert 2.2 < time.monotonic() - begun < 8
    wait_until(lambda: slow_node.metrics()['callbackd_running{function="sleep"}'] == 0)


def test_a_parked_get_whose_client_left_ends_at_once(slow_node):
    """The client goes away: the callback is collectable by another; nobody waits for
    `limits.half_close_ms`"""
    guid = slow_node.post('sleep', b'kept', path='?ms=4000')
    wait_until(lambda: connections(slow_node) == 0)
    with slow_node.raw() as raw:
        raw.send(f'GET /v1/callbacks/{guid}?wait=20000 HTTP/1.1\r\nHost: x\r\n\r\n')
        wait_until(lambda: connections(slow_node) == 1)
        begun = time.monotonic()
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.rest() == b''
        assert time.monotonic() - begun < 2
    assert slow_node.collect(guid, wait=10000).body == b'kept'


def test_a_body_that_drips_is_refused(slow_node):
    """`limits.body_rate_min`: then 408"""
    begun = time.monotonic()
    with slow_node.raw() as raw:
        raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n')
        raw.socket.settimeout(0.1)
        said = b''
        while not said and time.monotonic() - begun < 10:
            try:
                raw.send(b'x')
                said = raw.socket.recv(65536)
            except socket.timeout:
                pass
        assert said.startswith(b'HTTP/1.1 408 ')
        assert b'limits.body_rate_min' in said
    assert 0.9 < time.monotonic() - begun < 8


def test_a_reader_that_takes_a_little_now_and_then_is_let_go(slow_node):
    """`limits.write_rate_min`; what it did not take is collectable again"""
    body = b'w' * (24 << 20)
    guid = slow_node.ready_callback('echo', body)
    wait_until(lambda: connections(slow_node) == 0)
    with Raw(slow_node.api, receive_buffer=65536) as raw:
        raw.send(f'GET /v1/callbacks/{guid} HTTP/1.1\r\nHost: x\r\n\r\n')
        wait_until(lambda: connections(slow_node) == 1)
        taken, begun = 0, time.monotonic()
        while connections(slow_node) > 0 and time.monotonic() - begun < 20:
            taken += len(raw.socket.recv(16384))  # far from 4 MiB a second
            time.sleep(0.02)
        assert connections(slow_node) == 0
        assert 0 < taken < len(body)
    assert slow_node.collect(guid, wait=0).body == body


def test_what_a_deaf_client_did_not_read_was_not_collected(slow_node):
    """`limits.write_timeout_ms`: what is not read waits in the node, not in the system, so that
    a callback of any size that nobody read can be collected by another"""
    body = bytes(512 << 10)
    guid = slow_node.post('echo', body)
    wait_until(lambda: slow_node.call('HEAD', f'/v1/callbacks/{guid}').status == 200)
    with Raw(slow_node.api, receive_buffer=4096) as raw:
        raw.send(f'GET /v1/callbacks/{guid} HTTP/1.1\r\nHost: x\r\n\r\n')
        time.sleep(2)  # longer than it may stand still
    answer = slow_node.collect(guid, wait=5000)
    assert (answer.status, answer.body == body) == (200, True)
