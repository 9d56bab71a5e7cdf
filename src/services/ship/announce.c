/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/announce.c - what mDNS says of us. */
#include "services/ship/hub_impl.h"

#include "base/cur.h"
#include "base/log.h"

#include <stdio.h>

static void on_state(void *ctx, bool running, const char *text)
{
	struct fl_ship_hub *h = ctx;

	h->mdns_running = running;
	snprintf(h->mdns_text, sizeof h->mdns_text, "%s", text != NULL ? text : "");
	if (running)
		fl_log_info("announced in the network", FL_LS("as", h->mdns_text));
	else
		fl_log_warn("not announced in the network", FL_LS("why", h->mdns_text));
}

enum fl_err fl_ship_announce_start(struct fl_ship_hub *h, struct fl_fault *fault)
{
	const struct fl_mdns_config cfg = {
		.type = "_ship._tcp",
		.instance = h->instance,
		.host = h->host,
		.port = fl_listener_at(h->listener).port,
		.backend = h->mdns_backend,
		.interfaces = (const char *const *)h->interfaces,
		.interfaces_count = h->interfaces_count,
		.on_seen = fl_ship_seen,
		.on_state = on_state,
		.ctx = h,
	};

	if (h->mdns_backend == FL_MDNS_NONE) {
		snprintf(h->mdns_text, sizeof h->mdns_text, "off");
		return FL_OK;
	}
	snprintf(h->mdns_text, sizeof h->mdns_text, "the name is being settled");
	return fl_mdns_new(h->loop, &cfg, fault, &h->mdns);
}

/* The record as mDNS wants it: strings, each behind its length. */
static size_t split(struct fl_slice record, struct fl_slice out[static FL_MDNS_TXT_STRINGS_MAX])
{
	struct fl_cur cur = { .in = record };
	size_t count = 0;

	while (cur.at < cur.in.len && count < FL_MDNS_TXT_STRINGS_MAX) {
		struct fl_slice text = fl_cur_take(&cur, fl_cur_be(&cur, 1));
		if (cur.bad)
			break;
		out[count++] = text;
	}
	return count;
}

void fl_ship_announce(struct fl_ship_hub *h, bool auto_accept)
{
	struct fl_slice strings[FL_MDNS_TXT_STRINGS_MAX];
	struct fl_buf record = fl_buf_make(2 * FL_SHIP_TXT_MAX);

	if (h->mdns == NULL)
		return;
	h->txt.auto_accept = auto_accept;
	enum fl_err err = fl_ship_txt_write(&h->txt, &record);
	if (err == FL_OK)
		err = fl_mdns_announce(h->mdns, strings, split(fl_buf_slice(&record), strings));
	if (err != FL_OK)
		fl_log_error("not announced in the network", FL_LS("why", fl_err_text(err)));
	fl_buf_done(&record);
}

void fl_ship_announce_stop(struct fl_ship_hub *h)
{
	h->mdns = fl_mdns_close(h->mdns);
	h->mdns_running = false;
}
