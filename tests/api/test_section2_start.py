"""API.md 2: flags, precedence, --check, logs, exit codes, and starts that must fail."""
import base64
import json
import os
import re
import signal
import socket
import time

import pytest

from node import BINARY, CONTROL, run_callbackd
from secrets_of_tests import Authority, https_settings, write_secrets
from test_keys import write_keys

FLAGS = ['--config', '--name', '--listen', '--admin', '--cluster', '--seeds', '--function',
         '--set', '--check', '--version', '--help']

KEYS = ['name', 'listen', 'admin', 'cluster.listen', 'cluster.seeds', 'cluster.advertise',
        'cluster.name', 'cluster.zone', 'cluster.expect', 'cluster.claim',
        'cluster.accept_acks', 'callback.ttl_ms', 'callback.wait_ms', 'callback.wait_max_ms',
        'jube.callback_timeout_ms', 'status.pending_code', 'status.done',
        'status.retention_ms', 'limits.body_bytes', 'limits.header_bytes',
        'limits.store_bytes', 'limits.connections', 'shutdown.delay_ms', 'status.body',
        'callback.redelivery_ms', 'webhook.secret_file', 'webhook.attempts',
        'webhook.min_wait_ms', 'webhook.max_wait_ms', 'webhook.timeout_ms', 'webhook.allow',
        'jube.strict_codes']

VALUES = {  # one value of each key that is allowed and is not the default
    'name': 'n1', 'listen': '127.0.0.1:1234', 'admin': '127.0.0.1:1235',
    'cluster.listen': '127.0.0.1:1236', 'cluster.seeds': '127.0.0.1:1,dns:nodes:2',
    'cluster.advertise': '127.0.0.1:77', 'cluster.name': 'blue', 'cluster.zone': 'z1',
    'cluster.expect': '3', 'cluster.claim': 'available', 'cluster.accept_acks': '2',
    'callback.ttl_ms': '5000', 'callback.wait_ms': '10', 'callback.wait_max_ms': '70000',
    'jube.callback_timeout_ms': '100', 'status.pending_code': '202', 'status.done': '302',
    'status.retention_ms': '7', 'limits.body_bytes': '1MiB', 'limits.header_bytes': '16KiB',
    'limits.store_bytes': '2GiB', 'limits.connections': '50', 'shutdown.delay_ms': '0',
    'status.body': 'conditions', 'callback.redelivery_ms': '500', 'webhook.attempts': '2',
    'webhook.min_wait_ms': '5', 'webhook.max_wait_ms': '50', 'webhook.timeout_ms': '900',
    'webhook.allow': '10.0.0.0/8,localhost', 'jube.strict_codes': 'true',
}


def write(folder, text, name='node.yaml'):
    path = folder / name
    path.write_text(text)
    return str(path)


def yaml_of(key, value):
    """`a.b: v` nested, as the file wants it."""
    parts = key.split('.')
    lines = [f'{"  " * i}{p}:' for i, p in enumerate(parts)]
    return '\n'.join(lines) + f' {value}\n'


def test_both_programs_are_built():
    """makes `build/callbackd` (the node) and `build/callbackctl` (the control program)"""
    assert os.access(BINARY, os.X_OK)
    assert os.access(CONTROL, os.X_OK)


def test_help_names_every_flag():
    """callbackd [--config FILE] [--name NAME] ... [--help]"""
    done = run_callbackd('--help')
    assert done.returncode == 0
    for flag in FLAGS:
        assert flag in done.stdout, flag


def test_help_names_every_key():
    """the keys of the table, for somebody who has only --help"""
    done = run_callbackd('--help')
    missing = [k for k in KEYS if k.split('.')[-1] not in done.stdout]
    assert missing == []


def test_version_is_told():
    """[--version]"""
    done = run_callbackd('--version')
    assert done.returncode == 0
    assert re.search(r'\d+\.\d+\.\d+', done.stdout)


def test_check_prints_what_it_would_run_with_and_exits_0(tmp_path):
    """`--check` reads everything, prints what it would run with, and exits 0"""
    path = write(tmp_path, 'name: from-file\ncallback: {ttl_ms: 54321}\n')
    done = run_callbackd('--config', path, '--function', 'score=builtin:echo', '--check')
    assert done.returncode == 0, done.stderr
    for text in ('from-file', '54321', 'score', 'builtin:echo', '127.0.0.1:8080',
                 '127.0.0.1:9090'):
        assert text in done.stdout, text


def test_check_starts_nothing():
    """--check: nothing listens"""
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        done = run_callbackd('--listen', f'127.0.0.1:{port}', '--check')
    assert done.returncode == 0, done.stderr


def named_files(tmp_path):
    """One good file of each kind that a configuration can name, by its key."""
    peers, clients = Authority().link_settings('callbackd'), https_settings(True)
    keys = write_keys(tmp_path / 'keys.yaml')
    secret = tmp_path / 'webhook'
    secret.write_text('whsec_' + base64.b64encode(bytes(32)).decode() + '\n')
    secret.chmod(0o600)
    return {**peers, **clients, 'auth.keys_file': str(keys), 'webhook.secret_file': str(secret),
            'cluster.listen': '127.0.0.1:0', 'functions.f.target': 'exec:/bin/cat'}


def check(settings):
    words = [word for key, value in settings.items() for word in ('--set', f'{key}={value}')]
    return run_callbackd(*words, '--check')


def test_check_opens_all_that_is_named(tmp_path):
    """--check: what a start would refuse (docs/configuration.md)"""
    good = named_files(tmp_path)
    assert check(good).returncode == 0, check(good).stderr
    other = Authority('other').link_settings('callbackd')
    secret = write_secrets(tmp_path / 'links', 'short')
    without = {key: value for key, value in good.items() if not key.startswith('cluster.tls')}
    for key, value, words in (
            ('tls.cert', '/nonexistent.pem', '/nonexistent.pem'),
            ('tls.cert', good['auth.keys_file'], 'tls.cert: '),
            ('tls.key', other['cluster.tls.key'], 'tls.key: '),
            ('cluster.tls.cert', good['auth.keys_file'], 'cluster.tls.cert: '),
            ('cluster.tls.key', other['cluster.tls.key'], 'key values mismatch'),
            ('cluster.tls.ca', good['tls.key'], 'cluster.tls.ca: '),
            ('cluster.name', 'another', 'is not for the name another'),
            ('auth.keys_file', good['tls.cert'], 'keys'),
            ('webhook.secret_file', good['tls.cert'], 'webhook.secret_file'),
            ('functions.f.target', 'exec:/bin/no-such', '/bin/no-such'),
            ('functions.f.target', 'plugin:/etc/passwd', '/etc/passwd')):
        refused(check({**good, key: value}), 2, words)
    refused(check({**without, 'cluster.secret_file': secret}), 2, '5 characters')


def test_check_tells_a_fault_of_each_kind(tmp_path):
    """--check: each fault, not the first"""
    good = named_files(tmp_path)
    refused(check({**good, 'tls.cert': good['tls.key'], 'webhook.secret_file': good['tls.key'],
                   'functions.f.target': 'plugin:/etc/passwd'}),
            2, 'tls.cert: ', 'functions.f.target: ', 'webhook.secret_file: ')


def test_check_warns_of_what_a_start_warns_of(tmp_path):
    """A certificate that has ended, a secret that everybody may read"""
    good = {**named_files(tmp_path), **Authority().link_settings('callbackd', days=-1)}
    done = check(good)
    assert done.returncode == 0 and 'has expired' in done.stderr


@pytest.mark.parametrize('key', sorted(VALUES))
def test_every_key_is_known_in_the_file_and_shown(tmp_path, key):
    """the table of keys; YAML is nested"""
    path = write(tmp_path, yaml_of(key, VALUES[key]))
    done = run_callbackd('--config', path, '--check')
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize('key', sorted(VALUES))
def test_every_key_is_known_as_set_and_as_variable(key):
    """flags and `--set` use dots; `CALLBACKD_` + the key in capitals, `.` as `_`"""
    done = run_callbackd('--set', f'{key}={VALUES[key]}', '--check')
    assert done.returncode == 0, done.stderr + done.stdout
    variable = 'CALLBACKD_' + key.upper().replace('.', '_')
    named = run_callbackd('--check', env={variable: VALUES[key]})
    assert named.returncode == 0, named.stderr + named.stdout
    assert named.stdout == done.stdout, 'a variable and --set mean the same'


def test_precedence_flag_environment_file_default(tmp_path, start_node):
    """Precedence: flag, environment, file (YAML), default."""
    path = write(tmp_path, 'name: from-file\n')
    host = socket.gethostname()

    def name_of(*arguments, env=None):
        node = start_node(arguments=arguments, env=env)
        name = node.admin_call('GET', '/v1/node').json()['name']
        node.stop()
        return name
    variable = {'CALLBACKD_NAME': 'from-variable'}
    assert name_of() == host, 'default: host name'
    assert name_of('--config', path) == 'from-file'
    assert name_of('--config', path, env=variable) == 'from-variable'
    assert name_of('--config', path, '--name', 'from-flag', env=variable) == 'from-flag'
    assert name_of('--config', path, '--set', 'name=from-set', env=variable) == 'from-set'


@pytest.mark.parametrize('text, bytes_max', [('1000', 1000), ('2KiB', 2048), ('1 KiB', 1024)])
def test_sizes_are_bytes_with_units_allowed(start_node, text, bytes_max):
    """Sizes are bytes, with `KiB`, `MiB`, `GiB` allowed."""
    node = start_node({'echo': 'builtin:echo'}, {'limits.body_bytes': text})
    fits = node.call('POST', '/v1/functions/echo', b'x' * bytes_max)
    assert fits.status == 200
    assert node.call('POST', '/v1/functions/echo', b'x' * (bytes_max + 1)).status == 413


def test_lists_are_yaml_lists_or_commas(tmp_path):
    """Lists are YAML lists, or comma-separated in a flag or variable."""
    block = write(tmp_path, 'webhook:\n  allow:\n    - 10.0.0.0/8\n    - example.org\n')
    flow = write(tmp_path, 'webhook: {allow: [10.0.0.0/8, example.org]}\n', 'b.yaml')
    outs = [run_callbackd('--config', block, '--check'),
            run_callbackd('--config', flow, '--check'),
            run_callbackd('--set', 'webhook.allow=10.0.0.0/8,example.org', '--check'),
            run_callbackd('--check', env={'CALLBACKD_WEBHOOK_ALLOW': '10.0.0.0/8,example.org'})]
    assert [o.returncode for o in outs] == [0, 0, 0, 0], [o.stderr for o in outs]
    assert len({o.stdout for o in outs}) == 1


def test_functions_come_from_the_file_too(tmp_path, start_node):
    """`functions.NAME.target`"""
    path = write(tmp_path, 'functions:\n  score: {target: "builtin:echo", queue: 7}\n')
    node = start_node(arguments=['--config', path, '--function', 'more=builtin:echo'])
    assert node.call('POST', '/v1/functions/score', b'1').body == b'1'
    assert node.call('POST', '/v1/functions/more', b'2').body == b'2'


def test_an_unknown_variable_is_a_warning(start_node):
    """An unknown `CALLBACKD_*` variable is a warning, not a fault (Kubernetes injects some)."""
    node = start_node(env={'CALLBACKD_SERVICE_HOST': '10.0.0.1'})
    told = [r for r in node.records if 'CALLBACKD_SERVICE_HOST' in json.dumps(r)]
    assert told and 'warn' in json.dumps(told[0]).lower()


def test_port_0_and_the_ready_line(start_node):
    """Port 0 asks the system for a port ... `"event":"ready"` and the bound addresses"""
    node = start_node(arguments=['--cluster', '127.0.0.1:0'])
    ready = node.events('ready')
    assert len(ready) == 1
    ports = [int(ready[0][k].rpartition(':')[2]) for k in ('listen', 'admin', 'cluster')]
    assert 0 not in ports and len(set(ports)) == 3
    for port in ports:
        socket.create_connection(('127.0.0.1', port), 5).close()


def test_logs_are_json_lines_with_a_level_and_a_time(start_node):
    """Logs are JSON lines on standard error."""
    node = start_node({'echo': 'builtin:echo'})
    node.call('POST', '/v1/functions/echo', b'x')
    node.stop()
    assert node.strays == []
    for record in node.records:
        assert isinstance(record, dict) and 'level' in record and 'event' in record, record
    assert node.process.stdout.read() == ''


def test_the_guid_is_never_in_full_in_the_log(start_node):
    """never in full in a log below debug level"""
    node = start_node({'echo': 'builtin:echo', 'dead': 'http://127.0.0.1:1/'})
    guids = [node.ready_callback('echo', b'x'), node.ready_callback('dead', b'x')]
    for guid in guids:
        node.collect(guid)
    node.stop()
    for guid in guids:
        assert guid not in node.log() and guid.replace('-', '') not in node.log()


@pytest.mark.parametrize('signum', [signal.SIGTERM, signal.SIGINT])
def test_exit_code_0_after_a_signal_and_a_clean_drain(start_node, signum):
    """0 after SIGTERM/SIGINT and a clean drain"""
    start_node({'echo': 'builtin:echo'}).stop(signum)


def refused(done, code, *words):
    """The start was refused with this code, told why, and nothing was half-started."""
    text = done.stdout + done.stderr
    assert done.returncode == code, text
    assert '"event":"ready"' not in done.stderr.replace(' ', '')
    for word in words:
        assert word in text, f'{word!r} is not in: {text}'


def test_port_in_use_is_exit_code_1():
    """1 run-time failure; port in use"""
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        address = '127.0.0.1:%d' % taken.getsockname()[1]
        other = ['127.0.0.1:0', '127.0.0.1:0']
        refused(run_callbackd('--listen', address, '--admin', other[0]), 1, address)
        refused(run_callbackd('--listen', other[0], '--admin', address), 1, address)
        refused(run_callbackd('--listen', other[0], '--admin', other[1], '--cluster', address),
                1, address)


LOOPBACK = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']


@pytest.mark.parametrize('arguments, words', [
    (['--frobnicate'], ['--frobnicate']),
    (['-x'], ['-x']),
    (['stray'], ['stray']),
    (['--config'], ['--config']),
    (['--set', 'no.such.key=1'], ['no.such.key']),
    (['--set', 'callback.ttl_ms'], ['callback.ttl_ms']),
    (['--set', 'callback.ttl_ms=soon'], ['callback.ttl_ms', 'soon']),
    (['--set', 'callback.ttl_ms=-1'], ['callback.ttl_ms', '-1']),
    (['--set', 'callback.ttl_ms=99999999999999999999'], ['callback.ttl_ms']),
    (['--set', 'limits.body_bytes=1XB'], ['limits.body_bytes', '1XB']),
    (['--set', 'limits.body_bytes=99999999999GiB'], ['limits.body_bytes']),
    (['--set', 'cluster.claim=maybe'], ['cluster.claim', 'strict', 'available']),
    (['--set', 'cluster.accept_acks=3'], ['cluster.accept_acks']),
    (['--set', 'status.pending_code=404'], ['status.pending_code', '200', '202']),
    (['--set', 'status.done=301'], ['status.done', '303', '302', '200']),
    (['--set', 'status.body=xml'], ['status.body', 'native', 'conditions']),
    (['--set', 'jube.strict_codes=perhaps'], ['jube.strict_codes', 'true', 'false']),
    (['--listen', 'nowhere'], ['nowhere']),
    (['--listen', '127.0.0.1:99999'], ['99999']),
    (['--config', '/nonexistent/node.yaml'], ['/nonexistent/node.yaml']),
    (['--function', 'f'], ['f']),
    (['--function', 'f=ftp://x/'], ['ftp://x/', 'http://', 'exec:', 'plugin:', 'builtin:']),
    (['--function', 'f=builtin:nothing'], ['builtin:nothing', 'echo', 'sleep', 'status']),
    (['--function', 'f=exec:/nonexistent/program'], ['/nonexistent/program']),
    (['--function', 'f=plugin:/nonexistent/lib.so'], ['/nonexistent/lib.so']),
    (['--function', 'f=plugin:/etc/passwd'], ['/etc/passwd']),
    (['--function', 'f=http://'], ['http://']),
    (['--function', 'a/b=builtin:echo'], ['a/b']),
    (['--function', '=builtin:echo'], ['function']),
    (['--function', 'f=builtin:echo', '--set', 'functions.f.on_node_loss=cry'],
     ['functions.f.on_node_loss', 'reexecute', 'fail', 'drop']),
    (['--function', 'f=builtin:echo', '--set', 'functions.f.concurrency=0'],
     ['functions.f.concurrency']),
    (['--function', 'f=builtin:echo', '--set', 'functions.f.jube_model=xyz'],
     ['functions.f.jube_model', 'xyz']),
    (['--set', 'functions.g.queue=5'], ['functions.g']),
    (['--set', 'webhook.secret_file=/nonexistent/secret'], ['/nonexistent/secret']),
])
def test_bad_usage_is_exit_code_2_with_what_is_wrong(arguments, words):
    """2 usage or configuration ... what is wrong, what is allowed; --check finds the same"""
    for extra in ([], ['--check']):
        done = run_callbackd(*LOOPBACK, *arguments, *extra)
        refused(done, 2, *words)
        assert done.stdout == ''


@pytest.mark.parametrize('name', ['v1', 'function', 'async-function', 'status', 'result', 'api',
                                  'healthz', 'system', 'problems'])
def test_a_function_name_that_collides_with_a_route_is_refused(name):
    """names used by other routes are refused at start (API.md 6)"""
    refused(run_callbackd(*LOOPBACK, '--function', f'{name}=builtin:echo'), 2, name)


@pytest.mark.parametrize('text, line, key, words', [
    ('callback:\n  ttl_ms: 5\n  typo: 1\n', 3, 'callback.typo', []),
    ('nonsense: 1\n', 1, 'nonsense', []),
    ('callback:\n  ttl_ms: soon\n', 2, 'callback.ttl_ms', ['soon']),
    ('name: a\n\nstatus:\n  done: 301\n', 4, 'status.done', ['303']),
    ('callback: 5\n', 1, 'callback', []),
    ('callback:\n  ttl_ms: [1, 2]\n', 2, 'callback.ttl_ms', []),
    ('functions:\n  f:\n    target: builtin:echo\n    color: red\n', 4,
     'functions.f.color', []),
    ('functions:\n  f:\n    queue: 5\n', 2, 'functions.f', ['target']),
    ('callback.ttl_ms: 5\n', 1, 'callback.ttl_ms', []),
])
def test_faults_of_the_file_have_line_and_key(tmp_path, text, line, key, words):
    """each fault as `file:line: key: what is wrong, what is allowed`. An unknown key is a
    fault."""
    path = write(tmp_path, text)
    for extra in ([], ['--check']):
        done = run_callbackd(*LOOPBACK, '--config', path, *extra)
        refused(done, 2, f'{path}:{line}: {key}', *words)


def test_each_fault_is_told_not_only_the_first(tmp_path):
    """with each fault"""
    path = write(tmp_path, 'callback:\n  ttl_ms: x\n  typo: 1\nstatus: {done: 5}\n')
    done = run_callbackd('--config', path, '--check')
    refused(done, 2, 'callback.ttl_ms', 'callback.typo', 'status.done')


@pytest.mark.parametrize('text', ['a: [', '{{{', '\t- x: y', 'a: b: c', '&a [*a]', '\x00\x01'])
def test_a_file_that_is_no_yaml_is_refused(tmp_path, text):
    """file:line: what is wrong"""
    path = write(tmp_path, text)
    refused(run_callbackd('--config', path, '--check'), 2, path)


def test_an_empty_file_is_all_defaults(tmp_path):
    """file (YAML), default"""
    path = write(tmp_path, '')
    assert run_callbackd('--config', path, '--check').returncode == 0


def test_an_unreadable_directory_as_file_is_refused(tmp_path):
    """missing file, unreadable file"""
    refused(run_callbackd('--config', str(tmp_path), '--check'), 2, str(tmp_path))


def test_name_is_shown_in_logs_metrics_and_status(start_node):
    """`name`: shown in logs, metrics, status"""
    node = start_node({'echo': 'builtin:echo'}, arguments=['--name', 'blue-7'])
    assert any('blue-7' in line for line in node.lines)
    assert 'blue-7' in node.admin_call('GET', '/metrics').body.decode()
    guid = node.ready_callback()
    assert node.status(guid).json()['node'] == 'blue-7'


def test_a_second_signal_does_not_wait(start_node):
    """graceful SIGTERM; exit code 0"""
    node = start_node(settings={'shutdown.delay_ms': 300})
    begun = time.monotonic()
    node.process.send_signal(signal.SIGTERM)
    node.stop()
    assert time.monotonic() - begun < 10
