#include "ctl/render.h"

#include "base/err.h"
#include "base/num.h"
#include "ctl/table.h"

#include <jansson.h>
#include <stdlib.h>

/* NULL unless it is an object. Ended by json_decref(). */
static json_t *object_of(struct bytes text)
{
    json_t *json = json_loadb((const char *)text.at, text.size, 0, NULL);
    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* The text of a member, or "". */
static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static uint64_t number_at(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number < 0 ? 0 : (uint64_t)number;
}

static void add_value(struct text *out, const json_t *value)
{
    if (json_is_string(value)) {
        table_add_shown(out, bytes_text(json_string_value(value)));
    } else {
        char *encoded = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        table_add_shown(out, bytes_text(encoded));
        free(encoded);
    }
}

/* "queue_position" as "queue position" and its value, if the object has it. */
static void add_member(struct text *out, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return;
    }
    for (const char *c = key; *c != '\0'; c++) {
        text_add_char(out, *c == '_' ? ' ' : *c);
    }
    for (size_t n = strlen(key); n < 25; n++) {
        text_add_char(out, ' ');
    }
    add_value(out, value);
    text_add_char(out, '\n');
}

static int render_members(struct bytes text, const char *const *keys, struct text *out)
{
    json_t *json = object_of(text);
    if (json == NULL || json_object_get(json, "id") == NULL) {
        json_decref(json);
        return ERR_MALFORMED;
    }
    for (; *keys != NULL; keys++) {
        add_member(out, json, *keys);
    }
    json_decref(json);
    return 0;
}

int render_status(struct bytes json, struct text *out)
{
    static const char *const keys[] = {"id",           "function",
                                       "status",       "node",
                                       "attempt",      "queue_position",
                                       "created_at",   "started_at",
                                       "completed_at", "estimated_completion_at",
                                       "ended_at",     "expires_at",
                                       "webhook",      "callback_url",
                                       "cancel_url",   NULL};
    return render_members(json, keys, out);
}

int render_accepted(struct bytes json, struct text *out)
{
    static const char *const keys[] = {"id",         "function",     "status",
                                       "status_url", "callback_url", NULL};
    return render_members(json, keys, out);
}

static const char *const queue_numbers[] = {"queued",   "running",    "ready",    "bytes",
                                            "accepted", "collected",  "expired",  "canceled",
                                            "failed",   "taken_over", "elsewhere"};
#define QUEUE_NUMBERS (sizeof queue_numbers / sizeof queue_numbers[0])

static void add_signed(struct table *t, json_int_t number)
{
    struct text cell = {0};
    text_addf(&cell, "%" JSON_INTEGER_FORMAT, number);
    table_add(t, text_view(&cell));
    text_fini(&cell);
}

/* One row for each function of `functions`, an object by name. */
static void add_queue_rows(struct table *t, const char *node, json_t *functions)
{
    const char *name;
    json_t *numbers;
    json_object_foreach(functions, name, numbers)
    {
        table_add_str(t, node);
        table_add_str(t, name);
        for (size_t i = 0; i < QUEUE_NUMBERS; i++) {
            uint64_t number = number_at(numbers, queue_numbers[i]);
            if (strcmp(queue_numbers[i], "bytes") == 0) {
                table_add_size(t, number);
            } else {
                table_add_num(t, number);
            }
        }
        add_signed(t, json_integer_value(json_object_get(numbers, "unaccounted")));
    }
}

int render_queues(struct bytes json, struct text *out)
{
    static const char *const titles[] = {"node",      "function",   "queued",   "running",
                                         "ready",     "bytes",      "accepted", "collected",
                                         "expired",   "canceled",   "failed",   "taken over",
                                         "elsewhere", "unaccounted"};
    json_t *root = object_of(json);
    json_t *nodes = json_object_get(root, "nodes");
    if (!json_is_array(nodes)) {
        json_decref(root);
        return ERR_MALFORMED;
    }
    struct table t;
    table_init(&t, titles, "llrrrrrrrrrrrr");
    size_t index;
    json_t *node;
    json_array_foreach(nodes, index, node)
    {
        add_queue_rows(&t, text_at(node, "node"), json_object_get(node, "functions"));
    }
    if (json_array_size(nodes) > 1) {
        add_queue_rows(&t, "(cluster)", json_object_get(root, "cluster"));
    }
    table_print(&t, out);
    table_fini(&t);
    json_decref(root);
    return 0;
}

/* Sums the samples of `metric` whose label `peer` is `name`. False when there are none. */
static bool sum_of_peer(struct bytes metrics, const char *metric, const char *name,
                        uint64_t *out)
{
    struct text start = {0};
    bool is_found = false;
    *out = 0;
    text_addf(&start, "%s{peer=\"%s\",", metric, name);
    text_add_char(&start, '\0');
    while (metrics.size > 0) {
        struct bytes line = bytes_cut_at(&metrics, '\n');
        uint64_t value;
        if (!bytes_cut_front(&line, start.at)) {
            continue;
        }
        bytes_cut_at(&line, ' ');
        if (num_parse(line, UINT64_MAX, &value) == 0) {
            *out += value;
            is_found = true;
        }
    }
    text_fini(&start);
    return is_found;
}

static void add_traffic(struct table *t, struct bytes metrics, const char *metric,
                        const char *name)
{
    uint64_t size;
    if (sum_of_peer(metrics, metric, name, &size)) {
        table_add_size(t, size);
    } else {
        table_add_str(t, "-");
    }
}

static void add_ms(struct table *t, const json_t *member, const char *key)
{
    const json_t *value = json_object_get(member, key);
    struct text cell = {0};
    if (json_is_number(value)) {
        text_addf(&cell, "%.3g ms", json_number_value(value));
    } else {
        text_add_char(&cell, '-');
    }
    table_add(t, text_view(&cell));
    text_fini(&cell);
}

static void add_member_row(struct table *t, const json_t *member, struct bytes metrics)
{
    const char *name = text_at(member, "name");
    const char *zone = text_at(member, "zone");
    bool is_self = json_is_true(json_object_get(member, "self"));
    struct text shown = {0};
    text_addf(&shown, "%s%s", name, is_self ? " (this node)" : "");
    table_add(t, text_view(&shown));
    text_fini(&shown);
    table_add_str(t, text_at(member, "state"));
    table_add_str(t, zone[0] == '\0' ? "-" : zone);
    table_add_str(t, text_at(member, "address"));
    if (is_self) {
        table_add_str(t, "-");
        table_add_str(t, "-");
    } else {
        add_ms(t, member, "rtt_ms");
        add_ms(t, member, "lag_ms");
    }
    add_traffic(t, metrics, "callbackd_cluster_sent_bytes_total", name);
    add_traffic(t, metrics, "callbackd_cluster_received_bytes_total", name);
}

int render_cluster(struct bytes json, struct bytes metrics, struct text *out)
{
    static const char *const titles[] = {"member",     "state", "zone",       "address",
                                         "round-trip", "lag",   "bytes sent", "bytes received"};
    json_t *root = object_of(json);
    json_t *members = json_object_get(root, "members");
    if (!json_is_array(members)) {
        json_decref(root);
        return ERR_MALFORMED;
    }
    struct table t;
    table_init(&t, titles, "llllrrrr");
    size_t index;
    json_t *member;
    json_array_foreach(members, index, member)
    {
        add_member_row(&t, member, metrics);
    }
    table_print(&t, out);
    table_fini(&t);
    json_decref(root);
    return 0;
}

bool render_problem(struct bytes json, struct text *out)
{
    json_t *root = object_of(json);
    struct bytes slug = bytes_text(text_at(root, "type"));
    const char *said = text_at(root, "detail");
    const char *state = text_at(root, "invocation_status");
    if (said[0] == '\0') {
        said = text_at(root, "title");
    }
    bool is_problem = root != NULL && (slug.size > 0 || said[0] != '\0');
    if (is_problem) {
        bytes_cut_front(&slug, "/problems/");
        table_add_shown(out, slug);
        text_add_str(out, slug.size > 0 && said[0] != '\0' ? ": " : "");
        table_add_shown(out, bytes_text(said));
    }
    if (is_problem && state[0] != '\0') {
        text_add_str(out, " (it is ");
        table_add_shown(out, bytes_text(state));
        text_add_char(out, ')');
    }
    json_decref(root);
    return is_problem;
}
