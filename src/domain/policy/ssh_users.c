/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/ssh_users.c - whom an SSH rule lets its sources be (policy.md 6.3). */
#include "domain/policy/ssh.h"

#include <stdlib.h>
#include <strings.h>

#include "base/jw.h"
#include "domain/policy/decode.h"

enum { TEXT_MAX = 1 << 28 };

static const char nonroot[] = "autogroup:nonroot";

static const char *domain_of(const char *entry)
{
	return fl_domain_of(entry, "localpart");
}

static bool has(const struct fl_ssh_rule *r, const char *user)
{
	for (size_t i = 0; i < r->users_len; i++) {
		if (strcmp(r->users[i], user) == 0)
			return true;
	}
	return false;
}

/* An entry that is a key of the map as it stands; root is one in any case. */
static bool is_name(const char *entry)
{
	return strcmp(entry, nonroot) != 0 && domain_of(entry) == NULL;
}

/* policy.md 8.4: a key of one's own decides, and root never is one of "*". */
bool fl_ssh_permits(const struct fl_ssh_rule *r, const char *user)
{
	if (*user == '\0')
		return false;
	if (has(r, user) && is_name(user))
		return true;
	return strcmp(user, "root") != 0 && has(r, nonroot);
}

bool fl_ssh_has_localparts(const struct fl_ssh_rule *r)
{
	for (size_t i = 0; i < r->users_len; i++) {
		if (domain_of(r->users[i]) != NULL)
			return true;
	}
	return false;
}

/* All entries that fit give the same local part: which one is last does not matter. */
struct fl_slice fl_ssh_localpart(const struct fl_ssh_rule *r, const struct fl_policy_user *u)
{
	const char *at = u != NULL ? strrchr(u->email, '@') : NULL;

	for (size_t i = 0; i < r->users_len && at != NULL; i++) {
		const char *domain = domain_of(r->users[i]);
		if (domain != NULL && strcasecmp(domain, at + 1) == 0)
			return fl_slice_of(u->email, (size_t)(at - u->email));
	}
	return fl_slice_of(NULL, 0);
}

/* ---- the map as text ---- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys in byte order, each once. Room for users_len + 1. */
static size_t list_keys(const struct fl_ssh_rule *r, const char **keys)
{
	size_t n = 0, kept = 0;

	keys[n++] = "root";
	for (size_t i = 0; i < r->users_len; i++) {
		if (strcmp(r->users[i], nonroot) == 0)
			keys[n++] = "*";
		else if (is_name(r->users[i]))
			keys[n++] = r->users[i];
	}
	qsort(keys, n, sizeof(const char *), compare);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || strcmp(keys[kept - 1], keys[i]) != 0)
			keys[kept++] = keys[i];
	}
	return kept;
}

static void put_map(const struct fl_ssh_rule *r, const char **keys, size_t n, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	fl_jw_obj(&w);
	for (size_t i = 0; i < n; i++) {
		const char *value = keys[i];
		if (strcmp(value, "*") == 0)
			value = "=";
		else if (strcmp(value, "root") == 0 && !has(r, "root"))
			value = "";
		fl_jw_key_text(&w, fl_slice_str(keys[i]));
		fl_jw_str(&w, value);
	}
	fl_jw_obj_end(&w);
}

struct fl_bytes *fl_ssh_users_text(const struct fl_ssh_rule *r)
{
	const char **keys = calloc(r->users_len + 1, sizeof *keys);
	struct fl_buf b = fl_buf_make(TEXT_MAX);
	struct fl_bytes *text = NULL;

	if (keys == NULL)
		return NULL;
	put_map(r, keys, list_keys(r, keys), &b);
	if (fl_buf_err(&b) == FL_OK)
		text = fl_bytes_new(fl_buf_slice(&b));
	free(keys);
	fl_buf_done(&b);
	return text;
}
