/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/system/harness.c - starting, turning, asking and stopping a server. */
#include "harness.h"

#include "../base/remove_tree.h"
#include "client.h"
#include "io/net.h"
#include "io/sockaddr.h"
#include "services/control/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 4096 };

/* ---- folder ---- */

const char *sys_path(const struct sys *s, const char *name)
{
	static char paths[8][160];
	static unsigned next;
	char *path = paths[next++ % COUNT(paths)];

	snprintf(path, sizeof paths[0], "%s/%s", s->dir, name);
	return path;
}

void sys_write(const struct sys *s, const char *name, const char *text)
{
	FILE *f = fopen(sys_path(s, name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

void sys_configure(const struct sys *s, const char *extra)
{
	char text[4096];

	snprintf(text, sizeof text,
		 "server_url: http://127.0.0.1:8080\nlisten_addr: 127.0.0.1:0\n"
		 "metrics_listen_addr: 127.0.0.1:0\n"
		 "derp:\n  server:\n    stun_listen_addr: 127.0.0.1:0\n"
		 "debug:\n  short_timers: %s\n%s\n",
		 s->short_timers ? "true" : "false", extra != NULL ? extra : "");
	sys_write(s, "config.yaml", text);
}

void sys_make(struct sys *s, bool short_timers, const char *extra)
{
	*s = (struct sys){ .short_timers = short_timers };
	fl_list_init(&s->clients);
	fl_log_level_set(
		(enum fl_log_level)(FL_LOG_ERROR + 1)); /* failures are what is tried here */
	assert_int_equal(fl_crypto_init(), FL_OK);
	/* Memory if there is any: thousands of syncs are made, and none has to last. */
	snprintf(s->dir, sizeof s->dir, "%s/fairlead-system-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->socket, sizeof s->socket, "%s/fairlead.sock", s->dir);
	sys_configure(s, extra);
	assert_int_equal(fl_loop_new(&s->loop), FL_OK);
}

void sys_remove(struct sys *s)
{
	assert_true(fl_list_empty(&s->clients));
	fl_loop_free(s->loop);
	remove_tree(s->dir);
}

/* ---- server ---- */

void sys_learn_key(struct sys *s)
{
	struct reply r = sys_get(s, "/key?v=145");
	json_t *doc = json_loadb((const char *)r.body.ptr, r.body.len, 0, NULL);

	assert_int_equal(r.status, 200);
	assert_err(fl_machine_key_parse(fl_slice_str(text_at(doc, "publicKey")), &s->noise), FL_OK);
	json_decref(doc);
	reply_done(&r);
}

enum fl_err sys_try(struct sys *s, struct fl_fault *fault)
{
	struct fl_config_report report = { 0 };
	struct fl_config *config;

	*fault = (struct fl_fault){ "" };
	enum fl_err err = fl_config_load(sys_path(s, "config.yaml"), s->dir, &report, &config);
	if (err != FL_OK)
		snprintf(fault->text, sizeof fault->text, "%s",
			 report.errors.len > 0 ? report.errors.at[0] : "?");
	fl_config_report_done(&report);
	if (err == FL_OK)
		err = fl_server_start(s->loop, config, fault, &s->server);
	return err;
}

void sys_boot(struct sys *s)
{
	struct fl_fault fault;

	enum fl_err err = sys_try(s, &fault);
	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
	s->at = fl_server_at(s->server);
	sys_learn_key(s);
}

void sys_halt(struct sys *s)
{
	s->server = fl_server_stop(s->server, 0);
	sys_turn(s, 4); /* what was handed to the loop for closing */
}

void sys_start(struct sys *s, bool short_timers, const char *extra)
{
	sys_make(s, short_timers, extra);
	sys_boot(s);
}

void sys_stop(struct sys *s)
{
	sys_halt(s);
	sys_remove(s);
}

struct fl_core *sys_core(struct sys *s)
{
	return fl_control_core(fl_server_control(s->server));
}

struct fl_state *sys_state(struct sys *s)
{
	return sys_core(s)->state;
}

struct fl_control_stats sys_stats(struct sys *s)
{
	struct fl_control_stats stats;

	fl_control_stats(fl_server_control(s->server), &stats);
	return stats;
}

/* ---- turning ---- */

struct until {
	struct sys *s;
	bool (*cond)(void *ctx);
	void *ctx;
};

static bool move_and_look(void *ctx)
{
	struct until *u = ctx;

	fl_list_each(it, &u->s->clients) client_move(fl_list_entry(it, struct client, link));
	return u->cond(u->ctx);
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

/* Who was woken is not asleep any more when the call that woke it returns. */
static bool is_asleep(const char *task)
{
	char path[sizeof "/proc/self/task//stat" + 256], state = 'S';
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%s/stat", task);
	f = fopen(path, "r");
	if (f == NULL)
		return true; /* ended */
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'S';
	fclose(f);
	return state == 'S';
}

static bool others_sleep(void)
{
	DIR *d = opendir("/proc/self/task");
	bool all = true;

	assert_non_null(d);
	for (struct dirent *e; all && (e = readdir(d)) != NULL;)
		all = e->d_name[0] == '.' || atoi(e->d_name) == gettid() || is_asleep(e->d_name);
	closedir(d);
	return all;
}

static bool has_workers(const struct sys *s)
{
	return s->server != NULL &&
	       fl_server_control(s->server)->noise.desks[0].worker.worker.threaded;
}

/* A turn is over when the workers have done what it brought them, too. */
static void turn(struct sys *s)
{
	fl_loop_poll(s->loop);
	while (has_workers(s) && !others_sleep())
		sched_yield();
}

void sys_turn(struct sys *s, unsigned ticks)
{
	struct until u = { s, never, NULL };

	for (unsigned i = 0; i < ticks; i++) {
		move_and_look(&u);
		turn(s);
	}
}

bool sys_until(struct sys *s, bool (*cond)(void *ctx), void *ctx)
{
	struct until u = { s, cond, ctx };

	for (unsigned i = 0; i < 16; i++) {
		if (move_and_look(&u))
			return true;
		turn(s);
	}
	return net_until(s->loop, move_and_look, &u);
}

struct lapse {
	struct sys *s;
	fl_time end;
};

static bool is_over(void *ctx)
{
	struct lapse *l = ctx;
	return fl_loop_now(l->s->loop) >= l->end;
}

void sys_for(struct sys *s, int64_t ns)
{
	struct lapse l = { s, fl_loop_now(s->loop) + ns };
	assert_true(sys_until(s, is_over, &l));
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

/* A sanitizer's allocator counts for itself. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t live_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	if (__sanitizer_get_current_allocated_bytes != NULL)
		return __sanitizer_get_current_allocated_bytes();
	return m.uordblks + m.hblkhd;
}

size_t sys_usage_slack(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL ? 1024 : 64 << 10;
}

size_t sys_step(size_t sanitized)
{
	const char *text = getenv("STEP");
	size_t step = text != NULL ? strtoul(text, NULL, 10) : 0;

	if (step > 0)
		return step;
	return __sanitizer_get_current_allocated_bytes != NULL ? sanitized : 1;
}

struct sys_usage sys_usage(void)
{

	return (struct sys_usage){
		.fds = net_fd_count(),
		.threads = entries("/proc/self/task"),
		.live = live_bytes(),
	};
}

static struct sys *guarded;
static size_t kept;

static int forget(void **state)
{
	struct fl_list *last = &guarded->clients;

	(void)state;
	for (size_t i = 0; i < kept; i++)
		last = last->next;
	last->next = &guarded->clients;
	guarded->clients.prev = last;
	return 0;
}

void sys_guard(struct sys *s, struct suite *suite)
{
	guarded = s;
	fl_list_each(it, &s->clients) kept++;
	for (size_t i = 0; i < suite->count; i++)
		suite->tests[i].teardown_func = forget;
}

/* ---- plain HTTP/1 ---- */

void reply_done(struct reply *r)
{
	fl_buf_done(&r->body);
}

static int made_ready(int fd)
{
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

int sys_dial(struct sys *s)
{
	return made_ready(s->narrow ? net_dial_narrow(&s->at) : net_dial(&s->at));
}

int sys_server_end(const struct sys *s, int client_fd)
{
	struct fl_addrport client = fl_sockaddr_bound(client_fd);

	for (int fd = 3; fd < DESCRIPTORS_MAX; fd++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t len = sizeof peer;
		struct fl_addrport here = fl_sockaddr_bound(fd);
		if (!fl_addrport_eq(&here, &s->at) ||
		    getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
			continue;
		struct fl_addrport there = fl_sockaddr_read(&peer);
		if (fl_addrport_eq(&there, &client))
			return fd;
	}
	fail_msg("the server has no such connection");
	return -1;
}

struct sending {
	int fd;
	const uint8_t *data;
	size_t left;
};

static bool is_sent(void *ctx)
{
	struct sending *w = ctx;

	while (w->left > 0) {
		ssize_t n = send(w->fd, w->data, w->left, MSG_NOSIGNAL);
		if (n < 0)
			return errno != EAGAIN; /* the server may close before it has heard all */
		w->data += n;
		w->left -= (size_t)n;
	}
	return true;
}

void sys_send(struct sys *s, int fd, const void *data, size_t len)
{
	struct sending w = { fd, data, len };
	assert_true(sys_until(s, is_sent, &w));
}

struct reading {
	int fd;
	struct fl_buf got;
	bool ended;
	size_t head, body;
	bool sized;
};

static void look_at_head(struct reading *r)
{
	fl_buf_byte(&r->got, 0);
	r->got.len--;

	const char *text = (const char *)r->got.ptr, *length;
	const char *end = strstr(text, "\r\n\r\n");
	if (end == NULL)
		return;
	r->head = (size_t)(end - text) + 4;
	length = strcasestr(text, "\r\ncontent-length:");
	r->sized = (length != NULL && length < end) || strncmp(text, "HTTP/1.1 204", 12) == 0;
	r->body = length != NULL && length < end ? (size_t)atol(length + 17) : 0;
}

static bool has_answer(void *ctx)
{
	struct reading *r = ctx;
	uint8_t mem[16384];
	ssize_t n;

	while (!r->ended && (n = recv(r->fd, mem, sizeof mem, 0)) != -1) {
		r->ended = n == 0;
		fl_buf_put(&r->got, mem, (size_t)n);
	}
	r->ended = r->ended || errno != EAGAIN;
	if (r->head == 0 && r->got.len > 0)
		look_at_head(r);
	return r->ended || (r->head > 0 && r->sized && r->got.len >= r->head + r->body);
}

struct reply sys_answer(struct sys *s, int fd)
{
	struct reading r = { .fd = fd, .got = fl_buf_make(64 << 20) };
	struct reply out = { .body = fl_buf_make(64 << 20) };
	char *type;

	assert_true(sys_until(s, has_answer, &r));
	out.ended = r.ended;
	if (r.head > 0) {
		fl_str_copy(out.head, sizeof out.head,
			    fl_slice_of(r.got.ptr, r.head < 2000 ? r.head : 2000));
		assert_int_equal(sscanf(out.head, "HTTP/1.1 %u", &out.status), 1);
		type = strcasestr(out.head, "\r\ncontent-type: ");
		if (type != NULL)
			sscanf(type + 16, "%63[^;\r]", out.type);
		fl_buf_put(&out.body, r.got.ptr + r.head, r.got.len - r.head);
	}
	fl_buf_byte(&out.body, 0);
	out.body.len--;
	fl_buf_done(&r.got);
	return out;
}

struct reply sys_http(struct sys *s, const void *request, size_t len)
{
	int fd = sys_dial(s);

	sys_send(s, fd, request, len);
	struct reply r = sys_answer(s, fd);
	close(fd);
	return r;
}

struct reply sys_get(struct sys *s, const char *path)
{
	char text[4096];
	int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

	return sys_http(s, text, (size_t)n);
}

static bool has_closed(void *ctx)
{
	uint8_t mem[4096];
	ssize_t n;

	while ((n = recv(*(int *)ctx, mem, sizeof mem, 0)) > 0)
		;
	return n == 0 || errno != EAGAIN;
}

bool sys_closes(struct sys *s, int fd)
{
	return sys_until(s, has_closed, &fd);
}
