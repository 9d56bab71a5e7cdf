/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/probe.h - asks the routers that share a subnet whether they are still there.
 *
 * A connection can be up while nothing behind it works. So every interval each router that shares
 * a subnet with another online one gets a ping on its map stream. Who does not answer in time is
 * unhealthy, and its subnets go to others (domain/routes/election.h).
 *
 * A cycle ends when each of its probes has a result; then they take effect together. Silence says
 * nothing of a router when its session is another than the one that was asked, or was not there in
 * the cycle before: a client that has just come back may be busy with its first map. As long as
 * such a candidate for a subnet is undecided, the silence of another moves nothing there, unless it
 * is proven on a second subnet. Other subnets go on.
 *
 * Thread  the control loop, by a timer of its own.
 * Memory  a record a router that is asked.
 * Source  docs/lifecycle.md HA-4 to HA-8, HA-10
 */
#ifndef FL_SERVICES_CONTROL_PROBE_H
#define FL_SERVICES_CONTROL_PROBE_H

#include "base/map.h"
#include "services/control/control.h"

struct fl_prober {
	struct fl_control *control;
	struct fl_timer timer;
	struct fl_map by_node; /* those asked in this cycle, or the last */
	struct fl_list routers;
	uint64_t cycle;
	size_t pending; /* probes of the cycle without a result */
	uint64_t results[FL_PROBE_RESULTS];
};

/* Begins, unless the interval is 0. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_prober_init(struct fl_prober *p, struct fl_control *c,
				   const uint8_t seed[static 16]);
void fl_prober_stop(struct fl_prober *p); /* no result takes effect any more */
void fl_prober_done(struct fl_prober *p); /* harmless on a zeroed struct */

#endif
