"""`limits.connections` means so many, also where the system's soft limit of open files is the
1024 that shells, systemd and container run-times give."""
import socket

import node as node_module

SOFT = 256


def limited(tmp_path, words):
    """The node, started under other limits."""
    program = tmp_path / 'callbackd'
    program.write_text(f'#!/bin/sh\nulimit {words} && exec {node_module.BINARY} "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_more_clients_are_served_than_the_soft_limit_allows(tmp_path, scripts):
    files = scripts('files.sh', 'cat >/dev/null\nulimit -Sn\n')
    node = node_module.Node({'echo': 'builtin:echo', 'files': 'exec:' + files},
                            {'limits.connections': 1000},
                            binary=limited(tmp_path, f'-Sn {SOFT}'))
    idle = []
    try:
        for _ in range(2 * SOFT):
            idle.append(socket.create_connection(tuple(node.api), 5))
        assert node.call('POST', '/v1/functions/echo', b'one more').body == b'one more'
        # What the node was started with is what its programs get.
        assert node.call('POST', '/v1/functions/files', b'').body == b'%d\n' % SOFT
        assert node.metrics()['callbackd_http_connections'] > SOFT
        assert not node.events('configuration')
    finally:
        for one in idle:
            one.close()
        node.stop()


def test_what_the_system_does_not_allow_is_said(tmp_path):
    node = node_module.Node({}, {'limits.connections': 1000},
                            binary=limited(tmp_path, f'-n {SOFT}'))
    warning, = node.events('configuration')
    node.stop()
    said = warning['warning']
    assert 'limits.connections' in said and f'allows {SOFT} ' in said
