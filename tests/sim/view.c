/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/view.c - folding. */
#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void view_reset(struct view *v)
{
	v->node = NULL;
	v->peers_count = v->profiles_count = v->frames = 0;
	memset(v->setting, 0, sizeof v->setting);
}

void view_done(struct view *v)
{
	free(v->peers);
	free(v->profiles);
	*v = (struct view){ 0 };
}

/* The place of an id, or where it would go. */
static size_t place_of(const struct view *v, uint64_t id)
{
	size_t lo = 0, hi = v->peers_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (v->peers[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_at(const struct view *v, size_t i, uint64_t id)
{
	return i < v->peers_count && v->peers[i]->id == id;
}

const struct peer *view_peer(const struct view *v, uint64_t id)
{
	size_t i = place_of(v, id);
	return is_at(v, i, id) ? v->peers[i] : NULL;
}

static void insert(struct view *v, size_t i, const struct peer *p)
{
	if (v->peers_count == v->peers_cap) {
		v->peers_cap = v->peers_cap > 0 ? 2 * v->peers_cap : 8;
		v->peers = reallocarray(v->peers, v->peers_cap, sizeof *v->peers);
		if (v->peers == NULL)
			abort();
	}
	memmove(v->peers + i + 1, v->peers + i, (v->peers_count - i) * sizeof *v->peers);
	v->peers[i] = p;
	v->peers_count++;
}

void view_add(struct view *v, const struct peer *p)
{
	insert(v, v->peers_count, p);
}

static void change(struct view *v, const struct peer *p)
{
	size_t i = place_of(v, p->id);

	if (is_at(v, i, p->id))
		v->peers[i] = peer_changed(v->peers[i], p);
	else
		insert(v, i, p);
}

static bool drop(struct view *v, uint64_t id)
{
	size_t i = place_of(v, id);

	if (!is_at(v, i, id))
		return false;
	v->peers_count--;
	memmove(v->peers + i, v->peers + i + 1, (v->peers_count - i) * sizeof *v->peers);
	return true;
}

bool view_has_profile(const struct view *v, uint64_t user)
{
	for (size_t i = 0; i < v->profiles_count; i++)
		if (v->profiles[i].id == user)
			return true;
	return false;
}

static void set_profile(struct view *v, const struct profile *p)
{
	for (size_t i = 0; i < v->profiles_count; i++)
		if (v->profiles[i].id == p->id) {
			v->profiles[i] = *p;
			return;
		}
	if (v->profiles_count == v->profiles_cap) {
		v->profiles_cap = v->profiles_cap > 0 ? 2 * v->profiles_cap : 4;
		v->profiles = reallocarray(v->profiles, v->profiles_cap, sizeof *v->profiles);
		if (v->profiles == NULL)
			abort();
	}
	v->profiles[v->profiles_count++] = *p;
}

static struct view_fault fault(const char *invariant, uint64_t id, const char *text)
{
	return (struct view_fault){ .invariant = invariant, .text = text, .id = id };
}

/* Presence notices alternate; with a whole entry the same may be said again. */
static bool repeats(const struct view *v, const struct frame *f, const struct patch *p)
{
	const struct peer *was = view_peer(v, p->id);

	if ((p->has & (1 << PEER_ONLINE)) == 0 || was == NULL)
		return false;
	for (size_t i = 0; i < f->changed_count; i++)
		if (f->changed[i]->id == p->id)
			return false;
	return was->field[PEER_ONLINE] == p->field[PEER_ONLINE] && was->field[PEER_ONLINE] != 2;
}

static void patch(struct view *v, struct patch *p)
{
	size_t i = place_of(v, p->id);

	if (!is_at(v, i, p->id))
		return;
	if (p->was != v->peers[i]) {
		p->was = v->peers[i];
		p->now = peer_patched(p->was, p);
	}
	v->peers[i] = p->now;
}

static struct view_fault fold_peers(struct view *v, const struct frame *f)
{
	struct view_fault found = { 0 };

	if (f->has_peers) {
		v->peers_count = 0;
		for (size_t i = 0; i < f->peers_count; i++)
			change(v, f->peers[i]);
		return found;
	}
	for (size_t i = 0; i < f->removed_count; i++)
		if (!drop(v, f->removed[i]) && found.text == NULL)
			found = fault("INV-30", f->removed[i],
				      "the removal of a peer that the viewer never saw");
	for (size_t i = 0; i < f->patches_count; i++)
		if (found.text == NULL && repeats(v, f, &f->patches[i]))
			found = fault("INV-14", f->patches[i].id, "offline is told twice");
	for (size_t i = 0; i < f->changed_count; i++)
		change(v, f->changed[i]);
	for (size_t i = 0; i < f->patches_count; i++) {
		if (found.text == NULL && view_peer(v, f->patches[i].id) == NULL)
			found = fault("INV-30", f->patches[i].id,
				      "a patch of a peer that the viewer does not see");
		patch(v, &f->patches[i]);
	}
	return found;
}

static struct view_fault check_owners(const struct view *v, const struct frame *f)
{
	for (size_t i = 0; i < f->peers_count; i++)
		if (!view_has_profile(v, f->peers[i]->user))
			return fault("INV-33", f->peers[i]->id,
				     "a peer without its owner's profile");
	for (size_t i = 0; i < f->changed_count; i++)
		if (!view_has_profile(v, f->changed[i]->user))
			return fault("INV-33", f->changed[i]->id,
				     "a changed peer without its owner's profile");
	return (struct view_fault){ 0 };
}

static bool is_empty(const struct frame *f)
{
	for (int i = 0; i < SETTINGS; i++)
		if (f->setting[i] != 0)
			return false;
	return f->node == NULL && !f->has_peers && f->changed_count == 0 && f->removed_count == 0 &&
	       f->patches_count == 0 && f->profiles_count == 0;
}

struct view_fault view_apply(struct view *v, const struct frame *f)
{
	if (f->bad != NULL)
		return fault("INV-20", 0, f->bad);
	if (v->frames++ == 0 && f->node == NULL)
		return fault("INV-20", 0, "the first frame of a connection has no Node");
	if (f->keepalive)
		return (struct view_fault){ 0 };
	if (is_empty(f))
		return fault("INV-25", 0, "a frame that says nothing");
	struct view_fault found = fold_peers(v, f);
	if (f->node != NULL)
		v->node = f->node;
	for (size_t i = 0; i < f->profiles_count; i++)
		set_profile(v, &f->profiles[i]);
	for (int i = 0; i < SETTINGS; i++)
		if (f->setting[i] != 0)
			v->setting[i] = f->setting[i];
	return found.text != NULL ? found : check_owners(v, f);
}

/* ---- comparing ---- */

static bool peers_differ(const struct view *got, const struct view *want, char *out, size_t cap)
{
	size_t i = 0, k = 0;

	while (i < got->peers_count || k < want->peers_count) {
		uint64_t a = i < got->peers_count ? got->peers[i]->id : UINT64_MAX;
		uint64_t b = k < want->peers_count ? want->peers[k]->id : UINT64_MAX;
		const char *how = a < b ? "is still there" : b < a ? "is missing" : NULL;
		if (how == NULL)
			how = peer_differs(got->peers[i], want->peers[k]);
		if (how != NULL) {
			snprintf(out, cap, "peer %" PRIu64 ": %s", a < b ? a : b, how);
			return true;
		}
		i += a <= b;
		k += b <= a;
	}
	return false;
}

static bool profiles_differ(const struct view *got, const struct view *want, char *out, size_t cap)
{
	for (size_t i = 0; i < want->profiles_count; i++) {
		const struct profile *w = &want->profiles[i], *g = NULL;
		for (size_t k = 0; k < got->profiles_count; k++)
			if (got->profiles[k].id == w->id)
				g = &got->profiles[k];
		if (g == NULL || g->hash != w->hash) {
			snprintf(out, cap, "the profile of user %" PRIu64, w->id);
			return true;
		}
	}
	return false;
}

bool view_differs(const struct view *got, const struct view *want, char *out, size_t cap)
{
	const char *own = got->node != NULL && want->node != NULL
				  ? self_differs(got->node, want->node)
			  : got->node != want->node ? "all of it"
						    : NULL;

	if (own != NULL) {
		snprintf(out, cap, "its own entry: %s", own);
		return true;
	}
	for (int i = 0; i < SETTINGS; i++)
		if (got->setting[i] != want->setting[i]) {
			snprintf(out, cap, "%s", setting_name((enum setting)i));
			return true;
		}
	return peers_differ(got, want, out, cap) || profiles_differ(got, want, out, cap);
}
