/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_policy_step.c - a world that changes: after each step everybody is told what a
 * new snapshot tells, and what differs from the snapshot before is what is told to differ. The
 * first byte picks a document; then each change is a byte that says which node, whether it goes,
 * and whether more changes belong to the same step, and the bytes of the node.
 */
#include "policy_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 24 };

#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"ann@example.com\",\"bob@\"]},"                                \
	"\"hosts\":{\"net\":\"10.33.5.0/24\",\"one\":\"100.64.0.5\"},"                             \
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[\"group:g\"],\"tag:c\":[\"tag:a\"],\"tag:d\":[]}," \
	"\"ipsets\":{\"ipset:s\":[\"add 10.0.0.0/8\",\"remove 10.33.0.0/16\"]},"

static const char *const documents[] = {
	HEAD "}",
	HEAD "\"acls\":[{\"src\":[\"*\"],\"dst\":[\"*:*\"]}]}",
	HEAD "\"acls\":[{\"src\":[\"group:g\",\"tag:a\"],\"dst\":[\"tag:b:22\",\"net:80,443\"]},"
	     "{\"src\":[\"*\"],\"dst\":[\"tag:c:53\",\"10.33.0.0/16:*\"]},"
	     "{\"src\":[\"10.33.5.0/24\"],\"dst\":[\"ann@:*\",\"autogroup:member:22\"]}]}",
	HEAD "\"acls\":[{\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:self:*\"]},"
	     "{\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:internet:*\",\"tag:a:*\"]},"
	     "{\"src\":[\"tag:a\"],\"dst\":[\"tag:a:1-9\",\"one:*\"]}],"
	     "\"ssh\":[{\"action\":\"accept\",\"src\":[\"autogroup:member\"],"
	     "\"dst\":[\"autogroup:self\"],\"users\":[\"autogroup:nonroot\",\"root\"]},"
	     "{\"action\":\"check\",\"checkPeriod\":\"1h\",\"src\":[\"group:g\"],"
	     "\"dst\":[\"tag:a\",\"tag:b\"],\"users\":[\"localpart:*@example.com\"]}]}",
	HEAD "\"grants\":[{\"src\":[\"*\"],\"dst\":[\"10.33.0.0/16\"],\"ip\":[\"*\"],"
	     "\"via\":[\"tag:a\",\"tag:b\"]},"
	     "{\"src\":[\"group:g\",\"tag:d\"],\"dst\":[\"10.0.0.0/8\",\"fd00:1::/64\"],"
	     "\"ip\":[\"tcp:443\"],\"via\":[\"tag:c\"]},"
	     "{\"src\":[\"cem@\"],\"dst\":[\"autogroup:internet\"],\"ip\":[\"*\"],"
	     "\"via\":[\"tag:b\"]},"
	     "{\"src\":[\"tag:a\"],\"dst\":[\"tag:b\"],\"ip\":[\"22\",\"udp:53\"]}]}",
	HEAD "\"grants\":[{\"src\":[\"autogroup:tagged\"],\"dst\":[\"tag:a\",\"192.168.0.0/16\"],"
	     "\"app\":{\"tailscale.com/cap/drive\":[{\"shares\":[\"*\"]}],\"example.com/x\":[1]}},"
	     "{\"src\":[\"ipset:s\",\"autogroup:admin\"],\"dst\":[\"*\"],\"ip\":[\"icmp:*\"],"
	     "\"app\":{\"tailscale.com/cap/relay\":[]}},"
	     "{\"src\":[\"autogroup:danger-all\"],\"dst\":[\"tag:c\",\"8.8.8.8\"],\"ip\":[\"53\"]},"
	     "{\"src\":[\"bob@\"],\"dst\":[\"autogroup:self\"],\"ip\":[\"*\"]}],"
	     "\"nodeAttrs\":[{\"target\":[\"tag:a\",\"ann@\"],\"attr\":[\"funnel\"]},"
	     "{\"target\":[\"*\"],\"attr\":[\"magicdns-aaaa\"]}]}",
	HEAD "\"acls\":[]}",
	HEAD "\"grants\":[{\"src\":[\"user:*@example.com\",\"dan@\"],\"dst\":[\"net\",\"group:g\"],"
	     "\"ip\":[\"*\"]},{\"src\":[\"net\"],\"dst\":[\"tag:d\",\"100.64.0.0/28\"],"
	     "\"ip\":[\"1-9\",\"17\"]},{\"src\":[\"*\",\"10.44.0.0/16\"],\"dst\":[\"bob@\"],"
	     "\"ip\":[\"*\"]}],\"ssh\":[{\"action\":\"accept\",\"src\":[\"tag:d\"],"
	     "\"dst\":[\"tag:c\"],\"users\":[\"root\"]}]}",
};

static struct fl_policy_doc *pick(uint8_t which)
{
	static const char *const domains[] = { "example.com" };
	const struct fl_policy_read how = { domains, 1 };
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;
	const char *text = documents[which % (sizeof documents / sizeof *documents)];

	world_check(fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc) == FL_OK);
	return doc;
}

/* Bits of enum fl_policy_part. */
static unsigned compare(const struct world_told *a, const struct world_told *b)
{
	return (world_same(&a->filter, &b->filter) ? 0 : (unsigned)FL_POLICY_FILTER) |
	       (world_same(&a->peers, &b->peers) ? 0 : (unsigned)FL_POLICY_PEERS) |
	       (world_same(&a->ssh, &b->ssh) ? 0 : (unsigned)FL_POLICY_SSH) |
	       (world_same(&a->attrs, &b->attrs) ? 0 : (unsigned)FL_POLICY_ATTRS);
}

static void check_step(const struct fl_policy *before, const struct fl_policy *after,
		       const struct world *was, const struct world *is)
{
	struct fl_policy *anew = world_apply(is, fl_policy_document(after));

	for (size_t i = 0; i < WORLD_NODES; i++) {
		struct world_told old, stepped, fresh;
		world_ask(before, i + 1, &old);
		world_ask(after, i + 1, &stepped);
		world_ask(anew, i + 1, &fresh);
		world_check(compare(&stepped, &fresh) == 0);
		world_check(fl_policy_differs(after, anew, i + 1) == 0);
		if (was->there[i] && is->there[i])
			world_check(fl_policy_differs(before, after, i + 1) ==
				    compare(&old, &stepped));
		world_told_done(&old);
		world_told_done(&stepped);
		world_told_done(&fresh);
	}
	fl_policy_unref(anew);
}

/* Takes the changes of one step from the input; which nodes they touch. */
static unsigned take_changes(struct world *w, struct fl_slice *in)
{
	unsigned touched = 0;
	bool more = true;

	while (more && in->len > WORLD_NODE) {
		size_t i = in->ptr[0] % WORLD_NODES;
		more = (in->ptr[0] & 0x40) != 0;
		if ((in->ptr[0] & 0x80) != 0)
			w->there[i] = false;
		else
			world_set(w, i, in->ptr + 1);
		touched |= 1u << i;
		*in = fl_slice_skip(*in, (in->ptr[0] & 0x80) != 0 ? 1 : 1 + WORLD_NODE);
	}
	return touched;
}

static struct fl_policy *step(const struct fl_policy *p, const struct world *w, unsigned touched)
{
	struct fl_policy_node changed[WORLD_NODES];
	uint64_t removed[WORLD_NODES];
	size_t changed_len = 0, removed_len = 0;
	struct fl_policy *next = NULL;

	for (size_t i = 0; i < WORLD_NODES; i++) {
		if ((touched >> i & 1) == 0)
			continue;
		if (w->there[i])
			changed[changed_len++] = w->all[i];
		else
			removed[removed_len++] = i + 1;
	}
	world_check(fl_policy_step(p, changed, changed_len, removed, removed_len, &next) == FL_OK);
	return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_slice in = fl_slice_of(data, size);
	static struct world was, is;

	if (size == 0)
		return 0;
	is = (struct world){ 0 };
	struct fl_policy_doc *doc = pick(data[0]);
	struct fl_policy *p = world_apply(&is, doc);
	in = fl_slice_skip(in, 1);
	for (size_t i = 0; i < STEPS && in.len > WORLD_NODE; i++) {
		was = is;
		unsigned touched = take_changes(&is, &in);
		struct fl_policy *next = step(p, &is, touched);
		check_step(p, next, &was, &is);
		fl_policy_unref(p);
		p = next;
	}
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
	return 0;
}
