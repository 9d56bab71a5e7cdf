/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/stepsets.c - sets, sides and sources after some nodes changed.
 *
 * Addresses belong to one node, so what a set loses and gains is what the nodes that moved had
 * and have. Bits turn for these nodes, and for routers that have a subnet over one of those
 * addresses.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

/* What a set loses and gains. */
struct diff {
	struct fl_ip *gone, *come;
	size_t gone_len, come_len;
};

static bool turns(const struct fl_move *m, const struct fl_policy_set *s)
{
	bool inside = m->is != NULL && fl_facts_inside(m->is, &s->ips);
	bool behind = m->is != NULL && fl_facts_behind(m->is, &s->ips);

	return inside != fl_bit(s->inside, m->slot) || behind != fl_bit(s->behind, m->slot);
}

/* Does some bit of a set turn, whose ranges stay? */
bool fl_step_turns(const struct fl_step *st, const struct fl_policy_set *s)
{
	for (size_t i = 0; i < st->len; i++) {
		if ((st->moves[i].ips || st->moves[i].subnets) && turns(&st->moves[i], s))
			return true;
	}
	return false;
}

/* ---- one set ---- */

static enum fl_err put_bit(uint64_t **bits, uint32_t words, uint32_t slot, bool on)
{
	if (on && *bits == NULL && (*bits = fl_bits_new(words)) == NULL)
		return FL_ERR_NOMEM;
	if (on)
		fl_bit_set(*bits, slot);
	else if (*bits != NULL)
		fl_bit_clear(*bits, slot);
	return FL_OK;
}

static enum fl_err turn_bits(const struct fl_step *st, struct fl_policy_set *s)
{
	uint32_t words = st->p->words;
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < st->len && err == FL_OK; i++) {
		const struct fl_move *m = &st->moves[i];
		err = put_bit(&s->inside, words, m->slot,
			      m->is != NULL && fl_facts_inside(m->is, &s->ips));
		if (err == FL_OK)
			err = put_bit(&s->behind, words, m->slot,
				      m->is != NULL && fl_facts_behind(m->is, &s->ips));
	}
	for (size_t i = 0; i < st->near_len && err == FL_OK; i++)
		err = put_bit(&s->behind, words, st->near[i],
			      fl_facts_behind(st->p->nodes[st->near[i]], &s->ips));
	return err;
}

static enum fl_err change_ips(const struct diff *d, struct fl_ipset *ips)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < d->gone_len && err == FL_OK; i++) {
		const struct fl_range r = { d->gone[i], d->gone[i] };
		err = fl_ipset_remove(ips, &r);
	}
	for (size_t i = 0; i < d->come_len && err == FL_OK; i++)
		err = fl_ipset_add_ip(ips, &d->come[i]);
	return err;
}

static enum fl_err copy_set(const struct fl_step *st, const struct fl_policy_set *old,
			    struct fl_policy_set *s)
{
	enum fl_err err = fl_ipset_copy(&old->ips, &s->ips);

	if (err == FL_OK)
		err = fl_bits_or(&s->inside, old->inside, st->p->words);
	if (err == FL_OK)
		err = fl_bits_or(&s->behind, old->behind, st->p->words);
	return err;
}

static enum fl_err change_set(const struct fl_step *st, const struct fl_policy_set *old,
			      const struct diff *d, struct fl_policy_set **out)
{
	if (d->gone_len + d->come_len == 0 && !fl_step_turns(st, old)) {
		*out = fl_policy_set_ref(old);
		return FL_OK;
	}
	struct fl_policy_set *s = fl_set_new();
	enum fl_err err = s != NULL ? copy_set(st, old, s) : FL_ERR_NOMEM;
	if (err == FL_OK)
		err = change_ips(d, &s->ips);
	if (err == FL_OK)
		err = turn_bits(st, s);
	if (err != FL_OK) {
		fl_policy_set_unref(s);
		return err;
	}
	fl_set_seal(s);
	*out = s;
	return FL_OK;
}

/* ---- aliases ---- */

static void put_ip(struct fl_ip *at, size_t *len, const struct fl_ip *ip)
{
	if (fl_ip_is_set(ip))
		at[(*len)++] = *ip;
}

static void diff_identity(const struct fl_step *st, const struct fl_who *who, struct diff *d)
{
	d->gone_len = d->come_len = 0;
	if (who->kind == FL_WHO_IPS || who->kind == FL_WHO_FAILED)
		return;
	for (size_t i = 0; i < st->len; i++) {
		const struct fl_move *m = &st->moves[i];
		bool was = m->was != NULL && fl_who_has(who, m->was);
		bool is = m->is != NULL && fl_who_has(who, m->is);
		if (was == is && !m->ips)
			continue;
		if (was) {
			put_ip(d->gone, &d->gone_len, &m->was->ip4);
			put_ip(d->gone, &d->gone_len, &m->was->ip6);
		}
		if (is) {
			put_ip(d->come, &d->come_len, &m->is->ip4);
			put_ip(d->come, &d->come_len, &m->is->ip6);
		}
	}
}

static enum fl_err step_aliases(const struct fl_step *st, struct diff *d)
{
	const struct fl_plan *plan = st->p->core->plan;
	struct fl_policy *p = st->p;
	enum fl_err err = FL_OK;

	p->sets = calloc(plan->who_len + 1, sizeof(struct fl_policy_set *));
	if (p->sets == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < plan->who_len && err == FL_OK; i++) {
		diff_identity(st, &plan->who[i], d);
		err = change_set(st, st->old->sets[i], d, &p->sets[i]);
	}
	d->gone_len = d->come_len = 0;
	for (size_t i = 0; i < FL_SET_FIXED && err == FL_OK; i++)
		err = change_set(st, st->old->fixed[i], d, &p->fixed[i]);
	return err;
}

/* ---- sides ---- */

static bool side_has(const struct fl_policy *p, const struct fl_side *side, const struct fl_ip *ip)
{
	for (size_t i = 0; i < side->alias_len; i++) {
		if (fl_ipset_has(&p->sets[side->alias[i]]->ips, ip))
			return true;
	}
	return (side->wild && fl_ipset_has(&p->fixed[FL_SET_WILDCARD]->ips, ip)) ||
	       (side->kind == FL_SIDE_ROUTES && fl_ipset_has(&p->core->served->ips, ip));
}

static void diff_ip(const struct fl_step *st, const struct fl_side *side,
		    const struct fl_policy_set *old, const struct fl_ip *ip, struct diff *d)
{
	bool was = fl_ipset_has(&old->ips, ip), is = side_has(st->p, side, ip);

	if (was && !is)
		d->gone[d->gone_len++] = *ip;
	if (is && !was)
		d->come[d->come_len++] = *ip;
}

static void diff_side(const struct fl_step *st, const struct fl_side *side,
		      const struct fl_policy_set *old, struct diff *d)
{
	d->gone_len = d->come_len = 0;
	for (size_t i = 0; i < st->len; i++) {
		const struct fl_move *m = &st->moves[i];
		if (m->was != NULL) {
			diff_ip(st, side, old, &m->was->ip4, d);
			diff_ip(st, side, old, &m->was->ip6, d);
		}
		if (m->is != NULL && (m->was == NULL || m->ips)) {
			diff_ip(st, side, old, &m->is->ip4, d);
			diff_ip(st, side, old, &m->is->ip6, d);
		}
	}
}

static bool is_touched(const struct fl_step *st, const uint32_t *alias, size_t n, bool wild)
{
	const struct fl_policy *p = st->p, *old = st->old;

	for (size_t i = 0; i < n; i++) {
		if (p->sets[alias[i]] != old->sets[alias[i]])
			return true;
	}
	return wild && p->fixed[FL_SET_WILDCARD] != old->fixed[FL_SET_WILDCARD];
}

/* Was one of the aliases as wide as all together? It is most likely still. */
static bool had_widest(const struct fl_step *st, const struct fl_side *side,
		       const struct fl_policy_set *old)
{
	for (size_t i = 0; i < side->alias_len; i++) {
		if (st->old->sets[side->alias[i]] == old)
			return true;
	}
	return side->wild && st->old->fixed[FL_SET_WILDCARD] == old;
}

static enum fl_err step_side(const struct fl_step *st, size_t i, struct diff *d)
{
	const struct fl_side *side = &st->p->core->plan->sides[i];
	struct fl_policy_set **out = &st->p->core->sides[i];
	const struct fl_policy_set *old = st->old->core->sides[i];
	bool single = side->kind == FL_SIDE_UNION && side->alias_len + side->wild == 1;

	if (single || side->kind == FL_SIDE_ALL || (side->kind == FL_SIDE_ROUTES && st->served))
		return fl_set_of_side(st->p, side, out);
	if (side->kind == FL_SIDE_UNION &&
	    !is_touched(st, side->alias, side->alias_len, side->wild)) {
		*out = fl_policy_set_ref(old);
		return FL_OK;
	}
	if (side->kind == FL_SIDE_UNION && had_widest(st, side, old))
		return fl_set_of_side(st->p, side, out);
	diff_side(st, side, old, d);
	return change_set(st, old, d, out);
}

enum fl_err fl_step_sets(const struct fl_step *st)
{
	const struct fl_plan *plan = st->p->core->plan;
	struct diff d = { .gone = calloc(4 * st->len + 1, sizeof *d.gone),
			  .come = calloc(4 * st->len + 1, sizeof *d.come) };
	enum fl_err err = FL_ERR_NOMEM;

	st->p->core->sides = calloc(plan->sides_len + 1, sizeof(struct fl_policy_set *));
	if (d.gone != NULL && d.come != NULL && st->p->core->sides != NULL)
		err = step_aliases(st, &d);
	for (size_t i = 0; i < plan->sides_len && err == FL_OK; i++)
		err = step_side(st, i, &d);
	free(d.gone);
	free(d.come);
	return err;
}

/* ---- sources ---- */

static bool is_same_source(const struct fl_step *st, const struct fl_source_spec *spec)
{
	if (spec->strings == FL_STRINGS_ANY)
		return true;
	if (spec->strings == FL_STRINGS_UNION && !spec->wild)
		return st->p->core->sides[spec->side] == st->old->core->sides[spec->side];
	return !(spec->wild && st->served) && !is_touched(st, spec->alias, spec->alias_len, false);
}

/* One that came out equal is dropped for the old one, which may have its text already. */
static enum fl_err step_source(const struct fl_step *st, size_t i)
{
	const struct fl_source_spec *spec = &st->p->core->plan->sources[i];
	struct fl_source *old = st->old->core->sources[i], *fresh = NULL;
	enum fl_err err = is_same_source(st, spec) ? FL_OK : fl_source_new(st->p, spec, &fresh);

	if (err != FL_OK)
		return err;
	if (fresh == NULL || fl_source_eq(fresh, old)) {
		fl_source_unref(fresh);
		fresh = fl_source_ref(old);
	}
	st->p->core->sources[i] = fresh;
	return FL_OK;
}

enum fl_err fl_step_sources(const struct fl_step *st)
{
	const struct fl_plan *plan = st->p->core->plan;
	enum fl_err err = FL_OK;

	st->p->core->sources = calloc(plan->sources_len + 1, sizeof(struct fl_source *));
	if (st->p->core->sources == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < plan->sources_len && err == FL_OK; i++)
		err = step_source(st, i);
	return err;
}
