/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/metrics.c - the relay's counters in Prometheus text form, under the names that
 * existing dashboards know.
 */
#include "services/relay/identity.h"
#include "services/relay/relay_impl.h"

static const char *const reasons[FL_DERP_DROP_COUNT] = {
	[FL_DERP_DROP_UNKNOWN_DEST] = "unknown_dest",
	[FL_DERP_DROP_UNKNOWN_DEST_ON_FWD] = "unknown_dest_on_fwd",
	[FL_DERP_DROP_GONE_DISCONNECTED] = "gone_disconnected",
	[FL_DERP_DROP_QUEUE_HEAD] = "queue_head",
	[FL_DERP_DROP_QUEUE_TAIL] = "queue_tail",
	[FL_DERP_DROP_WRITE_ERROR] = "write_error",
	[FL_DERP_DROP_DUP_CLIENT] = "dup_client",
};
static const char *const kinds[2] = { "disco", "other" };

static void put(struct fl_buf *out, const char *type, const char *name, uint64_t value)
{
	fl_buf_printf(out, "# TYPE derp_%s %s\nderp_%s %llu\n", name, type, name,
		      (unsigned long long)value);
}

static void put_gauges(struct fl_buf *out, const struct fl_derp_stats *s)
{
	put(out, "gauge", "current_connections", s->connections);
	put(out, "gauge", "current_home_connections", s->home_connections);
	put(out, "gauge", "current_notideal_connections", s->not_ideal_connections);
	put(out, "gauge", "clients_total", s->clients_local);
	put(out, "gauge", "clients_local", s->clients_local);
	put(out, "gauge", "clients_remote", 0);
	put(out, "gauge", "watchers", 0);
	put(out, "gauge", "current_dup_client_keys", s->dup_keys);
	put(out, "gauge", "current_dup_client_conns", s->dup_conns);
	put(out, "gauge", "current_logins", s->logins);
	put(out, "gauge", "remembered_pairs", s->watches);
	put(out, "gauge", "queue_memory_bytes", s->memory);
	put(out, "gauge", "input_memory_bytes", s->input_memory);
	put(out, "gauge", "queue_memory_cached_bytes", s->memory_cache);
	fl_buf_printf(out,
		      "# TYPE derp_average_queue_duration_ms gauge\n"
		      "derp_average_queue_duration_ms %.3f\n",
		      (double)s->queue_avg / (double)FL_MS);
}

static void put_counters(struct fl_buf *out, const struct fl_derp_stats *s)
{
	put(out, "counter", "total_dup_client_conns", s->dup_conns_total);
	put(out, "counter", "accepts", s->accepts);
	put(out, "counter", "clients_refused", s->refused);
	put(out, "counter", "bytes_received", s->bytes_received);
	put(out, "counter", "bytes_sent", s->bytes_sent);
	put(out, "counter", "packets_received", s->packets_received);
	put(out, "counter", "packets_sent", s->packets_sent);
	put(out, "counter", "unknown_frames", s->unknown_frames);
	put(out, "counter", "home_moves_in", s->home_moves_in);
	put(out, "counter", "home_moves_out", s->home_moves_out);
	put(out, "counter", "got_ping", s->got_ping);
	put(out, "counter", "sent_pong", s->sent_pong);
	put(out, "counter", "sent_keep_alives", s->keep_alives);
	put(out, "counter", "peer_gone_disconnected_frames", s->gone_disconnected);
	put(out, "counter", "peer_gone_not_here_frames", s->gone_not_here);
	put(out, "counter", "peer_gone_dropped_frames", s->gone_dropped);
	put(out, "counter", "packets_forwarded_out", 0);
	put(out, "counter", "packets_forwarded_in", 0);
	put(out, "counter", "rate_limit_per_client_waits", s->rate_waits);
}

static void put_kinds(struct fl_buf *out, const struct fl_derp_stats *s)
{
	unsigned long long disco = s->packets_disco;
	unsigned long long other = s->packets_received - s->packets_disco;

	fl_buf_printf(out,
		      "# TYPE derp_packets_received_kind counter\n"
		      "derp_packets_received_kind{kind=\"disco\"} %llu\n"
		      "derp_packets_received_kind{kind=\"other\"} %llu\n",
		      disco, other);
}

static void put_drops(struct fl_buf *out, const struct fl_derp_stats *s, bool bytes)
{
	const char *name = bytes ? "bytes" : "packets";

	fl_buf_printf(out, "# TYPE derp_%s_dropped counter\n", name);
	for (int why = 0; why < FL_DERP_DROP_COUNT; why++) {
		const uint64_t *n = bytes ? s->drop[why].bytes : s->drop[why].packets;
		for (int kind = 0; kind < 2; kind++)
			fl_buf_printf(out, "derp_%s_dropped{reason=\"%s\",kind=\"%s\"} %llu\n",
				      name, reasons[why], kinds[kind], (unsigned long long)n[kind]);
	}
}

static void put_service(struct fl_buf *out, const struct fl_relay_stats *s)
{
	put(out, "counter", "websocket_accepts", s->websocket_accepts);
	put(out, "counter", "fast_starts", s->fast_starts);
	put(out, "counter", "sclient_write_timeouts", s->write_timeouts);
	put(out, "gauge", "blocked_clients", s->blocked);
	put(out, "counter", "verify_asked", s->verify_asked);
	put(out, "counter", "verify_cached", s->verify_cached);
	put(out, "counter", "verify_unreachable", s->verify_unreachable);
	put(out, "counter", "verify_bad_answers", s->verify_bad);
}

void fl_relay_stats(struct fl_relay *r, struct fl_relay_stats *out)
{
	*out = (struct fl_relay_stats){
		.derp = fl_derp_server_stats(r->server),
		.websocket_accepts = r->websocket_accepts,
		.write_timeouts = r->write_timeouts,
		.fast_starts = r->fast_starts,
		.verify_asked = r->verify_asked,
		.verify_cached = r->verify_cached,
		.verify_unreachable = r->verify_unreachable,
		.verify_bad = r->verify_bad,
		.blocked = r->blocked_count,
	};
}

void fl_relay_metrics(struct fl_relay *r, struct fl_buf *out)
{
	struct fl_relay_stats s;

	fl_relay_stats(r, &s);
	put_gauges(out, s.derp);
	put_counters(out, s.derp);
	put_kinds(out, s.derp);
	put_drops(out, s.derp, false);
	put_drops(out, s.derp, true);
	put_service(out, &s);
}

void fl_relay_listener_metrics(const struct fl_listener *l, uint64_t refused, struct fl_buf *out)
{
	struct fl_listener_stats s;

	fl_listener_stats(l, &s);
	put(out, "counter", "accepted_connections", s.accepted);
	put(out, "counter", "rejected_connections", s.refused_limit + refused);
	put(out, "counter", "failed_tls", s.failed_tls);
	put(out, "counter", "failed_hello", s.failed_hello);
	put(out, "counter", "accept_errors", s.accept_errors);
	put(out, "gauge", "open_connections", s.open);
	put(out, "gauge", "open_connections_max", s.open_max);
	fl_buf_printf(out,
		      "# TYPE derper_tls_request_version counter\n"
		      "derper_tls_request_version{version=\"1.2\"} %llu\n"
		      "derper_tls_request_version{version=\"1.3\"} %llu\n",
		      (unsigned long long)s.tls12, (unsigned long long)s.tls13);
}

void fl_relay_identity_metrics(const struct fl_relay_identity *id, struct fl_buf *out)
{
	fl_buf_printf(out,
		      "# TYPE derp_certificate_not_after_seconds gauge\n"
		      "derp_certificate_not_after_seconds %lld\n",
		      (long long)(id->not_after / FL_SEC));
}
