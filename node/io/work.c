#include "io/work.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

/* What is under `lock` is shared with the workers, the rest belongs to the loop thread. The
 * structure lives as long as somebody refers to it: a worker that never comes back keeps it. */
struct work {
    uv_async_t wake;
    uv_timer_t patience;
    uint32_t open_handles;
    void (*on_closed)(void *owner, bool abandoned);
    void *owner;

    pthread_mutex_t lock;
    pthread_cond_t has_queued;
    struct list queued, done; /* of jobs */
    uint32_t refs;            /* running threads, and the loop thread */
    bool is_ending;           /* threads end when nothing is queued */
    bool is_deaf;             /* the loop no longer listens */
};

static void lock(struct work *w)
{
    int rc = pthread_mutex_lock(&w->lock);
    assert(rc == 0); /* a plain mutex, never locked twice */
}

static void unlock(struct work *w)
{
    int rc = pthread_mutex_unlock(&w->lock);
    assert(rc == 0); /* we hold it */
}

static void work_free(struct work *w)
{
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->has_queued);
    free(w);
}

/* With the lock held, which it gives back. The last one out frees. */
static void drop_and_unlock(struct work *w)
{
    w->refs--;
    bool is_last = w->refs == 0;
    unlock(w);
    if (is_last) {
        work_free(w);
    }
}

/* With the lock held. */
static void wake_loop(struct work *w)
{
    if (!w->is_deaf) {
        uv_async_send(&w->wake);
    }
}

static void *worker(void *argument)
{
    struct work *w = argument;
    lock(w);
    for (;;) {
        struct list *next = list_pop_front(&w->queued);
        if (next != NULL) {
            struct work_job *job = list_item(next, struct work_job, link);
            unlock(w);
            job->run(job);
            lock(w);
            list_push_back(&w->done, &job->link);
            wake_loop(w);
        } else if (w->is_ending) {
            break;
        } else {
            pthread_cond_wait(&w->has_queued, &w->lock);
        }
    }
    wake_loop(w); /* one thread less */
    drop_and_unlock(w);
    return NULL;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct work *w = handle->data;
    w->open_handles--;
    if (w->open_handles == 0) {
        lock(w);
        drop_and_unlock(w);
    }
}

/* Reports the end, `abandoned` or not, and lets go. */
static void finish_close(struct work *w, bool abandoned)
{
    if (uv_is_closing((uv_handle_t *)&w->wake)) {
        return;
    }
    lock(w);
    w->is_deaf = true;
    unlock(w);
    uv_close((uv_handle_t *)&w->wake, on_handle_closed);
    uv_close((uv_handle_t *)&w->patience, on_handle_closed);
    if (w->on_closed != NULL) {
        w->on_closed(w->owner, abandoned);
    }
}

static struct work_job *take_done(struct work *w)
{
    lock(w);
    struct list *next = list_pop_front(&w->done);
    unlock(w);
    return next == NULL ? NULL : list_item(next, struct work_job, link);
}

static void on_wake(uv_async_t *handle)
{
    struct work *w = handle->data;
    for (struct work_job *job = take_done(w); job != NULL; job = take_done(w)) {
        job->on_done(job);
    }
    lock(w);
    bool all_ended = w->is_ending && w->refs == 1 && list_is_empty(&w->done);
    unlock(w);
    if (all_ended) {
        finish_close(w, false);
    }
}

static void on_patience_lost(uv_timer_t *timer)
{
    finish_close(timer->data, true);
}

/* A detached thread without signals. */
static int start_thread(struct work *w)
{
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_attr_init(&detached);
    if (rc == 0) {
        pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
        rc = pthread_create(&thread, &detached, worker, w);
        pthread_attr_destroy(&detached);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : ERR_IO;
}

int work_open(struct work **out, struct loop *l, uint32_t thread_count)
{
    *out = NULL;
    assert(thread_count > 0);
    thread_count = thread_count > WORK_THREADS_MAX ? WORK_THREADS_MAX : thread_count;
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return ERR_NOMEM;
    }
    if (uv_async_init(loop_uv(l), &w->wake, on_wake) != 0) {
        free(w);
        return ERR_IO;
    }
    int rc = uv_timer_init(loop_uv(l), &w->patience);
    assert(rc == 0); /* takes no system resource */
    w->wake.data = w->patience.data = w;
    w->open_handles = 2;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->has_queued, NULL);
    list_init(&w->queued);
    list_init(&w->done);
    w->refs = 1;
    for (uint32_t i = 0; i < thread_count; i++) {
        lock(w);
        w->refs++; /* the thread's, before it can give it back */
        unlock(w);
        if (start_thread(w) != 0) {
            lock(w);
            w->refs--;
            unlock(w);
            work_close(&w, NULL, NULL);
            return ERR_IO;
        }
    }
    *out = w;
    return 0;
}

void work_submit(struct work *w, struct work_job *job)
{
    lock(w);
    assert(!w->is_ending);
    list_push_back(&w->queued, &job->link);
    pthread_cond_signal(&w->has_queued);
    unlock(w);
}

bool work_cancel(struct work *w, struct work_job *job)
{
    bool found = false;
    lock(w);
    for (struct list *l = w->queued.next; l != &w->queued && !found; l = l->next) {
        found = l == &job->link;
    }
    if (found) {
        list_remove(&job->link);
    }
    unlock(w);
    return found;
}

void work_close(struct work **w, void (*on_closed)(void *owner, bool abandoned), void *owner)
{
    struct work *mine = *w;
    *w = NULL;
    mine->on_closed = on_closed;
    mine->owner = owner;
    lock(mine);
    assert(list_is_empty(&mine->queued));
    mine->is_ending = true;
    pthread_cond_broadcast(&mine->has_queued);
    unlock(mine);
    int rc = uv_timer_start(&mine->patience, on_patience_lost, WORK_CLOSE_MS, 0);
    assert(rc == 0);            /* fails on closing handles only */
    uv_async_send(&mine->wake); /* if there never was a thread */
}
