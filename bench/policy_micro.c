/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/policy_micro.c - what the policy engine costs: a compile, a step, everybody's answers.
 *
 *	policy_micro [nodes] [rules] [self] [via]
 *
 * A tenth as many users as nodes, half of the nodes tagged with one of 200 tags, one in a hundred
 * serves a subnet. Rules are ACLs between tags, groups, users and subnets; one in fifty has a
 * wildcard as source, one in fifty everybody. `self` and `via` are rules of these kinds on top.
 * Times are those of the processor, for one thread.
 */
#include "base/rng.h"
#include "domain/policy/policy.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TAGS = 200, GROUPS = 100, STEPS = 20, TEXT_ROOM = 64 << 20 };

static struct fl_rng rng;
static struct fl_policy_user *users;
static struct fl_policy_node *nodes;
static size_t users_len, nodes_len;
static char tag_text[TAGS][16];

static void die(const char *what)
{
	fprintf(stderr, "policy_micro: %s\n", what);
	exit(1);
}

static void *room(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);
	if (p == NULL)
		die("out of memory");
	return p;
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t below(size_t n)
{
	return (size_t)fl_rng_below(&rng, n);
}

static char *text_of(const char *fmt, size_t n)
{
	char *text = room(40, 1);
	snprintf(text, 40, fmt[0] == 'e' ? "u%zu@example.com" : "u%zu", n);
	return text;
}

static void set_tag(struct fl_policy_node *n, size_t tag)
{
	const char **own = room(1, sizeof(char *));

	own[0] = tag_text[tag];
	n->tags = own;
	n->tags_len = 1;
}

static void make_world(void)
{
	for (size_t i = 0; i < TAGS; i++)
		snprintf(tag_text[i], sizeof tag_text[i], "tag:t%zu", i);
	users = room(users_len, sizeof *users);
	for (size_t i = 0; i < users_len; i++)
		users[i] = (struct fl_policy_user){ .id = i + 1,
						    .name = text_of("n", i),
						    .email = text_of("e", i),
						    .provider_id = "" };
	nodes = room(nodes_len, sizeof *nodes);
	for (size_t i = 0; i < nodes_len; i++) {
		struct fl_policy_node *n = &nodes[i];
		*n = (struct fl_policy_node){ .id = i + 1, .name = "node", .online = true };
		n->user = 1 + below(users_len);
		n->ip4 = fl_ip_v4(100, (uint8_t)(64 + i / 60000), (uint8_t)(i >> 8), (uint8_t)i);
		n->ip6 = (struct fl_ip){ .family = FL_IP_V6,
					 .b = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } };
		n->ip6.b[13] = (uint8_t)(i >> 16);
		n->ip6.b[14] = (uint8_t)(i >> 8);
		n->ip6.b[15] = (uint8_t)i;
		if (i % 2 == 0)
			set_tag(n, below(TAGS));
		if (i % 100 == 0) {
			struct fl_prefix *net = room(1, sizeof *net);
			*net = (struct fl_prefix){ fl_ip_v4(10, (uint8_t)(i / 100), 0, 0), 16 };
			n->served = n->primary = net;
			n->served_len = n->primary_len = 1;
		}
	}
}

static void put_alias(struct fl_buf *b, bool source)
{
	switch (below(source ? 8 : 4)) {
	case 0:
		fl_buf_printf(b, "group:g%zu", below(GROUPS));
		break;
	case 1:
		if (source)
			fl_buf_printf(b, "u%zu@", below(users_len));
		else
			fl_buf_printf(b, "10.%zu.0.0/16", below(100));
		break;
	default:
		fl_buf_printf(b, "tag:t%zu", below(TAGS));
	}
}

static void put_rule(struct fl_buf *b, size_t i)
{
	fl_buf_str(b, "{\"action\":\"accept\",\"src\":[\"");
	if (i % 50 == 0)
		fl_buf_str(b, "*");
	else if (i % 50 == 25)
		fl_buf_str(b, "autogroup:member");
	else
		put_alias(b, true);
	if (i % 2 == 0) {
		fl_buf_str(b, "\",\"");
		put_alias(b, true);
	}
	fl_buf_str(b, "\"],\"dst\":[\"");
	put_alias(b, false);
	fl_buf_printf(b, ":%zu\"]},", 1 + below(1000));
}

static char *make_policy(size_t rules, size_t self, size_t via)
{
	struct fl_buf b = fl_buf_make(TEXT_ROOM);

	fl_buf_str(&b, "{\"groups\":{");
	for (size_t i = 0; i < GROUPS; i++) {
		fl_buf_printf(&b, "\"group:g%zu\":[", i);
		for (size_t k = 0; k < 10; k++)
			fl_buf_printf(&b, "\"u%zu@\",", below(users_len));
		fl_buf_str(&b, "],");
	}
	fl_buf_str(&b, "},\"tagOwners\":{");
	for (size_t i = 0; i < TAGS; i++)
		fl_buf_printf(&b, "\"tag:t%zu\":[],", i);
	fl_buf_str(&b, "},\"grants\":[");
	for (size_t i = 0; i < self; i++)
		fl_buf_printf(&b,
			      "{\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:self\"],"
			      "\"ip\":[\"%zu\"]},",
			      i + 1);
	for (size_t i = 0; i < via; i++)
		fl_buf_printf(&b,
			      "{\"src\":[\"tag:t%zu\"],\"dst\":[\"10.0.0.0/8\"],\"ip\":[\"*\"],"
			      "\"via\":[\"tag:t%zu\"]},",
			      below(TAGS), below(TAGS));
	fl_buf_str(&b, "],\"acls\":[");
	for (size_t i = 0; i < rules; i++)
		put_rule(&b, i);
	fl_buf_str(&b, "]}");
	fl_buf_byte(&b, '\0');
	return (char *)b.ptr;
}

static struct fl_policy_doc *read_policy(const char *text)
{
	const struct fl_policy_read how = { 0 };
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	if (fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc) != FL_OK)
		die(report.len > 0 ? report.at[0].text : "the policy is refused");
	return doc;
}

static struct fl_policy *compile(const struct fl_policy_doc *doc)
{
	const struct fl_policy_world world = { users, users_len, nodes, nodes_len };
	struct fl_policy *p = NULL;

	if (fl_policy_new(doc, &world, &p) != FL_OK)
		die("no snapshot");
	return p;
}

static void everybody(const struct fl_policy *p, const char *when)
{
	struct fl_buf b = fl_buf_make(TEXT_ROOM);
	uint64_t *ids = room(nodes_len, sizeof *ids);
	size_t bytes = 0, peers = 0;
	double from = seconds();

	for (size_t i = 0; i < nodes_len; i++) {
		fl_buf_reset(&b);
		fl_policy_filter(p, nodes[i].id, &b);
		bytes += b.len;
	}
	printf("%-28s %9.2f ms  %.1f kB a node\n", when, (seconds() - from) * 1e3,
	       (double)bytes / (double)nodes_len / 1e3);
	from = seconds();
	for (size_t i = 0; i < nodes_len; i++)
		peers += fl_policy_peers(p, nodes[i].id, ids, nodes_len);
	printf("%-28s %9.2f ms  %.1f a node\n", "  peers of all nodes", (seconds() - from) * 1e3,
	       (double)peers / (double)nodes_len);
	fl_buf_done(&b);
	free(ids);
}

static struct fl_policy *walk(struct fl_policy *p)
{
	double worst = 0, sum = 0;

	for (size_t i = 0; i < STEPS; i++) {
		struct fl_policy_node *n = &nodes[2 * below(nodes_len / 2)];
		struct fl_policy *next = NULL;
		set_tag(n, below(TAGS));
		double from = seconds();
		if (fl_policy_step(p, n, 1, NULL, 0, &next) != FL_OK)
			die("no step");
		double took = seconds() - from;
		sum += took;
		worst = took > worst ? took : worst;
		if (i == STEPS - 1) {
			size_t told = 0;
			from = seconds();
			for (size_t k = 0; k < nodes_len; k++)
				told += (fl_policy_differs(p, next, nodes[k].id) &
					 FL_POLICY_FILTER) != 0;
			printf("%-28s %9.2f ms  %zu filters differ\n", "differs for all nodes",
			       (seconds() - from) * 1e3, told);
		}
		fl_policy_unref(p);
		p = next;
	}
	printf("%-28s %9.2f ms  worst %.2f\n", "step, one node retagged", sum / STEPS * 1e3,
	       worst * 1e3);
	return p;
}

int main(int argc, char **argv)
{
	size_t rules = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;

	fl_rng_init(&rng, 7);
	nodes_len = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	users_len = nodes_len / 10 + 1;
	make_world();
	struct fl_policy_doc *doc =
		read_policy(make_policy(rules, argc > 3 ? strtoul(argv[3], NULL, 10) : 0,
					argc > 4 ? strtoul(argv[4], NULL, 10) : 0));
	size_t before = mallinfo2().uordblks;
	double from = seconds();
	struct fl_policy *p = compile(doc);
	printf("%-28s %9.2f ms  %.1f MB\n", "compile", (seconds() - from) * 1e3,
	       (double)(mallinfo2().uordblks - before) / 1e6);
	everybody(p, "filters of all nodes");
	p = walk(p);
	everybody(p, "filters of all, after steps");
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
	return 0;
}
