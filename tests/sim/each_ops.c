/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/each_ops.c - the operations of each.c. */
#include "sim.h"

static struct client *client_of(const struct op *o)
{
	return &sim.clients[o->a % sim.clients_count];
}

/* No session but that of one client has noticed anything. */
static void check_steady(const struct op *o)
{
	for (size_t i = 0; i < sim.clients_count; i++) {
		const struct client *c = &sim.clients[i];
		if (c == client_of(o))
			continue;
		if (c->state != CLIENT_POLLING || c->lost > 0 || c->opened != 1)
			violation("others",
				  "client %zu noticed what happened to another: state %d, %u "
				  "connections, %u streams lost",
				  i, c->state, c->opened, c->lost);
	}
}

/* The place is beyond the last one: each.c ends there. */
static void check_reached(const struct op *o)
{
	if (o->b == 0 ? client_of(o)->opened < 2 : !sim_disk_hit() && sim.stats.crashes == 0)
		violation("unreached", "nothing went wrong");
}

void each_run(const struct op *o)
{
	struct client *c = client_of(o);

	switch (o->kind) {
	case OP_RESET_AT:
		c->usual.reset_after = o->b;
		return;
	case OP_FAIL_AT:
		sim.disk_ill = o->b != SIM_DISK_DEAD;
		sim_disk_arm((enum sim_disk_fault)o->b, (long)o->a);
		return;
	case OP_HALF_OPEN_NOW:
		if (c->conn != NULL)
			conn_half_open(c->conn);
		return;
	case OP_SLOW_NOW:
		if (c->conn != NULL)
			c->conn->w.bytes_per_s = 1 + o->b;
		return;
	case OP_STEADY:
		check_steady(o);
		return;
	case OP_REACHED:
		check_reached(o);
		return;
	default:
		return;
	}
}
