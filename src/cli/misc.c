/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/misc.c - commands about the program and its settings: health, version, configtest, ... */
#include <stdio.h>

#include "cli/cli.h"
#include "crypto/keys.h"
#include "crypto/prim.h"
#include "services/control/control.h"

enum { TEXT_MAX = 64 << 10 };

/* ---- health ---- */

int fl_cmd_health(struct fl_cli *c)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_answer a;

	fl_buf_str(&path, "/api/v1/health");
	int code = fl_cli_ask(c, "GET", &path, NULL, &a);
	if (code == FL_EXIT_DONE) {
		struct fl_jv ok = fl_json_path(fl_json_root(a.doc), "databaseConnectivity");
		bool well = fl_json_kind(ok) == FL_JSON_BOOL && fl_json_bool(ok);
		if (fl_cli_wants_data(c))
			code = fl_cli_show(c, &fl_resource_change, &a);
		else
			fl_cli_say(c, well ? "healthy" : "the database does not answer");
		if (code == FL_EXIT_DONE && !well)
			code = FL_EXIT_CHECK;
	} else if (code == FL_EXIT_FAILED) {
		code = FL_EXIT_CHECK; /* it answers, but not well */
	}
	fl_answer_done(&a);
	return code;
}

/* ---- version ---- */

int fl_cmd_version(struct fl_cli *c)
{
	static const struct fl_resource none = { .list = "-", .item = "-" };
	struct fl_answer a = { .body = fl_buf_make(TEXT_MAX) };
	struct fl_jv root;
	int code = FL_EXIT_DONE;

	fl_control_version_json(&a.body);
	if (fl_json_parse(fl_buf_slice(&a.body), FL_JSON_DEPTH_MAX, &a.doc) != FL_OK) {
		fl_answer_done(&a);
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	}
	root = fl_json_root(a.doc);
	if (fl_output_is_machine(&c->out))
		code = fl_cli_show(c, &none, &a);
	else
		printf("fairlead %s (%s)\n",
		       (const char *)fl_json_str(fl_json_get(root, "fairlead")).ptr,
		       (const char *)fl_json_str(fl_json_get(root, "commit")).ptr);
	fl_answer_done(&a);
	return code;
}

/* ---- settings ---- */

static void write_list(struct fl_jw *w, const char *key, const struct fl_strlist *list)
{
	fl_jw_key(w, key);
	fl_jw_arr(w);
	for (size_t i = 0; i < list->len; i++)
		fl_jw_str(w, list->at[i]);
	fl_jw_arr_end(w);
}

static void report_json(const struct fl_config_report *report, enum fl_err err)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	struct fl_jw w = fl_jw_make(&b);

	fl_jw_obj(&w);
	fl_jw_key(&w, "ok");
	fl_jw_bool(&w, err == FL_OK);
	write_list(&w, "errors", &report->errors);
	write_list(&w, "warnings", &report->warnings);
	fl_jw_obj_end(&w);
	printf("%.*s\n", (int)b.len, (const char *)b.ptr);
	fl_buf_done(&b);
}

static void report_text(struct fl_cli *c, const struct fl_config_report *report, enum fl_err err,
			const struct fl_config *config)
{
	for (size_t i = 0; i < report->warnings.len; i++)
		fprintf(stderr, "warning: %s\n", report->warnings.at[i]);
	for (size_t i = 0; i < report->errors.len; i++)
		fprintf(stderr, "error: %s\n", report->errors.at[i]);
	if (err != FL_OK && report->errors.len == 0)
		fprintf(stderr, "error: %s\n", fl_err_text(err));
	if (err == FL_OK)
		fl_cli_say(c, "The settings are fine (%s).",
			   config->file != NULL ? config->file : "defaults, no file");
}

int fl_cmd_configtest(struct fl_cli *c)
{
	struct fl_config_report report = { 0 };
	struct fl_config *config = NULL;

	enum fl_err err = fl_config_load(fl_cli_config_path(c), NULL, &report, &config);
	if (fl_output_is_machine(&c->out)) {
		report_json(&report, err);
	} else {
		report_text(c, &report, err, config);
		if (err == FL_OK)
			fl_cli_warn_of_prefixes(config);
	}
	fl_config_report_done(&report);
	fl_config_free(config);
	if (err == FL_OK)
		return FL_EXIT_DONE;
	return err == FL_ERR_NOMEM ? FL_EXIT_FAILED : FL_EXIT_REFUSED;
}

int fl_cmd_dump_config(struct fl_cli *c)
{
	struct fl_buf text = fl_buf_make(1 << 20);

	int code = fl_cli_config(c);
	if (code != FL_EXIT_DONE)
		return code;
	fl_config_dump(c->config, &text);
	if (fl_buf_err(&text) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "%s", fl_err_text(fl_buf_err(&text)));
	else
		fwrite(text.ptr, 1, text.len, stdout);
	fl_buf_done(&text);
	return code;
}

/* ---- keys ---- */

int fl_cmd_generate(struct fl_cli *c)
{
	char text[FL_KEY_TEXT_MAX];
	struct fl_private_key key;

	if (fl_private_key_new(&key) != FL_OK)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "the system gives no randomness");
	fl_private_key_format(&key, text);
	if (c->out.format == FL_FORMAT_YAML)
		printf("private_key: \"%s\"\n", text);
	else if (fl_output_is_machine(&c->out))
		printf("{\"private_key\":\"%s\"}\n", text);
	else
		printf("%s\n", text);
	fl_wipe(&key, sizeof key);
	fl_wipe(text, sizeof text);
	return FL_EXIT_DONE;
}
