/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/cli.h - what the commands share: their arguments, the way to the server, errors, questions.
 *
 *   cli.c      start, errors, prompts       client.c  requests to the admin API
 *   pick.c     nodes, users and keys by what people call them
 *   user.c node.c ask.c route.c key.c auth.c debug.c misc.c  the commands; policies: policy.h
 *   serve.c quickstart.c relay.c notify.c        the services
 *   ship.h                                       the device hub, and the commands to it
 *
 * Thread  one.
 */
#ifndef FL_CLI_CLI_H
#define FL_CLI_CLI_H

#include "base/jw.h"
#include "cli/command.h"
#include "cli/output.h"
#include "services/config/config.h"
#include "wire/json.h"

enum { FL_CLI_PATH_MAX = 4096 };

struct fl_cli {
	const char *program; /* as it was called */
	bool headscale; /* by that name: its data, its search for settings, 1 for each failure */
	bool hub;       /* a command of `ship`: requests go to the hub's socket */
	int argc;       /* behind the program's name */
	char **argv;
	struct fl_args args;
	struct fl_output out;
	struct fl_config *config; /* NULL until fl_cli_config */
	char socket[FL_CLI_PATH_MAX];
	char config_path[FL_CLI_PATH_MAX];
	int64_t timeout; /* of requests, 0 = from the settings */
	bool silent;     /* no word on failure (completion) */
	char field[64];  /* what a failure is about, for programs: a flag, or a field of the API */
};

/* Runs the program; what main returns. */
int fl_cli_main(int argc, char **argv);

/* ---- cli.c ---- */

/* Says what failed and what to do (`hint` may be NULL) on stderr, and gives `code`. */
int fl_cli_fail(struct fl_cli *c, enum fl_exit code, const char *hint, const char *fmt, ...)
	FL_PRINTF(4, 5);

/* A line on stdout for people; nothing where a program reads, or with --quiet. */
void fl_cli_say(struct fl_cli *c, const char *fmt, ...) FL_PRINTF(2, 3);

/* The file of settings: -c, else what the program's name makes of it; NULL: the usual search. */
const char *fl_cli_config_path(struct fl_cli *c);

/* "fairlead", or the name whose ways it has. */
const char *fl_cli_name(const struct fl_cli *c);

/* Loads the settings once; FL_EXIT_DONE, or the code of a failure that was reported. */
int fl_cli_config(struct fl_cli *c);

/* Sets the socket to use, from arguments, settings and where there is one now. */
void fl_cli_choose_socket(struct fl_cli *c);

/* Of a server that was started in this folder: is it ours or root's, and nobody else's? */
bool fl_cli_is_safe_socket(const char *path);

/* The framed warning of prefixes outside the standard ranges, on stderr, if it is due. */
void fl_cli_warn_of_prefixes(const struct fl_config *config);

/* Asks before something is destroyed. FL_EXIT_DONE: go on. */
int fl_cli_confirm(struct fl_cli *c, const char *fmt, ...) FL_PRINTF(2, 3);

/* Are the columns asked for among those of `r`? FL_EXIT_USAGE otherwise, and it was said. */
int fl_cli_check_columns(struct fl_cli *c, const struct fl_resource *r);

/* The exit code that fits a failed local operation. */
enum fl_exit fl_cli_exit_of(enum fl_err err);

/* An argument that may be given as a flag or as the first word. NULL: neither. */
const char *fl_cli_choice(struct fl_cli *c, const char *flag);

/* ---- client.c ---- */

/* An answer of the server. `doc` is NULL until there was one. */
struct fl_answer {
	struct fl_buf body;
	struct fl_json *doc;
};
void fl_answer_done(struct fl_answer *a);

/*
 * Sends and reads the answer. While nobody listens at the socket it waits, as long as a request may
 * take, so that a command can follow `serve &`. A failure has been reported when the code
 * is not FL_EXIT_DONE.
 */
int fl_cli_ask(struct fl_cli *c, const char *method, const struct fl_buf *path,
	       const struct fl_buf *body, struct fl_answer *out);

/* The same, but whatever the status: *out holds the body alone, nothing was read of it. */
int fl_cli_send(struct fl_cli *c, const char *method, const struct fl_buf *path,
		const struct fl_buf *body, unsigned *out_status, struct fl_answer *out);

/* Reports an answer that is a refusal, and gives the code for it. */
int fl_cli_refused(struct fl_cli *c, unsigned status, struct fl_slice body);

/*
 * Gets a stream: its lines go to `line` as they come, until that says false (FL_EXIT_DONE) or the
 * stream ends (FL_EXIT_UNREACHABLE, and that was said).
 */
typedef bool fl_line_fn(void *ctx, struct fl_slice line);
int fl_cli_follow(struct fl_cli *c, const struct fl_buf *path, fl_line_fn *line, void *ctx);

/* As fl_cli_ask, without body and with a short path. */
int fl_cli_get(struct fl_cli *c, const char *path, struct fl_answer *out);

/* Appends with everything but letters, digits and -._~ percent-encoded. */
void fl_path_text(struct fl_buf *path, const char *text);

/* Prints the answer in the format asked for. */
int fl_cli_show(struct fl_cli *c, const struct fl_resource *r, const struct fl_answer *a);

/* Does the answer of a change go to stdout as data, rather than as a line for people? */
bool fl_cli_wants_data(const struct fl_cli *c);

/* Sends, then shows the answer as `r`; `done` (may be NULL) is the line for people. */
int fl_cli_run(struct fl_cli *c, const char *method, const struct fl_buf *path,
	       const struct fl_buf *body, const struct fl_resource *r, const char *done);

/* ---- pick.c ---- */

/* A thing of the server as a command needs it. */
struct fl_pick {
	uint64_t id;
	char name[256]; /* for messages; the given one when the server was not asked */
};
typedef int fl_pick_fn(struct fl_cli *c, const char *text, struct fl_pick *out);
fl_pick_fn fl_cli_pick_user, fl_cli_pick_node, fl_cli_pick_preauth;

/*
 * Does `fn` to what `text` names, or each line of the file in @FILE, and ends at the first failure.
 * All are found before the first is touched. `at`: the word behind the name.
 */
typedef int fl_each_fn(struct fl_cli *c, const struct fl_pick *one, size_t at);
int fl_cli_each(struct fl_cli *c, fl_pick_fn *pick, const char *text, fl_each_fn *fn);

/* Leaves in an answer those of `list` that `keep` takes. */
int fl_cli_keep(struct fl_cli *c, struct fl_answer *a, const char *list,
		bool (*keep)(void *ctx, struct fl_jv item), void *ctx);

/* ---- the commands ---- */
typedef int fl_cli_command(struct fl_cli *c);
fl_cli_command fl_cmd_serve, fl_cmd_relay, fl_cmd_configtest, fl_cmd_health, fl_cmd_dump_config,
	fl_cmd_version, fl_cmd_generate, fl_cmd_completion, fl_cmd_help, fl_cmd_complete;
fl_cli_command fl_cmd_user_create, fl_cmd_user_list, fl_cmd_user_show, fl_cmd_user_rename,
	fl_cmd_user_role, fl_cmd_user_delete;
fl_cli_command fl_cmd_node_list, fl_cmd_node_show, fl_cmd_node_rename, fl_cmd_node_expire,
	fl_cmd_node_delete, fl_cmd_node_tag, fl_cmd_node_approve_routes, fl_cmd_node_backfill,
	fl_cmd_node_ping, fl_cmd_node_health;
fl_cli_command fl_cmd_route_list, fl_cmd_route_approve, fl_cmd_route_revoke;
fl_cli_command fl_cmd_preauth_create, fl_cmd_preauth_list, fl_cmd_preauth_expire,
	fl_cmd_preauth_delete;
fl_cli_command fl_cmd_apikey_create, fl_cmd_apikey_list, fl_cmd_apikey_expire, fl_cmd_apikey_delete;
fl_cli_command fl_cmd_policy_check, fl_cmd_policy_fmt, fl_cmd_policy_get, fl_cmd_policy_set,
	fl_cmd_policy_edit, fl_cmd_policy_history, fl_cmd_policy_rollback, fl_cmd_policy_test,
	fl_cmd_policy_why, fl_cmd_policy_who_can, fl_cmd_policy_can, fl_cmd_policy_diff;
fl_cli_command fl_cmd_debug_sessions, fl_cmd_debug_changes, fl_cmd_debug_views;
fl_cli_command fl_cmd_ship_run, fl_cmd_ship_list, fl_cmd_ship_status, fl_cmd_ship_discover,
	fl_cmd_ship_pair, fl_cmd_ship_unpair, fl_cmd_ship_trust, fl_cmd_ship_refuse,
	fl_cmd_ship_connect, fl_cmd_ship_disconnect, fl_cmd_ship_pin, fl_cmd_ship_send,
	fl_cmd_ship_watch, fl_cmd_ship_log, fl_cmd_ship_qr, fl_cmd_ship_identity, fl_cmd_ship_probe;
fl_cli_command fl_cmd_auth_pending, fl_cmd_auth_register, fl_cmd_auth_approve, fl_cmd_auth_reject;

#endif
