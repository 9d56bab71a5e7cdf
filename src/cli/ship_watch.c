/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/ship_watch.c - events of the hub as they come: whole for programs (watch), a line each for
 * people (log).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ship.h"
#include "cli/table.h"

enum { PATH_LEN = 256, TEXT_MAX = 64 << 10, PAYLOAD_SHOWN = 120 };

struct watch {
	struct fl_cli *cli;
	void (*show)(struct watch *w, struct fl_slice line, struct fl_jv event);
	struct fl_strlist only; /* kinds; none: all */
	uint64_t left;          /* until the end; 0: there is none */
	bool names;             /* wanted */
	struct fl_answer known; /* devices with their names, as they were a while ago */
};

/* ---- which ---- */

/* The first line of all says only that nothing is missed from here on. */
static bool is_wanted(const struct watch *w, struct fl_jv event)
{
	struct fl_slice kind = fl_ship_str(event, "event");

	if (fl_slice_is(kind, "begin"))
		return false;
	for (size_t i = 0; i < w->only.len; i++)
		if (fl_slice_is(kind, w->only.at[i]))
			return true;
	return w->only.len == 0;
}

/* When what is known may have changed. Without names the SKIs do. */
static void learn_names(struct watch *w, struct fl_jv event)
{
	struct fl_slice kind = fl_ship_str(event, "event");

	if (!w->names || !(fl_slice_is(kind, "begin") || fl_slice_is(kind, "visible") ||
			   fl_slice_is(kind, "trust")))
		return;
	bool silent = w->cli->silent;
	fl_answer_done(&w->known);
	w->cli->silent = true;
	if (fl_cli_get(w->cli, FL_SHIP_API "devices", &w->known) != FL_EXIT_DONE)
		fl_answer_done(&w->known);
	w->cli->silent = silent;
}

static bool on_line(void *ctx, struct fl_slice line)
{
	struct watch *w = ctx;
	struct fl_json *doc = NULL;
	bool more = true;

	if (fl_json_parse_most(line, FL_JSON_DEPTH_MAX, line.len + 1, &doc) != FL_OK)
		return true; /* a line of a later version, perhaps */
	struct fl_jv event = fl_json_root(doc);
	learn_names(w, event);
	if (is_wanted(w, event)) {
		w->show(w, line, event);
		more = fflush(stdout) == 0 && (w->left == 0 || --w->left > 0);
	}
	fl_json_free(doc);
	return more;
}

static int follow(struct fl_cli *c, bool names,
		  void (*show)(struct watch *, struct fl_slice, struct fl_jv))
{
	char text[PATH_LEN];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct watch w = {
		.cli = c, .show = show, .names = names, .left = fl_args_number(&c->args, "count")
	};
	struct fl_ship_pick device;
	int code = FL_EXIT_DONE;

	fl_buf_str(&path, FL_SHIP_API "events");
	if (fl_args_list(&c->args, "event", &w.only) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	if (code == FL_EXIT_DONE && c->args.words > 0) {
		code = fl_ship_pick(c, c->args.word[0], &device);
		if (code == FL_EXIT_DONE)
			fl_buf_printf(&path, "?ski=%s", device.ski);
	}
	if (code == FL_EXIT_DONE)
		code = fl_cli_follow(c, &path, on_line, &w);
	fl_strlist_done(&w.only);
	fl_answer_done(&w.known);
	return code;
}

/* ---- for programs ---- */

/*
 * As the hub wrote it: numbers keep the digits that the device sent. Only a terminal is kept from
 * what it would obey.
 */
static void show_whole(struct watch *w, struct fl_slice line, struct fl_jv event)
{
	struct fl_buf b = fl_buf_make(line.len * 8 + TEXT_MAX);

	if (w->cli->out.format == FL_FORMAT_YAML) {
		fl_buf_str(&b, "---\n");
		fl_yaml_write(event, &b);
	} else {
		if (isatty(STDOUT_FILENO))
			fl_output_clean(line, &b);
		else
			fl_buf_put(&b, line.ptr, line.len);
		fl_buf_byte(&b, '\n');
	}
	if (fl_buf_err(&b) == FL_OK)
		fwrite(b.ptr, 1, b.len, stdout);
	fl_buf_done(&b);
}

int fl_cmd_ship_watch(struct fl_cli *c)
{
	return follow(c, false, show_whole);
}

/* ---- for people ---- */

/* What is worth saying of an event besides its kind, in this order. */
static void put_facts(struct fl_jv event, struct fl_buf *b)
{
	static const char *const keys[] = { "state", "cause", "shipId" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct fl_slice text = fl_ship_str(event, keys[i]);
		if (text.len == 0)
			continue;
		fl_buf_str(b, "  ");
		fl_output_clean(text, b);
	}
	struct fl_jv trusted = fl_json_path(event, "trusted");
	if (fl_json_kind(trusted) == FL_JSON_BOOL)
		fl_buf_str(b, fl_json_bool(trusted) ? "  trusted" : "  no longer trusted");
}

/* The text itself, as it stands at the end of the line: numbers keep their digits. */
static void put_payload(struct fl_slice line, struct fl_buf *b)
{
	static const char key[] = "\"payload\":";
	const uint8_t *at = memmem(line.ptr, line.len, key, sizeof key - 1);

	if (at == NULL)
		return;
	struct fl_slice text = fl_slice_skip(line, (size_t)(at - line.ptr) + sizeof key - 1);
	text.len -= text.len > 0; /* the end of the event */
	size_t shown = text.len < PAYLOAD_SHOWN ? text.len : PAYLOAD_SHOWN;
	while (shown < text.len && shown > 0 && (text.ptr[shown] & 0xc0) == 0x80)
		shown--;
	fl_buf_printf(b, "  %zu bytes  ", text.len);
	fl_output_clean(fl_slice_of(text.ptr, shown), b);
	fl_buf_str(b, shown < text.len ? "..." : "");
}

/* The device as it is known by name, else the event's own SKI. */
static void put_device(const struct watch *w, struct fl_jv event, struct fl_buf *b)
{
	struct fl_jv all = { 0 }, found = event;
	char name[FL_SHIP_LABEL_MAX];

	if (w->known.doc != NULL)
		all = fl_json_path(fl_json_root(w->known.doc), "devices");
	size_t len = fl_json_kind(all) == FL_JSON_ARRAY ? fl_json_len(all) : 0;
	for (size_t i = 0; i < len; i++)
		if (fl_slice_eq(fl_ship_str(fl_json_at(all, i), "ski"), fl_ship_str(event, "ski")))
			found = fl_json_at(all, i);
	fl_ship_name(found, name);
	fl_output_clean(fl_slice_str(name), b);
	fl_buf_str(b, name[0] != '\0' ? "  " : "");
}

static void show_line(struct watch *w, struct fl_slice line, struct fl_jv event)
{
	static const struct fl_column time = { "Time", "time", FL_COLUMN_TIME, false };
	struct fl_buf b = fl_buf_make(TEXT_MAX);

	fl_cell_write(&w->cli->out, &time, event, &b);
	fl_buf_str(&b, "  ");
	put_device(w, event, &b);
	fl_output_clean(fl_ship_str(event, "event"), &b);
	put_facts(event, &b);
	put_payload(line, &b);
	fl_buf_byte(&b, '\n');
	if (fl_buf_err(&b) == FL_OK)
		fwrite(b.ptr, 1, b.len, stdout);
	fl_buf_done(&b);
}

int fl_cmd_ship_log(struct fl_cli *c)
{
	if (c->args.words > 0 && strcmp(c->args.word[0], "export") == 0)
		return fl_ship_log_export(c);
	if (c->args.words > 1)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead help ship log",
				   "unexpected argument '%s'", c->args.word[1]);
	return follow(c, true, show_line);
}
