/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_step.c - a snapshot made by steps beside one compiled anew, on random
 * policies and random changes: filters, peers and edges agree, and differs tells what differed.
 */
#include "policy_kit.h"

#include "base/rng.h"
#include "domain/policy/engine.h"

enum { IDS = 48, CHANGES = 1000, TAGS = 4, TEXT_ROOM = 1 << 16 };

static const char users_text[] = "user ann ann@example.com role=owner\n"
				 "user bob bob@example.com\n"
				 "user cem cem@example.org role=admin\n"
				 "user dan dan@example.com provider=idp/7\n"
				 "user eve eve@example.net\n";

static const char *const tags[TAGS] = { "tag:a", "tag:b", "tag:r", "tag:x" };

static const char *const routes[] = {
	"10.0.0.0/8",     "10.33.0.0/16", "192.168.1.0/24",         "100.64.0.0/27", "10.1.2.3/32",
	"fd00:1234::/32", "8.8.8.0/24",   "fd7a:115c:a1e0::10/124", "0.0.0.0/0",     "::/0",
};

static const char head[] =
	"{\"groups\":{\"group:g\":[\"ann@example.com\",\"bob@\"],\"group:none\":[]},"
	"\"hosts\":{\"net\":\"10.33.5.0/24\",\"one\":\"100.64.0.5\",\"half\":\"100.64.0.0/28\"},"
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:r\":[],\"tag:x\":[]},"
	"\"ipsets\":{\"ipset:s\":[\"add 10.0.0.0/8\",\"remove 10.33.0.0/16\"]},\"grants\":[";

static const char *const sources[] = {
	"*",       "tag:a",
	"tag:b",   "group:g",
	"ann@",    "autogroup:member",
	"one",     "autogroup:tagged",
	"net",     "autogroup:danger-all",
	"dan@",    "group:none",
	"idp/7@",  "10.0.0.0/9",
	"half",    "user:*@example.com",
	"ipset:s", "autogroup:owner",
	"tag:r",   "autogroup:admin",
};
static const char *const destinations[] = {
	"*",       "tag:a",
	"tag:b",   "group:g",
	"ann@",    "autogroup:member",
	"one",     "autogroup:tagged",
	"net",     "10.33.0.0/16",
	"half",    "192.168.0.0/16",
	"ipset:s", "100.64.0.0/26",
	"8.8.8.8", "fd00:1234::/48",
	"tag:r",   "autogroup:internet",
};
static const char *const self_sources[] = { "ann@", "group:g", "autogroup:member", "bob@" };
static const char *const traffic[] = { "*", "22", "tcp:443", "udp:53,100-200", "icmp:*" };
static const char *const apps[] = {
	"{\"example.com/cap/x\":[1]}",
	"{\"tailscale.com/cap/drive\":[]}",
	"{\"tailscale.com/cap/relay\":[{}],\"tailscale.com/cap/drive\":[]}",
};

/* ---- random policies ---- */

static size_t below(struct fl_rng *rng, size_t n)
{
	return (size_t)fl_rng_below(rng, n);
}

static void put_list(struct fl_buf *b, const char *name, struct fl_rng *rng,
		     const char *const *pool, size_t pool_len, const char *last)
{
	size_t n = 1 + below(rng, 3);

	fl_buf_printf(b, "\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		fl_buf_printf(b, "\"%s\",", pool[below(rng, pool_len)]);
	fl_buf_printf(b, "%s],", last);
}

/* Capabilities and the internet do not go together. */
static void put_grant(struct fl_buf *b, struct fl_rng *rng)
{
	bool self = below(rng, 6) == 0, via = !self && below(rng, 4) == 0, app = below(rng, 4) == 0;

	fl_buf_str(b, "{");
	if (self)
		put_list(b, "src", rng, self_sources, COUNT(self_sources), "");
	else
		put_list(b, "src", rng, sources, COUNT(sources), "");
	put_list(b, "dst", rng, destinations, COUNT(destinations) - app,
		 self ? "\"autogroup:self\"" : "");
	if (via)
		fl_buf_printf(b, "\"via\":[\"%s\"],", tags[below(rng, TAGS)]);
	if (app)
		fl_buf_printf(b, "\"app\":%s,", apps[below(rng, COUNT(apps))]);
	if (!app || below(rng, 2) == 0)
		put_list(b, "ip", rng, traffic, COUNT(traffic), "");
	fl_buf_str(b, "},");
}

static char *make_policy(struct fl_rng *rng)
{
	struct fl_buf b = fl_buf_make(TEXT_ROOM);
	size_t n = 4 + below(rng, 12);

	fl_buf_str(&b, head);
	for (size_t i = 0; i < n; i++)
		put_grant(&b, rng);
	fl_buf_str(&b, "],\"acls\":[{\"src\":[\"*\",\"tag:a\"],\"dst\":[\"tag:b:22\",\"net:1-9\"]},"
		       "{\"src\":[\"*\"],\"dst\":[\"autogroup:self:*\",\"tag:b:80\"]}]}");
	fl_buf_byte(&b, '\0');
	assert_err(fl_buf_err(&b), FL_OK);
	return (char *)b.ptr;
}

/* ---- a world that changes ---- */

struct life {
	struct fl_rng rng;
	struct kit_world kit;             /* users */
	struct fl_policy_node nodes[IDS]; /* by id - 1 */
	bool there[IDS];
	const char *tag_room[IDS][TAGS];
	struct fl_prefix route_room[IDS][COUNT(routes)];
	struct fl_policy_node list[IDS];
	struct fl_policy_world world;
};

/* Two addresses that only this node ever has; now and then outside the usual ranges. */
static void set_ips(struct life *l, struct fl_policy_node *n)
{
	size_t how = below(&l->rng, 10);
	uint8_t low = (uint8_t)(n->id + (how & 1 ? 64 : 0));

	n->ip4 = fl_ip_v4(how == 8 ? 172 : 100, how == 8 ? 20 : 64, 0, low);
	n->ip6 = (struct fl_ip){ .family = FL_IP_V6, .b = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } };
	n->ip6.b[15] = low;
	if (how == 7)
		n->ip4 = (struct fl_ip){ 0 };
	if (how >= 6 && how != 7)
		n->ip6 = (struct fl_ip){ 0 };
}

static void set_owner(struct life *l, struct fl_policy_node *n)
{
	const char **room = l->tag_room[n->id - 1];

	n->tags = room;
	n->tags_len = 0;
	for (size_t i = 0; i < TAGS; i++) {
		if (below(&l->rng, 5) == 0)
			room[n->tags_len++] = tags[i];
	}
	n->user = below(&l->rng, 6);
}

static void set_routes(struct life *l, struct fl_policy_node *n)
{
	struct fl_prefix *room = l->route_room[n->id - 1];

	n->served = room;
	n->served_len = 0;
	for (size_t i = 0; i < COUNT(routes); i++) {
		if (below(&l->rng, 5) == 0)
			assert_err(fl_prefix_parse(fl_slice_str(routes[i]), &room[n->served_len++]),
				   FL_OK);
	}
}

static void be_born(struct life *l, size_t i)
{
	struct fl_policy_node *n = &l->nodes[i];

	*n = (struct fl_policy_node){ .id = i + 1, .name = "n", .online = true, .healthy = true };
	l->there[i] = true;
	set_ips(l, n);
	set_owner(l, n);
	if (below(&l->rng, 4) == 0)
		set_routes(l, n);
}

static void change(struct life *l, size_t i)
{
	struct fl_policy_node *n = &l->nodes[i];

	switch (below(&l->rng, 7)) {
	case 0:
		set_ips(l, n);
		break;
	case 1:
		set_routes(l, n);
		break;
	case 2:
		n->served_len = 0;
		break;
	case 3:
		n->online = !n->online;
		break;
	default:
		set_owner(l, n);
	}
}

static void list_world(struct life *l)
{
	size_t n = 0;

	for (size_t i = 0; i < IDS; i++) {
		if (l->there[i])
			l->list[n++] = l->nodes[i];
	}
	l->world = (struct fl_policy_world){ .users = l->kit.users,
					     .users_len = l->kit.world.users_len,
					     .nodes = l->list,
					     .nodes_len = n };
}

static struct fl_policy *live(struct life *l, const struct fl_policy *old)
{
	struct fl_policy_node changed[4];
	uint64_t removed[4];
	size_t changes = 0, removals = 0, at = below(&l->rng, IDS);
	struct fl_policy *next = NULL;

	for (size_t n = 1 + below(&l->rng, 3); n > 0 && at < IDS;
	     n--, at += 1 + below(&l->rng, 9)) {
		if (l->there[at] && below(&l->rng, 6) == 0) {
			l->there[at] = false;
			removed[removals++] = at + 1;
			continue;
		}
		if (l->there[at])
			change(l, at);
		else
			be_born(l, at);
		changed[changes++] = l->nodes[at];
	}
	assert_err(fl_policy_step(old, changed, changes, removed, removals, &next), FL_OK);
	list_world(l);
	return next;
}

/* ---- comparing ---- */

static void same_bits(const struct fl_policy *a, const uint64_t *x, const struct fl_policy *b,
		      const uint64_t *y)
{
	for (size_t i = 0; i < a->nodes_len; i++)
		assert_int_equal(fl_bit(x, a->by_id[i].slot), fl_bit(y, b->by_id[i].slot));
	for (uint32_t i = 0; i < a->slots; i++)
		assert_false(a->nodes[i] == NULL && fl_bit(x, i));
}

static void same_set(const struct fl_policy *a, const struct fl_policy_set *x,
		     const struct fl_policy *b, const struct fl_policy_set *y)
{
	assert_true(fl_ipset_eq(&x->ips, &y->ips));
	assert_int_equal(x->internet, y->internet);
	same_bits(a, x->inside, b, y->inside);
	same_bits(a, x->behind, b, y->behind);
}

static void same_edges(const struct fl_policy *a, const struct fl_policy *b, uint64_t node)
{
	uint32_t x = fl_policy_slot(a, node), y = fl_policy_slot(b, node);
	const struct fl_policy_edge *e, *f;
	size_t i = 0, k = 0;

	do {
		e = fl_policy_edge_next(a, x, &i);
		f = fl_policy_edge_next(b, y, &k);
		assert_int_equal(e == NULL, f == NULL);
		if (e == NULL)
			return;
		assert_ptr_equal(e->rule, f->rule);
		assert_int_equal(e->scope, f->scope);
		if (e->scope == FL_EDGE_SHARED && node != a->by_id[0].id)
			continue; /* looked at once, with the first node */
		same_set(a, e->src, b, f->src);
		same_set(a, e->dst, b, f->dst);
	} while (true);
}

static size_t peers_of(const struct fl_policy *p, uint64_t node, uint64_t out[static IDS])
{
	size_t n = fl_policy_peers(p, node, out, IDS);
	assert_true(n <= IDS);
	return n;
}

static bool same_peers(const struct fl_policy *a, const struct fl_policy *b, uint64_t node)
{
	uint64_t x[IDS], y[IDS];
	size_t n = peers_of(a, node, x);

	return n == peers_of(b, node, y) && memcmp(x, y, n * sizeof *x) == 0;
}

/* As policy.md 4.11 says it: pair by pair, with the unreduced rules of both. */
static bool reaches(const struct fl_policy *p, uint32_t rules_of, uint32_t a, uint32_t b)
{
	const struct fl_policy_facts *from = p->nodes[a], *to = p->nodes[b];
	size_t at = 0;

	for (const struct fl_policy_edge *e; (e = fl_policy_edge_next(p, rules_of, &at)) != NULL;) {
		bool src =
			fl_facts_inside(from, &e->src->ips) || fl_facts_behind(from, &e->src->ips);
		bool dst = fl_facts_inside(to, &e->dst->ips) || fl_facts_behind(to, &e->dst->ips) ||
			   (to->exits_len > 0 && e->dst->internet);
		if (src && dst)
			return true;
	}
	return false;
}

static void check_pairs(const struct fl_policy *p, uint64_t node)
{
	uint32_t a = fl_policy_slot(p, node);

	for (size_t i = 0; i < p->nodes_len; i++) {
		uint32_t b = p->by_id[i].slot;
		bool want = a != b && (reaches(p, a, a, b) || reaches(p, b, b, a) ||
				       reaches(p, a, b, a) || reaches(p, b, a, b));
		assert_int_equal(fl_policy_sees(p, node, p->by_id[i].id), want);
	}
}

static bool same_filters(const struct fl_policy *a, const struct fl_policy *b, uint64_t node)
{
	char *x = kit_filter(a, node), *y = kit_filter(b, node);
	bool same = strcmp(x, y) == 0;

	free(x);
	free(y);
	return same;
}

static void check_snapshot(const struct fl_policy *p, const struct fl_policy *fresh)
{
	assert_int_equal(p->nodes_len, fresh->nodes_len);
	for (size_t i = 0; i < p->nodes_len; i++) {
		uint64_t node = p->by_id[i].id;
		assert_int_equal(node, fresh->by_id[i].id);
		assert_true(same_filters(p, fresh, node));
		assert_true(same_peers(p, fresh, node));
		same_edges(p, fresh, node);
	}
}

static bool same_routes(const struct fl_policy *a, const struct fl_policy *b, uint64_t node,
			uint64_t peer)
{
	struct fl_prefix x[FL_POLICY_ROUTES_MAX], y[FL_POLICY_ROUTES_MAX];
	size_t n = fl_policy_routes(a, node, peer, x);

	if (n != fl_policy_routes(b, node, peer, y))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!fl_prefix_eq(&x[i], &y[i]))
			return false;
	}
	return true;
}

/* The list, the routes of each peer, and its own. */
static bool same_netmap(const struct fl_policy *a, const struct fl_policy *b, uint64_t node)
{
	uint64_t peers[IDS];
	size_t n = peers_of(a, node, peers);

	if (!same_peers(a, b, node) || !same_routes(a, b, node, node))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!same_routes(a, b, node, peers[i]))
			return false;
	}
	return true;
}

static void check_differs(const struct fl_policy *old, const struct fl_policy *p)
{
	for (size_t i = 0; i < p->nodes_len; i++) {
		uint64_t node = p->by_id[i].id;
		if (fl_policy_slot(old, node) == FL_SLOT_NONE)
			continue;
		unsigned bits = fl_policy_differs(old, p, node);
		assert_int_equal((bits & FL_POLICY_FILTER) == 0, same_filters(old, p, node));
		assert_int_equal((bits & FL_POLICY_PEERS) == 0, same_netmap(old, p, node));
		assert_int_equal(bits & (FL_POLICY_SSH | FL_POLICY_ATTRS), 0);
	}
}

static bool has_id(const uint64_t *ids, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

/* The ids of `x` that are not in `y`, and no other. */
static void check_rest(const uint64_t *x, size_t n, const uint64_t *y, size_t k,
		       const struct fl_policy_ids *rest)
{
	size_t want = 0;

	for (size_t i = 0; i < n; i++) {
		bool alone = !has_id(y, k, x[i]);
		assert_int_equal(has_id(rest->at, rest->len, x[i]), alone);
		want += alone;
	}
	assert_int_equal(rest->len, want);
}

static void check_moved_of(const struct fl_policy_moved *m, const struct fl_policy *old,
			   const struct fl_policy *p, uint64_t node)
{
	uint64_t x[IDS], y[IDS], lost_at[IDS], gained_at[IDS];
	struct fl_policy_ids lost = { .at = lost_at }, gained = { .at = gained_at };
	size_t n = peers_of(old, node, x), k = peers_of(p, node, y);
	bool other = false;

	assert_true(fl_policy_moved_of(m, node, &lost, &gained));
	check_rest(x, n, y, k, &lost);
	check_rest(y, k, x, n, &gained);
	if (fl_policy_slot(old, node) == FL_SLOT_NONE)
		return;
	for (size_t i = 0; i < n; i++)
		other = other || (has_id(y, k, x[i]) && !same_routes(old, p, node, x[i]));
	unsigned bits = fl_policy_differs_in(old, p, node, FL_POLICY_ROUTES);
	assert_int_equal(bits, other ? FL_POLICY_ROUTES : 0);
}

/* Returns whether slots could say it. */
static bool check_moved(const struct fl_policy *old, const struct fl_policy *p)
{
	struct fl_policy_moved *m = fl_policy_moved_new(old, p);

	for (size_t i = 0; m != NULL && i < p->nodes_len; i++)
		check_moved_of(m, old, p, p->by_id[i].id);
	bool said = m != NULL;
	fl_policy_moved_free(m);
	return said;
}

/* ---- rows ---- */

struct life_row {
	const char *name;
	uint64_t seed;
	size_t changes;
};

static void run_life(void **state)
{
	const struct life_row *row = *state;
	struct life *l = calloc(1, sizeof *l);
	struct fl_policy *p = NULL;
	size_t said = 0;

	assert_non_null(l);
	fl_rng_init(&l->rng, row->seed);
	kit_world_init(&l->kit, users_text);
	char *text = make_policy(&l->rng);
	struct fl_policy_doc *doc = kit_doc(text);
	for (size_t i = 0; i < IDS; i += 2)
		be_born(l, i);
	list_world(l);
	assert_err(fl_policy_new(doc, &l->world, &p), FL_OK);
	for (size_t i = 0; i < row->changes; i++) {
		struct fl_policy *next = live(l, p), *fresh = NULL;
		assert_err(fl_policy_new(doc, &l->world, &fresh), FL_OK);
		check_snapshot(next, fresh);
		if (l->world.nodes_len > 0)
			check_pairs(next, l->list[below(&l->rng, l->world.nodes_len)].id);
		check_differs(p, next);
		said += check_moved(p, next);
		fl_policy_unref(fresh);
		fl_policy_unref(p);
		p = next;
	}
	assert_true(2 * said > row->changes);
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
	free(text);
	kit_world_done(&l->kit);
	free(l);
}

/* ---- single steps ---- */

static const char small_world[] = "user ann\nuser bob\nnode a user=ann\nnode b user=bob\n"
				  "node c tags=tag:a\nnode d tags=tag:b\n";
static const char small_policy[] =
	"{\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:c\":[]},\"acls\":["
	"{\"src\":[\"ann@\"],\"dst\":[\"tag:a:1\"]},{\"src\":[\"bob@\"],\"dst\":[\"tag:b:1\"]},"
	"{\"src\":[\"*\"],\"dst\":[\"autogroup:self:*\"]}]}";

static struct fl_policy *take(const struct kit *k, const struct fl_policy_node *n, size_t len,
			      const uint64_t *gone, size_t gone_len)
{
	struct fl_policy *p = NULL;
	assert_err(fl_policy_step(k->p, n, len, gone, gone_len, &p), FL_OK);
	return p;
}

static void shares_what_stays(void **state)
{
	static const char *const tag[] = { "tag:c" };
	struct kit k;

	(void)state; /* c leaves tag:a: nothing of tag:b, of the users or of their devices is new */
	kit_init(&k, small_world, small_policy);
	struct fl_policy_node c = k.world.nodes[2];
	c.tags = tag;
	struct fl_policy *p = take(&k, &c, 1, NULL, 0);
	size_t same = 0;
	for (size_t i = 0; i < k.doc->aliases_len; i++) {
		const struct fl_alias *a = k.doc->aliases[i];
		bool stays = fl_policy_alias(k.p, a) == fl_policy_alias(p, a);
		assert_int_equal(stays,
				 strcmp(a->text, "tag:a") != 0 && strcmp(a->text, "tag:c") != 0);
		same += stays;
	}
	assert_true(same >= 3);
	size_t x = k.p->edges_len, y = p->edges_len;
	assert_ptr_equal(fl_policy_edge_next(k.p, 0, &x)->dst, fl_policy_edge_next(p, 0, &y)->dst);
	assert_int_equal(fl_policy_differs(k.p, p, 1), FL_POLICY_PEERS);
	assert_int_equal(fl_policy_differs(k.p, p, 2), 0);
	assert_int_equal(fl_policy_differs(k.p, p, 3), FL_POLICY_FILTER | FL_POLICY_PEERS);
	assert_int_equal(fl_policy_differs(k.p, p, 4), 0);
	fl_policy_unref(p);
	kit_done(&k);
}

static void same_again_changes_nothing(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, small_world, small_policy);
	struct fl_policy *p = take(&k, k.world.nodes, k.world.world.nodes_len, NULL, 0);
	for (uint64_t node = 1; node <= 4; node++)
		assert_int_equal(fl_policy_differs(k.p, p, node), 0);
	assert_ptr_equal(p->by_id, k.p->by_id);
	fl_policy_unref(p);
	kit_done(&k);
}

/* More nodes than there are slots, one by one and at once. */
static void grows_beyond_its_slots(void **state)
{
	struct fl_policy_node n[300];
	struct kit k;

	(void)state;
	kit_init(&k, small_world, small_policy);
	for (size_t i = 0; i < COUNT(n); i++) {
		n[i] = (struct fl_policy_node){ .id = 10 + i, .name = "n", .user = 1 };
		n[i].ip4 = fl_ip_v4(100, 70, (uint8_t)(i >> 8), (uint8_t)i);
	}
	struct fl_policy *all = take(&k, n, COUNT(n), NULL, 0), *p = fl_policy_ref(k.p);
	for (size_t i = 0; i < COUNT(n); i++) {
		struct fl_policy *next = NULL;
		assert_err(fl_policy_step(p, &n[i], 1, NULL, 0, &next), FL_OK);
		fl_policy_unref(p);
		p = next;
	}
	for (uint64_t node = 1; node < 310; node += 7) {
		assert_true(same_filters(all, p, node));
		assert_int_equal(fl_policy_peers(all, node, NULL, 0),
				 fl_policy_peers(p, node, NULL, 0));
	}
	assert_int_equal(fl_policy_peers(p, 10, NULL, 0), 301); /* a, c, the others of ann */
	fl_policy_unref(all);
	fl_policy_unref(p);
	kit_done(&k);
}

static void leaves_and_comes_back(void **state)
{
	const uint64_t gone[] = { 2, 3, 99 };
	struct kit k;

	(void)state;
	kit_init(&k, small_world, small_policy);
	struct fl_policy *p = take(&k, NULL, 0, gone, COUNT(gone)), *q = NULL;
	assert_int_equal(fl_policy_slot(p, 3), FL_SLOT_NONE);
	assert_int_equal(fl_policy_peers(p, 1, NULL, 0), 0);
	assert_int_equal(fl_policy_differs(k.p, p, 3), 15); /* everything it had is gone */
	assert_int_equal(fl_policy_differs(k.p, p, 99), 0);
	assert_err(fl_policy_step(p, k.world.nodes + 1, 2, NULL, 0, &q), FL_OK);
	for (uint64_t node = 1; node <= 4; node++)
		assert_int_equal(fl_policy_differs(k.p, q, node), 0);
	fl_policy_unref(p);
	fl_policy_unref(q);
	kit_done(&k);
}

static void ids_must_ascend(void **state)
{
	const uint64_t gone[] = { 3, 3 };
	struct fl_policy *p = NULL;
	struct kit k;

	(void)state;
	kit_init(&k, small_world, small_policy);
	struct fl_policy_node n[] = { k.world.nodes[1], k.world.nodes[0] };
	assert_err(fl_policy_step(k.p, n, 2, NULL, 0, &p), FL_ERR_ARG);
	assert_err(fl_policy_step(k.p, NULL, 0, gone, 2, &p), FL_ERR_ARG);
	assert_null(p);
	kit_done(&k);
}

/* Another document for the same nodes. */
static void differs_between_documents(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, small_world, small_policy);
	struct fl_policy_doc *doc = kit_doc("{\"tagOwners\":{\"tag:a\":[]},\"acls\":["
					    "{\"src\":[\"ann@\"],\"dst\":[\"tag:a:2\"]}]}");
	struct fl_policy *p = NULL;
	assert_err(fl_policy_new(doc, &k.world.world, &p), FL_OK);
	assert_int_equal(fl_policy_differs(k.p, p, 1), FL_POLICY_FILTER); /* self is gone */
	assert_int_equal(fl_policy_differs(k.p, p, 2), FL_POLICY_FILTER | FL_POLICY_PEERS);
	assert_int_equal(fl_policy_differs(k.p, p, 3), FL_POLICY_FILTER);
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
	kit_done(&k);
}

/* Whoever reads a snapshot need not care for who set its document. */
static void outlives_its_owner(void **state)
{
	struct fl_policy *first = NULL, *second = NULL;
	struct kit k;

	(void)state;
	kit_init(&k, small_world, small_policy);
	struct fl_policy_doc *doc = kit_doc("{\"tagOwners\":{\"tag:a\":[]},\"acls\":["
					    "{\"src\":[\"ann@\"],\"dst\":[\"tag:a:2\"]}]}");
	assert_err(fl_policy_new(doc, &k.world.world, &first), FL_OK);
	assert_err(fl_policy_step(first, NULL, 0, NULL, 0, &second), FL_OK);
	assert_null(fl_policy_doc_free(doc));
	fl_policy_unref(first);
	assert_true(fl_policy_tag_exists(second, "tag:a"));
	assert_int_equal(fl_policy_document(second)->rules_len, 1);
	assert_string_equal(fl_policy_document(second)->rules[0].src.at[0].text, "ann@");
	fl_policy_unref(second);
	kit_done(&k);
}

int main(void)
{
	static struct suite s;
	static struct life_row rows[] = {
		{ "a thousand changes", 1, CHANGES }, { "another policy", 2, CHANGES / 4 },
		{ "a third", 3, CHANGES / 4 },        { "a fourth", 4, CHANGES / 4 },
		{ "a fifth", 5, CHANGES / 4 },        { "a sixth", 6, CHANGES / 4 },
	};

	suite_add(&s, "shares what stays", shares_what_stays, NULL);
	suite_add(&s, "the same again", same_again_changes_nothing, NULL);
	suite_add(&s, "grows beyond its slots", grows_beyond_its_slots, NULL);
	suite_add(&s, "leaves and comes back", leaves_and_comes_back, NULL);
	suite_add(&s, "ids ascend", ids_must_ascend, NULL);
	suite_add(&s, "between documents", differs_between_documents, NULL);
	suite_add(&s, "outlives its owner", outlives_its_owner, NULL);
	ROWS(&s, rows, run_life);
	return suite_run(&s, "policy_step");
}
