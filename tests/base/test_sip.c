/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/base/test_sip.c - the keyed hash against CPython 3.11, whose bytes hash it is too: the
 * keys are those of PYTHONHASHSEED 0, 1 and 42.
 */
#include "table.h"

#include "base/sip.h"

static const uint8_t zero_key[16] = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
				      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 };
static const uint8_t key_a[16] = { 0x29, 0x23, 0xbe, 0x84, 0xe1, 0x6c, 0xd6, 0xae,
				   0x52, 0x90, 0x49, 0xf1, 0xf1, 0xbb, 0xe9, 0xeb };
static const uint8_t key_b[16] = { 0xaf, 0x90, 0xcd, 0x68, 0xd3, 0x4f, 0x50, 0xdc,
				   0xc1, 0xe9, 0x99, 0xfe, 0x9f, 0xbb, 0x20, 0xb9 };

static struct row {
	const char *name; /* the text that is hashed */
	const uint8_t *key;
	uint64_t want;
} rows[] = {
	{ "a", zero_key, 0x407448d2b89b1813 },
	{ "ab", zero_key, 0x555508cbc6add439 },
	{ "abcdefg", zero_key, 0x6db12aae9070f506 },
	{ "abcdefgh", zero_key, 0x3f7b849c0b8e35ea },
	{ "abcdefghi", zero_key, 0xf89b34a3d11eb6e5 },
	{ "0123456789abcdef", zero_key, 0x1d42b30f7e060c24 },
	{ "the quick brown fox jumps over the lazy dog", zero_key, 0x80a65583f613da2d },
	{ "a", key_a, 0xd6300bc9f7cc0e73 },
	{ "ab", key_a, 0xb8561ee67cd5b166 },
	{ "abcdefg", key_a, 0x2cc75771f0205010 },
	{ "abcdefgh", key_a, 0xfd3011ff3947e7f4 },
	{ "abcdefghi", key_a, 0x6d3c39f07e99250c },
	{ "0123456789abcdef", key_a, 0x32fb2aa9e1a93942 },
	{ "the quick brown fox jumps over the lazy dog", key_a, 0x4d4d3ac518fa33d0 },
	{ "a", key_b, 0xfe4a47335692551e },
	{ "ab", key_b, 0x85652f29192e603a },
	{ "abcdefg", key_b, 0x13162120b6bf06ed },
	{ "abcdefgh", key_b, 0xb441be6d79f21056 },
	{ "abcdefghi", key_b, 0xad255ab35982cc7f },
	{ "0123456789abcdef", key_b, 0xfb45b65d4dce0272 },
	{ "the quick brown fox jumps over the lazy dog", key_b, 0xd6c9bcbe0057c5ef },
};

static void sip_row(void **state)
{
	const struct row *row = *state;
	struct fl_slice in = exact(fl_slice_str(row->name));
	uint64_t seed[2];

	fl_sip_seed(seed, row->key);
	assert_true(fl_sip_hash(seed, in.ptr, in.len) == row->want);
	exact_free(in);
}

static void length_counts(void **state)
{
	static const uint8_t zeros[16];
	uint64_t seed[2], seen[16];
	(void)state;

	fl_sip_seed(seed, zero_key);
	for (size_t n = 0; n < COUNT(seen); n++) {
		seen[n] = fl_sip_hash(seed, zeros, n);
		for (size_t i = 0; i < n; i++)
			assert_true(seen[i] != seen[n]);
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, sip_row);
	suite_add(&s, "length counts", length_counts, NULL);
	return suite_run(&s, "base/sip");
}
