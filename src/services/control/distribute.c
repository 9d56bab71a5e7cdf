/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/distribute.c - turns the changes of a tick into frames, one for all who see the
 * same, one of its own for a node that is itself concerned.
 *
 * Source: docs/lifecycle.md section 7; docs/protocol/control.md 5.5.
 */
#include "services/control/batch.h"

#include "base/log.h"
#include "base/prefetch.h"

enum { DELTA_MAX = 64 << 20 };

static struct fl_user *find_user(void *ctx, fl_user_id id)
{
	struct fl_control *c = ctx;
	return fl_state_user(c->core->state, id);
}

struct fl_netmap_users fl_control_users(struct fl_control *c)
{
	return (struct fl_netmap_users){ .find = find_user, .ctx = c };
}

/* ---- frames ---- */

enum fl_err fl_control_delta_frame(struct fl_control *c, const struct fl_netmap_delta *in,
				   bool zstd, struct fl_bytes **out)
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

void fl_session_deliver(struct fl_session *s, enum fl_err err, struct fl_bytes *frame)
{
	if (err != FL_OK) {
		fl_session_close(s, FL_SESSION_STOP);
	} else if (frame != NULL) {
		s->control->stats.frames_delta++;
		fl_trace_frame(&s->control->trace, s->control->core->loop, FL_FRAME_CHANGE, s->zstd,
			       s->node, frame, frame->len);
		fl_session_send(s, &frame, 1);
	} else {
		s->control->stats.frames_suppressed++;
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
		f->err = fl_control_delta_frame(s->control, in, s->zstd, &f->frame);
		f->made = true;
	}
	fl_session_deliver(s, f->err, f->frame);
}

static void shared_done(struct shared forms[static 2])
{
	fl_bytes_unref(forms[0].frame);
	fl_bytes_unref(forms[1].frame);
}

static struct fl_netmap_delta delta_of(struct fl_control *c, const struct fl_batch *b)
{
	return (struct fl_netmap_delta){
		.cfg = c->netmap,
		.peers = b->peers,
		.peers_count = b->peers_count,
		.removed = b->removed,
		.removed_count = b->removed_count,
		.profiles = b->profiles,
		.profiles_count = b->profiles_count,
		.users = fl_control_users(c),
		.now = fl_loop_wall(c->core->loop),
	};
}

static void send_own(struct fl_session *s, const struct fl_batch *b, const struct fl_merged *m)
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
	enum fl_err err = fl_control_delta_frame(c, &in, s->zstd, &frame);
	fl_session_deliver(s, err, frame);
	fl_bytes_unref(frame);
}

/* What telling the session after this one will touch comes from memory meanwhile. */
static void look_ahead(const struct fl_view *view, const struct fl_list *it)
{
	const struct fl_list *next = it->next;

	if (next == &view->sessions)
		return;
	fl_http_stream_ahead(fl_list_entry(next, const struct fl_session, link)->x);
	fl_prefetch(fl_list_entry(next->next, const struct fl_session, link),
		    sizeof(struct fl_session));
}

/* One frame a form serves every session of the view that is not itself concerned. */
static void send_view(struct fl_control *c, struct fl_view *view, const struct fl_batch *b)
{
	const struct fl_netmap_delta in = delta_of(c, b);
	struct shared forms[2] = { 0 };

	fl_list_each(it, &view->sessions)
	{
		struct fl_session *s = fl_list_entry(it, struct fl_session, link);
		const struct fl_merged *m = fl_batch_find(b, s->node);
		look_ahead(view, it);
		if (m != NULL)
			send_own(s, b, m);
		else
			deliver_shared(s, &in, forms);
	}
	shared_done(forms);
}

/* A deleted node's sessions end; its client learns from the next poll that it must log in again. */
static void end_removed(struct fl_control *c, const struct fl_batch *b)
{
	for (size_t i = 0; i < b->nodes_count; i++) {
		if (!b->nodes[i].removed)
			continue;
		fl_ephemeral_cancel(c, b->nodes[i].id);
		fl_presence_forget(c, b->nodes[i].id);
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
			fl_log_debug("node presence changed", FL_LU("node.id", ch->id),
				     FL_LB("online", fl_core_online(c->core, ch->id)));
		return;
	case FL_CHANGE_NODE_CHANGED:
	case FL_CHANGE_USER:
	case FL_CHANGE_ROUTES:
	case FL_CHANGE_HEALTH:
	case FL_CHANGE_POLICY:
		return;
	}
}

void fl_control_restart_sessions(struct fl_control *c)
{
	fl_list_each(it, &c->view.sessions)
		fl_session_close(fl_list_entry(it, struct fl_session, link), FL_SESSION_STOP);
}

/* Whoever cannot be told must ask anew. */
static void start_over(struct fl_control *c)
{
	fl_log_error("out of memory: all map sessions start over");
	fl_control_restart_sessions(c);
	fl_fragments_drop_all(c->fragments);
}

static void tell(struct fl_control *c, const struct fl_change *changes, size_t count)
{
	struct fl_batch b = { 0 };

	if (changes == NULL || !fl_batch_init(c, &b, changes, count) ||
	    fl_batch_fill(c, &b) != FL_OK) {
		start_over(c);
		fl_batch_done(&b);
		return;
	}
	end_removed(c, &b);
	if (!fl_control_is_governed(c))
		send_view(c, &c->view, &b);
	else if (fl_control_send_governed(c, &b) != FL_OK)
		start_over(c);
	fl_batch_done(&b);
}

/* ---- changes that wait for others ---- */

/* What differs between two snapshots can be told only while both are at hand. */
static bool policy_moved(const struct fl_core *core)
{
	return core->policy_was != NULL && core->policy_was != core->policy;
}

static bool keep(struct fl_control *c, const struct fl_change *changes, size_t count)
{
	fl_time now = fl_loop_now(c->core->loop);

	if (changes == NULL || policy_moved(c->core) ||
	    !fl_hold_keep(&c->hold, changes, count, now))
		return false;
	for (size_t i = 0; i < count; i++) /* maps that are made meanwhile say what is */
		fl_fragments_drop(c->fragments, changes[i].id);
	c->stats.changes_held += count;
	if (!fl_timer_armed(&c->hold_timer))
		fl_timer_start(&c->hold_timer, fl_hold_due(&c->hold) - now);
	return true;
}

/* Not before the tick has been stored, in which something may have changed again. */
static void on_pause_over(void *ctx)
{
	struct fl_control *c = ctx;

	fl_core_call(c->core);
}

enum fl_err fl_control_hold_init(struct fl_control *c)
{
	fl_hold_init(&c->hold, c->cfg.frame_cost);
	return fl_timer_init(&c->hold_timer, c->core->loop, on_pause_over, c);
}

void fl_control_hold_forget(struct fl_control *c)
{
	fl_timer_stop(&c->hold_timer);
	fl_hold_told(&c->hold, 0, 0);
}

void fl_control_distribute(struct fl_control *c, const struct fl_change *changes, size_t count)
{
	fl_time now = fl_loop_now(c->core->loop), since = now;
	uint64_t frames = c->stats.frames_delta;

	for (size_t i = 0; i < count; i++)
		log_change(c, &changes[i]);
	if (changes != NULL && c->hold.count + count == 0) /* told with a change of this tick */
		return;
	if (keep(c, changes, count))
		return;
	if (c->hold.count > 0)
		since = c->hold.since;
	tell(c, changes, count);
	fl_control_hold_forget(c);
	fl_hold_told(&c->hold, c->stats.frames_delta - frames, now);
	if (!fl_list_empty(&c->view.sessions))
		fl_delays_since(&c->trace.map_delay, since);
}

void fl_control_broadcast_config(struct fl_control *c, bool derp_map, bool dns)
{
	const struct fl_batch empty = { 0 };
	struct fl_netmap_delta in = delta_of(c, &empty);

	in.derp_map = derp_map;
	in.dns = dns;
	struct shared forms[2] = { 0 };
	fl_list_each(it, &c->view.sessions)
		deliver_shared(fl_list_entry(it, struct fl_session, link), &in, forms);
	shared_done(forms);
}
