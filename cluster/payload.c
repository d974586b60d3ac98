#include "cluster/payload.h"

#include "cluster/accept.h"
#include "cluster/arbiter.h"
#include "cluster/claims.h"
#include "cluster/fetch.h"
#include "cluster/send.h"
#include "cluster/store.h"

#include <stdlib.h>

struct assembly {
    struct list link; /* in c->assemblies */
    struct guid guid;
    uint16_t from;
    uint8_t of;
    struct buf *headers, *body;
    uint32_t received;
    uint16_t status;
    bool failed;
};

/* --- sending -------------------------------------------------------------------------------
 */

static bool send_chunk(struct cluster *c, uint16_t node, struct msg *m, struct buf *body,
                       uint64_t offset)
{
    uint64_t left = buf_size(body) - offset;
    size_t size = left < MSG_CHUNK_MAX ? (size_t)left : MSG_CHUNK_MAX;
    m->payload.offset = offset;
    m->payload.total = buf_size(body);
    m->payload.hold = body == NULL ? NULL : buf_share(body);
    m->payload.chunk = body == NULL ? bytes_of(NULL, 0) : bytes_of(body->data + offset, size);
    return send_bulk(c, node, m);
}

bool payload_send_all(struct cluster *c, uint16_t node, const struct guid *guid,
                      enum msg_payload_of of, struct buf *body)
{
    struct msg m = {.kind = MSG_PAYLOAD};
    m.payload.guid = *guid;
    m.payload.of = (uint8_t)of;
    bool ok = true;
    for (uint64_t at = 0; ok && at < buf_size(body); at += MSG_CHUNK_MAX) {
        ok = send_chunk(c, node, &m, body, at);
    }
    return ok;
}

/* Only who holds the vote here is given the body. */
void payload_on_req(struct cluster *c, uint16_t from, const struct msg_payload_req *m)
{
    struct invocation *inv = store_find(c, &m->guid);
    struct msg out = {.kind = MSG_PAYLOAD};
    out.payload.guid = m->guid;
    out.payload.no = m->no;
    if (inv == NULL || !inv->has_payload || m->offset > buf_size(inv->body) ||
        !arbiter_holds(c, inv, from, m->no.counter)) {
        out.payload.of = PAYLOAD_NONE;
        send_bulk(c, from, &out);
        return;
    }
    out.payload.of = PAYLOAD_CLAIMED;
    uint64_t end = m->offset + m->size;
    uint64_t at = m->offset;
    bool ok = true;
    do {
        out.payload.status = at == 0 ? (uint16_t)inv->status : 0;
        out.payload.failed = at == 0 && inv->state == INVOCATION_FAILED;
        out.payload.headers =
            at == 0 ? effects_keep(&c->effects, buf_view(inv->headers)) : bytes_of(NULL, 0);
        ok = send_chunk(c, from, &out, inv->body, at);
        at += MSG_CHUNK_MAX;
    } while (ok && at < end && at < buf_size(inv->body));
}

/* --- putting together ------------------------------------------------------------------------
 */

static struct assembly *find(const struct cluster *c, const struct guid *guid, uint8_t of)
{
    for (struct list *l = c->assemblies.next; l != &c->assemblies; l = l->next) {
        struct assembly *a = list_item(l, struct assembly, link);
        if (a->of == of && guid_equal(&a->guid, guid)) {
            return a;
        }
    }
    return NULL;
}

static void assembly_free(struct assembly *a)
{
    list_remove(&a->link);
    buf_drop(&a->headers);
    buf_drop(&a->body);
    free(a);
}

bool payload_expect(struct cluster *c, uint16_t from, struct payload_coming *coming)
{
    struct assembly *a = find(c, &coming->guid, (uint8_t)coming->of);
    if (a != NULL) {
        assembly_free(a); /* the newer sender is believed */
    }
    a = coming->size > BUF_SIZE_MAX ? NULL : calloc(1, sizeof *a);
    if (a == NULL || buf_new(&a->body, c->budget, (size_t)coming->size) != 0) {
        free(a);
        buf_drop(&coming->headers);
        return false;
    }
    a->guid = coming->guid;
    a->from = from;
    a->of = (uint8_t)coming->of;
    a->headers = coming->headers;
    a->status = coming->status;
    a->failed = coming->failed;
    list_push_back(&c->assemblies, &a->link);
    return true;
}

static void complete(struct cluster *c, struct assembly *a)
{
    struct invocation *inv = store_find(c, &a->guid);
    struct guid guid = a->guid;
    uint16_t from = a->from;
    if (a->of == PAYLOAD_REQUEST) {
        struct buf *body = a->body;
        a->body = NULL;
        assembly_free(a);
        accept_request_complete(c, inv, from, body);
        return;
    }
    struct result result = {
        .status = a->status, .failed = a->failed, .headers = a->headers, .body = a->body};
    a->headers = a->body = NULL;
    assembly_free(a);
    if (inv == NULL || inv->has_payload || inv->is_over || !inv_is_ready(inv)) {
        result_drop(&result);
        return;
    }
    store_set_payload(c, inv, &result);
    claims_on_ready(c, &guid);
}

void payload_on_payload(struct cluster *c, uint16_t from, const struct msg_payload *m)
{
    if (m->of != PAYLOAD_REQUEST && m->of != PAYLOAD_RESULT) {
        fetch_on_payload(c, from, m);
        return;
    }
    struct assembly *a = find(c, &m->guid, m->of);
    if (a == NULL || a->from != from || m->offset != a->received ||
        m->chunk.size > a->body->size - a->received) {
        return;
    }
    if (m->chunk.size > 0) {
        memcpy(a->body->data + a->received, m->chunk.at, m->chunk.size);
        a->received += (uint32_t)m->chunk.size;
    }
    if (a->received == a->body->size) {
        complete(c, a);
    }
}

void payload_link_lost(struct cluster *c, uint16_t node)
{
    for (struct list *l = c->assemblies.next, *next; l != &c->assemblies; l = next) {
        struct assembly *a = list_item(l, struct assembly, link);
        next = l->next;
        if (a->from == node) {
            assembly_free(a);
        }
    }
}

bool payload_is_coming(const struct cluster *c, const struct invocation *inv)
{
    return find(c, &inv->guid, PAYLOAD_RESULT) != NULL;
}

uint32_t payload_may_ask(const struct cluster *c)
{
    size_t spare = budget_whole(c->budget)->limit / 8;
    return budget_is_free(c->budget, spare) ? PAYLOAD_ASK_MAX : 0;
}

void payload_forget(struct cluster *c, const struct invocation *inv)
{
    if (list_is_empty(&c->assemblies)) {
        return;
    }
    struct assembly *a = find(c, &inv->guid, PAYLOAD_REQUEST);
    if (a != NULL) {
        assembly_free(a);
    }
    a = find(c, &inv->guid, PAYLOAD_RESULT);
    if (a != NULL) {
        assembly_free(a);
    }
}
