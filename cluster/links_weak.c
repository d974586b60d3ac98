/* Stand-ins until the links of the cluster land: a single node has none. */
#include "cluster/links.h"
__attribute__((weak)) void cluster_seed(struct cluster *c, uint64_t n, struct bytes a)
{
    (void)c, (void)n, (void)a;
}
__attribute__((weak)) void cluster_link_opened(struct cluster *c, uint64_t n, uint64_t l)
{
    (void)c, (void)n, (void)l;
}
__attribute__((weak)) void cluster_link_accepted(struct cluster *c, uint64_t n, uint64_t l)
{
    (void)c, (void)n, (void)l;
}
__attribute__((weak)) void cluster_link_closed(struct cluster *c, uint64_t n, uint64_t l,
                                               enum link_end w)
{
    (void)c, (void)n, (void)l, (void)w;
}
__attribute__((weak)) void cluster_receive(struct cluster *c, uint64_t n, uint64_t l,
                                           const struct msg *m, uint64_t s)
{
    (void)c, (void)n, (void)l, (void)m, (void)s;
}
__attribute__((weak)) void cluster_link_unsent(struct cluster *c, uint64_t n, uint64_t l,
                                               size_t u)
{
    (void)c, (void)n, (void)l, (void)u;
}
__attribute__((weak)) size_t cluster_link_frame_max(const struct cluster *c, uint64_t l)
{
    (void)c, (void)l;
    return 4096;
}
__attribute__((weak)) bool cluster_member_at(const struct cluster *c, uint64_t n, uint32_t i,
                                             struct cluster_member *o)
{
    (void)c, (void)n, (void)i, (void)o;
    return false;
}
