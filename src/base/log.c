/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/log.c - renders log records on the stack and hands each to the sink in one call.
 *
 *   text  2026-08-22T11:48:56.123Z info  node joined id=7 name="a b"
 *   json  {"time":"2026-08-22T11:48:56.123Z","level":"info","event":"node joined","id":7}
 *
 * A record that would pass 4 KiB loses the end of the field that did not fit and all after it,
 * and says so in a last field "cut".
 */
#include "base/log.h"

#include <stdatomic.h>

#include "base/jw.h"

enum {
	RECORD_MAX = 4096, /* with the line feed */
	EVENT_MAX = 256,   /* bytes of the event name */
	TAIL_ROOM = 16,    /* for the cut mark, a brace and the line feed */
	ESCAPE_MAX = 6,    /* bytes that one byte of text may become */
};

static struct {
	fl_log_sink *sink;
	fl_log_clock *clock;
	void *ctx;
	enum fl_log_format format;
} setup;

static _Atomic int min_level;

void fl_log_setup(enum fl_log_level min, enum fl_log_format format, fl_log_sink *sink,
		  fl_log_clock *clock, void *ctx)
{
	setup.sink = sink;
	setup.clock = clock;
	setup.ctx = ctx;
	setup.format = format;
	fl_log_level_set(min);
}

void fl_log_level_set(enum fl_log_level min)
{
	atomic_store_explicit(&min_level, (int)min, memory_order_relaxed);
}

bool fl_log_on(enum fl_log_level level)
{
	return setup.sink != NULL &&
	       (int)level >= atomic_load_explicit(&min_level, memory_order_relaxed);
}

static const char *level_name(enum fl_log_level level)
{
	switch (level) {
	case FL_LOG_TRACE:
		return "trace";
	case FL_LOG_DEBUG:
		return "debug";
	case FL_LOG_INFO:
		return "info";
	case FL_LOG_WARN:
		return "warn";
	case FL_LOG_ERROR:
		return "error";
	}
	return "?";
}

/* A record while it is written. `jw` closes over `out`. */
struct record {
	struct fl_buf out;
	struct fl_jw jw;
};

static struct fl_slice text_of(const struct fl_log_field *f)
{
	return f->kind == FL_FIELD_STR ? fl_slice_str(f->v.str) : f->v.text;
}

/* May this text stand in a text record without quotes? */
static bool is_word(struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return s.len > 0;
}

/* One value, text cut to `room` bytes of output. */
static void put_value(struct record *r, const struct fl_log_field *f, size_t room)
{
	struct fl_slice s;

	switch (f->kind) {
	case FL_FIELD_STR:
	case FL_FIELD_TEXT:
		s = text_of(f);
		if (s.len > room / ESCAPE_MAX)
			s.len = room / ESCAPE_MAX;
		if (setup.format == FL_LOG_TEXT && is_word(s))
			fl_jw_raw(&r->jw, s);
		else
			fl_jw_text(&r->jw, s);
		return;
	case FL_FIELD_U64:
		fl_jw_u64(&r->jw, f->v.u64);
		return;
	case FL_FIELD_I64:
		fl_jw_i64(&r->jw, f->v.i64);
		return;
	case FL_FIELD_BOOL:
		fl_jw_bool(&r->jw, f->v.flag);
		return;
	}
}

static void put_field(struct record *r, const struct fl_log_field *f, size_t room)
{
	if (setup.format == FL_LOG_JSON) {
		fl_jw_key(&r->jw, f->key);
	} else {
		fl_buf_byte(&r->out, ' ');
		fl_buf_str(&r->out, f->key);
		fl_buf_byte(&r->out, '=');
	}
	put_value(r, f, room);
}

static void begin_record(struct record *r, enum fl_log_level level, const char *event)
{
	char time[FL_RFC3339_MAX];
	fl_wall now = setup.clock(setup.ctx);
	struct fl_slice name = fl_slice_str(event);

	fl_wall_format(now - now % FL_MS, time);
	if (name.len > EVENT_MAX)
		name.len = EVENT_MAX;
	if (setup.format == FL_LOG_TEXT) {
		fl_buf_printf(&r->out, "%s %-5s ", time, level_name(level));
		fl_buf_put(&r->out, name.ptr, name.len);
		return;
	}
	fl_jw_obj(&r->jw);
	fl_jw_key(&r->jw, "time");
	fl_jw_str(&r->jw, time);
	fl_jw_key(&r->jw, "level");
	fl_jw_str(&r->jw, level_name(level));
	fl_jw_key(&r->jw, "event");
	fl_jw_text(&r->jw, name);
}

/* Adds the field if it fits whole; otherwise the record is as it was before. */
static bool try_field(struct record *r, const struct fl_log_field *f, size_t room)
{
	struct record before = *r;

	put_field(r, f, room);
	if (r->out.err == FL_OK)
		return true;
	*r = before;
	return false;
}

static void put_fields(struct record *r, const struct fl_log_field *fields, size_t count)
{
	static const struct fl_log_field cut = FL_LB("cut", true);

	for (size_t i = 0; i < count; i++) {
		if (try_field(r, &fields[i], SIZE_MAX))
			continue;
		/* What is left, less name and quotes, holds this much text however it escapes. */
		size_t room = r->out.max - r->out.len, name = strlen(fields[i].key) + 6;
		if (room > name)
			(void)try_field(r, &fields[i], room - name);
		r->out.max += TAIL_ROOM;
		r->out.cap = r->out.max;
		put_field(r, &cut, SIZE_MAX);
		return;
	}
	r->out.max += TAIL_ROOM;
	r->out.cap = r->out.max;
}

void fl_log_write(enum fl_log_level level, const char *event, const struct fl_log_field *fields,
		  size_t count)
{
	char mem[RECORD_MAX + 1];

	if (!fl_log_on(level))
		return;
	struct record r = { .out = fl_buf_over(mem, sizeof mem - TAIL_ROOM) };
	r.jw = fl_jw_make(&r.out);
	r.jw.guard = true; /* records end up on terminals */
	begin_record(&r, level, event);
	put_fields(&r, fields, count);
	if (setup.format == FL_LOG_JSON)
		fl_jw_obj_end(&r.jw);
	fl_buf_byte(&r.out, '\n');
	setup.sink(setup.ctx, mem, r.out.len);
}
