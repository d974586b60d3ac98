#include "dialects/openfaas_system.h"

#include "dialects/answers.h"
#include "dialects/target.h"

/* The namespace that its clients take for granted. */
#define NAMESPACE "openfaas-fn"

#if defined __x86_64__
#define ARCH "x86_64"
#elif defined __aarch64__
#define ARCH "aarch64"
#else
#define ARCH "other"
#endif

static void begin_json(struct http_answer *answer)
{
    answer->status = 200;
    text_add_str(&answer->headers,
                 "Content-Type: application/json\r\nCache-Control: no-store\r\n");
}

static void answer_health(struct http_answer *answer)
{
    answer->status = 200;
    text_add_str(&answer->headers,
                 "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n");
    text_add_str(&answer->content, "OK");
}

static void answer_info(struct http_answer *answer)
{
    begin_json(answer);
    text_add_str(&answer->content,
                 "{\"provider\":{\"provider\":\"callbackd\",\"version\":{\"release\":"
                 "\"" CALLBACKD_VERSION
                 "\",\"sha\":\"not-recorded\"},\"orchestration\":\"callbackd\"},"
                 "\"version\":{\"release\":\"" CALLBACKD_VERSION "\",\"sha\":\"not-recorded\"},"
                 "\"arch\":\"" ARCH "\"}");
}

/* What holds of every function here: it is there, once, and has no image. */
static void add_function(struct text *t, struct bytes name)
{
    text_add_str(t, "{\"name\":");
    text_add_json(t, name);
    text_add_str(t, ",\"image\":\"\",\"namespace\":\"" NAMESPACE
                    "\",\"labels\":{\"faas_function\":");
    text_add_json(t, name);
    text_add_str(t, "},\"annotations\":{},\"invocationCount\":0,\"replicas\":1,"
                    "\"availableReplicas\":1}");
}

/* Is it there for who asks? */
static bool is_shown(const struct dialect_config *config, struct bytes name)
{
    return config->caller == NULL || caller_may_invoke(config->caller, name);
}

struct visit {
    const struct dialect_config *config;
    struct text *out;
};

static void visit_function(void *arg, struct bytes name)
{
    const struct visit *v = arg;
    struct text *t = v->out;
    if (!is_shown(v->config, name)) {
        return;
    }
    if (t->at[t->size - 1] != '[') {
        text_add_char(t, ',');
    }
    add_function(t, name);
}

static void answer_functions(const struct dialect_config *config, struct http_answer *answer)
{
    begin_json(answer);
    text_add_char(&answer->content, '[');
    if (!text_failed(&answer->content)) {
        struct visit v = {config, &answer->content};
        config->each_function(config->owner, visit_function, &v);
    }
    text_add_char(&answer->content, ']');
}

static void answer_one_function(const struct dialect_config *config,
                                const struct http_request *in, struct bytes name,
                                struct http_answer *answer)
{
    struct bytes function = target_function_in_namespace(config, name);
    if (function.size == 0 || !is_shown(config, function)) {
        answer_unknown_function(answer, in);
        return;
    }
    begin_json(answer);
    add_function(&answer->content, function);
}

/* GET /system/namespace/{name} */
static void answer_one_namespace(const struct http_request *in, struct bytes name,
                                 struct http_answer *answer)
{
    if (!bytes_is(name, NAMESPACE)) {
        dialect_problem(answer, 404, "unknown-route", "the one namespace is " NAMESPACE,
                        in->path);
        return;
    }
    begin_json(answer);
    text_add_str(&answer->content, "{\"name\":\"" NAMESPACE "\"}");
}

bool openfaas_answer_system(const struct dialect_config *config, const struct http_request *in,
                            struct http_answer *answer)
{
    enum { HEALTH, INFO, FUNCTIONS, NAMESPACES, ONE_FUNCTION, ONE_NAMESPACE } page;
    struct bytes rest = in->path;
    if (bytes_is(rest, "/healthz")) {
        page = HEALTH;
    } else if (bytes_is(rest, "/system/info")) {
        page = INFO;
    } else if (bytes_is(rest, "/system/functions")) {
        page = FUNCTIONS;
    } else if (bytes_is(rest, "/system/namespaces")) {
        page = NAMESPACES;
    } else if (bytes_cut_front(&rest, "/system/function/")) {
        page = ONE_FUNCTION;
    } else if (bytes_cut_front(&rest, "/system/namespace/")) {
        page = ONE_NAMESPACE;
    } else {
        return false;
    }
    if (!bytes_is(in->method, "GET") && !bytes_is(in->method, "HEAD")) {
        answer_not_allowed(answer, in, "GET, HEAD");
        return true;
    }
    switch (page) {
    case HEALTH:
        answer_health(answer);
        break;
    case INFO:
        answer_info(answer);
        break;
    case FUNCTIONS:
        answer_functions(config, answer);
        break;
    case NAMESPACES:
        begin_json(answer);
        text_add_str(&answer->content, "[\"" NAMESPACE "\"]");
        break;
    case ONE_FUNCTION:
        answer_one_function(config, in, rest, answer);
        break;
    case ONE_NAMESPACE:
        answer_one_namespace(in, rest, answer);
        break;
    }
    return true;
}
