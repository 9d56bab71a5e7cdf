/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/governed.c - distribution under a policy: each session hears what differs for
 * its node between the snapshot before the tick and the one after, and no more.
 *
 * A peer that comes into sight is told whole, with its owner; one that leaves is removed; of the
 * others what changed of them is told to those who see them.
 *
 * Source: docs/lifecycle.md CHG-2, CHG-8, VIS-4 to VIS-6, POL-3, POL-4; docs/policy.md 9.1.
 */
#include "services/control/told.h"

#include <stdlib.h>

#include "base/order.h"

struct tell {
	struct fl_control *control;
	const struct fl_batch *batch;
	const struct fl_policy *was, *now;      /* NULL: everybody sees everybody */
	const struct fl_policy *before, *after; /* the same as snapshots, for what differs */
	struct fl_policy_moved *moved;          /* NULL: the lists are compared */
	uint64_t *seen_was, *seen_now;          /* lists of the session at hand */
	struct fl_policy_ids routers;           /* ascending: who serves anything, or may have */
	bool routers_listed;
	struct fl_policy_ids ip4; /* ascending: whose IPv4 address came or went */
	uint64_t *audience;
	size_t audience_count, room;
	bool hid_ip4, hides_ip4; /* from somebody, before and now */
	/* The session's message. */
	struct fl_viewer viewer;
	struct fl_told told;
	enum fl_err err;
	struct fl_forms forms;
};

bool fl_control_is_governed(const struct fl_control *c)
{
	return fl_governing(c->core->policy) != NULL || fl_governing(c->core->policy_was) != NULL;
}

/* ---- one session's peers ---- */

/*
 * Of who was added in this tick nobody has heard. (A policy that comes in the same tick looks back
 * on a world without one, in which all nodes of now saw each other.)
 */
static void add_removed(struct tell *t, fl_node_id id)
{
	const struct fl_merged *m = fl_batch_find(t->batch, id);

	if (id != t->viewer.id && (m == NULL || !m->added))
		t->told.removed[t->told.removed_count++] = id;
}

/* `fields` 0: whole. */
static void add_peer(struct tell *t, fl_node_id id, uint32_t fields)
{
	struct fl_control *c = t->control;
	const struct fl_node *n = fl_state_node(c->core->state, id);
	const struct fl_bytes *fragment = NULL;
	bool entry = fields == 0 || (fields & (FL_PATCH_KEY | FL_PATCH_EXPIRY)) != 0;

	if (n == NULL || id == t->viewer.id || t->err != FL_OK)
		return;
	if (entry)
		t->err = fl_fragments_for(c->fragments, c->netmap, &t->viewer, n, &fragment);
	t->told.peers[t->told.peers_count++] = (struct fl_netmap_peer){
		.node = n,
		.fragment = fragment,
		.fields = fields,
		.online = fl_core_online(c->core, id),
	};
}

static bool is_among(const struct fl_policy_ids *ids, fl_node_id id)
{
	return ids->len > 0 &&
	       bsearch(&id, ids->at, ids->len, sizeof *ids->at, fl_u64_order) != NULL;
}

/* Who serves routes now, or did before this tick. False: out of memory. */
static bool list_routers(struct tell *t)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(t->control->core->state, &nodes);

	if (t->routers_listed)
		return true;
	t->routers.at = malloc((count + 1) * sizeof *t->routers.at);
	if (t->routers.at == NULL)
		return false;
	t->routers.len = 0;
	for (size_t i = 0; i < count; i++)
		if (nodes[i]->approved_count > 0 || fl_batch_find(t->batch, nodes[i]->id) != NULL)
			t->routers.at[t->routers.len++] = nodes[i]->id;
	t->routers_listed = true;
	return true;
}

static bool is_router(struct tell *t, fl_node_id id)
{
	if (fl_batch_find(t->batch, id) != NULL || !list_routers(t))
		return true; /* maybe */
	return is_among(&t->routers, id);
}

/* Does the viewer get other routes of the peer, or is that an exit node since? */
static bool routes_moved(struct tell *t, fl_node_id id)
{
	struct fl_prefix was[FL_POLICY_ROUTES_MAX], now[FL_POLICY_ROUTES_MAX];

	if (t->before == t->after || !is_router(t, id))
		return false;
	if (fl_policy_suggests_exit(t->before, id) != fl_policy_suggests_exit(t->after, id))
		return true;
	size_t count = fl_policy_routes(t->before, t->viewer.id, id, was);
	if (fl_policy_routes(t->after, t->viewer.id, id, now) != count)
		return true;
	for (size_t i = 0; i < count; i++)
		if (!fl_prefix_eq(&was[i], &now[i]))
			return true;
	return false;
}

static bool lost_ip4(const struct tell *t, fl_node_id id)
{
	return t->hid_ip4 && fl_policy_lacks_ip4(t->was, id);
}

static bool lacks_ip4(const struct tell *t, fl_node_id id)
{
	return t->hides_ip4 && fl_policy_lacks_ip4(t->now, id);
}

/* IPv4 addresses may come and go, which is no matter of anybody's record. */
static bool ip4_moved(const struct tell *t, fl_node_id id)
{
	return is_among(&t->ip4, id) || is_among(&t->ip4, t->viewer.id);
}

/* A peer before and after: what changed of it. */
static void tell_same(struct tell *t, fl_node_id id)
{
	const struct fl_merged *m = fl_batch_find(t->batch, id);
	/* Where there was no policy, the snapshot before has the routes of now. */
	bool whole = m != NULL && m->whole && (!m->routes || t->was == NULL);

	if (whole || routes_moved(t, id) || ip4_moved(t, id))
		add_peer(t, id, 0);
	else if (m != NULL && m->fields != 0)
		add_peer(t, id, m->fields);
}

static size_t list_seen(const struct tell *t, const struct fl_policy *p, uint64_t *out)
{
	size_t count = fl_policy_peers(p, t->viewer.id, out, t->room);
	return count < t->room ? count : t->room;
}

/* The lists may differ anywhere. */
static void tell_all(struct tell *t)
{
	size_t was = list_seen(t, t->before, t->seen_was), i = 0;
	size_t now = list_seen(t, t->after, t->seen_now), k = 0;

	while (i < was || k < now) {
		uint64_t a = i < was ? t->seen_was[i] : UINT64_MAX;
		uint64_t b = k < now ? t->seen_now[k] : UINT64_MAX;
		if (a < b)
			add_removed(t, a);
		else if (b < a)
			add_peer(t, b, 0);
		else
			tell_same(t, a);
		i += a <= b;
		k += b <= a;
	}
}

static int by_node(const void *a, const void *b)
{
	const struct fl_netmap_peer *x = a, *y = b;
	return (x->node->id > y->node->id) - (x->node->id < y->node->id);
}

static bool stays(const struct tell *t, const struct fl_policy_ids *came, fl_node_id id)
{
	return id != t->viewer.id && fl_viewer_sees(&t->viewer, id) && !is_among(came, id);
}

static void tell_quiet(struct tell *t, const struct fl_policy_ids *came, fl_node_id id)
{
	if (fl_batch_find(t->batch, id) == NULL && stays(t, came, id))
		tell_same(t, id);
}

/* Of the peers before and now: those of whom something happened, and those that are told else. */
static void tell_stayed(struct tell *t, const struct fl_policy_ids *came, bool routes)
{
	for (size_t i = 0; i < t->batch->nodes_count; i++)
		if (stays(t, came, t->batch->nodes[i].id))
			tell_same(t, t->batch->nodes[i].id);
	for (size_t i = 0; i < t->ip4.len; i++)
		tell_quiet(t, came, t->ip4.at[i]);
	if (routes && !list_routers(t))
		t->err = FL_ERR_NOMEM;
	for (size_t i = 0; routes && i < t->routers.len; i++)
		if (!is_among(&t->ip4, t->routers.at[i]))
			tell_quiet(t, came, t->routers.at[i]);
}

/* As tell_all would, without looking at those of whom there is nothing to tell. */
static bool tell_moved(struct tell *t, bool routes)
{
	struct fl_policy_ids went = { .at = t->seen_was }, came = { .at = t->seen_now };

	if (t->moved != NULL && !fl_policy_moved_of(t->moved, t->viewer.id, &went, &came))
		return false;
	qsort(came.at, came.len, sizeof *came.at, fl_u64_order);
	for (size_t i = 0; i < went.len; i++)
		add_removed(t, went.at[i]);
	for (size_t i = 0; i < came.len; i++)
		add_peer(t, came.at[i], 0);
	tell_stayed(t, &came, routes);
	qsort(t->told.peers, t->told.peers_count, sizeof *t->told.peers, by_node);
	return true;
}

/* Nodes that went with the last policy-less tick are in neither snapshot. */
static void tell_gone(struct tell *t)
{
	const struct fl_batch *b = t->batch;

	if (t->was != NULL)
		return;
	for (size_t i = 0; i < b->removed_count; i++)
		if (fl_state_node(t->control->core->state, b->removed[i]) == NULL)
			add_removed(t, b->removed[i]);
}

/* Is the user the viewer's, or has it a node that the viewer sees? */
static bool is_shown(const struct tell *t, fl_user_id user)
{
	const fl_node_id *ids;
	size_t count = fl_state_nodes_of(t->control->core->state, user, &ids);

	for (size_t i = 0; i < count; i++)
		if (ids[i] == t->viewer.id || fl_viewer_sees(&t->viewer, ids[i]))
			return true;
	return false;
}

static void list_profiles(struct tell *t)
{
	for (size_t i = 0; i < t->batch->profiles_count; i++)
		if (is_shown(t, t->batch->profiles[i]))
			t->told.profiles[t->told.profiles_count++] = t->batch->profiles[i];
}

static void list_peers(struct tell *t, unsigned differs)
{
	t->told.peers_count = t->told.removed_count = t->told.profiles_count = 0;
	t->err = FL_OK;
	bool all = (differs & FL_POLICY_PEERS) != 0 || is_among(&t->ip4, t->viewer.id);
	if (all || !tell_moved(t, (differs & FL_POLICY_ROUTES) != 0))
		tell_all(t);
	tell_gone(t);
	qsort(t->told.removed, t->told.removed_count, sizeof *t->told.removed, fl_u64_order);
	list_profiles(t);
}

/* ---- frames ---- */

static void send_shared(struct tell *t, struct fl_session *s)
{
	struct fl_bytes *frame;

	enum fl_err err = fl_forms_frame(&t->forms, t->control, &t->told, s->zstd, &frame);
	fl_session_deliver(s, err, frame);
	fl_bytes_unref(frame);
}

static void send_own(struct tell *t, struct fl_session *s, unsigned parts)
{
	const struct fl_node *n = fl_state_node(t->control->core->state, s->node);
	struct fl_netmap_delta in = fl_told_delta(t->control, &t->told);
	struct fl_bytes *frame = NULL;
	struct fl_rules rules;

	if (n == NULL) /* its session ends elsewhere */
		return;
	in.viewer = s->node;
	enum fl_err err = fl_rules_fill(t->control, n, parts, &rules);
	if (err == FL_OK) {
		in.self = rules.self;
		in.filter = fl_buf_slice(&rules.filter);
		in.ssh = fl_buf_slice(&rules.ssh);
		if ((parts & FL_RULES_FILTER) != 0 && in.filter.len == 0)
			in.filter = fl_netmap_allow_all();
		if ((parts & FL_RULES_SSH) != 0 && in.ssh.len == 0)
			in.ssh = fl_slice_str("{\"rules\":[]}");
		err = fl_control_delta_frame(t->control, &in, s->zstd, &frame);
	}
	fl_rules_done(&rules);
	fl_session_deliver(s, err, frame);
	fl_bytes_unref(frame);
}

/* ---- sessions ---- */

/* With a policy, or without one any more, its own entry has another form if it serves something. */
static bool turned(const struct tell *t)
{
	const struct fl_node *n;

	if ((t->was == NULL) == (t->now == NULL))
		return false;
	n = fl_state_node(t->control->core->state, t->viewer.id);
	return n != NULL && n->approved_count > 0;
}

/* What of its own the node must hear anew. */
static unsigned own_parts(const struct tell *t, const struct fl_merged *m, unsigned differs)
{
	unsigned parts = 0;

	if ((m != NULL && m->self) || (differs & FL_POLICY_ATTRS) != 0 || turned(t))
		parts |= FL_RULES_SELF;
	if ((differs & FL_POLICY_FILTER) != 0)
		parts |= FL_RULES_FILTER;
	if ((differs & FL_POLICY_SSH) != 0)
		parts |= FL_RULES_SSH;
	return parts;
}

static unsigned differing(const struct tell *t, fl_node_id node)
{
	unsigned peers = t->moved != NULL ? FL_POLICY_ROUTES : FL_POLICY_PEERS;

	if (t->before == t->after)
		return 0;
	return fl_policy_differs_in(t->before, t->after, node,
				    FL_POLICY_FILTER | FL_POLICY_SSH | FL_POLICY_ATTRS | peers);
}

static void tell_session(struct tell *t, struct fl_session *s)
{
	const struct fl_merged *m = fl_batch_find(t->batch, s->node);

	if (m != NULL && m->removed) /* its session ends elsewhere */
		return;
	unsigned differs = differing(t, s->node);
	t->viewer = (struct fl_viewer){
		.policy = t->now,
		.id = s->node,
		.hides_ip4 = t->hides_ip4,
		.no_ip4 = lacks_ip4(t, s->node),
	};
	list_peers(t, differs);
	unsigned parts = own_parts(t, m, differs);
	if (t->err != FL_OK)
		fl_session_deliver(s, t->err, NULL);
	else if (parts != 0)
		send_own(t, s, parts);
	else
		send_shared(t, s);
}

/* Once for all sessions: mostly there is nobody. False: out of memory. */
static bool list_ip4(struct tell *t)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(t->control->core->state, &nodes);

	if (t->before == t->after || (!t->hid_ip4 && !t->hides_ip4))
		return true;
	t->ip4.at = malloc((count + 1) * sizeof *t->ip4.at);
	for (size_t i = 0; i < count && t->ip4.at != NULL; i++)
		if (lost_ip4(t, nodes[i]->id) != lacks_ip4(t, nodes[i]->id))
			t->ip4.at[t->ip4.len++] = nodes[i]->id;
	return t->ip4.at != NULL;
}

/* ---- who is to hear of it ---- */

static bool add_audience(struct tell *t, fl_node_id id)
{
	size_t room = t->room - t->audience_count;
	uint64_t *at = t->audience + t->audience_count;
	size_t count = fl_policy_peers(t->now, id, at, room);

	if (count >= room)
		return false;
	at[count] = id;
	t->audience_count += count + 1;
	return true;
}

/*
 * While the policy stays as it is, only those hear of a tick who are one of its nodes or see one,
 * which is mutual. False: there is more to it, or so many hear of it that all sessions are asked.
 */
static bool list_audience(struct tell *t)
{
	if (t->before != t->after || t->batch->profiles_count > 0)
		return false;
	for (size_t i = 0; i < t->batch->nodes_count; i++)
		if (!add_audience(t, t->batch->nodes[i].id))
			return false;
	qsort(t->audience, t->audience_count, sizeof *t->audience, fl_u64_order);
	return true;
}

static size_t tell_node(struct tell *t, fl_node_id id)
{
	struct fl_list *conns = fl_registry_conns(t->control->core->sessions, &id);
	size_t told = 0;

	if (conns == NULL)
		return 0;
	fl_list_each(it, conns)
	{
		struct fl_session *s = fl_list_entry(it, struct fl_session, conn.link);
		if (s->x == NULL || !fl_list_linked(&s->link))
			continue; /* it leaves, or its first map is not made yet */
		tell_session(t, s);
		told++;
	}
	return told;
}

static void tell_audience(struct tell *t)
{
	struct fl_control_stats *stats = &t->control->stats;
	size_t others = stats->sessions;

	for (size_t i = 0; i < t->audience_count; i++)
		if (i == 0 || t->audience[i] != t->audience[i - 1])
			others -= tell_node(t, t->audience[i]);
	stats->frames_suppressed += others;
}

static void tell_everybody(struct tell *t)
{
	fl_list_each(it, &t->control->view.sessions)
		tell_session(t, fl_list_entry(it, struct fl_session, link));
}

static bool tell_init(struct tell *t, struct fl_control *c, const struct fl_batch *b)
{
	struct fl_node *const *nodes;
	const struct fl_core *core = c->core;

	t->control = c;
	t->batch = b;
	t->after = core->policy;
	t->before = core->policy_was != NULL ? core->policy_was : core->policy;
	t->was = fl_governing(t->before);
	t->now = fl_governing(t->after);
	if (t->before != t->after)
		t->moved = fl_policy_moved_new(t->before, t->after);
	t->hid_ip4 = fl_policy_hides_ip4(t->was);
	t->hides_ip4 = fl_policy_hides_ip4(t->now);
	t->room = fl_state_nodes(core->state, &nodes) + b->nodes_count;
	/* Never read before it is written, and much: not to be cleared for each tick. */
	t->seen_was = malloc((t->room + 1) * sizeof *t->seen_was);
	t->seen_now = malloc((t->room + 1) * sizeof *t->seen_now);
	t->audience = malloc((t->room + 1) * sizeof *t->audience);
	t->told.removed = malloc((2 * t->room + 1) * sizeof *t->told.removed);
	t->told.peers = malloc((t->room + 1) * sizeof *t->told.peers);
	t->told.profiles = malloc((b->profiles_count + 1) * sizeof *t->told.profiles);
	return t->seen_was != NULL && t->seen_now != NULL && t->audience != NULL &&
	       t->told.removed != NULL && t->told.peers != NULL && t->told.profiles != NULL;
}

static void tell_done(struct tell *t)
{
	fl_forms_done(&t->forms);
	fl_policy_moved_free(t->moved);
	free(t->seen_was);
	free(t->seen_now);
	free(t->routers.at);
	free(t->ip4.at);
	free(t->audience);
	free(t->told.removed);
	free(t->told.peers);
	free(t->told.profiles);
}

enum fl_err fl_control_send_governed(struct fl_control *c, const struct fl_batch *b)
{
	struct tell t = { 0 };

	if (!tell_init(&t, c, b) || !list_ip4(&t)) {
		tell_done(&t);
		return FL_ERR_NOMEM;
	}
	if (list_audience(&t))
		tell_audience(&t);
	else
		tell_everybody(&t);
	tell_done(&t);
	return FL_OK;
}
