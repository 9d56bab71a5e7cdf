/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/debug_views.c - which sessions see the same nodes. */
#include <stdlib.h>

#include "services/control/debug_parts.h"

enum { SHOWN_NODES = 20 };

/* Sessions whose nodes see the same peers; they share frames. */
struct view_note {
	uint64_t *peers;
	size_t peers_count, sessions;
	fl_node_id nodes[SHOWN_NODES];
};

struct views {
	struct view_note at[FL_DEBUG_COSTLY_MAX];
	size_t count;
};

static struct view_note *find_view(struct views *v, const uint64_t *peers, size_t count)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->at[i].peers_count == count &&
		    memcmp(v->at[i].peers, peers, count * sizeof *peers) == 0)
			return &v->at[i];
	return NULL;
}

/* The node itself counts as seen, else nobody would see the same as anybody else. */
static size_t list_seen(const struct fl_policy *p, fl_node_id node, uint64_t *out, size_t room)
{
	size_t count = fl_policy_peers(p, node, out, room);
	size_t i = count = count < room ? count : room;

	while (i > 0 && out[i - 1] > node) {
		out[i] = out[i - 1];
		i--;
	}
	out[i] = node;
	return count + 1;
}

static bool add_view(struct views *v, const struct fl_policy *p, fl_node_id node, size_t room)
{
	uint64_t *peers = calloc(room + 1, sizeof *peers);

	if (peers == NULL)
		return false;
	size_t count = list_seen(p, node, peers, room);
	struct view_note *n = find_view(v, peers, count);
	if (n == NULL) {
		n = &v->at[v->count++];
		*n = (struct view_note){ .peers = peers, .peers_count = count };
	} else {
		free(peers);
	}
	if (n->sessions < SHOWN_NODES)
		n->nodes[n->sessions] = node;
	n->sessions++;
	return true;
}

static void put_view(struct fl_control *c, const struct view_note *n, struct fl_jw *w)
{
	fl_jw_obj(w);
	put_u64(w, "sessions", n->sessions);
	put_u64(w, "sees", n->peers_count);
	fl_jw_key(w, "nodes");
	fl_jw_arr(w);
	for (size_t i = 0; i < n->sessions && i < SHOWN_NODES; i++)
		put_node(w, c, n->nodes[i]);
	fl_jw_arr_end(w);
	fl_jw_obj_end(w);
}

/* Without a policy all sessions are one view, and nothing has to be worked out. */
static void put_one_view(struct fl_control *c, struct fl_jw *w)
{
	struct fl_node *const *nodes;
	struct view_note all = { .peers_count = fl_state_nodes(c->core->state, &nodes) };

	fl_list_each(it, &c->view.sessions)
	{
		if (all.sessions < SHOWN_NODES)
			all.nodes[all.sessions] = fl_list_entry(it, struct fl_session, link)->node;
		all.sessions++;
	}
	if (all.sessions > 0)
		put_view(c, &all, w);
}

static void put_views(struct fl_control *c, size_t limit, struct fl_jw *w)
{
	struct fl_node *const *nodes;
	size_t room = fl_state_nodes(c->core->state, &nodes), looked = 0;
	struct views *v = calloc(1, sizeof *v);

	fl_list_each(it, &c->view.sessions)
	{
		fl_node_id node = fl_list_entry(it, struct fl_session, link)->node;
		if (v == NULL || looked == limit || !add_view(v, c->core->policy, node, room))
			break;
		looked++;
	}
	for (size_t i = 0; v != NULL && i < v->count; i++) {
		put_view(c, &v->at[i], w);
		free(v->at[i].peers);
	}
	free(v);
}

void fl_debug_views(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	bool governed = fl_governing(c->core->policy) != NULL;
	size_t limit = at_most(q->limit, FL_DEBUG_COSTLY_MAX);

	fl_jw_obj(w);
	fl_jw_key(w, "views");
	fl_jw_arr(w);
	if (governed)
		put_views(c, limit, w);
	else
		put_one_view(c, w);
	fl_jw_arr_end(w);
	put_bool(w, "policy", governed);
	put_u64(w, "sessions", c->stats.sessions);
	put_u64(w, "looked", governed ? at_most(c->stats.sessions, limit) : c->stats.sessions);
	fl_jw_obj_end(w);
}
