/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/policy_edit.c - fairlead policy edit: the policy in force in an editor.
 *
 * What is wrong is shown and may be edited again; a text that did not get in force is kept, and it
 * is said where.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/policy.h"
#include "crypto/prim.h"
#include "io/file.h"

enum { NAME_MAX_LEN = 1024 };

static const char header[] = "{\n\t// Who may reach what; see docs/policy.md.\n}\n";

static int read_current(struct fl_cli *c, struct fl_buf *out)
{
	struct fl_answer a = { 0 };

	fl_buf_reset(out);
	int code = fl_policy_ask(c, "GET", "", NULL, &a);
	if (code == FL_EXIT_DONE) {
		struct fl_slice text = fl_policy_text_at(fl_json_root(a.doc), "policy");
		fl_buf_put(out, text.ptr, text.len);
	}
	fl_answer_done(&a);
	return code;
}

/* A file that only its owner can read, with a name by which editors know what it holds. */
static int make_file(struct fl_cli *c, struct fl_slice text, char path[static NAME_MAX_LEN])
{
	static const char ending[] = ".hujson";
	const char *folder = getenv("TMPDIR");

	snprintf(path, NAME_MAX_LEN, "%s/fairlead-policy-XXXXXX%s",
		 folder != NULL && folder[0] != '\0' ? folder : "/tmp", ending);
	int fd = mkstemps(path, (int)sizeof ending - 1);
	if (fd < 0)
		return fl_cli_fail(c, FL_EXIT_FAILED, "Set TMPDIR to a folder that can be written.",
				   "cannot create %s: %s", path, strerror(errno));
	bool ok = fl_fd_write(fd, text);
	ok = close(fd) == 0 && ok;
	if (ok)
		return FL_EXIT_DONE;
	int code =
		fl_cli_fail(c, FL_EXIT_FAILED, NULL, "cannot write %s: %s", path, strerror(errno));
	unlink(path);
	return code;
}

/* $VISUAL and $EDITOR may have arguments of their own: the shell takes them apart. */
static int run_editor(struct fl_cli *c, const char *path)
{
	const char *editor = getenv("VISUAL");
	int status = 0;

	if (editor == NULL || editor[0] == '\0')
		editor = getenv("EDITOR");
	if (editor == NULL || editor[0] == '\0')
		editor = "vi";
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		char command[NAME_MAX_LEN];
		snprintf(command, sizeof command, "%s \"$1\"", editor);
		execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return FL_EXIT_DONE;
	return fl_cli_fail(c, FL_EXIT_FAILED, "Set VISUAL or EDITOR.", "the editor (%s) failed",
			   editor);
}

/* Asks whether to edit once more; without a terminal nobody could. */
static bool again(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return false;
	fprintf(stderr, "Edit it again? [Y/n] ");
	return fgets(answer, sizeof answer, stdin) != NULL && answer[0] != 'n' && answer[0] != 'N';
}

/* Before somebody edits in vain. */
static int check_mode(struct fl_cli *c)
{
	struct fl_policy_ask nothing;
	struct fl_answer a = { 0 };

	fl_policy_ask_init(&nothing);
	int code = fl_policy_ask(c, "POST", "/diff", &nothing, &a);
	if (code == FL_EXIT_DONE)
		code = fl_policy_check_mode(c, fl_json_root(a.doc));
	fl_answer_done(&a);
	fl_policy_ask_done(&nothing);
	return code;
}

/* Of the text that was edited: somebody else may have set another one since. */
static void hash_of(const struct fl_buf *text, char out[static FL_POLICY_HASH_MAX])
{
	uint8_t hash[FL_HASH_LEN];

	fl_sha256(fl_buf_slice(text), hash);
	fl_hex_encode(hash, sizeof hash, out);
}

/* One round in the editor. *out_same: the text is as it was. */
static int edit_once(struct fl_cli *c, const char *path, const struct fl_buf *before,
		     bool *out_same)
{
	char base[FL_POLICY_HASH_MAX];
	struct fl_policy_text t = { 0 };

	int code = run_editor(c, path);
	if (code == FL_EXIT_DONE)
		code = fl_policy_text_read(c, path, &t);
	*out_same = code == FL_EXIT_DONE &&
		    (fl_slice_eq(fl_buf_slice(&t.text), fl_buf_slice(before)) ||
		     (before->len == 0 && fl_slice_is(fl_buf_slice(&t.text), header)));
	if (code == FL_EXIT_DONE && !*out_same)
		code = fl_policy_preview(c, &t, FL_POLICY_ASK, base);
	hash_of(before, base);
	if (code == FL_EXIT_DONE && !*out_same)
		code = fl_policy_store(c, &t, base);
	fl_policy_text_done(&t);
	return code;
}

static int edit(struct fl_cli *c, const struct fl_buf *before)
{
	char path[NAME_MAX_LEN];
	bool same = false;
	int code =
		make_file(c, before->len > 0 ? fl_buf_slice(before) : fl_slice_str(header), path);

	if (code != FL_EXIT_DONE)
		return code;
	do
		code = edit_once(c, path, before, &same);
	while ((code == FL_EXIT_REFUSED || code == FL_EXIT_CHECK) && again());
	if (code == FL_EXIT_DONE && same)
		fl_cli_say(c, "nothing was changed");
	if (code == FL_EXIT_DONE)
		unlink(path);
	else if (!fl_output_is_machine(&c->out) && access(path, F_OK) == 0)
		fprintf(stderr, "  The text is kept in %s\n", path);
	return code;
}

int fl_cmd_policy_edit(struct fl_cli *c)
{
	struct fl_buf before = fl_buf_make(8 << 20);

	int code = check_mode(c);
	if (code == FL_EXIT_DONE)
		code = read_current(c, &before);
	if (code == FL_EXIT_DONE)
		code = edit(c, &before);
	fl_buf_done(&before);
	return code;
}
