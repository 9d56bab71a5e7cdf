/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/group.c - nodes by what they have in common: those of a machine, those of a user.
 *
 * A group that lost its last node stays until the commit, with its room: so that undo cannot fail.
 */
#include "domain/state/inner.h"

#include <stdlib.h>

static struct fl_group *find_or_add(struct fl_state *s, struct fl_map *by, const void *key)
{
	struct fl_group *g = fl_map_find(by, key);
	if (g != NULL)
		return g;
	g = calloc(1, sizeof *g);
	if (g == NULL)
		return NULL;
	g->by = by;
	memcpy(g->key, key, by->key_len);
	fl_list_init(&g->empty);
	if (fl_map_put(by, key, g) != FL_OK) {
		free(g);
		return NULL;
	}
	fl_list_push(&s->empty_groups, &g->empty);
	return g;
}

enum fl_err fl_group_join(struct fl_state *s, struct fl_map *by, const void *key, fl_node_id id)
{
	struct fl_group *g = find_or_add(s, by, key);
	if (g == NULL)
		return FL_ERR_NOMEM;
	fl_node_id *ids = fl_state_grow(g->ids, &g->cap, g->len, sizeof *ids);
	if (ids == NULL)
		return FL_ERR_NOMEM;
	g->ids = ids;
	ids[g->len++] = id;
	fl_list_del(&g->empty);
	return FL_OK;
}

void fl_group_leave(struct fl_state *s, struct fl_map *by, const void *key, fl_node_id id)
{
	struct fl_group *g = fl_map_find(by, key);

	for (size_t i = 0; i < g->len; i++) {
		if (g->ids[i] != id)
			continue;
		g->ids[i] = g->ids[--g->len];
		break;
	}
	if (g->len == 0)
		fl_list_push(&s->empty_groups, &g->empty);
}

void fl_groups_sweep(struct fl_state *s)
{
	for (struct fl_list *l; (l = fl_list_pop(&s->empty_groups)) != NULL;) {
		struct fl_group *g = fl_list_entry(l, struct fl_group, empty);
		fl_map_take(g->by, g->key);
		free(g->ids);
		free(g);
	}
}

void fl_groups_done(struct fl_map *by)
{
	size_t at = 0;

	for (struct fl_group *g; (g = fl_map_next(by, &at)) != NULL; free(g))
		free(g->ids);
	fl_map_done(by);
}

const struct fl_group *fl_state_machine(const struct fl_state *s, const struct fl_machine_key *key)
{
	return fl_map_find(&s->by_machine, key->b);
}

bool fl_state_knows_machine(const struct fl_state *s, const struct fl_machine_key *machine)
{
	const struct fl_group *g = fl_state_machine(s, machine);
	return g != NULL && g->len > 0;
}

size_t fl_state_nodes_of(const struct fl_state *s, fl_user_id user, const fl_node_id **out)
{
	const struct fl_group *g = fl_map_find(&s->by_user, &user);

	*out = g != NULL ? g->ids : NULL;
	return g != NULL ? g->len : 0;
}
