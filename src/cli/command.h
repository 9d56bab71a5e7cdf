/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/command.h - every command of the program as data, and the one parser for all of them.
 *
 * A command has a noun and a verb ("users list"), or a word of its own ("serve"), or both. Nouns
 * and verbs have aliases, so that the words of headscale work. Flags may stand anywhere behind
 * the word they belong to; the flags of all commands also before it.
 *
 *   commands.c, commands_policy.c, commands_ship.c  the table of commands
 *   flags.c, flags_ship.c  their flags  parse.c  the parser
 *   help.c      the help texts             complete.c  shell completion from the same tables
 *
 * Memory  tables are constant; a parse borrows the arguments.
 * Limits  FL_GIVEN_MAX flags and FL_WORDS_MAX words in one call.
 */
#ifndef FL_CLI_COMMAND_H
#define FL_CLI_COMMAND_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct fl_cli;

enum { FL_GIVEN_MAX = 128, FL_WORDS_MAX = 512 };

/* What the process ends with; docs/cli.md. */
enum fl_exit {
	FL_EXIT_DONE = 0,
	FL_EXIT_FAILED = 1,
	FL_EXIT_USAGE = 2,
	FL_EXIT_NOT_FOUND = 3, /* or ambiguous */
	FL_EXIT_REFUSED = 4,
	FL_EXIT_UNREACHABLE = 5,
	FL_EXIT_CONFLICT = 6,
	FL_EXIT_ABORTED = 7,
	FL_EXIT_CHECK = 8,
};

enum fl_flag_kind {
	FL_FLAG_SWITCH, /* --x, --x=false */
	FL_FLAG_TEXT,
	FL_FLAG_LIST, /* separated by commas, may be repeated */
	FL_FLAG_NUMBER,
	FL_FLAG_DURATION,
	FL_FLAG_CHOICE, /* one of the words in `choices` */
};

/* What a value or an argument names, for completion. */
enum fl_names {
	FL_NAMES_NONE,
	FL_NAMES_FILE,
	FL_NAMES_NODE,
	FL_NAMES_USER,
	FL_NAMES_ROLE,
	FL_NAMES_PREAUTH,
	FL_NAMES_APIKEY,
	FL_NAMES_PENDING,
	FL_NAMES_ROUTE,
	FL_NAMES_REVISION,
	FL_NAMES_TAG,
	FL_NAMES_SHELL,
	FL_NAMES_COMMAND,
	FL_NAMES_COLUMN,
	FL_NAMES_DEVICE,
	FL_NAMES_INTERFACE,
	FL_NAMES_CATEGORY,
	FL_NAMES_EVENT,
	FL_NAMES_IDENTITY, /* new, show, export, import */
	FL_NAMES_LOG,      /* export, or a device */
};

struct fl_flag {
	const char *name; /* long form without dashes; NULL ends a list */
	const char *also; /* further long forms, separated by blanks */
	char brief;       /* short form, 0 = none */
	enum fl_flag_kind kind;
	const char *value;    /* what the help calls the value */
	const char *fallback; /* NULL = none */
	const char *choices;
	enum fl_names names;
	const char *help;
};

struct fl_resource;

struct fl_noun {
	const char *name, *also;
	const char *help;
	const struct fl_resource *shows; /* whose columns its lists have; NULL: none */
};

struct fl_command {
	const char *noun; /* NULL = only a word of its own */
	const char *verb, *also;
	const char *word, *word_also; /* "serve" for "server run" */
	const char *args;             /* for the usage line */
	unsigned args_min, args_max;
	enum fl_names names[2]; /* what the first argument names, and those behind it */
	bool single_dash;       /* -long is accepted as --long */
	bool hidden;
	bool opens_first; /* its port, and sets up cryptography behind that */
	const char *help; /* one sentence */
	const struct fl_flag *flags;
	const char *examples[2];
	const char *related;
	const char *exits; /* digits of enum fl_exit besides 0, 1 and 2 */
	int (*run)(struct fl_cli *c);
};

extern const struct fl_flag fl_flags_global[];
extern const struct fl_noun fl_nouns[];
extern const size_t fl_nouns_count;
extern const struct fl_command fl_commands_policy[], fl_commands_ship[];
extern const size_t fl_commands_policy_count, fl_commands_ship_count;

/* All commands, from 0; NULL behind the last. */
const struct fl_command *fl_command_at(size_t i);

/* ---- looking up; NULL if there is none ---- */
const struct fl_noun *fl_noun_find(const char *word);
const struct fl_command *fl_command_find(const struct fl_noun *noun, const char *verb);
const struct fl_command *fl_command_word(const char *word); /* one with a word of its own */
const struct fl_flag *fl_flag_long(const struct fl_command *c, struct fl_slice name);
const struct fl_flag *fl_flag_brief(const struct fl_command *c, char brief);

/* Is `word` the name, or among the blank-separated others (which may be NULL)? */
bool fl_word_is(struct fl_slice word, const char *name, const char *also);

/* "users list", "serve" */
void fl_command_title(const struct fl_command *c, char out[static 64]);

/* ---- parsing ---- */

struct fl_given {
	const struct fl_flag *flag;
	const char *value;
};

struct fl_args {
	const struct fl_noun *noun;       /* named, with or without a verb */
	const struct fl_command *command; /* NULL: none named */
	bool help, version;
	const struct fl_flag *bad; /* the flag that an error is about; NULL: none */
	struct fl_given given[FL_GIVEN_MAX];
	size_t given_count;
	const char *word[FL_WORDS_MAX];
	size_t words;
};

/*
 * Reads the arguments behind the program's name. Counts of words and forms of values are checked,
 * unless help is asked for. FL_ERR_INVALID: `fault` says what was wrong and *out holds what was
 * understood so far.
 */
FL_MUST enum fl_err fl_args_parse(int argc, char **argv, struct fl_args *out,
				  struct fl_fault *fault);

/* The last value given, else the flag's fallback, else NULL. */
const char *fl_args_text(const struct fl_args *a, const char *flag);
bool fl_args_on(const struct fl_args *a, const char *flag);
bool fl_args_has(const struct fl_args *a, const char *flag);         /* given at all */
int64_t fl_args_duration(const struct fl_args *a, const char *flag); /* ns, 0 if absent */
uint64_t fl_args_number(const struct fl_args *a, const char *flag);

/* All values of a list flag, commas taken apart, blanks and empty parts dropped. */
FL_MUST enum fl_err fl_args_list(const struct fl_args *a, const char *flag, struct fl_strlist *out);

/* ---- help ---- */

/* What stands for the flag's value; "" for a switch. */
const char *fl_flag_value(const struct fl_flag *f);
const char *fl_exit_text(enum fl_exit code);

/* ---- man.c ---- */

/* The manual page of all commands, as troff with the man macros. */
void fl_help_man(struct fl_buf *out);

/* ---- help.c ---- */
void fl_help_program(struct fl_buf *out);
void fl_help_noun(const struct fl_noun *noun, struct fl_buf *out);
void fl_help_command(const struct fl_command *c, struct fl_buf *out);

#endif
