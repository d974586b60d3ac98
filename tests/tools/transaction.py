#!/usr/bin/env python3
"""Makes transactions to score: JSON objects of 66 fields, about 1.6 KB, one a line.

    tests/tools/transaction.py [COUNT [SEED]]

The same seed gives the same transactions. Nobody's data: every name is made up.
"""
import json
import random
import sys

CITIES = ['Lisboa', 'Zürich', 'Kraków', 'Århus', 'Genève', 'Málaga', 'Bruxelles', 'Gdańsk']
NAMES = ["Ana O'Neill", 'Jürgen Weiß', 'Chloé Dubois', 'Łukasz Nowak', 'Søren Holm']
SHOPS = ['Books & more', 'Café "Zum Eck"', 'Fuel 24', 'Grocery', 'Online \\ Games', 'Travel']


def transaction(chance):
    """One transaction: a few fields that matter, and as many as real ones have."""
    fields = {
        'TxnId': '%010d' % chance.randrange(10 ** 10),
        'AccountId': 'ACC%06d' % chance.randrange(10 ** 6),
        'TxnDateTime': '2026-11-%02dT%02d:%02d:%02d.%03d' % (
            chance.randint(1, 28), chance.randrange(24), chance.randrange(60),
            chance.randrange(60), chance.randrange(1000)),
        'CurrencyAmount': round(chance.lognormvariate(3.5, 1.2), 2),
        'Currency': chance.choice(['EUR', 'CHF', 'PLN', 'DKK']),
        'Country': chance.choice(['PT', 'CH', 'PL', 'DK', 'ES', 'BE']),
        'CustomerName': chance.choice(NAMES),
        'Merchant': chance.choice(SHOPS),
        'City': chance.choice(CITIES),
        'IP': '198.51.100.%d' % chance.randrange(256),
        'Channel': chance.choice(['card', 'web', 'app', 'atm']),
        'CardPresent': chance.random() < 0.6,
        'AttemptsToday': chance.randrange(6),
        'Latitude': round(chance.uniform(36, 58), 5),
        'Longitude': round(chance.uniform(-9, 25), 5),
        'Note': None,
    }
    for number in range(1, 67 - len(fields)):
        kind = number % 3
        value = (round(chance.random(), 4) if kind == 0 else
                 '%08x' % chance.randrange(1 << 32) if kind == 1 else chance.randrange(10 ** 6))
        fields[f'RiskFeature{number:02}'] = value
    return fields


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    chance = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for _ in range(count):
        print(json.dumps(transaction(chance), ensure_ascii=False, separators=(',', ':')))


if __name__ == '__main__':
    main()
