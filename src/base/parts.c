/* SPDX-License-Identifier: BSD-3-Clause */
/* base/parts.c - a message in counted pieces. */
#include "base/parts.h"

#include <stdlib.h>

enum { CAP_FIRST = 16 };

enum fl_err fl_parts_add(struct fl_parts *p, struct fl_bytes *b)
{
	if (p->count == p->cap) {
		size_t cap = p->cap > 0 ? 2 * p->cap : CAP_FIRST;
		struct fl_bytes **at = realloc(p->at, cap * sizeof(struct fl_bytes *));
		if (at == NULL)
			return FL_ERR_NOMEM;
		p->at = at;
		p->cap = cap;
	}
	p->at[p->count++] = fl_bytes_ref(b);
	p->len += b->len;
	return FL_OK;
}

void fl_parts_done(struct fl_parts *p)
{
	for (size_t i = 0; i < p->count; i++)
		fl_bytes_unref(p->at[i]);
	free(p->at);
	*p = (struct fl_parts){ 0 };
}
