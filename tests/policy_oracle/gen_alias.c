/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/gen_alias.c - aliases of every kind, where each may stand; definitions. */
#include "gen.h"

#include <stdio.h>

const char *const gen_domains[2] = { "example.com", "other.org" };

bool gen_chance(struct fl_rng *r, unsigned percent)
{
	return fl_rng_below(r, 100) < percent;
}

const char *gen_pick(struct fl_rng *r, const char *const *list, size_t len)
{
	return list[fl_rng_below(r, len)];
}

/* ---- kinds ---- */

enum kind {
	K_USER,
	K_DOMAIN,
	K_GROUP,
	K_TAG,
	K_HOST,
	K_IPSET,
	K_ADDRESS,
	K_CIDR,
	K_SLASH_ZERO,
	K_WILDCARD,
	K_MEMBER,
	K_TAGGED,
	K_SELF,
	K_INTERNET,
	K_DANGER_ALL,
	K_OWNER,
	K_ADMIN,
	KINDS
};

#define BIT(k) (1u << (k))

enum {
	PEOPLE = BIT(K_USER) | BIT(K_GROUP) | BIT(K_TAG),
	PLACES = BIT(K_HOST) | BIT(K_ADDRESS) | BIT(K_CIDR),
	AUTO = BIT(K_MEMBER) | BIT(K_TAGGED),
	ROLES = BIT(K_OWNER) | BIT(K_ADMIN),
	RULE_SRC = PEOPLE | PLACES | AUTO | ROLES | BIT(K_DOMAIN) | BIT(K_IPSET) | BIT(K_WILDCARD) |
		   BIT(K_DANGER_ALL) | BIT(K_SLASH_ZERO),
	RULE_DST = PEOPLE | PLACES | AUTO | BIT(K_DOMAIN) | BIT(K_IPSET) | BIT(K_WILDCARD) |
		   BIT(K_INTERNET),
};

static const unsigned allowed[GEN_PLACES] = {
	[GEN_ACL_SRC] = RULE_SRC,
	[GEN_ACL_DST] = RULE_DST | BIT(K_SLASH_ZERO),
	[GEN_GRANT_SRC] = RULE_SRC,
	[GEN_GRANT_DST] = RULE_DST,
	[GEN_VIA] = BIT(K_TAG),
	[GEN_SSH_SRC] = PEOPLE | AUTO | ROLES | BIT(K_DOMAIN),
	[GEN_SSH_DST] = BIT(K_TAG) | BIT(K_TAGGED),
	[GEN_OWNER] = PEOPLE | BIT(K_DOMAIN),
	[GEN_APPROVER] = PEOPLE | BIT(K_DOMAIN),
	[GEN_TARGET] = PEOPLE | PLACES | AUTO | ROLES | BIT(K_DOMAIN) | BIT(K_WILDCARD),
	[GEN_MEMBER] = BIT(K_USER) | BIT(K_DOMAIN),
	[GEN_IPSET] = PLACES | BIT(K_SLASH_ZERO) | BIT(K_INTERNET),
	[GEN_TEST_SRC] = PEOPLE | PLACES | AUTO | ROLES | BIT(K_WILDCARD) | BIT(K_DOMAIN) |
			 BIT(K_INTERNET) | BIT(K_DANGER_ALL),
	[GEN_TEST_DST] = PEOPLE | AUTO | BIT(K_ADDRESS),
	[GEN_SSH_TEST_SRC] = PEOPLE | AUTO | BIT(K_ADDRESS),
	[GEN_SSH_TEST_DST] = PEOPLE | AUTO | BIT(K_SELF) | BIT(K_ADDRESS),
	[GEN_SELF_SRC] = BIT(K_USER) | BIT(K_GROUP) | BIT(K_MEMBER),
};

static const char *const users[] = { "alice@example.com",
				     "bob@example.com",
				     "carol@other.org",
				     "dave@Example.COM",
				     "alice@",
				     "bob@",
				     "carol@",
				     "oidc@alice",
				     "nobody@example.com" };
static const char *const domains[] = { "user:*@example.com", "user:*@other.org" };
static const char *const groups[] = { "group:a", "group:b", "group:empty", "group:ghost" };
static const char *const tags[] = { "tag:a", "tag:b", "tag:c" };
static const char *const hosts[] = { "h-node", "h-route", "h-six", "h-wide" };
static const char *const ipsets[] = { "ipset:a", "ipset:b", "ipset:c" };
static const char *const cidrs[] = {
	"10.0.0.0/8",
	"10.33.0.0/16",
	"10.33.5.0/24",
	"10.33.5.9/24",
	"192.168.1.0/24",
	"8.8.8.0/24",
	"100.64.0.0/30",
	"100.64.0.4/31",
	"100.64.0.0/10",
	"fd00:1::/64",
	"fd7a:115c:a1e0::/126",
	"fd7a:115c:a1e0::/48",
	"2001:db8::/32",
	"2000::/3",
	"0.0.0.0/1",
	"fd00:1::7/128",
	"100.115.92.0/23",
	"10.33.5.7/32",
	"fd7a:115c:a1e0::4/127",
};
static const char *const zeros[] = { "0.0.0.0/0", "::/0" };

static void address(struct fl_rng *r, char *out, size_t size)
{
	static const char *const others[] = { "10.33.5.7",       "8.8.8.8",      "192.168.1.1",
					      "fd00:1::7",       "2001:db8::53", "100.115.92.7",
					      "::ffff:10.33.5.7" };

	if (gen_chance(r, 40))
		snprintf(out, size, "100.64.0.%u", 1 + (unsigned)fl_rng_below(r, 12));
	else if (gen_chance(r, 50))
		snprintf(out, size, "fd7a:115c:a1e0::%x", 1 + (unsigned)fl_rng_below(r, 12));
	else
		snprintf(out, size, "%s", GEN_PICK(r, others));
}

static const char *text_of(struct fl_rng *r, enum kind k)
{
	switch (k) {
	case K_USER:
		return GEN_PICK(r, users);
	case K_DOMAIN:
		return GEN_PICK(r, domains);
	case K_GROUP:
		return GEN_PICK(r, groups);
	case K_TAG:
		return GEN_PICK(r, tags);
	case K_HOST:
		return GEN_PICK(r, hosts);
	case K_IPSET:
		return GEN_PICK(r, ipsets);
	case K_CIDR:
		return GEN_PICK(r, cidrs);
	case K_SLASH_ZERO:
		return GEN_PICK(r, zeros);
	case K_WILDCARD:
		return "*";
	case K_MEMBER:
		return "autogroup:member";
	case K_TAGGED:
		return "autogroup:tagged";
	case K_SELF:
		return "autogroup:self";
	case K_INTERNET:
		return "autogroup:internet";
	case K_DANGER_ALL:
		return "autogroup:danger-all";
	case K_OWNER:
		return "autogroup:owner";
	case K_ADMIN:
		return "autogroup:admin";
	case K_ADDRESS:
	case KINDS:
		break;
	}
	return "";
}

/* policy.md 2.2: where the reader trims, now and then there is something to trim. */
static bool trims(enum gen_place place)
{
	return place != GEN_ACL_DST && place != GEN_OWNER && place != GEN_APPROVER &&
	       place != GEN_MEMBER && place != GEN_IPSET && place != GEN_VIA &&
	       place != GEN_TEST_SRC && place != GEN_TEST_DST;
}

json_t *gen_alias(struct fl_rng *r, enum gen_place place)
{
	char text[128], padded[160];
	enum kind k;

	do
		k = (enum kind)fl_rng_below(r, KINDS);
	while ((allowed[place] & BIT(k)) == 0);
	if (k == K_ADDRESS)
		address(r, text, sizeof text);
	else
		snprintf(text, sizeof text, "%s", text_of(r, k));
	if (!trims(place) || !gen_chance(r, 3))
		return json_string(text);
	snprintf(padded, sizeof padded, " %s\t", text);
	return json_string(padded);
}

/* One to `most`; now and then none at all. Each once. */
json_t *gen_aliases(struct fl_rng *r, enum gen_place place, size_t most)
{
	json_t *list = json_array();
	size_t count = gen_chance(r, 4) ? 0 : 1 + fl_rng_below(r, most);

	while (json_array_size(list) < count) {
		json_t *a = gen_alias(r, place);
		bool twice = false;
		for (size_t i = 0; i < json_array_size(list); i++)
			twice |= json_equal(a, json_array_get(list, i));
		if (twice)
			count--;
		else
			json_array_append(list, a);
		json_decref(a);
	}
	return list;
}

/* ---- definitions ---- */

static json_t *ipset_items(struct fl_rng *r, size_t depth)
{
	json_t *list = json_array();
	size_t count = fl_rng_below(r, 5);
	bool words = gen_chance(r, 60);
	char text[160];

	for (size_t i = 0; i < count; i++) {
		json_t *a = gen_alias(r, GEN_IPSET);
		const char *name = json_string_value(a);
		if (depth > 0 && gen_chance(r, 25))
			name = ipsets[fl_rng_below(r, depth)];
		if (words)
			snprintf(text, sizeof text, "%s %s", gen_chance(r, 35) ? "remove" : "add",
				 name);
		else
			snprintf(text, sizeof text, "%s", name);
		json_array_append_new(list, json_string(text));
		json_decref(a);
	}
	return list;
}

static json_t *hosts_of(struct fl_rng *r)
{
	static const char *const routes[] = { "10.33.5.7", "10.33.0.0/16", "10.33.5.9/24" };
	json_t *out = json_object();
	char text[64];

	address(r, text, sizeof text);
	json_object_set_new(out, "h-node", json_string(text));
	json_object_set_new(out, "h-route", json_string(GEN_PICK(r, routes)));
	json_object_set_new(out, "h-six", json_string("fd00:1::/64"));
	json_object_set_new(out, "h-wide", json_string(GEN_PICK(r, cidrs)));
	return out;
}

void gen_definitions(struct fl_rng *r, json_t *policy)
{
	json_t *g = json_object(), *sets = json_object(), *owners = json_object();

	json_object_set_new(g, "group:a", gen_aliases(r, GEN_MEMBER, 3));
	json_object_set_new(g, "group:b", gen_aliases(r, GEN_MEMBER, 2));
	json_object_set_new(g, "group:empty", json_array());
	json_object_set_new(g, "group:ghost", json_pack("[s]", "ghost@example.com"));
	for (size_t i = 0; i < sizeof ipsets / sizeof *ipsets; i++)
		json_object_set_new(sets, ipsets[i], ipset_items(r, i));
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		json_object_set_new(owners, tags[i],
				    gen_chance(r, 5) ? json_null() : gen_aliases(r, GEN_OWNER, 3));
	json_object_set_new(policy, "groups", g);
	json_object_set_new(policy, "hosts", hosts_of(r));
	json_object_set_new(policy, "ipsets", sets);
	json_object_set_new(policy, "tagOwners", owners);
}
