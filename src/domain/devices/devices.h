/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/devices.h - the SHIP hub as a machine: which devices there are, which are
 * trusted, who is dialled when, and which of two connections to one device lives.
 *
 * Facts and commands go in with the time, effects come out of fl_devices_next, in order. The
 * driver owns sockets, names and files; it names a dial and a connection by number, and a number
 * never comes back: a late answer finds its target or nobody. So every race is an order of calls,
 * and can be replayed.
 *
 * Of each device (named by its SKI) at most one connection is the current one. The decision about
 * a second one and its entry in domain/registry are one call, with nothing in between. A farewell
 * counts only if its connection is still the one that stands there.
 *
 * Life of a connection: the driver reports fl_devices_incoming or, after a DIAL effect,
 * fl_devices_dialled. If it is taken it gets a number, and from then on fl_devices_message and
 * fl_devices_lost until the CLOSE effect or fl_devices_lost, whichever comes first: then the
 * number is dead. A parked one (ship.md 6.6) has a number and is not read from until RESUME.
 *
 * The application knows of one connection a device. One that takes its place is told when its data
 * flows; if that takes longer than 10 s, the device counts as disconnected until then.
 *
 * Shutdown is a state: dials are called off, connections are ended in order, nothing enters any
 * more, and after it no event comes out. fl_devices_is_down says when nothing is left, after 6 s
 * at the latest.
 *
 * Thread    one owner.
 * Memory    one record for each device that is wanted, connected or pending; visible entries are
 *           bounded.
 * Limits    connections_max; one pending connection a device; 10 incoming a minute and device;
 *           FL_DEVICES_VISIBLE_MAX entries, FL_DEVICES_PEERS_MAX records.
 * Security  an entry that was seen, or its `register` flag, gives no trust. Trust is given by the
 *           user (register, decide) or within an auto-accept window of at most 120 s, and is
 *           persisted before it is told.
 * Source    docs/protocol/ship.md 6, 7
 */
#ifndef FL_DOMAIN_DEVICES_DEVICES_H
#define FL_DOMAIN_DEVICES_DEVICES_H

#include "base/ip.h"
#include "crypto/ski.h"
#include "proto/ship/conn.h"
#include "wire/ship/txt.h"

enum {
	FL_DEVICES_VISIBLE_MAX = 1024,
	FL_DEVICES_PEERS_MAX = 4096,
	FL_DEVICES_ADDRS_MAX = 16,
	FL_DEVICES_HOST_MAX = 255,
	FL_DEVICES_WINDOW_MAX_S = 120,
	FL_DEVICES_CONNECTIONS_DEFAULT = 10,
	FL_DEVICES_TELLS_MAX = 1024, /* what waits for an application that does not listen */
	FL_DEVICES_TELLS_BYTES_MAX = 4 << 20,
	FL_DEVICES_CATEGORY_MAX = 31, /* that a limit can name */
};
#define FL_DEVICES_DRAIN (6 * FL_SEC)

enum fl_devices_rule { FL_DEVICES_RULE_AUTO, FL_DEVICES_RULE_RECENT, FL_DEVICES_RULE_INITIATOR };

/* What the application is told of a device (ship.md 6.1). */
enum fl_device_state {
	FL_DEVICES_NONE,
	FL_DEVICES_QUEUED,
	FL_DEVICES_INITIATED,
	FL_DEVICES_RECEIVED_REQUEST, /* it waits for the user: fl_devices_register or _refuse */
	FL_DEVICES_IN_PROGRESS,
	FL_DEVICES_TRUSTED,
	FL_DEVICES_PIN,
	FL_DEVICES_COMPLETED,
	FL_DEVICES_REMOTE_DENIED,
	FL_DEVICES_ERROR,
};
const char *fl_devices_state_name(
	enum fl_device_state s); /* "none", "queued", ..., "remote-denied-trust" */

/*
 * A device that may only be what the user knows it for: it is connected only while it announces
 * categories, all of them among these (limit.c).
 */
struct fl_device_limit {
	struct fl_ski ski;
	uint32_t categories; /* bit n: category n, 1 to FL_DEVICES_CATEGORY_MAX; 0: any */
};

struct fl_devices_config {
	struct fl_ski own;
	const char *ship_id;
	enum fl_devices_rule rule;
	size_t connections_max; /* 0: default */
	size_t message_max;     /* bytes; 0: 1 MiB */
	enum fl_ship_pin_state pin_wanted;
	const char *pin;
	struct fl_ship_timers timers;
	const struct fl_device_limit *limits; /* copied; one a device */
	size_t limits_count;
	uint64_t rng_seed; /* of the delays before dialling */
	uint8_t hash_seed[16];
};

/* A place to dial: a name, or an address with its scope (link-local only). */
struct fl_device_addr {
	struct fl_ip ip; /* unset: `host` of the entry */
	uint32_t scope;  /* interface index; 0: none */
};

/* What is seen of a device in the network, or fixed by the user. */
struct fl_device_entry {
	struct fl_ship_txt txt;
	char instance[64];                  /* label as shown */
	char host[FL_DEVICES_HOST_MAX + 1]; /* "" if not known */
	uint16_t port;
	struct fl_device_addr
		addrs[FL_DEVICES_ADDRS_MAX]; /* in the order to dial: IPv4, IPv6, link-local */
	size_t addrs_count;
};

/* What is kept of a device for good. */
struct fl_device_record {
	struct fl_ski ski;
	bool trusted;
	char ship_id[FL_SHIP_ID_MAX + 1]; /* "" not known yet */
	char name[64];                    /* of the user */
	bool has_pin_sha;                 /* the key is pinned (crypto/ski.h) */
	uint8_t key_pin[FL_HASH_LEN];
	char fixed_host[FL_DEVICES_HOST_MAX + 1]; /* "" none */
	uint16_t fixed_port;
	char fixed_path[FL_SHIP_PATH_MAX + 1];
};

/* Is there anything to keep? */
bool fl_device_record_is_kept(const struct fl_device_record *r);

/* Takes back trust and what hangs on it, the place and the pinned key; the name stays. */
void fl_device_record_distrust(struct fl_device_record *r);

enum fl_devices_effect_kind {
	/* to the driver */
	FL_DEVICES_DO_DIAL,  /* `number`: of the dial; `entry`: where. Answer: fl_devices_dialled */
	FL_DEVICES_DO_ABORT, /* dial `number` is called off; a late answer is ignored */
	FL_DEVICES_DO_SEND,  /* `number`: connection, `bytes`: one message */
	FL_DEVICES_DO_CLOSE, /* `number`: connection; send a close frame with `code` and `text` */
	FL_DEVICES_DO_RESUME,   /* `number`: a parked connection is read from now on */
	FL_DEVICES_DO_PERSIST,  /* `record`: fl_device_record_is_kept, or drop it; first */
	FL_DEVICES_DO_ANNOUNCE, /* put `auto_accept` in the TXT record, and announce again */
	/* to the application, in order */
	FL_DEVICES_TELL_VISIBLE,      /* the visible entries changed: fl_devices_visible_at */
	FL_DEVICES_TELL_STATE,        /* `state`, `err`, `text` */
	FL_DEVICES_TELL_CONNECTED,    /* `number`: data flows */
	FL_DEVICES_TELL_REPLACED,     /* `old_number` by `number`: what was known starts over */
	FL_DEVICES_TELL_DISCONNECTED, /* `number`: once for each CONNECTED; REPLACED moves it on */
	FL_DEVICES_TELL_SHIP_ID,      /* `text` */
	FL_DEVICES_TELL_TRUST,        /* `trusted` */
	FL_DEVICES_TELL_PIN_WANTED,   /* `optional`; fl_devices_pin */
	FL_DEVICES_TELL_DATA,         /* `number`, `bytes`: a plain payload */
	FL_DEVICES_TELL_FORGOTTEN,    /* of which a state was told: nothing is known of it now */
};

struct fl_devices_effect {
	enum fl_devices_effect_kind kind;
	struct fl_ski ski;
	uint64_t number, old_number;
	const struct fl_device_entry *entry; /* these are borrowed until the next call on the hub */
	const struct fl_device_record *record;
	struct fl_slice bytes;
	const char *text;
	uint16_t code;
	enum fl_device_state state;
	enum fl_err err;
	bool auto_accept, trusted, optional;
};

struct fl_devices;

/* `cfg` is copied. Errors: FL_ERR_NOMEM, FL_ERR_INVALID with text in `fault`. */
FL_MUST enum fl_err fl_devices_new(const struct fl_devices_config *cfg, struct fl_fault *fault,
				   struct fl_devices **out);
struct fl_devices *fl_devices_free(
	struct fl_devices *d); /* NULL in, NULL out; without a word to anybody */

/* A record as it was kept. Before start. Errors: FL_ERR_FULL, FL_ERR_NOMEM, FL_ERR_STATE. */
FL_MUST enum fl_err fl_devices_load(struct fl_devices *d, const struct fl_device_record *r);

/* Errors: FL_ERR_STATE (started before; also after a shutdown, which is final). */
FL_MUST enum fl_err fl_devices_start(struct fl_devices *d, fl_time now);

/* Cancels dials first, then ends connections. May be repeated. */
void fl_devices_shutdown(struct fl_devices *d, fl_time now);
bool fl_devices_is_down(const struct fl_devices *d);

/* ---- facts ---- */

/*
 * All devices that are seen now, keyed by SKI (the driver merged interfaces); those beyond the
 * limit are dropped. Copied. Errors: FL_ERR_NOMEM, with the list as it was.
 */
FL_MUST enum fl_err fl_devices_visible(struct fl_devices *d, fl_time now,
				       const struct fl_device_entry *all, size_t count);

/*
 * A peer connected to us: TLS has proved its key, the upgrade is not answered yet. FL_OK:
 * `*out_number` names it; `*out_parked`: it is not to be read from until RESUME. Errors, for which
 * the caller answers with HTTP and closes: FL_ERR_FULL (503), FL_ERR_BUSY (429: too many of this
 * device), FL_ERR_EXISTS (its other connection stays: complete the upgrade, then close with 4001
 * "double connection"), FL_ERR_CLOSED (503: shutting down, or not started), FL_ERR_DENIED (403: it
 * shows our own key), FL_ERR_STATE (403: outside of its limit), FL_ERR_NOMEM (503).
 */
FL_MUST enum fl_err fl_devices_incoming(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
					uint64_t *out_number, bool *out_parked);

/*
 * How a dial ended. `err` FL_OK: upgraded, under the SKI that was asked for. FL_OK: as
 * fl_devices_incoming. Errors: FL_ERR_EXISTS, FL_ERR_CLOSED (called off or shutting down),
 * FL_ERR_STATE (outside of its limit), FL_ERR_FULL, FL_ERR_NOMEM: the caller closes what it has.
 * With `err` not FL_OK nothing comes out and FL_ERR_CLOSED is given.
 */
FL_MUST enum fl_err fl_devices_dialled(struct fl_devices *d, fl_time now, uint64_t dial,
				       enum fl_err err, const char *why, uint64_t *out_number,
				       bool *out_parked);

/* One whole message; a number that is dead is ignored, here and below. */
void fl_devices_message(struct fl_devices *d, fl_time now, uint64_t number,
			struct fl_slice message);

/*
 * The transport has gone, by itself or since the peer closed it with `code` (1006: no close
 * frame).
 */
void fl_devices_lost(struct fl_devices *d, fl_time now, uint64_t number, uint16_t code,
		     struct fl_slice reason);

void fl_devices_tick(struct fl_devices *d, fl_time now);
fl_time fl_devices_deadline(const struct fl_devices *d);

/* ---- commands of the user or the application (ship.md 6.2) ---- */

/*
 * Trust it, from now on. `ship_id`, `name`: "" or NULL: as it was. Errors, with nothing changed:
 * FL_ERR_INVALID (our own SKI, no SHIP ID, a name too long), FL_ERR_FULL, FL_ERR_NOMEM,
 * FL_ERR_CLOSED.
 */
FL_MUST enum fl_err fl_devices_register(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
					const char *ship_id, const char *name);

/* Errors of those below: FL_ERR_NOT_FOUND unless said otherwise; FL_ERR_CLOSED after shutdown. */

/* The record goes as a whole, and connections end. */
FL_MUST enum fl_err fl_devices_unregister(struct fl_devices *d, fl_time now,
					  const struct fl_ski *ski);

/*
 * Refuses one that waits (FL_ERR_STATE: none does), and takes back a pairing that has not come
 * about. The name stays.
 */
FL_MUST enum fl_err fl_devices_refuse(struct fl_devices *d, fl_time now, const struct fl_ski *ski);
/* What that would say, for who has to write something first. */
FL_MUST enum fl_err fl_devices_may_refuse(const struct fl_devices *d, const struct fl_ski *ski);

/* Dial a fixed place, now and in future; trusts nothing: FL_ERR_DENIED unless registered. */
FL_MUST enum fl_err fl_devices_connect(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
				       const char *host, uint16_t port, const char *path);

/* `hold`: no dialling by ourselves until the next register or connect. */
FL_MUST enum fl_err fl_devices_disconnect(struct fl_devices *d, fl_time now,
					  const struct fl_ski *ski, bool hold);

/* 0 s ends the window. Errors: FL_ERR_INVALID (over the limit). */
FL_MUST enum fl_err fl_devices_auto_accept(struct fl_devices *d, fl_time now, unsigned seconds);

/* Can a user be asked? Default: yes. */
void fl_devices_may_wait(struct fl_devices *d, bool yes);

/*
 * The PIN that it asks for: sent now, or kept in memory until it asks. Errors: FL_ERR_INVALID (no
 * PIN), FL_ERR_STATE (connected, and it asks for none).
 */
FL_MUST enum fl_err fl_devices_pin(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
				   const char *pin);

/* Takes it by its whole key from now on (crypto/ski.h). FL_ERR_DENIED unless registered. */
FL_MUST enum fl_err fl_devices_pin_key(struct fl_devices *d, const struct fl_ski *ski,
				       const uint8_t key_pin[static FL_HASH_LEN]);

/* Errors: as fl_ship_conn_send; FL_ERR_CLOSED: not connected. */
FL_MUST enum fl_err fl_devices_send(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
				    struct fl_slice payload, bool wire);

/* ---- what comes out ---- */

/*
 * The next effect, in order. A driver that keeps what is for the application (TELL) until that
 * asks for it carries out what is for itself (DO) with next_act after every call; nothing is told
 * before the acts that came before it.
 *
 * Nothing that was told is ever dropped or merged, but VISIBLE and ANNOUNCE, of which one waits at
 * most. An application that does not listen is held off instead: while it is congested (more than
 * FL_DEVICES_TELLS_MAX wait, or FL_DEVICES_TELLS_BYTES_MAX of data) the driver reads from no
 * connection, nothing is dialled, incoming ones and register are FL_ERR_FULL. If the driver reads
 * on, a connection whose data makes that twice as much is closed.
 */
bool fl_devices_next(struct fl_devices *d, struct fl_devices_effect *out);
bool fl_devices_next_act(struct fl_devices *d, struct fl_devices_effect *out);
bool fl_devices_is_congested(const struct fl_devices *d);

/* ---- questions ---- */

struct fl_device_info {
	struct fl_device_record record;
	enum fl_device_state state;
	enum fl_err err;
	char text[128];                  /* cause of the state */
	bool visible, connected, client; /* client: we dialled */
	uint64_t number;                 /* of the connection; 0 none */
	enum fl_ship_state step;         /* of it */
	unsigned attempts;               /* the counter of ship.md 6.3 */
	uint32_t allow;                  /* of its limit; 0: any */
	fl_time next_try;                /* FL_NEVER: none is planned */
	enum fl_devices_rule rule;       /* that is used against it now */
};
FL_MUST enum fl_err fl_devices_info(const struct fl_devices *d, const struct fl_ski *ski,
				    struct fl_device_info *out);
/* The i-th record in order of SKI; false past the end. */
bool fl_devices_info_at(const struct fl_devices *d, size_t i, struct fl_device_info *out);
const struct fl_device_entry *fl_devices_visible_at(const struct fl_devices *d,
						    size_t i); /* NULL past the end */
const uint8_t *fl_devices_key_pin(const struct fl_devices *d,
				  const struct fl_ski *ski); /* NULL: not pinned */
bool fl_devices_auto_accepting(const struct fl_devices *d);
size_t fl_devices_connections(const struct fl_devices *d); /* that are open or parked */

/* Whether records, registry and counts agree; for tests. */
bool fl_devices_check(const struct fl_devices *d);

#endif
