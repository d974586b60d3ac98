"""Servers under measurement: each starts pinned to one core, says its addresses and processes,
and ends. Ports are chosen by the system where the program can tell them, else here."""
import atexit
import json
import os
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

SERVER_CORE, LOAD_CORE = '0', '1'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for_port(port, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as s:
            if s.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f'nothing listens at port {port}')


running = []  # all that have not been stopped


def stop_all():
    while running:
        running[-1].stop()


atexit.register(stop_all)


class Server:
    """Processes that serve together; `nodes` are their addresses for the load generator."""

    def __init__(self, core=SERVER_CORE):
        self.core = core
        self.processes = []
        self.nodes = []
        self.folder = tempfile.TemporaryDirectory()
        running.append(self)  # stopped also when the measuring ends early

    def start(self, *command, stderr=subprocess.DEVNULL):
        process = subprocess.Popen(['taskset', '-c', self.core, *command],
                                   stdout=subprocess.DEVNULL, stderr=stderr,
                                   cwd=self.folder.name)
        self.processes.append(process)
        return process

    @property
    def pids(self):
        return [p.pid for p in self.processes]

    def resident(self):
        """Bytes, of all processes."""
        total = 0
        for pid in self.pids:
            with open(f'/proc/{pid}/statm', encoding='ascii') as f:
                total += int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
        return total

    def stop(self):
        if self not in running:
            return
        running.remove(self)
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.folder.cleanup()


def redis(replicas=0):
    s = Server()
    first = None
    for _ in range(replicas + 1):
        port = free_port()
        follow = [] if first is None else ['--replicaof', '127.0.0.1', str(first)]
        s.start('redis-server', '--port', str(port), '--save', '', '--appendonly', 'no',
                '--repl-diskless-sync-delay', '0', '--dir', s.folder.name, *follow)
        wait_for_port(port)
        first = first or port
    s.nodes = [f'127.0.0.1:{first}']
    time.sleep(2 if replicas else 0)  # the replicas have their first copy then
    return s


def nginx(locations, upstream='', core=SERVER_CORE):
    """One worker, in one process."""
    s = Server(core)
    port = free_port()
    path = os.path.join(s.folder.name, 'nginx.conf')
    temporary = '\n'.join(f'{kind}_temp_path {s.folder.name}/{kind};' for kind in
                          ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'''daemon off; master_process off; error_log /dev/null;
pid {s.folder.name}/pid; events {{ worker_connections 20000; }}
http {{ access_log off; keepalive_requests 1000000000; {temporary} {upstream}
server {{ listen 127.0.0.1:{port} backlog=4096; {locations} }} }}''')
    s.start('nginx', '-c', path, '-p', s.folder.name)
    wait_for_port(port)
    s.nodes = [f'127.0.0.1:{port}']
    return s


# A parameter of nginx' configuration may not be long, but may name others.
KILOBYTE = f'set $kilobyte "{"x" * 1024}";'


def fixed_text(size):
    return '$kilobyte' * (size // 1024) + 'x' * (size % 1024)


def nginx_return(size, core=SERVER_CORE):
    return nginx(f'{KILOBYTE} location / {{ return 200 "{fixed_text(size)}"; }}', core=core)


def nginx_cycle(size):
    """The two answers of a cycle, byte for byte as long as callbackd's."""
    guid = '65fd0331-4409-86d2-ba65-79dbc82f5b81'
    where = f'/v1/invocations/{guid}'
    accepted = json.dumps({
        'id': guid, 'function': 'echo', 'status': 'queued',
        'created_at': '2026-11-27T18:03:52.643Z', 'status_url': where,
        'callback_url': f'/v1/callbacks/{guid}'}, separators=(',', ':'))

    def location(path, code, text, headers):
        added = ' '.join(f'add_header {k} "{v}" always;' for k, v in headers.items())
        return (f'location {path} {{ default_type application/json; {added} '
                f"return {code} '{text}'; }}")

    both = {'X-Call-Id': guid, 'Cache-Control': 'no-store'}
    return nginx(KILOBYTE + location('/v1/functions/', 202, accepted, {
        **both, 'Location': where, 'Retry-After': '1', 'Preference-Applied': 'respond-async',
    }) + location('/v1/callbacks/', 200, fixed_text(size), {
        **both, 'X-Callback': 'delivered', 'X-Function-Name': 'echo',
        'X-Function-Status': '200', 'X-Duration-Seconds': '0.000000'}))


def nginx_proxy(upstream_server):
    upstream = (f'upstream up {{ server {upstream_server.nodes[0]}; keepalive 64; '
                'keepalive_requests 1000000000; }')
    return nginx('location / { proxy_pass http://up; proxy_http_version 1.1; '
                 'proxy_set_header Connection ""; }', upstream)


def _ready(process, log_path):
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with open(log_path, encoding='utf-8') as f:
            for line in f:
                if '"event":"ready"' in line:
                    return json.loads(line)
        time.sleep(0.05)
    raise SystemExit(f'callbackd did not start: {open(log_path, encoding="utf-8").read()}')


def _wait_joined(admin, scheme):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f'{scheme}://{admin}/readyz', timeout=2,
                                        context=ssl._create_unverified_context()) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit('a node did not get ready')


def callbackd(build, count=1, functions=('echo=builtin:echo',), core=SERVER_CORE, **settings):
    """`count` nodes on one core; `cluster__accept_acks='1'` sets cluster.accept_acks."""
    s = Server(core)
    s.admins = []
    seeds = [f'127.0.0.1:{free_port()}' for _ in range(count)]
    given = {'shutdown.delay_ms': '0', 'limits.store_bytes': '8GiB',
             'limits.connections': '20000', 'callback.ttl_ms': '600000'}
    given.update({key.replace('__', '.'): value for key, value in settings.items()})
    for i in range(count):
        command = [os.path.join(build, 'callbackd'), '--name', f'bench{i}', '--listen',
                   '127.0.0.1:0', '--admin', '127.0.0.1:0']
        for function in functions:
            command += ['--function', function]
        for key, value in given.items():
            command += ['--set', f'{key}={value}']
        if count > 1:
            command += ['--cluster', seeds[i], '--seeds', ','.join(seeds), '--set',
                        f'cluster.expect={count}', '--set', 'cluster.insecure=true']
        log_path = os.path.join(s.folder.name, f'log{i}')
        with open(log_path, 'wb') as log:
            process = s.start(*command, stderr=log)
        event = _ready(process, log_path)
        s.nodes.append(event['listen'])
        s.admins.append(event['admin'])
    for admin in s.admins:
        _wait_joined(admin, 'https' if 'tls.cert' in given else 'http')
    return s
