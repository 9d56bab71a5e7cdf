/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ship_show.c - how the hub does, and its devices: known, seen, trusted. */
#include <stdio.h>
#include <string.h>

#include "cli/ship.h"

enum { RECORD_MAX = 64 << 10 };

int fl_ship_show(struct fl_cli *c, const struct fl_resource *r, const struct fl_answer *a)
{
	struct fl_buf text = fl_buf_make(RECORD_MAX);

	if (fl_cli_wants_data(c))
		return fl_cli_show(c, r, a);
	int code = fl_cli_check_columns(c, r);
	if (code != FL_EXIT_DONE)
		return code;
	fl_output_record(&c->out, r, fl_json_root(a->doc), &text);
	fwrite(text.ptr, 1, text.len, stdout);
	fl_buf_done(&text);
	return FL_EXIT_DONE;
}

bool fl_ship_own_answer(struct fl_cli *c, struct fl_buf *json, struct fl_answer *out)
{
	*out = (struct fl_answer){ .body = *json };
	*json = fl_buf_make(0);
	enum fl_err err = fl_buf_err(&out->body);
	if (err == FL_OK)
		err = fl_json_parse(fl_buf_slice(&out->body), FL_JSON_DEPTH_MAX, &out->doc);
	if (err == FL_OK)
		return true;
	fl_answer_done(out);
	fl_cli_fail(c, FL_EXIT_FAILED, NULL, "cannot show it: %s", fl_err_text(err));
	return false;
}

/* ---- lists ---- */

static bool is_on(struct fl_jv device, const char *key)
{
	struct fl_jv v = fl_json_path(device, key);
	return fl_json_kind(v) == FL_JSON_BOOL && fl_json_bool(v);
}

static bool is_visible(void *ctx, struct fl_jv device)
{
	(void)ctx;
	return is_on(device, "visible");
}

static bool is_trusted(void *ctx, struct fl_jv device)
{
	(void)ctx;
	return is_on(device, "trusted");
}

static int show_list(struct fl_cli *c, const struct fl_resource *r,
		     bool (*keep)(void *, struct fl_jv), const char *none)
{
	struct fl_answer a = { 0 };

	int code = fl_cli_check_columns(c, r);
	if (code == FL_EXIT_DONE)
		code = fl_cli_get(c, FL_SHIP_API "devices", &a);
	if (code == FL_EXIT_DONE && keep != NULL)
		code = fl_cli_keep(c, &a, "devices", keep, NULL);
	if (code == FL_EXIT_DONE && c->out.format == FL_FORMAT_TABLE &&
	    fl_json_len(fl_json_path(fl_json_root(a.doc), "devices")) == 0)
		fl_cli_say(c, "%s", none);
	else if (code == FL_EXIT_DONE)
		code = fl_cli_show(c, r, &a);
	fl_answer_done(&a);
	return code;
}

int fl_cmd_ship_list(struct fl_cli *c)
{
	return show_list(
		c, &fl_resource_devices, NULL,
		"No device is seen or paired. One that announces itself shows up here; any "
		"other is reached with: fairlead ship pair SKI, then ship connect SKI "
		"HOST:PORT");
}

int fl_cmd_ship_trust(struct fl_cli *c)
{
	return show_list(c, &fl_resource_devices, is_trusted,
			 "No device is trusted yet. Pair one: fairlead ship pair SKI");
}

/* ---- one ---- */

int fl_cmd_ship_status(struct fl_cli *c)
{
	char text[256];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_ship_pick device;
	struct fl_answer a = { 0 };
	int code = FL_EXIT_DONE;

	if (c->args.words == 0) {
		fl_buf_str(&path, FL_SHIP_API "status");
	} else {
		code = fl_ship_pick(c, c->args.word[0], &device);
		if (code == FL_EXIT_DONE)
			fl_ship_path(&path, &device, "");
	}
	if (code == FL_EXIT_DONE)
		code = fl_cli_ask(c, "GET", &path, NULL, &a);
	if (code == FL_EXIT_DONE)
		code = fl_ship_show(c, c->args.words == 0 ? &fl_resource_hub : &fl_resource_devices,
				    &a);
	fl_answer_done(&a);
	return code;
}

/* ---- what is in the network ---- */

static int show_found(struct fl_cli *c)
{
	return show_list(c, &fl_resource_found, is_visible,
			 "No device announces itself here. Is it in the same network, and awake?");
}

struct looking {
	struct fl_cli *cli;
	int code;
};

/*
 * Any change may bring or take several devices: what is shown is the list as it is now. The stream
 * begins with a line of its own, so nothing is missed between the first list and the first change.
 */
static bool look_again(void *ctx, struct fl_slice line)
{
	struct looking *l = ctx;
	struct fl_json *doc = NULL;
	bool changed = false, first = false;

	if (fl_json_parse(line, FL_JSON_DEPTH_MAX, &doc) == FL_OK) {
		struct fl_slice word = fl_ship_str(fl_json_root(doc), "event");
		first = fl_slice_is(word, "begin");
		changed = first || fl_slice_is(word, "visible");
	}
	fl_json_free(doc);
	if (!changed)
		return true;
	if (!first && l->cli->out.format == FL_FORMAT_TABLE)
		printf("\n");
	l->code = show_found(l->cli);
	fflush(stdout);
	return l->code == FL_EXIT_DONE;
}

int fl_cmd_ship_discover(struct fl_cli *c)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct looking l = { .cli = c };

	if (!fl_args_on(&c->args, "watch"))
		return show_found(c);
	fl_buf_str(&path, FL_SHIP_API "events");
	int code = fl_cli_check_columns(c, &fl_resource_found);
	if (code == FL_EXIT_DONE)
		code = fl_cli_follow(c, &path, look_again, &l);
	return code == FL_EXIT_DONE ? l.code : code;
}
