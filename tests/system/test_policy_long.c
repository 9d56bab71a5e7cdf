/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_policy_long.c - questions about policies that take long: others are served
 * meanwhile, who asked may leave, and the server may end.
 *
 * The policy has many rules and many hosts, each pair of which a diff holds against another.
 */
#include "client.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/jw.h"

enum { HOSTS = 900, TEXT_MAX = 1 << 20 };

static struct sys sys;
static char bearer[128];

/* ---- asking ---- */

static void put_policy(struct fl_buf *b)
{
	fl_buf_str(b, "{\"hosts\":{");
	for (int i = 0; i < HOSTS; i++)
		fl_buf_printf(b, "%s\"h%d\":\"10.%d.%d.1\"", i > 0 ? "," : "", i, i / 250, i % 250);
	fl_buf_str(b, "},\"grants\":[");
	for (int i = 0; i < HOSTS; i++)
		fl_buf_printf(b, "%s{\"src\":[\"*\"],\"dst\":[\"h%d\"],\"ip\":[\"%d\"]}",
			      i > 0 ? "," : "", i, i + 1);
	fl_buf_str(b, "]}");
}

/* Sends a diff from what is in force; gives the connection. */
static int ask_diff(void)
{
	struct fl_buf text = fl_buf_make(TEXT_MAX), body = fl_buf_make(TEXT_MAX),
		      head = fl_buf_make(1024);
	struct fl_jw w = fl_jw_make(&body);
	int fd = sys_dial(&sys);

	put_policy(&text);
	fl_jw_obj(&w);
	fl_jw_key(&w, "policy");
	fl_jw_text(&w, fl_buf_slice(&text));
	fl_jw_obj_end(&w);
	fl_buf_printf(&head,
		      "POST /api/v1/policy/diff HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
		      "Content-Length: %zu\r\n\r\n",
		      bearer, body.len);
	assert_err(fl_buf_err(&body), FL_OK);
	sys_send(&sys, fd, head.ptr, head.len);
	sys_send(&sys, fd, body.ptr, body.len);
	fl_buf_done(&text);
	fl_buf_done(&body);
	fl_buf_done(&head);
	return fd;
}

static bool has_answer(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void expect_health(void)
{
	struct reply r = sys_get(&sys, "/health");

	assert_int_equal(r.status, 200);
	reply_done(&r);
}

/* ---- tests ---- */

/* Several, so that the last is far from its end. */
static void test_others(void **state)
{
	int fds[8];
	(void)state;

	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = ask_diff();
	sys_turn(&sys, 40); /* more than it takes to read them */
	expect_health();
	assert_false(has_answer(fds[COUNT(fds) - 1]));
	for (size_t i = 0; i < COUNT(fds); i++) {
		struct reply r = sys_answer(&sys, fds[i]);
		assert_int_equal(r.status, 200);
		assert_non_null(strstr((const char *)r.body.ptr, "\"incomplete\":false"));
		reply_done(&r);
		close(fds[i]);
	}
}

/* One of them is at work, the others wait. */
static void test_leaving(void **state)
{
	int fds[4];
	(void)state;

	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = ask_diff();
	close(fds[0]);
	close(fds[2]);
	expect_health();
	for (size_t i = 1; i < COUNT(fds); i += 2) {
		struct reply r = sys_answer(&sys, fds[i]);
		assert_int_equal(r.status, 200);
		reply_done(&r);
		close(fds[i]);
	}
}

/* The answer is about the policy of the question, whatever is set meanwhile. */
static void test_change(void **state)
{
	int fd = ask_diff();
	(void)state;

	expect_health();
	api_ok(&sys, "PUT", "/api/v1/policy", "{\"policy\":\"{\\\"acls\\\":[]}\"}");
	api_ok(&sys, "PUT", "/api/v1/policy", "{\"policy\":\"\"}");
	struct reply r = sys_answer(&sys, fd);
	assert_int_equal(r.status, 200);
	reply_done(&r);
	close(fd);
}

static void test_end(void **state)
{
	int a = ask_diff(), b = ask_diff();
	(void)state;

	expect_health();
	sys_halt(&sys);
	sys_boot(&sys);
	expect_health();
	close(a);
	close(b);
}

static void join(void)
{
	static struct node node;
	char *key = api_key(&sys, api_user(&sys, "ann"), NULL);

	node_open(&node, &sys, "lap");
	node_join(&node, key);
	node_lite(&node, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.0.0.0/8\"]}}");
	api_ok(&sys, "POST", "/api/v1/node/1/approve_routes", "{\"routes\":[\"10.0.0.0/8\"]}");
	node_close(&node);
	free(key);
}

static void make_key(void)
{
	json_t *doc = api_json(&sys, "POST", "/api/v1/apikey", "{}", 200);

	snprintf(bearer, sizeof bearer, "Bearer %s", text_at(doc, "apiKey"));
	json_decref(doc);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "others are served", test_others, NULL);
	suite_add(&suite, "who asked leaves", test_leaving, NULL);
	suite_add(&suite, "the policy changes", test_change, NULL);
	suite_add(&suite, "the server ends", test_end, NULL);
	sys_start(&sys, false, "policy:\n  mode: database\n");
	join();
	make_key();
	int failed = suite_run(&suite, "system/policy_long");
	sys_stop(&sys);
	return failed;
}
