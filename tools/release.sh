#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/release.sh - the program as it is packed and measured: optimised over all files, stripped, in
# build/dist/fairlead.
set -eu
cd "$(dirname "$0")/.."
umask 022
sh tools/build.sh build-release src/cli/fairlead --buildtype=release -Dtests=false -Db_lto=true
mkdir -p build/dist
strip -o build/dist/fairlead build-release/src/cli/fairlead
