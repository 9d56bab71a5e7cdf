/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/test_noise_nomem.c - a handshake and a record in both directions, with our n-th
 * allocation failing, for every n: outputs stay as they were, secrets of a failed half are gone.
 *
 * Linked with --wrap for malloc and realloc, which catches our own calls and no library's.
 */
#include "../base/alloc_fail.h"
#include "key_from.h"
#include "proto/control/noise.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static size_t countdown; /* 0: never fail */
static bool failed;

bool alloc_fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	return true;
}

static bool is_byte(const void *p, uint8_t byte, size_t n)
{
	const uint8_t *at = p;

	for (size_t i = 0; i < n; i++)
		if (at[i] != byte)
			return false;
	return true;
}

/* Whoever fails first ends the run; done is called on what was completed and nothing else. */
static enum fl_err exchange(struct fl_noise_conn *client, struct fl_noise_conn *server,
			    struct fl_noise_handshake *hs)
{
	struct fl_private_key machine = key_from(0), eph = key_from(0x20);
	struct fl_private_key secret = key_from(0x40), server_eph = key_from(0x60);
	struct fl_machine_key public;
	uint8_t in[FL_NOISE_INITIATION_LEN], out[FL_NOISE_RESPONSE_LEN];

	fl_private_key_public(&secret, public.b);
	enum fl_err err = fl_noise_initiate(&machine, &eph, &public, 145, in, hs);
	if (err != FL_OK) {
		assert_true(is_byte(hs, 0xaa, sizeof *hs));
		return err;
	}
	err = fl_noise_respond(&secret, &server_eph, fl_slice_of(in, sizeof in), out, server);
	if (err != FL_OK) {
		assert_true(is_byte(server, 0xaa, sizeof *server));
		fl_noise_handshake_done(hs);
		return err;
	}
	err = fl_noise_finish(hs, fl_slice_of(out, sizeof out), client);
	assert_true(is_byte(hs, 0, sizeof *hs));
	if (err != FL_OK) {
		assert_true(is_byte(client, 0xaa, sizeof *client));
		fl_noise_conn_done(server);
	}
	return err;
}

static enum fl_err send_both_ways(struct fl_noise_conn *a, struct fl_noise_conn *b)
{
	static const uint8_t text[2000];
	struct fl_noise_conn *from = a, *to = b;
	enum fl_err err = FL_OK;

	for (int i = 0; i < 2 && err == FL_OK; i++, from = b, to = a) {
		struct fl_buf out = fl_buf_make(1 << 16);
		struct fl_slice plain;
		size_t used;
		err = fl_noise_seal(from, fl_slice_of(text, sizeof text), &out);
		assert_true(from->dead == (err != FL_OK));
		assert_true((out.len > 0) == (err == FL_OK));
		if (err == FL_OK)
			err = fl_noise_open(to, out.ptr, out.len, &plain, &used);
		fl_buf_done(&out);
	}
	return err;
}

static enum fl_err whole_run(void)
{
	struct fl_noise_conn client, server;
	struct fl_noise_handshake hs;

	memset(&client, 0xaa, sizeof client);
	memset(&server, 0xaa, sizeof server);
	memset(&hs, 0xaa, sizeof hs);
	enum fl_err err = exchange(&client, &server, &hs);
	if (err != FL_OK)
		return err;
	err = send_both_ways(&client, &server);
	fl_noise_conn_done(&client);
	fl_noise_conn_done(&server);
	return err;
}

static void every_allocation(void **state)
{
	size_t n = 1;

	(void)state;
	assert_int_equal(whole_run(), FL_OK);
	for (failed = true; failed; n++) {
		countdown = n;
		failed = false;
		enum fl_err err = whole_run();
		countdown = 0;
		assert_int_equal(err, failed ? FL_ERR_NOMEM : FL_OK);
	}
	assert_true(n > 10); /* five seals and opens, four record keys, two buffers */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation) };

	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("proto/noise_nomem", tests, NULL, NULL);
}
