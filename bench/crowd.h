/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/crowd.h - all relay clients of one process, opened a bounded number at a time.
 */
#ifndef FL_BENCH_CROWD_H
#define FL_BENCH_CROWD_H

#include "derpc.h"

struct crowd {
	struct derp *at;
	uint32_t count, opened, up;
	uint64_t failed;
	const char *cipher; /* of the first client */
	uint16_t port;
	bool tls;
	bool close_when_up; /* a connect storm */
	uint64_t finished;  /* storms: connects that got the server's info */
	void (*packet)(struct derp *d, const uint8_t *source, struct fl_slice packet);
};

extern struct crowd crowd; /* one per process: callbacks carry only the client */

void crowd_init(uint32_t count, uint16_t port, bool tls, uint64_t seed);

/* Opens all, `inflight` at a time. Ends the run when one fails or time is up. */
void crowd_open(uint32_t inflight, double deadline);
void crowd_done(void);

#endif
