/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/cmi.c - the first two bytes each way (ship.md 5.2).
 *
 * Ours are held for a moment, for peers that lose what comes at once: as client from the start, as
 * server from the peer's on. The hello goes out behind them, so it is late enough by itself. A peer
 * that says more meanwhile hears us, and is answered at once.
 */
#include "proto/ship/conn_impl.h"

static void send_cmi(struct fl_ship_conn *c)
{
	fl_ship_send(c, &(struct fl_ship_msg){ .kind = FL_SHIP_CMI });
}

void fl_ship_cmi_start(struct fl_ship_conn *c, fl_time now)
{
	if (c->client) {
		fl_ship_enter(c, FL_SHIP_S_CMI_CLIENT_SEND);
		fl_ship_on_cmi_held(c, now);
	} else {
		fl_ship_enter(c, FL_SHIP_S_CMI_SERVER_WAIT);
		fl_ship_on_cmi_awaited(c, now);
	}
}

void fl_ship_cmi_speak(struct fl_ship_conn *c, fl_time now)
{
	if (c->client) {
		fl_ship_enter(c, FL_SHIP_S_CMI_CLIENT_WAIT);
		send_cmi(c);
		fl_ship_on_cmi_awaited(c, now);
	} else {
		send_cmi(c);
		fl_ship_hello_start(c, now);
	}
}

/* ---- cells ---- */

static void wrong(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	(void)now, (void)input, (void)m;
	fl_ship_fail(c, FL_ERR_PROTO, "the first message is not the one of SHIP");
}

/* A server answers the wrong message too, and only then closes. */
static void answer_wrong(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	send_cmi(c);
	wrong(c, now, input, m);
}

static void go_on(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	(void)input, (void)m;
	fl_ship_hello_start(c, now);
}

static void speak_and_go_on(struct fl_ship_conn *c, fl_time now, unsigned input,
			    struct fl_ship_msg *m)
{
	fl_ship_cmi_speak(c, now);
	go_on(c, now, input, m);
}

static void hold(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	(void)input, (void)m;
	fl_ship_enter(c, FL_SHIP_S_CMI_SERVER_EVALUATE);
	fl_ship_on_cmi_held(c, now);
}

static void speak_and_hear(struct fl_ship_conn *c, fl_time now, unsigned input,
			   struct fl_ship_msg *m)
{
	fl_ship_cmi_speak(c, now);
	fl_ship_hello_input(c, now, input, m);
}

typedef void cell(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m);

/* clang-format off */
static cell *const cells[][2] = {
	/*                                 CMI              any other */
	[FL_SHIP_S_CMI_CLIENT_SEND]     = { speak_and_go_on, wrong },
	[FL_SHIP_S_CMI_CLIENT_WAIT]     = { go_on,           wrong },
	[FL_SHIP_S_CMI_SERVER_WAIT]     = { hold,            answer_wrong },
	[FL_SHIP_S_CMI_SERVER_EVALUATE] = { speak_and_hear,  speak_and_hear },
};
/* clang-format on */

void fl_ship_cmi_input(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	cells[c->state][input != FL_SHIP_CMI](c, now, input, m);
}

void fl_ship_cmi_timeout(struct fl_ship_conn *c, fl_time now)
{
	(void)now;
	fl_ship_fail(c, FL_ERR_TIMEOUT, "no first message in time");
}
