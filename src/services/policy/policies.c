/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/policy/policies.c - the policy's texts: the one in force, and those that are to be.
 *
 * A text goes one way: read, checked against the users, applied, tested; then stored, then in
 * force (follow.c). Whatever fails stops it there.
 *
 * Source: docs/policy.md 8.1; docs/lifecycle.md 20.
 */
#include "services/policy/internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "io/file.h"
#include "wire/hujson.h"

/* ---- problems ---- */

static void put_place(struct fl_slice text, const char *name, size_t at, struct fl_buf *out)
{
	size_t line, column;

	fl_buf_str(out, name);
	if (at != FL_POLICY_NOWHERE) {
		fl_hujson_place(text, at, &line, &column);
		fl_buf_printf(out, ":%zu:%zu", line, column);
	}
}

static const char *name_of(const struct fl_policies *s)
{
	return s->mode == FL_POLICY_MODE_FILE ? s->path : "stored policy";
}

static void log_problems(const struct fl_policies *s, const char *event, struct fl_slice text,
			 const struct fl_policy_report *report)
{
	for (size_t i = 0; i < report->len; i++) {
		char place[256];
		struct fl_buf b = fl_buf_over(place, sizeof place - 1);

		put_place(text, name_of(s), report->at[i].at, &b);
		place[b.len] = '\0';
		fl_log_error(event, FL_LS("at", place), FL_LS("problem", report->at[i].text));
	}
}

/* A stored text that was valid once: it cannot be mended through a server that does not start. */
static const char way_out[] = "\nto start with a corrected copy, set policy.mode to file and "
			      "policy.path to it";

/* "file:line:column: problem" for each, as many as find room. */
static enum fl_err refuse(const struct fl_policies *s, struct fl_slice text,
			  const struct fl_policy_report *report, struct fl_fault *fault)
{
	char lines[sizeof fault->text - sizeof way_out];
	struct fl_buf b = fl_buf_over(lines, sizeof lines - 1);
	const char *hint = s->mode == FL_POLICY_MODE_DATABASE ? way_out : "";

	for (size_t i = 0; i < report->len; i++) {
		fl_buf_str(&b, i > 0 ? "\n" : "");
		put_place(text, name_of(s), report->at[i].at, &b);
		fl_buf_printf(&b, ": %s", report->at[i].text);
	}
	lines[b.len] = '\0';
	log_problems(s, "the policy is not valid", text, report);
	return fl_fault_set(fault, FL_ERR_INVALID, "%s%s", lines, hint);
}

/* ---- trying ---- */

void fl_policy_candidate_done(struct fl_policy_candidate *c)
{
	fl_policy_unref(c->policy);
	fl_policy_doc_free(c->doc);
	*c = (struct fl_policy_candidate){ 0 };
}

static enum fl_err read_doc(const struct fl_policies *s, struct fl_slice text,
			    struct fl_policy_report *report, struct fl_policy_doc **out)
{
	const struct fl_policy_read how = {
		.domains = (const char *const *)s->domains.at,
		.domains_len = s->domains.len,
	};
	return fl_policy_doc_read(text, &how, report, out);
}

static enum fl_err check_users(const struct fl_policies *s, const struct fl_policy_doc *doc,
			       struct fl_policy_report *report)
{
	struct fl_world w;

	if (doc == NULL)
		return FL_OK;
	enum fl_err err = fl_world_users(s->core, &w);
	if (err != FL_OK)
		return err;
	err = fl_policy_doc_users(doc, w.users, w.users_len, report);
	fl_world_done(&w);
	return err;
}

void fl_policies_warn_users(const struct fl_policies *s)
{
	struct fl_policy_report report = { 0 };

	if (check_users(s, s->doc, &report) != FL_OK)
		log_problems(s, "the policy is in force all the same", s->doc->source, &report);
	fl_policy_report_done(&report);
}

enum fl_err fl_policies_try(struct fl_policies *s, struct fl_slice text,
			    struct fl_policy_report *report, struct fl_policy_candidate *out)
{
	struct fl_policy_candidate c = { 0 };

	enum fl_err err = read_doc(s, text, report, &c.doc);
	if (err == FL_OK)
		err = check_users(s, c.doc, report);
	if (err == FL_OK)
		err = fl_policies_apply(s, c.doc, &c.policy);
	if (err == FL_OK && c.doc != NULL)
		err = fl_policy_run_tests(c.policy, report);
	if (err != FL_OK) {
		fl_policy_candidate_done(&c);
		return err;
	}
	*out = c;
	return FL_OK;
}

/* ---- changing ---- */

/* Makes the tick one that has work: nothing is stored that would. */
static void call_tick(const struct fl_policies *s)
{
	const struct fl_change change = { .kind = FL_CHANGE_POLICY };

	fl_core_announce(s->core, &change);
}

/* `c` is taken: in force with the commit of this tick. */
static void announce(struct fl_policies *s, const struct fl_policy_candidate *c, uint64_t rev)
{
	if (s->pending)
		fl_policies_drop_pending(s);
	s->pending = true;
	s->pending_rev = rev;
	s->next = *c;
	s->review = true;
	if (rev == 0)
		call_tick(s);
}

enum fl_err fl_policies_set(struct fl_policies *s, struct fl_slice text, const char *author,
			    const char *comment, struct fl_policy_report *report, uint64_t *out_rev)
{
	struct fl_policy_candidate c;
	struct fl_fault fault = { "" };
	uint64_t rev;

	if (s->mode != FL_POLICY_MODE_DATABASE)
		return FL_ERR_DENIED;
	enum fl_err err = fl_policies_try(s, text, report, &c);
	if (err != FL_OK)
		return err;
	err = fl_state_policy_set(s->core->state, fl_loop_wall(s->core->loop), text, author,
				  comment, &fault, &rev);
	if (err != FL_OK) {
		fl_policy_candidate_done(&c);
		if (err == FL_ERR_INVALID)
			fl_policy_report_add(report, FL_POLICY_NOWHERE, "%s", fault.text);
		return err;
	}
	announce(s, &c, rev);
	*out_rev = rev;
	return FL_OK;
}

enum fl_err fl_policies_reload(struct fl_policies *s, struct fl_policy_report *report)
{
	struct fl_buf text = fl_buf_make(FL_HUJSON_TEXT_MAX + 1);
	struct fl_policy_candidate c;
	struct fl_fault fault = { "" };

	if (s->mode != FL_POLICY_MODE_FILE || s->path[0] == '\0')
		return FL_OK;
	enum fl_err err = fl_file_read(s->path, FL_HUJSON_TEXT_MAX, &fault, &text);
	if (err != FL_OK) {
		fl_policy_report_add(report, FL_POLICY_NOWHERE, "%s", fault.text);
	} else {
		err = fl_policies_try(s, fl_buf_slice(&text), report, &c);
		if (err == FL_OK)
			announce(s, &c, 0);
	}
	if (err == FL_ERR_NOMEM)
		fl_log_error("the policy stays as it was", FL_LS("at", s->path),
			     FL_LS("problem", fl_err_text(err)));
	else if (err != FL_OK)
		log_problems(s, "the policy stays as it was", fl_buf_slice(&text), report);
	fl_buf_done(&text);
	return err;
}

/* ---- start ---- */

/* What is wrong with the users or the tests does not keep the network from starting. */
static void warn(const struct fl_policies *s, const struct fl_policy *p)
{
	struct fl_policy_report report = { 0 };

	if (s->doc == NULL)
		return;
	fl_policies_warn_users(s);
	if (fl_policy_run_tests(p, &report) != FL_OK)
		log_problems(s, "the policy is in force all the same", s->doc->source, &report);
	fl_policy_report_done(&report);
}

static enum fl_err load_text(struct fl_policies *s, struct fl_slice text, fl_wall when,
			     struct fl_fault *fault)
{
	struct fl_policy_report report = { 0 };

	enum fl_err err = read_doc(s, text, &report, &s->doc);
	if (err == FL_ERR_INVALID)
		err = refuse(s, text, &report, fault);
	s->updated = when;
	fl_policy_report_done(&report);
	return err;
}

static enum fl_err load_file(struct fl_policies *s, struct fl_fault *fault)
{
	struct fl_buf text = fl_buf_make(FL_HUJSON_TEXT_MAX + 1);

	if (s->path[0] == '\0')
		return FL_OK;
	enum fl_err err = fl_file_read(s->path, FL_HUJSON_TEXT_MAX, fault, &text);
	if (err == FL_OK)
		err = load_text(s, fl_buf_slice(&text), fl_loop_wall(s->core->loop), fault);
	fl_buf_done(&text);
	return err;
}

static enum fl_err load_revision(struct fl_policies *s, struct fl_fault *fault)
{
	struct fl_revision *const *at;
	size_t count = fl_state_revisions(s->core->state, &at);

	if (count == 0)
		return FL_OK;
	const struct fl_revision *r = at[count - 1];
	return load_text(s, fl_slice_of(r->text, r->text_len), r->created, fault);
}

static enum fl_err take_config(struct fl_policies *s, const struct fl_policies_config *cfg)
{
	enum fl_err err = FL_OK;

	s->mode = cfg->mode;
	s->path = fl_str_dup(fl_slice_str(cfg->path != NULL ? cfg->path : ""));
	if (s->path == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < cfg->domains_len && err == FL_OK; i++)
		err = fl_strlist_add(&s->domains, fl_slice_str(cfg->domains[i]));
	return err;
}

static enum fl_err start(struct fl_policies *s, const struct fl_policies_config *cfg,
			 struct fl_fault *fault)
{
	enum fl_err err = take_config(s, cfg);

	if (err == FL_OK)
		err = s->mode == FL_POLICY_MODE_FILE ? load_file(s, fault)
						     : load_revision(s, fault);
	if (err == FL_OK)
		err = fl_policies_apply(s, s->doc, &s->now);
	return err;
}

enum fl_err fl_policies_new(struct fl_core *core, const struct fl_policies_config *cfg,
			    struct fl_fault *fault, struct fl_policies **out)
{
	struct fl_policies *s = calloc(1, sizeof *s);
	if (s == NULL)
		return FL_ERR_NOMEM;
	s->core = core;
	enum fl_err err = start(s, cfg, fault);
	if (err != FL_OK) {
		fl_policies_free(s);
		return err;
	}
	const struct fl_core_policy_hooks hooks = {
		.prepare = fl_policies_prepare,
		.follow = fl_policies_follow,
		.ctx = s,
	};
	const struct fl_judge judge = fl_policies_judge(s);
	warn(s, s->now);
	fl_core_policy(core, NULL, s->now);
	fl_core_follow(core, &hooks);
	fl_state_judge(core->state, &judge);
	s->review = s->doc != NULL;
	if (s->review)
		call_tick(s);
	*out = s;
	return FL_OK;
}

struct fl_policies *fl_policies_free(struct fl_policies *s)
{
	const struct fl_judge nobody = { 0 };

	if (s == NULL)
		return NULL;
	fl_core_follow(s->core, NULL);
	fl_core_policy(s->core, NULL, NULL);
	fl_state_judge(s->core->state, &nobody);
	fl_policies_drop_pending(s);
	fl_policy_unref(s->now);
	fl_policy_doc_free(s->doc);
	fl_strlist_done(&s->domains);
	free(s->path);
	free(s);
	return NULL;
}

/* ---- asking ---- */

/* Without a document a snapshot serves only those who ask: it is made for them. */
struct fl_policy *fl_policies_now(struct fl_policies *s)
{
	struct fl_policy *fresh;

	if (s->stale && fl_policies_apply(s, NULL, &fresh) == FL_OK) {
		fl_core_policy(s->core, NULL, fresh);
		fl_policy_unref(s->now);
		s->now = fresh;
		s->stale = false;
	}
	return s->now;
}

struct fl_slice fl_policies_text(const struct fl_policies *s, fl_wall *out_updated)
{
	*out_updated = s->doc != NULL ? s->updated : 0;
	return s->doc != NULL ? s->doc->source : fl_slice_of("", 0);
}

enum fl_policy_mode fl_policies_mode(const struct fl_policies *s)
{
	return s->mode;
}

void fl_policies_metrics(const struct fl_policies *s, struct fl_buf *out)
{
	static const char name[] = "fairlead_policy_compile_seconds";

	fl_delays_write(&s->apply_took, name, "work=\"whole\"",
			"How long it took to apply a policy to the records.", out);
	fl_delays_write(&s->step_took, name, "work=\"step\"", NULL, out);
}
