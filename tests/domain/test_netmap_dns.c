/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/test_netmap_dns.c - what NextDNS is told of each node, in whole maps and deltas. */
#include "netmap_kit.h"

#include <jansson.h>

#define HOST   "https://dns.nextdns.io"
#define DEVICE "device_ip=100.64.0.7&device_model=linux&device_name=laptop"

static struct fl_node *node;

/* Settings with one resolver for all and one for a domain. */
static struct fl_netmap_config *config(const char *global, const char *split)
{
	struct fl_strlist all = { 0 }, some = { 0 };
	struct fl_netmap_split of = { .suffix = "corp.example", .nameservers = &some };
	struct fl_netmap_config *c = NULL;
	struct fl_fault fault = { "" };
	const struct fl_netmap_spec spec = {
		.base_domain = "tail.example",
		.magic_dns = true,
		.override_local_dns = true,
		.nameservers = &all,
		.split = &of,
		.split_count = 1,
		.derp_map = fl_slice_str(KIT_DERP),
	};

	assert_err(fl_strlist_add(&all, fl_slice_str(global)), FL_OK);
	assert_err(fl_strlist_add(&some, fl_slice_str(split)), FL_OK);
	assert_err(fl_netmap_config_new(&spec, &fault, &c), FL_OK);
	fl_strlist_done(&all);
	fl_strlist_done(&some);
	return c;
}

static const char *addr_of(json_t *message, const char *list)
{
	json_t *dns = json_object_get(message, "DNSConfig");
	json_t *at = strcmp(list, "all") == 0
			     ? json_object_get(dns, "Resolvers")
			     : json_object_get(json_object_get(dns, "Routes"), "corp.example");

	return json_string_value(json_object_get(json_array_get(at, 0), "Addr"));
}

static json_t *parse(struct fl_buf *b)
{
	json_error_t why;

	assert_err(fl_buf_err(b), FL_OK);
	json_t *doc = json_loadb((const char *)b->ptr, b->len, JSON_REJECT_DUPLICATES, &why);
	if (doc == NULL)
		fail_msg("%s: %.*s", why.text, (int)b->len, (const char *)b->ptr);
	fl_buf_done(b);
	return doc;
}

static json_t *whole(const struct fl_netmap_config *c, const struct fl_netmap_self *self)
{
	const struct fl_netmap_full in = {
		.cfg = c, .self = *self, .users = kit_users(), .now = KIT_NOW
	};
	struct fl_buf b = fl_buf_make(1 << 20);

	assert_err(fl_netmap_full_write(&in, &b), FL_OK);
	return parse(&b);
}

static json_t *delta(const struct fl_netmap_config *c, const struct fl_netmap_self *self)
{
	const struct fl_netmap_delta in = {
		.cfg = c, .self = *self, .users = kit_users(), .viewer = 7, .now = KIT_NOW
	};
	struct fl_buf b = fl_buf_make(1 << 20);
	bool any = false;

	assert_err(fl_netmap_delta_write(&in, &b, &any), FL_OK);
	assert_true(any);
	return parse(&b);
}

static struct row {
	const char *name, *resolver, *attrs[3];
	const char *want;
} rows[] = {
	{ "another resolver",
	  "https://dns.example/query",
	  { "nextdns:abc" },
	  "https://dns.example/query" },
	{ "an address", "192.0.2.53", { "nextdns:abc" }, "192.0.2.53" },
	{ "a name that begins alike", HOST ".example/abc", { "nextdns:xyz" }, HOST ".example/abc" },
	{ "no attribute", HOST "/abc123", { NULL }, HOST "/abc123?" DEVICE },
	{ "no path", HOST, { NULL }, HOST "?" DEVICE },
	{ "a query", HOST "/abc123?x=1", { NULL }, HOST "/abc123?x=1&" DEVICE },
	{ "another profile", HOST "/abc123", { "nextdns:xyz.9-_" }, HOST "/xyz.9-_?" DEVICE },
	{ "a profile where there was none", HOST, { "nextdns:xyz" }, HOST "/xyz?" DEVICE },
	{ "several profiles",
	  HOST "/abc",
	  { "nextdns:z", "nextdns:b", "nextdns:c" },
	  HOST "/b?" DEVICE },
	{ "no device", HOST "/abc", { "nextdns:no-device-info" }, HOST "/abc" },
	{ "no device, another profile",
	  HOST "/abc",
	  { "nextdns:no-device-info", "nextdns:xyz" },
	  HOST "/xyz" },
	{ "no profile: a slash", HOST "/abc", { "nextdns:a/b" }, HOST "/abc?" DEVICE },
	{ "no profile: nothing", HOST "/abc", { "nextdns:" }, HOST "/abc?" DEVICE },
	{ "no profile: a quote", HOST "/abc", { "nextdns:a\"b" }, HOST "/abc?" DEVICE },
	{ "longest profile",
	  HOST "/abc",
	  { "nextdns:0123456789012345678901234567890123456789012345678901234567890123" },
	  HOST "/0123456789012345678901234567890123456789012345678901234567890123?" DEVICE },
	{ "longer than a profile",
	  HOST "/abc",
	  { "nextdns:01234567890123456789012345678901234567890123456789012345678901234" },
	  HOST "/abc?" DEVICE },
};

static void test_row(void **state)
{
	const struct row *r = *state;
	struct fl_netmap_attr attrs[3];
	char null[] = "null";
	struct fl_netmap_self self = { .node = node, .attrs = attrs };

	for (size_t i = 0; i < 3 && r->attrs[i] != NULL; i++)
		attrs[self.attrs_count++] =
			(struct fl_netmap_attr){ .name = (char *)(uintptr_t)r->attrs[i],
						 .args = null };
	struct fl_netmap_config *c = config(r->resolver, r->resolver);
	json_t *map = whole(c, &self);
	assert_string_equal(addr_of(map, "all"), r->want);
	assert_string_equal(addr_of(map, "split"), r->want);
	json_decref(map);
	/* A delta with the node's own entry says it anew, if it is its own at all. */
	json_t *d = delta(c, &self);
	if (fl_netmap_config_personal_dns(c))
		assert_string_equal(addr_of(d, "all"), r->want);
	else
		assert_null(json_object_get(d, "DNSConfig"));
	json_decref(d);
	fl_netmap_config_unref(c);
}

static void test_strange_device(void **state)
{
	struct fl_node *n = kit_node(7, "laptop");
	struct fl_netmap_self self = { .node = n };
	struct fl_netmap_config *c = config(HOST, "192.0.2.53");
	(void)state;

	kit_hostinfo(n, "{\"OS\":\"a \\\"b\\\"&c=d\\u00fc\"}");
	n->ip4 = (struct fl_ip){ 0 };
	json_t *map = whole(c, &self);
	assert_string_equal(addr_of(map, "all"),
			    HOST "?device_ip=fd7a%3A%3A7&device_model=a%20%22b%22%26c%3Dd%C3%BC"
				 "&device_name=laptop");
	assert_string_equal(addr_of(map, "split"), "192.0.2.53");
	json_decref(map);
	fl_netmap_config_unref(c);
	fl_node_unref(n);
}

int main(void)
{
	struct suite s = { 0 };

	node = kit_node(7, "laptop");
	kit_hostinfo(node, "{\"OS\":\"linux\"}");
	ROWS(&s, rows, test_row);
	suite_add(&s, "a strange device", test_strange_device, NULL);
	int failed = suite_run(&s, "domain/netmap_dns");
	fl_node_unref(node);
	return failed;
}
