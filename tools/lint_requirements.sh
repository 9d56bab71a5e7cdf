#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/lint_requirements.sh BUILD [ROOT] - docs/requirements.md names only tests that exist, and no
# more rows sleep than it says.
#
# BUILD is a configured build folder: its list of tests is the one that counts. The names stand in
# backquotes in the last column of the rows; what each kind is, the document says. Prints the names
# that are nowhere, and rows without a name that do not begin "none".
set -eu
build=$1
cd "${2:-$(dirname "$0")/..}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What there is.
sed 's/"name": "/\n&/g' "$build/meson-info/intro-tests.json" | sed -n 's/^"name": "\([^"]*\)".*/\1/p' \
	>"$work/meson"
sed -n 's/^func \(Test[A-Za-z0-9_]*\)(.*/\1/p' interop/*_test.go >"$work/go"
sed -n 's/^[[:space:]]*{"\([A-Z][A-Z]*-[0-9A-Z]*\) .*/\1/p' interop/conformance_*_test.go >"$work/rules"
grep -ohE '"[A-Z]+-[0-9]+[":]' tests/sim/*.c tests/model/*.c | tr -d '":' >>"$work/rules"

# What is named: one "row name" a line, ISS-1..3 as ISS-1, ISS-2 and ISS-3; "row -" is a row without.
awk -F ' *[|] *' '/^[|] H-/ {
	if ($(NF - 1) ~ /^none/)
		next
	count = split($(NF - 1), part, "`")
	if (count < 3)
		print $2, "-"
	for (i = 2; i <= count; i += 2) {
		at = index(part[i], "..")
		if (at == 0) {
			print $2, part[i]
			continue
		}
		dash = index(part[i], "-")
		last = substr(part[i], at + 2) + 0
		for (n = substr(part[i], dash + 1, at - dash - 1) + 0; n <= last; n++)
			print $2, substr(part[i], 1, dash) n
	}
}' docs/requirements.md >"$work/named"

# The file of suite/name is tests/suite/test_name.c, with workers or without.
has_function() {
	path=$(printf '%s\n' "${1%%:*}" | sed 's|/workers/|/|; s|/\([^/]*\)$|/test_\1|')
	grep -qx "${1%%:*}" "$work/meson" && [ -f "tests/$path.c" ] &&
		grep -qE "^static void ${1#*:}\(" "tests/$path.c"
}

exists() {
	case $1 in
	*/*:*) has_function "$1" ;;
	*/*) grep -qx "$1" "$work/meson" ;;
	Test*) grep -qx "$1" "$work/go" ;;
	*) grep -qx -- "$1" "$work/rules" ;;
	esac
}

passed=0 failed=0
while read -r row name; do
	if exists "$name"; then
		passed=$((passed + 1))
		continue
	fi
	failed=$((failed + 1))
	[ "$name" = - ] && name="names no test" || name="there is no test $name"
	echo "docs/requirements.md: $row: $name"
done <"$work/named"

# H-029.5: a row that sleeps may pass for the wrong reason.
sleeping=$(cat interop/conformance_*_test.go | grep -c 'time\.Sleep' || true)
if [ "$sleeping" -gt 4 ]; then
	failed=$((failed + 1))
	echo "docs/requirements.md: H-029.5: $sleeping rows sleep, not four"
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
