#!/usr/bin/env python3
"""A TCP proxy between nodes that does harm on demand.

Each node gets a route: the proxy listens where the node advertises itself and passes
connections on to where it really listens. Who dialled is read from the first frame (a node
says its name in HELLO), so a fault can be laid on one pair, one direction, or everything. Where
links are encrypted nothing can be read: then the socket at the other end tells, which belongs
to one of the processes that `who` has named.

    proxy = FaultProxy()                        # a process of its own; close() ends it
    port = proxy.add('a', target_port=7001)     # node a: cluster.advertise 127.0.0.1:port
    proxy.who('a', pid)                         # needed where links are encrypted
    proxy.fault('a', 'b', 'stall')              # what a sends to b no longer arrives
    proxy.partition(['a'], ['b', 'c'])          # both directions
    proxy.reset('a', 'b')
    proxy.heal()

Faults on the bytes from A to B ('*' is everybody):
    delay MS [JITTER_MS]  each piece arrives so much later, in order
    rate BYTES_PER_S      a thin line
    stall                 nothing moves, nothing is lost: a short partition
    blackhole             bytes are swallowed; healing resets the connections that lost some
    cut N                 after N more bytes the connection is reset, in the middle of a frame
    refuse                new connections from A to B are reset at once
CALLBACKD_TEST_LINK_DELAY_MS delays everything so much, also where no fault is laid and after
healing: so tests are found that count on the nodes' being fast.
Run by hand it reads the same as lines (`add a 7001 [PORT]`, `fault a b delay 50`, `heal`,
`reset a b`, `stats`) and answers each with one line of JSON.
"""
import collections
import json
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import time

HELD_MAX = 1 << 20     # bytes kept in one direction before the sender feels it
PIECE = 1 << 16
HELLO_MAX = 4096 + 16
TLS_HANDSHAKE = 22     # the first byte of a TLS connection
NAMELESS_SECONDS = 0.02
LINK_DELAY_MS = float(os.environ.get('CALLBACKD_TEST_LINK_DELAY_MS', 0))
RESET = struct.pack('ii', 1, 0)


class Pipe:
    """One direction of one connection."""

    def __init__(self, source, sink, pair):
        self.source, self.sink, self.pair = source, sink, pair
        self.held = collections.deque()   # (due, bytes)
        self.size = 0
        self.next_due = 0.0               # keeps the order under jitter and rate
        self.cut_left = None
        self.lost = False
        self.ended = False
        self.end_sent = False


class Link:
    """One dialled connection: two sockets, two pipes once the dialler is known."""

    def __init__(self, dialler, route):
        self.dialler, self.route = dialler, route
        self.target = None
        self.first = b''
        self.pipes = []
        self.connected = False


class Proxy:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.routes = {}                  # node name -> (listening socket, target port)
        self.links = set()
        self.faults = {}                  # (from, to) -> {kind: [numbers]}
        self.bytes = collections.Counter()
        self.pids = {}                    # node name -> its process
        self.nameless = set()             # encrypted links of a process not named yet
        self.taped = None                 # everything passed on, when asked for

    # --- commands

    def command(self, words):
        verb = words[0]
        if verb == 'add':
            listener = socket.create_server(('127.0.0.1', int((words + [0])[3])), backlog=64)
            listener.setblocking(False)
            self.routes[words[1]] = (listener, int(words[2]))
            self.selector.register(listener, selectors.EVENT_READ,
                                   lambda _, name=words[1]: self.on_accept(name))
            return {'port': listener.getsockname()[1]}
        if verb == 'fault':
            numbers = [float(word) for word in words[4:]]
            self.faults.setdefault((words[1], words[2]), {})[words[3]] = numbers
            if words[3] == 'cut':
                for pipe in self.pipes_of(words[1], words[2]):
                    pipe.cut_left = int(numbers[0])
            return {}
        if verb == 'heal':
            self.heal()
            return {}
        if verb == 'reset':
            hit = [link for link in self.links if link.pipes and any(
                self.matches(pipe.pair, words[1], words[2]) for pipe in link.pipes)]
            for link in hit:
                self.reset(link)
            return {'count': len(hit)}
        if verb == 'who':
            self.pids[words[1]] = int(words[2])
            return {}
        if verb == 'tape':
            self.taped = open(words[1], 'wb')
            return {}
        if verb == 'stats':
            return {'links': len(self.links),
                    'bytes': {'>'.join(pair): n for pair, n in self.bytes.items()}}
        raise ValueError('unknown command ' + verb)

    @staticmethod
    def matches(pair, a, b):
        return a in ('*', pair[0]) and b in ('*', pair[1])

    def pipes_of(self, a, b):
        return [pipe for link in self.links for pipe in link.pipes
                if self.matches(pipe.pair, a, b)]

    def heal(self):
        self.faults.clear()
        for link in list(self.links):
            if any(pipe.lost for pipe in link.pipes):
                self.reset(link)
            elif not link.pipes:
                self.identify(link)
            else:
                for pipe in link.pipes:
                    pipe.cut_left = None
                    self.move(link, pipe)

    def faults_of(self, pair):
        found = {}
        for (a, b), kinds in self.faults.items():
            if self.matches(pair, a, b):
                found.update(kinds)
        return found

    # --- connections

    def on_accept(self, name):
        try:
            dialler, _ = self.routes[name][0].accept()
        except OSError:
            return
        dialler.setblocking(False)
        dialler.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(dialler, name)
        self.links.add(link)
        self.selector.register(dialler, selectors.EVENT_READ, lambda _: self.on_hello(link))

    def on_hello(self, link):
        try:
            piece = link.dialler.recv(HELLO_MAX)
        except OSError:
            piece = b''
        if not piece:
            self.reset(link)
            return
        link.first += piece
        self.identify(link)

    def identify(self, link):
        """Finds out who dials, then begins to pass bytes on."""
        if len(link.first) < 4:
            return
        length = struct.unpack('>I', link.first[:4])[0]
        if 4 + length <= HELLO_MAX and len(link.first) < 4 + length:
            return
        who = name_in(link.first)
        if link.first[0] == TLS_HANDSHAKE:
            inode = inode_of(link.dialler.getpeername(), link.dialler.getsockname())
            if inode is None:                   # it has given up
                self.reset(link)
                return
            who = self.owner_of(inode)
            if who is None:
                self.nameless.add(link)
                self.watch(link.dialler, 0, None)
                return
        self.nameless.discard(link)
        found = self.faults_of((who, link.route))
        if 'refuse' in found:
            self.reset(link)
            return
        if 'stall' in found or 'blackhole' in found:
            self.watch(link.dialler, 0, None)   # it hangs, as a SYN that is lost
            return
        target = socket.socket()
        target.setblocking(False)
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.target = target
        there, back = Pipe(link.dialler, target, (who, link.route)), \
            Pipe(target, link.dialler, (link.route, who))
        link.pipes = [there, back]
        for pipe in link.pipes:
            cut = self.faults_of(pipe.pair).get('cut')
            pipe.cut_left = int(cut[0]) if cut else None
        target.connect_ex(('127.0.0.1', self.routes[link.route][1]))
        self.watch(link.dialler, 0, None)
        self.watch(target, selectors.EVENT_WRITE, lambda _: self.on_connected(link))
        self.hold(there, link.first)

    def owner_of(self, inode):
        """The name of the process that has this socket."""
        for name, pid in self.pids.items():
            if f'socket:[{inode}]' in links_of(pid):
                return name
        return None

    def on_connected(self, link):
        if link.target.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self.reset(link)
            return
        link.connected = True
        self.settle(link)
        for pipe in link.pipes:
            self.move(link, pipe)

    def reset(self, link):
        self.nameless.discard(link)
        for end in (link.dialler, link.target):
            if end is not None:
                self.watch(end, 0, None)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.close()
        self.links.discard(link)

    # --- bytes

    def hold(self, pipe, piece):
        found = self.faults_of(pipe.pair)
        if 'blackhole' in found:
            pipe.lost = True
            return
        due = time.monotonic() + LINK_DELAY_MS / 1000
        if 'delay' in found:
            delay, jitter = (found['delay'] + [0.0])[:2]
            due += (delay + random.random() * jitter) / 1000
        if 'rate' in found:
            due = max(due, pipe.next_due) + len(piece) / found['rate'][0]
        pipe.next_due = max(due, pipe.next_due)
        pipe.held.append((pipe.next_due, piece))
        pipe.size += len(piece)

    def on_readable(self, link, pipe):
        try:
            piece = pipe.source.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            self.reset(link)
            return
        if piece:
            self.hold(pipe, piece)
        else:
            pipe.ended = True
        self.move(link, pipe)

    def move(self, link, pipe):
        """Passes on what is due, as far as the other side takes it."""
        if link not in self.links or not link.connected:
            return
        now = time.monotonic()
        stalled = 'stall' in self.faults_of(pipe.pair)
        while pipe.held and not stalled and pipe.held[0][0] <= now:
            due, piece = pipe.held.popleft()
            if pipe.cut_left is not None and len(piece) >= pipe.cut_left:
                self.write(pipe, piece[:pipe.cut_left])
                self.reset(link)
                return
            sent = self.write(pipe, piece)
            if sent < 0:
                self.reset(link)
                return
            pipe.size -= sent
            self.bytes[pipe.pair] += sent
            if self.taped is not None:
                self.taped.write(piece[:sent])
            if pipe.cut_left is not None:
                pipe.cut_left -= sent
            if sent < len(piece):
                pipe.held.appendleft((due, piece[sent:]))
                break
        if pipe.ended and not pipe.held and not pipe.end_sent:
            pipe.end_sent = True
            try:
                pipe.sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        if all(p.end_sent for p in link.pipes):
            self.reset(link)
            return
        self.settle(link)

    @staticmethod
    def write(pipe, piece):
        try:
            return pipe.sink.send(piece)
        except BlockingIOError:
            return 0
        except OSError:
            return -1

    def settle(self, link):
        """Asks the system for exactly the events that can be used now."""
        now = time.monotonic()
        for pipe, other in (link.pipes, link.pipes[::-1]):
            stalled = 'stall' in self.faults_of(pipe.pair)
            wanted = 0
            if not pipe.ended and pipe.size < HELD_MAX and not stalled:
                wanted |= selectors.EVENT_READ
            if other.held and other.held[0][0] <= now \
                    and 'stall' not in self.faults_of(other.pair):
                wanted |= selectors.EVENT_WRITE
            self.watch(pipe.source, wanted,
                       lambda mask, p=pipe, o=other: self.on_event(link, mask, p, o))

    def on_event(self, link, mask, pipe, other):
        if mask & selectors.EVENT_READ:
            self.on_readable(link, pipe)
        if mask & selectors.EVENT_WRITE and link in self.links:
            self.move(link, other)

    def watch(self, end, wanted, call):
        known = end.fileno() in self.selector.get_map()
        if wanted == 0:
            if known:
                self.selector.unregister(end)
        elif not known:
            self.selector.register(end, wanted, call)
        else:
            self.selector.modify(end, wanted, call)

    # --- the loop

    def next_due(self):
        now = time.monotonic()
        dues = [pipe.held[0][0] for link in self.links for pipe in link.pipes
                if pipe.held and pipe.held[0][0] > now]
        if self.nameless:
            dues.append(now + NAMELESS_SECONDS)
        return max(0.0, min(dues) - now) if dues else None

    def run(self, commands):
        os.set_blocking(commands.fileno(), False)
        self.selector.register(commands, selectors.EVENT_READ, None)
        pending = b''
        while True:
            events = self.selector.select(self.next_due())
            for key, mask in events:
                if key.data is not None:
                    if key.fileobj.fileno() >= 0:
                        key.data(mask)
                    continue
                piece = os.read(commands.fileno(), 65536)
                if not piece:
                    return
                *lines, pending = (pending + piece).split(b'\n')
                for line in lines:
                    print(json.dumps(self.answer(line.decode())), flush=True)
            for link in list(self.nameless):
                self.identify(link)
            for link in list(self.links):
                for pipe in link.pipes:
                    if pipe.held:
                        self.move(link, pipe)
            if self.taped is not None:
                self.taped.flush()

    def answer(self, line):
        try:
            return self.command(line.split())
        except (ValueError, IndexError, OSError) as wrong:
            return {'error': str(wrong)}


def inode_of(local, remote):
    """Of the socket that is bound to `local` and connected to `remote`; None: gone."""
    def text(address):
        host = struct.unpack('=I', socket.inet_aton(address[0]))[0]
        return f'{host:08X}:{address[1]:04X}'
    wanted = [text(local), text(remote)]
    with open('/proc/net/tcp', encoding='ascii') as lines:
        for line in lines:
            words = line.split()
            if words[1:3] == wanted:
                return words[9] if words[9] != '0' else None
    return None


def links_of(pid):
    found = set()
    try:
        for name in os.listdir(f'/proc/{pid}/fd'):
            try:
                found.add(os.readlink(f'/proc/{pid}/fd/{name}'))
            except OSError:
                pass
    except OSError:
        pass
    return found


def name_in(first):
    """The node's name in a HELLO, its fifth field (docs/protocol.md); '?' in anything else."""
    try:
        if first[4] != 1 or first[16] & 0xf0 != 0x90:
            return '?'
        at = 17
        for _ in range(5):
            head = first[at]
            at += 1
            size = 0
            if 0xa0 <= head < 0xc0:                 # a short str
                size = head & 31
            elif head in (0xc4, 0xd9):              # bin, str with one byte of length
                size = first[at]
                at += 1
            elif 0xcc <= head <= 0xcf:              # uint
                size = 1 << (head - 0xcc)
            value = first[at:at + size]
            at += size
        return value.decode()
    except (IndexError, UnicodeDecodeError):
        return '?'


class FaultProxy:
    """The proxy as a process of its own, for tests."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def say(self, *words):
        self.process.stdin.write(' '.join(str(word) for word in words) + '\n')
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer

    def add(self, name, target_port, port=0):
        return self.say('add', name, target_port, port)['port']

    def who(self, name, pid):
        """Connections of that process are that node's, also when they are encrypted."""
        self.say('who', name, pid)

    def tape(self, path):
        """Writes every byte that is passed on from now on into a file."""
        self.say('tape', path)

    def fault(self, a, b, kind, *numbers):
        self.say('fault', a, b, kind, *numbers)

    def partition(self, left, right, kind='stall'):
        for a in left:
            for b in right:
                self.fault(a, b, kind)
                self.fault(b, a, kind)

    def heal(self):
        self.say('heal')

    def reset(self, a='*', b='*'):
        return self.say('reset', a, b)['count']

    def stats(self):
        return self.say('stats')

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


if __name__ == '__main__':
    Proxy().run(sys.stdin)
