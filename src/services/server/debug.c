/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/server/debug.c - /debug on the metrics listener: what is going on, for those near.
 *
 * It is open to this machine and to the tailnet without a key, so the address that asks is all
 * there is to go by: that of the connection, whatever a header says. A request that names another
 * client came through a proxy, behind which anybody may be, and is refused.
 *
 * Source: docs/lifecycle.md DBG-1.
 */
#include "services/server/internal.h"

#include "services/control/debug.h"

enum { ANSWER_MAX = 16 << 20 };

/* ---- who may ask ---- */

static bool is_listed(const struct fl_config *c, const struct fl_ip *ip)
{
	struct fl_prefix p;

	for (size_t i = 0; i < c->debug_allow.len; i++)
		if (fl_prefix_parse(fl_slice_str(c->debug_allow.at[i]), &p) == FL_OK &&
		    fl_prefix_has(&p, ip))
			return true;
	return false;
}

static bool is_tailnet(const struct fl_prefix *p, const struct fl_ip *ip)
{
	return fl_ip_is_set(&p->ip) && fl_prefix_has(p, ip);
}

bool fl_server_debug_allows(const struct fl_config *c, const struct fl_ip *ip)
{
	return fl_ip_is_loopback(ip) || is_tailnet(&c->prefix4, ip) ||
	       is_tailnet(&c->prefix6, ip) || is_listed(c, ip);
}

static bool is_proxied(const struct fl_http *x)
{
	static const char *const fields[] = { "forwarded", "x-forwarded-for", "x-real-ip",
					      "true-client-ip", "cf-connecting-ip" };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (fl_http_field_count(x, fields[i]) > 0)
			return true;
	return false;
}

static void refuse(struct fl_http *x, const char *why)
{
	fl_http_respond(x, 403, "text/plain; charset=utf-8", fl_slice_str(why));
}

bool fl_server_debug_admit(struct fl_server *s, struct fl_http *x)
{
	const struct fl_ip peer = fl_stream_peer(fl_http_stream(x)).ip;

	if (is_proxied(x)) {
		refuse(x, "not through a proxy: ask from this machine or from the tailnet\n");
		return false;
	}
	if (!fl_server_debug_allows(s->config, &peer)) {
		refuse(x, "only this machine and the tailnet may ask; debug.allow names others\n");
		return false;
	}
	return true;
}

/* ---- answers of the parts above the control server ---- */

static void put_time(struct fl_jw *w, const char *key, fl_wall t)
{
	fl_jw_key(w, key);
	if (t != 0)
		fl_jw_time(w, t);
	else
		fl_jw_null(w);
}

static void put_config(struct fl_server *s, const struct fl_debug_question *q, struct fl_jw *w)
{
	(void)q;
	fl_config_json(s->config, w);
}

static const char *mode_of(const struct fl_policies *p)
{
	return fl_policies_mode(p) == FL_POLICY_MODE_DATABASE ? "database" : "file";
}

static void put_policy(struct fl_server *s, const struct fl_debug_question *q, struct fl_jw *w)
{
	fl_wall updated;
	struct fl_slice text = fl_policies_text(s->policies, &updated);

	(void)q;
	fl_jw_obj(w);
	fl_jw_key(w, "mode");
	fl_jw_str(w, mode_of(s->policies));
	put_time(w, "updated", updated);
	fl_jw_key(w, "text");
	fl_jw_text(w, text);
	fl_jw_obj_end(w);
}

static void put_counts(const struct fl_policy_doc *d, struct fl_jw *w)
{
	const struct {
		const char *name;
		size_t count;
	} sections[] = {
		{ "rules", d->rules_len },     { "groups", d->groups_len },
		{ "hosts", d->hosts_len },     { "ipsets", d->ipsets_len },
		{ "tagOwners", d->tags_len },  { "autoApprovers", d->approvers_len },
		{ "ssh", d->ssh_len },         { "nodeAttrs", d->attrs_len },
		{ "tests", d->tests_len },     { "sshTests", d->ssh_tests_len },
		{ "aliases", d->aliases_len }, { "bytes", d->source.len },
	};

	fl_jw_obj(w);
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		fl_jw_key(w, sections[i].name);
		fl_jw_u64(w, sections[i].count);
	}
	fl_jw_key(w, "allowAll");
	fl_jw_bool(w, d->allow_all);
	fl_jw_obj_end(w);
}

static void put_policy_manager(struct fl_server *s, const struct fl_debug_question *q,
			       struct fl_jw *w)
{
	const struct fl_policy_doc *d = fl_policy_document(fl_policies_now(s->policies));
	struct fl_revision *const *history;
	size_t kept = fl_state_revisions(s->core.state, &history);
	fl_wall updated;

	(void)q;
	fl_policies_text(s->policies, &updated);
	fl_jw_obj(w);
	fl_jw_key(w, "mode");
	fl_jw_str(w, mode_of(s->policies));
	put_time(w, "updated", updated);
	fl_jw_key(w, "revisionsKept");
	fl_jw_u64(w, kept);
	fl_jw_key(w, "revision");
	fl_jw_u64(w, kept > 0 ? history[kept - 1]->rev : 0);
	fl_jw_key(w, "document");
	if (d != NULL)
		put_counts(d, w);
	else
		fl_jw_null(w);
	fl_jw_obj_end(w);
}

/* ---- paths ---- */

struct page {
	const char *name;
	fl_debug_write *control; /* or: */
	void (*server)(struct fl_server *s, const struct fl_debug_question *q, struct fl_jw *w);
};

static const struct page pages[] = {
	{ "overview", fl_debug_overview, NULL },
	{ "config", NULL, put_config },
	{ "policy", NULL, put_policy },
	{ "policy-manager", NULL, put_policy_manager },
	{ "filter", fl_debug_filter, NULL },
	{ "ssh", fl_debug_ssh, NULL },
	{ "derp", fl_debug_derp, NULL },
	{ "nodestore", fl_debug_nodes, NULL },
	{ "registration-cache", fl_debug_logins, NULL },
	{ "routes", fl_debug_routes, NULL },
	{ "mapresponses", fl_debug_frames, NULL },
	{ "batcher", fl_debug_sessions, NULL },
	{ "changes", fl_debug_changes, NULL },
	{ "views", fl_debug_views, NULL },
};

static const struct page *find_page(struct fl_slice name)
{
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (fl_slice_eq(name, fl_slice_str(pages[i].name)))
			return &pages[i];
	return NULL;
}

void fl_server_debug(void *ctx, struct fl_http *x)
{
	struct fl_server *s = ctx;
	const struct page *p = find_page(fl_http_segment(x, 0));
	struct fl_debug_question q;

	if (!fl_server_debug_admit(s, x))
		return;
	if (p == NULL) {
		fl_http_respond(x, 404, "text/plain; charset=utf-8",
				fl_slice_str("no such page; /debug/ lists them\n"));
		return;
	}
	if (!fl_debug_ask(x, &q)) {
		fl_http_respond(x, 400, "text/plain; charset=utf-8",
				fl_slice_str("node, after and limit are numbers\n"));
		return;
	}
	struct fl_buf out = fl_buf_make(ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	if (p->control != NULL)
		p->control(s->control, &q, &w);
	else
		p->server(s, &q, &w);
	fl_debug_answer(x, &out);
}

void fl_server_debug_index(void *ctx, struct fl_http *x)
{
	struct fl_server *s = ctx;
	struct fl_buf out = fl_buf_make(ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	if (!fl_server_debug_admit(s, x))
		return;
	fl_jw_obj(&w);
	fl_jw_key(&w, "pages");
	fl_jw_arr(&w);
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		fl_jw_str(&w, pages[i].name);
	fl_jw_str(&w, "ping"); /* with a route of its own: its answer takes time */
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_debug_answer(x, &out);
}

/* ---- ping ---- */

static const char ping_form[] =
	"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width\"><title>Ping - "
	"Fairlead</title></head>"
	"<body><form><label>Id, name or address of a node <input name=\"node\" autofocus></label> "
	"<button>Ping</button></form></body></html>\n";

void fl_server_debug_ping(void *ctx, struct fl_http *x)
{
	struct fl_server *s = ctx;

	if (!fl_server_debug_admit(s, x))
		return;
	fl_http_set(x, "Cache-Control", "no-store");
	if (fl_http_query_text(x).len > 0)
		fl_api_ping(s->api, x);
	else
		fl_http_respond(x, 200, "text/html; charset=utf-8", fl_slice_str(ping_form));
}
