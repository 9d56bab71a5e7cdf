/* SPDX-License-Identifier: BSD-3-Clause */
/* io/watch.c - a folder's events by libuv (inotify), narrowed to one name and put together. */
#include "io/watch.h"

#include "io/loop_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LONGEST_BURST = 10 }; /* times `settle` */

struct fl_watch {
	uv_fs_event_t event;
	struct fl_timer timer;
	fl_time burst; /* when it began, while the timer runs */
	int64_t settle;
	void (*fn)(void *ctx);
	void *ctx;
	char folder[PATH_MAX], name[NAME_MAX + 1];
};

static void on_quiet(void *ctx)
{
	struct fl_watch *w = ctx;
	w->fn(w->ctx);
}

/* Names that begin with ".." are how Kubernetes swaps the files behind its links. */
static bool concerns(const struct fl_watch *w, const char *name)
{
	return name == NULL || strcmp(name, w->name) == 0 || strncmp(name, "..", 2) == 0;
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct fl_watch *w = event->data;
	fl_time now = fl_loop_now(w->timer.loop);

	(void)events;
	if (status != 0 || !concerns(w, name))
		return;
	if (!fl_timer_armed(&w->timer))
		w->burst = now;
	/* Once a burst is long the timer runs on: who arms it in each tick would never hear it. */
	if (now - w->burst < LONGEST_BURST * w->settle)
		fl_timer_start(&w->timer, w->settle);
}

static bool split(struct fl_watch *w, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

	if (name[0] == '\0' || strlen(name) >= sizeof w->name || len >= sizeof w->folder)
		return false;
	memcpy(w->name, name, strlen(name) + 1);
	memcpy(w->folder, len > 0 ? path : ".", len > 0 ? len : 1);
	w->folder[len > 0 ? len : 1] = '\0';
	return true;
}

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

struct fl_watch *fl_watch_free(struct fl_watch *w)
{
	if (w == NULL)
		return NULL;
	fl_timer_done(&w->timer);
	uv_close((uv_handle_t *)&w->event, on_closed);
	return NULL;
}

static enum fl_err refused(const struct fl_watch *w, int rc, struct fl_fault *fault)
{
	switch (rc) {
	case UV_ENOENT:
	case UV_ENOTDIR:
		return fl_fault_set(fault, FL_ERR_NOT_FOUND, "there is no folder %s", w->folder);
	case UV_ENOSPC:
	case UV_EMFILE:
		return fl_fault_set(fault, FL_ERR_FULL,
				    "%s cannot be watched: the system watches as much as it may; "
				    "raise fs.inotify.max_user_watches and max_user_instances",
				    w->folder);
	case UV_ENOMEM:
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	default:
		return fl_fault_set(fault, FL_ERR_IO, "%s cannot be watched: %s", w->folder,
				    uv_strerror(rc));
	}
}

enum fl_err fl_watch_new(struct fl_loop *l, const char *path, int64_t settle, void (*fn)(void *ctx),
			 void *ctx, struct fl_fault *fault, struct fl_watch **out)
{
	struct fl_watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	w->settle = settle;
	w->fn = fn;
	w->ctx = ctx;
	w->event.data = w;
	if (!split(w, path)) {
		free(w);
		return fl_fault_set(fault, FL_ERR_IO, "%s is no path of a file", path);
	}
	if (fl_timer_init(&w->timer, l, on_quiet, w) != FL_OK ||
	    uv_fs_event_init(fl_loop_uv(l), &w->event) != 0) {
		fl_timer_done(&w->timer);
		free(w);
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	}
	int rc = is_folder(w->folder) ? uv_fs_event_start(&w->event, on_event, w->folder, 0)
				      : UV_ENOTDIR;
	if (rc != 0) {
		enum fl_err err = refused(w, rc, fault);
		fl_watch_free(w);
		return err;
	}
	*out = w;
	return FL_OK;
}
