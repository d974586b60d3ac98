/* Messages in: who sent it, how long it was on its way, and whose business it is. */
#include "cluster/accept.h"
#include "cluster/arbiter.h"
#include "cluster/claims.h"
#include "cluster/detector.h"
#include "cluster/digest.h"
#include "cluster/entries.h"
#include "cluster/handoff.h"
#include "cluster/links_inner.h"
#include "cluster/payload.h"
#include "cluster/questions.h"
#include "cluster/seats.h"
#include "cluster/streams.h"
#include "cluster/survey.h"
#include "cluster/takeover.h"
#include "cluster/terms.h"

/* The least difference of the two clocks that a message showed is the true one and the
 * shortest way; what is more was waiting, here or there. Clocks drift, so an old one counts
 * for a little more with time. */
static void note_offset(const struct cluster *c, struct member *m, uint64_t sent_at_ms)
{
    enum { DRIFT = 50 }; /* one part in so many, both clocks together */
    int64_t offset = (int64_t)c->now_ms - (int64_t)sent_at_ms;
    int64_t limit = m->clock_offset_ms + (int64_t)(c->now_ms - m->offset_at_ms) / DRIFT;
    if (!m->has_offset || offset <= limit) {
        m->clock_offset_ms = offset;
        m->offset_at_ms = c->now_ms;
        m->has_offset = true;
    }
}

static uint64_t age_of(const struct cluster *c, const struct member *m, uint64_t sent_at_ms)
{
    int64_t age = (int64_t)c->now_ms - (int64_t)sent_at_ms - m->clock_offset_ms;
    return age > 0 ? (uint64_t)age : 0;
}

static void on_entry(struct cluster *c, struct member *from, const struct msg *m, uint64_t aged)
{
    switch (m->kind) {
    case MSG_ACCEPT:
        accept_on_accept(c, from->node, &m->accept, aged);
        break;
    case MSG_ACCEPT_ACK:
        accept_on_ack(c, from->node, &m->ack);
        break;
    case MSG_ACCEPT_NAK:
        accept_on_nak(c, from->node, &m->ack);
        break;
    case MSG_CREATE:
        entries_on_create(c, from->node, &m->create, aged);
        break;
    case MSG_DELETE:
        entries_on_deleted(c, from->node, &m->deleted);
        break;
    case MSG_PAYLOAD_REQ:
        payload_on_req(c, from->node, &m->payload_req);
        break;
    case MSG_PAYLOAD:
        payload_on_payload(c, from->node, &m->payload);
        break;
    case MSG_DIGEST:
        digest_on_digest(c, from, &m->digest);
        break;
    case MSG_FETCH:
        digest_on_fetch(c, from, &m->seqs);
        break;
    case MSG_OFFER:
        takeover_on_offer(c, from, &m->seqs);
        break;
    case MSG_EXEC:
        takeover_on_exec(c, from, &m->exec);
        break;
    case MSG_STREAM_ACK:
        streams_on_ack(c, from, &m->stream_ack);
        break;
    case MSG_SEAT:
        handoff_on_seat(c, from, &m->seat);
        break;
    case MSG_SEAT_ACK:
        handoff_on_seat_ack(c, from, &m->seat_ack);
        break;
    case MSG_MOVED:
        seats_on_moved(c, from, &m->moved);
        break;
    case MSG_TURN:
        terms_on_turn(c, from, &m->turn);
        break;
    default:
        break; /* of a newer version */
    }
}

static void on_question(struct cluster *c, struct member *from, const struct msg *m,
                        uint64_t aged)
{
    switch (m->kind) {
    case MSG_CLAIM:
        arbiter_on_claim(c, from->node, &m->claim);
        break;
    case MSG_GRANT:
        claims_on_grant(c, from->node, &m->grant);
        break;
    case MSG_DENY:
        claims_on_deny(c, from->node, &m->deny);
        break;
    case MSG_RELEASE:
        arbiter_on_release(c, from->node, &m->release);
        break;
    case MSG_TAKEN:
        arbiter_on_taken(c, from->node, &m->taken, aged);
        break;
    case MSG_STATUS_REQ:
        questions_on_status_req(c, from->node, &m->ask);
        break;
    case MSG_STATUS:
        questions_on_status(c, from->node, &m->status);
        break;
    case MSG_CANCEL:
        questions_on_cancel(c, from->node, &m->ask);
        break;
    case MSG_REGISTER:
        questions_on_registration(c, from->node, &m->registration);
        break;
    case MSG_REGISTERED:
        questions_on_registered(c, from->node, &m->registered);
        break;
    case MSG_SURVEY:
        survey_on_survey(c, from->node, &m->survey);
        break;
    case MSG_REPORT:
        survey_on_report(c, from->node, &m->report);
        break;
    default:
        on_entry(c, from, m, aged);
    }
}

void cluster_receive(struct cluster *c, uint64_t now_ms, uint64_t id, const struct msg *m,
                     uint64_t sent_at_ms)
{
    c->now_ms = now_ms;
    struct link *link = c->members == NULL ? NULL : links_find(c, id);
    if (link == NULL) {
        return; /* given up in the meantime */
    }
    if (!link->is_up) {
        links_greet(c, link, m);
        return;
    }
    struct member *from = link->member;
    detector_heard(c, from);
    note_offset(c, from, sent_at_ms);
    streams_count(c, from, link->lane, m);
    if (links_find(c, id) == NULL) {
        return; /* it has just been given up */
    }
    if (m->kind >= MSG_PING && m->kind <= MSG_LEAVE) {
        detector_on_message(c, from, m, sent_at_ms);
    } else if (m->kind > MSG_LEAVE) {
        on_question(c, from, m, age_of(c, from, sent_at_ms));
    }
}
