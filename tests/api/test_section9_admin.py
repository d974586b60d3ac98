"""API.md 9: health, readiness, metrics, the views of node, cluster and queues, drain."""
import re
import signal
import time

import pytest

from http_client import call
from problems import assert_problem

COUNTS = {'queued', 'running', 'ready', 'bytes', 'accepted', 'collected', 'expired', 'canceled',
          'failed', 'delivered', 'taken_over', 'elsewhere', 'unaccounted'}


def test_healthz(node):
    """`GET /healthz` (own event loop only)"""
    assert node.admin_call('GET', '/healthz').status == 200


def test_readyz(node):
    """`GET /readyz` (joined, not draining, memory below limit; else 503 with the reason)"""
    assert node.admin_call('GET', '/readyz').status == 200


def test_readyz_says_why_not_when_memory_is_full(start_node):
    """memory below limit; else 503 with the reason"""
    node = start_node({'echo': 'builtin:echo'},
                      {'limits.store_bytes': '2MiB', 'limits.body_bytes': '1MiB'})
    for size in (250000, 60000, 15000, 4000):  # to the brim, in ever smaller pieces
        for _ in range(100):
            if node.call('POST', '/v1/functions/echo', b'x' * size,
                         {'Prefer': 'respond-async'}).status != 202:
                break
    answer = node.admin_call('GET', '/readyz')
    assert answer.status == 503 and b'memory' in answer.body.lower(), answer


def test_node_view(start_node):
    """`GET /v1/node` ({"name","node_id","version","started_at","state","store_bytes",
    "store_limit_bytes"})"""
    node = start_node(settings={'limits.store_bytes': '64MiB'}, arguments=['--name', 'n-1'])
    answer = node.admin_call('GET', '/v1/node')
    assert answer.header('Content-Type') == 'application/json'
    view = answer.json()
    assert set(view) >= {'name', 'node_id', 'version', 'started_at', 'state', 'store_bytes',
                         'store_limit_bytes'}
    assert view['name'] == 'n-1' and view['store_limit_bytes'] == 64 << 20
    assert re.match(r'\d+\.\d+\.\d+', view['version'])
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', view['started_at'])
    assert view['state'] == 'ready'


def test_the_node_id_is_new_for_each_process(start_node):
    """Identity is random for each process start and never returns (PROTOCOL.md)"""
    ids = set()
    for _ in range(3):
        node = start_node(arguments=['--name', 'same'])
        ids.add(node.admin_call('GET', '/v1/node').json()['node_id'])
        node.stop()
    assert len(ids) == 3


def test_cluster_view_of_a_single_node(start_node):
    """`GET /v1/cluster` ({"name","claim","members":[{"name","node_id","address","zone","state",
    "rtt_ms","lag_ms","self"}]}, ... itself included)"""
    node = start_node(arguments=['--name', 'alone'])
    view = node.admin_call('GET', '/v1/cluster').json()
    assert view['claim'] == 'strict' and 'name' in view
    assert len(view['members']) == 1
    member = view['members'][0]
    assert set(member) >= {'name', 'node_id', 'state', 'self'}
    assert (member['name'], member['state'], member['self']) == ('alone', 'alive', True)
    assert member['node_id'] == node.admin_call('GET', '/v1/node').json()['node_id']


def test_queues_view(start_node):
    """`GET /v1/queues` ({"nodes":[{"node","functions":{NAME:{...}}}],"cluster":{NAME:{…}}})"""
    node = start_node({'echo': 'builtin:echo', 'sleep': 'builtin:sleep', 's': 'builtin:status'},
                      {'functions.sleep.concurrency': 1, 'functions.echo.ttl_ms': 60000,
                       'functions.s.ttl_ms': 200}, ['--name', 'n1'])
    first, second = node.post('sleep', path='?ms=9000'), node.post('sleep', path='?ms=9000')
    ready = [node.ready_callback('echo', b'x' * 1000) for _ in range(3)]
    node.collect(ready[0])
    failed = node.post('s', path='?code=500')
    node.wait_state(failed, 'expired')
    canceled = node.ready_callback('echo', b'x')
    node.call('DELETE', f'/v1/invocations/{canceled}')
    view = node.admin_call('GET', '/v1/queues').json()
    assert [n['node'] for n in view['nodes']] == ['n1']
    functions = view['nodes'][0]['functions']
    assert set(functions) == {'echo', 'sleep', 's'} and functions == view['cluster']
    for counts in functions.values():
        assert set(counts) >= COUNTS
    sleep, echo, status = functions['sleep'], functions['echo'], functions['s']
    assert (sleep['running'], sleep['queued'], sleep['accepted']) == (1, 1, 2)
    assert (echo['ready'], echo['accepted']) == (2, 4)
    assert (echo['collected'], echo['canceled']) == (1, 1)
    assert 2000 <= echo['bytes'] < 20000
    assert (status['expired'], status['failed'], status['ready']) == (1, 1, 0)
    for guid in (first, second):
        node.call('DELETE', f'/v1/invocations/{guid}')
    sleep = node.admin_call('GET', '/v1/queues').json()['cluster']['sleep']
    assert (sleep['running'], sleep['queued'], sleep['canceled']) == (0, 0, 2)


NAMES = {
    'callbackd_invocations_accepted_total': 'counter',
    'callbackd_callbacks_collected_total': 'counter',
    'callbackd_callbacks_expired_total': 'counter',
    'callbackd_callbacks_canceled_total': 'counter',
    'callbackd_invocations_failed_total': 'counter',
    'callbackd_invocations_refused_total': 'counter',
    'callbackd_queued': 'gauge',
    'callbackd_running': 'gauge',
    'callbackd_ready': 'gauge',
    'callbackd_store_bytes': 'gauge',
    'callbackd_store_limit_bytes': 'gauge',
    'callbackd_http_requests_total': 'counter',
    'callbackd_http_request_duration_seconds': 'histogram',
    'callbackd_function_duration_seconds': 'histogram',
    'callbackd_cluster_members': 'gauge',
    'callbackd_cluster_sent_bytes_total': 'counter',
    'callbackd_cluster_received_bytes_total': 'counter',
    'callbackd_claims_total': 'counter',
    'callbackd_loop_lag_seconds': 'gauge',
}


@pytest.mark.parametrize('name', sorted(NAMES))
def test_each_metric_has_its_name_type_and_help(node, name):
    """Metrics (Prometheus naming)"""
    lines = node.admin_call('GET', '/metrics').body.decode().splitlines()
    types = [line.split()[3] for line in lines if line.startswith(f'# TYPE {name} ')]
    assert len(types) == 1, name
    if name == 'callbackd_loop_lag_seconds':
        assert types[0] in ('gauge', 'histogram', 'summary')
    else:
        assert types == [NAMES[name]]
    assert sum(line.startswith(f'# HELP {name} ') for line in lines) == 1


def test_metrics_are_prometheus_text(node):
    """`GET /metrics` (Prometheus text)"""
    node.call('POST', '/v1/functions/echo', b'x')
    answer = node.admin_call('GET', '/metrics')
    assert answer.header('Content-Type', '').startswith('text/plain')
    text = answer.body.decode()
    assert text.endswith('\n')
    sample = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*'
                        r'(\{([a-zA-Z_][a-zA-Z0-9_]*="(\\.|[^"\\])*",?)*\})?'
                        r' [-+0-9.eE]+(Inf|NaN)?( \d+)?')
    seen = set()
    for line in text.splitlines():
        if line.startswith('# '):
            assert re.match(r'# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+', line), line
            continue
        assert sample.fullmatch(line), line
        key = line.rsplit(' ', 1)[0]
        assert key not in seen, f'twice: {key}'
        seen.add(key)


def test_metrics_count(start_node):
    """`callbackd_invocations_accepted_total{function}` and the others"""
    node = start_node({'echo': 'builtin:echo', 'code': 'builtin:status'})
    for _ in range(3):
        node.collect(node.ready_callback('echo'))
    node.collect(node.ready_callback('code', path='?code=500'))
    node.ready_callback('echo')
    canceled = node.ready_callback('echo')
    node.call('DELETE', f'/v1/invocations/{canceled}')
    node.call('POST', '/v1/functions/nobody', b'')
    found = node.metrics()
    assert found['callbackd_invocations_accepted_total{function="echo"}'] == 5
    assert found['callbackd_callbacks_collected_total{function="echo"}'] == 3
    assert found['callbackd_callbacks_canceled_total{function="echo"}'] == 1
    assert found['callbackd_invocations_failed_total{function="code"}'] == 1
    assert found['callbackd_ready{function="echo"}'] == 1
    assert found['callbackd_running{function="echo"}'] == 0
    assert found['callbackd_function_duration_seconds_count{function="echo"}'] == 5
    codes = {k: v for k, v in found.items() if k.startswith('callbackd_http_requests_total')}
    assert sum(v for k, v in codes.items() if 'code="404"' in k) >= 1, codes
    assert sum(v for k, v in codes.items() if 'code="202"' in k) == 6, codes
    assert all('dialect="' in k for k in codes)


def test_refusals_are_counted_by_reason(start_node):
    """`callbackd_invocations_refused_total{reason}`, in whatever dialect"""
    model = '90c425fd-101a-420b-91d1-cb7a24a969cc'
    node = start_node({'echo': 'builtin:echo', model: 'builtin:echo'})
    jube = '/api/invoke/EntityAnalysisModel/'
    for target in ('/v1/functions/nobody', '/function/nobody', '/async-function/nobody',
                   f'{jube}{model[:-1]}0/async'):
        assert node.call('POST', target, b'{}').status == 404
    asks = [('Prefer', 'respond-async'), ('X-Callback-Url', 'nowhere')]
    for target, body in (('/v1/functions/echo', b'x'), ('/async-function/echo', b'x'),
                         ('/echo', b'x'), (f'{jube}{model}/async', b'no JSON')):
        assert node.call('POST', target, body, asks).status == 400
    for target in ('/v1/callbacks/x?wait=y', '/nothing', '/status/nobody'):  # no invocations
        assert node.call('GET', target).status in (400, 404)
    found = node.metrics()
    name = 'callbackd_invocations_refused_total{reason="%s"}'
    assert found[name % 'unknown-function'] == 4
    assert found[name % 'bad-request'] == 4
    assert sum(v for k, v in found.items() if k.startswith(name[:-4])) == 8


def test_histograms_are_cumulative(node):
    """(histograms)"""
    node.call('POST', '/v1/functions/echo', b'x')
    text = node.admin_call('GET', '/metrics').body.decode()
    pattern = (r'callbackd_function_duration_seconds_bucket\{function="echo",le="([^"]+)"\} '
               r'([\d.]+)')
    buckets = re.findall(pattern, text)
    assert len(buckets) >= 5 and buckets[-1][0] == '+Inf'
    counts = [float(c) for _, c in buckets]
    assert counts == sorted(counts)
    pattern = r'callbackd_function_duration_seconds_count\{function="echo"\} (\S+)'
    total = float(re.search(pattern, text).group(1))
    assert counts[-1] == total > 0


def test_the_conservation_of_invocations(start_node):
    """accepted = collected + expired + canceled + still here"""
    node = start_node({'echo': 'builtin:echo'}, {'functions.echo.ttl_ms': 60000})
    guids = [node.ready_callback('echo') for _ in range(30)]
    for guid in guids[:12]:
        node.collect(guid)
    for guid in guids[12:17]:
        node.call('DELETE', f'/v1/invocations/{guid}')
    m = node.metrics()
    label = '{function="echo"}'
    here = sum(m[f'callbackd_{word}{label}'] for word in ('queued', 'running', 'ready'))
    ended = sum(m.get(f'callbackd_callbacks_{word}_total{label}', 0)
                for word in ('collected', 'expired', 'canceled'))
    assert m[f'callbackd_invocations_accepted_total{label}'] == here + ended == 30
    assert (here, ended) == (13, 17)
    assert m['callbackd_invocations_here{function="echo",state="ready"}'] == 13
    assert m['callbackd_invocations_here{function="echo",state="pending"}'] == 0
    assert m[f'callbackd_invocations_unaccounted{label}'] == 0
    told = node.admin_call('GET', '/v1/queues').json()['cluster']['echo']
    assert (told['accepted'], told['unaccounted']) == (30, 0), told


def test_drain(start_node):
    """`POST /v1/drain` (202; drains and leaves as SIGTERM does, and exits 0)"""
    node = start_node({'echo': 'builtin:echo'}, {'shutdown.delay_ms': 3000})
    answer = node.admin_call('POST', '/v1/drain')
    assert answer.status == 202
    assert call(node.admin, 'GET', '/readyz').status == 503
    node.process.wait(20)
    node.stop()


def test_sigterm_during_a_drain_is_harmless(start_node):
    """exits 0"""
    node = start_node(settings={'shutdown.delay_ms': 600})
    node.admin_call('POST', '/v1/drain')
    node.process.send_signal(signal.SIGTERM)
    node.stop()


def test_drain_wants_post(node):
    """`POST /v1/drain`"""
    answer = node.admin_call('GET', '/v1/drain')
    assert_problem(answer, 405, 'method-not-allowed')
    assert 'POST' in answer.header('Allow')
    assert node.admin_call('GET', '/readyz').status == 200


@pytest.mark.parametrize('path', ['/healthz', '/readyz', '/metrics', '/v1/node', '/v1/cluster',
                                  '/v1/queues'])
def test_views_only_read(node, path):
    """GET; other methods 405 with `Allow`"""
    answer = node.admin_call('POST', path, b'')
    document = assert_problem(answer, 405, 'method-not-allowed')
    assert answer.header('Allow') == 'GET, HEAD' and document['instance'] == path


def test_unknown_admin_paths_are_404(node):
    """nothing else is there; errors of ours are the same as at the API address, and their
    `type` is a page there"""
    answer = node.admin_call('GET', '/v1/nothing')
    document = assert_problem(answer, 404, 'unknown-route')
    assert document['instance'] == '/v1/nothing'
    assert answer.header('Cache-Control') == 'no-store'
    assert node.call('GET', document['type']).status == 200


def test_admin_is_not_on_the_api_address(node):
    """`admin`: health, metrics, cluster view, queues"""
    for path in ('/metrics', '/v1/node', '/v1/cluster', '/v1/queues', '/readyz'):
        assert node.call('GET', path).status == 404, path
    assert node.call('POST', '/v1/drain').status in (404, 405)


def test_the_api_is_not_on_the_admin_address(node):
    """`listen`: API"""
    assert node.admin_call('POST', '/v1/functions/echo', b'x').status == 404


def test_dashboard(start_cluster):
    """`admin`: health, metrics, cluster view, queues; the dashboard"""
    for node in start_cluster(2, {'echo': 'builtin:echo'}):
        page = node.admin_call('GET', '/')
        assert page.status == 200
        assert page.header('Content-Type') == 'text/html; charset=utf-8'
        assert "default-src 'none'" in page.header('Content-Security-Policy')
        text = page.body.decode()
        assert 'innerHTML' not in text and 'document.write' not in text
        assert not re.search(r'(src|href)=|https?://', text), 'it needs nothing from elsewhere'
        asked = set(re.findall(r"'(/[a-z0-9/]+)'", text))
        assert asked == {'/v1/node', '/v1/cluster', '/v1/queues'}
        views = {path: node.admin_call('GET', path).json() for path in asked}
        shown = {*views['/v1/node'], *views['/v1/cluster'], *views['/v1/queues'],
                 *views['/v1/cluster']['members'][0], *views['/v1/queues']['nodes'][0], *COUNTS}
        read = set(re.findall(r'\b(?:node|cluster|queues|m|row\.of)\.([a-z_]+)', text))
        assert read - {'status', 'ok'} <= shown, read - shown
        assert node.admin_call('HEAD', '/').status == 200


def test_pages_of_other_sites_cannot_drain_a_node(node):
    """a browser may know a key, and sends it with whatever another site makes it post"""
    for origin in ('https://elsewhere.example', 'null', f'http://{node.admin}'):
        answer = call(node.admin, 'POST', '/v1/drain', None, {'Origin': origin})
        assert_problem(answer, 403, 'forbidden')
    assert node.admin_call('GET', '/v1/node').json()['state'] == 'ready'
