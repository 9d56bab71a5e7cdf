/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/decode_rules.c - acls, grants and nodeAttrs (policy.md 2.2, 13).
 */
#include "domain/policy/decode.h"

/* ---- acls ---- */

static bool read_action(struct fl_decode *d, struct fl_hujv v, void *out)
{
	const char *text = fl_decode_bare(d, v);

	(void)out;
	if (text == NULL)
		return false;
	if (strcmp(text, "accept") == 0)
		return true;
	return fl_decode_fail(d, v,
			      fl_say(d->arena, "action=%s is not supported: invalid ACL action",
				     fl_quoted(d->arena, text)));
}

static bool read_proto(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_acl *a = out;
	const char *text = fl_decode_bare(d, v);

	if (text == NULL)
		return false;
	const char *cause = fl_proto_parse(d, text, true, &a->proto);
	return cause == NULL || fl_decode_fail(d, v, cause);
}

static bool read_acl_src(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_acl *a = out;
	return fl_decode_aliases(d, v, "v2.Aliases", fl_decode_source, &a->src);
}

static bool fail_no_string(struct fl_decode *d, struct fl_hujv v)
{
	return fl_decode_fail(d, v,
			      fl_say(d->arena, "type not supported: %s", fl_decode_go_type(v)));
}

static bool read_dst(struct fl_decode *d, struct fl_hujv v, void *out)
{
	if (fl_hujson_kind(v) != FL_HUJSON_STRING)
		return fail_no_string(d, v);
	const char *text = fl_decode_text(d, v);
	if (text == NULL)
		return false;
	const char *cause = fl_dst_parse(d, text, fl_hujson_offset(v), out);
	return cause == NULL || fl_decode_fail(d, v, cause);
}

static bool read_acl_dst(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_acl *a = out;

	a->dst = fl_decode_list(d, v, "[]v2.AliasWithPorts", sizeof *a->dst, read_dst, &a->dst_len);
	return a->dst != NULL;
}

static bool read_acl(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const struct fl_decode_member members[] = {
		{ "action", read_action },
		{ "proto", read_proto },
		{ "src", read_acl_src },
		{ "dst", read_acl_dst },
	};
	static const struct fl_decode_shape shape = { "v2.ACL", members, 4, true };
	struct fl_acl *a = out;

	a->at = fl_hujson_offset(v);
	return fl_decode_scan(d, v) && fl_decode_object(d, v, &shape, a);
}

bool fl_decode_acls(struct fl_decode *d, struct fl_hujv v, void *out)
{
	(void)out;
	d->acls_given = fl_hujson_kind(v) != FL_HUJSON_NULL;
	d->acls = fl_decode_list(d, v, "[]v2.ACL", sizeof *d->acls, read_acl, &d->acls_len);
	return d->acls != NULL;
}

/* ---- app: of grants and of nodeAttrs ---- */

static bool read_app(struct fl_decode *d, const char *name, struct fl_hujv v, void *out)
{
	struct fl_app *app = out;

	if (fl_hujson_kind(v) != FL_HUJSON_ARRAY && fl_hujson_kind(v) != FL_HUJSON_NULL)
		return fl_decode_mistyped(d, v, "[]tailcfg.RawMessage");
	if (!fl_decode_scan(d, v))
		return false;
	fl_buf_reset(&d->scratch);
	fl_hujson_standard(v, &d->scratch);
	app->name = name;
	app->args = fl_buf_err(&d->scratch) == FL_OK
			    ? fl_arena_text(d->arena, fl_buf_slice(&d->scratch))
			    : NULL;
	if (app->args != NULL)
		return true;
	if (d->arena->err == FL_OK)
		d->arena->err = FL_ERR_NOMEM;
	return fl_decode_fail(d, v, fl_cause_nomem);
}

static struct fl_app *read_apps(struct fl_decode *d, struct fl_hujv v, size_t *out_len)
{
	return fl_decode_map(d, v, "tailcfg.PeerCapMap", sizeof(struct fl_app), read_app, out_len);
}

/* ---- grants ---- */

static bool read_grant_src(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_rule *g = out;
	return fl_decode_aliases(d, v, "v2.Aliases", fl_decode_source, &g->src);
}

static bool read_grant_dst(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_rule *g = out;
	return fl_decode_aliases(d, v, "v2.Aliases", fl_decode_destination, &g->dst);
}

static bool read_ip(struct fl_decode *d, struct fl_hujv v, void *out)
{
	if (fl_hujson_kind(v) != FL_HUJSON_STRING)
		return fail_no_string(d, v);
	const char *text = fl_decode_text(d, v);
	if (text == NULL)
		return false;
	const char *cause = fl_traffic_parse(d, text, out);
	return cause == NULL || fl_decode_fail(d, v, cause);
}

static bool read_grant_ip(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_rule *g = out;

	g->traffic = fl_decode_list(d, v, "[]v2.ProtocolPort", sizeof *g->traffic, read_ip,
				    &g->traffic_len);
	return g->traffic != NULL;
}

static bool read_grant_app(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_rule *g = out;

	g->app = read_apps(d, v, &g->app_len);
	return g->app != NULL;
}

/* Whatever is wrong with an element, the message is the same (policy.md 1.2). */
static bool read_via_tag(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const char cause[] = "via can only be a tag";
	struct fl_alias *a = out;
	bool valid = true;

	if (fl_hujson_kind(v) == FL_HUJSON_STRING) {
		struct fl_slice text = fl_hujson_text(v, &valid);
		valid = valid && text.len > 0 && memchr(text.ptr, '\0', text.len) == NULL;
	}
	const char *text = valid ? fl_decode_bare(d, v) : "";
	if (text == NULL)
		return false;
	if (!fl_alias_recognise(text, a) || a->kind != FL_ALIAS_TAG || !fl_alias_is_tag_name(text))
		return fl_decode_fail_bare(d, v, cause);
	a->at = fl_hujson_offset(v);
	return fl_alias_intern(d, a) || fl_decode_fail(d, v, fl_cause_nomem);
}

static bool read_grant_via(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_rule *g = out;
	return fl_decode_aliases(d, v, "[]v2.Tag", read_via_tag, &g->via);
}

static bool read_grant(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const struct fl_decode_member members[] = {
		{ "src", read_grant_src }, { "dst", read_grant_dst }, { "ip", read_grant_ip },
		{ "app", read_grant_app }, { "via", read_grant_via },
	};
	static const struct fl_decode_shape shape = { "v2.Grant", members, 5, false };
	struct fl_rule *g = out;

	g->at = fl_hujson_offset(v);
	g->entry = (uint32_t)d->path[d->depth - 1].index;
	if (!fl_decode_object(d, v, &shape, g))
		return false;
	g->src_listed = g->src.len > 0;
	g->dst_listed = g->dst.len > 0;
	return true;
}

bool fl_decode_grants(struct fl_decode *d, struct fl_hujv v, void *out)
{
	(void)out;
	d->grants_given = fl_hujson_kind(v) != FL_HUJSON_NULL;
	d->grants =
		fl_decode_list(d, v, "[]v2.Grant", sizeof *d->grants, read_grant, &d->grants_len);
	return d->grants != NULL;
}

/* ---- nodeAttrs ---- */

static bool read_target(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_node_attr *n = out;
	return fl_decode_aliases(d, v, "v2.Aliases", fl_decode_source, &n->target);
}

static bool read_attr(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_node_attr *n = out;

	n->attr = fl_decode_list(d, v, "[]string", sizeof *n->attr, fl_decode_plain, &n->attr_len);
	return n->attr != NULL;
}

static bool read_attr_app(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_node_attr *n = out;

	n->app = read_apps(d, v, &n->app_len);
	return n->app != NULL;
}

static bool read_pool_prefix(struct fl_decode *d, struct fl_hujv v, void *out)
{
	const char *text;

	if (!fl_decode_string(d, v, "netip.Prefix", &text))
		return false;
	const char *cause = fl_go_prefix_parse(d->arena, text, out);
	return cause == NULL || fl_decode_fail(d, v, cause);
}

static bool read_pool(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_node_attr *n = out;

	n->pool = fl_decode_list(d, v, "[]netip.Prefix", sizeof *n->pool, read_pool_prefix,
				 &n->pool_len);
	return n->pool != NULL;
}

static bool read_node_attr(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const struct fl_decode_member members[] = {
		{ "target", read_target },
		{ "attr", read_attr },
		{ "app", read_attr_app },
		{ "ipPool", read_pool },
	};
	static const struct fl_decode_shape shape = { "v2.NodeAttrGrant", members, 4, false };
	struct fl_node_attr *n = out;

	n->at = fl_hujson_offset(v);
	return fl_decode_object(d, v, &shape, n);
}

bool fl_decode_attrs(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_policy_doc *doc = d->doc;

	(void)out;
	doc->attrs = fl_decode_list(d, v, "[]v2.NodeAttrGrant", sizeof *doc->attrs, read_node_attr,
				    &doc->attrs_len);
	return doc->attrs != NULL;
}
