/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/register.c - POST /machine/register: asks the state, waits for the commit or for
 * a person, and answers.
 *
 * Source: docs/protocol/control.md 4; docs/lifecycle.md section 3.
 */
#include "services/control/internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum { ANSWER_MAX = 16 << 10, URL_MAX = 2100 };

/* A request that waits: for this tick's commit, or for the verdict on a pending registration. */
struct reply {
	struct fl_control *control;
	struct fl_http *x;
	struct fl_core_wait wait;
	struct fl_follower follower;
	struct fl_register_request req;
	struct fl_machine_key machine;
	struct fl_register_result result;
};

static void reply_free(struct reply *r)
{
	fl_core_wait_cancel(&r->wait);
	fl_pending_unfollow(&r->follower);
	fl_register_request_done(&r->req);
	free(r);
}

static void on_gone(void *ctx)
{
	reply_free(ctx);
}

static void respond(struct fl_http *x, const struct fl_register_response *answer)
{
	struct fl_buf out = fl_buf_make(ANSWER_MAX);

	fl_register_response_write(answer, &out);
	if (fl_buf_err(&out) == FL_OK)
		fl_http_respond(x, 200, "application/json", fl_buf_slice(&out));
	else
		fl_control_text(x, 500, "answer could not be built\n");
	fl_buf_done(&out);
}

static void respond_error(struct fl_http *x, const char *text)
{
	respond(x, &(struct fl_register_response){
			   .login_name = "", .display_name = "", .error = text });
}

static void respond_expired(struct fl_http *x)
{
	respond(x, &(struct fl_register_response){ .login_name = "",
						   .display_name = "",
						   .node_key_expired = true,
						   .machine_authorized = true });
}

static void respond_node(struct fl_control *c, struct fl_http *x, fl_node_id id)
{
	const struct fl_node *n = fl_state_node(c->core->state, id);
	if (n == NULL) {
		fl_control_text(x, 500, "the node is gone; try again\n");
		return;
	}
	char login[24], shown[24];
	struct fl_register_response answer = {
		.user_id = FL_TAGGED_USER_ID,
		.login_name = FL_TAGGED_USER_NAME,
		.display_name = FL_TAGGED_USER_DISPLAY,
		.machine_authorized = true,
		.node_key_expired = fl_node_is_expired(n, fl_loop_wall(c->core->loop)),
	};
	const struct fl_user *u =
		fl_node_is_tagged(n) ? NULL : fl_state_user(c->core->state, n->user);
	if (u != NULL) {
		answer.user_id = u->id;
		answer.login_name = fl_user_login_name(u, login);
		answer.display_name = fl_user_shown_name(u, shown);
	}
	respond(x, &answer);
}

static void respond_auth_url(struct fl_control *c, struct fl_http *x, const struct fl_pending *p)
{
	char url[URL_MAX];
	snprintf(url, sizeof url, "%s/register/%s", c->server_url, p->id);
	respond(x, &(struct fl_register_response){
			   .login_name = "", .display_name = "", .auth_url = url });
}

static void open_pending(struct reply *r)
{
	struct fl_pending *p;
	enum fl_err err = fl_pending_open(&r->control->pending, &r->machine, &r->req, &p);
	if (err != FL_OK) {
		r->control->stats.register_refusals += err == FL_ERR_FULL;
		fl_control_text(r->x, 503,
				err == FL_ERR_FULL
					? "too many logins wait for approval; try again later\n"
					: "out of memory; try again later\n");
		return;
	}
	if (!p->logged) /* clients ask again every few seconds */
		fl_log_info("login needs approval", FL_LS("auth.id", p->id),
			    FL_LS("hostname", p->hostinfo->hostname));
	p->logged = true;
	respond_auth_url(r->control, r->x, p);
}

static void answer_outcome(struct reply *r)
{
	switch (r->result.outcome) {
	case FL_REG_ACCEPTED:
		fl_ephemeral_arm(r->control, r->result.node);
		respond_node(r->control, r->x, r->result.node);
		return;
	case FL_REG_KEY_EXPIRED:
	case FL_REG_LOGGED_OUT:
		respond_expired(r->x);
		return;
	case FL_REG_INTERACTIVE:
		open_pending(r);
		return;
	case FL_REG_REFUSED:
		r->control->stats.register_refusals++;
		respond_error(r->x, r->result.fault.text);
		return;
	case FL_REG_UNAUTHORIZED:
		r->control->stats.key_theft_refusals++;
		respond_error(r->x, r->result.fault.text);
		return;
	case FL_REG_BAD_REQUEST:
		fl_control_text(r->x, 400, r->result.fault.text);
		return;
	}
}

static void on_committed(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct reply *r = ctx;

	(void)fault;
	if (err == FL_OK)
		answer_outcome(r);
	else
		fl_control_text(r->x, 503,
				"the server could not store the registration; try again later\n");
	reply_free(r);
}

static void on_verdict(void *ctx, enum fl_err err, const struct fl_pending *p)
{
	struct reply *r = ctx;
	const struct fl_node *n = fl_state_node_by_key(r->control->core->state, &r->req.node_key);

	if (err == FL_OK && n != NULL && fl_machine_key_eq(&n->machine, &r->machine))
		respond_node(r->control, r->x, n->id);
	else if (err == FL_ERR_FULL) /* the same address again: the client asks later */
		respond_auth_url(r->control, r->x, p);
	else
		open_pending(r);
	reply_free(r);
}

/* The id at the end of an AuthURL of ours. */
static struct fl_slice followup_id(const char *url)
{
	const char *slash = strrchr(url, '/');
	return fl_slice_str(slash != NULL ? slash + 1 : url);
}

/* Only who opened a registration may wait on it, and only while its node does not exist yet. */
static struct fl_pending *followed(struct reply *r)
{
	if (r->req.followup == NULL ||
	    fl_state_node_by_key(r->control->core->state, &r->req.node_key) != NULL)
		return NULL;
	struct fl_pending *p = fl_pending_find(&r->control->pending, followup_id(r->req.followup));
	if (p == NULL || !fl_machine_key_eq(&p->machine, &r->machine) ||
	    !fl_node_key_eq(&p->key, &r->req.node_key))
		return NULL;
	return p;
}

static void decide(struct reply *r)
{
	struct fl_control *c = r->control;
	struct fl_pending *p = followed(r);

	fl_http_on_gone(r->x, on_gone, r);
	if (p != NULL) {
		r->follower.fn = on_verdict;
		r->follower.ctx = r;
		fl_pending_follow(p, &r->follower);
		fl_http_drop_request(r->x); /* it may wait for hours */
		return;
	}
	enum fl_err err = fl_state_register(c->core->state, fl_loop_wall(c->core->loop),
					    &r->machine, &r->req, &r->result);
	if (err != FL_OK) {
		fl_log_warn("registration failed", FL_LS("reason", fl_err_text(err)));
		fl_control_text(r->x, 503, "the server has no room for another node\n");
		reply_free(r);
		return;
	}
	r->wait.fn = on_committed;
	r->wait.ctx = r;
	fl_core_wait(c->core, &r->wait);
}

void fl_control_register(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	struct fl_noise_link *l = fl_http_conn_ctx(x);

	c->stats.registers++;
	fl_noise_link_request(l);
	struct reply *r = calloc(1, sizeof *r);
	if (r == NULL) {
		fl_control_text(x, 503, "out of memory; try again later\n");
		return;
	}
	r->control = c;
	r->x = x;
	r->machine = l->machine;
	enum fl_err err = fl_register_request_parse(fl_http_body(x), &r->req);
	if (err != FL_OK) {
		free(r);
		fl_control_malformed(x, err, "malformed register request\n");
		return;
	}
	decide(r);
}
