/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/gen_more.c - the sections that make no packet filter. */
#include "gen.h"

#include <stdio.h>

/* ---- ssh ---- */

static json_t *texts(struct fl_rng *r, const char *const *from, size_t len, size_t most)
{
	json_t *list = json_array();
	size_t count = 1 + fl_rng_below(r, most);

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(gen_pick(r, from, len)));
	return list;
}

static json_t *ssh_users(struct fl_rng *r)
{
	static const char *const names[] = { "root",
					     "autogroup:nonroot",
					     "ubuntu",
					     "localpart:*@example.com",
					     "localpart:*@other.org",
					     " admin ",
					     "localpart:x@example.com",
					     "tag:a" };

	return texts(r, names, sizeof names / sizeof *names, 3);
}

/* What 6.1 allows together. */
static void ssh_ends(struct fl_rng *r, json_t *rule)
{
	static const char *const people[] = { "alice@example.com", "bob@", "carol@other.org" };
	const char *user = GEN_PICK(r, people);
	json_t *dst;

	switch (fl_rng_below(r, 4)) {
	case 0:
		json_object_set_new(rule, "src", json_pack("[s]", user));
		json_object_set_new(rule, "dst", json_pack("[s]", user));
		return;
	case 1:
		json_object_set_new(rule, "src", gen_aliases(r, GEN_SELF_SRC, 3));
		dst = json_pack("[s]", "autogroup:self");
		break;
	case 2:
		json_object_set_new(rule, "src", gen_aliases(r, GEN_SELF_SRC, 3));
		dst = json_pack("[s]", "autogroup:member");
		break;
	default:
		json_object_set_new(rule, "src", gen_aliases(r, GEN_SSH_SRC, 3));
		json_object_set_new(rule, "dst", gen_aliases(r, GEN_SSH_DST, 3));
		return;
	}
	if (gen_chance(r, 40)) {
		json_t *more = gen_aliases(r, GEN_SSH_DST, 2);
		json_array_extend(dst, more);
		json_decref(more);
	}
	json_object_set_new(rule, "dst", dst);
}

static json_t *ssh_rule(struct fl_rng *r)
{
	static const char *const periods[] = { "always", "1h30m", "90s", "168h", "1.5h", "0s" };
	static const char *const env[] = { "LANG", "GIT_*", "*" };
	json_t *rule = json_object();
	bool check = gen_chance(r, 40);

	json_object_set_new(rule, "action",
			    json_string(check              ? "check"
					: gen_chance(r, 5) ? " accept "
							   : "accept"));
	ssh_ends(r, rule);
	json_object_set_new(rule, "users", ssh_users(r));
	if (check && gen_chance(r, 60))
		json_object_set_new(rule, "checkPeriod", json_string(GEN_PICK(r, periods)));
	else if (gen_chance(r, 5))
		json_object_set_new(rule, "checkPeriod", json_null());
	if (gen_chance(r, 30))
		json_object_set_new(rule, "acceptEnv", texts(r, env, 3, 2));
	return rule;
}

json_t *gen_ssh(struct fl_rng *r)
{
	json_t *list = json_array();
	size_t count = fl_rng_below(r, 5);

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, ssh_rule(r));
	return list;
}

/* ---- nodeAttrs ---- */

json_t *gen_attrs(struct fl_rng *r)
{
	static const char *const names[] = { "drive:share",          "drive:access",
					     "magicdns-aaaa",        "suggest-exit-node",
					     "disable-ipv4",         "funnel",
					     "nextdns:abc123",       "custom",
					     "randomize-client-port" };
	static const char *const pools[] = { "100.80.0.0/16", "100.81.5.0/24", "100.120.0.0/14" };
	json_t *list = json_array();
	size_t count = fl_rng_below(r, 4);

	for (size_t i = 0; i < count; i++) {
		json_t *e = json_object();
		if (gen_chance(r, 97))
			json_object_set_new(e, "target", gen_aliases(r, GEN_TARGET, 3));
		if (gen_chance(r, 70))
			json_object_set_new(e, "attr",
					    texts(r, names, sizeof names / sizeof *names, 3));
		if (gen_chance(r, 25))
			json_object_set_new(e, "app", gen_app(r));
		if (gen_chance(r, 20))
			json_object_set_new(e, "ipPool", texts(r, pools, 3, 2));
		json_array_append_new(list, e);
	}
	return list;
}

/* ---- autoApprovers ---- */

json_t *gen_approvers(struct fl_rng *r)
{
	static const char *const keys[] = { "10.0.0.0/8",   "10.33.0.0/16", "10.33.5.0/24",
					    "0.0.0.0/0",    "::/0",         "fd00::/8",
					    "10.33.5.9/20", "2000::/3",     "192.168.1.0/24" };
	json_t *all = json_object(), *routes = json_object();
	size_t count = fl_rng_below(r, 5);

	for (size_t i = 0; i < count; i++)
		json_object_set_new(routes, GEN_PICK(r, keys), gen_aliases(r, GEN_APPROVER, 3));
	if (gen_chance(r, 90))
		json_object_set_new(all, "routes", routes);
	else
		json_decref(routes);
	if (gen_chance(r, 60))
		json_object_set_new(all, "exitNode", gen_aliases(r, GEN_APPROVER, 3));
	return all;
}

/* ---- tests: read, and run without a look at the verdict ---- */

static json_t *test_dsts(struct fl_rng *r)
{
	json_t *list = json_array(), *a = gen_alias(r, GEN_TEST_DST);
	char text[160];

	snprintf(text, sizeof text, "%s:%u", json_string_value(a),
		 1 + (unsigned)fl_rng_below(r, 500));
	json_array_append_new(list, json_string(text));
	json_decref(a);
	return list;
}

static json_t *filter_test(struct fl_rng *r)
{
	static const char *const protos[] = { "tcp", "udp", "sctp", "" };
	json_t *t = json_object();

	json_object_set_new(t, "src", gen_alias(r, GEN_TEST_SRC));
	if (gen_chance(r, 40))
		json_object_set_new(t, "proto", json_string(GEN_PICK(r, protos)));
	json_object_set_new(t, "accept", test_dsts(r));
	if (gen_chance(r, 50))
		json_object_set_new(t, "deny", test_dsts(r));
	return t;
}

static json_t *ssh_test(struct fl_rng *r)
{
	json_t *t = json_object(), *dst = json_array();

	json_array_append_new(dst, gen_alias(r, GEN_SSH_TEST_DST));
	json_object_set_new(t, "src", gen_alias(r, GEN_SSH_TEST_SRC));
	json_object_set_new(t, "dst", dst);
	json_object_set_new(t, "accept", json_pack("[s]", "root"));
	if (gen_chance(r, 40))
		json_object_set_new(t, "deny", json_pack("[s]", "ubuntu"));
	if (gen_chance(r, 40))
		json_object_set_new(t, "check", json_pack("[s]", "root"));
	return t;
}

void gen_tests(struct fl_rng *r, json_t *policy)
{
	if (gen_chance(r, 70))
		json_object_set_new(policy, "tests", json_pack("[o]", filter_test(r)));
	if (gen_chance(r, 70))
		json_object_set_new(policy, "sshTests", json_pack("[o]", ssh_test(r)));
}
