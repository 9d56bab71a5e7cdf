/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_chunks.c - peers of whole maps out of shared chunks: whatever nodes there are
 * and whoever looks, the pieces together are the text that one would write for him alone.
 */
#include "../base/alloc_plan.h"
#include "../base/table.h"

#include <stdio.h>

#include "base/rng.h"
#include "services/control/chunks.h"

enum { NODES_MAX = 3 * FL_CHUNK_PEERS + 2, TEXT_MAX = 1 << 20, FORMS_KEPT = 8 };

/* In no chunk. */
#define OUTSIDER (UINT64_C(1) << 63)

/* Who sees what. */
enum kind {
	EVERYBODY, /* all, the same; the only kind where it is there */
	SOME,      /* two thirds of them */
	ROUTED,    /* all, some of them with other routes */
	BLIND,     /* nobody */
	ALL_BUT,   /* all but the i-th, for ALL_BUT + i */
};

struct world {
	struct fl_mapframe *framer;
	struct fl_chunks *chunks;
	struct fl_node nodes[NODES_MAX], *list[NODES_MAX];
	struct fl_bytes *texts[NODES_MAX][2]; /* by index in `nodes`: as usual; with routes */
	size_t count;
	unsigned version;
	enum kind kind;
};

static struct world w;

static size_t index_of(const struct fl_node *n)
{
	return (size_t)(n - w.nodes);
}

static const struct fl_bytes *told(enum kind kind, const struct fl_node *n)
{
	size_t i = index_of(n);

	switch (kind) {
	case EVERYBODY:
		return w.texts[i][0];
	case SOME:
		return i % 3 != 0 ? w.texts[i][0] : NULL;
	case ROUTED:
		return w.texts[i][i % 7 == 0];
	case BLIND:
		return NULL;
	case ALL_BUT:
	default:
		return i != (size_t)kind - ALL_BUT ? w.texts[i][0] : NULL;
	}
}

static enum fl_err tell(void *ctx, const struct fl_node *n, const struct fl_bytes **out)
{
	(void)ctx;
	*out = told(w.kind, n);
	return FL_OK;
}

/* ---- nodes come, change and go ---- */

static void write_texts(size_t i)
{
	char text[64];

	for (int routes = 0; routes < 2; routes++) {
		snprintf(text, sizeof text, "{\"ID\":%llu,\"v\":%u,\"r\":%d}",
			 (unsigned long long)w.nodes[i].id, w.version, routes);
		w.texts[i][routes] = fl_bytes_new(fl_slice_str(text));
		assert_non_null(w.texts[i][routes]);
	}
	w.version++;
}

static void free_texts(size_t i)
{
	for (int routes = 0; routes < 2; routes++)
		w.texts[i][routes] = fl_bytes_unref(w.texts[i][routes]);
}

static void world_init(void)
{
	memset(&w, 0, sizeof w);
	assert_err(fl_mapframe_new(&w.framer), FL_OK);
	assert_err(fl_chunks_new(w.framer, &w.chunks), FL_OK);
}

static void world_done(void)
{
	fl_chunks_free(w.chunks);
	for (size_t i = 0; i < NODES_MAX; i++)
		free_texts(i);
	fl_mapframe_free(w.framer);
}

/* Nodes are listed by their index, which is the order of their ids. */
static void node_add(size_t i, fl_node_id id)
{
	size_t at = w.count++;

	w.nodes[i].id = id;
	w.nodes[i].user = 1 + i / 5 % 4;
	for (; at > 0 && w.list[at - 1]->id > id; at--)
		w.list[at] = w.list[at - 1];
	w.list[at] = &w.nodes[i];
	fl_chunks_drop(w.chunks, id);
	write_texts(i);
}

static void node_remove(size_t at)
{
	size_t i = index_of(w.list[at]);

	fl_chunks_drop(w.chunks, w.list[at]->id);
	free_texts(i);
	w.count--;
	for (; at < w.count; at++)
		w.list[at] = w.list[at + 1];
}

static void node_change(size_t at)
{
	size_t i = index_of(w.list[at]);

	fl_chunks_drop(w.chunks, w.list[at]->id);
	free_texts(i);
	write_texts(i);
}

/* ---- maps ---- */

/* Whom that kind is told of, and an id that no node has. */
static size_t list_seen(enum kind kind, fl_node_id *out)
{
	size_t count = 0;

	for (size_t i = 0; i < w.count; i++) {
		if (told(kind, w.list[i]) == NULL)
			continue;
		out[count++] = w.list[i]->id;
		if (i + 1 < w.count && w.list[i + 1]->id > w.list[i]->id + 1)
			out[count++] = w.list[i]->id + 1;
	}
	return count;
}

/* Half of the viewers know whom they see. */
static enum fl_err list(enum kind kind, fl_node_id viewer, bool zstd, struct fl_chunks_peers *out)
{
	fl_node_id seen[2 * NODES_MAX];
	const struct fl_chunks_view view = {
		.seen = kind != EVERYBODY && viewer % 2 == 0 ? seen : NULL,
		.seen_count = list_seen(kind, seen),
		.nodes = w.list,
		.count = w.count,
		.viewer = viewer,
		.common = kind == EVERYBODY,
		.zstd = zstd,
		.tell = tell,
	};

	w.kind = kind;
	return fl_chunks_list(w.chunks, &view, out);
}

/* As who sends a map does it with what is this map's alone. */
static void put_packed(const struct fl_bytes *text, struct fl_buf *out)
{
	struct fl_bytes *packed;

	assert_err(fl_mapframe_piece(w.framer, fl_bytes_slice(text), true, &packed), FL_OK);
	fl_buf_put(out, packed->data, packed->len);
	fl_bytes_unref(packed);
}

/* As a client reads it: all frames of the message, one after the other. */
static void read_pieces(const struct fl_chunks_peers *peers, bool zstd, struct fl_buf *out)
{
	const struct fl_parts *parts = &peers->parts;
	struct fl_buf body = fl_buf_make(TEXT_MAX);

	for (size_t i = 0; i < parts->count; i++)
		if (zstd && i == peers->own)
			put_packed(parts->at[i], &body);
		else
			fl_buf_put(&body, parts->at[i]->data, parts->at[i]->len);
	assert_err(fl_buf_err(&body), FL_OK);
	fl_buf_reset(out);
	if (zstd)
		assert_err(fl_mapframe_open(w.framer, fl_buf_slice(&body), TEXT_MAX, out), FL_OK);
	else
		fl_buf_put(out, body.ptr, body.len);
	fl_buf_done(&body);
}

static void write_plainly(enum kind kind, fl_node_id viewer, struct fl_buf *out)
{
	fl_buf_reset(out);
	for (size_t i = 0; i < w.count; i++) {
		const struct fl_bytes *text = told(kind, w.list[i]);
		if (w.list[i]->id == viewer || text == NULL)
			continue;
		if (out->len > 0)
			fl_buf_byte(out, ',');
		fl_buf_put(out, text->data, text->len);
	}
}

static unsigned owners_told(enum kind kind, fl_node_id viewer)
{
	unsigned owners = 0;

	for (size_t i = 0; i < w.count; i++)
		if (w.list[i]->id != viewer && told(kind, w.list[i]) != NULL)
			owners |= 1U << w.list[i]->user;
	return owners;
}

static void check_map(enum kind kind, fl_node_id viewer, bool zstd)
{
	struct fl_buf got = fl_buf_make(TEXT_MAX), want = fl_buf_make(TEXT_MAX);
	struct fl_chunks_peers peers;
	unsigned owners = 0;

	assert_err(list(kind, viewer, zstd, &peers), FL_OK);
	read_pieces(&peers, zstd, &got);
	write_plainly(kind, viewer, &want);
	assert_bytes(fl_buf_slice(&got), fl_buf_slice(&want));
	for (size_t i = 0; i < peers.owners_count; i++)
		owners |= 1U << peers.owners[i];
	assert_int_equal(owners, owners_told(kind, viewer));
	fl_chunks_peers_done(&peers);
	fl_buf_done(&got);
	fl_buf_done(&want);
}

/* ---- every number of peers, every place of the viewer ---- */

static fl_node_id dense(size_t i)
{
	return i + 1;
}

static fl_node_id sparse(size_t i)
{
	return 100 * i + 7;
}

static fl_node_id in_clusters(size_t i)
{
	return i / 10 * 1000 + i % 10 + 1;
}

static fl_node_id far_out(size_t i)
{
	return (UINT64_C(1) << 52) + 3 * i - 30;
}

static struct layout {
	const char *name;
	fl_node_id (*id)(size_t i);
} layouts[] = {
	{ "ids without a gap", dense },
	{ "ids far apart", sparse },
	{ "ids in clusters", in_clusters },
	{ "ids around a power of two", far_out },
};

static void layout_row(void **state)
{
	const struct layout *l = *state;

	world_init();
	check_map(EVERYBODY, 1, true);
	for (size_t n = 0; n < NODES_MAX; n++) {
		node_add(n, l->id(n));
		for (size_t v = 0; v <= n; v++) {
			check_map(EVERYBODY, l->id(v), true);
			check_map(EVERYBODY, l->id(v), false);
		}
	}
	world_done();
}

/* ---- what is shared ---- */

static struct fl_chunks_stats since(struct fl_chunks_stats before)
{
	struct fl_chunks_stats now = fl_chunks_stats(w.chunks);

	now.made -= before.made;
	now.shared -= before.shared;
	return now;
}

static void assert_costs(fl_node_id viewer, uint64_t made, uint64_t shared)
{
	struct fl_chunks_stats before = fl_chunks_stats(w.chunks);

	check_map(EVERYBODY, viewer, true);
	assert_int_equal(since(before).made, made);
	assert_int_equal(since(before).shared, shared);
}

static void fill_dense(size_t count)
{
	world_init();
	for (size_t i = 0; i < count; i++)
		node_add(i, dense(i));
}

/* Chunks of 63, 64, 64 and 1 nodes. */
static void maps_share_all_but_their_own_chunk(void **state)
{
	(void)state;
	fill_dense(3 * FL_CHUNK_PEERS);
	assert_costs(1, 4, 0);
	assert_costs(2, 1, 3);
	assert_costs(100, 2, 2); /* of the first chunk there was only the text for its own */
	assert_costs(101, 1, 3);
	world_done();
}

static void a_change_concerns_its_own_chunk(void **state)
{
	(void)state;
	fill_dense(3 * FL_CHUNK_PEERS);
	assert_costs(1, 4, 0);
	node_change(100);
	assert_costs(1, 2, 2);
	node_add(3 * FL_CHUNK_PEERS, dense(3 * FL_CHUNK_PEERS));
	assert_costs(1, 2, 2);
	node_remove(150);
	assert_costs(1, 2, 2);
	world_done();
}

/* Its texts are gone and nobody was told: it could not be stored. */
static void a_node_taken_back_is_not_told_of(void **state)
{
	(void)state;
	fill_dense(2 * FL_CHUNK_PEERS - 1);
	check_map(EVERYBODY, 1, true);
	w.count--;
	check_map(EVERYBODY, 1, true);
	w.count++;
	check_map(EVERYBODY, 1, true);
	world_done();
}

static void chunks_split_and_join(void **state)
{
	(void)state;
	fill_dense(FL_CHUNK_PEERS + 1);
	assert_costs(OUTSIDER, 2, 0);
	assert_costs(OUTSIDER, 0, 2);
	node_remove(0);
	assert_costs(OUTSIDER, 1, 0);
	node_add(0, dense(0));
	assert_costs(OUTSIDER, 2, 0);
	world_done();
}

static void the_bytes_kept_are_counted(void **state)
{
	(void)state;
	struct fl_chunks_peers peers;
	size_t bytes = 0;

	fill_dense(2 * FL_CHUNK_PEERS);
	assert_err(list(EVERYBODY, OUTSIDER, true, &peers), FL_OK);
	for (size_t i = 0; i < peers.parts.count; i += 2) /* a comma follows each */
		bytes += peers.parts.at[i]->len;
	assert_int_equal(fl_chunks_stats(w.chunks).bytes, bytes);
	fl_chunks_peers_done(&peers);
	fl_chunks_drop_all(w.chunks);
	assert_int_equal(fl_chunks_stats(w.chunks).bytes, 0);
	world_done();
}

/* However many kinds of viewers there are, what is kept is bounded. */
static void few_forms_are_kept(void **state)
{
	(void)state;
	size_t most = 0;

	fill_dense(FL_CHUNK_PEERS - 1);
	for (int i = 0; i < 3 * FORMS_KEPT; i++) {
		check_map((enum kind)(ALL_BUT + i), OUTSIDER, false);
		size_t bytes = fl_chunks_stats(w.chunks).bytes;
		most = bytes > most ? bytes : most;
	}
	check_map(EVERYBODY, OUTSIDER, false);
	size_t before = fl_chunks_stats(w.chunks).bytes;
	fl_chunks_drop_all(w.chunks);
	check_map(EVERYBODY, OUTSIDER, false);
	size_t one = fl_chunks_stats(w.chunks).bytes;
	assert_true(most > (FORMS_KEPT - 1) * one / 2);
	assert_true(most <= FORMS_KEPT * one && before <= FORMS_KEPT * one);
	world_done();
}

/* A map on its way is not concerned by what happens after. */
static void pieces_outlive_their_chunk(void **state)
{
	(void)state;
	struct fl_buf got = fl_buf_make(TEXT_MAX), want = fl_buf_make(TEXT_MAX);
	struct fl_chunks_peers peers;

	fill_dense(2 * FL_CHUNK_PEERS);
	assert_err(list(EVERYBODY, 1, true, &peers), FL_OK);
	write_plainly(EVERYBODY, 1, &want);
	for (size_t at = 0; at < w.count; at++)
		node_change(at);
	fl_chunks_drop_all(w.chunks);
	read_pieces(&peers, true, &got);
	assert_bytes(fl_buf_slice(&got), fl_buf_slice(&want));
	fl_chunks_peers_done(&peers);
	fl_buf_done(&got);
	fl_buf_done(&want);
	world_done();
}

/* ---- under a policy ---- */

static void viewers_of_one_kind_share(void **state)
{
	(void)state;
	struct fl_chunks_stats before;

	fill_dense(3 * FL_CHUNK_PEERS);
	for (enum kind kind = SOME; kind <= ROUTED; kind++) {
		check_map(kind, 1, true);
		before = fl_chunks_stats(w.chunks);
		check_map(kind, 2, true);
		assert_int_equal(since(before).made, 1);
		assert_int_equal(since(before).shared, 3);
	}
	check_map(BLIND, 1, true);
	before = fl_chunks_stats(w.chunks);
	check_map(SOME, 2, true); /* each kind has its own */
	assert_int_equal(since(before).shared, 3);
	world_done();
}

static void histories_are_told_right(void **state)
{
	(void)state;
	struct fl_rng rng;

	for (unsigned seed = 0; seed < 40; seed++) {
		bool there[NODES_MAX] = { false };
		fl_rng_init(&rng, seed);
		world_init();
		for (unsigned step = 0; step < 400; step++) {
			size_t i = fl_rng_below(&rng, NODES_MAX), what = fl_rng_below(&rng, 4);
			size_t at = w.count > 0 ? fl_rng_below(&rng, w.count) : 0;
			if (!there[i] && what < 3) {
				node_add(i, layouts[seed % COUNT(layouts)].id(i));
				there[i] = true;
			} else if (w.count > 0 && what == 0) {
				there[index_of(w.list[at])] = false;
				node_remove(at);
			} else if (w.count > 0) {
				node_change(at);
			}
			at = w.count > 0 ? fl_rng_below(&rng, w.count) : 0;
			check_map((enum kind)fl_rng_below(&rng, ALL_BUT + 3),
				  w.count > 0 ? w.list[at]->id : 1, fl_rng_below(&rng, 2));
		}
		world_done();
	}
}

/* ---- shortage ---- */

static enum fl_err list_and_drop(fl_node_id viewer, bool zstd)
{
	struct fl_chunks_peers peers;

	enum fl_err err = list(EVERYBODY, viewer, zstd, &peers);
	fl_chunks_peers_done(&peers);
	return err;
}

static void shortage_leaves_the_next_map_right(void **state)
{
	(void)state;
	size_t n = 0;

	for (bool failed = true; failed; n++) {
		fill_dense(NODES_MAX - 1);
		alloc_fail_after(n);
		enum fl_err err = list_and_drop(1, true);
		if (err == FL_OK)
			err = list_and_drop(100, false);
		fl_chunks_drop(w.chunks, 70);
		if (err == FL_OK)
			err = list_and_drop(190, true);
		failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		check_map(EVERYBODY, 1, true);
		check_map(EVERYBODY, 100, false);
		check_map(ROUTED, 190, true);
		world_done();
	}
	assert_true(n > 20);
}

static void shortage_at_the_start(void **state)
{
	(void)state;
	struct fl_mapframe *framer = NULL;
	size_t n = 0;

	for (bool failed = true; failed; n++) {
		struct fl_chunks *chunks = NULL;
		assert_err(fl_mapframe_new(&framer), FL_OK);
		alloc_fail_after(n);
		enum fl_err err = fl_chunks_new(framer, &chunks);
		failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_int_equal(err == FL_OK, chunks != NULL);
		fl_chunks_free(chunks);
		fl_mapframe_free(framer);
	}
	assert_true(n > 4);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, layouts, layout_row);
	suite_add(&s, "maps share all but their own chunk", maps_share_all_but_their_own_chunk,
		  NULL);
	suite_add(&s, "a change concerns its own chunk", a_change_concerns_its_own_chunk, NULL);
	suite_add(&s, "a node taken back is not told of", a_node_taken_back_is_not_told_of, NULL);
	suite_add(&s, "chunks split and join", chunks_split_and_join, NULL);
	suite_add(&s, "the bytes kept are counted", the_bytes_kept_are_counted, NULL);
	suite_add(&s, "few forms are kept", few_forms_are_kept, NULL);
	suite_add(&s, "pieces outlive their chunk", pieces_outlive_their_chunk, NULL);
	suite_add(&s, "viewers of one kind share", viewers_of_one_kind_share, NULL);
	suite_add(&s, "histories are told right", histories_are_told_right, NULL);
	suite_add(&s, "shortage leaves the next map right", shortage_leaves_the_next_map_right,
		  NULL);
	suite_add(&s, "shortage at the start", shortage_at_the_start, NULL);
	return suite_run(&s, "services/chunks");
}
