/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto/ski.c - SKIs as text and as numbers. */
#include "crypto/ski.h"

#include "base/text.h"

enum fl_err fl_ski_parse(struct fl_slice text, struct fl_ski *out)
{
	uint8_t digits[FL_SKI_TEXT_LEN];
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == ' ' || text.ptr[i] == '-')
			continue;
		if (n == sizeof digits)
			return FL_ERR_SYNTAX;
		digits[n++] = text.ptr[i];
	}
	return n == sizeof digits ? fl_hex_decode(fl_slice_of(digits, n), out->b, sizeof out->b)
				  : FL_ERR_SYNTAX;
}

void fl_ski_format(const struct fl_ski *ski, char out[static FL_SKI_TEXT_LEN + 1])
{
	fl_hex_encode(ski->b, sizeof ski->b, out);
}

int fl_ski_cmp(const struct fl_ski *a, const struct fl_ski *b)
{
	return memcmp(a->b, b->b, sizeof a->b);
}
