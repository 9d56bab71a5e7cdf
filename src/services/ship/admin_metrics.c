/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/admin_metrics.c - /metrics: what the hub counts. */
#include "services/ship/admin_impl.h"

#include "services/metrics/process.h"

#include <inttypes.h>

enum { METRICS_MAX = 256 << 10, STATES = FL_DEVICES_ERROR + 1 };

static void head(struct fl_buf *b, const char *name, const char *type, const char *help)
{
	fl_buf_printf(b, "# HELP fairlead_ship_%s %s\n# TYPE fairlead_ship_%s %s\n", name, help,
		      name, type);
}

static void row(struct fl_buf *b, const char *name, const char *label, const char *value,
		uint64_t n)
{
	fl_buf_printf(b, "fairlead_ship_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, n);
}

static void single(struct fl_buf *b, const char *name, const char *type, const char *help,
		   uint64_t n)
{
	head(b, name, type, help);
	fl_buf_printf(b, "fairlead_ship_%s %" PRIu64 "\n", name, n);
}

static void devices(const struct fl_ship_hub *h, struct fl_buf *b)
{
	uint64_t all[STATES] = { 0 }, open[STATES] = { 0 };
	struct fl_device_info info;

	for (size_t i = 0; fl_devices_info_at(h->devices, i, &info); i++) {
		all[info.state]++;
		open[info.state] += info.number != 0;
	}
	head(b, "devices", "gauge", "Devices known, by state.");
	for (unsigned s = 0; s < STATES; s++)
		row(b, "devices", "state", fl_devices_state_name((enum fl_device_state)s), all[s]);
	head(b, "connections", "gauge", "Current connections, by state of their device.");
	for (unsigned s = 0; s < STATES; s++)
		row(b, "connections", "state", fl_devices_state_name((enum fl_device_state)s),
		    open[s]);
}

static void traffic(const struct fl_ship_counts *c, struct fl_buf *b)
{
	head(b, "messages_total", "counter", "SHIP messages.");
	row(b, "messages_total", "direction", "in", c->messages_in);
	row(b, "messages_total", "direction", "out", c->messages_out);
	head(b, "payloads_total", "counter", "SPINE payloads passed on.");
	row(b, "payloads_total", "direction", "in", c->payloads_in);
	row(b, "payloads_total", "direction", "out", c->payloads_out);
}

static void messages_logged(const struct fl_ship_hub *h, struct fl_buf *b)
{
	struct fl_ship_message_log_stats s;

	fl_ship_message_log_stats(h->log, &s);
	head(b, "logged_messages_total", "counter", "SHIP messages for the message log.");
	row(b, "logged_messages_total", "result", "written", s.written);
	row(b, "logged_messages_total", "result", "lost", s.lost);
}

static void connections(const struct fl_ship_hub *h, struct fl_buf *b)
{
	const struct fl_ship_counts *c = &h->counts;
	struct fl_listener_stats stats = { 0 };

	if (h->listener != NULL)
		fl_listener_stats(h->listener, &stats);
	single(b, "dials_total", "counter", "Dials begun.", c->dials);
	head(b, "handshakes_total", "counter", "TLS handshakes of devices that came to us.");
	row(b, "handshakes_total", "version", "1.2", stats.tls12);
	row(b, "handshakes_total", "version", "1.3", stats.tls13);
	single(b, "upgrades_total", "counter", "Devices that came to us and were let in.",
	       c->upgrades);
	head(b, "rejected_total", "counter", "Devices that came to us and were not let in.");
	row(b, "rejected_total", "reason", "tls", c->rejected_tls);
	row(b, "rejected_total", "reason", "http", c->rejected_http);
	row(b, "rejected_total", "reason", "full", c->rejected_full + stats.refused_limit);
	row(b, "rejected_total", "reason", "rate", c->rejected_busy);
	row(b, "rejected_total", "reason", "double", c->double_closed);
	row(b, "rejected_total", "reason", "category", c->rejected_limit);
	row(b, "rejected_total", "reason", "hello", stats.failed_hello);
}

static void errors(const struct fl_ship_admin *a, struct fl_buf *b)
{
	const struct fl_ship_counts *c = &a->hub->counts;

	head(b, "errors_total", "counter", "What went wrong.");
	row(b, "errors_total", "kind", "dial", c->dials_failed);
	row(b, "errors_total", "kind", "slow_device", c->slow);
	row(b, "errors_total", "kind", "slow_reader", a->readers_closed);
	row(b, "errors_total", "kind", "not_kept", c->unsaved);
	row(b, "errors_total", "kind", "announcement", c->bad_announcements);
	row(b, "errors_total", "kind", "unseen",
	    a->hub->mdns != NULL ? fl_mdns_dropped(a->hub->mdns) : 0);
}

void fl_ship_admin_metrics(void *ctx, struct fl_http *x)
{
	const struct fl_ship_admin *a = ctx;
	const struct fl_ship_hub *h = a->hub;
	struct fl_buf out = fl_buf_make(METRICS_MAX);

	devices(h, &out);
	traffic(&h->counts, &out);
	messages_logged(h, &out);
	connections(h, &out);
	errors(a, &out);
	single(&out, "tls_cert_expiry_seconds", "gauge", "Until our certificate expires.",
	       h->identity.facts.not_after > fl_loop_wall(a->loop)
		       ? (uint64_t)((h->identity.facts.not_after - fl_loop_wall(a->loop)) / FL_SEC)
		       : 0);
	fl_process_metrics(&out);
	if (fl_buf_err(&out) == FL_OK)
		fl_http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8",
				fl_buf_slice(&out));
	else
		fl_http_respond(x, 500, "text/plain", fl_slice_str("metrics could not be built\n"));
	fl_buf_done(&out);
}
