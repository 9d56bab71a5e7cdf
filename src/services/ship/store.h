/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/store.h - the state folder of a hub: its identity and the devices it trusts.
 *
 *	identity.pem   certificate and private key, 0600      devices.json   a record of each device
 *	ship_id        the SHIP ID, one line                  lock           held while a hub runs
 *
 * The identity is what every paired device knows this hub by. It is made once, in a folder that
 * holds no devices, and never again by itself: a file that is there and cannot be used is an error.
 *
 * Blocking: the files are small, and a record is written when a person pairs something.
 *
 * Thread    one owner.
 * Limits    FL_DEVICES_PEERS_MAX records.
 * Security  the folder is made 0700; an identity that others may read is refused.
 */
#ifndef FL_SERVICES_SHIP_STORE_H
#define FL_SERVICES_SHIP_STORE_H

#include "base/buf.h"
#include "domain/devices/devices.h"

/* ---- identity ---- */

struct fl_ship_identity {
	struct fl_buf pem;               /* certificate and private key: secret */
	struct fl_ship_cert_facts facts; /* of the certificate; facts.computed is the SKI */
	char ship_id[FL_SHIP_ID_MAX + 1];
};

/* What a new identity is made of. */
struct fl_ship_identity_spec {
	const char *id;                     /* NULL or "": brand, model and a random part */
	const char *brand, *model, *serial; /* NULL: none */
	fl_wall now;
};

struct fl_ship_store;

/*
 * Makes the folder if it is not there, takes its lock, reads the devices. Errors with text:
 * FL_ERR_BUSY (another process has it), FL_ERR_CORRUPT (devices.json), FL_ERR_DENIED, FL_ERR_IO,
 * FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_store_open(const char *dir, struct fl_fault *fault,
				       struct fl_ship_store **out);
/* Gives the lock back. NULL in, NULL out. */
struct fl_ship_store *fl_ship_store_close(struct fl_ship_store *s);

/*
 * Reads the identity, or makes one where there is none and no device knows it. Errors with text:
 * FL_ERR_CORRUPT, FL_ERR_DENIED (others may read the key), FL_ERR_NOT_FOUND (gone, but there are
 * devices), FL_ERR_INVALID (`spec->id` is not the one that is kept, or cannot be one), FL_ERR_IO,
 * FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_store_identity(struct fl_ship_store *s,
					   const struct fl_ship_identity_spec *spec,
					   struct fl_fault *fault, struct fl_ship_identity *out);
/* As above, but makes nothing: FL_ERR_NOT_FOUND. */
FL_MUST enum fl_err fl_ship_store_identity_read(struct fl_ship_store *s, struct fl_fault *fault,
						struct fl_ship_identity *out);
/*
 * Puts an identity from elsewhere in the folder: `pem` holds certificate and key. `replace`: also
 * in place of another one, which every paired device then no longer knows. Errors with text:
 * FL_ERR_EXISTS, FL_ERR_INVALID (no such PEM, no P-256 key, no SHIP ID), FL_ERR_IO, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_store_identity_put(struct fl_ship_store *s, struct fl_slice pem,
					       const char *ship_id, bool replace,
					       struct fl_fault *fault);
void fl_ship_identity_done(struct fl_ship_identity *id); /* wipes the key */

/* The certificate alone, as PEM; borrowed from the identity. */
struct fl_slice fl_ship_identity_cert(const struct fl_ship_identity *id);

/* ---- devices ---- */

size_t fl_ship_store_count(const struct fl_ship_store *s);
const struct fl_device_record *fl_ship_store_at(const struct fl_ship_store *s,
						size_t i); /* by SKI */
const struct fl_device_record *fl_ship_store_find(const struct fl_ship_store *s,
						  const struct fl_ski *ski); /* NULL: none */

/*
 * Keeps a record in place of an older one of the same SKI, or drops it; durable when it returns
 * FL_OK, and nothing is written where nothing changes. On an error file and records are as they
 * were: FL_ERR_IO, FL_ERR_DENIED, FL_ERR_FULL, FL_ERR_NOMEM, with text.
 */
FL_MUST enum fl_err fl_ship_store_put(struct fl_ship_store *s, const struct fl_device_record *r,
				      struct fl_fault *fault);
FL_MUST enum fl_err fl_ship_store_drop(struct fl_ship_store *s, const struct fl_ski *ski,
				       struct fl_fault *fault);

#endif
