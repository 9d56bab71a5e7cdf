/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/prefetch.h - asks for memory before it is needed.
 *
 * For walks over many things that were not touched for long: the next one comes from memory while
 * this one is worked on. It changes nothing but time, and an address may be any.
 */
#ifndef FL_BASE_PREFETCH_H
#define FL_BASE_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

static inline void fl_prefetch(const void *at, size_t size)
{
	const uintptr_t line = 64, end = (uintptr_t)at + size;

	for (uintptr_t p = (uintptr_t)at & ~(line - 1); p < end; p += line)
		__builtin_prefetch((const void *)p);
}

#endif
