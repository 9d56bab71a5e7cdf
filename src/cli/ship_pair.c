/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ship_pair.c - whom the hub trusts, and connections to devices. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/ship.h"
#include "services/config/check.h"

#define WINDOW_MAX (120 * FL_SEC)

enum { BODY_MAX = 4096, DONE_MAX = 512 };

static int wrong_flag(struct fl_cli *c, const char *flag, const char *why)
{
	fl_str_copy(c->field, sizeof c->field, fl_slice_str(flag));
	return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "--%s: %s", flag, why);
}

/* ---- pair ---- */

static int check_pair(struct fl_cli *c)
{
	const char *name = fl_args_text(&c->args, "name"), *id = fl_args_text(&c->args, "ship-id"),
		   *key = fl_args_text(&c->args, "pin-key");
	uint8_t pin[FL_HASH_LEN];

	if (fl_args_duration(&c->args, "window") > WINDOW_MAX)
		return wrong_flag(c, "window", "at most 2m");
	if (c->args.words == 0 && !fl_args_has(&c->args, "window"))
		return fl_cli_fail(c, FL_EXIT_USAGE,
				   "Those seen in the network: fairlead ship discover. Whoever "
				   "comes within two minutes: fairlead ship pair --window 2m",
				   "which device?");
	if (c->args.words == 0 && (name != NULL || id != NULL || key != NULL))
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL,
				   "--name, --ship-id and --pin-key need a device");
	if (name != NULL && !fl_str_is_clean(fl_slice_str(name)))
		return wrong_flag(c, "name", "only printable text");
	if (key != NULL && fl_hex_decode(fl_slice_str(key), pin, sizeof pin) != FL_OK)
		return wrong_flag(c, "pin-key",
				  "64 hex digits, as `fairlead ship probe` shows "
				  "them");
	return FL_EXIT_DONE;
}

/* One member that is left out where there is nothing to say. */
static void member(struct fl_jw *w, const char *key, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	fl_jw_key(w, key);
	fl_jw_str(w, text);
}

static int open_window(struct fl_cli *c, bool alone)
{
	char text[64], done[DONE_MAX];
	struct fl_buf path = fl_buf_over(text, sizeof text), body = fl_buf_make(BODY_MAX);
	struct fl_jw w = fl_jw_make(&body);
	int64_t seconds = fl_args_duration(&c->args, "window") / FL_SEC;
	struct fl_answer a = { 0 };
	int code;

	fl_buf_str(&path, FL_SHIP_API "window");
	fl_jw_obj(&w);
	fl_jw_key(&w, "seconds");
	fl_jw_i64(&w, seconds);
	fl_jw_obj_end(&w);
	if (seconds > 0)
		snprintf(done, sizeof done,
			 "whoever connects within %" PRId64 " s is trusted from then on", seconds);
	else
		snprintf(done, sizeof done, "the window is closed");
	if (alone)
		code = fl_cli_run(c, "POST", &path, &body, &fl_resource_hub, done);
	else
		code = fl_cli_ask(c, "POST", &path, &body, &a);
	fl_answer_done(&a);
	fl_buf_done(&body);
	return code;
}

static int post_pair(struct fl_cli *c, const struct fl_ship_pick *d)
{
	const char *id = fl_args_text(&c->args, "ship-id"), *name = fl_args_text(&c->args, "name");
	struct fl_buf body = fl_buf_make(BODY_MAX);
	struct fl_jw w = fl_jw_make(&body);
	char done[DONE_MAX];

	fl_jw_obj(&w);
	member(&w, "shipId", id != NULL ? id : d->txt.id);
	member(&w, "name", name);
	fl_jw_obj_end(&w);
	snprintf(done, sizeof done,
		 "%s is trusted; it is connected as soon as it is seen or comes itself",
		 name != NULL ? name : d->name);
	int code = fl_ship_post(c, d, "/pair", &body, done);
	fl_buf_done(&body);
	return code;
}

static int post_text(struct fl_cli *c, const struct fl_ship_pick *d, const char *rest,
		     const char *key, const char *value)
{
	char text[256];
	struct fl_buf path = fl_buf_over(text, sizeof text), body = fl_buf_make(BODY_MAX);
	struct fl_jw w = fl_jw_make(&body);
	struct fl_answer a;

	fl_ship_path(&path, d, rest);
	fl_jw_obj(&w);
	member(&w, key, value);
	fl_jw_obj_end(&w);
	int code = fl_cli_ask(c, "POST", &path, &body, &a);
	fl_answer_done(&a);
	fl_buf_done(&body);
	return code;
}

/* The window first: a device that is dialled at once looks at what we announce. */
int fl_cmd_ship_pair(struct fl_cli *c)
{
	const char *key = fl_args_text(&c->args, "pin-key");
	struct fl_ship_pick device;

	int code = check_pair(c);
	if (code != FL_EXIT_DONE)
		return code;
	if (c->args.words == 0)
		return open_window(c, true);
	code = fl_ship_pick(c, c->args.word[0], &device);
	if (code == FL_EXIT_DONE && fl_args_has(&c->args, "window"))
		code = open_window(c, false);
	if (code == FL_EXIT_DONE)
		code = post_pair(c, &device);
	if (code == FL_EXIT_DONE && key != NULL)
		code = post_text(c, &device, "/pin-key", "sha256", key);
	return code;
}

/* ---- no ---- */

int fl_cmd_ship_unpair(struct fl_cli *c)
{
	char text[256], done[DONE_MAX];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_ship_pick device;

	int code = fl_ship_pick(c, c->args.word[0], &device);
	if (code == FL_EXIT_DONE)
		code = fl_cli_confirm(
			c, "End the trust in %s? To have it again, both sides must pair again.",
			device.name);
	if (code != FL_EXIT_DONE)
		return code;
	fl_ship_path(&path, &device, "");
	snprintf(done, sizeof done, "%s is no longer trusted", device.name);
	return fl_cli_run(c, "DELETE", &path, NULL, &fl_resource_devices, done);
}

int fl_cmd_ship_refuse(struct fl_cli *c)
{
	struct fl_ship_pick device;
	char done[DONE_MAX];

	int code = fl_ship_pick(c, c->args.word[0], &device);
	if (code != FL_EXIT_DONE)
		return code;
	snprintf(done, sizeof done, "%s is refused", device.name);
	return fl_ship_post(c, &device, "/refuse", NULL, done);
}

/* ---- connections ---- */

int fl_cmd_ship_disconnect(struct fl_cli *c)
{
	struct fl_buf body = fl_buf_make(BODY_MAX);
	struct fl_jw w = fl_jw_make(&body);
	bool hold = fl_args_on(&c->args, "hold");
	struct fl_ship_pick device;
	char done[DONE_MAX];

	int code = fl_ship_pick(c, c->args.word[0], &device);
	if (code != FL_EXIT_DONE)
		return code;
	fl_jw_obj(&w);
	fl_jw_key(&w, "hold");
	fl_jw_bool(&w, hold);
	fl_jw_obj_end(&w);
	snprintf(done, sizeof done, "%s is disconnected%s", device.name,
		 hold ? ", and not dialled until: fairlead ship connect" : "");
	code = fl_ship_post(c, &device, "/disconnect", &body, done);
	fl_buf_done(&body);
	return code;
}

/* "host:port", "[v6]:port"; a bare host means the customary port. */
static bool split_place(const char *text, char host[static 256], uint16_t *port)
{
	struct fl_buf url = fl_buf_make(BODY_MAX);
	struct fl_config_url u = { .port = 0 };
	const char *end = strrchr(text, ']');
	bool bare = strchr(end != NULL ? end : text, ':') == NULL;

	fl_buf_printf(&url, "http://%s%s", text, bare ? ":4712" : "");
	fl_buf_byte(&url, '\0');
	bool ok = fl_buf_err(&url) == FL_OK && strchr(text, '/') == NULL &&
		  fl_config_url_parse((const char *)url.ptr, &u);
	fl_buf_done(&url);
	*port = u.port;
	return ok && fl_str_copy(host, 256, fl_slice_str(u.host));
}

int fl_ship_place(struct fl_cli *c, const char *text, char host[static 256], uint16_t *port)
{
	if (split_place(text, host, port))
		return FL_EXIT_DONE;
	return fl_cli_fail(c, FL_EXIT_USAGE, "Write it like 192.0.2.7:4712 or [fe80::1]:4712.",
			   "'%s' is not a host and port", text);
}

static int connect_at(struct fl_cli *c, const struct fl_ship_pick *d, const char *place)
{
	struct fl_buf body = fl_buf_make(BODY_MAX);
	struct fl_jw w = fl_jw_make(&body);
	char host[256], done[DONE_MAX];
	uint16_t port;

	int code = fl_ship_place(c, place, host, &port);
	if (code != FL_EXIT_DONE)
		return code;
	fl_jw_obj(&w);
	fl_jw_key(&w, "host");
	fl_jw_str(&w, host);
	fl_jw_key(&w, "port");
	fl_jw_u64(&w, port);
	member(&w, "path", fl_args_text(&c->args, "path"));
	fl_jw_obj_end(&w);
	snprintf(done, sizeof done, "%s is dialled at %.256s, now and in future", d->name, place);
	code = fl_ship_post(c, d, "/connect", &body, done);
	fl_buf_done(&body);
	return code;
}

/* To pair what is paired has it dialled at once; whom nobody trusts must not become trusted so. */
static int connect_known(struct fl_cli *c, const struct fl_ship_pick *d)
{
	char text[256], done[DONE_MAX];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_answer a;

	fl_ship_path(&path, d, "");
	int code = fl_cli_ask(c, "GET", &path, NULL, &a);
	if (code == FL_EXIT_DONE) {
		struct fl_jv trusted = fl_json_path(fl_json_root(a.doc), "trusted");
		if (fl_json_kind(trusted) != FL_JSON_BOOL || !fl_json_bool(trusted))
			code = fl_cli_fail(c, FL_EXIT_REFUSED, "Pair it: fairlead ship pair SKI",
					   "%s is not paired", d->name);
	}
	fl_answer_done(&a);
	if (code != FL_EXIT_DONE)
		return code;
	snprintf(done, sizeof done, "%s is dialled as soon as it is seen", d->name);
	return fl_ship_post(c, d, "/pair", NULL, done);
}

int fl_cmd_ship_connect(struct fl_cli *c)
{
	struct fl_ship_pick device;

	int code = fl_ship_pick(c, c->args.word[0], &device);
	if (code != FL_EXIT_DONE)
		return code;
	return c->args.words > 1 ? connect_at(c, &device, c->args.word[1])
				 : connect_known(c, &device);
}
