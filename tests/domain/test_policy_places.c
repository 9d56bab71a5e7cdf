/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_places.c - which kind of alias may stand where: every kind as a source
 * against every kind as a destination, in acls and in grants (docs/policy.md 2.5, 3.2, 13).
 */
#include "../base/table.h"

#include <stdio.h>

#include "domain/policy/document.h"

#define SELF_SOURCES "autogroup:self can only be used with users, groups, or supported autogroups"
#define NO_SOURCE    "autogroup not supported for ACL sources"
#define NO_TARGET    "autogroup not supported for ACL destinations"
#define UNKNOWN      "invalid autogroup"

static struct kind {
	const char *alias;
	const char *source;        /* what is wrong with it there; NULL: nothing */
	const char *acl_dst;       /* in an acl... */
	const char *grant_dst;     /* ...and in a grant */
	bool self_acl, self_grant; /* may a rule lead from it to autogroup:self? */
} kinds[] = {
	{ "ann@example.com", NULL, NULL, NULL, true, true },
	{ "group:g", NULL, NULL, NULL, true, true },
	{ "tag:a", NULL, NULL, NULL, false, false },
	{ "web", NULL, NULL, NULL, false, false },
	{ "100.64.0.9", NULL, NULL, NULL, false, false },
	{ "10.0.0.0/8", NULL, NULL, NULL, false, false },
	{ "*", NULL, NULL, NULL, true, false },
	{ "autogroup:member", NULL, NULL, NULL, true, true },
	{ "autogroup:tagged", NULL, NULL, NULL, false, false },
	{ "autogroup:owner", NULL, UNKNOWN, NO_TARGET, false, false },
	{ "autogroup:admin", NULL, UNKNOWN, NO_TARGET, false, false },
	{ "autogroup:danger-all", NULL, "cannot use autogroup:danger-all as a dst",
	  "cannot use autogroup:danger-all as a dst", false, false },
	{ "autogroup:internet", "autogroup:internet can only be used in ACL destinations", NULL,
	  NULL, false, false },
	{ "autogroup:self", "\"autogroup:self\" not valid on the src side of a rule", NULL, NULL,
	  false, false },
	{ "autogroup:nonroot", NO_SOURCE, NO_TARGET, NO_TARGET, false, false },
	{ "autogroup:other", NO_SOURCE, UNKNOWN, NO_TARGET, false, false },
};

static void read_rule(const char *rule, struct fl_policy_report *report)
{
	static const struct fl_policy_read how = { 0 };
	struct fl_policy_doc *doc = NULL;
	char text[1024];

	snprintf(text, sizeof text,
		 "{\"groups\":{\"group:g\":[\"ann@example.com\"]},\"tagOwners\":{\"tag:a\":[]},"
		 "\"hosts\":{\"web\":\"100.64.0.7\"},%s}",
		 rule);
	enum fl_err err = fl_policy_doc_read(fl_slice_str(text), &how, report, &doc);
	assert_err(err, report->len > 0 ? FL_ERR_INVALID : FL_OK);
	fl_policy_doc_free(doc);
}

/* The problems, in this order, and no others; those that are NULL are none. */
static void expect_problems(const char *rule, const char *const want[3])
{
	struct fl_policy_report report = { 0 };
	size_t at = 0;

	read_rule(rule, &report);
	for (size_t i = 0; i < 3; i++) {
		if (want[i] == NULL)
			continue;
		if (at == report.len || strstr(report.at[at].text, want[i]) == NULL)
			fail_msg("%s: got \"%s\", want \"%s\"", rule,
				 at < report.len ? report.at[at].text : "", want[i]);
		at++;
	}
	if (at < report.len)
		fail_msg("%s: and \"%s\"", rule, report.at[at].text);
	fl_policy_report_done(&report);
}

static bool is_self(const struct kind *k)
{
	return strcmp(k->alias, "autogroup:self") == 0;
}

static void in_acl(const struct kind *src, const struct kind *dst)
{
	char rule[256];

	snprintf(rule, sizeof rule,
		 "\"acls\":[{\"action\":\"accept\",\"src\":[\"%s\"],\"dst\":[\"%s:*\"]}]",
		 src->alias, dst->alias);
	if (dst->acl_dst != NULL && strcmp(dst->acl_dst, UNKNOWN) == 0) /* it cannot be read */
		expect_problems(rule, (const char *[3]){ UNKNOWN });
	else
		expect_problems(rule, (const char *[3]){
					      src->source,
					      dst->acl_dst,
					      is_self(dst) && !src->self_acl ? SELF_SOURCES : NULL,
				      });
}

static void in_grant(const struct kind *src, const struct kind *dst)
{
	char rule[256];

	snprintf(rule, sizeof rule,
		 "\"grants\":[{\"src\":[\"%s\"],\"dst\":[\"%s\"],\"ip\":[\"*\"]}]", src->alias,
		 dst->alias);
	expect_problems(rule, (const char *[3]){
				      src->source,
				      dst->grant_dst,
				      is_self(dst) && !src->self_grant ? SELF_SOURCES : NULL,
			      });
}

static void source_row(void **state)
{
	const struct kind *src = *state;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		in_acl(src, &kinds[i]);
		in_grant(src, &kinds[i]);
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, kinds, source_row);
	return suite_run(&s, "policy_places");
}
