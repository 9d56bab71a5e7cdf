/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/alias.c - what kind of thing a text names (policy.md 3.1), and one number for all
 * that name the same.
 */
#include "domain/policy/decode.h"

#include <ctype.h>

const uint8_t fl_policy_map_seed[16] = "fairlead policy";
const char fl_cause_tag_name[] = "tag names must start with a letter, after 'tag:'";
const char fl_cause_nomem[] = "out of memory";

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool fl_address_parse(const char *text, struct fl_prefix *out)
{
	struct fl_slice s = fl_slice_str(text);
	const char *zone = strchr(text, '%');
	struct fl_ip ip;

	if (strchr(text, '/') != NULL)
		return fl_prefix_parse(s, out) == FL_OK;
	if (zone != NULL) { /* allowed for IPv6, and dropped */
		if (zone[1] == '\0' || memchr(text, ':', (size_t)(zone - text)) == NULL)
			return false;
		s.len = (size_t)(zone - text);
	}
	if (fl_ip_parse(s, &ip) != FL_OK)
		return false;
	*out = fl_prefix_host(&ip);
	return true;
}

static enum fl_autogroup autogroup_of(const char *text)
{
	static const char *const names[] = {
		[FL_AUTOGROUP_INTERNET] = "internet",     [FL_AUTOGROUP_MEMBER] = "member",
		[FL_AUTOGROUP_TAGGED] = "tagged",         [FL_AUTOGROUP_SELF] = "self",
		[FL_AUTOGROUP_DANGER_ALL] = "danger-all", [FL_AUTOGROUP_NONROOT] = "nonroot",
		[FL_AUTOGROUP_OWNER] = "owner",           [FL_AUTOGROUP_ADMIN] = "admin",
	};

	for (int i = FL_AUTOGROUP_INTERNET; i < FL_AUTOGROUP_UNKNOWN; i++)
		if (strcmp(text + strlen("autogroup:"), names[i]) == 0)
			return (enum fl_autogroup)i;
	return FL_AUTOGROUP_UNKNOWN;
}

const char *fl_domain_of(const char *text, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(text, word, len) != 0 || !begins(text + len, ":*@"))
		return NULL;
	const char *domain = text + len + 3;
	return *domain != '\0' && strchr(domain, '@') == NULL ? domain : NULL;
}

static bool kind_of(const char *text, struct fl_alias *out)
{
	if (fl_address_parse(text, &out->prefix))
		out->kind = FL_ALIAS_PREFIX;
	else if (strcmp(text, "*") == 0)
		out->kind = FL_ALIAS_WILDCARD;
	else if (fl_domain_of(text, "user") != NULL)
		out->kind = FL_ALIAS_DOMAIN;
	else if (strchr(text, '@') != NULL)
		out->kind = FL_ALIAS_USER;
	else if (begins(text, "group:"))
		out->kind = FL_ALIAS_GROUP;
	else if (begins(text, "tag:"))
		out->kind = FL_ALIAS_TAG;
	else if (begins(text, "autogroup:"))
		out->kind = FL_ALIAS_AUTOGROUP;
	else if (begins(text, "ipset:"))
		out->kind = FL_ALIAS_IPSET;
	else if (strchr(text, ':') == NULL)
		out->kind = FL_ALIAS_HOST;
	else
		return false;
	return true;
}

bool fl_alias_recognise(const char *text, struct fl_alias *out)
{
	struct fl_alias a = { .text = text, .at = FL_POLICY_NOWHERE, .number = UINT32_MAX };

	if (!kind_of(text, &a))
		return false;
	if (a.kind == FL_ALIAS_AUTOGROUP)
		a.autogroup = autogroup_of(text);
	*out = a;
	return true;
}

bool fl_alias_is_tag_name(const char *text)
{
	return begins(text, "tag:") && isascii((unsigned char)text[4]) &&
	       isalpha((unsigned char)text[4]);
}

enum fl_err fl_alias_parse(const char *text, struct fl_alias *out, struct fl_fault *fault)
{
	if (fl_alias_recognise(text, out))
		return FL_OK;

	char mem[sizeof fault->text];
	struct fl_buf quoted = fl_buf_over(mem, sizeof mem);
	fl_go_quote(&quoted, fl_slice_str(text));
	return fl_fault_set(fault, FL_ERR_INVALID, "invalid alias format: %.*s", (int)quoted.len,
			    mem);
}

/* The key is the kind as a character and the text; the alias keeps the text in it. */
static const char *scratch_key(struct fl_decode *d, const struct fl_alias *a)
{
	fl_buf_reset(&d->scratch);
	fl_buf_byte(&d->scratch, (uint8_t)('A' + a->kind));
	fl_buf_put(&d->scratch, a->text, strlen(a->text) + 1);
	return fl_buf_err(&d->scratch) == FL_OK ? (const char *)d->scratch.ptr : NULL;
}

static struct fl_interned *add(struct fl_decode *d, const struct fl_alias *a, const char *key)
{
	struct fl_interned *n = fl_arena_array(d->arena, 1, sizeof *n);
	const char *copy = fl_arena_text(d->arena, fl_slice_str(key));

	if (n == NULL || copy == NULL)
		return NULL;
	n->alias = *a;
	n->alias.text = copy + 1;
	n->alias.number = (uint32_t)d->interned.len;
	n->older = d->newest;
	if (fl_map_put(&d->interned, copy, n) != FL_OK)
		return NULL;
	d->newest = n;
	return n;
}

bool fl_alias_intern(struct fl_decode *d, struct fl_alias *a)
{
	const char *key = scratch_key(d, a);
	struct fl_interned *n = key != NULL ? fl_map_find(&d->interned, key) : NULL;

	if (n == NULL && key != NULL)
		n = add(d, a, key);
	if (n == NULL) {
		if (d->arena->err == FL_OK)
			d->arena->err = FL_ERR_NOMEM;
		return false;
	}
	a->text = n->alias.text;
	a->number = n->alias.number;
	return true;
}
