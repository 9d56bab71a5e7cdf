/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns_table.h - what is seen in the local network, one entry for each instance, interface and
 * protocol, and which of it has still to be told.
 *
 * An entry is visible while its host, port and TXT record are known, the host has an address and
 * the port is not 0. Unspecified addresses are none.
 * Whatever happens to it between two looks is told as one change, or not at all.
 *
 * Memory  bounded by the limits of io/mdns.h; what is beyond is counted in `dropped`.
 */
#ifndef FL_IO_MDNS_TABLE_H
#define FL_IO_MDNS_TABLE_H

#include "base/list.h"
#include "base/map.h"
#include "io/mdns.h"

enum fl_mdns_turn { FL_MDNS_WAITING, FL_MDNS_ASKING, FL_MDNS_SETTLED };

struct fl_mdns_entry {
	struct fl_list changed; /* linked: has to be looked at by fl_mdns_table_next */
	char *key;
	const char *instance; /* inside `key` */
	uint32_t interface;
	bool ipv6, told, gone;
	char *host; /* NULL: not known */
	uint16_t port;
	struct fl_slice *txt;
	size_t txt_count, addrs_count;
	struct fl_ip addrs[FL_MDNS_ADDRS_MAX]; /* in order */

	/* Of the one that resolves it. */
	struct fl_mdns *owner;
	enum fl_mdns_turn turn;
	struct fl_list queue;
	void *resolver, *addresses;
};

struct fl_mdns_table {
	struct fl_map entries;
	struct fl_list changed;
	struct fl_mdns_entry *last; /* told as gone by the latest fl_mdns_table_next */
	uint64_t dropped;
	bool missed; /* an instance was not taken in; cleared by who sees to it */
};

void fl_mdns_table_init(struct fl_mdns_table *t, const uint8_t seed[16]);
void fl_mdns_table_done(struct fl_mdns_table *t);

/* NULL: full, or out of memory, and counted. */
struct fl_mdns_entry *fl_mdns_table_add(struct fl_mdns_table *t, const char *instance,
					uint32_t interface, bool ipv6);
struct fl_mdns_entry *fl_mdns_table_find(const struct fl_mdns_table *t, const char *instance,
					 uint32_t interface, bool ipv6);

/* The entry is the table's from now on: it is told as gone, if it was told, and freed. */
void fl_mdns_table_remove(struct fl_mdns_table *t, struct fl_mdns_entry *e);

/*
 * Another host than before takes the addresses away. Errors: FL_ERR_TOO_BIG, FL_ERR_NOMEM; then
 * the entry is hidden, and that is counted.
 */
FL_MUST enum fl_err fl_mdns_table_set(struct fl_mdns_table *t, struct fl_mdns_entry *e,
				      const char *host, uint16_t port, const struct fl_slice *txt,
				      size_t txt_count);
/* Forgets host, port, TXT and addresses. */
void fl_mdns_table_hide(struct fl_mdns_table *t, struct fl_mdns_entry *e);
void fl_mdns_table_addr_add(struct fl_mdns_table *t, struct fl_mdns_entry *e,
			    const struct fl_ip *addr);
void fl_mdns_table_addr_del(struct fl_mdns_table *t, struct fl_mdns_entry *e,
			    const struct fl_ip *addr);

/* The oldest change not yet told. *out borrows until the next call. False: all is told. */
bool fl_mdns_table_next(struct fl_mdns_table *t, struct fl_mdns_seen *out, bool *out_gone);

/* See fl_mdns_lookup. */
FL_MUST enum fl_err fl_mdns_table_lookup(const struct fl_mdns_table *t, const char *host,
					 struct fl_ip *out);

/* Is this TXT record within the limits of io/mdns.h? */
bool fl_mdns_txt_fits(const struct fl_slice *txt, size_t count);

#endif
