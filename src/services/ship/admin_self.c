/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/admin_self.c - the hub itself: status, identity, QR text, the window for pairing.
 */
#include "services/ship/admin_impl.h"

#include "base/version.h"
#include "wire/ship/qr.h"

static const char *backend_name(const struct fl_ship_hub *h)
{
	switch (h->mdns != NULL ? fl_mdns_backend(h->mdns) : FL_MDNS_NONE) {
	case FL_MDNS_AVAHI:
		return "avahi";
	case FL_MDNS_EMBEDDED:
		return "embedded";
	case FL_MDNS_AUTO:
		return "auto";
	case FL_MDNS_NONE:
		break;
	}
	return "none";
}

static const char *rule_name(enum fl_devices_rule rule)
{
	switch (rule) {
	case FL_DEVICES_RULE_RECENT:
		return "recent";
	case FL_DEVICES_RULE_INITIATOR:
		return "initiator";
	case FL_DEVICES_RULE_AUTO:
		break;
	}
	return "auto";
}

static void put_own(const struct fl_ship_hub *h, struct fl_jw *w)
{
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(fl_ship_hub_ski(h), ski);
	fl_ship_admin_put(w, "shipId", fl_ship_hub_id(h));
	fl_ship_admin_put(w, "ski", ski);
}

static size_t count_devices(const struct fl_devices *d)
{
	struct fl_device_info info;
	size_t n = 0, trusted = 0;

	for (; fl_devices_info_at(d, n, &info); n++)
		trusted += info.record.trusted;
	return trusted;
}

static void put_mdns(const struct fl_ship_hub *h, struct fl_jw *w)
{
	fl_jw_key(w, "mdns");
	fl_jw_obj(w);
	fl_ship_admin_put(w, "backend", backend_name(h));
	fl_jw_key(w, "running");
	fl_jw_bool(w, h->mdns_running);
	fl_ship_admin_put(w, "text", h->mdns_text);
	fl_jw_obj_end(w);
}

void fl_ship_admin_status(void *ctx, struct fl_http *x)
{
	const struct fl_ship_admin *a = ctx;
	const struct fl_ship_hub *h = a->hub;
	struct fl_buf out = fl_buf_make(FL_SHIP_ADMIN_BODY_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	put_own(h, &w);
	fl_jw_key(&w, "port");
	fl_jw_u64(&w, fl_ship_hub_at(h).port);
	fl_ship_admin_put(&w, "instance",
			  h->mdns_running && h->mdns_text[0] != '\0' ? h->mdns_text : h->instance);
	put_mdns(h, &w);
	fl_jw_key(&w, "autoAccept");
	fl_jw_bool(&w, fl_devices_auto_accepting(h->devices));
	fl_ship_admin_put(&w, "rule", rule_name(h->rule));
	fl_jw_key(&w, "devices");
	fl_jw_u64(&w, count_devices(h->devices));
	fl_jw_key(&w, "connections");
	fl_jw_u64(&w, fl_devices_connections(h->devices));
	fl_jw_key(&w, "uptimeSeconds");
	fl_jw_i64(&w, (fl_loop_now(a->loop) - h->since) / FL_SEC);
	fl_jw_obj_end(&w);
	fl_ship_admin_json(x, &out);
}

/* The text for a QR code as a member. */
static enum fl_err put_qr(const struct fl_ship_hub *h, const char *key, struct fl_jw *w)
{
	struct fl_buf text = fl_buf_make(FL_SHIP_QR_MAX);

	enum fl_err err = fl_ship_hub_qr(h, &text);
	fl_jw_key(w, key);
	fl_jw_text(w, fl_buf_slice(&text));
	fl_buf_done(&text);
	return err;
}

static void answer(struct fl_http *x, struct fl_buf *out, enum fl_err err)
{
	const struct fl_fault none = { "" };

	if (err == FL_OK) {
		fl_ship_admin_json(x, out);
		return;
	}
	fl_buf_done(out);
	fl_ship_admin_refuse(x, err, &none);
}

void fl_ship_admin_identity(void *ctx, struct fl_http *x)
{
	const struct fl_ship_admin *a = ctx;
	const struct fl_ship_hub *h = a->hub;
	struct fl_buf out = fl_buf_make(FL_SHIP_ADMIN_BODY_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	put_own(h, &w);
	fl_jw_key(&w, "certificate");
	fl_jw_text(&w, fl_ship_identity_cert(&h->identity));
	fl_jw_key(&w, "notBefore");
	fl_jw_time(&w, h->identity.facts.not_before);
	fl_jw_key(&w, "notAfter");
	fl_jw_time(&w, h->identity.facts.not_after);
	enum fl_err err = put_qr(h, "qr", &w);
	fl_jw_obj_end(&w);
	answer(x, &out, err);
}

void fl_ship_admin_messages(void *ctx, struct fl_http *x)
{
	const struct fl_ship_admin *a = ctx;
	struct fl_buf out = fl_buf_make(FL_SHIP_ADMIN_BODY_MAX);
	struct fl_jw w = fl_jw_make(&out);
	struct fl_ship_message_log_stats s;

	fl_ship_message_log_stats(a->hub->log, &s);
	fl_jw_obj(&w);
	fl_ship_admin_put(&w, "path", s.path);
	fl_jw_key(&w, "maxSize");
	fl_jw_u64(&w, s.max);
	fl_jw_key(&w, "redact");
	fl_jw_bool(&w, !s.plain);
	fl_jw_key(&w, "written");
	fl_jw_u64(&w, s.written);
	fl_jw_key(&w, "lost");
	fl_jw_u64(&w, s.lost);
	fl_jw_key(&w, "waitingBytes");
	fl_jw_u64(&w, s.waiting);
	fl_jw_key(&w, "failing");
	fl_jw_bool(&w, s.failing);
	fl_jw_obj_end(&w);
	fl_ship_admin_json(x, &out);
}

void fl_ship_admin_qr(void *ctx, struct fl_http *x)
{
	const struct fl_ship_admin *a = ctx;
	struct fl_buf out = fl_buf_make(FL_SHIP_ADMIN_BODY_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	enum fl_err err = put_qr(a->hub, "text", &w);
	fl_jw_obj_end(&w);
	answer(x, &out, err);
}

void fl_ship_admin_window(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	struct fl_fault fault = { "" };
	uint64_t seconds;

	struct fl_json *doc = fl_ship_admin_body(x);
	if (doc == NULL)
		return;
	bool ok = fl_ship_admin_number(x, fl_json_root(doc), "seconds", UINT16_MAX, &seconds);
	fl_json_free(doc);
	if (!ok)
		return;
	enum fl_err err = fl_ship_hub_window(a->hub, (unsigned)seconds, &fault);
	if (err == FL_OK)
		fl_ship_admin_status(a, x);
	else
		fl_ship_admin_fail(x, err == FL_ERR_INVALID ? 400 : 503, err, fault.text, "seconds",
				   NULL);
}

void fl_ship_admin_health(void *ctx, struct fl_http *x)
{
	const struct fl_ship_admin *a = ctx;
	bool well = a->hub->started && !a->hub->stopping;

	fl_http_respond(x, well ? 200 : 503, "application/json",
			fl_slice_str(well ? "{\"status\":\"pass\"}" : "{\"status\":\"fail\"}"));
}

void fl_ship_admin_version(void *ctx, struct fl_http *x)
{
	struct fl_buf out = fl_buf_make(FL_SHIP_ADMIN_BODY_MAX);
	struct fl_jw w = fl_jw_make(&out);

	(void)ctx;
	fl_jw_obj(&w);
	fl_ship_admin_put(&w, "version", FL_VERSION);
	fl_jw_obj_end(&w);
	fl_ship_admin_json(x, &out);
}
