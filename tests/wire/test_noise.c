/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_noise.c - the framing of the Noise messages, row by row and prefix by prefix. */
#include "wire/noise.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#define BYTES(s)                                                                                   \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}
#define COUNT(a) (sizeof(a) / sizeof *(a))
#define B16      "0123456789abcdef"
#define B48      B16 B16 B16

static struct row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
	size_t body, used;
} rows[] = {
	{ "nothing yet", BYTES(""), FL_MORE, 0, 0 },
	{ "only a type", BYTES("\x04"), FL_MORE, 0, 0 },
	{ "header cut short", BYTES("\x04\0"), FL_MORE, 0, 0 },
	{ "body cut short",
	  BYTES("\x04\0\x03"
		"ab"),
	  FL_MORE, 0, 0 },
	{ "record",
	  BYTES("\x04\0\x03"
		"abc"),
	  FL_OK, 3, 6 },
	{ "record without a body", BYTES("\x04\0\0"), FL_OK, 0, 3 },
	{ "stops at the record's end",
	  BYTES("\x04\0\x01"
		"a"
		"\x04\0"),
	  FL_OK, 1, 4 },
	{ "record of exactly the limit", BYTES("\x04\x0f\xfd"), FL_MORE, 0, 0 },
	{ "record one over the limit", BYTES("\x04\x0f\xfe"), FL_ERR_TOO_BIG, 0, 0 },
	{ "record of all ones", BYTES("\x04\xff\xff"), FL_ERR_TOO_BIG, 0, 0 },
	{ "error text",
	  BYTES("\x03\0\x02"
		"no"),
	  FL_OK, 2, 5 },
	{ "error without a text", BYTES("\x03\0\0"), FL_OK, 0, 3 },
	{ "error text of exactly the limit", BYTES("\x03\x02\0"), FL_MORE, 0, 0 },
	{ "error text one over the limit", BYTES("\x03\x02\x01"), FL_ERR_TOO_BIG, 0, 0 },
	{ "response", BYTES("\x02\0\x30" B48), FL_OK, 48, 51 },
	{ "response one short", BYTES("\x02\0\x2f"), FL_ERR_PROTO, 0, 0 },
	{ "response one long", BYTES("\x02\0\x31"), FL_ERR_PROTO, 0, 0 },
	{ "type 0", BYTES("\0"), FL_ERR_PROTO, 0, 0 },
	{ "type 1 has no place here", BYTES("\x01"), FL_ERR_PROTO, 0, 0 },
	{ "type 5",
	  BYTES("\x05\0\x01"
		"a"),
	  FL_ERR_PROTO, 0, 0 },
	{ "type 255", BYTES("\xff"), FL_ERR_PROTO, 0, 0 },
	{ "an HTTP request", BYTES("GET / HTTP/1.1\r\n"), FL_ERR_PROTO, 0, 0 },
};

static void next_row(void **state)
{
	const struct row *row = *state;
	enum fl_noise_type type = 77;
	struct fl_slice body = fl_slice_str("untouched");
	size_t used = 99;

	enum fl_err got = fl_noise_next(row->in, &type, &body, &used);
	if (got != row->want)
		fail_msg("got %s, want %s", fl_err_text(got), fl_err_text(row->want));
	if (got != FL_OK) {
		assert_int_equal(type, 77);
		assert_true(fl_slice_is(body, "untouched"));
		assert_int_equal(used, 99);
		return;
	}
	assert_int_equal(type, row->in.ptr[0]);
	assert_int_equal(body.len, row->body);
	assert_int_equal(used, row->used);
	for (size_t cut = 0; cut < row->used; cut++) /* however the bytes arrive */
		assert_int_equal(fl_noise_next(fl_slice_of(row->in.ptr, cut), &type, &body, &used),
				 FL_MORE);
}

static void initiation(void **state)
{
	uint8_t in[FL_NOISE_INITIATION_LEN + 1] = { 0x12, 0x34, 1, 0, 96 };
	struct fl_noise_initiation out = { .version = 7 };

	(void)state;
	for (size_t len = 0; len <= sizeof in; len++) {
		enum fl_err got = fl_noise_initiation_decode(fl_slice_of(in, len), &out);
		assert_int_equal(got, len == FL_NOISE_INITIATION_LEN ? FL_OK : FL_ERR_PROTO);
		assert_int_equal(out.version, len < FL_NOISE_INITIATION_LEN ? 7 : 0x1234);
	}
	assert_ptr_equal(out.ephemeral.ptr, in + 5);
	assert_int_equal(out.ephemeral.len, 32);
	assert_ptr_equal(out.sealed_static.ptr, in + 37);
	assert_int_equal(out.sealed_static.len, 48);
	assert_ptr_equal(out.tag.ptr, in + 85);
	assert_int_equal(out.tag.len, 16);
}

/* Type and length have one right value each; the version may be any. */
static void initiation_header(void **state)
{
	uint8_t in[FL_NOISE_INITIATION_LEN] = { 0, 145, 1, 0, 96 };
	struct fl_noise_initiation out;

	(void)state;
	for (size_t at = 0; at < 5; at++) {
		uint8_t kept = in[at];
		for (int c = 0; c < 256; c++) {
			in[at] = (uint8_t)c;
			enum fl_err got =
				fl_noise_initiation_decode(fl_slice_of(in, sizeof in), &out);
			assert_int_equal(got, at < 2 || c == kept ? FL_OK : FL_ERR_PROTO);
		}
		in[at] = kept;
	}
}

static void error_message(void **state)
{
	char text[FL_NOISE_ERROR_TEXT_MAX + 2];
	enum fl_noise_type type;
	struct fl_slice body;
	size_t used;

	(void)state;
	for (size_t len = 0; len < sizeof text; len++) {
		struct fl_buf out = fl_buf_make(1024);
		memset(text, 'x', len);
		text[len] = '\0';
		fl_noise_error_encode(text, &out);
		assert_int_equal(fl_noise_next(fl_buf_slice(&out), &type, &body, &used), FL_OK);
		assert_int_equal(type, FL_NOISE_ERROR);
		assert_int_equal(used, out.len);
		assert_int_equal(body.len,
				 len < FL_NOISE_ERROR_TEXT_MAX ? len : FL_NOISE_ERROR_TEXT_MAX);
		fl_buf_done(&out);
	}
}

#define ZEROS32 "00000000000000000000000000000000"

static void early_payload_bytes(void **state)
{
	static const char want[] =
		"\xff\xff\xffTS\0\0\0\x5f"
		"{\"nodeKeyChallenge\":\"chalpub:01" ZEROS32 "000000000000000000000000000000\"}";
	struct fl_challenge_key key = { { 1 } };
	struct fl_buf out = fl_buf_make(1024);
	struct fl_slice json;
	size_t used;

	(void)state;
	fl_noise_early_encode(&key, &out);
	assert_int_equal(fl_buf_err(&out), FL_OK);
	assert_int_equal(out.len, sizeof want - 1);
	assert_memory_equal(out.ptr, want, out.len);
	for (size_t cut = 0; cut < out.len; cut++)
		assert_int_equal(fl_noise_early_next(fl_slice_of(out.ptr, cut), &json, &used),
				 FL_MORE);
	fl_buf_byte(&out, 0); /* what follows stays */
	assert_int_equal(fl_noise_early_next(fl_buf_slice(&out), &json, &used), FL_OK);
	assert_int_equal(used, sizeof want - 1);
	assert_int_equal(json.len, sizeof want - 1 - FL_NOISE_EARLY_HEADER_LEN);
	fl_buf_done(&out);
}

static struct early_row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
	size_t json, used;
} early_rows[] = {
	{ "early: nothing yet", BYTES(""), FL_MORE, 0, 0 },
	{ "early: magic begins", BYTES("\xff\xff"), FL_MORE, 0, 0 },
	{ "early: none, settings at once", BYTES("\0\0\x12\x04\0\0\0\0\0"), FL_OK, 0, 0 },
	{ "early: none, one byte tells", BYTES("\0"), FL_OK, 0, 0 },
	{ "early: almost the magic", BYTES("\xff\xff\xffTs"), FL_OK, 0, 0 },
	{ "early: empty payload", BYTES("\xff\xff\xffTS\0\0\0\0"), FL_OK, 0, 9 },
	{ "early: two bytes", BYTES("\xff\xff\xffTS\0\0\0\x02{}x"), FL_OK, 2, 11 },
	{ "early: exactly the limit", BYTES("\xff\xff\xffTS\0\0\x10\0"), FL_MORE, 0, 0 },
	{ "early: one over the limit", BYTES("\xff\xff\xffTS\0\0\x10\x01"), FL_ERR_TOO_BIG, 0, 0 },
	{ "early: all ones", BYTES("\xff\xff\xffTS\xff\xff\xff\xff"), FL_ERR_TOO_BIG, 0, 0 },
};

static void early_row(void **state)
{
	const struct early_row *row = *state;
	struct fl_slice json = fl_slice_str("untouched");
	size_t used = 99;

	assert_int_equal(fl_noise_early_next(row->in, &json, &used), row->want);
	assert_int_equal(used, row->want == FL_OK ? row->used : 99);
	assert_int_equal(json.len, row->want == FL_OK ? row->json : 9);
}

#define ADD(rows, run)                                                                             \
	for (size_t i = 0; i < COUNT(rows); i++)                                                   \
		tests[n++] = (struct CMUnitTest)                                                   \
		{                                                                                  \
			.name = rows[i].name, .test_func = run, .initial_state = &rows[i]          \
		}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(early_rows) + 4] = { 0 };
	size_t n = 0;

	ADD(rows, next_row);
	ADD(early_rows, early_row);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(initiation);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(initiation_header);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(error_message);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(early_payload_bytes);
	return cmocka_run_group_tests_name("wire/noise", tests, NULL, NULL);
}
