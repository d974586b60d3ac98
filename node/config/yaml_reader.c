#include "config/yaml_reader.h"

#include "base/err.h"

#include <stdlib.h>
#include <yaml.h>

#define DEPTH_MAX 16 /* levels; the settings need five */

struct yaml_reader {
    struct bytes content;
    yaml_parser_t parser;
    yaml_event_t event; /* what the last node borrows from */
    bool has_event;
    unsigned depth;
    unsigned documents;
    bool is_over;
    bool has_problem;
    struct errmsg problem;
    size_t problem_line;
};

struct yaml_reader *yaml_reader_new(struct bytes content)
{
    struct yaml_reader *r = yaml_reader_try(content);
    if (r == NULL) {
        abort();
    }
    return r;
}

struct yaml_reader *yaml_reader_try(struct bytes content)
{
    struct yaml_reader *r = calloc(1, sizeof *r);
    if (r == NULL || yaml_parser_initialize(&r->parser) == 0) {
        free(r);
        return NULL;
    }
    r->content = content;
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, content.at, content.size);
    return r;
}

static void drop_event(struct yaml_reader *r)
{
    if (r->has_event) {
        yaml_event_delete(&r->event);
        r->has_event = false;
    }
}

void yaml_reader_free(struct yaml_reader **r)
{
    drop_event(*r);
    yaml_parser_delete(&(*r)->parser);
    free(*r);
    *r = NULL;
}

const char *yaml_reader_problem(const struct yaml_reader *r, size_t *line)
{
    *line = r->problem_line;
    return r->has_problem ? r->problem.text : NULL;
}

static void end_with(struct yaml_reader *r, size_t line, const char *problem)
{
    err_set(&r->problem, ERR_MALFORMED, "%s", problem);
    r->problem_line = line;
    r->has_problem = true;
    r->is_over = true;
}

/* The line of a byte that is not UTF-8 or not printable: libyaml tells only its offset. */
static size_t line_of_offset(struct bytes content, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < content.size; i++) {
        line += content.at[i] == '\n';
    }
    return line;
}

static void end_with_syntax(struct yaml_reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem == NULL ? "cannot be read" : p->problem;
    bool is_token = strstr(problem, "cannot start any token") != NULL;
    size_t line = p->error == YAML_READER_ERROR ? line_of_offset(r->content, p->problem_offset)
                                                : p->problem_mark.line + 1;
    struct errmsg em;
    err_set(&em, ERR_MALFORMED, "%s%s%s; allowed: %s", p->context == NULL ? "" : p->context,
            p->context == NULL ? "" : ": ", problem,
            is_token ? "indentation by spaces, no tabs" : "YAML in UTF-8");
    end_with(r, line, em.text);
}

static bool text_is_null(const yaml_event_t *e, struct bytes text)
{
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.size == 0 || bytes_is(text, "~") || bytes_is_nocase(text, "null"));
}

/* Fills `out` from the event. False: the event is not a node. */
static bool node_of_event(struct yaml_reader *r, struct yaml_node *out)
{
    const yaml_event_t *e = &r->event;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        out->kind = YAML_IS_SCALAR;
        out->text = bytes_of(e->data.scalar.value, e->data.scalar.length);
        out->is_null = text_is_null(e, out->text);
        out->is_decorated = e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL;
        return true;
    case YAML_SEQUENCE_START_EVENT:
        out->kind = YAML_IS_LIST;
        out->is_decorated =
            e->data.sequence_start.anchor != NULL || e->data.sequence_start.tag != NULL;
        return true;
    case YAML_MAPPING_START_EVENT:
        out->kind = YAML_IS_MAPPING;
        out->is_decorated =
            e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL;
        return true;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        out->kind = YAML_IS_END;
        return true;
    case YAML_ALIAS_EVENT:
        out->kind = YAML_IS_ALIAS;
        out->is_decorated = true;
        return true;
    default:
        return false;
    }
}

static void count_levels(struct yaml_reader *r, struct yaml_node *node)
{
    if (node->kind == YAML_IS_LIST || node->kind == YAML_IS_MAPPING) {
        r->depth++;
    } else if (node->kind == YAML_IS_END) {
        r->depth--;
    }
    if (r->depth > DEPTH_MAX) {
        end_with(r, node->line, "nested too deep; allowed: 16 levels");
        *node = (struct yaml_node){.line = node->line};
    }
}

void yaml_reader_next(struct yaml_reader *r, struct yaml_node *out)
{
    *out = (struct yaml_node){.kind = YAML_IS_NOTHING};
    while (!r->is_over) {
        drop_event(r);
        if (yaml_parser_parse(&r->parser, &r->event) == 0) {
            end_with_syntax(r);
            return;
        }
        r->has_event = true;
        out->line = r->event.start_mark.line + 1;
        if (node_of_event(r, out)) {
            count_levels(r, out);
            return;
        }
        r->is_over = r->event.type == YAML_STREAM_END_EVENT;
        if (r->event.type == YAML_DOCUMENT_START_EVENT && r->documents++ > 0) {
            end_with(r, out->line, "a second document begins; allowed: one document");
        }
    }
}

void yaml_reader_skip(struct yaml_reader *r, struct yaml_node *node)
{
    unsigned outside = r->depth - 1;
    if (node->kind != YAML_IS_LIST && node->kind != YAML_IS_MAPPING) {
        return;
    }
    while (node->kind != YAML_IS_NOTHING && r->depth > outside) {
        yaml_reader_next(r, node);
    }
}
