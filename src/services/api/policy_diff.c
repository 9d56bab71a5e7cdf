/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_diff.c - who gains and loses what by another policy. */
#include <stdlib.h>

#include "services/api/policy.h"

struct comparison {
	struct fl_api_long later; /* first */
	struct fl_api_trial from, to;
	struct fl_policy_diff diff;
	char base[FL_API_HASH_TEXT_MAX]; /* of the text in force when it was asked */
};

static struct comparison *of(struct fl_api_long *l)
{
	return (struct comparison *)(void *)l;
}

static enum fl_err compare(struct fl_api_long *l)
{
	struct comparison *c = of(l);
	return fl_policy_diff(c->from.policy, c->to.policy, &c->diff);
}

static const char *mode_of(const struct fl_api *a)
{
	return fl_policies_mode(a->policies) == FL_POLICY_MODE_FILE ? "file" : "database";
}

static void tell(struct fl_api_long *l)
{
	struct comparison *c = of(l);
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	fl_api_policy_diff(l->api, &c->diff, &c->to.tests, &w);
	fl_jw_key(&w, "base");
	fl_jw_str(&w, c->base);
	fl_jw_key(&w, "mode");
	fl_jw_str(&w, mode_of(l->api));
	fl_jw_obj_end(&w);
	fl_api_json(l->x, &out);
}

static void release(struct fl_api_long *l)
{
	struct comparison *c = of(l);

	fl_policy_diff_done(&c->diff);
	fl_api_trial_done(&c->from);
	fl_api_trial_done(&c->to);
	free(c);
}

/* A text, or the number of a revision. */
static bool read_version(struct fl_api *a, struct fl_http *x, struct fl_jv body, const char *name,
			 struct fl_api_trial *out)
{
	uint64_t rev = 0;

	if (!fl_json_is_number(fl_json_get(body, name)))
		return fl_api_trial(a, x, body, name, out);
	if (!fl_api_number(x, body, name, &rev))
		return false;
	const struct fl_revision *r = fl_state_revision(a->state, rev);
	if (r != NULL)
		return fl_api_trial_text(a, x, name, fl_slice_of(r->text, r->text_len), out);
	fl_api_problem(x, FL_ERR_NOT_FOUND, "no revision has this number", name);
	return false;
}

/* {policy}: from what is in force; {from, to}: between any two. What is left out is in force. */
void fl_api_policy_compare(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_json *doc;
	fl_wall updated;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct comparison *c = calloc(1, sizeof *c);
	if (c == NULL) {
		fl_api_problem(x, FL_ERR_NOMEM, "out of memory", NULL);
		fl_json_free(doc);
		return;
	}
	c->later = (struct fl_api_long){ .work = compare, .tell = tell, .release = release };
	fl_api_policy_hash(fl_policies_text(a->policies, &updated), c->base);
	struct fl_jv body = fl_json_root(doc);
	const char *target = fl_json_has(fl_json_get(body, "policy")) ? "policy" : "to";
	bool ok = read_version(a, x, body, "from", &c->from) &&
		  read_version(a, x, body, target, &c->to);
	fl_json_free(doc);
	if (ok)
		fl_api_long_start(a, x, &c->later);
	else
		release(&c->later);
}
