#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/ship_mutants.sh [NAME] - can the tests of the device hub fail? Breaks the hub in one place
# after the other, in a copy below build-mutants/, and asks for the test that is about it: the story
# of that bug (tests/domain/devices/stories/bugs.txt), another file of stories, or the simulator
# (tests/sim_ship). Says what they saw, and ends with one line of totals. NAME: only the mutants
# whose line holds it. --fits in its place only says whether each still fits the sources.
#
# A mutant is a line: who is to notice ("bug N", a file of stories, "sim"), the file below src/, and
# a sed program that must change it. The bugs are those of docs/protocol/ship.md 7, each put back.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/mutants.sh
only=${1:-} seeds=${SEEDS:-2000}
stories=tests/domain/devices/test_domain_devices_stories

mutants() {
	cat <<'LIST'
bug 1|domain/devices/attempt.c|/^void fl_dev_attempt_tick/,/^}/s/^	v->attempt = FL_DEV_IDLE;$/	if (!fl_dev_wants_dial(d, v)) { v->attempt = FL_DEV_DIALLING; return; }\n&/
bug 2|domain/registry/registry.c|/^enum fl_err fl_registry_swap/,/^}/s/^	detach_all(r, k, old);$/	(void)old;/
bug 3|domain/devices/live.c|s/^	if (was == FL_CONN_STALE)$/	if (was > FL_CONN_LAST)/
bug 4|domain/devices/devices.c|s/^#include <stdlib.h>$/#include <pthread.h>\n&/
bug 6|domain/devices/shutdown.c|s/^		fl_dev_attempt_cancel(d, d->at\[i\]);$/		if (d->at[i]->attempt == FL_DEV_DIALLING) fl_dev_attempt_cancel(d, d->at[i]);/
bug 7|domain/devices/shutdown.c|s/^		fl_dev_attempt_cancel(d, d->at\[i\]);$/		if (d->at[i]->attempt == FL_DEV_DELAYED) fl_dev_attempt_cancel(d, d->at[i]);/
bug 9|domain/devices/live.c|s/^	if (!l->lost) {$/	{/
bug 10|domain/devices/peer.c|s/v->attempt == FL_DEV_DELAYED ? v->dial_at/v->attempt != FL_DEV_IDLE ? v->dial_at/
bug 11|domain/devices/rule.c|s/: FL_DEV_REJECT_NEW;/: FL_DEV_PARK_NEW;/
bug 12|domain/devices/live.c|s/^	if (fl_registry_leave(&l->entry) && /	if (false \&\& /
sim|domain/devices/attempt.c|/^void fl_dev_attempt_tick/,/^}/s/^	v->attempt = FL_DEV_IDLE;$/	if (!fl_dev_wants_dial(d, v)) { v->attempt = FL_DEV_DIALLING; return; }\n&/
sim|domain/registry/registry.c|/^enum fl_err fl_registry_swap/,/^}/s/^	detach_all(r, k, old);$/	(void)old;/
sim|domain/devices/live.c|s/^	if (was == FL_CONN_STALE)$/	if (was > FL_CONN_LAST)/
sim|domain/devices/shutdown.c|s/^		fl_dev_attempt_cancel(d, d->at\[i\]);$//
sim|domain/devices/live.c|s/^	if (!l->lost) {$/	{/
sim|domain/devices/live.c|s/^	if (l->dev->record.trusted) .*$/	if (false)/
sim|domain/devices/live.c|s/^	if (v->succession != 0 && v->succession <= now)$/	if (false)/
sim|domain/devices/heard.c|s/l->windowed && fl_devices_auto_accepting(d)/l->windowed/
dial|domain/devices/live.c|s/^	l->dev->denied = false;$//
dial|domain/devices/command.c|s/^	v->hold = v->denied = false;$//
sim|domain/devices/attempt.c|s/v->record.trusted && !v->hold &&/v->record.trusted \&\&/
sim|domain/devices/live.c|s/^		tell_disconnected(d, v, FL_ERR_TIMEOUT);$/		v->told = v->succession = 0;/
sim|domain/devices/live.c|s/^	d->last_number++;$//
sim|domain/devices/incoming.c|s/^	l->parked_until = now + FL_DEV_PATIENCE;$/	l->parked_until = FL_NEVER;/
sim|domain/devices/peer.c|s/^	free(v->gone);$//
sim|proto/ship/cmi.c|s/^		fl_ship_on_cmi_held(c, now);$/		fl_ship_cmi_speak(c, now);/
sim|proto/ship/cmi.c|s/^	fl_ship_enter(c, FL_SHIP_S_CMI_SERVER_EVALUATE);$/&\n	fl_ship_cmi_speak(c, now);\n	return;/
sim|domain/devices/limit.c|s/^	return v->allow != 0 && .*$/	return false;/
sim|domain/devices/limit.c|s/^	return seen != NULL && .*$/	return false;/
sim|domain/devices/limit.c|s/^	return t->categories_count > 0;$/	return true;/
sim|domain/devices/limit.c|s/^		fl_dev_end_links(d, now, v, .*$/		if (fl_dev_current(d, v) == NULL)\n	&/ @@ domain/devices/info.c s/^	if (fl_dev_current(d, v) != NULL && fl_dev_is_outside(d, v))$/	if (false)/
sim|domain/devices/limit.c|s/^		fl_dev_end_links(d, now, v, .*$/		if (fl_dev_current(d, v) == NULL || v->told != 0)\n	&/ @@ domain/devices/info.c s/^	if (fl_dev_current(d, v) != NULL && fl_dev_is_outside(d, v))$/	if (false)/
categories|domain/devices/limit.c|s/^	} else if (v->barred && !fl_dev_is_barred(d, v)) {$/	} else if (false) {/
categories|domain/devices/attempt.c|s/^	       has_place(d, v) && !fl_dev_is_barred(d, v);$/	       has_place(d, v);/
double|domain/devices/rule.c|s/^	v->by_initiator = !v->by_initiator;$//
double|domain/devices/rule.c|s/now - v->resolved > FL_DEV_LEARNING/now - v->resolved > FL_HOUR/
double|domain/devices/rule.c|s/^	if (incoming == (existing == FL_DEV_INCOMING))$/	if (false)/
double|domain/devices/incoming.c|s/^	if (v->parked != NULL)$/	if (false)/
dial|domain/devices/live.c|s/^	if (end->completed)$/	if (true)/
dial|domain/devices/heard.c|s/^			l->dev->denied = true;$/			(void)0;/
dial|domain/devices/live.c|s/^	if (end->err == FL_ERR_DENIED \&\& .*$/	if (false)/
pairing|domain/devices/peer.c|s/^	if (fl_dev_persist(d, v) != FL_OK) {$/	if (false) {/
pairing|domain/devices/command.c|s/^	fl_ship_conn_decide(l->machine, now, true);$//
limits|domain/devices/incoming.c|s/v->upgrades >= FL_DEV_UPGRADES_MAX/v->upgrades > FL_DEV_UPGRADES_MAX/
limits|domain/devices/incoming.c|s/>= d->cfg.connections_max/> d->cfg.connections_max/
limits|domain/devices/heard.c|s/^		l->dev->pin_failures = e->pin_failures;$//
shutdown|domain/devices/devices.c|/^enum fl_err fl_devices_start/,/^}/s/if (d->phase != FL_DEVICES_NEW)/if (d->phase == FL_DEVICES_RUNNING)/
LIST
}

# The first complaint, in $found.
play() {
	"$dir/build/$stories" "$tree/tests/domain/devices/stories/$1.txt" >"$dir/run.log" 2>&1
	found=$(sed -n "s/^\[  FAILED  \] \($2[^0-9].*\)/\1/p" "$dir/run.log" | head -n 1)
	[ -n "$found" ]
}

simulate() {
	found="the simulator does not build"
	ninja --quiet -C "$dir/build" tests/sim_ship/sim_ship >"$dir/build.log" 2>&1 || return 1
	timeout 300 "$dir/build/tests/sim_ship/sim_ship" --first-failure 1 --seeds "$seeds" \
		>"$dir/run.log" 2>&1
	case $? in
	0) found= ;;
	1) found=$(sed -n 's/^FAIL \(.*\)/\1/p' "$dir/run.log" | head -n 1) ;;
	*) found="the simulator crashes" ;;
	esac
	[ -n "$found" ]
}

fail() {
	case $1 in
	"bug 4") found="a lock is found" && ! sh tests/domain/devices/no_locks.sh "$tree" >/dev/null ;;
	bug*) play bugs "$1:" ;;
	sim) simulate ;;
	*) play "$1" '' ;;
	esac
}

if [ "$only" = --fits ]; then
	mutants | fit_all
	exit
fi
copy_sources "$stories"
list=$(mktemp)
trap 'rm -f "$list"' EXIT
mutants | grep -F "$only" >"$list"
try_mutants fail <"$list"
