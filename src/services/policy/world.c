/* SPDX-License-Identifier: BSD-3-Clause */
/* services/policy/world.c - the records as the engine sees them. */
#include "services/policy/internal.h"

#include <stdlib.h>

#include "services/control/fragments.h"

struct fl_policy_node fl_world_bare(const struct fl_node *n)
{
	return (struct fl_policy_node){
		.id = n->id,
		.name = n->given_name,
		.user = n->user,
		.ip4 = n->ip4,
		.ip6 = n->ip6,
		.tags = (const char *const *)n->tags.at,
		.tags_len = n->tags.len,
		.healthy = true,
	};
}

/* Served and primary routes are one allocation, found again by `served`. */
static enum fl_err fill_routes(const struct fl_core *core, const struct fl_node *n,
			       struct fl_policy_node *out)
{
	struct fl_served s;

	if (n->approved_count == 0)
		return FL_OK;
	fl_served_fill(core, n, &s);
	size_t served = s.routes.served_count, primary = s.routes.primary_count;
	if (served == 0)
		return FL_OK;
	struct fl_prefix *at = malloc((served + primary) * sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	memcpy(at, s.served, served * sizeof *at);
	memcpy(at + served, s.primary, primary * sizeof *at);
	out->served = at;
	out->served_len = served;
	out->primary = at + served;
	out->primary_len = primary;
	return FL_OK;
}

static enum fl_err add_node(const struct fl_core *core, const struct fl_node *n, struct fl_world *w)
{
	struct fl_policy_node *at = &w->nodes[w->nodes_len];

	*at = fl_world_bare(n);
	at->online = fl_core_online(core, n->id);
	at->healthy = fl_primaries_healthy(core->primaries, n->id);
	enum fl_err err = fill_routes(core, n, at);
	w->nodes_len += err == FL_OK;
	return err;
}

enum fl_err fl_world_users(const struct fl_core *core, struct fl_world *out)
{
	struct fl_user *const *users;
	size_t count = fl_state_users(core->state, &users);

	*out = (struct fl_world){ .users = calloc(count + 1, sizeof *out->users) };
	if (out->users == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		out->users[i] = (struct fl_policy_user){
			.id = users[i]->id,
			.name = users[i]->name,
			.email = users[i]->email,
			.provider_id = users[i]->provider_id,
			.role = users[i]->role,
		};
	out->users_len = count;
	return FL_OK;
}

enum fl_err fl_world_all(const struct fl_core *core, struct fl_world *out)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(core->state, &nodes);
	enum fl_err err = fl_world_users(core, out);

	if (err != FL_OK)
		return err;
	out->nodes = calloc(count + 1, sizeof *out->nodes);
	if (out->nodes == NULL)
		err = FL_ERR_NOMEM;
	for (size_t i = 0; i < count && err == FL_OK; i++)
		err = add_node(core, nodes[i], out);
	if (err != FL_OK)
		fl_world_done(out);
	return err;
}

enum fl_err fl_world_some(const struct fl_core *core, const uint64_t *ids, size_t count,
			  struct fl_world *out)
{
	enum fl_err err = FL_OK;

	*out = (struct fl_world){ .nodes = calloc(count + 1, sizeof *out->nodes) };
	if (out->nodes == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < count && err == FL_OK; i++) {
		const struct fl_node *n = fl_state_node(core->state, ids[i]);
		if (n != NULL)
			err = add_node(core, n, out);
	}
	if (err != FL_OK)
		fl_world_done(out);
	return err;
}

void fl_world_done(struct fl_world *w)
{
	for (size_t i = 0; i < w->nodes_len; i++)
		free((void *)(uintptr_t)w->nodes[i].served);
	free(w->nodes);
	free(w->users);
	*w = (struct fl_world){ 0 };
}

enum fl_err fl_world_apply(const struct fl_core *core, const struct fl_policy_doc *doc,
			   struct fl_policy **out)
{
	struct fl_world w;
	enum fl_err err = fl_world_all(core, &w);

	if (err != FL_OK)
		return err;
	const struct fl_policy_world world = { w.users, w.users_len, w.nodes, w.nodes_len };
	err = fl_policy_new(doc, &world, out);
	fl_world_done(&w);
	return err;
}

enum fl_err fl_policies_apply(struct fl_policies *s, const struct fl_policy_doc *doc,
			      struct fl_policy **out)
{
	fl_time began = fl_delays_now();
	enum fl_err err = fl_world_apply(s->core, doc, out);

	fl_delays_since(&s->apply_took, began);
	return err;
}
