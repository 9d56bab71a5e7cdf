/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/debug.c - questions, and answers about sessions and what happened lately. */
#include "base/version.h"
#include "services/control/debug_parts.h"

/* ---- questions and answers ---- */

static bool number(struct fl_http *x, const char *name, uint64_t *out)
{
	char text[32];
	enum fl_err err = fl_http_query(x, name, text, sizeof text);

	return err == FL_ERR_NOT_FOUND ||
	       (err == FL_OK && fl_u64_parse(fl_slice_str(text), out) == FL_OK);
}

bool fl_debug_ask(struct fl_http *x, struct fl_debug_question *out)
{
	uint64_t limit = FL_DEBUG_LIMIT;

	*out = (struct fl_debug_question){ 0 };
	if (!number(x, "node", &out->node) || !number(x, "after", &out->after) ||
	    !number(x, "limit", &limit))
		return false;
	out->limit = limit < FL_DEBUG_LIMIT_MAX ? (size_t)limit : FL_DEBUG_LIMIT_MAX;
	return true;
}

void fl_debug_answer(struct fl_http *x, struct fl_buf *b)
{
	fl_http_set(x, "Cache-Control", "no-store");
	if (fl_buf_err(b) == FL_OK)
		fl_http_respond(x, 200, "application/json", fl_buf_slice(b));
	else
		fl_control_text(x, 503,
				"the answer is too long: ask for less with limit or node\n");
	fl_buf_done(b);
}

/* ---- overview ---- */

void fl_debug_overview(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	struct fl_control_stats s = { 0 };
	struct fl_user *const *users;
	struct fl_node *const *nodes;
	fl_wall now = fl_loop_wall(c->core->loop);
	size_t count = fl_state_nodes(c->core->state, &nodes), expired = 0, ephemeral = 0,
	       tagged = 0;

	(void)q;
	for (size_t i = 0; i < count; i++) {
		expired += fl_node_is_expired(nodes[i], now);
		ephemeral += nodes[i]->ephemeral;
		tagged += fl_node_is_tagged(nodes[i]);
	}
	fl_control_stats(c, &s);
	fl_jw_obj(w);
	put_str(w, "version", FL_VERSION);
	put_str(w, "commit", fl_commit);
	put_time(w, "now", now);
	put_u64(w, "nodes", count);
	put_u64(w, "nodesOnline", fl_registry_online(c->core->sessions));
	put_u64(w, "nodesExpired", expired);
	put_u64(w, "nodesEphemeral", ephemeral);
	put_u64(w, "nodesTagged", tagged);
	put_u64(w, "users", fl_state_users(c->core->state, &users));
	put_bool(w, "policy", fl_governing(c->core->policy) != NULL);
	put_u64(w, "connections", s.connections);
	put_u64(w, "sessions", s.sessions);
	put_u64(w, "sessionsLeaving", s.leaving);
	put_u64(w, "sessionsQueued", s.queued_sessions);
	put_u64(w, "queuedBytes", s.queued_bytes);
	put_u64(w, "ephemeralTimers", s.ephemeral_timers);
	put_u64(w, "logins", s.pending);
	put_u64(w, "sshChecks", s.ssh_checks);
	put_bool(w, "stopping", c->stopping);
	fl_jw_obj_end(w);
}

/* ---- sessions ---- */

static void put_session(struct fl_control *c, const struct fl_session *s, struct fl_jw *w)
{
	const struct fl_registry *r = c->core->sessions;
	const struct fl_node *n = fl_state_node(c->core->state, s->node);

	fl_jw_obj(w);
	put_u64(w, "generation", s->conn.gen);
	put_u64(w, "node", s->node);
	put_str(w, "name", n != NULL ? n->given_name : "");
	put_str(w, "state", s->x != NULL ? "open" : "leaving");
	put_time(w, "since", s->since);
	put_bool(w, "compressed", s->zstd);
	put_u64(w, "queuedBytes", s->x != NULL ? fl_http_stream_pending(s->x) : 0);
	fl_jw_key(w, "stalledSeconds");
	fl_jw_f64(w, s->x != NULL ? (double)fl_http_stream_stalled(s->x) / (double)FL_SEC : 0);
	put_u64(w, "nodeLive", fl_registry_live(r, &s->node));
	put_u64(w, "nodeOpen", fl_registry_open(r, &s->node));
	fl_jw_obj_end(w);
}

/* Adds those of a list until the page is full. True: there are more. */
static bool put_sessions(struct fl_control *c, const struct fl_list *list,
			 const struct fl_debug_question *q, size_t *left, uint64_t *last,
			 struct fl_jw *w)
{
	fl_list_each(it, list)
	{
		const struct fl_session *s = fl_list_entry(it, struct fl_session, link);
		if (s->conn.gen <= q->after || (q->node != 0 && s->node != q->node))
			continue;
		if (*left == 0)
			return true;
		put_session(c, s, w);
		(*left)--;
		*last = s->conn.gen;
	}
	return false;
}

void fl_debug_sessions(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	struct fl_control_stats s = { 0 };
	size_t left = q->limit;
	uint64_t last = 0, ignored = 0;

	fl_control_stats(c, &s);
	fl_jw_obj(w);
	fl_jw_key(w, "sessions");
	fl_jw_arr(w);
	bool more = put_sessions(c, &c->view.sessions, q, &left, &last, w);
	/* There are few at a time, in the order of their going: as many as there is room for. */
	put_sessions(c, &c->leaving, q, &left, &ignored, w);
	fl_jw_arr_end(w);
	put_u64(w, "open", s.sessions);
	put_u64(w, "leaving", s.leaving);
	put_u64(w, "nodesOnline", fl_registry_online(c->core->sessions));
	fl_jw_key(w, "next");
	if (more)
		fl_jw_u64(w, last);
	else
		fl_jw_null(w);
	fl_jw_obj_end(w);
}

/* ---- what happened ---- */

static void put_fields(struct fl_jw *w, uint32_t fields)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ FL_PATCH_ENDPOINTS, "endpoints" },
		{ FL_PATCH_DERP, "derp" },
		{ FL_PATCH_KEY, "key" },
		{ FL_PATCH_DISCO, "disco" },
		{ FL_PATCH_EXPIRY, "expiry" },
		{ FL_PATCH_CAP, "cap" },
		{ FL_PATCH_ONLINE, "online" },
	};

	fl_jw_key(w, "fields");
	fl_jw_arr(w);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if ((fields & names[i].bit) != 0)
			fl_jw_str(w, names[i].name);
	fl_jw_arr_end(w);
}

void fl_debug_changes(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	const struct fl_change_note *n;
	size_t shown = 0;

	fl_jw_obj(w);
	fl_jw_key(w, "changes");
	fl_jw_arr(w);
	for (size_t i = 0; (n = fl_trace_change_at(&c->trace, i)) != NULL && shown < q->limit;
	     i++) {
		if (q->node != 0 && n->change.id != q->node && n->change.origin != q->node)
			continue;
		shown++;
		fl_jw_obj(w);
		put_time(w, "at", n->at);
		put_str(w, "kind", fl_trace_kind(n->change.kind));
		put_u64(w, "id", n->change.id);
		put_fields(w, n->change.fields);
		put_u64(w, "origin", n->change.origin);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
	put_u64(w, "total", c->trace.changes_count);
	fl_jw_obj_end(w);
}

static const char *frame_kind(enum fl_frame_kind kind)
{
	switch (kind) {
	case FL_FRAME_FULL:
		return "full";
	case FL_FRAME_CHANGE:
		return "change";
	case FL_FRAME_KEEPALIVE:
		return "keepalive";
	}
	return "";
}

void fl_debug_frames(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	const struct fl_frame_note *n;
	size_t shown = 0;

	fl_jw_obj(w);
	fl_jw_key(w, "frames");
	fl_jw_arr(w);
	for (size_t i = 0; (n = fl_trace_frame_at(&c->trace, i)) != NULL && shown < q->limit; i++) {
		if (q->node != 0 && n->node != q->node)
			continue;
		shown++;
		fl_jw_obj(w);
		put_time(w, "at", n->at);
		put_str(w, "kind", frame_kind(n->kind));
		put_u64(w, "bytes", n->bytes);
		put_bool(w, "compressed", n->zstd);
		put_u64(w, "node", n->node);
		put_u64(w, "receivers", n->receivers);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
	put_u64(w, "total", c->trace.frames_count);
	put_u64(w, "suppressed", c->stats.frames_suppressed);
	fl_jw_obj_end(w);
}
