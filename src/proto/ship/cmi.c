/* SPDX-License-Identifier: BSD-3-Clause */
/* proto/ship/cmi.c - the first two bytes each way (ship.md 5.2). */
#include "proto/ship/conn_impl.h"

static void send_cmi(struct fl_ship_conn *c)
{
	fl_ship_send(c, &(struct fl_ship_msg){ .kind = FL_SHIP_CMI });
}

void fl_ship_cmi_start(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_enter(c, c->client ? FL_SHIP_S_CMI_CLIENT_WAIT : FL_SHIP_S_CMI_SERVER_WAIT);
	if (c->client)
		send_cmi(c);
	fl_ship_on_cmi_begun(c, now);
}

/* A server answers the wrong message too, and only then closes. */
void fl_ship_cmi_input(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	(void)m;
	if (!c->client)
		send_cmi(c);
	if (input == FL_SHIP_CMI)
		fl_ship_hello_start(c, now);
	else
		fl_ship_fail(c, FL_ERR_PROTO, "the first message is not the one of SHIP");
}

void fl_ship_cmi_timeout(struct fl_ship_conn *c, fl_time now)
{
	(void)now;
	fl_ship_fail(c, FL_ERR_TIMEOUT, "no first message in time");
}
