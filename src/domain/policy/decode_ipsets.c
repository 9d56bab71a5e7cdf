/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/decode_ipsets.c - the ipsets section (policy.md 13): lists of "add T" and
 * "remove T", where "add" may be left out in a set without a "remove".
 */
#include "domain/policy/decode.h"

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* What stands behind the word, NULL if the text does not begin with it. */
static const char *behind_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	if (!begins(text, word) || (text[len] != ' ' && text[len] != '\t'))
		return NULL;
	return text + len + strspn(text + len, " \t");
}

static bool may_be_inside(const struct fl_alias *a)
{
	return a->kind == FL_ALIAS_PREFIX || a->kind == FL_ALIAS_HOST ||
	       a->kind == FL_ALIAS_IPSET ||
	       (a->kind == FL_ALIAS_AUTOGROUP && a->autogroup == FL_AUTOGROUP_INTERNET);
}

/* The element comes with its whole text as the alias. */
static bool read_text(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_ipset_item *item = out;
	const char *text;

	if (fl_hujson_kind(v) != FL_HUJSON_STRING)
		return fl_decode_mistyped(d, v, "string");
	if (!fl_decode_trimmed(d, v, &text))
		return false;
	item->alias.text = text;
	item->alias.at = fl_hujson_offset(v);
	item->remove = behind_word(text, "remove") != NULL;
	return true;
}

static const char *judge_item(struct fl_decode *d, bool explicit, struct fl_policy_ipset_item *item)
{
	const char *text = item->alias.text;
	const char *added = behind_word(text, "add");
	const char *target = item->remove    ? behind_word(text, "remove")
			     : added != NULL ? added
					     : text;
	size_t at = item->alias.at;

	if (explicit && target == text)
		return fl_say(d->arena, "%s: in a set with a \"remove\" each line needs a word",
			      fl_quoted(d->arena, text));
	if (!fl_alias_recognise(target, &item->alias) || !may_be_inside(&item->alias))
		return fl_say(d->arena,
			      "%s: only addresses, hosts, autogroup:internet and IP sets can be in "
			      "an IP set",
			      fl_quoted(d->arena, text));
	item->alias.at = at;
	return fl_alias_intern(d, &item->alias) ? NULL : fl_cause_nomem;
}

static bool read_ipset(struct fl_decode *d, const char *name, struct fl_hujv v, void *out)
{
	struct fl_policy_ipset *s = out;
	bool explicit = false;

	if (!begins(name, "ipset:") || name[strlen("ipset:")] == '\0')
		return fl_decode_fail(d, v,
				      fl_say(d->arena, "IP set must start with 'ipset:', got: %s",
					     fl_quoted(d->arena, name)));
	s->name = name;
	s->at = fl_hujson_offset(fl_hujson_name(v));
	s->items = fl_decode_list(d, v, "[]string", sizeof *s->items, read_text, &s->items_len);
	if (s->items == NULL)
		return false;
	for (size_t i = 0; i < s->items_len; i++)
		explicit |= s->items[i].remove;
	for (size_t i = 0; i < s->items_len; i++) {
		const char *cause = judge_item(d, explicit, &s->items[i]);
		if (cause != NULL)
			return fl_decode_fail(d, v, cause);
	}
	return true;
}

bool fl_decode_ipsets(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_doc *doc = d->doc;

	(void)out;
	doc->ipsets = fl_decode_map(d, v, "map[string][]string", sizeof *doc->ipsets, read_ipset,
				    &doc->ipsets_len);
	return doc->ipsets != NULL;
}
