/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_handshake.c - whoever knocks at /ts2021 with something else than a handshake.
 *
 * After each row an honest client must get in, and nothing of the visitor may be left.
 */
#include "client.h"

#include "base/text.h"

#include <stdio.h>
#include <unistd.h>

static struct sys sys;

static bool is_alone(void *ctx)
{
	(void)ctx;
	return sys_stats(&sys).connections == 0;
}

static void expect_honest_client_works(void)
{
	struct client c = { 0 };

	client_open(&c, &sys, NULL);
	json_decref(call_json(client_call(&c, "GET", "/machine/whoami", fl_slice_of(NULL, 0), NULL),
			      200));
	client_close(&c);
	assert_true(sys_until(&sys, is_alone, NULL));
}

static void good_text(char out[256])
{
	uint8_t initiation[FL_NOISE_INITIATION_LEN];

	client_initiation(&sys, 145, initiation);
	fl_base64_encode(initiation, sizeof initiation, out);
}

/* ---- the HTTP around it ---- */

#define HEAD  "POST /ts2021 HTTP/1.1\r\nHost: x\r\n"
#define UP    "Connection: upgrade\r\nUpgrade: tailscale-control-protocol\r\n"
#define SHAKE "X-Tailscale-Handshake: $\r\n"
#define WS                                                                                         \
	"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"    \
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

/* "$" is replaced by a good handshake. */
static struct {
	const char *name, *request;
	unsigned status;
	const char *says;
} heads[] = {
	{ "good", HEAD UP SHAKE "\r\n", 101, "" },
	{ "upgrade in capitals",
	  HEAD "Connection: Upgrade\r\nUpgrade: TAILSCALE-CONTROL-PROTOCOL\r\n" SHAKE "\r\n", 101,
	  "" },
	{ "no upgrade header", HEAD SHAKE "\r\n", 500, "proxy" },
	{ "no upgrade header on GET", "GET /ts2021 HTTP/1.1\r\nHost: x\r\n\r\n", 500, "proxy" },
	{ "unknown protocol", HEAD "Connection: upgrade\r\nUpgrade: h2c\r\n" SHAKE "\r\n", 400,
	  "unknown" },
	{ "protocol with more behind it",
	  HEAD "Connection: upgrade\r\nUpgrade: tailscale-control-protocol-2\r\n" SHAKE "\r\n", 400,
	  "unknown" },
	{ "two upgrade headers", HEAD UP "Upgrade: tailscale-control-protocol\r\n" SHAKE "\r\n",
	  400, "" },
	{ "two handshakes", HEAD UP SHAKE SHAKE "\r\n", 400, "X-Tailscale-Handshake" },
	{ "no handshake", HEAD UP "\r\n", 400, "X-Tailscale-Handshake" },
	{ "empty handshake", HEAD UP "X-Tailscale-Handshake: \r\n\r\n", 400,
	  "X-Tailscale-Handshake" },
	{ "handshake is no base64", HEAD UP "X-Tailscale-Handshake: !!!!\r\n\r\n", 400,
	  "X-Tailscale-Handshake" },
	{ "handshake without padding", HEAD UP "X-Tailscale-Handshake: AAA\r\n\r\n", 400,
	  "malformed" },
	{ "url-safe base64", HEAD UP "X-Tailscale-Handshake: -_-_\r\n\r\n", 400, "malformed" },
	{ "announced body", HEAD UP "Content-Length: 5\r\n" SHAKE "\r\nhello", 400, "body" },
	{ "chunked body", HEAD UP "Transfer-Encoding: chunked\r\n" SHAKE "\r\n0\r\n\r\n", 400,
	  "body" },
	{ "length and chunked",
	  HEAD UP "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" SHAKE "\r\n", 400, "" },
	{ "put", "PUT /ts2021 HTTP/1.1\r\nHost: x\r\n" UP SHAKE "\r\n", 405, "" },
	{ "other path", "POST /ts2021/ HTTP/1.1\r\nHost: x\r\n" UP SHAKE "\r\n", 404, "" },
	{ "inner path outside",
	  "POST /machine/register HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 404, "" },
	{ "websocket without handshake",
	  "GET /ts2021 HTTP/1.1\r\n" WS
	  "Sec-WebSocket-Protocol: tailscale-control-protocol\r\n\r\n",
	  400, "X-Tailscale-Handshake" },
	{ "websocket without subprotocol",
	  "GET /ts2021?X-Tailscale-Handshake=AAAA HTTP/1.1\r\n" WS "\r\n", 400, "" },
	{ "websocket by POST", "POST /ts2021?X-Tailscale-Handshake=AAAA HTTP/1.1\r\n" WS "\r\n",
	  400, "" },
};

static void test_head(void **state)
{
	const struct {
		const char *name, *request;
		unsigned status;
		const char *says;
	} *row = *state;
	struct fl_buf b = fl_buf_make(16 << 10);
	char good[256];

	good_text(good);
	for (const char *p = row->request; *p != '\0'; p++) {
		if (*p == '$')
			fl_buf_str(&b, good);
		else
			fl_buf_byte(&b, (uint8_t)*p);
	}
	struct reply r = { 0 };
	int fd = sys_dial(&sys);
	sys_send(&sys, fd, b.ptr, b.len);
	if (row->status == 101) {
		sys_turn(&sys, 8);
		char head[64] = "";
		assert_true(read(fd, head, sizeof head - 1) > 12);
		assert_memory_equal(head, "HTTP/1.1 101", 12);
		close(fd);
	} else {
		r = sys_answer(&sys, fd);
		close(fd);
		assert_int_equal(r.status, row->status);
		if (strstr((char *)r.body.ptr, row->says) == NULL)
			fail_msg("says \"%s\", want \"%s\"", (char *)r.body.ptr, row->says);
	}
	reply_done(&r);
	fl_buf_done(&b);
	expect_honest_client_works();
}

/* ---- the message itself ---- */

/* Sends `len` bytes as handshake; what comes after the 101 until the server closes. */
static struct fl_buf knock(const uint8_t *message, size_t len, const char *behind)
{
	struct fl_buf b = fl_buf_make(16 << 10);
	char text[1024];

	fl_base64_encode(message, len, text);
	fl_buf_printf(&b, HEAD UP "X-Tailscale-Handshake: %s\r\n\r\n%s", text, behind);
	int fd = sys_dial(&sys);
	sys_send(&sys, fd, b.ptr, b.len);
	struct reply r = sys_answer(&sys, fd); /* without a length: until the end */
	close(fd);
	fl_buf_done(&b);
	assert_int_equal(r.status, 101);
	assert_true(r.ended);
	return r.body;
}

static void expect_refusal(struct fl_buf *got, const char *text)
{
	enum fl_noise_type type;
	struct fl_slice body;
	size_t used;

	assert_err(fl_noise_next(fl_buf_slice(got), &type, &body, &used), FL_OK);
	assert_int_equal(type, FL_NOISE_ERROR);
	char said[FL_NOISE_ERROR_TEXT_MAX + 1];
	assert_true(fl_str_copy(said, sizeof said, body));
	if (strstr(said, text) == NULL)
		fail_msg("says \"%s\", want \"%s\"", said, text);
	assert_int_equal(used, got->len);
	fl_buf_done(got);
}

static void test_every_wrong_length(void **state)
{
	uint8_t message[FL_NOISE_INITIATION_LEN + 8] = { 0 };
	(void)state;

	client_initiation(&sys, 145, message);
	for (size_t len = 1; len <= sizeof message; len++) {
		if (len == FL_NOISE_INITIATION_LEN)
			continue;
		struct fl_buf got = knock(message, len, "");
		expect_refusal(&got, "malformed");
	}
	expect_honest_client_works();
}

static void test_request_cut_at_every_byte(void **state)
{
	char text[256], request[1024];
	(void)state;

	good_text(text);
	int len = snprintf(request, sizeof request, HEAD UP "X-Tailscale-Handshake: %s\r\n\r\n",
			   text);
	struct sys_usage before = sys_usage();
	for (int i = 0; i <= len; i++) {
		int fd = sys_dial(&sys);
		sys_send(&sys, fd, request, (size_t)i);
		sys_turn(&sys, 2);
		close(fd);
	}
	assert_true(sys_until(&sys, is_alone, NULL));
	sys_turn(&sys, 8);
	assert_int_equal(sys_usage().fds, before.fds);
	expect_honest_client_works();
}

static void test_every_flipped_byte(void **state)
{
	uint8_t message[FL_NOISE_INITIATION_LEN];
	(void)state;

	for (size_t i = 0; i < sizeof message; i++) {
		client_initiation(&sys, 145, message);
		message[i] ^= 1;
		uint64_t handshakes = sys_stats(&sys).noise_handshakes;
		struct fl_buf got = knock(message, sizeof message, "");
		/* The version's own byte is bound too: 144 was not what was sealed. */
		if (i >= 5 || i == 1)
			assert_int_equal(got.len, 0);
		assert_int_equal(sys_stats(&sys).noise_handshakes, handshakes);
		fl_buf_done(&got);
	}
	expect_honest_client_works();
}

static struct {
	const char *name;
	uint16_t version;
	bool admitted;
} versions[] = {
	{ "version 0", 0, false },     { "version 39", 39, false },
	{ "version 112", 112, false }, { "version 113", 113, true },
	{ "version 145", 145, true },  { "version 65535", 65535, true },
};

static void test_version(void **state)
{
	const struct {
		const char *name;
		uint16_t version;
		bool admitted;
	} *row = *state;
	struct client c = { 0 };

	client_dial(&c, &sys, NULL, row->version);
	assert_true(sys_until(&sys, client_settled, &c));
	assert_int_equal(c.phase == CLIENT_OPEN, row->admitted);
	if (!row->admitted)
		assert_string_equal(c.refusal,
				    "client too old: update it to version 1.80 or newer");
	client_close(&c);
	assert_true(sys_until(&sys, is_alone, NULL));
}

/* Points of small order: their secrets are all zero whoever computes them. */
static struct {
	const char *name, *hex;
} points[] = {
	{ "point 0", "0000000000000000000000000000000000000000000000000000000000000000" },
	{ "point 1", "0100000000000000000000000000000000000000000000000000000000000000" },
	{ "order 8 a", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800" },
	{ "order 8 b", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157" },
	{ "p - 1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "p + 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
};

static void test_low_order(void **state)
{
	const struct {
		const char *name, *hex;
	} *row = *state;
	uint8_t message[FL_NOISE_INITIATION_LEN];

	client_initiation(&sys, 145, message);
	assert_err(fl_hex_decode(fl_slice_str(row->hex), message + 5, 32), FL_OK);
	struct fl_buf got = knock(message, sizeof message, "");
	assert_int_equal(got.len, 0);
	fl_buf_done(&got);
	expect_honest_client_works();
}

/* Behind the empty line there are records only: nothing is parsed as HTTP again. */
static void test_bytes_behind_the_upgrade(void **state)
{
	static const char *const behind[] = {
		"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x04\x11\x11", /* a record over the limit */
	};
	uint8_t message[FL_NOISE_INITIATION_LEN];
	(void)state;

	for (size_t i = 0; i < COUNT(behind); i++) {
		client_initiation(&sys, 145, message);
		struct fl_buf got = knock(message, sizeof message, behind[i]);
		if (got.len >= 5 && memmem(got.ptr, got.len, "HTTP/1.1", 8) != NULL)
			fail_msg("HTTP was spoken after the upgrade");
		fl_buf_done(&got);
	}
	expect_honest_client_works();
}

/* ---- replay ---- */

static void test_replayed_initiation_proves_nothing(void **state)
{
	uint8_t message[FL_NOISE_INITIATION_LEN];
	struct fl_noise_handshake hs;
	struct fl_private_key ephemeral;
	char record[3 + 0x110 + 1] = "\x04\x01\x10";
	struct node n;
	(void)state;

	memset(record + 3, 'x', 0x110);
	char *key = api_key(&sys, api_user(&sys, "replay"), NULL);
	node_open(&n, &sys, "victim");
	node_join(&n, key);
	assert_err(fl_private_key_new(&ephemeral), FL_OK);
	assert_err(fl_noise_initiate(&n.c.machine, &ephemeral, &sys.noise, 145, message, &hs),
		   FL_OK);
	fl_noise_handshake_done(&hs);

	uint64_t registers = sys_stats(&sys).registers, polls = sys_stats(&sys).map_requests;
	for (unsigned i = 0; i < 3; i++) {
		/* The server answers, but what follows cannot be sealed without the keys. */
		struct fl_buf got = knock(message, sizeof message, record);
		assert_true(got.len >= FL_NOISE_RESPONSE_LEN);
		fl_buf_done(&got);
	}
	assert_int_equal(sys_stats(&sys).registers, registers);
	assert_int_equal(sys_stats(&sys).map_requests, polls);
	json_t *list = api_json(&sys, "GET", "/api/v1/node", NULL, 200);
	assert_true(json_is_false(at(list, "nodes.0.online")));
	json_decref(list);
	node_poll(&n);
	node_close(&n);
	free(key);
	assert_true(sys_until(&sys, is_alone, NULL));
}

static void test_websocket_client_registers_and_polls(void **state)
{
	struct node n;
	(void)state;

	char *key = api_key(&sys, api_user(&sys, "browser"), NULL);
	node_open(&n, &sys, "browser");
	client_close(&n.c);
	client_open_ws(&n.c, &sys);
	node_join(&n, key);
	node_poll(&n);
	assert_string_equal(text_at(n.view.node, "Hostinfo.Hostname"), "browser");
	node_close(&n);
	free(key);
	assert_true(sys_until(&sys, is_alone, NULL));
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, heads, test_head);
	ROWS(&suite, versions, test_version);
	ROWS(&suite, points, test_low_order);
	suite_add(&suite, "every wrong length", test_every_wrong_length, NULL);
	suite_add(&suite, "request cut at every byte", test_request_cut_at_every_byte, NULL);
	suite_add(&suite, "every flipped byte", test_every_flipped_byte, NULL);
	suite_add(&suite, "bytes behind the upgrade", test_bytes_behind_the_upgrade, NULL);
	suite_add(&suite, "replayed initiation", test_replayed_initiation_proves_nothing, NULL);
	suite_add(&suite, "websocket client", test_websocket_client_registers_and_polls, NULL);
	sys_start(&sys, false, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/handshake");
	sys_stop(&sys);
	return failed;
}
