/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/policy_file.c - fairlead policy check and fmt: what needs the text alone, and no server. */
#include "cli/policy.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/file.h"
#include "wire/hujson.h"

enum { FORMATTED_MAX = 16 << 20, BODY_MAX = 16 << 20 };

/* ---- check ---- */

static void say_fine(struct fl_cli *c, const char *name, const struct fl_policy_doc *d)
{
	if (d == NULL) {
		fl_cli_say(c, "%s is empty: no policy, everything is allowed.", name);
		return;
	}
	fl_cli_say(c, "%s is fine: rules %zu, groups %zu, SSH rules %zu, tests %zu.", name,
		   d->rules_len, d->groups_len, d->ssh_len, d->tests_len + d->ssh_tests_len);
	if (d->tests_len + d->ssh_tests_len > 0)
		fl_cli_say(c, "Its tests need users and nodes: fairlead policy test FILE");
}

static int report_json(struct fl_cli *c, const struct fl_policy_text *t,
		       const struct fl_policy_report *r)
{
	struct fl_buf body = fl_buf_make(BODY_MAX);
	struct fl_jw w = fl_jw_make(&body);

	fl_jw_obj(&w);
	fl_jw_key(&w, "ok");
	fl_jw_bool(&w, r->len == 0);
	fl_policy_report_json(t, r, &w);
	fl_jw_obj_end(&w);
	int code = fl_policy_show_body(c, &body);
	fl_buf_done(&body);
	return code;
}

static int check_text(struct fl_cli *c, const struct fl_policy_text *t)
{
	const struct fl_policy_read how = { 0 };
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;
	int code = FL_EXIT_DONE;

	enum fl_err err = fl_policy_doc_read(fl_buf_slice(&t->text), &how, &report, &doc);
	if (err != FL_OK && err != FL_ERR_INVALID)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "%s: %s", t->name, fl_err_text(err));
	else if (fl_output_is_machine(&c->out))
		code = report_json(c, t, &report);
	else if (err == FL_OK)
		say_fine(c, t->name, doc);
	else
		fl_policy_report_show(t, &report);
	if (code == FL_EXIT_DONE && err != FL_OK)
		code = FL_EXIT_REFUSED;
	fl_policy_report_done(&report);
	fl_policy_doc_free(doc);
	return code;
}

int fl_cmd_policy_check(struct fl_cli *c)
{
	struct fl_policy_text text;
	int code = fl_policy_text_read(c, fl_cli_choice(c, "file"), &text);

	if (code == FL_EXIT_DONE)
		code = check_text(c, &text);
	fl_policy_text_done(&text);
	return code;
}

/* ---- fmt ---- */

/* Only the syntax is judged: a policy may be laid out before it is right. */
static int format_text(struct fl_cli *c, const struct fl_policy_text *t, struct fl_buf *out)
{
	struct fl_policy_report report = { 0 };
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at = FL_POLICY_NOWHERE;
	int code = FL_EXIT_REFUSED;

	if (t->text.len == 0)
		return FL_EXIT_DONE;
	enum fl_err err = fl_hujson_parse(fl_buf_slice(&t->text), &fault, &at, &doc);
	if (err == FL_OK) {
		fl_hujson_format(doc, out);
		err = fl_buf_err(out);
	}
	fl_hujson_free(doc);
	if (err == FL_OK)
		return FL_EXIT_DONE;
	if (err != FL_ERR_SYNTAX)
		return fl_cli_fail(c, FL_EXIT_REFUSED, NULL, "%s: %s", t->name,
				   fault.text[0] != '\0' ? fault.text : fl_err_text(err));
	fl_policy_report_add(&report, at, "%s", fault.text);
	if (fl_output_is_machine(&c->out))
		code = fl_cli_fail(c, FL_EXIT_REFUSED, NULL, "%s: %s", t->name, fault.text);
	else
		fl_policy_report_show(t, &report);
	fl_policy_report_done(&report);
	return code;
}

static int write_back(struct fl_cli *c, const char *path, const struct fl_buf *text)
{
	struct fl_fault fault = { "" };
	struct stat st;
	uint32_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;

	enum fl_err err = fl_file_write(path, mode, fl_buf_slice(text), &fault);
	if (err != FL_OK)
		return fl_cli_fail(c, fl_cli_exit_of(err), NULL, "%s", fault.text);
	fl_cli_say(c, "%s was laid out anew", path);
	return FL_EXIT_DONE;
}

static int deliver(struct fl_cli *c, const struct fl_policy_text *t, const struct fl_buf *text)
{
	bool same = fl_slice_eq(fl_buf_slice(&t->text), fl_buf_slice(text));

	if (fl_args_on(&c->args, "check")) {
		if (!same)
			fprintf(stderr, "%s: not laid out as fairlead policy fmt does it\n",
				t->name);
		return same ? FL_EXIT_DONE : FL_EXIT_CHECK;
	}
	if (fl_args_on(&c->args, "write"))
		return same ? FL_EXIT_DONE : write_back(c, t->name, text);
	if (text->len > 0)
		fwrite(text->ptr, 1, text->len, stdout);
	return FL_EXIT_DONE;
}

int fl_cmd_policy_fmt(struct fl_cli *c)
{
	struct fl_buf out = fl_buf_make(FORMATTED_MAX);
	const char *path = fl_cli_choice(c, "file");
	struct fl_policy_text text;

	if (path != NULL && strcmp(path, "-") == 0 && fl_args_on(&c->args, "write"))
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL,
				   "standard input cannot be written to; leave --write away");
	int code = fl_policy_text_read(c, path, &text);
	if (code == FL_EXIT_DONE)
		code = format_text(c, &text, &out);
	if (code == FL_EXIT_DONE)
		code = deliver(c, &text, &out);
	fl_policy_text_done(&text);
	fl_buf_done(&out);
	return code;
}
