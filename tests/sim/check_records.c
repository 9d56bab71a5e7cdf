/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/check_records.c - identity and data: INV-01 to INV-04, INV-06. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain/state/inner.h"
#include "sim.h"

#define CALENDAR_BEGINS ((fl_wall)1500000000 * FL_SEC)

static struct fl_node **sorted;
static size_t sorted_cap;

static void sort_by(struct fl_node *const *nodes, size_t count,
		    int (*compare)(const void *, const void *))
{
	if (count == 0)
		return;
	if (count > sorted_cap) {
		sorted = reallocarray(sorted, 2 * count, sizeof(struct fl_node *));
		if (sorted == NULL)
			abort();
		sorted_cap = 2 * count;
	}
	memcpy(sorted, nodes, count * sizeof(struct fl_node *));
	qsort(sorted, count, sizeof(struct fl_node *), compare);
}

static const struct fl_node *node_at(const void *p)
{
	return *(struct fl_node *const *)p;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(&node_at(a)->key, &node_at(b)->key, FL_KEY_LEN);
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(node_at(a)->given_name, node_at(b)->given_name);
}

static int by_ip4(const void *a, const void *b)
{
	return memcmp(node_at(a)->ip4.b, node_at(b)->ip4.b, 16);
}

static int by_ip6(const void *a, const void *b)
{
	return memcmp(node_at(a)->ip6.b, node_at(b)->ip6.b, 16);
}

static int by_owner(const void *a, const void *b)
{
	const struct fl_node *x = node_at(a), *y = node_at(b);
	int n = memcmp(&x->machine, &y->machine, FL_KEY_LEN);

	return n != 0 ? n : (x->user > y->user) - (x->user < y->user);
}

static void check_unique(struct fl_node *const *nodes, size_t count, const char *invariant,
			 const char *what, int (*compare)(const void *, const void *))
{
	sort_by(nodes, count, compare);
	for (size_t i = 1; i < count; i++)
		if (compare(&sorted[i - 1], &sorted[i]) == 0 &&
		    (compare != by_ip6 || fl_ip_is_set(&sorted[i]->ip6)))
			violation(invariant, "nodes %" PRIu64 " and %" PRIu64 " have the same %s",
				  sorted[i - 1]->id, sorted[i]->id, what);
}

static void check_expiry(const struct fl_node *n)
{
	if (n->expiry != 0 && n->expiry < CALENDAR_BEGINS)
		violation("INV-04", "node %" PRIu64 " has the zero time as its expiry", n->id);
}

static void check_owner(const struct fl_state *s, const struct fl_node *n)
{
	if ((n->user != 0) == (n->tags.len > 0))
		violation("INV-02", "node %" PRIu64 " has a user and tags, or neither", n->id);
	if (n->user != 0 && fl_state_user(s, n->user) == NULL)
		violation("INV-06",
			  "node %" PRIu64 " belongs to user %" PRIu64 ", who is not there", n->id,
			  n->user);
	if (n->auth_key != 0 && fl_state_preauth(s, n->auth_key) == NULL)
		violation("INV-06", "node %" PRIu64 " names key %" PRIu64 ", which is not there",
			  n->id, n->auth_key);
}

/* Ids and single-use keys over the whole run. */
static void check_history(const struct fl_state *s, const struct fl_node *n)
{
	struct node_facts *f = facts_of(n->id);
	const struct fl_preauth *k = fl_state_preauth(s, n->auth_key);

	if (f->known &&
	    (f->gone || f->created != n->created || !fl_machine_key_eq(&f->machine, &n->machine)))
		violation("INV-04", "node id %" PRIu64 " is used again", n->id);
	f->ephemeral |= n->ephemeral; /* it may become so, by a login with such a key (DM-3) */
	if (f->known)
		return;
	f->known = true;
	f->created = n->created;
	f->machine = n->machine;
	f->since = sim_clock.now;
	if (k == NULL || k->reusable)
		return;
	for (fl_node_id id = 1; id < n->id; id++)
		if (facts_of(id)->known && facts_of(id)->once == k->id)
			violation("INV-03",
				  "single-use key %" PRIu64 " made nodes %" PRIu64 " and %" PRIu64,
				  k->id, id, n->id);
	f->once = k->id;
}

void check_gone(const struct fl_state *s, fl_time when)
{
	for (fl_node_id id = 1; id <= facts_last(); id++) {
		struct node_facts *f = facts_of(id);
		if (!f->known || f->gone || fl_state_node(s, id) != NULL)
			continue;
		f->gone = true;
		int64_t idle = when - (f->ended_at > f->since ? f->ended_at : f->since);
		if (f->live > 0 && !f->excused)
			violation("INV-50", "node %" PRIu64 " was deleted while connected", id);
		if (!f->excused && idle < sim.plan.ephemeral_timeout)
			violation("INV-50", "node %" PRIu64 " was deleted after %.3f s of idleness",
				  id, (double)idle / 1e9);
		if (!f->excused && !f->ephemeral)
			violation("INV-50", "node %" PRIu64 " was deleted by nobody", id);
	}
}

/* Of one family, if it is on. */
static void check_family(const struct fl_ipam *ipam, struct fl_node *const *nodes, size_t count,
			 bool six)
{
	size_t have = 0;

	if (ipam == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct fl_ip *ip = six ? &nodes[i]->ip6 : &nodes[i]->ip4;
		if (!fl_ip_is_set(ip))
			continue;
		have++;
		if (!fl_ipam_used(ipam, ip))
			violation("INV-04", "an address of node %" PRIu64 " is not marked as used",
				  nodes[i]->id);
	}
	if (fl_ipam_count(ipam) != have)
		violation("INV-04", "%zu addresses in use, %zu of nodes", fl_ipam_count(ipam),
			  have);
}

void check_records(const struct fl_state *s)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(s, &nodes);

	check_unique(nodes, count, "INV-01", "node key", by_key);
	check_unique(nodes, count, "INV-01", "name", by_name);
	check_unique(nodes, count, "INV-01", "IPv4 address", by_ip4);
	check_unique(nodes, count, "INV-01", "IPv6 address", by_ip6);
	check_unique(nodes, count, "INV-02", "machine and owner", by_owner);
	for (size_t i = 0; i < count; i++) {
		check_expiry(nodes[i]);
		check_owner(s, nodes[i]);
		check_history(s, nodes[i]);
	}
	check_gone(s, sim_clock.now);
	check_family(s->ipam[0], nodes, count, false);
	check_family(s->ipam[1], nodes, count, true);
}
