/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/update.c - what a map request changes about its node, and who must hear of it.
 *
 * Most requests repeat what is known. They change nothing, so they cost no row and no message
 * (CHG-10). Of the rest the smallest change is chosen: nothing for what peers do not see, a patch
 * for endpoints, home relay and keys, a whole entry for anything else in the hostinfo.
 */
#include "domain/state/inner.h"
#include "domain/state/names.h"
#include "domain/state/update.h"

#include <stdlib.h>

static bool is_stun(const struct fl_endpoint *e)
{
	return e->type == 2 || e->type == 4;
}

static bool holds(const struct fl_endpoint *list, size_t count, const struct fl_endpoint *e)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].type == e->type && fl_addrport_eq(&list[i].at, &e->at))
			return true;
	return false;
}

/* How list `a` goes beyond list `b`. */
struct surplus {
	bool stun, other;
};

static struct surplus surplus(const struct fl_endpoint *a, size_t an, const struct fl_endpoint *b,
			      size_t bn)
{
	struct surplus s = { 0 };

	for (size_t i = 0; i < an; i++) {
		if (holds(b, bn, &a[i]))
			continue;
		if (is_stun(&a[i]))
			s.stun = true;
		else
			s.other = true;
	}
	return s;
}

static bool has_stun(const struct fl_node *n)
{
	for (size_t i = 0; i < n->endpoints_count; i++)
		if (is_stun(&n->endpoints[i]))
			return true;
	return false;
}

enum fl_endpoints_change fl_endpoints_compare(const struct fl_node *n, const struct fl_endpoint *e,
					      size_t count)
{
	struct surplus more = surplus(e, count, n->endpoints, n->endpoints_count);
	struct surplus less = surplus(n->endpoints, n->endpoints_count, e, count);

	if (!more.stun && !more.other && !less.stun && !less.other)
		return FL_ENDPOINTS_SAME;
	if (!more.stun && !more.other)
		return FL_ENDPOINTS_QUIET; /* a pure shrink */
	if (!more.other && !less.other && has_stun(n))
		return FL_ENDPOINTS_QUIET; /* one STUN mapping after another */
	return FL_ENDPOINTS_NEWS;
}

static enum fl_err set_endpoints(struct fl_node *c, const struct fl_endpoint *e, size_t count)
{
	struct fl_endpoint *list = NULL;

	if (count > 0) {
		list = malloc(count * sizeof *list);
		if (list == NULL)
			return FL_ERR_NOMEM;
		memcpy(list, e, count * sizeof *list);
	}
	free(c->endpoints);
	c->endpoints = list;
	c->endpoints_count = count;
	return FL_OK;
}

static bool same_but_netinfo(const struct fl_hostinfo *a, const struct fl_hostinfo *b)
{
	return fl_slice_eq(fl_slice_of(a->json, a->peer_len), fl_slice_of(b->json, b->peer_len));
}

struct fl_news fl_hostinfo_news(const struct fl_hostinfo *a, const struct fl_hostinfo *b)
{
	return (struct fl_news){
		.whole = !same_but_netinfo(a, b),
		.fields = a->preferred_derp != b->preferred_derp ? FL_PATCH_DERP : 0,
	};
}

enum fl_err fl_hostinfo_carry(struct fl_hostinfo *old, struct fl_hostinfo *fresh,
			      struct fl_hostinfo **out)
{
	enum fl_err err = fl_hostinfo_merge(old, fresh, out);
	if (err == FL_OK || err == FL_ERR_NOMEM)
		return err;
	*out = fl_hostinfo_ref(fresh); /* too large together: rather no NetInfo than no update */
	return FL_OK;
}

/* The name follows the hostname unless somebody chose it (NM-3). */
static void follow_hostname(const struct fl_state *s, const struct fl_node *before,
			    struct fl_node *c)
{
	const char *hostname = c->hostinfo->hostname;

	if (!c->name_is_auto || hostname[0] == '\0')
		return;
	if (strcmp(before->hostinfo->hostname, hostname) == 0 &&
	    fl_name_is_from(c->given_name, hostname, s->label_max))
		return;
	fl_name_derive(s, hostname, c->id, c->given_name);
}

/*
 * A lite update tells all: what it leaves out is gone, as withdrawn routes are. A stream repeats
 * what the client knew when it was opened, some clients no more than a few members of it, so it
 * adds and replaces but takes nothing away (docs/protocol/control.md 5.2).
 */
static enum fl_err merge_hostinfo(struct fl_hostinfo *old, const struct fl_map_request *req,
				  struct fl_hostinfo **out)
{
	if (req->stream)
		return fl_hostinfo_fill(old, req->hostinfo, out);
	return fl_hostinfo_carry(old, req->hostinfo, out);
}

static enum fl_err update_hostinfo(const struct fl_state *s, const struct fl_node *n,
				   const struct fl_map_request *req, struct fl_node *c,
				   struct fl_news *news, bool *changed)
{
	struct fl_hostinfo *merged;

	enum fl_err err = merge_hostinfo(n->hostinfo, req, &merged);
	if (err != FL_OK)
		return err;
	if (!fl_hostinfo_eq(n->hostinfo, merged)) {
		*news = fl_hostinfo_news(n->hostinfo, merged);
		*changed = true;
		fl_hostinfo_unref(c->hostinfo);
		c->hostinfo = fl_hostinfo_ref(merged);
	}
	fl_hostinfo_unref(merged);

	follow_hostname(s, n, c);
	if (strcmp(n->given_name, c->given_name) != 0)
		news->whole = *changed = true;
	return FL_OK;
}

static enum fl_err update_endpoints(const struct fl_node *n, const struct fl_map_request *req,
				    struct fl_node *c, struct fl_news *news, bool *changed)
{
	switch (fl_endpoints_compare(n, req->endpoints, req->endpoints_count)) {
	case FL_ENDPOINTS_SAME:
		return FL_OK;
	case FL_ENDPOINTS_NEWS:
		news->fields |= FL_PATCH_ENDPOINTS;
		break;
	case FL_ENDPOINTS_QUIET:
		break;
	}
	*changed = true;
	return set_endpoints(c, req->endpoints, req->endpoints_count);
}

static enum fl_err apply(const struct fl_state *s, const struct fl_node *n,
			 const struct fl_map_request *req, struct fl_node *c, struct fl_news *news,
			 bool *changed)
{
	enum fl_err err = FL_OK;

	if (req->hostinfo != NULL && !fl_hostinfo_is_empty(req->hostinfo))
		err = update_hostinfo(s, n, req, c, news, changed);
	if (err == FL_OK && req->has_endpoints && (!req->stream || req->endpoints_count > 0))
		err = update_endpoints(n, req, c, news, changed);
	if (req->version != 0 && req->version != n->cap) {
		c->cap = req->version;
		news->fields |= FL_PATCH_CAP;
		*changed = true;
	}
	if (!fl_disco_key_is_zero(&req->disco_key) &&
	    !fl_disco_key_eq(&req->disco_key, &n->disco)) {
		c->disco = req->disco_key;
		news->fields |= FL_PATCH_DISCO;
		*changed = true;
	}
	return err;
}

static bool needs_review(const struct fl_node *before, const struct fl_node *after)
{
	return !fl_routes_announced_same(before, after) || before->user != after->user ||
	       !fl_strlist_eq(&before->tags, &after->tags) ||
	       !fl_node_key_eq(&before->key, &after->key);
}

enum fl_err fl_news_note(struct fl_state *s, struct fl_news news, const struct fl_node *before,
			 const struct fl_node *after)
{
	enum fl_err err = FL_OK;

	if (news.whole)
		err = fl_state_note(s, FL_CHANGE_NODE_CHANGED, after->id,
				    needs_review(before, after) ? FL_CHANGED_REVIEW : 0, after->id);
	else if (news.fields != 0)
		err = fl_state_note(s, FL_CHANGE_NODE_PATCHED, after->id, news.fields, after->id);
	return err == FL_OK ? fl_routes_note(s, before, after) : err;
}

enum fl_err fl_state_node_update(struct fl_state *s, fl_node_id id,
				 const struct fl_map_request *req)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_node *n = fl_state_node(s, id);
	struct fl_news news = { 0 };
	bool changed = false;

	if (n == NULL)
		return FL_ERR_NOT_FOUND;
	if (req->read_only)
		return FL_OK;
	struct fl_node *c = fl_node_copy(n);
	if (c == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = apply(s, n, req, c, &news, &changed);
	if (err != FL_OK || !changed) {
		fl_node_unref(c);
		return err;
	}
	err = fl_state_put(s, FL_RECORD_NODE, id, c);
	if (err == FL_OK)
		err = fl_news_note(s, news, n, c);
	return fl_state_end(s, &sp, err);
}
