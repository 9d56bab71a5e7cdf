#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/dist.sh - a stripped release binary and, where dpkg-deb exists, a Debian package, both in
# build/dist. The same commit and tools give the same package.
set -eu
cd "$(dirname "$0")/.."
umask 022
out=build/dist
rm -rf $out
sh tools/release.sh
version=$($out/fairlead version | awk 'NR == 1 { print $2 }')

# The package depends on what the program is linked with and on what it opens (OpenSSL, SQLite), which
# control names; what it is linked with must not be more.
linked_as_named() {
	extra=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
		grep -vE '^(lib(c|wslay)|ld-linux[^.]*)\.so' || true)
	[ -z "$extra" ] && return
	echo "linked with $(echo $extra), which packaging/debian/control does not name: its archive" \
		"(.a) is missing here" >&2
	exit 1
}

# Our licence and those of the code that is inside the program.
notices() {
	cat LICENSE
	for package in libjansson-dev libnghttp2-dev libsodium-dev libuv1-dev libyaml-dev libzstd-dev \
		node-llhttp; do
		printf '\n---- contains code of %s ----\n\n' "${package%-dev}"
		cat "/usr/share/doc/$package/copyright"
	done
}

# What units and settings name has to be in the package.
named_docs() {
	for doc in $(grep -ho '/usr/share/doc/fairlead/[a-z.]*md' packaging/*.service packaging/config.yaml); do
		[ -f "$1$doc" ] && continue
		echo "$doc is named in packaging/ and not installed" >&2
		exit 1
	done
}

# Lays out what the package installs below $1.
fill() {
	mkdir -p "$1/DEBIAN" "$1/usr/bin" "$1/usr/lib/systemd/system" "$1/etc/fairlead"
	install -m 755 $out/fairlead "$1/usr/bin/fairlead"
	install -m 644 packaging/*.service "$1/usr/lib/systemd/system/"
	install -m 644 packaging/config.yaml "$1/etc/fairlead/config.yaml"
	mkdir -p "$1/usr/share/doc/fairlead"
	notices >"$1/usr/share/doc/fairlead/copyright"
	chmod 644 "$1/usr/share/doc/fairlead/copyright"
	install -m 644 README.md CHANGES docs/*.md "$1/usr/share/doc/fairlead/"
	named_docs "$1"
	sh tools/texts.sh $out/fairlead "$1/usr/share" zsh/vendor-completions
	gzip -9n "$1/usr/share/man/man1/fairlead.1"
	install -m 755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$1/DEBIAN/"
	echo /etc/fairlead/config.yaml >"$1/DEBIAN/conffiles"
	sed "s/@VERSION@/$version/; s/@ARCH@/$arch/" packaging/debian/control >"$1/DEBIAN/control"
}

if command -v dpkg-deb >/dev/null 2>&1; then
	arch=$(dpkg --print-architecture)
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
	export SOURCE_DATE_EPOCH
	linked_as_named $out/fairlead
	fill $out/root
	dpkg-deb --root-owner-group --build $out/root "$out/fairlead_${version}_$arch.deb" >/dev/null
	rm -rf $out/root
fi
(cd $out && wc -c -- * | awk '$2 != "total" { printf "%9d bytes  '$out'/%s\n", $1, $2 }')
