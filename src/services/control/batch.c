/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/batch.c - merges the changes of a tick, one entry a node. */
#include "services/control/batch.h"

#include <stdlib.h>

#include "base/order.h"

static int by_id(const void *a, const void *b)
{
	const struct fl_merged *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static struct fl_merged merge_one(const struct fl_change *ch)
{
	struct fl_merged m = { .id = ch->id };

	switch (ch->kind) {
	case FL_CHANGE_NODE_ADDED:
		m.added = m.whole = m.self = true;
		break;
	case FL_CHANGE_NODE_CHANGED:
	case FL_CHANGE_NODE_EXPIRED:
		m.whole = true;
		m.self = true;
		break;
	case FL_CHANGE_ROUTES:
		m.whole = m.routes = true;
		m.self = true;
		break;
	case FL_CHANGE_NODE_PATCHED:
		m.fields = ch->fields;
		m.self = (ch->fields & (FL_PATCH_KEY | FL_PATCH_EXPIRY)) != 0;
		break;
	case FL_CHANGE_NODE_REMOVED:
		m.removed = true;
		break;
	case FL_CHANGE_USER:
	case FL_CHANGE_HEALTH:
	case FL_CHANGE_POLICY:
		break;
	}
	return m;
}

/* Are the routes all that makes the entry of either new? */
static bool routes_alone(const struct fl_merged *a, const struct fl_merged *b)
{
	return (a->routes || !a->whole) && (b->routes || !b->whole) && (a->routes || b->routes);
}

static void fold_equal_ids(struct fl_batch *b)
{
	size_t kept = 0;

	qsort(b->nodes, b->nodes_count, sizeof *b->nodes, by_id);
	for (size_t i = 0; i < b->nodes_count; i++) {
		struct fl_merged *last = kept > 0 ? &b->nodes[kept - 1] : NULL;
		if (last != NULL && last->id == b->nodes[i].id) {
			last->fields |= b->nodes[i].fields;
			last->routes = routes_alone(last, &b->nodes[i]);
			last->whole |= b->nodes[i].whole;
			last->added |= b->nodes[i].added;
			last->removed |= b->nodes[i].removed;
			last->self |= b->nodes[i].self;
		} else {
			b->nodes[kept++] = b->nodes[i];
		}
	}
	b->nodes_count = kept;
}

/* A user without nodes is in nobody's map, nor is one that is gone (UP-4, CHG-8). */
static bool is_shown(const struct fl_control *c, fl_user_id user)
{
	const fl_node_id *ids;

	return fl_state_nodes_of(c->core->state, user, &ids) > 0;
}

static void add(struct fl_control *c, struct fl_batch *b, const struct fl_change *changes,
		size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (changes[i].kind == FL_CHANGE_POLICY || changes[i].kind == FL_CHANGE_HEALTH)
			continue;
		if (changes[i].kind != FL_CHANGE_USER)
			b->nodes[b->nodes_count++] = merge_one(&changes[i]);
		else if (changes[i].fields != FL_CHANGED_ROLE && is_shown(c, changes[i].id))
			b->profiles[b->profiles_count++] = changes[i].id;
	}
}

bool fl_batch_init(struct fl_control *c, struct fl_batch *b, const struct fl_change *changes,
		   size_t count)
{
	size_t room = c->hold.count + count + 1; /* calloc of nothing may give NULL */

	*b = (struct fl_batch){
		.nodes = calloc(room, sizeof *b->nodes),
		.profiles = calloc(room, sizeof *b->profiles),
		.removed = calloc(room, sizeof *b->removed),
		.peers = calloc(room, sizeof *b->peers),
	};
	if (b->nodes == NULL || b->profiles == NULL || b->removed == NULL || b->peers == NULL)
		return false;
	add(c, b, c->hold.kept, c->hold.count);
	add(c, b, changes, count);
	qsort(b->profiles, b->profiles_count, sizeof *b->profiles, fl_u64_order);
	fold_equal_ids(b);
	return true;
}

void fl_batch_done(struct fl_batch *b)
{
	free(b->nodes);
	free(b->profiles);
	free(b->removed);
	free(b->peers);
}

/* What peers are told, from the records as they are now. */
enum fl_err fl_batch_fill(struct fl_control *c, struct fl_batch *b)
{
	for (size_t i = 0; i < b->nodes_count; i++) {
		const struct fl_merged *m = &b->nodes[i];
		const struct fl_node *n = fl_state_node(c->core->state, m->id);
		bool entry = m->whole || (m->fields & (FL_PATCH_KEY | FL_PATCH_EXPIRY)) != 0;
		const struct fl_bytes *fragment = NULL;

		fl_fragments_drop(c->fragments, m->id);
		if (m->removed && !m->added)
			b->removed[b->removed_count++] = m->id;
		/* Gone with an earlier batch, of which all have heard: late news of it is none. */
		if (m->removed || n == NULL)
			continue;
		enum fl_err err = FL_OK;
		if (entry)
			err = fl_fragments_get(c->fragments, c->netmap, n, &fragment);
		if (err != FL_OK)
			return err;
		b->peers[b->peers_count++] = (struct fl_netmap_peer){
			.node = n,
			.fragment = fragment,
			.fields = m->whole ? 0 : m->fields,
			.online = fl_core_online(c->core, m->id),
		};
		if (m->whole)
			fl_ephemeral_watch(c, m->id);
	}
	return FL_OK;
}

const struct fl_merged *fl_batch_find(const struct fl_batch *b, fl_node_id node)
{
	const struct fl_merged wanted = { .id = node };
	return bsearch(&wanted, b->nodes, b->nodes_count, sizeof *b->nodes, by_id);
}
