/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/trim.c - see trim.h. */
#include "cli/trim.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	WORTH = 32 << 20,  /* less is not worth a look */
	STILL = WORTH / 8, /* changed by less since the last look: it rests */
	STATM_MAX = 128,
};

static size_t idle_bytes(size_t resident, size_t used)
{
	return resident > used ? resident - used : 0;
}

bool fl_trim_is_due(struct fl_trim *t, size_t resident, size_t used)
{
	bool rests = resident < t->seen + STILL && t->seen < resident + STILL;
	size_t idle = idle_bytes(resident, used);

	t->seen = resident;
	if (idle < t->left)
		t->left = idle;
	return rests && idle > t->left + WORTH;
}

void fl_trim_was_done(struct fl_trim *t, size_t resident, size_t used)
{
	t->seen = resident;
	t->left = idle_bytes(resident, used);
}

/* Bytes of the process in memory; 0 where the system does not say. */
static size_t in_memory(void)
{
	char text[STATM_MAX];
	char *end;

	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	(void)strtoul(text, &end, 10); /* what is mapped; then what of it is in memory */
	return strtoul(end, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* By the allocator; what it has never had cannot be idle. */
static size_t in_use(size_t resident)
{
	if (resident < WORTH)
		return resident;
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void on_time(void *ctx)
{
	struct fl_trim *t = ctx;
	size_t resident = in_memory();

	if (fl_trim_is_due(t, resident, in_use(resident))) {
		malloc_trim(0);
		resident = in_memory();
		fl_trim_was_done(t, resident, in_use(resident));
	}
	fl_timer_start(&t->timer, FL_TRIM_EVERY);
}

enum fl_err fl_trim_start(struct fl_trim *t, struct fl_loop *l)
{
	enum fl_err err = fl_timer_init(&t->timer, l, on_time, t);
	if (err == FL_OK)
		fl_timer_start(&t->timer, FL_TRIM_EVERY);
	return err;
}

void fl_trim_done(struct fl_trim *t)
{
	fl_timer_done(&t->timer);
}
