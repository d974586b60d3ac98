#include "handlers/plugin_library.h"

#include <dlfcn.h>
#include <stdlib.h>

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

int plugin_library_load(struct plugin_library *out, struct bytes path, struct errmsg *em)
{
    *out = (struct plugin_library){0};
    if (path.size == 0 || memchr(path.at, '/', path.size) == NULL) {
        return err_set(em, ERR_MALFORMED,
                       "'%.*s': the target is plugin:/path/lib.so, with its path",
                       BYTES_ARG(path));
    }
    char *text = strndup((const char *)path.at, path.size);
    if (text == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    int rc = load(out, text, em);
    if (rc != 0) {
        plugin_library_unload(out);
    }
    free(text);
    return rc;
}

void plugin_library_unload(struct plugin_library *l)
{
    if (l->handle != NULL) {
        dlclose(l->handle);
    }
    *l = (struct plugin_library){0};
}
