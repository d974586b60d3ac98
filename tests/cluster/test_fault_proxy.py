"""The fault proxy does the harm it is asked for, and only that."""
import os
import socket
import threading
import time

import pytest

from fault_proxy import FaultProxy
from wire import HELLO, frame, pack


def hello(name):
    return frame(HELLO, pack([1, 1, 'test', b'\xa1a' * 8, name, 'zone', 'host:1', 0, 0]))


class Echo:
    """Stands for node b: sends back what it gets."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                end, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(end,), daemon=True).start()

    @staticmethod
    def serve(end):
        try:
            while True:
                piece = end.recv(65536)
                if not piece:
                    break
                end.sendall(piece)
        except OSError:
            pass
        end.close()


@pytest.fixture
def pair():
    echo = Echo()
    proxy = FaultProxy()
    proxy.add('a', 1)
    port = proxy.add('b', echo.port)
    yield proxy, port
    proxy.close()
    echo.listener.close()


def dial(port, name='a'):
    end = socket.create_connection(('127.0.0.1', port), timeout=5)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.sendall(hello(name))
    return end


def read(end, size):
    got = b''
    while len(got) < size:
        piece = end.recv(size - len(got))
        if not piece:
            raise ConnectionResetError
        got += piece
    return got


def settle(proxy):
    """What has arrived at the proxy so far, it has read: the first answer may come before that
    within one turn of its loop."""
    proxy.stats()
    proxy.stats()


def best_round_trip(end):
    """Of several: a machine that is busy with something else delays some."""
    return min(round_trip(end) for _ in range(10))


def round_trip(end, data=b'x'):
    began = time.monotonic()
    end.sendall(data)
    assert read(end, len(data)) == data
    return time.monotonic() - began


def test_passes_bytes_unchanged_both_ways(pair):
    _, port = pair
    end = dial(port)
    assert read(end, len(hello('a'))) == hello('a')
    data = os.urandom(3_000_000)
    threading.Thread(target=end.sendall, args=(data,), daemon=True).start()
    assert read(end, len(data)) == data


def test_delay_is_felt_and_heals(pair):
    proxy, port = pair
    end = dial(port)
    read(end, len(hello('a')))
    assert best_round_trip(end) < 0.05
    proxy.fault('a', 'b', 'delay', 80)
    assert best_round_trip(end) >= 0.08
    proxy.heal()
    assert best_round_trip(end) < 0.05


def test_rate_makes_a_thin_line(pair):
    proxy, port = pair
    end = dial(port)
    read(end, len(hello('a')))
    proxy.fault('b', 'a', 'rate', 500_000)
    assert round_trip(end, b'y' * 100_000) >= 0.15


def test_stall_holds_everything_back_and_loses_nothing(pair):
    proxy, port = pair
    end = dial(port)
    read(end, len(hello('a')))
    proxy.partition(['a'], ['b'])
    end.sendall(b'later')
    end.settimeout(0.2)
    with pytest.raises(TimeoutError):
        end.recv(1)
    end.settimeout(5)
    proxy.heal()
    assert read(end, 5) == b'later'


def test_stall_lays_on_one_pair_only(pair):
    proxy, port = pair
    proxy.add('c', 1)
    a, c = dial(port), dial(port, 'c')
    read(a, len(hello('a')))
    read(c, len(hello('c')))
    proxy.fault('a', 'b', 'stall')
    a.sendall(b'z')
    assert best_round_trip(c) < 0.1
    a.settimeout(0.2)
    with pytest.raises(TimeoutError):
        a.recv(1)


def test_blackhole_swallows_and_healing_resets(pair):
    proxy, port = pair
    end = dial(port)
    read(end, len(hello('a')))
    proxy.fault('a', 'b', 'blackhole')
    end.sendall(b'gone')
    end.settimeout(0.2)
    with pytest.raises(TimeoutError):
        end.recv(1)
    settle(proxy)
    end.settimeout(5)
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        read(end, 1)


def test_cut_ends_at_that_byte(pair):
    proxy, port = pair
    end = dial(port)
    read(end, len(hello('a')))
    proxy.fault('b', 'a', 'cut', 1000)
    got = b''
    end.sendall(b'q' * 5000)
    with pytest.raises(ConnectionResetError):
        while True:
            piece = end.recv(65536)
            if not piece:
                raise ConnectionResetError
            got += piece
    assert len(got) <= 1000


def test_reset_and_refuse(pair):
    proxy, port = pair
    end = dial(port)
    read(end, len(hello('a')))
    assert proxy.reset('a', 'b') == 1
    with pytest.raises(ConnectionResetError):
        read(end, 1)
    proxy.fault('a', 'b', 'refuse')
    end = dial(port)
    with pytest.raises(ConnectionResetError):
        read(end, 1)
    proxy.heal()
    end = dial(port)
    assert read(end, len(hello('a'))) == hello('a')


def test_dialling_into_a_stall_hangs_and_goes_on_after_healing(pair):
    proxy, port = pair
    proxy.fault('a', 'b', 'stall')
    end = dial(port)
    end.settimeout(0.2)
    with pytest.raises(TimeoutError):
        end.recv(1)
    end.settimeout(5)
    proxy.heal()
    assert read(end, len(hello('a'))) == hello('a')


def test_an_encrypted_dialler_that_gave_up_in_a_stall_is_forgotten(pair):
    """Asked for again and again whose it was, it made every link slow for ever."""
    proxy, port = pair
    proxy.who('a', os.getpid())
    proxy.fault('a', 'b', 'stall')
    end = socket.create_connection(('127.0.0.1', port), timeout=5)
    end.sendall(b'\x16\x03\x01\x00\x05hello')
    until = time.monotonic() + 5
    while proxy.stats()['links'] != 1:
        assert time.monotonic() < until
    settle(proxy)
    end.close()
    proxy.heal()
    until = time.monotonic() + 5
    while proxy.stats()['links'] > 0:
        assert time.monotonic() < until
        time.sleep(0.02)
