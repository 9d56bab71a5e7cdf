/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/policy.h - what the commands of `fairlead policy` share: texts, and problems with a place.
 *
 *   policy_text.c  reading texts, problems with the line and a caret
 *   policy_file.c  check and fmt, which need no server
 */
#ifndef FL_CLI_POLICY_H
#define FL_CLI_POLICY_H

#include "cli/cli.h"
#include "domain/policy/document.h"

/* A policy text and what messages call it. */
struct fl_policy_text {
	struct fl_buf text;
	const char *name; /* the path, or "standard input" */
};

/*
 * Reads a file, or with "-" standard input; NULL: says which command wants one. Release with done,
 * also after a failure. FL_EXIT_DONE, or the code of a failure that was reported.
 */
int fl_policy_text_read(struct fl_cli *c, const char *path, struct fl_policy_text *out);
void fl_policy_text_done(struct fl_policy_text *t);

/* One problem. Line and column count from 1, the column in bytes; 0: it has no place. */
struct fl_policy_issue {
	size_t line, column;
	struct fl_slice text;
};

/*
 * Appends "NAME:LINE:COLUMN: TEXT", the line of the source and a caret below the column. Of a long
 * line only what is around it; a place that the source does not have is left out.
 */
void fl_policy_issue_show(const char *name, struct fl_slice source, const struct fl_policy_issue *p,
			  struct fl_buf *out);

/* The same for all problems of a report, on stderr. */
void fl_policy_report_show(const struct fl_policy_text *t, const struct fl_policy_report *r);

/* Appends them as the member `errors` of an object: [{"message","line","column"}]. */
void fl_policy_report_json(const struct fl_policy_text *t, const struct fl_policy_report *r,
			   struct fl_jw *w);

/* Shows an answer that was made here as if it came from the server. */
int fl_policy_show_body(struct fl_cli *c, const struct fl_buf *body);

#endif
