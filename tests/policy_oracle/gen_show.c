/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/gen_show.c - a world as JSON, to be read by people. */
#include "gen.h"

#include <stdio.h>

static json_t *prefixes(const struct fl_prefix *list, size_t len)
{
	json_t *out = json_array();
	char text[FL_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < len; i++) {
		fl_prefix_format(&list[i], text);
		json_array_append_new(out, json_string(text));
	}
	return out;
}

static json_t *node_json(const struct gen_node *n)
{
	char four[FL_IP_TEXT_MAX], six[FL_IP_TEXT_MAX];
	json_t *tags = json_array();

	fl_ip_format(&n->rec.ip4, four);
	fl_ip_format(&n->rec.ip6, six);
	for (size_t i = 0; i < n->rec.tags_len; i++)
		json_array_append_new(tags, json_string(n->tags[i]));
	return json_pack("{s:I, s:I, s:s, s:s, s:o, s:o, s:o, s:b, s:b}", "id",
			 (json_int_t)n->rec.id, "user", (json_int_t)n->rec.user, "ip4", four, "ip6",
			 six, "tags", tags, "served", prefixes(n->served, n->rec.served_len),
			 "primary", prefixes(n->primary, n->rec.primary_len), "online",
			 n->rec.online, "healthy", n->rec.healthy);
}

json_t *gen_world_json(const struct gen_world *w)
{
	json_t *users = json_array(), *nodes = json_array();

	for (size_t i = 0; i < w->users_len; i++) {
		const struct fl_policy_user *u = &w->users[i];
		json_array_append_new(users, json_pack("{s:I, s:s, s:s, s:s, s:i}", "id",
						       (json_int_t)u->id, "name", u->name, "email",
						       u->email, "provider", u->provider_id, "role",
						       (int)u->role));
	}
	for (size_t i = 0; i < w->nodes_len; i++)
		json_array_append_new(nodes, node_json(&w->nodes[i]));
	return json_pack("{s:o, s:o}", "users", users, "nodes", nodes);
}
