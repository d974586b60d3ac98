"""API.md 4: the Jube routes, as clients of generation 1 know them."""
import json
import re
import time
import uuid

import pytest

MODEL = '90c425fd-101a-420b-91d1-cb7a24a969cc'
OTHER = '11111111-2222-4333-8444-555555555555'
BASE = '/api/invoke/EntityAnalysisModel/'
TRANSACTION = (b'{"TxnId": "0987654321",  "AccountId":"Test1","CurrencyAmount":123.450,'
               b'"Name":"Jean O\'Brien \\u00fc \xc3\xbc","Nested":{"a":[1,2,null]}}')
FATAL = 'A fatal error has occured in processing.  Please check the logs for more information.'


@pytest.fixture(scope='module')
def jube(start_module_node, upstream):
    upstream.on('/score', lambda seen: (200, [('Content-Type', 'application/json')],
                                        b'{"score": 0.5, "was": ' + seen.body + b'}'))
    return start_module_node({MODEL: 'builtin:echo', 'score': upstream.url + '/score',
                              'sleep': 'builtin:sleep', 'fails': 'builtin:status'},
                             {'functions.score.jube_model': OTHER,
                              'functions.sleep.jube_model': OTHER[:-1] + '6',
                              'functions.fails.jube_model': OTHER[:-1] + '7'})


def post_async(node, model=MODEL, body=TRANSACTION):
    answer = node.call('POST', f'{BASE}{model}/async', body)
    assert answer.status == 200, answer
    return answer.json()['entityAnalysisModelInstanceEntryGuid']


def collect(node, guid, timeout=None):
    query = '' if timeout is None else f'?timeout={timeout}'
    return node.call('GET', f'{BASE}Callback/{guid}{query}')


def test_synchronous(jube):
    """`POST /api/invoke/EntityAnalysisModel/{modelGuid}` – synchronous; the function whose
    name is the model GUID. 200 and its JSON."""
    answer = jube.call('POST', BASE + MODEL, TRANSACTION, {'Content-Type': 'application/json'})
    assert (answer.status, answer.body) == (200, TRANSACTION)
    assert answer.header('Content-Type').startswith('application/json')


def test_a_function_mapped_to_the_model(jube):
    """(or that is mapped to it: `functions.NAME.jube_model`)"""
    answer = jube.call('POST', BASE + OTHER, b'{"a":1}')
    assert (answer.status, answer.json()) == (200, {'score': 0.5, 'was': {'a': 1}})


@pytest.mark.parametrize('target', [
    '/api/Invoke/EntityAnalysisModel/', '/API/INVOKE/ENTITYANALYSISMODEL/',
    '/api/invoke/entityanalysismodel/'])
@pytest.mark.parametrize('word', ['async', 'Async', 'ASYNC'])
def test_paths_in_any_case(jube, target, word):
    """Paths in any case."""
    answer = jube.call('POST', target + MODEL.upper() + '/' + word, TRANSACTION)
    assert answer.status == 200
    guid = answer.json()['entityAnalysisModelInstanceEntryGuid']
    answer = jube.call('GET', f'{target}CALLBACK/{guid.upper()}')
    assert (answer.status, answer.body) == (200, TRANSACTION)


@pytest.mark.parametrize('spell', [str.upper, lambda g: g.replace('-', ''),
                                   lambda g: '{' + g + '}', lambda g: '(' + g + ')'])
def test_guids_in_any_spelling(jube, spell):
    """any .NET Guid format is accepted: N, D, B, P"""
    assert jube.call('POST', BASE + spell(MODEL), b'{}').status == 200
    assert collect(jube, spell(post_async(jube)), timeout=5000).body == TRANSACTION


def test_asynchronous_is_200_and_this_json(jube):
    """`POST …/{modelGuid}/async` – 200 and JSON: `payload` (the request's object, verbatim),
    `entityAnalysisModelGuid`, `entityAnalysisModelInstanceGuid`,
    `entityAnalysisModelInstanceEntryGuid`, `entityAnalysisModelInstanceName`, `createdDate`."""
    answer = jube.call('POST', f'{BASE}{MODEL}/async', TRANSACTION)
    assert answer.status == 200
    assert answer.header('Content-Type').startswith('application/json')
    assert int(answer.header('Content-Length')) == len(answer.body)
    found = answer.json()
    assert TRANSACTION in answer.body, 'the object, verbatim: spaces, digits and escapes'
    assert found['payload'] == json.loads(TRANSACTION)
    assert found['entityAnalysisModelGuid'] == MODEL
    entry = found['entityAnalysisModelInstanceEntryGuid']
    assert str(uuid.UUID(entry)) == entry and uuid.UUID(entry).version == 8
    assert uuid.UUID(found['entityAnalysisModelInstanceGuid'])
    assert isinstance(found['entityAnalysisModelInstanceName'], str)
    assert found['entityAnalysisModelInstanceName']
    assert re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d', found['createdDate'])
    other = jube.call('POST', f'{BASE}{MODEL}/async', b'{}').json()
    assert (other['entityAnalysisModelInstanceGuid']
            == found['entityAnalysisModelInstanceGuid']), "this node's process"


def test_payload_is_first(jube):
    """property order: `payload` first"""
    assert jube.call('POST', f'{BASE}{MODEL}/async', b'{"a":1}').body.startswith(b'{"payload":')


def test_callback_is_200_with_the_stored_json_once_then_404_empty(jube):
    """200 with the stored JSON, once; else 404, empty body (also for collected and expired)"""
    guid = post_async(jube, OTHER, b'{"n":"\xc3\xbc"}')
    answer = collect(jube, guid)
    assert answer.status == 200 and answer.body == b'{"score": 0.5, "was": {"n":"\xc3\xbc"}}'
    assert answer.header('Content-Type').startswith('application/json')
    assert int(answer.header('Content-Length')) == len(answer.body)
    again = collect(jube, guid)
    assert (again.status, again.body) == (404, b'')


def test_callback_waits_up_to_timeout(jube):
    """`[?timeout=MS]` – waits up to `timeout` (default `jube.callback_timeout_ms`)"""
    model = OTHER[:-1] + '6'
    answer = jube.call('POST', f'{BASE}{model}/async?ms=3000', b'{"late":1}')
    guid = answer.json()['entityAnalysisModelInstanceEntryGuid']
    early = collect(jube, guid, timeout=100)
    assert (early.status, early.body) == (404, b'') and 0.09 <= early.seconds < 2
    late = collect(jube, guid, timeout=20000)
    assert (late.status, late.body) == (200, b'{"late":1}') and late.seconds < 9


def test_the_default_wait_is_3_seconds(jube):
    """default `jube.callback_timeout_ms`; 3000"""
    answer = collect(jube, '00000000-0000-8000-8000-000000000000')
    assert (answer.status, answer.body) == (404, b'')


def test_a_pending_callback_is_404_after_3_seconds(jube, upstream):
    """404 when the wait ends"""
    gate = upstream.gate('/score')
    guid = post_async(jube, OTHER, b'{}')
    answer = collect(jube, guid)
    assert (answer.status, answer.body) == (404, b'') and 2.9 <= answer.seconds < 4.2
    gate.set()
    assert collect(jube, guid, timeout=5000).status == 200
    upstream.on('/score', lambda seen: (200, [('Content-Type', 'application/json')],
                                        b'{"score": 0.5, "was": ' + seen.body + b'}'))


@pytest.mark.parametrize('timeout', ['abc', '-5', '0', ''])
def test_an_odd_timeout_is_no_fault(jube, timeout):
    """A non-integer value: the default; negative or 0: one look"""
    answer = collect(jube, post_async(jube, MODEL, b'{"a":2}'), timeout=timeout)
    assert answer.status in (200, 404)


def test_the_ttl_of_jube_invocations(start_node):
    """`jube.callback_timeout_ms`: TTL and default wait of invocations accepted on the Jube
    routes"""
    node = start_node({MODEL: 'builtin:echo'}, env={'CallbackTimeout': '300'})
    guid = post_async(node)
    native = node.ready_callback(MODEL, b'native')
    time.sleep(1)
    answer = collect(node, guid, timeout=0)
    assert (answer.status, answer.body) == (404, b'')
    assert node.status(guid).json()['status'] == 'expired'
    assert node.collect(native).body == b'native', 'others keep callback.ttl_ms'


@pytest.mark.parametrize('body', [b'', b'nonsense', b'[1,2]', b'"text"', b'5', b'{"a":',
                                  b'{"a":1} x', b'\xff\xfe', b'{"a":"\xff"}', b'null',
                                  b'{' * 5000])
@pytest.mark.parametrize('tail', ['', '/async'])
def test_not_a_json_object_is_400_with_jubes_text(jube, body, tail):
    """Not a JSON object, or empty: 400 with Jube's text as a JSON string."""
    answer = jube.call('POST', BASE + MODEL + tail, body)
    assert answer.status == 400
    assert answer.header('Content-Type').startswith('application/json')
    assert answer.json() == (FATAL if body else 'Content body is zero length.')


def test_any_content_type_is_taken(jube):
    """Content-Type is never checked; 200 and its JSON: `application/json`, though a function
    that echoes answers with the request's type"""
    for kind in ('text/plain', 'application/x-www-form-urlencoded', 'a/b', ''):
        sent = {'Content-Type': kind} if kind else {}
        answer = jube.call('POST', f'{BASE}{MODEL}/async', b'{"a":1}', sent)
        assert answer.status == 200
        guid = answer.json()['entityAnalysisModelInstanceEntryGuid']
        for got in (answer, collect(jube, guid), jube.call('POST', BASE + MODEL, b'{}', sent)):
            assert got.headers('Content-Type') == ['application/json'], (kind, got)


@pytest.mark.parametrize('model', [OTHER[:-1] + '0', 'no-guid', 'score', '%20'])
@pytest.mark.parametrize('tail', ['', '/async'])
def test_model_unknown_is_404(jube, model, tail):
    """Model unknown 404."""
    answer = jube.call('POST', BASE + model + tail, b'{}')
    assert (answer.status, answer.body) == (404, b'')


def test_another_last_word_is_a_synchronous_call(jube):
    """any other word = a synchronous call"""
    answer = jube.call('POST', f'{BASE}{MODEL}/sync', b'{"a":1}')
    assert (answer.status, answer.body) == (200, b'{"a":1}')


def queue_full(start_node, upstream, strict):
    gate = upstream.gate('/jubefull')
    node = start_node({MODEL: upstream.url + '/jubefull'}, {
        f'functions.{MODEL}.concurrency': 1, f'functions.{MODEL}.queue': 1,
        'jube.strict_codes': strict})
    guids = [post_async(node), post_async(node)]
    answer = node.call('POST', f'{BASE}{MODEL}/async', TRANSACTION)
    gate.set()
    return node, guids, answer


def test_queue_full_is_400_with_jubes_text(start_node, upstream):
    """Queue full: 400 with Jube's text"""
    _, _, answer = queue_full(start_node, upstream, 'false')
    assert answer.status == 400
    assert answer.json() == 'Maximum Queue threshold has been reached.  Please wait and retry.'


def test_strict_codes(start_node, upstream):
    """(`jube.strict_codes: true` gives 429, 503 and 410 instead)"""
    node, guids, answer = queue_full(start_node, upstream, 'true')
    assert answer.status == 429 and answer.header('Retry-After')
    assert collect(node, guids[0], timeout=5000).status == 200
    assert collect(node, guids[0], timeout=0).status == 410


def test_switched_off(start_node):
    """Switched off (`EnablePublicInvokeController`): 403."""
    node = start_node({MODEL: 'builtin:echo'}, env={'EnablePublicInvokeController': 'False'})
    for method, tail in (('POST', MODEL), ('POST', MODEL + '/async'),
                         ('GET', f'Callback/{OTHER}')):
        answer = node.call(method, BASE + tail, b'{}' if method == 'POST' else None)
        assert (answer.status, answer.body) == (403, b''), (method, tail)
    assert node.call('POST', f'/v1/functions/{MODEL}', b'x').status == 200


def test_callbacks_switched_off(start_node):
    """`EnableCallback` (`False`: `/async` is answered synchronously, `Callback` with 404)"""
    node = start_node({MODEL: 'builtin:echo'}, env={'EnableCallback': 'False'})
    answer = node.call('POST', f'{BASE}{MODEL}/async', TRANSACTION)
    assert (answer.status, answer.body) == (200, TRANSACTION)
    answer = collect(node, OTHER)
    assert (answer.status, answer.body) == (404, b'') and answer.seconds < 1


def test_an_apostrophe_and_more_than_8_kb(jube):
    """without its faults (section 8 there)"""
    body = json.dumps({'name': "O'Brien; drop table victim; --", 'long': 'x' * 100000})
    guid = post_async(jube, MODEL, body.encode())
    assert collect(jube, guid).body == body.encode()


def test_two_collectors_one_delivery(jube):
    """once"""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(8) as pool:
        for _ in range(25):
            guid = post_async(jube)
            codes = sorted(pool.map(lambda _, g=guid: collect(jube, g).status, range(8)))
            assert codes == [200] + [404] * 7


def test_a_failed_function(jube):
    """A failed invocation has a callback as well"""
    model = OTHER[:-1] + '7'
    answer = jube.call('POST', f'{BASE}{model}/async?code=500', b'{}')
    guid = answer.json()['entityAnalysisModelInstanceEntryGuid']
    assert jube.wait_state(guid, 'failed')
    assert collect(jube, guid).status in (200, 404, 500)


def test_a_jube_callback_is_the_same_callback(jube):
    """anybody who knows the GUID"""
    guid = post_async(jube)
    assert jube.collect(guid, wait=3000).body == TRANSACTION
    assert collect(jube, guid, timeout=0).status == 404


def test_a_get_without_a_guid_is_405_with_allow(jube):
    """matches only the POST template"""
    answer = jube.call('GET', BASE + 'Callback/not-a-guid')
    assert answer.status in (404, 405)


def test_queue_balance_rows(jube):
    """the balance rows ... on the admin address; in any case, as all paths of Jube"""
    for path in ('/api/EntityAnalysisAsynchronousQueueBalance',
                 '/api/EntityAnalysisModelAsynchronousQueueBalance',
                 '/api/entityanalysismodelasynchronousqueuebalance'):
        rows = jube.admin_call('GET', path)
        assert rows.status == 200 and isinstance(rows.json(), list)


@pytest.mark.slow
def test_queue_balance_rows_after_a_minute(start_cluster):
    """the balance rows, one a minute and node, the newest 60 first, with Jube's columns; each
    orphan counted once in the cluster"""
    nodes = start_cluster(2, {MODEL: 'builtin:echo', 'other': 'builtin:echo'},
                          {'functions.other.jube_model': OTHER,
                           'jube.callback_timeout_ms': 200})
    for _ in range(3):
        post_async(nodes[0])
    post_async(nodes[1], OTHER)
    # A node that does not answer within half a second is left out.
    rows = {r['instance']: r for r in wait_balance(nodes[0], '', 2)}
    columns = {'id', 'createdDate', 'asynchronousInvoke', 'asynchronousCallback',
               'asynchronousCallbackTimeout', 'instance'}
    assert all(set(r) == columns for r in rows.values()), rows
    assert [rows[n]['asynchronousCallbackTimeout'] for n in ('n1', 'n2')] == [3, 1]
    of_models = {(r['instance'], r['entityAnalysisModelGuid']): r
                 for r in wait_balance(nodes[1], 'Model', 4)}
    assert set(of_models) == {(n, m) for n in ('n1', 'n2') for m in (MODEL, OTHER)}
    more = {'entityAnalysisModelGuid', 'archive', 'activationWatcher'}
    assert all(set(r) == columns | more for r in of_models.values()), of_models
    orphans = {k: r['asynchronousCallbackTimeout'] for k, r in of_models.items()}
    assert sum(orphans.values()) == 4, orphans
    assert orphans['n1', MODEL] == 3 and orphans['n2', OTHER] == 1


def wait_balance(node, kind, count):
    path, until = f'/api/EntityAnalysis{kind}AsynchronousQueueBalance', time.monotonic() + 90
    while len(rows := node.admin_call('GET', path).json()) < count:
        assert time.monotonic() < until, rows
        time.sleep(0.5)
    return rows
