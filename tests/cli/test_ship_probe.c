/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/cli/test_ship_probe.c - `ship probe` against devices that answer as none should: what it
 * says, and the exit code that tells one failure from another.
 */
#include "mock.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../crypto/odd_cert.h"
#include "io/ws_upgrade.h"

enum { PEM_MAX = 64 << 10, HEAD_MAX = 4096, FRAMES = 4 };

#define DEAF (40 * FL_MS)

#define CMI          "\0\0"
#define HELLO(phase) "\x01{\"connectionHello\":[{\"phase\":\"" phase "\"}]}"
#define FRAME(text)                                                                                \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
#define PENDING "\x01{\"connectionHello\":[{\"phase\":\"pending\"},{\"waiting\":60000}]}"

/* How far the device goes. */
enum goes { ACCEPTS_NOT, TALKS_PLAIN, HANGS_AT_TLS, ONLY_TLS, ANSWERS, SPEAKS, WAS_DEAF };

struct row {
	const char *name;
	const char *flags;
	struct odd_cert cert;
	enum goes goes;
	const char *status; /* of its answer; NULL: 101 */
	struct {
		const char *bytes;
		size_t len;
	} frames[FRAMES];
	uint16_t close; /* behind them; 0: it waits */
	int code;
	const char *says;
};

static struct row rows[] = {
	{ .name = "waits for its user",
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI), FRAME(PENDING) },
	  .code = 0,
	  .says = "<-  hello pending, waiting 60000 ms" },
	{ .name = "takes whoever comes",
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI), FRAME(HELLO("ready")) },
	  .code = 0,
	  .says = "Verdict\tit speaks SHIP, and takes whoever comes" },
	{ .name = "for programs",
	  .flags = "-o json",
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI), FRAME(PENDING) },
	  .code = 0,
	  .says = "\"direction\":\"sent\",\"what\":\"init\"}" },
	{ .name = "hears nothing at first",
	  .goes = WAS_DEAF,
	  .frames = { FRAME(CMI), FRAME(PENDING) },
	  .code = 0,
	  .says = "it speaks SHIP, and waits for its user to trust us" },
	{ .name = "refuses at hello",
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI), FRAME(HELLO("aborted")) },
	  .code = 4,
	  .says = "it refuses strangers at hello" },
	{ .name = "closes with 4452",
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI) },
	  .close = 4452,
	  .code = 4,
	  .says = "it ended the connection before hello (code 4452)" },
	{ .name = "refuses the upgrade",
	  .goes = ANSWERS,
	  .status = "503 Busy",
	  .code = 4,
	  .says = "HTTP status 503" },
	{ .name = "speaks something else",
	  .goes = SPEAKS,
	  .frames = { FRAME("\x09zzz") },
	  .code = 1,
	  .says = "what it sends is not SHIP" },
	{ .name = "says nothing after init",
	  .flags = "--timeout 300ms",
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI) },
	  .code = 5,
	  .says = "it says nothing more" },
	{ .name = "does not answer the upgrade",
	  .flags = "--timeout 300ms",
	  .goes = ONLY_TLS,
	  .code = 5,
	  .says = "it does not answer the WebSocket request" },
	{ .name = "hangs in TLS",
	  .flags = "--timeout 300ms",
	  .goes = HANGS_AT_TLS,
	  .code = 5,
	  .says = "Try again, or allow more with --timeout." },
	{ .name = "is not TLS", .goes = TALKS_PLAIN, .code = 8, .says = "TLS" },
	{ .name = "is not there", .goes = ACCEPTS_NOT, .code = 5, .says = "refused" },
	{ .name = "a forged SKI",
	  .cert = { .ski = ODD_SKI_OTHER },
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI), FRAME(PENDING) },
	  .code = 8,
	  .says = "--pin-key SHA256" },
	{ .name = "no SKI",
	  .cert = { .ski = ODD_SKI_NONE },
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI), FRAME(PENDING) },
	  .code = 8,
	  .says = "SKI announced\t\n" },
	{ .name = "RSA", .cert = { .kind = "RSA" }, .goes = ONLY_TLS, .code = 8, .says = "TLS" },
	{ .name = "another device",
	  .flags = "--ski 0123456789abcdef0123456789abcdef01234567",
	  .goes = SPEAKS,
	  .frames = { FRAME(CMI), FRAME(PENDING) },
	  .code = 8,
	  .says = "it is not the device asked for" },
};

/* ---- the device ---- */

struct device {
	const struct row *row;
	SSL_CTX *tls;
	int listener;
	uint16_t port;
};

static int any_peer(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static SSL_CTX *make_tls(const struct odd_cert *odd)
{
	struct fl_buf cert = fl_buf_make(PEM_MAX), key = fl_buf_make(PEM_MAX);
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	assert_non_null(tls);
	odd_cert_make(odd, &cert, &key);
	BIO *c = BIO_new_mem_buf(cert.ptr, (int)cert.len);
	BIO *k = BIO_new_mem_buf(key.ptr, (int)key.len);
	X509 *x = PEM_read_bio_X509(c, NULL, NULL, NULL);
	EVP_PKEY *p = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
	assert_int_equal(SSL_CTX_use_certificate(tls, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(tls, p), 1);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, any_peer);
	X509_free(x);
	EVP_PKEY_free(p);
	BIO_free(c);
	BIO_free(k);
	fl_buf_done(&cert);
	fl_buf_done(&key);
	return tls;
}

/* Until the peer goes. */
static void wait_for_end(SSL *ssl)
{
	char waste[256];

	while (SSL_read(ssl, waste, sizeof waste) > 0)
		;
}

static void put_frame(SSL *ssl, uint8_t opcode, const char *bytes, size_t len)
{
	uint8_t frame[256] = { (uint8_t)(0x80 | opcode), (uint8_t)len };

	memcpy(frame + 2, bytes, len);
	SSL_write(ssl, frame, (int)len + 2);
}

static void speak(SSL *ssl, const struct row *row)
{
	const char code[2] = { (char)(row->close >> 8), (char)(row->close & 0xff) };

	for (size_t i = 0; i < FRAMES && row->frames[i].len > 0; i++)
		put_frame(ssl, 2, row->frames[i].bytes, row->frames[i].len);
	if (row->close != 0)
		put_frame(ssl, 8, code, sizeof code);
}

/* Speaks when it is spoken to, but loses what comes in the first moment and says nothing then. */
static void speak_if_heard(SSL *ssl, const struct row *row, const struct timespec *since)
{
	struct timespec now;
	char waste[64];

	if (SSL_read(ssl, waste, sizeof waste) <= 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - since->tv_sec) * FL_SEC + now.tv_nsec - since->tv_nsec >= DEAF)
		speak(ssl, row);
	else
		SSL_shutdown(ssl);
}

/* The key of the request, else nothing was asked. */
static bool read_request(SSL *ssl, char key[static 32])
{
	char head[HEAD_MAX] = "";
	size_t len = 0;

	while (strstr(head, "\r\n\r\n") == NULL) {
		int n = SSL_read(ssl, head + len, (int)(sizeof head - 1 - len));
		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
	}
	const char *at = strcasestr(head, "\r\nsec-websocket-key:");
	return at != NULL && sscanf(at + 20, " %31s", key) == 1;
}

static void answer(SSL *ssl, const struct row *row)
{
	char key[32], accept_text[FL_WS_ACCEPT_CAP], text[512];
	struct timespec since;

	if (!read_request(ssl, key) || row->goes == ONLY_TLS ||
	    fl_ws_accept(fl_slice_str(key), accept_text) != FL_OK)
		return;
	int n = snprintf(text, sizeof text,
			 "HTTP/1.1 %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Protocol: ship\r\nSec-WebSocket-Accept: %s\r\n"
			 "Content-Length: 0\r\n\r\n",
			 row->status != NULL ? row->status : "101 Switching Protocols",
			 accept_text);
	/* An upgrade has no length. */
	if (row->status == NULL) {
		memcpy(text + n - strlen("Content-Length: 0\r\n\r\n"), "\r\n", 3);
		n = (int)strlen(text);
	}
	clock_gettime(CLOCK_MONOTONIC, &since);
	SSL_write(ssl, text, n);
	if (row->goes == SPEAKS)
		speak(ssl, row);
	else if (row->goes == WAS_DEAF)
		speak_if_heard(ssl, row, &since);
}

static void serve_tls(const struct device *d, int fd)
{
	SSL *ssl = SSL_new(d->tls);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		answer(ssl, d->row);
		wait_for_end(ssl);
	}
	SSL_free(ssl);
}

static void *serve(void *ctx)
{
	static const char plain[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	const struct device *d = ctx;
	int fd = accept(d->listener, NULL, NULL);
	char waste[256];

	if (fd < 0)
		return NULL;
	/* Else the answer waits for the tickets of TLS to be acknowledged. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (d->row->goes >= ONLY_TLS)
		serve_tls(d, fd);
	else if (d->row->goes == TALKS_PLAIN && write(fd, plain, sizeof plain - 1) < 0)
		perror("write");
	while (read(fd, waste, sizeof waste) > 0)
		;
	close(fd);
	return NULL;
}

static void listen_somewhere(struct device *d)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	d->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(d->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(getsockname(d->listener, (struct sockaddr *)&at, &len), 0);
	d->port = ntohs(at.sin_port);
	if (d->row->goes != ACCEPTS_NOT)
		assert_int_equal(listen(d->listener, 1), 0);
}

/* ---- the rows ---- */

static void probe(void **state)
{
	const struct row *row = *state;
	static char out[MOCK_TEXT_MAX], err[MOCK_TEXT_MAX];
	struct device d = { .row = row, .tls = make_tls(&row->cert) };
	pthread_t thread;
	char line[256];

	listen_somewhere(&d);
	assert_int_equal(pthread_create(&thread, NULL, serve, &d), 0);
	snprintf(line, sizeof line, "ship probe 127.0.0.1:%u %s", d.port,
		 row->flags != NULL ? row->flags : "");
	fflush(stdout);
	int saved_out = mock_redirect(STDOUT_FILENO, mock_out);
	int saved_err = mock_redirect(STDERR_FILENO, mock_err);
	int code = mock_run_line(line);
	fflush(stdout);
	mock_restore(STDOUT_FILENO, saved_out);
	mock_restore(STDERR_FILENO, saved_err);
	shutdown(d.listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(d.listener);
	SSL_CTX_free(d.tls);
	mock_read_back(mock_out, out);
	mock_read_back(mock_err, err);
	if (code != row->code || (strstr(out, row->says) == NULL && strstr(err, row->says) == NULL))
		fail_msg("exit %d, want %d with \"%s\":\n%s%s", code, row->code, row->says, out,
			 err);
	assert_int_equal(code == 0, err[0] == '\0');
}

int main(void)
{
	static struct suite s;

	mock_start();
	ROWS(&s, rows, probe);
	int failed = suite_run(&s, "cli/ship_probe");
	mock_stop();
	return failed;
}
