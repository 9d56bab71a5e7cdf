/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/keys.h - the key types of the control and relay protocols, each its own type so that a
 * mix-up fails to compile, and their text forms.
 *
 * Text on output is prefix + lower-case hex; on input hex of either case. A wrong prefix or
 * length is FL_ERR_SYNTAX. Zero keys parse and format (64 zeros); callers refuse them where the
 * protocol does.
 *
 * Security  private keys are wiped by their owner with fl_wipe; they have no log form.
 * Source    docs/protocol/control.md 2.1
 */
#ifndef FL_CRYPTO_KEYS_H
#define FL_CRYPTO_KEYS_H

#include "base/err.h"
#include "base/slice.h"

enum {
	FL_KEY_LEN = 32,
	FL_KEY_TEXT_MAX = 80,  /* any public key text with its NUL */
	FL_KEY_SHORT_MAX = 16, /* "[AbCdE]" and NUL */
};

/* clang-format off */
struct fl_machine_key { uint8_t b[FL_KEY_LEN]; };   /* "mkey:" X25519 public */
struct fl_node_key { uint8_t b[FL_KEY_LEN]; };      /* "nodekey:" X25519 public */
struct fl_disco_key { uint8_t b[FL_KEY_LEN]; };     /* "discokey:" X25519 public */
struct fl_challenge_key { uint8_t b[FL_KEY_LEN]; }; /* "chalpub:" X25519 public */
struct fl_private_key { uint8_t b[FL_KEY_LEN]; };   /* "privkey:" X25519 secret, clamped */
/* clang-format on */

#define FL_KEY_DECLARE(kind)                                                                       \
	void fl_##kind##_key_format(const struct fl_##kind##_key *k,                               \
				    char out[static FL_KEY_TEXT_MAX]);                             \
	FL_MUST enum fl_err fl_##kind##_key_parse(struct fl_slice text,                            \
						  struct fl_##kind##_key *out);                    \
	bool fl_##kind##_key_is_zero(const struct fl_##kind##_key *k);                             \
	bool fl_##kind##_key_eq(const struct fl_##kind##_key *a, const struct fl_##kind##_key *b); \
	void fl_##kind##_key_short(const struct fl_##kind##_key *k,                                \
				   char out[static FL_KEY_SHORT_MAX])

FL_KEY_DECLARE(machine);
FL_KEY_DECLARE(node);
FL_KEY_DECLARE(disco);
FL_KEY_DECLARE(challenge);

/* "privkey:" + hex; the text is secret. */
void fl_private_key_format(const struct fl_private_key *k, char out[static FL_KEY_TEXT_MAX]);
FL_MUST enum fl_err fl_private_key_parse(struct fl_slice text, struct fl_private_key *out);

/* A new clamped X25519 secret. Errors: FL_ERR_IO when the system has no entropy. */
FL_MUST enum fl_err fl_private_key_new(struct fl_private_key *out);

/* The X25519 public half. */
void fl_private_key_public(const struct fl_private_key *k, uint8_t out[static FL_KEY_LEN]);

#endif
