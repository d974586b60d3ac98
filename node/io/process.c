#include "io/process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

/* A process goes through three ends, in any order: its input is written (or refused), its
 * output is at end of file, it has exited. The owner hears of the last two together. */
struct process {
    uv_process_t uv;
    uv_pipe_t input, output;
    uv_timer_t drain;
    uv_write_t write;
    struct buf *input_bytes;
    struct process_config config; /* on_end NULL: the owner has gone */
    struct process_end end;
    pid_t group;
    uint32_t open_handles; /* the memory goes away with the last one */
    bool has_exited, output_ended;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct process *p = handle->data;
    assert(p->open_handles > 0);
    p->open_handles--;
    if (p->open_handles == 0) {
        buf_drop(&p->input_bytes);
        free(p);
    }
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

static void on_exit_seen(uv_process_t *uv, int64_t exit_status, int term_signal)
{
    struct process *p = uv->data;
    p->has_exited = true;
    p->end.exit_status = (int)exit_status;
    p->end.term_signal = term_signal;
    close_handle(&p->uv);
    if (p->config.on_end != NULL && !p->output_ended) {
        int rc = uv_timer_start(&p->drain, on_drained, PROCESS_DRAIN_MS, 0);
        assert(rc == 0); /* fails on closing handles only */
    }
    end_when_all_is_known(p);
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

/* Libraries do not open everything with CLOEXEC, nor does whoever started the node. One call
 * for all; a kernel before 5.11 does not know it, and then what is ours is closed only. */
static void keep_descriptors_to_ourselves(void)
{
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

static int spawn(struct process *p, struct loop *l, const struct pipes *pipes)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_INHERIT_FD, .data.fd = pipes->input[0]},
        {.flags = UV_INHERIT_FD, .data.fd = pipes->output[1]},
        {.flags = UV_INHERIT_FD, .data.fd = pipes->output[1]},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_seen,
        .file = p->config.file,
        .args = p->config.argv,
        .env = p->config.env,
        .flags = UV_PROCESS_DETACHED, /* setsid(): the group is the program's own */
        .stdio_count = 3,
        .stdio = stdio,
    };
    return uv_spawn(loop_uv(l), &p->uv, &options);
}

static struct process *process_new(struct loop *l, const struct process_config *config)
{
    struct process *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->config = *config;
    p->uv.data = p->input.data = p->output.data = p->drain.data = p->write.data = p;
    int rc = uv_pipe_init(loop_uv(l), &p->input, 0);
    rc |= uv_pipe_init(loop_uv(l), &p->output, 0);
    rc |= uv_timer_init(loop_uv(l), &p->drain);
    assert(rc == 0); /* none takes a system resource */
    p->open_handles = 3;
    return p;
}

static int spawn_error(int rc, const struct process_config *config, struct errmsg *em)
{
    bool will_pass = rc == UV_EAGAIN || rc == UV_EMFILE || rc == UV_ENFILE || rc == UV_ENOMEM;
    return err_set(em, will_pass ? ERR_FULL : ERR_NOTFOUND, "cannot run %s: %s", config->file,
                   uv_strerror(rc));
}

int process_spawn(struct process **out, struct loop *l, const struct process_config *config,
                  struct errmsg *em)
{
    *out = NULL;
    struct pipes pipes;
    int rc = pipes_open(&pipes);
    if (rc != 0) {
        return spawn_error(rc, config, em);
    }
    struct process *p = process_new(l, config);
    if (p == NULL) {
        close(pipes.input[1]);
        close(pipes.output[0]);
        rc = UV_ENOMEM;
        goto out;
    }
    rc = uv_pipe_open(&p->input, pipes.input[1]);
    rc |= uv_pipe_open(&p->output, pipes.output[0]);
    assert(rc == 0); /* fresh pipes in the right mode */
    keep_descriptors_to_ourselves();
    rc = spawn(p, l, &pipes);
    p->open_handles++; /* also a process that was not started must be closed */
    if (rc != 0) {
        close_handle(&p->uv);
        close_handle(&p->input);
        close_handle(&p->output);
        close_handle(&p->drain);
        goto out;
    }
    p->group = p->uv.pid;
    p->input_bytes = config->input == NULL ? NULL : buf_share(config->input);
    p->config.argv = p->config.env = NULL; /* were borrowed */
    rc = uv_read_start((uv_stream_t *)&p->output, on_alloc, on_read);
    assert(rc == 0); /* an open pipe that nobody reads yet */
    write_input(p);
    *out = p;
out:
    close(pipes.input[0]);
    close(pipes.output[1]);
    return rc == 0 ? 0 : spawn_error(rc, config, em);
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
