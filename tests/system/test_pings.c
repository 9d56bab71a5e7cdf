/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_pings.c - pings and questions to nodes: from the API over the map stream to the
 * answer inside Noise and back (docs/lifecycle.md PNG-1 to PNG-5, PNG-A to PNG-E, INV-26).
 */
#include "client.h"

#include "base/text.h"
#include "services/control/ping.h"

#include <stdio.h>
#include <unistd.h>

static struct sys sys;
static struct node laptop, other;
static json_int_t laptop_id;

/* ---- what the node gets ---- */

static size_t awaited;

static bool has_pings(void *node)
{
	struct node *n = node;

	assert_false(node_fold(n));
	return json_array_size(n->view.pings) >= awaited;
}

static void expect_pings(struct node *n, size_t more)
{
	awaited = json_array_size(n->view.pings) + more;
	assert_true(sys_until(&sys, has_pings, n));
}

/* ---- what the administrator asks ---- */

static int ask(const char *method, const char *path)
{
	return api_begin(&sys, NULL, method, path, fl_slice_of(NULL, 0));
}

static json_t *answer(int fd, unsigned status)
{
	struct reply r = sys_answer(&sys, fd);
	json_t *doc = json_loadb((const char *)r.body.ptr, r.body.len, 0, NULL);

	close(fd);
	if (r.status != status)
		fail_msg("%u, want %u: %s", r.status, status, (const char *)r.body.ptr);
	assert_non_null(doc);
	reply_done(&r);
	return doc;
}

static void expect_answered(int fd, bool answered)
{
	json_t *doc = answer(fd, 200);

	assert_int_equal(json_is_true(at(doc, "answered")), answered);
	assert_true(json_real_value(at(doc, "seconds")) < 10);
	json_decref(doc);
}

static void expect_none_left(void)
{
	assert_int_equal(sys_stats(&sys).pings, 0);
}

static unsigned status_of(struct client *c, const char *method, const char *path)
{
	struct call *k = client_call(c, method, path, fl_slice_of(NULL, 0), NULL);

	call_wait(k);
	unsigned status = k->status;
	call_drop(k);
	return status;
}

/* ---- PNG-A, PNG-D: by everything that a node is called ---- */

static struct name_row {
	const char *name, *target; /* NULL: its id or address, below */
} names[] = {
	{ "by given name", "laptop" },       { "by given name in any case", "LapTop" },
	{ "by hostname", "Host-Of-Laptop" }, { "by id", NULL },
	{ "by IPv4 address", "100.64.0.1" }, { "by IPv6 address", "fd7a:115c:a1e0::1" },
};

static void test_round_trip(void **state)
{
	const struct name_row *row = *state;
	char path[128], id[24];

	snprintf(id, sizeof id, "%lld", (long long)laptop_id);
	snprintf(path, sizeof path, "/api/v1/node/%s/ping", row->target != NULL ? row->target : id);
	int fd = ask("POST", path);
	expect_pings(&laptop, 1);
	node_pong(&laptop);
	json_t *doc = answer(fd, 200);
	assert_true(json_is_true(at(doc, "answered")));
	assert_true(json_is_true(at(doc, "online")));
	assert_string_equal(text_at(doc, "givenName"), "laptop");
	assert_string_equal(text_at(doc, "nodeId"), id);
	json_decref(doc);
}

static void test_unknown_target(void **state)
{
	(void)state;
	json_decref(answer(ask("POST", "/api/v1/node/nobody/ping"), 404));
	json_decref(answer(ask("POST", "/api/v1/node/4711/ping"), 404));
	json_decref(answer(ask("POST", "/api/v1/node/laptop/ping?timeout=31s"), 400));
	json_decref(answer(ask("POST", "/api/v1/node/laptop/ping?timeout=0"), 400));
	json_decref(answer(ask("POST", "/api/v1/node/laptop/ping?timeout=x"), 400));
}

/* ---- PNG-B, PNG-3 ---- */

static void test_disconnected(void **state)
{
	(void)state;
	json_t *doc = answer(ask("POST", "/api/v1/node/other/ping?timeout=200ms"), 200);

	assert_true(json_is_false(at(doc, "answered")));
	assert_true(json_is_false(at(doc, "online")));
	json_decref(doc);
	expect_none_left();
}

/* INV-26: as soon as there is a connection, and once. */
static void test_waits_for_a_connection(void **state)
{
	(void)state;
	int fd = ask("POST", "/api/v1/node/other/ping");

	sys_turn(&sys, 8);
	node_poll(&other); /* its first frame is the whole map, as always */
	awaited = 1;
	assert_true(sys_until(&sys, has_pings, &other));
	node_pong(&other);
	expect_answered(fd, true);
	node_end_poll(&other);
	node_poll(&other);
	sys_turn(&sys, 16);
	assert_false(node_fold(&other));
	assert_int_equal(json_array_size(other.view.pings), 0);
	node_end_poll(&other);
}

static void test_unanswered(void **state)
{
	(void)state;
	int fd = ask("POST", "/api/v1/node/laptop/ping?timeout=200ms");

	expect_pings(&laptop, 1);
	size_t late = laptop.ponged++;
	expect_answered(fd, false);
	expect_none_left();
	/* The answer comes after the end. */
	assert_int_equal(status_of(&laptop.c, "HEAD", node_ping_path(&laptop, late)), 404);
}

static void test_whoever_asked_has_gone(void **state)
{
	(void)state;
	int fd = ask("POST", "/api/v1/node/laptop/ping");

	expect_pings(&laptop, 1);
	assert_int_equal(sys_stats(&sys).pings, 1);
	close(fd);
	sys_turn(&sys, 16);
	assert_int_equal(sys_stats(&sys).pings, 0);
	node_pong(&laptop);
	sys_turn(&sys, 16);
}

/* ---- PNG-C, CHG-5: each is a message of its own ---- */

static void test_two_at_once(void **state)
{
	(void)state;
	int one = ask("POST", "/api/v1/node/laptop/ping"), two;

	two = ask("POST", "/api/v1/node/100.64.0.1/ping");
	expect_pings(&laptop, 2);
	size_t first = laptop.ponged;
	assert_string_not_equal(node_ping_path(&laptop, first), node_ping_path(&laptop, first + 1));
	node_pong(&laptop);
	expect_answered(one, true);
	expect_answered(two, true);
	expect_none_left();
}

/* ---- PNG-E, PNG-1 ---- */

static struct method_row {
	const char *name, *method, *path; /* path NULL: of an open ping */
	unsigned status;
} methods[] = {
	{ "GET", "GET", NULL, 405 },
	{ "POST", "POST", NULL, 405 },
	{ "PUT", "PUT", NULL, 405 },
	{ "no id", "HEAD", "/machine/ping-response", 400 },
	{ "an empty id", "HEAD", "/machine/ping-response?id=", 400 },
	{ "an unknown id", "HEAD", "/machine/ping-response?id=0123456789abcdef", 404 },
	{ "a long id", "HEAD", "/machine/ping-response?id=0123456789abcdef0123456789abcdef", 404 },
};

static void test_methods(void **state)
{
	const struct method_row *row = *state;
	int fd = ask("POST", "/api/v1/node/laptop/ping");

	expect_pings(&laptop, 1);
	const char *open = node_ping_path(&laptop, laptop.ponged);
	assert_int_equal(status_of(&laptop.c, row->method, row->path != NULL ? row->path : open),
			 row->status);
	assert_int_equal(sys_stats(&sys).pings, 1); /* it still waits */
	node_pong(&laptop);
	expect_answered(fd, true);
}

/* Nobody answers for another machine, or twice. */
static void test_only_its_machine_once(void **state)
{
	(void)state;
	int fd = ask("POST", "/api/v1/node/laptop/ping");

	expect_pings(&laptop, 1);
	const char *path = node_ping_path(&laptop, laptop.ponged++);
	char question[64];
	snprintf(question, sizeof question, "/machine/c2n-response%s", strchr(path, '?'));
	assert_int_equal(status_of(&laptop.c, "POST", question), 404);
	assert_int_equal(status_of(&other.c, "HEAD", path), 404);
	assert_int_equal(sys_stats(&sys).pings, 1);
	assert_int_equal(status_of(&laptop.c, "HEAD", path), 200);
	assert_int_equal(status_of(&laptop.c, "HEAD", path), 404);
	expect_answered(fd, true);
	/* The public listener has no such path. */
	struct reply r = sys_get(&sys, path);
	assert_int_equal(r.status, 404);
	reply_done(&r);
}

/* D-3: whatever else is told in the same tick. */
static void test_beside_other_messages(void **state)
{
	long long id = (long long)node_id(&other);
	char path[64];
	(void)state;
	int fd = ask("POST", "/api/v1/node/laptop/ping");

	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof path, "/api/v1/node/%lld/rename/other-%u", id, i);
		api_ok(&sys, "POST", path, NULL);
	}
	expect_pings(&laptop, 0);
	assert_int_equal(json_array_size(laptop.view.pings), laptop.ponged + 1);
	node_pong(&laptop);
	expect_answered(fd, true);
	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/other", id);
	api_ok(&sys, "POST", path, NULL);
}

/* ---- many: the table is bounded and empties ---- */

enum { MANY = 1000 };

static struct fl_ping many[FL_PINGS_MAX + 1];
static size_t answered, timed_out, cancelled;

static void on_end(void *ctx, enum fl_err err, struct fl_slice response)
{
	(void)ctx;
	assert_int_equal(response.len, 0);
	answered += err == FL_OK;
	timed_out += err == FL_ERR_TIMEOUT;
	cancelled += err == FL_ERR_CLOSED;
}

static enum fl_err start(size_t i, fl_node_id node, int64_t limit)
{
	many[i] = (struct fl_ping){ .node = node, .fn = on_end };
	return fl_ping_start(fl_server_control(sys.server), &many[i], limit);
}

static bool all_ended(void *ctx)
{
	(void)ctx;
	assert_false(node_fold(&laptop));
	node_pong(&laptop);
	return answered + timed_out == MANY;
}

/* Every other one is to a node that is not connected. */
static void ping_many(void)
{
	answered = timed_out = 0;
	for (size_t i = 0; i < MANY; i++)
		assert_err(start(i, (fl_node_id)laptop_id + i % 2, 2 * FL_SEC), FL_OK);
	assert_int_equal(sys_stats(&sys).pings, MANY);
	assert_true(sys_until(&sys, all_ended, NULL));
	assert_int_equal(answered, MANY / 2);
	assert_int_equal(timed_out, MANY / 2);
	expect_none_left();
}

/* What the client has read goes with its poll. */
static struct sys_usage usage(void)
{
	node_end_poll(&laptop);
	node_poll(&laptop);
	sys_turn(&sys, 16);
	return sys_usage();
}

static bool leaves_nothing(void)
{
	struct sys_usage before = usage();
	ping_many();
	struct sys_usage after = usage();

	assert_int_equal(after.fds, before.fds);
	return after.live <= before.live + sys_usage_slack();
}

/* Rows of letters and tables grow in the first rounds, what leaks in all of them. */
static void test_memory_returns(void **state)
{
	unsigned rounds = 0;
	(void)state;

	while (!leaves_nothing())
		assert_true(++rounds < 8);
}

static void test_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < FL_PINGS_MAX; i++)
		assert_err(start(i, (fl_node_id)laptop_id + 1, FL_MIN), FL_OK);
	assert_err(start(FL_PINGS_MAX, (fl_node_id)laptop_id, FL_MIN), FL_ERR_FULL);
	json_decref(answer(ask("POST", "/api/v1/node/laptop/ping"), 503));
	fl_ping_cancel(&many[0]);
	assert_err(start(FL_PINGS_MAX, (fl_node_id)laptop_id, FL_MIN), FL_OK);
	for (size_t i = 0; i <= FL_PINGS_MAX; i++)
		fl_ping_cancel(&many[i]);
	expect_pings(&laptop, 1);
	laptop.ponged = json_array_size(laptop.view.pings);
	assert_err(start(0, 4711, FL_MIN), FL_ERR_NOT_FOUND);
}

/* ---- PNG-5: a question to the daemon ---- */

#define SAYS(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body

static struct health_row {
	const char *name, *response;
	unsigned status;
	const char *title; /* of the first warning; NULL: none */
} healths[] = {
	{ "all is well", SAYS("{\"Warnings\":null}"), 200, NULL },
	{ "a warning",
	  SAYS("{\"Warnings\":{\"no-derp\":{\"WarnableCode\":\"no-derp\",\"Severity\":\"high\","
	       "\"Title\":\"No relay\",\"Text\":\"Cannot reach it\",\"Args\":{\"a\":\"b\"}}}}"),
	  200, "No relay" },
	{ "it does not know the question", "HTTP/1.1 400 Bad Request\r\n\r\nunknown", 400, NULL },
	{ "no response", "hello", 503, NULL },
	{ "no JSON", SAYS("<html>"), 503, NULL },
	{ "warnings of another form", SAYS("{\"Warnings\":[1]}"), 503, NULL },
	{ "a warning of another form", SAYS("{\"Warnings\":{\"x\":{\"Title\":7}}}"), 503, NULL },
};

static void answer_question(const char *response)
{
	json_t *ping = json_array_get(laptop.view.pings, laptop.ponged);
	const char *payload = json_string_value(json_object_get(ping, "Payload"));
	uint8_t request[256] = { 0 };
	size_t len;

	assert_string_equal(text_at(ping, "Types"), "c2n");
	assert_true(json_is_true(json_object_get(ping, "URLIsNoise")));
	assert_err(fl_base64_decode(fl_slice_str(payload), request, sizeof request - 1, &len),
		   FL_OK);
	assert_non_null(strstr((char *)request, "GET /debug/health HTTP/1.1\r\n"));
	struct call *k = client_call(&laptop.c, "POST", node_ping_path(&laptop, laptop.ponged++),
				     fl_slice_str(response), NULL);
	call_wait(k);
	assert_int_equal(k->status, 200);
	call_drop(k);
}

static void test_health(void **state)
{
	const struct health_row *row = *state;
	int fd = ask("GET", "/api/v1/node/laptop/health");

	expect_pings(&laptop, 1);
	answer_question(row->response);
	json_t *doc = answer(fd, row->status);
	if (row->status == 200) {
		json_t *warnings = at(doc, "warnings");
		assert_true(json_is_true(at(doc, "answered")));
		assert_int_equal(json_array_size(warnings), row->title != NULL);
		if (row->title != NULL)
			assert_string_equal(text_at(warnings, "0.title"), row->title);
	}
	json_decref(doc);
}

static void test_health_in_silence(void **state)
{
	(void)state;
	json_t *doc = answer(ask("GET", "/api/v1/node/laptop/health?timeout=200ms"), 200);

	assert_true(json_is_false(at(doc, "answered")));
	assert_int_equal(json_array_size(at(doc, "warnings")), 0);
	json_decref(doc);
	assert_false(node_fold(&laptop));
	laptop.ponged = json_array_size(laptop.view.pings);
}

static void test_health_of_an_old_client(void **state)
{
	(void)state;
	node_lite(&other, "{\"Version\":127}");
	json_decref(answer(ask("GET", "/api/v1/node/other/health"), 400));
	node_lite(&other, "{\"Version\":128}");
	json_decref(answer(ask("GET", "/api/v1/node/other/health?timeout=50ms"), 200));
}

/* ---- the end: whoever waits is told ---- */

static void test_shutdown(void **state)
{
	(void)state;
	int fd = ask("POST", "/api/v1/node/laptop/ping");

	cancelled = 0;
	assert_err(start(0, (fl_node_id)laptop_id, FL_MIN), FL_OK);
	assert_err(start(1, (fl_node_id)laptop_id + 1, FL_MIN), FL_OK);
	expect_pings(&laptop, 2);
	sys_halt(&sys);
	assert_int_equal(cancelled, 2);
	struct reply r = sys_answer(&sys, fd);
	assert_int_equal(r.status, 503);
	reply_done(&r);
	close(fd);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, names, test_round_trip);
	suite_add(&suite, "unknown target", test_unknown_target, NULL);
	suite_add(&suite, "disconnected", test_disconnected, NULL);
	suite_add(&suite, "waits for a connection", test_waits_for_a_connection, NULL);
	suite_add(&suite, "unanswered", test_unanswered, NULL);
	suite_add(&suite, "whoever asked has gone", test_whoever_asked_has_gone, NULL);
	suite_add(&suite, "two at once", test_two_at_once, NULL);
	ROWS(&suite, methods, test_methods);
	suite_add(&suite, "only its machine, once", test_only_its_machine_once, NULL);
	suite_add(&suite, "beside other messages", test_beside_other_messages, NULL);
	suite_add(&suite, "memory returns", test_memory_returns, NULL);
	suite_add(&suite, "bounded", test_bounded, NULL);
	ROWS(&suite, healths, test_health);
	suite_add(&suite, "health in silence", test_health_in_silence, NULL);
	suite_add(&suite, "health of an old client", test_health_of_an_old_client, NULL);
	suite_add(&suite, "shutdown", test_shutdown, NULL);
	sys_start(&sys, false, NULL);
	char *key = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	node_open(&laptop, &sys, "Host-Of-Laptop");
	node_join(&laptop, key);
	laptop_id = node_id(&laptop);
	char path[64];
	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/laptop", (long long)laptop_id);
	api_ok(&sys, "POST", path, NULL);
	node_open(&other, &sys, "other");
	node_join(&other, key);
	node_lite(&other, NULL);
	node_poll(&laptop);
	int failed = suite_run(&suite, "system/pings");
	node_close(&laptop);
	node_close(&other);
	free(key);
	sys_remove(&sys);
	return failed;
}
