/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/ship_export.c - fairlead ship log export: the message log as one capture file.
 *
 * The log is read where it lies, while the hub writes on: the older file first, then the newer one
 * as far as its blocks are whole.
 */
#include "cli/ship.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "wire/pcapng.h"

enum { TRIES = 10, NO_FILE = -1 };

struct log_copy {
	struct fl_cli *cli;
	char path[FL_CLI_PATH_MAX], old[FL_CLI_PATH_MAX + 2];
	int newer, older; /* NO_FILE: there is none */
	const char *to;   /* "-": standard output */
	int out;
	uint8_t *block;
	uint64_t messages;
};

/* ---- where it is ---- */

static int ask_hub(struct log_copy *e)
{
	struct fl_answer a = { 0 };
	int code = fl_cli_get(e->cli, FL_SHIP_API "messages", &a);

	if (code == FL_EXIT_DONE)
		fl_str_copy(e->path, sizeof e->path, fl_ship_str(fl_json_root(a.doc), "path"));
	fl_answer_done(&a);
	return code;
}

static int find_log(struct log_copy *e)
{
	int code = fl_cli_config(e->cli);

	if (code != FL_EXIT_DONE)
		return code;
	fl_str_copy(e->path, sizeof e->path, fl_slice_str(e->cli->config->ship.log_path));
	if (e->path[0] == '\0')
		code = ask_hub(e);
	if (code == FL_EXIT_DONE && e->path[0] == '\0')
		return fl_cli_fail(e->cli, FL_EXIT_NOT_FOUND,
				   "Name a file with ship.message_log.path and start the hub anew.",
				   "the hub keeps no message log");
	snprintf(e->old, sizeof e->old, "%s.1", e->path);
	return code;
}

/* ---- the two files ---- */

static void close_log(struct log_copy *e)
{
	if (e->newer >= 0)
		close(e->newer);
	if (e->older >= 0)
		close(e->older);
	e->newer = e->older = NO_FILE;
}

/* Is the newer one still the newer one, now that the older one is open? */
static bool is_same(const struct log_copy *e)
{
	struct stat opened, named;

	return fstat(e->newer, &opened) == 0 && stat(e->path, &named) == 0 &&
	       opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

static int open_log(struct log_copy *e)
{
	for (int i = 0; i < TRIES; i++) {
		e->newer = open(e->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		int why = errno;
		if (e->newer < 0 && why != ENOENT)
			return fl_cli_fail(e->cli, FL_EXIT_FAILED, "It is the hub's own file.",
					   "%s cannot be read: %s", e->path, strerror(why));
		e->older = open(e->old, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (e->newer >= 0 && is_same(e))
			return FL_EXIT_DONE;
		close_log(e);
	}
	return fl_cli_fail(e->cli, FL_EXIT_NOT_FOUND, "It is made when the hub starts.",
			   "there is no message log %s", e->path);
}

/* ---- copying ---- */

/* The next block; its length, or 0 where nothing whole is left. */
static uint32_t read_block(struct log_copy *e, int fd, off_t at, uint32_t *out_kind)
{
	uint32_t len;

	if (pread(fd, e->block, FL_PCAPNG_HEAD, at) != FL_PCAPNG_HEAD ||
	    fl_pcapng_head(fl_slice_of(e->block, FL_PCAPNG_HEAD), out_kind, &len) != FL_OK ||
	    pread(fd, e->block, len, at) != (ssize_t)len ||
	    memcmp(e->block + 4, e->block + len - 4, 4) != 0)
		return 0;
	return len;
}

static int copy(struct log_copy *e, int fd, const char *name)
{
	uint32_t kind = 0, len;
	off_t at = 0;

	if (fd < 0)
		return FL_EXIT_DONE;
	while ((len = read_block(e, fd, at, &kind)) > 0) {
		if (at == 0 && kind != FL_PCAPNG_SECTION)
			break;
		if (!fl_fd_write(e->out, fl_slice_of(e->block, len)))
			return fl_cli_fail(e->cli, FL_EXIT_FAILED, "Is the disk full?",
					   "%s cannot be written: %s", e->to, strerror(errno));
		e->messages += kind == FL_PCAPNG_PACKET;
		at += len;
	}
	if (at > 0 || lseek(fd, 0, SEEK_END) == 0)
		return FL_EXIT_DONE;
	return fl_cli_fail(e->cli, FL_EXIT_REFUSED, NULL, "%s is no message log", name);
}

/* Never over a file that is there. */
static int open_out(struct log_copy *e)
{
	if (strcmp(e->to, "-") == 0) {
		e->out = STDOUT_FILENO;
		if (!isatty(e->out))
			return FL_EXIT_DONE;
		return fl_cli_fail(e->cli, FL_EXIT_USAGE, "Name a file, or send it on with > FILE.",
				   "a capture file is nothing for a terminal");
	}
	e->out = open(e->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (e->out >= 0)
		return FL_EXIT_DONE;
	if (errno == EEXIST)
		return fl_cli_fail(e->cli, FL_EXIT_CONFLICT, "Name a new file.",
				   "%s is there already", e->to);
	return fl_cli_fail(e->cli, FL_EXIT_FAILED, "Name a file in a folder that is yours.",
			   "%s cannot be made: %s", e->to, strerror(errno));
}

static int finish(struct log_copy *e, int code)
{
	if (e->out < 0 || e->out == STDOUT_FILENO)
		return code;
	if (code == FL_EXIT_DONE && fsync(e->out) != 0)
		code = fl_cli_fail(e->cli, FL_EXIT_FAILED, "Is the disk full?",
				   "%s cannot be written: %s", e->to, strerror(errno));
	close(e->out);
	if (code != FL_EXIT_DONE)
		unlink(e->to);
	else
		fl_cli_say(e->cli, "%llu messages written to %s", (unsigned long long)e->messages,
			   e->to);
	return code;
}

static int copy_log(struct log_copy *e)
{
	int code = find_log(e);

	if (code == FL_EXIT_DONE)
		code = open_log(e);
	if (code == FL_EXIT_DONE)
		code = open_out(e);
	if (code == FL_EXIT_DONE)
		code = copy(e, e->older, e->old);
	if (code == FL_EXIT_DONE)
		code = copy(e, e->newer, e->path);
	code = finish(e, code);
	close_log(e);
	return code;
}

int fl_ship_log_export(struct fl_cli *c)
{
	struct log_copy e = { .cli = c, .newer = NO_FILE, .older = NO_FILE, .out = NO_FILE };

	if (c->args.words < 2)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead help ship log", "which file?");
	e.to = c->args.word[1];
	e.block = malloc(FL_PCAPNG_BLOCK_MAX);
	if (e.block == NULL)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	int code = copy_log(&e);
	free(e.block);
	return code;
}
