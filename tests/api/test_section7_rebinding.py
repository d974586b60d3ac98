"""API.md 7: refused after resolving and again at connect, with names whose answers change.

The node gets a hosts file of its own, in a mount namespace of its own; that takes root.
"""
import os
import shutil
import socket
import stat
import subprocess
import time

import pytest

import node as node_module

NAME = 'hook.example'
ALLOWED, INSIDE = '127.0.0.2', '127.0.0.3'


def namespaces_are_had():
    return os.geteuid() == 0 and shutil.which('unshare') and subprocess.run(
        ['unshare', '--mount', 'mount', '--bind', '/etc/hosts', '/etc/hosts'],
        capture_output=True, check=False).returncode == 0


class Names:
    """The hosts file; written in place, since the mount is of the file itself."""

    def __init__(self, path):
        self.path = path
        self.say()

    def say(self, *addresses):
        self.path.write_text('127.0.0.1 localhost\n' +
                             ''.join(f'{a} {NAME}\n' for a in addresses))


@pytest.fixture
def names(tmp_path):
    return Names(tmp_path / 'hosts')


@pytest.fixture
def node(names, tmp_path):
    """A node that reads those names, and may only bring webhooks to the allowed address."""
    if not namespaces_are_had():
        pytest.skip('mount namespaces need root')
    program = tmp_path / 'callbackd'
    program.write_text(
        '#!/bin/sh\n'
        f'exec unshare --mount sh -c \'mount --bind {names.path} /etc/hosts && '
        f'exec {node_module.BINARY} "$@"\' sh "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    one = node_module.Node({'echo': 'builtin:echo'}, {
        'webhook.allow': ALLOWED, 'webhook.min_wait_ms': 200, 'webhook.max_wait_ms': 400,
        'webhook.attempts': 100}, binary=str(program))
    yield one
    one.stop()


@pytest.fixture
def inside():
    """Listens where no webhook may go."""
    listener = socket.create_server((INSIDE, 0))
    listener.settimeout(0.3)
    yield listener
    listener.close()


def wait_failed(node, guid):
    until = time.monotonic() + 20
    while node.status(guid).json().get('webhook') != 'failed':
        assert time.monotonic() < until, node.status(guid)
        time.sleep(0.02)


def nobody_came(listener):
    with pytest.raises(TimeoutError):
        listener.accept()


def hook(node, port):
    return node.post('echo', b'x', [('X-Callback-Url', f'http://{NAME}:{port}/hook')])


def test_a_name_that_turns_inside_is_refused_at_connect(node, names, inside):
    """DNS that changes its answer: unknown when the work is accepted, internal later"""
    guid = hook(node, inside.getsockname()[1])
    time.sleep(0.3)
    names.say(INSIDE)
    wait_failed(node, guid)
    nobody_came(inside)
    assert node.collect(guid).status == 200, 'it stays collectable'


def test_each_address_of_an_answer_is_held_against_the_rules(node, names, inside):
    """an answer of two addresses: the allowed one refuses connections, the other is internal"""
    names.say(ALLOWED, INSIDE)
    guid = hook(node, inside.getsockname()[1])
    wait_failed(node, guid)
    nobody_came(inside)


def test_the_allowed_address_is_reached_by_that_name(node, names):
    """the tests above refuse because of the address, not because of the name"""
    names.say(ALLOWED)
    with socket.create_server((ALLOWED, 0)) as listener:
        listener.settimeout(10)
        hook(node, listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            assert peer.recv(65536).startswith(b'POST /hook HTTP/1.1\r\n')
            peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
