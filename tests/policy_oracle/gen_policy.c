/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/gen_policy.c - a random policy: acls, grants, and what belongs to them. */
#include "gen.h"

#include <stdio.h>

static const char *const ports[] = { "*",      "22",       "80,443", "1000-2000", "0-65535",
				     "0-1023", "22,80-90", "53",     "80--90" };

/* ---- acls ---- */

/* "[a]:p" or "[a]/len:p" */
static void bracketed(const char *alias, const char *p, char *out, size_t size)
{
	size_t len = strcspn(alias, "/");

	snprintf(out, size, "[%.*s]%s:%s", (int)len, alias, alias + len, p);
}

static json_t *acl_dst(struct fl_rng *r, bool self, bool portless)
{
	json_t *a = gen_alias(r, GEN_ACL_DST);
	const char *alias = self ? "autogroup:self" : json_string_value(a);
	const char *p = portless ? "*" : GEN_PICK(r, ports);
	char text[192];

	if (strchr(alias, ':') != NULL && strspn(alias, "0123456789abcdef:") > 4 &&
	    gen_chance(r, 50))
		bracketed(alias, p, text, sizeof text);
	else
		snprintf(text, sizeof text, "%s:%s", alias, p);
	json_decref(a);
	return json_string(text);
}

static json_t *acl_proto(struct fl_rng *r, bool *portless)
{
	static const char *const with[] = { "tcp", "udp", "sctp", "TCP", "6", "17", "06", "+6" };
	static const char *const without[] = { "icmp", "gre", "47", "ipv6-icmp", "esp", "igmp",
					       "1",    "89",  "ah", "ipv4",      "fc",  "egp" };

	*portless = gen_chance(r, 25);
	if (!*portless && gen_chance(r, 10))
		return json_integer(gen_chance(r, 50) ? 6 : 132);
	return json_string(*portless ? GEN_PICK(r, without) : GEN_PICK(r, with));
}

static json_t *acl(struct fl_rng *r)
{
	json_t *e = json_object(), *dst = json_array(), *src;
	bool self = gen_chance(r, 20), portless = false;
	size_t count = gen_chance(r, 4) ? 0 : 1 + fl_rng_below(r, 3);

	if (gen_chance(r, 90))
		json_object_set_new(e, "action", json_string("accept"));
	if (gen_chance(r, 30))
		json_object_set_new(e, "proto", acl_proto(r, &portless));
	src = gen_aliases(r, self ? GEN_SELF_SRC : GEN_ACL_SRC, 3);
	if (self && gen_chance(r, 20))
		json_array_append_new(src, json_string("*"));
	for (size_t i = 0; i < count; i++)
		json_array_append_new(dst, acl_dst(r, self && i == 0, portless));
	json_object_set_new(e, "src", src);
	if (gen_chance(r, 98))
		json_object_set_new(e, "dst", dst);
	else
		json_decref(dst);
	if (gen_chance(r, 5))
		json_object_set_new(e, "#note", json_string("free text"));
	return e;
}

/* ---- grants ---- */

static json_t *app_args(struct fl_rng *r)
{
	switch (fl_rng_below(r, 4)) {
	case 0:
		return json_array();
	case 1:
		return json_null();
	case 2:
		return json_pack("[{s:[s,s], s:i}]", "shares", "a", "b", "level", 3);
	default:
		return json_pack("[s, i, n, b]", "text", 7, 1);
	}
}

json_t *gen_app(struct fl_rng *r)
{
	static const char *const names[] = { "tailscale.com/cap/drive", "tailscale.com/cap/relay",
					     "example.com/cap/x", "example.com/cap/y" };
	json_t *app = json_object();
	size_t count = 1 + fl_rng_below(r, 2);

	for (size_t i = 0; i < count; i++)
		json_object_set_new(app, GEN_PICK(r, names), app_args(r));
	return app;
}

static json_t *grant_ip(struct fl_rng *r)
{
	static const char *const protos[] = { "tcp", "udp", "icmp", "47", "sctp", "", "6" };
	json_t *list = json_array();
	size_t count = 1 + fl_rng_below(r, 3);
	char text[64];

	for (size_t i = 0; i < count; i++) {
		if (gen_chance(r, 50))
			snprintf(text, sizeof text, "%s", GEN_PICK(r, ports));
		else
			snprintf(text, sizeof text, "%s:%s", GEN_PICK(r, protos),
				 GEN_PICK(r, ports));
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *grant(struct fl_rng *r)
{
	json_t *e = json_object();
	bool self = gen_chance(r, 20), ip = gen_chance(r, 75), via = !self && gen_chance(r, 30);
	bool app = !ip || gen_chance(r, 20);
	json_t *dst = gen_aliases(r, GEN_GRANT_DST, 3);

	json_object_set_new(e, "src", gen_aliases(r, self ? GEN_SELF_SRC : GEN_GRANT_SRC, 3));
	if (self)
		json_array_insert_new(dst, fl_rng_below(r, json_array_size(dst) + 1),
				      json_string("autogroup:self"));
	for (size_t i = json_array_size(dst); app && i > 0; i--)
		if (strstr(json_string_value(json_array_get(dst, i - 1)), "internet") != NULL)
			json_array_remove(dst, i - 1);
	json_object_set_new(e, "dst", dst);
	if (ip)
		json_object_set_new(e, "ip", grant_ip(r));
	if (app)
		json_object_set_new(e, "app", gen_app(r));
	else if (gen_chance(r, 3))
		json_object_set_new(e, "app", json_object());
	if (via)
		json_object_set_new(e, "via", gen_aliases(r, GEN_VIA, 2));
	return e;
}

/* ---- the whole ---- */

static void set_rules(struct fl_rng *r, json_t *policy, const char *name,
		      json_t *(*make)(struct fl_rng *r))
{
	json_t *list;

	if (gen_chance(r, 25))
		return;
	if (gen_chance(r, 4)) {
		json_object_set_new(policy, name, json_null());
		return;
	}
	list = json_array();
	size_t count = fl_rng_below(r, 5);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, make(r));
	json_object_set_new(policy, name, list);
}

/* Few policies hold something that is refused, so that the reader is asked too. */
static void spoil(struct fl_rng *r, json_t *policy)
{
	static const char *const members[] = { "postures", "derpMap", "services" };

	json_object_set_new(policy, GEN_PICK(r, members), json_object());
}

json_t *gen_policy(struct fl_rng *r)
{
	json_t *policy = json_object();

	gen_definitions(r, policy);
	set_rules(r, policy, "grants", grant);
	set_rules(r, policy, "acls", acl);
	if (gen_chance(r, 50))
		json_object_set_new(policy, "ssh", gen_ssh(r));
	if (gen_chance(r, 50))
		json_object_set_new(policy, "nodeAttrs", gen_attrs(r));
	if (gen_chance(r, 50))
		json_object_set_new(policy, "autoApprovers", gen_approvers(r));
	if (gen_chance(r, 20))
		json_object_set_new(policy, "randomizeClientPort", json_boolean(gen_chance(r, 70)));
	if (gen_chance(r, 15))
		gen_tests(r, policy);
	if (gen_chance(r, 1))
		spoil(r, policy);
	return policy;
}
