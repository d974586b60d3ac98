"""Clusters of real processes on loopback. What one node is like under test stands in
tests/api/node.py."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.join(HERE, '..', 'api'), os.path.join(HERE, '..', 'tools')):
    sys.path.insert(0, folder)

import pytest  # noqa: E402

from cluster_nodes import Cluster  # noqa: E402


@pytest.fixture
def cluster():
    """A cluster of so many nodes: `cluster(3)`, ended and checked after the test."""
    made = []

    def make(count=3, **options):
        made.append(Cluster(count, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()
