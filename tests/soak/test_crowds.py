"""Crowds of clients that mean no good, and what becomes of those that do."""
import os
import subprocess
import sys

import node as node_module


def test_crowds_cost_bounded_memory_and_no_ones_patience():
    """1,000 slow-loris connections, 1,000 clients that never read, 100,000 requests with random
    GUIDs: memory bounded (figure), p99 of a well-behaved client within 20 %."""
    tool = os.path.join(node_module.TREE, 'tests/tools/crowd.py')
    done = subprocess.run([sys.executable, tool, '--node', node_module.BINARY, '--check'],
                          capture_output=True, text=True, timeout=900, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
