/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/parts.h - a message in pieces: counted bytes in order, so that what many messages have in
 * common is neither made nor copied for each.
 *
 * Memory  holds a reference to each piece until done.
 * Thread  one owner; the pieces may be shared (base/bytes.h).
 */
#ifndef FL_BASE_PARTS_H
#define FL_BASE_PARTS_H

#include "base/bytes.h"

struct fl_parts {
	struct fl_bytes **at;
	size_t count, cap;
	size_t len; /* of all pieces together */
};

/* Adds a reference to `b` behind the others. Errors: FL_ERR_NOMEM, then nothing changed. */
FL_MUST enum fl_err fl_parts_add(struct fl_parts *p, struct fl_bytes *b);

void fl_parts_done(struct fl_parts *p);

#endif
