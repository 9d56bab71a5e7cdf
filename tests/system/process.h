/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/process.h - the program itself in a process of its own, for what happens to
 * processes: signals, kill -9, a full disk.
 *
 * It serves the configuration and the folder of a system whose server in this process is stopped or
 * was never started; clients and the admin API then talk to it as to that one.
 */
#ifndef FL_TESTS_SYSTEM_PROCESS_H
#define FL_TESTS_SYSTEM_PROCESS_H

#include "harness.h"

#include <sys/types.h>

struct process {
	pid_t pid;
	int log;         /* what it says, unread once it serves */
	char said[4096]; /* until it served or ended, terminated */
};

/* Starts `program` and waits until it serves. False if it ended instead. */
bool process_start(struct process *p, struct sys *s, const char *program);

/* Sends the signal and waits for the end: the exit code, or minus the signal that killed it. */
int process_end(struct process *p, int signum);

#endif
