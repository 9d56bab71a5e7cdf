/* SPDX-License-Identifier: BSD-3-Clause */
/* io/h2_mem.c - one frame buffer for all sessions of a thread. */
#include "io/h2_mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAME_MIN = 16384,      /* a frame's payload ... */
	FRAME_MAX = 16384 + 64, /* ... and its head, with some room for taste */
	TESTED = 0x0134,        /* 1.52.x */
};

static _Thread_local struct {
	void *ptr;
	size_t size, users;
	bool armed; /* a session is being made, and has not got it yet */
} shared;

static bool wants_shared(size_t size)
{
	if (!shared.armed || size < FRAME_MIN || size > FRAME_MAX)
		return false;
	return shared.ptr == NULL || shared.size == size;
}

static void *take_shared(size_t size)
{
	if (shared.ptr == NULL)
		shared.ptr = malloc(size);
	if (shared.ptr == NULL)
		return NULL;
	shared.size = size;
	shared.users++;
	shared.armed = false; /* a second buffer of this size would be in use beside it */
	return shared.ptr;
}

static void *checked(void *ptr, void *ctx)
{
	if (ptr == NULL)
		((struct fl_h2_mem *)ctx)->failed = true;
	return ptr;
}

static void *on_malloc(size_t size, void *ctx)
{
	return checked(wants_shared(size) ? take_shared(size) : malloc(size), ctx);
}

static void on_free(void *ptr, void *ctx)
{
	(void)ctx;
	if (ptr == NULL || ptr != shared.ptr) {
		free(ptr);
		return;
	}
	if (--shared.users == 0) {
		free(shared.ptr);
		shared.ptr = NULL;
	}
}

static void *on_calloc(size_t count, size_t size, void *ctx)
{
	return checked(calloc(count, size), ctx);
}

/* nghttp2 gets a first buffer by realloc of NULL; one that outgrows the shared one leaves it. */
static void *on_realloc(void *ptr, size_t size, void *ctx)
{
	if (ptr == NULL)
		return on_malloc(size, ctx);
	if (ptr != shared.ptr)
		return checked(realloc(ptr, size), ctx);

	void *own = checked(malloc(size), ctx);
	if (own == NULL)
		return NULL;
	memcpy(own, ptr, size < shared.size ? size : shared.size);
	on_free(ptr, ctx);
	return own;
}

int fl_h2_session_new(nghttp2_session **out, const nghttp2_session_callbacks *cb, void *ctx,
		      const nghttp2_option *o, struct fl_h2_mem *m)
{
	nghttp2_mem mem = {
		.mem_user_data = m,
		.malloc = on_malloc,
		.free = on_free,
		.calloc = on_calloc,
		.realloc = on_realloc,
	};

	shared.armed = nghttp2_version(0)->version_num >> 8 == TESTED;
	int rc = nghttp2_session_server_new3(out, cb, ctx, o, &mem); /* copies `mem` */
	shared.armed = false;
	return rc;
}
