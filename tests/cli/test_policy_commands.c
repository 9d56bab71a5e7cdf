/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/cli/test_policy_commands.c - the commands of `fairlead policy` that ask the server: what
 * they ask, what they say, and when they ask the person first.
 */
#include "mock.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <unistd.h>

#define ENTRY(src, dst, ports)                                                                     \
	"{\"src\":{\"text\":\"" src "\"},\"dst\":{\"text\":\"" dst "\"},\"ports\":[" ports "]}"
#define BOB_LOSES "[" ENTRY("bob", "web", "\"*\"") "]"
#define DIFFERS(lost_count, lost, tests)                                                           \
	"{\"gained\":[" ENTRY(                                                                     \
		"ann", "db",                                                                       \
		"\"tcp:22\",\"udp:53\"") "],\"gainedCount\":1,\"lost\":" lost                      \
					 ",\"lostCount\":" lost_count                              \
					 ",\"nodes\":[{\"changes\":[\"filter\",\"peers\"],"        \
					 "\"nodes\":[{\"name\":\"db\"}],\"nodeCount\":1}],"        \
					 "\"nodeCount\":1,\"tests\":" tests                        \
					 ",\"incomplete\":false}"
#define DIFF(lost_count, lost, tests)                                                              \
	{                                                                                          \
		"POST /api/v1/policy/diff {\"policy\":\"{}\\n\"}", 0,                              \
			DIFFERS(lost_count, lost, tests)                                           \
	}
#define PROBLEM(text, where, line, column)                                                         \
	"{\"errors\":[{\"message\":\"" text "\",\"location\":\"" where "\",\"line\":" line         \
	",\"column\":" column "}]}"
#define PASSED "{\"passed\":true,\"tests\":3,\"failures\":[]}"
#define VERDICT(allowed)                                                                           \
	"{\"allowed\":" allowed                                                                    \
	",\"src\":{\"matches\":1},\"dst\":{\"matches\":1},\"reason\":\"r\","                       \
	"\"rule\":{\"section\":\"grants\",\"index\":1,\"line\":7,\"text\":\"{}\"},\"chain\":["     \
	"\"node ann\",\"group:g\"],\"via\":null,\"route\":null,\"returnPath\":{\"text\":\"t\"}}"
#define REACH                                                                                      \
	"{\"entries\":[{\"src\":\"group:g\",\"dst\":\"tag:db\",\"ports\":[\"tcp:22\"],\"nodes\":[" \
	"{\"name\":\"ann\"},{\"name\":\"bob\"}],\"nodeCount\":2,\"routes\":[],\"rule\":{\"line\":" \
	"7}}]}"

#define MADE_FROM(mode)                                                                            \
	"{\"gained\":[],\"gainedCount\":0,\"lost\":[],\"lostCount\":0,\"nodes\":[],\"nodeCount\":" \
	"0,"                                                                                       \
	"\"tests\":[],\"incomplete\":false,\"base\":\"abc\",\"mode\":\"" mode "\"}"

static struct mock_row rows[] = {
	{ "policy get", 0, "{}\n", { { "GET /api/v1/policy ", 0, "{\"policy\":\"{}\\n\"}" } } },
	{ "policy get -r 3",
	  0,
	  "{}\n",
	  { { "GET /api/v1/policy/history/3 ", 0, "{\"revision\":{\"policy\":\"{}\\n\"}}" } } },
	{ "policy get -o json",
	  0,
	  "{\"policy\":\"\",\"updatedAt\":null}\n",
	  { { "GET /api/v1/policy ", 0, "{\"policy\":\"\",\"updatedAt\":null}" } } },
	{ "policy set p.hujson",
	  0,
	  "gained:\n  + ann -> db  tcp:22 udp:53\ntold anew:\n  1 node: filter, peers (db)\n"
	  "the policy is in force\n",
	  { DIFF("0", "[]", "[]"),
	    { "PUT /api/v1/policy {\"policy\":\"{}\\n\"}", 0, "{\"policy\":\"{}\\n\"}" } } },
	{ "policy set -f p.hujson -m why -q",
	  0,
	  "",
	  { DIFF("0", "[]", "[]"),
	    { "PUT /api/v1/policy {\"policy\":\"{}\\n\",\"comment\":\"why\"}", 0, "{}" } } },
	{ "policy set p.hujson -o json",
	  0,
	  "{\"policy\":\"x\"}\n",
	  { DIFF("0", "[]", "[]"),
	    { "PUT /api/v1/policy {\"policy\":\"{}\\n\"}", 0, "{\"policy\":\"x\"}" } } },
	{ "policy set p.hujson --dry-run",
	  0,
	  "lost:\n  - bob -> web  *\n",
	  { DIFF("1", BOB_LOSES, "[]") } },
	{ "policy set p.hujson --dry-run -o json",
	  0,
	  "\"lostCount\":1,",
	  { DIFF("1", BOB_LOSES, "[]") } },
	{ "policy set p.hujson",
	  2,
	  "This takes access away (1 entry above). Go on? There is no terminal",
	  { DIFF("1", BOB_LOSES, "[]") } },
	{ "policy set p.hujson -o json", 2, "\"code\":2,", { DIFF("1", BOB_LOSES, "[]") } },
	{ "policy set p.hujson --force",
	  0,
	  "lost:\n  - bob -> web  *\n",
	  { DIFF("1", BOB_LOSES, "[]"),
	    { "PUT /api/v1/policy {\"policy\":\"{}\\n\"}", 0, "{}" } } },
	{ "policy set p.hujson --force",
	  8,
	  "tests of the policy fail: 1; a -> b: no",
	  { DIFF("0", "[]", "[\"a -> b: no\"]") } },
	{ "policy set p.hujson --dry-run",
	  8,
	  "tests that fail:\n  a -> b: no\n",
	  { DIFF("0", "[]", "[\"a -> b: no\"]") } },
	{ "policy set p.hujson",
	  4,
	  "p.hujson:1:2: wrong\n{}\n ^\n",
	  { { "POST /api/v1/policy/diff {\"policy\":\"{}\\n\"}", 400,
	      PROBLEM("wrong", "policy", "1", "2") } } },
	{ "policy set p.hujson -o json",
	  4,
	  "{\"error\":\"p.hujson:1:2: wrong\",\"code\":4,\"field\":\"policy\",\"hint\":\"\"}",
	  { { "POST /api/v1/policy/diff {\"policy\":\"{}\\n\"}", 400,
	      PROBLEM("wrong", "policy", "1", "2") } } },
	{ "policy set p.hujson -q",
	  4,
	  "comes from a file",
	  { DIFF("0", "[]", "[]"),
	    { "PUT /api/v1/policy {\"policy\":\"{}\\n\"}", 400,
	      "{\"errors\":[{\"message\":\"the policy comes from a file\",\"location\":"
	      "\"policy\"}]}" } } },
	{ "policy set /nonexistent/p", 3, "cannot open /nonexistent/p", { { 0 } } },
	{ "policy history",
	  0,
	  "Revision\tCreated\tAuthor\tComment\n2\t2026-01-02 03:04:05\tsocket\twhy\n",
	  { { "GET /api/v1/policy/history ", 0,
	      "{\"revisions\":[{\"rev\":\"2\",\"createdAt\":\"2026-01-02T03:04:05Z\","
	      "\"author\":\"socket\",\"comment\":\"why\"}]}" } } },
	{ "policy rollback 2 --force",
	  0,
	  "revision 2 is in force again\n",
	  { { "POST /api/v1/policy/diff {\"to\":2}", 0, DIFFERS("1", BOB_LOSES, "[]") },
	    { "POST /api/v1/policy/rollback/2 ", 0, "{}" } } },
	{ "policy set p.hujson -m new",
	  0,
	  "the policy is in force",
	  { { "POST /api/v1/policy/diff {\"policy\":\"{}\\n\"}", 0, MADE_FROM("database") },
	    { "PUT /api/v1/policy {\"policy\":\"{}\\n\",\"comment\":\"new\",\"base\":\"abc\"}", 0,
	      "{}" } } },
	{ "policy set p.hujson -q",
	  6,
	  "set meanwhile",
	  { { "POST /api/v1/policy/diff {\"policy\":\"{}\\n\"}", 0, MADE_FROM("database") },
	    { "PUT /api/v1/policy {\"policy\":\"{}\\n\",\"base\":\"abc\"}", 409,
	      "{\"errors\":[{\"message\":\"set meanwhile\",\"location\":\"base\"}]}" } } },
	{ "policy set empty.hujson -q",
	  2,
	  "An empty policy allows everything. Go on?",
	  { { "POST /api/v1/policy/diff {\"policy\":\"\"}", 0, MADE_FROM("database") } } },
	{ "policy set empty.hujson --force",
	  0,
	  "the policy is in force",
	  { { "POST /api/v1/policy/diff {\"policy\":\"\"}", 0, MADE_FROM("database") },
	    { "PUT /api/v1/policy {\"policy\":\"\",\"base\":\"abc\"}", 0, "{}" } } },
	{ "policy set p.hujson --force",
	  4,
	  "the policy comes from a file (policy.mode: file)",
	  { { "POST /api/v1/policy/diff {\"policy\":\"{}\\n\"}", 0, MADE_FROM("file") } } },
	{ "policy set p.hujson --dry-run",
	  0,
	  "Nothing changes",
	  { { "POST /api/v1/policy/diff {\"policy\":\"{}\\n\"}", 0, MADE_FROM("file") } } },
	{ "policy rollback 2 -m back",
	  0,
	  "revision 2 is in force again",
	  { { "POST /api/v1/policy/diff {\"to\":2}", 0, MADE_FROM("database") },
	    { "POST /api/v1/policy/rollback/2 {\"comment\":\"back\",\"base\":\"abc\"}", 0,
	      "{}" } } },
	{ "policy rollback x", 2, "not the number of a revision", { { 0 } } },
	{ "policy test", 0, "tests passed: 3\n", { { "POST /api/v1/policy/test ", 0, PASSED } } },
	{ "policy test p.hujson",
	  8,
	  "a -> b: no\n",
	  { { "POST /api/v1/policy/test {\"policy\":\"{}\\n\"}", 0,
	      "{\"passed\":false,\"tests\":1,\"failures\":[\"a -> b: no\"]}" } } },
	{ "policy why ann db:22",
	  0,
	  "allowed: ann -> db:22\n",
	  { { "POST /api/v1/policy/explain {\"src\":\"ann\",\"dst\":\"db\",\"port\":\"22\"}", 0,
	      VERDICT("true") } } },
	{ "policy why ann db:22",
	  0,
	  "  rule     grants[1], line 7: {}\n  chain    node ann\n           group:g\n",
	  { { "POST /api/v1/policy/explain {\"src\":\"ann\",\"dst\":\"db\",\"port\":\"22\"}", 0,
	      VERDICT("true") } } },
	{ "policy why ann tag:db --proto udp -p 53",
	  8,
	  "  nearest  grants[1], line 7: {}\n",
	  { { "POST /api/v1/policy/explain {\"src\":\"ann\",\"dst\":\"tag:db\",\"port\":\"53\","
	      "\"proto\":\"udp\"}",
	      0, VERDICT("false") } } },
	{ "policy why ann tag:db:5432 -o json",
	  0,
	  VERDICT("true") "\n",
	  { { "POST /api/v1/policy/explain {\"src\":\"ann\",\"dst\":\"tag:db\",\"port\":"
	      "\"5432\"}",
	      0, VERDICT("true") } } },
	{ "policy why ann [fd7a::1]:22",
	  0,
	  "allowed",
	  { { "POST /api/v1/policy/explain {\"src\":\"ann\",\"dst\":\"fd7a::1\",\"port\":"
	      "\"22\"}",
	      0, VERDICT("true") } } },
	{ "policy why ann fd7a::1:22",
	  0,
	  "allowed",
	  { { "POST /api/v1/policy/explain {\"src\":\"ann\",\"dst\":\"fd7a::1:22\"}", 0,
	      VERDICT("true") } } },
	{ "policy why ann db --as-of p.hujson",
	  4,
	  "p.hujson:1:1: wrong\n{}\n^\n",
	  { { "POST /api/v1/policy/explain {\"src\":\"ann\",\"dst\":\"db\",\"policy\":\"{}\\n\"}",
	      400, PROBLEM("wrong", "policy", "1", "1") } } },
	{ "policy why ann db -o csv", 2, "it has neither csv nor name", { { 0 } } },
	{ "policy diff p.hujson -o name", 2, "it has neither csv nor name", { { 0 } } },
	{ "policy test -o csv", 2, "it has neither csv nor name", { { 0 } } },
	{ "policy why ann db -p 0", 2, "a port goes from 1 to 65535, not '0'", { { 0 } } },
	{ "policy why ann db:0", 2, "a port goes from 1 to 65535, not '0'", { { 0 } } },
	{ "policy who-can tag:db:65536", 2, "a port goes from 1 to 65535, not '65536'", { { 0 } } },
	{ "policy why ann db:123456789", 2, "its port is too long", { { 0 } } },
	{ "policy why nobody db",
	  3,
	  "is no node",
	  { { "POST /api/v1/policy/explain {\"src\":\"nobody\",\"dst\":\"db\"}", 404,
	      "{\"errors\":[{\"message\":\"'nobody' is no node\",\"location\":\"src\"}]}" } } },
	{ "policy who-can db:22",
	  0,
	  "group:g\ttag:db\ttcp:22\tann, bob\t2\t\t7\n",
	  { { "POST /api/v1/policy/who-can {\"dst\":\"db\",\"port\":\"22\"}", 0, REACH } } },
	{ "policy can ann -o name",
	  0,
	  "group:g\n",
	  { { "POST /api/v1/policy/can {\"src\":\"ann\"}", 0, REACH } } },
	{ "policy can ann --columns x", 2, "no column 'x'", { { 0 } } },
	{ "policy diff @1 p.hujson",
	  0,
	  "lost:\n  - bob -> web  *\n",
	  { { "POST /api/v1/policy/diff {\"from\":1,\"to\":\"{}\\n\"}", 0,
	      DIFFERS("1", BOB_LOSES, "[]") } } },
	{ "policy diff p.hujson q.hujson",
	  4,
	  "q.hujson:1:3: wrong\n{ }\n  ^\n",
	  { { "POST /api/v1/policy/diff {\"from\":\"{}\\n\",\"to\":\"{ }\"}", 400,
	      PROBLEM("wrong", "to", "1", "3") } } },
	{ "policy diff p.hujson",
	  0,
	  "Nothing changes for any node.\n",
	  { { "POST /api/v1/policy/diff {\"to\":\"{}\\n\"}", 0,
	      "{\"gained\":[],\"gainedCount\":0,\"lost\":[],\"lostCount\":0,\"nodes\":[],"
	      "\"nodeCount\":0,\"tests\":[],\"incomplete\":false}" } } },
};

/* ---- edit: without a terminal, so that nothing can be asked ---- */

#define GET_OLD                                                                                    \
	{ "POST /api/v1/policy/diff ", 0, "{\"mode\":\"database\"}" },                             \
	{                                                                                          \
		"GET /api/v1/policy ", 0, "{\"policy\":\"{}\\n\"}"                                 \
	}
/* SHA-256 of that text */
#define OLD_HASH "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
#define ASK_NEW(answer)                                                                            \
	{                                                                                          \
		"POST /api/v1/policy/diff {\"policy\":\"{ }\"}", 0, answer                         \
	}

static struct edit {
	const char *name, *editor;
	struct mock_row row;
	bool kept; /* the text stays in a file */
} edits[] = {
	{ "set",
	  "printf '{ }' >",
	  { "policy edit -m why",
	    0,
	    "the policy is in force\n",
	    { GET_OLD,
	      ASK_NEW(DIFFERS("0", "[]", "[]")),
	      { "PUT /api/v1/policy {\"policy\":\"{ }\",\"comment\":\"why\",\"base\":\"" OLD_HASH
		"\"}",
		0, "{}" } } },
	  false },
	{ "left as it was",
	  "true",
	  { "policy edit", 0, "nothing was changed\n", { GET_OLD } },
	  false },
	{ "the editor fails",
	  "false",
	  { "policy edit", 1, "the editor (false) failed", { GET_OLD } },
	  true },
	{ "refused",
	  "printf '{ }' >",
	  { "policy edit -q",
	    4,
	    ".hujson:1:3: wrong\n{ }\n  ^\n",
	    { GET_OLD,
	      { "POST /api/v1/policy/diff {\"policy\":\"{ }\"}", 400,
		PROBLEM("wrong", "policy", "1", "3") } } },
	  true },
	{ "its tests fail",
	  "printf '{ }' >",
	  { "policy edit",
	    8,
	    "The text is kept in ./fairlead-policy-",
	    { GET_OLD, ASK_NEW(DIFFERS("0", "[]", "[\"no\"]")) } },
	  true },
	{ "something is lost",
	  "printf '{ }' >",
	  { "policy edit",
	    2,
	    "takes access away",
	    { GET_OLD, ASK_NEW(DIFFERS("1", BOB_LOSES, "[]")) } },
	  true },
	{ "somebody was faster",
	  "printf '{ }' >",
	  { "policy edit -q",
	    6,
	    "set meanwhile",
	    { GET_OLD,
	      ASK_NEW(DIFFERS("0", "[]", "[]")),
	      { "PUT /api/v1/policy {\"policy\":\"{ }\",\"base\":\"" OLD_HASH "\"}", 409,
		"{\"errors\":[{\"message\":\"set meanwhile\",\"location\":\"base\"}]}" } } },
	  true },
	{ "of a file",
	  "printf '{ }' >",
	  { "policy edit",
	    4,
	    "the policy comes from a file",
	    { { "POST /api/v1/policy/diff ", 0, "{\"mode\":\"file\"}" } } },
	  false },
	{ "the editor takes it away",
	  "rm",
	  { "policy edit", 3, "cannot open ./fairlead-policy-", { GET_OLD } },
	  false },
};

static size_t drop_kept(void)
{
	glob_t found;
	size_t n = 0;

	if (glob("./fairlead-policy-*.hujson", 0, NULL, &found) == 0) {
		n = found.gl_pathc;
		for (size_t i = 0; i < n; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	return n;
}

static void edit_row(void **state)
{
	struct edit *e = *state;
	void *row = &e->row;
	int saved = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY);

	setenv("EDITOR", e->editor, 1);
	assert_true(saved >= 0 && null >= 0 && dup2(null, STDIN_FILENO) >= 0);
	mock_run_row(&row);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(null);
	assert_int_equal(drop_kept(), e->kept);
}

/* Runs a command that ends well; what it said on both ways. */
static void run_both(const struct mock_step *steps, const char *line,
		     char out[static MOCK_TEXT_MAX], char err[static MOCK_TEXT_MAX])
{
	mock_script(steps);
	fflush(stdout);
	int saved_out = mock_redirect(STDOUT_FILENO, mock_out);
	int saved_err = mock_redirect(STDERR_FILENO, mock_err);
	int code = mock_run_line(line);
	fflush(stdout);
	mock_restore(STDOUT_FILENO, saved_out);
	mock_restore(STDERR_FILENO, saved_err);
	assert_int_equal(code, 0);
	mock_read_back(mock_out, out);
	mock_read_back(mock_err, err);
}

static char out[MOCK_TEXT_MAX], err[MOCK_TEXT_MAX];

/* What is left out is said beside the table, which may go to a program. */
static void cut_short(void **state)
{
	static const struct mock_step steps[MOCK_STEPS_MAX] = {
		{ "POST /api/v1/policy/who-can {\"dst\":\"db\"}", 0,
		  "{\"entries\":[{\"src\":\"ann@\"}],\"entryCount\":3}" },
	};
	(void)state;

	run_both(steps, "policy who-can db", out, err);
	assert_string_equal(err, "and 2 more entries\n");
	assert_non_null(strstr(out, "ann@"));
	assert_null(strstr(out, "more"));
}

/* An empty policy allows everything: whoever sees nothing is told. */
static void none_is_set(void **state)
{
	static const struct mock_step steps[MOCK_STEPS_MAX] = {
		{ "GET /api/v1/policy ", 0, "{\"policy\":\"\",\"updatedAt\":null}" },
	};
	(void)state;

	run_both(steps, "policy get", out, err);
	assert_string_equal(out, "");
	assert_string_equal(err, "no policy is set: everything is allowed\n");
	run_both(steps, "policy get -q", out, err);
	assert_string_equal(err, "");
	run_both(steps, "policy get -o json", out, err);
	assert_non_null(strstr(out, "\"policy\":\"\""));
	assert_string_equal(err, "");
}

int main(void)
{
	static struct suite s;

	mock_start();
	mock_file("p.hujson", "{}\n");
	mock_file("q.hujson", "{ }");
	mock_file("empty.hujson", "");
	unsetenv("VISUAL");
	setenv("TMPDIR", ".", 1);
	ROWS(&s, rows, mock_run_row);
	ROWS(&s, edits, edit_row);
	suite_add(&s, "cut short", cut_short, NULL);
	suite_add(&s, "none is set", none_is_set, NULL);
	int failed = suite_run(&s, "cli/policy_commands");
	mock_stop();
	return failed;
}
