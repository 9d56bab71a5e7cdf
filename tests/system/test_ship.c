/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_ship.c - the device hub as a process that is killed: what it answered to is
 * still so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 10, ROUNDS = 20 };

static const char *program;

struct daemon {
	char dir[32];
	pid_t pid;
	int out;
	char said[TEXT_MAX]; /* until it ran or ended */
};

/* ---- the process ---- */

static void run(const struct daemon *d, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execl(program, program, "ship", "run", "-d", d->dir, "-a", "127.0.0.1:0", "--mdns", "none",
	      (char *)NULL);
	_exit(127);
}

/* False if it ended before it said that it runs. */
static bool daemon_start(struct daemon *d)
{
	int ends[2];
	size_t len = 0;

	assert_int_equal(pipe(ends), 0);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0)
		run(d, ends[1]);
	close(ends[1]);
	d->out = ends[0];
	d->said[0] = '\0';
	while (strstr(d->said, "Ctrl-C") == NULL) {
		ssize_t n = read(d->out, d->said + len, sizeof d->said - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		d->said[len] = '\0';
	}
	return true;
}

static int daemon_end(struct daemon *d, int signum)
{
	int status;

	kill(d->pid, signum);
	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	close(d->out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void remove_dir(const char *dir)
{
	char path[400];
	DIR *d = opendir(dir);

	for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(dir);
}

/* ---- its socket ---- */

static void ask(const struct daemon *d, const char *method, const char *path,
		char out[static TEXT_MAX])
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t n;

	snprintf(at.sun_path, sizeof at.sun_path, "%s/ship.sock", d->dir);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
		fail_msg("%s: %s", at.sun_path, strerror(errno));
	assert_true(dprintf(fd,
			    "%s /api/v1/ship/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			    "Content-Length: 0\r\n\r\n",
			    method, path) > 0);
	while ((n = read(fd, out + len, TEXT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fd);
	if (strncmp(out, "HTTP/1.1 200 ", 13) != 0)
		fail_msg("%s %s: %s", method, path, out);
}

static void pair(const struct daemon *d, unsigned n)
{
	char path[80], answer[TEXT_MAX];

	snprintf(path, sizeof path, "devices/%040x/pair", n + 1);
	ask(d, "POST", path, answer);
	assert_non_null(strstr(answer, "\"trusted\":true"));
}

/* The value behind a key of the status. */
static void status_text(const struct daemon *d, const char *key, char out[static 64])
{
	char answer[TEXT_MAX];

	ask(d, "GET", "status", answer);
	const char *at = strstr(answer, key);
	assert_non_null(at);
	at += strlen(key);
	snprintf(out, 64, "%.*s", (int)strcspn(at, "\""), at);
}

static size_t count_of(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		n++;
	return n;
}

/* ---- tests ---- */

static void what_was_answered_survives_a_kill(void **state)
{
	struct daemon *d = test_calloc(1, sizeof *d);
	char answer[TEXT_MAX], ski[64], now[64];

	(void)state;
	snprintf(d->dir, sizeof d->dir, "/tmp/fl-ship-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_true(daemon_start(d));
	status_text(d, "\"ski\":\"", ski);
	for (unsigned i = 0; i < ROUNDS; i++) {
		pair(d, i);
		assert_int_equal(daemon_end(d, SIGKILL), -SIGKILL);
		assert_true(daemon_start(d));
		ask(d, "GET", "devices", answer);
		assert_int_equal(count_of(answer, "\"trusted\":true"), i + 1);
		status_text(d, "\"ski\":\"", now);
		assert_string_equal(now, ski);
	}
	assert_int_equal(daemon_end(d, SIGTERM), 0);
	remove_dir(d->dir);
	test_free(d);
}

static void two_do_not_share_a_folder(void **state)
{
	struct daemon *d = test_calloc(1, sizeof *d), *e = test_calloc(1, sizeof *e);

	(void)state;
	snprintf(d->dir, sizeof d->dir, "/tmp/fl-ship-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_true(daemon_start(d));
	memcpy(e->dir, d->dir, sizeof e->dir);
	assert_false(daemon_start(e));
	assert_non_null(strstr(e->said, "in use by another hub"));
	assert_int_not_equal(daemon_end(e, 0), 0);
	/* The first one has not noticed: its socket is still there, too. */
	pair(d, 0);
	assert_int_equal(daemon_end(d, SIGTERM), 0);
	remove_dir(d->dir);
	test_free(d);
	test_free(e);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_answered_survives_a_kill),
		cmocka_unit_test(two_do_not_share_a_folder),
	};
	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("system/ship", tests, NULL, NULL);
}
