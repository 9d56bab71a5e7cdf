/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/validate_tests.c - the shape of tests and sshTests (policy.md 8.2, 8.4). All that
 * is wrong in a block makes one problem of the document. What passes becomes the public form.
 */
#include "domain/policy/decode.h"

/* The violations of one block, gathered apart. */
struct block {
	struct fl_decode *d;
	struct fl_policy_report found;
};

static void end_block(struct block *b)
{
	struct fl_buf text = fl_buf_make(SIZE_MAX / 2);

	fl_policy_report_text(&b->found, &text);
	fl_buf_byte(&text, '\0');
	if (fl_buf_err(&text) != FL_OK || b->found.nomem)
		b->d->report->nomem = true;
	else if (b->found.len > 0)
		fl_policy_report_add(b->d->report, b->found.at[0].at, "test(s) failed:\n%s",
				     (const char *)text.ptr);
	fl_buf_done(&text);
	fl_policy_report_done(&b->found);
}

static bool is_single(const struct fl_prefix *p)
{
	return p->bits == fl_ip_width(&p->ip);
}

/* A host alias of more than one address? Unknown ones fail when the test runs. */
static bool is_wide_host(struct fl_decode *d, const struct fl_alias *a)
{
	const struct fl_policy_host *h =
		a->kind == FL_ALIAS_HOST ? fl_policy_doc_host(d->doc, a->text) : NULL;
	return h != NULL && !is_single(&h->prefix);
}

/* ---- tests ---- */

static const char *judge_dst(struct fl_decode *d, const struct fl_dst *dst)
{
	const struct fl_alias *a = &dst->alias;

	if (a->autogroup == FL_AUTOGROUP_INTERNET)
		return "autogroup:internet not valid as a test destination";
	if (dst->ports_len != 1 || dst->ports[0].first != dst->ports[0].last)
		return "test destination port must be a single port";
	if ((a->kind == FL_ALIAS_PREFIX && strchr(a->text, '/') != NULL) ||
	    a->kind == FL_ALIAS_IPSET || is_wide_host(d, a))
		return "test destination must be a single host, not a CIDR range";
	return NULL;
}

static struct fl_test_dst *read_list(struct block *b, size_t index, const char *list,
				     const struct fl_word *words, size_t len)
{
	struct fl_decode *d = b->d;
	struct fl_test_dst *out = fl_arena_array(d->arena, len, sizeof *out);

	for (size_t i = 0; out != NULL && i < len; i++) {
		struct fl_dst dst = { .ports_len = 0 };
		const char *cause = fl_dst_parse(d, words[i].text, words[i].at, &dst);
		if (cause == NULL)
			cause = judge_dst(d, &dst);
		if (cause != NULL)
			fl_policy_report_add(&b->found, words[i].at, "test %zu, %s %s: %s", index,
					     list, fl_quoted(d->arena, words[i].text), cause);
		else
			out[i] = (struct fl_test_dst){ .text = words[i].text,
						       .alias = dst.alias,
						       .port = dst.ports[0].first };
	}
	return out;
}

static bool is_test_proto(const struct fl_proto *p)
{
	return !p->given || p->number == 6 || p->number == 17 || p->number == 132;
}

static void read_test(struct block *b, size_t i, struct fl_policy_test *out)
{
	const struct fl_raw_test *t = &b->d->tests[i];

	if (t->accept_len == 0 && t->deny_len == 0)
		fl_policy_report_add(&b->found, t->at,
				     "test %zu: test entry must have at least one of \"accept\" or "
				     "\"deny\"",
				     i);
	if (!is_test_proto(&t->proto))
		fl_policy_report_add(&b->found, t->at,
				     "test %zu: test protocol must be tcp, udp, sctp, or empty: %s",
				     i, fl_quoted(b->d->arena, t->proto.text));
	*out = (struct fl_policy_test){
		.src = t->src,
		.proto = t->proto.text,
		.accept = read_list(b, i, "accept", t->accept, t->accept_len),
		.deny = read_list(b, i, "deny", t->deny, t->deny_len),
		.accept_len = t->accept_len,
		.deny_len = t->deny_len,
		.at = t->at,
	};
}

void fl_validate_tests(struct fl_decode *d)
{
	struct block b = { .d = d };
	struct fl_policy_doc *doc = d->doc;

	doc->tests = fl_arena_array(d->arena, d->tests_len, sizeof *doc->tests);
	if (doc->tests == NULL)
		return;
	doc->tests_len = d->tests_len;
	for (size_t i = 0; i < d->tests_len; i++)
		read_test(&b, i, &doc->tests[i]);
	end_block(&b);
}

/* ---- sshTests ---- */

static bool is_allowed(struct fl_decode *d, const struct fl_alias *a)
{
	if (a->kind == FL_ALIAS_PREFIX && !is_single(&a->prefix))
		return false;
	return a->autogroup != FL_AUTOGROUP_INTERNET && a->kind != FL_ALIAS_IPSET &&
	       !is_wide_host(d, a);
}

static void check_ssh_dst(struct block *b, size_t i, const struct fl_alias *a)
{
	struct fl_decode *d = b->d;

	if (a->kind == FL_ALIAS_TAG && fl_policy_doc_tag(d->doc, a->text) == NULL)
		fl_policy_report_add(&b->found, a->at,
				     "sshTest %zu: SSH tests dst contains unknown tag %s", i,
				     fl_quoted(d->arena, a->text));
	else if (!is_allowed(d, a))
		fl_policy_report_add(&b->found, a->at,
				     "sshTest %zu: SSH tests dst contains disallowed element %s", i,
				     fl_quoted(d->arena, a->text));
}

void fl_validate_ssh_tests(struct fl_decode *d)
{
	struct block b = { .d = d };
	struct fl_policy_doc *doc = d->doc;

	doc->ssh_tests = fl_arena_array(d->arena, d->ssh_tests_len, sizeof *doc->ssh_tests);
	if (doc->ssh_tests == NULL)
		return;
	doc->ssh_tests_len = d->ssh_tests_len;
	for (size_t i = 0; i < d->ssh_tests_len; i++) {
		const struct fl_raw_ssh_test *t = &d->ssh_tests[i];
		if (!t->src_given)
			fl_policy_report_add(
				&b.found, t->test.at,
				"sshTest %zu: SSH tests entry must have a non-empty src", i);
		if (t->test.dst.len == 0)
			fl_policy_report_add(&b.found, t->test.at,
					     "sshTest %zu: SSH tests entry must have at least one "
					     "dst",
					     i);
		for (size_t j = 0; j < t->test.dst.len; j++)
			check_ssh_dst(&b, i, &t->test.dst.at[j]);
		doc->ssh_tests[i] = t->test;
	}
	end_block(&b);
}
