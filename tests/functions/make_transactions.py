#!/usr/bin/env python3
"""Makes card transactions for the scoring functions: JSON objects of 66 fields, about 1.6 KB.

    make_transactions.py [--count N] [--seed S] [--folder DIR]

One a line on standard output, or one a file (000000.json ...) in DIR. The same seed makes the
same transactions.
"""
import argparse
import json
import os
import random
import sys

COUNTRIES = ['GB', 'DE', 'FR', 'US', 'NL', 'ES', 'IT', 'PL', 'SE', 'IE']
CURRENCIES = ['GBP', 'EUR', 'USD']
BROWSERS = ['Firefox', 'Chrome', 'Safari', 'Edge']
WORDS = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'heron', 'inlet',
         'juniper']


def hexadecimal(random_source, digits):
    return f'{random_source.getrandbits(digits * 4):0{digits}x}'


def identity(r, number):
    return {
        'transaction_id': f'T{number:09d}',
        'account_id': f'A{r.randrange(10 ** 8):08d}',
        'customer_id': f'C{r.randrange(10 ** 8):08d}',
        'card_hash': hexadecimal(r, 32),
        'card_bin': f'{r.randrange(400000, 560000)}',
        'card_last4': f'{r.randrange(10000):04d}',
        'card_brand': r.choice(['visa', 'mastercard', 'amex']),
        'card_type': r.choice(['debit', 'credit', 'prepaid']),
        'card_expiry': f'{r.randrange(1, 13):02d}/{r.randrange(27, 33)}',
    }


def payment(r, country):
    return {
        'amount_minor': int(r.lognormvariate(9.2, 1.6)),
        'currency': r.choice(CURRENCIES),
        'created_at': f'2026-11-{r.randrange(1, 29):02d}T12:{r.randrange(60):02d}:00Z',
        'hour': r.randrange(24),
        'weekday': r.randrange(7),
        'country': r.choice(COUNTRIES) if r.random() < 0.12 else country,
        'billing_country': country,
        'shipping_country': country,
        'billing_postcode': f'{r.choice(WORDS)[:2].upper()}{r.randrange(100, 999)}',
        'shipping_postcode': f'{r.choice(WORDS)[:2].upper()}{r.randrange(100, 999)}',
        'billing_city': r.choice(WORDS).title(),
        'shipping_city': r.choice(WORDS).title(),
        'is_card_present': r.random() < 0.4,
        'is_recurring': r.random() < 0.15,
        'is_3ds': r.random() < 0.6,
        'cvv_result': r.choice(['M', 'N', 'U']),
        'avs_result': r.choice(['Y', 'N', 'A', 'Z']),
        'entry_mode': r.choice(['chip', 'contactless', 'ecommerce', 'moto']),
        'channel': r.choice(['web', 'app', 'pos']),
    }


def merchant(r):
    return {
        'merchant_id': f'M{r.randrange(10 ** 6):06d}',
        'merchant_name': f'{r.choice(WORDS).title()} {r.choice(WORDS).title()} Ltd',
        'merchant_category': r.choice(['5411', '5732', '5812', '5999', '4829', '7995']),
        'merchant_country': r.choice(COUNTRIES),
        'merchant_age_days': r.randrange(5000),
        'terminal_id': f'{r.randrange(10 ** 8):08d}',
        'acquirer_id': f'{r.randrange(10 ** 6):06d}',
    }


def device(r):
    return {
        'device_id': hexadecimal(r, 24),
        'device_type': r.choice(['mobile', 'desktop', 'tablet']),
        'is_new_device': r.random() < 0.1,
        'browser': r.choice(BROWSERS),
        'browser_version': f'{r.randrange(80, 140)}.0',
        'os': r.choice(['Linux', 'Windows', 'macOS', 'Android', 'iOS']),
        'language': r.choice(['en-GB', 'de-DE', 'fr-FR', 'en-US']),
        'ip': '.'.join(str(r.randrange(1, 255)) for _ in range(4)),
        'ip_country': r.choice(COUNTRIES),
        'is_proxy': r.random() < 0.03,
        'latitude': round(r.uniform(-60, 70), 5),
        'longitude': round(r.uniform(-180, 180), 5),
        'session_id': hexadecimal(r, 32),
        'session_seconds': r.randrange(1, 3600),
        'screen': r.choice(['1920x1080', '390x844', '2560x1440']),
    }


def history(r):
    fields = {}
    for span in ('1h', '24h', '7d', '30d'):
        fields[f'count_{span}'] = r.randrange(12)
        fields[f'amount_{span}_minor'] = r.randrange(500000)
        fields[f'merchants_{span}'] = r.randrange(8)
    fields['chargebacks_90d'] = r.choices([0, 1, 2, 3], [90, 6, 3, 1])[0]
    fields['declines_24h'] = r.randrange(4)
    fields['account_age_days'] = r.randrange(4000)
    fields['email_domain'] = f'{r.choice(WORDS)}.example'
    return fields


def transaction(r, number):
    country = r.choice(COUNTRIES)
    return {**identity(r, number), **payment(r, country), **merchant(r), **device(r),
            **history(r)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--count', type=int, default=1)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--folder')
    options = parser.parse_args()
    r = random.Random(options.seed)
    for number in range(options.count):
        line = json.dumps(transaction(r, number)) + '\n'
        if options.folder is None:
            sys.stdout.write(line)
        else:
            with open(os.path.join(options.folder, f'{number:06d}.json'), 'w') as file:
                file.write(line)


if __name__ == '__main__':
    main()
