#!/usr/bin/env python3
"""The static check finds a fault that was planted, takes one that is known, and complains of a
known one that is not there. With cppcheck; exit code 77 where its version is another."""
import json
import os
import sys
import tempfile

import check

SOURCE = """#include <stdlib.h>
int main(int argc, char **argv)
{
    char *room = malloc(10);
    room[argc] = argv[0][0];
    return argc > 1 ? room[10 / (argc - argc)] : 0;
}
"""


def faults_of(folder, known):
    path = os.path.join(folder, 'known.txt')
    with open(path, 'w', encoding='utf-8') as stream:
        stream.write(known)
    check.TREE, check.KNOWN = folder, path
    return check.judge(os.path.join(folder, 'build'), ['cppcheck'])


def main():
    if not check.has_version('cppcheck'):
        return check.SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        for name in ('node', 'build'):
            os.mkdir(os.path.join(folder, name))
        source = os.path.join(folder, 'node', 'x.c')
        with open(source, 'w', encoding='utf-8') as stream:
            stream.write(SOURCE)
        commands = os.path.join(folder, 'build', 'compile_commands.json')
        with open(commands, 'w', encoding='utf-8') as stream:
            json.dump([{'file': source, 'directory': folder, 'command': f'cc -c {source}'}],
                      stream)
        found = faults_of(folder, '# none\n')
        assert found >= 1, found
        assert faults_of(folder, 'node/x.c | zerodiv | argc - argc\n') == found - 1
        assert faults_of(folder, 'node/x.c | zerodiv | not there\n') == found + 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
