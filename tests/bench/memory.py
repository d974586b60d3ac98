#!/usr/bin/env python3
"""What a stored callback costs beyond its body, its headers included, and whether the memory
of a burst goes back to the system: the process's resident memory before, with N callbacks
stored, and after they have expired.

    tests/bench/memory.py [--build build/release] [--count 200000] [--size 1024] [--check]

--check fails when the overhead is over 160 bytes, or when more than 10 % of the burst (and of
what the process had before) stays.
"""
import argparse
import json
import os
import subprocess
import sys
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OVERHEAD_MAX = 160


def resident(pid):
    """Bytes; the resident set of the process alone."""
    with open(f'/proc/{pid}/statm', encoding='ascii') as f:
        return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def post(build, node, count, size):
    """Stores `count` callbacks and returns what the load generator says."""
    done = subprocess.run(
        [os.path.join(build, 'loadgen'), '--mode', 'post',
         '--nodes', f'{node.api[0]}:{node.api[1]}', '--count', str(count),
         '--size', str(size), '--connections', '50'],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f'loadgen: {done.stdout}{done.stderr}')
    return json.loads(done.stdout)


def ready(node, function='echo'):
    return node.admin_call('GET', '/v1/queues').json()['cluster'][function]['ready']


def measure(build, count, size, ttl_ms):
    from node import Node
    node = Node(functions={'echo': 'builtin:echo'},
                settings={'callback.ttl_ms': ttl_ms, 'status.retention_ms': 1000,
                          'limits.store_bytes': '8GiB'})
    try:
        post(build, node, 2000, size)
        while ready(node) > 0:
            time.sleep(0.1)
        time.sleep(1.5)  # the tombstones of the warm-up go as well
        before = resident(node.process.pid)
        post(build, node, count, size)
        stored = ready(node)
        full = resident(node.process.pid)
        until = time.monotonic() + ttl_ms / 1000 + 30
        while ready(node) > 0 and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(3)
        after = resident(node.process.pid)
    finally:
        node.stop()
    return {'count': stored, 'size': size, 'before': before, 'full': full, 'after': after,
            'overhead': (full - before) / stored - size,
            'left': (after - before) / (full - before)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--build', default=os.path.join(TREE, 'build/release'))
    parser.add_argument('--count', type=int, default=200000)
    parser.add_argument('--size', type=int, default=1024)
    parser.add_argument('--ttl', type=int, default=20000, help='milliseconds')
    parser.add_argument('--check', action='store_true')
    options = parser.parse_args()
    os.environ['CALLBACKD_BIN'] = os.path.join(options.build, 'callbackd')
    sys.path.insert(0, os.path.join(TREE, 'tests/api'))
    m = measure(options.build, options.count, options.size, options.ttl)
    print(f'{m["count"]} callbacks of {m["size"]} bytes: '
          f'{m["overhead"]:.0f} bytes each beyond the body; '
          f'{m["before"] / 1e6:.1f} MB before, {m["full"] / 1e6:.1f} MB full, '
          f'{m["after"] / 1e6:.1f} MB after ({100 * m["left"]:.1f} % of the burst stays)')
    if options.check and (m['overhead'] > OVERHEAD_MAX or m['left'] > 0.1):
        raise SystemExit('over the limit')


if __name__ == '__main__':
    main()
