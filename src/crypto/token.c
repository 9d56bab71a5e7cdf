/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto/token.c - makes, cuts and checks the credentials of crypto/token.h. */
#include "crypto/token.h"

#include "base/text.h"

#define AUTHREQ_WORD "hskey-authreq-"

enum { AUTHREQ_BYTES = 12 };

static const char *word_of(enum fl_token_kind kind)
{
	switch (kind) {
	case FL_TOKEN_AUTH:
		return "hskey-auth-";
	case FL_TOKEN_API:
		return "hskey-api-";
	}
	return "";
}

static bool is_word_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static bool is_words(struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_word_char(s.ptr[i]))
			return false;
	return true;
}

static void random_hex(size_t chars, char *out)
{
	uint8_t bytes[FL_TOKEN_SECRET_LEN / 2];

	fl_random(bytes, chars / 2);
	fl_hex_encode(bytes, chars / 2, out);
	fl_wipe(bytes, sizeof bytes);
}

void fl_token_new(enum fl_token_kind kind, struct fl_token *out)
{
	const char *word = word_of(kind);
	size_t at = strlen(word);

	*out = (struct fl_token){ 0 };
	memcpy(out->text, word, at);
	random_hex(FL_TOKEN_PREFIX_LEN, out->prefix);
	memcpy(out->text + at, out->prefix, FL_TOKEN_PREFIX_LEN);
	at += FL_TOKEN_PREFIX_LEN;
	out->text[at++] = '-';
	random_hex(FL_TOKEN_SECRET_LEN, out->text + at);
	fl_token_hash(fl_slice_of(out->text + at, FL_TOKEN_SECRET_LEN), out->hash);
}

enum fl_err fl_token_parse(enum fl_token_kind kind, struct fl_slice text,
			   char out_prefix[static FL_TOKEN_PREFIX_LEN + 1],
			   struct fl_slice *out_secret)
{
	const char *word = word_of(kind);
	size_t n = strlen(word);

	if (text.len != n + FL_TOKEN_PREFIX_LEN + 1 + FL_TOKEN_SECRET_LEN ||
	    memcmp(text.ptr, word, n) != 0 || !is_words(text) ||
	    text.ptr[n + FL_TOKEN_PREFIX_LEN] != '-')
		return FL_ERR_SYNTAX;
	memcpy(out_prefix, text.ptr + n, FL_TOKEN_PREFIX_LEN);
	out_prefix[FL_TOKEN_PREFIX_LEN] = '\0';
	*out_secret = fl_slice_skip(text, n + FL_TOKEN_PREFIX_LEN + 1);
	return FL_OK;
}

void fl_token_hash(struct fl_slice secret, uint8_t out[static FL_HASH_LEN])
{
	fl_sha256(secret, out);
}

bool fl_token_matches(struct fl_slice secret, const uint8_t hash[static FL_HASH_LEN])
{
	uint8_t got[FL_HASH_LEN];

	fl_token_hash(secret, got);
	bool same = fl_equal_ct(got, hash, sizeof got);
	fl_wipe(got, sizeof got);
	return same;
}

void fl_authreq_new(char out[static FL_AUTHREQ_TEXT_MAX])
{
	size_t at = strlen(AUTHREQ_WORD);

	memcpy(out, AUTHREQ_WORD, at);
	random_hex(2 * AUTHREQ_BYTES, out + at);
}

bool fl_authreq_valid(struct fl_slice text)
{
	size_t n = strlen(AUTHREQ_WORD);

	return text.len == FL_AUTHREQ_LEN && memcmp(text.ptr, AUTHREQ_WORD, n) == 0 &&
	       is_words(text);
}
