/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_config_hub.c - the settings of the device hub. */
#include "config_kit.h"

#define ZEROS "0000000000000000000000000000000000" /* the rest of a SKI */

static struct good goods[] = {
	{ "the hub: categories", "ship: {categories: [ems, 4, e-mobility]}\n",
	  "  categories: [\"ems\", \"4\", \"e-mobility\"]\n" },
	{ "the hub: no device", "ship: {trusted: []}\n", "  trusted: []\n" },
	{ "the hub: devices", "ship: {trusted: [{ski: \"D7C3-E1 " ZEROS "\", name: box}]}\n",
	  "  trusted: [{\"ski\":\"d7c3e1" ZEROS "\",\"name\":\"box\",\"id\":\"\"}]\n" },
	{ "the hub: a device with its id", "ship: {trusted: [{id: X-1, ski: d7c3e1" ZEROS "}]}\n",
	  "\"name\":\"\",\"id\":\"X-1\"}]\n" },
	{ "the hub: a message log",
	  "ship: {message_log: {path: /tmp/m.pcapng, max_size: 2097152, redact: false}}\n",
	  "  message_log:\n    path: \"/tmp/m.pcapng\"\n    max_size: 2097152\n    redact: "
	  "false\n" },
	{ "the hub: the message log by itself", "ship: {}\n",
	  "  message_log:\n    path: \"\"\n    max_size: 16777216\n    redact: true\n" },
	{ "the hub: what a device may be",
	  "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: [e-mobility, 31, 1]}]}\n",
	  "\"id\":\"\",\"allow\":[1,3,31]}]\n" },
	{ "the hub: most of all", "ship: {connections_max: 1000, message_max: 4096}\n",
	  "  connections_max: 1000\n  message_max: 4096\n" },
};

static struct bad bads[] = {
	{ "ship: unknown", "ship:\n  brnad: x\n", ":2:3: ship.brnad: unknown", "ship.brand?" },
	{ "ship: listen", "ship: {listen: 4712}\n", "ship.listen", "like :4712" },
	{ "ship: mdns", "ship: {mdns: bonjour}\n", "ship.mdns", "auto, avahi, embedded, none" },
	{ "ship: rule", "ship: {double_connections: last}\n", "ship.double_connections", "recent" },
	{ "ship: a category", "ship: {categories: [fridge]}\n", "ship.categories", "metering (7)" },
	{ "ship: categories", "ship: {categories: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n",
	  "ship.categories", "at most 8" },
	{ "ship: id", "ship: {id: \"a;b\"}\n", "ship.id", "semicolon" },
	{ "ship: brand of 33 bytes", "ship: {brand: " ZEROS "}\n", "ship.brand", "at most 32" },
	{ "ship: model in two lines", "ship: {model: \"a\\nb\"}\n", "ship.model", "printable" },
	{ "ship: no connections", "ship: {connections_max: 0}\n", "ship.connections_max",
	  "between 1 and 1000" },
	{ "ship: too many connections", "ship: {connections_max: 1001}\n", "connections_max",
	  "between 1 and 1000" },
	{ "ship: small messages", "ship: {message_max: 4095}\n", "ship.message_max",
	  "between 4096" },
	{ "ship: metrics", "ship: {metrics_listen_addr: x}\n", "ship.metrics_listen_addr",
	  "address" },
	{ "ship: devices as map", "ship: {trusted: {}}\n", "ship.trusted", "list of devices" },
	{ "ship: a device as word", "ship: {trusted: [x]}\n", "ship.trusted", "ski, name, id" },
	{ "ship: a device without SKI", "ship:\n  trusted:\n    - name: x\n", "ship.trusted",
	  "line 3: expected a ski" },
	{ "ship: 39 digits", "ship: {trusted: [{ski: d7c3e" ZEROS "}]}\n", "ship.trusted",
	  "40 hex digits" },
	{ "ship: unknown of a device",
	  "ship:\n  trusted:\n    - ski: d7c3e1" ZEROS "\n      nmae: x\n", "ship.trusted",
	  "line 4: unknown key nmae" },
	{ "ship: a list in a device", "ship: {trusted: [{ski: [1]}]}\n", "ship.trusted",
	  "one value" },
	{ "ship: a long id", "ship: {trusted: [{ski: d7c3e1" ZEROS ", id: " ZEROS ZEROS "}]}\n",
	  "ship.trusted", "63 bytes" },
	{ "ship: a small message log", "ship: {message_log: {max_size: 2097151}}\n",
	  "ship.message_log.max_size", "between 2097152" },
	{ "ship: a large message log", "ship: {message_log: {max_size: 1073741825}}\n",
	  "ship.message_log.max_size", "and 1073741824" },
	{ "ship: a message log as word", "ship: {message_log: on}\n", "ship.message_log",
	  "keys below it" },
	{ "ship: allow is a word", "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: ems}]}\n",
	  "ship.trusted", "in allow" },
	{ "ship: allow nothing", "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: []}]}\n",
	  "ship.trusted", "one category or more" },
	{ "ship: allow a fridge", "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: [fridge]}]}\n",
	  "ship.trusted", "metering (7)" },
	{ "ship: allow 32", "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: [32]}]}\n",
	  "ship.trusted", "from 1 to 31" },
	{ "ship: allow 0", "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: [0]}]}\n",
	  "ship.trusted", "from 1 to 31" },
	{ "ship: allow a list in it", "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: [[1]]}]}\n",
	  "ship.trusted", "not a list" },
	{ "ship: allow unseen",
	  "ship: {mdns: none, trusted: [{ski: d7c3e1" ZEROS ", allow: [1]}]}\n", "ship.trusted",
	  "nobody knows" },
	{ "ship: allowed twice",
	  "ship: {trusted: [{ski: d7c3e1" ZEROS ", allow: [1]}, {ski: d7c3e1" ZEROS "}]}\n",
	  "ship.trusted", "two limits" },
};

int main(void)
{
	static struct suite s;

	if (!kit_begin())
		return 1;
	ROWS(&s, goods, read_good);
	ROWS(&s, goods, dump_again);
	ROWS(&s, bads, read_bad);
	int failed = suite_run(&s, "services/config_hub");
	kit_end();
	return failed;
}
