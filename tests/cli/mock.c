/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/cli/mock.c - commands against a small server on a Unix socket. */
#include "mock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/remove_tree.h"

enum { ARGS = 16 };

static char dir[] = "/tmp/fl-test-cli-XXXXXX";
static pthread_t thread;
char mock_socket[64], mock_out[64], mock_err[64];

/* ---- the server ---- */

static struct {
	pthread_mutex_t lock; /* for all below */
	int listener;
	const struct mock_step *steps;
	size_t done;
	char problem[512];
} mock = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Times differ from run to run. */
static void hide_times(char *text)
{
	char *from = text, *to = text;

	while (*from != '\0') {
		if (strncmp(from, "\"20", 3) == 0 && strlen(from) > 12 && from[5] == '-') {
			char *end = strchr(from + 1, '"');
			*to++ = '#';
			from = end + 1;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* One whole request in `text`; false at the end of the connection. */
static bool read_request(int fd, char *text, char **body)
{
	size_t len = 0, want = SIZE_MAX;

	while (len < want) {
		ssize_t n = read(fd, text + len, MOCK_TEXT_MAX - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		*body = strstr(text, "\r\n\r\n");
		if (*body == NULL)
			continue;
		*body += 4;
		const char *length = strcasestr(text, "\r\ncontent-length:");
		want = (size_t)(*body - text) +
		       (length != NULL ? strtoul(length + 17, NULL, 10) : 0);
	}
	return true;
}

static void respond(int fd, const struct mock_step *s)
{
	char answer[MOCK_TEXT_MAX];
	int n = snprintf(
		answer, sizeof answer,
		"HTTP/1.1 %u X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		s->status ? s->status : 200, strlen(s->body), s->body);

	if (write(fd, answer, (size_t)n) != n)
		snprintf(mock.problem, sizeof mock.problem, "cannot answer: %s", strerror(errno));
}

static void serve_one(int fd)
{
	static const struct mock_step extra = { .status = 500, .body = "{}" };
	char text[MOCK_TEXT_MAX], got[MOCK_TEXT_MAX];
	char *body;

	if (!read_request(fd, text, &body))
		return;
	size_t line = strcspn(text, "\r");
	char *version = text + line - strlen(" HTTP/1.1");
	hide_times(body);
	snprintf(got, sizeof got, "%.*s %s", (int)(version - text), text, body);
	const struct mock_step *s = &mock.steps[mock.done];
	if (mock.done == MOCK_STEPS_MAX || s->want == NULL) {
		snprintf(mock.problem, sizeof mock.problem, "one request too many: %.400s", got);
		respond(fd, &extra);
		return;
	}
	if (strcmp(got, s->want) != 0)
		snprintf(mock.problem, sizeof mock.problem, "asked \"%.200s\", want \"%.200s\"",
			 got, s->want);
	mock.done++;
	respond(fd, s);
}

static void *serve(void *ctx)
{
	(void)ctx;
	for (;;) {
		int fd = accept(mock.listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		pthread_mutex_lock(&mock.lock);
		serve_one(fd);
		pthread_mutex_unlock(&mock.lock);
		close(fd);
	}
}

/* ---- running a command ---- */

int mock_redirect(int fd, const char *path)
{
	int saved = dup(fd);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(saved >= 0 && file >= 0);
	assert_int_equal(dup2(file, fd), fd);
	close(file);
	return saved;
}

void mock_restore(int fd, int saved)
{
	assert_int_equal(dup2(saved, fd), fd);
	close(saved);
}

void mock_read_back(const char *path, char text[static MOCK_TEXT_MAX])
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, MOCK_TEXT_MAX - 1, f)] = '\0';
	fclose(f);
}

/* "fairlead --socket PATH" and the words of the line; ' quotes blanks. */
int mock_run_line(const char *line)
{
	char copy[512];
	char program[] = "fairlead", complete[] = "__complete", flag[] = "--socket";
	char *argv[ARGS] = { program };
	int argc = 1;
	char *at = copy;

	assert_true(strlen(line) < sizeof copy);
	memcpy(copy, line, strlen(line) + 1);
	/* What is completed stands first, and is read word by word. */
	if (strncmp(line, "__complete ", 11) == 0) {
		argv[argc++] = complete;
		at += 11;
	}
	argv[argc++] = flag;
	argv[argc++] = mock_socket;
	while (*at != '\0') {
		const char end = *at == '\'' ? '\'' : ' ';
		at += end == '\'';
		assert_true(argc < ARGS - 1);
		argv[argc++] = at;
		at += strcspn(at, end == '\'' ? "'" : " ");
		if (*at != '\0')
			*at++ = '\0';
		at += strspn(at, " ");
	}
	return fl_cli_main(argc, argv);
}

void mock_script(const struct mock_step *steps)
{
	pthread_mutex_lock(&mock.lock);
	mock.steps = steps;
	mock.done = 0;
	mock.problem[0] = '\0';
	pthread_mutex_unlock(&mock.lock);
}

size_t mock_done(void)
{
	pthread_mutex_lock(&mock.lock);
	size_t done = mock.done;
	pthread_mutex_unlock(&mock.lock);
	return done;
}

void mock_run_row(void **state)
{
	const struct mock_row *r = *state;
	static char out[MOCK_TEXT_MAX], err[MOCK_TEXT_MAX];
	char problem[sizeof mock.problem];
	size_t steps = 0;

	mock_script(r->steps);
	fflush(stdout);
	int saved_out = mock_redirect(STDOUT_FILENO, mock_out);
	int saved_err = mock_redirect(STDERR_FILENO, mock_err);
	int code = mock_run_line(r->line);
	fflush(stdout);
	mock_restore(STDOUT_FILENO, saved_out);
	mock_restore(STDERR_FILENO, saved_err);
	mock_read_back(mock_out, out);
	mock_read_back(mock_err, err);
	while (steps < MOCK_STEPS_MAX && r->steps[steps].want != NULL)
		steps++;
	pthread_mutex_lock(&mock.lock);
	size_t done = mock.done;
	memcpy(problem, mock.problem, sizeof problem);
	pthread_mutex_unlock(&mock.lock);
	if (problem[0] != '\0')
		fail_msg("%s: %s", r->line, problem);
	if (code != r->code || done != steps)
		fail_msg("%s: exit %d, want %d; %zu of %zu requests\n%s%s", r->line, code, r->code,
			 done, steps, out, err);
	if (strstr(out, r->says) == NULL && strstr(err, r->says) == NULL)
		fail_msg("%s: no \"%s\" in\n%s%s", r->line, r->says, out, err);
	/* Data on stdout, errors on stderr. */
	assert_int_equal(code == 0 || code == 8, err[0] == '\0' || code == 8);
	if (code != 0 && code != 8)
		assert_string_equal(out, "");
}

/* ---- start and end ---- */

void mock_start(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		exit(1);
	setenv("HOME", dir, 1);
	setenv("TZ", "UTC", 1);
	snprintf(mock_socket, sizeof mock_socket, "%s/mock.sock", dir);
	snprintf(mock_out, sizeof mock_out, "%s/out", dir);
	snprintf(mock_err, sizeof mock_err, "%s/err", dir);
	memcpy(at.sun_path, mock_socket, strlen(mock_socket) + 1);
	mock.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(mock.listener, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(mock.listener, 8) != 0 || pthread_create(&thread, NULL, serve, NULL) != 0)
		exit(1);
}

void mock_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

void mock_stop(void)
{
	shutdown(mock.listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(mock.listener);
	remove_tree(dir);
}
