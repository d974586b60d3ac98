#include "config/value.h"

#include "base/num.h"
#include "config/shape.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN_MAX     60 /* characters of a wrong value that are repeated to its owner */
#define PATH_MAX_SIZE 4096u

char *value_copy(struct bytes text)
{
    char *copy = malloc(text.size + 1);
    if (copy == NULL) {
        abort();
    }
    if (text.size > 0) {
        memcpy(copy, text.at, text.size);
    }
    copy[text.size] = '\0';
    return copy;
}

static char **text_field(const struct setting *s, void *base)
{
    return (char **)(void *)((char *)base + s->offset);
}

static void put_text(const struct setting *s, struct bytes text, void *base)
{
    char **field = text_field(s, base);
    free(*field);
    *field = value_copy(text);
}

/* The words one after another. An empty view when there are no more. */
static struct bytes next_word(struct bytes *words)
{
    return bytes_cut_at(words, '|');
}

/* `"abc" is not a number; allowed: 1 to 5`. The value is shortened and made printable. */
static int refuse(const struct setting *s, struct bytes text, const char *why,
                  struct errmsg *em)
{
    struct text shown = {0};
    struct text allowed = {0};
    bool is_long = text.size > SHOWN_MAX;
    text_add_json(&shown, is_long ? bytes_of(text.at, SHOWN_MAX) : text);
    text_add_str(&shown, is_long ? "..." : "");
    value_allowed(s, &allowed);
    err_set(em, ERR_MALFORMED, "%.*s %s; allowed: %.*s", BYTES_ARG(text_view(&shown)), why,
            BYTES_ARG(text_view(&allowed)));
    text_fini(&shown);
    text_fini(&allowed);
    return ERR_MALFORMED;
}

/* errno says why the file cannot be used as `verb` says. */
static int refuse_file(const struct setting *s, struct bytes text, const char *verb,
                       struct errmsg *em)
{
    char room[64], why[128];
    snprintf(why, sizeof why, "cannot be %s (%s)", verb, strerror_r(errno, room, sizeof room));
    return refuse(s, text, why, em);
}

static int parse_text(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    if (text.size > s->max) {
        return refuse(s, text, "is too long", em);
    }
    if (!shape_is_printable(text)) {
        return refuse(s, text, "has control characters", em);
    }
    put_text(s, text, base);
    return 0;
}

static int parse_address(const struct setting *s, struct bytes text, void *base,
                         struct errmsg *em)
{
    if (s->kind == SETTING_ADDRESS_OR_OFF && (bytes_is(text, "off") || text.size == 0)) {
        put_text(s, bytes_text(""), base);
        return 0;
    }
    bool is_unset = text.size == 0 && s->fallback[0] == '\0';
    if (!is_unset && !shape_is_address(text, s->min == 0)) {
        return refuse(s, text, "is not an address", em);
    }
    put_text(s, text, base);
    return 0;
}

static int parse_file(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    if (text.size >= PATH_MAX_SIZE || !shape_is_printable(text)) {
        return refuse(s, text, "is not a path", em);
    }
    char *path = value_copy(text);
    int denied = text.size == 0 ? 0 : access(path, R_OK);
    free(path);
    if (denied != 0) {
        return refuse_file(s, text, "read", em);
    }
    put_text(s, text, base);
    return 0;
}

/* An absolute path to a folder that is there. */
static int check_dir(const struct setting *s, struct bytes text, struct errmsg *em)
{
    struct stat st;
    if (text.size >= PATH_MAX_SIZE || !shape_is_printable(text)) {
        return refuse(s, text, "is not a path", em);
    }
    if (text.size == 0 || text.at[0] != '/') {
        return refuse(s, text, "needs an absolute path", em);
    }
    char *path = value_copy(text);
    int rc = stat(path, &st);
    free(path);
    if (rc != 0) {
        return refuse_file(s, text, "used", em);
    }
    return S_ISDIR(st.st_mode) ? 0 : refuse(s, text, "is no folder", em);
}

static int parse_dir(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    int rc = text.size == 0 ? 0 : check_dir(s, text, em);
    if (rc == 0) {
        put_text(s, text, base);
    }
    return rc;
}

static int parse_bool(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    bool yes = bytes_is_nocase(text, "true");
    if (!yes && !bytes_is_nocase(text, "false")) {
        return refuse(s, text, "is neither true nor false", em);
    }
    *(bool *)((char *)base + s->offset) = yes;
    return 0;
}

static int parse_number(const struct setting *s, struct bytes text, void *base,
                        struct errmsg *em)
{
    uint64_t value;
    int rc = num_parse(text, UINT64_MAX, &value);
    if (rc == ERR_MALFORMED) {
        return refuse(s, text, "is not a whole number", em);
    }
    if (rc != 0 || value < s->min || value > s->max) {
        return refuse(s, text, "is out of range", em);
    }
    *(uint32_t *)(void *)((char *)base + s->offset) = (uint32_t)value;
    return 0;
}

static int parse_size(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    uint64_t value;
    int rc = num_parse_size(text, &value);
    if (rc == ERR_MALFORMED) {
        return refuse(s, text, "is not a size", em);
    }
    if (rc != 0 || value < s->min || value > s->max) {
        return refuse(s, text, "is out of range", em);
    }
    *(uint64_t *)(void *)((char *)base + s->offset) = value;
    return 0;
}

static int parse_word(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    struct bytes words = bytes_text(s->words);
    uint32_t value = 0;
    while (words.size > 0 && !bytes_equal(next_word(&words), text)) {
        value++;
        if (words.size == 0) {
            return refuse(s, text, "is not one of the words", em);
        }
    }
    if (s->kind == SETTING_CODE) {
        uint64_t code;
        int rc = num_parse(text, 999, &code);
        assert(rc == 0); /* it equals a word of the table */
        value = (uint32_t)code;
    }
    /* Every enum here is unsigned and as wide as unsigned int: a test of the table says so. */
    memcpy((char *)base + s->offset, &value, sizeof value);
    return 0;
}

static void list_fini(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct config_list){0};
}

static int check_item(const struct setting *s, struct bytes item, struct errmsg *em)
{
    bool is_good = false;
    switch (s->kind) {
    case SETTING_DIRS:
        return check_dir(s, item, em);
    case SETTING_SEEDS:
        is_good = shape_is_seed(item);
        break;
    case SETTING_NETWORKS:
        is_good = shape_is_address_or_network(item);
        break;
    case SETTING_VARIABLES:
        is_good = shape_is_variable(item) && !bytes_cut_front(&item, "Http_");
        break;
    default:
        is_good = shape_is_host_or_network(item);
        break;
    }
    return is_good ? 0 : refuse(s, item, "does not belong here", em);
}

static int parse_list(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    struct config_list list = {0};
    while (text.size > 0) {
        struct bytes item = bytes_trim(bytes_cut_at(&text, ','));
        int rc = check_item(s, item, em);
        if (rc != 0) {
            list_fini(&list);
            return rc;
        }
        char **items = realloc(list.items, (list.count + 1) * sizeof *items);
        if (items == NULL) {
            abort();
        }
        list.items = items;
        list.items[list.count++] = value_copy(item);
    }
    struct config_list *field = (void *)((char *)base + s->offset);
    list_fini(field);
    *field = list;
    return 0;
}

static int parse_retry_codes(const struct setting *s, struct bytes text, void *base,
                             struct errmsg *em)
{
    struct config_retry *retry = (void *)((char *)base + s->offset);
    struct config_retry read = *retry;
    read.code_count = 0;
    while (text.size > 0) {
        struct bytes item = bytes_trim(bytes_cut_at(&text, ','));
        uint64_t code;
        if (num_parse(item, 599, &code) != 0 || code < 400 ||
            read.code_count == CONFIG_RETRY_CODES_MAX) {
            return refuse(s, item, "does not belong here", em);
        }
        read.codes[read.code_count++] = (uint16_t)code;
    }
    *retry = read;
    return 0;
}

static int parse_guid(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    struct function_config *f = base;
    assert(s->offset == offsetof(struct function_config, jube_model));
    struct guid guid = {0};
    if (text.size > 0 && guid_parse(&guid, text) != 0) {
        return refuse(s, text, "is not a GUID", em);
    }
    f->has_jube_model = text.size > 0;
    f->jube_model = guid;
    return 0;
}

/* A program or library must be there and usable: found now, it costs a message; found later,
 * it costs every invocation. */
static int check_target_file(const struct setting *s, struct bytes text, struct bytes path,
                             struct errmsg *em)
{
    bool is_program = bytes_is(bytes_of(text.at, 5), "exec:");
    if (path.size == 0 || path.at[0] != '/') {
        return refuse(s, text, "needs an absolute path", em);
    }
    char *copy = value_copy(path);
    int denied = access(copy, is_program ? X_OK : R_OK);
    free(copy);
    if (denied == 0) {
        return 0;
    }
    return refuse_file(s, text, is_program ? "run" : "read", em);
}

static int check_target(const struct setting *s, struct bytes text, struct errmsg *em)
{
    struct bytes rest = text;
    if (text.size >= PATH_MAX_SIZE || !shape_is_printable(text)) {
        return refuse(s, text, "is not a target", em);
    }
    if (bytes_cut_front(&rest, "exec:")) {
        return check_target_file(s, text, bytes_cut_at(&rest, ' '), em);
    }
    if (bytes_cut_front(&rest, "plugin:")) {
        return check_target_file(s, text, rest, em);
    }
    if (bytes_cut_front(&rest, "http://") || bytes_cut_front(&rest, "https://")) {
        bool has_host = rest.size > 0 && rest.at[0] != '/' && rest.at[0] != ':';
        bool has_space = rest.size > 0 && memchr(rest.at, ' ', rest.size) != NULL;
        return has_host && !has_space ? 0 : refuse(s, text, "is not a URL", em);
    }
    if (bytes_is(text, "builtin:echo") || bytes_is(text, "builtin:sleep") ||
        bytes_is(text, "builtin:status")) {
        return 0;
    }
    return refuse(s, text, "is not a target", em);
}

static int parse_target(const struct setting *s, struct bytes text, void *base,
                        struct errmsg *em)
{
    int rc = check_target(s, text, em);
    if (rc == 0) {
        put_text(s, text, base);
    }
    return rc;
}

static int parse_base_url(const struct setting *s, struct bytes text, void *base,
                          struct errmsg *em)
{
    if (text.size > s->max) {
        return refuse(s, text, "is too long", em);
    }
    if (text.size > 0 && !shape_is_base_url(text)) {
        return refuse(s, text, "is no such URL", em);
    }
    put_text(s, text, base);
    return 0;
}

int value_parse(const struct setting *s, struct bytes text, void *base, struct errmsg *em)
{
    switch (s->kind) {
    case SETTING_TEXT:
        return parse_text(s, text, base, em);
    case SETTING_ADDRESS:
    case SETTING_ADDRESS_OR_OFF:
        return parse_address(s, text, base, em);
    case SETTING_FILE:
        return parse_file(s, text, base, em);
    case SETTING_DIR:
        return parse_dir(s, text, base, em);
    case SETTING_BOOL:
        return parse_bool(s, text, base, em);
    case SETTING_NUMBER:
        return parse_number(s, text, base, em);
    case SETTING_SIZE:
        return parse_size(s, text, base, em);
    case SETTING_CHOICE:
    case SETTING_CODE:
        return parse_word(s, text, base, em);
    case SETTING_SEEDS:
    case SETTING_HOSTS:
    case SETTING_DIRS:
    case SETTING_VARIABLES:
    case SETTING_NETWORKS:
        return parse_list(s, text, base, em);
    case SETTING_RETRY_CODES:
        return parse_retry_codes(s, text, base, em);
    case SETTING_GUID:
        return parse_guid(s, text, base, em);
    case SETTING_BASE_URL:
        return parse_base_url(s, text, base, em);
    case SETTING_TARGET:
        return parse_target(s, text, base, em);
    }
    return ERR_MALFORMED;
}

void value_fini(const struct setting *s, void *base)
{
    switch (s->kind) {
    case SETTING_TEXT:
    case SETTING_ADDRESS:
    case SETTING_ADDRESS_OR_OFF:
    case SETTING_FILE:
    case SETTING_DIR:
    case SETTING_BASE_URL:
    case SETTING_TARGET:
        free(*text_field(s, base));
        *text_field(s, base) = NULL;
        break;
    case SETTING_SEEDS:
    case SETTING_HOSTS:
    case SETTING_DIRS:
    case SETTING_VARIABLES:
    case SETTING_NETWORKS:
        list_fini((void *)((char *)base + s->offset));
        break;
    default:
        break;
    }
}
