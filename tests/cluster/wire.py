"""The cluster protocol as docs/protocol.md tells it, written a second time: so that the tests
say what the node does not, and read what it says without its own code."""
import os
import socket
import struct

HELLO, HELLO_OK, REJECT, PING, PONG, PEERS, FETCH = 1, 2, 3, 4, 5, 6, 26
ACCEPT, ACCEPT_ACK, CREATE, DELETE, LEAVE = 13, 14, 16, 17, 12
STATUS_REQ, STATUS, SURVEY, REPORT, SEAT, SEAT_ACK = 30, 31, 35, 36, 37, 38
CONTROL, BULK = 0, 1
VERSION = 1


def pack(value):
    """msgpack, of the types that the protocol uses."""
    if value is None:
        return b'\xc0'
    if value is True or value is False:
        return b'\xc3' if value else b'\xc2'
    if isinstance(value, int):
        for limit, head, form in ((1 << 7, b'', 'B'), (1 << 8, b'\xcc', 'B'),
                                  (1 << 16, b'\xcd', '>H'), (1 << 32, b'\xce', '>I'),
                                  (1 << 64, b'\xcf', '>Q')):
            if value < limit:
                return head + struct.pack(form, value)
    if isinstance(value, bytes):
        return head_of(len(value), ((1 << 8, 0xc4), (1 << 16, 0xc5), (1 << 32, 0xc6))) + value
    if isinstance(value, str):
        raw = value.encode()
        if len(raw) < 32:
            return bytes([0xa0 | len(raw)]) + raw
        return head_of(len(raw), ((1 << 8, 0xd9), (1 << 16, 0xda), (1 << 32, 0xdb))) + raw
    if isinstance(value, list):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else \
            head_of(len(value), ((1 << 16, 0xdc), (1 << 32, 0xdd)))
        return head + b''.join(pack(one) for one in value)
    raise TypeError(value)


def head_of(size, kinds):
    for limit, first in kinds:
        if size < limit:
            width = (limit - 1).bit_length() // 8
            return bytes([first]) + size.to_bytes(width, 'big')
    raise ValueError(size)


def unpack(raw, at=0):
    """(value, where it ends)."""
    first = raw[at]
    at += 1
    if first < 0x80:
        return first, at
    if first < 0xa0:
        assert first >= 0x90, 'a map'
        return unpack_list(raw, at, first & 15)
    if first < 0xc0:
        return raw[at:at + (first & 31)].decode(), at + (first & 31)
    if first in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[first], at
    width = {0xc4: 1, 0xc5: 2, 0xc6: 4, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd9: 1, 0xda: 2,
             0xdb: 4, 0xdc: 2, 0xdd: 4}[first]
    number = int.from_bytes(raw[at:at + width], 'big')
    at += width
    if 0xcc <= first <= 0xcf:
        return number, at
    if first >= 0xdc:
        return unpack_list(raw, at, number)
    piece = raw[at:at + number]
    assert len(piece) == number
    return (piece if first <= 0xc6 else piece.decode()), at + number


def unpack_list(raw, at, count):
    found = []
    for _ in range(count):
        one, at = unpack(raw, at)
        found.append(one)
    return found, at


def frame(kind, body, sent_ms=1, version=VERSION):
    return struct.pack('>IBBHQ', 12 + len(body), kind, 0, version, sent_ms) + body


class Peer:
    """A connection to a node's cluster port that says whatever the test wants."""

    def __init__(self, address, lane=CONTROL):
        self.end = socket.create_connection(address, timeout=10)
        self.lane = lane
        self.node_id = os.urandom(16)

    def send(self, raw):
        self.end.sendall(raw)

    def say(self, kind, fields):
        self.send(frame(kind, pack(fields)))

    def hello_fields(self, cluster='test', versions=(1, 1), name='stranger', flags=0,
                     address='127.0.0.1:1'):
        return [*versions, cluster, self.node_id, name, '', address, self.lane, flags]

    def hello(self, **fields):
        self.say(HELLO, self.hello_fields(**fields))

    def read(self):
        """(kind, fields) of the next frame; None at the end of the connection."""
        head = self.read_exactly(16)
        if head is None:
            return None
        length, kind, flags, version, _ = struct.unpack('>IBBHQ', head)
        assert (flags, version) == (0, VERSION)
        body = self.read_exactly(length - 12)
        fields, end = unpack(body)
        assert end == len(body)
        return kind, fields

    def read_until(self, wanted):
        """The fields of the next frame of that kind; what comes before it is passed over."""
        while True:
            kind, fields = self.read()
            if kind == wanted:
                return fields

    def read_exactly(self, size):
        got = b''
        while len(got) < size:
            try:
                piece = self.end.recv(size - len(got))
            except ConnectionResetError:
                piece = b''
            if not piece:
                return None
            got += piece
        return got

    def is_ended(self):
        """Reads to the end; False when none comes within the time limit."""
        try:
            while self.end.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def close(self):
        self.end.close()
