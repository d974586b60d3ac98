#include "balance.h"

#include "base/err.h"
#include "base/num.h"
#include "base/timestamp.h"

#include <assert.h>
#include <stdlib.h>

static const char marks[BALANCE_KINDS] = {
    [BALANCE_OF_NODES] = 'b',
    [BALANCE_OF_MODELS] = 'm',
};

int balance_init(struct balance *b, const struct balance_model *models, uint32_t function_count)
{
    *b = (struct balance){.models = models, .function_count = function_count};
    b->expired_before = calloc((size_t)function_count + 1, sizeof *b->expired_before);
    return b->expired_before == NULL ? ERR_NOMEM : 0;
}

void balance_fini(struct balance *b)
{
    free(b->expired_before);
    *b = (struct balance){0};
}

static void add_row(struct balance_ring *ring, struct balance_row row)
{
    row.id = ++ring->last_id;
    ring->rows[(row.id - 1) % BALANCE_ROWS_MAX] = row;
    if (ring->count < BALANCE_ROWS_MAX) {
        ring->count++;
    }
}

void balance_add(struct balance *b, const struct functions *fs, uint64_t wall_ms)
{
    struct balance_row all = {.created_at_ms = wall_ms};
    assert(functions_count(fs) == b->function_count);
    for (uint32_t i = 0; i < b->function_count; i++) {
        const struct function *f = functions_at(fs, i);
        struct balance_row row = {
            .created_at_ms = wall_ms,
            .invoke = f->queued,
            .callback = f->stats.ready,
            .timeout = f->stats.expired - b->expired_before[i],
            .model = b->models[i].guid,
        };
        b->expired_before[i] = f->stats.expired;
        all.invoke += row.invoke;
        all.callback += row.callback;
        all.timeout += row.timeout;
        if (b->models[i].is_one) {
            add_row(&b->of[BALANCE_OF_MODELS], row);
        }
    }
    add_row(&b->of[BALANCE_OF_NODES], all);
}

static void add_guid(struct text *out, const struct guid *guid)
{
    char text[GUID_TEXT_SIZE];
    text_add(out, guid_text(text, guid));
}

void balance_write(const struct balance *b, enum balance_kind kind, struct text *out)
{
    const struct balance_ring *ring = &b->of[kind];
    for (uint32_t i = 0; i < ring->count; i++) {
        const struct balance_row *row = &ring->rows[(ring->last_id - 1 - i) % BALANCE_ROWS_MAX];
        const uint64_t numbers[] = {row->id, row->created_at_ms, row->invoke, row->callback,
                                    row->timeout};
        text_add_char(out, marks[kind]);
        for (size_t n = 0; n < 5; n++) {
            text_add_char(out, ' ');
            text_add_num(out, numbers[n]);
        }
        if (kind == BALANCE_OF_MODELS) {
            text_add_char(out, ' ');
            add_guid(out, &row->model);
        }
        text_add_char(out, '\n');
    }
}

static bool parse_row(struct bytes line, enum balance_kind kind, struct balance_row *row)
{
    uint64_t *const fields[] = {&row->id, &row->created_at_ms, &row->invoke, &row->callback,
                                &row->timeout};
    struct bytes mark = bytes_cut_at(&line, ' ');
    if (mark.size != 1 || mark.at[0] != (uint8_t)marks[kind]) {
        return false;
    }
    for (size_t n = 0; n < 5; n++) {
        if (num_parse(bytes_cut_at(&line, ' '), UINT64_MAX, fields[n]) != 0) {
            return false;
        }
    }
    return kind != BALANCE_OF_MODELS || guid_parse(&row->model, bytes_cut_at(&line, ' ')) == 0;
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
        if (parse_row(bytes_cut_at(&report, '\n'), t->kind, &row.row)) {
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

static void print_row(const struct balance_table_row *r, enum balance_kind kind,
                      struct text *out)
{
    text_add_str(out, "{\"id\":");
    text_add_num(out, r->row.id);
    if (kind == BALANCE_OF_MODELS) {
        text_add_str(out, ",\"entityAnalysisModelGuid\":\"");
        add_guid(out, &r->row.model);
        text_add_char(out, '"');
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

void balance_print(const struct balance_table *t, struct text *out)
{
    text_add_char(out, '[');
    for (uint32_t i = 0; i < t->count; i++) {
        if (i > 0) {
            text_add_char(out, ',');
        }
        print_row(&t->at[i], t->kind, out);
    }
    text_add_char(out, ']');
}
