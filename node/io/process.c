#include "io/process.h"

#include "io/spawn.h"
#include "io/watch.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

/* A process goes through three ends, in any order: its input is written (or refused), its
 * output is at end of file, it has exited. The owner hears of the last two together. */
struct process {
    struct watch *exit; /* of `pidfd`, which is readable when the program has ended */
    int pidfd;
    uv_pipe_t input, output;
    uv_timer_t drain;
    uv_write_t write;
    struct buf *input_bytes;
    struct process_config config; /* on_end NULL: the owner has gone */
    struct process_end end;
    pid_t group;
    uint32_t uses; /* handles, and a program not waited for; the memory goes with the last */
    bool has_exited, output_ended;
};

static void release(struct process *p)
{
    assert(p->uses > 0);
    p->uses--;
    if (p->uses == 0) {
        buf_drop(&p->input_bytes);
        free(p);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_handle_closed);
    }
}

/* The group's number is the program's process id. It may be asked for after the program was
 * waited for: the number stays taken while the group has members, and when it has none, the
 * system gives numbers out in a round and is not back at this one so soon. */
static void kill_group(const struct process *p)
{
    killpg(p->group, SIGKILL); /* ESRCH: nobody is left, which is what we want */
}

/* Reports the end when there is nothing more to come. */
static void end_when_all_is_known(struct process *p)
{
    if (!p->has_exited || !p->output_ended) {
        return;
    }
    kill_group(p);
    close_handle(&p->input);
    close_handle(&p->output);
    close_handle(&p->drain);
    if (p->config.on_end != NULL) {
        void (*on_end)(void *, const struct process_end *) = p->config.on_end;
        p->config.on_end = NULL;
        on_end(p->config.owner, &p->end);
    }
}

static void on_drained(uv_timer_t *timer)
{
    struct process *p = timer->data;
    p->output_ended = true; /* whoever holds the pipe is not the program */
    end_when_all_is_known(p);
}

static void end_seen(struct process *p, int status)
{
    p->has_exited = true;
    p->end.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    p->end.term_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (p->config.on_end != NULL && !p->output_ended) {
        int rc = uv_timer_start(&p->drain, on_drained, PROCESS_DRAIN_MS, 0);
        assert(rc == 0); /* fails on closing handles only */
    }
    end_when_all_is_known(p);
}

static void on_exit_ready(void *owner, int fd, struct watch_ready ready)
{
    (void)ready;
    struct process *p = owner;
    int status;
    pid_t pid = waitpid(p->group, &status, WNOHANG);
    if (pid == 0) {
        return; /* woken for nothing */
    }
    assert(pid == p->group); /* a child of ours, that nobody else waits for */
    watch_close(&p->exit);
    close(fd);
    end_seen(p, status);
    release(p);
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *out)
{
    (void)suggested_size;
    struct process *p = handle->data;
    size_t size = 0;
    uint8_t *room = p->config.on_room(p->config.owner, &size);
    assert(room == NULL || size > 0);
    *out = uv_buf_init((char *)room, room == NULL ? 0 : (unsigned)size);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *room)
{
    (void)room;
    struct process *p = stream->data;
    if (size > 0) {
        p->config.on_output(p->config.owner, (size_t)size);
    } else if (size < 0) {
        if (size == UV_ENOBUFS) { /* the owner wants no more */
            kill_group(p);
        }
        uv_read_stop(stream);
        p->output_ended = true;
        end_when_all_is_known(p);
    }
}

/* Also on EPIPE: a program need not read what it is given. */
static void on_written(uv_write_t *write, int status)
{
    (void)status;
    struct process *p = write->data;
    close_handle(&p->input);
}

static void write_input(struct process *p)
{
    size_t size = buf_size(p->input_bytes);
    if (size == 0) {
        close_handle(&p->input);
        return;
    }
    uv_buf_t bytes = uv_buf_init((char *)p->input_bytes->data, (unsigned)size);
    if (uv_write(&p->write, (uv_stream_t *)&p->input, &bytes, 1, on_written) != 0) {
        close_handle(&p->input);
    }
}

/* Both ends of both pipes; the child's ends are closed here once it has them. */
struct pipes {
    uv_file input[2], output[2]; /* read end, write end */
};

static int pipes_open(struct pipes *out)
{
    int rc = uv_pipe(out->input, 0, UV_NONBLOCK_PIPE);
    if (rc != 0) {
        return rc;
    }
    rc = uv_pipe(out->output, UV_NONBLOCK_PIPE, 0);
    if (rc != 0) {
        close(out->input[0]);
        close(out->input[1]);
    }
    return rc;
}

static struct process *process_new(struct loop *l, const struct process_config *config)
{
    struct process *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->config = *config;
    p->input.data = p->output.data = p->drain.data = p->write.data = p;
    int rc = uv_pipe_init(loop_uv(l), &p->input, 0);
    rc |= uv_pipe_init(loop_uv(l), &p->output, 0);
    rc |= uv_timer_init(loop_uv(l), &p->drain);
    assert(rc == 0); /* none takes a system resource */
    p->uses = 3;
    return p;
}

static int spawn_error(const struct spawn_fault *f, const char *file, struct errmsg *em)
{
    bool will_pass = f->step == CONFINE_DONE && (f->code == EAGAIN || f->code == EMFILE ||
                                                 f->code == ENFILE || f->code == ENOMEM);
    int rc = will_pass ? ERR_FULL : ERR_NOTFOUND;
    char room[128];
    const char *why = strerror_r(f->code, room, sizeof room);
    if (f->step == CONFINE_DONE) {
        return err_set(em, rc, "cannot run %s: %s", file, why);
    }
    return err_set(em, rc, "cannot run %s: %s: %s", file, confine_step_text(f->step), why);
}

/* The end of a child that could not be watched. */
static void end_unwatched(pid_t pid)
{
    killpg(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        continue;
    }
}

/* Hears of the program's end from now on. False: it was ended at once, errno says why. */
static bool watch_program(struct process *p, struct loop *l, pid_t pid)
{
    p->group = pid;
    p->pidfd = pidfd_open(pid, 0);
    if (p->pidfd < 0) {
        int code = errno;
        end_unwatched(pid);
        errno = code;
        return false;
    }
    if (watch_open(&p->exit, l, p->pidfd, on_exit_ready, p) != 0 ||
        watch_set(p->exit, true, false) != 0) {
        watch_close(&p->exit);
        close(p->pidfd);
        end_unwatched(pid);
        errno = ENOMEM; /* the only reason with a good descriptor */
        return false;
    }
    p->uses++;
    return true;
}

static bool start_program(struct process *p, struct loop *l, const struct pipes *pipes,
                          struct spawn_fault *fault)
{
    const struct spawn_config config = {
        .file = p->config.file,
        .argv = p->config.argv,
        .env = p->config.env,
        .input = pipes->input[0],
        .output = pipes->output[1],
        .confinement = p->config.confinement,
    };
    pid_t pid;
    if (spawn(&pid, &config, fault) != 0) {
        return false;
    }
    if (!watch_program(p, l, pid)) {
        *fault = (struct spawn_fault){.code = errno};
        return false;
    }
    return true;
}

int process_spawn(struct process **out, struct loop *l, const struct process_config *config,
                  struct errmsg *em)
{
    *out = NULL;
    struct spawn_fault fault = {.code = ENOMEM};
    struct pipes pipes;
    int rc = pipes_open(&pipes);
    if (rc != 0) {
        fault.code = -rc; /* libuv's codes are the system's, negated */
        return spawn_error(&fault, config->file, em);
    }
    bool has_started = false;
    struct process *p = process_new(l, config);
    if (p == NULL) {
        close(pipes.input[1]);
        close(pipes.output[0]);
        goto out;
    }
    rc = uv_pipe_open(&p->input, pipes.input[1]);
    rc |= uv_pipe_open(&p->output, pipes.output[0]);
    assert(rc == 0); /* fresh pipes in the right mode */
    has_started = start_program(p, l, &pipes, &fault);
    p->config.argv = p->config.env = NULL; /* were borrowed */
    if (!has_started) {
        close_handle(&p->input);
        close_handle(&p->output);
        close_handle(&p->drain);
        goto out;
    }
    p->input_bytes = config->input == NULL ? NULL : buf_share(config->input);
    rc = uv_read_start((uv_stream_t *)&p->output, on_alloc, on_read);
    assert(rc == 0); /* an open pipe that nobody reads yet */
    write_input(p);
    *out = p;
out:
    close(pipes.input[0]);
    close(pipes.output[1]);
    return has_started ? 0 : spawn_error(&fault, config->file, em);
}

int process_try(const char *file, const struct confinement *confinement, struct errmsg *em)
{
    struct spawn_fault fault;
    struct pipes pipes;
    int rc = pipes_open(&pipes);
    if (rc != 0) {
        fault = (struct spawn_fault){.code = -rc};
        return spawn_error(&fault, file, em);
    }
    const struct spawn_config config = {
        .file = file,
        .input = pipes.input[0],
        .output = pipes.output[1],
        .confinement = confinement,
        .is_trial = true,
    };
    pid_t pid;
    rc = spawn(&pid, &config, &fault);
    for (size_t i = 0; i < 2; i++) {
        close(pipes.input[i]);
        close(pipes.output[i]);
    }
    return rc == 0 ? 0 : spawn_error(&fault, file, em);
}

void process_kill(struct process **p)
{
    struct process *mine = *p;
    *p = NULL;
    if (mine == NULL) {
        return;
    }
    kill_group(mine);
    mine->config.on_end = NULL;
    mine->output_ended = true; /* what it said no longer matters */
    close_handle(&mine->input);
    close_handle(&mine->output);
    close_handle(&mine->drain);
}
