/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns.h - announces one service in the local network and watches for others of its kind
 * (DNS-SD over multicast DNS), through Avahi's daemon where it runs and Avahi's core in this
 * process where not.
 *
 * A daemon that goes away is looked for again after 1, 2, 4, 8, 16, then each 30 seconds; until
 * then nothing is seen. Goodbyes are sent once: Avahi keeps no record to say it of again.
 *
 * Thread    the loop's; Avahi is driven through a poll of ours over the loop. A call to the daemon
 *           waits for its answer.
 * Memory    bounded by the limits; Avahi itself ends the process when it gets none.
 * Limits    FL_MDNS_SEEN_MAX entries, FL_MDNS_ADDRS_MAX addresses and FL_MDNS_TXT_STRINGS_MAX
 *           strings of each, 1300 bytes of TXT; what is beyond is dropped and counted. Few are
 *           asked for at a time, so that names that were made up cost little traffic. Avahi
 *           reckons by the calendar's clock: set back by an hour, it rests for that hour.
 * Source    docs/protocol/ship.md 2
 */
#ifndef FL_IO_MDNS_H
#define FL_IO_MDNS_H

#include "base/err.h"
#include "base/ip.h"
#include "base/slice.h"
#include "io/loop.h"

enum { FL_MDNS_SEEN_MAX = 1024, FL_MDNS_ADDRS_MAX = 16, FL_MDNS_TXT_STRINGS_MAX = 64 };

enum fl_mdns_backend { FL_MDNS_AUTO, FL_MDNS_AVAHI, FL_MDNS_EMBEDDED, FL_MDNS_NONE };

/* One instance as heard on one interface over one protocol. */
struct fl_mdns_seen {
	const char *instance, *host; /* host as names are written, without the trailing dot */
	uint16_t port;
	uint32_t interface;
	bool ipv6;                 /* heard over it; all addresses are of that family */
	const struct fl_ip *addrs; /* at least one; link-local ones last, they need `interface` */
	size_t addrs_count;
	const struct fl_slice *txt; /* in any order: Avahi's daemon up to 0.8 turns it round */
	size_t txt_count;
};

struct fl_mdns_config {
	const char *type;     /* "_ship._tcp" */
	const char *instance; /* wanted label; a clash appends " #2" and so on */
	const char *host;     /* wanted host label of the embedded core; NULL: of the system */
	uint16_t port;
	enum fl_mdns_backend backend;
	const char *const *interfaces; /* names; none: all but loopback */
	size_t interfaces_count;
	/*
	 * Each addition, change and removal of an instance, interface and protocol, our own too. Of
	 * one that is gone only these three count.
	 */
	void (*on_seen)(void *ctx, const struct fl_mdns_seen *s, bool gone);
	/*
	 * Runs, with the label in use ("": nothing is announced), or does not, with the reason.
	 * Both callbacks may call everything below.
	 */
	void (*on_state)(void *ctx, bool running, const char *text);
	void *ctx;
};

struct fl_mdns;

/*
 * Browses from now on. The configuration is copied. Errors with text: FL_ERR_INVALID (type, label
 * or host), FL_ERR_NOT_FOUND (an interface of that name), FL_ERR_UNSUPPORTED (Avahi is not
 * installed or was not built in, or its daemon does not answer and was asked for), FL_ERR_IO (no
 * interface can be used: containers need the host's network), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_mdns_new(struct fl_loop *l, const struct fl_mdns_config *cfg,
				struct fl_fault *fault, struct fl_mdns **out);

/*
 * Announces, or changes the TXT record in place. Copied, and kept through restarts of the daemon.
 * Errors: FL_ERR_TOO_BIG, FL_ERR_NOMEM; then nothing has changed.
 */
FL_MUST enum fl_err fl_mdns_announce(struct fl_mdns *m, const struct fl_slice *txt, size_t count);
void fl_mdns_withdraw(struct fl_mdns *m);

/*
 * The address of a ".local" host that was seen; no link-local one of IPv6, which says nothing
 * without its interface. Errors: FL_ERR_NOT_FOUND.
 */
FL_MUST enum fl_err fl_mdns_lookup(const struct fl_mdns *m, const char *host, struct fl_ip *out);

enum fl_mdns_backend fl_mdns_backend(const struct fl_mdns *m); /* the one in use */

/* Entries, addresses and records that were beyond a limit. */
uint64_t fl_mdns_dropped(const struct fl_mdns *m);

/* Says goodbye on every interface. NULL in, NULL out. */
struct fl_mdns *fl_mdns_close(struct fl_mdns *m);

#endif
