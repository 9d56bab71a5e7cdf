/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/cli/mock.h - commands against a small server on a Unix socket.
 *
 * The server answers from a script and takes each request as "METHOD path body"; the command runs
 * in this process with its output in files.
 */
#ifndef FL_TESTS_CLI_MOCK_H
#define FL_TESTS_CLI_MOCK_H

#include "../base/table.h"

#include <pthread.h>

#include "cli/cli.h"

enum { MOCK_STEPS_MAX = 4, MOCK_TEXT_MAX = 16384 };

struct mock_step {
	const char *want; /* "GET /api/v1/user " and the body; a '#' stands for a time */
	unsigned status;  /* 0: 200 */
	const char *body;
};

struct mock_row {
	const char *line;
	int code;
	const char *says; /* somewhere in the output */
	struct mock_step steps[MOCK_STEPS_MAX];
};

/* In a folder of its own, which is the current one and $HOME. */
extern char mock_socket[64], mock_out[64], mock_err[64];
void mock_start(void);
void mock_stop(void);
void mock_file(const char *name, const char *text); /* gone with the folder */

/* Runs the row's command; requests and output must be as it says. The state is the row. */
void mock_run_row(void **state);

void mock_script(const struct mock_step *steps);
size_t mock_done(void); /* steps of the script that were taken */

/* "fairlead --socket PATH" and the words of the line; ' quotes blanks. */
int mock_run_line(const char *line);
int mock_redirect(int fd, const char *path); /* gives what mock_restore wants */
void mock_restore(int fd, int saved);
void mock_read_back(const char *path, char text[static MOCK_TEXT_MAX]);

#endif
