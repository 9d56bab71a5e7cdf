/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/diff_traffic.c - sets of protocols and ports: union, difference, text.
 *
 * As a client's filter has it (policy.md 4.15): a rule without protocols lets TCP, UDP, ICMP and
 * ICMPv6 through, and whatever has no ports only where all ports are open. Pings that pass wherever
 * anything does are not counted.
 */
#include "domain/policy/diff_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, SCTP = 132 };

static const uint16_t usual[] = { ICMP, TCP, UDP, ICMP6 }; /* ascending */
enum { USUAL = sizeof usual / sizeof *usual };

void fl_traffic_done(struct fl_traffic_set *s)
{
	free(s->at);
	*s = (struct fl_traffic_set){ 0 };
}

static bool has_ports(unsigned proto)
{
	return proto == TCP || proto == UDP || proto == SCTP;
}

static void add_box(struct fl_traffic_set *s, uint16_t proto, uint16_t first, uint16_t last)
{
	if (!has_ports(proto) && (first > 0 || last < UINT16_MAX))
		return;
	if (s->len == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 8;
		struct fl_box *at = realloc(s->at, cap * sizeof *at);
		if (at == NULL) {
			s->failed = true;
			return;
		}
		s->at = at;
		s->cap = cap;
	}
	s->at[s->len++] = (struct fl_box){ proto, first, last };
}

void fl_traffic_add(struct fl_traffic_set *s, const struct fl_traffic *t)
{
	for (size_t i = 0; i < t->ports_len; i++) {
		const struct fl_ports *ports = &t->ports[i];
		for (size_t k = 0; t->any_proto && k < USUAL; k++)
			add_box(s, usual[k], ports->first, ports->last);
		if (!t->any_proto)
			add_box(s, t->proto, ports->first, ports->last);
	}
}

void fl_traffic_add_all(struct fl_traffic_set *s)
{
	for (size_t k = 0; k < USUAL; k++)
		add_box(s, usual[k], 0, UINT16_MAX);
}

void fl_traffic_add_boxes(struct fl_traffic_set *s, const struct fl_box *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add_box(s, at[i].proto, at[i].first, at[i].last);
}

static int compare(const void *a, const void *b)
{
	const struct fl_box *x = a, *y = b;

	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last < y->last ? -1 : x->last > y->last;
}

void fl_traffic_tidy(struct fl_traffic_set *s)
{
	size_t n = 0;

	if (s->len > 1)
		qsort(s->at, s->len, sizeof *s->at, compare);
	for (size_t i = 0; i < s->len; i++) {
		struct fl_box *last = n > 0 ? &s->at[n - 1] : NULL;
		if (last == NULL || last->proto != s->at[i].proto ||
		    (uint32_t)last->last + 1 < s->at[i].first)
			s->at[n++] = s->at[i];
		else if (last->last < s->at[i].last)
			last->last = s->at[i].last;
	}
	s->len = n;
}

void fl_traffic_less(const struct fl_traffic_set *a, const struct fl_traffic_set *b,
		     struct fl_traffic_set *out)
{
	size_t k = 0;

	for (size_t i = 0; i < a->len; i++) {
		const struct fl_box *x = &a->at[i];
		uint32_t from = x->first; /* not yet given out */
		while (k < b->len && (b->at[k].proto < x->proto ||
				      (b->at[k].proto == x->proto && b->at[k].last < x->first)))
			k++;
		for (size_t m = k; m < b->len && b->at[m].proto == x->proto; m++) {
			const struct fl_box *y = &b->at[m];
			if (y->first > x->last)
				break;
			if (y->first > from)
				add_box(out, x->proto, (uint16_t)from, (uint16_t)(y->first - 1));
			from = (uint32_t)y->last + 1;
		}
		if (from <= x->last)
			add_box(out, x->proto, (uint16_t)from, x->last);
	}
	out->failed = out->failed || a->failed || b->failed;
}

/* ---- text ---- */

/* The boxes of one protocol. */
static const struct fl_box *find(const struct fl_traffic_set *s, unsigned proto, size_t *out_len)
{
	size_t from = 0, to;

	while (from < s->len && s->at[from].proto < proto)
		from++;
	for (to = from; to < s->len && s->at[to].proto == proto; to++)
		;
	*out_len = to - from;
	return s->at + from;
}

static bool same_ports(const struct fl_box *a, size_t a_len, const struct fl_box *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++) {
		if (a[i].first != b[i].first || a[i].last != b[i].last)
			return false;
	}
	return true;
}

static void put_ports(const struct fl_box *at, size_t len, struct fl_buf *out)
{
	for (size_t i = 0; i < len; i++) {
		fl_buf_str(out, i > 0 ? "," : "");
		if (at[i].first == 0 && at[i].last == UINT16_MAX)
			fl_buf_str(out, "*");
		else if (at[i].first == at[i].last)
			fl_buf_printf(out, "%u", at[i].first);
		else
			fl_buf_printf(out, "%u-%u", at[i].first, at[i].last);
	}
}

static const char *name_of(unsigned proto, char room[static 8])
{
	switch (proto) {
	case ICMP:
		return "icmp";
	case TCP:
		return "tcp";
	case UDP:
		return "udp";
	case ICMP6:
		return "ipv6-icmp";
	case SCTP:
		return "sctp";
	default:
		snprintf(room, 8, "%u", proto);
		return room;
	}
}

static bool is_whole(const struct fl_box *at, size_t len)
{
	return len == 1 && at->first == 0 && at->last == UINT16_MAX;
}

/*
 * Which protocols stand together without a name: the four usual ones where all ports are open, TCP
 * and UDP where they have the same few. False: none do.
 */
static bool is_together(const struct fl_traffic_set *s, const struct fl_box **out, size_t *out_len,
			bool *out_all)
{
	size_t tcp_len, udp_len, icmp_len, icmp6_len;
	const struct fl_box *tcp = find(s, TCP, &tcp_len), *udp = find(s, UDP, &udp_len);
	const struct fl_box *icmp = find(s, ICMP, &icmp_len), *icmp6 = find(s, ICMP6, &icmp6_len);

	*out = tcp;
	*out_len = tcp_len;
	if (tcp_len == 0 || !same_ports(tcp, tcp_len, udp, udp_len))
		return false;
	*out_all = is_whole(tcp, tcp_len) && is_whole(icmp, icmp_len) && is_whole(icmp6, icmp6_len);
	return *out_all || !is_whole(tcp, tcp_len);
}

void fl_traffic_text(const struct fl_traffic_set *s, struct fl_buf *out)
{
	const struct fl_box *both;
	size_t both_len, len;
	bool all = false, first = true;
	bool together = is_together(s, &both, &both_len, &all);
	char room[8];

	if (together) {
		put_ports(both, both_len, out);
		first = false;
	}
	for (size_t i = 0; i < s->len; i += len) {
		unsigned proto = s->at[i].proto;
		const struct fl_box *at = find(s, proto, &len);
		bool told = together && (proto == TCP || proto == UDP ||
					 (all && (proto == ICMP || proto == ICMP6)));
		if (told)
			continue;
		fl_buf_printf(out, "%s%s:", first ? "" : " ", name_of(proto, room));
		put_ports(at, len, out);
		first = false;
	}
}
