/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/tests.c - what a document claims about itself: `tests`, and the report of both
 * blocks.
 *
 * A test is held against the rules that every node has; those of autogroup:self and via are none
 * (policy.md 8.3). Sources and destinations are ranges, and overlap is enough on both sides.
 */
#include "domain/policy/tests.h"

#include "domain/policy/decode.h"

enum { LINES_MAX = 1 << 28 };

/* ---- lines ---- */

void fl_test_begin(struct fl_test_lines *l, size_t at)
{
	if (l->text.len > 0)
		fl_buf_byte(&l->text, '\n');
	else
		l->at = at;
}

void fl_test_quote(struct fl_test_lines *l, const char *text)
{
	fl_go_quote(&l->text, fl_slice_str(text));
}

static enum fl_err report_block(struct fl_test_lines *l, struct fl_policy_report *report)
{
	if (l->text.len == 0)
		return FL_OK;
	fl_buf_byte(&l->text, '\0');
	if (fl_buf_err(&l->text) != FL_OK)
		return FL_ERR_NOMEM;
	fl_policy_report_add(report, l->at, "test(s) failed:\n%s", (const char *)l->text.ptr);
	return report->nomem ? FL_ERR_NOMEM : FL_ERR_INVALID;
}

/* ---- one question: does the source reach a destination? ---- */

struct question {
	const struct fl_policy *p;
	const struct fl_policy_test *test;
	unsigned proto; /* 0: not restricted */
	const struct fl_ipset *dst;
	uint16_t port;
};

static unsigned proto_of(const char *text)
{
	return strcmp(text, "tcp") == 0 ? 6 : strcmp(text, "udp") == 0 ? 17 : *text ? 132 : 0;
}

/* Without a protocol a test asks for what clients let through without one. */
static bool fits_proto(const struct question *q, const struct fl_traffic *t)
{
	if (t->any_proto)
		return true;
	if (q->proto != 0)
		return t->proto == q->proto;
	return t->proto == 6 || t->proto == 17 || t->proto == 1 || t->proto == 58;
}

static bool fits_traffic(const struct question *q, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->traffic_len; i++) {
		const struct fl_traffic *t = &r->traffic[i];
		for (size_t k = 0; k < t->ports_len && fits_proto(q, t); k++) {
			if (t->ports[k].first <= q->port && q->port <= t->ports[k].last)
				return true;
		}
	}
	return false;
}

/* Sources apart. No rule at all lets everything through. */
static bool fits(const struct question *q, const struct fl_policy_edge *e)
{
	return e->kind == FL_EDGE_PORTS && (e->rule == NULL || fits_traffic(q, e->rule)) &&
	       fl_ipset_overlaps_set(&e->dst->ips, q->dst);
}

/* Without rules it is the filter that counts, which names the wildcard (policy.md 12 D1). */
static bool comes_from(const struct fl_policy *p, const struct fl_policy_edge *e,
		       const struct fl_range *src)
{
	if (e->rule != NULL)
		return fl_ipset_overlaps(&e->src->ips, src);
	return fl_ipset_overlaps(&p->fixed[FL_SET_WILDCARD]->ips, src) ||
	       fl_ipset_overlaps(&p->core->served->ips, src);
}

static bool reaches(const struct question *q, const struct fl_range *src)
{
	for (size_t i = 0; i < q->p->edges_len; i++) {
		const struct fl_policy_edge *e = &q->p->edges[i];
		if (comes_from(q->p, e, src) && fits(q, e))
			return true;
	}
	return false;
}

/* Each prefix of the source has to. */
static bool all_reach(const struct question *q, const struct fl_ipset *src)
{
	struct fl_prefix prefix;

	for (size_t i = 0; i < src->len; i++) {
		struct fl_range rest = src->at[i];
		while (fl_range_next_prefix(&rest, &prefix)) {
			const struct fl_range r = fl_range_of(&prefix);
			if (!reaches(q, &r))
				return false;
		}
	}
	return true;
}

/* ---- one test ---- */

enum round { ROUND_ERRORS, ROUND_ACCEPT, ROUND_DENY };

static void put_suffix(struct fl_test_lines *l, const struct fl_policy_test *t)
{
	if (*t->proto != '\0')
		fl_buf_printf(&l->text, " (%s)", t->proto);
}

static void begin_error(struct fl_test_lines *l, const struct fl_policy_test *t)
{
	fl_test_begin(l, t->at);
	fl_buf_str(&l->text, t->src);
	put_suffix(l, t);
	fl_buf_str(&l->text, ": ");
}

static void fail_dst(struct fl_test_lines *l, const struct fl_policy_test *t,
		     const struct fl_test_dst *dst, const char *why)
{
	begin_error(l, t);
	fl_buf_str(&l->text, "error testing ");
	fl_test_quote(l, dst->text);
	if (why != NULL) {
		fl_buf_str(&l->text, ": resolving destination: ");
		fl_buf_str(&l->text, why);
		return;
	}
	fl_buf_str(&l->text, ": destination resolved to no IP addresses: ");
	fl_test_quote(l, dst->text);
}

static void fail_verdict(struct fl_test_lines *l, const struct fl_policy_test *t,
			 const struct fl_test_dst *dst, bool want)
{
	fl_test_begin(l, t->at);
	fl_buf_str(&l->text, t->src);
	fl_buf_str(&l->text, " -> ");
	fl_buf_str(&l->text, dst->text);
	put_suffix(l, t);
	fl_buf_str(&l->text,
		   want ? ": expected ALLOWED, got DENIED" : ": expected DENIED, got ALLOWED");
}

static void try_dst(struct question *q, const struct fl_ipset *src, const struct fl_test_dst *dst,
		    enum round round, struct fl_test_lines *l)
{
	const struct fl_policy_set *s = fl_policy_alias(q->p, &dst->alias);
	bool want = round == ROUND_ACCEPT;

	if (s->failed || s->ips.len == 0) {
		if (round == ROUND_ERRORS)
			fail_dst(l, q->test, dst, s->failed ? s->why : NULL);
		return;
	}
	if (round == ROUND_ERRORS)
		return;
	q->dst = &s->ips;
	q->port = dst->port;
	if (all_reach(q, src) != want)
		fail_verdict(l, q->test, dst, want);
}

/* Errors of both lists come first, then what was judged. */
static void try_all(struct question *q, const struct fl_ipset *src, struct fl_test_lines *l)
{
	const struct fl_policy_test *t = q->test;

	for (size_t i = 0; i < t->accept_len; i++)
		try_dst(q, src, &t->accept[i], ROUND_ERRORS, l);
	for (size_t i = 0; i < t->deny_len; i++)
		try_dst(q, src, &t->deny[i], ROUND_ERRORS, l);
	for (size_t i = 0; i < t->accept_len; i++)
		try_dst(q, src, &t->accept[i], ROUND_ACCEPT, l);
	for (size_t i = 0; i < t->deny_len; i++)
		try_dst(q, src, &t->deny[i], ROUND_DENY, l);
}

static void fail_src(struct fl_test_lines *l, const struct fl_policy_test *t, const char *step,
		     const char *why)
{
	begin_error(l, t);
	fl_buf_str(&l->text, "failed to resolve source ");
	fl_test_quote(l, t->src);
	fl_buf_str(&l->text, step);
	fl_buf_str(&l->text, why);
}

static enum fl_err run_test(const struct fl_policy *p, const struct fl_policy_test *t,
			    struct fl_test_lines *l)
{
	struct question q = { .p = p, .test = t, .proto = proto_of(t->proto) };
	struct fl_policy_set *src = NULL;
	struct fl_fault fault = { 0 };
	struct fl_alias alias;

	if (fl_alias_parse(t->src, &alias, &fault) != FL_OK) {
		fail_src(l, t, ": invalid alias: ", fault.text);
		return FL_OK;
	}
	enum fl_err err = fl_policy_resolve(p, &alias, &src);
	if (err != FL_OK)
		return err;
	if (src->failed) {
		fail_src(l, t, ": resolving: ", src->why);
	} else if (src->ips.len == 0) {
		begin_error(l, t);
		fl_buf_str(&l->text, "source ");
		fl_test_quote(l, t->src);
		fl_buf_str(&l->text, " resolved to no IP addresses");
	} else {
		try_all(&q, &src->ips, l);
	}
	fl_policy_set_unref(src);
	return FL_OK;
}

/* ---- both blocks ---- */

static enum fl_err run_tests(const struct fl_policy *p, struct fl_policy_report *report)
{
	struct fl_test_lines l = { .text = fl_buf_make(LINES_MAX) };
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < p->doc->tests_len && err == FL_OK; i++)
		err = run_test(p, &p->doc->tests[i], &l);
	if (err == FL_OK)
		err = report_block(&l, report);
	fl_buf_done(&l.text);
	return err;
}

static enum fl_err run_ssh_tests(const struct fl_policy *p, struct fl_policy_report *report)
{
	struct fl_test_lines l = { .text = fl_buf_make(LINES_MAX) };
	enum fl_err err = fl_ssh_tests_run(p, &l);

	if (err == FL_OK)
		err = report_block(&l, report);
	fl_buf_done(&l.text);
	return err;
}

enum fl_err fl_policy_run_tests(const struct fl_policy *p, struct fl_policy_report *report)
{
	if (p->doc == NULL)
		return FL_OK;
	enum fl_err err = run_tests(p, report);
	if (err != FL_OK && err != FL_ERR_INVALID)
		return err;
	enum fl_err ssh = run_ssh_tests(p, report);
	return ssh != FL_OK ? ssh : err;
}
