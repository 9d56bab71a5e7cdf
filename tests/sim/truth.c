/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/truth.c - what a client should believe, from the records alone: no text that the server
 * kept takes part.
 *
 * The texts are written anew when anything that they are made of is another. Peers are listed one
 * by one, so what clients got in chunks is compared with what was never in one.
 */
#include <stdlib.h>

#include "services/control/batch.h"
#include "services/control/viewer.h"
#include "sim.h"

enum { HEAD_MAX = 16 << 20 };

static struct {
	struct fl_fragments *at;
	uint64_t from;    /* a hash of what they are made of */
	fl_wall expiry;   /* the next that has not passed */
	uint64_t checked; /* sim.ran when that was last looked at */
} texts;

/* What the text of the i-th node says. */
static struct known {
	struct fl_bytes *text;
	const struct peer *peer;
} * known;
static size_t known_count;

void truth_forget(void)
{
	texts.at = fl_fragments_free(texts.at);
	for (size_t i = 0; i < known_count; i++)
		fl_bytes_unref(known[i].text);
	free(known);
	known = NULL;
	known_count = 0;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ (h >> 29);
}

/* Records, settings, the policy; who is online, and who carries which subnet. */
static uint64_t sources(void)
{
	const struct fl_core *core = &sim.server.core;
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(core->state, &nodes);
	uint64_t h = mix(mix(1, core->stats.commits), core->stats.commit_failures);

	h = mix(mix(h, sim.server.derp), sim.server.dns);
	h = mix(mix(h, sim.stats.policies), (uint64_t)sim_clock.skew);
	h = mix(h, (uintptr_t)core->policy);
	for (size_t i = 0; i < count; i++) {
		h = mix(h, 2 * nodes[i]->id + fl_core_online(core, nodes[i]->id));
		for (size_t k = 0; k < nodes[i]->approved_count; k++)
			h = mix(h, fl_primaries_of(core->primaries, &nodes[i]->approved[k]));
	}
	return h;
}

static fl_wall next_expiry(fl_wall now)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);
	fl_wall next = INT64_MAX;

	for (size_t i = 0; i < count; i++)
		if (nodes[i]->expiry > now && nodes[i]->expiry < next)
			next = nodes[i]->expiry;
	return next;
}

static void write_anew(void)
{
	struct fl_control *c = sim.server.control;
	fl_wall now = fl_loop_wall(sim.server.loop);
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);

	if (texts.at != NULL && texts.checked == sim.ran && now < texts.expiry)
		return;
	uint64_t from = sources();
	texts.checked = sim.ran;
	if (texts.at != NULL && texts.from == from && now < texts.expiry)
		return;
	truth_forget();
	if (fl_fragments_new(&sim.server.core, c->framer, c->cfg.seed, &texts.at) != FL_OK)
		abort();
	texts.from = from;
	texts.expiry = next_expiry(now);
	known_count = count;
	known = calloc(count + 1, sizeof *known);
	if (known == NULL)
		abort();
}

static const struct peer *peer_of(size_t i, const struct fl_node *n, const struct fl_bytes *text)
{
	struct known *k = &known[i];

	if (k->text == text)
		return k->peer;
	const char *bad = frame_read_peer(fl_bytes_slice(text), &k->peer);
	if (bad != NULL)
		violation("INV-20", "node %" PRIu64 ": %s", n->id, bad);
	fl_bytes_unref(k->text);
	k->text = fl_bytes_ref((struct fl_bytes *)(uintptr_t)text);
	return k->peer;
}

static void add_peers(const struct fl_node *self, struct view *want, fl_user_id *owners)
{
	const struct fl_viewer v = fl_viewer_of(&sim.server.core, self->id);
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);
	const struct fl_bytes *text;

	for (size_t i = 0; i < count; i++) {
		if (nodes[i] == self || !fl_viewer_sees(&v, nodes[i]->id))
			continue;
		if (fl_fragments_for(texts.at, sim.server.netmap, &v, nodes[i], &text) != FL_OK)
			abort();
		if (text == NULL)
			continue;
		const struct peer *p = peer_of(i, nodes[i], text);
		owners[want->peers_count] = p->user;
		view_add(want, p);
	}
}

/* All but its peers. */
static void add_head(const struct fl_node *self, struct view *want, const fl_user_id *owners)
{
	struct fl_control *c = sim.server.control;
	struct fl_buf text = fl_buf_make(HEAD_MAX);
	struct fl_netmap_full in = {
		.cfg = c->netmap,
		.owners = owners,
		.owners_count = want->peers_count,
		.users = fl_control_users(c),
		.now = fl_loop_wall(c->core->loop),
	};
	struct fl_rules rules;

	enum fl_err err = fl_rules_fill(c, self, FL_RULES_ALL, &rules);
	in.self = rules.self;
	in.filter = fl_buf_slice(&rules.filter);
	in.ssh = fl_buf_slice(&rules.ssh);
	if (err == FL_OK)
		err = fl_netmap_full_write(&in, &text);
	fl_rules_done(&rules);
	if (err != FL_OK)
		violation("INV-23", "no map of node %" PRIu64 ": %s", self->id, fl_err_text(err));
	struct frame *f = frame_read(fl_buf_slice(&text));
	struct view_fault fault = view_apply(want, f);
	if (fault.text != NULL)
		violation(fault.invariant, "node %" PRIu64 ": %s", self->id, fault.text);
	frame_unref(f);
	fl_buf_done(&text);
}

void truth_of(const struct fl_node *self, struct view *want)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);
	fl_user_id *owners = calloc(count + 1, sizeof *owners);

	if (owners == NULL)
		abort();
	write_anew();
	view_reset(want);
	add_peers(self, want, owners);
	add_head(self, want, owners);
	free(owners);
}
