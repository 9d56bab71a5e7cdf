/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/time.h - the two kinds of time, and their texts.
 *
 * fl_time is monotonic and drives timers; fl_wall is what a calendar shows and what records and
 * protocols carry. They never mix. Nothing here reads a clock.
 */
#ifndef FL_BASE_TIME_H
#define FL_BASE_TIME_H

#include "base/err.h"
#include "base/slice.h"

typedef int64_t fl_time; /* monotonic nanoseconds */
typedef int64_t fl_wall; /* nanoseconds since 1970-01-01 UTC; 0 means unset */

enum { FL_RFC3339_MAX = 40 }; /* longest text with its NUL */

#define FL_NEVER INT64_MAX
#define FL_US    ((int64_t)1000)
#define FL_MS    ((int64_t)1000000)
#define FL_SEC   ((int64_t)1000000000)
#define FL_MIN   (60 * FL_SEC)
#define FL_HOUR  (60 * FL_MIN)
#define FL_DAY   (24 * FL_HOUR)

/*
 * Writes e.g. 2026-08-22T11:48:56.123Z (fraction only if not zero, no trailing zeros); 0 gives
 * the zero time 0001-01-01T00:00:00Z.
 */
void fl_wall_format(fl_wall t, char out[static FL_RFC3339_MAX]);

/*
 * Reads RFC 3339 with optional fraction and any offset. Any time in year 1 gives 0 (unset); other
 * times outside 1678..2262 are FL_ERR_INVALID. Errors: FL_ERR_SYNTAX.
 */
FL_MUST enum fl_err fl_wall_parse(struct fl_slice text, fl_wall *out);

/*
 * Reads durations as people write them: 30s 5m 1h30m 90d 2w 1y, 1.5h, 250ms, 0. Units ns us ms s
 * m h d w y (day 24 h, year 365 d). Negative is FL_ERR_INVALID, overflow FL_ERR_TOO_BIG.
 */
FL_MUST enum fl_err fl_duration_parse(struct fl_slice text, int64_t *out_ns);

#endif
