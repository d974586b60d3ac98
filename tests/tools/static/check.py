#!/usr/bin/env python3
"""Looks for faults without running anything: cppcheck and clang-tidy over the sources that
ship, and whatever they find that is not in known.txt is a failure. So is a line of known.txt
that nothing was found for: what is argued there must still be there.

    check.py BUILD_FOLDER [cppcheck] [clang-tidy]

The build folder has compile_commands.json (cmake --preset dev). Findings depend on the version
of the tool: known.txt is for those of Debian 12, and another version is not run at all, with a
line that says so (exit code 77: nothing was looked at)."""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'known.txt')
SKIPPED = 77
VERSIONS = {'cppcheck': 'Cppcheck 2.10', 'clang-tidy': 'LLVM version 14.'}
LINE = re.compile(r'^(?P<path>[^:\s][^:]*):(?P<line>\d+):(?:\d+:)? (?:warning|error): '
                  r'(?P<text>.*) \[(?P<check>[^\]]+)\]$')


def read_known():
    """{(path, check, code): False}; it becomes True when the finding is met."""
    known = {}
    with open(KNOWN, encoding='utf-8') as stream:
        for number, line in enumerate(stream, 1):
            line = line.rstrip('\n')
            if not line or line.startswith('#'):
                continue
            parts = [part.strip() for part in line.split(' | ')]
            if len(parts) != 3:
                sys.exit(f'{KNOWN}:{number}: PATH | CHECK | CODE is wanted')
            known[tuple(parts)] = False
    return known


def source_line(path, number):
    with open(os.path.join(TREE, path), encoding='utf-8') as stream:
        lines = stream.read().split('\n')
    return lines[number - 1].strip() if number <= len(lines) else ''


def findings_in(output):
    """Each once: a header is looked at from many sources."""
    found = set()
    for line in output.splitlines():
        match = LINE.match(line)
        if match:
            path = os.path.relpath(os.path.join(TREE, match['path']), TREE)
            found.add((path, int(match['line']), match['check'].split(',')[0], match['text']))
    return found


def run(command):
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def sources_of(build):
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as stream:
        paths = {os.path.relpath(one['file'], TREE) for one in json.load(stream)}
    return sorted(p for p in paths if p.startswith(('node/', 'cluster/', 'proto/')))


def run_cppcheck(build, jobs):
    chosen = [f'--file-filter={TREE}/{folder}/*' for folder in ('node', 'cluster', 'proto')]
    return run(['cppcheck', f'--project={build}/compile_commands.json', *chosen,
                '--enable=warning,performance,portability', '--quiet', f'-j{jobs}',
                '--template={file}:{line}: error: {message} [{id}]'])


def run_clang_tidy(build, jobs):
    program = shutil.which('clang-tidy-14') or 'clang-tidy'
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        parts = pool.map(lambda path: run([program, '-p', build, '--quiet', path]),
                         sources_of(build))
        return '\n'.join(parts)


def has_version(tool):
    program = (shutil.which('clang-tidy-14') or tool) if tool == 'clang-tidy' else tool
    if not shutil.which(program):
        print(f'{tool}: not here')
        return False
    said = run([program, '--version'])
    if VERSIONS[tool] not in said:
        print(f'{tool}: known.txt is for {VERSIONS[tool]}')
        return False
    return True


def is_known(known, path, name, code):
    met = [key for key in known if key[:2] == (path, name) and key[2] in code]
    for key in met:
        known[key] = True
    return bool(met)


def check(tool, build, known):
    """The number of faults."""
    jobs = int(os.environ.get('JOBS') or os.cpu_count())
    runner = run_cppcheck if tool == 'cppcheck' else run_clang_tidy
    output = runner(build, jobs)
    faults = 0
    for path, number, name, text in sorted(findings_in(output)):
        code = source_line(path, number)
        if not is_known(known, path, name, code):
            print(f'{path}:{number}: {name}: {text}\n    {path} | {name} | {code}')
            faults += 1
    if 'Error while processing' in output or 'No C or C++ source files found' in output:
        print(f'{tool}: could not read a source:\n{output[-2000:]}')
        faults += 1
    return faults


def is_of(tool, name):
    return ('-' in name) == (tool == 'clang-tidy')  # cppcheck's names have no dash


def judge(build, tools):
    """The number of faults; prints each, then how many."""
    known = read_known()
    faults = sum(check(tool, build, known) for tool in tools)
    for key, was_met in known.items():
        is_due = os.path.exists(os.path.join(TREE, key[0]))
        if is_due and not was_met and any(is_of(tool, key[1]) for tool in tools):
            print(f'{KNOWN}: nothing is found for: {" | ".join(key)}')
            faults += 1
    print(f'{", ".join(tools) or "nothing"}: {faults} faults, {sum(known.values())} known')
    return faults


def main():
    build = os.path.abspath(sys.argv[1])
    tools = [tool for tool in sys.argv[2:] or list(VERSIONS) if has_version(tool)]
    if not tools:
        return SKIPPED
    return 1 if judge(build, tools) else 0


if __name__ == '__main__':
    sys.exit(main())
