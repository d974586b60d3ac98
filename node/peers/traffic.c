#include "peers/traffic.h"

#include <stdlib.h>

void traffic_fini(struct traffic *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->entries[i]);
    }
    *t = (struct traffic){.count = 0};
}

static struct bytes name_of(const struct traffic_entry *e)
{
    return bytes_of(e->name, e->name_size);
}

struct traffic_entry *traffic_of(struct traffic *t, struct bytes name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (bytes_equal(name_of(t->entries[i]), name)) {
            return t->entries[i];
        }
    }
    struct traffic_entry *e = NULL;
    if (t->count < TRAFFIC_PEERS_MAX && name.size > 0 && name.size <= sizeof e->name) {
        e = calloc(1, sizeof *e);
    }
    if (e == NULL) {
        return &t->other;
    }
    memcpy(e->name, name.at, name.size);
    e->name_size = (uint32_t)name.size;
    t->entries[t->count++] = e;
    return e;
}

bool traffic_at(const struct traffic *t, size_t n, struct peers_traffic *out)
{
    size_t row = n / LANE_COUNT;
    if (row > t->count) {
        return false;
    }
    const struct traffic_entry *e = row < t->count ? t->entries[row] : &t->other;
    out->peer = row < t->count ? name_of(e) : bytes_text("other");
    out->lane = (enum msg_lane)(n % LANE_COUNT);
    out->sent_size = e->sent_size[out->lane];
    out->received_size = e->received_size[out->lane];
    return true;
}
