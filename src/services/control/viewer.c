/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/viewer.c - one node's view under the policy in force. */
#include "services/control/viewer.h"

#include <stdlib.h>

#include "services/control/internal.h"

enum { RULES_MAX = 64 << 20 };

static const char no_ip4[] = "disable-ipv4";

const struct fl_policy *fl_governing(const struct fl_policy *p)
{
	return p != NULL && fl_policy_document(p) != NULL ? p : NULL;
}

bool fl_policy_hides_ip4(const struct fl_policy *p)
{
	const struct fl_policy_doc *d = p != NULL ? fl_policy_document(p) : NULL;

	for (size_t i = 0; d != NULL && i < d->attrs_len; i++)
		for (size_t k = 0; k < d->attrs[i].attr_len; k++)
			if (strcmp(d->attrs[i].attr[k], no_ip4) == 0)
				return true;
	return false;
}

bool fl_policy_lacks_ip4(const struct fl_policy *p, fl_node_id node)
{
	return p != NULL && fl_policy_has_attr(p, node, no_ip4);
}

struct fl_viewer fl_viewer_of(const struct fl_core *core, fl_node_id node)
{
	const struct fl_policy *p = fl_governing(core->policy);

	return (struct fl_viewer){
		.policy = p,
		.id = node,
		.hides_ip4 = fl_policy_hides_ip4(p),
		.no_ip4 = fl_policy_lacks_ip4(p, node),
	};
}

bool fl_viewer_sees(const struct fl_viewer *v, fl_node_id node)
{
	return v->policy == NULL || fl_policy_sees(v->policy, v->id, node);
}

static void add_attr(void *ctx, const char *name, const char *args)
{
	struct fl_rules *r = ctx;

	if (r->attrs_count == r->attrs_cap) {
		size_t cap = r->attrs_cap ? 2 * r->attrs_cap : 8;
		struct fl_netmap_attr *more = realloc(r->attrs, cap * sizeof *more);
		if (more == NULL) {
			r->nomem = true;
			return;
		}
		r->attrs = more;
		r->attrs_cap = cap;
	}
	struct fl_netmap_attr *a = &r->attrs[r->attrs_count++];
	a->name = fl_str_dup(fl_slice_str(name));
	a->args = fl_str_dup(fl_slice_str(args));
	r->nomem = r->nomem || a->name == NULL || a->args == NULL;
}

static enum fl_err fill_self(struct fl_control *c, const struct fl_policy *p,
			     const struct fl_node *n, struct fl_rules *r)
{
	enum fl_err err = FL_OK;

	fl_served_fill(c->core, n, &r->served);
	r->self = (struct fl_netmap_self){ .node = n, .routes = r->served.routes };
	if (p == NULL)
		return FL_OK;
	err = fl_policy_attrs(p, n->id, add_attr, r);
	r->self.attrs = r->attrs;
	r->self.attrs_count = r->attrs_count;
	r->self.routes.whole = true;
	r->self.routes.no_ip4 = fl_policy_lacks_ip4(p, n->id);
	return r->nomem ? FL_ERR_NOMEM : err;
}

enum fl_err fl_rules_fill(struct fl_control *c, const struct fl_node *n, unsigned parts,
			  struct fl_rules *out)
{
	const struct fl_policy *p = fl_governing(c->core->policy);
	enum fl_err err = FL_OK;

	memset(out, 0, sizeof *out);
	out->filter = fl_buf_make(RULES_MAX);
	out->ssh = fl_buf_make(RULES_MAX);
	if ((parts & FL_RULES_SELF) != 0)
		err = fill_self(c, p, n, out);
	if (p != NULL && (parts & FL_RULES_FILTER) != 0)
		fl_policy_filter(p, n->id, &out->filter);
	/* Without a word clients would keep the rules they have (policy.md 6.7). */
	if (p != NULL && (parts & FL_RULES_SSH) != 0 &&
	    !fl_policy_ssh(p, n->id, c->noise_url, &out->ssh))
		fl_buf_str(&out->ssh, "{\"rules\":[]}");
	if (err == FL_OK)
		err = fl_buf_err(&out->filter);
	return err == FL_OK ? fl_buf_err(&out->ssh) : err;
}

void fl_rules_done(struct fl_rules *r)
{
	for (size_t i = 0; i < r->attrs_count; i++) {
		free(r->attrs[i].name);
		free(r->attrs[i].args);
	}
	free(r->attrs);
	fl_buf_done(&r->filter);
	fl_buf_done(&r->ssh);
}
