/* One connection of the HTTP front, as a state machine, and the server that connections
 * share. Inside of this folder only.
 *
 *            first byte        head           body           answered, with the system
 *   IDLE ---------------> HEAD -----> BODY --------> OWNED ------------------> IDLE, or
 *    ^                      \_______(no body)________^ | part of it is queued    SKIP, LAST
 *    |                                                 v
 *    |                                              WRITING ----(all sent)----> likewise
 *    |
 *    +-- SKIP: answered before the body was read; the rest of it is dropped
 *
 *   LAST: the answer said "close": all is read -> CLOSED, else -> LINGER: our end is sent, and
 *   what still comes is dropped, so that the client can read the answer before a reset
 *   (RFC 9112 9.6). CLOSED: from anywhere; the stream's last event frees the memory.
 *
 * Bytes that come while a request is in the owner's hands are held, up to a limit; then
 * nothing is read any more until the request is answered. Unusually large heads and held
 * bytes are charged to the budget as bodies are. */
#ifndef NODE_HTTP_CONN_H
#define NODE_HTTP_CONN_H

#include "base/list.h"
#include "http/http_date.h"
#include "http/http_exchange.h"
#include "http/http_server.h"
#include "http/http_waits.h"
#include "io/address.h"

#define HTTP_CHUNK_SIZE 16384u /* bytes read at a time, when not into a body */
#define HTTP_BODY_PIECE 65536u /* of a body, read in one turn of the loop */
#define HTTP_HELD_MAX   16384u /* bytes of pipelined requests; then reading stops */
#define HTTP_SKIP_MAX                                                                          \
    65536u                   /* bytes of an unwanted body that are read to keep a connection   \
                              */
#define HTTP_FREE_ROOM 6144u /* bytes a connection may use beside bodies, uncharged */
#define HTTP_LINGER_MS 5000u
#define HTTP_YOUNG_MS  1000u /* a connection that has been slow or idle for less is spared */
#define HTTP_OVER_MAX  256u  /* connections over the limit that are told so, at once */

struct tcp_listener;
struct tcp_stream;

struct http_server {
    struct loop *loop;
    struct http_server_config config;
    struct tcp_listener *listener;
    struct list conns;
    size_t conn_count;    /* all, until their memory is back */
    size_t closing_count; /* of them: closed already */
    size_t over_count;    /* of them: over the limit, hearing so */
    uint64_t turned_away; /* since the start, for want of room */
    uint64_t made_way;    /* idle or slow ones that were closed for new ones */
    struct http_pool pool;
    struct http_waits waits;
    struct http_date date;
    size_t address_size;
    char address[ADDRESS_TEXT_MAX];
    bool listener_open; /* until its last event */
    bool is_leaving;    /* each answer says goodbye */
    bool draining;
    bool closing;
    uint8_t chunk[HTTP_CHUNK_SIZE]; /* what is read now, of whichever connection */
};

enum http_conn_state {
    HTTP_CONN_IDLE,
    HTTP_CONN_HEAD,
    HTTP_CONN_BODY,
    HTTP_CONN_OWNED,
    HTTP_CONN_WRITING,
    HTTP_CONN_SKIP,
    HTTP_CONN_LAST,
    HTTP_CONN_LINGER,
    HTTP_CONN_CLOSED,
};

struct http_conn {
    struct http_server *server;
    struct tcp_stream *stream;
    struct list link; /* in server->conns */
    struct http_wait wait;
    struct http_exchange *x; /* NULL when idle */
    struct text held;        /* read, not yet parsed */
    size_t held_at;          /* bytes of it that are parsed */
    size_t charged_size;     /* bytes of `held` and of the head, beyond HTTP_FREE_ROOM */
    size_t unsent_size;      /* when the wait for the client's reading began, or was renewed */
    enum http_conn_state state;
    uint8_t queued;    /* writes that wait in the stream */
    bool feeding;      /* the parser runs: whoever answers now must not start it again */
    bool reading;      /* bytes are asked for */
    bool pass_once;    /* the body was filled to the brim: do not read on at once */
    bool input_ended;  /* the client sends no more */
    bool write_failed; /* some of the answer will never reach the system */
    bool has_asked;    /* a first byte has come */
    bool is_over;      /* there was no room for it */
    uint8_t peer_size;
    char peer[46]; /* bytes of the longest IPv6 text */
};

/* Takes the connection that the server's listener announces; without room for it, to tell it
 * so. */
void http_conn_accept(struct http_server *s, bool has_room);

/* In http_conn_times.c. The time for c's body or for the reading of its answer begins. */
void http_conn_begin_pace(struct http_conn *c, size_t queued_size);

/* Set the time limit of their state, or end it. */
void http_conn_time_idle(struct http_conn *c);
void http_conn_time_body(struct http_conn *c);
void http_conn_time_owned(struct http_conn *c);

/* The wait of a connection is over. */
void http_conn_on_due(struct http_conn *c);

/* In http_crowd.c: the listener announces a connection. */
void http_crowd_on_connection(struct http_server *s);

/* The last word for its exchange comes from inside this call, if it is still owed. */
void http_conn_close(struct http_conn *c);

/* A connection's memory is back: the server may be waiting for that. */
void http_server_on_conn_closed(struct http_server *s);

/* In http_reply.c. Writes the answer in c->x; moves the connection on. */
void http_conn_send(struct http_conn *c);

/* Answers by itself and closes. */
void http_conn_refuse(struct http_conn *c, uint16_t status);

/* In http_conn.c: the answer is with the system. */
void http_conn_sent(struct http_conn *c);

#endif
