/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/config_kit.c - settings read from a file of a test. */
#include "config_kit.h"

#include <stdio.h>
#include <unistd.h>

char dir[] = "/tmp/fl-test-config-XXXXXX";
char file[64];

void write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

struct result load(const char *text)
{
	struct result r = { 0 };

	if (text != NULL)
		write_file(text);
	r.err = fl_config_load(text != NULL ? file : "", dir, &r.report, &r.config);
	assert_int_equal(r.err == FL_OK, r.config != NULL);
	return r;
}

void drop(struct result *r)
{
	fl_config_free(r->config);
	fl_config_report_done(&r->report);
}

void print_all(const struct fl_strlist *l, const char *what)
{
	for (size_t i = 0; i < l->len; i++)
		print_message("  %s: %s\n", what, l->at[i]);
}

/* One line of the list holds all of `a` and `b`. */
void assert_said(const struct result *r, const struct fl_strlist *l, const char *a, const char *b)
{
	for (size_t i = 0; i < l->len; i++)
		if (strstr(l->at[i], a) != NULL && (b == NULL || strstr(l->at[i], b) != NULL))
			return;
	print_all(&r->report.errors, "error");
	print_all(&r->report.warnings, "warning");
	fail_msg("nothing says \"%s\" and \"%s\"", a, b != NULL ? b : "");
}

void dump(const struct fl_config *c, struct fl_buf *out)
{
	*out = fl_buf_make(1 << 20);
	fl_config_dump(c, out);
	fl_buf_byte(out, '\0');
	assert_err(fl_buf_err(out), FL_OK);
}

void read_good(void **state)
{
	const struct good *g = *state;
	struct result r = load(g->text);
	struct fl_buf out;

	print_all(&r.report.errors, "error");
	print_all(&r.report.warnings, "warning");
	assert_err(r.err, FL_OK);
	assert_int_equal(r.report.errors.len, 0);
	assert_int_equal(r.report.warnings.len, 0);
	dump(r.config, &out);
	if (strstr((const char *)out.ptr, g->line) == NULL)
		fail_msg("no \"%s\" in:\n%s", g->line, (const char *)out.ptr);
	assert_null(strstr((const char *)out.ptr, "hskey-api-secret"));
	fl_buf_done(&out);
	drop(&r);
}

/* What is dumped can be read, and then dumps the same. */
void dump_again(void **state)
{
	const struct good *g = *state;
	struct result r = load(g->text);
	struct fl_buf first, second;

	dump(r.config, &first);
	drop(&r);
	r = load((const char *)first.ptr);
	print_all(&r.report.errors, "error");
	assert_err(r.err, FL_OK);
	dump(r.config, &second);
	assert_bytes(fl_buf_slice(&second), fl_buf_slice(&first));
	fl_buf_done(&first);
	fl_buf_done(&second);
	drop(&r);
}

void read_bad(void **state)
{
	const struct bad *b = *state;
	struct result r = load(b->text);

	assert_err(r.err, FL_ERR_INVALID);
	assert_int_equal(r.report.errors.len, 1); /* no error follows from another */
	assert_said(&r, &r.report.errors, b->at, b->says);
	drop(&r);
}

bool kit_begin(void)
{
	if (mkdtemp(dir) == NULL)
		return false;
	snprintf(file, sizeof file, "%s/config.yaml", dir);
	return true;
}

void kit_end(void)
{
	unlink(file);
	rmdir(dir);
}
