#include "peering.h"

#include "io/interface.h"
#include "obs/log_gate.h"

#include <stdio.h>
#include <stdlib.h>

#define SAY_AGAIN_MS 60000u /* the same trouble of the same peer is logged once a minute */

struct peering {
    struct peers *peers;
    struct loop *loop;
    struct core *core;
    struct driver *driver;
    struct log *log;
    struct log_gate gate;
    char advertise[256];
};

static struct cluster *cluster_of(const struct peering *p)
{
    return core_cluster(p->core);
}

static uint64_t now(const struct peering *p)
{
    return loop_now_ms(p->loop);
}

static void on_seed(void *owner, struct bytes address)
{
    struct peering *p = owner;
    cluster_seed(cluster_of(p), now(p), address);
    driver_pump(p->driver);
}

static void on_opened(void *owner, uint64_t link)
{
    struct peering *p = owner;
    cluster_link_opened(cluster_of(p), now(p), link);
    driver_pump(p->driver);
}

static void on_accepted(void *owner, uint64_t link)
{
    struct peering *p = owner;
    cluster_link_accepted(cluster_of(p), now(p), link);
    driver_pump(p->driver);
}

static void on_closed(void *owner, uint64_t link, enum link_end why)
{
    struct peering *p = owner;
    cluster_link_closed(cluster_of(p), now(p), link, why);
    driver_pump(p->driver);
}

static void on_withdrawn(void *owner, uint64_t link)
{
    struct peering *p = owner;
    cluster_link_renew(cluster_of(p), now(p), link);
    driver_pump(p->driver);
}

static void on_message(void *owner, uint64_t link, const struct msg *m, uint64_t sent_at_ms)
{
    struct peering *p = owner;
    cluster_receive(cluster_of(p), now(p), link, m, sent_at_ms);
    driver_pump(p->driver);
}

static void on_unsent(void *owner, uint64_t link, size_t unsent_size)
{
    struct peering *p = owner;
    cluster_link_unsent(cluster_of(p), now(p), link, unsent_size);
    driver_pump(p->driver);
}

static void on_writing(void *owner)
{
    struct peering *p = owner;
    cluster_flush(cluster_of(p), now(p));
    driver_pump(p->driver);
}

static size_t frame_max(void *owner, uint64_t link)
{
    struct peering *p = owner;
    return cluster_link_frame_max(cluster_of(p), link);
}

/* Says it once a minute for the same peer and words, with how often it was held back. */
static void say(struct peering *p, const char *event, struct bytes who, const char *what)
{
    uint64_t held_back;
    struct text key = {0};
    text_add(&key, who);
    text_add_str(&key, what);
    if (log_gate_pass(&p->gate, now(p), text_view(&key), &held_back)) {
        struct log_line *line = log_begin(p->log, LOG_WARN, event);
        log_text(line, "peer", who);
        log_text(line, "reason", bytes_text(what));
        log_num(line, "held_back", held_back);
        log_end(line);
    }
    text_fini(&key);
}

static void on_trouble(void *owner, struct bytes address, const char *what)
{
    say(owner, "peer-trouble", address, what);
}

/* Peers cannot dial "all addresses": then the machine's first one is told, with the port. */
static int choose_address(struct peering *p, const struct config *config, struct errmsg *em)
{
    struct bytes bound = peers_address(p->peers);
    struct bytes rest = bound;
    char host[INTERFACE_TEXT_MAX];
    if (config->cluster.advertise[0] != '\0') {
        snprintf(p->advertise, sizeof p->advertise, "%s", config->cluster.advertise);
        return 0;
    }
    if (!bytes_cut_front(&rest, "0.0.0.0") && !bytes_cut_front(&rest, "[::]")) {
        snprintf(p->advertise, sizeof p->advertise, "%.*s", BYTES_ARG(bound));
        return 0;
    }
    if (interface_address(host) != 0) {
        return err_set(em, ERR_NOTFOUND,
                       "cluster.advertise: this machine has no address but loopback and "
                       "link-local ones; say where peers reach it");
    }
    snprintf(p->advertise, sizeof p->advertise, "%s%.*s", host, BYTES_ARG(rest));
    return 0;
}

int peering_open(struct peering **out, const struct peering_config *config, struct errmsg *em)
{
    *out = NULL;
    const struct config *settings = config->settings;
    struct peering *p = calloc(1, sizeof *p);
    struct bytes *seeds = calloc(settings->cluster.seeds.count + 1, sizeof *seeds);
    if (p == NULL || seeds == NULL) {
        free(p);
        free(seeds);
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < settings->cluster.seeds.count; i++) {
        seeds[i] = bytes_text(settings->cluster.seeds.items[i]);
    }
    struct peers_config peers = {
        .listen = bytes_text(settings->cluster.listen),
        .seeds = seeds,
        .seed_count = settings->cluster.seeds.count,
        .budget = config->budget,
        .tls = config->tls,
        .events =
            {
                .on_seed = on_seed,
                .on_opened = on_opened,
                .on_accepted = on_accepted,
                .on_closed = on_closed,
                .on_withdrawn = on_withdrawn,
                .on_message = on_message,
                .on_unsent = on_unsent,
                .on_writing = on_writing,
                .frame_max = frame_max,
                .on_trouble = on_trouble,
                .owner = p,
            },
    };
    p->loop = config->loop;
    log_gate_init(&p->gate, SAY_AGAIN_MS, (uint64_t)(uintptr_t)p);
    int rc = peers_open(&p->peers, p->loop, &peers, em);
    free(seeds);
    if (rc == 0) {
        rc = choose_address(p, settings, em);
    }
    if (rc != 0) {
        peering_close(&p);
        return rc;
    }
    *out = p;
    return 0;
}

void peering_start(struct peering *p, struct core *core, struct driver *driver, struct log *log)
{
    p->core = core;
    p->driver = driver;
    p->log = log;
}

struct bytes peering_address(const struct peering *p)
{
    return peers_address(p->peers);
}

struct bytes peering_advertised(const struct peering *p)
{
    return bytes_text(p->advertise);
}

static const char *state_text(enum msg_member_state state)
{
    static const char *const texts[] = {
        [MEMBER_ALIVE] = "alive",
        [MEMBER_SUSPECT] = "suspect",
        [MEMBER_DEAD] = "dead",
        [MEMBER_LEAVING] = "leaving",
    };
    return texts[state];
}

void peering_dispatch(struct peering *p, enum cluster_effect_kind kind,
                      struct link_effect *link)
{
    if (kind == CLUSTER_MEMBER) {
        struct log_line *line = log_begin(p->log, LOG_INFO, "member");
        log_text(line, "peer", link->name);
        log_guid(line, "node_id", &link->node);
        log_text(line, "state", bytes_text(state_text(link->state)));
        log_end(line);
        return;
    }
    if (kind == CLUSTER_CLOSE && !link->is_routine) {
        bool is_known = link->name.size > 0;
        say(p, "link-closed", is_known ? link->name : peers_link_address(p->peers, link->link),
            link->reason);
    }
    peers_dispatch(p->peers, kind, link);
}

void peering_review(struct peering *p)
{
    size_t count = peers_review(p->peers);
    if (count > 0) {
        struct log_line *line = log_begin(p->log, LOG_INFO, "links-withdrawn");
        log_num(line, "count", count);
        log_end(line);
    }
}

const struct peers *peering_peers(const struct peering *p)
{
    return p->peers;
}

void peering_close(struct peering **p)
{
    struct peering *mine = *p;
    *p = NULL;
    if (mine != NULL) {
        peers_close(&mine->peers);
        free(mine);
    }
}
