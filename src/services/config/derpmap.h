/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/config/derpmap.h - the map of relays that clients get: the embedded region, files, URLs.
 *
 * Sources merge by region id in that order: URLs, then files, then the embedded region; a later one
 * replaces, a null region of a file removes. Merging never changes a source.
 *
 * Source  docs/protocol/relay.md 18; docs/lifecycle.md DE-1 to DE-4
 */
#ifndef FL_SERVICES_CONFIG_DERPMAP_H
#define FL_SERVICES_CONFIG_DERPMAP_H

#include "services/config/config.h"

/* The relay inside this server, as clients reach it. */
struct fl_derpmap_embedded {
	uint32_t region_id;
	const char *region_code, *region_name;
	const char *host;        /* name or address of server_url */
	uint16_t port;           /* TLS port */
	int stun_port;           /* -1 = none */
	const char *cert_name;   /* "sha256-raw:..." or "" for a real certificate */
	const char *ipv4, *ipv6; /* "" = resolve host */
};

/* One fetched URL's body (JSON), or the content of a file (YAML, of which JSON is a part). */
struct fl_derpmap_source {
	const char *name; /* for error texts */
	struct fl_slice text;
};

/*
 * Appends {"Regions":{...}} to `out`. `embedded` may be NULL. Errors with text in `fault`:
 * FL_ERR_INVALID (a source is malformed, or no region is left: clients cannot start without a
 * relay).
 */
FL_MUST enum fl_err fl_derpmap_build(const struct fl_derpmap_source *sources, size_t count,
				     const struct fl_derpmap_embedded *embedded,
				     struct fl_fault *fault, struct fl_buf *out);

#endif
