#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/lint_floors_test.sh - a small clean tree passes the floor checker; each rule, broken once, is
# found in the file and line where it was broken, and nothing else is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed=0 failed=0

spdx='/* SPDX-License-Identifier: BSD-3-Clause */'

# put FILE LINE... writes a source file with its licence line first.
put() {
	file=$tree/$1
	shift
	mkdir -p "$(dirname "$file")"
	printf '%s\n' "$spdx" "$@" >"$file"
}

clean_tree() {
	rm -rf "$tree"
	mkdir -p "$tree/docs/protocol"
	printf "%s\n" "# SPDX-License-Identifier: BSD-3-Clause" "warn = ['-Wvla']" >"$tree/meson.build"
	printf '%s\n' '# Relay' '## 1. Frames' '### 1.10 Pings' >"$tree/docs/protocol/relay.md"
	put src/base/err.h 'int a;'
	put src/base/err.c '#include "base/err.h"' '#include <string.h>'
	put src/wire/derp.h '/*' ' * Source  docs/protocol/relay.md 1, 1.10 and its notes' ' */' \
		'#include "base/err.h"'
	put src/proto/derp.h '/* Source    docs/protocol/relay.md */' '#include "wire/derp.h"'
	put src/domain/a/x.h '#include "domain/b/y.h"'
	put src/domain/b/y.h 'int b;'
	put src/io/loop.c '#include "base/err.h"' '#include <time.h>' '#include <uv.h>'
	put src/cli/main.c '#include "io/loop.h"' '#include "domain/a/x.h"'
	put src/io/loop.h 'int c;'
	put tests/base/test_err.c '#include "table.h"' 'int snprintf_like;'
}

run() { sh "$here/lint_floors.sh" "$tree" >"$tree/out" 2>&1; }

report() {
	if [ "$1" = ok ]; then
		passed=$((passed + 1))
		echo "ok - $2"
	else
		failed=$((failed + 1))
		echo "not ok - $2"
		sed 's/^/    /' "$tree/out"
	fi
}

# passes NAME: the tree has no finding.
passes() {
	if run; then report ok "$1"; else report bad "$1"; fi
	clean_tree
}

# finds NAME PLACE WORDS: exactly one finding, at PLACE, that says WORDS.
finds() {
	verdict=bad
	if ! run && [ "$(grep -c '^[^ ]*:[0-9]*: ' "$tree/out")" = 1 ] &&
		grep -q "^$2: .*$3" "$tree/out" && grep -q '^lint_floors: 1 findings' "$tree/out"; then
		verdict=ok
	fi
	report $verdict "$1"
	clean_tree
}

long() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "x" }'; }

clean_tree
passes 'a clean tree'

put src/base/err.h '#include "wire/derp.h"' 'int a;'
put src/wire/derp.h '/* Source  docs/protocol/relay.md */'
finds 'an include of a floor above' src/base/err.h:2 'may not use wire/, which is above'

put src/store/db.h 'int d;'
put src/domain/a/x.h '#include "store/db.h"'
finds 'an include of the next floor above' src/domain/a/x.h:2 'may not use store/'

put src/base/err.c '#include "err.h"'
finds 'an include without its floor' src/base/err.c:2 'not a file of src'

put src/base/err.c '#include "base/gone.h"'
finds 'an include of a file that is not there' src/base/err.c:2 'not a file of src'

put src/base/err.c '#include ERR_HEADER'
finds 'an include through a macro' src/base/err.c:2 'cannot be read'

put src/extra/x.c '#include "base/err.h"'
finds 'a folder that is no floor' src/extra/x.c:2 'is not a floor'

put src/base/err.c '/*' '#include "base/gone.h"' '*/'
passes 'an include inside a comment'

put src/base/a.h '#include "base/b.h"'
put src/base/b.h '#include "base/c.h"'
put src/base/c.h '' '#include "base/a.h"'
finds 'an include cycle' src/base/c.h:3 'an include cycle: src/base/a.h > src/base/b.h'

put src/base/err.h '#include "base/err.h"'
finds 'a file that includes itself' src/base/err.h:2 'an include cycle'

put src/domain/b/z.h '#include "domain/a/w.h"'
put src/domain/a/w.h 'int w;'
finds 'folders that lean on each other' src/domain/a/x.h:2 'src/domain/b use each other'

put src/services/core.h '#include "services/a/x.h"'
put src/services/a/x.h 'int x;'
put src/services/a/y.h '#include "services/core.h"'
passes 'a folder and the floor it is in'

put src/domain/b/y.h '#include <time.h>'
finds 'a clock in the domain' src/domain/b/y.h:2 'has no clock'

put src/base/err.c '#include <sys/socket.h>'
finds 'a descriptor in base' src/base/err.c:2 'has no clock, descriptor or thread'

put src/proto/derp.c '#include  <pthread.h>'
finds 'a thread in proto' src/proto/derp.c:2 'has no clock, descriptor or thread'

put src/wire/derp.h 'int a;'
finds 'a wire header without a Source' src/wire/derp.h:1 'no Source line'

put src/proto/derp.h '/* Source  everybody knows */'
finds 'a Source that names no document' src/proto/derp.h:2 'names no document'

put src/proto/derp.h '/* Source  docs/protocol/gone.md 1 */'
finds 'a Source whose document is gone' src/proto/derp.h:2 'docs/protocol/gone.md does not exist'

put src/proto/derp.h '/* Source  docs/protocol/relay.md 1 and 1.11; RFC 7 */'
finds 'a Source whose section is gone' src/proto/derp.h:2 'no section 1.11'

put src/proto/derp.c 'int a;'
passes 'a source file needs no Source'

for name in src/base/x.c src/base/x.h tests/base/x.c tools/x.sh include/fairlead/x.h bench/x.c \
	tests/base/meson.build; do
	put "$name" 'int a;'
	sed -i 1d "$tree/$name"
	finds "no licence in $name" "$name:1" 'no licence line'
done

put src/base/x.c ''
{
	printf '\n\n'
	cat "$tree/src/base/x.c"
} >"$tree/x" && mv "$tree/x" "$tree/src/base/x.c"
passes 'a licence on line 3'

for n in 899 900 901; do
	awk -v n="$n" -v first="$spdx" 'BEGIN { print first; for (i = 1; i < n; i++) print "" }' \
		>"$tree/src/base/x.c"
	if [ "$n" -le 900 ]; then
		passes "a file of $n lines"
	else
		finds "a file of $n lines" src/base/x.c:901 '901 lines, more than 900'
	fi
done

for n in 99 100 101; do
	put src/base/x.c "$(long "$n")"
	if [ "$n" -le 100 ]; then passes "a line of $n columns"; else
		finds "a line of $n columns" src/base/x.c:2 '101 columns'
	fi
done

tab=$(printf '\t')
put src/base/x.c "$tab$tab$(long 84)"
passes 'a line of 100 columns with two tabs'
put src/base/x.c "$tab$tab$(long 85)"
finds 'a line of 101 columns with two tabs' src/base/x.c:2 '101 columns'
put src/base/x.c "abc$tab$(long 93)"
finds 'a tab goes to the next eighth column' src/base/x.c:2 '101 columns'
put src/base/x.c "$(long 98)äö"
passes 'a line of 100 characters in 102 bytes'
put src/base/x.c "$(long 98)äöü"
finds 'a line of 101 characters' src/base/x.c:2 '101 columns'

for call in strcpy strcat strncat stpcpy sprintf vsprintf gets alloca; do
	put src/base/x.c '' "	x = $call (a, b);"
	finds "a call of $call" src/base/x.c:3 'a call without a bound'
done
put tests/base/x.c 'return strcpy(a, b);'
finds 'a banned call in a test' tests/base/x.c:2 'a call without a bound'

put src/base/x.c 'fl_strcpy(a); strcpy_s(a); my.gets_all(a); snprintf(a); fgets(a); int gets;'
passes 'names that only contain a banned one'
put src/base/x.c '/* strcpy(a, b) is' ' * strcat(a, b) banned' ' */ f("sprintf(x)", '"'\"'"'); // gets(a)'
passes 'banned calls in comments and strings'
put src/base/x.c 'f("/*"); strcpy(a, b); g("*/");'
finds 'a banned call between strings' src/base/x.c:2 'a call without a bound'
put src/base/x.c '/* a */ strcpy(a, b); /* b */'
finds 'a banned call between comments' src/base/x.c:2 'a call without a bound'
put src/base/x.c '/* it'"'"'s' '*/ strcpy(a, b);'
finds 'a banned call after a comment' src/base/x.c:3 'a call without a bound'
put src/base/x.c 'f("a\"b"); strcpy(a, b);'
finds 'a banned call after an escaped quote' src/base/x.c:2 'a call without a bound'

sed -i s/-Wvla/-Wall/ "$tree/meson.build"
finds 'a build that allows variable arrays' meson.build:1 'variable length'

put src/base/a.c '#include "base/gone.h"' 'strcpy(a, b);'
verdict=bad
if ! run && [ "$(grep -c ':[0-9]*: ' "$tree/out")" = 2 ]; then verdict=ok; fi
report $verdict 'two findings in one file'

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
