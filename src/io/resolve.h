/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/resolve.h - the addresses of a name, asked of the system beside the loop.
 *
 * Each question has a thread of its own for as long as it takes: the system's resolver cannot be
 * called back, and in a pool a few dead names would hold up all others, and the end of the process.
 *
 * Thread    the loop it was asked on.
 * Limits    names of FL_RESOLVE_NAME_MAX bytes, the first FL_RESOLVE_MAX addresses.
 */
#ifndef FL_IO_RESOLVE_H
#define FL_IO_RESOLVE_H

#include "io/loop.h"

#include <sys/socket.h>

enum { FL_RESOLVE_NAME_MAX = 253, FL_RESOLVE_MAX = 8 };

struct fl_resolve;

/*
 * `done` is called once from the loop: FL_OK with IPv4 and IPv6 addresses for TCP in the order to
 * try them (borrowed, the ports are 0), or FL_ERR_NOT_FOUND or FL_ERR_NOMEM with the system's word
 * for it. Errors: FL_ERR_INVALID (too long), FL_ERR_NOMEM, FL_ERR_BUSY (no thread).
 */
FL_MUST enum fl_err fl_resolve(struct fl_loop *l, const char *name,
			       void (*done)(void *ctx, enum fl_err err, const char *why,
					    const struct sockaddr_storage *at, size_t count),
			       void *ctx, struct fl_resolve **out);
struct fl_resolve *fl_resolve_cancel(struct fl_resolve *r); /* before done; NULL in, NULL out */

#endif
