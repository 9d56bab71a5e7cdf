/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/hub.h - a SHIP node on one loop: the machine of domain/devices joined to the world.
 *
 *	fl_ship_hub_new -> fl_ship_hub_start -> commands and events ... -> fl_ship_hub_stop -> free
 *
 * Whatever happens is one call on the machine; then its effects are carried out in their order, the
 * record on disk before the word about it. A command that cannot be made durable fails and has no
 * effect.
 *
 * Thread    the loop's.
 * Memory    what waits for a peer is bounded by its connection, what waits for a reader of events
 *           by the reader.
 * Limits    see domain/devices; 64 connections that have not proved a key yet, 8 of one address.
 * Security  the state folder holds the private key: 0700, and no second hub may use it.
 * Source    docs/protocol/ship.md 6; docs/ship.md
 */
#ifndef FL_SERVICES_SHIP_HUB_H
#define FL_SERVICES_SHIP_HUB_H

#include "domain/devices/devices.h"
#include "io/mdns.h"
#include "io/loop.h"

#define FL_SHIP_STOP_GRACE (2 * FL_SEC) /* until connections have ended in order */

/* Zero-initialise. Strings are copied. */
struct fl_ship_hub_config {
	const char *state_dir; /* required; made 0700 if there is none (services/ship/store.h) */
	struct fl_addrport listen; /* unset address: all; port 0: any */
	const char *id;            /* SHIP ID; NULL: the one kept, or one is made and kept */
	/* What is announced; NULL or "": none. */
	const char *brand, *model, *type, *serial;
	const char *instance; /* label in the network; NULL: brand, model and part of the id */
	uint32_t categories[FL_SHIP_CATEGORIES_MAX];
	size_t categories_count;
	enum fl_mdns_backend mdns;
	const char *const *interfaces; /* names; none: all but loopback */
	size_t interfaces_count;
	enum fl_devices_rule rule;
	const struct fl_device_limit *limits; /* what devices may be; copied */
	size_t limits_count;
	const char *pin; /* asked of every device; NULL: none */
	bool pin_optional;
	size_t connections_max, message_max; /* 0: defaults of domain/devices */
	struct fl_ship_timers timers;        /* 0: defaults */
	int64_t ping_every, pong_within;     /* ns; 0: 50 s and 10 s */
	const char *message_log;             /* a capture file (message_log.h); NULL or "": none */
	uint64_t message_log_max;            /* bytes; 0: default */
	bool message_log_plain;              /* secrets too */
	bool tls12_only, large_records;      /* large_records: TLS records over 1024 bytes */
};

struct fl_ship_hub;
struct fl_ship_message_log_stats;

/*
 * Opens the port, takes the state folder and reads what it holds; a new folder gets a new identity.
 * Nothing is heard or said yet: who comes waits for the start. Errors with text in `fault`:
 * FL_ERR_BUSY (the port is in use, or another hub has the folder),
 * FL_ERR_CORRUPT (a file there cannot be read as what it should be), FL_ERR_NOT_FOUND (devices
 * without identity), FL_ERR_INVALID (a setting), FL_ERR_IO, FL_ERR_DENIED, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_hub_new(struct fl_loop *l, const struct fl_ship_hub_config *cfg,
				    struct fl_fault *fault, struct fl_ship_hub **out);

/*
 * Lets devices in, announces, begins to dial. Errors with text: FL_ERR_BUSY (the port, after a
 * start that failed), FL_ERR_STATE (it was stopped), those of fl_mdns_new, FL_ERR_IO, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_hub_start(struct fl_ship_hub *h, struct fl_fault *fault);

/*
 * Stops listening, calls dials off, ends connections in order; `down` is called once from the loop
 * when nothing is left, within FL_SHIP_STOP_GRACE. Final; harmless again, then only the last `down`
 * counts.
 */
void fl_ship_hub_stop(struct fl_ship_hub *h, void (*down)(void *ctx), void *ctx);

/*
 * At any time; what is still open is dropped. The loop has to be polled once more. NULL in, NULL
 * out.
 */
struct fl_ship_hub *fl_ship_hub_free(struct fl_ship_hub *h);

/* ---- commands; errors with text in `fault` (may be NULL) ---- */

/*
 * Of all: FL_ERR_CLOSED after a stop. Those that change a record: FL_ERR_IO when it cannot be kept;
 * then nothing has changed. Those that name a device which must be known: FL_ERR_NOT_FOUND.
 */

/* Trust it from now on. `ship_id`, `name`: NULL or "": not known, as it was. Errors: FL_ERR_INVALID
 * (our own SKI, a text too long), FL_ERR_FULL. */
FL_MUST enum fl_err fl_ship_hub_pair(struct fl_ship_hub *h, const struct fl_ski *ski,
				     const char *ship_id, const char *name, struct fl_fault *fault);
FL_MUST enum fl_err fl_ship_hub_unpair(struct fl_ship_hub *h, const struct fl_ski *ski,
				       struct fl_fault *fault);
/* Errors: FL_ERR_STATE (it does not wait for an answer). */
FL_MUST enum fl_err fl_ship_hub_refuse(struct fl_ship_hub *h, const struct fl_ski *ski,
				       struct fl_fault *fault);
/*
 * A fixed place to dial. Errors: FL_ERR_DENIED (not paired), FL_ERR_INVALID. `path`: NULL: "/ship/"
 */
FL_MUST enum fl_err fl_ship_hub_connect(struct fl_ship_hub *h, const struct fl_ski *ski,
					const char *host, uint16_t port, const char *path,
					struct fl_fault *fault);
FL_MUST enum fl_err fl_ship_hub_disconnect(struct fl_ship_hub *h, const struct fl_ski *ski,
					   bool hold, struct fl_fault *fault);
/* Trust whoever comes within `seconds`; 0 ends it. Errors: FL_ERR_INVALID (over 120). */
FL_MUST enum fl_err fl_ship_hub_window(struct fl_ship_hub *h, unsigned seconds,
				       struct fl_fault *fault);
void fl_ship_hub_may_wait(struct fl_ship_hub *h, bool yes); /* can a user be asked? */
/*
 * The PIN that the device asks for, used now or when it asks; in memory only. Errors:
 * FL_ERR_INVALID, FL_ERR_STATE (connected, and it asks for none).
 */
FL_MUST enum fl_err fl_ship_hub_pin(struct fl_ship_hub *h, const struct fl_ski *ski,
				    const char *pin, struct fl_fault *fault);
/*
 * For a device whose certificate carries a SKI that is not of its key: take that key all the same.
 */
FL_MUST enum fl_err fl_ship_hub_pin_key(struct fl_ship_hub *h, const struct fl_ski *ski,
					const uint8_t key_pin[static FL_HASH_LEN],
					struct fl_fault *fault);
/*
 * Queues one payload; never waits. Errors: FL_ERR_STATE (not connected), FL_ERR_FULL (what waits
 * for the device is at its limit: again later), FL_ERR_SYNTAX, FL_ERR_INVALID, FL_ERR_TOO_BIG,
 * FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_hub_send(struct fl_ship_hub *h, const struct fl_ski *ski,
				     struct fl_slice payload, bool wire, struct fl_fault *fault);

/* ---- events ---- */

enum fl_ship_event_kind {
	FL_SHIP_EV_VISIBLE,      /* what is seen in the network changed; no `ski` */
	FL_SHIP_EV_STATE,        /* `state`, `err`, `text` */
	FL_SHIP_EV_CONNECTED,    /* `conn` */
	FL_SHIP_EV_REPLACED,     /* `old_conn` by `conn` */
	FL_SHIP_EV_DISCONNECTED, /* `conn`; once for each that was connected */
	FL_SHIP_EV_SHIP_ID,      /* `text` */
	FL_SHIP_EV_TRUST,        /* `trusted` */
	FL_SHIP_EV_PIN_WANTED,   /* `optional`; `text`: why once more */
	FL_SHIP_EV_DATA,         /* `conn`, `data`: plain JSON */
	FL_SHIP_EV_FORGOTTEN,    /* nothing is known of it any more, but what is seen */
};

struct fl_ship_event {
	enum fl_ship_event_kind kind;
	struct fl_ski ski;
	uint64_t conn, old_conn;
	enum fl_device_state state;
	enum fl_err err;
	bool trusted, optional;
	const char *text; /* "" if none */
	struct fl_slice data;
};

/*
 * Who hears all events, in order; embedded in its owner. `text` and `data` are borrowed until the
 * next call on the hub. It may leave, itself and others, while it hears.
 */
struct fl_ship_ear {
	struct fl_list link;
	void (*hear)(void *ctx, const struct fl_ship_event *e);
	void *ctx;
};
void fl_ship_hub_listen(struct fl_ship_hub *h, struct fl_ship_ear *ear);
void fl_ship_hub_unlisten(struct fl_ship_ear *ear); /* harmless on a zeroed one */

/*
 * The application does not keep up: no messages are read from devices until it does (pings are
 * answered all the same). Counted: each true wants its false.
 */
void fl_ship_hub_hold(struct fl_ship_hub *h, bool hold);

/* ---- questions ---- */

const struct fl_devices *fl_ship_hub_devices(const struct fl_ship_hub *h);
struct fl_addrport fl_ship_hub_at(const struct fl_ship_hub *h); /* where it listens */
const struct fl_ski *fl_ship_hub_ski(const struct fl_ship_hub *h);
const char *fl_ship_hub_id(const struct fl_ship_hub *h);
/* How the message log does (message_log.h). `out->path` is borrowed from the hub. */
void fl_ship_hub_messages(const struct fl_ship_hub *h, struct fl_ship_message_log_stats *out);
/* Appends the text for a QR code. Errors: as fl_ship_qr_write. */
FL_MUST enum fl_err fl_ship_hub_qr(const struct fl_ship_hub *h, struct fl_buf *out);

#endif
