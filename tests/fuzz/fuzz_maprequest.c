/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_maprequest.c - any bytes as a map request. */
#include <stdlib.h>

#include "../wire/same_request.h"
#include "wire/tailcfg/hostinfo_json.h"
#include "wire/tailcfg/request_scan.h"

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

	if (fl_map_request_parse(text, r->hostinfo, &again) != FL_OK || !same_request(r, &again))
		abort();
	fl_map_request_done(&again);
}

/* Who reads straight from the text either leaves it to the tree or agrees with it. */
static void check_scan(struct fl_slice text)
{
	struct fl_slice said = fl_hostinfo_find(text);
	struct fl_map_request scanned, r;

	if (said.len == 0 || !fl_request_scan(text, said, &scanned))
		return;
	if (fl_request_tree(text, said, &r) != FL_OK || !same_request(&scanned, &r))
		abort();
	fl_map_request_done(&scanned);
	fl_map_request_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_map_request r;

	check_scan(fl_slice_of(data, size));
	if (fl_map_request_parse(fl_slice_of(data, size), NULL, &r) != FL_OK)
		return 0;
	if (r.has_hostinfo != (r.hostinfo != NULL) || (!r.has_endpoints && r.endpoints_count > 0))
		abort();
	check_endpoints(&r);
	check_again(fl_slice_of(data, size), &r);
	fl_map_request_done(&r);
	return 0;
}
