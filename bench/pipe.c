/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/pipe.c - see pipe.h. */
#include "pipe.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "util.h"

enum { READ_STEP = 128 << 10, OUT_MAX = 4 << 20, OUT_KEPT = 64 << 10 };

static SSL_CTX *context;
static BIO_METHOD *method;
static struct fl_slice feed; /* what the socket gave for the pipe being read */
static uint8_t raw[READ_STEP], plain[SSL3_RT_MAX_PLAIN_LENGTH];

static int bio_read(BIO *b, char *out, int len)
{
	BIO_clear_retry_flags(b);
	if (feed.len == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	size_t n = feed.len < (size_t)len ? feed.len : (size_t)len;
	memcpy(out, feed.ptr, n);
	feed = fl_slice_skip(feed, n);
	return (int)n;
}

static int bio_write(BIO *b, const char *src, int len)
{
	struct pipe *p = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	fl_buf_put(&p->out, src, (size_t)len);
	return len;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b, (void)num, (void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

void pipe_setup(bool lean, bool tls12)
{
	int version = tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
	context = SSL_CTX_new(TLS_client_method());
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pipe");
	if (!context || !method || SSL_CTX_set_min_proto_version(context, version) != 1 ||
	    SSL_CTX_set_max_proto_version(context, version) != 1 ||
	    SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-SHA256") != 1 ||
	    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1)
		bench_die("no TLS");
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	if (lean)
		SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
}

const char *pipe_cipher(const struct pipe *p)
{
	return p->ssl ? SSL_get_cipher_name(p->ssl) : "plain";
}

static void fail(struct pipe *p, const char *why)
{
	if (p->state == PIPE_DOWN)
		return;
	pipe_close(p);
	p->calls->down(p, why);
}

static void begin_tls(struct pipe *p)
{
	BIO *b = BIO_new(method);
	p->ssl = SSL_new(context);
	if (!b || !p->ssl)
		bench_die("out of memory");
	BIO_set_data(b, p);
	BIO_set_init(b, 1);
	SSL_set_bio(p->ssl, b, b);
	SSL_set_connect_state(p->ssl);
	if (p->calls->dress)
		p->calls->dress(p, p->ssl);
	p->state = PIPE_HELLO;
	feed = fl_slice_of(NULL, 0);
	SSL_do_handshake(p->ssl);
	ERR_clear_error();
}

static void shake(struct pipe *p)
{
	int n = SSL_do_handshake(p->ssl);
	if (n == 1) {
		p->state = PIPE_UP;
		p->calls->up(p);
	} else if (SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ) {
		ERR_clear_error();
		fail(p, "TLS handshake failed");
	}
}

static void open_records(struct pipe *p)
{
	int n = 0;
	if (p->state == PIPE_HELLO)
		shake(p);
	while (p->state == PIPE_UP && (n = SSL_read(p->ssl, plain, sizeof(plain))) > 0)
		p->calls->data(p, fl_slice_of(plain, (size_t)n));
	if (p->state == PIPE_UP && SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ) {
		ERR_clear_error();
		fail(p, "TLS ended");
	}
}

static void read_some(struct pipe *p)
{
	ssize_t n = recv(p->ear.fd, raw, sizeof(raw), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		fail(p, n == 0 ? "closed by the server" : "read failed");
		return;
	}
	feed = fl_slice_of(raw, (size_t)n);
	if (p->tls)
		open_records(p);
	else
		p->calls->data(p, feed);
	if (p->state != PIPE_DOWN)
		pipe_flush(p);
}

static void connected(struct pipe *p)
{
	if (p->tls) {
		begin_tls(p);
		return;
	}
	p->state = PIPE_UP;
	p->calls->up(p);
}

static void ready(struct ear *e, uint32_t events)
{
	struct pipe *p = (struct pipe *)e;
	if (p->state == PIPE_CONNECT && (events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP)))
		connected(p);
	if (p->state != PIPE_DOWN && (events & EPOLLOUT))
		pipe_flush(p);
	if (p->state != PIPE_DOWN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		read_some(p);
}

bool pipe_open(struct pipe *p, uint16_t port, unsigned source, bool tls,
	       const struct pipe_calls *calls)
{
	*p = (struct pipe){ .calls = calls, .tls = tls, .out = fl_buf_make(OUT_MAX) };
	p->ear = (struct ear){ .fd = bench_connect(port, source), .ready = ready };
	if (p->ear.fd < 0) {
		p->state = PIPE_DOWN;
		return false;
	}
	loop_add(&p->ear);
	return true;
}

void pipe_send(struct pipe *p, const void *src, size_t len)
{
	if (p->tls)
		SSL_write(p->ssl, src, (int)len);
	else
		fl_buf_put(&p->out, src, len);
}

static void sent_all(struct pipe *p)
{
	p->sent = 0;
	fl_buf_reset(&p->out);
	if (p->out.cap > OUT_KEPT || SSL_CTX_get_mode(context) & SSL_MODE_RELEASE_BUFFERS) {
		fl_buf_done(&p->out);
		p->out = fl_buf_make(OUT_MAX);
	}
}

void pipe_flush(struct pipe *p)
{
	if (fl_buf_err(&p->out) != FL_OK)
		bench_die("more was sent than a pipe can hold");
	if (pipe_pending(p) > 0) {
		ssize_t n = send(p->ear.fd, p->out.ptr + p->sent, pipe_pending(p), MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			fail(p, "write failed");
			return;
		}
		p->sent += n > 0 ? (size_t)n : 0;
	}
	if (pipe_pending(p) == 0)
		sent_all(p);
	loop_want_write(&p->ear, pipe_pending(p) > 0);
}

void pipe_stall(struct pipe *p)
{
	loop_mute(&p->ear);
}

void pipe_close(struct pipe *p)
{
	if (p->state == PIPE_DOWN)
		return;
	p->state = PIPE_DOWN;
	loop_remove(&p->ear);
	SSL_free(p->ssl);
	p->ssl = NULL;
	fl_buf_done(&p->out);
}
