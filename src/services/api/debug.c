/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/debug.c - /api/v1/debug: what `fairlead debug` shows. */
#include "services/control/debug.h"

#include "services/api/internal.h"

static void answer(struct fl_api *a, struct fl_http *x, fl_debug_write *write)
{
	struct fl_debug_question q;

	if (!fl_api_admit(a, x))
		return;
	if (!fl_debug_ask(x, &q)) {
		fl_api_problem(x, FL_ERR_INVALID, "node, after and limit are numbers", "query");
		return;
	}
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	write(a->control, &q, &w);
	fl_api_json(x, &out);
}

void fl_api_debug_sessions(void *ctx, struct fl_http *x)
{
	answer(ctx, x, fl_debug_sessions);
}

void fl_api_debug_changes(void *ctx, struct fl_http *x)
{
	answer(ctx, x, fl_debug_changes);
}

void fl_api_debug_views(void *ctx, struct fl_http *x)
{
	answer(ctx, x, fl_debug_views);
}
