#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/cli/ship_test.sh - two device hubs as people use them: paired by QR text, a payload sent and
# seen, identities moved, every refusal with its exit code.
# Usage: ship_test.sh path/to/fairlead
set -u

fairlead=$(realpath "$1") || exit 1
dir=$(mktemp -d "${TMPDIR:-/tmp}/fl-ship-XXXXXX")
one='' two='' failed=0 passed=0

cleanup() {
	for pid in $one $two; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	rm -rf "$dir"
}
trap cleanup EXIT INT TERM

unset NO_COLOR FAIRLEAD_CONFIG HEADSCALE_CONFIG STATE_DIRECTORY
export TZ=UTC HOME="$dir" FAIRLEAD_CLI_TIMEOUT=300ms
cd "$dir" || exit 1

# is CODE PATTERN WORDS...: runs `fairlead ship WORDS`; exit code and a pattern in its output must fit.
is() {
	code=$1 pattern=$2
	shift 2
	"$fairlead" ship "$@" >out 2>err </dev/null
	got=$?
	cat out err >both
	if [ "$got" = "$code" ] && grep -q -e "$pattern" both; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: fairlead ship $*: exit $got, want $code with '$pattern'; said:"
		sed 's/^/  /' both
	fi
}

# until_is PATTERN WORDS...: the same, as often as it takes.
until_is() {
	pattern=$1
	shift
	tries=0
	until "$fairlead" ship "$@" 2>/dev/null | grep -q -e "$pattern"; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] && continue
		failed=$((failed + 1))
		echo "FAILED: fairlead ship $*: never '$pattern'"
		return
	done
	passed=$((passed + 1))
}

# note NAME CONDITION...: a condition that is none of the above.
note() {
	name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $name"
	fi
}

# start FOLDER WORDS...: a hub in the folder; $pid, $port and $ski are its own.
start() {
	folder=$1
	shift
	rm -f told
	mkfifo told
	"$fairlead" ship run -d "$folder" -a 127.0.0.1:0 --mdns none "$@" >told 2>"$folder.log" &
	pid=$!
	sed /Ctrl-C/q <told >"$folder.out" # waits for that line, or for the end of the hub
	if ! grep -q Ctrl-C "$folder.out"; then
		echo "FAILED: the hub in $folder did not start"
		cat "$folder.out" "$folder.log"
		exit 1
	fi
	port=$(sed -n 's/.*running on port \([0-9]*\)$/\1/p' "$folder.out")
	ski=$(sed -n 's/^  SKI *//p' "$folder.out")
}

# stop PID SIGNAL
stop() {
	kill -"$2" "$1"
	wait "$1"
	stopped=$?
}

# ---- without a hub ----
is 5 'cannot reach the hub at a/ship.sock: is .fairlead ship run. running' list -d a
is 5 '{"error":".*","code":5,"field":"","hint":"Start it' list -d a -o json
is 3 'no identity' identity -d a
is 2 'See: fairlead help ship run' run -d a --listen nonsense
is 2 'no PIN of 8 to 16' run -d a --pin-file /dev/null
is 2 'is no category' run -d a --category fridge
printf 'ship:\n  brnad: x\n' >bad.yaml
is 4 'bad.yaml:2:3: ship.brnad: unknown key; did you mean ship.brand' run -c bad.yaml
mkdir without && : >without/libssl.so.3
export LD_LIBRARY_PATH="$dir/without"
is 1 'is OpenSSL 3 there' run -d a -a 127.0.0.1:0 --mdns none
is 1 'is OpenSSL 3 there' status -d a
unset LD_LIBRARY_PATH
note 'nothing was made' [ ! -e a ]

# ---- two hubs ----
printf 'ship: {message_log: {path: a.pcapng}}\n' >log.yaml
start a --brand Acme --model Gateway --category ems -c log.yaml
one=$pid port1=$port ski1=$ski
printf 'ship:\n  brand: Demo\n  model: Wallbox\n  serial: "17"\n' >two.yaml
start b -c two.yaml
two=$pid port2=$port ski2=$ski
note 'SKIs differ' [ "$ski1" != "$ski2" ]
qr="SHIP;SKI:$ski1;ID:Acme-Gateway-[0-9a-f]*;BRAND:Acme;MODEL:Gateway;CAT:2;ENDSHIP;"
is 0 "^$qr$" qr -d a
note 'the block has the QR text' grep -q "  QR text   $qr$" a.out
is 6 'another .* has\|in use\|is used' run -d a -a 127.0.0.1:0 --mdns none
is 6 'Name another folder' run -d c -a "127.0.0.1:$port1" --mdns none
is 0 "$ski1" status -d a
is 0 'Serial.*17' qr --parse "$("$fairlead" ship qr -d b)"

# ---- paired by QR text ----
is 0 'Demo Wallbox is trusted' pair "$("$fairlead" ship qr -d b)" -d a
is 0 'gateway is trusted' pair "$("$fairlead" ship qr -d a)" --name gateway -d b
is 0 'is dialled at' connect "$ski2" "127.0.0.1:$port2" -d a
until_is completed status "$ski2" -d a
until_is completed status gateway -d b
is 0 'Connected.*yes' status gateway -d b
is 0 '"remote":"127.0.0.1:[0-9]' status gateway -d b -o json
is 0 "^$ski2$" trust -o name -d a

# ---- a payload ----
mkfifo seen
"$fairlead" ship watch gateway --event data -n 1 -d b >seen &
watcher=$!
# One that is sent before somebody watches is lost: until it is seen.
(
	tries=0
	while [ $tries -lt 1000 ] && [ ! -e enough ]; do
		"$fairlead" ship send "$ski2" '{"datagram":{"n":1.10}}' -q -d a
		tries=$((tries + 1))
	done
) &
sender=$!
cat seen >payload
touch enough
wait "$watcher"
note 'the payload came' [ $? = 0 ]
wait "$sender"
note 'with its digits' grep -q '"event":"data".*"payload":{"datagram":{"n":1.10}}}$' payload
is 4 'payload\|JSON\|object' send "$ski2" '{"datagram"' -d a
is 3 'no device matches' send nobody '{"datagram":{}}' -d a

# ---- the message log ----
magic() { # what the file FILE begins with
	od -An -tx1 -N4 "$1" | tr -d ' '
}
is 0 '^[0-9]* messages written to seen.pcapng' log export seen.pcapng -d a
note 'a capture' [ "$(magic seen.pcapng)" = 0a0d0d0a ]
note 'for its owner alone' [ "$(stat -c %a seen.pcapng)" = 600 ]
note 'whose messages' grep -q "ski=$ski2 direction=out connection=" seen.pcapng
note 'what was said' grep -q '{"n":1.10}' seen.pcapng
is 6 'seen.pcapng is there already' log export seen.pcapng -d a
"$fairlead" ship log export - -d a >again.pcapng
note 'to standard output' [ "$(magic again.pcapng)" = 0a0d0d0a ]
is 0 'messages written to third.pcapng' log export third.pcapng -c log.yaml -d nowhere
cp seen.pcapng half.pcapng
printf half >>half.pcapng
printf 'ship: {message_log: {path: half.pcapng}}\n' >half.yaml
is 0 'messages written to whole.pcapng' log export whole.pcapng -c half.yaml
note 'only what is whole' cmp -s seen.pcapng whole.pcapng
is 3 'keeps no message log' log export none.pcapng -d b
is 2 'which file' log export -d a
is 2 'unexpected argument' log gateway export -d a
printf diary >diary.pcapng
printf 'ship: {message_log: {path: diary.pcapng}}\n' >diary.yaml
is 4 'is no message log' log export none.pcapng -c diary.yaml
note 'nothing is left of it' [ ! -e none.pcapng ]
printf 'ship: {message_log: {path: nowhere.pcapng}}\n' >nowhere.yaml
is 3 'there is no message log' log export none.pcapng -c nowhere.yaml
is 1 'cannot be made' log export nowhere/x -c log.yaml
is 4 'another kind of file' run -d c -a 127.0.0.1:0 --mdns none -c diary.yaml
printf "ship: {mdns: auto, trusted: [{ski: $ski2, allow: [3]}]}\n" >allow.yaml
is 2 'none shows no categories' run -d c -c allow.yaml --mdns none

# ---- a look from outside ----
is 0 "SKI of the key.*$ski2" probe "127.0.0.1:$port2"
is 0 '"direction":"received","what":"hello pending' probe "127.0.0.1:$port2" --tls12 -o json
is 8 'it is not the device asked for' probe "127.0.0.1:$port2" --ski "$ski1"
is 5 'refused' probe 127.0.0.1:1
is 0 'Connected.*yes' status gateway -d b

# ---- the identity ----
is 0 "$ski1" identity show -d a
is 0 'keep it like a password' identity export a.pem -d a
note 'the key is for its owner alone' [ "$(stat -c %a a.pem)" = 600 ]
is 6 'a.pem is there already' identity export a.pem -d a
is 6 'a hub runs on b' identity import a.pem -d b
is 0 "$ski1" identity import a.pem -d moved

# ---- an end, and the next start ----
stop "$two" INT
note 'a hub that is stopped ends well' [ $stopped = 0 ]
two=
is 4 '1 trusted device knows it: each has to be paired again' identity import a.pem -d b
is 2 'Add --force' identity import a.pem --new-identity -d b
is 0 "$ski2" identity show -d b
start b -c two.yaml
two=$pid
note 'the same identity' [ "$ski" = "$ski2" ]
is 0 'is dialled' connect gateway "127.0.0.1:$port1" -d b
until_is completed status gateway -d b

# ---- and no more ----
is 0 'is disconnected, and not dialled until' disconnect gateway --hold -d b
until_is 'Connected.*no' status gateway -d b
is 1 'not connected' send gateway '{"datagram":{}}' -d b
is 2 'Add --force' unpair gateway -d b
is 0 'gateway is no longer trusted' unpair gateway --force -d b
is 0 '^{"devices":\[\]}$' trust -d b -o json
stop "$two" TERM
note 'TERM ends it too' [ $stopped = 0 ]
two=
is 0 "$ski1" identity import a.pem --new-identity --force -d b
stop "$one" INT
note 'the other one too' [ $stopped = 0 ]
one=

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
