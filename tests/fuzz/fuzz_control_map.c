/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_control_map.c - any bytes as a map request of a node: stored, then told to the
 * other as delta and as full map, and shown to itself. All three must be JSON that a client takes.
 */
#include <stdlib.h>

#include "domain/netmap/netmap.h"
#include "domain/state/state.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((fl_wall)1800000000 * FL_SEC)

enum { MAP_MAX = 16 << 20, VALUES_MAX = 1 << 20 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct fl_state *state;
static struct fl_netmap_config *config;

static void join(unsigned n, fl_user_id user)
{
	struct fl_hostinfo *hostinfo;
	struct fl_fault fault;
	fl_node_id id;

	must(fl_hostinfo_parse(fl_slice_str("{\"Hostname\":\"host\"}"), &hostinfo) == FL_OK);
	struct fl_approval a = { .cap = 145, .hostinfo = hostinfo, .user = user };
	a.machine.b[0] = a.key.b[0] = (uint8_t)n;
	must(fl_state_approve(state, NOW, &a, &fault, &id) == FL_OK && id == n);
	fl_hostinfo_unref(hostinfo);
}

static void prepare(void)
{
	const struct fl_netmap_spec spec = {
		.base_domain = "tail.example",
		.magic_dns = true,
		.derp_map = fl_slice_str("{\"Regions\":{\"999\":{\"RegionID\":999,\"Nodes\":[]}}}"),
	};
	const struct fl_user_fields ada = { .name = "ada" };
	struct fl_state_config cfg = { .base_domain = "tail.example", .min_cap = 113 };
	struct fl_fault fault;
	fl_user_id user;

	must(fl_prefix_parse(fl_slice_str("100.64.0.0/10"), &cfg.prefix4) == FL_OK);
	must(fl_state_new(&cfg, &state) == FL_OK);
	must(fl_netmap_config_new(&spec, &fault, &config) == FL_OK);
	must(fl_state_user_create(state, NOW, &ada, &fault, &user) == FL_OK);
	join(1, user);
	join(2, user);
	fl_state_committed(state);
}

static struct fl_user *find_user(void *ctx, fl_user_id id)
{
	(void)ctx;
	return fl_state_user(state, id);
}

static void must_be_json(const struct fl_buf *b)
{
	struct fl_json *doc;

	must(fl_buf_err(b) == FL_OK);
	must(fl_json_parse_most(fl_buf_slice(b), FL_JSON_DEPTH_MAX, VALUES_MAX, &doc) == FL_OK);
	fl_json_free(doc);
}

static void write_delta(const struct fl_netmap_peer *peer, struct fl_buf *out)
{
	bool any = false;
	const struct fl_netmap_delta in = {
		.cfg = config,
		.peers = peer,
		.peers_count = 1,
		.users = { .find = find_user },
		.now = NOW,
	};

	fl_buf_reset(out);
	must(fl_netmap_delta_write(&in, out, &any) == FL_OK);
	if (any)
		must_be_json(out);
}

static void write_full(fl_node_id viewer, const struct fl_netmap_peer *peer, struct fl_buf *out)
{
	const struct fl_netmap_full in = {
		.cfg = config,
		.self = { .node = fl_state_node(state, viewer) },
		.peers = peer,
		.peers_count = 1,
		.users = { .find = find_user },
		.now = NOW,
	};

	fl_buf_reset(out);
	must(fl_netmap_full_write(&in, out) == FL_OK);
	must_be_json(out);
}

static void tell(uint8_t how)
{
	const struct fl_netmap_presence presence = { .online = how & 1 };
	const struct fl_netmap_routes none = { 0 };
	struct fl_buf out = fl_buf_make(MAP_MAX);
	struct fl_bytes *fragment;

	must(fl_netmap_fragment(config, fl_state_node(state, 1), &presence, &none, NOW,
				&fragment) == FL_OK);
	struct fl_netmap_peer peer = {
		.node = fl_state_node(state, 1),
		.fragment = fragment,
		.fields = how >> 1,
		.online = how & 1,
	};
	write_delta(&peer, &out);
	write_full(1, &peer, &out);
	write_full(2, &peer, &out);
	fl_bytes_unref(fragment);
	fl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_map_request req;

	if (size < 1 || fl_map_request_parse(fl_slice_of(data + 1, size - 1), NULL, &req) != FL_OK)
		return 0;
	if (state == NULL)
		prepare();
	struct fl_node *before = fl_state_node(state, 1);
	must(fl_state_node_update(state, 1, &req) == FL_OK);
	tell(data[0]);
	fl_state_rollback(state); /* each input meets the same state */
	must(fl_state_node(state, 1) == before);
	fl_map_request_done(&req);
	return 0;
}
