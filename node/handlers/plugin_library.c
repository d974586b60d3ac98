#include "handlers/plugin_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static int check(const struct callbackd_plugin *p, const char *path, struct errmsg *em)
{
    if (p == NULL) {
        return err_set(em, ERR_IO, "%s: callbackd_plugin() returned nothing", path);
    }
    if (p->abi != CALLBACKD_PLUGIN_ABI) {
        return err_set(em, ERR_IO, "%s: made for plugin ABI %u, this node speaks %u", path,
                       p->abi, CALLBACKD_PLUGIN_ABI);
    }
    if (p->struct_size < sizeof *p || p->invoke == NULL) {
        return err_set(em, ERR_IO, "%s: no invoke in its struct callbackd_plugin", path);
    }
    return 0;
}

static int load(struct plugin_library *out, const char *path, struct errmsg *em)
{
    out->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (out->handle == NULL) {
        return err_set(em, ERR_IO, "%s", dlerror());
    }
    const struct callbackd_plugin *(*ask)(void);
    void *symbol = dlsym(out->handle, "callbackd_plugin");
    if (symbol == NULL) {
        return err_set(em, ERR_IO, "%s: not a plugin, it has no callbackd_plugin()", path);
    }
    memcpy(&ask, &symbol, sizeof ask); /* POSIX lets a symbol be a function, C does not */
    out->plugin = ask();
    return check(out->plugin, path, em);
}

/* `real` is `dir` or lies below it; both without links. */
static bool is_below(const char *real, const char *dir)
{
    size_t size = strlen(dir);
    bool is_root = size == 1;
    return strncmp(real, dir, size) == 0 && (is_root || real[size] == '/');
}

static int check_place(const char *real, const struct plugin_dirs *dirs, struct errmsg *em)
{
    char dir[PATH_MAX];
    for (size_t i = 0; i < dirs->count; i++) {
        if (realpath(dirs->items[i], dir) != NULL && is_below(real, dir)) {
            return 0;
        }
    }
    return dirs->count == 0
               ? 0
               : err_set(em, ERR_IO, "%s is in none of the folders of plugins.path", real);
}

/* The file, then every folder above it. */
static int check_modes(const char *real, struct errmsg *em)
{
    char at[PATH_MAX];
    struct stat st;
    size_t size = strlen(real);
    memcpy(at, real, size + 1);
    while (true) {
        if (stat(size == 0 ? "/" : at, &st) != 0) {
            char why[128];
            return err_set(em, ERR_IO, "%s: %s", at, strerror_r(errno, why, sizeof why));
        }
        bool is_sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
        if ((st.st_mode & S_IWOTH) != 0 && !is_sticky) {
            return err_set(em, ERR_IO,
                           "%s is everybody's to write; a plugin's file and the "
                           "folders above it may not be",
                           size == 0 ? "/" : at);
        }
        if (size == 0) {
            return 0;
        }
        while (at[size - 1] != '/') {
            size--;
        }
        at[--size] = '\0';
    }
}

static int find(const char *path, const struct plugin_dirs *dirs, char real[PATH_MAX],
                struct errmsg *em)
{
    if (realpath(path, real) == NULL) {
        char why[128];
        return err_set(em, ERR_IO, "%s: %s", path, strerror_r(errno, why, sizeof why));
    }
    int rc = check_place(real, dirs, em);
    return rc != 0 ? rc : check_modes(real, em);
}

int plugin_library_load(struct plugin_library *out, struct bytes path,
                        const struct plugin_dirs *dirs, struct errmsg *em)
{
    *out = (struct plugin_library){0};
    if (path.size == 0 || path.at[0] != '/') {
        return err_set(em, ERR_MALFORMED,
                       "'%.*s': the target is plugin:/path/lib.so, with its absolute path",
                       BYTES_ARG(path));
    }
    char real[PATH_MAX];
    char *text = strndup((const char *)path.at, path.size);
    if (text == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    int rc = find(text, dirs, real, em);
    free(text);
    if (rc == 0) {
        rc = load(out, real, em);
    }
    if (rc != 0) {
        plugin_library_unload(out);
    }
    return rc;
}

void plugin_library_unload(struct plugin_library *l)
{
    if (l->handle != NULL) {
        dlclose(l->handle);
    }
    *l = (struct plugin_library){0};
}
