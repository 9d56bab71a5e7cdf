/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_pass_impl.h - what letters of io/http_pass.h hold, for http_pass*.c only.
 */
#ifndef FL_IO_HTTP_PASS_IMPL_H
#define FL_IO_HTTP_PASS_IMPL_H

#include "io/http_exchange.h"
#include "io/http_pass.h"

/* A request as it crosses: its parts one after the other. */
struct fl_pass_parcel {
	size_t method_len, target_len, body_len;
	uint8_t text[];
};

/* The head of an answer as it crosses. */
struct fl_pass_head {
	uint16_t status, field_count;
	bool no_body, sized, whole; /* whole: nothing follows */
	size_t size;
	struct fl_buf fields;
};

/* What an answer sends in one step, as it crosses: mostly it is one piece and goes without this. */
struct fl_pass_pieces {
	size_t count;
	struct fl_bytes *at[];
};

#endif
