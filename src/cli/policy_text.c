/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/policy_text.c - policy texts from files, and their problems with the line and a caret. */
#include "cli/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "wire/hujson.h"

enum {
	SHOWN_MAX = 100, /* bytes of a source line */
	BEFORE_MAX = 60, /* of them before the column, when the line is longer */
	REPORT_MAX = 8 << 20,
	STEP = 64 << 10,
};

/* ---- reading ---- */

static int read_stdin(struct fl_cli *c, struct fl_buf *out)
{
	uint8_t step[STEP];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, step, sizeof step);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fl_cli_fail(c, FL_EXIT_FAILED, NULL,
					   "cannot read standard input: %s", strerror(errno));
		if (n == 0)
			return FL_EXIT_DONE;
		fl_buf_put(out, step, (size_t)n);
		if (fl_buf_err(out) != FL_OK)
			return fl_cli_fail(c, fl_cli_exit_of(FL_ERR_INVALID), NULL,
					   "a policy has at most %d bytes", FL_HUJSON_TEXT_MAX);
	}
}

int fl_policy_text_read(struct fl_cli *c, const char *path, struct fl_policy_text *out)
{
	struct fl_fault fault = { "" };

	*out = (struct fl_policy_text){ .text = fl_buf_make(FL_HUJSON_TEXT_MAX), .name = path };
	if (path == NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, "Name a file, or - for standard input.",
				   "which policy?");
	if (strcmp(path, "-") == 0) {
		out->name = "standard input";
		return read_stdin(c, &out->text);
	}
	enum fl_err err = fl_file_read(path, FL_HUJSON_TEXT_MAX, &fault, &out->text);
	if (err == FL_OK)
		return FL_EXIT_DONE;
	return fl_cli_fail(c, err == FL_ERR_TOO_BIG ? FL_EXIT_REFUSED : fl_cli_exit_of(err), NULL,
			   "%s", fault.text);
}

void fl_policy_text_done(struct fl_policy_text *t)
{
	fl_buf_done(&t->text);
}

/* ---- the line and the caret ---- */

/* The line of that number, without its end; false if there are fewer. */
static bool find_line(struct fl_slice source, size_t line, struct fl_slice *out)
{
	struct fl_slice rest = source;

	for (; line > 1; line--) {
		const uint8_t *end = rest.len > 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;
		if (end == NULL)
			return false;
		rest = fl_slice_skip(rest, (size_t)(end - rest.ptr) + 1);
	}
	const uint8_t *end = rest.len > 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;
	rest.len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
	if (rest.len > 0 && rest.ptr[rest.len - 1] == '\r')
		rest.len--;
	*out = rest;
	return true;
}

static bool is_inside(uint8_t byte) /* of a rune, not its first byte */
{
	return (byte & 0xc0) == 0x80;
}

/* Cuts a long line to what is around `*at`, never inside a rune. */
static void cut_line(struct fl_slice *line, size_t *at)
{
	size_t from = line->len > SHOWN_MAX && *at > BEFORE_MAX ? *at - BEFORE_MAX : 0;

	while (from < *at && is_inside(line->ptr[from]))
		from++;
	*line = fl_slice_skip(*line, from);
	*at -= from;
	size_t len = line->len > SHOWN_MAX ? SHOWN_MAX : line->len;
	while (len < line->len && is_inside(line->ptr[len]))
		len++;
	line->len = len;
}

/* Tabs stay, so that the caret stands where they lead; whatever else terminals obey does not. */
static void put_line(struct fl_slice line, struct fl_buf *out)
{
	while (line.len > 0) {
		size_t n = 0;
		while (n < line.len && line.ptr[n] != '\t')
			n++;
		fl_output_clean(fl_slice_of(line.ptr, n), out);
		if (n < line.len)
			fl_buf_byte(out, '\t');
		line = fl_slice_skip(line, n + 1);
	}
	fl_buf_byte(out, '\n');
}

static void put_caret(struct fl_slice line, size_t at, struct fl_buf *out)
{
	for (size_t i = 0; i < at && i < line.len; i++) {
		if (line.ptr[i] == '\t')
			fl_buf_byte(out, '\t');
		else if (!is_inside(line.ptr[i]))
			fl_buf_byte(out, ' ');
	}
	fl_buf_str(out, "^\n");
}

/* A problem may have lines of its own: those of failed tests. */
static void put_text(struct fl_slice text, struct fl_buf *out)
{
	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t n = end != NULL ? (size_t)(end - text.ptr) : text.len;
		struct fl_slice line = fl_slice_trim(fl_slice_of(text.ptr, n));
		fl_output_clean(line, out);
		text = fl_slice_skip(text, n + 1);
		fl_buf_str(out, text.len > 0 ? "\n    " : "");
	}
	fl_buf_byte(out, '\n');
}

void fl_policy_issue_show(const char *name, struct fl_slice source, const struct fl_policy_issue *p,
			  struct fl_buf *out)
{
	struct fl_slice line;
	size_t at = p->column > 0 ? p->column - 1 : 0;

	fl_output_clean(fl_slice_str(name), out);
	if (p->line > 0)
		fl_buf_printf(out, ":%zu:%zu", p->line, p->column);
	fl_buf_str(out, ": ");
	put_text(p->text, out);
	if (p->line == 0 || !find_line(source, p->line, &line))
		return;
	at = at < line.len ? at : line.len;
	cut_line(&line, &at);
	put_line(line, out);
	put_caret(line, at, out);
}

/* ---- reports ---- */

static struct fl_policy_issue issue_of(const struct fl_policy_text *t,
				       const struct fl_policy_problem *p)
{
	struct fl_policy_issue issue = { .text = fl_slice_str(p->text) };

	if (p->at != FL_POLICY_NOWHERE)
		fl_hujson_place(fl_buf_slice(&t->text), p->at, &issue.line, &issue.column);
	return issue;
}

void fl_policy_report_show(const struct fl_policy_text *t, const struct fl_policy_report *r)
{
	struct fl_buf out = fl_buf_make(REPORT_MAX);

	for (size_t i = 0; i < r->len; i++) {
		const struct fl_policy_issue issue = issue_of(t, &r->at[i]);
		fl_buf_reset(&out);
		fl_policy_issue_show(t->name, fl_buf_slice(&t->text), &issue, &out);
		fwrite(out.ptr, 1, out.len, stderr);
	}
	fl_buf_done(&out);
}

void fl_policy_report_json(const struct fl_policy_text *t, const struct fl_policy_report *r,
			   struct fl_jw *w)
{
	fl_jw_key(w, "errors");
	fl_jw_arr(w);
	for (size_t i = 0; i < r->len; i++) {
		const struct fl_policy_issue issue = issue_of(t, &r->at[i]);
		fl_jw_obj(w);
		fl_jw_key(w, "message");
		fl_jw_text(w, issue.text);
		fl_jw_key(w, "line");
		fl_jw_u64(w, issue.line);
		fl_jw_key(w, "column");
		fl_jw_u64(w, issue.column);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

int fl_policy_show_body(struct fl_cli *c, const struct fl_buf *body)
{
	struct fl_answer a = { .body = fl_buf_make(REPORT_MAX) };
	int code;

	fl_buf_put(&a.body, body->ptr, body->len);
	if (fl_buf_err(body) != FL_OK || fl_buf_err(&a.body) != FL_OK ||
	    fl_json_parse_most(fl_buf_slice(&a.body), FL_JSON_DEPTH_MAX, REPORT_MAX, &a.doc) !=
		    FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	else
		code = fl_policy_show_data(c, &a);
	fl_answer_done(&a);
	return code;
}
