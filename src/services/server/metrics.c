/* SPDX-License-Identifier: BSD-3-Clause */
/* services/server/metrics.c - /metrics: what each part counts, and the process as a whole. */
#include "services/server/internal.h"

#include "services/metrics/process.h"

#include <inttypes.h>

enum { METRICS_MAX = 1 << 20 };

void fl_server_metrics(void *ctx, struct fl_http *x)
{
	struct fl_server *s = ctx;
	struct fl_buf out = fl_buf_make(METRICS_MAX);

	fl_control_metrics(s->control, &out);
	fl_buf_printf(&out, "fairlead_auth_failures_total{kind=\"api_key\"} %" PRIu64 "\n",
		      fl_api_refusals(s->api)); /* its head and the other kinds stand just above */
	fl_control_store_metrics(s->control, &out);
	fl_policies_metrics(s->policies, &out);
	if (s->relay != NULL)
		fl_relay_metrics(s->relay, &out);
	if (s->stun != NULL)
		fl_stun_metrics(s->stun, &out);
	if (s->public_listener != NULL)
		fl_relay_listener_metrics(s->public_listener, 0, &out);
	if (s->identity.tls != NULL)
		fl_relay_identity_metrics(&s->identity, &out);
	fl_process_metrics(&out);
	if (fl_buf_err(&out) == FL_OK)
		fl_http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8",
				fl_buf_slice(&out));
	else
		fl_http_respond(x, 500, "text/plain", fl_slice_str("metrics could not be built\n"));
	fl_buf_done(&out);
}
