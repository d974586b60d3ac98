#include "batch.h"

#include "run.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILURES_MAX 20u
#define TWICE_EVERY  100u /* seeds: run again, and compare */

struct failure {
    uint64_t seed;
    char rule[16];
    char why[400];
};

/* What one process has done; shared with the parent. */
struct job {
    uint64_t next; /* index of the seed it is at, or will be at */
    uint64_t runs, steps, virtual_ms;
    uint32_t failure_count;
    struct failure failures[FAILURES_MAX];
    struct marks marks;
};

static uint64_t seed_at(const struct batch *b, uint64_t index)
{
    return index < b->extra_count ? b->extra[index] : b->first + index - b->extra_count;
}

static void note_failure(struct job *job, uint64_t seed, const char *rule, const char *why)
{
    if (job->failure_count < FAILURES_MAX) {
        struct failure *f = &job->failures[job->failure_count++];
        f->seed = seed;
        snprintf(f->rule, sizeof f->rule, "%s", rule);
        snprintf(f->why, sizeof f->why, "%s", why);
    }
}

static void run_seed(struct job *job, uint64_t seed)
{
    struct plan plan;
    struct outcome out, again;
    plan_draw(&plan, seed);
    alarm(RUN_SECONDS_MAX);
    run_plan(&out, &plan, NULL);
    if (out.failed) {
        note_failure(job, seed, out.rule, out.why);
    } else if (seed % TWICE_EVERY == 0) {
        run_plan(&again, &plan, NULL);
        if (again.hash != out.hash || again.steps != out.steps) {
            note_failure(job, seed, "TWICE", "two runs of the same seed differ");
        }
    }
    plan_fini(&plan);
    job->runs++;
    job->steps += out.steps;
    job->virtual_ms += out.virtual_ms;
    for (uint32_t i = 0; i < MARK_COUNT; i++) {
        job->marks.count[i] += out.marks.count[i];
    }
}

static pid_t start(const struct batch *b, struct job *job)
{
    fflush(NULL);
    pid_t child = fork();
    assert(child >= 0);
    if (child != 0) {
        return child;
    }
    uint64_t total = b->count + b->extra_count;
    for (; job->next < total && job->failure_count < FAILURES_MAX; job->next += b->jobs) {
        run_seed(job, seed_at(b, job->next));
    }
    fflush(NULL);
    _exit(0);
}

/* A child died of its seed: that is a finding too. It goes on behind it. */
static pid_t restart(const struct batch *b, struct job *job, int status)
{
    bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    note_failure(job, seed_at(b, job->next), hung ? "HANG" : "ABORT",
                 hung ? "took too long" : "an assertion failed, see above");
    job->next += b->jobs;
    return job->failure_count < FAILURES_MAX ? start(b, job) : 0;
}

static void work(const struct batch *b, struct job *jobs)
{
    pid_t children[JOBS_MAX];
    uint32_t running = b->jobs;
    for (uint32_t i = 0; i < b->jobs; i++) {
        jobs[i].next = i;
        children[i] = start(b, &jobs[i]);
    }
    while (running > 0) {
        int status = 0;
        pid_t ended = wait(&status);
        uint32_t i = 0;
        while (i < b->jobs && children[i] != ended) {
            i++;
        }
        if (i == b->jobs) {
            continue;
        }
        bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        children[i] = fine ? 0 : restart(b, &jobs[i], status);
        running -= children[i] == 0;
    }
}

static bool report_marks(const struct batch *b, const struct marks *sum)
{
    bool ok = true;
    for (uint32_t i = 0; i < MARK_COUNT; i++) {
        bool missing = sum->count[i] == 0;
        printf("%10" PRIu64 "  %-20s %s%s\n", sum->count[i], mark_name((enum mark)i),
               mark_text((enum mark)i), missing ? "  NEVER" : "");
        ok = ok && !missing;
    }
    if (!ok && b->must_mark) {
        printf("FAILED: a path was never reached\n");
        return false;
    }
    return true;
}

static bool is_open(const struct batch *b, uint64_t seed)
{
    uint32_t i = 0;
    while (i < b->open_count && b->open[i] != seed) {
        i++;
    }
    return i < b->open_count;
}

static uint32_t report_failures(const struct batch *b, const struct job *job)
{
    uint32_t counted = 0;
    for (uint32_t i = 0; i < job->failure_count; i++) {
        const struct failure *f = &job->failures[i];
        bool open = is_open(b, f->seed);
        printf("%s %s: %s\n  sim --seed %" PRIu64 " -v\n  sim --seed %" PRIu64 " --shrink\n",
               open ? "STILL OPEN" : "FAILED", f->rule, f->why, f->seed, f->seed);
        counted += !open;
    }
    return counted;
}

bool batch_run(const struct batch *b)
{
    assert(b->jobs > 0 && b->jobs <= JOBS_MAX);
    size_t size = b->jobs * sizeof(struct job);
    struct job *jobs =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(jobs != MAP_FAILED);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    work(b, jobs);
    clock_gettime(CLOCK_MONOTONIC, &to);
    struct job sum = {.next = 0};
    uint32_t failures = 0;
    for (uint32_t i = 0; i < b->jobs; i++) {
        failures += report_failures(b, &jobs[i]);
        sum.runs += jobs[i].runs;
        sum.steps += jobs[i].steps;
        sum.virtual_ms += jobs[i].virtual_ms;
        for (uint32_t m = 0; m < MARK_COUNT; m++) {
            sum.marks.count[m] += jobs[i].marks.count[m];
        }
    }
    bool ok = report_marks(b, &sum.marks) && failures == 0;
    double seconds =
        (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf("%" PRIu64 " runs, %" PRIu64 " steps, %.1f hours of cluster life, in %.1f s: %s\n",
           sum.runs, sum.steps, (double)sum.virtual_ms / 3.6e6, seconds, ok ? "ok" : "FAILED");
    munmap(jobs, size);
    return ok;
}
