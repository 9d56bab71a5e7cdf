/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_mdns_flood.c - somebody on the wire makes up thousands of services.
 *
 * Made in namespaces only. One flood is of names that nobody answers for, the other of whole
 * services; both end with one that is real.
 */
#include "mdns_rig.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/mdns_impl.h"

/* Avahi's core compares each record with all of the last half second: more would take minutes. */
enum { NAMES = 1800, PER_PACKET = 12, MEMORY_MAX = 16 << 20 };

static struct ear a, b;
static int out;

static void open_socket(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5353) };
	struct ip_mreqn mreq = { 0 };
	const int on = 1, hops = 255;

	rig_enter(HOST_B);
	out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(out >= 0);
	inet_pton(AF_INET, "10.9.0.2", &at.sin_addr);
	mreq.imr_address = at.sin_addr;
	assert_int_equal(setsockopt(out, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	assert_int_equal(setsockopt(out, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
	assert_int_equal(setsockopt(out, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops), 0);
	assert_int_equal(setsockopt(out, IPPROTO_IP, IP_MULTICAST_IF, &mreq, sizeof mreq), 0);
	assert_int_equal(bind(out, (struct sockaddr *)&at, sizeof at), 0);
	rig_enter(HOST_A);
}

/* A record with its owner as labels before a pointer to the type's name at byte 12. */
static unsigned ttl = 120;

static void record(struct fl_buf *p, const char *owner, unsigned type, unsigned class,
		   const void *data, size_t len)
{
	if (owner != NULL) {
		fl_buf_byte(p, (uint8_t)strlen(owner));
		fl_buf_str(p, owner);
	}
	fl_buf_be(p, 0xc00c, 2);
	fl_buf_be(p, type, 2);
	fl_buf_be(p, class, 2);
	fl_buf_be(p, ttl, 4);
	fl_buf_be(p, len, 2);
	fl_buf_put(p, data, len);
}

static void service(struct fl_buf *p, unsigned number, bool whole)
{
	static const uint8_t srv[] = "\0\0\0\0\x12\x68\x04"
				     "fake\xc0\x17"; /* port 4712, fake.local */
	static const uint8_t txt[] = "\x07id=fake";
	static const uint8_t address[] = { 10, 9, 0, 9 };
	uint8_t name[16];
	char label[13];

	snprintf(label, sizeof label, "fake-%07u", number);
	name[0] = 12;
	memcpy(name + 1, label, 12);
	name[13] = 0xc0;
	name[14] = 12;
	record(p, NULL, 12, 1, name, 15);
	if (!whole)
		return;
	record(p, label, 33, 0x8001, srv, sizeof srv - 1);
	record(p, label, 16, 0x8001, txt, sizeof txt - 1);
	fl_buf_put(p, "\4fake\xc0\x17", 7);
	fl_buf_put(p, "\0\1\x80\1\0\0\0\x78\0\4", 10);
	fl_buf_put(p, address, 4);
}

static void send_packet(unsigned first, bool whole)
{
	uint8_t mem[1500];
	struct fl_buf p = fl_buf_over(mem, sizeof mem);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(5353) };

	inet_pton(AF_INET, "224.0.0.251", &to.sin_addr);
	fl_buf_be(&p, 0x8400, 4); /* an answer, authoritative */
	fl_buf_be(&p, PER_PACKET * (whole ? 4 : 1) + 1, 4);
	fl_buf_be(&p, 0, 4);
	/* The first record spells the type's name, for the others to point at. */
	fl_buf_put(&p, "\5_ship\4_tcp\5local", 18);
	fl_buf_put(&p, "\0\x0c\0\1\0\0\0\x78\0\7\4fake\xc0\x0c", 17);
	for (unsigned i = 0; i < PER_PACKET; i++)
		service(&p, first + i, whole);
	assert_err(fl_buf_err(&p), FL_OK);
	assert_int_equal(sendto(out, p.ptr, p.len, 0, (struct sockaddr *)&to, sizeof to), p.len);
}

static void flood(bool whole)
{
	open_socket();
	for (unsigned i = 0; i < NAMES; i += PER_PACKET) {
		send_packet(i, whole);
		fl_loop_poll(rig_loop);
		assert_true(a.m->asking <= FL_MDNS_ASKING_MAX);
		assert_true(a.m->table.entries.len <= FL_MDNS_SEEN_MAX);
	}
	close(out);
}

static bool has_dropped(void *ctx)
{
	(void)ctx;
	assert_true(a.m->asking <= FL_MDNS_ASKING_MAX);
	return fl_mdns_dropped(a.m) > 0;
}

static void start(void)
{
	rig_open(&a, HOST_A, rig_config("Hub-A"));
	until_running(&a, "");
}

/* The real one comes into a table that is nearly full of names that wait for an answer. */
static void test_names(void **state)
{
	const unsigned fakes = FL_MDNS_SEEN_MAX - 64;

	(void)state;
	start();
	open_socket();
	for (unsigned i = 0; i < fakes / PER_PACKET; i++)
		send_packet(i * PER_PACKET, false);
	close(out);
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_announce(&b, "id=B");
	until_seen(&a, "Hub-B");
	assert_int_equal(a.count, 2);
	assert_int_equal(a.others, 0);
	assert_true(a.m->table.entries.len > fakes / 2);
	assert_true(a.m->asking <= FL_MDNS_ASKING_MAX);

	rig_close(&a);
	rig_close(&b);
}

/* A crowd that keeps the real one out, and leaves. */
static void test_crowd(void **state)
{
	(void)state;
	ttl = 120;
	start();
	flood(false);
	until(has_dropped, NULL, "names beyond the limit");
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_announce(&b, "id=B");
	until_running(&b, "Hub-B");
	assert_int_equal(a.count + a.others, 0);
	ttl = 0; /* goodbye */
	flood(false);
	until_seen(&a, "Hub-B");
	rig_close(&a);
	rig_close(&b);
}

/* Whole services take memory, up to the limit. */
static void test_services(void **state)
{
	size_t before;

	(void)state;
	start();
	before = mallinfo2().uordblks;
	flood(true);
	until(has_dropped, NULL, "services beyond the limit");
	size_t used = mallinfo2().uordblks - before;
	if (used > MEMORY_MAX)
		fail_msg("%zu bytes for %d names", used, NAMES);
	assert_true(a.count + a.others <= FL_MDNS_SEEN_MAX);
	rig_close(&a);
	fl_loop_poll(rig_loop);
	assert_true(mallinfo2().uordblks < before + MEMORY_MAX / 16);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} tests[] = {
	{ "names", test_names },
	{ "crowd", test_crowd },
	{ "services", test_services },
};

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
	return suite_run(&s, "io/mdns_flood");
}
