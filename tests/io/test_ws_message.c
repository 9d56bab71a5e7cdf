/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_ws_message.c - WebSocket messages in both roles, against frames written by hand.
 *
 * The peer is a plain socket. What it hears is taken apart again, so that one table serves both
 * roles whatever the masks are.
 */
#include "net.h"
#include "ws_script.h"

#include "io/ws_frame.h"
#include "io/ws_message.h"

#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MESSAGE_MAX = 1000, PENDING_MAX = 1 << 20 };

#define CLOSE_4001 "\x0f\241close" /* octal, which ends by itself */

static struct fl_loop *loop;
static struct net_server server;
static unsigned fds_before;
static int fd; /* the peer's */

/* ---- an owner that keeps everything it hears ---- */

static struct owner {
	struct fl_wsm *w;
	struct fl_buf got; /* messages, "|" behind each */
	unsigned messages, drains, ends;
	enum fl_err err;
	uint16_t code;
	char reason[FL_WS_REASON_MAX + 1];
	bool pause_on_message, close_on_message, close_on_end;
} owner;

static void on_message(void *ctx, struct fl_slice m)
{
	assert_ptr_equal(ctx, &owner);
	assert_non_null(owner.w);
	assert_int_equal(owner.ends, 0);
	owner.messages++;
	fl_buf_put(&owner.got, m.ptr, m.len);
	fl_buf_byte(&owner.got, '|');
	if (owner.pause_on_message)
		fl_wsm_pause(owner.w, true);
	if (owner.close_on_message)
		owner.w = fl_wsm_close(owner.w, 4001, "close");
}

static void on_drain(void *ctx)
{
	(void)ctx;
	assert_non_null(owner.w);
	owner.drains++;
}

static void on_end(void *ctx, enum fl_err err, uint16_t code, struct fl_slice reason)
{
	(void)ctx;
	assert_non_null(owner.w);
	owner.ends++;
	owner.err = err;
	owner.code = code;
	assert_in_range(reason.len, 0, FL_WS_REASON_MAX);
	if (reason.len > 0)
		memcpy(owner.reason, reason.ptr, reason.len);
	owner.reason[reason.len] = '\0';
	if (owner.close_on_end)
		owner.w = fl_wsm_close(owner.w, 1000, NULL);
}

static const struct fl_wsm_owner callbacks = {
	.on_message = on_message,
	.on_drain = on_drain,
	.on_end = on_end,
};

static bool has_message(void *ctx)
{
	(void)ctx;
	return owner.messages > 0;
}

static bool has_ended(void *ctx)
{
	(void)ctx;
	return owner.ends > 0;
}

static bool has_drained(void *ctx)
{
	(void)ctx;
	return owner.drains > 0;
}

/* ---- the peer ---- */

static struct fl_buf back; /* what it heard and has not taken apart yet */
static bool cut;           /* it saw the end */
static bool mask_seen;     /* on the last frame */

static void listen_in(void)
{
	uint8_t step[16 << 10];
	ssize_t n;

	while (!cut && (n = recv(fd, step, sizeof step, MSG_DONTWAIT)) != -1) {
		cut = n == 0;
		fl_buf_put(&back, step, (size_t)n);
	}
}

/* The next whole frame: its head, its payload unmasked in place. */
static bool next_frame(struct fl_ws_head *h, struct fl_slice *payload)
{
	size_t used;

	listen_in();
	enum fl_err err = fl_ws_head_decode(fl_buf_slice(&back), h, &used);
	assert_true(err == FL_OK || err == FL_MORE);
	if (err != FL_OK || back.len - used < h->len)
		return false;
	mask_seen = h->masked;
	if (h->masked)
		fl_ws_mask(h->mask, 0, back.ptr + used, (size_t)h->len);
	*payload = fl_slice_of(back.ptr + used, (size_t)h->len);
	return true;
}

static void drop_frame(struct fl_slice payload)
{
	fl_buf_consume(&back, (size_t)(payload.ptr - back.ptr) + payload.len);
}

static bool has_frame(void *ctx)
{
	struct fl_ws_head h;
	struct fl_slice payload;

	(void)ctx;
	if (!next_frame(&h, &payload))
		return false;
	if (h.masked) /* back as it was, for whoever takes it */
		fl_ws_mask(h.mask, 0, (uint8_t *)(uintptr_t)payload.ptr, payload.len);
	return true;
}

/* Waits for one frame and says what it is. */
static void hear(uint8_t opcode, const void *want, size_t len, bool masked)
{
	struct fl_ws_head h;
	struct fl_slice payload;

	assert_true(net_until(loop, has_frame, NULL));
	assert_true(next_frame(&h, &payload));
	assert_int_equal(h.opcode, opcode);
	assert_true(h.fin);
	assert_int_equal(mask_seen, masked);
	assert_int_equal(payload.len, len);
	if (len > 0)
		assert_memory_equal(payload.ptr, want, len);
	drop_frame(payload);
}

static bool is_cut(void *ctx)
{
	(void)ctx;
	listen_in();
	return cut;
}

static void say_bytes(const void *p, size_t len)
{
	assert_int_equal(send(fd, p, len, 0), len);
}

static void say(const char *script, bool masked)
{
	struct fl_buf b = fl_buf_make(1 << 16);

	ws_put_script(&b, script, masked);
	say_bytes(b.ptr, b.len);
	fl_buf_done(&b);
}

/* ---- set-up ---- */

static int set_up_by(int (*dialler)(const struct fl_addrport *at))
{
	fds_before = net_fd_count();
	owner = (struct owner){ .got = fl_buf_make(64 << 20) };
	back = fl_buf_make(64 << 20);
	cut = false;
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	fd = dialler(&server.at);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return net_until(loop, net_server_one, &server) ? 0 : -1;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_by(net_dial);
}

static int set_up_narrow(void **state)
{
	(void)state;
	return set_up_by(net_dial_narrow);
}

static int tear_down(void **state)
{
	(void)state;
	fl_wsm_close(owner.w, 1000, NULL);
	fl_buf_done(&owner.got);
	fl_buf_done(&back);
	close(fd);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	return net_fd_count() == fds_before ? 0 : -1;
}

static void wrap_with(struct fl_wsm_config cfg, struct fl_slice early)
{
	if (cfg.message_max == 0)
		cfg.message_max = MESSAGE_MAX;
	if (cfg.pending_max == 0)
		cfg.pending_max = PENDING_MAX;
	assert_int_equal(fl_wsm_new(server.accepted[0], early, &cfg, &callbacks, &owner, &owner.w),
			 FL_OK);
	assert_int_equal(owner.messages, 0); /* never inside the call */
}

static void wrap(void)
{
	wrap_with((struct fl_wsm_config){ 0 }, (struct fl_slice){ 0 });
}

/* ---- what a peer may send ---- */

static struct row {
	const char *name;
	const char *script; /* see ws_put_script */
	const char *got;
	int ends; /* 0: goes on; 1: with these */
	enum fl_err err;
	uint16_t code;
	const char *reason;
	const char *back; /* unmasked frames of ours */
	size_t back_len;
} rows[] = {
#define BACK(s) (s), sizeof(s) - 1
#define ON      0, FL_OK, 0, ""
#define PROTO   1, FL_ERR_PROTO, 1006, ""
	{ "one message", "B:abc", "abc|", ON, BACK("") },
	{ "several messages", "B:abc B:def B:g", "abc|def|g|", ON, BACK("") },
	{ "an empty message", "B: B:x", "|x|", ON, BACK("") },
	{ "fragments", "b:ab c:cd C:ef B:g", "abcdef|g|", ON, BACK("") },
	{ "empty fragments", "b: c: C:x b:y C: b: C:", "x|y||", ON, BACK("") },
	{ "a ping between fragments", "b:ab P:hi C:cd", "abcd|", ON, BACK("\x8a\x02hi") },
	{ "pings", "P: P:x B:y", "y|", ON, BACK("\x8a\x00\x8a\x01x") },
	{ "an unasked pong", "p:zzz B:y", "y|", ON, BACK("") },
	{ "close", "B:last X:\x03\xe8", "last|", 1, FL_OK, 1000, "", BACK("\x88\x02\x03\xe8") },
	{ "close with a reason",
	  "X:\x0f\xa1"
	  "hub-\xc3\xa4",
	  "", 1, FL_OK, 4001, "hub-\xc3\xa4", BACK("\x88\x02\x0f\xa1") },
	{ "close without a code", "X:", "", 1, FL_OK, 1005, "", BACK("\x88\x00") },
	{ "close between fragments", "b:ab X:\x03\xe9", "", 1, FL_OK, 1001, "",
	  BACK("\x88\x02\x03\xe9") },
	{ "nothing counts after close", "X:\x03\xe8 B:late P:x", "", 1, FL_OK, 1000, "",
	  BACK("\x88\x02\x03\xe8") },
	{ "close with half a code", "X:\x03", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with code 999", "X:\x03\xe7", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with code 1004", "X:\x03\xec", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with code 1005", "X:\x03\xed", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with code 1006", "X:\x03\xee", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with code 1015", "X:\x03\xf7", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with code 2999", "X:\x0b\xb7", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with code 3000", "X:\x0b\xb8", "", 1, FL_OK, 3000, "", BACK("\x88\x02\x0b\xb8") },
	{ "close with code 4999", "X:\x13\x87", "", 1, FL_OK, 4999, "", BACK("\x88\x02\x13\x87") },
	{ "close with code 5000", "X:\x13\x88", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "close with a reason that is no text", "X:\x0f\xa1\xff", "", PROTO,
	  BACK("\x88\x02\x03\xef") },
	{ "text", "B:ok T:text B:no", "ok|", PROTO, BACK("\x88\x02\x03\xeb") },
	{ "a fragment of nothing", "C:ab", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "a message inside a message", "b:ab B:cd", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "fragments inside a message", "b:ab b:cd", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "reserved bits", "R:ab", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "unknown opcode", "U:ab", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "a ping in fragments", "F:ab", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "a long form of a short length", "L:ab", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "the wrong mask", "M:ab", "", PROTO, BACK("\x88\x02\x03\xea") },
	{ "a ping with the wrong mask", "B:x P: M:ab", "x|", PROTO,
	  BACK("\x8a\x00\x88\x02\x03\xea") },
};

static bool row_is_over(void *ctx)
{
	const struct row *row = ctx;

	listen_in();
	return owner.got.len >= strlen(row->got) && owner.ends >= (unsigned)row->ends &&
	       (row->ends == 0 || cut);
}

/* All frames of ours, without their masks. */
static void unmasked(bool masked, struct fl_buf *out)
{
	struct fl_ws_head h;
	struct fl_slice payload;

	while (next_frame(&h, &payload)) {
		assert_int_equal(mask_seen, masked);
		ws_put_frame(out, (uint8_t)(0x80 | h.opcode), payload.ptr, payload.len, false);
		drop_frame(payload);
	}
	assert_int_equal(back.len, 0);
}

static void check_row(const struct row *row, bool client)
{
	struct fl_buf heard = fl_buf_make(4096);

	assert_true(net_until(loop, row_is_over, (void *)(uintptr_t)row));
	for (int i = 0; i < 3; i++)
		fl_loop_poll(loop); /* nothing more comes */
	assert_int_equal(owner.got.len, strlen(row->got));
	if (owner.got.len > 0)
		assert_memory_equal(owner.got.ptr, row->got, owner.got.len);
	assert_int_equal(owner.ends, row->ends);
	if (row->ends > 0) {
		if (owner.err != row->err)
			fail_msg("ended with %s", fl_err_text(owner.err));
		assert_int_equal(owner.code, row->code);
		assert_string_equal(owner.reason, row->reason);
		assert_int_equal(fl_wsm_send(owner.w, fl_slice_str("x")), FL_ERR_CLOSED);
		assert_int_equal(fl_wsm_pending(owner.w), 0);
	}
	unmasked(client, &heard);
	assert_int_equal(heard.len, row->back_len);
	if (heard.len > 0)
		assert_memory_equal(heard.ptr, row->back, heard.len);
	fl_buf_done(&heard);
}

enum { AT_ONCE, BYTE_BY_BYTE, HALF_EARLY, WAYS };

static void deliver(const struct fl_buf *b, int way, bool client)
{
	struct fl_slice in = fl_buf_slice(b);
	size_t early = way == HALF_EARLY ? in.len / 2 : 0;
	size_t step = way == BYTE_BY_BYTE ? 1 : in.len;

	wrap_with((struct fl_wsm_config){ .client = client }, fl_slice_of(in.ptr, early));
	for (in = fl_slice_skip(in, early); in.len > 0; in = fl_slice_skip(in, step)) {
		(void)!send(fd, in.ptr, step < in.len ? step : in.len, MSG_NOSIGNAL);
		fl_loop_poll(loop);
		fl_loop_poll(loop);
	}
}

static void frame_row(void **state)
{
	const struct row *row = *state;

	for (int way = 0; way < WAYS; way++) {
		for (int client = 0; client < 2; client++) {
			struct fl_buf b = fl_buf_make(4096);
			assert_int_equal(set_up(NULL), 0);
			ws_put_script(&b, row->script, client == 0);
			deliver(&b, way, client == 1);
			check_row(row, client == 1);
			fl_buf_done(&b);
			assert_int_equal(tear_down(NULL), 0);
		}
	}
}

/* However the bytes are cut, the same comes out. */
static void any_split(void **state)
{
	static const char script[] = "B:one b:tw P:ping c:o C:three B: p:x b: P: C:four B:five "
				     "B:sixsixsixsixsixsix X:\x0f\xa1"
				     "bye";
	static const struct row want = { .got = "one|twothree||four|five|sixsixsixsixsixsix|",
					 .ends = 1,
					 .err = FL_OK,
					 .code = 4001,
					 .reason = "bye",
					 .back = "\x8a\x04ping\x8a\x00\x88\x02\x0f\xa1",
					 .back_len = 12 };
	struct fl_buf b = fl_buf_make(4096);

	(void)state;
	ws_put_script(&b, script, true);
	for (unsigned seed = 1; seed <= 100; seed++) {
		struct fl_slice in = fl_buf_slice(&b);
		unsigned r = seed;
		assert_int_equal(set_up(NULL), 0);
		wrap();
		while (in.len > 0) {
			r = r * 1103515245u + 12345u;
			size_t n = 1 + (r >> 16) % (1 + seed % 40);
			n = n < in.len ? n : in.len;
			say_bytes(in.ptr, n);
			in = fl_slice_skip(in, n);
			fl_loop_poll(loop);
		}
		check_row(&want, false);
		assert_int_equal(tear_down(NULL), 0);
	}
	fl_buf_done(&b);
}

/* ---- limits ---- */

static struct limit_row {
	const char *name;
	size_t frames[3];
	bool taken;
} limit_rows[] = {
	{ "one byte under the limit", { MESSAGE_MAX - 1 }, true },
	{ "at the limit", { MESSAGE_MAX }, true },
	{ "one byte over the limit", { MESSAGE_MAX + 1 }, false },
	{ "under it in fragments", { 600, 399 }, true },
	{ "at it in fragments", { 600, MESSAGE_MAX - 600 }, true },
	{ "over it in fragments", { 600, MESSAGE_MAX - 599 }, false },
	{ "over it in the last of three", { 500, 500, 1 }, false },
};

static bool limit_is_clear(void *ctx)
{
	(void)ctx;
	return owner.messages == 2 || owner.ends > 0;
}

static void limit_row(void **state)
{
	const struct limit_row *row = *state;
	static uint8_t bytes[MESSAGE_MAX + 1];
	struct fl_buf b = fl_buf_make(1 << 16);

	set_up(NULL);
	wrap();
	for (size_t j = 0; j < 3 && (j == 0 || row->frames[j] > 0); j++) {
		bool last = j == 2 || row->frames[j + 1] == 0;
		ws_put_frame(&b, (uint8_t)((j == 0 ? 2 : 0) | (last ? 0x80 : 0)), bytes,
			     row->frames[j], true);
	}
	ws_put_frame(&b, 0x82, "!", 1, true);
	say_bytes(b.ptr, b.len);
	assert_true(net_until(loop, limit_is_clear, NULL));
	assert_int_equal(owner.ends, row->taken ? 0 : 1);
	if (!row->taken) {
		assert_int_equal(owner.err, FL_ERR_TOO_BIG);
		hear(FL_WS_CLOSE, "\x03\xf1", 2, false);
		assert_true(net_until(loop, is_cut, NULL));
	}
	fl_buf_done(&b);
	assert_int_equal(tear_down(NULL), 0);
}

/* What a head announces costs nothing; the head alone decides when it is too much. */
static void a_head_costs_nothing(void **state)
{
	static const uint8_t at_limit[] = { 0x82, 0xff, 0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 'a' };

	(void)state;
	wrap_with((struct fl_wsm_config){ .message_max = 64 << 20 }, (struct fl_slice){ 0 });
	size_t before = mallinfo2().uordblks;
	say_bytes(at_limit, sizeof at_limit);
	for (int i = 0; i < 10; i++)
		fl_loop_poll(loop);
	assert_in_range(mallinfo2().uordblks, 0, before + 4096);
	assert_int_equal(owner.ends, 0);
}

static void a_head_over_the_limit_is_enough(void **state)
{
	static const uint8_t huge[] = { 0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 1,    2,    3,    4 };

	(void)state;
	wrap();
	say_bytes(huge, sizeof huge);
	assert_true(net_until(loop, has_ended, NULL));
	assert_int_equal(owner.err, FL_ERR_TOO_BIG);
}

static void a_length_beyond_63_bits(void **state)
{
	static const uint8_t huge[] = { 0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 };

	(void)state;
	wrap();
	say_bytes(huge, sizeof huge);
	assert_true(net_until(loop, has_ended, NULL));
	assert_int_equal(owner.err, FL_ERR_PROTO);
}

/* ---- what we send ---- */

static void lengths_of_ours(void **state)
{
	static const size_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 100000 };

	(void)state;
	for (int client = 0; client < 2; client++) {
		assert_int_equal(set_up(NULL), 0);
		wrap_with((struct fl_wsm_config){ .client = client == 1 }, (struct fl_slice){ 0 });
		for (size_t i = 0; i < COUNT(lengths); i++) {
			uint8_t *bytes = net_bytes(lengths[i] + 1);
			struct fl_slice m = fl_slice_of(bytes, lengths[i]);
			assert_int_equal(fl_wsm_send(owner.w, m), FL_OK);
			hear(FL_WS_BINARY, bytes, lengths[i], client == 1);
			free(bytes);
		}
		assert_int_equal(tear_down(NULL), 0);
	}
}

/* Over the limit nothing is queued, and the connection goes on. */
static void the_pending_limit(void **state)
{
	enum { LIMIT = 100 << 10, LEN = 10 << 10 };
	uint8_t *bytes = net_bytes(LEN);
	struct fl_ws_head h;
	struct fl_slice payload;
	size_t sent = 0, heard = 0;
	enum fl_err err;

	(void)state;
	wrap_with((struct fl_wsm_config){ .pending_max = LIMIT }, (struct fl_slice){ 0 });
	assert_int_equal(fl_wsm_send(owner.w, fl_slice_of(bytes, LIMIT + 1)), FL_ERR_FULL);
	while ((err = fl_wsm_send(owner.w, fl_slice_of(bytes, LEN))) == FL_OK)
		sent++;
	assert_int_equal(err, FL_ERR_FULL);
	assert_in_range(fl_wsm_pending(owner.w), LIMIT - LEN, LIMIT + LEN);
	assert_int_equal(owner.drains, 0);
	while (heard < sent) {
		net_for(loop, FL_MS);
		while (next_frame(&h, &payload)) {
			assert_memory_equal(payload.ptr, bytes, LEN);
			drop_frame(payload);
			heard++;
		}
	}
	assert_true(net_until(loop, has_drained, NULL));
	assert_int_equal(fl_wsm_send(owner.w, fl_slice_of(bytes, LEN)), FL_OK);
	hear(FL_WS_BINARY, bytes, LEN, false);
	free(bytes);
}

/* ---- pauses ---- */

static void a_pause_holds_messages(void **state)
{
	(void)state;
	owner.pause_on_message = true;
	wrap();
	say("B:a B:b P:still b:c C:d X:\x03\xe8", true);
	hear(FL_WS_PONG, "still", 5, false);
	hear(FL_WS_CLOSE, "\x03\xe8", 2, false);
	assert_true(net_until(loop, is_cut, NULL));
	for (unsigned n = 1; n <= 2; n++) { /* one more each time, and the end behind them */
		net_for(loop, FL_MS);
		assert_int_equal(owner.messages, n);
		assert_int_equal(owner.ends, 0);
		fl_wsm_pause(owner.w, false);
		assert_int_equal(owner.messages, n); /* never inside the call */
	}
	assert_true(net_until(loop, has_ended, NULL));
	assert_memory_equal(owner.got.ptr, "a|b|cd|", 7);
	assert_int_equal(owner.code, 1000);
}

/* Sends what the kernel takes; how far it has come. */
static size_t push(const struct fl_buf *b, size_t at)
{
	ssize_t n = at < b->len ? send(fd, b->ptr + at, b->len - at, MSG_DONTWAIT) : 0;

	fl_loop_poll(loop);
	return at + (n > 0 ? (size_t)n : 0);
}

/* A pause makes TCP push back once a buffer is full, and nothing is lost. */
static void a_pause_pushes_back(void **state)
{
	enum { LEN = 1000, COUNT_ALL = 40000 };
	static uint8_t bytes[LEN];
	struct fl_buf b = fl_buf_make(64 << 20);
	size_t at = 0, stuck = 0;

	(void)state;
	wrap();
	fl_wsm_pause(owner.w, true);
	for (int i = 0; i < COUNT_ALL; i++)
		ws_put_frame(&b, 0x82, bytes, LEN, true);
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int same = 0; same < 20; same = at == stuck ? same + 1 : 0) {
		stuck = at;
		at = push(&b, at);
	}
	assert_true(at < b.len);
	assert_in_range(mallinfo2().uordblks + mallinfo2().hblkhd, 0, before + (512 << 10));
	assert_int_equal(owner.messages, 0);
	fl_wsm_pause(owner.w, false);
	while (owner.messages < COUNT_ALL)
		at = push(&b, at);
	assert_int_equal(owner.got.len, (size_t)COUNT_ALL * (LEN + 1));
	fl_buf_done(&b);
}

/* ---- closing ---- */

static void closing_waits_for_the_peer(void **state)
{
	(void)state;
	wrap();
	assert_int_equal(fl_wsm_send(owner.w, fl_slice_str("last")), FL_OK);
	owner.w = fl_wsm_close(owner.w, 4001, "hub shutdown");
	hear(FL_WS_BINARY, "last", 4, false);
	hear(FL_WS_CLOSE,
	     "\x0f\xa1"
	     "hub shutdown",
	     14, false);
	say("B:late P:x", true); /* neither told nor answered any more */
	net_for(loop, 2 * FL_MS);
	assert_false(is_cut(NULL));
	say("X:\x0f\xa1", true);
	assert_true(net_until(loop, is_cut, NULL));
	assert_int_equal(back.len, 0);
	assert_int_equal(owner.messages + owner.ends, 0);
}

static void closing_does_not_wait_for_ever(void **state)
{
	(void)state;
	wrap();
	fl_time from = fl_loop_now(loop);
	owner.w = fl_wsm_close(owner.w, 1000, NULL);
	assert_true(net_until(loop, is_cut, NULL));
	fl_loop_poll(loop);
	assert_in_range(fl_loop_now(loop) - from, 1900 * FL_MS, 2900 * FL_MS);
}

static void a_cut_ends_the_wait(void **state)
{
	(void)state;
	wrap();
	fl_time from = fl_loop_now(loop);
	owner.w = fl_wsm_close(owner.w, 1000, NULL);
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, is_cut, NULL));
	assert_true(fl_loop_now(loop) - from < FL_SEC);
}

static void a_loop_freed_while_closing(void **state)
{
	(void)state;
	wrap();
	owner.w = fl_wsm_close(owner.w, 1000, "bye"); /* the rest is tear_down */
}

static void long_reasons_are_cut(void **state)
{
	char reason[200];

	(void)state;
	memset(reason, 'r', sizeof reason);
	memcpy(reason + 122, "\xc3\xa4", 2); /* would be cut in the middle */
	reason[199] = '\0';
	wrap();
	owner.w = fl_wsm_close(owner.w, 4450, reason);
	uint8_t want[124];
	memcpy(want, "\x11\x62", 2);
	memcpy(want + 2, reason, 122);
	hear(FL_WS_CLOSE, want, sizeof want, false);
}

static void closing_inside_on_message(void **state)
{
	(void)state;
	owner.close_on_message = true;
	wrap();
	say("B:a B:b P:x", true);
	assert_true(net_until(loop, has_message, NULL));
	hear(FL_WS_CLOSE, CLOSE_4001, 7, false);
	say("X:\x0f\xa1", true);
	assert_true(net_until(loop, is_cut, NULL));
	assert_int_equal(owner.messages, 1);
}

static void closing_inside_a_held_message(void **state)
{
	(void)state;
	wrap();
	fl_wsm_pause(owner.w, true);
	say("B:a B:b P:", true);
	hear(FL_WS_PONG, "", 0, false);
	owner.close_on_message = true;
	fl_wsm_pause(owner.w, false);
	assert_true(net_until(loop, has_message, NULL));
	hear(FL_WS_CLOSE, CLOSE_4001, 7, false);
	assert_int_equal(owner.messages, 1);
}

static void closing_inside_on_end(void **state)
{
	(void)state;
	owner.close_on_end = true;
	wrap();
	say("X:", true);
	assert_true(net_until(loop, has_ended, NULL));
	hear(FL_WS_CLOSE, "", 0, false);
	assert_true(net_until(loop, is_cut, NULL));
	assert_null(fl_wsm_close(NULL, 1000, NULL));
}

static void an_end_without_close_is_a_cut(void **state)
{
	(void)state;
	wrap();
	say("B:half b:", true);
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, has_ended, NULL));
	assert_int_equal(owner.err, FL_ERR_CLOSED);
	assert_int_equal(owner.code, 1006);
	assert_int_equal(owner.messages, 1);
}

/* ---- pings ---- */

static const struct fl_wsm_config quick = { .ping_every = 3 * FL_MS, .pong_within = 40 * FL_MS };

/* As long as pongs come it lives, many times longer than without. */
static void pongs_keep_it_alive(void **state)
{
	(void)state;
	wrap_with(quick, (struct fl_slice){ 0 });
	for (int i = 0; i < 20; i++) {
		hear(FL_WS_PING, "", 0, false);
		say("p:", true);
	}
	assert_int_equal(owner.ends, 0);
}

static bool talks_and_has_ended(void *ctx)
{
	(void)ctx;
	listen_in();
	fl_buf_reset(&back);
	if (!cut && owner.ends == 0)
		(void)!send(fd, "\x82\x81\0\0\0\0x\x89\x80\0\0\0\0", 13, MSG_NOSIGNAL);
	return owner.ends > 0;
}

static void only_pongs_count(void **state)
{
	(void)state;
	wrap_with(quick, (struct fl_slice){ 0 });
	assert_true(net_until(loop, talks_and_has_ended, NULL));
	assert_int_equal(owner.err, FL_ERR_TIMEOUT);
	assert_int_equal(owner.code, 1006);
	assert_true(owner.messages > 1);
	assert_true(net_until(loop, is_cut, NULL));
}

static void a_pong_counts_also_while_paused(void **state)
{
	(void)state;
	wrap_with(quick, (struct fl_slice){ 0 });
	fl_wsm_pause(owner.w, true);
	say("B:x", true);
	for (int i = 0; i < 20; i++) {
		hear(FL_WS_PING, "", 0, false);
		say("p:", true);
	}
	assert_int_equal(owner.ends + owner.messages, 0);
}

/* A pong behind what is held back for long is no missed one. */
static void a_pong_that_is_not_read_is_not_missed(void **state)
{
	static uint8_t bytes[MESSAGE_MAX];
	struct fl_buf b = fl_buf_make(1 << 20);

	(void)state;
	while (b.len < 200 << 10)
		ws_put_frame(&b, 0x82, bytes, sizeof bytes, true);
	wrap_with(quick, (struct fl_slice){ 0 });
	fl_wsm_pause(owner.w, true);
	for (size_t at = 0; at < b.len;)
		at = push(&b, at);
	hear(FL_WS_PING, "", 0, false);
	say("p:", true);
	net_for(loop, 3 * quick.pong_within);
	assert_int_equal(owner.ends + owner.messages, 0);
	fl_wsm_pause(owner.w, false);
	hear(FL_WS_PING, "", 0, false);
	fl_buf_done(&b);
}

static void what_is_never_taken_ends_it(void **state)
{
	static const uint8_t block[64 << 10];

	(void)state;
	wrap_with((struct fl_wsm_config){ .write_within = 20 * FL_MS }, (struct fl_slice){ 0 });
	while (fl_wsm_pending(owner.w) == 0)
		assert_int_equal(fl_wsm_send(owner.w, fl_slice_of(block, sizeof block)), FL_OK);
	assert_true(net_until(loop, has_ended, NULL));
	assert_int_equal(owner.err, FL_ERR_TIMEOUT);
}

/* A peer that pings and does not read costs at most 64 pongs beyond what the kernel takes. */
static void pongs_do_not_pile_up(void **state)
{
	enum { PINGS = 3000 };
	static uint8_t bytes[FL_WS_CONTROL_MAX];
	static const uint8_t block[64 << 10];
	struct fl_buf b = fl_buf_make(1 << 20);

	(void)state;
	wrap();
	while (fl_wsm_pending(owner.w) == 0) /* the kernel takes no more */
		assert_int_equal(fl_wsm_send(owner.w, fl_slice_of(block, sizeof block)), FL_OK);
	size_t before = fl_wsm_pending(owner.w);
	for (int i = 0; i < PINGS; i++)
		ws_put_frame(&b, 0x89, bytes, sizeof bytes, true);
	ws_put_frame(&b, 0x82, "x", 1, true);
	for (size_t at = 0; at < b.len;)
		at = push(&b, at);
	assert_true(net_until(loop, has_message, NULL));
	assert_in_range(fl_wsm_pending(owner.w), 0, before + 64 * (2 + sizeof bytes));
	assert_int_equal(owner.ends, 0);
	fl_buf_done(&b);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define N(fn) cmocka_unit_test_setup_teardown(fn, set_up_narrow, tear_down)
	const struct CMUnitTest single[] = {
		cmocka_unit_test(any_split),
		T(a_head_costs_nothing),
		T(a_head_over_the_limit_is_enough),
		T(a_length_beyond_63_bits),
		cmocka_unit_test(lengths_of_ours),
		T(the_pending_limit),
		T(a_pause_holds_messages),
		T(a_pause_pushes_back),
		T(closing_waits_for_the_peer),
		T(closing_does_not_wait_for_ever),
		T(a_cut_ends_the_wait),
		T(a_loop_freed_while_closing),
		T(long_reasons_are_cut),
		T(closing_inside_on_message),
		T(closing_inside_a_held_message),
		T(closing_inside_on_end),
		T(an_end_without_close_is_a_cut),
		T(pongs_keep_it_alive),
		T(only_pongs_count),
		T(a_pong_counts_also_while_paused),
		T(a_pong_that_is_not_read_is_not_missed),
		N(what_is_never_taken_ends_it),
		N(pongs_do_not_pile_up),
	};
	struct CMUnitTest tests[COUNT(rows) + COUNT(limit_rows) + COUNT(single)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
						  .test_func = frame_row,
						  .initial_state = &rows[i] };
	for (size_t i = 0; i < COUNT(limit_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = limit_rows[i].name,
						  .test_func = limit_row,
						  .initial_state = &limit_rows[i] };
	memcpy(tests + n, single, sizeof single);
	net_warm_up();
	return cmocka_run_group_tests_name("io/ws_message", tests, NULL, NULL);
}
