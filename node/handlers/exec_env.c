#include "handlers/exec_env.h"

#include "handlers/header_lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#define REQUEST_MAX 16u /* variables that say the request, without its headers */
#define LIST_MAX    (EXEC_ENV_OWN_MAX + REQUEST_MAX + EXEC_ENV_HEADERS_MAX)

struct exec_env {
    struct text own;     /* "NAME=value\0"... of the node */
    struct text all;     /* the same and the request's */
    size_t at[LIST_MAX]; /* where each string begins in `all` */
    size_t own_count, count;
    char *list[LIST_MAX + 1];
};

/* Whether `variable` ("NAME=value") is the one called `name`; "LC_" names several. */
static bool is_named(const char *variable, const char *name)
{
    size_t size = strlen(name);
    return strncmp(variable, name, size) == 0 &&
           (variable[size] == '=' || (size > 0 && name[size - 1] == '_'));
}

static bool has_own(const struct exec_env *e, const char *variable)
{
    size_t size = strcspn(variable, "=") + 1;
    for (size_t i = 0; i < e->own_count; i++) {
        if (strncmp(e->own.at + e->at[i], variable, size) == 0) {
            return true;
        }
    }
    return false;
}

/* The first of a name stays. ERR_TOOBIG: too many. */
static int add_own(struct exec_env *e, const char *name_and_mark, const char *value)
{
    if (text_failed(&e->own) || has_own(e, name_and_mark)) {
        return 0;
    }
    if (e->own_count == EXEC_ENV_OWN_MAX) {
        return ERR_TOOBIG;
    }
    e->at[e->own_count++] = e->own.size;
    text_add_str(&e->own, name_and_mark);
    text_add(&e->own, bytes_of(value, strlen(value) + 1));
    return 0;
}

static bool is_good_name(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') {
            return false;
        }
    }
    return size > 0 && !isdigit((unsigned char)name[0]) && strncmp(name, "Http_", 5) != 0;
}

/* What the configuration asks for. */
static int add_configured(struct exec_env *e, const char *item, struct errmsg *em)
{
    size_t size = strcspn(item, "=");
    if (!is_good_name(item, size)) {
        return err_set(em, ERR_MALFORMED,
                       "env: \"%.*s\" is no name of a variable; allowed: NAME or NAME=value, "
                       "NAME of letters, digits and _, not Http_...",
                       (int)size, item);
    }
    if (item[size] == '=') {
        return add_own(e, item, "");
    }
    const char *value = getenv(item);
    struct text name_and_mark = {0};
    text_add_str(&name_and_mark, item);
    text_add(&name_and_mark, bytes_of("=", sizeof "="));
    int rc = text_failed(&name_and_mark) ? ERR_NOMEM : 0;
    if (rc == 0 && value != NULL) {
        rc = add_own(e, name_and_mark.at, value);
    }
    text_fini(&name_and_mark);
    return rc;
}

/* Safe of any node: they say where things are and how people here write. */
static int add_usual(struct exec_env *e, bool has_user)
{
    static const char *const names[] = {"PATH", "LANG", "LC_", "TZ", "TMPDIR", "HOME", "USER"};
    size_t count = sizeof names / sizeof names[0] - (has_user ? 2 : 0);
    int rc = 0;
    for (char **v = environ; rc == 0 && v != NULL && *v != NULL; v++) {
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = is_named(*v, names[i]) ? add_own(e, *v, "") : 0;
        }
    }
    return rc;
}

static int add_all(struct exec_env *e, const struct exec_env_own *own, struct errmsg *em)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < own->count; i++) {
        rc = add_configured(e, own->variables[i], em);
    }
    if (rc == 0 && own->user != NULL) {
        rc = add_own(e, "USER=", own->user);
    }
    if (rc == 0 && own->home != NULL) {
        rc = add_own(e, "HOME=", own->home);
    }
    if (rc == 0) {
        rc = add_usual(e, own->has_user);
    }
    return rc == 0 && text_failed(&e->own) ? ERR_NOMEM : rc;
}

int exec_env_new(struct exec_env **out, const struct exec_env_own *own, struct errmsg *em)
{
    *out = calloc(1, sizeof **out);
    int rc = *out == NULL ? ERR_NOMEM : add_all(*out, own, em);
    if (rc == ERR_TOOBIG) {
        err_set(em, rc, "env: too many variables; allowed: %u", EXEC_ENV_OWN_MAX);
    } else if (rc == ERR_NOMEM) {
        err_set(em, rc, "out of memory");
    }
    if (rc != 0) {
        exec_env_free(out);
    }
    return rc;
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
