"""Where nodes find each other, and what they tell of themselves.

Nodes that find each other by a name (`cluster.seeds: dns:NAME:PORT`), as the pods of a
headless service do: each has an address of its own, all the same port, and one that comes back
has another address. The nodes share a hosts file in mount namespaces; that takes root.
"""
import json
import os
import shutil
import stat
import subprocess

import pytest

import node as node_module
from cluster_nodes import FUNCTIONS, free_port
from node import Node
from secrets_of_tests import link_settings
from talk import Talk

NAME = 'peers.example'


def namespaces_are_had():
    return os.geteuid() == 0 and shutil.which('unshare') and subprocess.run(
        ['unshare', '--mount', 'mount', '--bind', '/etc/hosts', '/etc/hosts'],
        capture_output=True, check=False).returncode == 0


class Pods(Talk):
    """Nodes by name; `at`: the last number of their address."""

    def __init__(self, folder):
        self.port, self.nodes, self.at = free_port(), {}, {}
        self.hosts, self.program = folder / 'hosts', folder / 'callbackd'
        self.say()
        self.program.write_text(
            '#!/bin/sh\n'
            f'exec unshare --mount sh -c \'mount --bind {self.hosts} /etc/hosts && '
            f'exec {node_module.BINARY} "$@"\' sh "$@"\n')
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def say(self, *names):
        """The name has the addresses of these; written in place, for the mount is of the file.
        """
        lines = ['127.0.0.1 localhost', *(f'127.0.1.{self.at[one]} {NAME}' for one in names)]
        self.hosts.write_text('\n'.join(lines) + '\n')

    def start(self, name, at, **settings):
        self.at[name] = at
        self.nodes[name] = Node(FUNCTIONS, {
            'name': name, 'cluster.name': 'test', 'cluster.expect': 3,
            'cluster.listen': f'127.0.1.{at}:{self.port}',
            'cluster.seeds': f'dns:{NAME}:{self.port}',
            **link_settings(), **settings}, binary=str(self.program))

    @property
    def names(self):
        return sorted(self.nodes)

    def api(self, name):
        return self.nodes[name].api

    def admin(self, name):
        return self.nodes[name].admin

    def log(self, name):
        return self.nodes[name].log()

    def addresses(self, name):
        """{address: state} of whom that node knows."""
        found = self.admin_call(name, 'GET', '/v1/cluster').json()['members']
        return {one['address'].rpartition(':')[0]: one['state'] for one in found}

    def stop(self):
        for one in self.nodes.values():
            if not one.ended:
                one.ask_to_stop()
        for one in self.nodes.values():
            one.stop()


@pytest.fixture
def pods(tmp_path):
    if not namespaces_are_had():
        pytest.skip('mount namespaces need root')
    one = Pods(tmp_path)
    yield one
    one.stop()


def start_three(pods):
    for at, name in enumerate('abc', 1):
        pods.start(name, at)
        pods.say(*pods.names)
    pods.wait_members('abc')
    pods.wait_ready()


def test_nodes_find_each_other_by_a_name_that_is_unknown_at_first(pods):
    """A name that has no address yet is asked for again."""
    for at, name in enumerate('abc', 1):
        pods.start(name, at)
    assert not pods.is_ready('a') and pods.alive('a') <= {'a'}
    pods.say(*'abc')
    pods.wait_members('abc')
    pods.wait_ready()
    guid = pods.post('a', body=b'found')
    assert pods.collect('c', guid, wait=3000).body == b'found'


def test_a_pod_that_dies_comes_back_with_another_address(pods):
    start_three(pods)
    ready = [pods.post(one, body=b'kept') for one in 'abc']
    pods.nodes['b'].kill()
    pods.wait_noticed('b', 2.5)
    pods.start('b', 4)
    pods.say(*'abc')
    pods.wait_members('abc', seconds=10)
    pods.wait_ready()
    assert pods.addresses('a')['127.0.1.4'] == 'alive'
    assert pods.addresses('a').get('127.0.1.2', 'dead') == 'dead'
    for guid in ready:
        assert pods.collect('b', guid, wait=5000).body == b'kept'
        assert pods.collect('a', guid, wait=1000).status == 410


def test_all_addresses_change_one_by_one(pods):
    """a rolling update: afterwards nobody has an address that the first nodes were told"""
    start_three(pods)
    ready = [pods.post('abc'[i % 3], body=b'kept') for i in range(12)]
    for at, name in enumerate('cba', 11):
        pods.nodes[name].stop()
        pods.start(name, at)
        pods.say(*'abc')
        pods.wait_members('abc', seconds=10)
        pods.wait_ready()
    for i, guid in enumerate(ready):
        assert pods.collect('abc'[i % 3], guid, wait=5000).body == b'kept'
    # Whoever comes now finds them by the name alone.
    pods.start('d', 14)
    pods.say(*'abcd')
    pods.wait_members('abcd', seconds=10)
    assert {one for one, state in pods.addresses('d').items() if state == 'alive'} == \
        {f'127.0.1.{at}' for at in (11, 12, 13, 14)}


def test_an_address_that_another_pod_had_is_the_new_one_s(pods):
    """addresses are given again: to a pod of another name, while the dead one is remembered"""
    start_three(pods)
    for one in 'bc':
        pods.nodes[one].kill()
    pods.start('c', 2)
    pods.start('b', 3)
    pods.wait_members('abc', seconds=15)
    pods.wait_ready()
    assert pods.collect('a', pods.post('b', body=b'new'), wait=3000).body == b'new'


# Two interfaces, the first of which has nothing but link-local addresses.
NETWORK = """
ip link set lo up
ip link add one type veth peer name left && ip link set one up && ip link set left up
ip link add two type veth peer name right && ip link set two up && ip link set right up
ip addr add 169.254.7.7/16 dev one
ip -6 addr add {0} dev two nodad
"""
ASK = """
{1} --cluster '[::]:0' --set cluster.insecure=true --listen 127.0.0.1:8080 2>{2} &
for i in $(seq 100); do curl -sf http://127.0.0.1:9090/v1/cluster && break; sleep 0.1; done
kill $!
wait
"""


def test_a_node_that_listens_everywhere_tells_an_address_that_others_can_dial(tmp_path):
    """cluster.advertise: the bound address; of all addresses not one that is link-local"""
    address = 'fd00::5'
    script = (NETWORK + ASK).format(address + '/64', node_module.BINARY, tmp_path / 'log')
    if not namespaces_are_had() or not shutil.which('ip') or subprocess.run(
            ['unshare', '--net', 'bash', '-ec', NETWORK.format(address + '/64')],
            capture_output=True, check=False).returncode != 0:
        pytest.skip('network namespaces need root, iproute2 and veth')
    done = subprocess.run(['unshare', '--net', 'bash', '-c', script], capture_output=True,
                          text=True, timeout=60, check=False)
    member, = json.loads(done.stdout)['members']
    assert member['address'].startswith(f'[{address}]:'), member
