/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/man.c - the manual page fairlead(1), from the tables that the help texts come from. */
#include "base/version.h"
#include "cli/cli.h"

/* Text for troff: no dash becomes a hyphen, no line a request, no backslash an escape. */
static void put(struct fl_buf *out, const char *text)
{
	bool start = out->len == 0 || out->ptr[out->len - 1] == '\n';

	for (; *text != '\0'; text++) {
		if (start && (*text == '.' || *text == '\''))
			fl_buf_str(out, "\\&");
		if (*text == '\\')
			fl_buf_str(out, "\\e");
		else if (*text == '-')
			fl_buf_str(out, "\\-");
		else if (*text == '~')
			fl_buf_str(out, "\\(ti");
		else
			fl_buf_byte(out, (uint8_t)*text);
		start = *text == '\n';
	}
}

static void put_section(struct fl_buf *out, const char *title)
{
	fl_buf_printf(out, ".SH \"%s\"\n", title);
}

static void put_flags(struct fl_buf *out, const struct fl_flag *f)
{
	for (; f != NULL && f->name != NULL; f++) {
		fl_buf_str(out, ".TP\n\\fB");
		if (f->brief != 0)
			fl_buf_printf(out, "\\-%c\\fR, \\fB", f->brief);
		fl_buf_str(out, "\\-\\-");
		put(out, f->name);
		fl_buf_str(out, "\\fR");
		const char *value = fl_flag_value(f);
		if (value[0] != '\0') {
			fl_buf_str(out, " \\fI");
			put(out, value);
			fl_buf_str(out, "\\fR");
		}
		fl_buf_byte(out, '\n');
		put(out, f->help);
		if (f->fallback != NULL && f->fallback[0] != '\0') {
			fl_buf_str(out, " (default ");
			put(out, f->fallback);
			fl_buf_byte(out, ')');
		}
		fl_buf_byte(out, '\n');
	}
}

static void put_command(struct fl_buf *out, const struct fl_command *c)
{
	char title[64];

	fl_command_title(c, title);
	fl_buf_str(out, ".SS \"");
	put(out, title);
	fl_buf_str(out, "\"\n.B fairlead ");
	put(out, title);
	fl_buf_byte(out, '\n');
	if (c->args != NULL) {
		fl_buf_str(out, ".I ");
		put(out, c->args);
		fl_buf_byte(out, '\n');
	}
	fl_buf_str(out, c->flags != NULL ? "[flags]\n.PP\n" : ".PP\n");
	put(out, c->help);
	fl_buf_byte(out, '\n');
	put_flags(out, c->flags);
	fl_buf_str(out, ".PP\nExamples:\n.PP\n.nf\n.RS\n");
	for (size_t i = 0; i < 2 && c->examples[i] != NULL; i++) {
		fl_buf_str(out, "fairlead ");
		put(out, c->examples[i]);
		fl_buf_byte(out, '\n');
	}
	fl_buf_str(out, ".RE\n.fi\n");
	if (c->noun != NULL && (c->word != NULL || c->also != NULL)) {
		fl_buf_str(out, ".PP\nOther words: ");
		put(out, c->word != NULL ? c->noun : c->also);
		if (c->word != NULL) {
			fl_buf_byte(out, ' ');
			put(out, c->verb);
		}
		fl_buf_byte(out, '\n');
	}
}

static void put_exits(struct fl_buf *out)
{
	put_section(out, "EXIT STATUS");
	for (int code = FL_EXIT_DONE; code <= FL_EXIT_CHECK; code++) {
		fl_buf_printf(out, ".TP\n.B %d\n", code);
		put(out, fl_exit_text((enum fl_exit)code));
		fl_buf_byte(out, '\n');
	}
	fl_buf_str(out, ".PP\nUnder the name \\fBheadscale\\fR each failure is 1.\n");
}

static void put_files(struct fl_buf *out)
{
	static const char *const files[][2] = {
		{ "./config.yaml, ~/.fairlead/config.yaml, /etc/fairlead/config.yaml",
		  "settings; the first that exists, after --config and $FAIRLEAD_CONFIG" },
		{ "/var/lib/fairlead/", "database, keys and socket, unless the settings say else" },
		{ "/var/lib/fairlead-ship/", "identity, trusted devices and socket of the hub" },
		{ "/usr/share/doc/fairlead/", "documents" },
	};

	put_section(out, "FILES");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		fl_buf_str(out, ".TP\n.I ");
		put(out, files[i][0]);
		fl_buf_byte(out, '\n');
		put(out, files[i][1]);
		fl_buf_byte(out, '\n');
	}
}

void fl_help_man(struct fl_buf *out)
{
	fl_buf_printf(out, ".TH FAIRLEAD 1 \"\" \"fairlead %s\" \"User commands\"\n", FL_VERSION);
	put_section(out, "NAME");
	fl_buf_str(out, "fairlead \\- control server and relay for Tailscale clients, hub for SHIP "
			"devices\n");
	put_section(out, "SYNOPSIS");
	fl_buf_str(out, ".B fairlead\n.I command\n[arguments] [flags]\n");
	put_section(out, "DESCRIPTION");
	put(out,
	    "One program: the server, the relay, the device hub, and the commands to administer "
	    "them over Unix sockets or, the server with cli.address and cli.api_key, over "
	    "https. Nouns may be singular or plural.\n");
	put_section(out, "OPTIONS");
	put_flags(out, fl_flags_global);
	put_section(out, "COMMANDS");
	for (size_t i = 0; fl_command_at(i) != NULL; i++)
		if (!fl_command_at(i)->hidden)
			put_command(out, fl_command_at(i));
	put_exits(out);
	put_section(out, "ENVIRONMENT");
	put(out, "Each setting can be given as FAIRLEAD_ and its name in capitals, with _ for the "
		 "dots. FAIRLEAD_CONFIG names the file of settings. NO_COLOR turns colours off.\n");
	put_files(out);
}
