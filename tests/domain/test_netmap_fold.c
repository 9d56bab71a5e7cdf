/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_netmap_fold.c - random histories: what a client folds from deltas is what a
 * fresh full map says (docs/lifecycle.md INV-23), for every order of events and every point of
 * delivery.
 */
#include "fold.h"
#include "netmap_kit.h"

#include <stdio.h>

#include "base/rng.h"

enum { NODES = 16, AT_FIRST = 8, VIEWER = 1, SEEDS = 300, EVENTS = 120 };

/* What happened to a node since the viewer was last told. */
struct pending {
	bool whole, removed;
	uint32_t fields;
};

struct world {
	struct fl_rng rng;
	struct fl_netmap_config *cfg;
	struct fl_node *node[NODES + 1]; /* by id; NULL = gone or not yet */
	bool online[NODES + 1], visible[NODES + 1], known[NODES + 1];
	bool serves[NODES + 1], primary[NODES + 1], gone[NODES + 1];
	struct pending pending[NODES + 1];
	bool self, derp, dns;
	fl_user_id profiles[2];
	size_t profiles_count;
	fl_wall now;
	struct fold client;
};

static uint64_t pick(struct world *w, uint64_t n)
{
	return fl_rng_below(&w->rng, n);
}

static struct fl_netmap_routes routes_of(const struct world *w, size_t id)
{
	static struct fl_prefix served[2];

	served[0] = kit_prefix("0.0.0.0/0");
	served[1] = kit_prefix("10.0.0.0/8");
	if (!w->serves[id])
		return (struct fl_netmap_routes){ 0 };
	return (struct fl_netmap_routes){ served, served + 1, 2, w->primary[id] };
}

static bool is_peer(const struct world *w, size_t id)
{
	return id != VIEWER && w->node[id] != NULL && w->visible[id];
}

/* ---- messages ---- */

static struct fl_bytes *fragment_of(const struct world *w, size_t id)
{
	struct fl_netmap_routes r = routes_of(w, id);

	return kit_fragment(w->cfg, w->node[id], w->online[id], &r, w->now);
}

static void deliver_full(const struct world *w, struct fold *f)
{
	struct fl_netmap_peer peers[NODES];
	struct fl_buf out = fl_buf_make(1 << 20);
	size_t n = 0;

	for (size_t id = 1; id <= NODES; id++)
		if (is_peer(w, id))
			peers[n++] = (struct fl_netmap_peer){ .node = w->node[id],
							      .fragment = fragment_of(w, id) };
	struct fl_netmap_full in = { .cfg = w->cfg,
				     .self = { w->node[VIEWER], routes_of(w, VIEWER) },
				     .peers = peers,
				     .peers_count = n,
				     .users = kit_users(),
				     .now = w->now };
	assert_err(fl_netmap_full_write(&in, &out), FL_OK);
	fold_apply(f, fl_buf_slice(&out));
	fl_buf_done(&out);
	while (n > 0)
		fl_bytes_unref((struct fl_bytes *)(uintptr_t)peers[--n].fragment);
}

/* What a session does with merged changes: visibility decides, current records speak. */
static void mention(struct world *w, size_t id, struct fl_netmap_delta *in,
		    struct fl_netmap_peer *peers, fl_node_id *removed)
{
	struct pending *p = &w->pending[id];

	if (w->known[id] && (p->removed || !is_peer(w, id)))
		removed[in->removed_count++] = id;
	if (is_peer(w, id) && (p->whole || p->fields != 0 || !w->known[id])) {
		bool whole = p->whole || !w->known[id];
		peers[in->peers_count++] = (struct fl_netmap_peer){ .node = w->node[id],
								    .fragment = fragment_of(w, id),
								    .fields = whole ? 0 : p->fields,
								    .online = w->online[id] };
	}
	w->known[id] = is_peer(w, id);
	*p = (struct pending){ 0 };
}

static void deliver_delta(struct world *w)
{
	struct fl_netmap_peer peers[NODES];
	fl_node_id removed[NODES];
	struct fl_buf out = fl_buf_make(1 << 20);
	struct fl_netmap_delta in = { .cfg = w->cfg,
				      .peers = peers,
				      .removed = removed,
				      .profiles = w->profiles,
				      .profiles_count = w->profiles_count,
				      .users = kit_users(),
				      .viewer = VIEWER,
				      .derp_map = w->derp,
				      .dns = w->dns,
				      .now = w->now };
	bool any = false;

	for (size_t id = 1; id <= NODES; id++)
		if (id != VIEWER)
			mention(w, id, &in, peers, removed);
	if (w->self)
		in.self = (struct fl_netmap_self){ w->node[VIEWER], routes_of(w, VIEWER) };
	assert_err(fl_netmap_delta_write(&in, &out, &any), FL_OK);
	assert_int_equal(any, out.len > 0);
	if (any)
		fold_apply(&w->client, fl_buf_slice(&out));
	fl_buf_done(&out);
	for (size_t i = 0; i < in.peers_count; i++)
		fl_bytes_unref((struct fl_bytes *)(uintptr_t)peers[i].fragment);
	w->self = w->derp = w->dns = false;
	w->profiles_count = 0;
}

static void deliver_keepalive(struct world *w)
{
	struct fl_buf out = fl_buf_make(1 << 10);

	assert_err(fl_netmap_keepalive_write(w->now, &out), FL_OK);
	fold_apply(&w->client, fl_buf_slice(&out));
	fl_buf_done(&out);
}

/* The stream ended; the next one begins with everything. */
static void reconnect(struct world *w)
{
	fold_done(&w->client);
	fold_init(&w->client);
	deliver_full(w, &w->client);
	for (size_t id = 1; id <= NODES; id++) {
		w->known[id] = is_peer(w, id);
		w->pending[id] = (struct pending){ 0 };
	}
	w->self = w->derp = w->dns = false;
	w->profiles_count = 0;
}

static void check(struct world *w)
{
	struct fold fresh;

	deliver_delta(w);
	fold_init(&fresh);
	deliver_full(w, &fresh);
	fold_assert_same(&w->client, &fresh);
	fold_done(&fresh);
}

/* ---- events: each changes a record and says so as the state does ---- */

static void whole(struct world *w, size_t id)
{
	w->pending[id].whole = true;
	if (id == VIEWER)
		w->self = true;
}

static void patch(struct world *w, size_t id, uint32_t fields)
{
	w->pending[id].fields |= fields;
	if (id == VIEWER && fields != FL_PATCH_ONLINE)
		w->self = true;
}

static void add_node(struct world *w, size_t id)
{
	char name[16];

	snprintf(name, sizeof name, "node%zu", id);
	w->node[id] = kit_node(id, name);
	w->online[id] = w->serves[id] = w->primary[id] = false;
	whole(w, id);
}

static void remove_node(struct world *w, size_t id)
{
	w->node[id] = fl_node_unref(w->node[id]);
	w->gone[id] = true; /* ids are never given again */
	w->pending[id].removed = true;
}

static void event_presence(struct world *w, size_t id)
{
	w->online[id] = !w->online[id];
	if (!w->online[id])
		w->node[id]->last_seen = w->now;
	patch(w, id, FL_PATCH_ONLINE);
}

static void event_endpoints(struct world *w, size_t id)
{
	char text[32];

	if (pick(w, 3) == 0) {
		w->node[id]->endpoints_count = 0;
	} else {
		snprintf(text, sizeof text, "192.0.2.%u:%u", (unsigned)pick(w, 250),
			 (unsigned)(1 + pick(w, 65000)));
		kit_endpoint(w->node[id], text);
	}
	patch(w, id, FL_PATCH_ENDPOINTS);
}

static void event_home(struct world *w, size_t id)
{
	static const char *const info[] = { "{\"NetInfo\":{\"PreferredDERP\":900}}",
					    "{\"NetInfo\":{\"PreferredDERP\":901}}",
					    "{\"NetInfo\":{\"PreferredDERP\":55}}" };

	/* Keeps the rest of Hostinfo, as a client's update does. */
	bool named = w->node[id]->hostinfo->hostname[0] != '\0';
	kit_hostinfo(w->node[id], info[pick(w, 3)]);
	patch(w, id, FL_PATCH_DERP);
	if (named)
		whole(w, id);
}

static void event_hostinfo(struct world *w, size_t id)
{
	kit_hostinfo(w->node[id], pick(w, 2) ? "{\"Hostname\":\"h\"}" : "{\"Hostname\":\"i\"}");
	whole(w, id);
}

static void event_key(struct world *w, size_t id)
{
	struct fl_node *n = w->node[id];

	memset(n->key.b, (int)(1 + pick(w, 255)), sizeof n->key.b);
	memset(n->disco.b, (int)(1 + pick(w, 255)), sizeof n->disco.b);
	n->expiry = pick(w, 2) ? w->now + FL_HOUR : 0;
	patch(w, id, FL_PATCH_KEY | FL_PATCH_DISCO | FL_PATCH_EXPIRY | FL_PATCH_ENDPOINTS);
}

static void event_disco(struct world *w, size_t id)
{
	memset(w->node[id]->disco.b, (int)(1 + pick(w, 255)), 32);
	patch(w, id, FL_PATCH_DISCO);
}

static void event_cap(struct world *w, size_t id)
{
	w->node[id]->cap = (uint32_t)(113 + pick(w, 30));
	patch(w, id, FL_PATCH_CAP);
}

static void event_expiry(struct world *w, size_t id)
{
	fl_wall choice[] = { 0, w->now, w->now + FL_HOUR, w->now - FL_HOUR };

	w->node[id]->expiry = choice[pick(w, 4)];
	patch(w, id, FL_PATCH_EXPIRY);
}

static void event_rename(struct world *w, size_t id)
{
	snprintf(w->node[id]->given_name, sizeof w->node[id]->given_name, "n%u",
		 (unsigned)pick(w, 1000));
	if (id != VIEWER && pick(w, 8) == 0) /* cannot be shown any more */
		w->node[id]->given_name[0] = '\0';
	whole(w, id);
}

static void event_owner(struct world *w, size_t id)
{
	if (pick(w, 2))
		kit_tag(w->node[id], "tag:a");
	else
		kit_untag(w->node[id], 1 + pick(w, 3));
	whole(w, id);
}

static void event_routes(struct world *w, size_t id)
{
	w->serves[id] = pick(w, 2);
	w->primary[id] = w->serves[id] && pick(w, 2);
	whole(w, id);
}

static void event_visibility(struct world *w, size_t id)
{
	w->visible[id] = !w->visible[id];
}

static void event_removal(struct world *w, size_t id)
{
	if (id != VIEWER && pick(w, 3) == 0)
		remove_node(w, id);
}

/* Time passes; nodes whose key expires on the way are announced. */
static void event_time(struct world *w, size_t id)
{
	fl_wall before = w->now;

	(void)id;
	w->now += (fl_wall)pick(w, 90) * FL_MIN;
	for (size_t i = 1; i <= NODES; i++)
		if (w->node[i] != NULL && w->node[i]->expiry > before &&
		    w->node[i]->expiry <= w->now)
			whole(w, i);
}

static void event_settings(struct world *w, size_t id)
{
	(void)id;
	w->derp = w->derp || pick(w, 2);
	w->dns = w->dns || pick(w, 2);
	if (w->profiles_count < 2)
		w->profiles[w->profiles_count++] = 1 + pick(w, 2);
}

static void happen(struct world *w)
{
	static void (*const events[])(struct world *, size_t) = {
		event_presence, event_presence, event_presence, event_endpoints, event_endpoints,
		event_home,     event_hostinfo, event_key,      event_disco,     event_cap,
		event_expiry,   event_rename,   event_owner,    event_routes,    event_visibility,
		event_removal,  event_time,     event_settings,
	};
	size_t id = 1 + pick(w, NODES);

	if (w->gone[id])
		event_time(w, id);
	else if (w->node[id] == NULL)
		add_node(w, id);
	else
		events[pick(w, COUNT(events))](w, id);
}

/* ---- histories ---- */

static void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world){ .now = KIT_NOW, .cfg = kit_config(NULL) };
	fl_rng_init(&w->rng, seed);
	for (size_t id = 1; id <= NODES; id++) {
		w->visible[id] = true;
		if (id <= AT_FIRST)
			add_node(w, id);
	}
	fold_init(&w->client);
	reconnect(w);
}

static void world_done(struct world *w)
{
	fold_done(&w->client);
	for (size_t id = 1; id <= NODES; id++)
		fl_node_unref(w->node[id]);
	fl_netmap_config_unref(w->cfg);
}

static void folded_deltas_are_the_full_map(void **state)
{
	(void)state;
	size_t messages = 0;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct world w;
		world_init(&w, seed);
		for (size_t i = 0; i < EVENTS; i++) {
			happen(&w);
			if (pick(&w, 3) == 0)
				check(&w);
			if (pick(&w, 20) == 0)
				deliver_keepalive(&w);
			if (pick(&w, 60) == 0)
				reconnect(&w);
		}
		check(&w);
		messages += w.client.messages;
		world_done(&w);
	}
	assert_true(messages > SEEDS);
}

/* With nothing pending there is nothing to send, whatever the world looks like. */
static void quiet_worlds_send_nothing(void **state)
{
	(void)state;
	struct world w;

	world_init(&w, 99);
	for (size_t i = 0; i < EVENTS; i++) {
		happen(&w);
		deliver_delta(&w);
		size_t before = w.client.messages;
		deliver_delta(&w);
		assert_int_equal(w.client.messages, before);
	}
	world_done(&w);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "folded deltas are the full map", folded_deltas_are_the_full_map, NULL);
	suite_add(&s, "quiet worlds send nothing", quiet_worlds_send_nothing, NULL);
	return suite_run(&s, "domain/netmap_fold");
}
