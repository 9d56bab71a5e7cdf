/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_grants.c - the ordered list of grants, ACLs expanded into it.
 *
 * Source  docs/policy.md 2.3, 2.4, 4.1
 */
#include "naive_impl.h"

#include <stdlib.h>

static const struct {
	const char *name;
	int number;
} protocols[] = {
	{ "icmp", 1 }, { "igmp", 2 },       { "ipv4", 4 },   { "ip-in-ip", 4 }, { "tcp", 6 },
	{ "egp", 8 },  { "igp", 9 },        { "udp", 17 },   { "gre", 47 },     { "esp", 50 },
	{ "ah", 51 },  { "ipv6-icmp", 58 }, { "sctp", 132 }, { "fc", 133 },
};

static int protocol(const char *name, bool fold)
{
	if (name == NULL || name[0] == '\0')
		return -1;
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if ((fold ? strcasecmp : strcmp)(protocols[i].name, name) == 0)
			return protocols[i].number;
	return atoi(name);
}

/* "*", or N and N-M with commas between. */
static void read_ports(struct naive *n, const char *text, struct ntraffic *t)
{
	t->ports = nalloc(n, strlen(text) + 1, sizeof *t->ports);
	if (strcmp(text, "*") == 0) {
		t->ports[t->ports_len++] = (struct nports){ 0, 65535 };
		return;
	}
	for (const char *at = text; at != NULL; at = strchr(at, ',')) {
		char *end;
		at += *at == ',';
		unsigned long first = strtoul(at, &end, 10), last = first;
		if (*end == '-')
			last = strtoul(end + strspn(end, "-"), &end, 10);
		t->ports[t->ports_len++] = (struct nports){ (uint16_t)first, (uint16_t)last };
	}
}

/* ---- grants ---- */

static const char **read_texts(struct naive *n, const json_t *list, bool trim, size_t *out_len)
{
	size_t count = json_array_size(list);
	const char **out = nalloc(n, count, sizeof *out);

	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		out[i] = trim ? ntrim(n, text) : text;
	}
	*out_len = count;
	return out;
}

static void read_ip(struct naive *n, const char *text, struct ntraffic *t)
{
	const char *colon = strchr(text, ':');
	char name[32] = "";

	t->proto = -1;
	if (colon != NULL && (size_t)(colon - text) < sizeof name) {
		memcpy(name, text, (size_t)(colon - text));
		t->proto = protocol(name, false);
	}
	read_ports(n, colon != NULL ? colon + 1 : text, t);
}

static void read_grant(struct naive *n, const json_t *j, struct ngrant *g)
{
	json_t *ip = json_object_get(j, "ip"), *app = json_object_get(j, "app");
	json_t *via = json_object_get(j, "via");

	g->src = read_texts(n, json_object_get(j, "src"), true, &g->src_len);
	g->dst = read_texts(n, json_object_get(j, "dst"), true, &g->dst_len);
	g->ip_len = json_array_size(ip);
	g->ip = nalloc(n, g->ip_len, sizeof *g->ip);
	for (size_t i = 0; i < g->ip_len; i++)
		read_ip(n, json_string_value(json_array_get(ip, i)), &g->ip[i]);
	g->app = json_object_size(app) > 0 ? app : NULL;
	g->via = json_array_size(via) > 0 ? via : NULL;
}

/* ---- ACLs ---- */

/* "alias:ports", split at the last colon; brackets around IPv6 go. */
static void read_dst(struct naive *n, const char *text, const char **out, struct ntraffic *t)
{
	const char *colon = strrchr(text, ':');
	char *alias = nalloc(n, strlen(text) + 1, 1);
	size_t len = 0;

	for (const char *s = text; s < colon; s++)
		if (*s != '[' && *s != ']')
			alias[len++] = *s;
	*out = alias;
	read_ports(n, colon + 1, t);
}

static bool all_autogroups(const json_t *dst)
{
	for (size_t i = 0; i < json_array_size(dst); i++)
		if (!nalias_is(json_string_value(json_array_get(dst, i)), "autogroup:"))
			return false;
	return true;
}

static void read_acl_dst(struct naive *n, const json_t *j, size_t at)
{
	struct ngrant *g = &n->grants[n->grants_len++];
	const char *text = json_string_value(json_array_get(json_object_get(j, "dst"), at));

	g->src = read_texts(n, json_object_get(j, "src"), true, &g->src_len);
	g->dst = nalloc(n, 1, sizeof *g->dst);
	g->dst_len = 1;
	g->ip = nalloc(n, 1, sizeof *g->ip);
	g->ip_len = 1;
	json_t *proto = json_object_get(j, "proto");
	g->ip[0].proto = json_is_integer(proto) ? (int)json_integer_value(proto)
						: protocol(json_string_value(proto), true);
	read_dst(n, text, &g->dst[0], &g->ip[0]);
}

/* 4.1: document order, but autogroup:self behind the others unless all are autogroups. */
static void read_acl(struct naive *n, const json_t *j)
{
	json_t *dst = json_object_get(j, "dst");
	bool plain = all_autogroups(dst);

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < json_array_size(dst); i++) {
			bool self = nalias_is(json_string_value(json_array_get(dst, i)),
					      "autogroup:self:");
			if ((pass == 1) == (self && !plain))
				read_acl_dst(n, j, i);
		}
	}
}

void ngrants_read(struct naive *n)
{
	json_t *grants = json_object_get(n->policy, "grants");
	json_t *acls = json_object_get(n->policy, "acls");
	size_t count = json_array_size(grants);

	n->allow_all = !json_is_array(grants) && !json_is_array(acls);
	for (size_t i = 0; i < json_array_size(acls); i++)
		count += json_array_size(json_object_get(json_array_get(acls, i), "dst"));
	n->grants = nalloc(n, count, sizeof *n->grants);
	for (size_t i = 0; i < json_array_size(grants); i++)
		read_grant(n, json_array_get(grants, i), &n->grants[n->grants_len++]);
	for (size_t i = 0; i < json_array_size(acls); i++)
		read_acl(n, json_array_get(acls, i));
}
