/* What the core may ask of an entry. An entry knows its cluster by the chunk it lies in. */
#include "cluster/state.h"

#include <assert.h>

static const struct cluster *cluster_of(const struct invocation *inv)
{
    return pool_owner(inv);
}

static struct extra *extra_of(const struct invocation *inv)
{
    return inv->extra == 0 ? NULL : extra_at(cluster_of(inv), inv->extra);
}

struct guid invocation_guid(const struct invocation *inv)
{
    return inv->guid;
}

struct bytes invocation_function(const struct invocation *inv)
{
    return names_at(&cluster_of(inv)->names, inv->function);
}

struct bytes invocation_tenant(const struct invocation *inv)
{
    const struct names *ns = &cluster_of(inv)->names;
    return names_at(ns, names_tenant(ns, inv->function));
}

struct bytes invocation_client_id(const struct invocation *inv)
{
    const struct extra *x = extra_of(inv);
    return x == NULL ? bytes_of(NULL, 0) : bytes_of(x->texts, x->client_id_size);
}

uint8_t invocation_client_id_space(const struct invocation *inv)
{
    const struct extra *x = extra_of(inv);
    return x == NULL ? ID_GUID : x->id_space;
}

struct bytes invocation_callback_url(const struct invocation *inv)
{
    const struct extra *x = extra_of(inv);
    if (x == NULL || x->callback_url_size == 0) {
        return bytes_of(NULL, 0);
    }
    return bytes_of(x->texts + x->client_id_size, x->callback_url_size);
}

enum invocation_state invocation_state(const struct invocation *inv)
{
    return (enum invocation_state)inv->state;
}

uint32_t invocation_attempt(const struct invocation *inv)
{
    return inv->attempt;
}

uint8_t invocation_max_attempts(const struct invocation *inv)
{
    const struct extra *x = extra_of(inv);
    return x == NULL ? 0 : x->max_attempts;
}

uint64_t invocation_created_at_ms(const struct invocation *inv)
{
    return inv_created_at_ms(cluster_of(inv), inv);
}

uint64_t invocation_started_at_ms(const struct invocation *inv)
{
    return inv->started == 0 ? 0 : invocation_created_at_ms(inv) + inv->started - 1;
}

uint64_t invocation_completed_at_ms(const struct invocation *inv)
{
    return inv->status == 0 ? 0 : invocation_created_at_ms(inv) + inv->ttl_or_completed;
}

uint64_t invocation_run_deadline_ms(const struct invocation *inv)
{
    if (inv->deadline == DEADLINE_NONE || inv_is_ready(inv)) {
        return UINT64_MAX;
    }
    return invocation_created_at_ms(inv) + inv->deadline;
}

struct request *invocation_request(const struct invocation *inv)
{
    const struct extra *x = extra_of(inv);
    return x == NULL ? NULL : x->request;
}

size_t invocation_bytes(const struct invocation *inv)
{
    return buf_size(inv->headers) + buf_size(inv->body);
}

uint16_t invocation_result_status(const struct invocation *inv)
{
    return inv->status;
}

void *invocation_work(const struct invocation *inv)
{
    const struct extra *x = extra_of(inv);
    return x == NULL ? NULL : x->work;
}

void invocation_set_work(struct invocation *inv, void *work)
{
    struct extra *x = extra_of(inv);
    assert(x != NULL || work == NULL); /* what is ready and has no callback URL has no work */
    if (x != NULL) {
        x->work = work;
    }
}
