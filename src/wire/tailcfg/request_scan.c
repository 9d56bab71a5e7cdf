/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/request_scan.c - reads a map request straight from its text.
 *
 * Clients repeat their Hostinfo with each update. What is left is some ten plain members, and the
 * tree for them is most of the work. Here is only what needs no thought. Whatever may be an error,
 * or is decided by a finer rule of JSON or Go, is a doubt: escapes, bytes beyond ASCII, names in
 * another case, members that come twice, signs and fractions, lists and objects nobody knows.
 */
#include "wire/tailcfg/request_scan.h"

#include <stddef.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/tailcfg/endpoints.h"

/* A list of scalars: where the first one is, and how many there are. */
struct list {
	struct fl_slice at;
	size_t count;
};

struct scan {
	struct fl_slice rest; /* begins with a token, unless there is none left */
	struct fl_slice said;
	bool doubt;
	unsigned seen; /* a bit for each row of `members` */
	struct fl_map_request r;
	struct list endpoints, types;
};

/* ---- tokens ---- */

static bool is_white(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Goes over `n` bytes of a token that ends with them, and to the next one. */
static void end_token(struct scan *s, size_t n)
{
	struct fl_slice rest = fl_slice_skip(s->rest, n);

	while (rest.len > 0 && is_white(rest.ptr[0]))
		rest = fl_slice_skip(rest, 1);
	s->rest = rest;
}

static bool is_next(const struct scan *s, char c)
{
	return s->rest.len > 0 && s->rest.ptr[0] == (uint8_t)c;
}

/* Takes this byte if it comes next. */
static bool take(struct scan *s, char c)
{
	bool here = is_next(s, c);

	if (here)
		end_token(s, 1);
	return here;
}

static void need(struct scan *s, char c)
{
	if (!take(s, c))
		s->doubt = true;
}

/* What follows the word is for the next token to say: no token begins with a letter there. */
static bool take_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);
	bool here = s->rest.len >= len && memcmp(s->rest.ptr, word, len) == 0;

	if (here)
		end_token(s, len);
	return here;
}

/* Does the byte stand for itself in a string, in every reading? */
static bool is_plain(uint8_t c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static struct fl_slice take_string(struct scan *s)
{
	struct fl_slice text = fl_slice_skip(s->rest, 1);
	bool here = is_next(s, '"');
	size_t n = 0;

	while (here && n < text.len && is_plain(text.ptr[n]))
		n++;
	if (!here || n == text.len || text.ptr[n] != '"') {
		s->doubt = true;
		return fl_slice_of(NULL, 0);
	}
	end_token(s, n + 2);
	return fl_slice_of(text.ptr, n);
}

static uint64_t take_number(struct scan *s, uint64_t max)
{
	size_t n = 0;
	uint64_t v = 0;

	while (n < s->rest.len && s->rest.ptr[n] >= '0' && s->rest.ptr[n] <= '9')
		n++;
	if (fl_u64_parse(fl_slice_of(s->rest.ptr, n), &v) != FL_OK || v > max)
		s->doubt = true;
	end_token(s, n);
	return v;
}

static bool take_flag(struct scan *s)
{
	bool yes = take_word(s, "true");

	if (!yes && !take_word(s, "false"))
		s->doubt = true;
	return yes;
}

static void skip_scalar(struct scan *s)
{
	if (is_next(s, '"'))
		(void)take_string(s);
	else if (s->rest.len > 0 && s->rest.ptr[0] <= '9')
		(void)take_number(s, INT64_MAX);
	else
		(void)take_flag(s);
}

/* ---- the members we know, each with its place in struct scan ---- */

static void read_flag(struct scan *s, void *out)
{
	*(bool *)out = take_flag(s);
}

static void read_version(struct scan *s, void *out)
{
	*(uint32_t *)out = (uint32_t)take_number(s, UINT32_MAX);
}

static void read_compress(struct scan *s, void *out)
{
	*(bool *)out = fl_slice_is(take_string(s), "zstd");
}

static void read_node_key(struct scan *s, void *out)
{
	s->doubt |= fl_node_key_parse(take_string(s), out) != FL_OK;
}

static void read_disco_key(struct scan *s, void *out)
{
	s->doubt |= fl_disco_key_parse(take_string(s), out) != FL_OK;
}

/*
 * Nobody looks inside, here or on the way by the tree. That these are the words of a text which was
 * read without an error is known by their hash alone; who makes others with the same hash has his
 * own node told of as before.
 */
static void skip_hostinfo(struct scan *s, void *out)
{
	(void)out;
	if (s->rest.ptr != s->said.ptr)
		s->doubt = true;
	end_token(s, s->said.len);
}

/* Of what kind its elements are shows when they are read: nobody asks what is beyond the limit. */
static void read_list(struct scan *s, void *out)
{
	struct list *l = out;

	need(s, '[');
	l->at = s->rest;
	if (take(s, ']'))
		return;
	do {
		skip_scalar(s);
		l->count++;
	} while (!s->doubt && take(s, ','));
	need(s, ']');
}

static void read_endpoints(struct scan *s, void *out)
{
	s->r.has_endpoints = true;
	read_list(s, out);
}

#define MEMBER(name, read, place)                                                                  \
	{                                                                                          \
		{ (const uint8_t *)(name), sizeof(name) - 1 }, read, offsetof(struct scan, place)  \
	}

static const struct member {
	struct fl_slice name;
	void (*read)(struct scan *s, void *out);
	size_t place;
} members[] = {
	MEMBER("Version", read_version, r.version),
	MEMBER("Compress", read_compress, r.compress_zstd),
	MEMBER("NodeKey", read_node_key, r.node_key),
	MEMBER("DiscoKey", read_disco_key, r.disco_key),
	MEMBER("Stream", read_flag, r.stream),
	MEMBER("Hostinfo", skip_hostinfo, said),
	MEMBER("Endpoints", read_endpoints, endpoints),
	MEMBER("EndpointTypes", read_list, types),
	MEMBER("ReadOnly", read_flag, r.read_only),
	MEMBER("OmitPeers", read_flag, r.omit_peers),
};

/* ---- the whole ---- */

/* One that is known in other letters, or that came before, is for the tree. */
static const struct member *find_member(struct scan *s, struct fl_slice name)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (!fl_str_ieq(name, members[i].name))
			continue;
		if (!fl_slice_eq(name, members[i].name) || (s->seen & 1u << i) != 0)
			s->doubt = true;
		s->seen |= 1u << i;
		return &members[i];
	}
	return NULL;
}

static void read_member(struct scan *s)
{
	const struct member *m = find_member(s, take_string(s));

	need(s, ':');
	if (s->doubt || take_word(s, "null"))
		return;
	if (m != NULL)
		m->read(s, (char *)s + m->place);
	else
		skip_scalar(s);
}

static void read_members(struct scan *s)
{
	need(s, '{');
	do
		read_member(s);
	while (!s->doubt && take(s, ','));
	need(s, '}');
	if (s->rest.len > 0)
		s->doubt = true;
}

/* Both lists again, side by side: either may have come first. */
static bool add_endpoints(struct scan *s)
{
	struct scan texts = { .rest = s->endpoints.at }, types = { .rest = s->types.at };
	size_t n = s->endpoints.count;
	enum fl_err err = fl_endpoints_reserve(&s->r, &n);

	for (size_t i = 0; err == FL_OK && i < n; i++) {
		uint8_t type = i < s->types.count ? (uint8_t)take_number(&types, UINT8_MAX) : 0;
		err = fl_endpoints_add(&s->r, take_string(&texts), type);
		take(&texts, ',');
		take(&types, ',');
	}
	return err == FL_OK && !texts.doubt && !types.doubt;
}

bool fl_request_scan(struct fl_slice json, struct fl_slice said, struct fl_map_request *out)
{
	struct scan s = { .rest = json, .said = said };

	/* Each value or name takes a byte at least: only a longer text can have too many. */
	if (json.len - said.len > FL_JSON_VALUES_MAX)
		return false;
	end_token(&s, 0);
	read_members(&s);
	if (s.doubt)
		return false;
	if (!add_endpoints(&s)) {
		fl_map_request_done(&s.r);
		return false;
	}
	*out = s.r;
	return true;
}
