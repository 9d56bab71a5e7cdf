/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/control.c - puts the parts together, starts and stops them. */
#include "services/control/internal.h"

#include <stdlib.h>

#include "base/log.h"

enum {
	SCANS_A_RECONCILIATION = 12, /* a minute */
	SCANS_A_SWEEP = 60,          /* five minutes */
};
#define SWEEP_AFTER (15 * FL_MIN)

/* ---- expiry: announced once per node, by a window that follows the calendar ---- */

/* What was announced in a tick that could not be stored was taken back with it. */
static void on_expiry_told(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct fl_control *c = ctx;

	(void)fault;
	if (err == FL_OK)
		c->expiry_scanned = c->expiry_upto;
}

/*
 * Announces what has passed by `now`; how many, SIZE_MAX: out of memory, and the next scan asks for
 * the same window again. When the clock was set back, what has expired for everybody has not, for
 * now. Neither is it known then what passed since the last scan, before and after: announcing twice
 * is harmless, not announcing is not.
 */
static size_t announce_expiries(struct fl_control *c, fl_wall now)
{
	struct fl_state *s = c->core->state;
	int64_t unseen = 2 * c->cfg.expiry_scan;

	if (now >= c->expiry_scanned)
		return fl_state_expire_scan(s, c->expiry_scanned, now);
	size_t ahead = fl_state_expiry_undo(s, now, c->expiry_scanned + unseen);
	size_t passed = fl_state_expire_scan(s, now - unseen, now);
	return ahead == SIZE_MAX || passed == SIZE_MAX ? SIZE_MAX : ahead + passed;
}

static void scan_expiry(void *ctx)
{
	struct fl_control *c = ctx;
	fl_wall now = fl_loop_wall(c->core->loop);

	size_t told = announce_expiries(c, now);
	if (told == 0) {
		c->expiry_scanned = now;
	} else if (told != SIZE_MAX) {
		c->expiry_upto = now;
		fl_core_wait(c->core, &c->expiry_wait);
	}
	if (++c->expiry_scans % SCANS_A_RECONCILIATION == 0)
		fl_ephemeral_reconcile(c);
	if (c->expiry_scans % SCANS_A_SWEEP == 0)
		fl_registry_sweep(c->core->sessions, fl_loop_now(c->core->loop), SWEEP_AFTER);
	fl_timer_start(&c->expiry_timer, c->cfg.expiry_scan);
}

/* ---- start and stop ---- */

static bool knows_machine(void *ctx, const struct fl_machine_key *machine)
{
	const struct fl_control *c = ctx;
	return fl_state_knows_machine(c->core->state, machine);
}

static enum fl_err start_parts(struct fl_control *c)
{
	const struct fl_http_router inner = {
		.routes = fl_control_inner_routes,
		.count = fl_control_inner_routes_count,
		.ctx = c,
		.on_answer = fl_control_log_request,
	};
	fl_noise_server_init(&c->noise, c->core->loop, &c->cfg.noise_key, c->cfg.min_cap, &inner);
	c->noise.common.limits = c->cfg.inner_limits;
	c->noise.common.limits.idle_timeout = FL_NOISE_IDLE_MAX;
	c->noise.knows = knows_machine;
	c->noise.knows_ctx = c;
	fl_strangers_init(&c->noise.strangers, c->cfg.strangers_per_source, c->cfg.seed);
	if (c->cfg.first_request != 0)
		c->noise.common.first_request = c->cfg.first_request;
	if (c->cfg.unanswered != 0)
		c->noise.common.keepalive.unanswered = c->cfg.unanswered;
	fl_pings_init(&c->pings, c->cfg.seed);
	enum fl_err err = fl_noise_server_start(&c->noise, c->cfg.workers);
	if (err == FL_OK)
		err = fl_pending_init(&c->pending, c->core->loop, c->cfg.pending_max,
				      c->cfg.pending_ttl, c->cfg.seed);
	if (err == FL_OK)
		err = fl_ssh_checks_init(&c->ssh, c->core->loop, c->cfg.pending_max,
					 c->cfg.pending_ttl, c->cfg.seed);
	if (err == FL_OK)
		err = fl_mapframe_new(&c->framer);
	if (err == FL_OK)
		err = fl_fragments_new(c->core, c->framer, c->cfg.seed, &c->fragments);
	if (err == FL_OK)
		err = fl_timer_init(&c->expiry_timer, c->core->loop, scan_expiry, c);
	if (err == FL_OK)
		err = fl_prober_init(&c->prober, c, c->cfg.seed);
	if (err == FL_OK)
		err = fl_control_hold_init(c);
	if (err == FL_OK)
		err = fl_ephemeral_init(c);
	return err;
}

/* ---- a tick's changes ---- */

static void on_changes(void *ctx, const struct fl_change *changes, size_t count)
{
	struct fl_control *c = ctx;

	for (size_t i = 0; i < count; i++)
		fl_trace_change(&c->trace, c->core->loop, &changes[i]);
	fl_control_ssh_follow(c, changes, count);
	fl_control_distribute(c, changes, count);
}

/* Inside Noise clients take https addresses for Noise, and send others in clear. */
static char *https_form(const char *url)
{
	struct fl_buf b = fl_buf_make(4096);
	const char *rest = strstr(url, "://");

	fl_buf_printf(&b, "https%s", rest != NULL ? rest : "://");
	char *text = fl_buf_err(&b) == FL_OK ? fl_str_dup(fl_buf_slice(&b)) : NULL;
	fl_buf_done(&b);
	return text;
}

enum fl_err fl_control_new(struct fl_core *core, const struct fl_control_config *cfg,
			   struct fl_netmap_config *netmap, struct fl_control **out)
{
	struct fl_control *c = calloc(1, sizeof *c);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->core = core;
	c->cfg = *cfg;
	c->netmap = fl_netmap_config_ref(netmap);
	fl_list_init(&c->view.sessions);
	fl_list_init(&c->leaving);
	fl_rng_init(&c->rng, (uint64_t)cfg->seed[0] << 56 | (uint64_t)fl_loop_wall(core->loop));
	c->server_url = fl_str_dup(fl_slice_str(cfg->server_url));
	c->noise_url = https_form(cfg->server_url);
	enum fl_err err =
		c->server_url != NULL && c->noise_url != NULL ? start_parts(c) : FL_ERR_NOMEM;
	if (err != FL_OK) {
		fl_control_free(c);
		return err;
	}
	c->cfg.server_url = c->server_url;
	c->expiry_scanned = fl_loop_wall(core->loop);
	c->expiry_wait = (struct fl_core_wait){ .fn = on_expiry_told, .ctx = c };
	fl_timer_start(&c->expiry_timer, c->cfg.expiry_scan);
	fl_core_listen(core, on_changes, c);
	*out = c;
	return FL_OK;
}

void fl_control_stop(struct fl_control *c)
{
	struct fl_fault fault = { "" };

	c->stopping = true;
	fl_timer_stop(&c->expiry_timer);
	fl_prober_stop(&c->prober);
	fl_pings_close(&c->pings);
	fl_noise_server_goaway(&c->noise);
	fl_control_restart_sessions(c);
	fl_control_hold_forget(c);
	fl_presence_stop(c);
	fl_ephemeral_done(c);
	fl_map_init(&c->ephemerals, sizeof(fl_node_id), c->cfg.seed);
	if (fl_core_flush(c->core, &fault) != FL_OK)
		fl_log_error("last changes could not be stored", FL_LS("reason", fault.text));
}

struct fl_control *fl_control_free(struct fl_control *c)
{
	if (c == NULL)
		return NULL;
	fl_core_listen(c->core, NULL, NULL);
	fl_core_wait_cancel(&c->expiry_wait);
	fl_noise_server_done(&c->noise);
	fl_presence_stop(c);
	fl_pending_done(&c->pending);
	fl_ssh_checks_done(&c->ssh);
	fl_ephemeral_done(c);
	fl_prober_done(&c->prober);
	fl_pings_done(&c->pings);
	fl_timer_done(&c->expiry_timer);
	fl_timer_done(&c->hold_timer);
	fl_fragments_free(c->fragments);
	fl_mapframe_free(c->framer);
	fl_netmap_config_unref(c->netmap);
	fl_wipe(&c->cfg, sizeof c->cfg);
	free(c->server_url);
	free(c->noise_url);
	free(c);
	return NULL;
}

void fl_control_netmap(struct fl_control *c, struct fl_netmap_config *netmap)
{
	struct fl_netmap_config *old = c->netmap;
	bool derp_map = !fl_netmap_config_same_derp(old, netmap);
	bool dns = !fl_netmap_config_same_dns(old, netmap);
	bool entries = !fl_netmap_config_same_fragments(old, netmap) ||
		       !fl_netmap_config_same_self(old, netmap) ||
		       (dns && (fl_netmap_config_personal_dns(old) ||
				fl_netmap_config_personal_dns(netmap)));

	c->netmap = fl_netmap_config_ref(netmap);
	fl_netmap_config_unref(old);
	fl_fragments_drop_all(c->fragments);
	if (entries)
		fl_control_restart_sessions(c);
	else if (derp_map || dns)
		fl_control_broadcast_config(c, derp_map, dns);
}

struct fl_core *fl_control_core(struct fl_control *c)
{
	return c->core;
}

enum fl_err fl_control_trust(struct fl_control *c, const struct fl_prefix *at, size_t count)
{
	return fl_trusted_set(&c->noise.trusted, at, count);
}

struct fl_ip fl_control_client(const struct fl_control *c, const struct fl_http *x)
{
	return fl_trusted_client_of(&c->noise.trusted, x);
}

bool fl_control_knows(void *control, const struct fl_node_key *key, const struct fl_addrport *from)
{
	struct fl_control *c = control;

	(void)from;
	return fl_state_node_by_key(c->core->state, key) != NULL;
}

/* ---- interactive registrations ---- */

size_t fl_control_pending(struct fl_control *c, struct fl_pending_info *out, size_t cap)
{
	size_t n = 0;

	fl_list_each(it, &c->pending.records)
	{
		const struct fl_pending *p = fl_list_entry(it, struct fl_pending, link);
		if (n == cap)
			break;
		out[n] = (struct fl_pending_info){
			.machine = p->machine,
			.key = p->key,
			.hostname = p->hostinfo->hostname,
			.os = p->hostinfo->os,
			.since = p->since,
		};
		fl_str_copy(out[n].id, sizeof out[n].id, fl_slice_str(p->id));
		n++;
	}
	return n;
}

static enum fl_err find_pending(struct fl_control *c, struct fl_slice id, struct fl_fault *fault,
				struct fl_pending **out)
{
	if (!fl_authreq_valid(id))
		return fl_fault_set(
			fault, FL_ERR_INVALID,
			"not a registration id: expected hskey-authreq- and 24 characters, "
			"as the login page shows it");
	struct fl_pending *p = fl_pending_find(&c->pending, id);
	if (p == NULL)
		return fl_fault_set(fault, FL_ERR_NOT_FOUND,
				    "no login waits under this id: it was answered or has expired; "
				    "start the login again on the machine");
	*out = p;
	return FL_OK;
}

/* The followers hear the verdict only once the node is stored. */
struct approval {
	struct fl_control *control;
	struct fl_core_wait wait;
	char id[FL_AUTHREQ_TEXT_MAX];
};

static void on_approved(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct approval *a = ctx;
	struct fl_pending *p = fl_pending_find(&a->control->pending, fl_slice_str(a->id));

	(void)fault;
	if (err == FL_OK && p != NULL)
		fl_pending_resolve(&a->control->pending, p, FL_OK);
	free(a);
}

enum fl_err fl_control_approve(struct fl_control *c, struct fl_slice auth_id, fl_user_id user,
			       struct fl_fault *fault, fl_node_id *out)
{
	struct fl_pending *p;
	enum fl_err err = find_pending(c, auth_id, fault, &p);
	if (err != FL_OK)
		return err;
	struct approval *a = calloc(1, sizeof *a);
	if (a == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");

	const struct fl_approval approve = {
		.machine = p->machine,
		.key = p->key,
		.cap = p->cap,
		.ephemeral = p->ephemeral,
		.expiry = p->expiry,
		.hostinfo = p->hostinfo,
		.user = user,
		.method = FL_REGISTER_CLI,
	};
	err = fl_state_approve(c->core->state, fl_loop_wall(c->core->loop), &approve, fault, out);
	if (err != FL_OK) {
		free(a);
		return err;
	}
	a->control = c;
	a->wait = (struct fl_core_wait){ .fn = on_approved, .ctx = a };
	memcpy(a->id, p->id, sizeof a->id);
	fl_core_wait(c->core, &a->wait);
	return FL_OK;
}

enum fl_err fl_control_reject(struct fl_control *c, struct fl_slice auth_id, struct fl_fault *fault)
{
	struct fl_pending *p;
	enum fl_err err = find_pending(c, auth_id, fault, &p);
	if (err == FL_OK)
		fl_pending_resolve(&c->pending, p, FL_ERR_NOT_FOUND);
	return err;
}
