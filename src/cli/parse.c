/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/parse.c - words and flags of a command line, by the tables. */
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"

/* ---- looking up ---- */

bool fl_word_is(struct fl_slice word, const char *name, const char *also)
{
	if (name != NULL && fl_slice_is(word, name))
		return true;
	while (also != NULL && *also != '\0') {
		size_t len = strcspn(also, " ");
		if (fl_slice_eq(word, fl_slice_of(also, len)))
			return true;
		also += len;
		also += strspn(also, " ");
	}
	return false;
}

const struct fl_noun *fl_noun_find(const char *word)
{
	for (size_t i = 0; i < fl_nouns_count; i++)
		if (fl_word_is(fl_slice_str(word), fl_nouns[i].name, fl_nouns[i].also))
			return &fl_nouns[i];
	return NULL;
}

static bool belongs(const struct fl_command *c, const struct fl_noun *noun)
{
	return c->noun != NULL && strcmp(c->noun, noun->name) == 0;
}

const struct fl_command *fl_command_find(const struct fl_noun *noun, const char *verb)
{
	const struct fl_command *c;

	for (size_t i = 0; (c = fl_command_at(i)) != NULL; i++)
		if (belongs(c, noun) && fl_word_is(fl_slice_str(verb), c->verb, c->also))
			return c;
	return NULL;
}

const struct fl_command *fl_command_word(const char *word)
{
	const struct fl_command *c;

	for (size_t i = 0; (c = fl_command_at(i)) != NULL; i++)
		if (fl_word_is(fl_slice_str(word), c->word, c->word_also))
			return c;
	return NULL;
}

static const struct fl_flag *long_in(const struct fl_flag *list, struct fl_slice name)
{
	for (; list != NULL && list->name != NULL; list++)
		if (fl_word_is(name, list->name, list->also))
			return list;
	return NULL;
}

static const struct fl_flag *brief_in(const struct fl_flag *list, char brief)
{
	for (; list != NULL && list->name != NULL; list++)
		if (list->brief == brief)
			return list;
	return NULL;
}

const struct fl_flag *fl_flag_long(const struct fl_command *c, struct fl_slice name)
{
	const struct fl_flag *f = c != NULL ? long_in(c->flags, name) : NULL;
	return f != NULL ? f : long_in(fl_flags_global, name);
}

const struct fl_flag *fl_flag_brief(const struct fl_command *c, char brief)
{
	const struct fl_flag *f = c != NULL ? brief_in(c->flags, brief) : NULL;
	return f != NULL ? f : brief_in(fl_flags_global, brief);
}

void fl_command_title(const struct fl_command *c, char out[static 64])
{
	struct fl_buf b = fl_buf_over(out, 64);

	if (c->word != NULL)
		fl_buf_str(&b, c->word);
	else
		fl_buf_printf(&b, "%s %s", c->noun, c->verb);
	out[b.len] = '\0';
}

/* ---- did you mean ---- */

struct nearest {
	struct fl_slice word;
	struct fl_slice best;
	size_t distance;
};

static void consider(struct nearest *n, const char *names)
{
	while (names != NULL && *names != '\0') {
		size_t len = strcspn(names, " ");
		size_t d = fl_str_distance(n->word, fl_slice_of(names, len));
		/* Two edits turn any word of two letters into any other. */
		if (d < n->distance && d < len && d < n->word.len) {
			n->distance = d;
			n->best = fl_slice_of(names, len);
		}
		names += len;
		names += strspn(names, " ");
	}
}

static struct fl_slice nearest_word(const struct fl_noun *noun, const char *word)
{
	struct nearest n = { .word = fl_slice_str(word), .distance = 3 };

	for (size_t i = 0; noun == NULL && i < fl_nouns_count; i++) {
		consider(&n, fl_nouns[i].name);
		consider(&n, fl_nouns[i].also);
	}
	for (size_t i = 0; fl_command_at(i) != NULL; i++) {
		const struct fl_command *c = fl_command_at(i);
		if (c->hidden)
			continue;
		if (noun == NULL) {
			consider(&n, c->word);
			consider(&n, c->word_also);
		} else if (belongs(c, noun)) {
			consider(&n, c->verb);
			consider(&n, c->also);
		}
	}
	return n.best;
}

static struct fl_slice nearest_flag(const struct fl_command *c, struct fl_slice word)
{
	const struct fl_flag *const lists[] = { c != NULL ? c->flags : NULL, fl_flags_global };
	struct nearest n = { .word = word, .distance = 3 };

	for (size_t i = 0; i < 2; i++) {
		for (const struct fl_flag *f = lists[i]; f != NULL && f->name != NULL; f++) {
			consider(&n, f->name);
			consider(&n, f->also);
		}
	}
	return n.best;
}

static enum fl_err unknown(struct fl_fault *fault, const char *what, struct fl_slice word,
			   struct fl_slice near, const char *dashes)
{
	if (near.len == 0)
		return fl_fault_set(fault, FL_ERR_INVALID, "unknown %s %s%.*s", what, dashes,
				    (int)word.len, (const char *)word.ptr);
	return fl_fault_set(fault, FL_ERR_INVALID, "unknown %s %s%.*s; did you mean %s%.*s?", what,
			    dashes, (int)word.len, (const char *)word.ptr, dashes, (int)near.len,
			    (const char *)near.ptr);
}

/* ---- flags ---- */

struct parser {
	int argc;
	char **argv;
	int at; /* the next one to read */
	struct fl_args *out;
	struct fl_fault *fault;
};

static enum fl_err check_value(const struct fl_flag *f, const char *value, struct fl_fault *fault)
{
	uint64_t n;
	int64_t ns;

	switch (f->kind) {
	case FL_FLAG_SWITCH:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "--%s is true or false, not '%s'", f->name, value);
		return FL_OK;
	case FL_FLAG_NUMBER:
		value += value[0] == '-'; /* derper's -1 for "none" */
		if (fl_u64_parse(fl_slice_str(value), &n) != FL_OK)
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "--%s needs a whole number, not '%s'", f->name, value);
		return FL_OK;
	case FL_FLAG_DURATION:
		if (fl_duration_parse(fl_slice_str(value), &ns) != FL_OK)
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "--%s needs a duration like 30m, 24h or 90d, not '%s'",
					    f->name, value);
		return FL_OK;
	case FL_FLAG_CHOICE:
		if (!fl_word_is(fl_slice_str(value), "", f->choices))
			return fl_fault_set(fault, FL_ERR_INVALID, "--%s is one of: %s; not '%s'",
					    f->name, f->choices, value);
		return FL_OK;
	case FL_FLAG_TEXT:
	case FL_FLAG_LIST:
		break;
	}
	return FL_OK;
}

static enum fl_err give(struct parser *p, const struct fl_flag *f, const char *value)
{
	struct fl_args *a = p->out;
	enum fl_err err = check_value(f, value, p->fault);

	if (err != FL_OK) {
		a->bad = f;
		return err;
	}
	if (strcmp(f->name, "help") == 0)
		a->help = true;
	if (strcmp(f->name, "version") == 0)
		a->version = true;
	if (a->given_count == FL_GIVEN_MAX)
		return fl_fault_set(p->fault, FL_ERR_INVALID, "too many flags");
	a->given[a->given_count++] = (struct fl_given){ .flag = f, .value = value };
	return FL_OK;
}

/* The flag's value: behind '=', else the next argument. */
static enum fl_err give_next(struct parser *p, const struct fl_flag *f, const char *inside)
{
	if (inside != NULL)
		return give(p, f, inside);
	if (f->kind == FL_FLAG_SWITCH)
		return give(p, f, "true");
	if (p->at == p->argc) {
		p->out->bad = f;
		return fl_fault_set(p->fault, FL_ERR_INVALID, "--%s needs a value: %s", f->name,
				    f->value != NULL ? f->value : "VALUE");
	}
	return give(p, f, p->argv[p->at++]);
}

static enum fl_err read_long(struct parser *p, const char *text)
{
	size_t len = strcspn(text, "=");
	struct fl_slice name = fl_slice_of(text, len);
	const struct fl_flag *f = fl_flag_long(p->out->command, name);

	if (f == NULL)
		return unknown(p->fault, "flag", name, nearest_flag(p->out->command, name), "--");
	return give_next(p, f, text[len] == '=' ? text + len + 1 : NULL);
}

/* -x, -xVALUE, -x=VALUE, and several switches in one. */
static enum fl_err read_brief(struct parser *p, const char *text)
{
	const struct fl_command *c = p->out->command;

	if (c != NULL && c->single_dash && text[1] != '\0' &&
	    fl_flag_long(c, fl_slice_of(text, strcspn(text, "="))) != NULL)
		return read_long(p, text);
	for (; *text != '\0'; text++) {
		const struct fl_flag *f = fl_flag_brief(c, *text);
		if (f == NULL)
			return fl_fault_set(p->fault, FL_ERR_INVALID, "unknown flag -%c", *text);
		if (f->kind != FL_FLAG_SWITCH || text[1] == '=')
			return give_next(p, f,
					 text[1] == '\0' ? NULL : text + 1 + (text[1] == '='));
		enum fl_err err = give(p, f, "true");
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

/* ---- words ---- */

static bool next_is_verb(const struct parser *p, const struct fl_noun *noun)
{
	return p->at < p->argc && fl_command_find(noun, p->argv[p->at]) != NULL;
}

static enum fl_err read_first(struct parser *p, const char *word)
{
	struct fl_args *a = p->out;
	const struct fl_noun *noun = fl_noun_find(word);
	const struct fl_command *c = fl_command_word(word);

	if (c != NULL && (noun == NULL || !next_is_verb(p, noun)))
		a->command = c;
	else if (noun != NULL)
		a->noun = noun;
	else
		return unknown(p->fault, "command", fl_slice_str(word), nearest_word(NULL, word),
			       "");
	return FL_OK;
}

static enum fl_err read_word(struct parser *p, const char *word)
{
	struct fl_args *a = p->out;

	if (a->command == NULL && a->noun == NULL)
		return read_first(p, word);
	if (a->command == NULL) {
		a->command = fl_command_find(a->noun, word);
		if (a->command != NULL)
			return FL_OK;
		char what[64];
		struct fl_buf b = fl_buf_over(what, sizeof what);
		fl_buf_printf(&b, "command %s", a->noun->name);
		what[b.len] = '\0';
		return unknown(p->fault, what, fl_slice_str(word), nearest_word(a->noun, word), "");
	}
	if (a->words == FL_WORDS_MAX)
		return fl_fault_set(p->fault, FL_ERR_INVALID, "too many arguments");
	a->word[a->words++] = word;
	return FL_OK;
}

static enum fl_err check_counts(const struct fl_args *a, struct fl_fault *fault)
{
	const struct fl_command *c = a->command;

	if (c == NULL || a->help)
		return FL_OK;
	if (a->words > c->args_max)
		return fl_fault_set(fault, FL_ERR_INVALID, "unexpected argument '%s'",
				    a->word[c->args_max]);
	if (a->words < c->args_min)
		return fl_fault_set(fault, FL_ERR_INVALID, "missing argument: %s", c->args);
	return FL_OK;
}

enum fl_err fl_args_parse(int argc, char **argv, struct fl_args *out, struct fl_fault *fault)
{
	struct parser p = { .argc = argc, .argv = argv, .out = out, .fault = fault };
	enum fl_err err = FL_OK;
	bool flags = true;

	*out = (struct fl_args){ 0 };
	while (err == FL_OK && p.at < argc) {
		const char *text = argv[p.at++];
		if (flags && strcmp(text, "--") == 0)
			flags = false;
		else if (flags && strncmp(text, "--", 2) == 0)
			err = read_long(&p, text + 2);
		else if (flags && text[0] == '-' && text[1] != '\0')
			err = read_brief(&p, text + 1);
		else
			err = read_word(&p, text);
	}
	return err == FL_OK ? check_counts(out, fault) : err;
}

/* ---- values ---- */

static const struct fl_given *last(const struct fl_args *a, const char *flag)
{
	for (size_t i = a->given_count; i-- > 0;)
		if (strcmp(a->given[i].flag->name, flag) == 0)
			return &a->given[i];
	return NULL;
}

const char *fl_args_text(const struct fl_args *a, const char *flag)
{
	const struct fl_given *g = last(a, flag);
	const struct fl_flag *f;

	if (g != NULL)
		return g->value;
	f = fl_flag_long(a->command, fl_slice_str(flag));
	return f != NULL ? f->fallback : NULL;
}

bool fl_args_on(const struct fl_args *a, const char *flag)
{
	const char *text = fl_args_text(a, flag);
	return text != NULL && strcmp(text, "true") == 0;
}

bool fl_args_has(const struct fl_args *a, const char *flag)
{
	return last(a, flag) != NULL;
}

int64_t fl_args_duration(const struct fl_args *a, const char *flag)
{
	const char *text = fl_args_text(a, flag);
	int64_t ns = 0;

	if (text == NULL || fl_duration_parse(fl_slice_str(text), &ns) != FL_OK)
		return 0;
	return ns;
}

uint64_t fl_args_number(const struct fl_args *a, const char *flag)
{
	const char *text = fl_args_text(a, flag);
	uint64_t n = 0;

	if (text == NULL || fl_u64_parse(fl_slice_str(text), &n) != FL_OK)
		return 0;
	return n;
}

static enum fl_err add_parts(const char *text, struct fl_strlist *out)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ", \t");
		if (len > 0) {
			enum fl_err err = fl_strlist_add(out, fl_slice_of(text, len));
			if (err != FL_OK)
				return err;
		}
		text += len;
		text += strspn(text, ", \t");
	}
	return FL_OK;
}

enum fl_err fl_args_list(const struct fl_args *a, const char *flag, struct fl_strlist *out)
{
	for (size_t i = 0; i < a->given_count; i++) {
		if (strcmp(a->given[i].flag->name, flag) != 0)
			continue;
		enum fl_err err = add_parts(a->given[i].value, out);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}
