/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/test_netmap_delta.c - exact texts of deltas: one rule of the protocol a row. */
#include "netmap_kit.h"

#define R8(x) x x x x x x x x
#define ENTRY(id, hex)                                                                             \
	"{\"ID\":" id ",\"StableID\":\"" id "\",\"Name\":\"n" id ".tail.example.\",\"User\":1,"    \
	"\"Key\":\"nodekey:" R8(hex) "\",\"Machine\":\"mkey:" R8(                                  \
		hex) "\",\"DiscoKey\":\"discokey:" R8(hex) "\","                                   \
							   "\"Addresses\":[\"100.64.0." id         \
							   "/32\",\"fd7a::" id "/128\"],"          \
							   "\"AllowedIPs\":[\"100.64.0." id        \
							   "/32\",\"fd7a::" id "/128\"],"          \
							   "\"Endpoints\":[],\"Hostinfo\":{},"
#define ONLINE  "\"Online\":true,\"MachineAuthorized\":true}"
#define OFFLINE "\"LastSeen\":\"2025-12-31T23:00:00Z\",\"Online\":false,\"MachineAuthorized\":true}"
#define E2      ENTRY("2", "02020202")
#define E3      ENTRY("3", "03030303")
#define ALICE   "\"UserProfiles\":[{\"ID\":1,\"LoginName\":\"alice\",\"DisplayName\":\"alice\"}]"
#define BOB                                                                                        \
	"{\"ID\":2,\"LoginName\":\"bob@example.org\",\"DisplayName\":\"Bobby\","                   \
	"\"ProfilePicURL\":\"https://example.org/b?a\\u0026b\"}"

/* A peer with id 2 or 3 in a row; the other columns bend it. */
struct mention {
	fl_node_id id; /* 0 = end */
	uint32_t fields;
	bool offline, bare; /* bare: without its fragment */
	const char *hostinfo, *endpoint;
	fl_wall expiry;
	uint32_t cap;
	bool no_disco;
};

static struct delta_case {
	const char *name;
	struct mention peers[3];
	fl_node_id removed[3], viewer;
	fl_user_id profiles[3];
	bool self, derp, dns;
	const char *want; /* NULL = nothing to tell */
} delta_rows[] = {
	{ .name = "nothing", .want = NULL },

	/* whole entries */
	{ .name = "a new peer comes with its owner",
	  .peers = { { .id = 2 } },
	  .want = "{\"PeersChanged\":[" E2 ONLINE "]," ALICE "}" },
	{ .name = "two new peers share one profile",
	  .peers = { { .id = 2 }, { .id = 3 } },
	  .want = "{\"PeersChanged\":[" E2 ONLINE "," E3 ONLINE "]," ALICE "}" },
	{ .name = "an offline entry comes with its presence as a patch",
	  .peers = { { .id = 2, .offline = true } },
	  .want = "{\"PeersChanged\":[" E2 OFFLINE "],\"PeersChangedPatch\":[{\"NodeID\":2,"
		  "\"Online\":false,\"LastSeen\":\"2025-12-31T23:00:00Z\"}]," ALICE "}" },
	{ .name = "the viewer is not its own peer",
	  .peers = { { .id = 2 } },
	  .viewer = 2,
	  .want = NULL },
	{ .name = "nor is it patched",
	  .peers = { { .id = 2, .fields = FL_PATCH_ONLINE } },
	  .viewer = 2,
	  .want = NULL },
	{ .name = "an entry that cannot be made any more is taken back",
	  .peers = { { .id = 2, .bare = true } },
	  .removed = { 9 },
	  .want = "{\"PeersRemoved\":[9,2]}" },
	{ .name = "but not the viewer's own",
	  .peers = { { .id = 2, .bare = true } },
	  .viewer = 2,
	  .want = NULL },

	/* removal */
	{ .name = "removed peers", .removed = { 2, 9 }, .want = "{\"PeersRemoved\":[2,9]}" },
	{ .name = "removed and back is a whole entry only",
	  .peers = { { .id = 2 } },
	  .removed = { 2, 9 },
	  .want = "{\"PeersChanged\":[" E2 ONLINE "],\"PeersRemoved\":[9]," ALICE "}" },
	{ .name = "removed and patched is a whole entry too",
	  .peers = { { .id = 2, .fields = FL_PATCH_ONLINE } },
	  .removed = { 2 },
	  .want = "{\"PeersChanged\":[" E2 ONLINE "]," ALICE "}" },
	{ .name = "removed and without an entry stays removed",
	  .peers = { { .id = 2, .bare = true, .fields = FL_PATCH_ONLINE } },
	  .removed = { 2 },
	  .want = "{\"PeersRemoved\":[2]}" },
	{ .name = "and is removed once",
	  .peers = { { .id = 2, .bare = true } },
	  .removed = { 2 },
	  .want = "{\"PeersRemoved\":[2]}" },
	{ .name = "the viewer is not removed from itself",
	  .removed = { 2 },
	  .viewer = 2,
	  .want = NULL },

	/* patches */
	{ .name = "online",
	  .peers = { { .id = 2, .fields = FL_PATCH_ONLINE } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true}]}" },
	{ .name = "offline with the time",
	  .peers = { { .id = 2, .fields = FL_PATCH_ONLINE, .offline = true } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":false,"
		  "\"LastSeen\":\"2025-12-31T23:00:00Z\"}]}" },
	{ .name = "endpoints",
	  .peers = { { .id = 2, .fields = FL_PATCH_ENDPOINTS, .endpoint = "192.0.2.1:9" } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Endpoints\":[\"192.0.2.1:9\"]}]}" },
	{ .name = "cleared endpoints are an empty list",
	  .peers = { { .id = 2, .fields = FL_PATCH_ENDPOINTS } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Endpoints\":[]}]}" },
	{ .name = "home region",
	  .peers = { { .id = 2,
		       .fields = FL_PATCH_DERP,
		       .hostinfo = "{\"NetInfo\":{\"PreferredDERP\":901}}" } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"DERPRegion\":901}]}" },
	{ .name = "a region that is not in the map is not told",
	  .peers = { { .id = 2,
		       .fields = FL_PATCH_DERP,
		       .hostinfo = "{\"NetInfo\":{\"PreferredDERP\":5}}" } },
	  .want = NULL },
	{ .name = "capability version",
	  .peers = { { .id = 2, .fields = FL_PATCH_CAP, .cap = 120 } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Cap\":120}]}" },
	{ .name = "no capability version is not told",
	  .peers = { { .id = 2, .fields = FL_PATCH_CAP } },
	  .want = NULL },
	{ .name = "disco key",
	  .peers = { { .id = 2, .fields = FL_PATCH_DISCO } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"DiscoKey\":\"discokey:" R8(
		  "02020202") "\"}]}" },
	{ .name = "no disco key is not told",
	  .peers = { { .id = 2, .fields = FL_PATCH_DISCO, .no_disco = true } },
	  .want = NULL },
	{ .name = "several fields in one patch",
	  .peers = { { .id = 2,
		       .fields = FL_PATCH_DISCO | FL_PATCH_ENDPOINTS | FL_PATCH_DERP |
				 FL_PATCH_ONLINE,
		       .hostinfo = "{\"NetInfo\":{\"PreferredDERP\":900}}" } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"DERPRegion\":900,\"Endpoints\":[],"
		  "\"DiscoKey\":\"discokey:" R8("02020202") "\",\"Online\":true}]}" },
	{ .name = "a disco key and offline need two patches",
	  .peers = { { .id = 2,
		       .fields = FL_PATCH_DISCO | FL_PATCH_ENDPOINTS | FL_PATCH_ONLINE,
		       .offline = true } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Endpoints\":[],"
		  "\"DiscoKey\":\"discokey:" R8(
			  "02020202") "\"},{\"NodeID\":2,\"Online\":false,"
				      "\"LastSeen\":\"2025-12-31T23:00:00Z\"}]}" },
	{ .name = "a disco key of an offline node alone",
	  .peers = { { .id = 2, .fields = FL_PATCH_DISCO, .offline = true } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"DiscoKey\":\"discokey:" R8(
		  "02020202") "\"}]}" },
	{ .name = "nothing leads to an expired node",
	  .peers = { { .id = 2,
		       .fields = FL_PATCH_ENDPOINTS | FL_PATCH_DERP | FL_PATCH_ONLINE,
		       .hostinfo = "{\"NetInfo\":{\"PreferredDERP\":900}}",
		       .expiry = KIT_NOW } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true}]}" },
	{ .name = "one patch a peer",
	  .peers = { { .id = 2, .fields = FL_PATCH_ONLINE },
		     { .id = 3, .fields = FL_PATCH_ONLINE } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true},"
		  "{\"NodeID\":3,\"Online\":true}]}" },

	/* keys and expiry */
	{ .name = "a key change is a whole entry",
	  .peers = { { .id = 2, .fields = FL_PATCH_KEY | FL_PATCH_DISCO } },
	  .want = "{\"PeersChanged\":[" E2 ONLINE "]," ALICE "}" },
	{ .name = "so is an expiry change",
	  .peers = { { .id = 2, .fields = FL_PATCH_EXPIRY } },
	  .want = "{\"PeersChanged\":[" E2 ONLINE "]," ALICE "}" },
	{ .name = "without an entry a key change is a patch with its expiry",
	  .peers = { { .id = 2,
		       .fields = FL_PATCH_KEY,
		       .bare = true,
		       .expiry = KIT_NOW + FL_DAY } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Key\":\"nodekey:" R8(
		  "02020202") "\",\"KeyExpiry\":\"2026-01-02T00:00:00Z\"}]}" },
	{ .name = "no expiry any more is the zero time",
	  .peers = { { .id = 2, .fields = FL_PATCH_EXPIRY, .bare = true } },
	  .want = "{\"PeersChangedPatch\":[{\"NodeID\":2,\"KeyExpiry\":\"0001-01-01T00:00:00Z\"}]"
		  "}" },

	/* the rest */
	{ .name = "profiles, sorted and once",
	  .profiles = { 2, 1, 2 },
	  .want = "{\"UserProfiles\":[{\"ID\":1,\"LoginName\":\"alice\",\"DisplayName\":\"alice\"}"
		  "," BOB "]}" },
	{ .name = "an owner is not told twice",
	  .peers = { { .id = 2 } },
	  .profiles = { 1 },
	  .want = "{\"PeersChanged\":[" E2 ONLINE "]," ALICE "}" },
	{ .name = "self with all its capabilities and its owner",
	  .self = true,
	  .want = "{\"Node\":" ENTRY(
		  "1", "01010101") "\"Online\":true,\"MachineAuthorized\":true,"
				   "\"CapMap\":{\"https://tailscale.com/cap/is-admin\":[],"
				   "\"https://tailscale.com/cap/ssh\":[],"
				   "\"https://tailscale.com/cap/file-sharing\":[],"
				   "\"default-auto-update\":[false]}}," ALICE "}" },
	{ .name = "settings",
	  .derp = true,
	  .dns = true,
	  .want = "{\"DERPMap\":" KIT_DERP ",\"DNSConfig\":{\"Routes\":{\"tail.example\":[]},"
		  "\"Domains\":[\"tail.example\"],\"Proxied\":true}}" },
	{ .name = "a bit of everything",
	  .peers = { { .id = 2, .fields = FL_PATCH_ONLINE }, { .id = 3 } },
	  .removed = { 8 },
	  .derp = true,
	  .want = "{\"DERPMap\":" KIT_DERP ",\"PeersChanged\":[" E3 ONLINE
		  "],\"PeersRemoved\":[8],\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true}]"
		  "," ALICE "}" },
};

static struct fl_node *mentioned(const struct mention *m)
{
	struct fl_node *n = kit_node(m->id, m->id == 2 ? "n2" : "n3");

	n->last_seen = KIT_NOW - FL_HOUR;
	n->expiry = m->expiry;
	n->cap = m->cap;
	if (m->hostinfo != NULL)
		kit_hostinfo(n, m->hostinfo);
	if (m->endpoint != NULL)
		kit_endpoint(n, m->endpoint);
	if (m->no_disco)
		n->disco = (struct fl_disco_key){ 0 };
	return n;
}

static void check_delta(const struct fl_netmap_delta *in, const char *want)
{
	struct fl_buf out = fl_buf_make(1 << 16);
	bool any = want == NULL;

	fl_buf_str(&out, "before");
	assert_err(fl_netmap_delta_write(in, &out, &any), FL_OK);
	assert_int_equal(any, want != NULL);
	assert_text(fl_slice_skip(fl_buf_slice(&out), 6), want != NULL ? want : "");
	fl_buf_done(&out);
}

static void delta_row(void **state)
{
	const struct delta_case *c = *state;
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_node *self = kit_node(1, "n1"), *nodes[3] = { 0 };
	struct fl_bytes *fragments[3] = { 0 };
	struct fl_netmap_peer peers[3];
	struct fl_netmap_delta in = { .cfg = cfg,
				      .self = { .node = c->self ? self : NULL },
				      .peers = peers,
				      .removed = c->removed,
				      .profiles = c->profiles,
				      .users = kit_users(),
				      .viewer = c->viewer,
				      .derp_map = c->derp,
				      .dns = c->dns,
				      .now = KIT_NOW };

	for (; c->peers[in.peers_count].id != 0; in.peers_count++) {
		const struct mention *m = &c->peers[in.peers_count];
		size_t i = in.peers_count;
		nodes[i] = mentioned(m);
		if (!m->bare)
			fragments[i] = kit_fragment(cfg, nodes[i], !m->offline, NULL, KIT_NOW);
		peers[i] =
			(struct fl_netmap_peer){ nodes[i], fragments[i], m->fields, !m->offline };
	}
	while (in.removed_count < 3 && c->removed[in.removed_count] != 0)
		in.removed_count++;
	while (in.profiles_count < 3 && c->profiles[in.profiles_count] != 0)
		in.profiles_count++;
	check_delta(&in, c->want);
	for (size_t i = 0; i < in.peers_count; i++) {
		fl_bytes_unref(fragments[i]);
		fl_node_unref(nodes[i]);
	}
	fl_node_unref(self);
	fl_netmap_config_unref(cfg);
}

/* ---- refusals ---- */

static void ids_must_ascend(void **state)
{
	(void)state;
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_node *a = kit_node(2, "n2"), *b = kit_node(3, "n3");
	static const fl_node_id falling[] = { 3, 2 }, twice[] = { 2, 2 };
	struct fl_netmap_peer peers[] = { { .node = b }, { .node = a } },
			      same[] = { { .node = a }, { .node = a } };
	struct fl_netmap_delta bad[] = {
		{ .cfg = cfg, .peers = peers, .peers_count = 2 },
		{ .cfg = cfg, .peers = same, .peers_count = 2 },
		{ .cfg = cfg, .removed = falling, .removed_count = 2 },
		{ .cfg = cfg, .removed = twice, .removed_count = 2 },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct fl_buf out = fl_buf_make(1 << 16);
		bool any = true;
		assert_err(fl_netmap_delta_write(&bad[i], &out, &any), FL_ERR_ARG);
		assert_true(any);
		assert_int_equal(out.len, 0);
		fl_buf_done(&out);
	}
	fl_node_unref(a);
	fl_node_unref(b);
	fl_netmap_config_unref(cfg);
}

static void an_invalid_self_writes_nothing(void **state)
{
	(void)state;
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_node *n = kit_node(1, "");
	struct fl_netmap_delta in = { .cfg = cfg, .self = { .node = n }, .now = KIT_NOW };
	struct fl_buf out = fl_buf_make(1 << 16);
	bool any = true;

	assert_err(fl_netmap_delta_write(&in, &out, &any), FL_ERR_INVALID);
	assert_int_equal(out.len, 0);
	fl_buf_done(&out);
	fl_node_unref(n);
	fl_netmap_config_unref(cfg);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, delta_rows, delta_row);
	suite_add(&s, "ids must ascend", ids_must_ascend, NULL);
	suite_add(&s, "an invalid self writes nothing", an_invalid_self_writes_nothing, NULL);
	return suite_run(&s, "domain/netmap_delta");
}
