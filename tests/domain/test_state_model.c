/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_state_model.c - the state against a stupid copy of the rules: short arrays,
 * linear searches, one page per rule. Both get the same random commands and must agree on every
 * outcome and on who owns what.
 */
#include "state_kit.h"

#include "base/rng.h"

enum { USERS = 5, KEYS = 24, NODES = 400, MACHINES = 6, NODE_KEYS = 14, STEPS = 500, SEEDS = 60 };

struct m_key {
	struct kit_auth auth;
	unsigned user; /* 0: tags only */
	bool tagged, reusable, ephemeral, used, there;
	fl_wall expiration;
};

struct m_node {
	unsigned machine, key, user; /* user 0: tagged */
	fl_wall expiry;
	fl_key_id auth;
	bool there, ephemeral, by_login;
};

struct model {
	struct fl_state *s;
	struct fl_rng rng;
	fl_wall now;
	bool user_there[USERS + 1];
	struct m_key keys[KEYS + 1]; /* by id */
	unsigned keys_made;
	struct m_node nodes[NODES + 1]; /* by id */
	unsigned nodes_made;
	unsigned accepted, refused;
};

static unsigned pick(struct model *m, unsigned bound)
{
	return (unsigned)fl_rng_below(&m->rng, bound);
}

static unsigned by_key(const struct model *m, unsigned key)
{
	for (unsigned i = 1; i <= m->nodes_made; i++)
		if (m->nodes[i].there && m->nodes[i].key == key)
			return i;
	return 0;
}

/* The node of that machine and owner (0: tagged), or 0. */
static unsigned by_owner(const struct model *m, unsigned machine, unsigned user)
{
	for (unsigned i = 1; i <= m->nodes_made; i++)
		if (m->nodes[i].there && m->nodes[i].machine == machine && m->nodes[i].user == user)
			return i;
	return 0;
}

static unsigned count_user_nodes(const struct model *m, unsigned machine, unsigned *one)
{
	unsigned count = 0;
	for (unsigned u = 1; u <= USERS; u++)
		if (by_owner(m, machine, u) != 0) {
			*one = by_owner(m, machine, u);
			count++;
		}
	return count;
}

static bool is_expired(const struct model *m, const struct m_node *n)
{
	return n->expiry != 0 && n->expiry <= m->now;
}

static unsigned add_node(struct model *m, struct m_node n)
{
	n.there = true;
	assert_true(m->nodes_made < NODES);
	m->nodes[++m->nodes_made] = n;
	return m->nodes_made;
}

struct answer {
	enum fl_register_outcome outcome;
	unsigned node;
};

static struct answer ans(enum fl_register_outcome outcome, unsigned node)
{
	return (struct answer){ outcome, node };
}

static struct answer m_auth_key(struct model *m, unsigned machine, unsigned key, unsigned k)
{
	struct m_key *pak = &m->keys[k];
	unsigned only = 0, holder = by_key(m, key);

	if (k == 0 || !pak->there)
		return ans(FL_REG_REFUSED, 0);
	unsigned target = pak->tagged ? by_owner(m, machine, 0) : by_owner(m, machine, pak->user);
	unsigned count = count_user_nodes(m, machine, &only);
	bool convert = false;
	if (target == 0 && !pak->tagged)
		target = by_owner(m, machine, 0);
	if (target == 0 && pak->tagged && count > 0) {
		target = only;
		convert = true;
	}
	struct m_node *n = &m->nodes[target];
	if (target != 0 && !convert && n->key == key && !is_expired(m, n))
		return ans(FL_REG_ACCEPTED, target);
	if ((pak->expiration != 0 && pak->expiration <= m->now) || (pak->used && !pak->reusable))
		return ans(FL_REG_REFUSED, 0);
	if (convert && count > 1)
		return ans(FL_REG_REFUSED, 0);
	if (holder != 0 && holder != target)
		return ans(FL_REG_KEY_EXPIRED, 0);

	pak->used = pak->used || !pak->reusable;
	if (target == 0)
		target = add_node(m, (struct m_node){ .machine = machine,
						      .user = pak->tagged ? 0 : pak->user });
	n = &m->nodes[target];
	if (convert)
		n->user = 0;
	n->key = key;
	n->expiry = 0;
	n->auth = k;
	n->by_login = false;
	n->ephemeral = n->ephemeral || pak->ephemeral;
	return ans(FL_REG_ACCEPTED, target);
}

static struct answer m_register(struct model *m, unsigned machine, unsigned key, bool with_key,
				unsigned k, bool logout)
{
	unsigned n = by_key(m, key);

	if (n != 0 && m->nodes[n].machine != machine)
		return ans(FL_REG_UNAUTHORIZED, 0);
	if (logout && n == 0)
		return ans(FL_REG_LOGGED_OUT, 0);
	if (logout && m->nodes[n].ephemeral) {
		m->nodes[n].there = false;
		return ans(FL_REG_LOGGED_OUT, 0);
	}
	if (logout) {
		if (!is_expired(m, &m->nodes[n]))
			m->nodes[n].expiry = m->now;
		return ans(FL_REG_LOGGED_OUT, n);
	}
	if (!with_key && n != 0)
		return ans(is_expired(m, &m->nodes[n]) ? FL_REG_KEY_EXPIRED : FL_REG_ACCEPTED, n);
	return with_key ? m_auth_key(m, machine, key, k) : ans(FL_REG_INTERACTIVE, 0);
}

static void do_register(struct model *m)
{
	bool with_key = pick(m, 6) != 0, logout = pick(m, 9) == 0;
	unsigned k = pick(m, m->keys_made + 1);
	struct kit_request q = { .machine = 1 + pick(m, MACHINES),
				 .key = 1 + pick(m, NODE_KEYS),
				 .expiry = logout ? 5 : 0 };

	if (with_key)
		q.auth = k == 0 ? "hskey-auth-none" : m->keys[k].auth.text;
	struct answer want = m_register(m, q.machine, q.key, with_key, k, logout);
	struct fl_register_result got = kit_register(m->s, m->now, q);
	assert_int_equal(got.outcome, want.outcome);
	assert_int_equal(got.node, want.node);
	if (want.outcome == FL_REG_ACCEPTED)
		m->accepted++;
	else
		m->refused++;
}

static unsigned m_approve(struct model *m, unsigned machine, unsigned key, unsigned user)
{
	unsigned target = by_owner(m, machine, user), tagged = by_owner(m, machine, 0);
	unsigned holder = by_key(m, key);

	if (!m->user_there[user])
		return 0;
	if (target == 0 && tagged != 0) {
		if (!m->nodes[tagged].by_login)
			return 0;
		target = tagged;
	}
	if (holder != 0 && holder != target)
		return 0;
	if (target == 0)
		target = add_node(m, (struct m_node){ .machine = machine });
	struct m_node *n = &m->nodes[target];
	n->user = user;
	n->key = key;
	n->expiry = 0;
	n->auth = 0;
	n->by_login = true;
	return target;
}

static void do_approve(struct model *m)
{
	struct kit_request q = { .machine = 1 + pick(m, MACHINES), .key = 1 + pick(m, NODE_KEYS) };
	unsigned user = 1 + pick(m, USERS), want = m_approve(m, q.machine, q.key, user);
	struct fl_fault fault;
	fl_node_id id = 0;

	enum fl_err err = kit_try_approve(m->s, q, user, &fault, &id);
	assert_int_equal(err == FL_OK, want != 0);
	assert_int_equal(id, want);
}

static void do_key(struct model *m)
{
	if (m->keys_made == KEYS)
		return;
	struct m_key *k = &m->keys[m->keys_made + 1];
	*k = (struct m_key){ .user = 1 + pick(m, USERS),
			     .tagged = pick(m, 4) == 0,
			     .reusable = pick(m, 2),
			     .ephemeral = pick(m, 5) == 0,
			     .there = true,
			     .expiration = pick(m, 3) ? 0 : m->now + pick(m, 60) * FL_SEC };
	if (!m->user_there[k->user])
		return;
	k->auth = kit_auth_full(m->s,
				(struct fl_preauth_fields){ .user = k->user,
							    .reusable = k->reusable,
							    .ephemeral = k->ephemeral,
							    .expiration = k->expiration },
				k->tagged ? "tag:t" : NULL);
	m->keys_made++;
	assert_int_equal(k->auth.id, m->keys_made);
}

static void drop_key(struct model *m, unsigned id)
{
	m->keys[id].there = false;
	for (unsigned i = 1; i <= m->nodes_made; i++)
		if (m->nodes[i].auth == id)
			m->nodes[i].auth = 0;
}

static void do_delete_key(struct model *m)
{
	unsigned id = 1 + pick(m, KEYS);
	struct fl_fault fault;

	bool there = id <= m->keys_made && m->keys[id].there;
	assert_int_equal(fl_state_preauth_delete(m->s, id, &fault) == FL_OK, there);
	if (there)
		drop_key(m, id);
}

static void do_delete_user(struct model *m)
{
	unsigned user = 1 + pick(m, USERS);
	struct fl_fault fault;
	enum fl_err want = m->user_there[user] ? FL_OK : FL_ERR_NOT_FOUND;

	for (unsigned i = 1; i <= m->nodes_made && want == FL_OK; i++)
		if (m->nodes[i].there && m->nodes[i].user == user)
			want = FL_ERR_DENIED;
	assert_int_equal(fl_state_user_delete(m->s, user, &fault), want);
	if (want != FL_OK)
		return;
	m->user_there[user] = false;
	for (unsigned k = 1; k <= m->keys_made; k++)
		if (m->keys[k].there && m->keys[k].user == user) {
			m->keys[k].user = 0;
			if (!m->keys[k].tagged)
				drop_key(m, k);
		}
}

static void do_delete_node(struct model *m)
{
	unsigned id = 1 + pick(m, m->nodes_made + 2);
	struct fl_fault fault;

	bool there = id <= m->nodes_made && m->nodes[id].there;
	assert_int_equal(fl_state_node_delete(m->s, id, &fault), there ? FL_OK : FL_ERR_NOT_FOUND);
	if (there)
		m->nodes[id].there = false;
}

static void do_tag(struct model *m)
{
	unsigned id = 1 + pick(m, m->nodes_made + 2);
	struct fl_strlist tags = { .at = (char *[]){ (char[]){ "tag:t" } }, .len = 1 };
	struct fl_fault fault;
	enum fl_err want = FL_OK;

	if (id > m->nodes_made || !m->nodes[id].there)
		want = FL_ERR_NOT_FOUND;
	else if (by_owner(m, m->nodes[id].machine, 0) != 0 && m->nodes[id].user != 0)
		want = FL_ERR_EXISTS;
	assert_int_equal(fl_state_node_tag(m->s, id, &tags, &fault), want);
	if (want == FL_OK)
		m->nodes[id].user = 0;
}

static void do_expire(struct model *m)
{
	unsigned id = 1 + pick(m, m->nodes_made + 2);
	fl_wall at = pick(m, 3) ? m->now + pick(m, 40) * FL_SEC : 0;
	struct fl_fault fault;

	if (fl_state_node_expire(m->s, KIT_NOW, id, at, &fault) == FL_OK)
		m->nodes[id].expiry = at;
}

/* Everything both sides know must be the same. */
static void compare(const struct model *m)
{
	struct fl_node *const *at;
	size_t count = 0;

	for (unsigned i = 1; i <= m->nodes_made; i++) {
		const struct m_node *want = &m->nodes[i];
		const struct fl_node *n = fl_state_node(m->s, i);
		assert_int_equal(n != NULL, want->there);
		if (n == NULL)
			continue;
		count++;
		struct fl_node_key key = kit_key(want->key);
		struct fl_machine_key machine = kit_machine(want->machine);
		assert_true(fl_node_key_eq(&n->key, &key));
		assert_true(fl_machine_key_eq(&n->machine, &machine));
		assert_int_equal(n->user, want->user);
		assert_int_equal(n->expiry, want->expiry);
		assert_int_equal(n->auth_key, want->auth);
		assert_int_equal(n->ephemeral, want->ephemeral);
		assert_int_equal(n->method == FL_REGISTER_CLI, want->by_login);
	}
	assert_int_equal(fl_state_nodes(m->s, &at), count);
	for (unsigned k = 1; k <= m->keys_made; k++) {
		const struct fl_preauth *have = fl_state_preauth(m->s, k);
		assert_int_equal(have != NULL, m->keys[k].there);
		if (have == NULL)
			continue;
		assert_int_equal(have->used, m->keys[k].used);
		assert_int_equal(have->user, m->keys[k].user);
	}
}

static void step(struct model *m)
{
	m->now += pick(m, 3) * FL_SEC;
	switch (pick(m, 16)) {
	case 0:
	case 1:
		do_key(m);
		break;
	case 2:
		do_delete_key(m);
		break;
	case 3:
		if (pick(m, 5) == 0)
			do_delete_user(m);
		break;
	case 4:
		do_delete_node(m);
		break;
	case 5:
		do_tag(m);
		break;
	case 6:
		do_expire(m);
		break;
	case 7:
	case 8:
		do_approve(m);
		break;
	default:
		do_register(m);
	}
	compare(m);
	kit_check(m->s);
}

static void test_model(void **unused)
{
	(void)unused;
	static const char *const names[] = { "alice", "bob", "carol", "dora", "emil" };
	unsigned accepted = 0, refused = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct model m = { .s = kit_state(), .now = KIT_NOW };
		fl_rng_init(&m.rng, seed);
		for (unsigned u = 1; u <= USERS; u++) {
			assert_int_equal(kit_user(m.s, names[u - 1]), u);
			m.user_there[u] = true;
		}
		for (int i = 0; i < STEPS; i++) {
			step(&m);
			if (pick(&m, 4) == 0)
				fl_state_committed(m.s);
		}
		accepted += m.accepted;
		refused += m.refused;
		fl_state_free(m.s);
	}
	assert_true(accepted > 1000 && refused > 1000); /* the play is worth watching */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
