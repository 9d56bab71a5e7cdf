/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_hujson.c - parses any text; what is accepted must survive being written as
 * standard JSON and in the one layout, and the layout must be final.
 */
#include "wire/hujson.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

enum { OUT_MAX = 64 << 20 };

static struct fl_buf standard(const struct fl_hujson *doc)
{
	struct fl_buf out = fl_buf_make(OUT_MAX);
	fl_hujson_standard(fl_hujson_root(doc), &out);
	return out;
}

static struct fl_buf formatted(const struct fl_hujson *doc)
{
	struct fl_buf out = fl_buf_make(OUT_MAX);
	fl_hujson_format(doc, &out);
	return out;
}

static struct fl_hujson *again(const struct fl_buf *text)
{
	struct fl_hujson *doc = NULL;
	size_t at;

	must(fl_hujson_parse(fl_buf_slice(text), NULL, &at, &doc) == FL_OK);
	return doc;
}

/* Every value in text order, inside of the one around it; strings are read. */
static size_t count_values(struct fl_hujv v)
{
	struct fl_slice raw = fl_hujson_raw(v);
	size_t n = 1, at = fl_hujson_offset(v);
	bool valid;

	must(raw.len > 0 && at + raw.len <= fl_hujson_source(v.doc).len);
	must(fl_hujson_text(v, &valid).len <= 3 * raw.len);
	for (struct fl_hujv c = fl_hujson_first(v); fl_hujson_is(c); c = fl_hujson_next(c)) {
		must(fl_hujson_offset(c) > at);
		at = fl_hujson_offset(c);
		n += count_values(c); /* bounded by FL_HUJSON_DEPTH_MAX */
	}
	return n;
}

static void rewrite(struct fl_hujson *doc)
{
	struct fl_buf plain = standard(doc), once = formatted(doc);

	if (fl_buf_err(&once) == FL_OK && once.len <= FL_HUJSON_TEXT_MAX) {
		struct fl_hujson *doc1 = again(&once), *doc2 = again(&plain);
		struct fl_buf twice = formatted(doc1), plain1 = standard(doc1),
			      plain2 = standard(doc2);
		must(fl_slice_eq(fl_buf_slice(&once), fl_buf_slice(&twice)));
		must(fl_slice_eq(fl_buf_slice(&plain), fl_buf_slice(&plain1)));
		must(fl_slice_eq(fl_buf_slice(&plain), fl_buf_slice(&plain2)));
		must(count_values(fl_hujson_root(doc)) == count_values(fl_hujson_root(doc2)));
		fl_buf_done(&twice);
		fl_buf_done(&plain1);
		fl_buf_done(&plain2);
		fl_hujson_free(doc1);
		fl_hujson_free(doc2);
	}
	fl_buf_done(&plain);
	fl_buf_done(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at = 0;

	enum fl_err err = fl_hujson_parse(fl_slice_of(data, size), &fault, &at, &doc);
	must((err == FL_OK) == (doc != NULL));
	must((err == FL_OK) == (fault.text[0] == '\0'));
	must(err != FL_ERR_SYNTAX || at <= size);
	if (err == FL_OK)
		rewrite(doc);
	fl_hujson_free(doc);
	return 0;
}
