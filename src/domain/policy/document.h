/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/document.h - a policy document, decoded and validated.
 *
 * Reading has three steps: syntax (wire/hujson.h), decoding in text order where the first problem
 * ends the read, and validation where all problems are collected. What comes out is immutable and
 * says everything the engine needs, each item with the place where it stood. ACLs are lowered to
 * the same rules that grants make, in the order in which rules count.
 *
 * Nothing here depends on nodes; users matter only for fl_policy_doc_users.
 *
 * Thread  immutable.
 * Memory  one arena, counted; everything is borrowed until fl_policy_doc_free.
 * Limits  those of wire/hujson.h; owners by way of tags (flatten.c) and ranges by way of IP sets
 *         (weigh.c).
 * Source  docs/policy.md 1, 2, 3.1, 4.1, 6.1, 7.1, 8.2, 13 and Appendix A
 */
#ifndef FL_DOMAIN_POLICY_DOCUMENT_H
#define FL_DOMAIN_POLICY_DOCUMENT_H

#include "base/buf.h"
#include "base/ip.h"
#include "domain/policy/world.h"

#define FL_POLICY_NOWHERE SIZE_MAX /* a problem without a place in the text */

/* ---- problems ---- */

struct fl_policy_problem {
	char *text; /* one problem, from the cause on with its frame; may hold newlines */
	size_t at;  /* byte offset in the source, or FL_POLICY_NOWHERE */
};

struct fl_policy_report {
	struct fl_policy_problem *at;
	size_t len;
	bool nomem; /* a problem could not be kept */
};

void fl_policy_report_done(struct fl_policy_report *r);
void fl_policy_report_add(struct fl_policy_report *r, size_t at, const char *fmt, ...)
	FL_PRINTF(3, 4);

/* One problem bare; several as "multiple errors:" and "\n\t" before each. */
void fl_policy_report_text(const struct fl_policy_report *r, struct fl_buf *out);

/* ---- aliases ---- */

enum fl_alias_kind {
	FL_ALIAS_USER,
	FL_ALIAS_DOMAIN, /* user:*@D: everybody of an own e-mail domain */
	FL_ALIAS_GROUP,
	FL_ALIAS_TAG,
	FL_ALIAS_HOST,
	FL_ALIAS_IPSET,
	FL_ALIAS_PREFIX,
	FL_ALIAS_WILDCARD,
	FL_ALIAS_AUTOGROUP,
};

enum fl_autogroup {
	FL_AUTOGROUP_NONE, /* the alias is none */
	FL_AUTOGROUP_INTERNET,
	FL_AUTOGROUP_MEMBER,
	FL_AUTOGROUP_TAGGED,
	FL_AUTOGROUP_SELF,
	FL_AUTOGROUP_DANGER_ALL,
	FL_AUTOGROUP_NONROOT,
	FL_AUTOGROUP_OWNER,
	FL_AUTOGROUP_ADMIN,
	FL_AUTOGROUP_UNKNOWN,
};

struct fl_alias {
	enum fl_alias_kind kind;
	enum fl_autogroup autogroup;
	const char *text; /* as written, trimmed where policy.md 2.2 trims */
	struct fl_prefix
		prefix; /* FL_ALIAS_PREFIX: host bits as written; a bare address is a host */
	size_t at;
	/*
	 * Aliases of one kind and text share a number, 0 .. aliases_len - 1 of the document. The
	 * engine keeps one set for each.
	 */
	uint32_t number;
};

struct fl_aliases {
	struct fl_alias *at;
	size_t len;
};

/*
 * Recognises a text as policy.md 3.1 does, without adding it to a document (number UINT32_MAX);
 * `text` stays borrowed by *out. Errors: FL_ERR_INVALID, with the cause in `fault`.
 */
FL_MUST enum fl_err fl_alias_parse(const char *text, struct fl_alias *out, struct fl_fault *fault);

/* ---- rules: ACLs and grants ---- */

struct fl_ports {
	uint16_t first, last;
};

/* What an `ip` entry of a grant says, or protocol and ports of one ACL destination. */
struct fl_traffic {
	bool any_proto; /* not restricted */
	uint8_t proto;
	struct fl_ports *ports;
	size_t ports_len;
	const char *text;
};

struct fl_app {
	const char *name;
	const char *args; /* compact JSON, as written: an array, or null */
};

struct fl_rule {
	bool is_acl;
	uint32_t entry; /* of its section, from 0 */
	size_t at;      /* of the entry */
	struct fl_aliases src, dst;
	bool src_listed, dst_listed; /* the list had elements; an empty list makes no rule at all */
	struct fl_traffic *traffic;
	size_t traffic_len;
	struct fl_app *app; /* an empty object is as none */
	size_t app_len;
	struct fl_aliases via; /* tags */
};

/* ---- the other sections ---- */

struct fl_policy_group {
	const char *name;          /* "group:x" */
	struct fl_aliases members; /* users, and domains */
	size_t at;
};
struct fl_policy_host {
	const char *name;
	struct fl_prefix prefix; /* as written */
	size_t at;
};
struct fl_policy_ipset_item {
	bool remove;
	struct fl_alias alias; /* prefix, host, autogroup:internet, another IP set */
};
struct fl_policy_ipset {
	const char *name; /* "ipset:x" */
	struct fl_policy_ipset_item *items;
	size_t items_len;
	size_t at;
};
struct fl_policy_tag {
	const char *name;         /* "tag:x" */
	struct fl_aliases owners; /* users, groups, tags */
	/* Owner tags resolved, cycles cut: users and groups, and the tag itself never. */
	struct fl_aliases flat;
	size_t at;
};
struct fl_policy_approver {
	struct fl_prefix prefix; /* unset for exit nodes */
	struct fl_aliases who;
	size_t at;
};

enum fl_ssh_period { FL_SSH_PERIOD_DEFAULT, FL_SSH_PERIOD_ALWAYS, FL_SSH_PERIOD_GIVEN };

struct fl_ssh_rule {
	bool check;
	struct fl_aliases src, dst;
	const char **users; /* as written, trimmed; localpart:*@D included */
	size_t users_len;
	const char **accept_env;
	size_t accept_env_len;
	enum fl_ssh_period period_kind;
	int64_t period; /* nanoseconds, when given */
	size_t at;
};

struct fl_node_attr {
	struct fl_aliases target;
	const char **attr;
	size_t attr_len;
	struct fl_app *app;
	size_t app_len;
	struct fl_prefix *pool; /* ipPool */
	size_t pool_len;
	size_t at;
};

/* One destination of a test; `port` is its only port. */
struct fl_test_dst {
	const char *text;
	struct fl_alias alias;
	uint16_t port;
};
struct fl_policy_test {
	const char *src;   /* not trimmed, judged when the test runs */
	const char *proto; /* "", "tcp", "udp", "sctp" */
	struct fl_test_dst *accept, *deny;
	size_t accept_len, deny_len;
	size_t at;
};
struct fl_ssh_test {
	struct fl_alias src;
	struct fl_aliases dst;
	const char **accept, **deny, **check; /* users */
	size_t accept_len, deny_len, check_len;
	size_t at;
};

/* ---- the document ---- */

struct fl_policy_doc {
	/* Both acls and grants absent or null: everything is allowed. Else what rules say. */
	bool allow_all;
	struct fl_rule *rules; /* policy.md 4.1: grants, then ACLs, one rule an ACL destination */
	size_t rules_len;
	struct fl_policy_group *groups;
	size_t groups_len;
	struct fl_policy_host *hosts;
	size_t hosts_len;
	struct fl_policy_ipset *ipsets;
	size_t ipsets_len;
	struct fl_policy_tag *tags; /* tagOwners */
	size_t tags_len;
	struct fl_policy_approver *approvers; /* routes */
	size_t approvers_len;
	struct fl_policy_approver exit_approvers;
	bool ssh_given; /* an ssh section with a rule */
	struct fl_ssh_rule *ssh;
	size_t ssh_len;
	struct fl_node_attr *attrs;
	size_t attrs_len;
	struct fl_policy_test *tests;
	size_t tests_len;
	struct fl_ssh_test *ssh_tests;
	size_t ssh_tests_len;
	bool randomize_client_port;

	size_t aliases_len;              /* distinct aliases, see fl_alias.number */
	const struct fl_alias **aliases; /* one of each number */
	struct fl_slice source;          /* the text, terminated behind */
};

struct fl_policy_read {
	/* The e-mail domains that belong to the tailnet; none: not checked. */
	const char *const *domains;
	size_t domains_len;
};

/*
 * Reads a policy. An empty text is no policy: FL_OK and *out NULL.
 * Errors: FL_ERR_INVALID with at least one problem in `report`; FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_policy_doc_read(struct fl_slice text, const struct fl_policy_read *how,
				       struct fl_policy_report *report, struct fl_policy_doc **out);

/*
 * Its owner lets it go. It lasts as long as a snapshot made of it, which may be read elsewhere.
 * NULL in, NULL out.
 */
struct fl_policy_doc *fl_policy_doc_free(struct fl_policy_doc *d);

/* For snapshots: holds it, to be let go with fl_policy_doc_free. NULL in, NULL out. */
const struct fl_policy_doc *fl_policy_doc_hold(const struct fl_policy_doc *d);

/*
 * User tokens that more than one user fits (policy.md 2.6). Errors: FL_ERR_INVALID with `report`.
 */
FL_MUST enum fl_err fl_policy_doc_users(const struct fl_policy_doc *d,
					const struct fl_policy_user *users, size_t users_len,
					struct fl_policy_report *report);

const struct fl_policy_group *fl_policy_doc_group(const struct fl_policy_doc *d, const char *name);
const struct fl_policy_host *fl_policy_doc_host(const struct fl_policy_doc *d, const char *name);
const struct fl_policy_ipset *fl_policy_doc_ipset(const struct fl_policy_doc *d, const char *name);
const struct fl_policy_tag *fl_policy_doc_tag(const struct fl_policy_doc *d, const char *name);

#endif
