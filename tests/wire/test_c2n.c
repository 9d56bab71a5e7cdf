/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_c2n.c - responses of nodes, row by row, whole and cut short. */
#include "../base/table.h"

#include "wire/c2n.h"

#define HEAD "HTTP/1.1 200 OK\r\n"

static struct row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
	unsigned status;
	const char *body;
} rows[] = {
	{ "nothing", BYTES(""), FL_ERR_SYNTAX, 0, "" },
	{ "as clients write it",
	  BYTES(HEAD "Connection: close\r\nContent-Type: application/json\r\n\r\n{}\n"), FL_OK, 200,
	  "{}\n" },
	{ "no fields, no body", BYTES(HEAD "\r\n"), FL_OK, 200, "" },
	{ "an older minor version", BYTES("HTTP/1.0 404 Not Found\r\n\r\nx"), FL_OK, 404, "x" },
	{ "no reason", BYTES("HTTP/1.1 501\r\n\r\n"), FL_OK, 501, "" },
	{ "an empty reason", BYTES("HTTP/1.1 501 \r\n\r\n"), FL_OK, 501, "" },
	{ "four digits", BYTES("HTTP/1.1 2000 OK\r\n\r\n"), FL_ERR_SYNTAX, 0, "" },
	{ "two digits", BYTES("HTTP/1.1 20 OK\r\n\r\n"), FL_ERR_SYNTAX, 0, "" },
	{ "a status below 100", BYTES("HTTP/1.1 099 OK\r\n\r\n"), FL_ERR_SYNTAX, 0, "" },
	{ "no number", BYTES("HTTP/1.1 OK OK\r\n\r\n"), FL_ERR_SYNTAX, 0, "" },
	{ "another protocol", BYTES("HTTP/2 200 OK\r\n\r\n"), FL_ERR_SYNTAX, 0, "" },
	{ "bare line feeds", BYTES("HTTP/1.1 200 OK\n\n{}"), FL_ERR_SYNTAX, 0, "" },
	{ "a line feed alone", BYTES("\n"), FL_ERR_SYNTAX, 0, "" },
	{ "a transfer coding", BYTES(HEAD "transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	  FL_ERR_SYNTAX, 0, "" },
	{ "an empty line in the body", BYTES(HEAD "\r\na\r\n\r\nb"), FL_OK, 200, "a\r\n\r\nb" },
};

static void parse_row(void **state)
{
	const struct row *row = *state;
	struct fl_c2n_response r = { .status = 1 };

	assert_err(fl_c2n_parse(row->in, &r), row->want);
	assert_int_equal(r.status, row->want == FL_OK ? row->status : 1); /* untouched on failure */
	assert_int_equal(r.body.len, strlen(row->body));
	assert_true(r.body.len == 0 || memcmp(r.body.ptr, row->body, r.body.len) == 0);
	if (row->want != FL_OK)
		return;
	for (size_t cut = 0; cut < row->in.len - r.body.len; cut++) /* a head cut short */
		assert_err(fl_c2n_parse(fl_slice_of(row->in.ptr, cut), &r), FL_ERR_SYNTAX);
}

int main(void)
{
	static struct suite suite;

	ROWS(&suite, rows, parse_row);
	return suite_run(&suite, "wire/c2n");
}
