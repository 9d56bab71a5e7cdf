/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/memory.c - counts what is allocated and not freed. The linker puts these in place
 * of the real ones, for our code and not for that of libraries.
 */
#include <stddef.h>

#include "world.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static size_t held;

size_t memory_held(void)
{
	return held;
}

void *__wrap_malloc(size_t size)
{
	held++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	held++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	held += p == NULL;
	return __real_realloc(p, size);
}

void __wrap_free(void *p)
{
	held -= p != NULL;
	__real_free(p);
}
