/* More connections than limits.connections: who makes way, and what the others hear.
 *
 * A connection that has waited for a request, or for the rest of its head, for a while is worth
 * less than one that has just come: the eldest of them is closed. So neither a flood of silent
 * or slow clients nor forgotten keep-alives keep others out. When all are busy the new one is
 * told so (503) and closed; when many are being told already, it is closed at once. */
#include "http/http_conn.h"

#include "io/listener.h"

/* NULL: nobody can go. */
static struct http_conn *find_dispensable(struct http_server *s)
{
    static const enum http_wait_kind kinds[] = {
        HTTP_WAIT_FIRST, /* has never asked for anything */
        HTTP_WAIT_HEAD,  /* does not get to the end of its question */
        HTTP_WAIT_IDLE,
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct http_wait *w = http_waits_eldest(&s->waits, kinds[i], HTTP_YOUNG_MS);
        if (w != NULL) {
            return list_item(w, struct http_conn, wait);
        }
    }
    return NULL;
}

static bool make_room(struct http_server *s)
{
    struct http_conn *c = find_dispensable(s);
    if (c == NULL) {
        return false;
    }
    s->made_way++;
    http_conn_close(c);
    return true;
}

void http_crowd_on_connection(struct http_server *s)
{
    size_t open_count = s->conn_count - s->closing_count - s->over_count;
    bool has_room = open_count < s->config.connections_max || make_room(s);
    if (!has_room && s->over_count >= HTTP_OVER_MAX) {
        s->turned_away++;
        tcp_listener_refuse(s->listener);
        return;
    }
    http_conn_accept(s, has_room);
}
