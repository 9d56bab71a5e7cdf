/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/captures/check_grants.c - the acls of a case, written as grants, give every machine the
 * same filter byte for byte (policy.md 4.1).
 */
#include "check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/hujson.h"

enum { TEXT_MAX = 512, FILTER_MAX = 4 << 20 };

static const char self[] = "autogroup:self";

/* What a destination of an acl names, without brackets and ports. */
struct target {
	char alias[TEXT_MAX];
	const char *ports;
};

static void split(const char *text, struct target *out)
{
	const char *colon = strrchr(text, ':');
	size_t len = 0;

	for (const char *s = text; s < colon && len + 1 < TEXT_MAX; s++)
		if (*s != '[' && *s != ']')
			out->alias[len++] = *s;
	out->alias[len] = '\0';
	out->ports = colon + 1;
}

static bool has_text(const json_t *list, const char *wanted)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) if (strcmp(json_string_value(v), wanted) == 0) return true;
	return false;
}

/* Two destinations are for acls alone: from anybody to their own devices, and everywhere. */
static bool has_no_grant(const json_t *acl, const struct target *t)
{
	struct fl_prefix p;

	if (strcmp(t->alias, self) == 0)
		return has_text(json_object_get(acl, "src"), "*");
	return fl_prefix_parse(fl_slice_str(t->alias), &p) == FL_OK && p.bits == 0;
}

static json_t *grant_of(const json_t *acl, const struct target *t)
{
	const char *proto = json_string_value(json_object_get(acl, "proto"));
	char ip[2 * TEXT_MAX];

	snprintf(ip, sizeof ip, "%s%s%s", proto != NULL ? proto : "",
		 proto != NULL && proto[0] != '\0' ? ":" : "", t->ports);
	for (char *s = ip; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	return json_pack("{s:O?,s:[s],s:[s]}", "src", json_object_get(acl, "src"), "dst", t->alias,
			 "ip", ip);
}

static bool has_only_autogroups(const json_t *dst)
{
	size_t i;
	json_t *v;

	json_array_foreach(dst, i, v) if (strncmp(json_string_value(v), "autogroup:",
						  strlen("autogroup:")) != 0) return false;
	return true;
}

/* One grant a destination; autogroup:self last unless all are autogroups. */
static bool append_grants(json_t *grants, const json_t *acl)
{
	const json_t *dst = json_object_get(acl, "dst");
	bool as_written = has_only_autogroups(dst), all = true;
	struct target t;
	json_t *v;
	size_t i;

	for (int pass = 0; pass < 2; pass++)
		json_array_foreach(dst, i, v)
		{
			split(json_string_value(v), &t);
			bool last = !as_written && strcmp(t.alias, self) == 0;
			if (last != (pass == 1))
				continue;
			all = all && !has_no_grant(acl, &t);
			json_array_append_new(grants, grant_of(acl, &t));
		}
	return all;
}

static json_t *read_policy(const char *text)
{
	struct fl_buf b = fl_buf_make(1 << 22);
	struct fl_fault fault = { "" };
	struct fl_hujson *doc;
	json_t *v = NULL;
	size_t at;

	if (fl_hujson_parse(fl_slice_str(text), &fault, &at, &doc) != FL_OK)
		return NULL;
	fl_hujson_standard(fl_hujson_root(doc), &b);
	v = json_loadb((const char *)b.ptr, b.len, JSON_REJECT_DUPLICATES, NULL);
	fl_hujson_free(doc);
	fl_buf_done(&b);
	return v;
}

static void compare(struct check *k, const struct fl_policy *other)
{
	for (size_t i = 0; i < k->c->world.nodes_len; i++) {
		const struct fl_policy_node *n = &k->c->world.nodes[i];
		struct fl_buf want = fl_buf_make(FILTER_MAX), got = fl_buf_make(FILTER_MAX);

		fl_policy_filter(k->p, n->id, &want);
		fl_policy_filter(other, n->id, &got);
		if (!fl_slice_eq(fl_buf_slice(&want), fl_buf_slice(&got))) {
			fl_buf_byte(&want, '\0');
			fl_buf_byte(&got, '\0');
			check_differs(k, "as-grants", n->name, (const char *)want.ptr,
				      (const char *)got.ptr);
		}
		fl_buf_done(&want);
		fl_buf_done(&got);
	}
}

static void check_text(struct check *k, const char *text, bool may_stand)
{
	const struct fl_policy_read how = { .domains = capture_domains, .domains_len = 1 };
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;
	struct fl_policy *p = NULL;

	enum fl_err err = fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc);
	if (err == FL_OK)
		err = fl_policy_new(doc, &k->c->world, &p);
	if ((err == FL_OK) != may_stand)
		check_differs(k, "as-grants", NULL, may_stand ? "accepted" : "refused",
			      report.len > 0 ? report.at[0].text : fl_err_text(err));
	else if (may_stand)
		compare(k, p);
	fl_policy_report_done(&report);
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
}

void check_as_grants(struct check *k)
{
	json_t *policy = read_policy(k->c->policy), *grants = json_array(), *acl;
	const json_t *acls = json_object_get(policy, "acls");
	bool all = true;
	size_t i;

	json_array_extend(grants, json_object_get(policy, "grants"));
	json_array_foreach(acls, i, acl) all = append_grants(grants, acl) && all;
	if (json_is_array(acls)) {
		json_object_set(policy, "grants", grants);
		json_object_del(policy, "acls");
		char *text = json_dumps(policy, JSON_COMPACT);
		check_text(k, text, all);
		free(text);
	}
	json_decref(grants);
	json_decref(policy);
}
