"""deploy/nginx/callbackd.conf keeps what it promises: what it asks again and what never, and
that clients notice nothing of a node that dies or is restarted which they could not mend."""
import itertools
import socket
import threading
import time

import pytest

from cluster_nodes import Cluster, free_port
from conftest import ON_DOCKER, SETTINGS
from nginx_front import Nginx, find_nginx
from upstream import Upstream

pytestmark = [
    pytest.mark.skipif(not find_nginx(), reason='no nginx here: apt-get install nginx-light'),
    pytest.mark.skipif(ON_DOCKER, reason='the nodes are processes'),
]
ASYNC = [('Prefer', 'respond-async')]


@pytest.fixture
def nginx(tmp_path):
    made = []

    def start(nodes):
        made.append(Nginx(tmp_path, nodes))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def function():
    one = Upstream()
    yield one
    one.close()


@pytest.fixture
def nodes(function):
    """Three, whose function remembers what it was called with."""
    one = Cluster(settings=SETTINGS, functions={'run': function.url + '/run',
                                                'echo': 'builtin:echo',
                                                'sleep': 'builtin:sleep'})
    one.wait_ready()
    yield one
    one.stop()


# --- what is asked again, seen by servers that count ------------------------------------------


@pytest.fixture
def breakers():
    """Three servers that take a request and break the connection."""
    made = [Upstream() for _ in range(3)]
    for one in made:
        one.on('/x', lambda seen: None)
    yield made
    for one in made:
        one.close()


def addresses(upstreams):
    return [('127.0.0.1', one.port) for one in upstreams]


def asked(upstreams):
    return sum(len(one.requests('/x')) for one in upstreams)


@pytest.mark.parametrize('method, body, times', [
    ('POST', b'pay', 1), ('POST', b'', 1), ('PATCH', b'pay', 1), ('PUT', b'pay', 1),
    ('DELETE', None, 1), ('OPTIONS', None, 1), ('GET', None, 3), ('HEAD', None, 3)])
def test_what_was_sent_is_sent_again_only_where_nothing_can_happen_twice(
        nginx, breakers, method, body, times):
    answer = nginx(addresses(breakers)).call(method, '/x', body)
    assert asked(breakers) == times
    # Nobody knows whether it was accepted: no Retry-After that would say so.
    assert (answer.status, answer.header('Retry-After')) == (502, None)


def test_a_503_of_a_node_or_function_is_the_answer(nginx, breakers):
    for one in breakers:
        one.on('/x', lambda seen: (503, [('Retry-After', '7')], b'mine'))
    front = nginx(addresses(breakers))
    for method, body in (('POST', b'pay'), ('GET', None)):
        answer = front.call(method, '/x', body)
        assert (answer.status, answer.header('Retry-After'), answer.body) == (503, '7', b'mine')
    assert asked(breakers) == 2


def test_whoever_finds_nobody_listening_is_passed_on(nginx, breakers):
    """and nothing is executed twice by that"""
    breakers[2].on('/x', lambda seen: (200, [], seen.body))
    front = nginx([('127.0.0.1', free_port()), ('127.0.0.1', free_port()),
                   *addresses(breakers[2:])])
    for i in range(12):
        answer = front.call('POST', '/x', b'%d' % i)
        assert (answer.status, answer.body) == (200, b'%d' % i)
    assert asked(breakers) == 12


class Hole:
    """Where connections neither come about nor are refused, as on a machine that is gone."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(0)
        self.waiting = [socket.socket() for _ in range(3)]  # more than its queue takes
        for one in self.waiting:
            one.setblocking(False)
            one.connect_ex(self.listener.getsockname())

    def close(self):
        for one in (self.listener, *self.waiting):
            one.close()


def test_whoever_finds_a_machine_gone_is_passed_on_within_seconds(nginx, breakers):
    breakers[2].on('/x', lambda seen: (200, [], seen.body))
    holes = [Hole(), Hole()]
    front = nginx([*(one.listener.getsockname() for one in holes), *addresses(breakers[2:])])
    begun = time.monotonic()
    for i in range(6):
        assert front.call('POST', '/x', b'%d' % i).body == b'%d' % i
    assert asked(breakers) == 6 and time.monotonic() - begun < 8
    for one in holes:
        one.close()


def test_no_node_at_all_is_told_as_a_node_would_tell_it(nginx):
    front = nginx([('127.0.0.1', free_port()) for _ in range(3)])
    for method, body in (('POST', b'pay'), ('GET', None), ('DELETE', None)) * 3:
        answer = front.call(method, '/v1/functions/run', body)
        assert (answer.status, answer.header('Retry-After')) == (503, '1'), answer
        assert answer.header('Content-Type') == 'application/problem+json'
        assert answer.json()['type'] == '/problems/no-node'


def test_headers_and_paths_reach_the_node_as_they_came(nginx, breakers):
    breakers[0].on('/x', lambda seen: (200, [], b''))
    front = nginx([*addresses(breakers[:1]), *[('127.0.0.1', free_port()) for _ in range(2)]])
    front.call('POST', '/x?a=%2F%2f//b', b'1', [('Under_score', '1'), ('Host', 'h:1'),
                                                ('X-Long', 'l' * 20_000)])
    seen = breakers[0].requests('/x')[0]
    got = {name.lower(): value for name, value in seen.headers}
    assert seen.target == '/x?a=%2F%2f//b'
    assert (got['under_score'], got['host'], len(got['x-long'])) == ('1', 'h:1', 20_000)
    assert got['x-forwarded-for'] == '127.0.0.1' and 'connection' not in got


# --- real nodes -----------------------------------------------------------------------------


def test_large_bodies_pass_and_none_is_written_to_disk(nginx, nodes):
    front = nginx(nodes.doors())
    body = bytes(range(256)) * 4 * 1024 * 12
    guid = front.post('/v1/functions/echo', body)
    with front.raw() as slow:
        slow.send(f'GET /v1/callbacks/{guid}?wait=10000 HTTP/1.1\r\nHost: n\r\n\r\n')
        slow.until(b'\r\n\r\n')
        time.sleep(0.5)
        assert front.files() == []
        assert slow.exactly(len(body)) == body
    # A body that is too large is refused by the node, in its words.
    answer = front.call('POST', '/v1/functions/echo', b'x' * (17 << 20), ASYNC)
    assert answer.status == 413 and answer.json()['type'] == '/problems/body-too-large'
    assert guid not in front.read('callbackd.log'), 'no capability in the log'


def test_a_client_that_leaves_leaves_the_callback(nginx, nodes):
    """also one that only ends its side, and one that has read a part of a large one"""
    front = nginx(nodes.doors())
    guid = front.post('/v1/functions/sleep?ms=2500', b'later')
    with front.raw() as client:
        client.send(f'GET /v1/callbacks/{guid}?wait=9000 HTTP/1.1\r\nHost: n\r\n\r\n')
        time.sleep(0.3)
        client.socket.shutdown(1)
        assert client.is_closed(5), 'nginx takes a FIN for a goodbye'
    assert front.call('GET', f'/v1/callbacks/{guid}?wait=9000').body == b'later'
    large = front.post('/v1/functions/echo', b'z' * 15_000_000)
    with front.raw() as client:
        client.send(f'GET /v1/callbacks/{large}?wait=9000 HTTP/1.1\r\nHost: n\r\n\r\n')
        client.until(b'\r\n\r\n')
        client.reset()
    assert len(front.call('GET', f'/v1/callbacks/{large}?wait=9000').body) == 15_000_000


class Clients:
    """Eight that do cycles through the balancer and write down what they saw."""

    def __init__(self, front, tokens, count=None):
        self.front, self.tokens, self.count = front, tokens, count
        self.numbers, self.told_to_end = itertools.count(), threading.Event()
        self.posts, self.gets, self.delivered, self.accepted = [], [], {}, {}
        self.faults = []
        self.threads = [threading.Thread(target=self.run) for _ in range(8)]
        for one in self.threads:
            one.start()

    def run(self):
        while not self.told_to_end.is_set():
            number = next(self.numbers)
            if self.count is not None and number >= self.count:
                return
            try:
                self.cycle(number)
            except Exception as fault:  # pylint: disable=broad-except
                self.faults.append(f'{number}: {fault!r}')

    def patiently(self, seen, method, target, body=None, headers=()):
        """As clients shall: asks again after Retry-After, and a GET also when it broke."""
        until = time.monotonic() + 30
        while True:
            answer = self.front.call(method, target, body, headers)
            seen.append(answer)
            again = answer.status == 503 or method == 'GET' and answer.status in (202, 502)
            if not again or time.monotonic() > until:
                return answer
            time.sleep(0.2)

    def cycle(self, number):
        body = b'%d:' % number + b'b' * (number % 5 * 4000)
        answer = self.patiently(self.posts, 'POST', '/v1/functions/run', body, ASYNC)
        if answer.status != 202:
            return
        guid = answer.json()['id']
        self.accepted[guid] = body
        token = [('Claim-Token', f'token-{number}')] if self.tokens else []
        target = f'/v1/callbacks/{guid}?wait=5000'
        got = self.patiently(self.gets, 'GET', target, None, token)
        if got.status == 200:
            assert got.body == body, 'the body of another'
            self.delivered[guid] = got
        again = self.patiently([], 'GET', target)
        assert again.status == 410 or again.status == 200 and guid not in self.delivered, again
        time.sleep(0.01)

    def end(self):
        if self.count is None:
            self.told_to_end.set()
        for one in self.threads:
            one.join(120)
        assert self.faults == []
        for one in self.posts + self.gets:
            assert one.status != 503 or one.header('Retry-After'), one

    def codes(self):
        return ({a.status for a in self.posts}, {a.status for a in self.gets})


def executed_once_a_post(function):
    """By the entry GUID that each function is told: a request that nginx repeats has two."""
    calls = {}
    for seen in function.requests('/run'):
        names = {name.lower(): value for name, value in seen.headers}
        calls.setdefault(seen.body, set()).add(names['idempotency-key'])
    return all(len(guids) == 1 for guids in calls.values())


def test_a_node_is_killed_and_nothing_is_executed_or_delivered_twice(nginx, nodes, function):
    clients = Clients(nginx(nodes.doors()), tokens=True, count=200)
    while len(clients.delivered) < 60 and not clients.faults:
        time.sleep(0.01)
    nodes.kill('b')
    clients.end()
    print(f'codes of POSTs and GETs: {clients.codes()}')
    # A POST that was with the node may be 502: nobody knows, so nobody repeats it unasked.
    assert clients.codes()[0] <= {202, 502, 503} and clients.codes()[1] <= {200, 202, 502, 503}
    assert len([a for a in clients.posts if a.status == 502]) <= 8, 'only what was under way'
    assert set(clients.delivered) == set(clients.accepted), 'with tokens nothing is lost'
    assert len(clients.accepted) >= 200 - 8
    assert executed_once_a_post(function)


def restarted_one_by_one(front, nodes):
    clients = Clients(front, tokens=False)
    for one in nodes.names:
        time.sleep(0.5)
        nodes.stop_one(one)
        nodes.restart(one)
        nodes.wait_members(nodes.names)
        nodes.wait_ready(one)
    clients.end()
    return clients


def test_a_rolling_restart_shows_nothing_but_503_with_retry_after(nginx, nodes, function):
    front = nginx(nodes.doors())
    for _ in range(3):
        # A POST that goes out just as the node closes a kept connection is 502; it is rare.
        clients = restarted_one_by_one(front, nodes)
        print(f'codes of POSTs and GETs: {clients.codes()}, {len(clients.delivered)} cycles')
        assert set(clients.delivered) == set(clients.accepted), 'nothing is lost'
        if not {502, 504} & set().union(*clients.codes()):
            break
    assert clients.codes()[0] <= {202, 503} and clients.codes()[1] <= {200, 202, 503}
    assert len(clients.delivered) > 100
    assert executed_once_a_post(function)
