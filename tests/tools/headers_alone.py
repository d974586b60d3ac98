#!/usr/bin/env python3
"""Each header of ours compiles alone, and twice: it includes what it uses, and is guarded.

    tests/tools/headers_alone.py COMPILER [FLAG]...
"""
import concurrent.futures
import os
import subprocess
import sys

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ('proto', 'cluster', 'node', 'tests')
PATHS = ('proto', '.', 'node', 'node/include', 'tests/lib', '/usr/share/include/llhttp')


def headers():
    for folder in FOLDERS:
        for at, _, names in os.walk(os.path.join(TREE, folder)):
            yield from (os.path.join(at, n) for n in sorted(names) if n.endswith('.h'))


def compile_alone(command, header):
    text = f'#include "{header}"\n#include "{header}"\nint none;\n'
    done = subprocess.run(command, input=text, text=True, capture_output=True, cwd=TREE)
    return header, done.returncode, done.stderr


def main():
    flags = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
             '-x', 'c', '-', *(f'-I{p}' for p in PATHS)]
    command = [*sys.argv[1:], *flags]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(lambda h: compile_alone(command, h), headers()))
    faults = [(h, text) for h, code, text in done if code]
    for header, text in faults:
        print(f'{os.path.relpath(header, TREE)} does not compile alone:\n{text[:1500]}')
    print(f'{len(done)} headers, {len(faults)} faults')
    return 1 if faults or not done else 0


if __name__ == '__main__':
    sys.exit(main())
