/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/noise.c - cuts and writes the framing of the Noise messages. Pure: no state, no keys. */
#include "wire/noise.h"

enum { INITIATION_BODY = 96, RESPONSE_BODY = 48, BODY_MAX = FL_NOISE_RECORD_MAX - 3 };

static const uint8_t early_magic[] = { 0xff, 0xff, 0xff, 'T', 'S' };

enum fl_err fl_noise_initiation_decode(struct fl_slice in, struct fl_noise_initiation *out)
{
	struct fl_cur cur = { .in = in };
	uint16_t version = (uint16_t)fl_cur_be(&cur, 2);
	uint64_t type = fl_cur_be(&cur, 1);
	uint64_t len = fl_cur_be(&cur, 2);
	struct fl_slice ephemeral = fl_cur_take(&cur, FL_KEY_LEN);
	struct fl_slice sealed_static = fl_cur_take(&cur, FL_KEY_LEN + 16);
	struct fl_slice tag = fl_cur_take(&cur, 16);

	if (cur.bad || cur.at != in.len || type != FL_NOISE_INITIATION || len != INITIATION_BODY)
		return FL_ERR_PROTO;
	*out = (struct fl_noise_initiation){
		.version = version,
		.ephemeral = ephemeral,
		.sealed_static = sealed_static,
		.tag = tag,
	};
	return FL_OK;
}

/* The largest body that a type may announce, or 0 for a type that has no place in a stream. */
static size_t body_max(uint8_t type)
{
	switch (type) {
	case FL_NOISE_RESPONSE:
		return RESPONSE_BODY;
	case FL_NOISE_ERROR:
		return FL_NOISE_ERROR_TEXT_MAX;
	case FL_NOISE_RECORD:
		return BODY_MAX;
	}
	return 0;
}

enum fl_err fl_noise_next(struct fl_slice in, enum fl_noise_type *out_type,
			  struct fl_slice *out_body, size_t *out_used)
{
	struct fl_cur cur = { .in = in };
	uint8_t type = (uint8_t)fl_cur_be(&cur, 1);
	size_t max = body_max(type);

	if (cur.bad)
		return FL_MORE;
	if (max == 0)
		return FL_ERR_PROTO;
	size_t len = (size_t)fl_cur_be(&cur, 2);
	if (cur.bad)
		return FL_MORE;
	if (type == FL_NOISE_RESPONSE && len != RESPONSE_BODY)
		return FL_ERR_PROTO;
	if (len > max) /* judged on the header: a peer may not make us wait for it */
		return FL_ERR_TOO_BIG;

	struct fl_slice body = fl_cur_take(&cur, len);
	if (cur.bad)
		return FL_MORE;
	*out_type = (enum fl_noise_type)type;
	*out_body = body;
	*out_used = cur.at;
	return FL_OK;
}

void fl_noise_error_encode(const char *text, struct fl_buf *out)
{
	size_t len = strnlen(text, FL_NOISE_ERROR_TEXT_MAX);

	fl_buf_byte(out, FL_NOISE_ERROR);
	fl_buf_be(out, len, 2);
	fl_buf_put(out, text, len);
}

void fl_noise_early_encode(const struct fl_challenge_key *challenge, struct fl_buf *out)
{
	static const char head[] = "{\"nodeKeyChallenge\":\"", tail[] = "\"}";
	char key[FL_KEY_TEXT_MAX];

	fl_challenge_key_format(challenge, key);
	fl_buf_put(out, early_magic, sizeof early_magic);
	fl_buf_be(out, sizeof head - 1 + strlen(key) + sizeof tail - 1, 4);
	fl_buf_str(out, head);
	fl_buf_str(out, key);
	fl_buf_str(out, tail);
}

enum fl_err fl_noise_early_next(struct fl_slice in, struct fl_slice *out_json, size_t *out_used)
{
	struct fl_cur cur = { .in = in };
	size_t seen = in.len < sizeof early_magic ? in.len : sizeof early_magic;

	if (seen > 0 && memcmp(in.ptr, early_magic, seen) != 0) { /* HTTP/2 begins at once */
		*out_json = fl_slice_of(NULL, 0);
		*out_used = 0;
		return FL_OK;
	}
	(void)fl_cur_take(&cur, sizeof early_magic);
	size_t len = (size_t)fl_cur_be(&cur, 4);
	if (cur.bad)
		return FL_MORE;
	if (len > FL_NOISE_EARLY_MAX)
		return FL_ERR_TOO_BIG;
	struct fl_slice json = fl_cur_take(&cur, len);
	if (cur.bad)
		return FL_MORE;
	*out_json = json;
	*out_used = cur.at;
	return FL_OK;
}
