/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/netmap/message.c - whole maps, keep-alives, and the map of an unknown node. */
#include "domain/netmap/internal.h"

#include <stdlib.h>

#include "base/text.h"

enum { FIXED_PART = 8192 }; /* a first guess at all but peers and settings */

/* No protocol given means TCP, UDP and both ICMPs. */
static const char allow_all[] = "[{\"SrcIPs\":[\"*\"],\"DstPorts\":"
				"[{\"IP\":\"*\",\"Ports\":{\"First\":0,\"Last\":65535}}]}]";

struct fl_slice fl_netmap_allow_all(void)
{
	return fl_slice_str(allow_all);
}

void fl_netmap_put_filter(struct fl_jw *w, struct fl_slice rules)
{
	fl_jw_key(w, "PacketFilters");
	fl_jw_obj(w);
	fl_jw_key(w, "base");
	fl_jw_raw(w, rules);
	fl_jw_obj_end(w);
}

enum fl_err fl_netmap_finish(struct fl_buf *out, size_t start, enum fl_err err)
{
	if (err == FL_OK)
		err = fl_buf_err(out);
	if (err != FL_OK)
		out->len = start;
	return err;
}

static bool is_shown(const struct fl_netmap_full *in, const struct fl_netmap_peer *p)
{
	return p->fragment != NULL && p->node->id != in->self.node->id;
}

/* One growth for the whole message. */
static void reserve(const struct fl_netmap_full *in, struct fl_buf *out)
{
	size_t n =
		FIXED_PART + in->cfg->derp->len + in->cfg->dns->len + in->filter.len + in->ssh.len;

	for (size_t i = 0; i < in->peers_count; i++)
		if (is_shown(in, &in->peers[i]))
			n += in->peers[i].fragment->len + 1;
	if (n < out->max - out->len)
		(void)fl_buf_reserve(out, n);
}

/* An empty list would mean the same as none, so none it is. */
static void put_peers(struct fl_jw *w, const struct fl_netmap_full *in)
{
	bool any = false;

	for (size_t i = 0; i < in->peers_count; i++) {
		const struct fl_netmap_peer *p = &in->peers[i];
		if (!is_shown(in, p))
			continue;
		if (!any) {
			fl_jw_key(w, "Peers");
			fl_jw_arr(w);
			any = true;
		}
		fl_jw_raw(w, fl_bytes_slice(p->fragment));
	}
	if (any)
		fl_jw_arr_end(w);
}

static void list_owners(const struct fl_netmap_full *in, struct fl_netmap_owners *owners)
{
	fl_netmap_owners_add(owners, fl_netmap_owner(in->self.node));
	for (size_t i = 0; i < in->owners_count; i++)
		fl_netmap_owners_add(owners, in->owners[i]);
	for (size_t i = 0; i < in->peers_count; i++)
		if (is_shown(in, &in->peers[i]))
			fl_netmap_owners_add(owners, fl_netmap_owner(in->peers[i].node));
}

static void put_settings(struct fl_jw *w, const struct fl_netmap_full *in)
{
	fl_jw_key(w, "DNSConfig");
	fl_netmap_put_dns(w, in->cfg, &in->self);
	fl_jw_key(w, "Domain");
	fl_jw_str(w, in->cfg->base_domain);
	fl_jw_key(w, "CollectServices");
	fl_jw_bool(w, false);
	fl_netmap_put_filter(w, in->filter.len > 0 ? in->filter : fl_slice_str(allow_all));
}

static void put_rest(struct fl_jw *w, const struct fl_netmap_full *in)
{
	fl_jw_key(w, "SSHPolicy");
	fl_jw_raw(w, in->ssh.len > 0 ? in->ssh : fl_slice_str("{\"rules\":[]}"));
	fl_jw_key(w, "ControlTime");
	fl_jw_time(w, in->now);
	if (!in->cfg->logtail) {
		fl_jw_key(w, "Debug");
		fl_jw_raw(w, fl_slice_str("{\"DisableLogTail\":true}"));
	}
}

/* All but the peers, which come last. */
static enum fl_err put_head(struct fl_jw *w, const struct fl_netmap_full *in)
{
	struct fl_netmap_owners owners;
	enum fl_err err = fl_netmap_owners_init(&owners, in->peers_count + in->owners_count + 1);
	if (err != FL_OK)
		return err;

	fl_jw_obj(w);
	err = fl_netmap_put_self(w, in->cfg, &in->self, in->now);
	if (err == FL_OK) {
		fl_jw_key(w, "DERPMap");
		fl_jw_raw(w, fl_bytes_slice(in->cfg->derp));
		put_settings(w, in);
		list_owners(in, &owners);
		fl_netmap_put_profiles(w, &owners, &in->users);
		put_rest(w, in);
	}
	fl_netmap_owners_done(&owners);
	return err;
}

enum fl_err fl_netmap_full_write(const struct fl_netmap_full *in, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);
	size_t start = out->len;

	reserve(in, out);
	enum fl_err err = put_head(&w, in);
	if (err == FL_OK) {
		put_peers(&w, in);
		fl_jw_obj_end(&w);
	}
	return fl_netmap_finish(out, start, err);
}

enum fl_err fl_netmap_full_open(const struct fl_netmap_full *in, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);
	size_t start = out->len;

	reserve(in, out);
	enum fl_err err = put_head(&w, in);
	if (err == FL_OK) {
		fl_jw_key(&w, "Peers");
		fl_jw_arr(&w);
	}
	return fl_netmap_finish(out, start, err);
}

enum fl_err fl_netmap_keepalive_write(fl_wall now, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);
	size_t start = out->len;

	fl_jw_obj(&w);
	fl_jw_key(&w, "KeepAlive");
	fl_jw_bool(&w, true);
	fl_jw_key(&w, "ControlTime");
	fl_jw_time(&w, now);
	fl_jw_obj_end(&w);
	return fl_netmap_finish(out, start, FL_OK);
}

static enum fl_err put_payload(struct fl_jw *w, const char *request)
{
	size_t len = strlen(request);
	char *text = malloc((len + 2) / 3 * 4 + 1);

	if (text == NULL)
		return FL_ERR_NOMEM;
	fl_base64_encode(request, len, text);
	fl_jw_key(w, "Types");
	fl_jw_str(w, "c2n");
	fl_jw_key(w, "Payload");
	fl_jw_str(w, text);
	free(text);
	return FL_OK;
}

enum fl_err fl_netmap_ping_write(const struct fl_netmap_ping *in, fl_wall now, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);
	size_t start = out->len;

	fl_jw_obj(&w);
	fl_jw_key(&w, "KeepAlive");
	fl_jw_bool(&w, true);
	fl_jw_key(&w, "PingRequest");
	fl_jw_obj(&w);
	fl_jw_key(&w, "URL");
	fl_jw_str(&w, in->url);
	fl_jw_key(&w, "URLIsNoise");
	fl_jw_bool(&w, true);
	enum fl_err err = in->request != NULL ? put_payload(&w, in->request) : FL_OK;
	fl_jw_obj_end(&w);
	fl_jw_key(&w, "ControlTime");
	fl_jw_time(&w, now);
	fl_jw_obj_end(&w);
	return fl_netmap_finish(out, start, err);
}

/* Only what a client insists on; no address, so nothing is configured meanwhile. */
static void put_expired_node(struct fl_jw *w, const struct fl_node_key *key, const char *fqdn,
			     fl_wall now)
{
	char text[FL_KEY_TEXT_MAX];

	fl_node_key_format(key, text);
	fl_jw_obj(w);
	fl_jw_key(w, "ID");
	fl_jw_u64(w, (UINT64_C(1) << 53) - 1);
	fl_jw_key(w, "StableID");
	fl_jw_str(w, "unknown");
	fl_jw_key(w, "Name");
	fl_jw_str(w, fqdn);
	fl_jw_key(w, "User");
	fl_jw_u64(w, FL_TAGGED_USER_ID);
	fl_jw_key(w, "Key");
	fl_jw_str(w, text);
	fl_jw_key(w, "KeyExpiry");
	fl_jw_time(w, now - FL_HOUR);
	fl_jw_key(w, "Addresses");
	fl_jw_raw(w, fl_slice_str("[]"));
	fl_jw_key(w, "AllowedIPs");
	fl_jw_raw(w, fl_slice_str("[]"));
	fl_jw_key(w, "MachineAuthorized");
	fl_jw_bool(w, true);
	fl_jw_key(w, "Expired");
	fl_jw_bool(w, true);
	fl_jw_obj_end(w);
}

enum fl_err fl_netmap_expired_self(const struct fl_netmap_config *cfg,
				   const struct fl_node_key *key, fl_wall now, struct fl_buf *out)
{
	static const struct fl_netmap_users nobody = { 0 };
	fl_user_id owner = FL_TAGGED_USER_ID;
	struct fl_netmap_owners owners = { .at = &owner, .len = 1, .cap = 1 };
	char fqdn[FL_NETMAP_FQDN_MAX + 1];
	struct fl_jw w = fl_jw_make(out);
	size_t start = out->len;

	enum fl_err err = fl_netmap_fqdn(cfg, "unknown", fqdn);
	if (err != FL_OK)
		return err;
	fl_jw_obj(&w);
	fl_jw_key(&w, "Node");
	put_expired_node(&w, key, fqdn, now);
	fl_netmap_put_profiles(&w, &owners, &nobody);
	fl_jw_key(&w, "ControlTime");
	fl_jw_time(&w, now);
	fl_jw_obj_end(&w);
	return fl_netmap_finish(out, start, FL_OK);
}
