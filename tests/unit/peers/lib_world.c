#include "lib_world.h"

#include "crypto/tls.h"
#include "io/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_seed(void *owner, struct bytes address)
{
    struct node *n = owner;
    n->seeds++;
    snprintf(n->last_seed, sizeof n->last_seed, "%.*s", BYTES_ARG(address));
}

static struct msg hello_of(const struct node *n, enum msg_kind kind, enum msg_lane lane)
{
    struct msg m = {.kind = kind};
    m.hello.version_min = m.hello.version_max = 1;
    m.hello.cluster_name = bytes_text("test");
    m.hello.node_name = bytes_text(n->name);
    m.hello.lane = (uint8_t)lane;
    return m;
}

static void on_opened(void *owner, uint64_t link)
{
    struct node *n = owner;
    n->opened++;
    struct msg m = hello_of(n, MSG_HELLO, n->lane);
    node_send(n, link, &m);
}

static void on_accepted(void *owner, uint64_t link)
{
    struct node *n = owner;
    (void)link;
    n->accepted++;
}

static void on_closed(void *owner, uint64_t link, enum link_end why)
{
    struct node *n = owner;
    n->closed++;
    n->last_end = why;
    n->last_closed = link;
}

static void note_up(struct node *n, uint64_t link, uint8_t lane)
{
    n->up_link = link;
    n->up_links[n->up_count % 256] = link;
    n->up_max[n->up_count % 256] = lane == LANE_BULK ? MSG_BULK_MAX : MSG_CONTROL_MAX;
    n->up_count++;
}

static void note_body(struct node *n, const struct msg_create *m)
{
    struct bytes body = buf_view(m->body);
    assert_true(body.size <= n->expect_body.size);
    assert_memory_equal(body.at, n->expect_body.at, body.size);
    buf_drop(&n->keep);
    n->keep = m->body == NULL ? NULL : buf_share(m->body);
}

static void on_message(void *owner, uint64_t link, const struct msg *m, uint64_t sent_at_ms)
{
    struct node *n = owner;
    assert_true(sent_at_ms > 0);
    struct heard *h = &n->heard[n->heard_count++ % HEARD_MAX];
    *h = (struct heard){.kind = m->kind, .link = link};
    if (m->kind == MSG_HELLO && !n->is_silent) {
        note_up(n, link, m->hello.lane);
        struct msg ok = hello_of(n, MSG_HELLO_OK, (enum msg_lane)m->hello.lane);
        node_send(n, link, &ok);
    } else if (m->kind == MSG_HELLO_OK) {
        note_up(n, link, m->hello.lane);
    } else if (m->kind == MSG_PING) {
        h->value = m->ping.members_hash;
        if (n->ends_on_ping) {
            peers_close(&n->peers);
        }
    } else if (m->kind == MSG_PEERS) {
        h->value = m->peers.count;
    } else if (m->kind == MSG_REJECT) {
        h->value = m->reject.code;
    } else if (m->kind == MSG_CREATE) {
        h->value = m->create.body_size;
        h->no_room = m->create.no_room;
        note_body(n, &m->create);
    }
}

static void on_unsent(void *owner, uint64_t link, size_t unsent_size)
{
    struct node *n = owner;
    (void)link;
    n->unsent_told++;
    n->last_unsent = unsent_size;
}

static void on_writing(void *owner)
{
    struct node *n = owner;
    if (n->pings_along) {
        n->pings_along = false;
        node_ping(n, n->up_link, 4711);
    }
}

static size_t frame_max(void *owner, uint64_t link)
{
    struct node *n = owner;
    for (size_t i = 0; i < n->up_count && i < 256; i++) {
        if (n->up_links[i] == link) {
            return n->up_max[i];
        }
    }
    return MSG_HELLO_MAX;
}

static void on_trouble(void *owner, struct bytes address, const char *what)
{
    struct node *n = owner;
    assert_true(address.size > 0);
    assert_non_null(what);
    n->troubles++;
}

struct tls *world_tls;

int world_secure(void **state)
{
    (void)state;
    char path[] = "/tmp/callbackd-secret-XXXXXX";
    static const char secret[] = "0123456789abcdef0123456789abcdef\n";
    int fd = mkstemp(path); /* for its owner only */
    assert_true(fd >= 0);
    assert_int_equal(write(fd, secret, sizeof secret - 1), sizeof secret - 1);
    close(fd);
    const struct tls_config config = {
        .use = TLS_FOR_PEERS, .prefix = "", .secrets = path, .cluster_name = "world"};
    int rc = tls_open(&world_tls, &config, NULL);
    unlink(path);
    return rc;
}

int world_plain(void **state)
{
    (void)state;
    tls_free(&world_tls);
    return 0;
}

void node_open(struct node *n, struct loop *l, const char *name, const char *seeds)
{
    struct bytes seed = bytes_text(seeds);
    struct errmsg em = {{0}};
    memset(n, 0, sizeof *n);
    n->loop = l;
    n->budget.limit = 64u << 20;
    snprintf(n->name, sizeof n->name, "%s", name);
    struct peers_config config = {.listen = bytes_text("127.0.0.1:0"),
                                  .seeds = &seed,
                                  .seed_count = seeds == NULL ? 0 : 1,
                                  .budget = &n->budget,
                                  .tls = world_tls,
                                  .events = {on_seed, on_opened, on_accepted, on_closed, NULL,
                                             on_message, on_unsent, on_writing, frame_max,
                                             on_trouble, n}};
    if (peers_open(&n->peers, l, &config, &em) != 0) {
        fail_msg("%s", em.text);
    }
}

void node_dial(struct node *n, const char *address, enum msg_lane lane)
{
    n->lane = lane;
    n->last_dialled = LINK_OUTGOING + (n->last_dialled & ~LINK_OUTGOING) + 1;
    struct link_effect e = {
        .link = n->last_dialled, .lane = lane, .address = bytes_text(address)};
    peers_dispatch(n->peers, CLUSTER_DIAL, &e);
}

void node_send(struct node *n, uint64_t link, const struct msg *m)
{
    struct link_effect e = {.link = link, .msg = *m};
    assert_non_null(n->peers);
    peers_dispatch(n->peers, CLUSTER_SEND, &e);
}

void node_ping(struct node *n, uint64_t link, uint64_t value)
{
    struct msg m = {.kind = MSG_PING, .ping = {value}};
    node_send(n, link, &m);
}

void node_hang_up(struct node *n, uint64_t link)
{
    struct link_effect e = {.link = link, .reason = "test"};
    peers_dispatch(n->peers, CLUSTER_CLOSE, &e);
}

void world_until(struct loop *l, const size_t *counter, size_t wanted)
{
    uint64_t limit = loop_clock_ns() + 10000000000u;
    while (*counter < wanted) {
        loop_turn(l, false);
        if (loop_clock_ns() > limit) {
            fail_msg("waited in vain: %zu of %zu", *counter, wanted);
        }
    }
}

void world_end(struct loop *l, struct node *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_drop(&nodes[i]->keep);
        peers_close(&nodes[i]->peers);
    }
    loop_run(l);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(nodes[i]->budget.used, 0);
    }
    loop_free(&l);
}

int raw_dial(const struct node *n)
{
    union address to;
    struct timeval limit = {.tv_sec = 5};
    assert_int_equal(address_parse(&to, peers_address(n->peers)), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, &to.any, sizeof to.v4), 0);
    return fd;
}

void raw_send(int fd, const void *at, size_t size)
{
    assert_int_equal(send(fd, at, size, MSG_NOSIGNAL), size);
}
