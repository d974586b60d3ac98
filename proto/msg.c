#include "proto/msg.h"

/* Every stream message costs at least this much of a window, so that empty ones count. */
#define FLOW_BASE  128u
#define FLOW_CLAIM 64u

const char *msg_kind_text(enum msg_kind kind)
{
    static const char *const texts[] = {
#define MSG_TEXT(NAME, member, lanes, number) [number] = #NAME,
        MSG_KINDS(MSG_TEXT)
#undef MSG_TEXT
    };
    if ((unsigned)kind >= sizeof texts / sizeof texts[0] || texts[kind] == NULL) {
        return "unknown";
    }
    return texts[kind];
}

static uint32_t accept_flow_size(const struct msg_accept *a)
{
    size_t size = a->function.size + a->client_id.size + a->callback_url.size;
    if (a->body_size <= MSG_CHUNK_MAX) {
        size += (size_t)a->body_size;
    }
    return FLOW_BASE + (uint32_t)size;
}

static uint32_t create_flow_size(const struct msg_create *c)
{
    size_t size = c->function.size;
    /* By what was sent, not by what found room at the receiver. */
    if ((c->has_payload || c->no_room) && !c->body_follows) {
        size += (size_t)c->body_size;
    }
    return FLOW_BASE + (uint32_t)size;
}

uint32_t msg_flow_size(const struct msg *m)
{
    switch (m->kind) {
    case MSG_ACCEPT:
        return accept_flow_size(&m->accept);
    case MSG_CREATE:
        return create_flow_size(&m->create);
    case MSG_RELEASE:
        return FLOW_CLAIM;
    case MSG_TAKEN:
        return FLOW_CLAIM * m->taken.count;
    case MSG_PAYLOAD:
        return FLOW_BASE + (uint32_t)m->payload.chunk.size;
    default:
        return 0;
    }
}

const char *msg_refusal_text(uint8_t code)
{
    switch ((enum msg_reject_code)code) {
    case REJECT_VERSION:
        return "refused: no common protocol version";
    case REJECT_CLUSTER:
        return "refused: another cluster's name, or cluster.claim differs";
    case REJECT_SELF:
        return "refused: this is myself";
    case REJECT_DUPLICATE:
        return "refused: there is a link of that lane already";
    case REJECT_BURIED:
        return "refused: this node is taken for dead there";
    case REJECT_FULL:
        return "refused: too many members, or no memory";
    case REJECT_MALFORMED:
        break;
    }
    return "refused by the other side";
}
