/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/shipid.h - the identities of emulated SHIP devices. Key `index` follows from the seed, so
 * that a server can be told of all SKIs before the devices come.
 *
 * Source  docs/protocol/ship.md 1.1, 1.2
 */
#ifndef FL_BENCH_SHIPID_H
#define FL_BENCH_SHIPID_H

#include <openssl/ssl.h>
#include <stdint.h>

enum { SHIP_SKI_TEXT = 40 };

struct ship_id {
	EVP_PKEY *key;
	X509 *cert;
	char ski[SHIP_SKI_TEXT + 1];
};

/* Ends the process where OpenSSL fails. */
void ship_id_make(struct ship_id *id, uint32_t index, uint64_t seed);
void ship_id_done(struct ship_id *id);

/* Writes cert.pem and key.pem for a server into `dir`. */
void ship_id_write(const struct ship_id *id, const char *dir);

#endif
