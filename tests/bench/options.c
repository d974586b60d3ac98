#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "loadgen [--mode cycle|fixed|post|sync|get|redis] --nodes IP:PORT[,IP:PORT...]\n"
    "        [--collect same|other|random] [--path /v1/functions/echo] [--size BYTES]\n"
    "        [--connections N] [--seconds S] [--warmup S] [--rate PER_SECOND] [--count N]\n"
    "        [--pid PID]...\n";

static void complain(const char *what)
{
    fprintf(stderr, "loadgen: %s\n%s", what, usage);
    exit(2);
}

static uint32_t one_of(const char *word, const char *const *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    complain(word);
    return 0;
}

static void read_node(struct options *o, char *text)
{
    char *colon = strrchr(text, ':');
    if (o->node_count == NODES_MAX || colon == NULL) {
        complain("--nodes wants IP:PORT,IP:PORT...");
    }
    *colon = '\0';
    struct sockaddr_in *to = &o->nodes[o->node_count++];
    to->sin_family = AF_INET;
    to->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, text, &to->sin_addr) != 1) {
        complain(text);
    }
}

static void read_nodes(struct options *o, const char *text)
{
    char one[64];
    while (*text != '\0') {
        size_t n = strcspn(text, ",");
        if (n >= sizeof one) {
            complain("--nodes wants IP:PORT,IP:PORT...");
        }
        memcpy(one, text, n);
        one[n] = '\0';
        read_node(o, one);
        text += n + (text[n] == ',');
    }
}

static void take(struct options *o, int option, const char *word)
{
    static const char *const modes[] = {"cycle", "fixed", "post", "sync", "get", "redis"};
    static const char *const collects[] = {"same", "other", "random"};
    switch (option) {
    case 'm':
        o->mode = (enum mode)one_of(word, modes, 6);
        break;
    case 'o':
        o->collect = (enum collect)one_of(word, collects, 3);
        break;
    case 'n':
        read_nodes(o, word);
        break;
    case 'u':
        o->path = word;
        break;
    case 'z':
        o->size = strtoul(word, NULL, 10);
        break;
    case 'c':
        o->connections = (uint32_t)strtoul(word, NULL, 10);
        break;
    case 's':
        o->seconds = strtod(word, NULL);
        break;
    case 'w':
        o->warmup_s = strtod(word, NULL);
        break;
    case 'r':
        o->rate = strtod(word, NULL);
        break;
    case 'k':
        o->count = strtoull(word, NULL, 10);
        break;
    case 'p':
        if (o->pid_count < PIDS_MAX) {
            o->pids[o->pid_count++] = (int)strtol(word, NULL, 10);
        }
        break;
    default:
        complain("unknown option");
    }
}

struct options options_read(int argc, char **argv)
{
    static const struct option longs[] = {
        {"mode", 1, NULL, 'm'},    {"collect", 1, NULL, 'o'}, {"nodes", 1, NULL, 'n'},
        {"path", 1, NULL, 'u'},    {"size", 1, NULL, 'z'},    {"connections", 1, NULL, 'c'},
        {"seconds", 1, NULL, 's'}, {"warmup", 1, NULL, 'w'},  {"rate", 1, NULL, 'r'},
        {"count", 1, NULL, 'k'},   {"pid", 1, NULL, 'p'},     {NULL, 0, NULL, 0},
    };
    struct options o = {
        .path = "/v1/functions/echo",
        .connections = 64,
        .size = 1024,
        .seconds = 5,
        .warmup_s = 1,
    };
    int option;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        take(&o, option, optarg);
    }
    if (o.node_count == 0) {
        complain("--nodes is missing");
    }
    if (o.count > 0) {
        o.seconds = o.seconds < 600 ? 600 : o.seconds;
    }
    return o;
}

/* User and system time of all its threads: the clock of the process, in nanoseconds. */
static double cpu_of(int pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        complain("--pid names no process");
    }
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double options_cpu_seconds(const struct options *o)
{
    double sum = 0;
    for (uint32_t i = 0; i < o->pid_count; i++) {
        sum += cpu_of(o->pids[i]);
    }
    return sum;
}
