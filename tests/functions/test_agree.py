#!/usr/bin/env python3
"""The scoring program and the scoring service answer the same bytes for the same transactions.

    test_agree.py PATH-OF-SCORE_EXEC
"""
import http.client
import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
COUNT = 200


def run(*command, **options):
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, **options)


def main():
    program = sys.argv[1]
    lines = run(sys.executable, f'{FOLDER}/make_transactions.py', '--count', str(COUNT),
                '--seed', '7').stdout.splitlines(keepends=True)
    assert len(lines) == COUNT
    assert len(set(lines)) == COUNT, 'every transaction is another'
    assert all(1400 < len(line) < 1900 for line in lines), [len(line) for line in lines]
    lines += [b'{}', b'[]', b'', b'nonsense', b'{"a":1', b'{"transaction_id":"x\\"y"}']
    server = subprocess.Popen([sys.executable, f'{FOLDER}/score_http.py', '--listen',
                               '127.0.0.1:0'], stdout=subprocess.PIPE)
    try:
        address = server.stdout.readline().split()[1].decode()
        connection = http.client.HTTPConnection(address)
        decisions = set()
        for line in lines[:COUNT + 1]:
            connection.request('POST', '/score', body=line)
            answer = connection.getresponse()
            content = answer.read()
            printed = run(program, input=line)
            assert (answer.status, printed.returncode) == (200, 0), line
            assert content == printed.stdout, (line, content, printed.stdout)
            decisions.add(content.split(b'"decision":"')[1].split(b'"')[0])
        assert decisions == {b'approve', b'review', b'decline'}, decisions
        for line in lines[COUNT + 1:COUNT + 5]:
            connection.request('POST', '/', body=line)
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, run(program, input=line).returncode) == (400, 1), line
        connection.request('GET', '/healthz')
        assert connection.getresponse().read() == b'OK'
    finally:
        server.terminate()
        server.wait()


if __name__ == '__main__':
    main()
