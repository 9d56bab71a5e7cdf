/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/complete.c - shell completion: what may stand in place of the last word, from the tables, and
 * ids and names live from the server. Silent on every failure, and never slower than a typist.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/cli.h"
#include "crypto/prim.h"

#define BUDGET (300 * FL_MS)

struct completion {
	struct fl_cli *cli;
	const struct fl_noun *noun;
	const struct fl_command *command;
	const struct fl_flag *wants; /* the flag whose value comes next */
	size_t words;                /* behind the command */
	bool no_flags;               /* behind -- */
	const char *node;            /* the first of them */
	const char *prefix;
};

static void offer(const struct completion *p, struct fl_slice word, struct fl_slice about)
{
	struct fl_buf b = fl_buf_make(4096);
	size_t len = strlen(p->prefix);

	if (word.len < len || memcmp(word.ptr, p->prefix, len) != 0)
		return;
	fl_output_clean(word, &b);
	if (about.len > 0) {
		fl_buf_byte(&b, '\t');
		fl_output_clean(about, &b);
	}
	printf("%.*s\n", (int)b.len, (const char *)b.ptr);
	fl_buf_done(&b);
}

static void offer_text(const struct completion *p, const char *word, const char *about)
{
	if (word != NULL)
		offer(p, fl_slice_str(word), fl_slice_str(about));
}

static void offer_words(const struct completion *p, const char *words)
{
	while (words != NULL && *words != '\0') {
		size_t len = strcspn(words, " ");
		offer(p, fl_slice_of(words, len), fl_slice_of(NULL, 0));
		words += len;
		words += strspn(words, " ");
	}
}

/* ---- from the tables ---- */

static void offer_commands(const struct completion *p)
{
	const struct fl_command *c;

	for (size_t i = 0; (c = fl_command_at(i)) != NULL; i++)
		if (!c->hidden)
			offer_text(p, c->word, c->help);
	for (size_t i = 0; i < fl_nouns_count; i++)
		offer_text(p, fl_nouns[i].name, fl_nouns[i].help);
}

static void offer_verbs(const struct completion *p, const struct fl_noun *noun)
{
	const struct fl_command *c;

	for (size_t i = 0; (c = fl_command_at(i)) != NULL; i++)
		if (c->noun != NULL && strcmp(c->noun, noun->name) == 0)
			offer_text(p, c->verb, c->help);
}

static void offer_flags(const struct completion *p, const struct fl_flag *list)
{
	char word[64];

	for (; list != NULL && list->name != NULL; list++) {
		snprintf(word, sizeof word, "--%s", list->name);
		offer_text(p, word, list->help);
	}
}

/* ---- live ---- */

/* A server may be behind TLS. */
static bool fetch(const struct completion *p, const char *path, struct fl_answer *out)
{
	*out = (struct fl_answer){ 0 };
	return fl_crypto_init() == FL_OK && fl_cli_get(p->cli, path, out) == FL_EXIT_DONE;
}

/* Names and descriptions from a list of the API. */
static void offer_list(const struct completion *p, const char *path, const char *list,
		       const char *name, const char *about)
{
	struct fl_answer a;

	if (fetch(p, path, &a)) {
		struct fl_jv all = fl_json_path(fl_json_root(a.doc), list);
		size_t len = fl_json_kind(all) == FL_JSON_ARRAY ? fl_json_len(all) : 0;
		for (size_t i = 0; i < len; i++) {
			struct fl_jv v = fl_json_path(fl_json_at(all, i), name);
			struct fl_jv note = fl_json_path(fl_json_at(all, i), about);
			if (fl_json_kind(v) == FL_JSON_STRING && fl_json_str(v).len > 0)
				offer(p, fl_json_str(v),
				      fl_json_kind(note) == FL_JSON_STRING ? fl_json_str(note)
									   : fl_slice_of(NULL, 0));
		}
	}
	fl_answer_done(&a);
}

static bool is_node(const struct completion *p, struct fl_jv node)
{
	struct fl_jv id = fl_json_path(node, "id"), name = fl_json_path(node, "givenName");

	if (p->node == NULL)
		return true;
	return (fl_json_kind(id) == FL_JSON_STRING && fl_slice_is(fl_json_str(id), p->node)) ||
	       (fl_json_kind(name) == FL_JSON_STRING && fl_slice_is(fl_json_str(name), p->node));
}

/* What the nodes' lists hold: the named node's, or everybody's, each once. */
static void offer_members(const struct completion *p, const char *key)
{
	struct fl_strlist all = { 0 };
	struct fl_answer a;

	if (fetch(p, "/api/v1/node", &a)) {
		struct fl_jv nodes = fl_json_path(fl_json_root(a.doc), "nodes");
		size_t len = fl_json_kind(nodes) == FL_JSON_ARRAY ? fl_json_len(nodes) : 0;
		for (size_t i = 0; i < len; i++) {
			struct fl_jv node = fl_json_at(nodes, i), list = fl_json_path(node, key);
			if (fl_json_kind(list) != FL_JSON_ARRAY || !is_node(p, node))
				continue;
			for (size_t k = 0; k < fl_json_len(list); k++)
				if (fl_strlist_add(&all, fl_json_str(fl_json_at(list, k))) != FL_OK)
					break;
		}
	}
	fl_strlist_sort_unique(&all);
	for (size_t i = 0; i < all.len; i++)
		offer_text(p, all.at[i], NULL);
	fl_strlist_done(&all);
	fl_answer_done(&a);
}

/* The last of a list of columns; the others stay in front of it. */
static void offer_columns(struct completion *p)
{
	const char *noun = p->command != NULL ? p->command->noun : NULL;
	const struct fl_noun *n = noun != NULL ? fl_noun_find(noun) : p->noun;
	bool sorts = p->wants != NULL && strcmp(p->wants->name, "sort") == 0;
	const char *comma = strrchr(p->prefix, ',');
	size_t done = comma != NULL ? (size_t)(comma - p->prefix) + 1 : 0;
	char word[512], name[FL_COLUMN_NAME_MAX];

	done += sorts && p->prefix[done] == '-';
	for (size_t i = 0; n != NULL && n->shows != NULL && i < n->shows->count; i++) {
		fl_column_name(&n->shows->columns[i], name);
		snprintf(word, sizeof word, "%.*s%s", (int)done, p->prefix, name);
		offer_text(p, word, NULL);
	}
}

static void offer_help(const struct completion *p)
{
	if (p->words == 0)
		offer_commands(p);
	else if (p->words == 1 && fl_noun_find(p->node) != NULL)
		offer_verbs(p, fl_noun_find(p->node));
}

static void offer_devices(struct completion *p)
{
	p->cli->hub = true;
	offer_list(p, "/api/v1/ship/devices", "devices", "name", "ski");
	offer_list(p, "/api/v1/ship/devices", "devices", "ski", "model");
}

static void offer_interfaces(const struct completion *p)
{
	struct if_nameindex *all = if_nameindex();

	for (size_t i = 0; all != NULL && all[i].if_index != 0; i++)
		offer_text(p, all[i].if_name, NULL);
	if (all != NULL)
		if_freenameindex(all);
}

static void offer_names(struct completion *p, enum fl_names names)
{
	switch (names) {
	case FL_NAMES_NONE:
	case FL_NAMES_FILE: /* the shell does that when nothing is offered */
		return;
	case FL_NAMES_NODE:
		offer_list(p, "/api/v1/node", "nodes", "givenName", "user.name");
		if (p->prefix[0] >= '0' && p->prefix[0] <= '9')
			offer_list(p, "/api/v1/node", "nodes", "id", "givenName");
		return;
	case FL_NAMES_USER:
		offer_list(p, "/api/v1/user", "users", "name", "displayName");
		return;
	case FL_NAMES_ROLE:
		offer_words(p, "owner admin network_admin it_admin auditor viewer member");
		return;
	case FL_NAMES_PREAUTH:
		offer_list(p, "/api/v1/preauthkey", "preAuthKeys", "id", "key");
		return;
	case FL_NAMES_APIKEY:
		offer_list(p, "/api/v1/apikey", "apiKeys", "prefix", "expiration");
		return;
	case FL_NAMES_PENDING:
		offer_list(p, "/api/v1/auth/pending", "pending", "authId", "hostname");
		return;
	case FL_NAMES_ROUTE:
		offer_members(p, "availableRoutes");
		return;
	case FL_NAMES_REVISION:
		offer_list(p, "/api/v1/policy/history", "revisions", "rev", "comment");
		return;
	case FL_NAMES_TAG:
		p->node = NULL; /* any node's tag may be wanted */
		offer_members(p, "tags");
		return;
	case FL_NAMES_SHELL:
		offer_words(p, "bash zsh fish");
		return;
	case FL_NAMES_COMMAND:
		offer_help(p);
		return;
	case FL_NAMES_COLUMN:
		offer_columns(p);
		return;
	case FL_NAMES_DEVICE:
		offer_devices(p);
		return;
	case FL_NAMES_INTERFACE:
		offer_interfaces(p);
		return;
	case FL_NAMES_CATEGORY:
		offer_words(p, "grid ems e-mobility hvac inverter appliance metering");
		return;
	case FL_NAMES_EVENT:
		offer_words(p, "state connected replaced disconnected data trust shipId pinWanted "
			       "forgotten visible");
		return;
	case FL_NAMES_IDENTITY:
		offer_words(p, "new show export import");
		return;
	case FL_NAMES_LOG:
		offer_words(p, "export");
		offer_devices(p);
		return;
	}
}

/* ---- where the last word stands ---- */

static void read_flag(struct completion *p, const char *text)
{
	const struct fl_flag *f;

	if (text[1] == '-' && text[2] == '\0') {
		p->no_flags = true;
		return;
	}
	if (strchr(text, '=') != NULL)
		return;
	if (text[1] == '-')
		f = fl_flag_long(p->command, fl_slice_str(text + 2));
	else
		f = text[2] == '\0' ? fl_flag_brief(p->command, text[1]) : NULL;
	if (f != NULL && f->kind != FL_FLAG_SWITCH)
		p->wants = f;
}

static void read_word(struct completion *p, const char *text)
{
	if (p->command != NULL) {
		if (p->words++ == 0)
			p->node = text;
		return;
	}
	if (p->noun != NULL) {
		p->command = fl_command_find(p->noun, text);
		return;
	}
	p->command = fl_command_word(text);
	if (p->command == NULL)
		p->noun = fl_noun_find(text);
}

/* The files and sockets that the words before name, so that live names come from that server. */
static void keep_globals(struct completion *p, const struct fl_flag *f, const char *value)
{
	struct fl_args *a = &p->cli->args;
	bool global = strcmp(f->name, "config") == 0 || strcmp(f->name, "socket") == 0 ||
		      strcmp(f->name, "state-dir") == 0;

	if (global && a->given_count < FL_GIVEN_MAX)
		a->given[a->given_count++] = (struct fl_given){ .flag = f, .value = value };
	if (strcmp(f->name, "identifier") == 0)
		p->node = value;
}

static void read_before(struct completion *p, int count, char **words)
{
	for (int i = 0; i < count; i++) {
		if (p->wants != NULL) {
			keep_globals(p, p->wants, words[i]);
			p->wants = NULL;
		} else if (!p->no_flags && words[i][0] == '-' && words[i][1] != '\0') {
			read_flag(p, words[i]);
		} else {
			read_word(p, words[i]);
		}
	}
}

static void offer_here(struct completion *p)
{
	if (p->wants != NULL) {
		if (p->wants->kind == FL_FLAG_CHOICE)
			offer_words(p, p->wants->choices);
		else
			offer_names(p, p->wants->names);
	} else if (!p->no_flags && p->prefix[0] == '-') {
		offer_flags(p, p->command != NULL ? p->command->flags : NULL);
		offer_flags(p, fl_flags_global);
	} else if (p->command != NULL) {
		if (p->words < p->command->args_max)
			offer_names(p, p->command->names[p->words > 0]);
	} else if (p->noun != NULL) {
		offer_verbs(p, p->noun);
	} else {
		offer_commands(p);
	}
}

int fl_cmd_complete(struct fl_cli *c)
{
	int count = c->argc - 1; /* behind __complete */
	struct completion p = { .cli = c, .prefix = count > 0 ? c->argv[count] : "" };

	c->silent = true;
	c->timeout = BUDGET;
	if (count > 0)
		read_before(&p, count - 1, c->argv + 1);
	offer_here(&p);
	return FL_EXIT_DONE;
}
