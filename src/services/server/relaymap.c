/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/server/relaymap.c - collects the sources of the relay map, and asks URLs again in time.
 *
 * A URL that fails, or gives no relay map, keeps what it gave last. Only a start with no region at
 * all is an error.
 *
 * Source  docs/lifecycle.md DE-1 to DE-4
 */
#include "services/server/internal.h"

#include <stdlib.h>

#include "io/file.h"
#include "services/config/check.h"
#include "services/config/derpmap.h"

enum { SOURCE_MAX = 2 << 20, FIRST_TIMEOUT_S = 10 };
#define RETRY (FL_MIN) /* after a round in which a URL failed, then twice as long each time */

/* ---- building ---- */

static void describe_embedded(struct fl_server *s, const struct fl_config *c,
			      const struct fl_config_url *url,
			      char pin[static FL_RELAY_PIN_TEXT_MAX],
			      struct fl_derpmap_embedded *out)
{
	pin[0] = '\0';
	/* Behind an https URL stands a certificate that clients trust, ours or a proxy's. */
	if (s->identity.self_made && !url->https)
		fl_relay_identity_pin(&s->identity, pin);
	*out = (struct fl_derpmap_embedded){
		.region_id = c->derp_server.region_id,
		.region_code = c->derp_server.region_code,
		.region_name = c->derp_server.region_name,
		.host = url->host,
		.port = url->port,
		.stun_port = s->stun != NULL ? fl_stun_at(s->stun).port : -1,
		.cert_name = pin,
		.ipv4 = c->derp_server.ipv4,
		.ipv6 = c->derp_server.ipv6,
	};
}

static struct fl_server_source *find_source(const struct fl_server *s, const char *url)
{
	for (size_t i = 0; i < s->sources_count; i++)
		if (strcmp(s->sources[i].url, url) == 0)
			return &s->sources[i];
	return NULL;
}

struct inputs {
	struct fl_derpmap_source *list;
	struct fl_buf *files;
	size_t count, file_count;
};

static enum fl_err read_inputs(struct fl_server *s, const struct fl_config *c,
			       struct fl_fault *fault, struct inputs *in)
{
	in->list = calloc(c->derp_urls.len + c->derp_paths.len + 1, sizeof *in->list);
	in->files = calloc(c->derp_paths.len + 1, sizeof *in->files);
	if (in->list == NULL || in->files == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < c->derp_urls.len; i++) {
		const struct fl_server_source *src = find_source(s, c->derp_urls.at[i]);
		if (src != NULL && src->body.len > 0)
			in->list[in->count++] = (struct fl_derpmap_source){
				.name = src->url,
				.text = fl_buf_slice(&src->body),
			};
	}
	for (size_t i = 0; i < c->derp_paths.len; i++) {
		struct fl_buf *text = &in->files[in->file_count++];
		*text = fl_buf_make(SOURCE_MAX);
		enum fl_err err = fl_file_read(c->derp_paths.at[i], SOURCE_MAX, fault, text);
		if (err != FL_OK)
			return err;
		in->list[in->count++] = (struct fl_derpmap_source){ .name = c->derp_paths.at[i],
								    .text = fl_buf_slice(text) };
	}
	return FL_OK;
}

enum fl_err fl_server_relaymap_build(struct fl_server *s, const struct fl_config *c,
				     struct fl_fault *fault, struct fl_buf *out)
{
	char pin[FL_RELAY_PIN_TEXT_MAX];
	struct fl_derpmap_embedded embedded;
	struct fl_config_url url;
	struct inputs in = { 0 };
	bool show = s->relay != NULL && c->derp_server.automatically_add_region;

	if (!fl_config_url_parse(c->server_url, &url))
		return fl_fault_set(fault, FL_ERR_INVALID, "server_url is not a URL");
	describe_embedded(s, c, &url, pin, &embedded);
	enum fl_err err = read_inputs(s, c, fault, &in);
	if (err == FL_OK)
		err = fl_derpmap_build(in.list, in.count, show ? &embedded : NULL, fault, out);
	for (size_t i = 0; i < in.file_count; i++)
		fl_buf_done(&in.files[i]);
	free(in.files);
	free(in.list);
	return err;
}

/* ---- asking URLs ---- */

static void apply(struct fl_server *s)
{
	struct fl_fault fault = { "" };
	struct fl_netmap_config *netmap;

	if (fl_server_netmap(s, s->config, &fault, &netmap) != FL_OK) {
		fl_log_warn("relay map kept as it was", FL_LS("reason", fault.text));
		return;
	}
	fl_control_netmap(s->control, netmap);
	fl_netmap_config_unref(netmap);
}

int64_t fl_server_relaymap_wait(int64_t frequency, unsigned failed)
{
	int64_t wait = RETRY;

	if (failed == 0)
		return frequency;
	for (unsigned i = 1; i < failed && wait < frequency; i++)
		wait *= 2;
	return wait < frequency ? wait : frequency;
}

static void end_round(struct fl_server *s)
{
	int64_t frequency = s->config->derp_auto_update ? s->config->derp_update_frequency : 0;
	uint8_t random;

	s->failed_rounds = s->fetch_failed ? s->failed_rounds + 1 : 0;
	int64_t wait = fl_server_relaymap_wait(frequency, s->failed_rounds);
	/* Not to the second, so that many servers do not ask at once. */
	fl_random(&random, sizeof random);
	if (wait > 0)
		fl_timer_start(&s->map_timer, wait + wait / 16 * random / UINT8_MAX);
}

static void fetch_next(struct fl_server *s);

/*
 * Takes an answer in place of the last one if it is a relay map by itself: a page of a portal would
 * spoil the map of all sources, and at a start there would be no server.
 */
static void keep(struct fl_server *s, size_t i, struct fl_slice body)
{
	struct fl_server_source *src = &s->sources[i];
	const struct fl_derpmap_source alone = { .name = src->url, .text = body };
	struct fl_buf scratch = fl_buf_make(SOURCE_MAX * 2);
	struct fl_fault fault = { "" };

	enum fl_err err = fl_derpmap_build(&alone, 1, NULL, &fault, &scratch);
	fl_buf_done(&scratch);
	if (err != FL_OK) {
		s->fetch_failed = true;
		fl_log_warn("the answer is no relay map", FL_LS("url", src->url),
			    FL_LS("reason", fault.text));
		return;
	}
	fl_buf_reset(&src->body);
	fl_buf_put(&src->body, body.ptr, body.len);
}

static void on_fetched(void *ctx, const struct fl_fetch_result *r)
{
	struct fl_server *s = ctx;
	size_t i = s->fetching++;

	s->fetch = NULL;
	if (r->err == FL_OK && r->status == 200) {
		keep(s, i, r->body);
	} else {
		s->fetch_failed = true;
		fl_log_warn("relay map not refreshed", FL_LS("url", s->sources[i].url),
			    FL_LS("reason", r->fault), FL_LU("status", r->status));
	}
	fetch_next(s);
}

static void fetch_next(struct fl_server *s)
{
	for (; s->fetching < s->sources_count; s->fetching++) {
		const struct fl_http_call call = {
			.url = s->sources[s->fetching].url,
			.answer_max = SOURCE_MAX,
		};
		if (fl_fetch_start(s->fetcher, &call, on_fetched, s, &s->fetch) == FL_OK)
			return;
		s->fetch_failed = true;
		fl_log_warn("relay map not asked for", FL_LS("url", call.url));
	}
	apply(s);
	end_round(s);
}

static void on_refresh(void *ctx)
{
	struct fl_server *s = ctx;

	s->fetching = 0;
	s->fetch_failed = false;
	fetch_next(s);
}

/* The first map is needed before anyone can be served: wait for it. */
static void ask_first(struct fl_server *s)
{
	for (size_t i = 0; i < s->sources_count; i++) {
		struct fl_fault fault = { "" };
		struct fl_buf body = fl_buf_make(SOURCE_MAX);
		unsigned status = 0;
		const struct fl_http_call call = {
			.url = s->sources[i].url,
			.timeout = FIRST_TIMEOUT_S * FL_SEC,
			.answer_max = SOURCE_MAX,
		};
		if (fl_http_client_call(&call, &fault, &status, &body) == FL_OK && status == 200) {
			keep(s, i, fl_buf_slice(&body));
		} else {
			s->fetch_failed = true;
			fl_log_warn("relay map not reached", FL_LS("url", call.url),
				    FL_LS("reason", fault.text), FL_LU("status", status));
		}
		fl_buf_done(&body);
	}
}

/* ---- life ---- */

static void free_sources(struct fl_server_source *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fl_buf_done(&list[i].body);
		free(list[i].url);
	}
	free(list);
}

static enum fl_err set_sources(struct fl_server *s)
{
	const struct fl_strlist *urls = &s->config->derp_urls;
	struct fl_server_source *list = calloc(urls->len + 1, sizeof *list);
	if (list == NULL)
		return FL_ERR_NOMEM;

	for (size_t i = 0; i < urls->len; i++) {
		list[i].url = fl_str_dup(fl_slice_str(urls->at[i]));
		if (list[i].url == NULL) {
			free_sources(list, i);
			return FL_ERR_NOMEM;
		}
	}
	for (size_t i = 0; i < urls->len; i++) {
		struct fl_server_source *old = find_source(s, urls->at[i]);
		list[i].body = old != NULL ? old->body : fl_buf_make(SOURCE_MAX);
		if (old != NULL)
			old->body = fl_buf_make(SOURCE_MAX);
	}
	free_sources(s->sources, s->sources_count);
	s->sources = list;
	s->sources_count = urls->len;
	return FL_OK;
}

static void stop_asking(struct fl_server *s)
{
	s->fetch = fl_fetch_cancel(s->fetch);
	fl_timer_done(&s->map_timer);
	s->fetcher = s->fetcher != NULL ? fl_fetcher_free(s->fetcher) : NULL;
}

enum fl_err fl_server_relaymap_start(struct fl_server *s, bool wait, struct fl_fault *fault)
{
	stop_asking(s);
	enum fl_err err = set_sources(s);
	if (err == FL_OK && s->sources_count == 0 && s->config->derp_paths.len == 0)
		return FL_OK;
	if (err == FL_OK && s->sources_count > 0) /* files alone are no reason to load libcurl */
		err = fl_fetcher_new(s->loop, &s->fetcher);
	if (err == FL_OK)
		err = fl_timer_init(&s->map_timer, s->loop, on_refresh, s);
	if (err != FL_OK)
		return fl_fault_set(fault, err, "relay map: %s", fl_err_text(err));
	s->fetch_failed = false;
	if (wait) {
		ask_first(s);
		end_round(s);
	} else {
		fl_timer_start(&s->map_timer, 0);
	}
	return FL_OK;
}

void fl_server_relaymap_stop(struct fl_server *s)
{
	stop_asking(s);
	free_sources(s->sources, s->sources_count);
	s->sources = NULL;
	s->sources_count = 0;
}
