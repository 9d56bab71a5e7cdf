/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/fold.c - a client's view, folded from messages as the stock client does it. */
#include "fold.h"

#include <stdio.h>

static const char zero_time[] = "0001-01-01T00:00:00Z";

void fold_init(struct fold *f)
{
	*f = (struct fold){ .peers = json_object(),
			    .profiles = json_object(),
			    .settings = json_object(),
			    .pings = json_array() };
}

void fold_done(struct fold *f)
{
	json_decref(f->node);
	json_decref(f->peers);
	json_decref(f->profiles);
	json_decref(f->settings);
	json_decref(f->pings);
}

static const char *id_text(json_int_t id, char out[static 24])
{
	assert_true(id > 0);
	snprintf(out, 24, "%lld", (long long)id);
	return out;
}

static json_int_t id_of(const json_t *obj, const char *name)
{
	json_t *id = json_object_get(obj, name);

	assert_true(json_is_integer(id));
	return json_integer_value(id);
}

/* ---- what real clients choke on ---- */

static void check_list(const json_t *message, const char *name)
{
	const json_t *list = json_object_get(message, name), *item;
	size_t i;

	if (list == NULL)
		return;
	assert_true(json_is_array(list));
	assert_true(json_array_size(list) > 0); /* an empty list says nothing, or the wrong thing */
	json_array_foreach(list, i, item) assert_false(json_is_null(item));
}

static void check_removed(const json_t *message)
{
	const json_t *removed = json_object_get(message, "PeersRemoved"), *gone;
	const json_t *changed = json_object_get(message, "PeersChanged"), *peer;
	size_t i, k;

	json_array_foreach(removed, i, gone) json_array_foreach(changed, k, peer)
		assert_true(json_integer_value(gone) != id_of(peer, "ID"));
}

static void check_dns(const json_t *message)
{
	json_t *routes = json_object_get(json_object_get(message, "DNSConfig"), "Routes"), *v;
	const char *name;

	json_object_foreach(routes, name, v) assert_true(json_is_array(v));
}

static void check_message(const struct fold *f, const json_t *message)
{
	assert_true(json_object_size(message) > 0);
	if (f->node == NULL)
		assert_non_null(json_object_get(message, "Node"));
	check_list(message, "Peers");
	check_list(message, "PeersChanged");
	check_list(message, "PeersRemoved");
	check_list(message, "PeersChangedPatch");
	check_list(message, "UserProfiles");
	check_removed(message);
	check_dns(message);
}

/* Exit routes are not elected (docs/lifecycle.md HA-2). */
static void check_primary(const json_t *node)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(node, "PrimaryRoutes"), i, v)
		assert_null(strstr(json_string_value(v), "/0"));
}

/* ---- peers ---- */

/* Clients turn the old form of the home region into the new one at once. */
static void upgrade(json_t *peer)
{
	const char *name = json_string_value(json_object_get(peer, "Name"));

	assert_non_null(name);
	assert_true(name[strlen(name) - 1] == '.');
	check_primary(peer);
	json_object_del(peer, "DERP");
}

static void set(json_t *peer, const char *name, json_t *v)
{
	assert_int_equal(json_object_set(peer, name, v), 0);
}

static void apply_time(json_t *peer, const char *name, json_t *v)
{
	if (v == NULL)
		return;
	if (strcmp(json_string_value(v), zero_time) == 0)
		json_object_del(peer, name);
	else
		set(peer, name, v);
}

static bool is_stale(const json_t *peer, const json_t *patch)
{
	const json_t *online = json_object_get(patch, "Online");
	const char *seen = json_string_value(json_object_get(patch, "LastSeen"));
	const char *known = json_string_value(json_object_get(peer, "LastSeen"));

	if (json_object_get(patch, "DiscoKey") == NULL || !json_is_false(online) || seen == NULL)
		return false;
	return known == NULL || strcmp(seen, known) <= 0;
}

static void apply_patch(json_t *peer, const json_t *patch)
{
	static const char *const plain[] = { "Endpoints", "Key", "DiscoKey", "Online", "CapMap" };
	json_t *v;

	if (is_stale(peer, patch))
		return;
	for (size_t i = 0; i < COUNT(plain); i++)
		if ((v = json_object_get(patch, plain[i])) != NULL)
			set(peer, plain[i], v);
	if (json_integer_value(v = json_object_get(patch, "DERPRegion")) != 0)
		set(peer, "HomeDERP", v);
	if (json_integer_value(v = json_object_get(patch, "Cap")) != 0)
		set(peer, "Cap", v);
	apply_time(peer, "LastSeen", json_object_get(patch, "LastSeen"));
	apply_time(peer, "KeyExpiry", json_object_get(patch, "KeyExpiry"));
}

static bool in(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

static const char *const patchable[] = { "Key", "KeyExpiry", "DiscoKey", "Endpoints", "HomeDERP",
					 "Cap", "CapMap",    "Online",   "LastSeen",  NULL };

static bool same(const json_t *a, const json_t *b)
{
	return (a == NULL && b == NULL) || (a != NULL && b != NULL && json_equal(a, b));
}

/* Does a field differ that no patch can carry? Then the client replaces the whole entry. */
static bool needs_replacing(json_t *was, json_t *now)
{
	const char *name;
	json_t *v;

	json_object_foreach(was, name, v) if (!in(name, patchable) &&
					      !same(v, json_object_get(now, name))) return true;
	json_object_foreach(now, name, v) if (!in(name, patchable) &&
					      json_object_get(was, name) == NULL) return true;
	return false;
}

static void add_if_changed(json_t *patch, const char *as, const char *name, const json_t *was,
			   const json_t *now, bool both)
{
	json_t *a = json_object_get(was, name), *b = json_object_get(now, name);

	if (b != NULL && !same(a, b) && (!both || a != NULL))
		set(patch, as, b);
}

/* A known entry that only differs in patchable fields becomes a patch, with what that loses. */
static void change_peer(json_t *was, json_t *now)
{
	json_t *patch = json_object();

	add_if_changed(patch, "Key", "Key", was, now, false);
	add_if_changed(patch, "DiscoKey", "DiscoKey", was, now, false);
	add_if_changed(patch, "Endpoints", "Endpoints", was, now, false);
	add_if_changed(patch, "DERPRegion", "HomeDERP", was, now, false);
	add_if_changed(patch, "Cap", "Cap", was, now, false);
	add_if_changed(patch, "Online", "Online", was, now, true);
	add_if_changed(patch, "LastSeen", "LastSeen", was, now, true);
	add_if_changed(patch, "KeyExpiry", "KeyExpiry", was, now, false);
	if (json_object_get(was, "KeyExpiry") != NULL && json_object_get(now, "KeyExpiry") == NULL)
		json_object_set_new(patch, "KeyExpiry", json_string(zero_time));
	add_if_changed(patch, "CapMap", "CapMap", was, now, false);
	apply_patch(was, patch);
	json_decref(patch);
}

static void fold_changed(struct fold *f, json_t *list)
{
	char id[24];
	json_t *peer;
	size_t i;

	json_array_foreach(list, i, peer)
	{
		upgrade(peer);
		json_t *was = json_object_get(f->peers, id_text(id_of(peer, "ID"), id));
		if (was != NULL && !needs_replacing(was, peer))
			change_peer(was, peer);
		else
			set(f->peers, id, peer);
	}
}

static void fold_peers(struct fold *f, json_t *message)
{
	json_t *whole = json_object_get(message, "Peers"), *v;
	char id[24];
	size_t i;

	if (whole != NULL) {
		json_object_clear(f->peers);
		fold_changed(f, whole);
		return;
	}
	json_array_foreach(json_object_get(message, "PeersRemoved"), i, v)
		json_object_del(f->peers, id_text(json_integer_value(v), id));
	fold_changed(f, json_object_get(message, "PeersChanged"));
	f->entries += json_array_size(json_object_get(message, "PeersChanged"));
	json_array_foreach(json_object_get(message, "PeersChangedPatch"), i, v)
	{
		json_t *peer = json_object_get(f->peers, id_text(id_of(v, "NodeID"), id));
		assert_true(json_object_size(v) > 1); /* says something */
		if (peer != NULL)
			apply_patch(peer, v);
	}
}

/* ---- the rest ---- */

static void check_owner(const struct fold *f, const json_t *node)
{
	char id[24];

	assert_non_null(json_object_get(f->profiles, id_text(id_of(node, "User"), id)));
}

static void check_owners(const struct fold *f)
{
	const char *id;
	json_t *peer;

	check_owner(f, f->node);
	json_object_foreach(f->peers, id, peer) check_owner(f, peer);
}

static void fold_profiles(struct fold *f, json_t *list)
{
	json_t *profile;
	char id[24];
	size_t i;

	json_array_foreach(list, i, profile)
	{
		const char *login = json_string_value(json_object_get(profile, "LoginName"));
		assert_true(login != NULL && login[0] != '\0');
		set(f->profiles, id_text(id_of(profile, "ID"), id), profile);
	}
}

static void fold_settings(struct fold *f, const json_t *message)
{
	static const char *const names[] = { "DERPMap",       "DNSConfig", "Domain",
					     "PacketFilters", "SSHPolicy", "CollectServices" };
	json_t *v;

	for (size_t i = 0; i < COUNT(names); i++)
		if ((v = json_object_get(message, names[i])) != NULL)
			set(f->settings, names[i], v);
}

/* Clients ignore one without an address, or with that of the one before. */
static void fold_ping(struct fold *f, const json_t *message)
{
	json_t *ping = json_object_get(message, "PingRequest");
	size_t count = json_array_size(f->pings);

	if (ping == NULL)
		return;
	const char *url = json_string_value(json_object_get(ping, "URL"));
	assert_true(url != NULL && url[0] != '\0');
	if (count > 0)
		assert_string_not_equal(url, json_string_value(json_object_get(
						     json_array_get(f->pings, count - 1), "URL")));
	assert_int_equal(json_array_append(f->pings, ping), 0);
}

void fold_apply(struct fold *f, struct fl_slice text)
{
	json_error_t why;
	json_t *message =
		json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &why);

	if (message == NULL)
		fail_msg("not JSON: %s in %.*s", why.text, (int)text.len, (const char *)text.ptr);
	if (json_is_true(json_object_get(message, "KeepAlive"))) {
		assert_non_null(json_object_get(message, "ControlTime"));
		f->keepalives++;
		fold_ping(f, message);
		json_decref(message);
		return;
	}
	check_message(f, message);
	f->messages++;
	fold_peers(f, message);
	json_t *node = json_object_get(message, "Node");
	if (node != NULL) {
		upgrade(node);
		json_decref(f->node);
		f->node = json_incref(node);
	}
	fold_profiles(f, json_object_get(message, "UserProfiles"));
	fold_settings(f, message);
	check_owners(f);
	json_decref(message);
}

/* ---- comparing ---- */

/* What shows nowhere: LastSeen of those online, an empty list, a home region that cannot go. */
static json_t *shown(const json_t *peer, const json_t *want)
{
	json_t *p = json_copy((json_t *)(uintptr_t)peer);

	if (json_is_true(json_object_get(p, "Online")))
		json_object_del(p, "LastSeen");
	if (json_array_size(json_object_get(p, "Endpoints")) == 0)
		json_object_del(p, "Endpoints");
	if (json_object_get(want, "HomeDERP") == NULL)
		json_object_del(p, "HomeDERP");
	return p;
}

static void assert_same_json(const json_t *got, const json_t *want, const char *what)
{
	if (same(got, want))
		return;
	char *a = got != NULL ? json_dumps(got, JSON_SORT_KEYS) : NULL;
	char *b = want != NULL ? json_dumps(want, JSON_SORT_KEYS) : NULL;
	fail_msg("%s differs:\n got %s\nwant %s", what, a ? a : "-", b ? b : "-");
}

static void assert_same_peer(const struct fold *got, const struct fold *want, const char *id)
{
	const json_t *w = json_object_get(want->peers, id), *g = json_object_get(got->peers, id);

	if (g == NULL || w == NULL)
		fail_msg("peer %s is %s", id, g == NULL ? "missing" : "still there");
	json_t *a = shown(g, w), *b = shown(w, w);
	assert_same_json(a, b, "a peer");
	json_decref(a);
	json_decref(b);
}

void fold_assert_same(const struct fold *got, const struct fold *want)
{
	const char *id;
	json_t *v;

	assert_same_json(got->node, want->node, "the self entry");
	assert_same_json(got->settings, want->settings, "the settings");
	json_object_foreach(want->peers, id, v) assert_same_peer(got, want, id);
	json_object_foreach(got->peers, id, v) assert_same_peer(got, want, id);
	json_object_foreach(want->profiles, id, v)
		assert_same_json(json_object_get(got->profiles, id), v, "a profile");
}
