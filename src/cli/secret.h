/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/secret.h - a secret typed at a terminal, which does not show it. */
#ifndef FL_CLI_SECRET_H
#define FL_CLI_SECRET_H

#include "base/buf.h"

/*
 * Asks on standard error and reads one line from standard input, a terminal, into `out`, which the
 * caller wipes. False: the end of input, a signal, or no line that fits. The terminal is as before
 * in any case; a signal that interrupted it then does what it does.
 */
bool fl_cli_secret(const char *prompt, struct fl_buf *out);

#endif
