/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/system/test_watch.c - what an operator sees of a server: metrics and request log. */
#include "client.h"

#include "base/log.h"
#include "services/control/internal.h"

#include <stdio.h>

static struct sys sys;
static char *reusable;
static char lines[64 << 10];

static void keep_line(void *ctx, const char *line, size_t len)
{
	size_t at = strlen(lines);
	(void)ctx;

	if (at + len < sizeof lines) {
		memcpy(lines + at, line, len);
		lines[at + len] = '\0';
	}
}

static fl_wall no_time(void *ctx)
{
	(void)ctx;
	return 0;
}

static size_t count(const char *word)
{
	size_t n = 0;

	for (const char *p = lines; (p = strstr(p, word)) != NULL; p += strlen(word))
		n++;
	return n;
}

static unsigned get(const char *path)
{
	struct reply r = sys_get(&sys, path);
	unsigned status = r.status;

	reply_done(&r);
	return status;
}

/* Before anything fails for other reasons: the limit is one for the whole process. */
static void test_request_log(void **state)
{
	struct node n;
	(void)state;

	fl_log_setup(FL_LOG_INFO, FL_LOG_TEXT, keep_line, no_time, NULL);
	assert_int_equal(get("/health"), 200);
	assert_string_equal(lines, ""); /* what works is not worth a line */
	assert_int_equal(get("/nothing-here"), 404);
	assert_int_equal(count("request failed"), 1);
	assert_int_equal(count("404"), 1);
	assert_int_equal(count("/nothing-here"), 1);
	get("/register/hskey-authreq-000000000000000000000000");
	assert_int_equal(count("hskey-authreq-0"), 0);
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(get("/nothing-here"), 404);
	assert_int_equal(count("request failed"), 30);

	node_open(&n, &sys, "asks-often");
	for (unsigned i = 0; i < 5; i++)
		json_decref(node_register(&n, NULL));
	assert_int_equal(count("login needs approval"), 1);
	node_close(&n);
	lines[0] = '\0';
	fl_log_level_set(FL_LOG_DEBUG);
	get("/health");
	assert_int_equal(count("request answered"), 1);
	fl_log_level_set((enum fl_log_level)(FL_LOG_ERROR + 1));
}

static uint64_t value(const struct fl_buf *b, const char *name)
{
	char want[160];

	snprintf(want, sizeof want, "\n%s ", name);
	const char *p = strstr((const char *)b->ptr, want);
	if (p == NULL)
		fail_msg("no %s in\n%s", name, (const char *)b->ptr);
	return strtoull(p + strlen(want), NULL, 10);
}

static struct fl_buf metrics(void)
{
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_control_metrics(fl_server_control(sys.server), &b);
	fl_buf_byte(&b, 0);
	assert_err(fl_buf_err(&b), FL_OK);
	return b;
}

#define LINUX(state) "fairlead_nodes{state=\"" state "\",os=\"linux\",tagged=\"no\"}"

static void test_metrics(void **state)
{
	struct node n, other;
	char ended[] = "headscale_mapresponse_ended_total{reason=\"client_gone\"}";
	char sent[] = "headscale_mapresponse_sent_total{status=\"ok\",type=\"peers\"}";
	char made[] = "headscale_mapresponse_generated_total{response_type=\"peers\"}";
	(void)state;

	node_open(&n, &sys, "alpha");
	node_join(&n, reusable);
	node_lite(&n, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.0.0.0/8\"]}}");
	node_poll(&n);
	node_open(&other, &sys, "beta");
	node_join(&other, reusable);
	node_poll(&other);
	sys_turn(&sys, 12);
	struct fl_buf b = metrics();
	assert_int_equal(value(&b, LINUX("online")), 2);
	assert_int_equal(value(&b, "fairlead_nodes_online"), 2);
	assert_int_equal(value(&b, "fairlead_users"), 1);
	assert_int_equal(value(&b, "fairlead_routes{state=\"announced\"}"), 1);
	assert_int_equal(value(&b, "fairlead_routes{state=\"served\"}"), 0);
	assert_int_equal(value(&b, ended), 0);
	assert_true(value(&b, sent) >= value(&b, made) && value(&b, made) > 0);
	assert_int_equal(value(&b, "fairlead_auth_failures_total{kind=\"register\"}"), 0);
	fl_buf_done(&b);

	json_decref(node_register(&other, "hskey-auth-no"));
	client_close(&n.c);
	for (unsigned i = 0; i < 400 && sys_stats(&sys).sessions > 1; i++)
		sys_turn(&sys, 1);
	b = metrics();
	assert_int_equal(value(&b, ended), 1);
	fl_buf_done(&b);
	n.poll = NULL;
	node_close(&n);
	node_close(&other);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "request log", test_request_log, NULL);
	suite_add(&suite, "metrics", test_metrics, NULL);
	sys_start(&sys, false, NULL);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/watch");
	free(reusable);
	sys_stop(&sys);
	return failed;
}
