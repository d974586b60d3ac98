#include "config/settings.h"

#define DAY_MS  86400000u
#define WEEK_MS 604800000u
#define KIB     ((uint64_t)1 << 10)
#define GIB     ((uint64_t)1 << 30)

#define AT(FIELD)    .offset = offsetof(struct config, FIELD)
#define AT_FN(FIELD) .offset = offsetof(struct function_config, FIELD), .of_function = true

/* clang-format off */
const struct setting settings[] = {
    {.key = "name", .flag = "--name", .fallback = "", .kind = SETTING_TEXT, .max = 64, AT(name),
     .shown = "host name", .help = "shown in logs, metrics and status"},
    {.key = "listen", .flag = "--listen", .fallback = "127.0.0.1:8080", .kind = SETTING_ADDRESS,
     AT(listen), .help = "where clients call; port 0 asks the system for a port"},
    {.key = "admin", .flag = "--admin", .fallback = "127.0.0.1:9090", .kind = SETTING_ADDRESS,
     AT(admin), .help = "health, metrics, cluster view, queues"},

    {.key = "cluster.listen", .flag = "--cluster", .fallback = "off",
     .kind = SETTING_ADDRESS_OR_OFF, AT(cluster.listen),
     .help = "where peers connect; off = a single node"},
    {.key = "cluster.seeds", .flag = "--seeds", .fallback = "", .kind = SETTING_SEEDS,
     AT(cluster.seeds), .help = "peers to find the cluster by: HOST:PORT, or dns:NAME:PORT"},
    {.key = "cluster.advertise", .fallback = "", .kind = SETTING_ADDRESS, .min = 1,
     AT(cluster.advertise), .shown = "the bound address",
     .help = "address that peers are told to call, HOST:PORT"},
    {.key = "cluster.name", .fallback = "callbackd", .kind = SETTING_TEXT, .max = 64,
     AT(cluster.name), .help = "nodes of another cluster's name are refused"},
    {.key = "cluster.zone", .fallback = "", .kind = SETTING_TEXT, .max = 64, AT(cluster.zone),
     .help = "copies are put into different zones where there are several"},
    {.key = "cluster.expect", .fallback = "0", .kind = SETTING_NUMBER, .max = 1000,
     AT(cluster.expect), .help = "members, itself included, to wait for before being ready "
                                 "(10 s at most); 0 = do not wait"},
    {.key = "cluster.claim", .fallback = "strict", .kind = SETTING_CHOICE,
     .words = "strict|available", AT(cluster.claim),
     .help = "strict: collected once, always; available: a partition may collect twice"},
    {.key = "cluster.accept_acks", .fallback = "1", .kind = SETTING_NUMBER, .max = 2,
     AT(cluster.accept_acks), .help = "copies of a request on other nodes before the 202"},
    {.key = "cluster.payload", .fallback = "auto", .kind = SETTING_CHOICE,
     .words = "auto|arbiters|all", AT(cluster.payload),
     .help = "which nodes hold a callback's body; auto: all while small, else the arbiters"},
    {.key = "cluster.secret_file", .fallback = "", .kind = SETTING_FILE,
     AT(cluster.secret_file),
     .help = "keyring for the cluster's links (TLS 1.3, pre-shared key); read again on SIGHUP"},
    {.key = "cluster.tls.cert", .fallback = "", .kind = SETTING_FILE, AT(cluster.tls.cert),
     .help = "instead: this node's certificate for peers, with cluster.name as its name"},
    {.key = "cluster.tls.key", .fallback = "", .kind = SETTING_FILE, AT(cluster.tls.key),
     .help = "its private key"},
    {.key = "cluster.tls.ca", .fallback = "", .kind = SETTING_FILE, AT(cluster.tls.ca),
     .help = "who signs the peers' certificates"},
    {.key = "cluster.insecure", .fallback = "false", .kind = SETTING_BOOL,
     AT(cluster.insecure), .help = "listen for peers beyond loopback without a secret or "
                                  "certificates"},

    {.key = "callback.ttl_ms", .fallback = "60000", .kind = SETTING_NUMBER, .min = 1,
     .max = WEEK_MS, AT(callback.ttl_ms), .help = "how long a ready callback waits to be "
                                                  "collected"},
    {.key = "callback.wait_ms", .fallback = "3000", .kind = SETTING_NUMBER, .max = DAY_MS,
     AT(callback.wait_ms), .help = "how long a GET of a callback waits by default"},
    {.key = "callback.wait_max_ms", .fallback = "60000", .kind = SETTING_NUMBER, .max = DAY_MS,
     AT(callback.wait_max_ms), .help = "the most a client may ask for"},
    {.key = "callback.redelivery_ms", .fallback = "10000", .kind = SETTING_NUMBER,
     .max = DAY_MS, AT(callback.redelivery_ms),
     .help = "how long the same Claim-Token gets the same answer again"},

    {.key = "jube.callback_timeout_ms", .fallback = "3000", .kind = SETTING_NUMBER, .min = 1,
     .max = WEEK_MS, AT(jube.callback_timeout_ms),
     .help = "TTL and default wait of invocations accepted on the Jube routes"},
    {.key = "jube.strict_codes", .fallback = "false", .kind = SETTING_BOOL,
     AT(jube.strict_codes), .help = "429, 503 and 410 where Jube says 400 and 404"},
    {.key = "jube.enable_callback", .fallback = "true", .kind = SETTING_BOOL,
     AT(jube.enable_callback), .help = "false: /async is answered synchronously, Callback 404"},
    {.key = "jube.enable_public_invoke", .fallback = "true", .kind = SETTING_BOOL,
     AT(jube.enable_public_invoke), .help = "false: the Jube routes answer 403"},

    {.key = "status.pending_code", .fallback = "200", .kind = SETTING_CODE, .words = "200|202",
     AT(status.pending_code), .help = "status code while an invocation is pending"},
    {.key = "status.done", .fallback = "303", .kind = SETTING_CODE, .words = "303|302|200",
     AT(status.done), .help = "status code when the callback is ready; 200 = no redirect"},
    {.key = "status.retention_ms", .fallback = "60000", .kind = SETTING_NUMBER, .max = WEEK_MS,
     AT(status.retention_ms), .help = "how long an ended invocation's status can be asked"},
    {.key = "status.body", .fallback = "native", .kind = SETTING_CHOICE,
     .words = "native|conditions", AT(status.body),
     .help = "shape of the status document; conditions: SECA's"},
    {.key = "status.base_url", .fallback = "", .kind = SETTING_BASE_URL, .max = 512,
     AT(status.base_url), .shown = "none: paths only",
     .help = "where clients find this cluster; stands before /v1/... in Location, and makes "
             "Operation-Location for Azure's SDKs"},

    {.key = "limits.body_bytes", .fallback = "16MiB", .kind = SETTING_SIZE, .min = 1,
     .max = GIB, AT(limits.body_bytes), .help = "of a request or a result; over it 413"},
    {.key = "limits.header_bytes", .fallback = "32KiB", .kind = SETTING_SIZE, .min = 512,
     .max = 1024 * KIB, AT(limits.header_bytes), .help = "of a request's head; over it 431"},
    {.key = "limits.store_bytes", .fallback = "1GiB", .kind = SETTING_SIZE, .min = 4 * KIB,
     .max = 65536 * GIB, AT(limits.store_bytes),
     .help = "requests, results and copies on this node; over it new work gets 503"},
    {.key = "limits.connections", .fallback = "10000", .kind = SETTING_NUMBER, .min = 1,
     .max = 1000000, AT(limits.connections),
     .help = "of clients at once; over it the eldest idle or slow one makes way, else 503"},
    {.key = "limits.head_timeout_ms", .fallback = "10000", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT(limits.head_timeout_ms),
     .help = "for a whole request head, then 408; and for a new connection to begin one"},
    {.key = "limits.body_timeout_ms", .fallback = "30000", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT(limits.body_timeout_ms),
     .help = "without progress of a request body; then 408"},
    {.key = "limits.idle_timeout_ms", .fallback = "75000", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT(limits.idle_timeout_ms),
     .help = "of a kept connection without a request"},
    {.key = "limits.write_timeout_ms", .fallback = "30000", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT(limits.write_timeout_ms), .help = "of a client that reads nothing"},
    {.key = "limits.body_rate_min", .fallback = "8KiB", .kind = SETTING_SIZE, .max = GIB,
     AT(limits.body_rate_min),
     .help = "a second, that a request body must come in on average, body_timeout_ms granted; "
             "then 408; 0 = none"},
    {.key = "limits.write_rate_min", .fallback = "8KiB", .kind = SETTING_SIZE, .max = GIB,
     AT(limits.write_rate_min),
     .help = "a second, that a client must read of an answer on average, write_timeout_ms "
             "granted; 0 = none"},
    {.key = "limits.half_close_ms", .fallback = "1000", .kind = SETTING_NUMBER, .max = DAY_MS,
     AT(limits.half_close_ms),
     .help = "for an answer to a client that ended its side; a GET that collects ends at once"},

    {.key = "limits.client.rate", .fallback = "0", .kind = SETTING_NUMBER, .max = 1000000,
     AT(limits.client.rate),
     .help = "requests a second of one client (key, else address; IPv6: its /64); over it 429; "
             "0 = not limited"},
    {.key = "limits.client.burst", .fallback = "0", .kind = SETTING_NUMBER, .max = 1000000,
     AT(limits.client.burst), .shown = "limits.client.rate",
     .help = "requests that a client may save up"},
    {.key = "limits.client.concurrency", .fallback = "0", .kind = SETTING_NUMBER,
     .max = 1000000, AT(limits.client.concurrency),
     .help = "requests of one client at once, uploads and waiting GETs included; over it 429; "
             "0 = not limited"},
    {.key = "limits.client.parked", .fallback = "0", .kind = SETTING_NUMBER, .max = 1000000,
     AT(limits.client.parked),
     .help = "GETs of one client that wait at once; one more gets 429 when it would have to "
             "wait; 0 = not limited"},
    {.key = "limits.client.trusted", .fallback = "", .kind = SETTING_NETWORKS,
     AT(limits.client.trusted),
     .help = "proxies whose X-Forwarded-For says who the client is; none = nobody is believed"},

    {.key = "limits.tenant_share", .fallback = "100", .kind = SETTING_NUMBER, .min = 1,
     .max = 100, AT(limits.tenant_share),
     .help = "percent of store_bytes that the invocations of one tenant may take; over it its "
             "new work gets 429"},

    {.key = "shutdown.delay_ms", .fallback = "5000", .kind = SETTING_NUMBER, .max = DAY_MS,
     AT(shutdown.delay_ms), .help = "after SIGTERM: not ready, still serving, for so long"},

    {.key = "webhook.secret_file", .fallback = "", .kind = SETTING_FILE,
     AT(webhook.secret_file), .help = "signs webhooks (Standard Webhooks) when set"},
    {.key = "webhook.attempts", .fallback = "8", .kind = SETTING_NUMBER, .min = 1, .max = 100,
     AT(webhook.attempts), .help = "deliveries tried before giving up"},
    {.key = "webhook.min_wait_ms", .fallback = "500", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT(webhook.min_wait_ms), .help = "before the first retry; doubles"},
    {.key = "webhook.max_wait_ms", .fallback = "60000", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT(webhook.max_wait_ms), .help = "the longest wait between two tries"},
    {.key = "webhook.timeout_ms", .fallback = "15000", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT(webhook.timeout_ms), .help = "of one delivery, connect to last byte"},
    {.key = "webhook.allow", .fallback = "", .kind = SETTING_HOSTS, AT(webhook.allow),
     .help = "addresses, networks (CIDR) or host names that may be internal"},

    {.key = "tls.cert", .fallback = "", .kind = SETTING_FILE, AT(tls.cert),
     .help = "certificate of `listen` and `admin`: HTTPS when set; read again on SIGHUP"},
    {.key = "tls.key", .fallback = "", .kind = SETTING_FILE, AT(tls.key),
     .help = "its private key"},
    {.key = "auth.keys_file", .fallback = "", .kind = SETTING_FILE, AT(auth.keys_file),
     .help = "who may invoke, collect, cancel, administer; read again on SIGHUP "
             "(docs/auth.md)"},
    {.key = "auth.open", .fallback = "false", .kind = SETTING_BOOL, AT(auth.open),
     .help = "serve beyond loopback without keys"},
    {.key = "auth.open_metrics", .fallback = "false", .kind = SETTING_BOOL,
     AT(auth.open_metrics), .help = "with keys: /metrics of the admin address without one"},
    {.key = "log.level", .fallback = "info", .kind = SETTING_CHOICE,
     .words = "debug|info|warn|error", AT(log.level), .help = "the least that is logged"},
    {.key = "plugins.path", .fallback = "", .kind = SETTING_DIRS, AT(plugins.path),
     .shown = "anywhere", .help = "folders that plugin: targets may come from, links resolved"},
    {.key = "debug.core_dumps", .fallback = "false", .kind = SETTING_BOOL,
     AT(debug.core_dumps), .help = "let the node and its programs leave core dumps, with all "
                                   "that their memory holds"},

    {.key = "target", .fallback = "", .kind = SETTING_TARGET, AT_FN(target),
     .shown = "required",
     .help = "http://.., https://.., exec:/program arg.., plugin:/lib.so, or "
             "builtin:echo|sleep|status"},
    {.key = "concurrency", .fallback = "16", .kind = SETTING_NUMBER, .min = 1, .max = 100000,
     AT_FN(concurrency), .help = "running at once on this node"},
    {.key = "queue", .fallback = "10000", .kind = SETTING_NUMBER, .max = 100000000,
     AT_FN(queue), .help = "waiting on this node; over it 429"},
    {.key = "timeout_ms", .fallback = "30000", .kind = SETTING_NUMBER, .min = 1, .max = DAY_MS,
     AT_FN(timeout_ms), .help = "of one execution; then 504"},
    {.key = "ttl_ms", .fallback = "0", .kind = SETTING_NUMBER, .min = 0, .max = WEEK_MS,
     AT_FN(ttl_ms), .shown = "callback.ttl_ms", .help = "how long its callbacks wait to be "
                                                        "collected; 0 = callback.ttl_ms"},
    {.key = "on_node_loss", .fallback = "reexecute", .kind = SETTING_CHOICE,
     .words = "reexecute|fail|drop", AT_FN(on_node_loss),
     .help = "what becomes of accepted work when its node dies"},
    {.key = "max_attempts", .fallback = "2", .kind = SETTING_NUMBER, .min = 1, .max = 100,
     AT_FN(max_attempts), .help = "executions at most, over all nodes, when nodes die"},
    {.key = "deadline_ms", .fallback = "0", .kind = SETTING_NUMBER, .max = WEEK_MS,
     AT_FN(deadline_ms), .shown = "none", .help = "for a whole invocation, retries included; "
                                                  "0 = none"},
    {.key = "jube_model", .fallback = "", .kind = SETTING_GUID, AT_FN(jube_model),
     .help = "the model GUID that this function answers for on the Jube routes"},
    {.key = "forward_credentials", .fallback = "auto", .kind = SETTING_CHOICE,
     .words = "auto|true|false", AT_FN(forward_credentials),
     .help = "give it the client's Authorization, Cookie and x-api-key; auto: unless "
             "auth.keys_file is set"},
    {.key = "env", .fallback = "", .kind = SETTING_VARIABLES, AT_FN(env), .max = 64,
     .help = "exec: variables beyond PATH, HOME, LANG, LC_*, TZ, TMPDIR, USER and Http_*"},
    {.key = "user", .fallback = "", .kind = SETTING_TEXT, .max = 64, AT_FN(user),
     .shown = "the node's", .help = "exec: runs as NAME, UID or UID:GID; needs a node that may "
                                    "become it"},
    {.key = "dir", .fallback = "", .kind = SETTING_DIR, AT_FN(dir), .shown = "the node's",
     .help = "exec: working directory"},
    {.key = "limits.cpu_s", .fallback = "0", .kind = SETTING_NUMBER, .max = 1000000,
     AT_FN(limits.cpu_s), .shown = "none", .help = "exec: seconds of CPU of one process"},
    {.key = "limits.memory_bytes", .fallback = "0", .kind = SETTING_SIZE, .max = 65536 * GIB,
     AT_FN(limits.memory_bytes), .shown = "none", .help = "exec: address space of one process"},
    {.key = "limits.files", .fallback = "0", .kind = SETTING_NUMBER, .max = 1000000,
     AT_FN(limits.files), .shown = "none", .help = "exec: open descriptors of one process"},
    {.key = "limits.processes", .fallback = "0", .kind = SETTING_NUMBER, .max = 1000000,
     AT_FN(limits.processes), .shown = "none",
     .help = "exec: processes of its user on this machine; does not hold root"},
    {.key = "retry.attempts", .fallback = "1", .kind = SETTING_NUMBER, .max = 100,
     AT_FN(retry.attempts), .help = "executions of a failing invocation in all; 1 = no retry"},
    {.key = "retry.codes", .fallback = "429,500,502,503,504", .kind = SETTING_RETRY_CODES,
     AT_FN(retry), .help = "status codes that are tried again"},
    {.key = "retry.min_wait_ms", .fallback = "500", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT_FN(retry.min_wait_ms), .help = "before the first retry; doubles"},
    {.key = "retry.max_wait_ms", .fallback = "60000", .kind = SETTING_NUMBER, .min = 1,
     .max = DAY_MS, AT_FN(retry.max_wait_ms), .help = "the longest wait between two tries"},
};
/* clang-format on */

const size_t setting_count = sizeof settings / sizeof settings[0];

const struct setting_alias setting_aliases[] = {
    {.variable = "EnableCallback",
     .key = "jube.enable_callback",
     .help = "Jube; False: /async is answered synchronously"},
    {.variable = "CallbackTimeout",
     .key = "jube.callback_timeout_ms",
     .help = "Jube; milliseconds"},
    {.variable = "EnablePublicInvokeController",
     .key = "jube.enable_public_invoke",
     .help = "Jube; False: its routes answer 403"},
    {.variable = "ModelInvokeAsynchronousThreads",
     .key = "concurrency",
     .of_function = true,
     .help = "Jube; default of every function"},
    {.variable = "MaximumModelInvokeAsyncQueue",
     .key = "queue",
     .of_function = true,
     .help = "Jube; default of every function"},
    {.variable = "read_timeout",
     .key = "limits.head_timeout_ms",
     .and_key = "limits.body_timeout_ms",
     .kind = ALIAS_GO_DURATION,
     .help = "OpenFaaS; seconds, or 1m30s"},
    {.variable = "write_timeout",
     .key = "limits.write_timeout_ms",
     .kind = ALIAS_GO_DURATION,
     .help = "OpenFaaS; seconds, or 1m30s"},
    {.variable = "exec_timeout",
     .key = "timeout_ms",
     .of_function = true,
     .kind = ALIAS_GO_DURATION,
     .help = "OpenFaaS; default of every function; 0 = no limit"},
};

const size_t setting_alias_count = sizeof setting_aliases / sizeof setting_aliases[0];

const struct setting *setting_find(struct bytes key, bool of_function)
{
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].of_function == of_function && bytes_is(key, settings[i].key)) {
            return &settings[i];
        }
    }
    return NULL;
}
