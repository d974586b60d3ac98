#include "cluster/nodes.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_ROOM 16u

static void *at(const void *owner, uint32_t handle)
{
    return ((const struct nodes *)owner)->at[handle];
}

int nodes_init(struct nodes *ns, uint64_t hash_key)
{
    *ns = (struct nodes){.free_from = 1};
    list_init(&ns->bygones);
    struct table_config config = {.at = at,
                                  .owner = ns,
                                  .next_offset = offsetof(struct node, hash_next),
                                  .key = hash_key};
    return table_init(&ns->table, &config);
}

static void node_free(struct node *n)
{
    seqmap_fini(&n->seqs);
    free((void *)(uintptr_t)n->name.at);
    free(n);
}

void nodes_fini(struct nodes *ns)
{
    for (uint32_t i = 0; i < ns->room; i++) {
        if (ns->at[i] != NULL) {
            node_free(ns->at[i]);
        }
    }
    free(ns->at);
    table_fini(&ns->table);
    *ns = (struct nodes){0};
}

uint16_t nodes_find(const struct nodes *ns, const struct guid *id)
{
    return (uint16_t)table_find(&ns->table, id);
}

/* --- numbers ----------------------------------------------------------------------------- */

static void forget(struct nodes *ns, uint32_t number)
{
    struct node *n = ns->at[number];
    table_remove(&ns->table, number);
    ns->at[number] = NULL;
    ns->count--;
    ns->free_from = number < ns->free_from ? number : ns->free_from;
    node_free(n);
}

static void forget_eldest(struct nodes *ns)
{
    const struct node *n = list_item(list_pop_front(&ns->bygones), struct node, bygone);
    ns->bygone_count--;
    forget(ns, nodes_find(ns, &n->id));
}

static void refer(struct nodes *ns, uint32_t number)
{
    struct node *n = ns->at[number];
    if (n->refs++ == 0) {
        list_remove(&n->bygone);
        ns->bygone_count--;
    }
}

/* A free number, or 0. */
static uint32_t number_find(struct nodes *ns)
{
    uint32_t number = ns->free_from;
    while (number < ns->room && ns->at[number] != NULL) {
        number++;
    }
    ns->free_from = number;
    if (number < ns->room) {
        return number;
    }
    if (number > NODES_MAX && ns->bygone_count > 0) {
        forget_eldest(ns);
        return ns->free_from;
    }
    if (number > NODES_MAX) {
        return 0;
    }
    uint32_t room = ns->room == 0 ? FIRST_ROOM : ns->room * 2;
    struct node **grown = realloc(ns->at, room * sizeof *grown);
    if (grown == NULL) {
        return 0;
    }
    memset(grown + ns->room, 0, (room - ns->room) * sizeof *grown);
    ns->at = grown;
    ns->room = room;
    return number;
}

uint16_t nodes_take(struct nodes *ns, const struct guid *id)
{
    uint32_t number = nodes_find(ns, id);
    if (number != 0) {
        refer(ns, number);
        return (uint16_t)number;
    }
    number = number_find(ns);
    struct node *n = number == 0 ? NULL : calloc(1, sizeof *n);
    if (n == NULL) {
        return 0;
    }
    n->id = *id;
    n->refs = 1;
    list_init(&n->bygone);
    seqmap_init(&n->seqs);
    ns->at[number] = n;
    if (table_add(&ns->table, number) != 0) {
        ns->at[number] = NULL;
        node_free(n);
        return 0;
    }
    ns->count++;
    return (uint16_t)number;
}

void nodes_share(struct nodes *ns, uint32_t number)
{
    if (number != 0) {
        refer(ns, number);
    }
}

void nodes_drop(struct nodes *ns, uint32_t number)
{
    if (number == 0) {
        return;
    }
    struct node *n = ns->at[number];
    assert(n->refs > 0);
    n->refs--;
    if (n->refs > 0) {
        return;
    }
    assert(n->member == NULL && n->seqs.live == 0);
    if (n->seqs.high == 1) {
        forget(ns, number); /* no number of it is known */
        return;
    }
    if (ns->bygone_count == BYGONES_MAX) {
        forget_eldest(ns);
    }
    list_push_back(&ns->bygones, &n->bygone);
    ns->bygone_count++;
}

bool nodes_set_name(struct node *n, struct bytes name)
{
    if (bytes_equal(n->name, name)) {
        return true;
    }
    char *text = malloc(name.size + 1);
    if (text == NULL) {
        return false;
    }
    memcpy(text, name.size == 0 ? (const uint8_t *)"" : name.at, name.size);
    text[name.size] = '\0';
    free((void *)(uintptr_t)n->name.at);
    n->name = bytes_of(text, name.size);
    return true;
}
