#!/usr/bin/env python3
"""Asserts on a built program that it is hardened: position-independent, all relocations
read-only, no executable stack, stack protector, fortified libc calls, branch protection. One
call of one file is enough for the program to show a mark, so with the compiler's commands it is
also asserted that every source that ships was compiled so.

    tests/tools/hardening.py PROGRAM [BUILD/compile_commands.json]
"""
import functools
import json
import platform
import re
import subprocess
import sys

# Of the last of a kind on a command line, as the compiler reads it.
FLAGS = {'stack protector': ('-fstack-protector', '-fstack-protector-strong'),
         'fortified': ('_FORTIFY_SOURCE', '_FORTIFY_SOURCE={level}'),
         'position-independent': ('-fPI', '-fPIE')}


def readelf(program, *flags):
    done = subprocess.run(['readelf', '-W', *flags, program], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'readelf: {done.stderr}')
    return done.stdout


@functools.lru_cache
def level_of(compiler):
    """_FORTIFY_SOURCE=3 where the compiler has it: GCC 12, Clang 15."""
    said = subprocess.run([compiler, '--version'], capture_output=True, text=True).stdout
    version = int(re.search(r'(\d+)\.\d+\.\d+', said)[1])
    return 3 if version >= (15 if 'clang' in said else 12) else 2


def sources_without(commands):
    """Lines about sources that ship and were not compiled with the flags."""
    wanted = dict(FLAGS)
    if platform.machine() == 'x86_64':
        wanted['branch protection'] = ('-fcf-protection', '-fcf-protection')
    with open(commands, encoding='utf-8') as stream:
        all_of_them = [one for one in json.load(stream)
                       if re.search(r'/(node|cluster|proto)/', one['file'])]
    compiler = next(word for word in all_of_them[0]['command'].split() if 'ccache' not in word)
    for one in all_of_them:
        words = one['command'].split()
        for what, (kind, flag) in wanted.items():
            said = [word for word in words if kind in word and not word.startswith('-U')]
            if not said or flag.format(level=level_of(compiler)) not in said[-1]:
                yield f'MISS {what} of {one["file"]}'


def main():
    program = sys.argv[1]
    header, segments = readelf(program, '-h'), readelf(program, '-l')
    dynamic, symbols = readelf(program, '-d'), readelf(program, '--dyn-syms')
    stack = re.search(r'GNU_STACK.*', segments)
    checks = {
        'position-independent (PIE)': 'DYN' in header,
        'relocations read-only (RELRO)': 'GNU_RELRO' in segments,
        'all bound at start (BIND_NOW)': 'BIND_NOW' in dynamic or 'NOW' in dynamic,
        'stack not executable': bool(stack) and 'RWE' not in stack.group(0),
        'no segment writable and executable': 'RWE' not in segments,
        'stack protector': '__stack_chk_fail' in symbols,
        'fortified calls (_FORTIFY_SOURCE)': bool(re.search(r'__\w+_chk\b',
                                                            symbols)),
        'no run path': 'RPATH' not in dynamic and 'RUNPATH' not in dynamic,
    }
    if platform.machine() == 'x86_64':
        # The linker keeps the mark only when every object has it, libraries' too, so look at
        # the code: main() can be called through a pointer, so it begins with endbr64.
        code = subprocess.run(['objdump', '-d', '--no-show-raw-insn', '--disassemble=main',
                               program], capture_output=True, text=True).stdout
        checks['branch targets (-fcf-protection)'] = 'endbr64' in code
    for what, found in checks.items():
        print(f'{"ok  " if found else "MISS"} {what}')
    missing = list(sources_without(sys.argv[2])) if len(sys.argv) > 2 else []
    for line in missing:
        print(line)
    return 0 if all(checks.values()) and not missing else 1


if __name__ == '__main__':
    sys.exit(main())
