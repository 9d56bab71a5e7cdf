/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_noise_respond.c - the server's handshake against any bytes.
 *
 * First as they are. Then, since no mutation gets past a tag, as the version and machine key of
 * an initiation sealed for this server, which reaches what lies behind the first tag.
 */
#include <stdlib.h>

#include "proto/control/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fl_private_key server, server_ephemeral, client, client_ephemeral;
static struct fl_machine_key server_public;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void set_up(void)
{
	static bool done;

	if (done)
		return;
	must(fl_crypto_init() == FL_OK);
	for (uint8_t i = 0; i < FL_KEY_LEN; i++) {
		client.b[i] = i;
		client_ephemeral.b[i] = (uint8_t)(0x20 + i);
		server.b[i] = (uint8_t)(0x40 + i);
		server_ephemeral.b[i] = (uint8_t)(0x60 + i);
	}
	fl_private_key_public(&server, server_public.b);
	done = true;
}

static enum fl_err respond(struct fl_slice in, struct fl_noise_conn *out, uint8_t *response)
{
	struct fl_noise_conn before;

	memset(out, 0xaa, sizeof *out);
	memcpy(&before, out, sizeof before);
	enum fl_err err =
		fl_noise_respond_as(&server, &server_public, &server_ephemeral, in, response, out);
	must(err == FL_OK || err == FL_ERR_PROTO || err == FL_ERR_CRYPTO);
	must(err == FL_OK || memcmp(out, &before, sizeof before) == 0);
	return err;
}

static void try_raw(struct fl_slice in)
{
	struct fl_noise_conn conn;
	uint8_t response[FL_NOISE_RESPONSE_LEN];

	if (respond(in, &conn, response) != FL_OK)
		return;
	must(in.len == FL_NOISE_INITIATION_LEN);
	must(conn.version == (in.ptr[0] << 8 | in.ptr[1]));
	must(!fl_machine_key_is_zero(&conn.peer));
	fl_noise_conn_done(&conn);
}

/* Any private key makes a good initiation; then any change to one byte of it makes a bad one. */
static void try_sealed(struct fl_slice in)
{
	struct fl_cur cur = { .in = in };
	uint16_t version = (uint16_t)fl_cur_be(&cur, 2);
	size_t at = (size_t)fl_cur_be(&cur, 1) % FL_NOISE_INITIATION_LEN;
	uint8_t flip = (uint8_t)fl_cur_be(&cur, 1);
	uint8_t initiation[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];
	struct fl_private_key machine = client;
	struct fl_noise_handshake hs;
	struct fl_noise_conn conn, mine;

	fl_cur_copy(&cur, machine.b, sizeof machine.b);
	if (cur.bad)
		return;
	must(fl_noise_initiate(&machine, &client_ephemeral, &server_public, version, initiation,
			       &hs) == FL_OK);
	initiation[at] ^= flip;
	enum fl_err err = respond(fl_slice_of(initiation, sizeof initiation), &conn, response);
	must((err == FL_OK) == (flip == 0));
	if (err == FL_OK) {
		must(fl_noise_finish(&hs, fl_slice_of(response, sizeof response), &mine) == FL_OK);
		fl_noise_conn_done(&conn);
		fl_noise_conn_done(&mine);
	}
	fl_noise_handshake_done(&hs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	set_up();
	try_raw(fl_slice_of(data, size));
	try_sealed(fl_slice_of(data, size));
	return 0;
}
