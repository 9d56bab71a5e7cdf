/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ship_run.c - fairlead ship run: the device hub in the foreground, until a signal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/service.h"
#include "cli/ship.h"
#include "io/qr_code.h"
#include "services/config/check.h"
#include "services/ship/admin.h"

enum { SOCKET_MODE = 0660, WINDOW_AT_START = 120, TEXT_MAX = 64 << 10 };

struct run {
	struct fl_cli *cli;
	struct fl_service service;
	struct fl_ship_settings settings;
	struct fl_ship_hub_config cfg;
	struct fl_ship_admin_config admin_cfg;
	struct fl_ship_hub *hub;
	struct fl_ship_admin *admin;
};

/* ---- the block of text ---- */

static void print_qr(struct run *r)
{
	struct fl_buf text = fl_buf_make(TEXT_MAX), code = fl_buf_make(TEXT_MAX);
	struct fl_fault fault = { "" };

	if (fl_ship_hub_qr(r->hub, &text) == FL_OK) {
		fl_buf_byte(&text, '\0');
		printf("  QR text   %s\n", (const char *)text.ptr);
		if (r->cli->out.format == FL_FORMAT_TABLE &&
		    fl_qr_code_draw((const char *)text.ptr, r->cli->out.colour, &fault, &code) ==
			    FL_OK)
			printf("\n%.*s", (int)code.len, (const char *)code.ptr);
	}
	fl_buf_done(&text);
	fl_buf_done(&code);
}

static void print_block(struct run *r)
{
	const char *program = strchr(r->cli->program, '/') != NULL ? r->cli->program : "fairlead";
	const char *dir = r->settings.folder;
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(fl_ship_hub_ski(r->hub), ski);
	printf("\n"
	       "The device hub is running on port %u\n"
	       "\n"
	       "  SKI       %s\n"
	       "  SHIP ID   %s\n",
	       fl_ship_hub_at(r->hub).port, ski, fl_ship_hub_id(r->hub));
	print_qr(r);
	printf("\n"
	       "On the device, enter the SKI or scan the code of `ship qr`. Then, in another "
	       "terminal,\n"
	       "see what is there and trust it (DEVICE: the first digits of its SKI):\n"
	       "  %s ship list --state-dir %s\n"
	       "  %s ship pair DEVICE --name NAME --state-dir %s\n"
	       "\n"
	       "All data is in %s/. Keep it: devices know this hub by the key in there.\n"
	       "Ctrl-C stops the hub. The next start goes on with the same identity.\n\n",
	       program, dir, program, dir, dir);
	fflush(stdout);
}

/* ---- start ---- */

static int failed(struct run *r, enum fl_err err, const struct fl_fault *fault)
{
	const char *hint = NULL;
	enum fl_exit code = fl_cli_exit_of(err);

	if (err == FL_ERR_BUSY) {
		code = FL_EXIT_CONFLICT;
		hint = "Is another hub running? Name another folder with --state-dir, another "
		       "port with --listen.";
	}
	return fl_cli_fail(r->cli, code, hint, "the hub cannot start: %s",
			   fault->text[0] != '\0' ? fault->text : fl_err_text(err));
}

static bool is_trusted(const struct fl_ship_hub *h, const struct fl_ski *ski)
{
	struct fl_device_info info;
	return fl_devices_info(fl_ship_hub_devices(h), ski, &info) == FL_OK && info.record.trusted;
}

/* Those of the settings that are not trusted yet; what a person did meanwhile is not undone. */
static enum fl_err trust_listed(struct run *r, struct fl_fault *fault)
{
	const struct fl_config *c = r->cli->config;
	struct fl_ski ski;

	for (size_t i = 0; i < c->ship.trusted_count; i++) {
		const struct fl_config_device *d = &c->ship.trusted[i];
		enum fl_err err = fl_ski_parse(fl_slice_str(d->ski), &ski);
		if (err == FL_OK && !is_trusted(r->hub, &ski))
			err = fl_ship_hub_pair(r->hub, &ski, d->ship_id, d->name, fault);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static enum fl_err start(struct run *r, struct fl_fault *fault)
{
	enum fl_err err = fl_ship_hub_new(r->service.loop, &r->cfg, fault, &r->hub);

	if (err == FL_OK)
		err = fl_ship_hub_start(r->hub, fault);
	if (err == FL_OK)
		err = trust_listed(r, fault);
	if (err == FL_OK && r->cli->config->ship.auto_accept)
		err = fl_ship_hub_window(r->hub, WINDOW_AT_START, fault);
	if (err == FL_OK)
		err = fl_ship_admin_new(r->service.loop, r->hub, &r->admin_cfg, fault, &r->admin);
	return err;
}

/* ---- run ---- */

static void on_reload(void *ctx)
{
	(void)ctx;
	fl_log_info("nothing to reload: the hub reads its settings when it starts");
}

static void on_down(void *ctx)
{
	struct run *r = ctx;
	fl_loop_stop(r->service.loop);
}

/* Connections end in order, then nothing is left on the loop but what is freed. */
static void stop(struct run *r)
{
	r->admin = fl_ship_admin_free(r->admin);
	if (r->hub != NULL) {
		fl_ship_hub_stop(r->hub, on_down, r);
		fl_loop_run(r->service.loop);
	}
	r->hub = fl_ship_hub_free(r->hub);
	fl_service_close(&r->service);
}

static int run(struct run *r)
{
	struct fl_fault fault = { "" };
	int code = FL_EXIT_DONE;

	enum fl_err err = fl_service_open(&r->service, on_reload, r);
	if (err != FL_OK)
		return fl_cli_fail(r->cli, FL_EXIT_FAILED, NULL, "cannot start: %s",
				   fl_err_text(err));
	err = start(r, &fault);
	if (err != FL_OK) {
		code = failed(r, err, &fault);
	} else {
		if (!r->cli->out.quiet)
			print_block(r);
		fl_service_run(&r->service);
	}
	stop(r);
	if (code == FL_EXIT_DONE)
		fl_log_info("stopped");
	return code;
}

/* The settings were checked when they were read. */
static void choose_admin(struct run *r)
{
	const char *metrics = r->cli->config->ship.metrics_listen_addr;

	r->admin_cfg.socket = r->cli->socket;
	r->admin_cfg.socket_mode = SOCKET_MODE;
	if (metrics[0] != '\0' &&
	    fl_config_listen_parse(metrics, &r->admin_cfg.metrics_at) != FL_OK)
		r->admin_cfg.metrics_at = (struct fl_addrport){ 0 };
}

/* The socket lies in the folder that this hub is to have, whatever runs elsewhere. */
static int choose_socket(struct run *r)
{
	const char *given = fl_args_text(&r->cli->args, "socket");
	char *out = r->cli->socket;
	int len = snprintf(out, sizeof r->cli->socket, "%s%s",
			   given != NULL ? given : r->settings.folder,
			   given != NULL ? "" : "/ship.sock");

	if (len > 0 && (size_t)len < sizeof r->cli->socket)
		return FL_EXIT_DONE;
	return fl_cli_fail(r->cli, FL_EXIT_USAGE, NULL, "the name of the socket is too long");
}

int fl_cmd_ship_run(struct fl_cli *c)
{
	struct run *r = calloc(1, sizeof *r);
	if (r == NULL)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	r->cli = c;
	int code = fl_ship_settings_read(c, &r->settings, &r->cfg);
	if (code == FL_EXIT_DONE)
		code = choose_socket(r);
	if (code == FL_EXIT_DONE) {
		choose_admin(r);
		fl_service_prepare(c->config->log_level, c->config->log_format);
		code = run(r);
	}
	fl_ship_settings_done(&r->settings);
	free(r);
	return code;
}
