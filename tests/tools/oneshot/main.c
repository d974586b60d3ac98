/* Races clients of several nodes for the same callbacks, and counts deliveries:
 *
 *     oneshot --nodes H:P,H:P,H:P [--count N | --seconds S | --until-told] [--sizes
 * 100,5120,204800]
 *             [--clients 3] [--window 60] [--wait MS] [--hold MS] [--pace MS] [--give-up MS]
 *             [--path /v1/functions/echo] [--status] [--no-sweep] [--tokens] [--insist]
 *             [--ledger FILE]
 *
 * Prints one JSON object. Exit code 0: no second delivery, no wrong body; what was lost is for
 * the caller to judge, who knows which nodes died. */
#include "race.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static volatile sig_atomic_t is_told; /* SIGTERM: enough was posted */

static void on_told(int number)
{
    (void)number;
    is_told = 1;
}

static void usage(const char *what)
{
    fprintf(stderr, "oneshot: %s; the head of main.c tells the options\n", what);
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        usage("not a number");
    }
    return value;
}

static void read_nodes(struct race_options *o, char *text)
{
    for (char *one = strsep(&text, ","); one != NULL; one = strsep(&text, ",")) {
        char *colon = strrchr(one, ':');
        if (colon == NULL || o->node_count == NODES_MAX) {
            usage("--nodes takes up to 16 of HOST:PORT");
        }
        *colon = '\0';
        struct sockaddr_in *a = &o->nodes[o->node_count++];
        a->sin_family = AF_INET;
        a->sin_port = htons((uint16_t)number(colon + 1));
        if (inet_pton(AF_INET, one, &a->sin_addr) != 1) {
            usage("--nodes takes numeric addresses");
        }
    }
}

static void read_sizes(struct race_options *o, char *text)
{
    o->size_count = 0;
    for (char *one = strsep(&text, ","); one != NULL; one = strsep(&text, ",")) {
        if (o->size_count == SIZES_MAX) {
            usage("too many sizes");
        }
        o->sizes[o->size_count++] = (uint32_t)number(one);
    }
}

static void read_option(struct race_options *o, int option)
{
    switch (option) {
    case 'n':
        read_nodes(o, optarg);
        break;
    case 'z':
        read_sizes(o, optarg);
        break;
    case 'p':
        o->path = optarg;
        break;
    case 'c':
        o->count = number(optarg);
        break;
    case 's':
        o->seconds = number(optarg);
        o->count = UINT64_MAX;
        break;
    case 'S':
        o->asks_status = true;
        break;
    case 'N':
        o->sweeps = false;
        break;
    case 't':
        o->has_tokens = true;
        break;
    case 'i':
        o->insists = true;
        break;
    case 'u':
        o->count = UINT64_MAX;
        break;
    case 'l':
        o->ledger = optarg;
        break;
    default:
        usage("unknown option");
    }
}

static void read_options(struct race_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"nodes", 1, NULL, 'n'},    {"sizes", 1, NULL, 'z'},      {"path", 1, NULL, 'p'},
        {"count", 1, NULL, 'c'},    {"seconds", 1, NULL, 's'},    {"status", 0, NULL, 'S'},
        {"no-sweep", 0, NULL, 'N'}, {"clients", 1, NULL, 1},      {"window", 1, NULL, 2},
        {"wait", 1, NULL, 3},       {"hold", 1, NULL, 4},         {"pace", 1, NULL, 5},
        {"give-up", 1, NULL, 6},    {"tokens", 0, NULL, 't'},     {"insist", 0, NULL, 'i'},
        {"ledger", 1, NULL, 'l'},   {"until-told", 0, NULL, 'u'}, {NULL, 0, NULL, 0},
    };
    uint32_t *const numbers[] = {NULL,        &o->clients, &o->window,    &o->wait_ms,
                                 &o->hold_ms, &o->pace_ms, &o->give_up_ms};
    int one;
    while ((one = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (one >= 1 && one <= 6) {
            *numbers[one] = (uint32_t)number(optarg);
        } else {
            read_option(o, one);
        }
    }
    if (o->node_count == 0 || o->clients == 0 || o->clients > CLIENTS_MAX || o->window == 0 ||
        o->size_count == 0) {
        usage("--nodes is needed, and sane numbers");
    }
}

static void print_codes(const char *name, const uint64_t codes[600])
{
    const char *comma = "";
    printf("\"%s\":{", name);
    for (int i = 0; i < 600; i++) {
        if (codes[i] > 0) {
            printf("%s\"%d\":%llu", comma, i, (unsigned long long)codes[i]);
            comma = ",";
        }
    }
    printf("},");
}

#define COUNT(NAME) printf("\"" #NAME "\":%llu,", (unsigned long long)p->NAME)

static void print_report(const struct race_report *p)
{
    printf("{");
    COUNT(accepted);
    COUNT(refused);
    COUNT(posts_refused);
    COUNT(posts_broken);
    COUNT(delivered);
    COUNT(twice);
    COUNT(wrong_bodies);
    COUNT(failed);
    COUNT(wrong_answers);
    COUNT(no_retry_after);
    print_codes("post_codes", p->post_codes);
    print_codes("codes", p->codes);
    print_codes("status_codes", p->status_codes);
    COUNT(gets_refused);
    COUNT(gets_broken);
    COUNT(gets_cut);
    COUNT(gets_unanswered);
    COUNT(lost_cut);
    COUNT(lost_asked);
    COUNT(lost_gone);
    COUNT(lost_unknown);
    COUNT(lost_unavailable);
    COUNT(lost_unanswered);
    COUNT(broke_once);
    print_codes("sweep_codes", p->sweep_codes);
    COUNT(swept);
    COUNT(swept_late);
    COUNT(swept_twice);
    printf("\"seconds\":%.2f}\n", p->seconds);
}

static void allow_connections(uint32_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted + 64) {
        limit.rlim_cur = wanted + 64 < limit.rlim_max ? wanted + 64 : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct race_options o = {.clients = 3,
                             .path = "/v1/functions/echo",
                             .count = 1000,
                             .sizes = {100, 5120, 204800},
                             .size_count = 3,
                             .window = 60,
                             .wait_ms = 3000,
                             .hold_ms = 20,
                             .give_up_ms = 30000,
                             .sweeps = true,
                             .is_told = &is_told};
    struct race_report report;
    read_options(&o, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_told);
    allow_connections(o.window * o.clients);
    race_run(&o, &report);
    print_report(&report);
    return report.twice == 0 && report.wrong_bodies == 0 ? 0 : 1;
}
