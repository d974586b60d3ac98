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

/* ERR_MALFORMED: the path has no '/'. ERR_IO: not there, not a library, not a plugin, or of
 * another ABI. ERR_NOMEM. `em` says which; nothing stays loaded then. */
int plugin_library_load(struct plugin_library *out, struct bytes path, struct errmsg *em);

/* No code of it runs any more. */
void plugin_library_unload(struct plugin_library *l);

#endif
