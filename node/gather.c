#include "gather.h"

#include "base/list.h"
#include "dialects/dialect.h"
#include "report.h"

#include <stdlib.h>

struct gathering {
    struct list link;
    struct http_exchange *x; /* NULL: the client left */
    enum gather_topic topic;
    bool any;          /* a node was written */
    struct text nodes; /* GATHER_QUEUES: the elements of "nodes" */
    struct report_sums sums;
    struct balance_table rows; /* the others */
};

struct gather {
    struct gather_config config;
    struct list open;
};

/* Tickets of surveys are marked by the second lowest bit (core/core.h). */
static uint64_t ticket_of(const struct gathering *s)
{
    return (uint64_t)(uintptr_t)s | CORE_TICKET_SURVEY;
}

static struct gathering *gathering_of(uint64_t ticket)
{
    return (struct gathering *)(uintptr_t)(ticket & ~(uint64_t)CORE_TICKET_SURVEY);
}

static void gathering_free(struct gathering *s)
{
    list_remove(&s->link);
    text_fini(&s->nodes);
    report_sums_fini(&s->sums);
    free(s);
}

static void take(struct gathering *s, struct bytes node, struct bytes report)
{
    if (s->topic != GATHER_QUEUES) {
        balance_read(&s->rows, node, report);
        return;
    }
    text_add_str(&s->nodes, s->any ? ",{\"node\":" : "{\"node\":");
    text_add_json(&s->nodes, node);
    text_add_str(&s->nodes, ",\"functions\":");
    report_queues_print(report, &s->sums, &s->nodes);
    text_add_char(&s->nodes, '}');
    s->any = true;
}

static void answer(struct gathering *s)
{
    struct http_answer a = {.status = 200};
    http_answer_header(&a, "Content-Type", bytes_text("application/json"));
    http_answer_header(&a, "Cache-Control", bytes_text("no-store"));
    if (s->topic == GATHER_QUEUES) {
        text_add_str(&a.content, "{\"nodes\":[");
        text_add(&a.content, text_view(&s->nodes));
        text_add_str(&a.content, "],\"cluster\":");
        report_sums_print(&s->sums, &a.content);
        text_add_char(&a.content, '}');
    } else {
        balance_print(&s->rows, &a.content);
    }
    http_exchange_set_data(s->x, 0);
    http_exchange_answer(s->x, &a);
    gathering_free(s);
}

static enum balance_kind kind_of(uint64_t topic)
{
    return topic == GATHER_MODEL_BALANCE ? BALANCE_OF_MODELS : BALANCE_OF_NODES;
}

static void write_report(const struct gather *g, uint64_t topic, struct text *out)
{
    if (topic == GATHER_QUEUES) {
        report_queues(core_functions(g->config.core), out);
    } else {
        balance_write(g->config.balance, kind_of(topic), out);
    }
}

static void answer_no_memory(struct http_exchange *x)
{
    struct http_answer a = {0};
    text_add_str(&a.headers, "Retry-After: 1\r\n");
    dialect_problem(&a, 503, "out-of-memory", NULL, http_exchange_request(x)->path);
    http_exchange_answer(x, &a);
}

void gather_begin(struct gather *g, struct http_exchange *x, enum gather_topic topic)
{
    struct gathering *s = calloc(1, sizeof *s);
    struct text own = {0};
    if (s == NULL) {
        answer_no_memory(x);
        return;
    }
    s->x = x;
    s->topic = topic;
    s->rows.kind = kind_of(topic);
    list_push_back(&g->open, &s->link);
    http_exchange_set_data(x, (uint64_t)(uintptr_t)s);
    write_report(g, topic, &own);
    take(s, g->config.node_name, text_view(&own));
    text_fini(&own);
    cluster_survey(core_cluster(g->config.core), loop_now_ms(g->config.loop), ticket_of(s),
                   (uint8_t)topic);
    g->config.pump(g->config.owner);
}

void gather_end(struct gather *g, struct http_exchange *x)
{
    struct gathering *s = (struct gathering *)(uintptr_t)http_exchange_data(x);
    if (s != NULL) {
        cluster_leave(core_cluster(g->config.core), loop_now_ms(g->config.loop), ticket_of(s));
        gathering_free(s);
    }
}

void gather_on_survey(struct gather *g, const struct core_survey *survey)
{
    if (survey->kind == CLUSTER_ASK_REPORT) {
        struct text report = {0};
        write_report(g, survey->topic, &report);
        cluster_report(core_cluster(g->config.core), loop_now_ms(g->config.loop),
                       survey->ticket, text_view(&report));
        text_fini(&report);
    } else if (survey->kind == CLUSTER_REPORT) {
        take(gathering_of(survey->ticket), survey->node, survey->text);
    } else {
        answer(gathering_of(survey->ticket));
    }
}

struct gather *gather_new(const struct gather_config *config)
{
    struct gather *g = calloc(1, sizeof *g);
    if (g != NULL) {
        g->config = *config;
        list_init(&g->open);
    }
    return g;
}

void gather_free(struct gather **g)
{
    struct gather *mine = *g;
    *g = NULL;
    if (mine == NULL) {
        return;
    }
    while (!list_is_empty(&mine->open)) {
        gathering_free(list_item(mine->open.next, struct gathering, link));
    }
    free(mine);
}
