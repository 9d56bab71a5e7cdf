/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/field.h - a header field for nghttp2, whose name and value stay the caller's. */
#ifndef FL_BENCH_FIELD_H
#define FL_BENCH_FIELD_H

#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <string.h>

static inline nghttp2_nv bench_field(const char *name, const char *value)
{
	return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
			     .value = (uint8_t *)(uintptr_t)value,
			     .namelen = strlen(name),
			     .valuelen = strlen(value) };
}

#endif
