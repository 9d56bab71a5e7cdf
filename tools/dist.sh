#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/dist.sh - a stripped release binary and, where dpkg-deb exists, a Debian package in build/dist.
set -eu
cd "$(dirname "$0")/.."
dir=build-release
[ -f $dir/build.ninja ] || meson setup $dir --buildtype=release -Dtests=false -Db_lto=true >/dev/null
ninja -C $dir src/cli/fairlead >/dev/null
out=build/dist
rm -rf $out
mkdir -p $out
cp $dir/src/cli/fairlead $out/fairlead
strip $out/fairlead
version=$($out/fairlead version | awk 'NR == 1 { print $2 }')
if command -v dpkg-deb >/dev/null 2>&1; then
	root=$out/root
	mkdir -p $root/usr/bin $root/lib/systemd/system $root/etc/fairlead $root/DEBIAN $root/usr/share/doc/fairlead \
		$root/usr/share/bash-completion/completions $root/usr/share/zsh/vendor-completions \
		$root/usr/share/fish/vendor_completions.d
	cp $out/fairlead $root/usr/bin/
	cp packaging/*.service $root/lib/systemd/system/
	cp packaging/config.yaml $root/etc/fairlead/config.yaml
	cp LICENSE $root/usr/share/doc/fairlead/copyright
	cp packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm $root/DEBIAN/
	chmod 755 $root/DEBIAN/post* $root/DEBIAN/prerm
	echo /etc/fairlead/config.yaml >$root/DEBIAN/conffiles
	$out/fairlead completion bash >$root/usr/share/bash-completion/completions/fairlead
	$out/fairlead completion zsh >$root/usr/share/zsh/vendor-completions/_fairlead
	$out/fairlead completion fish >$root/usr/share/fish/vendor_completions.d/fairlead.fish
	sed "s/@VERSION@/$version/; s/@ARCH@/$(dpkg --print-architecture)/" packaging/debian/control >$root/DEBIAN/control
	dpkg-deb --root-owner-group --build $root $out/fairlead_"$version"_"$(dpkg --print-architecture)".deb >/dev/null
	rm -rf $root
fi
ls -l $out | awk 'NR > 1 { print $5, $9 }'
