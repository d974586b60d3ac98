#!/usr/bin/env python3
"""Adds up JUnit files, as CTest and pytest write them: prints `passed failed skipped`.

With --names it prints the names of what failed instead, one a line.
"""
import sys
import xml.etree.ElementTree


def outcome(case):
    """'failed', 'skipped' or 'passed' for one <testcase>."""
    if case.find('failure') is not None or case.find('error') is not None:
        return 'failed'
    skipped = case.find('skipped') is not None or case.get('status') in ('notrun', 'disabled')
    return 'skipped' if skipped else 'passed'


def main():
    names = '--names' in sys.argv
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    for path in sys.argv[1:]:
        if path.startswith('--'):
            continue
        for case in xml.etree.ElementTree.parse(path).iter('testcase'):
            word = outcome(case)
            counts[word] += 1
            if names and word == 'failed':
                print(f'{case.get("classname", "")}.{case.get("name")}'.lstrip('.'))
    if not names:
        print(counts['passed'], counts['failed'], counts['skipped'])


if __name__ == '__main__':
    main()
