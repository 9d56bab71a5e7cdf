/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/attrs.c - attributes of nodes (policy.md 7.1, 13).
 *
 * A bit a target says whether an entry is for a node. What the entries give is sorted by name, in
 * the order of the document where names are equal, and each name told once.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

enum { ARGS_MAX = 1 << 30 };

static const char client_port[] = "randomize-client-port";

struct given {
	const char *name;
	const char *args; /* NULL for a plain attribute; else as in fl_app */
	size_t order;
};

/* ---- what entries give ---- */

static bool is_for(const struct fl_policy *p, const struct fl_node_attr *entry, uint32_t slot)
{
	for (size_t i = 0; i < entry->target.len; i++) {
		if (fl_bit(fl_policy_alias(p, &entry->target.at[i])->inside, slot))
			return true;
	}
	return false;
}

static size_t count(const struct fl_policy_doc *doc)
{
	size_t n = 1;

	for (size_t i = 0; i < doc->attrs_len; i++)
		n += doc->attrs[i].attr_len + doc->attrs[i].app_len;
	return n;
}

static size_t collect(const struct fl_policy *p, uint32_t slot, struct given *out)
{
	const struct fl_policy_doc *doc = p->doc;
	size_t n = 0;

	if (doc->randomize_client_port)
		out[n++] = (struct given){ client_port, NULL, 0 };
	for (size_t i = 0; i < doc->attrs_len; i++) {
		const struct fl_node_attr *e = &doc->attrs[i];
		if (!is_for(p, e, slot))
			continue;
		for (size_t k = 0; k < e->attr_len; k++, n++)
			out[n] = (struct given){ e->attr[k], NULL, n };
		for (size_t k = 0; k < e->app_len; k++, n++)
			out[n] = (struct given){ e->app[k].name, e->app[k].args, n };
	}
	return n;
}

static int compare(const void *a, const void *b)
{
	const struct given *x = a, *y = b;
	int c = strcmp(x->name, y->name);
	return c != 0 ? c : (x->order > y->order) - (x->order < y->order);
}

/* ---- telling ---- */

static bool is_list(const struct given *g)
{
	return g->args != NULL && g->args[0] == '[';
}

/* Lists of one name, one behind the other. */
static enum fl_err join(const struct given *at, size_t n, struct fl_buf *out)
{
	fl_buf_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		size_t len = is_list(&at[i]) ? strlen(at[i].args) - 2 : 0; /* without brackets */
		if (len > 0 && out->len > 1)
			fl_buf_byte(out, ',');
		if (len > 0)
			fl_buf_put(out, at[i].args + 1, len);
	}
	fl_buf_put(out, "]", 2);
	return fl_buf_err(out);
}

static enum fl_err tell(const struct given *at, size_t n,
			void (*each)(void *ctx, const char *name, const char *args), void *ctx)
{
	struct fl_buf b = fl_buf_make(ARGS_MAX);
	const char *args = "null";
	size_t lists = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_list(&at[i]))
			continue;
		args = at[i].args;
		lists++;
	}
	enum fl_err err = lists > 1 ? join(at, n, &b) : FL_OK;
	if (err == FL_OK)
		each(ctx, at[0].name, lists > 1 ? (const char *)b.ptr : args);
	fl_buf_done(&b);
	return err;
}

enum fl_err fl_policy_attrs(const struct fl_policy *p, uint64_t node,
			    void (*each)(void *ctx, const char *name, const char *args), void *ctx)
{
	uint32_t slot = fl_policy_slot(p, node);
	enum fl_err err = FL_OK;

	if (p->doc == NULL || slot == FL_SLOT_NONE)
		return FL_OK;
	struct given *all = calloc(count(p->doc), sizeof *all);
	if (all == NULL)
		return FL_ERR_NOMEM;
	size_t n = collect(p, slot, all);
	if (n > 1)
		qsort(all, n, sizeof *all, compare);
	for (size_t from = 0, to; from < n && err == FL_OK; from = to) {
		for (to = from; to < n && strcmp(all[from].name, all[to].name) == 0; to++)
			;
		err = tell(all + from, to - from, each, ctx);
	}
	free(all);
	return err;
}

/* ---- single ones ---- */

static bool gives(const struct fl_node_attr *entry, const char *name)
{
	for (size_t i = 0; i < entry->attr_len; i++) {
		if (strcmp(entry->attr[i], name) == 0)
			return true;
	}
	for (size_t i = 0; i < entry->app_len; i++) {
		if (strcmp(entry->app[i].name, name) == 0)
			return true;
	}
	return false;
}

bool fl_policy_has_attr(const struct fl_policy *p, uint64_t node, const char *name)
{
	uint32_t slot = fl_policy_slot(p, node);

	if (p->doc == NULL || slot == FL_SLOT_NONE)
		return false;
	if (p->doc->randomize_client_port && strcmp(name, client_port) == 0)
		return true;
	for (size_t i = 0; i < p->doc->attrs_len; i++) {
		if (gives(&p->doc->attrs[i], name) && is_for(p, &p->doc->attrs[i], slot))
			return true;
	}
	return false;
}

/* policy.md 7.3 */
bool fl_policy_suggests_exit(const struct fl_policy *p, uint64_t node)
{
	uint32_t slot = fl_policy_slot(p, node);
	return slot != FL_SLOT_NONE && fl_bit(p->exits, slot);
}
