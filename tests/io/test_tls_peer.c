/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_tls_peer.c - handshakes between peers that show certificates: ours with ours and
 * with OpenSSL's own clients, what is refused, and what each side learns of it.
 */
#include "../crypto/odd_cert.h"
#include "net.h"

#include "io/tls_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEM_MAX = 1 << 16, ALERT_NONE = -1 };

static struct fl_loop *loop;
static struct net_server server;
static struct net_ear ear;
static unsigned fds_before;

/* ---- settings ---- */

static unsigned judged; /* how often a judge was asked */

static enum fl_err strict(void *ctx, const struct fl_ship_cert_facts *f, enum fl_err err,
			  struct fl_fault *fault)
{
	(void)ctx;
	judged++;
	return err == FL_OK ? fl_ship_cert_judge(f, NULL, fault) : err;
}

static enum fl_err lenient(void *ctx, const struct fl_ship_cert_facts *f, enum fl_err err,
			   struct fl_fault *fault)
{
	(void)ctx, (void)f, (void)err, (void)fault;
	return FL_OK;
}

/* Takes only the key whose hash is in `ctx`, for whatever it announces. */
static enum fl_err pinned(void *ctx, const struct fl_ship_cert_facts *f, enum fl_err err,
			  struct fl_fault *fault)
{
	return err == FL_OK ? fl_ship_cert_judge(f, ctx, fault) : err;
}

static struct fl_tls_peer *make_peer(const struct odd_cert *odd, struct fl_tls_peer_config cfg)
{
	struct fl_buf cert = fl_buf_make(PEM_MAX), key = fl_buf_make(PEM_MAX);
	struct fl_tls_peer *t = NULL;
	struct fl_fault fault;

	odd_cert_make(odd, &cert, &key);
	cfg.cert_pem = fl_buf_slice(&cert);
	cfg.key_pem = fl_buf_slice(&key);
	if (cfg.judge == NULL)
		cfg.judge = strict;
	if (fl_tls_peer_new(&cfg, &fault, &t) != FL_OK)
		fail_msg("%s", fault.text);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
	return t;
}

/* ---- the server's side ---- */

static struct refusal {
	unsigned count;
	char why[512];
} refusal;

static void on_refused(void *ctx, const struct fl_addrport *from, const char *why)
{
	(void)ctx;
	assert_true(fl_ip_is_loopback(&from->ip));
	refusal.count++;
	(void)snprintf(refusal.why, sizeof refusal.why, "%s", why);
}

static bool was_refused(void *ctx)
{
	(void)ctx;
	return refusal.count > 0;
}

static void listen_with(struct fl_tls_peer *t)
{
	struct fl_listen_config extra = { .peer = t, .on_refused = on_refused };

	net_server_start(&server, loop, t != NULL ? FL_LISTEN_TLS : FL_LISTEN_PLAIN, NULL, &extra);
	fl_tls_peer_unref(t);
}

static int set_up(void **state)
{
	(void)state;
	fds_before = net_fd_count();
	memset(&ear, 0, sizeof ear);
	memset(&server, 0, sizeof server);
	memset(&refusal, 0, sizeof refusal);
	judged = 0;
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	net_ear_done(&ear);
	for (size_t i = 0; i < server.count; i++)
		fl_stream_close(server.accepted[i], 0);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	assert_int_equal(ERR_peek_error(), 0);
	return net_fd_count() == fds_before ? 0 : -1;
}

/* ---- a client of OpenSSL's own ---- */

struct client {
	struct net_tls_peer p;
	int alert; /* heard, or ALERT_NONE */
	size_t record_max;
};

static struct client client;

static void on_info(const SSL *ssl, int where, int value)
{
	(void)ssl;
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
	    (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
		client.alert = value & 0xff;
}

static void on_record(int written, int version, int type, const void *buf, size_t len, SSL *ssl,
		      void *arg)
{
	const uint8_t *head = buf;

	(void)version, (void)ssl, (void)arg;
	if (written || type != SSL3_RT_HEADER || len < 5)
		return;
	size_t size = (size_t)head[3] << 8 | head[4];
	if (size > client.record_max)
		client.record_max = size;
}

#define GROUPS "P-256:P-384:brainpoolP256r1"
struct client_config {
	const struct odd_cert *cert; /* NULL: none */
	int version;                 /* 0: any */
	const char *suites, *groups;
};

static void show_cert(SSL *ssl, const struct odd_cert *odd)
{
	struct fl_buf cert = fl_buf_make(PEM_MAX), key = fl_buf_make(PEM_MAX);

	odd_cert_make(odd, &cert, &key);
	BIO *a = BIO_new_mem_buf(cert.ptr, (int)cert.len),
	    *b = BIO_new_mem_buf(key.ptr, (int)key.len);
	X509 *x = PEM_read_bio_X509(a, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	assert_int_equal(SSL_use_certificate(ssl, x), 1);
	assert_int_equal(SSL_use_PrivateKey(ssl, k), 1);
	X509_free(x);
	EVP_PKEY_free(k);
	BIO_free(a);
	BIO_free(b);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
}

static void dial_as(const struct client_config *cfg)
{
	client = (struct client){ .alert = ALERT_NONE };
	net_tls_dial(&client.p, &server.at, 0);
	SSL *ssl = client.p.ssl;
	SSL_set_security_level(ssl, 0);
	SSL_set1_groups_list(ssl, cfg->groups != NULL ? cfg->groups : GROUPS);
	if (cfg->version != 0) {
		SSL_set_min_proto_version(ssl, cfg->version);
		SSL_set_max_proto_version(ssl, cfg->version);
	}
	if (cfg->suites != NULL && cfg->version == TLS1_3_VERSION)
		assert_int_equal(SSL_set_ciphersuites(ssl, cfg->suites), 1);
	else if (cfg->suites != NULL)
		assert_int_equal(SSL_set_cipher_list(ssl, cfg->suites), 1);
	if (cfg->cert != NULL)
		show_cert(ssl, cfg->cert);
	SSL_set_info_callback(ssl, on_info);
	SSL_set_msg_callback(ssl, on_record);
}

static bool client_is_done(void *ctx)
{
	(void)ctx;
	return net_tls_step(&client.p) && server.count > 0;
}

static bool client_is_cut(void *ctx)
{
	(void)ctx;
	net_tls_step(&client.p);
	return (client.p.failed || client.p.closed) && refusal.count > 0;
}

/* ---- our server and such clients ---- */

static const struct odd_cert good = { 0 };

#define ODD(...) (&(const struct odd_cert){ __VA_ARGS__ })
#define GCM      "ECDHE-ECDSA-AES128-GCM-SHA256"
#define CBC      "ECDHE-ECDSA-AES128-SHA256"
#define CCM      "ECDHE-ECDSA-AES128-CCM8"

static struct row {
	const char *name;
	struct client_config client;
	int alert;       /* ALERT_NONE: accepted */
	const char *why; /* some of the text; accepted: the suite, or NULL */
} rows[] = {
	{ "good, 1.2", { &good, TLS1_2_VERSION, NULL }, ALERT_NONE, GCM },
	{ "good, 1.3", { &good, TLS1_3_VERSION, NULL }, ALERT_NONE, NULL },
	{ "CBC", { &good, TLS1_2_VERSION, CBC }, ALERT_NONE, CBC },
	{ "CCM-8", { &good, TLS1_2_VERSION, CCM }, ALERT_NONE, CCM },
	{ "AES-128", { &good, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" }, ALERT_NONE, NULL },
	{ "ChaCha20", { &good, TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" }, ALERT_NONE, NULL },
	{ "X25519, 1.2", { &good, TLS1_2_VERSION, GCM, "X25519:P-256" }, ALERT_NONE, GCM },
	{ "X25519, 1.3", { &good, TLS1_3_VERSION, NULL, "X25519" }, ALERT_NONE, NULL },
	{ "expired", { ODD(.expired = true), 0, NULL }, ALERT_NONE, NULL },
	{ "TRUE written as one", { ODD(.boolean_one = true), 0, NULL }, ALERT_NONE, NULL },
	{ "P-384, 1.2", { ODD(.kind = "P-384"), TLS1_2_VERSION, NULL }, ALERT_NONE, GCM },
	{ "P-384, 1.3", { ODD(.kind = "P-384"), TLS1_3_VERSION, NULL }, ALERT_NONE, NULL },
	{ "brainpool, 1.2",
	  { ODD(.kind = "brainpoolP256r1"), TLS1_2_VERSION, NULL },
	  ALERT_NONE,
	  GCM },
	{ "forged SKI, 1.2",
	  { ODD(.ski = ODD_SKI_OTHER), TLS1_2_VERSION, NULL },
	  SSL_AD_BAD_CERTIFICATE,
	  "announces SKI 5a5a" },
	{ "forged SKI, 1.3",
	  { ODD(.ski = ODD_SKI_OTHER), TLS1_3_VERSION, NULL },
	  SSL_AD_BAD_CERTIFICATE,
	  "announces SKI 5a5a" },
	{ "SKI of 19 bytes",
	  { ODD(.ski = ODD_SKI_SHORT), 0, NULL },
	  SSL_AD_BAD_CERTIFICATE,
	  "19 bytes" },
	{ "no SKI", { ODD(.ski = ODD_SKI_NONE), 0, NULL }, SSL_AD_BAD_CERTIFICATE, "no SKI" },
	{ "RSA, 1.2",
	  { ODD(.kind = "RSA"), TLS1_2_VERSION, NULL },
	  SSL_AD_BAD_CERTIFICATE,
	  "no elliptic curve" },
	{ "RSA, 1.3",
	  { ODD(.kind = "RSA"), TLS1_3_VERSION, NULL },
	  SSL_AD_BAD_CERTIFICATE,
	  "no elliptic curve" },
	{ "no certificate, 1.2",
	  { NULL, TLS1_2_VERSION, NULL },
	  SSL_AD_HANDSHAKE_FAILURE,
	  "showed no certificate" },
	{ "no certificate, 1.3",
	  { NULL, TLS1_3_VERSION, NULL },
	  SSL_AD_CERTIFICATE_REQUIRED,
	  "showed no certificate" },
	{ "TLS 1.1", { &good, TLS1_1_VERSION, NULL }, SSL_AD_PROTOCOL_VERSION, "of 1.2 or newer" },
	{ "other suites",
	  { &good, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256" },
	  SSL_AD_HANDSHAKE_FAILURE,
	  "no TLS cipher suite" },
};

static void assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", text, part);
}

static void check_facts(const struct row *row)
{
	struct fl_tls_peer_facts f;

	assert_int_equal(fl_stream_peer_facts(server.accepted[0], &f), FL_OK);
	assert_int_equal(fl_ship_cert_judge(&f.cert, NULL, NULL), FL_OK);
	assert_string_equal(f.cert.subject, "CN=odd");
	assert_string_equal(f.version, SSL_get_version(client.p.ssl));
	assert_string_equal(f.suite, SSL_get_cipher_name(client.p.ssl));
	if (row->why != NULL)
		assert_string_equal(f.suite, row->why);
}

static void server_row(void **state)
{
	const struct row *row = *state;

	set_up(NULL);
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ 0 }));
	dial_as(&row->client);
	if (row->alert == ALERT_NONE) {
		assert_true(net_until(loop, client_is_done, NULL));
		assert_true(client.p.done);
		check_facts(row);
		assert_int_equal(SSL_SESSION_is_resumable(SSL_get_session(client.p.ssl)), 0);
		assert_int_equal(refusal.count, 0);
	} else {
		assert_true(net_until(loop, client_is_cut, NULL));
		assert_int_equal(client.alert, row->alert);
		assert_int_equal(client.p.got.len, 0);
		assert_int_equal(server.count, 0);
		assert_says(refusal.why, row->why);
	}
	net_tls_done(&client.p);
	ERR_clear_error(); /* the client's */
	assert_int_equal(tear_down(NULL), 0);
}

static void no_renegotiation(void **state)
{
	const struct client_config cfg = { &good, TLS1_2_VERSION, NULL };

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ 0 }));
	dial_as(&cfg);
	assert_true(net_until(loop, client_is_done, NULL));
	net_ear_own(&ear, server.accepted[0]);
	server.count = 0;
	assert_int_equal(SSL_renegotiate(client.p.ssl), 1);
	(void)SSL_do_handshake(client.p.ssl);
	while (client.alert == ALERT_NONE) {
		net_for(loop, FL_MS);
		(void)SSL_do_handshake(client.p.ssl);
	}
	assert_int_equal(client.alert, SSL_AD_NO_RENEGOTIATION);
	net_tls_done(&client.p);
	ERR_clear_error();
}

static bool client_has_much(void *ctx)
{
	net_tls_step(&client.p);
	return client.p.got.len >= *(size_t *)ctx;
}

/* SHIP 9.2: no record of ours carries more than 1024 bytes. */
static void records_are_small(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	size_t len = 50000;
	uint8_t *bytes = net_bytes(len);

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ .small_records = true }));
	for (size_t i = 0; i < COUNT(versions); i++) {
		const struct client_config cfg = { &good, versions[i], NULL };
		server.count = 0;
		dial_as(&cfg);
		assert_true(net_until(loop, client_is_done, NULL));
		client.record_max = 0;
		assert_int_equal(fl_stream_write(server.accepted[0], fl_slice_of(bytes, len)),
				 FL_OK);
		assert_true(net_until(loop, client_has_much, &len));
		assert_memory_equal(client.p.got.ptr, bytes, len);
		assert_in_range(client.record_max, 1024, 1024 + 64);
		server.accepted[0] = fl_stream_close(server.accepted[0], 0);
		net_tls_done(&client.p);
	}
	free(bytes);
}

/* ---- dialling ---- */

struct answer {
	unsigned count;
	enum fl_err err;
	char why[512];
	struct fl_stream *s;
};

static struct answer answer;

static void on_dialled(void *ctx, enum fl_err err, const char *why, struct fl_stream *s)
{
	assert_ptr_equal(ctx, &answer);
	assert_int_equal(err == FL_OK, s != NULL);
	assert_int_equal(err == FL_OK, why == NULL);
	answer.count++;
	answer.err = err;
	answer.s = s;
	(void)snprintf(answer.why, sizeof answer.why, "%s", why != NULL ? why : "");
}

static bool is_answered(void *ctx)
{
	(void)ctx;
	return answer.count > 0;
}

static struct fl_tls_dial *dial(struct fl_tls_peer *t, struct fl_tls_dial_to to)
{
	struct fl_tls_dial *d;

	answer = (struct answer){ 0 };
	if (to.at.port == 0)
		to.at = server.at;
	if (to.timeout == 0)
		to.timeout = 5 * FL_SEC;
	assert_int_equal(fl_tls_dial(loop, t, &to, on_dialled, &answer, &d), FL_OK);
	assert_int_equal(answer.count, 0); /* never inside the call */
	return d;
}

static void dial_fails(struct fl_tls_dial_to to, enum fl_err want, const char *part)
{
	struct fl_tls_peer *t = make_peer(&good, (struct fl_tls_peer_config){ 0 });

	(void)dial(t, to);
	fl_tls_peer_unref(t);
	assert_true(net_until(loop, is_answered, NULL));
	if (answer.err != want)
		fail_msg("got %s: %s", fl_err_text(answer.err), answer.why);
	assert_says(answer.why, part);
	net_for(loop, FL_MS);
	assert_int_equal(answer.count, 1);
}

static bool both_are_there(void *ctx)
{
	(void)ctx;
	return answer.count > 0 && (server.count > 0 || answer.err != FL_OK);
}

static void ours_with_ours(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct fl_tls_peer_config cfg = { .tls12_only = i % 2 == 1,
						  .small_records = i >= 2 };
		struct fl_tls_peer_facts f;
		struct fl_tls_peer *t = make_peer(&good, cfg);
		set_up(NULL);
		listen_with(make_peer(&good, (struct fl_tls_peer_config){ .small_records = true }));
		(void)dial(t, (struct fl_tls_dial_to){ .server_name = "h.local." });
		fl_tls_peer_unref(t); /* the dial has its own */
		assert_true(net_until(loop, both_are_there, NULL));
		assert_string_equal(answer.why, "");
		assert_int_equal(judged, 2);
		assert_int_equal(fl_stream_peer_facts(answer.s, &f), FL_OK);
		assert_string_equal(f.version, i % 2 == 1 ? "TLSv1.2" : "TLSv1.3");
		assert_int_equal(fl_ship_cert_judge(&f.cert, NULL, NULL), FL_OK);
		ear.echo = true;
		net_ear_own(&ear, server.accepted[0]);
		server.count = 0;
		struct net_ear other = { 0 };
		net_ear_own(&other, answer.s);
		assert_int_equal(fl_stream_write(other.s, fl_slice_str("hello")), FL_OK);
		assert_true(net_until(loop, net_ear_has_data, &other));
		assert_memory_equal(other.got.ptr, "hello", 5);
		net_ear_done(&other);
		assert_int_equal(tear_down(NULL), 0);
	}
}

static struct server_row {
	const char *name;
	struct odd_cert cert;
	bool tls12;
	const char *why;   /* of the client; NULL: it takes it */
	const char *heard; /* by the server */
} server_rows[] = {
	{ "good server", { 0 }, false, NULL, NULL },
	{ "expired server", { .expired = true }, false, NULL, NULL },
	{ "server with TRUE written as one", { .boolean_one = true }, false, NULL, NULL },
	{ "P-384 server, 1.2", { .kind = "P-384" }, true, NULL, NULL },
	{ "P-384 server, 1.3", { .kind = "P-384" }, false, NULL, NULL },
	{ "forged server, 1.2",
	  { .ski = ODD_SKI_OTHER },
	  true,
	  "announces SKI 5a5a",
	  "alert \"bad certificate\"" },
	{ "forged server, 1.3",
	  { .ski = ODD_SKI_OTHER },
	  false,
	  "announces SKI 5a5a",
	  "alert \"bad certificate\"" },
	{ "server with a SKI of 19 bytes",
	  { .ski = ODD_SKI_SHORT },
	  false,
	  "19 bytes",
	  "alert \"bad certificate\"" },
	{ "server without a SKI",
	  { .ski = ODD_SKI_NONE },
	  false,
	  "announces no SKI",
	  "alert \"bad certificate\"" },
	{ "RSA server, 1.3",
	  { .kind = "RSA" },
	  false,
	  "on no elliptic curve",
	  "alert \"bad certificate\"" },
	{ "RSA server, 1.2",
	  { .kind = "RSA" },
	  true,
	  "alert \"handshake failure\"",
	  "no TLS cipher suite" },
};

static void client_row(void **state)
{
	const struct server_row *row = *state;

	set_up(NULL);
	listen_with(make_peer(&row->cert, (struct fl_tls_peer_config){ .judge = lenient }));
	struct fl_tls_peer *t =
		make_peer(&good, (struct fl_tls_peer_config){ .tls12_only = row->tls12 });
	(void)dial(t, (struct fl_tls_dial_to){ 0 });
	fl_tls_peer_unref(t);
	assert_true(net_until(loop, both_are_there, NULL));
	if (row->why == NULL) {
		assert_string_equal(answer.why, "");
		fl_stream_close(answer.s, 0);
	} else {
		assert_int_equal(answer.err, FL_ERR_CRYPTO);
		assert_says(answer.why, row->why);
		assert_says(answer.why, "127.0.0.1:");
		assert_true(net_until(loop, was_refused, NULL));
		assert_says(refusal.why, row->heard);
		assert_int_equal(server.count, 0);
	}
	assert_int_equal(tear_down(NULL), 0);
}

/* Whoever dials for one SKI judges by it; the judge of the settings is not asked. */
static void a_dial_has_its_own_judge(void **state)
{
	const struct odd_cert odd = { .ski = ODD_SKI_OTHER };
	uint8_t pin[FL_HASH_LEN];

	(void)state;
	struct fl_tls_peer *t = make_peer(&odd, (struct fl_tls_peer_config){ .judge = lenient });
	struct fl_tls_peer *c = make_peer(&good, (struct fl_tls_peer_config){ 0 });
	listen_with(t);
	(void)dial(c, (struct fl_tls_dial_to){ .judge = lenient });
	assert_true(net_until(loop, both_are_there, NULL));
	assert_int_equal(answer.err, FL_OK);
	assert_int_equal(judged, 0);
	struct fl_tls_peer_facts f;
	assert_int_equal(fl_stream_peer_facts(answer.s, &f), FL_OK);
	memcpy(pin, f.cert.key_pin, sizeof pin);
	fl_stream_close(answer.s, 0);

	(void)dial(c, (struct fl_tls_dial_to){ .judge = pinned, .judge_ctx = pin });
	assert_true(net_until(loop, both_are_there, NULL));
	assert_int_equal(answer.err, FL_OK);
	fl_stream_close(answer.s, 0);

	pin[5] ^= 1;
	(void)dial(c, (struct fl_tls_dial_to){ .judge = pinned, .judge_ctx = pin });
	assert_true(net_until(loop, both_are_there, NULL));
	assert_int_equal(answer.err, FL_ERR_CRYPTO);
	assert_says(answer.why, "not the key that was pinned");
	fl_tls_peer_unref(c);
}

/* What is no EC key has no SKI, so no judge may take it. */
static void no_judge_takes_what_has_no_ski(void **state)
{
	const struct client_config cfg = { ODD(.kind = "RSA"), TLS1_3_VERSION, NULL };

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ .judge = lenient }));
	dial_as(&cfg);
	assert_true(net_until(loop, client_is_cut, NULL));
	assert_int_equal(client.alert, SSL_AD_BAD_CERTIFICATE);
	net_tls_done(&client.p);
	ERR_clear_error();
}

/* In TLS 1.3 the client has finished before it is refused: the alert comes as its end. */
static void a_refused_client_hears_late(void **state)
{
	const struct odd_cert odd = { .ski = ODD_SKI_OTHER };

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ 0 }));
	struct fl_tls_peer *t = make_peer(&odd, (struct fl_tls_peer_config){ 0 });
	(void)dial(t, (struct fl_tls_dial_to){ 0 });
	fl_tls_peer_unref(t);
	assert_true(net_until(loop, is_answered, NULL));
	assert_int_equal(answer.err, FL_OK);
	net_ear_own(&ear, answer.s);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("GET / HTTP/1.1\r\n\r\n")), FL_OK);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_CRYPTO);
	assert_int_equal(ear.datas, 0);
	assert_int_equal(server.count, 0);
}

static ssize_t last_read; /* of the socket below TLS: 0 an end, -1 with errno */

static bool talks_until_the_end(void *ctx)
{
	static const uint8_t block[16 << 10];
	uint8_t rest[512];
	size_t n;

	if (!client.p.failed && net_tls_step(&client.p) && !*(bool *)ctx) {
		for (int i = 0; i < 12; i++) /* three times what the server reads at once */
			(void)SSL_write_ex(client.p.ssl, block, sizeof block, &n);
		*(bool *)ctx = true;
	}
	if (client.alert == ALERT_NONE)
		return false;
	last_read = recv(client.p.fd, rest, sizeof rest, MSG_DONTWAIT);
	return last_read == 0 || (last_read < 0 && errno != EAGAIN);
}

/* A reset would destroy the alert on its way, so what the client still says is read. */
static void a_refused_client_that_talks_hears_it(void **state)
{
	const struct client_config cfg = { ODD(.ski = ODD_SKI_OTHER), TLS1_3_VERSION, NULL };
	bool talked = false;

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ 0 }));
	dial_as(&cfg);
	assert_true(net_until(loop, talks_until_the_end, &talked));
	assert_true(talked);
	assert_int_equal(client.alert, SSL_AD_BAD_CERTIFICATE);
	assert_int_equal(last_read, 0);
	net_tls_done(&client.p);
	ERR_clear_error();
}

static void a_refused_client_of_1_2_hears_at_once(void **state)
{
	const struct odd_cert odd = { .ski = ODD_SKI_OTHER };

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ 0 }));
	struct fl_tls_peer *t = make_peer(&odd, (struct fl_tls_peer_config){ .tls12_only = true });
	(void)dial(t, (struct fl_tls_dial_to){ 0 });
	fl_tls_peer_unref(t);
	assert_true(net_until(loop, is_answered, NULL));
	assert_int_equal(answer.err, FL_ERR_CRYPTO);
	assert_says(answer.why, "alert \"bad certificate\"");
}

static void names_are_looked_up(void **state)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1" };
	struct fl_tls_peer *t = make_peer(&good, (struct fl_tls_peer_config){ 0 });

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ 0 }));
	for (size_t i = 0; i < COUNT(hosts); i++) {
		(void)dial(t, (struct fl_tls_dial_to){ .host = hosts[i],
						       .at = { .port = server.at.port } });
		assert_true(net_until(loop, is_answered, NULL));
		assert_string_equal(answer.why, "");
		fl_stream_close(answer.s, 0);
	}
	fl_tls_peer_unref(t);
}

static void nobody_listens(void **state)
{
	(void)state;
	listen_with(NULL);
	struct fl_addrport at = server.at;
	server.listener = fl_listener_close(server.listener);
	net_for(loop, FL_MS);
	dial_fails((struct fl_tls_dial_to){ .at = at }, FL_ERR_CLOSED, "refused");
}

static void a_name_that_is_none(void **state)
{
	char host[300];

	(void)state;
	listen_with(NULL);
	dial_fails((struct fl_tls_dial_to){ .host = "a..b" }, FL_ERR_NOT_FOUND,
		   "the name a..b was not found");
	memset(host, 'a', sizeof host);
	host[254] = '\0';
	struct fl_tls_peer *t = make_peer(&good, (struct fl_tls_peer_config){ 0 });
	struct fl_tls_dial_to to = { .host = host, .at = server.at, .timeout = FL_SEC };
	struct fl_tls_dial *d;
	assert_int_equal(fl_tls_dial(loop, t, &to, on_dialled, &answer, &d), FL_ERR_INVALID);
	fl_tls_peer_unref(t);
}

static void a_silent_server(void **state)
{
	(void)state;
	listen_with(NULL);
	dial_fails((struct fl_tls_dial_to){ .timeout = 20 * FL_MS }, FL_ERR_TIMEOUT,
		   "did not finish the TLS handshake in time");
}

static void a_server_that_hangs_up(void **state)
{
	struct fl_tls_peer *t = make_peer(&good, (struct fl_tls_peer_config){ 0 });

	(void)state;
	listen_with(NULL);
	(void)dial(t, (struct fl_tls_dial_to){ 0 });
	fl_tls_peer_unref(t);
	assert_true(net_until(loop, net_server_one, &server));
	server.accepted[0] = fl_stream_close(server.accepted[0], 0);
	assert_true(net_until(loop, is_answered, NULL));
	assert_int_equal(answer.err, FL_ERR_CLOSED);
	assert_says(answer.why, "closed the connection during the TLS handshake");
}

static void a_server_without_tls(void **state)
{
	struct fl_tls_peer *t = make_peer(&good, (struct fl_tls_peer_config){ 0 });

	(void)state;
	listen_with(NULL);
	(void)dial(t, (struct fl_tls_dial_to){ 0 });
	fl_tls_peer_unref(t);
	assert_true(net_until(loop, net_server_one, &server));
	assert_int_equal(fl_stream_write(server.accepted[0],
					 fl_slice_str("HTTP/1.1 400 Bad Request\r\n\r\n")),
			 FL_OK);
	assert_true(net_until(loop, is_answered, NULL));
	assert_int_equal(answer.err, FL_ERR_PROTO);
	assert_says(answer.why, "does not speak TLS");
}

static void cancelled_at_every_step(void **state)
{
	struct fl_tls_peer *t = make_peer(&good, (struct fl_tls_peer_config){ 0 });
	unsigned finished = 0;

	(void)state;
	listen_with(make_peer(&good, (struct fl_tls_peer_config){ 0 }));
	for (int by_name = 0; by_name < 2; by_name++) {
		for (int steps = 0; steps < 12; steps++) {
			struct fl_tls_dial *d = dial(
				t, (struct fl_tls_dial_to){ .host = by_name ? "localhost" : NULL,
							    .at = server.at });
			for (int i = 0; i < steps; i++)
				fl_loop_poll(loop);
			if (answer.count > 0)
				fl_stream_close(answer.s, 0);
			else
				assert_null(fl_tls_dial_cancel(d));
			finished += answer.count;
			unsigned before = answer.count;
			net_for(loop, FL_MS);
			assert_int_equal(answer.count, before);
		}
	}
	assert_null(fl_tls_dial_cancel(NULL));
	assert_true(finished > 0);
	fl_tls_peer_unref(t);
}

/* ---- what a hello says ---- */

static bool hello_has(const char *server_name, bool small, const void *bytes, size_t len)
{
	struct fl_tls_peer *t =
		make_peer(&good, (struct fl_tls_peer_config){ .small_records = small });

	memset(&ear, 0, sizeof ear);
	server.count = 0;
	struct fl_tls_dial *d = dial(t, (struct fl_tls_dial_to){ .server_name = server_name });
	assert_true(net_until(loop, net_server_one, &server));
	net_ear_own(&ear, server.accepted[0]);
	server.count = 0;
	assert_true(net_until(loop, net_ear_has_data, &ear));
	bool has = memmem(ear.got.ptr, ear.got.len, bytes, len) != NULL;
	fl_tls_dial_cancel(d);
	fl_tls_peer_unref(t);
	net_ear_done(&ear);
	return has;
}

#define HAS(name, small, bytes) hello_has(name, small, bytes, sizeof(bytes) - 1)

static void what_a_hello_says(void **state)
{
	static const char fragment[] = { 0, 1, 0, 1, 2, 0 }; /* extension 1, one byte: 1024 */

	(void)state;
	listen_with(NULL);
	assert_true(HAS("box.local", false,
			"\x00\x09"
			"box.local"));
	assert_true(HAS("box.local.", false,
			"\x00\x09"
			"box.local"));
	assert_false(HAS("192.168.1.5", false, "192.168.1.5"));
	assert_false(HAS("fe80::1%eth0", false, "fe80"));
	assert_false(HAS(NULL, false, "localhost"));
	assert_true(HAS(NULL, true, fragment));
	assert_false(HAS(NULL, false, fragment));
	assert_false(HAS(NULL, false, "http/1.1"));
}

/* ---- settings that do not fit ---- */

static void settings_that_do_not_fit(void **state)
{
	struct fl_buf a = fl_buf_make(PEM_MAX), a_key = fl_buf_make(PEM_MAX);
	struct fl_buf b = fl_buf_make(PEM_MAX), b_key = fl_buf_make(PEM_MAX);

	(void)state;
	odd_cert_make(&good, &a, &a_key);
	odd_cert_make(&good, &b, &b_key);
	const struct {
		struct fl_slice cert, key;
		enum fl_err want;
	} pairs[] = {
		{ fl_buf_slice(&a), fl_buf_slice(&b_key), FL_ERR_INVALID },
		{ fl_slice_str(""), fl_buf_slice(&a_key), FL_ERR_SYNTAX },
		{ fl_buf_slice(&a), fl_slice_str(""), FL_ERR_SYNTAX },
	};
	for (size_t i = 0; i < COUNT(pairs); i++) {
		const struct fl_tls_peer_config cfg = { .cert_pem = pairs[i].cert,
							.key_pem = pairs[i].key,
							.judge = strict };
		struct fl_fault fault = { "" };
		struct fl_tls_peer *t = NULL;
		assert_int_equal(fl_tls_peer_new(&cfg, &fault, &t), pairs[i].want);
		assert_null(t);
		assert_string_not_equal(fault.text, "");
	}
	fl_buf_done(&a);
	fl_buf_done(&b);
	fl_buf_wipe(&a_key);
	fl_buf_wipe(&b_key);
}

static void other_streams_have_no_facts(void **state)
{
	struct fl_tls_peer_facts f;

	(void)state;
	listen_with(NULL);
	int fd = net_dial(&server.at);
	assert_true(net_until(loop, net_server_one, &server));
	assert_int_equal(fl_stream_peer_facts(server.accepted[0], &f), FL_ERR_STATE);
	close(fd);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest single[] = {
		T(no_renegotiation),
		T(records_are_small),
		cmocka_unit_test(ours_with_ours),
		T(a_dial_has_its_own_judge),
		T(no_judge_takes_what_has_no_ski),
		T(a_refused_client_hears_late),
		T(a_refused_client_that_talks_hears_it),
		T(a_refused_client_of_1_2_hears_at_once),
		T(names_are_looked_up),
		T(nobody_listens),
		T(a_name_that_is_none),
		T(a_silent_server),
		T(a_server_that_hangs_up),
		T(a_server_without_tls),
		T(cancelled_at_every_step),
		T(what_a_hello_says),
		cmocka_unit_test(settings_that_do_not_fit),
		T(other_streams_have_no_facts),
	};
	struct CMUnitTest tests[COUNT(rows) + COUNT(server_rows) + COUNT(single)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
						  .test_func = server_row,
						  .initial_state = &rows[i] };
	for (size_t i = 0; i < COUNT(server_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = server_rows[i].name,
						  .test_func = client_row,
						  .initial_state = &server_rows[i] };
	memcpy(tests + n, single, sizeof single);
	net_warm_up();
	return cmocka_run_group_tests_name("io/tls_peer", tests, NULL, NULL);
}
