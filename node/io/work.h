/* Threads for work that blocks or computes for long: the only threads that run code of ours
 * beside the loop.
 *
 * A job is embedded in its owner's structure. It goes from the loop thread to a worker and
 * comes back; never are both at it, except for what the owner made atomic. One handle wakes
 * the loop for all jobs that are done. Workers take no signals.
 *
 *   work_submit -> queued -> a worker: run() -> the loop thread: on_done()
 *                    `- work_cancel: never was
 */
#ifndef NODE_IO_WORK_H
#define NODE_IO_WORK_H

#include "base/err.h"
#include "base/list.h"
#include "io/loop.h"

#define WORK_THREADS_MAX 64u

/* Threads that still run a job so long after work_close() are given up. */
#define WORK_CLOSE_MS 2000u

struct work;

struct work_job {
    void (*run)(struct work_job *job);     /* on a worker */
    void (*on_done)(struct work_job *job); /* on the loop thread; may free the job */
    struct list link;                      /* private */
};

/* Starts that many threads, at most WORK_THREADS_MAX. ERR_NOMEM, ERR_IO: the system has none.
 */
int work_open(struct work **out, struct loop *l, uint32_t thread_count);

/* The job must stay where it is until on_done(), or until it was taken back. */
void work_submit(struct work *w, struct work_job *job);

/* Takes a job back that no worker has begun; on_done() will not come. False: too late, it will
 * come. */
bool work_cancel(struct work *w, struct work_job *job);

/* Ends the threads without waiting for them here. No job may be queued, but some may run;
 * their on_done() still comes. on_closed() is called once, on the loop thread: after the last
 * thread has ended; or, `abandoned`, when some still run after WORK_CLOSE_MS. Those
 * cannot be ended, so what their jobs use must never be freed; they go with the process. */
void work_close(struct work **w, void (*on_closed)(void *owner, bool abandoned), void *owner);

#endif
