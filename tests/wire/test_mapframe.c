/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_mapframe.c - frames of the map stream, both ways. */
#include "../base/table.h"

#include <zstd.h>

#include "wire/mapframe.h"

enum { BIG = 3 << 20 };

static struct fl_mapframe *fresh(void)
{
	struct fl_mapframe *m = NULL;

	assert_err(fl_mapframe_new(&m), FL_OK);
	return m;
}

/* JSON-like text that compresses as maps do. */
static struct fl_slice sample(size_t n)
{
	uint8_t *text = malloc(n ? n : 1);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		text[i] = (uint8_t) "{\"ID\":1234,\"Key\":\"nodekey:"[(i * i / 7 + i) % 26];
	return fl_slice_of(text, n);
}

static struct size_case {
	const char *name;
	size_t len;
} size_rows[] = {
	{ "nothing", 0 },
	{ "a byte", 1 },
	{ "a keep-alive", 60 },
	{ "the longest short text", 255 },
	{ "the shortest long text", 256 },
	{ "a step less one", (128 << 10) - 1 },
	{ "a step", 128 << 10 },
	{ "a step and one", (128 << 10) + 1 },
	{ "more than the default window", BIG },
};

static void size_row(void **state)
{
	const struct size_case *c = *state;
	struct fl_mapframe *m = fresh();
	struct fl_slice json = sample(c->len), body;
	size_t used = 0;

	for (int zstd = 0; zstd < 2; zstd++) {
		struct fl_bytes *frame = NULL;
		struct fl_buf back = fl_buf_make(c->len);
		assert_err(fl_mapframe_make(m, json, zstd, &frame), FL_OK);
		assert_err(fl_mapframe_next(fl_bytes_slice(frame), 64 << 20, &body, &used), FL_OK);
		assert_int_equal(used, frame->len);
		assert_int_equal(body.len, frame->len - 4);
		if (zstd) {
			/* As the stock servers send them: size and checksum stated, one segment. */
			assert_int_equal(ZSTD_getFrameContentSize(body.ptr, body.len), c->len);
			assert_int_equal(body.ptr[4] & 0x24, 0x24);
			assert_err(fl_mapframe_open(m, body, c->len, &back), FL_OK);
			assert_bytes(fl_buf_slice(&back), json);
		} else {
			assert_bytes(body, json);
		}
		fl_buf_done(&back);
		fl_bytes_unref(frame);
	}
	fl_mapframe_free(m);
	exact_free(json);
}

/* One context for both kinds: each frame is as if it had been the first. */
static void short_and_long_in_turn(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_slice texts[] = { sample(100), sample(3000) };

	for (int i = 0; i < 4; i++) {
		struct fl_mapframe *fresh_one = fresh();
		struct fl_bytes *frame = NULL, *alone = NULL;
		assert_err(fl_mapframe_make(m, texts[i & 1], true, &frame), FL_OK);
		assert_err(fl_mapframe_make(fresh_one, texts[i & 1], true, &alone), FL_OK);
		assert_bytes(fl_bytes_slice(frame), fl_bytes_slice(alone));
		fl_bytes_unref(frame);
		fl_bytes_unref(alone);
		fl_mapframe_free(fresh_one);
	}
	fl_mapframe_free(m);
	exact_free(texts[0]);
	exact_free(texts[1]);
}

/* Cut anywhere, as pieces of which each is a frame, a message is the same to its reader. */
static void a_message_in_pieces(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_slice json = sample(1000);

	for (size_t at = 0; at <= json.len; at += 37) {
		for (int zstd = 0; zstd < 2; zstd++) {
			struct fl_bytes *first = NULL, *rest = NULL;
			struct fl_buf frame = fl_buf_make(4096), back = fl_buf_make(json.len);
			struct fl_slice body;
			size_t used = 0;
			assert_err(fl_mapframe_piece(m, fl_slice_skip(json, at), zstd, &rest),
				   FL_OK);
			assert_err(fl_mapframe_first(m, fl_slice_of(json.ptr, at), rest->len, zstd,
						     &first),
				   FL_OK);
			fl_buf_put(&frame, first->data, first->len);
			fl_buf_put(&frame, rest->data, rest->len);
			assert_err(fl_mapframe_next(fl_buf_slice(&frame), 4096, &body, &used),
				   FL_OK);
			assert_int_equal(used, frame.len);
			if (zstd)
				assert_err(fl_mapframe_open(m, body, json.len, &back), FL_OK);
			else
				fl_buf_put(&back, body.ptr, body.len);
			assert_bytes(fl_buf_slice(&back), json);
			fl_buf_done(&frame);
			fl_buf_done(&back);
			fl_bytes_unref(first);
			fl_bytes_unref(rest);
		}
	}
	fl_mapframe_free(m);
	exact_free(json);
}

static void the_length_is_little_endian(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_bytes *frame = NULL;
	struct fl_slice json = sample(0x10203);

	assert_err(fl_mapframe_make(m, json, false, &frame), FL_OK);
	assert_memory_equal(frame->data, "\x03\x02\x01\x00", 4);
	fl_bytes_unref(frame);
	exact_free(json);
	fl_mapframe_free(m);
}

static void too_much_is_refused(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_bytes *frame = (void *)1;

	/* Never read: the length decides. */
	assert_err(fl_mapframe_make(m, fl_slice_of("", ((size_t)256 << 20) + 1), true, &frame),
		   FL_ERR_TOO_BIG);
	assert_err(fl_mapframe_piece(m, fl_slice_of("", ((size_t)256 << 20) + 1), true, &frame),
		   FL_ERR_TOO_BIG);
	assert_err(fl_mapframe_first(m, fl_slice_str("a"), ((size_t)256 << 20) + 1, true, &frame),
		   FL_ERR_TOO_BIG);
	assert_ptr_equal(frame, (void *)1);
	fl_mapframe_free(m);
}

/* ---- cutting ---- */

static struct next_case {
	const char *name;
	struct fl_slice in;
	size_t max;
	enum fl_err want;
	size_t used;
} next_rows[] = {
	{ "nothing yet", BYTES(""), 10, FL_MORE, 0 },
	{ "part of the length", BYTES("\x01\x00\x00"), 10, FL_MORE, 0 },
	{ "no body yet", BYTES("\x01\x00\x00\x00"), 10, FL_MORE, 0 },
	{ "empty body", BYTES("\x00\x00\x00\x00"), 10, FL_OK, 4 },
	{ "whole", BYTES("\x01\x00\x00\x00x"), 10, FL_OK, 5 },
	{ "with the next one behind", BYTES("\x01\x00\x00\x00xy"), 10, FL_OK, 5 },
	{ "below the limit", BYTES("\x01\x00\x00\x00x"), 2, FL_OK, 5 },
	{ "at the limit", BYTES("\x02\x00\x00\x00xx"), 2, FL_OK, 6 },
	{ "above the limit", BYTES("\x03\x00\x00\x00xxx"), 2, FL_ERR_TOO_BIG, 0 },
	{ "the limit needs no body", BYTES("\xff\xff\xff\xff"), 2, FL_ERR_TOO_BIG, 0 },
};

static void next_row(void **state)
{
	const struct next_case *c = *state;
	struct fl_slice in = exact(c->in), body;
	size_t used = 0;

	assert_err(fl_mapframe_next(in, c->max, &body, &used), c->want);
	assert_int_equal(used, c->used);
	if (c->want == FL_OK)
		assert_ptr_equal(body.ptr, c->used > 4 ? in.ptr + 4 : body.ptr);
	exact_free(in);
}

/* ---- decompressing ---- */

static struct fl_bytes *compressed(struct fl_mapframe *m, struct fl_slice json)
{
	struct fl_bytes *frame = NULL;

	assert_err(fl_mapframe_make(m, json, true, &frame), FL_OK);
	struct fl_bytes *body = fl_bytes_new(fl_slice_skip(fl_bytes_slice(frame), 4));
	fl_bytes_unref(frame);
	return body;
}

static void output_is_bounded(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_slice json = sample(BIG);
	struct fl_bytes *body = compressed(m, json);

	for (int over = -1; over <= 1; over++) {
		struct fl_buf out = fl_buf_make(2 * BIG);
		fl_buf_str(&out, "kept");
		enum fl_err err =
			fl_mapframe_open(m, fl_bytes_slice(body), (size_t)(BIG + over), &out);
		assert_err(err, over < 0 ? FL_ERR_TOO_BIG : FL_OK);
		assert_int_equal(out.len, over < 0 ? 4 : BIG + 4);
		fl_buf_done(&out);
	}
	struct fl_buf small = fl_buf_make(BIG - 1);
	assert_err(fl_mapframe_open(m, fl_bytes_slice(body), 2 * BIG, &small), FL_ERR_TOO_BIG);
	fl_buf_done(&small);
	fl_bytes_unref(body);
	exact_free(json);
	fl_mapframe_free(m);
}

static void frames_may_follow_each_other(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_slice json = sample(1000);
	struct fl_bytes *body = compressed(m, json);
	struct fl_buf both = fl_buf_make(1 << 16), out = fl_buf_make(1 << 16);

	fl_buf_put(&both, body->data, body->len);
	fl_buf_put(&both, body->data, body->len);
	assert_err(fl_mapframe_open(m, fl_buf_slice(&both), 2000, &out), FL_OK);
	assert_int_equal(out.len, 2000);
	assert_memory_equal(out.ptr + 1000, json.ptr, 1000);
	fl_buf_reset(&out);
	assert_err(fl_mapframe_open(m, fl_buf_slice(&both), 1999, &out), FL_ERR_TOO_BIG);
	assert_err(fl_mapframe_open(m, fl_slice_of(NULL, 0), 10, &out), FL_OK);
	assert_int_equal(out.len, 0);
	fl_buf_done(&both);
	fl_buf_done(&out);
	fl_bytes_unref(body);
	exact_free(json);
	fl_mapframe_free(m);
}

static void every_prefix_fails(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_slice json = sample(300);
	struct fl_bytes *body = compressed(m, json);

	for (size_t n = 1; n < body->len; n++) {
		struct fl_slice cut = exact(fl_slice_of(body->data, n));
		struct fl_buf out = fl_buf_make(1 << 16);
		assert_err(fl_mapframe_open(m, cut, 1 << 16, &out), FL_ERR_SYNTAX);
		assert_int_equal(out.len, 0);
		fl_buf_done(&out);
		exact_free(cut);
	}
	fl_bytes_unref(body);
	exact_free(json);
	fl_mapframe_free(m);
}

static void every_flipped_byte_is_noticed(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_slice json = sample(300);
	struct fl_bytes *body = compressed(m, json);

	for (size_t i = 0; i < body->len; i++) {
		struct fl_slice bad = exact(fl_bytes_slice(body));
		struct fl_buf out = fl_buf_make(1 << 16);
		((uint8_t *)(uintptr_t)bad.ptr)[i] ^= 0xff;
		enum fl_err err = fl_mapframe_open(m, bad, 1 << 16, &out);
		assert_true(err != FL_OK || fl_slice_eq(fl_buf_slice(&out), json));
		fl_buf_done(&out);
		exact_free(bad);
	}
	fl_bytes_unref(body);
	exact_free(json);
	fl_mapframe_free(m);
}

static void a_huge_window_is_refused(void **state)
{
	(void)state;
	/* A frame header that asks for a window of 512 MiB. */
	static const uint8_t bomb[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98, 0x01, 0x00, 0x00 };
	struct fl_mapframe *m = fresh();
	struct fl_buf out = fl_buf_make(1 << 16);

	assert_err(fl_mapframe_open(m, fl_slice_of(bomb, sizeof bomb), 1 << 16, &out),
		   FL_ERR_TOO_BIG);
	fl_buf_done(&out);
	fl_mapframe_free(m);
}

static void plain_text_is_no_frame(void **state)
{
	(void)state;
	struct fl_mapframe *m = fresh();
	struct fl_buf out = fl_buf_make(1 << 16);

	assert_err(fl_mapframe_open(m, fl_slice_str("{\"KeepAlive\":true}"), 1 << 16, &out),
		   FL_ERR_SYNTAX);
	fl_buf_done(&out);
	assert_null(fl_mapframe_free(m));
	assert_null(fl_mapframe_free(NULL));
}

int main(void)
{
	static struct suite s;

	ROWS(&s, size_rows, size_row);
	suite_add(&s, "short and long in turn", short_and_long_in_turn, NULL);
	suite_add(&s, "a message in pieces", a_message_in_pieces, NULL);
	suite_add(&s, "the length is little-endian", the_length_is_little_endian, NULL);
	suite_add(&s, "too much is refused", too_much_is_refused, NULL);
	ROWS(&s, next_rows, next_row);
	suite_add(&s, "output is bounded", output_is_bounded, NULL);
	suite_add(&s, "frames may follow each other", frames_may_follow_each_other, NULL);
	suite_add(&s, "every prefix fails", every_prefix_fails, NULL);
	suite_add(&s, "every flipped byte is noticed", every_flipped_byte_is_noticed, NULL);
	suite_add(&s, "a huge window is refused", a_huge_window_is_refused, NULL);
	suite_add(&s, "plain text is no frame", plain_text_is_no_frame, NULL);
	return suite_run(&s, "wire/mapframe");
}
