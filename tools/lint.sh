#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/lint.sh - floors, formatting, dead text, cppcheck and clang-tidy; ends with one line of totals.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
check() {
	name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name"
	fi
}
sources() { git ls-files 'src/*.c' 'src/*.h' 'tests/*.c' 'tests/*.h' 'bench/*.c' 'bench/*.h'; }
formatting() { sources | xargs clang-format --dry-run --Werror; }
run_cppcheck() {
	cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr --enable=warning,portability,performance \
		--suppressions-list=tools/cppcheck-suppressions.txt -D_GNU_SOURCE -D__linux__ -I src -j 2 src
}
run_tidy() {
	CC=clang sh tools/build.sh build-tidy none -Dtests=false || return 1
	git ls-files 'src/*.c' | xargs -P 2 -n 8 clang-tidy --quiet -p build-tidy --warnings-as-errors='*'
}
check floors sh tools/lint_floors.sh
check formatting formatting
check "dead text" sh tools/lint_dead_text.sh
check cppcheck run_cppcheck
check clang-tidy run_tidy
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
