/* The shared library of a plugin: found, loaded, checked, and its one symbol asked. */
#ifndef NODE_HANDLERS_PLUGIN_LIBRARY_H
#define NODE_HANDLERS_PLUGIN_LIBRARY_H

#include "base/bytes.h"
#include "base/err.h"
#include "callbackd/plugin.h"

struct plugin_library {
    void *handle; /* of dlopen() */
    const struct callbackd_plugin *plugin;
};

/* plugins.path: where plugins may be. None: anywhere. */
struct plugin_dirs {
    char *const *items;
    size_t count;
};

/* What runs in the node has all that the node has. So the file is the one that the path leads
 * to in the end, links and all; that must lie below one of `dirs`; and neither the file nor a
 * folder above it may be everybody's to write (folders with the sticky bit may, as nobody can
 * put another file in the place of somebody else's there).
 *
 * ERR_MALFORMED: the path is not absolute. ERR_IO: not there, not where plugins may be,
 * everybody's to write, not a library, not a plugin, or of another ABI. ERR_NOMEM. `em` says
 * which; nothing stays loaded then. */
int plugin_library_load(struct plugin_library *out, struct bytes path,
                        const struct plugin_dirs *dirs, struct errmsg *em);

/* No code of it runs any more. */
void plugin_library_unload(struct plugin_library *l);

#endif
