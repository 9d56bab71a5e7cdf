/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/policy_set.c - fairlead policy get, set, history and rollback. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/policy.h"

enum { TEXT_MAX = 8 << 20, PATH_MAX_LEN = 64 };

/* ---- get ---- */

static int show_text(struct fl_cli *c, const struct fl_answer *a, const char *path)
{
	struct fl_slice text = fl_policy_text_at(fl_json_root(a->doc), path);

	if (fl_output_is_machine(&c->out))
		return fl_policy_show_data(c, a);
	if (text.len > 0)
		fwrite(text.ptr, 1, text.len, stdout);
	return FL_EXIT_DONE;
}

/* Beside the text, which may go to a file. */
static void say_none(const struct fl_cli *c, const struct fl_answer *a)
{
	if (fl_policy_text_at(fl_json_root(a->doc), "policy").len == 0 && !c->out.quiet &&
	    !fl_output_is_machine(&c->out))
		fprintf(stderr, "no policy is set: everything is allowed\n");
}

int fl_cmd_policy_get(struct fl_cli *c)
{
	char path[PATH_MAX_LEN];
	struct fl_answer a = { 0 };
	int code;

	if (fl_args_has(&c->args, "revision")) {
		snprintf(path, sizeof path, "/history/%" PRIu64,
			 fl_args_number(&c->args, "revision"));
		code = fl_policy_ask(c, "GET", path, NULL, &a);
		if (code == FL_EXIT_DONE)
			code = show_text(c, &a, "revision.policy");
	} else {
		code = fl_policy_ask(c, "GET", "", NULL, &a);
		if (code == FL_EXIT_DONE) {
			code = show_text(c, &a, "policy");
			say_none(c, &a);
		}
	}
	fl_answer_done(&a);
	return code;
}

/* ---- preview ---- */

static bool takes_away(struct fl_jv diff)
{
	return fl_policy_diff_lost(diff) > 0 || fl_policy_diff_cut(diff);
}

static int show_preview(struct fl_cli *c, const struct fl_answer *a, enum fl_policy_intent intent)
{
	struct fl_jv diff = fl_json_root(a->doc);
	struct fl_buf out = fl_buf_make(TEXT_MAX);
	bool question = intent == FL_POLICY_ASK && takes_away(diff) &&
			fl_policy_diff_failures(diff) == 0 && !fl_args_on(&c->args, "force");

	if (fl_output_is_machine(&c->out) && !question)
		/* stdout is for one answer: that of the change, if there is one */
		return intent == FL_POLICY_DRY ? fl_policy_show_data(c, a) : FL_EXIT_DONE;
	fl_policy_show_diff(diff, &out);
	return fl_policy_print(c, &out, question);
}

/* The text was read well; its tests may fail even so. */
static int fail_tests(struct fl_cli *c, struct fl_jv diff)
{
	struct fl_slice first = fl_json_str(fl_json_at(fl_json_path(diff, "tests"), 0));

	return fl_cli_fail(c, FL_EXIT_CHECK, NULL, "tests of the policy fail: %zu; %.*s",
			   fl_policy_diff_failures(diff), (int)first.len, (const char *)first.ptr);
}

int fl_policy_check_mode(struct fl_cli *c, struct fl_jv diff)
{
	if (!fl_slice_is(fl_policy_text_at(diff, "mode"), "file"))
		return FL_EXIT_DONE;
	return fl_cli_fail(c, FL_EXIT_REFUSED,
			   "Change the file and reload the server; see policy.path.",
			   "the policy comes from a file (policy.mode: file)");
}

static int judge(struct fl_cli *c, const struct fl_answer *a, enum fl_policy_intent intent)
{
	struct fl_jv diff = fl_json_root(a->doc);
	uint64_t lost = fl_policy_diff_lost(diff);

	int code = intent == FL_POLICY_ASK ? fl_policy_check_mode(c, diff) : FL_EXIT_DONE;
	if (code == FL_EXIT_DONE)
		code = show_preview(c, a, intent);
	if (code == FL_EXIT_DONE && fl_policy_diff_failures(diff) > 0)
		return fail_tests(c, diff);
	if (code != FL_EXIT_DONE || intent == FL_POLICY_DRY || !takes_away(diff))
		return code;
	if (lost == 0)
		return fl_cli_confirm(c, "What this takes away is not known whole. Go on?");
	return fl_cli_confirm(c, "This takes access away (%" PRIu64 " %s above). Go on?", lost,
			      lost == 1 ? "entry" : "entries");
}

static int preview(struct fl_cli *c, struct fl_policy_ask *q, enum fl_policy_intent intent,
		   char out_base[static FL_POLICY_HASH_MAX])
{
	struct fl_answer a = { 0 };

	out_base[0] = '\0';
	int code = fl_policy_ask(c, "POST", "/diff", q, &a);
	if (code == FL_EXIT_DONE) {
		fl_str_copy(out_base, FL_POLICY_HASH_MAX,
			    fl_policy_text_at(fl_json_root(a.doc), "base"));
		code = judge(c, &a, intent);
	}
	fl_answer_done(&a);
	return code;
}

int fl_policy_preview(struct fl_cli *c, const struct fl_policy_text *t,
		      enum fl_policy_intent intent, char out_base[static FL_POLICY_HASH_MAX])
{
	struct fl_policy_ask q;

	fl_policy_ask_init(&q);
	fl_policy_ask_text(&q, "policy", t);
	int code = preview(c, &q, intent, out_base);
	fl_policy_ask_done(&q);
	/* Nothing is lost by it, but a file may be empty because writing it failed. */
	if (code == FL_EXIT_DONE && intent == FL_POLICY_ASK && t->text.len == 0)
		code = fl_cli_confirm(c, "An empty policy allows everything. Go on?");
	return code;
}

/* ---- set ---- */

static int change(struct fl_cli *c, const char *method, const char *path, struct fl_policy_ask *q,
		  const char *done)
{
	struct fl_answer a = { 0 };

	int code = fl_policy_ask(c, method, path, q, &a);
	if (code == FL_EXIT_DONE && fl_output_is_machine(&c->out))
		code = fl_policy_show_data(c, &a);
	else if (code == FL_EXIT_DONE)
		fl_cli_say(c, "%s", done);
	fl_answer_done(&a);
	return code;
}

/* What a change says besides its text. */
static void put_change(struct fl_cli *c, struct fl_policy_ask *q, const char *base)
{
	const char *comment = fl_args_text(&c->args, "comment");

	if (comment != NULL)
		fl_policy_ask_str(q, "comment", comment);
	if (base[0] != '\0')
		fl_policy_ask_str(q, "base", base);
}

int fl_policy_store(struct fl_cli *c, const struct fl_policy_text *t, const char *base)
{
	struct fl_policy_ask q;

	fl_policy_ask_init(&q);
	fl_policy_ask_text(&q, "policy", t);
	put_change(c, &q, base);
	int code = change(c, "PUT", "", &q, "the policy is in force");
	fl_policy_ask_done(&q);
	return code;
}

int fl_cmd_policy_set(struct fl_cli *c)
{
	enum fl_policy_intent intent =
		fl_args_on(&c->args, "dry-run") ? FL_POLICY_DRY : FL_POLICY_ASK;
	char base[FL_POLICY_HASH_MAX];
	struct fl_policy_text t;

	int code = fl_policy_text_read(c, fl_cli_choice(c, "file"), &t);
	if (code == FL_EXIT_DONE)
		code = fl_policy_preview(c, &t, intent, base);
	if (code == FL_EXIT_DONE && intent == FL_POLICY_ASK)
		code = fl_policy_store(c, &t, base);
	fl_policy_text_done(&t);
	return code;
}

/* ---- history and rollback ---- */

int fl_cmd_policy_history(struct fl_cli *c)
{
	char text[PATH_MAX_LEN];
	struct fl_buf path = fl_buf_over(text, sizeof text);

	fl_buf_str(&path, "/api/v1/policy/history");
	return fl_cli_run(c, "GET", &path, NULL, &fl_resource_revision, NULL);
}

int fl_cmd_policy_rollback(struct fl_cli *c)
{
	const char *word = c->args.word[0];
	char path[PATH_MAX_LEN], done[64], base[FL_POLICY_HASH_MAX];
	struct fl_policy_ask q;
	uint64_t rev;

	word += word[0] == '@';
	if (fl_u64_parse(fl_slice_str(word), &rev) != FL_OK)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead policy history",
				   "'%s' is not the number of a revision", c->args.word[0]);
	fl_policy_ask_init(&q);
	fl_policy_ask_number(&q, "to", rev);
	int code = preview(c, &q, FL_POLICY_ASK, base);
	fl_policy_ask_done(&q);
	if (code != FL_EXIT_DONE)
		return code;
	snprintf(path, sizeof path, "/rollback/%" PRIu64, rev);
	snprintf(done, sizeof done, "revision %" PRIu64 " is in force again", rev);
	fl_policy_ask_init(&q);
	put_change(c, &q, base);
	code = change(c, "POST", path, &q, done);
	fl_policy_ask_done(&q);
	return code;
}
