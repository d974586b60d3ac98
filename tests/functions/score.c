#include "score.h"

#include <stdio.h>
#include <string.h>

/* A run of JSON text, and how far it is read. */
struct reader {
    const char *at, *end;
};

struct run {
    const char *at;
    size_t size;
};

/* What the rules look at. Strings without their quotes, as they stand in the text. */
struct facts {
    struct run id, country, billing_country;
    long long amount_minor, hour, count_1h, chargebacks;
    int is_new_device, is_card_present;
    unsigned fields;
};

static void skip_space(struct reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
        r->at++;
    }
}

static int take_char(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c) {
        return 0;
    }
    r->at++;
    return 1;
}

static int take_string(struct reader *r, struct run *out)
{
    if (!take_char(r, '"')) {
        return 0;
    }
    out->at = r->at;
    while (r->at < r->end && *r->at != '"') {
        r->at += *r->at == '\\' ? 2 : 1;
    }
    if (r->at >= r->end) {
        return 0;
    }
    out->size = (size_t)(r->at - out->at);
    r->at++;
    return 1;
}

/* A string, number, true, false or null; the object is flat. */
static int take_value(struct reader *r, struct run *out)
{
    skip_space(r);
    if (r->at < r->end && *r->at == '"') {
        return take_string(r, out);
    }
    out->at = r->at;
    while (r->at < r->end && strchr(",}{[] \t\r\n", *r->at) == NULL) {
        r->at++;
    }
    out->size = (size_t)(r->at - out->at);
    return out->size > 0;
}

static int is(struct run r, const char *text)
{
    return r.size == strlen(text) && memcmp(r.at, text, r.size) == 0;
}

static long long whole_number(struct run r)
{
    long long value = 0;
    for (size_t i = 0; i < r.size && i < 15 && r.at[i] >= '0' && r.at[i] <= '9'; i++) {
        value = value * 10 + (r.at[i] - '0');
    }
    return value;
}

static void note(struct facts *f, struct run key, struct run value)
{
    f->fields++;
    if (is(key, "transaction_id")) {
        f->id = value;
    } else if (is(key, "amount_minor")) {
        f->amount_minor = whole_number(value);
    } else if (is(key, "hour")) {
        f->hour = whole_number(value);
    } else if (is(key, "count_1h")) {
        f->count_1h = whole_number(value);
    } else if (is(key, "chargebacks_90d")) {
        f->chargebacks = whole_number(value);
    } else if (is(key, "country")) {
        f->country = value;
    } else if (is(key, "billing_country")) {
        f->billing_country = value;
    } else if (is(key, "is_new_device")) {
        f->is_new_device = is(value, "true");
    } else if (is(key, "is_card_present")) {
        f->is_card_present = is(value, "true");
    }
}

static int read_facts(struct facts *f, struct reader *r)
{
    if (!take_char(r, '{')) {
        return 0;
    }
    if (take_char(r, '}')) {
        return 1;
    }
    do {
        struct run key, value;
        if (!take_string(r, &key) || !take_char(r, ':') || !take_value(r, &value)) {
            return 0;
        }
        note(f, key, value);
    } while (take_char(r, ','));
    return take_char(r, '}');
}

static long long smaller(long long a, long long b)
{
    return a < b ? a : b;
}

/* 0 to 999 thousandths. */
static int points_of(const struct facts *f)
{
    long long points = 20;
    points += smaller(f->amount_minor / 2000, 250);
    points += smaller(f->count_1h * 15, 150);
    points += smaller(f->chargebacks * 90, 270);
    points += f->hour < 6 ? 80 : 0;
    points += f->is_new_device ? 120 : 0;
    points += f->is_card_present ? 0 : 60;
    int is_abroad = f->country.size != f->billing_country.size ||
                    (f->country.size > 0 &&
                     memcmp(f->country.at, f->billing_country.at, f->country.size) != 0);
    points += is_abroad ? 150 : 0;
    return (int)smaller(points, 999);
}

size_t score_transaction(char out[SCORE_ANSWER_MAX], const char *json, size_t size)
{
    struct reader r = {json, json + size};
    struct facts f = {0};
    if (!read_facts(&f, &r)) {
        return 0;
    }
    skip_space(&r);
    if (r.at != r.end) {
        return 0;
    }
    int points = points_of(&f);
    const char *decision = points >= 600 ? "decline" : points >= 400 ? "review" : "approve";
    int id_size = f.id.size > 64 ? 64 : (int)f.id.size;
    int n = snprintf(out, SCORE_ANSWER_MAX,
                     "{\"transaction_id\":\"%.*s\",\"score\":0.%03d,\"decision\":\"%s\","
                     "\"fields\":%u}\n",
                     id_size, f.id.at == NULL ? "" : f.id.at, points, decision, f.fields);
    return (size_t)n;
}
