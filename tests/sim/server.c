/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/server.c - puts the real services together as services/server does, and takes them
 * down.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sim.h"

enum { MIN_CAP = 113, MAP_MAX = 4 << 10, SESSIONS_MAX = 1024 };
/* As if a session were many: changes wait for each other in small worlds too. */
#define FRAME_COST      (300 * FL_US)
#define FRAME_COST_TINY (4 * FL_MS)

const char server_db[] = "fairlead.db";

static void must(enum fl_err err, const char *what, const struct fl_fault *fault)
{
	if (err != FL_OK)
		violation("INV-05", "the server does not start: %s: %s: %s", what, fl_err_text(err),
			  fault->text);
}

static struct fl_prefix prefix(const char *text)
{
	struct fl_prefix p;

	if (fl_prefix_parse(fl_slice_str(text), &p) != FL_OK)
		abort();
	return p;
}

static void seed_bytes(uint8_t out[static 32])
{
	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(sim.plan.seed >> (8 * (i % 8)));
}

/* ---- settings ---- */

static struct fl_netmap_config *settings(unsigned derp, unsigned dns)
{
	char map[MAP_MAX], value[24];
	struct fl_fault fault = { "" };
	struct fl_netmap_config *out;
	const struct fl_netmap_record record = { .name = "db.sim.example",
						 .type = "A",
						 .value = value };
	struct fl_netmap_spec spec = {
		.base_domain = "sim.example",
		.prefix4 = prefix("100.64.0.0/10"),
		.prefix6 = prefix("fd7a:115c:a1e0::/48"),
		.magic_dns = true,
		.records = &record,
		.records_count = 1,
	};

	snprintf(value, sizeof value, "10.0.0.%u", 1 + dns % 250);
	int n = snprintf(map, sizeof map,
			 "{\"Regions\":{\"1\":{\"RegionID\":1,\"RegionCode\":\"one\",\"Nodes\":[]},"
			 "\"2\":{\"RegionID\":2,\"RegionCode\":\"v%u\",\"Nodes\":[]}}}",
			 derp);
	spec.derp_map = fl_slice_of(map, (size_t)n);
	must(fl_netmap_config_new(&spec, &fault, &out), "settings", &fault);
	return out;
}

void server_settings(unsigned derp, unsigned dns)
{
	struct server *s = &sim.server;
	struct fl_netmap_config *fresh = settings(derp, dns);

	s->derp = derp;
	s->dns = dns;
	fl_control_netmap(s->control, fresh);
	fl_netmap_config_unref(s->netmap);
	s->netmap = fresh;
}

/* ---- start ---- */

static struct fl_state_config state_config(void)
{
	struct fl_state_config cfg = {
		.prefix4 = prefix("100.64.0.0/10"),
		.prefix6 = sim.server.only_ip4 ? (struct fl_prefix){ .bits = 0 }
					       : prefix("fd7a:115c:a1e0::/48"),
		.allocation = sim.plan.random_addresses ? FL_IP_RANDOM : FL_IP_SEQUENTIAL,
		.base_domain = "sim.example",
		.node_expiry = sim.plan.node_expiry,
		.min_cap = MIN_CAP,
	};
	seed_bytes(cfg.seed);
	return cfg;
}

struct fl_state *server_read(const char *name, struct fl_store **out_store)
{
	const struct fl_store_config store_cfg = { .path = name,
						   .wal = sim.plan.wal,
						   .wal_autocheckpoint = 50 };
	const struct fl_state_config state_cfg = state_config();
	struct fl_fault fault = { "" };
	struct fl_state *state;

	must(fl_store_open(&store_cfg, &fault, out_store), "opening the store", &fault);
	must(fl_state_new(&state_cfg, &state), "the state", &fault);
	must(fl_store_load(*out_store, state, &fault), "loading", &fault);
	return state;
}

static void start_core(struct server *s)
{
	struct fl_registry *sessions;
	struct fl_store *store;
	struct fl_fault fault = { "" };
	uint8_t seed[32];

	seed_bytes(seed);
	must(fl_loop_new(&s->loop), "the loop", &fault);
	struct fl_state *state = server_read(server_db, &store);
	must(fl_registry_new(sizeof(fl_node_id), SESSIONS_MAX, seed, &sessions), "sessions",
	     &fault);
	must(fl_core_init(&s->core, s->loop, state, store, sessions), "the core", &fault);
}

static void start_control(struct server *s)
{
	struct fl_fault fault = { "" };
	const struct fl_policies_config policy_cfg = { .mode = FL_POLICY_MODE_DATABASE,
						       .path = "" };
	struct fl_control_config cfg = {
		.server_url = "https://sim.example",
		.min_cap = MIN_CAP,
		.ephemeral_timeout = sim.plan.ephemeral_timeout,
		.pending_ttl = 15 * FL_MIN,
		.pending_max = sim.plan.pending_max,
		.strangers_per_source = STRANGERS_PER_SOURCE,
		.grace = 10 * FL_SEC,
		.keepalive = 50 * FL_SEC,
		.expiry_scan = 5 * FL_SEC,
		.probe_interval = 10 * FL_SEC,
		.probe_limit = 5 * FL_SEC,
		.frame_cost = sim.plan.size == PLAN_TINY ? FRAME_COST_TINY : FRAME_COST,
		.inner_limits = fl_http_limits_default,
	};

	seed_bytes(cfg.seed);
	must(fl_policies_new(&s->core, &policy_cfg, &fault, &s->policies), "the policy", &fault);
	s->netmap = settings(s->derp, s->dns);
	must(fl_control_new(&s->core, &cfg, s->netmap, &s->control), "control", &fault);
}

/* The power goes while a tick is stored: what it would have stored may be there, or not. */
static void on_death(void *ctx)
{
	struct server *s = ctx;
	bool was = sim_memory_server(false);

	free(s->attempted);
	s->attempted = records_dump(s->core.state);
	sim_memory_server(was);
}

void server_start(void)
{
	struct server *s = &sim.server;

	sim_disk_arm(SIM_DISK_FINE, 0); /* faults are for those who serve */
	sim.disk_ill = false;
	start_core(s);
	check_restart();
	start_control(s);
	s->up = true;
	s->since = sim_clock.now;
	trace("server starts", ++s->starts, 0);
	sim_disk_on_death(on_death, s);
}

/* ---- end ---- */

static void take_down(struct server *s)
{
	sim_disk_on_death(NULL, NULL);
	pings_forget();
	truth_forget();
	s->control = fl_control_free(s->control);
	s->policies = fl_policies_free(s->policies);
	fl_core_done(&s->core);
	s->netmap = fl_netmap_config_unref(s->netmap);
	s->up = false;
	s->ended = sim_clock.now;
	check_closed(s->loop);
	s->loop = fl_loop_free(s->loop);
}

/* What was under way in this tick is lost with the process. */
static void remember(struct server *s)
{
	fl_state_rollback(s->core.state);
	free(s->committed);
	s->committed = records_dump(s->core.state);
}

void server_stop(void)
{
	struct server *s = &sim.server;

	trace("server stops", s->starts, 0);
	free(s->attempted);
	s->attempted = NULL; /* the power may go while the last tick is stored */
	fl_control_stop(s->control);
	remember(s);
	take_down(s);
	if (sim_disk_is_dead())
		sim_disk_power_cut();
}

/* What its process still does after that moment reaches neither the disk nor the network. */
void server_crash(void)
{
	struct server *s = &sim.server;

	trace("server crashes", s->starts, sim_disk_is_dead());
	sim.stats.crashes++;
	if (!sim_disk_is_dead()) {
		free(s->attempted);
		s->attempted = NULL;
		sim_disk_kill();
	}
	remember(s);
	s->crashing = true;
	links_crash();
	take_down(s);
	s->crashing = false;
	sim_disk_power_cut();
}
