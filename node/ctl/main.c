/* callbackctl: asks and steers a node from a terminal or a script. */
#include "ctl/client.h"
#include "ctl/commands.h"
#include "ctl/options.h"

#include <stdio.h>
#include <unistd.h>

/* Everything, or a failure: half a result on a full disk must not look like success. */
static bool write_all(FILE *to, const struct text *text)
{
    bool is_written = text->size == 0 || fwrite(text->at, 1, text->size, to) == text->size;
    return fflush(to) == 0 && is_written;
}

int main(int argc, char **argv)
{
    struct ctl_options options;
    struct errmsg em;
    struct ctl ctl = {.options = &options, .ask = ctl_client_ask};
    int code = CTL_EXIT_OK;
    if (ctl_options_read(&options, argc, argv, environ, &em) != 0) {
        text_addf(&ctl.err, "callbackctl: %s\n", em.text);
        code = CTL_EXIT_USAGE;
    } else if (options.help) {
        ctl_options_help(&ctl.out);
    } else if (options.version) {
        text_add_str(&ctl.out, "callbackctl " CALLBACKD_VERSION "\n");
    } else {
        code = ctl_run(&ctl);
    }
    if (!write_all(stdout, &ctl.out)) {
        text_add_str(&ctl.err, "callbackctl: standard output cannot be written\n");
        code = code == CTL_EXIT_OK ? CTL_EXIT_FAILED : code;
    }
    write_all(stderr, &ctl.err);
    ctl_fini(&ctl);
    return code;
}
