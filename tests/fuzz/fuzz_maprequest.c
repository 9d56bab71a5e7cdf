/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_maprequest.c - any bytes as a map request. */
#include <stdlib.h>

#include "wire/tailcfg/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_endpoints(const struct fl_map_request *r)
{
	if (r->endpoints_count > FL_TAILCFG_ENDPOINTS_MAX)
		abort();
	for (size_t i = 0; i < r->endpoints_count; i++)
		for (size_t k = 0; k < i; k++)
			if (fl_addrport_eq(&r->endpoints[i].at, &r->endpoints[k].at))
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_map_request r;

	if (fl_map_request_parse(fl_slice_of(data, size), &r) != FL_OK)
		return 0;
	if (r.has_hostinfo != (r.hostinfo != NULL) || (!r.has_endpoints && r.endpoints_count > 0))
		abort();
	check_endpoints(&r);
	fl_map_request_done(&r);
	return 0;
}
