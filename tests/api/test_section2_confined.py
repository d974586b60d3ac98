"""What programs and plugins may not (docs/security.md, functions.NAME.* of API.md 2)."""
import os
import shutil
import subprocess

import pytest

from node import TREE, run_callbackd
from test_section2_targets import plugin_path

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root becomes somebody else')


def lines_of(node, function, headers=()):
    answer = node.call('POST', f'/v1/functions/{function}', b'x', headers)
    assert answer.status == 200, answer
    return answer.body.decode().splitlines()


def test_a_program_has_three_descriptors(start_node):
    """exec: runs with closed descriptors"""
    inherited = os.open('/dev/null', os.O_RDONLY)
    os.set_inheritable(inherited, True)
    node = start_node({'fds': 'exec:/bin/ls /proc/self/fd', 'cat': 'exec:/bin/cat'})
    os.close(inherited)
    node.post('cat')  # descriptors of others that run
    assert lines_of(node, 'fds') == ['0', '1', '2', '3']  # 3 is ls's own, on the folder


def test_a_program_sees_no_variable_but_those_named(start_node):
    """an allow-list of environment variables"""
    node = start_node({'env': 'exec:/usr/bin/env'},
                      {'functions.env.env': 'DATABASE,MODE=fast'},
                      env={'CALLBACKD_LOG_LEVEL': 'info', 'DATABASE': 'db', 'SECRET': 's',
                           'LD_PRELOAD_NOT': 'x'})
    found = {line.split('=', 1)[0] for line in lines_of(node, 'env')}
    usual = {'PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'USER'}
    assert {'DATABASE', 'MODE'} <= found
    assert all(name in usual | {'DATABASE', 'MODE'} or name.startswith(('Http_', 'LC_'))
               for name in found), found


def test_a_program_is_confined_before_it_runs(start_node, scripts):
    """optional ... rlimits and working directory"""
    text = 'cat >/dev/null\npwd\nulimit -t\nulimit -n\nulimit -c\n'
    node = start_node({'where': 'exec:' + scripts('where.sh', text)},
                      {'functions.where.dir': '/usr', 'functions.where.limits.cpu_s': 5,
                       'functions.where.limits.files': 20,
                       'functions.where.limits.memory_bytes': '512MiB'})
    where, cpu_s, files, core = lines_of(node, 'where')
    assert (where, cpu_s, files) == ('/usr', '5', '20') and core == '0'


def test_a_program_over_its_cpu_time_is_500(start_node, scripts):
    """limits.cpu_s"""
    node = start_node({'spin': 'exec:' + scripts('spin.sh', 'while :; do :; done\n')},
                      {'functions.spin.limits.cpu_s': 1})
    answer = node.call('POST', '/v1/functions/spin', b'')
    assert (answer.status, answer.body) == (500, b'signal: CPU time limit exceeded\n')


def test_a_program_over_its_memory_fails_and_the_node_does_not(start_node, scripts):
    """limits.memory_bytes"""
    python = shutil.which('python3')
    text = f"exec {python} -c 'print(len(bytearray(1 << 30)))'\n"
    node = start_node({'fat': 'exec:' + scripts('fat.sh', text), 'echo': 'builtin:echo'},
                      {'functions.fat.limits.memory_bytes': '256MiB'})
    answer = node.call('POST', '/v1/functions/fat', b'')
    assert answer.status == 500 and b'MemoryError' in answer.body
    assert node.call('POST', '/v1/functions/echo', b'x').status == 200


@needs_root
def test_a_program_runs_as_its_user(start_node):
    """optional user"""
    node = start_node({'who': 'exec:/usr/bin/id -un', 'grep': 'exec:/bin/grep NoNewPrivs '
                       '/proc/self/status'},
                      {'functions.who.user': 'nobody', 'functions.grep.user': '4321:4321'})
    assert lines_of(node, 'who') == ['nobody']
    assert lines_of(node, 'grep') == ['NoNewPrivs:\t1']


@pytest.mark.parametrize('settings, said', [
    ({'functions.f.user': 'no-such-user'}, 'functions.f.target: no user no-such-user here'),
    ({'functions.f.dir': '/no/such/folder'}, 'functions.f.dir: "/no/such/folder" cannot be'),
    ({'functions.f.dir': 'etc'}, 'functions.f.dir: "etc" needs an absolute path'),
    ({'functions.f.env': 'A B'}, 'functions.f.env: "A B" does not belong here'),
    ({'functions.f.limits.files': '-1'}, 'functions.f.limits.files: "-1" is not a whole'),
    ({'functions.f.limits.files': '2'}, None),
    ({'functions.up.limits.cpu_s': '2'}, 'functions.up.limits.cpu_s: is for programs'),
    ({'functions.up.user': 'nobody'}, 'functions.up.user: is for programs'),
    ({'plugins.path': '/no/such'}, 'plugins.path: "/no/such" cannot be used'),
])
def test_a_fault_in_these_is_told_at_start(settings, said, start_node):
    """a fault in them is a clear error at start (exit 2)"""
    functions = {'f': 'exec:/bin/true', 'up': 'http://127.0.0.1:1/'}
    if said is None:
        start_node(functions, settings)
        return
    arguments = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
    for name, target in functions.items():
        arguments += ['--function', f'{name}={target}']
    for key, value in settings.items():
        arguments += ['--set', f'{key}={value}']
    done = run_callbackd(*arguments)
    assert done.returncode == 2 and said in done.stderr, done.stderr


@needs_root
def test_a_program_that_its_user_may_not_run_is_told_at_start(tmp_path):
    """... as far as it can be known"""
    program = tmp_path / 'private'
    program.write_text('#!/bin/sh\n')
    program.chmod(0o700)
    done = run_callbackd('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0',
                         '--function', f'f=exec:{program}', '--set', 'functions.f.user=nobody')
    assert done.returncode == 2
    assert f'functions.f.target: cannot run {program}: Permission denied' in done.stderr


def test_plugins_come_only_from_their_folders(start_node, tmp_path):
    """plugins only from configured paths"""
    path = plugin_path()
    if path is None:
        pytest.skip('no plugin was built')
    inside, link = tmp_path / 'inside', tmp_path / 'inside' / 'link.so'
    inside.mkdir()
    shutil.copy(path, inside / 'score.so')
    link.symlink_to(path)
    start_node({'score': f'plugin:{inside}/score.so'}, {'plugins.path': str(inside)})
    for outside in (path, str(link), f'{inside}/../inside/link.so'):
        done = run_callbackd('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0',
                             '--function', f'score=plugin:{outside}',
                             '--set', f'plugins.path={inside}')
        assert done.returncode == 2 and 'in none of the folders' in done.stderr
    (inside / 'score.so').chmod(0o777)
    done = run_callbackd('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0',
                         '--function', f'score=plugin:{inside}/score.so')
    assert done.returncode == 2 and "everybody's to write" in done.stderr


CREDENTIALS = [('Authorization', 'Bearer t'), ('Cookie', 'a=b'), ('x-API-key', 'k'),
               ('Proxy-Authorization', 'Basic x')]
HELD = {'authorization', 'cookie', 'x-api-key', 'proxy-authorization'}


def names_given(upstream, path):
    return {name.lower() for name, _ in upstream.wait_for(path)[-1].headers}


@pytest.mark.parametrize('setting, given', [('auto', True), ('true', True), ('false', False)])
def test_credentials_reach_a_function_that_may_have_them(start_node, upstream, setting, given):
    """functions.NAME.forward_credentials; without keys a client's credentials are meant for
    the function, so that auto passes them on"""
    node = start_node({'up': upstream.url + '/credentials-' + setting,
                       'env': 'exec:/usr/bin/env'},
                      {'functions.up.forward_credentials': setting,
                       'functions.env.forward_credentials': setting})
    expected = {'authorization', 'cookie', 'x-api-key'} if given else set()
    routes = ('v1/functions/up', 'function/up', 'async-function/up', 'up')
    for number, route in enumerate(routes):
        answer = node.call('POST', f'/{route}/{number}', b'x', CREDENTIALS)
        assert answer.status in (200, 202)
        assert names_given(upstream, f'/credentials-{setting}/{number}') & HELD == expected
    lines = {line.split('=', 1)[0].lower() for line in lines_of(node, 'env', CREDENTIALS)}
    assert ({'http_authorization', 'http_cookie', 'http_x_api_key'} & lines != set()) is given


def test_a_webhook_never_has_the_clients_credentials(start_node, upstream):
    """webhooks never inherit the client's credentials"""
    node = start_node({'up': upstream.url + '/of-function', 'echo': 'builtin:echo'},
                      {'webhook.allow': '127.0.0.1',
                       'functions.up.forward_credentials': 'true'})
    for function in ('up', 'echo'):
        to = f'/hook-of-{function}'
        answer = node.call('POST', f'/async-function/{function}', b'x',
                           [*CREDENTIALS, ('X-Callback-Url', upstream.url + to)])
        assert answer.status == 202
        assert not names_given(upstream, to) & HELD


def core_limit(pid):
    with open(f'/proc/{pid}/limits', encoding='ascii') as stream:
        return next(line for line in stream if 'core file' in line).split()[-3:-1]


def test_a_node_leaves_no_core_dump(start_node, tmp_path):
    """core dumps ... without bodies"""
    node = start_node({'echo': 'builtin:echo'}, {'debug.core_dumps': 'false'})
    # 1 is Linux's word for "not even through a program"; sanitizers say 0 themselves.
    assert core_limit(node.process.pid) in (['1', '1'], ['0', '0'])
    if os.geteuid() == 0:
        # Who is not root may not look into it; what belongs to root says so.
        script = f'cat /proc/{node.process.pid}/maps'
        done = subprocess.run(['setpriv', '--reuid', '0', '--clear-groups', '--bounding-set',
                               '-all', '--inh-caps', '-all', 'sh', '-c', script],
                              capture_output=True, cwd=TREE, check=False)
        assert done.returncode != 0 and not done.stdout
