/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/chain.c - an explanation in words. */
#include "domain/policy/chain.h"

#include <stdio.h>

#include "domain/policy/diff_parts.h"

enum { STEP_MAX = 1024 };

/* ---- steps ---- */

struct steps {
	const struct fl_policy *p;
	const struct fl_ip *ip;
	const struct fl_policy_facts *node; /* that has the address; or NULL */
	const struct fl_policy_user *user;  /* its owner, if it has no tags; or NULL */
	struct fl_strlist *out;
	enum fl_err err; /* sticks */
};

FL_PRINTF(2, 3) static void step(struct steps *s, const char *fmt, ...)
{
	char text[STEP_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (s->err == FL_OK)
		s->err = fl_strlist_add(s->out, fl_slice_str(text));
}

static void find_node(struct steps *s)
{
	for (uint32_t i = 0; i < s->p->slots && s->node == NULL; i++) {
		const struct fl_policy_facts *f = s->p->nodes[i];
		if (f != NULL && (fl_ip_eq(&f->ip4, s->ip) || fl_ip_eq(&f->ip6, s->ip)))
			s->node = f;
	}
	if (s->node != NULL && s->node->user != 0)
		s->user = fl_policy_user_of(s->p, s->node->user);
}

static void step_who(struct steps *s)
{
	char text[FL_IP_TEXT_MAX];

	fl_ip_format(s->ip, text);
	if (s->node != NULL)
		step(s, "node %s (%s)", s->node->name, text);
	else
		step(s, "address %s", text);
}

static const char *called(const struct fl_policy_user *u)
{
	return u->name[0] != '\0' ? u->name : u->email[0] != '\0' ? u->email : u->provider_id;
}

static void step_user(struct steps *s)
{
	if (s->user != NULL && s->user->email[0] != '\0' &&
	    strcmp(s->user->email, called(s->user)) != 0)
		step(s, "user %s <%s>", called(s->user), s->user->email);
	else if (s->user != NULL)
		step(s, "user %s", called(s->user));
}

/* The subnet by which a wildcard source holds an address of none of its own ranges. */
static void step_served(struct steps *s)
{
	const struct fl_served *served = s->p->core->served;
	char text[FL_PREFIX_TEXT_MAX];

	if (fl_ipset_has(&s->p->fixed[FL_SET_WILDCARD]->ips, s->ip))
		return;
	for (size_t i = 0; i < served->len; i++) {
		if (!fl_prefix_has(&served->at[i], s->ip))
			continue;
		fl_prefix_format(&served->at[i], text);
		step(s, "served subnet %s", text);
		return;
	}
}

static void step_tags(struct steps *s)
{
	char text[STEP_MAX];
	struct fl_buf b = fl_buf_over(text, sizeof text);

	for (size_t i = 0; s->node != NULL && i < s->node->tags_len; i++)
		fl_buf_printf(&b, "%s%s", i > 0 ? ", " : "", s->node->tags[i]);
	text[b.len] = '\0';
	step(s, "tagged %s", text);
}

static void step_autogroup(struct steps *s, const struct fl_alias *a)
{
	switch (a->autogroup) {
	case FL_AUTOGROUP_TAGGED:
		step_tags(s);
		break;
	case FL_AUTOGROUP_MEMBER:
	case FL_AUTOGROUP_SELF:
		step_user(s);
		break;
	case FL_AUTOGROUP_OWNER:
	case FL_AUTOGROUP_ADMIN:
		step_user(s);
		if (s->user != NULL)
			step(s, "role %s", s->user->role == FL_ROLE_OWNER ? "owner" : "admin");
		break;
	case FL_AUTOGROUP_NONE:
	case FL_AUTOGROUP_INTERNET:
	case FL_AUTOGROUP_DANGER_ALL:
	case FL_AUTOGROUP_NONROOT:
	case FL_AUTOGROUP_UNKNOWN:
		break;
	}
	step(s, "%s", a->text);
}

static void step_host(struct steps *s, const struct fl_alias *a)
{
	const struct fl_policy_host *host = fl_policy_doc_host(s->p->doc, a->text);
	char text[FL_PREFIX_TEXT_MAX] = "";

	if (host != NULL)
		fl_prefix_format(&host->prefix, text);
	step(s, "host %s (%s)", a->text, text);
}

/* Of a group the member that the user is, where it is not the whole name. */
static void step_group(struct steps *s, const struct fl_alias *a)
{
	const struct fl_policy_group *g = fl_policy_doc_group(s->p->doc, a->text);

	step_user(s);
	for (size_t i = 0; g != NULL && i < g->members.len; i++) {
		const struct fl_alias *m = &g->members.at[i];
		if (m->kind == FL_ALIAS_DOMAIN &&
		    fl_ipset_has(&fl_policy_alias(s->p, m)->ips, s->ip)) {
			step(s, "%s", m->text);
			break;
		}
	}
	step(s, "%s", a->text);
}

static void step_alias(struct steps *s, const struct fl_alias *a)
{
	switch (a->kind) {
	case FL_ALIAS_USER:
		step_user(s);
		break;
	case FL_ALIAS_DOMAIN:
		step_user(s);
		step(s, "%s", a->text);
		break;
	case FL_ALIAS_GROUP:
		step_group(s, a);
		break;
	case FL_ALIAS_HOST:
		step_host(s, a);
		break;
	case FL_ALIAS_WILDCARD:
		step_served(s);
		step(s, "*");
		break;
	case FL_ALIAS_AUTOGROUP:
		step_autogroup(s, a);
		break;
	case FL_ALIAS_TAG:
	case FL_ALIAS_IPSET:
	case FL_ALIAS_PREFIX:
		step(s, "%s", a->text);
		break;
	}
}

enum fl_err fl_policy_chain(const struct fl_policy *p, const struct fl_ip *ip,
			    const struct fl_alias *a, struct fl_strlist *out)
{
	struct steps s = { .p = p, .ip = ip, .out = out };

	find_node(&s);
	step_who(&s);
	if (a != NULL)
		step_alias(&s, a);
	return s.err;
}

/* ---- rules ---- */

/* Behind a comment that begins at `at`; the source was read before, so it ends. */
static size_t behind_comment(struct fl_slice text, size_t at)
{
	bool line = text.ptr[at + 1] == '/';

	for (at += 2; at < text.len; at++) {
		if (line && text.ptr[at] == '\n')
			return at + 1;
		if (!line && text.ptr[at - 1] == '*' && text.ptr[at] == '/')
			return at + 1;
	}
	return at;
}

static size_t behind_string(struct fl_slice text, size_t at)
{
	for (at++; at < text.len && text.ptr[at] != '"'; at++)
		at += text.ptr[at] == '\\';
	return at < text.len ? at + 1 : text.len;
}

struct printer {
	struct fl_slice text;
	size_t at;
	int depth;
	bool comma; /* due before the next element, if there is one */
};

static void put_token(struct printer *r, struct fl_buf *out)
{
	uint8_t c = r->text.ptr[r->at];
	bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
	size_t end = c == '"' ? behind_string(r->text, r->at) : r->at + 1;

	if (c == ',') {
		r->comma = true;
	} else {
		if (r->comma && !closes)
			fl_buf_str(out, ", ");
		r->comma = false;
		fl_buf_put(out, r->text.ptr + r->at, end - r->at);
		fl_buf_str(out, c == ':' ? " " : "");
	}
	r->depth += opens - closes;
	r->at = end;
}

void fl_policy_rule_text(const struct fl_policy_doc *d, const struct fl_rule *rule,
			 struct fl_buf *out)
{
	struct printer r = { .text = d->source, .at = rule->at };

	while (r.at < r.text.len) {
		uint8_t c = r.text.ptr[r.at];
		if (c == '/' && r.at + 1 < r.text.len)
			r.at = behind_comment(r.text, r.at);
		else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			r.at++;
		else
			put_token(&r, out);
		if (r.at > rule->at && r.depth == 0)
			return;
	}
}

void fl_policy_rule_ports(const struct fl_rule *r, struct fl_buf *out)
{
	struct fl_traffic_set s = { 0 };

	for (size_t i = 0; r != NULL && i < r->traffic_len; i++)
		fl_traffic_add(&s, &r->traffic[i]);
	if (r == NULL)
		fl_traffic_add_all(&s);
	fl_traffic_tidy(&s);
	fl_traffic_text(&s, out);
	fl_traffic_done(&s);
}

/* ---- misses ---- */

static const char *name_of(const struct fl_policy *p, uint64_t node)
{
	uint32_t slot = fl_policy_slot(p, node);
	return slot != FL_SLOT_NONE ? p->nodes[slot]->name : "";
}

static void put_route_miss(const struct fl_policy *p, const struct fl_policy_verdict *v,
			   const char *dst, struct fl_buf *out)
{
	if (v->router == 0)
		fl_buf_printf(out,
			      "the rule allows it, but no node that the source sees has or "
			      "serves %s",
			      dst);
	else if (v->rule != NULL && v->rule->via.len > 0)
		fl_buf_printf(out,
			      "the rule allows it through other routers than %s, which is in "
			      "front of %s",
			      name_of(p, v->router), dst);
	else
		fl_buf_printf(out,
			      "the rule allows it, but %s, which is in front of %s, serves no "
			      "subnet that it names",
			      name_of(p, v->router), dst);
}

void fl_policy_miss_text(const struct fl_policy *p, const struct fl_policy_query *q,
			 const struct fl_policy_verdict *v, struct fl_buf *out)
{
	char src[FL_IP_TEXT_MAX], dst[FL_IP_TEXT_MAX];
	const char *from = v->src != NULL ? v->src->text : "",
		   *to = v->dst != NULL ? v->dst->text : "";

	fl_ip_format(&q->src, src);
	fl_ip_format(&q->dst, dst);
	switch (v->miss) {
	case FL_MISS_NONE:
		fl_buf_str(out, v->allowed ? "" : "no rule lets packets through");
		return;
	case FL_MISS_SRC:
		fl_buf_printf(out, "no rule has %s among its sources", src);
		return;
	case FL_MISS_DST:
		fl_buf_printf(out, "the rule has the source (%s), but does not lead to %s", from,
			      dst);
		return;
	case FL_MISS_PROTO:
		if (v->rule == NULL) {
			fl_buf_str(out, "without rules only TCP, UDP and ICMP pass");
			return;
		}
		fl_buf_printf(out,
			      "the rule leads from %s to %s, but not with this protocol: only ",
			      from, to);
		fl_policy_rule_ports(v->rule, out);
		return;
	case FL_MISS_PORT:
		fl_buf_printf(out, "the rule leads from %s to %s, but not to port %u: only ", from,
			      to, q->port);
		fl_policy_rule_ports(v->rule, out);
		return;
	case FL_MISS_ROUTE:
		put_route_miss(p, v, dst, out);
		return;
	}
}
