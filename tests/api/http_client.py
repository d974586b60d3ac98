"""HTTP clients of the tests: one that behaves, and one that says exactly what it is told.

Nothing here follows redirects, retries, or hides a header.
"""
import http.client
import socket
import time


class Door(tuple):
    """An address, (host, port), that speaks TLS; `context` is the client's (ssl)."""

    def __new__(cls, address, context):
        one = super().__new__(cls, address)
        one.context = context
        return one


def connection_to(address, timeout):
    if isinstance(address, Door):
        return http.client.HTTPSConnection(*address, timeout=timeout, context=address.context)
    return http.client.HTTPConnection(*address, timeout=timeout)


class Answer:
    """What a server answered: status, headers (any case, several of a name), body."""

    def __init__(self, status, headers, body, seconds=0.0, version=11):
        self.status = status
        self.pairs = list(headers)
        self.body = body
        self.seconds = seconds
        self.version = version

    def header(self, name, otherwise=None):
        """The first value of a header."""
        return next((v for k, v in self.pairs if k.lower() == name.lower()), otherwise)

    def headers(self, name):
        return [v for k, v in self.pairs if k.lower() == name.lower()]

    def json(self):
        import json
        return json.loads(self.body)

    def __repr__(self):
        return f'<{self.status} {self.pairs} {self.body[:400]!r}>'


def call(address, method, target, body=None, headers=(), timeout=15):
    """One request on a connection of its own."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    connection = connection_to(address, timeout)
    try:
        begun = time.monotonic()
        named = {k.lower() for k, _ in pairs}
        connection.putrequest(method, target, 'host' in named, skip_accept_encoding=True)
        if body is not None and not named & {'content-length', 'transfer-encoding'}:
            connection.putheader('Content-Length', str(len(body)))
        elif body is None and method in ('POST', 'PUT', 'PATCH'):
            connection.putheader('Content-Length', '0')
        for name, value in pairs:
            connection.putheader(name, value)
        connection.endheaders(body)
        reply = connection.getresponse()
        data = reply.read()
        return Answer(reply.status, reply.getheaders(), data, time.monotonic() - begun,
                      reply.version)
    finally:
        connection.close()


class Raw:
    """A connection on which every byte is the test's own."""

    def __init__(self, address, timeout=10, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(tuple(address))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(address, Door):
            self.socket = address.context.wrap_socket(self.socket, server_hostname=address[0])
        self.buffered = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode('latin-1'))

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes so that the peer sees a reset."""
        import struct
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()

    def more(self):
        """Receives once; False at the end of the stream."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b''
        self.buffered += data
        return bool(data)

    def until(self, mark):
        """Everything up to and with `mark`."""
        while mark not in self.buffered:
            if not self.more():
                raise EOFError(f'connection ended after {self.buffered!r}')
        at = self.buffered.index(mark) + len(mark)
        data, self.buffered = self.buffered[:at], self.buffered[at:]
        return data

    def exactly(self, size):
        while len(self.buffered) < size:
            if not self.more():
                raise EOFError(f'{len(self.buffered)} of {size} bytes, then the end')
        data, self.buffered = self.buffered[:size], self.buffered[size:]
        return data

    def rest(self):
        """Everything up to the end of the stream."""
        while self.more():
            pass
        data, self.buffered = self.buffered, b''
        return data

    def head(self):
        """(status, header pairs) of the next answer."""
        lines = self.until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        pairs = [tuple(p.strip() for p in line.split(':', 1)) for line in lines[1:] if line]
        return int(lines[0].split()[1]), pairs

    def answer(self, has_body=True):
        """The next answer, whole."""
        status, pairs = self.head()
        found = Answer(status, pairs, b'')
        if not has_body or status in (204, 304) or status < 200:
            return found
        if found.header('Content-Length') is not None:
            found.body = self.exactly(int(found.header('Content-Length')))
        elif (found.header('Transfer-Encoding') or '').lower() == 'chunked':
            found.body = self.chunks()
        else:
            found.body = self.rest()
        return found

    def chunks(self):
        body = b''
        while True:
            size = int(self.until(b'\r\n').split(b';')[0], 16)
            body += self.exactly(size)
            self.until(b'\r\n')
            if size == 0:
                return body

    def is_closed(self, within=5):
        """True when the server closes within so many seconds and says nothing more."""
        self.socket.settimeout(within)
        try:
            return not self.more()
        except (TimeoutError, socket.timeout):
            return False
