/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/told.c - frames that several sessions share under a policy. */
#include "services/control/told.h"

#include <stdlib.h>

struct fl_netmap_delta fl_told_delta(struct fl_control *c, const struct fl_told *m)
{
	return (struct fl_netmap_delta){
		.cfg = c->netmap,
		.peers = m->peers,
		.peers_count = m->peers_count,
		.removed = m->removed,
		.removed_count = m->removed_count,
		.profiles = m->profiles,
		.profiles_count = m->profiles_count,
		.users = fl_control_users(c),
		.now = fl_loop_wall(c->core->loop),
	};
}

static bool same_peer(const struct fl_netmap_peer *a, const struct fl_netmap_peer *b)
{
	return a->node == b->node && a->fragment == b->fragment && a->fields == b->fields &&
	       a->online == b->online;
}

static bool same_ids(const uint64_t *a, size_t an, const uint64_t *b, size_t bn)
{
	return an == bn && (an == 0 || memcmp(a, b, an * sizeof *a) == 0);
}

static bool same_told(const struct fl_told *a, const struct fl_told *b)
{
	if (a->peers_count != b->peers_count ||
	    !same_ids(a->removed, a->removed_count, b->removed, b->removed_count) ||
	    !same_ids(a->profiles, a->profiles_count, b->profiles, b->profiles_count))
		return false;
	for (size_t i = 0; i < a->peers_count; i++)
		if (!same_peer(&a->peers[i], &b->peers[i]))
			return false;
	return true;
}

/* ---- a message of its own ---- */

static void told_done(struct fl_told *m)
{
	for (size_t i = 0; i < m->peers_count; i++)
		fl_bytes_unref(m->peers[i].fragment);
	free(m->peers);
	free(m->removed);
	free(m->profiles);
	*m = (struct fl_told){ 0 };
}

static void *copy(const void *from, size_t count, size_t size)
{
	void *to = calloc(count + 1, size);
	if (to != NULL && count > 0)
		memcpy(to, from, count * size);
	return to;
}

/* With its fragments, so that none of them makes room for another at the same address. */
static bool told_copy(const struct fl_told *m, struct fl_told *out)
{
	*out = (struct fl_told){
		.peers = copy(m->peers, m->peers_count, sizeof *out->peers),
		.removed = copy(m->removed, m->removed_count, sizeof *out->removed),
		.profiles = copy(m->profiles, m->profiles_count, sizeof *out->profiles),
		.removed_count = m->removed_count,
		.profiles_count = m->profiles_count,
	};
	if (out->peers == NULL || out->removed == NULL || out->profiles == NULL) {
		told_done(out);
		return false;
	}
	for (; out->peers_count < m->peers_count; out->peers_count++)
		if (m->peers[out->peers_count].fragment != NULL)
			fl_bytes_ref(m->peers[out->peers_count].fragment);
	return true;
}

/* ---- frames ---- */

static void form_done(struct fl_form *f)
{
	fl_bytes_unref(f->frame[0]);
	fl_bytes_unref(f->frame[1]);
	told_done(&f->told);
	*f = (struct fl_form){ 0 };
}

/* The form of this message, maybe without a frame yet; NULL: no memory to keep one. */
static struct fl_form *form_of(struct fl_forms *f, const struct fl_told *m)
{
	for (size_t i = 0; i < FL_FORMS_MAX; i++)
		if (f->at[i].told.peers != NULL && same_told(&f->at[i].told, m))
			return &f->at[i];
	struct fl_form *form = &f->at[f->next++ % FL_FORMS_MAX];
	form_done(form);
	return told_copy(m, &form->told) ? form : NULL;
}

enum fl_err fl_forms_frame(struct fl_forms *f, struct fl_control *c, const struct fl_told *m,
			   bool zstd, struct fl_bytes **out)
{
	*out = NULL;
	if (m->peers_count == 0 && m->removed_count == 0 && m->profiles_count == 0)
		return FL_OK;
	struct fl_form *form = form_of(f, m);
	if (form != NULL && form->frame[zstd] != NULL) {
		*out = fl_bytes_ref(form->frame[zstd]);
		return FL_OK;
	}
	const struct fl_netmap_delta in = fl_told_delta(c, m);
	enum fl_err err = fl_control_delta_frame(c, &in, zstd, out);
	if (form != NULL && *out != NULL)
		form->frame[zstd] = fl_bytes_ref(*out);
	return err;
}

void fl_forms_done(struct fl_forms *f)
{
	for (size_t i = 0; i < FL_FORMS_MAX; i++)
		form_done(&f->at[i]);
}
