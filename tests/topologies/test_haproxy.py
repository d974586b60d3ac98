"""deploy/haproxy/haproxy.cfg, the very file, before real nodes; only addresses are this test's
own. What else it promises is tested in containers."""
import re
import socket
import subprocess
import time

import pytest

from balancer import find_haproxy
from cluster_nodes import Cluster, free_port
from conftest import ON_DOCKER, SETTINGS
from http_client import call
from node import TREE
from talk import accepted

pytestmark = [
    pytest.mark.skipif(not find_haproxy(), reason='no haproxy here: apt-get install haproxy'),
    pytest.mark.skipif(ON_DOCKER, reason='the nodes are processes'),
]
FULL = {**SETTINGS, 'limits.store_bytes': '8MiB'}


def substituted(text, port, nodes):
    text, binds = re.subn(r'bind :8080', f'bind 127.0.0.1:{port}', text)
    servers = '\n'.join('    server {0} {1}:{2} port {4}'.format(one, *nodes.api(one),
                                                                  *nodes.admin(one))
                        for one in nodes.names)
    text, templates = re.subn(r'    server-template node 50 node:8080.*', servers, text)
    assert binds == 1 and templates >= 1
    return text


@pytest.fixture
def full():
    one = Cluster(settings=FULL)
    one.wait_ready()
    yield one
    one.stop()


@pytest.fixture
def front(full, tmp_path):
    """call(method, target, body) through haproxy."""
    port, file = free_port(), tmp_path / 'haproxy.cfg'
    with open(f'{TREE}/deploy/haproxy/haproxy.cfg', encoding='utf-8') as stream:
        file.write_text(substituted(stream.read(), port, full))
    process = subprocess.Popen([find_haproxy(), '-db', '-f', str(file)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def ask(method, target, body=None):
        return call(('127.0.0.1', port), method, target, body,
                    [('Prefer', 'respond-async')] if body else [])

    def serves():
        try:
            return ask('GET', '/healthz').status == 200
        except (ConnectionRefusedError, socket.timeout):
            return False
    ask.address = ('127.0.0.1', port)
    full.until(serves, 10, 'haproxy')
    yield ask
    process.terminate()
    process.wait(10)


def test_what_a_full_cluster_holds_can_be_collected(full, front):
    """Copies fill all nodes at the same time, so none is ready; collecting is what helps."""
    kept = []
    until = time.monotonic() + 20
    while any(full.is_ready(one) for one in full.names):
        assert time.monotonic() < until
        answer = front('POST', '/v1/functions/echo', b'f' * 100_000)
        if answer.status == 202:
            kept.append(answer.json()['id'])
    refused = front('POST', '/v1/functions/echo', b'f')
    while refused.status == 202 and time.monotonic() < until:  # the balancer has to see it
        time.sleep(0.1)
        refused = front('POST', '/v1/functions/echo', b'f')
    assert refused.status == 503 and refused.header('Retry-After')
    for guid in kept:
        answer = front('GET', f'/v1/callbacks/{guid}?wait=2000')
        while answer.status == 503 and time.monotonic() < until + 20:  # nothing is lost by it
            time.sleep(0.1)
            answer = front('GET', f'/v1/callbacks/{guid}?wait=2000')
        assert (answer.status, len(answer.body)) == (200, 100_000)
    full.wait_ready()
    accepted(lambda: front('POST', '/v1/functions/echo', b'f'))  # new work


@pytest.mark.parametrize('route', ['/v1/callbacks/{}?wait=20000',
                                   '/async-function/{}?wait=20000',
                                   '/API/invoke/entityanalysismodel/callback/{}?timeout=20000'])
def test_a_client_that_leaves_while_it_waits_takes_nothing(full, front, route):
    """The client goes away before the last byte ...: the callback is collectable again"""
    guid = accepted(lambda: front('POST', '/v1/functions/sleep?ms=2500', b'late'))
    with socket.create_connection(front.address) as leaving:
        leaving.sendall(f'GET {route.format(guid)} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        time.sleep(0.4)
    full.until(lambda: full.status('a', guid).json()['status'] not in ('queued', 'running'), 10,
               'the result')
    time.sleep(0.2)
    answer = front('GET', f'/v1/callbacks/{guid}?wait=3000')
    assert (answer.status, answer.body) == (200, b'late')


def test_who_ends_its_side_only_is_answered(front):
    """Not so where nothing can be lost: `half_close_ms` is the node's to grant"""
    with socket.create_connection(front.address) as half:
        half.sendall(b'POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
                     b'Content-Length: 2\r\n\r\nhi')
        half.shutdown(socket.SHUT_WR)
        half.settimeout(5)
        assert half.recv(4096).startswith(b'HTTP/1.1 200 ')
