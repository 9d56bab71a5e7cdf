/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/crowd.c - see crowd.h. */
#include "crowd.h"

#include <stdlib.h>

#include "util.h"

struct crowd crowd;

static void on_up(struct derp *d)
{
	if (crowd.up++ == 0)
		crowd.cipher = pipe_cipher(&d->pipe);
	crowd.finished++;
	if (crowd.close_when_up)
		derp_close(d);
}

static void on_packet(struct derp *d, const uint8_t *source, struct fl_slice packet)
{
	if (crowd.packet)
		crowd.packet(d, source, packet);
}

static void on_down(struct derp *d, const char *why)
{
	if (crowd.failed++ == 0)
		fprintf(stderr, "bench: client %u: %s\n", d->index, why);
}

static const struct derp_calls calls = { on_up, on_packet, on_down };

void crowd_init(uint32_t count, uint16_t port, bool tls, uint64_t seed)
{
	crowd.at = calloc(count, sizeof(*crowd.at));
	if (!crowd.at)
		bench_die("out of memory");
	crowd.count = count;
	crowd.port = port;
	crowd.tls = tls;
	for (uint32_t i = 0; i < count; i++)
		derp_identify(&crowd.at[i], i, seed);
}

void crowd_open(uint32_t inflight, double deadline)
{
	int64_t end = bench_now() + (int64_t)(deadline * 1e9);
	while (crowd.finished < crowd.count) {
		while (crowd.opened < crowd.count && crowd.opened - crowd.finished < inflight)
			if (!derp_open(&crowd.at[crowd.opened++], crowd.port, crowd.tls, &calls))
				bench_die("cannot connect to the relay");
		loop_turn(10 * BENCH_MS);
		if (crowd.failed > 0 || bench_now() > end)
			bench_die("only %u of %u clients came up", crowd.up, crowd.count);
	}
}

void crowd_done(void)
{
	for (uint32_t i = 0; i < crowd.count; i++)
		derp_close(&crowd.at[i]);
	free(crowd.at);
	crowd.at = NULL;
}
