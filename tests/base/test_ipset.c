/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/base/test_ipset.c - ranges and sets of addresses: texts, prefixes, and every operation
 * beside an array of booleans that knows nothing of ranges.
 */
#include "table.h"

#include "base/ipset.h"
#include "base/rng.h"
#include "base/text.h"

#define V4_END "255.255.255.255"
#define V6_END "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static struct fl_ip ip(const char *text)
{
	struct fl_ip out;
	assert_err(fl_ip_parse(fl_slice_str(text), &out), FL_OK);
	return out;
}

/* "a", "a/len" or "a-b". */
static struct fl_range range_in(struct fl_slice text)
{
	const uint8_t *dash = memchr(text.ptr, '-', text.len);
	struct fl_range r;
	struct fl_prefix p;

	if (dash != NULL) {
		size_t len = (size_t)(dash - text.ptr);
		assert_err(fl_ip_parse(fl_slice_of(text.ptr, len), &r.first), FL_OK);
		assert_err(fl_ip_parse(fl_slice_skip(text, len + 1), &r.last), FL_OK);
		return r;
	}
	if (memchr(text.ptr, '/', text.len) == NULL) {
		assert_err(fl_ip_parse(text, &r.first), FL_OK);
		r.last = r.first;
		return r;
	}
	assert_err(fl_prefix_parse(text, &p), FL_OK);
	return fl_range_of(&p);
}

static struct fl_range range(const char *text)
{
	return range_in(fl_slice_str(text));
}

/* The words of a text, parted by single spaces. */
static bool next_word(struct fl_slice *rest, struct fl_slice *out)
{
	const uint8_t *space = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;
	*out = fl_slice_of(rest->ptr, space != NULL ? (size_t)(space - rest->ptr) : rest->len);
	*rest = fl_slice_skip(*rest, out->len + 1);
	return out->len > 0;
}

static struct fl_ipset set(const char *words)
{
	struct fl_slice rest = fl_slice_str(words), word;
	struct fl_ipset s = { 0 };

	while (next_word(&rest, &word)) {
		struct fl_range r = range_in(word);
		assert_err(fl_ipset_add(&s, &r), FL_OK);
	}
	return s;
}

static void assert_set(const struct fl_ipset *s, const char *want)
{
	struct fl_buf got = fl_buf_make(1 << 16);
	char text[FL_RANGE_TEXT_MAX];

	for (size_t i = 0; i < s->len; i++) {
		fl_range_format(&s->at[i], text);
		fl_buf_printf(&got, i > 0 ? " %s" : "%s", text);
	}
	assert_text(fl_buf_slice(&got), want);
	fl_buf_done(&got);
}

/* ---- ranges ---- */

static struct of_row {
	const char *prefix, *want;
} of_rows[] = {
	{ "10.1.2.3/32", "10.1.2.3-10.1.2.3" },
	{ "10.1.2.3/31", "10.1.2.2-10.1.2.3" },
	{ "10.1.2.3/8", "10.0.0.0-10.255.255.255" },
	{ "10.1.2.3/0", "0.0.0.0-" V4_END },
	{ "128.0.0.0/1", "128.0.0.0-" V4_END },
	{ "fd7a:115c:a1e0::1/128", "fd7a:115c:a1e0::1-fd7a:115c:a1e0::1" },
	{ "fd7a:115c:a1e0::1/127", "fd7a:115c:a1e0::-fd7a:115c:a1e0::1" },
	{ "2001:db8::1/65", "2001:db8::-2001:db8::7fff:ffff:ffff:ffff" },
	{ "2001:db8::1/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff" },
	{ "2001:db8::1/63", "2001:db8::-2001:db8:0:1:ffff:ffff:ffff:ffff" },
	{ "::1/0", "::-" V6_END },
};

static void of_row(void **state)
{
	const struct of_row *row = *state;
	struct fl_prefix p;

	assert_err(fl_prefix_parse(fl_slice_str(row->prefix), &p), FL_OK);
	struct fl_range got = fl_range_of(&p), want = range(row->want);
	assert_int_equal(fl_range_cmp(&got, &want), 0);
}

static struct text_row {
	const char *range, *text;
	const char *prefixes;
} text_rows[] = {
	{ "1.2.3.4-1.2.3.4", "1.2.3.4", "1.2.3.4/32" },
	{ "1.2.3.4-1.2.3.5", "1.2.3.4/31", "1.2.3.4/31" },
	{ "1.2.3.5-1.2.3.6", "1.2.3.5-1.2.3.6", "1.2.3.5/32 1.2.3.6/32" },
	{ "1.2.3.4-1.2.3.6", "1.2.3.4-1.2.3.6", "1.2.3.4/31 1.2.3.6/32" },
	{ "0.0.0.0-0.0.0.0", "0.0.0.0", "0.0.0.0/32" },
	{ V4_END "-" V4_END, V4_END, V4_END "/32" },
	{ "0.0.0.0-" V4_END, "0.0.0.0/0", "0.0.0.0/0" },
	{ "0.0.0.0-255.255.255.254", "0.0.0.0-255.255.255.254",
	  "0.0.0.0/1 128.0.0.0/2 192.0.0.0/3 224.0.0.0/4 240.0.0.0/5 248.0.0.0/6 252.0.0.0/7 "
	  "254.0.0.0/8 255.0.0.0/9 255.128.0.0/10 255.192.0.0/11 255.224.0.0/12 255.240.0.0/13 "
	  "255.248.0.0/14 255.252.0.0/15 255.254.0.0/16 255.255.0.0/17 255.255.128.0/18 "
	  "255.255.192.0/19 255.255.224.0/20 255.255.240.0/21 255.255.248.0/22 255.255.252.0/23 "
	  "255.255.254.0/24 255.255.255.0/25 255.255.255.128/26 255.255.255.192/27 "
	  "255.255.255.224/28 255.255.255.240/29 255.255.255.248/30 255.255.255.252/31 "
	  "255.255.255.254/32" },
	{ "100.64.0.0-100.127.255.255", "100.64.0.0/10", "100.64.0.0/10" },
	{ "255.0.0.0-" V4_END, "255.0.0.0/8", "255.0.0.0/8" },
	{ "::-::", "::", "::/128" },
	{ V6_END "-" V6_END, V6_END, V6_END "/128" },
	{ "::-" V6_END, "::/0", "::/0" },
	{ "::1-::3", "::1-::3", "::1/128 ::2/127" },
	{ "fd7a::ffff:ffff:ffff:ffff-fd7a:0:0:1::", "fd7a::ffff:ffff:ffff:ffff-fd7a:0:0:1::",
	  "fd7a::ffff:ffff:ffff:ffff/128 fd7a:0:0:1::/128" },
	{ "2001:db8::-2001:db8:0:2:ffff:ffff:ffff:ffff",
	  "2001:db8::-2001:db8:0:2:ffff:ffff:ffff:ffff", "2001:db8::/63 2001:db8:0:2::/64" },
	{ "2001:db8:0:1::-2001:db8:0:3:ffff:ffff:ffff:ffff",
	  "2001:db8:0:1::-2001:db8:0:3:ffff:ffff:ffff:ffff",
	  "2001:db8:0:1::/64 2001:db8:0:2::/63" },
	{ "::-7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/1", "::/1" },
	{ "::ffff:1.2.3.4-::ffff:1.2.3.5", "::ffff:1.2.3.4/127", "::ffff:1.2.3.4/127" },
};

static void text_row(void **state)
{
	const struct text_row *row = *state;
	struct fl_range r = range(row->range);
	struct fl_buf got = fl_buf_make(1 << 12);
	char text[FL_RANGE_TEXT_MAX], prefix[FL_PREFIX_TEXT_MAX];
	struct fl_prefix p;

	fl_range_format(&r, text);
	assert_string_equal(text, row->text);
	for (bool more = false; fl_range_next_prefix(&r, &p); more = true) {
		fl_prefix_format(&p, prefix);
		fl_buf_printf(&got, more ? " %s" : "%s", prefix);
	}
	assert_text(fl_buf_slice(&got), row->prefixes);
	assert_false(fl_range_next_prefix(&r, &p)); /* used up stays used up */
	fl_buf_done(&got);
}

static void longest_text_fits(void **state)
{
	(void)state;
	struct fl_range r = range("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd-" V6_END);
	char text[FL_RANGE_TEXT_MAX];

	fl_range_format(&r, text);
	assert_string_equal(text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd-" V6_END);
}

static struct pair_row {
	const char *name, *a, *b;
	int cmp;
	bool overlaps, covers;
} pair_rows[] = {
	{ "same", "1.0.0.1-1.0.0.5", "1.0.0.1-1.0.0.5", 0, true, true },
	{ "apart", "1.0.0.1-1.0.0.5", "1.0.0.7-1.0.0.8", -1, false, false },
	{ "neighbours do not overlap", "1.0.0.1-1.0.0.5", "1.0.0.6-1.0.0.8", -1, false, false },
	{ "share one address", "1.0.0.1-1.0.0.5", "1.0.0.5-1.0.0.8", -1, true, false },
	{ "inside", "1.0.0.1-1.0.0.5", "1.0.0.2-1.0.0.4", -1, true, true },
	{ "inside at the start", "1.0.0.1-1.0.0.5", "1.0.0.1-1.0.0.4", 1, true, true },
	{ "inside at the end", "1.0.0.1-1.0.0.5", "1.0.0.2-1.0.0.5", -1, true, true },
	{ "around", "1.0.0.2-1.0.0.4", "1.0.0.1-1.0.0.5", 1, true, false },
	{ "family counts first", "255.0.0.0-" V4_END, "::-::ffff", -1, false, false },
	{ "mapped is not IPv4", "1.2.3.4", "::ffff:1.2.3.4", -1, false, false },
	{ "high word first", "2001:db8:0:1::", "2001:db8::ffff:0:0:0", 1, false, false },
};

static void pair_row(void **state)
{
	const struct pair_row *row = *state;
	struct fl_range a = range(row->a), b = range(row->b);

	assert_int_equal(fl_range_cmp(&a, &b), row->cmp);
	assert_int_equal(fl_range_cmp(&b, &a), -row->cmp);
	assert_int_equal(fl_range_overlaps(&a, &b), row->overlaps);
	assert_int_equal(fl_range_overlaps(&b, &a), row->overlaps);
	assert_int_equal(fl_range_covers(&a, &b), row->covers);
}

/* ---- sets ---- */

static struct change_row {
	const char *name, *before, *take_out, *after;
} change_rows[] = {
	{ "nothing", "", "1.0.0.0/8", "" },
	{ "neighbours fuse", "1.0.0.2 1.0.0.1 1.0.0.3", "", "1.0.0.1-1.0.0.3" },
	{ "a gap is closed", "1.0.0.1 1.0.0.3 1.0.0.2", "", "1.0.0.1-1.0.0.3" },
	{ "one swallows many", "1.0.0.1 1.0.0.3 1.0.0.5 1.0.0.0/24 2.0.0.0", "",
	  "1.0.0.0/24 2.0.0.0" },
	{ "bytes carry", "1.0.0.255 1.0.1.0", "", "1.0.0.255-1.0.1.0" },
	{ "words carry", "::ffff:ffff:ffff:ffff 0:0:0:1::", "", "::ffff:ffff:ffff:ffff-0:0:0:1::" },
	{ "families in order", "::1 1.0.0.1 fd7a::1 0.0.0.0", "", "0.0.0.0 1.0.0.1 ::1 fd7a::1" },
	{ "families do not fuse", V4_END " ::", "", V4_END " ::" },
	{ "the ends do not wrap", V4_END " 0.0.0.0", "", "0.0.0.0 " V4_END },
	{ "the ends of IPv6 do not wrap", V6_END " ::", "", ":: " V6_END },
	{ "two halves", "128.0.0.0/1 0.0.0.0/1", "", "0.0.0.0/0" },
	{ "two halves of IPv6", "::/1 8000::/1", "", "::/0" },
	{ "everything", "0.0.0.0/0 ::/0 1.2.3.4 ::1", "", "0.0.0.0/0 ::/0" },
	{ "a hole", "1.0.0.0/30", "1.0.0.1", "1.0.0.0 1.0.0.2/31" },
	{ "the start", "1.0.0.0/30", "1.0.0.0", "1.0.0.1-1.0.0.3" },
	{ "the end", "1.0.0.0/30", "1.0.0.3", "1.0.0.0-1.0.0.2" },
	{ "all of it", "1.0.0.0/30", "1.0.0.0/30", "" },
	{ "more than it", "1.0.0.0/30 1.0.1.0", "1.0.0.0/16", "" },
	{ "beside it", "1.0.0.0/30", "1.0.0.4", "1.0.0.0/30" },
	{ "across several", "1.0.0.0/30 1.0.1.0 1.0.2.0/30", "1.0.0.2-1.0.2.1",
	  "1.0.0.0/31 1.0.2.2/31" },
	{ "the first address", "0.0.0.0/31", "0.0.0.0", "0.0.0.1" },
	{ "the last address", "255.255.255.254/31", V4_END, "255.255.255.254" },
	{ "the first of IPv6", "::/127", "::", "::1" },
	{ "the last of IPv6", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", V6_END,
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe" },
	{ "words borrow", "2001:db8::/62", "2001:db8:0:1::/64", "2001:db8::/64 2001:db8:0:2::/63" },
	{ "one family only", "0.0.0.0/0 ::/0", "::/0", "0.0.0.0/0" },
	{ "the Internet without a home", "0.0.0.0/0", "10.0.0.0/8",
	  "0.0.0.0-9.255.255.255 11.0.0.0-" V4_END },
};

static void change_row(void **state)
{
	const struct change_row *row = *state;
	struct fl_ipset s = set(row->before);

	if (row->take_out[0] != '\0') {
		struct fl_range r = range(row->take_out);
		assert_err(fl_ipset_remove(&s, &r), FL_OK);
	}
	assert_set(&s, row->after);
	fl_ipset_done(&s);
	assert_int_equal(s.len, 0);
}

static void what_is_no_range_is_empty(void **state)
{
	(void)state;
	struct fl_ipset s = set("1.0.0.0/8"), other = { 0 };
	struct fl_ip unset = { 0 };
	struct fl_prefix no_prefix = { 0 };
	struct fl_range bad[] = { { unset, unset },
				  { ip("1.0.0.2"), ip("1.0.0.1") },
				  { ip("1.0.0.1"), ip("::1") },
				  { ip("1.0.0.1"), unset } };

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_err(fl_ipset_add(&s, &bad[i]), FL_OK);
		assert_err(fl_ipset_remove(&s, &bad[i]), FL_OK);
		assert_false(fl_ipset_overlaps(&s, &bad[i]));
		assert_false(fl_ipset_covers(&s, &bad[i]));
	}
	assert_err(fl_ipset_add_ip(&s, &unset), FL_OK);
	assert_err(fl_ipset_add_prefix(&s, &no_prefix), FL_OK);
	assert_false(fl_ipset_has(&s, &unset));
	assert_set(&s, "1.0.0.0/8");
	assert_err(fl_ipset_build(&other, bad, COUNT(bad)), FL_OK);
	assert_int_equal(other.len, 0);
	fl_ipset_done(&s);
	fl_ipset_done(&other);
}

static void seek_finds_where_a_walk_begins(void **state)
{
	(void)state;
	struct fl_ipset s = set("1.0.0.2-1.0.0.4 1.0.0.8 ::1");
	static const struct {
		const char *ip;
		size_t want;
	} at[] = { { "0.0.0.0", 0 }, { "1.0.0.2", 0 }, { "1.0.0.4", 0 }, { "1.0.0.5", 1 },
		   { "1.0.0.8", 1 }, { "1.0.0.9", 2 }, { "::1", 2 },     { "::2", 3 } };

	for (size_t i = 0; i < COUNT(at); i++) {
		struct fl_ip from = ip(at[i].ip);
		assert_int_equal(fl_ipset_seek(&s, &from), at[i].want);
	}
	fl_ipset_done(&s);
}

static void copies_are_apart(void **state)
{
	(void)state;
	struct fl_ipset s = set("1.0.0.1 ::1"), none = { 0 }, copy, empty;
	struct fl_range r = range("1.0.0.1");

	assert_err(fl_ipset_copy(&s, &copy), FL_OK);
	assert_true(fl_ipset_eq(&s, &copy));
	assert_err(fl_ipset_remove(&copy, &r), FL_OK);
	assert_set(&s, "1.0.0.1 ::1");
	assert_set(&copy, "::1");
	assert_false(fl_ipset_eq(&s, &copy));
	assert_err(fl_ipset_copy(&none, &empty), FL_OK);
	assert_true(fl_ipset_eq(&none, &empty));
	assert_err(fl_ipset_add_set(&s, &s), FL_OK);
	assert_set(&s, "1.0.0.1 ::1");
	fl_ipset_done(&s);
	fl_ipset_done(&copy);
	fl_ipset_done(&empty);
}

/* ---- beside a model ---- */

/*
 * Each family as cells in order: its first 64 addresses one by one, all between as one cell, its
 * last 64 one by one. So both ends are in play and neighbours in the model are neighbours in truth.
 */
enum { EDGE = 64, CELLS = 2 * EDGE + 1, ALL = 2 * CELLS };

static struct fl_range cells[ALL];

static void prepare_cells(void)
{
	static const char *const ends[2][4] = {
		{ "0.0.0.0", "0.0.0.64", "255.255.255.191", "255.255.255.192" },
		{ "::", "::40", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffbf",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffc0" }
	};

	for (size_t f = 0; f < 2; f++) {
		struct fl_range *c = &cells[f * CELLS];
		struct fl_ip low = ip(ends[f][0]), high = ip(ends[f][3]);
		c[EDGE] = (struct fl_range){ ip(ends[f][1]), ip(ends[f][2]) };
		for (size_t i = 0; i < EDGE; i++) {
			c[i] = (struct fl_range){ low, low };
			c[EDGE + 1 + i] = (struct fl_range){ high, high };
			fl_ip_next(&low);
			fl_ip_next(&high);
		}
	}
}

struct model {
	bool in[ALL];
};

/* A random run of cells in one family; mostly short. */
struct run {
	size_t from, to; /* without `to` */
};

static struct run some_run(struct fl_rng *rng)
{
	size_t base = fl_rng_below(rng, 2) * CELLS, from = fl_rng_below(rng, CELLS);
	size_t most = fl_rng_below(rng, 4) == 0 ? CELLS : 6;
	size_t to = from + 1 + fl_rng_below(rng, most);
	return (struct run){ base + from, base + (to < CELLS ? to : CELLS) };
}

static struct fl_range run_range(struct run r)
{
	return (struct fl_range){ cells[r.from].first, cells[r.to - 1].last };
}

static void model_put(struct model *m, struct run r, bool in)
{
	for (size_t i = r.from; i < r.to; i++)
		m->in[i] = in;
}

/* How many cells of the run are in. */
static size_t model_count(const struct model *m, struct run r)
{
	size_t n = 0;

	for (size_t i = r.from; i < r.to; i++)
		n += m->in[i];
	return n;
}

static void assert_model(const struct fl_ipset *s, const struct model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < ALL; i++) {
		bool starts = m->in[i] && (i == 0 || i == CELLS || !m->in[i - 1]);
		bool ends = m->in[i] && (i == CELLS - 1 || i == ALL - 1 || !m->in[i + 1]);
		if (starts) {
			assert_true(n < s->len);
			assert_true(fl_ip_eq(&s->at[n].first, &cells[i].first));
		}
		if (ends) {
			assert_true(fl_ip_eq(&s->at[n].last, &cells[i].last));
			n++;
		}
	}
	assert_int_equal(s->len, n);
	assert_true(s->len <= s->cap);
}

static void ask(const struct fl_ipset *s, const struct model *m, struct fl_rng *rng)
{
	for (size_t i = 0; i < 8; i++) {
		struct run run = some_run(rng);
		struct fl_range r = run_range(run);
		size_t n = model_count(m, run);
		assert_int_equal(fl_ipset_overlaps(s, &r), n > 0);
		assert_int_equal(fl_ipset_covers(s, &r), n == run.to - run.from);
		assert_int_equal(fl_ipset_has(s, &r.first), m->in[run.from]);
		assert_int_equal(fl_ipset_has(s, &r.last), m->in[run.to - 1]);
	}
}

static void ask_pair(const struct fl_ipset *a, const struct model *ma, const struct fl_ipset *b,
		     const struct model *mb)
{
	bool overlap = false, covers = true;

	for (size_t i = 0; i < ALL; i++) {
		overlap |= ma->in[i] && mb->in[i];
		covers &= ma->in[i] || !mb->in[i];
	}
	assert_int_equal(fl_ipset_overlaps_set(a, b), overlap);
	assert_int_equal(fl_ipset_overlaps_set(b, a), overlap);
	assert_int_equal(fl_ipset_covers_set(a, b), covers);
	assert_int_equal(fl_ipset_eq(a, b), memcmp(ma, mb, sizeof *ma) == 0);
}

/* A set of up to `most` runs in random order, by one build. */
static struct fl_ipset some_set(struct fl_rng *rng, size_t most, struct model *out)
{
	struct fl_range list[64];
	size_t n = fl_rng_below(rng, most + 1);
	struct fl_ipset s = { 0 };

	*out = (struct model){ 0 };
	for (size_t i = 0; i < n; i++) {
		struct run r = some_run(rng);
		model_put(out, r, true);
		list[i] = run_range(r);
	}
	assert_err(fl_ipset_build(&s, list, n), FL_OK);
	assert_model(&s, out);
	return s;
}

static void step(struct fl_ipset *s, struct model *m, struct fl_rng *rng)
{
	struct run run = some_run(rng);
	struct fl_range r = run_range(run);
	struct model other_model;
	struct fl_ipset other;

	switch (fl_rng_below(rng, 8)) {
	case 0:
	case 1:
	case 2:
		assert_err(fl_ipset_add(s, &r), FL_OK);
		model_put(m, run, true);
		return;
	case 3:
		if (run.from % CELLS == EDGE) /* that cell is more than one address */
			return;
		assert_err(fl_ipset_add_ip(s, &cells[run.from].first), FL_OK);
		model_put(m, (struct run){ run.from, run.from + 1 }, true);
		return;
	case 4:
		other = some_set(rng, fl_rng_below(rng, 2) ? 3 : 40, &other_model);
		ask_pair(s, m, &other, &other_model);
		assert_err(fl_ipset_add_set(s, &other), FL_OK);
		for (size_t i = 0; i < ALL; i++)
			m->in[i] |= other_model.in[i];
		fl_ipset_done(&other);
		return;
	default:
		assert_err(fl_ipset_remove(s, &r), FL_OK);
		model_put(m, run, false);
	}
}

static void sets_follow_the_model(void **state)
{
	(void)state;
	struct fl_ipset s = { 0 };
	struct model m = { 0 };
	struct fl_rng rng;

	fl_rng_init(&rng, 4711);
	for (size_t i = 0; i < 20000; i++) {
		step(&s, &m, &rng);
		assert_model(&s, &m);
		ask(&s, &m, &rng);
	}
	fl_ipset_done(&s);
}

/* ---- texts ---- */

static void put_prefixes(struct fl_range r, struct fl_buf *out)
{
	char text[FL_PREFIX_TEXT_MAX];
	struct fl_prefix p;

	while (fl_range_next_prefix(&r, &p)) {
		fl_prefix_format(&p, text);
		fl_buf_printf(out, "%s ", text);
	}
}

static void assert_reads_as(struct fl_buf *words, const struct fl_ipset *want)
{
	fl_buf_byte(words, '\0');
	assert_err(fl_buf_err(words), FL_OK);
	struct fl_ipset got = set((const char *)words->ptr);
	assert_true(fl_ipset_eq(&got, want));
	fl_ipset_done(&got);
	fl_buf_done(words);
}

static void what_is_written_is_read_again(void **state)
{
	(void)state;
	struct fl_rng rng;
	struct model m;

	fl_rng_init(&rng, 815);
	for (size_t i = 0; i < 2000; i++) {
		struct fl_ipset s = some_set(&rng, fl_rng_below(&rng, 20), &m);
		struct fl_buf ranges = fl_buf_make(1 << 16), prefixes = fl_buf_make(1 << 16);
		char text[FL_RANGE_TEXT_MAX];
		for (size_t k = 0; k < s.len; k++) {
			fl_range_format(&s.at[k], text);
			fl_buf_printf(&ranges, "%s ", text);
			put_prefixes(s.at[k], &prefixes);
		}
		assert_reads_as(&ranges, &s);
		assert_reads_as(&prefixes, &s);
		fl_ipset_done(&s);
	}
}

/* ---- minimal prefixes ---- */

enum { BITS = 7 };

/* Counts the fewest blocks of a 7-bit space that make up [from, to]: a tree, half by half. */
static size_t fewest(size_t from, size_t to, size_t start, unsigned bits)
{
	size_t end = start + ((size_t)1 << bits) - 1, half = (size_t)1 << bits >> 1;

	if (to < start || from > end)
		return 0;
	if (from <= start && end <= to)
		return 1;
	return fewest(from, to, start, bits - 1) + fewest(from, to, start + half, bits - 1);
}

static struct fl_ip offset_ip(const char *base, size_t n)
{
	struct fl_ip at = ip(base);
	at.b[at.family == FL_IP_V4 ? 3 : 15] |= (uint8_t)n;
	return at;
}

/* The prefixes join without a gap, end where the range ends, and are as few as can be. */
static void check_prefixes(const char *base, size_t from, size_t to)
{
	struct fl_range r = { offset_ip(base, from), offset_ip(base, to) }, rest = r;
	struct fl_ip due = r.first, end = { 0 };
	struct fl_prefix p;
	size_t n = 0;

	for (; fl_range_next_prefix(&rest, &p); n++) {
		struct fl_range part = fl_range_of(&p);
		assert_true(fl_ip_eq(&part.first, &due));
		assert_true(fl_ip_eq(&p.ip, &due));
		end = due = part.last;
		fl_ip_next(&due);
	}
	assert_true(fl_ip_eq(&end, &r.last));
	assert_int_equal(n, fewest(from, to, 0, BITS));
}

static void prefixes_are_the_fewest(void **state)
{
	(void)state;
	static const char *const bases[] = { "0.0.0.0", "10.0.0.0", "255.255.255.128",
					     "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff80" };

	for (size_t b = 0; b < COUNT(bases); b++) {
		for (size_t from = 0; from < 1 << BITS; from++) {
			for (size_t to = from; to < 1 << BITS; to++)
				check_prefixes(bases[b], from, to);
		}
	}
}

/* ---- many ---- */

enum { MANY = 10000 };

static struct fl_ip numbered(size_t i)
{
	return fl_ip_v4(100, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i);
}

static void ten_thousand(void **state)
{
	(void)state;
	static struct fl_range list[MANY];
	struct fl_ipset s = { 0 }, built = { 0 };

	for (size_t i = 0; i < MANY; i++) { /* every other address, in a scattered order */
		struct fl_ip at = numbered(i * 7919 % MANY * 2);
		list[i] = (struct fl_range){ at, at };
		assert_err(fl_ipset_add_ip(&s, &at), FL_OK);
	}
	assert_int_equal(s.len, MANY);
	assert_err(fl_ipset_build(&built, list, MANY), FL_OK);
	assert_true(fl_ipset_eq(&s, &built));
	assert_true(fl_ipset_covers_set(&s, &built));
	for (size_t i = 0; i < MANY; i++) { /* the gaps close: neighbours are one range */
		struct fl_ip at = numbered(i * 7919 % MANY * 2 + 1);
		assert_err(fl_ipset_add_ip(&s, &at), FL_OK);
	}
	assert_set(&s, "100.64.0.0-100.64.78.31");
	fl_ipset_done(&s);
	fl_ipset_done(&built);
}

int main(void)
{
	static struct suite s;

	prepare_cells();
	ROWS(&s, of_rows, of_row);
	ROWS(&s, text_rows, text_row);
	suite_add(&s, "longest text fits", longest_text_fits, NULL);
	ROWS(&s, pair_rows, pair_row);
	ROWS(&s, change_rows, change_row);
	suite_add(&s, "what is no range is empty", what_is_no_range_is_empty, NULL);
	suite_add(&s, "seek finds where a walk begins", seek_finds_where_a_walk_begins, NULL);
	suite_add(&s, "copies are apart", copies_are_apart, NULL);
	suite_add(&s, "sets follow the model", sets_follow_the_model, NULL);
	suite_add(&s, "what is written is read again", what_is_written_is_read_again, NULL);
	suite_add(&s, "prefixes are the fewest", prefixes_are_the_fewest, NULL);
	suite_add(&s, "ten thousand", ten_thousand, NULL);
	return suite_run(&s, "base/ipset");
}
