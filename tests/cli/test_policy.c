/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/cli/test_policy.c - policy check and fmt, which need no server: what they say of a text,
 * the line and the caret, exit codes; and how a problem is shown for any text and place.
 */
#include "../base/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "cli/policy.h"

enum { TEXT_LEN = 16384, ARGS = 16 };

static char dir[] = "/tmp/fl-test-policy-XXXXXX";

/* ---- running a command ---- */

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void read_back(const char *path, char text[static TEXT_LEN])
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, TEXT_LEN - 1, f)] = '\0';
	fclose(f);
}

static int redirect(int fd, const char *path, int flags)
{
	int saved = dup(fd), file = open(path, flags, 0600);

	assert_true(saved >= 0 && file >= 0);
	assert_int_equal(dup2(file, fd), fd);
	close(file);
	return saved;
}

static void restore(int fd, int saved)
{
	assert_int_equal(dup2(saved, fd), fd);
	close(saved);
}

/* "fairlead" and the words of the line; standard input is the file `p`. */
static int run_line(const char *line)
{
	char copy[256], program[] = "fairlead";
	char *argv[ARGS] = { program };
	int argc = 1;

	assert_true(strlen(line) < sizeof copy);
	memcpy(copy, line, strlen(line) + 1);
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
		assert_true(argc < ARGS - 1);
		argv[argc++] = word;
	}
	fflush(stdout);
	int in = redirect(STDIN_FILENO, "p", O_RDONLY);
	int out = redirect(STDOUT_FILENO, "out", O_WRONLY | O_CREAT | O_TRUNC);
	int err = redirect(STDERR_FILENO, "err", O_WRONLY | O_CREAT | O_TRUNC);
	int code = fl_cli_main(argc, argv);
	fflush(stdout);
	restore(STDIN_FILENO, in);
	restore(STDOUT_FILENO, out);
	restore(STDERR_FILENO, err);
	return code;
}

#define FINE "{\n\t// who may\n\t\"acls\": [],\n}\n"
#define UGLY "{ // who may\n\"acls\":[] }"
#define GROUP                                                                                      \
	"{\n\t\"acls\": [{\"action\": \"accept\", \"src\": [\"group:x\"], \"dst\": "               \
	"[\"*:*\"]}],\n}\n"
#define TWO "{\"acls\":[{\"src\":[\"group:x\",\"h\"],\"dst\":[\"*:*\"]}]}"

static const struct row {
	const char *name, *text, *line;
	int code;
	const char *out, *err; /* the whole of it */
	const char *after;     /* what the file holds then; NULL: as before */
} rows[] = {
	{ "nothing wrong", FINE, "policy check p", 0,
	  "p is fine: rules 0, groups 0, SSH rules 0, tests 0.\n", "", NULL },
	{ "tests are counted, not run",
	  "{\"acls\":[],\"tests\":[{\"src\":\"a@\",\"accept\":[\"b@:1\"]}]}", "policy check p", 0,
	  "p is fine: rules 0, groups 0, SSH rules 0, tests 1.\n"
	  "Its tests need users and nodes: fairlead policy test FILE\n",
	  "", NULL },
	{ "quiet", FINE, "policy check -q p", 0, "", "", NULL },
	{ "an empty text is no policy", "", "policy check p", 0,
	  "p is empty: no policy, everything is allowed.\n", "", NULL },
	{ "from standard input", FINE, "policy check -", 0,
	  "standard input is fine: rules 0, groups 0, SSH rules 0, tests 0.\n", "", NULL },
	{ "by the flag of headscale", FINE, "acl check -f p", 0,
	  "p is fine: rules 0, groups 0, SSH rules 0, tests 0.\n", "", NULL },
	{ "the line and the caret", GROUP, "policy check p", 4, "",
	  "p:2:40: group not defined in policy: \"group:x\"\n"
	  "\t\"acls\": [{\"action\": \"accept\", \"src\": [\"group:x\"], \"dst\": [\"*:*\"]}],\n"
	  "\t                                      ^\n",
	  NULL },
	{ "all problems", TWO, "policy check p", 4, "",
	  "p:1:18: group not defined in policy: \"group:x\"\n" TWO "\n                 ^\n"
	  "p:1:28: host not defined in policy: \"h\"\n" TWO "\n                           ^\n",
	  NULL },
	{ "a syntax error", "{\n\t\"acls\": [,]\n}", "policy check -", 4, "",
	  "standard input:2:11: parsing HuJSON: hujson: line 2, column 11: invalid character ',' "
	  "at start of value\n\t\"acls\": [,]\n\t         ^\n",
	  NULL },
	{ "at the end", "{", "policy check p", 4, "",
	  "p:1:2: parsing HuJSON: hujson: line 1, column 2: parsing value: unexpected "
	  "EOF\n{\n ^\n",
	  NULL },
	{ "for programs", TWO, "policy check p -o json", 4,
	  "{\"ok\":false,\"errors\":[{\"message\":\"group not defined in policy: "
	  "\\\"group:x\\\"\",\"line\":1,\"column\":18},{\"message\":\"host not defined in policy: "
	  "\\\"h\\\"\",\"line\":1,\"column\":28}]}\n",
	  "", NULL },
	{ "fine for programs", FINE, "policy check p -o yaml", 0, "ok: true\nerrors: []\n", "",
	  NULL },
	{ "no such file", FINE, "policy check q", 3, "",
	  "fairlead: cannot open q: No such file or directory; create it or correct the path\n",
	  NULL },
	{ "no file named", FINE, "policy check", 2, "",
	  "fairlead: which policy?\n  Name a file, or - for standard input.\n", NULL },

	{ "laid out already", FINE, "policy fmt p", 0, FINE, "", NULL },
	{ "laid out anew", UGLY, "policy fmt p", 0, "{ // who may\n\t\"acls\": [],\n}\n", "",
	  NULL },
	{ "of standard input", UGLY, "policy fmt -", 0, "{ // who may\n\t\"acls\": [],\n}\n", "",
	  NULL },
	{ "written back", UGLY, "policy fmt -w p", 0, "p was laid out anew\n", "",
	  "{ // who may\n\t\"acls\": [],\n}\n" },
	{ "nothing to write", FINE, "policy fmt --write p", 0, "", "", FINE },
	{ "only asked", UGLY, "policy fmt --check p", 8, "",
	  "p: not laid out as fairlead policy fmt does it\n", UGLY },
	{ "asked, and fine", FINE, "policy fmt --check p", 0, "", "", FINE },
	{ "an empty one stays empty", "", "policy fmt p", 0, "", "", NULL },
	{ "what it means is no matter", "{\"a\":1}", "policy fmt p", 0, "{\n\t\"a\": 1,\n}\n", "",
	  NULL },
	{ "broken text stays", "{,}", "policy fmt -w p", 4, "",
	  "p:1:2: hujson: line 1, column 2: invalid character ',' at start of value\n"
	  "{,}\n ^\n",
	  "{,}" },
	{ "broken text for programs", "{,}", "policy fmt p -o json", 4, "",
	  "{\"error\":\"p: hujson: line 1, column 2: invalid character ',' at start of "
	  "value\",\"code\":4,\"field\":\"\",\"hint\":\"\"}\n",
	  NULL },
	{ "nowhere to write", FINE, "policy fmt -w -", 2, "",
	  "fairlead: standard input cannot be written to; leave --write away\n", NULL },
};

static void run_row(void **state)
{
	const struct row *row = *state;
	static char out[TEXT_LEN], err[TEXT_LEN], after[TEXT_LEN];

	write_text("p", row->text);
	int code = run_line(row->line);
	read_back("out", out);
	read_back("err", err);
	read_back("p", after);
	assert_string_equal(err, row->err);
	assert_string_equal(out, row->out);
	assert_int_equal(code, row->code);
	assert_string_equal(after, row->after != NULL ? row->after : row->text);
}

/* What was written back keeps its permissions. */
static void keeps_mode(void **state)
{
	struct stat st;

	(void)state;
	write_text("p", UGLY);
	assert_int_equal(chmod("p", 0640), 0);
	assert_int_equal(run_line("policy fmt -w p"), 0);
	assert_int_equal(stat("p", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

/* ---- places ---- */

#define TEN  "0123456789"
#define LONG TEN TEN TEN TEN TEN TEN TEN "X" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct place {
	const char *name, *source;
	size_t line, column;
	const char *want;
} places[] = {
	{ "no place", "abc", 0, 0, "n: t\n" },
	{ "the first byte", "abc", 1, 1, "n:1:1: t\nabc\n^\n" },
	{ "behind the end", "abc", 1, 4, "n:1:4: t\nabc\n   ^\n" },
	{ "far behind it", "abc", 1, 9, "n:1:9: t\nabc\n   ^\n" },
	{ "no such line", "abc\nd", 3, 1, "n:3:1: t\n" },
	{ "an empty line", "a\n\nb", 2, 1, "n:2:1: t\n\n^\n" },
	{ "an empty text", "", 1, 1, "n:1:1: t\n\n^\n" },
	{ "the last line", "a\nbc", 2, 2, "n:2:2: t\nbc\n ^\n" },
	{ "lines of Windows", "a\r\nbc\r\n", 1, 1, "n:1:1: t\na\n^\n" },
	{ "tabs stay", "\t\ta\tb", 1, 5, "n:1:5: t\n\t\ta\tb\n\t\t \t^\n" },
	{ "runes count once", "\xc3\xa4\xe2\x82\xac!", 1, 6,
	  "n:1:6: t\n\xc3\xa4\xe2\x82\xac!\n  ^\n" },
	{ "nothing for terminals", "a\x1b[31mb", 1, 1, "n:1:1: t\na?[31mb\n^\n" },
	{ "a long line", LONG, 1, 71,
	  "n:1:71: t\n" TEN TEN TEN TEN TEN TEN "X" TEN TEN TEN "012345678\n"
	  "                                                            ^\n" },
};

static void show_place(void **state)
{
	const struct place *row = *state;
	const struct fl_policy_issue issue = { row->line, row->column, fl_slice_str("t") };
	struct fl_buf out = fl_buf_make(TEXT_LEN);

	fl_policy_issue_show("n", fl_slice_str(row->source), &issue, &out);
	assert_text(fl_buf_slice(&out), row->want);
	fl_buf_done(&out);
}

static void show_lines(void **state)
{
	const struct fl_policy_issue issue = { 0, 0,
					       fl_slice_str("test(s) failed:\n\ta\n\tb\x07") };
	struct fl_buf out = fl_buf_make(TEXT_LEN);

	(void)state;
	fl_policy_issue_show("n", fl_slice_str(""), &issue, &out);
	assert_text(fl_buf_slice(&out), "n: test(s) failed:\n    a\n    b?\n");
	fl_buf_done(&out);
}

/* Whatever the text and the place: at most one line and a caret, and no byte outside it is read. */
static void show_random(void **state)
{
	static const char bytes[] = "a\t\n\xc3\xa4\xff\r ";
	struct fl_rng rng;
	char text[256];

	(void)state;
	fl_rng_init(&rng, 5);
	for (size_t round = 0; round < 20000; round++) {
		size_t len = fl_rng_below(&rng, sizeof text), lines = 0;
		for (size_t i = 0; i < len; i++)
			text[i] = bytes[fl_rng_below(&rng, sizeof bytes - 1)];
		const struct fl_policy_issue issue = { fl_rng_below(&rng, 5),
						       fl_rng_below(&rng, 300), fl_slice_str("t") };
		struct fl_slice source = exact(fl_slice_of(text, len));
		struct fl_buf out = fl_buf_make(TEXT_LEN);
		fl_policy_issue_show("n", source, &issue, &out);
		for (size_t i = 0; i < out.len; i++)
			lines += out.ptr[i] == '\n';
		assert_true(lines == 1 || lines == 3);
		fl_buf_done(&out);
		exact_free(source);
	}
}

int main(void)
{
	static struct suite s;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	suite_add_rows(&s, (void *)(uintptr_t)rows, COUNT(rows), sizeof *rows, run_row);
	suite_add_rows(&s, (void *)(uintptr_t)places, COUNT(places), sizeof *places, show_place);
	suite_add(&s, "lines of a problem", show_lines, NULL);
	suite_add(&s, "any text and place", show_random, NULL);
	suite_add(&s, "permissions stay", keeps_mode, NULL);
	int failed = suite_run(&s, "cli/policy");
	unlink("p");
	unlink("out");
	unlink("err");
	rmdir(dir);
	return failed;
}
