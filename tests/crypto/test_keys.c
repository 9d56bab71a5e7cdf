/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/test_keys.c - texts of every key type, and where they are refused. */
#include "crypto/keys.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/text.h"
#include "crypto/prim.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define HEX      "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
#define ZEROS    "0000000000000000000000000000000000000000000000000000000000000000"

/* The types differ only in name and prefix; the table calls them all through one shape. */
struct kind {
	const char *name, *prefix;
	void (*format)(const void *k, char *out);
	enum fl_err (*parse)(struct fl_slice text, void *out);
	bool (*is_zero)(const void *k);
	bool (*eq)(const void *a, const void *b);
	void (*short_form)(const void *k, char *out);
};

#define KIND(kind)                                                                                 \
	static void kind##_format(const void *k, char *out)                                        \
	{                                                                                          \
		fl_##kind##_key_format(k, out);                                                    \
	}                                                                                          \
	static enum fl_err kind##_parse(struct fl_slice text, void *out)                           \
	{                                                                                          \
		return fl_##kind##_key_parse(text, out);                                           \
	}                                                                                          \
	static bool kind##_is_zero(const void *k)                                                  \
	{                                                                                          \
		return fl_##kind##_key_is_zero(k);                                                 \
	}                                                                                          \
	static bool kind##_eq(const void *a, const void *b)                                        \
	{                                                                                          \
		return fl_##kind##_key_eq(a, b);                                                   \
	}                                                                                          \
	static void kind##_short(const void *k, char *out)                                         \
	{                                                                                          \
		fl_##kind##_key_short(k, out);                                                     \
	}

KIND(machine)
KIND(node)
KIND(disco)
KIND(challenge)

static void private_format(const void *k, char *out)
{
	fl_private_key_format(k, out);
}

static enum fl_err private_parse(struct fl_slice text, void *out)
{
	return fl_private_key_parse(text, out);
}

#define ROW(kind, text)                                                                            \
	{                                                                                          \
#kind, text, kind##_format, kind##_parse, kind##_is_zero, kind##_eq, kind##_short  \
	}

static struct kind kinds[] = {
	ROW(machine, "mkey:"),
	ROW(node, "nodekey:"),
	ROW(disco, "discokey:"),
	ROW(challenge, "chalpub:"),
	{ "private", "privkey:", private_format, private_parse, NULL, NULL, NULL },
};

static void refuse(const struct kind *kind, struct fl_slice text)
{
	uint8_t key[FL_KEY_LEN], before[FL_KEY_LEN];

	memset(key, 0xaa, sizeof key);
	memcpy(before, key, sizeof key);
	assert_int_equal(kind->parse(text, key), FL_ERR_SYNTAX);
	assert_memory_equal(key, before, sizeof key);
}

static void round_trip(void **state)
{
	const struct kind *kind = *state;
	char text[FL_KEY_TEXT_MAX], again[FL_KEY_TEXT_MAX];
	uint8_t key[FL_KEY_LEN], want[FL_KEY_LEN];

	assert_int_equal(fl_hex_decode(fl_slice_str(HEX), want, sizeof want), FL_OK);
	snprintf(text, sizeof text, "%s%s", kind->prefix, HEX);
	assert_int_equal(kind->parse(fl_slice_str(text), key), FL_OK);
	assert_memory_equal(key, want, sizeof key);
	kind->format(key, again);
	assert_string_equal(again, text);

	for (size_t i = strlen(kind->prefix); text[i] != '\0'; i++) /* digits of either case */
		text[i] = (char)toupper(text[i]);
	assert_int_equal(kind->parse(fl_slice_str(text), key), FL_OK);
	assert_memory_equal(key, want, sizeof key);
}

static void zero_key(void **state)
{
	const struct kind *kind = *state;
	char text[FL_KEY_TEXT_MAX], again[FL_KEY_TEXT_MAX];
	uint8_t key[FL_KEY_LEN], other[FL_KEY_LEN] = { 0 };

	snprintf(text, sizeof text, "%s%s", kind->prefix, ZEROS);
	assert_int_equal(kind->parse(fl_slice_str(text), key), FL_OK);
	kind->format(key, again);
	assert_string_equal(again, text);
	if (kind->is_zero == NULL)
		return;
	assert_true(kind->is_zero(key));
	assert_true(kind->eq(key, other));
	for (size_t i = 0; i < sizeof other; i++) {
		other[i] = 1;
		assert_false(kind->is_zero(other));
		assert_false(kind->eq(key, other));
		other[i] = 0;
	}
}

static void refusals(void **state)
{
	const struct kind *kind = *state;
	char text[FL_KEY_TEXT_MAX + 8];
	size_t n = strlen(kind->prefix) + 2 * FL_KEY_LEN;

	snprintf(text, sizeof text, "%s%s", kind->prefix, HEX);
	for (size_t cut = 0; cut < n; cut++)
		refuse(kind, fl_slice_of(text, cut));
	refuse(kind, fl_slice_of(NULL, 0));
	refuse(kind, fl_slice_of(text, n + 1)); /* with its NUL */
	for (size_t i = 0; i < n; i++) {        /* one wrong character anywhere */
		char kept = text[i];
		text[i] = 'g';
		if (kept != 'g')
			refuse(kind, fl_slice_of(text, n));
		text[i] = ' ';
		refuse(kind, fl_slice_of(text, n));
		text[i] = kept;
	}
	for (size_t i = 0; i < COUNT(kinds); i++) { /* another type's text */
		snprintf(text, sizeof text, "%s%s", kinds[i].prefix, HEX);
		if (&kinds[i] != kind)
			refuse(kind, fl_slice_str(text));
	}
	text[0] = (char)toupper(text[0]);
	refuse(kind, fl_slice_str(text));
}

static void short_form(void **state)
{
	const struct kind *kind = *state;
	uint8_t key[FL_KEY_LEN];
	char out[FL_KEY_SHORT_MAX];

	assert_int_equal(fl_hex_decode(fl_slice_str(HEX), key, sizeof key), FL_OK);
	kind->short_form(key, out);
	assert_string_equal(out, "[j0DFr]");
}

static void new_keys_are_clamped_and_differ(void **state)
{
	struct fl_private_key a, b;
	uint8_t pub_a[FL_KEY_LEN], pub_b[FL_KEY_LEN], ab[FL_KEY_LEN], ba[FL_KEY_LEN];

	(void)state;
	for (int i = 0; i < 64; i++) {
		assert_int_equal(fl_private_key_new(&a), FL_OK);
		assert_int_equal(a.b[0] & 7, 0);
		assert_int_equal(a.b[31] & 0xc0, 0x40);
	}
	assert_int_equal(fl_private_key_new(&b), FL_OK);
	assert_memory_not_equal(a.b, b.b, sizeof a.b);
	fl_private_key_public(&a, pub_a);
	fl_private_key_public(&b, pub_b);
	assert_int_equal(fl_x25519(&a, pub_b, ab), FL_OK);
	assert_int_equal(fl_x25519(&b, pub_a, ba), FL_OK);
	assert_memory_equal(ab, ba, sizeof ab);
}

static struct pub_row {
	const char *name;
	uint8_t first; /* the private key counts up from here */
	const char *want;
} pub_rows[] = {
	{ "public: from 00", 0x00,
	  "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f" },
	{ "public: from 40", 0x40,
	  "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a" },
	{ "public: from 01", 0x01,
	  "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c" },
	{ "public: from 21", 0x21,
	  "5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b" },
};

static void public_half(void **state)
{
	const struct pub_row *row = *state;
	struct fl_private_key priv;
	uint8_t pub[FL_KEY_LEN];
	char text[2 * FL_KEY_LEN + 1];

	for (size_t i = 0; i < sizeof priv.b; i++)
		priv.b[i] = (uint8_t)(row->first + i);
	fl_private_key_public(&priv, pub);
	fl_hex_encode(pub, sizeof pub, text);
	assert_string_equal(text, row->want);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} per_kind[] = {
	{ "round trip", round_trip },
	{ "zero key", zero_key },
	{ "refusals", refusals },
	{ "short form", short_form },
};

int main(void)
{
	static char names[COUNT(kinds) * COUNT(per_kind)][64];
	struct CMUnitTest tests[COUNT(names) + COUNT(pub_rows) + 2] = { 0 };
	size_t n = 0;

	if (fl_crypto_init() != FL_OK)
		return 1;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct kind *kind = &kinds[i / COUNT(per_kind)];
		size_t j = i % COUNT(per_kind);
		if (kind->short_form == NULL && per_kind[j].run == short_form)
			continue; /* a private key has none */
		snprintf(names[i], sizeof names[i], "%s: %s", kind->name, per_kind[j].name);
		tests[n++] = (struct CMUnitTest){ .name = names[i],
						  .test_func = per_kind[j].run,
						  .initial_state = kind };
	}
	for (size_t i = 0; i < COUNT(pub_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = pub_rows[i].name,
						  .test_func = public_half,
						  .initial_state = &pub_rows[i] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(new_keys_are_clamped_and_differ);
	return cmocka_run_group_tests_name("crypto/keys", tests, NULL, NULL);
}
