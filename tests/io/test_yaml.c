/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_yaml.c - trees, positions, what is refused, and every limit. */
#include "../base/table.h"

#include <stdio.h>

#include "base/buf.h"
#include "io/yaml.h"

/* The tree in one line: maps {k=v}, lists [v], quoted scalars 'v'. */
static void show(const struct fl_yaml *y, struct fl_buf *out)
{
	if (y->kind == FL_YAML_SCALAR) {
		fl_buf_printf(out, y->quoted ? "'%s'" : "%s", y->text);
		return;
	}
	fl_buf_byte(out, y->kind == FL_YAML_MAP ? '{' : '[');
	for (size_t i = 0; i < y->len; i++) {
		if (i > 0)
			fl_buf_byte(out, ' ');
		if (y->kind == FL_YAML_MAP)
			fl_buf_printf(out, "%s=", y->keys[i]);
		show(y->items[i], out);
	}
	fl_buf_byte(out, y->kind == FL_YAML_MAP ? '}' : ']');
}

/* ---- what is read ---- */

static struct good {
	const char *name;
	const char *text;
	const char *want;
} goods[] = {
	{ "nothing", "", "{}" },
	{ "a comment alone", "# nothing\n", "{}" },
	{ "an empty document", "---\n", "{}" },
	{ "an ended document", "---\na: 1\n...\n", "{a=1}" },
	{ "keys and values", "a: 1\nb: two words\n", "{a=1 b=two words}" },
	{ "quotes", "a: \"x\"\nb: 'y'\n", "{a='x' b='y'}" },
	{ "blocks of text", "a: |\n  x\n  y\n", "{a='x\ny\n'}" },
	{ "maps in maps", "a:\n  b:\n    c: 1\n  d: 2\n", "{a={b={c=1} d=2}}" },
	{ "lists", "a:\n  - 1\n  - b: 2\n  - [3, 4]\n", "{a=[1 {b=2} [3 4]]}" },
	{ "flow form", "{a: [1, {b: c}], d: {}}", "{a=[1 {b=c}] d={}}" },
	{ "JSON", "{\"a\": [true, null, \"x\\u00e9\"], \"b\": -1.5}",
	  "{a=[true null 'x\xc3\xa9'] b=-1.5}" },
	{ "no value", "a:\nb: ~\n", "{a= b=~}" },
	{ "no end of line", "a: 1", "{a=1}" },
	{ "ends of line of DOS", "a: 1\r\nb: 2\r\n", "{a=1 b=2}" },
	{ "a list as document", "- 1\n- 2\n", "[1 2]" },
	{ "a word as document", "hello", "hello" },
	{ "same key in two maps", "a: {x: 1}\nb: {x: 2}\n", "{a={x=1} b={x=2}}" },
	{ "a mark of byte order",
	  "\xef\xbb\xbf"
	  "a: 1\n",
	  "{a=1}" },
};

static void read_good(void **state)
{
	const struct good *g = *state;
	struct fl_slice in = exact(fl_slice_str(g->text));
	struct fl_buf out = fl_buf_make(4096);
	struct fl_fault fault = { "" };
	struct fl_yaml *y = NULL;

	assert_err(fl_yaml_parse(in, &fault, &y), FL_OK);
	show(y, &out);
	assert_text(fl_buf_slice(&out), g->want);
	fl_buf_done(&out);
	assert_null(fl_yaml_free(y));
	exact_free(in);
}

/* A text cut anywhere is read or refused, and leaks nothing. */
static void read_prefixes(void **state)
{
	const struct good *g = *state;

	for (size_t n = 0; n < strlen(g->text); n++) {
		struct fl_slice in = exact(fl_slice_of(g->text, n));
		struct fl_yaml *y = NULL;
		struct fl_fault fault;
		if (fl_yaml_parse(in, &fault, &y) == FL_OK)
			assert_non_null(y);
		else
			assert_null(y);
		fl_yaml_free(y);
		exact_free(in);
	}
}

/* ---- what is refused, and where ---- */

static struct bad {
	const char *name;
	struct fl_slice text;
	const char *at; /* how the text begins */
	const char *says;
} bads[] = {
	{ "a key twice", BYTES("a: 1\nb: 2\na: 3\n"), "3:1: ", "first in line 1" },
	{ "a key twice in JSON", BYTES("{\"a\":1,\"a\":2}"), "1:8: ", "twice" },
	{ "a key twice inside", BYTES("x:\n  a: 1\n  a: 2\n"), "3:3: ", "twice" },
	{ "an open list", BYTES("a: [1, 2\n"), "2:1: ", "" },
	{ "an open quote", BYTES("a: \"x\n"), "2:1: ", "" },
	{ "a tab as indent", BYTES("a:\n\tb: 1\n"), "2:1: ", "" },
	{ "two documents", BYTES("a: 1\n---\nb: 2\n"), "2:1: ", "after the end" },
	{ "text behind JSON", BYTES("{\"a\":1}}"), "1:8: ", "" },
	{ "an alias", BYTES("a: *x\n"), "1:4: ", "aliases" },
	{ "an anchor", BYTES("a: &x 1\n"), "1:4: ", "anchors" },
	{ "an anchored key", BYTES("&x a: 1\n"), "1:1: ", "anchors" },
	{ "an anchored map", BYTES("a: &x {b: 1}\n"), "1:4: ", "anchors" },
	{ "an anchored list", BYTES("a: &x [b]\n"), "1:4: ", "anchors" },
	{ "a tag", BYTES("a: !!int 1\n"), "1:4: ", "tags" },
	{ "a tagged map", BYTES("a: !x {b: 1}\n"), "1:4: ", "tags" },
	{ "a tagged list", BYTES("a: !x [1]\n"), "1:4: ", "tags" },
	{ "a tagged key", BYTES("!!str a: 1\n"), "1:1: ", "tags" },
	{ "a list as key", BYTES("? [a]\n: 1\n"), "1:3: ", "plain word" },
	{ "a map as key", BYTES("{{a: 1}: 2}"), "1:2: ", "plain word" },
	{ "NUL in a value", BYTES("a: \"x\\0y\"\n"), "1:4: ", "NUL" },
	{ "NUL in a key", BYTES("\"x\\0y\": 1\n"), "1:1: ", "NUL" },
	{ "a NUL byte", BYTES("a: x\0y\n"), "", "" },
	{ "broken UTF-8", BYTES("a: \xff\n"), "", "" },
	{ "a control character", BYTES("a: \x01\n"), "", "" },
};

static void read_bad(void **state)
{
	const struct bad *b = *state;
	struct fl_slice in = exact(b->text);
	struct fl_fault fault = { "" };
	struct fl_yaml *y = NULL;

	assert_err(fl_yaml_parse(in, &fault, &y), FL_ERR_SYNTAX);
	assert_null(y);
	if (strncmp(fault.text, b->at, strlen(b->at)) != 0 || strstr(fault.text, b->says) == NULL)
		fail_msg("says \"%s\", want \"%s...%s\"", fault.text, b->at, b->says);
	assert_err(fl_yaml_parse(in, NULL, &y), FL_ERR_SYNTAX);
	exact_free(in);
}

/* ---- limits ---- */

static void repeat(struct fl_buf *out, const char *text, size_t n)
{
	while (n-- > 0)
		fl_buf_str(out, text);
}

static enum fl_err parse_buf(struct fl_buf *text)
{
	struct fl_yaml *y = NULL;
	struct fl_fault fault = { "" };
	enum fl_err err = fl_yaml_parse(fl_buf_slice(text), &fault, &y);

	assert_int_equal(err == FL_OK, y != NULL);
	fl_yaml_free(y);
	fl_buf_done(text);
	return err;
}

static void depth_limit(void **state)
{
	static const struct {
		const char *open, *close;
	} forms[] = { { "[", "]" }, { "{a: ", "}" } };

	(void)state;
	for (size_t f = 0; f < COUNT(forms); f++) {
		for (size_t n = FL_YAML_DEPTH_MAX - 1; n <= FL_YAML_DEPTH_MAX + 1; n++) {
			struct fl_buf text = fl_buf_make(4096);
			repeat(&text, forms[f].open, n);
			fl_buf_str(&text, "1");
			repeat(&text, forms[f].close, n);
			assert_err(parse_buf(&text),
				   n <= FL_YAML_DEPTH_MAX ? FL_OK : FL_ERR_TOO_BIG);
		}
	}
	/* Far beyond, and never closed: refused as soon as it is too deep. */
	struct fl_buf text = fl_buf_make(1 << 20);
	repeat(&text, "[", 100000);
	assert_err(parse_buf(&text), FL_ERR_TOO_BIG);
}

static void values_limit(void **state)
{
	(void)state;
	/* The list itself is a value too. */
	for (size_t n = FL_YAML_NODES_MAX - 2; n <= FL_YAML_NODES_MAX; n++) {
		struct fl_buf text = fl_buf_make(1 << 20);
		repeat(&text, "- 1\n", n);
		assert_err(parse_buf(&text), n < FL_YAML_NODES_MAX ? FL_OK : FL_ERR_TOO_BIG);
	}
}

static void keys_limit(void **state)
{
	(void)state;
	for (size_t n = FL_YAML_KEYS_MAX - 1; n <= FL_YAML_KEYS_MAX + 1; n++) {
		struct fl_buf text = fl_buf_make(1 << 20);
		for (size_t i = 0; i < n; i++)
			fl_buf_printf(&text, "k%zu: 1\n", i);
		assert_err(parse_buf(&text), n <= FL_YAML_KEYS_MAX ? FL_OK : FL_ERR_TOO_BIG);
	}
}

/* ---- positions and lookups ---- */

static void positions(void **state)
{
	static const char text[] = "# head\na: 1\nb:\n  c: \"x\"\n  d: [p, q]\n";
	struct fl_yaml *y = NULL;
	struct fl_fault fault;

	(void)state;
	assert_err(fl_yaml_parse(fl_slice_str(text), &fault, &y), FL_OK);
	assert_int_equal(y->key_lines[0], 2);
	assert_int_equal(y->key_columns[0], 1);
	assert_int_equal(y->items[0]->line, 2);
	assert_int_equal(y->items[0]->column, 4);
	const struct fl_yaml *b = fl_yaml_get(y, "b");
	assert_int_equal(b->key_lines[1], 5);
	assert_int_equal(b->key_columns[1], 3);
	const struct fl_yaml *d = fl_yaml_get(b, "d");
	assert_int_equal(d->items[1]->line, 5);
	assert_int_equal(d->items[1]->column, 10);
	assert_null(fl_yaml_get(y, "c"));
	assert_null(fl_yaml_get(d, "p"));
	assert_null(fl_yaml_get(NULL, "a"));
	fl_yaml_free(y);
	assert_null(fl_yaml_free(NULL));
}

static struct nothing {
	const char *name;
	const char *text;
	bool want;
} nothings[] = {
	{ "no value is null", "a:", true },
	{ "a tilde is null", "a: ~", true },
	{ "null is null", "a: null", true },
	{ "Null is null", "a: Null", true },
	{ "NULL is null", "a: NULL", true },
	{ "nUll is a word", "a: nUll", false },
	{ "quoted null is a word", "a: 'null'", false },
	{ "\"\" is a word", "a: ''", false },
	{ "0 is a word", "a: 0", false },
	{ "a list is not null", "a: []", false },
};

static void null_words(void **state)
{
	const struct nothing *n = *state;
	struct fl_yaml *y = NULL;
	struct fl_fault fault;

	assert_err(fl_yaml_parse(fl_slice_str(n->text), &fault, &y), FL_OK);
	assert_int_equal(fl_yaml_is_null(y->items[0]), n->want);
	fl_yaml_free(y);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, goods, read_good);
	ROWS(&s, goods, read_prefixes);
	ROWS(&s, bads, read_bad);
	ROWS(&s, nothings, null_words);
	suite_add(&s, "depth limit", depth_limit, NULL);
	suite_add(&s, "limit of values", values_limit, NULL);
	suite_add(&s, "limit of keys", keys_limit, NULL);
	suite_add(&s, "positions", positions, NULL);
	return suite_run(&s, "io/yaml");
}
