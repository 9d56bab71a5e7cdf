/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/internal.h - the control server's own parts and how they share one state.
 *
 *   outer.c       routes of the public listener            inner.c     routes inside Noise
 *   register.c    register requests and follow-ups         map.c       map requests
 *   session.c     one streaming poll                       distribute.c who hears of a change
 *   presence.c    online, grace, offline                   ephemeral.c deletion of idle nodes
 *   pages.c       what a person's browser sees             metrics.c   counters as text
 *   batch.c       the changes of a tick, by node           viewer.c    what the policy lets one see
 *   governed.c    who hears what under a policy            fragments.c texts of nodes as peers
 *   hold.c        changes that wait for others
 *   told.c        frames that sessions share under a policy
 *   ping.c        questions to one node                    probe.c     do routers answer?
 *   ssh.c         SSH connections that need a check        ssh_checks.c those that wait
 *   debug*.c      what is going on, as JSON                trace.c     what happened lately
 *   full.c        whole maps                               chunks.c    texts of many peers
 */
#ifndef FL_SERVICES_CONTROL_INTERNAL_H
#define FL_SERVICES_CONTROL_INTERNAL_H

#include "services/control/control.h"
#include "services/control/fragments.h"
#include "services/control/hold.h"
#include "services/control/noise_server.h"
#include "services/control/pending.h"
#include "services/control/ping.h"
#include "services/control/probe.h"
#include "services/control/ssh_checks.h"
#include "services/control/trace.h"
#include "services/control/viewer.h"
#include "wire/mapframe.h"

/*
 * The sessions that see the same nodes share frames. While every node sees every other there is
 * one view; a policy makes one for each class of nodes.
 */
struct fl_view {
	struct fl_list sessions; /* open ones, oldest first */
};

struct fl_control {
	struct fl_core *core;
	struct fl_control_config cfg;
	char *server_url;
	char *noise_url; /* the same with https: clients ask nothing else inside Noise */
	struct fl_netmap_config *netmap;
	struct fl_noise_server noise;
	struct fl_pending_table pending;
	struct fl_ssh_checks ssh;
	struct fl_mapframe *framer;
	struct fl_fragments *fragments;
	struct fl_rng rng; /* jitter */
	struct fl_view view;
	struct fl_hold hold;
	struct fl_timer hold_timer; /* armed while something is kept */
	struct fl_list leaving;     /* sessions in their grace period, the first to go first */
	struct fl_map ephemerals;   /* node id -> armed deletion */
	struct fl_pings pings;
	struct fl_prober prober;
	struct fl_timer expiry_timer;
	unsigned expiry_scans;
	fl_wall expiry_scanned; /* everything up to here was announced */
	fl_wall expiry_upto;    /* and up to here, if this tick is stored */
	struct fl_core_wait expiry_wait;
	bool stopping;
	struct fl_control_stats stats;
	struct fl_trace trace;
};

/* ---- inner.c ---- */
extern const struct fl_http_route fl_control_inner_routes[];
extern const size_t fl_control_inner_routes_count;
void fl_control_text(struct fl_http *x, unsigned status, const char *text);
void fl_control_refuse_map(struct fl_http *x, enum fl_err err); /* of fl_control_send_map */
void fl_control_malformed(struct fl_http *x, enum fl_err err, const char *text); /* 400, or 503 */

/* ---- register.c, map.c: handlers ---- */
void fl_control_register(void *ctx, struct fl_http *x);
void fl_control_map(void *ctx, struct fl_http *x);

/* In which form a client wants its map. */
struct fl_map_form {
	bool omit_peers;
	bool zstd;
	bool one_frame; /* not as several zstd frames */
};

/* ---- session.c ---- */
struct fl_session {
	struct fl_list link; /* in the view, or among the leaving ones */
	struct fl_conn conn;
	struct fl_control *control;
	struct fl_http *x; /* NULL: it leaves, only its place in the count is left */
	fl_node_id node;
	bool zstd;
	bool waits;      /* for its first map: not all of it is on its way */
	fl_time sent_at; /* the last frame */
	fl_wall since;
	struct fl_timer timer; /* the next keep-alive; of one that leaves, the end of its grace */
};

/*
 * Starts the answer with the first full map; on failure nobody is connected and 4xx or 5xx said.
 * `asked`: when the request came.
 */
void fl_session_open(struct fl_control *c, struct fl_http *x, fl_node_id node,
		     const struct fl_map_form *form, fl_time asked);

/* The newest session of the node that has its first map, or NULL. */
struct fl_session *fl_session_ready(struct fl_control *c, fl_node_id node);

/* Queues a frame in pieces; a session that cannot take it is dropped. */
void fl_session_send(struct fl_session *s, struct fl_bytes *const *pieces, size_t count);

void fl_session_close(struct fl_session *s, enum fl_session_end why);

/* ---- distribute.c ---- */

/* Tells sessions the changes of a tick, or keeps them to be told with the next (hold.h). */
void fl_control_distribute(struct fl_control *c, const struct fl_change *changes, size_t count);
FL_MUST enum fl_err fl_control_hold_init(struct fl_control *c);
void fl_control_hold_forget(struct fl_control *c); /* nobody is left to be told */
void fl_control_broadcast_config(struct fl_control *c, bool derp_map, bool dns);

/* What a delta cannot tell, a new session does: clients come back at once and get a whole map. */
void fl_control_restart_sessions(struct fl_control *c);

/* ---- full.c ---- */

/*
 * The whole map for a node, for fl_http_stream_begin or to be freed. Errors: FL_ERR_NOMEM,
 * FL_ERR_TOO_BIG, FL_ERR_INVALID (its own full name cannot be built).
 */
FL_MUST enum fl_err fl_control_map_recipe(struct fl_control *c, const struct fl_node *self,
					  const struct fl_map_form *form,
					  struct fl_http_recipe **out);

/*
 * Begins an answer with it, which may have `more` bytes of others pending. Errors, with nothing
 * said: as above, and FL_ERR_CLOSED.
 */
FL_MUST enum fl_err fl_control_send_map(struct fl_control *c, struct fl_http *x,
					const struct fl_node *self, const struct fl_map_form *form,
					size_t more);

/* ---- presence.c ---- */

/* Counts a session from now on. False: no room for it. */
bool fl_presence_enter(struct fl_session *s);

/*
 * Its first map is on its way: peers hear of it, and it takes the place of those that leave, or
 * that still wait for theirs (SES-9).
 */
void fl_presence_settled(struct fl_session *s);

/* Its client has gone. Takes the session: it is freed now or after its grace period. */
void fl_presence_leave(struct fl_session *s);

/* It never got its first map, and nobody hears of it. The session stays the caller's. */
void fl_presence_abandon(struct fl_session *s);

/* The end of its grace period. Frees the session. */
void fl_presence_end(struct fl_session *s);

void fl_presence_forget(struct fl_control *c, fl_node_id node); /* deleted: ends its sessions */
void fl_presence_stop(struct fl_control *c); /* ends all grace periods, stores last seen */

/* ---- ephemeral.c ---- */
enum fl_err fl_ephemeral_init(struct fl_control *c);
void fl_ephemeral_arm(struct fl_control *c,
		      fl_node_id node); /* if ephemeral and without a session */
void fl_ephemeral_watch(struct fl_control *c, fl_node_id node); /* the same, unless armed already */
void fl_ephemeral_reconcile(struct fl_control *c); /* finds idle ones that nobody watches */
void fl_ephemeral_cancel(struct fl_control *c, fl_node_id node);
void fl_ephemeral_done(struct fl_control *c);

/* ---- ssh.c: handlers, and what a tick means for checks ---- */
void fl_control_ssh_action(void *ctx, struct fl_http *x);
void fl_control_ssh_absent(void *ctx, struct fl_http *x);
void fl_control_ssh_follow(struct fl_control *c, const struct fl_change *changes, size_t count);

/* ---- pages.c ---- */
void fl_control_page_register(void *ctx, struct fl_http *x);
void fl_control_page_check(void *ctx, struct fl_http *x);

#endif
