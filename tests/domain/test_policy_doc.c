/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_doc.c - what stands in a document that was read: oddities that are
 * accepted, the order of rules, owners of tags, aliases, users that share a token, and large texts.
 *
 * In documents ` stands for a double quote.
 */
#include "../base/table.h"

#include <stdio.h>
#include <time.h>

#include "domain/policy/document.h"

static struct fl_policy_doc *read_slice(struct fl_slice text)
{
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;
	enum fl_err err = fl_policy_doc_read(text, &(struct fl_policy_read){ 0 }, &report, &doc);

	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), report.len > 0 ? report.at[0].text : "");
	assert_int_equal(report.len, 0);
	fl_policy_report_done(&report);
	return doc;
}

static struct fl_policy_doc *read_text(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		if (*c == '`')
			*c = '"';
	struct fl_slice in = exact(fl_slice_str(copy));
	struct fl_policy_doc *doc = read_slice(in);
	exact_free(in);
	free(copy);
	return doc;
}

/* ---- a rule as text ---- */

static void put_list(struct fl_buf *out, const struct fl_aliases *list)
{
	for (size_t i = 0; i < list->len; i++)
		fl_buf_printf(out, "%s%s", i > 0 ? "," : "", list->at[i].text);
}

static void put_traffic(struct fl_buf *out, const struct fl_traffic *t)
{
	if (t->any_proto)
		fl_buf_str(out, " any:");
	else
		fl_buf_printf(out, " %u:", t->proto);
	for (size_t i = 0; i < t->ports_len; i++)
		fl_buf_printf(out, "%s%u-%u", i > 0 ? "," : "", t->ports[i].first,
			      t->ports[i].last);
}

/* "acl0 src>dst 6:22-22; " */
static void put_rule(struct fl_buf *out, const struct fl_rule *r)
{
	fl_buf_printf(out, "%s%u ", r->is_acl ? "acl" : "grant", r->entry);
	put_list(out, &r->src);
	fl_buf_byte(out, '>');
	put_list(out, &r->dst);
	for (size_t i = 0; i < r->traffic_len; i++)
		put_traffic(out, &r->traffic[i]);
	for (size_t i = 0; i < r->app_len; i++)
		fl_buf_printf(out, " %s=%s", r->app[i].name, r->app[i].args);
	if (r->via.len > 0)
		fl_buf_str(out, " via ");
	put_list(out, &r->via);
	assert_int_equal(r->src_listed, r->src.len > 0);
	assert_int_equal(r->dst_listed, r->dst.len > 0);
	fl_buf_str(out, "; ");
}

#define ACLS(x)   "{`tagOwners`: {`tag:t`: []}, `acls`: [" x "]}"
#define GRANTS(x) "{`tagOwners`: {`tag:t`: []}, `hosts`: {`h`: `10.0.0.1/8`}, `grants`: [" x "]}"

static struct rule_row {
	const char *name, *text, *want;
} rule_rows[] = {
	{ "one destination", ACLS("{`action`: `accept`, `src`: [`*`], `dst`: [`*:*`]}"),
	  "acl0 *>* any:0-65535; " },
	{ "action missing", ACLS("{`src`: [`*`], `dst`: [`*:1`]}"), "acl0 *>* any:1-1; " },
	{ "null ACL", ACLS("null, {`src`: [`*`], `dst`: [`*:1`]}"), "acl1 *>* any:1-1; " },
	{ "fields with #", ACLS("{`#a`: 1, `src`: [`*`], `#b`: {`c`: [null]}, `dst`: [`*:1`]}"),
	  "acl0 *>* any:1-1; " },
	{ "empty lists", ACLS("{`src`: [], `dst`: [`*:1`]}, {`src`: [`*`], `dst`: null}"),
	  "acl0 >* any:1-1; " },
	{ "names of members are folded",
	  "{`ACLS`: [{`Action`: `accept`, `S_R-C`: [`*`], `DST`: [`*:1`]}], `Tag_Owners`: {}, "
	  "`auto-approvers`: {}}",
	  "acl0 *>* any:1-1; " },
	{ "sources are trimmed", ACLS("{`src`: [` tag:t\\u00a0\\n`], `dst`: [`*:1`]}"),
	  "acl0 tag:t>* any:1-1; " },
	{ "protocol by name", ACLS("{`proto`: `TCP`, `src`: [`*`], `dst`: [`*:1`]}"),
	  "acl0 *>* 6:1-1; " },
	{ "protocol as a number", ACLS("{`proto`: 6, `src`: [`*`], `dst`: [`*:1`]}"),
	  "acl0 *>* 6:1-1; " },
	{ "protocol 06", ACLS("{`proto`: `06`, `src`: [`*`], `dst`: [`*:1`]}"),
	  "acl0 *>* 6:1-1; " },
	{ "protocol +6", ACLS("{`proto`: `+6`, `src`: [`*`], `dst`: [`*:1`]}"),
	  "acl0 *>* 6:1-1; " },
	{ "protocol without ports", ACLS("{`proto`: `icmp`, `src`: [`*`], `dst`: [`*:0-65535`]}"),
	  "acl0 *>* 1:0-65535; " },
	{ "protocol by another name", ACLS("{`proto`: `ip-in-ip`, `src`: [`*`], `dst`: [`*:*`]}"),
	  "acl0 *>* 4:0-65535; " },
	{ "protocol of sctp has ports", ACLS("{`proto`: 132, `src`: [`*`], `dst`: [`*:5`]}"),
	  "acl0 *>* 132:5-5; " },
	{ "empty protocol", ACLS("{`proto`: ``, `src`: [`*`], `dst`: [`*:5`]}"),
	  "acl0 *>* any:5-5; " },
	{ "ports", ACLS("{`src`: [`*`], `dst`: [`*:22,80--90,0-1,+7`]}"),
	  "acl0 *>* any:22-22,80-90,0-1,7-7; " },
	{ "addresses",
	  ACLS("{`src`: [`::1`], `dst`: [`fd7a::1:22`, `[fd7a::2]:1`, `[fd7a::]/64:2`]}"),
	  "acl0 ::1>fd7a::1 any:22-22; acl0 ::1>fd7a::2 any:1-1; acl0 ::1>fd7a::/64 any:2-2; " },
	{ "autogroups stay in order",
	  ACLS("{`src`: [`*`], `dst`: [`autogroup:self:1`, `autogroup:internet:2`]}"),
	  "acl0 *>autogroup:self any:1-1; acl0 *>autogroup:internet any:2-2; " },
	{ "self goes last beside others",
	  ACLS("{`src`: [`*`], `dst`: [`autogroup:self:1`, `tag:t:2`, `autogroup:self:3`, `*:4`]}"),
	  "acl0 *>tag:t any:2-2; acl0 *>* any:4-4; acl0 *>autogroup:self any:1-1; acl0 "
	  "*>autogroup:self any:3-3; " },
	{ "grants go first",
	  "{`acls`: [{`src`: [`*`], `dst`: [`*:1`]}], `grants`: [{`src`: [`*`], `dst`: [`*`], "
	  "`ip`: "
	  "[`2`]}, {`src`: [`a@b`], `dst`: [`*`], `ip`: [`3`]}]}",
	  "grant0 *>* any:2-2; grant1 a@b>* any:3-3; acl0 *>* any:1-1; " },
	{ "ip of grants",
	  GRANTS("{`src`: [`h`], `dst`: [`*`, `h`], `ip`: [`*`, `47`, `icmp:80`, `6:1-2`, `:3`]}"),
	  "grant0 h>*,h any:0-65535 any:47-47 1:80-80 6:1-2 any:3-3; " },
	{ "app, via",
	  GRANTS("{`src`: [`*`], `dst`: [`tag:t`], `app`: {`a/b`: [{ `x`: 1, /* c */ }, ], `c/d`: "
		 "null, `tailscale.com/cap/relay`: []}, `via`: [`tag:t`]}"),
	  "grant0 *>tag:t a/b=[{\"x\":1}] c/d=null tailscale.com/cap/relay=[] via tag:t; " },
	{ "names of capabilities",
	  GRANTS("{`src`: [`*`], `dst`: [`*`], `app`: {`foo`: [], `/x`: [], `a/`: [], "
		 "`example.com/cap/x`: [], `tailscale.com/cap/drive`: [], "
		 "`tailscale.com/cap/relay`: [], `tailscale.com/cap/webui`: [], "
		 "`tailscale.com/cap/kubernetes`: [], `tailscale.com/cap/tsidp`: [], "
		 "`tailscale.com/cap/secrets`: []}}"),
	  "grant0 *>* foo=[] /x=[] a/=[] example.com/cap/x=[] tailscale.com/cap/drive=[] "
	  "tailscale.com/cap/relay=[] tailscale.com/cap/webui=[] tailscale.com/cap/kubernetes=[] "
	  "tailscale.com/cap/tsidp=[] tailscale.com/cap/secrets=[]; " },
	{ "empty grants lists", GRANTS("{`src`: [], `dst`: null, `ip`: [`*`], `via`: null}"),
	  "grant0 > any:0-65535; " },
	{ "roles and domains are sources",
	  ACLS("{`src`: [`autogroup:owner`, `autogroup:admin`, `user:*@x.org`], `dst`: [`*:1`]}"),
	  "acl0 autogroup:owner,autogroup:admin,user:*@x.org>* any:1-1; " },
};

static void rule_row(void **state)
{
	const struct rule_row *r = *state;
	struct fl_policy_doc *doc = read_text(r->text);
	struct fl_buf got = fl_buf_make(1 << 16);

	for (size_t i = 0; i < doc->rules_len; i++)
		put_rule(&got, &doc->rules[i]);
	assert_text(fl_buf_slice(&got), r->want);
	assert_false(doc->allow_all);
	fl_buf_done(&got);
	fl_policy_doc_free(doc);
}

/* ---- nothing, null, empty ---- */

static struct all_row {
	const char *name, *text;
	bool allow_all;
} all_rows[] = {
	{ "no section", "{}", true },
	{ "null document", "null", true },
	{ "null sections", "{`acls`: null, `grants`: null, `groups`: null, `hosts`: null}", true },
	{ "other nulls",
	  "{`tagOwners`: null, `ssh`: null, `tests`: null, `sshTests`: null, `ipsets`: null, "
	  "`nodeAttrs`: null, `autoApprovers`: null, `randomizeClientPort`: null}",
	  true },
	{ "empty acls", "{`acls`: []}", false },
	{ "empty grants", "{`grants`: [], `acls`: null}", false },
	{ "empty attributes", "{`nodeAttrs`: [{}, null, {`target`: [], `attr`: []}]}", true },
	{ "funnel is known", "{`nodeAttrs`: [{`target`: [`*`], `attr`: [`funnel`]}]}", true },
};

static void all_row(void **state)
{
	const struct all_row *r = *state;
	struct fl_policy_doc *doc = read_text(r->text);

	assert_int_equal(doc->allow_all, r->allow_all);
	assert_int_equal(doc->rules_len, 0);
	assert_false(doc->ssh_given);
	fl_policy_doc_free(doc);
}

static void no_policy(void **state)
{
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = (struct fl_policy_doc *)(uintptr_t)1;

	(void)state;
	assert_err(
		fl_policy_doc_read(fl_slice_str(""), &(struct fl_policy_read){ 0 }, &report, &doc),
		FL_OK);
	assert_null(doc);
	assert_null(fl_policy_doc_free(NULL));
}

/* ---- owners of tags ---- */

static struct flat_row {
	const char *name, *tags, *want; /* of tag:a */
} flat_rows[] = {
	{ "own owners, sorted", "`tag:a`: [`z@x`, `group:g`, `b@x`, `z@x`]", "b@x,group:g,z@x" },
	{ "of another tag", "`tag:a`: [`tag:b`], `tag:b`: [`u@x`]", "u@x" },
	{ "of a chain", "`tag:c`: [`v@x`], `tag:b`: [`tag:c`, `u@x`], `tag:a`: [`tag:b`]",
	  "u@x,v@x" },
	{ "itself", "`tag:a`: [`tag:a`, `u@x`]", "u@x" },
	{ "a cycle", "`tag:a`: [`tag:b`, `u@x`], `tag:b`: [`tag:a`, `v@x`]", "u@x,v@x" },
	{ "a cycle without anybody", "`tag:a`: [`tag:b`], `tag:b`: [`tag:a`]", "" },
	{ "a diamond",
	  "`tag:a`: [`tag:b`, `tag:c`], `tag:b`: [`tag:d`], `tag:c`: [`tag:d`], `tag:d`: [`u@x`]",
	  "u@x" },
	{ "null", "`tag:a`: null", "" },
	{ "a domain is a token here", "`tag:a`: [`user:*@x.org`]", "user:*@x.org" },
};

static void flat_row(void **state)
{
	const struct flat_row *r = *state;
	char text[512];
	struct fl_buf got = fl_buf_make(4096);

	snprintf(text, sizeof text, "{`groups`: {`group:g`: []}, `tagOwners`: {%s}}", r->tags);
	struct fl_policy_doc *doc = read_text(text);
	const struct fl_policy_tag *t = fl_policy_doc_tag(doc, "tag:a");
	assert_non_null(t);
	put_list(&got, &t->flat);
	assert_text(fl_buf_slice(&got), r->want);
	for (size_t i = 0; i < t->flat.len; i++)
		assert_true(t->flat.at[i].kind == FL_ALIAS_USER ||
			    t->flat.at[i].kind == FL_ALIAS_GROUP);
	fl_buf_done(&got);
	fl_policy_doc_free(doc);
}

/* ---- the kinds of aliases ---- */

static struct alias_row {
	const char *name;
	enum fl_alias_kind kind;
	enum fl_autogroup autogroup;
	const char *prefix;
} alias_rows[] = {
	{ "1.2.3.4", FL_ALIAS_PREFIX, FL_AUTOGROUP_NONE, "1.2.3.4/32" },
	{ "1.2.3.4/8", FL_ALIAS_PREFIX, FL_AUTOGROUP_NONE, "1.2.3.4/8" },
	{ "FD7A::1", FL_ALIAS_PREFIX, FL_AUTOGROUP_NONE, "fd7a::1/128" },
	{ "fe80::1%eth0", FL_ALIAS_PREFIX, FL_AUTOGROUP_NONE, "fe80::1/128" },
	{ "fe80::1%e@f", FL_ALIAS_PREFIX, FL_AUTOGROUP_NONE, "fe80::1/128" },
	{ "1.2.3.4%eth0", FL_ALIAS_HOST, FL_AUTOGROUP_NONE, NULL },
	{ "1.2.3.04", FL_ALIAS_HOST, FL_AUTOGROUP_NONE, NULL },
	{ "1.2.3.4/08", FL_ALIAS_HOST, FL_AUTOGROUP_NONE, NULL },
	{ "1.2.3.4/+8", FL_ALIAS_HOST, FL_AUTOGROUP_NONE, NULL },
	{ "*", FL_ALIAS_WILDCARD, FL_AUTOGROUP_NONE, NULL },
	{ "a@b", FL_ALIAS_USER, FL_AUTOGROUP_NONE, NULL },
	{ "a@", FL_ALIAS_USER, FL_AUTOGROUP_NONE, NULL },
	{ "group:a@b", FL_ALIAS_USER, FL_AUTOGROUP_NONE, NULL },
	{ "user:*@b", FL_ALIAS_DOMAIN, FL_AUTOGROUP_NONE, NULL },
	{ "user:*@", FL_ALIAS_USER, FL_AUTOGROUP_NONE, NULL },
	{ "user:*@a@b", FL_ALIAS_USER, FL_AUTOGROUP_NONE, NULL },
	{ "user:a@b", FL_ALIAS_USER, FL_AUTOGROUP_NONE, NULL },
	{ "group:", FL_ALIAS_GROUP, FL_AUTOGROUP_NONE, NULL },
	{ "tag:1", FL_ALIAS_TAG, FL_AUTOGROUP_NONE, NULL },
	{ "ipset:x", FL_ALIAS_IPSET, FL_AUTOGROUP_NONE, NULL },
	{ "host", FL_ALIAS_HOST, FL_AUTOGROUP_NONE, NULL },
	{ "", FL_ALIAS_HOST, FL_AUTOGROUP_NONE, NULL },
	{ "autogroup:internet", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_INTERNET, NULL },
	{ "autogroup:member", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_MEMBER, NULL },
	{ "autogroup:tagged", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_TAGGED, NULL },
	{ "autogroup:self", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_SELF, NULL },
	{ "autogroup:danger-all", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_DANGER_ALL, NULL },
	{ "autogroup:nonroot", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_NONROOT, NULL },
	{ "autogroup:owner", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_OWNER, NULL },
	{ "autogroup:admin", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_ADMIN, NULL },
	{ "autogroup:members", FL_ALIAS_AUTOGROUP, FL_AUTOGROUP_UNKNOWN, NULL },
};

static void alias_row(void **state)
{
	const struct alias_row *r = *state;
	struct fl_fault fault = { .text = "" };
	struct fl_alias a;
	char prefix[FL_PREFIX_TEXT_MAX];

	assert_err(fl_alias_parse(r->name, &a, &fault), FL_OK);
	assert_int_equal(a.kind, r->kind);
	assert_int_equal(a.autogroup, r->autogroup);
	assert_ptr_equal(a.text, r->name);
	assert_int_equal(a.number, UINT32_MAX);
	if (r->prefix != NULL) {
		fl_prefix_format(&a.prefix, prefix);
		assert_string_equal(prefix, r->prefix);
	}
}

static void alias_invalid(void **state)
{
	struct fl_fault fault = { .text = "" };
	struct fl_alias a = { .text = "kept" };

	(void)state;
	assert_err(fl_alias_parse("a:\"b\"", &a, &fault), FL_ERR_INVALID);
	assert_string_equal(fault.text, "invalid alias format: \"a:\\\"b\\\"\"");
	assert_string_equal(a.text, "kept");
}

static void alias_numbers(void **state)
{
	struct fl_policy_doc *doc = read_text(
		"{`groups`: {`group:g`: [`a@b`]}, `acls`: [{`src`: [` a@b`, `*`], `dst`: [`*:1`, "
		"`a@b:2`]}], `nodeAttrs`: [{`target`: [`user:*@x`, `group:g`]}], `tests`: [{`src`: "
		"`a@b`, `accept`: [`*:1`]}], `ssh`: [{`action`: `accept`, `users`: [`u`], `src`: "
		"[`a@b`], `dst`: [`a@b`]}]}");

	(void)state;
	assert_int_equal(doc->aliases_len, 4);
	for (size_t i = 0; i < doc->aliases_len; i++)
		assert_int_equal(doc->aliases[i]->number, i);
	uint32_t user = doc->groups[0].members.at[0].number;
	assert_string_equal(doc->aliases[user]->text, "a@b");
	assert_int_equal(doc->source.ptr[doc->rules[0].at], '{');
	assert_int_equal(doc->rules[0].src.at[0].number, user);
	assert_int_equal(doc->rules[1].dst.at[0].number, user);
	assert_int_equal(doc->ssh[0].src.at[0].number, user);
	assert_int_equal(doc->rules[0].src.at[1].number, doc->rules[0].dst.at[0].number);
	assert_int_equal(doc->tests[0].accept[0].alias.number, doc->rules[0].dst.at[0].number);
	fl_policy_doc_free(doc);
}

/* ---- the other sections ---- */

static void sections(void **state)
{
	struct fl_policy_doc *doc = read_text(
		"{`hosts`: {`h`: `10.1.2.3/8`, `v6`: `fd7a::1`},\n"
		"`autoApprovers`: {`routes`: {`10.1.0.0/8`: [`a@b`, `tag:t`], `0.0.0.0/0`: []}, "
		"`exitNode`: [`group:g`]},\n"
		"`groups`: {`group:g`: [`user:*@x`]}, `tagOwners`: {`tag:t`: []},\n"
		"`nodeAttrs`: [{`target`: [`autogroup:admin`], `attr`: [`funnel`, `x y`], `app`: "
		"{`a/b`: [1]}, `ipPool`: [`100.64.1.0/24`]}],\n"
		"`ipsets`: {`ipset:a`: [`h`, `add 1.2.3.4`, `autogroup:internet`], `ipset:b`: "
		"[`add "
		"ipset:a`, `remove\\t 10.0.0.0/9`]}, `randomizeClientPort`: true}");
	const struct fl_policy_ipset *b = fl_policy_doc_ipset(doc, "ipset:b");
	char text[FL_PREFIX_TEXT_MAX];

	(void)state;
	fl_prefix_format(&fl_policy_doc_host(doc, "h")->prefix, text);
	assert_string_equal(text, "10.1.2.3/8");
	assert_null(fl_policy_doc_host(doc, "H"));
	assert_int_equal(doc->source.ptr[fl_policy_doc_host(doc, "v6")->at], '"');
	assert_int_equal(doc->approvers_len, 2);
	assert_int_equal(doc->approvers[0].who.at[1].kind, FL_ALIAS_TAG);
	assert_string_equal(doc->exit_approvers.who.at[0].text, "group:g");
	assert_int_equal(fl_policy_doc_group(doc, "group:g")->members.at[0].kind, FL_ALIAS_DOMAIN);
	assert_null(fl_policy_doc_group(doc, "g"));
	assert_string_equal(doc->attrs[0].attr[1], "x y");
	assert_string_equal(doc->attrs[0].app[0].args, "[1]");
	assert_int_equal(doc->attrs[0].pool[0].bits, 24);
	assert_int_equal(fl_policy_doc_ipset(doc, "ipset:a")->items_len, 3);
	assert_string_equal(b->items[0].alias.text, "ipset:a");
	assert_false(b->items[0].remove);
	assert_true(b->items[1].remove);
	assert_string_equal(b->items[1].alias.text, "10.0.0.0/9");
	assert_true(doc->randomize_client_port);
	assert_int_equal(doc->source.ptr[b->at], '"');
	assert_int_equal(doc->source.ptr[b->items[1].alias.at], '"');
	assert_int_equal(doc->source.ptr[doc->attrs[0].at], '{');
	assert_int_equal(doc->source.ptr[doc->approvers[1].at], '"');
	assert_int_equal(doc->source.ptr[doc->exit_approvers.at], '[');
	assert_int_equal(doc->source.ptr[doc->source.len], '\0');
	fl_policy_doc_free(doc);
}

static void ssh_section(void **state)
{
	struct fl_policy_doc *doc = read_text(
		"{`tagOwners`: {`tag:t`: []}, `ssh`: [\n"
		"{`action`: ` accept `, `src`: [` a@b `], `dst`: [`a@b`, `autogroup:self`], "
		"`users`: [` root `, `localpart:*@x`, `autogroup:member`], `acceptEnv`: [`*`]},\n"
		"{`action`: `check`, `users`: [`u`], `checkPeriod`: `always`},\n"
		"{`action`: `check`, `users`: [`u`], `checkPeriod`: `168h`},\n"
		"{`action`: `check`, `users`: [`u`], `checkPeriod`: 0, `src`: "
		"[`autogroup:tagged`], "
		"`dst`: [`tag:t`]},\n"
		"{`action`: `check`, `users`: [`u`], `checkPeriod`: null}],\n"
		"`sshTests`: [{`src`: ` a@b`, `dst`: [` tag:t `, `::1`, `nohost`], `accept`: [` "
		"root"
		"`], `deny`: [`x`], `check`: null}]}");
	const struct fl_ssh_test *t = &doc->ssh_tests[0];

	(void)state;
	assert_true(doc->ssh_given);
	assert_int_equal(doc->ssh_len, 5);
	assert_string_equal(doc->ssh[0].src.at[0].text, "a@b");
	assert_string_equal(doc->ssh[0].users[0], "root");
	assert_string_equal(doc->ssh[0].accept_env[0], "*");
	assert_false(doc->ssh[0].check);
	assert_int_equal(doc->ssh[0].period_kind, FL_SSH_PERIOD_DEFAULT);
	assert_true(doc->ssh[1].check);
	assert_int_equal(doc->ssh[1].period_kind, FL_SSH_PERIOD_ALWAYS);
	assert_int_equal(doc->ssh[2].period_kind, FL_SSH_PERIOD_GIVEN);
	assert_int_equal(doc->ssh[2].period, (int64_t)168 * 3600 * 1000000000);
	assert_int_equal(doc->ssh[3].period_kind, FL_SSH_PERIOD_GIVEN);
	assert_int_equal(doc->ssh[3].period, 0);
	assert_int_equal(doc->ssh[4].period_kind, FL_SSH_PERIOD_DEFAULT);
	assert_int_equal(doc->source.ptr[doc->ssh[4].at], '{');
	assert_int_equal(doc->source.ptr[t->at], '{');
	assert_string_equal(t->src.text, "a@b");
	assert_string_equal(t->dst.at[0].text, "tag:t");
	assert_int_equal(t->dst.len, 3);
	assert_string_equal(t->accept[0], "root");
	assert_int_equal(t->check_len, 0);
	fl_policy_doc_free(doc);
}

static void test_section(void **state)
{
	struct fl_policy_doc *doc = read_text(
		"{`hosts`: {`h`: `1.2.3.4/32`}, `tests`: [{`src`: ` x`, `proto`: 17, `accept`: "
		"[`h:22`, `[::1]:0-0`, `nohost:80-80`], `deny`: [`*:65535`]}, {`src`: null, "
		"`deny`: "
		"[`autogroup:self:1`]}]}");
	const struct fl_policy_test *t = doc->tests;

	(void)state;
	assert_int_equal(doc->tests_len, 2);
	assert_int_equal(doc->source.ptr[t[1].at], '{');
	assert_string_equal(t[0].src, " x");
	assert_string_equal(t[0].proto, "udp");
	assert_string_equal(t[0].accept[0].text, "h:22");
	assert_int_equal(t[0].accept[0].port, 22);
	assert_string_equal(t[0].accept[1].alias.text, "::1");
	assert_int_equal(t[0].accept[2].port, 80);
	assert_int_equal(t[0].deny[0].port, 65535);
	assert_string_equal(t[1].src, "");
	assert_string_equal(t[1].proto, "");
	fl_policy_doc_free(doc);
}

/* ---- user references ---- */

static const struct fl_policy_user users[] = {
	{ 1, "odin", "odin@x", "oidc/1", FL_ROLE_OWNER },
	{ 2, "thor@x", "thor@x", "", FL_ROLE_MEMBER },
	{ 3, "thor@x", "t3@x", "", FL_ROLE_MEMBER },
	{ 4, "odin", "o4@x", "", FL_ROLE_MEMBER },
	{ 5, "p@x", "p5@x", "", FL_ROLE_MEMBER },
	{ 6, "p@x", "p6@x", "p@x", FL_ROLE_MEMBER },
	{ 7, "x", "", "", FL_ROLE_MEMBER },
	{ 8, "y", "", "", FL_ROLE_MEMBER },
	{ 9, "mail@x", "", "", FL_ROLE_MEMBER },
	{ 10, "z", "mail@x", "", FL_ROLE_MEMBER },
};

#define FOUND(token, list)                                                                         \
	"validating policy user references: multiple users found: token \"" token                  \
	"\" found: [ " list " ]"
#define ODINS "1: odin, 4: odin, "
#define THORS "2: thor@x, 3: thor@x, "

static struct user_row {
	const char *name, *text, *want;
} user_rows[] = {
	{ "nobody", "{`groups`: {`group:g`: [`a@b`, `odin@x`]}}", "" },
	{ "a name", "{`groups`: {`group:g`: [`odin@`]}}", FOUND("odin@", ODINS) },
	{ "two names, an email of one", "{`acls`: [{`src`: [`thor@x`]}]}", FOUND("thor@x", THORS) },
	{ "a name and an email", "{`acls`: [{`src`: [`mail@x`]}]}",
	  FOUND("mail@x", "9: mail@x, 10: z, ") },
	{ "a provider's identifier", "{`acls`: [{`src`: [`p@x`]}]}", "" },
	{ "an @ alone", "{`acls`: [{`src`: [`@`]}]}", "" },
	{ "a host of a test", "{`tests`: [{`src`: `odin`, `deny`: [`*:1`]}]}", "" },
	{ "a host", "{`hosts`: {`odin`: `::1`}, `acls`: [{`src`: [`odin`]}]}", "" },
	{ "an owner", "{`tagOwners`: {`tag:a`: [`odin@`]}}", FOUND("odin@", ODINS) },
	{ "an approver", "{`autoApprovers`: {`exitNode`: [`odin@`]}}", FOUND("odin@", ODINS) },
	{ "a destination", "{`acls`: [{`dst`: [`odin@:1`]}]}", FOUND("odin@", ODINS) },
	{ "a grant", "{`grants`: [{`ip`: [`*`], `src`: [`odin@`]}]}", FOUND("odin@", ODINS) },
	{ "an attribute", "{`nodeAttrs`: [{`target`: [`odin@`]}]}", FOUND("odin@", ODINS) },
	{ "a test", "{`tests`: [{`src`: `odin@`, `deny`: [`*:1`]}]}", FOUND("odin@", ODINS) },
	{ "all, once",
	  "{`acls`: [{`src`: [`thor@x`, `odin@`]}, {`src`: [`odin@`], `dst`: [`thor@x:1`]}]}",
	  "multiple errors:\n\t" FOUND("thor@x", THORS) "\n\t" FOUND("odin@", ODINS) },
};

static void user_row(void **state)
{
	const struct user_row *r = *state;
	struct fl_policy_doc *doc = read_text(r->text);
	struct fl_policy_report report = { 0 };
	struct fl_buf got = fl_buf_make(4096);

	enum fl_err err = fl_policy_doc_users(doc, users, COUNT(users), &report);
	fl_policy_report_text(&report, &got);
	assert_text(fl_buf_slice(&got), r->want);
	assert_err(err, *r->want != '\0' ? FL_ERR_INVALID : FL_OK);
	for (size_t i = 0; i < report.len; i++)
		assert_true(report.at[i].at < doc->source.len);
	fl_policy_report_done(&report);
	fl_buf_done(&got);
	assert_err(fl_policy_doc_users(doc, users, 0, &report), FL_OK);
	fl_policy_doc_free(doc);
}

/* ---- large texts ---- */

enum { MANY = 60000 };

static void many_groups(void **state)
{
	struct fl_buf b = fl_buf_make(4 << 20);

	(void)state;
	fl_buf_str(&b, "{\"groups\": {");
	for (int i = 0; i < MANY; i++)
		fl_buf_printf(&b, "\"group:%d\": [\"u%d@x\"],", i, i);
	fl_buf_str(&b, "}, \"acls\": [{\"src\": [");
	for (int i = 0; i < MANY; i++)
		fl_buf_printf(&b, "\"group:%d\",", i);
	fl_buf_str(&b, "]}]}");
	assert_err(fl_buf_err(&b), FL_OK);
	clock_t start = clock();
	struct fl_policy_doc *doc = read_slice(fl_buf_slice(&b));
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20); /* quadratic takes minutes */
	assert_int_equal(doc->groups_len, MANY);
	assert_int_equal(doc->aliases_len, 2 * MANY);
	assert_ptr_equal(fl_policy_doc_group(doc, "group:59999"), &doc->groups[MANY - 1]);
	fl_policy_doc_free(doc);
	fl_buf_done(&b);
}

/* A chain where each tag has all owners of those before. */
static void many_owners(void **state)
{
	struct fl_buf b = fl_buf_make(4 << 20);
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	(void)state;
	fl_buf_str(&b, "{\"tagOwners\": {\"tag:a\": []");
	for (int i = 0; i < MANY; i++)
		fl_buf_printf(&b, ",\"tag:a%d\": [\"u%d@x\",\"tag:a%.0d\"]", i + 1, i, i);
	fl_buf_str(&b, "}}");
	assert_err(fl_buf_err(&b), FL_OK);
	assert_err(
		fl_policy_doc_read(fl_buf_slice(&b), &(struct fl_policy_read){ 0 }, &report, &doc),
		FL_ERR_INVALID);
	assert_int_equal(report.len, 1);
	assert_non_null(
		strstr(report.at[0].text, "tagOwners: too many owners by way of other tags: "));
	fl_policy_report_done(&report);
	fl_buf_done(&b);
}

/* The outermost set first or last. */
static enum fl_err read_nested(int levels, bool reversed)
{
	struct fl_buf b = fl_buf_make(4 << 20);
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	fl_buf_str(&b, "{\"ipsets\": {");
	for (int i = 0; i < levels; i++) {
		int set = reversed ? levels - i : i + 1;
		fl_buf_printf(&b, "%s\"ipset:%d\": [", i > 0 ? "," : "", set);
		if (set < levels)
			fl_buf_printf(&b, "\"::1\", \"ipset:%d\", \"ipset:%d\"", levels, set + 1);
		fl_buf_byte(&b, ']');
	}
	fl_buf_str(&b, "}}");
	enum fl_err err =
		fl_policy_doc_read(fl_buf_slice(&b), &(struct fl_policy_read){ 0 }, &report, &doc);
	assert_int_equal(report.len, err != FL_OK);
	if (err != FL_OK)
		assert_non_null(strstr(report.at[0].text, "is nested too deep"));
	fl_policy_report_done(&report);
	fl_policy_doc_free(doc);
	fl_buf_done(&b);
	return err;
}

static void nested_ipsets(void **state)
{
	(void)state;
	for (int reversed = 0; reversed < 2; reversed++) {
		assert_err(read_nested(15, reversed), FL_OK);
		assert_err(read_nested(16, reversed), FL_OK);
		assert_err(read_nested(17, reversed), FL_ERR_INVALID);
		assert_err(read_nested(MANY, reversed), FL_ERR_INVALID); /* and the stack lasts */
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rule_rows, rule_row);
	ROWS(&s, all_rows, all_row);
	suite_add(&s, "no policy", no_policy, NULL);
	ROWS(&s, flat_rows, flat_row);
	ROWS(&s, alias_rows, alias_row);
	suite_add(&s, "no alias", alias_invalid, NULL);
	suite_add(&s, "equal aliases share a number", alias_numbers, NULL);
	suite_add(&s, "hosts, approvers, attributes, IP sets", sections, NULL);
	suite_add(&s, "ssh and sshTests", ssh_section, NULL);
	suite_add(&s, "tests", test_section, NULL);
	ROWS(&s, user_rows, user_row);
	suite_add(&s, "many groups", many_groups, NULL);
	suite_add(&s, "many owners", many_owners, NULL);
	suite_add(&s, "nested IP sets", nested_ipsets, NULL);
	return suite_run(&s, "domain/policy_doc");
}
