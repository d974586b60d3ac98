/* Nodes of a test: real peer links over loopback, each driven by a core so small that it fits
 * here: it says HELLO, answers HELLO_OK, and writes down what it hears. */
#ifndef LIB_WORLD_H
#define LIB_WORLD_H

#include "peers/peers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEARD_MAX 4096u

struct heard {
    enum msg_kind kind;
    uint64_t link;
    uint64_t value; /* ping: members_hash; PEERS: count; CREATE: body_size; REJECT: code */
    bool no_room;
};

struct node {
    struct loop *loop;
    struct peers *peers;
    struct budget budget;
    char name[16];
    enum msg_lane lane; /* of the links it dials */
    bool is_silent;     /* never answers HELLO */
    bool ends_on_ping;  /* closes all its links from inside on_message */
    bool pings_along;   /* once, when something is about to be written */
    uint64_t up_link;   /* the last one that came up */
    uint64_t last_dialled;
    uint64_t up_links[256];
    size_t up_max[256]; /* bytes of a frame on each of them */
    size_t up_count, opened, accepted, closed, seeds, unsent_told, troubles;
    enum link_end last_end;
    uint64_t last_closed;
    char last_seed[64];
    size_t last_unsent;
    struct heard heard[HEARD_MAX];
    size_t heard_count;
    struct bytes expect_body; /* every body of a CREATE must be a prefix of this */
    struct buf *keep;         /* the last body received, shared */
};

/* While it is set, node_open() makes nodes with encrypted links. */
extern struct tls *world_tls;

/* Group set-up and tear-down of cmocka: TLS with a secret. */
int world_secure(void **state);
int world_plain(void **state);

void node_open(struct node *n, struct loop *l, const char *name, const char *seeds);
void node_dial(struct node *n, const char *address, enum msg_lane lane);
void node_send(struct node *n, uint64_t link, const struct msg *m);
void node_ping(struct node *n, uint64_t link, uint64_t value);
void node_hang_up(struct node *n, uint64_t link);

/* Turns the loop until *counter >= wanted; fails the test when that takes over ten seconds. */
void world_until(struct loop *l, const size_t *counter, size_t wanted);

/* Ends all; asserts that nothing is left in the loop or charged. */
void world_end(struct loop *l, struct node *const *nodes, size_t count);

/* A plain connection to a node, for what no node would say. Blocking, five seconds at most. */
int raw_dial(const struct node *n);
void raw_send(int fd, const void *at, size_t size);

#endif
