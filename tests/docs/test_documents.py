"""Every document under docs/dialects does what it says: its commands run against a node and
against a cluster behind a load balancer, and print what stands there."""
import glob
import os
import re
import subprocess

import pytest

from executable import ADDRESS, ADMIN, Document, Step, carry_out, compare, fill
from node import TREE

PATHS = sorted(glob.glob(os.path.join(TREE, 'docs/dialects/*.md')))
NAMES = [os.path.basename(path)[:-3] for path in PATHS]


def test_each_system_has_its_document():
    """For each system a document under `docs/dialects/`; README links them."""
    assert set(NAMES) >= {'jube', 'openfaas', 'verda', 'request-reply', 'webhooks', 'native'}
    with open(os.path.join(TREE, 'README.md'), encoding='utf-8') as stream:
        readme = stream.read()
    for name in NAMES:
        assert f'docs/dialects/{name}.md' in readme, name


@pytest.mark.parametrize('path', PATHS, ids=NAMES)
def test_a_document_shows_an_exchange(path):
    """Each has a configuration, commands, and output that could be another."""
    document = Document(path)
    assert document.configuration and len(document.steps) >= 5
    said = [line for step in document.steps for line in step.expected]
    assert len([line for line in said if line.strip() not in ('', '...')]) >= 10


@pytest.mark.parametrize('path', PATHS, ids=NAMES)
def test_the_links_of_a_document_lead_somewhere(path):
    """no dead links within the tree"""
    with open(path, encoding='utf-8') as stream:
        for target in re.findall(r'\]\(([^)#:]+)\)', stream.read()):
            assert os.path.exists(os.path.join(os.path.dirname(path), target)), target


@pytest.mark.parametrize('path', PATHS, ids=NAMES)
def test_a_document_does_what_it_says(start_service, tmp_path, path):
    """the exchange as its users know it, executable: a test runs the commands of the document
    and compares"""
    document = Document(path)
    file = tmp_path / 'callbackd.yaml'
    file.write_text(document.configuration)
    service = start_service(arguments=['--config', str(file)])
    addresses = {ADDRESS: service.url,
                 ADMIN: 'http://%s:%d' % service.each()[0].admin}
    known = {}

    def run(command):
        return subprocess.run(['bash', '-c', command], capture_output=True, text=True,
                              timeout=60, cwd=tmp_path, stdin=subprocess.DEVNULL)
    for step in document.steps:
        command = fill(step.command, known)
        for written, real in addresses.items():
            command = command.replace(written, real)
        fault = carry_out(step, command, run, known)
        assert fault is None, f'{path}:{fault}'


# --- the comparison itself can fail ---------------------------------------------------------


@pytest.mark.parametrize('expected, printed, ok', [
    (['a'], 'a\n', True),
    (['a'], 'b\n', False),
    (['a'], 'a\nb\n', False),
    (['a', '...'], 'a\nb\n', True),
    (['HTTP/1.1 202 ...', '...', 'X: {id}', '', '{"id":"{id}"}'],
     'HTTP/1.1 202 Accepted\r\nY: 1\r\nX: 7f\r\n\r\n{"id":"7f"}', True),
    (['HTTP/1.1 202 ...', '...', 'X: {id}', '', '{"id":"{id}"}'],
     'HTTP/1.1 202 Accepted\r\nY: 1\r\nX: 7f\r\n\r\n{"id":"80"}', False),
    (['{was}'], 'earlier\n', True),
    (['{was}'], 'later\n', False),
])
def test_what_counts_as_the_same(expected, printed, ok):
    """seen to fail: another value, a missing line, a line too many"""
    known = {'was': 'earlier'}
    assert (compare(Step(1, '', expected), printed, known) is None) == ok
    if ok and 'X: {id}' in expected:
        assert known['id'] == '7f'
