/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/cli/test_notify.c - what systemd hears, on a socket of either kind. */
#include "../base/table.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/service.h"

static char dir[] = "/tmp/fl-test-notify-XXXXXX";

/* A datagram socket at the path; '@' begins an abstract name. */
static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && strlen(path) < sizeof at.sun_path);
	memcpy(at.sun_path, path, strlen(path));
	if (path[0] == '@')
		at.sun_path[0] = '\0';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	return fd;
}

static void heard(int fd, char text[static 256])
{
	ssize_t n = recv(fd, text, 255, 0);
	text[n > 0 ? n : 0] = '\0';
}

static void tells(void **state)
{
	char path[128], text[256];

	(void)state;
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, i == 0 ? "%s/n" : "@%s", dir);
		int fd = listen_at(path);
		setenv("NOTIFY_SOCKET", path, 1);
		fl_notify("READY=1");
		heard(fd, text);
		assert_string_equal(text, "READY=1");
		fl_notify_reloading();
		heard(fd, text);
		assert_int_equal(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
		assert_true(strtoull(text + 27, NULL, 10) > 0);
		close(fd);
		fl_notify("READY=1"); /* nobody listens: nothing happens */
	}
	snprintf(path, sizeof path, "%s/n", dir);
	unlink(path);
	unsetenv("NOTIFY_SOCKET");
	fl_notify("READY=1");
}

static void odd_addresses(void **state)
{
	static char longest[300];
	const char *const odd[] = { "", "/", "@", "relative", "vsock:2:1", longest };

	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	longest[0] = '/';
	for (size_t i = 0; i < COUNT(odd); i++) {
		setenv("NOTIFY_SOCKET", odd[i], 1);
		fl_notify("READY=1");
	}
	unsetenv("NOTIFY_SOCKET");
}

static struct dog {
	const char *name;
	const char *usec, *pid;
	int64_t want;
} dogs[] = {
	{ "no watchdog", NULL, NULL, 0 },
	{ "a minute", "60000000", NULL, 30 * FL_SEC },
	{ "for this process", "2000", "self", FL_MS },
	{ "for another process", "2000", "1", 0 },
	{ "for no process", "2000", "x", 0 },
	{ "too short", "1", NULL, 0 },
	{ "shortest", "2", NULL, FL_US },
	{ "not a number", "1s", NULL, 0 },
	{ "too long", "18446744073709551615", NULL, 0 },
};

static void watchdog(void **state)
{
	const struct dog *d = *state;
	char self[24];

	snprintf(self, sizeof self, "%d", (int)getpid());
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (d->usec != NULL)
		setenv("WATCHDOG_USEC", d->usec, 1);
	if (d->pid != NULL)
		setenv("WATCHDOG_PID", strcmp(d->pid, "self") == 0 ? self : d->pid, 1);
	assert_true(fl_notify_watchdog() == d->want);
}

int main(void)
{
	static struct suite s;

	if (mkdtemp(dir) == NULL)
		return 1;
	suite_add(&s, "tells both kinds of socket", tells, NULL);
	suite_add(&s, "odd addresses", odd_addresses, NULL);
	ROWS(&s, dogs, watchdog);
	int failed = suite_run(&s, "cli/notify");
	rmdir(dir);
	return failed;
}
