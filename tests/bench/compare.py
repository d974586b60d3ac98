#!/usr/bin/env python3
"""callbackd beside Redis and nginx: every figure of docs/performance.md.

    tests/bench/compare.py [--build build/release] [--rounds 5] [--seconds 2] [--minutes 12]
                           [--stored 1000000] [--sections SECTION,...] [--write]

Servers share one core, the load generator has another; they run in turn, several rounds, and
what is told are medians and ratios of medians within this one run. Sections, each on its own:
cycle, sizes, latency, upstream, growth, idle, expiry, counts, tls. A section that fails ends
none of the others. When the minutes are over, a section does one round where it would do
several, and those that have not begun are left out. --write puts tables and picture into docs/,
and leaves sections that were not measured as they are. Installs redis-server, nginx, valgrind
and strace when they are missing (as root).
"""
import argparse
import json
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import instructions
import report
import servers
import tls_price

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MS = 1000.0
RETENTION_MS = 1000  # of tombstones, where memory is measured
IDLE_ROUNDS = 15
SLEEP_MS = 20  # of a function whose end is waited for elsewhere


class Bench:
    """Options, the load generator, and what was measured so far."""

    def __init__(self, options):
        self.o = options
        self.results = {}
        self.ends = time.monotonic() + 60 * options.minutes

    def is_late(self):
        return time.monotonic() > self.ends

    def load(self, server, mode, **options):
        command = ['taskset', '-c', servers.LOAD_CORE, os.path.join(self.o.build, 'loadgen'),
                   '--mode', mode, '--nodes', ','.join(options.pop('nodes', server.nodes))]
        options.setdefault('seconds', self.o.seconds)
        options.setdefault('warmup', 0.3)
        for key, value in options.items():
            command += [f'--{key}', str(value)]
        for pid in server.pids:
            command += ['--pid', str(pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=300)
        try:
            return json.loads(done.stdout)  # wrong answers are counted in it, and told
        except ValueError as e:
            raise RuntimeError(f'{" ".join(command)}\n{done.stdout}{done.stderr}') from e

    def rate_of_posts(self):
        server = servers.callbackd(self.o.build)
        done = self.load(server, 'post', size=100, count=50000, connections=50)
        server.stop()
        return done['per_second']

    def in_turn(self, subjects, rounds=None):
        """subjects: name -> function that measures once. name -> its medians."""
        seen = {name: [] for name in subjects}
        for done in range(rounds or self.o.rounds):
            if done > 0 and self.is_late():
                break
            for name, measure in subjects.items():
                seen[name].append(measure())
        return {name: report.median_of(runs) for name, runs in seen.items()}


def cycle_subjects(bench, started, size):
    """What does one asynchronous cycle, or stands in for it."""
    def cycle(server, **options):
        return lambda: bench.load(server, 'cycle', size=size, **options)

    subjects = {
        'Redis': lambda: bench.load(started['redis'], 'redis', size=size),
        'Redis, 2 replicas': lambda: bench.load(started['redis3'], 'redis', size=size),
        'callbackd': cycle(started['one']),
    }
    for acks in (0, 1, 2):
        subjects[f'callbackd, 3 nodes, accept_acks {acks}'] = cycle(
            started[f'three{acks}'], collect='random')
    return subjects


def run_cycle(bench, sizes, section, rounds):
    started = {'redis': servers.redis(), 'redis3': servers.redis(2),
               'one': servers.callbackd(bench.o.build)}
    for acks in (0, 1, 2):
        started[f'three{acks}'] = servers.callbackd(bench.o.build, 3,
                                                    cluster__accept_acks=str(acks))
    for size in sizes:
        started['nginx'] = servers.nginx_return(size)
        started['nginx2'] = servers.nginx_cycle(size)
        subjects = cycle_subjects(bench, started, size)
        subjects['nginx return, a cycle'] = lambda: bench.load(started['nginx2'], 'fixed',
                                                               size=size)
        subjects['nginx return, a GET'] = lambda: bench.load(started['nginx'], 'get', path='/',
                                                             size=size)
        bench.results.setdefault(section, {})[str(size)] = bench.in_turn(subjects, rounds)
        started.pop('nginx').stop()
        started.pop('nginx2').stop()
    for server in started.values():
        server.stop()


def section_cycle(bench):
    run_cycle(bench, [1024], 'cycle', bench.o.rounds)


def section_sizes(bench):
    run_cycle(bench, [100, 16384], 'sizes', max(1, bench.o.rounds // 2))


def section_latency(bench):
    """At half of what the same servers carry. Visible at another node: a GET waits there while
    the function runs, and is answered so long after the function's end."""
    results = {}
    cases = (('one node', 1, 'same'), ('3 nodes, one copy confirmed', 3, 'other'))
    for name, count, collect in cases:
        server = servers.callbackd(
            bench.o.build, count, ['echo=builtin:echo', 'sleep=builtin:sleep'],
            cluster__accept_acks='1', functions__sleep__concurrency='256')
        full = bench.load(server, 'cycle', collect=collect)['per_second']
        subjects = {name: lambda: bench.load(server, 'cycle', collect=collect, rate=full / 2)}
        if count > 1:
            subjects['visible'] = lambda: bench.load(
                server, 'cycle', collect=collect, rate=full / 4,
                path=f'/v1/functions/sleep?ms={SLEEP_MS}')
        results.update(bench.in_turn(subjects, 3))
        server.stop()
    bench.results['latency'] = {'rows': {k: v for k, v in results.items() if k != 'visible'},
                                'visible_us': {p: us - 1000 * SLEEP_MS for p, us in
                                               results['visible']['second'].items()}}


def section_upstream(bench):
    upstream = servers.nginx_return(1024, core=servers.LOAD_CORE)
    proxy = servers.nginx_proxy(upstream)
    node = servers.callbackd(bench.o.build,
                             functions=[f'up=http://{upstream.nodes[0]}/'],
                             functions__up__concurrency='256')
    bench.results['upstream'] = bench.in_turn({
        'nginx proxy_pass': lambda: bench.load(proxy, 'get', path='/'),
        'callbackd': lambda: bench.load(node, 'get', path='/v1/functions/up'),
    })
    for server in (node, proxy, upstream):
        server.stop()


def section_growth(bench):
    """Cycles a second, and memory, while so many callbacks lie stored. What the cycles leave,
    tombstones, is gone before memory is looked at."""
    server = servers.callbackd(bench.o.build, callback__ttl_ms='3600000',
                               status__retention_ms=str(RETENTION_MS))
    bench.load(server, 'cycle', size=100)
    results, stored, held = {}, 0, 0
    for count in (0, bench.o.stored // 100, bench.o.stored // 10, bench.o.stored):
        if bench.is_late():
            break
        if count > stored:
            time.sleep(2 * RETENTION_MS / MS)
            before = server.resident()
            more = bench.load(server, 'post', size=100, count=count - stored, connections=50)
            stored += more['cycles']
            held += server.resident() - before
        runs = [bench.load(server, 'cycle', size=100) for _ in range(3)]
        results[str(count)] = report.median_of(runs)
        results[str(count)]['overhead'] = held / stored - 100 if stored else 0
    server.stop()
    bench.results['growth'] = results


def post(address, path):
    request = urllib.request.Request(f'http://{address}{path}', data=b'x', method='POST',
                                     headers={'Prefer': 'respond-async'})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers['X-Call-Id']


def section_idle(bench):
    """p99 at half load, alone and beside 1,000 parked GETs and 10,000 idle connections: two
    nodes in turn and many rounds, as no figure feels more of what else the machine does."""
    def start():
        return servers.callbackd(
            bench.o.build, functions=['echo=builtin:echo', 'sleep=builtin:sleep'],
            functions__sleep__concurrency='2000', functions__sleep__timeout_ms='600000',
            callback__wait_max_ms='600000', limits__head_timeout_ms='600000')
    lonely, crowded = start(), start()
    host, port = crowded.nodes[0].split(':')
    full = bench.load(lonely, 'cycle')['per_second']
    bench.load(crowded, 'cycle')
    before = crowded.resident()
    held = []

    def open_one(say=b''):
        s = socket.create_connection((host, int(port)))
        s.sendall(say)
        held.append(s)

    for _ in range(1000):
        guid = post(crowded.nodes[0], '/v1/functions/sleep?ms=500000')
        open_one(f'GET /v1/callbacks/{guid}?wait=600000 HTTP/1.1\r\nHost: b\r\n\r\n'.encode())
    for _ in range(10000):
        open_one()
    size = crowded.resident() - before
    medians = bench.in_turn({
        'alone': lambda: bench.load(lonely, 'cycle', rate=full / 2),
        'beside': lambda: bench.load(crowded, 'cycle', rate=full / 2)}, IDLE_ROUNDS)
    for s in held:
        s.setblocking(False)
        try:
            raise SystemExit(f'a parked or idle connection was told {s.recv(400)}')
        except BlockingIOError:
            s.close()
    lonely.stop()
    crowded.stop()
    bench.results['idle'] = {**medians, 'bytes': size}


class Prober(threading.Thread):
    """Asks the admin address every few milliseconds: the longest wait for an answer."""

    def __init__(self, server):
        super().__init__(daemon=True)
        address = server.admins[0]
        host, port = address.split(':')
        self.socket = socket.create_connection((host, int(port)))
        self.worst, self.over, self.goes_on = 0.0, 0, True

    def run(self):
        while self.goes_on:
            begun = time.monotonic()
            self.socket.sendall(b'GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n')
            self.socket.recv(4096)
            took = time.monotonic() - begun
            self.worst = max(self.worst, took)
            self.over += took > 0.020
            time.sleep(0.002)


def ready_count(server):
    with urllib.request.urlopen(f'http://{server.admins[0]}/v1/queues', timeout=30) as answer:
        functions = json.load(answer)['cluster']
    return sum(f['ready'] for f in functions.values())


def section_expiry(bench):
    """Chunks are stored one after the other with time-outs that end together."""
    chunks, chunk = 20, bench.o.stored // 20
    step = 1.3 * chunk / bench.rate_of_posts()
    names = [f'f{i}' for i in range(chunks)]
    ttls = {f'functions__{name}__ttl_ms': str(int(1000 * step * (chunks - i)) + 3000)
            for i, name in enumerate(names)}
    server = servers.callbackd(bench.o.build, functions=[f'{n}=builtin:echo' for n in names],
                               **ttls)
    begun = time.monotonic()
    for i, name in enumerate(names):
        time.sleep(max(0.0, begun + i * step - time.monotonic()))
        bench.load(server, 'post', path=f'/v1/functions/{name}', size=100, count=chunk,
                   connections=50)
    stored = ready_count(server)
    idle = servers.callbackd(bench.o.build, core=servers.LOAD_CORE)
    probers = [Prober(server), Prober(idle)]
    for prober in probers:
        prober.start()
    left, first, last = stored, None, None
    ends = time.monotonic() + 180
    while left > 0 and time.monotonic() < ends:
        time.sleep(0.05)
        left = ready_count(server)
        if left < stored * 0.99 and first is None:
            first = time.monotonic()
        last = time.monotonic()
    for prober in probers:
        prober.goes_on = False
        prober.join()
    server.stop()
    idle.stop()
    bench.results['expiry'] = {
        'stored': stored, 'seconds': (last or 0) - (first or last or 0),
        'worst_ms': probers[0].worst * MS, 'over_20_ms': probers[0].over,
        'idle_ms': probers[1].worst * MS}


def section_counts(bench):
    """What no busy machine changes."""
    bench.results['counts'] = {what: instructions.measure(bench.o.build, what)
                               for what in ('instructions', 'allocations', 'syscalls')}


def section_tls(bench):
    bench.results['tls'] = tls_price.measure(bench)


SECTIONS = {'cycle': section_cycle, 'sizes': section_sizes, 'latency': section_latency,
            'upstream': section_upstream, 'growth': section_growth, 'idle': section_idle,
            'expiry': section_expiry, 'counts': section_counts, 'tls': section_tls}


def install_missing():
    packages = {'redis-server': 'redis-server', 'nginx': 'nginx-light',
                'taskset': 'util-linux', 'valgrind': 'valgrind', 'strace': 'strace'}
    missing = [p for program, p in packages.items() if shutil.which(program) is None]
    if missing:
        subprocess.run(['apt-get', 'install', '-y', '--no-install-recommends', *missing],
                       check=True)


def about():
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).splitlines()[0]

    with open('/proc/cpuinfo', encoding='ascii') as f:
        model = next((line.split(':')[1].strip() for line in f if 'model name' in line), '?')
    return {'date': time.strftime('%Y-%m-%d'), 'cpu': model, 'cores': os.cpu_count(),
            'kernel': platform.release().split('-')[0],
            'redis': first_line('redis-server', '--version').split()[2],
            'nginx': first_line('nginx', '-v').split('/')[-1]}


def measured(bench, name):
    """False: it failed, or there was no time left."""
    if bench.is_late():
        return False
    begun = time.monotonic()
    try:
        SECTIONS[name](bench)
        print(report.section_text(name, bench.results[name]), flush=True)
    except (OSError, RuntimeError, SystemExit, subprocess.SubprocessError) as e:
        print(f'{name}: {e}', file=sys.stderr, flush=True)
        bench.results.pop(name, None)
        return False
    finally:
        servers.stop_all()
        print(f'({name}: {time.monotonic() - begun:.0f} s)\n', file=sys.stderr, flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--build', default=os.path.join(TREE, 'build/release'))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--minutes', type=float, default=12)
    parser.add_argument('--stored', type=int, default=1000000, help='callbacks at the most')
    parser.add_argument('--sections', '--only', default=','.join(SECTIONS))
    parser.add_argument('--write', action='store_true')
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    wanted = options.sections.split(',')
    if not set(wanted) <= set(SECTIONS) or (os.cpu_count() or 1) < 2:
        sys.exit(f'two cores are needed; sections: {", ".join(SECTIONS)}')
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    install_missing()
    bench = Bench(options)
    missed = [name for name in wanted if not measured(bench, name)]
    if options.write:
        report.write(os.path.join(TREE, 'docs'), bench.results,
                     {**about(), 'rounds': options.rounds, 'seconds': options.seconds,
                      'load': os.getloadavg()[0]})
    if missed:
        sys.exit(f'not measured: {", ".join(missed)}')


if __name__ == '__main__':
    main()
