#include "cluster/survey.h"

#include "cluster/effects.h"
#include "cluster/members.h"
#include "cluster/nodes.h"
#include "cluster/ops.h"
#include "cluster/send.h"

static void done(struct cluster *c, uint64_t ticket)
{
    effects_add(&c->effects, CLUSTER_SURVEY_DONE)->ticket = ticket;
}

static void end(struct cluster *c, struct op *op)
{
    uint64_t ticket = op->ticket.value;
    ops_free(c, op);
    done(c, ticket);
}

void cluster_survey(struct cluster *c, uint64_t now_ms, uint64_t ticket, uint8_t topic)
{
    c->now_ms = now_ms;
    struct op *op = ops_new(c, ticket, CLUSTER_OP_SURVEY);
    if (op == NULL) {
        done(c, ticket);
        return;
    }
    struct msg m = {.kind = MSG_SURVEY};
    m.survey.request = ops_number(c, op);
    m.survey.topic = topic;
    if (c->members != NULL && m.survey.request != 0) {
        for (struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
            const struct member *to = list_item(l, struct member, link);
            if (members_is_alive(to) && op->awaited < UINT16_MAX) {
                op->awaited += send_control(c, to->node, &m);
            }
        }
    }
    if (op->awaited == 0) {
        end(c, op);
    } else {
        ops_set_timer(c, op, now_ms + SURVEY_MAX_MS);
    }
}

void survey_on_survey(struct cluster *c, uint16_t from, const struct msg_survey *m)
{
    struct op *op = ops_new_internal(c, CLUSTER_OP_REPORT);
    if (op == NULL) {
        return; /* the asker's time ends it */
    }
    op->asker = from;
    op->asker_request = m->request;
    ops_set_timer(c, op, c->now_ms + SURVEY_MAX_MS);
    struct cluster_effect *e = effects_add(&c->effects, CLUSTER_ASK_REPORT);
    e->ticket = op->number.value;
    e->fingerprint = m->topic;
}

void cluster_report(struct cluster *c, uint64_t now_ms, uint64_t ticket, struct bytes text)
{
    c->now_ms = now_ms;
    struct op *op = ops_by_number(c, ticket);
    if (op == NULL || op->kind != CLUSTER_OP_REPORT) {
        return; /* it took too long */
    }
    struct msg m = {.kind = MSG_REPORT};
    m.report.request = op->asker_request;
    m.report.text = text;
    if (text.size > MSG_REPORT_MAX) {
        m.report.text.size = MSG_REPORT_MAX; /* cut in a line, which its reader passes over */
    }
    m.report.text = effects_keep(&c->effects, m.report.text);
    send_control(c, op->asker, &m);
    ops_free(c, op);
}

void survey_on_report(struct cluster *c, uint16_t from, const struct msg_report *m)
{
    struct op *op = ops_by_number(c, m->request);
    if (op == NULL || op->kind != CLUSTER_OP_SURVEY) {
        return;
    }
    struct cluster_effect *e = effects_add(&c->effects, CLUSTER_REPORT);
    e->ticket = op->ticket.value;
    e->view.node = effects_keep(&c->effects, nodes_at(&c->nodes, from)->name);
    e->text = effects_keep(&c->effects, m->text);
    op->awaited--;
    if (op->awaited == 0) {
        end(c, op);
    }
}

void survey_timeout(struct cluster *c, struct op *op)
{
    if (op->kind == CLUSTER_OP_SURVEY) {
        end(c, op);
    } else {
        ops_free(c, op);
    }
}
