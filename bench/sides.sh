# SPDX-License-Identifier: BSD-3-Clause
# bench/sides.sh - how each server is set up, started and stopped. Sourced by run.sh.
#
# A side is a name: ours; headscale (default timers) or headscale-tuned; derper; ours-hub (the
# program), ours-ship and ship-rival (the least programs around the two libraries), tls-least (the
# least around OpenSSL, which does nothing). Each start is fresh unless a folder is given that has
# state. Every server listens on 127.0.0.1 only.

# config_control SIDE DIR PORT: writes DIR/config.yaml. Both servers read the same keys.
config_control() {
	cat >"$2/relay.yaml" <<-END
	regions:
	  999:
	    regionid: 999
	    regioncode: bench
	    regionname: Bench
	    nodes:
	      - name: 999a
	        regionid: 999
	        hostname: 127.0.0.1
	        ipv4: 127.0.0.1
	        stunport: -1
	        derpport: 1
	END
	cat >"$2/config.yaml" <<-END
	server_url: http://127.0.0.1:$3
	listen_addr: 127.0.0.1:$3
	metrics_listen_addr: 127.0.0.1:$(($3 + 1))
	noise:
	  private_key_path: $2/noise.key
	prefixes:
	  v4: 100.64.0.0/10
	  v6: fd7a:115c:a1e0::/48
	  allocation: sequential
	database:
	  type: sqlite
	  sqlite:
	    path: $2/db.sqlite
	    write_ahead_log: true
	derp:
	  urls: []
	  auto_update_enabled: false
	  paths: [$2/relay.yaml]
	  server:
	    enabled: false
	dns:
	  magic_dns: true
	  base_domain: bench.test
	  override_local_dns: false
	unix_socket: $2/admin.sock
	disable_check_updates: true
	log:
	  level: warn
	  format: text
	END
	case $1 in
	headscale*)
		cat >>"$2/config.yaml" <<-END
		grpc_listen_addr: 127.0.0.1:$(($3 + 2))
		node:
		  routes:
		    ha:
		      probe_interval: 0s
		END
		;;
	esac
	case $1 in
	headscale-tuned)
		cat >>"$2/config.yaml" <<-END
		tuning:
		  batch_change_delay: 10ms
		  node_store_batch_timeout: 1ms
		END
		;;
	esac
}

# command_of SIDE DIR PORT: the command line, one word an item, without spaces inside words.
command_of() {
	case $1 in
	ours) echo "$OURS serve --config $2/config.yaml" ;;
	headscale*) echo "$HEADSCALE serve -c $2/config.yaml" ;;
	ours-relay)
		echo "$OURS relay -a 127.0.0.1:$3 --hostname 127.0.0.1 --certdir $2" \
			"-c $2/relay.json --stun-port $(($3 + 1))"
		;;
	derper*)
		echo "$DERPER -a 127.0.0.1:$3 -hostname 127.0.0.1 -certmode manual -certdir $2" \
			"-c $2/derper.json -http-port -1 -stun-port $(($3 + 1))"
		;;
	ours-hub) echo "$OURS ship run --state-dir $2/state --listen 127.0.0.1:$3 --mdns none" ;;
	ours-ship)
		echo "$GENERATORS/bench_shipecho --dir $2/state --port $3 --trusted $2/trusted"
		;;
	tls-least) echo "$GENERATORS/bench_tlsleast $2 $3" ;;
	ship-rival) echo "$SHIP_RIVAL -dir $2 -port $3 -quiet -echo -trusted $2/trusted" ;;
	esac
}

# environment of Go peers, pinned to one processor: one running thread, as the design asks.
side_env() {
	case $1 in
	*-multi) unset GOMAXPROCS ;;
	headscale* | derper* | ship-rival) [ "${SERVER_CPU:--1}" -lt 0 ] || export GOMAXPROCS=1 ;;
	esac
}

# accepting PORT SECONDS
accepting() {
	tries=$(($2 * 50))
	while ! (exec 3<>/dev/tcp/127.0.0.1/"$1") 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		kill -0 "$PID" 2>/dev/null || return 1
		sleep 0.02
	done
}

# start SIDE DIR PORT: sets PID.
start() {
	# shellcheck disable=SC2046 # the words of the command
	set -- "$1" "$2" "$3" $(command_of "$1" "$2" "$3")
	side=$1 dir=$2 port=$3
	shift 3
	(
		side_env "$side"
		[ "${SERVER_CPU:--1}" -lt 0 ] || set -- taskset -c "$SERVER_CPU" "$@"
		exec "$@"
	) >>"$dir/log" 2>&1 &
	PID=$!
	disown
	STARTED="$STARTED $PID"
	accepting "$port" 20 || {
		echo "bench: $side did not start:" >&2
		tail -5 "$dir/log" >&2
		return 1
	}
}

# throttle PERCENT: from here on the server under way has this share of a processor, until stop.
# A period of 7 ms, as one in step with the clock tick would mislead the kernel's accounting.
# False where this run may not make a control group; WHY says so.
throttle() {
	for parent in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
		group=$parent/fairlead-bench-$$
		[ -f "$parent/cgroup.procs" ] && mkdir "$group" || continue # else it is a plain folder
		GROUP=$group
		if [ -f "$group/cpu.max" ]; then
			echo "$(($1 * 70)) 7000" >"$group/cpu.max"
		else
			echo 7000 >"$group/cpu.cfs_period_us" && echo $(($1 * 70)) >"$group/cpu.cfs_quota_us"
		fi 2>/dev/null && echo "$PID" >"$group/cgroup.procs" && return 0
		unthrottle
	done 2>/dev/null
	WHY="no right to make a control group with a processor quota"
	return 1
}

# The group goes once its process has ended.
unthrottle() {
	[ -z "$GROUP" ] || rmdir "$GROUP" 2>/dev/null
	GROUP=
}

# stop [SIGNAL]
stop() {
	halt "$@"
	unthrottle
}

halt() {
	kill -"${1:-TERM}" "$PID" 2>/dev/null || return 0
	tries=200
	while kill -0 "$PID" 2>/dev/null && [ $tries -gt 0 ]; do
		sleep 0.05
		tries=$((tries - 1))
	done
	kill -9 "$PID" 2>/dev/null
	return 0
}

# admin SIDE DIR WORDS...: the command line of a running control server.
admin() {
	case $1 in
	ours) program=$OURS ;;
	*) program=$HEADSCALE ;;
	esac
	config=$2/config.yaml
	shift 2
	"$program" -c "$config" "$@"
}

# preauth_key SIDE DIR OPTIONS...
preauth_key() {
	admin "$1" "$2" preauthkeys create --user 1 --reusable --expiration 24h "${@:3}" --output json \
		2>>"$2/log" | sed -n 's/.*"key": *"\([^"]*\)".*/\1/p' | head -n 1
}

# auth_key SIDE DIR: a reusable key of a new user.
auth_key() {
	admin "$1" "$2" users create bench >/dev/null 2>&1
	preauth_key "$@"
}

# tagged_key SIDE DIR: one whose nodes have a tag, and thus no user.
tagged_key() { preauth_key "$@" --tags tag:server; }

# api_key SIDE DIR: a key of the HTTP API.
api_key() { admin "$1" "$2" apikeys create 2>>"$2/log" | tail -n 1; }
