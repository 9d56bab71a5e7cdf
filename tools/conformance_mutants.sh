#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/conformance_mutants.sh [NAME] - can the rows of the conformance catalogue fail? Breaks the
# server in one place after the other, in a copy below build-mutants/, and runs the rows that are
# about it: each has to fail. Says what the first of them complained of, and ends with one line of
# totals. NAME: only the mutants whose line holds it. --fits in its place only says whether each
# still fits the sources.
#
# A mutant is a line: the rows, the file below src/, and a sed program that must change it.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/mutants.sh
only=${1:-}

mutants() {
	cat <<'LIST'
POL-A POL-F CON-1|services/control/viewer.c|s/return v->policy == NULL ||/return v->policy != NULL \&\&/
POL-B POL-C POL-D STR-6 GRA-1|services/control/governed.c|s/unsigned differs = differing(t, s->node);/unsigned differs = 0;/
POL-C ISS-25 GRA-1|services/control/viewer.c|s/^		fl_policy_filter(p, n->id, &out->filter);/		fl_buf_str(\&out->filter, "[]");/
POL-D|services/control/governed.c|s/^		tell_session(t, fl_list_entry/		if (it->next != \&t->control->view.sessions) &/
POL-E|services/policy/follow.c|s/if (s->pending && is_stored(s))$/if (s->pending \&\& s->doc == NULL \&\& is_stored(s))/
POL-F ISS-22|services/control/full.c|s/if (!fl_viewer_sees(&t->viewer, n->id))/if (n->user != fl_state_node(t->control->core->state, t->viewer.id)->user)/
POL-G|domain/policy/filter.c|/^static void put_shared_ports/,/^}/s/^}$/	if (!*first) fl_put_entry("100.64.0.2", line, first, w->out);\n}/
POL-G|domain/policy/alias.c|s/return fl_prefix_parse(s, out) == FL_OK;/{ bool ok = fl_prefix_parse(s, out) == FL_OK; if (out->bits == 128) out->bits = 48; return ok; }/
RTE-1 RTE-2 CNT-6|domain/netmap/node.c|/^static void put_allowed/,/^}/s/^	put_own_addresses(w, v);$//
RTE-2|domain/netmap/node.c|/^static void put_allowed/,/^}/s/^	put_own_addresses(w, v);$/	if (r->primary_count == 0) put_own_addresses(w, v);/
RTE-3|wire/tailcfg/hostinfo_text.c|s/^	{ "RoutableIPs", .*$//
RTE-4|domain/state/routes.c|/^static size_t served_by/,/^}/s/^	size_t len = 0;$/&\n	for (; len < h->routes_count; len++) out[len] = h->routes[len];\n	if (len > 0) return len;/
RTE-4 ISS-7|domain/state/routes.c|s/return fl_state_note(s, FL_CHANGE_ROUTES, .*/return FL_OK;/
RTE-5|domain/ipam/ipam.c|/^enum fl_err fl_ipam_take(/,/^}/s/^	\*out = ip;$/	ip.b[0] ^= 1;\n&/
RTE-6|services/control/routing.c|s/fl_core_online(c, id), served, count)/true, served, count)/
CNT-1 RTE-5|domain/netmap/node.c|s/v->routes->no_ip4 ? 1 : 0; i < 2/v->self != NULL ? 1 : 0; i < 2/
CNT-2 STR-9|domain/netmap/node.c|/^static void put_facts/,/^}/s/fl_jw_bool(w, true);/fl_jw_bool(w, v->self == NULL);/
CNT-3 CNT-4|domain/netmap/message.c|/^static enum fl_err put_head/,/^}/s/fl_jw_raw(w, fl_bytes_slice(in->cfg->derp));/fl_jw_raw(w, fl_slice_str("null"));/
CNT-4|services/config/derpmap.c|s/key_text(w, "RegionCode", e->region_code)/key_text(w, "RegionCode", "other")/
CNT-5 CNT-6 ISS-11 STR-7|domain/netmap/node.c|s/v->routes->no_ip4 ? 1 : 0; i < 2/v->self == NULL ? 1 : 0; i < 2/
CNT-7|domain/netmap/node.c|s/fl_jw_bool(w, v->online);/fl_jw_bool(w, v->self != NULL);/
CNT-7 ISS-1|services/control/presence.c|s/^	if (fl_registry_live(core->sessions, &s->node) == 1)$/	if (false)/
CNT-8 CON-2|wire/tailcfg/hostinfo_text.c|s/^	{ "Hostname", .*$//
CNT-9 LIF-1 PRC-7|services/control/chunks.c|s/if (n->id == v->viewer)/if (n->id == 0)/
CNT-10|domain/netmap/delta.c|s/enum fl_err err = fl_netmap_put_self(&w, in->cfg, &in->self, in->now);/struct fl_node other = *in->self.node; other.key.b[0] ^= 1; struct fl_netmap_self self = in->self; self.node = \&other; enum fl_err err = fl_netmap_put_self(\&w, in->cfg, \&self, in->now);/
CNT-11|domain/netmap/message.c|s/fl_jw_str(w, in->cfg->base_domain);/fl_jw_str(w, "");/
CNT-12 ISS-4|domain/netmap/message.c|/^static void list_owners/,/^}/s/^	fl_netmap_owners_add(owners, fl_netmap_owner(in->self.node));$//
CNT-13|domain/netmap/node.c|s/fl_node_key_format(&n->key, text);/fl_node_key_format(\&(struct fl_node_key){ 0 }, text);/
CNT-14|domain/netmap/delta.c|s/if (fields & FL_PATCH_ENDPOINTS)/if (false)/
ISS-3|domain/netmap/node.c|s/return fl_netmap_config_has_region(cfg, region) ? region : 0;/return region;/
ISS-5|domain/netmap/delta.c|/^static bool put_changed/,/^}/s/^.*fl_netmap_owners_add.*$//
CRC-1 PRC-6 STR-1 ISS-17 EPH-B|services/control/presence.c|s/fl_timer_start(&s->timer, c->cfg.grace);/fl_timer_start(\&s->timer, 0);/
LIST
}

# The rows run beside each other; the compiled tests run from their folder.
fail() {
	found=
	(cd interop && FAIRLEAD_BIN=../$dir/build/src/cli/fairlead "../$dir/conformance" -test.timeout 5m \
		-test.parallel 16 -test.run "^TestConformance\$/^($(echo "$1" | tr ' ' '|'))_") \
		>"$dir/run.log" 2>&1 </dev/null
	for row in $1; do
		grep -q "^ *--- FAIL: TestConformance/${row}_" "$dir/run.log" || found="$found $row did not fail"
	done
	[ -z "$found" ] || return 1
	found="$1: $(sed -n 's/^ *[a-z_]*_test\.go:[0-9]*: //p' "$dir/run.log" | head -n 1)"
}

if [ "$only" = --fits ]; then
	mutants | fit_all
	exit
fi
copy_sources src/cli/fairlead
sh interop/peers.sh current old || exit
(cd interop && GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off go test -c -o "../$dir/conformance" .) || exit 1
list=$(mktemp)
trap 'rm -f "$list"' EXIT
mutants | grep -F "$only" >"$list"
try_mutants fail <"$list"
