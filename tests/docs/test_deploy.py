"""What is deployed from this tree is confined: images, their composition, the service."""
import glob
import json
import os
import re
import shutil
import subprocess

import pytest

from node import TREE

DOCKERFILES = ['Dockerfile', *(os.path.relpath(path, TREE) for path in
                               sorted(glob.glob(os.path.join(TREE, 'deploy/*/Dockerfile'))))]
UNIT = os.path.join(TREE, 'deploy/systemd/callbackd.service')


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
