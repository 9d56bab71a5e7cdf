/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/policy_world.c - see policy_world.h. */
#include "policy_world.h"

#include <stdlib.h>

enum { TEXT_ROOM = 1 << 28 };

const struct fl_policy_user world_users[WORLD_USERS] = {
	{ 1, "ann", "ann@example.com", "", FL_ROLE_OWNER },
	{ 2, "bob", "bob@example.org", "", FL_ROLE_MEMBER },
	{ 3, "cem", "", "", FL_ROLE_ADMIN },
	{ 4, "dan", "dan@example.com", "idp/7", FL_ROLE_MEMBER },
};

static const char *const tags[] = { "tag:a", "tag:b", "tag:c", "tag:d" };
static const char *const names[WORLD_NODES] = { "n1",  "n2",  "n3",  "n4",  "n5",  "n6",
						"n7",  "n8",  "n9",  "n10", "n11", "n12",
						"n13", "n14", "n15", "n16" };
static const char *const routes[] = {
	"10.0.0.0/8",  "10.33.0.0/16",  "10.33.5.0/24", "10.44.0.0/16",  "192.168.1.0/24",
	"fd00:1::/64", "100.64.0.0/29", "8.8.8.0/24",   "2001:db8::/32", "10.33.5.7/32",
};

void world_check(bool ok)
{
	if (!ok)
		abort();
}

/* ---- worlds ---- */

static struct fl_prefix prefix(const char *text)
{
	struct fl_prefix p;

	world_check(fl_prefix_parse(fl_slice_str(text), &p) == FL_OK);
	return p;
}

/* Bits 0 to 9 of the mask are subnets, bit 10 makes an exit node. */
static size_t put_routes(struct fl_prefix *out, unsigned mask)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if ((mask >> i & 1) != 0)
			out[n++] = prefix(routes[i]);
	if ((mask >> 10 & 1) != 0) {
		out[n++] = prefix("0.0.0.0/0");
		out[n++] = prefix("::/0");
	}
	return n;
}

static void put_addresses(struct fl_policy_node *n, uint8_t how)
{
	uint8_t id = (uint8_t)n->id;

	n->ip4 = fl_ip_v4(100, 64, 0, id);
	n->ip6 = prefix("fd7a:115c:a1e0::/128").ip;
	n->ip6.b[15] = id;
	switch (how % 8) {
	case 0: /* outside the usual ranges */
		n->ip4 = fl_ip_v4(10, 33, 5, id);
		break;
	case 1:
		n->ip4 = (struct fl_ip){ 0 };
		break;
	case 2:
		n->ip6 = (struct fl_ip){ 0 };
		break;
	default:
		break;
	}
}

void world_set(struct world *w, size_t i, const uint8_t *bytes)
{
	struct fl_policy_node *n = &w->all[i];
	struct world_node *kept = &w->kept[i];
	unsigned mask = bytes[1] | (bytes[2] & 7u) << 8;
	unsigned elected = (bytes[3] | (unsigned)bytes[4] << 8) & mask & 0x3ff;

	*n = (struct fl_policy_node){ .id = i + 1, .name = names[i] };
	n->user = bytes[0] / 16 % 5;
	n->tags = kept->tags;
	n->tags_len = bytes[0] % 4 == 3 ? 0 : bytes[0] % 4;
	kept->tags[0] = tags[bytes[0] / 4 % 4];
	kept->tags[1] = tags[bytes[0] / 16 % 4];
	put_addresses(n, bytes[2] >> 3);
	n->served = kept->served;
	n->served_len = put_routes(kept->served, mask);
	n->primary = kept->primary;
	n->primary_len = put_routes(kept->primary, elected);
	n->online = (bytes[2] & 0x40) == 0;
	n->healthy = (bytes[2] & 0x80) == 0;
	w->there[i] = true;
}

struct fl_policy *world_apply(const struct world *w, const struct fl_policy_doc *doc)
{
	struct fl_policy_node nodes[WORLD_NODES];
	struct fl_policy_world given = { world_users, WORLD_USERS, nodes, 0 };
	struct fl_policy *p = NULL;

	for (size_t i = 0; i < WORLD_NODES; i++)
		if (w->there[i])
			nodes[given.nodes_len++] = w->all[i];
	world_check(fl_policy_new(doc, &given, &p) == FL_OK);
	return p;
}

/* ---- answers ---- */

static void ask_routes(const struct fl_policy *p, uint64_t viewer, uint64_t peer,
		       struct fl_buf *out)
{
	struct fl_prefix list[FL_POLICY_ROUTES_MAX];
	size_t n = fl_policy_routes(p, viewer, peer, list);

	world_check(n <= WORLD_ROUTES);
	for (size_t i = 0; i < n; i++) {
		char text[FL_PREFIX_TEXT_MAX];
		world_check(i == 0 || fl_prefix_cmp(&list[i - 1], &list[i]) < 0);
		fl_prefix_format(&list[i], text);
		fl_buf_printf(out, " %s", text);
	}
}

static void ask_peers(const struct fl_policy *p, uint64_t node, struct fl_buf *out)
{
	uint64_t ids[WORLD_NODES];
	size_t n = fl_policy_peers(p, node, ids, WORLD_NODES), at = 0;

	world_check(n < WORLD_NODES && !fl_policy_sees(p, node, node));
	fl_buf_str(out, "self");
	ask_routes(p, node, node, out);
	for (uint64_t id = 1; id <= WORLD_NODES; id++) {
		bool seen = at < n && ids[at] == id;
		world_check(fl_policy_sees(p, node, id) == seen &&
			    fl_policy_sees(p, id, node) == seen);
		if (!seen)
			continue;
		fl_buf_printf(out, "\n%u", (unsigned)id);
		ask_routes(p, node, id, out);
		at++;
	}
	world_check(at == n);
}

static void ask_attr(void *ctx, const char *name, const char *args)
{
	struct fl_buf *out = ctx;

	world_check(name[0] != '\0' && (args[0] == '[' || strcmp(args, "null") == 0));
	fl_buf_printf(out, "%s=%s\n", name, args);
}

void world_ask(const struct fl_policy *p, uint64_t node, struct world_told *out)
{
	out->filter = out->peers = out->ssh = out->attrs = fl_buf_make(TEXT_ROOM);
	fl_policy_filter(p, node, &out->filter);
	world_check(out->filter.len >= 2 && out->filter.ptr[0] == '[' &&
		    out->filter.ptr[out->filter.len - 1] == ']');
	ask_peers(p, node, &out->peers);
	bool has = fl_policy_ssh(p, node, "https://h", &out->ssh);
	world_check(has == (out->ssh.len > 0));
	world_check(fl_policy_attrs(p, node, ask_attr, &out->attrs) == FL_OK);
	world_check(fl_buf_err(&out->filter) == FL_OK && fl_buf_err(&out->peers) == FL_OK &&
		    fl_buf_err(&out->ssh) == FL_OK && fl_buf_err(&out->attrs) == FL_OK);
}

void world_told_done(struct world_told *t)
{
	fl_buf_done(&t->filter);
	fl_buf_done(&t->peers);
	fl_buf_done(&t->ssh);
	fl_buf_done(&t->attrs);
}

bool world_same(const struct fl_buf *a, const struct fl_buf *b)
{
	return fl_slice_eq(fl_buf_slice(a), fl_buf_slice(b));
}
