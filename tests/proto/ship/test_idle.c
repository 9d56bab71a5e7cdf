/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/ship/test_idle.c - what a connection holds that is complete and lies idle: nothing of
 * what went through it, and less than a kilobyte in all.
 *
 * Linked with --wrap for the allocator, which counts what our code holds.
 */
#include "kit.h"

#include "crypto/prim.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static size_t held;

static void *counted(void *p)
{
	held += p ? malloc_usable_size(p) : 0;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return counted(__real_malloc(n));
}

void *__wrap_calloc(size_t count, size_t n)
{
	return counted(__real_calloc(count, n));
}

void *__wrap_realloc(void *p, size_t n)
{
	held -= p ? malloc_usable_size(p) : 0;
	return counted(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
	held -= p ? malloc_usable_size(p) : 0;
	__real_free(p);
}

static void hear(struct fl_ship_conn *c, const char *words)
{
	struct fl_ship_effect e;

	ship_hear(c, FL_SEC, words);
	while (fl_ship_conn_next(c, &e))
		;
}

static void costs_little(void **state)
{
	static const char *const heard[] = { "cmi",          "hello ready", "proto max",
					     "proto select", "pin none",    "access Peer-1" };
	char words[] = "server trusted peer=Peer-1";
	struct fl_ship_conn_config cfg = ship_config_of(words, 0);
	struct fl_ship_conn *c;

	(void)state;
	held = 0;
	assert_int_equal(fl_ship_conn_new(&cfg, &c), FL_OK);
	fl_ship_conn_start(c, FL_SEC);
	size_t fresh = held;
	for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
		hear(c, heard[i]);
	for (int i = 0; i < 100; i++)
		hear(c, "data x");
	assert_int_equal(fl_ship_conn_state(c), FL_SHIP_S_COMPLETE);
	print_message("an idle connection: %zu bytes\n", held);
	assert_true(held > 0 && held < 1024);
	assert_true(held < fresh); /* the name of the peer is not needed any more */
	fl_ship_conn_free(c);
	assert_int_equal(held, 0);
}

/* Its owner may keep it for a while; what it had put by goes at once. */
static void costs_little_when_closed(void **state)
{
	static const char *const heard[] = { "cmi", "hello ready", "proto max", "proto select" };
	char words[] = "server trusted";
	struct fl_ship_conn_config cfg = ship_config_of(words, 0);
	struct fl_ship_conn *c;

	(void)state;
	held = 0;
	assert_int_equal(fl_ship_conn_new(&cfg, &c), FL_OK);
	fl_ship_conn_start(c, FL_SEC);
	size_t fresh = held;
	for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
		hear(c, heard[i]);
	for (int i = 0; i < FL_SHIP_EARLY_MESSAGES; i++)
		hear(c, "data x");
	assert_true(held > 2 * fresh);
	hear(c, "close announce");
	assert_int_equal(fl_ship_conn_state(c), FL_SHIP_S_CLOSED);
	assert_true(held <= fresh);
	fl_ship_conn_free(c);
	assert_int_equal(held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_little),
		cmocka_unit_test(costs_little_when_closed),
	};

	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("proto/ship_idle", tests, NULL, NULL);
}
