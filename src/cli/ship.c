/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ship.c - where the hub is, and its devices by what people call them; never guesses. */
#include "cli/ship.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/ship/qr.h"

enum { CANDIDATES_SHOWN = 10 };

/* ---- places ---- */

static const char *default_folder(void)
{
	const char *dir = getenv("STATE_DIRECTORY");

	if (dir != NULL && dir[0] != '\0')
		return dir;
	return geteuid() == 0 ? "/var/lib/fairlead-ship" : "var/ship";
}

static const char *chosen_folder(const struct fl_cli *c)
{
	const char *given = fl_args_text(&c->args, "state-dir");

	if (given != NULL)
		return given;
	return c->config->ship.state_dir[0] != '\0' ? c->config->ship.state_dir : NULL;
}

bool fl_ship_folder(const struct fl_cli *c, char out[static FL_CLI_PATH_MAX])
{
	const char *dir = chosen_folder(c);
	return fl_str_copy(out, FL_CLI_PATH_MAX,
			   fl_slice_str(dir != NULL ? dir : default_folder()));
}

void fl_ship_choose_socket(struct fl_cli *c)
{
	static const char here[] = "var/ship/ship.sock";
	const char *dir = chosen_folder(c);
	bool chosen = dir != NULL;
	int len = snprintf(c->socket, sizeof c->socket, "%s/ship.sock",
			   chosen ? dir : default_folder());

	if (len < 0 || (size_t)len >= sizeof c->socket)
		c->socket[0] = '\0';
	if (!chosen && access(c->socket, F_OK) != 0 && fl_cli_is_safe_socket(here))
		snprintf(c->socket, sizeof c->socket, "%s", here);
}

/* ---- devices ---- */

/* How well a device fits a text. Only the best kind counts, and there it must be the only one. */
enum fit { FIT_NONE, FIT_PREFIX, FIT_ID, FIT_NAME };

struct fl_slice fl_ship_str(struct fl_jv obj, const char *key)
{
	struct fl_jv v = fl_json_path(obj, key);
	return fl_json_kind(v) == FL_JSON_STRING ? fl_json_str(v) : fl_slice_of(NULL, 0);
}

/* Does the SKI begin with these digits, as a person writes them? */
static bool has_prefix(struct fl_slice ski, const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '-')
			continue;
		if (n == ski.len || !fl_str_ieq(fl_slice_of(ski.ptr + n, 1), fl_slice_of(text, 1)))
			return false;
		n++;
	}
	return n > 0;
}

static enum fit fit(struct fl_jv device, const char *text)
{
	struct fl_slice name = fl_ship_str(device, "name"), id = fl_ship_str(device, "shipId");

	if (name.len > 0 && fl_str_ieq(name, fl_slice_str(text)))
		return FIT_NAME;
	if (id.len > 0 && fl_slice_is(id, text))
		return FIT_ID;
	return has_prefix(fl_ship_str(device, "ski"), text) ? FIT_PREFIX : FIT_NONE;
}

void fl_ship_name(struct fl_jv device, char out[static FL_SHIP_LABEL_MAX])
{
	struct fl_slice name = fl_ship_str(device, "name"), brand = fl_ship_str(device, "brand"),
			model = fl_ship_str(device, "model"), ski = fl_ship_str(device, "ski");
	struct fl_buf b = fl_buf_over(out, FL_SHIP_LABEL_MAX);

	if (name.len > 0)
		fl_buf_put(&b, name.ptr, name.len);
	else if (brand.len + model.len > 0)
		fl_buf_printf(&b, "%.*s%s%.*s", (int)brand.len, (const char *)brand.ptr,
			      brand.len > 0 && model.len > 0 ? " " : "", (int)model.len,
			      (const char *)model.ptr);
	else
		fl_buf_put(&b, ski.ptr, ski.len < FL_SHIP_SKI_SHOWN ? ski.len : FL_SHIP_SKI_SHOWN);
	out[b.len] = '\0';
}

static int take(struct fl_cli *c, struct fl_jv device, struct fl_ship_pick *out)
{
	struct fl_slice ski = fl_ship_str(device, "ski");

	*out = (struct fl_ship_pick){ 0 };
	if (fl_ski_parse(ski, &out->txt.ski) != FL_OK)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "the hub named a device without SKI");
	fl_ski_format(&out->txt.ski, out->ski);
	fl_ship_name(device, out->name);
	return FL_EXIT_DONE;
}

static int ambiguous(struct fl_cli *c, struct fl_jv all, enum fit best, const char *text)
{
	struct fl_buf b = fl_buf_make(FL_SHIP_REQUEST_MAX);
	struct fl_ship_pick one;
	size_t shown = 0;

	for (size_t i = 0; i < fl_json_len(all) && shown < CANDIDATES_SHOWN; i++) {
		struct fl_jv device = fl_json_at(all, i);
		if (fit(device, text) != best || take(c, device, &one) != FL_EXIT_DONE)
			continue;
		fl_buf_printf(&b, "%s%.*s (%s)", shown++ ? ", " : "", FL_SHIP_SKI_SHOWN, one.ski,
			      one.name);
	}
	int code = fl_cli_fail(c, FL_EXIT_NOT_FOUND, "Name one by more digits of its SKI.",
			       "'%s' matches more than one: %.*s", text, (int)b.len,
			       (const char *)b.ptr);
	fl_buf_done(&b);
	return code;
}

static int choose(struct fl_cli *c, struct fl_jv all, const char *text, struct fl_ship_pick *out)
{
	enum fit best = FIT_NONE;
	size_t count = 0, at = 0;

	for (size_t i = 0; i < fl_json_len(all); i++) {
		enum fit f = fit(fl_json_at(all, i), text);
		if (f == FIT_NONE || f < best)
			continue;
		count = f > best ? 1 : count + 1;
		best = f;
		at = i;
	}
	if (count == 1)
		return take(c, fl_json_at(all, at), out);
	if (count > 1)
		return ambiguous(c, all, best, text);
	return fl_cli_fail(
		c, FL_EXIT_NOT_FOUND,
		"All there are: fairlead ship list. One that is not seen is named by its "
		"whole SKI.",
		"no device matches '%s'", text);
}

static int look_up(struct fl_cli *c, const char *text, struct fl_ship_pick *out)
{
	struct fl_answer a = { 0 };
	int code = fl_cli_get(c, FL_SHIP_API "devices", &a);

	if (code == FL_EXIT_DONE) {
		struct fl_jv all = fl_json_path(fl_json_root(a.doc), "devices");
		if (fl_json_kind(all) != FL_JSON_ARRAY)
			all.v = NULL;
		code = choose(c, all, text, out);
	}
	fl_answer_done(&a);
	return code;
}

static int read_qr(struct fl_cli *c, const char *text, struct fl_ship_pick *out)
{
	struct fl_fault fault = { "" };
	const struct fl_ship_txt *t = &out->txt;

	if (fl_ship_qr_parse(fl_slice_str(text), &fault, &out->txt) != FL_OK)
		return fl_cli_fail(c, FL_EXIT_REFUSED, "It begins with SHIP;SKI: and 40 digits.",
				   "the text is not that of a SHIP QR code: %s", fault.text);
	fl_ski_format(&t->ski, out->ski);
	if (t->brand[0] == '\0' && t->model[0] == '\0')
		fl_str_copy(out->name, sizeof out->name, fl_slice_of(out->ski, FL_SHIP_SKI_SHOWN));
	else
		snprintf(out->name, sizeof out->name, "%.30s%s%.30s", t->brand,
			 t->brand[0] != '\0' && t->model[0] != '\0' ? " " : "", t->model);
	return FL_EXIT_DONE;
}

int fl_ship_pick(struct fl_cli *c, const char *text, struct fl_ship_pick *out)
{
	*out = (struct fl_ship_pick){ 0 };
	if (strncasecmp(text, "SHIP", 4) == 0 && strchr(text, ':') != NULL)
		return read_qr(c, text, out);
	if (fl_ski_parse(fl_slice_str(text), &out->txt.ski) != FL_OK)
		return look_up(c, text, out);
	fl_ski_format(&out->txt.ski, out->ski);
	fl_str_copy(out->name, sizeof out->name, fl_slice_of(out->ski, FL_SHIP_SKI_SHOWN));
	return FL_EXIT_DONE;
}

/* ---- requests ---- */

void fl_ship_path(struct fl_buf *path, const struct fl_ship_pick *d, const char *rest)
{
	fl_buf_printf(path, FL_SHIP_API "devices/%s%s", d->ski, rest);
}

int fl_ship_post(struct fl_cli *c, const struct fl_ship_pick *d, const char *rest,
		 const struct fl_buf *body, const char *done)
{
	char text[256];
	struct fl_buf path = fl_buf_over(text, sizeof text);

	fl_ship_path(&path, d, rest);
	return fl_cli_run(c, "POST", &path, body, &fl_resource_devices, done);
}
