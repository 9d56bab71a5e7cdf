/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/ssh.c - GET /machine/ssh/action/{src}/to/{dst}: may this SSH connection go on?
 *
 * The destination asks, and only it: its machine key is that of the connection. Whether the pair
 * needs a check, and how long an approval holds, is the policy's to say and nobody else's.
 *
 * Source: docs/lifecycle.md section 22; docs/policy.md 6.5, 6.6; docs/protocol/control.md 5.13.
 */
#include "services/control/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jw.h"
#include "base/log.h"

enum { ANSWER_MAX = 16 << 10, URL_MAX = 2200, MESSAGE_MAX = URL_MAX + 128 };

/* A request that waits for the word on a check. */
struct ask {
	struct fl_control *control;
	struct fl_http *x;
	struct fl_ssh_pair pair;
	struct fl_ssh_waiter waiter;
};

/* ---- answers: tailcfg.SSHAction ---- */

static void send_action(struct fl_http *x, struct fl_buf *out)
{
	if (fl_buf_err(out) == FL_OK)
		fl_http_respond(x, 200, "application/json", fl_buf_slice(out));
	else
		fl_control_text(x, 503, "answer could not be built; try again later\n");
	fl_buf_done(out);
}

static void respond_accept(struct fl_http *x)
{
	static const char text[] = "{\"accept\":true,\"allowAgentForwarding\":true,"
				   "\"allowLocalPortForwarding\":true,"
				   "\"allowRemotePortForwarding\":true}";

	fl_http_respond(x, 200, "application/json", fl_slice_str(text));
}

static void respond_reject(struct fl_http *x, const char *message)
{
	struct fl_buf out = fl_buf_make(ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	fl_jw_key(&w, "message");
	fl_jw_str(&w, message);
	fl_jw_key(&w, "reject");
	fl_jw_bool(&w, true);
	fl_jw_obj_end(&w);
	send_action(x, &out);
}

/* The client asks the address that it is given here until somebody has approved. */
static void respond_hold(struct fl_control *c, struct fl_http *x, const struct fl_ssh_check *k)
{
	char url[URL_MAX], message[MESSAGE_MAX];
	struct fl_buf out = fl_buf_make(ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	snprintf(message, sizeof message,
		 "# This SSH connection needs an approval.\n# To see it, visit: %s/auth/%s\n",
		 c->server_url, k->id);
	snprintf(url, sizeof url,
		 "%s/machine/ssh/action/%" PRIu64 "/to/%" PRIu64 "?auth_id=%s&local_user="
		 "$LOCAL_USER",
		 c->noise_url, k->pair.src, k->pair.dst, k->id);
	fl_jw_obj(&w);
	fl_jw_key(&w, "message");
	fl_jw_str(&w, message);
	fl_jw_key(&w, "holdAndDelegate");
	fl_jw_str(&w, url);
	fl_jw_obj_end(&w);
	send_action(x, &out);
}

/* ---- what the policy says ---- */

static bool needs_check(const struct fl_control *c, struct fl_ssh_pair pair, int64_t *out_period)
{
	const struct fl_policy *p = fl_governing(c->core->policy);

	return p != NULL && fl_policy_ssh_check(p, pair.src, pair.dst, out_period);
}

static const char *name_of(const struct fl_control *c, fl_node_id id)
{
	const struct fl_node *n = fl_state_node(c->core->state, id);
	return n != NULL ? n->given_name : "";
}

static void open_check(struct fl_control *c, struct fl_http *x, struct fl_ssh_pair pair)
{
	struct fl_ssh_check *k;

	if (fl_ssh_checks_open(&c->ssh, pair, &k) != FL_OK) {
		fl_control_text(x, 503, "out of memory; try again later\n");
		return;
	}
	fl_log_info("SSH connection needs approval", FL_LS("auth.id", k->id),
		    FL_LS("source", name_of(c, pair.src)),
		    FL_LS("destination", name_of(c, pair.dst)));
	respond_hold(c, x, k);
}

/* Nothing was asked before, or it is lost. */
static void decide(struct fl_control *c, struct fl_http *x, struct fl_ssh_pair pair, bool follow_up)
{
	int64_t period;

	if (!needs_check(c, pair, &period)) {
		if (follow_up)
			fl_control_text(x, 400, "the policy asks for no check of this pair\n");
		else
			respond_reject(x, "# The policy has changed: please connect again.\n");
		return;
	}
	if (fl_ssh_checks_hold(&c->ssh, pair, period))
		respond_accept(x);
	else
		open_check(c, x, pair);
}

/* ---- follow-ups ---- */

static void respond_word(struct fl_control *c, struct fl_http *x, struct fl_ssh_pair pair,
			 enum fl_ssh_word word)
{
	switch (word) {
	case FL_SSH_APPROVED:
		respond_accept(x);
		return;
	case FL_SSH_REJECTED:
		respond_reject(x, "# The connection was refused by an administrator.\n");
		return;
	case FL_SSH_OPEN:
	case FL_SSH_LOST:
		if (fl_state_node(c->core->state, pair.src) != NULL &&
		    fl_state_node(c->core->state, pair.dst) != NULL)
			decide(c, x, pair, true);
		else
			fl_control_text(x, 404, "unknown node\n");
		return;
	case FL_SSH_DISPLACED:
		fl_control_text(x, 503, "too many checks wait; try again later\n");
		return;
	}
}

static void ask_free(struct ask *a)
{
	fl_ssh_checks_unwait(&a->waiter);
	free(a);
}

static void on_gone(void *ctx)
{
	ask_free(ctx);
}

static void on_word(void *ctx, enum fl_ssh_word word)
{
	struct ask *a = ctx;

	fl_http_on_gone(a->x, NULL, NULL);
	respond_word(a->control, a->x, a->pair, word);
	free(a);
}

static void follow(struct fl_control *c, struct fl_http *x, struct fl_ssh_check *k)
{
	struct ask *a = calloc(1, sizeof *a);

	if (a == NULL) {
		fl_control_text(x, 503, "out of memory; try again later\n");
		return;
	}
	*a = (struct ask){
		.control = c,
		.x = x,
		.pair = k->pair,
		.waiter = { .fn = on_word, .ctx = a },
	};
	enum fl_ssh_word word = fl_ssh_checks_wait(&c->ssh, k, &a->waiter);
	if (word == FL_SSH_OPEN) {
		fl_http_on_gone(x, on_gone, a);
		fl_http_drop_request(x); /* it may wait for long */
		return;
	}
	respond_word(c, x, a->pair, word);
	free(a);
}

/* Nobody came for the approval while it was good. One that holds for no time is for this check. */
static bool is_stale(const struct fl_control *c, const struct fl_ssh_check *k, int64_t period)
{
	return k->word == FL_SSH_APPROVED && period > 0 &&
	       !fl_ssh_checks_hold(&c->ssh, k->pair, period);
}

/* ---- the handler ---- */

static bool read_pair(struct fl_http *x, struct fl_ssh_pair *out)
{
	return fl_u64_parse(fl_http_segment(x, 0), &out->src) == FL_OK &&
	       fl_u64_parse(fl_http_segment(x, 1), &out->dst) == FL_OK;
}

/* Only the machine that would be connected to may ask. False: answered. */
static bool may_ask(struct fl_control *c, struct fl_http *x, struct fl_ssh_pair pair)
{
	const struct fl_noise_link *l = fl_http_conn_ctx(x);
	const struct fl_node *dst = fl_state_node(c->core->state, pair.dst);

	if (dst == NULL) {
		fl_control_text(x, 404, "unknown destination\n");
		return false;
	}
	if (!fl_machine_key_eq(&dst->machine, &l->machine)) {
		c->stats.key_theft_refusals++;
		fl_control_text(x, 401, "only the destination may ask\n");
		return false;
	}
	if (fl_state_node(c->core->state, pair.src) == NULL) {
		fl_control_text(x, 404, "unknown source\n");
		return false;
	}
	return true;
}

void fl_control_ssh_action(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	struct fl_ssh_pair pair;
	struct fl_ssh_check *k = NULL;
	char id[FL_AUTHREQ_TEXT_MAX];
	int64_t period;

	fl_noise_link_request(fl_http_conn_ctx(x));
	if (!read_pair(x, &pair)) {
		fl_control_text(x, 400, "the path names no two nodes by their numbers\n");
		return;
	}
	if (!may_ask(c, x, pair))
		return;
	enum fl_err err = fl_http_query(x, "auth_id", id, sizeof id);
	if (err == FL_OK)
		k = fl_ssh_checks_find(&c->ssh, fl_slice_str(id));
	if (k == NULL)
		decide(c, x, pair, err != FL_ERR_NOT_FOUND);
	else if (k->pair.src != pair.src || k->pair.dst != pair.dst)
		fl_control_text(x, 401, "this check belongs to other nodes\n");
	else if (!needs_check(c, pair, &period)) /* tags or owners changed meanwhile */
		fl_control_text(x, 400, "the policy asks for no check of this pair\n");
	else if (is_stale(c, k, period)) {
		fl_ssh_checks_say(&c->ssh, k, FL_SSH_LOST);
		decide(c, x, pair, true);
	} else
		follow(c, x, k);
}

void fl_control_ssh_absent(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_noise_link_request(fl_http_conn_ctx(x));
	fl_control_text(x, 404, "ask for /machine/ssh/action/{source}/to/{destination}\n");
}

/* ---- what else happens ---- */

void fl_control_ssh_follow(struct fl_control *c, const struct fl_change *changes, size_t count)
{
	bool all = changes == NULL;

	for (size_t i = 0; i < count && !all; i++)
		all = changes[i].kind == FL_CHANGE_POLICY;
	if (all) {
		fl_ssh_checks_clear(&c->ssh);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind == FL_CHANGE_NODE_REMOVED)
			fl_ssh_checks_forget(&c->ssh, changes[i].id);
}

size_t fl_control_checks(struct fl_control *c, struct fl_check_info *out, size_t cap)
{
	size_t n = 0;

	fl_list_each(it, &c->ssh.checks)
	{
		const struct fl_ssh_check *k = fl_list_entry(it, struct fl_ssh_check, link);
		if (n == cap)
			break;
		if (k->word != FL_SSH_OPEN)
			continue;
		out[n] = (struct fl_check_info){
			.src = fl_state_node(c->core->state, k->pair.src),
			.dst = fl_state_node(c->core->state, k->pair.dst),
			.since = k->since,
		};
		memcpy(out[n].id, k->id, sizeof k->id);
		n += out[n].src != NULL && out[n].dst != NULL;
	}
	return n;
}

enum fl_err fl_control_check_say(struct fl_control *c, struct fl_slice id, bool approve,
				 struct fl_fault *fault)
{
	struct fl_ssh_check *k = fl_ssh_checks_find(&c->ssh, id);
	int64_t period;

	if (!fl_authreq_valid(id))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "not the id of a check: expected hskey-authreq- and 24 "
				    "characters, as the SSH client shows it");
	if (k == NULL || k->word != FL_SSH_OPEN)
		return fl_fault_set(fault, FL_ERR_NOT_FOUND,
				    "no SSH connection waits under this id: it was answered or has "
				    "expired; connect again");
	if (!needs_check(c, k->pair, &period)) {
		fl_ssh_checks_say(&c->ssh, k, FL_SSH_LOST);
		return fl_fault_set(fault, FL_ERR_NOT_FOUND,
				    "the policy no longer asks for this check; connect again");
	}
	fl_log_info(approve ? "SSH connection approved" : "SSH connection rejected",
		    FL_LS("auth.id", k->id), FL_LS("source", name_of(c, k->pair.src)),
		    FL_LS("destination", name_of(c, k->pair.dst)));
	fl_ssh_checks_say(&c->ssh, k, approve ? FL_SSH_APPROVED : FL_SSH_REJECTED);
	return FL_OK;
}
