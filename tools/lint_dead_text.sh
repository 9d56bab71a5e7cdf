#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/lint_dead_text.sh [ROOT] - what no compiler refuses: code and tests put aside, tests inside the
# server, letters beyond ASCII.
#
# A test that does not run is deleted, not put aside (the compiler finds those that nobody lists),
# and what the sources say is plain ASCII, as is what tests print.
set -eu
cd "${1:-$(dirname "$0")/..}"
status=0
sources=$(find src tests bench -type f -name '*.[ch]' | sort)
tests=$(find tests -type f -name '*.c' | sort)

# absent WHAT FILES GREP-OPTIONS PATTERN [BUT]: prints each line that fits, except those that fit BUT.
absent() {
	found=$(printf '%s\n' "$2" | LC_ALL=C xargs grep "$3" "$4" /dev/null | grep -vE "${5:-^$}") || return 0
	printf '%s\n' "$found" | sed "s/\$/   <- $1/"
	status=1
}

absent "code put aside" "$sources" -nE '^[[:space:]]*#[[:space:]]*if[[:space:]]+0'
absent "a test put aside" "$tests" -nE \
	'^[[:space:]]*(//|/\*)[[:space:]]*(suite_add|ROWS|cmocka_unit_test|assert_)'
absent "for a test only" "$(printf '%s\n' "$sources" | grep '^src/')" -nE \
	'^[[:space:]]*#[[:space:]]*(el)?if.*(TEST|MOCK|FUZZ)' '_H$'
absent "not ASCII" "$sources" -nP '[^\x00-\x7f]'
exit $status
