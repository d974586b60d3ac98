/* A real HTTP front on a real loop, with a small owner behind it, and raw clients on
 * loopback. One thread does everything: front_turn() runs the loop and looks at the clients'
 * sockets, so no test sleeps and none depends on the speed of the machine.
 *
 * The owner answers by the path of a request:
 *   /park   not at all; the test answers with front_answer_parked()
 *   /collect likewise, and nobody is answered who has ended its side
 *   /head   from on_head() already, 200 "early"
 *   /big    200 with FRONT_BIG_SIZE bytes of stored body
 *   /wrap   200 with stored headers, and "<" body ">" around the stored body
 *   /none   204
 *   /close  200 "bye", and ends the connection
 *   others  200 with the request's body as stored body, or "METHOD PATH QUERY" without one
 */
#ifndef TEST_LIB_FRONT_H
#define TEST_LIB_FRONT_H

#include "cmocka_first.h"
#include "http/http_server.h"
#include "io/loop.h"

#include <setjmp.h>

#define FRONT_BIG_SIZE   (8u << 20) /* bytes: more than loopback sockets swallow */
#define FRONT_PARKED_MAX 64u

struct front {
    struct loop *loop;
    struct http_server *server;
    struct budget budget;
    struct buf *big;
    struct http_exchange *parked[FRONT_PARKED_MAX];
    unsigned parked_count;
    unsigned heads, requests, sent, broken, gone, refused, refused_connections, emptied;
    uint16_t refused_status; /* the last one */
    bool closes_on_request;  /* the owner closes the server when it gets one */
    bool closes_on_empty;    /* likewise when all clients are gone */
};

/* Limits that a test may change before front_open(). */
struct http_server_config front_config(void);

void front_open(struct front *f, const struct http_server_config *config);

/* Closes the server if the test has not, runs the loop to its end, and frees it: that asserts
 * that every handle is closed. Asserts that no budgeted byte is left. */
void front_close(struct front *f);

/* For a server of a test's own that serves nobody: each fails the test. */
void front_never(void *owner, struct http_exchange *x);
void front_never_sent(void *owner, struct http_exchange *x, bool complete);

void front_turn(struct front *f);

/* Turns until *count is at least `target`; fails the test after a while. */
void front_turn_until(struct front *f, const unsigned *count, unsigned target);

/* Answers the oldest parked request with 200 and `content`. */
void front_answer_parked(struct front *f, const char *content);

int client_connect(struct front *f);

/* Sends all of it, turning the loop while the socket is full. */
void client_send(struct front *f, int fd, struct bytes data);
void client_say(struct front *f, int fd, const char *text);

/* Reads until the text ends with `end` (NULL: until the connection ends), and returns it, to
 * be freed. Fails the test when that does not come. `size` may be NULL. */
char *client_read(struct front *f, int fd, const char *end, size_t *size);

/* Reads until the connection ends and asserts that nothing came. */
void client_expect_end(struct front *f, int fd);

/* Closes with a reset instead of an orderly end. */
void client_reset(int fd);

#endif
