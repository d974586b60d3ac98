#include "web.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 65536u

static void *grow(void *at, size_t *room, size_t wanted)
{
    if (wanted > *room) {
        *room = wanted * 2;
        at = realloc(at, *room);
        if (at == NULL) {
            perror("oneshot");
            exit(2);
        }
    }
    return at;
}

void web_init(struct web *w, int epoll, void *owner)
{
    *w = (struct web){.epoll = epoll, .fd = -1, .owner = owner};
}

char *web_room(struct web *w, size_t size)
{
    w->out = grow(w->out, &w->out_room, size);
    return w->out;
}

void web_close(struct web *w)
{
    if (w->fd >= 0) {
        close(w->fd);
    }
    w->fd = -1;
    w->is_asking = false;
    w->in_size = 0;
}

void web_free(struct web *w)
{
    web_close(w);
    free(w->out);
    free(w->in);
}

bool web_has_begun(const struct web *w)
{
    return w->in_size > 0;
}

bool web_was_sent(const struct web *w)
{
    return w->out_sent > 0;
}

/* To a node on this machine or the next one: the connect itself may block for a moment. */
static bool web_connect(struct web *w, const struct sockaddr_in *to)
{
    int one = 1;
    w->to = *to;
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0) {
        perror("oneshot: socket");
        exit(2);
    }
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(w->fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
        web_close(w);
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = w->owner};
    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->fd, &event);
    return true;
}

/* False: the connection is broken. */
static bool push(struct web *w)
{
    while (w->out_sent < w->out_size) {
        ssize_t n = send(w->fd, w->out + w->out_sent, w->out_size - w->out_sent, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS;
        }
        w->out_sent += (size_t)n;
    }
    return true;
}

bool web_send(struct web *w, const struct sockaddr_in *to, size_t size)
{
    if (w->fd >= 0 && memcmp(&w->to, to, sizeof *to) != 0) {
        web_close(w);
    }
    if (w->fd < 0 && !web_connect(w, to)) {
        return false;
    }
    w->out_size = size;
    w->out_sent = 0;
    w->in_size = 0;
    w->is_asking = true;
    if (!push(w)) {
        web_close(w);
        return false;
    }
    return true;
}

static const char *find_header(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at == NULL ? NULL : at + strlen(name);
}

/* True: the answer is whole. Only answers with Content-Length are asked for. */
static bool parse(struct web *w, struct web_answer *out)
{
    w->in[w->in_size] = '\0';
    char *end = memmem(w->in, w->in_size, "\r\n\r\n", 4);
    if (end == NULL) {
        return false;
    }
    end[2] = '\0'; /* the head is a string now */
    const char *length = find_header(w->in, "\r\nContent-Length:");
    const char *location = find_header(w->in, "\r\nLocation:");
    const char *callback = find_header(w->in, "\r\nX-Callback:");
    bool is_delivered = callback != NULL && strncmp(callback, " delivered", 10) == 0;
    bool has_retry_after = find_header(w->in, "\r\nRetry-After:") != NULL;
    w->closes = find_header(w->in, "\r\nConnection: close") != NULL;
    size_t body_size = length == NULL ? 0 : strtoul(length, NULL, 10);
    size_t head_size = (size_t)(end - w->in) + 4;
    end[2] = '\r';
    if (w->in_size < head_size + body_size) {
        return false;
    }
    *out = (struct web_answer){.code = (int)strtol(w->in + 9, NULL, 10),
                               .body = w->in + head_size,
                               .body_size = body_size,
                               .is_delivered = is_delivered,
                               .has_retry_after = has_retry_after};
    if (location != NULL) {
        size_t line = strcspn(location, "\r");
        const char *slash = memrchr(location, '/', line);
        out->id = slash == NULL ? location : slash + 1;
        out->id_size = (size_t)(location + line - out->id);
    }
    return true;
}

enum web_event web_handle(struct web *w, struct web_answer *out)
{
    if (w->fd < 0) {
        return WEB_NOTHING;
    }
    if (!push(w)) {
        return w->is_asking ? WEB_BROKEN : WEB_NOTHING;
    }
    for (;;) {
        w->in = grow(w->in, &w->in_room, w->in_size + READ_SIZE + 1);
        ssize_t n = recv(w->fd, w->in + w->in_size, READ_SIZE, 0);
        if (n > 0) {
            w->in_size += (size_t)n;
            continue;
        }
        bool is_open = n < 0 && (errno == EAGAIN || errno == ENOTCONN);
        if (w->is_asking && w->in_size > 0 && parse(w, out)) {
            w->is_asking = false;
            if (!is_open || w->closes) {
                close(w->fd); /* the bytes stay for the owner to read */
                w->fd = -1;
            }
            return WEB_ANSWER;
        }
        if (is_open) {
            return WEB_NOTHING;
        }
        if (w->is_asking) {
            return WEB_BROKEN;
        }
        web_close(w);
        return WEB_NOTHING;
    }
}
