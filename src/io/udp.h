/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/udp.h - a UDP socket that reads and answers in batches (recvmmsg, sendmmsg).
 *
 * An answer leaves from the address its request came to (IP_PKTINFO), so multi-homed hosts work.
 * A wildcard IPv6 address serves IPv4 too; IPv4 sources are shown as IPv4, never mapped.
 */
#ifndef FL_IO_UDP_H
#define FL_IO_UDP_H

#include "base/ip.h"
#include "io/loop.h"

enum { FL_UDP_PACKET_MAX = 2048, FL_UDP_BATCH = 64 };

struct fl_udp;

/*
 * Called for each datagram. The callee may write an answer of at most `reply_cap` bytes to `reply`
 * and return its length; 0 sends nothing. Answers of one batch go out in one call; what the kernel
 * refuses is dropped and counted. Datagrams over FL_UDP_PACKET_MAX count as read errors.
 */
typedef size_t fl_udp_handler(void *ctx, struct fl_slice packet, const struct fl_addrport *from,
			      uint8_t *reply, size_t reply_cap);

struct fl_udp_stats {
	uint64_t received, sent, read_errors, write_errors;
};

FL_MUST enum fl_err fl_udp_new(struct fl_loop *l, const struct fl_addrport *at,
			       fl_udp_handler *handler, void *ctx, struct fl_fault *fault,
			       struct fl_udp **out);
struct fl_addrport fl_udp_at(const struct fl_udp *u);
void fl_udp_stats(const struct fl_udp *u, struct fl_udp_stats *out);
struct fl_udp *fl_udp_close(struct fl_udp *u);

#endif
