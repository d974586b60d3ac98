"""Nodes that form a cluster on loopback, directly or through the fault proxy."""
import signal
import socket
import subprocess
import time

from fault_proxy import FaultProxy
from node import Node


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as one:
        return one.getsockname()[1]


class Cluster:
    """`count` nodes named a, b, c ..., joined. With `proxy=True` every link between two of them
    runs through self.proxy, where faults can be laid on it."""

    def __init__(self, count=3, settings=None, proxy=False, join=True):
        self.settings = settings or {}
        self.proxy = FaultProxy() if proxy else None
        self.names = [chr(ord('a') + i) for i in range(count)]
        self.ports = {name: free_port() for name in self.names}
        self.seen = {name: self.proxy.add(name, port) if proxy else port
                     for name, port in self.ports.items()}
        self.nodes = {name: self.start(name) for name in self.names}
        if join:
            self.wait_members(self.names)

    def start(self, name, settings=None):
        seeds = ','.join(f'127.0.0.1:{port}' for other, port in self.seen.items()
                         if other != name)
        merged = {'name': name, 'cluster.name': 'test',
                  'cluster.listen': f'127.0.0.1:{self.ports[name]}',
                  'cluster.advertise': f'127.0.0.1:{self.seen[name]}',
                  'cluster.expect': len(self.names),
                  **self.settings, **(settings or {})}
        if seeds:
            merged['cluster.seeds'] = seeds
        # A sanitizer that keeps much freed memory would hide growth, or look like it.
        env = {'ASAN_OPTIONS': 'detect_leaks=1:quarantine_size_mb=4'}
        return Node({'echo': 'builtin:echo', 'sleep': 'builtin:sleep'}, merged, env=env)

    def __getitem__(self, name):
        return self.nodes[name]

    def restart(self, name):
        self.nodes[name] = self.start(name)
        return self.nodes[name]

    def members(self, name):
        """{member name: state} as that node sees it."""
        answer = self.nodes[name].admin_call('GET', '/v1/cluster')
        assert answer.status == 200, answer
        return {m['name']: m['state'] for m in answer.json()['members']}

    def alive(self, name):
        return {one for one, state in self.members(name).items() if state == 'alive'}

    def wait_members(self, names, seconds=20, among=None):
        """Until every one of `names` believes exactly `names` alive."""
        until = time.monotonic() + seconds
        wanted = set(names)
        for one in among or names:
            while self.alive(one) != wanted:
                assert time.monotonic() < until, \
                    f'{one} sees {self.members(one)}, not {wanted}:\n' \
                    f'{self.nodes[one].log()[-3000:]}'
                time.sleep(0.02)

    def post(self, name, body, seconds=5):
        """As Node.post(), by a client that asks again after a 503, as it is told to."""
        until = time.monotonic() + seconds
        while True:
            answer = self.nodes[name].call('POST', '/v1/functions/echo', body,
                                           [('Prefer', 'respond-async')])
            if answer.status == 202:
                return answer.json()['id']
            assert answer.status == 503 and answer.header('Retry-After'), answer
            assert time.monotonic() < until, answer
            time.sleep(0.2)

    def stop(self):
        for one in self.nodes.values():    # at once: each may wait for what it still holds
            if not one.ended:
                one.process.send_signal(signal.SIGTERM)
        for one in self.nodes.values():
            try:
                one.process.wait(30)
            except subprocess.TimeoutExpired:
                pass                       # stop() says so
            one.stop()
        if self.proxy is not None:
            self.proxy.close()
