/* SPDX-License-Identifier: BSD-3-Clause */
/* base/bytes.c - counted immutable bytes. */
#include "base/bytes.h"

#include <stdlib.h>

struct fl_bytes *fl_bytes_new(struct fl_slice src)
{
	if (src.len > SIZE_MAX - sizeof(struct fl_bytes))
		return NULL;
	struct fl_bytes *b = malloc(sizeof *b + src.len);
	if (b == NULL)
		return NULL;

	atomic_init(&b->refs, 1);
	b->len = src.len;
	if (src.len > 0)
		memcpy(b->data, src.ptr, src.len);
	return b;
}

static struct fl_bytes *own(const struct fl_bytes *b)
{
	return (struct fl_bytes *)(uintptr_t)b;
}

struct fl_bytes *fl_bytes_ref(const struct fl_bytes *b)
{
	/* The caller holds a reference, so nothing needs to be ordered before the new one. */
	atomic_fetch_add_explicit(&own(b)->refs, 1, memory_order_relaxed);
	return own(b);
}

struct fl_bytes *fl_bytes_unref(const struct fl_bytes *b)
{
	/* Release our reads; the last owner acquires everybody's before the memory is reused. */
	if (b != NULL && atomic_fetch_sub_explicit(&own(b)->refs, 1, memory_order_acq_rel) == 1)
		free(own(b));
	return NULL;
}
