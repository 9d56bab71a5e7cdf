/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/help.c - help texts from the tables: at most one screen each. */
#include "cli/command.h"

static const char *const exit_texts[] = {
	[FL_EXIT_DONE] = "done",          [FL_EXIT_FAILED] = "failed",
	[FL_EXIT_USAGE] = "usage",        [FL_EXIT_NOT_FOUND] = "not found",
	[FL_EXIT_REFUSED] = "refused",    [FL_EXIT_UNREACHABLE] = "unreachable",
	[FL_EXIT_CONFLICT] = "conflict",  [FL_EXIT_ABORTED] = "aborted",
	[FL_EXIT_CHECK] = "check failed",
};

enum { COLUMN = 30, VERBS = 14, WIDTH = 98 };

const char *fl_exit_text(enum fl_exit code)
{
	return exit_texts[code];
}

const char *fl_flag_value(const struct fl_flag *f)
{
	static const char *const names[] = {
		[FL_FLAG_SWITCH] = "",  [FL_FLAG_TEXT] = "TEXT",         [FL_FLAG_LIST] = "A,B",
		[FL_FLAG_NUMBER] = "N", [FL_FLAG_DURATION] = "DURATION", [FL_FLAG_CHOICE] = "WORD",
	};
	return f->value != NULL ? f->value : names[f->kind];
}

static void write_flag(const struct fl_flag *f, struct fl_buf *out)
{
	size_t start = out->len;

	if (f->brief != 0)
		fl_buf_printf(out, "  -%c, --%s %s", f->brief, f->name, fl_flag_value(f));
	else
		fl_buf_printf(out, "      --%s %s", f->name, fl_flag_value(f));
	size_t len = out->len - start;
	fl_buf_printf(out, "%*s%s", len < COLUMN ? (int)(COLUMN - len) : 1, "", f->help);
	if (f->fallback != NULL && f->fallback[0] != '\0')
		fl_buf_printf(out, " (default %s)", f->fallback);
	fl_buf_byte(out, '\n');
}

static void write_flags(const struct fl_flag *list, struct fl_buf *out)
{
	for (; list != NULL && list->name != NULL; list++)
		write_flag(list, out);
}

static void write_exits(const char *digits, struct fl_buf *out)
{
	size_t start = out->len;

	fl_buf_str(out, "Exit codes: 0 done; 1 failed; 2 usage");
	for (; digits != NULL && *digits != '\0'; digits++) {
		const char *text = exit_texts[*digits - '0'];
		bool fits = out->len - start + strlen(text) + 4 <= WIDTH;
		if (!fits)
			start = out->len + 1;
		fl_buf_printf(out, ";%s%c %s", fits ? " " : "\n            ", *digits, text);
	}
	fl_buf_byte(out, '\n');
}

static void write_aliases(const struct fl_command *c, struct fl_buf *out)
{
	if (c->noun != NULL && c->word != NULL)
		fl_buf_printf(out, "Same as: fairlead %s %s\n", c->noun, c->verb);
	else if (c->also != NULL)
		fl_buf_printf(out, "Other words for %s: %s\n", c->verb, c->also);
}

void fl_help_command(const struct fl_command *c, struct fl_buf *out)
{
	char title[64];

	fl_command_title(c, title);
	fl_buf_printf(out, "Usage: fairlead %s%s%s%s\n\n%s\n", title, c->args != NULL ? " " : "",
		      c->args != NULL ? c->args : "", c->flags != NULL ? " [flags]" : "", c->help);
	if (c->flags != NULL) {
		fl_buf_str(out, "\nFlags:\n");
		write_flags(c->flags, out);
	}
	fl_buf_str(out, "\nExamples:\n");
	for (size_t i = 0; i < 2 && c->examples[i] != NULL; i++)
		fl_buf_printf(out, "  fairlead %s\n", c->examples[i]);
	fl_buf_byte(out, '\n');
	write_aliases(c, out);
	fl_buf_str(out, "For all commands: -c FILE, -o FORMAT, --force, ...: see fairlead help\n");
	if (c->related != NULL)
		fl_buf_printf(out, "Related: %s\n", c->related);
	write_exits(c->exits, out);
}

void fl_help_noun(const struct fl_noun *noun, struct fl_buf *out)
{
	fl_buf_printf(out, "Usage: fairlead %s COMMAND\n\n%s\n\nCommands:\n", noun->name,
		      noun->help);
	for (size_t i = 0; fl_command_at(i) != NULL; i++) {
		const struct fl_command *c = fl_command_at(i);
		if (c->noun != NULL && strcmp(c->noun, noun->name) == 0 && !c->hidden)
			fl_buf_printf(out, "  %-16s %s\n", c->verb, c->help);
	}
	if (noun->also != NULL)
		fl_buf_printf(out, "\nOther words for %s: %s\n", noun->name, noun->also);
	fl_buf_printf(out, "\nMore: fairlead help %s COMMAND\n", noun->name);
}

/* The verbs of a noun that are reached by it alone, in lines that a terminal has room for. */
static void write_verbs(const struct fl_noun *noun, struct fl_buf *out)
{
	size_t column = VERBS;

	for (size_t i = 0; fl_command_at(i) != NULL; i++) {
		const struct fl_command *c = fl_command_at(i);
		if (c->noun == NULL || strcmp(c->noun, noun->name) != 0 || c->hidden)
			continue;
		column += strlen(c->verb) + 1;
		if (column > WIDTH) {
			fl_buf_printf(out, "\n%*s", VERBS, "");
			column = VERBS + strlen(c->verb) + 1;
		}
		fl_buf_printf(out, " %s", c->verb);
	}
	fl_buf_byte(out, '\n');
}

void fl_help_program(struct fl_buf *out)
{
	const struct fl_command *c;

	fl_buf_str(
		out,
		"Usage: fairlead COMMAND [arguments] [flags]\n\n"
		"Control server and relay for Tailscale clients, and a hub for SHIP devices.\n\n");
	for (size_t i = 0; (c = fl_command_at(i)) != NULL; i++)
		if (c->word != NULL && !c->hidden)
			fl_buf_printf(out, "  %-12s %s\n", c->word, c->help);
	for (size_t i = 0; i < fl_nouns_count; i++) {
		fl_buf_printf(out, "  %-12s", fl_nouns[i].name);
		write_verbs(&fl_nouns[i], out);
	}
	fl_buf_str(out, "\nFlags of all commands:\n");
	write_flags(fl_flags_global, out);
}
