"""Nodes that leave in order (PROTOCOL.md, "Failure detection and joining", last sentence;
reference 8.4): their votes, their queue and their bodies stay in the cluster."""
import signal
import threading
import time

from http_client import call

SETTINGS = {'callback.ttl_ms': 60_000, 'shutdown.delay_ms': 400,
            'functions.code.ttl_ms': 1000}
ALLOWED = (200, 202, 303, 410, 429, 503)


class Client:
    """Asks through a balancer that knows which nodes are ready, the whole time; every answer
    must be one that a client can live with."""

    def __init__(self, nodes, guids):
        self.nodes, self.guids = nodes, guids
        self.faults, self.answers, self.over = [], 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def ask(self, name, method, target, body=None, headers=()):
        try:
            answer = call(self.nodes.api(name), method, target, body, headers, 10)
        except OSError:
            return  # a balancer would have asked another node
        self.answers += 1
        retry = answer.header('Retry-After')
        if answer.status not in ALLOWED or (answer.status in (429, 503) and retry is None):
            self.faults.append((name, method, target, answer.status, answer.body[:200]))

    def run(self):
        turn = 0
        while not self.over:
            name = self.nodes.names[turn % len(self.nodes.names)]
            guid = self.guids[turn % len(self.guids)]
            turn += 1
            if self.nodes.is_ready(name):
                self.ask(name, 'GET', f'/v1/invocations/{guid}')
                self.ask(name, 'HEAD', f'/v1/callbacks/{guid}?wait=0')
                self.ask(name, 'POST', '/v1/functions/code?code=200', b'y',
                         [('Prefer', 'respond-async')])
            time.sleep(0.005)

    def stop(self):
        self.over = True
        self.thread.join()
        assert self.faults == [] and self.answers > 50, (self.answers, self.faults[:5])


def roll(nodes, name):
    """SIGTERM, a clean end with exit code 0, and a new start."""
    begun = time.monotonic()
    nodes.stop_one(name)
    took = time.monotonic() - begun
    nodes.restart(name)
    nodes.wait_ready(name)
    nodes.wait_members(nodes.names, seconds=10)
    return took


def post_some(nodes, count, sizes):
    posted = {}
    for i in range(count):
        body = bytes([i % 251]) * sizes[i % len(sizes)]
        posted[nodes.post(nodes.names[i % len(nodes.names)], body=body)] = body
    return posted


def collect_all(nodes, posted):
    """Each exactly once: a second one is told that it is gone."""
    for i, (guid, body) in enumerate(posted.items()):
        here, there = nodes.names[i % len(nodes.names)], nodes.names[(i + 1) % len(nodes.names)]
        got = nodes.collect(here, guid, wait=5000)
        assert (got.status, got.body == body) == (200, True), (i, here, guid, got)
        assert nodes.collect(there, guid, wait=2000).status == 410


def test_a_rolling_restart_of_all_nodes_keeps_every_waiting_callback(cluster):
    """handed over: two of three arbiters of each callback leave within its TTL, then the
    third, and each callback is still collected, exactly once"""
    nodes = cluster(3, settings=SETTINGS)
    posted = post_some(nodes, 60, (100, 20_000, 300_000))
    client = Client(nodes, list(posted))
    spans = [roll(nodes, one) for one in nodes.names]
    client.stop()
    print('seconds to leave:', [round(one, 2) for one in spans])
    assert max(spans) < 8, spans  # and not the 10 s of one whom nobody inherits
    collect_all(nodes, posted)


def test_who_leaves_in_order_alarms_nobody(cluster):
    """What is routine is no warning: neither in the log of who leaves nor in the others'."""
    nodes = cluster(3, settings=SETTINGS)
    for name in nodes.names:
        nodes.stop_one(name)
        others = [one for one in nodes.names if one != name]
        nodes.until(lambda others=others: all('"state":"leaving"' in nodes.log(one)
                                              for one in others), 5, 'the others to hear of it')
        logs = ''.join(nodes.log(one) for one in nodes.names)
        assert [line for line in logs.splitlines() if 'link-closed' in line] == []
        nodes.restart(name)
        nodes.wait_ready(name)
        nodes.wait_members(nodes.names, seconds=10)


def test_the_last_node_keeps_what_all_others_have_left(cluster):
    """A cluster that shrinks to one node: it votes for all three seats."""
    nodes = cluster(3, settings=SETTINGS)
    posted = post_some(nodes, 12, (100, 300_000))
    nodes.stop_one('a')
    nodes.stop_one('b')
    for guid, body in posted.items():
        got = nodes.collect('c', guid, wait=3000)
        assert (got.status, got.body == body) == (200, True), got


def test_queued_work_is_handed_over_and_runs_once(cluster):
    """SIGTERM: finish or hand over the queue"""
    slow = {'functions.sleep.concurrency': 1}
    nodes = cluster(3, settings={**SETTINGS, **slow})
    guids = [nodes.post('a', 'sleep', b'%d' % i, path='?ms=400') for i in range(20)]
    begun = time.monotonic()
    nodes.stop_one('a')
    assert time.monotonic() - begun < 6  # and not 20 x 0.4 s
    for i, guid in enumerate(guids):
        got = nodes.collect('b' if i % 2 else 'c', guid, wait=20_000)
        assert (got.status, got.body) == (200, b'%d' % i), (i, got)
    taken = [nodes[one].metrics() for one in 'bc']
    ran = sum(value for one in taken for key, value in one.items()
              if key.startswith('callbackd_function_duration_seconds_count'))
    assert ran <= 20, ran


def test_waiting_clients_of_a_leaving_node_lose_nothing(cluster):
    """A parked GET holds votes: they are given back before its node goes, and the client is
    told to ask elsewhere (503 with Retry-After)."""
    nodes = cluster(3, settings=SETTINGS)
    guid = nodes.post('b', 'sleep', b'late', path='?ms=3000')
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(nodes.collect('a', guid, wait=30_000)))
    waiting.start()
    time.sleep(0.3)
    nodes['a'].ask_to_stop(signal.SIGTERM)
    waiting.join(15)
    assert answers and answers[0].status == 503, answers
    assert answers[0].header('Retry-After')
    nodes.stop_one('a')
    assert nodes.collect('c', guid, wait=10_000).body == b'late'


def test_drain_by_request_ends_in_exit_0_and_keeps_the_votes(cluster):
    """`POST /v1/drain` (202; drains and leaves as SIGTERM does, and exits 0)"""
    nodes = cluster(3, settings=SETTINGS)
    posted = post_some(nodes, 6, (100, 300_000))
    for name in 'ab':
        assert nodes.admin_call(name, 'POST', '/v1/drain').status == 202
        nodes[name].process.wait(30)
        nodes.stop_one(name)
    for guid, body in posted.items():
        assert nodes.collect('c', guid, wait=3000).body == body
