/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/full.c - whole maps: a head of their own, then the peers in chunks that most
 * maps share.
 *
 * What is this map's alone, the head and its own chunk, is compressed where the connection is
 * carried: with workers only the shared chunks cost the control loop time, each once.
 *
 * Some clients read one zstd frame a message; they get the same text in one (docs/protocol/
 * control.md 5.3).
 */
#include "services/control/batch.h"

#include <stdlib.h>

enum { MAP_MAX = 256 << 20 };

/* What `tell` needs to know. */
struct teller {
	struct fl_control *control;
	struct fl_viewer viewer;
};

static enum fl_err tell(void *ctx, const struct fl_node *n, const struct fl_bytes **out)
{
	const struct teller *t = ctx;

	*out = NULL;
	if (!fl_viewer_sees(&t->viewer, n->id))
		return FL_OK;
	return fl_fragments_for(t->control->fragments, t->control->netmap, &t->viewer, n, out);
}

/* Under a policy mostly few of many nodes. NULL: everybody is seen, or there is no memory. */
static fl_node_id *list_seen(const struct fl_viewer *v, size_t count, size_t *out_count)
{
	fl_node_id *ids = v->policy != NULL ? malloc((count + 1) * sizeof *ids) : NULL;
	size_t seen = ids != NULL ? fl_policy_peers(v->policy, v->id, ids, count) : 0;

	*out_count = seen < count ? seen : count;
	return ids;
}

static enum fl_err list_peers(struct fl_control *c, const struct fl_node *self, bool zstd,
			      struct fl_chunks_peers *out)
{
	struct teller t = { .control = c, .viewer = fl_viewer_of(c->core, self->id) };
	struct fl_chunks_view view = {
		.viewer = self->id,
		.common = t.viewer.policy == NULL,
		.zstd = zstd,
		.tell = tell,
		.ctx = &t,
	};

	view.count = fl_state_nodes(c->core->state, &view.nodes);
	fl_node_id *seen = list_seen(&t.viewer, view.count, &view.seen_count);
	view.seen = seen;
	enum fl_err err = fl_chunks_list(fl_fragments_chunks(c->fragments), &view, out);
	free(seen);
	return err;
}

static enum fl_err write_head(struct fl_control *c, const struct fl_node *self,
			      const struct fl_chunks_peers *peers, struct fl_buf *out)
{
	struct fl_netmap_full in = {
		.cfg = c->netmap,
		.owners = peers->owners,
		.owners_count = peers->owners_count,
		.users = fl_control_users(c),
		.now = fl_loop_wall(c->core->loop),
	};
	struct fl_rules rules;

	enum fl_err err = fl_rules_fill(c, self, FL_RULES_ALL, &rules);
	in.self = rules.self;
	in.filter = fl_buf_slice(&rules.filter);
	in.ssh = fl_buf_slice(&rules.ssh);
	if (err == FL_OK && peers->parts.count > 0)
		err = fl_netmap_full_open(&in, out);
	else if (err == FL_OK)
		err = fl_netmap_full_write(&in, out);
	fl_rules_done(&rules);
	return err;
}

/* ---- what is compressed where the client's connection is ---- */

struct map {
	struct fl_http_recipe recipe; /* first */
	struct fl_mapframe *framer;   /* of the control loop */
	struct fl_buf head;
	struct fl_chunks_peers peers;
	struct fl_bytes *end; /* of the list, and of the map */
	bool zstd, joined;
};

static void map_free(struct fl_http_recipe *r)
{
	struct map *m = (struct map *)r;

	fl_buf_done(&m->head);
	fl_chunks_peers_done(&m->peers);
	fl_bytes_unref(m->end);
	free(m);
}

/* The head knows how long the rest is. `own`: of the peers, as it is sent; NULL: there is none. */
static enum fl_err put_pieces(const struct map *m, struct fl_mapframe *framer, struct fl_bytes *own,
			      struct fl_parts *out)
{
	const struct fl_parts *peers = &m->peers.parts;
	struct fl_bytes *first = NULL;
	size_t rest = peers->count > 0 ? peers->len + m->end->len : 0;

	if (own != NULL)
		rest = rest - peers->at[m->peers.own]->len + own->len;
	enum fl_err err = fl_mapframe_first(framer, fl_buf_slice(&m->head), rest, m->zstd, &first);
	if (err == FL_OK)
		err = fl_parts_add(out, first);
	fl_bytes_unref(first);
	for (size_t i = 0; i < peers->count && err == FL_OK; i++)
		err = fl_parts_add(out, i == m->peers.own ? own : peers->at[i]);
	if (err == FL_OK && peers->count > 0)
		err = fl_parts_add(out, m->end);
	return err;
}

static enum fl_err make_pieces(const struct map *m, struct fl_mapframe *framer,
			       struct fl_parts *out)
{
	const struct fl_parts *peers = &m->peers.parts;
	struct fl_bytes *own = NULL;
	enum fl_err err = FL_OK;

	if (m->peers.own < peers->count)
		err = fl_mapframe_piece(framer, fl_bytes_slice(peers->at[m->peers.own]), m->zstd,
					&own);
	if (err == FL_OK)
		err = put_pieces(m, framer, own, out);
	fl_bytes_unref(own);
	return err;
}

static enum fl_err make_joined(const struct map *m, struct fl_mapframe *framer,
			       struct fl_parts *out)
{
	const struct fl_parts *peers = &m->peers.parts;
	struct fl_buf text = fl_buf_make(MAP_MAX);
	struct fl_bytes *frame = NULL;

	fl_buf_put(&text, m->head.ptr, m->head.len);
	for (size_t i = 0; i < peers->count; i++)
		fl_buf_put(&text, peers->at[i]->data, peers->at[i]->len);
	if (peers->count > 0)
		fl_buf_put(&text, m->end->data, m->end->len);
	enum fl_err err = fl_buf_err(&text);
	if (err == FL_OK)
		err = fl_mapframe_make(framer, fl_buf_slice(&text), true, &frame);
	if (err == FL_OK)
		err = fl_parts_add(out, frame);
	fl_bytes_unref(frame);
	fl_buf_done(&text);
	return err;
}

static enum fl_err make(const struct fl_http_recipe *r, void *tools, struct fl_parts *out)
{
	const struct map *m = (const struct map *)r;
	struct fl_mapframe *framer = tools != NULL ? tools : m->framer;

	return m->joined ? make_joined(m, framer, out) : make_pieces(m, framer, out);
}

static size_t most(const struct map *m)
{
	const struct fl_parts *peers = &m->peers.parts;
	size_t own = m->peers.own < peers->count ? peers->at[m->peers.own]->len : 0;

	if (m->joined)
		return fl_mapframe_bound(m->head.len + peers->len + m->end->len);
	return fl_mapframe_bound(m->head.len) + fl_mapframe_bound(own) + peers->len + m->end->len;
}

static struct map *map_new(struct fl_control *c, const struct fl_map_form *form)
{
	bool joined = form->zstd && form->one_frame;
	struct map *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	*m = (struct map){
		.recipe = { .make = make, .free = map_free },
		.framer = c->framer,
		.head = fl_buf_make(MAP_MAX),
		.peers.own = SIZE_MAX,
		.end = fl_bytes_ref(
			fl_chunks_end(fl_fragments_chunks(c->fragments), form->zstd && !joined)),
		.zstd = form->zstd,
		.joined = joined,
	};
	return m;
}

enum fl_err fl_control_map_recipe(struct fl_control *c, const struct fl_node *self,
				  const struct fl_map_form *form, struct fl_http_recipe **out)
{
	struct map *m = map_new(c, form);
	enum fl_err err = m != NULL ? FL_OK : FL_ERR_NOMEM;

	if (err == FL_OK && !form->omit_peers)
		err = list_peers(c, self, m->zstd && !m->joined, &m->peers);
	if (err == FL_OK)
		err = write_head(c, self, &m->peers, &m->head);
	if (err == FL_OK && m->peers.parts.len > MAP_MAX)
		err = FL_ERR_TOO_BIG;
	if (err != FL_OK) {
		c->stats.frames_failed++;
		if (m != NULL)
			map_free(&m->recipe);
		return err;
	}
	m->recipe.most = most(m);
	*out = &m->recipe;
	return FL_OK;
}

enum fl_err fl_control_send_map(struct fl_control *c, struct fl_http *x, const struct fl_node *self,
				const struct fl_map_form *form, size_t more)
{
	struct fl_http_recipe *map;

	enum fl_err err = fl_control_map_recipe(c, self, form, &map);
	if (err != FL_OK)
		return err;
	fl_http_stream_limit(x, map->most + more);
	err = fl_http_stream_begin(x, 200, "application/json", map);
	c->stats.frames_failed += err != FL_OK;
	c->stats.full_made += err == FL_OK;
	return err;
}
