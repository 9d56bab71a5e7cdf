#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/deps.sh - installs the Debian packages that a command needs and that are missing. Where none
# is missing it neither needs the network nor root.
# Usage: tools/deps.sh build|test|interop|lint|fuzz|cover|bench|dist
set -eu

build="gcc libc6-dev meson ninja-build pkg-config libuv1-dev libssl-dev libsodium-dev libnghttp2-dev
node-llhttp libwslay-dev libzstd-dev libjansson-dev libyaml-dev libsqlite3-dev libcurl4-openssl-dev
libavahi-client-dev libavahi-core-dev"
clang="clang libclang-rt-dev llvm"
interop="iproute2 iptables nftables procps curl ca-certificates"

case "${1:-}" in
build) wanted=$build ;;
test) wanted="$build $clang libcmocka-dev groff-base zsh fish iproute2 avahi-daemon dbus
libqrencode4" ;;
fuzz) wanted="$build $clang" ;;
cover) wanted="$build $clang libcmocka-dev" ;;
lint) wanted="$build clang clang-format clang-tidy cppcheck git" ;;
interop) wanted="$build $interop" ;;
bench) wanted="$build $interop" ;;
dist) wanted="$build binutils" ;;
*)
	echo "usage: tools/deps.sh build|test|interop|lint|fuzz|cover|bench|dist" >&2
	exit 2
	;;
esac

# Elsewhere the build itself says what it does not find.
if ! command -v dpkg-query >/dev/null 2>&1; then
	for program in meson ninja pkg-config; do
		command -v $program >/dev/null 2>&1 && continue
		echo "$program is missing. This is no Debian system; install the counterparts of:" >&2
		echo "  $wanted" | tr '\n' ' ' >&2
		echo >&2
		exit 1
	done
	exit 0
fi

# shellcheck disable=SC2086
missing=$({ dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true; } |
	awk -v wanted="$wanted" '
		$2 == "installed" { have[$1] = 1 }
		END {
			n = split(wanted, p)
			for (i = 1; i <= n; i++)
				if (!(p[i] in have))
					printf " %s", p[i]
		}')
[ -n "$missing" ] || exit 0

by_hand() {
	echo "$1 As root:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	echo "Then run the command again." >&2
	exit 1
}

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || by_hand "Some packages are missing and there is no sudo."
	as_root=sudo
fi

echo "Installing what is missing (some minutes):$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null; }
# shellcheck disable=SC2086
# An update that reached no server succeeds, so the lists may be old ones: what counts is the install.
if ! { apt update && apt install -y --no-install-recommends $missing; } >"$log" 2>&1; then
	grep -E '^(E|W|Err):?' "$log" | tail -n 3 >&2 || tail -n 12 "$log" >&2
	by_hand "The packages could not be installed; the lines above say why (no network?)."
fi
