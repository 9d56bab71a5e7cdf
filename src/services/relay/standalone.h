/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/standalone.h - a whole relay process on one loop: listener, TLS, DERP, STUN.
 *
 * The key file and, in the self-made mode, the certificate are created on the first start, so
 * that a relay needs no preparation at all: clients know it by the pin in the map that
 * fl_relay_standalone_map writes.
 *
 * Thread    the loop's.
 * Security  key files are created with mode 0600 and refused when others may read them.
 * Source    docs/protocol/relay.md 14, 15 and 18
 */
#ifndef FL_SERVICES_RELAY_STANDALONE_H
#define FL_SERVICES_RELAY_STANDALONE_H

#include "base/buf.h"
#include "io/listen.h"
#include "services/relay/relay.h"
#include "services/relay/stun.h"

/* Zero-initialise. Strings are copied at the start. */
struct fl_relay_standalone_config {
	struct fl_addrport at;            /* DERP and probes */
	enum fl_listen_mode mode;         /* plain only for tests or behind a TLS proxy */
	const char *host;                 /* name or address clients use; for certificate and map */
	const char *cert_path, *key_path; /* PEM; NULL: one made at each start */
	bool self_signed;                 /* make the files above if there are none */
	const char *relay_key_path; /* {"PrivateKey":"privkey:..."}; NULL: a new key each start */
	struct fl_addrport http_at; /* /generate_204, and redirects to HTTPS; unset: none */
	struct fl_addrport metrics_at; /* /metrics and /debug/check; unset: none */
	struct fl_addrport stun_at;    /* unset: no STUN */
	bool stun_answer_any;
	const char *rate_path; /* {"PerClientRateLimitBytesPerSec":N,"PerClientRateBurstBytes":M} */
	const char *allow_path; /* node keys that may use it, one a line; NULL: no such list */
	uint32_t accept_rate,
		accept_burst;         /* new connections a second, excess is closed; 0: no limit */
	uint32_t conn_max;            /* 0: as many as descriptors allow */
	uint32_t per_source_max;      /* 0: half of them, on loopback all */
	struct fl_relay_config relay; /* `key` is ignored: it comes from the file */
};

struct fl_relay_standalone;

/*
 * Opens everything or nothing; fl_crypto_init need not be called before. Errors with text in
 * `fault`: those of the listener, of the files, FL_ERR_IO (OpenSSL), FL_ERR_INVALID (certificate,
 * key or rate file).
 */
FL_MUST enum fl_err fl_relay_standalone_start(struct fl_loop *loop,
					      const struct fl_relay_standalone_config *cfg,
					      struct fl_fault *fault,
					      struct fl_relay_standalone **out);

/*
 * Reads certificate, rate file and allowed keys again. If one is bad all stay as they were. Clients
 * whose key is no longer listed are closed.
 */
FL_MUST enum fl_err fl_relay_standalone_reload(struct fl_relay_standalone *s,
					       struct fl_fault *fault);

/*
 * Stops listening, tells the clients, lets what is queued leave within `linger` ns. Accepts NULL.
 */
struct fl_relay_standalone *fl_relay_standalone_stop(struct fl_relay_standalone *s, int64_t linger);

struct fl_addrport fl_relay_standalone_at(const struct fl_relay_standalone *s);
struct fl_addrport fl_relay_standalone_stun_at(const struct fl_relay_standalone *s); /* or unset */
struct fl_addrport fl_relay_standalone_http_at(const struct fl_relay_standalone *s); /* or unset */
struct fl_relay *fl_relay_standalone_relay(struct fl_relay_standalone *s);

/*
 * Appends a relay map with this relay as its only region, for a controller's `derp.paths` or a
 * policy file. A self-made certificate appears as "sha256-raw:" pin.
 */
void fl_relay_standalone_map(const struct fl_relay_standalone *s, unsigned region_id,
			     const char *region_code, struct fl_buf *out);

/* Appends all counters: derp_*, stun_*, listener. */
void fl_relay_standalone_metrics(struct fl_relay_standalone *s, struct fl_buf *out);

/*
 * The relay's private key from a file: JSON as above, or the bare "privkey:..." text. Creates the
 * file with a new key when there is none. Errors with text in `fault`: FL_ERR_DENIED (others may
 * read it), FL_ERR_INVALID, those of io/file.h.
 */
FL_MUST enum fl_err fl_relay_key_load(const char *path, struct fl_fault *fault,
				      struct fl_private_key *out);

#endif
