/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/netmap/delta.c - writes what changed, as small as clients allow.
 *
 * Clients apply messages of peer changes alone cheaply and rebuild everything for any other
 * member, so nothing is written that did not change. The rules about what may stand beside what
 * are those of docs/protocol/control.md 5.5 and gotchas 34 to 50.
 */
#include "domain/netmap/internal.h"

#include <stdlib.h>

/* A list member that appears with its first element. */
struct list {
	struct fl_jw *w;
	const char *name;
	bool open;
};

static void list_item(struct list *l)
{
	if (l->open)
		return;
	fl_jw_key(l->w, l->name);
	fl_jw_arr(l->w);
	l->open = true;
}

static bool list_end(struct list *l)
{
	if (l->open)
		fl_jw_arr_end(l->w);
	return l->open;
}

static int compare_ids(const void *a, const void *b)
{
	fl_node_id x = *(const fl_node_id *)a, y = *(const fl_node_id *)b;
	return (x > y) - (x < y);
}

static bool is_removed(const struct fl_netmap_delta *in, fl_node_id id)
{
	return in->removed_count > 0 &&
	       bsearch(&id, in->removed, in->removed_count, sizeof id, compare_ids) != NULL;
}

static const struct fl_netmap_peer *find_peer(const struct fl_netmap_delta *in, fl_node_id id)
{
	size_t low = 0, high = in->peers_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (in->peers[mid].node->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < in->peers_count && in->peers[low].node->id == id ? &in->peers[low] : NULL;
}

/* Only a whole entry makes an unknown peer known, and only one clears Expired. */
static bool is_whole(const struct fl_netmap_delta *in, const struct fl_netmap_peer *p)
{
	if (p->fragment == NULL || p->node->id == in->viewer)
		return false;
	return p->fields == 0 || (p->fields & (FL_PATCH_KEY | FL_PATCH_EXPIRY)) != 0 ||
	       is_removed(in, p->node->id);
}

/* What of a peer goes as a patch. Clients do not take presence from an entry (gotcha 37). */
static uint32_t patch_of(const struct fl_netmap_delta *in, const struct fl_netmap_peer *p)
{
	uint32_t fields = p->fields;

	if (p->node->id == in->viewer)
		return 0;
	if (is_whole(in, p))
		return p->online ? 0 : FL_PATCH_ONLINE;
	if (fields == 0 || is_removed(in, p->node->id))
		return 0;
	if (fl_node_is_expired(p->node, in->now))
		fields &= ~(uint32_t)(FL_PATCH_ENDPOINTS | FL_PATCH_DERP);
	if (fl_netmap_home(in->cfg, p->node) == 0)
		fields &= ~(uint32_t)FL_PATCH_DERP;
	if (p->node->cap == 0)
		fields &= ~(uint32_t)FL_PATCH_CAP;
	if (fl_disco_key_is_zero(&p->node->disco))
		fields &= ~(uint32_t)FL_PATCH_DISCO;
	return fields;
}

static void put_patch_keys(struct fl_jw *w, const struct fl_node *n, uint32_t fields)
{
	char text[FL_KEY_TEXT_MAX];

	if (fields & FL_PATCH_KEY) {
		fl_node_key_format(&n->key, text);
		fl_jw_key(w, "Key");
		fl_jw_str(w, text);
	}
	if (fields & FL_PATCH_DISCO) {
		fl_disco_key_format(&n->disco, text);
		fl_jw_key(w, "DiscoKey");
		fl_jw_str(w, text);
	}
	if (fields & (FL_PATCH_KEY | FL_PATCH_EXPIRY)) {
		fl_jw_key(w, "KeyExpiry");
		fl_jw_time(w, n->expiry); /* 0 gives the zero time, which clears */
	}
}

static void put_patch_presence(struct fl_jw *w, const struct fl_netmap_peer *p)
{
	fl_jw_key(w, "Online");
	fl_jw_bool(w, p->online);
	if (!p->online && p->node->last_seen != 0) {
		fl_jw_key(w, "LastSeen");
		fl_jw_time(w, p->node->last_seen);
	}
}

static void put_patch(struct list *l, const struct fl_netmap_delta *in,
		      const struct fl_netmap_peer *p, uint32_t fields)
{
	struct fl_jw *w = l->w;

	if (fields == 0)
		return;
	list_item(l);
	fl_jw_obj(w);
	fl_jw_key(w, "NodeID");
	fl_jw_u64(w, p->node->id);
	if (fields & FL_PATCH_DERP) {
		fl_jw_key(w, "DERPRegion");
		fl_jw_u64(w, fl_netmap_home(in->cfg, p->node));
	}
	if (fields & FL_PATCH_CAP) {
		fl_jw_key(w, "Cap");
		fl_jw_u64(w, p->node->cap);
	}
	if (fields & FL_PATCH_ENDPOINTS)
		fl_netmap_put_endpoints(w, p->node);
	put_patch_keys(w, p->node, fields);
	if (fields & FL_PATCH_ONLINE)
		put_patch_presence(w, p);
	fl_jw_obj_end(w);
}

/* A disco key beside "offline" makes clients drop the patch as stale (gotcha 38): two patches. */
static void put_patches(struct list *l, const struct fl_netmap_delta *in,
			const struct fl_netmap_peer *p)
{
	uint32_t fields = patch_of(in, p);

	if ((fields & FL_PATCH_DISCO) && !p->online) {
		put_patch(l, in, p, fields & ~(uint32_t)FL_PATCH_ONLINE);
		fields &= FL_PATCH_ONLINE;
	}
	put_patch(l, in, p, fields);
}

static bool put_all_patches(struct fl_jw *w, const struct fl_netmap_delta *in)
{
	struct list l = { .w = w, .name = "PeersChangedPatch" };

	for (size_t i = 0; i < in->peers_count; i++)
		put_patches(&l, in, &in->peers[i]);
	return list_end(&l);
}

static bool put_changed(struct fl_jw *w, const struct fl_netmap_delta *in,
			struct fl_netmap_owners *owners)
{
	struct list l = { .w = w, .name = "PeersChanged" };

	for (size_t i = 0; i < in->peers_count; i++) {
		const struct fl_netmap_peer *p = &in->peers[i];
		if (!is_whole(in, p))
			continue;
		list_item(&l);
		fl_jw_raw(w, fl_bytes_slice(p->fragment));
		fl_netmap_owners_add(owners, fl_netmap_owner(p->node));
	}
	return list_end(&l);
}

/* The entry is due but cannot be made: a viewer that has the old one must lose it. */
static bool is_lost(const struct fl_netmap_delta *in, const struct fl_netmap_peer *p)
{
	return p->fields == 0 && p->fragment == NULL && p->node->id != in->viewer &&
	       !is_removed(in, p->node->id);
}

/* The same id in both lists can lose the peer (gotcha 36). */
static bool put_removed(struct fl_jw *w, const struct fl_netmap_delta *in)
{
	struct list l = { .w = w, .name = "PeersRemoved" };

	for (size_t i = 0; i < in->removed_count; i++) {
		const struct fl_netmap_peer *p = find_peer(in, in->removed[i]);
		if ((p != NULL && is_whole(in, p)) || in->removed[i] == in->viewer)
			continue;
		list_item(&l);
		fl_jw_u64(w, in->removed[i]);
	}
	for (size_t i = 0; i < in->peers_count; i++) {
		if (!is_lost(in, &in->peers[i]))
			continue;
		list_item(&l);
		fl_jw_u64(w, in->peers[i].node->id);
	}
	return list_end(&l);
}

static bool put_settings(struct fl_jw *w, const struct fl_netmap_delta *in)
{
	/* A name or an attribute may stand in the addresses of resolvers. */
	bool dns = in->dns || (in->self.node != NULL && in->cfg->personal_dns);

	if (in->derp_map) {
		fl_jw_key(w, "DERPMap");
		fl_jw_raw(w, fl_bytes_slice(in->cfg->derp));
	}
	if (dns) {
		fl_jw_key(w, "DNSConfig");
		fl_netmap_put_dns(w, in->cfg, &in->self);
	}
	if (in->filter.len > 0)
		fl_netmap_put_filter(w, in->filter);
	if (in->ssh.len > 0) {
		fl_jw_key(w, "SSHPolicy");
		fl_jw_raw(w, in->ssh);
	}
	return in->derp_map || dns || in->filter.len > 0 || in->ssh.len > 0;
}

static enum fl_err put_delta(const struct fl_netmap_delta *in, struct fl_netmap_owners *owners,
			     struct fl_buf *out, bool *out_any)
{
	struct fl_jw w = fl_jw_make(out);
	bool any = in->self.node != NULL;

	fl_jw_obj(&w);
	if (in->self.node != NULL) {
		enum fl_err err = fl_netmap_put_self(&w, in->cfg, &in->self, in->now);
		if (err != FL_OK)
			return err;
		fl_netmap_owners_add(owners, fl_netmap_owner(in->self.node));
	}
	any |= put_settings(&w, in);
	any |= put_changed(&w, in, owners);
	any |= put_removed(&w, in);
	any |= put_all_patches(&w, in);
	for (size_t i = 0; i < in->profiles_count; i++)
		fl_netmap_owners_add(owners, in->profiles[i]);
	any |= owners->len > 0;
	fl_netmap_put_profiles(&w, owners, &in->users);
	fl_jw_obj_end(&w);
	*out_any = any;
	return FL_OK;
}

static bool is_ascending(const struct fl_netmap_delta *in)
{
	for (size_t i = 1; i < in->peers_count; i++)
		if (in->peers[i - 1].node->id >= in->peers[i].node->id)
			return false;
	for (size_t i = 1; i < in->removed_count; i++)
		if (in->removed[i - 1] >= in->removed[i])
			return false;
	return true;
}

enum fl_err fl_netmap_delta_write(const struct fl_netmap_delta *in, struct fl_buf *out,
				  bool *out_any)
{
	struct fl_netmap_owners owners;
	size_t start = out->len;
	bool any = false;

	if (!is_ascending(in))
		return FL_ERR_ARG;
	enum fl_err err = fl_netmap_owners_init(&owners, in->peers_count + in->profiles_count + 1);
	if (err != FL_OK)
		return err;
	err = put_delta(in, &owners, out, &any);
	fl_netmap_owners_done(&owners);
	err = fl_netmap_finish(out, start, err);
	if (err != FL_OK)
		return err;
	if (!any)
		out->len = start;
	*out_any = any;
	return FL_OK;
}
