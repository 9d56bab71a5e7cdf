/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_hostile.c - texts made to hurt: deep, long, many, and those that mean
 * more than they say. Each is refused with a reason, or read and applied, within an amount of
 * memory and a number of allocations; the allocator counts both.
 *
 * In texts ` stands for a double quote.
 */
#include "../base/alloc_fail.h"
#include "policy_kit.h"

#include <malloc.h>
#include <stdio.h>

enum {
	TEXT_MAX = 5 << 20,
	MANY = 100000,
	MEMORY_MAX = 128 << 20,
	CALLS_MAX = 1 << 22, /* a sanitizer's arena allocates every piece */
};

/* ---- what is spent ---- */

static struct {
	size_t calls, before, most; /* bytes: in use before, and at most beyond that */
} spent;

/* A sanitizer's allocator says nothing: there the calls alone are bounded. */
static size_t in_use(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void note(void)
{
	size_t now = in_use();

	if (now > spent.before && now - spent.before > spent.most)
		spent.most = now - spent.before;
}

bool alloc_fails(void)
{
	if (spent.calls++ % 1024 == 0)
		note();
	return false;
}

/* ---- texts ---- */

static void put(struct fl_buf *b, const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		fl_buf_byte(b, (uint8_t)(*c == '`' ? '"' : *c));
}

static void repeat(struct fl_buf *b, const char *text, int times)
{
	for (int i = 0; i < times; i++)
		put(b, text);
}

/* The text once a number, which stands for each # in it. */
static void number(struct fl_buf *b, const char *text, int from, int to)
{
	for (int i = from; i < to; i++)
		for (const char *c = text; *c != '\0'; c++) {
			if (*c == '#')
				fl_buf_printf(b, "%d", i);
			else
				fl_buf_byte(b, (uint8_t)(*c == '`' ? '"' : *c));
		}
}

static void deep_arrays(struct fl_buf *b)
{
	repeat(b, "[", 1 << 20);
}

static void deep_objects(struct fl_buf *b)
{
	repeat(b, "{`a`:", 1 << 18);
}

static void deep_app(struct fl_buf *b)
{
	put(b, "{`grants`:[{`src`:[`*`],`dst`:[`*`],`app`:{`a/b`:");
	repeat(b, "[", 1 << 20);
}

static void too_long(struct fl_buf *b)
{
	repeat(b, "/* 12345 */ ", 400000);
}

static void too_many(struct fl_buf *b)
{
	put(b, "{`acls`:[");
	repeat(b, "{},", (1 << 20) + 1);
	put(b, "]}");
}

static void open_string(struct fl_buf *b)
{
	put(b, "{`");
	repeat(b, "a", 1 << 20);
}

static void long_alias(struct fl_buf *b)
{
	put(b, "{`acls`:[{`src`:[`");
	repeat(b, "a", 1 << 20);
	put(b, "`]}]}");
}

static void long_tag(struct fl_buf *b)
{
	put(b, "{`tagOwners`:{`tag:");
	repeat(b, "a", 1 << 20);
	put(b, "`:[");
	number(b, "`tag:b#`,", 0, MANY);
	put(b, "]}}");
}

static void long_group(struct fl_buf *b)
{
	put(b, "{`groups`:{`group:");
	repeat(b, "a", 1 << 20);
	put(b, "`:[");
	number(b, "`u#@x`,", 0, MANY);
	put(b, "]}}");
}

static void groups(struct fl_buf *b)
{
	put(b, "{`groups`:{");
	number(b, "`group:#`:[`u#@x`],", 0, MANY);
	put(b, "},`acls`:[]}");
}

static void group_ring(struct fl_buf *b)
{
	put(b, "{`groups`:{");
	number(b, "`group:#`:[`group:1#`],", 0, MANY);
	put(b, "}}");
}

static void tag_ring(struct fl_buf *b)
{
	put(b, "{`tagOwners`:{");
	for (int i = 0; i < 1000; i++) {
		number(b, "`tag:a#`:[", i, i + 1);
		number(b, "`tag:a#`,`u#@x`],", (i + 1) % 1000, (i + 1) % 1000 + 1);
	}
	put(b, "},`acls`:[]}");
}

/* Every tag owns every tag. */
static void tag_web(struct fl_buf *b)
{
	put(b, "{`tagOwners`:{");
	for (int i = 0; i < 600; i++) {
		number(b, "`tag:a#`:[", i, i + 1);
		number(b, "`tag:a#`,", 0, 600);
		put(b, "],");
	}
	put(b, "}}");
}

static void hosts(struct fl_buf *b)
{
	put(b, "{`hosts`:{");
	number(b, "`h#`:`10.0.0.1`,", 0, MANY);
	put(b, "},`acls`:[{`src`:[`h0`],`dst`:[`h1:1`]}]}");
}

static void unknown_hosts(struct fl_buf *b)
{
	put(b, "{`acls`:[{`src`:[");
	number(b, "`h#`,", 0, MANY);
	put(b, "]}]}");
}

static void acls(struct fl_buf *b)
{
	put(b, "{`acls`:[");
	number(b, "{`src`:[`*`],`dst`:[`*:#`]},", 1, 65536);
	number(b, "{`src`:[`*`],`dst`:[`*:#`]},", 1, MANY - 65535);
	put(b, "]}");
}

static void internet(struct fl_buf *b)
{
	put(b, "{`acls`:[");
	number(b, "{`src`:[`autogroup:member`],`dst`:[`autogroup:internet:#`]},", 1, 50001);
	put(b, "]}");
}

static void selves(struct fl_buf *b)
{
	put(b, "{`acls`:[");
	number(b, "{`src`:[`autogroup:member`],`dst`:[`autogroup:self:#`]},", 1, 50001);
	put(b, "]}");
}

/* Ten thousand groups, ten thousand rules, each with two groups and all members. */
static void groups_and_rules(struct fl_buf *b)
{
	put(b, "{`groups`:{");
	number(b, "`group:#`:[`u@x`,`v#@x`],", 0, 10000);
	put(b, "},`acls`:[");
	number(b, "{`src`:[`group:#`,`autogroup:member`],`dst`:[`autogroup:tagged:*`,`u@x:#`]},", 1,
	       10000);
	put(b, "]}");
}

/* A set that nobody can write shorter, beside another host in every rule. */
static void sets_and_rules(struct fl_buf *b, int size)
{
	put(b, "{`ipsets`:{`ipset:a`:[");
	for (int i = 0; i < size; i++) {
		char text[32];
		snprintf(text, sizeof text, "`10.%d.%d.%d`,", i >> 15, i >> 7 & 255, i << 1 & 255);
		put(b, text);
	}
	put(b, "]},`acls`:[");
	for (int i = 0; i < size; i++) {
		char text[80];
		snprintf(text, sizeof text, "{`src`:[`ipset:a`,`11.0.%d.%d`],`dst`:[`*:*`]},",
			 i >> 8 & 255, i & 255);
		put(b, text);
	}
	put(b, "]}");
}

static void sets_and_many_rules(struct fl_buf *b)
{
	sets_and_rules(b, 10000);
}

static void sets_and_few_rules(struct fl_buf *b)
{
	sets_and_rules(b, 1000);
}

/* ---- rows ---- */

#define LEVELS "more than 64 levels"

static struct row {
	const char *name;
	void (*text)(struct fl_buf *b);
	const char *refused; /* a part of the reason; NULL: it is read and applied */
} rows[] = {
	{ "arrays, a million deep", deep_arrays, LEVELS },
	{ "objects, a quarter of a million deep", deep_objects, LEVELS },
	{ "an argument, a million deep", deep_app, LEVELS },
	{ "a text of 4.8 MB", too_long, "4194304" },
	{ "more than a million values", too_many, "values" },
	{ "a string without an end", open_string, "unexpected EOF" },
	{ "an alias of 1 MiB", long_alias, "host not defined in policy" },
	{ "a tag of 1 MiB with undefined owners", long_tag, "references undefined tag" },
	{ "a group of 1 MiB", long_group, NULL },
	{ "groups", groups, NULL },
	{ "groups in a ring", group_ring, "group members cannot be recursive" },
	{ "tags in a ring", tag_ring, NULL },
	{ "tags that all own each other", tag_web, "too many owners by way of other tags" },
	{ "hosts", hosts, NULL },
	{ "unknown hosts", unknown_hosts, "host not defined in policy" },
	{ "acls", acls, NULL },
	{ "the internet, over and over", internet, NULL },
	{ "everybody's own, over and over", selves, NULL },
	{ "groups and rules", groups_and_rules, NULL },
	{ "sets and few rules", sets_and_few_rules, NULL },
	{ "sets and many rules", sets_and_many_rules, "too many addresses by way of IP sets" },
};

static const char world[] = "user u u@x\nuser v v1@x\nnode phone user=u\nnode pc user=v\n"
			    "node web tags=tag:a\nnode exit tags=tag:a routes=0.0.0.0/0,::/0\n";

static void expect_refused(const struct fl_policy_report *report, const char *part)
{
	size_t total = 0;
	bool told = false;

	for (size_t i = 0; i < report->len; i++) {
		total += strlen(report->at[i].text);
		told = told || strstr(report->at[i].text, part) != NULL;
	}
	if (!told)
		fail_msg("%zu problems, the first is \"%.300s\"", report->len,
			 report->len > 0 ? report->at[0].text : "");
	assert_true(total <= 6 * TEXT_MAX);
}

static void apply(const struct fl_policy_doc *doc)
{
	struct kit_world w;
	struct fl_policy *p = NULL;
	struct fl_buf b = fl_buf_make(256 << 20);

	kit_world_init(&w, world);
	assert_err(fl_policy_new(doc, &w.world, &p), FL_OK);
	for (uint64_t node = 1; node <= w.world.nodes_len; node++) {
		fl_buf_reset(&b);
		fl_policy_filter(p, node, &b);
		assert_err(fl_buf_err(&b), FL_OK);
		note();
	}
	fl_buf_done(&b);
	fl_policy_unref(p);
	kit_world_done(&w);
}

static void hostile_row(void **state)
{
	const struct row *r = *state;
	struct fl_buf text = fl_buf_make(2 * TEXT_MAX);
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	r->text(&text);
	assert_err(fl_buf_err(&text), FL_OK);
	spent.calls = spent.most = 0;
	spent.before = in_use();
	enum fl_err err = fl_policy_doc_read(fl_buf_slice(&text), &(struct fl_policy_read){ 0 },
					     &report, &doc);
	note();
	if (r->refused != NULL) {
		assert_err(err, FL_ERR_INVALID);
		expect_refused(&report, r->refused);
	} else if (err != FL_OK) {
		fail_msg("refused: %.300s", report.len > 0 ? report.at[0].text : "");
	} else {
		apply(doc);
	}
	assert_in_range(spent.most, 0, MEMORY_MAX);
	assert_in_range(spent.calls, 1, CALLS_MAX);
	fl_policy_report_done(&report);
	fl_policy_doc_free(doc);
	fl_buf_done(&text);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, hostile_row);
	return suite_run(&s, "domain/policy_hostile");
}
