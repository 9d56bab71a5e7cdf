/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/fanleast.c - the least that it costs to tell N clients of one durable change.
 *
 * A child writes a page to a file and waits until it is on the disk, then seals one frame for each
 * client and sends it: no protocol, no state, no decisions. This process takes the frames in, awake
 * as bench_swarm is. What the child takes is left to any server that is durable before it tells,
 * has a key a client, and uses the sockets of this kernel.
 *
 * With --libraries 1 SQLite keeps the change and nghttp2 frames it, as in a server that leaves this
 * to libraries; still it reads and decides nothing.
 *
 *   fanleast run --nodes N --changes N --file PATH [--pause MS] [--cpu N] [--self-cpu N]
 *                [--libraries 1]
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fanparts.h"
#include "proc.h"

/* As large as what our server sends for one moved endpoint: sealed, behind a header. */
enum { HEADER = 3, PLAIN = 95, FRAME = HEADER + PLAIN + crypto_aead_chacha20poly1305_ietf_ABYTES };
/* What SQLite adds to its log for it: a page behind a header. */
enum { RECORD = 4096 + 24 };
enum { NODES_MAX = 20000 };

static struct {
	const char *side, *file;
	double nodes, changes, pause, cpu, self_cpu, libraries;
} o = { .pause = 1500, .cpu = -1, .self_cpu = -1 };

static const struct bench_opt opts[] = {
	{ "side", "name in the round's line", &o.side, NULL },
	{ "nodes", "clients", NULL, &o.nodes },
	{ "changes", "how many", NULL, &o.changes },
	{ "pause", "most ms between changes", NULL, &o.pause },
	{ "file", "that a change is written to", &o.file, NULL },
	{ "libraries", "1: SQLite and nghttp2 do their parts", NULL, &o.libraries },
	{ "cpu", "processor of who sends", NULL, &o.cpu },
	{ "self-cpu", "processor of who receives", NULL, &o.self_cpu },
};

struct client {
	int fd;
	uint64_t nonce;
	struct fan_stream *stream; /* with libraries */
	unsigned char key[crypto_aead_chacha20poly1305_ietf_KEYBYTES];
};

static void tell(struct client *c, const unsigned char *plain)
{
	unsigned char frame[FRAME], nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = { 0 };
	memset(frame, 4, HEADER);
	memcpy(nonce + 4, &c->nonce, sizeof(c->nonce));
	if (c->stream)
		plain = fan_stream_frame(c->stream, plain, PLAIN - FAN_FRAME_HEADER);
	c->nonce++;
	crypto_aead_chacha20poly1305_ietf_encrypt(frame + HEADER, NULL, plain, PLAIN, NULL, 0, NULL,
						  nonce, c->key);
	if (send(c->fd, frame, FRAME, MSG_NOSIGNAL) != FRAME)
		bench_die("send: %m");
}

static void keep(int log, uint32_t node, const unsigned char *plain)
{
	unsigned char record[RECORD];
	if (o.libraries > 0) {
		fan_store_change(node, plain, PLAIN);
		return;
	}
	memset(record, plain[0], sizeof(record));
	if (write(log, record, RECORD) != RECORD || fdatasync(log) != 0)
		bench_die("%s: %m", o.file);
}

static void change(int log, struct client *clients, uint32_t n, uint64_t *rng)
{
	unsigned char plain[PLAIN];
	memset(plain, (int)bench_random(rng), sizeof(plain));
	keep(log, (uint32_t)(bench_random(rng) % n), plain);
	for (uint32_t i = 0; i < n; i++)
		tell(&clients[i], plain);
}

static void rest(double ms)
{
	struct timespec t = { (time_t)(ms / 1e3), (long)(ms * 1e6) % BENCH_SEC };
	nanosleep(&t, NULL);
}

/* All that this process takes from the first change on, as bench_swarm has it for a server. */
static void measure(int log, struct client *clients, uint32_t n)
{
	uint64_t rng = 1;
	struct bench_line l;
	change(log, clients, n, &rng);
	int64_t cpu = bench_self_cpu();
	for (int i = 0; i < (int)o.changes; i++) {
		rest(o.pause * (0.5 + 0.5 * (double)(bench_random(&rng) % 1000) / 1e3));
		change(log, clients, n, &rng);
	}
	double used = (double)(bench_self_cpu() - cpu) / 1e3;
	bench_line_begin(&l, "fanleast");
	bench_line_str(&l, "side", o.side ? o.side : "least");
	bench_line_num(&l, "nodes", n);
	bench_line_num(&l, "changes", o.changes);
	bench_line_num(&l, "change_cpu_us", used / o.changes / n);
	bench_line_end(&l);
}

static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) != 0 ||
	    listen(fd, NODES_MAX) != 0 || getsockname(fd, (struct sockaddr *)at, &len) != 0)
		bench_die("listen: %m");
	return fd;
}

/* The file that keeps the changes: the descriptor, or with libraries -1. */
static int open_log(uint32_t n)
{
	if (o.libraries > 0) {
		fan_store_open(o.file, n);
		return -1;
	}
	int log = open(o.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (log < 0)
		bench_die("%s: %m", o.file);
	return log;
}

static void serve(int from, uint32_t n)
{
	int one = 1, log = open_log(n);
	struct client *clients = calloc(n, sizeof(*clients));
	if (!clients)
		bench_die("out of memory");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_pin((int)o.cpu);
	for (uint32_t i = 0; i < n; i++) {
		clients[i].fd = accept(from, NULL, NULL);
		if (clients[i].fd < 0 ||
		    setsockopt(clients[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
			bench_die("accept: %m");
		randombytes_buf(clients[i].key, sizeof(clients[i].key));
		clients[i].stream = o.libraries > 0 ? fan_stream_open() : NULL;
	}
	measure(log, clients, n);
}

/* Takes in what comes until the child ends; with a processor of its own it does not sleep. */
static int receive(const struct sockaddr_in *at, uint32_t n, pid_t child)
{
	static unsigned char in[65536];
	struct epoll_event ev[256];
	int status, epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < n; i++) {
		int fd = bench_connect(ntohs(at->sin_port), i);
		ev[0] = (struct epoll_event){ .events = EPOLLIN, .data = { .fd = fd } };
		if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev[0]) != 0)
			bench_die("connect: %m");
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		int k = epoll_wait(epoll, ev, 256, o.self_cpu >= 0 ? 0 : 100);
		for (int i = 0; i < k; i++)
			if (recv(ev[i].data.fd, in, sizeof(in), 0) <= 0)
				epoll_ctl(epoll, EPOLL_CTL_DEL, ev[i].data.fd, NULL);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	bench_options(opts, sizeof(opts) / sizeof(opts[0]), argc, argv, 2);
	if (o.nodes < 1 || o.nodes > NODES_MAX || o.changes < 1 || !o.file || sodium_init() < 0)
		bench_die("give --nodes (1 to %d), --changes and --file", NODES_MAX);
	bench_prepare();
	struct sockaddr_in at;
	int fd = listener(&at);
	pid_t child = fork();
	if (child < 0)
		bench_die("fork: %m");
	if (child == 0) {
		serve(fd, (uint32_t)o.nodes);
		return 0;
	}
	bench_pin((int)o.self_cpu);
	return receive(&at, (uint32_t)o.nodes, child);
}
