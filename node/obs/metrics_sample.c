#include "obs/metrics_sample.h"

void metrics_sample_core(struct metrics_sample *out, const struct core *core, uint64_t now_ms)
{
    const struct cluster *cluster = core_cluster(core);
    out->functions = core_functions(core);
    for (size_t i = 0; i < metrics_refusal_count; i++) {
        enum op_outcome outcome = metrics_refusals[i].outcome;
        out->refused[outcome] = core_refused(core, outcome);
    }
    out->cluster = cluster_counters(cluster);
    struct cluster_member member;
    for (uint32_t n = 0; cluster_member_at(cluster, now_ms, n, &member); n++) {
        out->members[member.state]++;
    }
}
