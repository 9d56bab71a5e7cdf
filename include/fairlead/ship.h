/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fairlead/ship.h - a SHIP 1.0.1 (EEBUS) node in your program: it announces itself, finds devices,
 * pairs with those that the user trusts, and carries SPINE payloads to and from them.
 *
 *	fl_hub_open -> poll fl_hub_fd until fl_hub_deadline -> fl_hub_step -> fl_hub_next ...
 *	            -> fl_hub_close
 *
 * Nothing here calls back, prints, installs signal handlers or keeps global state. Strings that go
 * in are copied; what comes out is borrowed until the next call on the hub.
 *
 * An application that falls behind is waited for: while 256 events or 4 MiB of payloads are there
 * to be taken nothing is read from devices, and while 4096 are there fl_hub_step does nothing.
 *
 * Thread  one at a time; several hubs share nothing. A host name is resolved on a thread of its
 *         own, and the message log is written on another.
 */
#ifndef FAIRLEAD_SHIP_H
#define FAIRLEAD_SHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FL_API __attribute__((visibility("default")))

typedef struct fl_hub fl_hub;
typedef struct {
	uint8_t b[20];
} fl_hub_ski;

/* 0 is success; fl_hub_strerror gives the text. */
typedef enum {
	FL_HUB_OK = 0,
	FL_HUB_AGAIN = 2,       /* what waits for the device is at its limit: try again later */
	FL_HUB_E_ARGUMENT = -1, /* NULL, or a config that FL_HUB_CONFIG_INIT did not make */
	FL_HUB_E_STATE = -2,    /* not possible now */
	FL_HUB_E_SYNTAX = -4,   /* a text cannot be read */
	FL_HUB_E_TOO_BIG = -5,
	FL_HUB_E_NOT_FOUND = -8, /* no such device; no folder for the message log */
	FL_HUB_E_DENIED = -10,
	FL_HUB_E_INVALID = -12,
	FL_HUB_E_NO_MEMORY = -14,
	FL_HUB_E_FULL = -15, /* a limit on devices */
	FL_HUB_E_IO = -16,   /* file or network: see the text of fl_hub_open */
	FL_HUB_E_NOT_CONNECTED = -17,
	FL_HUB_E_IN_USE = -19,  /* the port, or the state folder, is another's */
	FL_HUB_E_CORRUPT = -20, /* what the state folder holds cannot be used */
	FL_HUB_E_UNSUPPORTED = -21,
} fl_hub_result;
FL_API const char *fl_hub_strerror(fl_hub_result r);

typedef enum {
	FL_HUB_MDNS_AUTO, /* Avahi's daemon if it runs, else an own responder */
	FL_HUB_MDNS_AVAHI,
	FL_HUB_MDNS_EMBEDDED,
	FL_HUB_MDNS_OFF
} fl_hub_mdns;
/* Which of two connections to one device lives. */
typedef enum {
	FL_HUB_RULE_AUTO, /* as the device likes it */
	FL_HUB_RULE_RECENT,
	FL_HUB_RULE_INITIATOR
} fl_hub_rule;

/*
 * A device that may only be what the user knows it for: it is connected only while it announces
 * categories, all of them among these. An announcement is not signed, so this keeps out what is
 * there by mistake (docs/ship.md, "What a device may be").
 */
typedef struct {
	fl_hub_ski ski;
	uint32_t categories; /* bit n: category n, 1 to 31; one at least */
} fl_hub_limit;

typedef struct {
	size_t size; /* set by FL_HUB_CONFIG_INIT */
	/* Identity and trusted devices. Made (0700) with a new identity if it is not there. */
	const char *state_dir;
	const char *ship_id; /* NULL: made once from brand, model and a random part, and kept */
	const char *brand, *model, *device_type, *serial; /* NULL: none */
	const char *instance;   /* label in the network; NULL: brand, model and part of the id */
	uint32_t categories[8]; /* 1 grid connection hub .. 7 metering */
	size_t categories_count;
	const char *listen;            /* "address:port", ":port"; NULL ":4712"; port 0: any */
	const char *const *interfaces; /* of mDNS, by name; none: all but loopback */
	size_t interfaces_count;
	fl_hub_mdns mdns;
	fl_hub_rule double_connections;
	const char *pin; /* asked of every device, 8 to 16 hexadecimal digits; NULL: none */
	bool pin_optional;
	size_t connections_max; /* 0: 10 */
	size_t message_max;     /* bytes; 0: 1 MiB */
	/*
	 * For as long as the hub is open, whoever registers the device. At most 1024, copied; of
	 * one device all the same. Not with FL_HUB_MDNS_OFF, which shows no categories.
	 */
	const fl_hub_limit *limits;
	size_t limits_count;
	/*
	 * What devices and the hub say to each other, as a pcap-ng file (0600) that is added to,
	 * with an older one, PATH.1, beside it (docs/ship.md, "The message log"); NULL: none. A
	 * disk that takes no more costs messages in it and nothing else: fl_hub_messages.
	 */
	const char *message_log;
	uint64_t message_log_max; /* bytes of both files, at least 2 MiB; 0: 16 MiB */
	bool message_log_plain;   /* PINs, serial numbers and the like as they are, not as "***" */
} fl_hub_config;

#ifdef __cplusplus
#define FL_HUB_CONFIG_INIT fl_hub_config_init()
static inline fl_hub_config fl_hub_config_init(void)
{
	fl_hub_config c = fl_hub_config();
	c.size = sizeof c;
	return c;
}
#else
#define FL_HUB_CONFIG_INIT                                                                         \
	{                                                                                          \
		.size = sizeof(fl_hub_config)                                                      \
	}
#endif

/* ---- what happens ---- */

typedef enum {
	FL_HUB_NONE,
	FL_HUB_QUEUED,           /* registered, not reached yet */
	FL_HUB_INITIATED,        /* a connection begins */
	FL_HUB_RECEIVED_REQUEST, /* it waits for fl_hub_register or fl_hub_refuse */
	FL_HUB_IN_PROGRESS,
	FL_HUB_TRUSTED,   /* both sides trust each other */
	FL_HUB_PIN_PHASE, /* one side waits for a PIN */
	FL_HUB_COMPLETED,
	FL_HUB_REMOTE_DENIED, /* it does not want us: no dialling until it is registered again */
	FL_HUB_ERROR,
} fl_hub_state;

typedef enum {
	FL_HUB_EV_VISIBLE,      /* what is seen in the network changed: fl_hub_visible_at */
	FL_HUB_EV_STATE,        /* `state`, and why in `text` */
	FL_HUB_EV_CONNECTED,    /* `conn`: payloads flow */
	FL_HUB_EV_REPLACED,     /* `old_conn` by `conn`: what was known of the session is void */
	FL_HUB_EV_DISCONNECTED, /* `conn`; once for each that was connected */
	FL_HUB_EV_SHIP_ID,      /* `text` */
	FL_HUB_EV_TRUST,        /* `trusted`; it is kept in the state folder already */
	FL_HUB_EV_PIN_WANTED,   /* fl_hub_pin; `optional`: it works without; `text`: why again */
	FL_HUB_EV_DATA,         /* `conn`, `data`, `data_len`: a payload, plain JSON */
	FL_HUB_EV_FORGOTTEN,    /* of who is gone, and not trusted, nothing is left */
} fl_hub_event_kind;

typedef struct {
	fl_hub_event_kind kind;
	fl_hub_ski ski;
	uint64_t conn, old_conn; /* never used twice */
	fl_hub_state state;
	bool trusted, optional;
	const char *text; /* "" if none */
	const char *data; /* not terminated */
	size_t data_len;
} fl_hub_event;

/* ---- life ---- */

/*
 * Listens and announces from now on. `text` (may be NULL) gets what went wrong, in a sentence: 512
 * bytes are enough. Only one hub may use a state folder (FL_HUB_E_IN_USE).
 */
FL_API fl_hub_result fl_hub_open(const fl_hub_config *cfg, char *text, size_t text_size,
				 fl_hub **out);
/* Ends connections in order (2 s at most), says goodbye, frees. NULL in, NULL out. */
FL_API fl_hub *fl_hub_close(fl_hub *h);

FL_API int fl_hub_fd(const fl_hub *h); /* readable when fl_hub_step has work */
/* Of the next step, CLOCK_MONOTONIC ns. 0: now. INT64_MAX: none. New after each call on the hub. */
FL_API int64_t fl_hub_deadline(const fl_hub *h);
/*
 * Does what there is to do; never blocks, but for the disk when trust changes. FL_HUB_AGAIN: not
 * until events are taken. FL_HUB_E_NO_MEMORY: an event was lost; close the hub.
 */
FL_API fl_hub_result fl_hub_step(fl_hub *h);
/* What happened, oldest first; false: nothing more. Take all before waiting for the next step. */
FL_API bool fl_hub_next(fl_hub *h, fl_hub_event *out);

/* ---- devices ---- */

/*
 * Trust a device; it is dialled as soon as it is seen, and let in when it comes. `ship_id`: or
 * NULL.
 */
FL_API fl_hub_result fl_hub_register(fl_hub *h, fl_hub_ski ski, const char *ship_id);
FL_API fl_hub_result fl_hub_unregister(fl_hub *h, fl_hub_ski ski);
/* One that waits to be trusted (else FL_HUB_E_STATE). */
FL_API fl_hub_result fl_hub_refuse(fl_hub *h, fl_hub_ski ski);
/* Where a registered device (else FL_HUB_E_DENIED) is, now and in future. `path` NULL: "/ship/". */
FL_API fl_hub_result fl_hub_connect(fl_hub *h, fl_hub_ski ski, const char *host, uint16_t port,
				    const char *path);
/* `hold`: and do not dial it until fl_hub_register or fl_hub_connect. */
FL_API fl_hub_result fl_hub_disconnect(fl_hub *h, fl_hub_ski ski, bool hold);
/* Trust whoever comes within `seconds` (at most 120; 0 ends it). */
FL_API fl_hub_result fl_hub_auto_accept(fl_hub *h, unsigned seconds);
FL_API void fl_hub_may_wait(fl_hub *h, bool yes); /* can a user be asked? At first: yes */
/*
 * Some devices of older makes have a certificate whose SKI is not of its key, and are refused. One
 * that is registered (else FL_HUB_E_DENIED) is taken when the SHA-256 of its public key is told.
 */
FL_API fl_hub_result fl_hub_pin_key(fl_hub *h, fl_hub_ski ski, const uint8_t sha256[32]);
/*
 * The PIN that a known device asks for: used now, or when it asks; not kept on the disk.
 * FL_HUB_E_STATE: it is connected, and asks for none.
 */
FL_API fl_hub_result fl_hub_pin(fl_hub *h, fl_hub_ski ski, const char *pin);

/*
 * Queues one payload, plain JSON {"datagram":...}; or with `wire` in the form of SHIP. Never
 * blocks. FL_HUB_AGAIN: nothing was queued.
 */
FL_API fl_hub_result fl_hub_send(fl_hub *h, fl_hub_ski ski, const char *json, size_t len,
				 bool wire);

/* ---- questions ---- */

typedef struct {
	fl_hub_ski ski;
	const char *ship_id, *cause; /* "" if not known */
	fl_hub_state state;
	bool trusted, visible, connected;
	uint64_t conn; /* 0: none */
} fl_hub_device;
/* The i-th device that is trusted, connected or waits, in order of SKI; false past the end. */
FL_API bool fl_hub_device_at(fl_hub *h, size_t i, fl_hub_device *out);

typedef struct {
	fl_hub_ski ski;
	const char *ship_id, *brand, *model, *device_type, *serial; /* "" if not told */
	const char *instance, *host, *path;
	uint16_t port;
	const uint32_t *categories;
	size_t categories_count;
	bool auto_accept; /* it says that it takes anyone now: a hint, not to be trusted */
} fl_hub_seen;
/* The i-th device that is seen in the network, in order of SKI; false past the end. */
FL_API bool fl_hub_visible_at(fl_hub *h, size_t i, fl_hub_seen *out);

/* How the message log does. All of it is zero and `path` "" where there is none. */
typedef struct {
	const char *path;       /* of the newer file, from the root on */
	uint64_t written, lost; /* messages, since the hub was opened */
	size_t waiting;         /* bytes that wait for the disk: more than 4 MiB are lost */
	bool failing;           /* the last one could not be written; the next is tried again */
} fl_hub_message_log;
FL_API void fl_hub_messages(const fl_hub *h, fl_hub_message_log *out);

FL_API uint16_t fl_hub_port(const fl_hub *h);
FL_API void fl_hub_own_ski(const fl_hub *h, fl_hub_ski *out);
/* The text for a QR code that others pair with this hub by; 512 bytes are enough. */
FL_API fl_hub_result fl_hub_qr(const fl_hub *h, char *out, size_t size);

/* Reads a SKI as people write it, or the text of a QR code. */
FL_API fl_hub_result fl_hub_ski_parse(const char *text_or_qr, fl_hub_ski *out);
FL_API void fl_hub_ski_format(fl_hub_ski ski, char out[41]);

#ifdef __cplusplus
}
#endif

#endif
