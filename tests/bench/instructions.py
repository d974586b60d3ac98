#!/usr/bin/env python3
"""Instructions that a node executes for one cycle (POST respond-async, run builtin:echo, GET),
counted by callgrind: the same on every run, however busy the machine is.

    tests/bench/instructions.py [--build build/release] [--check | --update]

Two runs of different length are compared, so that the start and the end cancel out. --check
fails when the count is over the baseline in tests/bench/instructions.json by more than 10 %;
--update writes the baseline. There is one for each compiler and machine; where there is none
for this one, that is said and nothing fails. Without valgrind it says so and ends with 0.
"""
import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASELINE = os.path.join(TREE, 'tests/bench/instructions.json')
ALLOWED = 1.10
SHORT, LONG, CONNECTIONS, SIZE = 800, 4000, 16, 1024


def which_compiler(build):
    """"gcc 12 x86_64", from the build folder."""
    with open(os.path.join(build, 'CMakeCache.txt'), encoding='utf-8') as f:
        cache = dict(line.rstrip('\n').split('=', 1) for line in f if '=' in line)
    path = next(v for k, v in cache.items() if k.startswith('CMAKE_C_COMPILER:'))
    version = subprocess.run([path, '-dumpversion'], capture_output=True, text=True, check=True)
    said = subprocess.run([path, '--version'], capture_output=True, text=True, check=True)
    name = 'clang' if 'clang' in said.stdout else 'gcc'
    return f'{name} {version.stdout.split(".")[0].strip()} {platform.machine()}'


def wait_until_ready(process):
    for line in process.stderr:
        if line.startswith(b'{'):
            event = json.loads(line)
            if event.get('event') == 'ready':
                return event['listen']
    raise SystemExit('the node did not start')


def serve_under(tool, build, cycles):
    """A node under a tool that watches it, serves so many cycles and ends."""
    process = subprocess.Popen(
        [*tool, os.path.join(build, 'callbackd'), '--listen', '127.0.0.1:0',
         '--admin', '127.0.0.1:0', '--function', 'echo=builtin:echo',
         '--set', 'shutdown.delay_ms=0'],
        stderr=subprocess.PIPE)
    try:
        load = subprocess.run(
            [os.path.join(build, 'loadgen'), '--nodes', wait_until_ready(process),
             '--count', str(cycles), '--connections', str(CONNECTIONS),
             '--size', str(SIZE)], capture_output=True, text=True, check=False)
    finally:
        with open(f'/proc/{process.pid}/task/{process.pid}/children', encoding='ascii') as f:
            traced = f.read().split()
        os.kill(int(traced[0]) if traced else process.pid, signal.SIGTERM)
        process.stderr.read()
        process.wait()
    if load.returncode != 0 or json.loads(load.stdout)['cycles'] != cycles:
        raise SystemExit(f'loadgen: {load.stdout}{load.stderr}')


def count(build, cycles, what='instructions'):
    """All instructions, heap allocations or system calls from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'out')
        tools = {
            'instructions': ['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}'],
            'allocations': ['valgrind', '--leak-check=no', f'--log-file={out}'],
            'syscalls': ['strace', '-f', '-c', '-o', out],
        }
        serve_under(tools[what], build, cycles)
        with open(out, encoding='utf-8') as f:
            text = f.read()
    if what == 'instructions':
        return int(re.search(r'^(?:totals|summary): (\d+)', text, re.M).group(1))
    if what == 'allocations':
        return int(re.search(r'total heap usage: ([\d,]+)', text).group(1).replace(',', ''))
    return int(re.search(r'^100.00 +\S+ +\S+ +(\d+) .*total$', text, re.M).group(1))


def measure(build, what='instructions'):
    """So many a cycle: of two runs the difference."""
    return (count(build, LONG, what) - count(build, SHORT, what)) / (LONG - SHORT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--build', default=os.path.join(TREE, 'build/release'))
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument('--check', action='store_true')
    mode.add_argument('--update', action='store_true')
    options = parser.parse_args()
    if shutil.which('valgrind') is None:
        print('skipped: there is no valgrind here, so no instruction was counted')
        return
    key = which_compiler(options.build)
    with open(BASELINE, encoding='utf-8') as f:
        baseline = json.load(f)
    now = round(measure(options.build))
    before = baseline.get(key)
    print(f'{key}: {now} instructions a cycle' +
          (f', {100 * now / before - 100:+.1f} % of the baseline {before}' if before
           else '; no baseline for this compiler and machine'))
    if options.update:
        baseline[key] = now
        with open(BASELINE, 'w', encoding='utf-8') as f:
            json.dump(baseline, f, indent=2, sort_keys=True)
            f.write('\n')
    if options.check and before and now > before * ALLOWED:
        sys.exit(f'over the baseline by more than {100 * ALLOWED - 100:.0f} %: make it '
                 'cheaper, or say in the commit why it must be so, and run it with --update')


if __name__ == '__main__':
    main()
