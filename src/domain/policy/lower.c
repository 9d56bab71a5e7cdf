/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/lower.c - acls become rules like those of grants, in the order in which rules count
 * (policy.md 4.1): grants, then acls, one rule a destination.
 */
#include "domain/policy/decode.h"

static struct fl_rule *lower_dst(struct fl_decode *d, uint32_t entry, const struct fl_dst *dst,
				 struct fl_rule *out)
{
	const struct fl_acl *a = &d->acls[entry];
	struct fl_alias *alias = fl_arena_array(d->arena, 1, sizeof *alias);
	struct fl_traffic *traffic = fl_arena_array(d->arena, 1, sizeof *traffic);

	if (alias == NULL || traffic == NULL)
		return NULL;
	*alias = dst->alias;
	*traffic = (struct fl_traffic){
		.any_proto = !a->proto.given,
		.proto = a->proto.number,
		.ports = dst->ports,
		.ports_len = dst->ports_len,
		.text = a->proto.given ? fl_say(d->arena, "%s:%s", a->proto.text, dst->ports_text)
				       : dst->ports_text,
	};
	*out = (struct fl_rule){
		.is_acl = true,
		.entry = entry,
		.at = a->at,
		.src = a->src,
		.dst = { alias, 1 },
		.src_listed = a->src.len > 0,
		.dst_listed = true,
		.traffic = traffic,
		.traffic_len = 1,
	};
	return out + 1;
}

static bool has_only_autogroups(const struct fl_acl *a)
{
	for (size_t i = 0; i < a->dst_len; i++)
		if (a->dst[i].alias.kind != FL_ALIAS_AUTOGROUP)
			return false;
	return true;
}

/* autogroup:self goes last unless every destination is an autogroup. */
static struct fl_rule *lower_acl(struct fl_decode *d, uint32_t entry, struct fl_rule *out)
{
	const struct fl_acl *a = &d->acls[entry];
	bool as_written = has_only_autogroups(a);

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < a->dst_len && out != NULL; i++) {
			bool last = !as_written && a->dst[i].alias.autogroup == FL_AUTOGROUP_SELF;
			if (last == (pass == 1))
				out = lower_dst(d, entry, &a->dst[i], out);
		}
	}
	return out;
}

enum fl_err fl_policy_lower(struct fl_decode *d)
{
	struct fl_policy_doc *doc = d->doc;
	size_t len = d->grants_len;

	for (size_t i = 0; i < d->acls_len; i++)
		len += d->acls[i].dst_len;
	doc->rules = fl_arena_array(d->arena, len, sizeof *doc->rules);
	if (doc->rules == NULL)
		return d->arena->err;
	if (d->grants_len > 0)
		memcpy(doc->rules, d->grants, d->grants_len * sizeof *d->grants);
	struct fl_rule *next = doc->rules + d->grants_len;
	for (size_t i = 0; i < d->acls_len && next != NULL; i++)
		next = lower_acl(d, (uint32_t)i, next);
	if (next == NULL)
		return d->arena->err;
	doc->rules_len = len;
	doc->allow_all = !d->acls_given && !d->grants_given;
	return FL_OK;
}
