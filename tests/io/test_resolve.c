/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_resolve.c - names asked beside the loop: answers, and questions that are given up
 * before, while and after the thread has one. The race is for ThreadSanitizer to see.
 */
#include "net.h"

#include "io/resolve.h"
#include "io/sockaddr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fl_loop *loop;

static struct answer {
	unsigned count;
	enum fl_err err;
	size_t addresses;
	bool loopback; /* all of them */
} answer;

static void on_done(void *ctx, enum fl_err err, const char *why, const struct sockaddr_storage *at,
		    size_t count)
{
	assert_ptr_equal(ctx, &answer);
	assert_int_equal(err == FL_OK, why == NULL);
	assert_int_equal(err == FL_OK, count > 0);
	answer.count++;
	answer.err = err;
	answer.addresses = count;
	answer.loopback = true;
	for (size_t i = 0; i < count; i++) {
		const struct fl_addrport one = fl_sockaddr_read(&at[i]);
		answer.loopback = answer.loopback && fl_ip_is_loopback(&one.ip);
	}
}

static bool is_answered(void *ctx)
{
	(void)ctx;
	return answer.count > 0;
}

static int set_up(void **state)
{
	(void)state;
	answer = (struct answer){ 0 };
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop = fl_loop_free(loop);
	return 0;
}

static struct fl_resolve *ask(const char *name)
{
	struct fl_resolve *r;

	assert_int_equal(fl_resolve(loop, name, on_done, &answer, &r), FL_OK);
	assert_int_equal(answer.count, 0); /* never inside the call */
	return r;
}

static void what_is_there(void **state)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "::1" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		answer = (struct answer){ 0 };
		(void)ask(names[i]);
		assert_true(net_until(loop, is_answered, NULL));
		assert_int_equal(answer.err, FL_OK);
		assert_true(answer.loopback);
		assert_in_range(answer.addresses, 1, FL_RESOLVE_MAX);
	}
}

static void what_is_not(void **state)
{
	(void)state;
	(void)ask("a..b");
	assert_true(net_until(loop, is_answered, NULL));
	assert_int_equal(answer.err, FL_ERR_NOT_FOUND);
}

static void names_too_long(void **state)
{
	char name[FL_RESOLVE_NAME_MAX + 2];
	struct fl_resolve *r = NULL;

	(void)state;
	memset(name, 'a', sizeof name);
	name[FL_RESOLVE_NAME_MAX + 1] = '\0';
	assert_int_equal(fl_resolve(loop, name, on_done, &answer, &r), FL_ERR_INVALID);
	assert_null(r);
}

/* Given up after more and more turns of the loop, so that every order of the two comes up. */
static void given_up_at_any_moment(void **state)
{
	(void)state;
	for (int turns = 0; turns < 200; turns++) {
		answer = (struct answer){ 0 };
		struct fl_resolve *r = ask("localhost");
		for (int i = 0; i < turns && answer.count == 0; i++)
			fl_loop_poll(loop);
		if (answer.count == 0)
			assert_null(fl_resolve_cancel(r));
		unsigned before = answer.count;
		fl_loop_poll(loop);
		assert_int_equal(answer.count, before);
	}
	assert_null(fl_resolve_cancel(NULL));
}

/* The thread outlives the loop then. */
static void given_up_with_the_loop(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		fl_resolve_cancel(ask("localhost"));
		tear_down(NULL);
		set_up(NULL);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_there),          T(what_is_not),
		T(names_too_long),         T(given_up_at_any_moment),
		T(given_up_with_the_loop),
	};
	return cmocka_run_group_tests_name("io/resolve", tests, NULL, NULL);
}
