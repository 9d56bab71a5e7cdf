/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_control_register.c - any bytes as a register request to a small tailnet, as the
 * server handles it: parse, decide, commit or take back.
 *
 * The first byte says which machine asks (1 owns node 1, 2 owns node 2, others nothing) and
 * whether the commit fails. A node may change only at its own machine's word.
 */
#include <stdlib.h>

#include "crypto/token.h"
#include "domain/state/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((fl_wall)1800000000 * FL_SEC)

enum { MACHINES = 4, ROLLBACK = 0x80 };

/* The keys that a corpus may name. */
static const char *const prefixes[] = { "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc",
					"dddddddddddd" };
static const char secret[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct fl_machine_key machine(unsigned n)
{
	struct fl_machine_key k = { { 0 } };
	k.b[0] = (uint8_t)n;
	return k;
}

static void add_key(struct fl_state *s, size_t i, fl_user_id user)
{
	struct fl_strlist tags = { 0 };
	struct fl_preauth_fields f = { .user = i == 2 ? 0 : user, .tags = &tags };
	struct fl_fault fault;
	fl_key_id id;

	f.reusable = i != 1;
	f.ephemeral = i == 3;
	if (i == 2)
		must(fl_strlist_add(&tags, fl_slice_str("tag:t")) == FL_OK);
	memcpy(f.prefix, prefixes[i], sizeof f.prefix);
	fl_token_hash(fl_slice_str(secret), f.hash);
	must(fl_state_preauth_create(s, NOW, &f, &fault, &id) == FL_OK);
	fl_strlist_done(&tags);
}

static void join(struct fl_state *s, unsigned n)
{
	static const char json[] =
		"{\"Version\":145,\"NodeKey\":\"nodekey:"
		"%02x00000000000000000000000000000000000000000000000000000000000000\","
		"\"Auth\":{\"AuthKey\":\"hskey-auth-aaaaaaaaaaaa-%s\"},"
		"\"Hostinfo\":{\"Hostname\":\"host\"}}";
	char text[512];
	struct fl_register_request req;
	struct fl_register_result result;
	struct fl_buf b = fl_buf_over(text, sizeof text);

	fl_buf_printf(&b, json, n, secret);
	must(fl_register_request_parse(fl_buf_slice(&b), &req) == FL_OK);
	const struct fl_machine_key m = machine(n);
	must(fl_state_register(s, NOW, &m, &req, &result) == FL_OK);
	must(result.outcome == FL_REG_ACCEPTED && result.node == n);
	fl_register_request_done(&req);
}

static struct fl_state *prepared(void)
{
	const struct fl_user_fields ada = { .name = "ada" };
	struct fl_state_config cfg = { .base_domain = "tail.example", .min_cap = 113 };
	struct fl_fault fault;
	struct fl_state *s;
	fl_user_id user;

	must(fl_prefix_parse(fl_slice_str("100.64.0.0/10"), &cfg.prefix4) == FL_OK);
	must(fl_prefix_parse(fl_slice_str("fd7a:115c:a1e0::/48"), &cfg.prefix6) == FL_OK);
	must(fl_state_new(&cfg, &s) == FL_OK);
	must(fl_state_user_create(s, NOW, &ada, &fault, &user) == FL_OK);
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		add_key(s, i, user);
	join(s, 1);
	join(s, 2);
	fl_state_committed(s);
	return s;
}

static void check_outcome(struct fl_state *s, const struct fl_machine_key *m,
			  const struct fl_register_request *req, const struct fl_register_result *r)
{
	const struct fl_node *n = fl_state_node(s, r->node);
	const struct fl_dirty *dirty;

	switch (r->outcome) {
	case FL_REG_ACCEPTED:
		must(n != NULL && fl_machine_key_eq(&n->machine, m) &&
		     fl_node_key_eq(&n->key, &req->node_key));
		must(fl_node_is_tagged(n) == (n->user == 0));
		break;
	case FL_REG_LOGGED_OUT:
		must(n == NULL || fl_machine_key_eq(&n->machine, m));
		break;
	case FL_REG_REFUSED:
	case FL_REG_BAD_REQUEST:
	case FL_REG_UNAUTHORIZED:
		must(strlen(r->fault.text) > 0);
		must(fl_state_dirty(s, &dirty) == 0);
		break;
	default:
		must(fl_state_dirty(s, &dirty) == 0);
	}
}

static void ask(struct fl_state *s, unsigned who, bool fails, struct fl_register_request *req)
{
	const struct fl_machine_key m = machine(who);
	struct fl_node *before[3] = { NULL, fl_state_node(s, 1), fl_state_node(s, 2) };
	struct fl_node *const *nodes;
	struct fl_register_result result;
	size_t count = fl_state_nodes(s, &nodes);

	must(fl_state_register(s, NOW, &m, req, &result) == FL_OK);
	check_outcome(s, &m, req, &result);
	for (unsigned i = 1; i <= 2; i++)
		must(i == who || fl_state_node(s, i) == before[i]);
	if (!fails) {
		fl_state_committed(s);
		return;
	}
	fl_state_rollback(s);
	must(fl_state_nodes(s, &nodes) == count);
	must(fl_state_node(s, 1) == before[1] && fl_state_node(s, 2) == before[2]);
	must(!fl_state_preauth_by_prefix(s, prefixes[1])->used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_register_request req;

	if (size < 1 || fl_register_request_parse(fl_slice_of(data + 1, size - 1), &req) != FL_OK)
		return 0;
	struct fl_state *s = prepared();
	ask(s, data[0] % MACHINES + 1u, (data[0] & ROLLBACK) != 0, &req);
	ask(s, data[0] % MACHINES + 1u, false, &req); /* a client repeats itself */
	fl_state_free(s);
	fl_register_request_done(&req);
	return 0;
}
