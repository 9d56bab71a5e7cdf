/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/stun.h - answers STUN Binding requests on a UDP socket.
 *
 * Thread    the loop's.
 * Limits    with `answer_any` one source (IPv6: one /64) gets FL_STUN_ANY_RATE answers a second to
 *           requests that are not a client's, because those answers are larger than the question.
 * Source    docs/protocol/relay.md 17
 */
#ifndef FL_SERVICES_RELAY_STUN_H
#define FL_SERVICES_RELAY_STUN_H

#include "base/buf.h"
#include "base/ip.h"
#include "io/loop.h"

enum { FL_STUN_ANY_RATE = 10 };

struct fl_stun;

struct fl_stun_stats {
	uint64_t success, not_stun, limited, read_error, write_error;
	uint64_t ipv4, ipv6;
};

/* Errors with text in `fault`: FL_ERR_BUSY, FL_ERR_DENIED, FL_ERR_IO, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_stun_new(struct fl_loop *loop, const struct fl_addrport *at, bool answer_any,
				struct fl_fault *fault, struct fl_stun **out);
struct fl_stun *fl_stun_free(struct fl_stun *s); /* accepts NULL, returns NULL */
struct fl_addrport fl_stun_at(const struct fl_stun *s);
void fl_stun_stats(const struct fl_stun *s, struct fl_stun_stats *out);

/* Appends `stun_*` in Prometheus text form. */
void fl_stun_metrics(const struct fl_stun *s, struct fl_buf *out);

#endif
