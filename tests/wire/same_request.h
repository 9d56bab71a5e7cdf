/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/same_request.h - do two map requests say the same, member by member? */
#ifndef FL_TEST_SAME_REQUEST_H
#define FL_TEST_SAME_REQUEST_H

#include "wire/tailcfg/request.h"

static inline bool same_endpoints(const struct fl_map_request *a, const struct fl_map_request *b)
{
	if (a->has_endpoints != b->has_endpoints || a->endpoints_count != b->endpoints_count)
		return false;
	for (size_t i = 0; i < a->endpoints_count; i++)
		if (!fl_addrport_eq(&a->endpoints[i].at, &b->endpoints[i].at) ||
		    a->endpoints[i].type != b->endpoints[i].type)
			return false;
	return true;
}

static inline bool same_request(const struct fl_map_request *a, const struct fl_map_request *b)
{
	return a->version == b->version && a->compress_zstd == b->compress_zstd &&
	       a->stream == b->stream && a->omit_peers == b->omit_peers &&
	       a->read_only == b->read_only && fl_node_key_eq(&a->node_key, &b->node_key) &&
	       fl_disco_key_eq(&a->disco_key, &b->disco_key) &&
	       a->has_hostinfo == b->has_hostinfo && fl_hostinfo_eq(a->hostinfo, b->hostinfo) &&
	       same_endpoints(a, b);
}

#endif
