/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/base/table.h - turns tables of rows into cmocka tests, one test a row.
 *
 * A row is any struct whose first member is its name. Include this before anything else: cmocka
 * wants the system headers below in this order.
 */
#ifndef FL_TEST_TABLE_H
#define FL_TEST_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/slice.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define BYTES(s)                                                                                   \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	} /* also with NUL bytes inside */

enum { SUITE_MAX = 512 };

struct suite {
	struct CMUnitTest tests[SUITE_MAX];
	size_t count;
};

static inline void suite_add(struct suite *s, const char *name, CMUnitTestFunction run, void *row)
{
	if (s->count == SUITE_MAX)
		abort();
	s->tests[s->count++] =
		(struct CMUnitTest){ .name = name, .test_func = run, .initial_state = row };
}

static inline void suite_add_rows(struct suite *s, void *rows, size_t count, size_t size,
				  CMUnitTestFunction run)
{
	for (size_t i = 0; i < count; i++) {
		void *row = (char *)rows + i * size;
		const char *name;
		memcpy(&name, row, sizeof name);
		suite_add(s, name, run, row);
	}
}

#define ROWS(suite, rows, run) suite_add_rows(suite, rows, COUNT(rows), sizeof *(rows), run)

static inline int suite_run(struct suite *s, const char *name)
{
	return _cmocka_run_group_tests(name, s->tests, s->count, NULL, NULL);
}

static inline void assert_err(enum fl_err got, enum fl_err want)
{
	if (got != want)
		fail_msg("got \"%s\", want \"%s\"", fl_err_text(got), fl_err_text(want));
}

static inline void assert_bytes(struct fl_slice got, struct fl_slice want)
{
	if (!fl_slice_eq(got, want))
		fail_msg("got (%zu) \"%.*s\", want (%zu) \"%.*s\"", got.len, (int)got.len,
			 got.ptr ? (const char *)got.ptr : "", want.len, (int)want.len,
			 want.ptr ? (const char *)want.ptr : "");
}

static inline void assert_text(struct fl_slice got, const char *want)
{
	assert_bytes(got, fl_slice_str(want));
}

/* A copy in memory of exactly its size, so that a sanitizer sees reads beyond it. */
static inline struct fl_slice exact(struct fl_slice s)
{
	uint8_t *copy = malloc(s.len ? s.len : 1);
	assert_non_null(copy);
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return fl_slice_of(copy, s.len);
}

static inline void exact_free(struct fl_slice s)
{
	free((void *)(uintptr_t)s.ptr);
}

#endif
