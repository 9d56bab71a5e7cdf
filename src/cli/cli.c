/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/cli.c - from the command line to the command; errors and questions. */
#include "cli/cli.h"
#include "cli/ship.h"
#include "crypto/prim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 2048, ERROR_MAX = 16 << 10, MAN_MAX = 256 << 10 };

/* ---- saying ---- */

static void write_problem(struct fl_buf *b, const char *text, enum fl_exit code, const char *field,
			  const char *hint)
{
	struct fl_jw w = fl_jw_make(b);

	fl_jw_obj(&w);
	fl_jw_key(&w, "error");
	fl_jw_str(&w, text);
	fl_jw_key(&w, "code");
	fl_jw_u64(&w, code);
	fl_jw_key(&w, "field");
	fl_jw_str(&w, field);
	fl_jw_key(&w, "hint");
	fl_jw_str(&w, hint);
	fl_jw_obj_end(&w);
	fl_buf_byte(b, '\n');
}

int fl_cli_fail(struct fl_cli *c, enum fl_exit code, const char *hint, const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct fl_buf b = fl_buf_make(ERROR_MAX);
	va_list args;

	if (c->silent)
		return (int)code;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (fl_output_is_machine(&c->out)) {
		write_problem(&b, text, c->headscale ? FL_EXIT_FAILED : code, c->field, hint);
	} else {
		fl_buf_printf(&b, "%s: ", fl_cli_name(c));
		fl_output_clean(fl_slice_str(text), &b);
		fl_buf_byte(&b, '\n');
		if (hint != NULL)
			fl_buf_printf(&b, "  %s\n", hint);
	}
	fwrite(b.ptr, 1, b.len, stderr);
	fl_buf_done(&b);
	return (int)code;
}

void fl_cli_say(struct fl_cli *c, const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct fl_buf b = fl_buf_make(ERROR_MAX);
	va_list args;

	if (c->out.quiet || fl_output_is_machine(&c->out))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	fl_output_clean(fl_slice_str(text), &b);
	printf("%.*s\n", (int)b.len, (const char *)b.ptr);
	fl_buf_done(&b);
}

int fl_cli_confirm(struct fl_cli *c, const char *fmt, ...)
{
	char question[TEXT_MAX], answer[16];
	va_list args;

	if (fl_args_on(&c->args, "force"))
		return FL_EXIT_DONE;
	va_start(args, fmt);
	vsnprintf(question, sizeof question, fmt, args);
	va_end(args);
	if (!isatty(STDIN_FILENO))
		return fl_cli_fail(c, FL_EXIT_USAGE, "Add --force to go on without being asked.",
				   "%s There is no terminal to ask on.", question);
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return FL_EXIT_DONE;
	return fl_cli_fail(c, FL_EXIT_ABORTED, NULL, "nothing was changed");
}

enum fl_exit fl_cli_exit_of(enum fl_err err)
{
	switch (err) {
	case FL_OK:
		return FL_EXIT_DONE;
	case FL_ERR_NOT_FOUND:
	case FL_ERR_AMBIGUOUS:
		return FL_EXIT_NOT_FOUND;
	case FL_ERR_DENIED:
	case FL_ERR_INVALID:
	case FL_ERR_SYNTAX:
		return FL_EXIT_REFUSED;
	case FL_ERR_EXISTS:
		return FL_EXIT_CONFLICT;
	case FL_ERR_TIMEOUT:
	case FL_ERR_CLOSED:
		return FL_EXIT_UNREACHABLE;
	default:
		return FL_EXIT_FAILED;
	}
}

int fl_cli_check_columns(struct fl_cli *c, const struct fl_resource *r)
{
	struct fl_fault fault = { "" };

	if (fl_output_check(&c->out, r, &fault) == FL_OK)
		return FL_EXIT_DONE;
	bool sort = strncmp(fault.text, "--sort", 6) == 0;
	fl_str_copy(c->field, sizeof c->field, fl_slice_str(sort ? "sort" : "columns"));
	return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "%s", fault.text);
}

const char *fl_cli_choice(struct fl_cli *c, const char *flag)
{
	const char *text = fl_args_text(&c->args, flag);
	if (text != NULL)
		return text;
	return c->args.words > 0 ? c->args.word[0] : NULL;
}

/* ---- settings ---- */

/* headscale's own places come first under its name. */
const char *fl_cli_config_path(struct fl_cli *c)
{
	const char *given = fl_args_text(&c->args, "config"), *home = getenv("HOME");
	const char *const places[][2] = { { "", "/etc/headscale/config.yaml" },
					  { home, "/.headscale/config.yaml" } };
	bool named = given != NULL || getenv("FAIRLEAD_CONFIG") != NULL ||
		     getenv("HEADSCALE_CONFIG") != NULL;

	for (size_t i = 0; c->headscale && !named && i < 2; i++) {
		if (places[i][0] == NULL)
			continue;
		snprintf(c->config_path, sizeof c->config_path, "%s%s", places[i][0], places[i][1]);
		if (access(c->config_path, R_OK) == 0)
			return c->config_path;
	}
	return given;
}

bool fl_cli_is_safe_socket(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       (st.st_uid == geteuid() || st.st_uid == 0);
}

void fl_cli_choose_socket(struct fl_cli *c)
{
	static const char here[] = "var/fairlead.sock";
	const char *given = fl_args_text(&c->args, "socket");

	if (c->hub && given == NULL) {
		fl_ship_choose_socket(c);
		return;
	}
	bool chosen = given != NULL || c->config->file != NULL ||
		      getenv("FAIRLEAD_UNIX_SOCKET") != NULL ||
		      getenv("HEADSCALE_UNIX_SOCKET") != NULL;
	const char *path = given != NULL ? given : c->config->unix_socket;

	if (!chosen && access(path, F_OK) != 0 && fl_cli_is_safe_socket(here))
		path = here;
	if (!fl_str_copy(c->socket, sizeof c->socket, fl_slice_str(path)))
		c->socket[0] = '\0';
}

static int report_config(struct fl_cli *c, const struct fl_config_report *report, enum fl_err err)
{
	struct fl_buf all = fl_buf_make(ERROR_MAX);

	for (size_t i = 0; i < report->errors.len; i++)
		fl_buf_printf(&all, "%s%s", i ? "; " : "", report->errors.at[i]);
	fl_buf_byte(&all, '\0');
	int code = fl_cli_fail(c, err == FL_ERR_NOMEM ? FL_EXIT_FAILED : FL_EXIT_REFUSED,
			       "Every error at once: fairlead configtest",
			       "the settings cannot be used: %s",
			       all.len > 1 ? (const char *)all.ptr : fl_err_text(err));
	fl_buf_done(&all);
	return code;
}

int fl_cli_config(struct fl_cli *c)
{
	struct fl_config_report report = { .client = true };

	if (c->config != NULL)
		return FL_EXIT_DONE;
	enum fl_err err = fl_config_load(fl_cli_config_path(c), NULL, &report, &c->config);
	int code = err == FL_OK ? FL_EXIT_DONE : report_config(c, &report, err);
	fl_config_report_done(&report);
	if (code == FL_EXIT_DONE)
		fl_cli_choose_socket(c);
	return code;
}

void fl_cli_warn_of_prefixes(const struct fl_config *config)
{
	const char *lines[12];
	struct fl_buf box = fl_buf_make(ERROR_MAX);
	size_t count = fl_config_prefix_warning(config, lines);

	if (count > 0) {
		fl_banner(lines, count, &box);
		fwrite(box.ptr, 1, box.len, stderr);
	}
	fl_buf_done(&box);
}

/* ---- help ---- */

static int show(struct fl_buf *b, FILE *to)
{
	fwrite(b->ptr, 1, b->len, to);
	fl_buf_done(b);
	return to == stdout ? FL_EXIT_DONE : FL_EXIT_USAGE;
}

static int help_for(const struct fl_args *a, FILE *to)
{
	struct fl_buf b = fl_buf_make(ERROR_MAX);

	if (a->command != NULL)
		fl_help_command(a->command, &b);
	else if (a->noun != NULL)
		fl_help_noun(a->noun, &b);
	else
		fl_help_program(&b);
	return show(&b, to);
}

int fl_cmd_help(struct fl_cli *c)
{
	struct fl_buf page = fl_buf_make(MAN_MAX);
	struct fl_args *named;
	struct fl_fault fault;
	char *words[4];

	if (fl_args_on(&c->args, "man")) {
		fl_help_man(&page);
		return show(&page, stdout);
	}
	named = calloc(1, sizeof *named);
	if (named == NULL)
		return FL_EXIT_FAILED;
	for (size_t i = 0; i < c->args.words && i < 4; i++)
		words[i] = (char *)(uintptr_t)c->args.word[i];
	enum fl_err err = fl_args_parse((int)c->args.words, words, named, &fault);
	int code;
	/* A word behind the command, or one that is missing, makes the command no less clear. */
	if (err == FL_OK || named->command != NULL)
		code = help_for(named, stdout);
	else
		code = fl_cli_fail(c, FL_EXIT_USAGE, "All commands: fairlead help", "%s",
				   fault.text);
	free(named);
	return code;
}

/* ---- start ---- */

static bool wants_colour(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

static void set_output(struct fl_cli *c)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	c->out = (struct fl_output){
		.bare = c->headscale,
		.colour = wants_colour(),
		.headers = !fl_args_on(&c->args, "no-headers"),
		.quiet = fl_args_on(&c->args, "quiet"),
		.utc = fl_args_on(&c->args, "utc"),
		.columns = fl_args_text(&c->args, "columns"),
		.sort = fl_args_text(&c->args, "sort"),
		.now = now.tv_sec * FL_SEC + now.tv_nsec,
	};
	bool aligned = c->headscale || isatty(STDOUT_FILENO);
	if (!fl_output_format(fl_args_text(&c->args, "output"), aligned, &c->out.format))
		c->out.format = FL_FORMAT_TABLE; /* the parser checked the word */
}

static int usage_error(struct fl_cli *c, const struct fl_fault *fault)
{
	char title[64] = "", hint[128];

	if (c->args.command != NULL)
		fl_command_title(c->args.command, title);
	else if (c->args.noun != NULL)
		fl_str_copy(title, sizeof title, fl_slice_str(c->args.noun->name));
	if (c->args.bad != NULL)
		fl_str_copy(c->field, sizeof c->field, fl_slice_str(c->args.bad->name));
	snprintf(hint, sizeof hint, "See: fairlead help%s%s", title[0] ? " " : "", title);
	return fl_cli_fail(c, FL_EXIT_USAGE, hint, "%s", fault->text);
}

static int run(struct fl_cli *c)
{
	struct fl_fault fault = { "" };
	enum fl_err err = FL_OK;

	/* What is completed is not parsed: it is not finished. */
	if (c->argc > 0 && strcmp(c->argv[0], "__complete") == 0)
		return fl_cmd_complete(c);
	err = fl_args_parse(c->argc, c->argv, &c->args, &fault);
	set_output(c);
	if (err != FL_OK)
		return usage_error(c, &fault);
	if (c->args.help)
		return help_for(&c->args, stdout);
	if (c->args.command == NULL && c->args.version)
		return fl_cmd_version(c);
	if (c->args.command == NULL)
		return help_for(&c->args, stderr);
	const char *noun = c->args.command->noun;
	c->hub = noun != NULL && strcmp(noun, "ship") == 0;
	if (!c->args.command->opens_first && fl_crypto_init() != FL_OK)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, FL_CRYPTO_MISSING);
	return c->args.command->run(c);
}

const char *fl_cli_name(const struct fl_cli *c)
{
	return c->headscale ? "headscale" : "fairlead";
}

static bool is_called(const char *program, const char *name)
{
	const char *slash = strrchr(program, '/');
	return strcmp(slash != NULL ? slash + 1 : program, name) == 0;
}

int fl_cli_main(int argc, char **argv)
{
	struct fl_cli *c = calloc(1, sizeof *c);
	if (c == NULL)
		return FL_EXIT_FAILED;
	c->program = argc > 0 ? argv[0] : "fairlead";
	c->argc = argc > 0 ? argc - 1 : 0;
	c->argv = argv + 1;
	c->headscale = is_called(c->program, "headscale");
	int code = run(c);
	if (c->headscale && code != FL_EXIT_DONE)
		code = FL_EXIT_FAILED;
	if (fflush(stdout) != 0 && code == FL_EXIT_DONE)
		code = FL_EXIT_FAILED;
	c->config = fl_config_free(c->config);
	free(c);
	return code;
}
