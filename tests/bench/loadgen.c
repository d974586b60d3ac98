/* A closed-loop load generator for whole cycles: a client posts, waits for the answer, collects
 * at the chosen node, checks the body, and begins again. One thread, epoll, no library.
 *
 *   cycle   POST respond-async -> 202, GET the callback -> 200
 *   fixed   the same two requests; of the callback only the size is checked (any HTTP server)
 *   post    only the POST; what it stores stays (memory, growth)
 *   sync    one synchronous POST
 *   get     one GET of --path (any HTTP server)
 *   redis   SET key EX + GETDEL, RESP
 *
 * Prints one JSON object: cycles, seconds, errors, latencies in microseconds, and the CPU time
 * that the processes named by --pid took for a cycle. */
#include "histogram.h"
#include "options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum phase { PHASE_FIRST, PHASE_SECOND, PHASE_PAUSED };

struct client;

struct conn {
    int fd;
    struct client *client;
    char *in;
    size_t in_size;
};

struct client {
    struct conn *conns; /* one for each node */
    uint32_t number;
    enum phase phase;
    uint32_t node; /* that the next answer comes from */
    uint64_t begun_us, step_us, due_us;
    uint64_t cycle;
    char id[64];
    size_t id_size;
};

struct run {
    struct options o;
    int epoll;
    struct client *clients;
    char *body, *out;
    size_t in_room, out_room;
    uint64_t started_us, ends_us, finished, errors;
    uint64_t first_codes[600], second_codes[600];
    struct histogram first, second;
    bool measuring;
    uint64_t random;
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void die(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(const struct sockaddr_in *to)
{
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
        die("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(struct run *r, struct client *c, size_t size)
{
    const char *at = r->out;
    while (size > 0) {
        ssize_t n = send(c->conns[c->node].fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) {
            die("send");
        }
        at += n;
        size -= (size_t)n;
    }
}

/* Blocking sends into an empty socket, non-blocking reads: a closed loop never has more than
 * one request of a client under way. */
static size_t print_post(struct run *r, const char *prefer)
{
    int n = snprintf(r->out, r->out_room,
                     "POST %s HTTP/1.1\r\nHost: bench\r\n%sContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     r->o.path, prefer, r->o.size);
    memcpy(r->out + n, r->body, r->o.size);
    return (size_t)n + r->o.size;
}

/* Every body carries its client and cycle, so that a wrong one is noticed. */
static void stamp_body(struct run *r, const struct client *c)
{
    char stamp[40];
    int n =
        snprintf(stamp, sizeof stamp, "%010u-%020llu", c->number, (unsigned long long)c->cycle);
    size_t size = (size_t)n < r->o.size ? (size_t)n : r->o.size;
    memcpy(r->body, stamp, size);
}

static void send_first(struct run *r, struct client *c)
{
    size_t size = 0;
    c->cycle++;
    c->phase = PHASE_FIRST;
    c->node = c->number % r->o.node_count;
    stamp_body(r, c);
    switch (r->o.mode) {
    case MODE_CYCLE:
    case MODE_FIXED:
    case MODE_POST:
        size = print_post(r, "Prefer: respond-async\r\n");
        break;
    case MODE_SYNC:
        size = print_post(r, "");
        break;
    case MODE_GET:
        size = (size_t)snprintf(r->out, r->out_room, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n",
                                r->o.path);
        break;
    case MODE_REDIS: {
        c->id_size = (size_t)snprintf(c->id, sizeof c->id, "%010u-%020llu-key", c->number,
                                      (unsigned long long)c->cycle);
        int n = snprintf(r->out, r->out_room, "*5\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n",
                         c->id_size, c->id, r->o.size);
        memcpy(r->out + n, r->body, r->o.size);
        size = (size_t)n + r->o.size;
        memcpy(r->out + size, "\r\n$2\r\nEX\r\n$2\r\n60\r\n", 18);
        size += 18;
        break;
    }
    }
    c->begun_us = c->step_us = now_us();
    send_all(r, c, size);
}

static uint32_t collecting_node(struct run *r, const struct client *c)
{
    uint32_t n = r->o.node_count;
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    switch (r->o.collect) {
    case COLLECT_SAME:
        return c->node;
    case COLLECT_OTHER:
        return n < 2 ? c->node : (c->node + 1 + (uint32_t)(r->random >> 33) % (n - 1)) % n;
    case COLLECT_RANDOM:
        return (uint32_t)(r->random >> 33) % n;
    }
    return 0;
}

static void send_second(struct run *r, struct client *c)
{
    size_t size;
    c->phase = PHASE_SECOND;
    if (r->o.mode == MODE_REDIS) {
        size = (size_t)snprintf(r->out, r->out_room, "*2\r\n$6\r\nGETDEL\r\n$%zu\r\n%s\r\n",
                                c->id_size, c->id);
    } else {
        c->node = collecting_node(r, c);
        size = (size_t)snprintf(r->out, r->out_room,
                                "GET /v1/callbacks/%.*s HTTP/1.1\r\nHost: bench\r\n\r\n",
                                (int)c->id_size, c->id);
    }
    c->step_us = now_us();
    send_all(r, c, size);
}

/* --- answers --------------------------------------------------------------------------------
 */

struct answer {
    int code;
    const char *body;
    size_t body_size, size; /* size 0: not complete yet */
    const char *id;
};

/* The value of a field. Line by line, its first letter first: a generator that searches long
 * is slower than what it measures. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t size = strlen(name);
    const char *at = head;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        if ((*at | 0x20) == *name && strncasecmp(at, name, size) == 0) {
            return at + size;
        }
    }
    return NULL;
}

static struct answer parse_http(const struct conn *k)
{
    struct answer a = {0};
    const char *end = memmem(k->in, k->in_size, "\r\n\r\n", 4);
    if (end == NULL) {
        return a;
    }
    const char *length = header(k->in, end, "content-length: ");
    a.code = (int)strtol(k->in + 9, NULL, 10);
    a.id = header(k->in, end, "x-call-id: ");
    a.body_size = length == NULL ? 0 : strtoul(length, NULL, 10);
    a.body = end + 4;
    size_t size = (size_t)(a.body - k->in) + a.body_size;
    a.size = k->in_size >= size ? size : 0;
    return a;
}

static struct answer parse_redis(const struct conn *k)
{
    struct answer a = {0};
    char *end = memmem(k->in, k->in_size, "\r\n", 2);
    if (end == NULL) {
        return a;
    }
    a.code = k->in[0] == '-' ? 500 : 200;
    a.body = end + 2;
    if (k->in[0] == '$') {
        long n = strtol(k->in + 1, NULL, 10);
        a.code = n < 0 ? 404 : 200;
        a.body_size = n < 0 ? 0 : (size_t)n;
    }
    size_t size =
        (size_t)(a.body - k->in) + (k->in[0] == '$' && a.code == 200 ? a.body_size + 2 : 0);
    a.size = k->in_size >= size ? size : 0;
    return a;
}

static void finish_cycle(struct run *r, struct client *c)
{
    if (r->measuring) {
        r->finished++;
    }
    if (r->o.rate > 0) {
        c->phase = PHASE_PAUSED;
        c->due_us += (uint64_t)(1e6 * r->o.connections / r->o.rate);
    } else if (r->o.count == 0 || c->cycle * r->o.connections < r->o.count) {
        send_first(r, c);
    } else {
        c->phase = PHASE_PAUSED;
        c->due_us = UINT64_MAX;
        r->o.connections_done++;
    }
}

static bool body_is_right(struct run *r, const struct client *c, const struct answer *a)
{
    if (r->o.mode == MODE_FIXED) {
        return a->body_size == r->o.size;
    }
    stamp_body(r, c);
    return a->body_size == r->o.size && memcmp(a->body, r->body, r->o.size) == 0;
}

static void on_answer(struct run *r, struct client *c, const struct answer *a)
{
    uint64_t now = now_us();
    bool second = c->phase == PHASE_SECOND;
    bool cycle = r->o.mode == MODE_CYCLE || r->o.mode == MODE_FIXED;
    int wanted = !second && (cycle || r->o.mode == MODE_POST) ? 202 : 200;
    bool right = a->code == wanted;
    if (second || r->o.mode == MODE_SYNC) {
        right = right && body_is_right(r, c, a);
    }
    if (r->measuring) {
        histogram_add(second ? &r->second : &r->first, now - c->step_us);
        r->errors += !right;
        if (a->code >= 0 && a->code < 600) {
            (second ? r->second_codes : r->first_codes)[a->code]++;
        }
    }
    bool goes_on = !second && right && (cycle || r->o.mode == MODE_REDIS);
    if (goes_on && cycle) {
        c->id_size = a->id == NULL ? sizeof c->id : strcspn(a->id, "\r");
        if (c->id_size >= sizeof c->id) {
            die("X-Call-Id is missing, or too long");
        }
        memcpy(c->id, a->id, c->id_size);
    }
    if (goes_on) {
        send_second(r, c);
    } else {
        finish_cycle(r, c);
    }
}

static void on_readable(struct run *r, struct conn *k)
{
    ssize_t n = recv(k->fd, k->in + k->in_size, r->in_room - k->in_size - 1, MSG_DONTWAIT);
    if (n <= 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        die("a node closed the connection");
    }
    k->in_size += (size_t)n;
    k->in[k->in_size] = '\0';
    struct answer a = r->o.mode == MODE_REDIS ? parse_redis(k) : parse_http(k);
    if (a.size == 0) {
        return;
    }
    if (a.size != k->in_size) {
        die("more came than was asked for");
    }
    k->in_size = 0;
    on_answer(r, k->client, &a);
}

/* --- the run
 * ----------------------------------------------------------------------------------- */

static void open_clients(struct run *r)
{
    r->in_room = r->o.size + 4096;
    r->out_room = r->o.size + 4096;
    r->out = malloc(r->out_room);
    r->body = malloc(r->o.size + 1);
    memset(r->body, 'x', r->o.size);
    r->clients = calloc(r->o.connections, sizeof *r->clients);
    for (uint32_t i = 0; i < r->o.connections; i++) {
        struct client *c = &r->clients[i];
        c->number = i;
        c->conns = calloc(r->o.node_count, sizeof *c->conns);
        for (uint32_t n = 0; n < r->o.node_count; n++) {
            struct conn *k = &c->conns[n];
            struct epoll_event e = {.events = EPOLLIN, .data.ptr = k};
            k->client = c;
            k->in = malloc(r->in_room);
            k->fd = connect_to(&r->o.nodes[n]);
            epoll_ctl(r->epoll, EPOLL_CTL_ADD, k->fd, &e);
        }
    }
}

/* Starts what is paused and due; returns how long to wait, in milliseconds. */
static int start_due(struct run *r, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < r->o.connections && r->o.rate > 0; i++) {
        struct client *c = &r->clients[i];
        if (c->phase != PHASE_PAUSED) {
            continue;
        }
        if (c->due_us <= now) {
            send_first(r, c);
        } else if (c->due_us < next) {
            next = c->due_us;
        }
    }
    return next == UINT64_MAX ? 100 : (int)((next - now) / 1000);
}

static void run_until(struct run *r, uint64_t ends_us)
{
    struct epoll_event events[256];
    for (uint64_t now = now_us(); now < ends_us; now = now_us()) {
        if (r->o.count > 0 && r->o.connections_done == r->o.connections) {
            return;
        }
        int wait_ms = r->o.rate > 0 ? start_due(r, now) : 100;
        int n = epoll_wait(r->epoll, events, 256, wait_ms);
        for (int i = 0; i < n; i++) {
            on_readable(r, events[i].data.ptr);
        }
    }
}

static void print_histogram(const char *name, const struct histogram *h)
{
    printf("\"%s_us\":{\"p50\":%llu,\"p99\":%llu,\"p999\":%llu},", name,
           (unsigned long long)histogram_at(h, 0.5), (unsigned long long)histogram_at(h, 0.99),
           (unsigned long long)histogram_at(h, 0.999));
}

static void print_codes(const char *name, const uint64_t *codes)
{
    const char *comma = "";
    printf("\"%s_codes\":{", name);
    for (int i = 0; i < 600; i++) {
        if (codes[i] > 0) {
            printf("%s\"%d\":%llu", comma, i, (unsigned long long)codes[i]);
            comma = ",";
        }
    }
    printf("},");
}

int main(int argc, char **argv)
{
    struct run r = {.o = options_read(argc, argv), .epoll = epoll_create1(0), .random = 1};
    open_clients(&r);
    uint64_t now = now_us();
    for (uint32_t i = 0; i < r.o.connections; i++) {
        r.clients[i].due_us = now + (uint64_t)(r.o.rate > 0 ? 1e6 * i / r.o.rate : 0);
        r.clients[i].phase = PHASE_PAUSED;
        if (r.o.rate <= 0) {
            send_first(&r, &r.clients[i]);
        }
    }
    r.measuring = r.o.count > 0;
    if (!r.measuring) {
        run_until(&r, now + (uint64_t)(r.o.warmup_s * 1e6));
    }
    r.measuring = true;
    double cpu_before = options_cpu_seconds(&r.o);
    r.started_us = now_us();
    run_until(&r, r.started_us + (uint64_t)(r.o.seconds * 1e6));
    double seconds = (double)(now_us() - r.started_us) / 1e6;
    double cpu = options_cpu_seconds(&r.o) - cpu_before;

    printf("{\"cycles\":%llu,\"errors\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,",
           (unsigned long long)r.finished, (unsigned long long)r.errors, seconds,
           (double)r.finished / seconds);
    print_histogram("first", &r.first);
    print_histogram("second", &r.second);
    print_codes("first", r.first_codes);
    print_codes("second", r.second_codes);
    printf("\"cpu_us_per_cycle\":%.3f}\n",
           r.finished == 0 ? 0 : cpu * 1e6 / (double)r.finished);
    return r.errors > 0;
}
