"""Crowds that are slow, deaf or guess (tests/tools/crowd.py), in small: others are served
right, memory is bounded, and nothing of them stays. How fast others are served is measured by
`./test.sh soak`."""
import time

import pytest

import crowd

SMALL = {'loris': 100, 'deaf': 60, 'guess': 3000}


@pytest.mark.parametrize('kind', sorted(SMALL))
def test_others_are_served_in_a_crowd(start_node, kind):
    """Slow headers, slow readers and guesses: every answer to others right, memory bounded, and
    all connections end"""
    count = SMALL[kind]
    node = start_node({'echo': 'builtin:echo'},
                      {'limits.head_timeout_ms': 2000, 'limits.write_timeout_ms': 2000},
                      env={'ASAN_OPTIONS': 'detect_leaks=1:quarantine_size_mb=8'})
    crowd.cycles(node.api, 200)
    before = node.resident_bytes()
    one = crowd.Crowd(kind, node.api, count)
    one.wait(1)
    assert len(crowd.cycles(node.api, 300)) == 600
    gained = node.resident_bytes() - before
    if kind == 'guess':
        one.wait(count)
    else:
        until = time.monotonic() + 15
        while node.metrics()['callbackd_http_connections'] < count / 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(2.5)  # the first of them are let go, and come again
        assert len(crowd.cycles(node.api, 100)) == 200
    assert one.stop() == 0
    # Sanitizers surround and keep what they watch.
    assert gained < 4 * crowd.BOUNDS[kind] * count + (32 << 20), gained / count
    until = time.monotonic() + 15
    while node.metrics()['callbackd_http_connections'] > 0:
        assert time.monotonic() < until, 'connections of the crowd stayed'
        time.sleep(0.05)
