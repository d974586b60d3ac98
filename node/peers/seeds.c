#include "peers/seeds.h"

#include "io/dns.h"
#include "io/timer.h"

#include <stdlib.h>

struct seed {
    struct seeds *owner;
    struct dns_lookup *lookup; /* running, or NULL */
    struct bytes address;      /* HOST:PORT, in memory of our own */
    struct bytes name;         /* of `dns:`; within `address`. Empty: a static address */
    uint16_t port;
};

struct seeds {
    struct loop *loop;
    struct timer *timer;
    struct seeds_events events;
    size_t count;
    struct seed at[];
};

static void on_found(void *owner, int rc, const union address *found, size_t count)
{
    struct seed *seed = owner;
    struct seeds *s = seed->owner;
    seed->lookup = NULL;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char text[ADDRESS_TEXT_MAX];
        size_t size = address_print(&found[i], text);
        s->events.on_seed(s->events.owner, bytes_of(text, size));
    }
}

static void on_round(void *owner)
{
    struct seeds *s = owner;
    bool joined = s->events.is_joined(s->events.owner);
    timer_start(s->timer, joined ? SEEDS_JOINED_MS : SEEDS_ALONE_MS);
    for (size_t i = 0; i < s->count; i++) {
        struct seed *seed = &s->at[i];
        if (seed->name.size == 0) {
            s->events.on_seed(s->events.owner, seed->address);
        } else if (seed->lookup == NULL) {
            struct dns_events events = {.on_found = on_found, .owner = seed};
            /* Out of memory: the next round asks again. */
            (void)dns_lookup_start(&seed->lookup, s->loop, seed->name, seed->port, &events);
        }
    }
}

static int add(struct seeds *s, struct bytes text, struct errmsg *em)
{
    struct bytes address = text, host;
    uint16_t port;
    bool is_name = bytes_cut_front(&address, "dns:");
    if (address_split(address, &host, &port) != 0) {
        return err_set(em, ERR_MALFORMED, "seed \"%.*s\": not HOST:PORT or dns:NAME:PORT",
                       BYTES_ARG(text));
    }
    uint8_t *copy = malloc(address.size);
    if (copy == NULL) {
        return err_set(em, ERR_NOMEM, "no memory for seeds");
    }
    memcpy(copy, address.at, address.size);
    struct seed *seed = &s->at[s->count++];
    seed->owner = s;
    seed->address = bytes_of(copy, address.size);
    seed->port = port;
    if (is_name) {
        seed->name = bytes_of(copy + (host.at - address.at), host.size);
    }
    return 0;
}

int seeds_open(struct seeds **out, struct loop *l, struct seeds_list list,
               const struct seeds_events *events, struct errmsg *em)
{
    *out = NULL;
    struct seeds *s = calloc(1, sizeof *s + list.count * sizeof s->at[0]);
    if (s == NULL) {
        return err_set(em, ERR_NOMEM, "no memory for seeds");
    }
    s->loop = l;
    s->events = *events;
    s->timer = timer_new(l, on_round, s);
    int rc = s->timer == NULL ? err_set(em, ERR_NOMEM, "no memory for seeds") : 0;
    for (size_t i = 0; i < list.count && rc == 0; i++) {
        rc = add(s, list.at[i], em);
    }
    if (rc != 0) {
        seeds_close(&s);
        return rc;
    }
    timer_start(s->timer, 0);
    *out = s;
    return 0;
}

void seeds_close(struct seeds **s)
{
    struct seeds *mine = *s;
    *s = NULL;
    if (mine == NULL) {
        return;
    }
    timer_close(&mine->timer);
    for (size_t i = 0; i < mine->count; i++) {
        dns_lookup_cancel(&mine->at[i].lookup);
        free((void *)(uintptr_t)mine->at[i].address.at);
    }
    free(mine);
}
