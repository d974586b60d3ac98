#!/usr/bin/env python3
"""A function that remembers: an HTTP upstream that answers with the body that came, a while
later, and writes down who was executed as which attempt. As a process of its own, so that it
lives as long as the test, whatever happens to the nodes."""
import asyncio
import collections
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools'))

from load import Upstream, text_answer  # noqa: E402

RUN_MS = (5, 80)  # how long it takes


class Function(Upstream):
    """What a function that moves money would do with its Idempotency-Key, without looking."""
    log = None

    def answer(self, head, body):
        names = dict(line.lower().split(b': ', 1) for line in head.split(b'\r\n') if
                     b': ' in line)
        self.log.write(names[b'idempotency-key'].decode() + ' ' +
                       names[b'x-attempt'].decode() + '\n')
        asyncio.get_running_loop().call_later(random.uniform(*RUN_MS) / 1000,
                                              self.transport.write, text_answer(body))


async def serve(path):
    with open(path, 'w', buffering=1, encoding='ascii') as Function.log:
        server = await asyncio.get_running_loop().create_server(Function, '127.0.0.1', 0,
                                                                backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


class Executions:
    """The function as a process of its own, and its log."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='ledger-')
        self.path = os.path.join(self.folder.name, 'executions')
        self.process = subprocess.Popen([sys.executable, __file__, self.path],
                                        stdout=subprocess.PIPE, text=True)
        self.url = f'http://127.0.0.1:{int(self.process.stdout.readline())}/run'

    def counts(self):
        """{id: how often it was executed}, and the highest X-Attempt of any."""
        counted, highest = collections.Counter(), 0
        with open(self.path, encoding='ascii') as stream:
            for line in stream:
                guid, attempt = line.split()
                counted[guid] += 1
                highest = max(highest, int(attempt))
        return counted, highest

    def close(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


if __name__ == '__main__':
    asyncio.run(serve(sys.argv[1]))
