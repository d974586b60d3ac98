"""Nodes that form a cluster on loopback, directly or through the fault proxy."""
import os
import random
import signal
import socket
import time

from fault_proxy import LINK_DELAY_MS, FaultProxy
from http_client import call
from node import Node
from secrets_of_tests import link_settings
from talk import Talk

FUNCTIONS = {'echo': 'builtin:echo', 'sleep': 'builtin:sleep', 'code': 'builtin:status'}


# Below what the system gives to connections that dial, so that a node which comes back finds
# its port free. Each run of pytest-xdist (gw0, gw1 ...) has ports of its own.
RUN = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) % 8
PORTS = range(15000 + RUN * 2000, 17000 + RUN * 2000)
given = set()


def free_port():
    """Never the same twice."""
    while True:
        port = random.choice(PORTS)
        if port in given:
            continue
        given.add(port)
        try:
            with socket.create_server(('127.0.0.1', port)):
                return port
        except OSError:
            continue


class Cluster(Talk):
    """`count` nodes named a, b, c ..., joined. With `proxy=True` every link between two of them
    runs through self.proxy, where faults can be laid on it. A node that comes back has the
    addresses that it had.

    settings: for all; own: {name: settings of that node}; binaries: {name: its program}; tls:
    whether links are encrypted, by default when CALLBACKD_TEST_TLS=1."""

    def __init__(self, count=3, settings=None, proxy=False, join=True, own=None, binaries=None,
                 functions=None, tls=None):
        self.settings, self.own = {**link_settings(tls), **(settings or {})}, own or {}
        self.binaries, self.functions = binaries or {}, functions or FUNCTIONS
        self.proxy = FaultProxy() if proxy or LINK_DELAY_MS > 0 else None
        self.names = [chr(ord('a') + i) for i in range(count)]
        self.ports = {name: free_port() for name in self.names}
        self.fronts = {name: (free_port(), free_port()) for name in self.names}
        self.seen = {name: self.proxy.add(name, port) if proxy else port
                     for name, port in self.ports.items()}
        self.paused = set()
        self.turn = 0
        self.nodes = {}
        try:
            for name in self.names:
                self.nodes[name] = self.start(name)
            if join:
                self.wait_members(self.names)
        except BaseException:
            for one in self.nodes.values():
                one.kill()
            raise

    def start(self, name, settings=None):
        seeds = ','.join(f'127.0.0.1:{port}' for other, port in self.seen.items()
                         if other != name)
        merged = {'name': name, 'cluster.name': 'test',
                  'cluster.listen': f'127.0.0.1:{self.ports[name]}',
                  'cluster.advertise': f'127.0.0.1:{self.seen[name]}',
                  'cluster.expect': len(self.names),
                  'listen': f'127.0.0.1:{self.fronts[name][0]}',
                  'admin': f'127.0.0.1:{self.fronts[name][1]}',
                  **self.settings, **self.own.get(name, {}), **(settings or {})}
        if seeds:
            merged['cluster.seeds'] = seeds
        # A sanitizer that keeps much freed memory would hide growth, or look like it.
        env = {'ASAN_OPTIONS': 'detect_leaks=1:quarantine_size_mb=4'}
        node = Node(self.functions, merged, env=env, binary=self.binaries.get(name))
        if self.proxy is not None:
            self.proxy.who(name, node.process.pid)
        return node

    def __getitem__(self, name):
        return self.nodes[name]

    def api(self, name):
        return self.nodes[name].api

    def admin(self, name):
        return self.nodes[name].admin

    def log(self, name):
        return self.nodes[name].log()

    def add(self, settings=None):
        """One more node; its name."""
        name = chr(ord('a') + len(self.names))
        self.ports[name], self.fronts[name] = free_port(), (free_port(), free_port())
        self.seen[name] = self.proxy.add(name, self.ports[name]) if self.proxy \
            else self.ports[name]
        self.names.append(name)
        self.nodes[name] = self.start(name, settings)
        return name

    def restart(self, name):
        self.nodes[name] = self.start(name)
        return self.nodes[name]

    # What the topologies' scenarios do to a node, the same as to a container.

    def kill(self, name):
        self.nodes[name].kill()

    def stop_one(self, name):
        """SIGTERM, and the clean end of it."""
        self.nodes[name].stop()

    def pause(self, name):
        self.paused.add(name)
        self.nodes[name].process.send_signal(signal.SIGSTOP)

    def resume(self, name):
        self.nodes[name].process.send_signal(signal.SIGCONT)
        self.paused.discard(name)

    def isolate(self, *names):
        """Each of them can reach no other node, nor be reached; clients still reach it."""
        for one in names:
            self.proxy.partition([one], [other for other in self.names if other != one])

    def heal(self):
        self.proxy.heal()

    def slow_down(self, name):
        for pair in ((name, '*'), ('*', name)):
            self.proxy.fault(*pair, 'delay', 60, 60)
            self.proxy.fault(*pair, 'rate', 400_000)

    speed_up = heal

    def balanced(self, method, target, body=None, headers=(), timeout=20):
        """What a load balancer does: the next node that is ready, in turn."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self.turn += 1
            name = self.names[self.turn % len(self.names)]
            if name not in self.paused and self.is_ready(name):
                return call(self.api(name), method, target, body, headers, timeout)
        raise AssertionError('no node is ready:\n' + self.tails())

    def doors(self):
        """Addresses for clients that choose nodes themselves."""
        return [self.api(one) for one in self.names]

    def stop(self):
        for name in list(self.paused):
            self.resume(name)
        for one in self.nodes.values():
            one.ask_to_stop()  # all at once: each may wait for the others
        faults = []
        for one in self.nodes.values():
            try:
                one.stop()
            except AssertionError as fault:
                faults.append(fault)
        if self.proxy is not None:
            self.proxy.close()
        if faults:
            raise faults[0]
