"""Whoever reaches the cluster port and is no node of this cluster: refused, counted, forgotten.

Each test attacks one node of a running cluster, many times over, and then requires that the
cluster is whole, serves, and has not grown.
"""
import os
import struct
import threading
import time
import uuid

import pytest
from talk import CHANCES
from wire import (ACCEPT, ACCEPT_ACK, BULK, CONTROL, CREATE, DELETE, FETCH, HELLO, HELLO_OK,
                  LEAVE, PEERS, PING, PONG, REJECT, REPORT, SEAT, SEAT_ACK, STATUS, STATUS_REQ,
                  SURVEY, Peer, frame, pack)

ROUNDS = 100
GROWTH_MAX = 12 << 20      # bytes of resident memory


@pytest.fixture
def victim(cluster):
    """Two nodes, the first of which is attacked; afterwards it must be as before."""
    nodes = cluster(2, tls=False)
    node = nodes['a']
    for _ in range(3):     # what a first time costs is no growth
        Peer(node.cluster).close()
    guid = nodes.post('a', body=b'before')
    before = node.resident_bytes()
    yield node
    assert node.resident_bytes() - before < GROWTH_MAX
    nodes.wait_members('ab', seconds=5)
    assert nodes['b'].collect(guid).body == b'before'
    after = nodes.post('b', body=b'after')
    assert node.collect(after, wait=5000).body == b'after'


def refused_counts(node):
    """Links that this node has ended for what was said on them."""
    found = node.metrics()
    return sum(found[f'callbackd_cluster_link_events_total{{event="{event}"}}']
               for event in ('malformed', 'too_large'))


@pytest.mark.parametrize('fields,code', [
    ({'cluster': 'another'}, 2),
    ({'versions': (99, 120)}, 1),
    ({'versions': (0, 0)}, 1),
    ({'flags': 1}, 2),
], ids=['another cluster', 'a newer protocol', 'an older protocol', 'the other claim mode'])
def test_stranger_is_told_why_it_is_refused(victim, fields, code):
    for _ in range(ROUNDS // 10):
        peer = Peer(victim.cluster)
        peer.hello(**fields)
        kind, answer = peer.read()
        assert kind == REJECT
        assert answer[0] == code and len(answer[1]) > 5
        assert peer.read() is None
        peer.close()


@pytest.mark.parametrize('lane', [CONTROL, BULK], ids=['control', 'bulk'])
def test_frame_over_the_limit_of_strangers_is_refused(victim, lane):
    for size in [4097 - 16, 65536, 1 << 20, (1 << 32) - 13]:
        for _ in range(ROUNDS // 10):
            peer = Peer(victim.cluster, lane)
            peer.send(struct.pack('>IBBHQ', 12 + size, HELLO, 0, 1, 1) + b'\xc0' * 64)
            assert peer.is_ended()
            peer.close()


def admitted(node, lane=CONTROL):
    """A connection of a node that none is: it knows the cluster's name."""
    peer = Peer(node.cluster, lane)
    peer.hello()
    kind, fields = peer.read()
    assert kind == HELLO_OK, (kind, fields)
    return peer


@pytest.mark.parametrize('lane,size', [(CONTROL, 65537 - 16), (BULK, 327681 - 16)],
                         ids=['control', 'bulk'])
def test_frame_over_the_limit_of_its_lane_is_refused(victim, lane, size):
    for _ in range(5):
        peer = admitted(victim, lane)
        peer.send(struct.pack('>IBBHQ', 12 + size, PING, 0, 1, 1) + b'\xc0' * 64)
        assert peer.is_ended()
        peer.close()


BOMBS = {
    'five bytes, an array of 67 million': b'\xdd\x04\x00\x00\x00',
    'five bytes, an array of 4 billion': b'\xdd\xff\xff\xff\xff',
    'five bytes, a map': b'\xdf\x02\x00\x00\x00',
    'five bytes, a bin': b'\xc6\xff\xff\xff\xf0',
    'five bytes, a str': b'\xdb\x7f\xff\xff\xff',
    'nested arrays': b'\x91' * 2000 + b'\xc0',
    'nested array headers of 32 bits': b'\xdd\x00\x00\x00\x01' * 400,
    'nested after the known fields': pack([1, 1, 'test', bytes(16), 'x', '', 'h:1', 0, 0])
    .replace(b'\x99', b'\x9a', 1) + b'\x91' * 1000 + b'\xc0',
    'a byte that msgpack never uses': b'\xc1',
    'nothing at all': b'',
    'a HELLO cut short': pack([1, 1, 'test', bytes(16), 'x', '', 'h:1', 0, 0])[:-9],
    'a HELLO with more behind it':
        pack([1, 1, 'test', bytes(16), 'x', '', 'h:1', 0, 0]) + b'\0',
    'a node id of 15 bytes': pack([1, 1, 'test', bytes(15), 'x', '', 'h:1', 0, 0]),
    'a lane that is none': pack([1, 1, 'test', bytes(16), 'x', '', 'h:1', 7, 0]),
    'a name of 256 bytes': pack([1, 1, 'test', bytes(16), 'x' * 256, '', 'h:1', 0, 0]),
}


def test_hostile_hello_ends_the_connection(victim):
    for name, body in BOMBS.items():
        for _ in range(ROUNDS // 10):
            peer = Peer(victim.cluster)
            peer.send(frame(HELLO, body))
            assert peer.is_ended(), name
            peer.close()


def test_hostile_message_of_a_member_ends_its_link(victim):
    for kind in range(4, 41):
        for name in list(BOMBS)[kind % 3::3]:
            peer = admitted(victim)
            peer.send(frame(kind, BOMBS[name]))
            assert peer.is_ended(), (kind, name)
            peer.close()


def test_numbers_that_no_entry_can_have_are_not_looked_for(victim):
    peer = admitted(victim)
    bulk = Peer(victim.cluster, BULK)
    bulk.node_id = peer.node_id
    bulk.hello()
    assert bulk.read()[0] == HELLO_OK  # it is streamed to only with both
    home = uuid.UUID(victim.admin_call('GET', '/v1/node').json()['node_id']).bytes
    for number in (1 << 40, 1 << 48, 0xffff << 48, (1 << 64) - 1):
        peer.say(FETCH, [home, [number]])
    peer.say(PING, [0])
    peer.read_until(PONG)
    peer.close()
    bulk.close()


@pytest.mark.parametrize('state', [0, 4, 6, 7, 255])
def test_a_state_that_has_no_name_ends_no_node(victim, state):
    peer = admitted(victim)
    guid = os.urandom(6) + b'\x80' + os.urandom(1) + b'\x80' + os.urandom(4) + peer.node_id[13:]
    answers = []

    def collect():
        answers.append(victim.collect(uuid.UUID(bytes=guid), wait=500))

    client = threading.Thread(target=collect)
    client.start()
    fields = peer.read_until(STATUS_REQ)
    peer.say(STATUS, [fields[0], 1, [guid, None, 1, None], 'echo', 'stranger', b'', state, 0,
                      200, 1, 1, 1, 1, 1, 1, 0, 0])
    client.join()
    peer.close()
    assert answers[0].status == 410, answers


def test_ends_of_an_origin_that_nobody_knows_cost_nothing(victim):
    for _ in range(CHANCES):
        peer = admitted(victim)
        began = time.monotonic()
        for _ in range(300):
            peer.say(DELETE, [os.urandom(16), [(1 << 27) - 1], b'\4'])
        peer.say(PING, [0])
        peer.read_until(PONG)
        took = time.monotonic() - began
        peer.close()
        if took < 1:
            break
    assert took < 1


def test_votes_of_seats_that_an_entry_has_not_are_not_taken(victim):
    peer = admitted(victim)
    guid = os.urandom(16)
    peer.say(ACCEPT, [[guid, peer.node_id, 1, []], 'echo', 0, 0, 5000, 1, 2, 0, 0, False, b'',
                      b'', 0, b'POST', b'/', b'', b'', None])
    peer.read_until(ACCEPT_ACK)
    peer.say(SEAT, [guid, peer.node_id, 1, 4, False, False, 0,
                    [[2, False, 1, peer.node_id, 7, None]]])
    assert peer.read_until(SEAT_ACK)[2] == 4  # it never will
    peer.say(LEAVE, [True])
    assert peer.is_ended()
    time.sleep(2)  # what it left behind is looked through, and forgotten


@pytest.mark.parametrize('status', [0, 99, 1000, 1024, 65535])
def test_a_callback_whose_status_is_none_ends_the_link(victim, status):
    peer = admitted(victim)
    before = refused_counts(victim)
    peer.say(CREATE, [[os.urandom(16), peer.node_id, 1, []], 'echo', 0, 0, 0, 5000, status,
                      False, 1, 0, False, False, 0, None, None])
    assert peer.is_ended()
    assert refused_counts(victim) == before + 1


@pytest.mark.parametrize('function,client_id', [('echo', b'a\r\nSet-Cookie: b'),
                                                ('a\nb', b''), ('echo\x7f', b'')])
def test_a_name_that_would_break_a_header_ends_the_link(victim, function, client_id):
    for kind in (ACCEPT, CREATE, STATUS):
        peer = admitted(victim)
        before = refused_counts(victim)
        entry = [os.urandom(16), peer.node_id, 1, []]
        peer.say(kind, {
            ACCEPT: [entry, function, 0, 0, 5000, 1, 2, 0, 0, False, client_id, b'', 0, b'POST',
                     b'/', b'', b'', None],
            CREATE: [entry, function if client_id == b'' else 'a\nb', 0, 0, 0, 5000, 200, False,
                     1, 0, False, False, 0, None, None],
            STATUS: [1, 1, entry, function, 'stranger', client_id, 0, 0, 200, 1, 1, 1, 1, 1, 1,
                     0, 0]}[kind])
        assert peer.is_ended()
        assert refused_counts(victim) == before + 1, kind


@pytest.mark.parametrize('sent_ms', [1 << 62, 1 << 63, (1 << 64) - 1])
def test_a_time_that_no_clock_shows_ends_the_link(victim, sent_ms):
    peer = admitted(victim)
    before = refused_counts(victim)
    peer.send(frame(PING, pack([0]), sent_ms))
    assert peer.is_ended()
    assert refused_counts(victim) == before + 1


def test_counts_that_are_lies_are_shown_and_no_more(victim):
    peer = admitted(victim)
    line = b'q echo' + b' 9223372036854775807' * 13 + b'\n'
    for _ in range(CHANCES):  # who does not report within 500 ms is left out
        views = []
        asker = threading.Thread(
            target=lambda: views.append(victim.admin_call('GET', '/v1/queues').json()))
        asker.start()
        request = peer.read_until(SURVEY)[0]
        peer.say(REPORT, [request, line + line + b'q \xff"\\' + b' 1' * 13 + b'\n'])
        asker.join()
        shown = {one['node'] for one in views[0]['nodes']}
        if 'stranger' in shown:
            break
    assert {'a', 'stranger'} <= shown


def test_bytes_of_another_protocol_end_the_connection(victim):
    for hostile in [b'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"SSH-2.0-OpenSSH_9.2\r\n",
                    b"\0" * 16, b"\xff" * 16]:
        for _ in range(ROUNDS // 10):
            peer = Peer(victim.cluster)
            peer.send(hostile)
            assert peer.is_ended()
            peer.close()


def test_stranger_that_says_nothing_is_left_after_two_seconds(victim):
    began = time.monotonic()
    peers = [Peer(victim.cluster) for _ in range(20)]
    for number, peer in enumerate(peers):
        peer.send(frame(HELLO, b'\x99')[:number])
    for peer in peers:
        assert peer.is_ended()
        peer.close()
    assert 1.5 < time.monotonic() - began < 4


def test_hundreds_of_strangers_do_not_keep_a_node_out(cluster):
    nodes = cluster(2, tls=False)
    strangers = [Peer(nodes['a'].cluster) for _ in range(300)]
    nodes['b'].stop()
    nodes.restart('b')
    for one in strangers[:100]:
        one.send(b'\0')
    nodes.wait_members(['a', 'b'], seconds=10)
    for one in strangers:
        one.close()


def descriptors(node):
    return len(os.listdir(f'/proc/{node.process.pid}/fd'))


def test_refused_strangers_that_stay_are_not_waited_for(victim):
    before = descriptors(victim)
    strangers = []
    for _ in range(400):
        stranger = Peer(victim.cluster)
        stranger.hello(cluster='another')
        assert stranger.read()[0] == REJECT
        strangers.append(stranger)
    assert descriptors(victim) - before < 200
    for one in strangers:
        assert one.is_ended()
        one.close()


def test_peer_that_never_reads_costs_a_bounded_amount(cluster):
    nodes = cluster(2, tls=False, settings={'cluster.accept_acks': 0})
    node = nodes['a']
    before = node.resident_bytes()
    greedy = admitted(node)
    greedy_bulk = Peer(node.cluster, BULK)
    greedy_bulk.node_id = greedy.node_id
    greedy_bulk.hello()
    body = b'z' * 100_000
    until = time.monotonic() + 6
    peak = 0
    while time.monotonic() < until:
        guid = nodes.post('a', body=body)
        answer = nodes['b'].collect(guid, wait=2000)
        assert answer.status in (200, 202, 503), answer
        peak = max(peak, node.resident_bytes() - before)
    assert peak < 100 << 20, peak
    greedy.close()
    greedy_bulk.close()
    until = time.monotonic() + 15
    while nodes.alive('a') != {'a', 'b'}:
        assert time.monotonic() < until, nodes.members('a')
        time.sleep(0.05)
    guid = nodes.post('a', body=b'after')
    assert nodes['b'].collect(guid, wait=5000).body == b'after'


def test_refusals_are_counted(cluster):
    nodes = cluster(2, tls=False)
    node = nodes['a']
    before = refused_counts(node)
    for body in BOMBS.values():
        peer = Peer(node.cluster)
        peer.send(frame(HELLO, body))
        assert peer.is_ended()
        peer.close()
    assert refused_counts(node) - before == len(BOMBS)


def test_a_flood_of_refusals_is_no_flood_in_the_log(cluster):
    nodes = cluster(2, tls=False)
    node = nodes['a']
    lines = len(node.records)
    for _ in range(300):
        peer = Peer(node.cluster)
        peer.send(b'\xff' * 16)
        assert peer.is_ended()
        peer.close()
    assert len(node.records) - lines < 20, node.log()[-2000:]
