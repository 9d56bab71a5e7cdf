#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/embed/symbols.sh LIBRARY HEADER - the library shows what the header declares, and no more.
set -eu
shown=$(nm -D --defined-only "$1" | awk '$2 ~ /[A-Z]/ { print $3 }' | sort)
declared=$(awk '/^FL_API/ { on = 1 }
	on && match($0, /fl_hub_[a-z_]+\(/) { print substr($0, RSTART, RLENGTH - 1); on = 0 }
	/;/ { on = 0 }' "$2" | sort)
[ -n "$declared" ]
if [ "$shown" != "$declared" ]; then
	echo "shown by $1:"
	echo "$shown"
	echo "declared in $2:"
	echo "$declared"
	exit 1
fi
echo "$declared" | wc -l
