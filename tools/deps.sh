#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/deps.sh - installs the Debian packages that a command needs and that are missing.
# Usage: tools/deps.sh build|test|interop|lint|fuzz|bench
set -eu

build="gcc libc6-dev make git meson ninja-build pkg-config libuv1-dev libssl-dev libsodium-dev
libnghttp2-dev node-llhttp libwslay-dev libzstd-dev libjansson-dev libyaml-dev libsqlite3-dev
libcurl4-openssl-dev"
test="$build libcmocka-dev clang libclang-rt-14-dev llvm openssl procps"
interop="iproute2 iptables nftables curl ca-certificates"
lint="$build libcmocka-dev clang clang-format clang-tidy cppcheck"

case "${1:-}" in
build) wanted=$build ;;
test) wanted=$test ;;
interop) wanted=$interop ;;
lint) wanted=$lint ;;
fuzz) wanted=$test ;;
bench) wanted="$test $interop" ;;
*)
	echo "usage: tools/deps.sh build|test|interop|lint|fuzz|bench" >&2
	exit 2
	;;
esac

missing=
for p in $wanted; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "These Debian packages are missing; install them as root and run the command again:" >&2
		echo "  apt-get install$missing" >&2
		exit 1
	fi
	sudo=sudo
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "Not a Debian system. Install the counterparts of:$missing" >&2
	exit 1
fi

echo "Installing what is missing:$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "Packages could not be installed; the lines above say why." >&2
	rm -f "$log"
	exit 1
fi
rm -f "$log"
