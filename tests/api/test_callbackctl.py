"""callbackctl: invoke, status, collect, cancel, queues, cluster, drain; tables and --json."""
import json
import subprocess

import pytest

from node import CONTROL, clean_environment, SANITIZED


def control(node, *arguments, stdin=None):
    """(exit code, standard output, standard error) of one command against a node."""
    command = [CONTROL, '--node', 'http://%s:%d' % node.api,
               '--admin', 'http://%s:%d' % node.admin, *arguments]
    done = subprocess.run(command, capture_output=True, input=stdin, timeout=60,
                          env=clean_environment())
    assert not SANITIZED.search(done.stderr.decode(errors='replace')), done.stderr
    return done.returncode, done.stdout, done.stderr.decode()


def invoke(node, *arguments, stdin=None):
    code, out, err = control(node, '--json', 'invoke', *arguments, stdin=stdin)
    assert code == 0, err
    return json.loads(out)['id']


def test_help_and_version_and_usage():
    for flag in ('--help', '--version'):
        done = subprocess.run([CONTROL, flag], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout
    for words in ([], ['nonsense'], ['status'], ['invoke'], ['--frobnicate'],
                  ['collect', 'x', '--wait', 'soon']):
        done = subprocess.run([CONTROL, *words], capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr, words


def test_invoke_status_collect(node):
    guid = invoke(node, 'echo', '--data', 'hello')
    node.wait_state(guid, 'succeeded')
    code, out, _ = control(node, 'status', guid)
    assert code == 0 and b'succeeded' in out and b'echo' in out
    code, out, _ = control(node, '--json', 'status', guid)
    assert code == 0 and json.loads(out)['status'] == 'succeeded'
    assert control(node, 'collect', guid)[:2] == (0, b'hello')
    code, out, _ = control(node, 'status', guid)
    assert code == 0 and b'collected' in out and b'ended at' in out
    code, _, err = control(node, 'collect', guid)
    assert code == 1 and err


def test_the_body_comes_from_a_file_or_standard_input(node, tmp_path):
    body = bytes(range(256))
    path = tmp_path / 'body'
    path.write_bytes(body)
    for guid in (invoke(node, 'echo', '--data', f'@{path}'),
                 invoke(node, 'echo', '--data', '-', stdin=body)):
        out = tmp_path / 'out'
        code, _, err = control(node, 'collect', guid, '--wait', '5000', '--output', str(out))
        assert code == 0, err
        assert out.read_bytes() == body


def test_invoke_can_wait_for_the_result(node):
    code, out, err = control(node, 'invoke', 'echo', '--data', 'now', '--wait', '5')
    assert code == 0 and b'now' in out, err


def test_headers_reach_the_function(node, upstream):
    guid = invoke(node, 'up/ctl', '-H', 'X-From: ctl', '--data', 'x')
    node.wait_state(guid, 'succeeded')
    assert dict(upstream.wait_for('/base/ctl')[-1].headers)['X-From'] == 'ctl'


def test_a_failed_function_is_exit_code_1(node):
    guid = invoke(node, 'fails', '--data', 'x')
    code, out, err = control(node, 'collect', guid, '--wait', '5000')
    assert code == 1 and b'exit status 3' in out + err.encode()


def test_a_token_repeats_a_collect(node):
    guid = invoke(node, 'echo', '--data', 'again')
    for _ in range(2):
        code, out, err = control(node, 'collect', guid, '--wait', '5000', '--token', 'T')
        assert (code, out) == (0, b'again'), err


def test_cancel(node):
    guid = invoke(node, 'sleep?ms=9000')
    code, out, err = control(node, 'cancel', guid)
    assert code == 0, err
    assert node.status(guid).json()['status'] == 'canceled'
    assert control(node, 'cancel', guid)[0] == 1


def test_an_unknown_function_is_exit_code_1(node):
    for name in ('nobody', 'two words', 'caf\xe9', 'a#b'):
        code, _, err = control(node, 'invoke', name)
        assert code == 1 and 'unknown-function' in err, err


@pytest.mark.parametrize('command', ['status', 'collect', 'cancel'])
def test_an_unknown_id_is_exit_code_1(node, command):
    code, _, err = control(node, command, '00000000-0000-8000-8000-000000000000')
    assert code == 1 and '404' in err or 'unknown' in err.lower(), err


def test_an_id_that_the_client_chose(node):
    """can be used wherever the GUID can (API.md 5)"""
    for mine in ('order:17', 'two words', '50%/a'):
        node.call('POST', '/async-function/echo', b'mine', {'X-Call-Id': mine})
        assert control(node, 'status', mine)[0] == 0, mine
        assert control(node, 'collect', mine, '--wait', '5000')[:2] == (0, b'mine'), mine


def test_queues_and_cluster(node):
    code, out, _ = control(node, 'queues')
    assert code == 0 and b'echo' in out and b'queued' in out.lower()
    code, out, _ = control(node, '--json', 'queues')
    assert code == 0 and 'echo' in json.loads(out)['cluster']
    code, out, _ = control(node, 'cluster')
    assert code == 0 and b'alive' in out
    code, out, _ = control(node, '--json', 'cluster')
    assert json.loads(out)['members'][0]['self'] is True


def test_no_node_there_is_exit_code_1():
    done = subprocess.run([CONTROL, '--node', 'http://127.0.0.1:1', 'status', 'x'],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and '127.0.0.1:1' in done.stderr


def test_drain(start_node):
    node = start_node({'echo': 'builtin:echo'})
    code, _, err = control(node, 'drain')
    assert code == 0, err
    node.process.wait(15)
    node.stop()
