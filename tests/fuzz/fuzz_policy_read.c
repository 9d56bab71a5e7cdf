/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_policy_read.c - reading any policy: either problems with places inside the text,
 * or a document whose aliases, rules and names hang together.
 */
#include <stdlib.h>

#include "domain/policy/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_report(const struct fl_policy_report *r, size_t size)
{
	struct fl_buf text = fl_buf_make(SIZE_MAX / 2);

	check(r->len > 0);
	for (size_t i = 0; i < r->len; i++) {
		check(r->at[i].at == FL_POLICY_NOWHERE || r->at[i].at <= size);
		check(r->at[i].text[0] != '\0');
	}
	fl_policy_report_text(r, &text);
	check(fl_buf_err(&text) == FL_OK);
	fl_buf_done(&text);
}

static void check_alias(const struct fl_policy_doc *d, const struct fl_alias *a)
{
	check(a->number < d->aliases_len && a->at < d->source.len);
	const struct fl_alias *one = d->aliases[a->number];
	check(one->number == a->number && one->kind == a->kind && one->text == a->text);
	check((a->kind == FL_ALIAS_AUTOGROUP) == (a->autogroup != FL_AUTOGROUP_NONE));
}

static void check_aliases(const struct fl_policy_doc *d, const struct fl_aliases *list)
{
	for (size_t i = 0; i < list->len; i++)
		check_alias(d, &list->at[i]);
}

static void check_rule(const struct fl_policy_doc *d, const struct fl_rule *r)
{
	check(!d->allow_all);
	check_aliases(d, &r->src);
	check_aliases(d, &r->dst);
	check_aliases(d, &r->via);
	check(r->src_listed == (r->src.len > 0) && r->dst_listed == (r->dst.len > 0));
	check(!r->is_acl || (r->dst.len == 1 && r->traffic_len == 1));
	for (size_t i = 0; i < r->traffic_len; i++)
		for (size_t j = 0; j < r->traffic[i].ports_len; j++)
			check(r->traffic[i].ports[j].first <= r->traffic[i].ports[j].last);
	for (size_t i = 0; i < r->via.len; i++)
		check(fl_policy_doc_tag(d, r->via.at[i].text) != NULL);
}

static void check_names(const struct fl_policy_doc *d)
{
	for (size_t i = 0; i < d->groups_len; i++) {
		check(fl_policy_doc_group(d, d->groups[i].name) == &d->groups[i]);
		check_aliases(d, &d->groups[i].members);
	}
	for (size_t i = 0; i < d->hosts_len; i++)
		check(fl_policy_doc_host(d, d->hosts[i].name) == &d->hosts[i]);
	for (size_t i = 0; i < d->ipsets_len; i++)
		check(fl_policy_doc_ipset(d, d->ipsets[i].name) == &d->ipsets[i]);
	for (size_t i = 0; i < d->tags_len; i++) {
		check(fl_policy_doc_tag(d, d->tags[i].name) == &d->tags[i]);
		check_aliases(d, &d->tags[i].owners);
		check_aliases(d, &d->tags[i].flat);
	}
}

static void check_document(const struct fl_policy_doc *d)
{
	for (size_t i = 0; i < d->rules_len; i++)
		check_rule(d, &d->rules[i]);
	check_names(d);
	for (size_t i = 0; i < d->ssh_len; i++) {
		check_aliases(d, &d->ssh[i].src);
		check_aliases(d, &d->ssh[i].dst);
		check(d->ssh[i].users_len > 0 && d->ssh[i].period >= 0);
	}
	for (size_t i = 0; i < d->attrs_len; i++)
		check_aliases(d, &d->attrs[i].target);
	for (size_t i = 0; i < d->tests_len; i++)
		for (size_t j = 0; j < d->tests[i].accept_len; j++)
			check_alias(d, &d->tests[i].accept[j].alias);
	for (size_t i = 0; i < d->ssh_tests_len; i++) {
		check_alias(d, &d->ssh_tests[i].src);
		check_aliases(d, &d->ssh_tests[i].dst);
	}
}

static void check_users(const struct fl_policy_doc *d)
{
	static const struct fl_policy_user users[] = {
		{ 1, "a", "a@b", "", FL_ROLE_OWNER },
		{ 2, "a@b", "c@d", "p@q", FL_ROLE_MEMBER },
	};
	struct fl_policy_report report = { 0 };

	if (fl_policy_doc_users(d, users, 2, &report) != FL_OK)
		check_report(&report, d->source.len);
	fl_policy_report_done(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const domains[] = { "example.com" };
	struct fl_policy_read how = { domains, size % 2 };
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;
	enum fl_err err = fl_policy_doc_read(fl_slice_of(data, size), &how, &report, &doc);

	if (err != FL_OK) {
		check(err == FL_ERR_INVALID && doc == NULL);
		check_report(&report, size);
	} else if (doc != NULL) {
		check(report.len == 0);
		check_document(doc);
		check_users(doc);
	} else {
		check(size == 0);
	}
	fl_policy_report_done(&report);
	fl_policy_doc_free(doc);
	return 0;
}
