/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/outer.c - the control server's paths on the public listener.
 *
 * Source: docs/protocol/control.md 1.1, 1.2; docs/lifecycle.md DBG-2.
 */
#include "services/control/internal.h"

#include "base/jw.h"
#include "base/text.h"
#include "base/version.h"
#include "wire/json.h"

enum {
	VERIFY_BODY_MAX = 4 << 10,
	LOWEST_KEY_VERSION = 39, /* Noise on arbitrary ports exists since */
	ANSWER_MAX = 4 << 10,
};

static void respond_json(struct fl_http *x, unsigned status, const char *type, struct fl_buf *b)
{
	if (fl_buf_err(b) == FL_OK)
		fl_http_respond(x, status, type, fl_buf_slice(b));
	else
		fl_control_text(x, 500, "answer could not be built\n");
	fl_buf_done(b);
}

static void key(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	char text[16], pub[FL_KEY_TEXT_MAX], zero[FL_KEY_TEXT_MAX];
	uint64_t version;

	if (fl_http_query(x, "v", text, sizeof text) != FL_OK ||
	    fl_u64_parse(fl_slice_str(text), &version) != FL_OK) {
		fl_control_text(
			x, 400,
			"the parameter v (capability version) is missing or not a number\n");
		return;
	}
	if (version < LOWEST_KEY_VERSION) {
		fl_control_text(x, 400, "client too old: update it to version 1.80 or newer\n");
		return;
	}
	fl_machine_key_format(&c->noise.common.public_key, pub);
	fl_machine_key_format(&(struct fl_machine_key){ { 0 } }, zero);

	struct fl_buf out = fl_buf_make(ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	fl_jw_obj(&w);
	fl_jw_key(&w, "legacyPublicKey");
	fl_jw_str(&w, zero);
	fl_jw_key(&w, "publicKey");
	fl_jw_str(&w, pub);
	fl_jw_obj_end(&w);
	respond_json(x, 200, "application/json", &out);
}

static void upgrade(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;

	if (c->stopping)
		fl_control_text(x, 503, "the server is stopping\n");
	else
		fl_noise_server_upgrade(&c->noise, x);
}

static void health(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	bool ok = !c->stopping && fl_store_ping(c->core->store) == FL_OK;

	fl_http_respond(x, ok ? 200 : 500, "application/health+json",
			fl_slice_str(ok ? "{\"status\":\"pass\"}" : "{\"status\":\"fail\"}"));
}

static void version(void *ctx, struct fl_http *x)
{
	struct fl_buf out = fl_buf_make(ANSWER_MAX);

	(void)ctx;
	fl_control_version_json(&out);
	respond_json(x, 200, "application/json", &out);
}

/* Consoles read `version` as the release of headscale whose API they meet. */
void fl_control_version_json(struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	fl_jw_obj(&w);
	fl_jw_key(&w, "version");
	fl_jw_str(&w, FL_API_COMPATIBLE_VERSION);
	fl_jw_key(&w, "fairlead");
	fl_jw_str(&w, FL_VERSION);
	fl_jw_key(&w, "commit");
	fl_jw_str(&w, fl_commit);
	fl_jw_key(&w, "dirty");
	fl_jw_bool(&w, false);
	fl_jw_obj_end(&w);
}

static bool parse_verify(struct fl_slice body, struct fl_node_key *out)
{
	struct fl_json *doc;
	if (fl_json_parse(body, FL_JSON_DEPTH_MAX, &doc) != FL_OK)
		return false;
	struct fl_slice text = fl_json_str(fl_json_get(fl_json_root(doc), "NodePublic"));
	bool ok = fl_json_err(doc) == FL_OK && fl_node_key_parse(text, out) == FL_OK;
	fl_json_free(doc);
	return ok;
}

static void verify(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	struct fl_node_key node;

	if (!parse_verify(fl_http_body(x), &node)) {
		fl_control_text(x, 400, "malformed verify request\n");
		return;
	}
	bool allow = fl_state_node_by_key(c->core->state, &node) != NULL;
	fl_http_respond(x, 200, "application/json",
			fl_slice_str(allow ? "{\"Allow\":true}" : "{\"Allow\":false}"));
}

static void robots(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_control_text(x, 200, "User-agent: *\nDisallow: /\n");
}

static void home(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(
		x, 200, "text/html; charset=utf-8",
		fl_slice_str("<!doctype html><html lang=\"en\"><title>Fairlead</title>"
			     "<p>A Fairlead control server. Join with "
			     "<code>tailscale up --login-server</code> and this address.</p>"
			     "</html>\n"));
}

static void no_icon(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 204, NULL, fl_slice_of(NULL, 0));
}

static const struct fl_http_route routes[] = {
	{ .method = "GET", .path = "/key", .handle = key },
	{ .method = "POST", .path = "/ts2021", .handle = upgrade },
	{ .method = "GET", .path = "/ts2021", .handle = upgrade },
	{ .method = "GET", .path = "/health", .handle = health },
	{ .method = "GET", .path = "/version", .handle = version },
	{ .method = "GET", .path = "/register/*", .handle = fl_control_page_register },
	{ .method = "GET", .path = "/auth/*", .handle = fl_control_page_check },
	{ .method = "POST", .path = "/verify", .body_max = VERIFY_BODY_MAX, .handle = verify },
	{ .method = "GET", .path = "/robots.txt", .handle = robots },
	{ .method = "GET", .path = "/favicon.ico", .handle = no_icon },
	{ .method = "GET", .path = "/", .handle = home },
};

const struct fl_http_route *fl_control_routes(size_t *out_count)
{
	*out_count = sizeof routes / sizeof *routes;
	return routes;
}
