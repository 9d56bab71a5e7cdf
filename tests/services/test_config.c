/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_config.c - settings: every type, errors with their place, overrides. */
#include "config_kit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "services/config/config.h"
#include "services/config/keys.h"

/* ---- good values: the key's line in the dump ---- */

static struct good goods[] = {
	{ "a string", "server_url: https://vpn.example.com\ntls_cert_path: /c\ntls_key_path: /k\n",
	  "server_url: \"https://vpn.example.com\"\n" },
	{ "a string in quotes", "listen_addr: \"0.0.0.0:80\"\n", "listen_addr: \"0.0.0.0:80\"\n" },
	{ "a whole path", "unix_socket: /run/x.sock\n", "unix_socket: \"/run/x.sock\"\n" },
	{ "true", "logtail: {enabled: true}\n", "logtail:\n  enabled: true\n" },
	{ "True", "logtail: {enabled: True}\n", "logtail:\n  enabled: true\n" },
	{ "false", "taildrop: {enabled: false}\n", "taildrop:\n  enabled: false\n" },
	{ "a number", "derp: {server: {region_id: 901}}\n", "    region_id: 901\n" },
	{ "a negative number", "database: {sqlite: {wal_autocheckpoint: -1}}\n",
	  "    wal_autocheckpoint: -1\n" },
	{ "a duration", "node: {expiry: 90d}\n", "  expiry: 7776000000ms\n" },
	{ "probes at their shortest",
	  "node: {routes: {ha: {probe_interval: 2s, probe_timeout: 1s}}}\n",
	  "      probe_timeout: 1000ms\n" },
	{ "no probes, whatever the rest",
	  "node: {routes: {ha: {probe_interval: 0, probe_timeout: 1ms}}}\n",
	  "      probe_interval: 0ms\n" },
	{ "a duration of 0", "node: {expiry: 0}\n", "  expiry: 0ms\n" },
	{ "a prefix", "prefixes: {v4: 100.64.0.0/16}\n", "  v4: \"100.64.0.0/16\"\n" },
	{ "no prefix", "prefixes: {v6: \"\"}\n", "  v6: \"\"\n" },
	{ "a list of prefixes", "trusted_proxies: [10.0.0.0/8, \"fd00::/8\"]\n",
	  "trusted_proxies: [10.0.0.0/8, fd00::/8]\n" },
	{ "an empty list", "trusted_proxies: []\n", "trusted_proxies: []\n" },
	{ "a list of words", "dns: {nameservers: {global: [1.1.1.1, 8.8.8.8]}}\n",
	  "    global: [\"1.1.1.1\", \"8.8.8.8\"]\n" },
	{ "a list a line each", "dns:\n  search_domains:\n    - a.example\n    - b.example\n",
	  "  search_domains: [\"a.example\", \"b.example\"]\n" },
	{ "override: no name servers", "dns: {nameservers: {global: []}}\n",
	  "  override_local_dns: false\n" },
	{ "override: name servers", "dns: {nameservers: {global: [1.1.1.1]}}\n",
	  "  override_local_dns: true\n" },
	{ "override: null", "dns: {override_local_dns: , nameservers: {global: [1.1.1.1]}}\n",
	  "  override_local_dns: true\n" },
	{ "override: said not to",
	  "dns: {override_local_dns: false, nameservers: {global: [1.1.1.1]}}\n",
	  "  override_local_dns: false\n" },
	{ "override: only split", "dns: {nameservers: {split: {a.b: [1.1.1.1]}}}\n",
	  "  override_local_dns: false\n" },
	{ "a file mode", "unix_socket_permission: \"0600\"\n",
	  "unix_socket_permission: \"0600\"\n" },
	{ "a file mode of three digits", "unix_socket_permission: \"770\"\n",
	  "unix_socket_permission: \"0770\"\n" },
	{ "a log level", "log: {level: debug}\n", "  level: debug\n" },
	{ "another word for a log level", "log: {level: warning}\n", "  level: warn\n" },
	{ "a log format", "log: {format: json}\n", "  format: json\n" },
	{ "an allocation", "prefixes: {allocation: random}\n", "  allocation: random\n" },
	{ "split name servers", "dns: {nameservers: {split: {foo.example: [1.1.1.1], b: []}}}\n",
	  "    split: {\"foo.example\": [\"1.1.1.1\"], \"b\": []}\n" },
	{ "records", "dns: {extra_records: [{name: a.b, type: A, value: 100.64.0.9}]}\n",
	  "extra_records: [{name: \"a.b\", type: A, value: \"100.64.0.9\"}]\n" },
	{ "records of IPv6",
	  "dns: {extra_records: [{name: a.b, type: AAAA, value: \"fd7a::9\"}]}\n",
	  "extra_records: [{name: \"a.b\", type: AAAA, value: \"fd7a::9\"}]\n" },
	{ "a secret is masked", "cli: {address: vpn.example.com, api_key: hskey-api-secret}\n",
	  "  api_key: \"***\"\n" },
	{ "a null leaves the default", "listen_addr:\nlog:\n",
	  "listen_addr: \"127.0.0.1:8080\"\n" },
	{ "JSON", "{\"listen_addr\": \"127.0.0.1:1\", \"logtail\": {\"enabled\": true}}",
	  "listen_addr: \"127.0.0.1:1\"\n" },
	{ "no settings at all", "", "log:\n  level: info\n  format: text\n" },
	{ "quotes in a value", "derp: {server: {region_name: 'a \"b\"'}}\n",
	  "    region_name: \"a \\\"b\\\"\"\n" },
	{ "a known word of others",
	  "disable_check_updates: true\ntuning: {batcher_workers: 3}\n"
	  "database: {gorm: {slow_threshold: 1}, debug: true}\n",
	  "log:\n" },
	{ "a policy mode without a policy", "policy: {mode: file, path: \"\"}\n", "log:\n" },
	{ "features that are off", "oidc: {}\ntls_letsencrypt_hostname: \"\"\n", "log:\n" },
};

/* ---- errors of one value: place, key, what was expected ---- */

static struct bad bads[] = {
	{ "bool: a word", "logtail: {enabled: maybe}\n", ":1:20: logtail.enabled",
	  "true or false" },
	{ "bool: in quotes", "logtail: {enabled: \"true\"}\n", ":1:20: ", "without quotes" },
	{ "bool: yes", "taildrop:\n  enabled: yes\n", ":2:12: taildrop.enabled", "true or false" },
	{ "bool: a list", "logtail: {enabled: [true]}\n", ":1:20: ", "one value" },
	{ "relay rate: negative", "derp: {server: {rate_limit: -1}}\n", "rate_limit",
	  "whole number" },
	{ "number: a word", "derp: {server: {region_id: x}}\n", "region_id", "whole number" },
	{ "number: negative", "derp: {server: {region_id: -1}}\n", "region_id", "0 or more" },
	{ "number: too large", "derp: {server: {region_id: 4294967296}}\n", "region_id", "number" },
	{ "number: a fraction", "database: {sqlite: {wal_autocheckpoint: 1.5}}\n",
	  "wal_autocheckpoint", "whole number" },
	{ "number: too large for int", "database: {sqlite: {wal_autocheckpoint: 2147483648}}\n",
	  "wal_autocheckpoint", "whole number" },
	{ "duration: a word", "node: {expiry: soon}\n", "node.expiry", "90d" },
	{ "duration: negative", "node: {expiry: -1h}\n", "node.expiry", "duration" },
	{ "duration: no unit", "derp: {update_frequency: 10}\n", "update_frequency", "duration" },
	{ "prefix: a word", "prefixes: {v4: x}\n", "prefixes.v4", "100.64.0.0/10" },
	{ "prefix: host bits", "prefixes: {v4: 100.64.0.1/10}\n", "prefixes.v4", "host bits" },
	{ "prefix: wrong family", "prefixes: {v4: \"fd7a:115c:a1e0::/48\"}\n", "prefixes.v4",
	  "IPv6" },
	{ "prefix: wrong family 6", "prefixes: {v6: 100.64.0.0/10}\n", "prefixes.v6", "IPv4" },
	{ "prefix: none", "prefixes: {v4: \"\", v6: \"\"}\n", "prefixes", "at least one" },
	{ "prefixes: a word", "trusted_proxies: 10.0.0.0/8\n", ":1:18: trusted_proxies", "a list" },
	{ "prefixes: everybody", "trusted_proxies: [0.0.0.0/0]\n", "trusted_proxies", "everybody" },
	{ "prefixes: everybody of IPv6", "trusted_proxies: [\"::/0\"]\n", "trusted_proxies",
	  "every" },
	{ "list: a map", "derp: {urls: {a: b}}\n", "derp.urls", "a list" },
	{ "list: of lists", "derp: {urls: [[a]]}\n", "derp.urls", "plain words" },
	{ "mode: without quotes", "unix_socket_permission: 0770\n", ":1:25: ", "in quotes" },
	{ "mode: not octal", "unix_socket_permission: \"0888\"\n", "permission", "octal" },
	{ "mode: too long", "unix_socket_permission: \"00770\"\n", "permission", "octal" },
	{ "level: another", "log: {level: loud}\n", "log.level", "trace, debug" },
	{ "format: another", "log: {format: xml}\n", "log.format", "text or json" },
	{ "allocation: another", "prefixes: {allocation: best}\n", "allocation",
	  "sequential or random" },
	{ "split: a list", "dns: {nameservers: {split: [a]}}\n", "split", "map of domains" },
	{ "split: a word a domain", "dns: {nameservers: {split: {a: 1.1.1.1}}}\n", "split",
	  "list" },
	{ "records: a map", "dns: {extra_records: {}}\n", "extra_records", "list of records" },
	{ "records: no name", "dns: {extra_records: [{type: A, value: 1.1.1.1}]}\n", "extra",
	  "name" },
	{ "records: CNAME", "dns: {extra_records: [{name: a, type: CNAME, value: b}]}\n", "extra",
	  "A or AAAA" },
	{ "records: wrong family",
	  "dns: {extra_records: [{name: a, type: AAAA, value: 1.1.1.1}]}\n", "extra", "address" },
	{ "a group is a value", "dns: on\n", ":1:1: dns", "keys below it" },
	{ "a value is a group", "server_url: {a: b}\n", "server_url", "one value" },
	{ "a list as document", "- a\n", ":1:1: ", "keys and values" },

	{ "unknown, one edit", "server_ur: x\n", ":1:1: server_ur: unknown", "server_url" },
	{ "unknown, swapped", "dns:\n  base_domian: x\n", ":2:3: dns.base_domian",
	  "dns.base_domain" },
	{ "unknown, two edits", "lissten_adr: x\n", "lissten_adr", "listen_addr" },
	{ "unknown, nothing near", "colour: red\n", ":1:1: colour: unknown",
	  "docs/configuration.md" },
	{ "unknown below a group", "derp: {server: {colour: red}}\n", "derp.server.colour",
	  "unknown" },
	{ "unknown group", "colours: {red: 1}\n", ":1:1: colours", "unknown" },
	{ "twice", "listen_addr: a:1\nlog: {}\nlisten_addr: b:1\n", ":3:1: ", "first in line 1" },
	{ "broken YAML", "a: [\n", ":2:1: ", "" },
	{ "a second document", "listen_addr: 127.0.0.1:1\n---\n", ":2:1: ", "after the end" },

	{ "policy.mode of another word", "policy: {mode: db}\n", "policy.mode: 'db'",
	  "neither file (policy.path names it) nor database" },
	{ "unknown below policy", "policy: {paht: x}\n", ":1:10: policy.paht", "policy.path" },
	{ "guarded: oidc", "oidc: {issuer: https://id.example}\n", "oidc.issuer", "open access" },
	{ "guarded: as one value", "oidc: on\n", "oidc", "open access" },
	{ "removed: acl_policy_path", "acl_policy_path: x\n", ":1:1: acl_policy_path",
	  "policy.path" },
	{ "removed: dns_config", "dns_config: {nameservers: []}\n", "dns_config.nameservers",
	  "by dns.nameservers.global" },
	{ "removed: another of dns_config", "dns_config: {x: 1}\n", "dns_config.x", "by dns" },
	{ "removed: dns_config, the new one null",
	  "dns_config: {magic_dns: true}\ndns: {magic_dns: }\n", "dns_config.magic_dns",
	  "by dns.magic_dns" },
	{ "removed: dns_config, others are set",
	  "dns_config: {base_domain: a.b}\ndns: {magic_dns: true}\n", "dns_config.base_domain",
	  "by dns.base_domain" },
	{ "renamed: a word", "ephemeral_node_inactivity_timeout: soon\n",
	  ":1:36: ephemeral_node_inactivity_timeout", "duration" },
	{ "renamed: too short", "ephemeral_node_inactivity_timeout: 65s\n", "inactivity_timeout",
	  "more than 65s" },
	{ "removed: ip_prefixes", "ip_prefixes: [100.64.0.0/10]\n", "ip_prefixes", "prefixes.v4" },
	{ "removed: db_type", "db_type: sqlite3\n", "db_type", "database.type" },
	{ "removed below a guarded group", "oidc: {expiry: 1d}\n", "oidc.expiry", "node.expiry" },

	{ "rule: server_url scheme", "server_url: vpn.example.com\n", "server_url", "https://" },
	{ "rule: server_url path", "server_url: https://a.example/x\n", "server_url", "not a URL" },
	{ "rule: server_url port", "server_url: https://a.example:99999\n", "server_url",
	  "not a URL" },
	{ "rule: server_url in base_domain",
	  "server_url: https://vpn.tail.example\ndns: {base_domain: tail.example}\n", "server_url",
	  "base_domain" },
	{ "rule: server_url is base_domain",
	  "server_url: https://tail.example\ndns: {base_domain: tail.example}\n", "server_url",
	  "base_domain" },
	{ "rule: listen_addr", "listen_addr: 8080\n", "listen_addr", "0.0.0.0:8080" },
	{ "rule: listen_addr is needed", "listen_addr: \"\"\n", "listen_addr", "not an address" },
	{ "rule: metrics_listen_addr", "metrics_listen_addr: x\n", "metrics_listen_addr",
	  "address" },
	{ "rule: stun_listen_addr", "derp: {server: {stun_listen_addr: x}}\n", "stun_listen_addr",
	  "address" },
	{ "rule: base_domain", "dns: {base_domain: \"a b\"}\n", "dns.base_domain", "not a domain" },
	{ "rule: magic_dns needs a domain", "dns: {base_domain: \"\"}\n", "dns.magic_dns",
	  "base_domain" },
	{ "rule: override needs name servers", "dns: {override_local_dns: true}\n",
	  "override_local_dns", "nameservers.global" },
	{ "rule: no relay", "derp: {server: {enabled: false}}\n", "derp: no relay", "derp.urls" },
	{ "rule: region 0", "derp: {server: {region_id: 0}}\n", "region_id", "greater than 0" },
	{ "rule: one key for two",
	  "noise: {private_key_path: /k}\nderp: {server: {private_key_path: /k}}\n",
	  "derp.server.private_key_path", "different" },
	{ "rule: no region from anywhere",
	  "derp: {server: {automatically_add_embedded_derp_region: false}}\n", "automatically_add",
	  "derp.paths" },
	{ "rule: half a certificate", "tls_cert_path: /c\n", "tls_cert_path", "both" },
	{ "rule: database", "database: {type: postgres}\n", "database.type", "sqlite" },
	{ "rule: wal_autocheckpoint", "database: {sqlite: {wal_autocheckpoint: -2}}\n",
	  "wal_autocheckpoint", "-1 or more" },
	{ "rule: ephemeral timeout", "node: {ephemeral: {inactivity_timeout: 65s}}\n",
	  "inactivity_timeout", "more than 65s" },
	{ "rule: probes too often",
	  "node: {routes: {ha: {probe_interval: 1999ms, probe_timeout: 1s}}}\n", "probe_interval",
	  "at least 2s" },
	{ "rule: probes too short", "node: {routes: {ha: {probe_timeout: 999ms}}}\n",
	  "probe_timeout", "at least 1s" },
	{ "rule: probes longer than their interval", "node: {routes: {ha: {probe_interval: 5s}}}\n",
	  "probe_timeout", "less than probe_interval" },
	{ "rule: relay maps too often", "derp: {update_frequency: 59s}\n", "update_frequency",
	  "1m" },
	{ "rule: logins that end at once", "tuning: {register_cache_expiration: 0}\n",
	  "register_cache_expiration", "more than 0" },
	{ "rule: register cache", "tuning: {register_cache_max_entries: 0}\n",
	  "register_cache_max_entries", "at least 1" },
	{ "rule: too many workers", "tuning: {io_workers: 9}\n", "tuning.io_workers",
	  "between -1 and 8" },
	{ "rule: fewer workers than none", "tuning: {io_workers: -2}\n", "tuning.io_workers",
	  "between -1 and 8" },
	{ "rule: cli.address needs a key", "cli: {address: vpn.example.com}\n", "cli.address",
	  "api_key" },
};

/* ---- what a reload leaves to a restart ---- */

static struct change {
	const char *name, *before, *after, *want;
} changes[] = {
	{ "nothing", "log: {level: info}\n", "log: {level: info}\n", "" },
	{ "applied at once", "log: {level: info}\n",
	  "log: {level: warn}\ntrusted_proxies: [10.0.0.0/8]\ndns: {search_domains: [a.b]}\n", "" },
	{ "one", "{}\n", "listen_addr: 127.0.0.1:1\n", "listen_addr" },
	{ "two", "node: {expiry: 1h}\n", "listen_addr: 127.0.0.1:1\n", "listen_addr, node.expiry" },
	{ "not the server's", "{}\n", "cli: {api_key: x, timeout: 9s}\n", "" },
};

static void find_restart_keys(void **state)
{
	const struct change *ch = *state;
	struct result a = load(ch->before), b = load(ch->after);
	char text[256] = "";
	struct fl_buf out = fl_buf_over(text, sizeof text);

	assert_err(a.err, FL_OK);
	assert_err(b.err, FL_OK);
	fl_config_restart_keys(a.config, b.config, &out);
	fl_buf_byte(&out, '\0');
	assert_string_equal(text, ch->want);
	drop(&a);
	drop(&b);
}

/* ---- warnings ---- */

static struct warned {
	const char *name;
	const char *text;
	const char *key, *says;
} warneds[] = {
	{ "later: postgres", "database: {postgres: {host: db}}\n", "database.postgres",
	  "PostgreSQL" },
	{ "later: ACME", "tls_letsencrypt_hostname: vpn.example.com\n",
	  ":1:1: tls_letsencrypt_hostname", "ACME" },
	{ "not strict: unknown", "strict: false\ncolour: red\n", ":2:1: colour", "unknown" },
	{ "not strict, said last", "colour: red\nstrict: false\n", ":1:1: colour", "unknown" },
	{ "not strict: removed", "strict: false\ndb_type: x\n", "db_type", "database.type" },
	{ "dns_config beside dns", "dns_config: {base_domain: a.b}\ndns: {base_domain: b.c}\n",
	  ":1:14: dns_config.base_domain", "dns.base_domain is set too" },
	{ "renamed", "ephemeral_node_inactivity_timeout: 30m\n",
	  ":1:1: ephemeral_node_inactivity_timeout", "now node.ephemeral.inactivity_timeout" },
	{ "renamed, beside the new one",
	  "node: {ephemeral: {inactivity_timeout: 5m}}\nephemeral_node_inactivity_timeout: 1s\n",
	  ":2:1: ephemeral_node_inactivity_timeout", "is set too" },
	{ "https without a certificate", "server_url: https://vpn.example.com\n", "server_url",
	  "proxy" },
	{ "a socket for everybody", "unix_socket_permission: \"0777\"\n", "unix_socket_permission",
	  "every local user" },
	{ "short waits",
	  "debug: {short_timers: true}\nnode: {ephemeral: {inactivity_timeout: 1s}}\n",
	  "debug.short_timers", NULL },
};

static void read_warned(void **state)
{
	const struct warned *w = *state;
	struct result r = load(w->text);

	print_all(&r.report.errors, "error");
	assert_err(r.err, FL_OK);
	assert_int_equal(r.report.warnings.len, 1);
	assert_said(&r, &r.report.warnings, w->key, w->says);
	drop(&r);
}

static void all_at_once(void **state)
{
	struct result r =
		load("server_ur: x\nlog: {level: loud}\nlisten_addr: x\noidc: {issuer: p}\n"
		     "tls_letsencrypt_hostname: a.example\n");

	(void)state;
	assert_err(r.err, FL_ERR_INVALID);
	assert_int_equal(r.report.errors.len, 4);
	assert_int_equal(r.report.warnings.len, 1);
	assert_said(&r, &r.report.errors, ":1:1:", "server_url");
	assert_said(&r, &r.report.errors, ":2:14:", "log.level");
	assert_said(&r, &r.report.errors, "listen_addr", "address");
	assert_said(&r, &r.report.errors, ":4:8:", "oidc.issuer");
	drop(&r);
}

/* ---- the environment ---- */

static struct env {
	const char *name;
	const char *file;
	const char *vars[4]; /* name, value, name, value */
	const char *line;    /* of the dump; NULL: refused */
	const char *says;
} envs[] = {
	{ "ours",
	  NULL,
	  { "FAIRLEAD_LISTEN_ADDR", "127.0.0.1:1" },
	  "listen_addr: \"127.0.0.1:1\"\n",
	  0 },
	{ "headscale's", NULL, { "HEADSCALE_LOG_LEVEL", "debug" }, "  level: debug\n", 0 },
	{ "ours wins",
	  NULL,
	  { "HEADSCALE_LOG_LEVEL", "debug", "FAIRLEAD_LOG_LEVEL", "error" },
	  "  level: error\n",
	  0 },
	{ "beats the file",
	  "log: {level: trace}\n",
	  { "FAIRLEAD_LOG_LEVEL", "error" },
	  "  level: error\n",
	  0 },
	{ "a group deep down",
	  NULL,
	  { "FAIRLEAD_DERP_SERVER_REGION_ID", "7" },
	  "    region_id: 7\n",
	  0 },
	{ "a list at blanks",
	  NULL,
	  { "FAIRLEAD_DNS_NAMESERVERS_GLOBAL", "1.1.1.1 8.8.8.8" },
	  "global: [\"1.1.1.1\", \"8.8.8.8\"]\n",
	  0 },
	{ "override: the variable",
	  "dns: {nameservers: {global: [1.1.1.1]}}\n",
	  { "HEADSCALE_DNS_OVERRIDE_LOCAL_DNS", "false" },
	  "  override_local_dns: false\n",
	  0 },
	{ "override: name servers of a variable",
	  NULL,
	  { "HEADSCALE_DNS_NAMESERVERS_GLOBAL", "1.1.1.1" },
	  "  override_local_dns: true\n",
	  0 },
	{ "a list replaces",
	  "trusted_proxies: [10.0.0.0/8]\n",
	  { "FAIRLEAD_TRUSTED_PROXIES", "fd00::/8" },
	  "trusted_proxies: [fd00::/8]\n",
	  0 },
	{ "an empty list",
	  "trusted_proxies: [10.0.0.0/8]\n",
	  { "FAIRLEAD_TRUSTED_PROXIES", "" },
	  "trusted_proxies: []\n",
	  0 },
	{ "a mode needs no quotes",
	  NULL,
	  { "FAIRLEAD_UNIX_SOCKET_PERMISSION", "0600" },
	  "unix_socket_permission: \"0600\"\n",
	  0 },
	{ "ill-typed",
	  NULL,
	  { "FAIRLEAD_DERP_SERVER_REGION_ID", "x" },
	  NULL,
	  "FAIRLEAD_DERP_SERVER_REGION_ID" },
	{ "no form as a word", NULL, { "FAIRLEAD_DNS_EXTRA_RECORDS", "x" }, NULL, "in the file" },
	{ "policy path", NULL, { "HEADSCALE_POLICY_PATH", "/p" }, "  path: \"/p\"\n", 0 },
	{ "policy mode",
	  NULL,
	  { "FAIRLEAD_POLICY_MODE", "database" },
	  "  mode: \"database\"\n",
	  0 },
	{ "policy domains",
	  NULL,
	  { "FAIRLEAD_POLICY_DOMAINS", "a.example b.example" },
	  "  domains: [\"a.example\", \"b.example\"]\n",
	  0 },
	{ "guarded oidc", NULL, { "FAIRLEAD_OIDC_ISSUER", "https://x" }, NULL, "open access" },
	{ "an empty guarded one", NULL, { "FAIRLEAD_OIDC_ISSUER", "" }, "log:\n", 0 },
	{ "a policy mode without a policy",
	  NULL,
	  { "HEADSCALE_POLICY_MODE", "file" },
	  "log:\n",
	  0 },
	/* without a variable: what the file says alone */
	{ "old: alone",
	  "ephemeral_node_inactivity_timeout: 30m\n",
	  { NULL },
	  "    inactivity_timeout: 1800000ms\n",
	  0 },
	{ "old: in front of the new one",
	  "ephemeral_node_inactivity_timeout: 30m\nnode: {ephemeral: {inactivity_timeout: 5m}}\n",
	  { NULL },
	  "    inactivity_timeout: 300000ms\n",
	  0 },
	{ "old: behind the new one",
	  "node: {ephemeral: {inactivity_timeout: 5m}}\nephemeral_node_inactivity_timeout: 30m\n",
	  { NULL },
	  "    inactivity_timeout: 300000ms\n",
	  0 },
	{ "old: beside a null",
	  "node: {ephemeral: {inactivity_timeout: }}\nephemeral_node_inactivity_timeout: 30m\n",
	  { NULL },
	  "    inactivity_timeout: 1800000ms\n",
	  0 },
	{ "an old name",
	  NULL,
	  { "HEADSCALE_EPHEMERAL_NODE_INACTIVITY_TIMEOUT", "30m" },
	  "    inactivity_timeout: 1800000ms\n",
	  0 },
	{ "an old name, the new one in the file",
	  "node: {ephemeral: {inactivity_timeout: 5m}}\n",
	  { "HEADSCALE_EPHEMERAL_NODE_INACTIVITY_TIMEOUT", "30m" },
	  "    inactivity_timeout: 300000ms\n",
	  0 },
	{ "what is not a setting", NULL, { "FAIRLEAD_COLOUR", "red" }, "log:\n", 0 },
};

static void read_env(void **state)
{
	const struct env *e = *state;
	struct fl_buf out;

	for (size_t i = 0; i < 4 && e->vars[i] != NULL; i += 2)
		assert_int_equal(setenv(e->vars[i], e->vars[i + 1], 1), 0);
	struct result r = load(e->file);
	for (size_t i = 0; i < 4 && e->vars[i] != NULL; i += 2)
		assert_int_equal(unsetenv(e->vars[i]), 0);
	print_all(&r.report.errors, "error");
	if (e->line == NULL) {
		assert_err(r.err, FL_ERR_INVALID);
		assert_said(&r, &r.report.errors, "environment", e->says);
	} else {
		assert_err(r.err, FL_OK);
		dump(r.config, &out);
		if (strstr((const char *)out.ptr, e->line) == NULL)
			fail_msg("no \"%s\" in:\n%s", e->line, (const char *)out.ptr);
		fl_buf_done(&out);
	}
	drop(&r);
}

/* ---- files and folders ---- */

static void default_places(void **state)
{
	char want[128];
	struct result r = load(NULL);

	(void)state;
	assert_err(r.err, FL_OK);
	assert_null(r.config->file);
	snprintf(want, sizeof want, "%s/db.sqlite", dir);
	assert_string_equal(r.config->sqlite_path, want);
	snprintf(want, sizeof want, "%s/fairlead.sock", dir);
	assert_string_equal(r.config->unix_socket, want);
	drop(&r);
}

static void relative_paths(void **state)
{
	char want[128];
	struct result r =
		load("noise: {private_key_path: keys/n.key}\nderp: {paths: [a.yaml, /b.yaml]}\n");

	(void)state;
	assert_err(r.err, FL_OK);
	assert_string_equal(r.config->file, file);
	snprintf(want, sizeof want, "%s/keys/n.key", dir);
	assert_string_equal(r.config->noise_private_key_path, want);
	snprintf(want, sizeof want, "%s/a.yaml", dir);
	assert_string_equal(r.config->derp_paths.at[0], want);
	assert_string_equal(r.config->derp_paths.at[1], "/b.yaml");
	drop(&r);
}

static void credentials(void **state)
{
	static const char text[] =
		"tls_cert_path: /c\n"
		"tls_key_path: ${CREDENTIALS_DIRECTORY}/tls.key\n"
		"noise: {private_key_path: \"${HOME}/${CREDENTIALS_DIRECTORY}\"}\n"
		"derp: {paths: [\"${CREDENTIALS_DIRECTORY}/map.yaml\"]}\n";
	char want[128];

	(void)state;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1), 0);
	struct result r = load(text);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_err(r.err, FL_OK);
	assert_string_equal(r.config->tls_key_path, "/run/credentials/x/tls.key");
	assert_string_equal(r.config->derp_paths.at[0], "/run/credentials/x/map.yaml");
	snprintf(want, sizeof want, "%s/${HOME}/${CREDENTIALS_DIRECTORY}", dir);
	assert_string_equal(r.config->noise_private_key_path, want);
	drop(&r);

	r = load(text);
	assert_err(r.err, FL_ERR_INVALID);
	assert_said(&r, &r.report.errors, ":2:15: tls_key_path",
		    "CREDENTIALS_DIRECTORY is not set");
	assert_said(&r, &r.report.errors, "derp.paths", "CREDENTIALS_DIRECTORY is not set");
	drop(&r);
}

/* Commands run outside the unit, with the same file. */
static void credentials_of_the_service(void **state)
{
	struct fl_config_report report = { .client = true };
	struct fl_config *c = NULL;

	(void)state;
	write_file("tls_cert_path: /c\ntls_key_path: ${CREDENTIALS_DIRECTORY}/tls.key\n");
	assert_err(fl_config_load(file, dir, &report, &c), FL_OK);
	assert_string_equal(c->tls_key_path, "${CREDENTIALS_DIRECTORY}/tls.key");
	fl_config_free(c);
	fl_config_report_done(&report);
}

static void missing_file(void **state)
{
	struct fl_config_report report = { 0 };
	struct fl_config *c = NULL;

	(void)state;
	assert_err(fl_config_load("/nonexistent/fairlead.yaml", dir, &report, &c),
		   FL_ERR_NOT_FOUND);
	assert_null(c);
	assert_int_equal(report.errors.len, 1);
	assert_non_null(strstr(report.errors.at[0], "/nonexistent/fairlead.yaml"));
	fl_config_report_done(&report);
}

static void file_by_environment(void **state)
{
	struct fl_config_report report = { 0 };
	struct fl_config *c = NULL;

	(void)state;
	write_file("listen_addr: 127.0.0.1:77\n");
	assert_int_equal(setenv("HEADSCALE_CONFIG", file, 1), 0);
	assert_err(fl_config_load(NULL, dir, &report, &c), FL_OK);
	assert_string_equal(c->listen_addr, "127.0.0.1:77");
	fl_config_free(c);
	assert_int_equal(setenv("FAIRLEAD_CONFIG", "/nonexistent", 1), 0); /* ours wins */
	assert_err(fl_config_load(NULL, dir, &report, &c), FL_ERR_NOT_FOUND);
	assert_int_equal(unsetenv("FAIRLEAD_CONFIG") | unsetenv("HEADSCALE_CONFIG"), 0);
	fl_config_report_done(&report);
	assert_null(fl_config_free(NULL));
}

/* ---- the framed warning ---- */

static struct banner {
	const char *name;
	const char *text;
	bool want;
} banners[] = {
	{ "banner: both default", "", false },
	{ "banner: subsets", "prefixes: {v4: 100.100.0.0/16, v6: \"fd7a:115c:a1e0:1::/64\"}\n",
	  false },
	{ "banner: v4 outside", "prefixes: {v4: 10.0.0.0/8}\n", true },
	{ "banner: v6 outside", "prefixes: {v6: \"fd00::/48\"}\n", true },
	{ "banner: both outside", "prefixes: {v4: 10.0.0.0/8, v6: \"fd00::/48\"}\n", true },
	{ "banner: larger than the range", "prefixes: {v4: 100.0.0.0/8}\n", true },
	{ "banner: one family off", "prefixes: {v6: \"\"}\n", false },
};

static size_t count_of(const char *text, const char *word)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

static void warn_of_prefixes(void **state)
{
	const struct banner *b = *state;
	struct result r = load(b->text);
	const char *lines[12];
	struct fl_buf box = fl_buf_make(8192);

	assert_err(r.err, FL_OK);
	size_t count = fl_config_prefix_warning(r.config, lines);
	assert_int_equal(count > 0, b->want);
	assert_true(count <= 12);
	if (count > 0)
		fl_banner(lines, count, &box);
	fl_buf_byte(&box, '\0');
	/* Once, also when both are outside. */
	assert_int_equal(count_of((const char *)box.ptr, "Warning"), b->want ? 1 : 0);
	fl_buf_done(&box);
	drop(&r);
}

/* ---- the table of keys ---- */

static void keys_are_sane(void **state)
{
	(void)state;
	for (size_t i = 0; i < fl_keys_count; i++) {
		const struct fl_key_def *k = &fl_keys[i];
		for (size_t n = i + 1; n < fl_keys_count; n++)
			if (strcmp(k->name, fl_keys[n].name) == 0)
				fail_msg("%s is there twice", k->name);
		if (k->status == FL_KEY_USED) {
			assert_ptr_equal(fl_key_find(k->name), k);
			assert_true(k->offset < sizeof(struct fl_config));
		} else if (k->status != FL_KEY_ACCEPTED) {
			assert_non_null(k->fallback);
		}
	}
	assert_null(fl_key_find("colour"));
	assert_null(fl_key_nearest("colour"));
	assert_true(fl_key_is_group("derp.server"));
	assert_false(fl_key_is_group("derp.serv"));
	assert_false(fl_key_is_group("listen_addr"));
}

/* Each setting that does something has its line in the document. */
static void keys_are_documented(void **state)
{
	static char text[256 << 10];
	FILE *f = fopen(FL_SOURCE_ROOT "/docs/configuration.md", "r");
	char want[128];

	(void)state;
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	for (size_t i = 0; i < fl_keys_count; i++) {
		if (fl_keys[i].status != FL_KEY_USED)
			continue;
		snprintf(want, sizeof want, "`%s`", fl_keys[i].name);
		if (strstr(text, want) == NULL)
			fail_msg("docs/configuration.md has no %s", want);
	}
}

/* The sample is read without a word, and says what prefixes are supported. */
static void sample_is_fine(void **state)
{
	static char text[64 << 10];
	struct fl_config_report report = { 0 };
	struct fl_config *c = NULL;
	FILE *f = fopen(FL_SOURCE_ROOT "/packaging/config.yaml", "r");

	(void)state;
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	assert_non_null(strstr(text, "subset"));
	assert_non_null(strstr(text, "not supported"));
	enum fl_err err = fl_config_load(FL_SOURCE_ROOT "/packaging/config.yaml", dir, &report, &c);
	print_all(&report.errors, "error");
	print_all(&report.warnings, "warning");
	assert_err(err, FL_OK);
	assert_int_equal(report.errors.len, 0);
	fl_config_free(c);
	fl_config_report_done(&report);
}

int main(void)
{
	static struct suite s;

	if (!kit_begin())
		return 1;
	ROWS(&s, goods, read_good);
	ROWS(&s, goods, dump_again);
	ROWS(&s, bads, read_bad);
	ROWS(&s, changes, find_restart_keys);
	ROWS(&s, warneds, read_warned);
	ROWS(&s, envs, read_env);
	ROWS(&s, banners, warn_of_prefixes);
	suite_add(&s, "all errors at once", all_at_once, NULL);
	suite_add(&s, "default places", default_places, NULL);
	suite_add(&s, "relative paths", relative_paths, NULL);
	suite_add(&s, "credentials", credentials, NULL);
	suite_add(&s, "credentials of the service", credentials_of_the_service, NULL);
	suite_add(&s, "a missing file", missing_file, NULL);
	suite_add(&s, "the file by the environment", file_by_environment, NULL);
	suite_add(&s, "keys are sane", keys_are_sane, NULL);
	suite_add(&s, "keys are documented", keys_are_documented, NULL);
	suite_add(&s, "the sample is fine", sample_is_fine, NULL);
	int failed = suite_run(&s, "services/config");
	kit_end();
	return failed;
}
