/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/token.h - the credentials people and programs carry: auth keys, API keys, and the
 * identifiers of pending registrations.
 *
 * A token is word + prefix + '-' + secret. The prefix is public: it names the record and may be
 * listed and logged. The secret is shown once, at creation; what is stored is its SHA-256. A
 * plain hash is enough because the secret is 256 random bits, which cannot be guessed from it.
 *
 * Texts are cut by fixed lengths and not at separators, because '-' is itself allowed inside
 * both parts. Ours are lower-case hex; A-Z a-z 0-9 '-' '_' are accepted on input.
 *
 * Memory    no allocation. Parsed slices point into the input.
 * Security  a struct fl_token holds a secret until its owner wipes it with fl_wipe. Hashes are
 *           compared by fl_token_matches, in constant time.
 */
#ifndef FL_CRYPTO_TOKEN_H
#define FL_CRYPTO_TOKEN_H

#include "base/err.h"
#include "base/slice.h"
#include "crypto/prim.h"

enum {
	FL_TOKEN_PREFIX_LEN = 12,
	FL_TOKEN_SECRET_LEN = 64,
	FL_TOKEN_TEXT_MAX = 96,   /* any token with its NUL */
	FL_AUTHREQ_LEN = 38,      /* "hskey-authreq-" and 24 characters */
	FL_AUTHREQ_TEXT_MAX = 39, /* with NUL */
};

enum fl_token_kind {
	FL_TOKEN_AUTH, /* "hskey-auth-": lets a machine join */
	FL_TOKEN_API,  /* "hskey-api-": lets a program administer */
};

struct fl_token {
	char text[FL_TOKEN_TEXT_MAX]; /* secret: the whole token, to be shown once */
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	uint8_t hash[FL_HASH_LEN]; /* what to store */
};

/* Makes a new token from fresh randomness. Wipe *out once the text has been handed over. */
void fl_token_new(enum fl_token_kind kind, struct fl_token *out);

/*
 * Splits `text`, which must be a whole token of that kind: no surrounding space, exact length.
 * `out_prefix` is terminated. `out_secret` is borrowed from `text` and is a secret.
 * Errors: FL_ERR_SYNTAX.
 */
FL_MUST enum fl_err fl_token_parse(enum fl_token_kind kind, struct fl_slice text,
				   char out_prefix[static FL_TOKEN_PREFIX_LEN + 1],
				   struct fl_slice *out_secret);

/* The stored form of a secret: SHA-256 over its characters. Any length (legacy keys differ). */
void fl_token_hash(struct fl_slice secret, uint8_t out[static FL_HASH_LEN]);

/* Does `secret` hash to `hash`? In time that does not depend on where they differ. */
bool fl_token_matches(struct fl_slice secret, const uint8_t hash[static FL_HASH_LEN]);

/* A new identifier of a pending registration: 96 random bits, terminated. */
void fl_authreq_new(char out[static FL_AUTHREQ_TEXT_MAX]);

/*
 * Is `text` exactly a registration identifier? Safe to put into a page or a log afterwards: it
 * holds only A-Z a-z 0-9 '-' '_'.
 */
bool fl_authreq_valid(struct fl_slice text);

#endif
