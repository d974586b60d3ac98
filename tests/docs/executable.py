"""Reads a document that can be executed.

A fenced block `yaml` is the configuration that its nodes run with. In a fenced block `console`,
a line that begins with `$ ` is a command (lines that end in a backslash go on); what follows is
what it prints: a line `...` stands for any lines, `...` within one for any text, and `{word}`
for a value, the same one wherever the word stands again, in output and in commands.
"""
import collections
import re
import time

ADDRESS = 'http://127.0.0.1:8080'
ADMIN = 'http://127.0.0.1:9090'

Step = collections.namedtuple('Step', 'line command expected')

PLACE = re.compile(r'\{([a-z_]+)\}')
VALUE = r'[^\s"\',;/?&{}]+'
# Only looks how far an invocation is; or was told by a 503 to ask again, as nothing was done.
LOOKS = re.compile(r'curl (?!.*(?: -d| --data| -X|L )).*/(?:v1/invocations|status)/')
ASK_AGAIN = re.compile(r'/problems/(?:not-replicated|no-quorum)|said 503|^503$', re.M)


class Document:
    def __init__(self, path):
        self.path = path
        self.configuration = ''
        self.steps = []
        kind, block, begun = None, [], 0
        with open(path, encoding='utf-8') as stream:
            for number, line in enumerate(stream, 1):
                fence = re.fullmatch(r'```(\w*)\s*', line)
                if fence and kind is None:
                    kind, block, begun = fence[1] or 'text', [], number
                elif fence:
                    self.take(kind, block, begun)
                    kind = None
                elif kind is not None:
                    block.append(line.rstrip('\n'))
        assert kind is None, f'{path}:{begun}: the block has no end'

    def take(self, kind, block, begun):
        if kind == 'yaml' and not self.configuration:
            self.configuration = '\n'.join(block) + '\n'
        if kind != 'console':
            return
        goes_on = False
        for number, line in enumerate(block, begun + 1):
            if goes_on:
                last = self.steps[-1]
                self.steps[-1] = last._replace(command=last.command[:-1] + line.strip())
            elif line.startswith('$ '):
                self.steps.append(Step(number, line[2:], []))
            else:
                assert block[0].startswith('$ '), f'{self.path}:{begun}: output of nothing'
                self.steps[-1].expected.append(line)
                continue
            goes_on = line.endswith('\\')


def fill(text, known):
    """The text with the values of the words that are known."""
    return PLACE.sub(lambda m: known.get(m[1], m[0]), text)


def pattern_of(expected, known):
    """A regular expression for what must be printed; new words are its groups."""
    seen = set()

    def words(text):
        out, at = '', 0
        for place in PLACE.finditer(text):
            out += re.escape(text[at:place.start()])
            word, at = place[1], place.end()
            if word in known:
                out += re.escape(known[word])
            elif word in seen:
                out += f'(?P={word})'
            else:
                seen.add(word)
                out += f'(?P<{word}>{VALUE})'
        return out + re.escape(text[at:])

    lines = []
    for line in expected:
        if line.strip() == '...':
            lines.append(r'(?:[^\n]*\n)*?')
        else:
            lines.append(r'[^\n]*?'.join(words(part) for part in line.split('...')) + r'\n')
    return re.compile(''.join(lines) + r'\Z')


def fold(line):
    """Names of headers have no case, and some balancers write them in lower case."""
    return re.sub(r'\A[A-Za-z0-9-]+: ', lambda m: m[0].lower(), line)


def compare(step, printed, known):
    """None when it is as the document says, having learned its words; else what differs."""
    lines = printed.replace('\r\n', '\n').rstrip('\n').split('\n')
    text = '\n'.join(map(fold, lines)) + '\n'
    expected = list(map(fold, step.expected))
    while expected and not expected[-1]:
        expected.pop()
    if not expected:
        return None
    found = pattern_of(expected, known).match(text)
    if found is None:
        return 'expected:\n' + fill('\n'.join(expected), known) + '\n\nprinted:\n' + text
    known.update(found.groupdict())
    return None


def carry_out(step, command, run, known, seconds=10):
    """None when the document is right, else what is wrong. `run` is subprocess.run() of the
    command. The next node hears a moment later of what the one before it has done: so who only
    looks may look again, as people do."""
    until = time.monotonic() + seconds
    while True:
        done = run(command)
        fault = compare(step, done.stdout, known)
        is_early = LOOKS.match(command) or ASK_AGAIN.search(done.stdout + done.stderr)
        if fault is None or not is_early or time.monotonic() > until:
            return fault and f'{step.line}: $ {command}\n{fault}\n{done.stderr}'
        time.sleep(0.2)
