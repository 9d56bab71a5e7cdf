#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/captures.sh PROGRAM [DIR] - runs every recorded policy case below a folder: DIR, else
# $FAIRLEAD_CAPTURES, else ../shared/captures. Exit 77 if there is no such folder.
set -u
program=$(realpath "$1") || exit 1
cd "$(dirname "$0")/.." || exit 1
dir=${2:-${FAIRLEAD_CAPTURES:-../shared/captures}}
if [ ! -d "$dir" ]; then
	echo "policy cases are NOT RUN: there is no folder $dir; name one in FAIRLEAD_CAPTURES"
	exit 77
fi
exec "$program" "$dir" tests/captures/known.txt
