/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/who.c - whom an alias means, by users and document alone (policy.md 3.3).
 *
 * Either users, a tag, a kind of node, or fixed addresses. Nodes come in later.
 */
#include "domain/policy/core.h"
#include "domain/policy/decode.h"

#include <stdlib.h>
#include <strings.h>

#define V4(...)                                                                                    \
	{                                                                                          \
		.family = FL_IP_V4, .b = { __VA_ARGS__ }                                           \
	}
#define V6(...)                                                                                    \
	{                                                                                          \
		.family = FL_IP_V6, .b = { __VA_ARGS__ }                                           \
	}
#define ONES_8  255, 255, 255, 255, 255, 255, 255, 255
#define ONES_10 ONES_8, 255, 255

/* policy.md Appendix B, 12 D2 */
static const struct fl_range internet_ranges[] = {
	{ V4(0), V4(9, 255, 255, 255) },
	{ V4(11), V4(100, 63, 255, 255) },
	{ V4(100, 128), V4(169, 253, 255, 255) },
	{ V4(169, 255), V4(172, 15, 255, 255) },
	{ V4(172, 32), V4(192, 167, 255, 255) },
	{ V4(192, 169), V4(255, 255, 255, 255) },
	{ V6(0x20), V6(0x3f, 255, 255, 255, 255, 255, ONES_10) },
};
/* policy.md 3.3: 100.64.0.0/10 without 100.115.92.0/23, fd7a:115c:a1e0::/48 */
static const struct fl_range wildcard_ranges[] = {
	{ V4(100, 64), V4(100, 115, 91, 255) },
	{ V4(100, 115, 94), V4(100, 127, 255, 255) },
	{ V6(0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0), V6(0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, ONES_10) },
};
static const struct fl_range every_range[] = {
	{ V4(0), V4(255, 255, 255, 255) },
	{ V6(0), V6(ONES_8, ONES_8) },
};

static const struct {
	const struct fl_range *at;
	size_t len;
} fixed[FL_SET_FIXED] = {
	[FL_SET_EVERYTHING] = { every_range, sizeof every_range / sizeof *every_range },
	[FL_SET_INTERNET] = { internet_ranges, sizeof internet_ranges / sizeof *internet_ranges },
	[FL_SET_WILDCARD] = { wildcard_ranges, sizeof wildcard_ranges / sizeof *wildcard_ranges },
};

/* A view, never to be changed. */
struct fl_ipset fl_fixed_view(enum fl_policy_fixed which)
{
	return (struct fl_ipset){ .at = (struct fl_range *)(uintptr_t)fixed[which].at,
				  .len = fixed[which].len };
}

static enum fl_err fixed_ips(enum fl_policy_fixed which, struct fl_who *who)
{
	struct fl_ipset view = fl_fixed_view(which);

	who->kind = FL_WHO_IPS;
	return fl_ipset_copy(&view, &who->ips);
}

/* ---- causes ---- */

static enum fl_err fail(struct fl_arena *arena, struct fl_who *who, const char *before,
			const char *text, const char *behind)
{
	size_t size = strlen(before) + strlen(text) + strlen(behind) + 1;
	char *why = fl_arena_array(arena, size, 1);

	if (why == NULL)
		return arena->err;
	memcpy(why, before, strlen(before));
	memcpy(why + strlen(before), text, strlen(text));
	memcpy(why + strlen(before) + strlen(text), behind, strlen(behind) + 1);
	who->kind = FL_WHO_FAILED;
	who->why = why;
	return FL_OK;
}

static enum fl_err fail_quoted(struct fl_arena *arena, struct fl_who *who, const char *before,
			       const char *text, const char *behind)
{
	struct fl_buf b = fl_buf_make(SIZE_MAX / 2);
	enum fl_err err;

	fl_go_quote(&b, fl_slice_str(text));
	fl_buf_byte(&b, '\0');
	err = fl_buf_err(&b);
	if (err == FL_OK)
		err = fail(arena, who, before, (const char *)b.ptr, behind);
	fl_buf_done(&b);
	return err;
}

/* ---- users ---- */

static bool is_text(const char *field, struct fl_slice token)
{
	return field != NULL && field[0] != '\0' && fl_slice_is(token, field);
}

/* The token of an alias: without one "@" at its end. */
static struct fl_slice token_of(const char *text)
{
	struct fl_slice t = fl_slice_str(text);

	if (t.len > 0 && t.ptr[t.len - 1] == '@')
		t.len--;
	return t;
}

static enum fl_err one_user(struct fl_arena *arena, const struct fl_policy_user *u,
			    struct fl_who *who)
{
	who->users = fl_arena_array(arena, 1, sizeof *who->users);
	if (who->users == NULL)
		return arena->err;
	who->kind = FL_WHO_USERS;
	who->users[0] = u->id;
	who->users_len = 1;
	return FL_OK;
}

static enum fl_err several_users(const struct fl_plan *plan, struct fl_arena *arena,
				 const char *text, struct fl_slice token, struct fl_who *who)
{
	struct fl_buf b = fl_buf_make(SIZE_MAX / 2);
	enum fl_err err;

	fl_go_quote(&b, fl_slice_str(text));
	fl_buf_str(&b, " found: [ ");
	for (size_t i = 0; i < plan->users_len; i++) {
		const struct fl_policy_user *u = &plan->users[i];
		if (is_text(u->email, token) || is_text(u->name, token))
			fl_buf_printf(&b, "%llu: %s, ", (unsigned long long)u->id, u->name);
	}
	fl_buf_str(&b, " ]");
	fl_buf_byte(&b, '\0');
	err = fl_buf_err(&b);
	if (err == FL_OK)
		err = fail(arena, who, "multiple users found: token ", (const char *)b.ptr, "");
	fl_buf_done(&b);
	return err;
}

enum fl_err fl_who_user(const struct fl_plan *plan, struct fl_arena *arena, const char *text,
			const struct fl_policy_user *found, size_t count, struct fl_who *who)
{
	if (count == 1)
		return one_user(arena, found, who);
	if (count == 0)
		return fail_quoted(arena, who, "user not found: token ", text, "");
	return several_users(plan, arena, text, token_of(text), who);
}

static enum fl_err resolve_user(const struct fl_plan *plan, struct fl_arena *arena,
				const char *text, struct fl_who *who)
{
	struct fl_slice token = token_of(text);
	const struct fl_policy_user *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < plan->users_len; i++) {
		const struct fl_policy_user *u = &plan->users[i];
		if (is_text(u->provider_id, token))
			return one_user(arena, u, who);
		if (is_text(u->email, token) || is_text(u->name, token)) {
			found = u;
			count++;
		}
	}
	return fl_who_user(plan, arena, text, found, count, who);
}

static bool of_domain(const struct fl_policy_user *u, const char *text)
{
	const char *domain = strchr(text, '@'), *mail = strrchr(u->email, '@');
	return domain != NULL && mail != NULL && strcasecmp(domain, mail) == 0;
}

/* owner and admin: the owner counts as admin too (policy.md 13). */
static bool of_role(const struct fl_policy_user *u, enum fl_autogroup g)
{
	return u->role == FL_ROLE_OWNER || (g == FL_AUTOGROUP_ADMIN && u->role == FL_ROLE_ADMIN);
}

static enum fl_err some_users(const struct fl_plan *plan, struct fl_arena *arena,
			      const struct fl_alias *a, struct fl_who *who)
{
	who->users = fl_arena_array(arena, plan->users_len, sizeof *who->users);
	if (who->users == NULL)
		return arena->err;
	who->kind = FL_WHO_USERS;
	for (size_t i = 0; i < plan->users_len; i++) {
		const struct fl_policy_user *u = &plan->users[i];
		if (a->kind == FL_ALIAS_DOMAIN ? of_domain(u, a->text) : of_role(u, a->autogroup))
			who->users[who->users_len++] = u->id;
	}
	return FL_OK;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static size_t unique_ids(uint64_t *ids, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(ids, n, sizeof *ids, compare_ids);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	}
	return kept;
}

static enum fl_err member_of_group(const struct fl_plan *plan, struct fl_arena *arena,
				   const struct fl_alias *m, struct fl_who *out)
{
	if (m->number < plan->who_len && plan->who[m->number].kind == FL_WHO_USERS) {
		*out = plan->who[m->number];
		return FL_OK;
	}
	return fl_who_resolve(plan, arena, m, out);
}

/* Unknown members contribute nothing. */
static enum fl_err resolve_group(const struct fl_plan *plan, struct fl_arena *arena,
				 const char *name, struct fl_who *who)
{
	const struct fl_policy_group *g =
		plan->doc != NULL ? fl_policy_doc_group(plan->doc, name) : NULL;
	size_t total = 0;

	if (g == NULL)
		return fail_quoted(arena, who, "group not defined in policy: ", name, "");
	struct fl_who *each = fl_arena_array(arena, g->members.len, sizeof *each);
	if (each == NULL)
		return arena->err;
	for (size_t i = 0; i < g->members.len; i++) {
		if (g->members.at[i].kind == FL_ALIAS_GROUP)
			continue; /* refused when read */
		enum fl_err err = member_of_group(plan, arena, &g->members.at[i], &each[i]);
		if (err != FL_OK)
			return err;
		total += each[i].users_len;
	}
	who->users = fl_arena_array(arena, total, sizeof *who->users);
	if (who->users == NULL)
		return arena->err;
	for (size_t i = 0; i < g->members.len; i++) {
		for (size_t k = 0; k < each[i].users_len; k++)
			who->users[who->users_len++] = each[i].users[k];
	}
	who->users_len = unique_ids(who->users, who->users_len);
	who->kind = FL_WHO_USERS;
	return FL_OK;
}

/* ---- addresses ---- */

static enum fl_err ips_of_prefix(const struct fl_prefix *prefix, struct fl_who *who)
{
	who->kind = FL_WHO_IPS;
	return fl_ipset_add_prefix(&who->ips, prefix);
}

static enum fl_err resolve_host(const struct fl_plan *plan, struct fl_arena *arena,
				const char *name, struct fl_who *who)
{
	const struct fl_policy_host *h =
		plan->doc != NULL ? fl_policy_doc_host(plan->doc, name) : NULL;

	if (h == NULL)
		return fail_quoted(arena, who, "error resolving host: ", name, "");
	return ips_of_prefix(&h->prefix, who);
}

static enum fl_err resolve_ipset(const struct fl_plan *plan, struct fl_arena *arena,
				 const char *name, struct fl_who *who)
{
	const struct fl_policy_ipset *s =
		plan->doc != NULL ? fl_policy_doc_ipset(plan->doc, name) : NULL;

	if (s == NULL)
		return fail_quoted(arena, who, "IP set not defined in policy: ", name, "");
	who->kind = FL_WHO_IPS;
	return fl_ipset_copy(&plan->ipsets[s - plan->doc->ipsets], &who->ips);
}

static enum fl_err resolve_autogroup(const struct fl_plan *plan, struct fl_arena *arena,
				     const struct fl_alias *a, struct fl_who *who)
{
	switch (a->autogroup) {
	case FL_AUTOGROUP_MEMBER:
		who->kind = FL_WHO_MEMBER;
		return FL_OK;
	case FL_AUTOGROUP_TAGGED:
		who->kind = FL_WHO_TAGGED;
		return FL_OK;
	case FL_AUTOGROUP_INTERNET:
		return fixed_ips(FL_SET_INTERNET, who);
	case FL_AUTOGROUP_DANGER_ALL:
		return fixed_ips(FL_SET_EVERYTHING, who);
	case FL_AUTOGROUP_OWNER:
	case FL_AUTOGROUP_ADMIN:
		return some_users(plan, arena, a, who);
	case FL_AUTOGROUP_SELF:
		return fail(arena, who,
			    "autogroup:self requires per-node resolution and cannot be ",
			    "resolved in this context", "");
	case FL_AUTOGROUP_NONE:
	case FL_AUTOGROUP_NONROOT:
	case FL_AUTOGROUP_UNKNOWN:
		break;
	}
	return fail_quoted(arena, who, "unknown autogroup: ", a->text, "");
}

static enum fl_err resolve(const struct fl_plan *plan, struct fl_arena *arena,
			   const struct fl_alias *a, struct fl_who *who)
{
	switch (a->kind) {
	case FL_ALIAS_USER:
		return resolve_user(plan, arena, a->text, who);
	case FL_ALIAS_DOMAIN:
		return some_users(plan, arena, a, who);
	case FL_ALIAS_GROUP:
		return resolve_group(plan, arena, a->text, who);
	case FL_ALIAS_TAG:
		who->kind = FL_WHO_TAG;
		who->tag = fl_arena_text(arena, fl_slice_str(a->text));
		return who->tag != NULL ? FL_OK : arena->err;
	case FL_ALIAS_HOST:
		return resolve_host(plan, arena, a->text, who);
	case FL_ALIAS_IPSET:
		return resolve_ipset(plan, arena, a->text, who);
	case FL_ALIAS_PREFIX:
		return ips_of_prefix(&a->prefix, who);
	case FL_ALIAS_WILDCARD:
		return fixed_ips(FL_SET_WILDCARD, who);
	case FL_ALIAS_AUTOGROUP:
		break;
	}
	return resolve_autogroup(plan, arena, a, who);
}

enum fl_err fl_who_resolve(const struct fl_plan *plan, struct fl_arena *arena,
			   const struct fl_alias *a, struct fl_who *out)
{
	struct fl_who who = { 0 };
	enum fl_err err = resolve(plan, arena, a, &who);

	if (err != FL_OK) {
		fl_ipset_done(&who.ips);
		return err;
	}
	*out = who;
	return FL_OK;
}

static bool has_user(const struct fl_who *who, uint64_t user)
{
	return user != 0 && who->users_len > 0 &&
	       bsearch(&user, who->users, who->users_len, sizeof user, compare_ids) != NULL;
}

/* Identity alone: whose addresses are in the set is a matter of its ranges. */
bool fl_who_has(const struct fl_who *who, const struct fl_policy_facts *f)
{
	switch (who->kind) {
	case FL_WHO_USERS:
		return !fl_facts_tagged(f) && has_user(who, f->user);
	case FL_WHO_TAG:
		for (size_t i = 0; i < f->tags_len; i++) {
			if (strcmp(f->tags[i], who->tag) == 0)
				return true;
		}
		return false;
	case FL_WHO_MEMBER:
		return !fl_facts_tagged(f);
	case FL_WHO_TAGGED:
		return fl_facts_tagged(f);
	case FL_WHO_FAILED:
	case FL_WHO_IPS:
		break;
	}
	return false;
}
