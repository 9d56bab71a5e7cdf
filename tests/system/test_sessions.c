/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_sessions.c - map sessions over time: keep-alives, presence and its grace,
 * deletion, ephemeral nodes. The server runs with debug.short_timers: grace 1 s,
 * keep-alives every 2 s, ephemeral nodes gone after 1 s.
 */
#include "client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

static struct sys sys;
static char *reusable, *ephemeral;
static struct node witness;

static void joined(struct node *n, const char *hostname, const char *key)
{
	node_open(n, &sys, hostname);
	node_join(n, key);
}

/* ---- what the witness sees ---- */

static const char *awaited;

static json_t *seen(void)
{
	assert_false(node_fold(&witness));
	return node_peer(&witness, awaited);
}

static bool is_seen_online(void *ctx)
{
	(void)ctx;
	return json_is_true(json_object_get(seen(), "Online"));
}

static bool is_seen_offline(void *ctx)
{
	(void)ctx;
	return json_is_false(json_object_get(seen(), "Online"));
}

static bool is_unseen(void *ctx)
{
	(void)ctx;
	return seen() == NULL;
}

static void expect(bool (*cond)(void *ctx), const char *hostname)
{
	awaited = hostname;
	assert_true(sys_until(&sys, cond, NULL));
}

/* True if the witness sees the peer offline at any time within `ns`. */
static bool goes_offline_within(const char *hostname, int64_t ns)
{
	fl_time end = fl_loop_now(sys.loop) + ns;

	awaited = hostname;
	while (fl_loop_now(sys.loop) < end) {
		sys_for(&sys, 20 * FL_MS);
		if (is_seen_offline(NULL))
			return true;
	}
	return false;
}

static void remove_node(struct node *n)
{
	char path[64];

	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)node_id(n));
	api_ok(&sys, "DELETE", path, NULL);
}

/* ---- frames ---- */

static struct {
	const char *name;
	bool zstd;
} forms[] = { { "first frame is full, plain", false }, { "first frame is full, zstd", true } };

static void test_first_frame(void **state)
{
	const struct {
		const char *name;
		bool zstd;
	} *row = *state;
	struct node n;

	joined(&n, "first", reusable);
	n.zstd = row->zstd;
	node_poll(&n);
	assert_int_equal(n.poll->status, 200);
	assert_int_equal(n.view.messages, 1);
	assert_string_equal(text_at(n.view.node, "Hostinfo.Hostname"), "first");
	assert_non_null(json_object_get(n.view.settings, "DERPMap"));
	assert_non_null(json_object_get(n.view.settings, "DNSConfig"));
	assert_non_null(node_peer(&n, "witness"));
	assert_true(json_is_boolean(json_object_get(node_peer(&n, "witness"), "Online")));
	remove_node(&n);
	expect(is_unseen, "first");
	node_close(&n);
}

static bool has_frame(void *ctx)
{
	struct node *n = ctx;
	assert_false(node_fold(n));
	return n->frames > 0;
}

static bool has_keepalive(void *ctx)
{
	struct node *n = ctx;
	assert_false(node_fold(n));
	return n->view.keepalives >= 2;
}

static void test_keepalives(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "quiet", reusable);
	node_poll(&n);
	assert_true(sys_until(&sys, has_keepalive, &n));
	remove_node(&n);
	node_close(&n);
}

/* The server's socket of this connection, which is in this process too. */
static int server_end(const struct client *c)
{
	struct sockaddr_in mine, peer;
	socklen_t len = sizeof mine;

	assert_int_equal(getsockname(c->fd, (struct sockaddr *)&mine, &len), 0);
	for (int fd = 0; fd < 1024; fd++) {
		len = sizeof peer;
		if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
		    peer.sin_family == AF_INET && peer.sin_port == mine.sin_port)
			return fd;
	}
	fail_msg("the connection has no other end");
	return -1;
}

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* The kernel finds clients that vanished, within 30 s (SES-11). */
static void test_kernel_looks_after_the_connection(void **state)
{
	int fd = server_end(&witness.c);
	(void)state;

	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_true(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
			    option(fd, IPPROTO_TCP, TCP_KEEPINTVL) *
				    option(fd, IPPROTO_TCP, TCP_KEEPCNT) <=
		    30);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0); /* slow is not dead */
}

/* ---- presence ---- */

static void test_offline_after_the_grace_only(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "leaver", reusable);
	expect(is_seen_offline, "leaver"); /* registered is not connected */
	node_poll(&n);
	expect(is_seen_online, "leaver");
	fl_time left = fl_loop_now(sys.loop);
	node_end_poll(&n);
	expect(is_seen_offline, "leaver");
	int64_t took = fl_loop_now(sys.loop) - left;
	assert_true(took >= 900 * FL_MS);
	assert_true(json_is_string(json_object_get(node_peer(&witness, "leaver"), "LastSeen")));
	remove_node(&n);
	node_close(&n);
}

static void test_reconnect_within_the_grace(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "flapper", reusable);
	node_poll(&n);
	expect(is_seen_online, "flapper");
	for (unsigned i = 0; i < 10; i++) {
		node_end_poll(&n);
		node_reopen(&n);
		node_poll(&n);
	}
	assert_false(goes_offline_within("flapper", 2 * FL_SEC));
	remove_node(&n);
	node_close(&n);
}

/* A vanished connection is a session that ended, too. */
static void test_cut_connection(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "cut", reusable);
	node_poll(&n);
	expect(is_seen_online, "cut");
	client_close(&n.c);
	expect(is_seen_offline, "cut");
	n.poll = NULL;
	client_open(&n.c, &sys, NULL); /* another machine: only to have the node removed */
	remove_node(&n);
	node_close(&n);
}

static void test_two_sessions_of_one_node(void **state)
{
	struct node n, other;
	char path[96];
	(void)state;

	joined(&n, "double", reusable);
	node_poll(&n);
	/* The same machine and node key on a second connection. */
	node_open(&other, &sys, "double");
	client_close(&other.c);
	client_open(&other.c, &sys, &n.c.machine);
	other.key = n.key;
	other.disco = n.disco;
	node_poll(&other);
	sys_turn(&sys, 8);
	size_t first = n.frames, second = other.frames;
	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/told-to-both",
		 (long long)node_id(&n));
	api_ok(&sys, "POST", path, NULL);
	sys_turn(&sys, 8);
	assert_false(node_fold(&n));
	assert_false(node_fold(&other));
	assert_true(n.frames > first && other.frames > second);
	/* The older one ends: still online, after the grace as well. */
	node_end_poll(&n);
	expect(is_seen_online, "double");
	assert_false(goes_offline_within("double", 2 * FL_SEC));
	node_end_poll(&other);
	expect(is_seen_offline, "double");
	remove_node(&n);
	node_close(&n);
	node_close(&other);
}

static void test_registering_again_leaves_presence_alone(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "again", reusable);
	node_poll(&n);
	expect(is_seen_online, "again");
	for (unsigned i = 0; i < 3; i++) {
		node_join(&n, reusable);
		node_join(&n, NULL);
	}
	assert_false(goes_offline_within("again", 1500 * FL_MS));
	remove_node(&n);
	node_close(&n);
}

/* Nor does a person's word for its new key. */
static void test_an_approval_leaves_presence_alone(void **state)
{
	struct node n;
	char body[160];
	(void)state;

	joined(&n, "approved", reusable);
	node_poll(&n);
	expect(is_seen_online, "approved");
	json_int_t id = node_id(&n);
	node_new_key(&n);
	json_t *answer = node_register(&n, NULL);
	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}",
		 strrchr(text_at(answer, "AuthURL"), '/') + 1);
	json_decref(answer);
	json_t *doc = api_json(&sys, "POST", "/api/v1/auth/register", body, 200);
	assert_int_equal(atoll(text_at(doc, "node.id")), id);
	assert_true(json_is_true(at(doc, "node.online")));
	json_decref(doc);
	assert_false(goes_offline_within("approved", 1500 * FL_MS));
	node_end_poll(&n);
	node_poll(&n);
	assert_false(goes_offline_within("approved", 1500 * FL_MS));
	remove_node(&n);
	node_close(&n);
}

static bool knows_it_expired(void *ctx)
{
	struct node *n = ctx;
	assert_false(node_fold(n));
	return json_is_true(json_object_get(n->view.node, "Expired"));
}

static bool is_seen_expired(void *ctx)
{
	(void)ctx;
	return json_is_true(json_object_get(seen(), "Expired"));
}

/* Its stream goes on, so that it hears of it; presence is not about keys (PRE-10). */
static void test_expired_node_is_online_while_it_listens(void **state)
{
	struct node n;
	char path[64];
	(void)state;

	joined(&n, "expired", reusable);
	node_poll(&n);
	expect(is_seen_online, "expired");
	snprintf(path, sizeof path, "/api/v1/node/%lld/expire", (long long)node_id(&n));
	api_ok(&sys, "POST", path, NULL);
	assert_true(sys_until(&sys, knows_it_expired, &n));
	expect(is_seen_expired, "expired");
	assert_false(goes_offline_within("expired", 1500 * FL_MS));
	assert_false(call_over(n.poll));
	node_end_poll(&n);
	expect(is_seen_offline, "expired");

	/* It may come back: only to hear the same. */
	node_poll(&n);
	assert_true(knows_it_expired(&n));
	expect(is_seen_online, "expired");
	remove_node(&n);
	node_close(&n);
}

/* ---- newer polls ---- */

/* Takes no more than `window` bytes of an answer before it has read them. */
static void narrow(struct node *n, const char *hostname, size_t window)
{
	node_open(n, &sys, hostname);
	struct fl_private_key machine = n->c.machine;
	client_close(&n->c);
	n->c.window = window;
	client_open(&n->c, &sys, &machine);
	node_join(n, reusable);
	n->zstd = false;
}

static uint64_t opened;

static bool has_opened(void *ctx)
{
	(void)ctx;
	return sys_stats(&sys).sessions_opened == opened;
}

/* Retries while the first map is still on its way do not pile up (SES-9). */
static void test_newer_poll_ends_one_that_waits(void **state)
{
	enum { POLLS = 4 };
	struct call *polls[POLLS];
	struct node n;
	uint64_t sessions = sys_stats(&sys).sessions;
	(void)state;

	narrow(&n, "impatient", 1024);
	n.c.deaf = true;
	opened = sys_stats(&sys).sessions_opened;
	for (unsigned i = 0; i < POLLS; i++) {
		node_start_poll(&n);
		polls[i] = n.poll;
		opened++;
		assert_true(sys_until(&sys, has_opened, NULL));
	}
	assert_int_equal(sys_stats(&sys).sessions, sessions + 1);
	n.c.deaf = false;
	for (unsigned i = 0; i < POLLS - 1; i++) {
		assert_true(sys_until(&sys, call_over, polls[i]));
		assert_true(polls[i]->closed && !polls[i]->ended);
	}
	assert_true(sys_until(&sys, has_frame, &n));
	expect(is_seen_online, "impatient");
	assert_false(goes_offline_within("impatient", 1500 * FL_MS));

	/* It has its map: another session beside it is none of its business. */
	node_start_poll(&n);
	opened++;
	assert_true(sys_until(&sys, has_opened, NULL));
	assert_int_equal(sys_stats(&sys).sessions, sessions + 2);
	remove_node(&n);
	node_close(&n);
}

/* ---- deletion ---- */

static void test_deletion_ends_the_stream(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "deleted", reusable);
	node_poll(&n);
	expect(is_seen_online, "deleted");
	remove_node(&n);
	assert_true(sys_until(&sys, call_over, n.poll));
	expect(is_unseen, "deleted");

	/* What it asks next makes it log in again, instead of asking for ever. */
	node_start_poll(&n);
	call_wait(n.poll);
	assert_int_equal(n.poll->status, 200);
	assert_true(node_fold(&n));
	assert_int_equal(n.frames, 1);
	const char *expiry = text_at(n.view.node, "KeyExpiry");
	assert_true(strcmp(expiry, "2001") > 0 && strcmp(expiry, "2026-12-31") < 0);
	assert_int_equal(json_object_size(n.view.peers), 0);
	json_t *answer = node_register(&n, NULL);
	assert_string_not_equal(text_at(answer, "AuthURL"), "");
	json_decref(answer);
	node_join(&n, reusable);
	remove_node(&n);
	node_close(&n);
}

/* ---- ephemeral nodes ---- */

static void test_ephemeral_that_never_connects(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "ghost-1", ephemeral);
	expect(is_seen_offline, "ghost-1");
	expect(is_unseen, "ghost-1");
	node_close(&n);
}

static void test_ephemeral_that_leaves(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "ghost-2", ephemeral);
	node_poll(&n);
	expect(is_seen_online, "ghost-2");
	assert_false(
		goes_offline_within("ghost-2", 3 * FL_SEC)); /* it lives while it is connected */
	node_end_poll(&n);
	expect(is_unseen, "ghost-2");
	node_close(&n);
}

static void test_ephemeral_that_returns(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "ghost-3", ephemeral);
	node_poll(&n);
	for (unsigned i = 0; i < 4; i++) {
		node_end_poll(&n);
		sys_for(&sys, 600 * FL_MS);
		node_poll(&n);
	}
	expect(is_seen_online, "ghost-3");
	remove_node(&n);
	node_close(&n);
}

/* Its client is gone before the answer: the node exists, and goes as well. */
static void test_ephemeral_whose_client_vanishes(void **state)
{
	struct node n;
	(void)state;

	node_open(&n, &sys, "ghost-4");
	sys_turn(&sys, 4);
	struct call *k = client_post(&n.c, "/machine/register", node_register_body(&n, ephemeral));
	client_move(&n.c);
	call_drop(k);
	client_move(&n.c);
	expect(is_seen_offline, "ghost-4");
	expect(is_unseen, "ghost-4");
	node_close(&n);
}

static void test_ephemeral_approved_by_an_admin(void **state)
{
	struct node n;
	char body[256];
	(void)state;

	node_open(&n, &sys, "ghost-5");
	json_t *ask = node_register_body(&n, NULL);
	json_object_set_new(ask, "Ephemeral", json_true());
	json_t *answer = call_json(client_post(&n.c, "/machine/register", ask), 200);
	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}",
		 strrchr(text_at(answer, "AuthURL"), '/') + 1);
	api_ok(&sys, "POST", "/api/v1/auth/register", body);
	json_decref(answer);
	expect(is_seen_offline, "ghost-5");
	expect(is_unseen, "ghost-5");
	node_close(&n);
}

static void test_ephemeral_over_a_restart(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "ghost-6", ephemeral);
	node_end_poll(&witness);
	sys_halt(&sys);
	sys_boot(&sys);
	node_reopen(&witness);
	node_poll(&witness);
	expect(is_unseen, "ghost-6");
	node_close(&n);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, forms, test_first_frame);
	suite_add(&suite, "keep-alives", test_keepalives, NULL);
	suite_add(&suite, "half-open connections", test_kernel_looks_after_the_connection, NULL);
	suite_add(&suite, "offline after the grace only", test_offline_after_the_grace_only, NULL);
	suite_add(&suite, "reconnect within the grace", test_reconnect_within_the_grace, NULL);
	suite_add(&suite, "cut connection", test_cut_connection, NULL);
	suite_add(&suite, "two sessions of one node", test_two_sessions_of_one_node, NULL);
	suite_add(&suite, "registering again", test_registering_again_leaves_presence_alone, NULL);
	suite_add(&suite, "expired node", test_expired_node_is_online_while_it_listens, NULL);
	suite_add(&suite, "newer poll", test_newer_poll_ends_one_that_waits, NULL);
	suite_add(&suite, "approved again", test_an_approval_leaves_presence_alone, NULL);
	suite_add(&suite, "deletion", test_deletion_ends_the_stream, NULL);
	suite_add(&suite, "ephemeral: never connects", test_ephemeral_that_never_connects, NULL);
	suite_add(&suite, "ephemeral: leaves", test_ephemeral_that_leaves, NULL);
	suite_add(&suite, "ephemeral: returns", test_ephemeral_that_returns, NULL);
	suite_add(&suite, "ephemeral: client vanishes", test_ephemeral_whose_client_vanishes, NULL);
	suite_add(&suite, "ephemeral: approved by an admin", test_ephemeral_approved_by_an_admin,
		  NULL);
	suite_add(&suite, "ephemeral: over a restart", test_ephemeral_over_a_restart, NULL);
	sys_start(&sys, true, "node:\n  ephemeral:\n    inactivity_timeout: 1s\n");
	json_int_t ada = api_user(&sys, "ada");
	reusable = api_key(&sys, ada, "\"reusable\":true");
	ephemeral = api_key(&sys, ada, "\"reusable\":true,\"ephemeral\":true");
	joined(&witness, "witness", reusable);
	node_poll(&witness);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/sessions");
	node_close(&witness);
	free(reusable);
	free(ephemeral);
	sys_stop(&sys);
	return failed;
}
