"""The price of TLS: CPU of the nodes for a cycle, encrypted and not, by turns."""
import http.client
import os
import secrets
import ssl
import statistics
import subprocess
import time

import servers

TICKS = os.sysconf('SC_CLK_TCK')
LINK_SIZES = (1024, 65536)


def cpu_seconds(server):
    total = 0
    for pid in server.pids:
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            words = f.read().rsplit(')', 1)[1].split()
        total += int(words[11]) + int(words[12])
    return total / TICKS


def https_cycle(server, tls, seconds, size=1024):
    """One client of Python's own, on a connection that stays: its speed does not matter, only
    what a cycle costs the node. CPU µs a cycle."""
    host, port = server.nodes[0].split(':')
    context = ssl._create_unverified_context()  # noqa: S323 -- the node of this very run
    door = http.client.HTTPSConnection(host, int(port), context=context) if tls \
        else http.client.HTTPConnection(host, int(port))
    body, cycles = secrets.token_bytes(size), 0
    begun, before = time.monotonic(), cpu_seconds(server)
    while time.monotonic() - begun < seconds:
        door.request('POST', '/v1/functions/echo', body, {'Prefer': 'respond-async'})
        answer = door.getresponse()
        answer.read()
        door.request('GET', '/v1/callbacks/' + answer.headers['X-Call-Id'])
        assert door.getresponse().read() == body
        cycles += 1
    door.close()
    return (cpu_seconds(server) - before) * 1e6 / cycles


def handshake(server, count=200):
    """CPU µs of a connection with one request, beside one that is kept."""
    host, port = server.nodes[0].split(':')
    context = ssl._create_unverified_context()  # noqa: S323
    before = cpu_seconds(server)
    for _ in range(count):
        door = http.client.HTTPSConnection(host, int(port), context=context)
        door.request('GET', '/v1/callbacks/none')
        door.getresponse().read()
        door.close()
    return (cpu_seconds(server) - before) * 1e6 / count


def certificate(folder):
    cert, key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=bench', '-keyout',
                    key, '-out', cert], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return {'tls__cert': cert, 'tls__key': key}


def measure(bench):
    holder = servers.Server()  # a folder that goes at the end
    secret = os.path.join(holder.folder.name, 'secret')
    with open(secret, 'w', encoding='ascii') as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(secrets.token_hex(32))
    started = {'plain': servers.callbackd(bench.o.build, 3),
               'TLS': servers.callbackd(bench.o.build, 3, cluster__secret_file=secret)}
    result = {}
    for size in LINK_SIZES:
        found = bench.in_turn({name: lambda s=server: bench.load(
            s, 'cycle', size=size, collect='other') for name, server in started.items()})
        result[f'3 nodes, links, {size} bytes'] = {k: m['cpu'] for k, m in found.items()}
    for server in started.values():
        server.stop()
    plain = servers.callbackd(bench.o.build)
    https = servers.callbackd(bench.o.build, **certificate(holder.folder.name))
    seen = {'plain': [], 'TLS': []}
    for _ in range(bench.o.rounds):
        seen['plain'].append(https_cycle(plain, False, bench.o.seconds))
        seen['TLS'].append(https_cycle(https, True, bench.o.seconds))
    result['1 node, API, 1024 bytes'] = {k: statistics.median(v) for k, v in seen.items()}
    result['handshake'] = handshake(https)
    for server in (plain, https, holder):
        server.stop()
    return result


def text(r, table):
    rows = [(name, f'{m["plain"]:.1f}', f'{m["TLS"]:.1f}', f'{m["TLS"] / m["plain"]:.2f}')
            for name, m in r.items() if name != 'handshake']
    return ('### The price of TLS\n\n' +
            table(('what is encrypted', 'CPU µs a cycle, plain', 'with TLS', 'ratio'), rows) +
            f'\n\nA new HTTPS connection with one small request: {r["handshake"]:.0f} µs '
            'of the node, with a key on P-256. (The row of the API is measured with one client '
            'that waits for each answer, so nothing is done in one go for several.)')
