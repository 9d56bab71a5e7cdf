/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/node.c - see node.h. */
#include "node.h"

#include <stdlib.h>

#include "decode.h"
#include "util.h"

enum {
	BODY_MAX = 64 << 20,
	JSON_MAX = 256 << 20,
	BODY_KEPT = 4096,
	LENGTH_LEN = 4, /* in front of a message */
	RETRY_AFTER_MS = 500,
	SILENCE_MS = 120000, /* of a poll until a stock client takes it for dead */
	SILENCE_LOOK_MS = 1000,
	LOOK_EVERY_MS = 10,
};

/* ---- identity ---- */

static void derive(uint64_t seed, uint32_t index, const char *what, uint8_t out[static FL_KEY_LEN])
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s/%llu/%u", what, (unsigned long long)seed, index);
	fl_sha256(fl_slice_of(text, (size_t)n), out);
}

static void derive_public(uint64_t seed, uint32_t index, const char *what,
			  uint8_t out[static FL_KEY_LEN])
{
	struct fl_private_key k;
	derive(seed, index, what, k.b);
	fl_private_key_public(&k, out);
}

static void identify(struct node *n)
{
	struct swarm *s = n->swarm;
	struct fl_node_key nk;
	struct fl_disco_key dk;
	derive(s->seed, n->index, "machine", n->machine.b);
	n->machine.b[0] &= 248;
	n->machine.b[31] = (uint8_t)((n->machine.b[31] & 127) | 64);
	derive_public(s->seed, n->index, "node", nk.b);
	derive_public(s->seed, n->index, "disco", dk.b);
	fl_node_key_format(&nk, n->node_key);
	fl_disco_key_format(&dk, n->disco_key);
	snprintf(n->name, sizeof(n->name), "n%05u", n->index % 100000);
	model_name(s->model, n->index, fl_slice_str(n->node_key), fl_slice_str(n->disco_key),
		   fl_slice_str(n->name));
}

void swarm_init(struct swarm *s)
{
	s->model = model_new(s->count);
	s->nodes = calloc(s->count, sizeof(*s->nodes));
	if (!s->nodes || fl_mapframe_new(&s->frames) != FL_OK)
		bench_die("out of memory");
	for (uint32_t i = 0; i < s->count; i++) {
		struct node *n = &s->nodes[i];
		*n = (struct node){ .swarm = s, .index = i, .body = fl_buf_make(BODY_MAX) };
		n->part.text = fl_buf_make(JSON_MAX);
		n->link.state = LINK_DEAD;
		n->link.ear.fd = -1;
		identify(n);
	}
}

void swarm_done(struct swarm *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		node_close(&s->nodes[i]);
		view_done(&s->nodes[i].view);
	}
	free(s->nodes);
	s->model = model_free(s->model);
	pieces_done(&s->pieces);
	s->frames = fl_mapframe_free(s->frames);
}

/* ---- what it says ---- */

static void endpoint_text(const struct node *n, char out[static 32])
{
	snprintf(out, 32, "10.%u.%u.%u:41641", (n->index >> 8) & 255, n->index & 255,
		 n->changes % 250 + 1);
}

static void put_hostinfo(struct fl_buf *b, const struct node *n)
{
	fl_buf_printf(b,
		      "\"Hostinfo\":{\"IPNVersion\":\"1.90.0-bench\",\"BackendLogID\":\"%s\","
		      "\"OS\":\"linux\",\"OSVersion\":\"6.1.0\",\"Distro\":\"debian\","
		      "\"DistroVersion\":\"12\",\"Hostname\":\"%s\",\"Machine\":\"x86_64\","
		      "\"GoArch\":\"amd64\",\"GoVersion\":\"go1.26\",\"Services\":["
		      "{\"Proto\":\"peerapi4\",\"Port\":%u},{\"Proto\":\"peerapi6\",\"Port\":%u}],"
		      "\"NetInfo\":{\"WorkingIPv6\":false,\"WorkingUDP\":true,"
		      "\"PreferredDERP\":%u,\"DERPLatency\":{\"%u-v4\":0.0012}}}",
		      n->node_key + sizeof("nodekey:") - 1, n->name, 30000 + n->index,
		      30000 + n->index, n->swarm->region, n->swarm->region);
}

static void begin_map_request(struct fl_buf *b, const struct node *n)
{
	fl_buf_printf(b,
		      "{\"Version\":%u,\"Compress\":\"zstd\",\"KeepAlive\":true,"
		      "\"NodeKey\":\"%s\",\"DiscoKey\":\"%s\",",
		      n->swarm->target.version, n->node_key, n->disco_key);
	put_hostinfo(b, n);
}

static int32_t post(struct node *n, const char *path, struct fl_buf *b)
{
	int32_t stream = fl_buf_err(b) == FL_OK ? link_post(&n->link, path, fl_buf_slice(b)) : -1;
	fl_buf_done(b);
	if (stream < 0)
		bench_die("cannot post to %s", path);
	return stream;
}

static void post_register(struct node *n)
{
	struct fl_buf b = fl_buf_make(4096);
	fl_buf_printf(&b,
		      "{\"Version\":%u,\"NodeKey\":\"%s\",\"OldNodeKey\":\"nodekey:%064d\","
		      "\"NLKey\":\"nlpub:%064d\",\"Auth\":{\"AuthKey\":\"%s\"},"
		      "\"Expiry\":\"0001-01-01T00:00:00Z\",\"Followup\":\"\",",
		      n->swarm->target.version, n->node_key, 0, 0,
		      model_tagged(n->index) ? n->swarm->tagged_key : n->swarm->auth_key);
	put_hostinfo(&b, n);
	fl_buf_str(&b, ",\"NodeKeySignature\":null}");
	n->state = NODE_REGISTERING;
	n->asked_at = bench_now();
	n->register_stream = post(n, "/machine/register", &b);
}

static void post_lite(struct node *n)
{
	struct fl_buf b = fl_buf_make(4096);
	char endpoint[32];
	endpoint_text(n, endpoint);
	begin_map_request(&b, n);
	fl_buf_printf(&b, ",\"Endpoints\":[\"%s\"],\"EndpointTypes\":[1],\"OmitPeers\":true}",
		      endpoint);
	model_announce(n->swarm->model, n->index, endpoint, n->swarm->region);
	n->asked_at = bench_now();
	n->lite_stream = post(n, "/machine/map", &b);
}

static void post_poll(struct node *n)
{
	struct fl_buf b = fl_buf_make(4096);
	begin_map_request(&b, n);
	fl_buf_str(&b, ",\"Stream\":true}");
	n->state = NODE_POLLING;
	n->heard_at = bench_now();
	n->first_at = 0;
	n->swarm->polling++;
	view_done(&n->view);
	view_init(n->swarm->model, &n->view);
	n->poll_stream = post(n, "/machine/map", &b);
}

void node_change(struct node *n)
{
	n->changes++;
	post_lite(n);
}

/* ---- what it hears ---- */

static void joined(struct node *n)
{
	n->swarm->joining -= n->joining;
	n->joining = false;
}

static void give_back(struct node *n)
{
	fl_buf_reset(&n->body);
	if (n->body.cap > BODY_KEPT) {
		fl_buf_done(&n->body);
		n->body = fl_buf_make(BODY_MAX);
	}
}

static void end_message(struct node *n)
{
	fl_buf_done(&n->part.text);
	n->part = (struct message){ .text = fl_buf_make(JSON_MAX) };
}

static void lost(struct node *n, const char *why)
{
	struct swarm *s = n->swarm;
	if (n->state == NODE_POLLING)
		s->polling--;
	s->converged -= n->view.converged;
	n->view.converged = false;
	s->drops++;
	if (s->drops < 10 && !s->quiet)
		fprintf(stderr, "bench: node %u: %s\n", n->index, why);
	give_back(n);
	end_message(n);
	joined(n);
	s->lost++;
	n->state = NODE_RETRY;
	n->retry_at = bench_now() + RETRY_AFTER_MS * BENCH_MS;
}

/* A node that need not stay. */
static void leave(struct node *n)
{
	joined(n);
	link_close(&n->link);
}

static void registered(struct node *n)
{
	struct swarm *s = n->swarm;
	struct fl_slice why;
	if (n->status != 200 || !decode_registered(fl_buf_slice(&n->body), &why)) {
		if (s->refused++ < 5)
			fprintf(stderr, "bench: node %u refused (%d): %.*s\n", n->index, n->status,
				(int)(n->body.len < 200 ? n->body.len : 200),
				(const char *)n->body.ptr);
		link_close(&n->link);
		lost(n, "not registered");
		return;
	}
	give_back(n);
	s->registered += !n->registered;
	n->registered = true;
	n->registered_at = bench_now();
	n->state = NODE_REGISTERED;
	if (s->register_only && !s->announce) {
		leave(n);
		return;
	}
	post_lite(n);
	if (!s->register_only)
		post_poll(n);
}

static void judge(struct node *n)
{
	struct swarm *s = n->swarm;
	s->converged -= n->view.converged;
	s->converged += view_converged(s->model, n->index, &n->view);
}

static void take_map(struct node *n)
{
	struct swarm *s = n->swarm;
	enum seen what = view_apply(s->model, n->index, &n->view, fl_buf_slice(&n->part.text));
	n->keep_alives += what == SEEN_KEEPALIVE;
	n->maps += what == SEEN_MAP;
	if (what == SEEN_MAP)
		joined(n);
	if (what == SEEN_MAP && n->first_at == 0) {
		n->first_at = bench_now();
		n->first_bytes = n->part.len;
	}
	end_message(n);
	judge(n);
	if (s->on_map)
		s->on_map(s, n, what);
}

static bool begin_message(struct node *n, struct fl_slice in)
{
	if (in.len < LENGTH_LEN)
		return false;
	for (size_t i = LENGTH_LEN; i-- > 0;) /* little-endian */
		n->part.left = n->part.left << 8 | in.ptr[i];
	n->part.len = n->part.left;
	if (n->part.left == 0 || n->part.left > BODY_MAX)
		bench_die("node %u got a frame of impossible length", n->index);
	return true;
}

/* Gives how much of `in` it took; 0: the rest of a zstd frame has yet to come. */
static size_t take_part(struct node *n, struct fl_slice in)
{
	struct swarm *s = n->swarm;
	size_t used;
	bool last = in.len >= n->part.left;
	if (last)
		in.len = n->part.left;
	if (!pieces_open(&s->pieces, s->model, s->frames, in, last, &n->part.text, &s->bytes,
			 &used))
		bench_die("node %u got a frame that does not decompress", n->index);
	n->part.left -= used;
	if (last)
		take_map(n);
	return used;
}

static void take_frames(struct node *n)
{
	struct fl_slice in = fl_buf_slice(&n->body);
	size_t used = 1;
	while (used > 0 && in.len > 0) {
		if (n->part.left == 0) {
			if (!begin_message(n, in))
				break;
			in = fl_slice_skip(in, LENGTH_LEN);
		}
		used = in.len > 0 ? take_part(n, in) : 0;
		in = fl_slice_skip(in, used);
	}
	fl_buf_consume(&n->body, n->body.len - in.len);
	if (n->body.len == 0)
		give_back(n);
}

static void on_up(struct link *l)
{
	struct node *n = l->ctx;
	if (!n->registered) {
		post_register(n);
		return;
	}
	post_lite(n);
	post_poll(n);
}

static void on_head(struct link *l, int32_t stream, int status)
{
	struct node *n = l->ctx;
	if (stream == n->register_stream && n->state == NODE_REGISTERING)
		n->status = status;
	else if (status != 200)
		bench_die("node %u: a map request got status %d", n->index, status);
}

static void on_data(struct link *l, int32_t stream, struct fl_slice chunk)
{
	struct node *n = l->ctx;
	bool polled = n->state == NODE_POLLING && stream == n->poll_stream;
	if (!polled && stream != n->register_stream)
		return;
	n->heard_at = bench_now();
	fl_buf_put(&n->body, chunk.ptr, chunk.len);
	if (fl_buf_err(&n->body) != FL_OK)
		bench_die("node %u got more than it can hold", n->index);
	if (polled)
		take_frames(n);
}

static void on_end(struct link *l, int32_t stream, bool whole)
{
	struct node *n = l->ctx;
	if (stream == n->register_stream && n->state == NODE_REGISTERING) {
		registered(n);
	} else if (stream == n->poll_stream && n->state == NODE_POLLING) {
		link_close(l);
		lost(n, "its poll ended");
	} else if (stream == n->lite_stream) {
		n->lites += whole;
		if (n->swarm->register_only)
			leave(n);
	}
}

static void on_down(struct link *l, const char *why)
{
	struct node *n = l->ctx;
	if (n->state == NODE_REGISTERED && n->swarm->register_only)
		joined(n);
	else
		lost(n, why);
}

static const struct link_calls calls = { on_up, on_head, on_data, on_end, on_down };

void node_open(struct node *n)
{
	n->register_stream = n->poll_stream = n->lite_stream = -1;
	n->state = NODE_CONNECTING;
	n->joining = true;
	n->swarm->joining++;
	if (!link_open(&n->link, &n->swarm->target, &n->machine, n->index, &calls, n))
		lost(n, "cannot connect");
}

void node_close(struct node *n)
{
	link_close(&n->link);
	joined(n);
	if (n->state == NODE_POLLING)
		n->swarm->polling--;
	n->swarm->converged -= n->view.converged;
	n->view.converged = false;
	n->state = NODE_NEW;
	fl_buf_done(&n->body);
	n->body = fl_buf_make(BODY_MAX);
	end_message(n);
}

void swarm_judge(struct swarm *s)
{
	uint64_t version = model_version(s->model);
	if (s->judged == version)
		return;
	s->judged = version;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->nodes[i].state == NODE_POLLING)
			judge(&s->nodes[i]);
}

/* Lost nodes are looked for only now and then: the walk is long. */
static void reopen(struct swarm *s, uint32_t inflight)
{
	int64_t now = bench_now();
	if (s->lost == 0 || now < s->next_look)
		return;
	s->next_look = now + LOOK_EVERY_MS * BENCH_MS;
	for (uint32_t i = 0; i < s->count && s->joining < inflight; i++) {
		struct node *n = &s->nodes[i];
		if (n->state != NODE_RETRY || now < n->retry_at)
			continue;
		s->lost--;
		node_open(n);
	}
}

void swarm_hurry(struct swarm *s)
{
	s->next_look = 0;
	for (uint32_t i = 0; i < s->count; i++)
		s->nodes[i].retry_at = 0;
}

/* A reset that the kernel's limits swallowed leaves a connection that only silence tells of. */
static void leave_silent(struct swarm *s)
{
	int64_t now = bench_now();
	if (now < s->next_listen)
		return;
	s->next_listen = now + SILENCE_LOOK_MS * BENCH_MS;
	for (uint32_t i = 0; i < s->opened; i++) {
		struct node *n = &s->nodes[i];
		if (n->state != NODE_POLLING || now - n->heard_at < SILENCE_MS * BENCH_MS)
			continue;
		link_close(&n->link);
		lost(n, "heard nothing for 2 minutes");
	}
}

void swarm_advance(struct swarm *s, uint32_t inflight)
{
	leave_silent(s);
	reopen(s, inflight);
	while (s->opened < s->count && s->joining < inflight)
		node_open(&s->nodes[s->opened++]);
}
