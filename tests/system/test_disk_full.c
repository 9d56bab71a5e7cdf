/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_disk_full.c - the file system of a server's folder is full.
 *
 * The program serves from a small tmpfs that a ballast fills to the last page. Registrations and
 * admin requests hear that it could not be stored, sessions go on, and once there is room again
 * everything works, without a restart. Whatever was acknowledged is there after a kill -9 at any
 * point of this; what was refused is not.
 *
 * Needs a mount namespace, which a container may refuse: then it says so and is skipped.
 */
#include "client.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

enum { NAMES_MAX = 256, TRIES_MAX = 128, SKIPPED = 77 };

static const char *program;
static struct sys sys;
static struct process server;
static struct node witness, steady;
static char *reusable;
static json_int_t ada;

/* What was acknowledged, and the last name that was refused. */
static char names[NAMES_MAX][16];
static size_t name_count;
static char refused[16];

/* ---- the disk ---- */

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

/* A mount namespace of this process, as root of a user namespace where it is not root already. */
static bool own_mounts(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0)
		return unshare(CLONE_NEWNS) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
	    !write_text("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof map, "0 %u 1", uid);
	if (!write_text("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof map, "0 %u 1", gid);
	return write_text("/proc/self/gid_map", map);
}

static bool mount_disk(void)
{
	return own_mounts() && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", sys.dir, "tmpfs", 0, "size=2m,mode=0700") == 0;
}

static void fill_disk(void)
{
	static const char page[4096];
	int fd = open(sys_path(&sys, "ballast"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, page, sizeof page) > 0)
		continue;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void free_disk(void)
{
	assert_int_equal(unlink(sys_path(&sys, "ballast")), 0);
}

/* ---- registrations ---- */

static void expect_clear_refusal(struct call *k)
{
	fl_buf_byte(&k->body, 0);
	assert_non_null(strstr((const char *)k->body.ptr, "could not store the registration"));
	assert_non_null(strstr((const char *)k->body.ptr, "try again"));
}

/* The status of the answer. */
static unsigned register_as(const char *name)
{
	struct node n;

	node_open(&n, &sys, name);
	struct call *k = client_post(&n.c, "/machine/register", node_register_body(&n, reusable));
	call_wait(k);
	unsigned status = k->status;
	assert_true(k->ended);
	if (status == 503)
		expect_clear_refusal(k);
	else
		assert_int_equal(status, 200);
	call_drop(k);
	node_close(&n);
	return status;
}

static void note(const char *name)
{
	assert_true(name_count < NAMES_MAX);
	snprintf(names[name_count++], sizeof names[0], "%s", name);
}

static unsigned serial, user_count = 1;

/* What the log has room for already may still be stored. */
static void register_until_refused(void)
{
	unsigned status = 200;

	for (unsigned tries = 0; status == 200; tries++) {
		assert_true(tries < TRIES_MAX);
		snprintf(refused, sizeof refused, "m%u", serial++);
		status = register_as(refused);
		if (status == 200)
			note(refused);
	}
}

static void register_again(void)
{
	assert_int_equal(register_as(refused), 200);
	note(refused);
	refused[0] = '\0';
}

/* ---- what goes on ---- */

static bool is_seen(void *online)
{
	assert_false(node_fold(&witness));
	json_t *now = json_object_get(node_peer(&witness, "steady"), "Online");
	return json_is_true(now) == *(bool *)online;
}

static void expect_seen(bool online)
{
	assert_true(sys_until(&sys, is_seen, &online));
}

static void expect_sessions_go_on(void)
{
	struct reply r = sys_get(&sys, "/health");

	assert_int_equal(r.status, 200);
	reply_done(&r);
	node_end_poll(&steady);
	expect_seen(false); /* after the grace */
	node_poll(&steady);
	expect_seen(true);
	assert_non_null(node_peer(&steady, "witness"));
	node_assert_complete(&witness);
}

/* A user is shorter than a node: what is left of the log may still take some. */
static void expect_admin_is_refused(void)
{
	char body[64];
	unsigned status = 200;

	for (unsigned tries = 0; status == 200; tries++) {
		assert_true(tries < TRIES_MAX);
		snprintf(body, sizeof body, "{\"name\":\"u%u\"}", serial++);
		struct reply r = api_call(&sys, "POST", "/api/v1/user", body);
		status = r.status;
		user_count += status == 200;
		reply_done(&r);
	}
	json_t *doc = api_json(&sys, "POST", "/api/v1/user", body, 503);

	assert_non_null(strstr(text_at(doc, "detail"), "disk full"));
	assert_non_null(strstr(text_at(doc, "detail"), "free some space"));
	json_decref(doc);
}

static bool is_among(json_t *nodes, const char *name)
{
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i,
			   node) if (strcmp(text_at(node, "name"), name) == 0) return true;
	return false;
}

/* All that was acknowledged, and nothing that was not. */
static void expect_all_there(void)
{
	json_t *list = api_json(&sys, "GET", "/api/v1/node", NULL, 200), *nodes = at(list, "nodes");

	assert_int_equal(json_array_size(nodes), name_count);
	for (size_t i = 0; i < name_count; i++)
		if (!is_among(nodes, names[i]))
			fail_msg("%s was acknowledged and is lost", names[i]);
	json_decref(list);
	list = api_json(&sys, "GET", "/api/v1/user", NULL, 200);
	assert_int_equal(json_array_size(at(list, "users")), user_count);
	json_decref(list);
}

/* ---- lives of the server ---- */

static void enter(struct node *n, const char *name)
{
	node_open(n, &sys, name);
	node_join(n, reusable);
	node_lite(n, NULL);
	node_poll(n);
	note(name);
}

static void return_after_restart(struct node *n)
{
	node_reopen(n);
	node_poll(n);
}

static void test_room_again(void **state)
{
	(void)state;
	fill_disk();
	register_until_refused();
	expect_admin_is_refused();
	expect_sessions_go_on();
	expect_all_there();
	free_disk();
	register_again();
	expect_sessions_go_on();
	expect_all_there();
}

static void test_killed_with_room_again(void **state)
{
	(void)state;
	assert_int_equal(process_end(&server, SIGKILL), -SIGKILL);
	assert_true(process_start(&server, &sys, program));
	expect_all_there();
	return_after_restart(&witness);
	return_after_restart(&steady);
	expect_seen(true);
}

/* Without room it starts, or says why not. With room all is there. */
static void restart_without_room_and_with(void)
{
	if (process_start(&server, &sys, program)) {
		expect_all_there();
		process_end(&server, SIGKILL);
	} else {
		assert_int_equal(process_end(&server, 0), 1);
		assert_non_null(strstr(server.said, sys.dir));
		if (strstr(server.said, "space") == NULL)
			fail_msg("%s", server.said);
	}
	free_disk();
	assert_true(process_start(&server, &sys, program));
	expect_all_there();
	return_after_restart(&witness);
	return_after_restart(&steady);
	register_again();
	expect_all_there();
}

static void test_killed_without_room(void **state)
{
	(void)state;
	fill_disk();
	register_until_refused();
	assert_int_equal(process_end(&server, SIGKILL), -SIGKILL);
	restart_without_room_and_with();
}

/* What it needs to start has gone with the stop. */
static void test_stopped_without_room(void **state)
{
	(void)state;
	fill_disk();
	register_until_refused();
	assert_int_equal(process_end(&server, SIGTERM), 0);
	fill_disk();
	restart_without_room_and_with();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room_again),
		cmocka_unit_test(test_killed_with_room_again),
		cmocka_unit_test(test_killed_without_room),
		cmocka_unit_test(test_stopped_without_room),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s path/to/fairlead\n", argv[0]);
		return 2;
	}
	program = argv[1];
	sys_make(&sys, true, NULL);
	if (!mount_disk()) {
		fprintf(stderr, "skipped: no file system of its own: %s\n", strerror(errno));
		return SKIPPED;
	}
	sys_configure(&sys, NULL);
	assert_true(process_start(&server, &sys, program));
	ada = api_user(&sys, "ada");
	reusable = api_key(&sys, ada, "\"reusable\":true");
	enter(&witness, "witness");
	enter(&steady, "steady");
	int failed = cmocka_run_group_tests_name("system/disk_full", tests, NULL, NULL);
	process_end(&server, SIGTERM);
	node_close(&witness);
	node_close(&steady);
	free(reusable);
	umount(sys.dir);
	sys_remove(&sys);
	return failed;
}
