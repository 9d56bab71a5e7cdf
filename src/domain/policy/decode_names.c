/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/decode_names.c - the sections that name things: groups, hosts, tagOwners and
 * autoApprovers (policy.md 2.2).
 */
#include "domain/policy/decode.h"

#include <stdlib.h>

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* ---- groups: names, value types, nesting, members, each over the whole object ---- */

static bool read_group_name(struct fl_decode *d, const char *name, struct fl_hujv v, void *out)
{
	struct fl_policy_group *g = out;

	g->name = name;
	g->at = fl_hujson_offset(fl_hujson_name(v));
	if (!begins(name, "group:"))
		return fl_decode_fail(d, v,
				      fl_say(d->arena, "group must start with 'group:', got: %s",
					     fl_quoted(d->arena, name)));
	return true;
}

static bool read_member(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_alias *a = out;
	const struct fl_decode_step *group = &d->path[d->depth - 2];

	if (fl_hujson_kind(v) != FL_HUJSON_STRING)
		return fl_decode_fail(d, v,
				      fl_say(d->arena,
					     "invalid group member type: group %s expected string "
					     "but got %s",
					     fl_quoted(d->arena, group->name),
					     fl_decode_go_type(v)));
	a->text = fl_decode_text(d, v);
	a->at = fl_hujson_offset(v);
	return a->text != NULL;
}

static bool fail_group_value(struct fl_decode *d, const char *name, struct fl_hujv v)
{
	const char *before =
		fl_say(d->arena, "group value must be an array of users: group %s got ",
		       fl_quoted(d->arena, name));

	if (fl_hujson_kind(v) != FL_HUJSON_STRING)
		return fl_decode_fail(d, v, fl_say(d->arena, "%s%s", before, fl_decode_go_type(v)));
	const char *text = fl_decode_text(d, v);
	return text != NULL &&
	       fl_decode_fail(d, v,
			      fl_say(d->arena, "%sstring: %s", before, fl_quoted(d->arena, text)));
}

static bool read_group_value(struct fl_decode *d, const char *name, struct fl_hujv v,
			     struct fl_policy_group *g)
{
	if (fl_hujson_kind(v) != FL_HUJSON_ARRAY)
		return fail_group_value(d, name, v);
	d->path[d->depth++] = (struct fl_decode_step){ .name = name };
	bool ok = fl_decode_aliases(d, v, "v2.Groups", read_member, &g->members);
	d->depth--;
	return ok;
}

static int by_name_reversed(const void *a, const void *b)
{
	const struct fl_policy_group *const *x = a, *const *y = b;
	return strcmp((*y)->name, (*x)->name);
}

/* Points the report at a member, which has no value in the tree any more. */
static bool fail_member(struct fl_decode *d, struct fl_hujv section, const struct fl_alias *m,
			const char *cause)
{
	size_t before = d->report->len;

	fl_decode_fail(d, section, cause);
	if (d->report->len > before)
		d->report->at[before].at = m->at;
	return false;
}

static bool check_nesting(struct fl_decode *d, struct fl_hujv v)
{
	size_t len = d->doc->groups_len;
	struct fl_policy_group **sorted = fl_arena_array(d->arena, len, sizeof(void *));

	if (sorted == NULL)
		return fl_decode_fail(d, v, fl_cause_nomem);
	for (size_t i = 0; i < len; i++)
		sorted[i] = &d->doc->groups[i];
	qsort(sorted, len, sizeof(void *), by_name_reversed);
	for (size_t i = 0; i < len; i++) {
		for (size_t j = 0; j < sorted[i]->members.len; j++) {
			const struct fl_alias *m = &sorted[i]->members.at[j];
			if (begins(m->text, "group:"))
				return fail_member(d, v, m,
						   fl_say(d->arena,
							  "groups[%s]: %s: group members cannot be "
							  "recursive",
							  fl_quoted(d->arena, sorted[i]->name),
							  fl_quoted(d->arena, m->text)));
		}
	}
	return true;
}

static bool check_members(struct fl_decode *d, struct fl_hujv v, const struct fl_policy_group *g)
{
	for (size_t i = 0; i < g->members.len; i++) {
		struct fl_alias *m = &g->members.at[i];
		if (strchr(m->text, '@') == NULL)
			return fail_member(d, v, m,
					   fl_say(d->arena, "username must contain @, got: %s",
						  fl_quoted(d->arena, m->text)));
		m->kind = fl_domain_of(m->text, "user") != NULL ? FL_ALIAS_DOMAIN : FL_ALIAS_USER;
		if (!fl_alias_intern(d, m))
			return fl_decode_fail(d, v, fl_cause_nomem);
	}
	return true;
}

bool fl_decode_groups(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_doc *doc = d->doc;
	size_t i = 0;

	(void)out;
	if (!fl_decode_scan(d, v))
		return false;
	doc->groups = fl_decode_map(d, v, "v2.Groups", sizeof *doc->groups, read_group_name,
				    &doc->groups_len);
	if (doc->groups == NULL)
		return false;
	if (fl_hujson_kind(v) == FL_HUJSON_NULL)
		return true;
	for (struct fl_hujv m = fl_hujson_first(v); fl_hujson_is(m); m = fl_hujson_next(m), i++)
		if (!read_group_value(d, doc->groups[i].name, m, &doc->groups[i]))
			return false;
	if (!check_nesting(d, v))
		return false;
	for (i = 0; i < doc->groups_len; i++)
		if (!check_members(d, v, &doc->groups[i]))
			return false;
	return true;
}

/* ---- hosts ---- */

static bool read_host(struct fl_decode *d, const char *name, struct fl_hujv v, void *out)
{
	struct fl_policy_host *h = out;
	const char *address;

	if (strpbrk(name, "@:") != NULL)
		return fl_decode_fail(
			d, v, fl_say(d->arena, "invalid hostname: %s", fl_quoted(d->arena, name)));
	if (!fl_decode_string(d, v, "v2.Hosts", &address))
		return false;
	if (!fl_address_parse(address, &h->prefix))
		return fl_decode_fail(d, v,
				      fl_say(d->arena,
					     "hostname contains invalid IP address: hostname %s "
					     "address %s",
					     fl_quoted(d->arena, name),
					     fl_quoted(d->arena, address)));
	h->name = name;
	h->at = fl_hujson_offset(fl_hujson_name(v));
	return true;
}

bool fl_decode_hosts(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_doc *doc = d->doc;

	(void)out;
	if (!fl_decode_scan(d, v))
		return false;
	doc->hosts =
		fl_decode_map(d, v, "v2.Hosts", sizeof *doc->hosts, read_host, &doc->hosts_len);
	return doc->hosts != NULL;
}

/* ---- tagOwners, autoApprovers ---- */

/* Owners and approvers: users, groups, tags in this order; nothing is trimmed. */
static bool read_keeper(struct fl_decode *d, struct fl_hujv v, const char *type, const char *what,
			struct fl_alias *a)
{
	if (!fl_decode_string(d, v, type, &a->text))
		return false;
	if (strchr(a->text, '@') != NULL)
		a->kind = FL_ALIAS_USER;
	else if (begins(a->text, "group:"))
		a->kind = FL_ALIAS_GROUP;
	else if (begins(a->text, "tag:"))
		a->kind = FL_ALIAS_TAG;
	else
		return fl_decode_fail(d, v,
				      fl_say(d->arena, "invalid %s format: %s", what,
					     fl_quoted(d->arena, a->text)));
	a->at = fl_hujson_offset(v);
	return fl_alias_intern(d, a) || fl_decode_fail(d, v, fl_cause_nomem);
}

static bool read_owner(struct fl_decode *d, struct fl_hujv v, void *out)
{
	return read_keeper(d, v, "v2.OwnerEnc", "owner", out);
}

static bool read_approver(struct fl_decode *d, struct fl_hujv v, void *out)
{
	return read_keeper(d, v, "v2.AutoApproverEnc", "auto approver", out);
}

static bool read_tag(struct fl_decode *d, const char *name, struct fl_hujv v, void *out)
{
	struct fl_policy_tag *t = out;

	if (!begins(name, "tag:"))
		return fl_decode_fail(d, v,
				      fl_say(d->arena, "tag must start with 'tag:', got: %s",
					     fl_quoted(d->arena, name)));
	if (!fl_alias_is_tag_name(name))
		return fl_decode_fail(d, v, fl_cause_tag_name);
	t->name = name;
	t->at = fl_hujson_offset(fl_hujson_name(v));
	return fl_decode_aliases(d, v, "v2.Owners", read_owner, &t->owners);
}

bool fl_decode_tag_owners(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_doc *doc = d->doc;

	(void)out;
	doc->tags =
		fl_decode_map(d, v, "v2.TagOwners", sizeof *doc->tags, read_tag, &doc->tags_len);
	return doc->tags != NULL;
}

static bool read_route(struct fl_decode *d, const char *name, struct fl_hujv v, void *out)
{
	struct fl_policy_approver *a = out;
	const char *cause = fl_go_prefix_parse(d->arena, name, &a->prefix);

	if (cause != NULL)
		return fl_decode_fail(d, v, cause);
	a->at = fl_hujson_offset(fl_hujson_name(v));
	return fl_decode_aliases(d, v, "v2.AutoApprovers", read_approver, &a->who);
}

/* Two texts of one prefix are a name that stands twice. */
static bool check_routes(struct fl_decode *d, struct fl_hujv v)
{
	struct fl_map seen;
	bool ok = true;

	fl_map_init(&seen, sizeof(struct fl_prefix), fl_policy_map_seed);
	for (size_t i = 0; ok && i < d->doc->approvers_len; i++) {
		struct fl_policy_approver *a = &d->doc->approvers[i];
		char text[FL_PREFIX_TEXT_MAX];
		fl_prefix_format(&a->prefix, text);
		if (fl_map_find(&seen, &a->prefix) != NULL)
			ok = fl_decode_fail(d, v,
					    fl_say(d->arena,
						   "jsontext: duplicate object member name \"%s\"",
						   text));
		else if (fl_map_put(&seen, &a->prefix, a) != FL_OK) {
			d->arena->err = FL_ERR_NOMEM;
			ok = fl_decode_fail(d, v, fl_cause_nomem);
		}
	}
	fl_map_done(&seen);
	return ok;
}

static bool read_routes(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_doc *doc = d->doc;

	(void)out;
	doc->approvers = fl_decode_map(d, v, "map[netip.Prefix]v2.AutoApprovers",
				       sizeof *doc->approvers, read_route, &doc->approvers_len);
	return doc->approvers != NULL && check_routes(d, v);
}

static bool read_exit_node(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_approver *a = &d->doc->exit_approvers;

	(void)out;
	a->at = fl_hujson_offset(v);
	return fl_decode_aliases(d, v, "v2.AutoApprovers", read_approver, &a->who);
}

bool fl_decode_approvers(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const struct fl_decode_member members[] = {
		{ "routes", read_routes },
		{ "exitNode", read_exit_node },
	};
	static const struct fl_decode_shape shape = { "v2.AutoApproverPolicy", members, 2, false };

	return fl_decode_object(d, v, &shape, out);
}
