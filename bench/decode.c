/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/decode.c - see decode.h. */
#include "decode.h"

#include "util.h"

uint64_t decode_text_digest(struct fl_slice text)
{
	uint64_t d = bench_digest(text.ptr, text.len, 3);
	return d ? d : 1;
}

bool decode_response(struct fl_slice json, struct response *out)
{
	static const struct {
		const char *name;
		size_t at;
	} members[] = {
		{ "Node", offsetof(struct response, node) },
		{ "Peers", offsetof(struct response, peers) },
		{ "PeersChanged", offsetof(struct response, changed) },
		{ "PeersRemoved", offsetof(struct response, removed) },
		{ "PeersChangedPatch", offsetof(struct response, patches) },
		{ "OnlineChange", offsetof(struct response, online) },
		{ "PacketFilter", offsetof(struct response, filter) },
		{ "PacketFilters", offsetof(struct response, filters) },
	};
	struct js j = js_over(json);
	struct fl_slice key;
	*out = (struct response){ 0 };
	if (!js_enter(&j, '{'))
		return false;
	while (js_key(&j, &key)) {
		struct fl_slice value = js_value(&j);
		if (fl_slice_is(key, "KeepAlive"))
			out->keep_alive = fl_slice_is(value, "true");
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			if (fl_slice_is(key, members[i].name) && !js_is_null(value))
				*(struct fl_slice *)((char *)out + members[i].at) = value;
	}
	return !j.bad;
}

/* Order does not count in lists of addresses. */
static uint64_t list_digest(struct fl_slice list)
{
	struct js j = js_over(list);
	uint64_t sum = 0;
	if (!js_enter(&j, '['))
		return DECODE_ABSENT;
	while (js_item(&j))
		sum += decode_text_digest(js_text(js_value(&j)));
	return sum;
}

static struct fl_slice first_label(struct fl_slice name)
{
	const uint8_t *dot = name.len ? memchr(name.ptr, '.', name.len) : NULL;
	return dot ? fl_slice_of(name.ptr, (size_t)(dot - name.ptr)) : name;
}

/* "127.3.3.40:<region>", the older form. */
static uint32_t legacy_region(struct fl_slice text)
{
	const uint8_t *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
	if (!colon)
		return 0;
	return (uint32_t)js_int(fl_slice_skip(text, (size_t)(colon + 1 - text.ptr)));
}

static void peer_member(struct peer *p, struct fl_slice key, struct fl_slice value)
{
	if (fl_slice_is(key, "ID"))
		p->id = (uint64_t)js_int(value);
	else if (fl_slice_is(key, "Key"))
		p->key = decode_text_digest(js_text(value));
	else if (fl_slice_is(key, "DiscoKey"))
		p->disco = decode_text_digest(js_text(value));
	else if (fl_slice_is(key, "Name"))
		p->name = decode_text_digest(first_label(js_text(value)));
	else if (fl_slice_is(key, "Addresses"))
		p->addrs = list_digest(value);
	else if (fl_slice_is(key, "AllowedIPs"))
		p->allowed = list_digest(value);
	else if (fl_slice_is(key, "Endpoints"))
		p->eps = list_digest(value);
	else if (fl_slice_is(key, "HomeDERP"))
		p->derp = (uint32_t)js_int(value);
	else if (fl_slice_is(key, "DERP") && p->derp == 0)
		p->derp = legacy_region(js_text(value));
	else if (fl_slice_is(key, "Online"))
		p->online = js_is_null(value) ? -1 : fl_slice_is(value, "true");
}

bool decode_peer(struct fl_slice json, struct peer *out)
{
	struct js j = js_over(json);
	struct fl_slice key;
	bool authorised = false;
	*out = (struct peer){ .online = -1, .allowed = DECODE_ABSENT, .eps = DECODE_ABSENT };
	if (!js_enter(&j, '{'))
		bench_die("a node is not an object");
	while (js_key(&j, &key)) {
		struct fl_slice value = js_value(&j);
		peer_member(out, key, value);
		if (fl_slice_is(key, "MachineAuthorized"))
			authorised = fl_slice_is(value, "true");
	}
	if (j.bad || out->key == 0 || out->id == 0)
		bench_die("a node without id or key");
	if (out->allowed == DECODE_ABSENT)
		out->allowed = out->addrs;
	return authorised;
}

void decode_addresses(struct fl_slice json, struct fl_ip out[static 2])
{
	struct js j = js_over(json), list = { 0 };
	struct fl_slice key;
	struct fl_prefix p;
	size_t n = 0;
	if (js_enter(&j, '{'))
		while (js_key(&j, &key)) {
			struct fl_slice value = js_value(&j);
			if (fl_slice_is(key, "Addresses"))
				list = js_over(value);
		}
	out[0] = out[1] = (struct fl_ip){ 0 };
	if (js_enter(&list, '['))
		while (js_item(&list) && n < 2 &&
		       fl_prefix_parse(js_text(js_value(&list)), &p) == FL_OK)
			out[n++] = p.ip;
}

uint64_t decode_patch_id(struct fl_slice json)
{
	struct js j = js_over(json);
	struct fl_slice key;
	uint64_t id = 0;
	if (js_enter(&j, '{'))
		while (js_key(&j, &key)) {
			struct fl_slice value = js_value(&j);
			if (fl_slice_is(key, "NodeID"))
				id = (uint64_t)js_int(value);
		}
	if (j.bad || id == 0)
		bench_die("a patch without node id");
	return id;
}

static void patch_member(struct peer *p, struct fl_slice key, struct fl_slice value)
{
	if (js_is_null(value))
		return;
	if (fl_slice_is(key, "DERPRegion") && js_int(value) > 0)
		p->derp = (uint32_t)js_int(value);
	else if (fl_slice_is(key, "Endpoints"))
		p->eps = list_digest(value);
	else if (fl_slice_is(key, "Key"))
		p->key = decode_text_digest(js_text(value));
	else if (fl_slice_is(key, "DiscoKey"))
		p->disco = decode_text_digest(js_text(value));
	else if (fl_slice_is(key, "Online"))
		p->online = fl_slice_is(value, "true");
}

void decode_patch(struct fl_slice json, struct peer *p)
{
	struct js j = js_over(json);
	struct fl_slice key;
	if (js_enter(&j, '{'))
		while (js_key(&j, &key))
			patch_member(p, key, js_value(&j));
}

bool decode_registered(struct fl_slice json, struct fl_slice *out_why)
{
	struct js j = js_over(json);
	struct fl_slice key, error = { 0 }, url = { 0 };
	bool authorised = false, expired = false;
	*out_why = json;
	if (!js_enter(&j, '{'))
		return false;
	while (js_key(&j, &key)) {
		struct fl_slice value = js_value(&j);
		if (fl_slice_is(key, "Error"))
			error = js_text(value);
		else if (fl_slice_is(key, "AuthURL"))
			url = js_text(value);
		else if (fl_slice_is(key, "MachineAuthorized"))
			authorised = fl_slice_is(value, "true");
		else if (fl_slice_is(key, "NodeKeyExpired"))
			expired = fl_slice_is(value, "true");
	}
	if (error.len > 0)
		*out_why = error;
	return !j.bad && authorised && !expired && error.len == 0 && url.len == 0;
}
