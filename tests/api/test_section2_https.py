"""`tls.cert` and `tls.key`: HTTPS on the API and the admin address (API.md section 2 and
docs/tls.md). The API's other tests run over HTTPS with CALLBACKD_TEST_HTTPS=1 and
CALLBACKD_TEST_NODES=1, but those that end one side of a connection: Python's TLS cannot."""
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from http_client import Door, Raw, call
from node import CONTROL, clean_environment, run_callbackd
from secrets_of_tests import Authority, client_context, https_authority, https_settings
from test_section3_collect import (  # noqa: F401
    test_a_ready_callback_is_collected, test_a_waiting_get_is_woken_by_the_result,
    test_disconnects_at_random_bytes_then_collected_exactly_once, test_the_second_get_is_410,
    test_two_gets_at_once_exactly_one_delivery_each)
from test_section3_hostile import (  # noqa: F401
    test_a_request_byte_by_byte, test_a_thousand_pipelined_requests,
    test_expect_100_continue, test_keep_alive_and_pipelining_in_order)

FUNCTIONS = {'echo': 'builtin:echo', 'sleep': 'builtin:sleep', 'code': 'builtin:status'}


@pytest.fixture(scope='module')
def node(start_module_node, upstream):
    """One node that speaks HTTPS; the tests of other files above run against it."""
    return start_module_node({**FUNCTIONS, 'up': upstream.url + '/base'}, https_settings(True))


@pytest.fixture
def start_node(start_node):
    """Nodes that speak HTTPS."""
    def start(functions=None, settings=None, arguments=(), env=None):
        return start_node(functions, {**https_settings(True), **(settings or {})}, arguments,
                          env)
    return start


def handshakes(node, result):
    return node.metrics()[f'callbackd_tls_handshakes_total{{port="clients",result="{result}"}}']


def plain(node):
    """The same address for who speaks no TLS."""
    return tuple(node.api)


def ended_within(peer, seconds):
    begun = time.monotonic()
    peer.settimeout(seconds)
    try:
        while peer.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - begun


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=['1.2', '1.3'])
def test_tls_1_2_and_1_3_are_served(node, version):
    for address in (node.api, node.admin):
        door = Door(address, client_context(version))
        with Raw(door) as raw:
            assert raw.socket.version() == version.name.replace('_', '.')
            assert raw.socket.selected_alpn_protocol() == 'http/1.1'
            raw.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
            assert raw.answer().status in (200, 404)
    assert call(Door(node.admin, client_context(version)), 'GET', '/healthz').status == 200
    ends = 'callbackd_tls_certificate_expires_timestamp_seconds{port="clients"}'
    assert time.time() + 86400 < node.metrics()[ends] < time.time() + 3 * 86400


def test_http_1_0_is_chosen_too(node):
    """HTTP/1.0 is served, so a client that offers nothing else by ALPN (curl --http1.0) is"""
    for offered, chosen in ((['http/1.0'], 'http/1.0'), (['http/1.0', 'http/1.1'], 'http/1.1'),
                            (['h2', 'http/1.0'], 'http/1.0')):
        context = client_context()
        context.set_alpn_protocols(offered)
        with Raw(Door(node.api, context)) as raw:
            assert raw.socket.selected_alpn_protocol() == chosen
            raw.send('GET /healthz HTTP/1.0\r\n\r\n')
            assert raw.answer().status == 200


@pytest.mark.parametrize('size', [0, 1, 16384, 16385, 100_000, 12 << 20])
def test_bodies_of_every_size_go_both_ways(node, size):
    body = os.urandom(min(size, 1 << 20)) * (size // (1 << 20) or 1)
    guid = node.post('echo', body)
    answer = node.collect(guid, wait=20000)
    assert (answer.status, answer.body == body) == (200, True)
    assert node.collect(guid).status == 410


def test_who_sends_something_else_is_cut_off_and_counted(node):
    for said, result in ((b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'plain-text'),
                         (os.urandom(3000).replace(b'\x16', b'x').replace(b'\x15', b'x'),
                          'plain-text'),
                         (b'\x16\x03\x01\x00\x20' + b'g' * 32, 'malformed'),
                         (b'', 'ended')):
        before = handshakes(node, result)
        for _ in range(20):
            with socket.create_connection(plain(node)) as peer:
                peer.sendall(said)
                if not said:
                    peer.shutdown(socket.SHUT_WR)
                assert ended_within(peer, 5) < 2
        until = time.monotonic() + 5
        while handshakes(node, result) != before + 20:
            assert time.monotonic() < until, result
            time.sleep(0.02)
    assert node.call('POST', '/v1/functions/echo', b'alive').body == b'alive'


@pytest.mark.parametrize('size', [0, 1 << 20])
def test_plain_http_at_the_https_port_is_told_so(node, size):
    """also when it goes on sending a body"""
    request = (f'POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n'
               '\r\n').encode() + bytes(size)
    for _ in range(5):
        with Raw(plain(node)) as raw:
            raw.send(request)
            answer = raw.answer()
            assert (answer.status, answer.body) == (400, b'this port speaks HTTPS\r\n')
            assert answer.header('Connection') == 'close'
            assert raw.is_closed()


def test_a_client_that_does_not_trust_us_is_counted(node):
    before = handshakes(node, 'rejected-by-peer')
    with pytest.raises(ssl.SSLError):
        call(Door(node.api, ssl.create_default_context()), 'GET', '/')
    until = time.monotonic() + 5
    while handshakes(node, 'rejected-by-peer') != before + 1:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_slow_handshake_ends_with_the_time_for_a_head(start_node):
    """`limits.head_timeout_ms`: handshake and first byte together"""
    node = start_node(FUNCTIONS, {'limits.head_timeout_ms': 700})
    peers, begun = [], time.monotonic()
    for said in (b'', b'\x16', b'\x16\x03\x01\x02\x00\x01\x00'):
        peers.append(socket.create_connection(plain(node)))
        peers[-1].sendall(said)
    drip = socket.create_connection(plain(node))
    drip.sendall(b'\x16\x03\x01\x02\x00')
    try:
        while time.monotonic() - begun < 4:
            drip.sendall(b'\x01')  # each byte begins no time anew
            time.sleep(0.1)
    except OSError:
        pass
    assert 0.5 < time.monotonic() - begun < 3
    for peer in peers:
        assert ended_within(peer, 5) < 1
        peer.close()
    drip.close()
    until = time.monotonic() + 5
    while handshakes(node, 'unfinished') != 4:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_connections_cost_little_memory(start_node):
    """Idle ones, and ones whose client does not read a large answer."""
    node = start_node(FUNCTIONS, {'limits.write_timeout_ms': 60000},
                      env={'ASAN_OPTIONS': 'detect_leaks=1:quarantine_size_mb=1'})
    held = [node.raw() for _ in range(20)]
    before = node.resident_bytes()
    held += [node.raw() for _ in range(200)]
    idle = (node.resident_bytes() - before) / 200
    guids = [node.post('echo', b'm' * (8 << 20)) for _ in range(10)]
    for guid in guids:
        node.wait_state(guid, 'succeeded')
    before = node.resident_bytes()
    for guid in guids:
        with_little = Raw(node.api, receive_buffer=4096)
        with_little.send(f'GET /v1/callbacks/{guid} HTTP/1.1\r\nHost: x\r\n\r\n')
        held.append(with_little)
    time.sleep(1)
    reading = (node.resident_bytes() - before) / len(guids)
    for one in held:
        one.close()
    print(f'an idle connection: {idle / 1024:.0f} KiB; one that does not read 8 MiB: '
          f'{reading / 1024:.0f} KiB')
    assert idle < 200_000 and reading < 1_000_000  # a sanitizer adds much to each


def test_an_answer_that_is_not_read_was_not_sent(start_node):
    """Sent is what the system has taken to the last record: a client that leaves before that
    leaves the callback to be collected."""
    node = start_node(FUNCTIONS)
    body = os.urandom(1 << 20) * 8
    guid = node.post('echo', body)
    node.wait_state(guid, 'succeeded')
    for _ in range(3):
        with Raw(node.api, receive_buffer=4096) as raw:
            raw.send(f'GET /v1/callbacks/{guid} HTTP/1.1\r\nHost: x\r\n\r\n')
            raw.exactly(100_000)
    answer = node.collect(guid, wait=5000)
    assert (answer.status, answer.body == body) == (200, True)
    assert node.collect(guid).status == 410


def serial_of(node):
    with Raw(Door(node.api, client_context())) as raw:
        return raw.socket.getpeercert()['serialNumber']


def test_a_new_certificate_counts_from_the_next_connection_on(start_node):
    """Read again on SIGHUP: under load, without a failed request."""
    authority = https_authority()
    pair = authority.issue('IP:127.0.0.1')
    node = start_node(FUNCTIONS, {'tls.cert': pair[0], 'tls.key': pair[1]})
    kept, faults, ended, done = node.raw(), [], threading.Event(), []

    def load():
        while not ended.is_set():
            try:
                answer = node.call('POST', '/v1/functions/echo', b'load')
                done.append(1)
                if answer.body != b'load':
                    faults.append(answer)
            except OSError as fault:
                faults.append(fault)
    threads = [threading.Thread(target=load) for _ in range(3)]
    for one in threads:
        one.start()
    serials = {serial_of(node)}
    for count in range(1, 4):
        authority.issue('IP:127.0.0.1', into=pair)
        node.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 5
        while len(node.events('tls-reloaded')) < count:
            assert time.monotonic() < until
            time.sleep(0.01)
        serials.add(serial_of(node))
    ended.set()
    for one in threads:
        one.join()
    assert len(serials) == 4 and faults == [] and len(done) > 20
    kept.send('GET /v1/callbacks/x HTTP/1.1\r\nHost: x\r\n\r\n')
    assert kept.answer().status == 404  # under the old one
    kept.close()


def test_a_bad_file_at_sighup_changes_nothing(start_node, tmp_path):
    authority = https_authority()
    pair = authority.issue('IP:127.0.0.1')
    node = start_node(FUNCTIONS, {'tls.cert': pair[0], 'tls.key': pair[1]})
    before = serial_of(node)
    with open(pair[0], 'w', encoding='ascii') as stream:
        stream.write('no certificate\n')
    node.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 5
    while not node.events('tls-kept'):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert 'tls.cert' in node.events('tls-kept')[0]['error']
    assert serial_of(node) == before


def test_files_that_cannot_be_used_end_the_start_with_a_word(tmp_path):
    cert, key = https_authority().issue('IP:127.0.0.1')
    other = https_authority().issue('IP:127.0.0.1')[1]
    empty = tmp_path / 'empty.pem'
    empty.write_text('')
    for settings, word in (({'tls.cert': cert}, 'tls.key'), ({'tls.key': key}, 'tls.cert'),
                           ({'tls.cert': empty, 'tls.key': key}, 'tls.cert'),
                           ({'tls.cert': cert, 'tls.key': other}, 'tls.key')):
        words = [w for k, v in settings.items() for w in ('--set', f'{k}={v}')]
        done = run_callbackd('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', *words)
        assert done.returncode == 2 and word in done.stderr, done


def control(node, *words, env=None):
    done = subprocess.run([CONTROL, '--node', 'https://%s:%d' % node.api, '--admin',
                           'https://%s:%d' % node.admin, *words], capture_output=True,
                          text=True, env=clean_environment(env), timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def test_callbackctl_speaks_https(node):
    ca = https_authority().cert
    assert control(node, '--ca', ca, 'health')[0] == 0
    assert control(node, 'health', env={'CALLBACKCTL_CA': ca})[0] == 0
    assert control(node, '--insecure', 'health')[0] == 0
    code, out, _ = control(node, '--ca', ca, 'invoke', 'echo', '--data', 'x', '--wait', '5')
    assert (code, out) == (0, 'x')
    for words in ((), ('--ca', Authority('stranger').cert)):
        code, _, err = control(node, *words, 'health')
        assert code == 1 and '--ca FILE' in err, err
