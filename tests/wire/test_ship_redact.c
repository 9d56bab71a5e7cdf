/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_ship_redact.c - what of a message is written down. */
#include "../base/table.h"

#include "wire/ship/redact.h"

enum { OUT_MAX = 1 << 16 };

static struct row {
	const char *name;
	struct fl_slice in, want;
} rows[] = {
	{ "nothing", BYTES(""), BYTES("") },
	{ "init", BYTES("\0\0"), BYTES("\0\0") },
	{ "a PIN", BYTES("\1{\"connectionPinInput\":[{\"pin\":\"12345678\"}]}"),
	  BYTES("\1{\"connectionPinInput\":[{\"pin\":\"***\"}]}") },
	{ "a PIN as number", BYTES("\1{\"connectionPinInput\":[{\"pin\":12345678}]}"),
	  BYTES("\1{\"connectionPinInput\":[{\"pin\":\"***\"}]}") },
	{ "a PIN in a list", BYTES("\1{\"connectionPinInput\":{\"pin\":[\"1\",{\"a\":\"2\"}]}}"),
	  BYTES("\1{\"connectionPinInput\":{\"pin\":\"***\"}}") },
	{ "a PIN by another spelling",
	  BYTES("\1{\"connectionPinInput\":[{\"p\\u0069n\":\"12345678\"}]}"),
	  BYTES("\1{\"connectionPinInput\":[{\"p\\u0069n\":\"***\"}]}") },
	{ "its state is none", BYTES("\1{\"connectionPinState\":[{\"pinState\":\"none\"}]}"),
	  BYTES("\1{\"connectionPinState\":[{\"pinState\":\"none\"}]}") },
	{ "where it is reached from outside",
	  BYTES("\1{\"accessMethods\":[{\"id\":\"D-1\"},{\"dns\":[{\"uri\":\"wss://a.b\"}]}]}"),
	  BYTES("\1{\"accessMethods\":[{\"id\":\"D-1\"},{\"dns\":\"***\"}]}") },
	{ "a serial number",
	  BYTES("\2{\"data\":[{\"payload\":{\"serialNumber\":\"7\",\"x\":1.50}}]}"),
	  BYTES("\2{\"data\":[{\"payload\":{\"serialNumber\":\"***\",\"x\":1.50}}]}") },
	{ "which car", BYTES("\2{\"a\":[[{\"identificationValue\":\"EUI-48\"}],[{\"b\":2}]]}"),
	  BYTES("\2{\"a\":[[{\"identificationValue\":\"***\"}],[{\"b\":2}]]}") },
	{ "the user's words",
	  BYTES("\2{\"userLabel\":\"a\",\"userDescription\":\"b\",\"userNodeIdentification\":"
		"\"c\"}"),
	  BYTES("\2{\"userLabel\":\"***\",\"userDescription\":\"***\",\"userNodeIdentification\":"
		"\"***\"}") },
	{ "which device", BYTES("\2{\"manufacturerNodeIdentification\":\"c\"}"),
	  BYTES("\2{\"manufacturerNodeIdentification\":\"***\"}") },
	{ "a value of that name", BYTES("\2{\"a\":\"pin\",\"b\":\"\\\"pin\\\":1\"}"),
	  BYTES("\2{\"a\":\"pin\",\"b\":\"\\\"pin\\\":1\"}") },
	{ "white space", BYTES("\2 { \"pin\" :\t\"1\" ,\n\"b\" : 2 } "),
	  BYTES("\2 { \"pin\" :\"***\" ,\n\"b\" : 2 } ") },
	{ "one at the end", BYTES("\2{\"pin\":1}"), BYTES("\2{\"pin\":\"***\"}") },
	{ "zero bytes behind", BYTES("\2{\"a\":1}\0"), BYTES("\2{\"a\":1}\0") },
	{ "cut in the secret", BYTES("\1{\"connectionPinInput\":[{\"pin\":\"1234"),
	  BYTES("\1{\"unreadable\":35}") },
	{ "no colon", BYTES("\1{\"pin\" \"12345678\"}"), BYTES("\1{\"unreadable\":18}") },
	{ "something behind it", BYTES("\1{}{\"pin\":\"12345678\"}"),
	  BYTES("\1{\"unreadable\":20}") },
	{ "a type alone", BYTES("\1"), BYTES("\1{\"unreadable\":0}") },
	{ "init with more", BYTES("\0\1\2"), BYTES("\0{\"unreadable\":2}") },
	{ "another type", BYTES("\7{\"pin\":1}"), BYTES("\7{\"pin\":\"***\"}") },
};

static void redact_row(void **state)
{
	const struct row *row = *state;
	struct fl_buf out = fl_buf_make(OUT_MAX);
	struct fl_slice in = exact(row->in);

	fl_buf_str(&out, "before");
	fl_ship_redact(in, &out);
	assert_int_equal(fl_buf_err(&out), FL_OK);
	assert_memory_equal(out.ptr, "before", 6);
	if (out.len - 6 != row->want.len || memcmp(out.ptr + 6, row->want.ptr, row->want.len) != 0)
		fail_msg("got %.*s", (int)out.len, (const char *)out.ptr);
	exact_free(in);
	fl_buf_done(&out);
}

/* However a message is cut, no digit of the PIN in it is written. */
static void no_part_tells_the_pin(void **state)
{
	static const char text[] = "\1{\"connectionPinInput\":[{\"pin\":\"98765432\"}]}";

	(void)state;
	for (size_t len = 0; len <= sizeof text - 1; len++) {
		struct fl_buf out = fl_buf_make(OUT_MAX);
		struct fl_slice in = exact(fl_slice_of((const uint8_t *)text, len));
		fl_ship_redact(in, &out);
		assert_true(out.len == 0 || memmem(out.ptr, out.len, "98", 2) == NULL);
		exact_free(in);
		fl_buf_done(&out);
	}
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 1];

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name,
						.test_func = redact_row,
						.initial_state = &rows[i] };
	tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(no_part_tells_the_pin);
	return cmocka_run_group_tests_name("wire/ship_redact", tests, NULL, NULL);
}
