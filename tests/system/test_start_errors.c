/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_start_errors.c - what can be wrong with the machine when the server starts:
 * each is an error that names what and where and says what to do, and leaves nothing open.
 */
#include "client.h"

#include "io/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sys sys;
static int held = -1;
static pid_t locker;

/* ---- the troubles ---- */

static void put(const char *name, const char *text)
{
	sys_write(&sys, name, text);
}

static void append_config(const char *text)
{
	FILE *f = fopen(sys_path(&sys, "config.yaml"), "a");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void sql(const char *text)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open(sys_path(&sys, "db.sqlite"), &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

static void folder_is_a_file(void)
{
	put("taken", "x");
	append_config("database:\n  sqlite:\n    path: taken/db.sqlite\n");
}

static void folder_of_keys_is_a_file(void)
{
	put("taken", "x");
	append_config("noise:\n  private_key_path: taken/noise.key\n");
}

static void database_is_a_folder(void)
{
	assert_int_equal(mkdir(sys_path(&sys, "db.sqlite"), 0700), 0);
}

static void database_is_text(void)
{
	char text[8192];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	put("db.sqlite", text);
}

static void database_is_cut(void)
{
	sys_boot(&sys);
	api_user(&sys, "ada");
	sys_halt(&sys);
	assert_int_equal(truncate(sys_path(&sys, "db.sqlite"), 8192 + 100), 0);
	unlink(sys_path(&sys, "db.sqlite-wal"));
}

static void database_of_the_future(void)
{
	sys_boot(&sys);
	sys_halt(&sys);
	sql("UPDATE meta SET value = 9999 WHERE name = 'schema_version'");
}

static void hold_the_lock(int ready)
{
	sqlite3 *db;
	int rc = sqlite3_open(sys_path(&sys, "db.sqlite"), &db);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db,
				  "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"
				  "UPDATE meta SET value = value",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK && write(ready, "x", 1) == 1)
		pause();
	_exit(1);
}

static void database_is_locked(void)
{
	sys_boot(&sys);
	sys_halt(&sys);
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	locker = fork(); /* locks of one process do not hold against itself */
	if (locker == 0)
		hold_the_lock(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

static void database_in_use(void)
{
	sys_boot(&sys); /* it stays: parked while the second is tried */
}

static void noise_key_is_garbage(void)
{
	put("noise_private.key", "this is no key\n");
}

static void noise_key_is_cut(void)
{
	put("noise_private.key", "privkey:0011223344556677");
}

static void noise_key_is_empty(void)
{
	put("noise_private.key", "");
}

static void noise_key_is_a_folder(void)
{
	assert_int_equal(mkdir(sys_path(&sys, "noise_private.key"), 0700), 0);
}

static void relay_key_is_garbage(void)
{
	put("derp_server_private.key", "{}");
	assert_int_equal(chmod(sys_path(&sys, "derp_server_private.key"), 0600), 0);
}

static void relay_key_is_open_to_all(void)
{
	put("derp_server_private.key", "privkey:00");
	assert_int_equal(chmod(sys_path(&sys, "derp_server_private.key"), 0644), 0);
}

static void certificate_is_missing(void)
{
	append_config("tls_cert_path: nothing.crt\ntls_key_path: nothing.key\n");
}

static void certificate_is_garbage(void)
{
	put("a.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	put("a.key", "no key");
	append_config("tls_cert_path: a.crt\ntls_key_path: a.key\n");
}

static char taken_port[32];

static void port_is_taken(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof sa;
	char text[2048];

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	held = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(held, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(held, 1), 0);
	assert_int_equal(getsockname(held, (struct sockaddr *)&sa, &len), 0);
	snprintf(taken_port, sizeof taken_port, "127.0.0.1:%u", ntohs(sa.sin_port));
	snprintf(text, sizeof text,
		 "server_url: http://127.0.0.1:8080\nlisten_addr: %s\nmetrics_listen_addr: \"\"\n"
		 "derp:\n  server:\n    stun_listen_addr: 127.0.0.1:0\n",
		 taken_port);
	put("config.yaml", text);
}

static void stun_port_is_taken(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof sa;
	char text[2048];

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	held = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(held, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(getsockname(held, (struct sockaddr *)&sa, &len), 0);
	snprintf(taken_port, sizeof taken_port, "127.0.0.1:%u", ntohs(sa.sin_port));
	snprintf(text, sizeof text,
		 "server_url: http://127.0.0.1:8080\nlisten_addr: "
		 "127.0.0.1:0\nmetrics_listen_addr: \"\"\n"
		 "derp:\n  server:\n    stun_listen_addr: %s\n",
		 taken_port);
	put("config.yaml", text);
}

static void socket_is_a_file(void)
{
	put("fairlead.sock", "not a socket");
}

static void socket_path_is_too_long(void)
{
	char text[400];

	snprintf(text, sizeof text, "unix_socket: %0150d.sock\n", 0);
	append_config(text);
}

static void no_relay_at_all(void)
{
	put("config.yaml", "server_url: http://127.0.0.1:8080\nlisten_addr: 127.0.0.1:0\n"
			   "metrics_listen_addr: \"\"\nderp:\n  server:\n    enabled: false\n");
}

static void relay_map_is_missing(void)
{
	put("config.yaml", "server_url: http://127.0.0.1:8080\nlisten_addr: 127.0.0.1:0\n"
			   "metrics_listen_addr: \"\"\nderp:\n  server:\n    enabled: false\n"
			   "  paths: [nothing.yaml]\n");
}

static void unknown_setting(void)
{
	append_config("dns:\n  base_domian: x.example\n");
}

static struct {
	const char *name;
	void (*make)(void);
	const char *names, *advises; /* both must be in the text; "" any */
} rows[] = {
	{ "a file where the database's folder should be", folder_is_a_file, "taken", "" },
	{ "a file where the keys' folder should be", folder_of_keys_is_a_file, "taken", "" },
	{ "the database is a folder", database_is_a_folder, "db.sqlite", "" },
	{ "the database is not one", database_is_text, "db.sqlite", "backup" },
	{ "the database is cut", database_is_cut, "db.sqlite", "backup" },
	{ "the database is of a newer version", database_of_the_future, "db.sqlite", "newer" },
	{ "the database is locked", database_is_locked, "db.sqlite", "stop" },
	{ "another server runs on the folder", database_in_use, "", "" },
	{ "the Noise key is garbage", noise_key_is_garbage, "noise_private.key", "backup" },
	{ "the Noise key is cut", noise_key_is_cut, "noise_private.key", "backup" },
	{ "the Noise key is empty", noise_key_is_empty, "noise_private.key", "backup" },
	{ "the Noise key is a folder", noise_key_is_a_folder, "noise_private.key", "" },
	{ "the relay key is garbage", relay_key_is_garbage, "derp_server_private.key", "" },
	{ "the relay key is open to all", relay_key_is_open_to_all, "derp_server_private.key",
	  "chmod" },
	{ "the certificate is missing", certificate_is_missing, "nothing.crt", "" },
	{ "the certificate is garbage", certificate_is_garbage, "a.crt", "" },
	{ "the port is taken", port_is_taken, "127.0.0.1:", "" },
	{ "the STUN port is taken", stun_port_is_taken, "127.0.0.1:", "" },
	{ "a file where the socket should be", socket_is_a_file, "fairlead.sock", "" },
	{ "the socket's path is too long", socket_path_is_too_long, ".sock", "" },
	{ "no relay at all", no_relay_at_all, "derp", "" },
	{ "the relay map is missing", relay_map_is_missing, "nothing.yaml", "" },
	{ "an unknown setting", unknown_setting, "base_domian", "base_domain" },
};

static void test_row(void **state)
{
	const struct {
		const char *name;
		void (*make)(void);
		const char *names, *advises;
	} *row = *state;
	struct fl_fault fault;

	sys_make(&sys, false, NULL);
	row->make();
	struct fl_server *parked = sys.server;
	sys.server = NULL;
	sys_turn(&sys, 4);
	unsigned before = net_fd_count();
	enum fl_err err = sys_try(&sys, &fault);
	sys_turn(&sys, 8);
	if (err == FL_OK)
		fail_msg("it started");
	if (strlen(fault.text) < 20 || strstr(fault.text, row->names) == NULL ||
	    strstr(fault.text, row->advises) == NULL)
		fail_msg("says \"%s\"", fault.text);
	if (getenv("SHOW") != NULL)
		printf("\t%s: %s\n", fl_err_text(err), fault.text);
	assert_int_equal(net_fd_count(), before);
	if (parked != NULL)
		fl_server_stop(parked, 0);
	if (held >= 0)
		close(held);
	held = -1;
	if (locker > 0) {
		kill(locker, SIGKILL);
		waitpid(locker, NULL, 0);
	}
	locker = 0;
	sys_turn(&sys, 4);
	sys_remove(&sys);
}

/* What a crash leaves in the way is no obstacle. */
static void test_stale_socket(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	(void)state;

	sys_make(&sys, false, NULL);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(sa.sun_path, sys.socket, strlen(sys.socket) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	close(fd);
	sys_boot(&sys);
	api_user(&sys, "ada");
	sys_stop(&sys);
}

static void test_modes_of_secrets(void **state)
{
	static const char *const secret[] = { "noise_private.key", "derp_server_private.key",
					      "db.sqlite" };
	struct stat st;
	(void)state;

	sys_start(&sys, false, NULL);
	for (size_t i = 0; i < COUNT(secret); i++) {
		assert_int_equal(stat(sys_path(&sys, secret[i]), &st), 0);
		if ((st.st_mode & 077) != 0)
			fail_msg("%s has mode %o", secret[i], st.st_mode & 0777);
	}
	assert_int_equal(stat(sys.socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	sys_stop(&sys);
}

int main(void)
{
	struct suite suite = { 0 };

	net_warm_up();
	ROWS(&suite, rows, test_row);
	suite_add(&suite, "stale socket", test_stale_socket, NULL);
	suite_add(&suite, "modes of secrets", test_modes_of_secrets, NULL);
	return suite_run(&suite, "system/start_errors");
}
