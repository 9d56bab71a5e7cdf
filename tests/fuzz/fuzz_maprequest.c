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

/* Who knows what was said already must come to the same. */
static void check_again(struct fl_slice text, struct fl_map_request *r)
{
	struct fl_map_request again;

	if (fl_map_request_parse(text, r->hostinfo, &again) != FL_OK ||
	    !fl_hostinfo_eq(r->hostinfo, again.hostinfo) || r->version != again.version ||
	    r->endpoints_count != again.endpoints_count || r->stream != again.stream ||
	    !fl_node_key_eq(&r->node_key, &again.node_key))
		abort();
	fl_map_request_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_map_request r;

	if (fl_map_request_parse(fl_slice_of(data, size), NULL, &r) != FL_OK)
		return 0;
	if (r.has_hostinfo != (r.hostinfo != NULL) || (!r.has_endpoints && r.endpoints_count > 0))
		abort();
	check_endpoints(&r);
	check_again(fl_slice_of(data, size), &r);
	fl_map_request_done(&r);
	return 0;
}
