/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/access.c - accessMethodsRequest and accessMethods: the SHIP ID of the peer. */
#include "base/text.h"
#include "wire/ship/part.h"

static void read_request(struct fl_tokens *t, struct fl_ship_msg *m)
{
	(void)m;
	fl_tokens_skip(t);
}

static void write_request(const struct fl_ship_msg *m, struct fl_jw *w)
{
	(void)m;
	(void)w;
}

const struct fl_ship_part fl_ship_part_access_request = {
	FL_SHIP_CONTROL, "accessMethodsRequest", read_request, NULL, write_request,
};

/* The ways to reach the peer (dnsSd_mDns, dns) are not used, and come in odd forms. */
static void read(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "id"))
			fl_ship_read_text(t, m, FL_SHIP_ID_MAX, &m->id);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, fl_str_is_clean(m->id));
}

bool fl_ship_id_ok(struct fl_slice id)
{
	static const char data[] = "datagram";

	return id.len > 0 && id.len <= FL_SHIP_ID_MAX && fl_str_is_clean(id) &&
	       memmem(id.ptr, id.len, data, sizeof data - 1) == NULL;
}

static enum fl_err check(const struct fl_ship_msg *m)
{
	return fl_ship_id_ok(m->id) ? FL_OK : FL_ERR_INVALID;
}

static void write(const struct fl_ship_msg *m, struct fl_jw *w)
{
	fl_member_put_text(w, "id", m->id);
}

const struct fl_ship_part fl_ship_part_access = {
	FL_SHIP_CONTROL, "accessMethods", read, check, write,
};
