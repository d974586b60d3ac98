#include "config/value.h"

/* The words one after another. An empty view when there are no more. */
static struct bytes next_word(struct bytes *words)
{
    return bytes_cut_at(words, '|');
}

static void allowed_words(const struct setting *s, struct text *out)
{
    struct bytes words = bytes_text(s->words);
    struct bytes word = next_word(&words);
    text_add(out, word);
    while (words.size > 0) {
        word = next_word(&words);
        text_add_str(out, words.size > 0 ? ", " : " or ");
        text_add(out, word);
    }
}

static void add_size(struct text *out, uint64_t size)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    while (unit < 3 && size > 0 && size % 1024 == 0) {
        size /= 1024;
        unit++;
    }
    text_add_num(out, size);
    text_add_str(out, units[unit]);
}

void value_allowed(const struct setting *s, struct text *out)
{
    switch (s->kind) {
    case SETTING_TEXT:
        text_addf(out, "up to %u characters", (unsigned)s->max);
        break;
    case SETTING_ADDRESS:
        text_add_str(out, "HOST:PORT or [IPv6]:PORT");
        break;
    case SETTING_ADDRESS_OR_OFF:
        text_add_str(out, "HOST:PORT, [IPv6]:PORT or off");
        break;
    case SETTING_FILE:
        text_add_str(out, "a file that can be read");
        break;
    case SETTING_DIR:
        text_add_str(out, "the absolute path of a folder");
        break;
    case SETTING_BOOL:
        text_add_str(out, "true or false");
        break;
    case SETTING_NUMBER:
        text_addf(out, "%u to %u", (unsigned)s->min, (unsigned)s->max);
        break;
    case SETTING_SIZE:
        add_size(out, s->min);
        text_add_str(out, " to ");
        add_size(out, s->max);
        text_add_str(out, ", in bytes, KiB, MiB or GiB");
        break;
    case SETTING_CHOICE:
    case SETTING_CODE:
        allowed_words(s, out);
        break;
    case SETTING_SEEDS:
        text_add_str(out, "a list of HOST:PORT or dns:NAME:PORT");
        break;
    case SETTING_HOSTS:
        text_add_str(out, "a list of addresses, networks (10.0.0.0/8) or host names");
        break;
    case SETTING_DIRS:
        text_add_str(out, "a list of absolute paths of folders");
        break;
    case SETTING_VARIABLES:
        text_add_str(out, "a list of NAME or NAME=value, not Http_...");
        break;
    case SETTING_NETWORKS:
        text_add_str(out, "a list of addresses or networks (10.0.0.0/8)");
        break;
    case SETTING_RETRY_CODES:
        text_addf(out, "a list of up to %d codes from 400 to 599", CONFIG_RETRY_CODES_MAX);
        break;
    case SETTING_GUID:
        text_add_str(out, "a GUID: 8-4-4-4-12 hexadecimal digits");
        break;
    case SETTING_BASE_URL:
        text_add_str(out, "http://HOST[:PORT][/PATH] or https://..., without / at its end");
        break;
    case SETTING_TARGET:
        text_add_str(out, "http://..., https://..., exec:/program arg..., plugin:/lib.so, "
                          "builtin:echo, builtin:sleep or builtin:status");
        break;
    }
}

/* Plain where every YAML reader takes it for text (or for the number that it is). */
static void print_text(struct text *out, const char *value)
{
    bool is_plain = value[0] == '/' || (value[0] >= '0' && value[0] <= '9') ||
                    (value[0] >= 'a' && value[0] <= 'z');
    for (const char *c = value; *c != '\0'; c++) {
        is_plain = is_plain && ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                                (*c >= 'A' && *c <= 'Z') || strchr("_.-/:", *c) != NULL);
    }
    size_t n = strlen(value);
    if (is_plain && value[n - 1] != ':') {
        text_add_str(out, value);
    } else {
        text_add_json(out, bytes_text(value));
    }
}

static void print_list(struct text *out, const struct config_list *list)
{
    text_add_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        text_add_str(out, i == 0 ? "" : ", ");
        text_add_json(out, bytes_text(list->items[i]));
    }
    text_add_char(out, ']');
}

static void print_codes(struct text *out, const struct config_retry *retry)
{
    text_add_char(out, '[');
    for (size_t i = 0; i < retry->code_count; i++) {
        text_add_str(out, i == 0 ? "" : ", ");
        text_add_num(out, retry->codes[i]);
    }
    text_add_char(out, ']');
}

static void print_word(const struct setting *s, uint32_t index, struct text *out)
{
    struct bytes words = bytes_text(s->words);
    struct bytes word = next_word(&words);
    for (uint32_t i = 0; i < index; i++) {
        word = next_word(&words);
    }
    text_add(out, word);
}

static void print_guid(const struct function_config *f, struct text *out)
{
    char guid[GUID_TEXT_SIZE];
    if (!f->has_jube_model) {
        text_add_str(out, "\"\"");
        return;
    }
    guid_print(guid, &f->jube_model);
    text_add(out, bytes_of(guid, sizeof guid));
}

static uint32_t number_at(const void *field)
{
    uint32_t number;
    memcpy(&number, field, sizeof number);
    return number;
}

void value_print(const struct setting *s, const void *base, struct text *out)
{
    const void *field = (const char *)base + s->offset;
    switch (s->kind) {
    case SETTING_ADDRESS_OR_OFF:
    case SETTING_TEXT:
    case SETTING_ADDRESS:
    case SETTING_FILE:
    case SETTING_DIR:
    case SETTING_BASE_URL:
    case SETTING_TARGET: {
        const char *value = *(char *const *)field;
        bool is_off = s->kind == SETTING_ADDRESS_OR_OFF && value[0] == '\0';
        print_text(out, is_off ? "off" : value);
        break;
    }
    case SETTING_BOOL:
        text_add_str(out, *(const bool *)field ? "true" : "false");
        break;
    case SETTING_NUMBER:
    case SETTING_CODE:
        text_add_num(out, number_at(field));
        break;
    case SETTING_SIZE:
        add_size(out, *(const uint64_t *)field);
        break;
    case SETTING_CHOICE:
        print_word(s, number_at(field), out);
        break;
    case SETTING_SEEDS:
    case SETTING_HOSTS:
    case SETTING_DIRS:
    case SETTING_VARIABLES:
    case SETTING_NETWORKS:
        print_list(out, field);
        break;
    case SETTING_RETRY_CODES:
        print_codes(out, field);
        break;
    case SETTING_GUID:
        print_guid(base, out);
        break;
    }
}
