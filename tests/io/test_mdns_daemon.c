/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_mdns_daemon.c - Avahi's daemon on host A, with a message bus of its own; on the
 * other hosts Avahi's core in this process. Needs avahi-daemon and dbus-daemon.
 */
#include "mdns_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUS      "/run/bus"
#define BUS_CONF "/run/bus.conf"
#define CONF     "/run/avahi.conf"

static struct ear a, b, c;
static pid_t bus, avahi;

/* ---- daemons ---- */

/* /run is ours alone: the daemon keeps its socket and the number of its process there. */
static int private_run(void)
{
	if (access("/usr/sbin/avahi-daemon", X_OK) != 0 || access("/usr/bin/dbus-daemon", X_OK)) {
		printf("skipped: avahi-daemon and dbus-daemon are not both installed\n");
		return 77;
	}
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) != 0) {
		printf("skipped: no mount namespace can be made here: %s\n", strerror(errno));
		return 77;
	}
	mkdir("/run/avahi-daemon", 0755);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=" BUS, 1);
	return 0;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static pid_t spawn(const char *const *argv)
{
	rig_enter(HOST_A);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a test that crashed */
	int null = open("/dev/null", O_RDWR);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void end(pid_t *pid, int signum)
{
	if (*pid == 0)
		return;
	kill(*pid, signum);
	assert_int_equal(waitpid(*pid, NULL, 0), *pid);
	*pid = 0;
}

static bool bus_answers(void *ctx)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = BUS };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0;

	(void)ctx;
	close(fd);
	return ok;
}

static void start_bus(void)
{
	static const char *const argv[] = { "/usr/bin/dbus-daemon", "--config-file=" BUS_CONF,
					    "--nofork", "--nopidfile", NULL };

	write_file(BUS_CONF,
		   "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration "
		   "1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
		   "<busconfig><type>system</type><listen>unix:path=" BUS "</listen>"
		   "<auth>EXTERNAL</auth><policy context=\"default\"><allow user=\"*\"/>"
		   "<allow own=\"*\"/><allow send_destination=\"*\"/>"
		   "<allow receive_sender=\"*\"/></policy></busconfig>");
	unlink(BUS);
	bus = spawn(argv);
	until(bus_answers, NULL, "the message bus");
}

static bool daemon_answers(void *ctx)
{
	struct fl_mdns_config cfg = rig_config("probe");
	struct fl_fault fault = { "" };
	struct ear probe;

	(void)ctx;
	cfg.backend = FL_MDNS_AVAHI;
	enum fl_err err = rig_try(&probe, HOST_A, cfg, &fault);
	rig_close(&probe);
	return err == FL_OK;
}

static void start_avahi(void)
{
	static const char *const argv[] = { "/usr/sbin/avahi-daemon",
					    "--file=" CONF,
					    "--no-drop-root",
					    "--no-chroot",
					    "--no-rlimits",
					    "--no-proc-title",
					    NULL };

	write_file(CONF, "[server]\nhost-name=machine\nuse-ipv4=yes\nuse-ipv6=yes\n"
			 "[publish]\npublish-workstation=no\npublish-hinfo=no\n");
	avahi = spawn(argv);
	until(daemon_answers, NULL, "Avahi's daemon");
}

static int setup(void **state)
{
	rig_setup(state);
	rig_live(HOST_A);
	start_bus();
	return 0;
}

static int teardown(void **state)
{
	rig_teardown(state);
	end(&avahi, SIGKILL);
	end(&bus, SIGTERM);
	return 0;
}

static struct fl_mdns_config through_daemon(const char *instance)
{
	struct fl_mdns_config cfg = rig_config(instance);

	cfg.backend = FL_MDNS_AVAHI;
	return cfg;
}

/* ---- tests ---- */

static void test_choice(void **state)
{
	struct fl_mdns_config cfg = rig_config("Hub-A");
	struct fl_fault fault = { "" };

	(void)state;
	cfg.backend = FL_MDNS_AUTO;
	rig_open(&a, HOST_A, cfg);
	assert_int_equal(fl_mdns_backend(a.m), FL_MDNS_EMBEDDED);
	rig_close(&a);
	cfg.backend = FL_MDNS_AVAHI;
	assert_err(rig_try(&a, HOST_A, cfg, &fault), FL_ERR_UNSUPPORTED);
	assert_non_null(strstr(fault.text, "does not answer (Daemon not running)"));

	start_avahi();
	cfg.backend = FL_MDNS_AUTO;
	rig_open(&a, HOST_A, cfg);
	assert_int_equal(fl_mdns_backend(a.m), FL_MDNS_AVAHI);
	rig_close(&a);

	end(&avahi, SIGTERM);
	end(&bus, SIGTERM);
	cfg.backend = FL_MDNS_AVAHI;
	assert_err(rig_try(&a, HOST_A, cfg, &fault), FL_ERR_UNSUPPORTED);
}

static void test_life(void **state)
{
	(void)state;
	start_avahi();
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_announce(&b, "id=B");
	rig_open(&a, HOST_A, through_daemon("Hub A"));
	rig_announce(&a, "txtvers=1 id=A register=false");
	until_running(&a, "Hub A");
	until_txt(&b, "Hub A", "txtvers=1 id=A register=false");
	until_txt(&a, "Hub-B", "id=B");

	struct heard *h = ear_find(&b, "Hub A", false), *of_b = ear_find(&a, "Hub-B", false);
	assert_string_equal(h->host, "machine.local");
	assert_string_equal(h->addrs, "10.9.0.1");
	assert_int_equal(h->port, 4712);
	assert_string_equal(of_b->host, "Hub-B.local");
	assert_string_equal(of_b->addrs, "10.9.0.2");
	assert_int_equal(of_b->port, 4712);
	assert_memory_equal(ear_find(&a, "Hub-B", true)->addrs, "fe80::", 6);

	/* Changes in place, both ways. */
	rig_announce(&a, "txtvers=1 id=A register=true");
	until_txt(&b, "Hub A", "txtvers=1 id=A register=true");
	assert_int_equal(h->gone, 0);
	rig_announce(&b, "id=BB");
	until_txt(&a, "Hub-B", "id=BB");
	assert_int_equal(of_b->gone, 0);

	fl_mdns_withdraw(a.m);
	until_gone(&b, "Hub A");
	rig_announce(&a, "id=A");
	until_txt(&b, "Hub A", "id=A");
	rig_close(&a);
	until_gone(&b, "Hub A");
	rig_close(&b);
}

/* With one on the wire, and with one at the same daemon. */
static void test_clash(void **state)
{
	(void)state;
	start_avahi();
	rig_open(&b, HOST_B, rig_config("Hub"));
	rig_announce(&b, "id=B");
	rig_open(&c, HOST_A, through_daemon("Other"));
	rig_announce(&c, "id=C");
	until_seen(&c, "Hub");
	until_running(&c, "Other");
	rig_open(&a, HOST_A, through_daemon("Other"));
	rig_announce(&a, "id=A");
	until_running(&a, "Other #2");
	until_txt(&b, "Other #2", "id=A");
	until_txt(&b, "Other", "id=C");
	rig_close(&a);
	rig_open(&a, HOST_A, through_daemon("Hub"));
	rig_announce(&a, "id=A");
	until_running(&a, "Hub #2");
	until_txt(&b, "Hub #2", "id=A");
	rig_close(&a);
	rig_close(&b);
	rig_close(&c);
}

static void test_filter(void **state)
{
	static const char *const only[] = { "v0" };
	struct fl_mdns_config cfg = through_daemon("Hub-A");

	(void)state;
	start_avahi();
	cfg.interfaces = only;
	cfg.interfaces_count = 1;
	rig_open(&c, HOST_C, rig_config("Hub-C"));
	rig_announce(&c, "id=C");
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_announce(&b, "id=B");
	rig_open(&a, HOST_A, cfg);
	rig_announce(&a, "id=A");
	until_txt(&b, "Hub-A", "id=A");
	until_seen(&a, "Hub-B");
	assert_null(ear_find(&c, "Hub-A", false));
	assert_null(ear_find(&c, "Hub-A", true));
	assert_null(ear_find(&a, "Hub-C", false));
	rig_announce(&a, "id=AA");
	until_txt(&b, "Hub-A", "id=AA");
	rig_close(&a);

	rig_open(&a, HOST_A, through_daemon("Hub-A"));
	rig_announce(&a, "id=A");
	until_txt(&c, "Hub-A", "id=A");
	until_seen(&a, "Hub-C");
	rig_close(&a);
	rig_close(&b);
	rig_close(&c);
}

/* What is wanted outlives the daemon; what was seen does not. */
static void test_restart(void **state)
{
	(void)state;
	start_avahi();
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_announce(&b, "id=B");
	rig_open(&a, HOST_A, through_daemon("Hub-A"));
	rig_announce(&a, "id=A");
	until_seen(&a, "Hub-B");
	until_seen(&b, "Hub-A");

	end(&avahi, SIGTERM);
	until_stopped(&a);
	until_gone(&a, "Hub-B");
	until_gone(&b, "Hub-A");
	rig_announce(&a, "id=A2");

	start_avahi();
	until_running(&a, "Hub-A");
	until_txt(&b, "Hub-A", "id=A2");
	until_txt(&a, "Hub-B", "id=B");

	/* The bus goes too; a daemon without one may turn in circles and hear no SIGTERM. */
	end(&bus, SIGTERM);
	until_stopped(&a);
	end(&avahi, SIGKILL);
	start_bus();
	start_avahi();
	until_running(&a, "Hub-A");
	until_txt(&a, "Hub-B", "id=B");
	rig_close(&a);
	rig_close(&b);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} tests[] = {
	{ "choice", test_choice }, { "life", test_life },       { "clash", test_clash },
	{ "filter", test_filter }, { "restart", test_restart },
};

int main(int argc, char **argv)
{
	struct suite s = { 0 };

	if (getuid() != 0) {
		printf("skipped: Avahi's daemon wants root, also within a user namespace\n");
		return 77;
	}
	int skip = rig_check();
	if (skip == 0)
		skip = private_run();
	if (skip != 0)
		return skip;
	for (size_t i = 0; i < COUNT(tests); i++) {
		if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
			continue;
		suite_add(&s, tests[i].name, tests[i].run, NULL);
		s.tests[s.count - 1].setup_func = setup;
		s.tests[s.count - 1].teardown_func = teardown;
	}
	return suite_run(&s, "io/mdns_daemon");
}
