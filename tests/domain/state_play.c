/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/state_play.c - see the header. */
#include "state_play.h"

#include <stdio.h>

static unsigned pick(struct play *p, unsigned bound)
{
	return (unsigned)fl_rng_below(&p->rng, bound);
}

void play_init(struct play *p, uint64_t seed)
{
	*p = (struct play){ .now = KIT_NOW };
	fl_rng_init(&p->rng, seed);
}

static fl_node_id some_node(struct play *p, const struct fl_state *s)
{
	struct fl_node *const *at;
	size_t len = fl_state_nodes(s, &at);
	if (len == 0 || pick(p, 12) == 0)
		return 1 + pick(p, 40); /* perhaps none */
	return at[pick(p, (unsigned)len)]->id;
}

static fl_user_id some_user(struct play *p, const struct fl_state *s)
{
	struct fl_user *const *at;
	size_t len = fl_state_users(s, &at);
	if (len == 0 || pick(p, 12) == 0)
		return 1 + pick(p, 9);
	return at[pick(p, (unsigned)len)]->id;
}

static fl_key_id some_key(struct play *p, const struct fl_state *s)
{
	struct fl_preauth *const *at;
	size_t len = fl_state_preauths(s, &at);
	if (len == 0 || pick(p, 12) == 0)
		return 1 + pick(p, 9);
	return at[pick(p, (unsigned)len)]->id;
}

static const char *some_name(struct play *p)
{
	static const char *const names[] = { "a", "b", "host", "host-1", "Bad", "node", "x.y" };
	return names[pick(p, sizeof names / sizeof *names)];
}

static const char *some_hostinfo(struct play *p)
{
	static const char *const infos[] = {
		"{\"Hostname\":\"host\"}",
		"{\"Hostname\":\"Other.lan\"}",
		"{}",
		"{\"Hostname\":\"r\",\"RoutableIPs\":[\"10.0.0.0/24\",\"10.0.1.0/24\"]}",
		"{\"Hostname\":\"r\",\"RoutableIPs\":[\"10.0.1.0/24\",\"0.0.0.0/0\",\"::/0\"]}",
		"{\"Hostname\":\"host\",\"NetInfo\":{\"PreferredDERP\":3}}",
		"{\"Hostname\":\"host\",\"NetInfo\":{\"PreferredDERP\":4}}",
		"{\"Hostname\":\"t\",\"RequestTags\":[\"tag:x\"]}",
	};
	return infos[pick(p, sizeof infos / sizeof *infos)];
}

static enum fl_err make_user(struct play *p, struct fl_state *s)
{
	static const char *const names[] = { "alice", "bob", "carol", "dora", "1bad" };
	struct fl_user_fields f = { .name = names[pick(p, 5)], .email = pick(p, 2) ? "e@x" : NULL };
	struct fl_fault fault;
	fl_user_id id;
	return fl_state_user_create(s, p->now, &f, &fault, &id);
}

static enum fl_err rename_user(struct play *p, struct fl_state *s)
{
	static const char *const names[] = { "alice", "bob", "eve", "" };
	struct fl_fault fault;
	return fl_state_user_rename(s, some_user(p, s), names[pick(p, 4)], &fault);
}

static enum fl_err make_key(struct play *p, struct fl_state *s)
{
	struct fl_fault fault;
	struct fl_strlist tags = { .at = (char *[]){ (char[]){ "tag:b" }, (char[]){ "tag:a" } },
				   .len = pick(p, 3) };
	struct fl_preauth_fields f = {
		.user = pick(p, 4) ? some_user(p, s) : 0,
		.tags = &tags,
		.reusable = pick(p, 2),
		.ephemeral = pick(p, 4) == 0,
		.expiration = pick(p, 3) == 0 ? p->now + pick(p, 20) * FL_SEC : 0,
	};
	struct kit_auth a;
	unsigned n = 1 + pick(p, 1u << 30);

	snprintf(a.text, sizeof a.text, "hskey-auth-%012x-%064x", n, n ^ 0x55u);
	memcpy(f.prefix, a.text + 11, FL_TOKEN_PREFIX_LEN);
	fl_token_hash(fl_slice_of(a.text + 24, FL_TOKEN_SECRET_LEN), f.hash);
	enum fl_err err = fl_state_preauth_create(s, p->now, &f, &fault, &a.id);
	if (err == FL_OK)
		p->keys[p->keys_count++ % PLAY_KEYS] = a;
	return err;
}

static struct kit_request some_request(struct play *p)
{
	struct kit_request q = {
		.machine = 1 + pick(p, PLAY_MACHINES),
		.key = pick(p, 3) ? 1 + pick(p, 2 * PLAY_MACHINES) : 100 + p->next_key++,
		.hostinfo = some_hostinfo(p),
		.ephemeral = pick(p, 8) == 0,
	};
	if (pick(p, 8) == 0)
		q.expiry = p->now + (pick(p, 3) ? (fl_wall)pick(p, 50) * FL_SEC : -5);
	return q;
}

static enum fl_err join(struct play *p, struct fl_state *s)
{
	struct kit_request q = some_request(p);
	struct fl_register_result r;
	size_t have = p->keys_count < PLAY_KEYS ? p->keys_count : PLAY_KEYS;

	if (have > 0 && pick(p, 8))
		q.auth = p->keys[pick(p, (unsigned)have)].text;
	enum fl_err err = kit_try_register(s, p->now, q, &r);
	if (err != FL_OK)
		return err;
	return r.outcome == FL_REG_ACCEPTED || r.outcome == FL_REG_LOGGED_OUT ? FL_OK
									      : FL_ERR_DENIED;
}

static enum fl_err approve(struct play *p, struct fl_state *s)
{
	struct fl_fault fault;
	fl_node_id id;
	return kit_try_approve(s, some_request(p), some_user(p, s), &fault, &id);
}

static enum fl_err update(struct play *p, struct fl_state *s)
{
	struct fl_endpoint e[3] = {
		{ .at = { fl_ip_v4(192, 0, 2, (uint8_t)pick(p, 3)), 1 }, .type = 1 },
		{ .at = { fl_ip_v4(192, 0, 2, (uint8_t)pick(p, 3)), 2 }, .type = 2 },
		{ .at = { fl_ip_v4(192, 0, 2, (uint8_t)pick(p, 3)), 3 }, .type = 4 },
	};
	return kit_update(s, some_node(p, s),
			  (struct kit_update){
				  .hostinfo = pick(p, 2) ? some_hostinfo(p) : NULL,
				  .endpoints = e,
				  .endpoints_count = pick(p, 4),
				  .has_endpoints = pick(p, 2),
				  .disco = pick(p, 3),
				  .cap = pick(p, 3) ? 0 : KIT_CAP + pick(p, 3),
			  });
}

static enum fl_err tag(struct play *p, struct fl_state *s)
{
	struct fl_fault fault;
	struct fl_strlist tags = { .at = (char *[]){ (char[]){ "tag:b" }, (char[]){ "tag:a" },
						     (char[]){ "bad" } },
				   .len = pick(p, 4) };
	return fl_state_node_tag(s, some_node(p, s), &tags, &fault);
}

static enum fl_err approve_routes(struct play *p, struct fl_state *s)
{
	struct fl_prefix all[] = { kit_prefix("10.0.1.0/24"), kit_prefix("10.0.0.7/24"),
				   kit_prefix("0.0.0.0/0") };
	struct fl_fault fault;
	unsigned from = pick(p, 4);
	return fl_state_node_approve(s, some_node(p, s), all + from, pick(p, 4 - from), &fault);
}

static enum fl_err set_expiry(struct play *p, struct fl_state *s)
{
	struct fl_fault fault;
	fl_wall at = pick(p, 2) ? p->now + (fl_wall)pick(p, 100) * FL_SEC - 20 * FL_SEC : 0;
	return fl_state_node_expire(s, KIT_NOW, some_node(p, s), at, &fault);
}

static enum fl_err api_keys(struct play *p, struct fl_state *s)
{
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	struct fl_fault fault;
	fl_key_id id = 1 + pick(p, 6);
	uint8_t hash[32] = { (uint8_t)pick(p, 200) };

	snprintf(prefix, sizeof prefix, "%012x", pick(p, 9));
	switch (pick(p, 4)) {
	case 0:
		return fl_state_apikey_create(s, p->now, 0, prefix, hash, &id);
	case 1:
		return fl_state_apikey_expire(s, p->now, id, &fault);
	case 2:
		return fl_state_apikey_seen(s, p->now, id);
	default:
		return fl_state_apikey_delete(s, id, &fault);
	}
}

static enum fl_err expire_scan(struct play *p, struct fl_state *s)
{
	return fl_state_expire_scan(s, p->now - 10 * FL_SEC, p->now) == SIZE_MAX ? FL_ERR_NOMEM
										 : FL_OK;
}

enum fl_err play_step(struct play *p, struct fl_state *s)
{
	struct fl_fault fault;
	size_t changed;

	p->now += (fl_wall)pick(p, 3) * FL_SEC;
	switch (pick(p, 26)) {
	case 0:
		return make_user(p, s);
	case 1:
		return rename_user(p, s);
	case 2:
		return pick(p, 3) ? FL_OK : fl_state_user_delete(s, some_user(p, s), &fault);
	case 3:
	case 4:
		return make_key(p, s);
	case 5:
		return fl_state_preauth_expire(s, p->now, some_key(p, s), &fault);
	case 6:
		return fl_state_preauth_delete(s, some_key(p, s), &fault);
	case 7:
	case 8:
	case 9:
	case 10:
	case 11:
		return join(p, s);
	case 12:
	case 13:
		return approve(p, s);
	case 14:
	case 15:
	case 16:
		return update(p, s);
	case 17:
		return fl_state_node_rename(s, some_node(p, s), some_name(p), &fault);
	case 18:
		return set_expiry(p, s);
	case 19:
		return tag(p, s);
	case 20:
	case 21:
		return approve_routes(p, s);
	case 22:
		return fl_state_node_delete(s, some_node(p, s), &fault);
	case 23:
		return fl_state_node_seen(s, some_node(p, s), p->now);
	case 24:
		return pick(p, 2) ? api_keys(p, s) : expire_scan(p, s);
	default:
		return fl_state_backfill_ips(s, &changed, &fault);
	}
}
