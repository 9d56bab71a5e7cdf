/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_reach.c - who can reach a place and what a node can reach: row by row,
 * and for random policies against verdicts; and explanations in words.
 */
#include "policy_rand.h"

#include <stdio.h>

#include "domain/policy/chain.h"
#include "domain/policy/reach.h"

enum { TEXT_LEN = 16384 };

#define WORLD                                                                                      \
	"user ann ann@example.com\n"                                                               \
	"user bob bob@example.com role=admin\n"                                                    \
	"node phone user=ann\n"                                                                    \
	"node lap user=ann\n"                                                                      \
	"node pc user=bob\n"                                                                       \
	"node web tags=tag:a\n"                                                                    \
	"node db tags=tag:b\n"                                                                     \
	"node r1 tags=tag:r routes=10.33.0.0/16\n"                                                 \
	"node exit tags=tag:x routes=0.0.0.0/0,::/0\n"
#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"ann@\",\"bob@\"],\"group:d\":[\"user:*@example.com\"]},"      \
	"\"hosts\":{\"one\":\"100.64.0.5\",\"net\":\"10.33.5.0/24\"},"                             \
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:r\":[],\"tag:x\":[]},"
#define GRANTS(g)       HEAD "\"grants\":[" g "]}"
#define G(src, dst, ip) "{\"src\":[" src "],\"dst\":[" dst "],\"ip\":[\"" ip "\"]},"
#define V(src, dst, ip, tag)                                                                       \
	"{\"src\":[" src "],\"dst\":[" dst "],\"ip\":[\"" ip "\"],\"via\":[" tag "]},"

static struct fl_ip ip_of(const char *text)
{
	struct fl_ip ip;

	assert_err(fl_ip_parse(fl_slice_str(text), &ip), FL_OK);
	return ip;
}

static const char *node_name(const struct kit_world *w, uint64_t id)
{
	for (size_t i = 0; i < w->world.nodes_len; i++) {
		if (w->nodes[i].id == id)
			return w->nodes[i].name;
	}
	return "?";
}

/* "RULE SRC > DST PORTS: NODES ROUTES" a line. */
static void put_reaches(const struct kit *k, const struct fl_reaches *r, struct fl_buf *out)
{
	for (size_t i = 0; i < r->len; i++) {
		const struct fl_reach *e = &r->at[i];
		if (e->rule == NULL)
			fl_buf_str(out, "all ");
		else
			fl_buf_printf(out, "%zu %s > %s ", (size_t)(e->rule - k->doc->rules),
				      e->src->text, e->dst->text);
		fl_policy_rule_ports(e->rule, out);
		fl_buf_byte(out, ':');
		for (size_t n = 0; n < e->nodes_shown; n++)
			fl_buf_printf(out, " %s", node_name(&k->world, e->nodes[n]));
		for (size_t n = 0; n < e->routes_shown; n++) {
			char text[FL_PREFIX_TEXT_MAX];
			fl_prefix_format(&e->routes[n].prefix, text);
			fl_buf_printf(out, " %s@%s", text,
				      node_name(&k->world, e->routes[n].router));
		}
		fl_buf_byte(out, '\n');
	}
}

/* ---- who can ---- */

static const struct who {
	const char *name, *policy, *dst;
	uint8_t proto;
	uint16_t port;
	const char *want;
} whos[] = {
	{ "nobody", GRANTS(""), "100.64.0.5", 0, 0, "" },
	{ "no policy", NULL, "100.64.0.5", 0, 0, "all *: phone lap pc web r1 exit\n" },
	{ "each rule", GRANTS(G("\"ann@\"", "\"tag:b\"", "22") G("\"*\"", "\"one\"", "udp:53")),
	  "100.64.0.5", 0, 0,
	  "0 ann@ > tag:b 22: phone lap\n1 * > one udp:53: phone lap pc web r1 exit\n" },
	{ "a port", GRANTS(G("\"ann@\"", "\"tag:b\"", "22") G("\"*\"", "\"one\"", "udp:53")),
	  "100.64.0.5", 0, 22, "0 ann@ > tag:b 22: phone lap\n" },
	{ "a protocol", GRANTS(G("\"ann@\"", "\"tag:b\"", "22") G("\"*\"", "\"one\"", "udp:53")),
	  "100.64.0.5", 17, 53, "1 * > one udp:53: phone lap pc web r1 exit\n" },
	{ "any port of a protocol",
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "tcp:22") G("\"*\"", "\"one\"", "udp:53")),
	  "100.64.0.5", 6, 0, "0 ann@ > tag:b tcp:22: phone lap\n" },
	{ "the first alias of a rule counts", GRANTS(G("\"ann@\",\"group:g\"", "\"tag:b\"", "22")),
	  "100.64.0.5", 0, 22, "0 ann@ > tag:b 22: phone lap\n0 group:g > tag:b 22: pc\n" },
	{ "by its other address alone", GRANTS(G("\"ann@\"", "\"one\"", "22")), "fd7a:115c:a1e0::5",
	  0, 22, "" },
	{ "own devices", GRANTS(G("\"autogroup:member\"", "\"autogroup:self\"", "22")),
	  "100.64.0.1", 0, 0, "0 autogroup:member > autogroup:self 22: lap\n" },
	{ "behind a router", GRANTS(G("\"ann@\"", "\"net\"", "80")), "10.33.5.7", 0, 0,
	  "0 ann@ > net 80: phone lap\n" },
	{ "through the router with the tag", GRANTS(V("\"ann@\"", "\"net\"", "80", "\"tag:a\"")),
	  "10.33.5.7", 0, 0, "" },
	{ "the internet", GRANTS(G("\"bob@\"", "\"autogroup:internet\"", "*")), "8.8.8.8", 0, 0,
	  "0 bob@ > autogroup:internet *: pc\n" },
	{ "nowhere", GRANTS(G("\"*\"", "\"10.0.0.0/8\"", "*")), "10.99.0.1", 0, 0, "" },
};

static void who_row(void **state)
{
	const struct who *row = *state;
	struct fl_buf out = fl_buf_make(TEXT_LEN);
	struct fl_reaches r;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	const struct fl_policy_query q = { .dst = ip_of(row->dst),
					   .proto = row->proto,
					   .port = row->port,
					   .any_port = row->port == 0 };
	assert_err(fl_policy_who_can(k.p, &q, &r), FL_OK);
	put_reaches(&k, &r, &out);
	assert_text(fl_buf_slice(&out), row->want);
	fl_reaches_done(&r);
	fl_buf_done(&out);
	kit_done(&k);
}

/* ---- can ---- */

static const struct can {
	const char *name, *policy, *src, *want;
} cans[] = {
	{ "nothing", GRANTS(""), "phone", "" },
	{ "no policy", NULL, "phone",
	  "all *: lap pc web db r1 exit 10.33.0.0/16@r1 0.0.0.0/0@exit ::/0@exit\n" },
	{ "each rule",
	  GRANTS(G("\"ann@\"", "\"tag:b\",\"tag:a\"", "22") G("\"*\"", "\"one\"", "53")), "phone",
	  "0 ann@ > tag:b 22: db\n0 ann@ > tag:a 22: web\n1 * > one 53: db\n" },
	{ "own devices", GRANTS(G("\"ann@\"", "\"autogroup:self\"", "22")), "phone",
	  "0 ann@ > autogroup:self 22: lap\n" },
	{ "none of its own", GRANTS(G("\"*\"", "\"*\"", "22")), "exit",
	  "0 * > * 22: phone lap pc web db r1 10.33.0.0/16@r1\n" },
	{ "a subnet", GRANTS(G("\"ann@\"", "\"net\"", "80")), "lap",
	  "0 ann@ > net 80: 10.33.0.0/16@r1\n" },
	{ "the internet", GRANTS(G("\"ann@\"", "\"autogroup:internet\"", "*")), "lap",
	  "0 ann@ > autogroup:internet *: 0.0.0.0/0@exit ::/0@exit\n" },
	{ "through a router", GRANTS(V("\"ann@\"", "\"net\"", "80", "\"tag:r\"")), "lap",
	  "0 ann@ > net 80: 10.33.0.0/16@r1\n" },
	{ "not with the other family", GRANTS(G("\"fd7a:115c:a1e0::1\"", "\"one\"", "22")), "phone",
	  "" },
};

static void can_row(void **state)
{
	const struct can *row = *state;
	struct fl_buf out = fl_buf_make(TEXT_LEN);
	struct fl_reaches r;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	assert_err(fl_policy_can(k.p, kit_id(&k.world, row->src), &r), FL_OK);
	put_reaches(&k, &r, &out);
	assert_text(fl_buf_slice(&out), row->want);
	fl_reaches_done(&r);
	assert_err(fl_policy_can(k.p, 999, &r), FL_ERR_NOT_FOUND);
	fl_buf_done(&out);
	kit_done(&k);
}

/* ---- against verdicts ---- */

static bool listed(const struct fl_reaches *r, uint64_t id)
{
	for (size_t i = 0; i < r->nodes_len; i++) {
		if (r->nodes[i] == id)
			return true;
	}
	return false;
}

static bool passes(const struct fl_policy *p, const struct fl_ip *src, const struct fl_ip *dst,
		   uint8_t proto, uint16_t port)
{
	const struct fl_policy_query q = { *src, *dst, proto, port };
	struct fl_policy_verdict v;

	if (!fl_ip_is_set(src) || src->family != dst->family)
		return false;
	fl_policy_explain(p, &q, &v);
	return v.allowed;
}

static void check_who(const struct kit *k, const char *dst, uint8_t proto, uint16_t port)
{
	const struct fl_policy_query q = { .dst = ip_of(dst), .proto = proto, .port = port };
	struct fl_reaches r;

	assert_err(fl_policy_who_can(k->p, &q, &r), FL_OK);
	for (size_t i = 0; i < k->world.world.nodes_len; i++) {
		const struct fl_policy_node *n = &k->world.nodes[i];
		const struct fl_ip *src = q.dst.family == FL_IP_V4 ? &n->ip4 : &n->ip6;
		bool itself = fl_ip_eq(src, &q.dst);
		bool want = !itself && passes(k->p, src, &q.dst, proto, port);
		struct fl_policy_verdict v = { 0 };
		if (want) {
			const struct fl_policy_query one = { *src, q.dst, proto, port };
			fl_policy_explain(k->p, &one, &v);
		}
		if (want && v.router == n->id) /* what it serves itself */
			continue;
		assert_int_equal(listed(&r, n->id), want);
	}
	fl_reaches_done(&r);
}

/* Whoever is told to be reachable is, at a port of some rule; and nobody else is by TCP. */
static void check_can(const struct kit *k, const struct fl_policy_node *src)
{
	static const uint16_t ports[] = { 22, 80, 443, 150, 9, 1, 5, 85 };
	struct fl_reaches r;

	assert_err(fl_policy_can(k->p, src->id, &r), FL_OK);
	for (size_t i = 0; i < k->world.world.nodes_len; i++) {
		const struct fl_policy_node *n = &k->world.nodes[i];
		bool any = false;
		for (size_t m = 0; m < COUNT(ports) && n != src; m++)
			any = any || passes(k->p, &src->ip4, &n->ip4, 6, ports[m]) ||
			      passes(k->p, &src->ip6, &n->ip6, 6, ports[m]);
		assert_true(!any || listed(&r, n->id));
		/* A ping passes where anything does. */
		bool ping = passes(k->p, &src->ip4, &n->ip4, 1, 0) ||
			    passes(k->p, &src->ip6, &n->ip6, 58, 0);
		assert_true(n == src || ping == listed(&r, n->id));
	}
	fl_reaches_done(&r);
}

static void random_reach(void **state)
{
	static const char *const places[] = { "100.64.0.1", "100.64.0.4",  "fd7a:115c:a1e0::3",
					      "10.33.5.7",  "10.44.7.7",   "8.8.8.8",
					      "100.64.0.9", "2001:db8::1", "192.168.1.9" };
	const unsigned how = *(const unsigned *)*state;
	struct fl_rng rng;

	fl_rng_init(&rng, 99 + how);
	for (size_t round = 0; round < 80; round++) {
		char *world = rand_world(&rng), *policy = rand_policy(&rng, how);
		struct kit k;
		kit_init(&k, world, round == 0 ? NULL : round == 1 ? "{}" : policy);
		for (size_t i = 0; i < COUNT(places); i++) {
			check_who(&k, places[i], 6, 443);
			check_who(&k, places[i], 17, 53);
		}
		for (size_t i = 0; how == RAND_SELF && i < k.world.world.nodes_len; i++)
			check_can(&k, &k.world.nodes[i]);
		kit_done(&k);
		free(world);
		free(policy);
	}
}

/* ---- words ---- */

static const struct chain {
	const char *name, *policy, *ip;
	bool dst; /* the chain of the first destination; else of the first source */
	const char *want;
} chains[] = {
	{ "a user", GRANTS(G("\"ann@\"", "\"tag:b\"", "22")), "100.64.0.1", false,
	  "node phone (100.64.0.1) / user ann <ann@example.com>" },
	{ "a group", GRANTS(G("\"group:g\"", "\"tag:b\"", "22")), "100.64.0.3", false,
	  "node pc (100.64.0.3) / user bob <bob@example.com> / group:g" },
	{ "a group with a domain", GRANTS(G("\"group:d\"", "\"tag:b\"", "22")), "100.64.0.3", false,
	  "node pc (100.64.0.3) / user bob <bob@example.com> / user:*@example.com / group:d" },
	{ "a tag", GRANTS(G("\"ann@\"", "\"tag:b\"", "22")), "fd7a:115c:a1e0::5", true,
	  "node db (fd7a:115c:a1e0::5) / tag:b" },
	{ "a host", GRANTS(G("\"ann@\"", "\"net\"", "22")), "10.33.5.7", true,
	  "address 10.33.5.7 / host net (10.33.5.0/24)" },
	{ "everybody", GRANTS(G("\"*\"", "\"tag:b\"", "22")), "100.64.0.4", false,
	  "node web (100.64.0.4) / *" },
	{ "behind a router", GRANTS(G("\"*\"", "\"tag:b\"", "22")), "10.33.1.1", false,
	  "address 10.33.1.1 / served subnet 10.33.0.0/16 / *" },
	{ "tagged", GRANTS(G("\"autogroup:tagged\"", "\"tag:b\"", "22")), "100.64.0.4", false,
	  "node web (100.64.0.4) / tagged tag:a / autogroup:tagged" },
	{ "a member", GRANTS(G("\"autogroup:member\"", "\"tag:b\"", "22")), "100.64.0.1", false,
	  "node phone (100.64.0.1) / user ann <ann@example.com> / autogroup:member" },
	{ "an administrator", GRANTS(G("\"autogroup:admin\"", "\"tag:b\"", "22")), "100.64.0.3",
	  false,
	  "node pc (100.64.0.3) / user bob <bob@example.com> / role admin / autogroup:admin" },
	{ "a prefix", GRANTS(G("\"100.64.0.0/10\"", "\"tag:b\"", "22")), "100.64.0.3", false,
	  "node pc (100.64.0.3) / 100.64.0.0/10" },
};

static void chain_row(void **state)
{
	const struct chain *row = *state;
	struct fl_strlist steps = { 0 };
	struct fl_buf out = fl_buf_make(TEXT_LEN);
	const struct fl_ip ip = ip_of(row->ip);
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	const struct fl_rule *r = &k.doc->rules[0];
	assert_err(fl_policy_chain(k.p, &ip, row->dst ? &r->dst.at[0] : &r->src.at[0], &steps),
		   FL_OK);
	for (size_t i = 0; i < steps.len; i++)
		fl_buf_printf(&out, "%s%s", i > 0 ? " / " : "", steps.at[i]);
	assert_text(fl_buf_slice(&out), row->want);
	fl_strlist_done(&steps);
	fl_buf_done(&out);
	kit_done(&k);
}

static const struct miss {
	const char *name, *policy, *src, *dst;
	uint8_t proto;
	uint16_t port;
	const char *want;
} misses[] = {
	{ "allowed", NULL, "100.64.0.1", "100.64.0.5", 6, 22, "" },
	{ "no rules", GRANTS(""), "100.64.0.1", "100.64.0.5", 6, 22,
	  "no rule lets packets through" },
	{ "source", GRANTS(G("\"bob@\"", "\"tag:b\"", "22")), "100.64.0.1", "100.64.0.5", 6, 22,
	  "no rule has 100.64.0.1 among its sources" },
	{ "destination", GRANTS(G("\"group:g\"", "\"tag:a\"", "22")), "100.64.0.1", "100.64.0.5", 6,
	  22, "the rule has the source (group:g), but does not lead to 100.64.0.5" },
	{ "protocol", GRANTS(G("\"ann@\"", "\"tag:b\"", "udp:53")), "100.64.0.1", "100.64.0.5", 6,
	  53, "the rule leads from ann@ to tag:b, but not with this protocol: only udp:53" },
	{ "port", GRANTS(G("\"ann@\"", "\"tag:b\"", "tcp:22,80-90")), "100.64.0.1", "100.64.0.5", 6,
	  443, "the rule leads from ann@ to tag:b, but not to port 443: only tcp:22,80-90" },
	{ "no router", GRANTS(G("\"ann@\"", "\"10.99.0.0/16\"", "*")), "100.64.0.1", "10.99.0.1", 6,
	  22, "the rule allows it, but no node that the source sees has or serves 10.99.0.1" },
	{ "no protocol without rules", NULL, "100.64.0.1", "100.64.0.5", 47, 0,
	  "without rules only TCP, UDP and ICMP pass" },
};

static void miss_row(void **state)
{
	const struct miss *row = *state;
	struct fl_buf out = fl_buf_make(TEXT_LEN);
	struct fl_policy_verdict v;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	const struct fl_policy_query q = { ip_of(row->src), ip_of(row->dst), row->proto,
					   row->port };
	fl_policy_explain(k.p, &q, &v);
	fl_policy_miss_text(k.p, &q, &v, &out);
	assert_text(fl_buf_slice(&out), row->want);
	fl_buf_done(&out);
	kit_done(&k);
}

static void rule_text(void **state)
{
	static const char text[] = "{\"acls\":[ { // a, b\n \"action\" : \"accept\", /* } */\n"
				   "\t\"src\":[ \"*\",],\"dst\":[\"*:*\" , \"*:1\"],},]}";
	struct fl_buf out = fl_buf_make(TEXT_LEN);
	struct fl_policy_doc *d = kit_doc(text);

	(void)state;
	fl_buf_str(&out, "> ");
	fl_policy_rule_text(d, &d->rules[0], &out);
	assert_text(fl_buf_slice(&out), "> {\"action\": \"accept\", \"src\": [\"*\"], \"dst\": "
					"[\"*:*\", \"*:1\"]}");
	fl_policy_doc_free(d);
	fl_buf_done(&out);
}

/* More entries than are kept: they are counted, and whom the last ones bring is not lost. */
static void many_entries(void **state)
{
	enum { RULES = FL_REACH_ENTRIES_MAX + 3 };
	struct fl_buf text = fl_buf_make(1 << 20);
	const struct fl_policy_query q = { .dst = ip_of("100.64.0.5"), .any_port = true };
	struct fl_reaches r;
	struct kit k;

	(void)state;
	fl_buf_str(&text, "{\"tagOwners\":{\"tag:b\":[]},\"grants\":[");
	for (int i = 1; i <= RULES; i++)
		fl_buf_printf(&text, "{\"src\":[\"%s@\"],\"dst\":[\"tag:b\"],\"ip\":[\"%d\"]},",
			      i < RULES ? "ann" : "bob", i);
	fl_buf_str(&text, "]}");
	fl_buf_byte(&text, '\0');
	kit_init(&k, WORLD, (const char *)text.ptr);
	assert_err(fl_policy_who_can(k.p, &q, &r), FL_OK);
	assert_int_equal(r.len, FL_REACH_ENTRIES_MAX);
	assert_int_equal(r.count, RULES);
	assert_true(listed(&r, kit_id(&k.world, "pc")));
	fl_reaches_done(&r);
	assert_err(fl_policy_can(k.p, kit_id(&k.world, "phone"), &r), FL_OK);
	assert_int_equal(r.len, FL_REACH_ENTRIES_MAX);
	assert_int_equal(r.count, RULES - 1);
	fl_reaches_done(&r);
	fl_buf_done(&text);
	kit_done(&k);
}

int main(void)
{
	static const unsigned plain = RAND_PLAIN, self = RAND_SELF, all = RAND_VIA | RAND_SELF;
	static struct suite s;

	suite_add_rows(&s, (void *)(uintptr_t)whos, COUNT(whos), sizeof *whos, who_row);
	suite_add_rows(&s, (void *)(uintptr_t)cans, COUNT(cans), sizeof *cans, can_row);
	suite_add(&s, "many entries", many_entries, NULL);
	suite_add_rows(&s, (void *)(uintptr_t)chains, COUNT(chains), sizeof *chains, chain_row);
	suite_add_rows(&s, (void *)(uintptr_t)misses, COUNT(misses), sizeof *misses, miss_row);
	suite_add(&s, "the text of a rule", rule_text, NULL);
	suite_add(&s, "random policies", random_reach, (void *)(uintptr_t)&plain);
	suite_add(&s, "random policies, self", random_reach, (void *)(uintptr_t)&self);
	suite_add(&s, "random policies, via and self", random_reach, (void *)(uintptr_t)&all);
	return suite_run(&s, "policy reach");
}
