/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/wire/test_pcapng.c - capture files, byte for byte, and as a reader walks them that knows
 * nothing but the text of the format.
 */
#include "../base/table.h"

#include "wire/pcapng.h"

enum { OUT_MAX = 1 << 20 };

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const struct fl_pcapng_about about = {
	.program = "test", .name = "ship", .describe = "a hub", .link_type = FL_PCAPNG_USER0
};

static void a_section_byte_for_byte(void **state)
{
	static const uint8_t want[] = {
		/* section header */
		0x0a, 0x0d, 0x0d, 0x0a, 40, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0, 4, 0, 't', 'e', 's', 't', 0, 0, 0, 0, 40,
		0, 0, 0,
		/* interface: 147, 262144 bytes, name, description, nanoseconds */
		1, 0, 0, 0, 52, 0, 0, 0, 147, 0, 0, 0, 0, 0, 4, 0, 2, 0, 4, 0, 's', 'h', 'i', 'p',
		3, 0, 5, 0, 'a', ' ', 'h', 'u', 'b', 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0,
		52, 0, 0, 0
	};
	struct fl_buf out = fl_buf_make(OUT_MAX);

	(void)state;
	fl_pcapng_begin(&about, &out);
	assert_int_equal(fl_buf_err(&out), FL_OK);
	assert_int_equal(out.len, sizeof want);
	assert_memory_equal(out.ptr, want, sizeof want);
	fl_buf_done(&out);
}

static void a_packet_byte_for_byte(void **state)
{
	static const uint8_t want[] = { 6, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12,
					0xf0, 0xde, 0xbc, 0x1a, 5, 0, 0, 0, 5, 0, 0, 0, 'h', 'e',
					'l', 'l', 'o', 0, 0, 0,
					/* comment, outbound, seven lost, end */
					1, 0, 1, 0, 'c', 0, 0, 0, 2, 0, 4, 0, 2, 0, 0, 0, 4, 0, 8,
					0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 72, 0, 0, 0 };
	const struct fl_pcapng_packet p = {
		.at = 0x123456781abcdef0, .bytes = fl_slice_str("hello"), .comment = "c", .lost = 7
	};
	struct fl_buf out = fl_buf_make(OUT_MAX);

	(void)state;
	fl_pcapng_packet(&p, &out);
	assert_int_equal(out.len, sizeof want);
	assert_memory_equal(out.ptr, want, sizeof want);
	fl_buf_done(&out);
}

/* ---- a reader ---- */

struct seen {
	uint32_t kinds[8];
	size_t count;
	uint64_t at;
	uint32_t kept, whole, flags;
	char comment[512];
	uint64_t lost;
};

static void read_options(const uint8_t *p, const uint8_t *end, struct seen *s)
{
	for (;;) {
		assert_true(end - p >= 4);
		unsigned code = p[0] | (unsigned)p[1] << 8, len = p[2] | (unsigned)p[3] << 8;
		p += 4;
		if (code == 0) {
			assert_int_equal(len, 0);
			assert_ptr_equal(p, end);
			return;
		}
		assert_true((size_t)(end - p) >= len);
		if (code == 1) {
			assert_true(len < sizeof s->comment);
			memcpy(s->comment, p, len);
			s->comment[len] = '\0';
		} else if (code == 2) {
			s->flags = u32(p);
		} else if (code == 4) {
			s->lost = u32(p) | (uint64_t)u32(p + 4) << 32;
		}
		p += (len + 3) / 4 * 4;
	}
}

static void read_all(const struct fl_buf *b, struct seen *s)
{
	size_t at = 0;

	*s = (struct seen){ 0 };
	while (at < b->len) {
		assert_true(b->len - at >= 12);
		uint32_t kind = u32(b->ptr + at), len = u32(b->ptr + at + 4);
		assert_int_equal(len % 4, 0);
		assert_true(len >= 12 && len <= b->len - at);
		assert_int_equal(u32(b->ptr + at + len - 4), len);
		assert_true(s->count < 8);
		s->kinds[s->count++] = kind;
		if (kind == 6) {
			const uint8_t *p = b->ptr + at + 8;
			s->at = (uint64_t)u32(p + 4) << 32 | u32(p + 8);
			s->kept = u32(p + 12);
			s->whole = u32(p + 16);
			read_options(p + 20 + (s->kept + 3) / 4 * 4, b->ptr + at + len - 4, s);
		}
		at += len;
	}
}

static struct row {
	const char *name;
	size_t len;
	uint32_t kept;
	size_t comment;
	bool inbound;
	uint64_t lost;
} rows[] = {
	{ "empty", 0, 0, 0, true, 0 },
	{ "one byte", 1, 1, 1, false, 0 },
	{ "two", 2, 2, 2, true, 1 },
	{ "three", 3, 3, 3, true, UINT64_MAX },
	{ "four", 4, 4, 4, true, 0 },
	{ "one less than is kept", FL_PCAPNG_SNAP - 1, FL_PCAPNG_SNAP - 1, 5, true, 0 },
	{ "as much as is kept", FL_PCAPNG_SNAP, FL_PCAPNG_SNAP, 255, true, 9 },
	{ "one more", FL_PCAPNG_SNAP + 1, FL_PCAPNG_SNAP, 256, true, 9 },
	{ "a long comment", 7, 7, 257, true, 0 },
};

static void packet_row(void **state)
{
	const struct row *row = *state;
	char comment[300];
	uint8_t *bytes = calloc(1, row->len + 1);
	struct fl_pcapng_packet p = { .at = 1764412800123456789, .inbound = row->inbound };
	struct fl_buf out = fl_buf_make(OUT_MAX);
	struct seen s;

	memset(comment, 'x', sizeof comment);
	comment[row->comment] = '\0';
	memset(bytes, 'y', row->len);
	p.bytes = fl_slice_of(bytes, row->len);
	p.comment = row->comment > 0 ? comment : NULL;
	p.lost = row->lost;
	fl_pcapng_begin(&about, &out);
	fl_pcapng_packet(&p, &out);
	fl_pcapng_begin(&about, &out);
	assert_int_equal(fl_buf_err(&out), FL_OK);
	read_all(&out, &s);
	assert_int_equal(s.count, 5);
	assert_int_equal(s.kinds[2], 6);
	assert_int_equal(s.at, p.at);
	assert_int_equal(s.kept, row->kept);
	assert_int_equal(s.whole, row->len);
	assert_int_equal(s.flags, row->inbound ? 1 : 2);
	assert_int_equal(s.lost, row->lost);
	assert_int_equal(strlen(s.comment),
			 row->comment < FL_PCAPNG_TEXT_MAX ? row->comment : FL_PCAPNG_TEXT_MAX);
	fl_buf_done(&out);
	free(bytes);
}

static void a_head_is_judged(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t len;
		enum fl_err want;
	} heads[] = {
		{ { 6, 0, 0, 0, 12, 0, 0, 0 }, 8, FL_OK },
		{ { 1, 0, 0, 0, 12, 0, 0, 0 }, 8, FL_OK },
		{ { 0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0 }, 8, FL_OK },
		{ { 6, 0, 0, 0, 0, 4, 4, 0 }, 8, FL_OK }, /* the largest */
		{ { 6, 0, 0, 0, 4, 4, 4, 0 }, 8, FL_ERR_SYNTAX },
		{ { 6, 0, 0, 0, 8, 0, 0, 0 }, 8, FL_ERR_SYNTAX },
		{ { 6, 0, 0, 0, 13, 0, 0, 0 }, 8, FL_ERR_SYNTAX },
		{ { 6, 0, 0, 0, 12, 0, 0, 0 }, 7, FL_ERR_SYNTAX },
		{ { 5, 0, 0, 0, 12, 0, 0, 0 }, 8, FL_ERR_SYNTAX },
		{ { 0, 0, 0, 6, 0, 0, 0, 12 }, 8, FL_ERR_SYNTAX },
	};
	uint32_t kind, len;

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++)
		assert_int_equal(
			fl_pcapng_head(fl_slice_of(heads[i].bytes, heads[i].len), &kind, &len),
			heads[i].want);
}

static void no_room_is_an_error(void **state)
{
	const struct fl_pcapng_packet p = { .bytes = fl_slice_str("hello") };

	(void)state;
	for (size_t max = 0; max < 200; max++) {
		struct fl_buf out = fl_buf_make(max);
		fl_pcapng_begin(&about, &out);
		fl_pcapng_packet(&p, &out);
		assert_true(fl_buf_err(&out) == FL_OK ? out.len <= max
						      : fl_buf_err(&out) == FL_ERR_TOO_BIG);
		fl_buf_done(&out);
	}
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 4] = {
		cmocka_unit_test(a_section_byte_for_byte),
		cmocka_unit_test(a_packet_byte_for_byte),
		cmocka_unit_test(a_head_is_judged),
		cmocka_unit_test(no_room_is_an_error),
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[4 + i] = (struct CMUnitTest){ .name = rows[i].name,
						    .test_func = packet_row,
						    .initial_state = &rows[i] };
	return cmocka_run_group_tests_name("wire/pcapng", tests, NULL, NULL);
}
