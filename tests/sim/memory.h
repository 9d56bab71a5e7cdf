/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/memory.h - allocations of the server that fail.
 *
 * The allocator is replaced at link time, as in tests/base/alloc_fail.h. It can fail only while the
 * server works on a request or a tick; files of the simulator are compiled to reach the real one.
 */
#ifndef TESTS_SIM_MEMORY_H
#define TESTS_SIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

/* `count` allocations fail, after `left` that succeed. 0: none any more. */
void sim_memory_arm(size_t left, size_t count);

/* Is what runs from here on the server? Gives what it was. */
bool sim_memory_server(bool is);

bool sim_memory_failed(int64_t within); /* in that much time before now */

#endif
