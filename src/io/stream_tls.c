/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream_tls.c - TLS on a socket stream.
 *
 * OpenSSL never touches the socket. It reads records from a window over what recv left in the
 * loop's buffer, so one system call feeds it many records, and it writes records into the loop's
 * out buffer, which leaves in one send. An idle connection thus holds no bytes of either; only
 * records that arrive while the owner does not read are kept.
 */
#include "io/stream_impl.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_MAX = 16 << 10 };

/* ---- the window and the out buffer as OpenSSL sees them ---- */

static int bio_read(BIO *b, char *out, size_t len, size_t *out_len)
{
	struct fl_sock *k = BIO_get_data(b);
	size_t n = len < k->window.len ? len : k->window.len;

	BIO_clear_retry_flags(b);
	if (n == 0) {
		BIO_set_retry_read(b);
		return 0;
	}
	memcpy(out, k->window.ptr, n);
	k->window = fl_slice_skip(k->window, n);
	*out_len = n;
	return 1;
}

/* Sends what the current call has produced so far. */
static enum fl_err flush_records(struct fl_sock *k)
{
	struct fl_loop *l = k->base.loop;
	struct fl_slice records = fl_slice_of(l->out, l->out_len);

	l->out_len = 0;
	return records.len > 0 ? fl_sock_send(k, records) : FL_OK;
}

static int bio_write(BIO *b, const char *data, size_t len, size_t *out_len)
{
	struct fl_sock *k = BIO_get_data(b);
	struct fl_loop *l = k->base.loop;

	BIO_clear_retry_flags(b);
	for (size_t done = 0; done < len;) {
		if (l->out_len == FL_LOOP_SCRATCH && flush_records(k) != FL_OK)
			return 0;
		size_t room = FL_LOOP_SCRATCH - l->out_len;
		size_t n = len - done < room ? len - done : room;
		memcpy(l->out + l->out_len, data + done, n);
		l->out_len += n;
		done += n;
	}
	*out_len = len;
	return 1;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "fl_sock");
	if (method == NULL)
		return;
	BIO_meth_set_read_ex(method, bio_read);
	BIO_meth_set_write_ex(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	BIO_meth_set_create(method, bio_create);
}

enum fl_err fl_sock_tls_start(struct fl_sock *k, SSL_CTX *ctx, bool client)
{
	pthread_once(&method_once, make_method);
	if (method == NULL)
		return FL_ERR_NOMEM;

	SSL *ssl = SSL_new(ctx);
	BIO *bio = BIO_new(method);
	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		return FL_ERR_NOMEM;
	}
	BIO_set_data(bio, k);
	SSL_set_bio(ssl, bio, bio);
	if (client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	k->ssl = ssl;
	return FL_OK;
}

void fl_sock_tls_done(struct fl_sock *k)
{
	if (k->ssl != NULL) /* or OpenSSL need not be loaded */
		SSL_free(k->ssl);
	k->ssl = NULL;
	free(k->held);
	k->held = NULL;
	k->held_len = 0;
}

/* ---- reading ---- */

/* Keeps what is left of the window for later. */
static void hold_window(struct fl_sock *k)
{
	struct fl_slice rest = k->window;

	k->window = (struct fl_slice){ 0 };
	if (rest.len == 0 || k->base.ended || k->base.closed)
		return;
	assert(k->held == NULL);
	k->held = malloc(rest.len);
	if (k->held == NULL) {
		fl_stream_ended(&k->base, FL_ERR_NOMEM);
		return;
	}
	memcpy(k->held, rest.ptr, rest.len);
	k->held_len = rest.len;
}

/* An alert of the peer has its number behind an offset. */
static bool is_alert(unsigned long e)
{
	return ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) >= SSL_AD_REASON_OFFSET;
}

/* What a call into OpenSSL that did not succeed means. FL_MORE: it wants more records. */
static enum fl_err verdict(struct fl_sock *k, int rc)
{
	enum fl_err err = is_alert(ERR_peek_error()) ? FL_ERR_CRYPTO : FL_ERR_PROTO;

	switch (SSL_get_error(k->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return FL_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return FL_OK;
	default:
		if (k->base.broken)
			err = FL_ERR_CLOSED;
	}
	ERR_clear_error();
	return err;
}

/*
 * Opens records into the loop's buffer while a whole one fits, so that none stays half read in
 * OpenSSL. FL_AGAIN: the buffer is full, there may be more. FL_OK: the peer said goodbye.
 */
static enum fl_err open_records(struct fl_sock *k, size_t *out_len)
{
	uint8_t *plain = k->base.loop->plain;
	size_t len = 0;
	enum fl_err err = FL_AGAIN;

	while (FL_LOOP_SCRATCH - len >= RECORD_MAX) {
		size_t n = 0;
		int rc = SSL_read_ex(k->ssl, plain + len, FL_LOOP_SCRATCH - len, &n);
		if (rc != 1) {
			err = verdict(k, rc);
			break;
		}
		len += n;
	}
	*out_len = len;
	return err;
}

void fl_sock_tls_input(struct fl_sock *k, struct fl_slice records)
{
	struct fl_stream *s = &k->base;

	ERR_clear_error();
	k->window = records;
	while (fl_stream_wants(s)) {
		size_t len;
		enum fl_err err = open_records(k, &len);
		if (flush_records(k) != FL_OK) /* alerts */
			err = FL_ERR_CLOSED;
		if (err != FL_MORE && err != FL_AGAIN)
			fl_stream_ended(s, err);
		if (len > 0)
			s->owner->on_data(s->ctx, s->loop->plain, len);
		if (err != FL_AGAIN)
			break;
	}
	hold_window(k);
}

void fl_sock_tls_pull(struct fl_sock *k)
{
	uint8_t *held = k->held;
	size_t len = k->held_len;

	k->held = NULL;
	k->held_len = 0;
	fl_sock_tls_input(k, fl_slice_of(held, len));
	free(held);
}

enum fl_err fl_sock_tls_shake(struct fl_sock *k)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(k->ssl);
	k->base.loop->tls_error = ERR_peek_error();
	enum fl_err err = rc == 1 ? FL_OK : verdict(k, rc);
	if (rc != 1 && err == FL_OK)
		err = FL_ERR_CLOSED;
	if (flush_records(k) != FL_OK && err != FL_ERR_CRYPTO)
		err = FL_ERR_CLOSED;
	if (err == FL_OK)
		hold_window(k); /* the peer may have sent data right behind */
	else
		k->window = (struct fl_slice){ 0 };
	return k->base.ended && (err == FL_OK || err == FL_MORE) ? FL_ERR_CLOSED : err;
}

static enum fl_err read_and_shake(struct fl_sock *k)
{
	ssize_t n = recv(k->fd, k->base.loop->in, FL_LOOP_SCRATCH, 0);

	k->base.loop->tls_error = 0;
	if (n == 0)
		return FL_ERR_CLOSED;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? FL_MORE : FL_ERR_CLOSED;
	k->window = fl_slice_of(k->base.loop->in, (size_t)n);
	return fl_sock_tls_shake(k);
}

enum fl_err fl_sock_tls_step(struct fl_sock *k, int events)
{
	enum fl_err err = FL_MORE;

	if (events & UV_WRITABLE && k->out_len > 0) { /* a flight larger than the socket's buffer */
		err = fl_sock_flush(k);
		if (err != FL_OK && err != FL_MORE)
			return err;
		err = FL_MORE;
	}
	/* What can be read is still there in the next tick. */
	if (events & UV_READABLE && k->base.loop->handshakes_left > 0) {
		k->base.loop->handshakes_left--;
		err = read_and_shake(k);
	}
	if (err == FL_MORE)
		fl_sock_arm(k, UV_READABLE | (k->out_len > 0 ? UV_WRITABLE : 0));
	return err;
}

/* ---- writing ---- */

enum fl_err fl_sock_tls_write(struct fl_sock *k, struct fl_slice data)
{
	size_t n = 0;

	ERR_clear_error();
	int rc = SSL_write_ex(k->ssl, data.ptr, data.len, &n);
	if (rc != 1) {
		ERR_clear_error();
		k->base.loop->out_len = 0;
		return k->base.broken ? k->base.write_err
				      : fl_stream_broke(&k->base, FL_ERR_CLOSED);
	}
	return flush_records(k);
}

void fl_sock_tls_bye(struct fl_sock *k)
{
	ERR_clear_error();
	if (SSL_is_init_finished(k->ssl) && SSL_shutdown(k->ssl) < 0)
		ERR_clear_error();
	(void)!flush_records(k);
}
