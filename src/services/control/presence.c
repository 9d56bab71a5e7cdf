/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/presence.c - online at once, offline after a grace period.
 *
 * The count of live sessions is the only truth. A session that ends keeps its place in the count
 * until its grace period is over; whoever reconnects meanwhile makes it an ordinary release.
 *
 * Source: docs/lifecycle.md PRE-1 to PRE-9.
 */
#include "services/control/internal.h"

#include <stdlib.h>

#include "base/log.h"

struct leaving {
	struct fl_list link;
	struct fl_control *control;
	struct fl_timer timer;
	fl_node_id node;
	uint64_t gen;
};

static void announce_online(struct fl_control *c, fl_node_id node)
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

uint64_t fl_control_connected(struct fl_control *c, fl_node_id node)
{
	uint64_t gen = 0;

	fl_ephemeral_cancel(c, node);
	if (fl_presence_connect(c->core->presence, node, &gen))
		announce_online(c, node);
	return gen;
}

static void release(struct fl_control *c, fl_node_id node, uint64_t gen)
{
	if (!fl_presence_release(c->core->presence, node, gen))
		return;
	if (fl_state_node(c->core->state, node) == NULL)
		return;
	if (fl_state_node_seen(c->core->state, node, fl_loop_wall(c->core->loop)) != FL_OK)
		fl_log_warn("last seen could not be stored", FL_LU("node.id", node));
	announce_online(c, node);
	fl_ephemeral_arm(c, node);
}

static void leaving_end(struct leaving *v)
{
	struct fl_control *c = v->control;
	fl_node_id node = v->node;
	uint64_t gen = v->gen;

	fl_list_del(&v->link);
	fl_timer_done(&v->timer);
	free(v);
	release(c, node, gen);
}

static void on_grace_over(void *ctx)
{
	leaving_end(ctx);
}

void fl_control_disconnected(struct fl_control *c, fl_node_id node, uint64_t gen)
{
	if (fl_state_node(c->core->state, node) == NULL) {
		release(c, node, gen);
		return;
	}
	struct leaving *v = calloc(1, sizeof *v);
	if (v == NULL || fl_timer_init(&v->timer, c->core->loop, on_grace_over, v) != FL_OK) {
		free(v);
		release(c, node, gen); /* without grace: the count stays right */
		return;
	}
	v->control = c;
	v->node = node;
	v->gen = gen;
	fl_list_push(&c->leaving, &v->link);
	fl_timer_start(&v->timer, c->cfg.grace);
}

void fl_control_abandoned(struct fl_control *c, fl_node_id node, uint64_t gen)
{
	release(c, node, gen);
}

void fl_control_presence_stop(struct fl_control *c)
{
	struct fl_list *l;

	while ((l = fl_list_pop(&c->leaving)) != NULL)
		leaving_end(fl_list_entry(l, struct leaving, link));
}
