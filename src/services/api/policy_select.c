/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_select.c - sources and destinations by what people call them. */
#include <inttypes.h>
#include <stdio.h>

#include "services/api/policy.h"

enum { SELECTOR_MAX = 320, PORT_MAX = 65535 };

static void take_node(const struct fl_node *n, const char *by, struct fl_api_end *e)
{
	if (e->of++ == 0)
		*e = (struct fl_api_end){
			.node = n->id, .ip4 = n->ip4, .ip6 = n->ip6, .of = 1, .by = by
		};
}

static void take_address(const struct fl_ip *ip, const char *by, struct fl_api_end *e)
{
	*e = (struct fl_api_end){ .of = 1, .by = by };
	if (ip->family == FL_IP_V4)
		e->ip4 = *ip;
	else
		e->ip6 = *ip;
}

/* Only the address that was given counts, although the node has another. */
static bool by_address(struct fl_api *a, const char *text, struct fl_api_end *e)
{
	struct fl_ip ip;

	if (fl_ip_parse(fl_slice_str(text), &ip) != FL_OK)
		return false;
	take_address(&ip, "address", e);
	const struct fl_node *n = fl_state_node_by_ip(a->state, &ip);
	e->node = n != NULL ? n->id : 0;
	return true;
}

static bool by_id(struct fl_api *a, const char *text, struct fl_api_end *e)
{
	uint64_t id;

	if (fl_u64_parse(fl_slice_str(text), &id) != FL_OK)
		return false;
	const struct fl_node *n = fl_state_node(a->state, id);
	if (n != NULL)
		take_node(n, "node", e);
	return true;
}

/* "web", or "web.tail.example.com." */
static bool by_name(struct fl_api *a, const char *text, struct fl_api_end *e)
{
	const char *base = fl_state_base_domain(a->state), *dot = strchr(text, '.');
	char label[FL_NAME_MAX + 1];
	size_t len = strlen(text);

	if (dot != NULL) {
		struct fl_slice rest = fl_slice_of(dot + 1, len - (size_t)(dot + 1 - text));
		if (rest.len > 0 && rest.ptr[rest.len - 1] == '.')
			rest.len--;
		if (!fl_str_ieq(rest, fl_slice_str(base)))
			return false;
		len = (size_t)(dot - text);
	}
	if (!fl_str_copy(label, sizeof label, fl_slice_of(text, len)))
		return false;
	const struct fl_node *n = fl_state_node_by_name(a->state, label);
	if (n != NULL)
		take_node(n, "node", e);
	return n != NULL;
}

static bool by_tag(struct fl_api *a, const char *text, struct fl_api_end *e)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(a->state, &nodes);

	if (strncmp(text, "tag:", 4) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (fl_strlist_has(&nodes[i]->tags, text))
			take_node(nodes[i], "tag", e);
	}
	return true;
}

static bool by_host(const char *text, const struct fl_policy_doc *doc, struct fl_api_end *e)
{
	const struct fl_policy_host *host = doc != NULL ? fl_policy_doc_host(doc, text) : NULL;

	if (host == NULL)
		return false;
	struct fl_prefix masked = host->prefix;
	fl_prefix_mask(&masked);
	take_address(&masked.ip, "host", e);
	return true;
}

/* "ann", "ann@" as policies write it, or an e-mail address. */
static bool by_user(struct fl_api *a, const char *text, struct fl_api_end *e)
{
	char name[SELECTOR_MAX];
	struct fl_node *const *nodes;
	size_t len = strlen(text), count = fl_state_nodes(a->state, &nodes);

	if (len > 0 && text[len - 1] == '@')
		len--;
	if (!fl_str_copy(name, sizeof name, fl_slice_of(text, len)))
		return false;
	const struct fl_user *u = fl_state_user_by_name(a->state, name);
	for (size_t i = 0; u != NULL && i < count; i++) {
		if (!fl_node_is_tagged(nodes[i]) && nodes[i]->user == u->id)
			take_node(nodes[i], "user", e);
	}
	return u != NULL;
}

/* What the machine calls itself, when no other does. */
static bool by_hostname(struct fl_api *a, const char *text, struct fl_api_end *e)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(a->state, &nodes);

	for (size_t i = 0; i < count; i++) {
		const char *hostname = nodes[i]->hostinfo->hostname;
		if (hostname != NULL && fl_str_ieq(fl_slice_str(hostname), fl_slice_str(text)))
			take_node(nodes[i], "node", e);
	}
	return e->of > 0;
}

/* Ids may be numbers, as everywhere. */
static bool read_selector(struct fl_http *x, struct fl_jv body, const char *name,
			  char out[static SELECTOR_MAX])
{
	uint64_t id;

	if (!fl_json_is_number(fl_json_get(body, name)))
		return fl_api_text(x, body, name, out, SELECTOR_MAX);
	if (!fl_api_number(x, body, name, &id))
		return false;
	snprintf(out, SELECTOR_MAX, "%" PRIu64, id);
	return true;
}

/* Groups and autogroups: one of them may be allowed what another is not. */
static bool is_many(const char *text)
{
	return strncmp(text, "group:", strlen("group:")) == 0 ||
	       strncmp(text, "autogroup:", strlen("autogroup:")) == 0;
}

static void refuse_end(struct fl_http *x, const char *text, const char *name)
{
	char detail[SELECTOR_MAX + 128];
	enum fl_err err = FL_ERR_INVALID;

	if (text[0] == '\0') {
		snprintf(detail, sizeof detail, "%s is missing: a node, user, tag or address",
			 name);
	} else if (is_many(text)) {
		snprintf(detail, sizeof detail,
			 "'%s' is many nodes: name one of them, or a user; who-can lists who "
			 "reaches a place, and can what a node reaches",
			 text);
	} else {
		snprintf(detail, sizeof detail,
			 "'%s' is no node, user or tag with a node, and no address", text);
		err = FL_ERR_NOT_FOUND;
	}
	fl_api_problem(x, err, detail, name);
}

bool fl_api_policy_end(struct fl_api *a, struct fl_http *x, struct fl_jv body, const char *name,
		       const struct fl_policy_doc *doc, struct fl_api_end *out)
{
	char text[SELECTOR_MAX];

	*out = (struct fl_api_end){ 0 };
	if (!read_selector(x, body, name, text))
		return false;
	if (text[0] != '\0' &&
	    (by_address(a, text, out) || by_id(a, text, out) || by_tag(a, text, out) ||
	     by_name(a, text, out) || by_host(text, doc, out) || by_user(a, text, out) ||
	     by_hostname(a, text, out)) &&
	    out->of > 0)
		return true;
	refuse_end(x, text, name);
	return false;
}

static bool read_port(struct fl_http *x, struct fl_jv body, uint16_t *out)
{
	uint64_t port;

	if (!fl_api_number(x, body, "port", &port))
		return false;
	if (port > PORT_MAX) {
		fl_api_problem(x, FL_ERR_INVALID, "ports go from 1 to 65535", "port");
		return false;
	}
	*out = (uint16_t)port;
	return true;
}

static bool read_proto(struct fl_http *x, struct fl_jv body, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t number;
	} names[] = { { "tcp", 6 },  { "udp", 17 },       { "sctp", 132 },
		      { "icmp", 1 }, { "ipv6-icmp", 58 }, { "gre", 47 },
		      { "esp", 50 }, { "ah", 51 },        { "igmp", 2 } };
	struct fl_jv v = fl_json_get(body, "proto");
	char text[16];
	uint64_t n = 0;

	*out = 0;
	if (!fl_json_has(v))
		return true;
	if (fl_json_is_number(v)) {
		n = fl_json_u64(v, UINT8_MAX);
	} else {
		if (!fl_api_text(x, body, "proto", text, sizeof text))
			return false;
		if (text[0] == '\0')
			return true;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			if (fl_str_ieq(fl_slice_str(text), fl_slice_str(names[i].name)))
				n = names[i].number;
		}
		if (n == 0 && fl_u64_parse(fl_slice_str(text), &n) != FL_OK)
			n = 0;
	}
	if (n == 0 || n > UINT8_MAX) {
		fl_api_problem(x, FL_ERR_INVALID, "the protocol is a name like udp, or 1 to 255",
			       "proto");
		return false;
	}
	*out = (uint8_t)n;
	return true;
}

bool fl_api_policy_traffic(struct fl_http *x, struct fl_jv body, struct fl_policy_query *out)
{
	if (!read_port(x, body, &out->port) || !read_proto(x, body, &out->proto))
		return false;
	out->any_port = out->port == 0;
	return true;
}

void fl_api_policy_end_json(struct fl_api *a, const struct fl_api_end *e, const struct fl_ip *ip,
			    struct fl_jw *w)
{
	char text[FL_IP_TEXT_MAX];

	fl_ip_format(fl_ip_is_set(ip) ? ip : fl_ip_is_set(&e->ip4) ? &e->ip4 : &e->ip6, text);
	fl_jw_obj(w);
	fl_jw_key(w, "address");
	fl_jw_str(w, text);
	fl_jw_key(w, "node");
	if (e->node != 0)
		fl_api_policy_node(a, e->node, w);
	else
		fl_jw_null(w);
	fl_jw_key(w, "by");
	fl_jw_str(w, e->by);
	fl_jw_key(w, "matches");
	fl_jw_u64(w, e->of);
	fl_jw_obj_end(w);
}
