"""The golden bytes of the codec, read by other code than the codec's own: what docs/protocol.md
says about a message is what is on the wire."""
import os
import re
import struct

import pytest
from wire import pack, unpack

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOLDEN = [line.split() for line in open(os.path.join(TESTS, 'golden/messages.hex'),
                                        encoding='ascii')]
TYPES = {'uint': int, 'str': str, 'bool': bool, 'bin': bytes, 'bin?': (bytes, type(None)),
         'id': bytes, 'id?': (bytes, type(None)), 'entry': list, 'numbers': list,
         'array': list, 'tenant': str}  # 'term' stands for three fields


def without_notes(text):
    """Without what stands in parentheses, innermost first."""
    while '(' in text:
        text = re.sub(r'\([^()]*\)', '', text)
    return text


def documented():
    """{type: [field types]} out of the table in docs/protocol.md."""
    rows = {}
    path = os.path.join(TESTS, '..', 'docs', 'protocol.md')
    for line in open(path, encoding='utf-8'):
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')]
        if len(cells) != 4 or not re.fullmatch(r'\d+(, \d+)*', cells[0]):
            continue
        fields = []
        for field in without_notes(cells[3]).split(','):
            word = field.split(':')[0].split()[0].rstrip(';')
            fields += ['id?', 'uint'] if word == 'no' else [word]
            if word == 'array':
                fields += ['term'] if cells[3].endswith('term') else []
                break
        for number in cells[0].split(', '):
            rows[int(number)] = fields
    return rows


ROWS = documented()
ROWS[2] = ROWS[1]


def check_entry(entry):
    guid, origin, seq, others = entry
    assert len(guid) == 16 and (origin is None or len(origin) == 16)
    assert isinstance(seq, int)
    assert others is None or all(len(one) == 16 for one in others)


@pytest.mark.parametrize('name,raw', GOLDEN, ids=[line[0] for line in GOLDEN])
def test_message_is_as_documented(name, raw):
    wire = bytes.fromhex(raw)
    length, kind, flags, version, sent_ms = struct.unpack('>IBBHQ', wire[:16])
    assert (length, flags, version, sent_ms) == (len(wire) - 4, 0, 1, 0x1122)
    fields, end = unpack(wire[16:])
    assert end == len(wire) - 16
    assert pack(fields) == wire[16:]
    row = ROWS[kind]
    if row[-1] in ('tenant', 'term') and len(fields) == len(row) - 1:
        row = row[:-1]  # left out when it is nobody, or the first term
    elif row[-1] == 'term':
        row = row[:-1] + ['uint', 'bool', 'array']
    assert len(fields) == len(row), (name, row, fields)
    for value, word in zip(fields, row):
        assert isinstance(value, TYPES[word]), (name, word, value)
        if word == 'entry':
            check_entry(value)


def test_every_documented_message_has_golden_bytes():
    seen = {bytes.fromhex(raw)[4] for _, raw in GOLDEN}
    assert seen == set(ROWS)
