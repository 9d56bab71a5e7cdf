/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/test_token.c - credentials: made, cut by fixed lengths, refused, compared. */
#include "crypto/token.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define P12      "0123456789ab"
#define S64      "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DASHES   "----------------------------------------------------------------"

static struct row {
	const char *name;
	enum fl_token_kind kind;
	const char *text;
	enum fl_err want;
	const char *prefix, *secret;
} rows[] = {
	{ "auth key", FL_TOKEN_AUTH, "hskey-auth-" P12 "-" S64, FL_OK, P12, S64 },
	{ "api key", FL_TOKEN_API, "hskey-api-" P12 "-" S64, FL_OK, P12, S64 },
	{ "separators inside both parts", FL_TOKEN_AUTH, "hskey-auth-a-b-c_d-e-fg-" DASHES, FL_OK,
	  "a-b-c_d-e-fg", DASHES },
	{ "prefix of separators only", FL_TOKEN_AUTH,
	  "hskey-auth-"
	  "------------"
	  "-" S64,
	  FL_OK, "------------", S64 },
	{ "letters of both cases", FL_TOKEN_API, "hskey-api-AZaz09-_AZaz-" S64, FL_OK,
	  "AZaz09-_AZaz", S64 },
	{ "the other kind", FL_TOKEN_API, "hskey-auth-" P12 "-" S64, FL_ERR_SYNTAX, NULL, NULL },
	{ "the other kind, back", FL_TOKEN_AUTH, "hskey-api-" P12 "-" S64, FL_ERR_SYNTAX, NULL,
	  NULL },
	{ "word in capitals", FL_TOKEN_AUTH, "HSKEY-auth-" P12 "-" S64, FL_ERR_SYNTAX, NULL, NULL },
	{ "secret one short", FL_TOKEN_AUTH,
	  "hskey-auth-" P12 "-"
	  "0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
	  FL_ERR_SYNTAX, NULL, NULL },
	{ "secret one long", FL_TOKEN_AUTH, "hskey-auth-" P12 "-" S64 "0", FL_ERR_SYNTAX, NULL,
	  NULL },
	{ "no separator at its place", FL_TOKEN_AUTH, "hskey-auth-" P12 "0" S64, FL_ERR_SYNTAX,
	  NULL, NULL },
	{ "separator one early", FL_TOKEN_AUTH, "hskey-auth-0123456789a-b" S64, FL_ERR_SYNTAX, NULL,
	  NULL },
	{ "space around", FL_TOKEN_AUTH, " hskey-auth-" P12 "-" S64, FL_ERR_SYNTAX, NULL, NULL },
	{ "masked", FL_TOKEN_AUTH, "hskey-auth-" P12 "-***", FL_ERR_SYNTAX, NULL, NULL },
	{ "legacy bare key", FL_TOKEN_AUTH, S64, FL_ERR_SYNTAX, NULL, NULL },
	{ "empty", FL_TOKEN_AUTH, "", FL_ERR_SYNTAX, NULL, NULL },
};

static void parse_row(void **state)
{
	const struct row *row = *state;
	char prefix[FL_TOKEN_PREFIX_LEN + 1] = "untouched...";
	struct fl_slice secret = fl_slice_str("untouched");
	struct fl_slice text = fl_slice_str(row->text);

	assert_int_equal(fl_token_parse(row->kind, text, prefix, &secret), row->want);
	if (row->want != FL_OK) {
		assert_string_equal(prefix, "untouched...");
		assert_true(fl_slice_is(secret, "untouched"));
		return;
	}
	assert_string_equal(prefix, row->prefix);
	assert_true(fl_slice_is(secret, row->secret));
	for (size_t cut = 0; cut < text.len; cut++)
		assert_int_equal(
			fl_token_parse(row->kind, fl_slice_of(text.ptr, cut), prefix, &secret),
			FL_ERR_SYNTAX);
}

/* Every byte value at every place: allowed exactly where the alphabet and the word allow it. */
static void every_byte_everywhere(void **state)
{
	char text[] = "hskey-auth-" P12 "-" S64;
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	struct fl_slice secret;

	(void)state;
	for (size_t at = 0; at < sizeof text - 1; at++) {
		char kept = text[at];
		bool fixed = at < 11 || at == 11 + FL_TOKEN_PREFIX_LEN;
		for (int c = 0; c < 256; c++) {
			text[at] = (char)c;
			bool word = c < 128 && (isalnum(c) || c == '-' || c == '_');
			bool want = fixed ? text[at] == kept : word;
			enum fl_err got = fl_token_parse(
				FL_TOKEN_AUTH, fl_slice_of(text, sizeof text - 1), prefix, &secret);
			if ((got == FL_OK) != want)
				fail_msg("byte 0x%02x at %zu: %s", (unsigned)c, at,
					 fl_err_text(got));
		}
		text[at] = kept;
	}
}

static bool is_lower_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

static void made_tokens(void **state)
{
	enum fl_token_kind kind = *(const enum fl_token_kind *)*state;
	struct fl_token a, b;
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	struct fl_slice secret;

	fl_token_new(kind, &a);
	fl_token_new(kind, &b);
	assert_string_not_equal(a.text, b.text);
	assert_string_not_equal(a.prefix, b.prefix);
	assert_memory_not_equal(a.hash, b.hash, sizeof a.hash);
	assert_int_equal(fl_token_parse(kind, fl_slice_str(a.text), prefix, &secret), FL_OK);
	assert_string_equal(prefix, a.prefix);
	assert_true(is_lower_hex(a.prefix, FL_TOKEN_PREFIX_LEN));
	assert_true(is_lower_hex((const char *)secret.ptr, FL_TOKEN_SECRET_LEN));
	assert_true(fl_token_matches(secret, a.hash));
	assert_false(fl_token_matches(secret, b.hash));
	for (size_t i = 0; i < sizeof a.hash; i++) {
		a.hash[i] ^= 1;
		assert_false(fl_token_matches(secret, a.hash));
		a.hash[i] ^= 1;
	}
}

static void hash_is_sha256(void **state)
{
	uint8_t hash[FL_HASH_LEN];
	char text[2 * FL_HASH_LEN + 1];

	(void)state;
	fl_token_hash(fl_slice_str("abc"), hash);
	fl_hex_encode(hash, sizeof hash, text);
	assert_string_equal(text,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	fl_token_hash(fl_slice_of(NULL, 0), hash);
	fl_hex_encode(hash, sizeof hash, text);
	assert_string_equal(text,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void authreq(void **state)
{
	char a[FL_AUTHREQ_TEXT_MAX + 1], b[FL_AUTHREQ_TEXT_MAX];

	(void)state;
	a[FL_AUTHREQ_TEXT_MAX] = 'x';
	fl_authreq_new(a);
	fl_authreq_new(b);
	assert_int_equal(a[FL_AUTHREQ_TEXT_MAX], 'x');
	assert_int_equal(strlen(a), FL_AUTHREQ_LEN);
	assert_string_not_equal(a, b);
	assert_true(is_lower_hex(a + 14, 24));
	assert_true(fl_authreq_valid(fl_slice_str(a)));
	for (size_t cut = 0; cut < FL_AUTHREQ_LEN; cut++)
		assert_false(fl_authreq_valid(fl_slice_of(a, cut)));
	assert_false(fl_authreq_valid(fl_slice_of(a, FL_AUTHREQ_LEN + 1)));
	assert_false(fl_authreq_valid(fl_slice_of(NULL, 0)));
	for (size_t i = 0; i < FL_AUTHREQ_LEN; i++) {
		char kept = a[i];
		a[i] = '<';
		assert_false(fl_authreq_valid(fl_slice_of(a, FL_AUTHREQ_LEN)));
		a[i] = '/';
		assert_false(fl_authreq_valid(fl_slice_of(a, FL_AUTHREQ_LEN)));
		a[i] = kept;
	}
	assert_true(fl_authreq_valid(fl_slice_str("hskey-authreq-AZaz09-_AZaz09-_AZaz09-_")));
	assert_false(fl_authreq_valid(fl_slice_str("hskey-authreq-AZaz09-_AZaz09-_AZaz09-_0")));
	assert_false(fl_authreq_valid(fl_slice_str("hskey-authREQ-AZaz09-_AZaz09-_AZaz09-_")));
}

int main(void)
{
	static enum fl_token_kind auth = FL_TOKEN_AUTH, api = FL_TOKEN_API;
	struct CMUnitTest tests[COUNT(rows) + 5];
	size_t n = 0;

	if (fl_crypto_init() != FL_OK)
		return 1;
	for (; n < COUNT(rows); n++)
		tests[n] = (struct CMUnitTest){ .name = rows[n].name,
						.test_func = parse_row,
						.initial_state = &rows[n] };
	tests[n++] = (struct CMUnitTest){ .name = "new auth key",
					  .test_func = made_tokens,
					  .initial_state = &auth };
	tests[n++] = (struct CMUnitTest){ .name = "new api key",
					  .test_func = made_tokens,
					  .initial_state = &api };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_byte_everywhere);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(hash_is_sha256);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(authreq);
	return cmocka_run_group_tests_name("crypto/token", tests, NULL, NULL);
}
