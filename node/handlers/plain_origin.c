#include "handlers/plain_origin.h"

#include "base/text.h"

#include <stdlib.h>

#define PORT_DEFAULT 80u

/* Host and port out of "host", "host:port", "[v6]" or "[v6]:port". */
static void split(struct plain_origin *o)
{
    o->host = bytes_text(o->authority);
    o->port = PORT_DEFAULT;
    struct bytes host;
    uint16_t port;
    if (address_split(o->host, &host, &port) == 0) {
        o->host = host;
        o->port = port;
    } else if (o->host.size > 2 && o->host.at[0] == '[') {
        o->host = bytes_of(o->host.at + 1, o->host.size - 2);
    }
}

/* A literal is its own address. ERR_NOTFOUND: it is a name. */
static int read_literal(struct plain_origin *o)
{
    struct text literal = {0};
    bool is_v6 = memchr(o->host.at, ':', o->host.size) != NULL;
    text_add_str(&literal, is_v6 ? "[" : "");
    text_add(&literal, o->host);
    text_add_str(&literal, is_v6 ? "]:" : ":");
    text_add_num(&literal, o->port);
    int rc = text_failed(&literal) ? ERR_NOMEM
                                   : address_parse(&o->addresses[0], text_view(&literal));
    text_fini(&literal);
    return rc;
}

int plain_origin_init(struct plain_origin *o, struct bytes authority, struct errmsg *em)
{
    *o = (struct plain_origin){0};
    o->authority = strndup((const char *)authority.at, authority.size);
    if (o->authority == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    split(o);
    int rc = o->host.size == 0 ? ERR_MALFORMED : read_literal(o);
    if (rc == 0) {
        o->address_count = 1;
        o->known_until_ms = UINT64_MAX;
    } else if (rc != ERR_NOTFOUND) {
        err_set(em, rc, "'%s' is not host[:port]", o->authority);
        plain_origin_fini(o);
        return rc;
    }
    return 0;
}

void plain_origin_fini(struct plain_origin *o)
{
    free(o->authority);
    o->authority = NULL;
}

bool plain_origin_is_known(const struct plain_origin *o, uint64_t now_ms)
{
    return now_ms < o->known_until_ms;
}

void plain_origin_learn(struct plain_origin *o, const union address *found, size_t count,
                        uint64_t now_ms)
{
    o->address_count = count < PLAIN_ORIGIN_ADDRESSES_MAX ? count : PLAIN_ORIGIN_ADDRESSES_MAX;
    memcpy(o->addresses, found, o->address_count * sizeof *found);
    o->known_until_ms = now_ms + PLAIN_ORIGIN_NAME_MS;
}
