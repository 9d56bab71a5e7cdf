/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/validate.c - what decoding lets pass and the whole document must not have: all
 * problems, in the fixed order of policy.md 2.5. Here: acls, grants, owners, approvers.
 */
#include "domain/policy/decode.h"

#include <strings.h>

static const char self_source[] =
	"autogroup:self can only be used with users, groups, or supported autogroups";

/* ---- references ---- */

void fl_validate_group(struct fl_decode *d, const struct fl_alias *a)
{
	if (fl_policy_doc_group(d->doc, a->text) == NULL)
		fl_policy_report_add(d->report, a->at, "group not defined in policy: %s",
				     fl_quoted(d->arena, a->text));
}

void fl_validate_tag(struct fl_decode *d, const struct fl_alias *a, const char *before)
{
	if (fl_policy_doc_tag(d->doc, a->text) == NULL)
		fl_policy_report_add(d->report, a->at, "%stag not found: %s", before,
				     fl_quoted(d->arena, a->text));
}

void fl_validate_host(struct fl_decode *d, const struct fl_alias *a)
{
	if (fl_policy_doc_host(d->doc, a->text) == NULL)
		fl_policy_report_add(d->report, a->at, "host not defined in policy: %s",
				     fl_quoted(d->arena, a->text));
}

void fl_validate_ipset(struct fl_decode *d, const struct fl_alias *a)
{
	if (fl_policy_doc_ipset(d->doc, a->text) == NULL)
		fl_policy_report_add(d->report, a->at, "IP set not defined in policy: %s",
				     fl_quoted(d->arena, a->text));
}

void fl_validate_domain(struct fl_decode *d, const char *domain, size_t at, const char *before)
{
	for (size_t i = 0; i < d->how->domains_len; i++)
		if (strcasecmp(d->how->domains[i], domain) == 0)
			return;
	if (d->how->domains_len == 0) /* none are known: not checked */
		return;
	fl_policy_report_add(d->report, at,
			     "%s%s is not associated with this Tailnet and cannot be used in "
			     "user:*@<domain> expressions",
			     before, domain);
}

/* ---- what acls and grants share ---- */

static void check_autogroup_source(struct fl_decode *d, const struct fl_alias *a)
{
	switch (a->autogroup) {
	case FL_AUTOGROUP_MEMBER:
	case FL_AUTOGROUP_TAGGED:
	case FL_AUTOGROUP_DANGER_ALL:
	case FL_AUTOGROUP_OWNER:
	case FL_AUTOGROUP_ADMIN:
		return;
	case FL_AUTOGROUP_INTERNET:
		fl_policy_report_add(d->report, a->at,
				     "autogroup:internet can only be used in ACL destinations");
		return;
	case FL_AUTOGROUP_SELF:
		fl_policy_report_add(d->report, a->at,
				     "\"autogroup:self\" not valid on the src side of a rule");
		return;
	case FL_AUTOGROUP_NONE:
	case FL_AUTOGROUP_NONROOT:
	case FL_AUTOGROUP_UNKNOWN:
		break;
	}
	fl_policy_report_add(d->report, a->at,
			     "autogroup not supported for ACL sources: %s, can be "
			     "[autogroup:member autogroup:tagged autogroup:danger-all]",
			     fl_quoted(d->arena, a->text));
}

static void check_autogroup_destination(struct fl_decode *d, const struct fl_alias *a)
{
	switch (a->autogroup) {
	case FL_AUTOGROUP_INTERNET:
	case FL_AUTOGROUP_MEMBER:
	case FL_AUTOGROUP_TAGGED:
	case FL_AUTOGROUP_SELF:
		return;
	case FL_AUTOGROUP_DANGER_ALL:
		fl_policy_report_add(d->report, a->at, "cannot use autogroup:danger-all as a dst");
		return;
	case FL_AUTOGROUP_NONE:
	case FL_AUTOGROUP_NONROOT:
	case FL_AUTOGROUP_OWNER:
	case FL_AUTOGROUP_ADMIN:
	case FL_AUTOGROUP_UNKNOWN:
		break;
	}
	fl_policy_report_add(d->report, a->at,
			     "autogroup not supported for ACL destinations: %s, can be "
			     "[autogroup:internet autogroup:member autogroup:tagged "
			     "autogroup:self]",
			     fl_quoted(d->arena, a->text));
}

static void check_source(struct fl_decode *d, const struct fl_alias *a)
{
	switch (a->kind) {
	case FL_ALIAS_HOST:
		fl_validate_host(d, a);
		break;
	case FL_ALIAS_IPSET:
		fl_validate_ipset(d, a);
		break;
	case FL_ALIAS_GROUP:
		fl_validate_group(d, a);
		break;
	case FL_ALIAS_TAG:
		fl_validate_tag(d, a, "src=");
		break;
	case FL_ALIAS_AUTOGROUP:
		check_autogroup_source(d, a);
		break;
	case FL_ALIAS_DOMAIN:
		fl_validate_domain(d, fl_domain_of(a->text, "user"), a->at, "");
		break;
	case FL_ALIAS_USER:
	case FL_ALIAS_PREFIX:
	case FL_ALIAS_WILDCARD:
		break;
	}
}

static void check_destination(struct fl_decode *d, const struct fl_alias *a, bool is_acl)
{
	switch (a->kind) {
	case FL_ALIAS_HOST:
		fl_validate_host(d, a);
		break;
	case FL_ALIAS_IPSET:
		fl_validate_ipset(d, a);
		break;
	case FL_ALIAS_GROUP:
		fl_validate_group(d, a);
		break;
	case FL_ALIAS_TAG:
		fl_validate_tag(d, a,
				is_acl ? fl_say(d->arena, "dst=%s: ", fl_quoted(d->arena, a->text))
				       : "");
		break;
	case FL_ALIAS_AUTOGROUP:
		check_autogroup_destination(d, a);
		break;
	case FL_ALIAS_USER:
	case FL_ALIAS_DOMAIN:
	case FL_ALIAS_PREFIX:
	case FL_ALIAS_WILDCARD:
		break;
	}
}

static bool may_use_self(const struct fl_alias *a, bool is_acl)
{
	return a->kind == FL_ALIAS_USER || a->kind == FL_ALIAS_DOMAIN ||
	       a->kind == FL_ALIAS_GROUP || a->autogroup == FL_AUTOGROUP_MEMBER ||
	       (is_acl && a->kind == FL_ALIAS_WILDCARD);
}

static void check_self_sources(struct fl_decode *d, const struct fl_aliases *src, bool is_acl)
{
	for (size_t i = 0; i < src->len; i++) {
		if (may_use_self(&src->at[i], is_acl))
			continue;
		fl_policy_report_add(d->report, src->at[i].at, "%s", self_source);
		return;
	}
}

/* ---- acls ---- */

/* Only these have ports; every other protocol needs "*". */
static void check_ports(struct fl_decode *d, const struct fl_acl *a)
{
	if (!a->proto.given || a->proto.number == 6 || a->proto.number == 17 ||
	    a->proto.number == 132)
		return;
	for (size_t i = 0; i < a->dst_len; i++) {
		for (size_t j = 0; j < a->dst[i].ports_len; j++) {
			if (fl_ports_are_all(&a->dst[i].ports[j]))
				continue;
			fl_policy_report_add(d->report, a->dst[i].alias.at,
					     "protocol does not support specific ports: %s, only "
					     "\"*\" is allowed",
					     fl_quoted(d->arena, a->proto.text));
			return;
		}
	}
}

static void check_acl(struct fl_decode *d, const struct fl_acl *a)
{
	bool self = false;

	for (size_t i = 0; i < a->src.len; i++)
		check_source(d, &a->src.at[i]);
	for (size_t i = 0; i < a->dst_len; i++) {
		check_destination(d, &a->dst[i].alias, true);
		self |= a->dst[i].alias.autogroup == FL_AUTOGROUP_SELF;
	}
	check_ports(d, a);
	if (self)
		check_self_sources(d, &a->src, true);
}

/* ---- grants ---- */

static void check_capability(struct fl_decode *d, const struct fl_rule *g, const char *name)
{
	static const char *const allowed[] = {
		"drive", "relay", "webui", "kubernetes", "tsidp", "secrets",
	};
	static const char own[] = "tailscale.com/", cap[] = "cap/";

	if (strstr(name, "://") != NULL) {
		fl_policy_report_add(d->report, g->at,
				     "capability name must have the form {domain}/{path}");
		return;
	}
	if (strncmp(name, own, strlen(own)) != 0)
		return;
	const char *path = name + strlen(own);
	if (strncmp(path, cap, strlen(cap)) == 0)
		for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
			if (strcmp(path + strlen(cap), allowed[i]) == 0)
				return;
	fl_policy_report_add(d->report, g->at,
			     "capability name must not be in the tailscale.com domain");
}

static const struct fl_alias *find_autogroup(const struct fl_aliases *list, enum fl_autogroup which)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->at[i].autogroup == which)
			return &list->at[i];
	return NULL;
}

static void check_app(struct fl_decode *d, const struct fl_rule *g)
{
	const struct fl_alias *internet = find_autogroup(&g->dst, FL_AUTOGROUP_INTERNET);

	if (g->traffic_len == 0 && g->app_len == 0)
		fl_policy_report_add(d->report, g->at, "ip and app can not both be empty");
	for (size_t i = 0; i < g->app_len; i++)
		check_capability(d, g, g->app[i].name);
	if (g->app_len > 0 && internet != NULL)
		fl_policy_report_add(d->report, internet->at,
				     "cannot use app grants with autogroup:internet");
}

static void check_default_route(struct fl_decode *d, const struct fl_rule *g)
{
	for (size_t i = 0; i < g->dst.len; i++) {
		const struct fl_alias *a = &g->dst.at[i];
		char text[FL_PREFIX_TEXT_MAX];
		if (a->kind != FL_ALIAS_PREFIX || a->prefix.bits != 0)
			continue;
		fl_prefix_format(&a->prefix, text);
		fl_policy_report_add(d->report, a->at,
				     "dst \"%s\": to allow all IP addresses, use \"*\" or "
				     "\"autogroup:internet\"",
				     text);
		return;
	}
}

static void check_grant(struct fl_decode *d, const struct fl_rule *g)
{
	check_app(d, g);
	check_default_route(d, g);
	for (size_t i = 0; i < g->src.len; i++)
		check_source(d, &g->src.at[i]);
	for (size_t i = 0; i < g->dst.len; i++)
		check_destination(d, &g->dst.at[i], false);
	for (size_t i = 0; i < g->via.len; i++)
		if (fl_policy_doc_tag(d->doc, g->via.at[i].text) == NULL)
			fl_policy_report_add(d->report, g->via.at[i].at, "tag %s not found",
					     fl_quoted(d->arena, g->via.at[i].text));
	if (find_autogroup(&g->dst, FL_AUTOGROUP_SELF) != NULL)
		check_self_sources(d, &g->src, false);
}

/* ---- groups, owners, approvers ---- */

static void check_keepers(struct fl_decode *d, const struct fl_aliases *who)
{
	for (size_t i = 0; i < who->len; i++) {
		if (who->at[i].kind == FL_ALIAS_GROUP)
			fl_validate_group(d, &who->at[i]);
		else if (who->at[i].kind == FL_ALIAS_TAG)
			fl_validate_tag(d, &who->at[i], "");
	}
}

/* The chain of tags is told once, at its first gap. */
static void check_tag_chain(struct fl_decode *d)
{
	for (size_t i = 0; i < d->doc->tags_len; i++) {
		const struct fl_policy_tag *t = &d->doc->tags[i];
		for (size_t j = 0; j < t->owners.len; j++) {
			const struct fl_alias *a = &t->owners.at[j];
			if (a->kind != FL_ALIAS_TAG || fl_policy_doc_tag(d->doc, a->text) != NULL)
				continue;
			fl_policy_report_add(d->report, a->at, "tag %s references undefined tag %s",
					     fl_quoted(d->arena, t->name),
					     fl_quoted(d->arena, a->text));
			return;
		}
	}
}

/* Ours alone: the reference knows no domains in groups. */
static void check_group_domains(struct fl_decode *d)
{
	for (size_t i = 0; i < d->doc->groups_len; i++) {
		const struct fl_aliases *m = &d->doc->groups[i].members;
		for (size_t j = 0; j < m->len; j++)
			if (m->at[j].kind == FL_ALIAS_DOMAIN)
				fl_validate_domain(d, fl_domain_of(m->at[j].text, "user"),
						   m->at[j].at, "");
	}
}

void fl_validate(struct fl_decode *d)
{
	for (size_t i = 0; i < d->acls_len; i++)
		check_acl(d, &d->acls[i]);
	fl_validate_ssh(d);
	for (size_t i = 0; i < d->grants_len; i++)
		check_grant(d, &d->grants[i]);
	fl_validate_attrs(d);
	for (size_t i = 0; i < d->doc->tags_len; i++)
		check_keepers(d, &d->doc->tags[i].owners);
	check_tag_chain(d);
	for (size_t i = 0; i < d->doc->approvers_len; i++)
		check_keepers(d, &d->doc->approvers[i].who);
	check_keepers(d, &d->doc->exit_approvers.who);
	check_group_domains(d);
	fl_validate_ipsets(d);
	fl_validate_tests(d);
	fl_validate_ssh_tests(d);
}
