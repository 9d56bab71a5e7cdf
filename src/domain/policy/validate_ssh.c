/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/validate_ssh.c - the ssh section as a whole (policy.md 2.5 item 2, 6.1). */
#include "domain/policy/decode.h"

static const int64_t period_max = (int64_t)168 * 3600 * 1000 * 1000 * 1000;

static void check_users(struct fl_decode *d, const struct fl_ssh_rule *r)
{
	if (r->users_len == 0)
		fl_policy_report_add(d->report, r->at, "users must be specified");
	for (size_t i = 0; i < r->users_len; i++) {
		const char *user = r->users[i], *domain = fl_domain_of(user, "localpart");
		if (*user == '\0' || strcmp(user, "*") == 0)
			fl_policy_report_add(d->report, r->at, "user \"%s\" is not valid", user);
		else if (domain != NULL)
			fl_validate_domain(d, domain, r->at, "");
	}
	for (size_t i = 0; i < r->accept_env_len; i++)
		if (*r->accept_env[i] == '\0')
			fl_policy_report_add(d->report, r->at, "acceptEnv values cannot be empty");
}

static void refuse_autogroup(struct fl_decode *d, const struct fl_alias *a, const char *where,
			     const char *known)
{
	if (a->autogroup == FL_AUTOGROUP_INTERNET)
		fl_policy_report_add(d->report, a->at,
				     "autogroup:internet can only be used in ACL destinations");
	else
		fl_policy_report_add(d->report, a->at,
				     "autogroup not supported for SSH %s: %s, can be [%s]", where,
				     fl_quoted(d->arena, a->text), known);
}

static void check_source(struct fl_decode *d, const struct fl_alias *a)
{
	if (a->kind == FL_ALIAS_GROUP)
		fl_validate_group(d, a);
	else if (a->kind == FL_ALIAS_TAG)
		fl_validate_tag(d, a, "");
	else if (a->kind == FL_ALIAS_DOMAIN)
		fl_validate_domain(d, fl_domain_of(a->text, "user"), a->at, "[ssh] ");
	else if (a->kind == FL_ALIAS_AUTOGROUP && a->autogroup != FL_AUTOGROUP_MEMBER &&
		 a->autogroup != FL_AUTOGROUP_TAGGED && a->autogroup != FL_AUTOGROUP_OWNER &&
		 a->autogroup != FL_AUTOGROUP_ADMIN)
		refuse_autogroup(d, a, "sources", "autogroup:member autogroup:tagged");
}

static void check_destination(struct fl_decode *d, const struct fl_alias *a)
{
	if (a->kind == FL_ALIAS_HOST)
		fl_policy_report_add(d->report, a->at, "invalid dst %s",
				     fl_quoted(d->arena, a->text));
	else if (a->kind == FL_ALIAS_TAG)
		fl_validate_tag(d, a, "");
	else if (a->kind == FL_ALIAS_AUTOGROUP && a->autogroup != FL_AUTOGROUP_MEMBER &&
		 a->autogroup != FL_AUTOGROUP_TAGGED && a->autogroup != FL_AUTOGROUP_SELF)
		refuse_autogroup(d, a, "destinations",
				 "autogroup:member autogroup:tagged autogroup:self");
}

static bool has_tagged(const struct fl_aliases *src)
{
	for (size_t i = 0; i < src->len; i++)
		if (src->at[i].kind == FL_ALIAS_TAG || src->at[i].autogroup == FL_AUTOGROUP_TAGGED)
			return true;
	return false;
}

static bool is_only(const struct fl_aliases *src, const struct fl_alias *user)
{
	for (size_t i = 0; i < src->len; i++)
		if (src->at[i].number != user->number)
			return false;
	return src->len > 0;
}

/* Why these sources may not reach a destination, NULL if they may. */
static const char *judge_pair(struct fl_decode *d, const struct fl_aliases *src, bool tagged,
			      const struct fl_alias *dst)
{
	if (dst->kind == FL_ALIAS_USER && tagged)
		return fl_say(d->arena,
			      "tags in SSH source cannot access user-owned devices (%s); use "
			      "autogroup:tagged or specific tags as destinations instead",
			      dst->text);
	if (dst->kind == FL_ALIAS_USER && !is_only(src, dst))
		return fl_say(d->arena,
			      "user destination requires source to contain only that same user "
			      "%s; use autogroup:self instead for same-user SSH access",
			      fl_quoted(d->arena, dst->text));
	if (dst->autogroup == FL_AUTOGROUP_SELF && tagged)
		return "autogroup:self destination requires source to contain only users or "
		       "groups, not tags or autogroup:tagged";
	if (dst->autogroup == FL_AUTOGROUP_MEMBER && tagged)
		return "tags in SSH source cannot access autogroup:member (user-owned devices)";
	return NULL;
}

static void check_pairs(struct fl_decode *d, const struct fl_ssh_rule *r)
{
	bool tagged = has_tagged(&r->src);

	for (size_t i = 0; i < r->dst.len; i++) {
		const char *cause = judge_pair(d, &r->src, tagged, &r->dst.at[i]);
		if (cause == NULL)
			continue;
		fl_policy_report_add(d->report, r->dst.at[i].at, "%s", cause);
		return; /* the first one is enough */
	}
}

static void check_period(struct fl_decode *d, const struct fl_ssh_rule *r)
{
	char text[FL_GO_DURATION_TEXT_MAX];

	if (r->period_kind == FL_SSH_PERIOD_DEFAULT)
		return;
	if (!r->check) {
		fl_policy_report_add(d->report, r->at,
				     "checkPeriod is only valid with action \"check\"");
		return;
	}
	if (r->period_kind == FL_SSH_PERIOD_ALWAYS)
		return;
	fl_go_duration_format(r->period, text);
	if (r->period < 0)
		fl_policy_report_add(d->report, r->at, "checkPeriod %s must be a positive duration",
				     text);
	else if (r->period > period_max)
		fl_policy_report_add(d->report, r->at, "checkPeriod %s is above the max (168h)",
				     text);
}

void fl_validate_ssh(struct fl_decode *d)
{
	for (size_t i = 0; i < d->ssh_len; i++) {
		const struct fl_ssh_rule *r = &d->ssh[i].rule;
		if (!d->ssh[i].action_given)
			fl_policy_report_add(d->report, r->at, "action must be specified");
		check_users(d, r);
		for (size_t j = 0; j < r->src.len; j++)
			check_source(d, &r->src.at[j]);
		for (size_t j = 0; j < r->dst.len; j++)
			check_destination(d, &r->dst.at[j]);
		check_pairs(d, r);
		check_period(d, r);
	}
}
