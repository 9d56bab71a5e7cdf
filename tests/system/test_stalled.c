/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_stalled.c - one client reads nothing any more, or has vanished without a word,
 * while others talk. They hear every change in order and as soon as before, the server's memory
 * stays within its bound, and in the end only that client's session is gone.
 *
 * "As soon" is counted in turns of the loop, not in time, which a busy machine stretches. Who has
 * vanished is found by the kernel, whose settings are read, and tried at a tenth; or by us, if it
 * owes us an answer (io/stream_silent.c), with short timers within 6 s.
 */
#include "client.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "services/control/noise_worker.h"

enum {
	READERS = 4,
	CALM = 20,             /* updates before somebody stalls */
	UPDATES_MAX = 2000,    /* until the slow one is dropped */
	UPDATE_LEN = 18 << 10, /* of one that is not compressed */
	QUEUE_MAX = 4 << 20,   /* of changes that a slow client may have waiting */
	QUEUE_SLACK = 2 << 20, /* its first map, what is on its way to the socket, malloc's own */
	WRITE_MAX = 64 << 10,  /* by which the kernel may exceed its bound */
	DEAD_AFTER = 30,       /* s */
	TURNS_MAX = 200,
};

static struct sys sys;
static struct node readers[READERS], talker;
static char *reusable;

static void joined(struct node *n, const char *hostname)
{
	node_open(n, &sys, hostname);
	node_join(n, reusable);
}

/* ---- changes, and who has heard them ---- */

static bool has_heard(struct node *n, unsigned version)
{
	char text[16];
	json_t *shown = at(node_peer(n, "talker"), "Hostinfo.OSVersion");

	snprintf(text, sizeof text, "%u", version);
	return shown != NULL && strcmp(json_string_value(shown), text) == 0;
}

static bool all_have_heard(unsigned version)
{
	bool all = true;

	for (size_t i = 0; i < READERS; i++) {
		assert_false(node_fold(&readers[i]));
		all = has_heard(&readers[i], version) && all;
	}
	return all;
}

static size_t changes_heard(const struct node *n)
{
	return n->frames - n->view.keepalives;
}

static bool is_stored(void *before)
{
	return sys_stats(&sys).endpoint_updates[0] > *(uint64_t *)before;
}

/*
 * One change: each reader hears of it in one frame, so all come in order. How many turns of the
 * loop after its commit had they all?
 */
static unsigned tell(unsigned version)
{
	uint64_t stored = sys_stats(&sys).endpoint_updates[0];
	size_t heard[READERS];
	unsigned turns = 0;

	for (size_t i = 0; i < READERS; i++)
		heard[i] = changes_heard(&readers[i]);
	struct call *k = node_say(&talker, version);
	assert_true(sys_until(&sys, is_stored, &stored));
	while (!all_have_heard(version)) {
		assert_true(++turns < TURNS_MAX);
		sys_turn(&sys, 1);
	}
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(changes_heard(&readers[i]), heard[i] + 1);
	call_wait(k);
	assert_int_equal(k->status, 200);
	call_drop(k);
	return turns;
}

static unsigned version;

/* How many turns a change takes while all is well, in the mean. */
static unsigned calm(void)
{
	unsigned turns = 0;

	sys_turn(&sys, 8); /* what was under way */
	for (size_t i = 0; i < READERS; i++)
		assert_false(node_fold(&readers[i]));
	for (unsigned i = 0; i < CALM; i++)
		turns += tell(++version);
	return turns / CALM;
}

static struct {
	const char *hostname;
	bool online;
} awaited;

static bool is_seen(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < READERS; i++)
		assert_false(node_fold(&readers[i]));
	json_t *online = json_object_get(node_peer(&readers[0], awaited.hostname), "Online");
	return awaited.online ? json_is_true(online) : json_is_false(online);
}

static void expect(const char *hostname, bool online)
{
	awaited.hostname = hostname;
	awaited.online = online;
	assert_true(sys_until(&sys, is_seen, NULL));
}

/* Back on a new connection it is told everything. */
static void expect_return(struct node *n)
{
	node_reopen(n);
	node_poll(n);
	expect(n->hostname, true);
	node_assert_complete(n);
}

static void leave(struct node *n)
{
	node_end_poll(n);
	sys_turn(&sys, 4);
	node_close(n);
	expect(n->hostname, false);
}

/* ---- it does not read ---- */

static struct slow {
	const char *name, *hostname;
	bool tcp; /* whose window is small, or that of HTTP/2? */
} slows[] = { { "slow reader", "slow", false }, { "slow reader, of TCP too", "slower", true } };

/* A small window, and frames as long as they are: it is full soon. */
static void join_narrowly(struct node *n, const struct slow *row)
{
	node_open(n, &sys, row->hostname);
	struct fl_private_key machine = n->c.machine;
	client_close(&n->c);
	n->c.window = row->tcp ? 0 : 65535;
	sys.narrow = row->tcp;
	client_open(&n->c, &sys, &machine);
	sys.narrow = false;
	node_join(n, reusable);
	n->zstd = false;
	node_poll(n);
}

static bool is_cut(void *connections)
{
	return sys_stats(&sys).connections < *(uint64_t *)connections;
}

/* What the kernel holds for a client and could not send yet. */
static size_t unsent_to(const struct node *n)
{
	int bytes = 0;

	assert_int_equal(ioctl(sys_server_end(&sys, n->c.fd), SIOCOUTQNSD, &bytes), 0);
	return (size_t)bytes;
}

static void test_slow_reader(void **state)
{
	uint64_t dropped = sys_stats(&sys).sessions_dropped_slow;
	unsigned sent = 0;
	size_t queued = 0, unsent = 0;
	const struct slow *row = *state;
	struct node slow;

	join_narrowly(&slow, row);
	unsigned usual = calm(), turns = 0;
	assert_false(node_fold(&slow));
	size_t before = sys_usage().live, most = before;
	uint64_t connections = sys_stats(&sys).connections;
	slow.c.deaf = true;
	while (sys_stats(&sys).sessions_dropped_slow == dropped && sent < UPDATES_MAX) {
		turns += tell(++version);
		sent++;
		size_t now = sys_stats(&sys).queued_bytes, live = sys_usage().live;
		size_t kept = unsent_to(&slow);
		queued = now > queued ? now : queued;
		unsent = kept > unsent ? kept : unsent;
		most = live > most ? live : most;
	}
	assert_int_equal(sys_stats(&sys).sessions_dropped_slow, dropped + 1);
	assert_true((size_t)sent * UPDATE_LEN > QUEUE_MAX / 2); /* not at once: it had a queue */
	assert_true(queued <= QUEUE_MAX + QUEUE_SLACK);
	assert_true(unsent <= FL_NOISE_UNSENT_MAX + WRITE_MAX);
	assert_true(!row->tcp || unsent > 0);
	if (most > before + QUEUE_MAX + QUEUE_SLACK)
		fail_msg("%zu bytes for one that does not read", most - before);
	if (turns >= (usual + 2) * sent)
		fail_msg("a change takes %u turns, %u before", turns / sent, usual);
	expect(row->hostname, false);
	if (row->tcp) /* a reset would not come through: the connection goes too (SES-10) */
		assert_true(sys_until(&sys, is_cut, &connections));
	if (sys_usage().live > before + QUEUE_SLACK)
		fail_msg("%zu bytes are kept", sys_usage().live - before);

	slow.c.deaf = false;
	assert_true(sys_until(&sys, call_over, slow.poll));
	assert_true(slow.poll->closed && !slow.poll->ended); /* an error, not an orderly end */
	expect_return(&slow);
	leave(&slow);
	printf("\t%u updates, %zu bytes queued, %zu in the kernel, %u turns of %u changes\n", sent,
	       queued, unsent, turns, sent);
}

/* ---- it has vanished ---- */

static int option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void set_option(int fd, int name, int value)
{
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value), 0);
}

static int tenth(int seconds)
{
	return seconds > 10 ? seconds / 10 : 1;
}

/* The kernel finds in time whom nothing is said to; now it is ten times as fast. */
static void hurry(int fd)
{
	int idle = option(fd, IPPROTO_TCP, TCP_KEEPIDLE),
	    interval = option(fd, IPPROTO_TCP, TCP_KEEPINTVL),
	    probes = option(fd, IPPROTO_TCP, TCP_KEEPCNT);

	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_true(idle + interval * probes <= DEAD_AFTER);
	set_option(fd, TCP_KEEPIDLE, tenth(idle));
	set_option(fd, TCP_KEEPINTVL, tenth(interval));
}

static bool is_alone(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < READERS; i++)
		assert_false(node_fold(&readers[i]));
	return sys_stats(&sys).sessions == READERS;
}

static struct {
	const char *name, *hostname;
	bool talk;
} vanished[] = { { "vanished, and nothing to say to it", "gone", false },
		 { "vanished, and it would hear much", "lost", true } };

static void test_vanished(void **state)
{
	const struct {
		const char *name, *hostname;
		bool talk;
	} *row = *state;
	size_t connections = sys_stats(&sys).connections;
	struct node gone;

	joined(&gone, row->hostname);
	node_poll(&gone);
	expect(row->hostname, true);
	unsigned usual = calm();
	hurry(sys_server_end(&sys, gone.c.fd));
	client_vanish(&gone.c);
	size_t heard = changes_heard(&readers[0]);
	if (row->talk)
		assert_true(calm() <= usual + 1);
	assert_true(sys_until(&sys, is_alone, NULL));
	assert_int_equal(sys_stats(&sys).connections, connections);
	if (!row->talk) /* within the grace nobody hears of it */
		assert_int_equal(changes_heard(&readers[0]), heard);
	expect_return(&gone);
	leave(&gone);
}

int main(void)
{
	struct suite suite = { 0 };
	char name[16];

	ROWS(&suite, slows, test_slow_reader);
	ROWS(&suite, vanished, test_vanished);
	sys_start(&sys, true, NULL);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	joined(&talker, "talker");
	for (size_t i = 0; i < READERS; i++) {
		snprintf(name, sizeof name, "reader-%zu", i);
		joined(&readers[i], name);
		node_lite(&readers[i], NULL);
		node_poll(&readers[i]);
	}
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/stalled");
	for (size_t i = 0; i < READERS; i++)
		node_close(&readers[i]);
	node_close(&talker);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
