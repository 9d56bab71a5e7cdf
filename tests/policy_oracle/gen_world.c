/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/gen_world.c - random worlds, their changes, and packets that meet them. */
#include "gen.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- small pieces ---- */

static struct fl_prefix prefix(const char *text)
{
	struct fl_prefix p;

	if (fl_prefix_parse(fl_slice_str(text), &p) != FL_OK)
		abort();
	return p;
}

static struct fl_ip address(const char *text)
{
	struct fl_ip ip;

	if (fl_ip_parse(fl_slice_str(text), &ip) != FL_OK)
		abort();
	return ip;
}

static const char *const routes[] = {
	"10.0.0.0/8",     "10.33.0.0/16",  "10.33.5.0/24", "10.33.5.7/32",
	"192.168.1.0/24", "172.16.0.0/12", "8.8.8.0/24",   "100.64.0.0/29",
	"0.0.0.0/1",      "fd00:1::/64",   "fd00::/8",     "2001:db8::/32",
	"2000::/3",       "10.33.0.0/16",  "10.33.5.0/24", "fd7a:115c:a1e0::/125",
};
static const char *const tags[] = { "tag:a", "tag:b", "tag:c", "tag:stale" };

static bool serves(const struct gen_node *n, const struct fl_prefix *p)
{
	for (size_t i = 0; i < n->rec.served_len; i++)
		if (fl_prefix_eq(&n->served[i], p))
			return true;
	return false;
}

static void serve(struct gen_node *n, const char *text)
{
	struct fl_prefix p = prefix(text);

	if (n->rec.served_len < GEN_ROUTES && !serves(n, &p))
		n->served[n->rec.served_len++] = p;
}

static void withdraw(struct gen_node *n, size_t at)
{
	n->rec.served_len--;
	for (size_t i = at; i < n->rec.served_len; i++)
		n->served[i] = n->served[i + 1];
}

/* ---- election: 4.12, the current one stays while it is up and healthy ---- */

static bool was_primary(const struct gen_node *n, const struct fl_prefix *p)
{
	for (size_t i = 0; i < n->rec.primary_len; i++)
		if (fl_prefix_eq(&n->primary[i], p))
			return true;
	return false;
}

static struct gen_node *elected(struct gen_world *w, const struct fl_prefix *p)
{
	struct gen_node *lowest = NULL, *current = NULL;

	for (size_t i = 0; i < w->nodes_len; i++) {
		struct gen_node *n = &w->nodes[i];
		if (!serves(n, p) || !n->rec.online)
			continue;
		if (was_primary(n, p))
			current = n;
		if (lowest == NULL && n->rec.healthy)
			lowest = n;
	}
	if (current != NULL && (current->rec.healthy || lowest == NULL))
		return current;
	return lowest;
}

static void elect(struct gen_world *w)
{
	struct gen_world next = *w;

	for (size_t i = 0; i < w->nodes_len; i++) {
		struct gen_node *n = &w->nodes[i], *to = &next.nodes[i];
		to->rec.primary_len = 0;
		for (size_t k = 0; k < n->rec.served_len; k++) {
			const struct fl_prefix *p = &n->served[k];
			if (!fl_prefix_is_exit(p) && elected(w, p) == n)
				to->primary[to->rec.primary_len++] = *p;
		}
	}
	*w = next;
}

/* ---- users and nodes ---- */

static void fill_users(struct fl_rng *r, struct gen_world *w)
{
	static const struct fl_policy_user all[GEN_USERS] = {
		{ 1, "alice", "alice@example.com", "oidc@alice", FL_ROLE_OWNER },
		{ 2, "bob", "bob@example.com", "", FL_ROLE_MEMBER },
		{ 3, "carol", "carol@other.org", "", FL_ROLE_ADMIN },
		{ 7, "dave", "dave@Example.COM", "oidc@dave", FL_ROLE_MEMBER },
	};

	w->users_len = fl_rng_below(r, GEN_USERS + 1);
	if (gen_chance(r, 60))
		w->users_len = GEN_USERS;
	for (size_t i = 0; i < w->users_len; i++) {
		w->users[i] = all[i];
		if (gen_chance(r, 30))
			w->users[i].role = (enum fl_role)fl_rng_below(r, FL_ROLE_VIEWER + 1);
		if (i == 3 && gen_chance(r, 10))
			w->users[i].name = "bob"; /* two of a name: the token means nobody */
	}
}

static bool taken(const struct gen_world *w, const struct fl_ip *ip)
{
	for (size_t i = 0; i < w->nodes_len; i++)
		if (fl_ip_eq(&w->nodes[i].rec.ip4, ip) || fl_ip_eq(&w->nodes[i].rec.ip6, ip))
			return true;
	return false;
}

static struct fl_ip free_address(struct fl_rng *r, const struct gen_world *w, bool six)
{
	static const char *const odd4[] = { "100.115.92.7", "192.168.77.5", "100.127.255.255" };
	static const char *const odd6[] = { "fd00:99::1", "fd7a:115c:a1e0:ffff::1" };
	char text[64];
	struct fl_ip ip;

	do {
		if (gen_chance(r, 4))
			snprintf(text, sizeof text, "%s",
				 six ? GEN_PICK(r, odd6) : GEN_PICK(r, odd4));
		else
			snprintf(text, sizeof text, six ? "fd7a:115c:a1e0::%x" : "100.64.0.%u",
				 1 + (unsigned)fl_rng_below(r, 20));
		ip = address(text);
	} while (taken(w, &ip));
	return ip;
}

static void set_addresses(struct fl_rng *r, const struct gen_world *w, struct gen_node *n)
{
	uint64_t kind = fl_rng_below(r, 6);

	n->rec.ip4 = kind == 0 ? (struct fl_ip){ 0 } : free_address(r, w, false);
	n->rec.ip6 = kind == 1 ? (struct fl_ip){ 0 } : free_address(r, w, true);
}

static void set_owner(struct fl_rng *r, const struct gen_world *w, struct gen_node *n)
{
	n->rec.tags_len = 0;
	n->rec.user = 0;
	if (gen_chance(r, 3))
		n->rec.user = 50; /* whose record is gone */
	else if (w->users_len > 0 && gen_chance(r, 90))
		n->rec.user = w->users[fl_rng_below(r, w->users_len)].id;
	if (gen_chance(r, 45)) {
		size_t first = fl_rng_below(r, sizeof tags / sizeof *tags);
		size_t count = 1 + fl_rng_below(r, 2);
		for (size_t i = 0; i < count; i++)
			n->tags[n->rec.tags_len++] =
				tags[(first + i) % (sizeof tags / sizeof *tags)];
	}
}

static void set_routes(struct fl_rng *r, struct gen_node *n)
{
	size_t count = gen_chance(r, 55) ? 0 : 1 + fl_rng_below(r, 3);

	n->rec.served_len = 0;
	for (size_t i = 0; i < count; i++)
		serve(n, GEN_PICK(r, routes));
	if (gen_chance(r, 20))
		serve(n, "0.0.0.0/0");
	if (gen_chance(r, 18))
		serve(n, "::/0");
}

static void add_node(struct fl_rng *r, struct gen_world *w)
{
	static const char *const names[GEN_IDS + 1] = { "n0",  "n1",  "n2",  "n3",  "n4",
							"n5",  "n6",  "n7",  "n8",  "n9",
							"n10", "n11", "n12", "n13", "n14",
							"n15", "n16", "n17", "n18", "n19",
							"n20", "n21", "n22", "n23", "n24" };
	struct gen_node n = { 0 };
	size_t at = 0;

	do {
		n.rec.id = 1 + fl_rng_below(r, GEN_IDS);
		for (at = 0; at < w->nodes_len && w->nodes[at].rec.id < n.rec.id; at++)
			;
	} while (at < w->nodes_len && w->nodes[at].rec.id == n.rec.id);
	n.rec.name = names[n.rec.id];
	n.rec.online = gen_chance(r, 80);
	n.rec.healthy = gen_chance(r, 85);
	set_addresses(r, w, &n);
	set_owner(r, w, &n);
	set_routes(r, &n);
	for (size_t i = w->nodes_len; i > at; i--)
		w->nodes[i] = w->nodes[i - 1];
	w->nodes[at] = n;
	w->nodes_len++;
}

void gen_world(struct fl_rng *r, struct gen_world *out)
{
	size_t count = fl_rng_below(r, GEN_NODES + 1);

	*out = (struct gen_world){ 0 };
	fill_users(r, out);
	for (size_t i = 0; i < count; i++)
		add_node(r, out);
	elect(out);
}

void gen_view(const struct gen_world *w, struct gen_view *out)
{
	*out = (struct gen_view){ 0 };
	for (size_t i = 0; i < w->nodes_len; i++) {
		out->nodes[i] = w->nodes[i].rec;
		out->nodes[i].tags = w->nodes[i].tags;
		out->nodes[i].served = w->nodes[i].served;
		out->nodes[i].primary = w->nodes[i].primary;
	}
	out->world = (struct fl_policy_world){
		.users = w->users,
		.users_len = w->users_len,
		.nodes = out->nodes,
		.nodes_len = w->nodes_len,
	};
}

/* ---- changes ---- */

static void flip_exit(struct fl_rng *r, struct gen_node *n)
{
	const char *text = gen_chance(r, 50) ? "0.0.0.0/0" : "::/0";
	struct fl_prefix p = prefix(text);

	for (size_t i = 0; i < n->rec.served_len; i++) {
		if (fl_prefix_eq(&n->served[i], &p)) {
			withdraw(n, i);
			return;
		}
	}
	serve(n, text);
}

static void change_node(struct fl_rng *r, struct gen_world *w, struct gen_node *n)
{
	static const char *const what[] = { "tags or user", "addresses", "announce", "withdraw",
					    "exit route",   "online",    "healthy",  "all routes" };
	uint64_t kind = fl_rng_below(r, sizeof what / sizeof *what);

	gen_cover_change(what[kind]);
	switch (kind) {
	case 0:
		set_owner(r, w, n);
		break;
	case 1:
		set_addresses(r, w, n);
		break;
	case 2:
		serve(n, GEN_PICK(r, routes));
		break;
	case 3:
		if (n->rec.served_len > 0)
			withdraw(n, fl_rng_below(r, n->rec.served_len));
		break;
	case 4:
		flip_exit(r, n);
		break;
	case 5:
		n->rec.online = !n->rec.online;
		break;
	case 6:
		n->rec.healthy = !n->rec.healthy;
		break;
	default:
		set_routes(r, n);
		break;
	}
}

void gen_change(struct fl_rng *r, struct gen_world *w)
{
	size_t count = gen_chance(r, 70) ? 1 : 1 + fl_rng_below(r, 3);

	for (size_t i = 0; i < count; i++) {
		if (w->nodes_len < GEN_NODES && gen_chance(r, w->nodes_len < 3 ? 60 : 12)) {
			gen_cover_change("add");
			add_node(r, w);
		} else if (w->nodes_len > 0 && gen_chance(r, 10)) {
			size_t at = fl_rng_below(r, w->nodes_len);
			gen_cover_change("remove");
			w->nodes_len--;
			for (size_t k = at; k < w->nodes_len; k++)
				w->nodes[k] = w->nodes[k + 1];
		} else if (w->nodes_len > 0) {
			change_node(r, w, &w->nodes[fl_rng_below(r, w->nodes_len)]);
		}
	}
	elect(w);
}

static bool same_prefixes(const struct fl_prefix *a, size_t a_len, const struct fl_prefix *b,
			  size_t b_len)
{
	for (size_t i = 0; i < a_len && i < b_len; i++)
		if (!fl_prefix_eq(&a[i], &b[i]))
			return false;
	return a_len == b_len;
}

bool gen_same_node(const struct gen_node *a, const struct gen_node *b)
{
	const struct fl_policy_node *x = &a->rec, *y = &b->rec;

	for (size_t i = 0; i < x->tags_len && i < y->tags_len; i++)
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	return x->id == y->id && x->user == y->user && fl_ip_eq(&x->ip4, &y->ip4) &&
	       fl_ip_eq(&x->ip6, &y->ip6) && x->tags_len == y->tags_len &&
	       same_prefixes(a->served, x->served_len, b->served, y->served_len) &&
	       same_prefixes(a->primary, x->primary_len, b->primary, y->primary_len) &&
	       x->online == y->online && x->healthy == y->healthy;
}

/* ---- packets ---- */

static struct fl_ip some_address(struct fl_rng *r, const struct gen_world *w, unsigned nodes)
{
	static const char *const others[] = { "10.33.5.7",   "10.33.9.1",    "10.200.0.1",
					      "8.8.8.8",     "1.1.1.1",      "192.168.1.9",
					      "fd00:1::7",   "2001:db8::53", "2606:4700::1",
					      "172.16.5.5",  "100.64.0.19",  "fd7a:115c:a1e0::99",
					      "100.115.92.7" };

	if (w->nodes_len > 0 && gen_chance(r, nodes)) {
		const struct fl_policy_node *n = &w->nodes[fl_rng_below(r, w->nodes_len)].rec;
		if (fl_ip_is_set(&n->ip6) && (!fl_ip_is_set(&n->ip4) || gen_chance(r, 40)))
			return n->ip6;
		return n->ip4;
	}
	return address(GEN_PICK(r, others));
}

void gen_query(struct fl_rng *r, const struct gen_world *w, struct fl_policy_query *out)
{
	static const uint8_t protos[] = { 0, 6, 6, 17, 132, 1, 58, 47, 89 };
	static const uint16_t ports[] = { 22, 80, 443, 0, 65535, 53, 1500, 85, 1023 };

	*out = (struct fl_policy_query){ .src = some_address(r, w, 80) };
	do
		out->dst = some_address(r, w, 60);
	while (out->dst.family != out->src.family || fl_ip_eq(&out->dst, &out->src));
	out->proto = protos[fl_rng_below(r, sizeof protos)];
	out->port = gen_chance(r, 80) ? ports[fl_rng_below(r, sizeof ports / sizeof *ports)]
				      : (uint16_t)fl_rng_below(r, 65536);
}
