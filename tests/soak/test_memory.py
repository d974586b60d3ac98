"""Long runs against one node: every result right, none lost, and the memory given back."""
import time

import load


def settled(node, seconds=10):
    """Resident bytes once they stop falling."""
    least, since = node.resident_bytes(), time.monotonic()
    until = since + seconds
    while time.monotonic() < min(until, since + 2):
        now = node.resident_bytes()
        if now < least:
            least, since = now, time.monotonic()
        time.sleep(0.1)
    return least


def test_a_hundred_thousand_invocations_through_a_real_upstream(start_node):
    """100,000 invocations through a real HTTP upstream at concurrency 64: every result right,
    none lost, memory back to within 10 % of the start."""
    process, port = load.start_upstream()
    node = start_node({'score': f'http://127.0.0.1:{port}/score'},
                      {'functions.score.concurrency': 64, 'status.retention_ms': 1000})
    # What the first requests make once and for all (connections, pools) is no growth.
    warm, _ = load.cycles(node.api, 'score', 5000)
    assert warm == {'right': 5000}
    time.sleep(2)
    before = settled(node)
    results, seconds = load.cycles(node.api, 'score', 100000)
    assert results == {'right': 100000}
    time.sleep(3)
    after = settled(node)
    print(f'{100000 / seconds:.0f} cycles a second; {before >> 10} -> {after >> 10} KiB')
    assert after <= before * 1.1, (before, after)
    metrics = node.metrics()
    label = '{function="score"}'
    assert metrics['callbackd_invocations_accepted_total' + label] == 105000
    assert metrics['callbackd_callbacks_collected_total' + label] == 105000
    assert metrics['callbackd_store_bytes'] < 1 << 20
    process.terminate()


def test_a_burst_of_orphans_gives_its_memory_back(start_node):
    """memory given back to the system after a burst"""
    node = start_node({'echo': 'builtin:echo'},
                      {'callback.ttl_ms': 2000, 'status.retention_ms': 500})
    before = settled(node)
    import concurrent.futures

    def burst(_):
        from http_client import Raw
        with Raw(node.api) as raw:
            for _ in range(250):
                raw.send('POST /v1/functions/echo HTTP/1.1\r\nHost: x\r\n'
                         'Prefer: respond-async\r\nContent-Length: 20000\r\n\r\n')
                raw.send(b'x' * 20000)
                assert raw.answer().status == 202
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(burst, range(40)))
    peak = node.resident_bytes()
    until = time.monotonic() + 30
    while node.metrics()['callbackd_ready{function="echo"}']:
        assert time.monotonic() < until
        time.sleep(0.2)
    time.sleep(3)
    after = settled(node)
    print(f'{before >> 20} -> {peak >> 20} -> {after >> 20} MiB')
    assert peak - before > 100 << 20
    assert after - before < (peak - before) // 10 + (16 << 20)
