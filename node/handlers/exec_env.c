#include "handlers/exec_env.h"

#include "handlers/header_lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#define OWN_MAX     64u /* variables of the node that are passed on */
#define REQUEST_MAX 16u /* variables that say the request, without its headers */
#define LIST_MAX    (OWN_MAX + REQUEST_MAX + EXEC_ENV_HEADERS_MAX)

struct exec_env {
    struct text own;     /* "NAME=value\0"... of the node */
    struct text all;     /* the same and the request's */
    size_t at[LIST_MAX]; /* where each string begins in `all` */
    size_t own_count, count;
    char *list[LIST_MAX + 1];
};

static bool is_passed_on(const char *variable)
{
    static const char *const names[] = {"PATH=", "HOME=",   "LANG=", "LC_",
                                        "TZ=",   "TMPDIR=", "USER="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

struct exec_env *exec_env_new(void)
{
    struct exec_env *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    for (char **v = environ; v != NULL && *v != NULL && e->own_count < OWN_MAX; v++) {
        if (is_passed_on(*v)) {
            e->at[e->own_count++] = e->own.size;
            text_add(&e->own, bytes_of(*v, strlen(*v) + 1));
        }
    }
    if (text_failed(&e->own)) {
        exec_env_free(&e);
    }
    return e;
}

void exec_env_free(struct exec_env **e)
{
    struct exec_env *mine = *e;
    *e = NULL;
    if (mine != NULL) {
        text_fini(&mine->own);
        text_fini(&mine->all);
        free(mine);
    }
}

/* A name that the request's own variables use, whether or not they are there this time. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {"Method", "Path",           "Query",
                                        "Host",   "Content_Length", "ContentLength"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_taken(const struct exec_env *e, const char *name_and_mark)
{
    size_t size = strlen(name_and_mark);
    for (size_t i = e->own_count; i < e->count; i++) {
        if (strncmp(e->all.at + e->at[i], name_and_mark, size) == 0) {
            return true;
        }
    }
    return false;
}

static void add(struct exec_env *e, const char *name, struct bytes value)
{
    e->at[e->count++] = e->all.size;
    text_add_str(&e->all, name);
    text_add_char(&e->all, '=');
    text_add(&e->all, value);
    text_add_char(&e->all, '\0');
}

/* What is not known here is left to the header of that name. */
static void add_known(struct exec_env *e, const char *name, struct bytes value)
{
    if (value.size > 0) {
        add(e, name, value);
    }
}

static void add_num(struct exec_env *e, const char *name, uint64_t value)
{
    e->at[e->count++] = e->all.size;
    text_add_str(&e->all, name);
    text_add_char(&e->all, '=');
    text_add_num(&e->all, value);
    text_add_char(&e->all, '\0');
}

#define NAME_MAX_SIZE 128u /* bytes of a header's name; longer ones are not shown */

/* "x-call-ID" becomes "Http_X_Call_Id". False for a name that is too long, or that has other
 * characters than letters, digits and '-': above all '_', with which a client could write
 * the name of a header that somebody in between has checked. */
static bool variable_name(char out[NAME_MAX_SIZE], struct bytes header)
{
    static const char before[] = "Http_";
    size_t size = sizeof before - 1;
    if (header.size == 0 || header.size + sizeof before > NAME_MAX_SIZE) {
        return false;
    }
    memcpy(out, before, size);
    bool is_first = true; /* of a word */
    for (size_t i = 0; i < header.size; i++) {
        int c = header.at[i];
        if (c != '-' && !isalnum(c)) {
            return false;
        }
        out[size++] = c == '-' ? '_' : (char)(is_first ? toupper(c) : tolower(c));
        is_first = c == '-';
    }
    out[size] = '\0';
    return true;
}

static void add_header(struct exec_env *e, const struct header_line *line)
{
    char name[NAME_MAX_SIZE], name_and_mark[NAME_MAX_SIZE + 1];
    if (!variable_name(name, line->name) || is_reserved(name + strlen("Http_"))) {
        return;
    }
    size_t size = strlen(name);
    memcpy(name_and_mark, name, size);
    memcpy(name_and_mark + size, "=", 2);
    bool has_nul = line->value.size > 0 && memchr(line->value.at, 0, line->value.size) != NULL;
    if (!has_nul && !is_taken(e, name_and_mark)) {
        add(e, name, line->value);
    }
}

static void add_request(struct exec_env *e, const struct execution *x)
{
    struct request_view v = request_view(x->request);
    char key[GUID_TEXT_SIZE];
    guid_print(key, &x->guid);
    add(e, "Http_Method", v.method);
    add(e, "Http_Path", v.path.size == 0 ? bytes_text("/") : v.path);
    if (v.query.size > 0) {
        add(e, "Http_Query", v.query);
    }
    add_num(e, "Http_ContentLength", buf_size(x->request->body));
    add_num(e, "Http_Content_Length", buf_size(x->request->body));
    /* Host itself ends at the front; what it said travels on under this name. */
    add(e, "Http_Host",
        x->forwarded_host.size > 0 ? x->forwarded_host
                                   : header_lines_value(v.headers, "X-Forwarded-Host"));
    add(e, "Http_X_Call_Id", x->call_id);
    add(e, "Http_Idempotency_Key", bytes_of(key, sizeof key));
    add_num(e, "Http_X_Attempt", x->attempt);
    add_known(e, "Http_X_Forwarded_For", x->forwarded_for);
    add_known(e, "Http_X_Forwarded_Host", x->forwarded_host);
    add_known(e, "Http_X_Forwarded_Proto", x->forwarded_proto);
}

char **exec_env_render(struct exec_env *e, const struct execution *x)
{
    text_clear(&e->all);
    text_add(&e->all, text_view(&e->own));
    e->count = e->own_count;
    add_request(e, x);
    struct bytes rest = request_view(x->request).headers;
    struct header_line line;
    while (e->count < LIST_MAX && header_lines_next(&rest, &line)) {
        if (text_failed(&e->all)) {
            return NULL; /* what is_taken() reads is not whole */
        }
        add_header(e, &line);
    }
    if (text_failed(&e->all)) {
        return NULL;
    }
    for (size_t i = 0; i < e->count; i++) {
        e->list[i] = e->all.at + e->at[i];
    }
    e->list[e->count] = NULL;
    return e->list;
}
