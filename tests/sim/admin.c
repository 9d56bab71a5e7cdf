/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/admin.c - what administrators do, by the commands that the API calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { POLICY_KINDS = 10, POLICY_MAX = 16 << 10, DEPARTMENTS = 50 };

static struct fl_state *state(void)
{
	return sim.server.core.state;
}

static fl_wall wall(void)
{
	return fl_loop_wall(sim.server.loop);
}

static const struct fl_user *some_user(uint32_t n)
{
	struct fl_user *const *users;
	size_t count = fl_state_users(state(), &users);

	return count > 0 ? users[n % count] : NULL;
}

static fl_node_id some_node(uint32_t n)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(state(), &nodes);

	return count > 0 ? nodes[n % count]->id : 0;
}

/* ---- policies ---- */

static void put_tags(struct fl_buf *b)
{
	fl_buf_str(b, "\"tagOwners\":{\"tag:srv\":[\"u1@\"],\"tag:web\":[\"u0@\"]},");
}

/* Who wants to connect by SSH needs a person's word, which holds for so long. */
#define SSH_CHECKS(period)                                                                         \
	"\"ssh\":[{\"action\":\"check\",\"checkPeriod\":\"" period "\","                           \
	"\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:self\",\"tag:srv\",\"tag:web\"],"     \
	"\"users\":[\"root\"]},{\"action\":\"check\",\"checkPeriod\":\"" period "\","              \
	"\"src\":[\"tag:srv\",\"tag:web\"],\"dst\":[\"tag:srv\",\"tag:web\"],"                     \
	"\"users\":[\"root\"]}],"

static void put_rules(struct fl_buf *b, unsigned kind, unsigned n)
{
	static const char *const rules[POLICY_KINDS] = {
		SSH_CHECKS("10m") "\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:*"
				  "\"]}]",
		"\"acls\":[{\"action\":\"accept\",\"src\":[\"u0@\"],\"dst\":[\"u0@:*\"]},"
		"{\"action\":\"accept\",\"src\":[\"u1@\"],\"dst\":[\"u1@:22,80\"]}]",
		SSH_CHECKS("2m") "\"acls\":[{\"action\":\"accept\","
				 "\"src\":[\"autogroup:member\"],\"dst\":[\"tag:srv:443\"]}]",
		"\"autoApprovers\":{\"routes\":{\"10.1.0.0/16\":[\"u0@\"],\"10.2.0.0/"
		"16\":[\"tag:srv\"]},"
		"\"exitNode\":[\"u1@\"]},"
		"\"grants\":[{\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:member\",\"10.0."
		"0.0/8\"],"
		"\"ip\":[\"*\"]}]",
		"\"acls\":[]",
		"\"nodeAttrs\":[{\"target\":[\"u0@\"],\"attr\":[\"funnel\"]}],"
		"\"ssh\":[{\"action\":\"accept\",\"src\":[\"autogroup:member\"],"
		"\"dst\":[\"autogroup:self\"],\"users\":[\"root\"]}],"
		"\"acls\":[{\"action\":\"accept\",\"src\":[\"u1@\"],\"dst\":[\"*:*\"]}]",
		"\"acls\":[{\"action\":\"accept\",\"src\":[\"autogroup:member\"],"
		"\"dst\":[\"autogroup:self:*\"]},{\"action\":\"accept\",\"src\":[\"tag:web\"],"
		"\"dst\":[\"tag:srv:*\"]}]",
		SSH_CHECKS("5m") "\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],"
				 "\"dst\":[\"*:*\"]}]",
		SSH_CHECKS("40s") "\"acls\":[{\"action\":\"accept\","
				  "\"src\":[\"autogroup:member\"],\"dst\":[\"*:*\"]}]",
		"\"acls\":[{\"action\":\"deny\"", /* not even JSON */
	};

	(void)n;
	fl_buf_str(b, rules[kind % POLICY_KINDS]);
}

/* Thousands: each user's nodes see each other, and everybody the servers of one department. */
static void put_departments(struct fl_buf *b, unsigned n)
{
	fl_buf_str(b, "\"acls\":[");
	for (unsigned i = 0; i < DEPARTMENTS; i++)
		fl_buf_printf(b,
			      "%s{\"action\":\"accept\",\"src\":[\"u%u@\"],\"dst\":[\"u%u@:%u\"]}",
			      i > 0 ? "," : "", i, i, 1000 + n % 1000);
	fl_buf_str(b, "]");
}

static void set_policy(uint32_t kind, uint32_t n)
{
	struct fl_buf b = fl_buf_make(POLICY_MAX);
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	fl_buf_byte(&b, '{');
	if (sim.plan.size != PLAN_THOUSANDS)
		put_tags(&b);
	if (sim.plan.size == PLAN_THOUSANDS)
		put_departments(&b, n);
	else
		put_rules(&b, kind, n);
	fl_buf_byte(&b, '}');
	/* A text that is not good changes nothing, which the other checks see. */
	enum fl_err err =
		fl_policies_set(sim.server.policies, fl_buf_slice(&b), "sim", "", &report, &rev);
	trace("policy", kind % POLICY_KINDS, (uint64_t)-err);
	sim.stats.policies += err == FL_OK;
	for (size_t i = 0; sim.verbose && i < report.len; i++)
		printf("  %s\n", report.at[i].text);
	fl_policy_report_done(&report);
	fl_buf_done(&b);
}

/* ---- users and keys ---- */

static void add_user(unsigned n)
{
	char name[24];
	struct fl_fault fault;
	fl_user_id id;
	const struct fl_user_fields fields = { .name = name };

	snprintf(name, sizeof name, "u%u", n);
	trace("user", n, (uint64_t)-fl_state_user_create(state(), wall(), &fields, &fault, &id));
}

void admin_prepare(void)
{
	unsigned users = sim.plan.size == PLAN_THOUSANDS ? DEPARTMENTS : sim.plan.users;

	for (unsigned i = 0; i < users; i++)
		add_user(i);
	if (sim.plan.governed)
		set_policy((uint32_t)sim.plan.seed, 0);
}

static char last_once[FL_TOKEN_TEXT_MAX]; /* the newest key that is good for one machine */

void admin_key(struct client *c)
{
	struct fl_strlist tags = { 0 };
	struct fl_preauth_fields f = { .reusable = c->cred != CRED_ONCE,
				       .ephemeral = c->ephemeral };
	const struct fl_user *u = some_user(c->person);
	struct fl_token token;
	struct fl_fault fault;
	fl_key_id id;

	c->auth[0] = '\0';
	if (c->cred == CRED_PERSON || (u == NULL && c->cred != CRED_TAGGED))
		return;
	if (c->cred == CRED_ONCE && last_once[0] != '\0' && fl_rng_below(&c->rng, 3) == 0) {
		memcpy(c->auth, last_once, sizeof c->auth); /* somebody else has it too */
		return;
	}
	fl_token_new(FL_TOKEN_AUTH, &token);
	memcpy(f.prefix, token.prefix, sizeof f.prefix);
	memcpy(f.hash, token.hash, sizeof f.hash);
	if (c->cred != CRED_TAGGED)
		f.user = u->id;
	else if (fl_strlist_add(&tags, fl_slice_str("tag:srv")) == FL_OK)
		f.tags = &tags;
	if (fl_state_preauth_create(state(), wall(), &f, &fault, &id) == FL_OK) {
		memcpy(c->auth, token.text, sizeof c->auth);
		if (c->cred == CRED_ONCE)
			memcpy(last_once, token.text, sizeof last_once);
	}
	fl_strlist_done(&tags);
}

/* ---- logins in a browser ---- */

static void on_decision(void *a, uint64_t word)
{
	struct client *c = a;
	const char *slash = strrchr(c->followup, '/');
	const struct fl_user *u;
	struct fl_fault fault;
	fl_node_id id;

	if (slash == NULL || !sim.server.up || c->state != CLIENT_FOLLOWING || word < 5)
		return; /* some never answer */
	u = some_user(c->person);
	struct fl_slice auth = fl_slice_str(slash + 1);
	enum fl_err err =
		word < 15 || u == NULL
			? fl_control_reject(sim.server.control, auth, &fault)
			: fl_control_approve(sim.server.control, auth, u->id, &fault, &id);
	trace("decision", c->index, (uint64_t)-err);
}

void admin_approve(struct client *c)
{
	after(chance(&c->rng, FL_SEC, 2 * FL_MIN), on_decision, c, fl_rng_below(&c->rng, 100));
}

/* ---- operations on records ---- */

static void rename_node(const struct op *o)
{
	char name[32];
	struct fl_fault fault;

	snprintf(name, sizeof name, "name-%u", o->b % 8); /* they collide */
	trace("renamed", 0,
	      (uint64_t)-fl_state_node_rename(state(), some_node(o->a), name, &fault));
}

/* One, or each of those that share its machine. */
static void tag_node(const struct op *o)
{
	const struct fl_node *first = fl_state_node(state(), some_node(o->a));
	struct fl_strlist tags = { 0 };
	struct fl_node *const *nodes;
	struct fl_fault fault;

	if (first == NULL ||
	    fl_strlist_add(&tags, fl_slice_str(o->b % 2 ? "tag:srv" : "tag:web")) != FL_OK)
		return;
	const struct fl_machine_key machine = first->machine;
	const fl_node_id id = first->id;
	size_t count = fl_state_nodes(state(), &nodes);
	for (size_t i = 0; i < count; i++) {
		fl_state_nodes(state(), &nodes); /* a command may have moved them */
		bool meant = o->c % 2 == 0 ? nodes[i]->id == id
					   : fl_machine_key_eq(&nodes[i]->machine, &machine);
		if (meant)
			trace("tagged", nodes[i]->id,
			      (uint64_t)-fl_state_node_tag(state(), nodes[i]->id, &tags, &fault));
	}
	fl_strlist_done(&tags);
}

void admin_approve_routes(fl_node_id id, uint32_t bits)
{
	static const char *const texts[] = { "0.0.0.0/0",   "10.1.0.0/16", "10.2.0.0/16",
					     "10.3.0.0/16", "10.4.0.0/16", "10.5.0.0/16" };
	struct fl_prefix routes[6];
	struct fl_fault fault;
	size_t count = 0;

	for (size_t i = 0; i < 6; i++)
		if ((bits & (1u << i)) != 0 &&
		    fl_prefix_parse(fl_slice_str(texts[i]), &routes[count]) == FL_OK)
			count++;
	trace("approved", count,
	      (uint64_t)-fl_state_node_approve(state(), id, routes, count, &fault));
}

static void expire_node(const struct op *o)
{
	static const int64_t when[] = { 0, FL_SEC, 10 * FL_SEC, 5 * FL_MIN };
	fl_wall expiry = o->b % 5 == 4 ? 0 : wall() + when[o->b % 4];
	struct fl_fault fault;

	trace("expires", 0,
	      (uint64_t)-fl_state_node_expire(state(), wall(), some_node(o->a), expiry, &fault));
}

static void delete_node(const struct op *o)
{
	fl_node_id id = some_node(o->a);
	struct fl_fault fault;

	facts_excuse(id);
	trace("deleted", id, (uint64_t)-fl_state_node_delete(state(), id, &fault));
}

static void change_user(const struct op *o)
{
	const struct fl_user *u = some_user(o->a);
	struct fl_fault fault;
	char name[24];

	if (u == NULL)
		return;
	snprintf(name, sizeof name, "u%u", o->b % 6);
	enum fl_err err = o->kind == OP_USER_RENAME
				  ? fl_state_user_rename(state(), u->id, name, &fault)
				  : fl_state_user_delete(state(), u->id, &fault);
	trace("user changed", 0, (uint64_t)-err);
}

static void change_key(const struct op *o)
{
	struct fl_preauth *const *keys;
	size_t count = fl_state_preauths(state(), &keys);
	struct fl_fault fault;

	if (count == 0)
		return;
	fl_key_id id = keys[o->a % count]->id;
	enum fl_err err = o->kind == OP_KEY_EXPIRE
				  ? fl_state_preauth_expire(state(), wall(), id, &fault)
				  : fl_state_preauth_delete(state(), id, &fault);
	trace("key changed", id, (uint64_t)-err);
}

static void backfill(void)
{
	struct fl_fault fault;
	size_t changed = 0;
	enum fl_err err = fl_state_backfill_ips(state(), &changed, &fault);

	trace("filled up", changed, (uint64_t)-err);
}

static void on_burst(void *a, uint64_t n)
{
	const struct op *o = a;
	const struct op one = { .kind = OP_RENAME, .a = o->a, .b = o->b + (uint32_t)n };

	if (!sim.server.up || n == 0)
		return;
	rename_node(&one);
	after(chance(&sim.dice, 0, 20) * FL_MS, on_burst, a, n - 1);
}

void admin_run(const struct op *o)
{
	switch (o->kind) {
	case OP_POLICY:
		set_policy(o->a, o->b);
		return;
	case OP_RENAME:
		rename_node(o);
		return;
	case OP_TAG:
		if (sim.plan.size != PLAN_THOUSANDS)
			tag_node(o);
		return;
	case OP_APPROVE:
		admin_approve_routes(some_node(o->a), o->b);
		return;
	case OP_EXPIRE:
		expire_node(o);
		return;
	case OP_DELETE:
		delete_node(o);
		return;
	case OP_USER_ADD:
		add_user(o->a % 6);
		return;
	case OP_USER_RENAME:
	case OP_USER_DELETE:
		change_user(o);
		return;
	case OP_KEY_EXPIRE:
	case OP_KEY_DELETE:
		change_key(o);
		return;
	case OP_DERP:
		server_settings(o->a, sim.server.dns);
		return;
	case OP_DNS:
		server_settings(sim.server.derp, o->a);
		return;
	case OP_BACKFILL:
		backfill();
		return;
	case OP_PING:
		ping_ask(o);
		return;
	case OP_BURST:
		on_burst((void *)(uintptr_t)o, 20 + o->c % 100);
		return;
	default:
		return;
	}
}
