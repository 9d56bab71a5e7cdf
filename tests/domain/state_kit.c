/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/state_kit.c - see the header. */
#include "state_kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/state/inner.h"

static struct fl_slice str(const char *s)
{
	return fl_slice_str(s);
}

struct fl_prefix kit_prefix(const char *text)
{
	struct fl_prefix p;
	assert_int_equal(fl_prefix_parse(str(text), &p), FL_OK);
	return p;
}

struct fl_ip kit_ip(const char *text)
{
	struct fl_ip ip;
	assert_int_equal(fl_ip_parse(str(text), &ip), FL_OK);
	return ip;
}

struct fl_state_config kit_config(void)
{
	return (struct fl_state_config){
		.prefix4 = kit_prefix("100.64.0.0/10"),
		.prefix6 = kit_prefix("fd7a:115c:a1e0::/48"),
		.base_domain = "tail.example",
		.min_cap = KIT_MIN_CAP,
		.seed = { 1, 2, 3 },
	};
}

struct fl_state *kit_state(void)
{
	struct fl_state_config cfg = kit_config();
	struct fl_state *s = NULL;
	assert_int_equal(fl_state_new(&cfg, &s), FL_OK);
	return s;
}

static void number(uint8_t b[static 32], uint8_t kind, unsigned n)
{
	memset(b, 0, 32);
	b[0] = kind;
	b[28] = (uint8_t)(n >> 24);
	b[29] = (uint8_t)(n >> 16);
	b[30] = (uint8_t)(n >> 8);
	b[31] = (uint8_t)n;
}

struct fl_machine_key kit_machine(unsigned n)
{
	struct fl_machine_key k = { { 0 } };
	if (n != 0)
		number(k.b, 0xaa, n);
	return k;
}

struct fl_node_key kit_key(unsigned n)
{
	struct fl_node_key k = { { 0 } };
	if (n != 0)
		number(k.b, 0xbb, n);
	return k;
}

struct fl_disco_key kit_disco(unsigned n)
{
	struct fl_disco_key k = { { 0 } };
	if (n != 0)
		number(k.b, 0xcc, n);
	return k;
}

void (*kit_pause)(bool pause);

struct fl_hostinfo *kit_hostinfo(const char *json)
{
	struct fl_hostinfo *h = NULL;
	if (kit_pause != NULL)
		kit_pause(true);
	assert_int_equal(fl_hostinfo_parse(str(json), &h), FL_OK);
	if (kit_pause != NULL)
		kit_pause(false);
	return h;
}

fl_user_id kit_user(struct fl_state *s, const char *name)
{
	struct fl_user_fields f = { .name = name };
	struct fl_fault fault;
	fl_user_id id = 0;
	assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), FL_OK);
	return id;
}

struct kit_auth kit_auth_full(struct fl_state *s, struct fl_preauth_fields f, const char *tag)
{
	static unsigned serial;
	struct fl_strlist tags = { 0 };
	struct kit_auth a = { 0 };
	struct fl_fault fault;

	serial++;
	snprintf(a.text, sizeof a.text, "hskey-auth-%012x-%064x", serial, serial * 7);
	memcpy(f.prefix, a.text + 11, FL_TOKEN_PREFIX_LEN);
	fl_token_hash(fl_slice_of(a.text + 24, FL_TOKEN_SECRET_LEN), f.hash);
	if (tag != NULL) {
		assert_int_equal(fl_strlist_add(&tags, str(tag)), FL_OK);
		f.tags = &tags;
	}
	assert_int_equal(fl_state_preauth_create(s, KIT_NOW, &f, &fault, &a.id), FL_OK);
	fl_strlist_done(&tags);
	return a;
}

struct kit_auth kit_auth(struct fl_state *s, fl_user_id user, const char *tag, bool reusable)
{
	return kit_auth_full(s, (struct fl_preauth_fields){ .user = user, .reusable = reusable },
			     tag);
}

static const char *hostinfo_of(const struct kit_request *q)
{
	return q->hostinfo != NULL ? q->hostinfo : "{\"Hostname\":\"host\"}";
}

enum fl_err kit_try_register(struct fl_state *s, fl_wall now, struct kit_request q,
			     struct fl_register_result *out)
{
	struct fl_machine_key machine = kit_machine(q.machine);
	struct fl_register_request req = {
		.version = q.cap != 0 ? q.cap : KIT_CAP,
		.node_key = kit_key(q.key),
		.auth_key = (char *)(uintptr_t)q.auth,
		.expiry = q.expiry,
		.ephemeral = q.ephemeral,
		.hostinfo = kit_hostinfo(hostinfo_of(&q)),
	};
	enum fl_err err = fl_state_register(s, now, &machine, &req, out);
	fl_hostinfo_unref(req.hostinfo);
	return err;
}

struct fl_register_result kit_register(struct fl_state *s, fl_wall now, struct kit_request q)
{
	struct fl_register_result r;
	assert_int_equal(kit_try_register(s, now, q, &r), FL_OK);
	return r;
}

fl_node_id kit_join(struct fl_state *s, struct kit_request q)
{
	struct fl_register_result r = kit_register(s, KIT_NOW, q);
	if (r.outcome != FL_REG_ACCEPTED)
		fail_msg("join refused: %s", r.fault.text);
	assert_int_not_equal(r.node, 0);
	return r.node;
}

enum fl_err kit_try_approve(struct fl_state *s, struct kit_request q, fl_user_id user,
			    struct fl_fault *fault, fl_node_id *out)
{
	struct fl_approval a = {
		.machine = kit_machine(q.machine),
		.key = kit_key(q.key),
		.cap = KIT_CAP,
		.ephemeral = q.ephemeral,
		.expiry = q.expiry,
		.hostinfo = kit_hostinfo(hostinfo_of(&q)),
		.user = user,
		.method = FL_REGISTER_CLI,
	};
	enum fl_err err = fl_state_approve(s, KIT_NOW, &a, fault, out);
	fl_hostinfo_unref(a.hostinfo);
	return err;
}

fl_node_id kit_approve(struct fl_state *s, struct kit_request q, fl_user_id user)
{
	struct fl_fault fault = { "" };
	fl_node_id id = 0;
	if (kit_try_approve(s, q, user, &fault, &id) != FL_OK)
		fail_msg("approval refused: %s", fault.text);
	return id;
}

enum fl_err kit_update(struct fl_state *s, fl_node_id id, struct kit_update u)
{
	struct fl_map_request req = {
		.version = u.cap,
		.disco_key = kit_disco(u.disco),
		.has_hostinfo = u.hostinfo != NULL,
		.hostinfo = u.hostinfo != NULL ? kit_hostinfo(u.hostinfo) : NULL,
		.stream = u.stream,
		.has_endpoints = u.has_endpoints || u.endpoints_count > 0,
		.endpoints = (struct fl_endpoint *)(uintptr_t)u.endpoints,
		.endpoints_count = u.endpoints_count,
	};
	enum fl_err err = fl_state_node_update(s, id, &req);
	fl_hostinfo_unref(req.hostinfo);
	return err;
}

static void dump_tags(struct fl_buf *b, const struct fl_strlist *tags)
{
	for (size_t i = 0; i < tags->len; i++)
		fl_buf_printf(b, " %s", tags->at[i]);
}

static void dump_users(struct fl_buf *b, const struct fl_state *s)
{
	struct fl_user *const *at;
	size_t len = fl_state_users(s, &at);

	for (size_t i = 0; i < len; i++)
		fl_buf_printf(b, "user %" PRIu64 " [%s|%s|%s|%s|%s|%s] %" PRId64 " %s\n", at[i]->id,
			      at[i]->name, at[i]->display_name, at[i]->email, at[i]->picture_url,
			      at[i]->provider, at[i]->provider_id, at[i]->created,
			      fl_role_text(at[i]->role));
}

static void dump_keys(struct fl_buf *b, const struct fl_state *s)
{
	struct fl_preauth *const *k;
	struct fl_apikey *const *a;
	size_t len = fl_state_preauths(s, &k);

	for (size_t i = 0; i < len; i++) {
		fl_buf_printf(b,
			      "preauth %" PRIu64 " user %" PRIu64 " %d%d%d %" PRId64 " %" PRId64
			      " %" PRId64 " %s ",
			      k[i]->id, k[i]->user, k[i]->reusable, k[i]->ephemeral, k[i]->used,
			      k[i]->created, k[i]->expiration, k[i]->revoked, k[i]->prefix);
		fl_buf_hex(b, k[i]->hash, 32);
		dump_tags(b, &k[i]->tags);
		fl_buf_str(b, "\n");
	}
	len = fl_state_apikeys(s, &a);
	for (size_t i = 0; i < len; i++) {
		fl_buf_printf(b, "apikey %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " %s ",
			      a[i]->id, a[i]->created, a[i]->expiration, a[i]->last_seen,
			      a[i]->prefix);
		fl_buf_hex(b, a[i]->hash, 32);
		fl_buf_str(b, "\n");
	}
}

static void dump_revisions(struct fl_buf *b, const struct fl_state *s)
{
	struct fl_revision *const *at;
	size_t len = fl_state_revisions(s, &at);

	for (size_t i = 0; i < len; i++)
		fl_buf_printf(b, "policy %" PRIu64 " %" PRId64 " [%s|%s] %zu %s\n", at[i]->rev,
			      at[i]->created, at[i]->author, at[i]->comment, at[i]->text_len,
			      at[i]->text);
}

static void dump_node(struct fl_buf *b, const struct fl_node *n)
{
	char text[64];

	fl_buf_printf(b,
		      "node %" PRIu64 " user %" PRIu64 " cap %" PRIu32 " %s %d%d m%d k%" PRIu64
		      " %" PRId64 " %" PRId64 " %" PRId64 " ",
		      n->id, n->user, n->cap, n->given_name, n->name_is_auto, n->ephemeral,
		      (int)n->method, n->auth_key, n->created, n->expiry, n->last_seen);
	fl_buf_hex(b, n->machine.b, 32);
	fl_buf_hex(b, n->key.b, 32);
	fl_buf_hex(b, n->disco.b, 32);
	fl_ip_format(&n->ip4, text);
	fl_buf_printf(b, " %s", text);
	fl_ip_format(&n->ip6, text);
	fl_buf_printf(b, " %s", text);
	dump_tags(b, &n->tags);
	fl_buf_str(b, " ");
	fl_buf_put(b, n->hostinfo->json, n->hostinfo->json_len);
	for (size_t i = 0; i < n->endpoints_count; i++) {
		fl_addrport_format(&n->endpoints[i].at, text);
		fl_buf_printf(b, " e%s/%d", text, n->endpoints[i].type);
	}
	for (size_t i = 0; i < n->approved_count; i++) {
		fl_prefix_format(&n->approved[i], text);
		fl_buf_printf(b, " r%s", text);
	}
	fl_buf_str(b, "\n");
}

char *kit_dump(const struct fl_state *s)
{
	struct fl_buf b = fl_buf_make(64u << 20);
	struct fl_node *const *nodes;
	size_t len = fl_state_nodes(s, &nodes);

	dump_users(&b, s);
	dump_keys(&b, s);
	dump_revisions(&b, s);
	for (size_t i = 0; i < len; i++)
		dump_node(&b, nodes[i]);
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		fl_buf_printf(&b, "last %" PRIu64 "\n",
			      fl_state_counter(s, (enum fl_record_kind)kind));
	fl_buf_byte(&b, '\0');
	assert_int_equal(fl_buf_err(&b), FL_OK);
	return (char *)b.ptr;
}

static void check_node(const struct fl_state *s, const struct fl_node *n, size_t *addresses)
{
	assert_ptr_equal(fl_state_node(s, n->id), n);
	assert_ptr_equal(fl_state_node_by_key(s, &n->key), n);
	assert_ptr_equal(fl_state_node_by_name(s, n->given_name), n);
	assert_int_not_equal((n->user != 0), fl_node_is_tagged(n));
	assert_true(n->user == 0 || fl_state_user(s, n->user) != NULL);
	assert_true(n->auth_key == 0 || fl_state_preauth(s, n->auth_key) != NULL);
	assert_true(n->id <= fl_state_counter(s, FL_RECORD_NODE));
	assert_non_null(n->hostinfo);
	const struct fl_ip *ip[2] = { &n->ip4, &n->ip6 };
	for (int i = 0; i < 2; i++) {
		if (!fl_ip_is_set(ip[i]))
			continue;
		assert_ptr_equal(fl_state_node_by_ip(s, ip[i]), n);
		if (s->ipam[i] == NULL)
			continue;
		assert_true(fl_ipam_used(s->ipam[i], ip[i]));
		addresses[i]++;
	}
	const struct fl_group *m = fl_state_machine(s, &n->machine);
	assert_non_null(m);
	size_t found = 0;
	for (size_t i = 0; i < m->len; i++) {
		const struct fl_node *other = fl_state_node(s, m->ids[i]);
		assert_non_null(other);
		assert_true(fl_machine_key_eq(&other->machine, &n->machine));
		assert_true(other == n || other->user != n->user);
		found += other == n;
	}
	assert_int_equal(found, 1);
}

static size_t freed_of(const struct fl_state *s, int family)
{
	size_t count = 0;
	for (size_t i = 0; i < s->freed_len; i++)
		count += s->freed[i].family == family;
	return count;
}

/* Each user's nodes, and no others. */
static void check_users(const struct fl_state *s)
{
	struct fl_node *const *nodes;
	size_t len = fl_state_nodes(s, &nodes), owned = 0, listed = 0, at = 0;
	const fl_node_id *ids;

	for (size_t i = 0; i < len; i++) {
		size_t found = 0, count = fl_state_nodes_of(s, nodes[i]->user, &ids);
		for (size_t k = 0; k < count; k++)
			found += ids[k] == nodes[i]->id;
		assert_int_equal(found, nodes[i]->user != 0);
		owned += nodes[i]->user != 0;
	}
	for (const struct fl_group *g; (g = fl_map_next(&s->by_user, &at)) != NULL;)
		listed += g->len;
	assert_int_equal(listed, owned);
}

void kit_check(const struct fl_state *s)
{
	struct fl_node *const *nodes;
	size_t len = fl_state_nodes(s, &nodes), addresses[2] = { 0 }, per_machine = 0, at = 0;

	for (size_t i = 0; i < len; i++) {
		assert_true(i == 0 || nodes[i - 1]->id < nodes[i]->id);
		check_node(s, nodes[i], addresses);
	}
	assert_int_equal(s->table[FL_RECORD_NODE].by_id.len, len);
	assert_int_equal(s->by_node_key.len, len);
	assert_int_equal(s->by_given_name.len, len);
	for (int i = 0; i < 2; i++)
		if (s->ipam[i] != NULL)
			assert_int_equal(fl_ipam_count(s->ipam[i]),
					 addresses[i] + freed_of(s, i == 0 ? FL_IP_V4 : FL_IP_V6));
	for (const struct fl_group *m; (m = fl_map_next(&s->by_machine, &at)) != NULL;)
		per_machine += m->len;
	assert_int_equal(per_machine, len);
	check_users(s);
	assert_int_equal(s->dirty_set.len, s->dirty_len);
}

static void put_fields(struct fl_buf *b, uint32_t fields)
{
	static const char *const names[] = { "endpoints", "derp", "key", "disco", "expiry", "cap" };
	const char *sep = ":";

	for (size_t i = 0; i < 6; i++) {
		if ((fields & 1u << i) == 0)
			continue;
		fl_buf_printf(b, "%s%s", sep, names[i]);
		sep = ",";
	}
}

const char *kit_changes(const struct fl_state *s, char *out, size_t cap)
{
	static const char *const kinds[] = {
		[FL_CHANGE_NODE_ADDED] = "added",     [FL_CHANGE_NODE_CHANGED] = "changed",
		[FL_CHANGE_NODE_PATCHED] = "patched", [FL_CHANGE_NODE_EXPIRED] = "expired",
		[FL_CHANGE_NODE_REMOVED] = "removed", [FL_CHANGE_USER] = "user",
		[FL_CHANGE_ROUTES] = "routes",        [FL_CHANGE_POLICY] = "policy",
	};
	struct fl_buf b = fl_buf_over(out, cap);
	const struct fl_change *c;
	size_t len = fl_state_changes(s, &c);

	for (size_t i = 0; i < len; i++) {
		fl_buf_printf(&b, "%s%s %" PRIu64, i > 0 ? " " : "", kinds[c[i].kind], c[i].id);
		put_fields(&b, c[i].fields);
		if (c[i].origin != 0)
			fl_buf_printf(&b, "<%" PRIu64, c[i].origin);
	}
	out[b.len] = '\0';
	return out;
}
