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
#include "domain/policy/explain.h"

#include "domain/policy/route.h"

enum { TCP = 6, UDP = 17, SCTP = 132, ICMP = 1, ICMP6 = 58 };

/* ---- who filters ---- */

static bool has_ip(const struct fl_policy_facts *f, const struct fl_ip *ip)
{
	return fl_ip_eq(&f->ip4, ip) || fl_ip_eq(&f->ip6, ip);
}

void fl_packet_place(struct fl_packet *q)
{
	q->from = q->at = FL_SLOT_NONE;
	for (uint32_t i = 0; i < q->p->slots; i++) {
		const struct fl_policy_facts *f = q->p->nodes[i];
		if (f == NULL)
			continue;
		if (has_ip(f, &q->src))
			q->from = i;
		if (has_ip(f, &q->dst))
			q->at = i;
	}
	q->routed = false;
	q->node = q->at != FL_SLOT_NONE ? q->p->nodes[q->at] : NULL;
}

/* The length of the longest prefix that holds the destination; -1: none does. */
static int longest(const struct fl_packet *q, const struct fl_prefix *at, size_t n)
{
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		if (at[i].bits > best && fl_prefix_has(&at[i], &q->dst))
			best = at[i].bits;
	}
	return best;
}

/* How well a router serves the source: by what it is offered. */
static int offered(const struct fl_packet *q, const struct fl_policy_facts *f, int better_than)
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

void fl_packet_route(struct fl_packet *q)
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
	q->node = q->routed ? q->p->nodes[q->at] : NULL;
}

/* ---- sources ---- */

/* A wildcard source brings the served subnets along (policy.md 4.4). */
static bool is_from(const struct fl_packet *q, const struct fl_alias *a)
{
	const struct fl_policy_set *s = fl_policy_alias(q->p, a);

	if (q->from != FL_SLOT_NONE && a->kind != FL_ALIAS_WILDCARD && !fl_bit(s->inside, q->from))
		return false;
	return fl_ipset_has(&s->ips, &q->src) ||
	       (a->kind == FL_ALIAS_WILDCARD && fl_ipset_has(&q->p->core->served->ips, &q->src));
}

const struct fl_alias *fl_packet_source(const struct fl_packet *q, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->src.len; i++) {
		if (is_from(q, &r->src.at[i]))
			return &r->src.at[i];
	}
	return NULL;
}

/* For autogroup:self a device counts with both addresses if it does with one (policy.md 4.7). */
const struct fl_alias *fl_packet_device(const struct fl_packet *q, const struct fl_rule *r)
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
static struct fl_range entry_of(const struct fl_packet *q, const struct fl_alias *a)
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
static bool is_kept(const struct fl_packet *q, const struct fl_rule *r, const struct fl_alias *a)
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
static bool is_self(const struct fl_packet *q)
{
	if (q->from == FL_SLOT_NONE || q->node == NULL || q->routed)
		return false;
	uint64_t user = q->p->nodes[q->from]->user;
	return user != 0 && user == q->node->user;
}

static bool is_to(const struct fl_packet *q, const struct fl_rule *r, const struct fl_alias *a)
{
	if (is_auto(a, FL_AUTOGROUP_SELF))
		return r->via.len == 0 && is_self(q);
	return (a->kind == FL_ALIAS_WILDCARD && r->via.len == 0) ||
	       fl_ipset_has(&fl_policy_alias(q->p, a)->ips, &q->dst);
}

const struct fl_alias *fl_packet_target(const struct fl_packet *q, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->dst.len; i++) {
		const struct fl_alias *a = &r->dst.at[i];
		if (!is_auto(a, FL_AUTOGROUP_SELF) && is_to(q, r, a) && is_kept(q, r, a))
			return a;
	}
	return NULL;
}

/* ---- protocol and port ---- */

/* What a rule without a protocol lets through. */
static bool is_usual(unsigned proto)
{
	return proto == TCP || proto == UDP || proto == ICMP || proto == ICMP6;
}

static bool has_port(const struct fl_packet *q, const struct fl_ports *ports)
{
	if (q->proto == TCP || q->proto == UDP || q->proto == SCTP)
		return q->any_port || (ports->first <= q->port && q->port <= ports->last);
	return ports->first == 0 && ports->last == UINT16_MAX;
}

static bool is_echo(const struct fl_packet *q)
{
	return q->proto == (q->dst.family == FL_IP_V4 ? ICMP : ICMP6);
}

static enum fl_stage judge_traffic(const struct fl_packet *q, const struct fl_rule *r)
{
	enum fl_stage best = FL_STAGE_PROTO;

	if (is_echo(q) || q->any_traffic)
		return FL_STAGE_ALLOWED;
	for (size_t i = 0; i < r->traffic_len; i++) {
		const struct fl_traffic *t = &r->traffic[i];
		if (t->any_proto ? !is_usual(q->proto) : t->proto != q->proto)
			continue;
		best = FL_STAGE_PORT;
		for (size_t k = 0; k < t->ports_len; k++) {
			if (has_port(q, &t->ports[k]))
				return FL_STAGE_ALLOWED;
		}
	}
	return best;
}

/* ---- one rule ---- */

/* One destination, given the source that fits it. */
static struct fl_judged judge_dst(const struct fl_packet *q, const struct fl_rule *r,
				  const struct fl_alias *a, const struct fl_alias *src)
{
	struct fl_judged j = { .stage = FL_STAGE_SRC, .src = src };

	if (src == NULL)
		return j;
	j.stage = FL_STAGE_DST;
	if (!is_to(q, r, a))
		return j;
	j.dst = a;
	j.stage = judge_traffic(q, r);
	if (j.stage == FL_STAGE_ALLOWED && !is_kept(q, r, a))
		j.stage = FL_STAGE_ROUTE;
	return j;
}

struct fl_judged fl_packet_judge(const struct fl_packet *q, const struct fl_rule *r)
{
	const struct fl_alias *src = fl_packet_source(q, r);
	struct fl_judged best = { .stage = FL_STAGE_SRC };

	for (size_t i = 0; i < r->dst.len && best.stage != FL_STAGE_ALLOWED; i++) {
		const struct fl_alias *a = &r->dst.at[i];
		bool self = is_auto(a, FL_AUTOGROUP_SELF);
		struct fl_judged j = judge_dst(q, r, a, self ? fl_packet_device(q, r) : src);
		if (j.stage > best.stage)
			best = j;
	}
	return best;
}

/* Makes it a rule for packets? Capabilities alone do not, nor does an empty list. */
bool fl_rule_counts(const struct fl_rule *r)
{
	for (size_t i = 0; i < r->src.len; i++) {
		if (is_auto(&r->src.at[i], FL_AUTOGROUP_SELF))
			return false;
	}
	return r->traffic_len > 0 && r->src_listed && r->dst_listed;
}

/* ---- verdicts ---- */

static enum fl_policy_miss miss_of(enum fl_stage stage)
{
	static const enum fl_policy_miss misses[] = {
		[FL_STAGE_SRC] = FL_MISS_SRC,     [FL_STAGE_DST] = FL_MISS_DST,
		[FL_STAGE_PROTO] = FL_MISS_PROTO, [FL_STAGE_PORT] = FL_MISS_PORT,
		[FL_STAGE_ROUTE] = FL_MISS_ROUTE, [FL_STAGE_ALLOWED] = FL_MISS_NONE,
	};
	return misses[stage];
}

/* No rules: from anybody without a document, else from the wildcard (policy.md 12 D1). */
enum fl_stage fl_packet_judge_all(const struct fl_packet *q)
{
	const struct fl_policy_facts *f = q->node;

	if (q->p->doc != NULL && !fl_ipset_has(&q->p->fixed[FL_SET_WILDCARD]->ips, &q->src) &&
	    !fl_ipset_has(&q->p->core->served->ips, &q->src))
		return FL_STAGE_SRC;
	if (!is_usual(q->proto) && !q->any_traffic)
		return FL_STAGE_PROTO;
	if (f == NULL || (f->subnets_len == 0 && !fl_ip_is_set(&f->ip4) && !fl_ip_is_set(&f->ip6)))
		return FL_STAGE_ROUTE;
	return FL_STAGE_ALLOWED;
}

static void judge_rules(const struct fl_packet *q, struct fl_policy_verdict *v)
{
	const struct fl_policy_doc *doc = q->p->doc;
	enum fl_stage best = FL_STAGE_SRC;

	for (size_t i = 0; i < doc->rules_len && best != FL_STAGE_ALLOWED; i++) {
		if (!fl_rule_counts(&doc->rules[i]))
			continue;
		struct fl_judged j = fl_packet_judge(q, &doc->rules[i]);
		if (v->rule != NULL && j.stage <= best)
			continue;
		best = j.stage;
		v->rule = &doc->rules[i];
		v->src = j.src;
		v->dst = j.dst;
	}
	v->allowed = best == FL_STAGE_ALLOWED;
	v->why = v->allowed ? FL_WHY_RULE : FL_WHY_NO_RULE;
	v->miss = v->rule != NULL ? miss_of(best) : FL_MISS_NONE;
}

void fl_policy_explain(const struct fl_policy *p, const struct fl_policy_query *query,
		       struct fl_policy_verdict *out)
{
	struct fl_policy_verdict v = { 0 };
	struct fl_packet q = {
		.p = p,
		.src = query->src,
		.dst = query->dst,
		.proto = query->proto != 0 ? query->proto : TCP,
		.port = query->port,
		.any_port = query->any_port,
		.any_traffic = query->any_port && query->proto == 0,
	};

	fl_packet_place(&q);
	if (q.at == FL_SLOT_NONE)
		fl_packet_route(&q);
	v.router = q.routed && q.node != NULL ? q.node->id : 0;
	if (p->doc == NULL || p->doc->allow_all) {
		enum fl_stage stage = fl_packet_judge_all(&q);
		v.allowed = stage == FL_STAGE_ALLOWED;
		v.why = v.allowed ? FL_WHY_ALLOW_ALL : FL_WHY_NO_RULE;
		v.miss = miss_of(stage);
	} else {
		judge_rules(&q, &v);
	}
	*out = v;
}
