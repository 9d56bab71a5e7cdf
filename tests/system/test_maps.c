/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_maps.c - single map requests: what they may change, and what they hear when
 * no map can be made for them.
 */
#include "client.h"

#include <stdio.h>

static struct sys sys;
static char *reusable, *ephemeral;

static void joined(struct node *n, const char *hostname)
{
	node_open(n, &sys, hostname);
	node_join(n, reusable);
}

/* ---- names ---- */

static fl_wall last_seen(struct node *n)
{
	return fl_state_node_by_key(sys_state(&sys), &n->key)->last_seen;
}

static void refused_poll(struct node *n)
{
	node_start_poll(n);
	call_wait(n->poll);
	assert_int_equal(n->poll->status, 500);
}

/* Joined under a chosen name, which does not follow what fits. */
static void joined_long(struct node *n, const char *hostname, const char *key)
{
	char path[96];

	node_open(n, &sys, hostname);
	node_join(n, key);
	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/%s-with-a-name-that-is-rather-long",
		 (long long)node_id(n), hostname);
	api_ok(&sys, "POST", path, NULL);
}

static bool is_gone(void *ctx)
{
	struct node *n = ctx;

	if (fl_state_node_by_key(sys_state(&sys), &n->key) == NULL)
		return true;
	if (call_over(n->poll)) {
		assert_int_equal(n->poll->status, 500);
		node_end_poll(n);
		node_start_poll(n);
	}
	return false;
}

/* It came from a longer base domain: the node is told what to do, the others are served (NM-5). */
static void test_full_name_too_long(void **state)
{
	char config[1024], domain[233];
	struct node longer, idle, shorter;
	(void)state;

	joined_long(&longer, "ann", reusable);
	joined_long(&idle, "eve", ephemeral);
	joined(&shorter, "bob");
	sys_halt(&sys);
	memset(domain, 'd', sizeof domain);
	for (size_t i = 50; i < sizeof domain - 2; i += 51)
		domain[i] = '.';
	domain[sizeof domain - 1] = '\0';
	snprintf(config, sizeof config,
		 "server_url: http://127.0.0.1:8080\nlisten_addr: 127.0.0.1:0\n"
		 "metrics_listen_addr: \"\"\ndns:\n  base_domain: %s\n"
		 "debug:\n  short_timers: true\n"
		 "node:\n  ephemeral:\n    inactivity_timeout: 1s\n"
		 "derp:\n  server:\n    stun_listen_addr: 127.0.0.1:0\n",
		 domain);
	sys_write(&sys, "config.yaml", config);
	sys_boot(&sys);
	node_reopen(&longer);
	node_reopen(&idle);
	node_reopen(&shorter);

	node_poll(&shorter);
	assert_null(node_peer(&shorter, "ann"));
	refused_poll(&longer); /* with what it says of itself, which is news */
	assert_false(node_fold(&shorter));
	fl_wall seen = last_seen(&longer);
	size_t frames = shorter.frames;
	refused_poll(&longer);
	sys_turn(&sys, 8);
	assert_false(node_fold(&shorter)); /* nobody hears of an attempt that failed (SES-5) */
	assert_int_equal(shorter.frames, frames);
	assert_true(last_seen(&longer) == seen);
	fl_buf_byte(&longer.poll->body, 0);
	assert_non_null(strstr((char *)longer.poll->body.ptr, "full name is too long"));
	assert_non_null(strstr((char *)longer.poll->body.ptr, "fairlead nodes rename"));
	/* A session that never got its first map was none: nothing waits, and nobody saw it. */
	assert_int_equal(sys_stats(&sys).sessions, 1);
	assert_int_equal(sys_stats(&sys).leaving, 0);
	assert_int_equal(fl_registry_online(sys_core(&sys)->sessions), 1);
	size_t entries = shorter.view.entries;
	sys_turn(&sys, 16);
	assert_false(node_fold(&shorter));
	assert_int_equal(shorter.view.entries, entries);
	assert_null(node_peer(&shorter, "ann"));

	/* Nor does an attempt keep an idle ephemeral node alive, even one a tick (SES-6). */
	refused_poll(&idle);
	assert_true(sys_until(&sys, is_gone, &idle));
	node_close(&longer);
	node_close(&idle);
	node_close(&shorter);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "full name too long", test_full_name_too_long, NULL);
	sys_start(&sys, false, NULL);
	json_int_t ada = api_user(&sys, "ada");
	reusable = api_key(&sys, ada, "\"reusable\":true");
	ephemeral = api_key(&sys, ada, "\"ephemeral\":true");
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/maps");
	free(reusable);
	free(ephemeral);
	sys_stop(&sys);
	return failed;
}
