"""What a node has written to its log. Read when it is asked for, and not by a thread: what the
node wrote before it answered is there once the answer is."""
import json
import os
import tempfile
import threading


class NodeLog:
    """`file` is for the node's standard error. Lines, in order: all, those that are JSON
    (parsed), and the others."""

    def __init__(self):
        self.file = tempfile.TemporaryFile()
        self.lines, self.records, self.strays = [], [], []
        self.rest, self.at, self.lock = b'', 0, threading.Lock()

    def read(self):
        with self.lock:
            while chunk := os.pread(self.file.fileno(), 1 << 16, self.at):
                self.at += len(chunk)
                *whole, self.rest = (self.rest + chunk).split(b'\n')
                for line in whole:
                    self.add(line.decode(errors='replace'))
        return self

    def add(self, line):
        self.lines.append(line + '\n')
        try:
            self.records.append(json.loads(line))
        except ValueError:
            self.strays.append(line)
