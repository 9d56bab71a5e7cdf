/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/full.c - whole maps: a head of their own, then the peers in chunks that most
 * maps share.
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

/* The head knows how long the rest is. */
static enum fl_err put_pieces(struct fl_control *c, struct fl_slice head,
			      const struct fl_parts *peers, bool zstd, struct fl_parts *out)
{
	struct fl_bytes *end = fl_chunks_end(fl_fragments_chunks(c->fragments), zstd);
	struct fl_bytes *first = NULL;
	size_t rest = peers->count > 0 ? peers->len + end->len : 0;

	enum fl_err err = fl_mapframe_first(c->framer, head, rest, zstd, &first);
	if (err != FL_OK)
		return err;
	err = fl_parts_add(out, first);
	fl_bytes_unref(first);
	for (size_t i = 0; i < peers->count && err == FL_OK; i++)
		err = fl_parts_add(out, peers->at[i]);
	if (err == FL_OK && peers->count > 0)
		err = fl_parts_add(out, end);
	return err;
}

/* `text` holds the head. */
static enum fl_err put_joined(struct fl_control *c, struct fl_buf *text,
			      const struct fl_parts *peers, struct fl_parts *out)
{
	struct fl_bytes *frame = NULL;

	for (size_t i = 0; i < peers->count; i++)
		fl_buf_put(text, peers->at[i]->data, peers->at[i]->len);
	if (peers->count > 0)
		fl_buf_str(text, "]}");
	enum fl_err err = fl_buf_err(text);
	if (err == FL_OK)
		err = fl_mapframe_make(c->framer, fl_buf_slice(text), true, &frame);
	if (err == FL_OK)
		err = fl_parts_add(out, frame);
	fl_bytes_unref(frame);
	return err;
}

enum fl_err fl_control_map_frame(struct fl_control *c, const struct fl_node *self,
				 const struct fl_map_form *form, struct fl_parts *out)
{
	struct fl_buf head = fl_buf_make(MAP_MAX);
	struct fl_chunks_peers peers = { 0 };
	bool joined = form->zstd && form->one_frame, pieces = form->zstd && !joined;

	enum fl_err err = form->omit_peers ? FL_OK : list_peers(c, self, pieces, &peers);
	if (err == FL_OK)
		err = write_head(c, self, &peers, &head);
	if (err == FL_OK && joined)
		err = put_joined(c, &head, &peers.parts, out);
	else if (err == FL_OK)
		err = put_pieces(c, fl_buf_slice(&head), &peers.parts, pieces, out);
	fl_chunks_peers_done(&peers);
	fl_buf_done(&head);
	if (err == FL_OK)
		c->stats.full_made++;
	else
		c->stats.frames_failed++;
	return err;
}
