/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/document.c - reading a document from end to end, and what is found in it by name.
 *
 * Syntax, decoding in text order, indexes, validation, and then what the engine wants: owners
 * flattened, acls lowered, aliases by number. Nothing of a document that failed is kept.
 */
#include "domain/policy/decode.h"

#include <stdlib.h>

enum { ARENA_MAX = 1 << 30 };

/* ---- decoding ---- */

static bool read_randomize(struct fl_decode *d, struct fl_hujv v, void *out)
{
	(void)out;
	if (fl_hujson_kind(v) == FL_HUJSON_NULL)
		return true;
	if (fl_hujson_kind(v) != FL_HUJSON_BOOL)
		return fl_decode_mistyped(d, v, "bool");
	d->doc->randomize_client_port = fl_hujson_bool(v);
	return true;
}

static bool read_top(struct fl_decode *d, struct fl_hujv root)
{
	static const struct fl_decode_member members[] = {
		{ "groups", fl_decode_groups },
		{ "hosts", fl_decode_hosts },
		{ "tagOwners", fl_decode_tag_owners },
		{ "acls", fl_decode_acls },
		{ "grants", fl_decode_grants },
		{ "nodeAttrs", fl_decode_attrs },
		{ "autoApprovers", fl_decode_approvers },
		{ "ssh", fl_decode_ssh },
		{ "tests", fl_decode_tests },
		{ "sshTests", fl_decode_ssh_tests },
		{ "ipsets", fl_decode_ipsets },
		{ "randomizeClientPort", read_randomize },
	};
	static const struct fl_decode_shape shape = { "v2.Policy", members,
						      sizeof members / sizeof *members, false };

	return fl_decode_object(d, root, &shape, NULL);
}

/* ---- indexes: every element begins with its name ---- */

static enum fl_err index_names(struct fl_map *m, void *at, size_t len, size_t size)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; err == FL_OK && i < len; i++) {
		void *element = (char *)at + i * size;
		const char *name;
		memcpy(&name, element, sizeof name);
		err = fl_map_put(m, name, element);
	}
	return err;
}

static enum fl_err index_all(struct fl_policy_whole *w)
{
	struct fl_policy_doc *d = &w->doc;
	enum fl_err err = index_names(&w->groups, d->groups, d->groups_len, sizeof *d->groups);

	if (err == FL_OK)
		err = index_names(&w->hosts, d->hosts, d->hosts_len, sizeof *d->hosts);
	if (err == FL_OK)
		err = index_names(&w->ipsets, d->ipsets, d->ipsets_len, sizeof *d->ipsets);
	if (err == FL_OK)
		err = index_names(&w->tags, d->tags, d->tags_len, sizeof *d->tags);
	return err;
}

/* ---- what the engine wants ---- */

static enum fl_err list_aliases(struct fl_decode *d)
{
	struct fl_policy_doc *doc = d->doc;

	doc->aliases = fl_arena_array(d->arena, d->interned.len, sizeof(const struct fl_alias *));
	if (doc->aliases == NULL)
		return d->arena->err;
	doc->aliases_len = d->interned.len;
	for (const struct fl_interned *n = d->newest; n != NULL; n = n->older)
		doc->aliases[n->alias.number] = &n->alias;
	return FL_OK;
}

static enum fl_err publish_ssh(struct fl_decode *d)
{
	struct fl_policy_doc *doc = d->doc;

	doc->ssh = fl_arena_array(d->arena, d->ssh_len, sizeof *doc->ssh);
	if (doc->ssh == NULL)
		return d->arena->err;
	doc->ssh_len = d->ssh_len;
	doc->ssh_given = d->ssh_len > 0;
	for (size_t i = 0; i < d->ssh_len; i++)
		doc->ssh[i] = d->ssh[i].rule;
	return FL_OK;
}

static enum fl_err finish(struct fl_decode *d)
{
	enum fl_err err = fl_policy_weigh(d);

	if (err == FL_OK)
		err = fl_policy_flatten(d);
	if (err == FL_OK)
		err = fl_policy_lower(d);
	if (err == FL_OK)
		err = publish_ssh(d);
	if (err == FL_OK)
		err = list_aliases(d);
	return err == FL_OK ? d->arena->err : err;
}

static enum fl_err keep_source(struct fl_decode *d, const struct fl_hujson *json)
{
	struct fl_slice source = fl_hujson_source(json);
	const char *copy = fl_arena_text(d->arena, source);

	if (copy == NULL)
		return d->arena->err;
	d->doc->source = fl_slice_of(copy, source.len);
	return FL_OK;
}

/* All of it; problems are in the report. */
static enum fl_err read_all(struct fl_decode *d, const struct fl_hujson *json)
{
	size_t before = d->report->len;
	enum fl_err err = keep_source(d, json);

	if (err != FL_OK)
		return err;
	if (!read_top(d, fl_hujson_root(json)))
		return d->err;
	err = index_all(d->whole);
	if (err != FL_OK)
		return err;
	fl_validate(d);
	if (d->arena->err != FL_OK)
		return d->arena->err;
	if (d->report->len > before)
		return FL_ERR_INVALID;
	return finish(d);
}

/* ---- reading ---- */

static enum fl_err parse(struct fl_slice text, struct fl_policy_report *report,
			 struct fl_hujson **out)
{
	struct fl_fault fault = { .text = "" };
	size_t at = 0;
	enum fl_err err = fl_hujson_parse(text, &fault, &at, out);

	if (err == FL_OK || err == FL_ERR_NOMEM)
		return err;
	fl_policy_report_add(report, err == FL_ERR_SYNTAX ? at : FL_POLICY_NOWHERE,
			     "parsing HuJSON: %s", fault.text);
	return FL_ERR_INVALID;
}

static struct fl_policy_whole *new_whole(void)
{
	struct fl_policy_whole *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->arena = fl_arena_make(ARENA_MAX);
	atomic_init(&w->refs, 1);
	fl_map_init(&w->groups, 0, fl_policy_map_seed);
	fl_map_init(&w->hosts, 0, fl_policy_map_seed);
	fl_map_init(&w->ipsets, 0, fl_policy_map_seed);
	fl_map_init(&w->tags, 0, fl_policy_map_seed);
	return w;
}

/* A shortage leaves no half-made problems behind; a document too large is one. */
static enum fl_err settle(struct fl_policy_report *report, size_t before, enum fl_err err)
{
	if (err == FL_OK)
		return FL_OK;
	if (err == FL_ERR_INVALID && !report->nomem)
		return err;
	while (report->len > before)
		free(report->at[--report->len].text);
	if (err != FL_ERR_TOO_BIG)
		return FL_ERR_NOMEM;
	fl_policy_report_add(report, FL_POLICY_NOWHERE, "the policy needs too much memory");
	return report->nomem ? FL_ERR_NOMEM : FL_ERR_INVALID;
}

static enum fl_err read_parsed(const struct fl_hujson *json, const struct fl_policy_read *how,
			       struct fl_policy_report *report, struct fl_policy_doc **out)
{
	struct fl_policy_whole *w = new_whole();

	if (w == NULL)
		return FL_ERR_NOMEM;
	struct fl_decode d = {
		.whole = w,
		.doc = &w->doc,
		.arena = &w->arena,
		.how = how,
		.report = report,
		.scratch = fl_buf_make(SIZE_MAX / 2),
	};
	fl_map_init(&d.interned, 0, fl_policy_map_seed);
	enum fl_err err = read_all(&d, json);
	fl_map_done(&d.interned);
	fl_buf_done(&d.scratch);
	if (err != FL_OK) {
		fl_policy_doc_free(&w->doc);
		return err;
	}
	*out = &w->doc;
	return FL_OK;
}

enum fl_err fl_policy_doc_read(struct fl_slice text, const struct fl_policy_read *how,
			       struct fl_policy_report *report, struct fl_policy_doc **out)
{
	size_t before = report->len;
	struct fl_hujson *json = NULL;
	struct fl_policy_doc *doc = NULL;

	if (text.len == 0) {
		*out = NULL;
		return FL_OK;
	}
	enum fl_err err = parse(text, report, &json);
	if (err == FL_OK)
		err = read_parsed(json, how, report, &doc);
	fl_hujson_free(json);
	err = settle(report, before, err);
	if (err == FL_OK)
		*out = doc;
	return err;
}

struct fl_policy_doc *fl_policy_doc_free(struct fl_policy_doc *d)
{
	struct fl_policy_whole *w = (struct fl_policy_whole *)(void *)d;

	if (w == NULL || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	fl_map_done(&w->groups);
	fl_map_done(&w->hosts);
	fl_map_done(&w->ipsets);
	fl_map_done(&w->tags);
	fl_arena_done(&w->arena);
	free(w);
	return NULL;
}

const struct fl_policy_doc *fl_policy_doc_hold(const struct fl_policy_doc *d)
{
	struct fl_policy_whole *w = (struct fl_policy_whole *)(uintptr_t)d;

	if (w != NULL)
		atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
	return d;
}

/* ---- lookups ---- */

static const struct fl_policy_whole *whole(const struct fl_policy_doc *d)
{
	return (const struct fl_policy_whole *)(const void *)d;
}

const struct fl_policy_group *fl_policy_doc_group(const struct fl_policy_doc *d, const char *name)
{
	return fl_map_find(&whole(d)->groups, name);
}

const struct fl_policy_host *fl_policy_doc_host(const struct fl_policy_doc *d, const char *name)
{
	return fl_map_find(&whole(d)->hosts, name);
}

const struct fl_policy_ipset *fl_policy_doc_ipset(const struct fl_policy_doc *d, const char *name)
{
	return fl_map_find(&whole(d)->ipsets, name);
}

const struct fl_policy_tag *fl_policy_doc_tag(const struct fl_policy_doc *d, const char *name)
{
	return fl_map_find(&whole(d)->tags, name);
}
