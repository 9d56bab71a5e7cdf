#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/mutants.sh - sourced by the scripts that break the server in one place after the other, in a
# copy below build-mutants/, to see whether somebody notices.
#
# A mutant is a line: who is to notice it, the file below src/, and a sed program that must change it;
# perhaps " @@ FILE PROGRAM", where a second guard stands behind the first.
dir=${MUTANTS_DIR:-build-mutants}
tree=$dir/tree

# Sets $file and $program, and $file2 and $program2 where there is a second place.
split() {
	file=$1 program=${2%% @@ *} file2='' program2=''
	case $2 in
	*' @@ '*)
		program2=${2#* @@ }
		file2=${program2%% *} program2=${program2#* }
		;;
	esac
}

# file, sed program: does that change it?
changes() {
	[ -f "src/$1" ] && ! sed "$2" "src/$1" | cmp -s - "src/$1"
}

fits() {
	changes "$file" "$program" && { [ -z "$file2" ] || changes "$file2" "$program2"; }
}

# Without building anything: reads mutants, and names those that fit no line any more.
fit_all() {
	passed=0 failed=0
	while IFS='|' read -r wanted file program; do
		split "$file" "$program"
		if fits; then
			passed=$((passed + 1))
		else
			printf 'FAIL %s\n' "$wanted $file: fits nothing any more: $program${file2:+ @@ $file2 $program2}"
			failed=$((failed + 1))
		fi
	done
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}

# Ninja target: copies the sources and builds it. What is the same keeps its date, and is not built
# again.
copy_sources() {
	target=$1
	find meson.build meson_options.txt examples include src tests tools bench -type f | while read -r f; do
		cmp -s "$f" "$tree/$f" && continue
		mkdir -p "$(dirname "$tree/$f")"
		cp "$f" "$tree/$f"
	done
	CC="${CC:-gcc}" meson setup "$dir/build" "$tree" -Dtests=true >"$dir/setup.log" 2>&1 ||
		CC="${CC:-gcc}" meson setup --reconfigure "$dir/build" "$tree" >"$dir/setup.log" 2>&1 || exit 1
	ninja --quiet -C "$dir/build" "$target" >"$dir/build.log" 2>&1 || {
		cat "$dir/build.log"
		exit 1
	}
}

# Breaks the copy in the places of split, and builds it. Else says why not in $found.
break_copy() {
	found="the mutation fits nothing any more"
	fits || return 1
	sed -i "$program" "$tree/src/$file"
	[ -z "$file2" ] || sed -i "$program2" "$tree/src/$file2"
	found="does not build"
	ninja --quiet -C "$dir/build" "$target" >"$dir/build.log" 2>&1
}

mend_copy() {
	cp "src/$file" "$tree/src/$file"
	[ -z "$file2" ] || cp "src/$file2" "$tree/src/$file2"
}

# function: reads mutants, breaks the copy by one after the other, and asks the function, with who is
# to notice it, whether they did; it says in $found what was seen. Ends with one line of totals.
try_mutants() {
	passed=0 failed=0
	while IFS='|' read -r wanted file program; do
		split "$file" "$program"
		if break_copy && "$1" "$wanted"; then
			echo "ok   $file${file2:+, $file2}: $found"
			passed=$((passed + 1))
		else
			printf 'FAIL %s\n' "$file: wanted $wanted, found ${found:-nothing}: $program"
			failed=$((failed + 1))
		fi
		mend_copy
	done
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" = 0 ]
}
