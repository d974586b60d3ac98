"""Peers that do not belong here are refused with the reason, logged once, and counted."""
import time

from wire import REJECT, Peer


def refusals(nodes, name):
    return {key: n for key, n in nodes[name].metrics().items()
            if 'cluster' in key and 'reject' in key}


def rejected(nodes, name, **hello):
    peer = Peer(nodes[name].cluster)
    peer.hello(**hello)
    answer = peer.read()
    assert answer is not None and answer[0] == REJECT, answer
    assert peer.is_ended()
    peer.close()
    return answer[1]


def test_a_node_of_another_cluster_is_refused_logged_once_and_counted(cluster):
    nodes = cluster(2, tls=False)
    before = sum(refusals(nodes, 'a').values())
    for _ in range(5):
        code, reason = rejected(nodes, 'a', cluster='other')[:2]
        assert code > 0 and reason
    assert sum(refusals(nodes, 'a').values()) == before + 5, refusals(nodes, 'a')
    said = [r for r in nodes['a'].records if 'cluster' in str(r.get('reason', ''))]
    assert len(said) == 1, said
    assert nodes.alive('b') == {'a', 'b'}


def test_a_version_that_is_not_spoken_is_refused(cluster):
    nodes = cluster(2, tls=False)
    code, reason = rejected(nodes, 'a', versions=(90, 91))[:2]
    assert code > 0 and 'version' in reason.lower(), reason
    assert nodes.alive('a') == {'a', 'b'}


def refused_by(node):
    return [r for r in node.records if 'refused' in str(r.get('reason', ''))]


def test_a_real_node_of_another_cluster_never_becomes_a_member(cluster):
    nodes = cluster(2, tls=False)
    nodes.own['c'] = {'cluster.name': 'other', 'cluster.expect': 0}
    nodes.add()
    time.sleep(1.5)
    nodes.until(lambda: refused_by(nodes['c']), 5, 'that c says why')
    assert nodes.alive('a') == nodes.alive('b') == {'a', 'b'}
    assert nodes.alive('c') == {'c'}
    assert len(refused_by(nodes['c'])) <= 2, nodes['c'].log()  # once by each of the two
