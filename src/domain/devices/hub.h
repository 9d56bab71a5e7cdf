/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/hub.h - what the files of the hub share: a record a device, its links, the queue
 * of what comes out.
 *
 * A link is a connection as the hub sees it. Of the links of a device one at most stands in the
 * registry: the current one. Others are the parked one, and those that were replaced and say
 * farewell.
 *
 * Every call that touches a device ends with fl_dev_settle, and only that drops records and knows
 * deadlines.
 */
#ifndef FL_DOMAIN_DEVICES_HUB_H
#define FL_DOMAIN_DEVICES_HUB_H

#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "domain/devices/devices.h"
#include "domain/registry/registry.h"

enum {
	FL_DEV_UPGRADES_MAX = 10, /* of one device in a minute */
	FL_DEV_TEXT_MAX = 128,
};

#define FL_DEV_PATIENCE   (3 * FL_SEC)  /* of the smaller SKI, with two connections */
#define FL_DEV_SUCCESSION (10 * FL_SEC) /* until a connection that replaced another is open */
#define FL_DEV_LEARNING   (5 * FL_SEC)  /* after a double connection was resolved */

/* ---- what comes out (effects.c) ---- */

/* One effect with what it points to behind it. */
struct fl_dev_effect {
	struct fl_list link;
	struct fl_devices_effect what;
	uint64_t seq;
	size_t size; /* of the memory behind it */
	max_align_t memory[];
};

/* An effect that must not fail when its time comes: memory for it is taken at the beginning. */
struct fl_dev_effect *fl_dev_effect_new(void);

void fl_dev_emit_ready(struct fl_devices *d, struct fl_dev_effect *e,
		       const struct fl_devices_effect *what);

/* Copies what `what` points to. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_dev_emit(struct fl_devices *d, const struct fl_devices_effect *what);

void fl_dev_effects_done(struct fl_devices *d);

/* ---- links (live.c, heard.c) ---- */

struct fl_dev;

struct fl_dev_link {
	struct fl_list among; /* those of its device, oldest first */
	struct fl_dev *dev;
	struct fl_conn entry; /* in the registry while it is the one that stands there */
	struct fl_ship_conn *machine;
	uint64_t number;
	bool client;
	bool windowed; /* let in by the auto-accept window */
	bool lost;     /* the transport has gone: nothing to close */
	enum fl_ship_state step;
	fl_time parked_until;
	struct fl_dev_effect *close, *open,
		*gone; /* ready for its end, its beginning and its loss */
};

/* How a link ended. */
struct fl_dev_end {
	enum fl_err err;
	uint16_t code;
	const char *text; /* static */
	bool completed;   /* the handshake had come to an end */
};

/* ---- devices (peer.c) ---- */

enum fl_dev_attempt { FL_DEV_IDLE, FL_DEV_DELAYED, FL_DEV_DIALLING };

struct fl_dev {
	struct fl_device_record record;
	struct fl_list links;
	struct fl_dev_link *parked; /* one of them, or NULL */

	uint64_t told;              /* the connection that the application knows of; 0: none */
	struct fl_dev_effect *gone; /* ready to take it back */
	fl_time succession;         /* until when its successor has to be open; 0: it stands */
	enum fl_device_state state;
	enum fl_err err;
	char text[FL_DEV_TEXT_MAX];
	bool told_of; /* the application has heard of a state */

	enum fl_dev_attempt attempt;
	fl_time dial_at; /* DELAYED */
	uint64_t dial;   /* DIALLING: its number */
	unsigned tries;  /* since the counter was reset */
	bool hold;       /* no dialling until the user says so */
	bool denied;     /* by the device: no dialling while it does not pair */
	uint32_t allow;  /* of its limit; 0: any category */
	bool barred;     /* its state says that the limit keeps it out */

	bool by_initiator; /* what `auto` has learnt of it */
	uint64_t survivor; /* of the last double connection */
	fl_time resolved;

	unsigned pin_failures;
	fl_time pin_busy_until;
	char pin[FL_SHIP_PIN_MAX + 1]; /* that it asks for; secret */

	fl_time minute; /* since when upgrades are counted */
	unsigned upgrades;

	fl_time due;
};

struct fl_dev *fl_dev_find(const struct fl_devices *d, const struct fl_ski *ski);

/* Errors: FL_ERR_FULL, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_dev_find_or_add(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
				       struct fl_dev **out);

/* Ends every call that touched the device: its deadline is known again, or it is dropped. */
void fl_dev_settle(struct fl_devices *d, fl_time now, struct fl_dev *v);

void fl_dev_free(struct fl_devices *d, struct fl_dev *v);

/*
 * The record goes to the store before anybody hears of it. Errors: FL_ERR_NOMEM, nothing changed.
 */
FL_MUST enum fl_err fl_dev_set_trust(struct fl_devices *d, struct fl_dev *v, bool trusted);
FL_MUST enum fl_err fl_dev_persist(struct fl_devices *d, const struct fl_dev *v);

void fl_dev_set_state(struct fl_devices *d, struct fl_dev *v, enum fl_device_state state,
		      enum fl_err err, const char *text);

/* ---- the hub ---- */

enum fl_devices_phase { FL_DEVICES_NEW, FL_DEVICES_RUNNING, FL_DEVICES_ENDING };

struct fl_devices {
	struct fl_devices_config cfg;
	char ship_id[FL_SHIP_ID_MAX + 1];
	char pin[FL_SHIP_PIN_MAX + 1];
	enum fl_devices_phase phase;
	struct fl_dev **at; /* in order of SKI */
	size_t count, cap;
	struct fl_device_entry *seen; /* in order of SKI */
	size_t seen_count;
	struct fl_device_limit *limits; /* in order of SKI */
	size_t limits_count;
	struct fl_registry *registry;
	struct fl_map links; /* by number */
	uint64_t last_number;
	struct fl_rng rng;    /* of delays */
	bool may_wait;        /* a user can be asked */
	fl_time window_until; /* of auto-accept; 0: closed */
	fl_time cap_at;       /* ENDING: what is left is cut */
	fl_time due;          /* no device is due earlier; it may be that none is due so early */

	struct fl_list acts, tells; /* for the driver, for the application */
	size_t tells_count, tells_bytes;
	uint64_t last_seq;
	bool visible_waits, announce_waits;
	struct fl_dev_effect *given; /* the last one that was pulled */
};

static inline bool fl_devices_is_ending(const struct fl_devices *d)
{
	return d->phase == FL_DEVICES_ENDING;
}

/* The open connection that stands in the registry, or NULL. */
struct fl_dev_link *fl_dev_current(const struct fl_devices *d, const struct fl_dev *v);
struct fl_dev_link *fl_dev_link_find(const struct fl_devices *d, uint64_t number);

/* Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_dev_link_new(struct fl_devices *d, struct fl_dev *v, bool client,
				    struct fl_dev_link **out);
void fl_dev_link_free(struct fl_devices *d, struct fl_dev_link *l);

/*
 * Takes it into the registry in place of all others, which say farewell, and starts it.
 * FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_dev_link_begin(struct fl_devices *d, fl_time now, struct fl_dev_link *l);

/* It is dying: nobody's current connection any more, so that another one may come. */
void fl_dev_link_leave(struct fl_devices *d, fl_time now, struct fl_dev_link *l);

/*
 * What the machine wants done (heard.c). The link may be gone after this, and after the next two.
 */
void fl_dev_link_pump(struct fl_devices *d, fl_time now, struct fl_dev_link *l);

/* Ends it in order: it is not the current one from now on. */
void fl_dev_link_end(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
		     enum fl_ship_close_reason reason, uint16_t code, const char *text);

/* Ends it at once. */
void fl_dev_link_cut(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
		     const struct fl_dev_end *end);

/* Ends all that a device has, the parked one first. */
void fl_dev_end_links(struct fl_devices *d, fl_time now, struct fl_dev *v,
		      enum fl_ship_close_reason reason, uint16_t code, const char *text);

/* The user says no to the one that asks; the one that waits behind it goes too. */
void fl_dev_link_refuse(struct fl_devices *d, fl_time now, struct fl_dev_link *l);

/* Timers of its links. */
void fl_dev_links_tick(struct fl_devices *d, fl_time now, struct fl_dev *v);

/* ---- a connection that wants in (incoming.c) ---- */

/* Errors: FL_ERR_EXISTS, FL_ERR_FULL, FL_ERR_NOMEM; nothing changed. */
FL_MUST enum fl_err fl_dev_take(struct fl_devices *d, fl_time now, struct fl_dev *v, bool client,
				uint64_t *out_number, bool *out_parked);
bool fl_dev_has_room(const struct fl_devices *d, const struct fl_dev *v);

/* ---- two connections (rule.c) ---- */

enum fl_dev_verdict { FL_DEV_KEEP_NEW, FL_DEV_REJECT_NEW, FL_DEV_PARK_NEW };

/* What stands in the registry when another connection comes. */
enum fl_dev_existing {
	FL_DEV_NONE,     /* nothing, or one that is dying */
	FL_DEV_INCOMING, /* one that the device opened */
	FL_DEV_OUTGOING, /* one that we opened */
};

/* The whole rule about double connections. `rule`: of fl_dev_rule. */
enum fl_dev_verdict fl_dev_decide(enum fl_devices_rule rule, const struct fl_ski *local,
				  const struct fl_ski *remote, bool incoming,
				  enum fl_dev_existing existing);

/* The rule that is used against it now. */
enum fl_devices_rule fl_dev_rule(const struct fl_devices *d, const struct fl_dev *v);

/* A double connection was resolved in favour of that number. */
void fl_dev_rule_resolved(struct fl_dev *v, fl_time now, uint64_t survivor);

/* The device closed a connection: was that its answer to how we resolved? */
void fl_dev_rule_lost(const struct fl_devices *d, struct fl_dev *v, fl_time now, uint64_t number,
		      uint16_t code, struct fl_slice reason);

/* ---- dialling (attempt.c) ---- */

/* Should we dial it, as things stand? */
bool fl_dev_wants_dial(const struct fl_devices *d, const struct fl_dev *v);

/* Plans an attempt if there should be one and there is none. */
void fl_dev_attempt_consider(struct fl_devices *d, fl_time now, struct fl_dev *v);

/* Calls it off, in whatever state it is. */
void fl_dev_attempt_cancel(struct fl_devices *d, struct fl_dev *v);

/* The user asked: as if it had never failed, and without delay. A dial that runs goes on. */
void fl_dev_attempt_now(struct fl_devices *d, fl_time now, struct fl_dev *v);

void fl_dev_attempt_tick(struct fl_devices *d, fl_time now, struct fl_dev *v);

/* ---- what is seen (visible.c) ---- */

const struct fl_device_entry *fl_dev_seen(const struct fl_devices *d, const struct fl_ski *ski);

/* Where to dial it: the fixed place, or what is seen. False: nowhere. */
bool fl_dev_place(const struct fl_devices *d, const struct fl_dev *v, struct fl_device_entry *out);

/* ---- what a device may be (limit.c) ---- */

/* Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_dev_limits_copy(struct fl_devices *d, const struct fl_devices_config *cfg);
uint32_t fl_dev_limit_of(const struct fl_devices *d, const struct fl_ski *ski);

/* May no connection of it begin? And may none stand? */
bool fl_dev_is_barred(const struct fl_devices *d, const struct fl_dev *v);
bool fl_dev_is_outside(const struct fl_devices *d, const struct fl_dev *v);

/* Why it is not connected, as its state. */
void fl_dev_limit_tell(struct fl_devices *d, struct fl_dev *v);

/* What is seen has changed: ends what may not stand. */
void fl_dev_limit_apply(struct fl_devices *d, fl_time now, struct fl_dev *v);

/* ---- the end (shutdown.c) ---- */

void fl_dev_shutdown_tick(struct fl_devices *d, fl_time now);

/* Have our announcement repeated, since somebody we trust is not here. */
void fl_dev_announce(struct fl_devices *d);

#endif
