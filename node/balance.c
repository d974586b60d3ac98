#include "balance.h"

#include "base/num.h"
#include "base/timestamp.h"

void balance_add(struct balance *b, const struct functions *fs, uint64_t wall_ms)
{
    struct balance_row row = {.id = ++b->last_id, .created_at_ms = wall_ms};
    uint64_t expired = 0;
    for (uint32_t i = 0; i < functions_count(fs); i++) {
        const struct function *f = functions_at(fs, i);
        row.invoke += f->queued;
        row.callback += f->stats.ready;
        expired += f->stats.expired;
    }
    row.timeout = expired - b->expired_before;
    b->expired_before = expired;
    b->rows[(b->last_id - 1) % BALANCE_ROWS_MAX] = row;
    if (b->count < BALANCE_ROWS_MAX) {
        b->count++;
    }
}

void balance_write(const struct balance *b, struct text *out)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct balance_row *row = &b->rows[(b->last_id - 1 - i) % BALANCE_ROWS_MAX];
        const uint64_t numbers[] = {row->id, row->created_at_ms, row->invoke, row->callback,
                                    row->timeout};
        text_add_char(out, 'b');
        for (size_t n = 0; n < 5; n++) {
            text_add_char(out, ' ');
            text_add_num(out, numbers[n]);
        }
        text_add_char(out, '\n');
    }
}

static bool parse_row(struct bytes line, struct balance_row *row)
{
    uint64_t *const fields[] = {&row->id, &row->created_at_ms, &row->invoke, &row->callback,
                                &row->timeout};
    if (!bytes_cut_front(&line, "b ")) {
        return false;
    }
    for (size_t n = 0; n < 5; n++) {
        if (num_parse(bytes_cut_at(&line, ' '), UINT64_MAX, fields[n]) != 0) {
            return false;
        }
    }
    return true;
}

/* Sorted by time, newest first; the oldest falls off the end. */
static void insert(struct balance_table *t, const struct balance_table_row *row)
{
    uint32_t at = t->count;
    while (at > 0 && t->at[at - 1].row.created_at_ms < row->row.created_at_ms) {
        at--;
    }
    if (at == BALANCE_ROWS_MAX) {
        return;
    }
    uint32_t last = t->count < BALANCE_ROWS_MAX ? t->count++ : BALANCE_ROWS_MAX - 1;
    memmove(&t->at[at + 1], &t->at[at], (last - at) * sizeof t->at[0]);
    t->at[at] = *row;
}

void balance_read(struct balance_table *t, struct bytes instance, struct bytes report)
{
    struct balance_table_row row = {.instance = ""};
    size_t size = instance.size > BALANCE_NAME_MAX ? BALANCE_NAME_MAX : instance.size;
    memcpy(row.instance, instance.at, size);
    while (report.size > 0) {
        if (parse_row(bytes_cut_at(&report, '\n'), &row.row)) {
            insert(t, &row);
        }
    }
}

static void member(struct text *out, const char *name, uint64_t value)
{
    text_add_str(out, ",\"");
    text_add_str(out, name);
    text_add_str(out, "\":");
    text_add_num(out, value);
}

static void print_row(const struct balance_table_row *r, bool per_model, struct text *out)
{
    text_add_str(out, "{\"id\":");
    text_add_num(out, r->row.id);
    if (per_model) {
        /* What Jube archives and watches, callbackd has not: the columns are there, empty. */
        member(out, "archive", 0);
        member(out, "activationWatcher", 0);
    }
    member(out, "asynchronousInvoke", r->row.invoke);
    member(out, "asynchronousCallback", r->row.callback);
    member(out, "asynchronousCallbackTimeout", r->row.timeout);
    text_add_str(out, ",\"instance\":");
    text_add_json(out, bytes_text(r->instance));
    text_add_str(out, ",\"createdDate\":\"");
    timestamp_add_rfc3339(out, r->row.created_at_ms);
    text_add_str(out, "\"}");
}

void balance_print(const struct balance_table *t, bool per_model, struct text *out)
{
    text_add_char(out, '[');
    for (uint32_t i = 0; i < t->count; i++) {
        if (i > 0) {
            text_add_char(out, ',');
        }
        print_row(&t->at[i], per_model, out);
    }
    text_add_char(out, ']');
}
