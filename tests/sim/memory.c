/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/memory.c - counts the allocations of the server down; see memory.h. */
#include "memory.h"

#include "../base/alloc_fail.h"
#include "clock.h"

static struct {
	bool server;
	size_t left, failing;
	fl_time failed_at;
} memory;

bool alloc_fails(void)
{
	if (!memory.server || memory.failing == 0)
		return false;
	if (memory.left > 0) {
		memory.left--;
		return false;
	}
	memory.failing--;
	memory.failed_at = sim_clock.now;
	return true;
}

void sim_memory_arm(size_t left, size_t count)
{
	memory.left = left;
	memory.failing = count;
}

bool sim_memory_server(bool is)
{
	bool was = memory.server;

	memory.server = is;
	return was;
}

bool sim_memory_failed(int64_t within)
{
	return memory.failed_at != 0 && sim_clock.now - memory.failed_at <= within;
}
