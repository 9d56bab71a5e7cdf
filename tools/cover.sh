#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/cover.sh - line coverage of src/ by the unit and corpus suites, lowest files first.
set -eu
cd "$(dirname "$0")/.."
dir=build-cover
flags='-fprofile-instr-generate -fcoverage-mapping'
CC=clang sh tools/build.sh $dir all -Dc_args="$flags" -Dc_link_args="$flags"
rm -rf $dir/profiles
mkdir -p $dir/profiles
LLVM_PROFILE_FILE="$PWD/$dir/profiles/%4m.profraw" meson test -C $dir --no-rebuild --no-suite lint \
	>$dir/test.log 2>&1 </dev/null || echo "Some tests failed, see $dir/test.log" >&2
llvm-profdata merge -sparse -o $dir/all.profdata $dir/profiles/*.profraw
objects=$(find $dir/tests $dir/src/cli -maxdepth 2 -type f -perm -u+x \
	\( -name 'test_*' -o -name 'replay_*' -o -name fairlead \) -printf ' -object %p')
# shellcheck disable=SC2086
llvm-cov report -instr-profile=$dir/all.profdata $objects \
	-ignore-filename-regex='(tests|llhttp)/' 2>/dev/null |
	awk '
		/^TOTAL/ { total = $(NF - 3) }
		/\.[ch] / && $(NF - 3) ~ /%/ { print $(NF - 3), $1 | "sort -n" }
		END {
			close("sort -n")
			print total, "of all lines"
		}'
