"""What compare.py measured, as text, as docs/performance.md and as docs/performance.svg."""
import os
import statistics

import tls_price



def median_of(runs):
    """The medians of the numbers that the load generator prints."""
    def at(*keys):
        values = []
        for run in runs:
            for key in keys:
                run = run[key]
            values.append(run)
        return statistics.median(values)

    return {'cpu': at('cpu_us_per_cycle'), 'rate': at('per_second'),
            'errors': sum(run['errors'] for run in runs),
            'first': {p: at('first_us', p) for p in ('p50', 'p99', 'p999')},
            'second': {p: at('second_us', p) for p in ('p50', 'p99', 'p999')}}


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '|'.join('---' for _ in head) + '|']
    return '\n'.join(lines + ['| ' + ' | '.join(str(c) for c in row) + ' |' for row in rows])


def spans(m):
    if not m['second']['p50']:
        return '/'.join(f'{m["first"][p] / 1000:.2f}' for p in ('p50', 'p99', 'p999'))
    return '; '.join('/'.join(f'{m[step][p] / 1000:.2f}' for p in ('p50', 'p99', 'p999'))
                     for step in ('first', 'second'))


def ratio_of(name, all_):
    """CPU beside what users would take instead."""
    if name.startswith('callbackd, 3') and 'Redis, 2 replicas' in all_:
        return f'{all_[name]["cpu"] / all_["Redis, 2 replicas"]["cpu"]:.2f} x Redis, 2 replicas'
    if name == 'callbackd' and 'Redis' in all_:
        return f'{all_[name]["cpu"] / all_["Redis"]["cpu"]:.2f} x Redis'
    if name == 'callbackd' and 'nginx proxy_pass' in all_:
        return f'{all_[name]["cpu"] / all_["nginx proxy_pass"]["cpu"]:.2f} x nginx proxy_pass'
    return ''


def measured_table(all_):
    rows = [(name, f'{m["cpu"]:.1f}', ratio_of(name, all_), f'{m["rate"]:.0f}', spans(m),
             m['errors']) for name, m in all_.items()]
    return table(('server', 'CPU µs', 'ratio', 'a second', 'p50/p99/p99.9 ms: POST; GET',
                  'errors'), rows)


def cycle_text(by_size):
    parts = []
    for size, all_ in by_size.items():
        parts.append(f'### Cycles of {size} bytes\n\n' + measured_table(all_))
        ours, same, get = (all_[name] for name in (
            'callbackd', 'nginx return, a cycle', 'nginx return, a GET'))
        parts.append(f'callbackd answers {ours["rate"] / same["rate"]:.2f} x the requests a '
                     'second of nginx that answers the same two with fixed texts of the same '
                     f'length (CPU: {ours["cpu"] / same["cpu"]:.2f} x), and '
                     f'{2 * ours["rate"] / get["rate"]:.2f} x those of nginx that has '
                     'only GETs to answer.')
    return '\n\n'.join(parts)


def latency_text(r):
    seen = '/'.join(f'{us / 1000:.2f}' for us in r['visible_us'].values())
    return ('### Latency at half load\n\n' + measured_table(r['rows']) +
            '\n\nThree nodes collect at another node than the one that was posted to. A result '
            f'was with a client that waited at another node {seen} ms (p50/p99/p99.9) after '
            'its function ended.')


def growth_text(results):
    base = results['0']['rate']
    rows = [(count, f'{m["rate"]:.0f}', f'{m["rate"] / base:.2f}', f'{m["cpu"]:.1f}',
             f'{m["overhead"]:.0f}' if int(count) else '') for count, m in results.items()]
    return '### Growth\n\n' + table(
        ('callbacks of 100 bytes stored', 'cycles a second', 'of the empty store', 'CPU µs',
         'bytes of memory each beyond the body'), rows)


def idle_text(r):
    rows = [(name, f'{r[key]["rate"]:.0f}', spans(r[key])) for name, key in
            (('alone', 'alone'), ('beside them', 'beside'))]
    return ('### 1,000 parked GETs and 10,000 idle connections, others at half load\n\n' +
            table(('', 'cycles a second', 'p50/p99/p99.9 ms: POST; GET'), rows) +
            f'\n\nThey take {r["bytes"] / 1e6:.1f} MB of memory: '
            f'{r["bytes"] / 11000:.0f} bytes a connection.')


def expiry_text(r):
    return (f'### Many that expire together\n\n{r["stored"]} callbacks expired within '
            f'{r["seconds"]:.1f} s; the longest wait of a prober for an answer of the same '
            f'loop: {r["worst_ms"]:.1f} ms ({r["over_20_ms"]} over 20 ms); of a prober of an '
            f'idle node on the other core meanwhile, which shows what the machine itself '
            f'holds up: {r["idle_ms"]:.1f} ms.')


def counts_text(r):
    """Beside the first node that worked, of 2026-11-21, counted in the same way."""
    first = {'instructions': 49457, 'allocations': 4, 'syscalls': 10.1}
    rows = [(what, *(f'{n:.1f}' if n < 100 else f'{n:.0f}' for n in (first[what], now)))
            for what, now in r.items()]
    return '### A cycle in counts\n\n' + table(('of the node', 'at first', 'now'), rows)


def section_text(name, r):
    if name in ('cycle', 'sizes'):
        return cycle_text(r)
    if name == 'latency':
        return latency_text(r)
    if name == 'upstream':
        return '### Upstream calls over plain HTTP\n\n' + measured_table(r)
    return {'growth': growth_text, 'idle': idle_text, 'expiry': expiry_text,
            'counts': counts_text,
            'tls': lambda one: tls_price.text(one, table)}[name](r)


def picture(all_, path):
    """CPU a cycle as bars."""
    bars = [(name, m['cpu']) for name, m in all_.items() if name != 'nginx return, a GET']
    widest = max(cpu for _, cpu in bars)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {50 + 34 * len(bars)}" '
           'font-family="sans-serif" font-size="14">',
           '<rect width="100%" height="100%" fill="#ffffff"/>',
           '<text x="16" y="26" font-weight="bold">CPU for a cycle of 1 KB, all processes '
           'together, in microseconds</text>']
    for i, (name, cpu) in enumerate(bars):
        y, width = 44 + 34 * i, 340 * cpu / widest
        colour = '#2b6cb0' if name.startswith('callbackd') else '#a0aec0'
        out.append(f'<text x="16" y="{y + 17}">{name}</text>'
                   f'<rect x="290" y="{y}" width="{width:.0f}" height="24" fill="{colour}"/>'
                   f'<text x="{296 + width:.0f}" y="{y + 17}">{cpu:.1f}</text>')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(out) + '\n</svg>\n')


def about_text(about):
    return (f'Measured {about["date"]} on {about["cores"]} x {about["cpu"]}, Linux '
            f'{about["kernel"]}, Redis {about["redis"]}, nginx {about["nginx"]}; '
            f'{about["rounds"]} rounds of {about["seconds"]:g} s, 64 connections, servers on '
            f'one core, load on the other; load average at the end {about["load"]:.1f} '
            '(over 2: other work shared the cores).')


def replace_part(text, name, part):
    """What stands between the marks of that name."""
    begin, end = f'<!-- {name}: begin -->', f'<!-- {name}: end -->'
    before, rest = text.split(begin)
    return f'{before}{begin}\n{part}\n{end}{rest.split(end)[1]}'


def write(folder, results, about):
    """The sections that were measured, in docs/performance.md; others stay as they are."""
    path = os.path.join(folder, 'performance.md')
    with open(path, encoding='utf-8') as f:
        text = f.read()
    if 'cycle' in results:
        text = replace_part(text, 'about', about_text(about))
        picture(results['cycle']['1024'], os.path.join(folder, 'performance.svg'))
    for name, r in results.items():
        text = replace_part(text, name, section_text(name, r))
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
