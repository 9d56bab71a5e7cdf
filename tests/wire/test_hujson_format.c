/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/wire/test_hujson_format.c - the one layout: rows, and random documents that must say the
 * same before and behind it, keep every comment and come out unchanged the second time.
 */
#include "../base/table.h"

#include "base/rng.h"
#include "wire/hujson.h"

static struct fl_hujson *parse(struct fl_slice text)
{
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at;

	enum fl_err err = fl_hujson_parse(text, &fault, &at, &doc);
	if (err != FL_OK)
		fail_msg("%.*s: %s", (int)text.len, (const char *)text.ptr, fault.text);
	return doc;
}

static struct fl_buf formatted(struct fl_slice text)
{
	struct fl_buf out = fl_buf_make(1 << 20);
	struct fl_hujson *doc = parse(text);

	fl_hujson_format(doc, &out);
	assert_err(fl_buf_err(&out), FL_OK);
	fl_hujson_free(doc);
	return out;
}

static struct fl_buf standard(struct fl_slice text)
{
	struct fl_buf out = fl_buf_make(1 << 20);
	struct fl_hujson *doc = parse(text);

	fl_hujson_standard(fl_hujson_root(doc), &out);
	assert_err(fl_buf_err(&out), FL_OK);
	fl_hujson_free(doc);
	return out;
}

/* ---- rows ---- */

#define TEN      "1234567890"
#define NINETY   TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define TEN_WIDE "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"

static struct row {
	const char *name;
	const char *in, *want;
} rows[] = {
	{ "scalar", " 1 ", "1\n" },
	{ "empty array", "[ \n ]", "[]\n" },
	{ "empty object", "{ \n }", "{}\n" },
	{ "short list", "[1,\n2,\"a\" , null,]", "[1, 2, \"a\", null]\n" },
	{ "object", "{\"a\":1,\"b\":{}}", "{\n\t\"a\": 1,\n\t\"b\": {},\n}\n" },
	{ "nested", "{\"a\":{\"b\":[1,[2]],\"c\":[{}]}}",
	  "{\n\t\"a\": {\n\t\t\"b\": [\n\t\t\t1,\n\t\t\t[2],\n\t\t],\n\t\t\"c\": [\n\t\t\t{},\n"
	  "\t\t],\n\t},\n}\n" },
	{ "policy", "{\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:*\"]}]}",
	  "{\n\t\"acls\": [\n\t\t{\n\t\t\t\"action\": \"accept\",\n\t\t\t\"src\": [\"*\"],\n"
	  "\t\t\t\"dst\": [\"*:*\"],\n\t\t},\n\t],\n}\n" },

	/* width: brackets, and the comma that may follow */
	{ "list that just fits", "[\"" NINETY "\",\"a\"]", "[\"" NINETY "\", \"a\"]\n" },
	{ "one more does not", "[\"" NINETY "\",\"ab\"]", "[\n\t\"" NINETY "\",\n\t\"ab\",\n]\n" },
	{ "a tab is eight", "[[\"" TEN TEN TEN TEN TEN TEN TEN TEN "123456\",1]]",
	  "[\n\t[\n\t\t\"" TEN TEN TEN TEN TEN TEN TEN TEN "123456\",\n\t\t1,\n\t],\n]\n" },
	{ "a tab is eight, fits", "[[\"" TEN TEN TEN TEN TEN TEN TEN TEN "1234\",1]]",
	  "[\n\t[\"" TEN TEN TEN TEN TEN TEN TEN TEN "1234\", 1],\n]\n" },
	{ "the name counts", "{\"" TEN "\":[\"" TEN TEN TEN TEN TEN TEN TEN "1\",1]}",
	  "{\n\t\"" TEN "\": [\n\t\t\"" TEN TEN TEN TEN TEN TEN TEN "1\",\n\t\t1,\n\t],\n}\n" },
	{ "the name counts, fits", "{\"" TEN "\":[\"" TEN TEN TEN TEN TEN TEN TEN "\",1]}",
	  "{\n\t\"" TEN "\": [\"" TEN TEN TEN TEN TEN TEN TEN "\", 1],\n}\n" },
	{ "characters, not bytes, count", "[\"" TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE "\"]",
	  "[\"" TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE "\"]\n" },
	{ "empty is never broken", "{\"" NINETY TEN "\":[ ]}",
	  "{\n\t\"" NINETY TEN "\": [],\n}\n" },

	/* empty lines */
	{ "one empty line is kept, no more", "{\"a\":1,\n\n\n\"b\":2}",
	  "{\n\t\"a\": 1,\n\n\t\"b\": 2,\n}\n" },
	{ "none at start and end", "\n\n{\n\n\"a\":1,\n\n}\n\n", "{\n\t\"a\": 1,\n}\n" },
	{ "before a comment", "[1, // x\n\n// y\n2]", "[\n\t1, // x\n\n\t// y\n\t2,\n]\n" },
	{ "behind a comment", "// x\n\n{}", "// x\n\n{}\n" },
	{ "lines around a comma", "[1\n\n,2,{}]", "[\n\t1,\n\n\t2,\n\t{},\n]\n" },
	{ "carriage returns go", "// x\r\n[1, // y \r\n2]\r\n", "// x\n[\n\t1, // y\n\t2,\n]\n" },

	/* comments on the line of what they follow */
	{ "behind a comma", "{\"a\":1, // x\n\"b\":2 , /* y */ // z\n}",
	  "{\n\t\"a\": 1, // x\n\t\"b\": 2, /* y */ // z\n}\n" },
	{ "behind a value, before the comma", "{\"a\":1 // x\n,\"b\":2 /* y */,}",
	  "{\n\t\"a\": 1, // x\n\t\"b\": 2 /* y */,\n}\n" },
	{ "behind the last value", "[1, 2 // x\n]", "[\n\t1,\n\t2, // x\n]\n" },
	{ "behind an opening", "{ // x\n\"a\":[ /* y */\n1]}",
	  "{ // x\n\t\"a\": [ /* y */\n\t\t1,\n\t],\n}\n" },
	{ "behind an end", "{\"a\":[] // x\n,\"b\":{\"c\":1}, // y\n} // z\n",
	  "{\n\t\"a\": [], // x\n\t\"b\": {\n\t\t\"c\": 1,\n\t}, // y\n} // z\n" },

	/* comments before a value on its line */
	{ "before a member", "{/* x */\"a\":1,/* y */\"b\":2}",
	  "{\n\t/* x */ \"a\": 1,\n\t/* y */ \"b\": 2,\n}\n" },
	{ "before an element", "[1, /* x */ 2]", "[\n\t1,\n\t/* x */ 2,\n]\n" },
	{ "before all", "/* x */ /* y */ 1", "/* x */ /* y */ 1\n" },
	{ "between name and value", "{\"a\"/*x*/:/*y*/1}", "{\n\t\"a\": /*x*/ /*y*/ 1,\n}\n" },
	{ "line comment behind a colon", "{\"a\"// x\n: // y\n[1]}",
	  "{\n\t\"a\": // x\n\t\t// y\n\t\t[1],\n}\n" },

	/* comments with lines of their own */
	{ "own lines", "// 0\n{\n// 1\n/* 2 */\n\"a\":1,\n  // 3\n\"b\":2\n// 4\n}\n// 5\n",
	  "// 0\n{\n\t// 1\n\t/* 2 */\n\t\"a\": 1,\n\t// 3\n\t\"b\": 2,\n\t// 4\n}\n// 5\n" },
	{ "before the comma", "[1\n// x\n,2]", "[\n\t1,\n\t// x\n\t2,\n]\n" },
	{ "before the comma, in its line", "[1\n/* x */,2]", "[\n\t1,\n\t/* x */ 2,\n]\n" },
	{ "alone in a container", "{\n\n// x\n\n}", "{\n\t// x\n}\n" },
	{ "alone on the line of the opening", "[ /* x */ ]", "[ /* x */\n]\n" },
	{ "several lines in one", "[\n/* x\n   y */\n1]", "[\n\t/* x\n   y */\n\t1,\n]\n" },
	{ "commented-out member", "{\"a\":1,\n//\"b\":2,\n}", "{\n\t\"a\": 1,\n\t//\"b\":2,\n}\n" },
};

static void format_row(void **state)
{
	const struct row *row = *state;
	struct fl_buf once = formatted(fl_slice_str(row->in));
	struct fl_buf twice = formatted(fl_buf_slice(&once));

	assert_text(fl_buf_slice(&once), row->want);
	assert_text(fl_buf_slice(&twice), row->want);
	fl_buf_done(&once);
	fl_buf_done(&twice);
}

static void appends_behind_what_is_there(void **state)
{
	(void)state;
	struct fl_hujson *doc = parse(fl_slice_str("/* x */ [[1]]"));
	struct fl_buf out = fl_buf_make(1 << 10);

	fl_buf_str(&out, NINETY TEN); /* another's line, not ours */
	fl_hujson_format(doc, &out);
	assert_text(fl_buf_slice(&out), NINETY TEN "/* x */ [\n\t[1],\n]\n");
	fl_hujson_free(doc);
	fl_buf_done(&out);
}

static void full_buffers_stay_in_bounds(void **state)
{
	(void)state;
	struct fl_slice in = fl_slice_str("{\"a\":[1,{\"b\":[2,3] /*x*/}] // y\n, \"c\": {}}");
	struct fl_buf whole = formatted(in);
	struct fl_hujson *doc = parse(in);

	for (size_t max = 0; max < whole.len; max++) {
		struct fl_buf out = fl_buf_make(max);
		fl_hujson_format(doc, &out);
		assert_err(fl_buf_err(&out), FL_ERR_TOO_BIG);
		fl_buf_done(&out);
	}
	fl_hujson_free(doc);
	fl_buf_done(&whole);
}

static void one_member_as_standard(void **state)
{
	(void)state;
	struct fl_hujson *doc = parse(fl_slice_str("{\"a\" : [1, /*x*/ {\"b\" : 2,},] , \"c\":3}"));
	struct fl_hujv a = fl_hujson_first(fl_hujson_root(doc));
	struct fl_buf out = fl_buf_make(1 << 10);

	fl_hujson_standard(a, &out);
	fl_buf_byte(&out, ' ');
	fl_hujson_standard(fl_hujson_name(a), &out);
	assert_text(fl_buf_slice(&out), "[1,{\"b\":2}] \"a\"");
	fl_hujson_free(doc);
	fl_buf_done(&out);
}

/* ---- random documents ---- */

struct maker {
	struct fl_rng rng;
	struct fl_buf text, standard, comments; /* comments: each, in order */
	size_t left;                            /* values */
	size_t noise;                           /* one in so many gaps has something */
};

static bool chance(struct maker *m, size_t in)
{
	return fl_rng_below(&m->rng, in) == 0;
}

/* White space and comments, or nothing. */
static void put_noise(struct maker *m)
{
	static const char *const space[] = { " ", "\t", "\n", "\r\n", "\n\n", "  \n \n\n" };
	static const char *const comments[] = { "/**/", "/* x */", "/* a\n\tb */", "//",
						"// y", "//{",     "/*]*/",        "/*/ \"*/" };

	if (!chance(m, m->noise))
		return;
	for (size_t n = fl_rng_below(&m->rng, 4); n > 0; n--) {
		fl_buf_str(&m->text, space[fl_rng_below(&m->rng, COUNT(space))]);
		if (chance(m, 2))
			continue;
		const char *c = comments[fl_rng_below(&m->rng, COUNT(comments))];
		fl_buf_str(&m->text, c);
		fl_buf_str(&m->comments, c);
		if (c[1] == '/')
			fl_buf_str(&m->text, chance(m, 4) ? " \r\n" : "\n");
	}
}

static void put_both(struct maker *m, const char *s)
{
	fl_buf_str(&m->text, s);
	fl_buf_str(&m->standard, s);
}

static void put_scalar(struct maker *m)
{
	static const char *const words[] = {
		"null",
		"true",
		"false",
		"0",
		"-1.50e+3",
		"\"\"",
		"\"a b\"",
		"\"\\\"\\u00e9\"",
		"\"// no\"",
		"\"tag:some-longer-name-that-fills-the-line\"",
		"\"\xe2\x82\xac\"",
		"\"/*\"",
	};
	put_both(m, words[fl_rng_below(&m->rng, COUNT(words))]);
}

static void put_value(struct maker *m, size_t depth);

static void put_container(struct maker *m, size_t depth, bool object)
{
	size_t n = fl_rng_below(&m->rng, 6);

	put_both(m, object ? "{" : "[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			put_both(m, ",");
		put_noise(m);
		if (object) {
			put_both(m, "\"name\"");
			put_noise(m);
			put_both(m, ":");
			put_noise(m);
		}
		put_value(m, depth);
		put_noise(m);
	}
	if (n > 0 && chance(m, 2))
		fl_buf_byte(&m->text, ',');
	put_noise(m);
	put_both(m, object ? "}" : "]");
}

static void put_value(struct maker *m, size_t depth)
{
	if (depth == 0 || m->left == 0 || chance(m, 3)) {
		put_scalar(m);
		return;
	}
	m->left--;
	put_container(m, depth - 1, chance(m, 2));
}

/* The comments of a text in this layout; strings hold what looks like some. */
static struct fl_buf comments_of(struct fl_slice s)
{
	struct fl_buf out = fl_buf_make(1 << 20);

	for (size_t i = 0; i < s.len; i++) {
		size_t from = i;
		if (s.ptr[i] == '"') {
			for (i++; s.ptr[i] != '"'; i++)
				i += s.ptr[i] == '\\';
		} else if (s.ptr[i] == '/' && s.ptr[i + 1] == '/') {
			while (s.ptr[i] != '\n')
				i++;
			fl_buf_put(&out, s.ptr + from, i - from);
		} else if (s.ptr[i] == '/') {
			for (i += 2; s.ptr[i] != '*' || s.ptr[i + 1] != '/';)
				i++;
			i++;
			fl_buf_put(&out, s.ptr + from, i + 1 - from);
		}
	}
	return out;
}

static void check_random(uint64_t seed)
{
	struct maker m = { .text = fl_buf_make(1 << 20),
			   .standard = fl_buf_make(1 << 20),
			   .comments = fl_buf_make(1 << 20),
			   .left = 30 };

	fl_rng_init(&m.rng, seed);
	m.noise = 1 + fl_rng_below(&m.rng, 8);
	put_noise(&m);
	put_value(&m, 5);
	put_noise(&m);

	struct fl_slice text = fl_buf_slice(&m.text);
	struct fl_buf plain = standard(text), once = formatted(text);
	struct fl_buf twice = formatted(fl_buf_slice(&once)), after = standard(fl_buf_slice(&once));
	struct fl_buf kept = comments_of(fl_buf_slice(&once));
	assert_bytes(fl_buf_slice(&plain), fl_buf_slice(&m.standard));
	assert_bytes(fl_buf_slice(&twice), fl_buf_slice(&once));
	assert_bytes(fl_buf_slice(&after), fl_buf_slice(&plain));
	assert_bytes(fl_buf_slice(&kept), fl_buf_slice(&m.comments));
	struct fl_buf *all[] = { &m.text, &m.standard, &m.comments, &plain,
				 &once,   &twice,      &after,      &kept };
	for (size_t i = 0; i < COUNT(all); i++)
		fl_buf_done(all[i]);
}

static void random_documents(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20000; seed++)
		check_random(seed);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, format_row);
	suite_add(&s, "appends behind what is there", appends_behind_what_is_there, NULL);
	suite_add(&s, "full buffers stay in bounds", full_buffers_stay_in_bounds, NULL);
	suite_add(&s, "one member as standard", one_member_as_standard, NULL);
	suite_add(&s, "random documents", random_documents, NULL);
	return suite_run(&s, "wire/hujson_format");
}
