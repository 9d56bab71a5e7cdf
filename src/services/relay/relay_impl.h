/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/relay_impl.h - what the files of the relay service share. Not for others.
 *
 * relay.c    connections: bytes between streams and the machine, stalls, stop
 * entry.c    HTTP: upgrade, probes
 * admit.c    admission, with the verify URL and its cache
 * metrics.c  counters as text
 */
#ifndef FL_SERVICES_RELAY_RELAY_IMPL_H
#define FL_SERVICES_RELAY_RELAY_IMPL_H

#include "services/relay/relay.h"

#include "base/list.h"
#include "base/map.h"
#include "io/http_client.h"

struct relay_conn {
	struct fl_relay *r;
	struct fl_stream *stream;
	struct fl_derp_client *client; /* NULL once closed */
	struct fl_list link, blocked, waiting;
	struct fl_fetch *fetch; /* the verify URL is being asked */
	struct fl_addrport from;
	uint32_t depth; /* calls on the stack that still use it */
	bool paused, is_ws;
	bool refused; /* the end is ours: not admitted, or no longer */
};

/* Answers of the verify URL. */
struct verify {
	char *url, *ca_file;
	struct fl_fetcher *fetcher;
	struct fl_map known; /* node key -> struct verify_entry */
	struct fl_list order;
	struct fl_list
		waiting; /* connections, by relay_conn.waiting: too many requests under way */
	bool fail_open;
};

struct fl_relay {
	struct fl_loop *loop;
	struct fl_derp_server *server;
	struct fl_relay_config cfg; /* without its strings and its key */
	struct fl_tick_hook hook;
	struct fl_timer timer;
	fl_time armed; /* what the timer is set to */
	struct fl_timer stall;
	struct fl_list conns, blocked;
	struct verify verify;
	uint64_t blocked_count;
	uint64_t websocket_accepts, write_timeouts, fast_starts;
	uint64_t verify_asked, verify_cached, verify_unreachable, verify_bad;
	bool stopping;
};

/* relay.c */
FL_MUST enum fl_err fl_relay_conn_new(struct fl_relay *r, struct fl_stream *s,
				      struct fl_slice early, bool not_ideal, bool is_ws);
void fl_relay_conn_close(struct relay_conn *k, int64_t linger);

/* admit.c */
FL_MUST enum fl_err fl_relay_verify_init(struct fl_relay *r, const struct fl_relay_config *cfg);
void fl_relay_verify_done(struct fl_relay *r);
void fl_relay_verify_forget(struct fl_relay *r, const struct fl_node_key *key);
void fl_relay_admit(struct relay_conn *k);
void fl_relay_admit_cancel(struct relay_conn *k);

#endif
