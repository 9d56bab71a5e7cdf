/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/resolve.c - names by getaddrinfo, on a thread for each.
 *
 * The question is shared by the loop and the thread. The lock guards which of them has left first:
 * the other frees it.
 */
#include "io/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct fl_resolve {
	pthread_mutex_t lock;
	bool answered, forgotten; /* under the lock */
	struct fl_wake *wake;
	void (*done)(void *ctx, enum fl_err err, const char *why, const struct sockaddr_storage *at,
		     size_t count);
	void *ctx;
	char name[FL_RESOLVE_NAME_MAX + 1];
	int rc; /* of getaddrinfo; from here on the thread's until it has answered */
	struct sockaddr_storage at[FL_RESOLVE_MAX];
	size_t count;
};

static void release(struct fl_resolve *r)
{
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void keep(struct fl_resolve *r, const struct addrinfo *list)
{
	for (; list != NULL && r->count < FL_RESOLVE_MAX; list = list->ai_next)
		if (list->ai_addrlen <= sizeof r->at[0] &&
		    (list->ai_family == AF_INET || list->ai_family == AF_INET6))
			memcpy(&r->at[r->count++], list->ai_addr, list->ai_addrlen);
}

static void *ask(void *arg)
{
	static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct fl_resolve *r = arg;
	struct addrinfo *list = NULL;

	r->rc = getaddrinfo(r->name, NULL, &hints, &list);
	if (r->rc == 0) {
		keep(r, list);
		freeaddrinfo(list);
	}
	pthread_mutex_lock(&r->lock);
	r->answered = true;
	bool orphan = r->forgotten;
	if (!orphan)
		fl_wake_send(r->wake);
	pthread_mutex_unlock(&r->lock);
	if (orphan)
		release(r);
	return NULL;
}

/*
 * Says that the loop has left; the thread may have left before. If it has not, the question may be
 * gone as soon as the lock is.
 */
static bool forget(struct fl_resolve *r)
{
	struct fl_wake *wake = r->wake;

	pthread_mutex_lock(&r->lock);
	r->forgotten = true;
	bool answered = r->answered;
	pthread_mutex_unlock(&r->lock);
	fl_wake_free(wake);
	return answered;
}

static void on_answer(void *ctx)
{
	struct fl_resolve *r = ctx;

	(void)forget(r); /* takes the lock that the answer was written under */
	enum fl_err err = r->rc == EAI_MEMORY ? FL_ERR_NOMEM : FL_ERR_NOT_FOUND;
	if (r->count > 0)
		r->done(r->ctx, FL_OK, NULL, r->at, r->count);
	else
		r->done(r->ctx, err, r->rc != 0 ? gai_strerror(r->rc) : "it has no address", NULL,
			0);
	release(r);
}

static enum fl_err start(struct fl_resolve *r)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (pthread_attr_init(&attr) != 0)
		return FL_ERR_NOMEM;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int rc = pthread_create(&thread, &attr, ask, r);
	pthread_attr_destroy(&attr);
	return rc == 0 ? FL_OK : FL_ERR_BUSY;
}

enum fl_err fl_resolve(struct fl_loop *l, const char *name,
		       void (*done)(void *ctx, enum fl_err err, const char *why,
				    const struct sockaddr_storage *at, size_t count),
		       void *ctx, struct fl_resolve **out)
{
	size_t len = strlen(name);

	if (len > FL_RESOLVE_NAME_MAX)
		return FL_ERR_INVALID;
	struct fl_resolve *r = calloc(1, sizeof *r);
	if (r == NULL)
		return FL_ERR_NOMEM;
	memcpy(r->name, name, len);
	r->done = done;
	r->ctx = ctx;
	(void)pthread_mutex_init(&r->lock, NULL);
	enum fl_err err = fl_wake_new(l, on_answer, r, &r->wake);
	if (err == FL_OK)
		err = start(r);
	if (err != FL_OK) {
		fl_wake_free(r->wake);
		release(r);
		return err;
	}
	*out = r;
	return FL_OK;
}

struct fl_resolve *fl_resolve_cancel(struct fl_resolve *r)
{
	if (r != NULL && forget(r))
		release(r);
	return NULL;
}
