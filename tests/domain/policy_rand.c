/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/policy_rand.c - random worlds and policies. */
#include "policy_rand.h"

static const char *const tags[] = { "tag:a", "tag:b", "tag:c" };
static const char *const users[] = { "ann", "bob", "cem" };
static const char *const subnets[] = {
	"10.0.0.0/8",    "10.33.0.0/16",  "10.33.5.0/24",   "10.44.0.0/16",
	"10.55.0.0/16",  "100.64.0.0/28", "8.8.8.0/24",     "fd00:1::/64",
	"2001:db8::/32", "10.44.0.0/16",  "192.168.1.0/24", "10.44.7.7/32",
};
static const char *const sources[] = {
	"ann@",
	"bob@",
	"group:g",
	"tag:a",
	"tag:b",
	"tag:c",
	"autogroup:member",
	"autogroup:tagged",
	"10.33.0.0/16",
	"10.0.0.0/8",
	"100.64.0.4",
	"net",
	"fd00:1::/64",
	"*",
	"100.64.0.0/29",
	"autogroup:danger-all",
	"cem@",
	"tag:a",
	"ann@",
	"nobody@",
};
static const char *const targets[] = {
	"ann@",
	"bob@",
	"group:g",
	"tag:a",
	"tag:b",
	"tag:c",
	"autogroup:member",
	"10.33.0.0/16",
	"10.44.0.0/16",
	"10.0.0.0/8",
	"10.33.5.7",
	"autogroup:internet",
	"fd00:1::/64",
	"net",
	"100.64.0.0/30",
	"8.8.0.0/16",
	"2001:db8:1::/48",
	"192.0.0.0/8",
	"*",
	"10.44.0.0/16",
};
static const char *const traffic[] = { "*",     "22",     "tcp:443",  "udp:53,100-200",
				       "tcp:*", "icmp:*", "47:*",     "sctp:9",
				       "*",     "6:1-80", "gre:1-10", "0-1024" };
static const char *const self_sources[] = { "ann@", "group:g", "autogroup:member", "bob@" };

static size_t below(struct fl_rng *rng, size_t n)
{
	return (size_t)fl_rng_below(rng, n);
}

#define ANY(rng, pool) (pool)[below(rng, COUNT(pool))]

static char *text_of(struct fl_buf *b)
{
	fl_buf_byte(b, '\0');
	assert_err(fl_buf_err(b), FL_OK);
	return (char *)b->ptr;
}

/* ---- worlds ---- */

static void put_routes(struct fl_buf *b, struct fl_rng *rng)
{
	const char *mine[4];
	size_t n = 1 + below(rng, 3);

	for (size_t i = 0; i < n; i++)
		mine[i] = ANY(rng, subnets);
	fl_buf_str(b, " routes=");
	for (size_t i = 0; i < n; i++)
		fl_buf_printf(b, "%s,", mine[i]);
	if (below(rng, 3) == 0)
		fl_buf_str(b, "0.0.0.0/0,::/0");
	fl_buf_str(b, " primary=");
	for (size_t i = 0; i < n; i++) {
		if (below(rng, 3) > 0)
			fl_buf_printf(b, "%s,", mine[i]);
	}
}

static void put_node(struct fl_buf *b, struct fl_rng *rng, size_t i)
{
	fl_buf_printf(b, "node n%zu", i);
	if (below(rng, 2) == 0)
		fl_buf_printf(b, " user=%s", ANY(rng, users));
	else
		fl_buf_printf(b, " tags=%s,%s", ANY(rng, tags), ANY(rng, tags));
	if (below(rng, 8) == 0)
		fl_buf_printf(b, " ip=100.64.1.%zu", i);
	if (below(rng, 12) == 0)
		fl_buf_printf(b, " ip=10.33.5.%zu", i);
	if (below(rng, 2) == 0)
		put_routes(b, rng);
	fl_buf_str(b, below(rng, 4) == 0 ? " offline" : "");
	fl_buf_str(b, below(rng, 4) == 0 ? " sick\n" : "\n");
}

char *rand_world(struct fl_rng *rng)
{
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_buf_str(&b, "user ann ann@example.com\nuser bob bob@example.org\nuser cem\n");
	for (size_t i = 1; i <= RAND_NODES; i++)
		put_node(&b, rng, i);
	return text_of(&b);
}

/* ---- policies ---- */

static void put_list(struct fl_buf *b, struct fl_rng *rng, const char *name,
		     const char *const *pool, size_t pool_len, size_t max)
{
	fl_buf_printf(b, "\"%s\":[", name);
	for (size_t n = 1 + below(rng, max); n > 0; n--)
		fl_buf_printf(b, "\"%s\",", pool[below(rng, pool_len)]);
	fl_buf_str(b, "],");
}

static void put_grant(struct fl_buf *b, struct fl_rng *rng, unsigned how)
{
	bool self = (how & RAND_SELF) != 0 && below(rng, 5) == 0;
	bool via = !self && (how & RAND_VIA) != 0 && below(rng, 2) == 0;
	size_t app = below(rng, 6);

	fl_buf_byte(b, '{');
	if (self) {
		put_list(b, rng, "src", self_sources, COUNT(self_sources), 2);
		fl_buf_printf(b, "\"dst\":[\"autogroup:self\",\"%s\"],", ANY(rng, tags));
	} else {
		put_list(b, rng, "src", sources, COUNT(sources), 2);
		put_list(b, rng, "dst", targets, COUNT(targets), 2);
	}
	if (via)
		put_list(b, rng, "via", tags, COUNT(tags), 2);
	/* capabilities never go to the internet, so only beside self */
	if (app == 0 && self)
		fl_buf_str(b, "\"app\":{\"tailscale.com/cap/drive\":[{}]},");
	put_list(b, rng, "ip", traffic, COUNT(traffic), 3);
	fl_buf_str(b, "},");
}

static void put_app(struct fl_buf *b, struct fl_rng *rng, bool via)
{
	fl_buf_byte(b, '{');
	put_list(b, rng, "src", sources, COUNT(sources), 2);
	fl_buf_printf(b, "\"dst\":[\"%s\",\"%s\"],", ANY(rng, tags),
		      below(rng, 2) == 0 ? "10.44.0.0/16" : "ann@");
	if (via)
		put_list(b, rng, "via", tags, COUNT(tags), 1);
	fl_buf_str(b, "\"app\":{\"tailscale.com/cap/relay\":[]}},");
}

char *rand_policy(struct fl_rng *rng, unsigned how)
{
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_buf_str(&b, "{\"groups\":{\"group:g\":[\"bob@\",\"cem@\"]},"
		       "\"hosts\":{\"net\":\"10.33.5.1/24\"},"
		       "\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:c\":[]},\"grants\":[");
	for (size_t n = 1 + below(rng, 6); n > 0; n--)
		put_grant(&b, rng, how);
	if (below(rng, 3) == 0)
		put_app(&b, rng, (how & RAND_VIA) != 0);
	fl_buf_str(&b, "],\"acls\":[");
	for (size_t n = below(rng, 3); n > 0; n--) {
		fl_buf_str(&b, "{\"action\":\"accept\",");
		put_list(&b, rng, "src", sources, COUNT(sources), 2);
		fl_buf_printf(&b, "\"dst\":[\"%s:*\",\"%s:22,80-90\"]},", ANY(rng, tags),
			      ANY(rng, targets));
	}
	fl_buf_str(&b, "]}");
	return text_of(&b);
}
