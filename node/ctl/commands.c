#include "ctl/commands.h"

#include "base/num.h"
#include "ctl/key.h"
#include "ctl/render.h"
#include "ctl/table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 30000u
#define HEALTH_TIMEOUT_MS 1500u /* container engines ask every two seconds */

static int fail(struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line on standard error, and the exit code for it. */
static int fail(struct ctl *ctl, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    text_addf(&ctl->err, "callbackctl: %s\n", line);
    return CTL_EXIT_FAILED;
}

static int fail_system(struct ctl *ctl, const char *what)
{
    char room[128];
    return fail(ctl, "%.200s: %s", what, strerror_r(errno, room, sizeof room));
}

void ctl_fini(struct ctl *ctl)
{
    text_fini(&ctl->out);
    text_fini(&ctl->err);
}

/* What may stand in a URL as it is (RFC 3986 2.3, 3.3, 3.4); the rest is percent-encoded. */
static const char plain_in_id[] = "-._~";
static const char plain_in_target[] = "-._~!$&'()*+,;=:@/?%";

static void add_escaped(struct text *path, const char *text, const char *plain)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (bytes_is_letter_or_digit(c) || strchr(plain, (int)c) != NULL) {
            text_add_char(path, (char)c);
        } else {
            text_addf(path, "%%%02X", c);
        }
    }
}

static void add_header(struct ctl_request *r, const char *header)
{
    assert(r->header_count < CTL_REQUEST_HEADERS_MAX);
    r->headers[r->header_count++] = header;
}

static struct ctl_request to_node(const struct ctl *ctl, const char *method)
{
    return (struct ctl_request){.method = method,
                                .base = ctl->options->node,
                                .option = "--node",
                                .timeout_ms = ANSWER_TIMEOUT_MS,
                                .ca = ctl->options->ca,
                                .insecure = ctl->options->insecure};
}

static struct ctl_request to_admin(const struct ctl *ctl, const char *method, const char *path)
{
    return (struct ctl_request){.method = method,
                                .base = ctl->options->admin,
                                .path = bytes_text(path),
                                .option = "--admin",
                                .timeout_ms = ANSWER_TIMEOUT_MS,
                                .ca = ctl->options->ca,
                                .insecure = ctl->options->insecure};
}

/* CTL_EXIT_OK with an answer of any status; else the reason is told. */
static int ask(struct ctl *ctl, const struct ctl_request *r, struct ctl_answer *out)
{
    struct ctl_request with_key = *r;
    struct text key = {0};
    struct errmsg em;
    if (ctl->options->key != NULL) {
        text_addf(&key, "Authorization: Bearer %s", ctl->options->key);
        text_add_char(&key, '\0');
        add_header(&with_key, key.at);
    }
    int rc = ctl->ask(ctl->owner, &with_key, out, &em);
    text_fini(&key);
    return rc == 0 ? CTL_EXIT_OK : fail(ctl, "%s", em.text);
}

/* Tells what the node refused, with its own words where it has some. */
static int refuse(struct ctl *ctl, const struct ctl_answer *a)
{
    struct text problem = {0};
    bool has_words = render_problem(text_view(&a->body), &problem);
    if (ctl->options->json) {
        text_add(&ctl->out, text_view(&a->body));
    }
    if (has_words) {
        fail(ctl, "the node said %ld %.*s", a->status, BYTES_ARG(text_view(&problem)));
    } else {
        fail(ctl, "the node said %ld", a->status);
    }
    struct bytes retry = ctl_answer_header(a, "Retry-After");
    if (retry.size > 0 && retry.size < 20) {
        text_addf(&ctl->err, "callbackctl: try again in %.*s s\n", BYTES_ARG(retry));
    }
    text_fini(&problem);
    return CTL_EXIT_FAILED;
}

/* The JSON as it came, with a newline where it has none. */
static void print_raw(struct ctl *ctl, const struct ctl_answer *a)
{
    text_add(&ctl->out, text_view(&a->body));
    if (a->body.size == 0 || a->body.at[a->body.size - 1] != '\n') {
        text_add_char(&ctl->out, '\n');
    }
}

typedef int (*renderer)(struct bytes json, struct text *out);

static int print(struct ctl *ctl, const struct ctl_answer *a, renderer render)
{
    if (ctl->options->json) {
        print_raw(ctl, a);
        return CTL_EXIT_OK;
    }
    if (render(text_view(&a->body), &ctl->out) != 0) {
        return fail(ctl, "that is not an answer of callbackd; check the address");
    }
    return CTL_EXIT_OK;
}

/* --- invoke --------------------------------------------------------------------------------
 */

static int read_all(struct ctl *ctl, int fd, const char *name, struct text *out)
{
    for (;;) {
        char *room = text_reserve(out, 65536);
        if (room == NULL) {
            return fail(ctl, "%.200s: too large for the memory", name);
        }
        ssize_t n = read(fd, room, 65536);
        if (n == 0) {
            return CTL_EXIT_OK;
        }
        if (n < 0 && errno != EINTR) {
            return fail_system(ctl, name);
        }
        text_commit(out, n > 0 ? (size_t)n : 0);
    }
}

static int read_data(struct ctl *ctl, struct text *out)
{
    const char *data = ctl->options->data;
    if (data == NULL) {
        return CTL_EXIT_OK;
    }
    if (strcmp(data, "-") == 0) {
        return read_all(ctl, STDIN_FILENO, "standard input", out);
    }
    if (data[0] != '@') {
        text_add_str(out, data);
        return CTL_EXIT_OK;
    }
    int fd = open(data + 1, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail_system(ctl, data + 1);
    }
    int code = read_all(ctl, fd, data + 1, out);
    close(fd);
    return code;
}

static bool looks_like_json(struct bytes body)
{
    while (body.size > 0 && strchr(" \t\r\n", body.at[0]) != NULL) {
        body = bytes_of(body.at + 1, body.size - 1);
    }
    return body.size > 0 && (body.at[0] == '{' || body.at[0] == '[');
}

static bool has_header(const struct ctl_options *o, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < o->header_count; i++) {
        if (strncasecmp(o->headers[i], name, n) == 0 && o->headers[i][n] == ':') {
            return true;
        }
    }
    return false;
}

/* The body of a function's own answer. Its failure is ours, for scripts. */
static int print_answer(struct ctl *ctl, const struct ctl_answer *a)
{
    text_add(&ctl->out, text_view(&a->body));
    if (a->status >= 400) {
        return fail(ctl, "the function failed: it answered %ld", a->status);
    }
    return CTL_EXIT_OK;
}

static int show_invoked(struct ctl *ctl, const struct ctl_answer *a)
{
    bool is_ours = ctl_answer_header(a, "Preference-Applied").size > 0;
    if (a->status == 202 && is_ours) {
        return print(ctl, a, render_accepted);
    }
    struct bytes type = ctl_answer_header(a, "Content-Type");
    bool is_problem = bytes_cut_front(&type, "application/problem+json");
    return is_problem ? refuse(ctl, a) : print_answer(ctl, a);
}

static int run_invoke(struct ctl *ctl)
{
    const struct ctl_options *o = ctl->options;
    struct text body = {0}, path = {0}, prefer = {0};
    struct ctl_answer answer = {0};
    struct ctl_request r = to_node(ctl, "POST");
    uint64_t wait_s = 0;
    int code = read_data(ctl, &body);
    text_add_str(&prefer, "Prefer: respond-async");
    if (o->wait != NULL && num_parse(bytes_text(o->wait), 86400, &wait_s) == 0) {
        text_addf(&prefer, ", wait=%s", o->wait);
        r.timeout_ms += (uint32_t)wait_s * 1000;
    }
    text_add_char(&prefer, '\0');
    add_header(&r, prefer.at);
    if (!has_header(o, "Content-Type")) {
        add_header(&r, looks_like_json(text_view(&body))
                           ? "Content-Type: application/json"
                           : "Content-Type: application/octet-stream");
    }
    for (size_t i = 0; i < o->header_count; i++) {
        add_header(&r, o->headers[i]);
    }
    text_add_str(&path, "/v1/functions/");
    add_escaped(&path, o->argument, plain_in_target);
    r.path = text_view(&path);
    r.body = text_view(&body);
    if (code == CTL_EXIT_OK) {
        code = ask(ctl, &r, &answer);
    }
    if (code == CTL_EXIT_OK) {
        code = show_invoked(ctl, &answer);
    }
    ctl_answer_fini(&answer);
    text_fini(&body);
    text_fini(&path);
    text_fini(&prefer);
    return code;
}

/* --- status, cancel ------------------------------------------------------------------------
 */

static int run_on_invocation(struct ctl *ctl, const char *method, const char *query)
{
    struct text path = {0};
    struct ctl_answer answer = {0};
    struct ctl_request r = to_node(ctl, method);
    text_add_str(&path, "/v1/invocations/");
    add_escaped(&path, ctl->options->argument, plain_in_id);
    text_add_str(&path, query);
    r.path = text_view(&path);
    int code = ask(ctl, &r, &answer);
    if (code == CTL_EXIT_OK) {
        code = answer.status < 300 ? print(ctl, &answer, render_status) : refuse(ctl, &answer);
    }
    ctl_answer_fini(&answer);
    text_fini(&path);
    return code;
}

static int run_status(struct ctl *ctl)
{
    return run_on_invocation(ctl, "GET", "?redirect=false");
}

static int run_cancel(struct ctl *ctl)
{
    return run_on_invocation(ctl, "DELETE", "");
}

/* --- collect -------------------------------------------------------------------------------
 */

/* Opens the file before the node is asked: a result can be collected once, so there must be a
 * place for it first. It is emptied only when the result is here. -1: the reason is told. */
static int open_output(struct ctl *ctl)
{
    int fd = open(ctl->options->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail_system(ctl, ctl->options->output);
    }
    return fd;
}

static int write_output(struct ctl *ctl, int fd, struct bytes body)
{
    if (ftruncate(fd, 0) != 0 && errno != EINVAL) { /* EINVAL: a device or a pipe */
        return fail_system(ctl, ctl->options->output);
    }
    while (body.size > 0) {
        ssize_t n = write(fd, body.at, body.size);
        if (n < 0 && errno != EINTR) {
            return fail_system(ctl, ctl->options->output);
        }
        size_t done = n > 0 ? (size_t)n : 0;
        body = bytes_of(body.at + done, body.size - done);
    }
    return CTL_EXIT_OK;
}

static int show_collected(struct ctl *ctl, const struct ctl_answer *a, int fd)
{
    struct bytes callback = ctl_answer_header(a, "X-Callback");
    if (bytes_is(callback, "pending")) {
        if (ctl->options->json) {
            text_add(&ctl->out, text_view(&a->body));
        }
        return fail(ctl, "not ready yet; ask again, or with a longer --wait");
    }
    if (!bytes_is(callback, "delivered")) {
        return refuse(ctl, a);
    }
    if (fd < 0) {
        return print_answer(ctl, a);
    }
    int code = write_output(ctl, fd, text_view(&a->body));
    if (code == CTL_EXIT_OK && a->status >= 400) {
        return fail(ctl, "the function failed: it answered %ld", a->status);
    }
    return code;
}

static int run_collect(struct ctl *ctl)
{
    const struct ctl_options *o = ctl->options;
    struct text path = {0}, token = {0};
    struct ctl_answer answer = {0};
    struct ctl_request r = to_node(ctl, "GET");
    uint64_t wait_ms = 0;
    int fd = o->output == NULL ? -1 : open_output(ctl);
    if (o->output != NULL && fd < 0) {
        return CTL_EXIT_FAILED;
    }
    text_add_str(&path, "/v1/callbacks/");
    add_escaped(&path, o->argument, plain_in_id);
    if (o->wait != NULL && num_parse(bytes_text(o->wait), UINT32_MAX / 2, &wait_ms) == 0) {
        text_addf(&path, "?wait=%s", o->wait);
        r.timeout_ms += (uint32_t)wait_ms;
    }
    if (o->token != NULL) {
        text_addf(&token, "Claim-Token: %s", o->token);
        text_add_char(&token, '\0');
        add_header(&r, token.at);
    }
    r.path = text_view(&path);
    int code = ask(ctl, &r, &answer);
    if (code == CTL_EXIT_OK) {
        code = show_collected(ctl, &answer, fd);
    }
    if (fd >= 0 && close(fd) != 0 && code == CTL_EXIT_OK) {
        code = fail_system(ctl, o->output);
    }
    ctl_answer_fini(&answer);
    text_fini(&path);
    text_fini(&token);
    return code;
}

/* --- queues, cluster, drain ----------------------------------------------------------------
 */

static int run_queues(struct ctl *ctl)
{
    struct ctl_answer answer = {0};
    struct ctl_request r = to_admin(ctl, "GET", "/v1/queues");
    int code = ask(ctl, &r, &answer);
    if (code == CTL_EXIT_OK) {
        code = answer.status == 200 ? print(ctl, &answer, render_queues) : refuse(ctl, &answer);
    }
    ctl_answer_fini(&answer);
    return code;
}

/* The members, and from the metrics the bytes that went to and fro. */
static int show_cluster(struct ctl *ctl, const struct ctl_answer *members)
{
    struct ctl_answer metrics = {0};
    struct ctl_request r = to_admin(ctl, "GET", "/metrics");
    if (ctl->options->json) {
        print_raw(ctl, members);
        return CTL_EXIT_OK;
    }
    int code = ask(ctl, &r, &metrics);
    if (code == CTL_EXIT_OK &&
        render_cluster(text_view(&members->body), text_view(&metrics.body), &ctl->out) != 0) {
        code = fail(ctl, "that is not an answer of callbackd; check the address");
    }
    ctl_answer_fini(&metrics);
    return code;
}

static int run_cluster(struct ctl *ctl)
{
    struct ctl_answer answer = {0};
    struct ctl_request r = to_admin(ctl, "GET", "/v1/cluster");
    int code = ask(ctl, &r, &answer);
    if (code == CTL_EXIT_OK) {
        code = answer.status == 200 ? show_cluster(ctl, &answer) : refuse(ctl, &answer);
    }
    ctl_answer_fini(&answer);
    return code;
}

static int run_drain(struct ctl *ctl)
{
    struct ctl_answer answer = {0};
    struct ctl_request r = to_admin(ctl, "POST", "/v1/drain");
    int code = ask(ctl, &r, &answer);
    if (code == CTL_EXIT_OK && answer.status >= 300) {
        code = refuse(ctl, &answer);
    } else if (code == CTL_EXIT_OK && ctl->options->json) {
        print_raw(ctl, &answer);
    } else if (code == CTL_EXIT_OK) {
        text_add_str(&ctl->out, "draining: no new work; it exits when what it has is done\n");
    }
    ctl_answer_fini(&answer);
    return code;
}

/* For container engines: the exit code is the answer, and nothing is said when all is well. */
static int run_health(struct ctl *ctl)
{
    struct ctl_answer answer = {0};
    struct ctl_request r = to_admin(ctl, "GET", "/healthz");
    r.timeout_ms = HEALTH_TIMEOUT_MS;
    int code = ask(ctl, &r, &answer);
    if (code == CTL_EXIT_OK && answer.status != 200) {
        code = refuse(ctl, &answer);
    }
    ctl_answer_fini(&answer);
    return code;
}

int ctl_run(struct ctl *ctl)
{
    static const struct {
        const char *name;
        int (*run)(struct ctl *ctl);
    } commands[] = {
        {"invoke", run_invoke}, {"status", run_status}, {"collect", run_collect},
        {"cancel", run_cancel}, {"queues", run_queues}, {"cluster", run_cluster},
        {"drain", run_drain},   {"health", run_health}, {"key", ctl_key_new},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(ctl->options->command, commands[i].name) == 0) {
            return commands[i].run(ctl);
        }
    }
    return CTL_EXIT_USAGE;
}
