/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/h2_mem.h - memory of HTTP/2 sessions, for h2.c only.
 *
 * nghttp2 keeps a 16 KiB buffer for each session in which it lays out the frame it is about to
 * hand over. It is filled and emptied within one call of nghttp2_session_mem_send (DATA never
 * lies in it, our callback copies that), so an idle connection holds 16 KiB of nothing. All
 * sessions of a thread share one such buffer instead: 26 KiB a connection become 10.
 *
 * What makes it safe: a session stays on its thread, calls on sessions do not nest, and the
 * callback that sends DATA never answers NGHTTP2_ERR_WOULDBLOCK, which would leave a frame's head
 * in the buffer. That the buffer is used like this is no promise of nghttp2, so it is shared only
 * with versions for which it was tested; with any other a session gets a buffer of its own.
 *
 * After an allocation has failed inside nghttp2 its session must not be used again, nor deleted:
 * 1.52 then frees a queued DATA item twice. `failed` says so; such a session is left behind.
 *
 * Thread  a session is made, used and freed on one thread.
 * Memory  the shared buffer goes with the last session of the thread.
 */
#ifndef FL_IO_H2_MEM_H
#define FL_IO_H2_MEM_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

struct fl_h2_mem {
	bool failed;
};

/* nghttp2_session_server_new2 with this memory. `m` must outlive the session. */
int fl_h2_session_new(nghttp2_session **out, const nghttp2_session_callbacks *cb, void *ctx,
		      const nghttp2_option *o, struct fl_h2_mem *m);

#endif
