#include "cluster/questions.h"

#include "cluster/answer.h"
#include "cluster/claims.h"
#include "cluster/locate.h"
#include "cluster/ops.h"
#include "cluster/publish.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/trust.h"
#include "cluster/view.h"

enum {
    STATUS_MS = 900,       /* an answer within 1 s, also when nobody answers */
    CANCEL_WAIT_MS = 3000, /* for one who is just being served */
    CANCEL_ASK_MS = 4500,  /* for the home, which waits as above */
};

/* --- status ------------------------------------------------------------------------------ */

/* The core is asked how far it is; it answers with the op's number. */
static void ask_progress(struct cluster *c, struct op *op, struct invocation *inv)
{
    uint64_t number = ops_number(c, op);
    if (number == 0) {
        struct invocation_view view;
        view_of_entry(&view, c, inv);
        answer_status(c, op, &view);
        ops_free(c, op);
        return;
    }
    ops_set_timer(c, op, c->now_ms + STATUS_MS);
    struct cluster_effect *e = effects_add(&c->effects, CLUSTER_ASK_PROGRESS);
    e->inv = inv;
    e->ticket = number;
}

/* True: what is known here is the truth. Without its home it is who acts for it that knows. */
static bool knows(const struct cluster *c, const struct invocation *inv)
{
    bool is_settled = inv_is_ready(inv) && inv->webhook == WEBHOOK_NONE;
    bool acts = publish_is_owner(c, inv) && !trust_is_reachable(c, (uint16_t)inv->origin);
    return inv->is_known || is_settled || acts;
}

static void status(struct cluster *c, struct op *op)
{
    struct invocation *inv = store_find_of(c, &op->guid, op->tenant);
    if (inv != NULL && inv->is_known && !inv_is_ready(inv)) {
        ask_progress(c, op, inv);
        return;
    }
    struct invocation_view view;
    bool known = view_find(&view, c, &op->guid, op->tenant);
    bool asks_on = op->asker == 0 && (!known || (inv != NULL && !knows(c, inv)));
    if (asks_on && locate_ask(c, op)) {
        ops_set_timer(c, op, c->now_ms + STATUS_MS);
        return;
    }
    answer_status(c, op, &view);
    ops_free(c, op);
}

void cluster_status(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                    const struct guid *guid, struct bytes tenant)
{
    c->now_ms = now_ms;
    uint16_t who;
    bool is_kept = names_keep_tenant(&c->names, tenant, &who);
    struct op *op = is_kept ? ops_new(c, ticket, CLUSTER_OP_STATUS) : NULL;
    if (op == NULL) {
        struct cluster_effect *e = effects_add(&c->effects, CLUSTER_STATUS);
        e->ticket = ticket;
        view_find(&e->view, c, guid, is_kept ? who : TENANT_NOBODY);
        e->view.unsure = !is_kept;
        e->view.client_id = effects_keep(&c->effects, e->view.client_id);
        return;
    }
    op->guid = *guid;
    op->tenant = who;
    status(c, op);
}

void cluster_answer_progress(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                             const struct cluster_progress *p)
{
    c->now_ms = now_ms;
    struct op *op = ops_by_number(c, ticket);
    if (op == NULL || op->kind != CLUSTER_OP_STATUS) {
        return;
    }
    struct invocation_view view;
    view_find(&view, c, &op->guid, op->tenant);
    view.progress = *p;
    answer_status(c, op, &view);
    ops_free(c, op);
}

/* --- cancel --------------------------------------------------------------------------------
 */

/* Nobody else has ever heard of it: no copies were sent. */
static bool is_here_only(const struct cluster *c, const struct invocation *inv)
{
    return inv_is_ours(inv) && !inv_is_ready(inv) &&
           (c->config.accept_acks == 0 || inv_others(inv) == 0);
}

/* Who acts for it asks for the votes, and counts its end; all who want to know how far it is
 * ask there. */
static bool may_claim_here(const struct cluster *c, const struct invocation *inv)
{
    return inv_is_ready(inv) || inv->is_known || publish_is_owner(c, inv);
}

static void cancel(struct cluster *c, struct op *op)
{
    struct invocation *inv = store_find_of(c, &op->guid, op->tenant);
    if (inv != NULL && (inv->is_bound || inv->is_over)) {
        answer_claim(c, op, ANSWER_ENDED, inv_end(inv));
        ops_free(c, op);
    } else if (inv != NULL && is_here_only(c, inv)) {
        store_end(c, inv, INVOCATION_CANCELED);
        answer_claim(c, op, ANSWER_DONE, INVOCATION_CANCELED);
        ops_free(c, op);
    } else if (inv != NULL && may_claim_here(c, inv)) {
        op->purpose = CLAIM_CANCEL;
        op->wait_until_ms = c->now_ms + CANCEL_WAIT_MS;
        claims_join(c, op);
    } else if (inv == NULL && store_tomb_of(c, &op->guid, op->tenant) != NULL) {
        answer_claim(c, op, ANSWER_ENDED, INVOCATION_COLLECTED);
        ops_free(c, op);
    } else {
        op->kind = CLUSTER_OP_ASK_CANCEL;
        if (op->asker == 0 && locate_ask(c, op)) {
            ops_set_timer(c, op, c->now_ms + CANCEL_ASK_MS);
            return;
        }
        op->kind = CLUSTER_OP_CANCEL;
        answer_claim(c, op,
                     trust_may_exist(c, &op->guid) ? ANSWER_NO_QUORUM_LEFT : ANSWER_NEVER_HEARD,
                     INVOCATION_QUEUED);
        ops_free(c, op);
    }
}

void cluster_cancel(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                    const struct guid *guid, struct bytes tenant)
{
    c->now_ms = now_ms;
    uint16_t who;
    bool is_kept = names_keep_tenant(&c->names, tenant, &who);
    struct op *op = is_kept ? ops_new(c, ticket, CLUSTER_OP_CANCEL) : NULL;
    if (op == NULL) {
        effects_add(&c->effects, CLUSTER_CANCEL_NO_QUORUM)->ticket = ticket;
        return;
    }
    op->guid = *guid;
    op->tenant = who;
    cancel(c, op);
}

/* --- from and to other nodes -----------------------------------------------------------------
 */

static struct op *op_for(struct cluster *c, uint16_t from, const struct msg_ask *m,
                         enum op_kind kind)
{
    struct op *op = ops_new_internal(c, kind);
    if (op != NULL) {
        op->guid = m->guid;
        op->tenant = names_find_tenant(&c->names, m->tenant);
        op->asker = from;
        op->asker_request = m->request;
    }
    return op;
}

void questions_on_status_req(struct cluster *c, uint16_t from, const struct msg_ask *m)
{
    struct op *op = op_for(c, from, m, CLUSTER_OP_STATUS);
    if (op != NULL) {
        status(c, op);
    }
}

void questions_on_cancel(struct cluster *c, uint16_t from, const struct msg_ask *m)
{
    struct op *op = op_for(c, from, m, CLUSTER_OP_CANCEL);
    if (op != NULL) {
        cancel(c, op);
    }
}

static void canceled_elsewhere(struct cluster *c, struct op *op, const struct msg_status *m)
{
    bool is_unknown = m->answer == ANSWER_UNKNOWN && !trust_may_exist(c, &op->guid);
    struct cluster_effect *e =
        effects_add(&c->effects, m->answer == ANSWER_CANCELED   ? CLUSTER_CANCEL_DONE
                                 : m->answer == ANSWER_CONFLICT ? CLUSTER_CANCEL_CONFLICT
                                 : is_unknown                   ? CLUSTER_CANCEL_UNKNOWN
                                                                : CLUSTER_CANCEL_NO_QUORUM);
    e->ticket = op->ticket.value;
    answer_view(c, &e->view, m);
    e->view.guid = op->guid;
    ops_free(c, op);
}

static void told_elsewhere(struct cluster *c, struct op *op, const struct msg_status *m)
{
    struct invocation_view view;
    const struct invocation *inv = store_find_of(c, &op->guid, op->tenant);
    if (m->answer != ANSWER_STATUS && inv != NULL &&
        !trust_is_reachable(c, (uint16_t)inv->origin)) {
        view_of_entry(&view, c, inv); /* it is here, whoever of its arbiters lacks it */
    } else {
        answer_view(c, &view, m);
        view.guid = op->guid;
        view.unsure = op->in_doubt;
    }
    answer_status(c, op, &view);
    ops_free(c, op);
}

/* Several are asked when the home is dead: the first who knows is believed, the last who does
 * not ends it. */
static bool is_the_last_word(struct op *op, const struct msg_status *m)
{
    bool doubts = m->answer == ANSWER_NO_QUORUM && op->kind != CLUSTER_OP_ASK_CANCEL;
    if (m->answer != ANSWER_UNKNOWN && !doubts) {
        return true;
    }
    op->in_doubt = op->in_doubt || doubts;
    if (op->tries > 0) {
        op->tries--;
    }
    return op->tries == 0;
}

void questions_on_status(struct cluster *c, uint16_t from, const struct msg_status *told)
{
    (void)from;
    struct msg_status own = *told;
    const struct msg_status *m = &own;
    if (own.state >= INVOCATION_STATE_COUNT) {
        own.state = INVOCATION_QUEUED; /* no word for it is known here */
    }
    struct op *op = ops_by_number(c, m->request);
    if (op != NULL && m->answer == ANSWER_STATUS &&
        !bytes_equal(m->tenant, names_at(&c->names, op->tenant))) {
        own = (struct msg_status){.request = told->request, .answer = ANSWER_UNKNOWN};
    }
    if (op == NULL || !is_the_last_word(op, m)) {
        return;
    }
    switch ((enum op_kind)op->kind) {
    case CLUSTER_OP_COLLECT:
    case CLUSTER_OP_FREE:
        claims_on_located(c, op, m);
        break;
    case CLUSTER_OP_STATUS:
        told_elsewhere(c, op, m);
        break;
    case CLUSTER_OP_ASK_CANCEL:
        canceled_elsewhere(c, op, m);
        break;
    default:
        break;
    }
}

void questions_timeout(struct cluster *c, struct op *op)
{
    struct cluster_effect *e;
    if (op->kind == CLUSTER_OP_STATUS) {
        struct invocation_view view;
        view_find(&view, c, &op->guid, op->tenant);
        view.unsure = !view.known;
        answer_status(c, op, &view);
    } else if (op->kind == CLUSTER_OP_ASK_CANCEL) {
        e = effects_add(&c->effects, CLUSTER_CANCEL_NO_QUORUM);
        e->ticket = op->ticket.value;
        e->view.guid = op->guid;
    } else {
        e = effects_add(&c->effects, op->kind == CLUSTER_OP_REGISTER ? CLUSTER_REGISTER_FAILED
                                                                     : CLUSTER_RESOLVED);
        e->ticket = op->ticket.value;
        e->guid = op->guid;
        e->view.unsure = true;
    }
    ops_free(c, op);
}

void questions_leave(struct cluster *c, struct op *op)
{
    ops_free(c, op);
}
