#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/cover.sh - line coverage of src/ by the unit and corpus suites, lowest files first.
set -eu
cd "$(dirname "$0")/.."
dir=build-cover
[ -f $dir/build.ninja ] || CC=clang meson setup $dir -Dc_args='-fprofile-instr-generate -fcoverage-mapping' \
	-Dc_link_args='-fprofile-instr-generate -fcoverage-mapping' >/dev/null
ninja -C $dir >/dev/null
rm -rf $dir/profiles
mkdir -p $dir/profiles
LLVM_PROFILE_FILE="$PWD/$dir/profiles/%p.profraw" meson test -C $dir --no-rebuild --suite unit --suite corpus >/dev/null || true
llvm-profdata merge -sparse -o $dir/all.profdata $dir/profiles/*.profraw
objects=$(find $dir/tests -maxdepth 2 -type f -perm -u+x -name 'test_*' -printf ' -object %p')
# shellcheck disable=SC2086
llvm-cov report -instr-profile=$dir/all.profdata $objects -ignore-filename-regex='(tests|llhttp)/' 2>/dev/null |
	awk 'NR <= 2 || /\.c / || /TOTAL/ { print $1, $(NF-3) }' | sort -k2 -n
