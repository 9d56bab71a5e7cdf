/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_long.c - answers that are made beside the control loop. */
#include "services/api/policy.h"

static struct fl_api_long *of_job(struct fl_aside_job *job)
{
	return fl_list_entry(job, struct fl_api_long, job);
}

static void work(struct fl_aside_job *job)
{
	struct fl_api_long *l = of_job(job);
	l->err = l->work(l);
}

static void refuse(struct fl_http *x, enum fl_err err)
{
	bool crowded = err == FL_ERR_FULL || err == FL_ERR_BUSY;

	fl_api_problem(x, err,
		       crowded ? "too many questions at once: ask again later" : fl_err_text(err),
		       NULL);
}

static void done(struct fl_aside_job *job, enum fl_err err)
{
	struct fl_api_long *l = of_job(job);

	if (l->x != NULL) {
		fl_http_on_gone(l->x, NULL, NULL);
		err = err == FL_OK ? l->err : err;
		if (err == FL_OK)
			l->tell(l);
		else
			refuse(l->x, err);
	}
	l->release(l);
}

/* What has begun goes on for nobody, and is bounded. */
static void on_gone(void *ctx)
{
	struct fl_api_long *l = ctx;

	l->x = NULL;
	if (fl_aside_withdraw(&l->api->aside, &l->job))
		l->release(l);
}

void fl_api_long_start(struct fl_api *a, struct fl_http *x, struct fl_api_long *l)
{
	l->api = a;
	l->x = x;
	l->job = (struct fl_aside_job){ .work = work, .done = done };
	enum fl_err err = fl_aside_start(&a->aside, &l->job);
	if (err == FL_OK) {
		fl_http_on_gone(x, on_gone, l);
		return;
	}
	refuse(x, err);
	l->release(l);
}
