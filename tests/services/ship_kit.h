/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/ship_kit.h - hubs on one loop, with what each of them was told, and waiting for
 * conditions in place of sleeping.
 */
#ifndef FL_TESTS_SERVICES_SHIP_KIT_H
#define FL_TESTS_SERVICES_SHIP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/ship/hub.h"

enum { KIT_DIR_MAX = 64, KIT_EVENTS_MAX = 4096, KIT_DATA_MAX = 256 };

struct kit_event {
	enum fl_ship_event_kind kind;
	struct fl_ski ski;
	uint64_t conn, old_conn;
	enum fl_device_state state;
	bool trusted;
	char text[128], data[KIT_DATA_MAX];
	size_t data_len; /* all of it */
};

struct kit_hub {
	struct fl_loop *loop;
	char dir[KIT_DIR_MAX];
	struct fl_ship_hub_config cfg;
	struct fl_ship_hub *hub;
	struct fl_ship_ear ear;
	struct kit_event events[KIT_EVENTS_MAX];
	size_t count;
	bool down;
	bool in_network; /* set before the start: on all addresses, with mDNS as configured */
};

/* A fresh folder below the one for temporary files. */
void kit_dir(char out[static KIT_DIR_MAX]);
void kit_dir_remove(const char *dir);

/* A hub on loopback with a new folder, or in that of `k->dir` if it is set; mDNS off. */
void kit_make(struct kit_hub *k, struct fl_loop *l);
/* The same, started. */
void kit_start(struct kit_hub *k, struct fl_loop *l);
/* Stops it in order, waits, frees. The folder stays. */
void kit_stop(struct kit_hub *k);
void kit_done(struct kit_hub *k); /* stops it if it runs, and removes the folder */

struct fl_ski kit_ski(const struct kit_hub *k);
uint16_t kit_port(const struct kit_hub *k);

/* `a` trusts `b` and knows where it is. */
void kit_introduce(struct kit_hub *a, const struct kit_hub *b);
void kit_pair(struct kit_hub *a, const struct kit_hub *b);

/* Runs the loop until `is_so`; fails after `seconds`. */
void kit_wait(struct fl_loop *l, bool (*is_so)(void *ctx), void *ctx, int seconds);

/* How many events of a kind came so far. */
size_t kit_count(const struct kit_hub *k, enum fl_ship_event_kind kind);
const struct kit_event *kit_last(const struct kit_hub *k, enum fl_ship_event_kind kind);
void kit_wait_count(struct kit_hub *k, enum fl_ship_event_kind kind, size_t count);
void kit_wait_state(struct kit_hub *k, const struct kit_hub *of, enum fl_device_state state);
enum fl_device_state kit_state(const struct kit_hub *k, const struct kit_hub *of);
bool kit_is_trusted(const struct kit_hub *k, const struct kit_hub *of);
bool kit_is_connected(const struct kit_hub *k, const struct kit_hub *of);
/* Both see each other as connected and complete. */
void kit_wait_complete(struct kit_hub *a, struct kit_hub *b);

#define assert_ok(e) assert_int_equal((e), FL_OK)

#endif
