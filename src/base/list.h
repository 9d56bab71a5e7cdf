/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/list.h - an intrusive doubly linked list. Links live inside the objects; no allocation.
 */
#ifndef FL_BASE_LIST_H
#define FL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct fl_list {
	struct fl_list *next, *prev;
};

#define fl_list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void fl_list_init(struct fl_list *l)
{
	l->next = l->prev = l;
}

static inline bool fl_list_empty(const struct fl_list *l)
{
	return l->next == l;
}

/* A link that was initialised and is not on any list is its own list. */
static inline bool fl_list_linked(const struct fl_list *l)
{
	return l->next != NULL && l->next != l;
}

static inline void fl_list_push(struct fl_list *head, struct fl_list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Takes `l` off its list; harmless on one that is on none. */
static inline void fl_list_del(struct fl_list *l)
{
	if (l->next == NULL)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = l;
}

/* The first link taken off, or NULL. */
static inline struct fl_list *fl_list_pop(struct fl_list *head)
{
	if (fl_list_empty(head))
		return NULL;
	struct fl_list *l = head->next;
	head->next = l->next;
	l->next->prev = head;
	l->next = l->prev = l;
	return l;
}

/* Walks the list; the current link may be removed inside the body. */
#define fl_list_each(it, head)                                                                     \
	for (struct fl_list *it = (head)->next, *it##_next = it->next; it != (head);               \
	     it = it##_next, it##_next = it->next)

#endif
