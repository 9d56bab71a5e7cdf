/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/netmap/dns.c - DNS settings as one node gets them.
 *
 * They are the same text for all nodes but where NextDNS is a resolver: it tells devices apart by
 * what stands in the URL, and an attribute of a node may name another profile for it.
 *
 * Source: docs/policy.md 7.4; docs/lifecycle.md NM-6.
 */
#include "domain/netmap/internal.h"

static const char addr[] = "\"Addr\":\"https://dns.nextdns.io";

enum { PROFILE_MAX = 64 };

/* Where the next resolver of theirs stands, behind its host; len of the text: there is none. */
static size_t find_next(struct fl_slice text, size_t from)
{
	const size_t n = sizeof addr - 1;

	for (size_t i = from; i + n < text.len; i++) {
		uint8_t after = text.ptr[i + n];
		if (memcmp(text.ptr + i, addr, n) == 0 &&
		    (after == '/' || after == '?' || after == '"'))
			return i + n;
	}
	return text.len;
}

bool fl_netmap_is_personal(struct fl_slice dns)
{
	return find_next(dns, 0) < dns.len;
}

/* ---- what attributes say ---- */

static bool is_profile(const char *s)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len <= PROFILE_MAX && s[len] == '\0';
}

struct wish {
	const char *profile; /* or NULL */
	bool anonymous;
};

static struct wish wish_of(const struct fl_netmap_self *self)
{
	struct wish w = { 0 };

	for (size_t i = 0; i < self->attrs_count; i++) {
		const char *name = self->attrs[i].name;
		if (strncmp(name, "nextdns:", 8) != 0)
			continue;
		name += 8;
		if (strcmp(name, "no-device-info") == 0)
			w.anonymous = true;
		else if (is_profile(name) && (w.profile == NULL || strcmp(name, w.profile) < 0))
			w.profile = name;
	}
	return w;
}

/* ---- writing ---- */

/* Percent-encoded, which leaves nothing that JSON would escape. */
static void put_encoded(struct fl_buf *b, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL)
			fl_buf_byte(b, (uint8_t)*s);
		else
			fl_buf_printf(b, "%%%02X", (unsigned)(uint8_t)*s);
	}
}

static void put_device(struct fl_buf *b, const struct fl_node *n, bool first)
{
	const struct fl_ip *ip = fl_ip_is_set(&n->ip4) ? &n->ip4 : &n->ip6;
	char text[FL_IP_TEXT_MAX] = "";

	if (fl_ip_is_set(ip))
		fl_ip_format(ip, text);
	fl_buf_str(b, first ? "?device_ip=" : "\\u0026device_ip=");
	put_encoded(b, text);
	fl_buf_str(b, "\\u0026device_model=");
	put_encoded(b, n->hostinfo->os);
	fl_buf_str(b, "\\u0026device_name=");
	put_encoded(b, n->given_name);
}

/* What stands between the host and the end of the address. */
static void put_rest(struct fl_buf *b, struct fl_slice rest, const struct wish *w,
		     const struct fl_node *n)
{
	const uint8_t *query = rest.len > 0 ? memchr(rest.ptr, '?', rest.len) : NULL;
	size_t path = query != NULL ? (size_t)(query - rest.ptr) : rest.len;

	if (w->profile != NULL) {
		fl_buf_printf(b, "/%s", w->profile);
		fl_buf_put(b, rest.ptr + path, rest.len - path);
	} else {
		fl_buf_put(b, rest.ptr, rest.len);
	}
	if (!w->anonymous)
		put_device(b, n, query == NULL);
}

void fl_netmap_put_dns(struct fl_jw *w, const struct fl_netmap_config *cfg,
		       const struct fl_netmap_self *self)
{
	struct fl_slice text = fl_bytes_slice(cfg->dns);

	if (!cfg->personal_dns || self->node == NULL) {
		fl_jw_raw(w, text);
		return;
	}
	const struct wish wish = wish_of(self);
	struct fl_buf own = fl_buf_make(FL_NETMAP_DNS_MAX);
	size_t from = 0;
	for (size_t at; (at = find_next(text, from)) < text.len;) {
		fl_buf_put(&own, text.ptr + from, at - from);
		const uint8_t *quote = memchr(text.ptr + at, '"', text.len - at);
		from = (size_t)(quote - text.ptr);
		put_rest(&own, fl_slice_of(text.ptr + at, from - at), &wish, self->node);
	}
	fl_buf_put(&own, text.ptr + from, text.len - from);
	fl_jw_raw(w, fl_buf_slice(&own));
	if (fl_buf_err(&own) != FL_OK && w->out->err == FL_OK)
		w->out->err = fl_buf_err(&own);
	fl_buf_done(&own);
}
