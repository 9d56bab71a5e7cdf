/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/ops.c - what each operation of a plan does to the world. */
#include <stdlib.h>

#include "memory.h"
#include "sim.h"

static struct client *some_client(uint32_t n)
{
	return &sim.clients[n % sim.clients_count];
}

/* The first from there on that is connected, or NULL. */
static struct client *some_poller(uint32_t n)
{
	for (size_t i = 0; i < sim.clients_count; i++) {
		struct client *c = &sim.clients[(n + i) % sim.clients_count];
		if (c->state == CLIENT_POLLING)
			return c;
	}
	return NULL;
}

static void join(uint32_t n)
{
	for (size_t i = 0; i < sim.clients_count; i++) {
		struct client *c = &sim.clients[(n + i) % sim.clients_count];
		if (c->state == CLIENT_OFF) {
			client_start(c);
			return;
		}
	}
}

static void on_start(void *a, uint64_t b)
{
	(void)b;
	client_start(a);
}

static void restart_many(const struct op *o)
{
	size_t count = 1 + o->b % sim.clients_count;

	if (sim.plan.size == PLAN_THOUSANDS)
		count = 1 + o->b % 200;
	for (size_t i = 0; i < count; i++) {
		struct client *c = some_client(o->a + (uint32_t)i);
		if (c->state == CLIENT_OFF)
			continue;
		client_stop(c, (o->c & 1) != 0);
		after(chance(&c->rng, 0, 500) * FL_MS, on_start, c, 0);
	}
}

/* Something that a client says of itself is new. */
static void change_facts(struct client *c, const struct op *o)
{
	switch (o->kind) {
	case OP_ROAM:
		c->address = (uint8_t)(1 + o->b % 250);
		c->port = (uint16_t)(1024 + o->c % 60000);
		break;
	case OP_RENAME_HOST:
		c->host = o->b % 12;
		break;
	case OP_UPGRADE:
		c->cap = 113 + o->b % 40;
		break;
	case OP_ANNOUNCE:
		c->routes = o->b % 64;
		break;
	case OP_HOME:
		c->home = o->b % 3;
		break;
	default:
		return;
	}
	c->facts++;
	client_tell(c);
}

/* Two or three machines serve the same subnets, and are allowed to. */
static void share_subnets(const struct op *o)
{
	for (uint32_t i = 0; i < 2 + o->c % 2; i++) {
		struct client *c = some_client(o->a + i);
		c->routes |= o->b % 64;
		c->facts++;
		client_tell(c);
		if (sim.server.up && c->id != 0)
			admin_approve_routes(c->id, c->routes);
	}
}

/* ---- attacks ---- */

static void steal(const struct op *o)
{
	const struct client *victim = some_client(o->a);
	struct fl_machine_key thief = victim->machine;
	struct client as = *victim;

	if (!sim.server.up)
		return;
	as.auth[0] = as.followup[0] = '\0'; /* node keys are public, these are not */
	thief.b[0] = (uint8_t)~thief.b[0];
	struct conn *conn = conn_open_stranger(&thief, 77);
	struct exch *poll = conn_ask(conn, EXCH_HIJACK, request_map(&as, o->b % 2 == 0));
	struct exch *login = conn_ask(conn, EXCH_THEFT, request_register(&as));
	exch_let_go(&poll);
	exch_let_go(&login);
}

static void crowd(const struct op *o)
{
	uint32_t count = o->c % 2 == 0 ? 20 : STRANGERS_PER_SOURCE + 10;

	for (uint32_t i = 0; i < count && sim.server.up; i++) {
		struct client nobody = *some_client(0);
		nobody.auth[0] = nobody.followup[0] = '\0';
		nobody.registered = false;
		for (size_t k = 0; k < FL_KEY_LEN; k++)
			nobody.machine.b[k] = nobody.key.b[k] =
				(uint8_t)(o->a >> (k % 4 * 8)) ^ (uint8_t)(i + k);
		struct conn *conn = conn_open_stranger(&nobody.machine, (uint8_t)(o->b % 200));
		struct exch *e = conn_ask(conn, EXCH_REGISTER, request_register(&nobody));
		exch_let_go(&e);
	}
}

/* ---- weather ---- */

static void weather(const struct op *o)
{
	struct client *c = some_poller(o->a);

	if (c == NULL)
		return;
	switch (o->kind) {
	case OP_DELAY:
		c->usual.delay = c->conn->w.delay = (int64_t)(1 + o->b % 800) * FL_MS;
		c->usual.jitter = (int64_t)(o->c % 300) * FL_MS;
		return;
	case OP_STALL:
		c->conn->w.stalled_until = sim_clock.now + (int64_t)(1 + o->b % 90) * FL_SEC;
		return;
	case OP_HALF_OPEN:
		conn_half_open(c->conn);
		return;
	case OP_RESET:
		if (o->b % 2 == 0)
			conn_reset(c->conn);
		else
			c->conn->w.reset_after = o->b % 3000;
		return;
	case OP_SLOW:
		c->conn->w.bytes_per_s = 50 + o->b % 5000;
		return;
	case OP_DEAF:
		c->deaf = true;
		return;
	case OP_TARDY:
		c->tardy = (int64_t)(o->b % 12000) * FL_MS;
		return;
	case OP_HEARS:
		c->deaf = false;
		c->tardy = 0;
		return;
	case OP_SECOND_SESSION:
		client_reconnect(c);
		return;
	default:
		return;
	}
}

static void heal(void)
{
	sim_disk_arm(SIM_DISK_FINE, 0);
	sim_memory_arm(0, 0);
	sim.disk_ill = false;
	fl_list_each(it, &conns) conn_healed(fl_list_entry(it, struct conn, link));
	for (size_t i = 0; i < sim.clients_count; i++) {
		struct client *c = &sim.clients[i];
		if (c->usual.delay > 100 * FL_MS)
			c->usual.delay = 40 * FL_MS;
		c->deaf = false;
		c->tardy = 0;
	}
}

/* ---- faults ---- */

static void on_server_back(void *a, uint64_t b)
{
	(void)a;
	(void)b;
	if (!sim.server.up)
		server_start();
}

static void on_disk_free(void *a, uint64_t b)
{
	(void)a;
	(void)b;
	sim_disk_arm(SIM_DISK_FINE, 0);
	sim.disk_ill = false;
}

/* There and back between two looks at the clock leaves no trace that a server could follow. */
static void jump(int64_t by)
{
	static fl_time last;

	if (last != 0 && sim_clock.now - last < 15 * FL_SEC)
		return;
	last = sim_clock.now;
	sim_clock.skew += by;
}

static void fault(const struct op *o)
{
	/* Each of them costs thousands a new map: crashes do that often enough. */
	if (sim.plan.size == PLAN_THOUSANDS && (o->kind == OP_NO_MEMORY || o->kind == OP_FAMILIES))
		return;
	switch (o->kind) {
	case OP_SERVER_RESTART:
		server_stop();
		after((int64_t)(o->a % 5000) * FL_MS, on_server_back, NULL, 0);
		return;
	case OP_FAMILIES:
		server_stop();
		sim.server.only_ip4 = !sim.server.only_ip4;
		after((int64_t)(o->a % 5000) * FL_MS, on_server_back, NULL, 0);
		return;
	case OP_SERVER_CRASH:
		server_crash();
		after((int64_t)(o->a % 60000) * FL_MS, on_server_back, NULL, 0);
		return;
	case OP_CRASH_IN_WRITE:
		sim_disk_arm(SIM_DISK_DEAD, (long)(o->a % 60));
		return;
	case OP_WRITE_FAILS:
		sim.disk_ill = true;
		sim_disk_arm(SIM_DISK_ONCE, (long)(o->a % 40));
		return;
	case OP_DISK_FULL:
		sim.disk_ill = true;
		sim_disk_arm(SIM_DISK_FULL, 0);
		after((int64_t)(1 + o->a % 60) * FL_SEC, on_disk_free, NULL, 0);
		return;
	case OP_NO_MEMORY:
		sim_memory_arm(o->a % 3000, 1 + o->b % 4);
		return;
	case OP_CLOCK_JUMP:
		jump(o->a % 2 == 0 ? FL_HOUR : -FL_HOUR);
		return;
	default:
		return;
	}
}

/* ---- all of them ---- */

static void population(const struct op *o)
{
	struct client *c = some_client(o->a);

	switch (o->kind) {
	case OP_JOIN:
		join(o->a);
		return;
	case OP_LEAVE:
	case OP_VANISH:
		client_stop(c, o->kind == OP_LEAVE);
		return;
	case OP_LOGOUT:
		facts_excuse(c->id);
		client_logout(c);
		return;
	case OP_RELOGIN:
		client_login(c);
		return;
	case OP_MASS_RESTART:
		restart_many(o);
		return;
	case OP_ROUTERS:
		share_subnets(o);
		return;
	case OP_SSH:
		if ((c = some_poller(o->a)) != NULL)
			ssh_ask(c, o);
		return;
	case OP_HIJACK:
		steal(o);
		return;
	case OP_STRANGERS:
		crowd(o);
		return;
	default:
		change_facts(c, o);
		return;
	}
}

void op_run(const struct op *o)
{
	if (o->kind <= OP_STRANGERS)
		population(o);
	else if (o->kind <= OP_SECOND_SESSION)
		weather(o);
	else if (o->kind == OP_HEAL)
		heal();
	else if (o->kind == OP_SETTLED)
		check_settled();
	else if (o->kind > OP_SETTLED)
		each_run(o);
	else if (!sim.server.up)
		return;
	else if (o->kind <= OP_BURST)
		admin_run(o);
	else
		fault(o);
}
