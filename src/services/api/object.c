/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/api/object.c - records as the API shows them: every field present, 64-bit numbers as
 * strings.
 */
#include <stdio.h>

#include "services/api/internal.h"
#include "services/control/fragments.h"

static void key_time(struct fl_jw *w, const char *key, fl_wall t)
{
	fl_jw_key(w, key);
	if (t == 0)
		fl_jw_null(w);
	else
		fl_jw_time(w, t);
}

static void key_str(struct fl_jw *w, const char *key, const char *s)
{
	fl_jw_key(w, key);
	fl_jw_str(w, s);
}

static void key_id(struct fl_jw *w, const char *key, uint64_t id)
{
	fl_jw_key(w, key);
	fl_jw_u64_str(w, id);
}

static void key_bool(struct fl_jw *w, const char *key, bool v)
{
	fl_jw_key(w, key);
	fl_jw_bool(w, v);
}

static void key_list(struct fl_jw *w, const char *key, const struct fl_strlist *l)
{
	fl_jw_key(w, key);
	fl_jw_arr(w);
	for (size_t i = 0; i < l->len; i++)
		fl_jw_str(w, l->at[i]);
	fl_jw_arr_end(w);
}

static void key_prefixes(struct fl_jw *w, const char *key, const struct fl_prefix *at, size_t count)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_jw_key(w, key);
	fl_jw_arr(w);
	for (size_t i = 0; i < count; i++) {
		fl_prefix_format(&at[i], text);
		fl_jw_str(w, text);
	}
	fl_jw_arr_end(w);
}

void fl_api_user(struct fl_api *a, const struct fl_user *u, struct fl_jw *w)
{
	char id[24];

	(void)a;
	fl_jw_obj(w);
	key_id(w, "id", u->id);
	key_str(w, "name", u->name[0] != '\0' ? u->name : fl_user_login_name(u, id));
	key_time(w, "createdAt", u->created);
	key_str(w, "displayName", u->display_name);
	key_str(w, "email", u->email);
	key_str(w, "providerId", u->provider_id);
	key_str(w, "provider", u->provider);
	key_str(w, "profilePicUrl", u->picture_url);
	key_str(w, "role", fl_role_text(u->role));
	fl_jw_obj_end(w);
}

static void key_owner(struct fl_api *a, const struct fl_node *n, struct fl_jw *w)
{
	static char name[] = FL_TAGGED_USER_NAME, shown[] = FL_TAGGED_USER_DISPLAY, none[] = "";
	const struct fl_user tagged = {
		.id = FL_TAGGED_USER_ID,
		.name = name,
		.display_name = shown,
		.email = none,
		.picture_url = none,
		.provider = none,
		.provider_id = none,
	};
	const struct fl_user *u = fl_node_is_tagged(n) ? &tagged : fl_state_user(a->state, n->user);

	fl_jw_key(w, "user");
	if (u != NULL)
		fl_api_user(a, u, w);
	else
		fl_jw_null(w);
}

static void key_auth_key(struct fl_api *a, const struct fl_node *n, struct fl_jw *w)
{
	const struct fl_preauth *k =
		n->auth_key != 0 ? fl_state_preauth(a->state, n->auth_key) : NULL;

	fl_jw_key(w, "preAuthKey");
	if (k != NULL)
		fl_api_preauth(a, k, NULL, w);
	else
		fl_jw_null(w);
}

static void key_addresses(const struct fl_node *n, struct fl_jw *w)
{
	const struct fl_ip *const ips[] = { &n->ip4, &n->ip6 };
	char text[FL_IP_TEXT_MAX];

	fl_jw_key(w, "ipAddresses");
	fl_jw_arr(w);
	for (size_t i = 0; i < 2; i++) {
		if (!fl_ip_is_set(ips[i]))
			continue;
		fl_ip_format(ips[i], text);
		fl_jw_str(w, text);
	}
	fl_jw_arr_end(w);
}

static void key_keys(const struct fl_node *n, struct fl_jw *w)
{
	char text[FL_KEY_TEXT_MAX];

	fl_machine_key_format(&n->machine, text);
	key_str(w, "machineKey", text);
	fl_node_key_format(&n->key, text);
	key_str(w, "nodeKey", text);
	fl_disco_key_format(&n->disco, text);
	key_str(w, "discoKey", text);
}

/* What peers are routed through it: its primary subnets, and its exit routes. */
static void key_routes(struct fl_api *a, const struct fl_node *n, struct fl_jw *w)
{
	struct fl_served served;
	struct fl_prefix now[FL_NODE_ROUTES_MAX];
	size_t count = 0, primary = 0;

	fl_served_fill(a->core, n, &served);
	for (size_t i = 0; i < served.routes.served_count; i++) {
		const struct fl_prefix *p = &served.served[i];
		bool is_primary = primary < served.routes.primary_count &&
				  fl_prefix_eq(p, &served.primary[primary]);
		primary += is_primary;
		if (is_primary || fl_prefix_is_exit(p))
			now[count++] = *p;
	}
	key_prefixes(w, "approvedRoutes", n->approved, n->approved_count);
	key_prefixes(w, "availableRoutes", n->hostinfo->routes, n->hostinfo->routes_count);
	key_prefixes(w, "subnetRoutes", now, count);
}

void fl_api_node(struct fl_api *a, const struct fl_node *n, struct fl_jw *w)
{
	static const char *const methods[] = {
		[FL_REGISTER_UNSPECIFIED] = "REGISTER_METHOD_UNSPECIFIED",
		[FL_REGISTER_AUTH_KEY] = "REGISTER_METHOD_AUTH_KEY",
		[FL_REGISTER_CLI] = "REGISTER_METHOD_CLI",
		[FL_REGISTER_OIDC] = "REGISTER_METHOD_OIDC",
	};

	fl_jw_obj(w);
	key_id(w, "id", n->id);
	key_keys(n, w);
	key_addresses(n, w);
	key_str(w, "name", n->hostinfo->hostname);
	key_owner(a, n, w);
	key_time(w, "lastSeen", n->last_seen);
	key_time(w, "expiry", n->expiry);
	key_auth_key(a, n, w);
	key_time(w, "createdAt", n->created);
	key_str(w, "registerMethod", methods[n->method]);
	key_str(w, "givenName", n->given_name);
	key_bool(w, "online", fl_core_online(a->core, n->id));
	key_routes(a, n, w);
	key_list(w, "tags", &n->tags);
	key_bool(w, "ephemeral", n->ephemeral);
	fl_jw_obj_end(w);
}

static void masked(const char *kind, const char *prefix, char out[static FL_TOKEN_TEXT_MAX])
{
	snprintf(out, FL_TOKEN_TEXT_MAX, "hskey-%s-%s-***", kind, prefix);
}

void fl_api_preauth(struct fl_api *a, const struct fl_preauth *k, const char *secret,
		    struct fl_jw *w)
{
	const struct fl_user *u = k->user != 0 ? fl_state_user(a->state, k->user) : NULL;
	char text[FL_TOKEN_TEXT_MAX];

	masked("auth", k->prefix, text);
	fl_jw_obj(w);
	fl_jw_key(w, "user");
	if (u != NULL)
		fl_api_user(a, u, w);
	else
		fl_jw_null(w);
	key_id(w, "id", k->id);
	key_str(w, "key", secret != NULL ? secret : text);
	key_bool(w, "reusable", k->reusable);
	key_bool(w, "ephemeral", k->ephemeral);
	key_bool(w, "used", k->used);
	key_time(w, "expiration", k->expiration);
	key_time(w, "createdAt", k->created);
	key_list(w, "aclTags", &k->tags);
	fl_jw_obj_end(w);
}

void fl_api_apikey(struct fl_api *a, const struct fl_apikey *k, struct fl_jw *w)
{
	char text[FL_TOKEN_TEXT_MAX];

	(void)a;
	masked("api", k->prefix, text);
	fl_jw_obj(w);
	key_id(w, "id", k->id);
	key_str(w, "prefix", text);
	key_time(w, "expiration", k->expiration);
	key_time(w, "createdAt", k->created);
	key_time(w, "lastSeen", k->last_seen);
	fl_jw_obj_end(w);
}

void fl_api_write_empty(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
{
	(void)a, (void)s;
	fl_jw_obj(w);
	fl_jw_obj_end(w);
}

void fl_api_write_node(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
{
	const struct fl_node *n = fl_state_node(a->state, s->id);

	fl_jw_obj(w);
	fl_jw_key(w, "node");
	if (n != NULL)
		fl_api_node(a, n, w);
	else
		fl_jw_null(w);
	fl_jw_obj_end(w);
}

void fl_api_write_user(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
{
	const struct fl_user *u = fl_state_user(a->state, s->id);

	fl_jw_obj(w);
	fl_jw_key(w, "user");
	if (u != NULL)
		fl_api_user(a, u, w);
	else
		fl_jw_null(w);
	fl_jw_obj_end(w);
}
