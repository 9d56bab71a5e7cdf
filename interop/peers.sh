#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds the programs that Fairlead is tested against, from the Go module
# proxy, pinned by the go.mod and go.sum files beside this script.
#
#   peers.sh [current] [old] [ship] [shipgo-a] [shipgo-b] [rivals] [policy] [ship-rival] [ship-rival-a]
#                                                            default: current old
#
#   current   tailscale, tailscaled and derper of the current release, and
#             tsnode, a small program of ours around its tsnet
#   old       tailscale and tailscaled of the oldest release that we admit
#   ship      shipnode, a SHIP node of ours that shares nothing with the hub
#   shipgo-a, shipgo-b   programs of ours around two versions of ship-go: 0.6.0, and of July 2026;
#             with Go's race detector where there is a C compiler
#   rivals    headscale, the peer of the benchmarks
#   policy    a small program of ours around its policy packages, for one of them
#   ship-rival, ship-rival-a   shipgo-b and shipgo-a as peers of the benchmarks, without the detector
#
# The programs land in build/peers (PEERS_DIR overrides). A set is built again
# only when its pins, the toolchain or this script changed.
#
# A module proxy need not serve ship-go. Where it does not, the reason stands in
# the place of the program as NAME.skip, and the cases that need it are skipped.
# Exit: 0 ready, 1 a build failed, 77 Go is missing or too old (skip).

set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${PEERS_DIR:-$here/../build/peers}
jobs=${PEERS_JOBS:-2}
[ $# -gt 0 ] || set -- current old

say() { printf 'peers: %s\n' "$*" >&2; }

skip() {
	say "$*"
	say "the interop tier is skipped; get Go from https://go.dev/dl/ and put it on the PATH"
	exit 77
}

# at_least HAVE WANT: dotted numbers, compared part by part.
at_least() {
	[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

command -v go >/dev/null 2>&1 || skip "Go is not installed"
GOTOOLCHAIN=local
CGO_ENABLED=0
GOFLAGS="-trimpath -buildvcs=false -mod=readonly"
GOWORK=off
export GOTOOLCHAIN CGO_ENABLED GOFLAGS GOWORK

# The newest language version that any of the wanted modules asks for. Asked
# for outside any module, so that an old Go can answer too.
have=$(cd / && go version | sed -n 's/^go version go\([0-9.]*\).*/\1/p')
[ -n "$have" ] || skip "cannot tell the version of $(command -v go)"
want=$(sed -n 's/^go \([0-9.]*\)$/\1/p' "$here/go.mod")
at_least "$have" "$want" || skip "Go $have is too old, $want or newer is needed"

# fresh SET MODULE_DIR OUTPUT_DIR PACKAGE...: whether all of them are there, built from what there is
# now; sets stamp and key. `sources` names files of ours that a set is built from, `as` a program that
# is not named as its package, `race` is -race or empty.
fresh() {
	stamp=$3/.stamp-$1
	# shellcheck disable=SC2086 # the words of the list
	key=$(cd "$here" && cat "$2/go.mod" "$2/go.sum" peers.sh $sources | sha256sum | cut -d ' ' -f 1)
	key="$key go$have $(go env GOOS)/$(go env GOARCH) $race"
	dir=$3
	shift 3
	for package in "$@"; do
		[ -x "$dir/${as:-${package##*/}}" ] || return 1
	done
	[ "$(cat "$stamp" 2>/dev/null)" = "$key" ]
}

# build SET MODULE_DIR OUTPUT_DIR PACKAGE...
build() {
	if fresh "$@"; then
		say "$1 is up to date"
		return
	fi
	set_name=$1 module=$2 dir=$3
	shift 3
	mkdir -p "$dir"
	rm -f "$stamp"
	# The version that the peers tell the server; a build from the module
	# proxy carries no commit, which is all that these stamps replace.
	release=$(sed -n 's/^[[:space:]]*tailscale\.com v\([0-9.]*\).*/\1/p' "$module/go.mod")
	flags="-s -w -X tailscale.com/version.shortStamp=$release"
	flags="$flags -X tailscale.com/version.longStamp=$release"
	for package in "$@"; do
		began=$(date +%s)
		say "building $set_name ${package##*/} (some minutes on a fresh machine)"
		# shellcheck disable=SC2086 # may be no word
		(cd "$module" && CGO_ENABLED=${race:+1} && CGO_ENABLED=${CGO_ENABLED:-0} &&
			go build $race -p "$jobs" -ldflags "$flags" \
				-o "$dir/${as:-${package##*/}}" "$package") || {
			say "building $package failed; is the Go module proxy within reach?"
			exit 1
		}
		say "built $set_name ${package##*/} in $(($(date +%s) - began)) s"
	done
	printf '%s\n' "$key" >"$stamp"
}

# shipgo SET VERSION OUTPUT_DIR PROGRAM: builds PROGRAM, or says in PROGRAM.skip why it cannot be had.
shipgo() {
	as=$4
	sources="shipgo-$2/main.go shipnode/go.mod shipnode/*.go shipnode/drive/*.go"
	set -- "$1" "$here/shipgo-$2" "$3" "fairlead.test/interop/shipgo-$2"
	mkdir -p "$3"
	rm -f "$3/$as.skip"
	if ! fresh "$@" && ! why=$(cd "$2" && go list -deps . 2>&1 >/dev/null); then
		why=$(printf '%s\n' "$why" | sed '/^go: downloading/d; s/^main.go:[0-9:]* //; q')
		say "$1 is skipped, the Go module proxy does not serve it: $why"
		rm -f "$3/$as"
		printf 'the Go module proxy does not serve it: %s\n' "$why" >"$3/$as.skip"
		return
	fi
	build "$@"
}

detector=
! command -v "${CC:-gcc}" >/dev/null 2>&1 || detector=-race

mkdir -p "$out"
out=$(cd "$out" && pwd)
for set_name in "$@"; do
	sources='' as='' race=''
	case $set_name in
	current)
		sources=cmd/tsnode/main.go
		build current "$here" "$out" tailscale.com/cmd/tailscaled \
			tailscale.com/cmd/tailscale tailscale.com/cmd/derper \
			fairlead.test/interop/cmd/tsnode
		;;
	old)
		build old "$here/old" "$out/old" tailscale.com/cmd/tailscaled \
			tailscale.com/cmd/tailscale
		;;
	ship)
		sources="cmd/shipnode/main.go shipnode/*.go shipnode/drive/*.go"
		build ship "$here" "$out" fairlead.test/interop/cmd/shipnode
		;;
	shipgo-a | shipgo-b)
		race=$detector
		shipgo "$set_name" "${set_name#shipgo-}" "$out/ship" "$set_name"
		;;
	ship-rival) shipgo ship-rival b "$out/rivals" ship ;;
	ship-rival-a) shipgo ship-rival-a a "$out/rivals" ship-a ;;
	rivals)
		build rivals "$here/rivals" "$out/rivals" \
			github.com/juanfont/headscale/cmd/headscale
		;;
	policy)
		sources=rivals/cmd/policybench/main.go
		build policy "$here/rivals" "$out/rivals" \
			fairlead.test/interop/rivals/cmd/policybench
		;;
	*)
		say "unknown set '$set_name': current, old, ship, shipgo-a, shipgo-b, rivals, policy, ship-rival or ship-rival-a"
		exit 2
		;;
	esac
done
