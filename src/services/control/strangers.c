/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/strangers.c - counts connections of unregistered machines by their source. */
#include "services/control/strangers.h"

#include <stdlib.h>

enum { LOOPBACK_SHARE = 16 };

struct source {
	uint64_t open;
};

void fl_strangers_init(struct fl_strangers *s, uint32_t per_source, const uint8_t seed[static 16])
{
	*s = (struct fl_strangers){
		.per_source = per_source,
		.budget = { .max = FL_STRANGERS_BYTES_MAX },
	};
	fl_map_init(&s->sources, FL_IP_SOURCE_LEN, seed);
}

void fl_strangers_done(struct fl_strangers *s)
{
	fl_map_done(&s->sources);
}

static struct source *find_or_make(struct fl_strangers *s, const uint8_t *key)
{
	struct source *src = fl_map_find(&s->sources, key);
	if (src != NULL)
		return src;
	src = calloc(1, sizeof *src);
	if (src != NULL && fl_map_put(&s->sources, key, src) != FL_OK) {
		free(src);
		return NULL;
	}
	return src;
}

enum fl_err fl_strangers_enter(struct fl_strangers *s, const struct fl_ip *from)
{
	uint64_t most = s->per_source;
	uint8_t key[FL_IP_SOURCE_LEN];

	if (fl_ip_is_loopback(from))
		most *= LOOPBACK_SHARE;
	fl_ip_source(from, key);
	struct source *src = find_or_make(s, key);
	if (src == NULL)
		return FL_ERR_NOMEM;
	if (src->open >= most) {
		s->refused++;
		return FL_ERR_FULL;
	}
	src->open++;
	s->count++;
	return FL_OK;
}

void fl_strangers_leave(struct fl_strangers *s, const struct fl_ip *from)
{
	uint8_t key[FL_IP_SOURCE_LEN];

	fl_ip_source(from, key);
	struct source *src = fl_map_find(&s->sources, key);
	s->count--;
	if (--src->open == 0)
		free(fl_map_take(&s->sources, key));
}
