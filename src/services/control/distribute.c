/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/distribute.c - turns the changes of a tick into frames, one for all who see the
 * same, one of its own for a node that is itself concerned.
 *
 * Source: docs/lifecycle.md section 7; docs/protocol/control.md 5.5.
 */
#include "services/control/internal.h"

#include <stdlib.h>

#include "base/log.h"

enum { MAP_MAX = 256 << 20, DELTA_MAX = 64 << 20 };

/* Everything that happened to one node in this tick. */
struct merged {
	fl_node_id id;
	uint32_t fields; /* of a patch */
	bool whole;      /* its entry anew */
	bool removed;
	bool self; /* its own entry changed for itself */
};

struct batch {
	struct merged *nodes; /* ascending ids */
	size_t nodes_count;
	fl_user_id *profiles;
	size_t profiles_count;
	fl_node_id *removed;
	size_t removed_count;
	struct fl_netmap_peer *peers;
	size_t peers_count;
};

static struct fl_user *find_user(void *ctx, fl_user_id id)
{
	struct fl_control *c = ctx;
	return fl_state_user(c->core->state, id);
}

static struct fl_netmap_users users_of(struct fl_control *c)
{
	return (struct fl_netmap_users){ .find = find_user, .ctx = c };
}

/* ---- whole maps ---- */

static enum fl_err list_peers(struct fl_control *c, struct fl_node *const *nodes, size_t count,
			      struct fl_netmap_peer *out)
{
	for (size_t i = 0; i < count; i++) {
		out[i].node = nodes[i];
		enum fl_err err =
			fl_fragments_get(c->fragments, c->netmap, nodes[i], &out[i].fragment);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static enum fl_err write_map(struct fl_control *c, const struct fl_node *self, bool omit_peers,
			     struct fl_buf *out)
{
	struct fl_node *const *nodes;
	size_t count = omit_peers ? 0 : fl_state_nodes(c->core->state, &nodes);
	struct fl_netmap_peer *peers = calloc(count ? count : 1, sizeof *peers);
	struct fl_served served;

	if (peers == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = count > 0 ? list_peers(c, nodes, count, peers) : FL_OK;
	fl_served_fill(c->core, self, &served);
	const struct fl_netmap_full in = {
		.cfg = c->netmap,
		.self = { .node = self, .routes = served.routes },
		.peers = peers,
		.peers_count = count,
		.users = users_of(c),
		.omit_peers = omit_peers,
		.now = fl_loop_wall(c->core->loop),
	};
	if (err == FL_OK)
		err = fl_netmap_full_write(&in, out);
	free(peers);
	return err;
}

enum fl_err fl_control_map_frame(struct fl_control *c, const struct fl_node *self, bool omit_peers,
				 bool zstd, struct fl_bytes **out)
{
	struct fl_buf json = fl_buf_make(MAP_MAX);

	enum fl_err err = write_map(c, self, omit_peers, &json);
	if (err == FL_OK)
		err = fl_mapframe_make(c->framer, fl_buf_slice(&json), zstd, out);
	fl_buf_done(&json);
	if (err == FL_OK)
		c->stats.full_made++;
	else
		c->stats.frames_failed++;
	return err;
}

/* ---- merging ---- */

static int by_id(const void *a, const void *b)
{
	const struct merged *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static struct merged merge_one(const struct fl_change *ch)
{
	struct merged m = { .id = ch->id };

	switch (ch->kind) {
	case FL_CHANGE_NODE_ADDED:
	case FL_CHANGE_NODE_CHANGED:
	case FL_CHANGE_NODE_EXPIRED:
	case FL_CHANGE_ROUTES:
		m.whole = true;
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
		break;
	}
	return m;
}

static void fold_equal_ids(struct batch *b)
{
	size_t kept = 0;

	qsort(b->nodes, b->nodes_count, sizeof *b->nodes, by_id);
	for (size_t i = 0; i < b->nodes_count; i++) {
		struct merged *last = kept > 0 ? &b->nodes[kept - 1] : NULL;
		if (last != NULL && last->id == b->nodes[i].id) {
			last->fields |= b->nodes[i].fields;
			last->whole |= b->nodes[i].whole;
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
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(c->core->state, &nodes);

	for (size_t i = 0; i < count; i++)
		if (nodes[i]->user == user)
			return true;
	return false;
}

static bool batch_init(struct fl_control *c, struct batch *b, const struct fl_change *changes,
		       size_t count)
{
	size_t room = count ? count : 1; /* calloc of nothing may give NULL */

	*b = (struct batch){
		.nodes = calloc(room, sizeof *b->nodes),
		.profiles = calloc(room, sizeof *b->profiles),
		.removed = calloc(room, sizeof *b->removed),
		.peers = calloc(room, sizeof *b->peers),
	};
	if (b->nodes == NULL || b->profiles == NULL || b->removed == NULL || b->peers == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (changes[i].kind != FL_CHANGE_USER)
			b->nodes[b->nodes_count++] = merge_one(&changes[i]);
		else if (is_shown(c, changes[i].id))
			b->profiles[b->profiles_count++] = changes[i].id;
	}
	qsort(b->profiles, b->profiles_count, sizeof *b->profiles, by_number);
	fold_equal_ids(b);
	return true;
}

static void batch_done(struct batch *b)
{
	free(b->nodes);
	free(b->profiles);
	free(b->removed);
	free(b->peers);
}

/* What peers are told, from the records as they are now. */
static enum fl_err batch_fill(struct fl_control *c, struct batch *b)
{
	for (size_t i = 0; i < b->nodes_count; i++) {
		const struct merged *m = &b->nodes[i];
		const struct fl_node *n = fl_state_node(c->core->state, m->id);
		bool entry = m->whole || (m->fields & (FL_PATCH_KEY | FL_PATCH_EXPIRY)) != 0;
		const struct fl_bytes *fragment = NULL;

		fl_fragments_drop(c->fragments, m->id);
		if (n == NULL || m->removed) {
			b->removed[b->removed_count++] = m->id;
			continue;
		}
		enum fl_err err = FL_OK;
		if (entry)
			err = fl_fragments_get(c->fragments, c->netmap, n, &fragment);
		if (err != FL_OK)
			return err;
		b->peers[b->peers_count++] = (struct fl_netmap_peer){
			.node = n,
			.fragment = fragment,
			.fields = m->whole ? 0 : m->fields,
			.online = fl_presence_online(c->core->presence, m->id),
		};
		if (m->whole)
			fl_ephemeral_watch(c, m->id);
	}
	return FL_OK;
}

/* ---- frames ---- */

/* *out is NULL if there is nothing to say. */
static enum fl_err make_frame(struct fl_control *c, const struct fl_netmap_delta *in, bool zstd,
			      struct fl_bytes **out)
{
	struct fl_buf json = fl_buf_make(DELTA_MAX);
	bool any = false;

	*out = NULL;
	enum fl_err err = fl_netmap_delta_write(in, &json, &any);
	if (err == FL_OK && any)
		err = fl_mapframe_make(c->framer, fl_buf_slice(&json), zstd, out);
	fl_buf_done(&json);
	c->stats.deltas_made += *out != NULL;
	c->stats.frames_failed += err != FL_OK;
	if (err != FL_OK)
		fl_log_error("change could not be written: those who miss it start over",
			     FL_LS("reason", fl_err_text(err)));
	return err;
}

/* A session that cannot be told a change ends, and learns it from its next map (SES-4). */
static void deliver(struct fl_session *s, enum fl_err err, struct fl_bytes *frame)
{
	if (err != FL_OK) {
		fl_session_close(s, FL_SESSION_STOP);
	} else if (frame != NULL) {
		s->control->stats.frames_delta++;
		fl_session_send(s, frame);
	}
}

/* A frame of one form for many, made when the first of them comes. */
struct shared {
	struct fl_bytes *frame;
	enum fl_err err;
	bool made;
};

static void deliver_shared(struct fl_session *s, const struct fl_netmap_delta *in,
			   struct shared forms[static 2])
{
	struct shared *f = &forms[s->zstd];

	if (!f->made) {
		f->err = make_frame(s->control, in, s->zstd, &f->frame);
		f->made = true;
	}
	deliver(s, f->err, f->frame);
}

static void shared_done(struct shared forms[static 2])
{
	fl_bytes_unref(forms[0].frame);
	fl_bytes_unref(forms[1].frame);
}

static struct fl_netmap_delta delta_of(struct fl_control *c, const struct batch *b)
{
	return (struct fl_netmap_delta){
		.cfg = c->netmap,
		.peers = b->peers,
		.peers_count = b->peers_count,
		.removed = b->removed,
		.removed_count = b->removed_count,
		.profiles = b->profiles,
		.profiles_count = b->profiles_count,
		.users = users_of(c),
		.now = fl_loop_wall(c->core->loop),
	};
}

static const struct merged *concerned(const struct batch *b, fl_node_id node)
{
	const struct merged wanted = { .id = node };
	return bsearch(&wanted, b->nodes, b->nodes_count, sizeof *b->nodes, by_id);
}

static void send_own(struct fl_session *s, const struct batch *b, const struct merged *m)
{
	struct fl_control *c = s->control;
	struct fl_netmap_delta in = delta_of(c, b);
	struct fl_served served;

	in.viewer = s->node;
	if (m->self) {
		in.self.node = fl_state_node(c->core->state, s->node);
		if (in.self.node != NULL) {
			fl_served_fill(c->core, in.self.node, &served);
			in.self.routes = served.routes;
		}
	}
	struct fl_bytes *frame;
	enum fl_err err = make_frame(c, &in, s->zstd, &frame);
	deliver(s, err, frame);
	fl_bytes_unref(frame);
}

/* One frame a form serves every session of the view that is not itself concerned. */
static void send_view(struct fl_control *c, struct fl_view *view, const struct batch *b)
{
	const struct fl_netmap_delta in = delta_of(c, b);
	struct shared forms[2] = { 0 };

	fl_list_each(it, &view->sessions)
	{
		struct fl_session *s = fl_list_entry(it, struct fl_session, link);
		const struct merged *m = concerned(b, s->node);
		if (m != NULL)
			send_own(s, b, m);
		else
			deliver_shared(s, &in, forms);
	}
	shared_done(forms);
}

/* A deleted node's sessions end; its client learns from the next poll that it must log in again. */
static void end_removed(struct fl_control *c, const struct batch *b)
{
	for (size_t i = 0; i < b->removed_count; i++) {
		fl_ephemeral_cancel(c, b->removed[i]);
		fl_session_close_node(c, b->removed[i], FL_SESSION_DELETED);
		fl_presence_forget(c->core->presence, b->removed[i]);
	}
}

/* What an operator wants to read: nodes that come, go and expire. Presence only when debugging. */
static void log_change(struct fl_control *c, const struct fl_change *ch)
{
	const struct fl_node *n = fl_state_node(c->core->state, ch->id);
	const char *name = n != NULL ? n->given_name : "";

	switch (ch->kind) {
	case FL_CHANGE_NODE_ADDED:
		fl_log_info("node added", FL_LU("node.id", ch->id), FL_LS("node.name", name));
		return;
	case FL_CHANGE_NODE_REMOVED:
		fl_log_info("node removed", FL_LU("node.id", ch->id));
		return;
	case FL_CHANGE_NODE_EXPIRED:
		fl_log_info("node key expired", FL_LU("node.id", ch->id), FL_LS("node.name", name));
		return;
	case FL_CHANGE_NODE_PATCHED:
		if ((ch->fields & FL_PATCH_EXPIRY) != 0 && n != NULL && n->expiry_told)
			fl_log_info("node key expired", FL_LU("node.id", ch->id),
				    FL_LS("node.name", name));
		if ((ch->fields & FL_PATCH_ONLINE) != 0)
			fl_log_debug(
				"node presence changed", FL_LU("node.id", ch->id),
				FL_LB("online", fl_presence_online(c->core->presence, ch->id)));
		return;
	case FL_CHANGE_NODE_CHANGED:
	case FL_CHANGE_USER:
	case FL_CHANGE_ROUTES:
		return;
	}
}

void fl_control_restart_sessions(struct fl_control *c)
{
	fl_list_each(it, &c->view.sessions)
		fl_session_close(fl_list_entry(it, struct fl_session, link), FL_SESSION_STOP);
}

void fl_control_distribute(void *control, const struct fl_change *changes, size_t count)
{
	struct fl_control *c = control;
	struct batch b = { 0 };

	for (size_t i = 0; i < count; i++)
		log_change(c, &changes[i]);
	if (changes == NULL || !batch_init(c, &b, changes, count) || batch_fill(c, &b) != FL_OK) {
		/* Whoever cannot be told must ask anew. */
		fl_log_error("out of memory: all map sessions start over");
		fl_control_restart_sessions(c);
		fl_fragments_drop_all(c->fragments);
		batch_done(&b);
		return;
	}
	end_removed(c, &b);
	send_view(c, &c->view, &b);
	batch_done(&b);
}

void fl_control_broadcast_config(struct fl_control *c, bool derp_map, bool dns)
{
	const struct batch empty = { 0 };
	struct fl_netmap_delta in = delta_of(c, &empty);

	in.derp_map = derp_map;
	in.dns = dns;
	struct shared forms[2] = { 0 };
	fl_list_each(it, &c->view.sessions)
		deliver_shared(fl_list_entry(it, struct fl_session, link), &in, forms);
	shared_done(forms);
}
