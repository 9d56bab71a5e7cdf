#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/test.sh - every suite that this machine can run, then one line of totals.
#   1. gcc, warnings as errors: unit, corpus and lint suites
#   2. clang with ASan and UBSan: unit and corpus suites
#   3. gcc with TSan: unit suites
#   4. interop: real peers against the built binary, where Go is new enough
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0 skipped_names=
results=$(mktemp)
trap 'rm -f "$results"' EXIT

# Adds up one Meson log: cmocka's TAP lines are cases, any other program is one case.
count_log() {
	awk '{
		ok = gsub(/\\nok [0-9]+/, "&"); bad = gsub(/\\nnot ok [0-9]+/, "&")
		skip = gsub(/# SKIP/, "&")
		good = ($0 ~ /"result": "OK"/)
		if (ok + bad == 0) { if (good) ok = 1; else bad = 1 }
		else if (!good && bad == 0) bad = 1
		p += ok - skip; f += bad; s += skip
	} END { print p + 0, f + 0, s + 0 }' "$1"
}

add() {
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	echo "   $1 passed, $2 failed, $3 skipped"
}

# name, build folder, compiler, suites, Meson options...
tier() {
	name=$1 dir=$2 cc=$3 suites=$4
	shift 4
	echo "== $name"
	if [ ! -f "$dir/build.ninja" ]; then
		CC=$cc meson setup "$dir" "$@" >"$results" 2>&1 || {
			cat "$results"
			add 0 1 0
			return
		}
	fi
	if ! ninja -C "$dir" >"$results" 2>&1; then
		grep -E 'error|warning|FAILED' "$results" | head -n 40
		echo "   the build failed"
		add 0 1 0
		return
	fi
	args=
	for s in $suites; do args="$args --suite $s"; done
	# shellcheck disable=SC2086
	meson test -C "$dir" --no-rebuild --print-errorlogs $args >"$results" 2>&1 || cat "$results"
	# shellcheck disable=SC2046
	add $(count_log "$dir/meson-logs/testlog.json")
}

export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
tier "gcc, unit, corpus and lint suites" build gcc "unit corpus lint" -Dwerror=true
tier "clang, address and undefined-behaviour sanitizers" build-asan clang "unit corpus" \
	-Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
tier "gcc, thread sanitizer" build-tsan gcc "unit" -Dwerror=true -Db_sanitize=thread

echo "== interop: real peers"
need=1.26
have=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
if [ -z "$have" ] || [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -n 1)" != "$need" ]; then
	echo "   SKIPPED: the peers need Go $need or newer, here is '${have:-none}'"
	skipped=$((skipped + 1)) skipped_names=" (interop: no Go $need)"
elif [ ! -x interop/run.sh ]; then
	echo "   SKIPPED: interop/run.sh is missing"
	skipped=$((skipped + 1)) skipped_names=" (interop: not in this tree)"
else
	sh tools/deps.sh interop && FAIRLEAD_BIN=$PWD/build/src/cli/fairlead sh interop/run.sh | tee "$results"
	set -- $(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped.*/\1 \2 \3/p' "$results" | tail -n 1)
	if [ $# = 3 ]; then
		add "$1" "$2" "$3"
	else
		echo "   the interop run ended without totals"
		add 0 1 0
	fi
fi

[ -n "$skipped_names" ] && echo "Skipped:$skipped_names"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
