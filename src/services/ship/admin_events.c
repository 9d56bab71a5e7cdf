/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/admin_events.c - GET /api/v1/ship/events: what happens, a line of JSON each.
 *
 * A line is written once and shared by all who read. One who falls behind is waited for: nothing
 * is read from devices meanwhile, as long as he takes anything within half a minute (io/http.h).
 * Over a bound he is closed: he can come again and ask what he missed, while lines that were
 * dropped silently would leave him with a wrong picture.
 */
#include "services/ship/admin_impl.h"

#include "base/log.h"

#include <stdlib.h>

enum { LINE_SLACK = 4096 };

struct reader {
	struct fl_list in;
	struct fl_ship_admin *admin;
	struct fl_http *x;
	bool only; /* one device */
	bool held; /* the hub waits for it */
	struct fl_ski ski;
};

static const char *name_of(enum fl_ship_event_kind kind)
{
	switch (kind) {
	case FL_SHIP_EV_VISIBLE:
		return "visible";
	case FL_SHIP_EV_STATE:
		return "state";
	case FL_SHIP_EV_CONNECTED:
		return "connected";
	case FL_SHIP_EV_REPLACED:
		return "replaced";
	case FL_SHIP_EV_DISCONNECTED:
		return "disconnected";
	case FL_SHIP_EV_SHIP_ID:
		return "shipId";
	case FL_SHIP_EV_TRUST:
		return "trust";
	case FL_SHIP_EV_PIN_WANTED:
		return "pinWanted";
	case FL_SHIP_EV_DATA:
		return "data";
	case FL_SHIP_EV_FORGOTTEN:
		return "forgotten";
	}
	return "?";
}

/* ---- lines ---- */

static void begin_line(const struct fl_ship_admin *a, const char *event, struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_key(w, "time");
	fl_jw_time(w, fl_loop_wall(a->loop));
	fl_ship_admin_put(w, "event", event);
}

static void put_what(const struct fl_ship_event *e, struct fl_jw *w)
{
	switch (e->kind) {
	case FL_SHIP_EV_VISIBLE:
	case FL_SHIP_EV_CONNECTED:
	case FL_SHIP_EV_DISCONNECTED:
	case FL_SHIP_EV_FORGOTTEN:
		break;
	case FL_SHIP_EV_STATE:
		fl_ship_admin_put(w, "state", fl_devices_state_name(e->state));
		fl_ship_admin_put(w, "cause", e->text);
		break;
	case FL_SHIP_EV_REPLACED:
		fl_jw_key(w, "before");
		fl_jw_u64(w, e->old_conn);
		break;
	case FL_SHIP_EV_SHIP_ID:
		fl_ship_admin_put(w, "shipId", e->text);
		break;
	case FL_SHIP_EV_TRUST:
		fl_jw_key(w, "trusted");
		fl_jw_bool(w, e->trusted);
		break;
	case FL_SHIP_EV_PIN_WANTED:
		fl_jw_key(w, "optional");
		fl_jw_bool(w, e->optional);
		fl_ship_admin_put(w, "cause", e->text);
		break;
	case FL_SHIP_EV_DATA:
		fl_jw_key(w, "payload");
		fl_jw_raw(w, e->data);
		break;
	}
}

static struct fl_bytes *line_of(const struct fl_ship_admin *a, const struct fl_ship_event *e)
{
	struct fl_buf out = fl_buf_make(e->data.len + LINE_SLACK);
	struct fl_jw w = fl_jw_make(&out);
	char ski[FL_SKI_TEXT_LEN + 1];

	begin_line(a, name_of(e->kind), &w);
	if (e->kind != FL_SHIP_EV_VISIBLE) {
		fl_ski_format(&e->ski, ski);
		fl_ship_admin_put(&w, "ski", ski);
	}
	if (e->conn != 0) {
		fl_jw_key(&w, "connection");
		fl_jw_u64(&w, e->conn);
	}
	put_what(e, &w);
	fl_jw_obj_end(&w);
	fl_buf_byte(&out, '\n');
	struct fl_bytes *line = fl_buf_err(&out) == FL_OK ? fl_bytes_new(fl_buf_slice(&out)) : NULL;
	fl_buf_done(&out);
	return line;
}

/* ---- readers ---- */

static void hold(struct reader *r, bool held)
{
	if (r->held == held)
		return;
	r->held = held;
	fl_ship_hub_hold(r->admin->hub, held);
}

static void on_drain(void *ctx)
{
	hold(ctx, false);
}

static void forget(struct reader *r)
{
	hold(r, false);
	fl_list_del(&r->in);
	free(r);
}

static void on_gone(void *ctx)
{
	forget(ctx);
}

static void cut(struct reader *r)
{
	struct fl_http *x = r->x;

	fl_http_on_gone(x, NULL, NULL);
	forget(r);
	fl_http_abort(x);
}

static void pass_on(struct reader *r, struct fl_bytes *line)
{
	enum fl_err err = line != NULL ? fl_http_stream_send(r->x, line) : FL_ERR_NOMEM;

	if (err == FL_OK) {
		if (fl_http_stream_pending(r->x) > FL_SHIP_ADMIN_HOLD)
			hold(r, true);
		return;
	}
	r->admin->readers_closed++;
	fl_log_warn("a reader of events is closed", FL_LS("why", fl_err_text(err)));
	cut(r);
}

static void on_event(void *ctx, const struct fl_ship_event *e)
{
	struct fl_ship_admin *a = ctx;

	if (fl_list_empty(&a->readers))
		return;
	struct fl_bytes *line = line_of(a, e);
	fl_list_each(it, &a->readers)
	{
		struct reader *r = fl_list_entry(it, struct reader, in);
		if (!r->only || fl_ski_cmp(&r->ski, &e->ski) == 0)
			pass_on(r, line);
	}
	fl_bytes_unref(line);
}

/* The first line says from when on nothing is missed. */
static void greet(struct reader *r)
{
	struct fl_buf out = fl_buf_make(LINE_SLACK);
	struct fl_jw w = fl_jw_make(&out);

	begin_line(r->admin, "begin", &w);
	fl_jw_obj_end(&w);
	fl_buf_byte(&out, '\n');
	struct fl_bytes *line = fl_bytes_new(fl_buf_slice(&out));
	fl_buf_done(&out);
	pass_on(r, line);
	fl_bytes_unref(line);
}

/* False: no SKI, answered. */
static bool read_filter(struct fl_http *x, struct reader *r)
{
	char text[2 * FL_SKI_TEXT_LEN] = "";
	enum fl_err err = fl_http_query(x, "ski", text, sizeof text);

	if (err == FL_ERR_NOT_FOUND)
		return true;
	r->only = true;
	if (err == FL_OK && fl_ski_parse(fl_slice_str(text), &r->ski) == FL_OK)
		return true;
	fl_ship_admin_fail(x, 400, FL_ERR_INVALID, "the query does not name a SKI", "ski",
			   "A SKI has 40 hexadecimal digits.");
	return false;
}

void fl_ship_admin_events(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	struct reader *r = calloc(1, sizeof *r);

	if (r == NULL) {
		fl_ship_admin_fail(x, 503, FL_ERR_NOMEM, fl_err_text(FL_ERR_NOMEM), NULL, NULL);
		return;
	}
	*r = (struct reader){ .admin = a, .x = x };
	if (!read_filter(x, r)) {
		free(r);
		return;
	}
	fl_list_push(&a->readers, &r->in);
	fl_http_on_gone(x, on_gone, r);
	fl_http_on_drain(x, on_drain, r);
	fl_http_drop_request(x);
	fl_http_stream_limit(x, FL_SHIP_ADMIN_UNREAD_MAX);
	fl_http_stream_start(x, 200, "application/jsonl");
	greet(r);
}

void fl_ship_admin_events_start(struct fl_ship_admin *a)
{
	fl_list_init(&a->readers);
	a->ear = (struct fl_ship_ear){ .hear = on_event, .ctx = a };
	fl_ship_hub_listen(a->hub, &a->ear);
}

void fl_ship_admin_events_stop(struct fl_ship_admin *a)
{
	fl_ship_hub_unlisten(&a->ear);
	fl_list_each(it, &a->readers)
	{
		struct reader *r = fl_list_entry(it, struct reader, in);
		struct fl_http *x = r->x;
		fl_http_on_gone(x, NULL, NULL);
		forget(r);
		fl_http_stream_end(x);
	}
}
