/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/presence.c - online at once, offline after a grace period.
 *
 * The registry's count is the only truth. A session whose client has gone keeps its place in the
 * count until its grace period is over, unless the node has another one by then: its release makes
 * no difference then, and need not wait.
 *
 * Source: docs/lifecycle.md PRE-1 to PRE-9, EPH-1, SES-6.
 */
#include "services/control/internal.h"

#include <stdlib.h>

#include "base/log.h"

static struct fl_session *session_of(struct fl_list *conn_link)
{
	return fl_list_entry(conn_link, struct fl_session, conn.link);
}

static void announce(struct fl_control *c, fl_node_id node)
{
	const struct fl_change change = {
		.kind = FL_CHANGE_NODE_PATCHED,
		.id = node,
		.fields = FL_PATCH_ONLINE,
		.origin = node,
	};
	fl_fragments_drop(c->fragments, node);
	fl_core_announce(c->core, &change);
}

bool fl_presence_enter(struct fl_session *s)
{
	bool first = false;

	return fl_registry_enter(s->control->core->sessions, &s->node, &s->conn, &first) == FL_OK;
}

static void went_offline(struct fl_control *c, fl_node_id node)
{
	/* Deleted in this tick: its commit may fail, and then the node is there, and offline. */
	if (fl_state_node(c->core->state, node) != NULL &&
	    fl_state_node_seen(c->core->state, node, fl_loop_wall(c->core->loop)) != FL_OK)
		fl_log_warn("last seen could not be stored", FL_LU("node.id", node));
	announce(c, node);
	fl_ephemeral_watch(c, node);
}

static enum fl_conn_end release(struct fl_session *s)
{
	struct fl_core *core = s->control->core;

	return fl_registry_remove(core->sessions, &s->conn, fl_loop_now(core->loop));
}

/* Nobody was told of it. A client that repeats what fails would cost all others a frame each. */
void fl_presence_abandon(struct fl_session *s)
{
	if (release(s) == FL_CONN_LAST)
		fl_fragments_drop(s->control->fragments, s->node);
}

void fl_presence_end(struct fl_session *s)
{
	if (release(s) == FL_CONN_LAST)
		went_offline(s->control, s->node);
	fl_list_del(&s->link);
	fl_timer_done(&s->timer);
	free(s);
}

/*
 * Those that leave need not wait: the node is back. Nor is there anybody who reads a map that is
 * still on its way in another: retries would pile up (SES-9).
 */
void fl_presence_settled(struct fl_session *s)
{
	struct fl_core *core = s->control->core;
	struct fl_list *conns = fl_registry_conns(core->sessions, &s->node);

	fl_ephemeral_cancel(s->control, s->node);
	if (fl_registry_live(core->sessions, &s->node) == 1)
		announce(s->control, s->node);
	fl_core_health(core, s->node, true); /* HA-3: it was another connection */
	if (conns == NULL)
		return;
	fl_list_each(it, conns)
	{
		struct fl_session *other = session_of(it);
		if (other->x == NULL)
			fl_presence_end(other);
		else if (other->waits)
			fl_session_close(other, FL_SESSION_REPLACED);
	}
}

void fl_presence_leave(struct fl_session *s)
{
	struct fl_control *c = s->control;

	s->x = NULL;
	if (!fl_registry_leave(&s->conn)) {
		fl_presence_end(s);
		return;
	}
	fl_list_push(&c->leaving, &s->link);
	fl_timer_start(&s->timer, c->cfg.grace);
}

void fl_presence_forget(struct fl_control *c, fl_node_id node)
{
	struct fl_list detached;

	fl_list_init(&detached);
	fl_registry_forget(c->core->sessions, &node, &detached);
	for (struct fl_list *l; (l = fl_list_pop(&detached)) != NULL;) {
		struct fl_session *s = session_of(l);
		if (s->x != NULL)
			fl_session_close(s, FL_SESSION_DELETED);
		else
			fl_presence_end(s);
	}
}

void fl_presence_stop(struct fl_control *c)
{
	for (struct fl_list *l; (l = fl_list_pop(&c->leaving)) != NULL;)
		fl_presence_end(fl_list_entry(l, struct fl_session, link));
}
