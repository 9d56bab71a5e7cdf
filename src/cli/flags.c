/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/flags.c - the flags of each command, named as in headscale and derper where they exist. */
#include "cli/flags.h"

#define SWITCH(n, b, h)                                                                            \
	{                                                                                          \
		.name = n, .brief = b, .kind = FL_FLAG_SWITCH, .help = h                           \
	}
#define TEXT(n, b, v, h)                                                                           \
	{                                                                                          \
		.name = n, .brief = b, .kind = FL_FLAG_TEXT, .value = v, .help = h                 \
	}
#define FILENAME(n, b, h)                                                                          \
	{                                                                                          \
		.name = n, .brief = b, .kind = FL_FLAG_TEXT, .value = "FILE",                      \
		.names = FL_NAMES_FILE, .help = h                                                  \
	}
#define PICK(n, other, b, v, what, h)                                                              \
	{                                                                                          \
		.name = n, .also = other, .brief = b, .kind = FL_FLAG_TEXT, .value = v,            \
		.names = what, .help = h                                                           \
	}
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}

const struct fl_flag fl_flags_global[] = {
	FILENAME("config", 'c', "settings; else $FAIRLEAD_CONFIG, ./config.yaml, ..."),
	{ .name = "output",
	  .brief = 'o',
	  .kind = FL_FLAG_CHOICE,
	  .value = "FORMAT",
	  .choices = "table wide json json-line yaml csv name",
	  .help = "table, wide, json, json-line, yaml, csv or name" },
	FILENAME("socket", 0, "Unix socket of the server, in place of the settings'"),
	{ .name = "force",
	  .also = "yes",
	  .brief = 0,
	  .kind = FL_FLAG_SWITCH,
	  .help = "do not ask before destroying (also --yes)" },
	{ .name = "columns",
	  .kind = FL_FLAG_TEXT,
	  .value = "A,B",
	  .names = FL_NAMES_COLUMN,
	  .help = "only these columns, in this order (-o json too)" },
	{ .name = "sort",
	  .kind = FL_FLAG_TEXT,
	  .value = "A,B",
	  .names = FL_NAMES_COLUMN,
	  .help = "rows by these columns; -A: downwards" },
	SWITCH("utc", 0, "times of tables in UTC"),
	SWITCH("no-headers", 0, "no heading above tables"),
	SWITCH("quiet", 'q', "say nothing when all went well"),
	SWITCH("version", 'V', "print the version"),
	SWITCH("help", 'h', "help for the program or the command"),
	END,
};

/* ---- users ---- */

const struct fl_flag fl_flags_user_create[] = {
	TEXT("display-name", 'd', "TEXT", "name that people see"),
	TEXT("email", 'e', "ADDRESS", "e-mail address"),
	TEXT("picture-url", 'p', "URL", "profile picture"),
	END,
};

const struct fl_flag fl_flags_user_pick[] = {
	PICK("identifier", "id", 'i', "ID", FL_NAMES_USER, "the user, in place of the argument"),
	PICK("name", NULL, 'n', "NAME", FL_NAMES_USER, "the same, by name only"),
	END,
};

const struct fl_flag fl_flags_user_list[] = {
	TEXT("identifier", 'i', "ID", "only this id"),
	PICK("name", NULL, 'n', "NAME", FL_NAMES_USER, "only this name"),
	TEXT("email", 'e', "ADDRESS", "only this e-mail address"),
	END,
};

const struct fl_flag fl_flags_user_rename[] = {
	PICK("identifier", "id", 'i', "ID", FL_NAMES_USER, "the user, in place of the argument"),
	PICK("name", NULL, 'n', "NAME", FL_NAMES_USER, "the same, by name only"),
	TEXT("new-name", 'r', "NAME", "the new name, in place of the argument"),
	END,
};

/* ---- nodes ---- */

#define NODE                                                                                       \
	PICK("identifier", "id node", 'i', "NODE", FL_NAMES_NODE,                                  \
	     "id, name, MagicDNS name or address of the node")

#define FILTER                                                                                     \
	TEXT("filter", 0, "'K=V ...'", "those with tag=, user=, online= or ephemeral=true|false")

const struct fl_flag fl_flags_node_list[] = {
	FILTER,
	PICK("user", NULL, 'u', "USER", FL_NAMES_USER,
	     "only nodes of this user (id, name, e-mail)"),
	END,
};

const struct fl_flag fl_flags_node_pick[] = { NODE, END };
const struct fl_flag fl_flags_node_ask[] = {
	NODE,
	{ .name = "wait",
	  .also = "timeout",
	  .brief = 'w',
	  .kind = FL_FLAG_DURATION,
	  .value = "DURATION",
	  .fallback = "5s",
	  .help = "how long for an answer of the node, at most 30s" },
	END,
};
const struct fl_flag fl_flags_node_delete[] = { NODE, FILTER, END };

const struct fl_flag fl_flags_node_register[] = {
	PICK("user", NULL, 'u', "USER", FL_NAMES_USER, "owner (id, name or e-mail); required"),
	PICK("key", "auth-id", 'k', "ID", FL_NAMES_PENDING, "the id that the client's page shows"),
	END,
};

const struct fl_flag fl_flags_node_expire[] = {
	NODE,
	FILTER,
	{ .name = "expiry",
	  .also = "at in expiration",
	  .brief = 'e',
	  .kind = FL_FLAG_TEXT,
	  .value = "TIME",
	  .help = "when: RFC 3339, or from now: 30d; default now" },
	{ .name = "disable",
	  .also = "never",
	  .brief = 'd',
	  .kind = FL_FLAG_SWITCH,
	  .help = "the node never expires (also --never)" },
	END,
};

const struct fl_flag fl_flags_node_tag[] = {
	NODE,
	FILTER,
	{ .name = "tags",
	  .also = "tag",
	  .brief = 't',
	  .kind = FL_FLAG_LIST,
	  .value = "tag:A,tag:B",
	  .names = FL_NAMES_TAG,
	  .help = "the tags, in place of arguments" },
	END,
};

const struct fl_flag fl_flags_node_routes[] = {
	NODE,
	{ .name = "routes",
	  .also = "route",
	  .brief = 'r',
	  .kind = FL_FLAG_LIST,
	  .value = "A,B",
	  .names = FL_NAMES_ROUTE,
	  .help = "all prefixes to approve; \"\" withdraws all" },
	END,
};

const struct fl_flag fl_flags_route_approve[] = {
	SWITCH("only", 0, "withdraw the node's other routes"),
	END,
};

/* ---- keys ---- */

const struct fl_flag fl_flags_preauth_create[] = {
	PICK("user", NULL, 'u', "USER", FL_NAMES_USER, "owner of the nodes (id, name or e-mail)"),
	SWITCH("reusable", 0, "for more than one node"),
	SWITCH("ephemeral", 0, "its nodes are deleted when they go offline"),
	{ .name = "expiration",
	  .also = "expires",
	  .brief = 'e',
	  .kind = FL_FLAG_DURATION,
	  .fallback = "1h",
	  .help = "how long it can be used" },
	{ .name = "tags",
	  .also = "tag acl-tags",
	  .brief = 't',
	  .kind = FL_FLAG_LIST,
	  .value = "tag:A,tag:B",
	  .names = FL_NAMES_TAG,
	  .help = "its nodes carry these tags" },
	END,
};

const struct fl_flag fl_flags_preauth_pick[] = {
	PICK("id", "identifier", 'i', "ID", FL_NAMES_PREAUTH, "the key, in place of the argument"),
	END,
};

const struct fl_flag fl_flags_apikey_create[] = {
	{ .name = "expiration",
	  .also = "expires",
	  .brief = 'e',
	  .kind = FL_FLAG_DURATION,
	  .fallback = "90d",
	  .help = "how long it can be used" },
	END,
};

const struct fl_flag fl_flags_apikey_pick[] = {
	PICK("id", "identifier", 'i', "ID", FL_NAMES_NONE, "the key's number"),
	PICK("prefix", NULL, 'p', "PREFIX", FL_NAMES_APIKEY, "the key's prefix, bare or as listed"),
	END,
};

/* ---- logins ---- */

const struct fl_flag fl_flags_auth_register[] = {
	PICK("user", NULL, 'u', "USER", FL_NAMES_USER, "owner (id, name or e-mail); required"),
	PICK("auth-id", "key", 0, "ID", FL_NAMES_PENDING, "the id, in place of the argument"),
	END,
};

const struct fl_flag fl_flags_auth_pick[] = {
	PICK("auth-id", NULL, 0, "ID", FL_NAMES_PENDING, "the id, in place of the argument"),
	END,
};

/* ---- debug ---- */

const struct fl_flag fl_flags_debug[] = {
	{ .name = "limit",
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .fallback = "100",
	  .help = "at most so many" },
	END,
};

/* ---- policies ---- */

const struct fl_flag fl_flags_policy_check[] = {
	FILENAME("file", 'f', "the policy, in place of the argument"),
	END,
};

const struct fl_flag fl_flags_policy_fmt[] = {
	FILENAME("file", 'f', "the policy, in place of the argument"),
	SWITCH("write", 'w', "write it back to the file"),
	SWITCH("check", 0, "write nothing; exit with 8 if it is laid out otherwise"),
	END,
};

#define COMMENT TEXT("comment", 'm', "TEXT", "what the history says about it")
#define AS_OF   FILENAME("as-of", 0, "answer as if this policy were in force (-: standard input)")
#define PROTO                                                                                      \
	TEXT("proto", 0, "NAME", "udp, sctp, icmp, ... or a number; else tcp, without a port any")
#define PORT TEXT("port", 'p', "N", "the port, in place of :PORT")

const struct fl_flag fl_flags_policy_get[] = {
	{ .name = "revision",
	  .also = "rev",
	  .brief = 'r',
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .names = FL_NAMES_REVISION,
	  .help = "one of the history, not that in force" },
	END,
};

const struct fl_flag fl_flags_policy_set[] = {
	FILENAME("file", 'f', "the policy, in place of the argument"),
	SWITCH("dry-run", 'n', "only show what would change"),
	COMMENT,
	END,
};

const struct fl_flag fl_flags_policy_edit[] = { COMMENT, END };

const struct fl_flag fl_flags_policy_why[] = { PORT, PROTO, AS_OF, END };
const struct fl_flag fl_flags_policy_can[] = { AS_OF, END };

/* ---- the program ---- */

const struct fl_flag fl_flags_help[] = {
	SWITCH("man", 0, "the manual page of all commands, for man"),
	END,
};

/* ---- services ---- */

const struct fl_flag fl_flags_serve[] = {
	{ .name = "quickstart",
	  .kind = FL_FLAG_TEXT,
	  .value = "DIR",
	  .names = FL_NAMES_FILE,
	  .help = "embedded defaults, all data in DIR, a user and a key" },
	END,
};

const struct fl_flag fl_flags_relay[] = {
	{ .name = "listen",
	  .also = "a",
	  .brief = 'a',
	  .kind = FL_FLAG_TEXT,
	  .value = "HOST:PORT",
	  .fallback = ":443",
	  .help = "relay and probes" },
	{ .name = "hostname",
	  .kind = FL_FLAG_TEXT,
	  .value = "NAME",
	  .fallback = "127.0.0.1",
	  .help = "name or address that clients use" },
	{ .name = "stun-port",
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .fallback = "3478",
	  .help = "UDP port of STUN, -1 for none" },
	{ .name = "http-port",
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .fallback = "-1",
	  .help = "plain HTTP for portal checks, -1 for none" },
	SWITCH("stun-any", 0, "answer any STUN client, few times a second each"),
	{ .name = "stun", .kind = FL_FLAG_SWITCH, .fallback = "true", .help = "answer STUN" },
	{ .name = "derp", .kind = FL_FLAG_SWITCH, .fallback = "true", .help = "relay" },
	{ .name = "certdir",
	  .kind = FL_FLAG_TEXT,
	  .value = "DIR",
	  .names = FL_NAMES_FILE,
	  .help = "NAME.crt and NAME.key; made if missing" },
	{ .name = "key",
	  .also = "c",
	  .brief = 'c',
	  .kind = FL_FLAG_TEXT,
	  .value = "FILE",
	  .names = FL_NAMES_FILE,
	  .help = "private key; made if missing" },
	SWITCH("dev", 0, "plain HTTP on :3340, a new key each time"),
	TEXT("verify-client-url", 0, "URL", "ask here whether a client may use the relay"),
	SWITCH("verify-client-url-fail-open", 0, "admit while it cannot be reached"),
	FILENAME("allow-keys", 0, "node keys that may use the relay, one a line"),
	FILENAME("rate-config", 0, "JSON with the receive limit per client"),
	TEXT("metrics", 0, "HOST:PORT", "Prometheus counters on this address"),
	{ .name = "accept-connection-limit",
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .help = "new connections a second" },
	{ .name = "accept-connection-burst",
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .help = "and at once" },
	{ .name = "advise-rate",
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .help = "bytes a second that clients are asked to keep to" },
	{ .name = "advise-burst", .kind = FL_FLAG_NUMBER, .value = "N", .help = "and at once" },
	{ .name = "tcp-write-timeout",
	  .kind = FL_FLAG_DURATION,
	  .fallback = "2s",
	  .help = "for clients that take nothing; 0: none" },
	{ .name = "region-id",
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .fallback = "900",
	  .help = "for the map that is printed" },
	END,
};
