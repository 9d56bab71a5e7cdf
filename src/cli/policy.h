/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/policy.h - what the commands of `fairlead policy` share: texts, and problems with a place.
 *
 *   policy_text.c    reading texts, problems with the line and a caret
 *   policy_file.c    check and fmt, which need no server
 *   policy_client.c  requests with a text, refusals shown at their place
 *   policy_show.c    verdicts and diffs for people
 *   policy_set.c     get, set, rollback, history; policy_edit.c edit
 *   policy_ask.c     why, who-can, can, diff, test
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

/* ---- policy_client.c ---- */

/* The body of a request under construction: begun with an object. Release with done. */
struct fl_policy_ask {
	struct fl_buf body;
	struct fl_jw w;
	struct {
		const char *key;
		const struct fl_policy_text *text;
	} texts[2]; /* whose problems a refusal may be about; NULL: none */
};
void fl_policy_ask_init(struct fl_policy_ask *q);
void fl_policy_ask_str(struct fl_policy_ask *q, const char *key, const char *value); /* not NULL */
void fl_policy_ask_text(struct fl_policy_ask *q, const char *key, const struct fl_policy_text *t);
void fl_policy_ask_number(struct fl_policy_ask *q, const char *key, uint64_t value);
void fl_policy_ask_done(struct fl_policy_ask *q);

/*
 * Sends it to /api/v1/policy and `path`. A refused text is shown with lines and carets:
 * FL_EXIT_CHECK if only its tests fail, else FL_EXIT_REFUSED.
 */
int fl_policy_ask(struct fl_cli *c, const char *method, const char *path, struct fl_policy_ask *q,
		  struct fl_answer *out);

/* Members of an answer; empty, 0 or false if they are absent or something else. */
struct fl_slice fl_policy_text_at(struct fl_jv v, const char *path);
uint64_t fl_policy_number_at(struct fl_jv v, const char *path);
bool fl_policy_true_at(struct fl_jv v, const char *path);
size_t fl_policy_len_at(struct fl_jv v, const char *path); /* of a list */

/* CSV and names are for lists: FL_EXIT_USAGE, and it was said. */
int fl_policy_check_format(struct fl_cli *c);

/* Prints an answer that programs read, as it came or as YAML. */
int fl_policy_show_data(struct fl_cli *c, const struct fl_answer *a);

/* ---- policy_show.c ---- */

/* What a diff says, as lines for people. */
void fl_policy_show_diff(struct fl_jv diff, struct fl_buf *out);

/* How many ways a diff takes away; and does it say that the list is not complete? */
uint64_t fl_policy_diff_lost(struct fl_jv diff);
bool fl_policy_diff_cut(struct fl_jv diff);

/* Tests that fail after it: how many. */
size_t fl_policy_diff_failures(struct fl_jv diff);

void fl_policy_show_verdict(struct fl_jv verdict, const char *src, const char *dst,
			    struct fl_buf *out);

/*
 * Prints lines that were made for people, on stderr where they belong to a question. With --quiet
 * only then.
 */
int fl_policy_print(struct fl_cli *c, struct fl_buf *text, bool question);

/* ---- policy_set.c ---- */

/* Whether a change is made. */
enum fl_policy_intent { FL_POLICY_ASK, FL_POLICY_DRY };

/* The hash of a policy text in hex: what a change was made from. "": not known. */
enum { FL_POLICY_HASH_MAX = 65 };

/*
 * Shows what a text would change and asks when it takes something away; *out_base is what it was
 * compared with. FL_EXIT_DONE: go on; else the code to end with, and it was said why.
 */
int fl_policy_preview(struct fl_cli *c, const struct fl_policy_text *t,
		      enum fl_policy_intent intent, char out_base[static FL_POLICY_HASH_MAX]);

/* Sets it if `base` is still in force; else FL_EXIT_CONFLICT. */
int fl_policy_store(struct fl_cli *c, const struct fl_policy_text *t, const char *base);

/* Is it the server that policies are set at? A file's are not: FL_EXIT_REFUSED, and it was said. */
int fl_policy_check_mode(struct fl_cli *c, struct fl_jv diff);

#endif
