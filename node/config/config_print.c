#include "config/config_print.h"

#include "config/loader.h"
#include "config/value.h"

#define DEFAULT_COLUMN 48 /* of the comment that marks a value that nobody gave */

static void add_spaces(struct text *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_add_char(out, ' ');
    }
}

/* Opens the mappings that lead from the keys of `before` to those of `key`; returns the last
 * word, to be written at *indent. */
static struct bytes open_groups(struct text *out, const char *before, const char *key,
                                size_t *indent)
{
    struct bytes old = bytes_text(before);
    struct bytes rest = bytes_text(key);
    struct bytes word = bytes_cut_at(&rest, '.');
    bool is_shared = true;
    while (rest.size > 0) {
        is_shared = is_shared && bytes_equal(bytes_cut_at(&old, '.'), word) && old.size > 0;
        if (!is_shared) {
            add_spaces(out, *indent);
            text_addf(out, "%.*s:\n", BYTES_ARG(word));
        }
        *indent += 2;
        word = bytes_cut_at(&rest, '.');
    }
    return word;
}

struct check_lines {
    struct text *out;
    const void *base;     /* struct config or struct function_config */
    char *const *origins; /* of its settings */
    bool of_function;
    size_t indent;
};

static void print_settings(const struct check_lines *lines)
{
    const char *before = "";
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *s = &settings[i];
        size_t indent = lines->indent;
        if (s->of_function != lines->of_function) {
            continue;
        }
        struct bytes word = open_groups(lines->out, before, s->key, &indent);
        size_t start = lines->out->size;
        add_spaces(lines->out, indent);
        text_addf(lines->out, "%.*s: ", BYTES_ARG(word));
        value_print(s, lines->base, lines->out);
        if (lines->origins[i] == NULL) {
            size_t width = lines->out->size - start;
            add_spaces(lines->out, width < DEFAULT_COLUMN ? DEFAULT_COLUMN - width : 1);
            text_add_str(lines->out, "# default");
        }
        text_add_char(lines->out, '\n');
        before = s->key;
    }
}

void config_print_check(const struct config *c, struct text *out)
{
    print_settings(&(struct check_lines){.out = out, .base = c, .origins = c->origins->of});
    text_add_str(out, c->function_count > 0 ? "functions:\n" : "functions: {}\n");
    for (size_t i = 0; i < c->function_count; i++) {
        text_add_str(out, "  ");
        text_add_json(out, bytes_text(c->functions[i].name));
        text_add_str(out, ":\n");
        print_settings(&(struct check_lines){.out = out,
                                             .base = &c->functions[i],
                                             .origins = c->origins->functions[i].of,
                                             .of_function = true,
                                             .indent = 4});
    }
}

/* The default, as people are told it. */
static const char *shown_default(const struct setting *s)
{
    if (s->shown != NULL) {
        return s->shown;
    }
    return s->fallback[0] == '\0' ? "-" : s->fallback;
}

static void add_words(struct text *out, const struct setting *s)
{
    if (s->words != NULL) {
        text_addf(out, " (%s)", s->words);
    }
}

static const char help_head[] =
    "callbackd - accepts work over HTTP, runs it, and hands each result over once\n"
    "\n"
    "Usage: callbackd [--config FILE] [flags]\n"
    "\n"
    "Flags\n"
    "  --config FILE               read settings from a YAML file\n"
    "  --name NAME                 name of this node\n"
    "  --listen HOST:PORT          where clients call\n"
    "  --admin HOST:PORT           health, metrics, cluster view, queues\n"
    "  --cluster HOST:PORT         where peers connect; off = a single node\n"
    "  --seeds HOST:PORT,...       peers to find the cluster by\n"
    "  --function NAME=TARGET      a function; may be repeated\n"
    "  --set KEY=VALUE             any key below; may be repeated\n"
    "  --check                     print what it would run with, and exit\n"
    "  --version, --help           print, and exit\n"
    "\n"
    "Example\n"
    "  callbackd --listen 127.0.0.1:8080 \\\n"
    "            --function score=http://127.0.0.1:9000/score \\\n"
    "            --function report='exec:/usr/local/bin/report --pdf' \\\n"
    "            --set functions.report.timeout_ms=120000\n"
    "\n"
    "Keys, with their defaults. Strongest first: a flag, the variable CALLBACKD_ + the key in\n"
    "capitals with _ for . (CALLBACKD_CALLBACK_TTL_MS), the file (callback: {ttl_ms: 5000}).\n"
    "Sizes take KiB, MiB, GiB. Lists are YAML lists, or comma-separated.\n";

static void print_help_row(struct text *out, const struct setting *s)
{
    size_t start = out->size;
    text_addf(out, "  %s%s", s->of_function ? "functions.NAME." : "", s->key);
    size_t width = out->size - start;
    add_spaces(out, width < 36 ? 36 - width : 1);
    start = out->size;
    text_add_str(out, shown_default(s));
    width = out->size - start;
    add_spaces(out, width < 21 ? 21 - width : 1);
    text_add_str(out, s->help);
    if (s->kind == SETTING_CHOICE || s->kind == SETTING_CODE) {
        add_words(out, s);
    }
    text_add_char(out, '\n');
}

/* The first word of a key, which is the heading it stands under. */
static struct bytes group_of(const struct setting *s)
{
    struct bytes rest = bytes_text(s->key);
    struct bytes first = bytes_cut_at(&rest, '.');
    if (s->of_function) {
        return bytes_text("functions");
    }
    return rest.size == 0 ? bytes_text("node") : first;
}

void config_print_help(struct text *out)
{
    struct bytes group = bytes_of(NULL, 0);
    text_add_str(out, help_head);
    for (size_t i = 0; i < setting_count; i++) {
        if (!bytes_equal(group, group_of(&settings[i]))) {
            group = group_of(&settings[i]);
            text_add_char(out, '\n');
        }
        print_help_row(out, &settings[i]);
    }
    text_add_str(out, "\nVariables of other systems that are understood\n");
    for (size_t i = 0; i < setting_alias_count; i++) {
        size_t start = out->size;
        text_addf(out, "  %s", setting_aliases[i].variable);
        add_spaces(out, 36 - (out->size - start));
        text_add_str(out, setting_aliases[i].key);
        if (setting_aliases[i].and_key != NULL) {
            text_addf(out, ", %s", setting_aliases[i].and_key);
        }
        text_addf(out, " (%s)\n", setting_aliases[i].help);
    }
    text_add_str(out, "\nExit codes: 0 drained after SIGTERM or SIGINT, 1 failure while "
                      "running, 2 usage or settings.\n");
}

static const char document_head[] =
    "# Settings\n"
    "\n"
    "Made from the table in `node/config/settings.c`, and checked against it by a test; do "
    "not\n"
    "edit. To renew it: `WRITE_DOCS=1 ctest --preset dev -R config.document`.\n"
    "\n"
    "A value is looked for in this order: a flag, an environment variable, the YAML file that\n"
    "`--config FILE` (or `CALLBACKD_CONFIG`) names, the default. Every key can be given\n"
    "\n"
    "- as a flag: `--set callback.ttl_ms=5000`, some with a short one of their own;\n"
    "- as a variable: `CALLBACKD_` and the key in capitals, `_` for `.`:\n"
    "  `CALLBACKD_CALLBACK_TTL_MS=5000`. An empty variable counts as not set. An unknown\n"
    "  `CALLBACKD_*` variable is a warning;\n"
    "- in the file, nested: `callback: {ttl_ms: 5000}`. An unknown key is a fault.\n"
    "\n"
    "Sizes are bytes, with `KiB`, `MiB`, `GiB` allowed. Lists are YAML lists, or\n"
    "comma-separated in a flag or variable. `callbackd --check` reads everything, prints what\n"
    "it would run with (as a file that means the same; defaults are marked), and exits 0; or\n"
    "prints every fault as `file:line: key: what is wrong, what is allowed`, and exits 2.\n"
    "It opens what the settings name, as a start does: certificates (does the key belong to "
    "it,\n"
    "is the name right), secrets, keys, programs, plugins. It listens nowhere.\n"
    "\n"
    "```yaml\n"
    "listen: 0.0.0.0:8080\n"
    "auth:\n"
    "  keys_file: /etc/callbackd/keys.yaml\n"
    "callback:\n"
    "  ttl_ms: 120000\n"
    "functions:\n"
    "  score:\n"
    "    target: http://127.0.0.1:9000/score\n"
    "    concurrency: 64\n"
    "  report:\n"
    "    target: exec:/usr/local/bin/report --pdf\n"
    "    timeout_ms: 120000\n"
    "```\n";

static void print_document_row(struct text *out, const struct setting *s)
{
    text_addf(out, "| `%s%s` | ", s->of_function ? "functions.NAME." : "", s->key);
    const char *fallback = shown_default(s);
    bool is_words = s->shown != NULL || fallback[0] == '-';
    text_addf(out, is_words ? "%s" : "`%s`", fallback);
    text_add_str(out, " | ");
    size_t start = out->size;
    value_allowed(s, out);
    for (size_t i = start; i < out->size; i++) {
        out->at[i] = out->at[i] == '|' ? '/' : out->at[i];
    }
    text_add_str(out, " | ");
    start = out->size;
    text_add_str(out, s->help);
    for (size_t i = start; i < out->size; i++) {
        out->at[i] = out->at[i] == '|' ? '/' : out->at[i];
    }
    if (s->flag != NULL) {
        text_addf(out, " (flag `%s`)", s->flag);
    }
    text_add_str(out, " |\n");
}

void config_print_document(struct text *out)
{
    struct bytes group = bytes_of(NULL, 0);
    text_add_str(out, document_head);
    for (size_t i = 0; i < setting_count; i++) {
        if (!bytes_equal(group, group_of(&settings[i]))) {
            group = group_of(&settings[i]);
            text_addf(out,
                      "\n## %.*s\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n",
                      BYTES_ARG(group));
        }
        print_document_row(out, &settings[i]);
    }
    text_add_str(out, "\nFunction names are 1 to 64 of `a-z A-Z 0-9 - _ .`; names that routes\n"
                      "use are refused. In a variable's name, `FUNCTIONS_SCORE_V2_TARGET` is\n"
                      "the function `score-v2` or `score.v2` where the file or a flag names\n"
                      "one, else `score_v2`.\n"
                      "\n## Variables of other systems\n\n"
                      "| variable | key | |\n|---|---|---|\n");
    for (size_t i = 0; i < setting_alias_count; i++) {
        const struct setting_alias *a = &setting_aliases[i];
        text_addf(out, "| `%s` | `%s%s`", a->variable, a->of_function ? "functions.NAME." : "",
                  a->key);
        if (a->and_key != NULL) {
            text_addf(out, ", `%s`", a->and_key);
        }
        text_addf(out, " | %s |\n", a->help);
    }
    text_add_str(out, "\nOurs are stronger: `CALLBACKD_JUBE_CALLBACK_TIMEOUT_MS` wins over\n"
                      "`CallbackTimeout`.\n");
}
