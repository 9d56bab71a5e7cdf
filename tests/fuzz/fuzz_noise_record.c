/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_noise_record.c - a stream of records after the handshake of the published
 * vector, opened by the server as it arrives in pieces.
 *
 * Input: one byte, the size of a piece less one, then the stream. The same bytes also go through
 * the framing, as an early payload, and as plaintext that is sealed and must come out whole.
 */
#include <stdlib.h>

#include "proto/control/noise.h"

#include "../proto/key_from.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAM_MAX = 1 << 16 };

static struct fl_noise_conn client, server;
static uint8_t work[2 * STREAM_MAX], whole[2 * STREAM_MAX], pieces[2 * STREAM_MAX];

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void set_up(void)
{
	static bool done;
	struct fl_private_key machine = key_from(0), eph = key_from(0x20);
	struct fl_private_key secret = key_from(0x40), server_eph = key_from(0x60);
	struct fl_machine_key public;
	struct fl_noise_handshake hs;
	uint8_t in[FL_NOISE_INITIATION_LEN], out[FL_NOISE_RESPONSE_LEN];

	if (done)
		return;
	must(fl_crypto_init() == FL_OK);
	fl_private_key_public(&secret, public.b);
	must(fl_noise_initiate(&machine, &eph, &public, 145, in, &hs) == FL_OK);
	must(fl_noise_respond(&secret, &server_eph, fl_slice_of(in, sizeof in), out, &server) ==
	     FL_OK);
	must(fl_noise_finish(&hs, fl_slice_of(out, sizeof out), &client) == FL_OK);
	done = true;
}

/* The same keys from their first record on. */
static void rewind_pair(void)
{
	client.tx_nonce = client.rx_nonce = server.tx_nonce = server.rx_nonce = 0;
	client.dead = server.dead = false;
}

/* Opens what arrives `step` bytes at a time; gives the plaintext and how the stream ended. */
static size_t read_stream(struct fl_slice in, size_t step, uint8_t *out, enum fl_err *out_end)
{
	size_t at = 0, have = 0, len = 0, used;
	struct fl_slice plain;
	enum fl_err err = FL_MORE;

	rewind_pair();
	while (have < in.len && err == FL_MORE) {
		size_t n = step < in.len - have ? step : in.len - have;
		memcpy(work + have, in.ptr + have, n);
		have += n;
		while ((err = fl_noise_open(&server, work + at, have - at, &plain, &used)) ==
		       FL_OK) {
			must(used >= FL_NOISE_HEADER_LEN + FL_TAG_LEN &&
			     used <= FL_NOISE_RECORD_MAX);
			must(plain.len == used - FL_NOISE_HEADER_LEN - FL_TAG_LEN);
			if (plain.len > 0)
				memcpy(out + len, plain.ptr, plain.len);
			len += plain.len;
			at += used;
		}
	}
	must(server.dead == (err != FL_MORE));
	*out_end = err;
	return len;
}

static void compare(struct fl_slice in, size_t step)
{
	enum fl_err end_whole, end_pieces;

	size_t n = read_stream(in, in.len, whole, &end_whole);
	must(read_stream(in, step, pieces, &end_pieces) == n);
	must(end_whole == end_pieces && memcmp(whole, pieces, n) == 0);
}

static void round_trip(struct fl_slice text, size_t step)
{
	struct fl_buf out = fl_buf_make(2 * STREAM_MAX);
	enum fl_err end;

	rewind_pair();
	must(fl_noise_seal(&client, text, &out) == FL_OK);
	must(read_stream(fl_buf_slice(&out), step, whole, &end) == text.len && end == FL_MORE);
	must(text.len == 0 || memcmp(whole, text.ptr, text.len) == 0);
	fl_buf_done(&out);
}

static void frame(struct fl_slice in)
{
	enum fl_noise_type type;
	struct fl_slice body;
	size_t used;

	while (fl_noise_next(in, &type, &body, &used) == FL_OK) {
		must(used == FL_NOISE_HEADER_LEN + body.len && used <= in.len);
		in = fl_slice_skip(in, used);
	}
	if (fl_noise_early_next(in, &body, &used) == FL_OK)
		must(used == 0 || used == FL_NOISE_EARLY_HEADER_LEN + body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > STREAM_MAX)
		return 0;
	set_up();
	size_t step = (size_t)data[0] + 1;
	struct fl_slice in = fl_slice_of(data + 1, size - 1);

	compare(in, step);
	round_trip(in, step);
	frame(in);
	return 0;
}
