/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/mdns_rig.c - hosts made of network namespaces, and ears. */
#include "mdns_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fl_loop *rig_loop;
static int origin, home, hosts[HOSTS]; /* of the process, of the thread between calls */
static struct ear *ears[8]; /* with an instance, so that a test that failed leaves nothing open */

/* ---- hosts ---- */

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Without root, as root of a user namespace. */
static bool become_root(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (uid == 0)
		return true;
	if (unshare(CLONE_NEWUSER) != 0)
		return false;
	snprintf(map, sizeof map, "0 %u 1", uid);
	if (!put("/proc/self/uid_map", map) || !put("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof map, "0 %u 1", gid);
	return put("/proc/self/gid_map", map);
}

static int here(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

int rig_check(void)
{
	if (access("/sbin/ip", X_OK) != 0 && access("/usr/sbin/ip", X_OK) != 0) {
		printf("skipped: the program ip (package iproute2) is not installed\n");
		return 77;
	}
	if (!become_root() || unshare(CLONE_NEWNET) != 0) {
		printf("skipped: no network namespace can be made here: %s\n", strerror(errno));
		return 77;
	}
	if (access("/proc/sys/net/ipv6/conf", F_OK) != 0) {
		printf("skipped: there is no IPv6 here\n");
		return 77;
	}
	origin = home = here();
	return 0;
}

void rig_enter(enum host h)
{
	assert_int_equal(setns(hosts[h], CLONE_NEWNET), 0);
}

void rig_live(enum host h)
{
	home = hosts[h];
	rig_enter(h);
}

void rig_run(enum host h, const char *command)
{
	rig_enter(h);
	int status = system(command);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	if (status != 0)
		fail_msg("%s: status %d", command, status);
}

static void make_host(enum host h)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	hosts[h] = here();
	/* Addresses are usable at once. */
	assert_true(put("/proc/sys/net/ipv6/conf/default/accept_dad", "0"));
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	rig_run(h, "ip link set lo up");
}

static void connect_hosts(const char *device, enum host peer, const char *net)
{
	char text[512];

	snprintf(text, sizeof text,
		 "ip link add %s type veth peer name v0 netns /proc/%d/fd/%d && "
		 "ip addr add %s.1/24 dev %s && ip link set %s up",
		 device, (int)getpid(), hosts[peer], net, device, device);
	rig_run(HOST_A, text);
	snprintf(text, sizeof text, "ip addr add %s.2/24 dev v0 && ip link set v0 up", net);
	rig_run(peer, text);
}

int rig_setup(void **state)
{
	(void)state;
	for (enum host h = HOST_A; h < HOSTS; h++)
		make_host(h);
	connect_hosts("v0", HOST_B, "10.9.0");
	connect_hosts("v1", HOST_C, "10.9.1");
	assert_err(fl_loop_new(&rig_loop), FL_OK);
	return 0;
}

int rig_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ears); i++)
		if (ears[i] != NULL)
			rig_close(ears[i]);
	fl_loop_poll(rig_loop);
	home = origin;
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	rig_loop = fl_loop_free(rig_loop);
	for (enum host h = HOST_A; h < HOSTS; h++)
		close(hosts[h]);
	return 0;
}

/* ---- ears ---- */

static struct heard *place(struct ear *e, const struct fl_mdns_seen *s)
{
	for (size_t i = 0; i < e->count; i++) {
		struct heard *h = &e->at[i];
		if (strcmp(h->instance, s->instance) == 0 && h->interface == s->interface &&
		    h->ipv6 == s->ipv6)
			return h;
	}
	if (e->count == HEARD_MAX)
		return NULL;
	struct heard *h = &e->at[e->count++];
	snprintf(h->instance, sizeof h->instance, "%s", s->instance);
	h->interface = s->interface;
	h->ipv6 = s->ipv6;
	return h;
}

static void describe(struct heard *h, const struct fl_mdns_seen *s)
{
	struct fl_buf txt = fl_buf_over(h->txt, sizeof h->txt);
	struct fl_buf addrs = fl_buf_over(h->addrs, sizeof h->addrs);
	char ip[FL_IP_TEXT_MAX];

	snprintf(h->host, sizeof h->host, "%s", s->host);
	h->port = s->port;
	for (size_t i = 0; i < s->txt_count; i++) {
		fl_buf_str(&txt, i > 0 ? " " : "");
		fl_buf_put(&txt, s->txt[i].ptr, s->txt[i].len);
	}
	for (size_t i = 0; i < s->addrs_count; i++) {
		fl_ip_format(&s->addrs[i], ip);
		fl_buf_str(&addrs, i > 0 ? " " : "");
		fl_buf_str(&addrs, ip);
	}
	h->txt[txt.len] = h->addrs[addrs.len] = '\0';
}

static void on_seen(void *ctx, const struct fl_mdns_seen *s, bool gone)
{
	struct ear *e = ctx;
	struct heard *h = place(e, s);

	if (h == NULL) {
		e->others += !gone;
		return;
	}
	if (gone)
		assert_true(h->here); /* only what was told before */
	h->here = !gone;
	h->gone += gone;
	h->told += !gone;
	if (gone)
		return;
	assert_true(s->addrs_count > 0);
	describe(h, s);
}

static void on_state(void *ctx, bool running, const char *text)
{
	struct ear *e = ctx;

	e->running = running;
	snprintf(e->text, sizeof e->text, "%s", text);
}

struct fl_mdns_config rig_config(const char *instance)
{
	return (struct fl_mdns_config){
		.type = "_ship._tcp",
		.instance = instance,
		.host = instance,
		.port = 4712,
		.backend = FL_MDNS_EMBEDDED,
		.on_seen = on_seen,
		.on_state = on_state,
	};
}

enum fl_err rig_try(struct ear *e, enum host h, struct fl_mdns_config cfg, struct fl_fault *fault)
{
	*e = (struct ear){ 0 };
	cfg.ctx = e;
	rig_enter(h);
	enum fl_err err = fl_mdns_new(rig_loop, &cfg, fault, &e->m);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	for (size_t i = 0; i < COUNT(ears) && e->m != NULL; i++) {
		if (ears[i] != NULL)
			continue;
		ears[i] = e;
		break;
	}
	return err;
}

void rig_open(struct ear *e, enum host h, struct fl_mdns_config cfg)
{
	struct fl_fault fault = { "" };
	enum fl_err err = rig_try(e, h, cfg, &fault);

	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
}

void rig_close(struct ear *e)
{
	e->m = fl_mdns_close(e->m);
	for (size_t i = 0; i < COUNT(ears); i++)
		if (ears[i] == e)
			ears[i] = NULL;
}

void rig_announce(struct ear *e, const char *txt)
{
	struct fl_slice strings[FL_MDNS_TXT_STRINGS_MAX];
	size_t count = 0;

	for (const char *at = txt; *at != '\0';) {
		size_t len = strcspn(at, " ");
		strings[count++] = fl_slice_of(at, len);
		at += len + (at[len] == ' ');
	}
	assert_err(fl_mdns_announce(e->m, strings, count), FL_OK);
}

struct heard *ear_find(struct ear *e, const char *instance, bool ipv6)
{
	for (size_t i = e->count; i-- > 0;)
		if (strcmp(e->at[i].instance, instance) == 0 && e->at[i].ipv6 == ipv6)
			return &e->at[i];
	return NULL;
}

/* ---- waiting ---- */

enum { PATIENCE = 4 }; /* times net_until: some of this takes seconds on an idle machine */

struct wish {
	struct ear *e;
	const char *instance, *text;
	bool ipv6;
};

static void show(const struct ear *e)
{
	print_message("  %s \"%s\", %zu heard:\n", e->running ? "running" : "stopped", e->text,
		      e->count);
	for (size_t i = 0; i < e->count; i++) {
		const struct heard *h = &e->at[i];
		print_message("    %s on %u IPv%c: %s, %s, %s; told %u, gone %u\n", h->instance,
			      h->interface, h->ipv6 ? '6' : '4', h->host, h->addrs, h->txt, h->told,
			      h->gone);
	}
}

void until(bool (*cond)(void *ctx), void *ctx, const char *what)
{
	for (unsigned i = 0; i < PATIENCE; i++)
		if (net_until(rig_loop, cond, ctx))
			return;
	for (size_t i = 0; i < COUNT(ears); i++)
		if (ears[i] != NULL)
			show(ears[i]);
	fail_msg("in vain: %s", what);
}

static bool is_running(void *ctx)
{
	const struct wish *w = ctx;
	return w->e->running && strcmp(w->e->text, w->text) == 0;
}

static bool is_stopped(void *ctx)
{
	const struct wish *w = ctx;
	return !w->e->running && w->e->text[0] != '\0';
}

static bool is_here(const struct wish *w, bool ipv6)
{
	const struct heard *h = ear_find(w->e, w->instance, ipv6);
	return h != NULL && h->here && (w->text == NULL || strcmp(h->txt, w->text) == 0);
}

static bool is_seen(void *ctx)
{
	return is_here(ctx, false) && is_here(ctx, true);
}

static bool is_gone(void *ctx)
{
	return !is_here(ctx, false) && !is_here(ctx, true);
}

static bool has_addrs(void *ctx)
{
	const struct wish *w = ctx;
	const struct heard *h = ear_find(w->e, w->instance, w->ipv6);
	return h != NULL && h->here && strcmp(h->addrs, w->text) == 0;
}

void until_running(struct ear *e, const char *label)
{
	struct wish w = { .e = e, .text = label };
	until(is_running, &w, label);
}

void until_stopped(struct ear *e)
{
	struct wish w = { .e = e };
	until(is_stopped, &w, "stopped");
}

void until_seen(struct ear *e, const char *instance)
{
	struct wish w = { .e = e, .instance = instance };
	until(is_seen, &w, instance);
}

void until_txt(struct ear *e, const char *instance, const char *txt)
{
	struct wish w = { .e = e, .instance = instance, .text = txt };
	until(is_seen, &w, txt);
}

void until_gone(struct ear *e, const char *instance)
{
	struct wish w = { .e = e, .instance = instance };
	until(is_gone, &w, instance);
}

void until_addrs(struct ear *e, const char *instance, bool ipv6, const char *addrs)
{
	struct wish w = { .e = e, .instance = instance, .ipv6 = ipv6, .text = addrs };
	until(has_addrs, &w, addrs);
}
