/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/report.c - the problems of a document, in the order in which they were found. */
#include "domain/policy/document.h"

#include <stdio.h>
#include <stdlib.h>

void fl_policy_report_done(struct fl_policy_report *r)
{
	for (size_t i = 0; i < r->len; i++)
		free(r->at[i].text);
	free(r->at);
	*r = (struct fl_policy_report){ 0 };
}

/* Capacities are powers of two, so that the length tells when the next one is due. */
static bool make_room(struct fl_policy_report *r)
{
	if (r->len > 0 && (r->len & (r->len - 1)) != 0)
		return true;
	size_t cap = r->len > 0 ? r->len * 2 : 1;
	struct fl_policy_problem *at = reallocarray(r->at, cap, sizeof *at);
	if (at == NULL)
		return false;
	r->at = at;
	return true;
}

FL_PRINTF(1, 0) static char *print(const char *fmt, va_list args)
{
	va_list again;

	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *text = len >= 0 ? malloc((size_t)len + 1) : NULL;
	if (text != NULL)
		vsnprintf(text, (size_t)len + 1, fmt, args);
	return text;
}

void fl_policy_report_add(struct fl_policy_report *r, size_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	char *text = print(fmt, args);
	va_end(args);
	if (text == NULL || !make_room(r)) {
		free(text);
		r->nomem = true;
		return;
	}
	r->at[r->len++] = (struct fl_policy_problem){ .text = text, .at = at };
}

void fl_policy_report_text(const struct fl_policy_report *r, struct fl_buf *out)
{
	if (r->len == 1) {
		fl_buf_str(out, r->at[0].text);
		return;
	}
	if (r->len > 0)
		fl_buf_str(out, "multiple errors:");
	for (size_t i = 0; i < r->len; i++) {
		fl_buf_str(out, "\n\t");
		fl_buf_str(out, r->at[i].text);
	}
}
