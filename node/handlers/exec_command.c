#include "handlers/exec_command.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void exec_command_fini(struct exec_command *c)
{
    for (char **a = c->argv; a != NULL && *a != NULL; a++) {
        free(*a);
    }
    free(c->argv);
    free(c->file);
    *c = (struct exec_command){0};
}

static int split(struct exec_command *out, struct bytes text)
{
    /* Each argument takes a character and a space at least. */
    out->argv = calloc(text.size / 2 + 2, sizeof *out->argv);
    if (out->argv == NULL) {
        return ERR_NOMEM;
    }
    size_t count = 0;
    while (text.size > 0) {
        struct bytes word = bytes_cut_at(&text, ' ');
        if (word.size == 0) {
            continue; /* two spaces in a row */
        }
        out->argv[count] = strndup((const char *)word.at, word.size);
        if (out->argv[count] == NULL) {
            return ERR_NOMEM;
        }
        count++;
    }
    return count == 0 ? ERR_MALFORMED : 0;
}

/* 0, or the errno that running `file` would give. */
static int runnable(const char *file)
{
    struct stat st;
    if (stat(file, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return S_ISDIR(st.st_mode) ? EISDIR : EACCES;
    }
    return access(file, X_OK) == 0 ? 0 : errno;
}

static char *join(struct bytes folder, const char *name)
{
    size_t size = strlen(name);
    char *path = malloc(folder.size + size + 2);
    if (path != NULL) {
        memcpy(path, folder.at, folder.size);
        path[folder.size] = '/';
        memcpy(path + folder.size + 1, name, size + 1);
    }
    return path;
}

/* Where `name` is in PATH; NULL: nowhere. */
static char *find_in_path(const char *name)
{
    struct bytes folders = bytes_text(getenv("PATH"));
    while (folders.size > 0) {
        struct bytes folder = bytes_cut_at(&folders, ':');
        char *path = folder.size == 0 ? NULL : join(folder, name);
        if (path != NULL && runnable(path) == 0) {
            return path;
        }
        free(path);
    }
    return NULL;
}

static int find(struct exec_command *out, struct errmsg *em)
{
    const char *name = out->argv[0];
    if (strchr(name, '/') == NULL) {
        out->file = find_in_path(name);
        return out->file != NULL
                   ? 0
                   : err_set(em, ERR_IO, "no program '%s' in PATH; name it with its path",
                             name);
    }
    int fault = runnable(name);
    if (fault != 0) {
        char why[128];
        return err_set(em, ERR_IO, "cannot run %s: %s", name,
                       strerror_r(fault, why, sizeof why));
    }
    out->file = strdup(name);
    return out->file != NULL ? 0 : err_set(em, ERR_NOMEM, "out of memory");
}

int exec_command_parse(struct exec_command *out, struct bytes text, struct errmsg *em)
{
    *out = (struct exec_command){0};
    int rc = split(out, text);
    if (rc == ERR_MALFORMED) {
        err_set(em, rc, "no program; the target is exec:/path/to/program arguments...");
    } else if (rc != 0) {
        err_set(em, rc, "out of memory");
    } else {
        rc = find(out, em);
    }
    if (rc != 0) {
        exec_command_fini(out);
    }
    return rc;
}
