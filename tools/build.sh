#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/build.sh - configures a build folder where that is due, then builds targets in it.
# Usage: [CC=gcc] tools/build.sh FOLDER TARGETS [MESON-OPTION...]
#   TARGETS  as Ninja takes them, separated by spaces; "all" or "none"
#
# A folder whose compiler, flags, options or place changed, or that is broken, is configured from
# scratch; what else lies in it (peers, packages, figures) stays.
set -eu
cd "$(dirname "$0")/.."
dir=$1 targets=$2
shift 2
export CC="${CC:-gcc}"
key="$PWD $CC ${CFLAGS:-} ${LDFLAGS:-} $*"

# Folders are removed below: never those of the sources.
if [ -e "$dir/meson.build" ]; then
	echo "$dir holds sources; name another folder to build in" >&2
	exit 2
fi

configure() {
	rm -rf "$dir"/meson-* "$dir"/build.ninja "$dir"/.ninja_* "$dir"/compile_commands.json "$dir"/src \
		"$dir"/tests "$dir"/tools "$dir"/.configured
	mkdir -p "$dir"
	if ! meson setup "$dir" "$@" >"$dir/setup.log" 2>&1; then
		grep -E 'ERROR|not found' "$dir/setup.log" >&2 || cat "$dir/setup.log" >&2
		echo "$dir could not be configured; $dir/setup.log has it all" >&2
		return 1
	fi
	printf '%s\n' "$key" >"$dir/.configured"
}

fresh=no
if [ "$(cat "$dir/.configured" 2>/dev/null)" != "$key" ] ||
	! ninja -C "$dir" build.ninja >/dev/null 2>&1; then
	fresh=yes
	echo "Building in $dir/ ..."
	configure "$@"
fi
case $targets in
none) exit 0 ;;
all) targets= ;;
esac

# Errors and warnings always show, progress where someone waits for it.
quiet=--quiet
[ $fresh = yes ] && [ -t 1 ] && quiet=
# shellcheck disable=SC2086
exec ninja $quiet -C "$dir" $targets
