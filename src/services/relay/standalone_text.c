/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/standalone_text.c - what a relay process says of itself: map snippet, metrics. */
#include "services/relay/standalone_impl.h"

#include "base/jw.h"

enum { STUN_PORT = 3478, TLS_PORT = 443 };

static void put_member(struct fl_jw *w, const char *key, const char *value)
{
	fl_jw_key(w, key);
	fl_jw_str(w, value);
}

/* A relay known by its address needs no name service. */
static void put_address(const struct fl_relay_standalone *s, struct fl_jw *w)
{
	struct fl_ip ip;

	if (fl_ip_parse(fl_slice_str(s->host), &ip) != FL_OK)
		return;
	put_member(w, "IPv4", ip.family == FL_IP_V4 ? s->host : "none");
	put_member(w, "IPv6", ip.family == FL_IP_V6 ? s->host : "none");
}

static void put_pin(const struct fl_relay_standalone *s, struct fl_jw *w)
{
	char pin[FL_RELAY_PIN_TEXT_MAX];

	if (!s->identity.self_made || s->identity.tls == NULL)
		return;
	fl_relay_identity_pin(&s->identity, pin);
	put_member(w, "CertName", pin);
}

static void put_port(struct fl_jw *w, const char *key, int port)
{
	fl_jw_key(w, key);
	fl_jw_i64(w, port);
}

static void put_node(const struct fl_relay_standalone *s, struct fl_jw *w, unsigned region_id)
{
	const struct fl_addrport at = fl_relay_standalone_at(s);
	char name[16];
	struct fl_buf b = fl_buf_over(name, sizeof name);

	fl_buf_printf(&b, "%ua", region_id);
	fl_buf_byte(&b, 0);
	fl_jw_obj(w);
	put_member(w, "Name", name);
	put_port(w, "RegionID", (int)region_id);
	put_member(w, "HostName", s->host);
	put_pin(s, w);
	put_address(s, w);
	if (at.port != TLS_PORT)
		put_port(w, "DERPPort", at.port);
	if (s->stun == NULL)
		put_port(w, "STUNPort", -1);
	else if (fl_stun_at(s->stun).port != STUN_PORT)
		put_port(w, "STUNPort", fl_stun_at(s->stun).port);
	if (s->http != NULL && fl_listener_at(s->http).port == 80) {
		fl_jw_key(w, "CanPort80");
		fl_jw_bool(w, true);
	}
	fl_jw_obj_end(w);
}

void fl_relay_standalone_map(const struct fl_relay_standalone *s, unsigned region_id,
			     const char *region_code, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);
	char id[16];
	struct fl_buf b = fl_buf_over(id, sizeof id);

	fl_buf_printf(&b, "%u", region_id);
	fl_buf_byte(&b, 0);
	fl_jw_obj(&w);
	fl_jw_key(&w, "Regions");
	fl_jw_obj(&w);
	fl_jw_key(&w, id);
	fl_jw_obj(&w);
	put_port(&w, "RegionID", (int)region_id);
	put_member(&w, "RegionCode", region_code);
	put_member(&w, "RegionName", region_code);
	fl_jw_key(&w, "Nodes");
	fl_jw_arr(&w);
	put_node(s, &w, region_id);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_jw_obj_end(&w);
	fl_jw_obj_end(&w);
}

void fl_relay_standalone_metrics(struct fl_relay_standalone *s, struct fl_buf *out)
{
	fl_relay_metrics(s->relay, out);
	if (s->stun != NULL)
		fl_stun_metrics(s->stun, out);
	fl_relay_listener_metrics(s->listener, s->accept_refused, out);
	if (s->identity.tls != NULL)
		fl_relay_identity_metrics(&s->identity, out);
}
