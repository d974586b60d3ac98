/* The route table against the dialects: each row is asked in many ways, with every outcome
 * that the core may give, and what is answered must be what the row says, no more and no less.
 * docs/routes.md is the same table: UPDATE_DOCUMENTS=1 writes it anew. */
#include "dialects/routes.h"
#include "lib_exchange.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

EXCHANGE_FIXTURE(x)

static bool seen[600]; /* by status code; 0: the function's own */

/* Headers that lead to all modes and faults of all dialects. */
static const char *const variants[] = {
    "",
    "Prefer: respond-async\n",
    "Prefer: respond-async, wait=3\n",
    "Prefer: respond-async-proxy\n",
    "Prefer: respond-async-container\n",
    "Prefer: respond-async\nIdempotency-Key: k\n",
    "Prefer: respond-async\nX-Call-Id: mine\nX-Inference-Id: mine\n",
    "X-Inference-Id: mine\nClaim-Token: t\nIdempotency-Key: k\n",
    "X-Deadline-Ms: never\nClaim-Token: no token\nX-Inference-Id: mine\n",
};

/* What {word} of a path may be: a good one, and one that is not known. */
static const struct {
    const char *word, *good, *bad;
} words[] = {
    {"name", "echo", "nobody"},       {"path", "a/b", "a/b"},
    {"id", "echo", "order-17"},       {"modelGuid", MODEL_GUID, INSTANCE},
    {"entryGuid", GUID_A, "no-guid"}, {"deployment", "echo", "nobody"},
    {"slug", "queue-full", "none"},   {"namespace", "openfaas-fn", "dev"},
};

static const char *sample_of(struct bytes word, bool good)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (bytes_is(word, words[i].word)) {
            return good ? words[i].good : words[i].bad;
        }
    }
    fail_msg("no sample for {%.*s}", BYTES_ARG(word));
    return "";
}

static void add_path(struct text *t, const char *template, bool good)
{
    struct bytes rest = bytes_text(template);
    while (rest.size > 0) {
        text_add(t, bytes_cut_at(&rest, '{'));
        if (rest.size > 0) {
            text_add_str(t, sample_of(bytes_cut_at(&rest, '}'), good));
        }
    }
}

/* May the core answer this to what was asked? */
static bool is_possible(const struct op_request *op, enum op_outcome outcome)
{
    bool invoke = op->kind == OP_INVOKE;
    bool async = invoke && op->invoke.mode != INVOKE_SYNC;
    bool collect = op->kind == OP_COLLECT || op->kind == OP_PEEK;
    switch (outcome) {
    case OUT_ACCEPTED:
    case OUT_NOT_REPLICATED:
        return async;
    case OUT_RESULT:
        return op->kind == OP_COLLECT || (invoke && op->invoke.mode != INVOKE_ASYNC);
    case OUT_PENDING:
        return collect || op->kind == OP_RELEASE;
    case OUT_READY:
        return op->kind == OP_PEEK;
    case OUT_STATUS:
        return op->kind == OP_STATUS;
    case OUT_CANCELED:
    case OUT_CONFLICT:
        return op->kind == OP_CANCEL;
    case OUT_RELEASED:
        return op->kind == OP_RELEASE;
    case OUT_GONE:
        return collect || op->kind == OP_RELEASE;
    case OUT_UNKNOWN:
        return !invoke;
    case OUT_NO_QUORUM:
        return !invoke && op->kind != OP_STATUS;
    case OUT_IDEMPOTENCY_MISMATCH:
        return async && op->invoke.idempotency_key.size > 0;
    case OUT_ID_IN_USE:
        return async && op->invoke.client_id.space != ID_GUID;
    default:
        return invoke; /* refusals of new work */
    }
}

/* A code that no dialect chooses stands for the function's own. */
#define OWN_CODE 299

static void note_reply(enum op_outcome outcome, enum invocation_state state)
{
    struct op_reply reply = reply_of(outcome, state);
    if (outcome == OUT_RESULT || outcome == OUT_READY) {
        reply = reply_result(outcome, state == INVOCATION_FAILED ? 599 : OWN_CODE, "", "{}");
    }
    reply_with(&x, &reply);
    uint16_t status = x.answer.status;
    seen[status == OWN_CODE || status == 599 ? 0 : status] = true;
}

static void ask_all_outcomes(const char *raw)
{
    ask(&x, raw);
    if (x.routing.verdict == DIALECT_ANSWER) {
        seen[x.answer.status] = true;
        return;
    }
    for (int outcome = 0; outcome < OUT_COUNT; outcome++) {
        if (!is_possible(&x.op, (enum op_outcome)outcome)) {
            continue;
        }
        for (int state = 0; state < INVOCATION_STATE_COUNT; state++) {
            ask(&x, raw);
            note_reply((enum op_outcome)outcome, (enum invocation_state)state);
        }
    }
}

static void ask_all_ways(const struct route *r, const char *method, bool good,
                         const char *query)
{
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        struct text raw = {0};
        text_add_str(&raw, method);
        text_add_char(&raw, ' ');
        add_path(&raw, r->path, good);
        text_add_str(&raw, query);
        text_add_char(&raw, '\n');
        text_add_str(&raw, variants[v]);
        text_add_str(&raw, "\n{}");
        text_add_char(&raw, '\0');
        ask_all_outcomes(raw.at);
        /* A deployment that nobody has belongs to nobody. */
        bool nobodys = !good && x.routing.dialect == &dialect_fallback;
        if (strcmp(x.routing.dialect->name, r->dialect) != 0 && !nobodys) {
            fail_msg("%s went to %s", raw.at, x.routing.dialect->name);
        }
        text_fini(&raw);
    }
}

static void ask_row(const struct route *r, const char *method)
{
    for (int settings = 0; settings < 8; settings++) {
        x.config.status_pending_code = settings & 1 ? 202 : 200;
        x.config.status_done_code = settings & 1 ? 302 : 303;
        x.config.jube_strict_codes = (settings & 2) != 0;
        x.config.jube_callback_enabled = (settings & 4) == 0;
        ask_all_ways(r, method, true, "");
        ask_all_ways(r, method, true, "?wait=x&redirect=x");
        ask_all_ways(r, method, false, "");
        ask_all_ways(r, method, false, "?wait=x&redirect=x");
    }
    x.config.jube_enabled = false;
    ask_all_ways(r, method, true, "");
    x.config.jube_enabled = true;
}

static bool is_declared(const struct route *r, int status)
{
    char code[8];
    snprintf(code, sizeof code, "%d", status);
    struct bytes codes = bytes_text(r->codes), word;
    while (route_next_word(&codes, &word)) {
        if (bytes_is(word, status == 0 ? "own" : code)) {
            return true;
        }
    }
    return false;
}

static void each_row_answers_what_it_declares(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct route *r = &routes[i];
        struct bytes methods =
            bytes_text(strcmp(r->methods, "*") == 0 ? "POST GET" : r->methods);
        struct bytes word;
        memset(seen, 0, sizeof seen);
        while (route_next_word(&methods, &word)) {
            char method[8] = "";
            memcpy(method, word.at, word.size);
            ask_row(r, method);
        }
        for (int status = 0; status < 600; status++) {
            if (seen[status] != is_declared(r, status)) {
                print_error("%s %s: %d is %s\n", r->methods, r->path, status,
                            seen[status] ? "answered, not declared" : "declared, not answered");
                fail();
            }
        }
    }
}

static void add_row(struct text *t, const struct route *r)
{
    struct bytes methods = bytes_text(r->methods), word;
    const char *lead = "";
    text_addf(t, "| %s | ", r->dialect);
    while (route_next_word(&methods, &word)) {
        text_addf(t, "%s%.*s", lead, BYTES_ARG(bytes_is(word, "*") ? bytes_text("any") : word));
        lead = ", ";
    }
    text_addf(t, " | `%s` | %s | %s | %s | %s |\n", r->path, r->operation, r->codes,
              route_scope_text(r->scope), r->summary);
}

static void add_table(struct text *t)
{
    text_add_str(
        t,
        "# Routes\n\n"
        "Every route of every dialect on the API address (`listen`), with all status codes "
        "that it\n"
        "can answer. *own* is the function's own code. Made from `node/dialects/routes.c` by\n"
        "`unit.dialects.routes`, which asks every row of the dialects and fails when a code "
        "is\n"
        "missing here or is never answered; `UPDATE_DOCUMENTS=1` makes it write this file. The "
        "same\n"
        "table is served as OpenAPI 3.1 at `/openapi.json`.\n\n"
        "Not repeated in each row: another method than those of a path gets 405 with `Allow`; "
        "any\n"
        "other path gets 404; and the front refuses what is no good HTTP by itself: 400, 408\n"
        "(too slow), 413 (body over `limits.body_bytes`), 417, 431 (head over\n"
        "`limits.header_bytes`), 503 (no memory for the body), 505; and with `limits.client.*` "
        "set, 429\n"
        "(`limits.md`).\n\n"
        "*Scope* is what a key must allow where keys are asked for (`auth.md`): without one "
        "that is\n"
        "known 401, with one that does not allow it 403.\n\n"
        "| dialect | methods | path | operation | codes | scope | |\n"
        "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < route_count; i++) {
        add_row(t, &routes[i]);
    }
}

static FILE *open_document(const char *mode)
{
    return fopen(SOURCE_DIR "/docs/routes.md", mode);
}

static void the_document_is_the_table(void **state)
{
    (void)state;
    struct text table = {0}, got = {0};
    add_table(&table);
    if (getenv("UPDATE_DOCUMENTS") != NULL) {
        FILE *out = open_document("w");
        assert_non_null(out);
        assert_int_equal(fwrite(table.at, 1, table.size, out), table.size);
        assert_int_equal(fclose(out), 0);
    }
    FILE *in = open_document("r");
    assert_non_null(in);
    size_t n;
    do {
        char *to = text_reserve(&got, 4096);
        n = fread(to, 1, 4096, in);
        text_commit(&got, n);
    } while (n > 0);
    fclose(in);
    assert_true(bytes_equal(text_view(&table), text_view(&got)));
    text_fini(&table);
    text_fini(&got);
}

static void openapi_is_json_and_names_every_row_once(void **state)
{
    (void)state;
    ask(&x, "GET /openapi.json\n\n");
    answer_status_is(&x, 200);
    json_error_t error;
    struct bytes document = buf_view(x.answer.stored_body);
    json_t *root =
        json_loadb((const char *)document.at, document.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        fail_msg("%s at %d", error.text, error.position);
    }
    const json_t *paths = json_object_get(root, "paths");
    for (size_t i = 0; i < route_count; i++) {
        const json_t *path = json_object_get(paths, routes[i].path);
        struct bytes methods =
            bytes_text(strcmp(routes[i].methods, "*") == 0 ? "GET PATCH" : routes[i].methods);
        struct bytes word;
        while (route_next_word(&methods, &word)) {
            char method[8] = "";
            for (size_t c = 0; c < word.size; c++) {
                method[c] = (char)(word.at[c] | 0x20);
            }
            const json_t *operation = json_object_get(path, method);
            assert_non_null(operation);
            assert_true(json_object_size(json_object_get(operation, "responses")) > 0);
        }
    }
    json_decref(root);
}

/* What a key must allow hangs on the operation, and on the row: both say the same. True: it
 * led to an operation. */
static bool check_scope(const struct route *r, const char *method, bool good)
{
    struct text raw = {0};
    text_add_str(&raw, method);
    text_add_char(&raw, ' ');
    add_path(&raw, r->path, good);
    text_add_str(&raw, "\nX-Inference-Id: mine\nClaim-Token: t\n\n{}");
    text_add_char(&raw, '\0');
    ask(&x, raw.at);
    text_fini(&raw);
    bool leads = x.routing.verdict == DIALECT_OP;
    if (leads) {
        assert_int_equal(route_scope_of(x.op.kind), r->scope);
    }
    return leads;
}

static void check_row_scope(const struct route *r, const char *method)
{
    struct text path = {0};
    add_path(&path, r->path, true);
    const struct route *found = route_find(bytes_text(method), text_view(&path));
    text_fini(&path);
    if (found != r) {
        fail_msg("%s %s is taken for another", method, r->path);
    }
    bool is_page = r->scope == ROUTE_OPEN || r->scope == ROUTE_ADMIN;
    bool leads = check_scope(r, method, true);
    leads = check_scope(r, method, false) || leads;
    assert_int_equal(leads, !is_page);
}

static void each_row_needs_the_scope_of_what_it_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        struct bytes methods =
            bytes_text(strcmp(routes[i].methods, "*") == 0 ? "POST GET" : routes[i].methods);
        struct bytes word;
        while (route_next_word(&methods, &word)) {
            char method[8] = "";
            memcpy(method, word.at, word.size);
            check_row_scope(&routes[i], method);
        }
    }
}

static void paths_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *row;
    } cases[] = {
        {"POST", "/v1/functions/a", "/v1/functions/{name}"},
        {"POST", "/v1/functions/a/b/c", "/v1/functions/{name}/{path}"},
        {"DELETE", "/v1/callbacks/x", "/v1/callbacks/{id}"},
        {"PATCH", "/v1/callbacks/x", "/v1/callbacks/{id}"},
        {"GET", "/API/invoke/entityanalysismodel/callback/x",
         "/api/invoke/EntityAnalysisModel/Callback/{entryGuid}"},
        {"GET", "/HEALTHZ", NULL},
        {"GET", "/healthz/x", NULL},
        {"GET", "/score/x", "/{deployment}/{path}"},
        {"GET", "/system/functions", "/system/functions"},
        {"GET", "/", NULL},
        {"GET", "", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct route *r =
            route_find(bytes_text(cases[i].method), bytes_text(cases[i].path));
        if (cases[i].row == NULL) {
            assert_null(r);
        } else {
            assert_non_null(r);
            assert_string_equal(r->path, cases[i].row);
        }
    }
}

static void first_segments_of_routes_are_reserved(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        struct bytes path = bytes_text(routes[i].path + 1);
        struct bytes first = bytes_cut_at(&path, '/');
        assert_true(first.at[0] == '{' || dialect_name_is_reserved(first));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(each_row_answers_what_it_declares),
        EXCHANGE_TEST(the_document_is_the_table),
        EXCHANGE_TEST(openapi_is_json_and_names_every_row_once),
        EXCHANGE_TEST(first_segments_of_routes_are_reserved),
        EXCHANGE_TEST(each_row_needs_the_scope_of_what_it_does),
        EXCHANGE_TEST(paths_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
