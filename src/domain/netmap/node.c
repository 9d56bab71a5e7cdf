/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/netmap/node.c - one node as JSON: the fragment for peers, and the self entry.
 *
 * Members come in the order of the stock server's struct. Endpoints are written even when there
 * are none, because clients do not take an absent list as "none any more".
 */
#include "domain/netmap/internal.h"

#include <stdio.h>

enum { FRAGMENT_FIRST = 2048 };

/* What an entry depends on besides the record. */
struct view {
	const struct fl_netmap_config *cfg;
	const struct fl_node *n;
	const struct fl_netmap_routes *routes;
	const char *fqdn;
	const struct fl_netmap_self *self; /* NULL: as a peer */
	bool online, expired;
};

uint32_t fl_netmap_home(const struct fl_netmap_config *cfg, const struct fl_node *n)
{
	uint32_t region = n->hostinfo->preferred_derp;

	return fl_netmap_config_has_region(cfg, region) ? region : 0;
}

enum fl_err fl_netmap_fqdn(const struct fl_netmap_config *cfg, const char *name,
			   char out[static FL_NETMAP_FQDN_MAX + 1])
{
	const char *base = cfg->base_domain;
	char text[FL_NETMAP_FQDN_MAX + 1];

	int n = snprintf(text, sizeof text, "%s.%s%s", name, base, base[0] != '\0' ? "." : "");
	if (name[0] == '\0' || n < 0 || n > FL_NETMAP_FQDN_MAX)
		return FL_ERR_INVALID;
	memcpy(out, text, (size_t)n + 1);
	return FL_OK;
}

static void put_prefix(struct fl_jw *w, const struct fl_prefix *p)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_prefix_format(p, text);
	fl_jw_str(w, text);
}

static void put_own_addresses(struct fl_jw *w, const struct view *v)
{
	const struct fl_ip *own[] = { &v->n->ip4, &v->n->ip6 };

	for (size_t i = v->routes->no_ip4 ? 1 : 0; i < 2; i++) {
		if (!fl_ip_is_set(own[i]))
			continue;
		struct fl_prefix p = fl_prefix_host(own[i]);
		put_prefix(w, &p);
	}
}

static bool is_exit(const struct fl_netmap_routes *r)
{
	for (size_t i = 0; i < r->served_count; i++)
		if (fl_prefix_is_exit(&r->served[i]))
			return true;
	return false;
}

/*
 * A subnet that another node is primary for is not routed here: each prefix has one way. Only the
 * node itself may hear of all that it serves.
 */
static void put_allowed(struct fl_jw *w, const struct view *v)
{
	const struct fl_netmap_routes *r = v->routes;

	fl_jw_arr(w);
	put_own_addresses(w, v);
	for (size_t i = 0; i < r->primary_count && !r->whole; i++)
		put_prefix(w, &r->primary[i]);
	for (size_t i = 0; i < r->served_count; i++)
		if (r->whole || fl_prefix_is_exit(&r->served[i]))
			put_prefix(w, &r->served[i]);
	fl_jw_arr_end(w);
}

void fl_netmap_put_endpoints(struct fl_jw *w, const struct fl_node *n)
{
	char text[FL_ADDRPORT_TEXT_MAX];

	fl_jw_key(w, "Endpoints");
	fl_jw_arr(w);
	for (size_t i = 0; i < n->endpoints_count; i++) {
		fl_addrport_format(&n->endpoints[i].at, text);
		fl_jw_str(w, text);
	}
	fl_jw_arr_end(w);
}

static void put_id(struct fl_jw *w, const struct view *v)
{
	fl_jw_key(w, "ID");
	fl_jw_u64(w, v->n->id);
	fl_jw_key(w, "StableID");
	fl_jw_u64_str(w, v->n->id);
	fl_jw_key(w, "Name");
	fl_jw_str(w, v->fqdn);
	fl_jw_key(w, "User");
	fl_jw_u64(w, fl_netmap_owner(v->n));
}

static void put_keys(struct fl_jw *w, const struct fl_node *n)
{
	char text[FL_KEY_TEXT_MAX];

	fl_node_key_format(&n->key, text);
	fl_jw_key(w, "Key");
	fl_jw_str(w, text);
	if (n->expiry != 0) {
		fl_jw_key(w, "KeyExpiry");
		fl_jw_time(w, n->expiry);
	}
	fl_machine_key_format(&n->machine, text);
	fl_jw_key(w, "Machine");
	fl_jw_str(w, text);
	if (!fl_disco_key_is_zero(&n->disco)) {
		fl_disco_key_format(&n->disco, text);
		fl_jw_key(w, "DiscoKey");
		fl_jw_str(w, text);
	}
}

/* Where packets go: nothing that leads to an expired node. */
static void put_reach(struct fl_jw *w, const struct view *v)
{
	uint32_t home = fl_netmap_home(v->cfg, v->n);
	char text[32];

	fl_jw_key(w, "Addresses");
	fl_jw_arr(w);
	put_own_addresses(w, v);
	fl_jw_arr_end(w);
	fl_jw_key(w, "AllowedIPs");
	put_allowed(w, v);
	if (v->expired)
		return;
	fl_netmap_put_endpoints(w, v->n);
	if (home != 0) {
		snprintf(text, sizeof text, "127.3.3.40:%u", home);
		fl_jw_key(w, "DERP");
		fl_jw_str(w, text);
		fl_jw_key(w, "HomeDERP");
		fl_jw_u64(w, home);
	}
}

/* Hostinfo without NetInfo: its latencies change all the time and concern nobody else. */
static void put_hostinfo(struct fl_jw *w, const struct fl_hostinfo *h)
{
	fl_jw_key(w, "Hostinfo");
	fl_jw_raw(w, fl_slice_of(h->json, h->peer_len));
	fl_buf_byte(w->out, '}');
}

static void put_tags(struct fl_jw *w, const struct fl_strlist *tags)
{
	if (tags->len == 0)
		return;
	fl_jw_key(w, "Tags");
	fl_jw_arr(w);
	for (size_t i = 0; i < tags->len; i++)
		fl_jw_str(w, tags->at[i]);
	fl_jw_arr_end(w);
}

static void put_primary(struct fl_jw *w, const struct fl_netmap_routes *r)
{
	if (r->primary_count == 0)
		return;
	fl_jw_key(w, "PrimaryRoutes");
	fl_jw_arr(w);
	for (size_t i = 0; i < r->primary_count; i++)
		put_prefix(w, &r->primary[i]);
	fl_jw_arr_end(w);
}

static void put_facts(struct fl_jw *w, const struct view *v)
{
	put_hostinfo(w, v->n->hostinfo);
	if (v->n->created != 0) {
		fl_jw_key(w, "Created");
		fl_jw_time(w, v->n->created);
	}
	if (v->n->cap != 0) {
		fl_jw_key(w, "Cap");
		fl_jw_u64(w, v->n->cap);
	}
	put_tags(w, &v->n->tags);
	put_primary(w, v->routes);
	if (!v->online && v->n->last_seen != 0) {
		fl_jw_key(w, "LastSeen");
		fl_jw_time(w, v->n->last_seen);
	}
	fl_jw_key(w, "Online");
	fl_jw_bool(w, v->online);
	fl_jw_key(w, "MachineAuthorized");
	fl_jw_bool(w, true);
}

static void put_caps(struct fl_jw *w, const struct view *v)
{
	if (v->self != NULL) {
		fl_jw_key(w, "CapMap");
		fl_netmap_put_self_caps(w, v->cfg, v->self->attrs, v->self->attrs_count);
	} else if (v->routes->exit_node || is_exit(v->routes)) {
		fl_jw_key(w, "CapMap");
		fl_jw_raw(w, fl_slice_str("{\"suggest-exit-node\":[]}"));
	}
}

static void put_entry(struct fl_jw *w, const struct view *v)
{
	fl_jw_obj(w);
	put_id(w, v);
	put_keys(w, v->n);
	put_reach(w, v);
	put_facts(w, v);
	put_caps(w, v);
	if (v->expired) {
		fl_jw_key(w, "Expired");
		fl_jw_bool(w, true);
	}
	fl_jw_obj_end(w);
}

/* What would make clients refuse the whole map, or send nothing useful, is not written at all. */
static enum fl_err check(const struct fl_netmap_config *cfg, const struct fl_node *n,
			 char fqdn[static FL_NETMAP_FQDN_MAX + 1])
{
	if (n->id == 0 || fl_node_key_is_zero(&n->key))
		return FL_ERR_INVALID;
	return fl_netmap_fqdn(cfg, n->given_name, fqdn);
}

enum fl_err fl_netmap_fragment(const struct fl_netmap_config *cfg, const struct fl_node *n,
			       const struct fl_netmap_presence *presence,
			       const struct fl_netmap_routes *routes, fl_wall now,
			       struct fl_bytes **out)
{
	char fqdn[FL_NETMAP_FQDN_MAX + 1];
	enum fl_err err = check(cfg, n, fqdn);
	if (err != FL_OK)
		return err;

	struct fl_buf text = fl_buf_make(FL_NETMAP_FRAGMENT_MAX);
	struct fl_jw w = fl_jw_make(&text);
	(void)fl_buf_reserve(&text, FRAGMENT_FIRST);
	put_entry(&w, &(struct view){ .cfg = cfg,
				      .n = n,
				      .routes = routes,
				      .fqdn = fqdn,
				      .online = presence->online,
				      .expired = fl_node_is_expired(n, now) });
	err = fl_buf_err(&text);
	if (err == FL_ERR_TOO_BIG)
		err = FL_ERR_INVALID;
	if (err == FL_OK) {
		struct fl_bytes *fragment = fl_bytes_new(fl_buf_slice(&text));
		if (fragment == NULL)
			err = FL_ERR_NOMEM;
		else
			*out = fragment;
	}
	fl_buf_done(&text);
	return err;
}

enum fl_err fl_netmap_put_self(struct fl_jw *w, const struct fl_netmap_config *cfg,
			       const struct fl_netmap_self *self, fl_wall now)
{
	char fqdn[FL_NETMAP_FQDN_MAX + 1];
	enum fl_err err = check(cfg, self->node, fqdn);
	if (err != FL_OK)
		return err;

	fl_jw_key(w, "Node");
	put_entry(w, &(struct view){ .cfg = cfg,
				     .n = self->node,
				     .routes = &self->routes,
				     .fqdn = fqdn,
				     .online = true,
				     .expired = fl_node_is_expired(self->node, now),
				     .self = self });
	return FL_OK;
}
