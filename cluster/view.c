#include "cluster/view.h"

#include "cluster/store.h"

/* 0 means "not known" in a view. */
static uint64_t point(uint64_t at_ms)
{
    return at_ms == 0 ? 1 : at_ms;
}

static struct bytes node_name(const struct cluster *c, uint32_t number)
{
    return number == SELF ? c->config.node_name : nodes_at(&c->nodes, number)->name;
}

void view_of_entry(struct invocation_view *out, const struct cluster *c,
                   const struct invocation *inv)
{
    uint64_t created = inv_created_at_ms(c, inv);
    *out = (struct invocation_view){
        .known = true,
        .guid = inv->guid,
        .function = names_at(&c->names, inv->function),
        .tenant = names_at(&c->names, names_tenant(&c->names, inv->function)),
        .node = node_name(c, inv->origin),
        .client_id = invocation_client_id(inv),
        .state =
            inv->is_bound || inv->is_over ? inv_end(inv) : (enum invocation_state)inv->state,
        .result_status = inv->status,
        .attempt = inv->attempt,
        .created_at_ms = point(created),
        .started_at_ms = inv->started == 0 ? 0 : point(created + inv->started - 1),
        .webhook = (enum webhook_state)inv->webhook,
        .bytes = (uint32_t)invocation_bytes(inv),
    };
    if (inv->is_over) {
        out->ended_at_ms = point(created + inv->deadline);
    }
    if (inv_is_ready(inv) && inv->status != 0) {
        out->completed_at_ms = point(created + inv->ttl_or_completed);
        out->expires_at_ms = point(created + inv->deadline);
    }
}

void view_of_tomb(struct invocation_view *out, const struct cluster *c, const struct tomb *t)
{
    uint64_t created = c->epoch_ms + t->created;
    *out = (struct invocation_view){
        .known = true,
        .guid = t->guid,
        .function = names_at(&c->names, t->function),
        .tenant = names_at(&c->names, names_tenant(&c->names, t->function)),
        .node = node_name(c, t->origin),
        .state = (enum invocation_state)t->state,
        .result_status = t->status,
        .attempt = t->attempt,
        .created_at_ms = point(created),
        .started_at_ms = t->started == 0 ? 0 : point(created + t->started - 1),
        .completed_at_ms = t->completed == 0 ? 0 : point(created + t->completed - 1),
        .ended_at_ms = point(created + t->ended - 1),
        .webhook = (enum webhook_state)t->webhook,
    };
}

bool view_find(struct invocation_view *out, const struct cluster *c, const struct guid *guid,
               uint16_t tenant)
{
    const struct invocation *inv = store_find_of(c, guid, tenant);
    if (inv != NULL) {
        view_of_entry(out, c, inv);
        return true;
    }
    const struct tomb *t = store_tomb_of(c, guid, tenant);
    if (t != NULL) {
        view_of_tomb(out, c, t);
        return true;
    }
    *out = (struct invocation_view){.guid = *guid};
    return false;
}
