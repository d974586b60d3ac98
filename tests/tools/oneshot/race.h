/* N callbacks, each asked for by several clients at different nodes at the same moment, and a
 * ledger of who got what. The promise under test (API.md section 3): one client in the whole
 * cluster gets it, and never a 404 for an invocation that a 202 has promised.
 *
 * A client asks until it has a last word: the callback, 410 or 404; or until the callback is
 * given up. A 202 or 503 is asked again at the same node, a broken connection at the next one.
 * With a token it goes on as whom it was after a broken connection; one that insists takes no
 * 404 for an answer. */
#ifndef TESTS_ONESHOT_RACE_H
#define TESTS_ONESHOT_RACE_H

#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define NODES_MAX   16
#define CLIENTS_MAX 16
#define SIZES_MAX   8

struct race_options {
    struct sockaddr_in nodes[NODES_MAX];
    uint32_t node_count, clients;
    const char *path;
    uint64_t count;   /* callbacks to post */
    uint64_t seconds; /* or as many as can be posted in so long; 0: by count */
    uint32_t sizes[SIZES_MAX];
    uint32_t size_count;
    uint32_t window;     /* callbacks raced at once */
    uint32_t wait_ms;    /* of a GET */
    uint32_t hold_ms;    /* every second callback is asked for so long after its 202 */
    uint32_t pace_ms;    /* between two callbacks of one slot */
    uint32_t give_up_ms; /* after the 202 */
    bool asks_status;    /* each client asks for the status first */
    bool sweeps;         /* at the end everybody asks again for everything */
    bool has_tokens;     /* Claim-Token: one for each client and callback */
    bool insists;        /* one client a callback: a 404 is asked again, elsewhere */
    const volatile sig_atomic_t *is_told; /* nothing more is posted once it is set */
    const char *ledger; /* file: `ID deliveries code` of everything accepted; NULL: none */
};

struct race_report {
    uint64_t accepted, refused;
    uint64_t posts_refused; /* nobody listened */
    uint64_t posts_broken;  /* the connection ended before the answer */
    uint64_t delivered, twice, wrong_bodies;
    uint64_t failed;         /* of those delivered: with another code than 200 */
    uint64_t wrong_answers;  /* neither 2xx, the callback, 429 nor 503; 410 for a rival only */
    uint64_t no_retry_after; /* 429 or 503 that does not say when to come back */
    uint64_t post_codes[600], codes[600], status_codes[600]; /* the latter of the GETs */
    uint64_t gets_refused;                                   /* nobody listened */
    uint64_t gets_broken;      /* the connection ended before any byte */
    uint64_t gets_cut;         /* and these within the answer */
    uint64_t gets_unanswered;  /* longer than the wait and LATE_MS */
    uint64_t lost_cut;         /* not delivered: the one answer was cut off (node died) */
    uint64_t lost_asked;       /* the connection broke before any byte of the answer */
    uint64_t lost_gone;        /* 410 for everybody: the node died after its claim */
    uint64_t lost_unknown;     /* 404 for somebody: nobody is left who knows it */
    uint64_t lost_unavailable; /* 503 to the end: too few arbiters are left */
    uint64_t lost_unanswered;
    uint64_t
        broke_once; /* of the lost: their node died while it was asked for them, or served */
    /* Of the sweep: asked again, delivered then for the first time, and delivered again. */
    uint64_t swept, swept_late, swept_twice;
    uint64_t sweep_codes[600];
    double seconds;
};

/* Runs to the end. */
void race_run(const struct race_options *options, struct race_report *out);

#endif
