/* Names that clients choose: kept by the node that rendezvous hashing names (PROTOCOL.md 3),
 * asked and told by messages when that is another one. */
#include "cluster/ops.h"
#include "cluster/placement.h"
#include "cluster/questions.h"
#include "cluster/send.h"
#include "cluster/store.h"

#include "base/err.h"

enum {
    REGISTER_MS = 600,    /* for the registrar's answer */
    LOOK_AGAIN_MS = 1000, /* whether what a name names is still known */
};

static bool send_registration(struct cluster *c, uint16_t node, uint64_t request,
                              enum msg_register_op what, const struct cluster_register *r)
{
    struct msg m = {.kind = MSG_REGISTER};
    m.registration.request = request;
    m.registration.op = (uint8_t)what;
    m.registration.space = r->space;
    m.registration.key =
        effects_keep(&c->effects, r->key); /* the caller's ends with its call */
    if (m.registration.key.size != r->key.size) {
        return false;
    }
    m.registration.guid = r->guid;
    m.registration.fingerprint = r->fingerprint;
    m.registration.keep_ms = r->keep_ms;
    return send_control(c, node, &m);
}

static void answer(struct cluster *c, uint64_t ticket, enum cluster_effect_kind kind,
                   const struct registry_entry *entry, bool found)
{
    struct cluster_effect *e = effects_add(&c->effects, kind);
    e->ticket = ticket;
    e->found = found;
    e->guid = entry->guid;
    e->fingerprint = entry->fingerprint;
}

static int keep(struct cluster *c, const struct cluster_register *r,
                struct registry_entry *entry)
{
    uint64_t until = c->now_ms + r->keep_ms + c->config.retention_ms;
    *entry = (struct registry_entry){r->guid, r->fingerprint};
    return registry_add(&c->registry, r->space, r->key, entry, until);
}

/* Asks the registrar; false: it cannot be reached. */
static bool ask(struct cluster *c, uint16_t registrar, enum msg_register_op what,
                const struct cluster_register *r)
{
    struct op *op =
        ops_new(c, r->ticket, what == REGISTER_ADD ? CLUSTER_OP_REGISTER : CLUSTER_OP_RESOLVE);
    if (op == NULL) {
        return false;
    }
    op->guid = r->guid;
    op->fingerprint = r->fingerprint;
    uint64_t number = ops_number(c, op);
    if (number == 0 || !send_registration(c, registrar, number, what, r)) {
        ops_free(c, op);
        return false;
    }
    ops_set_timer(c, op, c->now_ms + REGISTER_MS);
    return true;
}

void cluster_register(struct cluster *c, uint64_t now_ms, const struct cluster_register *in)
{
    c->now_ms = now_ms;
    uint16_t registrar = placement_registrar(c, in->space, in->key);
    struct registry_entry entry = {in->guid, in->fingerprint};
    if (registrar != SELF) {
        if (!ask(c, registrar, REGISTER_ADD, in)) {
            answer(c, in->ticket, CLUSTER_REGISTER_FAILED, &entry, false);
        }
        return;
    }
    int rc = keep(c, in, &entry);
    bool failed = rc != 0 && rc != ERR_INUSE;
    answer(c, in->ticket, failed ? CLUSTER_REGISTER_FAILED : CLUSTER_REGISTERED, &entry,
           rc == ERR_INUSE);
}

void cluster_unregister(struct cluster *c, uint64_t now_ms, uint8_t space, struct bytes key,
                        const struct guid *guid)
{
    c->now_ms = now_ms;
    uint16_t registrar = placement_registrar(c, space, key);
    if (registrar == SELF) {
        registry_remove(&c->registry, space, key, guid);
        return;
    }
    struct cluster_register r = {.space = space, .key = key, .guid = *guid};
    send_registration(c, registrar, 0, REGISTER_REMOVE, &r);
}

void cluster_resolve(struct cluster *c, uint64_t now_ms, uint64_t ticket, uint8_t space,
                     struct bytes key)
{
    c->now_ms = now_ms;
    uint16_t registrar = placement_registrar(c, space, key);
    struct registry_entry entry = {0};
    if (registrar == SELF) {
        bool found = registry_find(&c->registry, space, key, &entry);
        answer(c, ticket, CLUSTER_RESOLVED, &entry, found);
        return;
    }
    struct cluster_register r = {.ticket = ticket, .space = space, .key = key};
    if (!ask(c, registrar, REGISTER_FIND, &r)) {
        answer(c, ticket, CLUSTER_RESOLVED, &entry, false);
    }
}

void questions_on_registration(struct cluster *c, uint16_t from,
                               const struct msg_registration *m)
{
    struct cluster_register r = {.space = m->space,
                                 .key = m->key,
                                 .guid = m->guid,
                                 .fingerprint = m->fingerprint,
                                 .keep_ms = m->keep_ms};
    struct registry_entry entry = {m->guid, m->fingerprint};
    bool found = false;
    if (m->op == REGISTER_REMOVE) {
        registry_remove(&c->registry, m->space, m->key, &m->guid);
    } else if (m->op == REGISTER_FIND) {
        found = registry_find(&c->registry, m->space, m->key, &entry);
    } else {
        int rc = keep(c, &r, &entry);
        if (rc != 0 && rc != ERR_INUSE) {
            return; /* no room: its time runs out there, and the client is told 503 */
        }
        found = rc == ERR_INUSE;
    }
    if (m->request != 0) {
        struct msg reply = {.kind = MSG_REGISTERED};
        reply.registered.request = m->request;
        reply.registered.found = found;
        reply.registered.guid = entry.guid;
        reply.registered.fingerprint = entry.fingerprint;
        send_control(c, from, &reply);
    }
}

void questions_on_registered(struct cluster *c, uint16_t from, const struct msg_registered *m)
{
    (void)from;
    struct op *op = ops_by_number(c, m->request);
    if (op == NULL || (op->kind != CLUSTER_OP_REGISTER && op->kind != CLUSTER_OP_RESOLVE)) {
        return;
    }
    struct registry_entry entry = {m->guid, m->fingerprint};
    answer(c, op->ticket.value,
           op->kind == CLUSTER_OP_REGISTER ? CLUSTER_REGISTERED : CLUSTER_RESOLVED, &entry,
           m->found);
    ops_free(c, op);
}

/* How long a name whose time was over must stay because of what it names; 0: no longer. */
static uint64_t needed_until_ms(const struct cluster *c, const struct guid *guid)
{
    const struct invocation *inv = store_find(c, guid);
    if (inv != NULL) {
        uint64_t until = store_deadline_ms(c, inv);
        bool is_far = until != UINT64_MAX && until > c->now_ms + LOOK_AGAIN_MS;
        return is_far ? until : c->now_ms + LOOK_AGAIN_MS;
    }
    const struct tomb *t = tombs_find(&c->tombs, guid);
    if (t == NULL) {
        return 0;
    }
    uint64_t forgotten = c->epoch_ms + t->created + t->ended - 1 + c->config.retention_ms;
    return forgotten > c->now_ms ? forgotten : 0;
}

void questions_tick(struct cluster *c, uint32_t limit)
{
    for (uint32_t i = 0; i < limit; i++) {
        struct registration *reg = registry_due(&c->registry, c->now_ms);
        if (reg == NULL) {
            return;
        }
        uint64_t until = needed_until_ms(c, &reg->guid);
        if (until != 0) {
            registry_keep(&c->registry, reg, until);
        } else {
            registry_drop(&c->registry, reg);
        }
    }
}
