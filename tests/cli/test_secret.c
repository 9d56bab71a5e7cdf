/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/cli/test_secret.c - what is typed is read and not shown, and the echo comes back. */
#include "../base/table.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/secret.h"

static struct {
	int master, terminal, saved_in;
	pthread_t asking;
} t;

static volatile sig_atomic_t interrupts;

static void count(int number)
{
	(void)number;
	interrupts++;
}

static bool echoes(void)
{
	struct termios now;

	assert_int_equal(tcgetattr(t.terminal, &now), 0);
	return (now.c_lflag & ECHO) != 0;
}

static void *type_when_hidden(void *text)
{
	size_t len = strlen(text);

	while (echoes())
		sched_yield();
	if (write(t.master, text, len) != (ssize_t)len)
		abort();
	return NULL;
}

static void *interrupt_when_hidden(void *none)
{
	while (echoes())
		sched_yield();
	pthread_kill(t.asking, SIGINT);
	return none;
}

static bool ask(void *(*other)(void *), const char *text, struct fl_buf *out)
{
	pthread_t thread;

	t.asking = pthread_self();
	assert_int_equal(pthread_create(&thread, NULL, other, (void *)(uintptr_t)text), 0);
	bool whole = fl_cli_secret("", out);
	pthread_join(thread, NULL);
	return whole;
}

static int setup(void **state)
{
	(void)state;
	t.master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(t.master >= 0 && grantpt(t.master) == 0 && unlockpt(t.master) == 0);
	t.terminal = open(ptsname(t.master), O_RDWR | O_NOCTTY);
	t.saved_in = dup(STDIN_FILENO);
	assert_true(t.terminal >= 0 && t.saved_in >= 0);
	assert_int_equal(dup2(t.terminal, STDIN_FILENO), STDIN_FILENO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(t.saved_in, STDIN_FILENO);
	close(t.saved_in);
	close(t.terminal);
	close(t.master);
	return 0;
}

static void not_shown(void **state)
{
	struct fl_buf out = fl_buf_make(64);
	char shown[64];

	(void)state;
	assert_true(ask(type_when_hidden, "1234abcd\n", &out));
	assert_int_equal(out.len, 8);
	assert_memory_equal(out.ptr, "1234abcd", 8);
	assert_true(echoes());
	/* The end of the line is shown: what is printed next begins a line. */
	ssize_t n = read(t.master, shown, sizeof shown);
	assert_int_equal(n, 2);
	assert_memory_equal(shown, "\r\n", 2);
	fl_buf_wipe(&out);
}

static void no_line(void **state)
{
	static const char *const texts[] = { "\x04", "12\x04\x04" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct fl_buf out = fl_buf_make(64);
		assert_false(ask(type_when_hidden, texts[i], &out));
		assert_true(echoes());
		fl_buf_wipe(&out);
	}
}

static void too_long(void **state)
{
	struct fl_buf out = fl_buf_make(4);

	(void)state;
	assert_false(ask(type_when_hidden, "1234abcd\n", &out));
	fl_buf_wipe(&out);
}

static void interrupted(void **state)
{
	struct sigaction counted = { .sa_handler = count }, before;
	struct fl_buf out = fl_buf_make(64);

	(void)state;
	assert_int_equal(sigaction(SIGINT, &counted, &before), 0);
	assert_false(ask(interrupt_when_hidden, NULL, &out));
	assert_int_equal(interrupts, 1);
	assert_true(echoes());
	sigaction(SIGINT, &before, NULL);
	fl_buf_wipe(&out);
}

static void no_terminal(void **state)
{
	struct fl_buf out = fl_buf_make(64);
	int null = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(dup2(null, STDIN_FILENO), STDIN_FILENO);
	close(null);
	assert_false(fl_cli_secret("", &out));
	fl_buf_wipe(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(not_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(no_line, setup, teardown),
		cmocka_unit_test_setup_teardown(too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(no_terminal, setup, teardown),
	};

	return cmocka_run_group_tests_name("cli/secret", tests, NULL, NULL);
}
