#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/captures/selftest.sh CAPTURES - what the runner must let pass, and what it must not: a small
# case of our own, and copies of it in which one thing is different.
set -u
captures=$(realpath "$1") || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

cat >"$dir/case" <<'END'
{"id":"own","category":"acl","rejected":false,"message":null,
"policy":"{\"tagOwners\":{\"tag:router\":[]},\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"tag:router:22\"]},{\"action\":\"accept\",\"src\":[\"odin@example.com\"],\"dst\":[\"tag:router:53\"]}]}",
"topology":{"users":[{"id":1,"name":"odin","email":"odin@example.com"}],
"nodes":{"pc":{"tags":[],"user":"odin","ipv4":"100.64.0.1","ipv6":"fd7a:115c:a1e0::1","routable_ips":[],"approved_routes":[]},
"gate":{"tags":["tag:router"],"ipv4":"100.64.0.2","ipv6":"fd7a:115c:a1e0::2","routable_ips":["10.33.0.0/16"],"approved_routes":["10.33.0.0/16"]}}},
"order":["pc","gate"],
"nodes":{"gate":{
"self":{"Name":"gate.example.","AllowedIPs":["100.64.0.2/32","fd7a:115c:a1e0::2/128","10.33.0.0/16"],"PrimaryRoutes":["10.33.0.0/16"]},
"peers":[{"Name":"pc.example.","AllowedIPs":["100.64.0.1/32","fd7a:115c:a1e0::1/128"]}],
"packet_filter_rules":[RULES]}}}
END
# Each in one line: they are put in by line.
wide='{"SrcIPs":["10.33.0.0/16","100.64.0.0-100.115.91.255","100.115.94.0-100.127.255.255","fd7a:115c:a1e0::/48"],"DstPorts":[{"IP":"100.64.0.2","Ports":{"First":22,"Last":22}},{"IP":"fd7a:115c:a1e0::2","Ports":{"First":22,"Last":22}}]}'
narrow='{"SrcIPs":["fd7a:115c:a1e0::1","100.64.0.1"],"DstPorts":[{"IP":"fd7a:115c:a1e0::2","Ports":{"First":53,"Last":53}},{"IP":"100.64.0.2","Ports":{"First":53,"Last":53}}]}'

# put RULES [SED]: the case with these rules, changed by a script of sed, is what there is to run.
put() {
	mkdir -p "$dir/cases"
	sed "s|RULES|$1|" "$dir/case" | sed "${2:-}" >"$dir/cases/own.json"
}

# runs CODE WHAT: it must end so.
runs() {
	"$captures" "$dir/cases" >"$dir/out" 2>&1
	code=$?
	[ "$code" = "$1" ] && return
	echo "$2: exit $code, want $1"
	cat "$dir/out"
	failed=1
}

put "$wide,$narrow"
runs 0 "the case itself"
put "$narrow,$wide"
runs 1 "rules in another order"
put "$wide"
runs 1 "a rule is missing"
put "$wide,$narrow" 's/\([{,:]\)\(["{[]\)/\1  \2/g; s/^/\t/'
runs 0 "other spaces"
put "$wide,$narrow" 's|"routable_ips":\["10.33.0.0/16"\]|"routable_ips":[]|'
runs 1 "a route that was not announced"
put "$wide,$narrow" 's|"approved_routes":\["10.33.0.0/16"\]|"approved_routes":[]|'
runs 1 "a route that was not approved"
put "$wide,$narrow" 's|"topology"|"topologies"|'
runs 1 "no topology"
rm "$dir/cases/own.json"
runs 1 "no case at all"
exit $failed
