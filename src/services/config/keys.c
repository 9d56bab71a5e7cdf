/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/keys.c - the table of settings. */
#include "services/config/keys.h"

#define AT(member) offsetof(struct fl_config, member)
#define USED(n, t, m, d)                                                                           \
	{                                                                                          \
		.name = n, .type = t, .status = FL_KEY_USED, .offset = AT(m), .fallback = d        \
	}
#define LIVE(n, t, m, d)                                                                           \
	{                                                                                          \
		.name = n, .type = t, .status = FL_KEY_USED, .offset = AT(m), .fallback = d,       \
		.live = true                                                                       \
	}
#define NOTE(n, s, why)                                                                            \
	{                                                                                          \
		.name = n, .type = FL_KEY_ANY, .status = s, .fallback = why                        \
	}

const struct fl_key_def fl_keys[] = {
	LIVE("strict", FL_KEY_BOOL, strict, "true"),
	USED("server_url", FL_KEY_STRING, server_url, "http://127.0.0.1:8080"),
	USED("listen_addr", FL_KEY_STRING, listen_addr, "127.0.0.1:8080"),
	USED("metrics_listen_addr", FL_KEY_STRING, metrics_listen_addr, ""),
	LIVE("trusted_proxies", FL_KEY_PREFIXES, trusted_proxies, NULL),
	USED("noise.private_key_path", FL_KEY_PATH, noise_private_key_path, "@noise_private.key"),
	USED("prefixes.v4", FL_KEY_PREFIX, prefix4, "100.64.0.0/10"),
	USED("prefixes.v6", FL_KEY_PREFIX, prefix6, "fd7a:115c:a1e0::/48"),
	USED("prefixes.allocation", FL_KEY_ALLOCATION, allocation, "sequential"),
	USED("derp.server.enabled", FL_KEY_BOOL, derp_server.enabled, "true"),
	USED("derp.server.verify_clients", FL_KEY_BOOL, derp_server.verify_clients, "true"),
	USED("derp.server.verify_client_url", FL_KEY_STRING, derp_server.verify_client_url, ""),
	USED("derp.server.verify_client_url_fail_open", FL_KEY_BOOL,
	     derp_server.verify_client_url_fail_open, "false"),
	USED("derp.server.rate_limit", FL_KEY_U32, derp_server.rate_limit, "0"),
	USED("derp.server.rate_burst", FL_KEY_U32, derp_server.rate_burst, "0"),
	LIVE("derp.server.automatically_add_embedded_derp_region", FL_KEY_BOOL,
	     derp_server.automatically_add_region, "true"),
	LIVE("derp.server.region_id", FL_KEY_U32, derp_server.region_id, "999"),
	LIVE("derp.server.region_code", FL_KEY_STRING, derp_server.region_code, "fairlead"),
	LIVE("derp.server.region_name", FL_KEY_STRING, derp_server.region_name,
	     "Fairlead embedded relay"),
	USED("derp.server.stun_listen_addr", FL_KEY_STRING, derp_server.stun_listen_addr,
	     "127.0.0.1:3478"),
	USED("derp.server.private_key_path", FL_KEY_PATH, derp_server.private_key_path,
	     "@derp_server_private.key"),
	LIVE("derp.server.ipv4", FL_KEY_STRING, derp_server.ipv4, ""),
	LIVE("derp.server.ipv6", FL_KEY_STRING, derp_server.ipv6, ""),
	LIVE("derp.urls", FL_KEY_STRINGS, derp_urls, NULL),
	LIVE("derp.paths", FL_KEY_STRINGS, derp_paths, NULL),
	LIVE("derp.auto_update_enabled", FL_KEY_BOOL, derp_auto_update, "true"),
	LIVE("derp.update_frequency", FL_KEY_DURATION, derp_update_frequency, "3h"),
	USED("node.expiry", FL_KEY_DURATION, node_expiry, "0"),
	USED("node.ephemeral.inactivity_timeout", FL_KEY_DURATION, ephemeral_timeout, "120s"),
	USED("node.routes.ha.probe_interval", FL_KEY_DURATION, probe_interval, "10s"),
	USED("node.routes.ha.probe_timeout", FL_KEY_DURATION, probe_limit, "5s"),
	USED("database.sqlite.path", FL_KEY_PATH, sqlite_path, "@db.sqlite"),
	USED("database.sqlite.write_ahead_log", FL_KEY_BOOL, sqlite_wal, "true"),
	USED("database.sqlite.wal_autocheckpoint", FL_KEY_INT, sqlite_wal_autocheckpoint, "1000"),
	USED("database.type", FL_KEY_STRING, database_type, "sqlite"),
	LIVE("tls_cert_path", FL_KEY_PATH, tls_cert_path, ""),
	LIVE("tls_key_path", FL_KEY_PATH, tls_key_path, ""),
	LIVE("log.level", FL_KEY_LOG_LEVEL, log_level, "info"),
	USED("log.format", FL_KEY_LOG_FORMAT, log_format, "text"),
	LIVE("dns.magic_dns", FL_KEY_BOOL, dns.magic_dns, "true"),
	USED("dns.base_domain", FL_KEY_STRING, dns.base_domain, "fairlead.internal"),
	LIVE("dns.override_local_dns", FL_KEY_BOOL, dns.override_local_dns, "false"),
	LIVE("dns.nameservers.global", FL_KEY_STRINGS, dns.nameservers, NULL),
	LIVE("dns.nameservers.split", FL_KEY_SPLIT, dns.split, NULL),
	LIVE("dns.search_domains", FL_KEY_STRINGS, dns.search_domains, NULL),
	LIVE("dns.extra_records", FL_KEY_RECORDS, dns.records, NULL),
	LIVE("dns.extra_records_path", FL_KEY_PATH, dns.records_path, ""),
	USED("policy.mode", FL_KEY_STRING, policy_mode, "file"),
	USED("policy.path", FL_KEY_PATH, policy_path, ""),
	USED("policy.domains", FL_KEY_STRINGS, policy_domains, NULL),
	USED("unix_socket", FL_KEY_PATH, unix_socket, "@fairlead.sock"),
	USED("unix_socket_permission", FL_KEY_MODE, unix_socket_permission, "0660"),
	LIVE("logtail.enabled", FL_KEY_BOOL, logtail, "false"),
	LIVE("taildrop.enabled", FL_KEY_BOOL, taildrop, "true"),
	LIVE("auto_update.enabled", FL_KEY_BOOL, auto_update, "false"),
	LIVE("ship.listen", FL_KEY_STRING, ship.listen, ":4712"),
	LIVE("ship.state_dir", FL_KEY_PATH, ship.state_dir, ""),
	LIVE("ship.interfaces", FL_KEY_STRINGS, ship.interfaces, NULL),
	LIVE("ship.mdns", FL_KEY_STRING, ship.mdns, "auto"),
	LIVE("ship.id", FL_KEY_STRING, ship.id, ""),
	LIVE("ship.instance", FL_KEY_STRING, ship.instance, ""),
	LIVE("ship.brand", FL_KEY_STRING, ship.brand, ""),
	LIVE("ship.model", FL_KEY_STRING, ship.model, ""),
	LIVE("ship.type", FL_KEY_STRING, ship.type, ""),
	LIVE("ship.serial", FL_KEY_STRING, ship.serial, ""),
	LIVE("ship.categories", FL_KEY_STRINGS, ship.categories, NULL),
	LIVE("ship.auto_accept", FL_KEY_BOOL, ship.auto_accept, "false"),
	LIVE("ship.double_connections", FL_KEY_STRING, ship.double_connections, "auto"),
	LIVE("ship.pin_file", FL_KEY_PATH, ship.pin_file, ""),
	LIVE("ship.metrics_listen_addr", FL_KEY_STRING, ship.metrics_listen_addr, ""),
	LIVE("ship.connections_max", FL_KEY_U32, ship.connections_max, "10"),
	LIVE("ship.message_max", FL_KEY_U32, ship.message_max, "1048576"),
	LIVE("ship.message_log.path", FL_KEY_PATH, ship.log_path, ""),
	LIVE("ship.message_log.max_size", FL_KEY_U32, ship.log_max, "16777216"),
	LIVE("ship.message_log.redact", FL_KEY_BOOL, ship.log_redact, "true"),
	LIVE("ship.trusted", FL_KEY_DEVICES, ship.trusted, NULL),
	LIVE("cli.address", FL_KEY_STRING, cli_address, ""),
	LIVE("cli.api_key", FL_KEY_SECRET, cli_api_key, ""),
	LIVE("cli.timeout", FL_KEY_DURATION, cli_timeout, "5s"),
	LIVE("cli.insecure", FL_KEY_BOOL, cli_insecure, "false"),
	USED("tuning.register_cache_expiration", FL_KEY_DURATION, register_cache_expiration, "15m"),
	USED("tuning.register_cache_max_entries", FL_KEY_U32, register_cache_max, "1024"),
	USED("tuning.io_workers", FL_KEY_INT, io_workers, "-1"),
	USED("tuning.unregistered_per_source", FL_KEY_U32, strangers_per_source, "64"),
	LIVE("debug.allow", FL_KEY_STRINGS, debug_allow, NULL),
	USED("debug.short_timers", FL_KEY_BOOL, short_timers, "false"),

	NOTE("disable_check_updates", FL_KEY_ACCEPTED, NULL),
	NOTE("database.debug", FL_KEY_ACCEPTED, NULL),
	NOTE("database.gorm.*", FL_KEY_ACCEPTED, NULL),
	NOTE("tuning.*", FL_KEY_ACCEPTED, NULL),
	/* These say how to get a certificate; whether to is the host name's to say. */
	NOTE("tls_letsencrypt_challenge_type", FL_KEY_ACCEPTED, NULL),
	NOTE("tls_letsencrypt_listen", FL_KEY_ACCEPTED, NULL),
	NOTE("tls_letsencrypt_cache_dir", FL_KEY_ACCEPTED, NULL),
	NOTE("acme_url", FL_KEY_ACCEPTED, NULL),
	NOTE("acme_email", FL_KEY_ACCEPTED, NULL),

	NOTE("database.postgres.*", FL_KEY_LATER, "PostgreSQL"),
	NOTE("tls_letsencrypt_hostname", FL_KEY_LATER, "ACME certificates"),
	NOTE("preauth_keys.*", FL_KEY_LATER, "retention of revoked keys"),
	NOTE("oidc.*", FL_KEY_GUARDED, "OpenID Connect login"),

	NOTE("acl_policy_path", FL_KEY_REMOVED, "policy.path"),
	NOTE("dns_config.magic_dns", FL_KEY_SUPERSEDED, "dns.magic_dns"),
	NOTE("dns_config.base_domain", FL_KEY_SUPERSEDED, "dns.base_domain"),
	NOTE("dns_config.override_local_dns", FL_KEY_SUPERSEDED, "dns.override_local_dns"),
	NOTE("dns_config.nameservers", FL_KEY_SUPERSEDED, "dns.nameservers.global"),
	NOTE("dns_config.restricted_nameservers", FL_KEY_SUPERSEDED, "dns.nameservers.split"),
	NOTE("dns_config.domains", FL_KEY_SUPERSEDED, "dns.search_domains"),
	NOTE("dns_config.extra_records", FL_KEY_SUPERSEDED, "dns.extra_records"),
	NOTE("dns_config.*", FL_KEY_REMOVED, "dns"),
	NOTE("dns.use_username_in_magic_dns", FL_KEY_REMOVED,
	     "nothing: names no longer contain the user"),
	NOTE("oidc.strip_email_domain", FL_KEY_REMOVED, "nothing"),
	NOTE("oidc.map_legacy_users", FL_KEY_REMOVED, "nothing"),
	NOTE("oidc.expiry", FL_KEY_REMOVED, "node.expiry"),
	NOTE("randomize_client_port", FL_KEY_REMOVED, "a node attribute in the policy"),
	NOTE("ephemeral_node_inactivity_timeout", FL_KEY_RENAMED,
	     "node.ephemeral.inactivity_timeout"),
	NOTE("ip_prefixes", FL_KEY_REMOVED, "prefixes.v4 and prefixes.v6"),
	NOTE("db_type", FL_KEY_REMOVED, "database.type"),
	NOTE("db_path", FL_KEY_REMOVED, "database.sqlite.path"),
	NOTE("private_key_path", FL_KEY_REMOVED, "noise.private_key_path"),
	NOTE("grpc_listen_addr", FL_KEY_REMOVED, "the admin API on listen_addr"),
	NOTE("grpc_allow_insecure", FL_KEY_REMOVED, "the admin API on listen_addr"),
};
const size_t fl_keys_count = sizeof fl_keys / sizeof *fl_keys;

static bool covers(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len < 2 || strcmp(pattern + len - 2, ".*") != 0)
		return strcmp(pattern, name) == 0;
	return strncmp(pattern, name, len - 2) == 0 &&
	       (name[len - 2] == '\0' || name[len - 2] == '.');
}

const struct fl_key_def *fl_key_find(const char *name)
{
	const struct fl_key_def *found = NULL;

	for (size_t i = 0; i < fl_keys_count; i++) {
		if (strcmp(fl_keys[i].name, name) == 0)
			return &fl_keys[i];
		if (found == NULL && covers(fl_keys[i].name, name))
			found = &fl_keys[i];
	}
	return found;
}

const char *fl_key_nearest(const char *name)
{
	const char *best = NULL;
	size_t least = 3;

	for (size_t i = 0; i < fl_keys_count; i++) {
		if (fl_keys[i].status >= FL_KEY_REMOVED)
			continue;
		size_t d = fl_str_distance(fl_slice_str(name), fl_slice_str(fl_keys[i].name));
		if (d < least) {
			least = d;
			best = fl_keys[i].name;
		}
	}
	return best;
}

bool fl_key_is_group(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < fl_keys_count; i++) {
		if (strncmp(fl_keys[i].name, name, len) == 0 && fl_keys[i].name[len] == '.')
			return true;
	}
	return false;
}
