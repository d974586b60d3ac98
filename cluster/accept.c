#include "cluster/accept.h"

#include "cluster/placement.h"
#include "cluster/store.h"

#include <assert.h>

static int fill(struct cluster *c, struct invocation *inv, const struct cluster_accept *a)
{
    struct extra *x = store_extra(c, inv);
    if (x == NULL) {
        return ERR_FULL;
    }
    int rc = store_set_texts(c, inv, a->client_id, a->callback_url);
    if (rc != 0) {
        return rc;
    }
    x->request = request_share(a->request);
    x->work = a->work;
    x->id_space = a->client_id_space;
    x->max_attempts = a->max_attempts;
    inv->on_node_loss = a->on_node_loss & 3u;
    inv->drop_result = a->drop_result;
    inv->ttl_or_completed = a->ttl_ms;
    if (a->run_limit_ms > 0) {
        store_set_deadline(c, inv, c->now_ms + a->run_limit_ms);
    }
    return 0;
}

int cluster_accept(struct cluster *c, uint64_t now_ms, const struct cluster_accept *a,
                   struct invocation **out)
{
    c->now_ms = now_ms;
    *out = NULL;
    struct store_spec spec = {.guid = a->guid,
                              .seq = c->last_seq + 1,
                              .created_at_ms = now_ms,
                              .function = names_keep(&c->names, a->function)};
    if (spec.function == 0) {
        return ERR_NOMEM;
    }
    spec.arbiter_count = (uint8_t)placement_arbiters(c, &a->guid, spec.arbiters);
    struct invocation *inv;
    int rc = store_new(c, &spec, &inv);
    if (rc != 0) {
        return rc;
    }
    c->last_seq++;
    rc = fill(c, inv, a);
    if (rc != 0) {
        store_undo(c, inv);
        return rc;
    }
    inv->is_known = 1;
    *out = inv;
    effects_add(&c->effects, CLUSTER_ACCEPTED)->inv = inv;
    return 0;
}

void accept_timeout(struct cluster *c, struct op *op)
{
    (void)c;
    (void)op;
}
