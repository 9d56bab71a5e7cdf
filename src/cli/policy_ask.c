/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/policy_ask.c - fairlead policy why, who-can, can, diff and test. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ip.h"
#include "cli/policy.h"

enum { SELECTOR_MAX = 320, TEXT_MAX = 8 << 20 };

/* ---- DST[:PORT] ---- */

struct target {
	char name[SELECTOR_MAX];
	char port[8];
};

static bool is_port(const char *text)
{
	uint64_t n;
	return fl_u64_parse(fl_slice_str(text), &n) == FL_OK && n > 0 && n <= UINT16_MAX;
}

static bool is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/*
 * The port is behind the last colon, if it is a number at all: no name of a policy ends like that.
 * What is an address as a whole has none: one of IPv6 with a port has brackets.
 */
static bool split_target(const char *text, struct target *out)
{
	const char *colon = strrchr(text, ':');
	size_t len = strlen(text);
	struct fl_ip ip;

	out->port[0] = '\0';
	if (fl_ip_parse(fl_slice_str(text), &ip) != FL_OK && colon != NULL &&
	    is_number(colon + 1)) {
		len = (size_t)(colon - text);
		if (!fl_str_copy(out->port, sizeof out->port, fl_slice_str(colon + 1)))
			return false;
	}
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	return fl_str_copy(out->name, sizeof out->name, fl_slice_of(text, len));
}

/* Adds dst, port and proto; --port goes before what stands behind the colon. */
static int put_target(struct fl_cli *c, const char *text, struct fl_policy_ask *q)
{
	const char *port = fl_args_text(&c->args, "port"), *proto = fl_args_text(&c->args, "proto");
	struct target t;

	if (!split_target(text, &t))
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "the name or its port is too long");
	if (port == NULL && t.port[0] != '\0')
		port = t.port;
	if (port != NULL && !is_port(port)) {
		fl_str_copy(c->field, sizeof c->field, fl_slice_str("port"));
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "a port goes from 1 to 65535, not '%s'",
				   port);
	}
	fl_policy_ask_str(q, "dst", t.name);
	if (port != NULL)
		fl_policy_ask_str(q, "port", port);
	if (proto != NULL)
		fl_policy_ask_str(q, "proto", proto);
	return FL_EXIT_DONE;
}

/* Adds the text of --as-of, if it is given; `t` is done in any case by the caller. */
static int put_as_of(struct fl_cli *c, struct fl_policy_text *t, struct fl_policy_ask *q)
{
	const char *path = fl_args_text(&c->args, "as-of");

	*t = (struct fl_policy_text){ 0 };
	if (path == NULL)
		return FL_EXIT_DONE;
	int code = fl_policy_text_read(c, path, t);
	if (code == FL_EXIT_DONE)
		fl_policy_ask_text(q, "policy", t);
	return code;
}

/* ---- why ---- */

static int show_verdict(struct fl_cli *c, const struct fl_answer *a)
{
	struct fl_buf out = fl_buf_make(TEXT_MAX);

	if (fl_output_is_machine(&c->out))
		return fl_policy_show_data(c, a);
	fl_policy_show_verdict(fl_json_root(a->doc), c->args.word[0], c->args.word[1], &out);
	return fl_policy_print(c, &out, false);
}

int fl_cmd_policy_why(struct fl_cli *c)
{
	struct fl_policy_ask q;
	struct fl_policy_text t = { 0 };
	struct fl_answer a = { 0 };

	fl_policy_ask_init(&q);
	fl_policy_ask_str(&q, "src", c->args.word[0]);
	int code = fl_policy_check_format(c);
	if (code == FL_EXIT_DONE)
		code = put_target(c, c->args.word[1], &q);
	if (code == FL_EXIT_DONE)
		code = put_as_of(c, &t, &q);
	if (code == FL_EXIT_DONE)
		code = fl_policy_ask(c, "POST", "/explain", &q, &a);
	if (code == FL_EXIT_DONE)
		code = show_verdict(c, &a);
	if (code == FL_EXIT_DONE && !fl_policy_true_at(fl_json_root(a.doc), "allowed"))
		code = FL_EXIT_CHECK;
	fl_answer_done(&a);
	fl_policy_text_done(&t);
	fl_policy_ask_done(&q);
	return code;
}

/* ---- who-can and can ---- */

/* Beside the table, which may go elsewhere. */
static void say_cut(struct fl_cli *c, const struct fl_answer *a)
{
	struct fl_jv root = fl_json_root(a->doc);
	uint64_t count = fl_policy_number_at(root, "entryCount"),
		 shown = fl_policy_len_at(root, "entries");

	if (count > shown && !fl_output_is_machine(&c->out))
		fprintf(stderr, "and %" PRIu64 " more entries\n", count - shown);
}

static int ask_reach(struct fl_cli *c, const char *path, struct fl_policy_ask *q)
{
	struct fl_policy_text t = { 0 };
	struct fl_answer a = { 0 };

	int code = fl_cli_check_columns(c, &fl_resource_reach);
	if (code == FL_EXIT_DONE)
		code = put_as_of(c, &t, q);
	if (code == FL_EXIT_DONE)
		code = fl_policy_ask(c, "POST", path, q, &a);
	if (code == FL_EXIT_DONE)
		code = fl_cli_show(c, &fl_resource_reach, &a);
	if (code == FL_EXIT_DONE)
		say_cut(c, &a);
	fl_answer_done(&a);
	fl_policy_text_done(&t);
	return code;
}

int fl_cmd_policy_who_can(struct fl_cli *c)
{
	struct fl_policy_ask q;

	fl_policy_ask_init(&q);
	int code = put_target(c, c->args.word[0], &q);
	if (code == FL_EXIT_DONE)
		code = ask_reach(c, "/who-can", &q);
	fl_policy_ask_done(&q);
	return code;
}

int fl_cmd_policy_can(struct fl_cli *c)
{
	struct fl_policy_ask q;

	fl_policy_ask_init(&q);
	fl_policy_ask_str(&q, "src", c->args.word[0]);
	int code = ask_reach(c, "/can", &q);
	fl_policy_ask_done(&q);
	return code;
}

/* ---- diff ---- */

/* "@7" is a revision, anything else a file. */
static int put_version(struct fl_cli *c, const char *key, const char *word,
		       struct fl_policy_text *t, struct fl_policy_ask *q)
{
	uint64_t rev;

	*t = (struct fl_policy_text){ 0 };
	if (word[0] == '@' && fl_u64_parse(fl_slice_str(word + 1), &rev) == FL_OK) {
		fl_policy_ask_number(q, key, rev);
		return FL_EXIT_DONE;
	}
	int code = fl_policy_text_read(c, word, t);
	if (code == FL_EXIT_DONE)
		fl_policy_ask_text(q, key, t);
	return code;
}

static int show_diff(struct fl_cli *c, const struct fl_answer *a)
{
	struct fl_buf out = fl_buf_make(TEXT_MAX);

	if (fl_output_is_machine(&c->out))
		return fl_policy_show_data(c, a);
	fl_policy_show_diff(fl_json_root(a->doc), &out);
	return fl_policy_print(c, &out, false);
}

int fl_cmd_policy_diff(struct fl_cli *c)
{
	struct fl_policy_text from = { 0 }, to = { 0 };
	size_t last = c->args.words - 1;
	struct fl_policy_ask q;
	struct fl_answer a = { 0 };

	fl_policy_ask_init(&q);
	int code = fl_policy_check_format(c);
	if (code == FL_EXIT_DONE && last > 0)
		code = put_version(c, "from", c->args.word[0], &from, &q);
	if (code == FL_EXIT_DONE)
		code = put_version(c, "to", c->args.word[last], &to, &q);
	if (code == FL_EXIT_DONE)
		code = fl_policy_ask(c, "POST", "/diff", &q, &a);
	if (code == FL_EXIT_DONE)
		code = show_diff(c, &a);
	fl_answer_done(&a);
	fl_policy_text_done(&from);
	fl_policy_text_done(&to);
	fl_policy_ask_done(&q);
	return code;
}

/* ---- test ---- */

static void put_failures(struct fl_jv root, struct fl_buf *out)
{
	struct fl_jv list = fl_json_path(root, "failures");
	size_t len = fl_policy_len_at(root, "failures");

	for (size_t i = 0; i < len; i++) {
		fl_output_clean(fl_json_str(fl_json_at(list, i)), out);
		fl_buf_byte(out, '\n');
	}
}

static int show_tests(struct fl_cli *c, const struct fl_answer *a)
{
	struct fl_jv root = fl_json_root(a->doc);
	struct fl_buf out = fl_buf_make(TEXT_MAX);

	if (fl_output_is_machine(&c->out))
		return fl_policy_show_data(c, a);
	if (fl_policy_true_at(root, "passed"))
		fl_buf_printf(&out, "tests passed: %" PRIu64 "\n",
			      fl_policy_number_at(root, "tests"));
	put_failures(root, &out);
	return fl_policy_print(c, &out, false);
}

int fl_cmd_policy_test(struct fl_cli *c)
{
	struct fl_policy_text t = { 0 };
	struct fl_policy_ask q;
	struct fl_answer a = { 0 };
	const char *path = fl_cli_choice(c, "file");

	fl_policy_ask_init(&q);
	int code = fl_policy_check_format(c);
	if (code == FL_EXIT_DONE && path != NULL)
		code = fl_policy_text_read(c, path, &t);
	if (code == FL_EXIT_DONE && path != NULL)
		fl_policy_ask_text(&q, "policy", &t);
	if (code == FL_EXIT_DONE)
		code = fl_policy_ask(c, "POST", "/test", &q, &a);
	if (code == FL_EXIT_DONE)
		code = show_tests(c, &a);
	if (code == FL_EXIT_DONE && !fl_policy_true_at(fl_json_root(a.doc), "passed"))
		code = FL_EXIT_CHECK;
	fl_answer_done(&a);
	fl_policy_text_done(&t);
	fl_policy_ask_done(&q);
	return code;
}
