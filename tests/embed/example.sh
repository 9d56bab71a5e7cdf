#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/embed/example.sh PROGRAM - the first program, without a device and with what is none: it says
# how it is used, and makes nothing.
program=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
for device in '' 'no-device'; do
	# shellcheck disable=SC2086
	said=$("$program" $device 2>&1)
	code=$?
	if [ "$code" != 2 ] || [ "$said" != 'usage: ship_hub SKI|QR-TEXT' ]; then
		echo "with '$device': exit $code, $said"
		exit 1
	fi
done
[ -z "$(ls)" ] || {
	echo "it made: $(ls)"
	exit 1
}
