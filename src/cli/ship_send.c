/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ship_send.c - what is told to a device: payloads, and the PIN that it asks for. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/secret.h"
#include "cli/ship.h"
#include "io/file.h"
#include "services/config/hub.h"

enum { PIN_FILE_MAX = 256, DONE_MAX = 256 };

/* ---- where the bytes come from ---- */

static int read_stdin(struct fl_cli *c, struct fl_buf *out)
{
	char piece[16 << 10];
	ssize_t n;

	while ((n = read(STDIN_FILENO, piece, sizeof piece)) > 0)
		fl_buf_put(out, piece, (size_t)n);
	fl_wipe(piece, sizeof piece); /* it may be a PIN */
	if (n == 0 && fl_buf_err(out) == FL_OK)
		return FL_EXIT_DONE;
	return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "standard input: %s",
			   n < 0 ? "cannot be read" : fl_err_text(fl_buf_err(out)));
}

/* The second argument: a file, "-" or none for standard input. */
static int read_source(struct fl_cli *c, struct fl_buf *out)
{
	const char *source = c->args.words > 1 ? c->args.word[1] : "-";
	struct fl_fault fault = { "" };

	if (strcmp(source, "-") == 0)
		return read_stdin(c, out);
	if (fl_file_read(source, out->max, &fault, out) == FL_OK)
		return FL_EXIT_DONE;
	return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "%s", fault.text);
}

static void trim(struct fl_buf *text)
{
	while (text->len > 0 && text->ptr[text->len - 1] <= ' ')
		text->len--;
}

/* ---- send ---- */

/* The text itself may stand in place of a file: no file is called {"datagram":... */
static int read_payload(struct fl_cli *c, struct fl_buf *out)
{
	const char *text = c->args.words > 1 ? c->args.word[1] : "";

	if (text[0] == '{')
		fl_buf_str(out, text);
	int code = text[0] == '{' ? FL_EXIT_DONE : read_source(c, out);
	trim(out);
	if (code == FL_EXIT_DONE && out->len == 0)
		code = fl_cli_fail(c, FL_EXIT_USAGE, "It is an object: {\"datagram\":{...}}",
				   "there is nothing to send");
	return code;
}

int fl_cmd_ship_send(struct fl_cli *c)
{
	char text[256], done[DONE_MAX];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_buf payload = fl_buf_make(FL_CONFIG_MESSAGE_MAX);
	struct fl_ship_pick device;

	int code = fl_ship_pick(c, c->args.word[0], &device);
	if (code == FL_EXIT_DONE)
		code = read_payload(c, &payload);
	if (code == FL_EXIT_DONE) {
		fl_ship_path(&path, &device,
			     fl_args_on(&c->args, "wire") ? "/send?wire=1" : "/send?wire=0");
		snprintf(done, sizeof done, "%zu bytes on the way to %s", payload.len, device.name);
		code = fl_cli_run(c, "POST", &path, &payload, &fl_resource_devices, done);
	}
	fl_buf_done(&payload);
	return code;
}

/* ---- PIN ---- */

static int ask_pin(struct fl_cli *c, const struct fl_ship_pick *d, struct fl_buf *out)
{
	char prompt[FL_SHIP_LABEL_MAX + 16];

	snprintf(prompt, sizeof prompt, "The PIN of %s: ", d->name);
	if (!fl_cli_secret(prompt, out))
		return fl_cli_fail(c, FL_EXIT_ABORTED, NULL, "no PIN was given");
	return FL_EXIT_DONE;
}

/* Never an argument: those are seen by every user of the machine. */
int fl_cmd_ship_pin(struct fl_cli *c)
{
	struct fl_buf pin = fl_buf_make(PIN_FILE_MAX), body = fl_buf_make(PIN_FILE_MAX * 8);
	struct fl_jw w = fl_jw_make(&body);
	struct fl_ship_pick device;
	char done[DONE_MAX];

	int code = fl_ship_pick(c, c->args.word[0], &device);
	if (code == FL_EXIT_DONE)
		code = c->args.words == 1 && isatty(STDIN_FILENO) ? ask_pin(c, &device, &pin)
								  : read_source(c, &pin);
	trim(&pin);
	if (code == FL_EXIT_DONE) {
		fl_jw_obj(&w);
		fl_jw_key(&w, "pin");
		fl_jw_text(&w, fl_buf_slice(&pin));
		fl_jw_obj_end(&w);
		snprintf(done, sizeof done, "the PIN is on the way to %s", device.name);
		code = fl_ship_post(c, &device, "/pin", &body, done);
	}
	fl_buf_wipe(&pin);
	fl_buf_wipe(&body);
	return code;
}
