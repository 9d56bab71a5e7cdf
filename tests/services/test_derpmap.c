/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_derpmap.c - how sources of the relay map merge, and which are refused. */
#include "../base/table.h"

#include <jansson.h>

#include "services/config/derpmap.h"

enum { SOURCES_MAX = 3 };

static const struct fl_derpmap_embedded embedded = {
	.region_id = 999,
	.region_code = "home",
	.host = "relay.example",
	.port = 443,
	.stun_port = 3478,
};

static enum fl_err build(const char *const texts[SOURCES_MAX], bool with_embedded,
			 struct fl_fault *fault, struct fl_buf *out)
{
	struct fl_derpmap_source sources[SOURCES_MAX];
	size_t count = 0;

	for (; count < SOURCES_MAX && texts[count] != NULL; count++)
		sources[count] = (struct fl_derpmap_source){ "source", fl_slice_str(texts[count]) };
	return fl_derpmap_build(sources, count, with_embedded ? &embedded : NULL, fault, out);
}

/* ---- merging (DE-1) ---- */

/* `want`: the regions in order, each with its code. */
static struct merge_row {
	const char *name, *texts[SOURCES_MAX];
	bool embedded;
	const char *want;
} merges[] = {
	{ "embedded alone", { NULL }, true, "999=home " },
	{ "one", { "{\"Regions\":{\"1\":{\"RegionCode\":\"a\"}}}" }, false, "1=a " },
	{ "both are kept",
	  { "{\"Regions\":{\"2\":{\"RegionCode\":\"b\"}}}", "regions: {1: {regioncode: a}}" },
	  false,
	  "1=a 2=b " },
	{ "the later one wins",
	  { "{\"Regions\":{\"1\":{\"RegionCode\":\"a\"},\"2\":{\"RegionCode\":\"b\"}}}",
	    "regions: {1: {regioncode: c}}" },
	  false,
	  "1=c 2=b " },
	{ "nothing of the earlier one is left in it",
	  { "regions: {1: {regionname: N, regioncode: a}}", "regions: {1: {regionname: M}}" },
	  false,
	  "1= " },
	{ "null removes",
	  { "regions: {1: {regioncode: a}, 2: {regioncode: b}}", "regions: {1: null}" },
	  false,
	  "2=b " },
	{ "null removes what came before only",
	  { "regions: {1: {regioncode: a}}", "regions: {1: null}",
	    "regions: {1: {regioncode: c}}" },
	  false,
	  "1=c " },
	{ "null of what is not there",
	  { "regions: {7: null, 1: {regioncode: a}}" },
	  false,
	  "1=a " },
	{ "the embedded one wins", { "regions: {999: {regioncode: x}}" }, true, "999=home " },
	{ "a file cannot remove the embedded one", { "regions: {999: null}" }, true, "999=home " },
};

static void test_merge(void **state)
{
	const struct merge_row *row = *state;
	struct fl_buf out = fl_buf_make(64 << 10);
	struct fl_fault fault = { "" };
	char got[256] = "";
	struct fl_buf list = fl_buf_over(got, sizeof got - 1);
	json_t *region;
	const char *id;

	if (build(row->texts, row->embedded, &fault, &out) != FL_OK)
		fail_msg("%s", fault.text);
	json_t *doc = json_loadb((const char *)out.ptr, out.len, 0, NULL);
	assert_non_null(doc);
	json_object_foreach(json_object_get(doc, "Regions"), id, region)
	{
		const char *code = json_string_value(json_object_get(region, "RegionCode"));
		fl_buf_printf(&list, "%s=%s ", id, code != NULL ? code : "");
		assert_int_equal(json_integer_value(json_object_get(region, "RegionID")), atoi(id));
	}
	assert_string_equal(got, row->want);
	json_decref(doc);
	fl_buf_done(&out);
}

/* ---- what is refused ---- */

#define NODE(fields) "regions: {1: {nodes: [{name: 1a, hostname: h, " fields "}]}}"

static struct bad_row {
	const char *name, *text, *says;
} bad[] = {
	{ "no region is left (DE-3)", "regions: {1: null}", "has no region" },
	{ "no regions", "other: 1", "expected the key 'regions'" },
	{ "a list of regions", "regions: [1]", "expected regions by number" },
	{ "region 0", "regions: {0: {}}", "number above 0" },
	{ "a word as region", "regions: {x: {}}", "number above 0" },
	{ "a region that is a word", "regions: {1: x}", "fields of a region" },
	{ "not YAML", "{", "relay map source:" },
	{ "node without a host", "regions: {1: {nodes: [{name: 1a}]}}", "name and hostname" },
	{ "node that is a word", "regions: {1: {nodes: [x]}}", "fields of a node" },
	{ "port beyond all", NODE("derpport: 65536"), "port number" },
	{ "port below none", NODE("stunport: -2"), "port number" },
	{ "flag that is a word", NODE("stunonly: maybe"), "true or false" },
	{ "value that is a list", NODE("ipv4: [a]"), "expected one value" },
	{ "latitude that is a word", "regions: {1: {latitude: north}}", "expected a number" },
	{ "latitude that is none", "regions: {1: {latitude: nan}}", "expected a number" },
	{ "longitude without end", "regions: {1: {longitude: inf}}", "expected a number" },
};

static void test_bad(void **state)
{
	const struct bad_row *row = *state;
	const char *const texts[SOURCES_MAX] = { row->text };
	struct fl_buf out = fl_buf_make(64 << 10);
	struct fl_fault fault = { "" };

	assert_err(build(texts, false, &fault, &out), FL_ERR_INVALID);
	if (strstr(fault.text, row->says) == NULL)
		fail_msg("said: %s", fault.text);
	fl_buf_done(&out);
}

int main(void)
{
	struct suite s = { 0 };

	ROWS(&s, merges, test_merge);
	ROWS(&s, bad, test_bad);
	return suite_run(&s, "services/derpmap");
}
