/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_derp.c - cuts frames from any bytes and reads each body as every type. */
#include "wire/derp.h"

#include <stdlib.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What was read is written again and has to be the same bytes. */
static void same(struct fl_buf *b, struct fl_slice body)
{
	must(fl_buf_err(b) == FL_OK && b->len == FL_DERP_HEADER_LEN + body.len);
	must(memcmp(b->ptr + FL_DERP_HEADER_LEN, body.ptr, body.len) == 0);
	fl_buf_reset(b);
}

static void read_packets(struct fl_slice body, struct fl_buf *b)
{
	struct fl_derp_packet p;
	struct fl_derp_forward f;

	if (fl_derp_as_send(body, &p) == FL_OK) {
		fl_derp_put_send(b, &p.key, p.payload);
		same(b, body);
		(void)fl_derp_is_disco(p.payload);
	}
	if (fl_derp_as_forward(body, &f) == FL_OK) {
		fl_derp_put_forward(b, &f);
		same(b, body);
	}
}

static void read_others(struct fl_slice body, struct fl_buf *b)
{
	struct fl_derp_peer_gone gone;
	struct fl_derp_peer_present here;
	struct fl_derp_restarting restarting;
	struct fl_derp_server_info info;
	struct fl_node_key key;
	const struct fl_private_key priv = { { 1 } };
	uint8_t raw[FL_KEY_LEN];
	bool yes;

	if (fl_derp_as_peer_gone(body, &gone) == FL_OK && body.len == FL_KEY_LEN + 1) {
		fl_derp_put_peer_gone(b, &gone);
		same(b, body);
	}
	if (fl_derp_as_peer_present(body, &here) == FL_OK && body.len == 51) {
		fl_derp_put_peer_present(b, &here);
		must(fl_buf_err(b) == FL_OK && b->len == FL_DERP_HEADER_LEN + body.len);
		fl_buf_reset(b);
	}
	if (fl_derp_as_close_peer(body, &key) == FL_OK) {
		fl_derp_put_close_peer(b, &key);
		same(b, body);
	}
	if (fl_derp_as_restarting(body, &restarting) == FL_OK && body.len == 8) {
		fl_derp_put_restarting(b, &restarting);
		same(b, body);
	}
	(void)!fl_derp_as_preferred(body, &yes);
	(void)!fl_derp_as_ping(body, raw);
	(void)!fl_derp_as_server_key(body, raw);
	must(fl_derp_server_info_open(&priv, raw, body, &info) != FL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_slice in = fl_slice_of(data, size);
	struct fl_buf b = fl_buf_make(1 << 20);
	struct fl_derp_frame f;
	size_t used;

	must(fl_crypto_init() == FL_OK);
	while (fl_derp_next(in, FL_DERP_BODY_MAX, &f, &used) == FL_OK) {
		must(used == FL_DERP_HEADER_LEN + f.body.len && used <= in.len);
		read_packets(f.body, &b);
		read_others(f.body, &b);
		in = fl_slice_skip(in, used);
	}
	fl_buf_done(&b);
	return 0;
}
