/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/model.c - see model.h. */
#include "model.h"

#include <stdio.h>
#include <string.h>

#include "decode.h"
#include "table.h"
#include "util.h"

struct record {
	struct peer peer;
	uint32_t node;
	uint64_t digest;
};

/* A list of peers that many are told: its place among `piece_records`. */
struct piece {
	uint32_t at, count;
	size_t text_len;
};

struct model {
	uint32_t nodes;
	struct peer *want; /* by index; id and addresses come from each node's own entry */
	uint64_t *want_digest, want_sum, version;
	bool at_rest, by_tags;
	struct fl_ip (*ips)[2];
	struct table by_key, by_id, by_digest, by_text;
	struct record *records; /* from 1 */
	uint32_t len, cap;
	struct piece *pieces;
	uint32_t *piece_records, pieces_len, piece_records_len;
};

struct model *model_new(uint32_t nodes)
{
	if (nodes == 0 || nodes > BENCH_NODES_MAX)
		bench_die("between 1 and %d nodes, please", BENCH_NODES_MAX);
	struct model *m = calloc(1, sizeof(*m));
	if (m) {
		m->nodes = nodes;
		m->len = 1;
		m->want = calloc(nodes, sizeof(*m->want));
		m->want_digest = calloc(nodes, sizeof(*m->want_digest));
		m->ips = calloc(nodes, sizeof(*m->ips));
	}
	if (!m || !m->want || !m->want_digest || !m->ips)
		bench_die("out of memory");
	return m;
}

struct model *model_free(struct model *m)
{
	if (!m)
		return NULL;
	free(m->by_key.slots);
	free(m->by_id.slots);
	free(m->by_digest.slots);
	free(m->by_text.slots);
	free(m->want);
	free(m->want_digest);
	free(m->ips);
	free(m->records);
	free(m->pieces);
	free(m->piece_records);
	free(m);
	return NULL;
}

void view_init(const struct model *m, struct view *v)
{
	*v = (struct view){ .seen = calloc(m->nodes, sizeof(*v->seen)) };
	if (!v->seen)
		bench_die("out of memory");
}

void view_done(struct view *v)
{
	free(v->seen);
	v->seen = NULL;
	filter_done(&v->filter);
}

/* Record digests take in the index, so that two peers that swap their facts show. */
static uint64_t digest_of(const struct peer *p, uint32_t node)
{
	return bench_digest(p, sizeof(*p), node + 1);
}

static void want_changed(struct model *m, uint32_t i)
{
	struct peer p = m->want[i];
	p.online = 1;
	m->version++;
	m->want_sum -= m->want_digest[i];
	m->want_digest[i] = digest_of(&p, i);
	m->want_sum += m->want_digest[i];
}

void model_name(struct model *m, uint32_t i, struct fl_slice node_key, struct fl_slice disco_key,
		struct fl_slice host_name)
{
	struct peer *p = &m->want[i];
	p->key = decode_text_digest(node_key);
	p->disco = decode_text_digest(disco_key);
	p->name = decode_text_digest(host_name);
	table_put(&m->by_key, p->key, i);
	want_changed(m, i);
}

void model_announce(struct model *m, uint32_t i, const char *endpoint, uint32_t home_region)
{
	m->want[i].eps = endpoint ? decode_text_digest(fl_slice_str(endpoint)) : 0;
	m->want[i].derp = home_region;
	want_changed(m, i);
}

uint64_t model_version(const struct model *m)
{
	return m->version;
}

int64_t model_find(const struct model *m, struct fl_slice node_key)
{
	return table_find(&m->by_key, decode_text_digest(node_key));
}

void model_by_tags(struct model *m)
{
	m->by_tags = true;
}

void model_expect_rest(struct model *m)
{
	m->at_rest = true;
}

/* The number of an equal record, made if there is none. */
static uint32_t intern(struct model *m, const struct peer *p, uint32_t node)
{
	uint64_t digest = digest_of(p, node);
	int64_t found = table_find(&m->by_digest, digest);
	if (found >= 0)
		return (uint32_t)found;
	if (m->len >= m->cap) {
		m->cap = m->cap ? m->cap * 2 : 4096;
		m->records = reallocarray(m->records, m->cap, sizeof(*m->records));
		if (!m->records)
			bench_die("out of memory");
	}
	m->records[m->len] = (struct record){ .peer = *p, .node = node, .digest = digest };
	table_put(&m->by_digest, digest, m->len);
	return m->len++;
}

static uint64_t seen_digest(const struct model *m, uint32_t record)
{
	return record ? m->records[record].digest : 0;
}

static void view_set(const struct model *m, struct view *v, uint32_t node, uint32_t record)
{
	uint32_t old = v->seen[node];
	v->count += (uint32_t)(record != 0) - (uint32_t)(old != 0);
	v->sum += seen_digest(m, record) - seen_digest(m, old);
	v->seen[node] = record;
}

/* The node whose key a peer entry has; ends the run for a key that none of ours has. */
static uint32_t node_of(struct model *m, const struct peer *p)
{
	int64_t node = table_find(&m->by_key, p->key);
	if (node < 0)
		bench_die("a peer has a key that no node of this run has");
	table_put(&m->by_id, p->id * 2, (uint32_t)node);
	return (uint32_t)node;
}

/* Fields that an entry leaves out keep what the viewer had, as in stock clients. */
static void keep_absent(struct peer *p, const struct peer *old)
{
	if (p->online < 0)
		p->online = old->online;
	if (p->eps == DECODE_ABSENT)
		p->eps = old->eps;
	if (p->derp == 0)
		p->derp = old->derp;
}

static bool is_partial(const struct peer *p)
{
	return p->online < 0 || p->eps == DECODE_ABSENT || p->derp == 0;
}

/* The record of a peer's text; one text has one. */
static uint32_t record_of(struct model *m, struct fl_slice text)
{
	uint64_t digest = bench_digest(text.ptr, text.len, 7);
	int64_t known = table_find(&m->by_text, digest);
	if (known > 0)
		return (uint32_t)known;
	struct peer p;
	decode_peer(text, &p);
	uint32_t record = intern(m, &p, node_of(m, &p));
	table_put(&m->by_text, digest, record);
	return record;
}

/* ---- pieces ---- */

static bool starts_with(struct fl_slice s, const char *text)
{
	size_t n = strlen(text);
	return s.len >= n && memcmp(s.ptr, text, n) == 0;
}

static void grow(void *at, size_t count, size_t size)
{
	void **p = at;
	*p = reallocarray(*p, count, size);
	if (!*p)
		bench_die("out of memory");
}

/* A node that announces nothing is partial for ever: its piece is read each time. */
static bool learn_peers(struct model *m, struct fl_slice text, uint32_t *len)
{
	struct js j = js_over(text);
	while (!j.bad && j.at < j.end) {
		struct fl_slice value = js_value(&j);
		if (j.bad || !starts_with(value, "{\"ID\":"))
			return false;
		uint32_t record = record_of(m, value);
		if (is_partial(&m->records[record].peer))
			return false;
		grow(&m->piece_records, *len + 1, sizeof(*m->piece_records));
		m->piece_records[(*len)++] = record;
		if (j.at < j.end && *j.at++ != ',')
			return false;
	}
	return !j.bad;
}

int64_t model_learn_piece(struct model *m, struct fl_slice text)
{
	uint32_t len = m->piece_records_len;
	if (!learn_peers(m, text, &len))
		return -1;
	grow(&m->pieces, m->pieces_len + 1, sizeof(*m->pieces));
	m->pieces[m->pieces_len] = (struct piece){ .at = m->piece_records_len,
						   .count = len - m->piece_records_len,
						   .text_len = text.len };
	m->piece_records_len = len;
	return m->pieces_len++;
}

size_t model_piece_len(const struct model *m, uint32_t number)
{
	return m->pieces[number].text_len;
}

static void apply_piece(const struct model *m, struct view *v, struct fl_slice text)
{
	struct js j = js_over(text);
	struct fl_slice key;
	int64_t n = js_enter(&j, '{') && js_key(&j, &key) ? js_int(js_value(&j)) : -1;
	if (n < 0 || n >= m->pieces_len)
		bench_die("a piece that nobody learned");
	const struct piece *p = &m->pieces[n];
	for (uint32_t i = 0; i < p->count; i++) {
		uint32_t record = m->piece_records[p->at + i];
		view_set(m, v, m->records[record].node, record);
	}
}

/* ---- messages ---- */

static void apply_entry(struct model *m, struct view *v, struct fl_slice text, bool fresh)
{
	if (starts_with(text, "{\"@\":")) {
		apply_piece(m, v, text);
		return;
	}
	uint32_t record = record_of(m, text);
	struct peer p = m->records[record].peer;
	uint32_t node = m->records[record].node, old = v->seen[node];
	if (is_partial(&p)) {
		struct peer none = { .online = -1 };
		keep_absent(&p, old && !fresh ? &m->records[old].peer : &none);
		record = intern(m, &p, node);
	}
	view_set(m, v, node, record);
}

static void apply_entries(struct model *m, struct view *v, struct fl_slice list, bool fresh)
{
	struct js j = js_over(list);
	if (!js_enter(&j, '['))
		return;
	while (js_item(&j))
		apply_entry(m, v, js_value(&j), fresh);
	if (j.bad)
		bench_die("a list of peers is not JSON");
}

static void apply_removed(struct model *m, struct view *v, struct fl_slice list)
{
	struct js j = js_over(list);
	if (!js_enter(&j, '['))
		return;
	while (js_item(&j)) {
		int64_t node = table_find(&m->by_id, (uint64_t)js_int(js_value(&j)) * 2);
		if (node >= 0)
			view_set(m, v, (uint32_t)node, 0);
	}
}

/* The viewer's record of a node id, or NULL: changes of unknown peers are ignored. */
static const struct record *held(struct model *m, const struct view *v, uint64_t id)
{
	int64_t node = table_find(&m->by_id, id * 2);
	uint32_t record = node < 0 ? 0 : v->seen[node];
	return record ? &m->records[record] : NULL;
}

static void apply_patches(struct model *m, struct view *v, struct fl_slice list)
{
	struct js j = js_over(list);
	if (!js_enter(&j, '['))
		return;
	while (js_item(&j)) {
		struct fl_slice text = js_value(&j);
		const struct record *r = held(m, v, decode_patch_id(text));
		if (!r)
			continue;
		uint32_t node = r->node;
		struct peer p = r->peer;
		decode_patch(text, &p);
		view_set(m, v, node, intern(m, &p, node));
	}
}

static void apply_online(struct model *m, struct view *v, struct fl_slice object)
{
	struct js j = js_over(object);
	struct fl_slice id;
	if (!js_enter(&j, '{'))
		return;
	while (js_key(&j, &id)) {
		bool online = fl_slice_is(js_value(&j), "true");
		const struct record *r = held(m, v, (uint64_t)js_int(id));
		if (!r)
			continue;
		uint32_t node = r->node;
		struct peer p = r->peer;
		p.online = online;
		view_set(m, v, node, intern(m, &p, node));
	}
}

static void apply_self(struct model *m, uint32_t i, struct view *v, struct fl_slice text)
{
	struct peer p;
	v->self_ok = decode_peer(text, &p) && p.key == m->want[i].key && p.addrs != 0;
	table_put(&m->by_id, p.id * 2, i);
	if (m->want[i].id == p.id && m->want[i].addrs == p.addrs)
		return;
	m->want[i].id = p.id;
	m->want[i].addrs = m->want[i].allowed = p.addrs;
	decode_addresses(text, m->ips[i]);
	want_changed(m, i);
}

static void apply_filter(const struct model *m, uint32_t i, struct view *v,
			 const struct response *r)
{
	const struct fl_ip *own = &m->ips[i][0];
	if (r->filters.len > 0)
		filter_read_named(&v->filter, r->filters, own);
	else
		filter_read(&v->filter, r->filter, own);
	v->filter_ok = v->filter.any && !m->by_tags;
	v->filter_at = 0;
}

enum seen view_apply(struct model *m, uint32_t i, struct view *v, struct fl_slice json)
{
	struct response r;
	if (!decode_response(json, &r))
		bench_die("node %u got a message that is not JSON", i);
	if (r.keep_alive)
		return SEEN_KEEPALIVE;
	if (r.node.len > 0)
		apply_self(m, i, v, r.node);
	if (r.filter.len > 0 || r.filters.len > 0)
		apply_filter(m, i, v, &r);
	if (r.peers.len > 2) {
		for (uint32_t k = 0; k < m->nodes; k++)
			view_set(m, v, k, 0);
		apply_entries(m, v, r.peers, true);
	} else {
		apply_removed(m, v, r.removed);
		apply_entries(m, v, r.changed, false);
		apply_online(m, v, r.online);
		apply_patches(m, v, r.patches);
	}
	return SEEN_MAP;
}

bool view_has(const struct model *m, const struct view *v, uint32_t i)
{
	return seen_digest(m, v->seen[i]) == m->want_digest[i];
}

/* Under P2: are just the right ones of the others let in, under both of their addresses? */
static bool admits_right(const struct model *m, uint32_t viewer, const struct view *v)
{
	for (uint32_t i = 0; i < m->nodes; i++) {
		bool want = model_tagged(viewer) || !model_tagged(i);
		for (unsigned k = 0; k < 2 && i != viewer; k++)
			if (fl_ip_is_set(&m->ips[i][k]) &&
			    filter_admits(&v->filter, &m->ips[i][k]) != want)
				return false;
	}
	return true;
}

static bool filter_right(const struct model *m, uint32_t viewer, struct view *v)
{
	if (m->by_tags && v->filter_at != m->version) {
		v->filter_at = m->version;
		v->filter_ok = admits_right(m, viewer, v);
	}
	return v->filter_ok;
}

/* At rest the other nodes never told their addresses here: their keys and number must do. */
static bool rest_converged(const struct model *m, uint32_t viewer, const struct view *v)
{
	for (uint32_t i = 0; i < m->nodes; i++) {
		const struct peer *p = v->seen[i] ? &m->records[v->seen[i]].peer : NULL;
		if (i != viewer && (!p || p->key != m->want[i].key || p->addrs == 0))
			return false;
	}
	return true;
}

bool view_converged(struct model *m, uint32_t viewer, struct view *v)
{
	bool all = v->count == m->nodes - 1 && v->self_ok;
	if (all && m->at_rest)
		all = rest_converged(m, viewer, v);
	else if (all)
		all = v->sum == m->want_sum - m->want_digest[viewer];
	all = all && filter_right(m, viewer, v);
	v->converged = all;
	return all;
}

static void explain_peer(const struct model *m, const struct view *v, uint32_t i)
{
	const struct peer *want = &m->want[i];
	const struct peer *p = v->seen[i] ? &m->records[v->seen[i]].peer : NULL;
	fprintf(stderr, "  node %u:", i);
	if (!p) {
		fprintf(stderr, " not seen\n");
		return;
	}
	fprintf(stderr, "%s%s%s%s%s%s%s", p->id == want->id ? "" : " id",
		p->key == want->key ? "" : " key", p->disco == want->disco ? "" : " disco",
		p->name == want->name ? "" : " name", p->addrs == want->addrs ? "" : " addresses",
		p->allowed == want->allowed ? "" : " allowed",
		p->eps == want->eps ? "" : " endpoints");
	fprintf(stderr, "%s online %d\n", p->derp == want->derp ? "" : " home", p->online);
}

void view_explain(const struct model *m, uint32_t viewer, const struct view *v)
{
	unsigned shown = v->seen ? 0 : 5;
	fprintf(stderr, "node %u sees %u of %u peers, self %d, filter %d; wrong:\n", viewer,
		v->count, m->nodes - 1, v->self_ok, v->filter_ok);
	for (uint32_t i = 0; i < m->nodes && shown < 5; i++)
		if (i != viewer && !view_has(m, v, i)) {
			explain_peer(m, v, i);
			shown++;
		}
}
