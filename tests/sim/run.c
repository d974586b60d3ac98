#include "run.h"

#include "world.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void run_plan(struct outcome *out, const struct plan *plan, FILE *verbose)
{
    static struct sim s;
    sim_init(&s, plan);
    s.verbose = verbose;
    sim_run(&s);
    *out = (struct outcome){
        .failed = s.failed, .hash = s.hash, .steps = s.steps, .virtual_ms = s.now_us / 1000};
    memcpy(out->rule, s.rule, sizeof out->rule);
    memcpy(out->why, s.why, sizeof out->why);
    sim_fini(&s);
    out->marks = s.marks;
    if (!out->failed && s.failed) { /* found while the nodes were freed */
        out->failed = true;
        memcpy(out->rule, s.rule, sizeof out->rule);
        memcpy(out->why, s.why, sizeof out->why);
    }
}

void run_plan_apart(struct outcome *out, const struct plan *plan)
{
    struct outcome *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(shared != MAP_FAILED);
    fflush(NULL);
    pid_t child = fork();
    assert(child >= 0);
    if (child == 0) {
        alarm(RUN_SECONDS_MAX);
        run_plan(shared, plan, NULL);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    *out = *shared;
    munmap(shared, sizeof *shared);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return;
    }
    out->failed = true;
    bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    snprintf(out->rule, sizeof out->rule, "%s", hung ? "HANG" : "ABORT");
    snprintf(out->why, sizeof out->why, "the process ended with status %d", status);
}
