/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_register.c - decisions of one register request (docs/lifecycle.md 3, REG-1
 * to REG-17).
 */
#include "state_kit.h"

#include <stdio.h>
#include <stdlib.h>

/* Addresses of made-up keys that live until the end of the statement's block. */
#define KEY(n)   ((struct fl_node_key[1]){ kit_key(n) })
#define DISCO(n) ((struct fl_disco_key[1]){ kit_disco(n) })

static char changes[1000];

/* Alice (user 1), bob (user 2), and node 1 of alice: machine 1, key 1, in with a single-use key. */
struct world {
	struct fl_state *s;
	fl_user_id alice, bob;
	struct kit_auth first; /* alice's single-use key, spent on node 1 */
};

static struct world world(void)
{
	struct world w = { .s = kit_state() };
	w.alice = kit_user(w.s, "alice");
	w.bob = kit_user(w.s, "bob");
	w.first = kit_auth(w.s, w.alice, NULL, false);
	assert_int_equal(
		kit_join(w.s, (struct kit_request){ .machine = 1, .key = 1, .auth = w.first.text }),
		1);
	fl_state_committed(w.s);
	return w;
}

static void done(struct world *w)
{
	kit_check(w->s);
	fl_state_free(w->s);
}

static const char *heard(const struct world *w)
{
	return kit_changes(w->s, changes, sizeof changes);
}

static size_t nodes(const struct world *w)
{
	struct fl_node *const *at;
	return fl_state_nodes(w->s, &at);
}

static size_t dirty(const struct world *w)
{
	const struct fl_dirty *d;
	return fl_state_dirty(w->s, &d);
}

static const struct fl_node *node(const struct world *w, fl_node_id id)
{
	const struct fl_node *n = fl_state_node(w->s, id);
	assert_non_null(n);
	return n;
}

/* ---- requests that are refused or change nothing, one row each ---- */

struct row {
	const char *name;
	struct kit_request q;
	bool known_key; /* present the spent key of node 1 */
	enum fl_register_outcome outcome;
	const char *text; /* begin of the fault */
};

static const struct row rows[] = {
	{ "cap below minimum",
	  { 1, 1, .cap = KIT_MIN_CAP - 1 },
	  0,
	  FL_REG_BAD_REQUEST,
	  "unsupported" },
	{ "cap at minimum",
	  { 1, 1, .cap = KIT_MIN_CAP, .hostinfo = "{}" },
	  0,
	  FL_REG_ACCEPTED,
	  "" },
	{ "cap below minimum, logout",
	  { 1, 1, .cap = 1, .expiry = 123 * FL_SEC },
	  0,
	  FL_REG_BAD_REQUEST,
	  "unsupported" },
	{ "zero node key", { 1, 0 }, 0, FL_REG_BAD_REQUEST, "the node key is zero" },
	{ "zero machine key", { 0, 5 }, 0, FL_REG_BAD_REQUEST, "the machine key is zero" },
	{ "daemon restart", { 1, 1 }, 0, FL_REG_ACCEPTED, "" },
	{ "restart with other hostinfo",
	  { 1, 1, .hostinfo = "{\"OS\":\"x\"}" },
	  0,
	  FL_REG_ACCEPTED,
	  "" },
	{ "empty key is no key", { 1, 1, .auth = "" }, 0, FL_REG_ACCEPTED, "" },
	{ "unknown key", { 1, 2 }, 0, FL_REG_INTERACTIVE, "" },
	{ "unknown machine", { 2, 2 }, 0, FL_REG_INTERACTIVE, "" },
	{ "requested tags",
	  { 2, 2, .hostinfo = "{\"RequestTags\":[\"tag:x\",\"tag:a\"]}" },
	  0,
	  FL_REG_REFUSED,
	  "requested tags [tag:a tag:x] are invalid or not permitted" },
	{ "logout of nobody", { 1, 9, .expiry = 123 * FL_SEC }, 0, FL_REG_LOGGED_OUT, "" },
	{ "logout of nobody with a key",
	  { 1, 9, .expiry = 123 * FL_SEC },
	  1,
	  FL_REG_LOGGED_OUT,
	  "" },
	/* Hijack: somebody else's node key on every path (REG-4, REG-13). */
	{ "hijack by restart", { 2, 1 }, 0, FL_REG_UNAUTHORIZED, "unauthorized" },
	{ "hijack by logout",
	  { 2, 1, .expiry = 123 * FL_SEC },
	  0,
	  FL_REG_UNAUTHORIZED,
	  "unauthorized" },
	{ "hijack by auth key", { 2, 1 }, 1, FL_REG_UNAUTHORIZED, "unauthorized" },
	{ "hijack by shortening",
	  { 2, 1, .expiry = KIT_NOW + 1 },
	  0,
	  FL_REG_UNAUTHORIZED,
	  "unauthorized" },
	{ "hijack by a stranger's bad key",
	  { 2, 1, .auth = "x" },
	  0,
	  FL_REG_UNAUTHORIZED,
	  "unauthorized" },
	/* Keys that are none. */
	{ "garbage key", { 2, 2, .auth = "garbage" }, 0, FL_REG_REFUSED, "invalid pre auth key" },
	{ "unknown prefix",
	  { 2, 2,
	    .auth = "hskey-auth-ffffffffffff-"
		    "0000000000000000000000000000000000000000000000000000000000000007" },
	  0,
	  FL_REG_REFUSED,
	  "invalid pre auth key" },
	{ "spent key on a new machine", { 2, 2 }, 1, FL_REG_REFUSED, "pre auth key already used" },
	{ "spent key with a rotated node key",
	  { 1, 2 },
	  1,
	  FL_REG_REFUSED,
	  "pre auth key already used" },
	{ "own spent key, same node key", { 1, 1 }, 1, FL_REG_ACCEPTED, "" },
	{ "own spent key with requested tags",
	  { 1, 1, .hostinfo = "{\"Hostname\":\"host\",\"RequestTags\":[\"tag:x\"]}" },
	  1,
	  FL_REG_REFUSED,
	  "requested tags [tag:x]" },
	{ "own spent key, extension asked",
	  { 1, 1, .expiry = KIT_NOW + FL_DAY * 9000 },
	  1,
	  FL_REG_ACCEPTED,
	  "" },
};

static void test_row_changes_nothing(void **state)
{
	const struct row *row = *state;
	struct world w = world();
	struct kit_request q = row->q;
	/* So that asking for more is an extension. */
	struct fl_fault fault;
	assert_int_equal(fl_state_node_expire(w.s, KIT_NOW, 1, KIT_NOW + FL_DAY, &fault), FL_OK);
	fl_state_committed(w.s);

	if (row->known_key)
		q.auth = w.first.text;
	char *before = kit_dump(w.s);
	struct fl_register_result r = kit_register(w.s, KIT_NOW, q);
	assert_int_equal(r.outcome, row->outcome);
	if (strncmp(r.fault.text, row->text, strlen(row->text)) != 0)
		fail_msg("fault: %s", r.fault.text);
	assert_int_equal(r.node, row->outcome == FL_REG_ACCEPTED ? 1 : 0);
	char *after = kit_dump(w.s);
	assert_string_equal(after, before);
	assert_string_equal(heard(&w), "");
	assert_int_equal(dirty(&w), 0);
	free(before);
	free(after);
	done(&w);
}

/*
 * ---- REG-10: {used, expired, revoked, reusable, other user, tagged} x {same key, rotated,
 * expired node, new} ----
 */

enum which { K_OWN_USED, K_FRESH, K_REUSABLE, K_EXPIRED, K_REVOKED, K_OTHER, K_TAGGED, K_COUNT };
enum node_case { N_SAME, N_ROTATED, N_EXPIRED, N_NEW, N_COUNT };

static const char *const which_name[] = { "own used", "fresh",      "reusable", "expired",
					  "revoked",  "other user", "tagged" };
static const char *const case_name[] = { "same key", "rotated", "expired node", "new machine" };

/*
 * What must come out: '+' accepted on node 1, 'n' accepted on a new node, '-' refused, 'k' new
 * key asked for.
 */
static const char *const expected[K_COUNT] = {
	[K_OWN_USED] = "+---", [K_FRESH] = "+++n", [K_REUSABLE] = "+++n", [K_EXPIRED] = "+---",
	[K_REVOKED] = "+---",  [K_OTHER] = "knkn", [K_TAGGED] = "+++n",
};

static struct kit_auth make_key(struct world *w, enum which k)
{
	struct fl_preauth_fields f = { .user = w->alice };

	switch (k) {
	case K_OWN_USED:
		return w->first;
	case K_FRESH:
	case K_REVOKED:
		break;
	case K_REUSABLE:
		f.reusable = true;
		break;
	case K_EXPIRED:
		f.reusable = true;
		f.expiration = KIT_NOW;
		break;
	case K_OTHER:
		f.user = w->bob;
		break;
	case K_TAGGED:
		return kit_auth_full(w->s, f, "tag:web");
	case K_COUNT:
		break;
	}
	return kit_auth_full(w->s, f, NULL);
}

/* No command revokes a key yet: reload the state with one that is. */
static void revoke(struct world *w, const struct kit_auth *a)
{
	struct fl_state *s = kit_state();
	struct fl_user *const *users;
	struct fl_preauth *const *keys;
	struct fl_node *const *at;
	struct fl_fault fault;

	size_t len = fl_state_users(w->s, &users);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(fl_state_load_user(s, fl_user_ref(users[i]), &fault), FL_OK);
	len = fl_state_preauths(w->s, &keys);
	for (size_t i = 0; i < len; i++) {
		struct fl_preauth *k = fl_preauth_copy(keys[i]);
		assert_non_null(k);
		if (k->id == a->id)
			k->revoked = KIT_NOW - 1;
		assert_int_equal(fl_state_load_preauth(s, k, &fault), FL_OK);
	}
	len = fl_state_nodes(w->s, &at);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(fl_state_load_node(s, fl_node_ref(at[i]), &fault), FL_OK);
	fl_state_free(w->s);
	w->s = s;
}

static void test_matrix_cell(struct world *w, enum which which, enum node_case c)
{
	static const struct kit_request requests[] = { [N_SAME] = { 1, 1 },
						       [N_ROTATED] = { 1, 2 },
						       [N_EXPIRED] = { 1, 1 },
						       [N_NEW] = { 3, 3 } };
	struct kit_request q = requests[c];
	struct kit_auth key = make_key(w, which);
	char want = expected[which][c];
	struct fl_fault fault;

	if (which == K_REVOKED)
		revoke(w, &key);
	if (c == N_EXPIRED)
		assert_int_equal(fl_state_node_expire(w->s, KIT_NOW, 1, KIT_NOW, &fault), FL_OK);
	fl_state_committed(w->s);

	q.auth = key.text;
	char *before = kit_dump(w->s);
	struct fl_ip ip4 = node(w, 1)->ip4, ip6 = node(w, 1)->ip6;
	struct fl_register_result r = kit_register(w->s, KIT_NOW, q);
	char *after = kit_dump(w->s);
	const struct fl_preauth *k = fl_state_preauth(w->s, key.id);

	assert_int_equal(r.outcome, want == '-'   ? FL_REG_REFUSED
				    : want == 'k' ? FL_REG_KEY_EXPIRED
						  : FL_REG_ACCEPTED);
	if (want == '-' || want == 'k') {
		assert_string_equal(after, before);
		assert_int_equal(dirty(w), 0);
	} else {
		assert_int_equal(r.node, want == '+' ? 1 : 2);
		const struct fl_node *n = node(w, r.node);
		assert_true(fl_node_key_eq(&n->key, KEY(q.key)));
		assert_false(fl_node_is_expired(n, KIT_NOW));
		bool restart = c == N_SAME && which != K_TAGGED;
		assert_int_equal(n->auth_key, restart ? w->first.id : key.id);
		assert_int_equal(k->used, restart ? which == K_OWN_USED : !k->reusable);
		assert_int_equal(fl_node_is_tagged(n), which == K_TAGGED);
	}
	assert_true(fl_ip_eq(&node(w, 1)->ip4, &ip4) && fl_ip_eq(&node(w, 1)->ip6, &ip6));
	free(before);
	free(after);
}

static void test_matrix(void **unused)
{
	(void)unused;
	for (int k = 0; k < K_COUNT; k++)
		for (int c = 0; c < N_COUNT; c++) {
			print_message("  %s, %s\n", which_name[k], case_name[c]);
			struct world w = world();
			test_matrix_cell(&w, (enum which)k, (enum node_case)c);
			done(&w);
		}
}

/* ---- single cases ---- */

static void test_secret_must_match_its_prefix(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth(w.s, w.alice, NULL, true);

	for (size_t i = strlen(a.text) - FL_TOKEN_SECRET_LEN; a.text[i] != '\0'; i++) {
		char c = a.text[i];
		a.text[i] = c == '1' ? '2' : '1';
		struct fl_register_result r = kit_register(
			w.s, KIT_NOW,
			(struct kit_request){ .machine = 2, .key = 2, .auth = a.text });
		assert_int_equal(r.outcome, FL_REG_REFUSED);
		assert_int_equal(strncmp(r.fault.text, "invalid pre auth key", 20), 0);
		a.text[i] = c;
	}
	for (size_t cut = 0; cut < strlen(a.text); cut++) { /* every prefix */
		char text[FL_TOKEN_TEXT_MAX];
		fl_str_copy(text, sizeof text, fl_slice_of(a.text, cut));
		struct fl_register_result r = kit_register(
			w.s, KIT_NOW, (struct kit_request){ .machine = 2, .key = 2, .auth = text });
		assert_int_not_equal(r.outcome, FL_REG_ACCEPTED);
	}
	assert_int_equal(nodes(&w), 1);
	done(&w);
}

static void test_single_use_key_makes_one_node(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth(w.s, w.alice, NULL, false);

	for (unsigned i = 2; i < 34; i++) { /* all in one tick */
		struct fl_register_result r = kit_register(
			w.s, KIT_NOW,
			(struct kit_request){ .machine = i, .key = i, .auth = a.text });
		assert_int_equal(r.outcome, i == 2 ? FL_REG_ACCEPTED : FL_REG_REFUSED);
	}
	assert_int_equal(nodes(&w), 2);
	done(&w);
}

/* The same machine again and again, with the same or another key: one node per owner. */
static void test_one_node_per_owner(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth(w.s, w.alice, NULL, true),
			b = kit_auth(w.s, w.bob, NULL, true);

	struct fl_ip ip = node(&w, 1)->ip4;
	for (unsigned i = 0; i < 32; i++) {
		kit_join(w.s,
			 (struct kit_request){ .machine = 1, .key = 100 + i / 2, .auth = a.text });
		kit_join(w.s,
			 (struct kit_request){ .machine = 1, .key = 200 + i / 2, .auth = b.text });
		kit_check(w.s);
	}
	assert_int_equal(nodes(&w), 2);
	assert_true(fl_ip_eq(&node(&w, 1)->ip4, &ip));
	assert_int_equal(node(&w, 2)->user, w.bob);
	done(&w);
}

static void test_logout(void **unused)
{
	(void)unused;
	struct world w = world();

	struct fl_register_result r = kit_register(
		w.s, KIT_NOW,
		(struct kit_request){
			.machine = 1, .key = 1, .auth = w.first.text, .expiry = 123 * FL_SEC });
	assert_int_equal(r.outcome, FL_REG_LOGGED_OUT);
	assert_int_equal(r.node, 1);
	assert_int_equal(node(&w, 1)->expiry, KIT_NOW); /* never the client's 1970 */
	assert_string_equal(heard(&w), "patched 1:expiry<1");
	fl_state_committed(w.s);

	/* Again, and later: the first time counts. */
	r = kit_register(w.s, KIT_NOW + 5,
			 (struct kit_request){ .machine = 1, .key = 1, .expiry = 123 * FL_SEC });
	assert_int_equal(r.outcome, FL_REG_LOGGED_OUT);
	assert_int_equal(node(&w, 1)->expiry, KIT_NOW);
	assert_int_equal(dirty(&w), 0);

	/* A restart with the old key hears that it expired. */
	r = kit_register(w.s, KIT_NOW + 5, (struct kit_request){ .machine = 1, .key = 1 });
	assert_int_equal(r.outcome, FL_REG_KEY_EXPIRED);
	done(&w);
}

static void test_expiry_now_is_a_logout(void **unused)
{
	(void)unused;
	struct world w = world();
	struct fl_register_result r = kit_register(
		w.s, KIT_NOW, (struct kit_request){ .machine = 1, .key = 1, .expiry = KIT_NOW });
	assert_int_equal(r.outcome, FL_REG_LOGGED_OUT);
	done(&w);
}

static void test_logout_deletes_ephemeral(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth_full(
		w.s, (struct fl_preauth_fields){ .user = w.alice, .ephemeral = true }, NULL);

	fl_node_id by_key =
		kit_join(w.s, (struct kit_request){ .machine = 2, .key = 2, .auth = a.text });
	fl_node_id by_wish = kit_approve(
		w.s, (struct kit_request){ .machine = 3, .key = 3, .ephemeral = true }, w.bob);
	assert_true(node(&w, by_key)->ephemeral && node(&w, by_wish)->ephemeral);
	fl_state_committed(w.s);
	for (unsigned i = 2; i <= 3; i++) {
		struct fl_register_result r = kit_register(
			w.s, KIT_NOW, (struct kit_request){ .machine = i, .key = i, .expiry = 1 });
		assert_int_equal(r.outcome, FL_REG_LOGGED_OUT);
		assert_int_equal(r.node, 0);
	}
	assert_int_equal(nodes(&w), 1);
	assert_string_equal(heard(&w), "removed 2 removed 3");
	done(&w);
}

/* DM-3, also after a login that does not ask for it. */
static void test_ephemeral_is_for_life(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth(w.s, w.alice, NULL, true);

	fl_node_id id = kit_approve(
		w.s, (struct kit_request){ .machine = 2, .key = 2, .ephemeral = true }, w.alice);
	assert_int_equal(
		kit_join(w.s, (struct kit_request){ .machine = 2, .key = 3, .auth = a.text }), id);
	assert_true(node(&w, id)->ephemeral);
	assert_false(node(&w, 1)->ephemeral);
	done(&w);
}

/* Flow D: a client that asks for a new login keeps its old key until the new one is allowed. */
static void test_old_key_holds_until_approval(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_request fresh = { .machine = 1, .key = 2 };
	struct fl_ip ip = node(&w, 1)->ip4;

	assert_int_equal(kit_register(w.s, KIT_NOW, fresh).outcome, FL_REG_INTERACTIVE);
	assert_int_equal(dirty(&w), 0);
	struct kit_request old = { .machine = 1, .key = 1 };
	assert_int_equal(kit_register(w.s, KIT_NOW, old).outcome, FL_REG_ACCEPTED);

	assert_int_equal(kit_approve(w.s, fresh, w.alice), 1);
	assert_string_equal(heard(&w), "patched 1:endpoints,key,disco,expiry<1");
	assert_int_equal(kit_register(w.s, KIT_NOW, fresh).outcome, FL_REG_ACCEPTED);
	assert_int_equal(kit_register(w.s, KIT_NOW, old).outcome, FL_REG_INTERACTIVE);
	assert_true(fl_ip_eq(&node(&w, 1)->ip4, &ip));
	done(&w);
}

static void test_client_may_shorten_only(void **unused)
{
	(void)unused;
	struct world w = world();
	fl_wall at[] = { KIT_NOW + FL_DAY, KIT_NOW + FL_HOUR, KIT_NOW + FL_HOUR, KIT_NOW + FL_DAY };
	enum fl_register_outcome want[] = { FL_REG_ACCEPTED, FL_REG_ACCEPTED, FL_REG_BAD_REQUEST,
					    FL_REG_BAD_REQUEST };
	fl_wall left[] = { at[0], at[1], at[1], at[1] };

	for (int i = 0; i < 4; i++) {
		struct fl_register_result r = kit_register(
			w.s, KIT_NOW,
			(struct kit_request){ .machine = 1, .key = 1, .expiry = at[i] });
		assert_int_equal(r.outcome, want[i]);
		assert_int_equal(node(&w, 1)->expiry, left[i]);
	}
	assert_string_equal(heard(&w), "patched 1:expiry<1 patched 1:expiry<1");
	done(&w);
}

static void test_key_restart_may_shorten_too(void **unused)
{
	(void)unused;
	struct world w = world();
	kit_join(w.s, (struct kit_request){ .machine = 1,
					    .key = 1,
					    .auth = w.first.text,
					    .expiry = KIT_NOW + FL_DAY });
	assert_int_equal(node(&w, 1)->expiry, KIT_NOW + FL_DAY);
	kit_join(w.s, (struct kit_request){ .machine = 1,
					    .key = 1,
					    .auth = w.first.text,
					    .expiry = KIT_NOW + 2 * FL_DAY });
	assert_int_equal(node(&w, 1)->expiry, KIT_NOW + FL_DAY);
	done(&w);
}

struct expiry_row {
	const char *name;
	int64_t life;
	fl_wall asked, want;
	bool tagged;
};

static const struct expiry_row expiries[] = {
	{ "expiry: no default, none asked", 0, 0, 0, false },
	{ "expiry: no default, asked", 0, KIT_NOW + 5, KIT_NOW + 5, false },
	{ "expiry: default", FL_DAY, 0, KIT_NOW + FL_DAY, false },
	{ "expiry: asked sooner", FL_DAY, KIT_NOW + 5, KIT_NOW + 5, false },
	{ "expiry: asked the default", FL_DAY, KIT_NOW + FL_DAY, KIT_NOW + FL_DAY, false },
	{ "expiry: asked later", FL_DAY, KIT_NOW + FL_DAY + 1, KIT_NOW + FL_DAY, false },
	{ "expiry: tagged", FL_DAY, 0, 0, true },
	{ "expiry: tagged, asked", FL_DAY, KIT_NOW + 5, 0, true },
	{ "expiry: default beyond time", INT64_MAX, 0, FL_NEVER, false },
};

static void test_expiry_at_registration(void **state)
{
	const struct expiry_row *row = *state;
	struct fl_state_config cfg = kit_config();
	struct world w = { 0 };

	cfg.node_expiry = row->life;
	assert_int_equal(fl_state_new(&cfg, &w.s), FL_OK);
	w.alice = kit_user(w.s, "alice");
	struct kit_auth a = kit_auth(w.s, w.alice, row->tagged ? "tag:x" : NULL, true);
	struct kit_request q = { .machine = 1, .key = 1, .auth = a.text, .expiry = row->asked };
	assert_int_equal(node(&w, kit_join(w.s, q))->expiry, row->want);
	q.key = 2; /* and again at a new login */
	assert_int_equal(node(&w, kit_join(w.s, q))->expiry, row->want);
	if (!row->tagged)
		assert_int_equal(
			node(&w, kit_approve(w.s,
					     (struct kit_request){
						     .machine = 2, .key = 9, .expiry = row->asked },
					     w.alice))
				->expiry,
			row->want);
	done(&w);
}

static void test_renewal_keeps_and_replaces(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth(w.s, w.alice, NULL, true);
	struct fl_endpoint e = { .at = { kit_ip("192.0.2.1"), 7 }, .type = 1 };
	struct fl_prefix route = kit_prefix("10.0.0.0/8");
	struct fl_fault fault;

	kit_update(w.s, 1,
		   (struct kit_update){ .hostinfo = "{\"Hostname\":\"host\",\"NetInfo\":{"
						    "\"PreferredDERP\":5}}",
					.endpoints = &e,
					.endpoints_count = 1,
					.disco = 4 });
	assert_int_equal(fl_state_node_approve(w.s, 1, &route, 1, &fault), FL_OK);
	fl_state_committed(w.s);

	kit_join(w.s, (struct kit_request){ .machine = 1,
					    .key = 2,
					    .auth = a.text,
					    .hostinfo = "{\"Hostname\":\"host\"}" });
	const struct fl_node *n = node(&w, 1);
	assert_string_equal(heard(&w), "patched 1:endpoints,key,disco,expiry<1"); /* REG-17 */
	assert_int_equal(n->endpoints_count, 1);
	assert_int_equal(n->approved_count, 1);
	assert_int_equal(n->hostinfo->preferred_derp, 5); /* NetInfo kept if absent */
	assert_true(fl_disco_key_eq(&n->disco, DISCO(4)));
	assert_string_equal(n->given_name, "host");
	assert_null(fl_state_node_by_key(w.s, KEY(1)));
	fl_state_committed(w.s);

	kit_join(w.s, (struct kit_request){ .machine = 1,
					    .key = 3,
					    .auth = a.text,
					    .hostinfo = "{\"Hostname\":\"other\"}" });
	assert_string_equal(heard(&w), "changed 1<1");
	assert_string_equal(node(&w, 1)->given_name, "host"); /* REG-15 */
	fl_state_committed(w.s);
	kit_update(w.s, 1, (struct kit_update){ .hostinfo = "{\"Hostname\":\"other\"}" });
	assert_string_equal(node(&w, 1)->given_name, "other"); /* NM-3 */
	done(&w);
}

static void test_tags_are_not_applied_again(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth(w.s, w.alice, "tag:one", true);
	struct fl_strlist two = { .at = (char *[]){ (char[]){ "tag:two" } }, .len = 1 };
	struct fl_fault fault;

	fl_node_id id =
		kit_join(w.s, (struct kit_request){ .machine = 2, .key = 2, .auth = a.text });
	assert_int_equal(fl_state_node_tag(w.s, id, &two, &fault), FL_OK);
	assert_int_equal(
		kit_join(w.s, (struct kit_request){ .machine = 2, .key = 3, .auth = a.text }), id);
	assert_string_equal(node(&w, id)->tags.at[0], "tag:two");
	done(&w);
}

static void test_tagged_key_converts_the_only_user_node(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth a = kit_auth(w.s, w.bob, "tag:one", true);
	struct fl_ip ip = node(&w, 1)->ip4;

	assert_int_equal(
		kit_join(w.s, (struct kit_request){ .machine = 1, .key = 1, .auth = a.text }), 1);
	assert_int_equal(node(&w, 1)->user, 0);
	assert_int_equal(node(&w, 1)->expiry, 0);
	assert_true(fl_ip_eq(&node(&w, 1)->ip4, &ip));
	assert_string_equal(heard(&w), "changed 1<1");

	/* It comes back with the user's key it once had, as it is: under (a) and fully. */
	assert_int_equal(
		kit_join(w.s, (struct kit_request){ .machine = 1, .key = 1, .auth = w.first.text }),
		1);
	struct kit_auth user = kit_auth(w.s, w.alice, NULL, true);
	assert_int_equal(
		kit_join(w.s, (struct kit_request){ .machine = 1, .key = 2, .auth = user.text }),
		1);
	assert_true(fl_node_is_tagged(node(&w, 1)));
	assert_int_equal(nodes(&w), 1);
	done(&w);
}

static void test_tagged_key_refuses_a_choice(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth b = kit_auth(w.s, w.bob, NULL, true),
			t = kit_auth(w.s, w.bob, "tag:x", false);

	kit_join(w.s, (struct kit_request){ .machine = 1, .key = 2, .auth = b.text });
	fl_state_committed(w.s);
	struct fl_register_result r = kit_register(
		w.s, KIT_NOW, (struct kit_request){ .machine = 1, .key = 3, .auth = t.text });
	assert_int_equal(r.outcome, FL_REG_REFUSED);
	assert_non_null(strstr(r.fault.text, "2 users"));
	assert_false(fl_state_preauth(w.s, t.id)->used);
	assert_int_equal(dirty(&w), 0);
	done(&w);
}

static void test_key_error_texts_are_stable(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth expired = kit_auth_full(
		w.s, (struct fl_preauth_fields){ .user = w.alice, .expiration = KIT_NOW + 1 },
		NULL);
	struct kit_request q = { .machine = 2, .key = 2, .auth = expired.text };

	struct fl_register_result r = kit_register(w.s, KIT_NOW + 1, q);
	assert_int_equal(strncmp(r.fault.text, "pre auth key expired", 20), 0);
	r = kit_register(w.s, KIT_NOW, q);
	assert_int_equal(r.outcome, FL_REG_ACCEPTED);
	done(&w);
}

static void test_exhausted_addresses_leave_nothing(void **unused)
{
	(void)unused;
	struct fl_state_config cfg = kit_config();
	struct world w = { 0 };
	struct fl_register_result r;

	cfg.prefix6 = kit_prefix("fd00::/126"); /* three addresses; IPv4 has plenty */
	assert_int_equal(fl_state_new(&cfg, &w.s), FL_OK);
	w.alice = kit_user(w.s, "alice");
	struct kit_auth a = kit_auth(w.s, w.alice, NULL, true),
			once = kit_auth(w.s, w.alice, NULL, false);
	for (unsigned i = 1; i <= 3; i++)
		kit_join(w.s, (struct kit_request){ .machine = i, .key = i, .auth = a.text });
	fl_state_committed(w.s);
	char *before = kit_dump(w.s);
	assert_int_equal(
		kit_try_register(w.s, KIT_NOW,
				 (struct kit_request){ .machine = 9, .key = 9, .auth = once.text },
				 &r),
		FL_ERR_FULL);
	char *after = kit_dump(w.s);
	assert_string_equal(before, after);
	kit_check(w.s); /* the IPv4 address went back (IP-3), the key is unspent */
	free(before);
	free(after);

	/* A freed address serves only after the commit. */
	struct fl_fault fault;
	struct fl_ip freed = node(&w, 2)->ip6;
	struct kit_request q = { .machine = 9, .key = 9, .auth = once.text };
	assert_int_equal(fl_state_node_delete(w.s, 2, &fault), FL_OK);
	assert_int_equal(kit_try_register(w.s, KIT_NOW, q, &r), FL_ERR_FULL);
	fl_state_committed(w.s);
	fl_node_id id = kit_join(w.s, q);
	assert_int_equal(id, 4);
	assert_true(fl_ip_eq(&node(&w, id)->ip6, &freed));
	done(&w);
}

/* ---- approval ---- */

static enum fl_err approve(struct world *w, unsigned machine, unsigned key, fl_user_id user,
			   const char *hostinfo)
{
	struct fl_fault fault = { "" };
	fl_node_id id = 0;
	enum fl_err err = kit_try_approve(
		w->s, (struct kit_request){ .machine = machine, .key = key, .hostinfo = hostinfo },
		user, &fault, &id);
	assert_true((err == FL_OK) == (fault.text[0] == '\0'));
	return err;
}

static void test_approval(void **unused)
{
	(void)unused;
	struct world w = world();

	assert_int_equal(approve(&w, 2, 2, 99, NULL), FL_ERR_NOT_FOUND);
	assert_int_equal(approve(&w, 2, 2, w.bob, "{\"RequestTags\":[\"tag:x\"]}"), FL_ERR_DENIED);
	assert_int_equal(approve(&w, 2, 1, w.bob, NULL), FL_ERR_DENIED); /* hijack */
	assert_int_equal(approve(&w, 1, 1, w.bob, NULL),
			 FL_ERR_EXISTS); /* approved for alice already */
	assert_int_equal(approve(&w, 2, 0, w.bob, NULL), FL_ERR_INVALID);
	assert_int_equal(approve(&w, 0, 2, w.bob, NULL), FL_ERR_INVALID);
	assert_string_equal(heard(&w), "");
	assert_int_equal(dirty(&w), 0);

	assert_int_equal(approve(&w, 2, 2, w.bob, NULL), FL_OK);
	assert_string_equal(heard(&w), "added 2<2");
	assert_int_equal(node(&w, 2)->method, FL_REGISTER_CLI);
	fl_state_committed(w.s);
	assert_int_equal(approve(&w, 2, 2, w.bob, NULL), FL_OK); /* the same again: nothing */
	assert_int_equal(dirty(&w), 0);
	assert_int_equal(approve(&w, 1, 5, w.bob, NULL), FL_OK); /* beside alice's node (REG-11) */
	assert_int_equal(approve(&w, 1, 6, w.alice, NULL), FL_OK); /* a new login of node 1 */
	assert_int_equal(nodes(&w), 3);
	assert_int_equal(node(&w, 1)->auth_key, 0);
	done(&w);
}

static void test_login_beside_a_tagged_node(void **unused)
{
	(void)unused;
	struct world w = world();
	struct kit_auth t = kit_auth(w.s, w.alice, "tag:x", true);
	struct fl_strlist tag = { .at = (char *[]){ (char[]){ "tag:y" } }, .len = 1 };
	struct fl_fault fault;

	fl_node_id by_key =
		kit_join(w.s, (struct kit_request){ .machine = 2, .key = 2, .auth = t.text });
	assert_int_equal(approve(&w, 2, 3, w.bob, NULL), FL_ERR_DENIED); /* REG-12 */
	assert_true(fl_node_is_tagged(node(&w, by_key)));

	/* One that came in by a login returns to its user (REG-14). */
	fl_node_id by_login =
		kit_approve(w.s, (struct kit_request){ .machine = 3, .key = 4 }, w.bob);
	assert_int_equal(fl_state_node_tag(w.s, by_login, &tag, &fault), FL_OK);
	assert_int_equal(node(&w, by_login)->user, 0);
	assert_int_equal(approve(&w, 3, 5, w.bob, NULL), FL_OK);
	assert_int_equal(node(&w, by_login)->user, w.bob);
	assert_int_equal(node(&w, by_login)->tags.len, 0);
	done(&w);
}

/* Nobody's key lets no node in; with tags it is as good as before. */
static void test_key_of_nobody(void **unused)
{
	(void)unused;
	struct fl_state *old = kit_state(), *s = kit_state();
	fl_user_id gone = kit_user(old, "alice");
	struct kit_auth own = kit_auth(old, gone, NULL, true);
	struct kit_auth tags = kit_auth(old, gone, "tag:web", true);
	struct fl_fault fault = { "" };

	assert_int_equal(
		fl_state_load_preauth(s, fl_preauth_copy(fl_state_preauth(old, own.id)), &fault),
		FL_OK);
	assert_int_equal(
		fl_state_load_preauth(s, fl_preauth_copy(fl_state_preauth(old, tags.id)), &fault),
		FL_OK);
	fl_state_free(old);
	assert_true(fl_state_key_is_orphan(s, fl_state_preauth(s, own.id)));
	assert_int_equal(kit_user(s, "bob"), 2);

	struct fl_register_result got = kit_register(
		s, KIT_NOW, (struct kit_request){ .machine = 1, .key = 1, .auth = own.text });
	assert_int_equal(got.outcome, FL_REG_REFUSED);
	assert_non_null(strstr(got.fault.text, "user does not exist"));
	fl_node_id id =
		kit_join(s, (struct kit_request){ .machine = 1, .key = 1, .auth = tags.text });
	assert_true(fl_node_is_tagged(fl_state_node(s, id)));
	assert_int_equal(fl_state_preauth_delete(s, own.id, &fault), FL_OK);
	kit_check(s);
	fl_state_free(s);
}

enum {
	ROWS = sizeof rows / sizeof *rows,
	EXPIRIES = sizeof expiries / sizeof *expiries,
	CASES = 20
};

int main(void)
{
	struct CMUnitTest tests[CASES + ROWS + EXPIRIES] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_secret_must_match_its_prefix),
		cmocka_unit_test(test_single_use_key_makes_one_node),
		cmocka_unit_test(test_one_node_per_owner),
		cmocka_unit_test(test_logout),
		cmocka_unit_test(test_expiry_now_is_a_logout),
		cmocka_unit_test(test_logout_deletes_ephemeral),
		cmocka_unit_test(test_ephemeral_is_for_life),
		cmocka_unit_test(test_old_key_holds_until_approval),
		cmocka_unit_test(test_client_may_shorten_only),
		cmocka_unit_test(test_key_restart_may_shorten_too),
		cmocka_unit_test(test_renewal_keeps_and_replaces),
		cmocka_unit_test(test_tags_are_not_applied_again),
		cmocka_unit_test(test_tagged_key_converts_the_only_user_node),
		cmocka_unit_test(test_tagged_key_refuses_a_choice),
		cmocka_unit_test(test_key_error_texts_are_stable),
		cmocka_unit_test(test_exhausted_addresses_leave_nothing),
		cmocka_unit_test(test_approval),
		cmocka_unit_test(test_login_beside_a_tagged_node),
		cmocka_unit_test(test_key_of_nobody),
	};
	size_t at = CASES;
	for (size_t i = 0; i < ROWS; i++)
		tests[at++] = (struct CMUnitTest){ .name = rows[i].name,
						   .test_func = test_row_changes_nothing,
						   .initial_state = (void *)(uintptr_t)&rows[i] };
	for (size_t i = 0; i < EXPIRIES; i++)
		tests[at++] =
			(struct CMUnitTest){ .name = expiries[i].name,
					     .test_func = test_expiry_at_registration,
					     .initial_state = (void *)(uintptr_t)&expiries[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
