/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/debug_parts.h - pieces of JSON that the files debug*.c share. */
#ifndef FL_SERVICES_CONTROL_DEBUG_PARTS_H
#define FL_SERVICES_CONTROL_DEBUG_PARTS_H

#include "services/control/debug.h"
#include "services/control/internal.h"

enum { FL_DEBUG_SHOWN_OF_ID = 18 };

static inline void put_u64(struct fl_jw *w, const char *key, uint64_t v)
{
	fl_jw_key(w, key);
	fl_jw_u64(w, v);
}

static inline void put_str(struct fl_jw *w, const char *key, const char *v)
{
	fl_jw_key(w, key);
	fl_jw_str(w, v);
}

static inline void put_bool(struct fl_jw *w, const char *key, bool v)
{
	fl_jw_key(w, key);
	fl_jw_bool(w, v);
}

static inline void put_time(struct fl_jw *w, const char *key, fl_wall t)
{
	fl_jw_key(w, key);
	if (t != 0)
		fl_jw_time(w, t);
	else
		fl_jw_null(w);
}

static inline void put_prefixes(struct fl_jw *w, const char *key, const struct fl_prefix *at,
				size_t count)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_jw_key(w, key);
	fl_jw_arr(w);
	for (size_t i = 0; i < count; i++) {
		fl_prefix_format(&at[i], text);
		fl_jw_str(w, text);
	}
	fl_jw_arr_end(w);
}

static inline void put_ip(struct fl_jw *w, const struct fl_ip *ip)
{
	char text[FL_IP_TEXT_MAX];

	if (!fl_ip_is_set(ip))
		return;
	fl_ip_format(ip, text);
	fl_jw_str(w, text);
}

/* Who knows the whole id can speak for the login or the check. */
static inline void put_id(struct fl_jw *w, const char *id)
{
	char text[FL_AUTHREQ_TEXT_MAX];
	struct fl_buf b = fl_buf_over(text, sizeof text);

	fl_buf_put(&b, id, FL_DEBUG_SHOWN_OF_ID);
	fl_buf_str(&b, "...");
	fl_jw_key(w, "id");
	fl_jw_text(w, fl_buf_slice(&b));
}

static inline void put_node(struct fl_jw *w, const struct fl_control *c, fl_node_id id)
{
	const struct fl_node *n = fl_state_node(c->core->state, id);

	fl_jw_obj(w);
	put_u64(w, "id", id);
	put_str(w, "name", n != NULL ? n->given_name : "");
	fl_jw_obj_end(w);
}

static inline size_t at_most(size_t limit, size_t most)
{
	return limit < most ? limit : most;
}

#endif
