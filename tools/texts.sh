#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/texts.sh - has the program write its manual page and completion scripts where they belong.
# Usage: texts.sh PROGRAM SHARE ZSH-FOLDER   (SHARE: .../share; of meson's prefix in `meson install`)
set -eu
program=$1 share=${MESON_INSTALL_DESTDIR_PREFIX:+$MESON_INSTALL_DESTDIR_PREFIX/}$2 zsh=$3

if ! "$program" version >/dev/null 2>&1; then
	echo "$program does not run here: no manual page, no completions" >&2
	exit 0
fi

# put FOLDER NAME ARGUMENTS...: what the program says to these, as a file.
put() {
	mkdir -p "$share/$1"
	to=$share/$1/$2
	shift 2
	"$program" "$@" >"$to"
	chmod 644 "$to"
}
put man/man1 fairlead.1 help --man
put bash-completion/completions fairlead completion bash
put "$zsh" _fairlead completion zsh
put fish/vendor_completions.d fairlead.fish completion fish
