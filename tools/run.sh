#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tools/run.sh PROGRAM - the quick start: serves with all state below var/.
#
# Ctrl-C goes to every process of the terminal's foreground group, and make calls that an error. So
# the server gets a group of its own where there is a terminal: it stops, and make ends well. If
# make is ended otherwise, or the terminal closed, then so is the server.
set -u
group=0 foreground=1
read -r _ _ _ _ group _ _ foreground _ 2>/dev/null </proc/$$/stat
if [ -t 0 ] && [ "$group" != 0 ] && [ "$group" = "$foreground" ] &&
	setpriv --pdeathsig TERM true 2>/dev/null; then
	trap '' TSTP # nobody would wake it up
	set -m
	setpriv --pdeathsig TERM "$1" serve --quickstart var
else
	exec "$1" serve --quickstart var
fi
