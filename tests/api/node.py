"""A real callbackd process under test: start it, talk to it, end it, and insist that it ended
well: exit code 0, no sanitizer report, every log line a JSON object."""
import os
import re
import signal
import subprocess
import time

from http_client import Door, Raw, call
from node_log import NodeLog
from secrets_of_tests import client_context, https_settings

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get('CALLBACKD_BIN') or os.path.join(TREE, 'build/dev/callbackd')
CONTROL = os.environ.get('CALLBACKCTL_BIN') or os.path.join(os.path.dirname(BINARY),
                                                            'callbackctl')
SANITIZED = re.compile(r'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:'
                       r'|Assertion .* failed')
START_SECONDS = 20
ASK_AGAIN = re.compile(rb'"/problems/(not-replicated|no-quorum)"')


def clean_environment(extra=None):
    """The environment of the tests without what would configure a node."""
    jube = ('EnableCallback', 'CallbackTimeout', 'ModelInvokeAsynchronousThreads',
            'MaximumModelInvokeAsyncQueue', 'EnablePublicInvokeController')
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith('CALLBACKD_') and k not in jube}
    kept.setdefault('ASAN_OPTIONS', 'detect_leaks=1')
    kept.setdefault('UBSAN_OPTIONS', 'print_stacktrace=1')
    kept.update(extra or {})
    return kept


def run_callbackd(*arguments, env=None, timeout=20, cwd=None):
    """Runs to the end: for --help, --check and starts that must fail."""
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True,
                          env=clean_environment(env), timeout=timeout, cwd=cwd,
                          stdin=subprocess.DEVNULL)
    assert not SANITIZED.search(done.stderr), done.stderr
    return done


class Client:
    """What the tests do again and again at `self.api`: a node, or a balancer before several."""

    patience = 0  # so often all in all, what a 503 says for a moment only is asked again

    def call(self, method, target, body=None, headers=(), timeout=20):
        answer = call(self.api, method, target, body, headers, timeout)
        while self.patience > 0 and answer.status == 503 and ASK_AGAIN.search(answer.body):
            self.patience -= 1
            time.sleep(0.3)
            answer = call(self.api, method, target, body, headers, timeout)
        return answer

    def raw(self, **options):
        return Raw(self.api, **options)

    def post(self, function, body=b'', headers=(), path=''):
        """An accepted asynchronous invocation; its id."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        answer = self.call('POST', f'/v1/functions/{function}{path}', body,
                           [('Prefer', 'respond-async'), *pairs])
        assert answer.status == 202, answer
        return answer.json()['id']

    def collect(self, guid, wait=None, headers=(), timeout=90):
        query = '' if wait is None else f'?wait={wait}'
        return self.call('GET', f'/v1/callbacks/{guid}{query}', None, headers, timeout)

    def status(self, guid):
        """The JSON of the status, whatever the code."""
        return self.call('GET', f'/v1/invocations/{guid}?redirect=false')

    def wait_state(self, guid, *states, seconds=15):
        until = time.monotonic() + seconds
        while True:
            answer = self.status(guid)
            found = answer.json().get('status') if answer.status == 200 else None
            if answer.status == 202:
                found = answer.json().get('status')
            if found in states:
                return answer.json()
            assert time.monotonic() < until, f'{guid} is {answer}, not {states}'
            time.sleep(0.01)

    def ready_callback(self, function='echo', body=b'x', headers=(), path=''):
        """An invocation whose callback is ready."""
        guid = self.post(function, body, headers, path)
        self.wait_state(guid, 'succeeded', 'failed')
        return guid


class Node(Client):
    """One running node. `functions`: {name: target}; `settings`: {key: value} for --set."""

    admin_headers = () # with every request to the admin address: a key

    def __init__(self, functions=None, settings=None, arguments=(), env=None, binary=None):
        command = [binary or BINARY, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
        merged = {'shutdown.delay_ms': 0, **https_settings(), **(settings or {})}
        if os.geteuid() != 0:  # else only root sees a node's descriptors, and tests count them
            merged.setdefault('debug.core_dumps', 'true')
        for name, target in (functions or {}).items():
            command += ['--function', f'{name}={target}']
        for key, value in merged.items():
            command += ['--set', f'{key}={value}']
        self.command = command + list(arguments)
        self.written = NodeLog()
        self.process = subprocess.Popen(self.command, env=clean_environment(env),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.written.file, text=True)
        self.ended = self.asked = False
        until = time.monotonic() + START_SECONDS
        while (not self.events('ready') and self.process.poll() is None
               and time.monotonic() < until):
            time.sleep(0.005)
        if not self.events('ready'):
            self.process.kill()
            raise AssertionError(f'no ready line from {self.command}:\n{self.log()}')
        first = self.events('ready')[0]
        self.api = self.address(first['listen'])
        self.admin = self.address(first['admin'])
        if 'tls.cert' in merged:
            self.api = Door(self.api, client_context())
            self.admin = Door(self.admin, client_context())
        self.cluster = self.address(first['cluster']) if first.get('cluster') else None

    @staticmethod
    def address(text):
        host, _, port = text.rpartition(':')
        return host.strip('[]'), int(port)

    @property
    def lines(self):
        return self.written.read().lines

    @property
    def records(self):
        return self.written.read().records

    @property
    def strays(self):
        return self.written.read().strays

    def log(self):
        return ''.join(self.lines)

    def events(self, name):
        return [r for r in self.records if isinstance(r, dict) and r.get('event') == name]

    def admin_call(self, method, target, body=None, headers=(), timeout=15):
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        return call(self.admin, method, target, body, [*self.admin_headers, *pairs], timeout)

    def metrics(self):
        """{name{labels}: value} of /metrics."""
        found = {}
        for line in self.admin_call('GET', '/metrics').body.decode().splitlines():
            if line and not line.startswith('#'):
                key, value = line.rsplit(' ', 1)
                found[key] = float(value)
        return found

    def resident_bytes(self):
        with open(f'/proc/{self.process.pid}/statm', encoding='ascii') as stream:
            return int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def ask_to_stop(self, signum=signal.SIGTERM):
        """So that several nodes end at the same time; stop() then waits for each."""
        if not self.asked and self.process.poll() is None:
            self.process.send_signal(signum)
        self.asked = True

    def stop(self, signum=signal.SIGTERM, seconds=30):
        """Ends the node and requires that it ends well."""
        if self.ended:
            return
        self.ended = True
        self.ask_to_stop(signum)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'did not end in {seconds} s:\n{self.log()[-4000:]}') from None
        assert not SANITIZED.search(self.log()), self.log()[-8000:]
        assert self.process.returncode == 0, (self.process.returncode, self.log()[-4000:])
        assert self.strays == [], f'log lines that are no JSON: {self.strays[:5]}'

    def kill(self):
        self.ended = True
        self.process.kill()
        self.process.wait()
