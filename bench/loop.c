/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/loop.c - see loop.h. */
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

enum { BATCH = 256 };

static int set_fd = -1;
static struct epoll_event events[BATCH];
static int count, at;

void loop_init(void)
{
	set_fd = epoll_create1(EPOLL_CLOEXEC);
	if (set_fd < 0)
		bench_die("no epoll: %s", strerror(errno));
}

static void control(int op, struct ear *e)
{
	struct epoll_event ev = { .events = e->mute ? 0 : EPOLLIN, .data.ptr = e };
	if (e->wants_write)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(set_fd, op, e->fd, &ev) != 0)
		bench_die("epoll: %s", strerror(errno));
}

void loop_add(struct ear *e)
{
	e->wants_write = true;
	control(EPOLL_CTL_ADD, e);
}

void loop_want_write(struct ear *e, bool want)
{
	if (e->wants_write == want)
		return;
	e->wants_write = want;
	control(EPOLL_CTL_MOD, e);
}

void loop_mute(struct ear *e)
{
	e->mute = true;
	control(EPOLL_CTL_MOD, e);
}

void loop_remove(struct ear *e)
{
	if (e->fd < 0)
		return;
	close(e->fd);
	e->fd = -1;
	for (int i = at; i < count; i++)
		if (events[i].data.ptr == e)
			events[i].data.ptr = NULL;
}

int loop_turn(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / BENCH_SEC, .tv_nsec = ns % BENCH_SEC };
	count = epoll_pwait2(set_fd, events, BATCH, &ts, NULL);
	for (at = 0; at < count;) {
		struct epoll_event ev = events[at++];
		struct ear *e = ev.data.ptr;
		if (e)
			e->ready(e, ev.events);
	}
	int n = count;
	count = at = 0;
	return n > 0 ? n : 0;
}
