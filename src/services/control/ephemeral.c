/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/ephemeral.c - deletes ephemeral nodes that stayed away for the full time.
 *
 * Armed when a node's last session ended, when it appeared without one, and for all at start;
 * cancelled only by a successful connect. Firing asks again before it deletes.
 *
 * Source: docs/lifecycle.md EPH-1 to EPH-7.
 */
#include "services/control/internal.h"

#include <stdlib.h>

#include "base/log.h"

#define RETRY FL_MIN

struct armed {
	struct fl_control *control;
	struct fl_timer timer;
	fl_node_id node;
};

static void armed_free(struct armed *a)
{
	fl_map_take(&a->control->ephemerals, &a->node);
	fl_timer_done(&a->timer);
	free(a);
}

/*
 * The deletion may still fail with this tick's commit, so the node stays watched until it is gone:
 * the removal that everyone hears of cancels the watch.
 */
static void fire(void *ctx)
{
	struct armed *a = ctx;
	struct fl_control *c = a->control;
	fl_node_id node = a->node;
	struct fl_fault fault;

	const struct fl_node *n = fl_state_node(c->core->state, node);
	if (n == NULL || !n->ephemeral || fl_core_online(c->core, node)) {
		armed_free(a);
		return;
	}
	fl_timer_start(&a->timer, RETRY);
	fl_log_info("idle ephemeral node is removed", FL_LU("node.id", node),
		    FL_LS("node.name", n->given_name));
	if (fl_state_node_delete(c->core->state, node, &fault) != FL_OK)
		fl_log_warn("ephemeral node could not be removed", FL_LU("node.id", node),
			    FL_LS("reason", fault.text));
}

void fl_ephemeral_arm(struct fl_control *c, fl_node_id node)
{
	const struct fl_node *n = fl_state_node(c->core->state, node);
	if (n == NULL || !n->ephemeral || fl_core_online(c->core, node))
		return;
	struct armed *a = fl_map_find(&c->ephemerals, &node);
	if (a == NULL) {
		a = calloc(1, sizeof *a);
		if (a == NULL)
			return; /* the next reconciliation tries again */
		a->control = c;
		a->node = node;
		if (fl_timer_init(&a->timer, c->core->loop, fire, a) != FL_OK ||
		    fl_map_put(&c->ephemerals, &node, a) != FL_OK) {
			fl_timer_done(&a->timer);
			free(a);
			fl_log_error("ephemeral node is not watched: out of memory",
				     FL_LU("node.id", node));
			return;
		}
	}
	fl_timer_start(&a->timer, c->cfg.ephemeral_timeout);
}

void fl_ephemeral_watch(struct fl_control *c, fl_node_id node)
{
	if (fl_map_find(&c->ephemerals, &node) == NULL)
		fl_ephemeral_arm(c, node);
}

void fl_ephemeral_cancel(struct fl_control *c, fl_node_id node)
{
	struct armed *a = fl_map_find(&c->ephemerals, &node);
	if (a != NULL)
		armed_free(a);
}

void fl_ephemeral_reconcile(struct fl_control *c)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(c->core->state, &nodes);

	for (size_t i = 0; i < count; i++) {
		if (nodes[i]->ephemeral)
			fl_ephemeral_watch(c, nodes[i]->id);
	}
}

enum fl_err fl_ephemeral_init(struct fl_control *c)
{
	fl_map_init(&c->ephemerals, sizeof(fl_node_id), c->cfg.seed);
	fl_ephemeral_reconcile(c);
	return FL_OK;
}

void fl_ephemeral_done(struct fl_control *c)
{
	for (size_t at = 0;;) {
		struct armed *a = fl_map_next(&c->ephemerals, &at);
		if (a == NULL)
			break;
		fl_timer_done(&a->timer);
		free(a);
	}
	fl_map_done(&c->ephemerals);
}
