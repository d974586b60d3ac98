"""Clusters of real processes on loopback. What one node is like under test stands in
tests/api/node.py."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.join(HERE, '..', 'api'), os.path.join(HERE, '..', 'tools')):
    sys.path.insert(0, folder)

import pytest  # noqa: E402

from cluster_nodes import Cluster  # noqa: E402

# Statuses are forgotten soon, so that memory can be seen to come back; but not before a slow
# machine has asked all three nodes.
RETENTION_SECONDS = 1.2
QUICK = {'status.retention_ms': int(RETENTION_SECONDS * 1000), 'limits.store_bytes': '512MiB'}


def pytest_configure(config):
    config.addinivalue_line('markers', 'soak: minutes of load')


@pytest.fixture
def cluster():
    """A cluster of so many nodes: `cluster(3)`, ended and checked after the test."""
    made = []
    yield maker(made)
    stop_all(made)


@pytest.fixture(scope='module')
def three():
    """Three nodes for all tests of a file that leave them whole."""
    made = []
    yield maker(made)(3, settings=QUICK)
    stop_all(made)


def maker(made):
    def make(count=3, **options):
        made.append(Cluster(count, **options))
        return made[-1]
    return make


def stop_all(made):
    faults = []
    for one in made:
        try:
            one.stop()
        except AssertionError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
