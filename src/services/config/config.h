/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/config/config.h - the server's settings: from YAML and the environment, checked as a
 * whole.
 *
 * The keys are headscale's, so that a config.yaml of it is read unchanged. Unknown and ill-typed
 * keys are errors with file, line, key and the nearest valid name; keys of features that are not
 * built in are warnings, or errors where ignoring them would open access. All errors are reported
 * at once.
 *
 * Memory  strings are owned by the struct. Relative paths start at the folder of the file.
 */
#ifndef FL_SERVICES_CONFIG_CONFIG_H
#define FL_SERVICES_CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/jw.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "domain/state/state.h"

enum { FL_IO_WORKERS_MAX = 8 }; /* more only wait for the one that answers */

struct fl_config_split {
	char *domain;
	struct fl_strlist resolvers;
};
struct fl_config_record {
	char *name, *type, *value;
};
/* A device that the hub trusts from its first start on. */
struct fl_config_device {
	char *ski;            /* 40 lower-case digits */
	char *name, *ship_id; /* "" = none, not known */
	uint32_t allow;       /* bit n: category n; 0: any */
};

struct fl_config {
	char *file;                /* what was read, NULL if defaults only */
	bool strict;               /* default true */
	char *server_url;          /* "http://127.0.0.1:8080" */
	char *listen_addr;         /* "127.0.0.1:8080" */
	char *metrics_listen_addr; /* "" = off */
	struct fl_prefix *trusted_proxies;
	size_t trusted_proxies_count;
	struct fl_strlist debug_allow; /* prefixes that may ask /debug, besides those near */
	char *noise_private_key_path;
	struct fl_prefix prefix4, prefix6; /* unset = off */
	enum fl_ip_allocation allocation;
	struct {
		bool enabled, verify_clients, automatically_add_region;
		char *verify_client_url; /* "" = not asked */
		bool verify_client_url_fail_open;
		uint32_t rate_limit, rate_burst; /* bytes a second and at once; 0 = no limit */
		uint32_t region_id;
		char *region_code, *region_name, *stun_listen_addr, *private_key_path, *ipv4, *ipv6;
	} derp_server;
	struct fl_strlist derp_urls, derp_paths;
	bool derp_auto_update;
	int64_t derp_update_frequency;
	int64_t node_expiry;       /* 0 = never */
	int64_t ephemeral_timeout; /* default 120 s, more than 65 s unless short_timers */
	/* Of routers that share a subnet: every 10 s (0 = never), 5 s for an answer. */
	int64_t probe_interval, probe_limit;
	char *database_type; /* "sqlite" or "sqlite3" */
	char *sqlite_path;
	bool sqlite_wal;
	int sqlite_wal_autocheckpoint;
	char *tls_cert_path, *tls_key_path; /* "" = none */
	enum fl_log_level log_level;
	enum fl_log_format log_format;
	struct {
		bool magic_dns;
		bool override_local_dns; /* unset: true iff there are nameservers */
		char *base_domain;
		struct fl_strlist nameservers, search_domains;
		struct fl_config_split *split;
		size_t split_count;
		struct fl_config_record *records;
		size_t records_count;
		char *records_path; /* "" = none; services/config/records.h */
	} dns;
	char *policy_mode;                /* "file" or "database" */
	char *policy_path;                /* "" = no policy: everything is allowed */
	struct fl_strlist policy_domains; /* e-mail domains that belong to the tailnet */
	char *unix_socket;
	uint32_t unix_socket_permission; /* mode bits */
	bool logtail, taildrop, auto_update;
	struct {                          /* the device hub, `fairlead ship` */
		char *listen, *state_dir; /* state_dir "" = by who runs it */
		char *mdns, *double_connections;
		char *id, *instance, *brand, *model, *type, *serial; /* "" = none, or made once */
		struct fl_strlist interfaces, categories;
		bool auto_accept;          /* a pairing window at the start */
		char *pin_file;            /* "" = no PIN is asked */
		char *metrics_listen_addr; /* "" = off */
		uint32_t connections_max, message_max;
		char *log_path; /* of messages; "" = off */
		uint32_t log_max;
		bool log_redact;
		struct fl_config_device *trusted;
		size_t trusted_count;
	} ship;
	int64_t register_cache_expiration; /* 15 min */
	uint32_t register_cache_max;       /* 1024 */
	uint32_t strangers_per_source;     /* 64 */
	int io_workers;                    /* -1: by the processors */
	char *cli_address, *cli_api_key;
	int64_t cli_timeout;
	bool cli_insecure;
	/*
	 * debug.short_timers, for tests, logged as a warning: minimums of waits are not checked;
	 * grace 1 s, keep-alive 2 s, expiry scan 200 ms; 2 s for a first byte, a request's head and
	 * the first request inside Noise, 3 s for a body.
	 */
	bool short_timers;
};

/*
 * Everything wrong with the settings, one line each:
 * "config.yaml:12:3: dns.base_domian: unknown key; did you mean dns.base_domain?"
 */
struct fl_config_report {
	struct fl_strlist errors, warnings;
	bool client; /* given: only to reach a server, so paths of its own process do not matter */
};
void fl_config_report_done(struct fl_config_report *r);

/*
 * Reads `path` (NULL: FAIRLEAD_CONFIG, HEADSCALE_CONFIG, then ./config.yaml, ~/.fairlead,
 * /etc/fairlead; none found = defaults; "": no file), applies FAIRLEAD_* and HEADSCALE_*
 * environment overrides and checks everything. Default paths lie below `state_dir`
 * (NULL: $STATE_DIRECTORY, else /var/lib/fairlead as root, else ./var).
 * Errors: FL_ERR_INVALID with report->errors; FL_ERR_NOT_FOUND; FL_ERR_IO.
 */
FL_MUST enum fl_err fl_config_load(const char *path, const char *state_dir,
				   struct fl_config_report *report, struct fl_config **out);
struct fl_config *fl_config_free(struct fl_config *c);

/* Lines for the framed warning of a non-standard prefix; 0 if both lie in the standard ranges. */
size_t fl_config_prefix_warning(const struct fl_config *c, const char *out_lines[static 12]);

/* A box of constant width (64 columns) around lines, for critical warnings. Long text wraps. */
void fl_banner(const char *const *lines, size_t count, struct fl_buf *out);

/* Names, separated by ", ", of the keys that differ and that a running server does not take on. */
void fl_config_restart_keys(const struct fl_config *a, const struct fl_config *b,
			    struct fl_buf *out);

/* All effective values as YAML, secrets masked. */
void fl_config_dump(const struct fl_config *c, struct fl_buf *out);

/* The same as one JSON object of dotted names; credentials inside URLs are masked too. */
void fl_config_json(const struct fl_config *c, struct fl_jw *w);

#endif
