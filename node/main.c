/* callbackd: arguments -> configuration -> node -> exit code (API.md section 2). */
#include "check.h"
#include "node.h"

#include "dialects/dialect.h"
#include "io/confine.h"
#include "io/loop.h"
#include "obs/log.h"

#include <inttypes.h>
#include <stdio.h>

enum { EXIT_CLEAN = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

extern char **environ;

static void print(FILE *to, const struct text *t)
{
    struct bytes b = text_view(t);
    if (b.size > 0) {
        fwrite(b.at, 1, b.size, to);
    }
}

/* Peers, upstreams, programs, files: what a node has open beside its clients. */
#define FILES_BESIDE_CLIENTS 2048u

/* Else clients are reset long before limits.connections, by a system that allows 1024. */
static void allow_connections(const struct config *config, struct text *warnings)
{
    uint64_t wanted = (uint64_t)config->limits.connections + FILES_BESIDE_CLIENTS;
    uint64_t allowed = confine_own_files(wanted);
    if (allowed < wanted) {
        text_addf(warnings,
                  "limits.connections: %" PRIu32 " and what else is open need %" PRIu64
                  " descriptors, the system allows %" PRIu64 " (ulimit -Hn, LimitNOFILE=)\n",
                  config->limits.connections, wanted, allowed);
    }
}

/* One log line each: standard error of a running node holds nothing but JSON. */
static void log_warnings(const struct config *config, const struct text *warnings)
{
    struct log_config to = {
        .fd = 2,
        .level = (enum log_level)config->log.level,
        .node = bytes_text(config->name),
        .wall_ms = loop_wall_ms,
    };
    struct log *log = log_new(&to);
    struct bytes rest = text_view(warnings);
    while (rest.size > 0) {
        log_event(log, LOG_WARN, "configuration", "warning", bytes_cut_at(&rest, '\n'));
    }
    log_free(&log);
}

static int serve(const struct config *config)
{
    struct errmsg em = {{0}};
    struct node *node;
    if (!config->debug.core_dumps) {
        confine_own_memory();
    }
    int rc = node_new(&node, config, &em);
    if (rc != 0) {
        fprintf(stderr, "callbackd: %s\n", em.text);
        return rc == ERR_MALFORMED || rc == ERR_NOTFOUND ? EXIT_USAGE : EXIT_FAILED;
    }
    node_run(node);
    node_free(&node);
    return EXIT_CLEAN;
}

int main(int argc, char **argv)
{
    struct config *config = config_new();
    struct config_report report = {0};
    struct config_input in = {
        .argc = argc,
        .argv = argv,
        .environ = environ,
        .name_is_reserved = dialect_name_is_reserved,
    };
    enum config_verdict verdict = config_load(config, &in, &report);
    if (verdict == CONFIG_CHECK && !check_named(config, &report.faults, &report.warnings)) {
        verdict = CONFIG_STOP;
        text_clear(&report.out);
    }
    print(stdout, &report.out);
    print(stderr, &report.faults);
    if (verdict == CONFIG_RUN) {
        allow_connections(config, &report.warnings);
        log_warnings(config, &report.warnings);
    } else {
        print(stderr, &report.warnings);
    }
    config_report_fini(&report);

    int code = EXIT_CLEAN;
    if (verdict == CONFIG_RUN) {
        code = serve(config);
    } else if (verdict == CONFIG_STOP) {
        code = EXIT_USAGE;
    }
    config_free(&config);
    return code;
}
