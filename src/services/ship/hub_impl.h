/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/hub_impl.h - what the files of the hub share. Not for others.
 *
 * hub.c     life: new, start, stop, free      command.c   what users and applications ask for
 * pump.c    effects of the machine, done      event.c     what is told, and to whom
 * accept.c  devices that come to us           judge.c     which device a certificate is of
 * dial.c    devices that we go to             seen.c      what mDNS hears, merged by SKI
 * link.c    connections, by their number      announce.c  what mDNS says of us
 */
#ifndef FL_SERVICES_SHIP_HUB_IMPL_H
#define FL_SERVICES_SHIP_HUB_IMPL_H

#include "base/map.h"
#include "io/http.h"
#include "io/listen.h"
#include "io/tls_peer.h"
#include "io/ws_message.h"
#include "services/ship/hub.h"
#include "services/ship/message_log.h"
#include "services/ship/store.h"

enum { FL_SHIP_INSTANCE_MAX = 63, FL_SHIP_STATE_TEXT_MAX = 256 };

/* A connection that the machine knows. */
struct fl_ship_link {
	struct fl_list in;
	struct fl_ship_hub *hub;
	uint64_t number;
	struct fl_ski ski; /* of the device */
	struct fl_wsm *wsm;
	struct fl_addrport here, there; /* its ends, ours first */
	bool parked;                    /* not read from until the machine says so */
};

/* How often things happened, for /metrics. */
struct fl_ship_counts {
	uint64_t messages_in, messages_out, payloads_in, payloads_out;
	uint64_t dials, dials_failed, upgrades, double_closed;
	uint64_t rejected_full, rejected_busy, rejected_tls, rejected_http, rejected_limit;
	uint64_t unsaved, slow; /* records not written; devices that did not take what we sent */
	uint64_t bad_announcements;
};

/* One instance as heard on one interface over one protocol. */
struct fl_ship_sight {
	struct fl_list in;
	char instance[FL_SHIP_INSTANCE_MAX + 1], host[FL_DEVICES_HOST_MAX + 1];
	uint32_t interface;
	bool ipv6, bad; /* bad: its TXT record cannot be read, which has been logged */
	uint16_t port;
	struct fl_ip addrs[FL_MDNS_ADDRS_MAX];
	size_t addrs_count;
	struct fl_ship_txt txt;
	uint64_t order; /* the latest word counts */
};

struct fl_ship_hub {
	struct fl_loop *loop;
	struct fl_ship_store *store;
	struct fl_ship_identity identity;
	struct fl_devices *devices;
	struct fl_ship_message_log *log; /* NULL: none is wanted */
	struct fl_tls_peer *tls;

	/* settings */
	struct fl_addrport listen;
	struct fl_ship_txt txt; /* of us */
	char instance[FL_SHIP_INSTANCE_MAX + 1], host[FL_SHIP_ID_MAX + 1];
	enum fl_mdns_backend mdns_backend;
	enum fl_devices_rule rule;
	char **interfaces;
	size_t interfaces_count;
	size_t connections_max, message_max;
	int64_t ping_every, pong_within;

	/* network */
	struct fl_listener *listener;
	struct fl_http_router router;
	struct fl_http_group visitors; /* have not upgraded yet */
	struct fl_map links;           /* number -> struct fl_ship_link */
	struct fl_list link_list, dials;
	struct fl_mdns *mdns;
	bool mdns_running;
	char mdns_text[FL_SHIP_STATE_TEXT_MAX];
	struct fl_list sights;
	size_t sights_count;
	uint64_t sights_order;
	struct fl_deferred resight;

	/* the machine */
	struct fl_timer timer;
	bool pumping;
	bool unsaved; /* new trust in `unsaved_ski` could not be written: it is taken back */
	struct fl_ski unsaved_ski;

	/* the application */
	struct fl_list ears;
	unsigned holds;

	/* the end */
	bool started, stopping, told_down;
	struct fl_timer grace;
	struct fl_deferred say_down;
	void (*down)(void *ctx);
	void *down_ctx;

	fl_time since; /* of the start */
	struct fl_ship_counts counts;
};

/* ---- pump.c ---- */

/*
 * Carries out all effects that wait, then waits for the next deadline. After each call on the
 * machine. Called from inside of itself, it leaves the rest to the call that is under way.
 */
void fl_ship_pump(struct fl_ship_hub *h);

/* Puts a record on the disk, or takes it off. Errors: those of the store. */
FL_MUST enum fl_err fl_ship_record_keep(struct fl_ship_hub *h, const struct fl_device_record *r,
					struct fl_fault *fault);

/* ---- link.c ---- */

/* What a connection is, as the machine named it. */
struct fl_ship_link_facts {
	uint64_t number;
	struct fl_ski ski;
	bool client, parked;
};
/* Takes `s` and gives it the number. Errors: FL_ERR_NOMEM; the machine has to be told. */
FL_MUST enum fl_err fl_ship_link_new(struct fl_ship_hub *h, struct fl_stream *s,
				     struct fl_slice early, const struct fl_ship_link_facts *facts);
struct fl_ship_link *fl_ship_link_find(const struct fl_ship_hub *h, uint64_t number);
/* Sends, or gives the connection up. */
void fl_ship_link_send(struct fl_ship_link *k, struct fl_slice message);
/* Forgets it, and ends it with a close frame. */
void fl_ship_link_close(struct fl_ship_link *k, uint16_t code, const char *text);
void fl_ship_link_resume(struct fl_ship_link *k);
void fl_ship_links_pause(struct fl_ship_hub *h); /* after `holds` has changed */
/* A connection that lost against another of its device: says so and goes. Takes `s`. */
void fl_ship_link_refuse(struct fl_ship_hub *h, struct fl_stream *s, struct fl_slice early,
			 bool client);

/* ---- accept.c ---- */
/* Opens the port: who comes waits until the start. */
FL_MUST enum fl_err fl_ship_accept_open(struct fl_ship_hub *h, struct fl_fault *fault);
FL_MUST enum fl_err fl_ship_accept_start(struct fl_ship_hub *h, struct fl_fault *fault);
void fl_ship_accept_stop(struct fl_ship_hub *h);

/* ---- dial.c ---- */
struct fl_ship_dial;
void fl_ship_dial_start(struct fl_ship_hub *h, uint64_t number, const struct fl_ski *ski,
			const struct fl_device_entry *entry);
void fl_ship_dial_abort(struct fl_ship_hub *h, uint64_t number);
void fl_ship_dials_abort(struct fl_ship_hub *h);

/* ---- judge.c ---- */
/*
 * Whose certificate is it? `err`: what reading it came to. Errors: FL_ERR_CRYPTO with text, or
 * `err`.
 */
FL_MUST enum fl_err fl_ship_judge(const struct fl_ship_hub *h,
				  const struct fl_ship_cert_facts *facts, enum fl_err err,
				  struct fl_fault *fault, struct fl_ski *out);
/* The judge of the listener (io/tls_peer.h); `ctx` is the hub. */
FL_MUST enum fl_err fl_ship_judge_visitor(void *ctx, const struct fl_ship_cert_facts *facts,
					  enum fl_err err, struct fl_fault *fault);
/* Says in the log what the dates of a certificate are worth a word for. */
void fl_ship_judge_dates(const struct fl_ship_hub *h, const struct fl_ship_cert_facts *facts);

/* ---- seen.c, announce.c ---- */
FL_MUST enum fl_err fl_ship_announce_start(struct fl_ship_hub *h, struct fl_fault *fault);
void fl_ship_announce(struct fl_ship_hub *h, bool auto_accept);
void fl_ship_announce_stop(struct fl_ship_hub *h);
void fl_ship_seen(void *ctx, const struct fl_mdns_seen *s, bool gone);
void fl_ship_seen_init(struct fl_ship_hub *h);
void fl_ship_seen_done(struct fl_ship_hub *h);

/* ---- event.c ---- */
void fl_ship_hub_tell(struct fl_ship_hub *h, const struct fl_devices_effect *e);

#endif
