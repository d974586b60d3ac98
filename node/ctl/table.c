#include "ctl/table.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define GAP 2 /* spaces between columns */

void table_init(struct table *t, const char *const *titles, const char *align)
{
    *t = (struct table){.titles = titles, .align = align, .columns = strlen(align)};
    assert(t->columns <= TABLE_COLUMNS_MAX);
}

void table_fini(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        text_fini(&t->cells[i]);
    }
    free(t->cells);
    *t = (struct table){0};
}

void table_add_shown(struct text *out, struct bytes value)
{
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.at[i];
        /* C1 controls are c2 80 to c2 9f in UTF-8. */
        bool is_c1 = c == 0xc2 && i + 1 < value.size && value.at[i + 1] < 0xa0;
        bool is_control = c < 0x20 || c == 0x7f || is_c1;
        text_add_char(out, is_control ? '?' : (char)c);
        i += is_c1 ? 1 : 0;
    }
}

void table_add(struct table *t, struct bytes cell)
{
    if (t->count == t->room) {
        t->room = t->room == 0 ? 64 : t->room * 2;
        t->cells = realloc(t->cells, t->room * sizeof *t->cells);
        if (t->cells == NULL) {
            abort();
        }
    }
    struct text *text = &t->cells[t->count++];
    *text = (struct text){0};
    table_add_shown(text, cell);
}

void table_add_str(struct table *t, const char *cell)
{
    table_add(t, bytes_text(cell));
}

void table_add_num(struct table *t, uint64_t number)
{
    struct text text = {0};
    text_add_num(&text, number);
    table_add(t, text_view(&text));
    text_fini(&text);
}

void table_add_size(struct table *t, uint64_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct text text = {0};
    uint64_t tenths = size * 10;
    size_t unit = 0;
    if (size > UINT64_MAX / 10) {
        tenths = UINT64_MAX;
    }
    while (tenths >= 10240 && unit + 1 < sizeof units / sizeof units[0]) {
        tenths /= 1024;
        unit++;
    }
    text_add_num(&text, tenths / 10);
    if (unit > 0) {
        text_addf(&text, ".%u", (unsigned)(tenths % 10));
    }
    text_addf(&text, " %s", units[unit]);
    table_add(t, text_view(&text));
    text_fini(&text);
}

/* Characters, not bytes: the later bytes of a UTF-8 sequence take no room. */
static size_t width_of(struct bytes text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        width += (text.at[i] & 0xc0) != 0x80;
    }
    return width;
}

static void add_spaces(struct text *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_add_char(out, ' ');
    }
}

static void print_cell(struct text *out, const struct table *t, size_t column,
                       struct bytes cell, size_t width)
{
    size_t missing = width - width_of(cell);
    bool is_last = column + 1 == t->columns;
    if (t->align[column] == 'r') {
        add_spaces(out, missing);
        text_add(out, cell);
    } else {
        text_add(out, cell);
        add_spaces(out, is_last ? 0 : missing);
    }
    if (is_last) {
        text_add_char(out, '\n');
    } else {
        add_spaces(out, GAP);
    }
}

void table_print(const struct table *t, struct text *out)
{
    size_t widths[TABLE_COLUMNS_MAX];
    assert(t->count % t->columns == 0);
    for (size_t c = 0; c < t->columns; c++) {
        widths[c] = strlen(t->titles[c]);
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t width = width_of(text_view(&t->cells[i]));
        size_t *widest = &widths[i % t->columns];
        *widest = width > *widest ? width : *widest;
    }
    for (size_t c = 0; c < t->columns; c++) {
        struct text title = {0};
        for (const char *at = t->titles[c]; *at != '\0'; at++) {
            text_add_char(&title, (char)toupper((unsigned char)*at));
        }
        print_cell(out, t, c, text_view(&title), widths[c]);
        text_fini(&title);
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t c = i % t->columns;
        print_cell(out, t, c, text_view(&t->cells[i]), widths[c]);
    }
}
