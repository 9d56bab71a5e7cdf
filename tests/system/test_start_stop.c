/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_start_stop.c - the harness itself: a server that starts and stops leaves
 * nothing.
 */
#include "client.h"

#include "io/sockaddr.h"

#include <stdio.h>
#include <sys/socket.h>

enum { ROUNDS = 100, WARM_UP = 40, BLOCKED = 100 };

static void one_client_registers_and_polls(void)
{
	struct sys s;
	struct node n;

	sys_start(&s, false, NULL);
	char *key = api_key(&s, api_user(&s, "ada"), "\"reusable\":true");
	node_open(&n, &s, "alpha");
	node_join(&n, key);
	node_poll(&n);
	assert_non_null(n.view.node);
	node_close(&n);
	free(key);
	sys_stop(&s);
}

static void test_hundred_rounds_leave_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WARM_UP; i++)
		one_client_registers_and_polls();
	struct sys_usage before = sys_usage();
	for (unsigned i = 0; i < ROUNDS; i++)
		one_client_registers_and_polls();
	struct sys_usage after = sys_usage();
	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.threads, before.threads);
	if (after.live > before.live + sys_usage_slack())
		fail_msg("%zu bytes more than before", after.live - before.live);
}

static bool has_threads(void *most)
{
	return sys_usage().threads <= *(unsigned *)most;
}

/* Stopped before its loop has turned once: at once, and with nothing left (BAT-11). */
static void test_stop_before_a_turn(void **state)
{
	struct sys s;
	struct fl_fault fault;
	(void)state;

	sys_make(&s, false, NULL);
	sys_turn(&s, 4);
	struct sys_usage before = sys_usage();
	fl_time began = fl_loop_now(s.loop);
	assert_err(sys_try(&s, &fault), FL_OK);
	sys_halt(&s);
	assert_true(fl_loop_now(s.loop) - began < FL_SEC);
	assert_int_equal(sys_usage().fds, before.fds);
	assert_true(sys_until(&s, has_threads, &before.threads));
	sys_remove(&s);
}

static void test_stops_with_clients_in_the_middle(void **state)
{
	struct sys s;
	struct node n, waiting;
	struct client shaking;
	(void)state;

	sys_start(&s, false, NULL);
	sys_turn(&s, 4);
	struct sys_usage before = sys_usage();
	char *key = api_key(&s, api_user(&s, "ada"), "\"reusable\":true");
	node_open(&n, &s, "alpha");
	node_join(&n, key);
	node_poll(&n);
	node_open(&waiting, &s, "beta");
	json_t *answer = node_register(&waiting, NULL);
	json_t *again = node_register_body(&waiting, NULL);
	json_object_set(again, "Followup", at(answer, "AuthURL"));
	client_post(&waiting.c, "/machine/register", again);
	shaking = (struct client){ 0 };
	client_dial(&shaking, &s, NULL, 145);
	sys_turn(&s, 4);
	sys_halt(&s);
	assert_true(sys_until(&s, client_over, &n.c));
	assert_true(n.poll->ended);
	json_decref(answer);
	node_close(&n);
	node_close(&waiting);
	client_close(&shaking);
	free(key);
	sys_boot(&s);
	sys_turn(&s, 4);
	assert_int_equal(sys_usage().fds, before.fds);
	sys_stop(&s);
}

static void stop_control(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct sys *s = ctx;
	(void)err, (void)fault;
	fl_control_stop(fl_server_control(s->server));
}

/*
 * A map request that is in the tick of the stop opens no session: it would outlive the others, and
 * when its node was last seen would be lost. Of the others that is stored (PRE-6).
 */
static void test_stop_in_the_tick_of_a_poll(void **state)
{
	struct sys s;
	struct node n, late;
	struct fl_core_wait stop = { .fn = stop_control, .ctx = &s };
	(void)state;

	sys_start(&s, false, NULL);
	char *key = api_key(&s, api_user(&s, "ada"), "\"reusable\":true");
	node_open(&n, &s, "alpha");
	node_join(&n, key);
	node_poll(&n);
	node_open(&late, &s, "beta");
	node_join(&late, key);
	node_start_poll(&late);
	client_move(&late.c);
	fl_core_wait(sys_core(&s), &stop);
	call_wait(late.poll);
	assert_int_equal(late.poll->status, 503);
	assert_int_equal(sys_stats(&s).sessions, 0);
	sys_halt(&s);
	sys_boot(&s);
	assert_true(fl_state_node(sys_state(&s), 1)->last_seen > 0);
	node_close(&n);
	node_close(&late);
	free(key);
	sys_stop(&s);
}

/* Accepted sockets take the size of the listener's. */
static void shrink_send_buffers(const struct fl_addrport *at)
{
	int small = 4096;

	for (int fd = 3; fd < 1024; fd++) {
		struct fl_addrport bound = fl_sockaddr_bound(fd);
		if (fl_addrport_eq(&bound, at))
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	}
}

static bool all_poll(void *ctx)
{
	return sys_stats(ctx).sessions == BLOCKED;
}

/* Their maps are larger than what the kernel takes for them, and they read nothing (RUN-2). */
static void test_stop_with_blocked_sockets(void **state)
{
	static struct node n[BLOCKED];
	struct sys s;
	int small = 4096;
	char name[16];
	(void)state;

	sys_start(&s, false, NULL);
	shrink_send_buffers(&s.at);
	char *key = api_key(&s, api_user(&s, "ada"), "\"reusable\":true");
	for (size_t i = 0; i < BLOCKED; i++) {
		snprintf(name, sizeof name, "n%zu", i);
		node_open(&n[i], &s, name);
		setsockopt(n[i].c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		node_join(&n[i], key);
	}
	for (size_t i = 0; i < BLOCKED; i++) {
		n[i].c.deaf = true;
		node_start_poll(&n[i]);
	}
	assert_true(sys_until(&s, all_poll, &s));
	fl_time began = fl_loop_now(s.loop);
	sys_halt(&s);
	assert_true(fl_loop_now(s.loop) - began < 5 * FL_SEC);
	for (size_t i = 0; i < BLOCKED; i++)
		node_close(&n[i]);
	free(key);
	sys_remove(&s);
}

static void test_restart_keeps_node_and_addresses(void **state)
{
	struct sys s;
	struct node n;
	(void)state;

	sys_start(&s, false, NULL);
	char *key = api_key(&s, api_user(&s, "ada"), NULL);
	node_open(&n, &s, "alpha");
	node_join(&n, key);
	node_poll(&n);
	json_t *addresses = json_deep_copy(at(n.view.node, "Addresses"));
	sys_halt(&s);
	assert_true(sys_until(&s, client_over, &n.c));
	sys_boot(&s);
	node_reopen(&n);
	node_join(&n, NULL);
	node_poll(&n);
	assert_true(json_equal(addresses, at(n.view.node, "Addresses")));
	json_t *list = api_json(&s, "GET", "/api/v1/node", NULL, 200);
	assert_true(json_is_true(at(list, "nodes.0.online")));
	json_decref(list);
	json_decref(addresses);
	node_close(&n);
	free(key);
	sys_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_keeps_node_and_addresses),
		cmocka_unit_test(test_stop_before_a_turn),
		cmocka_unit_test(test_stop_in_the_tick_of_a_poll),
		cmocka_unit_test(test_stops_with_clients_in_the_middle),
		cmocka_unit_test(test_stop_with_blocked_sockets),
		cmocka_unit_test(test_hundred_rounds_leave_nothing),
	};
	return cmocka_run_group_tests_name("system/start_stop", tests, NULL, NULL);
}
