/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/ship_kit.c - hubs on one loop for the tests of the device hub. */
#include "ship_kit.h"

#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- folders ---- */

void kit_dir(char out[static KIT_DIR_MAX])
{
	snprintf(out, KIT_DIR_MAX, "/tmp/fl-ship-XXXXXX");
	assert_non_null(mkdtemp(out));
}

void kit_dir_remove(const char *dir)
{
	char path[KIT_DIR_MAX + 300];
	DIR *d = opendir(dir);

	if (d == NULL)
		return;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(dir);
}

/* ---- waiting ---- */

struct wait {
	struct fl_loop *loop;
	bool (*is_so)(void *ctx);
	void *ctx;
	bool late;
};

static void look(void *ctx)
{
	struct wait *w = ctx;

	if (w->is_so(w->ctx))
		fl_loop_stop(w->loop);
}

static void on_late(void *ctx)
{
	struct wait *w = ctx;

	w->late = true;
	fl_loop_stop(w->loop);
}

void kit_wait(struct fl_loop *l, bool (*is_so)(void *ctx), void *ctx, int seconds)
{
	struct wait w = { .loop = l, .is_so = is_so, .ctx = ctx };
	struct fl_tick_hook hook = { .fn = look, .ctx = &w };
	struct fl_timer late = { 0 };

	if (is_so(ctx))
		return;
	assert_ok(fl_timer_init(&late, l, on_late, &w));
	fl_timer_start(&late, seconds * FL_SEC);
	fl_loop_hook_add(l, &hook);
	fl_loop_run(l);
	fl_loop_hook_del(&hook);
	fl_timer_done(&late);
	if (w.late)
		fail_msg("waited %d seconds in vain", seconds);
}

/* ---- events ---- */

static void hear(void *ctx, const struct fl_ship_event *e)
{
	struct kit_hub *k = ctx;

	assert_true(k->count < KIT_EVENTS_MAX);
	struct kit_event *to = &k->events[k->count++];
	*to = (struct kit_event){
		.kind = e->kind,
		.ski = e->ski,
		.conn = e->conn,
		.old_conn = e->old_conn,
		.state = e->state,
		.trusted = e->trusted,
		.data_len = e->data.len,
	};
	snprintf(to->text, sizeof to->text, "%s", e->text);
	fl_str_copy(to->data, sizeof to->data, e->data);
}

size_t kit_count(const struct kit_hub *k, enum fl_ship_event_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < k->count; i++)
		n += k->events[i].kind == kind;
	return n;
}

const struct kit_event *kit_last(const struct kit_hub *k, enum fl_ship_event_kind kind)
{
	for (size_t i = k->count; i > 0; i--)
		if (k->events[i - 1].kind == kind)
			return &k->events[i - 1];
	return NULL;
}

struct count_wanted {
	const struct kit_hub *k;
	enum fl_ship_event_kind kind;
	size_t count;
};

static bool has_count(void *ctx)
{
	const struct count_wanted *w = ctx;
	return kit_count(w->k, w->kind) >= w->count;
}

void kit_wait_count(struct kit_hub *k, enum fl_ship_event_kind kind, size_t count)
{
	struct count_wanted w = { .k = k, .kind = kind, .count = count };
	kit_wait(k->loop, has_count, &w, 30);
}

/* ---- states ---- */

static struct fl_device_info info_of(const struct kit_hub *k, const struct kit_hub *of)
{
	struct fl_device_info info = { .next_try = FL_NEVER };
	struct fl_ski ski = kit_ski(of);

	if (fl_devices_info(fl_ship_hub_devices(k->hub), &ski, &info) != FL_OK)
		info.state = FL_DEVICES_NONE;
	return info;
}

enum fl_device_state kit_state(const struct kit_hub *k, const struct kit_hub *of)
{
	return info_of(k, of).state;
}

bool kit_is_trusted(const struct kit_hub *k, const struct kit_hub *of)
{
	return info_of(k, of).record.trusted;
}

bool kit_is_connected(const struct kit_hub *k, const struct kit_hub *of)
{
	return info_of(k, of).connected;
}

struct state_wanted {
	const struct kit_hub *k, *of;
	enum fl_device_state state;
};

static bool has_state(void *ctx)
{
	const struct state_wanted *w = ctx;
	return kit_state(w->k, w->of) == w->state;
}

void kit_wait_state(struct kit_hub *k, const struct kit_hub *of, enum fl_device_state state)
{
	struct state_wanted w = { .k = k, .of = of, .state = state };
	kit_wait(k->loop, has_state, &w, 30);
}

void kit_wait_complete(struct kit_hub *a, struct kit_hub *b)
{
	kit_wait_state(a, b, FL_DEVICES_COMPLETED);
	kit_wait_state(b, a, FL_DEVICES_COMPLETED);
}

/* ---- hubs ---- */

struct fl_ski kit_ski(const struct kit_hub *k)
{
	return *fl_ship_hub_ski(k->hub);
}

uint16_t kit_port(const struct kit_hub *k)
{
	return fl_ship_hub_at(k->hub).port;
}

void kit_make(struct kit_hub *k, struct fl_loop *l)
{
	struct fl_fault fault = { "" };

	k->loop = l;
	k->down = false;
	if (k->dir[0] == '\0')
		kit_dir(k->dir);
	k->cfg.state_dir = k->dir;
	if (!k->in_network) {
		k->cfg.mdns = FL_MDNS_NONE;
		k->cfg.listen.ip = fl_ip_v4(127, 0, 0, 1);
	}
	enum fl_err err = fl_ship_hub_new(l, &k->cfg, &fault, &k->hub);
	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
	k->ear = (struct fl_ship_ear){ .hear = hear, .ctx = k };
	fl_ship_hub_listen(k->hub, &k->ear);
}

void kit_start(struct kit_hub *k, struct fl_loop *l)
{
	struct fl_fault fault = { "" };

	kit_make(k, l);
	enum fl_err err = fl_ship_hub_start(k->hub, &fault);
	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
}

static void on_down(void *ctx)
{
	struct kit_hub *k = ctx;
	k->down = true;
}

static bool is_down(void *ctx)
{
	const struct kit_hub *k = ctx;
	return k->down;
}

void kit_stop(struct kit_hub *k)
{
	fl_ship_hub_stop(k->hub, on_down, k);
	kit_wait(k->loop, is_down, k, 10);
	fl_ship_hub_unlisten(&k->ear);
	k->hub = fl_ship_hub_free(k->hub);
}

void kit_done(struct kit_hub *k)
{
	if (k->hub != NULL)
		kit_stop(k);
	kit_dir_remove(k->dir);
}

void kit_pair(struct kit_hub *a, const struct kit_hub *b)
{
	struct fl_ski ski = kit_ski(b);
	struct fl_fault fault = { "" };

	enum fl_err err = fl_ship_hub_pair(a->hub, &ski, NULL, NULL, &fault);
	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
}

void kit_introduce(struct kit_hub *a, const struct kit_hub *b)
{
	struct fl_ski ski = kit_ski(b);
	struct fl_fault fault = { "" };

	kit_pair(a, b);
	enum fl_err err = fl_ship_hub_connect(a->hub, &ski, "127.0.0.1", kit_port(b), NULL, &fault);
	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
}
