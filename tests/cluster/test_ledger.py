"""./test.sh ledger: nothing accepted is lost (API.md 1 and 3: a 202 is a promise). Steady load
on three nodes while a seed chooses what fails; every 202 is followed by exactly one result,
which may say `failed`. LEDGER_SEED repeats the faults of a run."""
import random
import threading
import time

import pytest

import ledger
from executions import Executions

ROUNDS = 10
KINDS = ['kill', 'pause', 'cut', 'restart']


@pytest.fixture
def executions():
    made = Executions()
    yield made
    made.close()


@pytest.fixture
def trio(cluster, executions):
    """Three nodes with the function that remembers; with the proxy between them."""
    def make(**settings):
        return cluster(3, proxy=True, functions={ledger.NAME: executions.url}, settings={
            f'functions.{ledger.NAME}.concurrency': 64, 'shutdown.delay_ms': 500,
            'callback.ttl_ms': 20_000, **settings})
    return make


def told_well(found):
    """No client sees anything but 2xx, 429 or 503 with Retry-After, however the nodes fare."""
    assert found['twice'] == found['swept_twice'] == 0, found
    assert found['wrong_bodies'] == found['made_up'] == 0, found
    assert found['wrong_answers'] == found['no_retry_after'] == 0, found
    assert found['balance']['unaccounted'] == 0, found
    assert found['accepted'] > 30 * len(found['faults']), found


def nothing_lost(found):
    told_well(found)
    assert found['lost'] == 0, found


def test_a_short_ledger(trio, executions):
    """What ./test.sh has of it."""
    # Nodes that end wait for what a token may ask for again.
    nodes = trio(**{'callback.redelivery_ms': 3000})
    nothing_lost(ledger.run(nodes, executions, 'short', ['kill', 'pause', 'cut'], 5,
                            pause=(0.3, 1.0), give_up=15_000))


@pytest.mark.soak
@pytest.mark.parametrize('kind', KINDS)
def test_ten_rounds(trio, executions, kind):
    rounds = 3 if kind == 'restart' else ROUNDS
    found = ledger.run(trio(), executions, f'{kind} x {rounds}', [kind], rounds)
    nothing_lost(found)
    if kind == 'restart':  # a goodbye breaks no connection under a request
        assert found['posts_broken'] == found['gets_broken'] == found['gets_cut'] == 0, found


@pytest.mark.soak
def test_ten_rounds_of_everything(trio, executions):
    nothing_lost(ledger.run(trio(), executions, 'everything', KINDS, ROUNDS))


@pytest.mark.soak
def test_ten_rounds_with_the_memory_used_up(trio, executions):
    nodes = trio(**{'limits.store_bytes': '8MiB'})
    found = ledger.run(nodes, executions, 'memory at its limit', ['kill', 'pause'], ROUNDS,
                       sizes='100,60000,300000')
    nothing_lost(found)
    assert found['post_codes'].get('503', 0) > 0, found


@pytest.mark.soak
def test_ten_rounds_without_tokens(trio, executions):
    """What a dying node was serving cannot be told from what it has served: in `strict` it is
    not served again. Nothing else may be missing."""
    found = ledger.run(trio(), executions, 'kill without tokens', ['kill'], ROUNDS,
                       tokens=False)
    ends = found['codes'].get('410', 0) + found['codes'].get('404', 0)
    told_well({**found, 'wrong_answers': found['wrong_answers'] - ends})
    print(f'ledger: {found["broke_once"]} were being served by a node that died')
    assert found['lost'] == found['broke_once'], found
    assert found['lost'] > 0 or ends == 0, found


def collected(nodes, guid, seconds=20):
    """By a client with a token, that asks one node after the other until it has it."""
    mine, until = [('Claim-Token', 'late')], time.monotonic() + seconds
    while True:
        for name in nodes.names:
            answer = nodes.collect(name, guid, wait=1000, headers=mine)
            if answer.status not in (202, 503) or time.monotonic() > until:
                return answer


@pytest.mark.soak
def test_what_was_accepted_in_ten_rounds_is_collected_after_them(cluster):
    """Each was accepted before some of the deaths, or by two nodes while the third was away; by
    the end all three may have died, and come back as others."""
    nodes = cluster(3, settings={'callback.ttl_ms': 300_000})
    accepted, is_over = {}, threading.Event()

    def post():
        dice = random.Random(1)
        while not is_over.is_set():
            body = dice.randbytes(dice.choice((100, 5000, 30_000)))
            try:
                answer = nodes.call(dice.choice(nodes.names), 'POST', '/v1/functions/echo',
                                    body, [('Prefer', 'respond-async')], timeout=5)
            except OSError:
                continue  # a node that is dead, or dies: nobody was told 202
            if answer.status == 202:
                accepted[answer.json()['id']] = body
            time.sleep(0.01)

    client = threading.Thread(target=post)
    client.start()
    faults = ledger.Faults(nodes, random.Random(ledger.seed_of_this_run()),
                           ledger.SETTLE_SECONDS)
    told = []
    for _ in range(ROUNDS):
        told.append(faults.kill())
        time.sleep(ledger.SETTLE_SECONDS)  # seats are given again since it is back
    is_over.set()
    client.join()
    found = [(collected(nodes, guid), body) for guid, body in accepted.items()]
    lost = [answer for answer, body in found if (answer.status, answer.body) != (200, body)]
    print(f'ledger: {"; ".join(told)}; collected after them: {len(found) - len(lost)} of '
          f'{len(found)}')
    assert lost == [] and len(found) > 30 * ROUNDS
