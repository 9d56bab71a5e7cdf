/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/cli/test_terminal.c - a server that was started from a terminal: HUP reloads it while the
 * terminal is there, and a terminal that is closed stops it.
 * Usage: test_terminal path/to/fairlead
 */
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../base/remove_tree.h"

enum { WAIT_MS = 20000, LIMIT_S = 60, SEEN_MAX = 1 << 16 };

static const char *program;

/* A server on a terminal of its own, and what it has written there. */
struct session {
	pid_t pid;
	int terminal;
	char dir[64];
	char seen[SEEN_MAX];
	size_t seen_len;
};

static void start(struct session *s)
{
	*s = (struct session){ .dir = "/tmp/fairlead-terminal-XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	setenv("FAIRLEAD_LISTEN_ADDR", "127.0.0.1:0", 1);
	setenv("FAIRLEAD_DERP_SERVER_STUN_LISTEN_ADDR", "127.0.0.1:0", 1);
	s->pid = forkpty(&s->terminal, NULL, NULL, NULL);
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		execl(program, program, "serve", "--quickstart", s->dir, (char *)NULL);
		_exit(127);
	}
}

/* Reads until `text` has come, from what follows the last text that was waited for. */
static void expect(struct session *s, const char *text)
{
	const char *found;

	while ((found = strstr(s->seen, text)) == NULL) {
		struct pollfd p = { .fd = s->terminal, .events = POLLIN };
		assert_true(s->seen_len < SEEN_MAX - 1);
		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("waited for '%s', saw: %s", text, s->seen);
		ssize_t n = read(s->terminal, s->seen + s->seen_len, SEEN_MAX - 1 - s->seen_len);
		if (n <= 0)
			fail_msg("ended before '%s', saw: %s", text, s->seen);
		s->seen_len += (size_t)n;
	}
	s->seen_len = 0;
	memset(s->seen, 0, sizeof s->seen);
}

static void test_closed_terminal_stops(void **state)
{
	struct session s;
	int status = 0;
	(void)state;

	start(&s);
	expect(&s, "Ctrl-C");
	assert_int_equal(kill(s.pid, SIGHUP), 0);
	expect(&s, "reloaded");
	close(s.terminal);
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid); /* bounded by the alarm */
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	remove_tree(s.dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_terminal_stops),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	alarm(LIMIT_S);
	return cmocka_run_group_tests_name("cli/terminal", tests, NULL, NULL);
}
