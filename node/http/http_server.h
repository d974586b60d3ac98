/* The HTTP front: listens, reads requests (RFC 9112, strictly), and writes answers.
 *
 * It knows nothing of functions and callbacks. One request of a connection is in the owner's
 * hands at a time; pipelined ones wait their turn, so answers come in order. No llhttp or
 * libuv type leaves this folder. An exchange is one request and its answer:
 *
 *   on_head(x)      the head is here; the owner may answer already (a body nobody wants)
 *   on_request(x)   the body is here too; the owner answers now or later, once
 *   http_exchange_answer(x, &answer)
 *   on_sent(x, complete)   complete: the last byte was handed to the system. The last word:
 *                          x must be forgotten
 *   on_gone(x)      instead, when there will be no answer of the owner's: the client left,
 *                   or what followed the head had to be refused. The last word too
 */
#ifndef NODE_HTTP_SERVER_H
#define NODE_HTTP_SERVER_H

#include "base/err.h"
#include "http/http_message.h"
#include "io/loop.h"

struct http_server;
struct http_exchange;
struct tls;

/* Why the server answers by itself. */
enum http_refusal {
    HTTP_REFUSED_REQUEST,    /* no good HTTP, too slow, too large, no memory */
    HTTP_REFUSED_CONNECTION, /* connections_max are here */
};

struct http_refused {
    enum http_refusal why;
    uint16_t status;
    struct bytes path; /* of the request; empty when it was not read so far */
};

struct http_server_config {
    struct bytes listen; /* HOST:PORT; port 0 asks the system. [v6]:PORT too */
    struct tls *tls;     /* HTTPS (io/tcp_stream.h); NULL: plain. The caller's, outlives all */
    struct budget *budget; /* bodies and large heads are charged here; refused with 503.
                            * NULL: not charged */
    size_t body_max;       /* bytes; over it 413 */
    size_t header_max;     /* bytes; over it 431 */
    /* Over it the eldest connection that is idle, or slow with its head, makes way; if there is
     * none, the new one hears 503 and is closed, and of very many not even that. */
    size_t connections_max;
    /* From the first byte of a request to the end of its head: 408. And for the first byte of
     * a new connection: closed. */
    uint32_t head_timeout_ms;
    uint32_t body_timeout_ms;  /* without any progress of a body: 408 */
    uint32_t idle_timeout_ms;  /* keep-alive without a request: closed */
    uint32_t write_timeout_ms; /* a reader that takes nothing: closed */
    /* A body, or the reading of an answer, that on average is slower than so many bytes a
     * second, its time-out granted on top, ends as one that stands still. 0: no such bound. */
    uint64_t body_rate_min, write_rate_min;
    /* A client that has ended its side hears the answer if it comes so soon. 0: not at all,
     * unless it is being written already. */
    uint32_t half_close_ms;
    void *owner;
    /* False: the owner has answered already and wants no body. May be NULL. */
    bool (*on_head)(void *owner, struct http_exchange *x);
    void (*on_request)(void *owner, struct http_exchange *x);
    void (*on_sent)(void *owner, struct http_exchange *x, bool complete);
    void (*on_gone)(void *owner, struct http_exchange *x);
    /* The server refused by itself (400, 408, 413, 417, 431, 503, 505): fills headers and body
     * of the problem; Retry-After (of 503) is added by the server. NULL: an empty body. When
     * on_head() has seen that exchange, on_gone() has come before. */
    void (*on_refused)(void *owner, const struct http_refused *what,
                       struct http_answer *answer);
    /* After http_server_drain(): the last connection is gone. May come from inside that call;
     * the server may be closed from inside this one. NULL: nobody asks. */
    void (*on_empty)(void *owner);
};

/* ERR_INUSE (the port), ERR_MALFORMED (the address), ERR_IO: `em` says it. */
int http_server_open(struct http_server **out, struct loop *loop,
                     const struct http_server_config *config, struct errmsg *em);

/* "HOST:PORT" as bound. Borrowed from the server. */
struct bytes http_server_address(const struct http_server *s);

/* Accepts no more connections; the existing ones are served on. */
void http_server_stop_listening(struct http_server *s);

/* From now on each answer closes its connection: so that hardly any is left on which a request
 * could cross our end of it. Idle connections stay, and new ones are served. */
void http_server_say_goodbye(struct http_server *s);

/* Likewise, and idle connections are closed. */
void http_server_drain(struct http_server *s);

/* Closes everything; exchanges get their last word from inside this call or later. */
void http_server_close(struct http_server **s);

size_t http_server_connection_count(const struct http_server *s);

/* Since the start: connections refused because connections_max were there; and idle or slow
 * ones closed for new ones. */
uint64_t http_server_turned_away(const struct http_server *s);
uint64_t http_server_made_way(const struct http_server *s);

const struct http_request *http_exchange_request(const struct http_exchange *x);

/* From inside on_request(): when the client ends its side before it is answered, it is gone
 * at once. For what may not be handed to somebody who has left: whether a client only listens
 * or has closed cannot be told from its FIN (RFC 9293 3.6). */
void http_exchange_end_with_client(struct http_exchange *x);

/* Takes those headers out of the request that `drops` says yes to. */
void http_exchange_drop_headers(struct http_exchange *x,
                                bool (*drops)(void *owner, const struct http_header *h),
                                void *owner);

/* A place for the owner to keep its own pointer or number. */
void http_exchange_set_data(struct http_exchange *x, uint64_t data);
uint64_t http_exchange_data(const struct http_exchange *x);

/* Lends `answer`, which must be zero, the exchange's own empty texts, so that most answers are
 * written without an allocation. Not needed, and never to be undone: http_exchange_answer()
 * takes them back. */
void http_exchange_lend(struct http_exchange *x, struct http_answer *answer);

/* Takes everything in `answer` (texts and references; the struct is left empty). Exactly once
 * for an exchange. on_sent() may come from inside this call. */
void http_exchange_answer(struct http_exchange *x, struct http_answer *answer);

#endif
