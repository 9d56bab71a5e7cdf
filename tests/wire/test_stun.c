/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_stun.c - Binding requests and answers against the vectors. */
#include "wire/stun.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define COUNT(a)  (sizeof(a) / sizeof *(a))
#define HEAD(len) "0001" len "2112a442000102030405060708090a0b"
#define GOOD                                                                                       \
	HEAD("0014")                                                                               \
	"802200087461696c6e6f6465"                                                                 \
	"802800048aabad90"

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;
	assert_int_equal(fl_hex_decode(fl_slice_str(hex), out, n), FL_OK);
	return n;
}

static struct fl_stun_txid tx_make(void)
{
	struct fl_stun_txid tx;
	for (uint8_t i = 0; i < FL_STUN_TXID_LEN; i++)
		tx.b[i] = i;
	return tx;
}

static struct row {
	const char *name, *hex;
	bool strict, any; /* accepted? */
} rows[] = {
	{ "a client's request", GOOD, true, true },
	{ "bare request", HEAD("0000"), false, true },
	{ "no fingerprint", HEAD("000c") "802200087461696c6e6f6465", false, true },
	{ "other software",
	  HEAD("0014") "802200087461696c6e6f6466"
		       "8028000413a2fc2a",
	  false, true },
	{ "other software, bad fingerprint",
	  HEAD("0014") "802200087461696c6e6f6466"
		       "802800048aabad90",
	  false, false },
	{ "bad fingerprint",
	  HEAD("0014") "802200087461696c6e6f6465"
		       "802800048aabad91",
	  false, false },
	{ "fingerprint not last",
	  HEAD("0018") "802200087461696c6e6f6465"
		       "8028000473190ae3"
		       "00060000",
	  false, false },
	{ "unknown attribute alone", HEAD("0008") "7f01000361626300", false, true },
	{ "attribute cut short", HEAD("0004") "7f010004", false, false },
	{ "padding missing", HEAD("0007") "7f010003616263", false, false },
	{ "half an attribute header", HEAD("0002") "7f01", false, false },
	{ "length field too small",
	  HEAD("0010") "802200087461696c6e6f6465"
		       "802800048aabad90",
	  false, false },
	{ "length field too big",
	  HEAD("0018") "802200087461696c6e6f6465"
		       "802800048aabad90",
	  false, false },
	{ "an answer", "010100002112a442000102030405060708090a0b", false, false },
	{ "wrong cookie", "000100002112a443000102030405060708090a0b", false, false },
	{ "top bits set", "800100002112a442000102030405060708090a0b", false, false },
	{ "one byte short of a header", "000100002112a442000102030405060708090a", false, false },
};

static void request_row(void **state)
{
	const struct row *row = *state;
	uint8_t packet[128];
	struct fl_stun_txid tx = { { 0xaa } }, want = tx_make();
	size_t len = from_hex(row->hex, packet);

	enum fl_err strict = fl_stun_request_parse(fl_slice_of(packet, len), false, &tx);
	assert_int_equal(strict, row->strict ? FL_OK : FL_ERR_PROTO);
	enum fl_err any = fl_stun_request_parse(fl_slice_of(packet, len), true, &tx);
	assert_int_equal(any, row->any ? FL_OK : FL_ERR_PROTO);
	if (any == FL_OK)
		assert_memory_equal(tx.b, want.b, sizeof want.b);
	else
		assert_int_equal(tx.b[0], 0xaa);
}

static void request_of_a_client(void **state)
{
	(void)state;
	struct fl_stun_txid tx = tx_make();
	uint8_t out[FL_STUN_REQUEST_LEN], want[FL_STUN_REQUEST_LEN];

	from_hex(GOOD, want);
	fl_stun_request(&tx, out);
	assert_memory_equal(out, want, sizeof want);
	for (size_t cut = 0; cut < sizeof out; cut++)
		assert_int_equal(fl_stun_request_parse(fl_slice_of(out, cut), false, &tx),
				 FL_ERR_PROTO);
}

static struct answer_row {
	const char *name, *from, *hex, *want;
} answer_rows[] = {
	{ "IPv4", "203.0.113.7:41641",
	  "0101000c2112a442000102030405060708090a0b00200008000183bbea12d545", "203.0.113.7:41641" },
	{ "IPv4 mapped answers as IPv4", "[::ffff:203.0.113.7]:41641",
	  "0101000c2112a442000102030405060708090a0b00200008000183bbea12d545", "203.0.113.7:41641" },
	{ "IPv6", "[2001:db8::1]:41641",
	  "010100182112a442000102030405060708090a0b00200014000283bb"
	  "0113a9fa000102030405060708090a0a",
	  "[2001:db8::1]:41641" },
};

static void answer_row(void **state)
{
	const struct answer_row *row = *state;
	struct fl_stun_txid tx = tx_make(), got_tx;
	struct fl_addrport from, got;
	uint8_t out[FL_STUN_ANSWER_MAX];
	char hex[2 * FL_STUN_ANSWER_MAX + 1], text[FL_ADDRPORT_TEXT_MAX];

	assert_int_equal(fl_addrport_parse(fl_slice_str(row->from), &from), FL_OK);
	size_t len = fl_stun_answer(&tx, &from, out);
	fl_hex_encode(out, len, hex);
	assert_string_equal(hex, row->hex);

	assert_int_equal(fl_stun_answer_parse(fl_slice_of(out, len), &got_tx, &got), FL_OK);
	assert_memory_equal(got_tx.b, tx.b, sizeof tx.b);
	fl_addrport_format(&got, text);
	assert_string_equal(text, row->want);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(fl_stun_answer_parse(fl_slice_of(out, cut), &got_tx, &got),
				 FL_ERR_PROTO);
}

#define ANSWER(len) "0101" len "2112a442000102030405060708090a0b"

static struct parse_row {
	const char *name, *hex, *want; /* NULL: refused */
} parse_rows[] = {
	{ "mapped alone", ANSWER("000c") "000100080001a2a9cb007107", "203.0.113.7:41641" },
	{ "xored wins",
	  ANSWER("0018") "000100080001000101020304"
			 "00200008000183bbea12d545",
	  "203.0.113.7:41641" },
	{ "old number", ANSWER("000c") "80200008000183bbea12d545", "203.0.113.7:41641" },
	{ "v4 mapped in family 2",
	  ANSWER("0018") "00010014"
			 "0002a2a9"
			 "00000000000000000000ffffcb007107",
	  "203.0.113.7:41641" },
	{ "bytes behind the message",
	  ANSWER("000c") "00200008000183bbea12d545"
			 "ffff",
	  "203.0.113.7:41641" },
	{ "unknown family", ANSWER("000c") "00200008000383bbea12d545", NULL },
	{ "address too short", ANSWER("000c") "00200007000183bbea12d500", NULL },
	{ "address too long", ANSWER("0010") "00200009000183bbea12d54500000000", NULL },
	{ "no address", ANSWER("0000"), NULL },
	{ "a request", GOOD, NULL },
};

static void parse_row(void **state)
{
	const struct parse_row *row = *state;
	struct fl_stun_txid tx;
	struct fl_addrport got = { .port = 99 };
	uint8_t packet[128];
	char text[FL_ADDRPORT_TEXT_MAX];

	size_t len = from_hex(row->hex, packet);
	enum fl_err err = fl_stun_answer_parse(fl_slice_of(packet, len), &tx, &got);
	assert_int_equal(err, row->want != NULL ? FL_OK : FL_ERR_PROTO);
	if (row->want == NULL) {
		assert_int_equal(got.port, 99);
		return;
	}
	fl_addrport_format(&got, text);
	assert_string_equal(text, row->want);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(answer_rows) + COUNT(parse_rows) + 1];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[n++] = (struct CMUnitTest){ rows[i].name, request_row, NULL, NULL, &rows[i] };
	for (size_t i = 0; i < COUNT(answer_rows); i++)
		tests[n++] = (struct CMUnitTest){ answer_rows[i].name, answer_row, NULL, NULL,
						  &answer_rows[i] };
	for (size_t i = 0; i < COUNT(parse_rows); i++)
		tests[n++] = (struct CMUnitTest){ parse_rows[i].name, parse_row, NULL, NULL,
						  &parse_rows[i] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(request_of_a_client);
	return cmocka_run_group_tests_name("wire/stun", tests, NULL, NULL);
}
