/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/debug_nodes.c - records, and what nodes are told; what waits for a person. */
#include "services/control/debug_parts.h"

/* ---- pages of nodes ---- */

typedef void write_node(struct fl_control *c, const struct fl_node *n, struct fl_jw *w);
typedef bool wants_node(const struct fl_node *n);

static bool wants_any(const struct fl_node *n)
{
	(void)n;
	return true;
}

/* {key:[...], "total":n, "next":id or null} */
static void put_nodes(struct fl_control *c, const struct fl_debug_question *q, const char *key,
		      size_t limit, wants_node *wants, write_node *write, struct fl_jw *w)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(c->core->state, &nodes), shown = 0, total = 0;
	fl_node_id last = 0;
	bool more = false;

	fl_jw_key(w, key);
	fl_jw_arr(w);
	for (size_t i = 0; i < count; i++) {
		const struct fl_node *n = nodes[i];
		if (!wants(n))
			continue;
		total++;
		if (n->id <= q->after || (q->node != 0 && n->id != q->node))
			continue;
		if (shown == limit) {
			more = true;
			continue;
		}
		write(c, n, w);
		shown++;
		last = n->id;
	}
	fl_jw_arr_end(w);
	put_u64(w, "total", total);
	fl_jw_key(w, "next");
	if (more)
		fl_jw_u64(w, last);
	else
		fl_jw_null(w);
}

/* ---- nodes ---- */

static void put_key(struct fl_jw *w, const char *key, const struct fl_node *n)
{
	char machine[FL_KEY_SHORT_MAX], node[FL_KEY_SHORT_MAX];

	fl_machine_key_short(&n->machine, machine);
	fl_node_key_short(&n->key, node);
	fl_jw_key(w, key);
	fl_jw_obj(w);
	put_str(w, "machine", machine);
	put_str(w, "node", node);
	fl_jw_obj_end(w);
}

static void put_record(struct fl_control *c, const struct fl_node *n, struct fl_jw *w)
{
	fl_jw_obj(w);
	put_u64(w, "id", n->id);
	put_str(w, "name", n->given_name);
	put_str(w, "hostname", n->hostinfo->hostname);
	put_str(w, "os", n->hostinfo->os);
	put_u64(w, "user", n->user);
	fl_jw_key(w, "tags");
	fl_jw_arr(w);
	for (size_t i = 0; i < n->tags.len; i++)
		fl_jw_str(w, n->tags.at[i]);
	fl_jw_arr_end(w);
	fl_jw_key(w, "addresses");
	fl_jw_arr(w);
	put_ip(w, &n->ip4);
	put_ip(w, &n->ip6);
	fl_jw_arr_end(w);
	put_key(w, "keys", n);
	put_u64(w, "capability", n->cap);
	put_u64(w, "homeRegion", n->hostinfo->preferred_derp);
	put_u64(w, "endpoints", n->endpoints_count);
	put_bool(w, "ephemeral", n->ephemeral);
	put_bool(w, "online", fl_core_online(c->core, n->id));
	put_u64(w, "live", fl_registry_live(c->core->sessions, &n->id));
	put_u64(w, "open", fl_registry_open(c->core->sessions, &n->id));
	put_time(w, "created", n->created);
	put_time(w, "expiry", n->expiry);
	put_time(w, "lastSeen", n->last_seen);
	fl_jw_obj_end(w);
}

void fl_debug_nodes(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	fl_jw_obj(w);
	put_nodes(c, q, "nodes", q->limit, wants_any, put_record, w);
	fl_jw_obj_end(w);
}

static bool has_routes(const struct fl_node *n)
{
	return n->approved_count > 0 || n->hostinfo->routes_count > 0;
}

static void put_node_routes(struct fl_control *c, const struct fl_node *n, struct fl_jw *w)
{
	struct fl_served served;

	fl_served_fill(c->core, n, &served);
	fl_jw_obj(w);
	put_u64(w, "id", n->id);
	put_str(w, "name", n->given_name);
	put_bool(w, "online", fl_core_online(c->core, n->id));
	put_prefixes(w, "announced", n->hostinfo->routes, n->hostinfo->routes_count);
	put_prefixes(w, "approved", n->approved, n->approved_count);
	put_prefixes(w, "served", served.routes.served, served.routes.served_count);
	put_prefixes(w, "primary", served.routes.primary, served.routes.primary_count);
	fl_jw_obj_end(w);
}

void fl_debug_routes(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	fl_jw_obj(w);
	put_nodes(c, q, "nodes", q->limit, has_routes, put_node_routes, w);
	fl_jw_obj_end(w);
}

/* ---- what the policy tells nodes ---- */

static void put_rules(struct fl_control *c, const struct fl_node *n, enum fl_rules_part part,
		      struct fl_jw *w)
{
	struct fl_rules rules;
	enum fl_err err = fl_rules_fill(c, n, part, &rules);
	struct fl_slice text = fl_buf_slice(part == FL_RULES_SSH ? &rules.ssh : &rules.filter);

	if (text.len == 0)
		text = part == FL_RULES_SSH ? fl_slice_str("null") : fl_netmap_allow_all();
	fl_jw_obj(w);
	put_u64(w, "id", n->id);
	put_str(w, "name", n->given_name);
	fl_jw_key(w, part == FL_RULES_SSH ? "ssh" : "filter");
	fl_jw_raw(w, err == FL_OK ? text : fl_slice_str("null"));
	fl_jw_obj_end(w);
	fl_rules_done(&rules);
}

static void put_filter(struct fl_control *c, const struct fl_node *n, struct fl_jw *w)
{
	put_rules(c, n, FL_RULES_FILTER, w);
}

static void put_ssh(struct fl_control *c, const struct fl_node *n, struct fl_jw *w)
{
	put_rules(c, n, FL_RULES_SSH, w);
}

void fl_debug_filter(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	fl_jw_obj(w);
	put_nodes(c, q, "nodes", at_most(q->limit, FL_DEBUG_COSTLY_MAX), wants_any, put_filter, w);
	fl_jw_obj_end(w);
}

static void put_check(struct fl_control *c, const struct fl_ssh_check *k, struct fl_jw *w)
{
	static const char *const words[] = {
		[FL_SSH_OPEN] = "open",         [FL_SSH_APPROVED] = "approved",
		[FL_SSH_REJECTED] = "rejected", [FL_SSH_LOST] = "",
		[FL_SSH_DISPLACED] = "",
	};

	fl_jw_obj(w);
	put_id(w, k->id);
	fl_jw_key(w, "source");
	put_node(w, c, k->pair.src);
	fl_jw_key(w, "destination");
	put_node(w, c, k->pair.dst);
	put_str(w, "state", words[k->word]);
	put_bool(w, "waits", k->waiter != NULL);
	put_time(w, "since", k->since);
	fl_jw_obj_end(w);
}

void fl_debug_ssh(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	size_t shown = 0;

	fl_jw_obj(w);
	put_nodes(c, q, "nodes", at_most(q->limit, FL_DEBUG_COSTLY_MAX), wants_any, put_ssh, w);
	fl_jw_key(w, "checks");
	fl_jw_arr(w);
	fl_list_each(it, &c->ssh.checks)
	{
		if (shown++ < q->limit)
			put_check(c, fl_list_entry(it, struct fl_ssh_check, link), w);
	}
	fl_jw_arr_end(w);
	put_u64(w, "checksTotal", c->ssh.count);
	put_u64(w, "approvals", c->ssh.approved);
	fl_jw_obj_end(w);
}

/* ---- logins ---- */

static void put_login(const struct fl_pending *p, struct fl_jw *w)
{
	char machine[FL_KEY_SHORT_MAX];

	fl_machine_key_short(&p->machine, machine);
	fl_jw_obj(w);
	put_id(w, p->id);
	put_str(w, "hostname", p->hostinfo->hostname);
	put_str(w, "os", p->hostinfo->os);
	put_str(w, "machineKey", machine);
	put_time(w, "since", p->since);
	put_u64(w, "followers", p->follower_count);
	fl_jw_obj_end(w);
}

void fl_debug_logins(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	size_t shown = 0;

	fl_jw_obj(w);
	fl_jw_key(w, "logins");
	fl_jw_arr(w);
	fl_list_each(it, &c->pending.records)
	{
		if (shown++ < q->limit)
			put_login(fl_list_entry(it, struct fl_pending, link), w);
	}
	fl_jw_arr_end(w);
	put_u64(w, "total", c->pending.count);
	put_u64(w, "max", c->pending.max);
	put_u64(w, "ttlSeconds", (uint64_t)(c->pending.ttl / FL_SEC));
	fl_jw_obj_end(w);
}

void fl_debug_derp(struct fl_control *c, const struct fl_debug_question *q, struct fl_jw *w)
{
	(void)q;
	fl_jw_obj(w);
	fl_jw_key(w, "map");
	fl_jw_raw(w, fl_netmap_config_derp(c->netmap));
	fl_jw_obj_end(w);
}
