#include "config/keys_file.h"

#include "config/shape.h"
#include "config/yaml_reader.h"
#include "core/caller.h"

#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILE_SIZE_MAX  ((size_t)4 << 20) /* bytes */
#define LIST_ITEMS_MAX 1000u
#define NAME_MAX_SIZE  64u /* characters */
#define FAULTS_MAX     1000u
#define LIMIT_MAX      1000000u /* as of limits.client.* */
#define SHARE_MAX      100u     /* percent */
#define NO_KEY         SIZE_MAX

static const struct {
    const char *word;
    unsigned bit;
} scope_words[] = {
    {"invoke", SCOPE_INVOKE},
    {"collect", SCOPE_COLLECT},
    {"cancel", SCOPE_CANCEL},
    {"admin", SCOPE_ADMIN},
};

enum field {
    FIELD_NAME,
    FIELD_SHA256,
    FIELD_TENANT,
    FIELD_FUNCTIONS,
    FIELD_SCOPES,
    FIELD_RATE,
    FIELD_CONCURRENCY,
    FIELD_PARKED,
    FIELD_SHARE,
    FIELDS
};

static const char *const field_names[FIELDS] = {"name",        "sha256", "tenant",
                                                "functions",   "scopes", "rate",
                                                "concurrency", "parked", "share"};

struct walk {
    const char *path;
    struct yaml_reader *yaml;
    struct yaml_node node; /* the current one */
    struct keys_file *out;
    struct text *faults;
    size_t fault_count;
    size_t index; /* of the key that is read, or NO_KEY */
    bool no_memory;
};

unsigned keys_file_scope(struct bytes word)
{
    for (size_t i = 0; i < sizeof scope_words / sizeof scope_words[0]; i++) {
        if (bytes_is(word, scope_words[i].word)) {
            return scope_words[i].bit;
        }
    }
    return 0;
}

void keys_file_print_scopes(unsigned scopes, struct text *out)
{
    const char *lead = "";
    for (size_t i = 0; i < sizeof scope_words / sizeof scope_words[0]; i++) {
        if ((scopes & scope_words[i].bit) != 0) {
            text_add_str(out, lead);
            text_add_str(out, scope_words[i].word);
            lead = ", ";
        }
    }
}

bool keys_file_is_tenant(struct bytes text)
{
    return text.size <= KEYS_FILE_TENANT_MAX && shape_is_function_name(text);
}

/* "keys.yaml:3: keys[1].tenant: what is wrong" */
static void fault(struct walk *w, size_t line, const char *field, const char *what)
{
    w->fault_count++;
    if (w->fault_count > FAULTS_MAX) {
        return;
    }
    text_addf(w->faults, "%s:%zu: ", w->path, line == 0 ? 1 : line); /* 0: it ends too early */
    if (w->index != NO_KEY) {
        text_addf(w->faults, "keys[%zu]%s%s: ", w->index, field[0] == '\0' ? "" : ".", field);
    } else {
        text_addf(w->faults, "%s: ", field[0] == '\0' ? "keys" : field);
    }
    text_addf(w->faults, "%s\n", what);
}

static enum yaml_kind next(struct walk *w)
{
    yaml_reader_next(w->yaml, &w->node);
    return w->node.kind;
}

static void skip(struct walk *w)
{
    yaml_reader_skip(w->yaml, &w->node);
}

/* The current node as one plain word. */
static bool is_word(const struct walk *w)
{
    return w->node.kind == YAML_IS_SCALAR && !w->node.is_decorated && !w->node.is_null &&
           w->node.text.size > 0;
}

/* --- one field ------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digest(uint8_t out[KEYS_FILE_DIGEST_SIZE], struct bytes text)
{
    bool ok = text.size == 2 * (size_t)KEYS_FILE_DIGEST_SIZE;
    for (size_t i = 0; i < KEYS_FILE_DIGEST_SIZE && ok; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        out[i] = (uint8_t)((high & 15) << 4 | (low & 15));
    }
    return ok;
}

/* NULL: no memory. Unlike the rest of the configuration this is read while the node runs. */
static char *copy(struct bytes text)
{
    char *to = malloc(text.size + 1);
    if (to != NULL) {
        memcpy(to, text.size == 0 ? (const uint8_t *)"" : text.at, text.size);
        to[text.size] = '\0';
    }
    return to;
}

static const char no_memory[] = "is more than there is memory for";

static const char *replace(char **out, struct bytes text)
{
    free(*out);
    *out = copy(text);
    return *out == NULL ? no_memory : NULL;
}

static const char *read_number(uint32_t *out, struct bytes text, uint32_t max,
                               const char *allowed)
{
    uint64_t number;
    if (num_parse(text, max, &number) != 0 || number == 0) {
        return allowed;
    }
    *out = (uint32_t)number;
    return NULL;
}

static const char *read_limit(struct keys_file_entry *e, enum field field, struct bytes text)
{
    static const char *const allowed = "is no such number; allowed: 1 to 1000000";
    switch (field) {
    case FIELD_RATE:
        return read_number(&e->rate, text, LIMIT_MAX, allowed);
    case FIELD_CONCURRENCY:
        return read_number(&e->concurrency, text, LIMIT_MAX, allowed);
    case FIELD_PARKED:
        return read_number(&e->parked, text, LIMIT_MAX, allowed);
    default:
        return read_number(&e->share, text, SHARE_MAX, "is no percentage; allowed: 1 to 100");
    }
}

static const char *read_text(struct keys_file_entry *e, enum field field, struct bytes text)
{
    if (field >= FIELD_RATE) {
        return read_limit(e, field, text);
    }
    if (field == FIELD_NAME) {
        if (text.size > NAME_MAX_SIZE || !shape_is_printable(text)) {
            return "is no name; allowed: at most 64 visible characters";
        }
        return replace(&e->name, text);
    }
    if (field == FIELD_TENANT) {
        if (!keys_file_is_tenant(text)) {
            return "is no tenant; allowed: at most 64 of a-z, A-Z, 0-9, '-', '_' and '.'";
        }
        return replace(&e->tenant, text);
    }
    return read_digest(e->digest, text)
               ? NULL
               : "is no SHA-256; allowed: 64 hexadecimal digits in lower case";
}

static const char *add_function(struct config_list *list, struct bytes text)
{
    char **grown = realloc(list->items, (list->count + 1) * sizeof *grown);
    list->items = grown == NULL ? list->items : grown;
    char *name = grown == NULL ? NULL : copy(text);
    if (name == NULL) {
        return no_memory;
    }
    list->items[list->count++] = name;
    return NULL;
}

static const char *read_item(struct keys_file_entry *e, enum field field, struct bytes text)
{
    if (field == FIELD_SCOPES) {
        unsigned bit = keys_file_scope(text);
        e->scopes |= bit;
        return bit == 0 ? "has no such scope; allowed: invoke, collect, cancel, admin" : NULL;
    }
    if (!bytes_is(text, "*") && !shape_is_function_name(text)) {
        return "has an item that is no function's name; allowed: names, or \"*\" for all";
    }
    if (e->functions.count == LIST_ITEMS_MAX) {
        return "has too many items; allowed: 1000";
    }
    return add_function(&e->functions, text);
}

static void read_list(struct walk *w, struct keys_file_entry *e, enum field field)
{
    const char *name = field_names[field];
    if (w->node.kind != YAML_IS_LIST || w->node.is_decorated) {
        fault(w, w->node.line, name, "is not a list; allowed: [a, b]");
        skip(w);
        return;
    }
    size_t told = w->fault_count;
    while (next(w) != YAML_IS_END && w->node.kind != YAML_IS_NOTHING) {
        const char *why = is_word(w) ? read_item(e, field, w->node.text)
                                     : "has an item that is not one value; allowed: [a, b]";
        if (why != NULL && w->fault_count == told) {
            fault(w, w->node.line, name, why);
        }
        skip(w);
    }
}

static void read_field(struct walk *w, struct keys_file_entry *e, enum field field)
{
    if (field == FIELD_FUNCTIONS || field == FIELD_SCOPES) {
        read_list(w, e, field);
        return;
    }
    const char *why = is_word(w) ? read_text(e, field, w->node.text)
                                 : "is not one plain value; allowed: key: value";
    if (why != NULL) {
        fault(w, w->node.line, field_names[field], why);
    }
    skip(w);
}

/* --- one key --------------------------------------------------------------------------- */

static enum field field_of(struct bytes word)
{
    enum field f = 0;
    while (f < FIELDS && !bytes_is(word, field_names[f])) {
        f++;
    }
    return f;
}

/* A word and its value. */
static void read_member(struct walk *w, struct keys_file_entry *e, bool seen[FIELDS])
{
    size_t line = w->node.line;
    enum field field = is_word(w) ? field_of(w->node.text) : FIELDS;
    skip(w);
    next(w);
    if (field == FIELDS) {
        fault(w, line, "",
              "has an unknown word; allowed: name, sha256, tenant, functions, scopes, rate, "
              "concurrency, parked, share");
        skip(w);
    } else if (seen[field]) {
        fault(w, line, field_names[field], "stands twice; allowed: once");
        skip(w);
    } else {
        seen[field] = true;
        read_field(w, e, field);
    }
}

/* What is not given is not allowed: who may do nothing has been forgotten, not trusted. */
static void check_whole(struct walk *w, const struct keys_file_entry *e,
                        const bool seen[FIELDS])
{
    if (!seen[FIELD_SHA256]) {
        fault(w, e->line, "sha256", "is missing; allowed: 64 hexadecimal digits");
    }
    if (!seen[FIELD_SCOPES]) {
        fault(w, e->line, "scopes", "is missing; allowed: [invoke, collect, cancel, admin]");
    }
    if ((e->scopes & SCOPE_INVOKE) != 0 && !seen[FIELD_FUNCTIONS]) {
        fault(w, e->line, "functions", "is missing; allowed: names, or [\"*\"] for all");
    }
    if (e->share != 0 && e->tenant[0] == '\0') {
        fault(w, e->line, "share", "is for nobody; allowed: beside a tenant");
    }
}

/* NULL: no memory. */
static struct keys_file_entry *add_entry(struct walk *w, size_t line)
{
    struct keys_file *out = w->out;
    bool is_full = (out->count & (out->count - 1)) == 0; /* doubles when a power of two */
    if (is_full) {
        size_t room = out->count == 0 ? 1 : out->count * 2;
        struct keys_file_entry *grown = realloc(out->at, room * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        out->at = grown;
    }
    struct keys_file_entry *e = &out->at[out->count++];
    *e = (struct keys_file_entry){
        .line = line, .name = copy(bytes_of(NULL, 0)), .tenant = copy(bytes_of(NULL, 0))};
    return e->name == NULL || e->tenant == NULL ? NULL : e;
}

static void read_key(struct walk *w)
{
    bool seen[FIELDS] = {false};
    struct keys_file_entry *e = add_entry(w, w->node.line);
    if (e == NULL) {
        w->no_memory = true;
        return;
    }
    w->index = w->out->count - 1;
    if (w->node.kind != YAML_IS_MAPPING || w->node.is_decorated) {
        fault(w, w->node.line, "", "is no mapping; allowed: sha256: .., scopes: [..]");
        skip(w);
        return;
    }
    while (next(w) != YAML_IS_END && w->node.kind != YAML_IS_NOTHING) {
        read_member(w, e, seen);
    }
    check_whole(w, e, seen);
}

/* --- the file -------------------------------------------------------------------------- */

static void read_keys(struct walk *w)
{
    if (w->node.kind != YAML_IS_LIST || w->node.is_decorated) {
        fault(w, w->node.line, "keys", "is not a list; allowed: - sha256: ..");
        skip(w);
        return;
    }
    while (next(w) != YAML_IS_END && w->node.kind != YAML_IS_NOTHING) {
        if (w->out->count == KEYS_FILE_MAX) {
            fault(w, w->node.line, "", "has too many keys; allowed: 10000");
            return;
        }
        read_key(w);
        w->index = NO_KEY;
        if (w->no_memory) {
            return;
        }
    }
}

static void read_top(struct walk *w)
{
    bool seen = false;
    if (next(w) != YAML_IS_MAPPING || w->node.is_decorated) {
        fault(w, w->node.line, "", "is missing; allowed: keys: and a list");
        return;
    }
    while (!w->no_memory && next(w) != YAML_IS_END && w->node.kind != YAML_IS_NOTHING) {
        size_t line = w->node.line;
        bool is_keys = is_word(w) && bytes_is(w->node.text, "keys");
        skip(w);
        next(w);
        if (is_keys && !seen) {
            read_keys(w);
        } else {
            fault(w, line, "",
                  is_keys ? "stands twice; allowed: once"
                          : "stands beside an unknown word; allowed: keys");
            skip(w);
        }
        seen = seen || is_keys;
    }
    if (!seen && w->node.kind == YAML_IS_END) {
        fault(w, w->node.line, "", "is missing; allowed: keys: and a list");
    }
    next(w); /* what comes behind is told by the reader */
}

static int by_line(const struct keys_file_entry *a, const struct keys_file_entry *b)
{
    return (a->line > b->line) - (a->line < b->line);
}

static int by_digest(const void *a, const void *b)
{
    const struct keys_file_entry *const *left = a, *const *right = b;
    int order = memcmp((*left)->digest, (*right)->digest, KEYS_FILE_DIGEST_SIZE);
    return order != 0 ? order : by_line(*left, *right);
}

/* Of one tenant those that say a share come first. */
static int by_tenant(const void *a, const void *b)
{
    const struct keys_file_entry *const *left = a, *const *right = b;
    int order = strcmp((*left)->tenant, (*right)->tenant);
    order = order != 0 ? order : ((*left)->share == 0) - ((*right)->share == 0);
    return order != 0 ? order : by_line(*left, *right);
}

static void fault_at(struct walk *w, const struct keys_file_entry *e, const char *field,
                     const char *what)
{
    w->index = (size_t)(e - w->out->at);
    fault(w, e->line, field, what);
    w->index = NO_KEY;
}

static void check_twin(struct walk *w, const struct keys_file_entry *first,
                       struct keys_file_entry *e)
{
    char what[96];
    if (memcmp(first->digest, e->digest, KEYS_FILE_DIGEST_SIZE) == 0) {
        snprintf(what, sizeof what, "stands in line %zu too; allowed: once", first->line);
        fault_at(w, e, "sha256", what);
    }
}

/* What a tenant has of the store is one number, whichever of its keys says it. */
static void give_share(struct walk *w, const struct keys_file_entry *first,
                       struct keys_file_entry *e)
{
    char what[96];
    bool is_alike = e->tenant[0] != '\0' && strcmp(first->tenant, e->tenant) == 0;
    if (is_alike && e->share != 0 && e->share != first->share) {
        snprintf(what, sizeof what,
                 "is %u in line %zu, for the same tenant; allowed: one share", first->share,
                 first->line);
        fault_at(w, e, "share", what);
    }
    e->share = is_alike ? first->share : e->share;
}

/* Looks at each two that stand beside each other in that order. */
static void check_pairs(struct walk *w, int (*order)(const void *, const void *),
                        void (*look)(struct walk *w, const struct keys_file_entry *first,
                                     struct keys_file_entry *e))
{
    size_t count = w->out->count;
    struct keys_file_entry **sorted = calloc(count + 1, sizeof(void *));
    if (sorted == NULL) {
        w->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &w->out->at[i];
    }
    qsort(sorted, count, sizeof(void *), order);
    for (size_t i = 1; i < count; i++) {
        look(w, sorted[i - 1], sorted[i]);
    }
    free(sorted);
}

static bool end(struct walk *w)
{
    if (w->no_memory) {
        w->index = NO_KEY;
        fault(w, 1, "", no_memory);
    }
    if (w->fault_count > 0) {
        keys_file_fini(w->out);
    }
    return w->fault_count == 0;
}

bool keys_file_parse(struct keys_file *out, const char *path, struct bytes content,
                     struct text *faults)
{
    *out = (struct keys_file){0};
    struct walk w = {.path = path,
                     .yaml = yaml_reader_try(content),
                     .out = out,
                     .faults = faults,
                     .index = NO_KEY};
    if (w.yaml == NULL) {
        w.no_memory = true;
        return end(&w);
    }
    read_top(&w);
    size_t line;
    const char *problem = yaml_reader_problem(w.yaml, &line);
    if (problem != NULL) {
        w.index = NO_KEY;
        fault(&w, line, "YAML", problem);
    }
    if (w.fault_count == 0 && !w.no_memory) {
        check_pairs(&w, by_digest, check_twin);
        check_pairs(&w, by_tenant, give_share);
    }
    yaml_reader_free(&w.yaml);
    return end(&w);
}

/* Who may write it makes keys. */
static bool others_may_write(FILE *file)
{
    struct stat st;
    return fstat(fileno(file), &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

static bool read_whole(const char *path, struct text *out, struct text *faults)
{
    char room[128];
    FILE *file = fopen(path, "re");
    char *to = text_reserve(out, FILE_SIZE_MAX + 1);
    size_t size = file == NULL || to == NULL ? 0 : fread(to, 1, FILE_SIZE_MAX + 1, file);
    bool ok = file != NULL && to != NULL && ferror(file) == 0;
    if (!ok) {
        text_addf(faults, "%s: auth.keys_file: cannot be read: %s\n", path,
                  strerror_r(errno, room, sizeof room));
    } else if (others_may_write(file)) {
        text_addf(faults,
                  "%s: auth.keys_file: can be written by others than its owner; allowed: "
                  "chmod go-w\n",
                  path);
        ok = false;
    } else if (size > FILE_SIZE_MAX) {
        text_addf(faults, "%s: auth.keys_file: is too large; allowed: 4 MiB\n", path);
        ok = false;
    } else {
        text_commit(out, size);
    }
    if (file != NULL) {
        fclose(file);
    }
    return ok;
}

bool keys_file_read(struct keys_file *out, const char *path, struct text *faults)
{
    *out = (struct keys_file){0};
    struct text content = {0};
    bool ok = read_whole(path, &content, faults) &&
              keys_file_parse(out, path, text_view(&content), faults);
    text_fini(&content);
    return ok;
}

void keys_file_fini(struct keys_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        struct keys_file_entry *e = &file->at[i];
        for (size_t k = 0; k < e->functions.count; k++) {
            free(e->functions.items[k]);
        }
        free(e->functions.items);
        free(e->name);
        free(e->tenant);
    }
    free(file->at);
    *file = (struct keys_file){0};
}
