#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/domain/devices/no_locks.sh SOURCES - bug 4 of docs/protocol/ship.md 7 was a circle of locks. Here one
# loop owns the hub, so there is none to take: in all of domain/ and in services/ship.
cd "$1" || exit 1
dirs=src/domain
[ ! -d src/services/ship ] || dirs="$dirs src/services/ship"
# shellcheck disable=SC2086 # two folders
if grep -rnE 'pthread\.h|pthread_|uv_(mutex|rwlock|sem|cond)_|mtx_|<threads\.h>' $dirs; then
	echo "FAIL  a lock where one owner will do"
	exit 1
fi
