/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_mdns_net.c - Avahi's core in this process, between hosts that share a wire. */
#include "mdns_rig.h"

static struct ear a, b, c;

#define TXT_1 "txtvers=1 path=/ship/ id=A ski=0123 register=false"
#define TXT_2 "txtvers=1 path=/ship/ id=A ski=0123 register=true"

/* The whole life of an announcement as another host sees it. */
static void test_life(void **state)
{
	struct fl_ip ip;

	(void)state;
	rig_open(&b, HOST_B, rig_config("browser"));
	until_running(&b, "");
	struct fl_mdns_config cfg = rig_config("Hub A");
	cfg.host = "hub-a";
	rig_open(&a, HOST_A, cfg);
	rig_announce(&a, TXT_1);
	until_running(&a, "Hub A");
	until_txt(&b, "Hub A", TXT_1);

	struct heard *v4 = ear_find(&b, "Hub A", false), *v6 = ear_find(&b, "Hub A", true);
	assert_string_equal(v4->host, "hub-a.local");
	assert_string_equal(v4->addrs, "10.9.0.1");
	assert_int_equal(v4->port, 4712);
	assert_memory_equal(v6->addrs, "fe80::", 6);
	assert_err(fl_mdns_lookup(b.m, "HUB-A.local.", &ip), FL_OK);
	assert_true(fl_ip_eq(&ip, &(struct fl_ip){ FL_IP_V4, { 10, 9, 0, 1 } }));
	assert_err(fl_mdns_lookup(b.m, "hub", &ip), FL_ERR_NOT_FOUND);

	/* A change is a change: no second entry, nothing goes in between. */
	rig_announce(&a, TXT_2);
	until_txt(&b, "Hub A", TXT_2);
	assert_int_equal(b.count, 2);
	assert_int_equal(v4->gone + v6->gone, 0);

	fl_mdns_withdraw(a.m);
	until_gone(&b, "Hub A");
	until_running(&a, "");
	assert_err(fl_mdns_lookup(b.m, "hub-a.local", &ip), FL_ERR_NOT_FOUND);
	rig_announce(&a, TXT_1);
	until_txt(&b, "Hub A", TXT_1);

	rig_close(&a);
	until_gone(&b, "Hub A");
	assert_int_equal(v4->gone, 2);
	assert_int_equal(v6->gone, 2);
	rig_close(&b);
}

/* On some wire: on another, what was announced before a clash may stand until its time is over. */
static bool hears(const struct ear *e, const char *instance, const char *txt, bool ipv6)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct heard *h = &e->at[i];
		if (h->here && h->ipv6 == ipv6 && strcmp(h->instance, instance) == 0 &&
		    strcmp(h->txt, txt) == 0)
			return true;
	}
	return false;
}

static bool both_there(void *ctx)
{
	(void)ctx;
	return a.running && b.running && strcmp(a.text, b.text) != 0 &&
	       hears(&b, a.text, "id=A", false) && hears(&b, a.text, "id=A", true) &&
	       hears(&a, b.text, "id=B", false) && hears(&a, b.text, "id=B", true);
}

/* As host B hears it, which is on one wire. */
static bool hosts_differ(void *ctx)
{
	const struct heard *of_a = ear_find(&b, a.text, false), *of_b = ear_find(&b, b.text, false);

	(void)ctx;
	return of_a != NULL && of_b != NULL && strcmp(of_a->host, of_b->host) != 0;
}

static bool is_label_of_hub(const char *text)
{
	unsigned n;
	char end;

	return strcmp(text, "Hub") == 0 || sscanf(text, "Hub #%u%c", &n, &end) == 1;
}

/*
 * Two with one label, for the service and for the host. Who keeps it is Avahi's affair: one that
 * has only just taken it may yet lose it. In the end both are there, under two names each.
 */
static void test_clash(void **state)
{
	(void)state;
	rig_open(&b, HOST_B, rig_config("Hub"));
	rig_announce(&b, "id=B");
	rig_open(&a, HOST_A, rig_config("Hub"));
	rig_announce(&a, "id=A");
	until(both_there, NULL, "two labels");
	assert_true(is_label_of_hub(a.text) && is_label_of_hub(b.text));
	until(hosts_differ, NULL, "two hosts");

	/* The name that was found stays; the record behind it can change. */
	rig_announce(&a, "id=AA");
	until_txt(&b, a.text, "id=AA");
	rig_close(&a);
	until_gone(&b, a.text);
	rig_close(&b);
}

/* One interface is asked for: on the other wire nothing is heard, and nothing from there. */
static void test_filter(void **state)
{
	const char *const only[] = { "v0" };
	struct fl_mdns_config cfg = rig_config("Hub-A");

	(void)state;
	cfg.interfaces = only;
	cfg.interfaces_count = 1;
	rig_open(&c, HOST_C, rig_config("Hub-C"));
	rig_announce(&c, "id=C");
	until_running(&c, "Hub-C");
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_announce(&b, "id=B");
	rig_open(&a, HOST_A, cfg);
	rig_announce(&a, "id=A");
	until_seen(&b, "Hub-A");
	until_seen(&a, "Hub-B");
	assert_null(ear_find(&c, "Hub-A", false));
	assert_null(ear_find(&c, "Hub-A", true));
	assert_null(ear_find(&a, "Hub-C", false));
	assert_null(ear_find(&a, "Hub-C", true));
	rig_close(&a);

	/* The same without the filter: the wire works. */
	rig_open(&a, HOST_A, rig_config("Hub-A"));
	rig_announce(&a, "id=A");
	until_seen(&c, "Hub-A");
	until_seen(&a, "Hub-C");
	assert_string_equal(ear_find(&c, "Hub-A", false)->addrs, "10.9.1.1");
	rig_close(&a);
	rig_close(&b);
	rig_close(&c);
}

static void pair_up(void)
{
	rig_open(&a, HOST_A, rig_config("Hub-A"));
	rig_announce(&a, "id=A");
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_announce(&b, "id=B");
	until_seen(&b, "Hub-A");
	until_seen(&a, "Hub-B");
}

/* The cable is pulled and put back. */
static void test_link(void **state)
{
	(void)state;
	pair_up();
	rig_run(HOST_A, "ip link set v0 down");
	until_gone(&a, "Hub-B"); /* the interface is down */
	until_gone(&b, "Hub-A"); /* the interface has no carrier */
	rig_run(HOST_A, "ip link set v0 up");
	until_seen(&b, "Hub-A");
	until_seen(&a, "Hub-B");
	rig_close(&a);
	until_gone(&b, "Hub-A");
	rig_close(&b);
}

static bool global_first(void *ctx)
{
	const struct heard *h = ear_find(ctx, "Hub-A", true);
	return h->here && strncmp(h->addrs, "fd00:9::1 fe80::", 16) == 0;
}

static void test_addresses(void **state)
{
	(void)state;
	pair_up();
	rig_run(HOST_A, "ip addr add 10.9.0.7/24 dev v0");
	until_addrs(&b, "Hub-A", false, "10.9.0.1 10.9.0.7");
	rig_run(HOST_A, "ip addr add fd00:9::1/64 dev v0 nodad");
	until(global_first, &b, "fd00:9::1");
	rig_run(HOST_A, "ip addr del 10.9.0.7/24 dev v0");
	until_addrs(&b, "Hub-A", false, "10.9.0.1");
	assert_int_equal(ear_find(&b, "Hub-A", false)->gone, 0);
	assert_int_equal(ear_find(&b, "Hub-A", true)->gone, 0);
	rig_close(&a);
	rig_close(&b);
}

static bool is_seen_over_ipv6(void *ctx)
{
	const struct heard *h = ear_find(ctx, "Hub-A", true);
	return h != NULL && h->here;
}

/* A wire without any address but those that each end made up: they come with the interface. */
static void test_link_local_only(void **state)
{
	struct fl_ip ip;

	(void)state;
	rig_run(HOST_A, "ip -4 addr flush dev v0");
	rig_run(HOST_B, "ip -4 addr flush dev v0");
	rig_open(&a, HOST_A, rig_config("Hub-A"));
	rig_announce(&a, "id=A");
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	until(is_seen_over_ipv6, &b, "Hub-A");
	assert_memory_equal(ear_find(&b, "Hub-A", true)->addrs, "fe80::", 6);
	assert_int_not_equal(ear_find(&b, "Hub-A", true)->interface, 0);
	assert_null(ear_find(&b, "Hub-A", false));
	assert_err(fl_mdns_lookup(b.m, "Hub-A.local", &ip), FL_ERR_NOT_FOUND);
	rig_close(&a);
	rig_close(&b);
}

static unsigned closes, here;

static void close_when_gone(void *ctx, const struct fl_mdns_seen *s, bool gone)
{
	(void)s;
	here += !gone;
	if (!gone)
		return;
	rig_close(ctx);
	closes++;
}

static bool sees_itself(void *ctx)
{
	(void)ctx;
	return here >= 4;
}

static void close_when_running(void *ctx, bool running, const char *text)
{
	(void)running;
	(void)text;
	rig_close(ctx);
	closes++;
}

static bool has_closed(void *ctx)
{
	(void)ctx;
	return closes > 0;
}

/* A callback may end it all; nothing is told after that. */
static void test_close_inside(void **state)
{
	struct fl_mdns_config cfg = rig_config("Hub-A");

	(void)state;
	cfg.on_seen = close_when_gone;
	closes = here = 0;
	rig_open(&a, HOST_A, cfg);
	rig_announce(&a, "id=A");
	until(sees_itself, NULL, "itself, on two wires over two protocols");
	rig_run(HOST_A, "ip link set v0 down && ip link set v1 down"); /* all are gone at once */
	until(has_closed, NULL, "close");
	assert_int_equal(closes, 1);
	cfg = rig_config("Hub-A");
	cfg.on_state = close_when_running;
	closes = 0;
	rig_open(&a, HOST_A, cfg);
	until(has_closed, NULL, "close");
	assert_int_equal(closes, 1);
}

static void test_start_stop(void **state)
{
	unsigned fds = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		rig_open(&a, HOST_A, rig_config("Hub-A"));
		rig_announce(&a, "id=A");
		for (unsigned turns = i % 7; turns > 0; turns--)
			fl_loop_poll(rig_loop);
		rig_close(&a);
		fl_loop_poll(rig_loop);
		if (i == 0)
			fds = net_fd_count();
	}
	assert_int_equal(net_fd_count(), fds);
}

static void test_none(void **state)
{
	struct fl_mdns_config cfg = rig_config("Hub-A");
	struct fl_slice txt[FL_MDNS_TXT_STRINGS_MAX + 1];
	static char bytes[256];
	struct fl_ip ip;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	cfg.backend = FL_MDNS_NONE;
	rig_open(&a, HOST_A, cfg);
	assert_int_equal(fl_mdns_backend(a.m), FL_MDNS_NONE);
	rig_announce(&a, "id=A");
	fl_mdns_withdraw(a.m);
	assert_err(fl_mdns_lookup(a.m, "Hub-A.local", &ip), FL_ERR_NOT_FOUND);

	/* One string takes a byte for its length; 1300 in all. */
	for (size_t i = 0; i < COUNT(txt); i++)
		txt[i] = fl_slice_of(bytes, 255);
	assert_err(fl_mdns_announce(a.m, txt, 5), FL_OK);
	txt[5].len = 19;
	assert_err(fl_mdns_announce(a.m, txt, 6), FL_OK);
	txt[5].len = 20;
	assert_err(fl_mdns_announce(a.m, txt, 6), FL_ERR_TOO_BIG);
	txt[0].len = 256;
	assert_err(fl_mdns_announce(a.m, txt, 1), FL_ERR_TOO_BIG);
	for (size_t i = 0; i < COUNT(txt); i++)
		txt[i].len = 0;
	assert_err(fl_mdns_announce(a.m, txt, FL_MDNS_TXT_STRINGS_MAX), FL_OK);
	assert_err(fl_mdns_announce(a.m, txt, FL_MDNS_TXT_STRINGS_MAX + 1), FL_ERR_TOO_BIG);
	fl_loop_poll(rig_loop);
	assert_string_equal(a.text, "");
	rig_close(&a);
}

static const char *const unknown[] = { "v0", "nowhere7" }, *const loopback[] = { "lo" };
static struct refusal {
	const char *name;
	enum host host;
	const char *instance, *type, *hostname, *before;
	const char *const *interfaces;
	size_t count;
	enum fl_err want;
	const char *says;
} refusals[] = {
	{ "interface that is not there", HOST_A, "x", "_ship._tcp", "x", NULL, unknown, 2,
	  FL_ERR_NOT_FOUND, "there is no interface nowhere7 for mDNS; there are: " },
	{ "no interface but loopback", HOST_B, "x", "_ship._tcp", "x", "ip link del v0", NULL, 0,
	  FL_ERR_IO, "--network=host" },
	{ "loopback that was asked for", HOST_B, "x", "_ship._tcp", "x", "ip link del v0", loopback,
	  1, FL_OK, "" },
	{ "empty label", HOST_A, "", "_ship._tcp", "x", NULL, NULL, 0, FL_ERR_INVALID, "63 bytes" },
	{ "label of 63", HOST_A, "123456789012345678901234567890123456789012345678901234567890123",
	  "_ship._tcp", "x", NULL, NULL, 0, FL_OK, "" },
	{ "label of 64", HOST_A, "1234567890123456789012345678901234567890123456789012345678901234",
	  "_ship._tcp", "x", NULL, NULL, 0, FL_ERR_INVALID, "63 bytes" },
	{ "label that is no text", HOST_A, "a\xff", "_ship._tcp", "x", NULL, NULL, 0,
	  FL_ERR_INVALID, "UTF-8" },
	{ "host label of 64", HOST_A, "x", "_ship._tcp",
	  "1234567890123456789012345678901234567890123456789012345678901234", NULL, NULL, 0,
	  FL_ERR_INVALID, "no label of a host" },
	{ "type without underscores", HOST_A, "x", "ship", "x", NULL, NULL, 0, FL_ERR_INVALID,
	  "no type of a service" },
};

static void test_refusal(void **state)
{
	const struct refusal *r = *state;
	struct fl_fault fault = { "" };
	struct fl_mdns_config cfg = rig_config(r->instance);

	rig_setup(NULL);
	cfg.type = r->type;
	cfg.host = r->hostname;
	cfg.interfaces = r->interfaces;
	cfg.interfaces_count = r->count;
	if (r->before != NULL)
		rig_run(r->host, r->before);
	enum fl_err err = rig_try(&a, r->host, cfg, &fault);
	if (err != r->want || strstr(fault.text, r->says) == NULL)
		fail_msg("got %s: %s", fl_err_text(err), fault.text);
	rig_close(&a);
	fl_loop_poll(rig_loop);
	rig_teardown(NULL);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} tests[] = {
	{ "life", test_life },
	{ "clash", test_clash },
	{ "filter", test_filter },
	{ "link", test_link },
	{ "addresses", test_addresses },
	{ "link_local_only", test_link_local_only },
	{ "close_inside", test_close_inside },
	{ "start_stop", test_start_stop },
	{ "none", test_none },
};

/* Most of each test is waiting: named as arguments, they run beside each other. */
int main(int argc, char **argv)
{
	struct suite s = { 0 };
	int skip = rig_check();

	if (skip != 0)
		return skip;
	for (size_t i = 0; i < COUNT(tests); i++) {
		if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
			continue;
		suite_add(&s, tests[i].name, tests[i].run, NULL);
		s.tests[s.count - 1].setup_func = rig_setup;
		s.tests[s.count - 1].teardown_func = rig_teardown;
	}
	if (argc == 1 || strcmp(argv[1], "refusals") == 0)
		ROWS(&s, refusals, test_refusal);
	return suite_run(&s, "io/mdns_net");
}
