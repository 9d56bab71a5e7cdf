/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/system/process.c - see the header. */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char serving[] = "serving at=";

/* In the child: all that it keeps lies in the folder. */
static void point_at(const struct sys *s)
{
	setenv("FAIRLEAD_UNIX_SOCKET", s->socket, 1);
	setenv("FAIRLEAD_DATABASE_SQLITE_PATH", sys_path(s, "db.sqlite"), 1);
	setenv("FAIRLEAD_NOISE_PRIVATE_KEY_PATH", sys_path(s, "noise_private.key"), 1);
	setenv("FAIRLEAD_DERP_SERVER_PRIVATE_KEY_PATH", sys_path(s, "derp_server_private.key"), 1);
}

static void run(const struct sys *s, const char *program, int log)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	point_at(s);
	dup2(log, STDERR_FILENO);
	execl(program, program, "serve", "-c", sys_path(s, "config.yaml"), (char *)NULL);
	_exit(127);
}

/* Reads its log until the line that names the address; NULL if it ended before. */
static const char *read_until_it_serves(struct process *p)
{
	size_t len = 0;

	for (;;) {
		const char *at = strstr(p->said, serving);
		if (at != NULL && strchr(at, '\n') != NULL)
			return at + sizeof serving - 1;
		ssize_t n = read(p->log, p->said + len, sizeof p->said - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		len += (size_t)n;
		p->said[len] = '\0';
	}
}

bool process_start(struct process *p, struct sys *s, const char *program)
{
	int ends[2];

	*p = (struct process){ 0 };
	assert_int_equal(pipe(ends), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0)
		run(s, program, ends[1]);
	close(ends[1]);
	p->log = ends[0];
	const char *at = read_until_it_serves(p);
	if (at == NULL)
		return false;
	assert_err(fl_addrport_parse(fl_slice_of(at, strcspn(at, "\n")), &s->at), FL_OK);
	sys_learn_key(s);
	return true;
}

int process_end(struct process *p, int signum)
{
	int status = 0;

	kill(p->pid, signum);
	while (waitpid(p->pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	close(p->log);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
