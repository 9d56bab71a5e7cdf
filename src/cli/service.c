/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/service.c - signals, log and limits around a service. */
#include "cli/service.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CLOSING_ROUNDS = 200, STOP_SECONDS = FL_SERVICE_GRACE / FL_SEC + 1 };

/* ---- log ---- */

static atomic_uint_fast64_t lines_lost;

/* Where poll says yes a pipe takes PIPE_BUF bytes at once, so the write does not wait either. */
static bool put_some(const char **at, size_t *len)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n = -1;

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return false;
	do
		n = write(STDERR_FILENO, *at, *len < PIPE_BUF ? *len : PIPE_BUF);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	*at += n;
	*len -= (size_t)n;
	return true;
}

static bool put_line(const char *line, size_t len)
{
	while (len > 0)
		if (!put_some(&line, &len))
			return false;
	return true;
}

/* A log that nobody takes must not stop the only loop: it loses lines, and says so later. */
static void to_stderr(void *ctx, const char *line, size_t len)
{
	uint_fast64_t lost = atomic_load(&lines_lost);
	char text[64];

	(void)ctx;
	if (lost > 0) {
		int n = snprintf(text, sizeof text, "(%llu log lines lost: nobody read them)\n",
				 (unsigned long long)lost);
		if (!put_line(text, (size_t)n)) {
			atomic_fetch_add(&lines_lost, 1);
			return;
		}
		atomic_fetch_sub(&lines_lost, lost);
	}
	if (!put_line(line, len))
		atomic_fetch_add(&lines_lost, 1);
}

static fl_wall wall_now(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * FL_SEC + now.tv_nsec;
}

static void raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fl_log_warn("open files not raised", FL_LS("reason", strerror(errno)));
}

void fl_service_prepare(enum fl_log_level level, enum fl_log_format format)
{
	umask(0077);
	signal(SIGPIPE, SIG_IGN);
	fl_log_setup(level, format, to_stderr, wall_now, NULL);
	raise_open_files();
}

/* ---- signals ---- */

static void on_stop(void *ctx, int signum)
{
	struct fl_service *s = ctx;

	const char *name = signum == SIGINT ? "INT" : signum == SIGTERM ? "TERM" : "HUP";

	fl_log_info("stopping", FL_LS("signal", name));
	fl_notify("STOPPING=1");
	fl_loop_stop(s->loop);
}

/* A terminal that was closed sends HUP too, and is none from then on. */
static void on_hangup(void *ctx, int signum)
{
	struct fl_service *s = ctx;

	if (s->on_terminal && !isatty(STDIN_FILENO)) {
		on_stop(s, signum);
		return;
	}
	fl_notify_reloading();
	s->reload(s->ctx);
	fl_notify("READY=1");
}

/* The stop took too long: what is stored is whole at any time, so going now loses nothing. */
static void on_alarm(int signum)
{
	static const char text[] = "fairlead: stopping took too long, leaving now\n";

	(void)signum;
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(2);
	_exit(1);
}

static void on_watchdog(void *ctx)
{
	struct fl_service *s = ctx;

	fl_notify("WATCHDOG=1");
	fl_timer_start(&s->watchdog, s->watchdog_every);
}

enum fl_err fl_service_open(struct fl_service *s, void (*reload)(void *ctx), void *ctx)
{
	*s = (struct fl_service){
		.reload = reload,
		.ctx = ctx,
		.on_terminal = isatty(STDIN_FILENO) != 0,
	};
	enum fl_err err = fl_loop_new(&s->loop);
	if (err != FL_OK)
		return err;
	s->watchdog_every = fl_notify_watchdog();
	err = fl_timer_init(&s->watchdog, s->loop, on_watchdog, s);
	if (err == FL_OK)
		err = fl_trim_start(&s->trim, s->loop);
	if (err == FL_OK)
		err = fl_signal_new(s->loop, SIGINT, on_stop, s, &s->signals[0]);
	if (err == FL_OK)
		err = fl_signal_new(s->loop, SIGTERM, on_stop, s, &s->signals[1]);
	if (err == FL_OK)
		err = fl_signal_new(s->loop, SIGHUP, on_hangup, s, &s->signals[2]);
	if (err != FL_OK)
		fl_service_close(s);
	return err;
}

/* From now on the next INT or TERM ends the process, and so does the time. */
static void end_signals(struct fl_service *s)
{
	for (size_t i = 0; i < 3; i++)
		s->signals[i] = s->signals[i] != NULL ? fl_signal_free(s->signals[i]) : NULL;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGALRM, on_alarm);
	alarm(STOP_SECONDS);
}

void fl_service_run(struct fl_service *s)
{
	fl_notify("READY=1");
	if (s->watchdog_every > 0)
		fl_timer_start(&s->watchdog, s->watchdog_every);
	fl_loop_run(s->loop);
	end_signals(s);
}

void fl_service_close(struct fl_service *s)
{
	bool open = true;

	fl_timer_done(&s->watchdog);
	fl_trim_done(&s->trim);
	for (size_t i = 0; i < 3; i++)
		s->signals[i] = s->signals[i] != NULL ? fl_signal_free(s->signals[i]) : NULL;
	for (int i = 0; i < CLOSING_ROUNDS && open; i++) {
		if (i == CLOSING_ROUNDS / 2)
			fl_loop_cut(s->loop); /* the process ends: no more waiting for peers */
		open = fl_loop_poll(s->loop);
	}
	if (!open)
		s->loop = fl_loop_free(s->loop);
	alarm(0);
}
