"""Some of the one-shot and fault tests once more, over encrypted links; all of them are with
CALLBACKD_TEST_TLS=1."""
import functools

import oneshot
import pytest
from conftest import QUICK, maker, stop_all
from test_anywhere import (  # noqa: F401
    test_one_client_gets_it_when_ten_ask,
    test_payload_is_gone_everywhere_within_a_second_though_the_status_is_kept,
    test_posted_here_collected_there_refused_elsewhere_freed_everywhere)
from test_failures import (  # noqa: F401
    test_kill_9_is_noticed_within_1500_ms_and_the_node_comes_back)
from test_faults import (  # noqa: F401
    test_bodies_of_every_size_reach_every_node, test_frames_cut_anywhere_are_survived,
    test_partition_is_noticed_and_healed)


@pytest.fixture
def cluster():
    made = []
    yield functools.partial(maker(made), tls=True)
    stop_all(made)


@pytest.fixture(scope='module')
def three():
    made = []
    yield maker(made)(3, settings=QUICK, tls=True)
    stop_all(made)


def test_the_links_of_these_tests_are_encrypted(three):
    name = 'callbackd_tls_handshakes_total{port="peers",result="accepted"}'
    three.until(lambda: all(three[one].metrics()[name] >= 2 for one in three.names), 5,
                'two handshakes of each')


def test_one_client_in_the_whole_cluster_gets_it(cluster):
    """Not at `three`, which forget so soon that a slow client hears 404 instead of 410."""
    found = oneshot.run(cluster(3).doors(), count=300, sizes='100,5120,204800', window=20,
                        wait=20_000)
    assert found['accepted'] == found['delivered'] == 300
    assert oneshot.last_words(found) == {'200': 300, '410': 600}, found
