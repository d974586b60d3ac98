/* An upstream for tests: a listener on the bench's own loop that gives every request the same
 * scripted bytes, and remembers what it was sent. No HTTP of its own beyond finding the end
 * of a request with Content-Length. */
#ifndef TESTS_LIB_UPSTREAM_H
#define TESTS_LIB_UPSTREAM_H

#include "lib_bench.h"

#include <uv.h>

#define UPSTREAM_REQUEST_MAX (4u * 1024 * 1024)

enum upstream_then {
    UPSTREAM_KEEP,  /* the connection stays */
    UPSTREAM_CLOSE, /* it is closed after the answer */
    UPSTREAM_RESET, /* it is reset after the answer */
};

struct upstream {
    uv_tcp_t listener;
    uint16_t port;
    const char *answer; /* NULL: says nothing */
    size_t answer_size; /* 0: as long as the text */
    size_t piece_size;  /* bytes that leave at once; 0: all */
    enum upstream_then then;
    bool closes_idle;        /* after an answer, though it said nothing of it */
    size_t connections;      /* accepted so far */
    size_t open_connections; /* now */
    size_t requests;         /* answered so far */
    char *last;              /* the last request, terminated */
    size_t last_size;
    struct upstream_connection *first;
};

void upstream_open(struct upstream *u, struct bench *b);
void upstream_close(struct upstream *u);

/* Closes all its connections as a restarting server does. */
void upstream_hang_up(struct upstream *u);

/* "http://127.0.0.1:PORT" and `path`; static. */
const char *upstream_target(const struct upstream *u, const char *path);

/* A bench with an upstream and a target that leads to it. */
struct stage {
    struct bench bench;
    struct upstream upstream;
    struct handler_target *target;
};

struct stage *stage_open(const char *path);
void stage_close(struct stage *s);

struct bench_outcome *stage_run(struct stage *s, const struct bench_call *call);

/* Runs a plain POST against `answer` and expects that end. */
struct bench_outcome *stage_expect(struct stage *s, const char *answer, enum execution_end end);

/* Whether the last request held `text`. */
bool stage_was_sent(const struct stage *s, const char *text);

#endif
