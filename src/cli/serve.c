/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/serve.c - fairlead serve: settings in, a running server out, until a signal. */
#include "cli/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/service.h"

enum { BANNER_MAX = 8192 };

struct serve {
	struct fl_cli *cli;
	struct fl_service service;
	struct fl_server *server;
	const char *file, *dir; /* as given; for the next reading too */
	char path[FL_CLI_PATH_MAX];
};

/* ---- settings ---- */

static void log_all(enum fl_log_level level, const char *event, const struct fl_strlist *lines)
{
	for (size_t i = 0; i < lines->len; i++)
		FL_LOG(level, event, FL_LS("text", lines->at[i]));
}

/* With a folder of its own: its config.yaml if there is one, else no file at all. */
static void choose_file(struct serve *s)
{
	s->file = fl_args_text(&s->cli->args, "config");
	s->dir = fl_args_text(&s->cli->args, "quickstart");
	if (s->dir == NULL)
		s->file = fl_cli_config_path(s->cli);
	if (s->dir == NULL || s->file != NULL)
		return;
	snprintf(s->path, sizeof s->path, "%s/config.yaml", s->dir);
	s->file = access(s->path, F_OK) == 0 ? s->path : "";
}

static int load(struct serve *s, struct fl_config_report *report, struct fl_config **out)
{
	enum fl_err err = fl_config_load(s->file, s->dir, report, out);

	if (err == FL_OK)
		return FL_EXIT_DONE;
	for (size_t i = 0; i < report->warnings.len; i++)
		fprintf(stderr, "warning: %s\n", report->warnings.at[i]);
	for (size_t i = 0; i < report->errors.len; i++)
		fprintf(stderr, "error: %s\n", report->errors.at[i]);
	return fl_cli_fail(s->cli, err == FL_ERR_NOMEM ? FL_EXIT_FAILED : FL_EXIT_REFUSED,
			   "Correct the settings; check them with: fairlead configtest",
			   "the server cannot start with these settings: %zu errors",
			   report->errors.len);
}

/* A box for people, one record for programs. */
static void warn_of_prefixes(const struct fl_config *config)
{
	const char *lines[12];
	size_t count = fl_config_prefix_warning(config, lines);
	struct fl_buf text = fl_buf_make(BANNER_MAX);

	if (config->log_format != FL_LOG_JSON) {
		fl_cli_warn_of_prefixes(config);
		return;
	}
	for (size_t i = 0; i < count; i++)
		fl_buf_printf(&text, "%s%s", i ? " " : "", lines[i]);
	if (count > 0)
		fl_log_warn("prefixes outside the standard ranges",
			    FL_LT("text", fl_buf_slice(&text)));
	fl_buf_done(&text);
}

/* ---- reload ---- */

static void on_reload(void *ctx)
{
	struct serve *s = ctx;
	struct fl_config_report report = { 0 };
	struct fl_config *config = NULL;
	struct fl_fault fault = { "" };

	enum fl_err err = fl_config_load(s->file, s->dir, &report, &config);
	log_all(FL_LOG_WARN, "settings", &report.warnings);
	if (err != FL_OK) {
		log_all(FL_LOG_ERROR, "settings", &report.errors);
		fl_log_error("not reloaded, the settings in use stay");
	} else {
		err = fl_server_reload(s->server, config, &fault);
		if (err != FL_OK)
			fl_log_error("not reloaded, the settings in use stay",
				     FL_LS("reason", fault.text));
		else if (fault.text[0] != '\0')
			fl_log_warn("reloaded", FL_LS("note", fault.text));
		else
			fl_log_info("reloaded");
	}
	fl_config_report_done(&report);
}

/* ---- run ---- */

static int start(struct serve *s, struct fl_config *config)
{
	struct fl_fault fault = { "" };
	char at[FL_ADDRPORT_TEXT_MAX];

	enum fl_err err = fl_service_open(&s->service, on_reload, s);
	if (err != FL_OK) {
		fl_config_free(config);
		return fl_cli_fail(s->cli, FL_EXIT_FAILED, NULL, "cannot start: %s",
				   fl_err_text(err));
	}
	err = fl_server_start(s->service.loop, config, &fault, &s->server);
	if (err != FL_OK) {
		fl_service_close(&s->service);
		return fl_cli_fail(s->cli, FL_EXIT_FAILED, NULL, "the server cannot start: %s",
				   fault.text[0] != '\0' ? fault.text : fl_err_text(err));
	}
	struct fl_addrport bound = fl_server_at(s->server);
	fl_addrport_format(&bound, at);
	fl_log_info("serving", FL_LS("at", at));
	return FL_EXIT_DONE;
}

static int run(struct serve *s, struct fl_config *config)
{
	struct fl_quickstart *quick = NULL;
	enum fl_err err = FL_OK;

	if (s->dir != NULL)
		err = fl_quickstart_new(s->cli, config, s->dir, &quick);
	if (err != FL_OK) {
		fl_config_free(config);
		return fl_cli_fail(s->cli, FL_EXIT_FAILED, NULL, "%s", fl_err_text(err));
	}
	int code = start(s, config);
	if (code == FL_EXIT_DONE) {
		if (quick != NULL)
			fl_quickstart_begin(quick, s->service.loop, s->server);
		fl_service_run(&s->service);
		s->server = fl_server_stop(s->server, FL_SERVICE_GRACE);
		fl_service_close(&s->service);
		fl_log_info("stopped");
	}
	fl_quickstart_free(quick);
	return code;
}

int fl_cmd_serve(struct fl_cli *c)
{
	struct serve s = { .cli = c };
	struct fl_config_report report = { 0 };
	struct fl_config *config = NULL;

	choose_file(&s);
	int code = load(&s, &report, &config);
	if (code == FL_EXIT_DONE) {
		fl_service_prepare(config->log_level, config->log_format);
		log_all(FL_LOG_WARN, "settings", &report.warnings);
		warn_of_prefixes(config);
		code = run(&s, config);
	}
	fl_config_report_done(&report);
	return code;
}
