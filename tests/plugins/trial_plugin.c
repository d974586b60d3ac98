/* A plugin for tests: does what the query says, so that every way a plugin can behave is at
 * hand. Its config says how init() and fini() behave. */
#include <callbackd/plugin.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct trial {
    char config[64];
    FILE *diary; /* gets a line from fini(), when the config is "diary=PATH" */
};

static int is(struct callbackd_bytes b, const char *text)
{
    return b.size == strlen(text) && (b.size == 0 || memcmp(b.at, text, b.size) == 0);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* The whole request, one fact a line. */
static int tell(const struct trial *t, const struct callbackd_request *q,
                struct callbackd_response *r)
{
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    char line[1024];
    int n = snprintf(line, sizeof line,
                     "config=%s\nmethod=%.*s\npath=%.*s\ncall_id=%.*s\nkey=%.*s\n"
                     "attempt=%u\nsigterm_blocked=%d\nheaders=%.*s\nbody=",
                     t->config, (int)q->method.size, q->method.at, (int)q->path.size,
                     q->path.size == 0 ? "" : q->path.at, (int)q->call_id.size, q->call_id.at,
                     (int)q->idempotency_key.size, q->idempotency_key.at, q->attempt,
                     sigismember(&blocked, SIGTERM), (int)q->headers.size,
                     q->headers.size == 0 ? "" : q->headers.at);
    return callbackd_header(r, "X-Trial", "told") | callbackd_write(r, line, (size_t)n) |
           callbackd_write(r, q->body.at, q->body.size);
}

/* What the node must refuse. 0 when it did. */
static int misuse(struct callbackd_response *r)
{
    int refused =
        callbackd_status(r, 99) != 0 && callbackd_status(r, 600) != 0 &&
        callbackd_header(r, "", "x") != 0 && callbackd_header(r, "A\r\nB", "x") != 0 &&
        callbackd_header(r, "A", "x\r\nB: c") != 0 && callbackd_header(r, "A:", "x") != 0;
    char *big = calloc(1, 100000);
    memset(big, 'x', 99999);
    refused = refused && callbackd_header(r, "X-Big", big) != 0;
    free(big);
    callbackd_header(r, "Content-Length", "99");
    callbackd_header(r, "Connection", "close");
    callbackd_header(r, "X-Fine", "yes");
    callbackd_status(r, 418);
    return refused ? 0 : 1;
}

static int write_endlessly(struct callbackd_response *r)
{
    static const char block[4096];
    while (callbackd_write(r, block, sizeof block) == 0) {
    }
    return 0;
}

static int invoke(void *instance, const struct callbackd_request *q,
                  struct callbackd_response *r)
{
    if (is(q->query, "fail")) {
        return 42;
    }
    if (is(q->query, "misuse")) {
        return misuse(r);
    }
    if (is(q->query, "endless")) {
        return write_endlessly(r);
    }
    if (is(q->query, "until-canceled")) {
        while (!callbackd_is_canceled(r)) {
            nap();
        }
        return 0;
    }
    while (is(q->query, "hang")) {
        nap(); /* deaf to everything */
    }
    if (is(q->query, "nothing")) {
        return 0;
    }
    if (is(q->query, "nap")) {
        for (int i = 0; i < 20; i++) {
            nap();
        }
    }
    return tell(instance, q, r);
}

static int init(void **instance, const char *config, char *error, size_t error_size)
{
    if (strcmp(config, "refuse") == 0) {
        snprintf(error, error_size, "the model file is missing");
        return 1;
    }
    struct trial *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return 1;
    }
    snprintf(t->config, sizeof t->config, "%s", config);
    if (strncmp(config, "diary=", 6) == 0) {
        t->diary = fopen(config + 6, "w");
    }
    *instance = t;
    return 0;
}

static void fini(void *instance)
{
    struct trial *t = instance;
    if (t->diary != NULL) {
        fputs("fini\n", t->diary);
        fclose(t->diary);
    }
    free(t);
}

const struct callbackd_plugin *callbackd_plugin(void)
{
    static const struct callbackd_plugin plugin = {
#ifdef TRIAL_ABI
        .abi = TRIAL_ABI,
#else
        .abi = CALLBACKD_PLUGIN_ABI,
#endif
        .struct_size = sizeof plugin,
        .init = init,
        .fini = fini,
        .invoke = invoke,
    };
    return &plugin;
}
