#include "io/tcp_secure.h"

#include "base/list.h"
#include "base/text.h"
#include "io/sealing.h"
#include "io/timer.h"

#include <assert.h>
#include <stdlib.h>

#define BATCHES_AT_ONCE 8u /* sealed in one go, while the system takes them */
#define AGAIN_MS        1u

/* A batch, and what TLS itself has to say. Who makes it say more, and reads nothing, goes. */
#define SEALED_MAX (TCP_SECURE_BATCH + 32768u)

/* What tcp_stream_write() was given and could not hand over at once. */
struct queued_write {
    struct list link;
    struct bytes parts[TCP_STREAM_PARTS_MAX];
    struct sealing sealing;
    size_t size; /* bytes not sealed yet */
};

struct tcp_secure {
    struct tls_session *session;
    struct timer *again; /* reads on when the owner had no room */
    struct bytes in;     /* just read, not yet pulled */
    struct text kept;    /* the rest of it from another turn */
    int wire_end;        /* 0: more may come */
    struct text sealed;  /* to be sent */
    struct text flight;  /* with libuv, while `flies` */
    uv_write_t request;
    struct list writes; /* the first one is being sealed */
    bool shaking, wanted, flies;
    bool drops; /* it speaks no TLS and was told so: what it still sends is thrown away */
};

static uint8_t room[TCP_SECURE_ROOM]; /* what is read now, of whichever connection */

uint8_t *tcp_secure_room(size_t *size)
{
    *size = sizeof room;
    return room;
}

/* --- the session's wire ------------------------------------------------------------------ */

static int pull(void *owner, uint8_t *to, size_t size, size_t *got)
{
    struct tcp_secure *t = ((struct tcp_stream *)owner)->secure;
    *got = t->in.size < size ? t->in.size : size;
    if (*got > 0) {
        memcpy(to, t->in.at, *got);
        t->in = bytes_of(t->in.at + *got, t->in.size - *got);
        return 0;
    }
    return t->wire_end;
}

static bool push(void *owner, struct bytes sealed)
{
    struct tcp_secure *t = ((struct tcp_stream *)owner)->secure;
    if (t->sealed.size + sealed.size > SEALED_MAX) {
        return false;
    }
    text_add(&t->sealed, sealed);
    return !text_failed(&t->sealed);
}

/* --- out --------------------------------------------------------------------------------- */

static void write_on(struct tcp_stream *s);

static void fail_first(struct tcp_stream *s)
{
    struct list *first = list_pop_front(&s->secure->writes);
    free(list_item(first, struct queued_write, link));
    s->events->on_written(s->owner, ERR_CLOSED);
}

static void on_flown(uv_write_t *request, int status)
{
    struct tcp_stream *s = request->handle->data;
    struct tcp_secure *t = s->secure;
    t->flies = false;
    text_fini(&t->flight);
    if (s->closing) {
        return; /* tcp_secure_free() tells of the writes */
    }
    if (status == 0) {
        write_on(s);
        return;
    }
    if (!list_is_empty(&t->writes)) {
        fail_first(s);
    }
}

/* Hands over what is sealed: as much as the system takes, and the rest to libuv. ERR_CLOSED. */
static int send_sealed(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    uv_stream_t *stream = (uv_stream_t *)&s->tcp;
    if (t->flies || t->sealed.size == 0) {
        return 0; /* it goes when that has landed */
    }
    uv_buf_t rest = uv_buf_init(t->sealed.at, (unsigned)t->sealed.size);
    int n = uv_try_write(stream, &rest, 1);
    if (n < 0 && n != UV_EAGAIN) {
        return ERR_CLOSED;
    }
    size_t took = n < 0 ? 0 : (size_t)n;
    if (took == t->sealed.size) {
        text_fini(&t->sealed);
        return 0;
    }
    t->flight = t->sealed;
    t->sealed = (struct text){0};
    rest = uv_buf_init(t->flight.at + took, (unsigned)(t->flight.size - took));
    if (uv_write(&t->request, stream, &rest, 1, on_flown) != 0) {
        text_fini(&t->flight);
        return ERR_CLOSED;
    }
    t->flies = true;
    return 0;
}

/* Seals one batch of a write. */
static int seal_batch(struct tcp_secure *t, struct queued_write *w)
{
    size_t batch = 0, one = 0;
    int rc;
    do {
        rc = sealing_record(&w->sealing, t->session, &one);
        batch += one;
    } while (rc == 0 && one > 0 && batch < TCP_SECURE_BATCH);
    w->size -= batch;
    return rc;
}

/* Seals and sends until the write is done (true), or something flies, or it was a good deal for
 * one turn; then the last batch flies too, so that on_flown() goes on. *rc: ERR_CLOSED. */
static bool advance(struct tcp_stream *s, struct queued_write *w, int *rc)
{
    struct tcp_secure *t = s->secure;
    *rc = send_sealed(s); /* what was pushed before */
    for (unsigned i = 0; *rc == 0 && !t->flies && w->size > 0 && i < BATCHES_AT_ONCE; i++) {
        *rc = seal_batch(t, w);
        *rc = *rc == 0 ? send_sealed(s) : *rc;
    }
    return *rc == 0 && w->size == 0 && !t->flies;
}

/* What waits to be written, in order. */
static void write_on(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    while (!s->closing && !t->shaking && !t->flies && !list_is_empty(&t->writes)) {
        int rc;
        struct queued_write *w = list_item(t->writes.next, struct queued_write, link);
        bool is_done = advance(s, w, &rc);
        if (rc != 0) {
            fail_first(s);
        } else if (is_done) {
            list_remove(&w->link);
            free(w);
            s->events->on_written(s->owner, 0);
        } else if (!t->flies) {
            timer_start(t->again, AGAIN_MS); /* the others' turn */
            return;
        }
    }
    if (!s->closing && !t->flies) {
        (void)send_sealed(s);
    }
}

static int queue_write(struct tcp_stream *s, const struct queued_write *w)
{
    struct queued_write *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        return ERR_NOMEM;
    }
    *kept = *w;
    kept->sealing.runs = kept->parts;
    list_push_back(&s->secure->writes, &kept->link);
    return TCP_STREAM_QUEUED;
}

int tcp_secure_write(struct tcp_stream *s, const struct bytes *parts, size_t count)
{
    struct tcp_secure *t = s->secure;
    struct queued_write w = {.sealing = {.count = count}};
    memcpy(w.parts, parts, count * sizeof *parts);
    w.sealing.runs = w.parts;
    for (size_t i = 0; i < count; i++) {
        w.size += parts[i].size;
    }
    if (w.size == 0) {
        return 0;
    }
    if (t->shaking || t->flies || !list_is_empty(&t->writes)) {
        return queue_write(s, &w);
    }
    int rc;
    if (advance(s, &w, &rc)) {
        return 0;
    }
    if (rc != 0) {
        return ERR_CLOSED;
    }
    if (!t->flies) {
        timer_start(t->again, AGAIN_MS);
    }
    return queue_write(s, &w);
}

size_t tcp_secure_unsealed_size(const struct tcp_stream *s)
{
    const struct tcp_secure *t = s->secure;
    size_t size = t->sealed.size;
    for (const struct list *l = t->writes.next; l != &t->writes; l = l->next) {
        size += list_item(l, struct queued_write, link)->size;
    }
    return size;
}

/* --- in ---------------------------------------------------------------------------------- */

/* Opens what there is, as long as the owner wants it. */
static void give_out(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    while (!s->closing && t->wanted) {
        size_t size = 0, got = 0;
        uint8_t *to = s->events->on_room(s->owner, &size);
        if (to == NULL) {
            if (t->in.size > 0 || t->wire_end != 0 || tls_session_holds(t->session)) {
                timer_start(t->again, AGAIN_MS);
            }
            return;
        }
        int rc = tls_session_read(t->session, to, size, &got);
        if (rc != 0) {
            t->wanted = false;
            s->events->on_end(s->owner, rc == ERR_CLOSED ? 0 : ERR_CLOSED);
            return;
        }
        if (got == 0) {
            return;
        }
        s->events->on_data(s->owner, bytes_of(to, got));
    }
}

/* Closed now, the connection could be reset before our answer was read (RFC 9112 9.6). So it
 * counts as one that has not shaken hands, and its owner's patience with those ends it. */
static void begin_dropping(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    t->drops = true;
    t->in = bytes_of(NULL, 0);
    tcp_stream_send_end(s);
}

/* False: not open yet, or never. */
static bool shake(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    int rc = tls_session_shake(t->session);
    bool is_sent = send_sealed(s) == 0;
    if (rc == TLS_WAITS && is_sent) {
        return false;
    }
    if (is_sent && !t->flies && tls_session_failure(t->session) == TLS_PLAIN) {
        begin_dropping(s);
        return false;
    }
    if (rc != 0 || !is_sent) {
        t->wanted = false;
        uv_read_stop((uv_stream_t *)&s->tcp);
        s->events->on_end(s->owner, ERR_CLOSED);
        return false;
    }
    t->shaking = false;
    write_on(s);
    return !s->closing;
}

/* Keeps what nobody wants now. */
static void keep_rest(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    if (t->in.size == 0) {
        text_fini(&t->kept);
        return;
    }
    struct text rest = {0};
    text_add(&rest, t->in);
    text_fini(&t->kept);
    t->kept = rest;
    t->in = bytes_of(NULL, 0);
    if (text_failed(&rest)) {
        s->events->on_end(s->owner, ERR_CLOSED);
    }
}

static void adjust_reading(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    bool reads = t->wire_end == 0 && (t->shaking || (t->wanted && t->kept.size == 0));
    if (reads) {
        (void)tcp_stream_read_socket(s); /* what is broken ends with the next write */
    } else {
        uv_read_stop((uv_stream_t *)&s->tcp);
    }
}

/* Everything that can be done with what has come. */
static void read_on(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    if (!t->shaking || shake(s)) {
        give_out(s);
    }
    if (s->closing) {
        return;
    }
    keep_rest(s);
    if (!s->closing && (t->shaking || send_sealed(s) == 0)) {
        adjust_reading(s);
    }
}

void tcp_secure_received(struct tcp_stream *s, struct bytes sealed, int end)
{
    struct tcp_secure *t = s->secure;
    assert(t->kept.size == 0); /* else nothing is read */
    if (t->drops) {
        if (end != 0) {
            s->events->on_end(s->owner, ERR_CLOSED);
        }
        return;
    }
    t->in = sealed;
    t->wire_end = end;
    read_on(s);
}

static void on_again(void *owner)
{
    struct tcp_stream *s = owner;
    struct tcp_secure *t = s->secure;
    if (s->closing) {
        return;
    }
    write_on(s);
    if (!s->closing && !t->shaking) {
        t->in = text_view(&t->kept);
        read_on(s);
    }
}

int tcp_secure_read_start(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    if (t->wanted) {
        return 0;
    }
    t->wanted = true;
    if (t->shaking) {
        return 0;
    }
    bool has_some = t->kept.size > 0 || t->wire_end != 0 || tls_session_holds(t->session);
    if (has_some) {
        timer_start(t->again, AGAIN_MS); /* never from inside this call */
    }
    adjust_reading(s);
    return 0;
}

void tcp_secure_read_stop(struct tcp_stream *s)
{
    s->secure->wanted = false;
    adjust_reading(s);
}

/* --- life -------------------------------------------------------------------------------- */

int tcp_secure_new(struct tcp_stream *s, struct loop *loop, struct tls *tls)
{
    struct tcp_secure *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return ERR_NOMEM;
    }
    list_init(&t->writes);
    s->secure = t;
    const struct tls_wire wire = {pull, push, s};
    t->again = timer_new(loop, on_again, s);
    if (t->again == NULL || tls_session_new(&t->session, tls, false, &wire) != 0) {
        return ERR_NOMEM; /* closing the stream frees it */
    }
    t->shaking = true;
    return tcp_stream_read_socket(s);
}

void tcp_secure_end(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    bool is_idle = !t->shaking && !t->flies && list_is_empty(&t->writes);
    if (is_idle && t->session != NULL) {
        tls_session_end(t->session);
        (void)send_sealed(s);
    }
}

void tcp_secure_close(struct tcp_stream *s)
{
    tcp_secure_end(s);
    timer_close(&s->secure->again);
}

void tcp_secure_free(struct tcp_stream *s)
{
    struct tcp_secure *t = s->secure;
    struct list *l;
    assert(!t->flies);
    while ((l = list_pop_front(&t->writes)) != NULL) {
        free(list_item(l, struct queued_write, link));
        s->events->on_written(s->owner, ERR_CLOSED);
    }
    tls_session_free(&t->session);
    text_fini(&t->kept);
    text_fini(&t->sealed);
    text_fini(&t->flight);
    free(t);
    s->secure = NULL;
}
