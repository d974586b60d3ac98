/* Intrusive doubly linked list. The links live in the items, so that adding and removing
 * never allocates and never fails. A list is a ring through its head; an unlinked item
 * points to itself, so removing twice is harmless. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/* The item that holds link `l` as its member `field`. */
#define list_item(l, type, field) ((type *)(void *)((char *)(l)-offsetof(type, field)))

static inline void list_init(struct list *l)
{
    l->prev = l;
    l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void list_push_front(struct list *head, struct list *l)
{
    list_push_back(head->next, l);
}

static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

/* NULL when empty. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *first = head->next;
    if (first == head) {
        return NULL;
    }
    list_remove(first);
    return first;
}

#endif
