/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_strangers.c - what machines that own no node may cost all together: so many
 * connections of one source, so many bytes of requests (H-035.4). Machines with a node are not
 * among them.
 */
#include "client.h"

#include "services/control/internal.h"

#include <stdio.h>

enum { PER_SOURCE = 2, FROM_LOOPBACK = 16 * PER_SOURCE, BUDGET = 4 << 20, BODY = 1 << 20 };

static struct sys sys;
static char *reusable;
static struct node known;

static struct fl_strangers *strangers(void)
{
	return &fl_server_control(sys.server)->noise.strangers;
}

static bool all_left(void *ctx)
{
	(void)ctx;
	return strangers()->count == 0 && strangers()->budget.used == 0;
}

static bool nothing_is_held(void *ctx)
{
	(void)ctx;
	return strangers()->budget.used == 0;
}

static unsigned post(struct client *c, const char *path, const void *body, size_t len)
{
	struct call *k = client_call(c, "POST", path, fl_slice_of(body, len), NULL);

	call_wait(k);
	unsigned status = k->status;
	call_drop(k);
	return status;
}

static void expect_known_is_served(void)
{
	struct fl_buf b = fl_buf_make(2 * BODY);
	json_t *body = node_register_body(&known, NULL);
	char *text = json_dumps(body, JSON_COMPACT);

	fl_buf_str(&b, text);
	while (b.len < BODY)
		fl_buf_byte(&b, ' ');
	assert_int_equal(post(&known.c, "/machine/register", b.ptr, b.len), 200);
	fl_buf_done(&b);
	free(text);
	json_decref(body);
}

static bool most_are_refused(void *ctx)
{
	struct call **k = ctx;
	size_t n = 0;

	for (size_t i = 0; i < FROM_LOOPBACK; i++)
		n += call_over(k[i]);
	return n == FROM_LOOPBACK - 3;
}

/* Each holds a body of almost 1 MiB open; from the fourth on there is no room. */
static void test_bodies_share_a_budget(void **state)
{
	static struct client c[FROM_LOOPBACK];
	struct call *k[COUNT(c)];
	(void)state;

	uint64_t before = sys_stats(&sys).strangers_requests_refused;
	for (size_t i = 0; i < COUNT(c); i++) {
		c[i] = (struct client){ 0 };
		client_open(&c[i], &sys, NULL);
		k[i] = client_call(&c[i], "POST", "/machine/register", fl_slice_str("{"), NULL);
		k[i]->filler = BODY - 64;
		k[i]->hold = true;
	}
	assert_true(sys_until(&sys, most_are_refused, k));
	sys_turn(&sys, 20);
	assert_true(most_are_refused(k));
	assert_true(strangers()->budget.used <= BUDGET);
	for (size_t i = 0; i < COUNT(c); i++)
		if (call_over(k[i]))
			assert_int_equal(k[i]->status, 429);
	assert_int_equal(sys_stats(&sys).strangers_requests_refused, before + COUNT(c) - 3);
	expect_known_is_served();
	for (size_t i = 0; i < COUNT(c); i++)
		client_close(&c[i]);
	assert_true(sys_until(&sys, all_left, NULL));
}

/* Also without a body: what a head takes counts, and comes back with the answer. */
static void test_heads_count(void **state)
{
	struct client c = { 0 };
	(void)state;

	client_open(&c, &sys, NULL);
	struct call *k = client_call(&c, "POST", "/machine/register", fl_slice_str("{"), NULL);
	k->hold = true;
	sys_turn(&sys, 8);
	assert_true(strangers()->budget.used > 100);
	call_drop(k);
	assert_true(sys_until(&sys, nothing_is_held, NULL));
	client_close(&c);
	assert_true(sys_until(&sys, all_left, NULL));
}

/* Who waits for a person costs no request meanwhile. */
static void test_waiting_logins_hold_no_request(void **state)
{
	struct node n;
	(void)state;

	node_open(&n, &sys, "waiting");
	json_t *answer = node_register(&n, NULL);
	json_t *again = node_register_body(&n, NULL);
	json_object_set(again, "Followup", at(answer, "AuthURL"));
	struct call *k = client_post(&n.c, "/machine/register", again);
	sys_turn(&sys, 12);
	assert_false(call_over(k));
	assert_int_equal(strangers()->count, 1);
	assert_int_equal(strangers()->budget.used, 0);
	json_decref(answer);
	node_close(&n);
	assert_true(sys_until(&sys, all_left, NULL));
}

static void test_connections_of_one_source(void **state)
{
	static struct client c[FROM_LOOPBACK];
	struct client late = { 0 };
	(void)state;

	uint64_t before = sys_stats(&sys).strangers_refused;
	for (size_t i = 0; i < COUNT(c); i++) {
		c[i] = (struct client){ 0 };
		client_open(&c[i], &sys, NULL);
	}
	client_dial(&late, &sys, NULL, 145);
	assert_true(sys_until(&sys, client_over, &late));
	assert_non_null(strstr(late.refusal, "too many unregistered machines"));
	client_close(&late);
	assert_int_equal(sys_stats(&sys).strangers_refused, before + 1);

	node_reopen(&known); /* a machine with a node may come, however many */
	expect_known_is_served();
	client_close(&c[0]);
	sys_turn(&sys, 8);
	c[0] = (struct client){ 0 };
	client_open(&c[0], &sys, NULL);
	for (size_t i = 0; i < COUNT(c); i++)
		client_close(&c[i]);
	assert_true(sys_until(&sys, all_left, NULL));
}

/* Behind a trusted proxy the one limit is not everybody's. */
static void test_sources_behind_a_proxy(void **state)
{
	static struct client c[PER_SOURCE + 2];
	(void)state;

	for (size_t i = 0; i < COUNT(c); i++) {
		c[i] = (struct client){
			.forwarded = i <= PER_SOURCE ? "203.0.113.9, 192.0.2.1" : "192.0.2.2",
		};
		client_dial(&c[i], &sys, NULL, 145);
		assert_true(sys_until(&sys, client_settled, &c[i]));
		assert_int_equal(client_over(&c[i]), i == PER_SOURCE);
	}
	assert_non_null(strstr(c[PER_SOURCE].refusal, "too many unregistered machines"));
	for (size_t i = 0; i < COUNT(c); i++)
		client_close(&c[i]);
	assert_true(sys_until(&sys, all_left, NULL));
}

static void test_registering_ends_it(void **state)
{
	struct node n;
	(void)state;

	node_open(&n, &sys, "newcomer");
	assert_int_equal(strangers()->count, 1);
	node_join(&n, reusable);
	node_lite(&n, NULL);
	assert_int_equal(strangers()->count, 0);
	assert_int_equal(strangers()->budget.used, 0);
	node_close(&n);
	sys_turn(&sys, 8);
	assert_int_equal(strangers()->count, 0);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "bodies share a budget", test_bodies_share_a_budget, NULL);
	suite_add(&suite, "heads count", test_heads_count, NULL);
	suite_add(&suite, "waiting logins", test_waiting_logins_hold_no_request, NULL);
	suite_add(&suite, "connections of one source", test_connections_of_one_source, NULL);
	suite_add(&suite, "sources behind a proxy", test_sources_behind_a_proxy, NULL);
	suite_add(&suite, "registering ends it", test_registering_ends_it, NULL);
	sys_start(&sys, false,
		  "tuning:\n  unregistered_per_source: 2\ntrusted_proxies: [127.0.0.1/32]\n");
	strangers()->budget.max = BUDGET;
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	node_open(&known, &sys, "known");
	node_join(&known, reusable);
	node_lite(&known, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/strangers");
	node_close(&known);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
