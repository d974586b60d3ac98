"""nginx with the very file of deploy/nginx; only addresses and the log are this test's own."""
import os
import re
import shutil
import subprocess
import time

from balancer import listens
from cluster_nodes import free_port
from http_client import Raw, call
from node import TREE
from talk import accepted

FILE = os.path.join(TREE, 'deploy/nginx/callbackd.conf')
AROUND = '''
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    include {folder}/callbackd.conf;
}}
'''


def find_nginx():
    return shutil.which('nginx', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')


def substituted(text, address, nodes, folder):
    """Each server of the file becomes one of the nodes, of which there must be as many."""
    left = list(nodes)
    text, fronts = re.subn(r'listen 8080;', 'listen %s:%d;' % address, text)
    text, servers = re.subn(r'server 10\.0\.0\.\d+:8080 ',
                            lambda _: 'server %s:%d ' % tuple(left.pop(0)), text)
    text, logs = re.subn(r'/var/log/nginx/', f'{folder}/', text)
    assert (fronts, servers, logs, left) == (1, len(nodes), 1, [])
    return text


class Nginx:
    def __init__(self, folder, nodes):
        self.folder, self.address = str(folder), ('127.0.0.1', free_port())
        with open(FILE, encoding='utf-8') as stream:
            text = substituted(stream.read(), self.address, nodes, self.folder)
        self.write('callbackd.conf', text)
        user = 'user root;' if os.geteuid() == 0 else ''  # the folder is nobody else's
        self.write('nginx.conf', AROUND.format(folder=self.folder, user=user))
        self.process = subprocess.Popen(
            [find_nginx(), '-e', self.path('error.log'), '-c', self.path('nginx.conf')],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until = time.monotonic() + 10
        while not listens(self.address):
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < until, self.read('error.log')
            time.sleep(0.02)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as stream:
            stream.write(text)

    def read(self, name):
        with open(self.path(name), encoding='utf-8', errors='replace') as stream:
            return stream.read()

    def call(self, method, target, body=None, headers=(), timeout=90):
        return call(self.address, method, target, body, headers, timeout)

    def post(self, target, body):
        """The id of what is accepted."""
        return accepted(lambda: self.call('POST', target, body, [('Prefer', 'respond-async')]))

    def raw(self):
        return Raw(self.address)

    def files(self):
        """What lies on disk of the bodies that passed."""
        return [one for _, _, names in os.walk(self.path('temporary')) for one in names]

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()
