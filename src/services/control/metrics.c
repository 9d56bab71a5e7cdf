/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/metrics.c - counters of the control server as Prometheus text. */
#include "services/control/internal.h"

#include <inttypes.h>
#include <stdio.h>

void fl_control_stats(const struct fl_control *c, struct fl_control_stats *out)
{
	const struct fl_chunks_stats chunks = fl_chunks_stats(fl_fragments_chunks(c->fragments));

	*out = c->stats;
	out->chunks_made = chunks.made;
	out->chunks_shared = chunks.shared;
	out->chunk_bytes = chunks.bytes;
	out->noise_handshakes = c->noise.handshakes;
	out->noise_failures = c->noise.failures;
	out->connections = c->noise.count;
	out->pending = c->pending.count;
	out->strangers = c->noise.strangers.count;
	out->pings = c->pings.count[FL_PING_ASKED];
	out->pings_answered = c->pings.answered;
	out->pings_timed_out = c->pings.timed_out;
	out->pings_cancelled = c->pings.cancelled;
	memcpy(out->probes, c->prober.results, sizeof out->probes);
	out->strangers_bytes = c->noise.strangers.budget.used;
	out->strangers_refused = c->noise.strangers.refused;
	out->strangers_requests_refused = c->noise.strangers.budget.refusals;
	out->ephemeral_timers = c->ephemerals.len;
	out->ssh_checks = c->ssh.count;
	fl_list_each(it, &c->leaving) out->leaving++;
	fl_list_each(it, &c->view.sessions)
	{
		const struct fl_session *s = fl_list_entry(it, struct fl_session, link);
		size_t waiting = fl_http_stream_pending(s->x);
		out->queued_sessions += waiting > 0;
		out->queued_bytes += waiting;
	}
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
	metric(b, "fairlead_sessions_leaving", "gauge", "Map sessions in their grace period.",
	       s->leaving);
	metric(b, "fairlead_sessions_queued", "gauge", "Map sessions with frames not taken yet.",
	       s->queued_sessions);
	metric(b, "fairlead_map_queue", "gauge", "Bytes of map frames not taken by clients yet.",
	       s->queued_bytes);
	metric(b, "fairlead_map_frames_suppressed_total", "counter",
	       "Changes that a session had nothing to hear of.", s->frames_suppressed);
	metric(b, "fairlead_map_changes_held_total", "counter",
	       "Changes that waited a moment, to be told with others.", s->changes_held);
	metric(b, "fairlead_ephemeral_timers", "gauge", "Idle ephemeral nodes to be deleted.",
	       s->ephemeral_timers);
	metric(b, "fairlead_ssh_checks", "gauge", "SSH connections that were asked about.",
	       s->ssh_checks);
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
}

/* One name with a label: its head, then a line a value. */
static void head(struct fl_buf *b, const char *name, const char *type, const char *help)
{
	fl_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void labelled(struct fl_buf *b, const char *name, const char *labels, uint64_t v)
{
	fl_buf_printf(b, "%s{%s} %" PRIu64 "\n", name, labels, v);
}

/* Under the names that dashboards for headscale read. Changes of any kind are type "peers". */
static void map_responses(const struct fl_control_stats *s, struct fl_buf *b)
{
	static const char *const ends[FL_SESSION_ENDS] = {
		[FL_SESSION_GONE] = "reason=\"client_gone\"",
		[FL_SESSION_SLOW] = "reason=\"client_slow\"",
		[FL_SESSION_REPLACED] = "reason=\"replaced\"",
		[FL_SESSION_DELETED] = "reason=\"node_deleted\"",
		[FL_SESSION_STOP] = "reason=\"restart\"",
	};
	const char *name = "headscale_mapresponse_sent_total";

	head(b, name, "counter", "Map frames queued to clients, or lost with their session.");
	labelled(b, name, "status=\"ok\",type=\"full\"", s->frames_full);
	labelled(b, name, "status=\"ok\",type=\"peers\"", s->frames_delta);
	labelled(b, name, "status=\"ok\",type=\"keepalive\"", s->frames_keepalive);
	labelled(b, name, "status=\"ok\",type=\"ping\"", s->frames_ping);
	labelled(b, name, "status=\"error\",type=\"unknown\"", s->frames_failed);
	name = "headscale_mapresponse_generated_total";
	head(b, name, "counter", "Map frames written; one may go to many clients.");
	labelled(b, name, "response_type=\"full\"", s->full_made);
	labelled(b, name, "response_type=\"peers\"", s->deltas_made);
	name = "headscale_mapresponse_endpoint_updates_total";
	head(b, name, "counter", "Updates of nodes outside of their map sessions.");
	labelled(b, name, "status=\"ok\"", s->endpoint_updates[0]);
	labelled(b, name, "status=\"error\"", s->endpoint_updates[1]);
	name = "headscale_mapresponse_ended_total";
	head(b, name, "counter", "Map sessions ended.");
	for (size_t i = 0; i < FL_SESSION_ENDS; i++)
		labelled(b, name, ends[i], s->sessions_ended[i]);
}

static void pings(const struct fl_control_stats *s, struct fl_buf *b)
{
	const char *name = "fairlead_pings_total";

	head(b, name, "counter", "Pings and questions that administrators sent to nodes.");
	labelled(b, name, "result=\"answered\"", s->pings_answered);
	labelled(b, name, "result=\"timeout\"", s->pings_timed_out);
	labelled(b, name, "result=\"cancelled\"", s->pings_cancelled);
	metric(b, "fairlead_pings_waiting", "gauge", "Those without an answer yet.", s->pings);
}

/* Routers that share a subnet. */
static void routers(const struct fl_core *core, const struct fl_control_stats *s, struct fl_buf *b)
{
	const char *name = "fairlead_router_probes_total";

	head(b, name, "counter", "Probes of routers that share a subnet.");
	labelled(b, name, "result=\"answered\"", s->probes[FL_PROBE_ANSWERED]);
	labelled(b, name, "result=\"failed\"", s->probes[FL_PROBE_FAILED]);
	labelled(b, name, "result=\"deferred\"", s->probes[FL_PROBE_DEFERRED]);
	metric(b, "fairlead_routers_unhealthy", "gauge", "Routers that do not answer probes.",
	       fl_primaries_unhealthy(core->primaries));
	metric(b, "fairlead_route_failovers_total", "counter",
	       "Subnets that another router took over.", core->stats.failovers);
	metric(b, "fairlead_route_outages_total", "counter", "Subnets that lost their last router.",
	       core->stats.outages);
}

static void chunks(const struct fl_control_stats *s, struct fl_buf *b)
{
	metric(b, "fairlead_map_chunks_made_total", "counter",
	       "Chunks of peers written and compressed for whole maps.", s->chunks_made);
	metric(b, "fairlead_map_chunks_shared_total", "counter",
	       "Chunks of peers that whole maps took as they were.", s->chunks_shared);
	metric(b, "fairlead_map_chunk_bytes", "gauge", "Memory of the chunks kept.",
	       s->chunk_bytes);
}

static void changes(const struct fl_trace *t, struct fl_buf *b)
{
	char label[64];

	head(b, "fairlead_changes_total", "counter", "Changes that sessions may have to hear of.");
	for (size_t i = 0; i < FL_CHANGE_KINDS; i++) {
		snprintf(label, sizeof label, "kind=\"%s\"", fl_trace_kind((enum fl_change_kind)i));
		labelled(b, "fairlead_changes_total", label, t->kinds[i]);
	}
}

static void refusals(const struct fl_control_stats *s, struct fl_buf *b)
{
	static const char name[] = "fairlead_auth_failures_total";

	head(b, name, "counter", "Requests refused for want of a right.");
	labelled(b, name, "kind=\"noise\"", s->noise_failures);
	labelled(b, name, "kind=\"register\"", s->register_refusals);
	labelled(b, name, "kind=\"machine_key\"", s->key_theft_refusals);
}

/* ---- nodes ---- */

enum node_state { ONLINE, OFFLINE, EXPIRED, STATES };

static const char *const states[STATES] = { "online", "offline", "expired" };
static const char *const systems[] = { "linux",   "windows", "macOS", "iOS",     "tvOS",
				       "android", "freebsd", "js",    "openbsd", "other" };
enum { SYSTEMS = sizeof systems / sizeof *systems };

static size_t system_of(const struct fl_node *n)
{
	size_t i = 0;

	while (i < SYSTEMS - 1 && strcmp(n->hostinfo->os, systems[i]) != 0)
		i++;
	return i;
}

static enum node_state state_of(const struct fl_core *core, const struct fl_node *n)
{
	if (fl_node_is_expired(n, fl_loop_wall(core->loop)))
		return EXPIRED;
	return fl_core_online(core, n->id) ? ONLINE : OFFLINE;
}

/* Of the combinations those that there are: few, whatever nodes call their system. */
static void nodes_by_kind(const struct fl_core *core, struct fl_node *const *nodes, size_t len,
			  struct fl_buf *b)
{
	size_t count[STATES * SYSTEMS * 2] = { 0 };
	char labels[96];

	for (size_t i = 0; i < len; i++) {
		size_t kind = (size_t)state_of(core, nodes[i]) * SYSTEMS + system_of(nodes[i]);
		count[2 * kind + fl_node_is_tagged(nodes[i])]++;
	}
	head(b, "fairlead_nodes", "gauge", "Registered nodes.");
	for (size_t i = 0; i < sizeof count / sizeof *count; i++) {
		if (count[i] == 0)
			continue;
		snprintf(labels, sizeof labels, "state=\"%s\",os=\"%s\",tagged=\"%s\"",
			 states[i / 2 / SYSTEMS], systems[i / 2 % SYSTEMS],
			 i % 2 == 0 ? "no" : "yes");
		labelled(b, "fairlead_nodes", labels, count[i]);
	}
}

static void records(const struct fl_core *core, struct fl_buf *b)
{
	struct fl_prefix out[FL_NODE_ROUTES_MAX];
	size_t announced = 0, approved = 0, served = 0;
	struct fl_node *const *nodes;
	struct fl_user *const *users;
	size_t count = fl_state_nodes(core->state, &nodes);

	for (size_t i = 0; i < count; i++) {
		announced += nodes[i]->hostinfo->routes_count;
		approved += nodes[i]->approved_count;
		served += fl_state_served(core->state, nodes[i], out);
	}
	nodes_by_kind(core, nodes, count, b);
	metric(b, "fairlead_nodes_online", "gauge", "Nodes with a live session.",
	       fl_registry_online(core->sessions));
	metric(b, "fairlead_users", "gauge", "Users.", fl_state_users(core->state, &users));
	head(b, "fairlead_routes", "gauge", "Routes of all nodes.");
	labelled(b, "fairlead_routes", "state=\"announced\"", announced);
	labelled(b, "fairlead_routes", "state=\"approved\"", approved);
	labelled(b, "fairlead_routes", "state=\"served\"", served);
}

void fl_control_metrics(const struct fl_control *c, struct fl_buf *b)
{
	struct fl_control_stats s;

	fl_control_stats(c, &s);
	records(c->core, b);
	traffic(&s, b);
	map_responses(&s, b);
	pings(&s, b);
	routers(c->core, &s, b);
	changes(&c->trace, b);
	fl_delays_write(
		&c->trace.map_delay, "fairlead_map_delay_seconds", "",
		"From the turn of the loop in which a change came until all sessions have it.", b);
	fl_delays_write(&c->trace.first_map, "fairlead_first_map_seconds", "",
			"From a request for a map session until its first map was handed over.", b);
	chunks(&s, b);
	refusals(&s, b);
}

void fl_control_store_metrics(const struct fl_control *c, struct fl_buf *b)
{
	metric(b, "fairlead_store_commits_total", "counter", "Transactions.",
	       c->core->stats.commits);
	metric(b, "fairlead_store_commit_failures_total", "counter", "Transactions that failed.",
	       c->core->stats.commit_failures);
	metric(b, "fairlead_store_rows_total", "counter", "Rows written.", c->core->stats.rows);
	metric(b, "fairlead_store_commit_microseconds_total", "counter",
	       "Time spent in transactions.", (uint64_t)(c->core->stats.commit_took.sum / FL_US));
	fl_delays_write(&c->core->stats.commit_took, "fairlead_store_commit_seconds", "",
			"How long a transaction took, failed ones too.", b);
}
