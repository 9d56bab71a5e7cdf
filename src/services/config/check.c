/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/check.c - the rules between settings, each with key, value, rule and remedy. */
#include "services/config/check.h"
#include "services/config/hub.h"

#define SHORTEST_EPHEMERAL      (65 * FL_SEC)
#define SHORTEST_PROBE_INTERVAL (2 * FL_SEC)
#define SHORTEST_PROBE          FL_SEC

/* "host", "host:port", "[v6]" or "[v6]:port"; an empty port means there was none. */
static bool split_host(struct fl_slice text, struct fl_slice *out_host, struct fl_slice *out_port)
{
	bool bracket = text.len > 0 && text.ptr[0] == '[';
	const uint8_t *end = text.len > 0 ? memchr(text.ptr, bracket ? ']' : ':', text.len) : NULL;
	struct fl_slice host = text, rest = { 0 };

	if (bracket && end == NULL)
		return false;
	if (end != NULL) {
		host = fl_slice_of(text.ptr + bracket, (size_t)(end - text.ptr) - bracket);
		rest = fl_slice_skip(text, (size_t)(end - text.ptr) + bracket);
	}
	if (rest.len > 0 && (rest.ptr[0] != ':' || rest.len == 1))
		return false;
	*out_host = host;
	*out_port = fl_slice_skip(rest, 1);
	return true;
}

bool fl_config_url_parse(const char *url, struct fl_config_url *out)
{
	struct fl_config_url u = { .https = strncmp(url, "https://", 8) == 0 };
	struct fl_slice host, port;
	uint64_t number = u.https ? 443 : 80;

	if (!u.https && strncmp(url, "http://", 7) != 0)
		return false;
	const char *rest = url + (u.https ? 8 : 7);
	size_t len = strcspn(rest, "/?#");
	if (rest[len] != '\0' && strcmp(rest + len, "/") != 0)
		return false;
	if (!split_host(fl_slice_of(rest, len), &host, &port) || host.len == 0 ||
	    !fl_str_copy(u.host, sizeof u.host, host))
		return false;
	if (port.len > 0 &&
	    (fl_u64_parse(port, &number) != FL_OK || number == 0 || number > UINT16_MAX))
		return false;
	u.port = (uint16_t)number;
	*out = u;
	return true;
}

static void check_listen(const char *key, const char *text, bool required,
			 struct fl_config_report *r)
{
	struct fl_addrport at;

	if (text[0] == '\0' && !required)
		return;
	if (fl_config_listen_parse(text, &at) != FL_OK)
		fl_config_say(&r->errors,
			      "%s: '%s' is not an address and port; write it like 0.0.0.0:8080 or "
			      "[::]:8080",
			      key, text);
}

static bool ends_with_domain(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);
	return h > d && host[h - d - 1] == '.' &&
	       fl_str_ieq(fl_slice_str(host + h - d), fl_slice_str(domain));
}

static void check_url(const struct fl_config *c, struct fl_config_report *r)
{
	struct fl_config_url url;

	if (!fl_config_url_parse(c->server_url, &url)) {
		fl_config_say(&r->errors,
			      "server_url: '%s' is not a URL clients can use; write it like "
			      "https://vpn.example.com or http://127.0.0.1:8080",
			      c->server_url);
		return;
	}
	if (c->dns.base_domain[0] != '\0' &&
	    (fl_str_ieq(fl_slice_str(url.host), fl_slice_str(c->dns.base_domain)) ||
	     ends_with_domain(url.host, c->dns.base_domain)))
		fl_config_say(
			&r->errors,
			"server_url: its host '%s' lies inside dns.base_domain '%s': clients could "
			"no longer find the server once they are connected; choose another "
			"base_domain",
			url.host, c->dns.base_domain);
	if (url.https && c->tls_cert_path[0] == '\0')
		fl_config_say(&r->warnings, "server_url is https but tls_cert_path is not set: "
					    "that works only behind a "
					    "proxy that ends TLS");
}

static bool valid_domain(const char *name)
{
	size_t label = 0, len = strlen(name);

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		char ch = name[i];
		bool word = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
			    (ch >= '0' && ch <= '9');
		if (ch == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (word || ch == '-') {
			if (++label > 63)
				return false;
		} else {
			return false;
		}
	}
	return label > 0;
}

static void check_dns(const struct fl_config *c, struct fl_config_report *r)
{
	if (c->dns.base_domain[0] != '\0' && !valid_domain(c->dns.base_domain))
		fl_config_say(&r->errors, "dns.base_domain: '%s' is not a domain name",
			      c->dns.base_domain);
	if (c->dns.magic_dns && c->dns.base_domain[0] == '\0')
		fl_config_say(
			&r->errors,
			"dns.magic_dns needs dns.base_domain: set one, like tail.example.com");
	if (c->dns.override_local_dns && c->dns.nameservers.len == 0)
		fl_config_say(&r->errors, "dns.override_local_dns needs dns.nameservers.global: "
					  "name at least one, or set "
					  "override_local_dns to false");
	if (c->dns.records_path[0] != '\0' && c->dns.records_count > 0)
		fl_config_say(&r->errors, "dns.extra_records and dns.extra_records_path: set one; "
					  "the file could hold all records");
}

static void check_prefixes(const struct fl_config *c, struct fl_config_report *r)
{
	if (!fl_ip_is_set(&c->prefix4.ip) && !fl_ip_is_set(&c->prefix6.ip))
		fl_config_say(&r->errors, "prefixes: at least one of v4 and v6 is needed");
	if (fl_ip_is_set(&c->prefix4.ip) && c->prefix4.ip.family != FL_IP_V4)
		fl_config_say(&r->errors, "prefixes.v4 holds an IPv6 prefix");
	if (fl_ip_is_set(&c->prefix6.ip) && c->prefix6.ip.family != FL_IP_V6)
		fl_config_say(&r->errors, "prefixes.v6 holds an IPv4 prefix");
}

static void check_relay(const struct fl_config *c, struct fl_config_report *r)
{
	if (c->derp_update_frequency != 0 && c->derp_update_frequency < FL_MIN && !c->short_timers)
		fl_config_say(&r->errors,
			      "derp.update_frequency: must be at least 1m, or 0 for never");
	if (!c->derp_server.enabled) {
		if (c->derp_urls.len == 0 && c->derp_paths.len == 0)
			fl_config_say(
				&r->errors,
				"derp: no relay at all; enable derp.server, or name derp.paths or "
				"derp.urls: clients cannot start without one");
		return;
	}
	if (c->derp_server.region_id == 0)
		fl_config_say(
			&r->errors,
			"derp.server.region_id: must be greater than 0; 900 to 999 are for you");
	check_listen("derp.server.stun_listen_addr", c->derp_server.stun_listen_addr, true, r);
	if (strcmp(c->derp_server.private_key_path, c->noise_private_key_path) == 0)
		fl_config_say(&r->errors, "derp.server.private_key_path and noise.private_key_path "
					  "must be different files");
	if (!c->derp_server.automatically_add_region && c->derp_paths.len == 0)
		fl_config_say(&r->errors, "derp.server.automatically_add_embedded_derp_region: "
					  "false needs derp.paths");
}

static void check_files(const struct fl_config *c, struct fl_config_report *r)
{
	if ((c->tls_cert_path[0] == '\0') != (c->tls_key_path[0] == '\0'))
		fl_config_say(&r->errors, "tls_cert_path and tls_key_path: set both or neither");
	if (strcmp(c->database_type, "sqlite") != 0 && strcmp(c->database_type, "sqlite3") != 0)
		fl_config_say(&r->errors,
			      "database.type: '%s' is not built in; this version stores in sqlite",
			      c->database_type);
	if (strcmp(c->policy_mode, "file") != 0 && strcmp(c->policy_mode, "database") != 0)
		fl_config_say(&r->errors,
			      "policy.mode: '%s' is neither file (policy.path names it) nor "
			      "database (set with 'fairlead policy set')",
			      c->policy_mode);
	if (c->sqlite_wal_autocheckpoint < -1)
		fl_config_say(&r->errors, "database.sqlite.wal_autocheckpoint: must be -1 or more");
	if ((c->unix_socket_permission & 07) != 0)
		fl_config_say(
			&r->warnings,
			"unix_socket_permission %04o lets every local user administer the server",
			c->unix_socket_permission);
}

static void check_probes(const struct fl_config *c, struct fl_config_report *r)
{
	if (c->probe_interval == 0)
		return;
	if (!c->short_timers && c->probe_interval < SHORTEST_PROBE_INTERVAL)
		fl_config_say(&r->errors, "node.routes.ha.probe_interval: must be at least 2s, or "
					  "0 for no probes");
	if (!c->short_timers && c->probe_limit < SHORTEST_PROBE)
		fl_config_say(&r->errors, "node.routes.ha.probe_timeout: must be at least 1s");
	if (c->probe_limit >= c->probe_interval)
		fl_config_say(&r->errors, "node.routes.ha.probe_timeout: must be less than "
					  "probe_interval");
}

static void check_debug(const struct fl_config *c, struct fl_config_report *r)
{
	struct fl_prefix p;

	for (size_t i = 0; i < c->debug_allow.len; i++) {
		if (fl_prefix_parse(fl_slice_str(c->debug_allow.at[i]), &p) != FL_OK)
			fl_config_say(&r->errors,
				      "debug.allow: '%s' is no prefix, like 192.0.2.0/24",
				      c->debug_allow.at[i]);
		else if (p.bits == 0)
			fl_config_say(&r->errors,
				      "debug.allow: '%s' would let everybody look; name a prefix",
				      c->debug_allow.at[i]);
	}
}

void fl_config_check(const struct fl_config *c, struct fl_config_report *r)
{
	check_url(c, r);
	check_listen("listen_addr", c->listen_addr, true, r);
	check_listen("metrics_listen_addr", c->metrics_listen_addr, false, r);
	check_prefixes(c, r);
	check_dns(c, r);
	check_relay(c, r);
	check_files(c, r);
	check_probes(c, r);
	check_debug(c, r);
	fl_config_hub_check(c, r);
	if (c->ephemeral_timeout <= SHORTEST_EPHEMERAL && !c->short_timers)
		fl_config_say(
			&r->errors,
			"node.ephemeral.inactivity_timeout: must be more than 65s, or nodes that "
			"reconnect slowly would be deleted");
	if (c->io_workers < -1 || c->io_workers > FL_IO_WORKERS_MAX)
		fl_config_say(&r->errors, "tuning.io_workers: must be between -1 and %d",
			      FL_IO_WORKERS_MAX);
	if (c->register_cache_max == 0)
		fl_config_say(&r->errors, "tuning.register_cache_max_entries: must be at least 1");
	if (c->register_cache_expiration == 0)
		fl_config_say(&r->errors,
			      "tuning.register_cache_expiration: must be more than 0, or no login "
			      "could be approved");
	if (c->cli_address[0] != '\0' && c->cli_api_key[0] == '\0')
		fl_config_say(
			&r->errors,
			"cli.address needs cli.api_key: create one with 'fairlead apikeys create'");
	if (c->short_timers)
		fl_config_say(&r->warnings,
			      "debug.short_timers is on: waits may be below their minimums");
}
