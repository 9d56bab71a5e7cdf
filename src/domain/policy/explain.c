/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/explain.c - would a packet get in, by which rule, or which rule came nearest.
 *
 * The packet is held against the rules as the filter of one node has them: the node at the
 * destination, or the router in front of it that the source would use. Rules are read in their
 * order from the document, so that the answer can name a rule and its aliases; each costs a bit or
 * a seek an alias. Only the router is found by looking at all nodes.
 *
 * Source  docs/policy.md 4.5 to 4.10, 4.15
 */
#include "domain/policy/core.h"
#include "domain/policy/route.h"

enum { TCP = 6, UDP = 17, SCTP = 132, ICMP = 1, ICMP6 = 58 };

struct query {
	const struct fl_policy *p;
	struct fl_ip src, dst;
	unsigned proto;
	uint16_t port;
	uint32_t from;                      /* slot of the source; or FL_SLOT_NONE */
	uint32_t at;                        /* slot of who filters; or FL_SLOT_NONE */
	const struct fl_policy_facts *node; /* who filters, or NULL */
	bool routed;                        /* `at` is not at, but in front of `dst` */
};

/* How far a rule goes: the order in which misses count. */
enum stage { STAGE_SRC, STAGE_DST, STAGE_PROTO, STAGE_PORT, STAGE_ROUTE, STAGE_ALLOWED };

struct judged {
	enum stage stage;
	const struct fl_alias *src, *dst;
};

/* ---- who filters ---- */

static bool has_ip(const struct fl_policy_facts *f, const struct fl_ip *ip)
{
	return fl_ip_eq(&f->ip4, ip) || fl_ip_eq(&f->ip6, ip);
}

static void find_nodes(struct query *q)
{
	for (uint32_t i = 0; i < q->p->slots; i++) {
		const struct fl_policy_facts *f = q->p->nodes[i];
		if (f == NULL)
			continue;
		if (has_ip(f, &q->src))
			q->from = i;
		if (has_ip(f, &q->dst))
			q->at = i;
	}
}

/* The length of the longest prefix that holds the destination; -1: none does. */
static int longest(const struct query *q, const struct fl_prefix *at, size_t n)
{
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		if (at[i].bits > best && fl_prefix_has(&at[i], &q->dst))
			best = at[i].bits;
	}
	return best;
}

/* How well a router serves the source: by what it is offered. */
static int offered(const struct query *q, const struct fl_policy_facts *f, int better_than)
{
	int subnet = longest(q, f->subnets, f->subnets_len);
	int any = subnet >= 0 ? subnet : longest(q, f->exits, f->exits_len);
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];

	if (any < better_than)
		return -1;
	if (q->from == FL_SLOT_NONE) { /* somebody without a map: by what is elected */
		int primary = longest(q, f->primary, f->primary_len);
		return primary >= 0 ? primary : longest(q, f->exits, f->exits_len);
	}
	uint64_t viewer = q->p->nodes[q->from]->id;
	if (!fl_policy_sees(q->p, viewer, f->id))
		return -1;
	return longest(q, routes, fl_policy_routes(q->p, viewer, f->id, routes));
}

/* Of equal ones, among which clients choose freely, who is up, and then the lowest id. */
static bool preferred(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	bool a_up = a->online && a->healthy, b_up = b->online && b->healthy;
	return a_up != b_up ? a_up : a->id < b->id;
}

static void find_router(struct query *q)
{
	int best = 0;

	for (uint32_t w = 0; w < q->p->words; w++) {
		for (uint64_t left = q->p->routers[w] | q->p->exits[w]; left != 0;
		     left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			const struct fl_policy_facts *f = q->p->nodes[slot];
			int bits = offered(q, f, best);
			if (bits < best || (q->at != FL_SLOT_NONE && bits == best &&
					    !preferred(f, q->p->nodes[q->at])))
				continue;
			best = bits;
			q->at = slot;
		}
	}
	q->routed = q->at != FL_SLOT_NONE;
}

/* ---- sources ---- */

/* A wildcard source brings the served subnets along (policy.md 4.4). */
static bool is_from(const struct query *q, const struct fl_alias *a)
{
	const struct fl_policy_set *s = fl_policy_alias(q->p, a);

	if (q->from != FL_SLOT_NONE && a->kind != FL_ALIAS_WILDCARD && !fl_bit(s->inside, q->from))
		return false;
	return fl_ipset_has(&s->ips, &q->src) ||
	       (a->kind == FL_ALIAS_WILDCARD && fl_ipset_has(&q->p->core->served->ips, &q->src));
}

static const struct fl_alias *source(const struct query *q, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->src.len; i++) {
		if (is_from(q, &r->src.at[i]))
			return &r->src.at[i];
	}
	return NULL;
}

/* For autogroup:self a device counts with both addresses if it does with one (policy.md 4.7). */
static const struct fl_alias *device(const struct query *q, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->src.len && q->from != FL_SLOT_NONE; i++) {
		if (fl_bit(fl_policy_alias(q->p, &r->src.at[i])->inside, q->from))
			return &r->src.at[i];
	}
	return NULL;
}

/* ---- destinations ---- */

static bool is_auto(const struct fl_alias *a, enum fl_autogroup g)
{
	return a->kind == FL_ALIAS_AUTOGROUP && a->autogroup == g;
}

static bool in_range(const struct fl_range *r, const struct fl_ip *ip)
{
	return r->first.family == ip->family && fl_ip_cmp(&r->first, ip) <= 0 &&
	       fl_ip_cmp(ip, &r->last) <= 0;
}

static bool meets_subnet(const struct fl_policy_facts *f, const struct fl_range *entry)
{
	for (size_t i = 0; i < f->subnets_len; i++) {
		const struct fl_range subnet = fl_range_of(&f->subnets[i]);
		if (fl_range_overlaps(&subnet, entry))
			return true;
	}
	return false;
}

/* policy.md 4.10 */
static bool keeps(const struct fl_policy_facts *f, const struct fl_range *entry)
{
	const struct fl_ipset internet = fl_fixed_view(FL_SET_INTERNET);

	return in_range(entry, &f->ip4) || in_range(entry, &f->ip6) || meets_subnet(f, entry) ||
	       (f->exits_len > 0 && fl_ipset_covers(&internet, entry));
}

/* The entry of DstPorts that holds the destination: a prefix, or of the internet a range. */
static struct fl_range entry_of(const struct query *q, const struct fl_alias *a)
{
	const struct fl_ipset *ips = &fl_policy_alias(q->p, a)->ips;
	struct fl_range rest = ips->at[fl_ipset_seek(ips, &q->dst)], entry = rest;
	struct fl_prefix prefix;

	if (is_auto(a, FL_AUTOGROUP_INTERNET))
		return entry;
	while (fl_range_next_prefix(&rest, &prefix)) {
		entry = fl_range_of(&prefix);
		if (in_range(&entry, &q->dst))
			break;
	}
	return entry;
}

/* Does the node that filters have what the rule says of this destination? */
static bool is_kept(const struct query *q, const struct fl_rule *r, const struct fl_alias *a)
{
	const struct fl_policy_facts *f = q->node;

	if (f == NULL || (r->via.len > 0 && !fl_facts_carry(f, &r->via)))
		return false;
	if (a->kind == FL_ALIAS_WILDCARD && r->via.len == 0) /* stands as "*" */
		return f->subnets_len > 0 || fl_ip_is_set(&f->ip4) || fl_ip_is_set(&f->ip6);
	if (is_auto(a, FL_AUTOGROUP_SELF))
		return true;
	const struct fl_range entry = entry_of(q, a);
	if (r->via.len == 0)
		return keeps(f, &entry);
	return is_auto(a, FL_AUTOGROUP_INTERNET) ? f->exits_len > 0 : meets_subnet(f, &entry);
}

/* Two untagged nodes of one user. */
static bool is_self(const struct query *q)
{
	if (q->from == FL_SLOT_NONE || q->node == NULL || q->routed)
		return false;
	uint64_t user = q->p->nodes[q->from]->user;
	return user != 0 && user == q->node->user;
}

static bool is_to(const struct query *q, const struct fl_rule *r, const struct fl_alias *a)
{
	if (is_auto(a, FL_AUTOGROUP_SELF))
		return r->via.len == 0 && is_self(q);
	return (a->kind == FL_ALIAS_WILDCARD && r->via.len == 0) ||
	       fl_ipset_has(&fl_policy_alias(q->p, a)->ips, &q->dst);
}

/* ---- protocol and port ---- */

/* What a rule without a protocol lets through. */
static bool is_usual(unsigned proto)
{
	return proto == TCP || proto == UDP || proto == ICMP || proto == ICMP6;
}

static bool has_port(const struct query *q, const struct fl_ports *ports)
{
	if (q->proto == TCP || q->proto == UDP || q->proto == SCTP)
		return ports->first <= q->port && q->port <= ports->last;
	return ports->first == 0 && ports->last == UINT16_MAX;
}

static bool is_echo(const struct query *q)
{
	return q->proto == (q->dst.family == FL_IP_V4 ? ICMP : ICMP6);
}

static enum stage judge_traffic(const struct query *q, const struct fl_rule *r)
{
	enum stage best = STAGE_PROTO;

	if (is_echo(q))
		return STAGE_ALLOWED;
	for (size_t i = 0; i < r->traffic_len; i++) {
		const struct fl_traffic *t = &r->traffic[i];
		if (t->any_proto ? !is_usual(q->proto) : t->proto != q->proto)
			continue;
		best = STAGE_PORT;
		for (size_t k = 0; k < t->ports_len; k++) {
			if (has_port(q, &t->ports[k]))
				return STAGE_ALLOWED;
		}
	}
	return best;
}

/* ---- one rule ---- */

/* One destination, given the source that fits it. */
static struct judged judge_dst(const struct query *q, const struct fl_rule *r,
			       const struct fl_alias *a, const struct fl_alias *src)
{
	struct judged j = { .stage = STAGE_SRC, .src = src };

	if (src == NULL)
		return j;
	j.stage = STAGE_DST;
	if (!is_to(q, r, a))
		return j;
	j.dst = a;
	j.stage = judge_traffic(q, r);
	if (j.stage == STAGE_ALLOWED && !is_kept(q, r, a))
		j.stage = STAGE_ROUTE;
	return j;
}

static struct judged judge(const struct query *q, const struct fl_rule *r)
{
	const struct fl_alias *src = source(q, r);
	struct judged best = { .stage = STAGE_SRC };

	for (size_t i = 0; i < r->dst.len && best.stage != STAGE_ALLOWED; i++) {
		const struct fl_alias *a = &r->dst.at[i];
		bool self = is_auto(a, FL_AUTOGROUP_SELF);
		struct judged j = judge_dst(q, r, a, self ? device(q, r) : src);
		if (j.stage > best.stage)
			best = j;
	}
	return best;
}

/* Makes it a rule for packets? Capabilities alone do not, nor does an empty list. */
static bool counts(const struct fl_rule *r)
{
	for (size_t i = 0; i < r->src.len; i++) {
		if (is_auto(&r->src.at[i], FL_AUTOGROUP_SELF))
			return false;
	}
	return r->traffic_len > 0 && r->src_listed && r->dst_listed;
}

/* ---- verdicts ---- */

static enum fl_policy_miss miss_of(enum stage stage)
{
	static const enum fl_policy_miss misses[] = {
		[STAGE_SRC] = FL_MISS_SRC,     [STAGE_DST] = FL_MISS_DST,
		[STAGE_PROTO] = FL_MISS_PROTO, [STAGE_PORT] = FL_MISS_PORT,
		[STAGE_ROUTE] = FL_MISS_ROUTE, [STAGE_ALLOWED] = FL_MISS_NONE,
	};
	return misses[stage];
}

/* No rules: from anybody without a document, else from the wildcard (policy.md 12 D1). */
static enum stage judge_all(const struct query *q)
{
	const struct fl_policy_facts *f = q->node;

	if (q->p->doc != NULL && !fl_ipset_has(&q->p->fixed[FL_SET_WILDCARD]->ips, &q->src) &&
	    !fl_ipset_has(&q->p->core->served->ips, &q->src))
		return STAGE_SRC;
	if (!is_usual(q->proto))
		return STAGE_PROTO;
	if (f == NULL || (f->subnets_len == 0 && !fl_ip_is_set(&f->ip4) && !fl_ip_is_set(&f->ip6)))
		return STAGE_ROUTE;
	return STAGE_ALLOWED;
}

static void judge_rules(const struct query *q, struct fl_policy_verdict *v)
{
	const struct fl_policy_doc *doc = q->p->doc;
	enum stage best = STAGE_SRC;

	for (size_t i = 0; i < doc->rules_len && best != STAGE_ALLOWED; i++) {
		if (!counts(&doc->rules[i]))
			continue;
		struct judged j = judge(q, &doc->rules[i]);
		if (v->rule != NULL && j.stage <= best)
			continue;
		best = j.stage;
		v->rule = &doc->rules[i];
		v->src = j.src;
		v->dst = j.dst;
	}
	v->allowed = best == STAGE_ALLOWED;
	v->why = v->allowed ? FL_WHY_RULE : FL_WHY_NO_RULE;
	v->miss = v->rule != NULL ? miss_of(best) : FL_MISS_NONE;
}

void fl_policy_explain(const struct fl_policy *p, const struct fl_policy_query *query,
		       struct fl_policy_verdict *out)
{
	struct fl_policy_verdict v = { 0 };
	struct query q = {
		.p = p,
		.src = query->src,
		.dst = query->dst,
		.proto = query->proto != 0 ? query->proto : TCP,
		.port = query->port,
		.from = FL_SLOT_NONE,
		.at = FL_SLOT_NONE,
	};

	find_nodes(&q);
	if (q.at == FL_SLOT_NONE)
		find_router(&q);
	q.node = q.at != FL_SLOT_NONE ? p->nodes[q.at] : NULL;
	v.router = q.routed ? q.node->id : 0;
	if (p->doc == NULL || p->doc->allow_all) {
		enum stage stage = judge_all(&q);
		v.allowed = stage == STAGE_ALLOWED;
		v.why = v.allowed ? FL_WHY_ALLOW_ALL : FL_WHY_NO_RULE;
		v.miss = miss_of(stage);
	} else {
		judge_rules(&q, &v);
	}
	*out = v;
}
