/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_register.c - any bytes as a register request. */
#include <stdlib.h>

#include "wire/tailcfg/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_register_request r;

	if (fl_register_request_parse(fl_slice_of(data, size), &r) != FL_OK)
		return 0;
	if (r.hostinfo == NULL)
		abort();
	if (r.auth_key != NULL && strlen(r.auth_key) - 1 >= FL_TAILCFG_AUTHKEY_MAX)
		abort();
	if (r.followup != NULL && strlen(r.followup) - 1 >= FL_TAILCFG_URL_MAX)
		abort();
	fl_register_request_done(&r);
	return 0;
}
