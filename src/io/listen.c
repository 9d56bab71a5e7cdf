/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/listen.c - accepting, telling protocols apart, TLS handshakes, limits per source.
 *
 * An accepted connection is a visitor until it has shown what it speaks; visitors wait under one
 * timer each. Then it becomes a stream, and only its count stays here until it closes.
 */
#include "io/listen.h"

#include "base/map.h"
#include "io/listen_bind.h"
#include "io/sockaddr.h"
#include "io/stream_impl.h"
#include "io/tls_peer_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	ACCEPTS_PER_EVENT = 64,
	TLS_HANDSHAKE_RECORD = 0x16,
};

#define ACCEPT_PAUSE (100 * FL_MS) /* when out of descriptors */
#define ALERT_LINGER (2 * FL_SEC)

struct source {
	uint8_t key[FL_IP_SOURCE_LEN];
	uint32_t open;
};

struct fl_listener {
	struct fl_loop *loop;
	struct fl_listen_config cfg; /* unix_path is our copy; `at` the bound address */
	uv_poll_t poll;
	int fd;
	struct fl_timer pause;
	struct fl_list visitors;
	struct fl_map sources; /* key -> struct source, while it has connections */
	struct fl_listener_stats stats;
	struct fl_listen_file file;
	bool closed, poll_closed;
};

struct visitor {
	struct fl_list link;
	struct fl_listener *listener;
	struct fl_sock *sock;
	struct fl_timer timer;
};

/* ---- counting ---- */

static bool counts_sources(const struct fl_listener *l)
{
	return l->cfg.per_source_max > 0 && l->cfg.unix_path == NULL;
}

static enum fl_err count_source(struct fl_listener *l, const struct fl_ip *ip)
{
	uint8_t key[FL_IP_SOURCE_LEN];

	fl_ip_source(ip, key);
	struct source *src = fl_map_find(&l->sources, key);
	if (src == NULL) {
		src = calloc(1, sizeof *src);
		if (src == NULL)
			return FL_ERR_NOMEM;
		memcpy(src->key, key, sizeof key);
		if (fl_map_put(&l->sources, key, src) != FL_OK) {
			free(src);
			return FL_ERR_NOMEM;
		}
	}
	if (src->open >= l->cfg.per_source_max)
		return FL_ERR_FULL;
	src->open++;
	return FL_OK;
}

static void uncount_source(struct fl_listener *l, const struct fl_ip *ip)
{
	uint8_t key[FL_IP_SOURCE_LEN];

	fl_ip_source(ip, key);
	struct source *src = fl_map_find(&l->sources, key);
	if (--src->open == 0)
		free(fl_map_take(&l->sources, key));
}

static enum fl_err count_in(struct fl_listener *l, const struct fl_addrport *peer)
{
	if (l->cfg.conn_max > 0 && l->stats.open >= l->cfg.conn_max)
		return FL_ERR_FULL;
	if (counts_sources(l)) {
		enum fl_err err = count_source(l, &peer->ip);
		if (err != FL_OK)
			return err;
	}
	l->stats.open++;
	return FL_OK;
}

static void release_if_done(struct fl_listener *l)
{
	if (!l->poll_closed || l->stats.open > 0)
		return;
	fl_map_done(&l->sources);
	fl_tls_server_unref(l->cfg.tls);
	fl_tls_peer_unref(l->cfg.peer);
	free((char *)(uintptr_t)l->cfg.unix_path);
	free(l);
}

static void count_out(struct fl_listener *l, const struct fl_addrport *peer)
{
	if (counts_sources(l))
		uncount_source(l, &peer->ip);
	l->stats.open--;
}

static void leave_place(void *ctx, const struct fl_addrport *peer)
{
	count_out(ctx, peer);
	release_if_done(ctx); /* the last stream of a closed listener */
}

/* ---- visitors ---- */

static void visitor_free(struct visitor *v)
{
	fl_list_del(&v->link);
	fl_timer_done(&v->timer);
	free(v);
}

static void turn_away(struct visitor *v, uint64_t *counter)
{
	struct fl_sock *k = v->sock;

	++*counter;
	visitor_free(v);
	fl_sock_drop(k);
}

static void welcome(struct visitor *v)
{
	struct fl_listener *l = v->listener;
	struct fl_sock *k = v->sock;

	if (k->ssl != NULL && SSL_version(k->ssl) == TLS1_3_VERSION)
		l->stats.tls13++;
	else if (k->ssl != NULL)
		l->stats.tls12++;
	visitor_free(v);
	fl_sock_open(k);
	l->cfg.on_accept(l->cfg.ctx, &k->base);
}

/* The alert behind the failure is worth a moment: without it the peer learns nothing. */
static void fail_handshake(struct visitor *v, enum fl_err err)
{
	struct fl_listener *l = v->listener;
	struct fl_sock *k = v->sock;
	struct fl_fault why;

	if (l->cfg.peer == NULL) {
		turn_away(v, &l->stats.failed_tls);
		return;
	}
	l->stats.failed_tls++;
	fl_tls_peer_why(l->cfg.peer, err, l->loop->tls_error, &why);
	const struct fl_addrport from = k->peer;
	visitor_free(v);
	fl_stream_close(&k->base, err == FL_ERR_CLOSED ? 0 : ALERT_LINGER);
	if (l->cfg.on_refused != NULL)
		l->cfg.on_refused(l->cfg.ctx, &from, why.text);
}

static void on_visitor_timeout(void *ctx)
{
	struct visitor *v = ctx;

	if (v->sock->ssl != NULL)
		fail_handshake(v, FL_ERR_TIMEOUT);
	else
		turn_away(v, &v->listener->stats.failed_hello);
}

static void on_handshake(struct fl_sock *k, int events)
{
	struct visitor *v = k->event_ctx;

	enum fl_err err = fl_sock_tls_step(k, events);
	if (err == FL_OK)
		welcome(v);
	else if (err != FL_MORE)
		fail_handshake(v, err);
}

/*
 * The decision between protocols on one port. It sees the first byte that waits in the socket;
 * server name and ALPN of a ClientHello would be looked at here too.
 */
static enum fl_listen_mode tell_apart(const struct fl_listener *l, uint8_t first)
{
	if (l->cfg.mode != FL_LISTEN_BOTH)
		return l->cfg.mode;
	return first == TLS_HANDSHAKE_RECORD ? FL_LISTEN_TLS : FL_LISTEN_PLAIN;
}

static void on_first_byte(struct fl_sock *k, int events)
{
	struct visitor *v = k->event_ctx;
	struct fl_listener *l = v->listener;
	uint8_t first;

	(void)events;
	ssize_t n = recv(k->fd, &first, 1, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		fl_sock_arm(k, UV_READABLE);
		return;
	}
	if (n <= 0) {
		turn_away(v, &l->stats.failed_hello);
		return;
	}
	if (tell_apart(l, first) == FL_LISTEN_PLAIN) {
		welcome(v);
		return;
	}
	SSL_CTX *ctx =
		l->cfg.peer != NULL ? fl_tls_peer_ctx(l->cfg.peer) : fl_tls_server_ctx(l->cfg.tls);
	if (fl_sock_tls_start(k, ctx, false) != FL_OK) {
		turn_away(v, &l->stats.failed_tls);
		return;
	}
	k->on_event = on_handshake;
	on_handshake(k, events);
}

/* A visitor that has yet to say its first byte. */
static enum fl_err visitor_new(struct fl_listener *l, struct fl_sock *k)
{
	struct visitor *v = calloc(1, sizeof *v);
	if (v == NULL)
		return FL_ERR_NOMEM;
	if (fl_timer_init(&v->timer, l->loop, on_visitor_timeout, v) != FL_OK) {
		free(v);
		return FL_ERR_NOMEM;
	}
	v->listener = l;
	v->sock = k;
	k->event_ctx = v;
	k->on_event = on_first_byte;
	fl_list_push(&l->visitors, &v->link);
	fl_timer_start(&v->timer, l->cfg.hello_timeout);
	fl_sock_arm(k, UV_READABLE);
	return FL_OK;
}

/* ---- accepting ---- */

/* Who wants to keep all places needs to come faster than a handshake takes. */
static bool make_room(struct fl_listener *l)
{
	struct fl_list *oldest = l->cfg.drop_oldest ? fl_list_pop(&l->visitors) : NULL;

	if (oldest == NULL)
		return false;
	turn_away(fl_list_entry(oldest, struct visitor, link), &l->stats.refused_limit);
	return true;
}

static enum fl_err find_place(struct fl_listener *l, const struct fl_addrport *peer)
{
	enum fl_err err = count_in(l, peer);

	if (err == FL_ERR_FULL && l->stats.open >= l->cfg.conn_max && make_room(l))
		err = count_in(l, peer);
	return err;
}

static void receive(struct fl_listener *l, int fd, const struct fl_addrport *peer)
{
	struct fl_sock *k;

	if (find_place(l, peer) != FL_OK) {
		l->stats.refused_limit++;
		close(fd);
		return;
	}
	if (fl_sock_new(l->loop, fd, l->cfg.unix_path == NULL, peer, &k) != FL_OK) {
		l->stats.accept_errors++;
		count_out(l, peer);
		return;
	}
	k->place = (struct fl_stream_place){ .leave = leave_place, .ctx = l };
	if (l->cfg.pending_max > 0)
		k->out_max = l->cfg.pending_max;
	l->stats.accepted++;
	if (l->cfg.mode == FL_LISTEN_PLAIN)
		l->cfg.on_accept(l->cfg.ctx, &k->base);
	else if (visitor_new(l, k) != FL_OK)
		fl_sock_drop(k);
}

static void on_connection(uv_poll_t *h, int status, int events);

static void on_pause_over(void *ctx)
{
	struct fl_listener *l = ctx;
	uv_poll_start(&l->poll, UV_READABLE, on_connection);
}

/* Out of descriptors or memory: waiting connections stay in the backlog meanwhile. */
static void pause_accepting(struct fl_listener *l)
{
	l->stats.accept_errors++;
	uv_poll_stop(&l->poll);
	fl_timer_start(&l->pause, ACCEPT_PAUSE);
}

static bool is_passing(int e)
{
	return e == EINTR || e == ECONNABORTED || e == EPROTO || e == ENETDOWN || e == EHOSTDOWN ||
	       e == ENETUNREACH || e == EHOSTUNREACH || e == EPERM;
}

static void on_connection(uv_poll_t *h, int status, int events)
{
	struct fl_listener *l = h->data;

	(void)events;
	if (status < 0) { /* the error has stopped the poll */
		pause_accepting(l);
		return;
	}
	for (int i = 0; i < ACCEPTS_PER_EVENT && !l->closed; i++) {
		struct sockaddr_storage sa = { 0 };
		socklen_t len = sizeof sa;
		int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && is_passing(errno))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				pause_accepting(l);
			return;
		}
		struct fl_addrport peer = fl_sockaddr_read(&sa);
		receive(l, fd, &peer);
	}
}

/* ---- life ---- */

static enum fl_err seed_sources(struct fl_listener *l)
{
	uint8_t seed[16];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return FL_ERR_IO;
	fl_map_init(&l->sources, FL_IP_SOURCE_LEN, seed);
	return FL_OK;
}

static enum fl_err start(struct fl_listener *l, struct fl_fault *fault)
{
	enum fl_err err = fl_listen_bind(&l->cfg, fault, &l->fd, &l->file);
	if (err != FL_OK)
		return err;
	err = fl_timer_init(&l->pause, l->loop, on_pause_over, l);
	if (err != FL_OK)
		return err;
	if (uv_poll_init(&l->loop->uv, &l->poll, l->fd) != 0)
		return FL_ERR_IO;
	l->poll.data = l;
	if (!l->cfg.later)
		uv_poll_start(&l->poll, UV_READABLE, on_connection);
	return FL_OK;
}

enum fl_err fl_listener_new(struct fl_loop *loop, const struct fl_listen_config *cfg,
			    struct fl_fault *fault, struct fl_listener **out)
{
	struct fl_listener *l = calloc(1, sizeof *l);
	if (l == NULL)
		return FL_ERR_NOMEM;

	l->loop = loop;
	l->cfg = *cfg;
	l->cfg.tls = fl_tls_server_ref(cfg->tls);
	l->cfg.peer = fl_tls_peer_ref(cfg->peer);
	if (l->cfg.hello_timeout <= 0)
		l->cfg.hello_timeout = FL_LISTEN_HELLO_DEFAULT;
	l->fd = -1;
	l->poll_closed = true; /* until there is one */
	fl_list_init(&l->visitors);

	enum fl_err err = seed_sources(l);
	if (cfg->unix_path != NULL) {
		l->cfg.unix_path = strdup(cfg->unix_path);
		if (l->cfg.unix_path == NULL)
			err = FL_ERR_NOMEM;
	}
	if (err == FL_OK)
		err = start(l, fault);
	if (err != FL_OK) {
		fl_timer_done(&l->pause);
		fl_listen_unbind(&l->cfg, l->fd, &l->file);
		release_if_done(l);
		return err;
	}
	l->poll_closed = false;
	*out = l;
	return FL_OK;
}

void fl_listener_begin(struct fl_listener *l, struct fl_tls_peer *peer)
{
	struct fl_tls_peer *old = l->cfg.peer;

	l->cfg.peer = fl_tls_peer_ref(peer);
	fl_tls_peer_unref(old);
	uv_poll_start(&l->poll, UV_READABLE, on_connection);
}

struct fl_addrport fl_listener_at(const struct fl_listener *l)
{
	return l->cfg.at;
}

void fl_listener_tls(struct fl_listener *l, struct fl_tls_server *tls)
{
	struct fl_tls_server *old = l->cfg.tls;

	l->cfg.tls = fl_tls_server_ref(tls);
	fl_tls_server_unref(old);
}

void fl_listener_stats(const struct fl_listener *l, struct fl_listener_stats *out)
{
	*out = l->stats;
	out->open_max = l->cfg.conn_max;
}

static void on_poll_closed(uv_handle_t *h)
{
	struct fl_listener *l = h->data;

	l->poll_closed = true;
	release_if_done(l);
}

struct fl_listener *fl_listener_close(struct fl_listener *l)
{
	if (l == NULL)
		return NULL;
	l->closed = true;
	fl_timer_done(&l->pause);
	uv_close((uv_handle_t *)&l->poll, on_poll_closed); /* forgets the descriptor at once */
	fl_listen_unbind(&l->cfg, l->fd, &l->file);
	fl_list_each(it, &l->visitors)
		turn_away(fl_list_entry(it, struct visitor, link), &l->stats.failed_hello);
	return NULL;
}
