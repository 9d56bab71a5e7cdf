/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/sockaddr.h - between our addresses and the kernel's.
 *
 * IPv4-mapped IPv6 addresses become IPv4 on the way in, so nobody above sees both forms of one
 * peer.
 */
#ifndef FL_IO_SOCKADDR_H
#define FL_IO_SOCKADDR_H

#include "base/ip.h"

#include <sys/socket.h>

/* Fills `out` and returns its length. An unset address gives the IPv6 wildcard. */
socklen_t fl_sockaddr_of(const struct fl_addrport *at, struct sockaddr_storage *out);

/* Unset for families other than IPv4 and IPv6. */
struct fl_addrport fl_sockaddr_read(const struct sockaddr_storage *sa);

/* The address a socket is bound to; unset on failure. */
struct fl_addrport fl_sockaddr_bound(int fd);

/*
 * A non-blocking socket of `type` for `at`, with its address in `out_sa`. The IPv6 wildcard takes
 * IPv4 too; an unset address becomes the IPv4 one where the host has no IPv6. -1 with errno.
 */
int fl_socket_open(struct fl_addrport *at, int type, struct sockaddr_storage *out_sa,
		   socklen_t *out_len);

/* A class for what a socket call left in errno. */
enum fl_err fl_err_of_errno(int e);

#endif
