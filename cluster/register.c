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
    PENDING_AGAIN_MS =
        3000,            /* likewise, while it is queued or running: nobody knows how long */
    GRACE_MS = 2000,     /* a registrar waits so much longer, for the home to say that it is */
    SWEEP_BUCKETS = 256, /* of the registry, in one step */
};

/* A name, and whose it shall be; on the wire the key is its hash. */
struct naming {
    uint64_t ticket; /* 0: nobody waits */
    struct guid name;
    struct guid guid;
    uint64_t fingerprint;
    uint32_t keep_ms;
};

static bool send_naming(struct cluster *c, uint16_t node, uint64_t request,
                        enum msg_register_op what, const struct naming *n)
{
    struct msg m = {.kind = MSG_REGISTER};
    m.registration.request = request;
    m.registration.op = (uint8_t)what;
    m.registration.key = effects_keep(&c->effects, bytes_of(n->name.at, GUID_SIZE));
    if (m.registration.key.size != GUID_SIZE) {
        return false;
    }
    m.registration.guid = n->guid;
    m.registration.fingerprint = n->fingerprint;
    m.registration.keep_ms = n->keep_ms;
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

static int keep(struct cluster *c, const struct naming *n, struct registry_entry *entry)
{
    *entry = (struct registry_entry){n->guid, n->fingerprint};
    return registry_add(&c->registry, &n->name, entry,
                        c->now_ms + n->keep_ms + c->config.retention_ms);
}

/* Asks the registrar; false: it cannot be reached. */
static bool ask(struct cluster *c, uint16_t registrar, enum msg_register_op what,
                const struct naming *n)
{
    struct op *op =
        ops_new(c, n->ticket, what == REGISTER_ADD ? CLUSTER_OP_REGISTER : CLUSTER_OP_RESOLVE);
    if (op == NULL) {
        return false;
    }
    op->guid = n->guid;
    op->fingerprint = n->fingerprint;
    op->keep_ms = n->keep_ms;
    op->token = n->name;
    uint64_t number = ops_number(c, op);
    if (number == 0 || !send_naming(c, registrar, number, what, n)) {
        ops_free(c, op);
        return false;
    }
    ops_set_timer(c, op, c->now_ms + REGISTER_MS);
    return true;
}

void cluster_register(struct cluster *c, uint64_t now_ms, const struct cluster_register *in)
{
    c->now_ms = now_ms;
    struct naming n = {.ticket = in->ticket,
                       .name = registry_hash(&in->name),
                       .guid = in->guid,
                       .fingerprint = in->fingerprint,
                       .keep_ms = in->keep_ms};
    uint16_t registrar = placement_registrar(c, &n.name);
    struct registry_entry entry = {in->guid, in->fingerprint};
    bool is_here = registry_find(&c->registry, &n.name, &entry);
    if (registrar != SELF && !is_here) {
        if (!ask(c, registrar, REGISTER_ADD, &n)) {
            answer(c, in->ticket, CLUSTER_REGISTER_FAILED, &entry, false);
        }
        return;
    }
    int rc = keep(c, &n, &entry);
    bool failed = rc != 0 && rc != ERR_INUSE;
    answer(c, in->ticket, failed ? CLUSTER_REGISTER_FAILED : CLUSTER_REGISTERED, &entry,
           rc == ERR_INUSE);
}

void cluster_unregister(struct cluster *c, uint64_t now_ms, const struct cluster_name *name,
                        const struct guid *guid)
{
    c->now_ms = now_ms;
    struct naming n = {.name = registry_hash(name), .guid = *guid};
    uint16_t registrar = placement_registrar(c, &n.name);
    registry_remove(&c->registry, &n.name, guid);
    if (registrar != SELF) {
        send_naming(c, registrar, 0, REGISTER_REMOVE, &n);
    }
}

void cluster_resolve(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                     const struct cluster_name *name)
{
    c->now_ms = now_ms;
    struct naming n = {.ticket = ticket, .name = registry_hash(name)};
    uint16_t registrar = placement_registrar(c, &n.name);
    struct registry_entry entry = {0};
    bool found = registry_find(&c->registry, &n.name, &entry);
    if (found || registrar == SELF || !ask(c, registrar, REGISTER_FIND, &n)) {
        answer(c, ticket, CLUSTER_RESOLVED, &entry, found);
    }
}

void questions_on_registration(struct cluster *c, uint16_t from,
                               const struct msg_registration *m)
{
    if (m->key.size != GUID_SIZE) {
        return;
    }
    struct naming n = {.guid = m->guid, .fingerprint = m->fingerprint};
    n.keep_ms = m->keep_ms < UINT32_MAX - GRACE_MS ? m->keep_ms + GRACE_MS : UINT32_MAX;
    memcpy(n.name.at, m->key.at, GUID_SIZE);
    struct registry_entry entry = {m->guid, m->fingerprint};
    bool found = false;
    if (m->op == REGISTER_REMOVE) {
        registry_remove(&c->registry, &n.name, &m->guid);
    } else if (m->op == REGISTER_FIND) {
        found = registry_find(&c->registry, &n.name, &entry);
    } else {
        int rc = keep(c, &n, &entry);
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

/* The home keeps the name of its own invocation as well. */
static void keep_own(struct cluster *c, const struct op *op)
{
    struct naming n = {.name = op->token,
                       .guid = op->guid,
                       .fingerprint = op->fingerprint,
                       .keep_ms = op->keep_ms};
    struct registry_entry entry;
    keep(c, &n, &entry);
}

void questions_on_registered(struct cluster *c, uint16_t from, const struct msg_registered *m)
{
    (void)from;
    struct op *op = ops_by_number(c, m->request);
    if (op == NULL || (op->kind != CLUSTER_OP_REGISTER && op->kind != CLUSTER_OP_RESOLVE)) {
        return;
    }
    if (op->kind == CLUSTER_OP_REGISTER && !m->found) {
        keep_own(c, op);
    }
    struct registry_entry entry = {m->guid, m->fingerprint};
    answer(c, op->ticket.value,
           op->kind == CLUSTER_OP_REGISTER ? CLUSTER_REGISTERED : CLUSTER_RESOLVED, &entry,
           m->found);
    ops_free(c, op);
}

/* --- when the members have changed -----------------------------------------------------------
 */

void register_members_changed(struct cluster *c)
{
    c->names_sweep = 0;
}

/* The registrar need not know what became of it; its home does, and whoever acts for that. */
static bool is_kept_for_others(const struct cluster *c, const struct registration *reg)
{
    const struct invocation *inv = store_find(c, &reg->guid);
    return c->members != NULL &&
           (inv == NULL ? guid_home_tag(&reg->guid) == cluster_home_tag(c) : inv->is_known);
}

static void tell_registrar(struct cluster *c, const struct registration *reg)
{
    struct naming n = {.guid = reg->guid, .fingerprint = reg->fingerprint};
    memcpy(n.name.at, reg->key, GUID_SIZE);
    uint16_t registrar = placement_registrar(c, &n.name);
    uint64_t left_ms = reg->until_ms > c->now_ms ? reg->until_ms - c->now_ms : 0;
    if (!is_kept_for_others(c, reg)) { /* going from hand to hand, it must not grow older */
        uint64_t added_ms = c->config.retention_ms + GRACE_MS;
        left_ms = left_ms > added_ms ? left_ms - added_ms : 0;
    }
    n.keep_ms = left_ms < UINT32_MAX - GRACE_MS ? (uint32_t)left_ms : UINT32_MAX - GRACE_MS;
    if (registrar != SELF) {
        send_naming(c, registrar, 0, REGISTER_ADD, &n);
    }
}

/* Every name here is told to who is its registrar now. */
bool register_sweep(struct cluster *c)
{
    for (uint32_t i = 0; i < SWEEP_BUCKETS; i++) {
        if (c->names_sweep >= c->registry.table.bucket_count) {
            return true;
        }
        uint32_t handle = 0;
        const struct registration *reg;
        while ((reg = registry_walk(&c->registry, c->names_sweep, &handle)) != NULL) {
            tell_registrar(c, reg);
        }
        c->names_sweep++;
    }
    return false;
}

/* --- forgetting
 * ------------------------------------------------------------------------------- */

/* How long a name whose time was over must stay because of what it names; 0: no longer. */
static uint64_t needed_until_ms(const struct cluster *c, const struct guid *guid)
{
    const struct invocation *inv = store_find(c, guid);
    if (inv != NULL) {
        uint64_t until = store_deadline_ms(c, inv);
        if (!inv_is_ready(inv)) {
            return c->now_ms + PENDING_AGAIN_MS;
        }
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
            if (is_kept_for_others(c, reg)) {
                tell_registrar(c, reg);
            }
        } else {
            registry_drop(&c->registry, reg);
        }
    }
}
