/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_bytes.c - counted bytes, alone and between threads. */
#include "table.h"

#include <pthread.h>

#include "base/bytes.h"

static void content_is_a_copy(void **state)
{
	char text[] = "abc";
	struct fl_bytes *b = fl_bytes_new(fl_slice_of(text, 3));
	(void)state;

	assert_non_null(b);
	memset(text, 'x', sizeof text);
	assert_text(fl_bytes_slice(b), "abc");
	assert_null(fl_bytes_unref(b));
}

static void empty_and_null_are_fine(void **state)
{
	struct fl_bytes *b = fl_bytes_new(fl_slice_of(NULL, 0));
	(void)state;

	assert_non_null(b);
	assert_int_equal(fl_bytes_slice(b).len, 0);
	fl_bytes_unref(b);
	assert_int_equal(fl_bytes_slice(NULL).len, 0);
	assert_null(fl_bytes_slice(NULL).ptr);
	assert_null(fl_bytes_unref(NULL));
}

static void impossible_sizes_fail(void **state)
{
	(void)state;

	assert_null(fl_bytes_new(fl_slice_of("", SIZE_MAX)));
	assert_null(fl_bytes_new(fl_slice_of("", SIZE_MAX - sizeof(struct fl_bytes) + 1)));
}

static void last_reference_frees(void **state)
{
	struct fl_bytes *b = fl_bytes_new(fl_slice_str("abc"));
	(void)state;

	assert_non_null(b);
	assert_int_equal(atomic_load(&b->refs), 1);
	assert_ptr_equal(fl_bytes_ref(b), b);
	assert_int_equal(atomic_load(&b->refs), 2);
	fl_bytes_unref(b);
	assert_int_equal(atomic_load(&b->refs), 1);
	assert_text(fl_bytes_slice(b), "abc");
	fl_bytes_unref(b); /* the leak checker says whether it went */
}

enum { SHARES = 10000 };

static void *share(void *arg)
{
	struct fl_bytes *b = arg;

	for (size_t i = 0; i < SHARES; i++)
		fl_bytes_unref(fl_bytes_ref(b));
	fl_bytes_unref(b);
	return NULL;
}

static void threads_share_one_count(void **state)
{
	struct fl_bytes *b = fl_bytes_new(fl_slice_str("abc"));
	pthread_t threads[4];
	(void)state;

	assert_non_null(b);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, share, fl_bytes_ref(b)), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&b->refs), 1);
	fl_bytes_unref(b);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "content is a copy", content_is_a_copy, NULL);
	suite_add(&s, "empty and NULL are fine", empty_and_null_are_fine, NULL);
	suite_add(&s, "impossible sizes fail", impossible_sizes_fail, NULL);
	suite_add(&s, "the last reference frees", last_reference_frees, NULL);
	suite_add(&s, "threads share one count", threads_share_one_count, NULL);
	return suite_run(&s, "base/bytes");
}
