/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_policy_compile.c - any policy applied to a small world: every answer for every
 * node is made and keeps its promises. The text ends with a NUL; what follows are nodes, see
 * policy_world.h. Without one there are two nodes.
 */
#include "policy_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fl_policy_doc *read_doc(struct fl_slice text)
{
	static const char *const domains[] = { "example.com" };
	const struct fl_policy_read how = { domains, 1 };
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	if (fl_policy_doc_read(text, &how, &report, &doc) == FL_OK && doc != NULL &&
	    fl_policy_doc_users(doc, world_users, WORLD_USERS, &report) != FL_OK)
		doc = fl_policy_doc_free(doc);
	fl_policy_report_done(&report);
	return doc;
}

/* Under a long policy few, since each answer reads all rules. */
static void make_nodes(struct world *w, struct fl_slice bytes, size_t most)
{
	static const uint8_t two[2 * WORLD_NODE] = { 0x11, 0, 0x38, 0, 0, 0x1b, 7, 0x3c, 3 };

	if (bytes.len < WORLD_NODE)
		bytes = fl_slice_of(two, sizeof two);
	for (size_t i = 0; i < most && bytes.len >= WORLD_NODE; i++) {
		world_set(w, i, bytes.ptr);
		bytes = fl_slice_skip(bytes, WORLD_NODE);
	}
}

static void ask_verdict(const struct fl_policy *p, const struct fl_policy_query *q)
{
	struct fl_policy_verdict v;

	if (!fl_ip_is_set(&q->src) || !fl_ip_is_set(&q->dst))
		return;
	fl_policy_explain(p, q, &v);
	world_check(v.allowed == (v.why != FL_WHY_NO_RULE));
	world_check(v.why != FL_WHY_RULE || (v.rule != NULL && v.miss == FL_MISS_NONE));
	world_check(v.router <= WORLD_NODES);
}

/* From one node to another, to what it serves, and from what it serves. */
static void ask_pair(const struct fl_policy *p, const struct fl_policy_node *a,
		     const struct fl_policy_node *b)
{
	static const uint8_t protos[] = { 0, 1, 17, 47 };
	int64_t period;

	for (size_t i = 0; i < sizeof protos; i++) {
		ask_verdict(p, &(struct fl_policy_query){ a->ip4, b->ip4, protos[i], 22 });
		ask_verdict(p, &(struct fl_policy_query){ a->ip6, b->ip6, protos[i], 443 });
	}
	for (size_t i = 0; i < b->served_len && i < 3; i++) {
		ask_verdict(p, &(struct fl_policy_query){ a->ip4, b->served[i].ip, 6, 80 });
		ask_verdict(p, &(struct fl_policy_query){ b->served[i].ip, a->ip4, 6, 80 });
	}
	if (fl_policy_ssh_check(p, a->id, b->id, &period))
		world_check(period >= 0);
}

static void ask_rights(const struct fl_policy *p, const struct fl_policy_node *n)
{
	const struct fl_prefix *pool;
	size_t len;

	for (size_t i = 0; i < n->served_len; i++)
		fl_policy_approves(p, n, &n->served[i]);
	for (size_t i = 0; i < n->tags_len; i++)
		world_check(!fl_policy_may_have_tag(p, n, n->tags[i]) ||
			    fl_policy_tag_exists(p, n->tags[i]));
	fl_policy_tag_owned(p, "tag:a", n->tags, n->tags_len);
	fl_policy_suggests_exit(p, n->id);
	fl_policy_has_attr(p, n->id, "funnel");
	world_check(!fl_policy_pool(p, n, &pool, &len) || len > 0);
}

static void ask_node(const struct fl_policy *p, const struct world *w, size_t i)
{
	struct world_told told;

	world_ask(p, i + 1, &told);
	world_told_done(&told);
	ask_rights(p, &w->all[i]);
	for (size_t k = 0; k < WORLD_NODES; k++)
		if (w->there[k])
			ask_pair(p, &w->all[i], &w->all[k]);
	world_check(fl_policy_differs(p, p, i + 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t len = nul != NULL ? (size_t)(nul - data) : size;
	struct fl_policy_doc *doc = read_doc(fl_slice_of(data, len));
	struct fl_policy_report report = { 0 };
	struct world w = { 0 };

	if (doc == NULL)
		return 0;
	make_nodes(&w, fl_slice_skip(fl_slice_of(data, size), len + 1),
		   len > 4096 ? 3 : WORLD_NODES);
	struct fl_policy *p = world_apply(&w, doc);
	for (size_t i = 0; i < WORLD_NODES; i++)
		if (w.there[i])
			ask_node(p, &w, i);
	enum fl_err err = fl_policy_run_tests(p, &report);
	world_check(err == FL_OK ? report.len == 0 : err == FL_ERR_INVALID && report.len > 0);
	fl_policy_report_done(&report);
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
	return 0;
}
