#include "cluster/members.h"

int members_init(struct cluster *c)
{
    (void)c;
    return 0;
}

void members_fini(struct cluster *c)
{
    (void)c;
}

uint64_t members_deadline_ms(const struct cluster *c)
{
    (void)c;
    return UINT64_MAX;
}

void members_tick(struct cluster *c)
{
    (void)c;
}

void members_drain(struct cluster *c)
{
    (void)c;
}

bool members_are_joined(const struct cluster *c)
{
    return c->members == NULL;
}

size_t members_count(const struct cluster *c)
{
    (void)c;
    return 1;
}

size_t members_link_count(const struct cluster *c)
{
    (void)c;
    return 0;
}
