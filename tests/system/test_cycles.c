/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_cycles.c - a server that is stopped in the middle of everything, a hundred
 * times: threads, descriptors, timers and memory are what they were before it started.
 *
 * In flight at each stop: map sessions that read and that are stuck, a login that waits, a request
 * of which half has come, a Noise handshake, a question about the policy that a thread works on, a
 * relay's client, and one that has said nothing yet.
 */
#include "client.h"

#include "io/loop_impl.h"
#include "services/api/internal.h"
#include "services/server/internal.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 100, WARM_UP = 20, SESSIONS = 4, TURNS_MAX = 1000 };

static struct sys sys;

static struct machine {
	struct node node;
	struct fl_private_key key;
} pollers[SESSIONS], stuck, waiting, halfway;
static struct machine *const machines[] = { &pollers[0], &pollers[1], &pollers[2], &pollers[3],
					    &stuck,      &waiting,    &halfway };

/* ---- what the loop still has to do ---- */

static size_t length(const struct fl_list *list)
{
	size_t n = 0;

	for (const struct fl_list *l = list->next; l != list; l = l->next)
		n++;
	return n;
}

struct rest {
	size_t timers, hooks, deferred, lingering;
};

static struct rest rest(void)
{
	return (struct rest){
		.timers = sys.loop->heap_reserved,
		.hooks = length(&sys.loop->hooks),
		.deferred = length(&sys.loop->deferred),
		.lingering = length(&sys.loop->at_free),
	};
}

static bool is_idle(void)
{
	struct rest r = rest();
	return r.timers + r.hooks + r.deferred + r.lingering == 0;
}

/* ---- one cycle ---- */

static void begin_login(struct node *n)
{
	json_t *answer = node_register(n, NULL);
	json_t *again = node_register_body(n, NULL);

	json_object_set(again, "Followup", at(answer, "AuthURL"));
	client_post(&n->c, "/machine/register", again);
	json_decref(answer);
}

static bool is_stuck(void *fd)
{
	struct pollfd p = { .fd = *(int *)fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 0;
}

/* Its map is larger than what the kernel takes for it. */
static void begin_stuck_poll(struct node *n)
{
	int end = sys_server_end(&sys, n->c.fd), small = 1024;

	setsockopt(end, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	n->c.deaf = true;
	n->zstd = false;
	node_start_poll(n);
	assert_true(sys_until(&sys, is_stuck, &end));
}

static void begin_in_noise(void)
{
	for (size_t i = 0; i < COUNT(machines); i++) {
		sys.narrow = machines[i] == &stuck;
		client_open(&machines[i]->node.c, &sys, &machines[i]->key);
	}
	sys.narrow = false;
	for (size_t i = 0; i < SESSIONS; i++)
		node_poll(&pollers[i].node);
	begin_stuck_poll(&stuck.node);
	begin_login(&waiting.node);
	client_call(&halfway.node.c, "POST", "/machine/register", fl_slice_str("{"), NULL)->hold =
		true;
}

static int begin(const char *bytes)
{
	int fd = sys_dial(&sys);

	sys_send(&sys, fd, bytes, strlen(bytes));
	return fd;
}

/* It ends on the loop only. */
static bool thread_works(void *ctx)
{
	(void)ctx;
	return sys.server->api->aside.running != NULL;
}

static void stop_in_the_middle(void)
{
	struct client shaking = { 0 };

	sys_boot(&sys);
	begin_in_noise();
	const int others[] = {
		sys_dial(&sys),
		begin("POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"),
		begin("GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\n"
		      "Connection: Upgrade\r\n\r\n"),
		api_begin(&sys, NULL, "POST", "/api/v1/policy/who-can",
			  fl_slice_str("{\"dst\":\"m0\",\"port\":22}")),
	};
	client_dial(&shaking, &sys, NULL, 145);
	assert_true(sys_until(&sys, thread_works, NULL));
	assert_int_equal(sys_stats(&sys).sessions, SESSIONS + 1);
	sys_halt(&sys);
	for (size_t i = 0; i < COUNT(machines); i++)
		assert_true(machines[i] == &stuck ||
			    sys_until(&sys, client_over, &machines[i]->node.c));
	assert_true(sys_until(&sys, client_over, &shaking));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_true(sys_closes(&sys, others[i]));

	for (size_t i = 0; i < COUNT(machines); i++)
		client_close(&machines[i]->node.c);
	client_close(&shaking);
	for (size_t i = 0; i < COUNT(others); i++)
		close(others[i]);
}

/* Nobody is left to hear last words, so nothing waits for the end of them. */
static void expect_idle(void)
{
	unsigned turns = 0;

	while (!is_idle() && turns++ < TURNS_MAX)
		sys_turn(&sys, 1);
	struct rest r = rest();
	if (!is_idle())
		fail_msg("left: %zu timers, %zu hooks, %zu deferred calls, %zu streams", r.timers,
			 r.hooks, r.deferred, r.lingering);
}

static void join_all(void)
{
	sys_boot(&sys);
	char *key = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true"), name[16];

	api_ok(&sys, "PUT", "/api/v1/policy",
	       "{\"policy\":\"{\\\"grants\\\":[{\\\"src\\\":[\\\"*\\\"],"
	       "\\\"dst\\\":[\\\"*\\\"],\\\"ip\\\":[\\\"*\\\"]}]}\"}");
	for (size_t i = 0; i < COUNT(machines); i++) {
		struct machine *m = machines[i];
		snprintf(name, sizeof name, "m%zu", i);
		node_open(&m->node, &sys, name);
		m->key = m->node.c.machine;
		if (m != &waiting)
			node_join(&m->node, key);
		client_close(&m->node.c);
	}
	free(key);
	sys_halt(&sys);
}

/* One that was joined may be in /proc for a moment. */
static bool has_threads(void *most)
{
	return sys_usage().threads <= *(unsigned *)most;
}

static void *do_nothing(void *ctx)
{
	return ctx;
}

/* With the first thread a sanitizer makes one of its own. */
static struct sys_usage bare_usage(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, do_nothing, NULL), 0);
	pthread_join(thread, NULL);
	return sys_usage();
}

static void test_cycles(void **state)
{
	size_t step = sys_step(4);
	(void)state;

	expect_idle();
	struct sys_usage bare = bare_usage();
	for (unsigned i = 0; i < WARM_UP; i++)
		stop_in_the_middle();
	expect_idle();
	size_t live = sys_usage().live;
	for (size_t i = 0; i < ROUNDS; i += step) {
		stop_in_the_middle();
		expect_idle();
		assert_int_equal(sys_usage().fds, bare.fds);
		assert_true(sys_until(&sys, has_threads, &bare.threads));
	}
	if (sys_usage().live > live + sys_usage_slack())
		fail_msg("%zu bytes more than before", sys_usage().live - live);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cycles) };

	sys_make(&sys, false, "policy:\n  mode: database\n");
	join_all();
	int failed = cmocka_run_group_tests_name("system/cycles", tests, NULL, NULL);
	for (size_t i = 0; i < COUNT(machines); i++)
		node_close(&machines[i]->node);
	sys_remove(&sys);
	return failed;
}
