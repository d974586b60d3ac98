"""docs/deployment.md: its commands run against three nodes behind a balancer, its metrics are
metrics, its files are there. kubectl and systemctl stand in for those who are not: they write
down what they were told, and what is to run in a pod, if it is ours, they run."""
import os
import re
import subprocess

import pytest

from executable import ADDRESS, ADMIN, Document, carry_out, fill
from node import BINARY, TREE
from service import Service

PATH = os.path.join(TREE, 'docs/deployment.md')
STUB = '''#!/bin/sh
echo "$(basename "$0") $*" >>"$TOLD"
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
case "${2:-}" in env | callbackctl) shift; exec "$@" ;; esac
'''


def text():
    with open(PATH, encoding='utf-8') as stream:
        return stream.read()


@pytest.fixture(scope='module')
def at(tmp_path_factory):
    """(service, folder, environment) of the commands."""
    folder = tmp_path_factory.mktemp('deployment')
    (folder / 'callbackd.yaml').write_text(Document(PATH).configuration)
    for name in ('kubectl', 'systemctl'):
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    service = Service(3, folder, settings={'cluster.name': 'shop'},
                      arguments=['--config', str(folder / 'callbackd.yaml')])
    env = {**os.environ, 'TOLD': str(folder / 'told'), 'CALLBACKCTL_NODE': service.url,
           'CALLBACKCTL_ADMIN': 'http://%s:%d' % service.nodes[0].admin, 'KEY': 'none',
           'PATH': ':'.join((str(folder), os.path.dirname(BINARY), os.environ['PATH']))}
    yield service, folder, env
    service.stop()


def run(command, at):
    service, folder, env = at
    addresses = {ADDRESS: service.url, ADMIN: env['CALLBACKCTL_ADMIN'],
                 'http://127.0.0.1:9092': 'http://%s:%d' % service.nodes[2].admin}
    for written, real in addresses.items():
        command = command.replace(written, real)
    return subprocess.run(['bash', '-c', command], capture_output=True, text=True, timeout=60,
                          cwd=folder, env=env, stdin=subprocess.DEVNULL)


def test_readme_leads_to_it_and_its_links_lead_on():
    with open(os.path.join(TREE, 'README.md'), encoding='utf-8') as stream:
        assert '](docs/deployment.md)' in stream.read()
    for target in re.findall(r'\]\(([^)#:]+)\)', text()):
        assert os.path.exists(os.path.join(TREE, 'docs', target)), target


def test_what_it_tells_to_watch_is_told(at):
    """every metric, with the labels it is written with"""
    told = at[0].nodes[0].admin_call('GET', '/metrics').body.decode()
    names = set(re.findall(r'`(callbackd_\w+)', text()))
    assert len(names) > 10
    for name in names:
        assert f'# HELP {name} ' in told, name
    for name, label in re.findall(r'`(callbackd_\w+)\{(\w+="[^"]+")\}`', text()):
        assert f'{name}{{{label}}} ' in told, (name, label)
    for reason in ('queue-full', 'not-replicated'):
        assert f'callbackd_invocations_refused_total{{reason="{reason}"}} ' in told
    assert 'callbackd_cluster_events_total{event="suspicions"} ' in told


def test_its_settings_are_settings():
    with open(os.path.join(TREE, 'docs/configuration.md'), encoding='utf-8') as stream:
        known = set(re.findall(r'^\| `([\w.]+)`', stream.read(), re.M))
    groups = 'cluster|callback|limits|shutdown|functions|status|auth'
    named = set(re.findall(rf'`((?:{groups})\.[\w.]+)', text()))
    assert len(named) > 10
    assert not {one for one in named if one not in known and one != 'limits.client.'}, named


def test_commands_for_kubernetes_name_what_the_manifest_has(at):
    """they are shell that runs, and address objects that exist"""
    path = os.path.join(TREE, 'deploy/kubernetes/callbackd.yaml')
    with open(path, encoding='utf-8') as stream:
        manifest = stream.read()
    blocks = re.findall(r'^```sh\n(.*?)^```', text(), re.M | re.S)
    assert len(blocks) >= 4
    for block in blocks:
        done = run('set -e\n' + block, at)
        assert done.returncode == 0, (block, done.stderr)
    told = (at[1] / 'told').read_text(encoding='utf-8').splitlines()
    for line in told:
        words = line.split()
        assert words[0] == 'kubectl' and words[words.index('-n') + 1] == 'callbackd', line
        for kind, name in re.findall(r'(statefulset)/(\S+)', line):
            head = f'kind: {kind}\nmetadata:\n  name: {name}\n'
            assert head in manifest.lower(), line
        for pod in re.findall(r'exec -n callbackd (\S+)', line):
            assert pod in ('callbackd-0', 'callbackd-1', 'callbackd-2'), line
    assert any('callbackctl cluster' in line for line in told)


def test_it_does_what_it_says(at):
    """the last, for it takes a node out"""
    known = {}
    for step in Document(PATH).steps:
        fault = carry_out(step, fill(step.command, known), lambda one: run(one, at), known)
        assert fault is None, f'{PATH}:{fault}'
