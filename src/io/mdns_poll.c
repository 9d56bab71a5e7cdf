/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mdns_poll.c - AvahiPoll by uv_poll_t and struct fl_timer. */
#include "io/mdns_poll.h"

#include "io/loop_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

/* D-Bus watches one socket twice, for reading and for writing, and libuv a descriptor only once. */
struct AvahiWatch {
	uv_poll_t poll;
	int fd, copy;
	AvahiWatchEvent happened; /* during the callback */
	AvahiWatchCallback callback;
	void *userdata;
};

struct AvahiTimeout {
	struct fl_timer timer;
	AvahiTimeoutCallback callback;
	void *userdata;
};

static void on_event(uv_poll_t *h, int status, int events)
{
	AvahiWatch *w = h->data;
	int happened = status < 0 ? AVAHI_WATCH_ERR | AVAHI_WATCH_HUP : 0;

	if (events & UV_READABLE)
		happened |= AVAHI_WATCH_IN;
	if (events & UV_WRITABLE)
		happened |= AVAHI_WATCH_OUT;
	w->happened = (AvahiWatchEvent)happened;
	w->callback(w, w->fd, w->happened, w->userdata);
	w->happened =
		(AvahiWatchEvent)0; /* freed in the callback, it lives on until it is closed */
}

static void watch_update(AvahiWatch *w, AvahiWatchEvent event)
{
	int events = 0;

	if (event & AVAHI_WATCH_IN)
		events |= UV_READABLE;
	if (event & AVAHI_WATCH_OUT)
		events |= UV_WRITABLE;
	if (events == 0)
		uv_poll_stop(&w->poll);
	else
		uv_poll_start(&w->poll, events, on_event);
}

static AvahiWatchEvent watch_get_events(AvahiWatch *w)
{
	return w->happened;
}

static AvahiWatch *watch_new(const AvahiPoll *api, int fd, AvahiWatchEvent event,
			     AvahiWatchCallback callback, void *userdata)
{
	struct fl_loop *l = api->userdata;
	AvahiWatch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	*w = (AvahiWatch){ .fd = fd, .callback = callback, .userdata = userdata };
	w->poll.data = w;
	w->copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (w->copy < 0 || uv_poll_init(&l->uv, &w->poll, w->copy) != 0) {
		if (w->copy >= 0)
			close(w->copy);
		free(w);
		return NULL;
	}
	watch_update(w, event);
	return w;
}

static void on_watch_closed(uv_handle_t *h)
{
	free(h->data);
}

static void watch_free(AvahiWatch *w)
{
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
	close(w->copy);
}

static void on_timeout(void *ctx)
{
	AvahiTimeout *t = ctx;
	t->callback(t, t->userdata);
}

static void timeout_update(AvahiTimeout *t, const struct timeval *at)
{
	struct timeval now;

	if (at == NULL) {
		fl_timer_stop(&t->timer);
		return;
	}
	gettimeofday(&now, NULL);
	fl_timer_start(&t->timer,
		       (at->tv_sec - now.tv_sec) * FL_SEC + (at->tv_usec - now.tv_usec) * FL_US);
}

static AvahiTimeout *timeout_new(const AvahiPoll *api, const struct timeval *at,
				 AvahiTimeoutCallback callback, void *userdata)
{
	AvahiTimeout *t = calloc(1, sizeof *t);

	if (t == NULL || fl_timer_init(&t->timer, api->userdata, on_timeout, t) != FL_OK) {
		free(t);
		return NULL;
	}
	t->callback = callback;
	t->userdata = userdata;
	timeout_update(t, at);
	return t;
}

static void timeout_free(AvahiTimeout *t)
{
	fl_timer_done(&t->timer);
	free(t);
}

AvahiPoll fl_mdns_poll(struct fl_loop *l)
{
	return (AvahiPoll){
		.userdata = l,
		.watch_new = watch_new,
		.watch_update = watch_update,
		.watch_get_events = watch_get_events,
		.watch_free = watch_free,
		.timeout_new = timeout_new,
		.timeout_update = timeout_update,
		.timeout_free = timeout_free,
	};
}
