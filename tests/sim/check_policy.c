/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/check_policy.c - visibility: INV-30 to INV-33, and what is kept against what is true;
 * PRE-5.
 */
#include <stdlib.h>
#include <string.h>

#include "services/control/internal.h"
#include "services/policy/internal.h"
#include "sim.h"

enum { FILTER_MAX = 16 << 20, PAIRS = 12, NODES = 4 };

static void check_symmetry(const struct fl_policy *p, struct fl_node *const *nodes, size_t count)
{
	for (size_t i = 0; i < PAIRS; i++) {
		uint64_t a = nodes[(i * 7 + sim.stats.steps) % count]->id;
		uint64_t b = nodes[(i * 3 + 1 + sim.stats.steps / 5) % count]->id;
		if (a != b && fl_policy_sees(p, a, b) != fl_policy_sees(p, b, a))
			violation("INV-31",
				  "node %" PRIu64 " and %" PRIu64 " do not see each other alike", a,
				  b);
	}
}

static void check_filter(const struct fl_policy *kept, const struct fl_policy *fresh, uint64_t id)
{
	struct fl_buf a = fl_buf_make(FILTER_MAX), b = fl_buf_make(FILTER_MAX);

	fl_policy_filter(kept, id, &a);
	fl_policy_filter(fresh, id, &b);
	if (a.len != b.len || (a.len > 0 && memcmp(a.ptr, b.ptr, a.len) != 0))
		violation("INV-31",
			  "the filter kept for node %" PRIu64 " is %.*s, it should be %.*s", id,
			  (int)a.len, (const char *)a.ptr, (int)b.len, (const char *)b.ptr);
	fl_buf_done(&a);
	fl_buf_done(&b);
	if (fl_policy_differs(kept, fresh, id) != 0)
		violation("INV-31",
			  "node %" PRIu64 ": what is kept differs by %#x from what is true", id,
			  fl_policy_differs(kept, fresh, id));
}

void check_policy(void)
{
	const struct fl_policy *kept = fl_governing(sim.server.core.policy);
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);
	struct fl_policy *fresh;

	if (kept == NULL || count == 0 || sim.server.core.policy_behind)
		return;
	check_symmetry(kept, nodes, count);
	if (fl_world_apply(&sim.server.core, fl_policy_document(kept), &fresh) != FL_OK)
		abort();
	for (size_t i = 0; i < NODES; i++)
		check_filter(kept, fresh, nodes[(i + sim.stats.steps) % count]->id);
	fl_policy_unref(fresh);
}

/* ---- a frame as it leaves, by the view of that moment ---- */

static void check_mentioned(const struct fl_viewer *v, uint64_t id, const char *how)
{
	if (id == v->id)
		violation("INV-30", "node %" PRIu64 " is %s to itself", id, how);
	if (fl_state_node(sim.server.core.state, id) == NULL)
		violation("INV-30", "node %" PRIu64 " is %s to %" PRIu64 ", and is not there", id,
			  how, v->id);
	if (!fl_viewer_sees(v, id))
		violation("INV-30", "node %" PRIu64 " is %s to %" PRIu64 ", who must not see it",
			  id, how, v->id);
}

/* A peer's entry, whole: it says whether the peer is online. */
static void check_entry(const struct fl_viewer *v, const struct peer *p, const char *how)
{
	check_mentioned(v, p->id, how);
	if ((p->has & (UINT64_C(1) << PEER_ONLINE)) == 0)
		violation("PRE-5", "node %" PRIu64 " is %s without saying whether it is online",
			  p->id, how);
}

static bool shows_user(const struct fl_viewer *v, fl_user_id user)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);

	for (size_t i = 0; i < count; i++) {
		fl_user_id owner = fl_node_is_tagged(nodes[i]) ? FL_TAGGED_USER_ID : nodes[i]->user;
		if (owner == user && (nodes[i]->id == v->id || fl_viewer_sees(v, nodes[i]->id)))
			return true;
	}
	return false;
}

static bool sees_nobody(const struct fl_viewer *v)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);

	for (size_t i = 0; i < count; i++)
		if (nodes[i]->id != v->id && fl_viewer_sees(v, nodes[i]->id))
			return false;
	return true;
}

static bool concerns_itself(const struct frame *f)
{
	for (int i = 0; i < SETTINGS; i++)
		if (f->setting[i] != 0)
			return true;
	return f->keepalive || f->node != NULL || f->removed_count > 0 || f->profiles_count > 0;
}

/* Has the node a session that began in this tick, though it may have ended in it (no memory)? */
static bool came_now(fl_node_id id)
{
	const struct fl_core *core = &sim.server.core;
	const struct fl_list *mine = fl_registry_conns(core->sessions, &id);

	if (mine == NULL)
		return false;
	const struct fl_session *newest =
		fl_list_entry(mine->prev, const struct fl_session, conn.link);
	return newest->since == fl_loop_wall(core->loop);
}

static void check_presence_told(const struct patch *p)
{
	/*
	 * Gone and back in one tick is two frames, of which the second is true. Among thousands
	 * sessions are not looked at often enough to know.
	 */
	if ((p->has & (1 << PEER_ONLINE)) == 0 || came_now(p->id) ||
	    sim.plan.size == PLAN_THOUSANDS)
		return;
	if ((p->field[PEER_ONLINE] == 2) != fl_core_online(&sim.server.core, p->id))
		violation("INV-13", "node %" PRIu64 " is told to be %s, which it is not", p->id,
			  p->field[PEER_ONLINE] == 2 ? "online" : "offline");
}

void check_frame(const struct exch *e, const struct frame *f)
{
	if (e->node == 0 || f->bad != NULL || fl_state_node(sim.server.core.state, e->node) == NULL)
		return;
	const struct fl_viewer v = fl_viewer_of(&sim.server.core, e->node);
	for (size_t i = 0; i < f->peers_count; i++)
		check_entry(&v, f->peers[i], "listed");
	for (size_t i = 0; i < f->changed_count; i++)
		check_entry(&v, f->changed[i], "told");
	for (size_t i = 0; i < f->patches_count; i++) {
		check_mentioned(&v, f->patches[i].id, "patched");
		check_presence_told(&f->patches[i]);
	}
	for (size_t i = 0; i < f->removed_count; i++)
		if (fl_state_node(sim.server.core.state, f->removed[i]) != NULL &&
		    fl_viewer_sees(&v, f->removed[i]))
			violation("INV-30",
				  "node %" PRIu64 " is taken from %" PRIu64 ", who sees it",
				  f->removed[i], v.id);
	for (size_t i = 0; i < f->profiles_count; i++)
		if (!shows_user(&v, f->profiles[i].id))
			violation("INV-30", "the profile of user %" PRIu64 " is told to %" PRIu64,
				  f->profiles[i].id, v.id);
	if (sees_nobody(&v) && !concerns_itself(f))
		violation("INV-32", "node %" PRIu64 " sees nobody and hears of others", v.id);
}
