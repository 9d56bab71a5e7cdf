/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/gen_cover.c - counts what accepted policies held: each kind of alias at each
 * place, each field. Read off the policy, not told by the generator.
 */
#include "gen.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 32, COLUMNS = 16, NAMES = 128 };

struct counter {
	char name[96];
	size_t count;
};

static const char *const columns[COLUMNS] = {
	"acl.src",  "acl.dst",  "gr.src", "gr.dst", "via",   "ssh.src",  "ssh.dst",  "owner",
	"approver", "exitNode", "target", "member", "ipset", "test.src", "test.dst", "sshtest",
};
static size_t cells[ROWS][COLUMNS];
static const char *rows[ROWS];
static struct counter fields[NAMES], refused[NAMES], changes[NAMES];

static void count(struct counter *list, const char *name)
{
	size_t i = 0;

	while (i < NAMES - 1 && list[i].count > 0 && strcmp(list[i].name, name) != 0)
		i++;
	if (list[i].count++ == 0)
		snprintf(list[i].name, sizeof list[i].name, "%s", name);
}

void gen_cover_refused(const char *why)
{
	count(refused, why);
}

void gen_cover_change(const char *what)
{
	count(changes, what);
}

/* ---- kinds of alias, finer than the reader's ---- */

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static const char *kind_of_address(const char *s)
{
	bool six = strchr(s, ':') != NULL;

	if (strchr(s, '/') == NULL)
		return six ? "address v6" : "address v4";
	if (strcmp(strchr(s, '/'), "/0") == 0)
		return "CIDR /0";
	return six ? "CIDR v6" : "CIDR v4";
}

static const char *kind_of(const char *s)
{
	static const char *const whole[] = { "autogroup:member",     "autogroup:tagged",
					     "autogroup:self",       "autogroup:internet",
					     "autogroup:danger-all", "autogroup:owner",
					     "autogroup:admin",      "group:empty",
					     "group:ghost" };

	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		if (strcmp(s, whole[i]) == 0)
			return whole[i];
	if (strcmp(s, "*") == 0)
		return "*";
	if (begins(s, "user:*@"))
		return "user:*@domain";
	if (begins(s, "nobody@"))
		return "unknown user";
	if (strchr(s, '@') != NULL)
		return s[strlen(s) - 1] == '@' ? "user@ (name)"
		       : begins(s, "oidc@")    ? "user (provider id)"
					       : "user (email)";
	if (begins(s, "group:"))
		return "group:";
	if (begins(s, "tag:"))
		return "tag:";
	if (begins(s, "ipset:"))
		return "ipset:";
	return begins(s, "h-") ? "host" : kind_of_address(s);
}

static void cell(const char *alias, size_t column)
{
	const char *kind = kind_of(alias);
	size_t i = 0;

	while (i < ROWS - 1 && rows[i] != NULL && strcmp(rows[i], kind) != 0)
		i++;
	rows[i] = kind;
	cells[i][column]++;
}

static void alias(const char *text, size_t column)
{
	char plain[192];
	size_t len;

	while (*text == ' ')
		text++;
	if (begins(text, "add "))
		text += 4;
	else if (begins(text, "remove "))
		text += 7;
	len = strcspn(text, "\t");
	if (column == 1 || column == 14) /* with ports */
		len = (size_t)(strrchr(text, ':') - text);
	if (*text == '[') {
		text++;
		len -= text[len - 2] == ']' ? 2 : 1;
	}
	snprintf(plain, sizeof plain, "%.*s", (int)len, text);
	cell(plain, column);
}

static void aliases(const json_t *list, size_t column)
{
	if (json_is_array(list) && json_array_size(list) == 0)
		count(fields, "an empty list of aliases");
	if (json_is_string(list))
		alias(json_string_value(list), column);
	for (size_t i = 0; i < json_array_size(list); i++)
		alias(json_string_value(json_array_get(list, i)), column);
}

static void aliases_of_members(const json_t *map, size_t column)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)map, name, v) aliases(v, column);
}

/* ---- fields ---- */

static void entry_fields(const char *section, const json_t *entry)
{
	char name[96];
	const char *field;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)entry, field, v)
	{
		snprintf(name, sizeof name, "%s.%s%s", section, field,
			 json_is_null(v)                                 ? " null"
			 : json_is_object(v) && json_object_size(v) == 0 ? " {}"
									 : "");
		count(fields, name);
	}
}

static void list_fields(const json_t *policy, const char *section, const char *const *names,
			const size_t *at, size_t len)
{
	json_t *list = json_object_get(policy, section);

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *e = json_array_get(list, i);
		entry_fields(section, e);
		for (size_t k = 0; k < len; k++)
			aliases(json_object_get(e, names[k]), at[k]);
	}
}

static void top_fields(const json_t *policy)
{
	char name[96];
	const char *field;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)policy, field, v)
	{
		snprintf(name, sizeof name, "%s%s", field,
			 json_is_null(v)                               ? " null"
			 : json_is_array(v) && json_array_size(v) == 0 ? " []"
								       : "");
		count(fields, name);
	}
	if (!json_is_array(json_object_get(policy, "acls")) &&
	    !json_is_array(json_object_get(policy, "grants")))
		count(fields, "neither acls nor grants: all allowed");
}

void gen_cover(const json_t *policy)
{
	static const char *const ends[] = { "src", "dst", "via", "target" };
	static const size_t acl[] = { 0, 1 }, grant[] = { 2, 3, 4 }, ssh[] = { 5, 6 };
	static const size_t target[] = { 10 }, ssh_test[] = { 15, 15 };
	static const char *const asserts[] = { "src", "accept", "deny" };
	static const size_t test[] = { 13, 14, 14 };
	json_t *approvers = json_object_get(policy, "autoApprovers");

	top_fields(policy);
	list_fields(policy, "acls", ends, acl, 2);
	list_fields(policy, "grants", ends, grant, 3);
	list_fields(policy, "ssh", ends, ssh, 2);
	list_fields(policy, "nodeAttrs", ends + 3, target, 1);
	list_fields(policy, "tests", asserts, test, 3);
	list_fields(policy, "sshTests", ends, ssh_test, 2);
	entry_fields("autoApprovers", approvers);
	aliases_of_members(json_object_get(policy, "tagOwners"), 7);
	aliases_of_members(json_object_get(approvers, "routes"), 8);
	aliases(json_object_get(approvers, "exitNode"), 9);
	aliases_of_members(json_object_get(policy, "groups"), 11);
	aliases_of_members(json_object_get(policy, "ipsets"), 12);
}

/* ---- the table ---- */

static void print_list(const char *title, const struct counter *list)
{
	printf("%s:\n", title);
	for (size_t i = 0; i < NAMES && list[i].count > 0; i++)
		printf("  %-44s %zu\n", list[i].name, list[i].count);
}

void gen_cover_print(void)
{
	printf("%-21s", "alias x place");
	for (size_t c = 0; c < COLUMNS; c++)
		printf(" %8s", columns[c]);
	printf("\n");
	for (size_t r = 0; r < ROWS && rows[r] != NULL; r++) {
		printf("%-21s", rows[r]);
		for (size_t c = 0; c < COLUMNS; c++) {
			if (cells[r][c] > 0)
				printf(" %8zu", cells[r][c]);
			else
				printf(" %8s", ".");
		}
		printf("\n");
	}
	print_list("fields", fields);
	print_list("changes", changes);
	print_list("refused", refused);
}
