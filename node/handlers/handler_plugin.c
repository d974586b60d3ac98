/* plugin: targets: a function in a shared library, called on worker threads of its own.
 *
 * The loop thread and a worker share one task at a time: the worker reads the request, which
 * the task holds, and fills the answer, whose memory it alone uses until it is done. What
 * both look at is one flag. So the answer's body is allocated uncharged, by at most so many
 * threads and each within limits.body_bytes, and charged when the loop thread gets it.
 *
 *   start -> queued -> a worker: invoke() -> on_done: answer
 *              |             `- stop: flag ---> on_done: dropped
 *              `- stop: gone
 */
#include "handlers/handler.h"
#include "handlers/http_pass.h"
#include "handlers/intake.h"
#include "handlers/plugin_library.h"

#include "base/list.h"
#include "io/work.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct handler_target {
    struct handler_env env;
    struct plugin_library library;
    void *instance;
    bool has_instance; /* init() was called and succeeded */
    struct work *work;
    struct list tasks; /* those that are not stopped */
};

/* One execution. `response` is first: the plugin's pointer to it is ours to the task. */
struct task {
    struct callbackd_response response;
    struct work_job job;
    struct list link; /* of target->tasks; unlinked when stopped */
    struct handler_target *target;
    uint64_t execution_id;
    struct request *request;
    struct callbackd_request view;
    char key[GUID_TEXT_SIZE];
    char *call_id;
    atomic_bool is_canceled;

    /* The worker's until the job is done. */
    uint16_t status;
    struct text headers;
    struct intake body;
    int verdict; /* of invoke() */
};

static struct task *task_of(const struct callbackd_response *r)
{
    return (struct task *)(uintptr_t)r;
}

/* -- what a plugin may ask, on its worker -- */

static int host_status(struct callbackd_response *r, int status)
{
    if (status < 200 || status > 599) {
        return ERR_MALFORMED;
    }
    task_of(r)->status = (uint16_t)status;
    return 0;
}

static int host_header(struct callbackd_response *r, const char *name, const char *value)
{
    struct text *t = &task_of(r)->headers;
    size_t before = t->size, more = strlen(name) + strlen(value) + 4;
    if (strpbrk(name, ":\r\n") != NULL || strpbrk(value, "\r\n") != NULL || *name == '\0') {
        return ERR_MALFORMED;
    }
    if (more > task_of(r)->target->env.header_max - before) {
        return ERR_TOOBIG;
    }
    text_add_str(t, name);
    text_add_str(t, ": ");
    text_add_str(t, value);
    text_add_str(t, "\r\n");
    return text_failed(t) ? ERR_NOMEM : 0;
}

static int host_write(struct callbackd_response *r, const void *at, size_t size)
{
    return intake_append(&task_of(r)->body, bytes_of(at, size));
}

static int host_is_canceled(const struct callbackd_response *r)
{
    return atomic_load_explicit(&task_of(r)->is_canceled, memory_order_relaxed);
}

static const struct callbackd_host host = {
    .struct_size = sizeof host,
    .status = host_status,
    .header = host_header,
    .write = host_write,
    .is_canceled = host_is_canceled,
};

/* -- the life of a task -- */

static void task_free(struct task *task)
{
    list_remove(&task->link);
    request_drop(&task->request);
    intake_fini(&task->body);
    text_fini(&task->headers);
    free(task->call_id);
    free(task);
}

static struct callbackd_bytes view_of(struct bytes b)
{
    return (struct callbackd_bytes){.at = (const char *)b.at, .size = b.size};
}

static void view_init(struct task *task, const struct execution *x)
{
    struct request_view v = request_view(task->request);
    guid_print(task->key, &x->guid);
    task->view = (struct callbackd_request){
        .struct_size = sizeof task->view,
        .method = view_of(v.method),
        .path = view_of(v.path),
        .query = view_of(v.query),
        .headers = view_of(v.headers),
        .body = view_of(buf_view(task->request->body)),
        .call_id = {.at = task->call_id, .size = x->call_id.size},
        .idempotency_key = {.at = task->key, .size = sizeof task->key},
        .attempt = x->attempt,
    };
}

static struct task *task_new(struct handler_target *t, const struct execution *x)
{
    struct task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        return NULL;
    }
    list_init(&task->link);
    task->call_id = malloc(x->call_id.size + 1);
    if (task->call_id == NULL) {
        free(task);
        return NULL;
    }
    if (x->call_id.size > 0) {
        memcpy(task->call_id, x->call_id.at, x->call_id.size);
    }
    task->response.host = &host;
    task->target = t;
    task->execution_id = x->id;
    task->request = request_share(x->request);
    task->status = 200;
    intake_init(&task->body, NULL, t->env.body_max);
    view_init(task, x);
    return task;
}

static void run(struct work_job *job)
{
    struct task *task = list_item(job, struct task, job);
    struct handler_target *t = task->target;
    task->verdict = t->library.plugin->invoke(t->instance, &task->view, &task->response);
}

/* The answer's headers without what is the node's. ERR_FULL, ERR_NOMEM. */
static int take_headers(struct task *task, struct buf **out)
{
    struct text kept = {0};
    http_pass_answer(&kept, text_view(&task->headers));
    int rc = text_failed(&kept) || text_failed(&task->headers) ? ERR_NOMEM : 0;
    if (rc == 0 && kept.size > 0) {
        rc = buf_copy(out, task->target->env.budget, text_view(&kept));
    }
    text_fini(&kept);
    return rc;
}

static int take_answer(struct task *task, struct result *out)
{
    int rc = intake_error(&task->body);
    if (rc != 0) {
        return rc;
    }
    rc = take_headers(task, &out->headers);
    if (rc != 0) {
        return rc;
    }
    out->status = task->status;
    out->failed = task->status >= 400;
    out->body = intake_take(&task->body);
    return out->body == NULL ? 0 : buf_charge(out->body, task->target->env.budget);
}

static void on_job_done(struct work_job *job)
{
    struct task *task = list_item(job, struct task, job);
    struct handler_target *t = task->target;
    uint64_t id = task->execution_id;
    if (list_is_empty(&task->link)) { /* stopped meanwhile */
        task_free(task);
        return;
    }
    char detail[64];
    struct execution_outcome out = {.end = EXECUTION_ANSWERED};
    if (task->verdict != 0) {
        out.end = EXECUTION_CRASHED;
        snprintf(detail, sizeof detail, "the plugin returned %d", task->verdict);
        out.detail = detail;
    } else {
        int rc = take_answer(task, &out.result);
        if (rc != 0) {
            result_drop(&out.result);
            out.end = rc == ERR_TOOBIG ? EXECUTION_TOO_LARGE : EXECUTION_NO_MEMORY;
            out.detail = rc == ERR_TOOBIG ? "the plugin's answer is over limits.body_bytes"
                                          : "no memory for the plugin's answer";
        }
    }
    task_free(task);
    t->env.on_done(t->env.owner, id, &out);
}

static int plugin_start(struct handler_target *t, const struct execution *x)
{
    struct task *task = task_new(t, x);
    if (task == NULL) {
        return ERR_NOMEM;
    }
    task->job.run = run;
    task->job.on_done = on_job_done;
    list_push_back(&t->tasks, &task->link);
    work_submit(t->work, &task->job);
    return 0;
}

static void plugin_stop(struct handler_target *t, uint64_t execution_id)
{
    for (struct list *l = t->tasks.next; l != &t->tasks; l = l->next) {
        struct task *task = list_item(l, struct task, link);
        if (task->execution_id != execution_id) {
            continue;
        }
        list_remove(&task->link);
        if (work_cancel(t->work, &task->job)) {
            task_free(task);
        } else {
            atomic_store_explicit(&task->is_canceled, true, memory_order_relaxed);
        }
        return;
    }
}

/* -- the life of a target -- */

static void target_free(struct handler_target *t)
{
    if (t->has_instance && t->library.plugin->fini != NULL) {
        t->library.plugin->fini(t->instance);
    }
    plugin_library_unload(&t->library);
    free(t);
}

static void on_work_closed(void *owner, bool abandoned)
{
    struct handler_target *t = owner;
    if (!abandoned) {
        target_free(t);
    } /* else a worker may still use all of it, until the process ends */
}

static void plugin_close(struct handler_target *t)
{
    assert(list_is_empty(&t->tasks));
    work_close(&t->work, on_work_closed, t);
}

static int init_instance(struct handler_target *t, struct bytes config, struct errmsg *em)
{
    char why[sizeof em->text / 2] = "it says no reason";
    const struct callbackd_plugin *p = t->library.plugin;
    if (p->init != NULL) {
        char *text = strndup(config.size == 0 ? "" : (const char *)config.at, config.size);
        if (text == NULL) {
            return err_set(em, ERR_NOMEM, "out of memory");
        }
        int rc = p->init(&t->instance, text, why, sizeof why);
        free(text);
        why[sizeof why - 1] = '\0';
        if (rc != 0) {
            return err_set(em, ERR_IO, "the plugin refuses to start: %s", why);
        }
    }
    t->has_instance = true;
    return 0;
}

static int plugin_open(const struct handler_env *env, const struct handler_function *function,
                       struct handler_target **out, struct errmsg *em)
{
    *out = NULL;
    struct handler_target *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    t->env = *env;
    list_init(&t->tasks);
    struct bytes target = function->target;
    bytes_cut_front_nocase(&target, handler_plugin.scheme);
    struct bytes path = bytes_cut_at(&target, ' ');
    struct plugin_dirs dirs = {.items = env->plugin_dirs, .count = env->plugin_dir_count};
    int rc = plugin_library_load(&t->library, path, &dirs, em);
    if (rc == 0) {
        rc = init_instance(t, target, em);
    }
    if (rc == 0) {
        uint32_t threads = function->concurrency == 0 ? 1 : function->concurrency;
        rc = work_open(&t->work, env->loop, threads);
        if (rc != 0) {
            err_set(em, rc, "no threads for the plugin: %s", err_text(rc));
        }
    }
    if (rc != 0) {
        target_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

const struct handler handler_plugin = {
    .scheme = "plugin:",
    .open = plugin_open,
    .start = plugin_start,
    .stop = plugin_stop,
    .close = plugin_close,
};
