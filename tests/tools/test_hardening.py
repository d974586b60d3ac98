#!/usr/bin/env python3
"""The hardening test finds what it is for: a program built without each, and commands that
leave a flag out.

    tests/tools/test_hardening.py COMPILER"""
import json
import os
import platform
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Calls what would be fortified and protected.
PROGRAM = """#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char room[64];
    strcpy(room, argv[argc - 1]);
    return puts(room) < 0;
}
"""
HARD = ['-O2', '-fstack-protector-strong', '-fPIE', '-pie', '-U_FORTIFY_SOURCE',
        '-D_FORTIFY_SOURCE=2', '-fcf-protection', '-Wl,-z,relro,-z,now,-z,noexecstack']
SOFT = {  # one flag more, and what it takes away
    '-no-pie': 'position-independent',
    '-Wl,-z,norelro': 'RELRO',
    '-Wl,-z,lazy': 'BIND_NOW',
    '-Wl,-z,execstack': 'stack not executable',
    '-fno-stack-protector': 'stack protector',
    '-U_FORTIFY_SOURCE': 'fortified',
    '-Wl,-rpath,/tmp': 'run path',
    '-fcf-protection=none': '-fcf-protection',
}


def judge(*arguments):
    done = subprocess.run([sys.executable, os.path.join(HERE, 'hardening.py'), *arguments],
                          capture_output=True, text=True, check=False)
    return done.returncode, [line for line in done.stdout.splitlines() if 'MISS' in line]


def build(compiler, folder, *more):
    source, program = os.path.join(folder, 'x.c'), os.path.join(folder, 'x')
    with open(source, 'w', encoding='utf-8') as stream:
        stream.write(PROGRAM)
    subprocess.run([compiler, *HARD, *more, source, '-o', program], check=True)
    return program


def commands(folder, flags):
    path = os.path.join(folder, 'commands.json')
    with open(path, 'w', encoding='utf-8') as stream:
        json.dump([{'file': '/x/node/main.c', 'command': 'gcc ' + flags}], stream)
    return path


def main():
    compiler = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        program = build(compiler, folder)
        assert judge(program) == (0, []), judge(program)
        good = '-fstack-protector-strong -fPIE -fcf-protection -D_FORTIFY_SOURCE=3'
        assert judge(program, commands(folder, good)) == (0, [])
        for flag in good.split():
            code, missing = judge(program, commands(folder, good.replace(flag, '')))
            if flag != '-fcf-protection' or platform.machine() == 'x86_64':
                assert code == 1 and len(missing) == 1, (flag, missing)
        for flag, what in SOFT.items():
            if 'cf-protection' in flag and platform.machine() != 'x86_64':
                continue
            code, missing = judge(build(compiler, folder, flag))
            assert code == 1 and any(what in line for line in missing), (flag, missing)
    return 0


if __name__ == '__main__':
    sys.exit(main())
