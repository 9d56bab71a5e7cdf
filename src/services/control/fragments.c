/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/fragments.c - a map from node id to its peer texts. */
#include "services/control/fragments.h"

#include <stdlib.h>

#include "base/map.h"
#include "services/control/viewer.h"

/* The text for those who get these routes, sorted. */
struct form {
	struct form *next;
	struct fl_bytes *text; /* NULL: none can be made */
	bool no_ip4;
	size_t routes_count;
	struct fl_prefix routes[];
};

struct entry {
	struct fl_bytes *common; /* NULL: not made yet */
	struct form *forms;      /* the newest first */
	size_t forms_count;
};

struct fl_fragments {
	struct fl_core *core;
	struct fl_chunks *chunks;
	struct fl_map texts;
	uint8_t seed[16];
};

enum fl_err fl_fragments_new(struct fl_core *core, struct fl_mapframe *framer,
			     const uint8_t seed[static 16], struct fl_fragments **out)
{
	struct fl_fragments *f = calloc(1, sizeof *f);
	if (f == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = fl_chunks_new(framer, &f->chunks);
	if (err != FL_OK) {
		free(f);
		return err;
	}
	f->core = core;
	memcpy(f->seed, seed, sizeof f->seed);
	fl_map_init(&f->texts, sizeof(fl_node_id), f->seed);
	*out = f;
	return FL_OK;
}

/* *at, which is in the list of the entry. */
static void drop_form(struct entry *e, struct form **at)
{
	struct form *m = *at;

	*at = m->next;
	e->forms_count--;
	fl_bytes_unref(m->text);
	free(m);
}

static void drop_oldest(struct entry *e)
{
	struct form **at = &e->forms;

	while (*at != NULL && (*at)->next != NULL)
		at = &(*at)->next;
	if (*at != NULL)
		drop_form(e, at);
}

static void entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	while (e->forms != NULL)
		drop_form(e, &e->forms);
	fl_bytes_unref(e->common);
	free(e);
}

static struct entry *entry_of(struct fl_fragments *f, fl_node_id node)
{
	struct entry *e = fl_map_find(&f->texts, &node);
	if (e != NULL)
		return e;
	e = calloc(1, sizeof *e);
	if (e != NULL && fl_map_put(&f->texts, &node, e) != FL_OK) {
		free(e);
		return NULL;
	}
	return e;
}

struct fl_chunks *fl_fragments_chunks(const struct fl_fragments *f)
{
	return f->chunks;
}

void fl_fragments_drop_all(struct fl_fragments *f)
{
	fl_chunks_drop_all(f->chunks);
	for (size_t at = 0;;) {
		struct entry *e = fl_map_next(&f->texts, &at);
		if (e == NULL)
			break;
		entry_free(e);
	}
	fl_map_done(&f->texts);
	fl_map_init(&f->texts, sizeof(fl_node_id), f->seed);
}

struct fl_fragments *fl_fragments_free(struct fl_fragments *f)
{
	if (f == NULL)
		return NULL;
	fl_fragments_drop_all(f);
	fl_chunks_free(f->chunks);
	fl_map_done(&f->texts);
	free(f);
	return NULL;
}

void fl_fragments_drop(struct fl_fragments *f, fl_node_id node)
{
	fl_chunks_drop(f->chunks, node);
	entry_free(fl_map_take(&f->texts, &node));
}

void fl_served_fill(const struct fl_core *core, const struct fl_node *n, struct fl_served *out)
{
	size_t served = fl_state_served(core->state, n, out->served), primary = 0;

	for (size_t i = 0; i < served; i++) {
		if (!fl_prefix_is_exit(&out->served[i]) &&
		    fl_primaries_of(core->primaries, &out->served[i]) == n->id)
			out->primary[primary++] = out->served[i];
	}
	out->routes = (struct fl_netmap_routes){
		.served = out->served,
		.primary = out->primary,
		.served_count = served,
		.primary_count = primary,
	};
}

/* *out is NULL if the node cannot be told of at all. */
static enum fl_err make(struct fl_fragments *f, const struct fl_netmap_config *cfg,
			const struct fl_node *n, const struct fl_netmap_routes *routes,
			struct fl_bytes **out)
{
	const struct fl_netmap_presence presence = {
		.online = fl_core_online(f->core, n->id),
	};

	*out = NULL;
	enum fl_err err =
		fl_netmap_fragment(cfg, n, &presence, routes, fl_loop_wall(f->core->loop), out);
	return err == FL_ERR_INVALID ? FL_OK : err;
}

enum fl_err fl_fragments_get(struct fl_fragments *f, const struct fl_netmap_config *cfg,
			     const struct fl_node *n, const struct fl_bytes **out)
{
	struct entry *e = entry_of(f, n->id);
	struct fl_served served;

	*out = NULL;
	if (e == NULL)
		return FL_ERR_NOMEM;
	if (e->common == NULL) {
		fl_served_fill(f->core, n, &served);
		enum fl_err err = make(f, cfg, n, &served.routes, &e->common);
		if (err != FL_OK)
			return err;
	}
	*out = e->common;
	return FL_OK;
}

static struct form *find_form(const struct entry *e, const struct fl_prefix *routes, size_t count,
			      bool hidden)
{
	for (struct form *m = e->forms; m != NULL; m = m->next) {
		size_t same = 0;
		if (m->no_ip4 != hidden || m->routes_count != count)
			continue;
		while (same < count && fl_prefix_eq(&m->routes[same], &routes[same]))
			same++;
		if (same == count)
			return m;
	}
	return NULL;
}

/* What a viewer gets counts as what the node serves; PrimaryRoutes are those but exit routes. */
static enum fl_err make_form(struct fl_fragments *f, const struct fl_netmap_config *cfg,
			     const struct fl_policy *p, const struct fl_node *n, struct form *m)
{
	struct fl_prefix primary[FL_POLICY_ROUTES_MAX];
	struct fl_netmap_routes routes = {
		.served = m->routes,
		.served_count = m->routes_count,
		.primary = primary,
		.exit_node = fl_policy_suggests_exit(p, n->id),
		.no_ip4 = m->no_ip4,
	};

	for (size_t i = 0; i < m->routes_count; i++)
		if (!fl_prefix_is_exit(&m->routes[i]))
			primary[routes.primary_count++] = m->routes[i];
	return make(f, cfg, n, &routes, &m->text);
}

static enum fl_err add_form(struct fl_fragments *f, const struct fl_netmap_config *cfg,
			    const struct fl_policy *p, const struct fl_node *n, struct entry *e,
			    struct form *m)
{
	enum fl_err err = make_form(f, cfg, p, n, m);
	if (err != FL_OK) {
		free(m);
		return err;
	}
	if (e->forms_count == FL_FRAGMENT_FORMS_MAX)
		drop_oldest(e);
	m->next = e->forms;
	e->forms = m;
	e->forms_count++;
	return FL_OK;
}

enum fl_err fl_fragments_for(struct fl_fragments *f, const struct fl_netmap_config *cfg,
			     const struct fl_viewer *v, const struct fl_node *n,
			     const struct fl_bytes **out)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	bool hidden = v->no_ip4 || (v->hides_ip4 && fl_policy_lacks_ip4(v->policy, n->id));

	/* A node that serves nothing has one form, that of a network without a policy. */
	if (v->policy == NULL || (n->approved_count == 0 && !hidden))
		return fl_fragments_get(f, cfg, n, out);
	size_t count =
		n->approved_count > 0 ? fl_policy_routes(v->policy, v->id, n->id, routes) : 0;
	struct entry *e = entry_of(f, n->id);

	*out = NULL;
	if (e == NULL)
		return FL_ERR_NOMEM;
	struct form *m = find_form(e, routes, count, hidden);
	if (m == NULL) {
		m = calloc(1, sizeof *m + count * sizeof *m->routes);
		if (m == NULL)
			return FL_ERR_NOMEM;
		m->no_ip4 = hidden;
		m->routes_count = count;
		if (count > 0)
			memcpy(m->routes, routes, count * sizeof *m->routes);
		enum fl_err err = add_form(f, cfg, v->policy, n, e, m);
		if (err != FL_OK)
			return err;
	}
	*out = m->text;
	return FL_OK;
}
