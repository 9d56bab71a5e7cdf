/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_policy_nomem.c - the policy in force when the n-th allocation fails, for
 * every n: while it is set, stored, read again from its file, or led after the records. What was
 * in force stays so until another one is as a whole, whoever asked hears of the shortage, and the
 * next tick finds nothing amiss.
 */
#include "../base/alloc_fail.h"
#include "../base/table.h"
#include "core_kit.h"

#include <stdio.h>

#include "base/log.h"
#include "domain/policy/policy.h"
#include "services/policy/internal.h"

/* Everybody may reach the router, or nobody anybody. Both approve its route. */
#define APPROVERS "\"autoApprovers\":{\"routes\":{\"10.0.0.0/8\":[\"ada@\"]}}"
static const char open_text[] =
	"{\"groups\":{\"group:g\":[\"ada@\"]},\"acls\":[{\"src\":[\"group:g\"],"
	"\"dst\":[\"*:*\"]}],\"tests\":[{\"src\":\"ada@\",\"accept\":"
	"[\"ada@:22\"]}]," APPROVERS "}";
static const char closed_text[] = "{\"acls\":[]," APPROVERS "}";
static const char bad_text[] = "{\"acls\":[{\"src\":[\"h\"]}]}";

/* ---- the n-th allocation fails ---- */

static long countdown = -1; /* < 0: never */
static bool failed;

bool alloc_fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failed = true;
	return true;
}

static void arm(long n)
{
	failed = false;
	countdown = n;
}

static bool disarm(void)
{
	countdown = -1;
	return failed;
}

/* ---- what is logged ---- */

static size_t errors_logged;

static void count_line(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	(void)line;
	(void)len;
	errors_logged++;
}

static fl_wall no_time(void *ctx)
{
	(void)ctx;
	return KIT_NOW;
}

/* ---- who listens ---- */

static bool started_over; /* with the last tick, rather than hear of what changed */

static void on_changes(void *ctx, const struct fl_change *changes, size_t count)
{
	(void)ctx;
	(void)count;
	started_over = changes == NULL;
}

/* ---- a core with two nodes ---- */

struct rig {
	struct core_kit kit;
	struct fl_policies *policies;
	fl_node_id laptop, router;
	char file[64];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
}

static enum fl_err try_new(struct rig *r, enum fl_policy_mode mode)
{
	const struct fl_policies_config cfg = { .mode = mode, .path = r->file };
	struct fl_fault fault = { "" };

	return fl_policies_new(&r->kit.core, &cfg, &fault, &r->policies);
}

static void rig_init(struct rig *r, enum fl_policy_mode mode)
{
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	*r = (struct rig){ 0 };
	core_kit_open(&r->kit);
	snprintf(r->file, sizeof r->file, "%s/policy.hujson", r->kit.dir);
	write_file(r->file, open_text);
	fl_user_id ada = kit_user(r->kit.core.state, "ada");
	r->laptop = core_kit_join(&r->kit, ada, 1);
	r->router = core_kit_join(&r->kit, ada, 2);
	core_kit_flush(&r->kit);
	fl_core_listen(&r->kit.core, on_changes, NULL);
	assert_err(try_new(r, mode), FL_OK);
	if (mode == FL_POLICY_MODE_DATABASE)
		assert_err(fl_policies_set(r->policies, fl_slice_str(open_text), "ada", "", &report,
					   &rev),
			   FL_OK);
	core_kit_flush(&r->kit);
}

static void rig_done(struct rig *r)
{
	fl_policies_free(r->policies);
	core_kit_done(&r->kit);
}

/* ---- what is in force ---- */

static void expect(struct rig *r, const char *text)
{
	fl_wall when;
	const struct fl_policy *p = fl_policies_now(r->policies);

	assert_text(fl_policies_text(r->policies, &when), text);
	assert_ptr_equal(fl_policy_document(p), r->policies->doc);
	assert_ptr_equal(r->kit.core.policy, p);
	assert_int_equal(fl_policy_sees(p, r->laptop, r->router), text == open_text);
	assert_false(r->policies->pending);
}

/* The snapshot knows each node of the records, and only those. */
static void expect_followed(struct rig *r)
{
	struct fl_policy *fresh;
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(r->kit.core.state, &nodes);

	assert_false(r->kit.core.policy_behind);
	assert_err(fl_world_apply(&r->kit.core, r->policies->doc, &fresh), FL_OK);
	for (size_t i = 0; i < count; i++) {
		struct fl_buf want = fl_buf_make(1 << 20), got = fl_buf_make(1 << 20);
		fl_policy_filter(fresh, nodes[i]->id, &want);
		fl_policy_filter(r->policies->now, nodes[i]->id, &got);
		assert_bytes(fl_buf_slice(&got), fl_buf_slice(&want));
		fl_buf_done(&want);
		fl_buf_done(&got);
	}
	fl_policy_unref(fresh);
}

static uint64_t newest(struct rig *r)
{
	struct fl_revision *const *at;
	size_t count = fl_state_revisions(r->kit.core.state, &at);

	return count > 0 ? at[count - 1]->rev : 0;
}

/* ---- set ---- */

static enum fl_err set(struct rig *r, const char *text)
{
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	enum fl_err err =
		fl_policies_set(r->policies, fl_slice_str(text), "ada", "why", &report, &rev);
	long left = countdown;
	countdown = -1;
	assert_int_equal(report.len > 0, err == FL_ERR_INVALID);
	fl_policy_report_done(&report);
	countdown = left;
	return err;
}

static void setting(void **state)
{
	struct rig r;
	bool ran_short = true;
	long n = 0;

	(void)state;
	rig_init(&r, FL_POLICY_MODE_DATABASE);
	for (; ran_short; n++) {
		uint64_t rev = newest(&r);
		arm(n);
		enum fl_err err = set(&r, closed_text);
		ran_short = disarm();
		/* An approval that fails does not hold the policy up. */
		assert_true(err == FL_OK || (ran_short && err == FL_ERR_NOMEM));
		assert_int_equal(newest(&r), rev + (err == FL_OK));
		core_kit_flush(&r.kit);
		expect(&r, err == FL_OK ? closed_text : open_text);
		expect_followed(&r);
		if (err != FL_OK)
			continue;
		assert_err(set(&r, open_text), FL_OK);
		core_kit_flush(&r.kit);
		expect(&r, open_text);
	}
	assert_true(n > 50);
	rig_done(&r);
}

static void refusing(void **state)
{
	struct rig r;
	bool ran_short = true;

	(void)state;
	rig_init(&r, FL_POLICY_MODE_DATABASE);
	for (long n = 0; ran_short; n++) {
		arm(n);
		enum fl_err err = set(&r, bad_text);
		ran_short = disarm();
		assert_err(err, ran_short ? FL_ERR_NOMEM : FL_ERR_INVALID);
		expect(&r, open_text);
	}
	rig_done(&r);
}

/* ---- the tick that brings it into force ---- */

static void committing(void **state)
{
	struct rig r;
	bool ran_short = true;
	long n = 0;

	(void)state;
	rig_init(&r, FL_POLICY_MODE_DATABASE);
	for (; ran_short; n++) {
		struct fl_fault fault = { "" };
		assert_err(set(&r, closed_text), FL_OK);
		arm(n);
		enum fl_err err = fl_core_flush(&r.kit.core, &fault);
		ran_short = disarm();
		assert_true(err == FL_OK || (ran_short && fault.text[0] != '\0'));
		expect(&r, err == FL_OK ? closed_text : open_text);
		/* Whatever failed is made up for by the next tick. */
		assert_err(set(&r, open_text), FL_OK);
		core_kit_flush(&r.kit);
		expect(&r, open_text);
		expect_followed(&r);
	}
	assert_true(n > 20);
	rig_done(&r);
}

/* ---- the records move on ---- */

static void following(void **state)
{
	struct rig r;
	bool ran_short = true;
	unsigned n = 0, behind = 0;

	(void)state;
	rig_init(&r, FL_POLICY_MODE_DATABASE);
	for (; ran_short; n++) {
		struct fl_fault fault = { "" };
		fl_node_id more = core_kit_join(&r.kit, 1, n + 3);
		arm(n);
		enum fl_err err = fl_core_flush(&r.kit.core, &fault);
		ran_short = disarm();
		assert_true(err == FL_OK || (ran_short && fault.text[0] != '\0'));
		expect(&r, open_text);
		assert_int_equal(fl_state_node(r.kit.core.state, more) != NULL, err == FL_OK);
		assert_true(started_over || !r.kit.core.policy_behind);
		behind += r.kit.core.policy_behind;
		/* Whatever failed is made up for by the next tick; the world stays small. */
		fl_node_id next = core_kit_join(&r.kit, 1, n + 100000);
		core_kit_flush(&r.kit);
		expect(&r, open_text);
		expect_followed(&r);
		if (err == FL_OK)
			assert_err(fl_state_node_delete(r.kit.core.state, more, &fault), FL_OK);
		assert_err(fl_state_node_delete(r.kit.core.state, next, &fault), FL_OK);
		core_kit_flush(&r.kit);
		expect(&r, open_text);
		expect_followed(&r);
		assert_false(started_over);
	}
	assert_true(n > 50);
	assert_true(behind > 20);
	rig_done(&r);
}

/* ---- the file ---- */

static void reloading(void **state)
{
	struct rig r;
	bool ran_short = true;
	long n = 0;

	(void)state;
	rig_init(&r, FL_POLICY_MODE_FILE);
	for (; ran_short; n++) {
		struct fl_policy_report report = { 0 };
		write_file(r.file, closed_text);
		errors_logged = 0;
		arm(n);
		enum fl_err err = fl_policies_reload(r.policies, &report);
		ran_short = disarm();
		assert_true(err == FL_OK || (ran_short && errors_logged > 0));
		fl_policy_report_done(&report);
		core_kit_flush(&r.kit);
		expect(&r, err == FL_OK ? closed_text : open_text);
		write_file(r.file, open_text);
		assert_err(fl_policies_reload(r.policies, &report), FL_OK);
		core_kit_flush(&r.kit);
		expect(&r, open_text);
		expect_followed(&r);
	}
	assert_true(n > 50);
	rig_done(&r);
}

static void starting(void **state)
{
	struct rig r;
	bool ran_short = true;
	long n = 0;

	(void)state;
	rig_init(&r, FL_POLICY_MODE_FILE);
	for (; ran_short; n++) {
		r.policies = fl_policies_free(r.policies);
		arm(n);
		enum fl_err err = try_new(&r, FL_POLICY_MODE_FILE);
		ran_short = disarm();
		assert_true(err == FL_OK || (ran_short && err == FL_ERR_NOMEM));
		if (err == FL_OK)
			expect(&r, open_text);
		else
			assert_null(r.kit.core.policy);
	}
	assert_true(n > 50);
	rig_done(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(setting),    cmocka_unit_test(refusing),
		cmocka_unit_test(committing), cmocka_unit_test(following),
		cmocka_unit_test(reloading),  cmocka_unit_test(starting),
	};

	fl_log_setup(FL_LOG_ERROR, FL_LOG_TEXT, count_line, no_time, NULL);
	return cmocka_run_group_tests_name("services/policy_nomem", tests, NULL, NULL);
}
