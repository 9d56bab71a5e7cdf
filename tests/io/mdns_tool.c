/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/mdns_tool.c - announces and browses from the command line, a line for each event.
 *
 * mdns_tool [-b auto|avahi|embedded|none] [-i INTERFACE]... [-h HOST] [-t TYPE] LABEL [TXT...]
 *
 * TXT strings given, the service is announced. Commands come on standard input, a line each:
 *   txt STRING...   announces, or changes the TXT record; strings have no blanks
 *   withdraw
 *   lookup HOST
 *   dropped
 * Its end, or SIGTERM, ends the program with goodbyes.
 */
#include "base/buf.h"
#include "io/loop.h"
#include "io/mdns.h"

#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static struct fl_loop *loop;
static struct fl_mdns *mdns;
static uv_poll_t input;
static char line[4096];
static size_t line_len;

static void on_seen(void *ctx, const struct fl_mdns_seen *s, bool gone)
{
	char device[IF_NAMESIZE] = "?", addr[FL_IP_TEXT_MAX];

	(void)ctx;
	if_indextoname(s->interface, device);
	printf("%s %s %s \"%s\"", gone ? "gone" : "seen", device, s->ipv6 ? "IPv6" : "IPv4",
	       s->instance);
	if (!gone) {
		printf(" %s %u", s->host, s->port);
		for (size_t i = 0; i < s->addrs_count; i++) {
			fl_ip_format(&s->addrs[i], addr);
			printf("%c%s", i == 0 ? ' ' : ',', addr);
		}
		for (size_t i = 0; i < s->txt_count; i++)
			printf(" %.*s", (int)s->txt[i].len, (const char *)s->txt[i].ptr);
	}
	printf("\n");
}

static void on_state(void *ctx, bool running, const char *text)
{
	(void)ctx;
	printf("%s \"%s\"\n", running ? "running" : "stopped", text);
}

static void announce(char *words)
{
	struct fl_slice txt[FL_MDNS_TXT_STRINGS_MAX];
	size_t count = 0;
	char *rest = words;

	for (char *w; (w = strtok_r(rest, " ", &rest)) != NULL && count < FL_MDNS_TXT_STRINGS_MAX;)
		txt[count++] = fl_slice_str(w);
	enum fl_err err = fl_mdns_announce(mdns, txt, count);
	if (err != FL_OK)
		printf("error %s\n", fl_err_text(err));
}

static void lookup(const char *host)
{
	struct fl_ip ip;
	char text[FL_IP_TEXT_MAX] = "none";

	if (fl_mdns_lookup(mdns, host, &ip) == FL_OK)
		fl_ip_format(&ip, text);
	printf("address %s %s\n", host, text);
}

static void obey(char *command)
{
	if (strncmp(command, "txt ", 4) == 0)
		announce(command + 4);
	else if (strcmp(command, "withdraw") == 0)
		fl_mdns_withdraw(mdns);
	else if (strncmp(command, "lookup ", 7) == 0)
		lookup(command + 7);
	else if (strcmp(command, "dropped") == 0)
		printf("dropped %llu\n", (unsigned long long)fl_mdns_dropped(mdns));
	else
		printf("error unknown command %s\n", command);
}

static void on_input(uv_poll_t *h, int status, int events)
{
	ssize_t n = read(STDIN_FILENO, line + line_len, sizeof line - line_len - 1);

	(void)h;
	(void)status;
	(void)events;
	if (n <= 0) {
		fl_loop_stop(loop);
		return;
	}
	line_len += (size_t)n;
	for (char *end; (end = memchr(line, '\n', line_len)) != NULL;) {
		size_t used = (size_t)(end - line) + 1;
		*end = '\0';
		obey(line);
		line_len -= used;
		memmove(line, end + 1, line_len);
	}
}

static void on_signal(void *ctx, int signum)
{
	(void)ctx;
	(void)signum;
	fl_loop_stop(loop);
}

static int usage(void)
{
	fprintf(stderr, "usage: mdns_tool [-b auto|avahi|embedded|none] [-i INTERFACE]... "
			"[-h HOST] [-t TYPE] LABEL [TXT...]\n");
	return 2;
}

static enum fl_mdns_backend backend_of(const char *name)
{
	static const char *const names[] = { "auto", "avahi", "embedded", "none" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum fl_mdns_backend)i;
	exit(usage());
}

static void run(void)
{
	struct fl_signal *term;

	if (fl_signal_new(loop, SIGTERM, on_signal, NULL, &term) != FL_OK)
		exit(1);
	uv_poll_init(fl_loop_uv(loop), &input, STDIN_FILENO);
	uv_poll_start(&input, UV_READABLE, on_input);
	fl_loop_run(loop);
	uv_close((uv_handle_t *)&input, NULL);
	fl_signal_free(term);
}

int main(int argc, char **argv)
{
	const char *interfaces[16];
	struct fl_mdns_config cfg = { .type = "_ship._tcp",
				      .port = 4712,
				      .interfaces = interfaces,
				      .on_seen = on_seen,
				      .on_state = on_state };
	struct fl_fault fault = { "" };

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int c; (c = getopt(argc, argv, "b:i:h:t:")) != -1;) {
		if (c == 'b')
			cfg.backend = backend_of(optarg);
		else if (c == 'i' && cfg.interfaces_count < 16)
			interfaces[cfg.interfaces_count++] = optarg;
		else if (c == 'h')
			cfg.host = optarg;
		else if (c == 't')
			cfg.type = optarg;
		else
			return usage();
	}
	if (optind == argc)
		return usage();
	cfg.instance = argv[optind];

	if (fl_loop_new(&loop) != FL_OK)
		return 1;
	enum fl_err err = fl_mdns_new(loop, &cfg, &fault, &mdns);
	if (err != FL_OK) {
		printf("error %s: %s\n", fl_err_text(err), fault.text);
		fl_loop_free(loop);
		return 1;
	}
	printf("backend %s\n", fl_mdns_backend(mdns) == FL_MDNS_AVAHI      ? "avahi"
			       : fl_mdns_backend(mdns) == FL_MDNS_EMBEDDED ? "embedded"
									   : "none");
	struct fl_slice txt[FL_MDNS_TXT_STRINGS_MAX];
	size_t count = 0;
	for (int i = optind + 1; i < argc && count < FL_MDNS_TXT_STRINGS_MAX; i++)
		txt[count++] = fl_slice_str(argv[i]);
	if (count > 0 && fl_mdns_announce(mdns, txt, count) != FL_OK)
		return 1;
	run();
	mdns = fl_mdns_close(mdns);
	fl_loop_free(loop);
	return 0;
}
