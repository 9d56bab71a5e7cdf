/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/sim.h - a world: one server with its real services, clients, their network, a disk and
 * a clock, all driven by one seed. A process runs one world.
 *
 *   loop.c     io/loop.h on a virtual clock       link.c     connections; io/http.h over them
 *   disk.c     the disk under SQLite              files.c    store/file.c without a folder
 *   scan.c     JSON as text                       frame.c    map frames, decoded once
 *   peer.c     interned peers                     view.c     what a client believes
 *   client.c   one machine                        requests.c what it sends
 *   server.c   start, crash and stop              world.c    time, events, one step
 *   plan.c     the events of a run, from the seed ops.c      what they do
 *   admin.c    what administrators do             check*.c   invariants
 *   memory.c   allocations that fail
 *   pings.c    questions to nodes, their answers   ssh.c      SSH connections that need a check
 *   run.c      one run in a process of its own    shrink.c   fewer events that still fail
 *   facts.c    what was ever seen of each node    each*.c    one fault at each place in turn
 *   truth.c    what a client should believe
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <inttypes.h>

#include "clock.h"
#include "disk.h"
#include "link.h"
#include "plan.h"
#include "services/control/internal.h"
#include "services/policy/policies.h"
#include "view.h"

/* ---- clients ---- */

enum client_state {
	CLIENT_OFF,
	CLIENT_CONNECTING,  /* a request is on its way, no verdict yet */
	CLIENT_FOLLOWING,   /* waits for a person's word */
	CLIENT_POLLING,     /* the map stream is open */
	CLIENT_WAITING,     /* for its next attempt */
	CLIENT_NEEDS_LOGIN, /* for a person at the machine */
};

enum credential { CRED_REUSABLE, CRED_ONCE, CRED_TAGGED, CRED_PERSON, CREDS };

struct client {
	unsigned index;
	enum client_state state;
	enum credential cred;
	struct fl_machine_key machine;
	struct fl_node_key key;
	struct fl_disco_key disco;
	struct fl_rng rng;
	char auth[FL_TOKEN_TEXT_MAX]; /* "": none at hand */
	char followup[128];
	unsigned person;             /* which user it belongs to */
	unsigned host, home, routes; /* hostname, DERP region, bits of announced subnets */
	uint32_t cap, facts, facts_told, facts_acked; /* what it says, by version */
	uint16_t port;
	uint8_t address; /* where it roams */
	bool zstd, ephemeral, registered, confirmed;
	struct weather usual;
	struct conn *conn;
	struct exch *poll, *other;
	struct view view;
	fl_time heard;
	unsigned failures;
	uint64_t epoch; /* timers of an older one are void */
	bool watched;
	bool deaf;             /* it answers no pings */
	int64_t tardy;         /* or so much later */
	unsigned opened, lost; /* connections; how often its map stream ended */
	size_t told, agreed; /* frames of this stream; those it had when its view was last right */
	fl_node_id id;       /* as its own entry says, 0: not known */
	fl_time settled;     /* when it last was connected, off, or in the hands of a person */
};

void client_init(struct client *c, unsigned index);
void client_start(struct client *c);               /* the daemon starts */
void client_stop(struct client *c, bool politely); /* and ends; else its machine vanishes */
void client_reconnect(struct client *c);           /* a second session beside the old one */
void client_tell(struct client *c);                /* a lite update, if it is connected */
void client_logout(struct client *c);
void client_login(struct client *c);          /* a person logs in again, with another node key */
bool client_is_clean(const struct client *c); /* everything sent to it has arrived */

/* From link.c. */
void client_on_head(struct client *c, struct exch *e);
void client_on_frame(struct client *c, struct exch *e, struct frame *f);
void client_on_end(struct client *c, struct exch *e, bool whole);
void client_on_lost(struct client *c, struct conn *conn);

/* ---- requests.c: bodies, to be freed ---- */
char *request_register(const struct client *c);
char *request_logout(const struct client *c);
char *request_map(const struct client *c, bool stream);

/* ---- the server ---- */

enum { STRANGERS_PER_SOURCE = 64 };

struct server {
	bool up, crashing;
	bool only_ip4; /* as it is set up: nodes keep what they have until they are filled up */
	struct fl_loop *loop;
	struct fl_core core;
	struct fl_policies *policies;
	struct fl_control *control;
	struct fl_netmap_config *netmap;
	unsigned starts, derp, dns; /* versions of the settings */
	fl_time since, ended;
	char *committed, *attempted; /* the records at its last crash, and in that commit */
};

void server_start(void);
void server_stop(void);  /* in order */
void server_crash(void); /* the power goes */
void server_settings(unsigned derp, unsigned dns);
extern const char server_db[];
/* The records in that file of the simulated disk. */
struct fl_state *server_read(const char *name, struct fl_store **out_store);

/* ---- world ---- */

typedef void event_fn(void *a, uint64_t b);

struct sim_stats {
	uint64_t steps, frames, maps_compared, crashes, policies;
	int64_t node_time;
};

struct sim {
	struct plan plan;
	struct fl_rng net, dice; /* of the network; of everything that is not a client's */
	struct server server;
	struct client *clients;
	size_t clients_count, up_count;
	fl_time started, ends;
	uint64_t trace;
	struct sim_stats stats;
	uint64_t ran;        /* steps in which code of the server ran */
	size_t calm;         /* events of this step by which none did */
	uint64_t stirs;      /* how often a connection called back into the server */
	struct client *told; /* the last whose belief changed, until it is compared */
	bool disk_ill;
	bool verbose;
	int report_fd;
	size_t op_at; /* the last operation that ran */
};
extern struct sim sim;

void at(fl_time when, event_fn *fn, void *a, uint64_t b);
void after(int64_t delay, event_fn *fn, void *a, uint64_t b);
int64_t chance(struct fl_rng *r, int64_t lo, int64_t hi); /* uniform in [lo, hi] */

/* Runs the world of this plan to its end; the result is in `sim`. */
void world_run(const struct plan *plan);

/* Part of the trace: two runs of one seed must agree on each of these. */
void trace(const char *what, uint64_t a, uint64_t b);

/* Ends the run; the parent process reports it. */
_Noreturn void violation(const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- ops.c, admin.c, each_ops.c ---- */
void op_run(const struct op *o);
void each_run(const struct op *o);
void admin_run(const struct op *o);
void admin_key(struct client *c);     /* a person gives it an auth key */
void admin_approve(struct client *c); /* or answers its login */
void admin_approve_routes(fl_node_id id, uint32_t bits);
void admin_prepare(void); /* users and the first policy */

/* ---- pings.c: INV-26 ---- */
void ping_ask(const struct op *o);                        /* an administrator does */
void ping_left(struct exch *e, const struct frame *f);    /* one is on its way */
void ping_heard(struct client *c, const struct frame *f); /* and arrives */
void ping_answered(struct exch *e);                       /* what the server says to it */
void pings_forget(void);                                  /* those who asked go */
void check_pings(void);

/* ---- ssh.c: INV-57 ---- */
void ssh_ask(struct client *dst, const struct op *o);
void ssh_told(struct client *c, struct exch *e, bool whole);
void ssh_decided(struct exch *e); /* by the policy and the approvals of this moment */
void ssh_answered(struct exch *e);
void check_approvals(void);

/* ---- checks ---- */
void check_step(void);                                  /* after each step */
void check_settled(void);                               /* when nothing is on its way any more */
void check_restart(void);                               /* when its records were read again */
void check_closed(const struct fl_loop *loop);          /* after the server has gone */
void check_sent(struct exch *e, const struct frame *f); /* as a frame leaves */
void check_answer(struct exch *e);                      /* as its head leaves */
void check_decided(struct exch *e);                     /* the server has decided on an answer */
void check_queued(struct exch *e);                      /* and queued some of it */
void check_ended(struct exch *e);                       /* the server lets go of it */

/* ---- check_*.c: one group each ---- */
char *records_dump(const struct fl_state *s); /* everything durable, to be freed */
void check_records(const struct fl_state *s);
void check_gone(const struct fl_state *s, fl_time when); /* `when` did those go that are missing? */
void check_routes(const struct fl_core *core);
bool serves(const struct fl_node *n, const struct fl_prefix *p);
void check_routers(const struct fl_core *core);
void check_disk(void);
void check_sessions(void);
void check_session_ended(struct exch *e);
void check_policy(void);
void check_frame(const struct exch *e, const struct frame *f);
void check_map(struct client *c);
void check_held(void);
void truth_of(const struct fl_node *self, struct view *want);
void truth_forget(void); /* the server changes or goes, and not by a step */
void check_idle(const struct fl_state *s);
void check_bounds(void);

/* What is known of a node id for the whole run, over restarts of the server. */
struct node_facts {
	bool known, gone, excused; /* excused: its deletion was asked for */
	fl_wall created;
	struct fl_machine_key machine;
	fl_key_id once; /* the single-use key it came with */
	uint64_t gen;   /* highest of its sessions in this life of the server */
	fl_time live_at, ended_at, opened_at, since;
	fl_time unseen_at;              /* when a poll of it ended that no look found */
	fl_time probed_at, answered_at; /* the last probe that left, the last answer in time */
	uint64_t seen_at;               /* the look at sessions that found it among the records */
	size_t live;
	bool ephemeral;
	bool answered;  /* the last probe is */
	bool unhealthy; /* at the last look */
};
struct node_facts *facts_of(fl_node_id id);
fl_node_id facts_last(void);
void facts_excuse(fl_node_id id);
void facts_new_life(void); /* the server started: sessions and generations begin anew */

#endif
