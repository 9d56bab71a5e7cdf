/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_mdns_wire.c - what Avahi's core is made to say: the records of each packet of mDNS
 * that reaches a host, as its network card sees them.
 */
#include "mdns_rig.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cur.h"

enum { PTR = 12, TXT = 16, A = 1, AAAA = 28, SRV = 33, FLUSH = 0x8000, RECORDS_MAX = 512 };

struct record {
	char owner[256];
	bool ipv6;
	unsigned hops, type, class, ttl;
	uint8_t data[256]; /* its beginning */
	size_t len;
};

static struct ear a, b;
static int card;
static struct record heard[RECORDS_MAX]; /* answers only */
static size_t count, packets;

/* ---- reading ---- */

static void read_name(struct fl_slice packet, struct fl_cur *c, char out[static 256])
{
	struct fl_buf b_out = fl_buf_over(out, 256);
	struct fl_cur at = *c;
	bool jumped = false;

	for (unsigned steps = 0; steps < 64 && !at.bad; steps++) {
		unsigned len = (unsigned)fl_cur_be(&at, 1);
		if (len >= 0xc0) {
			size_t target = (len & 0x3f) << 8 | (size_t)fl_cur_be(&at, 1);
			if (!jumped)
				*c = at;
			jumped = true;
			assert_true(target < packet.len);
			at = (struct fl_cur){ .in = packet, .at = target };
			continue;
		}
		struct fl_slice label = fl_cur_take(&at, len);
		if (len == 0)
			break;
		fl_buf_put(&b_out, label.ptr, label.len);
		fl_buf_byte(&b_out, '.');
	}
	if (!jumped)
		*c = at;
	out[b_out.len] = '\0';
}

static void read_answers(struct fl_slice packet, bool ipv6, unsigned hops)
{
	struct fl_cur c = { .in = packet };
	char name[256];

	fl_cur_take(&c, 4);
	unsigned questions = (unsigned)fl_cur_be(&c, 2), answers = (unsigned)fl_cur_be(&c, 2);
	fl_cur_take(&c, 4);
	for (unsigned i = 0; i < questions; i++) {
		read_name(packet, &c, name);
		fl_cur_take(&c, 4);
	}
	packets++;
	for (unsigned i = 0; i < answers; i++) {
		struct record *r = &heard[count];
		assert_true(count < RECORDS_MAX);
		*r = (struct record){ .ipv6 = ipv6, .hops = hops };
		read_name(packet, &c, r->owner);
		r->type = (unsigned)fl_cur_be(&c, 2);
		r->class = (unsigned)fl_cur_be(&c, 2);
		r->ttl = (unsigned)fl_cur_be(&c, 4);
		struct fl_slice data = fl_cur_take(&c, (size_t)fl_cur_be(&c, 2));
		assert_false(c.bad);
		r->len = data.len < sizeof r->data ? data.len : sizeof r->data;
		memcpy(r->data, data.ptr, r->len);
		count++;
	}
}

static void read_frame(struct fl_slice f)
{
	bool ipv6 = f.len > 0 && f.ptr[0] >> 4 == 6;
	size_t head = ipv6 ? 40 : (size_t)(f.ptr[0] & 15) * 4;

	if (f.len < head + 8 || f.ptr[ipv6 ? 6 : 9] != IPPROTO_UDP)
		return;
	if (f.ptr[head + 2] << 8 != (5353 & 0xff00) || f.ptr[head + 3] != (5353 & 0xff))
		return;
	read_answers(fl_slice_skip(f, head + 8), ipv6, f.ptr[ipv6 ? 7 : 8]);
}

/* What came to the card since the last look; what the host itself sends is not of interest. */
static void listen_in(void)
{
	uint8_t frame[9000];
	struct sockaddr_ll from;
	socklen_t len = sizeof from;
	ssize_t n;

	while ((n = recvfrom(card, frame, sizeof frame, MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len)) > 0)
		if (from.sll_pkttype != PACKET_OUTGOING)
			read_frame(fl_slice_of(frame, (size_t)n));
}

static void open_card(enum host h)
{
	rig_enter(h);
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex("v0") };
	card = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	assert_true(card >= 0);
	assert_int_equal(bind(card, (struct sockaddr *)&at, sizeof at), 0);
	rig_enter(HOST_A);
	count = packets = 0;
}

static const struct record *find(unsigned type, const char *owner, bool ipv6, bool goodbye)
{
	for (size_t i = 0; i < count; i++) {
		const struct record *r = &heard[i];
		if (r->type == type && r->ipv6 == ipv6 && (r->ttl == 0) == goodbye &&
		    strcmp(r->owner, owner) == 0)
			return r;
	}
	return NULL;
}

/* ---- tests ---- */

static bool is_announced(void *ctx)
{
	(void)ctx;
	listen_in();
	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		if (find(PTR, "_ship._tcp.local.", ipv6, false) == NULL ||
		    find(PTR, "_services._dns-sd._udp.local.", ipv6, false) == NULL ||
		    find(SRV, "Hub-A._ship._tcp.local.", ipv6, false) == NULL ||
		    find(TXT, "Hub-A._ship._tcp.local.", ipv6, false) == NULL)
			return false;
	return a.running && find(A, "Hub-A.local.", false, false) != NULL &&
	       find(AAAA, "Hub-A.local.", true, false) != NULL;
}

static bool is_farewell(void *ctx)
{
	(void)ctx;
	listen_in();
	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		if (find(PTR, "_ship._tcp.local.", ipv6, true) == NULL ||
		    find(SRV, "Hub-A._ship._tcp.local.", ipv6, true) == NULL)
			return false;
	return true;
}

static void check(const struct record *r)
{
	static const uint8_t own[] = { 10, 9, 0, 1 };
	bool host = strcmp(r->owner, "Hub-A.local.") == 0;

	assert_int_equal(r->hops, 255);
	switch (r->type) {
	case PTR: /* shared ones are not flushed, those from an address to a name are */
		if (strstr(r->owner, ".arpa.") == NULL)
			assert_int_equal(r->class, 1);
		break;
	case A: /* none of another interface */
		assert_true(host);
		assert_memory_equal(r->data, own, 4);
		break;
	case AAAA:
		assert_true(host);
		break;
	case SRV:
	case TXT:
		assert_string_equal(r->owner, "Hub-A._ship._tcp.local.");
		break;
	default:
		fail_msg("record of type %u for %s", r->type, r->owner);
	}
}

static void test_records(void **state)
{
	(void)state;
	open_card(HOST_B);
	rig_open(&a, HOST_A, rig_config("Hub-A"));
	rig_announce(&a, "txtvers=1 id=A path=/ship/");
	until(is_announced, NULL, "all records");
	for (size_t i = 0; i < count; i++)
		check(&heard[i]);
	const struct record *txt = find(TXT, "Hub-A._ship._tcp.local.", false, false);
	assert_bytes(fl_slice_of(txt->data, txt->len),
		     fl_slice_str("\x09txtvers=1\x04id=A\x0bpath=/ship/"));
	assert_int_equal(find(SRV, "Hub-A._ship._tcp.local.", false, false)->data[4], 4712 >> 8);

	/* At the end each is taken back on the spot. */
	rig_close(&a);
	until(is_farewell, NULL, "goodbyes");
	close(card);
}

static void test_silence(void **state)
{
	static const char *const only[] = { "v0" };
	struct fl_mdns_config cfg = rig_config("Hub-A");

	(void)state;
	cfg.interfaces = only;
	cfg.interfaces_count = 1;
	open_card(HOST_C);
	rig_open(&b, HOST_B, rig_config("Hub-B"));
	rig_open(&a, HOST_A, cfg);
	rig_announce(&a, "id=A");
	until_seen(&b, "Hub-A");
	rig_announce(&a, "id=AA");
	until_txt(&b, "Hub-A", "id=AA");
	rig_close(&a);
	until_gone(&b, "Hub-A");
	rig_close(&b);
	listen_in();
	assert_int_equal(packets, 0);
	close(card);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} tests[] = {
	{ "records", test_records },
	{ "silence", test_silence },
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
	return suite_run(&s, "io/mdns_wire");
}
