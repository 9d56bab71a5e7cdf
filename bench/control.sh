# SPDX-License-Identifier: BSD-3-Clause
# bench/control.sh - C1 to C4 and C6 to C10, ours against the rival and alone. Sourced by run.sh.
#
# Policy P0 is none: all may reach all. P2, per node, is below. A third of the nodes has a tag.
# A case that the rival did not finish in its time is a result and is not run again.

SHORT=

# anon_of PID: memory that holds no file.
anon_of() { awk '/^Pss_Anon:/ { print $2 * 1024 }' "/proc/$1/smaps_rollup"; }

config_policy() {
	cat >"$1/policy.hujson" <<-END
	{
		"tagOwners": {"tag:server": ["bench@"]},
		"acls": [
			{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:*"]},
			{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:server:*"]},
			{"action": "accept", "src": ["tag:server"], "dst": ["tag:server:*"]},
		],
	}
	END
	printf 'policy:\n  mode: file\n  path: %s\n' "$1/policy.hujson" >>"$1/config.yaml"
}

# short_by TAG SIDE TEXT: a case of the rival that could not even begin.
short_by() {
	say "$2: $3"
	echo "{\"tag\":\"$1\",\"round\":1,\"side\":\"$2\",\"short\":\"$3\"}" >>"$rounds"
	SHORT="$SHORT $1:$2"
}

is_short() { case " $SHORT " in *" $1 "*) return 0 ;; *) return 1 ;; esac }

# enrol SIDE NODES: registers them with the server under way, for at most ENROL seconds.
enrol() {
	auth_key "$1" "$DIR" >"$DIR/auth"
	tagged_key "$1" "$DIR" >"$DIR/tagged"
	api_key "$1" "$DIR" >"$DIR/api"
	gen prepare "$2" swarm register --side "$1" --port $PORT --pid "$PID" --nodes "$2" \
		--announce 1 --inflight 64 --seconds "$ENROL" --auth-key "$(cat "$DIR/auth")" \
		--tagged-key "$(cat "$DIR/tagged")" || return 1
	done=$(pick prepare "$1" acknowledged "$2")
	[ "$done" = "$2" ] && return
	why="$done of $2 nodes registered in $ENROL s"
	[ "$1" != ours ] || { say "ours: $why" && return 1; }
	for tag in "C-$2" "C7-$2" "C3-P2-$2"; do
		short_by "$tag" "$1" "$why"
		short_by "$tag" "$1-tuned" "$why"
	done
	return 2
}

# populate SIDE NODES: a folder with that many registered nodes, whose endpoints are known as if they
# had been connected, made once and kept in the run; its keys in DIR/auth and DIR/api, the memory of the empty server in DIR/empty. Registering is not
# measured here, so the server has all processors for it. False: 1 failed, 2 too slow.
populate() {
	store=$work/state/$1-$2
	[ -f "$store/empty" ] && return
	fresh "$1"
	say "registering $2 nodes with $1"
	config_control "$1" "$DIR" $PORT
	start "$1" "$DIR" $PORT || return 1
	sleep 1
	empty=$(anon_of "$PID")
	stop
	SERVER_CPU=-1 start "$1" "$DIR" $PORT || return 1
	enrol "$1" "$2"
	enrolled=$?
	stop
	[ $enrolled = 0 ] || return $enrolled
	echo "$empty" >"$DIR/empty"
	mv "$DIR" "$store"
}

# restore SIDE NODES POLICY: sets DIR, a copy of the populated folder with paths of its own.
restore() {
	populate "${1%-tuned}" "$2"
	case $? in
	0) ;;
	2) return 2 ;;
	*) FAILED=$((FAILED + 1)) && return 1 ;;
	esac
	fresh "$1"
	cp -a "$work/state/${1%-tuned}-$2/." "$DIR/"
	rm -f "$DIR"/admin.sock "$DIR"/log
	config_control "$1" "$DIR" $PORT
	[ "$3" = P0 ] || config_policy "$DIR"
}

# steady TAG ROUND SIDE NODES POLICY OPTIONS...: one server from its start on, see bench_swarm.
steady() {
	restore "$3" "$4" "$5" || return
	garbage=()
	[ "$3" = ours ] || garbage=(--gc-port $((PORT + 1)) --gc-path /debug/gc)
	# shellcheck disable=SC2046 # the words of the command
	gen "$1" "$2" swarm steady --side "$3" --port $PORT --nodes "$4" --policy "$5" \
		--known 1 --anon0 "$(cat "$DIR/empty")" --api-key "$(cat "$DIR/api")" --inflight 100 \
		--deadline "$DEADLINE" --settle 2 --cpu "$SERVER_CPU" --log "$DIR/log" \
		"${garbage[@]}" "${@:6}" -- $(command_of "$3" "$DIR" $PORT)
}

# registrations ROUND SIDE: kill -9 at the end; every acknowledged node must be there again.
registrations() {
	fresh "$2"
	config_control "$2" "$DIR" $PORT
	start "$2" "$DIR" $PORT || return 1
	auth_key "$2" "$DIR" >"$DIR/auth"
	gen C6 "$1" swarm register --side "$2" --port $PORT --pid "$PID" --nodes 20000 --inflight 32 \
		--seconds "$REGISTER" --kill 1 --out "$DIR/acknowledged" --auth-key "$(cat "$DIR/auth")"
	stop KILL
	start "$2" "$DIR" $PORT || return 1
	admin "$2" "$DIR" nodes list --output json >"$DIR/nodes.json" 2>>"$DIR/log"
	gen C6-kept "$1" swarm verify --side "$2" --in "$DIR/acknowledged" --list "$DIR/nodes.json" || {
		say "$2 lost acknowledged registrations: its rate does not count"
		sed -i "/\"tag\":\"C6\",\"round\":$1,.*\"side\":\"$2\"/d" "$rounds"
	}
	stop
}

# cold TAG ROUND SIDE NODES
cold() {
	restore "$3" "$4" P0 || return
	# shellcheck disable=SC2046 # the words of the command
	gen "$1" "$2" swarm cold --side "$3" --port $PORT --nodes "$4" --cpu "$SERVER_CPU" \
		--deadline "$DEADLINE" --log "$DIR/log" -- $(command_of "$3" "$DIR" $PORT)
}

# case_of ROUND NODES: everything with nodes that stay, and a storm at the end, on each side. The
# tuned rival in half of the rounds, above 100 nodes in one, and where a storm is long without it.
case_of() {
	tag=C-$2
	[ "$1" -gt 1 ] && is_short "$tag:headscale" && return
	storm=1
	is_short "$tag:headscale:storm" && storm=0
	changes=$CHANGES
	[ "$2" -gt 100 ] || changes=$((CHANGES * 8))
	load=(--changes "$changes" --lists 7 --churn "$CHURN" --rate "$RATE")
	for side in $(both "$1" headscale ours); do
		is_short "$tag:$side" && continue
		say "round $1, $2 nodes with $side"
		steady "$tag" "$1" "$side" "$2" P0 "${load[@]}" --idle "$IDLE" --storm $storm
	done
	fan=(--nodes "$2" --changes "$changes" --cpu "$SERVER_CPU")
	gen "$tag" "$1" fanleast run --side least --file "$work/fan.log" "${fan[@]}"
	gen "$tag" "$1" fanleast run --side libraries --libraries 1 --file "$work/fan.sqlite" "${fan[@]}"
	is_short "$tag:headscale-tuned" || [ "$1" -gt $(((ROUNDS + 1) / 2)) ] && return
	[ "$2" -le 100 ] || [ "$1" = 1 ] || return
	[ "$2" -lt 1000 ] || storm=0
	say "round $1, $2 nodes with headscale-tuned"
	steady "$tag" "$1" headscale-tuned "$2" P0 "${load[@]}" --storm $storm
}

# A storm under a policy per node, on the most nodes up to 300.
storm_of() {
	[ "$1" -gt 1 ] && is_short "C3-P2-$2:headscale" && return
	for side in $(both "$1" headscale ours); do
		is_short "C3-P2-$2:$side" && continue
		say "round $1, storm of $2 nodes under P2 with $side"
		steady "C3-P2-$2" "$1" "$side" "$2" P2 --storm 1
	done
}

# most_up_to LIMIT: the largest of SIZES that is not above it.
most_up_to() { printf '%s\n' $SIZES | awk -v max="$1" '$1 <= max && $1 > n { n = $1 } END { if (n) print n }'; }

starts_of() {
	for side in $(both "$1" headscale ours) headscale-tuned; do
		registrations "$1" "$side"
	done
	for nodes in $SIZES; do
		for side in $(both "$1" headscale ours); do
			is_short "C7-$nodes:$side" || cold "C7-$nodes" "$1" "$side" "$nodes"
		done
	done
}

suite_control() {
	stormy=$(most_up_to 300)
	for r in $(seq "$ROUNDS"); do
		say "control round $r of $ROUNDS"
		starts_of "$r"
		for nodes in $SIZES; do
			[ "$nodes" -le 100 ] || [ "$r" -le $(((ROUNDS + 1) / 2)) ] || continue
			case_of "$r" "$nodes"
		done
		[ -z "$stormy" ] || [ "$r" -gt $(((ROUNDS + 1) / 2)) ] || storm_of "$r" "$stormy"
	done
	suite_policy
	suite_own
}

# Ours alone in number. All join at once, which is the storm; then as with fewer, when the server has
# had the time to give back what the storm took. And more changes a second than the rival is asked for.
suite_own() {
	[ "$OWN_NODES" -gt 0 ] || return
	say "ours alone: $OWN_NODES nodes"
	cold own-cold 1 ours "$OWN_NODES"
	DEADLINE=400 steady own 1 ours "$OWN_NODES" P0 --rush 1 --settle 15 --changes "$CHANGES" --idle "$OWN_IDLE"
	nodes=$(most_up_to 1000)
	[ -z "$nodes" ] || steady own-churn 1 ours "$nodes" P0 --churn "$CHURN" --rate 200
	policy_alone 1
}
