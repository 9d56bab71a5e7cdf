/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/hostinfo.c - checks, bounds and normalises Hostinfo.
 *
 * A table says which members are kept, of which kind, and how dear they are. If the text of all
 * of them is over the limit, it is written again at the next level, with fewer of them.
 */
#include "wire/tailcfg/hostinfo.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/jw.h"
#include "wire/tailcfg/hostinfo_json.h"

enum {
	SSH_KEY_MAX = 1024,
	SHORT_LIST_MAX = 16,
	LATENCY_NAME_MAX = 32,
	MERGE_SLACK = 64, /* room for a NetInfo with just a home region in every text */
};

enum kind {
	KIND_TEXT,
	KIND_BOOL,  /* false is left out */
	KIND_MAYBE, /* opt.Bool: unset is left out */
	KIND_UINT,
	KIND_REAL,
	KIND_TEXTS,
	KIND_SSH_KEYS,
	KIND_LATENCY,
	KIND_SERVICES,
	KIND_OBJECT,
	KIND_ROUTES, /* from the parsed fields */
	KIND_TAGS,
};

/* Up to which level a member is written; level 0 is the first attempt. */
enum level { LEVEL_LIST, LEVEL_PLAIN, LEVEL_CLAIM, LEVEL_CORE };

struct member {
	const char *name;
	enum kind kind;
	enum level until;
	const struct member *sub; /* KIND_OBJECT, ends with a NULL name */
};

static const struct member net_info[] = {
	{ "MappingVariesByDestIP", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "WorkingIPv6", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "OSHasIPv6", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "WorkingUDP", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "WorkingICMPv4", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "HavePortMap", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "UPnP", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "PMP", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "PCP", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "PreferredDERP", KIND_UINT, LEVEL_CORE, NULL },
	{ "LinkType", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "DERPLatency", KIND_LATENCY, LEVEL_LIST, NULL },
	{ "FirewallMode", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ NULL },
};

static const struct member location[] = {
	{ "Country", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "CountryCode", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "City", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "CityCode", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Latitude", KIND_REAL, LEVEL_PLAIN, NULL },
	{ "Longitude", KIND_REAL, LEVEL_PLAIN, NULL },
	{ "Priority", KIND_UINT, LEVEL_PLAIN, NULL },
	{ NULL },
};

static const struct member tpm[] = {
	{ "Manufacturer", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Vendor", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Model", KIND_UINT, LEVEL_PLAIN, NULL },
	{ "FirmwareVersion", KIND_UINT, LEVEL_PLAIN, NULL },
	{ "SpecRevision", KIND_UINT, LEVEL_PLAIN, NULL },
	{ "FamilyIndicator", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ NULL },
};

static const struct member service[] = {
	{ "Proto", KIND_TEXT, LEVEL_LIST, NULL },
	{ "Port", KIND_UINT, LEVEL_LIST, NULL },
	{ "Description", KIND_TEXT, LEVEL_LIST, NULL },
	{ NULL },
};

static const struct member host_info[] = {
	{ "IPNVersion", KIND_TEXT, LEVEL_CORE, NULL },
	{ "OS", KIND_TEXT, LEVEL_CORE, NULL },
	{ "OSVersion", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Container", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "Env", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Distro", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "DistroVersion", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "DistroCodeName", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "App", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Desktop", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "Package", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "DeviceModel", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Hostname", KIND_TEXT, LEVEL_CORE, NULL },
	{ "ShieldsUp", KIND_BOOL, LEVEL_CORE, NULL },
	{ "ShareeNode", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "NoLogsNoSupport", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "RemoteConfig", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "WireIngress", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "IngressEnabled", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "AllowsUpdate", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "Machine", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "GoArch", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "GoArchVar", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "GoVersion", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "RoutableIPs", KIND_ROUTES, LEVEL_CLAIM, NULL },
	{ "RequestTags", KIND_TAGS, LEVEL_CLAIM, NULL },
	{ "WoLMACs", KIND_TEXTS, LEVEL_LIST, NULL },
	{ "Services", KIND_SERVICES, LEVEL_LIST, NULL },
	{ "sshHostKeys", KIND_SSH_KEYS, LEVEL_LIST, NULL },
	{ "Cloud", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Userspace", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "UserspaceRouter", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "AppConnector", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ "ServicesHash", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "PeerRelay", KIND_BOOL, LEVEL_PLAIN, NULL },
	{ "ExitNodeID", KIND_TEXT, LEVEL_PLAIN, NULL },
	{ "Location", KIND_OBJECT, LEVEL_PLAIN, location },
	{ "TPM", KIND_OBJECT, LEVEL_PLAIN, tpm },
	{ "StateEncrypted", KIND_MAYBE, LEVEL_PLAIN, NULL },
	{ NULL },
};

/* What a text is written from. */
struct source {
	const struct fl_hostinfo *h;
	enum level level;
};

/* At most `max` bytes, never half a character. */
static struct fl_slice cut(struct fl_slice s, size_t max)
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

/* Six digits are more than a latency has, and stay the same when read and written again. */
static void put_real(struct fl_jw *w, double v)
{
	char text[32];

	snprintf(text, sizeof text, "%.6g", v);
	fl_jw_raw(w, fl_slice_str(text));
}

static void put_texts(struct fl_jw *w, struct fl_jv list, size_t max, size_t text_max)
{
	size_t n = at_most(fl_json_len(list), max);

	fl_jw_arr(w);
	for (size_t i = 0; i < n; i++)
		fl_jw_text(w, cut(fl_json_str(fl_json_at(list, i)), text_max));
	fl_jw_arr_end(w);
}

static void put_latency(struct fl_jw *w, struct fl_jv map)
{
	struct fl_slice name;
	struct fl_jv v;
	void *at = NULL;

	fl_jw_obj(w);
	for (size_t n = 0; n < FL_HOSTINFO_DERP_LATENCY_MAX && fl_json_next(map, &at, &name, &v);
	     n++) {
		double seconds = fl_json_f64(v);
		fl_jw_key_text(w, cut(name, LATENCY_NAME_MAX));
		put_real(w, seconds);
	}
	fl_jw_obj_end(w);
}

static void put_routes(struct fl_jw *w, const struct fl_hostinfo *h)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_jw_arr(w);
	for (size_t i = 0; i < h->routes_count; i++) {
		fl_prefix_format(&h->routes[i], text);
		fl_jw_str(w, text);
	}
	fl_jw_arr_end(w);
}

static void put_tags(struct fl_jw *w, const struct fl_hostinfo *h)
{
	fl_jw_arr(w);
	for (size_t i = 0; i < h->request_tags.len; i++)
		fl_jw_str(w, h->request_tags.at[i]);
	fl_jw_arr_end(w);
}

/* A member without content is left out, as Go's omitempty does. */
static bool is_empty(const struct member *m, struct fl_jv v, const struct fl_hostinfo *h)
{
	switch (m->kind) {
	case KIND_TEXT:
		return fl_json_str(v).len == 0;
	case KIND_BOOL:
		return !fl_json_bool(v);
	case KIND_UINT:
		return fl_json_u64(v, INT64_MAX) == 0;
	case KIND_REAL:
		return !(fl_json_f64(v) < 0) && !(fl_json_f64(v) > 0);
	case KIND_TEXTS:
	case KIND_SSH_KEYS:
	case KIND_SERVICES:
		return fl_json_len(v) == 0;
	case KIND_ROUTES:
		return h->routes_count == 0;
	case KIND_TAGS:
		return h->request_tags.len == 0;
	case KIND_MAYBE:
	case KIND_LATENCY:
	case KIND_OBJECT:
		return !fl_json_has(v);
	}
	return true;
}

static void put_members(struct fl_jw *w, struct fl_jv obj, const struct member *m,
			const struct source *src);

static void put_services(struct fl_jw *w, struct fl_jv list, const struct source *src)
{
	size_t n = at_most(fl_json_len(list), FL_HOSTINFO_SERVICES_MAX);

	fl_jw_arr(w);
	for (size_t i = 0; i < n; i++) {
		fl_jw_obj(w);
		put_members(w, fl_json_at(list, i), service, src);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

static void put_value(struct fl_jw *w, const struct member *m, struct fl_jv v,
		      const struct source *src)
{
	switch (m->kind) {
	case KIND_TEXT:
		fl_jw_text(w, cut(fl_json_str(v), FL_HOSTINFO_STRING_MAX));
		return;
	case KIND_BOOL:
	case KIND_MAYBE:
		fl_jw_bool(w, fl_json_bool(v));
		return;
	case KIND_UINT:
		fl_jw_u64(w, fl_json_u64(v, INT64_MAX));
		return;
	case KIND_REAL:
		put_real(w, fl_json_f64(v));
		return;
	case KIND_TEXTS:
		put_texts(w, v, SHORT_LIST_MAX, FL_HOSTINFO_STRING_MAX);
		return;
	case KIND_SSH_KEYS:
		put_texts(w, v, FL_HOSTINFO_SSH_KEYS_MAX, SSH_KEY_MAX);
		return;
	case KIND_LATENCY:
		put_latency(w, v);
		return;
	case KIND_SERVICES:
		put_services(w, v, src);
		return;
	case KIND_OBJECT:
		fl_jw_obj(w);
		put_members(w, v, m->sub, src);
		fl_jw_obj_end(w);
		return;
	case KIND_ROUTES:
		put_routes(w, src->h);
		return;
	case KIND_TAGS:
		put_tags(w, src->h);
		return;
	}
}

static void put_members(struct fl_jw *w, struct fl_jv obj, const struct member *m,
			const struct source *src)
{
	for (; m->name != NULL; m++) {
		struct fl_jv v = fl_json_get(obj, m->name);
		if (is_empty(m, v, src->h) || m->until < src->level)
			continue;
		fl_jw_key(w, m->name);
		put_value(w, m, v, src);
	}
}

/* Writes the text at one level; NetInfo last, so that it can be exchanged. */
static void put_text(struct fl_buf *out, struct fl_jv root, struct source src, size_t *out_peer_len)
{
	struct fl_jw w = fl_jw_make(out);
	struct fl_jv info = fl_json_get(root, "NetInfo");

	fl_jw_obj(&w);
	put_members(&w, root, host_info, &src);
	*out_peer_len = out->len;
	if (src.h->has_netinfo) {
		fl_jw_key(&w, "NetInfo");
		fl_jw_obj(&w);
		put_members(&w, info, net_info, &src);
		fl_jw_obj_end(&w);
	}
	fl_jw_obj_end(&w);
}

/* Text over the limit even without lists and decoration: the claims themselves are too large. */
static void drop_claims(struct fl_hostinfo *h)
{
	h->routes_count = 0;
	fl_strlist_done(&h->request_tags);
}

static enum fl_err keep_text(struct fl_hostinfo *h, struct fl_slice text, size_t peer_len)
{
	h->json = fl_str_dup(text);
	if (h->json == NULL)
		return FL_ERR_NOMEM;
	h->json_len = text.len;
	h->peer_len = peer_len;
	return FL_OK;
}

static enum fl_err normalise(struct fl_hostinfo *h, struct fl_jv root)
{
	struct fl_buf out = fl_buf_make(FL_HOSTINFO_JSON_MAX - MERGE_SLACK);
	size_t peer_len = 0;
	unsigned level = LEVEL_LIST;

	put_text(&out, root, (struct source){ h, level }, &peer_len);
	while (fl_buf_err(&out) == FL_ERR_TOO_BIG && level < LEVEL_CORE) {
		if (++level == LEVEL_CORE)
			drop_claims(h);
		fl_buf_reset(&out);
		put_text(&out, root, (struct source){ h, level }, &peer_len);
	}
	enum fl_err err = fl_buf_err(&out);
	if (err == FL_OK)
		err = keep_text(h, fl_buf_slice(&out), peer_len);
	fl_buf_done(&out);
	return err;
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
		enum fl_err err =
			fl_strlist_add(&h->request_tags, cut(text, FL_HOSTINFO_STRING_MAX));
		if (err != FL_OK)
			return err;
	}
	fl_strlist_sort_unique(&h->request_tags);
	return FL_OK;
}

static enum fl_err read_text(struct fl_jv root, const char *name, char **out)
{
	struct fl_slice text = fl_json_str(fl_json_get(root, name));

	*out = fl_str_dup(cut(text, FL_HOSTINFO_STRING_MAX));
	return *out != NULL ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err read_fields(struct fl_hostinfo *h, struct fl_jv root)
{
	struct fl_jv info = fl_json_get(root, "NetInfo");
	enum fl_err err = read_text(root, "Hostname", &h->hostname);

	if (err == FL_OK)
		err = read_text(root, "OS", &h->os);
	if (err == FL_OK)
		err = read_text(root, "IPNVersion", &h->client_version);
	if (err == FL_OK)
		err = read_routes(h, fl_json_get(root, "RoutableIPs"));
	if (err == FL_OK)
		err = read_tags(h, fl_json_get(root, "RequestTags"));
	h->shields_up = fl_json_bool(fl_json_get(root, "ShieldsUp"));
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
		err = normalise(h, root);
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
	free(h->client_version);
	free(h->routes);
	fl_strlist_done(&h->request_tags);
	free(h->json);
	free(h);
	return NULL;
}

/* fresh's text with a NetInfo behind it: old's whole, or only its home region if that is too long.
 */
static void join_texts(const struct fl_hostinfo *old, const struct fl_hostinfo *fresh,
		       struct fl_buf *out)
{
	struct fl_slice info = fl_slice_skip(fl_slice_of(old->json, old->json_len), old->peer_len);
	size_t comma = info.len > 0 && info.ptr[0] == ',';
	bool first = fresh->peer_len == 1; /* nothing but the brace */

	fl_buf_put(out, fresh->json, fresh->peer_len);
	if (!first)
		fl_buf_byte(out, ',');
	if (fresh->peer_len + 1 + info.len <= FL_HOSTINFO_JSON_MAX - MERGE_SLACK)
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

bool fl_hostinfo_eq(const struct fl_hostinfo *a, const struct fl_hostinfo *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return fl_slice_eq(fl_slice_of(a->json, a->json_len), fl_slice_of(b->json, b->json_len));
}

bool fl_hostinfo_same_for_peers(const struct fl_hostinfo *a, const struct fl_hostinfo *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->preferred_derp == b->preferred_derp &&
	       fl_slice_eq(fl_slice_of(a->json, a->peer_len), fl_slice_of(b->json, b->peer_len));
}
