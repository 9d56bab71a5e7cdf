/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_derp_server.c - a script of what clients may do to the relay machine.
 *
 * Each step is an operation byte and a client byte: connect, log in, leave, stall, let time pass,
 * or feed bytes of the input in pieces. Whatever happens, gauges and maps agree, memory stays
 * bounded, and nothing is left at the end.
 */
#include "proto/derp/server.h"

#include <stdlib.h>

enum { CLIENTS = 8, MEMORY = 4 << 20 };

struct one {
	struct fl_derp_client *c;
	struct fl_node_key key;
	bool stalled;
};

static struct fl_derp_server *s;
static struct one at[CLIENTS];
static fl_time now;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void leave(struct one *o)
{
	o->c = fl_derp_client_free(o->c);
}

static void flush(struct one *o)
{
	if (o->stalled) {
		fl_derp_client_blocked(o->c, true);
		return;
	}
	for (struct fl_slice out; (out = fl_derp_client_output(o->c, now)).len > 0;) {
		struct fl_derp_frame f;
		size_t used;
		while (out.len > 0) { /* only whole frames leave */
			must(fl_derp_next(out, FL_DERP_CLIENT_MAX, &f, &used) == FL_OK);
			out = fl_slice_skip(out, used);
		}
	}
}

static void feed(struct one *o, struct fl_slice in);

static void run(bool all)
{
	struct fl_derp_effect e;

	while (fl_derp_server_next(s, all, &e)) {
		struct one *o = e.ctx;
		must(o->c == e.client);
		if (e.kind == FL_DERP_CLOSE)
			leave(o);
		else if (e.kind == FL_DERP_ADMIT)
			fl_derp_client_admit(o->c, now, true);
		else if (e.kind == FL_DERP_FLUSH)
			flush(o);
		else
			feed(o, fl_slice_of(NULL, 0));
	}
}

static void feed(struct one *o, struct fl_slice in)
{
	enum fl_err err = FL_MORE;

	while (err == FL_MORE && o->c != NULL) {
		size_t used = 0;
		err = fl_derp_client_input(o->c, now, in, &used);
		must(used <= in.len);
		in = fl_slice_skip(in, used);
		if (err == FL_MORE)
			run(false);
	}
	if (o->c != NULL && err != FL_OK && err != FL_AGAIN)
		leave(o);
}

static void connect(struct one *o)
{
	const struct fl_addrport from = { fl_ip_v4(127, 0, 0, 1), 1 };

	if (o->c == NULL)
		must(fl_derp_client_new(s, now, &from, false, o, &o->c) == FL_OK);
	o->stalled = false;
}

/* Clients 0/1, 2/3, ... share a key. */
static void login(struct one *o)
{
	const struct fl_derp_client_info info = { .version = 2 };
	const uint8_t nonce[FL_BOX_NONCE_LEN] = { 1 };
	struct fl_private_key priv = { { 1, 2, 3 } };
	struct fl_buf b = fl_buf_make(4096);

	priv.b[9] = (uint8_t)((o - at) / 2);
	fl_private_key_public(&priv, o->key.b);
	must(fl_derp_client_info_seal(&priv, fl_derp_server_public(s), nonce, &info, &b) == FL_OK);
	feed(o, fl_buf_slice(&b));
	fl_buf_done(&b);
}

static void send_packets(struct one *o, const struct one *to, unsigned n, bool disco)
{
	static const uint8_t payload[4000] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_derp_put_send(&b, &to->key, fl_slice_of(payload + !disco, 62 + n * 15u));
	for (unsigned i = 0; i < n && o->c != NULL; i++)
		feed(o, fl_buf_slice(&b));
	fl_buf_done(&b);
}

static void step(uint8_t op, uint8_t arg, struct fl_slice *in)
{
	struct one *o = &at[arg % CLIENTS], *to = &at[arg / CLIENTS % CLIENTS];
	size_t n;

	switch (op % 10) {
	case 0:
		connect(o);
		login(o);
		break;
	case 1:
		connect(o);
		break;
	case 2:
		leave(o);
		break;
	case 3:
		o->stalled = true;
		break;
	case 4:
		o->stalled = false;
		if (o->c != NULL)
			fl_derp_client_blocked(o->c, false);
		break;
	case 5:
		now += (fl_time)arg * FL_SEC / 8;
		fl_derp_server_tick(s, now);
		break;
	case 6:
		send_packets(o, to, op / 10, false);
		break;
	case 7:
		send_packets(o, to, op / 10, true);
		break;
	default:
		n = op / 5 < in->len ? op / 5 : in->len;
		if (o->c != NULL)
			feed(o, fl_slice_of(in->ptr, n));
		*in = fl_slice_skip(*in, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_slice in = fl_slice_of(data, size);
	struct fl_derp_config cfg = { .key = { { 7 } }, .memory_max = MEMORY };

	must(fl_crypto_init() == FL_OK);
	if (size < 1)
		return 0;
	cfg.rate_bytes = in.ptr[0] & 1 ? 20000 : 0;
	in = fl_slice_skip(in, 1);
	now = FL_SEC;
	must(fl_derp_server_new(&cfg, &s) == FL_OK);
	memset(at, 0, sizeof at);
	while (in.len >= 2) {
		uint8_t op = in.ptr[0], arg = in.ptr[1];
		in = fl_slice_skip(in, 2);
		step(op, arg, &in);
		run(true);
		must(fl_derp_server_check(s));
		must(fl_derp_server_stats(s)->memory <= MEMORY);
	}
	for (int i = 0; i < CLIENTS; i++)
		leave(&at[i]);
	must(fl_derp_server_check(s) && fl_derp_server_stats(s)->connections == 0);
	must(fl_derp_server_stats(s)->watches == 0);
	fl_derp_server_free(s);
	return 0;
}
