/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/request_log.c - one record for each answered request: at debug, but what went
 * wrong as a warning or, by the client's fault, as information; so many a minute and no more.
 */
#include "services/control/control.h"

#include "base/log.h"

enum { FAILURES_A_MINUTE = 30, UNKNOWN_PATH_MAX = 64 };

/* Of all listeners of a thread: what fills the log is one thing, wherever it comes in. */
static _Thread_local struct {
	fl_time since;
	uint64_t count;
} failures;

/* False: there were enough in this minute. Says how many were left out when the next begins. */
static bool may_log_failure(fl_time now)
{
	if (now < failures.since || now - failures.since > FL_MIN) {
		if (failures.count > FAILURES_A_MINUTE)
			fl_log_warn("failed requests were not logged",
				    FL_LU("count", failures.count - FAILURES_A_MINUTE));
		failures.since = now;
		failures.count = 0;
	}
	return ++failures.count <= FAILURES_A_MINUTE;
}

/*
 * The route instead of the path: what stands for its "*" may be a secret, like the id of a login.
 * A path that nobody serves says what was tried.
 */
static struct fl_slice shown_path(const struct fl_http *x)
{
	struct fl_slice path = fl_http_pattern(x);

	if (path.len > 0)
		return path;
	path = fl_http_path(x);
	return fl_slice_of(path.ptr, path.len < UNKNOWN_PATH_MAX ? path.len : UNKNOWN_PATH_MAX);
}

void fl_control_log_request(const struct fl_http *x, unsigned status)
{
	enum fl_log_level level = status >= 500   ? FL_LOG_WARN
				  : status >= 400 ? FL_LOG_INFO
						  : FL_LOG_DEBUG;

	if (!fl_log_on(level) || (status >= 400 && !may_log_failure(fl_loop_now(fl_http_loop(x)))))
		return;
	FL_LOG(level, status >= 400 ? "request failed" : "request answered",
	       FL_LU("status", status), FL_LT("method", fl_http_method(x)),
	       FL_LT("path", shown_path(x)), FL_LS("proto", fl_http_is_h2(x) ? "h2" : "http/1.1"));
}
