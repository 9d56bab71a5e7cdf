/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/frame.c - from the bytes of a frame to what it says. */
#include "frame.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <zstd.h>

#include "base/text.h"

enum {
	RECENT = 64,          /* frames that may still reach others */
	KEEP_TEXT = 16 << 10, /* longer ones are not kept for the report */
	STRICT = 4 << 10,     /* up to here another parser must agree that it is JSON */
	SEEN = 1 << 16,       /* texts of peers that need no second reading */
};

static struct {
	struct fl_bytes *bytes;
	struct frame *frame;
} recent[RECENT];
static size_t recent_next;

/* ---- growing lists ---- */

static void *grown(void *at, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0 && count != 0)
		return at;
	void *more = reallocarray(at, count != 0 ? 2 * count : 1, size);
	if (more == NULL)
		abort();
	return more;
}

/* ---- one peer ---- */

static uint64_t time_of(struct fl_slice raw)
{
	fl_wall t = 0;

	return fl_wall_parse(scan_string(raw), &t) == FL_OK ? (uint64_t)t : 0;
}

static bool field_of(struct fl_slice name, enum peer_field *out)
{
	for (int f = 0; f < PEER_FIELDS; f++)
		if (scan_is(name, peer_field_name((enum peer_field)f))) {
			*out = (enum peer_field)f;
			return true;
		}
	return false;
}

static uint64_t field_value(enum peer_field f, struct fl_slice raw)
{
	switch (f) {
	case PEER_EXPIRY:
	case PEER_SEEN:
		return time_of(raw);
	case PEER_DERP:
	case PEER_CAP:
		return scan_number(raw);
	case PEER_ONLINE:
		return scan_is(raw, "true") ? 2 : 1;
	case PEER_ENDPOINTS:
		return scan_is(raw, "[]") ? 0 : scan_hash(f, raw);
	case PEER_KEY:
	case PEER_DISCO:
	case PEER_CAPMAP:
	case PEER_FIELDS:
		break;
	}
	return scan_hash(f, raw);
}

static bool in_list(struct fl_slice list, struct fl_slice item)
{
	struct scan s = scan_list(list);
	struct fl_slice other;

	while (scan_item(&s, &other))
		if (other.len == item.len && memcmp(other.ptr, item.ptr, item.len) == 0)
			return true;
	return false;
}

static void read_routes(struct peer *p, struct fl_slice allowed, struct fl_slice own)
{
	struct scan s = scan_list(allowed);
	struct fl_slice item;

	while (allowed.len > 0 && scan_item(&s, &item)) {
		if (in_list(own, item) || scan_is(item, "\"0.0.0.0/0\"") ||
		    scan_is(item, "\"::/0\""))
			continue;
		if (p->routes_count < PEER_ROUTES_MAX)
			p->routes[p->routes_count++] = scan_hash(7, item);
	}
}

/* By the hash of its text: maps repeat what they said of a peer. */
static struct {
	uint64_t hash;
	const struct peer *peer;
} seen[SEEN];

static const char *read_peer_anew(struct fl_slice raw, const struct peer **out)
{
	struct peer p = { 0 };
	struct scan s = scan_object(raw);
	struct fl_slice name, value, allowed = { 0 }, own = { 0 };
	enum peer_field f;

	while (scan_member(&s, &name, &value)) {
		if (scan_is(name, "DERP"))
			continue; /* the old form of HomeDERP */
		if (field_of(name, &f)) {
			p.has |= UINT64_C(1) << f;
			p.field[f] = field_value(f, value);
			continue;
		}
		p.rest += scan_hash(scan_hash(3, name), value); /* in any order */
		if (scan_is(name, "ID"))
			p.id = scan_number(value);
		else if (scan_is(name, "User"))
			p.user = scan_number(value);
		else if (scan_is(name, "Name"))
			p.name = scan_hash(5, value);
		else if (scan_is(name, "Expired"))
			p.expired = scan_is(value, "true");
		else if (scan_is(name, "Tags"))
			p.tagged = 1;
		else if (scan_is(name, "AllowedIPs"))
			allowed = value;
		else if (scan_is(name, "Addresses"))
			own = value;
	}
	if (s.bad || p.id == 0)
		return "a peer cannot be read, or has no ID";
	if (p.name == 0 || p.user == 0 || (p.has & (1 << PEER_KEY)) == 0)
		return "a peer lacks Name, User or Key";
	read_routes(&p, allowed, own);
	*out = peer_intern(&p);
	return NULL;
}

const char *frame_read_peer(struct fl_slice raw, const struct peer **out)
{
	uint64_t hash = scan_hash(13, raw);
	size_t i = hash & (SEEN - 1);

	if (seen[i].hash == hash) {
		*out = seen[i].peer;
		return NULL;
	}
	const char *bad = read_peer_anew(raw, out);
	if (bad == NULL) {
		seen[i].hash = hash;
		seen[i].peer = *out;
	}
	return bad;
}

static const char *read_peers(struct fl_slice raw, const struct peer ***list, size_t *count)
{
	struct scan s = scan_list(raw);
	struct fl_slice item;

	while (scan_item(&s, &item)) {
		*list = grown(*list, *count, sizeof **list);
		const char *bad = frame_read_peer(item, &(*list)[*count]);
		if (bad != NULL)
			return bad;
		++*count;
	}
	if (s.bad)
		return "a list of peers cannot be read";
	return *count == 0 ? "an empty list of peers, which clients take for no change" : NULL;
}

/* ---- the other lists ---- */

static const char *read_removed(struct fl_slice raw, struct frame *f)
{
	struct scan s = scan_list(raw);
	struct fl_slice item;

	while (scan_item(&s, &item)) {
		f->removed = grown(f->removed, f->removed_count, sizeof *f->removed);
		f->removed[f->removed_count++] = scan_number(item);
	}
	return s.bad || f->removed_count == 0 ? "PeersRemoved is broken or empty" : NULL;
}

static const char *read_patch(struct fl_slice raw, struct patch *p)
{
	struct scan s = scan_object(raw);
	struct fl_slice name, value;
	enum peer_field f;

	*p = (struct patch){ 0 };
	while (scan_member(&s, &name, &value)) {
		if (scan_is(name, "NodeID")) {
			p->id = scan_number(value);
			continue;
		}
		if (scan_is(name, "DERPRegion"))
			f = PEER_DERP;
		else if (!field_of(name, &f))
			return "a patch carries what none can";
		p->has |= UINT64_C(1) << f;
		p->field[f] = field_value(f, value);
	}
	return s.bad || p->id == 0 || p->has == 0 ? "a patch is broken or says nothing" : NULL;
}

static const char *read_patches(struct fl_slice raw, struct frame *f)
{
	struct scan s = scan_list(raw);
	struct fl_slice item;

	while (scan_item(&s, &item)) {
		f->patches = grown(f->patches, f->patches_count, sizeof *f->patches);
		const char *bad = read_patch(item, &f->patches[f->patches_count]);
		if (bad != NULL)
			return bad;
		f->patches_count++;
	}
	return s.bad || f->patches_count == 0 ? "PeersChangedPatch is broken or empty" : NULL;
}

static const char *read_profiles(struct fl_slice raw, struct frame *f)
{
	struct scan s = scan_list(raw);
	struct fl_slice item, name, value;

	while (scan_item(&s, &item)) {
		struct profile p = { .hash = scan_hash(9, item) };
		struct scan o = scan_object(item);
		while (scan_member(&o, &name, &value))
			if (scan_is(name, "ID"))
				p.id = scan_number(value);
		if (o.bad || p.id == 0)
			return "a profile cannot be read";
		f->profiles = grown(f->profiles, f->profiles_count, sizeof *f->profiles);
		f->profiles[f->profiles_count++] = p;
	}
	return s.bad || f->profiles_count == 0 ? "UserProfiles is broken or empty" : NULL;
}

const char *setting_name(enum setting s)
{
	static const char *const names[SETTINGS] = {
		[SETTING_DERP] = "DERPMap",  [SETTING_DNS] = "DNSConfig",
		[SETTING_DOMAIN] = "Domain", [SETTING_FILTERS] = "PacketFilters",
		[SETTING_SSH] = "SSHPolicy", [SETTING_COLLECT] = "CollectServices",
	};
	return names[s];
}

/* The client asks the path of the URL, at the server it is connected to. */
static const char *read_ping(struct fl_slice raw, struct frame *f)
{
	struct scan s = scan_object(raw);
	struct fl_slice name, value;
	char url[256];

	while (scan_member(&s, &name, &value)) {
		f->c2n = f->c2n || scan_is(name, "Payload");
		if (!scan_is(name, "URL"))
			continue;
		if (!fl_str_copy(url, sizeof url, scan_string(value)))
			return "the URL of a ping is too long";
		const char *id = strstr(url, "?id=");
		f->ping = id != NULL ? strtoull(id + 4, NULL, 16) : 0;
	}
	return s.bad || f->ping == 0 ? "a ping without an id" : NULL;
}

/* ---- the message ---- */

static const char *read_member(struct frame *f, struct fl_slice name, struct fl_slice value)
{
	if (scan_is(name, "KeepAlive"))
		f->keepalive = scan_is(value, "true");
	else if (scan_is(name, "Node"))
		return frame_read_peer(value, &f->node);
	else if (scan_is(name, "PingRequest"))
		return read_ping(value, f);
	else if (scan_is(name, "Peers")) {
		f->has_peers = true;
		return read_peers(value, &f->peers, &f->peers_count);
	} else if (scan_is(name, "PeersChanged"))
		return read_peers(value, &f->changed, &f->changed_count);
	else if (scan_is(name, "PeersRemoved"))
		return read_removed(value, f);
	else if (scan_is(name, "PeersChangedPatch"))
		return read_patches(value, f);
	else if (scan_is(name, "UserProfiles"))
		return read_profiles(value, f);
	for (int i = 0; i < SETTINGS; i++)
		if (scan_is(name, setting_name((enum setting)i)))
			f->setting[i] = scan_hash((uint64_t)i + 20, value);
	return NULL;
}

static const char *contradiction(const struct frame *f)
{
	for (size_t i = 0; i < f->removed_count; i++)
		for (size_t k = 0; k < f->changed_count; k++)
			if (f->removed[i] == f->changed[k]->id)
				return "a peer is changed and removed in one message";
	return NULL;
}

static void read_message(struct fl_slice json, struct frame *f)
{
	struct scan s = scan_object(json);
	struct fl_slice name, value;

	while (f->bad == NULL && scan_member(&s, &name, &value))
		f->bad = read_member(f, name, value);
	if (f->bad == NULL && s.bad)
		f->bad = "it is not JSON";
	if (f->bad == NULL)
		f->bad = contradiction(f);
}

/* Of the server: it is kept for the report, and another parser must take it too. */
static void read_sent(struct fl_slice json, struct frame *f)
{
	f->json_len = json.len;
	f->hash = scan_hash(11, json);
	if (json.len < KEEP_TEXT)
		f->json = strndup((const char *)json.ptr, json.len);
	read_message(json, f);
	if (f->bad != NULL || json.len > STRICT)
		return;
	json_t *doc = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
	if (doc == NULL)
		f->bad = "it is not JSON to another parser";
	json_decref(doc);
}

/* ---- compression ---- */

static struct {
	ZSTD_DCtx *ctx;
	uint8_t *at;
	size_t cap;
} plain;

static bool is_zstd(struct fl_slice body)
{
	return body.len >= 4 && memcmp(body.ptr, "\x28\xb5\x2f\xfd", 4) == 0;
}

static void make_room(size_t n)
{
	if (n <= plain.cap)
		return;
	plain.cap = 2 * n;
	plain.at = realloc(plain.at, plain.cap);
	if (plain.at == NULL)
		abort();
}

/* Every frame states its size; several in a row are one text. */
static bool open_zstd(struct fl_slice body, struct fl_slice *out)
{
	size_t len = 0;

	if (plain.ctx == NULL)
		plain.ctx = ZSTD_createDCtx();
	while (body.len > 0) {
		size_t n = ZSTD_findFrameCompressedSize(body.ptr, body.len);
		unsigned long long size = ZSTD_getFrameContentSize(body.ptr, body.len);
		if (ZSTD_isError(n) || size > (64u << 20))
			return false;
		make_room(len + (size_t)size + 1);
		size_t got =
			ZSTD_decompressDCtx(plain.ctx, plain.at + len, (size_t)size, body.ptr, n);
		if (ZSTD_isError(got))
			return false;
		len += got;
		body = fl_slice_skip(body, n);
	}
	*out = fl_slice_of(plain.at, len);
	return true;
}

/* ---- life ---- */

struct frame *frame_ref(struct frame *f)
{
	f->refs++;
	return f;
}

void frame_unref(struct frame *f)
{
	if (f == NULL || --f->refs > 0)
		return;
	free(f->peers);
	free(f->changed);
	free(f->removed);
	free(f->patches);
	free(f->profiles);
	free(f->json);
	free(f);
}

static struct frame *find_recent(const struct fl_bytes *from)
{
	for (size_t i = 0; i < RECENT; i++)
		if (recent[i].bytes == from)
			return recent[i].frame;
	return NULL;
}

static void keep_recent(struct fl_bytes *from, struct frame *f)
{
	size_t i = recent_next++ % RECENT;

	fl_bytes_unref(recent[i].bytes);
	frame_unref(recent[i].frame);
	recent[i].bytes = fl_bytes_ref(from);
	recent[i].frame = frame_ref(f);
}

static struct frame *frame_new(void)
{
	struct frame *f = calloc(1, sizeof *f);

	if (f == NULL)
		abort();
	f->refs = 1;
	return f;
}

struct frame *frame_read(struct fl_slice json)
{
	struct frame *f = frame_new();

	read_message(json, f);
	return f;
}

struct frame *frame_decode(struct fl_slice body, struct fl_bytes *from)
{
	struct frame *f = from != NULL ? find_recent(from) : NULL;

	if (f != NULL)
		return frame_ref(f);
	f = frame_new();
	if (is_zstd(body) && !open_zstd(body, &body))
		f->bad = "it cannot be decompressed";
	else
		read_sent(body, f);
	if (from != NULL)
		keep_recent(from, f);
	return f;
}
