/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/captures/capture.c - reads a case and builds its world: users, nodes, the election. */
#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_MEMORY = 16 << 20 };

const char *const capture_domains[1] = { "example.com" };

static const char *text(const json_t *obj, const char *name)
{
	const char *s = json_string_value(json_object_get(obj, name));
	return s != NULL ? s : "";
}

/* ---- users: roles as in the recorded tailnet (policy.md 13) ---- */

static void load_users(struct capture *c)
{
	json_t *list = json_object_get(json_object_get(c->json, "topology"), "users");
	size_t count = json_array_size(list);
	struct fl_policy_user *users = fl_arena_array(&c->arena, count + 1, sizeof *users);

	for (size_t i = 0; i < count; i++) {
		const json_t *u = json_array_get(list, i);
		users[i] = (struct fl_policy_user){
			.id = (uint64_t)json_integer_value(json_object_get(u, "id")),
			.name = text(u, "name"),
			.email = text(u, "email"),
			.provider_id = "",
			.role = strcmp(text(u, "name"), "odin") == 0 ? FL_ROLE_OWNER
								     : FL_ROLE_ADMIN,
		};
	}
	c->world.users = users;
	c->world.users_len = count;
}

static uint64_t user_id(const struct capture *c, const char *name)
{
	for (size_t i = 0; i < c->world.users_len; i++)
		if (strcmp(c->world.users[i].name, name) == 0)
			return c->world.users[i].id;
	return 0;
}

/* ---- nodes ---- */

static bool has_text(const json_t *list, const char *wanted)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) if (strcmp(json_string_value(v), wanted) == 0) return true;
	return false;
}

static struct fl_ip address(const json_t *n, const char *name)
{
	struct fl_ip ip = { 0 };

	if (fl_ip_parse(fl_slice_str(text(n, name)), &ip) != FL_OK)
		return (struct fl_ip){ 0 };
	return ip;
}

/* Announced and approved, in announced order. */
static void load_routes(struct capture *c, const json_t *n, struct fl_policy_node *out)
{
	json_t *announced = json_object_get(n, "routable_ips");
	json_t *approved = json_object_get(n, "approved_routes");
	struct fl_prefix *served =
		fl_arena_array(&c->arena, json_array_size(announced) + 1, sizeof *served);
	size_t i;
	json_t *v;

	json_array_foreach(announced, i, v)
	{
		const char *route = json_string_value(v);
		if (has_text(approved, route) &&
		    fl_prefix_parse(fl_slice_str(route), &served[out->served_len]) == FL_OK)
			out->served_len++;
	}
	out->served = served;
}

static void load_tags(struct capture *c, const json_t *n, struct fl_policy_node *out)
{
	json_t *list = json_object_get(n, "tags");
	const char **tags = fl_arena_array(&c->arena, json_array_size(list) + 1, sizeof *tags);

	for (size_t i = 0; i < json_array_size(list); i++)
		tags[i] = json_string_value(json_array_get(list, i));
	out->tags = tags;
	out->tags_len = json_array_size(list);
}

static void load_node(struct capture *c, const char *name, const json_t *n, uint64_t id,
		      struct fl_policy_node *out)
{
	*out = (struct fl_policy_node){
		.id = id,
		.name = name,
		.ip4 = address(n, "ipv4"),
		.ip6 = address(n, "ipv6"),
		.online = true,
		.healthy = true,
	};
	load_tags(c, n, out);
	load_routes(c, n, out);
	if (json_object_get(n, "user") != NULL)
		out->user = user_id(c, text(n, "user"));
	else if (out->tags_len == 0)
		out->user = 1; /* policy.md 10.3, driver "acl" */
}

/* Ids in the order of creation; who is missing there comes last, by name. */
static void load_nodes(struct capture *c)
{
	json_t *all = json_object_get(json_object_get(c->json, "topology"), "nodes"), *n, *v;
	json_t *order = json_object_get(c->json, "order");
	struct fl_policy_node *nodes =
		fl_arena_array(&c->arena, json_object_size(all) + 1, sizeof *nodes);
	size_t count = 0, i;
	const char *name;

	json_array_foreach(order, i, v)
	{
		n = json_object_get(all, json_string_value(v));
		if (n != NULL) {
			load_node(c, json_string_value(v), n, count + 1, &nodes[count]);
			count++;
		}
	}
	json_object_foreach(all, name, n)
	{
		if (!has_text(order, name)) {
			load_node(c, name, n, count + 1, &nodes[count]);
			count++;
		}
	}
	c->world.nodes = nodes;
	c->world.nodes_len = count;
}

/* ---- election: the lowest id serves a subnet, all being online ---- */

static bool serves(const struct fl_policy_node *n, const struct fl_prefix *p)
{
	for (size_t i = 0; i < n->served_len; i++)
		if (fl_prefix_eq(&n->served[i], p))
			return true;
	return false;
}

static void elect(struct capture *c)
{
	struct fl_policy_node *nodes = (struct fl_policy_node *)(uintptr_t)c->world.nodes;

	for (size_t i = 0; i < c->world.nodes_len; i++) {
		struct fl_prefix *won =
			fl_arena_array(&c->arena, nodes[i].served_len + 1, sizeof *won);
		for (size_t k = 0; k < nodes[i].served_len; k++) {
			const struct fl_prefix *p = &nodes[i].served[k];
			bool first = !fl_prefix_is_exit(p);
			for (size_t j = 0; j < i && first; j++)
				first = !serves(&nodes[j], p);
			if (first)
				won[nodes[i].primary_len++] = *p;
		}
		nodes[i].primary = won;
	}
}

const char *capture_load(const char *path, struct capture *c)
{
	json_error_t error;

	*c = (struct capture){ .arena = fl_arena_make(CASE_MEMORY) };
	c->json = json_load_file(path, 0, &error);
	if (c->json == NULL)
		return "the file is no JSON";
	c->id = text(c->json, "id");
	c->category = text(c->json, "category");
	c->policy = json_string_value(json_object_get(c->json, "policy"));
	c->message = json_string_value(json_object_get(c->json, "message"));
	c->rejected = json_is_true(json_object_get(c->json, "rejected"));
	load_users(c);
	load_nodes(c);
	elect(c);
	if (c->arena.err != FL_OK)
		return "out of memory";
	if (c->id[0] == '\0' || c->policy == NULL || c->world.nodes_len == 0)
		return "the file has no id, no policy or no topology";
	return NULL;
}

void capture_done(struct capture *c)
{
	json_decref(c->json);
	fl_arena_done(&c->arena);
}

const struct fl_policy_node *capture_node(const struct capture *c, const char *name)
{
	for (size_t i = 0; i < c->world.nodes_len; i++)
		if (strcmp(c->world.nodes[i].name, name) == 0)
			return &c->world.nodes[i];
	return NULL;
}

json_t *capture_told(const struct capture *c, const struct fl_policy_node *n)
{
	return json_object_get(json_object_get(c->json, "nodes"), n->name);
}
