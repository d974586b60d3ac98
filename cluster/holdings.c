#include "cluster/holdings.h"

#include <assert.h>

void holdings_add(struct cluster *c, const struct invocation *inv, size_t size)
{
    uint16_t tenant = names_tenant(&c->names, inv->function);
    if (tenant != 0) {
        c->names.at[tenant].held += size;
    }
}

void holdings_take(struct cluster *c, const struct invocation *inv, size_t size)
{
    uint16_t tenant = names_tenant(&c->names, inv->function);
    if (tenant != 0) {
        assert(c->names.at[tenant].held >= size);
        c->names.at[tenant].held -= size;
    }
}

uint64_t cluster_tenant_bytes(const struct cluster *c, struct bytes tenant)
{
    uint16_t number = names_find_tenant(&c->names, tenant);
    return number == 0 || number == TENANT_NOBODY ? 0 : c->names.at[number].held;
}

void holdings_drop_request(struct cluster *c, struct invocation *inv)
{
    struct extra *x = extra_at(c, inv->extra);
    holdings_take(c, inv, x->request_size);
    x->request_size = 0;
    request_drop(&x->request);
}

void holdings_set_request(struct cluster *c, struct invocation *inv, struct request *request)
{
    struct extra *x = extra_at(c, inv->extra);
    holdings_drop_request(c, inv);
    x->request = request;
    x->request_size = (uint32_t)(buf_size(request->head) + buf_size(request->body));
    holdings_add(c, inv, x->request_size);
}

void holdings_set_request_body(struct cluster *c, struct invocation *inv, struct buf *body)
{
    struct extra *x = extra_at(c, inv->extra);
    x->request->body = body;
    x->request_size += (uint32_t)buf_size(body);
    holdings_add(c, inv, buf_size(body));
}
