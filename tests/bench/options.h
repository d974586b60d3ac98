/* The load generator's command line, and the CPU clocks of the processes it watches. */
#ifndef TESTS_BENCH_OPTIONS_H
#define TESTS_BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define NODES_MAX 16
#define PIDS_MAX  64

enum mode { MODE_CYCLE, MODE_FIXED, MODE_POST, MODE_SYNC, MODE_GET, MODE_REDIS };
enum collect { COLLECT_SAME, COLLECT_OTHER, COLLECT_RANDOM };

struct options {
    enum mode mode;
    enum collect collect;
    struct sockaddr_in nodes[NODES_MAX];
    uint32_t node_count;
    const char *path;
    uint32_t connections, connections_done;
    size_t size; /* bytes of a body */
    double seconds, warmup_s;
    double rate;    /* cycles a second in all; 0: as fast as the answers come */
    uint64_t count; /* stop after so many cycles; 0: after `seconds` */
    int pids[PIDS_MAX];
    uint32_t pid_count;
};

/* Exits with 2 and a usage text when the words are wrong. */
struct options options_read(int argc, char **argv);

/* User and system time of all threads of the watched processes. */
double options_cpu_seconds(const struct options *o);

#endif
