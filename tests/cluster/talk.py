"""What the tests say to the nodes of a cluster, whatever the nodes run in: processes on
loopback, or containers. Whoever mixes this in knows the addresses: names, api(name),
admin(name), log(name)."""
import time

from http_client import call

CHANCES = 3  # of what is bound in time, on a machine that is busy with something else


def accepted(ask, seconds=10):
    """The id of what is accepted. A busy machine does not always confirm the copies in time:
    then it is a 503, and clients ask again as they are told to."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer.status == 202:
            return answer.json()['id']
        assert answer.status == 503 and answer.header('Retry-After'), answer
        assert time.monotonic() < until, answer
        time.sleep(0.1)


class Talk:
    def call(self, name, method, target, body=None, headers=(), timeout=20):
        return call(self.api(name), method, target, body, headers, timeout)

    def admin_call(self, name, method, target, timeout=5):
        return call(self.admin(name), method, target, timeout=timeout)

    def post(self, name, function='echo', body=b'x', path='', headers=(), seconds=10):
        """An accepted asynchronous invocation; its id."""
        return accepted(lambda: self.call(name, 'POST', f'/v1/functions/{function}{path}', body,
                                          [('Prefer', 'respond-async'), *headers]), seconds)

    def collect(self, name, guid, wait=None, headers=(), timeout=90):
        query = '' if wait is None else f'?wait={wait}'
        return self.call(name, 'GET', f'/v1/callbacks/{guid}{query}', None, headers, timeout)

    def status(self, name, guid):
        return self.call(name, 'GET', f'/v1/invocations/{guid}?redirect=false')

    def node(self, name):
        """GET /v1/node."""
        return self.admin_call(name, 'GET', '/v1/node').json()

    def store_bytes(self, name):
        return self.node(name)['store_bytes']

    def members(self, name):
        """{member name: state} as that node sees it; of a name that came back, the newest."""
        answer = self.admin_call(name, 'GET', '/v1/cluster')
        assert answer.status == 200, answer
        found = {}
        for one in answer.json()['members']:
            if one['state'] == 'alive' or one['name'] not in found:
                found[one['name']] = one['state']
        return found

    def alive(self, name):
        """Nobody, while it does not answer: it may just be starting."""
        try:
            members = self.members(name)
        except OSError:
            return set()
        return {one for one, state in members.items() if state == 'alive'}

    def is_ready(self, name):
        try:
            return self.admin_call(name, 'GET', '/readyz', timeout=2).status == 200
        except OSError:
            return False

    def until(self, condition, seconds, what):
        """Waits for condition(); the seconds it took."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < seconds, \
                f'{what} did not come within {seconds} s:\n{self.tails()}'
            time.sleep(0.02)
        return time.monotonic() - begun

    def tails(self):
        return '\n'.join(f'--- {one}\n{self.log(one)[-1500:]}' for one in self.names)

    def wait_members(self, names, seconds=20, among=None):
        """Until every one of `names` believes exactly `names` alive."""
        wanted = set(names)
        for one in among or names:
            self.until(lambda one=one: self.alive(one) == wanted, seconds,
                       f'that {one} sees {sorted(wanted)}')

    def wait_ready(self, *names, seconds=20):
        for one in names or self.names:
            self.until(lambda one=one: self.is_ready(one), seconds, f'{one} ready')

    def wait_noticed(self, victim, seconds):
        """Until every other living node calls it dead; the seconds it took."""
        others = [one for one in self.names if one != victim]
        return self.until(
            lambda: all(self.members(one).get(victim, 'dead') == 'dead' for one in others),
            seconds + 8, f'that {others} notice {victim}')

    def assert_noticed_within(self, seconds, victim, harm, mend):
        """All others notice in time what harm() does to the victim; it is left harmed."""
        for left in reversed(range(CHANCES)):
            harm()
            took = self.wait_noticed(victim, seconds)
            print(f'{victim} was missed after {took:.2f} s')
            if took <= seconds or left == 0:
                break
            mend()
            self.wait_members(self.names)
        assert took <= seconds

    def wait_freed(self, before, seconds, names=None):
        """Until no node stores more than `before` says; the seconds it took."""
        return self.until(
            lambda: all(self.store_bytes(one) <= before[one] for one in names or before),
            seconds, f'freeing: {before} -> '
            f'{ {one: self.store_bytes(one) for one in names or before} }')
