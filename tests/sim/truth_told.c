/* Are the answers true? Whatever a client is told must fit what really happened; 404 and 503
 * need an excuse. */
#include "truth.h"

#include "host.h"

#include "cluster/links.h"

#include <stdlib.h>

#define CALM_MS         4000u
#define EXPIRY_SLACK_US 150000u
#define M2_US           1000000u /* PROTOCOL.md, M2 */

static uint64_t earliest_expiry_us(const struct sim *s, const struct record *r)
{
    if (r->first_done_us == 0) {
        return 0;
    }
    uint64_t ttl_us = r->ttl_ms * 1000ull;
    uint64_t slack_us = EXPIRY_SLACK_US + ttl_us / 40 + 20 * s->net.delay_us;
    return r->first_done_us + (ttl_us > slack_us ? ttl_us - slack_us : 0);
}

uint64_t truth_ended_us(const struct sim *s, const struct record *r)
{
    uint64_t end = earliest_expiry_us(s, r);
    if (r->taken_us != 0 && (end == 0 || r->taken_us < end)) {
        end = r->taken_us;
    }
    if (r->canceled_us != 0 && (end == 0 || r->canceled_us < end)) {
        end = r->canceled_us;
    }
    if ((r->flags & POST_DROP_RESULT) && r->first_done_us != 0) {
        end = r->first_done_us;
    }
    return end;
}

bool truth_may_be_collected(const struct record *r)
{
    return r->delivered_count > 0 || r->token_served || r->release_asked ||
           (r->flags & POST_DROP_RESULT);
}

/* Its home is dead, or was held for dead by others, who have ended it. */
static bool may_be_dropped(const struct sim *s, const struct record *r)
{
    return (r->flags & POST_LOSS_DROP) && (s->history.disturbed || s->history.deaths > 0);
}

/* Somebody may have ended it without the client of that being told. */
static bool may_have_ended(const struct sim *s, const struct record *r)
{
    uint64_t ended_us = truth_ended_us(s, r);
    return (ended_us != 0 && ended_us <= s->now_us) || r->cancel_asked || r->release_asked ||
           r->stage == STAGE_REFUSED || may_be_dropped(s, r);
}

void truth_check_gone(struct sim *s, const struct record *r, const struct ask *a,
                      const struct host *h, const struct invocation_view *view)
{
    if (!may_have_ended(s, r) && !r->token_served) {
        sim_fail(s, "G", "node %u tells ask %u that inv %u is gone, state %d", h->slot,
                 (unsigned)(a - s->asks), r->inv, view->known ? (int)view->state : -1);
    }
}

void truth_check_view(struct sim *s, const struct record *r, const struct host *h,
                      const struct invocation_view *view)
{
    if (!guid_equal(&view->guid, &r->guid)) {
        sim_fail(s, "V", "node %u tells of another invocation than inv %u", h->slot, r->inv);
        return;
    }
    bool wrong = false;
    switch (view->state) {
    case INVOCATION_RUNNING:
        wrong = r->started_count == 0;
        break;
    case INVOCATION_SUCCEEDED:
        wrong = r->run_count == 0;
        break;
    case INVOCATION_FAILED:
        wrong = r->run_count == 0 && r->ready_us == 0;
        break;
    case INVOCATION_COLLECTED:
        wrong = !truth_may_be_collected(r);
        break;
    case INVOCATION_EXPIRED:
    case INVOCATION_CANCELED:
        wrong = !may_have_ended(s, r);
        break;
    default:
        break;
    }
    if (wrong) {
        sim_fail(s, "V", "node %u says that inv %u is %s", h->slot, r->inv,
                 invocation_state_text(view->state));
    }
}

/* No 404 for an invocation that exists, where nothing has kept the node from knowing. */
void truth_check_unknown(struct sim *s, const struct record *r, const struct host *h)
{
    if (r->stage != STAGE_ACCEPTED || may_have_ended(s, r)) {
        return;
    }
    bool at_home = r->home_incarnation == h->incarnation;
    bool settled = sim_is_calm(s, CALM_MS) && s->now_us - h->born_us > CALM_MS * 1000ull;
    if (at_home || (settled && truth_has_holder(s, r))) {
        sim_fail(s, "404", "node %u does not know inv %u", h->slot, r->inv);
    }
}

const struct host *truth_member(const struct sim *s, const struct guid *node)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->hosts[i] != NULL && guid_equal(&s->hosts[i]->node_id, node)) {
            return s->hosts[i];
        }
    }
    return NULL;
}

static bool undisturbed_since(const struct sim *s, uint64_t at_us)
{
    return s->history.faults_active == 0 && s->history.trouble_us + CALM_MS * 1000ull < at_us;
}

bool truth_has_room(const struct host *h, const struct record *r)
{
    return h == NULL || h->budget.limit - h->budget.used > r->size;
}

void truth_check_no_quorum(struct sim *s, const struct record *r, const struct ask *a)
{
    const struct host *h = host_at(s, a->slot);
    if (!truth_has_room(h, r) || (h != NULL && h->finishing)) {
        return; /* or it serves nobody any more */
    }
    uint64_t kept_us = r->taken_us + s->options.redelivery_ms * 1000ull + M2_US;
    bool is_kept =
        a->kind == ASK_CANCEL && r->token_served && (r->taken_us == 0 || s->now_us < kept_us);
    if (is_kept || may_be_dropped(s, r)) {
        return; /* its votes are a token's that may come back; or few voters know of it still */
    }
    /* Nobody has been told of it yet: who has died may be one of them. */
    bool all = r->arbiter_count > 0 || s->history.deaths == 0;
    for (uint32_t i = 0; i < r->arbiter_count; i++) {
        all = all && truth_member(s, &r->arbiters[i]) != NULL;
    }
    if (all && undisturbed_since(s, a->asked_us)) {
        sim_fail(s, "503",
                 "inv %u: all arbiters live and are reachable, and there is no quorum", r->inv);
    }
}

/* --- names ----------------------------------------------------------------------------- */

static const struct record *owner_of(const struct sim *s, const struct record *r)
{
    for (uint32_t i = s->first_record; i < s->record_count; i++) {
        const struct record *o = &s->records[i];
        if (o != r && o->name_inv == r->name_inv && o->stage == STAGE_ACCEPTED &&
            !may_have_ended(s, o) && undisturbed_since(s, o->asked_us)) {
            return o;
        }
    }
    return NULL;
}

void truth_check_new_name(struct sim *s, const struct record *r)
{
    const struct record *o = owner_of(s, r);
    if (o != NULL) {
        sim_fail(s, "N", "the name of inv %u is given out again while it is in use", o->inv);
    }
}

void truth_check_name(struct sim *s, const struct record *r, const struct guid *owner,
                      uint64_t fingerprint)
{
    const struct record *o = truth_find(s, owner);
    if (o == NULL || o->name_inv != r->name_inv || fingerprint != r->name_inv + 1u) {
        sim_fail(s, "N", "the name of inv %u belongs to something else", r->name_inv);
    }
}

void truth_check_resolved(struct sim *s, const struct record *r,
                          const struct cluster_effect *fx)
{
    if (fx->found) {
        const struct record *o = truth_find(s, &fx->guid);
        if (o == NULL || o->name_inv != r->name_inv) {
            sim_fail(s, "N", "the name of inv %u leads to something else", r->name_inv);
        }
    } else if (r->stage == STAGE_ACCEPTED && !may_have_ended(s, r) &&
               undisturbed_since(s, r->asked_us)) {
        sim_fail(s, "N", "the name of inv %u is not known", r->name_inv);
    }
}

/* --- M2 -------------------------------------------------------------------------------- */

static uint64_t margin_us(const struct sim *s)
{
    return M2_US + 100000 + 20 * s->net.delay_us;
}

void truth_expect_gone(struct sim *s, const struct record *r)
{
    sim_later(s, margin_us(s), EVENT_CHECK_GONE, NULL, (uint64_t)(r - s->records));
}

void truth_end_heard(struct record *r, const struct host *h)
{
    bool is_new = true;
    for (uint32_t i = 0; i < r->knower_count; i++) {
        is_new = is_new && r->knowers[i] != h->incarnation;
    }
    if (is_new && r->knower_count < KNOWERS_MAX) {
        r->knowers[r->knower_count++] = h->incarnation;
    }
}

/* Those who knew that it was collected are no more; or all its arbiters are, who would have
 * been asked. Then its bytes are for others to keep until its time is over. */
static bool is_end_lost(const struct sim *s, const struct record *r)
{
    if (r->taken_us == 0) {
        return false;
    }
    uint32_t living = r->arbiter_count == 0, knowing = !s->died[r->taker];
    for (uint32_t i = 0; i < r->arbiter_count; i++) {
        living += truth_member(s, &r->arbiters[i]) != NULL;
    }
    for (uint32_t i = 0; i < r->knower_count; i++) {
        knowing += !s->died[r->knowers[i]];
    }
    bool all_died = living == 0 && s->history.losses > r->losses_at_accept;
    return knowing == 0 || all_died;
}

/* Records whose bytes may still be somewhere. */
static uint32_t count_live(const struct sim *s)
{
    uint32_t live = 0;
    for (uint32_t i = s->first_record; i < s->record_count; i++) {
        const struct record *r = &s->records[i];
        uint64_t gone_us = r->taken_us != 0 ? r->taken_us : r->canceled_us;
        if (r->token_served) {
            gone_us += gone_us == 0 ? 0 : s->options.redelivery_ms * 1000ull;
        }
        if (r->done_us != 0 && (gone_us == 0 || is_end_lost(s, r))) {
            gone_us = r->done_us + r->ttl_ms * 1020ull + s->options.redelivery_ms * 1000ull;
        }
        bool gone = gone_us != 0 && gone_us + margin_us(s) - 1000 <= s->now_us;
        bool is_promised =
            r->stage != STAGE_REFUSED || r->run_count > 0; /* it was taken over */
        live += is_promised && !gone;
    }
    return live;
}

#define OLD_US 120000000u

void truth_trim(struct sim *s)
{
    while (s->first_record < s->record_count) {
        struct record *r = &s->records[s->first_record];
        if (s->now_us - r->asked_us < OLD_US || s->phase >= PHASE_QUIET) {
            break;
        }
        free(r->tap);
        r->tap = NULL;
        s->first_record++;
    }
    while (s->first_ask < s->ask_count && s->asks[s->first_ask].stage == ASK_DONE) {
        s->first_ask++;
    }
}

void truth_check_bytes_gone(struct sim *s)
{
    truth_trim(s);
    if (!sim_is_calm(s, CALM_MS)) {
        return;
    }
    uint32_t live = count_live(s);
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct host *h = s->hosts[i];
        if (h != NULL && cluster_sizes(h->cluster).payloads > live) {
            sim_fail(s, "M2", "node %u holds %zu bodies, only %u callbacks exist", i,
                     cluster_sizes(h->cluster).payloads, live);
        }
    }
}
