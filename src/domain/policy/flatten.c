/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/flatten.c - who owns a tag once owner tags are replaced by their owners (policy.md
 * 5.3). An edge that closes a cycle adds nothing, so what counts is what can be reached.
 *
 * Work and result can be quadratic in hostile texts: both are bounded.
 */
#include "domain/policy/decode.h"

#include <stdlib.h>

enum {
	STEPS_MAX = 1 << 24, /* owners looked at, in all */
	FLAT_MAX = 1 << 20,  /* owners kept, in all */
};

struct flattening {
	struct fl_decode *d;
	uint32_t *tag_of;  /* by alias number: index of the tag + 1 */
	uint32_t *visited; /* by tag: index + 1 of the last tag that reached it */
	uint32_t *queue;
	size_t queue_len;
	size_t steps, kept;
};

static void resolve_edges(struct flattening *f)
{
	struct fl_policy_doc *doc = f->d->doc;

	for (size_t i = 0; i < doc->tags_len; i++) {
		for (size_t j = 0; j < doc->tags[i].owners.len; j++) {
			const struct fl_alias *a = &doc->tags[i].owners.at[j];
			if (a->kind != FL_ALIAS_TAG || f->tag_of[a->number] != 0)
				continue;
			const struct fl_policy_tag *t = fl_policy_doc_tag(doc, a->text);
			if (t != NULL)
				f->tag_of[a->number] = (uint32_t)(t - doc->tags) + 1;
		}
	}
}

static void enqueue(struct flattening *f, uint32_t tag, uint32_t from)
{
	if (f->visited[tag] == from + 1)
		return;
	f->visited[tag] = from + 1;
	f->queue[f->queue_len++] = tag;
}

/* Queues every tag that is reached; the number of their users and groups. SIZE_MAX: too many. */
static size_t reach(struct flattening *f, uint32_t tag)
{
	struct fl_policy_doc *doc = f->d->doc;
	size_t owners = 0;

	f->queue_len = 0;
	enqueue(f, tag, tag);
	for (size_t i = 0; i < f->queue_len; i++) {
		const struct fl_aliases *list = &doc->tags[f->queue[i]].owners;
		f->steps += list->len + 1;
		if (f->steps > STEPS_MAX)
			return SIZE_MAX;
		for (size_t j = 0; j < list->len; j++) {
			if (list->at[j].kind != FL_ALIAS_TAG)
				owners++;
			else if (f->tag_of[list->at[j].number] != 0)
				enqueue(f, f->tag_of[list->at[j].number] - 1, tag);
		}
	}
	return owners;
}

static int by_text(const void *a, const void *b)
{
	const struct fl_alias *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	return c != 0 ? c : (x->at > y->at) - (x->at < y->at);
}

static void sort_unique(struct fl_aliases *list)
{
	size_t kept = 0;

	if (list->len > 1)
		qsort(list->at, list->len, sizeof *list->at, by_text);
	for (size_t i = 0; i < list->len; i++)
		if (kept == 0 || list->at[kept - 1].number != list->at[i].number)
			list->at[kept++] = list->at[i];
	list->len = kept;
}

static bool flatten(struct flattening *f, uint32_t tag)
{
	struct fl_policy_doc *doc = f->d->doc;
	struct fl_aliases *flat = &doc->tags[tag].flat;
	size_t owners = reach(f, tag);

	if (owners == SIZE_MAX || owners > FLAT_MAX - f->kept) {
		fl_policy_report_add(f->d->report, doc->tags[tag].at,
				     "tagOwners: too many owners by way of other tags: %s",
				     fl_quoted(f->d->arena, doc->tags[tag].name));
		f->d->err = FL_ERR_INVALID;
		return false;
	}
	flat->at = fl_arena_array(f->d->arena, owners, sizeof *flat->at);
	if (flat->at == NULL)
		return false;
	for (size_t i = 0; i < f->queue_len; i++) {
		const struct fl_aliases *list = &doc->tags[f->queue[i]].owners;
		for (size_t j = 0; j < list->len; j++)
			if (list->at[j].kind != FL_ALIAS_TAG)
				flat->at[flat->len++] = list->at[j];
	}
	sort_unique(flat);
	f->kept += flat->len;
	return true;
}

enum fl_err fl_policy_flatten(struct fl_decode *d)
{
	size_t len = d->doc->tags_len;
	struct flattening f = {
		.d = d,
		.tag_of = fl_arena_array(d->arena, d->interned.len, sizeof(uint32_t)),
		.visited = fl_arena_array(d->arena, len, sizeof(uint32_t)),
		.queue = fl_arena_array(d->arena, len, sizeof(uint32_t)),
	};

	if (f.tag_of == NULL || f.visited == NULL || f.queue == NULL)
		return d->arena->err;
	resolve_edges(&f);
	for (size_t i = 0; i < len; i++)
		if (!flatten(&f, (uint32_t)i))
			return d->err != FL_OK ? d->err : d->arena->err;
	return FL_OK;
}
