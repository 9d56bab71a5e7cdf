#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/fuzz.sh [SECONDS] [TARGET] - runs each fuzz target that long and ends with one line of totals.
# What it finds lies in build-fuzz/findings/, what it learns in build-fuzz/corpus/.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60} only=${2:-}
dir=build-fuzz
CC=clang sh tools/build.sh $dir all -Dtests=false -Dfuzz=true -Db_sanitize=address,undefined \
	-Db_lundef=false || exit 1
passed=0 failed=0
for bin in "$dir"/tests/fuzz/fuzz_*; do
	[ -x "$bin" ] && [ -f "$bin" ] || continue
	name=${bin##*/fuzz_}
	[ -n "$only" ] && [ "$only" != "$name" ] && continue
	mkdir -p "$dir/corpus/$name" "$dir/findings"
	log=$dir/$name.log
	if "$bin" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=10 \
		-artifact_prefix="$dir/findings/$name-" -print_final_stats=1 \
		"$dir/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
		echo "ok   $name: ${rate:-?} executions per second"
	else
		failed=$((failed + 1))
		echo "FAIL $name: see $log"
		tail -n 15 "$log" | sed 's/^/   /'
	fi
done
if [ $((passed + failed)) = 0 ]; then
	echo "no fuzz target is called '$only'; they are: $(cd $dir/tests/fuzz && echo fuzz_*[!p] | sed 's/fuzz_//g')" >&2
	exit 2
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
