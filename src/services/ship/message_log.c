/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/message_log.c - messages into a capture file, by a thread of its own. */
#include "services/ship/message_log.h"

#include "base/log.h"
#include "base/version.h"
#include "io/rolling.h"
#include "io/worker.h"
#include "wire/pcapng.h"
#include "wire/ship/redact.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A disk that is nearly full takes short messages and no long ones. */
#define SAY_EVERY FL_MIN

enum { HEAD_MAX = 2048, COMMENT_MAX = 128, SCRATCH_KEPT = 64 << 10 };

/* One block on its way to the disk. */
struct piece {
	uint64_t told; /* how many it says are missing before it */
	size_t len;
	uint8_t bytes[];
};

struct fl_ship_message_log {
	struct fl_loop *loop;
	struct fl_worker worker;
	uint64_t max;
	bool plain, said_slow;
	char path[PATH_MAX];
	struct fl_buf text, block; /* scratch */

	/* of both threads */
	atomic_size_t waiting;
	atomic_uint_fast64_t written, lost, untold;
	atomic_bool failing;

	/* the writer's */
	struct fl_rolling file;
	fl_time say_at; /* not before that again */
	bool said;      /* that it fails */
};

/* ---- the file ---- */

static bool read_at(int fd, uint64_t at, void *out, size_t len)
{
	return pread(fd, out, len, (off_t)at) == (ssize_t)len;
}

/* Power that was lost leaves less than a block, or zeros. */
static bool is_beginning(int fd, uint64_t size)
{
	static const uint8_t magic[4] = { 0x0a, 0x0d, 0x0d, 0x0a }, zero[4];
	uint8_t first[4];
	size_t len = size < sizeof first ? (size_t)size : sizeof first;

	return read_at(fd, 0, first, len) &&
	       (memcmp(first, magic, len) == 0 || memcmp(first, zero, len) == 0);
}

/* Blocks have their length at both ends: up to the last one where they agree. */
static bool whole(int fd, uint64_t size, uint64_t *out)
{
	uint8_t head[FL_PCAPNG_HEAD];
	uint32_t kind, len;

	*out = 0;
	if (!is_beginning(fd, size))
		return false;
	while (size - *out >= sizeof head && read_at(fd, *out, head, sizeof head) &&
	       fl_pcapng_head(fl_slice_of(head, sizeof head), &kind, &len) == FL_OK &&
	       len <= size - *out) {
		uint8_t tail[4];
		if ((*out == 0 && kind != FL_PCAPNG_SECTION) ||
		    !read_at(fd, *out + len - sizeof tail, tail, sizeof tail) ||
		    memcmp(tail, head + 4, sizeof tail) != 0)
			break;
		*out += len;
	}
	return true;
}

/* ---- the writer ---- */

static void on_written(struct fl_ship_message_log *g)
{
	g->written++;
	if (atomic_exchange(&g->failing, false) && g->said)
		fl_log_info("messages of devices are written down again",
			    FL_LU("missing", g->lost));
}

static void on_lost(struct fl_ship_message_log *g, const struct piece *p, const char *why)
{
	g->lost++;
	g->untold += p->told + 1;
	if (atomic_exchange(&g->failing, true))
		return;
	fl_time now = fl_loop_now(g->worker.loop);
	g->said = now >= g->say_at;
	if (!g->said)
		return;
	g->say_at = now + SAY_EVERY;
	fl_log_error("messages of devices are not written down; the hub goes on without",
		     FL_LS("why", why));
}

static void on_piece(void *ctx, const struct fl_letter *l)
{
	struct fl_ship_message_log *g = ctx;
	struct fl_fault fault = { "" };

	if (l == NULL)
		return;
	struct piece *p = l->what;
	if (fl_rolling_append(&g->file, fl_slice_of(p->bytes, p->len), &fault) == FL_OK)
		on_written(g);
	else
		on_lost(g, p, fault.text);
	g->waiting -= p->len;
	free(p);
}

/* The writer says nothing but what it counts. */
static void on_nothing(void *ctx, const struct fl_letter *l)
{
	(void)ctx, (void)l;
}

/* ---- messages ---- */

static void lose(struct fl_ship_message_log *g, uint64_t told)
{
	g->lost++;
	g->untold += told + 1;
}

/* False: no memory. */
static bool write_block(struct fl_ship_message_log *g, const struct fl_ski *ski,
			uint64_t connection, bool inbound, struct fl_slice message, uint64_t told)
{
	char comment[COMMENT_MAX], text[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(ski, text);
	snprintf(comment, sizeof comment, "ski=%s direction=%s connection=%" PRIu64, text,
		 inbound ? "in" : "out", connection);
	g->text.max = 2 * message.len + HEAD_MAX;
	if (!g->plain)
		fl_ship_redact(message, &g->text);
	const struct fl_pcapng_packet packet = {
		.at = fl_loop_wall(g->loop),
		.inbound = inbound,
		.bytes = g->plain ? message : fl_buf_slice(&g->text),
		.comment = comment,
		.lost = told,
	};
	fl_pcapng_packet(&packet, &g->block);
	return fl_buf_err(&g->text) == FL_OK && fl_buf_err(&g->block) == FL_OK;
}

static struct piece *piece_of(const struct fl_buf *block, uint64_t told)
{
	struct piece *p = malloc(sizeof *p + block->len);

	if (p == NULL)
		return NULL;
	p->told = told;
	p->len = block->len;
	memcpy(p->bytes, block->ptr, block->len);
	return p;
}

static bool send(struct fl_ship_message_log *g, uint64_t told)
{
	struct piece *p = piece_of(&g->block, told);
	struct fl_letter *l = p != NULL ? fl_mailbox_put(&g->worker.to) : NULL;

	if (l == NULL) {
		free(p);
		return false;
	}
	g->waiting += p->len;
	l->n = p->len;
	l->what = p;
	return true;
}

/* A large message is no reason to keep so much memory. */
static void tidy(struct fl_buf *b)
{
	if (b->cap > SCRATCH_KEPT || fl_buf_err(b) != FL_OK) {
		size_t max = b->max;
		fl_buf_done(b);
		*b = fl_buf_make(max);
	}
	fl_buf_reset(b);
}

void fl_ship_message_log_put(struct fl_ship_message_log *g, const struct fl_ski *ski,
			     uint64_t connection, bool inbound, struct fl_slice message)
{
	if (g == NULL)
		return;
	if (g->waiting >= FL_SHIP_MESSAGE_LOG_WAITING) {
		lose(g, 0);
		if (!g->said_slow)
			fl_log_warn("messages come faster than the disk takes them; some are not "
				    "written down");
		g->said_slow = true;
		return;
	}
	uint64_t told = atomic_exchange(&g->untold, 0);
	if (!write_block(g, ski, connection, inbound, message, told) || !send(g, told))
		lose(g, told);
	tidy(&g->text);
	tidy(&g->block);
}

/* ---- life ---- */

static enum fl_err open_file(struct fl_ship_message_log *g,
			     const struct fl_ship_message_log_config *cfg, struct fl_fault *fault)
{
	char describe[FL_PCAPNG_TEXT_MAX], ski[FL_SKI_TEXT_LEN + 1];
	struct fl_buf head = fl_buf_make(HEAD_MAX);
	const struct fl_pcapng_about about = {
		.program = "fairlead " FL_VERSION,
		.name = "ship",
		.describe = describe,
		.link_type = FL_PCAPNG_USER0,
	};

	fl_ski_format(&cfg->ski, ski);
	snprintf(describe, sizeof describe, "SHIP messages of %.63s, SKI %s%s", cfg->ship_id, ski,
		 cfg->plain ? "" : ", redacted");
	fl_pcapng_begin(&about, &head);
	enum fl_err err = fl_buf_err(&head);
	if (err == FL_OK)
		err = fl_rolling_open(&g->file, cfg->path, g->max, fl_buf_slice(&head), whole,
				      fault);
	fl_buf_done(&head);
	return err;
}

static enum fl_err start(struct fl_ship_message_log *g,
			 const struct fl_ship_message_log_config *cfg, struct fl_fault *fault)
{
	const struct fl_worker_ears ears = {
		.home = on_nothing,
		.worker = on_piece,
		.worker_ctx = g,
	};

	if (g->max < FL_SHIP_MESSAGE_LOG_LEAST)
		return fl_fault_set(fault, FL_ERR_INVALID, "a message log of less than %d bytes",
				    FL_SHIP_MESSAGE_LOG_LEAST);
	enum fl_err err = open_file(g, cfg, fault);
	if (err != FL_OK)
		return err;
	if (realpath(g->file.path, g->path) == NULL) /* as others find it */
		snprintf(g->path, sizeof g->path, "%s", g->file.path);
	return fl_worker_start(&g->worker, g->loop, true, &ears);
}

enum fl_err fl_ship_message_log_new(struct fl_loop *l, const struct fl_ship_message_log_config *cfg,
				    struct fl_fault *fault, struct fl_ship_message_log **out)
{
	struct fl_ship_message_log *g = calloc(1, sizeof *g);

	if (g == NULL)
		return FL_ERR_NOMEM;
	g->loop = l;
	g->file.fd = -1;
	g->max = cfg->max > 0 ? cfg->max : FL_SHIP_MESSAGE_LOG_DEFAULT;
	g->plain = cfg->plain;
	g->block = fl_buf_make(FL_PCAPNG_BLOCK_MAX);
	enum fl_err err = start(g, cfg, fault);
	if (err != FL_OK) {
		fl_ship_message_log_free(g);
		return err;
	}
	*out = g;
	return FL_OK;
}

struct fl_ship_message_log *fl_ship_message_log_free(struct fl_ship_message_log *g)
{
	if (g == NULL)
		return NULL;
	fl_worker_stop(&g->worker);
	fl_rolling_close(&g->file);
	fl_buf_done(&g->text);
	fl_buf_done(&g->block);
	free(g);
	return NULL;
}

void fl_ship_message_log_stats(const struct fl_ship_message_log *g,
			       struct fl_ship_message_log_stats *out)
{
	*out = (struct fl_ship_message_log_stats){ .path = "" };
	if (g == NULL)
		return;
	*out = (struct fl_ship_message_log_stats){
		.written = g->written,
		.lost = g->lost,
		.waiting = g->waiting,
		.failing = g->failing,
		.plain = g->plain,
		.max = g->max,
		.path = g->path,
	};
}
