/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/system/admin.c - the admin API as a program uses it. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int dial_socket(struct sys *s)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(s->socket) < sizeof sa.sun_path);
	memcpy(sa.sun_path, s->socket, strlen(s->socket) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

int api_begin(struct sys *s, const char *bearer, const char *method, const char *path,
	      struct fl_slice body)
{
	struct fl_buf b = fl_buf_make(8 << 20);
	int fd = bearer != NULL ? sys_dial(s) : dial_socket(s);

	fl_buf_printf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path);
	if (bearer != NULL && bearer[0] != '\0')
		fl_buf_printf(&b, "Authorization: %s\r\n", bearer);
	if (body.ptr != NULL)
		fl_buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			      body.len);
	fl_buf_str(&b, "\r\n");
	fl_buf_put(&b, body.ptr, body.len);
	sys_send(s, fd, b.ptr, b.len);
	fl_buf_done(&b);
	return fd;
}

struct reply api_send(struct sys *s, const char *bearer, const char *method, const char *path,
		      struct fl_slice body)
{
	int fd = api_begin(s, bearer, method, path, body);
	struct reply r = sys_answer(s, fd);

	close(fd);
	return r;
}

struct reply api_call(struct sys *s, const char *method, const char *path, const char *body)
{
	return api_send(s, NULL, method, path, fl_slice_str(body));
}

json_t *api_json(struct sys *s, const char *method, const char *path, const char *body,
		 unsigned status)
{
	struct reply r = api_call(s, method, path, body);
	json_error_t why;

	if (r.status != status)
		fail_msg("%s %s: %u, want %u: %s", method, path, r.status, status,
			 (const char *)r.body.ptr);
	json_t *doc =
		json_loadb((const char *)r.body.ptr, r.body.len, JSON_REJECT_DUPLICATES, &why);
	if (doc == NULL)
		fail_msg("%s %s: %s", method, path, why.text);
	reply_done(&r);
	return doc;
}

void api_ok(struct sys *s, const char *method, const char *path, const char *body)
{
	json_decref(api_json(s, method, path, body, 200));
}

json_int_t api_user(struct sys *s, const char *name)
{
	char body[512];

	snprintf(body, sizeof body, "{\"name\":\"%s\"}", name);
	json_t *doc = api_json(s, "POST", "/api/v1/user", body, 200);
	json_int_t id = atoll(text_at(doc, "user.id"));
	json_decref(doc);
	return id;
}

char *api_key(struct sys *s, json_int_t user, const char *fields)
{
	char body[512];

	snprintf(body, sizeof body, "{\"user\":\"%lld\"%s%s}", (long long)user,
		 fields != NULL ? "," : "", fields != NULL ? fields : "");
	json_t *doc = api_json(s, "POST", "/api/v1/preauthkey", body, 200);
	char *key = fl_str_dup(fl_slice_str(text_at(doc, "preAuthKey.key")));
	json_decref(doc);
	return key;
}

json_t *at(json_t *doc, const char *path)
{
	char part[64];

	while (doc != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");
		fl_str_copy(part, sizeof part, fl_slice_of(path, n));
		doc = json_is_array(doc) ? json_array_get(doc, (size_t)atoi(part))
					 : json_object_get(doc, part);
		path += n + (path[n] == '.');
	}
	return doc;
}

const char *text_at(json_t *doc, const char *path)
{
	const char *text = json_string_value(at(doc, path));

	if (text == NULL) {
		char *all = json_dumps(doc, 0);
		fail_msg("no text at %s in %s", path, all);
	}
	return text;
}
