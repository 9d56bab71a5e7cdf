/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/api.c - the API's routes, in the order of docs/api.md. */
#include "services/api/api.h"

#include <stdlib.h>

#include "base/sip.h"
#include "services/api/policy.h"

void fl_api_health(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;

	if (!fl_api_admit(a, x))
		return;
	bool ok = fl_store_ping(a->core->store) == FL_OK;
	fl_http_respond(x, ok ? 200 : 503, "application/json",
			fl_slice_str(ok ? "{\"databaseConnectivity\":true}"
					: "{\"databaseConnectivity\":false}"));
}

static const char *location_of(unsigned status)
{
	switch (status) {
	case 404:
		return "path";
	case 405:
		return "method";
	case 413:
		return "body";
	default:
		return NULL;
	}
}

bool fl_api_refuse(struct fl_api *a, struct fl_http *x, unsigned status, const char *why)
{
	static const char below[] = "/api/v1/";
	struct fl_slice path = fl_http_path(x);

	if (path.len < sizeof below - 1 || memcmp(path.ptr, below, sizeof below - 1) != 0)
		return false;
	if (fl_api_admit(a, x))
		fl_api_problem_of(x, status, why, location_of(status));
	return true;
}

#define ROUTE(m, p, fn)                                                                            \
	{                                                                                          \
		.method = m, .path = "/api/v1/" p, .body_max = FL_API_BODY_MAX, .handle = fn       \
	}

#define POLICY(m, p, fn)                                                                           \
	{                                                                                          \
		.method = m, .path = "/api/v1/policy" p, .body_max = FL_API_POLICY_BODY_MAX,       \
		.handle = fn                                                                       \
	}

static const struct fl_http_route routes[] = {
	ROUTE("GET", "health", fl_api_health),
	ROUTE("GET", "user", fl_api_user_list),
	ROUTE("POST", "user", fl_api_user_create),
	ROUTE("POST", "user/*/rename/*", fl_api_user_rename),
	ROUTE("PUT", "user/*/role", fl_api_user_role),
	ROUTE("DELETE", "user/*", fl_api_user_delete),
	ROUTE("GET", "node", fl_api_node_list),
	ROUTE("POST", "node/register", fl_api_node_register),
	ROUTE("POST", "node/backfillips", fl_api_node_backfill),
	ROUTE("GET", "node/*", fl_api_node_show),
	ROUTE("DELETE", "node/*", fl_api_node_delete),
	ROUTE("POST", "node/*/expire", fl_api_node_expire),
	ROUTE("POST", "node/*/ping", fl_api_node_ping),
	ROUTE("GET", "node/*/health", fl_api_node_health),
	ROUTE("POST", "node/*/rename/*", fl_api_node_rename),
	ROUTE("POST", "node/*/tags", fl_api_node_tags),
	ROUTE("POST", "node/*/approve_routes", fl_api_node_routes),
	ROUTE("GET", "preauthkey", fl_api_preauth_list),
	ROUTE("POST", "preauthkey", fl_api_preauth_create),
	ROUTE("POST", "preauthkey/expire", fl_api_preauth_expire),
	ROUTE("DELETE", "preauthkey", fl_api_preauth_delete),
	ROUTE("GET", "apikey", fl_api_key_list),
	ROUTE("POST", "apikey", fl_api_key_create),
	ROUTE("POST", "apikey/expire", fl_api_key_expire),
	ROUTE("DELETE", "apikey/*", fl_api_key_delete),
	ROUTE("GET", "auth/pending", fl_api_login_pending),
	ROUTE("POST", "auth/register", fl_api_login_register),
	ROUTE("POST", "auth/approve", fl_api_login_approve),
	ROUTE("POST", "auth/reject", fl_api_login_reject),
	ROUTE("GET", "debug/sessions", fl_api_debug_sessions),
	ROUTE("GET", "debug/changes", fl_api_debug_changes),
	ROUTE("GET", "debug/views", fl_api_debug_views),
	POLICY("GET", "", fl_api_policy_get),
	POLICY("PUT", "", fl_api_policy_put),
	POLICY("POST", "/check", fl_api_policy_check),
	POLICY("POST", "/test", fl_api_policy_test),
	POLICY("POST", "/explain", fl_api_policy_explain),
	POLICY("POST", "/who-can", fl_api_policy_who_can),
	POLICY("POST", "/can", fl_api_policy_can),
	POLICY("POST", "/diff", fl_api_policy_compare),
	POLICY("GET", "/history", fl_api_policy_history),
	POLICY("GET", "/history/*", fl_api_policy_revision),
	POLICY("POST", "/rollback/*", fl_api_policy_rollback),
};

const struct fl_http_route *fl_api_routes(size_t *out_count)
{
	*out_count = sizeof routes / sizeof *routes;
	return routes;
}

enum fl_err fl_api_new(struct fl_control *control, const uint8_t seed[static 16],
		       struct fl_api **out)
{
	struct fl_api *a = calloc(1, sizeof *a);
	if (a == NULL)
		return FL_ERR_NOMEM;
	a->control = control;
	a->core = fl_control_core(control);
	a->state = a->core->state;
	fl_sip_seed(a->seed, seed);
	fl_aside_init(&a->aside, a->core->loop);
	*out = a;
	return FL_OK;
}

void fl_api_policies(struct fl_api *a, struct fl_policies *policies)
{
	a->policies = policies;
}

uint64_t fl_api_refusals(const struct fl_api *a)
{
	return a->refusals;
}

struct fl_api *fl_api_free(struct fl_api *a)
{
	if (a == NULL)
		return NULL;
	fl_aside_end(&a->aside);
	free(a);
	return NULL;
}
