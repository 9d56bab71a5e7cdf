#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/fuzz.sh - runs each fuzz target for SECONDS and ends with one line of totals.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60}
only=${2:-}
dir=build-fuzz
[ -f $dir/build.ninja ] ||
	CC=clang meson setup $dir -Dtests=false -Dfuzz=true -Db_sanitize=address,undefined \
		-Db_lundef=false >/dev/null || exit 1
ninja -C $dir >/dev/null || exit 1
passed=0 failed=0
for bin in "$dir"/tests/fuzz/fuzz_*; do
	[ -x "$bin" ] && [ -f "$bin" ] || continue
	name=${bin##*/fuzz_}
	[ -n "$only" ] && [ "$only" != "$name" ] && continue
	mkdir -p "$dir/corpus/$name" "$dir/findings"
	log=$dir/$name.log
	if "$bin" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=10 \
		-artifact_prefix="$dir/findings/$name-" -print_final_stats=1 \
		"$dir/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
		passed=$((passed + 1))
		rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
		echo "ok   $name: ${rate:-?} executions per second"
	else
		failed=$((failed + 1))
		echo "FAIL $name: see $log"
		tail -n 15 "$log"
	fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
