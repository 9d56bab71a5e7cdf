/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/policy_fixture.c - see policy_fixture.h. */
#include "policy_fixture.h"

#include "js.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>

enum { TEXT_ROOM = 64 << 20, ARENA_ROOM = 256 << 20 };

struct shape {
	const char *name;
	size_t users, groups, members, tags, hosts, acls, ips, apps, vias;
};

static const struct shape shapes[] = {
	{ "P1", 50, 20, 5, 30, 10, 60, 0, 0, 0 },
	{ "P3", 50, 50, 8, 100, 50, 700, 200, 60, 40 },
};

struct maker {
	struct shape shape;
	size_t nodes, routers;
	uint64_t random;
	struct fl_buf out;
};

static size_t below(struct maker *m, size_t n)
{
	return (size_t)(bench_random(&m->random) % n);
}

static void put(struct maker *m, const char *fmt, size_t n)
{
	/* Every format of this file has one number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	fl_buf_printf(&m->out, fmt, n);
#pragma GCC diagnostic pop
}

/* ---- the policy ---- */

/* Subnets are those of routers, so that a rule about one names what some node serves. */
static size_t put_net(struct maker *m)
{
	size_t net = below(m, m->routers);

	fl_buf_printf(&m->out, "10.%zu.%zu.0/24", net / 250, net % 250);
	return net;
}

static void put_source(struct maker *m)
{
	switch (below(m, 10)) {
	case 0:
		put(m, "\"u%zu@\"", 1 + below(m, m->shape.users));
		break;
	case 1:
		fl_buf_byte(&m->out, '"');
		put_net(m);
		fl_buf_byte(&m->out, '"');
		break;
	case 2:
	case 3:
	case 4:
		put(m, "\"tag:t%zu\"", below(m, m->shape.tags));
		break;
	default:
		put(m, "\"group:g%zu\"", below(m, m->shape.groups));
	}
}

static void put_sources(struct maker *m, size_t rule)
{
	size_t n = 1 + below(m, 3);

	fl_buf_str(&m->out, "\"src\":[");
	if (rule % 50 == 20)
		fl_buf_str(&m->out, "\"*\",");
	else if (rule % 50 == 45)
		fl_buf_str(&m->out, "\"autogroup:member\",");
	for (size_t i = 0; i < n; i++) {
		put_source(m);
		fl_buf_byte(&m->out, ',');
	}
	m->out.len--; /* the last comma */
	fl_buf_str(&m->out, "],");
}

static void put_target(struct maker *m)
{
	switch (below(m, 8)) {
	case 0:
		put(m, "group:g%zu", below(m, m->shape.groups));
		break;
	case 1:
		put(m, "h%zu", below(m, m->shape.hosts));
		break;
	case 2:
		put_net(m);
		break;
	default:
		put(m, "tag:t%zu", below(m, m->shape.tags));
	}
}

static void put_ports(struct maker *m)
{
	static const char *const common[] = { "22", "443", "80,443", "53", "8000-8100", "*" };

	if (below(m, 2) == 0)
		fl_buf_str(&m->out, common[below(m, 6)]);
	else
		put(m, "%zu", 1 + below(m, 9999));
}

static void put_acl(struct maker *m, size_t rule)
{
	size_t n = 1 + below(m, 2);

	fl_buf_str(&m->out, "\t\t{\"action\":\"accept\",");
	put_sources(m, rule);
	fl_buf_str(&m->out, "\"dst\":[");
	for (size_t i = 0; i < n; i++) {
		fl_buf_str(&m->out, i > 0 ? ",\"" : "\"");
		put_target(m);
		fl_buf_byte(&m->out, ':');
		put_ports(m);
		fl_buf_byte(&m->out, '"');
	}
	fl_buf_str(&m->out, "]},\n");
}

static void put_grant_target(struct maker *m)
{
	fl_buf_str(&m->out, "\"dst\":[\"");
	put_target(m);
	fl_buf_str(&m->out, "\"],");
}

/* All routers have a tag, so that via grants find one. */
static size_t router_tag(const struct maker *m, size_t net)
{
	return net % (m->shape.tags - 1);
}

static void put_grants(struct maker *m)
{
	for (size_t i = 0; i < m->shape.ips; i++) {
		fl_buf_str(&m->out, "\t\t{");
		put_sources(m, i);
		put_grant_target(m);
		fl_buf_str(&m->out, "\"ip\":[\"tcp:");
		put_ports(m);
		fl_buf_str(&m->out, "\",\"udp:53\"]},\n");
	}
	for (size_t i = 0; i < m->shape.apps; i++) {
		fl_buf_str(&m->out, "\t\t{");
		put_sources(m, i);
		put_grant_target(m);
		put(m, "\"app\":{\"example.com/cap/c%zu\":[{\"role\":\"reader\"}]}},\n",
		    below(m, 20));
	}
	for (size_t i = 0; i < m->shape.vias; i++) {
		fl_buf_str(&m->out, "\t\t{");
		put_sources(m, 0);
		fl_buf_str(&m->out, "\"dst\":[\"");
		size_t net = put_net(m);
		put(m, "\"],\"ip\":[\"*\"],\"via\":[\"tag:t%zu\"]},\n", router_tag(m, net));
	}
}

static void put_names(struct maker *m)
{
	fl_buf_str(&m->out, "{\n\t\"groups\": {\n");
	for (size_t i = 0; i < m->shape.groups; i++) {
		put(m, "\t\t\"group:g%zu\": [", i);
		for (size_t k = 0; k < m->shape.members; k++)
			put(m, "\"u%zu@\", ", 1 + below(m, m->shape.users));
		fl_buf_str(&m->out, "],\n");
	}
	fl_buf_str(&m->out, "\t},\n\t\"hosts\": {\n");
	for (size_t i = 0; i < m->shape.hosts; i++) {
		put(m, "\t\t\"h%zu\": \"", i);
		put_net(m);
		fl_buf_str(&m->out, "\",\n");
	}
	fl_buf_str(&m->out, "\t},\n\t\"tagOwners\": {\n");
	for (size_t i = 0; i < m->shape.tags; i++) {
		put(m, "\t\t\"tag:t%zu\": ", i);
		put(m, "[\"group:g%zu\"],\n", below(m, m->shape.groups));
	}
	fl_buf_str(&m->out, "\t},\n");
}

static void put_policy(struct maker *m)
{
	put_names(m);
	fl_buf_str(&m->out,
		   "\t\"autoApprovers\": {\n\t\t\"routes\": {\"10.0.0.0/8\": "
		   "[\"group:g0\", \"tag:t0\"]},\n\t\t\"exitNode\": [\"tag:t1\"],\n\t},\n");
	fl_buf_str(&m->out, "\t\"ssh\": [\n\t\t{\"action\": \"accept\", \"src\": [\"group:g1\"], "
			    "\"dst\": [\"tag:t2\"], \"users\": [\"root\"]},\n\t],\n");
	fl_buf_str(&m->out, "\t\"grants\": [\n");
	put_grants(m);
	fl_buf_str(&m->out, "\t],\n\t\"acls\": [ // most rules\n");
	for (size_t i = 0; i < m->shape.acls; i++)
		put_acl(m, i);
	fl_buf_str(&m->out, "\t],\n}\n");
}

/* ---- the population ---- */

static void put_routes(struct maker *m, size_t node)
{
	size_t net = node / 20;

	if (node % 20 != 0)
		return;
	bool second = net % 4 == 3; /* of two routers with one subnet */
	net -= second;
	fl_buf_printf(&m->out, ",\"routes\":[\"10.%zu.%zu.0/24\"%s]", net / 250, net % 250,
		      node % 100 == 0 ? ",\"0.0.0.0/0\",\"::/0\"" : "");
	if (!second)
		fl_buf_printf(&m->out, ",\"primary\":[\"10.%zu.%zu.0/24\"]", net / 250, net % 250);
}

static void put_node(struct maker *m, size_t i)
{
	size_t id = i + 1;

	fl_buf_printf(&m->out, "%s\n{\"id\":%zu,\"name\":\"n%zu\"", i > 0 ? "," : "", id, id);
	fl_buf_printf(&m->out, ",\"ip4\":\"100.%zu.%zu.%zu\",\"ip6\":\"fd7a:115c:a1e0::%zx\"",
		      64 + id / 65536, id / 256 % 256, id % 256, id);
	if (i % 20 == 0 || below(m, 2) == 0) {
		put(m, ",\"tags\":[\"tag:t%zu\"",
		    i % 20 == 0 ? router_tag(m, i / 20) : below(m, m->shape.tags - 1));
		if (below(m, 4) == 0) /* a second one, never the first again */
			put(m, ",\"tag:t%zu\"", m->shape.tags - 1);
		fl_buf_byte(&m->out, ']');
	} else {
		put(m, ",\"user\":%zu", 1 + below(m, m->shape.users));
	}
	put_routes(m, i);
	fl_buf_byte(&m->out, '}');
}

static void put_world(struct maker *m)
{
	fl_buf_str(&m->out, "{\"users\":[");
	for (size_t i = 1; i <= m->shape.users; i++)
		fl_buf_printf(&m->out, "%s\n{\"id\":%zu,\"name\":\"u%zu\"}", i > 1 ? "," : "", i,
			      i);
	fl_buf_str(&m->out, "],\n\"nodes\":[");
	for (size_t i = 0; i < m->nodes; i++)
		put_node(m, i);
	fl_buf_str(&m->out, "]}\n");
}

/* ---- files ---- */

static FILE *open_in(const char *folder, const char *name, const char *mode)
{
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		bench_die("the folder's name is too long");
	FILE *f = fopen(path, mode);
	if (f == NULL)
		bench_die("%s: %s", path, strerror(errno));
	return f;
}

static void save(struct maker *m, const char *folder, const char *name)
{
	FILE *f = open_in(folder, name, "we");

	if (fl_buf_err(&m->out) != FL_OK)
		bench_die("%s is too large", name);
	if (fwrite(m->out.ptr, 1, m->out.len, f) != m->out.len || fclose(f) != 0)
		bench_die("cannot write %s", name);
	fl_buf_reset(&m->out);
}

void fixture_write(const char *folder, const char *name, size_t nodes)
{
	struct maker m = { .nodes = nodes, .random = 7, .out = fl_buf_make(TEXT_ROOM) };

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (strcmp(shapes[i].name, name) == 0)
			m.shape = shapes[i];
	if (m.shape.name == NULL)
		bench_die("no fixture is called %s: P1, P3", name);
	if (m.shape.vias > 0 && nodes / 10 > m.shape.users)
		m.shape.users = nodes / 10;
	m.routers = nodes / 20 + 1;
	put_policy(&m);
	save(&m, folder, "policy.hujson");
	put_world(&m);
	save(&m, folder, "world.json");
	fl_buf_done(&m.out);
}

static struct fl_slice load(struct fixture *f, const char *folder, const char *name)
{
	FILE *file = open_in(folder, name, "re");
	char *text = fl_arena_array(&f->arena, 1, TEXT_ROOM / 4);

	if (text == NULL)
		bench_die("out of memory");
	size_t len = fread(text, 1, TEXT_ROOM / 4 - 1, file);
	fclose(file);
	return fl_slice_of(text, len);
}

static const char *text_of(struct fixture *f, struct fl_slice value)
{
	const char *text = fl_arena_text(&f->arena, js_text(value));

	if (text == NULL)
		bench_die("out of memory");
	return text;
}

static size_t count_of(struct fl_slice list)
{
	struct js j = js_over(list);
	size_t n = 0;

	for (js_enter(&j, '['); js_item(&j); n++)
		js_value(&j);
	return n;
}

static const char **read_tags(struct fixture *f, struct fl_slice list, size_t *out_len)
{
	struct js j = js_over(list);
	const char **tags = fl_arena_array(&f->arena, count_of(list), sizeof *tags);

	for (js_enter(&j, '['); js_item(&j);)
		tags[(*out_len)++] = text_of(f, js_value(&j));
	return tags;
}

static struct fl_prefix *read_prefixes(struct fixture *f, struct fl_slice list, bool subnets,
				       size_t *out_len)
{
	struct js j = js_over(list);
	struct fl_prefix *at = fl_arena_array(&f->arena, count_of(list), sizeof *at);

	for (js_enter(&j, '['); js_item(&j);) {
		if (fl_prefix_parse(js_text(js_value(&j)), &at[*out_len]) != FL_OK)
			bench_die("not a prefix");
		*out_len += !subnets || !fl_prefix_is_exit(&at[*out_len]);
	}
	return at;
}

static struct fl_ip read_ip(struct fl_slice value)
{
	struct fl_ip ip = { 0 };

	if (fl_ip_parse(js_text(value), &ip) != FL_OK)
		bench_die("not an address");
	return ip;
}

static void read_node(struct fixture *f, struct js *j, struct fl_policy_node *n)
{
	struct fl_slice key;

	*n = (struct fl_policy_node){ .online = true, .healthy = true };
	for (js_enter(j, '{'); js_key(j, &key);) {
		struct fl_slice value = js_value(j);
		if (fl_slice_is(key, "id"))
			n->id = (uint64_t)js_int(value);
		else if (fl_slice_is(key, "name"))
			n->name = text_of(f, value);
		else if (fl_slice_is(key, "user"))
			n->user = (uint64_t)js_int(value);
		else if (fl_slice_is(key, "ip4"))
			n->ip4 = read_ip(value);
		else if (fl_slice_is(key, "ip6"))
			n->ip6 = read_ip(value);
		else if (fl_slice_is(key, "tags"))
			n->tags = read_tags(f, value, &n->tags_len);
		else if (fl_slice_is(key, "routes"))
			n->served = read_prefixes(f, value, false, &n->served_len);
		else if (fl_slice_is(key, "primary"))
			n->primary = read_prefixes(f, value, true, &n->primary_len);
	}
}

static void read_user(struct fixture *f, struct js *j, struct fl_policy_user *u)
{
	struct fl_slice key;

	*u = (struct fl_policy_user){ .email = "", .provider_id = "" };
	for (js_enter(j, '{'); js_key(j, &key);) {
		struct fl_slice value = js_value(j);
		if (fl_slice_is(key, "id"))
			u->id = (uint64_t)js_int(value);
		else if (fl_slice_is(key, "name"))
			u->name = text_of(f, value);
	}
}

static void read_nodes(struct fixture *f, struct fl_slice list)
{
	struct js j = js_over(list);

	f->nodes = fl_arena_array(&f->arena, count_of(list), sizeof *f->nodes);
	for (js_enter(&j, '['); js_item(&j);)
		read_node(f, &j, &f->nodes[f->world.nodes_len++]);
	f->world.nodes = f->nodes;
}

static void read_users(struct fixture *f, struct fl_slice list)
{
	struct js j = js_over(list);

	f->users = fl_arena_array(&f->arena, count_of(list), sizeof *f->users);
	for (js_enter(&j, '['); js_item(&j);)
		read_user(f, &j, &f->users[f->world.users_len++]);
	f->world.users = f->users;
}

void fixture_read(const char *folder, struct fixture *out)
{
	struct fl_slice key;

	*out = (struct fixture){ .arena = fl_arena_make(ARENA_ROOM) };
	out->policy = load(out, folder, "policy.hujson");
	struct js j = js_over(load(out, folder, "world.json"));
	for (js_enter(&j, '{'); js_key(&j, &key);) {
		struct fl_slice value = js_value(&j);
		if (fl_slice_is(key, "users"))
			read_users(out, value);
		else if (fl_slice_is(key, "nodes"))
			read_nodes(out, value);
	}
	if (j.bad || out->world.nodes_len == 0)
		bench_die("world.json is none");
}

void fixture_done(struct fixture *f)
{
	fl_arena_done(&f->arena);
}
