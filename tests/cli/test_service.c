/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/cli/test_service.c - the log of a service whose reader has stopped reading. */
#include "../base/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/service.h"

enum { HANGS_S = 20 };

static int saved_stderr, reader;

static void take_stderr(void)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	reader = ends[0];
	fl_service_prepare(FL_LOG_INFO, FL_LOG_TEXT);
}

static void give_stderr_back(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
}

/* All that is in the pipe; the text is cut, its end kept. */
static size_t read_all(char *text, size_t cap)
{
	size_t total = 0, len = 0;
	char piece[4096];

	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	for (ssize_t n; (n = read(reader, piece, sizeof piece)) > 0; total += (size_t)n) {
		len = (size_t)n < cap - 1 ? (size_t)n : cap - 1;
		memcpy(text, piece + n - len, len);
	}
	text[len] = '\0';
	return total;
}

static void a_full_pipe_stops_nobody(void **state)
{
	static char text[4096], filler[2000];

	(void)state;
	memset(filler, 'x', sizeof filler - 1);
	take_stderr();
	alarm(HANGS_S);
	for (int i = 0; i < 1000; i++) /* ten pipes full */
		fl_log_info("much", FL_LS("text", filler));
	alarm(0);
	size_t taken = read_all(text, sizeof text);
	assert_true(taken > 4096);
	fl_log_info("again");
	read_all(text, sizeof text);
	give_stderr_back();
	assert_non_null(strstr(text, "again"));
	assert_non_null(strstr(text, "log lines lost"));
	unsigned lost = 0;
	assert_int_equal(sscanf(strchr(text, '('), "(%u", &lost), 1);
	assert_in_range(lost, 900, 1000);
}

static void nothing_is_lost_by_a_reader(void **state)
{
	static char text[4096];

	(void)state;
	take_stderr();
	fl_log_info("first");
	fl_log_info("second");
	read_all(text, sizeof text);
	give_stderr_back();
	assert_non_null(strstr(text, "first"));
	assert_non_null(strstr(text, "second"));
	assert_null(strstr(text, "lost"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_by_a_reader),
		cmocka_unit_test(a_full_pipe_stops_nobody),
	};
	return cmocka_run_group_tests_name("cli/service", tests, NULL, NULL);
}
