"""An HTTP upstream of the tests' own: programmable answers, and a record of every request."""
import collections
import http.server
import threading
import time

Seen = collections.namedtuple('Seen', 'method target headers body at')


class Upstream:
    """Serves on loopback in threads. `on(path, answer)`: answer(request) gives
    (status, headers, body); without a rule it echoes the body."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            disable_nagle_algorithm = True  # an answer is two writes, or 40 ms at times

            def serve(self):
                outer.serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = serve

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 512
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(('127.0.0.1', 0), Handler)
        self.port = self.server.server_port
        self.url = f'http://127.0.0.1:{self.port}'
        self.rules = {}
        self.seen = []
        self.lock = threading.Lock()
        self.running = 0
        self.most_running = 0
        self.gates = {}
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        for gate in self.gates.values():
            gate.set()
        self.server.shutdown()
        self.server.server_close()

    def on(self, path, answer):
        self.rules[path] = answer

    def gate(self, path, answer=lambda seen: (200, [], seen.body)):
        """Requests of this path wait until the returned event is set."""
        event = self.gates[path] = threading.Event()

        def wait(seen):
            event.wait(30)
            return answer(seen)
        self.rules[path] = wait
        return event

    def requests(self, path):
        with self.lock:
            return [s for s in self.seen if s.target.split('?')[0] == path]

    def wait_for(self, path, count=1, seconds=10):
        """The requests of a path, once there are so many."""
        until = time.monotonic() + seconds
        while len(self.requests(path)) < count:
            assert time.monotonic() < until, f'{path}: {self.requests(path)}'
            time.sleep(0.005)
        return self.requests(path)

    def serve(self, handler):
        size = int(handler.headers.get('Content-Length') or 0)
        body = handler.rfile.read(size) if size else b''
        if (handler.headers.get('Transfer-Encoding') or '').lower() == 'chunked':
            body = self.read_chunks(handler.rfile)
        seen = Seen(handler.command, handler.path, handler.headers.items(), body,
                    time.monotonic())
        with self.lock:
            self.seen.append(seen)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            rule = self.rules.get(handler.path.split('?')[0])
            kind = handler.headers.get('Content-Type', 'application/octet-stream')
            found = rule(seen) if rule else (200, [('Content-Type', kind)], body)
            if found is None:  # the rule wants the connection to break
                handler.close_connection = True
                return
            self.write(handler, *found)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True
        finally:
            with self.lock:
                self.running -= 1

    @staticmethod
    def read_chunks(stream):
        body = b''
        while True:
            size = int(stream.readline().split(b';')[0], 16)
            body += stream.read(size)
            stream.readline()
            if size == 0:
                return body

    @staticmethod
    def write(handler, status, headers, body):
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        if not any(name.lower() == 'content-length' for name, _ in headers):
            handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        if handler.command != 'HEAD':
            handler.wfile.write(body)
