"""What a client sees: one address, behind which one node stands, or several of a cluster."""
import os
import socket
import time

from balancer import open_balancer
from fault_proxy import LINK_DELAY_MS, FaultProxy
from node import Client, Node
from secrets_of_tests import link_settings

# How many nodes each test of a dialect runs against, in turn.
SIZES = [int(n) for n in os.environ.get('CALLBACKD_TEST_NODES', '1,3').split(',')]

# Copies that are not confirmed in 250 ms, votes that are late: a machine that stands still for
# a moment makes a cluster say 503, ask again (API.md 3). Often it must not say so.
PATIENCE = 10


class Service(Client):
    """`count` nodes that know each other, and the balancer before them when there are more
    than one."""

    def __init__(self, count, folder, functions=None, settings=None, env=None,
                 arguments=(), admin_headers=()):
        self.nodes, self.balancer, self.admin_headers = [], None, admin_headers
        self.proxy = FaultProxy() if count > 1 and LINK_DELAY_MS > 0 else None
        try:
            for number in range(count):
                self.add_node(number, count, (functions, settings, arguments, env))
            for node in self.nodes:
                wait_members(node, count)
                node.patience = PATIENCE if count > 1 else 0
            self.patience = self.nodes[0].patience
        except BaseException:
            for node in self.nodes:
                node.kill()
            raise
        self.api = self.nodes[0].api
        if count > 1:
            self.balancer = open_balancer([n.api for n in self.nodes], folder)
            self.api = self.balancer.address

    def add_node(self, number, count, given):
        functions, settings, more, env = given
        merged = dict(settings or {})
        arguments = ['--name', f'n{number + 1}']
        port, seen = 0, None
        if self.proxy is not None:
            with socket.create_server(('127.0.0.1', 0)) as held:  # or both get the same port
                port = held.getsockname()[1]
                seen = f'127.0.0.1:{self.proxy.add(f"n{number + 1}", port)}'
            merged['cluster.advertise'] = seen
        if count > 1:
            arguments += ['--cluster', f'127.0.0.1:{port}']
            merged.setdefault('cluster.expect', number + 1)
            merged.update(link_settings())
        if self.nodes:
            arguments += ['--seeds', self.seed]
        self.nodes.append(Node(functions, merged, [*arguments, *more], env))
        self.nodes[-1].admin_headers = self.admin_headers
        if number == 0 and count > 1:
            self.seed = seen or '%s:%d' % self.nodes[0].cluster
        if self.proxy is not None:
            self.proxy.who(f'n{number + 1}', self.nodes[-1].process.pid)

    @property
    def url(self):
        return 'http://%s:%d' % self.api

    def each(self):
        """The nodes one by one, when a test must know which one answers."""
        return self.nodes

    def ask_to_stop(self):
        for node in self.nodes:
            if not node.ended:
                node.ask_to_stop()

    def stop(self):
        if self.balancer is not None:
            self.balancer.close()
        if self.proxy is not None:
            self.proxy.close()
        faults = []
        self.ask_to_stop()
        for node in self.nodes:
            try:
                node.stop()
            except AssertionError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]


def wait_members(node, count, seconds=20):
    """Until the node is ready and sees so many members alive."""
    until = time.monotonic() + seconds
    while True:
        alive, ready = 0, False
        if node.admin_call('GET', '/readyz').status == 200:
            found = node.admin_call('GET', '/v1/cluster').json()
            ready = True
            alive = sum(m['state'] == 'alive' for m in found['members'])
        if alive == count or (count == 1 and alive == 0 and ready):
            return
        assert time.monotonic() < until, f'{alive} of {count} alive:\n{node.log()[-4000:]}'
        time.sleep(0.02)
