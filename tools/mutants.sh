#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/mutants.sh - sourced by the scripts that break the server in one place after the other, in a
# copy below build-mutants/, to see whether somebody notices.
#
# A mutant is a line: who is to notice it, the file below src/, and a sed program that must change it.
dir=build-mutants tree=build-mutants/tree

# Ninja target: copies the sources and builds it.
copy_sources() {
	target=$1
	rm -rf "$tree"
	mkdir -p "$tree"
	cp -R meson.build meson_options.txt examples include src tests tools bench "$tree" || exit 1
	CC="${CC:-gcc}" meson setup "$dir/build" "$tree" -Dtests=true >"$dir/setup.log" 2>&1 ||
		CC="${CC:-gcc}" meson setup --reconfigure "$dir/build" "$tree" >"$dir/setup.log" 2>&1 || exit 1
	ninja --quiet -C "$dir/build" "$target" >"$dir/build.log" 2>&1 || {
		cat "$dir/build.log"
		exit 1
	}
}

# file, sed program: breaks the copy and builds it. Else says why not in $found.
break_copy() {
	cp "src/$1" "$tree/src/$1"
	sed -i "$2" "$tree/src/$1"
	found="the mutation fits nothing any more"
	! cmp -s "src/$1" "$tree/src/$1" || return 1
	found="does not build"
	ninja --quiet -C "$dir/build" "$target" >"$dir/build.log" 2>&1
}

# function: reads mutants, breaks the copy by one after the other, and asks the function, with who is
# to notice it, whether they did; it says in $found what was seen. Ends with one line of totals.
try_mutants() {
	passed=0 failed=0
	while IFS='|' read -r wanted file program; do
		if break_copy "$file" "$program" && "$1" "$wanted"; then
			echo "ok   $file: $found"
			passed=$((passed + 1))
		else
			echo "FAIL $file: wanted $wanted, found ${found:-nothing}: $program"
			failed=$((failed + 1))
		fi
		cp "src/$file" "$tree/src/$file"
	done
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" = 0 ]
}
