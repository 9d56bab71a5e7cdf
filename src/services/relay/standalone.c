/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/standalone.c - a whole relay process on one loop. */
#include "services/relay/standalone_impl.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/prim.h"
#include "io/file.h"
#include "wire/json.h"

#include <stdlib.h>

enum {
	RATE_FILE_MAX = 4096,
	RATE_FILE_DEPTH = 4,
};

static const int64_t hello_timeout = 10 * FL_SEC;
static const int64_t meta_renewal = 7 * FL_DAY; /* the fast-start certificate lives 30 days */
static const int64_t renew_warning = 30 * FL_DAY;

/* ---- certificates ---- */

static void warn_of_end(const struct fl_relay_standalone *s)
{
	char text[FL_RFC3339_MAX];

	if (s->identity.not_after - fl_loop_wall(s->loop) > renew_warning)
		return;
	fl_wall_format(s->identity.not_after, text);
	fl_log_warn("relay certificate ends soon", FL_LS("not after", text));
}

/*
 * Only the start may make a certificate: clients know a self-made one by its pin, so it must not
 * change under them while nobody looks.
 */
static enum fl_err load_tls(const struct fl_relay_standalone *s, bool may_make,
			    struct fl_fault *fault, struct fl_relay_identity *out)
{
	struct fl_relay_identity_spec spec = {
		.cert_path = s->cert_path,
		.key_path = s->key_path,
		.may_make = may_make,
		.host = s->host,
		.now = fl_loop_wall(s->loop),
	};
	return fl_relay_identity_load(&spec, fault, out);
}

/* Clients do without it: only a round trip is lost. */
static void add_fast_start(struct fl_relay_standalone *s, struct fl_relay_identity *id)
{
	enum fl_err err =
		fl_relay_identity_fast_start(id, fl_relay_public(s->relay), fl_loop_wall(s->loop));
	if (err != FL_OK)
		fl_log_warn("relay's fast start is off", FL_LS("why", fl_err_text(err)));
}

/* `id` is taken. */
static void use_tls(struct fl_relay_standalone *s, struct fl_relay_identity *id)
{
	add_fast_start(s, id);
	fl_relay_identity_done(&s->identity);
	s->identity = *id;
	fl_listener_tls(s->listener, id->tls);
	warn_of_end(s);
}

static void on_renew(void *ctx)
{
	struct fl_relay_standalone *s = ctx;
	struct fl_relay_identity id;
	struct fl_fault fault;

	if (s->cert_path != NULL && load_tls(s, false, &fault, &id) == FL_OK)
		use_tls(s, &id);
	else if (s->cert_path != NULL)
		fl_log_warn("relay certificate not read again", FL_LS("why", fault.text));
	fl_timer_start(&s->renew, meta_renewal);
}

/* ---- the rate file ---- */

struct rate {
	uint64_t bytes, burst;
};

static enum fl_err parse_rate(struct fl_slice text, struct rate *out)
{
	struct fl_json *doc;
	enum fl_err err = fl_json_parse(text, RATE_FILE_DEPTH, &doc);
	if (err != FL_OK)
		return err;
	struct fl_jv root = fl_json_root(doc);
	struct rate rate = {
		.bytes = fl_json_u64(fl_json_get(root, "PerClientRateLimitBytesPerSec"),
				     INT32_MAX * (uint64_t)1024),
		.burst = fl_json_u64(fl_json_get(root, "PerClientRateBurstBytes"), INT32_MAX),
	};
	err = fl_json_err(doc);
	fl_json_free(doc);
	if (err == FL_OK)
		*out = rate;
	return err;
}

static enum fl_err load_rate(const struct fl_relay_standalone *s, struct fl_fault *fault,
			     struct rate *out)
{
	struct fl_buf b = fl_buf_make(RATE_FILE_MAX);

	enum fl_err err = fl_file_read(s->rate_path, RATE_FILE_MAX, fault, &b);
	if (err == FL_OK) {
		err = parse_rate(fl_buf_slice(&b), out);
		if (err != FL_OK)
			err = fl_fault_set(fault, FL_ERR_INVALID, "%s: not a rate file: %s",
					   s->rate_path, fl_err_text(err));
	}
	fl_buf_done(&b);
	return err;
}

/* ---- allowed keys ---- */

static bool is_allowed(void *ctx, const struct fl_node_key *key, const struct fl_addrport *from)
{
	const struct fl_relay_standalone *s = ctx;

	(void)from;
	return fl_relay_allow_has(&s->allow, key);
}

static void use_allow(struct fl_relay_standalone *s, const struct fl_relay_allow *fresh)
{
	struct fl_relay_allow old = s->allow;

	s->allow = *fresh;
	for (size_t i = 0; i < old.len; i++)
		if (!fl_relay_allow_has(fresh, &old.at[i]))
			fl_relay_revoke(s->relay, &old.at[i]);
	fl_relay_allow_done(&old);
}

/* All are read before one is used, so that they are of one mind. */
static enum fl_err load_files(struct fl_relay_standalone *s, bool tls, bool may_make,
			      struct fl_fault *fault)
{
	struct fl_relay_allow allow = { 0 };
	struct fl_relay_identity id;
	struct rate rate = { 0 };
	enum fl_err err = FL_OK;

	if (s->rate_path != NULL)
		err = load_rate(s, fault, &rate);
	if (err == FL_OK && s->allow_path != NULL)
		err = fl_relay_allow_load(s->allow_path, fault, &allow);
	if (err == FL_OK && tls)
		err = load_tls(s, may_make, fault, &id);
	if (err != FL_OK) {
		fl_relay_allow_done(&allow);
		return err;
	}
	if (s->rate_path != NULL)
		fl_relay_rate(s->relay, rate.bytes, rate.burst);
	use_allow(s, &allow);
	if (tls)
		use_tls(s, &id);
	return FL_OK;
}

/* ---- connections ---- */

static bool may_accept(struct fl_relay_standalone *s)
{
	if (s->accept_rate == 0)
		return true;
	int64_t step = FL_SEC / s->accept_rate;
	int64_t burst = s->accept_burst > 0 ? s->accept_burst : 1;
	fl_time now = fl_loop_now(s->loop);
	fl_time full = s->accept_full > now ? s->accept_full : now;

	if (full + step - burst * step > now)
		return false;
	s->accept_full = full + step;
	return true;
}

static void serve(struct fl_stream *stream, const struct fl_http_router *router, void *ctx)
{
	enum fl_err err =
		fl_http1_serve(stream, fl_slice_of(NULL, 0), router, &fl_http_limits_default, ctx);
	if (err != FL_OK)
		fl_log_warn("connection refused", FL_LS("why", fl_err_text(err)));
}

static void on_accept(void *ctx, struct fl_stream *stream)
{
	struct fl_relay_standalone *s = ctx;

	if (may_accept(s)) {
		serve(stream, fl_stream_is_tls(stream) ? &s->router : &s->clear_router, s);
		return;
	}
	s->accept_refused++;
	fl_stream_close(stream, 0);
}

static void on_accept_http(void *ctx, struct fl_stream *stream)
{
	struct fl_relay_standalone *s = ctx;
	serve(stream, &s->http_router, s);
}

static void on_accept_metrics(void *ctx, struct fl_stream *stream)
{
	struct fl_relay_standalone *s = ctx;
	serve(stream, &s->metrics_router, s);
}

static enum fl_err listen_plain(struct fl_relay_standalone *s, const struct fl_addrport *at,
				void (*accept)(void *ctx, struct fl_stream *stream),
				struct fl_fault *fault, struct fl_listener **out)
{
	struct fl_listen_config l = { .at = *at,
				      .mode = FL_LISTEN_PLAIN,
				      .conn_max = 1024,
				      .per_source_max = 64,
				      .hello_timeout = hello_timeout,
				      .on_accept = accept,
				      .ctx = s };
	return fl_ip_is_set(&at->ip) ? fl_listener_new(s->loop, &l, fault, out) : FL_OK;
}

/* The TLS settings come later, but before the loop accepts anybody. */
static enum fl_err listen_all(struct fl_relay_standalone *s,
			      const struct fl_relay_standalone_config *cfg, struct fl_fault *fault)
{
	/* One address must not take every place; behind loopback stand proxies and tests. */
	uint32_t all = cfg->conn_max > 0 ? cfg->conn_max : fl_listen_conn_max();
	uint32_t one = cfg->per_source_max == 0 && !fl_ip_is_loopback(&cfg->at.ip)
			       ? all / 2
			       : cfg->per_source_max;
	struct fl_listen_config l = { .at = cfg->at,
				      .mode = cfg->mode,
				      .conn_max = all,
				      .per_source_max = one,
				      .hello_timeout = hello_timeout,
				      .on_accept = on_accept,
				      .ctx = s };

	enum fl_err err = fl_listener_new(s->loop, &l, fault, &s->listener);
	if (err == FL_OK)
		err = listen_plain(s, &cfg->http_at, on_accept_http, fault, &s->http);
	if (err == FL_OK)
		err = listen_plain(s, &cfg->metrics_at, on_accept_metrics, fault, &s->metrics);
	return err;
}

/* ---- life ---- */

static bool copy_str(char **to, const char *from)
{
	if (from == NULL)
		return true;
	*to = fl_str_dup(fl_slice_str(from));
	return *to != NULL;
}

static enum fl_err copy_paths(struct fl_relay_standalone *s,
			      const struct fl_relay_standalone_config *cfg)
{
	bool ok = copy_str(&s->host, cfg->host != NULL ? cfg->host : "localhost") &&
		  copy_str(&s->cert_path, cfg->cert_path) &&
		  copy_str(&s->key_path, cfg->key_path != NULL ? cfg->key_path : cfg->cert_path) &&
		  copy_str(&s->rate_path, cfg->rate_path) &&
		  copy_str(&s->allow_path, cfg->allow_path);
	return ok ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err make_relay(struct fl_relay_standalone *s,
			      const struct fl_relay_standalone_config *cfg, struct fl_fault *fault)
{
	struct fl_relay_config rc = cfg->relay;

	if (cfg->allow_path != NULL) {
		rc.admit = is_allowed;
		rc.admit_ctx = s;
	}
	enum fl_err err = cfg->relay_key_path != NULL
				  ? fl_relay_key_load(cfg->relay_key_path, fault, &rc.key)
				  : fl_private_key_new(&rc.key);
	if (err == FL_OK)
		err = fl_relay_new(s->loop, &rc, fault, &s->relay);
	fl_wipe(&rc.key, sizeof rc.key);
	return err;
}

/*
 * The TCP ports are opened first, before OpenSSL is loaded: who connects meanwhile waits for some
 * milliseconds and is not refused, and what fails most often (a port that is taken) is known before
 * keys are read or made. STUN draws random numbers and comes after.
 */
static enum fl_err start(struct fl_relay_standalone *s,
			 const struct fl_relay_standalone_config *cfg, struct fl_fault *fault)
{
	enum fl_err err = copy_paths(s, cfg);
	if (err == FL_OK)
		err = fl_timer_init(&s->renew, s->loop, on_renew, s);
	if (err == FL_OK)
		err = listen_all(s, cfg, fault);
	if (err == FL_OK && fl_crypto_init() != FL_OK)
		err = fl_fault_set(fault, FL_ERR_IO, FL_CRYPTO_MISSING);
	if (err == FL_OK && fl_ip_is_set(&cfg->stun_at.ip))
		err = fl_stun_new(s->loop, &cfg->stun_at, cfg->stun_answer_any, fault, &s->stun);
	if (err == FL_OK)
		err = make_relay(s, cfg, fault);
	if (err == FL_OK)
		fl_relay_standalone_routers(s);
	if (err == FL_OK)
		err = load_files(s, cfg->mode != FL_LISTEN_PLAIN, s->made_cert, fault);
	if (err == FL_OK && cfg->mode != FL_LISTEN_PLAIN)
		fl_timer_start(&s->renew, meta_renewal);
	return err;
}

enum fl_err fl_relay_standalone_start(struct fl_loop *loop,
				      const struct fl_relay_standalone_config *cfg,
				      struct fl_fault *fault, struct fl_relay_standalone **out)
{
	struct fl_relay_standalone *s = calloc(1, sizeof *s);
	if (s == NULL)
		return FL_ERR_NOMEM;

	s->loop = loop;
	s->made_cert = cfg->self_signed || cfg->cert_path == NULL;
	s->accept_rate = cfg->accept_rate;
	s->accept_burst = cfg->accept_burst;
	fl_http_group_init(&s->conns);
	enum fl_err err = start(s, cfg, fault);
	if (err != FL_OK) {
		fl_relay_standalone_stop(s, 0);
		return err;
	}
	*out = s;
	return FL_OK;
}

enum fl_err fl_relay_standalone_reload(struct fl_relay_standalone *s, struct fl_fault *fault)
{
	return load_files(s, s->identity.tls != NULL && s->cert_path != NULL, false, fault);
}

static struct fl_listener *close_listener(struct fl_listener *l)
{
	return l != NULL ? fl_listener_close(l) : NULL;
}

struct fl_relay_standalone *fl_relay_standalone_stop(struct fl_relay_standalone *s, int64_t linger)
{
	const struct fl_derp_restarting restarting = { .reconnect_in_ms = 500,
						       .try_for_ms = 30000 };

	if (s == NULL)
		return NULL;
	s->listener = close_listener(s->listener);
	s->http = close_listener(s->http);
	s->metrics = close_listener(s->metrics);
	s->stun = fl_stun_free(s->stun);
	fl_http_group_close(&s->conns);
	if (s->relay != NULL)
		fl_relay_stop(s->relay, &restarting, linger);
	fl_relay_free(s->relay);
	fl_timer_done(&s->renew);
	fl_relay_identity_done(&s->identity);
	free(s->host);
	free(s->cert_path);
	free(s->key_path);
	free(s->rate_path);
	free(s->allow_path);
	fl_relay_allow_done(&s->allow);
	free(s);
	return NULL;
}

struct fl_addrport fl_relay_standalone_at(const struct fl_relay_standalone *s)
{
	return fl_listener_at(s->listener);
}

struct fl_addrport fl_relay_standalone_stun_at(const struct fl_relay_standalone *s)
{
	return s->stun != NULL ? fl_stun_at(s->stun) : (struct fl_addrport){ 0 };
}

struct fl_addrport fl_relay_standalone_http_at(const struct fl_relay_standalone *s)
{
	return s->http != NULL ? fl_listener_at(s->http) : (struct fl_addrport){ 0 };
}

struct fl_relay *fl_relay_standalone_relay(struct fl_relay_standalone *s)
{
	return s->relay;
}
