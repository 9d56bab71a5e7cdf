/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/policy_show.c - verdicts and diffs as lines for people. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/policy.h"

enum { NAMES_SHOWN = 8 };

static void put(struct fl_jv v, const char *path, struct fl_buf *out)
{
	fl_output_clean(fl_policy_text_at(v, path), out);
}

/* The texts of a list with blanks between; of objects their names. */
static void put_list(struct fl_jv list, const char *between, size_t max, struct fl_buf *out)
{
	size_t len = fl_json_kind(list) == FL_JSON_ARRAY ? fl_json_len(list) : 0;

	for (size_t i = 0; i < len && i < max; i++) {
		struct fl_jv v = fl_json_at(list, i);
		fl_buf_str(out, i > 0 ? between : "");
		if (fl_json_kind(v) == FL_JSON_STRING)
			fl_output_clean(fl_json_str(v), out);
		else
			put(v, "name", out);
	}
	if (len > max)
		fl_buf_printf(out, "%s...", between);
}

/* ---- diffs ---- */

uint64_t fl_policy_diff_lost(struct fl_jv diff)
{
	return fl_policy_number_at(diff, "lostCount");
}

bool fl_policy_diff_cut(struct fl_jv diff)
{
	return fl_policy_true_at(diff, "incomplete");
}

size_t fl_policy_diff_failures(struct fl_jv diff)
{
	return fl_policy_len_at(diff, "tests");
}

static void put_entries(struct fl_jv diff, const char *key, const char *count_key, char sign,
			struct fl_buf *out)
{
	struct fl_jv list = fl_json_path(diff, key);
	size_t len = fl_policy_len_at(diff, key);
	uint64_t count = fl_policy_number_at(diff, count_key);

	if (count == 0)
		return;
	fl_buf_printf(out, "%s:\n", key);
	for (size_t i = 0; i < len; i++) {
		struct fl_jv e = fl_json_at(list, i);
		fl_buf_printf(out, "  %c ", sign);
		put(e, "src.text", out);
		fl_buf_str(out, " -> ");
		put(e, "dst.text", out);
		fl_buf_str(out, "  ");
		put_list(fl_json_path(e, "ports"), " ", SIZE_MAX, out);
		fl_buf_byte(out, '\n');
	}
	if (count > len)
		fl_buf_printf(out, "  and %" PRIu64 " more\n", count - len);
}

static void put_told(struct fl_jv diff, struct fl_buf *out)
{
	struct fl_jv groups = fl_json_path(diff, "nodes");
	size_t len = fl_policy_len_at(diff, "nodes");

	if (len > 0)
		fl_buf_str(out, "told anew:\n");
	for (size_t i = 0; i < len; i++) {
		struct fl_jv g = fl_json_at(groups, i);
		uint64_t count = fl_policy_number_at(g, "nodeCount");
		fl_buf_printf(out, "  %" PRIu64 " node%s: ", count, count == 1 ? "" : "s");
		put_list(fl_json_path(g, "changes"), ", ", SIZE_MAX, out);
		fl_buf_str(out, " (");
		put_list(fl_json_path(g, "nodes"), ", ", NAMES_SHOWN, out);
		fl_buf_str(out, ")\n");
	}
}

void fl_policy_show_diff(struct fl_jv diff, struct fl_buf *out)
{
	struct fl_jv tests = fl_json_path(diff, "tests");
	size_t failures = fl_policy_diff_failures(diff);

	put_entries(diff, "gained", "gainedCount", '+', out);
	put_entries(diff, "lost", "lostCount", '-', out);
	put_told(diff, out);
	if (fl_policy_diff_cut(diff))
		fl_buf_str(out, "The policies are too large to compare them whole: more may be "
				"gained or lost.\n");
	if (fl_policy_number_at(diff, "nodeCount") == 0)
		fl_buf_str(out, "Nothing changes for any node.\n");
	if (failures > 0)
		fl_buf_str(out, "tests that fail:\n");
	for (size_t i = 0; i < failures; i++) {
		fl_buf_str(out, "  ");
		fl_output_clean(fl_json_str(fl_json_at(tests, i)), out);
		fl_buf_byte(out, '\n');
	}
}

/* ---- verdicts ---- */

static void put_place(struct fl_jv rule, struct fl_buf *out)
{
	put(rule, "section", out);
	fl_buf_printf(out, "[%" PRIu64 "], line %" PRIu64 ": ", fl_policy_number_at(rule, "index"),
		      fl_policy_number_at(rule, "line"));
	put(rule, "text", out);
	fl_buf_byte(out, '\n');
}

/* Of several nodes that a user or a tag has, the one that the answer is about. */
static void put_choice(struct fl_jv end, const char *what, const char *said, struct fl_buf *out)
{
	if (fl_policy_number_at(end, "matches") < 2)
		return;
	fl_buf_printf(out, "  %-8s ", what);
	put(end, "node.name", out);
	fl_buf_printf(out, ", the first of %" PRIu64 " nodes of %s\n",
		      fl_policy_number_at(end, "matches"), said);
}

static void put_chain(struct fl_jv chain, struct fl_buf *out)
{
	size_t len = fl_json_kind(chain) == FL_JSON_ARRAY ? fl_json_len(chain) : 0;

	for (size_t i = 0; i < len; i++) {
		fl_buf_printf(out, "  %-8s ", i == 0 ? "chain" : "");
		fl_output_clean(fl_json_str(fl_json_at(chain, i)), out);
		fl_buf_byte(out, '\n');
	}
}

void fl_policy_show_verdict(struct fl_jv v, const char *src, const char *dst, struct fl_buf *out)
{
	struct fl_jv rule = fl_json_path(v, "rule");
	bool allowed = fl_policy_true_at(v, "allowed");

	fl_buf_printf(out, "%s: ", allowed ? "allowed" : "denied");
	fl_output_clean(fl_slice_str(src), out);
	fl_buf_str(out, " -> ");
	fl_output_clean(fl_slice_str(dst), out);
	fl_buf_byte(out, '\n');
	put_choice(fl_json_path(v, "src"), "source", src, out);
	put_choice(fl_json_path(v, "dst"), "dest", dst, out);
	fl_buf_str(out, "  reason   ");
	put(v, "reason", out);
	fl_buf_byte(out, '\n');
	if (fl_json_has(rule)) {
		fl_buf_str(out, allowed ? "  rule     " : "  nearest  ");
		put_place(rule, out);
	}
	put_chain(fl_json_path(v, "chain"), out);
	if (fl_json_has(fl_json_path(v, "via"))) {
		fl_buf_str(out, "  via      ");
		put(v, "via.name", out);
		fl_buf_str(out, fl_policy_text_at(v, "route").len > 0 ? ", route " : "");
		put(v, "route", out);
		fl_buf_byte(out, '\n');
	}
	fl_buf_str(out, "  return   ");
	put(v, "returnPath.text", out);
	fl_buf_byte(out, '\n');
}

int fl_policy_print(struct fl_cli *c, struct fl_buf *text, bool question)
{
	enum fl_err err = fl_buf_err(text);

	if (err == FL_OK && text->len > 0 && (question || !c->out.quiet))
		fwrite(text->ptr, 1, text->len, question ? stderr : stdout);
	fl_buf_done(text);
	if (err != FL_OK)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "cannot show the answer: %s",
				   fl_err_text(err));
	return FL_EXIT_DONE;
}
