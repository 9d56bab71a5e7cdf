#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/sim_mutants.sh [NAME...] - does the simulator notice? Breaks the server in one place after the
# other, in a copy below build-mutants/, and sweeps seeds until an invariant fires. Says which one
# fired at which seed, and ends with one line of totals. NAME: only the mutants whose line holds one.
# --fits in its place only says whether each still fits the sources.
#
# A mutant is a line as in tools/mutants.sh; first stand the invariants that may fire, and "rare": it
# takes more seeds.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/mutants.sh
only=$(printf '%s\n' "$@") seeds=${SEEDS:-100}

mutants() {
	cat <<'LIST'
INV-01|domain/state/register.c|s/n != NULL && !fl_machine_key_eq(&n->machine, machine)/false \&\& n != NULL/
REG-4|services/control/map.c|s/else if (!fl_machine_key_eq(&n->machine, &l->machine))/else if (false)/
INV-02|domain/state/node.c|s/if (!fl_node_is_tagged(n) && has_tagged_twin(s, n))/if (false \&\& has_tagged_twin(s, n))/ @@ store/schema.c s/CREATE UNIQUE INDEX nodes_owner/CREATE INDEX nodes_owner/
INV-03|domain/state/authkey.c|s/c->used = true;/c->used = false;/
INV-04|domain/state/address.c|/^enum fl_err fl_state_free_address/,/^}/s/^{$/{ if (ip != NULL) return FL_OK;/
INV-05|store/open.c|s/endpoints = ?11, //
INV-05 rare|store/commit.c|s/return log != NULL && log->pMethods->xSync.*/return log != NULL;/
INV-05 INV-21 INV-23|services/control/core.c|s/^		fl_state_rollback(c->state);$//
INV-06|domain/state/user.c|s/^	if (nodes > 0)$/	if (nodes == SIZE_MAX)/ @@ store/open.c s/foreign_keys = ON/foreign_keys = OFF/
INV-10|domain/registry/registry.c|s/^	if (--k->live > 0)$/	if (k->live > 1)/
INV-10 INV-11 INV-52|services/control/session.c|s/^	fl_presence_leave(s);$//
INV-11|services/control/presence.c|s/fl_timer_start(&s->timer, c->cfg.grace);/fl_timer_start(\&s->timer, 2 * c->cfg.grace);/
INV-12|domain/registry/registry.c|s/c->gen = ++r->last_gen;/c->gen = r->last_gen != 0 ? r->last_gen : ++r->last_gen;/
INV-13|services/control/presence.c|s/fl_timer_start(&s->timer, c->cfg.grace);/fl_timer_start(\&s->timer, c->cfg.grace \/ 2);/
INV-14|domain/netmap/delta.c|s/^	uint32_t fields = p->fields;$/	uint32_t fields = p->fields | (p->fields != 0 ? FL_PATCH_ONLINE : 0);/
INV-20|services/control/full.c|s/^		err = fl_parts_add(out, m->end);$/		err = FL_OK;/
INV-25|services/control/session.c|s/^	fl_session_send(s, &frame, 1);$/	if (frame->len == 0) fl_session_send(s, \&frame, 1);/
INV-21 INV-23|services/control/distribute.c|s/^	if (!f->made) {/	if (in->peers_count == 1 \&\& in->peers[0].fields == FL_PATCH_ONLINE) return;\n&/
INV-21|services/control/distribute.c|s/^	if (!f->made) {/	if (in->peers_count == 1 \&\& in->peers[0].fields == FL_PATCH_ENDPOINTS) return;\n&/
INV-21 INV-23|services/control/batch.c|s/^	add(c, b, c->hold.kept, c->hold.count);$//
INV-21|services/control/distribute.c|s/fl_hold_due(&c->hold) - now/FL_HOUR/
INV-22|io/http_answer.c|s/^	fl_list_push(&x->queue, &c->link);$/	struct fl_httpx_chunk *f = fl_list_entry(x->queue.next, struct fl_httpx_chunk, link);\n	bool whole = x->pending > 0 \&\& f->at == 0 \&\& f->bytes->len > 4 \&\& (f->bytes->data[0] | f->bytes->data[1] << 8) + 4 == (int)f->bytes->len;\n	fl_list_push(whole ? x->queue.next : \&x->queue, \&c->link);/
INV-24|domain/netmap/delta.c|s/for (size_t i = 0; i < in->removed_count; i++) {/for (size_t i = 1; i < in->removed_count; i++) {/
INV-23 INV-24 INV-30|services/control/governed.c|s/if (id != t->viewer.id && (m == NULL || !m->added))/if (id == 0 \&\& m != NULL)/
INV-25 INV-32|domain/netmap/delta.c|s/^	\*out_any = any;$/	*out_any = true; any = true;/
INV-25|services/control/session.c|s/due = since + c->cfg.keepalive/due = since + 2 * c->cfg.keepalive/
INV-25|services/control/session.c|s/due += beat - due % beat;/due += 2 * beat - due % beat;/
INV-26|services/control/session.c|s/^	fl_pings_deliver(c, s->node);$//
INV-26 INV-42|services/control/ping.c|s/^		fl_timer_start(&p->timer, limit);$/		fl_timer_start(\&p->timer, 2 * limit);/
REG-4|services/control/ping.c|s/return n != NULL && fl_machine_key_eq(&n->machine, machine);/return n != NULL \&\& machine != NULL;/
INV-30|services/control/governed.c|s/return id != t->viewer.id && fl_viewer_sees(&t->viewer, id) && /return id != t->viewer.id \&\& /
INV-30 INV-23|services/control/viewer.c|s/return v->policy == NULL || fl_policy_sees(v->policy, v->id, node);/return node != 0;/
INV-31 INV-23|services/policy/follow.c|s/^	case FL_CHANGE_ROUTES:$//;s/^	case FL_CHANGE_NODE_EXPIRED:$/	case FL_CHANGE_ROUTES:\n&/
INV-33|domain/netmap/delta.c|/^static bool put_changed/,/^}/s/^.*fl_netmap_owners_add.*$//
INV-40|domain/routes/primaries.c|s/if (!fl_prefix_is_exit(&served\[i\]))/if (served[i].bits <= 128)/
INV-40|domain/routes/primaries.c|s/^		if (r->online)$/		if (r != NULL)/
INV-41|domain/routes/election.c|s/^	if (e->kept_healthy)$/	if (false)/
INV-41|services/control/probe.c|s/^	return r->session == r->past && .*$/	return r->session != 0;/
INV-42|domain/routes/election.c|s/^	if (e->kept_healthy)$/	if (e->kept)/
INV-42|services/control/probe.c|s/if (fl_core_health(core, r->node, false))/if (core == NULL)/
INV-43|domain/netmap/node.c|s/if (r->whole || fl_prefix_is_exit(&r->served\[i\]))/if (r->served_count > 0)/
INV-44|domain/state/routes.c|s/^		if (order == 0)$/		if (order <= 0)/
INV-50|services/control/ephemeral.c|s/fl_timer_start(&a->timer, c->cfg.ephemeral_timeout);/fl_timer_start(\&a->timer, c->cfg.ephemeral_timeout \/ 2);/
INV-50|services/control/ephemeral.c|s/fl_timer_start(&a->timer, c->cfg.ephemeral_timeout);/fl_timer_start(\&a->timer, 3 * c->cfg.ephemeral_timeout);/
INV-50|services/control/presence.c|s/^	fl_ephemeral_cancel(s->control, s->node);$//
INV-51 crash|services/control/distribute.c|s/^.*fl_presence_forget(c, b->nodes\[i\].id);$//
INV-52|services/control/control.c|s/^	fl_timer_done(&c->expiry_timer);$//
PRE-5|domain/netmap/node.c|s/^	fl_jw_key(w, "Online");$/	if (v->online) fl_jw_key(w, "Online");/;s/^	fl_jw_bool(w, v->online);$/	if (v->online) fl_jw_bool(w, true);/
INV-53|services/control/control.c|s/^#define SWEEP_AFTER (15 /#define SWEEP_AFTER (45 /
INV-53|services/control/pending.c|s/if (t->count < t->max)/if (t->count < 2 * t->max)/
INV-54|services/control/map.c|s/if (err != FL_OK || !req->stream) {/if (req != NULL) {/
INV-55|services/control/session.c|s/^	c->stats.frames_keepalive++;$/&\n	const struct fl_map_form form = { 0 };\n	struct fl_http_recipe *r = NULL;\n	if (fl_control_map_recipe(c, fl_state_node(c->core->state, s->node), \&form, \&r) == FL_OK) {\n		struct fl_parts m = { 0 };\n		if (r->make(r, NULL, \&m) == FL_OK) c->stats.full_made++;\n		fl_parts_done(\&m);\n		r->free(r);\n	}/
INV-56|services/control/strangers.c|s/if (src->open >= most) {/if (src->open >= 2 * most) {/
INV-57|services/control/ssh_checks.c|s/return a != NULL && fl_loop_now(t->loop) - a->at < period;/return a != NULL \&\& period > 0;/
INV-57|services/control/ssh.c|s/all = changes\[i\].kind == FL_CHANGE_POLICY;/all = false;/
INV-57|services/control/ssh.c|s/else if (k->pair.src != pair.src || k->pair.dst != pair.dst)/else if (k->pair.dst != pair.dst)/
INV-57 rare|services/control/ssh.c|s/^	return k->word == FL_SSH_APPROVED && period > 0 &&$/	return k->word == FL_SSH_REJECTED \&\& period > 0 \&\&/
INV-23 INV-40|services/control/presence.c|/^void fl_presence_end/,/^}/s/== FL_CONN_LAST/== FL_CONN_STALE/
INV-23 rare|services/control/control.c|s/^	size_t ahead = .*$/	size_t ahead = unseen == 0;/
LIST
}

# The first failure from one seed on, among so many.
sweep() {
	"$dir/build/tests/sim/sim" --first-failure --first "$1" --seeds "$2" $3 >"$dir/run.log" 2>&1
	sed -n 's/^FAIL seed \([0-9]*\), \([^:]*\): \([^ ]*\) at .*/\3 at seed \1, \2/p' "$dir/run.log" |
		head -n 1
}

# The first failure by an invariant that may fire, among so many seeds of a size. Where another is
# hurt before, the seeds after that one are tried; ten times, then it is not what was wanted.
seek() {
	first=1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		found=$(sweep "$first" $(($2 - first + 1)) "$3")
		[ -n "$found" ] || return 1
		case " $1 " in *" ${found%% *} "*) return 0 ;; esac
		seed=${found#* seed }
		first=$((${seed%%,*} + 1))
	done
	return 1
}

# The invariants that may fire. Small worlds are cheap, so they come first.
fail() {
	case $1 in *rare*) most=$((seeds * 30)) ;; *) most=$seeds ;; esac
	seek "$1" "$most" "--size tiny" || seek "$1" "$most" ""
}

if [ "$only" = --fits ]; then
	mutants | fit_all
	exit
fi
copy_sources tests/sim/sim
list=$(mktemp)
trap 'rm -f "$list"' EXIT
mutants | grep -F "$only" | grep -v ' rare|' >"$list"
mutants | grep -F "$only" | grep ' rare|' >>"$list"
try_mutants fail <"$list"
