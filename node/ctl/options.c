#include "ctl/options.h"

#include "base/num.h"

#define DAY_S 86400u

enum { FOR_INVOKE = 1, FOR_COLLECT = 2, FOR_ALL = 4, FOR_KEY = 8 };

struct flag {
    const char *name;
    size_t offset; /* of a const char * in struct ctl_options */
    unsigned uses;
};

#define FIELD(NAME) offsetof(struct ctl_options, NAME)

static const struct flag flags[] = {
    {"--node", FIELD(node), FOR_ALL},
    {"--admin", FIELD(admin), FOR_ALL},
    {"--ca", FIELD(ca), FOR_ALL},
    {"--data", FIELD(data), FOR_INVOKE},
    {"-d", FIELD(data), FOR_INVOKE},
    {"--wait", FIELD(wait), FOR_INVOKE | FOR_COLLECT},
    {"--token", FIELD(token), FOR_COLLECT},
    {"--output", FIELD(output), FOR_COLLECT},
    {"-o", FIELD(output), FOR_COLLECT},
    {"--tenant", FIELD(tenant), FOR_KEY},
    {"--functions", FIELD(functions), FOR_KEY},
    {"--scopes", FIELD(scopes), FOR_KEY},
    {"--name", FIELD(name), FOR_KEY},
};

static const struct command {
    const char *name;
    bool takes_argument;
    const char *argument; /* what it is, for people */
    unsigned use;
} commands[] = {
    {"invoke", true, "a FUNCTION", FOR_INVOKE},
    {"status", true, "an ID", 0},
    {"collect", true, "an ID", FOR_COLLECT},
    {"cancel", true, "an ID", 0},
    {"queues", false, "", 0},
    {"cluster", false, "", 0},
    {"drain", false, "", 0},
    {"health", false, "", 0},
    {"key", true, "the word new", FOR_KEY},
};

static const char help[] =
    "callbackctl - asks and steers a callbackd node\n"
    "\n"
    "Usage: callbackctl [--node URL] [--admin URL] [--json] COMMAND\n"
    "\n"
    "Commands\n"
    "  invoke FUNCTION           accept work; prints the id to collect its result with\n"
    "      --data STR|@FILE|-    the request's body: text, a file, or standard input\n"
    "      --wait S              wait up to S seconds for the result itself\n"
    "      -H 'NAME: VALUE'      a header for the function; may be repeated\n"
    "  status ID                 how far an invocation is\n"
    "  collect ID                take the result, once; prints the body\n"
    "      --wait MS             wait up to MS milliseconds for it\n"
    "      --token T             claim it for T, so that a broken collect can be repeated\n"
    "      --output FILE         write the body to FILE\n"
    "  cancel ID                 end an invocation, or discard its result\n"
    "  queues                    what waits, runs and is ready, by node and function\n"
    "  cluster                   the members, and how they are doing\n"
    "  drain                     finish or hand over what is accepted, leave the cluster and "
    "exit\n"
    "  health                    says nothing; exits 0 when the node's event loop turns\n"
    "  key new                   make a key; prints it once, and the entry for the keys file\n"
    "      --tenant T            whose invocations it makes and sees\n"
    "      --functions A,B       what it may invoke [*: everything]\n"
    "      --scopes A,B          invoke, collect, cancel, admin [invoke,collect,cancel]\n"
    "      --name N              whose it is, for people who read the file\n"
    "\n"
    "Options\n"
    "  --node URL                API of a node [CALLBACKCTL_NODE, http://127.0.0.1:8080]\n"
    "  --admin URL               its admin address [CALLBACKCTL_ADMIN, "
    "http://127.0.0.1:9090]\n"
    "  --ca FILE                 who signs a node's certificate, for https:// "
    "[CALLBACKCTL_CA]\n"
    "  --insecure                https:// without a look at the certificate\n"
    "  CALLBACKCTL_KEY           the key to show to a node that asks for one\n"
    "  --json                    print what the node said, unchanged\n"
    "  --help, --version         print, and exit\n"
    "\n"
    "Example\n"
    "  id=$(callbackctl --json invoke score --data @transaction.json | jq -r .id)\n"
    "  callbackctl collect \"$id\" --wait 10000 --output result.json\n"
    "\n"
    "Exit codes: 0 done, 1 the node or the function said no, 2 usage.\n";

void ctl_options_help(struct text *out)
{
    text_add_str(out, help);
}

static const char *variable(char *const *environ, const char *name, const char *fallback)
{
    size_t n = strlen(name);
    for (; environ != NULL && *environ != NULL; environ++) {
        if (strncmp(*environ, name, n) == 0 && (*environ)[n] == '=' &&
            (*environ)[n + 1] != '\0') {
            return *environ + n + 1;
        }
    }
    return fallback;
}

static const struct flag *find_flag(struct bytes name)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (bytes_is(name, flags[i].name)) {
            return &flags[i];
        }
    }
    return NULL;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (name != NULL && strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static bool read_switch(struct ctl_options *o, const char *arg)
{
    if (strcmp(arg, "--json") == 0) {
        o->json = true;
    } else if (strcmp(arg, "--insecure") == 0) {
        o->insecure = true;
    } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        o->help = true;
    } else if (strcmp(arg, "--version") == 0) {
        o->version = true;
    } else {
        return false;
    }
    return true;
}

static int read_word(struct ctl_options *o, const char *arg, struct errmsg *em)
{
    if (o->command == NULL) {
        o->command = arg;
    } else if (o->argument == NULL) {
        o->argument = arg;
    } else {
        return err_set(em, ERR_MALFORMED, "unexpected \"%.60s\"; try --help", arg);
    }
    return 0;
}

static int add_header(struct ctl_options *o, const char *header, struct errmsg *em)
{
    const char *colon = strchr(header, ':');
    if (colon == NULL || colon == header || strpbrk(header, "\r\n") != NULL) {
        return err_set(em, ERR_MALFORMED, "-H takes 'NAME: VALUE', not \"%.60s\"", header);
    }
    if (o->header_count == CTL_HEADERS_MAX) {
        return err_set(em, ERR_MALFORMED, "more than %d headers", CTL_HEADERS_MAX);
    }
    o->headers[o->header_count++] = header;
    return 0;
}

/* Reads one flag with its value at argv[*i]; *used collects what it is for. */
static int read_flag(struct ctl_options *o, char *const *argv, int *i, unsigned *used,
                     struct errmsg *em)
{
    const char *arg = argv[*i];
    struct bytes value = bytes_text(arg);
    struct bytes name = bytes_cut_at(&value, '=');
    bool has_value = name.size < strlen(arg);
    bool is_header = bytes_is(name, "-H") || bytes_is(name, "--header");
    const struct flag *flag = find_flag(name);
    if (flag == NULL && !is_header) {
        return err_set(em, ERR_MALFORMED, "unknown option \"%.60s\"; try --help", arg);
    }
    if (!has_value && argv[*i + 1] == NULL) {
        return err_set(em, ERR_MALFORMED, "%.60s needs a value; try --help", arg);
    }
    const char *text = has_value ? arg + name.size + 1 : argv[++*i];
    if (is_header) {
        *used |= FOR_INVOKE;
        return add_header(o, text, em);
    }
    if (flag->uses != FOR_ALL) {
        *used |= flag->uses;
    }
    memcpy((char *)o + flag->offset, &text, sizeof text);
    return 0;
}

/* What was given must be what the command takes. */
static int check(const struct ctl_options *o, unsigned used, struct errmsg *em)
{
    const struct command *command = find_command(o->command);
    uint64_t wait;
    if (o->command == NULL) {
        return err_set(em, ERR_MALFORMED, "which command? try --help");
    }
    if (command == NULL) {
        return err_set(em, ERR_MALFORMED, "unknown command \"%.60s\"; try --help", o->command);
    }
    if (command->takes_argument && (o->argument == NULL || o->argument[0] == '\0')) {
        return err_set(em, ERR_MALFORMED, "%s needs %s", command->name, command->argument);
    }
    if (!command->takes_argument && o->argument != NULL) {
        return err_set(em, ERR_MALFORMED, "%s takes no \"%.60s\"", command->name, o->argument);
    }
    if (command->use == FOR_KEY && strcmp(o->argument, "new") != 0) {
        return err_set(em, ERR_MALFORMED, "key needs %s", command->argument);
    }
    if (o->key != NULL && strpbrk(o->key, "\r\n") != NULL) {
        return err_set(em, ERR_MALFORMED, "CALLBACKCTL_KEY is more than one line");
    }
    if (used != 0 && (used & command->use) == 0) {
        return err_set(em, ERR_MALFORMED, "an option does not belong to %s; try --help",
                       command->name);
    }
    bool is_s = command->use == FOR_INVOKE;
    uint64_t wait_max = is_s ? DAY_S : DAY_S * 1000;
    if (o->wait != NULL && num_parse(bytes_text(o->wait), wait_max, &wait) != 0) {
        return err_set(em, ERR_MALFORMED, "--wait takes whole %s up to a day, not \"%.60s\"",
                       is_s ? "seconds" : "milliseconds", o->wait);
    }
    return 0;
}

int ctl_options_read(struct ctl_options *out, int argc, char *const *argv, char *const *environ,
                     struct errmsg *em)
{
    *out = (struct ctl_options){
        .node = variable(environ, "CALLBACKCTL_NODE", "http://127.0.0.1:8080"),
        .admin = variable(environ, "CALLBACKCTL_ADMIN", "http://127.0.0.1:9090"),
        .ca = variable(environ, "CALLBACKCTL_CA", NULL),
        .key = variable(environ, "CALLBACKCTL_KEY", NULL)};
    unsigned used = 0;
    for (int i = 1; i < argc; i++) {
        bool is_word = argv[i][0] != '-' || argv[i][1] == '\0';
        int rc = 0;
        if (is_word) {
            rc = read_word(out, argv[i], em);
        } else if (!read_switch(out, argv[i])) {
            rc = read_flag(out, argv, &i, &used, em);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return out->help || out->version ? 0 : check(out, used, em);
}
