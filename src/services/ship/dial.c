/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/dial.c - devices that we go to: one place after the other, each with its path and,
 * where the device does not know that, without.
 *
 *	host name -> IPv4 addresses -> IPv6 addresses -> link-local ones
 *
 * A dial has one number whatever it tries, and one answer. The next step is always begun from the
 * loop, never inside the call that ended the last one.
 */
#include "services/ship/hub_impl.h"

#include "base/log.h"
#include "base/text.h"
#include "io/ws_upgrade.h"

#include <stdio.h>
#include <stdlib.h>

enum { WHY_MAX = 320 };

#define TRY_TIMEOUT (5 * FL_SEC) /* TCP, TLS and upgrade together */

struct fl_ship_dial {
	struct fl_list in;
	struct fl_ship_hub *hub;
	uint64_t number;
	struct fl_ski ski;
	struct fl_device_entry entry;
	size_t place; /* 0: the host, then the addresses */
	bool bare;    /* without the path */
	fl_time until;
	struct fl_tls_dial *tls;
	struct fl_ws_upgrade *upgrade;
	struct fl_deferred next;
	enum fl_err err; /* of the last place */
	char why[WHY_MAX];
};

static void dial_free(struct fl_ship_dial *d)
{
	fl_tls_dial_cancel(d->tls);
	fl_ws_upgrade_cancel(d->upgrade);
	fl_deferred_cancel(&d->next);
	fl_list_del(&d->in);
	free(d);
}

/* ---- places ---- */

static bool is_literal(const char *host)
{
	struct fl_ip ip;
	return fl_ip_parse(fl_slice_str(host), &ip) == FL_OK;
}

static bool is_local_name(const char *host)
{
	size_t len = strlen(host);
	return len > 6 && fl_str_ieq(fl_slice_str(host + len - 6), fl_slice_str(".local"));
}

/*
 * The system's resolver often does not know names of mDNS: their addresses are what was heard with
 * them. False: nothing to dial here.
 */
static bool name_place(const struct fl_ship_dial *d, struct fl_tls_dial_to *to)
{
	const char *host = d->entry.host;

	if (host[0] == '\0' || (is_local_name(host) && d->entry.addrs_count > 0))
		return false;
	if (fl_ip_parse(fl_slice_str(host), &to->at.ip) == FL_OK)
		return true;
	if (is_local_name(host) && d->hub->mdns != NULL &&
	    fl_mdns_lookup(d->hub->mdns, host, &to->at.ip) == FL_OK)
		return true;
	to->host = host;
	return true;
}

/* False: nothing to dial at this place. */
static bool place_of(const struct fl_ship_dial *d, struct fl_tls_dial_to *to)
{
	*to = (struct fl_tls_dial_to){ .at.port = d->entry.port };
	if (d->entry.host[0] != '\0' && !is_literal(d->entry.host))
		to->server_name = d->entry.host;
	if (d->place == 0)
		return name_place(d, to);
	to->at.ip = d->entry.addrs[d->place - 1].ip;
	to->scope = d->entry.addrs[d->place - 1].scope;
	return true;
}

/* What HTTP calls the place. */
static void host_field(const struct fl_ship_dial *d, char out[static FL_WS_HOST_MAX])
{
	struct fl_addrport at = { .port = d->entry.port };
	bool named = d->place == 0 && fl_ip_parse(fl_slice_str(d->entry.host), &at.ip) != FL_OK;

	if (d->place > 0)
		at.ip = d->entry.addrs[d->place - 1].ip;
	fl_ws_host(named ? d->entry.host : NULL, &at, out);
}

/* ---- the end of it ---- */

static void failed(struct fl_ship_dial *d)
{
	struct fl_ship_hub *h = d->hub;
	char why[WHY_MAX];
	uint64_t number = d->number, none;
	enum fl_err err = d->err;
	bool parked;

	snprintf(why, sizeof why, "%s", d->why);
	dial_free(d);
	h->counts.dials_failed++;
	fl_log_debug("dial failed", FL_LU("dial", number), FL_LS("why", why));
	err = fl_devices_dialled(h->devices, fl_loop_now(h->loop), number, err, why, &none,
				 &parked);
	(void)err; /* it says that there is no connection */
	fl_ship_pump(h);
}

static void arrived(struct fl_ship_dial *d, struct fl_stream *s, struct fl_slice early)
{
	struct fl_ship_hub *h = d->hub;
	struct fl_ship_link_facts facts = { .ski = d->ski, .client = true };
	uint64_t dial = d->number;

	dial_free(d);
	enum fl_err err = fl_devices_dialled(h->devices, fl_loop_now(h->loop), dial, FL_OK, NULL,
					     &facts.number, &facts.parked);
	if (err == FL_ERR_EXISTS)
		fl_ship_link_refuse(h, s, early, true);
	else if (err != FL_OK)
		fl_stream_close(s, 0);
	else if (fl_ship_link_new(h, s, early, &facts) != FL_OK)
		fl_devices_lost(h->devices, fl_loop_now(h->loop), facts.number, 1006,
				fl_slice_of(NULL, 0));
	fl_ship_pump(h);
}

/* ---- one place ---- */

static void leave_place(struct fl_ship_dial *d, enum fl_err err, const char *why)
{
	char at[FL_WS_HOST_MAX];

	host_field(d, at);
	d->err = err;
	snprintf(d->why, sizeof d->why, "%.80s: %.220s", at,
		 why != NULL && why[0] != '\0' ? why : fl_err_text(err));
	d->place++;
	d->bare = false;
	fl_loop_defer(d->hub->loop, &d->next);
}

static void on_upgraded(void *ctx, enum fl_err err, unsigned status, struct fl_stream *s,
			struct fl_slice early)
{
	struct fl_ship_dial *d = ctx;
	char why[64] = "";

	d->upgrade = NULL;
	if (err == FL_OK) {
		arrived(d, s, early);
		return;
	}
	if (err == FL_ERR_DENIED && (status == 404 || status == 400) && !d->bare &&
	    strcmp(d->entry.txt.path, "/") != 0) {
		d->bare = true;
		fl_loop_defer(d->hub->loop, &d->next);
		return;
	}
	if (err == FL_ERR_DENIED)
		snprintf(why, sizeof why, "it answers with HTTP status %u", status);
	else if (err == FL_ERR_PROTO)
		snprintf(why, sizeof why, "it does not speak SHIP over WebSocket");
	leave_place(d, err, why);
}

static void on_secured(void *ctx, enum fl_err err, const char *why, struct fl_stream *s)
{
	struct fl_ship_dial *d = ctx;
	struct fl_ship_hub *h = d->hub;
	struct fl_tls_peer_facts facts;
	char at[FL_WS_HOST_MAX];

	d->tls = NULL;
	if (err != FL_OK) {
		leave_place(d, err, why);
		return;
	}
	if (fl_stream_peer_facts(s, &facts) == FL_OK)
		fl_ship_judge_dates(h, &facts.cert);
	host_field(d, at);
	int64_t left = d->until - fl_loop_now(h->loop);
	err = fl_ws_upgrade_start(s, at, d->bare ? "/" : d->entry.txt.path, "ship",
				  left > FL_MS ? left : FL_MS, on_upgraded, d, &d->upgrade);
	if (err != FL_OK)
		leave_place(d, err, NULL);
}

static enum fl_err judge(void *ctx, const struct fl_ship_cert_facts *facts, enum fl_err err,
			 struct fl_fault *fault)
{
	const struct fl_ship_dial *d = ctx;
	char want[FL_SKI_TEXT_LEN + 1], got[FL_SKI_TEXT_LEN + 1];
	struct fl_ski ski;

	err = fl_ship_judge(d->hub, facts, err, fault, &ski);
	if (err != FL_OK || fl_ski_cmp(&ski, &d->ski) == 0)
		return err;
	fl_ski_format(&d->ski, want);
	fl_ski_format(&ski, got);
	return fl_fault_set(
		fault, FL_ERR_CRYPTO,
		"%.100s has the SKI %s there, not %s; the address is of another device, or "
		"this one has a new key and has to be paired anew",
		facts->subject, got, want);
}

static void on_next(void *ctx)
{
	struct fl_ship_dial *d = ctx;
	struct fl_ship_hub *h = d->hub;
	struct fl_tls_dial_to to;

	while (d->place <= d->entry.addrs_count && !place_of(d, &to))
		d->place++;
	if (d->place > d->entry.addrs_count) {
		failed(d);
		return;
	}
	to.timeout = TRY_TIMEOUT;
	to.judge = judge;
	to.judge_ctx = d;
	d->until = fl_loop_now(h->loop) + TRY_TIMEOUT;
	enum fl_err err = fl_tls_dial(h->loop, h->tls, &to, on_secured, d, &d->tls);
	if (err != FL_OK)
		leave_place(d, err, NULL);
}

/* ---- for the pump ---- */

void fl_ship_dial_start(struct fl_ship_hub *h, uint64_t number, const struct fl_ski *ski,
			const struct fl_device_entry *entry)
{
	struct fl_ship_dial *d = calloc(1, sizeof *d);

	h->counts.dials++;
	if (d == NULL) {
		uint64_t none;
		bool parked;
		enum fl_err err =
			fl_devices_dialled(h->devices, fl_loop_now(h->loop), number, FL_ERR_NOMEM,
					   fl_err_text(FL_ERR_NOMEM), &none, &parked);
		(void)err;
		return;
	}
	*d = (struct fl_ship_dial){
		.hub = h,
		.number = number,
		.ski = *ski,
		.entry = *entry,
		.next = { .fn = on_next, .ctx = d },
		.err = FL_ERR_NOT_FOUND,
		.why = "no address is known",
	};
	if (d->entry.txt.path[0] == '\0')
		fl_str_copy(d->entry.txt.path, sizeof d->entry.txt.path, fl_slice_str("/"));
	fl_list_push(&h->dials, &d->in);
	fl_loop_defer(h->loop, &d->next);
}

void fl_ship_dial_abort(struct fl_ship_hub *h, uint64_t number)
{
	fl_list_each(it, &h->dials)
	{
		struct fl_ship_dial *d = fl_list_entry(it, struct fl_ship_dial, in);
		if (d->number == number)
			dial_free(d);
	}
}

void fl_ship_dials_abort(struct fl_ship_hub *h)
{
	fl_list_each(it, &h->dials) dial_free(fl_list_entry(it, struct fl_ship_dial, in));
}
