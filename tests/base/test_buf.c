/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_buf.c - the output buffer, its cap, and its sticky error. */
#include "table.h"

#include <wchar.h>

#include "base/buf.h"

static void appends_join(void **state)
{
	struct fl_buf b = fl_buf_make(1000);
	(void)state;

	fl_buf_put(&b, NULL, 0);
	assert_null(b.ptr); /* nothing is allocated for nothing */
	fl_buf_str(&b, "ab");
	fl_buf_byte(&b, 'c');
	fl_buf_put(&b, "de\0f", 4);
	fl_buf_printf(&b, "%d-%s", 42, "x");
	fl_buf_hex(&b, "\x00\x9f\xff", 3);
	fl_buf_str(&b, "");
	assert_err(fl_buf_err(&b), FL_OK);
	assert_bytes(fl_buf_slice(&b), (struct fl_slice)BYTES("abcde\0f42-x009fff"));
	fl_buf_done(&b);
	assert_null(b.ptr);
	assert_int_equal(b.len + b.cap, 0);
	fl_buf_done(&b);
}

static struct number_row {
	const char *name;
	uint64_t v;
	size_t width;
	struct fl_slice be, le;
} number_rows[] = {
	{ "number of no bytes", 0x1234, 0, BYTES(""), BYTES("") },
	{ "number of one byte", 0x1234, 1, BYTES("\x34"), BYTES("\x34") },
	{ "number of two bytes", 0x1234, 2, BYTES("\x12\x34"), BYTES("\x34\x12") },
	{ "number of three bytes", 0x123456, 3, BYTES("\x12\x34\x56"), BYTES("\x56\x34\x12") },
	{ "number of eight bytes", 0x8102030405060788, 8, BYTES("\x81\2\3\4\5\6\7\x88"),
	  BYTES("\x88\7\6\5\4\3\2\x81") },
};

static void number_row(void **state)
{
	const struct number_row *row = *state;
	struct fl_buf be = fl_buf_make(8), le = fl_buf_make(8);

	fl_buf_be(&be, row->v, row->width);
	fl_buf_le(&le, row->v, row->width);
	assert_bytes(fl_buf_slice(&be), row->be);
	assert_bytes(fl_buf_slice(&le), row->le);
	fl_buf_done(&be);
	fl_buf_done(&le);
}

static void numbers_wider_than_eight_are_our_mistake(void **state)
{
	struct fl_buf be = fl_buf_make(100), le = fl_buf_make(100);
	(void)state;

	fl_buf_be(&be, 1, 9);
	fl_buf_le(&le, 1, 9);
	assert_err(fl_buf_err(&be), FL_ERR_ARG);
	assert_err(fl_buf_err(&le), FL_ERR_ARG);
	assert_int_equal(be.len + le.len, 0);
	fl_buf_done(&be);
	fl_buf_done(&le);
}

/* One append of each kind, `n` bytes long. */
static void put_n(struct fl_buf *b, size_t n)
{
	static const char text[4096];
	fl_buf_put(b, text, n);
}

static void byte_n(struct fl_buf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fl_buf_byte(b, 'x');
}

static void printf_n(struct fl_buf *b, size_t n)
{
	fl_buf_printf(b, "%0*d", (int)n, 7);
}

static void hex_n(struct fl_buf *b, size_t n)
{
	static const char text[4096];
	if (n % 2)
		fl_buf_byte(b, '0');
	fl_buf_hex(b, text, n / 2);
}

static void reserve_n(struct fl_buf *b, size_t n)
{
	if (fl_buf_reserve(b, n) == FL_OK)
		b->len += n;
}

static struct cap_row {
	const char *name;
	void (*append)(struct fl_buf *b, size_t n);
	size_t max;
} cap_rows[] = {
	{ "cap of put", put_n, 100 },         { "cap of put at one", put_n, 1 },
	{ "cap of put, large", put_n, 3000 }, { "cap of byte", byte_n, 100 },
	{ "cap of printf", printf_n, 100 },   { "cap of printf, large", printf_n, 3000 },
	{ "cap of hex", hex_n, 100 },         { "cap of reserve", reserve_n, 100 },
};

/* One below the cap and the cap itself fit; one more fails, sticks, and stops everything. */
static void cap_row(void **state)
{
	const struct cap_row *row = *state;

	for (size_t n = row->max == 1 ? 1 : row->max - 1; n <= row->max + 1; n++) {
		struct fl_buf b = fl_buf_make(row->max);
		row->append(&b, n);
		assert_true(b.cap <= row->max);
		if (n <= row->max) {
			assert_err(fl_buf_err(&b), FL_OK);
			assert_int_equal(b.len, n);
		} else {
			size_t len = b.len;
			assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
			fl_buf_byte(&b, 'x');
			fl_buf_str(&b, "x");
			fl_buf_printf(&b, "x");
			fl_buf_hex(&b, "x", 1);
			fl_buf_be(&b, 1, 1);
			fl_buf_le(&b, 1, 1);
			assert_err(fl_buf_reserve(&b, 0), FL_ERR_TOO_BIG);
			assert_int_equal(b.len, len);
		}
		fl_buf_done(&b);
	}
}

static void the_first_error_stays(void **state)
{
	struct fl_buf b = fl_buf_make(4);
	(void)state;

	fl_buf_str(&b, "12345");
	fl_buf_be(&b, 0, 9);
	assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
	fl_buf_reset(&b);
	fl_buf_be(&b, 0, 9);
	fl_buf_str(&b, "12345");
	assert_err(fl_buf_err(&b), FL_ERR_ARG);
	fl_buf_done(&b);
}

/* The text must be whole although the first attempt to write it had too little room. */
static void printf_that_grows_writes_it_all(void **state)
{
	char want[301];
	(void)state;

	for (size_t n = 60; n <= 300; n++) {
		struct fl_buf b = fl_buf_make(n);
		memset(want, '0', n);
		want[n - 1] = '7';
		fl_buf_printf(&b, "%0*d", (int)n, 7);
		assert_bytes(fl_buf_slice(&b), fl_slice_of(want, n));
		fl_buf_done(&b);
	}
}

static void texts_that_cannot_be_formatted(void **state)
{
	struct fl_buf b = fl_buf_make(100);
	(void)state;

	fl_buf_str(&b, "a");
	fl_buf_printf(&b, "b%lc", (wint_t)0x20ac); /* not in the C locale */
	assert_err(fl_buf_err(&b), FL_ERR_ARG);
	assert_text(fl_buf_slice(&b), "a");
	fl_buf_done(&b);
}

static void hex_of_half_the_memory(void **state)
{
	struct fl_buf b = fl_buf_make(SIZE_MAX);
	(void)state;

	fl_buf_hex(&b, "", SIZE_MAX / 2 + 1); /* twice this wraps to nothing */
	assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
	fl_buf_done(&b);
}

static void nothing_fits_in_a_cap_of_zero(void **state)
{
	struct fl_buf b = fl_buf_make(0);
	(void)state;

	fl_buf_put(&b, "x", 0);
	assert_err(fl_buf_err(&b), FL_OK);
	fl_buf_byte(&b, 'x');
	assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
	fl_buf_done(&b);
}

static void reset_keeps_the_memory(void **state)
{
	struct fl_buf b = fl_buf_make(10);
	(void)state;

	fl_buf_str(&b, "12345");
	const uint8_t *ptr = b.ptr;
	fl_buf_str(&b, "123456");
	assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
	fl_buf_reset(&b);
	assert_err(fl_buf_err(&b), FL_OK);
	assert_int_equal(b.len, 0);
	fl_buf_str(&b, "1234567890");
	assert_ptr_equal(b.ptr, ptr);
	assert_text(fl_buf_slice(&b), "1234567890");
	fl_buf_done(&b);
}

/* Growth doubles, so that many small appends cost few allocations. */
static void growth_is_geometric(void **state)
{
	struct fl_buf b = fl_buf_make(SIZE_MAX);
	size_t moves = 0, cap = 0;
	(void)state;

	for (size_t i = 0; i < 100000; i++) {
		fl_buf_byte(&b, (uint8_t)i);
		moves += b.cap != cap;
		cap = b.cap;
	}
	assert_true(moves <= 12);
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(b.ptr[i], i & 0xff);
	assert_err(fl_buf_reserve(&b, SIZE_MAX - b.len), FL_ERR_NOMEM);
	fl_buf_done(&b);
}

static void reserve_then_append_does_not_move(void **state)
{
	struct fl_buf b = fl_buf_make(1000);
	(void)state;

	assert_err(fl_buf_reserve(&b, 500), FL_OK);
	const uint8_t *ptr = b.ptr;
	for (size_t i = 0; i < 500; i++)
		fl_buf_byte(&b, 'x');
	assert_ptr_equal(b.ptr, ptr);
	assert_int_equal(b.len, 500);
	fl_buf_done(&b);
}

static struct consume_row {
	const char *name;
	size_t n;
	const char *left;
} consume_rows[] = {
	{ "consume none", 0, "abcde" },     { "consume some", 2, "cde" },
	{ "consume all but one", 4, "e" },  { "consume all", 5, "" },
	{ "consume more than all", 6, "" }, { "consume the maximum", SIZE_MAX, "" },
};

static void consume_row(void **state)
{
	const struct consume_row *row = *state;
	struct fl_buf b = fl_buf_make(10);

	fl_buf_str(&b, "abcde");
	fl_buf_consume(&b, row->n);
	assert_text(fl_buf_slice(&b), row->left);
	fl_buf_byte(&b, '!');
	assert_int_equal(b.ptr[b.len - 1], '!');
	fl_buf_done(&b);
}

static void consume_on_an_empty_buffer(void **state)
{
	struct fl_buf b = fl_buf_make(10);
	(void)state;

	fl_buf_consume(&b, 0);
	fl_buf_consume(&b, 1);
	assert_int_equal(b.len, 0);
	fl_buf_done(&b);
}

static void lent_memory_is_never_left(void **state)
{
	char mem[8];
	struct fl_buf b = fl_buf_over(mem, sizeof mem);
	(void)state;

	fl_buf_printf(&b, "%d", 1234567);
	assert_err(fl_buf_err(&b), FL_OK);
	assert_ptr_equal(b.ptr, mem);
	assert_text(fl_buf_slice(&b), "1234567");
	fl_buf_byte(&b, '8');
	assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
	assert_ptr_equal(b.ptr, mem);
}

static void wipe_empties(void **state)
{
	struct fl_buf b = fl_buf_make(10);
	(void)state;

	fl_buf_wipe(&b);
	fl_buf_str(&b, "secret");
	fl_buf_wipe(&b);
	assert_null(b.ptr);
	assert_int_equal(b.len, 0);
	fl_buf_str(&b, "again");
	assert_text(fl_buf_slice(&b), "again");
	fl_buf_done(&b);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "appends join", appends_join, NULL);
	ROWS(&s, number_rows, number_row);
	suite_add(&s, "numbers wider than eight bytes are our mistake",
		  numbers_wider_than_eight_are_our_mistake, NULL);
	ROWS(&s, cap_rows, cap_row);
	suite_add(&s, "the first error stays", the_first_error_stays, NULL);
	suite_add(&s, "printf that grows writes it all", printf_that_grows_writes_it_all, NULL);
	suite_add(&s, "texts that cannot be formatted", texts_that_cannot_be_formatted, NULL);
	suite_add(&s, "hex of half the memory", hex_of_half_the_memory, NULL);
	suite_add(&s, "nothing fits in a cap of zero", nothing_fits_in_a_cap_of_zero, NULL);
	suite_add(&s, "reset keeps the memory", reset_keeps_the_memory, NULL);
	suite_add(&s, "growth is geometric", growth_is_geometric, NULL);
	suite_add(&s, "reserved room does not move", reserve_then_append_does_not_move, NULL);
	ROWS(&s, consume_rows, consume_row);
	suite_add(&s, "consume on an empty buffer", consume_on_an_empty_buffer, NULL);
	suite_add(&s, "lent memory is never left", lent_memory_is_never_left, NULL);
	suite_add(&s, "wipe empties", wipe_empties, NULL);
	return suite_run(&s, "base/buf");
}
