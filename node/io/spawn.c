#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_FD = STDERR_FILENO + 1, FREE_FD };

/* -- in the child: async-signal-safe calls only -- */

_Noreturn static void give_up(enum confine_step step)
{
    struct spawn_fault fault = {.step = step, .code = errno};
    /* As small as it is, a pipe takes it whole; if not, the parent sees a program that ended.
     */
    ssize_t written = write(REPORT_FD, &fault, sizeof fault);
    _exit(written == (ssize_t)sizeof fault ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* 0, 1 and 2, the report above them, and nothing else: whoever opened something without
 * O_CLOEXEC, in this process or in the one that started it, does not give it away. */
static bool set_descriptors(const struct spawn_config *c, int report)
{
    /* First out of the way: the node may have been started with its own 0 to 2 closed. */
    int input = fcntl(c->input, F_DUPFD, FREE_FD);
    int output = fcntl(c->output, F_DUPFD, FREE_FD);
    report = fcntl(report, F_DUPFD, FREE_FD);
    if (input < 0 || output < 0 || report < 0) {
        return false;
    }
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || dup3(report, REPORT_FD, O_CLOEXEC) < 0) {
        return false;
    }
    if (close_range(FREE_FD, ~0u, 0) == 0) {
        return true;
    }
    long count = sysconf(_SC_OPEN_MAX); /* a kernel before 5.9 */
    for (int fd = FREE_FD; fd < count; fd++) {
        close(fd);
    }
    return true;
}

static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP) {
            signal(number, SIG_DFL); /* those of the C library refuse, and need not */
        }
    }
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void run_child(const struct spawn_config *c, int report)
{
    bool has_descriptors = set_descriptors(c, report);
    reset_signals();
    if (!has_descriptors || setsid() < 0) {
        give_up(CONFINE_DONE);
    }
    enum confine_step step = confine_apply(c->confinement);
    if (step != CONFINE_DONE) {
        give_up(step);
    }
    if (!c->is_trial) {
        execve(c->file, c->argv, c->env);
    } else if (access(c->file, X_OK) == 0) {
        _exit(EXIT_SUCCESS);
    }
    give_up(CONFINE_DONE);
}

/* -- in the parent -- */

/* No signal may find the child with the node's handlers: they write to pipes that both share.
 */
static pid_t fork_quietly(sigset_t *old)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, old);
    pid_t pid = fork();
    if (pid != 0) {
        int code = errno;
        pthread_sigmask(SIG_SETMASK, old, NULL);
        errno = code;
    }
    return pid;
}

static void wait_for(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        continue;
    }
}

/* Until the pipe's other end is gone: closed by exec, or with the child. True: a fault came. */
static bool read_report(int fd, struct spawn_fault *fault)
{
    ssize_t size;
    do {
        size = read(fd, fault, sizeof *fault);
    } while (size < 0 && errno == EINTR);
    return size == (ssize_t)sizeof *fault;
}

int spawn(pid_t *out, const struct spawn_config *config, struct spawn_fault *fault)
{
    int report[2];
    sigset_t old;
    if (pipe2(report, O_CLOEXEC) != 0) {
        *fault = (struct spawn_fault){.code = errno};
        return ERR_IO;
    }
    pid_t pid = fork_quietly(&old);
    if (pid == 0) {
        run_child(config, report[1]);
    }
    if (pid < 0) {
        *fault = (struct spawn_fault){.code = errno};
    }
    close(report[1]);
    bool has_failed = pid < 0 || read_report(report[0], fault);
    close(report[0]);
    if (pid > 0 && (has_failed || config->is_trial)) {
        wait_for(pid);
    }
    *out = pid;
    return has_failed ? ERR_IO : 0;
}
