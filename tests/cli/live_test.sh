#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/cli/live_test.sh - the program as people use it: a server, then every command against it.
# Usage: live_test.sh path/to/fairlead
set -u

fairlead=$(realpath "$1") || exit 1
dir=$(mktemp -d "${TMPDIR:-/tmp}/fl-cli-XXXXXX")
server=
failed=0
passed=0

cleanup() {
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT INT TERM

unset NO_COLOR FAIRLEAD_CONFIG HEADSCALE_CONFIG
export TZ=UTC HOME="$dir" FAIRLEAD_LISTEN_ADDR=127.0.0.1:0
export FAIRLEAD_DERP_SERVER_STUN_LISTEN_ADDR=127.0.0.1:0
cd "$dir" || exit 1

# is CODE PATTERN COMMAND...: runs it; the exit code and a pattern in its whole output must fit.
is() {
	code=$1 pattern=$2
	shift 2
	"$fairlead" "$@" >out 2>err </dev/null
	got=$?
	cat out err >both
	if [ "$got" = "$code" ] && grep -q -e "$pattern" both; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: fairlead $*: exit $got, want $code with '$pattern'; said:"
		sed 's/^/  /' both
	fi
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

start() {
	rm -f told
	mkfifo told
	"$fairlead" serve --quickstart var >told 2>serve.err &
	server=$!
	sed /Ctrl-C/q <told >serve.out # waits for that line, or for the end of the server
	grep -q Ctrl-C serve.out && return 0
	echo "FAILED: the server did not start"
	cat serve.out serve.err
	exit 1
}

stop() {
	kill -"$1" "$server"
	wait "$server"
	stopped=$?
	[ "$stopped" = 0 ] || sed 's/^/  /' serve.err
	server=
}

# ---- without a server ----
export FAIRLEAD_CLI_TIMEOUT=300ms # how long they wait for one to start
is 5 'cannot reach the server at .*fairlead.sock' users list
is 5 '{"error":".*","code":5,"field":"","hint":"' users list -o json
is 0 'defaults, no file' configtest
printf '{\n\t"acls": [{"src": ["group:x"], "dst": ["*:*"]}],\n}\n' >bad.hujson
is 4 '^	                  ^$' policy check bad.hujson
is 4 'bad.hujson:2:20: group not defined' policy check bad.hujson
is 8 'not laid out' policy fmt --check bad.hujson
is 0 'laid out anew' policy fmt --write bad.hujson
is 4 'bad.hujson:4:12: group not defined' policy check bad.hujson
is 0 'hskey\|privkey:' generate private-key
is 0 '^{"private_key":"privkey:' generate private-key -o json
is 0 '^fairlead [0-9]' version
is 0 '^fairlead [0-9]' --version
is 0 '"version"' version -o json
is 2 'Usage: fairlead COMMAND'
is 2 'Usage: fairlead users COMMAND' users
is 2 'did you mean nodes' nods list
is 0 'Usage: fairlead users create' help users create
is 0 'Usage: fairlead users create' users create -h
is 0 'Usage: fairlead users COMMAND' help user
is 2 'unknown command' help xyzzy
is 0 '^.TH FAIRLEAD 1 ' help --man
if command -v groff >/dev/null 2>&1; then
	cp out fairlead.1
	groff -man -ww -Tascii fairlead.1 >/dev/null 2>page.err
	note "groff has nothing to say about the page" [ ! -s page.err ]
else
	echo "skipped: groff is not installed, so the manual page was not formatted"
fi
is 4 nonexistent -c /nonexistent/x.yaml users list
printf 'listen_adr: x\nlog: {level: loud}\n' >bad.yaml
is 4 'bad.yaml:1:1: listen_adr: unknown key; did you mean listen_addr' configtest -c bad.yaml
is 4 'bad.yaml:2:14: log.level' configtest -c bad.yaml
is 4 '{"ok":false,"errors":\["' configtest -c bad.yaml -o json
is 4 'cannot start with these settings' serve -c bad.yaml
printf 'prefixes: {v4: 10.0.0.0/8}\n' >wide.yaml
is 0 '^| Warning: addresses outside the standard ranges *|$' configtest -c wide.yaml
is 4 'settings cannot be used' users list -c bad.yaml
is 0 'listen_addr: "127.0.0.1:0"' server dump-config

unset FAIRLEAD_CLI_TIMEOUT
"$fairlead" __complete users show x >both 2>&1
note "completion waits for nobody" [ ! -s both ]

# ---- a command right behind the start, and one at a socket whose server was killed ----
export FAIRLEAD_CLI_TIMEOUT=20s
mkdir -p early
printf 'unix_socket: s\nderp: {server: {private_key_path: d}}\n' >early/config.yaml
printf 'noise: {private_key_path: n}\ndatabase: {sqlite: {path: db}}\n' >>early/config.yaml
early() {
	"$fairlead" serve -c early/config.yaml >/dev/null 2>&1 &
	server=$!
}
early
is 0 'user early created' users create early -c early/config.yaml
note "the wait is silent" [ ! -s err ]
kill -KILL "$server"
wait "$server" 2>/dev/null
note "the socket is left behind" [ -S early/s ]
early
is 0 '^early$' users list -o name -c early/config.yaml
stop TERM
unset FAIRLEAD_CLI_TIMEOUT

# ---- the quick start ----
start
line=$(grep 'tailscale up' serve.out)
key=$(cat var/quickstart.key)
note "the line to paste holds the key" [ "${line##* }" = "$key" ]
note "the key file is private" [ "$(stat -c %a var/quickstart.key)" = 600 ]
is 0 '^healthy$' health
is 0 '{"databaseConnectivity":true}' health -o json
is 0 '^1	default	' users list
is 0 'default .*yes ' preauthkeys list -o table

# ---- users ----
is 0 'user alice created' users create alice -d Alice -e alice@example.com
is 6 'exists' users create alice
is 4 '' users create 'a b'
is 0 '^{"user":{"id":"3","name":"bob",' users create bob -o json
is 0 '^alice$' users show alice@example.com -o name
is 0 '^bob$' users show 3 -o name
is 3 "no user matches 'carol'" users show carol
is 0 '^alice$' users list -n alice -o name
is 0 '^alice$' users list -e alice@example.com -o name
is 0 '^bob$' users list -i 3 -o name
is 0 'user bob is now rob' users rename bob rob
is 0 'user rob is now bob' users rename -i 3 -r bob
is 2 'which new name' users rename bob
is 2 'which user' users rename
is 2 'Add --force' users delete bob
is 0 'user bob deleted' users delete bob --force
is 3 'no user' users delete -n bob --force
is 0 '^{"users":\[{"id":"1",' users list -o json
"$fairlead" users list -o json >cli.json
note "json is one line" [ "$(wc -l <cli.json)" = 1 ]
is 0 '^users:$' users list -o yaml
is 0 '^2,alice,Alice,alice@example.com,' users list -o csv --no-headers

# ---- pre-auth keys ----
is 0 '^hskey-auth-[0-9a-f]\{12\}-[0-9a-f]\{64\}$' preauthkeys create -u alice --reusable -e 24h
note "a new key stands alone" [ "$(wc -l <out)" = 1 ]
is 0 '"reusable":false' keys create --user 2 -o json
is 0 '"aclTags":\["tag:ci"\]' keys create --tag tag:ci -o json
is 2 'whose nodes' keys create
is 3 'no user' keys create -u carol
is 4 '' keys create --tags 'tag:UPPER CASE' -u alice
is 0 'key 2 expired' preauthkeys expire -i 2
is 0 'key 3 deleted' preauthkeys delete 3
is 3 '' preauthkeys delete 99
is 0 'deleted' preauthkeys delete "$("$fairlead" keys list -o csv --no-headers | sed -n 's/^4,\([^,]*\),.*/\1/p')"

# ---- API keys, and the API over TCP ----
is 0 '^hskey-api-[0-9a-f]\{12\}-[0-9a-f]\{64\}$' apikeys create
api=$(cat out)
is 0 '^hskey-api-[0-9a-f]*-\*\*\*$' apikeys list -o name
listed=$(cat out)
at=$(sed -n 's/.*serving at=\([0-9.:]*\).*/\1/p' serve.err)
export FAIRLEAD_CLI_ADDRESS="http://$at" FAIRLEAD_CLI_API_KEY="$api"
is 0 '^default$' users list -o name
FAIRLEAD_CLI_API_KEY="${api%?}0"
[ "$FAIRLEAD_CLI_API_KEY" = "$api" ] && FAIRLEAD_CLI_API_KEY="${api%?}1"
is 4 'Unauthorized' users list
is 0 '^default$' users list -o name --socket var/fairlead.sock
FAIRLEAD_CLI_ADDRESS=http://127.0.0.1:1
is 5 'cannot reach the server at http://127.0.0.1:1' users list # and at once
unset FAIRLEAD_CLI_ADDRESS FAIRLEAD_CLI_API_KEY
is 2 'exactly one' apikeys expire
is 0 'key expired' apikeys expire -p "$listed"
is 3 '' apikeys expire -i 99
is 0 'key deleted' apikeys delete -i 1
is 3 '' apikeys delete 0123456789ab

# ---- nodes and logins that are not there ----
is 0 '^{"nodes":\[\]}$' nodes list -o json
is 0 '^{"nodes":\[\]}$' nodes list -u alice -o json
is 3 'no user' nodes list -u carol
is 3 '' nodes show 7
is 3 "no node matches 'lap'" nodes show lap
is 3 '' nodes expire -i 7
is 2 'neither a time nor' nodes expire -i 7 -e soon
is 2 'exclude each other' nodes expire -i 7 -e 1d --never
is 3 '' nodes rename -i 7 new
is 2 'missing argument' nodes rename -i 7
is 3 '' nodes tag -i 7 -t tag:x
is 3 '' nodes tag add 7 tag:x
is 2 'which tags' nodes tag 7
is 3 '' nodes approve-routes -i 7 -r 10.0.0.0/8
is 2 'which routes' nodes approve-routes -i 7
is 3 '' routes approve 7 10.0.0.0/8
is 0 '^{"nodes":\[\]}$' routes list -o json
is 2 'Add --force' nodes delete 7
is 3 '' nodes delete 7 --force
is 2 'Add --force' nodes backfillips
is 0 '"changes":' nodes backfillips --force -o json
is 0 '^{"pending":\[\]}$' auth pending -o json
is 3 '' auth register -u alice --auth-id hskey-authreq-aaaaaaaaaaaaaaaaaaaaaaaa
is 4 '' auth register -u alice --auth-id nonsense
is 3 '' auth reject --auth-id hskey-authreq-aaaaaaaaaaaaaaaaaaaaaaaa
is 2 'which login' auth reject
is 2 'whose node' nodes register -k x

# ---- completion ----
is 0 '^alice	Alice$' __complete users show al
is 0 '^nodes	' __complete no
is 0 '^json-line$' __complete nodes list -o json-
is 0 '^--reusable	' __complete keys create --re
is 0 '^last-seen$' __complete nodes list --columns la
is 0 '^id,-created$' __complete users list --sort id,-c
is 0 '^create	' __complete help users cr
"$fairlead" __complete nodes show --socket /nonexistent x >both 2>&1
note "completion fails in silence" [ ! -s both ]
for shell in bash zsh fish; do
	is 0 'fairlead' completion $shell
	cp out completion.$shell
	if command -v $shell >/dev/null 2>&1; then
		note "$shell reads its script" $shell -n completion.$shell
	else
		echo "skipped: $shell is not installed, so its completion script was not parsed"
	fi
done
if command -v bash >/dev/null 2>&1; then
	cat >complete.bash <<'EOF'
source ./completion.bash
COMP_WORDS=("$1" preauthkeys create --tags tag : c) COMP_CWORD=6
COMP_WORDS=("$1" users show al) COMP_CWORD=3
_fairlead
[ "${COMPREPLY[*]}" = alice ] || exit 1
COMP_WORDS=("$1" users list --output = js) COMP_CWORD=5
_fairlead
[ "${COMPREPLY[*]}" = "json json-line" ]
EOF
	note "bash completes" bash complete.bash "$fairlead"
fi

# ---- under the name of headscale ----
ln -s "$fairlead" headscale
ours=$fairlead fairlead=$dir/headscale
is 1 "^headscale: no user matches 'carol'" users show carol --socket var/fairlead.sock
is 1 '^headscale: unknown command' xyzzy
is 1 '"code":1,' -o json users show carol
is 0 '^\[$' users list -o json
note "json is headscale's" [ "$(sed -n 2,3p out)" = "$(printf '\t{\n\t\t"id": "1",')" ]
is 0 '^\[\]$' nodes ls -o json
is 0 '^ID  ' users list
is 0 'complete -o default -F _headscale headscale' completion bash
mkdir .headscale
echo 'listen_adr: x' >.headscale/config.yaml
is 1 '/.headscale/config.yaml:1:1: listen_adr' configtest
is 0 'The settings are fine (early/config.yaml)' configtest -c early/config.yaml
fairlead=$ours
is 0 'defaults, no file' configtest
rm -r .headscale headscale

# ---- no colour, no table ----
is 0 '^ID	Name	' users list
note "nothing but text in a pipe" [ -z "$(tr -d '[:print:]\t\n' <out)" ]

# ---- reload, stop, start again ----
kill -HUP "$server"
for _ in $(seq 100); do # it serves between two requests what came before the second
	"$fairlead" health >/dev/null
	grep -q 'reloaded' serve.err && break
done
note "HUP reloads" grep -q 'info *reloaded' serve.err
stop INT
note "INT ends it well" [ "$stopped" = 0 ]
note "the socket is gone" [ ! -e var/fairlead.sock ]
start
note "the next start has the same key" [ "$(grep 'tailscale up' serve.out)" = "$line" ]
is 0 '^alice$' users list -n alice -o name
"$fairlead" preauthkeys expire 1 >/dev/null
stop TERM
note "TERM ends it well" [ "$stopped" = 0 ]
start
note "an expired key is replaced" [ "$(cat var/quickstart.key)" != "$key" ]
is 1 'the server cannot start: ' serve --quickstart var
stop TERM

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
