"""What is deployed from this tree is confined: images, their composition, the service."""
import glob
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from node import TREE, Node, run_callbackd
from secrets_of_tests import new_secret, write_secrets

DOCKERFILES = ['Dockerfile', *(os.path.relpath(path, TREE) for path in
                               sorted(glob.glob(os.path.join(TREE, 'deploy/*/Dockerfile'))))]
UNIT = os.path.join(TREE, 'deploy/systemd/callbackd.service')
MANIFEST = 'deploy/kubernetes/callbackd.yaml'
SECRETS = '/run/secrets/callbackd'


def text_of(path):
    with open(os.path.join(TREE, path), encoding='utf-8') as stream:
        return stream.read()


@pytest.mark.parametrize('path', DOCKERFILES)
def test_an_image_runs_as_nobody_and_has_no_way_up(path):
    """Non-root, no capabilities in the image"""
    last_stage = text_of(path).split('\nFROM ')[-1]
    user = re.findall(r'^USER (\S+)$', last_stage, re.M)
    assert user and user[-1] not in ('root', '0') and not user[-1].startswith('0:')
    assert 'find / -xdev -perm /6000 -type f -exec chmod a-s {} +' in last_stage
    assert 'setcap' not in last_stage


def services_of(compose):
    """{name: its lines} of a docker-compose file."""
    found, name = {}, None
    body = compose.split('\nservices:\n')[1].split('\nnetworks:\n')[0]
    for line in body.splitlines():
        head = re.match(r'^  (\w+):$', line)
        if head:
            name = head[1]
            found[name] = []
        elif name:
            found[name].append(line.strip())
    return found


def test_every_service_of_the_composition_is_confined():
    """read-only, no capabilities"""
    services = services_of(text_of('docker-compose.yml'))
    assert set(services) == {'node', 'function', 'balancer'}
    for name, lines in services.items():
        for wanted in ('read_only: true', 'cap_drop: [ALL]',
                       'security_opt: ["no-new-privileges:true"]'):
            assert wanted in lines, f'{name} has no {wanted}'


def test_the_balancer_says_503_as_a_node_would():
    """a problem document whose type is one of ours, and Retry-After"""
    line = next(l for l in text_of('deploy/haproxy/haproxy.cfg').splitlines()
                if 'http-error status 503' in l)
    document = json.loads(re.search(r"string '(.*)'", line)[1])
    assert set(document) == {'type', 'title', 'status', 'detail'} and 'Retry-After' in line
    slug = document['type'].removeprefix('/problems/')
    kinds = text_of('node/dialects/problem.c')
    assert f'{{"{slug}", 503, "{document["title"]}",' in kinds


def test_the_service_says_what_must_not_be():
    """a hardened systemd unit"""
    lines = text_of(UNIT).splitlines()
    for wanted in ('DynamicUser=yes', 'NoNewPrivileges=yes', 'CapabilityBoundingSet=',
                   'ProtectSystem=strict', 'MemoryDenyWriteExecute=yes', 'LimitCORE=0',
                   'SystemCallFilter=~@privileged @resources',
                   'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK'):
        assert wanted in lines, wanted


@pytest.mark.skipif(not shutil.which('systemd-analyze'), reason='no systemd-analyze here')
def test_systemd_understands_the_service_and_finds_it_confined():
    """`systemd-analyze verify`, and `security`: an exposure below 2 of 10"""
    verified = subprocess.run(['systemd-analyze', 'verify', UNIT], capture_output=True,
                              text=True, timeout=60, check=False)
    # The program is not installed where this runs; nothing else may be said of our unit.
    said = [line for line in verified.stderr.splitlines()
            if 'callbackd' in line and 'is not executable' not in line]
    assert not said, said
    rated = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager',
                            '--threshold=20', UNIT], capture_output=True, text=True, timeout=60,
                           check=False)
    assert rated.returncode == 0, rated.stdout[-3000:] + rated.stderr


# --- Kubernetes: what the manifest says of the program is so -------------------------------


def objects():
    """{kind, or kind/name where there are several: text} of the manifest."""
    found = {}
    for text in text_of(MANIFEST).split('\n---\n'):
        kind = re.search(r'^kind: (\w+)$', text, re.M)[1]
        name = re.search(r'^  name: (\S+)$', text, re.M)[1]
        found[kind if name == 'callbackd' else f'{kind}/{name}'] = text
    return found


def settings_of_map():
    """The file within the ConfigMap."""
    block = objects()['ConfigMap'].split('  callbackd.yaml: |\n')[1]
    return '\n'.join(line[4:] for line in block.splitlines()) + '\n'


@pytest.fixture
def mounted(tmp_path):
    """The configuration and the secrets as a pod finds them: (file, folder of the secrets)."""
    folder = tmp_path / 'secrets'
    folder.mkdir()
    write_secrets(folder / 'links.secret', new_secret())
    (folder / 'keys.yaml').write_text('keys:\n  - sha256: "' + '0' * 64 + '"\n'
                                      '    functions: ["*"]\n    scopes: ["invoke"]\n')
    for one in folder.iterdir():
        one.chmod(0o440)
    file = tmp_path / 'callbackd.yaml'
    file.write_text(settings_of_map().replace(SECRETS, str(folder)))
    return file, folder


def test_the_settings_of_the_map_are_good(mounted):
    """and a variable of the manifest is a setting: no warning"""
    names = re.findall(r'name: (CALLBACKD_\w+)', objects()['StatefulSet'])
    done = run_callbackd('--config', str(mounted[0]), '--check', env={n: 'east' for n in names})
    assert done.returncode == 0, done.stderr
    assert names == ['CALLBACKD_CLUSTER_ZONE'] and 'unknown' not in done.stderr, done.stderr
    assert re.search(r'zone: "?east', done.stdout), done.stdout
    assert "args: [\"--config\", \"/etc/callbackd/callbackd.yaml\"]" in objects()['StatefulSet']
    assert 'mountPath: /etc/callbackd,' in objects()['StatefulSet']
    assert f'mountPath: {SECRETS},' in objects()['StatefulSet']


@pytest.mark.parametrize('name, said', [
    ('links.secret', 'allowed: 32 to 1024'), ('keys.yaml', 'keys: is missing')])
def test_with_a_secret_as_it_stands_in_the_manifest_no_node_starts(mounted, name, said):
    value = re.search(rf'^  {name}: (.*)$', objects()['Secret'], re.M)[1]
    path = mounted[1] / name
    path.chmod(0o600)
    path.write_text(value + '\n')
    done = run_callbackd('--config', str(mounted[0]), '--check')
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_the_ports_of_the_manifest_are_those_of_the_settings():
    every = objects()
    ports = {name: int(port) for name, port in re.findall(
        r'\{name: (\w+), containerPort: (\d+)\}', every['StatefulSet'])}
    settings = settings_of_map()
    assert ports == {
        'api': int(re.search(r'^listen: .*:(\d+)$', settings, re.M)[1]),
        'admin': int(re.search(r'^admin: .*:(\d+)$', settings, re.M)[1]),
        'peers': int(re.search(r'^  listen: .*:(\d+)$', settings, re.M)[1])}
    name, port = re.search(r'seeds: "dns:([\w-]+):(\d+)"', settings).groups()
    assert f'Service/{name}' in every and int(port) == ports['peers']
    assert f'serviceName: {name}\n' in every['StatefulSet']
    for one in ('Service', f'Service/{name}'):
        for port, target in re.findall(r'port: (\d+), targetPort: (\w+)', every[one]):
            assert ports[target] == int(port)
    assert set(re.findall(r'- \{port: (\w+)\}', every['NetworkPolicy'])) == set(ports)


def test_the_probes_of_the_manifest_are_answered(mounted):
    """without a key, for the kubelet has none; metrics too"""
    probes = re.findall(r'httpGet: \{path: (\S+), port: (\w+)\}', objects()['StatefulSet'])
    assert probes == [('/readyz', 'admin'), ('/healthz', 'admin'), ('/healthz', 'admin')]
    node = Node(arguments=['--config', str(mounted[0]), '--cluster', '127.0.0.1:0',
                           '--set', 'cluster.expect=1'])
    try:
        for path in ('/readyz', '/healthz', '/metrics'):
            until = time.monotonic() + 15
            while (answer := node.admin_call('GET', path)).status != 200:
                assert time.monotonic() < until, (path, answer)
                time.sleep(0.05)
        assert node.admin_call('GET', '/v1/cluster').status == 401
    finally:
        node.stop()


def number(pattern, text):
    return int(re.search(pattern, text)[1])


def test_times_and_sizes_of_what_is_deployed_fit_the_settings():
    """grace periods, time-outs of balancers, the memory limit: larger than what they hold"""
    table = text_of('docs/configuration.md')
    default = dict(re.findall(r'^\| `([\w.]+)` \| `([^`]+)`', table, re.M))
    pods, nginx = objects()['StatefulSet'], text_of('deploy/nginx/callbackd.conf')
    runs = max(int(default['functions.NAME.timeout_ms']), int(default['shutdown.delay_ms']))
    needed = number(r'"sleep", "(\d+)"', pods) + runs / 1000 + 10 + 5
    assert number(r'terminationGracePeriodSeconds: (\d+)', pods) > needed
    wait = int(default['callback.wait_max_ms']) / 1000 + 1
    balancer = text_of('deploy/haproxy/haproxy.cfg')
    for seconds in re.findall(r'(?:proxy_read_timeout|timeout client|timeout server) (\d+)s',
                              nginx + balancer):
        assert int(seconds) > wait
    idle = int(default['limits.idle_timeout_ms']) / 1000
    assert number(r'    keepalive_timeout (\d+)s', nginx) < idle
    assert number(r'timeout http-keep-alive (\d+)s', balancer) < idle
    assert default['limits.header_bytes'] == '32KiB' and 'buffers 4 32k' in nginx
    store = number(r'store_bytes: (\d+)GiB', settings_of_map()) * 1024
    assert number(r'limits: \{memory: (\d+)Mi\}', pods) >= store * 3 // 2
    version = re.search(r'project\(callbackd VERSION (\S+)', text_of('CMakeLists.txt'))[1]
    assert f'/callbackd:{version}\n' in pods


def test_nginx_says_503_as_a_node_would():
    """a problem document whose type is one of ours, and Retry-After"""
    text = text_of('deploy/nginx/callbackd.conf')
    document = json.loads(re.search(r"return 503 '(.*)';", text)[1])
    kinds = text_of('node/dialects/problem.c')
    slug = document['type'].removeprefix('/problems/')
    assert f'{{"{slug}", 503, "{document["title"]}",' in kinds and 'Retry-After' in text
