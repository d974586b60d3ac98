#!/usr/bin/env python3
"""What clients that mean no good do to those that do, and to the memory of a node.

    tests/tools/crowd.py [--node build/release/callbackd] [--count 1000] [--guesses 100000]
                         [--rounds 3] [--check] [--realtime]

Three crowds, one after the other, against one node with its default limits:
  loris   so many connections that send a byte of a header a second, and come again when refused
  deaf    so many that ask for answers of 256 KiB, again and again, and never read
  guess   so many GETs of random GUIDs, 5,000 a second

Before, during and after each, a well-behaved client posts and collects. Prints its p99 beside
that of the quiet time just before and after (the median of all rounds), and what the node
held. --check fails when the p99 is worse by more than 20 %, or memory passes its bound. The
numbers are of one machine: only the ratio means something, and only on a quiet one, or with
--realtime: node and client come before all other processes then (for root).
"""
import argparse
import json
import multiprocessing
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import time

ALLOWED = 1.20
DEAF_SIZE, DEAF_QUESTIONS = 256 << 10, 16
GUESS_RATE, GUESS_BATCH, GUESS_LINES = 5000, 20, 16
CYCLES = 4000
POST = (b'POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\n'
        b'Content-Length: %d\r\n\r\n')
# What a node may hold for one of each kind, beside what it stores on its clients' behalf.
BOUNDS = {'loris': 16 << 10, 'deaf': DEAF_SIZE + (192 << 10), 'guess': 512}


def connect(address, receive_buffer=None, send_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if send_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    s.connect(tuple(address))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


class Line:
    """A connection that reads whole answers."""

    def __init__(self, address):
        self.socket, self.buffered = connect(address), b''
        self.socket.settimeout(30)

    def answer(self):
        """(status, head, body) of the next answer."""
        while b'\r\n\r\n' not in self.buffered:
            self.more()
        head, self.buffered = self.buffered.split(b'\r\n\r\n', 1)
        at = head.lower().find(b'\r\ncontent-length:')
        size = int(head[at + 17:].split(b'\r\n', 1)[0]) if at >= 0 else 0
        while len(self.buffered) < size:
            self.more()
        body, self.buffered = self.buffered[:size], self.buffered[size:]
        return int(head[9:12]), head, body

    def more(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError('the node closed the connection')
        self.buffered += data

    def close(self):
        self.socket.close()

    def post(self, body):
        """The GUID of an accepted invocation."""
        self.socket.sendall(POST % len(body) + body)
        status, head, _ = self.answer()
        assert status == 202, head
        at = head.lower().index(b'\r\nx-call-id:') + 12
        return head[at:at + 60].split(b'\r\n', 1)[0].strip().decode()

    def collect(self, guid):
        self.socket.sendall(b'GET /v1/callbacks/%b HTTP/1.1\r\nHost: x\r\n\r\n' % guid.encode())
        return self.answer()


# --- the crowds -------------------------------------------------------------------------------

def is_closed(s):
    """True when the node has closed; what it said before is read away."""
    try:
        return s.recv(65536, socket.MSG_DONTWAIT) == b''
    except BlockingIOError:
        return False
    except OSError:
        return True


def loris(address, count, stop, done):
    """Connections that never get to the end of their question."""
    def begin():
        s = connect(address)
        s.sendall(b'GET / HTTP/1.1\r\nHost: x\r\nA: ')
        return s
    all_of_them = [begin() for _ in range(count)]
    done.value = 1
    while not stop.is_set():
        for i, s in enumerate(all_of_them):
            try:
                s.send(b'a')
            except OSError:
                pass
            if is_closed(s):
                s.close()
                all_of_them[i] = begin()
            stop.wait(1 / count)  # each at a time of its own


class Deaf:
    """Asks as long as anybody listens, and reads nothing. What it could not send yet it keeps
    itself: the system keeps 2 MB for each, which on another machine would be that machine's,
    and 2,000 MB are more than it has for all connections of this one."""
    QUESTION = (b'POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n'
                % DEAF_SIZE + b'd' * DEAF_SIZE)

    def __init__(self, address, first=b''):
        self.socket = connect(address, 4096, 16384)
        self.socket.setblocking(False)
        self.sent = 0
        self.left = [memoryview(first)] * bool(first)  # all share the bytes of one question
        self.left += [memoryview(self.QUESTION)] * DEAF_QUESTIONS

    def go_on(self):
        """False: the node has had enough."""
        try:
            while self.left:
                sent = self.socket.send(self.left[0])
                self.left[0] = self.left[0][sent:]
                self.sent += sent
                if not self.left[0]:
                    del self.left[0]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def deaf(address, count, stop, done):
    """Connections that ask and never read. They are there once nobody takes anything more of
    them: until then they are clients that upload, which takes the node its time."""
    line = Line(address)
    guids = [line.post(b'd' * DEAF_SIZE) for _ in range(count)]
    line.close()
    all_of_them = [Deaf(address, b'GET /v1/callbacks/%b HTTP/1.1\r\nHost: x\r\n\r\n'
                        % guid.encode()) for guid in guids]
    before = -1
    while not stop.is_set():
        for i, one in enumerate(all_of_them):
            if not one.go_on():
                one.socket.close()
                all_of_them[i] = Deaf(address)
        sent = sum(one.sent for one in all_of_them)
        done.value = done.value or sent == before
        before = sent
        stop.wait(0.3)


def guess(address, count, stop, done):
    """Questions for what is not there."""
    generator = random.Random(1)
    lines = [Line(address) for _ in range(GUESS_LINES)]
    begun, asked = time.monotonic(), 0
    while asked < count and not stop.is_set():
        line = lines[asked // GUESS_BATCH % len(lines)]
        batch = min(GUESS_BATCH, count - asked)
        for _ in range(batch):
            r = '%032x' % generator.getrandbits(128)
            guid = f'{r[:8]}-{r[8:12]}-8{r[13:16]}-8{r[17:20]}-{r[20:]}'
            line.socket.send(f'GET /v1/callbacks/{guid} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        for _ in range(batch):
            status, head, _ = line.answer()
            assert status in (404, 503), head
        asked += batch
        done.value = asked
        stop.wait(max(0.0, asked / GUESS_RATE - (time.monotonic() - begun)))
    done.value = asked


KINDS = {'loris': loris, 'deaf': deaf, 'guess': guess}


class Crowd:
    """One of the crowds, in a process of its own that gives way to all others."""

    def __init__(self, kind, address, count):
        context = multiprocessing.get_context('fork')
        self.stop_event, self.done = context.Event(), context.Value('l', 0)

        def run():
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            os.nice(10)
            KINDS[kind](address, count, self.stop_event, self.done)
        self.process = context.Process(target=run, daemon=True)
        self.process.start()

    def wait(self, done=1, seconds=600):
        until = time.monotonic() + seconds
        while self.done.value < done:
            assert self.process.is_alive(), 'the crowd broke'
            assert time.monotonic() < until, f'{self.done.value} of {done}'
            time.sleep(0.05)

    def stop(self):
        self.stop_event.set()
        self.process.join(20)
        ended = self.process.exitcode
        if ended is None:
            self.process.kill()
        return ended


# --- who is measured --------------------------------------------------------------------------

def cycles(address, count, seconds=None):
    """Seconds of each request: post and collect, again and again, every answer right."""
    line, spent, until = Line(address), [], time.monotonic() + (seconds or 3600)
    for number in range(count):
        body = b'%d' % number
        begun = time.monotonic()
        guid = line.post(body)
        middle = time.monotonic()
        status, head, got = line.collect(guid)
        end = time.monotonic()
        assert status == 200 and got == body, head
        spent += [middle - begun, end - middle]
        if end > until:
            break
    line.close()
    return spent


def p99(spent):
    return sorted(spent)[len(spent) * 99 // 100]


def resident(pid):
    with open(f'/proc/{pid}/statm', encoding='ascii') as stream:
        return int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def allow_descriptors(count):
    """For this process and what it starts. False: the system allows fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        return False
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return True


class Node:
    def __init__(self, binary):
        self.process = subprocess.Popen(
            ['taskset', '-c', '0', binary, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0',
             '--function', 'echo=builtin:echo', '--set', 'shutdown.delay_ms=0'],
            stderr=subprocess.PIPE, text=True)
        for text in self.process.stderr:
            if '"event":"ready"' in text:
                host, port = json.loads(text)['listen'].rsplit(':', 1)
                self.address = (host, int(port))
                return
        raise SystemExit('the node did not start')

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def measure(node, kind, count):
    """One round: (p99 in quiet, p99 in the crowd, bytes gained at most)."""
    quiet = cycles(node.address, CYCLES)
    before = resident(node.process.pid)
    crowd = Crowd(kind, node.address, count)
    crowd.wait(1)
    time.sleep(0.5)
    busy = cycles(node.address, CYCLES)
    most = resident(node.process.pid)
    if kind == 'guess':
        crowd.wait(count)  # to the end, for the memory
        most = max(most, resident(node.process.pid))
    ended = crowd.stop()
    assert ended == 0, f'the crowd ended with {ended}'
    time.sleep(1)
    quiet += cycles(node.address, CYCLES)
    return p99(quiet), p99(busy), most - before


def run(arguments):
    is_good = True
    print(f'{"crowd":8}{"of":>8}{"p99 quiet":>12}{"p99 crowd":>12}{"ratio":>8}{"memory":>12}'
          f'{"each":>10}')
    for kind in KINDS:
        count = arguments.guesses if kind == 'guess' else arguments.count
        node = Node(arguments.node)
        cycles(node.address, 500)
        rounds = [measure(node, kind, count) for _ in range(arguments.rounds)]
        node.stop()
        ratio = statistics.median(busy / quiet for quiet, busy, _ in rounds)
        quiet, busy = (statistics.median(r[i] for r in rounds) * 1e6 for i in range(2))
        gained = max(r[2] for r in rounds)
        within = ratio <= ALLOWED and gained <= BOUNDS[kind] * count
        is_good = is_good and within
        print(f'{kind:8}{count:>8}{quiet:>9.0f} us{busy:>9.0f} us{ratio:>8.2f}'
              f'{gained / (1 << 20):>8.1f} MiB{gained / count:>8.0f} B'
              f'{"" if within else "   over its bound"}', flush=True)
    return is_good


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    tree = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument('--node', default=os.path.join(tree, 'build/release/callbackd'))
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--guesses', type=int, default=100000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--realtime', action='store_true',
                        help='node and client before all other processes; for root')
    arguments = parser.parse_args()
    if not allow_descriptors(3 * arguments.count + 200):
        raise SystemExit('the system allows too few descriptors')
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if arguments.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    is_good = run(arguments)
    return 0 if is_good or not arguments.check else 1


if __name__ == '__main__':
    sys.exit(main())
