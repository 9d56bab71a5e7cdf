/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/net.c - helpers of the transport tests.
 */
#include "net.h"

#include "crypto/cert.h"
#include "crypto/prim.h"
#include "io/sockaddr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE (10 * FL_SEC)

struct wait {
	struct fl_loop *loop;
	bool (*cond)(void *ctx);
	void *ctx;
	struct fl_timer look; /* the condition may depend on more than the loop */
	bool met, over;
};

#define LOOK_AGAIN FL_MS

static void on_tick(void *ctx)
{
	struct wait *w = ctx;

	w->met = w->met || w->cond(w->ctx);
	if (w->met)
		fl_loop_stop(w->loop);
}

static void on_look(void *ctx)
{
	struct wait *w = ctx;
	fl_timer_start(&w->look, LOOK_AGAIN); /* the tick it makes is all we want */
}

static void on_deadline(void *ctx)
{
	struct wait *w = ctx;

	w->over = true;
	fl_loop_stop(w->loop);
}

static bool wait_for(struct fl_loop *l, bool (*cond)(void *ctx), void *ctx, int64_t deadline)
{
	struct wait w = { .loop = l, .cond = cond, .ctx = ctx };
	struct fl_tick_hook hook = { .fn = on_tick, .ctx = &w };
	struct fl_timer timer = { 0 };

	assert_int_equal(fl_timer_init(&timer, l, on_deadline, &w), FL_OK);
	assert_int_equal(fl_timer_init(&w.look, l, on_look, &w), FL_OK);
	fl_timer_start(&timer, deadline);
	fl_timer_start(&w.look, LOOK_AGAIN);
	fl_loop_hook_add(l, &hook);
	while (!w.met && !w.over)
		fl_loop_run(l);
	fl_loop_hook_del(&hook);
	fl_timer_done(&timer);
	fl_timer_done(&w.look);
	return w.met;
}

bool net_until(struct fl_loop *l, bool (*cond)(void *ctx), void *ctx)
{
	return wait_for(l, cond, ctx, DEADLINE);
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

void net_for(struct fl_loop *l, int64_t ns)
{
	(void)wait_for(l, never, NULL, ns);
}

/* ---- the ear ---- */

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct net_ear *e = ctx;

	assert_non_null(e->s);
	e->datas++;
	fl_buf_put(&e->got, data, len);
	if (e->echo && fl_stream_write(e->s, fl_slice_of(data, len)) != FL_OK)
		e->s = fl_stream_close(e->s, 0);
	memset(data, 0xee, len); /* the owner may; whoever relies on it afterwards is wrong */
	if (e->pause_on_data && e->s != NULL)
		fl_stream_pause(e->s, true);
	if (e->close_on_data)
		e->s = fl_stream_close(e->s, 0);
}

static void on_drain(void *ctx)
{
	struct net_ear *e = ctx;

	assert_non_null(e->s);
	assert_int_equal(fl_stream_pending(e->s), 0);
	e->drains++;
	if (e->close_on_drain)
		e->s = fl_stream_close(e->s, 0);
}

static void on_end(void *ctx, enum fl_err why)
{
	struct net_ear *e = ctx;

	assert_non_null(e->s);
	e->ends++;
	e->end = why;
	if (e->close_on_end)
		e->s = fl_stream_close(e->s, 0);
}

const struct fl_stream_owner net_ear_owner = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

void net_ear_own(struct net_ear *e, struct fl_stream *s)
{
	e->s = s;
	if (e->got.max == 0)
		e->got = fl_buf_make(64 << 20);
	assert_int_equal(fl_stream_own(s, &net_ear_owner, e, fl_slice_of(NULL, 0)), FL_OK);
}

void net_ear_done(struct net_ear *e)
{
	e->s = fl_stream_close(e->s, 0);
	fl_buf_done(&e->got);
}

bool net_ear_ended(void *ear)
{
	return ((struct net_ear *)ear)->ends > 0;
}

bool net_ear_has_data(void *ear)
{
	return ((struct net_ear *)ear)->datas > 0;
}

bool net_ear_drained(void *ear)
{
	return ((struct net_ear *)ear)->drains > 0;
}

/* ---- servers ---- */

static void on_accept(void *ctx, struct fl_stream *s)
{
	struct net_server *srv = ctx;

	assert_true(srv->count < NET_ACCEPTED_MAX);
	srv->accepted[srv->count++] = s;
}

void net_server_start(struct net_server *s, struct fl_loop *l, enum fl_listen_mode mode,
		      struct fl_tls_server *tls, const struct fl_listen_config *extra)
{
	struct fl_listen_config cfg = { 0 };
	struct fl_fault fault;

	if (extra != NULL)
		cfg = *extra;
	if (cfg.unix_path == NULL && !fl_ip_is_set(&cfg.at.ip))
		cfg.at.ip = fl_ip_v4(127, 0, 0, 1);
	cfg.mode = mode;
	cfg.tls = tls;
	cfg.on_accept = on_accept;
	cfg.ctx = s;
	if (cfg.hello_timeout == 0)
		cfg.hello_timeout = 5 * FL_SEC;
	*s = (struct net_server){ 0 };
	enum fl_err err = fl_listener_new(l, &cfg, &fault, &s->listener);
	if (err != FL_OK)
		fail_msg("%s", fault.text);
	s->at = fl_listener_at(s->listener);
}

bool net_server_one(void *server)
{
	return ((struct net_server *)server)->count > 0;
}

struct fl_tls_server *net_tls(void)
{
	struct fl_buf cert = fl_buf_make(1 << 16), key = fl_buf_make(1 << 16);
	struct fl_tls_server *t;
	struct fl_fault fault;

	assert_int_equal(fl_crypto_init(), FL_OK);
	assert_int_equal(
		fl_cert_self_signed("localhost", (fl_wall)time(NULL) * FL_SEC, 30, &cert, &key),
		FL_OK);
	assert_int_equal(fl_tls_server_new(fl_buf_slice(&cert), fl_buf_slice(&key), &fault, &t),
			 FL_OK);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
	return t;
}

/* ---- peers ---- */

int net_dial(const struct fl_addrport *at)
{
	struct sockaddr_storage sa;
	socklen_t len = fl_sockaddr_of(at, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* Small segments keep the other end's buffer small, a small buffer our window. */
int net_dial_narrow(const struct fl_addrport *at)
{
	const int segment = 536, buffer = 2304;
	struct sockaddr_storage sa;
	socklen_t len = fl_sockaddr_of(at, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static const unsigned char ALPN[] = "\x02h2\x08http/1.1";

void net_tls_dial(struct net_tls_peer *p, const struct fl_addrport *at, int version)
{
	*p = (struct net_tls_peer){ .fd = net_dial(at), .got = fl_buf_make(64 << 20) };
	assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
	p->ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(p->ctx);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(p->ctx, version);
		SSL_CTX_set_max_proto_version(p->ctx, version);
	}
	p->ssl = SSL_new(p->ctx);
	assert_non_null(p->ssl);
	SSL_set_alpn_protos(p->ssl, ALPN, sizeof ALPN - 1);
	SSL_set_fd(p->ssl, p->fd);
	SSL_set_connect_state(p->ssl);
}

static bool is_retry(SSL *ssl, int rc)
{
	int e = SSL_get_error(ssl, rc);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static void read_some(struct net_tls_peer *p)
{
	uint8_t step[16 << 10];
	size_t n;
	int rc;

	while ((rc = SSL_read_ex(p->ssl, step, sizeof step, &n)) == 1)
		fl_buf_put(&p->got, step, n);
	if (is_retry(p->ssl, rc))
		return;
	p->closed = true;
	p->failed = SSL_get_error(p->ssl, rc) != SSL_ERROR_ZERO_RETURN;
}

bool net_tls_step(struct net_tls_peer *p)
{
	if (!p->done && !p->failed) {
		int rc = SSL_do_handshake(p->ssl);
		p->done = rc == 1;
		p->failed = rc != 1 && !is_retry(p->ssl, rc);
	}
	if (p->done && !p->closed)
		read_some(p);
	return p->done || p->failed;
}

bool net_tls_ready(void *peer)
{
	return net_tls_step(peer);
}

void net_tls_done(struct net_tls_peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	if (p->fd >= 0)
		close(p->fd);
	fl_buf_done(&p->got);
}

uint8_t *net_bytes(size_t len)
{
	uint8_t *p = malloc(len);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 251);
	return p;
}

size_t net_drain_fd(int fd, int *out_errno)
{
	uint8_t step[16 << 10];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, step, sizeof step)) > 0)
		sum += (size_t)n;
	*out_errno = n < 0 ? errno : 0;
	return sum;
}

void net_warm_up(void)
{
	struct fl_loop *l;

	assert_int_equal(fl_loop_new(&l), FL_OK);
	fl_loop_free(l);
	fl_tls_server_unref(net_tls());
}

unsigned net_fd_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 3; /* ".", "..", and the folder itself */
}
