/* SPDX-License-Identifier: BSD-3-Clause */
/* proto/ship/conn.c - life of a connection, and which phase an input belongs to. */
#include "base/text.h"
#include "proto/ship/conn_impl.h"

#include <stdlib.h>

enum { MESSAGE_MAX_USUAL = 1 << 20 };

/* ---- cells that several tables have ---- */

void fl_ship_ignore(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)c, (void)now, (void)m;
}

void fl_ship_no_frame(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	fl_ship_fail(c, FL_ERR_PROTO, "a message without type or value, or over the limit");
}

void fl_ship_never(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	fl_ship_impossible(c);
}

/* ---- life ---- */

static bool is_peer_id(const char *id)
{
	return id == NULL || strnlen(id, FL_SHIP_ID_MAX + 1) <= FL_SHIP_ID_MAX;
}

static enum fl_err copy_ids(struct fl_ship_conn *c, const struct fl_ship_conn_config *cfg)
{
	if (!fl_ship_id_ok(fl_slice_str(cfg->ship_id)) || !is_peer_id(cfg->peer_id))
		return FL_ERR_INVALID;
	bool known = cfg->peer_id != NULL && cfg->peer_id[0] != '\0';
	c->ship_id = fl_str_dup(fl_slice_str(cfg->ship_id));
	if (known)
		c->peer_id = fl_str_dup(fl_slice_str(cfg->peer_id));
	return c->ship_id == NULL || (known && c->peer_id == NULL) ? FL_ERR_NOMEM : FL_OK;
}

static enum fl_err set_up(struct fl_ship_conn *c, const struct fl_ship_conn_config *cfg)
{
	c->client = cfg->client;
	c->trusted = cfg->trusted;
	c->may_wait = cfg->may_wait;
	c->message_max = cfg->message_max > 0 ? cfg->message_max : MESSAGE_MAX_USUAL;
	c->timers = cfg->timers;
	fl_ship_timers_stop(c);
	enum fl_err err = fl_ship_timers_settle(&c->timers, NULL);
	if (err == FL_OK)
		err = fl_ship_pin_init(c, cfg);
	return err == FL_OK ? copy_ids(c, cfg) : err;
}

enum fl_err fl_ship_conn_new(const struct fl_ship_conn_config *cfg, struct fl_ship_conn **out)
{
	struct fl_ship_conn *c = calloc(1, sizeof *c);
	if (c == NULL)
		return FL_ERR_NOMEM;

	enum fl_err err = set_up(c, cfg);
	if (err != FL_OK) {
		fl_ship_conn_free(c);
		return err;
	}
	*out = c;
	return FL_OK;
}

struct fl_ship_conn *fl_ship_conn_free(struct fl_ship_conn *c)
{
	if (c == NULL)
		return NULL;
	fl_ship_queue_done(&c->out);
	fl_ship_queue_done(&c->early);
	fl_ship_lent_done(c);
	fl_ship_pin_wipe(c);
	free(c->ship_id);
	free(c->peer_id);
	free(c);
	return NULL;
}

void fl_ship_conn_start(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_lent_done(c);
	if (c->state == FL_SHIP_S_CMI_START)
		fl_ship_cmi_start(c, now);
}

/* ---- messages ---- */

static unsigned bad_input(enum fl_err err, enum fl_ship_type type)
{
	if (err == FL_ERR_PROTO)
		return FL_SHIP_BAD_FRAME;
	switch (type) {
	case FL_SHIP_INIT:
	case FL_SHIP_CONTROL:
		return FL_SHIP_BAD_CONTROL;
	case FL_SHIP_DATA:
		return FL_SHIP_BAD_DATA;
	case FL_SHIP_END:
		return FL_SHIP_BAD_END;
	}
	return FL_SHIP_BAD_FRAME;
}

static void dispatch(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	switch (c->state) {
	case FL_SHIP_S_CMI_CLIENT_SEND:
	case FL_SHIP_S_CMI_CLIENT_WAIT:
	case FL_SHIP_S_CMI_SERVER_WAIT:
	case FL_SHIP_S_CMI_SERVER_EVALUATE:
		fl_ship_cmi_input(c, now, input, m);
		break;
	case FL_SHIP_S_READY_LISTEN:
	case FL_SHIP_S_PENDING_LISTEN:
		fl_ship_hello_input(c, now, input, m);
		break;
	case FL_SHIP_S_LISTEN_PROPOSAL:
	case FL_SHIP_S_LISTEN_CONFIRM:
	case FL_SHIP_S_LISTEN_CHOICE:
		fl_ship_protocol_input(c, now, input, m);
		break;
	case FL_SHIP_S_PIN:
		fl_ship_pin_input(c, now, input, m);
		break;
	case FL_SHIP_S_DATA:
	case FL_SHIP_S_COMPLETE:
		fl_ship_access_input(c, now, input, m);
		break;
	case FL_SHIP_S_CLOSING:
	case FL_SHIP_S_ABORT_DONE:
	case FL_SHIP_S_REMOTE_ABORT: /* it is over */
		break;
	case FL_SHIP_S_HELLO_OK: /* left in the call that enters it */
	case FL_SHIP_S_REJECTED:
	case FL_SHIP_S_ERROR:
		fl_ship_impossible(c);
		break;
	case FL_SHIP_S_CMI_START:
	case FL_SHIP_S_CLOSED:
		break;
	}
}

static bool is_deaf(const struct fl_ship_conn *c)
{
	return c->state == FL_SHIP_S_CMI_START || c->state == FL_SHIP_S_CLOSED;
}

void fl_ship_conn_message(struct fl_ship_conn *c, fl_time now, struct fl_slice message)
{
	enum fl_ship_type type = FL_SHIP_CONTROL;
	struct fl_ship_msg m;

	fl_ship_lent_done(c);
	if (is_deaf(c))
		return;
	enum fl_err err = message.len > c->message_max ? FL_ERR_PROTO
						       : fl_ship_msg_decode(message, &type, &m);
	if (err == FL_ERR_NOMEM) {
		fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "out of memory", err);
		return;
	}
	if (err != FL_OK) {
		dispatch(c, now, bad_input(err, type), NULL);
		return;
	}
	if (m.kind == FL_SHIP_CLOSE) /* in every state */
		fl_ship_close_input(c, now, &m);
	else
		dispatch(c, now, m.kind, &m);
	fl_ship_msg_done(&m);
}

/* ---- time ---- */

static void time_out(struct fl_ship_conn *c, fl_time now, enum fl_ship_timer which)
{
	switch (which) {
	case FL_SHIP_T_HOLD:
		fl_ship_cmi_speak(c, now);
		break;
	case FL_SHIP_T_CMI:
		fl_ship_cmi_timeout(c, now);
		break;
	case FL_SHIP_T_READY:
	case FL_SHIP_T_ASK:
	case FL_SHIP_T_REPLY:
		fl_ship_hello_timeout(c, now, which);
		break;
	case FL_SHIP_T_PROTOCOL:
		fl_ship_protocol_timeout(c, now);
		break;
	case FL_SHIP_T_PIN_STATE:
		fl_ship_pin_state_timeout(c, now);
		break;
	case FL_SHIP_T_PIN_GUARD:
		fl_ship_pin_guard_timeout(c, now);
		break;
	case FL_SHIP_T_PENALTY:
		fl_ship_pin_penalty_over(c, now);
		break;
	case FL_SHIP_T_ACCESS:
		fl_ship_access_timeout(c, now);
		break;
	case FL_SHIP_T_ABORT:
		fl_ship_hello_abort_over(c, now);
		break;
	case FL_SHIP_T_CLOSE:
		fl_ship_close_timeout(c, now);
		break;
	case FL_SHIP_TIMERS:
		break;
	}
}

void fl_ship_conn_tick(struct fl_ship_conn *c, fl_time now)
{
	enum fl_ship_timer which;

	fl_ship_lent_done(c);
	while ((which = fl_ship_timer_take(c, now)) != FL_SHIP_TIMERS)
		time_out(c, now, which);
}

/* ---- the user ---- */

void fl_ship_conn_decide(struct fl_ship_conn *c, fl_time now, bool trust)
{
	fl_ship_lent_done(c);
	switch (c->state) {
	case FL_SHIP_S_CMI_START:
	case FL_SHIP_S_CMI_CLIENT_SEND:
	case FL_SHIP_S_CMI_CLIENT_WAIT:
	case FL_SHIP_S_CMI_SERVER_WAIT:
	case FL_SHIP_S_CMI_SERVER_EVALUATE: /* how hello begins */
		c->trusted = trust;
		break;
	case FL_SHIP_S_READY_LISTEN:
	case FL_SHIP_S_PENDING_LISTEN:
		fl_ship_hello_decide(c, now, trust);
		break;
	case FL_SHIP_S_HELLO_OK:
	case FL_SHIP_S_ABORT_DONE:
	case FL_SHIP_S_REMOTE_ABORT:
	case FL_SHIP_S_REJECTED:
	case FL_SHIP_S_LISTEN_PROPOSAL:
	case FL_SHIP_S_LISTEN_CONFIRM:
	case FL_SHIP_S_LISTEN_CHOICE:
	case FL_SHIP_S_PIN:
	case FL_SHIP_S_DATA:
	case FL_SHIP_S_COMPLETE:
	case FL_SHIP_S_ERROR:
	case FL_SHIP_S_CLOSING:
	case FL_SHIP_S_CLOSED:
		break;
	}
}

void fl_ship_conn_may_wait(struct fl_ship_conn *c, bool yes)
{
	c->may_wait = yes;
}

enum fl_err fl_ship_conn_pin(struct fl_ship_conn *c, fl_time now, const char *pin)
{
	fl_ship_lent_done(c);
	if (c->state != FL_SHIP_S_PIN && !fl_ship_conn_is_open(c))
		return FL_ERR_STATE;
	return fl_ship_pin_given(c, now, pin);
}

/* ---- questions ---- */

enum fl_ship_state fl_ship_conn_state(const struct fl_ship_conn *c)
{
	return c->state;
}

bool fl_ship_conn_is_open(const struct fl_ship_conn *c)
{
	return c->state == FL_SHIP_S_DATA || c->state == FL_SHIP_S_COMPLETE;
}
