/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/log.h - structured log records, rendered as text or JSON.
 *
 * Only services and programs log. A record is a stable event name in a few words plus typed
 * fields. Keys and tokens never appear whole. The sink and the wall clock are given once at
 * start, because this floor has neither files nor time.
 *
 * Thread  fl_log_setup once before threads start; fl_log_write from any thread (one sink call a
 *         record).
 */
#ifndef FL_BASE_LOG_H
#define FL_BASE_LOG_H

#include "base/ip.h"
#include "base/time.h"

enum fl_log_level { FL_LOG_TRACE, FL_LOG_DEBUG, FL_LOG_INFO, FL_LOG_WARN, FL_LOG_ERROR };
enum fl_log_format { FL_LOG_TEXT, FL_LOG_JSON };

struct fl_log_field {
	const char *key;
	enum { FL_FIELD_STR, FL_FIELD_TEXT, FL_FIELD_U64, FL_FIELD_I64, FL_FIELD_BOOL } kind;
	union {
		const char *str;
		struct fl_slice text;
		uint64_t u64;
		int64_t i64;
		bool flag;
	} v;
};

#define FL_LS(k, s) ((struct fl_log_field){ .key = (k), .kind = FL_FIELD_STR, .v.str = (s) })
#define FL_LT(k, s) ((struct fl_log_field){ .key = (k), .kind = FL_FIELD_TEXT, .v.text = (s) })
#define FL_LU(k, n) ((struct fl_log_field){ .key = (k), .kind = FL_FIELD_U64, .v.u64 = (n) })
#define FL_LI(k, n) ((struct fl_log_field){ .key = (k), .kind = FL_FIELD_I64, .v.i64 = (n) })
#define FL_LB(k, f) ((struct fl_log_field){ .key = (k), .kind = FL_FIELD_BOOL, .v.flag = (f) })

typedef void fl_log_sink(void *ctx, const char *line, size_t len); /* line ends in '\n' */
typedef fl_wall fl_log_clock(void *ctx);

void fl_log_setup(enum fl_log_level min, enum fl_log_format format, fl_log_sink *sink,
		  fl_log_clock *clock, void *ctx);
void fl_log_level_set(enum fl_log_level min);
bool fl_log_on(enum fl_log_level level);

/* Text from a peer is escaped in both formats; records over 4 KiB are cut. */
void fl_log_write(enum fl_log_level level, const char *event, const struct fl_log_field *fields,
		  size_t count);

#define FL_LOG(level, event, ...)                                                                  \
	do {                                                                                       \
		if (fl_log_on(level)) {                                                            \
			const struct fl_log_field fl_f_[] = { FL_LS(NULL, NULL), ##__VA_ARGS__ };  \
			fl_log_write(level, event, fl_f_ + 1, sizeof fl_f_ / sizeof *fl_f_ - 1);   \
		}                                                                                  \
	} while (0)

#define fl_log_debug(event, ...) FL_LOG(FL_LOG_DEBUG, event, ##__VA_ARGS__)
#define fl_log_info(event, ...)  FL_LOG(FL_LOG_INFO, event, ##__VA_ARGS__)
#define fl_log_warn(event, ...)  FL_LOG(FL_LOG_WARN, event, ##__VA_ARGS__)
#define fl_log_error(event, ...) FL_LOG(FL_LOG_ERROR, event, ##__VA_ARGS__)

#endif
