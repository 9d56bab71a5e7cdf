/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/inner.c - what is served inside Noise. What is not is answered without its
 * body being read.
 *
 * Source: docs/protocol/control.md 3.1.
 */
#include "services/control/internal.h"

#include "base/jw.h"

enum { BODY_MAX = 1 << 20 };

void fl_control_text(struct fl_http *x, unsigned status, const char *text)
{
	fl_http_respond(x, status, "text/plain; charset=utf-8", fl_slice_str(text));
}

void fl_control_malformed(struct fl_http *x, enum fl_err err, const char *text)
{
	if (err == FL_ERR_NOMEM)
		fl_control_text(x, 503, "out of memory; try again later\n");
	else
		fl_control_text(x, 400, text);
}

void fl_control_refuse_map(struct fl_http *x, enum fl_err err)
{
	if (err == FL_ERR_INVALID) /* NM-5: the client shows this to its user */
		fl_control_text(x, 500,
				"the node's full name is too long: rename it with `fairlead nodes "
				"rename`\n");
	else
		fl_control_text(x, 503,
				"the map could not be built: out of memory; try again later\n");
}

static void update_health(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_noise_link_request(fl_http_conn_ctx(x));
	fl_http_respond(x, 204, NULL, fl_slice_of(NULL, 0));
}

static void whoami(void *ctx, struct fl_http *x)
{
	struct fl_noise_link *l = fl_http_conn_ctx(x);
	char key[FL_KEY_TEXT_MAX];
	struct fl_buf out = fl_buf_make(512);
	struct fl_jw w = fl_jw_make(&out);

	(void)ctx;
	fl_noise_link_request(l);
	fl_machine_key_format(&l->machine, key);
	fl_jw_obj(&w);
	fl_jw_key(&w, "MachineKey");
	fl_jw_str(&w, key);
	fl_jw_key(&w, "Version");
	fl_jw_u64(&w, l->version);
	fl_jw_obj_end(&w);
	fl_http_respond(x, 200, "application/json", fl_buf_slice(&out));
	fl_buf_done(&out);
}

static void absent(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_noise_link_request(fl_http_conn_ctx(x));
	fl_control_text(x, 501, "this server does not offer that feature\n");
}

const struct fl_http_route fl_control_inner_routes[] = {
	{ .method = "POST",
	  .path = "/machine/register",
	  .body_max = BODY_MAX,
	  .handle = fl_control_register },
	{ .method = "POST",
	  .path = "/machine/map",
	  .body_max = BODY_MAX,
	  .handle = fl_control_map },
	{ .method = "POST", .path = "/machine/update-health", .handle = update_health },
	{ .method = "HEAD", .path = "/machine/ping-response", .handle = fl_control_ping_response },
	{ .method = "*", .path = "/machine/ping-response", .handle = fl_control_head_only },
	{ .method = "POST",
	  .path = "/machine/c2n-response",
	  .body_max = FL_PING_ANSWER_MAX,
	  .handle = fl_control_c2n_response },
	{ .method = "GET", .path = "/machine/whoami", .handle = whoami },
	{ .method = "GET", .path = "/machine/ssh/action/*/to/*", .handle = fl_control_ssh_action },
	{ .method = "*", .path = "/machine/ssh/action", .handle = fl_control_ssh_absent },
	{ .method = "*", .path = "/machine/ssh/action/**", .handle = fl_control_ssh_absent },
	{ .method = "*", .path = "/machine/**", .handle = absent },
};
const size_t fl_control_inner_routes_count =
	sizeof fl_control_inner_routes / sizeof *fl_control_inner_routes;
