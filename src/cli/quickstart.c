/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/quickstart.c - the first minute: a user, a key that works, and the line to paste.
 *
 * The key is kept in a file beside the database, so that the next start prints the same line. When
 * it has expired, was revoked, lost its user or belongs to another database, a new one takes its
 * place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/serve.h"
#include "crypto/token.h"
#include "io/file.h"

#define USER     "default"
#define KEY_LIFE (90 * FL_DAY)

struct fl_quickstart {
	struct fl_cli *cli;
	struct fl_loop *loop;
	struct fl_core *core;
	struct fl_deferred deferred;
	struct fl_core_wait wait;
	struct fl_token token;
	char *dir, *url, *socket, *listen;
	char file[FL_CLI_PATH_MAX]; /* of the key */
	bool waiting;
};

/* ---- the block of text ---- */

static void print_block(struct fl_quickstart *q)
{
	const char *program = strchr(q->cli->program, '/') != NULL ? q->cli->program : "fairlead";
	char call[FL_CLI_PATH_MAX];

	/* With the socket: that is right whatever other settings this machine has. */
	snprintf(call, sizeof call, "%s --socket %s", program, q->socket);
	printf("\n"
	       "Fairlead is running at %s\n"
	       "\n"
	       "Join a machine (with the tailscale client):\n"
	       "  tailscale up --login-server %s --auth-key %s\n"
	       "\n"
	       "Administer, in another terminal, from this folder:\n"
	       "  %s nodes list\n"
	       "  %s users create alice\n"
	       "  %s preauthkeys create -u alice\n"
	       "  %s help\n"
	       "\n",
	       q->url, q->url, q->token.text, call, call, call, call);
	if (strncmp(q->listen, "127.", 4) == 0)
		printf("Only this machine can reach it; for others see README.md.\n");
	printf("All data is in %s/; the key above is in %s.\n"
	       "Ctrl-C stops it. The next start goes on with the same state.\n\n",
	       q->dir, q->file);
	fflush(stdout);
}

/* ---- user and key ---- */

static enum fl_err find_user(struct fl_quickstart *q, fl_wall now, struct fl_fault *fault,
			     fl_user_id *out)
{
	const struct fl_user *u = fl_state_user_by_name(q->core->state, USER);
	const struct fl_user_fields fields = { .name = USER };

	if (u == NULL)
		return fl_state_user_create(q->core->state, now, &fields, fault, out);
	*out = u->id;
	return FL_OK;
}

/* Does the file's key still let nodes in? Then it is in q->token. */
static bool read_key(struct fl_quickstart *q, fl_wall now)
{
	struct fl_buf text = fl_buf_make(FL_TOKEN_TEXT_MAX + 1);
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	struct fl_slice secret;
	bool good = false;

	if (fl_file_read(q->file, FL_TOKEN_TEXT_MAX, NULL, &text) == FL_OK) {
		struct fl_slice token = fl_buf_slice(&text);
		while (token.len > 0 && token.ptr[token.len - 1] <= ' ')
			token.len--;
		if (fl_token_parse(FL_TOKEN_AUTH, token, prefix, &secret) == FL_OK) {
			const struct fl_preauth *k =
				fl_state_preauth_by_prefix(q->core->state, prefix);
			good = k != NULL && fl_token_matches(secret, k->hash) && k->reusable &&
			       k->revoked == 0 && (k->expiration == 0 || k->expiration > now) &&
			       !fl_state_key_is_orphan(q->core->state, k);
		}
		if (good)
			fl_str_copy(q->token.text, sizeof q->token.text, token);
	}
	fl_buf_wipe(&text);
	return good;
}

static enum fl_err make_key(struct fl_quickstart *q, fl_wall now, struct fl_fault *fault)
{
	struct fl_preauth_fields fields = { .reusable = true, .expiration = now + KEY_LIFE };
	fl_key_id id;

	enum fl_err err = find_user(q, now, fault, &fields.user);
	if (err != FL_OK)
		return err;
	fl_token_new(FL_TOKEN_AUTH, &q->token);
	memcpy(fields.prefix, q->token.prefix, sizeof fields.prefix);
	memcpy(fields.hash, q->token.hash, sizeof fields.hash);
	return fl_state_preauth_create(q->core->state, now, &fields, fault, &id);
}

static void on_committed(void *ctx, enum fl_err err, const struct fl_fault *commit)
{
	struct fl_quickstart *q = ctx;
	struct fl_fault fault = { "" };
	char line[FL_TOKEN_TEXT_MAX + 1];

	q->waiting = false;
	if (err != FL_OK) {
		fl_log_error("quick start: no key", FL_LS("reason", commit->text));
		return;
	}
	int len = snprintf(line, sizeof line, "%s\n", q->token.text);
	if (fl_file_write(q->file, 0600, fl_slice_of(line, (size_t)len), &fault) != FL_OK)
		fl_log_warn("quick start: the key is not kept", FL_LS("reason", fault.text));
	fl_wipe(line, sizeof line);
	print_block(q);
}

static void begin(void *ctx)
{
	struct fl_quickstart *q = ctx;
	struct fl_fault fault = { "" };
	fl_wall now = fl_loop_wall(q->loop);

	if (read_key(q, now)) {
		print_block(q);
		return;
	}
	if (make_key(q, now, &fault) != FL_OK) {
		fl_log_error("quick start: no key", FL_LS("reason", fault.text));
		return;
	}
	q->wait = (struct fl_core_wait){ .fn = on_committed, .ctx = q };
	q->waiting = true;
	fl_core_wait(q->core, &q->wait);
}

/* ---- life ---- */

enum fl_err fl_quickstart_new(struct fl_cli *c, const struct fl_config *config, const char *dir,
			      struct fl_quickstart **out)
{
	struct fl_quickstart *q = calloc(1, sizeof *q);
	if (q == NULL)
		return FL_ERR_NOMEM;
	q->cli = c;
	q->dir = fl_str_dup(fl_slice_str(dir));
	q->url = fl_str_dup(fl_slice_str(config->server_url));
	q->socket = fl_str_dup(fl_slice_str(config->unix_socket));
	q->listen = fl_str_dup(fl_slice_str(config->listen_addr));
	size_t len = (size_t)snprintf(q->file, sizeof q->file, "%s/quickstart.key", dir);
	if (q->dir == NULL || q->url == NULL || q->socket == NULL || q->listen == NULL ||
	    len >= sizeof q->file) {
		fl_quickstart_free(q);
		return FL_ERR_NOMEM;
	}
	*out = q;
	return FL_OK;
}

void fl_quickstart_begin(struct fl_quickstart *q, struct fl_loop *loop, struct fl_server *server)
{
	q->loop = loop;
	q->core = fl_control_core(fl_server_control(server));
	q->deferred = (struct fl_deferred){ .fn = begin, .ctx = q };
	fl_loop_defer(loop, &q->deferred);
}

struct fl_quickstart *fl_quickstart_free(struct fl_quickstart *q)
{
	if (q == NULL)
		return NULL;
	free(q->dir);
	free(q->url);
	free(q->socket);
	free(q->listen);
	fl_wipe(q, sizeof *q);
	free(q);
	return NULL;
}
