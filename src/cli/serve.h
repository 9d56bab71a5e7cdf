/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/serve.h - what `fairlead serve` and its quick start share. */
#ifndef FL_CLI_SERVE_H
#define FL_CLI_SERVE_H

#include "cli/cli.h"
#include "services/server/server.h"

struct fl_quickstart;

/*
 * Sees to it that there are a user and a reusable key, then prints how to use them. Works from the
 * loop, after this call. Takes copies of what it needs of `config`. Free it after the loop.
 */
FL_MUST enum fl_err fl_quickstart_new(struct fl_cli *c, const struct fl_config *config,
				      const char *dir, struct fl_quickstart **out);
void fl_quickstart_begin(struct fl_quickstart *q, struct fl_loop *loop, struct fl_server *server);
struct fl_quickstart *fl_quickstart_free(struct fl_quickstart *q);

#endif
