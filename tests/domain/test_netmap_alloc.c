/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_netmap_alloc.c - requests, Hostinfo, frames and maps with the n-th allocation
 * failing for every n: an error comes back, outputs stay, nothing leaks. The allocator is replaced
 * at link time, for the JSON library by its own hook.
 */
#include "../base/alloc_plan.h"
#include "netmap_kit.h"

#include <jansson.h>

#include "wire/mapframe.h"

static void *json_malloc(size_t size)
{
	return malloc(size);
}

static const char register_text[] =
	"{\"Version\":145,\"Auth\":{\"AuthKey\":\"K\"},\"Followup\":\"u\",\"Hostinfo\":{\"OS\":"
	"\"linux\",\"RoutableIPs\":[\"10.0.0.0/8\"],\"RequestTags\":[\"tag:a\"]}}";
static const char map_text[] =
	"{\"Stream\":true,\"Endpoints\":[\"1.2.3.4:5\"],\"Hostinfo\":{\"OS\":\"linux\"}}";

static struct {
	struct fl_netmap_config *cfg;
	struct fl_node *self, *peer;
	struct fl_bytes *fragment;
	struct fl_mapframe *framer;
	struct fl_hostinfo *old, *fresh;
} kit;

static enum fl_err register_scenario(void)
{
	struct fl_register_request r;
	enum fl_err err = fl_register_request_parse(fl_slice_str(register_text), &r);

	if (err == FL_OK)
		fl_register_request_done(&r);
	return err;
}

static enum fl_err map_scenario(void)
{
	struct fl_map_request r;
	enum fl_err err = fl_map_request_parse(fl_slice_str(map_text), NULL, &r);

	if (err == FL_OK)
		fl_map_request_done(&r);
	return err;
}

static enum fl_err merge_scenario(void)
{
	struct fl_hostinfo *out = NULL;
	enum fl_err err = fl_hostinfo_merge(kit.old, kit.fresh, &out);

	assert_int_equal(err == FL_OK, out != NULL);
	fl_hostinfo_unref(out);
	return err;
}

static enum fl_err config_scenario(void)
{
	struct fl_netmap_spec spec = { .base_domain = "tail.example",
				       .magic_dns = true,
				       .derp_map = fl_slice_str(KIT_DERP) };
	struct fl_netmap_config *out = NULL;
	enum fl_err err = fl_netmap_config_new(&spec, NULL, &out);

	assert_int_equal(err == FL_OK, out != NULL);
	fl_netmap_config_unref(out);
	return err;
}

static enum fl_err fragment_scenario(void)
{
	struct fl_bytes *out = NULL;
	enum fl_err err =
		fl_netmap_fragment(kit.cfg, kit.peer, &(struct fl_netmap_presence){ true },
				   &(struct fl_netmap_routes){ 0 }, KIT_NOW, &out);

	assert_int_equal(err == FL_OK, out != NULL);
	fl_bytes_unref(out);
	return err;
}

static enum fl_err full_scenario(void)
{
	struct fl_netmap_peer peer = { .node = kit.peer, .fragment = kit.fragment };
	struct fl_netmap_full in = { .cfg = kit.cfg,
				     .self = { .node = kit.self },
				     .peers = &peer,
				     .peers_count = 1,
				     .users = kit_users(),
				     .now = KIT_NOW };
	struct fl_buf out = fl_buf_make(1 << 20);
	enum fl_err err = fl_netmap_full_write(&in, &out);

	assert_int_equal(err == FL_OK, out.len > 0);
	fl_buf_done(&out);
	return err;
}

static enum fl_err delta_scenario(void)
{
	struct fl_netmap_peer peer = { .node = kit.peer, .fragment = kit.fragment };
	struct fl_netmap_delta in = { .cfg = kit.cfg,
				      .self = { .node = kit.self },
				      .peers = &peer,
				      .peers_count = 1,
				      .users = kit_users(),
				      .now = KIT_NOW };
	struct fl_buf out = fl_buf_make(1 << 20);
	bool any = false;
	enum fl_err err = fl_netmap_delta_write(&in, &out, &any);

	assert_int_equal(err == FL_OK, any);
	assert_int_equal(err == FL_OK, out.len > 0);
	fl_buf_done(&out);
	return err;
}

static enum fl_err frame_scenario(void)
{
	struct fl_buf out = fl_buf_make(1 << 20);
	struct fl_bytes *frame = NULL;
	enum fl_err err = fl_mapframe_make(kit.framer, fl_bytes_slice(kit.fragment), true, &frame);

	assert_int_equal(err == FL_OK, frame != NULL);
	if (err == FL_OK)
		err = fl_mapframe_open(kit.framer, fl_slice_skip(fl_bytes_slice(frame), 4), 1 << 20,
				       &out);
	assert_int_equal(err == FL_OK, out.len > 0);
	fl_buf_done(&out);
	fl_bytes_unref(frame);
	return err;
}

static struct row {
	const char *name;
	enum fl_err (*scenario)(void);
	size_t least; /* allocations it must have */
	bool parses;
} rows[] = {
	{ "a register request", register_scenario, 20, true },
	{ "a map request", map_scenario, 15, true },
	{ "merging Hostinfo", merge_scenario, 10, true },
	{ "settings", config_scenario, 30, true },
	{ "a fragment", fragment_scenario, 2, false },
	{ "a whole map", full_scenario, 2, false },
	{ "a delta", delta_scenario, 2, false },
	{ "a frame and back", frame_scenario, 2, false },
};

static void alloc_row(void **state)
{
	const struct row *r = *state;
	size_t n = 0;

	for (;; n++) {
		alloc_fail_after(n);
		enum fl_err err = r->scenario();
		bool failed = alloc_fail_end();
		if (!failed) {
			assert_err(err, FL_OK);
			break;
		}
		if (!r->parses) /* the JSON library calls some shortage a fault of the text */
			assert_err(err, FL_ERR_NOMEM);
		assert_true(err < 0);
	}
	assert_true(n >= r->least);
}

static int prepare(void **state)
{
	(void)state;
	json_set_alloc_funcs(json_malloc, free);
	kit.cfg = kit_config(NULL);
	kit.self = kit_node(1, "self");
	kit.peer = kit_node(2, "peer");
	kit.fragment = kit_fragment(kit.cfg, kit.peer, true, NULL, KIT_NOW);
	assert_err(fl_mapframe_new(&kit.framer), FL_OK);
	assert_err(fl_hostinfo_parse(fl_slice_str("{\"NetInfo\":{\"PreferredDERP\":1}}"), &kit.old),
		   FL_OK);
	assert_err(fl_hostinfo_parse(fl_slice_str("{\"OS\":\"linux\"}"), &kit.fresh), FL_OK);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	fl_hostinfo_unref(kit.old);
	fl_hostinfo_unref(kit.fresh);
	fl_mapframe_free(kit.framer);
	fl_bytes_unref(kit.fragment);
	fl_node_unref(kit.self);
	fl_node_unref(kit.peer);
	fl_netmap_config_unref(kit.cfg);
	return 0;
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, alloc_row);
	return _cmocka_run_group_tests("domain/netmap_alloc", s.tests, s.count, prepare, finish);
}
