/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/relay.c - fairlead relay: derper's flags on a relay of ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/service.h"
#include "io/file.h"
#include "services/config/check.h"
#include "services/relay/standalone.h"

enum { DEV_PORT = 3340, MAP_MAX = 8192 };

struct relay {
	struct fl_cli *cli;
	struct fl_service service;
	struct fl_relay_standalone_config cfg;
	struct fl_relay_standalone *relay;
	char folder[FL_CLI_PATH_MAX], key[FL_CLI_PATH_MAX + 16];
	char cert[FL_CLI_PATH_MAX + 300], cert_key[FL_CLI_PATH_MAX + 300];
};

/* ---- flags ---- */

static int bad_address(struct relay *r, const char *flag)
{
	return fl_cli_fail(
		r->cli, FL_EXIT_USAGE, "Write it like :443, 127.0.0.1:8443 or [::1]:443.",
		"--%s: '%s' is not an address and port", flag, fl_args_text(&r->cli->args, flag));
}

static int read_address(struct relay *r, const char *flag, struct fl_addrport *out)
{
	const char *text = fl_args_text(&r->cli->args, flag);

	if (text == NULL || text[0] == '\0')
		return FL_EXIT_DONE;
	return fl_config_listen_parse(text, out) == FL_OK ? FL_EXIT_DONE : bad_address(r, flag);
}

/* A port beside the main one, on the same address. -1: none. */
static int read_port(struct relay *r, const char *flag, struct fl_addrport *out)
{
	const char *text = fl_args_text(&r->cli->args, flag);
	uint64_t port;

	if (text[0] == '-')
		return FL_EXIT_DONE;
	if (fl_u64_parse(fl_slice_str(text), &port) != FL_OK || port > UINT16_MAX)
		return fl_cli_fail(r->cli, FL_EXIT_USAGE, NULL, "--%s: '%s' is not a port", flag,
				   text);
	*out = (struct fl_addrport){ .ip = r->cfg.at.ip, .port = (uint16_t)port };
	return FL_EXIT_DONE;
}

static int read_addresses(struct relay *r)
{
	int code = read_address(r, "listen", &r->cfg.at);

	if (fl_args_on(&r->cli->args, "dev") && !fl_args_has(&r->cli->args, "listen"))
		r->cfg.at.port = DEV_PORT;
	if (code == FL_EXIT_DONE)
		code = read_port(r, "http-port", &r->cfg.http_at);
	if (code == FL_EXIT_DONE && fl_args_on(&r->cli->args, "stun"))
		code = read_port(r, "stun-port", &r->cfg.stun_at);
	if (code == FL_EXIT_DONE)
		code = read_address(r, "metrics", &r->cfg.metrics_at);
	return code;
}

static const char *default_folder(void)
{
	const char *dir = getenv("STATE_DIRECTORY");
	if (dir != NULL && dir[0] != '\0')
		return dir;
	return geteuid() == 0 ? "/var/lib/fairlead-relay" : "var/relay";
}

static int choose_files(struct relay *r)
{
	struct fl_relay_standalone_config *cfg = &r->cfg;
	const char *dir = fl_args_text(&r->cli->args, "certdir");
	const char *key = fl_args_text(&r->cli->args, "key");
	struct fl_fault fault = { "" };

	if (fl_args_on(&r->cli->args, "dev")) {
		cfg->mode = FL_LISTEN_PLAIN;
		cfg->relay_key_path = key;
		return FL_EXIT_DONE;
	}
	if (!fl_str_copy(r->folder, sizeof r->folder,
			 fl_slice_str(dir != NULL ? dir : default_folder())) ||
	    strlen(cfg->host) > 253 || strchr(cfg->host, '/') != NULL)
		return fl_cli_fail(r->cli, FL_EXIT_USAGE, NULL,
				   "--certdir or --hostname cannot be used");
	if (fl_dir_make(r->folder, 0700, &fault) != FL_OK)
		return fl_cli_fail(r->cli, FL_EXIT_FAILED, "Name another folder with --certdir.",
				   "%s", fault.text);
	snprintf(r->key, sizeof r->key, "%s/relay.key", r->folder);
	snprintf(r->cert, sizeof r->cert, "%s/%s.crt", r->folder, cfg->host);
	snprintf(r->cert_key, sizeof r->cert_key, "%s/%s.key", r->folder, cfg->host);
	cfg->mode = FL_LISTEN_TLS;
	cfg->relay_key_path = key != NULL ? key : r->key;
	cfg->cert_path = r->cert;
	cfg->key_path = r->cert_key;
	cfg->self_signed = true;
	return FL_EXIT_DONE;
}

/* For the relay 0 is the default and less is never. */
static int64_t write_timeout(const struct fl_args *a)
{
	int64_t timeout = fl_args_duration(a, "tcp-write-timeout");
	return timeout > 0 ? timeout : -1;
}

static int read_flags(struct relay *r)
{
	const struct fl_args *a = &r->cli->args;

	if (a->words > 0 && strcmp(a->word[0], "run") != 0)
		return fl_cli_fail(r->cli, FL_EXIT_USAGE, "See: fairlead help relay",
				   "unexpected argument '%s'", a->word[0]);
	r->cfg = (struct fl_relay_standalone_config){
		.host = fl_args_text(a, "hostname"),
		.rate_path = fl_args_text(a, "rate-config"),
		.allow_path = fl_args_text(a, "allow-keys"),
		.stun_answer_any = fl_args_on(a, "stun-any"),
		.accept_rate = (uint32_t)fl_args_number(a, "accept-connection-limit"),
		.accept_burst = (uint32_t)fl_args_number(a, "accept-connection-burst"),
		.relay = {
			.verify_url = fl_args_text(a, "verify-client-url"),
			.verify_fail_open = fl_args_on(a, "verify-client-url-fail-open"),
			.derp_off = !fl_args_on(a, "derp"),
			.advise_bytes = fl_args_number(a, "advise-rate"),
			.advise_burst = fl_args_number(a, "advise-burst"),
			.write_timeout = write_timeout(a),
		},
	};
	if (r->cfg.accept_rate > 0 && r->cfg.accept_burst == 0)
		r->cfg.accept_burst = r->cfg.accept_rate;
	int code = read_addresses(r);
	return code == FL_EXIT_DONE ? choose_files(r) : code;
}

/* ---- run ---- */

static void on_reload(void *ctx)
{
	struct relay *r = ctx;
	struct fl_fault fault = { "" };

	if (fl_relay_standalone_reload(r->relay, &fault) == FL_OK)
		fl_log_info("reloaded");
	else
		fl_log_error("not reloaded, what is in use stays", FL_LS("reason", fault.text));
}

static void print_map(struct relay *r)
{
	struct fl_buf map = fl_buf_make(MAP_MAX);
	uint64_t id = fl_args_number(&r->cli->args, "region-id");
	char at[FL_ADDRPORT_TEXT_MAX];
	struct fl_addrport bound = fl_relay_standalone_at(r->relay);

	fl_addrport_format(&bound, at);
	fl_log_info("relaying", FL_LS("at", at));
	fl_relay_standalone_map(r->relay, (unsigned)id, "fairlead", &map);
	if (fl_buf_err(&map) == FL_OK && !r->cli->out.quiet) {
		printf("Clients find this relay by this map (derp.paths of a control server):\n"
		       "%.*s\n",
		       (int)map.len, (const char *)map.ptr);
		fflush(stdout);
	}
	fl_buf_done(&map);
}

static int run(struct relay *r)
{
	struct fl_fault fault = { "" };

	enum fl_err err = fl_service_open(&r->service, on_reload, r);
	if (err != FL_OK)
		return fl_cli_fail(r->cli, FL_EXIT_FAILED, NULL, "cannot start: %s",
				   fl_err_text(err));
	err = fl_relay_standalone_start(r->service.loop, &r->cfg, &fault, &r->relay);
	if (err != FL_OK) {
		fl_service_close(&r->service);
		return fl_cli_fail(r->cli, FL_EXIT_FAILED, NULL, "the relay cannot start: %s",
				   fault.text[0] != '\0' ? fault.text : fl_err_text(err));
	}
	print_map(r);
	fl_service_run(&r->service);
	r->relay = fl_relay_standalone_stop(r->relay, FL_SERVICE_GRACE);
	fl_service_close(&r->service);
	fl_log_info("stopped");
	return FL_EXIT_DONE;
}

int fl_cmd_relay(struct fl_cli *c)
{
	struct relay *r = calloc(1, sizeof *r);
	if (r == NULL)
		return FL_EXIT_FAILED;
	r->cli = c;
	fl_service_prepare(FL_LOG_INFO, FL_LOG_TEXT);
	int code = read_flags(r);
	if (code == FL_EXIT_DONE)
		code = run(r);
	free(r);
	return code;
}
