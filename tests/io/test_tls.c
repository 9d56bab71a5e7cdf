/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_tls.c - TLS settings, handshakes, and streams over TLS, against OpenSSL clients.
 */
#include "net.h"

#include "crypto/cert.h"
#include "io/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct fl_loop *loop;
static struct fl_tls_server *tls;
static struct net_server server;
static struct net_ear ear;
static unsigned fds_before;

static int set_up_with(enum fl_listen_mode mode, const struct fl_listen_config *extra)
{
	fds_before = net_fd_count();
	memset(&ear, 0, sizeof ear);
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	net_server_start(&server, loop, mode, tls, extra);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_with(FL_LISTEN_TLS, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	net_ear_done(&ear);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	return net_fd_count() == fds_before ? 0 : -1;
}

static int load_tls(void **state)
{
	(void)state;
	tls = net_tls();
	return 0;
}

static int drop_tls(void **state)
{
	(void)state;
	tls = fl_tls_server_unref(tls);
	return 0;
}

static void meet(struct net_tls_peer *p, int version)
{
	net_tls_dial(p, &server.at, version);
	server.count = 0;
	assert_true(net_until(loop, net_tls_ready, p));
	assert_true(p->done);
	assert_true(net_until(loop, net_server_one, &server));
	net_ear_own(&ear, server.accepted[0]);
}

static void say(struct net_tls_peer *p, const void *bytes, size_t len)
{
	size_t n;
	assert_int_equal(SSL_write_ex(p->ssl, bytes, len, &n), 1);
}

/* ---- handshakes ---- */

static void both_versions_shake_hands(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	ear.echo = true;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct net_tls_peer p;
		const unsigned char *alpn;
		unsigned alpn_len;
		meet(&p, versions[i]);
		assert_int_equal(SSL_version(p.ssl), versions[i]);
		SSL_get0_alpn_selected(p.ssl, &alpn, &alpn_len);
		assert_int_equal(alpn_len, 8);
		assert_memory_equal(alpn, "http/1.1", 8);
		assert_true(fl_stream_is_tls(ear.s));
		say(&p, "hello", 5);
		ear.datas = 0;
		assert_true(net_until(loop, net_ear_has_data, &ear));
		assert_int_equal(ear.got.len, 5);
		while (p.got.len < 5)
			net_tls_step(&p);
		assert_memory_equal(p.got.ptr, "hello", 5);
		assert_int_equal(SSL_session_reused(p.ssl), 0);
		net_ear_done(&ear);
		net_tls_done(&p);
	}
}

static void old_versions_are_refused(void **state)
{
	struct net_tls_peer p;

	(void)state;
	net_tls_dial(&p, &server.at, TLS1_1_VERSION);
	SSL_set_cipher_list(p.ssl, "ALL:@SECLEVEL=0");
	assert_true(net_until(loop, net_tls_ready, &p));
	assert_true(p.failed);
	net_tls_done(&p);
}

/* Feeds a handshake in pieces of `step` bytes through a memory BIO pair. */
struct dribble {
	struct net_tls_peer *p;
	BIO *out;
	size_t step;
};

static bool dribble_step(void *ctx)
{
	struct dribble *d = ctx;
	uint8_t piece[64];
	bool done = net_tls_step(d->p);
	int n = BIO_read(d->out, piece, (int)d->step);

	if (n > 0)
		assert_int_equal(send(d->p->fd, piece, (size_t)n, 0), n);
	return done && n <= 0;
}

static void a_handshake_in_pieces(void **state)
{
	static const size_t steps[] = { 1, 7, 64 };

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct net_tls_peer p;
		struct dribble d = { .p = &p, .step = steps[i] };
		net_tls_dial(&p, &server.at, 0);
		d.out = BIO_new(BIO_s_mem());
		SSL_set0_wbio(p.ssl, d.out);
		server.count = 0;
		assert_true(net_until(loop, dribble_step, &d));
		assert_true(p.done);
		assert_true(net_until(loop, net_server_one, &server));
		fl_stream_close(server.accepted[0], 0);
		net_tls_done(&p);
	}
}

static void data_right_behind_the_handshake_is_kept(void **state)
{
	struct net_tls_peer p;

	(void)state;
	net_tls_dial(&p, &server.at, TLS1_3_VERSION);
	assert_false(
		net_tls_step(&p)); /* the first flight has left; the last one is held back ... */
	BIO *out = BIO_new(BIO_s_mem());
	SSL_set0_wbio(p.ssl, out);
	assert_true(net_until(loop, net_tls_ready, &p));
	assert_true(p.done);
	assert_int_equal(server.count, 0);
	say(&p, "early", 5); /* ... and leaves in one piece with data */
	char *bytes;
	long n = BIO_get_mem_data(out, &bytes);
	assert_int_equal(send(p.fd, bytes, (size_t)n, 0), n);
	assert_true(net_until(loop, net_server_one, &server));
	net_for(loop, FL_MS);
	net_ear_own(&ear, server.accepted[0]);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	assert_int_equal(ear.got.len, 5);
	assert_memory_equal(ear.got.ptr, "early", 5);
	net_tls_done(&p);
}

/* Records that were read and not opened go along, and the new loop's buffers serve. */
static void a_stream_moves_between_loops(void **state)
{
	struct net_tls_peer p;
	struct net_ear moved = { 0 };
	struct fl_stream_place place;
	struct fl_loop *there;

	(void)state;
	meet(&p, 0);
	ear.pause_on_data = true;
	uint8_t *bytes = net_bytes(100000); /* more than one buffer */
	say(&p, bytes, 100000);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	fl_stream_detach(ear.s, &place);
	assert_int_equal(fl_loop_new(&there), FL_OK);
	assert_int_equal(fl_stream_attach(ear.s, there), FL_OK);
	net_ear_own(&moved, ear.s);
	ear.s = NULL;
	while (ear.got.len + moved.got.len < 100000)
		net_for(there, FL_MS);
	assert_memory_equal(ear.got.ptr, bytes, ear.got.len);
	assert_memory_equal(moved.got.ptr, bytes + ear.got.len, moved.got.len);
	assert_int_equal(fl_stream_write(moved.s, fl_slice_str("back")), FL_OK);
	while (p.got.len < 4)
		net_tls_step(&p);
	assert_memory_equal(p.got.ptr, "back", 4);
	net_ear_done(&moved);
	fl_loop_free(there);
	fl_stream_place_leave(&place);
	free(bytes);
	net_tls_done(&p);
}

/* ---- data ---- */

enum { BIG = 5 << 20 };

struct transfer {
	struct net_tls_peer *p;
	const uint8_t *bytes;
	size_t sent, want;
};

static bool push(void *ctx)
{
	struct transfer *t = ctx;
	size_t n = 0;

	while (t->sent < t->want &&
	       SSL_write_ex(t->p->ssl, t->bytes + t->sent, t->want - t->sent, &n) == 1)
		t->sent += n;
	return ear.got.len == t->want || ear.ends > 0;
}

static void much_data_to_the_server(void **state)
{
	struct net_tls_peer p;
	uint8_t *bytes = net_bytes(BIG);
	struct transfer t = { .p = &p, .bytes = bytes, .want = BIG };

	(void)state;
	meet(&p, 0);
	SSL_set_mode(p.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	assert_true(net_until(loop, push, &t));
	assert_int_equal(ear.got.len, BIG);
	assert_memory_equal(ear.got.ptr, bytes, BIG);
	free(bytes);
	net_tls_done(&p);
}

/* More than one buffer of records in one read, and paused after each delivery. */
static void pausing_between_records_keeps_them(void **state)
{
	struct net_tls_peer p;
	uint8_t *bytes = net_bytes(BIG);

	(void)state;
	meet(&p, 0);
	ear.pause_on_data = true;
	SSL_set_mode(p.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	struct transfer t = { .p = &p, .bytes = bytes, .want = 300000 };
	while (!push(&t)) {
		unsigned before = ear.datas;
		fl_loop_poll(loop);
		fl_loop_poll(loop);
		assert_true(ear.datas <= before + 1);
		fl_stream_pause(ear.s, false);
	}
	assert_int_equal(ear.got.len, t.want);
	assert_memory_equal(ear.got.ptr, bytes, t.want);
	free(bytes);
	net_tls_done(&p);
}

static bool all_received(void *ctx)
{
	struct transfer *t = ctx;

	net_tls_step(t->p);
	return t->p->got.len >= t->want || t->p->closed;
}

static void much_data_from_the_server(void **state)
{
	struct net_tls_peer p;
	uint8_t *bytes = net_bytes(BIG);
	struct transfer t = { .p = &p, .want = BIG };

	(void)state;
	meet(&p, 0);
	fl_stream_limit(ear.s, 2 * BIG);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_of(bytes, BIG)), FL_OK);
	assert_true(fl_stream_pending(ear.s) > 0);
	assert_true(net_until(loop, all_received, &t));
	assert_memory_equal(p.got.ptr, bytes, BIG);
	net_until(loop, net_ear_drained, &ear);
	assert_int_equal(ear.drains, 1);
	free(bytes);
	net_tls_done(&p);
}

static void the_pending_limit_holds(void **state)
{
	struct net_tls_peer p;
	uint8_t *bytes = net_bytes(BIG);

	(void)state;
	meet(&p, 0);
	fl_stream_limit(ear.s, 1 << 16);
	enum fl_err err = FL_OK;
	for (int i = 0; i < 8 && err == FL_OK; i++)
		err = fl_stream_write(ear.s, fl_slice_of(bytes, BIG));
	assert_int_equal(err, FL_ERR_FULL);
	assert_true(fl_stream_pending(ear.s) <= 1 << 16);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("x")), FL_ERR_CLOSED);
	assert_int_equal(ear.ends, 0);
	assert_true(net_until(loop, net_ear_ended, &ear));
	free(bytes);
	net_tls_done(&p);
}

struct passer {
	struct fl_stream *s;
	unsigned datas;
};

static void pass_on(void *ctx, uint8_t *data, size_t len)
{
	struct passer *p = ctx;

	p->datas++;
	ear.s = p->s;
	ear.got = fl_buf_make(BIG);
	assert_int_equal(
		fl_stream_own(p->s, &net_ear_owner, &ear, fl_slice_skip(fl_slice_of(data, len), 1)),
		FL_OK);
}

static const struct fl_stream_owner passer_owner = { .on_data = pass_on };

static bool pushed_but_one(void *ctx)
{
	struct transfer *t = ctx;

	t->want++;
	bool met = push(t);
	t->want--;
	return met || ear.got.len == t->want;
}

static void handing_over_keeps_records_in_order(void **state)
{
	struct net_tls_peer p;
	uint8_t *bytes = net_bytes(BIG);
	struct transfer t = { .p = &p, .bytes = bytes, .want = 200000 - 1 };

	(void)state;
	net_tls_dial(&p, &server.at, 0);
	assert_true(net_until(loop, net_tls_ready, &p));
	SSL_set_mode(p.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	assert_true(net_until(loop, net_server_one, &server));
	pushed_but_one(&t);
	struct passer passer = { .s = server.accepted[0] };
	assert_int_equal(fl_stream_own(passer.s, &passer_owner, &passer, fl_slice_of(NULL, 0)),
			 FL_OK);
	assert_true(net_until(loop, pushed_but_one, &t));
	assert_int_equal(passer.datas, 1);
	assert_int_equal(ear.got.len, t.want);
	assert_memory_equal(ear.got.ptr, bytes + 1, t.want);
	free(bytes);
	net_tls_done(&p);
}

static bool has_bytes(void *ctx)
{
	uint8_t c;
	return recv(*(int *)ctx, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void a_key_update_is_answered(void **state)
{
	struct net_tls_peer p;

	(void)state;
	ear.echo = true;
	meet(&p, TLS1_3_VERSION);
	assert_int_equal(SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	say(&p, "new key", 7);
	struct transfer t = { .p = &p, .want = 7 };
	assert_true(net_until(loop, all_received, &t));
	assert_int_equal(p.got.len, 7);
	net_tls_done(&p);
}

/* ---- ends ---- */

static void a_goodbye_is_an_orderly_end(void **state)
{
	struct net_tls_peer p;

	(void)state;
	meet(&p, 0);
	say(&p, "bye", 3);
	SSL_shutdown(p.ssl);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_OK);
	assert_int_equal(ear.got.len, 3);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("still")), FL_OK);
	net_tls_done(&p);
}

static void a_cut_connection_is_not(void **state)
{
	struct net_tls_peer p;

	(void)state;
	meet(&p, 0);
	shutdown(p.fd, SHUT_WR);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_CLOSED);
	net_tls_done(&p);
}

static bool has_bytes_or_end(void *ctx)
{
	uint8_t c;
	return recv(*(int *)ctx, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static void who_cut_the_connection_gets_no_goodbye(void **state)
{
	struct net_tls_peer p;
	uint8_t byte;

	(void)state;
	meet(&p, 0);
	shutdown(p.fd, SHUT_WR);
	assert_true(net_until(loop, net_ear_ended, &ear));
	ear.s = fl_stream_close(ear.s, 0);
	assert_true(net_until(loop, has_bytes_or_end, &p.fd));
	assert_int_equal(recv(p.fd, &byte, 1, 0), 0);
	net_tls_done(&p);
}

static void garbage_between_records_is_a_violation(void **state)
{
	struct net_tls_peer p;

	(void)state;
	meet(&p, 0);
	say(&p, "good", 4);
	assert_int_equal(send(p.fd, "garbage, not a record at all", 28, 0), 28);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_PROTO);
	assert_int_equal(ear.got.len, 4);
	assert_true(net_until(loop, has_bytes, &p.fd)); /* the alert, before we close */
	ear.s = fl_stream_close(ear.s, FL_SEC);
	net_tls_done(&p);
}

static bool peer_closed(void *ctx)
{
	struct net_tls_peer *p = ctx;

	net_tls_step(p);
	return p->closed;
}

static void closing_says_goodbye(void **state)
{
	static const int64_t lingers[] = { 0, FL_SEC };

	(void)state;
	for (size_t i = 0; i < COUNT(lingers); i++) {
		struct net_tls_peer p;
		meet(&p, 0);
		assert_int_equal(fl_stream_write(ear.s, fl_slice_str("last")), FL_OK);
		ear.s = fl_stream_close(ear.s, lingers[i]);
		assert_true(net_until(loop, peer_closed, &p));
		assert_false(p.failed);
		assert_int_equal(p.got.len, 4);
		net_ear_done(&ear);
		net_tls_done(&p);
	}
}

static void closing_inside_on_data(void **state)
{
	struct net_tls_peer p;
	uint8_t *bytes = net_bytes(60000);

	(void)state;
	meet(&p, 0);
	ear.close_on_data = true;
	say(&p, bytes, 60000);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	net_for(loop, FL_MS);
	assert_int_equal(ear.datas, 1);
	free(bytes);
	net_tls_done(&p);
}

/* ---- settings ---- */

struct pem {
	struct fl_buf cert, key;
};

static struct pem make_pem(void)
{
	struct pem p = { .cert = fl_buf_make(1 << 16), .key = fl_buf_make(1 << 16) };

	assert_int_equal(
		fl_cert_self_signed("h", (fl_wall)time(NULL) * FL_SEC, 30, &p.cert, &p.key), FL_OK);
	return p;
}

static void pem_done(struct pem *p)
{
	fl_buf_done(&p->cert);
	fl_buf_wipe(&p->key);
}

#define BEGIN       "-----BEGIN CERTIFICATE-----\n"
#define END         "-----END CERTIFICATE-----\n"
#define EMPTY_BLOCK BEGIN END
#define NOT_ONE     BEGIN "AAAA\n" END
#define ENCRYPTED                                                                                  \
	BEGIN "Proc-Type: 4,ENCRYPTED\nDEK-Info: "                                                 \
	      "AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n" END

static void settings_that_do_not_fit(void **state)
{
	struct pem a = make_pem(), b = make_pem();
	struct fl_slice cert = fl_buf_slice(&a.cert), key = fl_buf_slice(&a.key);
	const struct {
		const char *name;
		struct fl_slice chain, key;
		enum fl_err want;
	} rows[] = {
		{ "fits", cert, key, FL_OK },
		{ "no certificate", fl_slice_str(""), key, FL_ERR_SYNTAX },
		{ "text", fl_slice_str("hello\n"), key, FL_ERR_SYNTAX },
		{ "key as certificate", key, key, FL_ERR_SYNTAX },
		{ "cut certificate", { cert.ptr, cert.len / 2 }, key, FL_ERR_SYNTAX },
		{ "empty block", fl_slice_str(EMPTY_BLOCK), key, FL_ERR_SYNTAX },
		{ "not a certificate", fl_slice_str(NOT_ONE), key, FL_ERR_SYNTAX },
		{ "needs a pass phrase", fl_slice_str(ENCRYPTED), key, FL_ERR_SYNTAX },
		{ "no key", cert, fl_slice_str(""), FL_ERR_SYNTAX },
		{ "cut key", cert, { key.ptr, key.len / 2 }, FL_ERR_SYNTAX },
		{ "another's key", cert, fl_buf_slice(&b.key), FL_ERR_INVALID },
		{ "oversized", { cert.ptr, (1 << 20) + 1 }, key, FL_ERR_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fl_tls_server *t = NULL;
		struct fl_fault fault = { "" };
		enum fl_err err = fl_tls_server_new(rows[i].chain, rows[i].key, &fault, &t);
		if (err != rows[i].want)
			fail_msg("%s: got %s", rows[i].name, fl_err_text(err));
		assert_true(err == FL_OK ? t != NULL : fault.text[0] != '\0');
		assert_int_equal(ERR_peek_error(), 0);
		fl_tls_server_unref(t);
	}
	pem_done(&a);
	pem_done(&b);
}

static void the_relay_certificate_comes_last(void **state)
{
	struct pem a = make_pem();
	struct fl_buf meta = fl_buf_make(1 << 14);
	uint8_t key[FL_KEY_LEN] = { 1, 2, 3 };
	struct fl_tls_server *t;
	struct net_tls_peer p;

	(void)state;
	assert_int_equal(fl_cert_derp_meta(key, (fl_wall)time(NULL) * FL_SEC, &meta), FL_OK);
	assert_int_equal(fl_tls_server_new(fl_buf_slice(&a.cert), fl_buf_slice(&a.key), NULL, &t),
			 FL_OK);
	assert_int_equal(fl_tls_server_append(t, fl_slice_str("not DER")), FL_ERR_SYNTAX);
	assert_int_equal(fl_tls_server_append(t, fl_buf_slice(&meta)), FL_OK);
	fl_listener_tls(server.listener, t);
	fl_tls_server_unref(t);
	meet(&p, TLS1_3_VERSION);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(p.ssl);
	assert_int_equal(sk_X509_num(chain), 2);
	uint8_t *der = NULL;
	int n = i2d_X509(sk_X509_value(chain, 1), &der);
	assert_int_equal(n, meta.len);
	assert_memory_equal(der, meta.ptr, meta.len);
	OPENSSL_free(der);
	net_tls_done(&p);
	fl_buf_done(&meta);
	pem_done(&a);
}

/* A certificate that makes the server's first flight `len` bytes longer. */
static void make_fat(struct fl_buf *out, size_t len)
{
	struct pem a = make_pem();
	BIO *pem = BIO_new_mem_buf(a.cert.ptr, (int)a.cert.len);
	BIO *key_pem = BIO_new_mem_buf(a.key.ptr, (int)a.key.len);
	X509 *x = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
	uint8_t *fat = calloc(1, len), *der = NULL;

	ASN1_OCTET_STRING_set(text, fat, (int)len);
	X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, text);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	int n = i2d_X509(x, &der);
	assert_true(n > (int)len);
	fl_buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	free(fat);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(text);
	ASN1_OBJECT_free(oid);
	EVP_PKEY_free(key);
	X509_free(x);
	BIO_free(pem);
	BIO_free(key_pem);
	pem_done(&a);
}

/* Accepted sockets inherit it. */
static void shrink_send_buffers(const struct fl_addrport *at)
{
	int small = 4096, listens = 0;
	socklen_t len;

	for (int fd = 3; fd < 1024; fd++) {
		len = sizeof listens;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens &&
		    fl_sockaddr_bound(fd).port == at->port)
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	}
}

static unsigned ticks;

static void count_tick(void *ctx)
{
	(void)ctx;
	ticks++;
}

/* A flight that the socket does not take at once goes on as it drains, and nothing spins. */
static void a_flight_larger_than_the_socket(void **state)
{
	enum { FAT = 400 << 10 };
	struct pem a = make_pem();
	struct fl_buf meta = fl_buf_make(1 << 20);
	struct fl_tick_hook hook = { .fn = count_tick };
	struct fl_tls_server *t;
	struct net_tls_peer p;

	(void)state;
	make_fat(&meta, FAT);
	assert_int_equal(fl_tls_server_new(fl_buf_slice(&a.cert), fl_buf_slice(&a.key), NULL, &t),
			 FL_OK);
	assert_int_equal(fl_tls_server_append(t, fl_buf_slice(&meta)), FL_OK);
	fl_listener_tls(server.listener, t);
	fl_tls_server_unref(t);
	shrink_send_buffers(&server.at);
	net_tls_dial(&p, &server.at, TLS1_3_VERSION);
	SSL_set_max_cert_list(p.ssl, FAT + 4096);
	(void)SSL_do_handshake(p.ssl); /* hello, and then it does not read for a while */
	fl_loop_hook_add(loop, &hook);
	ticks = 0;
	net_for(loop, 50 * FL_MS);
	fl_loop_hook_del(&hook);
	assert_in_range(ticks, 1, 200); /* the wait itself makes one in each millisecond */
	assert_true(net_until(loop, net_tls_ready, &p));
	assert_true(p.done);
	assert_true(net_until(loop, net_server_one, &server));
	net_ear_own(&ear, server.accepted[0]);
	say(&p, "x", 1);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	net_tls_done(&p);
	fl_buf_done(&meta);
	pem_done(&a);
}

static void a_reload_leaves_live_connections(void **state)
{
	struct net_tls_peer p, q;
	struct fl_tls_server *fresh = net_tls();

	(void)state;
	meet(&p, 0);
	X509 *before = SSL_get1_peer_certificate(p.ssl);
	fl_listener_tls(server.listener, fresh);
	fl_tls_server_unref(fresh);
	say(&p, "x", 1);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	net_ear_done(&ear);
	meet(&q, 0);
	X509 *after = SSL_get1_peer_certificate(q.ssl);
	assert_int_not_equal(X509_cmp(before, after), 0);
	X509_free(before);
	X509_free(after);
	net_tls_done(&p);
	net_tls_done(&q);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(both_versions_shake_hands),
		T(old_versions_are_refused),
		T(a_handshake_in_pieces),
		T(data_right_behind_the_handshake_is_kept),
		T(a_stream_moves_between_loops),
		T(much_data_to_the_server),
		T(pausing_between_records_keeps_them),
		T(much_data_from_the_server),
		T(the_pending_limit_holds),
		T(handing_over_keeps_records_in_order),
		T(a_key_update_is_answered),
		T(a_goodbye_is_an_orderly_end),
		T(a_cut_connection_is_not),
		T(garbage_between_records_is_a_violation),
		T(who_cut_the_connection_gets_no_goodbye),
		T(closing_says_goodbye),
		T(closing_inside_on_data),
		cmocka_unit_test(settings_that_do_not_fit),
		T(the_relay_certificate_comes_last),
		T(a_flight_larger_than_the_socket),
		T(a_reload_leaves_live_connections),
	};
	net_warm_up();
	return cmocka_run_group_tests_name("io/tls", tests, load_tls, drop_tls);
}
