/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/shipecho.c - the least program around the hub's library: trusts the devices of a list
 * and sends every payload back where it came from. Its rival is the like around another library.
 *
 *   shipecho --dir STATE --port 4712 --trusted FILE      until SIGTERM
 */
#include <fairlead/ship.h>
#include <poll.h>
#include <signal.h>

#include "util.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct {
	const char *dir, *trusted;
	double port, connections;
} o = { .dir = ".", .connections = 1000 };

static const struct bench_opt opts[] = {
	{ "dir", "state folder", &o.dir, NULL },
	{ "trusted", "file of SKIs, one a line", &o.trusted, NULL },
	{ "port", "to listen on, on 127.0.0.1", NULL, &o.port },
	{ "connections", "at most", NULL, &o.connections },
};

static volatile sig_atomic_t over;

static void on_signal(int sig)
{
	(void)sig;
	over = 1;
}

static fl_hub *hub_open(void)
{
	char listen[32], text[512];
	fl_hub *hub;
	fl_hub_config cfg = FL_HUB_CONFIG_INIT;
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", (int)o.port);
	cfg.state_dir = o.dir;
	cfg.listen = listen;
	cfg.mdns = FL_HUB_MDNS_OFF;
	cfg.connections_max = (size_t)o.connections;
	if (fl_hub_open(&cfg, text, sizeof(text), &hub) != FL_HUB_OK)
		bench_die("%s", text);
	return hub;
}

static void trust_all(fl_hub *hub)
{
	char line[64];
	fl_hub_ski ski;
	FILE *f = fopen(o.trusted, "r");
	if (!f)
		bench_die("cannot read %s", o.trusted);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		fl_hub_result r = fl_hub_ski_parse(line, &ski);
		if (r == FL_HUB_OK)
			r = fl_hub_register(hub, ski, NULL);
		if (r != FL_HUB_OK)
			bench_die("%s: '%s': %s", o.trusted, line, fl_hub_strerror(r));
	}
	fclose(f);
}

static void answer(fl_hub *hub, const fl_hub_event *e)
{
	if (e->kind != FL_HUB_EV_DATA)
		return;
	fl_hub_result r = fl_hub_send(hub, e->ski, e->data, e->data_len, false);
	if (r != FL_HUB_OK && r != FL_HUB_E_NOT_CONNECTED) /* it may have gone by now */
		bench_die("a payload cannot go back: %s", fl_hub_strerror(r));
}

static int64_t wait_of(const fl_hub *hub)
{
	int64_t at = fl_hub_deadline(hub), now = bench_now();
	if (at == INT64_MAX)
		return 60000;
	return at <= now ? 0 : (at - now) / BENCH_MS + 1;
}

int main(int argc, char **argv)
{
	fl_hub_event e;
	bench_options(opts, COUNT(opts), argc, argv, 1);
	bench_prepare();
	signal(SIGTERM, on_signal);
	fl_hub *hub = hub_open();
	if (o.trusted)
		trust_all(hub);
	struct pollfd fd = { .fd = fl_hub_fd(hub), .events = POLLIN };
	while (!over) {
		poll(&fd, 1, (int)wait_of(hub));
		if (fl_hub_step(hub) == FL_HUB_E_NO_MEMORY)
			bench_die("out of memory");
		while (fl_hub_next(hub, &e))
			answer(hub, &e);
	}
	fl_hub_close(hub);
	return 0;
}
