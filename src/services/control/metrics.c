/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/metrics.c - counters of the control server as Prometheus text. */
#include "services/control/internal.h"

#include <inttypes.h>

void fl_control_stats(const struct fl_control *c, struct fl_control_stats *out)
{
	*out = c->stats;
	out->noise_handshakes = c->noise.handshakes;
	out->noise_failures = c->noise.failures;
	out->connections = c->noise.count;
	out->pending = c->pending.count;
	out->strangers = c->noise.strangers.count;
	out->strangers_bytes = c->noise.strangers.budget.used;
	out->strangers_refused = c->noise.strangers.refused;
	out->strangers_requests_refused = c->noise.strangers.budget.refusals;
}

static void metric(struct fl_buf *b, const char *name, const char *type, const char *help,
		   uint64_t v)
{
	fl_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type,
		      name, v);
}

static void traffic(const struct fl_control_stats *s, struct fl_buf *b)
{
	metric(b, "fairlead_noise_handshakes_total", "counter", "Noise handshakes answered.",
	       s->noise_handshakes);
	metric(b, "fairlead_noise_failures_total", "counter", "Noise handshakes refused.",
	       s->noise_failures);
	metric(b, "fairlead_register_requests_total", "counter", "Register requests.",
	       s->registers);
	metric(b, "fairlead_map_requests_total", "counter", "Map requests.", s->map_requests);
	metric(b, "fairlead_sessions", "gauge", "Streaming map sessions.", s->sessions);
	metric(b, "fairlead_sessions_opened_total", "counter", "Map sessions opened.",
	       s->sessions_opened);
	metric(b, "fairlead_sessions_dropped_slow_total", "counter",
	       "Map sessions closed because the client did not read.", s->sessions_dropped_slow);
	metric(b, "fairlead_noise_connections", "gauge", "Noise connections.", s->connections);
	metric(b, "fairlead_stranger_connections", "gauge",
	       "Noise connections of machines that own no node.", s->strangers);
	metric(b, "fairlead_stranger_request_bytes", "gauge", "What their requests hold.",
	       s->strangers_bytes);
	metric(b, "fairlead_stranger_connections_refused_total", "counter",
	       "Their connections over the limit of one source.", s->strangers_refused);
	metric(b, "fairlead_stranger_requests_refused_total", "counter",
	       "Their requests over the limit of memory.", s->strangers_requests_refused);
	metric(b, "fairlead_pending_registrations", "gauge", "Logins that wait for approval.",
	       s->pending);
	metric(b, "fairlead_map_bytes_sent_total", "counter",
	       "Bytes of map frames queued to clients.", s->bytes_sent);
	fl_buf_str(b, "# HELP fairlead_mapresponse_sent_total Map frames queued to clients.\n"
		      "# TYPE fairlead_mapresponse_sent_total counter\n");
	fl_buf_printf(b, "fairlead_mapresponse_sent_total{type=\"full\"} %" PRIu64 "\n",
		      s->frames_full);
	fl_buf_printf(b, "fairlead_mapresponse_sent_total{type=\"delta\"} %" PRIu64 "\n",
		      s->frames_delta);
	fl_buf_printf(b, "fairlead_mapresponse_sent_total{type=\"keepalive\"} %" PRIu64 "\n",
		      s->frames_keepalive);
}

void fl_control_metrics(const struct fl_control *c, struct fl_buf *b)
{
	struct fl_control_stats s;
	struct fl_node *const *nodes;
	size_t online = 0, count = fl_state_nodes(c->core->state, &nodes);

	for (size_t i = 0; i < count; i++)
		online += fl_presence_online(c->core->presence, nodes[i]->id);
	fl_control_stats(c, &s);
	metric(b, "fairlead_nodes", "gauge", "Registered nodes.", count);
	metric(b, "fairlead_nodes_online", "gauge", "Nodes with a live session.", online);
	traffic(&s, b);
	metric(b, "fairlead_store_commits_total", "counter", "Transactions.",
	       c->core->stats.commits);
	metric(b, "fairlead_store_commit_failures_total", "counter", "Transactions that failed.",
	       c->core->stats.commit_failures);
	metric(b, "fairlead_store_rows_total", "counter", "Rows written.", c->core->stats.rows);
	metric(b, "fairlead_store_commit_microseconds_total", "counter",
	       "Time spent in transactions.", (uint64_t)(c->core->stats.commit_ns_total / FL_US));
}
