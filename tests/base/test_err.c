/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_err.c - the error list, its classes, and faults. */
#include "table.h"

#include <wchar.h>

static struct row {
	const char *name;
	enum fl_err err;
	int value;
	enum fl_err_class class;
	const char *text;
} rows[] = {
	{ "success is zero", FL_OK, 0, FL_CLASS_NONE, "ok" },
	{ "unfinished is positive", FL_MORE, 1, FL_CLASS_NONE, "more input needed" },
	{ "blocked is positive", FL_AGAIN, 2, FL_CLASS_NONE, "would block" },
	{ "our mistake", FL_ERR_ARG, -1, FL_CLASS_CALLER, "invalid argument" },
	{ "their bytes", FL_ERR_SYNTAX, -4, FL_CLASS_PEER, "malformed input" },
	{ "their size", FL_ERR_TOO_BIG, -5, FL_CLASS_PEER, "larger than the limit" },
	{ "their request", FL_ERR_DENIED, -10, FL_CLASS_REQUEST, "not permitted" },
	{ "our memory", FL_ERR_NOMEM, -14, FL_CLASS_RESOURCE, "out of memory" },
	{ "our disk", FL_ERR_IO, -16, FL_CLASS_ENVIRONMENT, "input/output error" },
	{ "last of the list", FL_ERR_UNSUPPORTED, -21, FL_CLASS_ENVIRONMENT, "not supported here" },
	{ "below the list", (enum fl_err) - 22, -22, FL_CLASS_CALLER, "unknown error" },
	{ "above the list", (enum fl_err)3, 3, FL_CLASS_CALLER, "unknown error" },
};

static void err_row(void **state)
{
	const struct row *row = *state;

	assert_int_equal(row->err, row->value);
	assert_string_equal(fl_err_text(row->err), row->text);
	assert_int_equal(fl_err_class(row->err), row->class);
}

/* Negative failed, positive did not finish; every member has its own text. */
static void list_is_consistent(void **state)
{
#define MEMBER(name, value, class, text) { name, class, text },
	static const struct {
		enum fl_err err;
		enum fl_err_class class;
		const char *text;
	} all[] = { FL_ERR_LIST(MEMBER) };
#undef MEMBER
	(void)state;

	for (size_t i = 0; i < COUNT(all); i++) {
		assert_string_equal(fl_err_text(all[i].err), all[i].text);
		assert_int_equal(fl_err_class(all[i].err), all[i].class);
		assert_int_equal(all[i].class == FL_CLASS_NONE, all[i].err >= 0);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(all[i].err, all[j].err);
			assert_string_not_equal(all[i].text, all[j].text);
		}
	}
}

static void fault_passes_the_error_on(void **state)
{
	struct fl_fault fault = { "before" };
	(void)state;

	assert_err(fl_fault_set(&fault, FL_ERR_IO, "cannot open %s: %d", "x", 7), FL_ERR_IO);
	assert_string_equal(fault.text, "cannot open x: 7");
	assert_err(fl_fault_set(NULL, FL_ERR_FULL, "%s", "nobody listens"), FL_ERR_FULL);
}

/* The text holds 511 bytes: one less, exactly that, one more. */
static void fault_is_cut_at_its_size(void **state)
{
	(void)state;

	for (int n = 510; n <= 512; n++) {
		struct fl_fault fault;
		(void)fl_fault_set(&fault, FL_ERR_IO, "%0*d", n, 7);
		assert_int_equal(strlen(fault.text), n < 512 ? n : 511);
		assert_int_equal(fault.text[strlen(fault.text) - 1], n < 512 ? '7' : '0');
	}
}

static void fault_without_text_is_empty(void **state)
{
	struct fl_fault fault = { "before" };
	(void)state;

	(void)fl_fault_set(&fault, FL_ERR_IO, "b%lc", (wint_t)0x20ac); /* not in the C locale */
	assert_string_equal(fault.text, "");
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, err_row);
	suite_add(&s, "the list is consistent", list_is_consistent, NULL);
	suite_add(&s, "a fault passes the error on", fault_passes_the_error_on, NULL);
	suite_add(&s, "a fault is cut at its size", fault_is_cut_at_its_size, NULL);
	suite_add(&s, "a fault without text is empty", fault_without_text_is_empty, NULL);
	return suite_run(&s, "base/err");
}
