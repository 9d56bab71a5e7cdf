/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_c2n.c - any bytes as a node's response. */
#include <stdlib.h>

#include "wire/c2n.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_c2n_response r;

	if (fl_c2n_parse(fl_slice_of(data, size), &r) != FL_OK)
		return 0;
	if (r.status < 100 || r.status > 999 || r.body.len > size ||
	    r.body.ptr + r.body.len != data + size)
		abort();
	return 0;
}
