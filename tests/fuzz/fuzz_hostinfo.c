/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_hostinfo.c - normalising any Hostinfo: bounded, and the same when done again. */
#include <stdlib.h>

#include "wire/tailcfg/hostinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_again(const struct fl_hostinfo *h)
{
	struct fl_hostinfo *again = NULL;

	check(fl_hostinfo_parse(fl_slice_of(h->json, h->json_len), &again) == FL_OK);
	check(fl_hostinfo_eq(h, again));
	check(again->routes_count == h->routes_count);
	check(fl_strlist_eq(&again->request_tags, &h->request_tags));
	fl_hostinfo_unref(again);
}

/* What merging carries over must stay, unless the whole got too long for it. */
static void check_merge(struct fl_hostinfo *fresh)
{
	struct fl_hostinfo *old = NULL, *out = NULL;

	check(fl_hostinfo_parse(fl_slice_str("{\"OS\":\"a\",\"NetInfo\":{\"PreferredDERP\":7}}"),
				&old) == FL_OK);
	check(fl_hostinfo_merge(old, fresh, &out) == FL_OK);
	check(out->has_netinfo);
	check(out->preferred_derp == (fresh->has_netinfo ? fresh->preferred_derp : 7));
	check(out->json_len <= FL_HOSTINFO_JSON_MAX);
	fl_hostinfo_unref(old);
	fl_hostinfo_unref(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_hostinfo *h = NULL;

	if (fl_hostinfo_parse(fl_slice_of(data, size), &h) != FL_OK)
		return 0;
	check(h->json_len <= FL_HOSTINFO_JSON_MAX && h->peer_len < h->json_len);
	check(strlen(h->json) == h->json_len);
	check(strlen(h->hostname) <= FL_HOSTINFO_STRING_MAX);
	check(h->routes_count <= FL_HOSTINFO_ROUTES_MAX);
	check(h->request_tags.len <= FL_HOSTINFO_TAGS_MAX);
	check_again(h);
	check_merge(h);
	fl_hostinfo_unref(h);
	return 0;
}
