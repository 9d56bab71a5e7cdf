/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_diff.c - what changes for people between two policies: row by row, and
 * for random policies against the verdicts on every pair of nodes.
 */
#include "policy_rand.h"

#include <stdio.h>

#include "domain/policy/diff.h"

enum { TEXT_LEN = 16384 };

/* ---- a diff as text ---- */

static const char *node_name(const struct kit_world *w, uint64_t id)
{
	for (size_t i = 0; i < w->world.nodes_len; i++) {
		if (w->nodes[i].id == id)
			return w->nodes[i].name;
	}
	return "?";
}

static void put_side(const struct kit_world *w, const struct fl_diff_side *s, struct fl_buf *out)
{
	const char *between = "";

	if (s->self) {
		fl_buf_str(out, "self");
		return;
	}
	if (s->alias != NULL) {
		fl_buf_str(out, s->alias);
		between = ",";
	}
	for (size_t i = 0; s->alias == NULL && i < s->nodes_shown; i++) {
		fl_buf_printf(out, "%s%s", between, node_name(w, s->nodes[i]));
		between = ",";
	}
	for (size_t i = 0; i < s->places_shown; i++) {
		fl_buf_printf(out, "%s%s", between, s->places[i]);
		between = ",";
	}
}

static void put_list(const struct kit_world *w, char sign, const struct fl_diff_list *l,
		     struct fl_buf *out)
{
	for (size_t i = 0; i < l->len; i++) {
		fl_buf_printf(out, "%c ", sign);
		put_side(w, &l->at[i].src, out);
		fl_buf_str(out, " > ");
		put_side(w, &l->at[i].dst, out);
		fl_buf_printf(out, " %s\n", l->at[i].ports);
	}
}

static void put_told(const struct kit_world *w, const struct fl_policy_diff *d, struct fl_buf *out)
{
	for (size_t i = 0; i < d->told_len; i++) {
		const struct fl_diff_told *t = &d->told[i];
		fl_buf_printf(out, "%s%s%s%s:", (t->parts & FL_POLICY_FILTER) != 0 ? "f" : "",
			      (t->parts & FL_POLICY_PEERS) != 0 ? "p" : "",
			      (t->parts & FL_POLICY_SSH) != 0 ? "s" : "",
			      (t->parts & FL_POLICY_ATTRS) != 0 ? "a" : "");
		for (size_t k = 0; k < t->nodes_shown; k++)
			fl_buf_printf(out, " %s", node_name(w, t->nodes[k]));
		fl_buf_byte(out, '\n');
	}
}

/* ---- rows ---- */

#define WORLD                                                                                      \
	"user ann ann@example.com\n"                                                               \
	"user bob bob@example.com\n"                                                               \
	"node phone user=ann\n"                                                                    \
	"node lap user=ann\n"                                                                      \
	"node pc user=bob\n"                                                                       \
	"node web tags=tag:a\n"                                                                    \
	"node db tags=tag:b\n"                                                                     \
	"node db2 tags=tag:b\n"                                                                    \
	"node r1 tags=tag:r routes=10.33.0.0/16\n"                                                 \
	"node exit tags=tag:x routes=0.0.0.0/0,::/0\n"
#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"ann@\",\"bob@\"]},\"hosts\":{\"one\":\"100.64.0.5\"},"        \
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:r\":[],\"tag:x\":[]},"
#define GRANTS(g)       HEAD "\"grants\":[" g "]}"
#define G(src, dst, ip) "{\"src\":[" src "],\"dst\":[" dst "],\"ip\":[" ip "]},"
#define V(src, dst, ip, tag)                                                                       \
	"{\"src\":[" src "],\"dst\":[" dst "],\"ip\":[" ip "],\"via\":[" tag "]},"

#define GROUP(members)                                                                             \
	"{\"groups\":{\"group:h\":[" members "]},\"tagOwners\":{\"tag:b\":[]},\"grants\":[" G(     \
		"\"group:h\"", "\"tag:b\"", "\"22\"") "]}"

static const struct row {
	const char *name, *a, *b;
	const char *want;
} rows[] = {
	{ "nothing", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")), "" },
	{ "another way to say the same",
	  GRANTS(G("\"ann@\",\"bob@\"", "\"tag:b\"", "\"22\",\"80\"")),
	  GRANTS(G("\"group:g\"", "\"tag:b\"", "\"80\"") G("\"group:g\"", "\"tag:b\"", "\"22\"")),
	  "f: db db2\n" },
	{ "a group of other people", GROUP("\"ann@\""), GROUP("\"bob@\""),
	  "+ pc > tag:b 22\n- ann@ > tag:b 22\nfp: db db2\np: phone lap pc\n" },
	{ "a group of more people", GROUP("\"ann@\""), GROUP("\"ann@\",\"bob@\""),
	  "+ pc > tag:b 22\nfp: db db2\np: pc\n" },
	{ "a port more", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\",\"80-90\"")),
	  "+ ann@ > tag:b 80-90\nf: db db2\n" },
	{ "a port in the middle less", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"tcp:1-100\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"tcp:1-50\",\"tcp:60-100\"")),
	  "- ann@ > tag:b tcp:51-59\nf: db db2\n" },
	{ "UDP less", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"53\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"tcp:53\"")), "- ann@ > tag:b udp:53\nf: db db2\n" },
	{ "ports less, and so ICMP", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"*\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"443\"")),
	  "- ann@ > tag:b 0-442,444-65535 icmp:* ipv6-icmp:*\nf: db db2\n" },
	{ "another rule still allows it",
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"") G("\"group:g\"", "\"tag:b\"", "\"*\"")),
	  GRANTS(G("\"group:g\"", "\"tag:b\"", "\"*\"")), "f: db db2\n" },
	{ "and of two sources for one",
	  GRANTS(G("\"group:g\"", "\"tag:b\"", "\"22\"") G("\"ann@\"", "\"tag:b\"", "\"*\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"*\"")), "- pc > tag:b 22\nfp: db db2\np: pc\n" },
	{ "one destination more", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\",\"tag:a\"", "\"22\"")),
	  "+ ann@ > web 22\nfp: web\np: phone lap\n" },
	{ "alike for two destinations", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\",\"tag:a\"", "\"22\"")
			 G("\"bob@\"", "\"tag:a\",\"tag:b\"", "\"*\"")),
	  "+ ann@ > web 22\n+ pc > web,db,db2 *\nfp: web db db2\np: phone lap pc\n" },
	{ "by address", GRANTS(G("\"ann@\"", "\"one\"", "\"22\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")),
	  "+ ann@ > db2 22\nfp: db2\np: phone lap\nf: db\n" },
	{ "from nothing to everything", GRANTS(""), NULL, NULL },
	{ "no policy to none of its rules", NULL, HEAD "\"acls\":[]}",
	  "- *,10.33.0.0/16 > *,10.33.0.0/16,autogroup:internet *\n"
	  "fp: phone lap pc web db db2 r1 exit\n" },
	{ "a subnet", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"") G("\"ann@\"", "\"10.33.0.0/16\"", "\"80\"")),
	  "+ ann@ > 10.33.0.0/16 80\nfp: r1\np: phone lap\n" },
	{ "a part of a subnet", GRANTS(G("\"ann@\"", "\"10.33.0.0/16\"", "\"80\"")),
	  GRANTS(G("\"ann@\"", "\"10.33.5.0/24\"", "\"80\"")),
	  "- ann@ > 10.33.0.0/16 80\nf: r1\n" },
	{ "from a subnet", GRANTS(G("\"10.33.0.0/16\"", "\"tag:b\"", "\"80\"")), GRANTS(""),
	  "- 10.33.0.0/16 > tag:b 80\nfp: db db2\np: r1\n" },
	{ "the internet", GRANTS(G("\"ann@\"", "\"tag:x\"", "\"80\"")),
	  GRANTS(G("\"ann@\"", "\"tag:x\"", "\"80\"")
			 G("\"ann@\"", "\"autogroup:internet\"", "\"*\"")),
	  "+ ann@ > autogroup:internet *\nf: exit\n" },
	{ "through another router",
	  GRANTS(V("\"ann@\"", "\"10.33.0.0/16\"", "\"80\"", "\"tag:r\"")),
	  GRANTS(V("\"ann@\"", "\"10.33.0.0/16\"", "\"80\"", "\"tag:a\"")),
	  "- ann@ > 10.33.0.0/16 80\nfp: r1\np: phone lap\n" },
	{ "own devices", GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")),
	  GRANTS(G("\"ann@\"", "\"tag:b\"", "\"22\"")
			 G("\"autogroup:member\"", "\"autogroup:self\"", "\"22\"")),
	  "+ ann@ > self 22\nfp: phone lap\nf: pc\n" },
	{ "own devices that a rule allows anyway",
	  GRANTS(G("\"group:g\"", "\"group:g\"", "\"22\"")),
	  GRANTS(G("\"group:g\"", "\"group:g\"", "\"22\"")
			 G("\"group:g\"", "\"autogroup:self\"", "\"22\"")),
	  "f: phone lap pc\n" },
	{ "SSH and attributes alone", HEAD "\"grants\":[],\"ssh\":[]}",
	  HEAD
	  "\"grants\":[],\"ssh\":[{\"action\":\"accept\",\"src\":[\"ann@\"],\"dst\":[\"tag:a\"],"
	  "\"users\":[\"root\"]}],\"nodeAttrs\":[{\"target\":[\"bob@\"],\"attr\":[\"funnel\"]}]}",
	  NULL },
};

static void diff_row(void **state)
{
	const struct row *row = *state;
	struct fl_policy_diff d;
	struct fl_buf out = fl_buf_make(TEXT_LEN);
	struct kit a, b;

	kit_init(&a, WORLD, row->a);
	kit_init(&b, WORLD, row->b);
	assert_err(fl_policy_diff(a.p, b.p, &d), FL_OK);
	assert_false(d.cut);
	put_list(&a.world, '+', &d.gained, &out);
	put_list(&a.world, '-', &d.lost, &out);
	put_told(&a.world, &d, &out);
	if (row->want != NULL)
		assert_text(fl_buf_slice(&out), row->want);
	else
		assert_true(d.told_len > 0);
	/* What one way is gained is lost the other way. */
	size_t gained = d.gained.count, lost = d.lost.count;
	fl_policy_diff_done(&d);
	assert_err(fl_policy_diff(b.p, a.p, &d), FL_OK);
	assert_int_equal(d.lost.count, gained);
	assert_int_equal(d.gained.count, lost);
	fl_policy_diff_done(&d);
	fl_buf_done(&out);
	kit_done(&a);
	kit_done(&b);
}

/* ---- against verdicts ---- */

static bool ports_have(const char *text, unsigned proto, unsigned port)
{
	char copy[1024], *save = NULL;
	const char *name = proto == 6 ? "tcp" : proto == 17 ? "udp" : proto == 132 ? "sctp" : "47";

	assert_true(strlen(text) < sizeof copy);
	memcpy(copy, text, strlen(text) + 1);
	for (char *entry = strtok_r(copy, " ", &save); entry != NULL;
	     entry = strtok_r(NULL, " ", &save)) {
		char *colon = strchr(entry, ':'), *ranges = colon != NULL ? colon + 1 : entry;
		if (colon == NULL && proto != 6 && proto != 17)
			continue;
		if (colon != NULL && strncmp(entry, name, (size_t)(colon - entry)) != 0)
			continue;
		char *inner = NULL;
		for (char *range = strtok_r(ranges, ",", &inner); range != NULL;
		     range = strtok_r(NULL, ",", &inner)) {
			unsigned first, last;
			int n = sscanf(range, "%u-%u", &first, &last);
			if (strcmp(range, "*") == 0 || (n == 1 && first == port) ||
			    (n == 2 && first <= port && port <= last))
				return true;
		}
	}
	return false;
}

static bool side_has(const struct fl_diff_side *s, uint64_t id)
{
	for (size_t i = 0; i < s->nodes_shown; i++) {
		if (s->nodes[i] == id)
			return true;
	}
	return false;
}

struct flow {
	const struct fl_policy_node *src, *dst;
	uint8_t proto;
	uint16_t port;
	bool own; /* devices of one user */
};

static bool list_has(const struct fl_diff_list *l, const struct flow *f)
{
	for (size_t i = 0; i < l->len; i++) {
		const struct fl_diff_entry *e = &l->at[i];
		bool to = e->dst.self ? f->own : side_has(&e->dst, f->dst->id);
		if (to && side_has(&e->src, f->src->id) && ports_have(e->ports, f->proto, f->port))
			return true;
	}
	return false;
}

static bool passes(const struct fl_policy *p, const struct flow *f)
{
	const struct fl_policy_query four = { f->src->ip4, f->dst->ip4, f->proto, f->port };
	const struct fl_policy_query six = { f->src->ip6, f->dst->ip6, f->proto, f->port };
	struct fl_policy_verdict v = { 0 }, w = { 0 };

	if (fl_ip_is_set(&four.src) && fl_ip_is_set(&four.dst))
		fl_policy_explain(p, &four, &v);
	if (fl_ip_is_set(&six.src) && fl_ip_is_set(&six.dst))
		fl_policy_explain(p, &six, &w);
	return v.allowed || w.allowed;
}

static void check_flow(const struct kit *a, const struct kit *b, const struct fl_policy_diff *d,
		       const struct flow *f)
{
	bool was = passes(a->p, f), is = passes(b->p, f);
	bool gained = list_has(&d->gained, f), lost = list_has(&d->lost, f);

	/* Entries for all may say too much of own devices, never too little. */
	bool wrong = f->own ? (is && !was && !gained) || (was && !is && !lost)
			    : gained != (is && !was) || lost != (was && !is);
	if (wrong)
		fail_msg("%s > %s %u:%u was %d is %d, gained %d lost %d\n%.*s\n%.*s", f->src->name,
			 f->dst->name, f->proto, f->port, was, is, gained, lost,
			 a->doc != NULL ? (int)a->doc->source.len : 0,
			 a->doc != NULL ? (const char *)a->doc->source.ptr : "",
			 b->doc != NULL ? (int)b->doc->source.len : 0,
			 b->doc != NULL ? (const char *)b->doc->source.ptr : "");
}

static void check_flows(const struct kit *a, const struct kit *b, const struct fl_policy_diff *d)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
	} flows[] = { { 6, 22 },  { 6, 443 }, { 6, 81 }, { 17, 53 },
		      { 17, 22 }, { 132, 9 }, { 47, 0 } };
	const struct kit_world *w = &a->world;

	for (size_t i = 0; i < w->world.nodes_len; i++) {
		for (size_t k = 0; k < w->world.nodes_len; k++) {
			const struct fl_policy_node *s = &w->nodes[i], *t = &w->nodes[k];
			bool own = s->tags_len + t->tags_len == 0 && s->user == t->user &&
				   s->user != 0;
			for (size_t n = 0; n < COUNT(flows) && i != k; n++) {
				const struct flow f = { s, t, flows[n].proto, flows[n].port, own };
				check_flow(a, b, d, &f);
			}
		}
	}
}

static unsigned told(const struct fl_policy_diff *d, uint64_t node)
{
	for (size_t i = 0; i < d->told_len; i++) {
		for (size_t k = 0; k < d->told[i].nodes_shown; k++) {
			if (d->told[i].nodes[k] == node)
				return d->told[i].parts;
		}
	}
	return 0;
}

static void random_pairs(void **state)
{
	const unsigned how = *(const unsigned *)*state;
	struct fl_rng rng;

	fl_rng_init(&rng, 4711 + how);
	for (size_t round = 0; round < 150; round++) {
		char *world = rand_world(&rng);
		char *was = rand_policy(&rng, how), *is = rand_policy(&rng, how);
		struct fl_policy_diff d;
		struct kit a, b;
		kit_init(&a, world, round == 0 ? NULL : round == 1 ? "{}" : was);
		kit_init(&b, world, round == 2 ? NULL : is);
		assert_err(fl_policy_diff(a.p, b.p, &d), FL_OK);
		assert_false(d.cut);
		check_flows(&a, &b, &d);
		for (size_t i = 0; i < a.world.world.nodes_len; i++)
			assert_int_equal(told(&d, a.world.nodes[i].id),
					 fl_policy_differs(a.p, b.p, a.world.nodes[i].id));
		fl_policy_diff_done(&d);
		kit_done(&a);
		kit_done(&b);
		free(world);
		free(was);
		free(is);
	}
}

int main(void)
{
	static const unsigned plain = RAND_PLAIN, all = RAND_VIA | RAND_SELF;
	static struct suite s;

	suite_add_rows(&s, (void *)(uintptr_t)rows, COUNT(rows), sizeof *rows, diff_row);
	suite_add(&s, "random policies", random_pairs, (void *)(uintptr_t)&plain);
	suite_add(&s, "random policies, via and self", random_pairs, (void *)(uintptr_t)&all);
	return suite_run(&s, "policy diff");
}
