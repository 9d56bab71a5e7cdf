/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_read.c - policies that are refused, each with the whole text that a
 * reader gets (docs/policy.md, Appendix A, phases L, P, S and V).
 *
 * In documents and texts ` stands for a double quote.
 */
#include "../base/table.h"

#include "domain/policy/document.h"

#define FRAME    "parsing policy from bytes: "
#define ACL(x)   "{`acls`: [{" x "}]}"
#define GRANT(x) "{`grants`: [{" x "}]}"
#define SSH(x)                                                                                     \
	"{`tagOwners`: {`tag:t`: []}, `groups`: {`group:g`: []}, `hosts`: {`h`: `1.2.3.4`}, "      \
	"`ssh`: [{" x "}]}"
#define TESTS(x)     "{`hosts`: {`h`: `1.2.3.4`, `net`: `10.0.0.0/8`}, `tests`: [" x "]}"
#define SSH_TESTS(x) "{`hosts`: {`net`: `10.0.0.0/8`}, `sshTests`: [" x "]}"
#define POOL         "nodeAttrs ipPool must "
#define SELF         "autogroup:self can only be used with users, groups, or supported autogroups"
#define OWN_DOMAIN                                                                                 \
	"x.org is not associated with this Tailnet and cannot be used in user:*@<domain> "         \
	"expressions"
#define SIX                                                                                        \
	"must be one of [autogroup:internet autogroup:member autogroup:nonroot autogroup:tagged "  \
	"autogroup:self autogroup:danger-all]"
#define CAN_SRC  "can be [autogroup:member autogroup:tagged autogroup:danger-all]"
#define CAN_DST  "can be [autogroup:internet autogroup:member autogroup:tagged autogroup:self]"
#define BRACKETS "square brackets are only valid around IPv6 addresses"

struct row {
	const char *name, *text, *want;
};

static char *with_quotes(const char *s)
{
	char *copy = strdup(s);

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		if (*c == '`')
			*c = '"';
	return copy;
}

/* ---- the catalogue: each text that a reader can meet, by what no other text has ---- */

static struct {
	const char *part;
	bool met;
} catalogue[] = {
	{ "parsing HuJSON: hujson: line " },
	{ "unknown field: " },
	{ "via can only be a tag" },
	{ "`]: tag names must start with a letter, after 'tag:'" },
	{ "jsontext: duplicate object member name " },
	{ "jsontext: invalid UTF-8" },
	{ "json: cannot unmarshal JSON " },
	{ "text must not contain the character U+0000" },
	{ "group must start with 'group:', got: " },
	{ "group value must be an array of users: group `group:a` got string: " },
	{ "group value must be an array of users: group `group:a` got float64" },
	{ "invalid group member type: group " },
	{ "group members cannot be recursive" },
	{ "username must contain @, got: " },
	{ "invalid hostname: " },
	{ "hostname contains invalid IP address: hostname " },
	{ "tag must start with 'tag:', got: " },
	{ "invalid owner format: " },
	{ "invalid auto approver format: " },
	{ "netip.ParsePrefix(" },
	{ "is not supported: invalid ACL action" },
	{ "proto name `*` not known; use protocol number 0-255 or protocol name" },
	{ "leading 0 not permitted in protocol number: " },
	{ "must be a known protocol name or valid protocol number 0-255" },
	{ "protocol number out of range (0-255): " },
	{ "invalid alias format: " },
	{ "type not supported: " },
	{ "hostport must contain a colon" },
	{ "input cannot start with a colon character" },
	{ "input cannot end with a colon character" },
	{ "square brackets are only valid around IPv6 addresses" },
	{ "invalid first integer" },
	{ "port number out of range" },
	{ "first port must be >0, or use '*' for wildcard" },
	{ "invalid port range format" },
	{ "invalid port range: first port is greater than last port" },
	{ "expected only one colon in Internet protocol and port type, got: " },
	{ "invalid autogroup: got " },
	{ "is not a valid action" },
	{ "alias not supported for SSH source: " },
	{ "alias not supported for SSH destination: " },
	{ "wildcard (*) is not supported as SSH destination; use " },
	{ "time: invalid duration " },
	{ "time: missing unit in duration " },
	{ "time: unknown unit " },
	{ "IP set must start with 'ipset:', got: " },
	{ "can be in an IP set" },
	{ "each line needs a word" },
	{ "host not defined in policy: " },
	{ "group not defined in policy: " },
	{ "IP set not defined in policy: " },
	{ "src=tag not found: " },
	{ ": tag not found: " },
	{ "tag not found: " },
	{ "tag `tag:a` not found" },
	{ "autogroup:internet can only be used in ACL destinations" },
	{ "`autogroup:self` not valid on the src side of a rule" },
	{ "autogroup not supported for ACL sources: " },
	{ "cannot use autogroup:danger-all as a dst" },
	{ "autogroup not supported for ACL destinations: " },
	{ "protocol does not support specific ports: " },
	{ "autogroup:self can only be used with users, groups, or supported autogroups" },
	{ "action must be specified" },
	{ "users must be specified" },
	{ "user `` is not valid" },
	{ "user `*` is not valid" },
	{ "acceptEnv values cannot be empty" },
	{ "autogroup not supported for SSH sources: " },
	{ "autogroup not supported for SSH destinations: " },
	{ "invalid dst " },
	{ "tags in SSH source cannot access user-owned devices (" },
	{ "user destination requires source to contain only that same user " },
	{ "autogroup:self destination requires source to contain only users or groups" },
	{ "tags in SSH source cannot access autogroup:member (user-owned devices)" },
	{ "checkPeriod is only valid with action `check`" },
	{ " must be a positive duration" },
	{ " is above the max (168h)" },
	{ "ip and app can not both be empty" },
	{ "capability name must have the form {domain}/{path}" },
	{ "capability name must not be in the tailscale.com domain" },
	{ "cannot use app grants with autogroup:internet" },
	{ ": to allow all IP addresses, use `*` or `autogroup:internet`" },
	{ "nodeAttrs target does not support this autogroup: " },
	{ "nodeAttrs target does not support IP sets: " },
	{ "nodeAttrs ipPool must be within 100.64.0.0/10: " },
	{ "nodeAttrs ipPool must not overlap reserved Tailscale ranges: " },
	{ "is not associated with this Tailnet and cannot be used in " },
	{ "` references undefined tag `" },
	{ " contains itself" },
	{ "test entry must have at least one of `accept` or `deny`" },
	{ "test protocol must be tcp, udp, sctp, or empty: " },
	{ "autogroup:internet not valid as a test destination" },
	{ "test destination port must be a single port" },
	{ "test destination must be a single host, not a CIDR range" },
	{ "SSH tests entry must have a non-empty src" },
	{ "SSH tests entry must have at least one dst" },
	{ "SSH tests dst contains unknown tag " },
	{ "SSH tests dst contains disallowed element " },
};

static void meet(const char *text)
{
	for (size_t i = 0; i < COUNT(catalogue); i++) {
		char *part = with_quotes(catalogue[i].part);
		catalogue[i].met = catalogue[i].met || strstr(text, part) != NULL;
		free(part);
	}
}

/* Comes last: some row has produced each text. */
static void all_met(void **state)
{
	size_t missing = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(catalogue); i++) {
		if (!catalogue[i].met)
			print_error("no row produces: %s\n", catalogue[i].part);
		missing += !catalogue[i].met;
	}
	assert_int_equal(missing, 0);
}

static const char *const domains[] = { "example.com" };
static const struct fl_policy_read how = { domains, 1 };

static void refused_row(void **state)
{
	const struct row *r = *state;
	char *text = with_quotes(r->text), *want = with_quotes(r->want);
	struct fl_slice in = exact(fl_slice_str(text));
	struct fl_policy_doc *doc = (struct fl_policy_doc *)(uintptr_t)1;
	struct fl_policy_report report = { 0 };
	struct fl_buf got = fl_buf_make(1 << 16);

	enum fl_err err = fl_policy_doc_read(in, &how, &report, &doc);
	fl_policy_report_text(&report, &got);
	assert_text(fl_buf_slice(&got), want);
	meet(want); /* what came, and terminated */
	assert_err(err, FL_ERR_INVALID);
	assert_ptr_equal(doc, (void *)(uintptr_t)1);
	for (size_t i = 0; i < report.len; i++)
		assert_true(report.at[i].at <= in.len);
	fl_policy_report_done(&report);
	fl_buf_done(&got);
	exact_free(in);
	free(text);
	free(want);
}

/* ---- L, S, P: one problem ---- */

static struct row syntax[] = {
	{ "only white space", " \n",
	  "parsing HuJSON: hujson: line 2, column 1: parsing value: unexpected EOF" },
	{ "cut", "{`acls`: [",
	  "parsing HuJSON: hujson: line 1, column 11: parsing value: unexpected EOF" },
	{ "byte-order mark", "\xef\xbb\xbf{}",
	  "parsing HuJSON: hujson: line 1, column 1: invalid character '\\ufeff' at start of "
	  "value" },
};

static struct row shape[] = {
	{ "no object", "[]", FRAME "json: cannot unmarshal JSON array into Go v2.Policy" },
	{ "unknown member", "{`postures`: {}}", "unknown field: `postures`" },
	{ "unknown member inside", ACL("`users`: []"), "unknown field: `users`" },
	{ "unknown member is quoted", "{`a\\u0007\\u00e9\\u200b`: 1}",
	  "unknown field: `a\\a\xc3\xa9\\u200b`" },
	{ "unknown grant member", GRANT("`srcPosture`: []"), "unknown field: `srcPosture`" },
	{ "'#' in SSH rules", SSH("`#x`: 1"), "unknown field: `#x`" },
	{ "'#' in attributes", "{`nodeAttrs`: [{`#x`: 1}]}", "unknown field: `#x`" },
	{ "unknown SSH member", SSH("`recorder`: []"), "unknown field: `recorder`" },
	{ "unknown approver member", "{`autoApprovers`: {`services`: {}}}",
	  "unknown field: `services`" },
	{ "unknown attribute member", "{`nodeAttrs`: [{`x`: 1}]}", "unknown field: `x`" },
	{ "unknown test member", TESTS("{`allow`: []}"), "unknown field: `allow`" },
	{ "unknown SSH test member", SSH_TESTS("{`x`: 1}"), "unknown field: `x`" },
	{ "'#' is for acls only", GRANT("`#x`: 1"), "unknown field: `#x`" },
	{ "member twice", "{`acls`: [], `acls`: []}",
	  FRAME "jsontext: duplicate object member name `acls`" },
	{ "member twice, written otherwise", "{`acls`: [], `ACLs`: []}",
	  FRAME "jsontext: duplicate object member name `ACLs`" },
	{ "member twice inside", ACL("`src`: [], `src`: []"),
	  FRAME "jsontext: duplicate object member name `src` within `/acls/0`" },
	{ "comment twice", ACL("`#c`: 1, `#c`: 2"),
	  FRAME "jsontext: duplicate object member name `#c` within `/acls/0`" },
	{ "group twice", "{`groups`: {`group:a`: [], `group:a`: []}}",
	  FRAME "jsontext: duplicate object member name `group:a` within `/groups`" },
	{ "tag twice", "{`tagOwners`: {`tag:a`: [], `tag:a`: []}}",
	  FRAME "jsontext: duplicate object member name `tag:a` within `/tagOwners`" },
	{ "capability twice", GRANT("`app`: {`a/b`: null, `a/b`: []}"),
	  FRAME "jsontext: duplicate object member name `a/b` within `/grants/0/app`" },
	{ "member twice in an argument", GRANT("`app`: {`a/b`: [{`x`: 1, `x`: 2}]}"),
	  FRAME "jsontext: duplicate object member name `x` within `/grants/0/app/a~1b/0`" },
	{ "the first problem counts", "{`acls`: 1, `x`: 2}",
	  FRAME "json: cannot unmarshal JSON number into Go []v2.ACL within `/acls`" },
	{ "decoding before validation", "{`acls`: [{`src`: [`h`]}], `x`: 2}",
	  "unknown field: `x`" },
	{ "list as string", ACL("`src`: `*`"),
	  FRAME "json: cannot unmarshal JSON string into Go v2.Aliases within `/acls/0/src`" },
	{ "alias as number", ACL("`src`: [1]"),
	  FRAME "json: cannot unmarshal JSON number into Go v2.AliasEnc within `/acls/0/src/0`" },
	{ "randomizeClientPort as string", "{`randomizeClientPort`: `true`}",
	  FRAME "json: cannot unmarshal JSON string into Go bool within `/randomizeClientPort`" },
	{ "invalid UTF-8", "{`hosts`: {`\xff`: `1.2.3.4`}}",
	  FRAME "jsontext: invalid UTF-8 within `/hosts`" },
	{ "member twice deep in an argument", GRANT("`app`: {`a/b`: [{`x`: {`y`: 1, `y`: 2}}]}"),
	  FRAME "jsontext: duplicate object member name `y` within `/grants/0/app/a~1b/0/x`" },
	{ "invalid UTF-8 in an action", ACL("`action`: `\xff`"),
	  FRAME "jsontext: invalid UTF-8 within `/acls/0/action`" },
	{ "invalid UTF-8 in a destination", ACL("`dst`: [`\xff:1`]"),
	  FRAME "jsontext: invalid UTF-8 within `/acls/0/dst/0`" },
	{ "invalid UTF-8 in a grant source", GRANT("`src`: [`\xff`]"),
	  FRAME "jsontext: invalid UTF-8 within `/grants/0/src/0`" },
	{ "invalid UTF-8 in ip", GRANT("`ip`: [`\xff`]"),
	  FRAME "jsontext: invalid UTF-8 within `/grants/0/ip/0`" },
	{ "invalid UTF-8 in a capability", GRANT("`app`: {`\xff`: []}"),
	  FRAME "jsontext: invalid UTF-8 within `/grants/0/app`" },
	{ "invalid UTF-8 in an owner", "{`tagOwners`: {`tag:a`: [`\xff@b`]}}",
	  FRAME "jsontext: invalid UTF-8 within `/tagOwners/tag:a/0`" },
	{ "invalid UTF-8 in an approver", "{`autoApprovers`: {`exitNode`: [`\xff@b`]}}",
	  FRAME "jsontext: invalid UTF-8 within `/autoApprovers/exitNode/0`" },
	{ "invalid UTF-8 in an SSH action", SSH("`action`: `\xff`"),
	  FRAME "jsontext: invalid UTF-8 within `/ssh/0/action`" },
	{ "invalid UTF-8 in an SSH source", SSH("`src`: [`\xff@b`]"),
	  FRAME "jsontext: invalid UTF-8 within `/ssh/0/src/0`" },
	{ "invalid UTF-8 in an SSH destination", SSH("`dst`: [`\xff@b`]"),
	  FRAME "jsontext: invalid UTF-8 within `/ssh/0/dst/0`" },
	{ "invalid UTF-8 in an SSH user", SSH("`users`: [`\xff`]"),
	  FRAME "jsontext: invalid UTF-8 within `/ssh/0/users/0`" },
	{ "invalid UTF-8 in a period", SSH("`checkPeriod`: `\xff`"),
	  FRAME "jsontext: invalid UTF-8 within `/ssh/0/checkPeriod`" },
	{ "invalid UTF-8 in an attribute", "{`nodeAttrs`: [{`attr`: [`\xff`]}]}",
	  FRAME "jsontext: invalid UTF-8 within `/nodeAttrs/0/attr/0`" },
	{ "invalid UTF-8 in a pool", "{`nodeAttrs`: [{`ipPool`: [`\xff`]}]}",
	  FRAME "jsontext: invalid UTF-8 within `/nodeAttrs/0/ipPool/0`" },
	{ "invalid UTF-8 in a test", TESTS("{`accept`: [`\xff`]}"),
	  FRAME "jsontext: invalid UTF-8 within `/tests/0/accept/0`" },
	{ "invalid UTF-8 in a test protocol", TESTS("{`proto`: `\xff`}"),
	  FRAME "jsontext: invalid UTF-8 within `/tests/0/proto`" },
	{ "invalid UTF-8 in an SSH test", SSH_TESTS("{`src`: `\xff`}"),
	  FRAME "jsontext: invalid UTF-8 within `/sshTests/0/src`" },
	{ "invalid UTF-8 in an IP set", "{`ipsets`: {`ipset:a`: [`\xff`]}}",
	  FRAME "jsontext: invalid UTF-8 within `/ipsets/ipset:a/0`" },
	{ "U+0000", "{`hosts`: {`a\\u0000b`: `1.2.3.4`}}",
	  FRAME "/hosts: text must not contain the character U+0000" },
};

static struct row names[] = {
	{ "group name", "{`groups`: {`a`: []}}",
	  FRAME "/groups/a: group must start with 'group:', got: `a`" },
	{ "names before values", "{`groups`: {`group:a`: 1, `b`: []}}",
	  FRAME "/groups/b: group must start with 'group:', got: `b`" },
	{ "group is a string", "{`groups`: {`group:a`: `b@c`}}",
	  FRAME
	  "/groups: group value must be an array of users: group `group:a` got string: `b@c`" },
	{ "group is a number", "{`groups`: {`group:a`: 1}}",
	  FRAME "/groups: group value must be an array of users: group `group:a` got float64" },
	{ "group is a boolean", "{`groups`: {`group:a`: true}}",
	  FRAME "/groups: group value must be an array of users: group `group:a` got bool" },
	{ "group is null", "{`groups`: {`group:a`: null}}",
	  FRAME "/groups: group value must be an array of users: group `group:a` got <nil>" },
	{ "group is an object", "{`groups`: {`group:a`: {}}}",
	  FRAME "/groups: group value must be an array of users: group `group:a` got "
		"map[string]interface {}" },
	{ "member is a number", "{`groups`: {`group:a`: [1]}}",
	  FRAME "/groups/group:a/0: invalid group member type: group `group:a` expected string but "
		"got float64" },
	{ "member is null", "{`groups`: {`group:a`: [null]}}",
	  FRAME "/groups/group:a/0: invalid group member type: group `group:a` expected string but "
		"got <nil>" },
	{ "nested groups, reverse order",
	  "{`groups`: {`group:a`: [`group:b`], `group:b`: [`group:a`]}}",
	  FRAME "/groups: groups[`group:b`]: `group:a`: group members cannot be recursive" },
	{ "nesting before members", "{`groups`: {`group:a`: [`x`], `group:0`: [`group:a@b`]}}",
	  FRAME "/groups: groups[`group:0`]: `group:a@b`: group members cannot be recursive" },
	{ "member without @", "{`groups`: {`group:a`: [`b@c`, `x `]}}",
	  FRAME "/groups: username must contain @, got: `x `" },
	{ "host name with @", "{`hosts`: {`a@b`: `1.2.3.4`}}",
	  FRAME "/hosts/a@b: invalid hostname: `a@b`" },
	{ "host name with colon", "{`hosts`: {`a:b`: `1.2.3.4`}}",
	  FRAME "/hosts/a:b: invalid hostname: `a:b`" },
	{ "host address", "{`hosts`: {`a`: `1.2.3.04`}}",
	  FRAME "/hosts/a: hostname contains invalid IP address: hostname `a` address `1.2.3.04`" },
	{ "host address null", "{`hosts`: {`a`: null}}",
	  FRAME "/hosts/a: hostname contains invalid IP address: hostname `a` address ``" },
	{ "host prefix with a zone", "{`hosts`: {`a`: `fe80::1%e/64`}}",
	  FRAME "/hosts/a: hostname contains invalid IP address: hostname `a` address "
		"`fe80::1%e/64`" },
	{ "tag key", "{`tagOwners`: {`server`: []}}",
	  FRAME "/tagOwners/server: tag must start with 'tag:', got: `server`" },
	{ "tag without a letter", "{`tagOwners`: {`tag:1`: []}}",
	  "tagOwners[`tag:1`]: tag names must start with a letter, after 'tag:'" },
	{ "Cyrillic tag", "{`tagOwners`: {`tag:\xd1\x81`: []}}",
	  "tagOwners[`tag:\xd1\x81`]: tag names must start with a letter, after 'tag:'" },
	{ "owner", "{`tagOwners`: {`tag:a`: [`autogroup:member`]}}",
	  FRAME "/tagOwners/tag:a/0: invalid owner format: `autogroup:member`" },
	{ "owner null", "{`tagOwners`: {`tag:a`: [null]}}",
	  FRAME "/tagOwners/tag:a/0: invalid owner format: ``" },
	{ "owner is not trimmed", "{`tagOwners`: {`tag:a`: [` tag:a`]}}",
	  FRAME "/tagOwners/tag:a/0: invalid owner format: ` tag:a`" },
	{ "approver", "{`autoApprovers`: {`exitNode`: [`*`]}}",
	  FRAME "/autoApprovers/exitNode/0: invalid auto approver format: `*`" },
	{ "route without length", "{`autoApprovers`: {`routes`: {`10.0.0.0`: []}}}",
	  FRAME "/autoApprovers/routes/10.0.0.0: netip.ParsePrefix(`10.0.0.0`): no '/'" },
	{ "route too long", "{`autoApprovers`: {`routes`: {`10.0.0.0/33`: []}}}",
	  FRAME "/autoApprovers/routes/10.0.0.0~133: netip.ParsePrefix(`10.0.0.0/33`): prefix "
		"length out of range" },
	{ "one route, two texts", "{`autoApprovers`: {`routes`: {`::/0`: [], `0::/0`: []}}}",
	  FRAME "/autoApprovers/routes: jsontext: duplicate object member name `::/0`" },
	{ "IP set name", "{`ipsets`: {`a`: []}}",
	  FRAME "/ipsets/a: IP set must start with 'ipset:', got: `a`" },
	{ "IP set without a name", "{`ipsets`: {`ipset:`: []}}",
	  FRAME "/ipsets/ipset:: IP set must start with 'ipset:', got: `ipset:`" },
	{ "IP set of numbers", "{`ipsets`: {`ipset:a`: [1]}}",
	  FRAME "json: cannot unmarshal JSON number into Go string within `/ipsets/ipset:a/0`" },
	{ "IP set of tags", "{`ipsets`: {`ipset:a`: [`add tag:b`]}}",
	  FRAME "/ipsets/ipset:a: `add tag:b`: only addresses, hosts, autogroup:internet and IP "
		"sets can be in an IP set" },
	{ "IP set with a bare line", "{`ipsets`: {`ipset:a`: [`1.2.3.4`, `remove 1.2.3.4`]}}",
	  FRAME "/ipsets/ipset:a: `1.2.3.4`: in a set with a `remove` each line needs a word" },
};

static struct row acls[] = {
	{ "action", ACL("`action`: `deny`"),
	  FRAME "/acls/0/action: action=`deny` is not supported: invalid ACL action" },
	{ "action null", ACL("`action`: null"),
	  FRAME "/acls/0/action: action=`null` is not supported: invalid ACL action" },
	{ "action is not unescaped", ACL("`action`: `acc\\u0065pt`"),
	  FRAME "/acls/0/action: action=`acc\\\\u0065pt` is not supported: invalid ACL action" },
	{ "proto *", ACL("`proto`: `*`"),
	  FRAME "/acls/0/proto: proto name `*` not known; use protocol number 0-255 or protocol "
		"name (icmp, tcp, udp, etc.)" },
	{ "proto 0", ACL("`proto`: 0"),
	  FRAME "/acls/0/proto: leading 0 not permitted in protocol number: `0`" },
	{ "proto 03", ACL("`proto`: `03`"),
	  FRAME "/acls/0/proto: leading 0 not permitted in protocol number: `03`" },
	{ "proto name", ACL("`proto`: `QUIC`"),
	  FRAME "/acls/0/proto: invalid protocol number: `quic` must be a known protocol name or "
		"valid protocol number 0-255" },
	{ "proto null", ACL("`proto`: null"),
	  FRAME "/acls/0/proto: invalid protocol number: `null` must be a known protocol name or "
		"valid protocol number 0-255" },
	{ "proto 256", ACL("`proto`: `256`"),
	  FRAME "/acls/0/proto: protocol number out of range (0-255): 256" },
	{ "proto -1", ACL("`proto`: -1"),
	  FRAME "/acls/0/proto: protocol number out of range (0-255): -1" },
	{ "alias", ACL("`src`: [`what:ever`]"),
	  FRAME "/acls/0/src/0: invalid alias format: `what:ever`" },
	{ "destination is a number", ACL("`dst`: [1]"),
	  FRAME "/acls/0/dst/0: type not supported: float64" },
	{ "destination is null", ACL("`dst`: [null]"),
	  FRAME "/acls/0/dst/0: type not supported: <nil>" },
	{ "destination is a boolean", ACL("`dst`: [true]"),
	  FRAME "/acls/0/dst/0: type not supported: bool" },
	{ "destination is a list", ACL("`dst`: [[]]"),
	  FRAME "/acls/0/dst/0: type not supported: []interface {}" },
	{ "destination is an object", ACL("`dst`: [{}]"),
	  FRAME "/acls/0/dst/0: type not supported: map[string]interface {}" },
	{ "no colon", ACL("`dst`: [`*`]"), FRAME "/acls/0/dst/0: hostport must contain a colon" },
	{ "colon first", ACL("`dst`: [`:22`]"),
	  FRAME "/acls/0/dst/0: input cannot start with a colon character" },
	{ "colon last", ACL("`dst`: [`host:`]"),
	  FRAME "/acls/0/dst/0: input cannot end with a colon character" },
	{ "bracket open", ACL("`dst`: [`[::1:22`]"), FRAME "/acls/0/dst/0: " BRACKETS },
	{ "brackets and no port", ACL("`dst`: [`[::1]22`]"), FRAME "/acls/0/dst/0: " BRACKETS },
	{ "brackets around IPv4", ACL("`dst`: [`[1.2.3.4]:22`]"),
	  FRAME "/acls/0/dst/0: " BRACKETS ": `1.2.3.4`" },
	{ "brackets around a prefix", ACL("`dst`: [`[::/64]:22`]"),
	  FRAME "/acls/0/dst/0: " BRACKETS ": `::/64`" },
	{ "self without ports", ACL("`dst`: [`autogroup:self`]"),
	  FRAME "/acls/0/dst/0: dst=`autogroup:self`: port range `self`: invalid first integer" },
	{ "port 0", ACL("`dst`: [`[::1]:0`]"),
	  FRAME
	  "/acls/0/dst/0: dst=`[::1]:0`: port range `0`: first port must be >0, or use '*' for "
	  "wildcard" },
	{ "port 65536", ACL("`dst`: [`h:65536`]"),
	  FRAME "/acls/0/dst/0: dst=`h:65536`: port range `65536`: port number out of range" },
	{ "open range", ACL("`dst`: [`h:80-`]"),
	  FRAME "/acls/0/dst/0: dst=`h:80-`: port range `80-`: invalid port range format" },
	{ "negative port", ACL("`dst`: [`h:-80`]"),
	  FRAME "/acls/0/dst/0: dst=`h:-80`: port range `-80`: invalid port range format" },
	{ "three ends", ACL("`dst`: [`h:1-2-3`]"),
	  FRAME "/acls/0/dst/0: dst=`h:1-2-3`: port range `1-2-3`: invalid port range format" },
	{ "inverted range", ACL("`dst`: [`h:22,90-80`]"),
	  FRAME "/acls/0/dst/0: dst=`h:22,90-80`: port range `22,90-80`: invalid port range: first "
		"port is greater than last port" },
	{ "empty piece", ACL("`dst`: [`h:80,`]"),
	  FRAME "/acls/0/dst/0: dst=`h:80,`: port range `80,`: invalid first integer" },
	{ "ports before the alias", ACL("`dst`: [`a:b:c`]"),
	  FRAME "/acls/0/dst/0: dst=`a:b:c`: port range `c`: invalid first integer" },
	{ "destination alias", ACL("`dst`: [`a:b:1`]"),
	  FRAME "/acls/0/dst/0: invalid alias format: `a:b`" },
	{ "destination is not trimmed", ACL("`dst`: [` tag:a:1`]"),
	  FRAME "/acls/0/dst/0: invalid alias format: ` tag:a`" },
	{ "destination tag without a letter", ACL("`dst`: [`tag:1:22`]"),
	  "tagOwners[`0`]: tag names must start with a letter, after 'tag:'" },
	{ "destination autogroup", ACL("`dst`: [`autogroup:admin:22`]"),
	  FRAME "/acls/0/dst/0: invalid autogroup: got `autogroup:admin`, " SIX },
	{ "ip is a number", GRANT("`ip`: [22]"),
	  FRAME "/grants/0/ip/0: type not supported: float64" },
	{ "ip is a word", GRANT("`ip`: [`icmp`]"),
	  FRAME "/grants/0/ip/0: port range `icmp`: invalid first integer" },
	{ "ip port 0", GRANT("`ip`: [`0`]"),
	  FRAME "/grants/0/ip/0: port range `0`: first port must be >0, or use '*' for wildcard" },
	{ "ip with two colons", GRANT("`ip`: [`tcp:1:2`]"),
	  FRAME "/grants/0/ip/0: expected only one colon in Internet protocol and port type, got: "
		"[tcp 1 2](3)" },
	{ "ip protocol in capitals", GRANT("`ip`: [`TCP:22`]"),
	  FRAME "/grants/0/ip/0: invalid protocol number: `TCP` must be a known protocol name or "
		"valid protocol number 0-255" },
	{ "ip protocol *", GRANT("`ip`: [`*:22`]"),
	  FRAME "/grants/0/ip/0: proto name `*` not known; use protocol number 0-255 or protocol "
		"name (icmp, tcp, udp, etc.)" },
	{ "ip protocol 06", GRANT("`ip`: [`06:22`]"),
	  FRAME "/grants/0/ip/0: leading 0 not permitted in protocol number: `06`" },
	{ "ip protocol 256", GRANT("`ip`: [`256:*`]"),
	  FRAME "/grants/0/ip/0: protocol number out of range (0-255): 256" },
	{ "ip protocol 06", GRANT("`ip`: [`06:1`]"),
	  FRAME "/grants/0/ip/0: leading 0 not permitted in protocol number: `06`" },
	{ "via a user", GRANT("`via`: [`a@b`]"), "via can only be a tag" },
	{ "via null", GRANT("`via`: [null]"), "via can only be a tag" },
	{ "via a number", GRANT("`via`: [1]"), "via can only be a tag" },
	{ "via without a letter", GRANT("`via`: [`tag:1`]"), "via can only be a tag" },
	{ "via invalid UTF-8", GRANT("`via`: [`tag:a\xff`]"), "via can only be a tag" },
	{ "app value", GRANT("`app`: {`a/b`: {}}"),
	  FRAME "json: cannot unmarshal JSON object into Go []tailcfg.RawMessage within "
		"`/grants/0/app/a~1b`" },
	{ "ipPool", "{`nodeAttrs`: [{`ipPool`: [`100.64.0.1`]}]}",
	  FRAME "/nodeAttrs/0/ipPool/0: netip.ParsePrefix(`100.64.0.1`): no '/'" },
};

static struct row ssh[] = {
	{ "action", SSH("`action`: `Accept `"),
	  FRAME "/ssh/0/action: `Accept` is not a valid action" },
	{ "action null", SSH("`action`: null"),
	  FRAME "/ssh/0/action: `null` is not a valid action" },
	{ "host source", SSH("`src`: [`h`]"),
	  FRAME "/ssh/0/src/0: alias not supported for SSH source: *v2.Host" },
	{ "prefix source", SSH("`src`: [`::1`]"),
	  FRAME "/ssh/0/src/0: alias not supported for SSH source: *v2.Prefix" },
	{ "wildcard source", SSH("`src`: [`*`]"),
	  FRAME "/ssh/0/src/0: alias not supported for SSH source: v2.Asterix" },
	{ "null source", SSH("`src`: [null]"),
	  FRAME "/ssh/0/src/0: alias not supported for SSH source: *v2.Host" },
	{ "IP set source", SSH("`src`: [`ipset:a`]"),
	  FRAME "/ssh/0/src/0: alias not supported for SSH source: an IP set" },
	{ "group destination", SSH("`dst`: [`group:g`]"),
	  FRAME "/ssh/0/dst/0: alias not supported for SSH destination: *v2.Group" },
	{ "prefix destination", SSH("`dst`: [`10.0.0.0/8`]"),
	  FRAME "/ssh/0/dst/0: alias not supported for SSH destination: *v2.Prefix" },
	{ "wildcard destination", SSH("`dst`: [`*`]"),
	  FRAME "/ssh/0/dst/0: wildcard (*) is not supported as SSH destination; use "
		"'autogroup:member' for user-owned devices, 'autogroup:tagged' for tagged devices, "
		"or specific tags/users" },
	{ "invalid period", SSH("`checkPeriod`: `abc`"),
	  FRAME "/ssh/0/checkPeriod: time: invalid duration `abc`" },
	{ "period without a unit", SSH("`checkPeriod`: 5"),
	  FRAME "/ssh/0/checkPeriod: time: missing unit in duration `5`" },
	{ "period with another unit", SSH("`checkPeriod`: `5d`"),
	  FRAME "/ssh/0/checkPeriod: time: unknown unit `d` in duration `5d`" },
};

static void first_place(void **state)
{
	static const char text[] =
		"{\n  // why\n  \"acls\": [{\"src\": [\"*\"], \"dst\": [\"x\"]}]}";
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	(void)state;
	assert_err(fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc), FL_ERR_INVALID);
	assert_int_equal(report.len, 1);
	assert_int_equal(report.at[0].at, strstr(text, "\"x\"") - text);
	fl_policy_report_done(&report);
}

static void surrogate(void **state)
{
	static const char text[] = "{\"hosts\": {\"a\\ud83d\\ude00\\\\ud800\\ud800x\": \"::\"}}";
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	(void)state;
	assert_err(fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc), FL_ERR_INVALID);
	assert_int_equal(report.len, 1);
	assert_string_equal(report.at[0].text,
			    FRAME "jsontext: invalid escape sequence `\\ud800` in string within "
				  "\"/hosts\"");
	fl_policy_report_done(&report);
}

/* ---- V ---- */

static struct row rules[] = {
	{ "undefined host", ACL("`src`: [`h`]"), "host not defined in policy: `h`" },
	{ "empty source", ACL("`src`: [` `]"), "host not defined in policy: ``" },
	{ "null source", ACL("`src`: [null]"), "host not defined in policy: ``" },
	{ "undefined destination host", ACL("`dst`: [`h:*`]"), "host not defined in policy: `h`" },
	{ "undefined group", ACL("`src`: [`group:a`]"), "group not defined in policy: `group:a`" },
	{ "undefined destination group", GRANT("`ip`: [`*`], `dst`: [`group:a`]"),
	  "group not defined in policy: `group:a`" },
	{ "undefined tag as source", ACL("`src`: [`tag:a`]"), "src=tag not found: `tag:a`" },
	{ "undefined tag as ACL destination", ACL("`dst`: [`tag:a:22`]"),
	  "dst=`tag:a`: tag not found: `tag:a`" },
	{ "undefined tag as grant destination", GRANT("`ip`: [`*`], `dst`: [`tag:a`]"),
	  "tag not found: `tag:a`" },
	{ "undefined via", GRANT("`ip`: [`*`], `via`: [`tag:a`]"), "tag `tag:a` not found" },
	{ "undefined IP set", ACL("`src`: [`ipset:a`]"),
	  "IP set not defined in policy: `ipset:a`" },
	{ "undefined destination IP set", GRANT("`ip`: [`*`], `dst`: [`ipset:a`]"),
	  "IP set not defined in policy: `ipset:a`" },
	{ "internet as source", ACL("`src`: [`autogroup:internet`]"),
	  "autogroup:internet can only be used in ACL destinations" },
	{ "self as source", ACL("`src`: [`autogroup:self`]"),
	  "`autogroup:self` not valid on the src side of a rule" },
	{ "nonroot as source", ACL("`src`: [`autogroup:nonroot`]"),
	  "autogroup not supported for ACL sources: `autogroup:nonroot`, " CAN_SRC },
	{ "unknown autogroup as source", GRANT("`ip`: [`*`], `src`: [`autogroup:x`]"),
	  "autogroup not supported for ACL sources: `autogroup:x`, " CAN_SRC },
	{ "danger-all as destination", ACL("`dst`: [`autogroup:danger-all:*`]"),
	  "cannot use autogroup:danger-all as a dst" },
	{ "nonroot as destination", ACL("`dst`: [`autogroup:nonroot:*`]"),
	  "autogroup not supported for ACL destinations: `autogroup:nonroot`, " CAN_DST },
	{ "admin as grant destination", GRANT("`ip`: [`*`], `dst`: [`autogroup:admin`]"),
	  "autogroup not supported for ACL destinations: `autogroup:admin`, " CAN_DST },
	{ "ports of icmp", ACL("`proto`: `icmp`, `dst`: [`*:*`, `*:1`, `*:2`]"),
	  "protocol does not support specific ports: `icmp`, only `*` is allowed" },
	{ "ports of 4", ACL("`proto`: 4, `dst`: [`*:1`]"),
	  "protocol does not support specific ports: `ipv4`, only `*` is allowed" },
	{ "ports of 200", ACL("`proto`: 200, `dst`: [`*:1`]"),
	  "protocol does not support specific ports: `200`, only `*` is allowed" },
	{ "self with an address", ACL("`src`: [`a@b`, `::1`, `::2`], `dst`: [`autogroup:self:*`]"),
	  SELF },
	{ "self before another destination",
	  ACL("`src`: [`::1`], `dst`: [`autogroup:self:*`, `*:1`]"), SELF },
	{ "self with danger-all",
	  ACL("`src`: [`autogroup:danger-all`], `dst`: [`autogroup:self:*`]"), SELF },
	{ "self with * in a grant", GRANT("`ip`: [`*`], `src`: [`*`], `dst`: [`autogroup:self`]"),
	  SELF },
	{ "domain of others", ACL("`src`: [`user:*@x.org`]"), OWN_DOMAIN },
	{ "domain of others in a group", "{`groups`: {`group:a`: [`user:*@X.org`, `u@x.org`]}}",
	  "X.org is not associated with this Tailnet and cannot be used in user:*@<domain> "
	  "expressions" },
	{ "domain of others in a grant", GRANT("`ip`: [`*`], `src`: [`user:*@x.org`]"),
	  OWN_DOMAIN },
	{ "neither ip nor app", GRANT("`ip`: [], `app`: {}"), "ip and app can not both be empty" },
	{ "null grant", "{`grants`: [null]}", "ip and app can not both be empty" },
	{ "capability with a scheme", GRANT("`app`: {`https://a/b`: []}"),
	  "capability name must have the form {domain}/{path}" },
	{ "capability of others", GRANT("`app`: {`tailscale.com/cap/driver`: []}"),
	  "capability name must not be in the tailscale.com domain" },
	{ "capability drive-sharer", GRANT("`app`: {`tailscale.com/cap/drive-sharer`: []}"),
	  "capability name must not be in the tailscale.com domain" },
	{ "capability relay-target", GRANT("`app`: {`tailscale.com/cap/relay-target`: []}"),
	  "capability name must not be in the tailscale.com domain" },
	{ "capability ingress", GRANT("`app`: {`tailscale.com/cap/ingress`: []}"),
	  "capability name must not be in the tailscale.com domain" },
	{ "capability funnel", GRANT("`app`: {`tailscale.com/cap/funnel`: []}"),
	  "capability name must not be in the tailscale.com domain" },
	{ "capability beside cap/", GRANT("`app`: {`tailscale.com/drive`: []}"),
	  "capability name must not be in the tailscale.com domain" },
	{ "app to the internet", GRANT("`app`: {`a/b`: []}, `dst`: [`autogroup:internet`]"),
	  "cannot use app grants with autogroup:internet" },
	{ "default route", GRANT("`ip`: [`*`], `dst`: [`1.2.3.4/0`, `::/0`]"),
	  "dst `1.2.3.4/0`: to allow all IP addresses, use `*` or `autogroup:internet`" },
	{ "default route of IPv6", GRANT("`ip`: [`*`], `dst`: [`::/0`]"),
	  "dst `::/0`: to allow all IP addresses, use `*` or `autogroup:internet`" },
	{ "owner group", "{`tagOwners`: {`tag:a`: [`group:g`]}}",
	  "group not defined in policy: `group:g`" },
	{ "owner tag", "{`tagOwners`: {`tag:a`: [`tag:b`]}}",
	  "multiple errors:\n\ttag not found: `tag:b`\n\ttag `tag:a` references undefined tag "
	  "`tag:b`" },
	{ "approvers",
	  "{`autoApprovers`: {`exitNode`: [`tag:x`], `routes`: {`::/0`: [`group:g`]}}}",
	  "multiple errors:\n\tgroup not defined in policy: `group:g`\n\ttag not found: `tag:x`" },
	{ "all, in order",
	  "{`sshTests`: [{}], `tests`: [{}], `tagOwners`: {`tag:a`: [`group:o`]}, `nodeAttrs`: "
	  "[{`target`: [`h4`]}], `grants`: [{`src`: [`h3`]}], `ssh`: [{`users`: [`u`]}], `acls`: "
	  "[{`src`: [`h1`], `dst`: [`h2:1`]}]}",
	  "multiple errors:\n\thost not defined in policy: `h1`\n\thost not defined in policy: "
	  "`h2`\n\taction must be specified\n\tip and app can not both be empty\n\thost not "
	  "defined "
	  "in policy: `h3`\n\thost not defined in policy: `h4`\n\tgroup not defined in policy: "
	  "`group:o`\n\ttest(s) failed:\ntest 0: test entry must have at least one of `accept` or "
	  "`deny`\n\ttest(s) failed:\nmultiple errors:\n\tsshTest 0: SSH tests entry must have a "
	  "non-empty src\n\tsshTest 0: SSH tests entry must have at least one dst" },
	{ "IP set inside itself", "{`ipsets`: {`ipset:a`: [`ipset:b`], `ipset:b`: [`ipset:a`]}}",
	  "IP set `ipset:a` contains itself" },
	{ "unknown in an IP set", "{`ipsets`: {`ipset:a`: [`add ipset:b`, `add h`]}}",
	  "multiple errors:\n\tIP set not defined in policy: `ipset:b`\n\thost not defined in "
	  "policy: `h`" },
};

static struct row attrs[] = {
	{ "host", "{`nodeAttrs`: [{`target`: [`%bogus%`]}]}",
	  "host not defined in policy: `%bogus%`" },
	{ "group", "{`nodeAttrs`: [{`target`: [`group:x`]}]}",
	  "group not defined in policy: `group:x`" },
	{ "tag", "{`nodeAttrs`: [{`target`: [`tag:x`]}]}", "tag not found: `tag:x`" },
	{ "autogroup", "{`nodeAttrs`: [{`target`: [`autogroup:self`]}]}",
	  "nodeAttrs target does not support this autogroup: `autogroup:self`, can be "
	  "[autogroup:member autogroup:tagged]" },
	{ "IP set", "{`nodeAttrs`: [{`target`: [`ipset:x`]}]}",
	  "nodeAttrs target does not support IP sets: `ipset:x`" },
	{ "domain of others", "{`nodeAttrs`: [{`target`: [`user:*@x.org`]}]}", OWN_DOMAIN },
	{ "pool outside", "{`nodeAttrs`: [{`ipPool`: [`10.0.0.0/8`]}]}",
	  POOL "be within 100.64.0.0/10: `10.0.0.0/8`" },
	{ "pool too wide", "{`nodeAttrs`: [{`ipPool`: [`100.64.0.0/9`]}]}",
	  POOL "be within 100.64.0.0/10: `100.64.0.0/9`" },
	{ "pool of IPv6", "{`nodeAttrs`: [{`ipPool`: [`fd7a:115c:a1e0::/64`]}]}",
	  POOL "be within 100.64.0.0/10: `fd7a:115c:a1e0::/64`" },
	{ "pool inside reserved", "{`nodeAttrs`: [{`ipPool`: [`100.100.100.8/30`]}]}",
	  POOL "not overlap reserved Tailscale ranges: `100.100.100.8/30` overlaps "
	       "`100.100.100.0/24`" },
	{ "pool around reserved", "{`nodeAttrs`: [{`ipPool`: [`100.112.0.0/12`]}]}",
	  POOL "not overlap reserved Tailscale ranges: `100.112.0.0/12` overlaps "
	       "`100.115.92.0/23`" },
};

#define RULE(x)  SSH("`action`: `accept`, `users`: [`u`], " x)
#define CHECK(x) SSH("`action`: `check`, `users`: [`u`], `checkPeriod`: `" x "`")

static struct row ssh_rules[] = {
	{ "nothing", SSH(""),
	  "multiple errors:\n\taction must be specified\n\tusers must be specified" },
	{ "null", "{`ssh`: [null]}",
	  "multiple errors:\n\taction must be specified\n\tusers must be specified" },
	{ "blank action", SSH("`action`: ` `, `users`: [`u`]"), "action must be specified" },
	{ "no users", SSH("`action`: `accept`, `users`: null"), "users must be specified" },
	{ "bad users", SSH("`action`: `accept`, `users`: [` `, `*`, `u`, null]"),
	  "multiple errors:\n\tuser `` is not valid\n\tuser `*` is not valid\n\tuser `` is not "
	  "valid" },
	{ "localpart of others", SSH("`action`: `accept`, `users`: [`localpart:*@x.org`]"),
	  OWN_DOMAIN },
	{ "empty acceptEnv", RULE("`acceptEnv`: [`A`, ``]"), "acceptEnv values cannot be empty" },
	{ "source group", RULE("`src`: [`group:x`]"), "group not defined in policy: `group:x`" },
	{ "source tag", RULE("`src`: [`tag:x`]"), "tag not found: `tag:x`" },
	{ "source internet", RULE("`src`: [`autogroup:internet`]"),
	  "autogroup:internet can only be used in ACL destinations" },
	{ "source self", RULE("`src`: [`autogroup:self`]"),
	  "autogroup not supported for SSH sources: `autogroup:self`, can be [autogroup:member "
	  "autogroup:tagged]" },
	{ "source domain", RULE("`src`: [`user:*@x.org`]"), "[ssh] " OWN_DOMAIN },
	{ "destination host", RULE("`dst`: [`h`]"), "invalid dst `h`" },
	{ "destination tag", RULE("`dst`: [`tag:x`]"), "tag not found: `tag:x`" },
	{ "destination internet", RULE("`dst`: [`autogroup:internet`]"),
	  "autogroup:internet can only be used in ACL destinations" },
	{ "destination danger-all", RULE("`dst`: [`autogroup:danger-all`]"),
	  "autogroup not supported for SSH destinations: `autogroup:danger-all`, can be "
	  "[autogroup:member autogroup:tagged autogroup:self]" },
	{ "tag to a user", RULE("`src`: [`u@e`, `tag:t`], `dst`: [`u@e`, `autogroup:self`]"),
	  "tags in SSH source cannot access user-owned devices (u@e); use autogroup:tagged or "
	  "specific tags as destinations instead" },
	{ "another to a user", RULE("`src`: [`u@e`, `group:g`], `dst`: [`u@e`]"),
	  "user destination requires source to contain only that same user `u@e`; use "
	  "autogroup:self instead for same-user SSH access" },
	{ "member to a user", RULE("`src`: [`autogroup:member`], `dst`: [`u@e`]"),
	  "user destination requires source to contain only that same user `u@e`; use "
	  "autogroup:self instead for same-user SSH access" },
	{ "tagged to self", RULE("`src`: [`autogroup:tagged`], `dst`: [`tag:t`, `autogroup:self`]"),
	  "autogroup:self destination requires source to contain only users or groups, not tags or "
	  "autogroup:tagged" },
	{ "tag to member", RULE("`src`: [`tag:t`], `dst`: [`autogroup:member`]"),
	  "tags in SSH source cannot access autogroup:member (user-owned devices)" },
	{ "period of accept", RULE("`checkPeriod`: `always`"),
	  "checkPeriod is only valid with action `check`" },
	{ "negative period", CHECK("-1m"), "checkPeriod -1m0s must be a positive duration" },
	{ "long period", CHECK("168h1s"), "checkPeriod 168h0m1s is above the max (168h)" },
};

#define FAILED "test(s) failed:\n"

static struct row tests[] = {
	{ "null", TESTS("null"),
	  FAILED "test 0: test entry must have at least one of `accept` or `deny`" },
	{ "protocol", TESTS("{`proto`: `ICMP`, `accept`: [`*:1`]}"),
	  FAILED "test 0: test protocol must be tcp, udp, sctp, or empty: `icmp`" },
	{ "all of it", TESTS("{`accept`: [`h`]}, {`deny`: [`h:x`], `accept`: [`h:1`, `tag:1:1`]}"),
	  FAILED
	  "multiple errors:\n\ttest 0, accept `h`: hostport must contain a colon\n\ttest 1, "
	  "accept `tag:1:1`: tag names must start with a letter, after 'tag:'\n\ttest 1, deny "
	  "`h:x`: dst=`h:x`: port range `x`: invalid first integer" },
	{ "internet", TESTS("{`accept`: [`autogroup:internet:*`]}"),
	  FAILED "test 0, accept `autogroup:internet:*`: autogroup:internet not valid as a test "
		 "destination" },
	{ "port range", TESTS("{`accept`: [`h:1-2`]}"),
	  FAILED "test 0, accept `h:1-2`: test destination port must be a single port" },
	{ "port list", TESTS("{`accept`: [`h:1,1`]}"),
	  FAILED "test 0, accept `h:1,1`: test destination port must be a single port" },
	{ "every port", TESTS("{`deny`: [`h:*`]}"),
	  FAILED "test 0, deny `h:*`: test destination port must be a single port" },
	{ "prefix of one address", TESTS("{`deny`: [`1.2.3.4/32:1`]}"),
	  FAILED "test 0, deny `1.2.3.4/32:1`: test destination must be a single host, not a CIDR "
		 "range" },
	{ "wide host", TESTS("{`deny`: [`net:1`]}"),
	  FAILED "test 0, deny `net:1`: test destination must be a single host, not a CIDR range" },
	{ "SSH, no source", SSH_TESTS("{`src`: ``, `dst`: [`h`]}"),
	  FAILED "sshTest 0: SSH tests entry must have a non-empty src" },
	{ "SSH, no destination", SSH_TESTS("{`src`: `a@b`}"),
	  FAILED "sshTest 0: SSH tests entry must have at least one dst" },
	{ "SSH, unknown tag", SSH_TESTS("{`src`: `a@b`, `dst`: [` tag:server:22`]}"),
	  FAILED "sshTest 0: SSH tests dst contains unknown tag `tag:server:22`" },
	{ "SSH, elements",
	  SSH_TESTS(
		  "{`src`: `a@b`, `dst`: [`10.0.0.0/8`, `autogroup:internet`, `net`, `::1/128`]}"),
	  FAILED
	  "multiple errors:\n\tsshTest 0: SSH tests dst contains disallowed element "
	  "`10.0.0.0/8`\n\tsshTest 0: SSH tests dst contains disallowed element "
	  "`autogroup:internet`\n\tsshTest 0: SSH tests dst contains disallowed element `net`" },
	{ "SSH, source", SSH_TESTS("{`src`: `a:b`}"),
	  FRAME "/sshTests/0/src: invalid alias format: `a:b`" },
	{ "test source is a string", TESTS("{`src`: []}"),
	  FRAME "json: cannot unmarshal JSON array into Go string within `/tests/0/src`" },
	{ "protocol is judged early", TESTS("{`proto`: `x`}"),
	  FRAME
	  "/tests/0/proto: invalid protocol number: `x` must be a known protocol name or valid "
	  "protocol number 0-255" },
};

static void place_in_a_test(void **state)
{
	static const char text[] = "{\"tests\": [{\"accept\": [\"*:1\", \"x\"]}]}";
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;

	(void)state;
	assert_err(fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc), FL_ERR_INVALID);
	assert_int_equal(report.len, 1);
	assert_int_equal(report.at[0].at, strstr(text, "\"x\"") - text);
	fl_policy_report_done(&report);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, syntax, refused_row);
	ROWS(&s, shape, refused_row);
	ROWS(&s, names, refused_row);
	ROWS(&s, acls, refused_row);
	ROWS(&s, ssh, refused_row);
	suite_add(&s, "the place of a problem", first_place, NULL);
	suite_add(&s, "unpaired surrogate", surrogate, NULL);
	ROWS(&s, rules, refused_row);
	ROWS(&s, attrs, refused_row);
	ROWS(&s, ssh_rules, refused_row);
	ROWS(&s, tests, refused_row);
	suite_add(&s, "the place of a test's problem", place_in_a_test, NULL);
	suite_add(&s, "every text of the catalogue", all_met, NULL);
	return suite_run(&s, "domain/policy_read");
}
