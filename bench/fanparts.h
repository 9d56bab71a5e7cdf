/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/fanparts.h - what the libraries of a control server do of one change, and no more of them:
 * SQLite makes it durable, nghttp2 frames it for a stream that stays open.
 *
 * Anything that fails ends the run.
 */
#ifndef FL_BENCH_FANPARTS_H
#define FL_BENCH_FANPARTS_H

#include <stddef.h>
#include <stdint.h>

enum { FAN_FRAME_HEADER = 9 }; /* RFC 9113, 4.1 */

/* A new database of so many rows at path, with a log that is as long as it gets. */
void fan_store_open(const char *path, uint32_t rows);

/* One row gets new bytes and is on the disk on return. */
void fan_store_change(uint32_t row, const void *bytes, size_t len);

/* The server's end of a connection with one answered request. */
struct fan_stream;
struct fan_stream *fan_stream_open(void);

/* A DATA frame of len bytes behind its header, valid until the next call. */
const uint8_t *fan_stream_frame(struct fan_stream *s, const uint8_t *bytes, size_t len);

#endif
