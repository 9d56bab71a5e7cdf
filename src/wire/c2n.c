/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/c2n.c - a status line, fields that say little, a body. */
#include "wire/c2n.h"

#include "base/text.h"

/* The next line without its end, off the front of `in`. False: there is none. */
static bool take_line(struct fl_slice *in, struct fl_slice *out)
{
	const uint8_t *end = in->len > 0 ? memchr(in->ptr, '\n', in->len) : NULL;

	if (end == NULL || end == in->ptr || end[-1] != '\r')
		return false;
	*out = fl_slice_of(in->ptr, (size_t)(end - in->ptr) - 1);
	*in = fl_slice_skip(*in, out->len + 2);
	return true;
}

/* "HTTP/1.1 200 OK" */
static bool parse_status(struct fl_slice line, unsigned *out)
{
	static const char version[] = "HTTP/1.";
	const size_t before = sizeof version; /* with one digit more */
	uint64_t status;

	if (line.len < before + 4 || memcmp(line.ptr, version, sizeof version - 1) != 0 ||
	    line.ptr[before] != ' ' || (line.len > before + 4 && line.ptr[before + 4] != ' ') ||
	    fl_u64_parse(fl_slice_of(line.ptr + before + 1, 3), &status) != FL_OK || status < 100)
		return false;
	*out = (unsigned)status;
	return true;
}

static bool is_coding(struct fl_slice line)
{
	static const char name[] = "transfer-encoding:";
	size_t len = sizeof name - 1;

	return line.len >= len && fl_str_ieq(fl_slice_of(line.ptr, len), fl_slice_str(name));
}

enum fl_err fl_c2n_parse(struct fl_slice in, struct fl_c2n_response *out)
{
	struct fl_c2n_response r;
	struct fl_slice line;

	if (!take_line(&in, &line) || !parse_status(line, &r.status))
		return FL_ERR_SYNTAX;
	do {
		if (!take_line(&in, &line) || is_coding(line))
			return FL_ERR_SYNTAX;
	} while (line.len > 0);
	r.body = in;
	*out = r;
	return FL_OK;
}
