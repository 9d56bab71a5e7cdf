/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/base/test_alloc.c - everything in base that allocates, with the n-th allocation failing
 * for every n. The allocator is replaced at link time.
 */
#include "alloc_plan.h"
#include "table.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/ipset.h"
#include "base/jw.h"
#include "base/map.h"
#include "base/text.h"

void __real_free(void *p);
void __wrap_free(void *p);

/* Memory that is looked at in the moment of its release. */
static struct {
	const uint8_t *ptr;
	size_t len, nonzero, freed;
} watch;

void __wrap_free(void *p)
{
	if (p != NULL && p == watch.ptr) {
		for (size_t i = 0; i < watch.len; i++)
			watch.nonzero += watch.ptr[i] != 0;
		watch.freed++;
		watch.ptr = NULL;
	}
	__real_free(p);
}

/* Each scenario says whether it succeeded, and checks what a failure must leave. */
static bool bytes_scenario(void)
{
	struct fl_bytes *b = fl_bytes_new(fl_slice_str("abc"));

	fl_bytes_unref(b);
	return b != NULL;
}

static bool buf_scenario(void)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	enum fl_err err;

	for (size_t i = 0; i < 300; i++) {
		size_t len = b.len;
		fl_buf_printf(&b, "%zu,", i);
		err = fl_buf_err(&b);
		assert_true(err == FL_OK || (err == FL_ERR_NOMEM && b.len == len));
	}
	fl_buf_put(&b, "abc", 3);
	fl_buf_be(&b, 1, 4);
	fl_buf_hex(&b, "abc", 3);
	assert_true(b.len <= b.cap);
	err = fl_buf_err(&b);
	assert_err(fl_buf_reserve(&b, 1), err);
	fl_buf_done(&b);
	assert_true(b.err == FL_OK);
	return err == FL_OK;
}

static bool jw_scenario(void)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	struct fl_jw w = fl_jw_make(&b);

	fl_jw_arr(&w);
	for (size_t i = 0; i < 100; i++) {
		fl_jw_obj(&w);
		fl_jw_key(&w, "key");
		fl_jw_str(&w, "some <text> with escapes");
		fl_jw_key_text(&w, fl_slice_str("n"));
		fl_jw_u64(&w, i);
		fl_jw_obj_end(&w);
	}
	fl_jw_arr_end(&w);
	enum fl_err err = fl_buf_err(&b);
	assert_true(err == FL_OK || err == FL_ERR_NOMEM);
	fl_buf_done(&b);
	return err == FL_OK;
}

/* A put that fails leaves every entry that was there, and only those. */
static bool map_scenario(void)
{
	static uint32_t keys[100];
	struct fl_map m;
	size_t put = 0;

	for (uint32_t i = 0; i < COUNT(keys); i++)
		keys[i] = i;
	fl_map_init(&m, sizeof *keys, (const uint8_t *)"sixteen bytes...");
	for (size_t i = 0; i < COUNT(keys); i++) {
		enum fl_err err = fl_map_put(&m, &keys[i], &keys[i]);
		assert_true(err == FL_OK || err == FL_ERR_NOMEM);
		if (err != FL_OK)
			break;
		put++;
	}
	assert_int_equal(m.len, put);
	for (size_t i = 0; i < put; i++) { /* replacing needs no memory */
		assert_ptr_equal(fl_map_find(&m, &keys[i]), &keys[i]);
		assert_err(fl_map_put(&m, &keys[i], keys), FL_OK);
	}
	for (size_t i = put; i < COUNT(keys); i++)
		assert_null(fl_map_find(&m, &keys[i]));
	for (size_t i = 0; i < put; i++)
		assert_ptr_equal(fl_map_take(&m, &keys[i]), keys);
	fl_map_done(&m);
	return put == COUNT(keys);
}

static bool dup_scenario(void)
{
	char *copy = fl_str_dup(fl_slice_str("abc"));

	free(copy);
	return copy != NULL;
}

static bool list_scenario(void)
{
	static const char *const words[] = { "a", "b", "c" };
	struct fl_strlist l = { 0 }, copy = { .len = 4711 };
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < COUNT(words) && err == FL_OK; i++) {
		err = fl_strlist_add(&l, fl_slice_str(words[i]));
		assert_true(err == FL_OK || (err == FL_ERR_NOMEM && l.len == i));
	}
	if (err == FL_OK)
		err = fl_strlist_copy(&l, &copy);
	if (err == FL_OK)
		assert_true(fl_strlist_eq(&l, &copy));
	else
		assert_int_equal(copy.len, 4711); /* untouched */
	fl_strlist_done(&l);
	if (err == FL_OK)
		fl_strlist_done(&copy);
	return err == FL_OK;
}

/* Failure sticks: who asks at the end cannot miss it. */
static bool arena_scenario(void)
{
	struct fl_arena a = fl_arena_make(1 << 20);
	bool whole = fl_arena_array(&a, 1, 5000) != NULL;

	for (size_t i = 0; i < 100; i++)
		whole &= fl_arena_text(&a, fl_slice_str("a text of some length")) != NULL;
	whole &= fl_arena_array(&a, 100, 100) != NULL;
	enum fl_err err = a.err;
	assert_true(err == FL_OK || err == FL_ERR_NOMEM);
	assert_int_equal(whole, err == FL_OK);
	fl_arena_done(&a);
	return err == FL_OK;
}

static struct fl_range range_at(uint8_t n, uint8_t last)
{
	return (struct fl_range){ fl_ip_v4(10, n, 0, 0), fl_ip_v4(10, n, 0, last) };
}

/* Whatever fails leaves the set as it was. */
static enum fl_err ipset_changes(struct fl_ipset *s, const struct fl_ipset *more)
{
	struct fl_ipset before;
	enum fl_err err = fl_ipset_copy(s, &before);

	if (err != FL_OK)
		return err;
	struct fl_range hole = { fl_ip_v4(10, 1, 0, 2), fl_ip_v4(10, 1, 0, 3) };
	err = fl_ipset_remove(s, &hole);
	if (err == FL_OK) {
		struct fl_range all = { fl_ip_v4(10, 1, 0, 0), fl_ip_v4(10, 1, 0, 9) };
		assert_err(fl_ipset_add(s, &all), FL_OK); /* fewer ranges: needs no memory */
		err = fl_ipset_add_set(s, more);
	}
	if (err != FL_OK)
		assert_true(fl_ipset_eq(s, &before));
	fl_ipset_done(&before);
	return err;
}

static bool ipset_scenario(size_t others)
{
	struct fl_range first[4], list[20];
	struct fl_ipset s = { 0 }, more = { 0 };

	for (uint8_t i = 0; i < COUNT(first); i++)
		first[i] = range_at(i, 9);
	for (uint8_t i = 0; i < COUNT(list); i++)
		list[i] = range_at((uint8_t)(100 - i), 9);
	enum fl_err err = fl_ipset_build(&s, first, COUNT(first));
	if (err == FL_OK)
		err = fl_ipset_build(&more, list, others);
	if (err == FL_OK)
		err = ipset_changes(&s, &more);
	assert_true(err == FL_OK || err == FL_ERR_NOMEM);
	if (err == FL_OK)
		assert_int_equal(s.len, COUNT(first) + others);
	fl_ipset_done(&s);
	fl_ipset_done(&more);
	return err == FL_OK;
}

static bool ipset_few_scenario(void)
{
	return ipset_scenario(8);
}

static bool ipset_many_scenario(void)
{
	return ipset_scenario(20);
}

static struct row {
	const char *name;
	bool (*scenario)(void);
	size_t least; /* allocations it must have */
} rows[] = {
	{ "bytes", bytes_scenario, 1 },
	{ "buf", buf_scenario, 4 },
	{ "jw", jw_scenario, 4 },
	{ "map", map_scenario, 5 },
	{ "dup", dup_scenario, 1 },
	{ "strlist", list_scenario, 12 },
	{ "arena", arena_scenario, 3 },
	{ "ipset, a few more", ipset_few_scenario, 4 },
	{ "ipset, many more", ipset_many_scenario, 5 },
};

static void alloc_row(void **state)
{
	const struct row *row = *state;
	bool ok = false;

	for (size_t n = 0; !ok; n++) {
		alloc_fail_after(n);
		ok = row->scenario();
		bool failed = alloc_fail_end();
		assert_int_equal(ok, !failed);
		assert_true(!ok || n >= row->least);
		assert_true(n < 1000);
	}
}

/* Secrets are gone before their memory is: all that was allocated, not only what is in use. */
static void wipe_clears_before_it_frees(void **state)
{
	struct fl_buf b = fl_buf_make(100);
	(void)state;

	fl_buf_str(&b, "a secret of some length");
	memset(b.ptr + b.len, 'x', b.cap + 1 - b.len);
	b.len = 5;
	watch.ptr = b.ptr;
	watch.len = b.cap + 1;
	fl_buf_wipe(&b);
	assert_int_equal(watch.freed, 1);
	assert_int_equal(watch.nonzero, 0);
}

static void done_and_unref_free(void **state)
{
	struct fl_buf b = fl_buf_make(100);
	struct fl_bytes *bytes = fl_bytes_new(fl_slice_str("abc"));
	(void)state;

	fl_buf_str(&b, "x");
	watch.freed = watch.len = 0;
	watch.ptr = b.ptr;
	fl_buf_done(&b);
	assert_int_equal(watch.freed, 1);
	assert_non_null(bytes);
	watch.ptr = (const uint8_t *)fl_bytes_ref(bytes);
	fl_bytes_unref(bytes);
	assert_int_equal(watch.freed, 1);
	fl_bytes_unref(bytes);
	assert_int_equal(watch.freed, 2);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, alloc_row);
	suite_add(&s, "wipe clears before it frees", wipe_clears_before_it_frees, NULL);
	suite_add(&s, "done and unref free", done_and_unref_free, NULL);
	return suite_run(&s, "base/alloc");
}
