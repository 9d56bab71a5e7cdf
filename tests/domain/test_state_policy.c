/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_state_policy.c - revisions, roles, and what a policy says of tags and
 * addresses.
 */
#include "state_kit.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t set(struct fl_state *s, const char *text)
{
	struct fl_fault fault;
	uint64_t rev;

	assert_int_equal(
		fl_state_policy_set(s, KIT_NOW, fl_slice_str(text), "ada", "why", &fault, &rev),
		FL_OK);
	return rev;
}

static void test_revisions(void **unused)
{
	struct fl_state *s = kit_state();
	struct fl_revision *const *at;
	char text[256];
	(void)unused;

	assert_int_equal(fl_state_revisions(s, &at), 0);
	assert_int_equal(set(s, "{}"), 1);
	assert_string_equal(kit_changes(s, text, sizeof text), "policy 1");
	fl_state_committed(s);
	for (unsigned i = 2; i <= FL_REVISIONS_MAX + 7; i++) {
		assert_int_equal(set(s, "{ }"), i);
		fl_state_committed(s);
	}
	assert_int_equal(fl_state_revisions(s, &at), FL_REVISIONS_MAX);
	assert_int_equal(at[0]->rev, 8);
	assert_null(fl_state_revision(s, 7));
	assert_string_equal(fl_state_revision(s, 8)->author, "ada");

	/* Taken back with its tick, and with the one it pushed out. */
	char *before = kit_dump(s);
	set(s, "{ /* taken back */ }");
	fl_state_rollback(s);
	char *after = kit_dump(s);
	assert_string_equal(before, after);
	free(before);
	free(after);
	fl_state_free(s);
}

static void test_notes_are_bounded(void **unused)
{
	struct fl_state *s = kit_state();
	struct fl_fault fault;
	char note[FL_REVISION_NOTE_MAX + 2];
	uint64_t rev;
	(void)unused;

	memset(note, 'x', sizeof note);
	note[FL_REVISION_NOTE_MAX + 1] = '\0';
	struct fl_slice text = fl_slice_str("{}");
	assert_int_equal(fl_state_policy_set(s, 1, text, note, NULL, &fault, &rev), FL_ERR_INVALID);
	assert_int_equal(fl_state_policy_set(s, 1, text, NULL, "a\nb", &fault, &rev),
			 FL_ERR_INVALID);
	note[FL_REVISION_NOTE_MAX] = '\0';
	assert_int_equal(fl_state_policy_set(s, 1, text, note, note, &fault, &rev), FL_OK);
	fl_state_free(s);
}

static void test_roles(void **unused)
{
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "ada");
	struct fl_fault fault;
	enum fl_role role;
	char text[64];
	(void)unused;

	fl_state_committed(s);
	assert_int_equal(fl_state_user(s, u)->role, FL_ROLE_MEMBER);
	assert_int_equal(fl_state_user_role(s, u, FL_ROLE_MEMBER, &fault), FL_OK);
	assert_string_equal(kit_changes(s, text, sizeof text), "");
	assert_int_equal(fl_state_user_role(s, u, FL_ROLE_OWNER, &fault), FL_OK);
	assert_string_equal(kit_changes(s, text, sizeof text), "user 1");
	assert_int_equal(fl_state_user_role(s, 99, FL_ROLE_OWNER, &fault), FL_ERR_NOT_FOUND);
	for (int i = FL_ROLE_MEMBER; i <= FL_ROLE_VIEWER; i++) {
		assert_int_equal(fl_role_parse(fl_slice_str(fl_role_text((enum fl_role)i)), &role),
				 FL_OK);
		assert_int_equal(role, i);
	}
	assert_int_equal(fl_role_parse(fl_slice_str("root"), &role), FL_ERR_INVALID);
	fl_state_free(s);
}

/* ---- a judge: tag:a and tag:b are declared, and user 1 owns tag:a ---- */

static enum fl_tag_verdict verdict(void *ctx, const char *tag)
{
	(void)ctx;
	return strcmp(tag, "tag:a") == 0 || strcmp(tag, "tag:b") == 0 ? FL_TAG_DECLARED
								      : FL_TAG_UNDECLARED;
}

static bool may_ask(void *ctx, fl_user_id user, const struct fl_node *n, const char *tag)
{
	(void)ctx, (void)n;
	return user == 1 && strcmp(tag, "tag:a") == 0;
}

static bool pool(void *ctx, const struct fl_node *n, const struct fl_prefix **out, size_t *out_len)
{
	(void)n;
	*out = ctx;
	*out_len = 1;
	return true;
}

static struct fl_strlist one(char *tag, char **at)
{
	*at = tag;
	return (struct fl_strlist){ .at = at, .len = 1 };
}

static void test_tags(void **unused)
{
	struct fl_state *s = kit_state();
	const struct fl_judge judge = { .verdict = verdict, .may_ask = may_ask };
	fl_user_id ada = kit_user(s, "ada"), bob = kit_user(s, "bob");
	struct kit_request a = { 1, 1, .hostinfo = "{\"RequestTags\":[\"tag:a\"]}" };
	struct kit_request c = { 1, 1, .hostinfo = "{\"RequestTags\":[\"tag:c\"]}" };
	struct fl_fault fault;
	fl_node_id id;
	char *at;
	(void)unused;

	assert_int_equal(kit_register(s, KIT_NOW, a).outcome, FL_REG_REFUSED);
	fl_state_judge(s, &judge);
	assert_int_equal(kit_register(s, KIT_NOW, c).outcome, FL_REG_REFUSED);
	assert_int_equal(kit_register(s, KIT_NOW, a).outcome, FL_REG_INTERACTIVE);
	assert_int_equal(kit_try_approve(s, a, bob, &fault, &id), FL_ERR_DENIED);
	assert_string_equal(fault.text, "requested tags [tag:a] are invalid or not permitted");
	id = kit_approve(s, a, ada);
	assert_int_equal(fl_state_node(s, id)->user, 0);
	assert_string_equal(fl_state_node(s, id)->tags.at[0], "tag:a");
	/* The next login asks for none: back to the user. */
	a.hostinfo = NULL;
	a.key = 2;
	assert_int_equal(kit_approve(s, a, ada), id);
	assert_int_equal(fl_state_node(s, id)->user, ada);
	/* And again: the user's node becomes the tagged one. */
	a.hostinfo = "{\"RequestTags\":[\"tag:a\"]}";
	a.key = 3;
	assert_int_equal(kit_approve(s, a, ada), id);
	assert_int_equal(fl_state_node(s, id)->user, 0);

	/* An admin needs a declared one, owned or not. */
	struct fl_strlist tags = one((char[]){ "tag:c" }, &at);
	assert_int_equal(fl_state_node_tag(s, id, &tags, &fault), FL_ERR_INVALID);
	tags = one((char[]){ "tag:b" }, &at);
	assert_int_equal(fl_state_node_tag(s, id, &tags, &fault), FL_OK);
	kit_check(s);
	fl_state_free(s);
}

static void test_pool(void **unused)
{
	struct fl_state *s = kit_state();
	struct fl_prefix p = kit_prefix("100.99.0.0/30");
	const struct fl_judge judge = { .pool = pool, .ctx = &p };
	fl_user_id ada = kit_user(s, "ada");
	struct fl_fault fault;
	fl_node_id id;
	(void)unused;

	fl_state_committed(s);
	fl_state_judge(s, &judge);
	kit_approve(s, (struct kit_request){ 1, 1 }, ada);
	fl_state_rollback(s);
	for (unsigned i = 1; i <= 2; i++) {
		char text[FL_IP_TEXT_MAX], want[32];
		id = kit_approve(s, (struct kit_request){ i, i }, ada);
		fl_ip_format(&fl_state_node(s, id)->ip4, text);
		snprintf(want, sizeof want, "100.99.0.%u", i);
		assert_string_equal(text, want);
	}
	assert_int_equal(kit_try_approve(s, (struct kit_request){ 3, 3 }, ada, &fault, &id),
			 FL_ERR_FULL);
	kit_check(s);
	fl_state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_revisions), cmocka_unit_test(test_notes_are_bounded),
		cmocka_unit_test(test_roles),     cmocka_unit_test(test_tags),
		cmocka_unit_test(test_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
