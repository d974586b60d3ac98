"""The ledger: a steady load on a cluster while faults come in rounds, and what became of every
invocation that a 202 has promised. A seed chooses the faults."""
import os
import random
import signal
import time

import oneshot
from talk import CHANCES

FRESH_SECONDS = 15  # a node that was killed is a member again
# One failure at a time: until a death is noticed, the work taken over, and its copies whole
# again at the third node. With one copy confirmed before the 202 (cluster.accept_acks), two
# nodes that die within less may take something along (PROTOCOL.md W1).
SETTLE_SECONDS = 3.0
NAME = 'score'      # of the function


class Faults:
    """What happens to the nodes, one round after the other; `dice` decides."""

    def __init__(self, nodes, dice, settle):
        self.nodes, self.dice, self.settle = nodes, dice, settle

    def whole_again(self):
        self.nodes.wait_members(self.nodes.names, seconds=FRESH_SECONDS)

    def kill(self):
        one, begun = self.dice.choice(self.nodes.names), time.monotonic()
        self.nodes.kill(one)
        time.sleep(self.dice.uniform(0.3, 2.0))
        self.nodes.restart(one)
        self.whole_again()
        time.sleep(max(0, begun + self.settle - time.monotonic()))
        return f'kill -9 {one}'

    def pause(self):
        one, seconds = self.dice.choice(self.nodes.names), self.dice.uniform(0.5, 5.0)
        self.nodes.pause(one)
        time.sleep(seconds)
        self.nodes.resume(one)
        self.whole_again()
        return f'SIGSTOP {one} {seconds:.1f} s'

    def cut(self):
        one, seconds = self.dice.choice(self.nodes.names), self.dice.uniform(0.5, 4.0)
        self.nodes.isolate(one)
        time.sleep(seconds)
        self.nodes.heal()
        self.whole_again()
        return f'cut off {one} {seconds:.1f} s'

    def restart(self):
        """SIGTERM to each in turn, in some order."""
        order = self.dice.sample(self.nodes.names, len(self.nodes.names))
        for one in order:
            self.nodes.stop_one(one)
            self.nodes.restart(one)
            self.whole_again()
            self.nodes.wait_ready(one)
        return 'SIGTERM ' + ' '.join(order)


def seed_of_this_run():
    return int(os.environ.get('LEDGER_SEED') or random.randrange(1 << 32))


def run(nodes, executions, title, kinds, rounds, pause=(1.0, 2.0), settle=SETTLE_SECONDS,
        **load):
    """`rounds` faults of `kinds` (names of methods of Faults) under load. What was found, with
    `lost`, `late`, `repeated` and `highest`."""
    seed = seed_of_this_run()
    dice = random.Random(seed)
    faults = Faults(nodes, dice, settle)
    ledger = os.path.join(executions.folder.name, 'ledger')
    load = {'path': f'/v1/functions/{NAME}', 'clients': 1, 'insist': True, 'tokens': True,
            'window': 40, 'pace': 100, 'sizes': '100,5120,60000', 'wait': 1000, 'hold': 50,
            'give_up': 30_000, 'until_told': True, **load}
    race = oneshot.Race(nodes.doors(), title=f'{title}, seed {seed}', ledger=ledger, **load)
    told = []
    try:
        for _ in range(rounds):
            time.sleep(dice.uniform(*pause))
            begun = time.monotonic()
            told.append(getattr(faults, dice.choice(kinds))() + f' at {begun:.1f} s')
        time.sleep(dice.uniform(*pause))
        race.process.send_signal(signal.SIGTERM)
        found = race.report(120)
        balance = balance_of(nodes)
    finally:
        race.process.kill()
    found.update(read(ledger, executions), balance=balance, faults=told)
    found['late'] = found['swept_late']
    found['lost'] = found['accepted'] - found['delivered'] - found['late']
    print(explain(found))
    return found


def balance_of(nodes):
    """The conservation law, as an operator sees it: of the nodes that live now."""
    def ask():
        return nodes.admin_call(nodes.names[0], 'GET', '/v1/queues').json()

    found = ask()
    for _ in range(CHANCES):  # who does not report within 500 ms is left out
        if len(found['nodes']) == len(nodes.names):
            break
        found = ask()
    assert len(found['nodes']) == len(nodes.names), found
    return found['cluster'][NAME]


def read(ledger, executions):
    counted, highest = executions.counts()
    repeated = made_up = 0
    with open(ledger, encoding='ascii') as stream:
        for line in stream:
            guid, deliveries, code = line.split()
            repeated += counted[guid] > 1
            made_up += deliveries != '0' and code == '200' and counted[guid] == 0
    return {'repeated': repeated, 'made_up': made_up, 'highest': highest}


def explain(found):
    return (f'ledger: {len(found["faults"])} faults: {"; ".join(found["faults"])}\n'
            f'ledger: {found["accepted"]} accepted, lost {found["lost"]}, '
            f'delivered twice {found["twice"]}, late {found["late"]}, '
            f'failed {found["failed"]}; executed more than once {found["repeated"]} '
            f'(highest attempt {found["highest"]})\n'
            f'ledger: of the nodes alive at the end {found["balance"]}\n'
            f'ledger: POST {found["post_codes"]}, GET {found["codes"]}; no connection: '
            f'{found["posts_refused"] + found["gets_refused"]}, broken before the answer: '
            f'{found["posts_broken"] + found["gets_broken"]}, within it: {found["gets_cut"]}')
