/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/netmap_kit.c - nodes, users and settings for tests of network maps. */
#include "netmap_kit.h"

#include <stdio.h>

struct fl_netmap_config *kit_config(const char *derp)
{
	struct fl_netmap_spec spec = {
		.base_domain = "tail.example",
		.magic_dns = true,
		.taildrop = true,
		.derp_map = fl_slice_str(derp != NULL ? derp : KIT_DERP),
	};
	struct fl_netmap_config *cfg = NULL;
	struct fl_fault fault;

	assert_err(fl_netmap_config_new(&spec, &fault, &cfg), FL_OK);
	return cfg;
}

struct fl_node *kit_node(fl_node_id id, const char *name)
{
	struct fl_node *n = calloc(1, sizeof *n);

	assert_non_null(n);
	n->refs = 1;
	n->id = id;
	memset(n->machine.b, (int)id, sizeof n->machine.b);
	memset(n->key.b, (int)id, sizeof n->key.b);
	memset(n->disco.b, (int)id, sizeof n->disco.b);
	n->user = 1;
	n->ip4 = fl_ip_v4(100, 64, 0, (uint8_t)id);
	n->ip6 = (struct fl_ip){ .family = FL_IP_V6, .b = { 0xfd, 0x7a, [15] = (uint8_t)id } };
	snprintf(n->given_name, sizeof n->given_name, "%s", name);
	kit_hostinfo(n, "{}");
	return n;
}

void kit_hostinfo(struct fl_node *n, const char *json)
{
	struct fl_hostinfo *h = NULL;

	assert_err(fl_hostinfo_parse(fl_slice_str(json), &h), FL_OK);
	fl_hostinfo_unref(n->hostinfo);
	n->hostinfo = h;
}

void kit_endpoint(struct fl_node *n, const char *text)
{
	struct fl_endpoint *more =
		realloc(n->endpoints, (n->endpoints_count + 1) * sizeof *n->endpoints);

	assert_non_null(more);
	n->endpoints = more;
	more[n->endpoints_count] = (struct fl_endpoint){ 0 };
	assert_err(fl_addrport_parse(fl_slice_str(text), &more[n->endpoints_count].at), FL_OK);
	n->endpoints_count++;
}

void kit_tag(struct fl_node *n, const char *tag)
{
	assert_err(fl_strlist_add(&n->tags, fl_slice_str(tag)), FL_OK);
	n->user = 0;
}

void kit_untag(struct fl_node *n, fl_user_id user)
{
	fl_strlist_done(&n->tags);
	n->user = user;
}

static struct fl_user *find_user(void *ctx, fl_user_id id)
{
	static char none[] = "", alice[] = "alice", bob[] = "bob", bobby[] = "Bobby",
		    mail[] = "bob@example.org", picture[] = "https://example.org/b?a&b";
	static struct fl_user users[] = {
		{ 1, 1, alice, none, none, none, none, none, 0 },
		{ 1, 2, bob, bobby, mail, picture, none, none, 0 },
	};

	(void)ctx;
	return id == 1 || id == 2 ? &users[id - 1] : NULL;
}

struct fl_netmap_users kit_users(void)
{
	return (struct fl_netmap_users){ .find = find_user };
}

struct fl_prefix kit_prefix(const char *text)
{
	struct fl_prefix p;

	assert_err(fl_prefix_parse(fl_slice_str(text), &p), FL_OK);
	return p;
}

struct fl_bytes *kit_fragment(const struct fl_netmap_config *cfg, const struct fl_node *n,
			      bool online, const struct fl_netmap_routes *routes, fl_wall now)
{
	static const struct fl_netmap_routes none = { 0 };
	struct fl_bytes *out = NULL;
	enum fl_err err = fl_netmap_fragment(cfg, n, &(struct fl_netmap_presence){ online },
					     routes != NULL ? routes : &none, now, &out);

	assert_true(err == FL_OK || out == NULL);
	return out;
}
