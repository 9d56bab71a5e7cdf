/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_devices.c - a script of what may happen to a hub and four devices.
 *
 * The first byte is its rule and its PIN. Then each step is an operation byte and an argument byte:
 * a device, a number that was given, one of the usual messages or raw bytes of the input, time. The
 * hub agrees with itself after each; what the application is told follows the rules; and at the end
 * it is down in time and silent.
 */
#include "crypto/prim.h"
#include "domain/devices/devices.h"

#include <stdlib.h>
#include <string.h>

enum { DEVICES = 4 };

static const struct fl_slice usual[] = {
#define BYTES(s)                                                                                   \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}
#define FORMAT                                                                                     \
	"{\"version\":[{\"major\":1},{\"minor\":0}]},{\"formats\":[{\"format\":[\"JSON-UTF8\"]}]}" \
	"]}"
	BYTES("\0\0"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":60000}]}"),
	BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"announceMax\"}," FORMAT),
	BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"}," FORMAT),
	BYTES("\1{\"connectionPinState\":[{\"pinState\":\"none\"}]}"),
	BYTES("\1{\"accessMethods\":[{\"id\":\"Them-1\"}]}"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"waiting\":40000}]}"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"aborted\"}]}"),
	BYTES("\1{\"connectionPinState\":[{\"pinState\":\"required\"},{\"inputPermission\":\"ok\"}]"
	      "}"),
	BYTES("\1{\"connectionPinInput\":[{\"pin\":\"12345678\"}]}"),
	BYTES("\1{\"connectionPinInput\":[{\"pin\":\"87654321\"}]}"),
	BYTES("\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},{\"payload\":{\"datagram\":[]"
	      "}}]}"),
	BYTES("\3{\"connectionClose\":[{\"phase\":\"announce\"},{\"reason\":\"removedConnection\"}]"
	      "}"),
	BYTES("\3{\"connectionClose\":[{\"phase\":\"confirm\"}]}"),
#undef FORMAT
#undef BYTES
};

static struct fl_devices *d;
static fl_time now;
static uint64_t told[DEVICES], last;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct fl_ski ski_of(unsigned who)
{
	struct fl_ski ski = { { 0 } };

	ski.b[0] = (uint8_t)(who % DEVICES * 2); /* ours is 3: two are smaller */
	return ski;
}

static void take(void)
{
	struct fl_devices_effect e;

	while (fl_devices_next(d, &e)) {
		uint64_t *t = &told[e.ski.b[0] / 2 % DEVICES];
		switch (e.kind) {
		case FL_DEVICES_TELL_CONNECTED:
			must(*t == 0);
			*t = e.number;
			break;
		case FL_DEVICES_TELL_REPLACED:
			must(*t != 0 && *t == e.old_number);
			*t = e.number;
			break;
		case FL_DEVICES_TELL_DISCONNECTED:
			must(*t != 0 && *t == e.number);
			*t = 0;
			break;
		case FL_DEVICES_TELL_FORGOTTEN:
			must(*t == 0);
			break;
		case FL_DEVICES_TELL_DATA:
			must(*t == e.number);
			break;
		case FL_DEVICES_DO_DIAL:
			must(e.number > last);
			last = e.number;
			break;
		default:
			break;
		}
	}
	must(fl_devices_check(d));
}

static void see(unsigned which)
{
	struct fl_device_entry all[DEVICES];
	size_t count = 0;

	memset(all, 0, sizeof all);
	for (unsigned i = 0; i < DEVICES; i++) {
		if (!(which >> i & 1))
			continue;
		all[count].txt.ski = ski_of(i);
		all[count].txt.auto_accept = which >> 4 & 1;
		all[count++].port = 1;
	}
	must(fl_devices_visible(d, now, all, count) == FL_OK);
}

static void user(unsigned what, const struct fl_ski *ski)
{
	enum fl_err ignored = FL_OK;

	switch (what % 8) {
	case 0:
		ignored = fl_devices_register(d, now, ski, NULL, NULL);
		break;
	case 1:
		ignored = fl_devices_unregister(d, now, ski);
		break;
	case 2:
		ignored = fl_devices_refuse(d, now, ski);
		break;
	case 3:
		ignored = fl_devices_disconnect(d, now, ski, what >> 3 & 1);
		break;
	case 4:
		ignored = fl_devices_connect(d, now, ski, "host", 1, NULL);
		break;
	case 5:
		ignored = fl_devices_auto_accept(d, now, what >> 3);
		break;
	case 6:
		ignored = fl_devices_pin(d, now, ski, "12345678");
		break;
	case 7:
		ignored = fl_devices_send(d, now, ski, fl_slice_str("{\"datagram\":[]}"), true);
		break;
	}
	(void)ignored;
}

static void enter(enum fl_err err, uint64_t number)
{
	if (err != FL_OK)
		return;
	must(number > last);
	last = number;
}

static void advance(fl_time until)
{
	for (fl_time due; (due = fl_devices_deadline(d)) <= until;) {
		now = due > now ? due : now;
		fl_devices_tick(d, now);
		take();
	}
	now = until;
}

/* Gives how many bytes of raw input it took. */
static size_t step(unsigned op, unsigned arg, struct fl_slice rest)
{
	const struct fl_ski ski = ski_of(arg);
	const uint64_t number = last - (arg >> 4) % 8;
	uint64_t out = 0;
	bool parked;
	enum fl_err err;

	switch (op % 8) {
	case 0:
		user(op >> 3, &ski);
		break;
	case 1:
		err = fl_devices_incoming(d, now, &ski, &out, &parked);
		enter(err, out);
		break;
	case 2:
		err = fl_devices_dialled(d, now, number, arg & 1 ? FL_OK : FL_ERR_IO, NULL, &out,
					 &parked);
		enter(err, out);
		break;
	case 3:
	case 4:
		fl_devices_message(d, now, number,
				   usual[(arg & 15) % (sizeof usual / sizeof *usual)]);
		break;
	case 5:
		rest.len = rest.len < arg ? rest.len : arg;
		fl_devices_message(d, now, last, rest);
		return rest.len;
	case 6:
		fl_devices_lost(d, now, number, arg & 1 ? 1006 : 4452, fl_slice_str(""));
		break;
	case 7:
		if (op >> 3 & 1)
			see(arg);
		else
			advance(now + (int64_t)arg * arg * FL_MS);
		break;
	}
	return 0;
}

static void end(void)
{
	struct fl_devices_effect e;

	fl_devices_shutdown(d, now);
	take();
	advance(now + FL_DEVICES_DRAIN);
	must(fl_devices_is_down(d));
	for (int i = 0; i < DEVICES; i++)
		must(told[i] == 0);
	see(15);
	fl_devices_tick(d, now + FL_HOUR);
	must(!fl_devices_next(d, &e));
	d = fl_devices_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned setup = size > 0 ? data[0] : 0;
	const struct fl_devices_config cfg = {
		.own = { { 3 } },
		.ship_id = "Us-1",
		.rule = (enum fl_devices_rule)(setup % 3),
		.connections_max = 1 + setup / 3 % 4,
		.pin_wanted = setup & 128 ? FL_SHIP_PIN_REQUIRED : FL_SHIP_PIN_NONE,
		.pin = "12345678",
		.rng_seed = setup,
	};

	now = 10000 * FL_SEC;
	last = 0;
	memset(told, 0, sizeof told);
	if (fl_crypto_init() != FL_OK || fl_devices_new(&cfg, NULL, &d) != FL_OK ||
	    fl_devices_start(d, now) != FL_OK)
		return 0;
	for (size_t i = 1; i + 1 < size;) {
		const unsigned op = data[i], arg = data[i + 1];
		i += 2;
		i += step(op, arg, fl_slice_of(data + i, size - i));
		take();
	}
	end();
	return 0;
}
