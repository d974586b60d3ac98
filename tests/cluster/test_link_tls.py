"""Links between nodes are TLS 1.3: nothing of a callback can be read on them, and nobody joins
without the cluster's secret or a certificate for its name (docs/tls.md)."""
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import uuid

import pytest
from http_client import Door
from node import TREE, Node, run_callbackd
from secrets_of_tests import Authority, client_context, new_secret, write_secrets
from talk import CHANCES
from test_faults import Load
from wire import Peer

REFUSED = 'callbackd_tls_handshakes_total{port="peers",result="%s"}'


@pytest.fixture(scope='module')
def authority():
    return Authority()


@pytest.fixture(scope='module')
def other_authority():
    return Authority('other')


@pytest.fixture(scope='module')
def shared_secret(tmp_path_factory):
    """Two nodes that share a secret, for all tests that only knock at their doors."""
    from conftest import maker, stop_all
    path = write_secrets(tmp_path_factory.mktemp('secret') / 'links', new_secret())
    made = []
    yield maker(made)(2, settings={'cluster.secret_file': path})
    stop_all(made)


@pytest.fixture(scope='module')
def certified(authority):
    """Likewise, with certificates."""
    from conftest import maker, stop_all
    made = []
    own = {name: authority.link_settings() for name in 'ab'}
    yield maker(made)(2, own=own, tls=False)
    stop_all(made)


def refused(nodes, name, reason):
    return nodes[name].metrics()[REFUSED % reason]


def said(nodes, name, words):
    return [r for r in nodes[name].records if words in str(r.get('reason', ''))]


def assert_whole(nodes, names='ab'):
    """The cluster is as before, and serves."""
    seen = {state for one in names for other, state in nodes.members(one).items()
            if other in names}
    assert 'dead' not in seen
    nodes.wait_members(names, seconds=5)  # suspected is who stood still for a second
    guid = nodes.post('a', body=b'still here')
    assert nodes.collect('b', guid, wait=5000).body == b'still here'


def wait_both_lanes(nodes, first, others):
    """A node is alive as soon as one lane is up; a body that is fetched needs both."""
    for other in others:
        body = os.urandom(20_000)
        guid = nodes.post(first, body=body)
        assert nodes.collect(other, guid, wait=5000).body == body


# --- what is on the wire

@pytest.mark.parametrize('tls', [True, False], ids=['tls', 'plain'])
def test_no_byte_of_a_payload_nor_a_guid_is_on_the_wire(cluster, tmp_path, tls):
    nodes = cluster(3, proxy=True, tls=tls)
    tape = tmp_path / 'tape'
    nodes.proxy.tape(tape)
    mark = os.urandom(24).hex().encode()
    guids = []
    for size in (1, 200, 20_000):
        for home, collector in ('ab', 'bc', 'ca'):
            body = mark * size
            guids.append(nodes.post(home, body=body))
            assert nodes.collect(collector, guids[-1], wait=5000).body == body
    time.sleep(0.3)
    passed = tape.read_bytes()
    assert len(passed) > 3 * 20_000 * len(mark)
    found = [what for what in (mark, mark[:8], b'echo', b'test', *(
        form for guid in guids for form in (
            guid.encode(), uuid.UUID(guid).bytes, uuid.UUID(guid).hex.encode())))
             if what in passed]
    if tls:
        assert found == []
    else:  # the tape does hear
        assert mark in found and uuid.UUID(guids[-1]).bytes in found


# --- who is refused

def knock(nodes, name='a', **options):
    """A TLS client of another make at the cluster port: the error that it gets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = options.get('version', ssl.TLSVersion.TLSv1_3)
    if 'cert' in options:
        context.load_cert_chain(*options['cert'])
    with socket.create_connection(nodes[name].cluster, timeout=5) as plain:
        try:
            with context.wrap_socket(plain) as wrapped:
                wrapped.sendall(b'\x00\x00\x00\x10' + bytes(16))
                return None if wrapped.recv(1) else 'ended'
        except OSError as why:
            return str(why)


def shout(nodes, said_first):
    with socket.create_connection(nodes['a'].cluster, timeout=5) as peer:
        peer.sendall(said_first)
        try:
            while peer.recv(4096):
                pass
        except ConnectionResetError:
            pass


def greet_in_plain_text(nodes):
    peer = Peer(nodes['a'].cluster)
    peer.hello(cluster='test')
    peer.is_ended()
    peer.close()


STRANGERS = {
    'a downgraded version': ('version', lambda n: knock(n, version=ssl.TLSVersion.TLSv1_2)),
    'TLS without a secret': ('secret', knock),
    'plain text': ('plain-text', greet_in_plain_text),
    'HTTP': ('plain-text', lambda n: shout(n, b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')),
    'garbage in a record': ('malformed',
                            lambda n: shout(n, b'\x16\x03\x01\x00\x20' + b'g' * 32)),
}


@pytest.mark.parametrize('kind', STRANGERS)
def test_strangers_are_refused_counted_and_logged_once(shared_secret, kind):
    reason, come = STRANGERS[kind]
    nodes = shared_secret
    before, lines = refused(nodes, 'a', reason), len(nodes['a'].records)
    for _ in range(10):
        come(nodes)
    nodes.until(lambda: refused(nodes, 'a', reason) == before + 10, 5, 'ten refusals')
    new = [r for r in nodes['a'].records[lines:] if r['event'] == 'peer-trouble']
    assert len(new) <= 1, new  # of one address and reason, another test may have been the first
    assert_whole(nodes)


def intruder(cluster_of, nodes, settings):
    """A real node that dials nodes a and b."""
    seeds = ','.join('%s:%d' % nodes[name].cluster for name in 'ab')
    return cluster_of(1, settings={'cluster.expect': 0, 'cluster.seeds': seeds, **settings},
                      tls=False)


def assert_stays_out(cluster_of, nodes, settings, words, reason=None):
    before, lines = refused(nodes, 'a', reason) if reason else 0, len(nodes['a'].records)
    one = intruder(cluster_of, nodes, settings)
    nodes.until(lambda: len(said(one, 'a', words)) >= 1, 5, f'"{words}" in the log')
    time.sleep(1)  # it tries again, several times
    assert one.alive('a') == {'a'}
    if reason:
        nodes.until(lambda: refused(nodes, 'a', reason) >= before + 2, 5, 'another attempt')
        # Once a minute; it was said of another test's stranger, perhaps, but longer ago.
        trouble = [r for r in nodes['a'].records[lines:] if r['event'] == 'peer-trouble']
        assert len({(r['peer'], r['reason']) for r in trouble}) == len(trouble), trouble
    assert len(said(one, 'a', words)) <= 2, one.log('a')  # once of each of the two
    assert_whole(nodes)


def test_a_node_with_another_secret_stays_out(cluster, shared_secret, tmp_path):
    other = write_secrets(tmp_path / 'other', new_secret())
    assert_stays_out(cluster, shared_secret, {'cluster.secret_file': other},
                     'refused the TLS handshake', 'secret')


def test_the_same_secret_under_another_clusters_name_stays_out(cluster, shared_secret):
    settings = {**shared_secret.settings, 'cluster.name': 'other'}
    assert_stays_out(cluster, shared_secret, settings, 'refused the TLS handshake', 'secret')


def test_a_plain_node_stays_out_of_an_encrypted_cluster(cluster, shared_secret):
    assert_stays_out(cluster, shared_secret, {}, 'it speaks TLS, and this node has neither',
                     'plain-text')


def test_an_encrypted_node_stays_out_of_a_plain_cluster(cluster, tmp_path):
    nodes = cluster(2, tls=False)
    settings = {'cluster.secret_file': write_secrets(tmp_path / 's', new_secret())}
    assert_stays_out(cluster, nodes, settings, 'ended the connection during the TLS handshake')
    assert len(said(nodes, 'a', 'it speaks TLS, and this node has neither')) == 1
    nodes.until(lambda: nodes['a'].metrics()[
        'callbackd_cluster_link_events_total{event="tls_unasked"}'] >= 2, 5, 'another attempt')


WRONG = {
    'expired': (lambda a, o: a.link_settings(days=-1), 'certificate-expired'),
    'foreign': (lambda a, o: {**o.link_settings(), 'cluster.tls.ca': a.cert},
                'certificate-foreign'),
    'another name': (lambda a, o: {**a.link_settings('other'), 'cluster.name': 'other'},
                     'certificate-name'),
}


@pytest.mark.parametrize('kind', WRONG)
def test_a_node_with_a_wrong_certificate_stays_out(cluster, certified, authority,
                                                    other_authority, kind):
    make, reason = WRONG[kind]
    settings = make(authority, other_authority)
    words = 'is for another name' if kind == 'another name' else 'refused the TLS handshake'
    assert_stays_out(cluster, certified, settings, words,
                     None if kind == 'another name' else reason)


def test_a_node_refuses_to_dial_into_a_foreign_cluster(cluster, certified, other_authority):
    """Both ends check: not only the one that listens."""
    assert_stays_out(cluster, certified, other_authority.link_settings(),
                     'cluster.tls.ca has not signed')


def test_certificates_are_asked_for_and_judged(certified, authority, other_authority):
    nodes = certified
    for reason, options in (
            ('certificate-missing', {}),
            ('version', {'version': ssl.TLSVersion.TLSv1_2}),
            ('certificate-name', {'cert': authority.issue('DNS:other')}),
            ('certificate-expired', {'cert': authority.issue('DNS:test', days=-1)}),
            ('certificate-foreign', {'cert': other_authority.issue('DNS:test')})):
        before = refused(nodes, 'a', reason)
        assert knock(nodes, **options) is not None
        nodes.until(lambda: refused(nodes, 'a', reason) == before + 1, 5, reason)
    assert_whole(nodes)


def test_a_handshake_that_does_not_end_is_ended(shared_secret):
    nodes = shared_secret
    before = refused(nodes, 'a', 'unfinished')
    begun = time.monotonic()
    held = [socket.create_connection(nodes['a'].cluster, timeout=10) for _ in range(3)]
    for one in held[1:]:  # the first says nothing at all
        one.sendall(b'\x16\x03\x01')
    for one in held:
        assert one.recv(1) == b''
        one.close()
    assert 1.5 < time.monotonic() - begun < 4
    nodes.until(lambda: refused(nodes, 'a', 'unfinished') == before + 3, 3, 'their count')
    told = [r for r in nodes['a'].events('link-closed') if 'in time' in r['reason']]
    assert [r['peer'] for r in told] == ['127.0.0.1'], told


def test_many_strangers_cost_little_and_keep_nobody_out(shared_secret):
    nodes = shared_secret
    for _ in range(2):
        shout(nodes, b'\x16\x03\x01\x00\x20' + b'g' * 32)
    before, held = nodes['a'].resident_bytes(), []
    for _ in range(300):
        held.append(socket.create_connection(nodes['a'].cluster, timeout=10))
        held[-1].sendall(b'\x16\x03\x01')
    grown = nodes['a'].resident_bytes() - before
    assert_whole(nodes)
    for one in held:
        one.close()
    print(f'300 strangers, of which 64 may stay at once: {grown >> 10} KiB')
    assert grown < 24 << 20


# --- changing secrets and certificates

def hang_up(nodes, name):
    nodes[name].process.send_signal(signal.SIGHUP)


def reloaded(nodes, name, event='tls-reloaded'):
    return len(nodes[name].events(event))


def reload(nodes, name):
    count = reloaded(nodes, name)
    hang_up(nodes, name)
    nodes.until(lambda: reloaded(nodes, name) == count + 1, 5, 'the reload')


def reload_secrets(nodes, files, *secrets, names='abc'):
    for name in names:
        write_secrets(files[name], *secrets)
        reload(nodes, name)
        time.sleep(0.2)


def trusting(authority, tmp_path, names):
    """Settings of nodes that all trust one file of authorities, and that file."""
    trusted = tmp_path / 'ca.pem'
    trusted.write_text(open(authority.cert, encoding='ascii').read())
    return {name: {**authority.link_settings(), 'cluster.tls.ca': str(trusted)}
            for name in names}, trusted


def withdrawn(nodes, name):
    return nodes[name].metrics()[
        'callbackd_cluster_link_events_total{event="withdrawn"}']


def under_load(nodes, change):
    """Changes something while clients post and collect, and no request fails. On a machine that
    is busy with something else a node may seem slow, which is a 503: new chances."""
    for _ in range(CHANCES):
        load = Load(nodes, 'abc', bodies=(b'x' * 100, b'y' * 5000))
        change()
        time.sleep(0.5)
        load.stop(least=20)
        if load.is_undisturbed():
            break
    assert load.is_undisturbed(), load.codes
    load.assert_all_delivered()


def test_secrets_rotate_under_load_without_a_failed_request(cluster, tmp_path):
    """Every step while clients post and collect; after each, links must come up anew."""
    secrets = [new_secret()]
    files = {name: write_secrets(tmp_path / name, *secrets) for name in 'abcd'}
    own = {name: {'cluster.secret_file': path} for name, path in files.items()}
    nodes = cluster(3, own=own, proxy=True, tls=False)

    def rotate():
        old, new = secrets[-1], new_secret()
        for step in ((old, new), (new, old), (new,)):
            reload_secrets(nodes, files, *step)
        secrets.append(new)

    wait_both_lanes(nodes, 'a', 'bc')
    wait_both_lanes(nodes, 'b', 'c')
    under_load(nodes, rotate)
    assert sum(withdrawn(nodes, name) for name in 'abc') >= 6  # three pairs, two lanes
    write_secrets(files['d'], secrets[-1])
    nodes.add()
    nodes.wait_members('abcd')
    assert_whole(nodes, 'abcd')


def test_a_peer_whose_secret_was_withdrawn_is_put_out_at_once(cluster, tmp_path):
    """It was let in with the old one, and never given the new."""
    old, new = new_secret(), new_secret()
    files = {name: write_secrets(tmp_path / name, old) for name in 'abc'}
    own = {name: {'cluster.secret_file': path} for name, path in files.items()}
    nodes = cluster(3, own=own, tls=False)
    wait_both_lanes(nodes, 'a', 'bc')
    reload_secrets(nodes, files, new, old, names='ab')
    assert [withdrawn(nodes, name) for name in 'ab'] == [0, 0]  # the old one still stands there
    reload_secrets(nodes, files, new, names='ab')
    assert withdrawn(nodes, 'a') >= 4  # both of its links to b, and both to c
    nodes.until(lambda: all(nodes.alive(name) == set('ab') for name in 'ab'), 8, 'c to be out')
    nodes.until(lambda: any(said(nodes, one, 'no secret of this keyring') for one in 'ab'), 5,
                'the reason')
    assert_whole(nodes)


def test_certificates_rotate_under_load_without_a_failed_request(cluster, authority,
                                                                 other_authority, tmp_path):
    """From one authority to another: both are trusted for a while."""
    own, trusted = trusting(authority, tmp_path, 'abc')
    nodes = cluster(3, own=own, proxy=True, tls=False)
    authorities = [authority, other_authority]

    def reload_each(change):
        for name in nodes.names:
            change(name)
            reload(nodes, name)

    def rotate():
        authorities.reverse()
        new = authorities[0]
        alone = open(new.cert, encoding='ascii').read()
        both = trusted.read_text() + alone
        reload_each(lambda name: trusted.write_text(both))
        reload_each(lambda name: new.issue('DNS:test', into=(
            own[name]['cluster.tls.cert'], own[name]['cluster.tls.key'])))
        reload_each(lambda name: trusted.write_text(alone))

    wait_both_lanes(nodes, 'a', 'bc')
    wait_both_lanes(nodes, 'b', 'c')
    under_load(nodes, rotate)
    assert sum(withdrawn(nodes, name) for name in 'abc') >= 6  # three pairs, two lanes
    nodes.wait_members('abc')
    assert_whole(nodes, 'abc')


def test_a_peer_whose_authority_was_withdrawn_is_put_out_at_once(cluster, authority,
                                                                other_authority, tmp_path):
    own, trusted = trusting(authority, tmp_path, 'ab')
    nodes = cluster(2, own=own, tls=False)
    wait_both_lanes(nodes, 'a', 'b')
    trusted.write_text(open(other_authority.cert, encoding='ascii').read())
    reload(nodes, 'a')
    assert withdrawn(nodes, 'a') >= 2  # both lanes
    nodes.until(lambda: nodes.alive('a') == {'a'}, 5, 'b to be out')
    nodes.until(lambda: said(nodes, 'a', 'cluster.tls.ca has not signed its certificate'), 5,
                'the reason')


def test_a_file_that_cannot_be_used_changes_nothing(cluster, tmp_path):
    secret = new_secret()
    path = write_secrets(tmp_path / 's', secret)
    nodes = cluster(2, settings={'cluster.secret_file': path})
    write_secrets(path, 'too short')
    hang_up(nodes, 'a')
    nodes.until(lambda: reloaded(nodes, 'a', 'tls-kept') == 1, 5, 'the complaint')
    assert 'line 1' in nodes['a'].events('tls-kept')[0]['error']
    assert secret not in nodes.log('a') and 'too short' not in nodes.log('a')
    write_secrets(path, secret)
    nodes.nodes['b'].kill()
    nodes.restart('b')
    nodes.wait_members('ab')


# --- the start

def start_fails(*settings):
    words = [word for one in settings for word in ('--set', one)]
    done = run_callbackd('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', *words)
    assert done.returncode == 2, done
    return done.stderr


@pytest.mark.parametrize('where', ['0.0.0.0:0', '[::]:0', '192.0.2.1:7070', '127.example:7070'])
def test_beyond_loopback_a_node_wants_a_secret(where):
    text = start_fails(f'cluster.listen={where}')
    for word in ('cluster.listen', 'beyond loopback', 'cluster.secret_file', 'cluster.tls.cert',
                 'cluster.insecure=true', 'docs/tls.md'):
        assert word in text, text


def test_beyond_loopback_with_a_secret_or_on_ones_own_risk(tmp_path):
    secret = write_secrets(tmp_path / 's', new_secret())
    for one in ({'cluster.secret_file': secret}, {'cluster.insecure': 'true'}):
        node = Node({}, {'cluster.advertise': '127.0.0.1:1', **one}, ['--cluster', '0.0.0.0:0'])
        node.stop()


def test_files_that_cannot_be_used_end_the_start_with_a_word(tmp_path, authority):
    good = authority.link_settings('callbackd')
    here = 'cluster.listen=127.0.0.1:0'
    secret = write_secrets(tmp_path / 's', new_secret())
    assert 'one of them' in start_fails(here, f'cluster.secret_file={secret}',
                                        *(f'{k}={v}' for k, v in good.items()))
    assert 'cluster.tls.ca' in start_fails(here, *(
        f'{k}={v}' for k, v in good.items() if k != 'cluster.tls.ca'))
    named = authority.link_settings('other')
    assert 'DNS:callbackd' in start_fails(here, *(f'{k}={v}' for k, v in named.items()))
    os.chmod(secret, 0o666)
    assert 'chmod 600' in start_fails(here, f'cluster.secret_file={secret}')
    short = write_secrets(tmp_path / 'short', 'x' * 31)
    assert '31 characters' in start_fails(here, f'cluster.secret_file={short}')


def test_the_documents_commands_make_files_that_work(cluster, tmp_path):
    """docs/tls.md, its `sh` blocks as they stand there."""
    with open(os.path.join(TREE, 'docs/tls.md'), encoding='utf-8') as stream:
        blocks = re.findall(r'```sh\n(.*?)```', stream.read(), re.S)
    assert len(blocks) == 3
    done = subprocess.run(['bash', '-e', '-c', ''.join(blocks)], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {name: str(tmp_path / name) for name in os.listdir(tmp_path)}
    https = {'tls.cert': made['api.pem'], 'tls.key': made['api.key']}
    for links in ({'cluster.secret_file': made['links.secret']},
                  {'cluster.tls.cert': made['node1.pem'], 'cluster.tls.key': made['node1.key'],
                   'cluster.tls.ca': made['ca.pem']}):
        cluster(2, settings={'cluster.name': 'payments', **links}, tls=False)
    node = Node({}, https)
    node.admin = Door(node.admin, client_context(trusted=made['api.pem']))
    assert node.admin_call('GET', '/healthz').status == 200
    node.stop()
    assert [e for e in node.records if 'warning' in e] == []


def test_a_secret_that_everybody_may_read_is_a_warning(tmp_path):
    secret = write_secrets(tmp_path / 's', new_secret())
    os.chmod(secret, 0o644)
    node = Node({}, {'cluster.secret_file': secret}, ['--cluster', '127.0.0.1:0'])
    node.stop()
    assert 'chmod 600' in node.events('tls')[0]['warning']
