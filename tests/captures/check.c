/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/captures/check.c - packet filter, capabilities toward a machine, SSH, attributes. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 4 << 20, TEXT_SHOWN = 2000 };

/* ---- reporting ---- */

static bool is_known(struct known *known, const char *id, const char *part)
{
	for (size_t i = 0; i < known->len; i++) {
		char name[256], what[64];
		if (sscanf(known->lines[i], "%255s %63s", name, what) == 2 &&
		    strcmp(name, id) == 0 && strcmp(what, part) == 0) {
			known->used[i] = true;
			return true;
		}
	}
	return false;
}

void check_differs(struct check *k, const char *part, const char *node, const char *want,
		   const char *got)
{
	if (is_known(k->known, k->c->id, part))
		return;
	k->failed++;
	printf("  %s%s%s\n", part, node != NULL ? " of " : "", node != NULL ? node : "");
	if (want != NULL)
		printf("    want %.*s\n", TEXT_SHOWN, want);
	if (got != NULL)
		printf("    got  %.*s\n", TEXT_SHOWN, got);
}

void check_equal(struct check *k, const char *part, const struct fl_policy_node *n, json_t *want,
		 json_t *got)
{
	if (!json_equal(want, got)) {
		char *a = json_dumps(want, JSON_SORT_KEYS | JSON_COMPACT);
		char *b = json_dumps(got, JSON_SORT_KEYS | JSON_COMPACT);
		check_differs(k, part, n->name, a, b);
		free(a);
		free(b);
	}
	json_decref(want);
	json_decref(got);
}

static json_t *parse_answer(struct fl_buf *b)
{
	json_t *v = json_loadb((const char *)b->ptr, b->len, JSON_DECODE_ANY, NULL);

	fl_buf_done(b);
	return v != NULL ? v : json_string("not JSON");
}

/* ---- packet filter ---- */

static json_t *our_filter(const struct check *k, const struct fl_policy_node *n)
{
	struct fl_buf b = fl_buf_make(ANSWER_MAX);

	fl_policy_filter(k->p, n->id, &b);
	return parse_answer(&b);
}

void check_filter(struct check *k, const struct fl_policy_node *n, json_t *told)
{
	json_t *ours = our_filter(k, n);

	check_equal(k, "filter", n, canon_filter(json_object_get(told, "packet_filter_rules")),
		    canon_filter(ours));
	json_decref(ours);
}

/* ---- capabilities of peers toward this machine: a reading of the filter ---- */

static bool text_has(const char *s, const struct fl_ip *ip)
{
	struct fl_prefix p;
	struct fl_ip first, last;
	const char *dash = strchr(s, '-');

	if (strcmp(s, "*") == 0)
		return true;
	if (dash != NULL)
		return fl_ip_parse(fl_slice_of(s, (size_t)(dash - s)), &first) == FL_OK &&
		       fl_ip_parse(fl_slice_str(dash + 1), &last) == FL_OK &&
		       first.family == ip->family && fl_ip_cmp(&first, ip) <= 0 &&
		       fl_ip_cmp(ip, &last) <= 0;
	if (fl_prefix_parse(fl_slice_str(s), &p) == FL_OK)
		return fl_prefix_has(&p, ip);
	return fl_ip_parse(fl_slice_str(s), &first) == FL_OK && fl_ip_eq(&first, ip);
}

static bool list_has(const json_t *list, const struct fl_ip *ip)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) if (text_has(json_string_value(v), ip)) return true;
	return false;
}

static void add_caps(json_t *out, const json_t *map)
{
	const char *name;
	json_t *args;

	json_object_foreach((json_t *)(uintptr_t)map, name, args)
	{
		json_t *have = json_object_get(out, name);
		if (have == NULL) {
			have = json_array();
			json_object_set_new(out, name, have);
		}
		json_array_extend(have, args);
	}
}

static json_t *caps_toward(const json_t *filter, const struct fl_policy_node *n,
			   const struct fl_ip *peer)
{
	json_t *out = json_object(), *r, *g;
	const struct fl_ip *own = peer->family == FL_IP_V4 ? &n->ip4 : &n->ip6;
	size_t i, j;

	json_array_foreach(filter, i, r)
	{
		if (!list_has(json_object_get(r, "SrcIPs"), peer))
			continue;
		json_array_foreach(json_object_get(r, "CapGrant"), j,
				   g) if (list_has(json_object_get(g, "Dsts"), own))
			add_caps(out, json_object_get(g, "CapMap"));
	}
	return out;
}

void check_whois(struct check *k, const struct fl_policy_node *n, json_t *told)
{
	json_t *ours = our_filter(k, n), *v;
	const char *from;

	json_object_foreach(json_object_get(told, "whois"), from, v)
	{
		struct fl_ip peer;
		if (fl_ip_parse(fl_slice_str(from), &peer) != FL_OK)
			continue;
		json_t *got = caps_toward(ours, n, &peer);
		check_equal(k, "whois", n, canon_caps(json_object_get(v, "CapMap")),
			    canon_caps(got));
		json_decref(got);
	}
	json_decref(ours);
}

/* ---- SSH ---- */

void check_ssh(struct check *k, const struct fl_policy_node *n, json_t *told)
{
	struct fl_buf b = fl_buf_make(ANSWER_MAX);
	json_t *ours = json_object(), *want = json_object_get(told, "ssh_rules");

	if (fl_policy_ssh(k->p, n->id, "https://unused", &b)) {
		json_decref(ours);
		ours = parse_answer(&b);
	}
	if (want == NULL)
		want = json_object_get(json_object_get(told, "ssh_policy"), "rules");
	check_equal(k, "ssh", n, canon_ssh(want), canon_ssh(json_object_get(ours, "rules")));
	json_decref(ours);
}

/* ---- capabilities of the machine and of its peers ---- */

/* Added by the service or by settings, not by the policy (policy.md 7.2, 7.6). */
static bool is_foreign(const char *cap)
{
	static const char *const names[] = {
		"https://tailscale.com/cap/is-admin",
		"https://tailscale.com/cap/is-owner",
		"https://tailscale.com/cap/tailnet-lock",
		"https://tailscale.com/cap/ssh",
		"https://tailscale.com/cap/file-sharing",
		"https://tailscale.com/cap/warn-funnel-no-https",
		"service-host",
		"store-appc-routes",
		"tailnet-display-name",
		"tailnet.maxKeyDuration",
		"native-ipv4",
		"probe-udp-lifetime",
		"ssh-behavior-v1",
		"ssh-env-vars",
		"default-auto-update",
	};
	static const char ports[] = "https://tailscale.com/cap/funnel-ports?";

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(cap, names[i]) == 0)
			return true;
	return strncmp(cap, ports, sizeof ports - 1) == 0;
}

static json_t *policy_caps(const json_t *map)
{
	json_t *all = canon_caps(map), *out = json_object(), *v;
	const char *name;

	json_object_foreach(all, name, v) if (!is_foreign(name)) json_object_set(out, name, v);
	json_decref(all);
	return out;
}

static void add_attr(void *ctx, const char *name, const char *args)
{
	json_t *v = json_loads(args, JSON_DECODE_ANY, NULL);

	json_object_set_new(ctx, name, v != NULL ? v : json_string(args));
}

void check_caps(struct check *k, const struct fl_policy_node *n, json_t *told)
{
	json_t *ours = json_object(), *peer;
	json_t *want = policy_caps(json_object_get(json_object_get(told, "self"), "CapMap"));
	size_t i;

	if (fl_policy_attrs(k->p, n->id, add_attr, ours) != FL_OK)
		check_differs(k, "self-caps", n->name, NULL, "out of memory");
	check_equal(k, "self-caps", n, want, policy_caps(ours));
	json_decref(ours);
	json_array_foreach(json_object_get(told, "peers"), i, peer)
	{
		char name[256];
		snprintf(name, sizeof name, "%.*s",
			 (int)strcspn(json_string_value(json_object_get(peer, "Name")), "."),
			 json_string_value(json_object_get(peer, "Name")));
		const struct fl_policy_node *p = capture_node(k->c, name);
		if (p == NULL)
			continue;
		json_t *got = json_object();
		if (fl_policy_suggests_exit(k->p, p->id))
			json_object_set_new(got, "suggest-exit-node", json_array());
		check_equal(k, "peer-caps", n, policy_caps(json_object_get(peer, "CapMap")), got);
	}
}
