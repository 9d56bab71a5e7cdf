/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_resets.c - a client's connection is reset at every byte of what the server
 * says, from the first of the upgrade to the last of the first map.
 *
 * A witness stays connected meanwhile: it hears that the client's node came, and after the grace
 * of the last session that it went, and nothing else. Each reset leaves no session, connection or
 * descriptor. The second row cuts on the server's side too: the kernel takes that many bytes, and
 * the rest waits in the server when the reset comes.
 *
 * STEP: see sys_step.
 */
#include "client.h"

#include "io/sockaddr.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#define GRACE FL_SEC /* of debug.short_timers */

/* Bytes: nothing that a connection or a session has is as small; malloc keeps some at first. */
enum { A_RESET_MAX = 64 };

static struct sys sys;
static struct node witness, victim;
static struct fl_private_key machine;

/* ---- the kernel's side of the victim's connection ---- */

static atomic_uint victim_port; /* 0: nobody is cut */
static atomic_size_t room;

static bool leads_to_victim(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof sa;

	return victim_port != 0 && getpeername(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       fl_sockaddr_read(&sa).port == victim_port;
}

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	if (!leads_to_victim(fd))
		return __real_send(fd, data, len, flags);
	if (room == 0) {
		errno = ECONNRESET;
		return -1;
	}
	ssize_t n = __real_send(fd, data, len < room ? len : room, flags);
	room -= n > 0 ? (size_t)n : 0;
	return n;
}

/* ---- one reset ---- */

static bool is_alone(void *ctx)
{
	struct fl_control_stats s = sys_stats(&sys);
	(void)ctx;
	return s.sessions == 1 && s.connections == 1;
}

static bool has_map_or_is_over(void *ctx)
{
	struct node *n = ctx;
	return node_fold(n) || n->frames > 0;
}

/* True if the client had its whole map before the reset. */
static bool reset_at(size_t bytes, bool at_the_server)
{
	bool whole = false;

	victim.c.cuts = true;
	victim.c.cut_in = bytes;
	client_dial(&victim.c, &sys, &machine, 145);
	room = bytes;
	victim_port = at_the_server ? fl_sockaddr_bound(victim.c.fd).port : 0;
	assert_true(sys_until(&sys, client_settled, &victim.c));
	if (victim.c.phase == CLIENT_OPEN) {
		node_start_poll(&victim);
		assert_true(sys_until(&sys, has_map_or_is_over, &victim));
		whole = victim.frames > 0;
	}
	victim_port = 0;
	if (victim.c.phase == CLIENT_OPEN)
		client_reset(&victim.c);
	client_close(&victim.c);
	assert_true(sys_until(&sys, is_alone, NULL));
	assert_true(sys_stats(&sys).leaving <= 1); /* a new session takes the old one's place */
	return whole;
}

/* ---- all of them ---- */

static size_t frames_heard(void)
{
	assert_false(node_fold(&witness));
	return witness.frames - witness.view.keepalives;
}

static bool sees_victim(const char *online)
{
	json_t *peer = node_peer(&witness, "victim");
	return json_is_true(json_object_get(peer, "Online")) == (strcmp(online, "online") == 0);
}

static bool is_offline(void *ctx)
{
	(void)ctx;
	assert_false(node_fold(&witness));
	return sees_victim("offline");
}

/* How often a machine that stood still let the grace pass between two sessions: seldom. */
struct pass {
	size_t resets, sessions, slow_gaps;
};

static struct pass reset_everywhere(bool at_the_server, size_t every)
{
	struct pass p = { 0 };
	uint64_t opened = sys_stats(&sys).sessions_opened;
	size_t heard = frames_heard();
	bool whole = false;

	for (size_t at = 0; !whole; at += every, p.resets++) {
		fl_time began = fl_loop_now(sys.loop);
		whole = reset_at(at, at_the_server);
		p.sessions = sys_stats(&sys).sessions_opened - opened;
		p.slow_gaps += fl_loop_now(sys.loop) - began >= GRACE / 2;
		if (p.sessions == 0)
			assert_int_equal(frames_heard(), heard);
		else if (p.slow_gaps == 0)
			assert_int_equal(frames_heard(), heard + 1);
	}
	assert_true(p.slow_gaps > 0 || sees_victim("online"));
	return p;
}

static struct {
	const char *name;
	bool at_the_server;
} rows[] = { { "the client resets", false }, { "the server's writes are cut there", true } };

static void test_resets(void **state)
{
	const struct {
		const char *name;
		bool at_the_server;
	} *row = *state;

	reset_everywhere(row->at_the_server, 17); /* what is made once, and what malloc keeps */
	assert_true(sys_until(&sys, is_offline, NULL));
	struct sys_usage before = sys_usage();
	size_t heard = frames_heard();
	struct pass p = reset_everywhere(row->at_the_server, sys_step(13));
	assert_true(sys_until(&sys, is_offline, NULL));
	size_t changes = frames_heard() - heard;
	assert_true(changes >= 2 && changes <= 2 + 2 * p.slow_gaps);
	node_assert_complete(&witness);
	struct sys_usage after = sys_usage();
	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.threads, before.threads);
	assert_int_equal(sys_stats(&sys).leaving, 0);
	if (after.live > before.live + sys_usage_slack() + p.resets * A_RESET_MAX)
		fail_msg("%zu bytes more than before", after.live - before.live);
	printf("\t%zu resets, %zu of them in a session\n", p.resets, p.sessions);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, rows, test_resets);
	sys_start(&sys, true, NULL);
	json_int_t ada = api_user(&sys, "ada");
	node_enter(&witness, &sys, "witness", ada, NULL);
	node_enter(&victim, &sys, "victim", ada, NULL);
	machine = victim.c.machine;
	client_close(&victim.c);
	assert_true(sys_until(&sys, is_offline, NULL));
	int failed = suite_run(&suite, "system/resets");
	node_close(&victim);
	node_close(&witness);
	sys_stop(&sys);
	return failed;
}
