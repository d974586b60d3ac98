#include "check.h"

#include "encryption.h"
#include "handlers/webhook_sender.h"
#include "wiring.h"

struct check {
    const struct config *config;
    struct loop *loop;
    struct budget budget;
    struct text *faults, *warnings;
};

static void add_line(struct text *to, const char *line)
{
    if (line[0] != '\0') {
        text_addf(to, "callbackd: %s\n", line);
    }
}

static bool note(const struct check *c, int rc, const struct errmsg *em)
{
    add_line(c->faults, rc == 0 ? "" : em->text);
    return rc == 0;
}

static bool check_encryption(struct check *c)
{
    struct errmsg em = {{0}};
    struct encryption e;
    int rc = encryption_open(&e, c->config, &em);
    if (rc == 0) {
        add_line(c->warnings, e.clients == NULL ? "" : tls_warning(e.clients));
        add_line(c->warnings, e.peers == NULL ? "" : tls_warning(e.peers));
        encryption_close(&e);
    }
    return note(c, rc, &em);
}

/* Nothing is run, so nothing is done. */
static void on_done(void *owner, uint64_t execution_id, struct execution_outcome *outcome)
{
    (void)owner;
    (void)execution_id;
    (void)outcome;
}

static bool check_targets(struct check *c)
{
    struct errmsg em = {{0}};
    struct driver_target *targets;
    struct handler_env env = wiring_handlers(c->config, c->loop, &c->budget);
    env.on_done = on_done;
    int rc = wiring_open_targets(&targets, c->config, &env, &em);
    wiring_close_targets(&targets, c->config->function_count);
    return note(c, rc, &em);
}

static bool check_webhooks(struct check *c)
{
    struct errmsg em = {{0}};
    struct webhook_sender *sender;
    const struct webhook_sender_config config = {.loop = c->loop,
                                                 .budget = &c->budget,
                                                 .timeout_ms = c->config->webhook.timeout_ms,
                                                 .secret_file = c->config->webhook.secret_file};
    int rc = webhook_sender_open(&sender, &config, &em);
    webhook_sender_close(&sender);
    return note(c, rc, &em);
}

bool check_named(const struct config *config, struct text *faults, struct text *warnings)
{
    struct check c = {.config = config,
                      .loop = loop_new(),
                      .budget = {.limit = config->limits.store_bytes},
                      .faults = faults,
                      .warnings = warnings};
    if (c.loop == NULL) {
        add_line(faults, "the system gave no event loop");
        return false;
    }
    bool ok = check_encryption(&c);
    ok = check_targets(&c) && ok;
    ok = check_webhooks(&c) && ok;
    loop_run(c.loop); /* what was opened closes on a later turn */
    loop_free(&c.loop);
    return ok;
}
