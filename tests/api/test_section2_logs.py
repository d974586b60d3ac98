"""What logs say, and what they never say (docs/security.md, "Logs and dumps")."""
import json
import re
import socket
import time

BODY = 'PATIENT-7431-POSITIVE'
SECRETS = ('Bearer tok-9981', 'session=c00k1e', 'id-of-client-4410', 'X-Private-Query')
GUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')


def functions(upstream, scripts):
    upstream.on('/fails', lambda seen: (500, [], b'failed on ' + seen.body))
    return {
        'echo': 'builtin:echo',
        'sleep': 'builtin:sleep',
        'up': upstream.url + '/up',
        'fails': upstream.url + '/fails',
        'dead': 'http://127.0.0.1:1/',
        'crash': 'exec:' + scripts('says.sh', 'cat\ncat >&2\nkill -SEGV $$\n'),
    }


def use(node, other, upstream):
    """Every kind of end there is; the GUIDs that were given out."""
    headers = [('Authorization', SECRETS[0]), ('Cookie', SECRETS[1]),
               ('Idempotency-Key', SECRETS[2])]
    guids = []
    for function in ('echo', 'up', 'fails', 'dead', 'crash'):
        body = f'{BODY} {function}'.encode()
        node.call('POST', f'/v1/functions/{function}/p?{SECRETS[3]}=1', body, headers[:2])
        guid = node.post(function, body, headers[:2])
        node.wait_state(guid, 'succeeded', 'failed', 'expired')
        other.collect(guid)
        other.collect(guid)
        guids.append(guid)
    guids.append(node.post('echo', BODY.encode(), headers))
    guids.append(node.post('sleep', BODY.encode(), path='?ms=60000'))
    node.call('DELETE', f'/v1/invocations/{guids[-1]}')
    for to in (upstream.url + '/fails', 'http://127.0.0.1:1/' + BODY):
        answer = node.call('POST', '/async-function/echo', BODY.encode(),
                           [('X-Callback-Url', to), ('X-Call-Id', SECRETS[2] + to[-4:])])
        guids += GUID.findall(str(answer.header('X-Call-Id')))
    node.call('POST', '/async-function/echo', BODY.encode(),
              [('X-Callback-Url', 'http://10.0.0.1/' + BODY)])
    for text in (b'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
                 b'\x16\x03\x01\x02\x00' + BODY.encode(), BODY.encode() + b'\r\n\r\n'):
        with socket.create_connection(node.api, 5) as client:
            client.sendall(text)
    with socket.create_connection(node.cluster, 5) as peer:
        peer.sendall(BODY.encode() * 100)
    return guids


def test_logs_hold_no_body_and_no_full_guid(start_cluster, upstream, scripts):
    """No body and no full GUID is logged above debug level, nor a client's header or query"""
    nodes = start_cluster(3, functions(upstream, scripts), {
        'webhook.allow': '127.0.0.1', 'webhook.attempts': 2, 'webhook.min_wait_ms': 10,
        'callback.ttl_ms': 300, 'functions.fails.retry.attempts': 2,
        'functions.fails.retry.min_wait_ms': 10})
    guids = use(nodes[0], nodes[1], upstream) + use(nodes[2], nodes[0], upstream)
    time.sleep(0.6)  # some callbacks expire
    nodes[2].process.kill()
    nodes[2].process.wait()
    nodes[2].ended = True
    until = time.monotonic() + 15
    while not any(line.get('state') for line in nodes[0].events('member')):
        assert time.monotonic() < until, nodes[0].log()
        time.sleep(0.05)
    logs = ''.join(node.log() for node in nodes)
    assert logs.count('"event"') >= 9  # a log that says nothing keeps every secret
    assert len(set(guids)) >= 13
    assert re.search(r'"node_id": ?"[0-9a-f]{8}"', logs)  # where a GUID is told, it is cut
    for secret in (BODY, *SECRETS, *guids):
        assert secret not in logs, secret
    assert not GUID.search(logs), GUID.search(logs)[0]
    for line in logs.splitlines():
        assert isinstance(json.loads(line), dict)
