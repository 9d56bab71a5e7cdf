/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_read_alloc.c - reading policies with the n-th allocation failing for
 * every n: an error comes back, outputs stay, nothing leaks, and a shortage is never told as a
 * problem of the text. The allocator is replaced at link time.
 */
#include "../base/alloc_plan.h"
#include "../base/table.h"

#include "domain/policy/document.h"

static struct row {
	const char *name, *text;
	enum fl_err want;
	size_t least; /* allocations it must have */
} rows[] = {
	{ "a policy",
	  "{\"groups\":{\"group:a\":[\"u@x\"],\"group:b\":[]},\"hosts\":{\"h\":\"1.2.3.4\"},"
	  "\"tagOwners\":{\"tag:a\":[\"tag:b\"],\"tag:b\":[\"group:a\"]},"
	  "\"acls\":[{\"proto\":\"tcp\",\"src\":[\"h\"],\"dst\":[\"[::1]:22,80\"]}],"
	  "\"grants\":[{\"src\":[\" u@x\"],\"dst\":[\"*\"],\"ip\":[\"tcp:22\"],\"app\":{\"a/b\":"
	  "[1]},\"via\":[\"tag:a\"]}],\"autoApprovers\":{\"routes\":{\"10.0.0.0/8\":[\"u@x\"]}},"
	  "\"ssh\":[{\"action\":\"check\",\"users\":[\"u\"],\"checkPeriod\":\"1h\"}],"
	  "\"tests\":[{\"src\":\"u@x\",\"accept\":[\"h:22\"]}],"
	  "\"sshTests\":[{\"src\":\"u@x\",\"dst\":[\"tag:a\"]}],"
	  "\"ipsets\":{\"ipset:a\":[\"add h\"]},\"nodeAttrs\":[{\"target\":[\"*\"]}]}",
	  FL_OK, 20 },
	{ "a syntax error", "{\"acls\": [}", FL_ERR_INVALID, 3 },
	{ "an error of decoding", "{\"acls\": [{\"src\": [\"a:b\"]}]}", FL_ERR_INVALID, 8 },
	{ "errors of validation",
	  "{\"acls\":[{\"src\":[\"h\",\"tag:a\"]}],\"tests\":[{}],\"sshTests\":[{}]}",
	  FL_ERR_INVALID, 10 },
};

static void alloc_row(void **state)
{
	const struct row *r = *state;
	size_t n = 0;

	for (;; n++) {
		struct fl_policy_report report = { 0 };
		struct fl_policy_doc *doc = NULL;
		alloc_fail_after(n);
		enum fl_err err = fl_policy_doc_read(fl_slice_str(r->text),
						     &(struct fl_policy_read){ 0 }, &report, &doc);
		bool failed = alloc_fail_end();
		assert_err(err, !failed ? r->want : FL_ERR_NOMEM);
		assert_int_equal(doc != NULL, err == FL_OK);
		assert_int_equal(report.len > 0, err == FL_ERR_INVALID);
		fl_policy_report_done(&report);
		fl_policy_doc_free(doc);
		if (!failed)
			break;
	}
	assert_true(n >= r->least);
}

static void alloc_users(void **state)
{
	static const char text[] = "{\"acls\":[{\"src\":[\"u@\",\"p@x\"]}]}";
	static const struct fl_policy_user users[] = {
		{ 1, "u", "", "", FL_ROLE_MEMBER },
		{ 2, "u", "", "p@x", FL_ROLE_MEMBER },
	};
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	(void)state;
	assert_err(fl_policy_doc_read(fl_slice_str(text), &(struct fl_policy_read){ 0 }, &report,
				      &doc),
		   FL_OK);
	for (size_t n = 0;; n++) {
		alloc_fail_after(n);
		enum fl_err err = fl_policy_doc_users(doc, users, COUNT(users), &report);
		bool failed = alloc_fail_end();
		assert_err(err, !failed ? FL_ERR_INVALID : FL_ERR_NOMEM);
		fl_policy_report_done(&report);
		if (!failed)
			break;
	}
	fl_policy_doc_free(doc);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, alloc_row);
	suite_add(&s, "users", alloc_users, NULL);
	return suite_run(&s, "domain/policy_read_alloc");
}
