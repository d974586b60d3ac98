"""A topology of containers: the folder's docker-compose.yml, started, harmed, and removed.
Offers what Cluster (tests/cluster/cluster_nodes.py) offers for processes. The images are those
of tests/tools/docker_images.sh."""
import json
import os
import random
import secrets
import shutil
import subprocess
import tempfile
import threading
import time

from cluster_nodes import free_port
from http_client import call
from talk import Talk

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
COMPOSE = ['docker-compose'] if shutil.which('docker-compose') else ['docker', 'compose']
API_PORT, ADMIN_PORT = 8080, 9090


def run(*command, seconds=300, check=True, env=None):
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True,
                          timeout=seconds, env={**os.environ, **(env or {})})
    assert not check or done.returncode == 0, (command, done.stdout[-2000:],
                                               done.stderr[-3000:])
    return done.stdout


class Compose(Talk):
    def __init__(self, folder, file=None, join=True):
        self.file = file or os.path.join(HERE, folder, 'docker-compose.yml')
        self.project = f'cbtest-{folder}-{os.getpid()}'
        self.paused, self.cut, self.bursts = set(), set(), None
        self.secret = self.make_secret()
        try:
            self.compose('up', '-d', '--no-build')
            self.find()
            self.names = sorted(set(self.ids) - {'balancer', 'function'})
            if join:
                self.wait_members(self.names, seconds=30)
                self.until(lambda: self.balancer_has(len(self.names)), 20,
                           'that the balancer knows all nodes')
        except BaseException:
            self.stop()
            raise

    def compose(self, *words, seconds=120):
        return run(*COMPOSE, '-p', self.project, '-f', self.file, *words, seconds=seconds,
                   env={'CLUSTER_SECRET': self.secret.name})

    @staticmethod
    def make_secret():
        """The keyring of this cluster's links. The containers' user is not ours: it may be read
        by everybody, and goes with the test."""
        made = tempfile.NamedTemporaryFile('w', prefix='cbtest-secret-', encoding='ascii')
        os.fchmod(made.fileno(), 0o644)
        made.write(secrets.token_urlsafe(32) + '\n')
        made.flush()
        return made

    # Who is where.

    def find(self):
        """Container ids by service, and where they are reached from here."""
        rows = run('docker', 'ps', '-a', '--no-trunc', '--filter',
                   f'label=com.docker.compose.project={self.project}', '--format',
                   '{{.Label "com.docker.compose.service"}} {{.ID}}').split('\n')
        self.ids = dict(row.split() for row in rows if row)
        self.find_addresses()

    def find_addresses(self):
        self.hosts, self.inner = {}, {}
        for one in json.loads(run('docker', 'inspect', *self.ids.values())):
            networks = one['NetworkSettings']['Networks']
            service = one['Config']['Labels']['com.docker.compose.service']
            for name, network in networks.items():
                if name.endswith('_front'):
                    self.hosts[service] = network['IPAddress']
                else:
                    self.inner[service] = network['IPAddress']

    def api(self, name):
        return self.hosts[name], API_PORT

    def admin(self, name):
        return self.hosts[name], ADMIN_PORT

    def log(self, name):
        done = subprocess.run(['docker', 'logs', '--tail', '40', self.ids[name]],
                              capture_output=True, text=True, timeout=30)
        return done.stdout + done.stderr

    def balanced(self, method, target, body=None, headers=(), timeout=20):
        return call(self.api('balancer'), method, target, body, headers, timeout)

    def balancer_has(self, count):
        """Has the balancer found that many nodes? Asked by who answers in turn."""
        homes = set()
        for _ in range(6 * count):
            try:
                answer = self.balanced('POST', '/v1/functions/echo', b'x',
                                       [('Prefer', 'respond-async')], timeout=2)
            except OSError:
                return False
            if answer.status != 202:
                return False
            guid = answer.json()['id']
            homes.add(self.balanced('GET', f'/v1/invocations/{guid}?redirect=false')
                          .json().get('node'))
            self.balanced('GET', f'/v1/callbacks/{guid}')
            for _ in range(random.randrange(count)):  # or posts fall on the same nodes again
                self.balanced('GET', '/healthz')      # and again, as they are served in turn
        return len(homes - {None}) >= count

    def doors(self):
        """Clients go through the balancer, as everybody's do."""
        return [self.api('balancer')] * 3

    # Harm.

    def kill(self, name):
        run('docker', 'kill', '-s', 'KILL', self.ids[name])

    def stop_one(self, name):
        run('docker', 'stop', '-t', 30, self.ids[name])
        code = json.loads(run('docker', 'inspect', self.ids[name]))[0]['State']['ExitCode']
        assert code == 0, (name, code, self.log(name))

    def restart(self, name):
        run('docker', 'start', self.ids[name])
        self.find_addresses()

    def pause(self, name):
        run('docker', 'pause', self.ids[name])
        self.paused.add(name)

    def resume(self, name):
        run('docker', 'unpause', self.ids[name])
        self.paused.discard(name)

    def isolate(self, *names):
        for one in names:
            run('docker', 'network', 'disconnect', f'{self.project}_cluster', self.ids[one])
            self.cut.add(one)

    def heal(self):
        for one in list(self.cut):
            run('docker', 'network', 'connect', '--ip', self.inner[one],
                f'{self.project}_cluster', self.ids[one])
            self.cut.discard(one)

    def slow_down(self, name):
        """Frozen and thawed several times a second, by a thread of this test."""
        ended = threading.Event()

        def burst():
            while not ended.is_set():
                run('docker', 'pause', self.ids[name])
                time.sleep(0.15)
                run('docker', 'unpause', self.ids[name])
                time.sleep(0.05)
        thread = threading.Thread(target=burst)
        thread.start()
        self.bursts = (thread, ended)

    def speed_up(self):
        thread, ended = self.bursts
        self.bursts = None
        ended.set()
        thread.join()

    def stop(self):
        if self.bursts:
            self.speed_up()
        for name in list(self.paused):
            self.resume(name)
        self.compose('kill')
        self.compose('down', '-t', '1', '--remove-orphans', '-v')
        self.secret.close()


class UserFile:
    """docker-compose.yml at the top of the tree, under a name and port of this test's own."""

    def __init__(self):
        self.project = f'cbtest-own-{os.getpid()}'
        self.port = free_port()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.compose('kill')
        self.compose('down', '-t', '1', '-v')

    def compose(self, *words, seconds=120):
        return run(*COMPOSE, '-p', self.project, '-f', os.path.join(TREE, 'docker-compose.yml'),
                   *words, seconds=seconds, env={'PORT': str(self.port)})

    def up(self, *words):
        self.compose('up', '-d', '--no-build', *words)

    def inspect(self):
        ids = run('docker', 'ps', '-aq', '--filter',
                  f'label=com.docker.compose.project={self.project}').split()
        return json.loads(run('docker', 'inspect', *ids))

    def health(self):
        return {one['State'].get('Health', {}).get('Status') for one in self.inspect()}

    def alive(self):
        """As the first node sees it, asked from inside."""
        told = json.loads(
            self.compose('exec', '-T', 'node', 'callbackctl', '--json', 'cluster'))
        return {one['name'] for one in told['members'] if one['state'] == 'alive'}

    def call(self, method, target, body=None, headers=()):
        return call(('127.0.0.1', self.port), method, target, body, headers)

    def serves(self):
        try:
            return self.call('GET', '/healthz').status == 200
        except OSError:
            return False

    def post_and_collect(self, count):
        for i in range(count):
            body = b'{"transaction_id":"%d","amount_minor":1250}' % i
            answer = self.call('POST', '/v1/functions/score', body,
                               [('Prefer', 'respond-async')])
            assert answer.status == 202, answer
            target = '/v1/callbacks/' + answer.json()['id']
            got = self.call('GET', target + '?wait=5000')
            assert (got.status, got.json()['transaction_id']) == (200, str(i)), got
            assert self.call('GET', target).status == 410

    @staticmethod
    def until(condition, seconds, what):
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < seconds, f'no {what} within {seconds} s'
            time.sleep(0.2)
