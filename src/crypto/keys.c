/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto/keys.c - key texts: one prefix table line per type, one implementation behind them. */
#include "crypto/keys.h"

#include <sodium.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/prim.h"

enum { SHORT_BYTES = 4, SHORT_CHARS = 5 };

static void format_key(const char *prefix, const uint8_t *key, char *out)
{
	size_t n = strlen(prefix);

	memcpy(out, prefix, n);
	fl_hex_encode(key, FL_KEY_LEN, out + n);
}

static enum fl_err parse_key(const char *prefix, struct fl_slice text, uint8_t *out)
{
	size_t n = strlen(prefix);
	uint8_t key[FL_KEY_LEN];

	if (text.len != n + 2 * FL_KEY_LEN || memcmp(text.ptr, prefix, n) != 0)
		return FL_ERR_SYNTAX;
	enum fl_err err = fl_hex_decode(fl_slice_skip(text, n), key, sizeof key);
	if (err == FL_OK)
		memcpy(out, key, sizeof key);
	fl_wipe(key, sizeof key);
	return err;
}

static void short_key(const uint8_t *key, char *out)
{
	char text[(SHORT_BYTES + 2) / 3 * 4 + 1];

	fl_base64_encode(key, SHORT_BYTES, text);
	out[0] = '[';
	memcpy(out + 1, text, SHORT_CHARS);
	out[1 + SHORT_CHARS] = ']';
	out[2 + SHORT_CHARS] = '\0';
}

#define KEY(kind, prefix)                                                                          \
	void fl_##kind##_key_format(const struct fl_##kind##_key *k,                               \
				    char out[static FL_KEY_TEXT_MAX])                              \
	{                                                                                          \
		format_key(prefix, k->b, out);                                                     \
	}                                                                                          \
	bool fl_##kind##_key_is_zero(const struct fl_##kind##_key *k)                              \
	{                                                                                          \
		return sodium_is_zero(k->b, FL_KEY_LEN) != 0;                                      \
	}                                                                                          \
	bool fl_##kind##_key_eq(const struct fl_##kind##_key *a, const struct fl_##kind##_key *b)  \
	{                                                                                          \
		return memcmp(a->b, b->b, FL_KEY_LEN) == 0;                                        \
	}                                                                                          \
	void fl_##kind##_key_short(const struct fl_##kind##_key *k,                                \
				   char out[static FL_KEY_SHORT_MAX])                              \
	{                                                                                          \
		short_key(k->b, out);                                                              \
	}                                                                                          \
	enum fl_err fl_##kind##_key_parse(struct fl_slice text, struct fl_##kind##_key *out)       \
	{                                                                                          \
		return parse_key(prefix, text, out->b);                                            \
	}

KEY(machine, "mkey:")
KEY(node, "nodekey:")
KEY(disco, "discokey:")
KEY(challenge, "chalpub:")

void fl_private_key_format(const struct fl_private_key *k, char out[static FL_KEY_TEXT_MAX])
{
	format_key("privkey:", k->b, out);
}

enum fl_err fl_private_key_parse(struct fl_slice text, struct fl_private_key *out)
{
	return parse_key("privkey:", text, out->b);
}

enum fl_err fl_private_key_new(struct fl_private_key *out)
{
	struct fl_private_key k;

	if (getentropy(k.b, sizeof k.b) < 0)
		return FL_ERR_IO;
	k.b[0] &= 248;
	k.b[31] = (uint8_t)((k.b[31] & 127) | 64);
	*out = k;
	fl_wipe(&k, sizeof k);
	return FL_OK;
}

void fl_private_key_public(const struct fl_private_key *k, uint8_t out[static FL_KEY_LEN])
{
	if (crypto_scalarmult_base(out, k->b) != 0)
		__builtin_unreachable(); /* the base point has no low order */
}
