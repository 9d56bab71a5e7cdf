# SPDX-License-Identifier: BSD-3-Clause
# bench/footprint.sh - F1 to F3: size, memory at rest, time to readiness. Sourced by run.sh.

# size_of SIDE PROGRAM: bytes without symbols.
size_of() {
	strip -o "$work/stripped" "$2" 2>/dev/null || cp "$2" "$work/stripped"
	printf '{"tag":"F1","round":1,"side":"%s","bytes":%s}\n' "$1" \
		"$(wc -c <"$work/stripped")" >>"$rounds"
	rm -f "$work/stripped"
}

# as_installed PROGRAM...: read from the disk again. Of a file that was just written the page cache has
# large pieces, and a fault maps all of a piece: a megabyte more for the same program.
as_installed() {
	for program; do
		sync "$program"
		dd if="$program" iflag=nocache count=0 status=none
	done
}

# ready ROUND SIDE: exec to accepting, then memory after a rest.
ready() {
	fresh "$2"
	case $2 in
	ours | headscale) config_control "$2" "$DIR" $PORT ;;
	esac
	# Keys and certificates are made on the first start; the measured start finds them.
	start "$2" "$DIR" $PORT || return 1
	stop
	# shellcheck disable=SC2046 # the words of the command
	(
		side_env "$2"
		gen F "$1" swarm ready --side "$2" --port $PORT --nodes 1 \
			--cpu "$SERVER_CPU" --seconds "$([ "$QUICK" = 1 ] && echo 2 || echo 10)" \
			--log "$DIR/log" -- $(command_of "$2" "$DIR" $PORT)
	) || FAILED=$((FAILED + 1))
}

suite_footprint() {
	size_of ours "$OURS"
	size_of headscale "$HEADSCALE"
	size_of derper "$DERPER"
	as_installed "$OURS" "$HEADSCALE" "$DERPER"
	for r in $(seq "$ROUNDS"); do
		say "footprint round $r of $ROUNDS"
		for side in $(both "$r" headscale ours) $(both "$r" derper ours-relay); do
			ready "$r" "$side"
		done
	done
}
