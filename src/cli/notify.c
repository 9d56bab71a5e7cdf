/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/notify.c - tells systemd about the state of the service: datagrams to $NOTIFY_SOCKET. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/service.h"

/* A path, or '@' and an abstract name. */
static socklen_t address_of(const char *path, struct sockaddr_un *out)
{
	size_t len = strlen(path);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof out->sun_path)
		return 0;
	memcpy(out->sun_path, path, len);
	if (path[0] == '@')
		out->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void fl_notify(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un at;
	socklen_t len = path != NULL ? address_of(path, &at) : 0;

	if (len == 0)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nothing can be done about a manager that does not listen. */
	if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&at, len) < 0)
		fl_log_debug("systemd was not told", FL_LS("message", message));
	close(fd);
}

void fl_notify_reloading(void)
{
	struct timespec now;
	char text[96];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	fl_notify(text);
}

int64_t fl_notify_watchdog(void)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us, who;

	if (text == NULL || fl_u64_parse(fl_slice_str(text), &us) != FL_OK || us < 2 ||
	    us > INT64_MAX / FL_US)
		return 0;
	if (pid != NULL &&
	    (fl_u64_parse(fl_slice_str(pid), &who) != FL_OK || who != (uint64_t)getpid()))
		return 0;
	return (int64_t)us * FL_US / 2;
}
