/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/secret.c - turns the echo off, and on again whatever happens. */
#include "cli/secret.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "crypto/prim.h"

enum { LINE_MOST = 256 };

/* Those that would end the program with the echo still off. */
static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
enum { ENDS = sizeof ends / sizeof ends[0] };

static volatile sig_atomic_t came;

static void note(int number)
{
	came = number;
}

/* A terminal gives a whole line at once. Signals come while that is waited for, and only then. */
static bool read_line(const sigset_t *waiting, struct fl_buf *out)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	char line[LINE_MOST];
	bool whole = false;

	if (ppoll(&in, 1, NULL, waiting) == 1) {
		ssize_t n = read(STDIN_FILENO, line, sizeof line);
		whole = n > 0 && line[n - 1] == '\n';
		if (whole)
			fl_buf_put(out, line, (size_t)n - 1);
	}
	fl_wipe(line, sizeof line);
	return whole && fl_buf_err(out) == FL_OK;
}

static bool read_hidden(const sigset_t *waiting, struct fl_buf *out)
{
	struct termios shown, hidden;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return false;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	bool whole = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0 && read_line(waiting, out);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &shown);
	return whole;
}

bool fl_cli_secret(const char *prompt, struct fl_buf *out)
{
	struct sigaction noted = { .sa_handler = note }, before[ENDS];
	sigset_t blocked, mask;

	sigemptyset(&blocked);
	for (size_t i = 0; i < ENDS; i++)
		sigaddset(&blocked, ends[i]);
	pthread_sigmask(SIG_BLOCK, &blocked, &mask);
	came = 0;
	for (size_t i = 0; i < ENDS; i++)
		sigaction(ends[i], &noted, &before[i]);
	fputs(prompt, stderr);
	fflush(stderr);
	bool whole = read_hidden(&mask, out);
	for (size_t i = 0; i < ENDS; i++)
		sigaction(ends[i], &before[i], NULL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (came != 0)
		raise(came);
	return whole;
}
