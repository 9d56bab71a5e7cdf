/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/util.c - see util.h. */
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t bench_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * BENCH_SEC + ts.tv_nsec;
}

void bench_die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

uint64_t bench_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	__uint128_t p = (__uint128_t)a * b;
	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t bench_digest(const void *src, size_t len, uint64_t seed)
{
	const uint8_t *p = src;
	uint64_t h = seed ^ (len * 0xa0761d6478bd642full), a = 0, b = 0;
	for (; len >= 16; p += 16, len -= 16) {
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, 8);
		h = fold(a ^ 0xe7037ed1a0b428dbull ^ h, b ^ 0x8ebc6af09c88c6e3ull);
	}
	uint8_t tail[16] = { 0 };
	memcpy(tail, p, len);
	memcpy(&a, tail, 8);
	memcpy(&b, tail + 8, 8);
	return fold(fold(a ^ 0x589965cc75374cc3ull ^ h, b ^ 0x1d8e4e27c47d124full), h | 1);
}

void bench_prepare(void)
{
	struct rlimit lim;
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static struct sockaddr_in loopback(uint16_t port, unsigned source)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	sa.sin_addr.s_addr = htonl(0x7f000001u + (source & 0x3fffu));
	return sa;
}

static bool far_away;

void bench_far_away(void)
{
	far_away = true;
}

/* Before the connect, since the window is agreed on there. */
static void narrow(int fd)
{
	int window = 32 << 10, segment = 8 << 10;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
}

int bench_connect(uint16_t port, unsigned source)
{
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		bench_die("no socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (far_away)
		narrow(fd);
	struct sockaddr_in from = loopback(0, source), to = loopback(port, 0);
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		bench_die("cannot bind a loopback source: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

int bench_dial(uint16_t port, int seconds)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = loopback(port, 0);
	struct timeval limit = { .tv_sec = seconds };
	if (fd < 0)
		bench_die("no socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int get_once(uint16_t port, const char *path, char *out, size_t size)
{
	int fd = bench_dial(port, 10);
	ssize_t got = -1;
	size_t len = 0;
	char head[512];
	int n = snprintf(head, sizeof(head),
			 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", path,
			 port);
	if (fd < 0)
		return -1;
	if (write(fd, head, (size_t)n) == n)
		while (len < size - 1 && (got = read(fd, out + len, size - 1 - len)) > 0)
			len += (size_t)got;
	close(fd);
	out[len] = '\0';
	char *body = strstr(out, "\r\n\r\n");
	if (got < 0 || !body || strncmp(out, "HTTP/1.1 200", 12) != 0)
		return -1;
	memmove(out, body + 4, strlen(body + 4) + 1);
	return 0;
}

int bench_http_get(uint16_t port, const char *path, int64_t ns, char *out_body, size_t size)
{
	int64_t end = bench_now() + ns;
	while (get_once(port, path, out_body, size) != 0) {
		if (bench_now() > end)
			return -1;
		usleep(500);
	}
	return 0;
}

void bench_hook(const char *what, const char *command)
{
	if (command && *command && system(command) != 0)
		fprintf(stderr, "bench: the %s hook failed: %s\n", what, command);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

int64_t bench_quantile(int64_t *values, size_t n, double q)
{
	if (n == 0)
		return 0;
	qsort(values, n, sizeof(*values), by_value);
	size_t at = (size_t)(q * (double)n);
	return values[at < n ? at : n - 1];
}

static void usage(const struct bench_opt *opts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  --%-12s %s\n", opts[i].name, opts[i].help);
	exit(2);
}

static void set_option(const struct bench_opt *o, const char *value)
{
	if (o->text)
		*o->text = value;
	else
		*o->number = strtod(value, NULL);
}

int bench_options(const struct bench_opt *opts, size_t n, int argc, char **argv, int from)
{
	for (int i = from; i < argc; i += 2) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		const struct bench_opt *o = NULL;
		for (size_t k = 0; k < n; k++)
			if (strncmp(argv[i], "--", 2) == 0 &&
			    strcmp(argv[i] + 2, opts[k].name) == 0)
				o = &opts[k];
		if (!o || i + 1 >= argc)
			usage(opts, n);
		else
			set_option(o, argv[i + 1]);
	}
	return argc;
}

void bench_line_begin(struct bench_line *l, const char *kind)
{
	l->buf = fl_buf_make(1 << 20);
	fl_buf_printf(&l->buf, "{\"kind\":\"%s\"", kind);
}

void bench_line_num(struct bench_line *l, const char *name, double value)
{
	fl_buf_printf(&l->buf, ",\"%s\":%.10g", name, value);
}

void bench_line_str(struct bench_line *l, const char *name, const char *value)
{
	fl_buf_printf(&l->buf, ",\"%s\":\"", name);
	for (; *value; value++)
		if (*value >= ' ' && *value != '"' && *value != '\\')
			fl_buf_byte(&l->buf, (uint8_t)*value);
	fl_buf_str(&l->buf, "\"");
}

void bench_line_end(struct bench_line *l)
{
	fl_buf_str(&l->buf, "}");
	printf("%.*s\n", (int)l->buf.len, (const char *)l->buf.ptr);
	fl_buf_done(&l->buf);
}
