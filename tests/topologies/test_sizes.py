"""docs/deployment.md: more nodes, fewer nodes, and nodes of another size: nothing is lost that
was accepted."""
import pytest

import oneshot
from cluster_nodes import Cluster
from conftest import ON_DOCKER, SETTINGS

pytestmark = pytest.mark.skipif(ON_DOCKER, reason='the nodes are processes')
CLIENTS = {'pace': 10, 'window': 24, 'sizes': '100,5120,60000', 'wait': 1000,
           'give_up': 20_000}


@pytest.fixture
def nodes():
    one = Cluster(settings={**SETTINGS, 'cluster.expect': 3, 'limits.store_bytes': '64MiB'})
    one.wait_ready()
    yield one
    one.stop()


def test_from_three_to_five_and_back_to_three(nodes):
    """the two that were there first go, as well as a node that came late"""
    race = oneshot.Race(nodes.doors()[2:], until_told=True, **CLIENTS)
    for _ in range(2):
        name = nodes.add()
        nodes.wait_members(nodes.names)
        nodes.wait_ready(name)
    kept = [nodes.post(one, body=one.encode() * 9000) for one in nodes.names * 4]
    for one in ('a', 'e'):
        nodes.stop_one(one)
        nodes.names.remove(one)
        nodes.wait_members(nodes.names)
    for i, guid in enumerate(kept):
        got = nodes.collect('bcd'[i % 3], guid, wait=5000)
        assert (got.status, len(got.body)) == (200, 9000)
    race.process.terminate()
    found = race.report()
    assert found['accepted'] == found['delivered'] > 300 and oneshot.lost(found) == 0, found
    assert found['posts_broken'] == found['gets_broken'] == found['gets_cut'] == 0, found


def test_a_node_that_comes_back_with_less_memory_harms_nobody(nodes):
    """It takes what it has room for, and says so of the rest."""
    large = [nodes.post('abc'[i % 3], body=b'%d' % i + b'L' * 2_000_000) for i in range(6)]
    for one in large:
        nodes.until(lambda one=one: nodes.status('a', one).json()['status'] == 'succeeded', 5,
                    'success')
    nodes.stop_one('c')
    nodes.own['c'] = {'limits.store_bytes': '1MiB'}
    nodes.restart('c')
    nodes.wait_members('abc')
    nodes.wait_ready('c')
    # There is no room for that one here: it is not taken, and another node hands it out.
    refused = nodes.collect('c', large[0], wait=500)
    assert (refused.status, bool(refused.header('Retry-After'))) == (503, True), refused
    for i, guid in enumerate(large):
        assert nodes.collect('ab'[i % 2], guid, wait=5000).body.startswith(b'%d' % i + b'L')
    for _ in range(20):  # the others go on though it is full
        for one in 'ab':
            nodes.post(one, body=b'm' * 100_000)
        answer = nodes.call('c', 'POST', '/v1/functions/echo', b'm' * 100_000,
                            [('Prefer', 'respond-async')])
        assert answer.status in (202, 503), answer
    assert nodes.store_bytes('c') <= 1 << 20
