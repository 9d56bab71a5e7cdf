/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/test_netmap.c - exact texts of entries, whole maps and settings. */
#include "netmap_kit.h"

#define R8(x) x x x x x x x x
#define HEX01 R8("01010101")
#define HEX02 R8("02020202")
#define HEX03 R8("03030303")

#define ENTRY2_HEAD                                                                                \
	"{\"ID\":2,\"StableID\":\"2\",\"Name\":\"beta.tail.example.\",\"User\":2,"                 \
	"\"Key\":\"nodekey:" HEX02 "\",\"KeyExpiry\":\"2026-01-02T00:00:00Z\","                    \
	"\"Machine\":\"mkey:" HEX02 "\",\"DiscoKey\":\"discokey:" HEX02 "\","                      \
	"\"Addresses\":[\"100.64.0.2/32\",\"fd7a::2/128\"],"                                       \
	"\"AllowedIPs\":[\"100.64.0.2/32\",\"fd7a::2/128\"],"
#define ENTRY2_REACH                                                                               \
	"\"Endpoints\":[\"192.0.2.20:41641\",\"[2001:db8::2]:41641\"],"                            \
	"\"DERP\":\"127.3.3.40:900\",\"HomeDERP\":900,"
#define ENTRY2_FACTS                                                                               \
	"\"Hostinfo\":{\"OS\":\"linux\",\"Hostname\":\"Beta\"},"                                   \
	"\"Created\":\"2025-12-31T00:00:00Z\",\"Cap\":113,"

#define ENTRY2 ENTRY2_HEAD ENTRY2_REACH ENTRY2_FACTS "\"Online\":true,\"MachineAuthorized\":true}"
#define ENTRY2_OFFLINE                                                                             \
	ENTRY2_HEAD ENTRY2_REACH ENTRY2_FACTS "\"LastSeen\":\"2025-12-31T23:00:00Z\","             \
					      "\"Online\":false,\"MachineAuthorized\":true}"
#define ENTRY2_EXPIRED                                                                             \
	ENTRY2_HEAD ENTRY2_FACTS "\"Online\":true,\"MachineAuthorized\":true,\"Expired\":true}"

#define ENTRY3                                                                                     \
	"{\"ID\":3,\"StableID\":\"3\",\"Name\":\"gamma.tail.example.\",\"User\":2147455555,"       \
	"\"Key\":\"nodekey:" HEX03 "\",\"Machine\":\"mkey:" HEX03 "\","                            \
	"\"DiscoKey\":\"discokey:" HEX03 "\","                                                     \
	"\"Addresses\":[\"100.64.0.3/32\",\"fd7a::3/128\"],\"AllowedIPs\":[\"100.64.0.3/32\","     \
	"\"fd7a::3/128\",\"10.0.0.0/8\",\"0.0.0.0/0\",\"::/0\"],\"Endpoints\":[],"                 \
	"\"Hostinfo\":{},\"Tags\":[\"tag:x\"],\"PrimaryRoutes\":[\"10.0.0.0/8\"],"                 \
	"\"Online\":true,\"MachineAuthorized\":true,\"CapMap\":{\"suggest-exit-node\":[]}}"

#define SELF1                                                                                      \
	"{\"ID\":1,\"StableID\":\"1\",\"Name\":\"alpha.tail.example.\",\"User\":1,"                \
	"\"Key\":\"nodekey:" HEX01 "\",\"Machine\":\"mkey:" HEX01 "\","                            \
	"\"DiscoKey\":\"discokey:" HEX01 "\","                                                     \
	"\"Addresses\":[\"100.64.0.1/32\",\"fd7a::1/128\"],"                                       \
	"\"AllowedIPs\":[\"100.64.0.1/32\",\"fd7a::1/128\"],\"Endpoints\":[],\"Hostinfo\":{},"     \
	"\"Online\":true,\"MachineAuthorized\":true,\"CapMap\":{"                                  \
	"\"https://tailscale.com/cap/is-admin\":[],\"https://tailscale.com/cap/ssh\":[],"          \
	"\"https://tailscale.com/cap/file-sharing\":[],\"default-auto-update\":[false]}}"

#define DNS                                                                                        \
	"\"DNSConfig\":{\"Routes\":{\"tail.example\":[]},\"Domains\":[\"tail.example\"],"          \
	"\"Proxied\":true},"
#define SETTINGS                                                                                   \
	DNS "\"Domain\":\"tail.example\",\"CollectServices\":false,"                               \
	    "\"PacketFilters\":{\"base\":[{\"SrcIPs\":[\"*\"],\"DstPorts\":"                       \
	    "[{\"IP\":\"*\",\"Ports\":{\"First\":0,\"Last\":65535}}]}]},"
#define ALICE "{\"ID\":1,\"LoginName\":\"alice\",\"DisplayName\":\"alice\"}"
#define BOB                                                                                        \
	"{\"ID\":2,\"LoginName\":\"bob@example.org\",\"DisplayName\":\"Bobby\","                   \
	"\"ProfilePicURL\":\"https://example.org/b?a\\u0026b\"}"
#define TAGGED                                                                                     \
	"{\"ID\":2147455555,\"LoginName\":\"tagged-devices\",\"DisplayName\":\"Tagged Devices\"}"
#define REST                                                                                       \
	"\"SSHPolicy\":{\"rules\":[]},\"ControlTime\":\"2026-01-01T00:00:00Z\","                   \
	"\"Debug\":{\"DisableLogTail\":true}"

/* A user's node with everything that a user's node can have. */
static struct fl_node *beta(void)
{
	struct fl_node *n = kit_node(2, "beta");

	kit_hostinfo(n, "{\"OS\":\"linux\",\"Hostname\":\"Beta\",\"NetInfo\":"
			"{\"PreferredDERP\":900,\"DERPLatency\":{\"900-v4\":0.01}}}");
	kit_endpoint(n, "192.0.2.20:41641");
	kit_endpoint(n, "[2001:db8::2]:41641");
	n->cap = 113;
	n->created = KIT_NOW - FL_DAY;
	n->user = 2;
	n->expiry = KIT_NOW + FL_DAY;
	n->last_seen = KIT_NOW - FL_HOUR;
	return n;
}

/* A tagged router: serves two subnets, is primary for one, and is an exit node. */
static struct fl_node *gamma_node(void)
{
	struct fl_node *n = kit_node(3, "gamma");

	kit_tag(n, "tag:x");
	return n;
}

static struct fl_prefix gamma_served[4];
static struct fl_netmap_routes gamma_routes(void)
{
	static const char *const text[] = { "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "::/0" };

	for (size_t i = 0; i < COUNT(text); i++)
		gamma_served[i] = kit_prefix(text[i]);
	return (struct fl_netmap_routes){ gamma_served, gamma_served + 1, 4, 1 };
}

static void check_fragment(const struct fl_node *n, bool online, fl_wall now, const char *want)
{
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_netmap_routes none = { 0 }, gamma = gamma_routes();
	struct fl_bytes *f =
		kit_fragment(cfg, n, online, fl_node_is_tagged(n) ? &gamma : &none, now);

	if (want == NULL)
		assert_null(f);
	else
		assert_text(fl_bytes_slice(f), want);
	fl_bytes_unref(f);
	fl_netmap_config_unref(cfg);
}

/* ---- entries ---- */

static void mangle_nothing(struct fl_node *n)
{
	(void)n;
}

static void zero_key(struct fl_node *n)
{
	n->key = (struct fl_node_key){ 0 };
}

static void zero_id(struct fl_node *n)
{
	n->id = 0;
}

static void no_name(struct fl_node *n)
{
	n->given_name[0] = '\0';
}

static struct entry_case {
	const char *name;
	struct fl_node *(*make)(void);
	void (*mangle)(struct fl_node *n);
	bool online;
	fl_wall now;
	const char *want; /* NULL = left out */
} entry_rows[] = {
	{ "a user's node online", beta, mangle_nothing, true, KIT_NOW, ENTRY2 },
	{ "offline it was last seen", beta, mangle_nothing, false, KIT_NOW, ENTRY2_OFFLINE },
	{ "an instant before expiry", beta, mangle_nothing, true, KIT_NOW + FL_DAY - 1, ENTRY2 },
	{ "expired, nothing leads to it", beta, mangle_nothing, true, KIT_NOW + FL_DAY,
	  ENTRY2_EXPIRED },
	{ "a tagged router and exit node", gamma_node, mangle_nothing, true, KIT_NOW, ENTRY3 },
	{ "a zero key is left out", beta, zero_key, true, KIT_NOW, NULL },
	{ "a zero id is left out", beta, zero_id, true, KIT_NOW, NULL },
	{ "no name is left out", beta, no_name, true, KIT_NOW, NULL },
};

static void entry_row(void **state)
{
	const struct entry_case *c = *state;
	struct fl_node *n = c->make();

	c->mangle(n);
	check_fragment(n, c->online, c->now, c->want);
	fl_node_unref(n);
}

static void absent_facts_are_left_out(void **state)
{
	(void)state;
	struct fl_node *n = kit_node(3, "gamma");

	n->disco = (struct fl_disco_key){ 0 };
	n->ip6 = (struct fl_ip){ 0 };
	kit_hostinfo(n, "{\"NetInfo\":{\"PreferredDERP\":999}}"); /* no such region */
	check_fragment(n, false, KIT_NOW,
		       "{\"ID\":3,\"StableID\":\"3\",\"Name\":\"gamma.tail.example.\",\"User\":1,"
		       "\"Key\":\"nodekey:" HEX03 "\",\"Machine\":\"mkey:" HEX03
		       "\",\"Addresses\":[\"100.64.0.3/32\"],\"AllowedIPs\":[\"100.64.0.3/32\"],"
		       "\"Endpoints\":[],\"Hostinfo\":{},\"Online\":false,"
		       "\"MachineAuthorized\":true}");
	fl_node_unref(n);
}

/* "alpha." + base + "." is 255 bytes long when the base has 248. */
static void names_are_bounded(void **state)
{
	(void)state;
	char base[300] = "";
	struct fl_netmap_spec spec = { .base_domain = base, .derp_map = fl_slice_str(KIT_DERP) };
	struct fl_node *n = kit_node(1, "alpha");

	for (size_t len = 247; len <= 249; len++) {
		struct fl_netmap_config *cfg = NULL;
		struct fl_buf out = fl_buf_make(1 << 16);
		memset(base, 'b', len);
		base[len] = '\0';
		assert_err(fl_netmap_config_new(&spec, NULL, &cfg), FL_OK);
		struct fl_bytes *f = kit_fragment(cfg, n, true, NULL, KIT_NOW);
		assert_int_equal(f != NULL, len <= 248);
		struct fl_netmap_full in = { .cfg = cfg, .self = { .node = n }, .now = KIT_NOW };
		assert_err(fl_netmap_full_write(&in, &out), len <= 248 ? FL_OK : FL_ERR_INVALID);
		assert_int_equal(out.len > 0, len <= 248);
		fl_bytes_unref(f);
		fl_buf_done(&out);
		fl_netmap_config_unref(cfg);
	}
	fl_node_unref(n);
}

/* ---- whole maps ---- */

static struct full_case {
	const char *name;
	bool with_peers;
	const char *want;
} full_rows[] = {
	{ "with two peers", true,
	  "{\"Node\":" SELF1 ",\"DERPMap\":" KIT_DERP "," SETTINGS "\"UserProfiles\":[" ALICE
	  "," BOB "," TAGGED "]," REST ",\"Peers\":[" ENTRY2 "," ENTRY3 "]}" },
	{ "without a peer there is no list", false,
	  "{\"Node\":" SELF1 ",\"DERPMap\":" KIT_DERP "," SETTINGS "\"UserProfiles\":[" ALICE
	  "]," REST "}" },
};

static void full_row(void **state)
{
	const struct full_case *c = *state;
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_netmap_routes gamma = gamma_routes();
	struct fl_node *n[] = { kit_node(1, "alpha"), beta(), gamma_node(), kit_node(4, "delta") };
	struct fl_bytes *f[] = { kit_fragment(cfg, n[0], true, NULL, KIT_NOW),
				 kit_fragment(cfg, n[1], true, NULL, KIT_NOW),
				 kit_fragment(cfg, n[2], true, &gamma, KIT_NOW), NULL };
	struct fl_netmap_peer peers[4];
	struct fl_buf out = fl_buf_make(1 << 20);

	/* The viewer itself and one without a valid entry are among them. */
	for (size_t i = 0; i < 4; i++)
		peers[i] = (struct fl_netmap_peer){ .node = n[i], .fragment = f[i] };
	struct fl_netmap_full in = { .cfg = cfg,
				     .self = { .node = n[0] },
				     .peers = peers,
				     .peers_count = c->with_peers ? 4 : 0,
				     .users = kit_users(),
				     .now = KIT_NOW };
	assert_err(fl_netmap_full_write(&in, &out), FL_OK);
	assert_text(fl_buf_slice(&out), c->want);
	fl_buf_done(&out);
	for (size_t i = 0; i < 4; i++) {
		fl_bytes_unref(f[i]);
		fl_node_unref(n[i]);
	}
	fl_netmap_config_unref(cfg);
}

static void a_full_buffer_gets_nothing(void **state)
{
	(void)state;
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_node *n = kit_node(1, "alpha");
	struct fl_buf out = fl_buf_make(1000);
	struct fl_netmap_full in = { .cfg = cfg, .self = { .node = n }, .now = KIT_NOW };

	fl_buf_str(&out, "before");
	assert_err(fl_netmap_full_write(&in, &out), FL_ERR_TOO_BIG);
	assert_text(fl_buf_slice(&out), "before");
	fl_buf_done(&out);
	fl_node_unref(n);
	fl_netmap_config_unref(cfg);
}

static void an_unknown_owner_has_a_profile(void **state)
{
	(void)state;
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_node *n = kit_node(1, "alpha");
	struct fl_buf out = fl_buf_make(1 << 16);

	n->user = 77;
	struct fl_netmap_full in = {
		.cfg = cfg, .self = { .node = n }, .users = kit_users(), .now = KIT_NOW
	};
	assert_err(fl_netmap_full_write(&in, &out), FL_OK);
	fl_buf_byte(&out, 0);
	assert_non_null(strstr((const char *)out.ptr,
			       "\"UserProfiles\":[{\"ID\":77,\"LoginName\":\"77\","
			       "\"DisplayName\":\"77\"}]"));
	fl_buf_done(&out);
	fl_node_unref(n);
	fl_netmap_config_unref(cfg);
}

static void a_keepalive_carries_the_time(void **state)
{
	(void)state;
	struct fl_buf out = fl_buf_make(1 << 10);

	assert_err(fl_netmap_keepalive_write(KIT_NOW + FL_MS, &out), FL_OK);
	assert_text(fl_buf_slice(&out),
		    "{\"KeepAlive\":true,\"ControlTime\":\"2026-01-01T00:00:00.001Z\"}");
	fl_buf_done(&out);
}

static void a_ping_rides_on_a_keepalive(void **state)
{
	(void)state;
	struct fl_buf out = fl_buf_make(1 << 10);
	struct fl_netmap_ping ping = { .url = "https://h/p?id=1" };

	assert_err(fl_netmap_ping_write(&ping, KIT_NOW, &out), FL_OK);
	assert_text(fl_buf_slice(&out), "{\"KeepAlive\":true,\"PingRequest\":{\"URL\":"
					"\"https://h/p?id=1\",\"URLIsNoise\":true},"
					"\"ControlTime\":\"2026-01-01T00:00:00Z\"}");
	fl_buf_reset(&out);
	ping.request = "GET / HTTP/1.1\r\n\r\n";
	assert_err(fl_netmap_ping_write(&ping, KIT_NOW, &out), FL_OK);
	assert_text(fl_buf_slice(&out),
		    "{\"KeepAlive\":true,\"PingRequest\":{\"URL\":\"https://h/p?id=1\","
		    "\"URLIsNoise\":true,\"Types\":\"c2n\",\"Payload\":"
		    "\"R0VUIC8gSFRUUC8xLjENCg0K\"},\"ControlTime\":\"2026-01-01T00:00:00Z\"}");
	fl_buf_done(&out);
}

static void an_unknown_node_sees_an_expired_key(void **state)
{
	(void)state;
	struct fl_netmap_config *cfg = kit_config(NULL);
	struct fl_buf out = fl_buf_make(1 << 10);
	struct fl_node_key key;

	memset(key.b, 1, sizeof key.b);
	assert_err(fl_netmap_expired_self(cfg, &key, KIT_NOW, &out), FL_OK);
	assert_text(
		fl_buf_slice(&out),
		"{\"Node\":{\"ID\":9007199254740991,\"StableID\":\"unknown\","
		"\"Name\":\"unknown.tail.example.\",\"User\":2147455555,\"Key\":\"nodekey:" HEX01
		"\",\"KeyExpiry\":\"2025-12-31T23:00:00Z\",\"Addresses\":[],\"AllowedIPs\":[],"
		"\"MachineAuthorized\":true,\"Expired\":true},\"UserProfiles\":[" TAGGED
		"],\"ControlTime\":\"2026-01-01T00:00:00Z\"}");
	fl_buf_done(&out);
	fl_netmap_config_unref(cfg);
}

/* ---- settings ---- */

#define LIST(...)                                                                                  \
	{                                                                                          \
		(char *[]){ __VA_ARGS__ }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)      \
	}
static char dns1[] = "1.1.1.1", dns2[] = "https://dns.example/q", corp[] = "corp.example.",
	    lab[] = "lab.example";
static const struct fl_strlist servers = LIST(dns1, dns2), searches = LIST(corp, lab),
			       split_servers = LIST(dns1), no_servers = { NULL, 0 };
static const struct fl_netmap_split splits[] = { { "corp.example.", &split_servers },
						 { "empty.example", &no_servers } };
static const struct fl_netmap_split over_base[] = { { "TAIL.example", &split_servers } };
static const struct fl_netmap_record records[] = { { "a.example", "A", "100.64.0.9" },
						   { "b.example", "", "fd7a::9" },
						   { "c.example", NULL, "::1" } };

static struct dns_case {
	const char *name;
	struct fl_netmap_spec spec;
	const char *p4, *p6;
	const char *want;
} dns_rows[] = {
	{ "nothing at all", { 0 }, NULL, NULL, "{\"Domains\":[],\"Proxied\":false}" },
	{ "the base domain",
	  { .base_domain = "t.example.", .magic_dns = true },
	  NULL,
	  NULL,
	  "{\"Routes\":{\"t.example\":[]},\"Domains\":[\"t.example\"],\"Proxied\":true}" },
	{ "MagicDNS off",
	  { .base_domain = "t.example" },
	  "100.64.0.0/10",
	  NULL,
	  "{\"Domains\":[\"t.example\"],\"Proxied\":false}" },
	{ "resolvers that override",
	  { .nameservers = &servers, .override_local_dns = true },
	  NULL,
	  NULL,
	  "{\"Resolvers\":[{\"Addr\":\"1.1.1.1\"},{\"Addr\":\"https://dns.example/q\"}],"
	  "\"Domains\":[],\"Proxied\":false}" },
	{ "resolvers to fall back to",
	  { .nameservers = &split_servers },
	  NULL,
	  NULL,
	  "{\"FallbackResolvers\":[{\"Addr\":\"1.1.1.1\"}],\"Domains\":[],\"Proxied\":false}" },
	{ "split DNS",
	  { .split = splits, .split_count = 2 },
	  NULL,
	  NULL,
	  "{\"Routes\":{\"corp.example\":[{\"Addr\":\"1.1.1.1\"}],\"empty.example\":[]},"
	  "\"Domains\":[],\"Proxied\":false}" },
	{ "a split suffix wins over the base",
	  { .base_domain = "tail.example",
	    .magic_dns = true,
	    .split = over_base,
	    .split_count = 1 },
	  NULL,
	  NULL,
	  "{\"Routes\":{\"TAIL.example\":[{\"Addr\":\"1.1.1.1\"}]},\"Domains\":[\"tail.example\"],"
	  "\"Proxied\":true}" },
	{ "search domains",
	  { .base_domain = "t.example", .search_domains = &searches },
	  NULL,
	  NULL,
	  "{\"Domains\":[\"t.example\",\"corp.example\",\"lab.example\"],\"Proxied\":false}" },
	{ "extra records",
	  { .records = records, .records_count = 3 },
	  NULL,
	  NULL,
	  "{\"Domains\":[],\"Proxied\":false,\"ExtraRecords\":["
	  "{\"Name\":\"a.example\",\"Type\":\"A\",\"Value\":\"100.64.0.9\"},"
	  "{\"Name\":\"b.example\",\"Value\":\"fd7a::9\"},"
	  "{\"Name\":\"c.example\",\"Value\":\"::1\"}]}" },
	{ "reverse zones at label ends",
	  { .magic_dns = true },
	  "10.20.0.0/16",
	  "fd7a:115c:a1e0::/48",
	  "{\"Routes\":{\"20.10.in-addr.arpa\":[],\"0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa\":[]},"
	  "\"Domains\":[],\"Proxied\":true}" },
	{ "reverse zones inside a label",
	  { .magic_dns = true },
	  "100.64.4.0/23",
	  "fd7a::/15",
	  "{\"Routes\":{\"4.64.100.in-addr.arpa\":[],\"5.64.100.in-addr.arpa\":[],"
	  "\"a.7.d.f.ip6.arpa\":[],\"b.7.d.f.ip6.arpa\":[]},\"Domains\":[],\"Proxied\":true}" },
	{ "single addresses",
	  { .magic_dns = true },
	  "1.2.3.4/32",
	  NULL,
	  "{\"Routes\":{\"4.3.2.1.in-addr.arpa\":[]},\"Domains\":[],\"Proxied\":true}" },
};

/* The DNS part of a map made with these settings. */
static void check_dns(const struct fl_netmap_spec *spec, const char *want)
{
	struct fl_netmap_config *cfg = NULL;
	struct fl_buf out = fl_buf_make(1 << 16), full = fl_buf_make(1 << 16);
	bool any = false;

	assert_err(fl_netmap_config_new(spec, NULL, &cfg), FL_OK);
	struct fl_netmap_delta in = { .cfg = cfg, .dns = true };
	assert_err(fl_netmap_delta_write(&in, &out, &any), FL_OK);
	fl_buf_printf(&full, "{\"DNSConfig\":%s}", want);
	assert_bytes(fl_buf_slice(&out), fl_buf_slice(&full));
	fl_buf_done(&out);
	fl_buf_done(&full);
	fl_netmap_config_unref(cfg);
}

static void dns_row(void **state)
{
	const struct dns_case *c = *state;
	struct fl_netmap_spec spec = c->spec;

	spec.derp_map = fl_slice_str(KIT_DERP);
	if (c->p4 != NULL)
		spec.prefix4 = kit_prefix(c->p4);
	if (c->p6 != NULL)
		spec.prefix6 = kit_prefix(c->p6);
	check_dns(&spec, c->want);
}

static void the_usual_prefix_has_64_zones(void **state)
{
	(void)state;
	struct fl_netmap_spec spec = { .magic_dns = true,
				       .derp_map = fl_slice_str(KIT_DERP),
				       .prefix4 = kit_prefix("100.64.0.0/10") };
	struct fl_buf want = fl_buf_make(1 << 16);

	fl_buf_str(&want, "{\"Routes\":{");
	for (int i = 64; i < 128; i++)
		fl_buf_printf(&want, "%s\"%d.100.in-addr.arpa\":[]", i > 64 ? "," : "", i);
	fl_buf_str(&want, "},\"Domains\":[],\"Proxied\":true}");
	fl_buf_byte(&want, 0);
	check_dns(&spec, (const char *)want.ptr);
	fl_buf_done(&want);
}

static struct derp_case {
	const char *name;
	const char *derp;
	const char *want; /* in the fault; NULL = fine */
} derp_rows[] = {
	{ "two regions", KIT_DERP, NULL },
	{ "a null region is none", "{\"Regions\":{\"1\":{\"RegionID\":1},\"2\":null}}", NULL },
	{ "empty text", "", "malformed" },
	{ "not JSON", "{", "malformed" },
	{ "an array", "[]", "no region" },
	{ "no regions", "{}", "no region" },
	{ "an empty set", "{\"Regions\":{}}", "no region" },
	{ "only a null region", "{\"Regions\":{\"1\":null}}", "no region" },
	{ "a name that is no number", "{\"Regions\":{\"x\":{\"RegionID\":1}}}", "\"x\"" },
	{ "region 0", "{\"Regions\":{\"0\":{\"RegionID\":0}}}", "\"0\"" },
	{ "another number inside", "{\"Regions\":{\"1\":{\"RegionID\":2}}}", "RegionID 2" },
	{ "no number inside", "{\"Regions\":{\"1\":{}}}", "RegionID 0" },
	{ "a number beyond 32 bits", "{\"Regions\":{\"4294967296\":{\"RegionID\":4294967296}}}",
	  "4294967296" },
	{ "a text for a number",
	  "{\"Regions\":{\"1\":{\"RegionID\":1},\"2\":{\"RegionID\":\"2\"}}}", "\"2\"" },
	{ "a list for a region", "{\"Regions\":{\"1\":[]}}", "\"1\"" },
};

static void derp_row(void **state)
{
	const struct derp_case *c = *state;
	struct fl_netmap_spec spec = { .derp_map = fl_slice_str(c->derp) };
	struct fl_netmap_config *cfg = NULL;
	struct fl_fault fault = { "" };

	enum fl_err err = fl_netmap_config_new(&spec, &fault, &cfg);
	assert_err(err, c->want == NULL ? FL_OK : FL_ERR_INVALID);
	if (c->want != NULL && strstr(fault.text, c->want) == NULL)
		fail_msg("\"%s\" does not mention %s", fault.text, c->want);
	fl_netmap_config_unref(cfg);
}

static void the_derp_map_is_compact(void **state)
{
	(void)state;
	struct fl_netmap_config *cfg = kit_config(" {\n\t\"Regions\" : { \"7\" : {\"RegionID\": 7, "
						  "\"RegionName\": \"a \\\" b\\\\\"}}}\n");
	struct fl_netmap_delta in = { .cfg = cfg, .derp_map = true };
	struct fl_buf out = fl_buf_make(1 << 16);
	bool any = false;

	assert_err(fl_netmap_delta_write(&in, &out, &any), FL_OK);
	assert_text(fl_buf_slice(&out), "{\"DERPMap\":{\"Regions\":{\"7\":{\"RegionID\":7,"
					"\"RegionName\":\"a \\\" b\\\\\"}}}}");
	assert_true(fl_netmap_config_has_region(cfg, 7));
	assert_false(fl_netmap_config_has_region(cfg, 0));
	assert_false(fl_netmap_config_has_region(cfg, 900));
	fl_buf_done(&out);
	fl_netmap_config_unref(cfg);
}

static struct caps_case {
	const char *name;
	struct fl_netmap_spec spec;
	const char *want; /* between the common ones and the end of the entry */
	bool debug;
} caps_rows[] = {
	{ "plain", { 0 }, "\"default-auto-update\":[false]}}", true },
	{ "Taildrop",
	  { .taildrop = true },
	  "\"https://tailscale.com/cap/file-sharing\":[],\"default-auto-update\":[false]}}",
	  true },
	{ "updates", { .auto_update = true }, "\"default-auto-update\":[true]}}", true },
	{ "random ports",
	  { .randomize_client_port = true },
	  "\"default-auto-update\":[false],\"randomize-client-port\":[]}}",
	  true },
	{ "a shown name",
	  { .display_name = "Our <net>" },
	  "\"default-auto-update\":[false],\"tailnet-display-name\":[\"Our \\u003cnet\\u003e\"]}}",
	  true },
	{ "client logs on", { .logtail = true }, "\"default-auto-update\":[false]}}", false },
};

static void caps_row(void **state)
{
	const struct caps_case *c = *state;
	struct fl_netmap_spec spec = c->spec;
	struct fl_netmap_config *cfg = NULL;
	struct fl_node *n = kit_node(1, "alpha");
	struct fl_buf out = fl_buf_make(1 << 16), want = fl_buf_make(1 << 10);

	spec.derp_map = fl_slice_str(KIT_DERP);
	assert_err(fl_netmap_config_new(&spec, NULL, &cfg), FL_OK);
	struct fl_netmap_full in = { .cfg = cfg, .self = { .node = n }, .now = KIT_NOW };
	assert_err(fl_netmap_full_write(&in, &out), FL_OK);
	fl_buf_byte(&out, 0);
	fl_buf_printf(&want,
		      "\"CapMap\":{\"https://tailscale.com/cap/is-admin\":[],"
		      "\"https://tailscale.com/cap/ssh\":[],%s,\"DERPMap\"",
		      c->want);
	fl_buf_byte(&want, 0);
	assert_non_null(strstr((const char *)out.ptr, (const char *)want.ptr));
	assert_int_equal(strstr((const char *)out.ptr, "DisableLogTail") != NULL, c->debug);
	fl_buf_done(&out);
	fl_buf_done(&want);
	fl_node_unref(n);
	fl_netmap_config_unref(cfg);
}

static void configurations_compare(void **state)
{
	(void)state;
	struct fl_netmap_spec spec = { .base_domain = "a.example",
				       .derp_map = fl_slice_str(KIT_DERP) };
	struct fl_netmap_config *a = NULL, *b = NULL, *c = NULL, *d = NULL;

	assert_err(fl_netmap_config_new(&spec, NULL, &a), FL_OK);
	assert_err(fl_netmap_config_new(&spec, NULL, &b), FL_OK);
	spec.base_domain = "b.example";
	assert_err(fl_netmap_config_new(&spec, NULL, &c), FL_OK);
	spec.base_domain = "a.example";
	spec.derp_map = fl_slice_str("{\"Regions\":{\"1\":{\"RegionID\":1}}}");
	assert_err(fl_netmap_config_new(&spec, NULL, &d), FL_OK);
	assert_true(fl_netmap_config_same_derp(a, b) && fl_netmap_config_same_dns(a, b) &&
		    fl_netmap_config_same_fragments(a, b));
	assert_true(fl_netmap_config_same_derp(a, c));
	assert_false(fl_netmap_config_same_dns(a, c) || fl_netmap_config_same_fragments(a, c));
	assert_true(fl_netmap_config_same_dns(a, d));
	assert_false(fl_netmap_config_same_derp(a, d) || fl_netmap_config_same_fragments(a, d));
	assert_ptr_equal(fl_netmap_config_ref(a), a);
	assert_null(fl_netmap_config_unref(a));
	fl_netmap_config_unref(a);
	fl_netmap_config_unref(b);
	fl_netmap_config_unref(c);
	fl_netmap_config_unref(d);
	assert_null(fl_netmap_config_unref(NULL));
}

int main(void)
{
	static struct suite s;

	ROWS(&s, entry_rows, entry_row);
	suite_add(&s, "absent facts are left out", absent_facts_are_left_out, NULL);
	suite_add(&s, "names are bounded", names_are_bounded, NULL);
	ROWS(&s, full_rows, full_row);
	suite_add(&s, "a full buffer gets nothing", a_full_buffer_gets_nothing, NULL);
	suite_add(&s, "an unknown owner has a profile", an_unknown_owner_has_a_profile, NULL);
	suite_add(&s, "a keep-alive carries the time", a_keepalive_carries_the_time, NULL);
	suite_add(&s, "a ping rides on a keep-alive", a_ping_rides_on_a_keepalive, NULL);
	suite_add(&s, "an unknown node sees an expired key", an_unknown_node_sees_an_expired_key,
		  NULL);
	ROWS(&s, dns_rows, dns_row);
	suite_add(&s, "the usual prefix has 64 zones", the_usual_prefix_has_64_zones, NULL);
	ROWS(&s, derp_rows, derp_row);
	suite_add(&s, "the DERP map is compact", the_derp_map_is_compact, NULL);
	ROWS(&s, caps_rows, caps_row);
	suite_add(&s, "configurations compare", configurations_compare, NULL);
	return suite_run(&s, "domain/netmap");
}
