"""Runs tests/tools/oneshot against nodes, and says what it found in words."""
import json
import os
import subprocess

from node import BINARY

PROGRAM = os.environ.get('ONESHOT_BIN') or os.path.join(os.path.dirname(BINARY), 'oneshot')


class Race:
    """The program under way. `doors`: [(host, port)]; options as {name: value}; `title` is for
    what is printed."""

    def __init__(self, doors, **options):
        self.title = options.pop('title', '')
        command = [PROGRAM, '--nodes', ','.join('%s:%d' % tuple(one) for one in doors)]
        for name, value in options.items():
            if value is False:
                continue
            command.append('--' + name.replace('_', '-'))
            if value is not True:
                command.append(str(value))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def report(self, seconds=300):
        """Waits for the end. No callback may have been delivered twice, or with a wrong body,
        whatever happened to the nodes."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f'oneshot did not end in {seconds} s') from None
        assert self.process.returncode in (0, 1), err
        found = json.loads(out)
        print(explain(found, self.title and self.title + ': '))
        print(err, end='')
        assert self.process.returncode == 0, (found, err)
        return found


def run(doors, **options):
    return Race(doors, **options).report()


def last_words(report):
    """{code: how many GETs}, without those that tell to ask again: a busy machine may need
    longer than a GET waits."""
    return {code: n for code, n in report['codes'].items() if code not in ('202', '503')}


def lost(report):
    return sum(n for key, n in report.items() if key.startswith('lost_'))


def explain(report, title=''):
    """For people: what happened to the callbacks that were accepted."""
    words = {'lost_cut': 'cut off while being served: the node died',
             'lost_asked': 'asked for when the node died, before any byte of the answer',
             'lost_gone': 'collected by a client that got nothing: the node died in between',
             'lost_unknown': 'unknown to every node that is left',
             'lost_unavailable': 'without a majority of their arbiters to the end (503)',
             'lost_unanswered': 'without an answer to the end'}
    lines = [f'{title}{report["accepted"]} accepted, {report["delivered"]} delivered once, '
             f'{report["twice"]} twice, in {report["seconds"]} s; '
             f'GETs answered 200: {report["codes"].get("200", 0)}, '
             f'410: {report["codes"].get("410", 0)}, 404: {report["codes"].get("404", 0)}, '
             f'202: {report["codes"].get("202", 0)}, 503: {report["codes"].get("503", 0)}; '
             f'swept {report["swept"]}, of them {report["swept_late"]} delivered only then']
    lines += [f'  {report[key]} {text}' for key, text in words.items() if report[key]]
    return '\n'.join('oneshot: ' + one for one in lines)
