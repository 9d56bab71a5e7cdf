/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/mdns_rig.h - three hosts on two wires, each a network namespace of this process:
 *
 *   host A  v0 10.9.0.1 ------- v0 10.9.0.2  host B
 *           v1 10.9.1.1 ------- v0 10.9.1.2  host C
 *
 * and link-local IPv6 on all of them. An instance lives where it was made, whatever namespace the
 * thread is in later; so all of them share one loop and one thread.
 */
#ifndef FL_TESTS_IO_MDNS_RIG_H
#define FL_TESTS_IO_MDNS_RIG_H

#include "../base/table.h"
#include "net.h"

#include "io/mdns.h"

enum host { HOST_A, HOST_B, HOST_C, HOSTS };

/* 77, with the reason written, where namespaces are not permitted; else 0. Call it first. */
int rig_check(void);

int rig_setup(void **state);
int rig_teardown(void **state);

/* Runs a command of the shell on a host; fails the test unless it succeeds. */
void rig_run(enum host h, const char *command);
/* Moves the thread to a host, until the next call of these here. */
void rig_enter(enum host h);
/* The same until the test ends: an instance that asks a daemon looks for interfaces at any time. */
void rig_live(enum host h);

extern struct fl_loop *rig_loop;

/* What one instance has told, by (instance, interface, protocol). */
enum { HEARD_MAX = 32 };
struct heard {
	char instance[64], host[256], txt[1400], addrs[512]; /* strings and addresses with blanks */
	uint32_t interface;
	uint16_t port;
	bool ipv6, here;
	unsigned told, gone; /* how often */
};
struct ear {
	struct fl_mdns *m;
	bool running;
	char text[512]; /* of the latest state */
	struct heard at[HEARD_MAX];
	size_t count;
	size_t others; /* told of beyond HEARD_MAX */
};

/* On host `h`, through Avahi's core unless `backend` says else. `interface` NULL: all. */
struct fl_mdns_config rig_config(const char *instance);
enum fl_err rig_try(struct ear *e, enum host h, struct fl_mdns_config cfg, struct fl_fault *fault);
void rig_open(struct ear *e, enum host h, struct fl_mdns_config cfg);
void rig_close(struct ear *e);

/* Announces strings that are separated by blanks. */
void rig_announce(struct ear *e, const char *txt);

/* The latest of an instance over a protocol, on any interface; NULL: never told of. */
struct heard *ear_find(struct ear *e, const char *instance, bool ipv6);

/* Each waits until it is so, and fails the test if it does not become so. */
void until_running(struct ear *e, const char *label);
void until_stopped(struct ear *e);
void until_seen(struct ear *e, const char *instance); /* over both protocols */
void until_txt(struct ear *e, const char *instance, const char *txt);
void until_gone(struct ear *e, const char *instance);
void until_addrs(struct ear *e, const char *instance, bool ipv6, const char *addrs);
void until(bool (*cond)(void *ctx), void *ctx, const char *what);

#endif
