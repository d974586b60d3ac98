#!/usr/bin/env python3
"""Many cycles, quickly: post, collect, compare; and an upstream that can keep up with it.

    tests/tools/load.py ADDRESS FUNCTION COUNT [CONCURRENCY]

One cycle is `POST /v1/functions/F` with `Prefer: respond-async`, then `GET /v1/callbacks/{id}`
with a wait, and the body compared with what the function must have answered. Prints cycles a
second and what went wrong. Nothing but asyncio's protocols, so that Python is quick enough.
"""
import asyncio
import collections
import multiprocessing
import re
import sys
import time

ID = re.compile(rb'\r\nx-call-id: *([0-9a-f-]{36})', re.I)
LENGTH = re.compile(rb'\r\ncontent-length: *(\d+)', re.I)


def split(buffered):
    """(head, body, rest) of the first whole message, or None."""
    end = buffered.find(b'\r\n\r\n')
    if end < 0:
        return None
    length = LENGTH.search(buffered, 0, end + 2)
    size = int(length.group(1)) if length else 0
    if len(buffered) < end + 4 + size:
        return None
    return buffered[:end + 2], buffered[end + 4:end + 4 + size], buffered[end + 4 + size:]


class Upstream(asyncio.Protocol):
    """Answers each request with its body after `scored:`."""

    def connection_made(self, transport):
        self.transport, self.buffered = transport, b''

    def data_received(self, data):
        self.buffered += data
        while found := split(self.buffered):
            head, body, self.buffered = found
            self.answer(head, body)

    def answer(self, _head, body):
        self.transport.write(text_answer(b'scored:' + body))


def text_answer(body):
    return (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b'
            % (len(body), body))


def serve(pipe):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Upstream, '127.0.0.1', 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()
    asyncio.run(main())


def start_upstream():
    """(process, port); terminate() ends it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(target=serve, args=(theirs,),
                                                          daemon=True)
    process.start()
    return process, ours.recv()


class Client(asyncio.Protocol):
    """One connection, one cycle after the other until the work is done."""

    def __init__(self, work):
        self.work, self.buffered, self.body = work, b'', None

    def connection_made(self, transport):
        self.transport = transport
        self.post()

    def post(self):
        number = self.work.take()
        if number is None:
            self.transport.close()
            return
        self.body = b'{"number":%d,"text":"%s"}' % (number, b'x' * self.work.padding)
        self.posting = True
        self.transport.write(b'POST /v1/functions/%b HTTP/1.1\r\nHost: x\r\n'
                             b'Prefer: respond-async\r\nContent-Length: %d\r\n\r\n%b'
                             % (self.work.function, len(self.body), self.body))

    def data_received(self, data):
        self.buffered += data
        found = split(self.buffered)
        if not found:
            return
        head, body, self.buffered = found
        status = int(head[9:12])
        if self.posting and status == 202:
            self.posting = False
            self.transport.write(b'GET /v1/callbacks/%b?wait=30000 HTTP/1.1\r\nHost: x\r\n\r\n'
                                 % ID.search(head).group(1))
            return
        if self.posting:
            self.work.results[f'post {status}'] += 1
        elif status != 200:
            self.work.results[f'collect {status}'] += 1
        elif body != self.work.prefix + self.body:
            self.work.results['wrong body'] += 1
        else:
            self.work.results['right'] += 1
        self.post()

    def connection_lost(self, _):
        self.work.leave()


class Work:
    """What is still to do, and what came of it."""

    def __init__(self, function, count, concurrency, prefix, padding=60):
        self.function, self.left, self.prefix = function.encode(), count, prefix
        self.padding, self.active = padding, concurrency
        self.results = collections.Counter()
        self.done = asyncio.Event()

    def take(self):
        if self.left == 0:
            return None
        self.left -= 1
        return self.left

    def leave(self):
        self.active -= 1
        if self.active == 0:
            self.done.set()


def cycles(address, function, count, concurrency=64, prefix=b'scored:'):
    """(results, seconds): how often each outcome; {'right': count} is what one wants."""
    async def main():
        loop = asyncio.get_running_loop()
        work = Work(function, count, concurrency, prefix)
        begun = time.monotonic()
        for _ in range(concurrency):
            await loop.create_connection(lambda: Client(work), *address)
        await work.done.wait()
        return work, time.monotonic() - begun
    work, seconds = asyncio.run(main())
    if work.left:
        work.results['never tried'] = work.left
    return dict(work.results), seconds


def main():
    host, _, port = sys.argv[1].rpartition(':')
    count = int(sys.argv[3])
    concurrency = int(sys.argv[4]) if len(sys.argv) > 4 else 64
    results, seconds = cycles((host, int(port)), sys.argv[2], count, concurrency, b'')
    print(f'{count / seconds:.0f} cycles a second, {results}')
    return 0 if results == {'right': count} else 1


if __name__ == '__main__':
    sys.exit(main())
