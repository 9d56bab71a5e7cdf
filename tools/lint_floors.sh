#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/lint_floors.sh [ROOT] - reads the include graph of src/ and the look of every source file.
#
# Prints each finding as "file:line: text; what to do" and fails if there is one. The rules are
# those of tools/lint_floors.awk; needs sh, find and awk.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/..}"
[ -d src ] || {
	echo "lint_floors: no src/ below $(pwd)" >&2
	exit 2
}

list=$(mktemp)
trap 'rm -f "$list"' EXIT
for dir in src include tests bench tools docs; do
	[ ! -d "$dir" ] || find "$dir" -type f \
		\( -name '*.[ch]' -o -name '*.sh' -o -name '*.awk' -o -name 'meson.build' -o -name '*.md' \) \
		! -path '*/corpus/*' ! -path '*/vectors/*'
done | sort >"$list"
LC_ALL=C awk -f "$here/lint_floors.awk" "$list"
