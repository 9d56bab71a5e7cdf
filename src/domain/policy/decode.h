/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/decode.h - what the files that read a document share. For this folder only.
 *
 *   document.c       read, free, lookups     report.c        problems
 *   decode.c         the walk                decode_text.c   its path, problems and texts
 *   decode_names.c   groups, hosts, tags     decode_rules.c  acls, grants, nodeAttrs
 *   decode_ssh.c     decode_tests.c          decode_ipsets.c
 *   alias.c          3.1 and interning       ports.c         protocols, ports, destinations
 *   validate*.c      2.5                     flatten.c       owners of tags, nesting of IP sets
 *   lower.c          4.1                     references.c    2.6
 *   goquote.c, godur.c, goprefix.c           texts as the reference writes them
 *
 * Readers return false after a problem or when memory ran out; `err` of the context says which.
 * Functions that judge a text return its fault as a text, NULL if it is good.
 *
 * Source  docs/policy.md 1.2, 2
 */
#ifndef FL_DOMAIN_POLICY_DECODE_H
#define FL_DOMAIN_POLICY_DECODE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "domain/policy/document.h"
#include "wire/hujson.h"

/* ---- the document with what it keeps for itself ---- */

struct fl_policy_whole {
	struct fl_policy_doc doc; /* first, so that one pointer is both */
	atomic_uint refs;         /* its owner, and plans made of it */
	struct fl_arena arena;
	struct fl_map groups, hosts, ipsets, tags; /* name to element */
};

/* ---- what decoding gives and only validation needs ---- */

struct fl_word {
	const char *text;
	size_t at;
};

struct fl_proto {
	bool given; /* false: not restricted */
	uint8_t number;
	const char *text; /* canonical name, or the number as written */
};

/* A destination with ports: policy.md 2.4. */
struct fl_dst {
	struct fl_alias alias;
	struct fl_ports *ports;
	size_t ports_len;
	const char *ports_text;
};

struct fl_acl {
	struct fl_proto proto;
	struct fl_aliases src;
	struct fl_dst *dst;
	size_t dst_len;
	size_t at;
};

/* What the public structures do not keep of an SSH rule, a test. */
struct fl_raw_ssh {
	struct fl_ssh_rule rule;
	bool action_given;
};
struct fl_raw_test {
	const char *src;
	struct fl_proto proto;
	struct fl_word *accept, *deny;
	size_t accept_len, deny_len;
	size_t at;
};
struct fl_raw_ssh_test {
	struct fl_ssh_test test;
	bool src_given;
};

/* ---- the context of a read ---- */

struct fl_interned {
	struct fl_alias alias;
	struct fl_interned *older;
};

struct fl_decode_step {
	const char *name; /* NULL: an index */
	size_t index;
};

enum { FL_DECODE_PATH_MAX = FL_HUJSON_DEPTH_MAX + 1 };

struct fl_decode {
	struct fl_policy_whole *whole;
	struct fl_policy_doc *doc; /* the same */
	struct fl_arena *arena;    /* its */
	const struct fl_policy_read *how;
	struct fl_policy_report *report;
	enum fl_err err;

	struct fl_decode_step path[FL_DECODE_PATH_MAX];
	size_t depth;

	struct fl_map interned; /* kind and text to struct fl_interned */
	struct fl_interned *newest;
	struct fl_buf scratch;

	bool acls_given, grants_given; /* neither absent nor null */
	struct fl_acl *acls;
	size_t acls_len;
	struct fl_rule *grants;
	size_t grants_len;
	struct fl_raw_ssh *ssh;
	size_t ssh_len;
	struct fl_raw_test *tests;
	size_t tests_len;
	struct fl_raw_ssh_test *ssh_tests;
	size_t ssh_tests_len;
};

/* Not secret: who writes the policy has no use for slow look-ups in it. */
extern const uint8_t fl_policy_map_seed[16];

/* ---- texts ---- */

/* Appends a text as Go's %q does. */
void fl_go_quote(struct fl_buf *out, struct fl_slice text);

/* A text in the arena, printed; on failure some other text, and the arena has the error. */
const char *fl_say(struct fl_arena *a, const char *fmt, ...) FL_PRINTF(2, 3);
const char *fl_quoted(struct fl_arena *a, const char *text);

/* Go's time.ParseDuration and Duration.String. */
FL_MUST const char *fl_go_duration_parse(struct fl_arena *a, const char *text, int64_t *out);
enum { FL_GO_DURATION_TEXT_MAX = 40 };
void fl_go_duration_format(int64_t ns, char out[static FL_GO_DURATION_TEXT_MAX]);

/* Go's netip.ParsePrefix. */
FL_MUST const char *fl_go_prefix_parse(struct fl_arena *a, const char *text, struct fl_prefix *out);

/* Go's strconv.Atoi: a sign and digits that fit. */
bool fl_go_int(const char *text, int64_t *out);

/* Go's strings.TrimSpace. */
struct fl_slice fl_go_trim(struct fl_slice text);

/* ---- aliases, ports ---- */

/* An address or a prefix as policy.md 3.1 writes it. */
bool fl_address_parse(const char *text, struct fl_prefix *out);

/* Kind, autogroup, prefix of a text that stays borrowed; false: none fits. */
bool fl_alias_recognise(const char *text, struct fl_alias *out);
bool fl_alias_is_tag_name(const char *text); /* a letter after "tag:" */

/* Gives the alias its number and a text that lasts; false when out of memory. */
FL_MUST bool fl_alias_intern(struct fl_decode *d, struct fl_alias *a);

extern const char fl_cause_tag_name[];
extern const char fl_cause_nomem[]; /* the arena, or the map, has the error */

/* `canonical`: lower-cased, known numbers by name, as in ACLs and tests. */
FL_MUST const char *fl_proto_parse(struct fl_decode *d, const char *text, bool canonical,
				   struct fl_proto *out);
FL_MUST const char *fl_traffic_parse(struct fl_decode *d, const char *text, struct fl_traffic *out);
FL_MUST const char *fl_dst_parse(struct fl_decode *d, const char *text, size_t at,
				 struct fl_dst *out);

static inline bool fl_ports_are_all(const struct fl_ports *p)
{
	return p->first == 0 && p->last == UINT16_MAX;
}

/* ---- the walk ---- */

typedef bool fl_decode_reader(struct fl_decode *d, struct fl_hujv v, void *out);
typedef bool fl_decode_entry(struct fl_decode *d, const char *name, struct fl_hujv v, void *out);

struct fl_decode_member {
	const char *name;
	fl_decode_reader *read; /* gets the structure */
};

struct fl_decode_shape {
	const char *type; /* of the reference, for messages */
	const struct fl_decode_member *members;
	size_t len;
	bool comments; /* members whose name begins with '#' are none */
};

/* The first problem ends the read. All give false. */
bool fl_decode_fail(struct fl_decode *d, struct fl_hujv v, const char *cause);
bool fl_decode_fail_bare(struct fl_decode *d, struct fl_hujv v, const char *text);
bool fl_decode_mistyped(struct fl_decode *d, struct fl_hujv v, const char *type);
/* A problem whose text names the place itself, as the JSON library of the reference does. */
bool fl_decode_fail_within(struct fl_decode *d, struct fl_hujv v, const char *cause);

/* What a value that is no string is called where the reference names its Go type. */
const char *fl_decode_go_type(struct fl_hujv v);

/* Where a value is read whole before it is looked at: names twice and bad texts inside it. */
FL_MUST bool fl_decode_scan(struct fl_decode *d, struct fl_hujv v);

/* The content of a string without U+0000, terminated, borrowed from the tree. */
FL_MUST bool fl_decode_peek(struct fl_decode *d, struct fl_hujv v, struct fl_slice *out);

/* The same in the arena; NULL after a problem. */
FL_MUST const char *fl_decode_text(struct fl_decode *d, struct fl_hujv v);

/* The value as written, surrounding quotes gone, escapes not resolved; NULL after a problem. */
FL_MUST const char *fl_decode_bare(struct fl_decode *d, struct fl_hujv v);

/* A string, "" for null. */
FL_MUST bool fl_decode_string(struct fl_decode *d, struct fl_hujv v, const char *type,
			      const char **out);

FL_MUST bool fl_decode_object(struct fl_decode *d, struct fl_hujv v,
			      const struct fl_decode_shape *shape, void *out);

/* Arrays in the arena, empty for null; NULL after a problem. */
FL_MUST void *fl_decode_list(struct fl_decode *d, struct fl_hujv v, const char *type, size_t size,
			     fl_decode_reader *read, size_t *out_len);
FL_MUST void *fl_decode_map(struct fl_decode *d, struct fl_hujv v, const char *type, size_t size,
			    fl_decode_entry *read, size_t *out_len);

FL_MUST bool fl_decode_aliases(struct fl_decode *d, struct fl_hujv v, const char *type,
			       fl_decode_reader *read, struct fl_aliases *out);

/* Elements of lists. */
bool fl_decode_source(struct fl_decode *d, struct fl_hujv v, void *alias);
bool fl_decode_destination(struct fl_decode *d, struct fl_hujv v, void *alias);
bool fl_decode_plain(struct fl_decode *d, struct fl_hujv v, void *text);   /* const char ** */
bool fl_decode_trimmed(struct fl_decode *d, struct fl_hujv v, void *text); /* const char ** */
bool fl_decode_word(struct fl_decode *d, struct fl_hujv v, void *word);

/* ---- sections: members of the top level, `out` is not used ---- */

fl_decode_reader fl_decode_groups, fl_decode_hosts, fl_decode_tag_owners, fl_decode_approvers;
fl_decode_reader fl_decode_ipsets, fl_decode_acls, fl_decode_grants, fl_decode_attrs;
fl_decode_reader fl_decode_ssh, fl_decode_tests, fl_decode_ssh_tests;

/* ---- after decoding ---- */

/* Problems that do not end the read. */
void fl_validate(struct fl_decode *d);
void fl_validate_ssh(struct fl_decode *d);
void fl_validate_attrs(struct fl_decode *d);
void fl_validate_ipsets(struct fl_decode *d);
void fl_validate_tests(struct fl_decode *d);
void fl_validate_ssh_tests(struct fl_decode *d);

/* Each reports at most one problem of an alias. */
void fl_validate_group(struct fl_decode *d, const struct fl_alias *a);
void fl_validate_tag(struct fl_decode *d, const struct fl_alias *a, const char *before);
void fl_validate_host(struct fl_decode *d, const struct fl_alias *a);
void fl_validate_ipset(struct fl_decode *d, const struct fl_alias *a);
void fl_validate_domain(struct fl_decode *d, const char *domain, size_t at, const char *before);

/* The D of "user:*@D" and "localpart:*@D"; NULL if it is none. */
const char *fl_domain_of(const char *text, const char *word);

/* Both report what is too large; the second else fills `flat`. */
FL_MUST enum fl_err fl_policy_weigh(struct fl_decode *d);
FL_MUST enum fl_err fl_policy_flatten(struct fl_decode *d);
FL_MUST enum fl_err fl_policy_lower(struct fl_decode *d);

#endif
