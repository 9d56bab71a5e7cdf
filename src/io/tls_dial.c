/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/tls_dial.c - outgoing connections to peers: name, then TCP and TLS to one address after the
 * other.
 *
 * At any moment exactly one of these is pending: the start, the name, a connect, a handshake. One
 * timer bounds it; what ends it leads to the next or to the answer, always from the loop.
 */
#include "io/resolve.h"
#include "io/sockaddr.h"
#include "io/stream_impl.h"
#include "io/tls_peer_impl.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ALERT_LINGER (2 * FL_SEC) /* or the peer learns nothing of what we dislike */

struct fl_tls_dial {
	struct fl_loop *loop;
	struct fl_tls_peer *peer;
	struct fl_tls_judge judge;
	struct fl_deferred start;
	struct fl_resolve *resolve;
	struct fl_connect *connect;
	struct fl_sock *sock; /* shaking hands */
	struct fl_timer timer;
	fl_time until;
	uint16_t port;
	struct sockaddr_storage at[FL_RESOLVE_MAX];
	size_t count, next;
	struct fl_fault why; /* of the last attempt */
	void (*done)(void *ctx, enum fl_err err, const char *why, struct fl_stream *s);
	void *ctx;
	char host[FL_RESOLVE_NAME_MAX + 1], server_name[FL_RESOLVE_NAME_MAX + 1]; /* or empty */
};

static void release(struct fl_tls_dial *d)
{
	fl_deferred_cancel(&d->start);
	fl_resolve_cancel(d->resolve);
	fl_connect_cancel(d->connect);
	if (d->sock != NULL)
		fl_sock_drop(d->sock);
	fl_timer_done(&d->timer);
	fl_tls_peer_unref(d->peer);
	free(d);
}

static void finish(struct fl_tls_dial *d, enum fl_err err, struct fl_stream *s)
{
	void (*done)(void *, enum fl_err, const char *, struct fl_stream *) = d->done;
	const struct fl_fault why = d->why;
	void *ctx = d->ctx;

	release(d);
	done(ctx, err, err == FL_OK ? NULL : why.text, s);
}

/* ---- one address ---- */

static void set_port(struct sockaddr_storage *sa, uint16_t port)
{
	if (sa->ss_family == AF_INET6)
		((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)sa)->sin_port = htons(port);
}

static const char *no_way(enum fl_err err)
{
	switch ((int)err) {
	case FL_ERR_CLOSED:
		return "the connection was refused; does the device listen there?";
	case FL_ERR_TIMEOUT:
		return "no answer in time";
	case FL_ERR_IO:
		return "there is no way to it (a link-local address needs its interface)";
	default:
		return fl_err_text(err);
	}
}

static void try_next(struct fl_tls_dial *d);

/* Notes why the address in hand is no good, and goes on unless nothing can come of it. */
static void attempt_failed(struct fl_tls_dial *d, enum fl_err err, const char *why)
{
	const struct fl_addrport at = fl_sockaddr_read(&d->at[d->next - 1]);
	char where[FL_ADDRPORT_TEXT_MAX];

	fl_addrport_format(&at, where);
	fl_fault_write(&d->why, "%s: %s", where, why);
	if (err == FL_ERR_CRYPTO || d->next == d->count || fl_loop_now(d->loop) >= d->until)
		finish(d, err, NULL);
	else
		try_next(d);
}

static void handshake_failed(struct fl_tls_dial *d, enum fl_err err)
{
	struct fl_stream *s = &d->sock->base;
	struct fl_fault why;
	bool refused = ERR_GET_LIB(d->loop->tls_error) == ERR_LIB_SSL &&
		       ERR_GET_REASON(d->loop->tls_error) == SSL_R_CERTIFICATE_VERIFY_FAILED;

	fl_tls_peer_why(d->peer, err, d->loop->tls_error, &why);
	fl_tls_peer_set_judge(d->sock->ssl, NULL);
	d->sock = NULL;
	fl_stream_close(s, refused ? ALERT_LINGER : 0);
	attempt_failed(d, refused ? FL_ERR_CRYPTO : err, why.text);
}

static void after_step(struct fl_tls_dial *d, enum fl_err err)
{
	struct fl_sock *k = d->sock;

	if (err == FL_MORE)
		return;
	if (err != FL_OK) {
		handshake_failed(d, err);
		return;
	}
	fl_tls_peer_set_judge(k->ssl, NULL);
	d->sock = NULL;
	fl_sock_open(k);
	finish(d, FL_OK, &k->base);
}

static void on_handshake(struct fl_sock *k, int events)
{
	after_step(k->event_ctx, fl_sock_tls_step(k, events));
}

static bool begin_tls(struct fl_tls_dial *d, struct fl_sock *k)
{
	if (fl_sock_tls_start(k, fl_tls_peer_ctx(d->peer), true) != FL_OK)
		return false;
	if (d->judge.judge != NULL)
		fl_tls_peer_set_judge(k->ssl, &d->judge);
	return d->server_name[0] == '\0' || SSL_set_tlsext_host_name(k->ssl, d->server_name) == 1;
}

static void on_connected(void *ctx, enum fl_err err, struct fl_stream *s)
{
	struct fl_tls_dial *d = ctx;

	d->connect = NULL;
	if (err != FL_OK) {
		attempt_failed(d, err, no_way(err));
		return;
	}
	struct fl_sock *k = fl_stream_sock(s);
	if (!begin_tls(d, k)) {
		fl_sock_drop(k);
		attempt_failed(d, FL_ERR_NOMEM, fl_err_text(FL_ERR_NOMEM));
		return;
	}
	d->sock = k;
	k->on_event = on_handshake;
	k->event_ctx = d;
	err = fl_sock_tls_shake(k); /* our hello */
	if (err == FL_MORE)
		fl_sock_arm(k, UV_READABLE | (k->out_len > 0 ? UV_WRITABLE : 0));
	after_step(d, err);
}

static void try_next(struct fl_tls_dial *d)
{
	int64_t left = d->until - fl_loop_now(d->loop);
	const struct sockaddr_storage *at = &d->at[d->next];

	fl_timer_start(&d->timer, left / (int64_t)(d->count - d->next));
	d->next++;
	enum fl_err err = fl_connect_to(d->loop, at, 0, on_connected, d, &d->connect);
	if (err != FL_OK)
		attempt_failed(d, err, no_way(err));
}

/* ---- all of it ---- */

static void on_timeout(void *ctx)
{
	struct fl_tls_dial *d = ctx;

	d->connect = fl_connect_cancel(d->connect);
	if (d->sock != NULL) {
		d->loop->tls_error = 0;
		handshake_failed(d, FL_ERR_TIMEOUT);
	} else if (d->next > 0) {
		attempt_failed(d, FL_ERR_TIMEOUT, no_way(FL_ERR_TIMEOUT));
	} else {
		fl_fault_write(&d->why, "the name %s was not found in time", d->host);
		finish(d, FL_ERR_TIMEOUT, NULL);
	}
}

static void on_resolved(void *ctx, enum fl_err err, const char *why,
			const struct sockaddr_storage *at, size_t count)
{
	struct fl_tls_dial *d = ctx;

	d->resolve = NULL; /* it goes by itself now */
	if (err != FL_OK) {
		fl_fault_write(&d->why, "the name %s was not found: %s", d->host, why);
		finish(d, err, NULL);
		return;
	}
	memcpy(d->at, at, count * sizeof *at);
	d->count = count;
	for (size_t i = 0; i < count; i++)
		set_port(&d->at[i], d->port);
	try_next(d);
}

static void on_start(void *ctx)
{
	struct fl_tls_dial *d = ctx;

	if (d->count > 0) {
		try_next(d);
		return;
	}
	enum fl_err err = fl_resolve(d->loop, d->host, on_resolved, d, &d->resolve);
	if (err == FL_OK)
		return;
	fl_fault_write(&d->why, "the name %s cannot be looked up: %s", d->host, fl_err_text(err));
	finish(d, err, NULL);
}

static void set_address(struct fl_tls_dial *d, const struct fl_tls_dial_to *to)
{
	struct fl_addrport at = to->at;

	if (to->host != NULL && fl_ip_parse(fl_slice_str(to->host), &at.ip) != FL_OK)
		return; /* a name */
	(void)fl_sockaddr_of(&at, &d->at[0]);
	if (d->at[0].ss_family == AF_INET6 && fl_ip_is_link_local(&at.ip))
		((struct sockaddr_in6 *)&d->at[0])->sin6_scope_id = to->scope;
	d->count = 1;
}

/* Addresses are no names, and the root has no place in SNI (RFC 6066 3). */
static void set_server_name(struct fl_tls_dial *d, const char *name)
{
	struct fl_ip ip;
	size_t len = strlen(name);

	if (strchr(name, ':') != NULL || fl_ip_parse(fl_slice_str(name), &ip) == FL_OK)
		return;
	if (len > 0 && name[len - 1] == '.')
		len--;
	memcpy(d->server_name, name, len);
}

static bool too_long(const char *name)
{
	return name != NULL && strlen(name) > FL_RESOLVE_NAME_MAX;
}

enum fl_err fl_tls_dial(struct fl_loop *l, struct fl_tls_peer *t, const struct fl_tls_dial_to *to,
			void (*done)(void *ctx, enum fl_err err, const char *why,
				     struct fl_stream *s),
			void *ctx, struct fl_tls_dial **out)
{
	if (too_long(to->host) || too_long(to->server_name))
		return FL_ERR_INVALID;
	struct fl_tls_dial *d = calloc(1, sizeof *d);
	if (d == NULL)
		return FL_ERR_NOMEM;
	if (fl_timer_init(&d->timer, l, on_timeout, d) != FL_OK) {
		free(d);
		return FL_ERR_NOMEM;
	}
	d->loop = l;
	d->peer = fl_tls_peer_ref(t);
	d->judge = (struct fl_tls_judge){ .judge = to->judge, .ctx = to->judge_ctx };
	d->port = to->at.port;
	d->done = done;
	d->ctx = ctx;
	if (to->host != NULL)
		memcpy(d->host, to->host, strlen(to->host));
	if (to->server_name != NULL)
		set_server_name(d, to->server_name);
	set_address(d, to);
	d->until = fl_loop_now(l) + to->timeout;
	fl_timer_start(&d->timer, to->timeout);
	d->start = (struct fl_deferred){ .fn = on_start, .ctx = d };
	fl_loop_defer(l, &d->start);
	*out = d;
	return FL_OK;
}

struct fl_tls_dial *fl_tls_dial_cancel(struct fl_tls_dial *d)
{
	if (d != NULL)
		release(d);
	return NULL;
}
