/* SPDX-License-Identifier: BSD-3-Clause */
/* services/server/server.c - starts the parts in order, reloads some, stops them in reverse. */
#include "services/server/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/file.h"
#include "io/worker.h"
#include "services/config/check.h"
#include "services/server/internal.h"

enum {
	PATH_LEN = 4096,
	MIN_CAP = 113,
	FULL_NAME_MAX = 255, /* with both dots */
	SESSIONS_MAX = 1024, /* of one node */
};
#define IDENTITY_RENEWAL (7 * FL_DAY) /* the fast-start certificate is good for 30 */

/* docs/lifecycle.md section 1 */
static const struct fl_server_times usual_times = {
	.grace = 10 * FL_SEC,
	.keepalive = 50 * FL_SEC,
	.expiry_scan = 5 * FL_SEC,
	.hello = 10 * FL_SEC,
	.first_request = 10 * FL_SEC,
	.unanswered = 30 * FL_SEC,
	.http = { 10 * FL_SEC, 30 * FL_SEC, 120 * FL_SEC, 4 << 20, 200 },
};

/* debug.short_timers: nobody who tries what happens after a while wants to wait for it. */
static const struct fl_server_times short_times = {
	.grace = FL_SEC,
	.keepalive = 2 * FL_SEC,
	.expiry_scan = 200 * FL_MS,
	.hello = 2 * FL_SEC,
	.first_request = 2 * FL_SEC,
	.unanswered = 6 * FL_SEC,
	.http = { 2 * FL_SEC, 3 * FL_SEC, 120 * FL_SEC, 4 << 20, 200 },
};

static enum fl_err make_folder_of(const char *path, struct fl_fault *fault)
{
	char folder[PATH_LEN];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return FL_OK;
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
	return fl_dir_make(folder, 0750, fault);
}

static enum fl_err make_folders(const struct fl_config *c, struct fl_fault *fault)
{
	const char *const paths[] = { c->sqlite_path, c->noise_private_key_path,
				      c->derp_server.private_key_path, c->unix_socket };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		enum fl_err err = make_folder_of(paths[i], fault);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

/* ---- state and store ---- */

static enum fl_err open_core(struct fl_server *s, struct fl_fault *fault)
{
	const struct fl_config *c = s->config;
	const struct fl_store_config store_cfg = {
		.path = c->sqlite_path,
		.wal = c->sqlite_wal,
		.wal_autocheckpoint = c->sqlite_wal_autocheckpoint,
	};
	struct fl_state_config state_cfg = {
		.prefix4 = c->prefix4,
		.prefix6 = c->prefix6,
		.allocation = c->allocation,
		.base_domain = c->dns.base_domain,
		.node_expiry = c->node_expiry,
		.min_cap = MIN_CAP,
	};
	struct fl_store *store = NULL;
	struct fl_state *state = NULL;
	struct fl_registry *sessions = NULL;

	memcpy(state_cfg.seed, s->seed, sizeof state_cfg.seed);
	enum fl_err err = fl_store_open(&store_cfg, fault, &store);
	if (err == FL_OK && fl_state_new(&state_cfg, &state) != FL_OK)
		err = fl_fault_set(
			fault, FL_ERR_INVALID,
			"the state could not be set up: check prefixes and dns.base_domain");
	if (err == FL_OK)
		err = fl_store_load(store, state, fault);
	if (err == FL_OK &&
	    fl_registry_new(sizeof(fl_node_id), SESSIONS_MAX, s->seed, &sessions) != FL_OK)
		err = fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	if (err != FL_OK) {
		fl_registry_free(sessions);
		fl_state_free(state);
		fl_store_close(store);
		return err;
	}
	if (fl_core_init(&s->core, s->loop, state, store, sessions) != FL_OK)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	return FL_OK;
}

/* They can come from a longer dns.base_domain. Peers do not see such a node, and it gets no map. */
static void list_long_names(const struct fl_server *s)
{
	size_t base = strlen(s->config->dns.base_domain);
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(s->core.state, &nodes);

	for (size_t i = 0; i < count; i++)
		if (strlen(nodes[i]->given_name) + base + 2 > FULL_NAME_MAX)
			fl_log_warn("the node's full name is too long: give it a shorter one with "
				    "`fairlead nodes rename`",
				    FL_LU("node.id", nodes[i]->id),
				    FL_LS("node.name", nodes[i]->given_name));
}

/* Someone edited the database, or another program wrote it (TAG-6). */
static void list_orphan_keys(const struct fl_server *s)
{
	struct fl_preauth *const *keys;
	size_t count = fl_state_preauths(s->core.state, &keys);

	for (size_t i = 0; i < count; i++)
		if (fl_state_key_is_orphan(s->core.state, keys[i]))
			fl_log_warn("the pre auth key's user does not exist: delete it with "
				    "`fairlead preauthkeys delete`, and create a new one",
				    FL_LU("key.id", keys[i]->id), FL_LU("user.id", keys[i]->user));
}

static void list_orphans(const struct fl_server *s)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(s->core.state, &nodes);

	for (size_t i = 0; i < count; i++)
		if (fl_state_is_orphan(s->core.state, nodes[i]))
			fl_log_warn("the node's user does not exist: give it a tag with `fairlead "
				    "nodes tag`, or delete it",
				    FL_LU("node.id", nodes[i]->id),
				    FL_LS("node.name", nodes[i]->given_name),
				    FL_LU("user.id", nodes[i]->user));
}

/* ---- policy ---- */

static enum fl_err open_policies(struct fl_server *s, struct fl_fault *fault)
{
	const struct fl_config *c = s->config;
	const struct fl_policies_config cfg = {
		.mode = strcmp(c->policy_mode, "database") == 0 ? FL_POLICY_MODE_DATABASE
								: FL_POLICY_MODE_FILE,
		.path = c->policy_path,
		.domains = (const char *const *)c->policy_domains.at,
		.domains_len = c->policy_domains.len,
	};

	return fl_policies_new(&s->core, &cfg, fault, &s->policies);
}

/* A bad file is logged with its problems, and nothing changes (POL-1). */
static void reload_policy(struct fl_server *s)
{
	struct fl_policy_report report = { 0 };

	if (fl_policies_reload(s->policies, &report) != FL_OK)
		fl_log_error("the policy was not reloaded, the one in use stays");
	fl_policy_report_done(&report);
}

/* ---- relay ---- */

static bool admit(void *ctx, const struct fl_node_key *key, const struct fl_addrport *from)
{
	struct fl_server *s = ctx;
	return fl_control_knows(s->control, key, from);
}

/* Admission is asked at login only: who loses the right has to be put out. */
static void on_retired(void *ctx, const struct fl_node_key *key)
{
	struct fl_server *s = ctx;
	if (s->relay != NULL)
		fl_relay_revoke(s->relay, key);
}

static enum fl_err load_identity(struct fl_server *s, const struct fl_config *c,
				 struct fl_fault *fault, struct fl_relay_identity *out)
{
	char cert[PATH_LEN], key[PATH_LEN];
	struct fl_config_url url;
	struct fl_relay_identity_spec spec = {
		.cert_path = c->tls_cert_path,
		.key_path = c->tls_key_path,
		.now = fl_loop_wall(s->loop),
	};

	if (!fl_config_url_parse(c->server_url, &url))
		return fl_fault_set(fault, FL_ERR_INVALID, "server_url is not a URL");
	if (c->tls_cert_path[0] == '\0') {
		/* One for each host, so that another server_url gets a fitting one. */
		snprintf(cert, sizeof cert, "%s.%s.crt", c->derp_server.private_key_path, url.host);
		snprintf(key, sizeof key, "%s.%s.pem", c->derp_server.private_key_path, url.host);
		spec.cert_path = cert;
		spec.key_path = key;
		spec.may_make = true;
		spec.host = url.host;
	}
	enum fl_err err = fl_relay_identity_load(&spec, fault, out);
	if (err != FL_OK || s->relay == NULL)
		return err;
	if (fl_relay_identity_fast_start(out, fl_relay_public(s->relay), spec.now) != FL_OK)
		fl_log_warn("relay's fast start is off"); /* clients do without it */
	return FL_OK;
}

/* `fresh` is taken. */
static void swap_identity(struct fl_server *s, const struct fl_relay_identity *fresh)
{
	struct fl_relay_identity old = s->identity;

	s->identity = *fresh;
	fl_listener_tls(s->public_listener, fresh->tls);
	fl_relay_identity_done(&old);
}

/*
 * Shows another certificate under settings that may be new. Clients hear of its pin in a relay map
 * that is on its way before the first handshake with it. `fresh` is taken; on failure all stays.
 */
static enum fl_err show_identity(struct fl_server *s, const struct fl_config *c,
				 struct fl_relay_identity *fresh, struct fl_fault *fault)
{
	struct fl_relay_identity old = s->identity;
	struct fl_netmap_config *netmap;

	s->identity = *fresh; /* the map names its pin */
	enum fl_err err = fl_server_netmap(s, c, fault, &netmap);
	s->identity = old;
	if (err != FL_OK) {
		fl_relay_identity_done(fresh);
		return err;
	}
	fl_control_netmap(s->control, netmap);
	fl_netmap_config_unref(netmap);
	swap_identity(s, fresh);
	return FL_OK;
}

static void on_renew(void *ctx)
{
	struct fl_server *s = ctx;
	struct fl_fault fault = { "" };
	struct fl_relay_identity fresh;

	fl_timer_start(&s->renew_timer, IDENTITY_RENEWAL);
	enum fl_err err = load_identity(s, s->config, &fault, &fresh);
	/* Mostly only the dated certificate behind it is new: that needs no map. */
	if (err == FL_OK && fresh.self_made == s->identity.self_made &&
	    memcmp(fresh.pin, s->identity.pin, sizeof fresh.pin) == 0)
		swap_identity(s, &fresh);
	else if (err == FL_OK)
		err = show_identity(s, s->config, &fresh, &fault);
	if (err != FL_OK)
		fl_log_warn("certificate not renewed", FL_LS("reason", fault.text));
}

static enum fl_err open_stun(struct fl_server *s, struct fl_fault *fault)
{
	struct fl_addrport at;

	if (fl_config_listen_parse(s->config->derp_server.stun_listen_addr, &at) != FL_OK)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "derp.server.stun_listen_addr is not an address and port");
	return fl_stun_new(s->loop, &at, false, fault, &s->stun);
}

static enum fl_err open_relay(struct fl_server *s, struct fl_fault *fault)
{
	const struct fl_config *c = s->config;
	struct fl_relay_config cfg = {
		.admit_ctx = s,
		.verify_fail_open = c->derp_server.verify_client_url_fail_open,
		.rate_bytes = c->derp_server.rate_limit,
		.rate_burst = c->derp_server.rate_burst,
	};
	enum fl_err err = FL_OK;

	if (c->derp_server.enabled) {
		err = fl_relay_key_load(c->derp_server.private_key_path, fault, &cfg.key);
		if (c->derp_server.verify_client_url[0] != '\0')
			cfg.verify_url = c->derp_server.verify_client_url;
		if (c->derp_server.verify_clients) {
			cfg.admit = admit;
			fl_core_on_retired(&s->core, on_retired, s);
		}
		if (err == FL_OK)
			err = fl_relay_new(s->loop, &cfg, fault, &s->relay);
		fl_wipe(&cfg.key, sizeof cfg.key);
		if (err == FL_OK)
			err = open_stun(s, fault);
	}
	if (err == FL_OK)
		err = load_identity(s, c, fault, &s->identity);
	return err;
}

/* ---- control ---- */

static uint32_t workers(const struct fl_config *c)
{
	unsigned usual = fl_worker_usual();

	if (c->io_workers >= 0)
		return (uint32_t)c->io_workers;
	return usual < FL_IO_WORKERS_MAX ? usual : FL_IO_WORKERS_MAX;
}

static enum fl_err open_control(struct fl_server *s, struct fl_fault *fault)
{
	const struct fl_config *c = s->config;
	struct fl_control_config cfg = {
		.server_url = c->server_url,
		.min_cap = MIN_CAP,
		.ephemeral_timeout = c->ephemeral_timeout,
		.pending_ttl = c->register_cache_expiration,
		.pending_max = c->register_cache_max,
		.strangers_per_source = c->strangers_per_source,
		.workers = workers(c),
		.grace = s->times->grace,
		.keepalive = s->times->keepalive,
		.expiry_scan = s->times->expiry_scan,
		.probe_interval = c->probe_interval,
		.probe_limit = c->probe_limit,
		.first_request = s->times->first_request,
		.unanswered = s->times->unanswered,
		.inner_limits = s->times->http,
	};
	struct fl_netmap_config *netmap = NULL;

	memcpy(cfg.seed, s->seed, sizeof cfg.seed);
	enum fl_err err = fl_server_noise_key(c->noise_private_key_path, fault, &cfg.noise_key);
	if (err == FL_OK)
		err = fl_server_records_read(c, fault, &s->records);
	if (err == FL_OK)
		err = fl_server_netmap(s, c, fault, &netmap);
	if (err == FL_OK && fl_control_new(&s->core, &cfg, netmap, &s->control) != FL_OK)
		err = fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	fl_netmap_config_unref(netmap);
	fl_wipe(&cfg, sizeof cfg);
	if (err == FL_OK &&
	    (fl_api_new(s->control, s->seed, &s->api) != FL_OK ||
	     fl_control_trust(s->control, c->trusted_proxies, c->trusted_proxies_count) != FL_OK))
		err = fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	if (err == FL_OK)
		fl_api_policies(s->api, s->policies);
	return err;
}

/* ---- start, reload, stop ---- */

static enum fl_err start(struct fl_server *s, struct fl_fault *fault)
{
	enum fl_err err = make_folders(s->config, fault);
	if (err == FL_OK)
		err = open_core(s, fault);
	if (err == FL_OK) {
		list_long_names(s);
		list_orphans(s);
		list_orphan_keys(s);
		err = open_policies(s, fault);
	}
	if (err == FL_OK)
		err = open_relay(s, fault);
	if (err == FL_OK)
		err = fl_server_relaymap_start(s, true, fault);
	if (err == FL_OK)
		err = open_control(s, fault);
	if (err == FL_OK)
		err = fl_timer_init(&s->renew_timer, s->loop, on_renew, s);
	if (err == FL_OK)
		err = fl_server_listen(s, fault);
	if (err == FL_OK)
		fl_timer_start(&s->renew_timer, IDENTITY_RENEWAL);
	if (err == FL_OK)
		fl_server_records_watch(s);
	return err;
}

enum fl_err fl_server_start(struct fl_loop *loop, struct fl_config *config, struct fl_fault *fault,
			    struct fl_server **out)
{
	struct fl_server *s = calloc(1, sizeof *s);
	if (s == NULL) {
		fl_config_free(config);
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	}
	s->loop = loop;
	s->config = config;
	s->times = config->short_timers ? &short_times : &usual_times;
	fl_random(s->seed, sizeof s->seed);
	fl_http_group_init(&s->conns);
	enum fl_err err = start(s, fault);
	if (err != FL_OK) {
		fl_server_stop(s, 0);
		return err;
	}
	*out = s;
	return FL_OK;
}

struct fl_addrport fl_server_at(const struct fl_server *s)
{
	return fl_listener_at(s->public_listener);
}

struct fl_control *fl_server_control(struct fl_server *s)
{
	return s->control;
}

struct fl_policies *fl_server_policies(struct fl_server *s)
{
	return s->policies;
}

static void note_restart_keys(const struct fl_config *old, const struct fl_config *fresh,
			      struct fl_fault *fault)
{
	char text[sizeof fault->text - 32];
	struct fl_buf names = fl_buf_over(text, sizeof text);

	fl_config_restart_keys(old, fresh, &names);
	if (names.len > 0)
		fl_fault_write(fault, "changed, but only a restart applies it: %.*s",
			       (int)names.len, text);
}

/* Everything new is prepared before anything old is let go. */
enum fl_err fl_server_reload(struct fl_server *s, struct fl_config *config, struct fl_fault *fault)
{
	struct fl_relay_identity identity;
	struct fl_records fresh = { 0 }, old = s->records;

	enum fl_err err = fl_server_records_read(config, fault, &fresh);
	if (err == FL_OK)
		err = load_identity(s, config, fault, &identity);
	if (err == FL_OK) {
		s->records = fresh; /* the map for all names them */
		err = show_identity(s, config, &identity, fault);
	}
	if (err != FL_OK) {
		s->records = old;
		fl_records_done(&fresh);
		fl_config_free(config);
		return err;
	}
	fl_records_done(&old);
	fl_log_level_set(config->log_level);
	if (fl_control_trust(s->control, config->trusted_proxies, config->trusted_proxies_count) !=
	    FL_OK)
		fl_log_warn("trusted proxies kept as they were: out of memory");
	note_restart_keys(s->config, config, fault);
	fl_config_free(s->config);
	s->config = config;
	fl_server_records_watch(s);
	reload_policy(s);
	if (fl_server_relaymap_start(s, false, fault) != FL_OK)
		fl_log_warn("relay maps stay as they are", FL_LS("reason", fault->text));
	return FL_OK;
}

struct fl_server *fl_server_stop(struct fl_server *s, int64_t grace)
{
	const struct fl_derp_restarting restarting = { .reconnect_in_ms = 1000,
						       .try_for_ms = 10000 };

	if (s == NULL)
		return NULL;
	fl_server_unlisten(s);
	fl_timer_done(&s->renew_timer);
	fl_server_relaymap_stop(s);
	fl_server_records_stop(s);
	if (s->control != NULL)
		fl_control_stop(s->control);
	if (s->relay != NULL)
		fl_relay_stop(s->relay, &restarting, grace);
	s->api = fl_api_free(s->api);
	s->control = fl_control_free(s->control);
	fl_http_group_close(&s->conns);
	s->relay = fl_relay_free(s->relay);
	s->stun = fl_stun_free(s->stun);
	fl_relay_identity_done(&s->identity);
	s->policies = fl_policies_free(s->policies);
	fl_core_done(&s->core);
	fl_config_free(s->config);
	fl_wipe(s->seed, sizeof s->seed);
	free(s);
	return NULL;
}
