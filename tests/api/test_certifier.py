"""openfaas/certifier, the conformance tests of OpenFaaS's own, against a cluster.

They are fetched when this runs, through the Go module proxy, or taken from the checkout that
CERTIFIER_DIR names; they are no part of this tree. Functions of ours are configured, not
deployed: a stand-in before the cluster answers the deployments of functions that its
configuration has, and passes everything else on.
"""
import http.server
import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from http_client import call

COMMIT = '2e39d05'
MODULE = 'github.com/openfaas/certifier'
TESTS = ('Test_Invoke', 'Test_InvokeNotFound', 'Test_HealthEndpoint', 'Test_ProviderInfo')


class Deployer:
    """Answers POST and PUT /system/functions as a provider that has the function already, and
    tells the image that was asked for."""

    def __init__(self, address):
        outer = self
        self.address, self.images = address, {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def serve(self):
                size = int(self.headers.get('Content-Length') or 0)
                body = self.rfile.read(size) if size else b''
                if self.command in ('POST', 'PUT') and self.path == '/system/functions':
                    asked = json.loads(body)
                    outer.images[asked['service']] = asked['image']
                    return self.tell(202, [], b'')
                kept = [(k, v) for k, v in self.headers.items()
                        if k.lower() not in ('host', 'connection', 'content-length')]
                answer = call(outer.address, self.command, self.path, body or None, kept)
                return self.tell(answer.status, answer.pairs, outer.decorate(self.path, answer))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

            def tell(self, status, pairs, body):
                self.send_response_only(status)
                for name, value in pairs:
                    if name.lower() not in ('content-length', 'connection'):
                        self.send_header(name, value)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def decorate(self, path, answer):
        found = re.match(r'/system/function/([^/.?]+)', path)
        if answer.status != 200 or not found:
            return answer.body
        return json.dumps({**answer.json(), 'image': self.images.get(found[1], '')}).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def run_go(*arguments, folder, seconds):
    env = {**os.environ, 'GOFLAGS': '-mod=mod'}
    env.pop('CERTIFIER_NAMESPACES', None)
    try:
        return subprocess.run(['go', *arguments], cwd=folder, env=env, capture_output=True,
                              text=True, timeout=seconds)
    except subprocess.TimeoutExpired as slow:  # of a proxy that never answers, perhaps
        return subprocess.CompletedProcess(slow.cmd, 1, '', str(slow))


@pytest.fixture(scope='session')
def certifier(tmp_path_factory):
    """The test program, built."""
    if not shutil.which('go'):
        pytest.skip('openfaas/certifier: there is no Go here')
    program = tmp_path_factory.mktemp('certifier') / 'certifier.test'
    checkout = os.environ.get('CERTIFIER_DIR')
    if checkout:
        built = subprocess.run(['go', 'test', '-mod=vendor', '-c', '-o', program, './tests'],
                               cwd=checkout, capture_output=True, text=True, timeout=300)
        assert built.returncode == 0, built.stderr
        return program
    (program.parent / 'go.mod').write_text('module certify\n\ngo 1.19\n')
    got = run_go('get', f'{MODULE}/tests@{COMMIT}', folder=program.parent, seconds=120)
    if got.returncode != 0:
        pytest.skip('openfaas/certifier cannot be had from the Go module proxy, and '
                    'CERTIFIER_DIR names no checkout: ' + got.stderr.strip()[-200:])
    built = run_go('test', '-c', '-o', str(program), f'{MODULE}/tests', folder=program.parent,
                   seconds=300)
    assert built.returncode == 0, built.stderr
    return program


@pytest.fixture
def gateway(start_service, upstream):
    upstream.on('/redirect', lambda seen: (302, [('Location', 'http://example.com')], b''))
    service = start_service({
        'env-test-verbs': 'exec:/usr/bin/env',
        'env-test': 'exec:/usr/bin/env custom_env=custom_env_value',
        'redirector-test': upstream.url + '/redirect'})
    deployer = Deployer(service.api)
    yield deployer
    deployer.close()


@pytest.mark.parametrize('name', TESTS)
def test_openfaas_certifier(certifier, gateway, name):
    """`openfaas/certifier`'s `Test_Invoke`, `Test_InvokeNotFound`, `Test_HealthEndpoint`,
    `Test_ProviderInfo` where the Go toolchain is at hand"""
    done = subprocess.run([certifier, '-test.v', '-test.count=1', f'-test.run=^{name}$',
                           f'-gateway={gateway.url}'], capture_output=True, text=True,
                          timeout=120, env={k: v for k, v in os.environ.items()
                                            if k != 'CERTIFIER_NAMESPACES'})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f'--- PASS: {name}' in done.stdout
