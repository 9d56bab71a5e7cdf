/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_derp_login.c - the text inside a login's box: a client may seal anything.
 */
#include "wire/derp.h"

#include <stdlib.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fl_private_key server = { { 1 } }, client = { { 2 } };
	const uint8_t nonce[FL_BOX_NONCE_LEN] = { 3 };
	uint8_t server_pub[FL_KEY_LEN], *body;
	struct fl_derp_client_info info;
	struct fl_box_key shared;
	struct fl_node_key key;
	size_t len = FL_DERP_LOGIN_MIN + FL_BOX_OVERHEAD + size;

	must(fl_crypto_init() == FL_OK);
	if (len > FL_DERP_LOGIN_MAX)
		return 0;
	body = malloc(len);
	if (body == NULL)
		return 0;
	fl_private_key_public(&server, server_pub);
	fl_private_key_public(&client, body);
	memcpy(body + FL_KEY_LEN, nonce, sizeof nonce);
	must(fl_box_key_make(&client, server_pub, &shared) == FL_OK);
	must(fl_box_key_seal(&shared, nonce, fl_slice_of(data, size), body + FL_DERP_LOGIN_MIN) ==
	     FL_OK);
	if (fl_derp_client_info_open(&server, fl_slice_of(body, len), &key, &info) == FL_OK) {
		struct fl_derp_client_info again;
		struct fl_derp_frame f;
		struct fl_buf b = fl_buf_make(1 << 20);
		size_t used;

		must(memcmp(key.b, body, FL_KEY_LEN) == 0);
		must(fl_derp_client_info_seal(&client, server_pub, nonce, &info, &b) == FL_OK);
		must(fl_derp_next(fl_buf_slice(&b), FL_DERP_LOGIN_MAX, &f, &used) == FL_OK);
		must(fl_derp_client_info_open(&server, f.body, &key, &again) == FL_OK);
		must(again.version == info.version && again.has_mesh_key == info.has_mesh_key);
		must(strcmp(again.app, info.app) == 0);
		fl_buf_done(&b);
	}
	free(body);
	return 0;
}
