#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/test.sh - every suite that this machine can run, then one line of totals.
#   1. gcc, warnings as errors: all suites; the load generators are built too
#   2. clang with ASan and UBSan: unit, sim and corpus suites
#   3. gcc with TSan: unit suites; the simulators have one thread each
#   4. interop: real peers against the binary of the first, where Go is new enough
# Logs stay in each folder's meson-logs/testlog.txt.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0 summary= not_run=
results=$(mktemp)
trap 'rm -f "$results"' EXIT
trap 'exit 130' INT TERM

indent() { sed -u 's/^/   /'; }
failures() { grep -avE '^ *[0-9]+/[0-9]+ .* (OK|SKIP) |^ok [0-9]' | indent; }

# name, passed, failed, skipped, since when
add() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	line="$2 passed, $3 failed, $4 skipped ($(($(date +%s) - $5)) s)"
	echo "   $line"
	summary="$summary   $1: $line
"
}

# name, folder, compiler, arguments for meson test, Meson options...
tier() {
	name=$1 dir=$2 cc=$3 suites=$4 began=$(date +%s)
	shift 4
	echo "== $name"
	if ! CC=$cc sh tools/build.sh "$dir" all "$@" >"$results" 2>&1; then
		indent <"$results"
		echo "   the build failed"
		add "$name" 0 1 0 "$began"
		return
	fi
	log=$dir/meson-logs/testlog.json
	rm -f "$log"
	case $* in *b_sanitize*) wrapper=$fixed ;; *) wrapper= ;; esac
	# shellcheck disable=SC2086
	$wrapper meson test -C "$dir" --no-rebuild --print-errorlogs $suites >"$results" 2>&1 </dev/null ||
		failures <"$results"
	[ -s "$log" ] || echo '{"name": "meson test", "result": "ERROR"}' >"$log"
	awk -f tools/count.awk "$log" >"$results"
	sed 1d "$results" | indent
	# shellcheck disable=SC2046
	add "$name" $(head -n 1 "$results") "$began"
}

interop() {
	name="interop, real peers" began=$(date +%s)
	echo "== $name"
	want=$(sed -n 's/^go \([0-9.]*\)$/\1/p' interop/go.mod)
	have=$(cd / && GOTOOLCHAIN=local go version 2>/dev/null | sed -n 's/^go version go\([0-9.]*\).*/\1/p')
	if [ "$(printf '%s\n%s\n' "$want" "${have:-0}" | sort -V | head -n 1)" != "$want" ]; then
		not_run="interop is NOT RUN: its peers need Go $want or newer, here is ${have:-none} (https://go.dev/dl/)"
		echo "   $not_run"
		add "$name" 0 0 1 "$began"
		return
	fi
	{
		sh tools/deps.sh interop && FAIRLEAD_BIN=$PWD/build-test/src/cli/fairlead sh interop/run.sh
		echo "exit $?"
	} 2>&1 </dev/null | tee "$results" | sed -u '/^exit [0-9]*$/d; s/^/   /'
	totals=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped.*/\1 \2 \3/p' "$results" |
		tail -n 1)
	code=$(sed -n 's/^exit //p' "$results" | tail -n 1)
	# An end without totals, or one that does not fit them, is a failure of its own.
	case "$code ${totals:-none}" in
	77\ *) not_run="interop is NOT RUN: see above" ;;
	0\ *\ 0\ * | 1\ *\ [1-9]*\ *) ;;
	*)
		echo "   interop/run.sh ended with code $code"
		totals="${totals:-0 0 0} 1"
		;;
	esac
	# shellcheck disable=SC2086
	set -- $totals
	add "$name" "$1" $(($2 + ${4:-0})) "$3" "$began"
}

# Without it the fixed shadow memory of the sanitizers may not fit on kernels that scatter widely.
fixed=
setarch -R true 2>/dev/null && fixed="setarch -R"

export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1
tier "gcc" build-test gcc "" -Dwerror=true -Dbench=true
tier "clang, address and undefined-behaviour sanitizers" build-asan clang \
	"--no-suite lint --no-suite network" -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
tier "gcc, thread sanitizer" build-tsan gcc \
	"--no-suite lint --no-suite corpus --no-suite network --no-suite sim" -Dwerror=true -Db_sanitize=thread
interop

echo "== totals"
printf '%s' "$summary"
[ -z "$not_run" ] || echo "   $not_run"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
