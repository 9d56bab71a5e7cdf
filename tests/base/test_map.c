/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_map.c - the hash map beside a plain array that cannot be wrong. */
#include "table.h"

#include <stdio.h>

#include "base/map.h"
#include "base/rng.h"

static const uint8_t seed[16] = "sixteen bytes...";

enum { MODEL_KEYS = 300, MODEL_STEPS = 20000 };

static struct model_row {
	const char *name;
	size_t key_len;
} model_rows[] = {
	{ "model, keys of 1 byte", 1 },    { "model, keys of 3 bytes", 3 },
	{ "model, keys of 4 bytes", 4 },   { "model, keys of 7 bytes", 7 },
	{ "model, keys of 8 bytes", 8 },   { "model, keys of 9 bytes", 9 },
	{ "model, keys of 16 bytes", 16 }, { "model, keys of 32 bytes", 32 },
	{ "model, keys of 63 bytes", 63 }, { "model, keys of 64 bytes", 64 },
	{ "model, string keys", 0 },
};

/* Keys that differ in their first or last byte only, with a common middle. */
static void make_key(size_t i, size_t key_len, char key[static 65])
{
	memset(key, 'k', 65);
	if (key_len == 0) {
		snprintf(key, 65, "key %zu", i);
		return;
	}
	key[0] = (char)(i & 0xff);
	if (key_len > 1)
		key[key_len - 1] = (char)(i >> 8);
}

/* Every value that the map holds comes by exactly once. */
static void assert_walk(const struct fl_map *m, char *const want[], size_t count, const char *base)
{
	bool seen[MODEL_KEYS] = { 0 };
	size_t at = 0, found = 0, expected = 0;

	for (char *v = fl_map_next(m, &at); v != NULL; v = fl_map_next(m, &at)) {
		size_t i = (size_t)(v - base) / 2;
		assert_true(i < count && want[i] == v && !seen[i]);
		seen[i] = true;
		found++;
	}
	for (size_t i = 0; i < count; i++)
		expected += want[i] != NULL;
	assert_int_equal(found, expected);
	assert_int_equal(m->len, expected);
	assert_null(fl_map_next(m, &at));
}

static void model_row(void **state)
{
	const struct model_row *row = *state;
	static char keys[MODEL_KEYS][65];
	static char values[MODEL_KEYS * 2]; /* two different values a key */
	char *model[MODEL_KEYS] = { 0 };
	size_t count = row->key_len == 1 ? 256 : MODEL_KEYS;
	struct fl_rng rng;
	struct fl_map m;

	for (size_t i = 0; i < count; i++)
		make_key(i, row->key_len, keys[i]);
	fl_rng_init(&rng, row->key_len);
	fl_map_init(&m, row->key_len, seed);
	for (size_t step = 0; step < MODEL_STEPS; step++) {
		/* Phases of growth and of shrinking, so that both chains and gaps happen. */
		bool growing = step / 2000 % 2 == 0;
		size_t i = (size_t)fl_rng_below(&rng, count);
		if (fl_rng_below(&rng, 10) < (growing ? 7 : 3)) {
			char *value = &values[2 * i + fl_rng_below(&rng, 2)];
			assert_err(fl_map_put(&m, keys[i], value), FL_OK);
			model[i] = value;
		} else {
			assert_ptr_equal(fl_map_take(&m, keys[i]), model[i]);
			model[i] = NULL;
		}
		size_t probe = (size_t)fl_rng_below(&rng, count);
		assert_ptr_equal(fl_map_find(&m, keys[probe]), model[probe]);
		if (step % 100 == 0)
			assert_walk(&m, model, count, values);
	}
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(fl_map_find(&m, keys[i]), model[i]);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(fl_map_take(&m, keys[i]), model[i]);
	assert_int_equal(m.len, 0);
	fl_map_done(&m);
}

static void empty_map_answers(void **state)
{
	struct fl_map m;
	size_t at = 0;
	(void)state;

	fl_map_init(&m, 4, seed);
	assert_null(fl_map_find(&m, "abcd"));
	assert_null(fl_map_take(&m, "abcd"));
	assert_null(fl_map_next(&m, &at));
	assert_null(m.slots); /* nothing is allocated before the first entry */
	fl_map_done(&m);
	fl_map_done(&m);
}

static void null_values_are_our_mistake(void **state)
{
	struct fl_map m;
	(void)state;

	fl_map_init(&m, 4, seed);
	assert_err(fl_map_put(&m, "abcd", NULL), FL_ERR_ARG);
	assert_int_equal(m.len, 0);
	fl_map_done(&m);
}

static void done_leaves_a_usable_map(void **state)
{
	struct fl_map m;
	int v;
	(void)state;

	fl_map_init(&m, 4, seed);
	assert_err(fl_map_put(&m, "abcd", &v), FL_OK);
	fl_map_done(&m);
	assert_null(fl_map_find(&m, "abcd"));
	assert_err(fl_map_put(&m, "abcd", &v), FL_OK);
	assert_ptr_equal(fl_map_find(&m, "abcd"), &v);
	fl_map_done(&m);
}

/* Fixed keys are copied, so the caller's may go. */
static void fixed_keys_are_copied(void **state)
{
	struct fl_map m;
	char key[8] = "12345678";
	int v;
	(void)state;

	fl_map_init(&m, sizeof key, seed);
	assert_err(fl_map_put(&m, key, &v), FL_OK);
	memset(key, 'x', sizeof key);
	assert_null(fl_map_find(&m, key));
	assert_ptr_equal(fl_map_find(&m, "12345678"), &v);
	fl_map_done(&m);
}

/* A replaced entry borrows the new key: the old one dies with the old value. */
static void replacing_borrows_the_new_key(void **state)
{
	struct fl_map m;
	char *old = strdup("node"), *new = strdup("node");
	(void)state;

	fl_map_init(&m, 0, seed);
	assert_err(fl_map_put(&m, old, old), FL_OK);
	assert_err(fl_map_put(&m, new, new), FL_OK);
	free(old);
	assert_ptr_equal(fl_map_find(&m, "node"), new);
	assert_ptr_equal(fl_map_take(&m, "node"), new);
	free(new);
	fl_map_done(&m);
}

static void order_of(const uint8_t key_seed[16], char out[static 65])
{
	static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEF";
	struct fl_map m;
	size_t at = 0, n = 0;

	fl_map_init(&m, 1, key_seed);
	for (size_t i = 0; i < 32; i++)
		assert_err(fl_map_put(&m, &names[i], (void *)(uintptr_t)&names[i]), FL_OK);
	for (const char *v = fl_map_next(&m, &at); v != NULL; v = fl_map_next(&m, &at))
		out[n++] = *v;
	out[n] = '\0';
	fl_map_done(&m);
}

/* Who does not know all of the seed cannot know where keys meet. */
static void every_seed_byte_changes_the_order(void **state)
{
	char first[65], second[65];
	(void)state;

	order_of(seed, first);
	order_of(seed, second);
	assert_string_equal(first, second);
	for (size_t i = 0; i < sizeof seed; i++) {
		uint8_t other[16];
		memcpy(other, seed, sizeof other);
		other[i] ^= 1;
		order_of(other, second);
		assert_string_not_equal(first, second);
	}
}

/* Entries stay near their homes: keys that count up must not pile into one chain. */
static void capacity_follows_length(void **state)
{
	static uint32_t keys[4000];
	struct fl_map m;
	(void)state;

	fl_map_init(&m, sizeof *keys, seed);
	for (uint32_t i = 0; i < COUNT(keys); i++) {
		keys[i] = i;
		assert_err(fl_map_put(&m, &keys[i], &keys[i]), FL_OK);
		assert_true(m.len <= m.cap / 4 * 3);
		assert_true(m.cap <= 8 || m.cap <= m.len * 3);
	}
	/* Churn at constant length needs no more room. */
	size_t cap = m.cap;
	for (uint32_t i = 0; i < COUNT(keys); i++) {
		assert_non_null(fl_map_take(&m, &keys[i]));
		keys[i] += 1000000;
		assert_err(fl_map_put(&m, &keys[i], &keys[i]), FL_OK);
	}
	assert_int_equal(m.cap, cap);
	fl_map_done(&m);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, model_rows, model_row);
	suite_add(&s, "an empty map answers", empty_map_answers, NULL);
	suite_add(&s, "NULL values are our mistake", null_values_are_our_mistake, NULL);
	suite_add(&s, "done leaves a usable map", done_leaves_a_usable_map, NULL);
	suite_add(&s, "fixed keys are copied", fixed_keys_are_copied, NULL);
	suite_add(&s, "replacing borrows the new key", replacing_borrows_the_new_key, NULL);
	suite_add(&s, "every seed byte changes the order", every_seed_byte_changes_the_order, NULL);
	suite_add(&s, "capacity follows length", capacity_follows_length, NULL);
	return suite_run(&s, "base/map");
}
