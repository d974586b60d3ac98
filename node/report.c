#include "report.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdlib.h>

const char *const report_members[REPORT_NUMBERS] = {
    "queued",   "running", "ready",     "bytes",      "accepted",  "collected",   "expired",
    "canceled", "failed",  "delivered", "taken_over", "elsewhere", "unaccounted",
};

static void numbers_of(const struct function *f, int64_t number[REPORT_NUMBERS])
{
    const struct function_stats *s = &f->stats;
    const uint64_t all[REPORT_NUMBERS] = {
        f->queued,
        f->running,
        s->ready,
        s->ready_bytes,
        s->accepted,
        s->collected,
        s->expired,
        s->canceled,
        s->failed,
        s->delivered,
        s->taken_over,
        s->elsewhere,
        (uint64_t)function_unaccounted(f),
    };
    for (uint32_t n = 0; n < REPORT_NUMBERS; n++) {
        number[n] = (int64_t)all[n];
    }
}

void report_queues(const struct functions *fs, struct text *out)
{
    for (uint32_t i = 0; i < functions_count(fs); i++) {
        const struct function *f = functions_at(fs, i);
        int64_t number[REPORT_NUMBERS];
        numbers_of(f, number);
        text_add_str(out, "q ");
        text_add(out, f->spec.name);
        for (uint32_t n = 0; n < REPORT_NUMBERS; n++) {
            text_add_char(out, ' ');
            text_addf(out, "%" PRId64, number[n]);
        }
        text_add_char(out, '\n');
    }
}

void report_sums_fini(struct report_sums *sums)
{
    free(sums->at);
    *sums = (struct report_sums){0};
}

/* The row of that name, made when it is new. NULL: no room. */
static struct report_sum *sum_of(struct report_sums *sums, struct bytes name)
{
    for (size_t i = 0; i < sums->count; i++) {
        if (bytes_is(name, sums->at[i].name)) {
            return &sums->at[i];
        }
    }
    if (name.size >= sizeof sums->at->name || sums->count == REPORT_FUNCTIONS) {
        return NULL;
    }
    if (sums->count == sums->room) {
        size_t room = sums->room == 0 ? 16 : sums->room * 2;
        struct report_sum *at = realloc(sums->at, room * sizeof *at);
        if (at == NULL) {
            return NULL;
        }
        sums->at = at;
        sums->room = room;
    }
    struct report_sum *sum = &sums->at[sums->count++];
    *sum = (struct report_sum){{0}, {0}};
    memcpy(sum->name, name.at, name.size);
    return sum;
}

static void print_object(struct bytes name, const int64_t number[REPORT_NUMBERS], bool first,
                         struct text *out)
{
    if (!first) {
        text_add_char(out, ',');
    }
    text_add_json(out, name);
    for (uint32_t n = 0; n < REPORT_NUMBERS; n++) {
        text_add_str(out, n == 0 ? ":{\"" : ",\"");
        text_add_str(out, report_members[n]);
        text_add_str(out, "\":");
        text_addf(out, "%" PRId64, number[n]);
    }
    text_add_char(out, '}');
}

static bool parse_number(struct bytes text, int64_t *out)
{
    uint64_t value = 0;
    bool is_negative = bytes_cut_front(&text, "-");
    bool ok = num_parse(text, INT64_MAX, &value) == 0;
    *out = is_negative ? -(int64_t)value : (int64_t)value;
    return ok;
}

static bool parse_line(struct bytes line, struct bytes *name, int64_t number[REPORT_NUMBERS])
{
    if (!bytes_cut_front(&line, "q ")) {
        return false;
    }
    *name = bytes_cut_at(&line, ' ');
    for (uint32_t n = 0; n < REPORT_NUMBERS; n++) {
        bool is_told = n < REPORT_NEEDED || line.size > 0;
        number[n] = 0;
        if (is_told && !parse_number(bytes_cut_at(&line, ' '), &number[n])) {
            return false;
        }
    }
    return true;
}

void report_queues_print(struct bytes report, struct report_sums *sums, struct text *out)
{
    bool first = true;
    text_add_char(out, '{');
    while (report.size > 0) {
        struct bytes name;
        int64_t number[REPORT_NUMBERS];
        if (!parse_line(bytes_cut_at(&report, '\n'), &name, number)) {
            continue;
        }
        print_object(name, number, first, out);
        first = false;
        struct report_sum *sum = sum_of(sums, name);
        for (uint32_t n = 0; n < REPORT_NUMBERS && sum != NULL; n++) {
            sum->number[n] = (int64_t)((uint64_t)sum->number[n] + (uint64_t)number[n]);
        }
    }
    text_add_char(out, '}');
}

void report_sums_print(const struct report_sums *sums, struct text *out)
{
    text_add_char(out, '{');
    for (size_t i = 0; i < sums->count; i++) {
        print_object(bytes_text(sums->at[i].name), sums->at[i].number, i == 0, out);
    }
    text_add_char(out, '}');
}
