/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/stunblast.c - load for STUN servers: binding requests as Tailscale's clients write them.
 *
 *   stunblast blast
 *
 * A bounded number is outstanding on each of eight sockets. A reply counts when its transaction
 * is outstanding on that socket and it maps the socket's own address; anything else ends the run.
 * Prints one JSON line.
 *
 * Source  docs/protocol/relay.md 17
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc.h"
#include "util.h"

enum {
	SOCKETS = 8,
	DEPTH_MAX = 256,
	BATCH = 32,
	REQUEST = 40,
	REPLY = 32,
	COOKIE = 0x2112a442,
	LOST_AFTER_MS = 200,
	RTT_MAX = 1 << 20,
};

struct asker {
	int fd;
	uint16_t port; /* its own */
	uint32_t address;
	uint64_t number[DEPTH_MAX]; /* of the transaction in each slot, 0 = free */
	int64_t sent_at[DEPTH_MAX];
};

static struct {
	const char *side;
	double port, pid, seconds, warm, depth, self_cpu;
} o = { .side = "", .seconds = 2, .warm = 0.3, .depth = 16, .self_cpu = -1 };

static const struct bench_opt opts[] = {
	{ "side", "name of the server, repeated in the line", &o.side, NULL },
	{ "port", "UDP port on 127.0.0.1", NULL, &o.port },
	{ "pid", "of the server, for processor time", NULL, &o.pid },
	{ "seconds", "of the window", NULL, &o.seconds },
	{ "warm", "seconds before it", NULL, &o.warm },
	{ "depth", "requests outstanding on each of 8 sockets", NULL, &o.depth },
	{ "self-cpu", "processor of this program", NULL, &o.self_cpu },
};

static struct asker askers[SOCKETS];
static uint64_t replies, lost, asked;
static uint32_t depth;
static int64_t *rtt;
static size_t rtt_len;

static void put_be(uint8_t *out, uint64_t v, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		out[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
}

static uint64_t get_be(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < width; i++)
		v = v << 8 | p[i];
	return v;
}

static uint32_t crc32_ieee(const uint8_t *p, size_t len)
{
	static uint32_t table[256];
	uint32_t c = 0xffffffff;
	for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (0xedb88320 & (0u - (table[i] & 1)));
	}
	while (len--)
		c = c >> 8 ^ table[(c ^ *p++) & 255];
	return ~c;
}

static void write_request(uint8_t out[static REQUEST], uint32_t slot, uint64_t number)
{
	put_be(out, 0x00010014, 4);
	put_be(out + 4, COOKIE, 4);
	put_be(out + 8, slot, 4);
	put_be(out + 12, number, 8);
	put_be(out + 20, 0x80220008, 4);
	memcpy(out + 24, "tailnode", 8);
	put_be(out + 32, 0x80280004, 4);
	put_be(out + 36, crc32_ieee(out, 32) ^ 0x5354554e, 4);
}

static void open_asker(struct asker *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)o.port) };
	socklen_t len = sizeof(to);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    getsockname(a->fd, (struct sockaddr *)&to, &len) != 0)
		bench_die("no socket: %s", strerror(errno));
	a->port = ntohs(to.sin_port);
	a->address = ntohl(to.sin_addr.s_addr);
}

/* Slots whose request is older than any reply are written off. */
static void write_off(struct asker *a, int64_t now)
{
	for (uint32_t i = 0; i < depth; i++)
		if (a->number[i] && now - a->sent_at[i] > LOST_AFTER_MS * BENCH_MS) {
			a->number[i] = 0;
			lost++;
		}
}

static void ask(struct asker *a)
{
	uint8_t data[BATCH][REQUEST];
	struct iovec vec[BATCH];
	struct mmsghdr msg[BATCH] = { 0 };
	unsigned n = 0;
	int64_t now = bench_now();
	for (uint32_t i = 0; i < depth && n < BATCH; i++) {
		if (a->number[i])
			continue;
		a->number[i] = ++asked;
		a->sent_at[i] = now;
		write_request(data[n], i, asked);
		vec[n] = (struct iovec){ data[n], REQUEST };
		msg[n].msg_hdr.msg_iov = &vec[n];
		msg[n++].msg_hdr.msg_iovlen = 1;
	}
	if (n > 0 && sendmmsg(a->fd, msg, n, 0) < 0 && errno != EAGAIN)
		bench_die("cannot send: %s", strerror(errno));
}

static void take_reply(struct asker *a, const uint8_t *p, size_t len, int64_t now)
{
	uint32_t slot = (uint32_t)get_be(p + 8, 4);
	if (len != REPLY || get_be(p, 4) != 0x0101000c || get_be(p + 4, 4) != COOKIE ||
	    get_be(p + 20, 4) != 0x00200008 || get_be(p + 24, 2) != 1 || slot >= depth)
		bench_die("a reply is not a binding response");
	if ((get_be(p + 26, 2) ^ (COOKIE >> 16)) != a->port ||
	    (get_be(p + 28, 4) ^ COOKIE) != a->address)
		bench_die("a reply maps another address");
	if (a->number[slot] != get_be(p + 12, 8))
		return; /* written off before */
	a->number[slot] = 0;
	replies++;
	if (rtt_len < RTT_MAX && replies % 16 == 0)
		rtt[rtt_len++] = now - a->sent_at[slot];
}

static void listen_to(struct asker *a)
{
	uint8_t data[BATCH][64];
	struct iovec vec[BATCH];
	struct mmsghdr msg[BATCH] = { 0 };
	for (unsigned i = 0; i < BATCH; i++) {
		vec[i] = (struct iovec){ data[i], sizeof(data[i]) };
		msg[i].msg_hdr.msg_iov = &vec[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	int n = recvmmsg(a->fd, msg, BATCH, 0, NULL);
	int64_t now = bench_now();
	for (int i = 0; i < n; i++)
		take_reply(a, data[i], msg[i].msg_len, now);
}

static void drive(double seconds)
{
	struct pollfd fds[SOCKETS];
	int64_t now, end = bench_now() + (int64_t)(seconds * 1e9), check = 0;
	for (int i = 0; i < SOCKETS; i++)
		fds[i] = (struct pollfd){ .fd = askers[i].fd, .events = POLLIN };
	while ((now = bench_now()) < end) {
		for (int i = 0; i < SOCKETS; i++)
			ask(&askers[i]);
		poll(fds, SOCKETS, 10);
		for (int i = 0; i < SOCKETS; i++)
			if (fds[i].revents & POLLIN)
				listen_to(&askers[i]);
		if (now < check)
			continue;
		check = now + 50 * BENCH_MS;
		for (int i = 0; i < SOCKETS; i++)
			write_off(&askers[i], now);
	}
}

int main(int argc, char **argv)
{
	struct bench_line l;
	struct bench_foreign foreign;
	bench_options(opts, sizeof(opts) / sizeof(opts[0]), argc, argv, 2);
	bench_prepare();
	bench_pin((int)o.self_cpu);
	depth = o.depth < 1 ? 1 : o.depth > DEPTH_MAX ? DEPTH_MAX : (uint32_t)o.depth;
	rtt = calloc(RTT_MAX, sizeof(*rtt));
	if (!rtt)
		bench_die("out of memory");
	for (int i = 0; i < SOCKETS; i++)
		open_asker(&askers[i]);
	drive(o.warm);
	replies = lost = rtt_len = 0;
	bench_foreign_begin(&foreign, (pid_t)o.pid);
	int64_t at = bench_now(), cpu = bench_proc_cpu((pid_t)o.pid), self = bench_self_cpu();
	drive(o.seconds);
	double wall = (double)(bench_now() - at) / 1e9;
	double used = (double)(bench_proc_cpu((pid_t)o.pid) - cpu) / 1e9;
	if (replies == 0)
		bench_die("nothing answers on port %d", (int)o.port);
	bench_line_begin(&l, "stun");
	bench_line_str(&l, "side", o.side);
	bench_line_num(&l, "replies_s", (double)replies / wall);
	bench_line_num(&l, "replies_per_cpu_s", (double)replies / used);
	bench_line_num(&l, "lost", (double)lost / (double)(replies + lost));
	bench_line_num(&l, "rtt_p50_us", (double)bench_quantile(rtt, rtt_len, .5) / 1e3);
	bench_line_num(&l, "rtt_p99_us", (double)bench_quantile(rtt, rtt_len, .99) / 1e3);
	bench_line_num(&l, "server_cpu", used / wall);
	bench_line_num(&l, "generator_cpu", (double)(bench_self_cpu() - self) / 1e9 / wall);
	bench_line_num(&l, "load", bench_load());
	bench_line_num(&l, "foreign", bench_foreign_share(&foreign));
	bench_line_end(&l);
	free(rtt);
	return 0;
}
