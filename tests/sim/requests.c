/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/requests.c - what a client says, as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

enum { REQUEST_MAX = 8 << 10, SUBNETS = 6 };

static void put_routes(struct fl_buf *b, const struct client *c)
{
	bool any = false;

	for (unsigned i = 0; i < SUBNETS; i++) {
		if ((c->routes & (1u << i)) == 0)
			continue;
		fl_buf_str(b, any ? "," : "");
		if (i == 0)
			fl_buf_str(b, "\"0.0.0.0/0\",\"::/0\"");
		else
			fl_buf_printf(b, "\"10.%u.0.0/16\"", i);
		any = true;
	}
}

static void put_hostinfo(struct fl_buf *b, const struct client *c)
{
	fl_buf_printf(b,
		      "\"Hostinfo\":{\"OS\":\"linux\",\"Hostname\":\"host-%u\",\"RoutableIPs\":[",
		      c->host);
	put_routes(b, c);
	fl_buf_printf(b, "],\"IPNVersion\":\"1.%u.0\",\"NetInfo\":{\"PreferredDERP\":%u}}", c->cap,
		      c->home);
}

static char *text_of(struct fl_buf *b)
{
	fl_buf_byte(b, '\0');
	if (fl_buf_err(b) != FL_OK)
		abort();
	return (char *)b->ptr;
}

static struct fl_buf begin(const struct client *c)
{
	struct fl_buf b = fl_buf_make(REQUEST_MAX);
	char key[FL_KEY_TEXT_MAX];

	fl_node_key_format(&c->key, key);
	fl_buf_printf(&b, "{\"Version\":%u,\"NodeKey\":\"%s\",", c->cap, key);
	return b;
}

char *request_register(const struct client *c)
{
	struct fl_buf b = begin(c);

	if (c->auth[0] != '\0' && !c->registered)
		fl_buf_printf(&b, "\"Auth\":{\"AuthKey\":\"%s\"},", c->auth);
	if (c->followup[0] != '\0')
		fl_buf_printf(&b, "\"Followup\":\"%s\",", c->followup);
	if (c->ephemeral)
		fl_buf_str(&b, "\"Ephemeral\":true,");
	put_hostinfo(&b, c);
	fl_buf_byte(&b, '}');
	return text_of(&b);
}

char *request_logout(const struct client *c)
{
	struct fl_buf b = begin(c);

	fl_buf_str(&b, "\"Expiry\":\"1970-01-01T00:02:03Z\",");
	put_hostinfo(&b, c);
	fl_buf_byte(&b, '}');
	return text_of(&b);
}

char *request_map(const struct client *c, bool stream)
{
	struct fl_buf b = begin(c);
	char disco[FL_KEY_TEXT_MAX];

	fl_disco_key_format(&c->disco, disco);
	fl_buf_printf(&b, "\"DiscoKey\":\"%s\",\"KeepAlive\":true,", disco);
	fl_buf_str(&b, stream ? "\"Stream\":true," : "\"OmitPeers\":true,");
	if (c->zstd)
		fl_buf_str(&b, "\"Compress\":\"zstd\",");
	fl_buf_printf(&b,
		      "\"Endpoints\":[\"192.0.2.%u:%u\",\"203.0.113.%u:%u\"],"
		      "\"EndpointTypes\":[1,2],",
		      c->address, c->port, c->address, c->port);
	put_hostinfo(&b, c);
	fl_buf_byte(&b, '}');
	return text_of(&b);
}
