/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/world.h - hubs, devices, the network between them, their users and the weather,
 * on one clock. Everything follows from a seed.
 *
 * A world is a star (one hub and its devices) or, if it is small, a mesh. A node is real: the
 * machine of domain/devices with a driver that keeps its records on a disk; or scripted: a device
 * that goes by one of the rules of ship-go (peer.c). A wire is one WebSocket connection. What a
 * node does is an event at its time, so nothing happens inside of something else.
 */
#ifndef FL_TESTS_SIM_SHIP_WORLD_H
#define FL_TESTS_SIM_SHIP_WORLD_H

#include "base/rng.h"
#include "domain/devices/devices.h"

enum { NODES_MAX = 201, TRACE_LINES = 200, TRACE_WIDTH = 160 };

enum node_kind {
	NODE_REAL,
	NODE_INITIATOR, /* ship-go as it was for years: who opened it decides */
	NODE_RECENCY,   /* ship-go of 2026: the newest lives, on both sides */
};

/* What a node has to do with another one, and what its user knows of that. */
struct view {
	bool knows;                    /* may meet it */
	bool wanted;                   /* the user trusts it */
	bool windowed;                 /* an auto-accept window let it in */
	bool hold;                     /* the user wants no dialling */
	bool kept;                     /* trusted, on disk */
	uint32_t allow;                /* what it may be: bit n, category n; 0: any */
	bool sees;                     /* it is announced, as far as is heard, */
	uint32_t shown;                /* as these */
	fl_time outside_since;         /* when that left what is allowed */
	uint64_t told;                 /* the connection that the application knows of */
	uint64_t dial;                 /* that runs; 0 none */
	struct fl_device_record *disk; /* NULL: nothing is kept */
};

struct scripted;

struct node {
	enum node_kind kind;
	struct fl_ski ski;
	enum fl_devices_rule rule;
	struct fl_devices *hub;    /* NODE_REAL, while it runs */
	struct scripted *scripted; /* else */
	unsigned life;             /* which of its lives this is */
	bool up, deaf, black;      /* deaf: refuses to be dialled; black: swallows it */
	bool ending, was_down;
	bool window, pairs;           /* auto-accept: as the user set it, as it is announced */
	uint32_t known_as, announces; /* categories: what it was made as, and what it says */
	fl_time window_until;
	uint64_t last_number;
	fl_time tick_at;
	struct view *view; /* by node */
};

/* One end of a wire. */
struct end {
	int node;
	unsigned life;
	uint64_t number;
	bool open, parked, black; /* black: nothing arrives here any more */
	fl_time since;            /* when it was taken */
	fl_time last;             /* when the last thing arrives, so that things stay in order */
	struct event *held;       /* what came while it was parked */
};

struct wire {
	struct end end[2]; /* 0: who dialled */
	uint64_t dial;
	bool notices;     /* the driver sees a lost transport even while it does not read */
	unsigned pending; /* events that name it */
};

enum event_kind {
	EV_TICK,    /* node */
	EV_KNOCK,   /* wire: the upgrade reaches the server */
	EV_ANSWER,  /* wire: the verdict reaches the client; code: enum fl_err */
	EV_MESSAGE, /* wire, side */
	EV_LOST,    /* wire, side, code, text */
	EV_SEE,     /* node: what it sees now */
	EV_START,   /* node */
	EV_HEAL,    /* node: it answers again */
	EV_WEATHER,
	EV_USER,
	EV_SCRIPT, /* node, dial: the delay of a scripted device is over */
};

struct event {
	fl_time at;
	uint64_t seq;
	enum event_kind kind;
	int node, side, code;
	unsigned life;
	uint64_t number;
	struct wire *wire;
	const char *text;
	struct event *next;
	size_t len;
	uint8_t bytes[];
};

struct plan {
	uint64_t seed;
	int devices; /* beside the hub; 0: as the seed says */
	bool trace;
};

struct world {
	struct plan plan;
	fl_time now, calm_at, end_at;
	struct event **heap;
	size_t heap_len, heap_cap;
	uint64_t seq;
	struct fl_rng net, weather, users, scripts, categories;
	struct node *node;
	int nodes;
	bool mesh, limited, calm, over; /* limited: some devices may not be everything */
	struct wire **wire;
	size_t wires, wires_cap;
	uint64_t steps;
	char broken[256]; /* the first invariant that did not hold; "": all did */
	char (*lines)[TRACE_WIDTH];
	size_t line;
};

/* Runs it. False: an invariant did not hold, `out_broken` (256 bytes) says which. */
bool world_run(const struct plan *plan, char *out_broken, uint64_t *out_steps, fl_time *out_lasted);

/* Allocations that were not freed (memory.c). */
size_t memory_held(void);

void trace(struct world *w, const char *fmt, ...) FL_PRINTF(2, 3);
void broken(struct world *w, const char *fmt, ...) FL_PRINTF(2, 3);

bool chance(struct fl_rng *r, unsigned percent);
fl_time between(struct fl_rng *r, fl_time from, fl_time below);

struct event *event_new(enum event_kind kind, size_t len);
void event_put(struct world *w, struct event *e, fl_time at);
void event_node(struct world *w, enum event_kind kind, int node, fl_time at);
int node_of(const struct fl_ski *ski);
void node_see(struct world *w, int node);       /* tells it what it sees, soon */
void everybody_sees(struct world *w, int node); /* a node came, went or changed its announcement */

/* ---- net.c ---- */

void net_dial(struct world *w, int from, int to, uint64_t dial);
void net_abort(struct world *w, int from, uint64_t dial);
void net_send(struct world *w, int node, uint64_t number, struct fl_slice bytes);
void net_close(struct world *w, int node, uint64_t number, int code, const char *text);
void net_resume(struct world *w, int node, uint64_t number);
void net_event(struct world *w, struct event *e);
void net_node_died(struct world *w, int node, bool silent);
void net_cut(struct world *w, struct wire *x, bool silent);
struct end *net_end(struct world *w, int node, uint64_t number, struct wire **out_wire,
		    int *out_side);
void net_sweep(struct world *w); /* drops wires that are over */
void net_done(struct world *w);

/* ---- node.c: whatever kind it is ---- */

void node_start(struct world *w, int node);
void node_die(struct world *w, int node, bool silent);
void node_stop(struct world *w, int node); /* in order */
void node_tick(struct world *w, int node);
void node_done(struct world *w, int node);
void node_seen(struct world *w, int node);
void node_settle(struct world *w,
		 int node); /* after one or several calls: carries out what it wants */

/* A peer knocks. FL_OK: `*out_number`. Else as fl_devices_incoming. */
enum fl_err node_incoming(struct world *w, int node, int from, uint64_t *out_number,
			  bool *out_parked);
enum fl_err node_dialled(struct world *w, int node, int to, uint64_t dial, enum fl_err err,
			 uint64_t *out_number, bool *out_parked);
void node_message(struct world *w, int node, uint64_t number, struct fl_slice bytes);
void node_lost(struct world *w, int node, uint64_t number, int code, const char *text);

/* ---- users.c ---- */

void users_begin(struct world *w);
void users_act(struct world *w);
void weather_act(struct world *w);
void users_calm(struct world *w); /* everything is up, and nobody is held */

/* ---- limits.c ---- */

void limits_make(struct world *w, struct fl_rng *root);
void limits_change(struct world *w, int node); /* what it announces; tells nobody */
void limits_announce(const struct node *n, struct fl_ship_txt *out);
size_t limits_of(const struct world *w, int node,
		 struct fl_device_limit *out); /* of a hub; at most as many as nodes */
void limits_seen(struct world *w, struct view *v, const struct node *of); /* NULL: not seen */
bool limits_outside(const struct view *v); /* it shows what it may not be */
bool limits_barred(const struct view *v);  /* no connection to it may begin */
void limits_check(struct world *w);

/* ---- check.c ---- */

void check_step(struct world *w, int node);
void check_tell(struct world *w, int node, const struct fl_devices_effect *e);
void check_down(struct world *w, int node);
void check_convergence(struct world *w);

/* ---- peer.c: a device that is not ours ---- */

struct scripted *scripted_new(enum node_kind kind);
void scripted_free(struct scripted *s);
void scripted_start(struct world *w, int node);
void scripted_die(struct world *w, int node);
void scripted_stop(struct world *w, int node);
void scripted_seen(struct world *w, int node);
void scripted_tick(struct world *w, int node);
void scripted_settle(struct world *w, int node);
void scripted_due(struct world *w, int node, uint64_t attempt);
enum fl_err scripted_incoming(struct world *w, int node, uint64_t *out_number);
enum fl_err scripted_dialled(struct world *w, int node, uint64_t dial, enum fl_err err,
			     uint64_t *out_number);
void scripted_message(struct world *w, int node, uint64_t number, struct fl_slice bytes);
void scripted_lost(struct world *w, int node, uint64_t number, int code);
void scripted_trust(struct world *w, int node, bool trusted);
uint64_t scripted_connected(
	const struct scripted *s); /* the connection that carries data; 0 none */

#endif
