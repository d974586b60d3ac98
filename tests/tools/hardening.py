#!/usr/bin/env python3
"""Asserts on a built program that it is hardened: position-independent, all relocations
read-only, no executable stack, stack protector, fortified libc calls, branch protection.

    tests/tools/hardening.py PROGRAM
"""
import platform
import re
import subprocess
import sys


def readelf(program, *flags):
    done = subprocess.run(['readelf', '-W', *flags, program], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'readelf: {done.stderr}')
    return done.stdout


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
    return 0 if all(checks.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
