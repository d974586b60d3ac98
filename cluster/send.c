#include "cluster/send.h"

bool send_control(struct cluster *c, uint16_t node, const struct msg *m)
{
    (void)c;
    (void)node;
    (void)m;
    return false;
}

bool send_bulk(struct cluster *c, uint16_t node, const struct msg *m)
{
    (void)c;
    (void)node;
    (void)m;
    return false;
}

void send_release(struct cluster *c, uint16_t node, const struct guid *guid, uint64_t counter)
{
    (void)c;
    (void)node;
    (void)guid;
    (void)counter;
}

void send_taken(struct cluster *c, uint16_t node, const struct msg_taken_item *item)
{
    (void)c;
    (void)node;
    (void)item;
}
