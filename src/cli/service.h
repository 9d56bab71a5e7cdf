/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/service.h - the process around a service: signals, log, limits, memory, a word to systemd.
 *
 * INT and TERM stop it: the first one in order and within FL_SERVICE_GRACE, the second one at
 * once. HUP reloads; that of the own terminal, when it is closed, stops like TERM. PIPE is ignored.
 *
 * Thread  the loop's.
 */
#ifndef FL_CLI_SERVICE_H
#define FL_CLI_SERVICE_H

#include "base/log.h"
#include "cli/trim.h"
#include "io/loop.h"

#define FL_SERVICE_GRACE (5 * FL_SEC)

struct fl_service {
	struct fl_loop *loop;
	struct fl_signal *signals[3];
	struct fl_timer watchdog; /* systemd's, when it asks for one */
	int64_t watchdog_every;
	struct fl_trim trim;
	bool on_terminal; /* started from one: it is the standard input */
	void (*reload)(void *ctx);
	void *ctx;
};

/* For the whole process: file modes, open files, SIGPIPE, log to stderr. First of all. */
void fl_service_prepare(enum fl_log_level level, enum fl_log_format format);

/* A loop with the signals above. Errors: FL_ERR_NOMEM, FL_ERR_IO. */
FL_MUST enum fl_err fl_service_open(struct fl_service *s, void (*reload)(void *ctx), void *ctx);

/* Says that the service is ready and runs until it is to stop. */
void fl_service_run(struct fl_service *s);

/* Lets the loop close what was stopped, and frees it. */
void fl_service_close(struct fl_service *s);

/* ---- notify.c ---- */

/* One message of sd_notify(3), like "READY=1"; nothing without $NOTIFY_SOCKET. */
void fl_notify(const char *message);

/* "RELOADING=1" with the time it asks for; the end of it is "READY=1". */
void fl_notify_reloading(void);

/* How often to say "WATCHDOG=1": half of what $WATCHDOG_USEC allows; 0: not at all. */
int64_t fl_notify_watchdog(void);

#endif
