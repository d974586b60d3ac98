"""A round-robin load balancer on loopback: haproxy where Debian's package is installed, else a
small TCP proxy of our own. Each new connection goes to the next node."""
import itertools
import os
import select
import shutil
import socket
import subprocess
import threading
import time

CONFIGURATION = '''
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server 75s
    option redispatch
    retries 2

frontend api
    bind fd@{listener}
    default_backend nodes

backend nodes
    balance roundrobin
{servers}
'''


def find_haproxy():
    return shutil.which('haproxy', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')


def listens(address):
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(address, 1).close()
        return True
    except ConnectionRefusedError:
        return False


class HaproxyBalancer:
    def __init__(self, addresses, folder):
        # It is given its socket: a port that only was free before may be somebody's by then.
        listener = socket.create_server(('127.0.0.1', 0), backlog=512)
        self.address = listener.getsockname()
        servers = '\n'.join(f'    server n{i} {host}:{port}'
                            for i, (host, port) in enumerate(addresses))
        path = os.path.join(str(folder), 'haproxy.cfg')
        with open(path, 'w', encoding='ascii') as stream:
            stream.write(CONFIGURATION.format(listener=listener.fileno(), servers=servers))
        self.process = subprocess.Popen([find_haproxy(), '-db', '-f', path],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        pass_fds=[listener.fileno()])
        listener.close()
        until = time.monotonic() + 10
        while not listens(self.address):
            assert self.process.poll() is None and time.monotonic() < until, path
            time.sleep(0.02)

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class SmallBalancer:
    """One thread a connection: enough for tests."""

    def __init__(self, addresses, _folder=None):
        self.turns = itertools.cycle(list(addresses))
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=512)
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client, next(self.turns)),
                             daemon=True).start()

    @staticmethod
    def relay(client, address):
        try:
            with client, socket.create_connection(address, 5) as node:
                other = {client: node, node: client}
                while other:
                    for one in select.select(list(other), [], [])[0]:
                        data = one.recv(65536)
                        if data:
                            other[one].sendall(data)
                        else:
                            other.pop(one).shutdown(socket.SHUT_WR)
        except (OSError, KeyError):
            return

    def close(self):
        self.listener.close()


def open_balancer(addresses, folder):
    kind = HaproxyBalancer if find_haproxy() else SmallBalancer
    return kind(addresses, folder)
