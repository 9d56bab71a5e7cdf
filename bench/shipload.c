/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/shipload.c - load for device hubs: many devices that dial one server which echoes payloads.
 *
 *   shipload identities   the SKIs of all devices into DIR/trusted, a server's identity beside it
 *   shipload storm        handshakes, each from TLS to the first payload that came back
 *   shipload idle         memory of devices that only hold their connection
 *   shipload trips        round trips of single payloads on connections that are otherwise idle
 *   shipload flood        processor time of the server over payloads, several under way
 *
 * Each prints one JSON line. Nothing is printed, and the exit code is 1, when a payload came back
 * changed, twice or out of turn, or the server closed a connection.
 */
#include <signal.h>
#include <stdlib.h>

#include "proc.h"
#include "shipc.h"
#include "util.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { SERVER_INDEX = 0xffffffff };

static struct {
	const char *side, *hook, *out;
	double port, pid, clients, rounds, size, window, messages, warm, seconds, inflight, begun;
	double settle, hold, deadline, self_cpu, seed, tls12, least;
} o = { .side = "",
	.clients = 20,
	.rounds = 1,
	.size = 100,
	.window = 8,
	.messages = 10000,
	.warm = 0.3,
	.seconds = 3,
	.inflight = 8,
	.begun = 64,
	.settle = 3,
	.deadline = 120,
	.self_cpu = -1,
	.seed = 1 };

static const struct bench_opt opts[] = {
	{ "side", "name of the server, repeated in the line", &o.side, NULL },
	{ "port", "of the server on 127.0.0.1", NULL, &o.port },
	{ "pid", "of the server, for processor time and memory", NULL, &o.pid },
	{ "clients", "devices", NULL, &o.clients },
	{ "rounds", "connects of each device in a storm", NULL, &o.rounds },
	{ "least", "devices that are there before memory is read first", NULL, &o.least },
	{ "size", "bytes of a payload", NULL, &o.size },
	{ "window", "payloads of a device under way", NULL, &o.window },
	{ "messages", "payloads in all", NULL, &o.messages },
	{ "warm", "seconds before a window", NULL, &o.warm },
	{ "seconds", "of a window", NULL, &o.seconds },
	{ "inflight", "connects at the same time, in a storm until the upgrade", NULL,
	  &o.inflight },
	{ "begun", "handshakes of a storm at the same time, which wait most of it", NULL,
	  &o.begun },
	{ "settle", "seconds of quiet before memory is read", NULL, &o.settle },
	{ "hold", "seconds of idle window", NULL, &o.hold },
	{ "hook", "command run before memory is read a second time", &o.hook, NULL },
	{ "out", "folder for identities", &o.out, NULL },
	{ "deadline", "seconds until the run fails", NULL, &o.deadline },
	{ "self-cpu", "processor of this program", NULL, &o.self_cpu },
	{ "seed", "all keys follow from it", NULL, &o.seed },
	{ "tls12", "1: TLS 1.2 with the suite that SHIP demands", NULL, &o.tls12 },
};

/* A device and what it waits for. */
struct device {
	struct ship ship; /* first: callbacks carry it */
	uint64_t sent, back;
	int64_t at[64]; /* when the last ones were sent, by number */
	uint32_t done;  /* rounds of a storm */
	bool busy;
};

static struct {
	struct device *at;
	struct ship_id *ids;
	uint32_t count, up, busy;
	uint64_t back;
	int64_t *trips;
	size_t trips_len, trips_max;
	bool storm;
	const char *cipher;
} fleet;

static pid_t server(void)
{
	return (pid_t)o.pid;
}

/* ---- payloads: a number, and filler up to the size ---- */

static size_t payload_write(uint32_t device, uint64_t number, char *out, size_t size)
{
	int n = snprintf(out, size, "{\"datagram\":[{\"d\":%u},{\"n\":%llu},{\"t\":\"", device,
			 (unsigned long long)number);
	size_t len = (size_t)n, want = (size_t)o.size, tail = 4;
	for (; len + tail < want; len++)
		out[len] = (char)('a' + (number + len) % 26);
	memcpy(out + len, "\"}]}", tail);
	return len + tail;
}

static void device_send(struct device *d)
{
	static char text[SHIP_PAYLOAD_MAX];
	size_t n = payload_write(d->ship.index, d->sent, text, sizeof(text));
	d->at[d->sent++ % COUNT(d->at)] = bench_now();
	ship_send(&d->ship, fl_slice_of(text, n));
}

static void on_up(struct ship *s)
{
	struct device *d = (struct device *)s;
	if (fleet.up++ == 0)
		fleet.cipher = SSL_get_cipher_name(s->pipe.ssl);
	if (fleet.storm)
		device_send(d);
}

static void on_payload(struct ship *s, struct fl_slice wire)
{
	static char want[SHIP_PAYLOAD_MAX];
	struct device *d = (struct device *)s;
	size_t n = payload_write(s->index, d->back, want, sizeof(want));
	if (d->back >= d->sent || !fl_slice_eq(wire, fl_slice_of(want, n)))
		bench_die("device %u: payload %llu came back as %.*s", s->index,
			  (unsigned long long)d->back, (int)(wire.len < 200 ? wire.len : 200),
			  (const char *)wire.ptr);
	if (fleet.trips_len < fleet.trips_max)
		fleet.trips[fleet.trips_len++] = bench_now() - d->at[d->back % COUNT(d->at)];
	d->back++;
	fleet.back++;
	if (fleet.storm) {
		d->done++;
		d->busy = false;
		fleet.busy--;
		ship_close(s);
	}
}

static void on_down(struct ship *s, const char *why)
{
	bench_die("device %u: %s", s->index, why);
}

static const struct ship_calls calls = { on_up, on_payload, on_down };

/* ---- the fleet ---- */

static void fleet_make(void)
{
	fleet.count = (uint32_t)o.clients;
	fleet.at = calloc(fleet.count, sizeof(*fleet.at));
	fleet.ids = calloc(fleet.count, sizeof(*fleet.ids));
	if (!fleet.at || !fleet.ids)
		bench_die("out of memory");
	for (uint32_t i = 0; i < fleet.count; i++) {
		ship_id_make(&fleet.ids[i], i, (uint64_t)o.seed);
		fleet.at[i].ship.index = i;
		fleet.at[i].ship.id = &fleet.ids[i];
	}
}

static void device_open(struct device *d)
{
	d->sent = d->back = 0;
	if (!ship_open(&d->ship, (uint16_t)o.port, &calls))
		bench_die("cannot connect to the server");
}

/* Devices from the `from`-th on connect until `to` of them are up. */
static void fleet_open(uint32_t from, uint32_t to)
{
	int64_t end = bench_now() + (int64_t)(o.deadline * 1e9);
	uint32_t opened = from;
	while (fleet.up < to) {
		while (opened < to && opened - fleet.up < (uint32_t)o.inflight)
			device_open(&fleet.at[opened++]);
		loop_turn(10 * BENCH_MS);
		if (bench_now() > end)
			bench_die("only %u of %u devices came up", fleet.up, to);
	}
}

static void turn_for(double seconds)
{
	int64_t end = bench_now() + (int64_t)(seconds * 1e9), left;
	while ((left = end - bench_now()) > 0)
		loop_turn(left < 100 * BENCH_MS ? left : 100 * BENCH_MS);
}

static void line_begin(struct bench_line *l, const char *kind)
{
	bench_line_begin(l, kind);
	bench_line_str(l, "side", o.side);
	bench_line_num(l, "clients", o.clients);
	bench_line_str(l, "cipher", fleet.cipher ? fleet.cipher : "");
	bench_line_num(l, "load", bench_load());
}

/* ---- the modes ---- */

static int run_identities(void)
{
	char path[512];
	struct ship_id id;
	if (!o.out)
		bench_die("identities need --out");
	snprintf(path, sizeof(path), "%s/trusted", o.out);
	FILE *f = fopen(path, "w");
	if (!f)
		bench_die("cannot write %s", path);
	fleet_make();
	for (uint32_t i = 0; i < fleet.count; i++)
		fprintf(f, "%s\n", fleet.ids[i].ski);
	if (fclose(f) != 0)
		bench_die("cannot write %s", path);
	ship_id_make(&id, SERVER_INDEX, (uint64_t)o.seed);
	ship_id_write(&id, o.out);
	ship_id_done(&id);
	return 0;
}

/* Those that a server may take for strangers still. */
static uint32_t not_upgraded(void)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < fleet.count; i++)
		n += fleet.at[i].busy && fleet.at[i].ship.state == SHIP_UPGRADE;
	return n;
}

/* A server may hold its first word for a moment, so many handshakes keep it busy and few do not. */
static uint64_t storm_turn(uint64_t begun, uint64_t all)
{
	static uint32_t next;
	uint32_t fresh = not_upgraded();
	while (begun < all && fresh < (uint32_t)o.inflight && fleet.busy < (uint32_t)o.begun) {
		struct device *d = &fleet.at[next++ % fleet.count];
		if (d->busy)
			break;
		d->busy = true;
		fleet.busy++;
		fresh++;
		begun++;
		device_open(d);
	}
	loop_turn(10 * BENCH_MS);
	return begun;
}

static int run_storm(void)
{
	struct bench_line l;
	struct bench_foreign foreign;
	uint64_t all = (uint64_t)fleet.count * (uint64_t)o.rounds, begun = 0;
	fleet.storm = true;
	bench_foreign_begin(&foreign, server());
	int64_t at = bench_now(), cpu = bench_proc_cpu(server()), self = bench_self_cpu();
	while (fleet.back < all) {
		begun = storm_turn(begun, all);
		if ((double)(bench_now() - at) / 1e9 > o.deadline)
			bench_die("only %llu of %llu handshakes", (unsigned long long)fleet.back,
				  (unsigned long long)all);
	}
	double wall = (double)(bench_now() - at) / 1e9;
	turn_for(o.warm); /* what closing costs is part of a connection */
	double used = (double)(bench_proc_cpu(server()) - cpu) / 1e9;
	line_begin(&l, "storm");
	bench_line_num(&l, "handshakes", (double)all);
	bench_line_num(&l, "handshakes_per_s", (double)all / wall);
	bench_line_num(&l, "handshakes_per_cpu_s", (double)all / used);
	bench_line_num(&l, "server_cpu", used / wall);
	bench_line_num(&l, "generator_cpu", (double)(bench_self_cpu() - self) / 1e9 / wall);
	bench_line_num(&l, "foreign", bench_foreign_share(&foreign));
	bench_line_end(&l);
	return 0;
}

/* A few devices come first, so that what a server needs once is not divided among them. */
static int run_idle(void)
{
	struct bench_line l;
	uint32_t least = (uint32_t)o.least;
	fleet_open(0, least);
	turn_for(o.settle);
	bench_hook("memory", o.hook);
	struct bench_mem before = bench_proc_mem(server()), after, hooked;
	fleet_open(least, fleet.count);
	turn_for(o.settle);
	after = bench_proc_mem(server());
	int64_t cpu = bench_proc_cpu(server()), at = bench_now();
	turn_for(o.hold);
	double share = (double)(bench_proc_cpu(server()) - cpu) / (double)(bench_now() - at);
	bench_hook("memory", o.hook);
	turn_for(o.hook ? 0.5 : 0);
	hooked = bench_proc_mem(server());
	double added = fleet.count - least;
	line_begin(&l, "idle");
	bench_line_num(&l, "pss", after.pss);
	bench_line_num(&l, "priv", after.priv);
	bench_line_num(&l, "rss", after.rss);
	bench_line_num(&l, "pss_before", before.pss);
	bench_line_num(&l, "bytes_per_device", (after.pss - before.pss) / added);
	bench_line_num(&l, "rss_per_device", (after.rss - before.rss) / added);
	bench_line_num(&l, "bytes_per_device_gc", (hooked.pss - before.pss) / added);
	bench_line_num(&l, "hold_s", o.hold);
	bench_line_num(&l, "idle_cpu_share", o.hold > 0 ? share : 0);
	bench_line_end(&l);
	return 0;
}

/* One payload every two milliseconds on average, on a device that waits for none. */
static void trips_for(double seconds)
{
	uint64_t random = (uint64_t)o.seed;
	int64_t end = bench_now() + (int64_t)(seconds * 1e9), next = bench_now(), now;
	while ((now = bench_now()) < end) {
		struct device *d = &fleet.at[bench_random(&random) % fleet.count];
		if (now >= next && d->back == d->sent) {
			next = now + BENCH_MS + (int64_t)(bench_random(&random) % (2 * BENCH_MS));
			device_send(d);
			pipe_flush(&d->ship.pipe);
		}
		loop_turn(next - bench_now() > 0 ? next - bench_now() : 0);
	}
}

static int run_trips(void)
{
	struct bench_line l;
	struct bench_foreign foreign;
	fleet_open(0, fleet.count);
	trips_for(o.warm);
	fleet.trips_max = (size_t)(o.seconds * 1500) + 1;
	fleet.trips = calloc(fleet.trips_max, sizeof(*fleet.trips));
	if (!fleet.trips)
		bench_die("out of memory");
	bench_foreign_begin(&foreign, server());
	trips_for(o.seconds);
	double share = bench_foreign_share(&foreign);
	turn_for(0.2);
	line_begin(&l, "trips");
	bench_line_num(&l, "size", o.size);
	bench_line_num(&l, "trips", (double)fleet.trips_len);
	bench_line_num(&l, "rtt_p50_us",
		       (double)bench_quantile(fleet.trips, fleet.trips_len, .5) / 1e3);
	bench_line_num(&l, "rtt_p99_us",
		       (double)bench_quantile(fleet.trips, fleet.trips_len, .99) / 1e3);
	bench_line_num(&l, "foreign", share);
	bench_line_end(&l);
	return fleet.trips_len > 0 ? 0 : 1;
}

/* Keeps `window` payloads of each device under way until `all` have come back. */
static void flood_for(uint64_t all)
{
	int64_t end = bench_now() + (int64_t)(o.deadline * 1e9);
	uint64_t from = fleet.back, sent = 0;
	while (fleet.back - from < all) {
		for (uint32_t i = 0; i < fleet.count && sent < all; i++) {
			struct device *d = &fleet.at[i];
			bool some = false;
			for (; d->sent - d->back < (uint64_t)o.window && sent < all;
			     sent++, some = true)
				device_send(d);
			if (some)
				pipe_flush(&d->ship.pipe);
		}
		loop_turn(10 * BENCH_MS);
		if (bench_now() > end)
			bench_die("only %llu of %llu payloads came back",
				  (unsigned long long)(fleet.back - from), (unsigned long long)all);
	}
}

static int run_flood(void)
{
	struct bench_line l;
	struct bench_foreign foreign;
	fleet_open(0, fleet.count);
	flood_for((uint64_t)o.messages / 10);
	bench_foreign_begin(&foreign, server());
	int64_t at = bench_now(), cpu = bench_proc_cpu(server()), self = bench_self_cpu();
	flood_for((uint64_t)o.messages);
	double wall = (double)(bench_now() - at) / 1e9;
	double used = (double)(bench_proc_cpu(server()) - cpu) / 1e9;
	line_begin(&l, "flood");
	bench_line_num(&l, "size", o.size);
	bench_line_num(&l, "messages", o.messages);
	bench_line_num(&l, "cpu_s_per_10k", used * 1e4 / o.messages);
	bench_line_num(&l, "messages_per_s", o.messages / wall);
	bench_line_num(&l, "server_cpu", used / wall);
	bench_line_num(&l, "generator_cpu", (double)(bench_self_cpu() - self) / 1e9 / wall);
	bench_line_num(&l, "foreign", bench_foreign_share(&foreign));
	bench_line_end(&l);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	bench_options(opts, COUNT(opts), argc, argv, 2);
	if (o.clients < 1 || o.window < 1 || o.window > COUNT(fleet.at->at) || o.size > 60000)
		bench_die("clients from 1, window from 1 to 64, size to 60000");
	if (strcmp(mode, "identities") == 0)
		return run_identities();
	bench_prepare();
	signal(SIGPIPE, SIG_IGN);
	bench_pin((int)o.self_cpu);
	pipe_setup(o.clients >= 500, o.tls12 > 0);
	loop_init();
	fleet_make();
	if (strcmp(mode, "storm") == 0)
		return run_storm();
	if (strcmp(mode, "idle") == 0)
		return run_idle();
	if (strcmp(mode, "trips") == 0)
		return run_trips();
	if (strcmp(mode, "flood") == 0)
		return run_flood();
	fprintf(stderr, "usage: shipload identities|storm|idle|trips|flood [--option value]...\n");
	return 2;
}
