#!/usr/bin/env python3
"""The scoring function as an HTTP service: POST a transaction, get its score.

    score_http.py [--listen HOST:PORT] [--delay-ms N]

Prints `listening HOST:PORT` when it is ready (port 0 asks the system for one). The rules and
the bytes of the answer are those of score.c, so that an upstream, a program and a plugin can
be compared. HTTP/1.1 with connections that stay; GET /healthz answers OK.
"""
import argparse
import json
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_MAX = 1 << 20


def number(facts, key):
    value = facts.get(key, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def score(body):
    """The answer's bytes, or None when `body` is no transaction."""
    try:
        facts = json.loads(body)
    except ValueError:
        return None
    if not isinstance(facts, dict):
        return None
    points = 20
    points += min(number(facts, 'amount_minor') // 2000, 250)
    points += min(number(facts, 'count_1h') * 15, 150)
    points += min(number(facts, 'chargebacks_90d') * 90, 270)
    points += 80 if number(facts, 'hour') < 6 else 0
    points += 120 if facts.get('is_new_device') is True else 0
    points += 0 if facts.get('is_card_present') is True else 60
    points += 150 if facts.get('country', '') != facts.get('billing_country', '') else 0
    points = min(points, 999)
    decision = 'decline' if points >= 600 else 'review' if points >= 400 else 'approve'
    answer = (f'{{"transaction_id":"{facts.get("transaction_id", "")}","score":0.{points:03d},'
              f'"decision":"{decision}","fields":{len(facts)}}}\n')
    return answer.encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one write
    delay_s = 0.0

    def answer(self, status, content, content_type='application/json'):
        self.send_response(status)
        self.send_header('Content-Type', content_type)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)
        self.wfile.flush()

    def do_GET(self):
        if self.path == '/healthz':
            self.answer(200, b'OK', 'text/plain')
        else:
            self.answer(404, b'{"error":"POST a transaction to any path"}\n')

    do_HEAD = do_GET

    def do_POST(self):
        size = int(self.headers.get('Content-Length', 0))
        if size > BODY_MAX:
            self.close_connection = True
            self.answer(413, b'{"error":"too large"}\n')
            return
        result = score(self.rfile.read(size))
        if self.delay_s > 0:
            time.sleep(self.delay_s)
        if result is None:
            self.answer(400, b'{"error":"one flat JSON object is expected"}\n')
        else:
            self.answer(200, result)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--listen', default='127.0.0.1:8090')
    parser.add_argument('--delay-ms', type=int, default=0)
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(':')
    Handler.delay_s = options.delay_ms / 1000
    Server.address_family = socket.AF_INET6 if ':' in host else socket.AF_INET
    server = Server((host.strip('[]'), int(port)), Handler)
    print(f'listening {host}:{server.server_address[1]}', flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
