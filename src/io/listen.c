/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/listen.c - accepting, telling protocols apart, TLS handshakes, limits per source.
 *
 * An accepted connection is a visitor until it has shown what it speaks; visitors wait under one
 * timer each. Then it becomes a stream, and only its count stays here until it closes.
 */
#include "io/listen.h"

#include "base/map.h"
#include "io/file.h"
#include "io/sockaddr.h"
#include "io/stream_impl.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,
	ACCEPTS_PER_EVENT = 64,
	TLS_HANDSHAKE_RECORD = 0x16,
	SOURCE_LEN = 16,
};

#define ACCEPT_PAUSE (100 * FL_MS) /* when out of descriptors */

struct source {
	uint8_t key[SOURCE_LEN];
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
	struct stat unix_stat; /* to remove only our own socket file */
	bool closed, poll_closed;
};

struct visitor {
	struct fl_list link;
	struct fl_listener *listener;
	struct fl_sock *sock;
	struct fl_timer timer;
};

/* ---- counting ---- */

/* Who an address stands for: an IPv4 address, or the /64 that one IPv6 site has. */
static void source_key(const struct fl_ip *ip, uint8_t key[static SOURCE_LEN])
{
	memset(key, 0, SOURCE_LEN);
	if (ip->family == FL_IP_V4) {
		memcpy(key, ip->b, 4);
		key[SOURCE_LEN - 1] = 4;
	} else {
		memcpy(key, ip->b, 8);
		key[SOURCE_LEN - 1] = 6;
	}
}

static bool counts_sources(const struct fl_listener *l)
{
	return l->cfg.per_source_max > 0 && l->cfg.unix_path == NULL;
}

static enum fl_err count_source(struct fl_listener *l, const struct fl_ip *ip)
{
	uint8_t key[SOURCE_LEN];

	source_key(ip, key);
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
	uint8_t key[SOURCE_LEN];

	source_key(ip, key);
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
	free((char *)(uintptr_t)l->cfg.unix_path);
	free(l);
}

static void count_out(struct fl_listener *l, const struct fl_addrport *peer)
{
	if (counts_sources(l))
		uncount_source(l, &peer->ip);
	l->stats.open--;
	release_if_done(l);
}

static void on_gone(void *ctx, const struct fl_sock *k)
{
	count_out(ctx, &k->peer);
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

	visitor_free(v);
	fl_sock_open(k);
	l->cfg.on_accept(l->cfg.ctx, &k->base);
}

static void on_visitor_timeout(void *ctx)
{
	struct visitor *v = ctx;
	struct fl_listener_stats *stats = &v->listener->stats;

	turn_away(v, v->sock->ssl != NULL ? &stats->failed_tls : &stats->failed_hello);
}

static void on_handshake(struct fl_sock *k, int events)
{
	struct visitor *v = k->event_ctx;

	(void)events;
	if (k->base.loop->handshakes_left <= 0)
		return; /* the socket stays readable; next tick */
	k->base.loop->handshakes_left--;

	enum fl_err err = fl_sock_tls_step(k);
	if (err == FL_OK)
		welcome(v);
	else if (err != FL_MORE)
		turn_away(v, &v->listener->stats.failed_tls);
	else
		fl_sock_arm(k, UV_READABLE | (k->out_len > 0 ? UV_WRITABLE : 0));
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
	if (fl_sock_tls_accept(k, l->cfg.tls) != FL_OK) {
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

static void receive(struct fl_listener *l, int fd, const struct fl_addrport *peer)
{
	struct fl_sock *k;

	if (count_in(l, peer) != FL_OK) {
		l->stats.refused_limit++;
		close(fd);
		return;
	}
	if (fl_sock_new(l->loop, fd, l->cfg.unix_path == NULL, peer, &k) != FL_OK) {
		l->stats.accept_errors++;
		count_out(l, peer);
		return;
	}
	k->on_gone = on_gone;
	k->gone_ctx = l;
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

	(void)status;
	(void)events;
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

/* ---- binding ---- */

static enum fl_err bind_fault(struct fl_fault *fault, const char *where)
{
	int e = errno;
	enum fl_err err = fl_err_of_errno(e);

	switch (err) {
	case FL_ERR_BUSY:
		return fl_fault_set(
			fault, err,
			"cannot listen on %s: another program uses it; stop that one or "
			"configure another address",
			where);
	case FL_ERR_DENIED:
		return fl_fault_set(fault, err,
				    "cannot listen on %s: %s; ports below 1024 need "
				    "CAP_NET_BIND_SERVICE",
				    where, strerror(e));
	default:
		return fl_fault_set(fault, FL_ERR_IO,
				    "cannot listen on %s: %s; check that this machine has the "
				    "address",
				    where, strerror(e));
	}
}

static enum fl_err bind_tcp(struct fl_listener *l, struct fl_fault *fault)
{
	char where[FL_ADDRPORT_TEXT_MAX];
	struct sockaddr_storage sa;
	socklen_t len;
	int on = 1;

	l->fd = fl_socket_open(&l->cfg.at, SOCK_STREAM, &sa, &len);
	fl_addrport_format(&l->cfg.at, where);
	if (l->fd < 0)
		return bind_fault(fault, where);
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(l->fd, (struct sockaddr *)&sa, len) != 0 || listen(l->fd, BACKLOG) != 0)
		return bind_fault(fault, where);
	l->cfg.at = fl_sockaddr_bound(l->fd);
	return FL_OK;
}

/* A socket file that nobody answers on is left over from a crash. */
static bool is_stale(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	int rc = connect(fd, (const struct sockaddr *)un, sizeof *un);
	bool stale = rc != 0 && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static enum fl_err make_parent(const char *path, struct fl_fault *fault)
{
	char folder[sizeof((struct sockaddr_un *)0)->sun_path];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return FL_OK;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	return fl_dir_make(folder, 0750, fault);
}

static enum fl_err bind_unix(struct fl_listener *l, struct fl_fault *fault)
{
	const char *path = l->cfg.unix_path;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;

	if (strlen(path) >= sizeof un.sun_path)
		return fl_fault_set(fault, FL_ERR_IO,
				    "the socket path %s is longer than %zu bytes; choose a "
				    "shorter one",
				    path, sizeof un.sun_path - 1);
	memcpy(un.sun_path, path, strlen(path));

	enum fl_err err = make_parent(path, fault);
	if (err != FL_OK)
		return err;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && is_stale(&un))
		(void)unlink(path);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Between bind and listen nobody can connect, so the mode is right from the start. */
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&un, sizeof un) != 0)
		return bind_fault(fault, path);
	if (chmod(path, l->cfg.unix_mode) != 0 || listen(l->fd, BACKLOG) != 0 ||
	    lstat(path, &l->unix_stat) != 0)
		return bind_fault(fault, path);
	return FL_OK;
}

/* ---- life ---- */

static enum fl_err seed_sources(struct fl_listener *l)
{
	uint8_t seed[16];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return FL_ERR_IO;
	fl_map_init(&l->sources, SOURCE_LEN, seed);
	return FL_OK;
}

static enum fl_err start(struct fl_listener *l, struct fl_fault *fault)
{
	enum fl_err err = l->cfg.unix_path != NULL ? bind_unix(l, fault) : bind_tcp(l, fault);
	if (err != FL_OK)
		return err;
	err = fl_timer_init(&l->pause, l->loop, on_pause_over, l);
	if (err != FL_OK)
		return err;
	if (uv_poll_init(&l->loop->uv, &l->poll, l->fd) != 0)
		return FL_ERR_IO;
	l->poll.data = l;
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
		if (l->fd >= 0)
			close(l->fd);
		release_if_done(l);
		return err;
	}
	l->poll_closed = false;
	*out = l;
	return FL_OK;
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
}

static void on_poll_closed(uv_handle_t *h)
{
	struct fl_listener *l = h->data;

	l->poll_closed = true;
	release_if_done(l);
}

static void remove_socket_file(const struct fl_listener *l)
{
	struct stat st;

	if (l->cfg.unix_path == NULL || lstat(l->cfg.unix_path, &st) != 0)
		return;
	if (st.st_ino == l->unix_stat.st_ino && st.st_dev == l->unix_stat.st_dev)
		(void)unlink(l->cfg.unix_path);
}

struct fl_listener *fl_listener_close(struct fl_listener *l)
{
	if (l == NULL)
		return NULL;
	l->closed = true;
	remove_socket_file(l);
	fl_timer_done(&l->pause);
	uv_close((uv_handle_t *)&l->poll, on_poll_closed);
	close(l->fd);
	fl_list_each(it, &l->visitors)
		turn_away(fl_list_entry(it, struct visitor, link), &l->stats.failed_hello);
	return NULL;
}
