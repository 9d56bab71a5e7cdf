/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_fetch.c - HTTP requests on the loop: libcurl's multi interface over libuv's polling.
 *
 * libcurl names the sockets it waits for and one deadline. The sockets are told to libuv; the
 * deadline is a timer of the loop, since a timer of libuv would ring before the poll, and what
 * `done` then arms or defers would have to wait for the next event. Results are handed out after
 * libcurl has returned, so that `done` may start, cancel or free anything.
 */
#include "io/http_call.h"

#include <stdlib.h>
#include <uv.h>

struct fl_fetch {
	struct fl_list link;
	struct fl_fetcher *fetcher;
	struct fl_http_request request;
	void (*done)(void *ctx, const struct fl_fetch_result *r);
	void *ctx;
};

struct fl_fetcher {
	CURLM *multi;
	uv_loop_t *uv;
	struct fl_timer timer;
	struct fl_list fetches;
	size_t count;
	unsigned busy;
	bool free_wanted;
};

/* A socket of libcurl's that is being watched. */
struct watch {
	uv_poll_t poll;
	struct fl_fetcher *fetcher;
	curl_socket_t fd;
};

static void drop_fetch(struct fl_fetch *t)
{
	curl_multi_remove_handle(t->fetcher->multi, t->request.curl);
	fl_list_del(&t->link);
	t->fetcher->count--;
	fl_http_request_done(&t->request);
	free(t);
}

static void destroy(struct fl_fetcher *f)
{
	fl_list_each(it, &f->fetches) drop_fetch(fl_list_entry(it, struct fl_fetch, link));
	curl_multi_cleanup(f->multi); /* takes its watches back one by one */
	fl_timer_done(&f->timer);
	free(f);
}

static void finish_one(struct fl_fetcher *f, const CURLMsg *msg)
{
	struct fl_fetch *t = NULL;
	struct fl_fault fault = { "" };
	CURLcode code = msg->data.result;

	if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t) != CURLE_OK || t == NULL)
		return;
	curl_multi_remove_handle(f->multi, t->request.curl);
	struct fl_fetch_result r = { .err = fl_http_request_result(&t->request, code, &fault) };
	if (r.err == FL_OK) {
		r.status = fl_http_request_status(&t->request);
		r.body = fl_buf_slice(&t->request.answer);
	}
	r.fault = fault.text;
	fl_list_del(&t->link);
	f->count--;
	t->done(t->ctx, &r);
	fl_http_request_done(&t->request);
	free(t);
}

static void step(struct fl_fetcher *f, curl_socket_t fd, int events)
{
	int running = 0, left = 0;

	f->busy++;
	curl_multi_socket_action(f->multi, fd, events, &running);
	while (!f->free_wanted) {
		const CURLMsg *msg = curl_multi_info_read(f->multi, &left);
		if (msg == NULL)
			break;
		if (msg->msg == CURLMSG_DONE)
			finish_one(f, msg);
	}
	if (--f->busy == 0 && f->free_wanted)
		destroy(f);
}

/* ---- libuv tells libcurl ---- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int what = status < 0 ? CURL_CSELECT_ERR : 0;

	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	step(w->fetcher, w->fd, what);
}

static void on_timer(void *ctx)
{
	step(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- libcurl tells libuv ---- */

static int set_timer(CURLM *multi, long ms, void *ctx)
{
	struct fl_fetcher *f = ctx;

	(void)multi;
	if (ms < 0)
		fl_timer_stop(&f->timer);
	else
		fl_timer_start(&f->timer, ms * FL_MS);
	return 0;
}

static void on_watch_closed(uv_handle_t *poll)
{
	free(poll->data);
}

static struct watch *new_watch(struct fl_fetcher *f, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;
	if (uv_poll_init_socket(f->uv, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->fetcher = f;
	w->fd = fd;
	curl_multi_assign(f->multi, fd, w);
	return w;
}

static int set_watch(CURL *curl, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct fl_fetcher *f = ctx;
	struct watch *w = known;

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		curl_multi_assign(f->multi, fd, NULL);
		return 0;
	}
	if (w == NULL)
		w = new_watch(f, fd);
	if (w == NULL)
		return 0; /* -1 would end the other requests too; this one meets its time limit */
	int events = what == CURL_POLL_IN    ? UV_READABLE
		     : what == CURL_POLL_OUT ? UV_WRITABLE
					     : UV_READABLE | UV_WRITABLE;
	uv_poll_start(&w->poll, events, on_poll);
	return 0;
}

/* ---- public ---- */

enum fl_err fl_fetcher_new(struct fl_loop *l, struct fl_fetcher **out)
{
	enum fl_err err = fl_curl_load(NULL);
	if (err != FL_OK)
		return err;
	struct fl_fetcher *f = calloc(1, sizeof *f);
	if (f == NULL)
		return FL_ERR_NOMEM;
	if (fl_timer_init(&f->timer, l, on_timer, f) != FL_OK) {
		free(f);
		return FL_ERR_NOMEM;
	}
	f->multi = curl_multi_init();
	if (f->multi == NULL) {
		fl_timer_done(&f->timer);
		free(f);
		return FL_ERR_NOMEM;
	}
	f->uv = fl_loop_uv(l);
	fl_list_init(&f->fetches);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, set_watch);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	*out = f;
	return FL_OK;
}

struct fl_fetcher *fl_fetcher_free(struct fl_fetcher *f)
{
	if (f == NULL)
		return NULL;
	if (f->busy > 0)
		f->free_wanted = true;
	else
		destroy(f);
	return NULL;
}

enum fl_err fl_fetch_start(struct fl_fetcher *f, const struct fl_http_call *call,
			   void (*done)(void *ctx, const struct fl_fetch_result *r), void *ctx,
			   struct fl_fetch **out)
{
	if (f->count == FL_FETCH_MAX || f->free_wanted)
		return FL_ERR_FULL;
	struct fl_fetch *t = calloc(1, sizeof *t);
	if (t == NULL)
		return FL_ERR_NOMEM;

	enum fl_err err = fl_http_request_init(&t->request, call, NULL);
	if (err != FL_OK) {
		free(t);
		return err;
	}
	t->fetcher = f;
	t->done = done;
	t->ctx = ctx;
	if (curl_easy_setopt(t->request.curl, CURLOPT_PRIVATE, t) != CURLE_OK ||
	    curl_multi_add_handle(f->multi, t->request.curl) != CURLM_OK) {
		fl_http_request_done(&t->request);
		free(t);
		return FL_ERR_NOMEM;
	}
	fl_list_push(&f->fetches, &t->link);
	f->count++;
	*out = t;
	return FL_OK;
}

struct fl_fetch *fl_fetch_cancel(struct fl_fetch *t)
{
	if (t != NULL)
		drop_fetch(t);
	return NULL;
}
