/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/tailcfg/hostinfo.c - checks and bounds Hostinfo, merges and compares it. */
#include "wire/tailcfg/hostinfo.h"

#include <stdlib.h>

#include "wire/tailcfg/hostinfo_json.h"

/* At most `max` bytes, never half a character. */
struct fl_slice fl_hostinfo_cut(struct fl_slice s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max > 0 && (s.ptr[max] & 0xc0) == 0x80)
		max--;
	return fl_slice_of(s.ptr, max);
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

static int compare_prefixes(const void *a, const void *b)
{
	return fl_prefix_cmp(a, b);
}

static void sort_routes(struct fl_hostinfo *h)
{
	size_t kept = 0;

	if (h->routes_count == 0)
		return;
	qsort(h->routes, h->routes_count, sizeof *h->routes, compare_prefixes);
	for (size_t i = 1; i < h->routes_count; i++)
		if (!fl_prefix_eq(&h->routes[kept], &h->routes[i]))
			h->routes[++kept] = h->routes[i];
	h->routes_count = kept + 1;
}

static enum fl_err read_routes(struct fl_hostinfo *h, struct fl_jv list)
{
	size_t n = at_most(fl_json_len(list), FL_HOSTINFO_ROUTES_MAX);

	if (n == 0)
		return FL_OK;
	h->routes = calloc(n, sizeof *h->routes);
	if (h->routes == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct fl_slice text = fl_json_str(fl_json_at(list, i));
		if (text.len == 0) /* null or Go's zero prefix */
			continue;
		struct fl_prefix *p = &h->routes[h->routes_count];
		enum fl_err err = fl_prefix_parse(text, p);
		if (err != FL_OK)
			return FL_ERR_SYNTAX;
		fl_prefix_mask(p);
		h->routes_count++;
	}
	sort_routes(h);
	return FL_OK;
}

static enum fl_err read_tags(struct fl_hostinfo *h, struct fl_jv list)
{
	size_t n = at_most(fl_json_len(list), FL_HOSTINFO_TAGS_MAX);

	for (size_t i = 0; i < n; i++) {
		struct fl_slice text = fl_json_str(fl_json_at(list, i));
		if (text.len == 0)
			continue;
		enum fl_err err = fl_strlist_add(&h->request_tags,
						 fl_hostinfo_cut(text, FL_HOSTINFO_STRING_MAX));
		if (err != FL_OK)
			return err;
	}
	fl_strlist_sort_unique(&h->request_tags);
	return FL_OK;
}

static enum fl_err read_text(struct fl_jv root, const char *name, char **out)
{
	struct fl_slice text = fl_json_str(fl_json_get(root, name));

	*out = fl_str_dup(fl_hostinfo_cut(text, FL_HOSTINFO_STRING_MAX));
	return *out != NULL ? FL_OK : FL_ERR_NOMEM;
}

/* These clients name themselves so, with more behind it. */
static bool reads_one_frame(struct fl_slice app)
{
	const struct fl_slice name = fl_slice_str("tailscale-rs");

	return app.len >= name.len && fl_slice_eq(fl_slice_of(app.ptr, name.len), name);
}

static enum fl_err read_fields(struct fl_hostinfo *h, struct fl_jv root)
{
	struct fl_jv info = fl_json_get(root, "NetInfo");
	enum fl_err err = read_text(root, "Hostname", &h->hostname);

	if (err == FL_OK)
		err = read_text(root, "OS", &h->os);
	if (err == FL_OK)
		err = read_routes(h, fl_json_get(root, "RoutableIPs"));
	if (err == FL_OK)
		err = read_tags(h, fl_json_get(root, "RequestTags"));
	h->one_frame = reads_one_frame(fl_json_str(fl_json_get(root, "App")));
	h->has_netinfo = fl_json_has(info);
	h->preferred_derp = (uint32_t)fl_json_u64(fl_json_get(info, "PreferredDERP"), UINT32_MAX);
	return err;
}

enum fl_err fl_hostinfo_from(struct fl_jv root, struct fl_hostinfo **out)
{
	struct fl_hostinfo *h = calloc(1, sizeof *h);
	if (h == NULL)
		return FL_ERR_NOMEM;

	h->refs = 1;
	enum fl_err err = read_fields(h, root);
	if (err == FL_OK)
		err = fl_hostinfo_normalise(h, root);
	if (err == FL_OK)
		err = fl_json_err(root.doc);
	if (err != FL_OK) {
		fl_hostinfo_unref(h);
		return err;
	}
	*out = h;
	return FL_OK;
}

enum fl_err fl_hostinfo_parse(struct fl_slice json, struct fl_hostinfo **out)
{
	struct fl_json *doc = NULL;

	if (json.len == 0 || fl_slice_is(json, "null"))
		json = fl_slice_str("{}");
	enum fl_err err = fl_json_parse(json, FL_JSON_DEPTH_MAX, &doc);
	if (err != FL_OK)
		return err;
	err = fl_hostinfo_from(fl_json_root(doc), out);
	fl_json_free(doc);
	return err;
}

struct fl_hostinfo *fl_hostinfo_ref(struct fl_hostinfo *h)
{
	h->refs++;
	return h;
}

struct fl_hostinfo *fl_hostinfo_unref(struct fl_hostinfo *h)
{
	if (h == NULL || --h->refs > 0)
		return NULL;
	free(h->hostname);
	free(h->os);
	free(h->routes);
	fl_strlist_done(&h->request_tags);
	free(h->json);
	free(h);
	return NULL;
}

/* fresh's text and old's NetInfo behind it; only its home region if the whole is too long. */
static void join_texts(const struct fl_hostinfo *old, const struct fl_hostinfo *fresh,
		       struct fl_buf *out)
{
	struct fl_slice info = fl_slice_skip(fl_slice_of(old->json, old->json_len), old->peer_len);
	size_t comma = info.len > 0 && info.ptr[0] == ',';
	bool first = fresh->peer_len == 1; /* nothing but the brace */

	fl_buf_put(out, fresh->json, fresh->peer_len);
	if (!first)
		fl_buf_byte(out, ',');
	if (fresh->peer_len + 1 + info.len <= FL_HOSTINFO_TEXT_MAX)
		fl_buf_put(out, info.ptr + comma, info.len - comma);
	else
		fl_buf_printf(out, "\"NetInfo\":{\"PreferredDERP\":%u}}", old->preferred_derp);
}

enum fl_err fl_hostinfo_merge(struct fl_hostinfo *old, struct fl_hostinfo *fresh,
			      struct fl_hostinfo **out)
{
	if (old == NULL || !old->has_netinfo || fresh->has_netinfo) {
		*out = fl_hostinfo_ref(fresh);
		return FL_OK;
	}
	struct fl_buf text = fl_buf_make(FL_HOSTINFO_JSON_MAX);
	join_texts(old, fresh, &text);
	enum fl_err err = fl_buf_err(&text);
	if (err == FL_OK)
		err = fl_hostinfo_parse(fl_buf_slice(&text), out);
	fl_buf_done(&text);
	return err;
}

bool fl_hostinfo_is_empty(const struct fl_hostinfo *h)
{
	return h->json_len <= strlen("{}");
}

/* One object of both: of equal names the later counts, and empty members are in neither text. */
enum fl_err fl_hostinfo_fill(const struct fl_hostinfo *old, const struct fl_hostinfo *fresh,
			     struct fl_hostinfo **out)
{
	struct fl_buf text = fl_buf_make((size_t)2 * FL_HOSTINFO_JSON_MAX);

	fl_buf_put(&text, old->json, old->json_len - 1);
	if (!fl_hostinfo_is_empty(old) && !fl_hostinfo_is_empty(fresh))
		fl_buf_byte(&text, ',');
	fl_buf_put(&text, fresh->json + 1, fresh->json_len - 1);
	enum fl_err err = fl_buf_err(&text);
	if (err == FL_OK)
		err = fl_hostinfo_parse(fl_buf_slice(&text), out);
	fl_buf_done(&text);
	return err;
}

bool fl_hostinfo_eq(const struct fl_hostinfo *a, const struct fl_hostinfo *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return fl_slice_eq(fl_slice_of(a->json, a->json_len), fl_slice_of(b->json, b->json_len));
}

void fl_hostinfo_learn(struct fl_hostinfo *old, const struct fl_hostinfo *fresh)
{
	if (old != fresh && fl_hostinfo_eq(old, fresh))
		old->source = fresh->source;
}
