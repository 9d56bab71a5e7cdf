/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/address.c - the addresses of nodes: taken within a tick, freed by its commit.
 *
 * An address that a deleted node had is not given away before the deletion is durable, because
 * the deletion may still be undone (IP-3).
 */
#include "domain/state/inner.h"

static struct fl_ipam *ipam_of(const struct fl_state *s, const struct fl_ip *ip)
{
	return s->ipam[ip->family == FL_IP_V6];
}

/* A pool of the policy is for IPv4; exhausted, it is an error: others are not for this node. */
static enum fl_err take_from(const struct fl_state *s, const struct fl_node *n,
			     struct fl_ipam *ipam, struct fl_ip *out)
{
	const struct fl_prefix *pools;
	size_t count;

	if (ipam == s->ipam[0] && s->judge.pool != NULL &&
	    s->judge.pool(s->judge.ctx, n, &pools, &count))
		return fl_ipam_take_from(ipam, pools, count, out);
	return fl_ipam_take(ipam, out);
}

static enum fl_err take(struct fl_state *s, const struct fl_node *n, struct fl_ipam *ipam,
			struct fl_ip *out)
{
	struct fl_ip *at = fl_state_grow(s->taken, &s->taken_cap, s->taken_len, sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	s->taken = at;
	enum fl_err err = take_from(s, n, ipam, out);
	if (err == FL_OK)
		at[s->taken_len++] = *out;
	return err;
}

enum fl_err fl_state_take_addresses(struct fl_state *s, struct fl_node *n)
{
	struct fl_ip *ip[2] = { &n->ip4, &n->ip6 };

	for (int i = 0; i < 2; i++) {
		if (s->ipam[i] == NULL || fl_ip_is_set(ip[i]))
			continue;
		enum fl_err err = take(s, n, s->ipam[i], ip[i]);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

enum fl_err fl_state_free_address(struct fl_state *s, const struct fl_ip *ip)
{
	if (!fl_ip_is_set(ip))
		return FL_OK;
	struct fl_ip *at = fl_state_grow(s->freed, &s->freed_cap, s->freed_len, sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	s->freed = at;
	at[s->freed_len++] = *ip;
	return FL_OK;
}

enum fl_err fl_state_mark_address(struct fl_state *s, const struct fl_ip *ip)
{
	if (!fl_ip_is_set(ip) || ipam_of(s, ip) == NULL)
		return FL_OK;
	return fl_ipam_mark(ipam_of(s, ip), ip);
}

void fl_state_release_address(struct fl_state *s, const struct fl_ip *ip)
{
	if (ipam_of(s, ip) != NULL)
		fl_ipam_release(ipam_of(s, ip), ip);
}

/* Brings one node to the families that are on. Says whether that changed it. */
static enum fl_err backfill(struct fl_state *s, const struct fl_node *n, bool *out_changed)
{
	struct fl_node *c = fl_node_copy(n);
	if (c == NULL)
		return FL_ERR_NOMEM;

	struct fl_ip *ip[2] = { &c->ip4, &c->ip6 };
	enum fl_err err = fl_state_take_addresses(s, c);
	for (int i = 0; i < 2 && err == FL_OK; i++) {
		if (s->ipam[i] != NULL || !fl_ip_is_set(ip[i]))
			continue;
		err = fl_state_free_address(s, ip[i]);
		*ip[i] = (struct fl_ip){ 0 };
	}
	*out_changed = !fl_ip_eq(&c->ip4, &n->ip4) || !fl_ip_eq(&c->ip6, &n->ip6);
	if (err != FL_OK || !*out_changed) {
		fl_node_unref(c);
		return err;
	}
	err = fl_state_put(s, FL_RECORD_NODE, n->id, c);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_NODE_CHANGED, n->id, 0, 0);
	return err;
}

enum fl_err fl_state_backfill_ips(struct fl_state *s, size_t *out_changed, struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_table *t = &s->table[FL_RECORD_NODE];
	size_t count = 0;
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < t->len && err == FL_OK; i++) {
		bool changed = false;
		err = backfill(s, t->at[i], &changed);
		count += changed;
	}
	if (err == FL_ERR_FULL)
		fl_fault_set(fault, err,
			     "no free address left for every node: use larger prefixes");
	if (err == FL_OK)
		*out_changed = count;
	return fl_state_end(s, &sp, err);
}
