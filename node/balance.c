#include "balance.h"

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

static void member(struct text *out, const char *name, uint64_t value)
{
    text_add_str(out, ",\"");
    text_add_str(out, name);
    text_add_str(out, "\":");
    text_add_num(out, value);
}

static void print_row(const struct balance_row *row, bool per_model, struct bytes instance,
                      struct text *out)
{
    text_add_str(out, "{\"id\":");
    text_add_num(out, row->id);
    if (per_model) {
        /* What Jube archives and watches, callbackd has not: the columns are there, empty. */
        member(out, "archive", 0);
        member(out, "activationWatcher", 0);
    }
    member(out, "asynchronousInvoke", row->invoke);
    member(out, "asynchronousCallback", row->callback);
    member(out, "asynchronousCallbackTimeout", row->timeout);
    text_add_str(out, ",\"instance\":");
    text_add_json(out, instance);
    text_add_str(out, ",\"createdDate\":\"");
    timestamp_add_rfc3339(out, row->created_at_ms);
    text_add_str(out, "\"}");
}

void balance_print(const struct balance *b, bool per_model, struct bytes instance,
                   struct text *out)
{
    text_add_char(out, '[');
    for (uint32_t i = 0; i < b->count; i++) {
        if (i > 0) {
            text_add_char(out, ',');
        }
        print_row(&b->rows[(b->last_id - 1 - i) % BALANCE_ROWS_MAX], per_model, instance, out);
    }
    text_add_char(out, ']');
}
