# SPDX-License-Identifier: BSD-3-Clause
# bench/policy.sh - C5: the policy engine in process, beside the packages of the rival. Sourced by run.sh.

# policy_fixture NAME NODES: sets DIR.
policy_fixture() {
	DIR=$work/policy/$1-$2
	mkdir -p "$DIR"
	"$GENERATORS/bench_policy" write --fixture "$DIR" --policy "$1" --nodes "$2" || exit 1
}

# The peers of so many nodes of the large policy take the rival minutes to an hour: it makes those of
# every so many nodes, and the whole is reckoned from them. No divisor of 20, which is where
# routers stand.
policy_stride() {
	case $1-$2 in
	P3-300) echo 3 ;;
	P3-1000) echo 11 ;;
	*) echo 1 ;;
	esac
}

# policy_side SIDE STRIDE: one line on stdout.
policy_side() {
	pin=()
	[ "$SERVER_CPU" -lt 0 ] || pin=(taskset -c "$SERVER_CPU")
	case $1 in
	ours)
		"${pin[@]}" "$GENERATORS/bench_policy" compare --fixture "$DIR" --stride "$2" \
			--seconds "$POLICY_SECONDS"
		;;
	headscale)
		(
			side_env headscale
			exec "${pin[@]}" timeout 600 "$POLICYBENCH" -fixture "$DIR" -stride "$2" \
				-seconds "$POLICY_SECONDS"
		)
		;;
	esac
}

# What both must have made alike.
policy_digest() { grep -o '"\(filter\|peer\)[a-z_]*":[^,}]*[0-9a-f]"\?' "$1" | grep -v _ms; }

# policy_pair ROUND NAME NODES: both sides over one fixture; no figure unless they made the same.
policy_pair() {
	policy_fixture "$2" "$3"
	for side in $(both "$1" headscale ours); do
		policy_side "$side" "$(policy_stride "$2" "$3")" >"$DIR/$side" 2>>"$work/errors" || {
			say "round $1 of $2 at $3 nodes failed: $(tail -n 1 "$work/errors")"
			FAILED=$((FAILED + 1))
			return
		}
	done
	if [ "$(policy_digest "$DIR/ours")" != "$(policy_digest "$DIR/headscale")" ]; then
		say "$2 at $3 nodes: the two sides made different filters or peers"
		FAILED=$((FAILED + 1))
		return
	fi
	sed "s/^{/{\"tag\":\"C5-$2-$3\",\"round\":$1,/" "$DIR/ours" "$DIR/headscale" >>"$rounds"
}

# policy_memory NAME NODES: what is held.
policy_memory() {
	for side in ours headscale; do
		a=$(pick "C5-$1-$2" $side held_mb) && b=$(pick "C5-$1-$2" $side peak_mb) &&
			echo "memory $1 $side: $a MB held, $b MB at most, at $2 nodes"
	done
}

# Ours alone: 10,000 nodes and 1,000 rules.
policy_alone() {
	policy_fixture P3 10000
	gen C5c "$1" policy alone --self-cpu "$SERVER_CPU" --fixture "$DIR"
}

suite_policy() {
	policy_rounds=$(((ROUNDS + 1) / 2))
	for r in $(seq "$policy_rounds"); do
		say "policy round $r of $policy_rounds"
		for policy in P1 P3; do
			for nodes in $SIZES; do
				policy_pair "$r" $policy "$nodes"
			done
		done
	done
	for policy in P1 P3; do
		policy_memory $policy "${SIZES##* }" >>"$work/memory"
	done
}
