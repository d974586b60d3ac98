"""Fixtures of the black-box tests. What is tested stands in API.md; each test quotes it."""
import os
import time

import pytest

import node as node_module
from secrets_of_tests import link_settings
from service import PATIENCE, SIZES, Service
from upstream import Upstream


def pytest_configure(config):
    config.addinivalue_line('markers', 'many: thousands of requests; seconds, not minutes')
    config.addinivalue_line('markers', 'slow: waits for a time of the contract to pass')


@pytest.fixture(scope='session', autouse=True)
def binary():
    if not os.access(node_module.BINARY, os.X_OK):
        pytest.exit(f'no {node_module.BINARY}; build it, or set CALLBACKD_BIN', returncode=2)
    return node_module.BINARY


def make_starter(started):
    def start(functions=None, settings=None, arguments=(), env=None):
        node = node_module.Node(functions, settings, arguments, env)
        started.append(node)
        return node
    return start


def stop_all(started):
    faults = []
    for node in reversed(started):
        node.ask_to_stop()
    for node in reversed(started):
        try:
            node.stop()
        except AssertionError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


@pytest.fixture
def start_node():
    """start_node(functions, settings, arguments, env): a node that the test's end stops."""
    started = []
    yield make_starter(started)
    stop_all(started)


@pytest.fixture(scope='module')
def start_module_node():
    started = []
    yield make_starter(started)
    stop_all(started)


@pytest.fixture
def start_cluster(start_node):
    """start_cluster(count, ...): nodes on loopback that know each other, all ready."""
    def start(count=3, functions=None, settings=None, arguments=()):
        nodes = []
        for number in range(count):
            extra = ['--name', f'n{number + 1}', '--cluster', '127.0.0.1:0']
            if nodes:
                extra += ['--seeds', '%s:%d' % nodes[0].cluster]
            merged = {'cluster.expect': min(number + 1, count), **link_settings(),
                      **(settings or {})}
            nodes.append(start_node(functions, merged, [*extra, *arguments]))
        for node in nodes:
            wait_ready(node)
            node.patience = PATIENCE
        return nodes
    return start


@pytest.fixture(scope='module', params=SIZES, ids=lambda n: f'{n}-node{"s" * (n > 1)}')
def node_count(request):
    """The tests of a file run against one node, then against a cluster."""
    return request.param


@pytest.fixture(scope='module')
def start_service(node_count, tmp_path_factory):
    """start_service(functions, settings, env, arguments, admin_headers): what clients talk
    to."""
    started = []

    def start(functions=None, settings=None, env=None, arguments=(), admin_headers=()):
        folder = tmp_path_factory.mktemp('service')
        started.append(Service(node_count, folder, functions, settings, env, arguments,
                               admin_headers))
        return started[-1]
    yield start
    stop_all(started)


def wait_ready(node, seconds=15):
    until = time.monotonic() + seconds
    while node.admin_call('GET', '/readyz').status != 200:
        assert time.monotonic() < until, node.log()[-4000:]
        time.sleep(0.02)


@pytest.fixture(scope='module')
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope='module')
def scripts(tmp_path_factory):
    """write(name, text): an executable shell script; its path."""
    folder = tmp_path_factory.mktemp('scripts')

    def write(name, text):
        path = folder / name
        path.write_text('#!/bin/sh\n' + text)
        path.chmod(0o755)
        return str(path)
    return write


@pytest.fixture(scope='module')
def node(start_module_node, upstream, scripts):
    """One node for all tests of a file that do not need settings of their own."""
    return start_module_node({
        'echo': 'builtin:echo',
        'sleep': 'builtin:sleep',
        'code': 'builtin:status',
        'up': upstream.url + '/base',
        'dead': 'http://127.0.0.1:1/',
        'cat': 'exec:/bin/cat',
        'env': 'exec:' + scripts('env.sh', 'cat >/dev/null\nenv\n'),
        'fails': 'exec:' + scripts('fails.sh', 'cat >/dev/null\necho broken\nexit 3\n'),
        'one': upstream.url + '/one',
    }, {'functions.one.concurrency': 1, 'functions.sleep.concurrency': 64})
