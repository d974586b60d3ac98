"""The same scenarios on two backends: plain processes on loopback (the default), or the
containers of docker-compose with TOPOLOGIES=docker."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, *(os.path.join(HERE, '..', one) for one in ('cluster', 'api', 'tools'))):
    sys.path.insert(0, folder)

import pytest  # noqa: E402

from cluster_nodes import Cluster  # noqa: E402
from compose import Compose  # noqa: E402
from node import BINARY  # noqa: E402

ON_DOCKER = os.environ.get('TOPOLOGIES') == 'docker'
NEXT = os.environ.get('CALLBACKD_NEXT_BIN') or BINARY + '_next'
SETTINGS = {'callback.ttl_ms': 60000, 'shutdown.delay_ms': 1000}
EAST, WEST = {'cluster.zone': 'east'}, {'cluster.zone': 'west'}
PROCESSES = {
    'three': {},
    'zones': {'count': 5, 'proxy': True,
              'own': {'a': EAST, 'b': EAST, 'c': EAST, 'd': WEST, 'e': WEST}},
    'partition': {'proxy': True},
    'slow': {'proxy': True},
    'lifecycle': {},
    'rolling': {},
    'versions': {'binaries': {'c': NEXT}},
}


@pytest.fixture
def topology():
    """topology('three'): started, and removed after the test."""
    made = []

    def make(name):
        made.append(Compose(name) if ON_DOCKER
                    else Cluster(settings=SETTINGS, **PROCESSES[name]))
        made[-1].wait_ready()
        return made[-1]

    yield make
    for one in made:
        one.stop()
