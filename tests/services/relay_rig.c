/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/relay_rig.c - a relay process on loopback and clients. */
#include "relay_rig.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GOT_MAX = 64 << 20 };

void rig_start(struct rig *r, const struct fl_relay_standalone_config *cfg)
{
	struct fl_relay_standalone_config c = { 0 };
	struct fl_fault fault = { "" };

	assert_int_equal(fl_crypto_init(), FL_OK);
	if (cfg != NULL)
		c = *cfg;
	c.at = (struct fl_addrport){ fl_ip_v4(127, 0, 0, 1), 0 };
	c.stun_at = c.metrics_at = c.at;
	c.mode = FL_LISTEN_BOTH;
	if (c.host == NULL)
		c.host = "127.0.0.1";
	assert_int_equal(fl_loop_new(&r->loop), FL_OK);
	enum fl_err err = fl_relay_standalone_start(r->loop, &c, &fault, &r->relay);
	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
	r->at = fl_relay_standalone_at(r->relay);
}

void rig_stop(struct rig *r)
{
	fl_relay_standalone_stop(r->relay, 0);
	fl_loop_free(r->loop);
}

const struct fl_derp_stats *rig_stats(struct rig *r)
{
	struct fl_relay_stats s;
	fl_relay_stats(fl_relay_standalone_relay(r->relay), &s);
	return s.derp;
}

/* ---- clients ---- */

void client_dial(struct rig *r, struct client *c, uint8_t id, bool tls)
{
	*c = (struct client){ .r = r, .fd = -1, .is_tls = tls, .got = fl_buf_make(GOT_MAX) };
	for (uint8_t i = 0; i < FL_KEY_LEN; i++)
		c->priv.b[i] = (uint8_t)(0x40 + i);
	c->priv.b[1] = id;
	fl_private_key_public(&c->priv, c->key.b);
	if (!tls) {
		c->fd = net_dial(&r->at);
		assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
		return;
	}
	net_tls_dial(&c->tls, &r->at, TLS1_3_VERSION);
	assert_true(net_until(r->loop, net_tls_ready, &c->tls));
}

void client_close(struct client *c)
{
	if (c->is_tls)
		net_tls_done(&c->tls);
	else if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	fl_buf_done(&c->got);
}

/* Takes what has arrived, if anything. */
static void look(struct client *c)
{
	uint8_t mem[65536];

	if (c->is_tls) {
		net_tls_step(&c->tls);
		fl_buf_put(&c->got, c->tls.got.ptr, c->tls.got.len);
		fl_buf_reset(&c->tls.got);
		c->ended = c->tls.closed || c->tls.failed;
		return;
	}
	for (ssize_t n; (n = recv(c->fd, mem, sizeof mem, 0)) != -1 || errno != EAGAIN;) {
		if (n <= 0) {
			c->ended = true;
			return;
		}
		fl_buf_put(&c->got, mem, (size_t)n);
	}
}

struct want {
	struct client *c;
	size_t n;
};

static bool has_bytes(void *ctx)
{
	struct want *w = ctx;
	look(w->c);
	return w->c->got.len - w->c->at >= w->n || w->c->ended;
}

struct fl_slice client_read(struct client *c, size_t n)
{
	struct want w = { c, n };

	if (!has_bytes(&w) && !net_until(c->r->loop, has_bytes, &w))
		fail_msg("nothing came");
	if (c->got.len - c->at < n)
		fail_msg("%zu bytes came, want %zu%s", c->got.len - c->at, n,
			 c->ended ? " (ended)" : "");
	struct fl_slice got = fl_slice_of(c->got.ptr + c->at, n);
	c->at += n;
	return got;
}

static bool has_ended(void *ctx)
{
	struct client *c = ctx;
	look(c);
	return c->ended;
}

bool contains(struct fl_slice s, const char *text)
{
	return memmem(s.ptr, s.len, text, strlen(text)) != NULL;
}

bool client_ends(struct client *c)
{
	return net_until(c->r->loop, has_ended, c);
}

struct fl_slice client_read_head(struct client *c)
{
	size_t from = c->at, n = 0;

	while (n < 4 || memcmp(c->got.ptr + c->at - 4, "\r\n\r\n", 4) != 0) {
		client_read(c, 1);
		n++;
	}
	return fl_slice_of(c->got.ptr + from, c->at - from);
}

struct fl_slice client_frame(struct client *c, uint8_t type)
{
	struct fl_slice head = client_read(c, FL_DERP_HEADER_LEN);
	uint8_t got = 0;
	uint32_t len = 0;

	assert_int_equal(fl_derp_peek(head, FL_DERP_CLIENT_MAX, &got, &len), FL_OK);
	if (got != type)
		fail_msg("frame of type 0x%02x, want 0x%02x", got, type);
	return client_read(c, len);
}

/* Writes all, running the loop while the socket is full. */
void client_write(struct client *c, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t did = c->is_tls ? SSL_write(c->tls.ssl, at, (int)n)
					: send(c->fd, at, n, MSG_NOSIGNAL);
		if (did > 0) {
			at += did;
			n -= (size_t)did;
			continue;
		}
		if (!c->is_tls && errno != EAGAIN)
			return;
		if (c->is_tls && SSL_get_error(c->tls.ssl, (int)did) != SSL_ERROR_WANT_WRITE)
			return;
		fl_loop_poll(c->r->loop);
	}
}

void client_text(struct client *c, const char *text)
{
	client_write(c, text, strlen(text));
}

void client_hello(struct client *c)
{
	struct fl_derp_client_info info = { .version = 2, .can_ack_pings = true };
	const uint8_t *pub = fl_relay_public(fl_relay_standalone_relay(c->r->relay));
	struct fl_buf b = fl_buf_make(4096);
	uint8_t nonce[FL_BOX_NONCE_LEN];

	fl_random(nonce, sizeof nonce);
	assert_int_equal(fl_derp_client_info_seal(&c->priv, pub, nonce, &info, &b), FL_OK);
	client_write(c, b.ptr, b.len);
	fl_buf_done(&b);
}

void client_join(struct rig *r, struct client *c, uint8_t id, bool tls)
{
	client_dial(r, c, id, tls);
	client_text(c, tls ? "GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\n"
			     "Connection: Upgrade\r\nDerp-Fast-Start: 1\r\n\r\n"
			   : "GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\n"
			     "Connection: Upgrade\r\n\r\n");
	client_hello(c);
	if (!tls)
		client_read_head(c);
	client_frame(c, FL_DERP_SERVER_KEY);
	client_frame(c, FL_DERP_SERVER_INFO);
}

void client_send(struct client *c, const struct fl_node_key *dst, size_t len, uint8_t mark)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	uint8_t *p = malloc(len + 1);

	memset(p, mark, len);
	fl_derp_put_send(&b, dst, fl_slice_of(p, len));
	client_write(c, b.ptr, b.len);
	free(p);
	fl_buf_done(&b);
}

void client_expect(struct client *c, const struct client *from, size_t len, uint8_t mark)
{
	struct fl_derp_packet p;

	assert_int_equal(fl_derp_as_recv(client_frame(c, FL_DERP_RECV_PACKET), &p), FL_OK);
	assert_true(fl_node_key_eq(&p.key, &from->key));
	assert_int_equal(p.payload.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(p.payload.ptr[i], mark);
}
