/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/noise_hello.c - the first words of the server on a Noise connection. */
#include "services/control/noise_hello.h"

#include "base/log.h"

void fl_noise_write_error(struct fl_stream *stream, const char *text)
{
	struct fl_buf msg = fl_buf_make(1024);

	fl_noise_error_encode(text, &msg);
	if (fl_buf_err(&msg) != FL_OK || fl_stream_write(stream, fl_buf_slice(&msg)) != FL_OK)
		fl_log_debug("refusal could not be sent");
	fl_buf_done(&msg);
}

void fl_noise_send_error(struct fl_stream *stream, const char *text)
{
	fl_noise_write_error(stream, text);
	fl_stream_close(stream, FL_SEC);
}

/*
 * The challenge is for proving possession of a node key. No request of today's clients answers
 * it, so its private half is forgotten at once.
 */
static void write_early_payload(struct fl_buf *out)
{
	struct fl_private_key priv;
	struct fl_challenge_key pub;

	if (fl_private_key_new(&priv) != FL_OK)
		return;
	fl_private_key_public(&priv, pub.b);
	fl_wipe(&priv, sizeof priv);
	fl_noise_early_encode(&pub, out);
}

enum fl_err fl_noise_send_hello(struct fl_stream *stream, struct fl_noise_conn *noise,
				const uint8_t response[static FL_NOISE_RESPONSE_LEN],
				bool early_payload)
{
	struct fl_buf flight = fl_buf_make(2048), payload = fl_buf_make(512);

	fl_buf_put(&flight, response, FL_NOISE_RESPONSE_LEN);
	if (early_payload)
		write_early_payload(&payload);
	enum fl_err err = fl_buf_err(&payload);
	if (err == FL_OK)
		err = fl_noise_seal(noise, fl_buf_slice(&payload), &flight);
	if (err == FL_OK)
		err = fl_buf_err(&flight);
	if (err == FL_OK)
		err = fl_stream_write(stream, fl_buf_slice(&flight));
	fl_buf_done(&payload);
	fl_buf_done(&flight);
	return err;
}
