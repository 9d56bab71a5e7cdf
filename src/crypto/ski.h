/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/ski.h - the subject key identifier (SKI) that names a SHIP node, and the certificates it
 * comes from.
 *
 * A SKI is the SHA-1 of the 65 bytes of the uncompressed public point. What a certificate says of
 * itself is worth nothing: the SKI of a peer is computed from its key, and the extension has to
 * agree.
 *
 * Security  A key under a certificate whose extension disagrees is refused, but for one whose owner
 *           was pinned by the SHA-256 of the whole public key (SubjectPublicKeyInfo). Dates, chains
 *           and names are no reason to refuse. The signature is not looked at: who has the key
 *           shows that in the handshake, and the extension is compared with it.
 * Source    docs/protocol/ship.md 1.1, 1.2, 1.4
 */
#ifndef FL_CRYPTO_SKI_H
#define FL_CRYPTO_SKI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"
#include "crypto/prim.h"

enum { FL_SKI_LEN = 20, FL_SKI_TEXT_LEN = 2 * FL_SKI_LEN };

/* Compare with memcmp: the bytes, the lower-case text and the number order alike. */
struct fl_ski {
	uint8_t b[FL_SKI_LEN];
};

/*
 * Reads what a person or a device wrote: spaces and dashes are skipped, case does not matter, 40
 * hex digits must remain. Errors: FL_ERR_SYNTAX.
 */
FL_MUST enum fl_err fl_ski_parse(struct fl_slice text, struct fl_ski *out);

/* Lower-case hex, terminated. */
void fl_ski_format(const struct fl_ski *ski, char out[static FL_SKI_TEXT_LEN + 1]);

/* Negative, 0, positive as a is smaller, equal, bigger. */
int fl_ski_cmp(const struct fl_ski *a, const struct fl_ski *b);

/* ---- certificates ---- */

struct fl_ship_cert_params {
	const char *common_name;  /* customarily model-serial; required, at most 64 bytes */
	const char *organisation; /* these may be NULL, and are at most 64 bytes */
	const char *unit;
	const char *country; /* two letters */
	fl_wall now;         /* valid from a day before it until 10 years after */
};

/*
 * Makes a P-256 key and its self-signed certificate; both are appended as PEM, or neither. The key
 * buffer is secret. Errors: FL_ERR_INVALID (a name that is empty, too long or unclean),
 * FL_ERR_NOMEM, FL_ERR_TOO_BIG from a buffer.
 */
FL_MUST enum fl_err fl_ship_cert_create(const struct fl_ship_cert_params *p,
					struct fl_buf *out_cert_pem, struct fl_buf *out_key_pem);

/* What a certificate is, told without trusting any of it. */
struct fl_ship_cert_facts {
	struct fl_ski computed;        /* of the key */
	struct fl_ski announced;       /* of the extension, if has_announced */
	bool has_announced;            /* there is an extension, and it has 20 bytes */
	size_t announced_len;          /* bytes of the extension; 0: none */
	uint8_t key_pin[FL_HASH_LEN];  /* SHA-256 over its SubjectPublicKeyInfo */
	fl_wall not_before, not_after; /* 0: unreadable */
	char subject[256];             /* one line, unprintable bytes escaped */
};

struct x509_st; /* a certificate as OpenSSL holds it */

/*
 * Errors: FL_ERR_UNSUPPORTED (the key is on no elliptic curve that has a name; any of these will
 * do, but on a curve of his own anyone could go by any SKI), FL_ERR_SYNTAX (it cannot be read),
 * FL_ERR_NOMEM. `out` is filled as far as it could be read in every case
 * (subject), for the text of a refusal.
 */
FL_MUST enum fl_err fl_ship_cert_read(struct x509_st *cert, struct fl_ship_cert_facts *out);

/* The same of the first certificate of a PEM text. */
FL_MUST enum fl_err fl_ship_cert_read_pem(struct fl_slice pem, struct fl_ship_cert_facts *out);

/*
 * May the peer be taken for who it says it is? Without `pin` that is its computed SKI, which the
 * announced one has to equal. `pin`: of the key that was pinned for the SKI it goes by, whatever
 * the certificate announces; no other key is taken then. Errors: FL_ERR_CRYPTO, with a text in
 * `fault` that names subject, announced and computed SKI and what to do.
 */
FL_MUST enum fl_err fl_ship_cert_judge(const struct fl_ship_cert_facts *f, const uint8_t *pin,
				       struct fl_fault *fault);

#endif
