/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/cli/test_parse.c - command lines: what they mean, what is wrong with them; all help. */
#include "../base/table.h"

#include <stdio.h>

#include "base/time.h"
#include "cli/command.h"

enum { ARGV_MAX = 16 };

/* Splits at blanks; '' is an empty argument. */
static int split(char *text, char *argv[static ARGV_MAX])
{
	int argc = 0;

	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
		assert_true(argc < ARGV_MAX);
		argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
	}
	return argc;
}

static enum fl_err parse(const char *line, char copy[static 512], struct fl_args *out,
			 struct fl_fault *fault)
{
	char *argv[ARGV_MAX];

	assert_true(strlen(line) < 512);
	memcpy(copy, line, strlen(line) + 1);
	int argc = split(copy, argv);
	return fl_args_parse(argc, argv, out, fault);
}

/* "title | word word | flag=value flag=value" */
static void show(const struct fl_args *a, char *out, size_t cap)
{
	struct fl_buf b = fl_buf_over(out, cap);
	char title[64] = "";

	if (a->command != NULL)
		fl_command_title(a->command, title);
	else if (a->noun != NULL)
		fl_buf_printf(&b, "(%s)", a->noun->name);
	fl_buf_printf(&b, "%s |", title);
	for (size_t i = 0; i < a->words; i++)
		fl_buf_printf(&b, " %s", a->word[i]);
	fl_buf_str(&b, " |");
	for (size_t i = 0; i < a->given_count; i++)
		fl_buf_printf(&b, " %s=%s", a->given[i].flag->name, a->given[i].value);
	out[b.len] = '\0';
}

/* ---- what is understood ---- */

static struct good {
	const char *line;
	const char *want;
} goods[] = {
	{ "", " | |" },
	{ "users list", "users list | |" },
	{ "user ls", "users list | |" },
	{ "users show", "users show | |" },
	{ "users create alice", "users create | alice |" },
	{ "users new alice -d Alice --email a@b.c",
	  "users create | alice | display-name=Alice email=a@b.c" },
	{ "users destroy -i 1 --force", "users delete | | identifier=1 force=true" },
	{ "users mv -n a -r b", "users rename | | name=a new-name=b" },
	{ "-o json nodes list", "nodes list | | output=json" },
	{ "nodes -o json list", "nodes list | | output=json" },
	{ "nodes list -o=json", "nodes list | | output=json" },
	{ "nodes list -o ''", "nodes list | | output=" },
	{ "nodes list -ojson", "nodes list | | output=json" },
	{ "nodes list --output json-line", "nodes list | | output=json-line" },
	{ "nodes list --output=yaml", "nodes list | | output=yaml" },
	{ "-c a.yaml node ls -u alice", "nodes list | | config=a.yaml user=alice" },
	{ "nodes", "(nodes) | |" },
	{ "nodes lsr", "nodes list-routes | |" },
	{ "nodes routes", "nodes list-routes | |" },
	{ "nodes approve-routes -i 1 -r ''", "nodes approve-routes | | identifier=1 routes=" },
	{ "nodes approve-routes -i 1 -r 10.0.0.0/8 -r ::/0",
	  "nodes approve-routes | | identifier=1 routes=10.0.0.0/8 routes=::/0" },
	{ "nodes rename -i 1 name", "nodes rename | name | identifier=1" },
	{ "nodes expire -i 1 --never", "nodes expire | | identifier=1 disable=true" },
	{ "nodes exp -i 1 -e 30d", "nodes expire | | identifier=1 expiry=30d" },
	{ "nodes t -i 1 -t tag:a,tag:b", "nodes tag | | identifier=1 tags=tag:a,tag:b" },
	{ "nodes tag add n a b c", "nodes tag | add n a b c |" },
	{ "preauthkeys create -u 1 --reusable --ephemeral -e 24h",
	  "preauthkeys create | | user=1 reusable=true ephemeral=true expiration=24h" },
	{ "keys c --expires 24h --tag tag:x", "preauthkeys create | | expiration=24h tags=tag:x" },
	{ "pre create --reusable=false --user a", "preauthkeys create | | reusable=false user=a" },
	{ "authkey revoke -i 4", "preauthkeys expire | | id=4" },
	{ "apikey create -e 30d", "apikeys create | | expiration=30d" },
	{ "api remove -p abc", "apikeys delete | | prefix=abc" },
	{ "auth register --user u --auth-id x", "auth register | | user=u auth-id=x" },
	{ "nodes register -u u -k x", "nodes register | | user=u key=x" },
	{ "serve", "serve | |" },
	{ "server run", "serve | |" },
	{ "serve -c x", "serve | | config=x" },
	{ "serve --quickstart var", "serve | | quickstart=var" },
	{ "server check", "configtest | |" },
	{ "configtest", "configtest | |" },
	{ "relay run", "relay | run |" },
	{ "relay -a :443 -c key", "relay | | listen=:443 key=key" },
	{ "relay -hostname h -stun-port -1 -dev", "relay | | hostname=h stun-port=-1 dev=true" },
	{ "relay --http-port=-1 -verify-client-url-fail-open=false",
	  "relay | | http-port=-1 verify-client-url-fail-open=false" },
	{ "relay -stun=false", "relay | | stun=false" },
	{ "help users create", "help | users create |" },
	{ "version", "version | |" },
	{ "--version", " | | version=true" },
	{ "-V", " | | version=true" },
	{ "users create -- -x", "users create | -x |" },
	{ "users create -", "users create | - |" },
	{ "users create --help", "users create | | help=true" },
	{ "users create -h", "users create | | help=true" },
	{ "users delete a -qh", "users delete | a | quiet=true help=true" },
	{ "completion bash", "completion | bash |" },
	{ "routes approve r 10.0.0.0/8 --only", "routes approve | r 10.0.0.0/8 | only=true" },
	{ "users delete a --yes", "users delete | a | force=true" },
};

static void read_good(void **state)
{
	const struct good *g = *state;
	struct fl_args *a = calloc(1, sizeof *a);
	struct fl_fault fault = { "" };
	char copy[512], got[1024];

	assert_non_null(a);
	enum fl_err err = parse(g->line, copy, a, &fault);
	if (err != FL_OK)
		fail_msg("refused: %s", fault.text);
	show(a, got, sizeof got);
	assert_string_equal(got, g->want);
	free(a);
}

/* ---- what is refused ---- */

static struct bad {
	const char *line;
	const char *says; /* somewhere, or behind '=' as a whole */
} bads[] = {
	{ "user-s", "unknown command user-s; did you mean users?" },
	{ "nods list", "unknown command nods; did you mean nodes?" },
	{ "serv", "unknown command serv; did you mean serve?" },
	{ "preathkesy", "did you mean preauthkeys?" }, /* two edits */
	{ "prathkesy", "=unknown command prathkesy" }, /* three */
	{ "xyzzy", "=unknown command xyzzy" },
	{ "au", "=unknown command au" }, /* two edits make any short word of any other */
	{ "nodes lsit", "did you mean list?" },
	{ "nodes xyzzy", "unknown command nodes xyzzy" },
	{ "nodes list --usr a", "unknown flag --usr; did you mean --user?" },
	{ "nodes list --xyzzy", "unknown flag --xyzzy" },
	{ "nodes list --ouptut=json", "did you mean --output?" },
	{ "nodes list -x", "unknown flag -x" },
	{ "nodes list -o", "--output needs a value: FORMAT" },
	{ "nodes list -o xml", "--output is one of:" },
	{ "nodes list extra", "unexpected argument 'extra'" },
	{ "users create", "missing argument: NAME" },
	{ "users create a b", "unexpected argument 'b'" },
	{ "routes approve r", "missing argument: NODE PREFIX..." },
	{ "preauthkeys create -e soon", "needs a duration" },
	{ "preauthkeys create -e -1h", "needs a duration" },
	{ "preauthkeys create --reusable=maybe", "true or false" },
	{ "relay --stun-port x", "whole number" },
	{ "relay --stun-port --", "whole number" },
	{ "completion", "missing argument: bash|zsh|fish" },
	{ "-u alice nodes list", "unknown flag -u" },
	{ "nodes -i 1 delete", "unknown flag -i" },
	{ "-hostname x relay", "" },
};

static void read_bad(void **state)
{
	const struct bad *b = *state;
	struct fl_args *a = calloc(1, sizeof *a);
	struct fl_fault fault = { "" };
	char copy[512];

	assert_non_null(a);
	assert_err(parse(b->line, copy, a, &fault), FL_ERR_INVALID);
	if (b->says[0] == '=' ? strcmp(fault.text, b->says + 1) != 0
			      : strstr(fault.text, b->says) == NULL)
		fail_msg("says \"%s\", want \"%s\"", fault.text, b->says);
	free(a);
}

/* ---- values ---- */

static void values(void **state)
{
	struct fl_args *a = calloc(1, sizeof *a);
	struct fl_strlist list = { 0 };
	struct fl_fault fault;
	char copy[512];

	(void)state;
	assert_non_null(a);
	assert_err(parse("pre create -u a -u b --tags x,,y --tag z", copy, a, &fault), FL_OK);
	assert_string_equal(fl_args_text(a, "user"), "b"); /* the last one */
	assert_string_equal(fl_args_text(a, "expiration"), "1h");
	assert_false(fl_args_has(a, "expiration"));
	assert_true(fl_args_duration(a, "expiration") == FL_HOUR);
	assert_false(fl_args_on(a, "reusable"));
	assert_null(fl_args_text(a, "config"));
	assert_null(fl_args_text(a, "no such flag"));
	assert_true(fl_args_duration(a, "no such flag") == 0);
	assert_err(fl_args_list(a, "tags", &list), FL_OK);
	assert_int_equal(list.len, 3);
	assert_string_equal(list.at[2], "z");
	fl_strlist_done(&list);
	assert_err(parse("relay --region-id 7", copy, a, &fault), FL_OK);
	assert_int_equal(fl_args_number(a, "region-id"), 7);
	assert_true(fl_args_on(a, "stun"));
	free(a);
}

/* ---- limits ---- */

static void limit_of_words(void **state)
{
	static char word[] = "w", noun[] = "nodes", verb[] = "tag";
	struct fl_args *a = calloc(1, sizeof *a);
	struct fl_fault fault;

	(void)state;
	assert_non_null(a);
	for (size_t n = FL_WORDS_MAX - 1; n <= FL_WORDS_MAX + 1; n++) {
		char *argv[FL_WORDS_MAX + 4] = { noun, verb };
		for (size_t i = 0; i < n; i++)
			argv[2 + i] = word;
		assert_err(fl_args_parse((int)n + 2, argv, a, &fault),
			   n <= FL_WORDS_MAX ? FL_OK : FL_ERR_INVALID);
	}
	free(a);
}

static void limit_of_flags(void **state)
{
	static char flag[] = "-q";
	struct fl_args *a = calloc(1, sizeof *a);
	struct fl_fault fault;

	(void)state;
	assert_non_null(a);
	for (size_t n = FL_GIVEN_MAX - 1; n <= FL_GIVEN_MAX + 1; n++) {
		char *argv[FL_GIVEN_MAX + 2];
		for (size_t i = 0; i < n; i++)
			argv[i] = flag;
		assert_err(fl_args_parse((int)n, argv, a, &fault),
			   n <= FL_GIVEN_MAX ? FL_OK : FL_ERR_INVALID);
	}
	free(a);
}

/* ---- the tables and their help ---- */

static size_t lines_of(const struct fl_buf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->len; i++)
		n += b->ptr[i] == '\n';
	return n;
}

static void assert_within(const char *text)
{
	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");
		if (len > 100)
			fail_msg("too wide: %.*s", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static void check_flags(const struct fl_command *c, const char *help)
{
	char want[80];

	for (const struct fl_flag *f = c->flags; f != NULL && f->name != NULL; f++) {
		snprintf(want, sizeof want, "--%s", f->name);
		if (strstr(help, want) == NULL)
			fail_msg("the help has no %s", want);
		assert_non_null(f->help);
		assert_ptr_equal(fl_flag_long(c, fl_slice_str(f->name)), f);
		if (f->brief != 0)
			assert_ptr_equal(fl_flag_brief(c, f->brief), f);
		if (f->fallback != NULL && f->fallback[0] != '\0')
			assert_non_null(strstr(help, f->fallback));
	}
}

/* Every example is a command line of this very command. */
static void check_examples(const struct fl_command *c)
{
	struct fl_args *a = calloc(1, sizeof *a);
	struct fl_fault fault;
	char copy[512];

	assert_non_null(a);
	assert_non_null(c->examples[0]);
	for (size_t i = 0; i < 2 && c->examples[i] != NULL; i++) {
		char line[256];
		fl_str_copy(line, sizeof line,
			    fl_slice_of(c->examples[i], strcspn(c->examples[i], "'>")));
		if (parse(line, copy, a, &fault) != FL_OK)
			continue; /* cut at a quote, behind a flag */
		assert_ptr_equal(a->command, c);
	}
	free(a);
}

static void help_of(void **state)
{
	const struct fl_command *c = *state;
	struct fl_buf b = fl_buf_make(16384);
	char title[64];

	fl_help_command(c, &b);
	fl_buf_byte(&b, '\0');
	assert_err(fl_buf_err(&b), FL_OK);
	const char *help = (const char *)b.ptr;
	fl_command_title(c, title);
	assert_non_null(strstr(help, title));
	assert_non_null(strstr(help, c->help));
	assert_non_null(strstr(help, "Exit codes: 0 done"));
	if (c->args != NULL)
		assert_non_null(strstr(help, c->args));
	check_flags(c, help);
	check_examples(c);
	assert_within(help);
	/* One screen; the relay has derper's many flags. */
	assert_true(lines_of(&b) <= (c->single_dash ? 37 : 24));
	for (const char *d = c->exits; d != NULL && *d != '\0'; d++)
		assert_true(*d >= '3' && *d <= '8');
	assert_true(c->args_min <= c->args_max);
	assert_non_null(c->run);
	fl_buf_done(&b);
}

static void help_of_nouns(void **state)
{
	(void)state;
	for (size_t i = 0; i < fl_nouns_count; i++) {
		struct fl_buf b = fl_buf_make(16384);
		size_t verbs = 0;
		fl_help_noun(&fl_nouns[i], &b);
		fl_buf_byte(&b, '\0');
		for (size_t n = 0; fl_command_at(n) != NULL; n++) {
			const struct fl_command *c = fl_command_at(n);
			if (c->noun == NULL || strcmp(c->noun, fl_nouns[i].name) != 0)
				continue;
			verbs++;
			assert_non_null(strstr((const char *)b.ptr, c->verb));
			assert_ptr_equal(fl_command_find(&fl_nouns[i], c->verb), c);
		}
		assert_true(verbs > 0);
		assert_within((const char *)b.ptr);
		assert_true(lines_of(&b) <= 24);
		fl_buf_done(&b);
	}
}

static void help_of_all(void **state)
{
	struct fl_buf b = fl_buf_make(16384);

	(void)state;
	fl_help_program(&b);
	fl_buf_byte(&b, '\0');
	for (size_t i = 0; fl_command_at(i) != NULL; i++) {
		const struct fl_command *c = fl_command_at(i);
		if (!c->hidden)
			assert_non_null(strstr((const char *)b.ptr, c->word ? c->word : c->verb));
	}
	for (const struct fl_flag *f = fl_flags_global; f->name != NULL; f++)
		assert_non_null(strstr((const char *)b.ptr, f->name));
	assert_within((const char *)b.ptr);
	assert_true(lines_of(&b) <= 37);
	fl_buf_done(&b);
}

/* The page names every command and flag, and no line of it is a request by accident. */
static void manual(void **state)
{
	static const char *const requests[] = { ".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ",
						".I ",  ".nf",  ".fi",  ".RS", ".RE" };
	struct fl_buf b = fl_buf_make(256 << 10);
	char want[96];

	(void)state;
	fl_help_man(&b);
	fl_buf_byte(&b, '\0');
	assert_err(fl_buf_err(&b), FL_OK);
	const char *page = (const char *)b.ptr;
	for (size_t i = 0; fl_command_at(i) != NULL; i++) {
		const struct fl_command *c = fl_command_at(i);
		char title[64];
		fl_command_title(c, title);
		assert_int_equal(strstr(page, c->help) != NULL, !c->hidden);
		for (const struct fl_flag *f = c->flags; f != NULL && f->name != NULL; f++)
			if (strchr(f->name, '-') == NULL) {
				snprintf(want, sizeof want, "\\-\\-%s\\fR", f->name);
				assert_non_null(strstr(page, want));
			}
	}
	for (const char *line = page; *line != '\0'; line += *line == '\n') {
		bool known = line[0] != '.' && line[0] != '\'';
		for (size_t i = 0; i < COUNT(requests) && !known; i++)
			known = strncmp(line, requests[i], strlen(requests[i])) == 0;
		if (!known)
			fail_msg("a line begins like a request: %.40s", line);
		line += strcspn(line, "\n");
	}
	fl_buf_done(&b);
}

/* No word means two things. */
static void words_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; fl_command_at(i) != NULL; i++) {
		const struct fl_command *c = fl_command_at(i);
		const char *also = c->also;
		while (c->noun != NULL && also != NULL && *also != '\0') {
			char word[32];
			size_t len = strcspn(also, " ");
			fl_str_copy(word, sizeof word, fl_slice_of(also, len));
			assert_ptr_equal(fl_command_find(fl_noun_find(c->noun), word), c);
			also += len + strspn(also + len, " ");
		}
		if (c->word != NULL)
			assert_ptr_equal(fl_command_word(c->word), c);
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, goods, read_good);
	ROWS(&s, bads, read_bad);
	suite_add(&s, "values", values, NULL);
	suite_add(&s, "limit of words", limit_of_words, NULL);
	suite_add(&s, "limit of flags", limit_of_flags, NULL);
	for (size_t i = 0; fl_command_at(i) != NULL; i++)
		suite_add(&s, fl_command_at(i)->help, help_of, (void *)(uintptr_t)fl_command_at(i));
	suite_add(&s, "help of nouns", help_of_nouns, NULL);
	suite_add(&s, "help of the program", help_of_all, NULL);
	suite_add(&s, "the manual", manual, NULL);
	suite_add(&s, "words are unique", words_are_unique, NULL);
	return suite_run(&s, "cli/parse");
}
