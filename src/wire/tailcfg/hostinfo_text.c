/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/hostinfo_text.c - the normalised text of a Hostinfo.
 *
 * A table says which members are kept, of which kind, and how dear they are. If the text of all
 * of them is over the limit, it is written again at the next level, with fewer of them.
 */
#include "wire/tailcfg/hostinfo_json.h"

#include <stdio.h>

#include "base/jw.h"

enum {
	SSH_KEY_MAX = 1024,
	SHORT_LIST_MAX = 16,
	LATENCY_NAME_MAX = 32,
	MEMBERS_MAX = 48, /* of any table below */
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

_Static_assert(sizeof host_info / sizeof *host_info <= MEMBERS_MAX, "gather needs room");

/* What a text is written from. */
struct source {
	const struct fl_hostinfo *h;
	enum level level;
};

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
		fl_jw_text(w, fl_hostinfo_cut(fl_json_str(fl_json_at(list, i)), text_max));
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
		fl_jw_key_text(w, fl_hostinfo_cut(name, LATENCY_NAME_MAX));
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

static void put_members(struct fl_jw *w, struct fl_jv obj, const struct member *table,
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
		fl_jw_text(w, fl_hostinfo_cut(fl_json_str(v), FL_HOSTINFO_STRING_MAX));
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

static const struct member *find_member(const struct member *m, struct fl_slice name)
{
	for (; m->name != NULL; m++)
		if (name.len > 0 && ((name.ptr[0] ^ m->name[0]) & 0xdf) == 0 &&
		    fl_str_ieq(name, fl_slice_str(m->name)))
			return m;
	return NULL;
}

/* The value of each member of the table, in one walk over the object; the last duplicate wins. */
static void gather(struct fl_jv obj, const struct member *table,
		   struct fl_jv found[static MEMBERS_MAX])
{
	struct fl_slice name;
	struct fl_jv v;

	for (size_t i = 0; i < MEMBERS_MAX; i++)
		found[i] = (struct fl_jv){ .doc = obj.doc };
	for (void *at = NULL; fl_json_next(obj, &at, &name, &v);) {
		const struct member *m = find_member(table, name);
		if (m != NULL)
			found[m - table] = v;
	}
}

static void put_members(struct fl_jw *w, struct fl_jv obj, const struct member *table,
			const struct source *src)
{
	struct fl_jv found[MEMBERS_MAX];

	gather(obj, table, found);
	for (const struct member *m = table; m->name != NULL; m++) {
		struct fl_jv v = found[m - table];
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

enum fl_err fl_hostinfo_normalise(struct fl_hostinfo *h, struct fl_jv root)
{
	struct fl_buf out = fl_buf_make(FL_HOSTINFO_TEXT_MAX);
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
