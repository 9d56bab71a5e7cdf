/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/listen_bind.h - opens and closes the socket of a listener, for listen.c only.
 */
#ifndef FL_IO_LISTEN_BIND_H
#define FL_IO_LISTEN_BIND_H

#include "io/listen.h"

#include <sys/types.h>

/* Which file a Unix socket is, so that nobody else's is removed. Zero: none. */
struct fl_listen_file {
	dev_t dev;
	ino_t ino;
};

/* Binds and listens; `cfg->at` becomes the bound address. Errors as fl_listener_new. */
FL_MUST enum fl_err fl_listen_bind(struct fl_listen_config *cfg, struct fl_fault *fault,
				   int *out_fd, struct fl_listen_file *out_file);

/* Closes `fd` (-1: none) and removes the file of a Unix socket if it is still ours. */
void fl_listen_unbind(const struct fl_listen_config *cfg, int fd,
		      const struct fl_listen_file *file);

#endif
