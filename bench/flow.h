/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/flow.h - packets that prove themselves: from, to, phase, number, time and CRC32C over
 * all of them and the filling.
 *
 * A receiver knows of each flow which numbers came, so loss, duplicates, reordering and damage
 * are told apart. Only packets that verify count as goodput.
 */
#ifndef FL_BENCH_FLOW_H
#define FL_BENCH_FLOW_H

#include "base/slice.h"

enum {
	FLOW_HEAD = 40,      /* the smallest packet */
	FLOW_WINDOW = 65536, /* numbers remembered; queues in between hold far fewer */
};

enum flow_kind { FLOW_DATA = 1, FLOW_PING, FLOW_ECHO };

struct flow_packet {
	enum flow_kind kind;
	uint32_t from, to, phase;
	uint64_t number;
	int64_t stamp;
};

struct flow_seen {
	uint64_t next; /* one above the highest number seen */
	uint8_t bits[FLOW_WINDOW / 8];
};

enum flow_verdict { FLOW_NEW, FLOW_LATE, FLOW_TWICE };

uint32_t flow_crc(const uint8_t *p, size_t len);

/* Fills `out` with a packet of `len` bytes, at least FLOW_HEAD. The filling is kept as it is. */
void flow_write(const struct flow_packet *p, uint8_t *out, size_t len);

/* False for anything that does not verify. */
bool flow_read(struct fl_slice in, struct flow_packet *out);

enum flow_verdict flow_note(struct flow_seen *s, uint64_t number);

#endif
