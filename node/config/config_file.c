/* The YAML file, walked key by key. A key that is a setting takes a scalar or a list (a list
 * may also be written with commas, as in a flag); a key
 * that begins longer ones takes a mapping. A wrong node costs one fault and is passed over
 * whole; only what makes the rest unreadable (syntax, depth, size) ends the walk. */
#include "config/loader.h"

#include "base/err.h"
#include "config/value.h"
#include "config/yaml_reader.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_SIZE_MAX    ((size_t)1 << 20)
#define MAPPING_KEYS_MAX 1000
#define LIST_ITEMS_MAX   1000

struct walk {
    struct loader *loader;
    const char *path;
    struct yaml_reader *yaml;
    struct yaml_node node; /* the current one */
    bool is_over;
};

/* Where in the tree of keys the walk stands. */
struct place {
    struct text key;   /* "cluster.tls"; inside a function what follows its name */
    struct text shown; /* "functions.score.retry": for people */
    bool in_functions; /* the next key is a function's name */
    bool of_function;
    bool is_refused; /* a function that may not be: read on, keep nothing */
    size_t function;
};

static struct text origin_at(const struct walk *w, size_t line)
{
    struct text origin = {0};
    text_addf(&origin, "%s:%zu", w->path, line);
    text_add_char(&origin, '\0');
    return origin;
}

static void fault_at(struct walk *w, size_t line, const struct place *at, const char *message)
{
    struct text origin = origin_at(w, line);
    struct bytes shown = text_view(&at->shown);
    loader_fault(w->loader, origin.at, shown.size == 0 ? bytes_text("YAML") : shown, "%s",
                 message);
    text_fini(&origin);
}

static enum yaml_kind next(struct walk *w)
{
    if (w->is_over) {
        w->node = (struct yaml_node){0};
    } else {
        yaml_reader_next(w->yaml, &w->node);
    }
    return w->node.kind;
}

static void skip(struct walk *w)
{
    yaml_reader_skip(w->yaml, &w->node);
}

static bool is_decorated(struct walk *w, const struct place *at)
{
    if (w->node.is_decorated) {
        fault_at(w, w->node.line, at, "has an anchor, alias or tag; allowed: plain values");
    }
    return w->node.is_decorated;
}

static void put(struct walk *w, size_t line, const struct place *at, const struct setting *s,
                struct bytes value)
{
    struct text origin = origin_at(w, line);
    if (!at->is_refused) {
        struct loader_key key = {.setting = s, .function = at->function};
        loader_put(w->loader, origin.at, key, value);
    }
    text_fini(&origin);
}

/* One item of a list. Items are joined by commas, as in a flag: nothing that may stand in a
 * list of ours has a comma. */
static bool read_item(struct walk *w, const struct place *at, struct text *joined)
{
    struct bytes item = w->node.text;
    bool is_plain = w->node.kind == YAML_IS_SCALAR && !w->node.is_null && item.size > 0 &&
                    memchr(item.at, ',', item.size) == NULL;
    if (is_decorated(w, at)) {
        return false;
    }
    if (!is_plain) {
        fault_at(w, w->node.line, at, "has an item that is not one value; allowed: [a, b]");
        return false;
    }
    text_add_str(joined, joined->size > 0 ? "," : "");
    text_add(joined, item);
    return true;
}

static void read_list(struct walk *w, const struct place *at, const struct setting *s)
{
    struct text joined = {0};
    size_t line = w->node.line, count = 0;
    bool is_good = true;
    while (next(w) != YAML_IS_END && w->node.kind != YAML_IS_NOTHING) {
        is_good = read_item(w, at, &joined) && is_good;
        skip(w);
        if (++count > LIST_ITEMS_MAX) {
            fault_at(w, line, at, "has too many items; allowed: 1000");
            w->is_over = true;
        }
    }
    if (is_good && w->node.kind == YAML_IS_END) {
        put(w, line, at, s, text_view(&joined));
    }
    text_fini(&joined);
}

/* "is a list; allowed: 1 to 5" */
static void fault_type(struct walk *w, const struct place *at, const struct setting *s,
                       const char *what)
{
    struct text message = {0};
    text_addf(&message, "%s; allowed: ", what);
    value_allowed(s, &message);
    text_add_char(&message, '\0');
    fault_at(w, w->node.line, at, message.at);
    text_fini(&message);
}

static void read_setting(struct walk *w, const struct place *at, const struct setting *s)
{
    if (is_decorated(w, at)) {
        skip(w);
    } else if (w->node.kind == YAML_IS_LIST && setting_is_list(s)) {
        read_list(w, at, s);
    } else if (w->node.kind != YAML_IS_SCALAR) {
        fault_type(w, at, s, w->node.kind == YAML_IS_LIST ? "is a list" : "is a mapping");
        skip(w);
    } else if (w->node.is_null) {
        fault_type(w, at, s, "has no value");
    } else {
        put(w, w->node.line, at, s, w->node.text);
    }
}

/* What follows `key` and a dot in the key of row `s`, or an empty view. */
static struct bytes rest_of_row(const struct setting *s, const struct place *at)
{
    struct bytes row = bytes_text(s->key);
    struct bytes key = text_view(&at->key);
    if (s->of_function != at->of_function || row.size <= key.size ||
        !bytes_equal(bytes_of(row.at, key.size), key)) {
        return bytes_of(NULL, 0);
    }
    if (key.size == 0) {
        return row;
    }
    bool has_dot = row.at[key.size] == '.';
    size_t cut = key.size + 1;
    return has_dot ? bytes_of(row.at + cut, row.size - cut) : bytes_of(NULL, 0);
}

static bool is_group(const struct place *at)
{
    for (size_t i = 0; i < setting_count; i++) {
        if (rest_of_row(&settings[i], at).size > 0) {
            return true;
        }
    }
    return false;
}

/* `at` is unknown in `parent`: names what may stand there. */
static void fault_unknown(struct walk *w, size_t line, const struct place *parent,
                          const struct place *at)
{
    struct text message = {0};
    struct bytes last = bytes_of(NULL, 0);
    bool is_top = !parent->of_function && parent->key.size == 0;
    text_add_str(&message, "unknown key; allowed here:");
    for (size_t i = 0; i < setting_count; i++) {
        struct bytes rest = rest_of_row(&settings[i], parent);
        struct bytes word = bytes_cut_at(&rest, '.');
        if (word.size > 0 && !bytes_equal(word, last)) {
            text_addf(&message, " %.*s", BYTES_ARG(word));
            last = word;
        }
    }
    text_add_str(&message, is_top ? " functions" : "");
    text_add_char(&message, '\0');
    fault_at(w, line, at, message.at);
    text_fini(&message);
}

static void read_mapping(struct walk *w, const struct place *at);

/* A key that begins longer ones takes a mapping, or nothing. The depth of this recursion is
 * that of the keys in the table. */
static void read_group(struct walk *w, const struct place *at)
{
    if (is_decorated(w, at)) {
        skip(w);
    } else if (w->node.kind == YAML_IS_MAPPING) {
        read_mapping(w, at);
    } else if (w->node.kind != YAML_IS_SCALAR || !w->node.is_null) {
        fault_at(w, w->node.line, at, "is not a mapping; allowed: nested keys");
        skip(w);
    }
}

static void add_segment(struct text *path, struct bytes word)
{
    text_add_str(path, path->size > 0 ? "." : "");
    text_add(path, word);
}

/* The place that `word` leads to from `parent`. Ended by place_fini(). */
static struct place enter(struct walk *w, const struct place *parent, struct bytes word,
                          size_t line)
{
    struct place at = {.of_function = parent->of_function,
                       .is_refused = parent->is_refused,
                       .function = parent->function};
    text_add(&at.shown, text_view(&parent->shown));
    struct bytes shown = word.size > 80 ? bytes_of(word.at, 80) : word;
    add_segment(&at.shown, shown);
    bool is_top = !parent->of_function && !parent->in_functions && parent->key.size == 0;
    if (parent->in_functions) {
        struct text origin = origin_at(w, line);
        at.of_function = true;
        at.is_refused = !loader_function(w->loader, origin.at, word, &at.function);
        text_fini(&origin);
    } else if (is_top && bytes_is(word, "functions")) {
        at.in_functions = true;
    } else {
        text_add(&at.key, text_view(&parent->key));
        add_segment(&at.key, word);
    }
    return at;
}

static void place_fini(struct place *at)
{
    text_fini(&at->key);
    text_fini(&at->shown);
}

/* The current node is the value of the key that led from `parent` to `at`. */
static void read_value(struct walk *w, const struct place *parent, const struct place *at,
                       size_t line)
{
    const struct setting *s = setting_find(text_view(&at->key), at->of_function);
    bool is_function = parent->in_functions;
    if (w->node.kind == YAML_IS_NOTHING) {
        return; /* the text broke off; that is told once, at the end */
    }
    if (at->in_functions || is_function) {
        read_group(w, at);
    } else if (s != NULL) {
        read_setting(w, at, s);
    } else if (is_group(at)) {
        read_group(w, at);
    } else {
        fault_unknown(w, line, parent, at);
        skip(w);
    }
}

/* The keys that one mapping had so far, to find the one that stands there twice. */
struct seen {
    char *keys[MAPPING_KEYS_MAX];
    size_t lines[MAPPING_KEYS_MAX];
    size_t count;
};

/* The line where `word` stood before, or 0; then it is noted. */
static size_t seen_before(struct seen *seen, struct bytes word, size_t line)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (bytes_is(word, seen->keys[i])) {
            return seen->lines[i];
        }
    }
    seen->lines[seen->count] = line;
    seen->keys[seen->count++] = value_copy(word);
    return 0;
}

/* The current node is a key of `parent`. */
static void read_key(struct walk *w, const struct place *parent, struct seen *seen)
{
    size_t line = w->node.line;
    struct bytes word = w->node.text;
    if (is_decorated(w, parent) || w->node.kind != YAML_IS_SCALAR || word.size == 0) {
        if (!w->node.is_decorated) {
            fault_at(w, line, parent, "has a key that is not a word; allowed: key: value");
        }
        skip(w);
        next(w);
        skip(w);
        return;
    }
    char fault[80] = "";
    size_t before = seen_before(seen, word, line);
    if (before > 0) {
        snprintf(fault, sizeof fault, "stands twice, first in line %zu; allowed: once", before);
    } else if (memchr(word.at, '.', word.size) != NULL && !parent->in_functions) {
        snprintf(fault, sizeof fault, "has a dot; allowed: nested keys, as a: {b: 1}");
    }
    struct place at = enter(w, parent, word, line);
    next(w);
    if (fault[0] == '\0') {
        read_value(w, parent, &at, line);
    } else {
        fault_at(w, line, &at, fault);
        skip(w);
    }
    place_fini(&at);
}

static void read_mapping(struct walk *w, const struct place *at)
{
    struct seen *seen = calloc(1, sizeof *seen);
    if (seen == NULL) {
        abort();
    }
    while (next(w) != YAML_IS_END && w->node.kind != YAML_IS_NOTHING) {
        if (seen->count == MAPPING_KEYS_MAX) {
            fault_at(w, w->node.line, at, "has too many keys; allowed: 1000");
            w->is_over = true;
            break;
        }
        read_key(w, at, seen);
    }
    for (size_t i = 0; i < seen->count; i++) {
        free(seen->keys[i]);
    }
    free(seen);
}

void config_file_parse(struct loader *l, const char *path, struct bytes content)
{
    struct place top = {0};
    struct walk w = {.loader = l, .path = path, .yaml = yaml_reader_new(content)};
    if (next(&w) != YAML_IS_NOTHING) {
        read_group(&w, &top);
        next(&w);
    }
    size_t line;
    const char *problem = yaml_reader_problem(w.yaml, &line);
    if (problem != NULL) {
        fault_at(&w, line, &top, problem);
    }
    yaml_reader_free(&w.yaml);
}

static const char *system_says(struct errmsg *em)
{
    char room[128];
    err_set(em, ERR_IO, "%s", strerror_r(errno, room, sizeof room));
    return em->text;
}

/* Reads all of `file` into `out`. NULL, or why not. */
static const char *read_whole(FILE *file, struct text *out, struct errmsg *em)
{
    char *room = text_reserve(out, FILE_SIZE_MAX + 1);
    if (room == NULL) {
        abort();
    }
    size_t size = fread(room, 1, FILE_SIZE_MAX + 1, file);
    if (ferror(file) != 0) {
        return system_says(em);
    }
    text_commit(out, size);
    return size > FILE_SIZE_MAX ? "is too large; allowed: 1 MiB" : NULL;
}

void config_file_read(struct loader *l, const char *path)
{
    struct text content = {0};
    FILE *file = fopen(path, "re");
    struct errmsg em;
    const char *why = file == NULL ? system_says(&em) : read_whole(file, &content, &em);
    if (why != NULL) {
        loader_fault(l, path, bytes_text("--config"), "cannot be read: %s", why);
    } else {
        config_file_parse(l, path, text_view(&content));
    }
    if (file != NULL) {
        fclose(file);
    }
    text_fini(&content);
}
