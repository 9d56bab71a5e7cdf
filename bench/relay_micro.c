/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/relay_micro.c - what the relay machine costs per packet, without sockets and TLS.
 *
 *	relay_micro [peers] [payload] [packets]
 *
 * Each peer in turn hands in a full receive buffer of packets for random others, as after a read
 * of a busy connection; at the end of each batch what waits is taken out, as after a tick. The
 * time includes parsing, look-up, the copy into the queue and taking it out. A last line gives the
 * memory of an idle client.
 */
#include "base/rng.h"
#include "proto/derp/server.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PEERS_MAX = 20000, BATCH = 64 << 10, IDLE = 10000 };

static struct fl_derp_client *client[PEERS_MAX];
static struct fl_node_key key[PEERS_MAX];
static uint64_t sent_bytes, writes;
static uint8_t sink[BATCH * 2];

static void die(const char *what)
{
	fprintf(stderr, "relay_micro: %s\n", what);
	exit(1);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void flush(struct fl_derp_client *c, fl_time now)
{
	for (;;) {
		struct fl_slice out = fl_derp_client_output(c, now);
		if (out.len == 0)
			return;
		memcpy(sink, out.ptr, out.len); /* somebody reads it, as encryption does */
		sent_bytes += out.len;
		writes++;
	}
}

static void run(struct fl_derp_server *s, bool all, fl_time now)
{
	struct fl_derp_effect e;

	while (fl_derp_server_next(s, all, &e)) {
		if (e.kind == FL_DERP_ADMIT)
			fl_derp_client_admit(e.client, now, true);
		else if (e.kind == FL_DERP_FLUSH)
			flush(e.client, now);
		else if (e.kind == FL_DERP_CLOSE)
			die("a client was closed");
	}
}

static void feed(struct fl_derp_server *s, struct fl_derp_client *c, struct fl_slice in,
		 fl_time now)
{
	enum fl_err err = FL_MORE;

	while (err == FL_MORE) {
		size_t used = 0;
		err = fl_derp_client_input(c, now, in, &used);
		in = fl_slice_skip(in, used);
		if (err == FL_MORE)
			run(s, false, now);
	}
	if (err != FL_OK)
		die(fl_err_text(err));
}

static void login(struct fl_derp_server *s, unsigned i)
{
	const struct fl_addrport from = { fl_ip_v4(127, 0, 0, 1), 1 };
	const struct fl_derp_client_info info = { .version = 2 };
	const uint8_t nonce[FL_BOX_NONCE_LEN] = { 1 };
	struct fl_private_key priv = { { 1, 2, 3 } };
	struct fl_buf b = fl_buf_make(4096);

	memcpy(priv.b + 8, &i, sizeof i);
	fl_private_key_public(&priv, key[i].b);
	if (fl_derp_client_new(s, 1, &from, false, NULL, &client[i]) != FL_OK ||
	    fl_derp_client_info_seal(&priv, fl_derp_server_public(s), nonce, &info, &b) != FL_OK)
		die("no memory");
	feed(s, client[i], fl_buf_slice(&b), 1);
	run(s, true, 1);
	fl_buf_done(&b);
}

/* A receive buffer full of frames to random receivers; the last is cut as a real read cuts it. */
static struct fl_slice make_batch(struct fl_rng *rng, unsigned peers, size_t payload,
				  uint64_t *count)
{
	static uint8_t packet[FL_DERP_PACKET_MAX];
	struct fl_buf b = fl_buf_make(2 * BATCH);

	while (b.len < BATCH) {
		fl_derp_put_send(&b, &key[fl_rng_below(rng, peers)], fl_slice_of(packet, payload));
		(*count)++;
	}
	return fl_buf_slice(&b);
}

static void measure(struct fl_derp_server *s, unsigned peers, size_t payload, uint64_t packets)
{
	enum { BATCHES = 64 };
	struct fl_slice batch[BATCHES];
	struct fl_rng rng;
	uint64_t in_round = 0, done = 0;

	fl_rng_init(&rng, 1);
	for (int i = 0; i < BATCHES; i++)
		batch[i] = make_batch(&rng, peers, payload, &in_round);
	double from = seconds();
	while (done < packets) {
		for (unsigned i = 0; i < BATCHES; i++) {
			struct fl_derp_client *c = client[(done + i) % peers];
			struct fl_slice first = fl_slice_of(batch[i].ptr, BATCH - 100);
			feed(s, c, first, 1);
			feed(s, c, fl_slice_skip(batch[i], first.len), 1);
			run(s, true, 1);
		}
		done += in_round;
	}
	double t = seconds() - from;
	const struct fl_derp_stats *st = fl_derp_server_stats(s);
	if (st->packets_sent != done)
		die("packets were lost");
	printf("relay_micro peers=%u payload=%zu packets=%llu ns_per_packet=%.1f "
	       "packets_per_write=%.1f "
	       "memory=%llu\n",
	       peers, payload, (unsigned long long)done, t * 1e9 / (double)done,
	       (double)done / (double)writes, (unsigned long long)(st->memory + st->memory_cache));
	for (int i = 0; i < BATCHES; i++)
		free((void *)(uintptr_t)batch[i].ptr);
}

int main(int argc, char **argv)
{
	unsigned peers = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
	size_t payload = argc > 2 ? (size_t)atoi(argv[2]) : 1400;
	uint64_t packets = argc > 3 ? (uint64_t)atoll(argv[3]) : 5000000;
	struct fl_derp_config cfg = { .key = { { 9, 9, 9 } } };
	struct fl_derp_server *s;

	if (peers < 1 || peers + IDLE > PEERS_MAX || payload > FL_DERP_PACKET_MAX)
		die("usage: relay_micro [peers] [payload] [packets]");
	if (fl_crypto_init() != FL_OK || fl_derp_server_new(&cfg, &s) != FL_OK)
		die("cannot start");
	for (unsigned i = 0; i < peers; i++)
		login(s, i);
	writes = sent_bytes = 0;
	measure(s, peers, payload, packets);

	size_t before = mallinfo2().uordblks;
	for (unsigned i = peers; i < peers + IDLE; i++)
		login(s, i);
	printf("relay_micro idle_client_bytes=%zu\n", (mallinfo2().uordblks - before) / IDLE);
	for (unsigned i = 0; i < peers + IDLE; i++)
		fl_derp_client_free(client[i]);
	fl_derp_server_free(s);
	return 0;
}
