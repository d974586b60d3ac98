/* exec: targets: one process a request, as OpenFaaS's classic watchdog runs them. The body is
 * its standard input, what it prints its answer, its exit status the verdict.
 *
 *   start -> process runs -> on_end --------------------------> answer
 *                |             `- over the limit, no memory --> the group is killed, no answer
 *                `- stop ----------> the group is killed, nothing is reported
 */
#include "handlers/answer_text.h"
#include "handlers/exec_command.h"
#include "handlers/exec_env.h"
#include "handlers/header_lines.h"
#include "handlers/intake.h"

#include "base/list.h"
#include "io/process.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct handler_target {
    struct handler_env env;
    struct exec_command command;
    struct exec_env *program_env;
    char *dir;
    struct confinement confinement;
    struct list runs;
};

/* One process and the request that it works on. */
struct run {
    struct list link; /* of target->runs */
    struct handler_target *target;
    uint64_t execution_id;
    struct request *request;
    struct process *process;
    struct intake output;
};

static struct run *run_new(struct handler_target *t, const struct execution *x)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return NULL;
    }
    run->target = t;
    run->execution_id = x->id;
    run->request = request_share(x->request);
    intake_init(&run->output, t->env.budget, t->env.body_max);
    list_push_back(&t->runs, &run->link);
    return run;
}

static void run_free(struct run *run)
{
    list_remove(&run->link);
    process_kill(&run->process);
    request_drop(&run->request);
    intake_fini(&run->output);
    free(run);
}

static uint8_t *on_room(void *owner, size_t *size)
{
    struct run *run = owner;
    return intake_room(&run->output, size);
}

static void on_output(void *owner, size_t size)
{
    struct run *run = owner;
    intake_commit(&run->output, size);
}

#define VERDICT_MAX 64u /* bytes */

/* The first line of a failure, in the watchdog's words (those of Go's os.ProcessState). */
static void verdict_print(char out[VERDICT_MAX], const struct process_end *end)
{
    static const char *const names[] = {
        [SIGHUP] = "hangup",
        [SIGINT] = "interrupt",
        [SIGQUIT] = "quit",
        [SIGILL] = "illegal instruction",
        [SIGTRAP] = "trace/breakpoint trap",
        [SIGABRT] = "aborted",
        [SIGBUS] = "bus error",
        [SIGFPE] = "floating point exception",
        [SIGKILL] = "killed",
        [SIGUSR1] = "user defined signal 1",
        [SIGSEGV] = "segmentation fault",
        [SIGUSR2] = "user defined signal 2",
        [SIGPIPE] = "broken pipe",
        [SIGALRM] = "alarm clock",
        [SIGTERM] = "terminated",
        [SIGXCPU] = "CPU time limit exceeded",
        [SIGXFSZ] = "file size limit exceeded",
    };
    size_t number = (size_t)end->term_signal;
    if (number == 0) {
        snprintf(out, VERDICT_MAX, "exit status %d\n", end->exit_status);
    } else if (number < sizeof names / sizeof names[0] && names[number] != NULL) {
        snprintf(out, VERDICT_MAX, "signal: %s\n", names[number]);
    } else {
        snprintf(out, VERDICT_MAX, "signal: signal %zu\n", number);
    }
}

static const char type_before[] = "Content-Type: ";
static const char type_default[] = "application/octet-stream";

static int success_headers(struct run *run, struct buf **out)
{
    struct bytes type = header_lines_value(request_view(run->request).headers, "Content-Type");
    if (type.size == 0) {
        type = bytes_text(type_default);
    }
    size_t before = sizeof type_before - 1;
    int rc = buf_new(out, run->target->env.budget, before + type.size + 2);
    if (rc == 0) {
        memcpy((*out)->data, type_before, before);
        memcpy((*out)->data + before, type.at, type.size);
        memcpy((*out)->data + before + type.size, "\r\n", 2);
    }
    return rc;
}

/* The answer of a program that ended and said no more than it may. ERR_FULL, ERR_NOMEM. */
static int answer(struct run *run, const struct process_end *end, struct result *out)
{
    bool has_failed = end->exit_status != 0 || end->term_signal != 0;
    int rc;
    if (has_failed) {
        char verdict[VERDICT_MAX];
        verdict_print(verdict, end);
        rc = intake_prepend(&run->output, bytes_text(verdict));
        if (rc == 0) {
            rc = answer_text_headers(&out->headers, run->target->env.budget);
        }
    } else {
        rc = success_headers(run, &out->headers);
    }
    if (rc == 0) {
        out->status = has_failed ? 500 : 200;
        out->failed = has_failed;
        out->body = intake_take(&run->output);
    }
    return rc;
}

static void on_end(void *owner, const struct process_end *end)
{
    struct run *run = owner;
    struct handler_target *t = run->target;
    uint64_t id = run->execution_id;
    struct execution_outcome out = {.end = EXECUTION_ANSWERED};
    run->process = NULL; /* is gone */
    int rc = intake_error(&run->output);
    if (rc == 0) {
        rc = answer(run, end, &out.result);
    }
    if (rc != 0) {
        out.end = rc == ERR_TOOBIG ? EXECUTION_TOO_LARGE : EXECUTION_NO_MEMORY;
        out.detail = rc == ERR_TOOBIG ? "the program's output is over limits.body_bytes"
                                      : "no memory for the program's output";
    }
    run_free(run);
    t->env.on_done(t->env.owner, id, &out);
}

/* The program cannot be run any more, though it could when the node started. */
static void report_broken(struct handler_target *t, uint64_t execution_id, const char *why)
{
    struct execution_outcome out = {.end = EXECUTION_CRASHED, .detail = why};
    t->env.on_done(t->env.owner, execution_id, &out);
}

static int exec_start(struct handler_target *t, const struct execution *x)
{
    char **env = exec_env_render(t->program_env, x);
    struct run *run = env == NULL ? NULL : run_new(t, x);
    if (run == NULL) {
        return ERR_NOMEM;
    }
    struct process_config config = {
        .file = t->command.file,
        .argv = t->command.argv,
        .env = env,
        .confinement = &t->confinement,
        .input = x->request->body,
        .on_room = on_room,
        .on_output = on_output,
        .on_end = on_end,
        .owner = run,
    };
    struct errmsg em;
    int rc = process_spawn(&run->process, t->env.loop, &config, &em);
    if (rc == 0) {
        return 0;
    }
    run_free(run);
    if (rc == ERR_FULL) {
        return rc;
    }
    report_broken(t, x->id, em.text);
    return 0;
}

static void exec_stop(struct handler_target *t, uint64_t execution_id)
{
    for (struct list *l = t->runs.next; l != &t->runs; l = l->next) {
        struct run *run = list_item(l, struct run, link);
        if (run->execution_id == execution_id) {
            run_free(run);
            return;
        }
    }
}

static void exec_close(struct handler_target *t)
{
    assert(list_is_empty(&t->runs));
    exec_command_fini(&t->command);
    exec_env_free(&t->program_env);
    confine_fini(&t->confinement);
    free(t->dir);
    free(t);
}

static int confine(struct handler_target *t, const struct handler_function *f,
                   struct errmsg *em)
{
    struct confinement *c = &t->confinement;
    *c = (struct confinement){
        .cpu_s = f->cpu_s,
        .memory_bytes = f->memory_bytes,
        .files = f->files,
        .processes = f->processes,
        .allows_core_dumps = t->env.core_dumps,
    };
    if (f->dir != NULL && f->dir[0] != '\0') {
        t->dir = strdup(f->dir);
        if (t->dir == NULL) {
            return err_set(em, ERR_NOMEM, "out of memory");
        }
        c->dir = t->dir;
    }
    return f->user == NULL || f->user[0] == '\0' ? 0 : confine_as(c, f->user, em);
}

static int exec_open(const struct handler_env *env, const struct handler_function *function,
                     struct handler_target **out, struct errmsg *em)
{
    *out = NULL;
    struct handler_target *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    t->env = *env;
    list_init(&t->runs);
    struct bytes target = function->target;
    bytes_cut_front_nocase(&target, handler_exec.scheme);
    int rc = exec_command_parse(&t->command, target, em);
    if (rc == 0) {
        rc = confine(t, function, em);
    }
    if (rc == 0) {
        struct exec_env_own own = {
            .variables = function->variables,
            .count = function->variable_count,
            .has_user = t->confinement.has_user,
            .user = t->confinement.user,
            .home = t->confinement.home,
        };
        rc = exec_env_new(&t->program_env, &own, em);
    }
    if (rc == 0) {
        rc = process_try(t->command.file, &t->confinement, em);
    }
    if (rc != 0) {
        exec_close(t);
        return rc;
    }
    *out = t;
    return 0;
}

const struct handler handler_exec = {
    .scheme = "exec:",
    .open = exec_open,
    .start = exec_start,
    .stop = exec_stop,
    .close = exec_close,
};
